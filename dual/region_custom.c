/* region_custom.c - rules of one's own: a custom region derives as its rule says.
 *
 * A rule in forward direction gives dy for (x, y, dx), linear in dx: the tangents. Along a curve y' = rule(x, y, x'),
 * and so k y_k is coefficient k - 1 of the rule along the curves of x, y and x': a rule serves every order. Its
 * transpose in dx is the reverse mode. A rule in reverse direction gives cotangents of x for (x, y, cotangents of y);
 * its transpose in these, if it is linear, is a rule in forward direction.
 *
 * The rule is written into the program where it is asked, and is derived again as any part of it.
 * Start reading at ebb_custom_push. */
#include "dual/dual.h"
#include "dual/flow.h"
#include "dual/push.h"
#include "dual/region_batch.h"
#include "dual/transform.h"

typedef struct ruling {
    ebb_builder b;
    ebb_id region;
    ebb_graph *primal, *rule; /* borrowed from the graph */
    bool reverse;             /* the rule's direction */
    int n, m;                 /* the primal's parameters and results */
    int dxs, dys;             /* of which are float */
    ebb_graph *asked;         /* the rule in the direction that is asked; owned */
    bool *there;              /* [dxs or dys]: what it takes of tangents or cotangents; owned */
} ruling;

static bool is_real(const ebb_graph *g, ebb_id x) { return ebb_is_float(ebb_dtype_at(g, x)); }

static int count_real(const ebb_graph *g, int n, const ebb_id *x) {
    int real = 0;
    for (int i = 0; i < n; i++)
        real += is_real(g, x[i]);
    return real;
}

static ruling ruling_of(ebb_graph *g, ebb_id region, ebb_part part) {
    const ebb_region r = ebb_region_of(g, region);
    ruling w = {.b = ebb_builder_for(g, region, part), .region = region, .primal = r.callee[0], .rule = r.callee[1]};
    w.reverse = r.number[0] != 0;
    w.n = w.primal->inputs;
    w.m = w.primal->outputs;
    w.dxs = count_real(w.primal, w.n, w.primal->input);
    w.dys = count_real(w.primal, w.m, w.primal->output);
    return w;
}

/* ---- the rule in the direction that is asked ---- */

static bool is_linear(const ruling *r, const ebb_graph *rule) {
    int fixed = r->n + r->m, result;
    ebb_id where;
    return ebb_is_linear(rule, rule->inputs - fixed, rule->input + fixed, rule->outputs, rule->output, &where, &result,
                         r->b.graph->diag);
}

static bool check_linear(const ruling *r) {
    return is_linear(r, r->rule) ||
           ebb_fail(r->b.graph->diag, EBB_VALUE_ERROR, r->b.site,
                    "the rule %s of %s is not linear in the %s, so %s has no %s mode", r->rule->name, r->primal->name,
                    r->reverse ? "cotangents" : "tangents", r->primal->name, r->reverse ? "forward" : "reverse");
}

static ebb_id *nodes_for(const ruling *r, size_t n) {
    ebb_id *room = ebb_mem_new(r->b.graph->allocator, n + 1, sizeof *room);
    if (!room) ebb_fail_memory(r->b.graph->diag);
    return room;
}

/* What is given, without the last parameters of f, in which it is linear: they may be zero. */
static ebb_graph *finish_linear(ebb_callee *w, int fixed, bool ok) {
    int linear = w->xs - fixed;
    for (int i = 0; ok && i < linear; i++)
        ebb_callee_take(w, w->x[fixed + i]);
    ebb_graph *with_u = ebb_callee_finish(w, ok), *done = with_u ? ebb_at_zero(with_u, linear) : NULL;
    ebb_graph_release(with_u);
    return done;
}

/* A cotangent for each result of the rule, of the type that the rule knows among its first parameters. */
static bool take_cotangents(const ruling *r, ebb_callee *w, ebb_id *ct) {
    int first = r->reverse ? 0 : r->n, n = r->reverse ? r->n : r->m, f = 0;
    for (int k = first; k < first + n; k++)
        if (is_real(w->b.graph, w->x[k]) && (ct[f++] = ebb_callee_parameter(w, w->x[k])) == EBB_POISON) return false;
    return true;
}

