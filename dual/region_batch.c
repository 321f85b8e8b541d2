/* region_batch.c - regions for many examples at once.
 *
 * A branch that all examples take is a branch of the batched functions. If each example chooses for itself, both
 * branches run for all and each example selects; what may fail or not end for operands that it was not written for,
 * runs only if some example takes it, and the others go along with that one. A loop runs while any example wants to,
 * and what an example has when it wants no more stays. In an unloop cotangents may differ between examples where values
 * do not: then a value has a place beside it, which nobody reads and which bears the cotangents, so that values are
 * computed once for all.
 *
 * Which states differ between examples is a fixpoint, as a state that is computed from one that differs, differs.
 * Start reading at batch_cond. */
#include "dual/region_batch.h"
#include "dual/transform.h"

ebb_id ebb_batching_operand(const ebb_batching *p, int i) { return ebb_operands(p->b.graph, p->region)[i]; }

bool ebb_batching_put(ebb_batching *p, ebb_id x) {
    p->arg[p->args++] = x;
    return x != EBB_POISON;
}

/* Operand i for all examples. */
ebb_id ebb_batching_all(ebb_batching *p, int i) {
    return p->x[i] != EBB_ABSENT ? p->x[i] : ebb_spread(&p->b, ebb_batching_operand(p, i), p->n);
}

/* Sequences and what is stacked have the iterations first, in a loop, and the examples first, outside. */
ebb_id ebb_batching_inside(ebb_batching *p, ebb_id x) { return ebb_move_axis(&p->b, x, 0, 1); }
ebb_id ebb_batching_outside(ebb_batching *p, ebb_id x) { return ebb_move_axis(&p->b, x, 1, 0); }

/* Result `number` for all examples. */
bool ebb_batching_get(ebb_batching *p, ebb_id tuple, int number, bool differs, bool stacked, ebb_id *y) {
    ebb_type type;
    *y = EBB_ABSENT;
    if (!ebb_result_type(p->b.graph, tuple, number, &type)) return true;
    *y = ebb_derive_get(p->b.graph, tuple, number, p->b.site);
    if (!differs) *y = ebb_spread(&p->b, *y, p->n);
    if (differs && stacked) *y = ebb_batching_outside(p, *y);
    return *y != EBB_POISON;
}

/* ---- marks of examples ---- */

/* mask [n] over the shape of `like`, [n, ...] */
ebb_id ebb_batching_over(ebb_builder *b, ebb_id mask, ebb_id like) {
    if (like == EBB_POISON) return like;
    return ebb_g_broadcast(b, mask, ebb_shape_of(b->graph, like), (const int64_t[]){0});
}

ebb_id ebb_batching_any_of(ebb_builder *b, ebb_id mask) {
    ebb_id count = ebb_g_sum(b, ebb_g_cast_to(b, mask, EBB_I64), 1, (const int64_t[]){0});
    return ebb_g_gt(b, count, ebb_g_number(b, EBB_I64, 0));
}

/* ---- callees ---- */

/* A parameter for all examples of x. */
ebb_id ebb_batching_parameter(const ebb_batching *p, ebb_callee *w, ebb_id x) {
    ebb_type type = ebb_type_of(w->b.graph, x), longer = type;
    ebb_id y = EBB_POISON;
    if (ebb_shape_insert(&type.shape, 0, p->n, &longer.shape))
        y = ebb_add_input(w->b.graph, longer, w->b.graph->site[x]);
    else
        ebb_fail(w->b.graph->diag, EBB_VALUE_ERROR, p->b.site, "vmap: a batch of rank %d would have one axis too many",
                 EBB_MAX_RANK);
    ebb_callee_take(w, y);
    return y;
}

/* f's next parameter: for all examples, bx, or as it is. */
bool ebb_batching_take(const ebb_batching *p, ebb_callee *w, int i, bool differs, ebb_id *bx) {
    *bx = differs ? ebb_batching_parameter(p, w, w->x[i]) : EBB_ABSENT;
    if (!differs) ebb_callee_take(w, w->x[i]);
    return *bx != EBB_POISON;
}

