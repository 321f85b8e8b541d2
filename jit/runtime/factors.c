/* factors.c - orthogonal factorisations, by LAPACK: qr, eigenvalues of symmetric matrices, singular values.
 *
 * What LAPACK sees of a is a', so its l q of a' is our q r of a, and its u s v' of a' our v s u'. Each factor is
 * computed where it belongs in the result. Iterations are not begun on numbers that are not finite. */
#include "jit/runtime/matrix.h"

enum { BLOCK = 32 }; /* as in ebb_scratch */

/* The first element that is NaN or infinite; -1: none. */
#define FIND_BAD(NAME, TYPE)                                                                                           \
    static int64_t find_bad_##NAME(const void *a, int64_t n) {                                                         \
        for (int64_t i = 0; i < n; i++)                                                                                \
            if (!isfinite(((const TYPE *)a)[i])) return i;                                                             \
        return -1;                                                                                                     \
    }
FIND_BAD(f32, float)
FIND_BAD(f64, double)

/* Of the two signs that a vector may have: the first element that is at least half as large as the largest is positive.
 */
#define SIGNS(NAME, TYPE)                                                                                              \
    static bool is_upside_down_##NAME(const TYPE *x, int64_t n) {                                                      \
        TYPE most = 0;                                                                                                 \
        int64_t i = 0;                                                                                                 \
        for (int64_t k = 0; k < n; k++)                                                                                \
            most = x[k] > most ? x[k] : -x[k] > most ? -x[k] : most;                                                   \
        while (i < n && x[i] < most / 2 && -x[i] < most / 2)                                                           \
            i++;                                                                                                       \
        return i < n && x[i] < 0;                                                                                      \
    }                                                                                                                  \
    static void turn_##NAME(TYPE *x, int64_t n, int64_t step) {                                                        \
        for (int64_t k = 0; k < n; k++)                                                                                \
            x[k * step] = -x[k * step];                                                                                \
    }
SIGNS(f32, float)
SIGNS(f64, double)

/* ---- q r: q is computed over a, below it lies r, whose diagonal is made positive ---- */

#define QR(NAME, TYPE, GELQF, ORGLQ)                                                                                   \
    static int qr_##NAME(int64_t height, int64_t width, void *to, void *scratch) {                                     \
        const int m = as_int(height), n = as_int(width), room = BLOCK * n;                                             \
        TYPE *q = to, *r = q + height * width, *tau = scratch, *work = tau + width;                                    \
        int info;                                                                                                      \
        GELQF(&n, &m, q, &n, tau, work, &room, &info);                                                                 \
        for (int64_t i = 0; i < width; i++)                                                                            \
            for (int64_t j = 0; j < width; j++)                                                                        \
                r[i * width + j] = i <= j ? q[i * width + j] : 0;                                                      \
        ORGLQ(&n, &m, &n, q, &n, tau, work, &room, &info);                                                             \
        for (int64_t i = 0; i < width; i++)                                                                            \
            if (r[i * (width + 1)] < 0)                                                                                \
                turn_##NAME(r + i * (width + 1), width - i, 1), turn_##NAME(q + i, height, width);                     \
        return info;                                                                                                   \
    }
QR(f32, float, sgelqf_, sorglq_)
QR(f64, double, dgelqf_, dorglq_)

/* ---- eigenvalues: a row of them, below it the symmetric part of a becomes the vectors ---- */

#define EIGH(NAME, TYPE, SYTRD, ORGTR, STEDC)                                                                          \
    static void take_symmetric_##NAME(const TYPE *a, int64_t n, TYPE *z) {                                             \
        for (int64_t i = 0; i < n; i++)                                                                                \
            for (int64_t j = 0; j < n; j++)                                                                            \
                z[i * n + j] = i == j ? a[i * n + i] : a[i * n + j] / 2 + a[j * n + i] / 2;                            \
    }                                                                                                                  \
    static void transpose_##NAME(TYPE *z, int64_t n) {                                                                 \
        for (int64_t i = 0; i < n; i++)                                                                                \
            for (int64_t j = 0; j < i; j++) {                                                                          \
                const TYPE t = z[i * n + j];                                                                           \
                z[i * n + j] = z[j * n + i];                                                                           \
                z[j * n + i] = t;                                                                                      \
            }                                                                                                          \
    }                                                                                                                  \
    static int eigh_##NAME(const void *a, int64_t size, void *to, int64_t *ints, int64_t reals, int64_t int_room) {    \
        const int n = as_int(size), room = as_int(reals - 2 * size), iroom = as_int(int_room);                         \
        TYPE *value = to, *z = value + size, *off = (TYPE *)(void *)(ints + int_room), *tau = off + size;              \
        TYPE *work = tau + size;                                                                                       \
        int info;                                                                                                      \
        take_symmetric_##NAME(a, size, z);                                                                             \
        SYTRD("L", &n, z, &n, value, off, tau, work, &room, &info, 1);                                                 \
        ORGTR("L", &n, z, &n, tau, work, &room, &info, 1);                                                             \
        STEDC("V", &n, value, off, z, &n, work, &room, (int *)(void *)ints, &iroom, &info, 1);                         \
        for (int64_t i = 0; i < size; i++)                                                                             \
            if (is_upside_down_##NAME(z + i * size, size)) turn_##NAME(z + i * size, size, 1);                         \
        transpose_##NAME(z, size);                                                                                     \
        return info;                                                                                                   \
    }
