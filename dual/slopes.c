/* slopes.c - which partial derivatives and residuals a forward pass of some order needs, written before it begins.
 *
 * Order k of a smooth node asks order k - 1 of its slopes, which are nodes as all others. So: all between x and y is
 * asked to the full order; the slopes of what is asked to this order are asked to one less, and so on down to 1, whose
 * slopes are asked for their value alone. The rounds always end, and end early where slopes are written in what is
 * there: sharing finds it (sin brings cos, tanh nothing but 1 - y^2). The residual of an implicit node is asked to the
 * order of the node.
 *
 * A pass that writes itself once for all orders (rolled.c) asks all slopes to the full order, and wants their number
 * not to depend on it. Few operations have slopes without end: pow, polygamma and sinc_slope, each of which is its own
 * slope a step further. Such a node is rung 0 of a *ladder*, one node for as many steps as there are orders, on a new
 * first axis; its slopes are written in the ladder shifted by a rung.
 *
 * Invariant: after the round of an order, every smooth node that is asked to this order or more has its slopes,
 * and every implicit one its residual. */
#include "dual/slopes.h"

#include <math.h>
#include <string.h>

enum { MOST_LISTED = 3, MOST_ROUNDS = 32 }; /* slopes that a smooth node has, and its ladder; rounds that close */
enum { FEW_RUNGS = 9 };                     /* slopes of powers up to 8 are written one by one */

/* The tables, grown to the nodes below `count`. Not to all nodes that there are: a Hessian makes a pass for each of its
 * rows, behind all that the rows before have appended. */
static bool cover(ebb_graph *g, ebb_slopes *s, ebb_id count) {
    if (count <= s->count) return true;
    ebb_slopes more = {.count = count, .rungs = s->rungs};
    more.order = ebb_mem_new(g->allocator, (size_t)more.count, sizeof *more.order);
    more.given = ebb_mem_new(g->allocator, (size_t)more.count, sizeof *more.given);
    more.slope = ebb_mem_new(g->allocator, (size_t)more.count, sizeof *more.slope);
    bool ok = more.order && more.given && more.slope;
    if (ok && s->count) {
        memcpy(more.order, s->order, (size_t)s->count * sizeof *s->order);
        memcpy(more.given, s->given, (size_t)s->count * sizeof *s->given);
        memcpy(more.slope, s->slope, (size_t)s->count * sizeof *s->slope);
    }
    ebb_slopes_free(g, s);
    *s = more;
    return ok || ebb_fail_memory(g->diag);
}

/* All between x and y is asked to this order at least. */
static bool ask(ebb_graph *g, int order, int n, const ebb_id *x, const bool *moves, int m, const ebb_id *y,
                ebb_slopes *s) {
    ebb_id limit;
    uint8_t *mark = ebb_between(g, n, x, moves, m, y, &limit);
    bool ok = mark && cover(g, s, limit);
    for (ebb_id id = 1; ok && id < limit; id++) {
        if (!ebb_is_between(mark, id)) continue;
        if (s->order[id] < order) s->order[id] = (uint8_t)order;
        s->given[id] |= (mark[id] & EBB_IS_X) != 0;
    }
    ebb_mem_free(g->allocator, mark);
    return ok;
}

/* ---- ladders: operations whose slope is the same operation a step further ---- */

/* Which operand counts the steps, and how; -1: none does. */
static int counter_of(ebb_op op, double *step) {
    *step = op == EBB_OP_pow ? -1 : 1;
    if (op == EBB_OP_pow) return 1;
    return op == EBB_OP_polygamma || op == EBB_OP_sinc_slope ? 0 : -1;
}

/* How many rungs there are before a slope is 0: the powers of a whole constant exponent end. */
static int64_t rungs_of(const ebb_graph *g, const ebb_primal *p, int64_t most) {
    double e;
    bool ends = p->op == EBB_OP_pow && ebb_is_scalar_constant(g, p->x[1], &e) && e == floor(e) && e >= 0;
    return ends && e + 1 < (double)most ? (int64_t)e + 1 : most;
}

