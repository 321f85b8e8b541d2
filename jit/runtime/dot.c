/* dot.c - products of matrices: the serial OpenBLAS for floating point, plain loops for integers.
 *
 * Long products with a small factor, as layers have with many examples, go in pieces (ebb_dot_piece): OpenBLAS has
 * kernels for small ones, for AVX-512, that read the factors where they lie. Others it packs first, which costs a fifth
 * of the time here, and more where the factor is smaller.
 *
 * Invariant: the result is written whole, whatever stood there before; a sum over k = 0 products is 0. */
#include "jit/runtime/runtime.h"

#include <cblas.h>
#include <limits.h>
#include <string.h>

/* One product: y [m,n] = x [m,k] times w [k,n], each operand stored as it is or transposed. */
typedef struct product {
    int64_t m, n, k;
    bool tx, tw;
    bool adds; /* to what y holds; by BLAS only */
} product;

/* Row i of y is the sum over k of x[i,k] times row k of w. Integers are unsigned here, so that they wrap. */
#define LOOPS(NAME, TYPE)                                                                                              \
    static void loops_##NAME(const product *p, const TYPE *x, const TYPE *w, TYPE *y) {                                \
        const int64_t xi = p->tx ? 1 : p->k, xk = p->tx ? p->m : 1, wk = p->tw ? 1 : p->n, wj = p->tw ? p->k : 1;      \
        for (int64_t i = 0; i < p->m; i++, y += p->n) {                                                                \
            for (int64_t j = 0; j < p->n; j++)                                                                         \
                y[j] = 0;                                                                                              \
            for (int64_t k = 0; k < p->k; k++) {                                                                       \
                const TYPE factor = x[i * xi + k * xk], *row = w + k * wk;                                             \
                for (int64_t j = 0; j < p->n; j++)                                                                     \
                    y[j] += factor * row[j * wj];                                                                      \
            }                                                                                                          \
        }                                                                                                              \
    }
LOOPS(i32, uint32_t)
LOOPS(i64, uint64_t)
LOOPS(f32, float)
LOOPS(f64, double)

/* A vector lies in memory the same way transposed or not: BLAS is told the layout that was measured to be fastest. */
static product layout(product p) {
    if (p.m == 1 || p.k == 1) p.tx = false;
    if (p.n == 1 || p.k == 1) p.tw = p.k != 1;
    return p;
}

/* A matrix times a vector is memory read once: packing it, as a product of matrices does, would cost as much again. */
#define BLAS(NAME, TYPE, GEMM, GEMV)                                                                                   \
    static void blas_vector_##NAME(bool t, int m, int k, const TYPE *x, const TYPE *w, TYPE *y) {                      \
        GEMV(CblasRowMajor, t ? CblasTrans : CblasNoTrans, t ? k : m, t ? m : k, 1, x, t ? m : k, w, 1, 0, y, 1);      \
    }                                                                                                                  \
    static void blas_##NAME(const product *p, const TYPE *x, const TYPE *w, TYPE *y) {                                 \
        const int m = (int)p->m, n = (int)p->n, k = (int)p->k;                                                         \
        if (n == 1 && m > 1 && k > 1) return blas_vector_##NAME(p->tx, m, k, x, w, y);                                 \
        if (m == 1 && n > 1 && k > 1) return blas_vector_##NAME(!p->tw, n, k, w, x, y);                                \
        GEMM(CblasRowMajor, p->tx ? CblasTrans : CblasNoTrans, p->tw ? CblasTrans : CblasNoTrans, m, n, k, 1, x,       \
             p->tx ? m : k, w, p->tw ? k : n, p->adds, y, n);                                                          \
    }
BLAS(f32, float, cblas_sgemm, cblas_sgemv)
BLAS(f64, double, cblas_dgemm, cblas_dgemv)

