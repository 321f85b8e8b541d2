/* region_pull.c - reverse: what a region's cotangents are for its operands.
 *
 * Of a cond it is a cond on the branches' own reverse modes. Of a loop it is an unloop, whose pullback is the reverse
 * mode of the body: which runs the loop again and comes back through its iterations. That of an unloop is in
 * region_pull_unloop.c. Start reading at pull_loop. */
#include "dual/dual.h"
#include "dual/region_pull.h"

static bool is_real(const ebb_graph *g, ebb_id x) { return ebb_is_float(ebb_dtype_at(g, x)); }

bool ebb_pulling_get(const ebb_pulling *p, ebb_id tuple, int number, ebb_id *y) {
    ebb_type type;
    *y = EBB_ABSENT;
    if (ebb_result_type(p->b.graph, tuple, number, &type)) *y = ebb_derive_get(p->b.graph, tuple, number, p->b.site);
    return *y != EBB_POISON;
}

/* Reverse mode of a callee, whose parameters are taken. asked[j]: result j has a cotangent; ct[j]: a parameter for it.
 * dx[i], where moves[i]. */
static bool pull_callee(ebb_callee *w, const bool *moves, const bool *asked, ebb_id *ct, ebb_id *dx) {
    ebb_graph *g = w->b.graph;
    ebb_id *x = ebb_mem_new(g->allocator, (size_t)w->xs + 1, sizeof *x);
    if (!x) return ebb_fail_memory(g->diag);
    for (int i = 0; i < w->xs; i++)
        x[i] = moves[i] ? w->x[i] : EBB_ABSENT;
    for (int j = 0; j < w->ys; j++)
        if (!asked[j]) ct[j] = EBB_ABSENT;
    bool ok = ebb_vjp_nodes(g, w->ys, w->y, ct, w->xs, x, dx);
    ebb_mem_free(g->allocator, x);
    return ok;
}

/* ---- cond ---- */

/* Branch b: its parameters, then those for the cotangents that are there. */
static bool pull_branch(const ebb_pulling *p, ebb_callee *w, const ebb_graph *f, ebb_id *ct, bool *asked, ebb_id *dx) {
    if (!ebb_callee_start(w, f, (int64_t)f->inputs + f->outputs, f->inputs, &p->b)) return false;
    for (int i = 0; i < w->xs; i++)
        ebb_callee_take(w, w->x[i]);
    for (int j = 0; j < w->ys; j++) {
        asked[j] = p->ct[j] != EBB_ABSENT;
        if (asked[j]) ct[j] = ebb_callee_parameter(w, w->y[j]);
    }
    return pull_callee(w, p->wanted + 1, asked, ct, dx);
}

/* What either branch has, given by both; dx has their numbers, from 1. */
static int give_either(ebb_callee w[2], int branches, const ebb_id *dx, ebb_id *number) {
    int count = 0, n = w->xs;
    for (int i = 0; i < n; i++) {
        number[i] = EBB_ABSENT;
        if (!dx[i] && !dx[n + i]) continue;
        number[i] = ++count;
        for (int b = 0; b < branches; b++)
            if (!ebb_callee_give(&w[b], ebb_present(&w[b].b, dx[b * n + i], w[b].x[i]))) return -1;
    }
    return count;
}

static bool put_cond(ebb_pulling *p, ebb_graph *then, ebb_graph *otherwise, int n, int m) {
    bool ok = ebb_pulling_put(p, ebb_pulling_operand(p, 0));
    for (int i = 1; ok && i <= n; i++)
        ok = ebb_pulling_put(p, ebb_pulling_operand(p, i));
    for (int j = 0; ok && j < m; j++)
        if (p->ct[j]) ok = ebb_pulling_put(p, p->ct[j]);
    ebb_id tuple = ok ? ebb_derive_cond(p->b.graph, then, otherwise, p->args, p->arg, p->b.site) : EBB_POISON;
    ok = tuple != EBB_POISON;
    for (int i = 1; ok && i <= n; i++)
        if (p->dx[i]) ok = ebb_pulling_get(p, tuple, p->dx[i] - 1, &p->dx[i]);
    return ok;
}

static bool pull_cond(ebb_pulling *p) {
    const ebb_region r = ebb_region_of(p->b.graph, p->region);
    const ebb_allocator *a = p->b.graph->allocator;
    int n = r.callee[0]->inputs, m = r.callee[0]->outputs, branches = ebb_branches(&r), count = 0;
    ebb_callee w[2] = {{.xs = 0}, {.xs = 0}};
    ebb_graph *branch[2];
    ebb_id *ct = ebb_mem_new(a, (size_t)m + 2 * (size_t)n + 1, sizeof *ct), *dx = ct ? ct + m : NULL;
    bool *asked = ebb_mem_new(a, (size_t)m + 1, sizeof *asked);
    bool ok = (ct && asked) || ebb_fail_memory(p->b.graph->diag);
    for (int b = 0; ok && b < branches; b++)
        ok = pull_branch(p, &w[b], r.callee[b], ct, asked, dx + (int64_t)b * n);
    if (ok) ok = (count = give_either(w, branches, dx, p->dx + 1)) >= 0;
    bool made = ebb_branches_finish(w, branches, ok && count, branch);
    if (count > 0) ok = made && put_cond(p, branch[0], branch[1], n, m);
    ebb_graph_release(branch[0]);
    ebb_graph_release(branch[1]);
    ebb_mem_free(a, asked);
    ebb_mem_free(a, ct);
    return ok;
}