EIGH(f32, float, ssytrd_, sorgtr_, sstedc_)
EIGH(f64, double, dsytrd_, dorgtr_, dstedc_)

/* ---- singular values: u is computed over a, below it a row of them, then v' ---- */

/* a' = q b p' with b of two diagonals, whose own u s v' is multiplied to q and p' as it is found. */
#define SVD(NAME, TYPE, GEBRD, ORGBR, BDSQR)                                                                           \
    static int svd_##NAME(int64_t height, int64_t width, void *to, void *scratch) {                                    \
        const int m = as_int(height), n = as_int(width), room = as_int(BLOCK * (height + width)), none = 0, one = 1;   \
        TYPE *u = to, *value = u + height * width, *v = value + width, other = 0;                                      \
        TYPE *off = scratch, *tau_q = off + width, *tau_p = tau_q + width, *work = tau_p + width;                      \
        int info;                                                                                                      \
        GEBRD(&n, &m, u, &n, value, off, tau_q, tau_p, work, &room, &info);                                            \
        memcpy(v, u, (size_t)(width * width) * sizeof *v);                                                             \
        ORGBR("Q", &n, &n, &m, v, &n, tau_q, work, &room, &info, 1);                                                   \
        ORGBR("P", &n, &m, &n, u, &n, tau_p, work, &room, &info, 1);                                                   \
        BDSQR(m == n ? "U" : "L", &n, &m, &n, &none, value, off, u, &n, v, &n, &other, &one, work, &info, 1);          \
        for (int64_t i = 0; i < width; i++)                                                                            \
            if (is_upside_down_##NAME(v + i * width, width))                                                           \
                turn_##NAME(v + i * width, width, 1), turn_##NAME(u + i, height, width);                               \
        return info;                                                                                                   \
    }
SVD(f32, float, sgebrd_, sorgbr_, sbdsqr_)
SVD(f64, double, dgebrd_, dorgbr_, dbdsqr_)

/* ---- one matrix after another ---- */

int ebb_rt_qr(const int64_t *desc, const void *const *in, void *out) {
    const bool wide = desc[EBB_MATRIX_DTYPE] == EBB_F64;
    const int64_t m = desc[EBB_MATRIX_ROWS], n = desc[EBB_MATRIX_COLUMNS];
    const size_t row = (size_t)n * (wide ? sizeof(double) : sizeof(float));
    const char *a = in[0];
    char *y = out;
    for (int64_t k = 0; n && k < desc[EBB_MATRIX_BATCH]; k++, a += (size_t)m * row, y += (size_t)(m + n) * row) {
        memcpy(y, a, (size_t)m * row);
        (wide ? qr_f64 : qr_f32)(m, n, y, scratch_of(in));
    }
    return EBB_OK;
}

int ebb_rt_eigh(const int64_t *desc, const void *const *in, void *out) {
    const bool wide = desc[EBB_MATRIX_DTYPE] == EBB_F64;
    const int64_t n = desc[EBB_MATRIX_ROWS], reals = ebb_scratch_reals(EBB_OP_eigh, n, n);
    const size_t row = (size_t)n * (wide ? sizeof(double) : sizeof(float));
    const char *a = in[0];
    char *y = out;
    for (int64_t k = 0; n && k < desc[EBB_MATRIX_BATCH]; k++, a += (size_t)n * row, y += (size_t)(n + 1) * row) {
        const int64_t bad = (wide ? find_bad_f64 : find_bad_f32)(a, n * n);
        if (bad >= 0) return matrix_fault(EBB_OP_eigh, EBB_RT_NOT_FINITE, k, bad, n);
        if ((wide ? eigh_f64 : eigh_f32)(a, n, y, scratch_of(in), reals, ebb_scratch_ints(EBB_OP_eigh, n)))
            return matrix_fault(EBB_OP_eigh, EBB_RT_NO_END, k, 0, n);
    }
    return EBB_OK;
}

int ebb_rt_svd(const int64_t *desc, const void *const *in, void *out) {
    const bool wide = desc[EBB_MATRIX_DTYPE] == EBB_F64;
    const int64_t m = desc[EBB_MATRIX_ROWS], n = desc[EBB_MATRIX_COLUMNS];
    const size_t row = (size_t)n * (wide ? sizeof(double) : sizeof(float));
    const char *a = in[0];
    char *y = out;
    for (int64_t k = 0; n && k < desc[EBB_MATRIX_BATCH]; k++, a += (size_t)m * row, y += (size_t)(m + 1 + n) * row) {
        const int64_t bad = (wide ? find_bad_f64 : find_bad_f32)(a, m * n);
        if (bad >= 0) return matrix_fault(EBB_OP_svd, EBB_RT_NOT_FINITE, k, bad, m);
        memcpy(y, a, (size_t)m * row);
        if ((wide ? svd_f64 : svd_f32)(m, n, y, scratch_of(in)))
            return matrix_fault(EBB_OP_svd, EBB_RT_NO_END, k, 0, m);
    }
    return EBB_OK;
}
