/* shrink.c - see shrink.h. One cut after the other is tried: a result is dropped, a node is replaced by an operand of
 * its own type or by a new parameter. A cut that keeps the fault is kept, until none does. */
#include "tests/support/shrink.h"

#include <stdlib.h>

#include "jit/graph/region.h"

typedef struct cut {
    int drop;    /* this output; -1: none */
    ebb_id node; /* this node; 0: none */
    ebb_id by;   /* becomes that operand; 0: a parameter */
} cut;

static void mark_needed(const ebb_graph *g, const cut *c, char *need) {
    for (int32_t j = 0; j < g->outputs; j++)
        if (j != c->drop) need[g->output[j]] = 1;
    for (ebb_id id = g->count - 1; id > 0; id--) {
        const ebb_id *x = ebb_operands(g, id);
        if (need[id] && id == c->node) need[c->by] = 1;
        for (int32_t k = 0; need[id] && id != c->node && k < g->node[id].arity; k++)
            need[x[k]] = 1;
    }
}

static ebb_id copy_node(ebb_graph *to, const ebb_graph *g, ebb_id id, const ebb_id *map) {
    ebb_id x[64] = {0};
    ebb_op op = ebb_op_of(g, id);
    int32_t n = g->node[id].arity;
    for (int32_t k = 0; k < n; k++)
        x[k] = map[ebb_operands(g, id)[k]];
    if (op == EBB_OP_get) return ebb_record_get(to, x[0], (int)ebb_attr_of(g, id).v[0], g->site[id]);
    if (ebb_is_region(op)) {
        ebb_region r = ebb_region_of(g, id);
        return ebb_record_region(to, &r, n, x, g->site[id]);
    }
    ebb_application app = ebb_application_of(g, id);
    return ebb_record(to, &app, n, x);
}

static bool copy(ebb_graph *to, const ebb_graph *g, const cut *c, const char *need, ebb_id *map) {
    for (ebb_id id = 1; id < g->count; id++) {
        if (!need[id]) continue;
        if (id == c->node && c->by)
            map[id] = map[c->by];
        else if (id == c->node || ebb_op_of(g, id) == EBB_OP_input)
            map[id] = ebb_add_input(to, ebb_type_of(g, id), g->site[id]);
        else
            map[id] = copy_node(to, g, id, map);
        if (map[id] == EBB_POISON) return false;
    }
    for (int32_t j = 0; j < g->outputs; j++)
        if (j != c->drop && !ebb_add_output(to, map[g->output[j]])) return false;
    return true;
}

static ebb_graph *after(const ebb_graph *g, const cut *c) {
    static ebb_diag unread;
    ebb_graph *to = ebb_graph_new(g->allocator, &unread, g->name);
    char *need = calloc((size_t)g->count, 1);
    ebb_id *map = calloc((size_t)g->count, sizeof *map);
    mark_needed(g, c, need);
    bool good = copy(to, g, c, need, map);
    free(need);
    free(map);
    if (good) return to;
    ebb_graph_release(to);
    return NULL;
}

static int operations(const ebb_graph *g) { return g->count - 1 - g->inputs; }

static bool is_smaller(const ebb_graph *a, const ebb_graph *b) {
    if (operations(a) != operations(b)) return operations(a) < operations(b);
    return a->inputs + a->outputs < b->inputs + b->outputs;
}

/* Takes the cut if the fault stays. */
static bool try(ebb_graph **g, cut c, ebb_still_fails *fails, void *data) {
    ebb_graph *less = after(*g, &c);
    bool good = less && is_smaller(less, *g) && fails(less, data);
    if (good) {
        ebb_graph *more = *g;
        *g = less;
        less = more;
    }
    ebb_graph_release(less);
    return good;
}

static bool try_node(ebb_graph **g, ebb_id id, ebb_still_fails *fails, void *data) {
    ebb_type type = ebb_type_of(*g, id);
    if (ebb_op_of(*g, id) == EBB_OP_input || type.dtype == EBB_NONE) return false;
    for (int32_t k = 0; k < (*g)->node[id].arity; k++) {
        ebb_id x = ebb_operands(*g, id)[k];
        ebb_type other = ebb_type_of(*g, x);
        if (ebb_type_equal(&type, &other) && try(g, (cut){-1, id, x}, fails, data)) return true;
    }
    return try(g, (cut){-1, id, 0}, fails, data);
}

/* One cut that could be made; after it all numbers have changed. */
static bool cut_once(ebb_graph **g, ebb_still_fails *fails, void *data) {
    for (int j = 0; (*g)->outputs > 1 && j < (*g)->outputs; j++)
        if (try(g, (cut){j, 0, 0}, fails, data)) return true;
    for (ebb_id id = (*g)->count - 1; id > 0; id--)
        if (try_node(g, id, fails, data)) return true;
    return false;
}

ebb_graph *ebb_shrink(ebb_graph *g, ebb_still_fails *fails, void *data) {
    while (cut_once(&g, fails, data))
        ;
    return g;
}
