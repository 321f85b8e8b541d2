/* ebb_matrices.h - section 6 of the tutorial in ebb.h, continued: linear algebra.
 *
 * A matrix is the last two axes of a tensor, of f32 or f64; all axes before them are a batch of matrices, computed one
 * after another. All of it has derivatives of every order, forward and in reverse, through the equation that the result
 * satisfies: the derivatives of a solution are solutions with the same factors. LAPACK and BLAS, from the serial
 * OpenBLAS, do the work, the same routines eagerly and natively.
 *
 * What has no answer is a ValueError that says which matrix of the batch it was and why: a singular matrix (a pivot is
 * exactly 0) has no solution, one that is not positive definite no Cholesky factor. A matrix that is nearly singular
 * has an inexact answer.
 *
 *     ebb_tensor *factor = ebb_cholesky(a);                                            // a = factor factor'
 *     ebb_tensor *half = ebb_triangular_solve(factor, r, NULL);                        // factor half = r
 *     ebb_tensor *y = ebb_triangular_solve(factor, half, &(ebb_triangle){.transposed = true});    // a y = r */
#ifndef EBB_MATRICES_H
#define EBB_MATRICES_H

#include "ebb.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- systems of equations ---- */

/* The y with a y = r: a [b...,n,n], r [b...,n,m] -> [b...,n,m], or a vector r [n] -> [b...,n]; batch axes broadcast. By
 * Gauss's elimination, whose factors are computed once for all that asks for them, derivatives too. A singular a is a
 * ValueError; NaN stays NaN. Differentiable in a and r. */
#define ebb_solve(a, r) ebb_solve_at((a), (r), false, __FILE__, __LINE__)
/* The same with the transpose of a, if transpose_a; the factors serve both. */
#define ebb_solve_with(a, r, transpose_a) ebb_solve_at((a), (r), (transpose_a), __FILE__, __LINE__)

/* Which triangle a matrix is. NULL, as {0}: the lower one. */
typedef struct ebb_triangle {
    bool transposed; /* solve with its transpose */
    bool upper;      /* the elements on and above the diagonal count, else those on and below it */
    bool unit;       /* the diagonal counts as ones, whatever it holds */
} ebb_triangle;

/* The y with a y = r for a triangular a, shapes as ebb_solve; nothing else of a is looked at, and its derivative is 0
 * there. A 0 on the diagonal is a ValueError. */
#define ebb_triangular_solve(a, r, triangle) ebb_triangular_solve_at((a), (r), (triangle), __FILE__, __LINE__)

/* The y with a y = 1, a [b...,n,n] -> [b...,n,n]. Where it is to be multiplied with something, ebb_solve is faster and
 * more exact. A singular matrix is a ValueError. */
#define ebb_inv(a) ebb_inv_at((a), __FILE__, __LINE__)

/* ---- determinants ---- */

/* The determinant, a [b...,n,n] -> [b...]; of an empty matrix 1. Its gradient, the matrix of cofactors, is right also
 * where the determinant is 0: (4, -2, -2, 1) for [[1, 2], [2, 4]]. Second derivatives are solutions with a: at a
 * singular matrix they are a ValueError. */
#define ebb_det(a) ebb_det_at((a), __FILE__, __LINE__)

/* log |det a|, which does not overflow, a [b...,n,n] -> [b...]; the sign of the determinant, -1, 0 or 1 [b...], is
 * stored in *sign, unless that is NULL. -inf and 0 for a singular matrix, whose gradient is a ValueError. The sign has
 * no derivative. */
#define ebb_slogdet(a, sign) ebb_slogdet_at((a), (sign), __FILE__, __LINE__)

/* ---- factorisations ---- */

/* The lower triangular y [b...,n,n] with y y' = (a + a') / 2, positive on its diagonal, zeros above it: the Cholesky
 * factor of a symmetric matrix. As the symmetric part is taken, derivatives in a are symmetric. A matrix that is not
 * positive definite is a ValueError, one with NaN too. */
#define ebb_cholesky(a) ebb_cholesky_at((a), __FILE__, __LINE__)

/* a = q r, a [b...,m,n] -> q [b...,m,k] with orthonormal columns, k the smaller of m and n; r [b...,k,n], zeros below
 * its diagonal, is stored in *r, unless that is NULL. The signs are LAPACK's: r's diagonal may be negative. Derivatives
 * need independent columns, of a wide matrix the first m; else they are a ValueError. */
#define ebb_qr(a, r) ebb_qr_at((a), (r), __FILE__, __LINE__)

/* The eigenvalues of (a + a') / 2, rising, a [b...,n,n] -> [b...,n]; the eigenvectors [b...,n,n], orthonormal columns
 * in their order, are stored in *vectors, unless that is NULL. As the symmetric part is taken, derivatives in a are
 * symmetric. Eigenvalues that are equal have a gradient, that of the vectors found; how vectors turn within what
 * belongs to equal eigenvalues is not determined, and their derivative there is 0, chosen: then second derivatives of
 * values are without that part. The first element of a vector that is at least half as large as its largest one is
 * positive. NaN or an infinity in a is a ValueError. */
#define ebb_eigh(a, vectors) ebb_eigh_at((a), (vectors), __FILE__, __LINE__)

/* The singular values, falling, a [b...,m,n] -> [b...,k], k the smaller of m and n; with u [b...,m,k], orthonormal
 * columns, and v [b...,k,n], orthonormal rows, a = u diag(values) v; each is stored unless its pointer is NULL. Equal
 * values and signs as for ebb_eigh; where a value is 0, derivatives of u (or v of a wide matrix) are infinite if the
 * matrix is not square. NaN or an infinity in a is a ValueError. */
#define ebb_svd(a, u, v) ebb_svd_at((a), (u), (v), __FILE__, __LINE__)

#ifdef __cplusplus
}
#endif

#endif
