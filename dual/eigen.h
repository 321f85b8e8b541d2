/* eigen.h - eigenvectors of a small symmetric matrix. */
#ifndef EBB_DUAL_EIGEN_H
#define EBB_DUAL_EIGEN_H

#include <stdint.h>

/* Of a [n,n], symmetric, which is used up: rows v[k] of length 1 and numbers s[k] such that a = sum of s[k] v[k] v[k]'.
 * Of a diagonal matrix exactly. By Jacobi rotations (Golub and Van Loan, Matrix Computations, 8.5): n^3 work, for n up
 * to a few hundred. */
void ebb_eigenvectors(int64_t n, double *a, double *v, double *s);

#endif
