/* identity.c - exact identities: rewritings that hold to the bit for every operand, NaN, infinities and -0 included.
 *
 * So x + 0 stays (it makes -0 into +0) where x + (-0) goes, and 0 * x stays for floats. pow(x, 0) stays too: its
 * derivative in x is 0, where that of a constant would be absent. A rule either answers with a node that exists, or
 * rewrites the draft and asks to be called again; neither makes nodes. Start reading at the table at the end. */
#include "jit/graph/doors.h"

#include <math.h>
#include <string.h>

/* ---- helpers ---- */

static bool is(const ebb_draft *d, int k, double want) {
    double value;
    return ebb_is_scalar_constant(d->graph, d->arg[k], &value) && value == want && signbit(value) == signbit(want);
}

/* Adding it changes nothing: -0, or an integer 0. */
static bool is_nothing(const ebb_draft *d, int k) { return is(d, k, ebb_is_float(d->type.dtype) ? -0.0 : 0.0); }

/* The operand of operand 0, if that is an application of op. */
static ebb_id inside(const ebb_draft *d, ebb_op op) {
    return ebb_op_of(d->graph, d->arg[0]) == op ? ebb_operands(d->graph, d->arg[0])[0] : EBB_ABSENT;
}

static const int64_t *inside_attr(const ebb_draft *d, int k) { return ebb_attr_of(d->graph, d->arg[k]).v; }

static bool shape_stays(const ebb_draft *d) {
    return ebb_shape_equal(ebb_shape_of(d->graph, d->arg[0]), &d->type.shape);
}

static ebb_id rewritten(ebb_draft *d, ebb_op op, ebb_id x, int nattr) {
    d->app.op = op;
    d->app.nattr = nattr;
    d->app.attr = d->attr;
    d->app.asked = d->type;
    d->narg = 1;
    d->arg[0] = x;
    d->again = true;
    return EBB_ABSENT;
}

/* ---- point operations ---- */

static ebb_id identity_neg(ebb_draft *d) { return inside(d, EBB_OP_neg); }
static ebb_id identity_logical_not(ebb_draft *d) { return inside(d, EBB_OP_logical_not); }

static ebb_id identity_add(ebb_draft *d) {
    return is_nothing(d, 1) ? d->arg[0] : is_nothing(d, 0) ? d->arg[1] : EBB_ABSENT;
}

static ebb_id identity_sub(ebb_draft *d) { return is(d, 1, 0.0) ? d->arg[0] : EBB_ABSENT; }

static ebb_id identity_mul(ebb_draft *d) {
    for (int k = 0; k < 2; k++) {
        if (is(d, k, 1.0)) return d->arg[1 - k];
        if (ebb_is_int(d->type.dtype) && is(d, k, 0.0)) return d->arg[k];
    }
    return EBB_ABSENT;
}

static ebb_id identity_div(ebb_draft *d) { return is(d, 1, 1.0) ? d->arg[0] : EBB_ABSENT; }

static ebb_id identity_pow(ebb_draft *d) {
    if (is(d, 1, 1.0)) return d->arg[0];
    return is(d, 1, 2.0) ? rewritten(d, EBB_OP_square, d->arg[0], 0) : EBB_ABSENT;
}

static ebb_id identity_select(ebb_draft *d) {
    double condition;
    if (d->arg[1] == d->arg[2]) return d->arg[1];
    if (!ebb_is_scalar_constant(d->graph, d->arg[0], &condition)) return EBB_ABSENT;
    return condition != 0.0 ? d->arg[1] : d->arg[2];
}

static ebb_id identity_cast(ebb_draft *d) {
    return ebb_dtype_at(d->graph, d->arg[0]) == d->type.dtype ? d->arg[0] : EBB_ABSENT;
}

/* ---- views ---- */

static ebb_id identity_broadcast(ebb_draft *d) {
    if (shape_stays(d)) return d->arg[0];
    ebb_id x = inside(d, EBB_OP_broadcast);
    if (x == EBB_ABSENT) return EBB_ABSENT;
    const int64_t *inner = inside_attr(d, 0);
    int rank = ebb_shape_of(d->graph, x)->rank;
    int64_t composed[EBB_MAX_RANK];
    for (int i = 0; i < rank; i++)
        composed[i] = d->app.attr[inner[i]];
    for (int i = 0; i < rank; i++)
        d->attr[i] = composed[i];
    return rewritten(d, EBB_OP_broadcast, x, rank);
}

static ebb_id identity_reshape(ebb_draft *d) {
    if (shape_stays(d)) return d->arg[0];
    ebb_id x = inside(d, EBB_OP_reshape);
    return x == EBB_ABSENT ? EBB_ABSENT : rewritten(d, EBB_OP_reshape, x, 0);
}

static bool in_order(const int64_t *perm, int n) {
    for (int i = 0; i < n; i++)
        if (perm[i] != i) return false;
    return true;
}

