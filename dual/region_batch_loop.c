/* region_batch_loop.c - loops and unloops for many examples at once.
 *
 * Which states differ between examples is a fixpoint: one that is computed from one that differs, differs. A loop whose
 * end differs runs while any example wants to, and what an example has when it wants no more stays. In an unloop
 * cotangents may differ where values do not: such a value has a place beside it, which nobody reads and which bears the
 * cotangents, so that values are computed once for all. Start reading at ebb_batch_loop. */
#include "dual/region_batch.h"
#include "dual/transform.h"

static bool is_real(const ebb_graph *g, ebb_id x) { return ebb_is_float(ebb_dtype_at(g, x)); }

typedef struct looping { /* a loop or unloop, while it is batched */
    ebb_region r;
    ebb_loop l;
    int n, m;        /* parameters and results of the body */
    uint8_t *x;      /* [parameters of the body, then cotangents]: it differs between examples */
    uint8_t *z;      /* [m]: so does what the loop gives */
    uint8_t *dx;     /* [float parameters]: so does their cotangent */
    uint8_t end;     /* and so does the end */
    ebb_id *bx, *by; /* of a callee at work: parameters and results for all examples; */
    ebb_id more;     /* and whether an example goes on, absent if it always does */
} looping;

/* A parameter whose cotangent differs where its value does not: f counts the float ones. */
static bool has_place(const looping *u, int i, int f) {
    if (!u->l.pullback || !is_real(u->l.body, u->l.body->input[i]) || u->x[i]) return false;
    return i < u->l.states ? u->x[u->n + f] : u->dx[f];
}

/* The same for a result. */
static bool bears_apart(const looping *u, int j, int f) {
    return u->l.pullback && is_real(u->l.body, u->l.body->output[j]) && !u->z[j] && u->x[u->n + f];
}

/* The parameters of the body, each one followed by its place; place[i]: that, or absent. */
static bool take_all(const ebb_batching *p, const looping *u, ebb_callee *w, int count, ebb_id *place) {
    bool ok = true;
    for (int i = 0, f = 0; ok && i < count; i++) {
        ok = ebb_batching_take(p, w, i, u->x[i], &u->bx[i]);
        if (place) place[i] = EBB_ABSENT;
        if (ok && has_place(u, i, f)) {
            ebb_id at = ebb_batching_parameter(p, w, w->x[i]);
            if (place) place[i] = at;
            ok = at != EBB_POISON;
        }
        f += is_real(u->l.body, u->l.body->input[i]);
    }
    return ok;
}

/* u->by: f's results for all examples; u->more. */
static bool batch_callee(const ebb_batching *p, looping *u, ebb_callee *w) {
    ebb_graph *g = w->b.graph;
    ebb_id more = EBB_ABSENT, both[2];
    if (u->end && !ebb_inline(g, u->l.condition, w->x, &more)) return false;
    both[0] = more;
    bool ok = ebb_vmap_nodes(g, p->n, w->xs, w->x, u->bx, w->ys, w->y, u->by) &&
              ebb_vmap_nodes(g, p->n, w->xs, w->x, u->bx, 1, both, both + 1);
    u->more = both[1];
    return ok;
}

/* What an example has that has come to its end, stays. */
static ebb_id while_more(const looping *u, ebb_callee *w, ebb_id now, ebb_id old) {
    return u->more ? ebb_g_select(&w->b, ebb_batching_over(&w->b, u->more, now), now, old) : now;
}

static bool give_state(const ebb_batching *p, const looping *u, ebb_callee *w, int s, ebb_id place) {
    ebb_id now = u->x[s] ? while_more(u, w, ebb_batching_spread(p, w, u->by[s], w->y[s]), u->bx[s]) : w->y[s];
    return ebb_callee_give(w, now) && (place == EBB_ABSENT || ebb_callee_give(w, place));
}

static bool give_row(const ebb_batching *p, const looping *u, ebb_callee *w, int j, int f) {
    ebb_graph *g = w->b.graph;
    if (!ebb_callee_give(w, u->z[j] ? ebb_batching_spread(p, w, u->by[j], w->y[j]) : w->y[j])) return false;
    if (!bears_apart(u, j, f)) return true;
    ebb_id zero = ebb_g_number(&w->b, ebb_dtype_at(g, w->y[j]), 0);
    return ebb_callee_give(w, ebb_spread(&w->b, ebb_g_broadcast(&w->b, zero, ebb_shape_of(g, w->y[j]), NULL), p->n));
}

