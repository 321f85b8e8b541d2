/* capsule.c - a graph that is called as a whole, without variables of its own: how regions of a program run.
 *
 * A branch or loop of a recorded program is one node, but no operation of dispatch: it has any number of operands and
 * results, and functions. So it is put in a graph of its own, which runs, is recorded and differentiated as a called
 * function is. Start reading at ebb_capsule_call. */
#include "frontend/control.h"
#include "jit/graph/region.h"

static bool call_values(ebb_context *ebb, const ebb_graph *g, ebb_tensor *const *arg, ebb_tensor **result,
                        ebb_site site) {
    ebb_tensor **value = ebb_mem_new(&ebb->allocator, (size_t)g->count, sizeof *value);
    if (!value) return ebb_fail_at(ebb, EBB_NO_MEMORY, site, "%s: no memory", g->name), false;
    for (int32_t k = 0; k < g->inputs; k++)
        value[g->input[k]] = arg[k];
    bool good = ebb_replay_values(ebb, g, value, result, site);
    ebb_mem_free(&ebb->allocator, value);
    return good;
}

/* Its nodes once more, in the trace. */
static bool copy_nodes(ebb_trace *t, const ebb_graph *g, ebb_tensor *const *arg, ebb_tensor **result, ebb_id *map,
                       ebb_site site) {
    for (int32_t k = 0; k < g->inputs; k++)
        if ((map[g->input[k]] = ebb_trace_id(t, arg[k], site)) == EBB_POISON) return false;
    for (ebb_id id = 1; id < g->count; id++)
        if (ebb_op_of(g, id) != EBB_OP_input && (map[id] = ebb_record_again(t->graph, g, id, map)) == EBB_POISON)
            return false;
    for (int32_t j = 0; j < g->outputs; j++) {
        bool absent = g->output[j] == EBB_ABSENT;
        result[j] = absent ? &t->context->absent : ebb_trace_tensor(t, map[g->output[j]], site);
        if (result[j]->kind == EBB_KIND_POISON) return false;
    }
    return true;
}

static bool call_traced(ebb_trace *t, const ebb_graph *g, ebb_tensor *const *arg, ebb_tensor **result, ebb_site site) {
    const ebb_allocator *a = &t->context->allocator;
    ebb_id *map = ebb_mem_new(a, (size_t)g->count, sizeof *map);
    bool good = map ? copy_nodes(t, g, arg, result, map, site) : ebb_fail_memory(&t->diag);
    if (!good && t->diag.code != EBB_OK) ebb_fail_diag(t->context, &t->diag, site);
    ebb_mem_free(a, map);
    return good;
}

bool ebb_capsule_call(ebb_context *ebb, ebb_graph *g, ebb_tensor *const *arg, ebb_tensor **result, ebb_site site) {
    bool good = ebb->trace ? call_traced(ebb->trace, g, arg, result, site) : call_values(ebb, g, arg, result, site);
    if (good && ebb->tapes) ebb_tapes_record_call(ebb, &(ebb_call_record){g, arg, result, g->outputs, NULL, 0, site});
    return good;
}

/* Result k of the region becomes output k. */
static bool add_results(ebb_graph *to, ebb_id tuple, ebb_site site) {
    ebb_type type;
    if (tuple == EBB_POISON) return false;
    for (int32_t k = 0; k < ebb_results_of(to, tuple); k++) {
        bool there = ebb_result_type(to, tuple, k, &type);
        if (!ebb_add_output(to, there ? ebb_record_get(to, tuple, k, site) : EBB_ABSENT)) return false;
    }
    return true;
}

ebb_graph *ebb_capsule_of(const ebb_graph *g, ebb_id id, ebb_diag *diag) {
    const ebb_region region = ebb_region_of(g, id);
    const int32_t arity = g->node[id].arity;
    ebb_site site = g->site[id];
    ebb_graph *to = ebb_graph_new(g->allocator, diag, ebb_op_table[region.op].name);
    ebb_id *arg = to ? ebb_mem_new(g->allocator, (size_t)arity + 1, sizeof *arg) : NULL;
    bool good = (arg && ebb_graph_keep_site(to, g, &site)) || ebb_fail_memory(diag);
    for (int32_t k = 0; k < arity && good; k++)
        good = (arg[k] = ebb_add_input(to, ebb_type_of(g, ebb_operands(g, id)[k]), site)) != EBB_POISON;
    good = good && add_results(to, ebb_record_region(to, &region, arity, arg, site), site);
    ebb_mem_free(g->allocator, arg);
    if (good) return to;
    ebb_graph_release(to);
    return NULL;
}
