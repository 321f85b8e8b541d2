/* random_places.c - makers for rules with indices, blocks and windows; random_rules.c says what a maker is. */
#include "tests/support/random_maker.h"

ebb_id make_gather(maker *m, ebb_op op) {
    ebb_id x = maker_some_of(m, m->o.smooth ? FLOATS : ANY, 1);
    int64_t axis = maker_below(m, shape_at(m, x)->rank), size = shape_at(m, x)->dim[axis];
    ebb_shape list = {.rank = (int32_t)maker_below(m, 2), .dim = {0}};
    if (size == 0) return EBB_ABSENT;
    if (list.rank) list.dim[0] = maker_size(m);
    ebb_id index = maker_index(m, list, size);
    return maker_record(m, (ebb_application){.op = op, .nattr = 1, .attr = &axis}, 2, x, index, 0);
}

ebb_id make_scatter(maker *m, ebb_op op) {
    ebb_id x = maker_some_of(m, m->o.smooth ? FLOATS : NUMBERS, 1);
    ebb_shape s = *shape_at(m, x), list = {.rank = 1, .dim = {maker_size(m)}};
    int64_t axis = maker_below(m, s.rank);
    if (s.dim[axis] == 0) return EBB_ABSENT;
    ebb_id index = maker_index(m, list, s.dim[axis]);
    s.dim[axis] = list.dim[0];
    ebb_id updates = maker_partner(m, dtype_at(m, x), s);
    return maker_record(m, (ebb_application){.op = op, .nattr = 1, .attr = &axis}, 3, x, index, updates);
}

static ebb_id with_attr(maker *m, ebb_op op, int nattr, const int64_t *attr, ebb_id x) {
    return maker_record(m, (ebb_application){.op = op, .nattr = nattr, .attr = attr}, 1, x, 0, 0);
}

ebb_id make_scatter_any(maker *m, ebb_op op) { return make_scatter(m, op); }

ebb_id make_check_index(maker *m, ebb_op op) {
    int64_t size = 1 + maker_size(m);
    return with_attr(m, op, 1, &size, maker_index(m, maker_shape(m), size));
}

/* A block at a start that may be outside, taken or replaced. */
static ebb_id block(maker *m, ebb_op op, bool replaced) {
    ebb_id x = maker_some_of(m, m->o.smooth ? FLOATS : ANY, 1);
    ebb_shape s = *shape_at(m, x);
    ebb_id start = maker_partner(m, EBB_I64, (ebb_shape){.rank = 1, .dim = {s.rank}});
    for (int i = 0; i < s.rank; i++)
        if (maker_below(m, 2)) s.dim[i] = maker_below(m, s.dim[i] + 1);
    if (!replaced) return maker_record(m, (ebb_application){.op = op, .nattr = s.rank, .attr = s.dim}, 2, x, start, 0);
    ebb_id updates = maker_partner(m, dtype_at(m, x), s);
    return maker_record(m, (ebb_application){.op = op}, 3, x, start, updates);
}

ebb_id make_dynamic_slice(maker *m, ebb_op op) { return block(m, op, false); }
ebb_id make_dynamic_update(maker *m, ebb_op op) { return block(m, op, true); }

ebb_id make_top_k(maker *m, ebb_op op) {
    ebb_id x = maker_some_of(m, NUMBERS, 1);
    int64_t axis = maker_below(m, shape_at(m, x)->rank), k = maker_below(m, shape_at(m, x)->dim[axis] + 1);
    return with_attr(m, op, 2, (int64_t[]){axis, k}, x);
}

ebb_id make_arg_top_k(maker *m, ebb_op op) { return make_top_k(m, op); }

/* In lines that need not be sorted. */
ebb_id make_searchsorted(maker *m, ebb_op op) {
    ebb_id x = maker_some_of(m, NUMBERS, 1);
    ebb_shape s = *shape_at(m, x);
    int64_t right = maker_below(m, 2);
    s.dim[s.rank - 1] = maker_size(m);
    ebb_id values = maker_partner(m, dtype_at(m, x), s);
    return maker_record(m, (ebb_application){.op = op, .nattr = 1, .attr = &right}, 2, x, values, 0);
}

/* Windows of at most four elements along an axis. */
ebb_id make_windows(maker *m, ebb_op op) {
    ebb_id x = maker_some_of(m, NUMBERS, 1);
    const ebb_shape s = *shape_at(m, x);
    int64_t axis = maker_below(m, s.rank), length = s.dim[axis];
    if (length == 0 || s.rank > m->o.rank || s.rank == EBB_MAX_RANK) return EBB_ABSENT;
    int64_t size = 1 + maker_below(m, length < 4 ? length : 4), stride = 1 + maker_below(m, 3),
            dilation = 1 + maker_below(m, 3);
    if ((size - 1) * dilation >= length) dilation = 1;
    return with_attr(m, op, 4, (int64_t[]){axis, size, stride, dilation}, x);
}

/* Windows that are summed back. */
ebb_id make_overlap_add(maker *m, ebb_op op) {
    ebb_id y = make_windows(m, EBB_OP_windows);
    if (y <= EBB_ABSENT) return EBB_ABSENT;
    const int64_t *by = ebb_attr_of(m->g, y).v;
    int64_t length = shape_at(m, ebb_operands(m->g, y)[0])->dim[by[0]];
    return with_attr(m, op, 4, (int64_t[]){by[0], length, by[2], by[3]}, y);
}
