/* triangular.c - systems with a triangular matrix, and Cholesky's factor. */
#include "jit/runtime/matrix.h"

/* ---- solving: y starts as the right sides, and becomes the solution in place ---- */

#define SOLVE(NAME, TYPE, TRSM)                                                                                        \
    static void solve_##NAME(const int64_t *desc, const void *a, void *y) {                                            \
        const int n = as_int(desc[EBB_MATRIX_ROWS]), m = as_int(desc[EBB_MATRIX_RIGHT]);                               \
        TRSM(CblasRowMajor, CblasLeft, desc[EBB_MATRIX_UPPER] ? CblasUpper : CblasLower,                               \
             desc[EBB_MATRIX_TRANSPOSED] ? CblasTrans : CblasNoTrans,                                                  \
             desc[EBB_MATRIX_UNIT] ? CblasUnit : CblasNonUnit, n, m, 1, a, n, y, m);                                   \
    }
SOLVE(f32, float, cblas_strsm)
SOLVE(f64, double, cblas_dtrsm)

/* The first 0 on the diagonal; n: there is none. */
#define FIND_ZERO(NAME, TYPE)                                                                                          \
    static int64_t find_zero_##NAME(const void *a, int64_t n) {                                                        \
        int64_t i = 0;                                                                                                 \
        while (i < n && ((const TYPE *)a)[i * (n + 1)] != 0)                                                           \
            i++;                                                                                                       \
        return i;                                                                                                      \
    }
FIND_ZERO(f32, float)
FIND_ZERO(f64, double)

int ebb_rt_triangular_solve(const int64_t *desc, const void *const *in, void *out) {
    const bool wide = desc[EBB_MATRIX_DTYPE] == EBB_F64;
    const int64_t n = desc[EBB_MATRIX_ROWS], batch = desc[EBB_MATRIX_BATCH];
    const size_t size = wide ? sizeof(double) : sizeof(float);
    const size_t matrix = (size_t)(n * n) * size, right = (size_t)(n * desc[EBB_MATRIX_RIGHT]) * size;
    const char *a = in[0];
    char *y = out;
    if (right) memcpy(out, in[1], (size_t)batch * right);
    for (int64_t k = 0; k < batch; k++, a += matrix, y += right) {
        const int64_t zero = desc[EBB_MATRIX_UNIT] ? n : (wide ? find_zero_f64 : find_zero_f32)(a, n);
        if (zero < n) return matrix_fault(EBB_OP_triangular_solve, EBB_RT_SINGULAR, k, zero, n);
        if (right) (wide ? solve_f64 : solve_f32)(desc, a, y);
    }
    return EBB_OK;
}

/* ---- Cholesky: y is the lower triangle of the symmetric part of a, and becomes its factor in place ---- */

/* The number of the first pivot that is not positive; n: none. NaN is not. */
#define CHOLESKY(NAME, TYPE, POTRF)                                                                                    \
    static int64_t cholesky_##NAME(int64_t n, const void *from, void *to) {                                            \
        const TYPE *a = from;                                                                                          \
        TYPE *y = to;                                                                                                  \
        const int rows = as_int(n);                                                                                    \
        int info = 0;                                                                                                  \
        for (int64_t i = 0; i < n; i++)                                                                                \
            for (int64_t j = 0; j < n; j++)                                                                            \
                y[i * n + j] = i == j ? a[i * n + i] : i < j ? 0 : a[i * n + j] / 2 + a[j * n + i] / 2;                \
        POTRF("U", &rows, y, &rows, &info, 1);                                                                         \
        for (int64_t i = 0; info == 0 && i < n; i++)                                                                   \
            if (!(y[i * (n + 1)] > 0)) info = (int)i + 1;                                                              \
        return info ? info - 1 : n;                                                                                    \
    }
CHOLESKY(f32, float, spotrf_)
CHOLESKY(f64, double, dpotrf_)

int ebb_rt_cholesky(const int64_t *desc, const void *const *in, void *out) {
    const bool wide = desc[EBB_MATRIX_DTYPE] == EBB_F64;
    const int64_t n = desc[EBB_MATRIX_ROWS];
    const size_t matrix = (size_t)(n * n) * (wide ? sizeof(double) : sizeof(float));
    const char *a = in[0];
    char *y = out;
    for (int64_t k = 0; n && k < desc[EBB_MATRIX_BATCH]; k++, a += matrix, y += matrix) {
        const int64_t bad = (wide ? cholesky_f64 : cholesky_f32)(n, a, y);
        if (bad < n) return matrix_fault(EBB_OP_cholesky, EBB_RT_NOT_POSITIVE, k, bad, n);
    }
    return EBB_OK;
}
