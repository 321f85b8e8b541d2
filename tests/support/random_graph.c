/* random_graph.c - see random_graph.h. Each step picks an operation of ops.def and gives it operands that suit it, from
 * the nodes there are; a missing partner is made (a parameter, a number, an iota). What does not fit is left out. */
#include "tests/support/random_graph.h"

#include <stddef.h>

#include "tests/support/random_maker.h"

#define LENGTH(list) (int64_t)(sizeof(list) / sizeof *(list))

/* ---- one step ---- */

/* A softmax written out from parts, or a normalisation: kernels with several passes. */
static void normalise(maker *m) {
    ebb_id x = maker_some_of(m, FLOATS, 1);
    ebb_shape s = *shape_at(m, x);
    int64_t axis = maker_below(m, s.rank), other[EBB_MAX_RANK];
    int n = 0;
    for (int i = 0; i < s.rank; i++)
        if (i != axis) other[n++] = i;
    ebb_id e = maker_apply(m, m->o.exact ? EBB_OP_abs : EBB_OP_sigmoid, 1, x, 0);
    ebb_id sum = maker_record(m, (ebb_application){.op = EBB_OP_sum, .nattr = 1, .attr = &axis}, 1, e, 0, 0);
    maker_apply(m, EBB_OP_div, 2, e, maker_broadcast(m, sum, s, other));
}

/* Any operation with this access that the options want, or EBB_OP_NONE. */
static ebb_op any_with(maker *m, ebb_access access) {
    ebb_op found[EBB_OP_COUNT];
    int64_t n = 0;
    for (int op = 1; op < EBB_OP_COUNT; op++)
        if (ebb_op_table[op].access == access && maker_may(m, (ebb_op)op)) found[n++] = (ebb_op)op;
    return n ? found[maker_below(m, n)] : EBB_OP_NONE;
}

/* The arithmetic that programs are made of. */
static ebb_op common(maker *m) {
    static const ebb_op ops[] = {EBB_OP_add, EBB_OP_mul, EBB_OP_sub, EBB_OP_add, EBB_OP_mul, EBB_OP_neg, EBB_OP_div};
    ebb_op op = ops[maker_below(m, LENGTH(ops))];
    return maker_may(m, op) ? op : EBB_OP_add;
}

void maker_grow(maker *m) {
    static const ebb_access accesses[] = {EBB_POINT, EBB_POINT,   EBB_POINT,   EBB_POINT,  EBB_POINT, EBB_VIEW,
                                          EBB_VIEW,  EBB_VIEW,    EBB_REDUCE,  EBB_REDUCE, EBB_WHOLE, EBB_WHOLE,
                                          EBB_WHOLE, EBB_NOWHERE, EBB_NOWHERE, EBB_NOWHERE};
    int64_t kind = maker_below(m, LENGTH(accesses) + 6);
    if (kind == LENGTH(accesses)) {
        normalise(m);
        return;
    }
    if (m->o.regions && m->inside < 2 && maker_below(m, 6) == 0) {
        maker_add_region(m);
        return;
    }
    if (m->o.neighbours && maker_below(m, 4) == 0) {
        maker_add(m, EBB_OP_slice);
        return;
    }
    ebb_op op = kind < LENGTH(accesses) ? any_with(m, accesses[kind]) : common(m);
    if (op != EBB_OP_NONE) maker_add(m, op);
}

/* ---- programs ---- */

/* Parameter k's next value. */
static ebb_id update(maker *m, int k) {
    ebb_id x = m->g->input[k];
    ebb_dtype dtype = dtype_at(m, x);
    ebb_shape s = *shape_at(m, x);
    if (maker_below(m, 4) == 0) return maker_partner(m, dtype, s);
    if (dtype == EBB_BOOL) return maker_apply(m, EBB_OP_logical_not, 1, x, 0);
    return maker_apply(m, EBB_OP_sub, 2, x, maker_partner(m, dtype, s));
}

/* The sum of everything a float node holds. */
static ebb_id total(maker *m) {
    ebb_id x = maker_some_of(m, FLOATS, 0);
    int64_t axes[EBB_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
    ebb_application app = {.op = EBB_OP_sum, .nattr = shape_at(m, x)->rank, .attr = axes};
    return maker_record(m, app, 1, x, 0, 0);
}

static int states(const ebb_random_options *o) { return o->state < 3 ? o->state : 3; } /* there are three at least */

static void start(maker *m) {
    if (!m->o.nodes) m->o.nodes = 20;
    if (!m->o.rank) m->o.rank = 3;
    if (!m->o.size) m->o.size = 9;
    if (!m->o.outputs) m->o.outputs = 3;
    for (int i = 0; i < 3; i++) {
        ebb_dtype dtype = maker_dtype(m);
        maker_input(m, dtype, maker_shape(m));
    }
}

static void finish(maker *m) {
    ebb_id next[EBB_MAX_RANK];
    int n = states(&m->o);
    if (m->o.smooth) ebb_add_output(m->g, total(m));
    for (int j = 0; j < m->o.outputs; j++)
        ebb_add_output(m->g, maker_some(m));
    for (int k = 0; k < n; k++)
        next[k] = update(m, k);
    for (int k = 0; k < n; k++)
        ebb_add_output(m->g, next[k]);
}

ebb_graph *ebb_random_graph(uint64_t seed, const ebb_random_options *options) {
    static ebb_diag unread;
    maker m = {.g = ebb_graph_new(&ebb_malloc_allocator, &unread, "random"), .seed = seed};
    if (options) m.o = *options;
    if (!m.g) return NULL;
    start(&m);
    for (int tries = 0; m.g->count < m.o.nodes && tries < 4 * m.o.nodes; tries++)
        maker_grow(&m);
    finish(&m);
    m.g->diag = NULL;
    return m.g;
}

void ebb_random_alias(const ebb_graph *g, const ebb_random_options *options, int32_t *alias) {
    int n = states(options);
    for (int j = 0; j < g->outputs; j++)
        alias[j] = j < g->outputs - n ? -1 : j - (g->outputs - n);
}
