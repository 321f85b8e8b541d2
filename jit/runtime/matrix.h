/* matrix.h - what the routines of linear algebra share: a batch of matrices in turn, and LAPACK's names.
 *
 * Matrices are row-major here. LAPACK's are column-major, so to it each of ours is its transpose: what is asked of it
 * says so. It counts in int; nothing here is copied for its sake. */
#ifndef EBB_RUNTIME_MATRIX_H
#define EBB_RUNTIME_MATRIX_H

#include <cblas.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "jit/runtime/runtime.h"

/* The type rules let no size pass that LAPACK could not count. */
static inline int as_int(int64_t n) { return n < INT_MAX ? (int)n : INT_MAX; }

static inline void *scratch_of(const void *const *in) { return (void *)(uintptr_t)in[EBB_SCRATCH]; }

/* x times 2 to the exponent, whatever that is. */
static inline double scaled_by_power(double x, int64_t exponent) {
    return ldexp(x, exponent > 4000 ? 4000 : exponent < -4000 ? -4000 : (int)exponent);
}

/* The fault of matrix number `at`. */
static inline int matrix_fault(ebb_op op, ebb_rt_reason reason, int64_t at, int64_t index, int64_t rows) {
    *ebb_rt_fault() = (ebb_rt_fault_info){.op = op, .reason = reason, .position = at, .index = index, .size = rows};
    return EBB_VALUE_ERROR;
}

/* ---- LAPACK: of a Fortran routine's characters the lengths come last ---- */

#define EBB_LAPACK(T, S)                                                                                               \
    void S##getrf_(const int *m, const int *n, T *a, const int *lda, int *pivot, int *info);                           \
    void S##potrf_(const char *triangle, const int *n, T *a, const int *lda, int *info, size_t);                       \
    void S##gelqf_(const int *m, const int *n, T *a, const int *lda, T *tau, T *work, const int *room, int *info);     \
    void S##orglq_(const int *m, const int *n, const int *k, T *a, const int *lda, const T *tau, T *work,              \
                   const int *room, int *info);                                                                        \
    void S##sytrd_(const char *triangle, const int *n, T *a, const int *lda, T *d, T *e, T *tau, T *work,              \
                   const int *room, int *info, size_t);                                                                \
    void S##orgtr_(const char *triangle, const int *n, T *a, const int *lda, const T *tau, T *work, const int *room,   \
                   int *info, size_t);                                                                                 \
    void S##stedc_(const char *vectors, const int *n, T *d, T *e, T *z, const int *ldz, T *work, const int *room,      \
                   int *ints, const int *int_room, int *info, size_t);                                                 \
    void S##gebrd_(const int *m, const int *n, T *a, const int *lda, T *d, T *e, T *tau_q, T *tau_p, T *work,          \
                   const int *room, int *info);                                                                        \
    void S##orgbr_(const char *which, const int *m, const int *n, const int *k, T *a, const int *lda, const T *tau,    \
                   T *work, const int *room, int *info, size_t);                                                       \
    void S##bdsqr_(const char *triangle, const int *n, const int *vt_columns, const int *u_rows, const int *c_columns, \
                   T *d, T *e, T *vt, const int *ldvt, T *u, const int *ldu, T *c, const int *ldc, T *work, int *info, \
                   size_t);
EBB_LAPACK(float, s)
EBB_LAPACK(double, d)
#undef EBB_LAPACK

#endif
