/* plan.c - the way of a graph through the room, and the life of a plan. Start reading at ebb_plan_new. */
#include "jit/plan/planner.h"

#include <string.h>

/* ---- buffers ---- */

int32_t ebb_new_buffer(ebb_planner *p, ebb_place place, int32_t index, ebb_dtype dtype, int64_t elements) {
    ebb_plan *plan = p->plan;
    if (!ebb_mem_reserve(p->allocator, &plan->buffer, &p->buffer_room, (int64_t)plan->buffers + 1,
                         sizeof *plan->buffer)) {
        ebb_fail_memory(p->diag);
        return -1;
    }
    int64_t bytes = elements * (int64_t)ebb_dtype_size(dtype);
    plan->buffer[plan->buffers] = (ebb_buffer){.place = place, .index = index, .bytes = bytes, .dtype = dtype};
    return plan->buffers++;
}

/* Appends a constant's elements to the pool. */
static int32_t new_pool_buffer(ebb_planner *p, ebb_id id, int64_t elements) {
    ebb_plan *plan = p->plan;
    int32_t b = ebb_new_buffer(p, EBB_IN_POOL, -1, ebb_dtype_at(p->graph, id), elements);
    if (b < 0) return -1;
    int64_t bytes = plan->buffer[b].bytes, room = bytes / 8 * 8 + 8; /* never nothing: it has an address */
    if (!ebb_mem_reserve(p->allocator, &plan->pool, &p->pool_room, plan->pool_bytes + room, 1)) {
        ebb_fail_memory(p->diag);
        return -1;
    }
    memset(plan->pool + plan->pool_bytes, 0, (size_t)room);
    if (bytes) memcpy(plan->pool + plan->pool_bytes, ebb_attr_of(p->graph, id).v, (size_t)bytes);
    plan->buffer[b].offset = plan->pool_bytes;
    plan->pool_bytes += room;
    return b;
}

int32_t ebb_buffer_of(ebb_planner *p, ebb_id id) {
    ebb_id base = p->cell[id].base;
    ebb_cell *c = &p->cell[base];
    if (c->buffer >= 0) return c->buffer;
    ebb_shape s = ebb_slim_of(p, base);
    ebb_dtype dtype = ebb_dtype_at(p->graph, base);
    switch (ebb_op_of(p->graph, base)) {
    case EBB_OP_constant:
        c->buffer = new_pool_buffer(p, base, ebb_elements(&s));
        break;
    case EBB_OP_input:
        c->buffer = ebb_new_buffer(p, EBB_IN_INPUT, (int32_t)ebb_attr_of(p->graph, base).v[0], dtype, ebb_elements(&s));
        break;
    default:
        c->buffer = ebb_new_buffer(p, EBB_IN_ARENA, -1, dtype, ebb_elements(&s));
    }
    return c->buffer;
}

/* ---- steps ---- */

ebb_step *ebb_new_step(ebb_planner *p, ebb_step_kind kind, ebb_id node) {
    ebb_plan *plan = p->plan;
    if (!ebb_mem_reserve(p->allocator, &plan->step, &p->step_room, (int64_t)plan->steps + 1, sizeof *plan->step)) {
        ebb_fail_memory(p->diag);
        return NULL;
    }
    ebb_step *s = &plan->step[plan->steps++];
    *s = (ebb_step){.kind = kind, .in = {-1, -1, -1}, .out = -1, .scratch = -1, .node = node};
    return s;
}

bool ebb_copy_step(ebb_planner *p, int32_t from, int32_t to, ebb_id node) {
    ebb_step *s = ebb_new_step(p, EBB_STEP_COPY, node);
    if (!s) return false;
    s->nin = 1;
    s->in[0] = from;
    s->out = to;
    return true;
}

static bool describe(const ebb_planner *p, ebb_id id, ebb_step *s) {
    const ebb_graph *g = p->graph;
    ebb_attr attr = ebb_attr_of(g, id);
    ebb_type type[3] = {{0}}, result = ebb_type_of(g, id);
    for (int32_t i = 0; i < s->nin; i++)
        type[i] = ebb_type_of(g, ebb_operands(g, id)[i]);
    ebb_application app = {.op = s->op, .nattr = attr.n, .attr = attr.v, .asked = result, .site = g->site[id]};
    s->ndesc = ebb_describe(&app, s->nin, type, &result, s->desc);
    return s->ndesc > 0 ||
           ebb_fail(p->diag, EBB_INTERNAL_ERROR, app.site, "no routine computes %s", ebb_op_table[s->op].name);
}

