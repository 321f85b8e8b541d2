/* region_pull_unloop.c - reverse mode of an unloop.
 *
 * An unloop R(x, u) = J(x)' u is linear in u, so that from cotangents w of its results u has J(x) w: the tangents of
 * the loop along w, a loop whose body has tangents as states beside it. They are the transpose of the pullback. And x
 * has the gradient in x of u' J(x) w, which is the gradient of the tangents of the loop with u as their cotangents: an
 * unloop of the same loop of tangents. Its pullback carries the cotangents of values and of tangents; the latter are
 * the first unloop's once more. Start reading at put_both. */
#include "dual/dual.h"
#include "dual/flow.h"
#include "dual/region_pull.h"
#include "dual/transform.h"

static bool is_real(const ebb_graph *g, ebb_id x) { return ebb_is_float(ebb_dtype_at(g, x)); }

typedef struct unlooping { /* the loop of tangents, while it is written */
    ebb_loop l;            /* the unloop's own */
    int n, cotangents;     /* parameters of the body; float results of it */
    int results;           /* float parameters of the body */
    bool *has_tangent;     /* [n]: the parameter has a tangent in the loop of tangents */
    bool *wanted;          /* [n]: a cotangent of it is needed */
    ebb_id *room;          /* for the nodes of a callee at work */
} unlooping;

/* All float states, and what the unloop has a cotangent of. */
static void find_tangents(const ebb_pulling *p, unlooping *u) {
    for (int i = 0, f = 0; i < u->n; i++) {
        if (!is_real(u->l.body, u->l.body->input[i])) continue;
        u->has_tangent[i] = i < u->l.states || u->l.pullback->output[f];
        u->wanted[i] = i < u->l.states || p->wanted[i];
        f++;
    }
}

/* The body's parameters, each followed by its tangent; t: [results], absent where none is, or where none comes in. */
static void take_tangents(const ebb_pulling *p, const unlooping *u, ebb_callee *w, ebb_id *t) {
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
static ebb_graph *tangent_body(const ebb_pulling *p, const unlooping *u) {
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

static ebb_graph *tangent_condition(const ebb_pulling *p, const unlooping *u) {
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
static ebb_graph *tangent_pullback(const ebb_pulling *p, const unlooping *u) {
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
static bool put_tangents(ebb_pulling *p, const unlooping *u) {
    bool ok = true;
    for (int i = 0, f = 0; ok && i < u->n; i++) {
        ok = ebb_pulling_put(p, ebb_pulling_operand(p, i));
        if (!is_real(u->l.body, u->l.body->input[i])) continue;
        if (ok && u->has_tangent[i]) ok = ebb_pulling_put(p, ebb_present(&p->b, p->ct[f], ebb_pulling_operand(p, i)));
        f++;
    }
    return ok;
}

/* J(x) w, for the cotangents of u. */
static bool put_tangent_loop(ebb_pulling *p, const unlooping *u, const ebb_loop *to) {
    ebb_id tuple = ebb_derive_loop(p->b.graph, to, p->args, p->arg, p->b.site);
    bool ok = tuple != EBB_POISON;
    for (int j = 0, f = 0, number = 0; ok && j < u->l.body->outputs; j++, number++) {
        if (!is_real(u->l.body, u->l.body->output[j])) continue;
        number++;
        if (p->wanted[u->n + f]) ok = ebb_pulling_get(p, tuple, number, &p->dx[u->n + f]);
        f++;
    }
    return ok;
}

/* The gradient of u' J(x) w, for x. */
static bool put_tangent_unloop(ebb_pulling *p, const unlooping *u, const ebb_loop *to) {
    bool ok = true;
    for (int f = u->n; ok && f < u->n + u->cotangents; f++)
        ok = ebb_pulling_put(p, ebb_g_full_like(&p->b, ebb_pulling_operand(p, f), 0)) &&
             ebb_pulling_put(p, ebb_pulling_operand(p, f));
    ebb_id tuple = ok ? ebb_derive_loop(p->b.graph, to, p->args, p->arg, p->b.site) : EBB_POISON;
    ok = tuple != EBB_POISON;
    for (int i = 0, number = 0; ok && i < u->n; i++) {
        if (!is_real(u->l.body, u->l.body->input[i])) continue;
        if (p->wanted[i]) ok = ebb_pulling_get(p, tuple, number, &p->dx[i]);
        number += 1 + u->has_tangent[i];
    }
    return ok;
}

static bool any(const bool *flag, int n) {
    for (int i = 0; i < n; i++)
        if (flag[i]) return true;
    return false;
}

static bool put_both(ebb_pulling *p, unlooping *u, ebb_loop *to) {
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
static bool check_pullback(const ebb_pulling *p, const unlooping *u) {
    const ebb_graph *f = u->l.pullback;
    ebb_id where;
    int result;
    ebb_diag *diag = p->b.graph->diag;
    if (!f->own_rules) return true;
    if (ebb_is_linear(f, u->cotangents, f->input + u->n, f->outputs, f->output, &where, &result, diag)) return true;
    return ebb_fail(diag, EBB_VALUE_ERROR, p->b.site,
                    "the reverse mode of %s is not linear in its cotangents, and so has no reverse mode", f->name);
}

bool ebb_pull_unloop(ebb_pulling *p) {
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
    u.wanted = u.has_tangent ? u.has_tangent + n : NULL;
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
