/* region_push.c - forward: the jet of a region is a region of the same kind.
 *
 * Let F be a region as a function of its float operands, and F_k its jet: from (x_0 ... x_k) to (y_0 ... y_k). F_k runs
 * the jets of the functions that F runs: coefficients of operands are further operands, those of states further states,
 * each behind what it belongs to. Predicates and conditions have no derivative and take the further ones unread.
 *
 * An unloop is the transposed Jacobian J(x)' u. If x and u move, coefficient m of the product is what the transposed
 * Jacobian of F_k gives for x_{k-m} from the cotangents (u_k ... u_0) of (y_0 ... y_k), their orders reversed. So one
 * unloop of F_k gives them all, and its pullback is the jet of the pullback, whose cotangents are read and written in
 * reversed order. Start reading at push_cond. */
#include "dual/region.h"
#include "dual/series.h"

typedef struct pushing {
    ebb_builder b;
    ebb_id region;
    int order;
    int rows;        /* a coefficient is a series of so many, and the only one; 0: it is of its node's type */
    const ebb_id *x; /* [operands][order] */
    ebb_id *y;       /* [results][order] */
    ebb_id *arg;     /* the operands of what is made */
    int args;
    uint8_t *kind; /* [parameters of a callee][order] */
    ebb_id *dy;    /* [results of a callee][order] */
} pushing;

static ebb_id operand(const pushing *p, int i) { return ebb_operands(p->b.graph, p->region)[i]; }

static bool put(pushing *p, ebb_id x) {
    p->arg[p->args++] = x;
    return x != EBB_POISON;
}

/* A coefficient of like, or zeros. */
static ebb_id present(const pushing *p, ebb_builder *b, ebb_id c, ebb_id like) {
    return c == EBB_ABSENT && p->rows ? ebb_series_zeros(b, p->rows, like) : ebb_present(b, c, like);
}

/* What has a row for each iteration: sequences, which come in, and what is stacked, which goes out. Their iterations
 * stand before the rows of a series. */
static bool is_stacked(const pushing *p, int k, bool out) {
    if (!p->rows || ebb_op_of(p->b.graph, p->region) != EBB_OP_loop) return false;
    const ebb_loop l = ebb_loop_of(p->b.graph, p->region);
    return k >= l.states + (out ? 0 : l.captures);
}

/* Coefficient c of the operands, counted on through all of them. */
static bool put_coefficient(pushing *p, int64_t c) {
    const int i = (int)(c / p->order);
    ebb_id x = present(p, &p->b, p->x[c], operand(p, i));
    return put(p, is_stacked(p, i, false) ? ebb_move_axis(&p->b, x, 0, 1) : x);
}

/* Operand first + i, for all parameters i < n of a callee, with as many coefficients as that takes. */
static bool put_series(pushing *p, int first, int n) {
    bool ok = true;
    for (int i = 0; ok && i < n; i++) {
        ok = put(p, operand(p, first + i));
        for (int k = 0; ok && k < p->order; k++)
            if (p->kind[(int64_t)i * p->order + k]) ok = put_coefficient(p, (int64_t)(first + i) * p->order + k);
    }
    return ok;
}

static int count_kinds(const pushing *p, int from, int to) {
    int n = 0;
    for (int64_t c = (int64_t)from * p->order; c < (int64_t)to * p->order; c++)
        n += p->kind[c] != EBB_STILL;
    return n;
}

static void set_kinds(pushing *p, int parameter, uint8_t kind) {
    for (int k = 0; k < p->order; k++)
        if (p->kind[(int64_t)parameter * p->order + k] < kind) p->kind[(int64_t)parameter * p->order + k] = kind;
}

/* What each operand from `first` on brings. */
static void find_kinds(pushing *p, int first, int n) {
    for (int64_t c = 0; c < (int64_t)n * p->order; c++)
        p->kind[c] = p->x[(int64_t)first * p->order + c] ? EBB_MOVES : EBB_STILL;
}

