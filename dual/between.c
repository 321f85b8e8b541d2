/* between.c - which nodes a derivative passes through, so that neither direction touches any other.
 *
 * Two sweeps over plain arrays: down from x along float operands, then up from y. Symbolic zeros that are known before
 * a single node is made. */
#include "dual/rules.h"

static ebb_family family_of(const ebb_graph *g, ebb_id id) { return ebb_op_table[ebb_op_of(g, id)].family; }

/* Whether a change of float operands can change the result smoothly. A region's result is a tuple, of no dtype, and
 * passes as a whole. */
static bool passes(const ebb_graph *g, ebb_id id) {
    ebb_family family = family_of(g, id);
    bool smooth = ebb_is_float(ebb_dtype_at(g, id)) || ebb_dtype_at(g, id) == EBB_NONE;
    return smooth && family != EBB_LEAF && family != EBB_STEP;
}

/* Node 0 is absent, so it is never marked. */
static void mark_from_x(const ebb_graph *g, int n, const ebb_id *x, const bool *moves, uint8_t *mark, ebb_id limit) {
    for (int i = 0; i < n; i++)
        if (x[i] < limit && ebb_is_float(ebb_dtype_at(g, x[i])))
            mark[x[i]] |= EBB_IS_X | (!moves || moves[i] ? EBB_FROM_X : 0);
    for (ebb_id id = 1; id < limit; id++) {
        if (mark[id] || !passes(g, id)) continue;
        const ebb_id *operand = ebb_operands(g, id);
        for (int i = 0; i < g->node[id].arity; i++)
            mark[id] |= mark[operand[i]] & EBB_FROM_X;
    }
}

static void mark_to_y(const ebb_graph *g, int m, const ebb_id *y, uint8_t *mark, ebb_id limit) {
    for (int j = 0; j < m; j++)
        mark[y[j]] |= EBB_TO_Y;
    for (ebb_id id = limit - 1; id > 0; id--) {
        if (!ebb_is_between(mark, id) || !passes(g, id)) continue;
        const ebb_id *operand = ebb_operands(g, id);
        for (int i = 0; i < g->node[id].arity; i++)
            mark[operand[i]] |= EBB_TO_Y;
    }
}

/* Macros and calls have no rule of their own. */
static bool check_expanded(const ebb_graph *g, const uint8_t *mark, ebb_id limit) {
    for (ebb_id id = 1; id < limit; id++) {
        if (!ebb_is_between(mark, id)) continue;
        if (family_of(g, id) == EBB_MACRO || ebb_op_of(g, id) == EBB_OP_call)
            return ebb_fail(g->diag, EBB_LOOKUP_ERROR, g->site[id], "%s has no derivative before the graph is expanded",
                            ebb_op_table[ebb_op_of(g, id)].name);
    }
    return true;
}

uint8_t *ebb_between(const ebb_graph *g, int n, const ebb_id *x, const bool *moves, int m, const ebb_id *y,
                     ebb_id *limit) {
    *limit = 1;
    for (int j = 0; j < m; j++)
        if (y[j] >= *limit) *limit = y[j] + 1;
    uint8_t *mark = ebb_mem_new(g->allocator, (size_t)*limit, sizeof *mark);
    if (!mark) {
        ebb_fail_memory(g->diag);
        return NULL;
    }
    mark_from_x(g, n, x, moves, mark, *limit);
    mark_to_y(g, m, y, mark, *limit);
    if (check_expanded(g, mark, *limit)) return mark;
    ebb_mem_free(g->allocator, mark);
    return NULL;
}

/* Poison has left its error when it was made. */
bool ebb_check_ids(const ebb_graph *g, int n, const ebb_id *id) {
    for (int k = 0; k < n; k++) {
        if (id[k] == EBB_POISON) return false;
        if (id[k] < 0 || id[k] >= g->count)
            return ebb_fail(g->diag, EBB_INTERNAL_ERROR, (ebb_site){0}, "%%%d is no node of %s", (int)id[k], g->name);
    }
    return true;
}

bool ebb_check_pairs(const ebb_graph *g, const char *what, int n, const ebb_id *node, const ebb_id *t) {
    if (!ebb_check_ids(g, n, node) || !ebb_check_ids(g, n, t)) return false;
    for (int k = 0; k < n; k++) {
        if (node[k] == EBB_ABSENT || t[k] == EBB_ABSENT) continue;
        ebb_type type = ebb_type_of(g, node[k]), given = ebb_type_of(g, t[k]);
        if (type.dtype == given.dtype && ebb_shape_equal(&type.shape, &given.shape)) continue;
        char text[2][EBB_TYPE_TEXT];
        return ebb_fail(g->diag, EBB_VALUE_ERROR, g->site[node[k]], "the %s of %s is %s", what,
                        ebb_type_text(&type, text[0]), ebb_type_text(&given, text[1]));
    }
    return true;
}
