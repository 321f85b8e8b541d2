/* routine.h - operations that are computed as a whole by a routine of jit/runtime, and the numbers that describe one.
 *
 * plan and eval ask ebb_describe for the numbers of an operation with concrete shapes; runtime reads them. One layout
 * per operation, so both engines run the same routine on the same description. Operands and result are contiguous. */
#ifndef EBB_ROUTINE_H
#define EBB_ROUTINE_H

#include "jit/graph/types.h"

#define EBB_DESCRIBE_MAX 40
enum { EBB_SCRATCH = 3, EBB_ROUTINE_POINTERS }; /* a routine's pointers: operands, and behind three of them scratch */

/* dot: product of [batch, m, k] and [batch, k, n]; tx: x is stored [batch, k, m]; ty: y is stored [batch, n, k] */
enum { EBB_DOT_DTYPE, EBB_DOT_BATCH, EBB_DOT_M, EBB_DOT_N, EBB_DOT_K, EBB_DOT_TX, EBB_DOT_TY, EBB_DOT_COUNT };
/* A long product may go in pieces of so many rows of x and the result, or with tx, of both factors; 0: it may not.
 * Scratch, with ty: y [k, n]. */
int64_t ebb_dot_piece(const int64_t *desc);
/* gather, scatter_add, scatter_max: x is [outer, size, inner], the index has `count` elements, updates are [outer,
 * count, inner]. check_index: an index of `count` elements for that size; dtype, outer and inner say nothing */
enum {
    EBB_GATHER_DTYPE,
    EBB_GATHER_INDEX_DTYPE,
    EBB_GATHER_OUTER,
    EBB_GATHER_SIZE,
    EBB_GATHER_INNER,
    EBB_GATHER_COUNT_,
    EBB_GATHER_COUNT
};
/* argmax: x is [outer, size, inner], the result i64 [outer, inner]; argsort: the result i64 [outer, size, inner];
 * cumsum: that of x's dtype */
enum { EBB_ARGMAX_DTYPE, EBB_ARGMAX_OUTER, EBB_ARGMAX_SIZE, EBB_ARGMAX_INNER, EBB_ARGMAX_COUNT };
/* searchsorted: x is [batch, size], the values and the result are [batch, count] */
enum { EBB_SEARCH_DTYPE, EBB_SEARCH_BATCH, EBB_SEARCH_SIZE, EBB_SEARCH_COUNT_, EBB_SEARCH_RIGHT, EBB_SEARCH_COUNT };
/* random: count elements of dtype */
enum { EBB_RANDOM_DTYPE, EBB_RANDOM_SIZE, EBB_RANDOM_COUNT };
/* concat: rows of `left` elements, then of `right` ones, `outer` times */
enum { EBB_CONCAT_DTYPE, EBB_CONCAT_OUTER, EBB_CONCAT_LEFT, EBB_CONCAT_RIGHT, EBB_CONCAT_COUNT };
/* overlap_add: x is [outer, count, window, inner], the result [outer, size, inner] */
enum {
    EBB_OVERLAP_DTYPE,
    EBB_OVERLAP_OUTER,
    EBB_OVERLAP_COUNT_,
    EBB_OVERLAP_WINDOW,
    EBB_OVERLAP_INNER,
    EBB_OVERLAP_SIZE,
    EBB_OVERLAP_STRIDE,
    EBB_OVERLAP_DILATION,
    EBB_OVERLAP_COUNT
};
/* Linear algebra: a batch of matrices [rows, columns], and of right sides with so many columns. */
enum {
    EBB_MATRIX_DTYPE,
    EBB_MATRIX_BATCH,
    EBB_MATRIX_ROWS,
    EBB_MATRIX_COLUMNS,
    EBB_MATRIX_RIGHT,
    EBB_MATRIX_TRANSPOSED,
    EBB_MATRIX_UPPER,
    EBB_MATRIX_UNIT,
    EBB_MATRIX_COUNT
};
/* pad: dtype, rank, then rank numbers each of: operand size, result size, low, gap */
enum { EBB_PAD_DTYPE, EBB_PAD_RANK, EBB_PAD_SIZES };

/* Writes the description of a WHOLE operation with concrete types; returns how many numbers, 0 if op is not WHOLE. */
int ebb_describe(const ebb_application *app, int narg, const ebb_type *arg, const ebb_type *result,
                 int64_t desc[EBB_DESCRIBE_MAX]);

/* How many bytes of scratch memory the routine wants that is described so. */
int64_t ebb_scratch(ebb_op op, const int64_t *desc);
/* That of linear algebra: so many int64, and behind them so many numbers of the matrix's dtype. */
int64_t ebb_scratch_ints(ebb_op op, int64_t n);
int64_t ebb_scratch_reals(ebb_op op, int64_t m, int64_t n);

#endif