static ebb_graph *batch_body(const ebb_batching *p, looping *u) {
    const ebb_graph *body = u->l.body;
    ebb_callee w;
    ebb_id *place = ebb_mem_new(body->allocator, (size_t)u->n + 1, sizeof *place);
    bool ok = place && ebb_callee_start(&w, body, 2 * (int64_t)u->n, 2 * (int64_t)u->m, &p->b);
    if (!place) return ebb_fail_memory(p->b.graph->diag), NULL;
    ok = ok && take_all(p, u, &w, u->n, place) && batch_callee(p, u, &w);
    for (int j = 0, f = 0; ok && j < u->m; j++) {
        ok = j < u->l.states ? give_state(p, u, &w, j, place[j]) : give_row(p, u, &w, j, f);
        f += is_real(body, body->output[j]);
    }
    ebb_mem_free(body->allocator, place);
    return ebb_callee_finish(&w, ok);
}

/* Whether any example goes on. */
static ebb_graph *batch_condition(const ebb_batching *p, looping *u) {
    ebb_callee w;
    ebb_id more = EBB_ABSENT;
    bool ok = ebb_callee_start(&w, u->l.condition, 2 * (int64_t)u->n, 1, &p->b) &&
              take_all(p, u, &w, u->l.states + u->l.captures, NULL) &&
              ebb_vmap_nodes(w.b.graph, p->n, w.xs, w.x, u->bx, 1, w.y, &more);
    return ebb_callee_finish(&w, ok && ebb_callee_give(&w, more ? ebb_batching_any_of(&w.b, more) : w.y[0]));
}

/* The operands of the body, and their places. */
static bool put_all(ebb_batching *p, const looping *u) {
    ebb_builder *b = &p->b;
    int given = u->l.states + u->l.captures;
    bool ok = true;
    for (int i = 0, f = 0; ok && i < u->n; i++) {
        ebb_id x = ebb_batching_operand(p, i);
        if (u->x[i]) x = i < given ? ebb_batching_all(p, i) : ebb_batching_inside(p, ebb_batching_all(p, i));
        ok = ebb_batching_put(p, x);
        if (ok && has_place(u, i, f)) {
            ebb_id zeros = ebb_spread(b, ebb_g_full_like(b, ebb_batching_operand(p, i), 0), p->n);
            ok = ebb_batching_put(p, i < given ? zeros : ebb_batching_inside(p, zeros));
        }
        f += is_real(u->l.body, u->l.body->input[i]);
    }
    return ok;
}

static void count_places(const looping *u, ebb_loop *to) {
    for (int i = 0, f = 0; i < u->l.states + u->l.captures; i++) {
        *(i < u->l.states ? &to->states : &to->captures) += has_place(u, i, f);
        f += is_real(u->l.body, u->l.body->input[i]);
    }
}

static bool batch_loop(ebb_batching *p, looping *u, ebb_loop *to) {
    to->body = batch_body(p, u);
    to->condition = to->body && u->l.condition ? batch_condition(p, u) : NULL;
    if (!to->body || (u->l.condition && !to->condition) || !put_all(p, u)) return false;
    ebb_id tuple = ebb_derive_loop(p->b.graph, to, p->args, p->arg, p->b.site);
    bool ok = tuple != EBB_POISON;
    for (int j = 0; ok && j < u->m; j++)
        ok = ebb_batching_get(p, tuple, j, u->z[j], j >= u->l.states, &p->y[j]);
    return ok;
}

/* ---- unloop ---- */

/* What a place bears, or a parameter that differs itself. */
static bool take_cotangents(const ebb_batching *p, const looping *u, ebb_callee *w) {
    bool ok = true;
    for (int j = 0, f = 0; ok && j < u->m; j++) {
        if (!is_real(u->l.body, u->l.body->output[j])) continue;
        ok = ebb_batching_take(p, w, u->n + f, u->z[j], &u->bx[u->n + f]);
        if (ok && bears_apart(u, j, f))
            ok = (u->bx[u->n + f] = ebb_batching_parameter(p, w, w->x[u->n + f])) != EBB_POISON;
        f++;
    }
    return ok;
}

/* The cotangent of parameter i, for all examples. An example that has come to its end hands its states' cotangents back
 * as they are, and has none for captures. */
static ebb_id cotangent(const ebb_batching *p, const looping *u, ebb_callee *w, int i, int f) {
    ebb_id ct = ebb_batching_spread(p, w, u->by[f], w->y[f]), old = i < u->l.states ? u->bx[u->n + f] : EBB_ABSENT;
    if (u->more == EBB_ABSENT || (ct == EBB_ABSENT && old == EBB_ABSENT)) return ct;
    return ebb_select_present(&w->b, ebb_batching_over(&w->b, u->more, ct ? ct : old), ct, old);
}