/* ---- loop ---- */

/* Zeros for the cotangent of result j, counted among all results. */
static ebb_id zeros_for(ebb_pulling *p, ebb_id tuple, int j) {
    ebb_type type = {0};
    ebb_result_type(p->b.graph, tuple, j, &type);
    return ebb_g_full(&p->b, type.dtype, &type.shape, 0);
}

/* Reverse mode of the body: its parameters and a cotangent for each float result, to one for each float parameter. */
static ebb_graph *pull_body(const ebb_pulling *p, const ebb_loop *l, bool *moves, bool *asked, ebb_id *ct, ebb_id *dx) {
    int n = l->body->inputs, m = l->body->outputs;
    ebb_callee w;
    bool ok = ebb_callee_start(&w, l->body, (int64_t)n + m, n, &p->b);
    for (int i = 0; ok && i < n; i++)
        moves[i] = p->wanted[i] && is_real(w.b.graph, w.x[i]);
    for (int j = 0; ok && j < m; j++)
        asked[j] = p->ct[j] != EBB_ABSENT;
    ok = ok && ebb_settle(&w, 0, l->states, moves, asked);
    for (int i = 0; ok && i < n; i++)
        ebb_callee_take(&w, w.x[i]);
    for (int j = 0; ok && j < m; j++)
        if (is_real(w.b.graph, w.y[j])) ct[j] = ebb_callee_parameter(&w, w.y[j]);
    ok = ok && pull_callee(&w, moves, asked, ct, dx);
    for (int i = 0; ok && i < n; i++)
        if (is_real(w.b.graph, w.x[i])) ok = ebb_callee_give(&w, dx[i]);
    return ebb_callee_finish(&w, ok);
}

/* Marks in dx the operands whose cotangents are not zero anyhow: states that a result asks, and what else the pullback
 * has one for. Gives their number. */
static int find_cotangents(const ebb_pulling *p, const ebb_loop *l, const bool *asked) {
    int count = 0;
    for (int i = 0, f = 0; i < l->body->inputs; i++) {
        if (!is_real(l->body, l->body->input[i])) continue;
        p->dx[i] = p->wanted[i] && (i < l->states ? asked[i] : l->pullback->output[f] != EBB_ABSENT);
        count += p->dx[i];
        f++;
    }
    return count;
}

static bool put_unloop(ebb_pulling *p, ebb_loop *l, const bool *asked) {
    int n = l->body->inputs, m = l->body->outputs;
    bool ok = true;
    if (!find_cotangents(p, l, asked)) return true;
    for (int i = 0; ok && i < n; i++)
        ok = ebb_pulling_put(p, ebb_pulling_operand(p, i));
    for (int j = 0; ok && j < m; j++)
        if (is_real(l->body, l->body->output[j]))
            ok = ebb_pulling_put(p, asked[j] && p->ct[j] ? p->ct[j] : zeros_for(p, p->region, j));
    ebb_id tuple = ok ? ebb_derive_loop(p->b.graph, l, p->args, p->arg, p->b.site) : EBB_POISON;
    ok = tuple != EBB_POISON;
    for (int i = 0, f = 0; ok && i < n; i++) {
        if (!is_real(l->body, l->body->input[i])) continue;
        if (p->dx[i]) ok = ebb_pulling_get(p, tuple, f, &p->dx[i]);
        f++;
    }
    return ok;
}

static bool pull_loop(ebb_pulling *p) {
    ebb_loop l = ebb_loop_of(p->b.graph, p->region);
    const ebb_allocator *a = p->b.graph->allocator;
    size_t n = (size_t)l.body->inputs, m = (size_t)l.body->outputs;
    bool *moves = ebb_mem_new(a, n + m + 1, sizeof *moves), *asked = moves ? moves + n : NULL;
    ebb_id *ct = ebb_mem_new(a, n + m + 1, sizeof *ct);
    if (moves && ct)
        l.pullback = pull_body(p, &l, moves, asked, ct, ct + m);
    else
        ebb_fail_memory(p->b.graph->diag);
    bool ok = l.pullback && put_unloop(p, &l, asked);
    ebb_graph_release(l.pullback);
    ebb_mem_free(a, ct);
    ebb_mem_free(a, moves);
    return ok;
}

/* ---- any ---- */

static bool pull_region(ebb_pulling *p) {
    switch (ebb_op_of(p->b.graph, p->region)) {
    case EBB_OP_custom:
        return ebb_custom_pull(p->b.graph, p->region, p->ct, p->wanted, p->dx);
    case EBB_OP_cond:
        return pull_cond(p);
    case EBB_OP_loop:
        return pull_loop(p);
    case EBB_OP_unloop:
        return ebb_pull_unloop(p);
    default:
        return ebb_fail(p->b.graph->diag, EBB_INTERNAL_ERROR, p->b.site, "no such region");
    }
}

bool ebb_region_pull(ebb_graph *g, ebb_id region, const ebb_id *ct, const bool *wanted, ebb_id *dx) {
    ebb_pulling p = {
        .b = ebb_builder_for(g, region, EBB_ADJOINT), .region = region, .ct = ct, .wanted = wanted, .dx = dx};
    size_t most = 2 * ((size_t)g->node[region].arity + (size_t)ebb_results_of(g, region)) + 1;
    p.arg = ebb_mem_new(g->allocator, most, sizeof *p.arg);
    bool ok = p.arg ? pull_region(&p) : ebb_fail_memory(g->diag);
    ebb_mem_free(g->allocator, p.arg);
    return ok;
}