/* y[c] of the first n results is the number of a result of the tuple, from 1, or absent; then that result. */
static bool get(pushing *p, ebb_id tuple, int n) {
    ebb_type type;
    for (int64_t c = 0; c < (int64_t)n * p->order; c++) {
        int number = p->y[c] - 1;
        bool there = number >= 0 && ebb_result_type(p->b.graph, tuple, number, &type);
        p->y[c] = there ? ebb_derive_get(p->b.graph, tuple, number, p->b.site) : EBB_ABSENT;
        if (there && is_stacked(p, (int)(c / p->order), true)) p->y[c] = ebb_move_axis(&p->b, p->y[c], 1, 0);
        if (p->y[c] == EBB_POISON) return false;
    }
    return true;
}

/* ---- cond ---- */

/* The coefficients that either branch has, given by both; their numbers, from 1, to y. */
static int give_either(const pushing *p, ebb_callee w[2], int branches, const ebb_id *dy, ebb_id *y) {
    int count = 0;
    int64_t size = (int64_t)w->ys * p->order;
    for (int64_t c = 0; c < size; c++) {
        if (!dy[c] && !dy[size + c]) continue;
        y[c] = ++count;
        for (int b = 0; b < branches; b++)
            if (!ebb_callee_give(&w[b], present(p, &w[b].b, dy[b * size + c], w[b].y[c / p->order]))) return -1;
    }
    return count;
}

static bool push_cond(pushing *p) {
    const ebb_region r = ebb_region_of(p->b.graph, p->region);
    int n = r.callee[0]->inputs, m = r.callee[0]->outputs, branches = ebb_branches(&r), count = 0;
    ebb_callee w[2] = {{.xs = 0}, {.xs = 0}};
    ebb_graph *branch[2];
    bool ok = true;
    find_kinds(p, 1, n);
    for (int b = 0; ok && b < branches; b++)
        ok = ebb_callee_start(&w[b], r.callee[b], (int64_t)n * (p->order + 1), (int64_t)m * p->order, &p->b) &&
             ebb_callee_push(&w[b], p->order, p->rows, p->kind, p->dy + (int64_t)b * m * p->order);
    if (ok) ok = (count = give_either(p, w, branches, p->dy, p->y)) >= 0;
    bool made = ebb_branches_finish(w, branches, ok && count, branch);
    if (count > 0 && (ok = made && put(p, operand(p, 0)) && put_series(p, 1, n))) {
        ebb_id tuple = ebb_derive_cond(p->b.graph, branch[0], branch[1], p->args, p->arg, p->b.site);
        ok = tuple != EBB_POISON && get(p, tuple, m);
    }
    ebb_graph_release(branch[0]);
    ebb_graph_release(branch[1]);
    return ok;
}

/* ---- loop ---- */

/* Which coefficients states have: all if one of them moves. */
static bool settle_states(pushing *p, const ebb_callee *body, int states) {
    const ebb_allocator *a = p->b.graph->allocator;
    bool *moves = ebb_mem_new(a, (size_t)body->xs + (size_t)body->ys + 1, sizeof *moves);
    if (!moves) return ebb_fail_memory(p->b.graph->diag);
    for (int64_t c = 0; c < (int64_t)body->xs * p->order; c++)
        moves[c / p->order] |= p->kind[c] == EBB_MOVES;
    bool ok = ebb_settle(body, 0, states, moves, moves + body->xs);
    for (int s = 0; ok && s < states; s++)
        if (moves[s]) set_kinds(p, s, EBB_MOVES);
    ebb_mem_free(a, moves);
    return ok;
}

static bool start(const pushing *p, ebb_callee *w, const ebb_graph *f) {
    int64_t more = (int64_t)p->order + 1;
    return ebb_callee_start(w, f, f->inputs * more, f->outputs * more, &p->b);
}

/* The condition, which reads no coefficient. */
static ebb_graph *push_condition(const pushing *p, const ebb_graph *condition) {
    ebb_callee w;
    bool ok = start(p, &w, condition) && ebb_callee_push(&w, p->order, p->rows, p->kind, p->dy) &&
              ebb_callee_give(&w, w.y[0]);
    return ebb_callee_finish(&w, ok);
}