ebb_id ebb_batching_spread(const ebb_batching *p, ebb_callee *w, ebb_id by, ebb_id y) {
    return by != EBB_ABSENT || y == EBB_ABSENT ? by : ebb_spread(&w->b, y, p->n);
}

/* ---- cond ---- */

/* by: what the branch gives for all examples, absent where it is the same. */
static bool batch_branch(const ebb_batching *p, ebb_callee *w, const ebb_graph *f, ebb_id *bx, ebb_id *by) {
    bool ok = ebb_callee_start(w, f, f->inputs, f->outputs, &p->b);
    for (int i = 0; ok && i < w->xs; i++)
        ok = ebb_batching_take(p, w, i, p->x[i + 1] != EBB_ABSENT, &bx[i]);
    return ok && ebb_vmap_nodes(w->b.graph, p->n, w->xs, w->x, bx, w->ys, w->y, by);
}

/* One predicate for all: what differs in either branch is given by both for all examples. */
static bool choose_together(ebb_batching *p, ebb_callee w[2], int branches, const ebb_id *by) {
    ebb_graph *branch[2];
    int n = w->xs, m = w->ys;
    bool ok = ebb_batching_put(p, ebb_batching_operand(p, 0));
    for (int i = 1; ok && i <= n; i++)
        ok = ebb_batching_put(p, p->x[i] ? p->x[i] : ebb_batching_operand(p, i));
    for (int k = 0; k < branches; k++)
        for (int j = 0; ok && j < m; j++) {
            ebb_id y = w[k].y[j], all = by[j] || by[m + j] ? ebb_batching_spread(p, &w[k], by[k * m + j], y) : y;
            ok = ebb_callee_give(&w[k], all);
        }
    ok = ebb_branches_finish(w, branches, ok, branch);
    ebb_id tuple = ok ? ebb_derive_cond(p->b.graph, branch[0], branch[1], p->args, p->arg, p->b.site) : EBB_POISON;
    ok = tuple != EBB_POISON;
    for (int j = 0; ok && j < m; j++)
        ok = ebb_batching_get(p, tuple, j, by[j] || by[m + j], false, &p->y[j]);
    ebb_graph_release(branch[0]);
    ebb_graph_release(branch[1]);
    return ok;
}

/* Whether f ends without an error, whatever it is given. */
static bool always_ends(const ebb_graph *f) {
    for (ebb_id id = 1; id < f->count; id++)
        if (ebb_is_region(ebb_op_of(f, id)) || ebb_op_of(f, id) == EBB_OP_check_index) return false;
    return true;
}

/* What stands in for f where no example takes it. */
static ebb_graph *zeros_like(const ebb_batching *p, const ebb_graph *f) {
    ebb_callee w;
    bool ok = ebb_callee_start(&w, f, f->inputs, f->outputs, &p->b);
    for (int i = 0; ok && i < w.xs; i++)
        ebb_callee_take(&w, w.x[i]);
    for (int j = 0; ok && j < w.ys; j++)
        ok = ebb_callee_give(&w, w.y[j] ? ebb_g_full_like(&w.b, w.y[j], 0) : EBB_ABSENT);
    return ebb_callee_finish(&w, ok);
}

/* f for all examples in taken[], if there are any; the others go along with the first of them. */
static bool run_if_taken(ebb_batching *p, ebb_graph *f, ebb_id taken, ebb_id *y) {
    ebb_builder *b = &p->b;
    ebb_graph *zeros = zeros_like(p, f);
    ebb_id first = ebb_g_argmax(b, ebb_g_cast_to(b, taken, EBB_I32), 0);
    bool ok = zeros && ebb_batching_put(p, ebb_batching_any_of(b, taken));
    for (int i = 1; ok && i <= f->inputs; i++) {
        ebb_id x = p->x[i], one = x ? ebb_g_gather(b, x, first, 0) : EBB_ABSENT;
        ok = ebb_batching_put(p, x ? ebb_g_select(b, ebb_batching_over(b, taken, x), x, ebb_spread(b, one, p->n))
                                   : ebb_batching_operand(p, i));
    }
    ebb_id tuple = ok ? ebb_derive_cond(b->graph, f, zeros, p->args, p->arg, b->site) : EBB_POISON;
    ok = tuple != EBB_POISON;
    for (int j = 0; ok && j < f->outputs; j++)
        ok = ebb_batching_get(p, tuple, j, true, false, &y[j]);
    ebb_graph_release(zeros);
    p->args = 0;
    return ok;
}