/* The rule (x, y, u) -> v, linear in u, as (x, y, cotangents of v) -> cotangents of u. */
static ebb_graph *transposed(const ruling *r) {
    int fixed = r->n + r->m, linear = r->rule->inputs - fixed;
    ebb_callee w = {.xs = 0};
    ebb_id *du = nodes_for(r, (size_t)linear + (size_t)r->rule->outputs);
    bool ok = du && check_linear(r) &&
              ebb_callee_start(&w, r->rule, (int64_t)r->rule->inputs + r->rule->outputs, linear, &r->b);
    if (!ok) return ebb_mem_free(r->b.graph->allocator, du), ebb_callee_finish(&w, false);
    for (int i = 0; i < fixed; i++)
        ebb_callee_take(&w, w.x[i]);
    ok = take_cotangents(r, &w, du + linear) &&
         ebb_vjp_nodes(w.b.graph, w.ys, w.y, du + linear, linear, w.x + fixed, du);
    for (int i = 0; ok && i < linear; i++)
        ok = ebb_callee_give(&w, du[i]);
    ebb_mem_free(r->b.graph->allocator, du);
    return finish_linear(&w, fixed, ok);
}

/* A linear rule (x, y, u) -> v that does not know of those u that are zero: its own tangents, along the others. */
static ebb_graph *without_zeros(const ruling *r, const ebb_graph *rule) {
    int fixed = r->n + r->m, linear = rule->inputs - fixed;
    ebb_callee w = {.xs = 0};
    ebb_id *du = nodes_for(r, (size_t)linear + (size_t)rule->outputs), *dv = du ? du + linear : NULL;
    bool ok = du && ebb_callee_start(&w, rule, 2 * (int64_t)rule->inputs, rule->outputs, &r->b);
    if (!ok) return ebb_mem_free(r->b.graph->allocator, du), ebb_callee_finish(&w, false);
    for (int i = 0; i < fixed; i++)
        ebb_callee_take(&w, w.x[i]);
    for (int i = 0; i < linear; i++)
        du[i] = r->there[i] ? ebb_callee_parameter(&w, w.x[fixed + i]) : EBB_ABSENT;
    ok = ebb_jvp_nodes(w.b.graph, linear, w.x + fixed, du, w.ys, w.y, dv);
    for (int j = 0; ok && j < w.ys; j++)
        ok = ebb_callee_give(&w, dv[j]);
    ebb_mem_free(r->b.graph->allocator, du);
    return finish_linear(&w, fixed, ok);
}

/* r->asked, for what is there of tangents or cotangents. A rule that is not linear wants all of them. */
static bool find_rule(ruling *r, bool reverse) {
    ebb_graph *rule = reverse == r->reverse ? ebb_graph_retain(r->rule) : transposed(r);
    int n = reverse ? r->dys : r->dxs, all = 0;
    for (int i = 0; i < n; i++)
        all += r->there[i];
    if (rule && all < n && is_linear(r, rule)) {
        r->asked = without_zeros(r, rule);
        ebb_graph_release(rule);
    } else {
        for (int i = 0; i < n; i++)
            r->there[i] = true;
        r->asked = rule;
    }
    return r->asked != NULL;
}

static void end(ruling *r) {
    ebb_graph_release(r->asked);
    ebb_mem_free(r->b.graph->allocator, r->there);
}

static bool start(ruling *r, ebb_graph *g, ebb_id region, ebb_part part) {
    *r = ruling_of(g, region, part);
    r->there = ebb_mem_new(g->allocator, (size_t)r->dxs + (size_t)r->dys + 1, sizeof *r->there);
    return r->there || ebb_fail_memory(g->diag);
}

/* ---- forward ---- */

typedef struct curves { /* of what a rule in forward direction is given: x, y and x' */
    const ebb_id *x;    /* [n][order] */
    ebb_id *y;          /* [m][order], as far as they are known */
    int order;
} curves;

/* Coefficient k of parameter i of the rule; 0: the parameter itself. */
static ebb_id coefficient(const ruling *r, const curves *c, int i, int k) {
    ebb_builder b = r->b;
    ebb_graph *g = b.graph;
    if (i < r->n) return k == 0 ? ebb_operands(g, r->region)[i] : c->x[(int64_t)i * c->order + k - 1];
    i -= r->n;
    if (i < r->m) return k == 0 ? ebb_derive_get(g, r->region, i, b.site) : c->y[(int64_t)i * c->order + k - 1];
    i -= r->m;
    for (int j = 0, f = 0; j < r->n; j++)
        if (is_real(r->primal, r->primal->input[j]) && r->there[f++] && i-- == 0) {
            ebb_id x = c->x[(int64_t)j * c->order + k];
            if (x && k > 0) x = ebb_times(&b, x, ebb_g_full_like(&b, x, k + 1));
            return k == 0 ? ebb_present(&b, x, ebb_operands(g, r->region)[j]) : x;
        }
    return EBB_ABSENT;
}

/* The rule's coefficient of this order, as a function of all coefficients that its parameters have up to there. arg[]:
 * these. */