static ebb_graph *batch_pullback(const ebb_batching *p, looping *u) {
    const ebb_graph *body = u->l.body;
    ebb_callee w;
    bool ok = ebb_callee_start(&w, u->l.pullback, 2 * (int64_t)u->l.pullback->inputs, 2 * (int64_t)u->n, &p->b) &&
              take_all(p, u, &w, u->n, NULL) && take_cotangents(p, u, &w) && batch_callee(p, u, &w);
    for (int i = 0, f = 0; ok && i < u->n; i++) {
        if (!is_real(body, body->input[i])) continue;
        bool apart = has_place(u, i, f);
        if (apart) ok = ebb_callee_give(&w, EBB_ABSENT);
        ok = ok && ebb_callee_give(&w, u->x[i] || apart ? cotangent(p, u, &w, i, f) : w.y[f]);
        f++;
    }
    return ebb_callee_finish(&w, ok);
}

static bool put_cotangents(ebb_batching *p, const looping *u) {
    bool ok = true;
    for (int j = 0, f = 0; ok && j < u->m; j++) {
        if (!is_real(u->l.body, u->l.body->output[j])) continue;
        int i = u->n + f;
        bool apart = bears_apart(u, j, f);
        ebb_id ct = u->x[i] ? ebb_batching_all(p, i) : ebb_batching_operand(p, i);
        if (u->x[i] && j >= u->l.states) ct = ebb_batching_inside(p, ct);
        ok = (!apart || ebb_batching_put(p, ebb_g_full_like(&p->b, ebb_batching_operand(p, i), 0))) &&
             ebb_batching_put(p, ct);
        f++;
    }
    return ok;
}

static bool batch_unloop(ebb_batching *p, looping *u, ebb_loop *to) {
    count_places(u, to);
    to->body = batch_body(p, u);
    to->condition = to->body && u->l.condition ? batch_condition(p, u) : NULL;
    if (!to->body || (u->l.condition && !to->condition)) return false;
    to->pullback = batch_pullback(p, u);
    if (!to->pullback || !put_all(p, u) || !put_cotangents(p, u)) return false;
    ebb_id tuple = ebb_derive_loop(p->b.graph, to, p->args, p->arg, p->b.site);
    bool ok = tuple != EBB_POISON;
    for (int i = 0, f = 0, number = 0; ok && i < u->n; i++) {
        if (!is_real(u->l.body, u->l.body->input[i])) continue;
        bool apart = has_place(u, i, f), row = i >= u->l.states + u->l.captures;
        ok = ebb_batching_get(p, tuple, number + apart, u->x[i] || apart, row, &p->y[f]);
        number += 1 + apart;
        f++;
    }
    return ok;
}

/* ---- what differs ---- */

/* The cotangents, and those of states as long as there are more. */
static bool settle_cotangents(looping *u, ebb_diag *diag) {
    for (int j = 0, f = u->n; j < u->m; j++)
        if (is_real(u->l.body, u->l.body->output[j])) u->x[f++] |= u->z[j];
    for (bool again = true; again;) {
        again = false;
        if (!ebb_flow_function(u->l.pullback, u->x, u->dx, diag)) return false;
        for (int s = 0, f = 0; s < u->l.states; s++) {
            if (!is_real(u->l.body, u->l.body->input[s])) continue;
            uint8_t *ct = &u->x[u->n + f], differs = *ct | u->dx[f] | u->end;
            again |= differs != *ct;
            *ct = differs;
            f++;
        }
    }
    return true;
}

static bool settle(const ebb_batching *p, looping *u) {
    ebb_diag *diag = p->b.graph->diag;
    for (int i = 0; i < p->b.graph->node[p->region].arity; i++)
        u->x[i] = p->x[i] != EBB_ABSENT;
    return ebb_flow_loop(&u->r, u->x, u->z, diag) &&
           (!u->l.condition || ebb_flow_function(u->l.condition, u->x, &u->end, diag)) &&
           (!u->l.pullback || settle_cotangents(u, diag));
}

bool ebb_batch_loop(ebb_batching *p) {
    const ebb_allocator *a = p->b.graph->allocator;
    looping u = {.r = ebb_region_of(p->b.graph, p->region), .l = ebb_loop_of(p->b.graph, p->region)};
    ebb_loop to = u.l;
    u.n = u.l.body->inputs;
    u.m = u.l.body->outputs;
    size_t n = (size_t)u.n, m = (size_t)u.m;
    u.x = ebb_mem_new(a, 2 * (n + m) + 1, sizeof *u.x);
    u.bx = ebb_mem_new(a, 2 * (n + m) + 1, sizeof *u.bx);
    to.body = to.condition = to.pullback = NULL;
    bool ok = (u.x && u.bx) || ebb_fail_memory(p->b.graph->diag);
    if (ok) {
        u.z = u.x + n + m;
        u.dx = u.z + m;
        u.by = u.bx + n + m;
    }
    ok = ok && settle(p, &u) && (u.l.pullback ? batch_unloop : batch_loop)(p, &u, &to);
    ebb_graph_release(to.body);
    ebb_graph_release(to.condition);
    ebb_graph_release(to.pullback);
    ebb_mem_free(a, u.bx);
    ebb_mem_free(a, u.x);
    return ok;
}
