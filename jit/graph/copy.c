/* copy.c - nodes of one graph once more in another, and programs without what nothing needs. Start at again. */
#include "jit/graph/expand.h"

/* ---- one node ---- */

ebb_id *ebb_new_operands(const ebb_graph *to, const ebb_graph *g, ebb_id id, const ebb_id *map, ebb_id few[3]) {
    const int32_t arity = g->node[id].arity;
    ebb_id *x = arity > 3 ? ebb_mem_new(to->allocator, (size_t)arity, sizeof *x) : few;
    if (!x) return ebb_fail_memory(to->diag), NULL;
    for (int32_t k = 0; k < arity; k++)
        x[k] = map[ebb_operands(g, id)[k]];
    return x;
}

ebb_id ebb_put_region(ebb_region_door *door, ebb_graph *to, const ebb_region *r, const ebb_graph *g, ebb_id id,
                      const ebb_id *map, ebb_site site) {
    ebb_id few[3] = {EBB_ABSENT}, *x = ebb_new_operands(to, g, id, map, few);
    ebb_id y = x ? door(to, r, g->node[id].arity, x, site) : EBB_POISON;
    if (x != few) ebb_mem_free(to->allocator, x);
    return y;
}

/* The three doors that a node may have come through. */
typedef struct doors {
    ebb_id (*node)(ebb_graph *g, const ebb_application *app, int narg, const ebb_id *arg);
    ebb_region_door *region;
    ebb_id (*get)(ebb_graph *g, ebb_id tuple, int k, ebb_site site);
} doors;

static ebb_id again(const doors *d, ebb_graph *to, const ebb_graph *g, ebb_id id, const ebb_id *map) {
    const ebb_id *operand = ebb_operands(g, id);
    ebb_application app = ebb_application_of(g, id);
    ebb_id few[3];
    if (!ebb_graph_keep_site(to, g, &app.site)) return EBB_POISON;
    if (app.op == EBB_OP_get) return d->get(to, map[operand[0]], (int)app.attr[0], app.site);
    if (ebb_is_region(app.op)) {
        const ebb_region r = ebb_region_of(g, id);
        return ebb_put_region(d->region, to, &r, g, id, map, app.site);
    }
    ebb_id *x = ebb_new_operands(to, g, id, map, few);
    ebb_id y = x ? d->node(to, &app, g->node[id].arity, x) : EBB_POISON;
    if (x != few) ebb_mem_free(to->allocator, x);
    return y;
}

ebb_id ebb_record_again(ebb_graph *to, const ebb_graph *g, ebb_id id, const ebb_id *map) {
    return again(&(doors){ebb_record, ebb_record_region, ebb_record_get}, to, g, id, map);
}

ebb_id ebb_derive_again(ebb_graph *to, const ebb_graph *g, ebb_id id, const ebb_id *map) {
    return again(&(doors){ebb_derive, ebb_derive_region, ebb_derive_get}, to, g, id, map);
}

/* ---- many nodes ---- */

uint8_t *ebb_live_nodes(const ebb_graph *g) {
    uint8_t *live = ebb_mem_new(g->allocator, (size_t)g->count, 1);
    if (!live) return NULL;
    for (int32_t k = 0; k < g->outputs; k++)
        live[g->output[k]] = 1;
    live[EBB_ABSENT] = 0;
    for (ebb_id id = g->count - 1; id > 0; id--) {
        const ebb_id *x = ebb_operands(g, id);
        for (int32_t k = 0; live[id] && k < g->node[id].arity; k++)
            live[x[k]] = 1;
    }
    return live;
}

bool ebb_copy_nodes(ebb_graph *to, const ebb_graph *g, const uint8_t *live, ebb_id *renumber) {
    for (ebb_id id = 1; id < g->count; id++) {
        if ((live && !live[id]) || ebb_op_of(g, id) == EBB_OP_input) continue;
        renumber[id] = ebb_record_again(to, g, id, renumber);
        if (renumber[id] == EBB_POISON) return false;
    }
    return true;
}

static bool all_live(const ebb_graph *g, const uint8_t *live) {
    for (ebb_id id = 1; id < g->count; id++)
        if (!live[id] && ebb_op_of(g, id) != EBB_OP_input) return false;
    return true;
}

/* Copies what is live of a rebuilt graph, all parameters included, which come first there. */
static bool copy_live(ebb_graph *to, const ebb_graph *g, const uint8_t *live, ebb_id *renumber) {
    for (int32_t k = 0; k < g->inputs; k++) {
        ebb_id id = g->input[k];
        ebb_site site = g->site[id];
        if (!ebb_graph_keep_site(to, g, &site)) return false;
        renumber[id] = ebb_add_input(to, ebb_type_of(g, id), site);
        if (renumber[id] == EBB_POISON) return false;
    }
    if (!ebb_copy_nodes(to, g, live, renumber)) return false;
    for (int32_t k = 0; k < g->outputs; k++)
        if (!ebb_add_output(to, renumber[g->output[k]])) return false;
    return true;
}

ebb_graph *ebb_drop_dead(ebb_graph *g, ebb_id *map, int32_t count) {
    uint8_t *live = ebb_live_nodes(g);
    if (live && all_live(g, live)) return ebb_mem_free(g->allocator, live), g;
    ebb_id *renumber = ebb_mem_new(g->allocator, (size_t)g->count, sizeof *renumber);
    ebb_graph *to = live && renumber ? ebb_graph_new(g->allocator, g->diag, g->name) : NULL;
    if (to)
        to->without = g->without;
    else
        ebb_fail_memory(g->diag);
    if (to && !copy_live(to, g, live, renumber)) {
        ebb_graph_release(to);
        to = NULL;
    }
    for (int32_t id = 0; to && map && id < count; id++)
        map[id] = renumber[map[id]];
    ebb_mem_free(g->allocator, live);
    ebb_mem_free(g->allocator, renumber);
    ebb_graph_release(g);
    return to;
}