/* Bytes, as bool has them. */
static bool take_scratch(ebb_planner *p, ebb_step *s) {
    const int64_t bytes = ebb_scratch(s->op, s->desc);
    if (bytes == 0) return true;
    s->scratch = ebb_new_buffer(p, EBB_IN_ARENA, -1, EBB_BOOL, bytes);
    return s->scratch >= 0;
}

static bool lower_routine(ebb_planner *p, ebb_id id) {
    ebb_step *s = ebb_new_step(p, EBB_STEP_ROUTINE, id);
    if (!s) return false;
    s->op = ebb_op_of(p->graph, id);
    s->nin = p->graph->node[id].arity;
    for (int32_t i = 0; i < s->nin; i++)
        if ((s->in[i] = ebb_buffer_of(p, ebb_operands(p->graph, id)[i])) < 0) return false;
    s->out = ebb_buffer_of(p, id);
    return s->out >= 0 && describe(p, id, s) && take_scratch(p, s);
}

static bool lower_whole(ebb_planner *p, ebb_id id) {
    return (p->cell[id].role == EBB_ROLE_REGION ? ebb_lower_region : lower_routine)(p, id);
}

static bool lower_clusters(ebb_planner *p) {
    for (int32_t c = 0; c < p->clusters; c++) {
        ebb_id routine = p->cluster[c].routine;
        if (!(routine ? lower_whole(p, routine) : ebb_lower_kernel(p, c))) return false;
    }
    return true;
}

/* ---- life ---- */

static bool make(ebb_planner *p) {
    p->cell = ebb_mem_new(p->allocator, (size_t)p->graph->count, sizeof *p->cell);
    if (!p->cell) return ebb_fail_memory(p->diag);
    return ebb_classify(p) && ebb_find_clusters(p) && ebb_decide_stores(p) && ebb_save_parameters(p) &&
           lower_clusters(p) && ebb_place_results(p) && ebb_place_arena(p);
}

static void free_planner(ebb_planner *p) {
    ebb_room_free(p);
    ebb_mem_free(p->allocator, p->cell);
    ebb_mem_free(p->allocator, p->axis);
    ebb_mem_free(p->allocator, p->part);
    ebb_mem_free(p->allocator, p->cluster);
    ebb_mem_free(p->allocator, p->member);
    ebb_mem_free(p->allocator, p->saved);
}

static ebb_plan *plan_with(const ebb_module_plan *m, const ebb_graph *g, const ebb_plan_options *options,
                           int32_t results, ebb_diag *diag) {
    ebb_plan *plan = ebb_mem_new(g->allocator, 1, sizeof *plan);
    if (!plan) return ebb_fail_memory(diag), NULL;
    plan->allocator = g->allocator;
    plan->graph = ebb_graph_retain((ebb_graph *)g); /* only its count changes */
    plan->results = results;
    ebb_planner p = {
        .allocator = g->allocator, .diag = diag, .graph = g, .options = options, .plan = plan, .module = m};
    bool ok = make(&p);
    free_planner(&p);
    if (ok) return plan;
    ebb_plan_free(plan);
    return NULL;
}

ebb_plan *ebb_plan_function(const ebb_module_plan *m, const ebb_graph *g, int32_t results, ebb_diag *diag) {
    ebb_plan_options options = *m->options;
    options.alias = NULL;
    return plan_with(m, g, &options, results, diag);
}

static void free_plans(const ebb_allocator *a, ebb_plan **plan, int32_t n) {
    for (int32_t k = 0; k < n; k++)
        ebb_plan_free(plan[k]);
    ebb_mem_free(a, plan);
}

ebb_plan *ebb_plan_new(const ebb_graph *g, const ebb_plan_options *options, ebb_diag *diag) {
    static const ebb_plan_options defaults = {0};
    ebb_module_plan m = {.options = options ? options : &defaults};
    ebb_plan *plan = ebb_plan_nested(&m, g, diag) ? plan_with(&m, g, m.options, g->outputs, diag) : NULL;
    if (!plan) return free_plans(g->allocator, m.plan, m.plans), NULL;
    plan->nested = m.plan;
    plan->nesteds = m.plans;
    return plan;
}

/* Nested plans have none of their own: one step deep. */
void ebb_plan_free(ebb_plan *plan) {
    if (!plan) return;
    const ebb_allocator *a = plan->allocator;
    free_plans(a, plan->nested, plan->nesteds);
    for (int32_t t = 0; t < plan->steps; t++) {
        ebb_mem_free(a, plan->step[t].kernel.inst);
        ebb_nested_free(a, plan->step[t].nested);
    }
    ebb_mem_free(a, plan->step);
    ebb_mem_free(a, plan->buffer);
    ebb_mem_free(a, plan->pool);
    ebb_graph_release((ebb_graph *)plan->graph);
    ebb_mem_free(a, plan);
}
