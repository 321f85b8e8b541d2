/* slopes.c - which partial derivatives and residuals a forward pass of some order needs, written before it begins.
 *
 * Order k of a smooth node asks order k - 1 of its slopes, which are nodes as all others. So: all between x and y is
 * asked to the full order; the slopes of what is asked to this order are asked to one less, and so on down to 1, whose
 * slopes are asked for their value alone. The rounds always end, and end early where slopes are written in what is
 * there: sharing finds it (sin brings cos, tanh nothing but 1 - y^2). The residual of an implicit node is asked to the
 * order of the node.
 *
 * Invariant: after the round of an order, every smooth node that is asked to this order or more has its slopes,
 * and every implicit one its residual. */
#include "dual/slopes.h"

#include <string.h>

/* The tables, grown to the nodes below `count`. Not to all nodes that there are: a Hessian makes a pass for each of its
 * rows, behind all that the rows before have appended. */
static bool cover(ebb_graph *g, ebb_slopes *s, ebb_id count) {
    if (count <= s->count) return true;
    ebb_slopes more = {.count = count};
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

/* The slopes of node id, to its row and to the list. */
static bool write(ebb_graph *g, ebb_slopes *s, ebb_id id, ebb_id *list, int *count) {
    ebb_builder b = ebb_builder_for(g, id, EBB_TANGENT);
    ebb_primal p = ebb_primal_of(g, id);
    for (int i = 0; i < p.arity; i++) {
        if (s->order[p.x[i]] == 0) continue;
        ebb_id d = ebb_partial(&b, &p, i);
        if (d == EBB_POISON) return false;
        list[(*count)++] = s->slope[id][i] = d;
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

/* The round of one order. */
static bool write_order(ebb_graph *g, int order, int n, const ebb_id *x, const bool *moves, ebb_slopes *s) {
    int count = 0;
    ebb_id *list =
        ebb_mem_new(g->allocator, (size_t)s->count * 2, sizeof *list); /* no smooth operation has more than two */
    bool ok = list || ebb_fail_memory(g->diag);
    for (ebb_id id = 1; ok && id < s->count; id++)
        if (s->order[id] == order && is_smooth(g, id) && !s->given[id]) ok = write(g, s, id, list, &count);
    if (ok && order > 1) ok = ask(g, order - 1, n, x, moves, count, list, s);
    ebb_mem_free(g->allocator, list);
    return ok;
}

bool ebb_slopes_write(ebb_graph *g, int order, int n, const ebb_id *x, const bool *moves, int m, const ebb_id *y,
                      ebb_slopes *s) {
    *s = (ebb_slopes){0};
    bool ok = ask(g, order, n, x, moves, m, y, s);
    for (int k = order; ok && k > 0; k--)
        ok = write_residuals(g, k, n, x, moves, s) && write_order(g, k, n, x, moves, s);
    return ok;
}

void ebb_slopes_free(ebb_graph *g, ebb_slopes *s) {
    ebb_mem_free(g->allocator, s->slope);
    ebb_mem_free(g->allocator, s->given);
    ebb_mem_free(g->allocator, s->order);
    *s = (ebb_slopes){0};
}
