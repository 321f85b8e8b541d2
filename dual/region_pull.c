/* region_pull.c - reverse: what a region's cotangents are for its operands.
 *
 * Of a cond it is a cond on the branches' own reverse modes. Of a loop it is an unloop, whose pullback is the reverse
 * mode of the body: which runs the loop again and comes back through its iterations.
 *
 * An unloop R(x, u) = J(x)' u is linear in u, so that from cotangents w of its results u has J(x) w: the tangents of
 * the loop along w, a loop whose body has tangents as states beside it. They are the transpose of the pullback. And x
 * has the gradient in x of u' J(x) w, which is the gradient of the tangents of the loop with u as their cotangents: an
 * unloop of the same loop of tangents. Its pullback carries the cotangents of values and of tangents; the latter are
 * the first unloop's once more. Start reading at pull_loop. */
#include "dual/dual.h"
#include "dual/flow.h"
#include "dual/region.h"
#include "dual/transform.h"

typedef struct pulling {
    ebb_builder b;
    ebb_id region;
    const ebb_id *ct;   /* [results] */
    const bool *wanted; /* [operands] */
    ebb_id *dx;         /* [operands] */
    ebb_id *arg;        /* the operands of what is made */
    int args;
} pulling;

static ebb_id operand(const pulling *p, int i) { return ebb_operands(p->b.graph, p->region)[i]; }

static bool put(pulling *p, ebb_id x) {
    p->arg[p->args++] = x;
    return x != EBB_POISON;
}

static bool is_real(const ebb_graph *g, ebb_id x) { return ebb_is_float(ebb_dtype_at(g, x)); }

