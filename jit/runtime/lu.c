/* lu.c - factors of a general matrix, and systems solved with them.
 *
 * a with its columns swapped is l u, where u has a diagonal of ones: that is Gauss's elimination with row pivots of the
 * transpose, which is what LAPACK sees. The n + 1 rows of the result are l and u in one, and below them, as numbers,
 * with which column each one was swapped, in this order. A singular matrix has factors too, with a 0 on l's diagonal:
 * only who solves with them fails. */
#include "jit/runtime/matrix.h"

/* ---- factors ---- */

/* LAPACK's int pivots, counted from 1, lie where the numbers go: an int is no wider, so from the last one on none is
 * overwritten before it is read. */
#define FACTOR(NAME, TYPE, GETRF)                                                                                      \
    static void factor_##NAME(int64_t n, void *to) {                                                                   \
        const int rows = as_int(n);                                                                                    \
        TYPE *y = to, *last = y + n * n;                                                                               \
        int info, pivot;                                                                                               \
        GETRF(&rows, &rows, y, &rows, (int *)(void *)last, &info);                                                     \
        for (int64_t i = n; i-- > 0;) {                                                                                \
            memcpy(&pivot, (char *)last + (size_t)i * sizeof pivot, sizeof pivot);                                     \
            last[i] = (TYPE)(pivot - 1);                                                                               \
        }                                                                                                              \
    }
FACTOR(f32, float, sgetrf_)
FACTOR(f64, double, dgetrf_)

int ebb_rt_lu(const int64_t *desc, const void *const *in, void *out) {
    const bool wide = desc[EBB_MATRIX_DTYPE] == EBB_F64;
    const int64_t n = desc[EBB_MATRIX_ROWS];
    const size_t row = (size_t)n * (wide ? sizeof(double) : sizeof(float)), matrix = (size_t)n * row;
    const char *a = in[0];
    char *y = out;
    for (int64_t k = 0; n && k < desc[EBB_MATRIX_BATCH]; k++, a += matrix, y += matrix + row) {
        memcpy(y, a, matrix);
        (wide ? factor_f64 : factor_f32)(n, y);
    }
    return EBB_OK;
}

/* ---- systems: y starts as the right sides, and becomes the solution in place ---- */

/* With a = l u p: y = p' u^-1 l^-1 r, where p' swaps rows from the last on; transposed, y = l'^-1 u'^-1 p r. */
#define SOLVE(NAME, TYPE, TRSM)                                                                                        \
    static void swap_##NAME(TYPE *y, int64_t m, int64_t i, int64_t j) {                                                \
        for (int64_t k = 0; i != j && k < m; k++) {                                                                    \
            const TYPE t = y[i * m + k];                                                                               \
            y[i * m + k] = y[j * m + k];                                                                               \
            y[j * m + k] = t;                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    static int64_t solve_##NAME(int64_t rows, int64_t columns, bool transposed, const void *factors, void *to) {       \
        const int n = as_int(rows), m = as_int(columns);                                                               \
        const TYPE *f = factors, *pivot = f + rows * rows;                                                             \
        TYPE *y = to;                                                                                                  \
        for (int64_t i = 0; i < rows; i++)                                                                             \
            if (f[i * (rows + 1)] == 0) return i;                                                                      \
        for (int64_t i = 0; transposed && i < rows; i++)                                                               \
            swap_##NAME(y, columns, i, (int64_t)pivot[i]);                                                             \
        for (int step = 0; n > 0 && m > 0 && step < 2; step++) {                                                       \
            const bool lower = (step == 0) != transposed;                                                              \
            TRSM(CblasRowMajor, CblasLeft, lower ? CblasLower : CblasUpper, transposed ? CblasTrans : CblasNoTrans,    \
                 lower ? CblasNonUnit : CblasUnit, n, m, 1, f, n, y, m);                                               \
        }                                                                                                              \
        for (int64_t i = rows; !transposed && i-- > 0;)                                                                \
            swap_##NAME(y, columns, i, (int64_t)pivot[i]);                                                             \
        return rows;                                                                                                   \
    }
SOLVE(f32, float, cblas_strsm)
SOLVE(f64, double, cblas_dtrsm)

int ebb_rt_lu_solve(const int64_t *desc, const void *const *in, void *out) {
    const bool wide = desc[EBB_MATRIX_DTYPE] == EBB_F64, transposed = desc[EBB_MATRIX_TRANSPOSED] != 0;
    const int64_t n = desc[EBB_MATRIX_ROWS], m = desc[EBB_MATRIX_RIGHT], batch = desc[EBB_MATRIX_BATCH];
    const size_t size = wide ? sizeof(double) : sizeof(float);
    const char *factors = in[1];
    char *y = out;
    if (n > 0 && m > 0) memcpy(out, in[2], (size_t)(batch * n * m) * size);
    for (int64_t k = 0; k < batch; k++, factors += (size_t)((n + 1) * n) * size, y += (size_t)(n * m) * size) {
        const int64_t zero = (wide ? solve_f64 : solve_f32)(n, m, transposed, factors, y);
        if (zero < n) return matrix_fault(EBB_OP_lu_solve, EBB_RT_SINGULAR, k, zero, n);
    }
    return EBB_OK;
}

/* ---- the determinant: the product of l's diagonal, with the sign of the swaps ---- */

/* Kept as a number in [1/2, 1) and a power of two, so that no product on the way overflows. */
#define DETERMINANT(NAME, TYPE)                                                                                        \
    static double determinant_##NAME(ebb_op op, int64_t n, const void *factors) {                                      \
        const TYPE *f = factors, *pivot = f + n * n;                                                                   \
        double product = 1, logarithm = 0;                                                                             \
        int64_t exponent = 0;                                                                                          \
        for (int64_t i = 0; i < n; i++) {                                                                              \
            const double d = (double)f[i * (n + 1)];                                                                   \
            int power = 0;                                                                                             \
            product = frexp(product * ((int64_t)pivot[i] == i ? d : -d), &power);                                      \
            exponent += power;                                                                                         \
            logarithm += log(fabs(d));                                                                                 \
        }                                                                                                              \
        if (op == EBB_OP_lu_logdet) return logarithm;                                                                  \
        if (op == EBB_OP_lu_sign) return product > 0 ? 1 : product < 0 ? -1 : product;                                 \
        return scaled_by_power(product, exponent);                                                                     \
    }
DETERMINANT(f32, float)
DETERMINANT(f64, double)

static int determinants(ebb_op op, const int64_t *desc, const void *factors, void *out) {
    const int64_t n = desc[EBB_MATRIX_ROWS];
    for (int64_t k = 0; k < desc[EBB_MATRIX_BATCH]; k++)
        if (desc[EBB_MATRIX_DTYPE] == EBB_F64)
            ((double *)out)[k] = determinant_f64(op, n, (const double *)factors + k * n * (n + 1));
        else
            ((float *)out)[k] = (float)determinant_f32(op, n, (const float *)factors + k * n * (n + 1));
    return EBB_OK;
}

int ebb_rt_lu_det(const int64_t *desc, const void *const *in, void *out) {
    return determinants(EBB_OP_lu_det, desc, in[1], out);
}
int ebb_rt_lu_logdet(const int64_t *desc, const void *const *in, void *out) {
    return determinants(EBB_OP_lu_logdet, desc, in[1], out);
}
int ebb_rt_lu_sign(const int64_t *desc, const void *const *in, void *out) {
    return determinants(EBB_OP_lu_sign, desc, in[1], out);
}