/* BLAS counts in int; what is larger is left to the loops. */
static void multiply(ebb_dtype dtype, const product *p, const void *x, const void *w, void *y) {
    const bool blas = p->m <= INT_MAX && p->n <= INT_MAX && p->k <= INT_MAX;
    if (dtype == EBB_F32) {
        (blas ? blas_f32 : loops_f32)(p, x, w, y);
    } else if (dtype == EBB_F64) {
        (blas ? blas_f64 : loops_f64)(p, x, w, y);
    } else if (dtype == EBB_I32) {
        loops_i32(p, x, w, y);
    } else {
        loops_i64(p, x, w, y);
    }
}

/* ---- in pieces ---- */

/* to [rows, columns] of its transpose. */
#define TRANSPOSE(NAME, TYPE)                                                                                          \
    static void transpose_##NAME(int64_t rows, int64_t columns, const TYPE *from, TYPE *to) {                          \
        for (int64_t i = 0; i < rows; i++)                                                                             \
            for (int64_t j = 0; j < columns; j++)                                                                      \
                to[i * columns + j] = from[j * rows + i];                                                              \
    }
TRANSPOSE(f32, float)
TRANSPOSE(f64, double)

static void transpose(ebb_dtype dtype, int64_t rows, int64_t columns, const void *from, void *to) {
    if (dtype == EBB_F32)
        transpose_f32(rows, columns, from, to);
    else
        transpose_f64(rows, columns, from, to);
}

/* Pieces of x and y, or of x and w, whose products add up. */
static void multiply_pieces(ebb_dtype dtype, product p, int64_t rows, const unsigned char *x, const unsigned char *w,
                            unsigned char *y) {
    const size_t size = ebb_dtype_size(dtype), x_row = (size_t)(p.tx ? p.m : p.k) * size, row = (size_t)p.n * size;
    int64_t *along = p.tx ? &p.k : &p.m;
    for (int64_t left = *along; left > 0; left -= rows) {
        *along = left < rows ? left : rows;
        multiply(dtype, &p, x, w, y);
        p.adds = p.tx;
        x += (size_t)*along * x_row;
        if (p.tx)
            w += (size_t)*along * row;
        else
            y += (size_t)*along * row;
    }
}

/* The small kernels are slow where w is transposed, so it is turned before. */
static void multiply_long(ebb_dtype dtype, product p, int64_t rows, const void *x, const void *w, void *y,
                          void *scratch) {
    if (p.tw) transpose(dtype, p.k, p.n, w, scratch);
    const void *straight = p.tw ? scratch : w;
    p.tw = false;
    multiply_pieces(dtype, p, rows, x, straight, y);
}

int ebb_rt_dot(const int64_t *desc, const void *const *in, void *out) {
    const product p = layout((product){desc[EBB_DOT_M], desc[EBB_DOT_N], desc[EBB_DOT_K], desc[EBB_DOT_TX] != 0,
                                       desc[EBB_DOT_TY] != 0, false});
    const ebb_dtype dtype = (ebb_dtype)desc[EBB_DOT_DTYPE];
    const size_t size = ebb_dtype_size(dtype), y_bytes = (size_t)(p.m * p.n) * size;
    const int64_t rows = __builtin_cpu_supports("avx512f") ? ebb_dot_piece(desc) : 0;
    const unsigned char *x = in[0], *w = in[1];
    unsigned char *y = out;
    if (y_bytes == 0 || desc[EBB_DOT_BATCH] == 0) return EBB_OK;
    if (p.k == 0) {
        memset(out, 0, (size_t)desc[EBB_DOT_BATCH] * y_bytes);
        return EBB_OK;
    }
    for (int64_t b = 0; b < desc[EBB_DOT_BATCH]; b++) {
        if (rows)
            multiply_long(dtype, p, rows, x, w, y, p.tw ? (void *)in[EBB_SCRATCH] : NULL);
        else
            multiply(dtype, &p, x, w, y);
        x += (size_t)(p.m * p.k) * size;
        w += (size_t)(p.k * p.n) * size;
        y += y_bytes;
    }
    return EBB_OK;
}