/* The body of the jets. at[result][order]: the numbers of its coefficients; NULL: all float results have all. */
static ebb_graph *push_body(pushing *p, ebb_callee *w, int states, ebb_id *at) {
    bool ok = ebb_callee_push(w, p->order, p->rows, p->kind, p->dy);
    for (int64_t j = 0; ok && j < w->ys; j++) {
        bool real = ebb_is_float(ebb_dtype_at(w->b.graph, w->y[j]));
        ok = ebb_callee_give(w, w->y[j]);
        for (int64_t c = j * p->order; ok && c < (j + 1) * p->order; c++) {
            bool has = at ? (j < states ? p->kind[c] != EBB_STILL : p->dy[c] != EBB_ABSENT) : real;
            if (has && at) at[c] = w->outs + 1;
            if (has) ok = ebb_callee_give(w, present(p, &w->b, p->dy[c], w->y[j]));
        }
    }
    return ebb_callee_finish(w, ok);
}

/* The callees that are written for it, released. */
static bool put_loop(pushing *p, ebb_loop *l, bool ok, ebb_id *tuple) {
    *tuple = ok ? ebb_derive_loop(p->b.graph, l, p->args, p->arg, p->b.site) : EBB_POISON;
    ebb_graph_release(l->body);
    ebb_graph_release(l->condition);
    ebb_graph_release(l->pullback);
    return *tuple != EBB_POISON;
}

/* The same loop with more states and captures, whose callees are still to be written. */
static ebb_loop longer(const pushing *p, const ebb_loop *l) {
    ebb_loop to = *l;
    to.body = to.condition = to.pullback = NULL;
    to.states += count_kinds(p, 0, l->states);
    to.captures += count_kinds(p, l->states, l->states + l->captures);
    return to;
}

static bool push_loop(pushing *p) {
    const ebb_loop l = ebb_loop_of(p->b.graph, p->region);
    int n = l.body->inputs;
    ebb_callee body;
    ebb_id tuple;
    find_kinds(p, 0, n);
    if (!start(p, &body, l.body) || !settle_states(p, &body, l.states)) return ebb_callee_finish(&body, false), false;
    ebb_loop to = longer(p, &l);
    to.body = push_body(p, &body, l.states, p->y);
    if (to.body && l.condition) to.condition = push_condition(p, l.condition);
    bool ok = to.body && (!l.condition || to.condition) && put_series(p, 0, n);
    return put_loop(p, &to, ok, &tuple) && get(p, tuple, l.body->outputs);
}

/* ---- unloop ---- */

static bool is_real(const ebb_graph *g, ebb_id x) { return ebb_is_float(ebb_dtype_at(g, x)); }

static int count_real(const ebb_graph *g, int n, const ebb_id *x) {
    int real = 0;
    for (int i = 0; i < n; i++)
        real += is_real(g, x[i]);
    return real;
}

/* What has a cotangent with coefficients needs coefficients itself, if only zeros. */
static void make_room(pushing *p, const ebb_loop *l) {
    for (int i = 0, f = 0; i < l->body->inputs; i++)
        if (is_real(l->body, l->body->input[i])) {
            if (i < l->states || l->pullback->output[f]) set_kinds(p, i, EBB_ROOM);
            f++;
        }
}

/* Cotangents of states move if what the pullback makes of them does. kind[] of all parameters of the pullback. */
static bool settle_cotangents(pushing *p, const ebb_callee *w, int n, int states) {
    const ebb_allocator *a = p->b.graph->allocator;
    bool *moves = ebb_mem_new(a, (size_t)w->xs + (size_t)w->ys + 1, sizeof *moves);
    if (!moves) return ebb_fail_memory(p->b.graph->diag);
    for (int64_t c = 0; c < (int64_t)w->xs * p->order; c++) {
        if (c >= (int64_t)n * p->order) p->kind[c] = p->x[c] ? EBB_MOVES : EBB_ROOM;
        moves[c / p->order] |= p->kind[c] == EBB_MOVES;
    }
    bool ok = ebb_settle(w, n, states, moves, moves + w->xs);
    for (int s = 0; ok && s < states; s++)
        if (moves[n + s]) set_kinds(p, n + s, EBB_MOVES);
    ebb_mem_free(a, moves);
    return ok;
}

