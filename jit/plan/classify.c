/* classify.c - what every node of the graph is to the planner: which live, which are views, which must be in memory. */
#include "jit/plan/planner.h"

static void mark_live(ebb_planner *p) {
    const ebb_graph *g = p->graph;
    for (int32_t j = 0; j < p->plan->results; j++)
        p->cell[g->output[j]].role = EBB_ROLE_POINT;
    for (ebb_id id = g->count - 1; id > 0; id--) {
        const ebb_id *x = ebb_operands(g, id);
        for (int32_t i = 0; p->cell[id].role && i < g->node[id].arity; i++)
            p->cell[x[i]].role = EBB_ROLE_POINT;
    }
    p->cell[EBB_ABSENT].role = EBB_ROLE_DEAD;
}

static bool check_type(const ebb_planner *p, ebb_id id) {
    ebb_type type = ebb_type_of(p->graph, id);
    int64_t bytes;
    char text[EBB_TYPE_TEXT];
    if (ebb_type_bytes(&type, &bytes)) return true;
    return ebb_fail(p->diag, EBB_VALUE_ERROR, p->graph->site[id], "%s of type %s has no concrete size to plan for",
                    ebb_op_table[ebb_op_of(p->graph, id)].name, ebb_type_text(&type, text));
}

/* Gaps are left to a routine, which divides better. */
bool ebb_is_point_pad(const ebb_graph *g, ebb_id id) {
    int64_t size, around = 0;
    if (ebb_op_of(g, id) != EBB_OP_pad || !ebb_shape_size(ebb_shape_of(g, ebb_operands(g, id)[0]), &size)) return false;
    ebb_attr attr = ebb_attr_of(g, id);
    for (int32_t i = 0; i < attr.n; i++) {
        if (i >= attr.n / 3 * 2 && attr.v[i]) return false;
        around |= attr.v[i];
    }
    return size > 0 && around;
}

/* A pad looks at its index, and selects. */
int ebb_compute_cost(const ebb_planner *p, ebb_id id) {
    ebb_op op = ebb_op_of(p->graph, id);
    return op == EBB_OP_pad ? 3 : ebb_point_cost(op);
}

static ebb_role role_of(const ebb_planner *p, ebb_id id) {
    ebb_op op = ebb_op_of(p->graph, id);
    if (op == EBB_OP_iota) return EBB_ROLE_IOTA;
    if (ebb_is_point_pad(p->graph, id)) return EBB_ROLE_POINT;
    if (op == EBB_OP_stop_gradient) return EBB_ROLE_VIEW;
    if (op == EBB_OP_custom) return EBB_ROLE_DEAD; /* its primal is written out before: ebb_expand_to_run */
    switch (ebb_op_table[op].access) {
    case EBB_SOURCE:
        return EBB_ROLE_GIVEN;
    case EBB_POINT:
        return EBB_ROLE_POINT;
    case EBB_VIEW:
        return EBB_ROLE_VIEW;
    case EBB_REDUCE:
        return ebb_reduced_axes(p, id) ? EBB_ROLE_REDUCE : EBB_ROLE_VIEW;
    case EBB_WHOLE:
        return EBB_ROLE_WHOLE;
    case EBB_NESTED:
        return op == EBB_OP_get ? EBB_ROLE_PART : EBB_ROLE_REGION;
    case EBB_NOWHERE:
        break;
    }
    return EBB_ROLE_DEAD;
}

/* Where the first get of the same result is noted. */
static ebb_id *part_of(const ebb_planner *p, ebb_id get) {
    const ebb_id region = ebb_operands(p->graph, get)[0];
    return &p->part[p->cell[region].map + ebb_attr_of(p->graph, get).v[0]];
}

static bool note_region(ebb_planner *p, ebb_id id) {
    const int32_t results = ebb_results_of(p->graph, id);
    if (!ebb_mem_reserve(p->allocator, &p->part, &p->part_room, (int64_t)p->parts + results, sizeof *p->part))
        return ebb_fail_memory(p->diag);
    p->cell[id].map = p->parts;
    for (int32_t k = 0; k < results; k++)
        p->part[p->parts++] = EBB_ABSENT;
    return true;
}

/* The node in whose buffer the elements of `id` lie in row-major order. */
static ebb_id base_of(const ebb_planner *p, ebb_id id) {
    const ebb_cell *c = &p->cell[id];
    if (c->role == EBB_ROLE_ALIAS) return p->cell[ebb_operands(p->graph, id)[0]].base;
    if (c->role == EBB_ROLE_PART) return *part_of(p, id);
    if (c->role != EBB_ROLE_VIEW) return id;
    ebb_shape root = ebb_slim_of(p, c->root), own = ebb_slim_of(p, id);
    ebb_map m = ebb_map_of(p, id);
    return ebb_map_is_identity(&m, &root, &own) ? p->cell[c->root].base : id;
}

