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

/* ---- factorisations ---- */

/* The lower triangular y [b...,n,n] with y y' = (a + a') / 2, positive on its diagonal, zeros above it: the Cholesky
 * factor of a symmetric matrix. As the symmetric part is taken, derivatives in a are symmetric. A matrix that is not
 * positive definite is a ValueError, one with NaN too. */
#define ebb_cholesky(a) ebb_cholesky_at((a), __FILE__, __LINE__)

#ifdef __cplusplus
}
#endif

#endif
