/* macros_index.c - what the MACRO operations stand for that look at places: scatters, blocks, order.
 *
 * Everything is said in argsort, gather and scatter_max, whose derivatives carry all of it. Start reading at
 * expand_scatter_update. */
#include "jit/graph/macros.h"

static int64_t size_of(const ebb_builder *b, ebb_id x) {
    int64_t n = 0;
    return ebb_shape_size(ebb_shape_of(b->graph, x), &n) ? n : 0;
}

/* ---- scatters ---- */

ebb_id expand_scatter_min(ebb_builder *b, const ebb_id *x, ebb_attr axis) {
    return turned(b, ebb_g_scatter_max(b, turned(b, x[0]), x[1], turned(b, x[2]), (int)axis.v[0]));
}

/* Which update was the last one to be written where, -1 where none was: the largest of their numbers. The rest is a
 * gather, and so the derivative goes to that update alone, and to x where there was none. */
ebb_id expand_scatter_update(ebb_builder *b, const ebb_id *x, ebb_attr axis) {
    const ebb_shape s = *ebb_shape_of(b->graph, x[0]), places = {1, {s.dim[axis.v[0]]}};
    const ebb_shape count = {1, {size_of(b, x[1])}};
    if (count.dim[0] == 0) return x[0];
    ebb_id none = ebb_g_full(b, EBB_I64, &places, -1), number = ebb_g_iota(b, EBB_I64, &count, 0);
    ebb_id last = ebb_g_scatter_max(b, none, ebb_g_reshape(b, x[1], &count), number, 0);
    ebb_id zero = ebb_g_full_like(b, last, 0), written = ebb_g_ge(b, last, zero);
    ebb_shape updates = *ebb_shape_of(b->graph, lines(b, x[0], axis));
    updates.dim[1] = count.dim[0];
    ebb_id fresh = ebb_g_gather(b, ebb_g_reshape(b, x[2], &updates), ebb_g_max(b, last, zero), 1);
    return ebb_g_select(b, ebb_g_broadcast(b, written, &s, axis.v), ebb_g_reshape(b, fresh, &s), x[0]);
}

/* ---- blocks ---- */

/* Where a block of `size` begins on axis k, as i64: moved inside, so that nothing overflows or is read outside. */
static ebb_id beginning(ebb_builder *b, ebb_id start, int k, int64_t room) {
    ebb_id at = ebb_g_reshape(b, part(b, start, 0, k, 1, 1), &(ebb_shape){0});
    at = ebb_g_max(b, ebb_g_cast_to(b, at, EBB_I64), ebb_g_number(b, EBB_I64, 0));
    return ebb_g_min(b, at, ebb_g_number(b, EBB_I64, (double)room));
}

/* i64 numbers 0 ... n - 1 on axis k of a shape, and the beginning over it. */
static ebb_id places(ebb_builder *b, const ebb_shape *s, int k) { return ebb_g_iota(b, EBB_I64, s, k); }
static ebb_id everywhere(ebb_builder *b, ebb_id scalar, const ebb_shape *s) {
    return ebb_g_broadcast(b, scalar, s, NULL);
}

/* One gather for each axis that is not taken as a whole. */
ebb_id expand_dynamic_slice(ebb_builder *b, const ebb_id *x, ebb_attr size) {
    ebb_id y = x[0];
    for (int k = 0; k < size.n; k++) {
        const int64_t room = ebb_shape_of(b->graph, x[0])->dim[k] - size.v[k];
        const ebb_shape line = {1, {size.v[k]}};
        if (room == 0) continue;
        ebb_id from = everywhere(b, beginning(b, x[1], k, room), &line);
        y = ebb_g_gather(b, y, ebb_g_add(b, places(b, &line, 0), from), k);
    }
    return y;
}

/* Inside the block its elements, elsewhere those of x. The block is laid over x by one gather for each axis that it
 * does not fill; those beside it get its first or last element, which nobody looks at. */