static ebb_graph *rule_of_order(const ruling *r, const curves *c, int order, ebb_id *arg) {
    const ebb_graph *rule = r->asked;
    ebb_callee w;
    int64_t most = (int64_t)rule->inputs * (order + 1), args = 0;
    bool ok = ebb_callee_start(&w, rule, most, rule->outputs, &r->b);
    uint8_t *kind = ok ? ebb_mem_new(rule->allocator, (size_t)most + 1, sizeof *kind) : NULL;
    ebb_id *dv = ok ? ebb_mem_new(rule->allocator, (size_t)rule->outputs * (size_t)order + 1, sizeof *dv) : NULL;
    ok = ok && ((kind && dv) || ebb_fail_memory(r->b.graph->diag));
    for (int i = 0; ok && i < rule->inputs; i++)
        for (int k = 0; ok && k <= order; k++) {
            ebb_id x = coefficient(r, c, i, k);
            if (k > 0) kind[(int64_t)i * order + k - 1] = x == EBB_ABSENT ? EBB_STILL : EBB_MOVES;
            if (x != EBB_ABSENT) arg[args++] = x;
            ok = x != EBB_POISON;
        }
    for (int i = 0; ok && order == 0 && i < rule->inputs; i++)
        ebb_callee_take(&w, w.x[i]);
    ok = ok && (order == 0 || ebb_callee_push(&w, order, 0, kind, dv));
    for (int f = 0; ok && f < rule->outputs; f++)
        ok = ebb_callee_give(&w, order == 0 ? w.y[f] : dv[(int64_t)f * order + order - 1]);
    ebb_mem_free(rule->allocator, dv);
    ebb_mem_free(rule->allocator, kind);
    return ebb_callee_finish(&w, ok);
}

/* k y_k, by k. */
static bool push_order(const ruling *r, curves *c, int k, ebb_id *arg, ebb_id *v) {
    ebb_builder b = r->b;
    ebb_graph *f = rule_of_order(r, c, k - 1, arg);
    bool ok = f && ebb_inline(b.graph, f, arg, v);
    for (int j = 0, at = 0; ok && j < r->m; j++) {
        if (!is_real(r->primal, r->primal->output[j])) continue;
        ebb_id t = v[at++];
        if (t && k > 1) t = ebb_divided(&b, t, ebb_g_full_like(&b, t, k));
        c->y[(int64_t)j * c->order + k - 1] = t;
        ok = t != EBB_POISON;
    }
    ebb_graph_release(f);
    return ok;
}

bool ebb_custom_push(ebb_graph *g, ebb_id region, int order, const ebb_id *x, ebb_id *y) {
    ruling r;
    curves c = {x, y, order};
    bool ok = start(&r, g, region, EBB_TANGENT);
    for (int i = 0, f = 0; ok && i < r.n; i++) {
        if (!is_real(r.primal, r.primal->input[i])) continue;
        for (int k = 0; k < order; k++)
            r.there[f] |= x[(int64_t)i * order + k] != EBB_ABSENT;
        f++;
    }
    ok = ok && find_rule(&r, false);
    size_t args = ok ? (size_t)r.asked->inputs * (size_t)order : 0;
    ebb_id *arg = ok ? nodes_for(&r, args + (size_t)r.dys) : NULL;
    ok = arg != NULL;
    for (int k = 1; ok && k <= order; k++)
        ok = push_order(&r, &c, k, arg, arg + args);
    ebb_mem_free(g->allocator, arg);
    end(&r);
    return ok;
}

/* ---- reverse ---- */

/* x, y and the cotangents that the rule takes. */
static bool put_cotangents(const ruling *r, const ebb_id *ct, ebb_id *arg) {
    ebb_builder b = r->b;
    int n = 0;
    for (int i = 0; i < r->n; i++)
        arg[n++] = ebb_operands(b.graph, r->region)[i];
    for (int j = 0; j < r->m; j++)
        if ((arg[n++] = ebb_derive_get(b.graph, r->region, j, b.site)) == EBB_POISON) return false;
    for (int j = 0, f = 0; j < r->m; j++)
        if (is_real(r->primal, r->primal->output[j]) && r->there[f++] &&
            (arg[n++] = ebb_present(&b, ct[j], arg[r->n + j])) == EBB_POISON)
            return false;
    return true;
}