static ebb_id identity_transpose(ebb_draft *d) {
    int rank = d->type.shape.rank;
    if (in_order(d->app.attr, rank)) return d->arg[0];
    ebb_id x = inside(d, EBB_OP_transpose);
    if (x == EBB_ABSENT) return EBB_ABSENT;
    const int64_t *inner = inside_attr(d, 0);
    for (int i = 0; i < rank; i++)
        d->attr[i] = inner[d->app.attr[i]];
    return rewritten(d, EBB_OP_transpose, x, rank);
}

/* A slice as long as its operand starts at 0 in steps of 1. */
static ebb_id identity_slice(ebb_draft *d) { return shape_stays(d) ? d->arg[0] : EBB_ABSENT; }

/* Axes of size 1 have no direction; twice is not at all. */
static ebb_id identity_reverse(ebb_draft *d) {
    bool turns = false;
    for (int i = 0; i < d->app.nattr; i++)
        turns |= d->type.shape.dim[d->app.attr[i]] != 1;
    if (!turns) return d->arg[0];
    ebb_id x = inside(d, EBB_OP_reverse);
    if (x == EBB_ABSENT || ebb_attr_of(d->graph, d->arg[0]).n != d->app.nattr) return EBB_ABSENT;
    return memcmp(inside_attr(d, 0), d->app.attr, (size_t)d->app.nattr * sizeof *d->app.attr) ? EBB_ABSENT : x;
}

/* Windows of one element, one beside the other: the operand, and an axis of size 1 more, or less. */
static ebb_id identity_windows(ebb_draft *d) {
    const int64_t *window = d->app.attr;
    return window[1] == 1 && window[2] == 1 ? rewritten(d, EBB_OP_reshape, d->arg[0], 0) : EBB_ABSENT;
}

static ebb_id identity_overlap_add(ebb_draft *d) {
    const int64_t axis = d->app.attr[0], size = ebb_shape_of(d->graph, d->arg[0])->dim[axis + 1];
    return size == 1 && d->app.attr[2] == 1 ? rewritten(d, EBB_OP_reshape, d->arg[0], 0) : EBB_ABSENT;
}

/* ---- reductions and products ---- */

/* Axes of size 1 only: each result is one element, untouched. */
static ebb_id identity_reduce(ebb_draft *d) {
    const ebb_shape *x = ebb_shape_of(d->graph, d->arg[0]);
    for (int i = 0; i < d->app.nattr; i++)
        if (x->dim[d->app.attr[i]] != 1) return EBB_ABSENT;
    return d->app.nattr ? rewritten(d, EBB_OP_reshape, d->arg[0], 0) : d->arg[0];
}

static bool swaps_last_axes(const int64_t *perm, int rank) {
    return rank >= 2 && in_order(perm, rank - 2) && perm[rank - 2] == rank - 1;
}

/* A transposed operand is read where it lies. */
static ebb_id identity_dot(ebb_draft *d) {
    int64_t transposed[2] = {d->app.attr[0], d->app.attr[1]};
    for (int k = 0; k < 2; k++) {
        if (ebb_op_of(d->graph, d->arg[k]) != EBB_OP_transpose) continue;
        if (!swaps_last_axes(inside_attr(d, k), d->type.shape.rank)) continue;
        d->arg[k] = ebb_operands(d->graph, d->arg[k])[0];
        transposed[k] ^= 1;
        d->again = true;
    }
    d->attr[0] = transposed[0];
    d->attr[1] = transposed[1];
    d->app.attr = d->attr;
    return EBB_ABSENT;
}

static ebb_id (*const identities[EBB_OP_COUNT])(ebb_draft *) = {
    [EBB_OP_neg] = identity_neg,         [EBB_OP_logical_not] = identity_logical_not,
    [EBB_OP_add] = identity_add,         [EBB_OP_sub] = identity_sub,
    [EBB_OP_mul] = identity_mul,         [EBB_OP_div] = identity_div,
    [EBB_OP_pow] = identity_pow,         [EBB_OP_select] = identity_select,
    [EBB_OP_cast] = identity_cast,       [EBB_OP_broadcast] = identity_broadcast,
    [EBB_OP_reshape] = identity_reshape, [EBB_OP_transpose] = identity_transpose,
    [EBB_OP_reverse] = identity_reverse, [EBB_OP_slice] = identity_slice,
    [EBB_OP_windows] = identity_windows, [EBB_OP_overlap_add] = identity_overlap_add,
    [EBB_OP_sum] = identity_reduce,      [EBB_OP_reduce_max] = identity_reduce,
    [EBB_OP_dot] = identity_dot,
};

ebb_id ebb_identity(ebb_draft *d) {
    if (!identities[d->app.op] || d->graph->without & EBB_NO_IDENTITIES) return EBB_ABSENT;
    return identities[d->app.op](d);
}