static void turn(ebb_id *x, int n) {
    for (int i = 0; i < n - 1 - i; i++) {
        ebb_id last = x[n - 1 - i];
        x[n - 1 - i] = x[i];
        x[i] = last;
    }
}

/* Coefficient m of the cotangent of each parameter of the body is that of its coefficient order - m. at[parameter][
 * order]: the numbers of the coefficients. */
static bool give_cotangents(const pushing *p, ebb_callee *w, const ebb_graph *body, ebb_id *at) {
    for (int i = 0, f = 0; i < body->inputs; i++) {
        if (!is_real(body, body->input[i])) continue;
        for (int k = 0; k <= p->order; k++) {
            int m = p->order - k;
            if (k > 0 && p->kind[(int64_t)i * p->order + k - 1] == EBB_STILL) continue;
            if (m > 0) at[(int64_t)f * p->order + m - 1] = w->outs + 1;
            if (!ebb_callee_give(w, m == 0 ? w->y[f] : p->dy[(int64_t)f * p->order + m - 1])) return false;
        }
        f++;
    }
    return true;
}

/* The jet of the pullback, whose cotangents have their orders reversed. */
static ebb_graph *push_pullback(pushing *p, const ebb_loop *l) {
    int n = l->body->inputs, states = count_real(l->body, l->states, l->body->input);
    ebb_callee w;
    bool ok = start(p, &w, l->pullback) && settle_cotangents(p, &w, n, states) &&
              ebb_callee_push(&w, p->order, p->rows, p->kind, p->dy);
    for (int f = 0; ok && f < w.xs - n; f++)
        turn(w.in + w.ins - (int64_t)(f + 1) * (p->order + 1), p->order + 1);
    ok = ok && give_cotangents(p, &w, l->body, p->y);
    return ebb_callee_finish(&w, ok);
}

static bool put_cotangents(pushing *p, int n, int cotangents) {
    bool ok = true;
    for (int f = n; ok && f < n + cotangents; f++)
        for (int m = p->order; ok && m >= 0; m--)
            ok = m == 0 ? put(p, operand(p, f)) : put_coefficient(p, (int64_t)f * p->order + m - 1);
    return ok;
}

static bool push_unloop(pushing *p) {
    const ebb_loop l = ebb_loop_of(p->b.graph, p->region);
    int n = l.body->inputs, cotangents = count_real(l.body, l.body->outputs, l.body->output);
    ebb_callee body;
    ebb_id tuple;
    find_kinds(p, 0, n);
    if (!start(p, &body, l.body) || !settle_states(p, &body, l.states)) return ebb_callee_finish(&body, false), false;
    make_room(p, &l);
    ebb_loop to = longer(p, &l);
    to.body = push_body(p, &body, l.states, NULL);
    if (to.body && l.condition) to.condition = push_condition(p, l.condition);
    bool ok = to.body && (!l.condition || to.condition) && (to.pullback = push_pullback(p, &l)) &&
              put_series(p, 0, n) && put_cotangents(p, n, cotangents);
    return put_loop(p, &to, ok, &tuple) && get(p, tuple, l.pullback->outputs);
}

/* ---- any ---- */

static bool push_region(pushing *p) {
    switch (ebb_op_of(p->b.graph, p->region)) {
    case EBB_OP_custom:
        return ebb_custom_push(p->b.graph, p->region, p->order, p->x, p->y);
    case EBB_OP_cond:
        return push_cond(p);
    case EBB_OP_loop:
        return push_loop(p);
    case EBB_OP_unloop:
        return push_unloop(p);
    default:
        return ebb_fail(p->b.graph->diag, EBB_INTERNAL_ERROR, p->b.site, "no such region");
    }
}