/* What a kernel pays to read this value: nothing, if it is one number. */
static int read_cost(const ebb_planner *p, ebb_id id) { return ebb_slim_of(p, id).rank > 0; }

/* Backwards, so that the readers of a node are known. */
static void find_padded(ebb_planner *p) {
    const ebb_graph *g = p->graph;
    for (ebb_id id = 1; id < g->count; id++) {
        ebb_access access = ebb_op_table[ebb_op_of(g, id)].access;
        p->cell[id].padded = p->cell[id].role != EBB_ROLE_DEAD && (access == EBB_POINT || access == EBB_VIEW);
    }
    for (int32_t j = 0; j < g->outputs; j++)
        p->cell[g->output[j]].padded = false;
    for (ebb_id id = g->count - 1; id > 0; id--) {
        const ebb_id *x = ebb_operands(g, id);
        if (p->cell[id].role == EBB_ROLE_DEAD) continue;
        for (int32_t i = 0; i < g->node[id].arity; i++) {
            ebb_cell *c = &p->cell[x[i]];
            c->padded = c->padded && (p->cell[id].padded || ebb_is_point_pad(g, id));
            c->shared = c->read;
            c->read = true;
        }
    }
}

/* What a value may cost that is computed wherever it is used: where pads alone use it, it would be stored for them. */
static int free_limit(const ebb_cell *c) {
    if (!c->padded) return EBB_CHEAP;
    return c->shared ? EBB_PADDED_SHARED : EBB_PADDED;
}

/* A point value is free if a few additions give it from things that are in memory anyway. */
static void find_free(ebb_planner *p, ebb_id id) {
    ebb_cell *c = &p->cell[id];
    const ebb_id *x = ebb_operands(p->graph, id);
    c->cost = EBB_NEVER;
    if (ebb_is_loaded(c)) c->cost = (int16_t)read_cost(p, id);
    c->free = c->role == EBB_ROLE_IOTA;
    if (c->free) c->cost = 0;
    if (c->role != EBB_ROLE_POINT || !ebb_may_recompute(p)) return;
    int cost = ebb_compute_cost(p, id);
    for (int32_t i = 0; i < p->graph->node[id].arity; i++)
        cost += p->cell[p->cell[x[i]].root].cost;
    c->free = cost <= free_limit(c);
    if (c->free) c->cost = (int16_t)cost;
}

static bool classify_node(ebb_planner *p, ebb_id id) {
    ebb_cell *c = &p->cell[id];
    c->role = (uint8_t)role_of(p, id);
    if (c->role == EBB_ROLE_DEAD)
        return ebb_fail(p->diag, EBB_INTERNAL_ERROR, p->graph->site[id], "%s was not expanded before planning",
                        ebb_op_table[ebb_op_of(p->graph, id)].name);
    if (!check_type(p, id)) return false;
    if (c->role == EBB_ROLE_VIEW) {
        bool is_view;
        if (!ebb_view_new(p, id, &is_view)) return false;
        if (!is_view) c->role = EBB_ROLE_ALIAS;
    }
    if (c->role == EBB_ROLE_REGION && !note_region(p, id)) return false;
    if (c->role == EBB_ROLE_PART && !*part_of(p, id)) *part_of(p, id) = id;
    c->base = base_of(p, id);
    find_free(p, id);
    return true;
}

static void want(ebb_planner *p, ebb_id id) { p->cell[p->cell[id].base].wanted = true; }

static void want_operands(ebb_planner *p, ebb_id id) {
    const ebb_id *x = ebb_operands(p->graph, id);
    const ebb_role role = (ebb_role)p->cell[id].role;
    if (role != EBB_ROLE_WHOLE && role != EBB_ROLE_ALIAS && role != EBB_ROLE_REGION) return;
    for (int32_t i = 0; i < p->graph->node[id].arity; i++)
        want(p, x[i]);
}

bool ebb_classify(ebb_planner *p) {
    const ebb_graph *g = p->graph;
    mark_live(p);
    find_padded(p);
    for (ebb_id id = 0; id < g->count; id++) {
        ebb_cell *c = &p->cell[id];
        c->root = c->base = id;
        c->cluster = c->reader = c->buffer = c->inst = -1;
        if (c->role != EBB_ROLE_DEAD && !classify_node(p, id)) return false;
    }
    for (ebb_id id = 0; id < g->count; id++)
        if (p->cell[id].role != EBB_ROLE_DEAD) want_operands(p, id);
    for (int32_t j = 0; j < p->plan->results; j++)
        want(p, g->output[j]);
    p->cell[EBB_ABSENT].wanted = false;
    return true;
}