bool ebb_custom_pull(ebb_graph *g, ebb_id region, const ebb_id *ct, const bool *wanted, ebb_id *dx) {
    ruling r;
    bool ok = start(&r, g, region, EBB_ADJOINT);
    for (int j = 0, f = 0; ok && j < r.m; j++)
        if (is_real(r.primal, r.primal->output[j])) r.there[f++] = ct[j] != EBB_ABSENT;
    ok = ok && find_rule(&r, true);
    size_t args = ok ? (size_t)r.asked->inputs : 0;
    ebb_id *arg = ok ? nodes_for(&r, args + (size_t)r.dxs) : NULL, *v = arg ? arg + args : NULL;
    ok = arg && put_cotangents(&r, ct, arg) && ebb_inline(g, r.asked, arg, v);
    for (int i = 0, f = 0; ok && i < r.n; i++) {
        if (!is_real(r.primal, r.primal->input[i])) continue;
        dx[i] = wanted[i] ? v[f] : EBB_ABSENT;
        f++;
    }
    ebb_mem_free(g->allocator, arg);
    end(&r);
    return ok;
}

/* ---- many examples ---- */

/* The primal, all of whose results differ between examples. */
static ebb_graph *batch_primal(const ebb_batching *p, const ruling *r, ebb_id *bx, ebb_id *by) {
    ebb_callee w;
    bool ok = ebb_callee_start(&w, r->primal, r->n, r->m, &p->b);
    for (int i = 0; ok && i < r->n; i++)
        ok = ebb_batching_take(p, &w, i, p->x[i] != EBB_ABSENT, &bx[i]);
    ok = ok && ebb_vmap_nodes(w.b.graph, p->n, r->n, w.x, bx, r->m, w.y, by);
    for (int j = 0; ok && j < r->m; j++)
        ok = ebb_callee_give(&w, ebb_batching_spread(p, &w, by[j], w.y[j]));
    return ebb_callee_finish(&w, ok);
}

/* Whether parameter i of the rule differs: x as it does, y always, tangents as x does, cotangents always. */
static bool rule_differs(const ebb_batching *p, const ruling *r, int i) {
    if (i < r->n) return p->x[i] != EBB_ABSENT;
    i -= r->n + r->m;
    for (int j = 0; i >= 0 && !r->reverse && j < r->n; j++)
        if (is_real(r->primal, r->primal->input[j]) && i-- == 0) return p->x[j] != EBB_ABSENT;
    return true;
}

/* What an argument that is the same for all has of cotangents is the sum over the examples. */
static ebb_id cotangent(const ebb_batching *p, const ruling *r, ebb_callee *w, int f, ebb_id ct) {
    if (!r->reverse || ct == EBB_ABSENT) return ct;
    for (int j = 0; j < r->n; j++)
        if (is_real(r->primal, r->primal->input[j]) && f-- == 0)
            return p->x[j] ? ct : ebb_g_sum(&w->b, ct, 1, (const int64_t[]){0});
    return ct;
}

static ebb_graph *batch_rule(const ebb_batching *p, const ruling *r, ebb_id *bx, ebb_id *by) {
    ebb_callee w;
    bool ok = ebb_callee_start(&w, r->rule, r->rule->inputs, r->rule->outputs, &p->b);
    for (int i = 0; ok && i < w.xs; i++)
        ok = ebb_batching_take(p, &w, i, rule_differs(p, r, i), &bx[i]);
    ok = ok && ebb_vmap_nodes(w.b.graph, p->n, w.xs, w.x, bx, w.ys, w.y, by);
    for (int f = 0; ok && f < w.ys; f++)
        ok = ebb_callee_give(&w, cotangent(p, r, &w, f, ebb_batching_spread(p, &w, by[f], w.y[f])));
    return ebb_callee_finish(&w, ok);
}

bool ebb_batch_custom(ebb_batching *p) {
    ebb_graph *g = p->b.graph;
    const ruling r = ruling_of(g, p->region, EBB_PRIMAL);
    size_t most = (size_t)r.n + (size_t)r.m + (size_t)r.rule->inputs + (size_t)r.rule->outputs;
    ebb_id *bx = ebb_mem_new(g->allocator, most + 1, sizeof *bx);
    if (!bx) return ebb_fail_memory(g->diag);
    ebb_id *by = bx + r.n + r.rule->inputs;
    ebb_graph *primal = batch_primal(p, &r, bx, by), *rule = primal ? batch_rule(p, &r, bx, by) : NULL;
    bool ok = rule != NULL;
    for (int i = 0; ok && i < r.n; i++)
        ok = ebb_batching_put(p, p->x[i] ? p->x[i] : ebb_batching_operand(p, i));
    const ebb_region to = {.op = EBB_OP_custom, .callee = {primal, rule}, .number = {r.reverse}};
    ebb_id tuple = ok ? ebb_derive_region(g, &to, p->args, p->arg, p->b.site) : EBB_POISON;
    ok = tuple != EBB_POISON;
    for (int j = 0; ok && j < r.m; j++)
        ok = ebb_batching_get(p, tuple, j, true, false, &p->y[j]);
    ebb_graph_release(primal);
    ebb_graph_release(rule);
    ebb_mem_free(g->allocator, bx);
    return ok;
}