static bool climbs(const ebb_graph *g, const ebb_primal *p) {
    double step;
    return counter_of(p->op, &step) >= 0 && ebb_shape_of(g, p->y)->rank < EBB_MAX_RANK &&
           rungs_of(g, p, FEW_RUNGS + 1) > FEW_RUNGS;
}

static bool write_ladder(ebb_graph *g, ebb_slopes *s, ebb_id id, ebb_id *list, int *count);

/* The slopes of node id, to its row and to the list. */
static bool write(ebb_graph *g, ebb_slopes *s, ebb_id id, ebb_id *list, int *count) {
    ebb_builder b = ebb_builder_for(g, id, EBB_TANGENT);
    ebb_primal p = ebb_primal_of(g, id);
    if (s->rungs && climbs(g, &p)) return write_ladder(g, s, id, list, count);
    for (int i = 0; i < p.arity; i++) {
        if (s->order[p.x[i]] == 0) continue;
        ebb_id d = ebb_partial(&b, &p, i);
        if (d == EBB_POISON) return false;
        list[(*count)++] = s->slope[id][i] = d;
    }
    return true;
}

/* Operand x of all rungs; the counter goes on by `step` from rung to rung. */
static ebb_id over_rungs(ebb_builder *b, ebb_id x, int64_t rungs, double step) {
    const int64_t front = 0;
    ebb_shape shape;
    if (!ebb_shape_insert(ebb_shape_of(b->graph, x), 0, rungs, &shape)) {
        ebb_fail(b->graph->diag, EBB_VALUE_ERROR, b->site, "jet: rank %d has no axis for more slopes", EBB_MAX_RANK);
        return EBB_POISON;
    }
    ebb_id all = ebb_g_expand_axes(b, x, &shape, 1, &front);
    if (step == 0 || all == EBB_POISON) return all;
    ebb_id rung = ebb_g_cast_to(b, ebb_g_iota(b, EBB_I64, &shape, 0), ebb_dtype_at(b->graph, x));
    return step > 0 ? ebb_g_add(b, all, rung) : ebb_g_sub(b, all, rung);
}

/* Rung i + 1 of y as rung i; the last one has none. */
static ebb_id a_rung_further(ebb_builder *b, ebb_id y) {
    static const int64_t step[EBB_MAX_RANK] = {1, 1, 1, 1, 1, 1, 1, 1}, none[EBB_MAX_RANK] = {0};
    const int64_t one[EBB_MAX_RANK] = {1};
    if (y == EBB_POISON) return y;
    ebb_shape shape = *ebb_shape_of(b->graph, y);
    shape.dim[0]--;
    return ebb_g_pad(b, ebb_g_slice(b, y, one, step, &shape), none, one, none);
}

/* Node id as rung 0 of a ladder, whose slopes are written in itself. */
static bool write_ladder(ebb_graph *g, ebb_slopes *s, ebb_id id, ebb_id *list, int *count) {
    ebb_builder b = ebb_builder_for(g, id, EBB_TANGENT);
    const ebb_primal p = ebb_primal_of(g, id);
    ebb_primal all = p;
    double step;
    if (s->slope[id][2] != EBB_ABSENT) return true;
    int counter = counter_of(p.op, &step);
    int64_t rungs = rungs_of(g, &p, s->rungs);
    for (int i = 0; i < 2; i++)
        all.x[i] = over_rungs(&b, p.x[i], rungs, i == counter ? step : 0);
    all.y = ebb_g_point(&b, p.op, 2, all.x[0], all.x[1], EBB_ABSENT);
    all.further = a_rung_further(&b, all.y);
    if (all.further == EBB_POISON || !cover(g, s, all.y + 1)) return false;
    s->slope[id][2] = s->slope[all.y][2] = list[(*count)++] = all.y;
    for (int i = 0; i < 2; i++) {
        if (s->order[p.x[i]] == 0) continue;
        ebb_id d = s->slope[all.y][i] = ebb_partial(&b, &all, i);
        if (d == EBB_POISON) return false;
        list[(*count)++] = d;
    }
    return true;
}