static bool push_rows(ebb_graph *g, ebb_id region, int order, int rows, const ebb_id *x, ebb_id *y) {
    const ebb_allocator *a = g->allocator;
    pushing p = {ebb_builder_for(g, region, EBB_TANGENT), region, order, rows, .x = x, .y = y};
    ebb_graph *callee[3];
    size_t operands = (size_t)g->node[region].arity, results = 1;
    for (int k = ebb_callees_of(g, region, callee); k-- > 0;)
        results += (size_t)callee[k]->outputs;
    p.arg = ebb_mem_new(a, operands * ((size_t)order + 1), sizeof *p.arg);
    p.kind = ebb_mem_new(a, operands * (size_t)order, sizeof *p.kind);
    p.dy = ebb_mem_new(a, results * (size_t)order, sizeof *p.dy);
    bool ok = (p.arg && p.kind && p.dy) ? push_region(&p) : ebb_fail_memory(g->diag);
    ebb_mem_free(a, p.dy);
    ebb_mem_free(a, p.kind);
    ebb_mem_free(a, p.arg);
    return ok;
}

bool ebb_region_push(ebb_graph *g, ebb_id region, int order, const ebb_id *x, ebb_id *y) {
    return push_rows(g, region, order, 0, x, y);
}

/* ---- series ---- */

/* A branch or a loop of nothing that would have too many axes, of which orders are one, and iterations of rows one
 * more. The coefficients of others stand apart. */
static bool has_series(const ebb_graph *g, ebb_id region) {
    ebb_graph *callee[3];
    ebb_op op = ebb_op_of(g, region);
    if (op != EBB_OP_cond && op != EBB_OP_loop) return false;
    const ebb_loop l = op == EBB_OP_loop ? ebb_loop_of(g, region) : (ebb_loop){0};
    for (int k = ebb_callees_of(g, region, callee); k-- > 0;)
        for (int i = 0; i < callee[k]->inputs + callee[k]->outputs; i++) {
            const int j = i - callee[k]->inputs;
            const ebb_id id = j < 0 ? callee[k]->input[i] : callee[k]->output[j];
            const bool row = op == EBB_OP_loop && (j < 0 ? i - l.captures >= l.states : j >= l.states);
            if (ebb_shape_of(callee[k], id)->rank + row >= EBB_MAX_RANK) return false;
        }
    return true;
}

/* c: [operands + results][order], zero. */
static bool push_apart(ebb_graph *g, ebb_id region, int order, const ebb_id *x, ebb_id *y, ebb_id *c) {
    ebb_builder b = ebb_builder_for(g, region, EBB_TANGENT);
    const int operands = g->node[region].arity, results = ebb_results_of(g, region);
    ebb_id *dy = c + (int64_t)operands * order;
    for (int64_t i = 0; i < (int64_t)operands * order; i++) {
        ebb_id s = x[i / order];
        if (s != EBB_ABSENT) c[i] = ebb_series_row(&b, s, i % order, ebb_operands(g, region)[i / order]);
        if (c[i] == EBB_POISON) return false;
    }
    if (!ebb_region_push(g, region, order, c, dy)) return false;
    for (int j = 0; j < results; j++, dy += order) {
        ebb_id like = EBB_ABSENT;
        for (int k = 0; k < order; k++)
            if (dy[k] != EBB_ABSENT) like = dy[k];
        y[j] = like ? ebb_series_joined(&b, order, dy, like) : EBB_ABSENT;
        if (y[j] == EBB_POISON) return false;
    }
    return true;
}

bool ebb_region_push_series(ebb_graph *g, ebb_id region, int order, const ebb_id *x, ebb_id *y) {
    if (has_series(g, region)) return push_rows(g, region, 1, order, x, y);
    const size_t size = (size_t)g->node[region].arity + (size_t)ebb_results_of(g, region);
    ebb_id *c = ebb_mem_new(g->allocator, size * (size_t)order + 1, sizeof *c);
    bool ok = c ? push_apart(g, region, order, x, y, c) : ebb_fail_memory(g->diag);
    ebb_mem_free(g->allocator, c);
    return ok;
}