ebb_id expand_dynamic_update(ebb_builder *b, const ebb_id *x, ebb_attr none) {
    (void)none;
    const ebb_shape s = *ebb_shape_of(b->graph, x[0]), size = *ebb_shape_of(b->graph, x[2]);
    ebb_id laid = x[2], inside = EBB_ABSENT;
    for (int k = 0; k < s.rank; k++) {
        const ebb_shape line = {1, {s.dim[k]}};
        const int64_t axis = k;
        if (size.dim[k] == 0) return x[0];
        if (size.dim[k] == s.dim[k]) continue;
        ebb_id from = everywhere(b, beginning(b, x[1], k, s.dim[k] - size.dim[k]), &line);
        ebb_id at = ebb_g_sub(b, places(b, &line, 0), from), zero = ebb_g_full_like(b, at, 0);
        ebb_id last = ebb_g_full_like(b, at, (double)(size.dim[k] - 1));
        ebb_id here = ebb_g_logical_and(b, ebb_g_ge(b, at, zero), ebb_g_le(b, at, last));
        here = ebb_g_broadcast(b, here, &s, &axis);
        inside = inside == EBB_ABSENT ? here : ebb_g_logical_and(b, inside, here);
        laid = ebb_g_gather(b, laid, ebb_g_min(b, ebb_g_max(b, at, zero), last), k);
    }
    return inside == EBB_ABSENT ? laid : ebb_g_select(b, inside, laid, x[0]);
}

/* ---- order ---- */

/* The elements of [outer, size, inner] that `at`, of the same outer and inner sizes, says: found in the whole tensor at
 * (outer * size + place) * inner + i. */
static ebb_id taken_along(ebb_builder *b, ebb_id x, ebb_id at) {
    const ebb_shape s = *ebb_shape_of(b->graph, at);
    const int64_t size = ebb_shape_of(b->graph, x)->dim[1], inner = s.dim[2];
    ebb_id row = ebb_g_iota(b, EBB_I64, &s, 0), column = ebb_g_iota(b, EBB_I64, &s, 2);
    ebb_id place = ebb_g_add(b, ebb_g_mul(b, row, ebb_g_full_like(b, row, (double)size)), at);
    place = ebb_g_add(b, ebb_g_mul(b, place, ebb_g_full_like(b, place, (double)inner)), column);
    return ebb_g_gather(b, ebb_g_reshape(b, x, &(ebb_shape){1, {size_of(b, x)}}), place, 0);
}

/* The elements from where argsort says. */
ebb_id expand_sort(ebb_builder *b, const ebb_id *x, ebb_attr axis) {
    ebb_id y = lines(b, x[0], axis);
    return ebb_g_reshape(b, taken_along(b, y, ebb_g_argsort(b, y, 1)), ebb_shape_of(b->graph, x[0]));
}

/* Sorting the line from its end keeps equal elements in the order that they have to have when it is read backwards
 * again, the largest first. */
static ebb_id top_places(ebb_builder *b, ebb_id x, int64_t k) {
    const int64_t axis = 1, size = ebb_shape_of(b->graph, x)->dim[1];
    ebb_id rising = ebb_g_argsort(b, ebb_g_reverse(b, x, 1, &axis), 1);
    ebb_id at = ebb_g_reverse(b, part(b, rising, 1, size - k, 1, k), 1, &axis);
    return ebb_g_sub(b, ebb_g_full_like(b, at, (double)(size - 1)), at);
}

static ebb_id top(ebb_builder *b, ebb_id x, ebb_attr axis_and_k, bool values) {
    ebb_shape to = *ebb_shape_of(b->graph, x);
    to.dim[axis_and_k.v[0]] = axis_and_k.v[1];
    ebb_id y = lines(b, x, axis_and_k), at = top_places(b, y, axis_and_k.v[1]);
    return ebb_g_reshape(b, values ? taken_along(b, y, at) : at, &to);
}

ebb_id expand_top_k(ebb_builder *b, const ebb_id *x, ebb_attr attr) { return top(b, x[0], attr, true); }
ebb_id expand_arg_top_k(ebb_builder *b, const ebb_id *x, ebb_attr attr) { return top(b, x[0], attr, false); }
