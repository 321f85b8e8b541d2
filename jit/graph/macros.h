/* macros.h - what the files of macros share: a few words that many formulas use, and the macros outside macros.c. */
#ifndef EBB_MACROS_H
#define EBB_MACROS_H

#include "jit/graph/expand.h"

/* A result of a reduction of x, laid over x again. */
static inline ebb_id over(ebb_builder *b, ebb_id y, ebb_id x, ebb_attr axes) {
    return ebb_g_expand_axes(b, y, ebb_shape_of(b->graph, x), axes.n, axes.v);
}

/* Order turned round. Integers by -1 - x, which does not overflow as -x does. */
static inline ebb_id turned(ebb_builder *b, ebb_id x) {
    if (ebb_is_float(ebb_dtype_at(b->graph, x))) return ebb_g_neg(b, x);
    return ebb_g_sub(b, ebb_g_full_like(b, x, -1), x);
}

/* n elements of one axis. */
static inline ebb_id part(ebb_builder *b, ebb_id x, int64_t axis, int64_t from, int64_t step, int64_t n) {
    int64_t start[EBB_MAX_RANK] = {0}, steps[EBB_MAX_RANK] = {1, 1, 1, 1, 1, 1, 1, 1};
    ebb_shape to = *ebb_shape_of(b->graph, x);
    start[axis] = from;
    steps[axis] = step;
    to.dim[axis] = n;
    return ebb_g_slice(b, x, start, steps, &to);
}

/* x as [outer, size, inner] round one axis. */
static inline ebb_id lines(ebb_builder *b, ebb_id x, ebb_attr axis) {
    const ebb_shape *s = ebb_shape_of(b->graph, x);
    ebb_shape to = {3, {1, 1, 1}};
    for (int i = 0; i < s->rank; i++)
        to.dim[i < axis.v[0] ? 0 : i == axis.v[0] ? 1 : 2] *= s->dim[i];
    return ebb_g_reshape(b, x, &to);
}

/* ---- macros_index.c ---- */

typedef ebb_id ebb_macro(ebb_builder *b, const ebb_id *x, ebb_attr attr);
ebb_macro expand_sort, expand_scatter_min, expand_scatter_update, expand_dynamic_slice, expand_dynamic_update;
ebb_macro expand_top_k, expand_arg_top_k;

/* ---- macros_matrix.c ---- */

ebb_macro expand_solve, expand_inv, expand_det, expand_logdet, expand_det_sign;

#endif
