/* nested.c - regions: a plan for each function that they run, made once whoever runs it, callees before callers.
 *
 * Of an unloop's body only the states are wanted, so the same function may have two plans: one with fewer results. */
#include "jit/plan/planner.h"

#include <string.h>

/* ---- the plans ---- */

/* What a region runs: the functions, and how many of their results are wanted. */
typedef struct runs {
    const ebb_graph *graph[3];
    int32_t results[3];
} runs;

static runs runs_of(const ebb_graph *g, ebb_id id) {
    const ebb_region r = ebb_region_of(g, id);
    runs all = {{r.callee[0], r.callee[1], r.callee[2]}, {0, 0, 0}};
    for (int k = 0; k < 3; k++)
        if (r.callee[k]) all.results[k] = r.callee[k]->outputs;
    if (r.op == EBB_OP_unloop) all.results[0] = (int32_t)r.number[0];
    return all;
}

const ebb_plan *ebb_nested_plan(const ebb_module_plan *m, const ebb_graph *g, int32_t results) {
    for (int32_t i = m->plans - 1; g && i >= 0; i--)
        if (m->plan[i]->graph == g && m->plan[i]->results == results) return m->plan[i];
    return NULL;
}

/* Plans what region `id` of a function runs, where that is not planned yet. */
static bool plan_region(ebb_module_plan *m, const ebb_graph *g, ebb_id id, ebb_diag *diag) {
    const runs all = runs_of(g, id);
    for (int k = 0; k < 3; k++) {
        if (!all.graph[k] || ebb_nested_plan(m, all.graph[k], all.results[k])) continue;
        if (!ebb_mem_reserve(g->allocator, &m->plan, &m->room, (int64_t)m->plans + 1, sizeof(ebb_plan *)))
            return ebb_fail_memory(diag);
        ebb_plan *plan = ebb_plan_function(m, all.graph[k], all.results[k], diag);
        if (!plan) return false;
        m->plan[m->plans++] = plan;
    }
    return true;
}

static bool plan_callees(ebb_module_plan *m, const ebb_reach *reach, ebb_diag *diag) {
    for (int32_t k = 0; k < reach->count; k++) {
        const ebb_graph *g = reach->graph[k];
        for (ebb_id id = 1; g->nesting && id < g->count; id++)
            if (ebb_is_region(ebb_op_of(g, id)) && !plan_region(m, g, id, diag)) return false;
    }
    return true;
}

bool ebb_plan_nested(ebb_module_plan *m, const ebb_graph *g, ebb_diag *diag) {
    if (!g->nesting) return true;
    ebb_reach reach;
    const bool ok = ebb_reach_from(g, &reach) ? plan_callees(m, &reach, diag) : ebb_fail_memory(diag);
    ebb_reach_end(&reach);
    return ok;
}

/* ---- the step ---- */

static bool point_operands(ebb_planner *p, ebb_id id, ebb_nested *n) {
    const ebb_id *x = ebb_operands(p->graph, id);
    for (int32_t k = 0; k < n->operands; k++)
        if ((n->in[k] = ebb_buffer_of(p, x[k])) < 0) return false;
    return true;
}

/* What no get reads has room all the same. */
static bool point_results(ebb_planner *p, ebb_id id, ebb_nested *n) {
    for (int32_t k = 0; k < n->results; k++) {
        ebb_type type;
        int64_t elements = 0;
        const ebb_id get = p->part[p->cell[id].map + k];
        n->out[k] = -1;
        if (!ebb_result_type(p->graph, id, k, &type)) continue;
        ebb_shape_size(&type.shape, &elements);
        n->out[k] = get ? ebb_buffer_of(p, get) : ebb_new_buffer(p, EBB_IN_ARENA, -1, type.dtype, elements);
        if (n->out[k] < 0) return false;
    }
    return true;
}

/* The memory of the driver and of the plans; of a branch, of whichever is taken. */
static bool give_work(ebb_planner *p, ebb_id id, ebb_nested *n) {
    int64_t room[3] = {0}, bytes = 0;
    for (int k = 0; k < 3; k++)
        if (n->plan[k]) room[k] = n->plan[k]->arena_bytes;
    if (ebb_op_of(p->graph, id) == EBB_OP_cond) {
        bytes = room[0] > room[1] ? room[0] : room[1];
    } else {
        n->loop = ebb_loop_describe(p->graph, id, room, &n->numbers, p->diag);
        if (!n->loop) return false;
        bytes = ebb_loop_places_of(n->loop).total;
    }
    n->work = bytes ? ebb_new_buffer(p, EBB_IN_ARENA, -1, EBB_BOOL, bytes) : -1;
    return bytes == 0 || n->work >= 0;
}

static ebb_nested *new_nested(ebb_planner *p, ebb_id id) {
    const int32_t operands = p->graph->node[id].arity, results = ebb_results_of(p->graph, id);
    ebb_nested *n = ebb_mem_new(p->allocator, 1, sizeof *n + (size_t)(operands + results) * sizeof *n->in);
    if (!n) return ebb_fail_memory(p->diag), NULL;
    n->in = (int32_t *)(n + 1);
    n->out = n->in + operands;
    n->operands = operands;
    n->results = results;
    return n;
}

bool ebb_lower_region(ebb_planner *p, ebb_id id) {
    const runs all = runs_of(p->graph, id);
    ebb_step *s = ebb_new_step(p, EBB_STEP_REGION, id);
    if (!s || !(s->nested = new_nested(p, id))) return false;
    ebb_nested *n = s->nested;
    s->op = ebb_op_of(p->graph, id);
    for (int k = 0; k < 3; k++)
        n->plan[k] = ebb_nested_plan(p->module, all.graph[k], all.results[k]);
    return point_operands(p, id, n) && point_results(p, id, n) && give_work(p, id, n);
}

void ebb_nested_free(const ebb_allocator *a, ebb_nested *n) {
    if (n) ebb_mem_free(a, n->loop);
    ebb_mem_free(a, n);
}
