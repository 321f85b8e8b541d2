/* cofactor.c - the slopes of a determinant: element (i, j) is that of the matrix without row i and column j, with the
 * sign of a chessboard. For a regular matrix that is its determinant times its inverse, transposed; here it is right
 * for a singular one too.
 *
 * Elimination with pivots from the whole rest leaves a = p l u q with permutations p and q, and, if a has rank n - 1, a
 * 0 at the very end of u. Cofactors of a product are the product of the cofactors; those of p and q are they themselves
 * times their sign, those of l are l'^-1, and those of
 *
 *     u = | v w |   are  det v | e      0 | v'^-1, with a last row and column  -(v^-1 w)' and 1,
 *         | 0 e |              | -w'    . |
 *
 * which is nowhere divided by e. If v has a 0 on its diagonal, a has a rank below n - 1, and all cofactors are 0. */
#include "jit/runtime/matrix.h"

/* Scratch: the matrix, then where its rows and columns came from. */
typedef struct work {
    int64_t n, *row, *column;
    bool odd; /* the permutations' sign */
} work;

static void swap_places(work *w, int64_t *place, int64_t i, int64_t j) {
    const int64_t t = place[i];
    place[i] = place[j];
    place[j] = t;
    w->odd ^= i != j;
}

/* The factors in place; permutations to w. */
#define ELIMINATE(NAME, TYPE)                                                                                          \
    static void bring_largest_##NAME(work *w, TYPE *a, int64_t k) {                                                    \
        const int64_t n = w->n;                                                                                        \
        int64_t best_i = k, best_j = k;                                                                                \
        TYPE most = -1;                                                                                                \
        for (int64_t i = k; i < n; i++)                                                                                \
            for (int64_t j = k; j < n; j++)                                                                            \
                if ((a[i * n + j] < 0 ? -a[i * n + j] : a[i * n + j]) > most) {                                        \
                    best_i = i, best_j = j;                                                                            \
                    most = a[i * n + j] < 0 ? -a[i * n + j] : a[i * n + j];                                            \
                }                                                                                                      \
        for (int64_t j = 0; j < n && best_i != k; j++) {                                                               \
            const TYPE t = a[k * n + j];                                                                               \
            a[k * n + j] = a[best_i * n + j];                                                                          \
            a[best_i * n + j] = t;                                                                                     \
        }                                                                                                              \
        for (int64_t i = 0; i < n && best_j != k; i++) {                                                               \
            const TYPE t = a[i * n + k];                                                                               \
            a[i * n + k] = a[i * n + best_j];                                                                          \
            a[i * n + best_j] = t;                                                                                     \
        }                                                                                                              \
        swap_places(w, w->row, k, best_i);                                                                             \
        swap_places(w, w->column, k, best_j);                                                                          \
    }                                                                                                                  \
    static void eliminate_##NAME(work *w, TYPE *a) {                                                                   \
        const int64_t n = w->n;                                                                                        \
        for (int64_t k = 0; k < n; k++) {                                                                              \
            bring_largest_##NAME(w, a, k);                                                                             \
            for (int64_t i = k + 1; i < n && a[k * n + k] != 0; i++) {                                                 \
                const TYPE factor = a[i * n + k] /= a[k * n + k];                                                      \
                for (int64_t j = k + 1; j < n; j++)                                                                    \
                    a[i * n + j] -= factor * a[k * n + j];                                                             \
            }                                                                                                          \
        }                                                                                                              \
    }
ELIMINATE(f32, float)
ELIMINATE(f64, double)

/* y becomes l'^-1 times what the comment above says of u, without det v; then the scratch has y times det v and the
 * sign, and y its elements where they belong. */
#define COFACTOR(NAME, TYPE, TRSM)                                                                                     \
    static void multiply_##NAME(const work *w, const TYPE *a, TYPE *y) {                                               \
        const int64_t n = w->n;                                                                                        \
        const int rows = as_int(n);                                                                                    \
        for (int64_t i = 0; i < n; i++)                                                                                \
            for (int64_t j = 0; j < n; j++)                                                                            \
                y[i * n + j] = i < n - 1 ? (i == j ? a[n * n - 1] : 0) : j < n - 1 ? -a[j * n + n - 1] : 1;            \
        if (n > 1)                                                                                                     \
            TRSM(CblasRowMajor, CblasRight, CblasUpper, CblasTrans, CblasNonUnit, rows, rows - 1, 1, a, rows, y,       \
                 rows);                                                                                                \
        TRSM(CblasRowMajor, CblasLeft, CblasLower, CblasTrans, CblasUnit, rows, rows, 1, a, rows, y, rows);            \
    }                                                                                                                  \
    static void cofactor_##NAME(work *w, TYPE *a, TYPE *y) {                                                           \
        const int64_t n = w->n;                                                                                        \
        double product = w->odd ? -1 : 1;                                                                              \
        int64_t exponent = 0;                                                                                          \
        for (int64_t i = 0; i < n - 1; i++) {                                                                          \
            int power = 0;                                                                                             \
            product = frexp(product * (double)a[i * (n + 1)], &power);                                                 \
            exponent += power;                                                                                         \
        }                                                                                                              \
        if (product == 0) {                                                                                            \
            memset(y, 0, (size_t)(n * n) * sizeof *y);                                                                 \
            return;                                                                                                    \
        }                                                                                                              \
        multiply_##NAME(w, a, y);                                                                                      \
        for (int64_t i = 0; i < n * n; i++)                                                                            \
            a[i] = (TYPE)scaled_by_power((double)y[i] * product, exponent);                                            \
        for (int64_t i = 0; i < n; i++)                                                                                \
            for (int64_t j = 0; j < n; j++)                                                                            \
                y[w->row[i] * n + w->column[j]] = a[i * n + j];                                                        \
    }                                                                                                                  \
    static void cofactors_##NAME(work *w, const void *from, void *scratch, void *to) {                                 \
        memcpy(scratch, from, (size_t)(w->n * w->n) * sizeof(TYPE));                                                   \
        w->odd = false;                                                                                                \
        for (int64_t i = 0; i < w->n; i++)                                                                             \
            w->row[i] = w->column[i] = i;                                                                              \
        eliminate_##NAME(w, scratch);                                                                                  \
        cofactor_##NAME(w, scratch, to);                                                                               \
    }
COFACTOR(f32, float, cblas_strsm)
COFACTOR(f64, double, cblas_dtrsm)

int ebb_rt_cofactor(const int64_t *desc, const void *const *in, void *out) {
    const bool wide = desc[EBB_MATRIX_DTYPE] == EBB_F64;
    const int64_t n = desc[EBB_MATRIX_ROWS];
    const size_t matrix = (size_t)(n * n) * (wide ? sizeof(double) : sizeof(float));
    if (n == 0) return EBB_OK;       /* and there is no scratch memory */
    int64_t *place = scratch_of(in); /* first, as it needs the wider alignment */
    work w = {.n = n, .row = place, .column = place + n};
    const char *a = in[0];
    char *y = out;
    for (int64_t k = 0; k < desc[EBB_MATRIX_BATCH]; k++, a += matrix, y += matrix)
        (wide ? cofactors_f64 : cofactors_f32)(&w, a, place + 2 * n, y);
    return EBB_OK;
}
