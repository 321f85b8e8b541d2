/* matrices.h - words of linear algebra, for systems.c and factors.c. Matrices are the last two axes of their nodes. */
#ifndef EBB_DUAL_MATRICES_H
#define EBB_DUAL_MATRICES_H

#include "dual/rules.h"

static inline ebb_id product(ebb_builder *b, ebb_id x, ebb_id y) { return ebb_g_dot(b, x, y, false, false); }

static inline ebb_id transposed(ebb_builder *b, ebb_id x) {
    int64_t perm[EBB_MAX_RANK];
    if (x == EBB_POISON) return x;
    int rank = ebb_shape_of(b->graph, x)->rank;
    for (int i = 0; i < rank; i++)
        perm[i] = i < rank - 2 ? i : 2 * rank - 3 - i;
    return ebb_g_transpose(b, x, perm);
}

static inline ebb_id half(ebb_builder *b, ebb_id x) { return ebb_g_mul(b, x, ebb_g_full_like(b, x, 0.5)); }

static inline ebb_id symmetric_part(ebb_builder *b, ebb_id x) { return half(b, ebb_g_add(b, x, transposed(b, x))); }

/* Where `compare` holds for row and column. */
static inline ebb_id where(ebb_builder *b, ebb_id x, ebb_id (*compare)(ebb_builder *, ebb_id, ebb_id)) {
    const ebb_shape s = *ebb_shape_of(b->graph, x);
    return compare(b, ebb_g_iota(b, EBB_I64, &s, s.rank - 2), ebb_g_iota(b, EBB_I64, &s, s.rank - 1));
}

static inline ebb_id rows_below(ebb_builder *b, ebb_id row, ebb_id column) { return ebb_g_gt(b, row, column); }
static inline ebb_id rows_above(ebb_builder *b, ebb_id row, ebb_id column) { return ebb_g_lt(b, row, column); }
static inline ebb_id diagonal(ebb_builder *b, ebb_id row, ebb_id column) { return ebb_g_eq(b, row, column); }
static inline ebb_id not_below(ebb_builder *b, ebb_id row, ebb_id column) { return ebb_g_le(b, row, column); }
static inline ebb_id not_above(ebb_builder *b, ebb_id row, ebb_id column) { return ebb_g_ge(b, row, column); }

/* x there, else the number. */
static inline ebb_id only(ebb_builder *b, ebb_id there, ebb_id x, double otherwise) {
    return ebb_g_select(b, there, x, ebb_g_full_like(b, x, otherwise));
}

/* A number for each matrix, in all elements of the matrices of x. */
static inline ebb_id over_matrix(ebb_builder *b, ebb_id number, ebb_id x) {
    const ebb_shape *s = ebb_shape_of(b->graph, x);
    return ebb_g_expand_axes(b, number, s, 2, (const int64_t[]){s->rank - 2, s->rank - 1});
}

/* A row or a column of each matrix, repeated over x. */
static inline ebb_id row_over(ebb_builder *b, ebb_id row, ebb_id x) {
    static const int64_t same[EBB_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
    return row == EBB_POISON || x == EBB_POISON ? EBB_POISON : ebb_g_broadcast(b, row, ebb_shape_of(b->graph, x), same);
}

/* The diagonal, as one row. */
static inline ebb_id diagonal_row(ebb_builder *b, ebb_id x) {
    if (x == EBB_POISON) return x;
    ebb_shape row = *ebb_shape_of(b->graph, x);
    ebb_id sum = ebb_g_sum(b, only(b, where(b, x, diagonal), x, 0), 1, (const int64_t[]){row.rank - 2});
    row.dim[row.rank - 2] = 1;
    return ebb_g_reshape(b, sum, &row);
}

/* n rows from one on, and one matrix below another. */
static inline ebb_id rows_of(ebb_builder *b, ebb_id x, int64_t from, int64_t n) {
    int64_t start[EBB_MAX_RANK] = {0}, step[EBB_MAX_RANK] = {1, 1, 1, 1, 1, 1, 1, 1};
    if (x == EBB_POISON) return x;
    ebb_shape to = *ebb_shape_of(b->graph, x);
    start[to.rank - 2] = from;
    to.dim[to.rank - 2] = n;
    return ebb_g_slice(b, x, start, step, &to);
}

static inline ebb_id below(ebb_builder *b, ebb_id x, ebb_id y) {
    return x == EBB_POISON ? x : ebb_g_concat(b, x, y, ebb_shape_of(b->graph, x)->rank - 2);
}

#endif
