/* ebb_sparse.h - section 9 of the tutorial in ebb.h, continued: Jacobians and Hessians of which only the entries that
 * may differ from zero are computed. */
#ifndef EBB_SPARSE_H
#define EBB_SPARSE_H

#include "ebb.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------- 9 a. Sparse derivatives of functions ----
 *
 *     ebb_function *h = ebb_sparse_hessian(chain, NULL);            // chain: sum of (x[i+1] - x[i]^2)^2, x [4]
 *     const ebb_sparsity *s = ebb_sparsity_of(h, x);                // known before anything is computed
 *     ebb_tensor *entries = ebb_call(h, x);                         // [s->entries], here 10: three diagonals
 *     for (int64_t k = s->start[1]; k < s->start[2]; k++)           // row 1
 *         printf("%g in column %d\n", ebb_item(entries, k), (int)s->column[k]);
 *
 * Which entries may differ from zero is found in the program: every operation says which elements a result element is
 * computed from, and that is followed from x to the end, in time that hardly depends on the sizes where the pattern is
 * regular. No entry is tried out, and no dense matrix is made. An index that is a number of the program or a captured
 * tensor is followed; one that is computed from arguments or variables may be any. Columns that share no row are
 * computed together, all groups in one program; the entries are differentiable as f is. Rows and columns are counted
 * over all elements, row-major, one parameter (or result) after the other in the order of wrt. */

/* A pattern, and how it is computed. */
typedef struct ebb_sparsity {
    int64_t rows, columns, entries;
    /* [rows + 1]: row r is entries start[r] to start[r + 1] - 1. */
    const int64_t *start;
    /* [entries]: their columns, rising in each row. */
    const int64_t *column;
    /* How many forward products (of one colour of columns each) and reverse ones (of rows). */
    int forward, reverse;
    /* [columns], [rows]: the product that computes it; -1: none. */
    const int *column_colour, *row_colour;
} ebb_sparsity;

/* The Hessian of f's first result, a real scalar, in all wrt together. One result: the entries [n], row by row, of the
 * pattern that ebb_sparsity_of tells. The pattern is symmetric, and each entry is read from one of the two halves of
 * what is computed (star colouring: Gebremedhin, Tarafdar, Manne and Pothen 2007). All wrt are of one dtype (else
 * TypeError); 2^28 entries at most (else ValueError). */
EBB_API ebb_function *ebb_sparse_hessian(ebb_function *f, const ebb_wrt *wrt);

/* The same with what a Newton step needs. Results: f's first result, its gradient in each wrt, the entries. */
EBB_API ebb_function *ebb_value_and_sparse_hessian(ebb_function *f, const ebb_wrt *wrt);

/* The Jacobian of all real results in all wrt together, which are of one dtype (else TypeError). One result: the
 * entries [n], row by row. Columns together (EBB_FORWARD), rows together (EBB_REVERSE), or, with EBB_CHEAPER, either,
 * and the few longest lines the other way (Curtis, Powell and Reid 1974; a reverse product counts twice). */
EBB_API ebb_function *ebb_sparse_jacobian(ebb_function *f, const ebb_wrt *wrt, ebb_road road);

/* The pattern that such a function has for these arguments, of which only the types count. Traces, compiles and runs
 * nothing. Borrowed, and valid until the function is freed; NULL after an error. A TypeError for any other function. */
#define ebb_sparsity_of(f, ...) ebb_sparsity_of_at((f), EBB_OPERANDS(__VA_ARGS__), __FILE__, __LINE__)

/* The same with an array: in[nin], each made by EBB_OPERAND(x). */
#define ebb_sparsity_of_n(f, nin, in) ebb_sparsity_of_at((f), (nin), (in), __FILE__, __LINE__)

#ifdef __cplusplus
}
#endif

#endif
