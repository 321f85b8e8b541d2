/* forward.c - ebb_jvp_nodes: dual numbers. One loop in order of the nodes, one switch over families.
 *
 * Invariant: tangent[id] is the tangent of node id, of the same type, or EBB_ABSENT for zero. The nodes that the loop
 * appends have no entry: they belong to this derivative only, so that an outer one cannot be mistaken for it. */
#include "dual/dual.h"
#include "dual/rules.h"

/* A guarded tangent through an operation on single elements: the guard goes where the elements go. */
static ebb_id push_under(ebb_builder *b, const ebb_primal *p, ebb_id c, ebb_id u) {
    ebb_application app = ebb_application_of(b->graph, p->y);
    app.site = b->site;
    app.asked.dtype = EBB_BOOL;
    if (ebb_op_table[p->op].access == EBB_VIEW) c = ebb_derive(b->graph, &app, 1, &c);
    return ebb_guarded(b, c, ebb_apply(b, p, &u));
}

/* The operation applied to tangents; what is not differentiated (an index, a condition) stays. */
static ebb_id push_linear(ebb_builder *b, const ebb_primal *p, const ebb_id *t) {
    if (p->op == EBB_OP_add) return ebb_plus(b, t[0], t[1]);
    if (p->op == EBB_OP_sub) return ebb_plus(b, t[0], t[1] ? ebb_g_neg(b, t[1]) : EBB_ABSENT);
    if (p->op == EBB_OP_select) return ebb_select_present(b, p->x[0], t[1], t[2]);
    ebb_access access = ebb_op_table[p->op].access;
    ebb_id arg[3], c, u;
    if ((access == EBB_POINT || access == EBB_VIEW) && ebb_split_guard(b, t[0], &c, &u)) return push_under(b, p, c, u);
    for (int i = 0; i < p->arity; i++)
        arg[i] = ebb_is_float(ebb_dtype_at(b->graph, p->x[i])) ? ebb_present(b, t[i], p->x[i]) : p->x[i];
    return ebb_apply(b, p, arg);
}

/* op(dx, y) + op(x, dy) */
static ebb_id product(ebb_builder *b, const ebb_primal *p, ebb_id t, int i) {
    ebb_id x[2] = {p->x[0], p->x[1]};
    if (p->op == EBB_OP_mul) return ebb_times(b, t, x[1 - i]);
    x[i] = t;
    return ebb_apply(b, p, x);
}

static ebb_id push_bilinear(ebb_builder *b, const ebb_primal *p, const ebb_id *t) {
    ebb_id sum = EBB_ABSENT;
    for (int i = 0; i < 2; i++)
        if (t[i]) sum = ebb_plus(b, sum, product(b, p, t[i], i));
    return sum;
}

static ebb_id push_smooth(ebb_builder *b, const ebb_primal *p, const ebb_id *t) {
    ebb_id sum = EBB_ABSENT;
    for (int i = 0; i < p->arity; i++)
        if (t[i]) sum = ebb_plus(b, sum, ebb_times(b, t[i], ebb_partial(b, p, i)));
    return sum;
}

/* The tangent of y; at least one of the operands' is not absent. */
static ebb_id push(ebb_builder *b, const ebb_primal *p, const ebb_id *t) {
    switch (ebb_op_table[p->op].family) {
    case EBB_LEAF:
    case EBB_STEP:
        return EBB_ABSENT;
    case EBB_LINEAR:
        return push_linear(b, p, t);
    case EBB_BILINEAR:
        return push_bilinear(b, p, t);
    case EBB_SMOOTH:
        return push_smooth(b, p, t);
    case EBB_SELECTION:
        return ebb_choice_tangent(b, p, t);
    case EBB_MACRO:
    case EBB_REGION:
        break; /* refused by ebb_between */
    }
    return EBB_POISON;
}

static ebb_id tangent_of(ebb_graph *g, ebb_id id, const ebb_id *tangent) {
    ebb_builder b = ebb_builder_for(g, id, EBB_TANGENT);
    ebb_primal p = ebb_primal_of(g, id);
    ebb_id t[3] = {EBB_ABSENT, EBB_ABSENT, EBB_ABSENT};
    bool any = false;
    for (int i = 0; i < p.arity && i < 3; i++) {
        t[i] = tangent[p.x[i]];
        any |= t[i] != EBB_ABSENT;
    }
    return any ? push(&b, &p, t) : EBB_ABSENT;
}

/* A node that is named twice moves in the sum of its directions. */
static bool seed(ebb_graph *g, int n, const ebb_id *x, const ebb_id *dx, const uint8_t *mark, ebb_id limit,
                 ebb_id *tangent) {
    for (int i = 0; i < n; i++) {
        if (x[i] >= limit || !ebb_is_between(mark, x[i])) continue;
        ebb_builder b = ebb_builder_for(g, x[i], EBB_TANGENT);
        tangent[x[i]] = ebb_plus(&b, tangent[x[i]], dx[i]);
        if (tangent[x[i]] == EBB_POISON) return false;
    }
    return true;
}

static bool sweep(ebb_graph *g, const uint8_t *mark, ebb_id limit, ebb_id *tangent) {
    for (ebb_id id = 1; id < limit; id++) {
        if (!ebb_is_between(mark, id) || (mark[id] & EBB_IS_X)) continue;
        tangent[id] = tangent_of(g, id, tangent);
        if (tangent[id] == EBB_POISON) return false;
    }
    return true;
}

bool ebb_jvp_nodes(ebb_graph *g, int n, const ebb_id *x, const ebb_id *dx, int m, const ebb_id *y, ebb_id *dy) {
    if (!ebb_check_pairs(g, "tangent", n, x, dx) || !ebb_check_ids(g, m, y)) return false;
    ebb_id limit;
    uint8_t *mark = ebb_between(g, n, x, m, y, &limit);
    ebb_id *tangent = mark ? ebb_mem_new(g->allocator, (size_t)limit, sizeof *tangent) : NULL;
    if (mark && !tangent) ebb_fail_memory(g->diag);
    bool ok = tangent && seed(g, n, x, dx, mark, limit, tangent) && sweep(g, mark, limit, tangent);
    for (int j = 0; ok && j < m; j++)
        dy[j] = tangent[y[j]];
    ebb_mem_free(g->allocator, tangent);
    ebb_mem_free(g->allocator, mark);
    return ok;
}
