/* linear.c - the transposes of linear operations: what a result's cotangent is for operand i.
 *
 * Forward mode needs nothing from here: the tangent of a linear operation is the operation itself. */
#include "dual/rules.h"

#include <string.h>

#define TRANSPOSE(name, formula)                                                                                       \
    ebb_id transpose_##name(ebb_builder *b, const ebb_primal *p, ebb_id ct, int i) {                                   \
        (void)b, (void)p, (void)i;                                                                                     \
        return formula;                                                                                                \
    }

TRANSPOSE(neg, ebb_g_neg(b, ct))
TRANSPOSE(add, ct)
TRANSPOSE(sub, i == 0 ? ct : ebb_g_neg(b, ct))
TRANSPOSE(cast, ebb_g_cast_to(b, ct, ebb_dtype_at(b->graph, p->x[0])))
/* Where the other branch was taken there is no cotangent, whatever ct holds. */
TRANSPOSE(select,
          i == 1 ? ebb_select_present(b, p->x[0], ct, EBB_ABSENT) : ebb_select_present(b, p->x[0], EBB_ABSENT, ct))

static const ebb_shape *shape_of_x(ebb_builder *b, const ebb_primal *p) { return ebb_shape_of(b->graph, p->x[0]); }
static const ebb_shape *shape_of_y(ebb_builder *b, const ebb_primal *p) { return ebb_shape_of(b->graph, p->y); }
static ebb_attr attr_of(ebb_builder *b, const ebb_primal *p) { return ebb_attr_of(b->graph, p->y); }

TRANSPOSE(sum, ebb_g_expand_axes(b, ct, shape_of_x(b, p), attr_of(b, p).n, attr_of(b, p).v))
TRANSPOSE(reverse, ebb_g_reverse(b, ct, attr_of(b, p).n, attr_of(b, p).v))
TRANSPOSE(reshape, ebb_g_reshape(b, ct, shape_of_x(b, p)))
/* What was read several times gets the sum. */
TRANSPOSE(gather, ebb_g_scatter_add(b, ebb_g_full_like(b, p->x[0], 0), p->x[1], ct, (int)attr_of(b, p).v[0]))
TRANSPOSE(scatter_add, i == 0 ? ct : ebb_g_gather(b, ct, p->x[1], (int)attr_of(b, p).v[0]))

/* Each is the other's transpose: one reads an element in every window that it lies in, one adds those up. */
static ebb_id other_way(ebb_builder *b, const ebb_primal *p, ebb_id ct, bool windows) {
    int64_t window[4];
    memcpy(window, attr_of(b, p).v, sizeof window);
    window[1] = shape_of_x(b, p)->dim[window[0] + !windows];
    return windows ? ebb_g_overlap_add(b, ct, window) : ebb_g_windows(b, ct, window);
}
TRANSPOSE(windows, other_way(b, p, ct, true))
TRANSPOSE(overlap_add, other_way(b, p, ct, false))

/* Summed over every axis that repeats: the new ones and the stretched ones. Axes of size 1 come back by reshape. */
ebb_id transpose_broadcast(ebb_builder *b, const ebb_primal *p, ebb_id ct, int i) {
    (void)i;
    const ebb_shape *x = shape_of_x(b, p), *y = shape_of_y(b, p);
    const int64_t *to = attr_of(b, p).v;
    bool kept[EBB_MAX_RANK] = {false};
    for (int k = 0; k < x->rank; k++)
        kept[to[k]] = x->dim[k] == y->dim[to[k]];
    int64_t axes[EBB_MAX_RANK];
    int naxes = 0;
    for (int k = 0; k < y->rank; k++)
        if (!kept[k]) axes[naxes++] = k;
    return ebb_g_reshape(b, ebb_g_sum(b, ct, naxes, axes), x);
}

ebb_id transpose_transpose(ebb_builder *b, const ebb_primal *p, ebb_id ct, int i) {
    (void)i;
    ebb_attr perm = attr_of(b, p);
    int64_t inverse[EBB_MAX_RANK];
    for (int k = 0; k < perm.n; k++)
        inverse[perm.v[k]] = k;
    return ebb_g_transpose(b, ct, inverse);
}

/* Elements go back to where they came from: start before the first, step - 1 between, what is left after the last. */
ebb_id transpose_slice(ebb_builder *b, const ebb_primal *p, ebb_id ct, int i) {
    (void)i;
    const ebb_shape *x = shape_of_x(b, p), *y = shape_of_y(b, p);
    const int64_t *start = attr_of(b, p).v, *step = start + x->rank;
    int64_t high[EBB_MAX_RANK], gap[EBB_MAX_RANK];
    for (int k = 0; k < x->rank; k++) {
        int64_t span = y->dim[k] ? (y->dim[k] - 1) * step[k] + 1 : 0;
        high[k] = x->dim[k] - start[k] - span;
        gap[k] = step[k] - 1;
    }
    return ebb_g_pad(b, ct, start, high, gap);
}

/* Each element is in its own total and all later ones: the running totals from the end. */
ebb_id transpose_cumsum(ebb_builder *b, const ebb_primal *p, ebb_id ct, int i) {
    (void)i;
    const int64_t axis = attr_of(b, p).v[0];
    ebb_id totals = ebb_g_cumsum(b, ebb_g_reverse(b, ct, 1, &axis), (int)axis);
    return ebb_g_reverse(b, totals, 1, &axis);
}

/* The part of the result that the operand became. */
ebb_id transpose_concat(ebb_builder *b, const ebb_primal *p, ebb_id ct, int i) {
    static const int64_t step[EBB_MAX_RANK] = {1, 1, 1, 1, 1, 1, 1, 1};
    int64_t start[EBB_MAX_RANK] = {0}, axis = attr_of(b, p).v[0];
    if (i == 1) start[axis] = shape_of_x(b, p)->dim[axis];
    return ebb_g_slice(b, ct, start, step, ebb_shape_of(b->graph, p->x[i]));
}

ebb_id transpose_pad(ebb_builder *b, const ebb_primal *p, ebb_id ct, int i) {
    (void)i;
    const ebb_shape *x = shape_of_x(b, p);
    const int64_t *low = attr_of(b, p).v, *gap = low + 2 * x->rank;
    int64_t step[EBB_MAX_RANK];
    for (int k = 0; k < x->rank; k++)
        step[k] = gap[k] + 1;
    return ebb_g_slice(b, ct, low, step, x);
}