/* The residual of node id, to its row and to the list. */
static bool write_residual(ebb_graph *g, ebb_slopes *s, ebb_id id, ebb_id *list, int *count) {
    ebb_builder b = ebb_builder_for(g, id, EBB_TANGENT);
    ebb_primal p = ebb_primal_of(g, id);
    int parts = ebb_residual(&b, &p, s->slope[id]);
    for (int i = 0; i < parts; i++) {
        if (s->slope[id][i] == EBB_POISON) return false;
        list[(*count)++] = s->slope[id][i];
    }
    return true;
}

static ebb_family family_of(const ebb_graph *g, ebb_id id) { return ebb_op_table[ebb_op_of(g, id)].family; }

/* Of all implicit nodes that are asked to this order; their nodes are asked to it too. */
static bool write_residuals(ebb_graph *g, int order, int n, const ebb_id *x, const bool *moves, ebb_slopes *s) {
    int count = 0, implicit = 0;
    for (ebb_id id = 1; id < s->count; id++)
        implicit += s->order[id] == order && family_of(g, id) == EBB_IMPLICIT && !s->given[id];
    if (implicit == 0) return true;
    ebb_id *list = ebb_mem_new(g->allocator, (size_t)implicit * EBB_MOST_PARTS, sizeof *list);
    bool ok = list || ebb_fail_memory(g->diag);
    for (ebb_id id = 1, end = s->count; ok && id < end; id++)
        if (s->order[id] == order && family_of(g, id) == EBB_IMPLICIT && !s->given[id])
            ok = write_residual(g, s, id, list, &count);
    ok = ok && ask(g, order, n, x, moves, count, list, s);
    ebb_mem_free(g->allocator, list);
    return ok;
}

static bool is_smooth(const ebb_graph *g, ebb_id id) { return family_of(g, id) == EBB_SMOOTH; }

/* Of all smooth nodes that are asked to this order; these are asked to order `next`. */
static bool write_order(ebb_graph *g, int order, int next, int n, const ebb_id *x, const bool *moves, ebb_slopes *s) {
    int count = 0;
    ebb_id *list = ebb_mem_new(g->allocator, (size_t)s->count * MOST_LISTED, sizeof *list);
    bool ok = list || ebb_fail_memory(g->diag);
    for (ebb_id id = 1, end = s->count; ok && id < end; id++)
        if (s->order[id] == order && is_smooth(g, id) && !s->given[id]) ok = write(g, s, id, list, &count);
    if (ok && next) ok = ask(g, next, n, x, moves, count, list, s);
    ebb_mem_free(g->allocator, list);
    return ok;
}

bool ebb_slopes_write(ebb_graph *g, int order, int n, const ebb_id *x, const bool *moves, int m, const ebb_id *y,
                      ebb_slopes *s) {
    *s = (ebb_slopes){0};
    bool ok = ask(g, order, n, x, moves, m, y, s);
    for (int k = order; ok && k > 0; k--)
        ok = write_residuals(g, k, n, x, moves, s) && write_order(g, k, k - 1, n, x, moves, s);
    return ok;
}

/* ---- slopes of slopes, as long as there are new ones ---- */

static int64_t count_asked(const ebb_slopes *s) {
    int64_t asked = 0;
    for (ebb_id id = 1; id < s->count; id++)
        asked += s->order[id] != 0;
    return asked;
}

bool ebb_slopes_close(ebb_graph *g, int order, int n, const ebb_id *x, const bool *moves, int m, const ebb_id *y,
                      ebb_slopes *s) {
    *s = (ebb_slopes){.rungs = order + 1};
    bool ok = ask(g, order, n, x, moves, m, y, s);
    for (int round = 0; ok && !s->closed && round < MOST_ROUNDS; round++) {
        int64_t before = count_asked(s);
        ok = write_residuals(g, order, n, x, moves, s) && write_order(g, order, order, n, x, moves, s);
        s->closed = ok && count_asked(s) == before;
    }
    return ok;
}

void ebb_slopes_free(ebb_graph *g, ebb_slopes *s) {
    ebb_mem_free(g->allocator, s->slope);
    ebb_mem_free(g->allocator, s->given);
    ebb_mem_free(g->allocator, s->order);
    *s = (ebb_slopes){.rungs = s->rungs};
}