static bool get(const pulling *p, ebb_id tuple, int number, ebb_id *y) {
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
static bool pull_branch(const pulling *p, ebb_callee *w, const ebb_graph *f, ebb_id *ct, bool *asked, ebb_id *dx) {
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

static bool put_cond(pulling *p, ebb_graph *then, ebb_graph *otherwise, int n, int m) {
    bool ok = put(p, operand(p, 0));
    for (int i = 1; ok && i <= n; i++)
        ok = put(p, operand(p, i));
    for (int j = 0; ok && j < m; j++)
        if (p->ct[j]) ok = put(p, p->ct[j]);
    ebb_id tuple = ok ? ebb_derive_cond(p->b.graph, then, otherwise, p->args, p->arg, p->b.site) : EBB_POISON;
    ok = tuple != EBB_POISON;
    for (int i = 1; ok && i <= n; i++)
        if (p->dx[i]) ok = get(p, tuple, p->dx[i] - 1, &p->dx[i]);
    return ok;
}

static bool pull_cond(pulling *p) {
    const ebb_region r = ebb_region_of(p->b.graph, p->region);
    const ebb_allocator *a = p->b.graph->allocator;
    int n = r.callee[0]->inputs, m = r.callee[0]->outputs, branches = ebb_branches(&r), count = 0;
    ebb_callee w[2] = {{.xs = 0}, {.xs = 0}};
    ebb_graph *branch[2];
    ebb_id *ct = ebb_mem_new(a, (size_t)m + 2 * (size_t)n + 1, sizeof *ct), *dx = ct + m;
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
static ebb_id zeros_for(pulling *p, ebb_id tuple, int j) {
    ebb_type type = {0};
    ebb_result_type(p->b.graph, tuple, j, &type);
    return ebb_g_full(&p->b, type.dtype, &type.shape, 0);
}

/* Reverse mode of the body: its parameters and a cotangent for each float result, to one for each float parameter. */
static ebb_graph *pull_body(const pulling *p, const ebb_loop *l, bool *moves, bool *asked, ebb_id *ct, ebb_id *dx) {
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
static int find_cotangents(const pulling *p, const ebb_loop *l, const bool *asked) {
    int count = 0;
    for (int i = 0, f = 0; i < l->body->inputs; i++) {
        if (!is_real(l->body, l->body->input[i])) continue;
        p->dx[i] = p->wanted[i] && (i < l->states ? asked[i] : l->pullback->output[f] != EBB_ABSENT);
        count += p->dx[i];
        f++;
    }
    return count;
}

static bool put_unloop(pulling *p, ebb_loop *l, const bool *asked) {
    int n = l->body->inputs, m = l->body->outputs;
    bool ok = true;
    if (!find_cotangents(p, l, asked)) return true;
    for (int i = 0; ok && i < n; i++)
        ok = put(p, operand(p, i));
    for (int j = 0; ok && j < m; j++)
        if (is_real(l->body, l->body->output[j]))
            ok = put(p, asked[j] && p->ct[j] ? p->ct[j] : zeros_for(p, p->region, j));
    ebb_id tuple = ok ? ebb_derive_loop(p->b.graph, l, p->args, p->arg, p->b.site) : EBB_POISON;
    ok = tuple != EBB_POISON;
    for (int i = 0, f = 0; ok && i < n; i++) {
        if (!is_real(l->body, l->body->input[i])) continue;
        if (p->dx[i]) ok = get(p, tuple, f, &p->dx[i]);
        f++;
    }
    return ok;
}

static bool pull_loop(pulling *p) {
    ebb_loop l = ebb_loop_of(p->b.graph, p->region);
    const ebb_allocator *a = p->b.graph->allocator;
    size_t n = (size_t)l.body->inputs, m = (size_t)l.body->outputs;
    bool *moves = ebb_mem_new(a, n + m + 1, sizeof *moves), *asked = moves + n;
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

/* ---- unloop ---- */

typedef struct unlooping { /* the loop of tangents, while it is written */
    ebb_loop l;            /* the unloop's own */
    int n, cotangents;     /* parameters of the body; float results of it */
    int results;           /* float parameters of the body */
    bool *has_tangent;     /* [n]: the parameter has a tangent in the loop of tangents */
    bool *wanted;          /* [n]: a cotangent of it is needed */
    ebb_id *room;          /* for the nodes of a callee at work */
} unlooping;

/* All float states, and what the unloop has a cotangent of. */
static void find_tangents(const pulling *p, unlooping *u) {
    for (int i = 0, f = 0; i < u->n; i++) {
        if (!is_real(u->l.body, u->l.body->input[i])) continue;
        u->has_tangent[i] = i < u->l.states || u->l.pullback->output[f];
        u->wanted[i] = i < u->l.states || p->wanted[i];
        f++;
    }
}

/* The body's parameters, each followed by its tangent; t: [results], absent where none is, or where none comes in. */
static void take_tangents(const pulling *p, const unlooping *u, ebb_callee *w, ebb_id *t) {
    for (int i = 0, f = 0; i < u->n; i++) {
        ebb_callee_take(w, w->x[i]);
        if (!is_real(w->b.graph, w->x[i])) continue;
        t[f] = u->has_tangent[i] ? ebb_callee_parameter(w, w->x[i]) : EBB_ABSENT;
        if (i >= u->l.states && !p->ct[f]) t[f] = EBB_ABSENT;
        f++;
    }
}

/* Values and tangents. The tangents are the transpose of the pullback, which is linear in its cotangents and so does
 * not depend on them: they may be zero. */
static ebb_graph *tangent_body(const pulling *p, const unlooping *u) {
    ebb_callee w;
    ebb_id *t = u->room, *y = t + u->results, *x = y + u->results, *ct = x + u->n, *dct = ct + u->cotangents;
    bool ok =
        ebb_callee_start(&w, u->l.body, 2 * (int64_t)u->n + u->cotangents, 2 * (int64_t)u->l.body->outputs, &p->b);
    if (ok) take_tangents(p, u, &w, t);
    for (int i = 0; ok && i < u->n; i++)
        x[i] = w.x[i];
    for (int j = 0, f = 0; ok && j < w.ys; j++)
        if (is_real(w.b.graph, w.y[j])) {
            ct[f] = ebb_callee_parameter(&w, w.y[j]);
            ok = ct[f++] != EBB_POISON;
        }
    ok = ok && ebb_inline(w.b.graph, u->l.pullback, x, y) &&
         ebb_vjp_nodes(w.b.graph, u->results, y, t, u->cotangents, ct, dct);
    for (int j = 0, f = 0; ok && j < w.ys; j++) {
        ok = ebb_callee_give(&w, w.y[j]);
        if (ok && is_real(w.b.graph, w.y[j])) ok = ebb_callee_give(&w, ebb_present(&w.b, dct[f++], w.y[j]));
    }
    ebb_graph *with_cotangents = ebb_callee_finish(&w, ok);
    ebb_graph *done = with_cotangents ? ebb_at_zero(with_cotangents, u->cotangents) : NULL;
    ebb_graph_release(with_cotangents);
    return done;
}

static ebb_graph *tangent_condition(const pulling *p, const unlooping *u) {
    ebb_callee w;
    bool ok = ebb_callee_start(&w, u->l.condition, 2 * (int64_t)u->n, 1, &p->b);
    for (int i = 0; ok && i < w.xs; i++) {
        ebb_callee_take(&w, w.x[i]);
        if (u->has_tangent[i]) ok = ebb_callee_parameter(&w, w.x[i]) != EBB_POISON;
    }
    return ebb_callee_finish(&w, ok && ebb_callee_give(&w, w.y[0]));
}

/* The cotangents of values and of tangents in turn; the latter are the unloop's own, carried on for the former. */
static bool give_gradients(const unlooping *u, ebb_callee *w, const ebb_id *gradient) {
    for (int i = 0, f = 0; i < u->n; i++) {
        if (!is_real(w->b.graph, w->x[i])) continue;
        if (!ebb_callee_give(w, gradient[i])) return false;
        if (u->has_tangent[i] && !ebb_callee_give(w, i < u->l.states ? w->y[f] : EBB_ABSENT)) return false;
        f++;
    }
    return true;
}

/* Values have the gradient of what the pullback gives along the tangents, and the reverse mode of the body for
 * cotangents of their own. */
static ebb_graph *tangent_pullback(const pulling *p, const unlooping *u) {
    ebb_callee w;
    int all = u->results + u->cotangents;
    ebb_id *y = u->room, *ct = y + all, *x = ct + all, *gradient = x + u->n, *value = gradient + u->n;
    bool ok = ebb_callee_start(&w, u->l.pullback, 2 * (int64_t)u->l.pullback->inputs, 2 * (int64_t)u->results, &p->b);
    if (ok) take_tangents(p, u, &w, ct);
    for (int f = 0; ok && f < u->cotangents; f++) {
        ct[u->results + f] = ebb_callee_parameter(&w, w.x[u->n + f]);
        ebb_callee_take(&w, w.x[u->n + f]);
    }
    for (int i = 0; ok && i < u->n; i++)
        x[i] = u->wanted[i] ? w.x[i] : EBB_ABSENT;
    for (int f = 0; ok && f < u->results; f++)
        y[f] = w.y[f];
    ok = ok && ebb_inline(w.b.graph, u->l.body, w.x, value);
    for (int j = 0, f = u->results; ok && j < u->l.body->outputs; j++)
        if (is_real(w.b.graph, value[j])) y[f++] = value[j];
    ok = ok && ebb_vjp_nodes(w.b.graph, all, y, ct, u->n, x, gradient) && give_gradients(u, &w, gradient);
    return ebb_callee_finish(&w, ok);
}

/* Operands of the loop of tangents: values, each followed by its tangent. */
static bool put_tangents(pulling *p, const unlooping *u) {
    bool ok = true;
    for (int i = 0, f = 0; ok && i < u->n; i++) {
        ok = put(p, operand(p, i));
        if (!is_real(u->l.body, u->l.body->input[i])) continue;
        if (ok && u->has_tangent[i]) ok = put(p, ebb_present(&p->b, p->ct[f], operand(p, i)));
        f++;
    }
    return ok;
}

/* J(x) w, for the cotangents of u. */
static bool put_tangent_loop(pulling *p, const unlooping *u, const ebb_loop *to) {
    ebb_id tuple = ebb_derive_loop(p->b.graph, to, p->args, p->arg, p->b.site);
    bool ok = tuple != EBB_POISON;
    for (int j = 0, f = 0, number = 0; ok && j < u->l.body->outputs; j++, number++) {
        if (!is_real(u->l.body, u->l.body->output[j])) continue;
        number++;
        if (p->wanted[u->n + f]) ok = get(p, tuple, number, &p->dx[u->n + f]);
        f++;
    }
    return ok;
}

/* The gradient of u' J(x) w, for x. */
static bool put_tangent_unloop(pulling *p, const unlooping *u, const ebb_loop *to) {
    bool ok = true;
    for (int f = u->n; ok && f < u->n + u->cotangents; f++)
        ok = put(p, ebb_g_full_like(&p->b, operand(p, f), 0)) && put(p, operand(p, f));
    ebb_id tuple = ok ? ebb_derive_loop(p->b.graph, to, p->args, p->arg, p->b.site) : EBB_POISON;
    ok = tuple != EBB_POISON;
    for (int i = 0, number = 0; ok && i < u->n; i++) {
        if (!is_real(u->l.body, u->l.body->input[i])) continue;
        if (p->wanted[i]) ok = get(p, tuple, number, &p->dx[i]);
        number += 1 + u->has_tangent[i];
    }
    return ok;
}

static bool any(const bool *flag, int n) {
    for (int i = 0; i < n; i++)
        if (flag[i]) return true;
    return false;
}

static bool put_both(pulling *p, unlooping *u, ebb_loop *to) {
    for (int i = 0; i < u->n; i++)
        *(i < u->l.states ? &to->states : &to->captures) += i < u->l.states + u->l.captures && u->has_tangent[i];
    to->body = tangent_body(p, u);
    to->condition = to->body && u->l.condition ? tangent_condition(p, u) : NULL;
    bool ok = to->body && (!u->l.condition || to->condition) && put_tangents(p, u);
    if (ok && any(p->wanted + u->n, u->cotangents)) {
        to->pullback = NULL;
        ok = put_tangent_loop(p, u, to);
    }
    if (ok && any(p->wanted, u->n)) {
        to->pullback = tangent_pullback(p, u);
        ok = to->pullback && put_tangent_unloop(p, u, to);
    }
    return ok;
}

/* Nothing but a rule of its own makes a pullback that is not linear. */
static bool check_pullback(const pulling *p, const unlooping *u) {
    const ebb_graph *f = u->l.pullback;
    ebb_id where;
    int result;
    ebb_diag *diag = p->b.graph->diag;
    if (!f->own_rules) return true;
    if (ebb_is_linear(f, u->cotangents, f->input + u->n, f->outputs, f->output, &where, &result, diag)) return true;
    return ebb_fail(diag, EBB_VALUE_ERROR, p->b.site,
                    "the reverse mode of %s is not linear in its cotangents, and so has no reverse mode", f->name);
}

static bool pull_unloop(pulling *p) {
    const ebb_allocator *a = p->b.graph->allocator;
    unlooping u = {.l = ebb_loop_of(p->b.graph, p->region)};
    ebb_loop to = u.l;
    u.n = u.l.body->inputs;
    u.results = u.l.pullback->outputs;
    u.cotangents = u.l.pullback->inputs - u.n;
    size_t n = (size_t)u.n;
    size_t all = 2 * (n + (size_t)u.results + (size_t)u.cotangents) + (size_t)u.l.body->outputs;
    u.room = ebb_mem_new(a, all + 1, sizeof *u.room);
    u.has_tangent = ebb_mem_new(a, 2 * n + 1, sizeof *u.has_tangent);
    u.wanted = u.has_tangent + n;
    to.body = to.condition = to.pullback = NULL;
    bool ok = (u.room && u.has_tangent) || ebb_fail_memory(p->b.graph->diag);
    if (ok) find_tangents(p, &u);
    ok = ok && check_pullback(p, &u) && put_both(p, &u, &to);
    ebb_graph_release(to.body);
    ebb_graph_release(to.condition);
    ebb_graph_release(to.pullback);
    ebb_mem_free(a, u.has_tangent);
    ebb_mem_free(a, u.room);
    return ok;
}

/* ---- any ---- */

static bool pull_region(pulling *p) {
    switch (ebb_op_of(p->b.graph, p->region)) {
    case EBB_OP_custom:
        return ebb_custom_pull(p->b.graph, p->region, p->ct, p->wanted, p->dx);
    case EBB_OP_cond:
        return pull_cond(p);
    case EBB_OP_loop:
        return pull_loop(p);
    case EBB_OP_unloop:
        return pull_unloop(p);
    default:
        return ebb_fail(p->b.graph->diag, EBB_INTERNAL_ERROR, p->b.site, "no such region");
    }
}

bool ebb_region_pull(ebb_graph *g, ebb_id region, const ebb_id *ct, const bool *wanted, ebb_id *dx) {
    pulling p = {.b = ebb_builder_for(g, region, EBB_ADJOINT), .region = region, .ct = ct, .wanted = wanted, .dx = dx};
    size_t most = 2 * ((size_t)g->node[region].arity + (size_t)ebb_results_of(g, region)) + 1;
    p.arg = ebb_mem_new(g->allocator, most, sizeof *p.arg);
    bool ok = p.arg ? pull_region(&p) : ebb_fail_memory(g->diag);
    ebb_mem_free(g->allocator, p.arg);
    return ok;
}
