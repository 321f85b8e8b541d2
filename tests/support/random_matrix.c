/* random_matrix.c - makers of linear algebra: matrices that are far from singular, and what fits them. */
#include "tests/support/random_maker.h"

/* x where it is small, so also where it is a number; in smooth programs something small made of x. */
static ebb_id small(maker *m, ebb_id x, double size) {
    const ebb_dtype dtype = dtype_at(m, x);
    const ebb_shape s = *shape_at(m, x);
    if (m->o.smooth) return maker_between(m, x, -size, size);
    ebb_id magnitude = maker_record(m, (ebb_application){.op = EBB_OP_abs}, 1, x, 0, 0);
    ebb_id is_small = maker_apply(m, EBB_OP_lt, 2, magnitude, maker_full(m, dtype, s, size));
    ebb_id zero = maker_full(m, dtype, s, 0);
    return maker_record(m, (ebb_application){.op = EBB_OP_select}, 3, is_small, x, zero);
}

static ebb_id index_along(maker *m, ebb_dtype dtype, ebb_shape s, int64_t axis) {
    return maker_record(m, (ebb_application){.op = EBB_OP_iota, .nattr = 1, .attr = &axis, .asked = {dtype, s}}, 0, 0,
                        0, 0);
}

/* A square matrix, or a batch of them, with small elements beside the diagonal, which is 2, or 2, 3, ...: then
 * eigenvalues are well apart. */
static ebb_id matrix(maker *m, bool apart) {
    ebb_dtype dtype = EBB_NONE;
    while (!ebb_is_float(dtype))
        dtype = maker_dtype(m);
    ebb_shape s = maker_shape(m);
    if (s.rank < 2) s.rank = 2;
    const int64_t n = 1 + maker_below(m, 4);
    s.dim[s.rank - 2] = s.dim[s.rank - 1] = n;
    ebb_id x = small(m, maker_partner(m, dtype, s), 0.5 / (double)n);
    ebb_id row = index_along(m, dtype, s, s.rank - 2), column = index_along(m, dtype, s, s.rank - 1);
    ebb_id on_diagonal = maker_apply(m, EBB_OP_eq, 2, row, column);
    ebb_id two = maker_full(m, dtype, s, 2), zero = maker_full(m, dtype, s, 0);
    if (apart) two = maker_apply(m, EBB_OP_add, 2, two, row);
    ebb_id diagonal = maker_record(m, (ebb_application){.op = EBB_OP_select}, 3, on_diagonal, two, zero);
    return maker_apply(m, EBB_OP_add, 2, x, diagonal);
}

static ebb_id regular(maker *m) { return matrix(m, false); }

static ebb_id right_side(maker *m, ebb_id a) {
    ebb_shape s = *shape_at(m, a);
    s.dim[s.rank - 1] = maker_size(m);
    return maker_partner(m, dtype_at(m, a), s);
}

ebb_id make_same_square(maker *m, ebb_op op) { return maker_apply(m, op, 1, regular(m), 0); }
ebb_id make_det(maker *m, ebb_op op) { return maker_apply(m, op, 1, regular(m), 0); }

ebb_id make_one_more_row(maker *m, ebb_op op) { return maker_apply(m, op, 1, matrix(m, true), 0); }
ebb_id make_svd(maker *m, ebb_op op) { return maker_apply(m, op, 1, matrix(m, true), 0); }
ebb_id make_qr(maker *m, ebb_op op) { return maker_apply(m, op, 1, regular(m), 0); }

ebb_id make_lu_det(maker *m, ebb_op op) {
    ebb_id a = regular(m), factors = maker_apply(m, EBB_OP_lu, 1, a, 0);
    return maker_apply(m, op, 2, a, factors);
}

static ebb_id system_of(maker *m, ebb_op op, int flags, ebb_id a, ebb_id factors) {
    int64_t flag[3];
    for (int i = 0; i < flags; i++)
        flag[i] = maker_below(m, 2);
    ebb_id r = right_side(m, a);
    ebb_application app = {.op = op, .nattr = flags, .attr = flag};
    return factors ? maker_record(m, app, 3, a, factors, r) : maker_record(m, app, 2, a, r, 0);
}

ebb_id make_triangular_solve(maker *m, ebb_op op) { return system_of(m, op, 3, regular(m), EBB_ABSENT); }
ebb_id make_solve(maker *m, ebb_op op) { return system_of(m, op, 1, regular(m), EBB_ABSENT); }

ebb_id make_lu_solve(maker *m, ebb_op op) {
    ebb_id a = regular(m), factors = maker_apply(m, EBB_OP_lu, 1, a, 0);
    return system_of(m, op, 1, a, factors);
}
