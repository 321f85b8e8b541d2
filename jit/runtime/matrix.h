/* matrix.h - what the routines of linear algebra share: a batch of matrices in turn, and LAPACK's names.
 *
 * Matrices are row-major here. LAPACK's are column-major, so to it each of ours is its transpose: what is asked of it
 * says so. It counts in int; nothing here is copied for its sake. */
#ifndef EBB_RUNTIME_MATRIX_H
#define EBB_RUNTIME_MATRIX_H

#include <cblas.h>
#include <limits.h>
#include <string.h>

#include "jit/runtime/runtime.h"

/* The type rules let no size pass that LAPACK could not count. */
static inline int as_int(int64_t n) { return n < INT_MAX ? (int)n : INT_MAX; }

/* The fault of matrix number `at`. */
static inline int matrix_fault(ebb_op op, ebb_rt_reason reason, int64_t at, int64_t index, int64_t rows) {
    *ebb_rt_fault() = (ebb_rt_fault_info){.op = op, .reason = reason, .position = at, .index = index, .size = rows};
    return EBB_VALUE_ERROR;
}

/* ---- LAPACK: of a Fortran routine's characters the lengths come last ---- */

void sgetrf_(const int *m, const int *n, float *a, const int *lda, int *pivot, int *info);
void dgetrf_(const int *m, const int *n, double *a, const int *lda, int *pivot, int *info);
void spotrf_(const char *triangle, const int *n, float *a, const int *lda, int *info, size_t);
void dpotrf_(const char *triangle, const int *n, double *a, const int *lda, int *info, size_t);

#endif