static bool run_anyway(ebb_batching *p, const ebb_graph *f, ebb_id *y) {
    for (int i = 1; i <= f->inputs; i++)
        ebb_batching_put(p, p->x[i] ? p->x[i] : ebb_batching_operand(p, i));
    p->args = 0;
    return ebb_inline(p->b.graph, f, p->arg, y);
}

/* A predicate for each. */
static bool choose_apart(ebb_batching *p, ebb_callee w[2], ebb_id *by) {
    ebb_builder *b = &p->b;
    int m = w->ys;
    bool ok = true;
    for (int k = 0; k < 2; k++) {
        for (int j = 0; ok && j < m; j++)
            ok = ebb_callee_give(&w[k], ebb_batching_spread(p, &w[k], by[k * m + j], w[k].y[j]));
        ebb_graph *f = ebb_callee_finish(&w[k], ok);
        ebb_id taken = k == 0 ? p->x[0] : ebb_g_logical_not(b, p->x[0]);
        ok = f && (p->n == 0 || always_ends(f) ? run_anyway(p, f, by + (int64_t)k * m)
                                               : run_if_taken(p, f, taken, by + (int64_t)k * m));
        ebb_graph_release(f);
    }
    for (int j = 0; ok && j < m; j++)
        if (by[j])
            ok = (p->y[j] = ebb_g_select(b, ebb_batching_over(b, p->x[0], by[j]), by[j], by[m + j])) != EBB_POISON;
    return ok;
}

static bool batch_cond(ebb_batching *p) {
    const ebb_region r = ebb_region_of(p->b.graph, p->region);
    const ebb_allocator *a = p->b.graph->allocator;
    size_t n = (size_t)r.callee[0]->inputs, m = (size_t)r.callee[0]->outputs;
    ebb_callee w[2] = {{.xs = 0}, {.xs = 0}};
    ebb_id *by = ebb_mem_new(a, 2 * m + n + 1, sizeof *by);
    int branches = p->x[0] ? 2 : ebb_branches(&r);
    bool ok = by || ebb_fail_memory(p->b.graph->diag);
    for (int b = 0; ok && b < branches; b++)
        ok = batch_branch(p, &w[b], r.callee[b], by + 2 * m, by + (size_t)b * m);
    ok = ok && (p->x[0] ? choose_apart(p, w, by) : choose_together(p, w, branches, by));
    ebb_callee_finish(&w[0], false);
    ebb_callee_finish(&w[1], false);
    ebb_mem_free(a, by);
    return ok;
}

/* ---- any ---- */

static bool batch_region(ebb_batching *p) {
    switch (ebb_op_of(p->b.graph, p->region)) {
    case EBB_OP_cond:
        return batch_cond(p);
    case EBB_OP_custom:
        return ebb_batch_custom(p);
    case EBB_OP_loop:
    case EBB_OP_unloop:
        return ebb_batch_loop(p);
    default:
        return ebb_fail(p->b.graph->diag, EBB_LOOKUP_ERROR, p->b.site,
                        "%s cannot be batched before the graph is expanded",
                        ebb_op_table[ebb_op_of(p->b.graph, p->region)].name);
    }
}

bool ebb_region_batch(ebb_graph *g, ebb_id region, int64_t n, const ebb_id *x, ebb_id *y) {
    ebb_batching p = {.b = {g, g->site[region]}, .region = region, .n = n, .x = x, .y = y};
    size_t most = 2 * (size_t)g->node[region].arity + 1;
    p.arg = ebb_mem_new(g->allocator, most, sizeof *p.arg);
    bool ok = p.arg ? batch_region(&p) : ebb_fail_memory(g->diag);
    ebb_mem_free(g->allocator, p.arg);
    return ok;
}
