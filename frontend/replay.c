/* replay.c - runs a program that dual/ wrote, by sending each of its operations through dispatch again.
 *
 * Eagerly that computes the values now; in a trace it inlines the program; under an outer tape it is recorded once
 * more. When nobody listens, the evaluator runs the program over slots and makes tensors of the results only.
 * Invariant: a node is run iff an output needs it and its value is not known. Start reading at ebb_replay. */
#include <string.h>

#include "frontend/internal.h"
#include "jit/eval/eval.h"

/* ---- nobody listens: the evaluator ---- */

/* The type of result j is new memory; a result that is already known is handed on as it is. */
static bool slots_prepare(ebb_context *ebb, const ebb_graph *g, ebb_tensor *const *value, const void **known,
                          void **out, ebb_tensor **results, ebb_site site) {
    for (ebb_id id = 1; id < g->count; id++)
        known[id] = value[id] && value[id]->storage ? value[id]->storage->data : NULL;
    for (int32_t j = 0; j < g->outputs; j++) {
        ebb_id id = g->output[j];
        results[j] = &ebb->absent;
        out[j] = NULL;
        if (id == EBB_ABSENT) continue;
        ebb_type type = ebb_type_of(g, id);
        results[j] = ebb_tensor_value(ebb, &type, NULL, site);
        if (results[j]->kind == EBB_KIND_POISON) return false;
        out[j] = results[j]->storage->data;
    }
    return true;
}

static bool replay_slots(ebb_context *ebb, const ebb_graph *g, ebb_tensor *const *value, ebb_tensor **results,
                         ebb_site site) {
    const ebb_allocator *a = &ebb->allocator;
    const void **known = ebb_mem_new(a, (size_t)g->count + (size_t)g->inputs, sizeof *known);
    void **out = ebb_mem_new(a, (size_t)g->outputs + 1, sizeof *out);
    ebb_diag diag = {0};
    bool good = known && out ? slots_prepare(ebb, g, value, known, out, results, site) : ebb_fail_memory(&diag);
    if (good) {
        const void **in = known + g->count;
        for (int32_t k = 0; k < g->inputs; k++)
            in[k] = known[g->input[k]];
        good = ebb_eval_graph(g, known, in, out, a, &diag);
    }
    if (!good && diag.code != EBB_OK) ebb_fail_diag(ebb, &diag, site);
    ebb_mem_free(a, known);
    ebb_mem_free(a, out);
    return good;
}

/* ---- somebody listens: dispatch, node by node ---- */

/* need[id] = 1 for what must be run. */
static void mark_needed(const ebb_graph *g, ebb_tensor *const *value, char *need) {
    for (int32_t j = 0; j < g->outputs; j++)
        need[g->output[j]] = 1;
    for (ebb_id id = g->count; --id > 0;) {
        if (value[id]) need[id] = 0;
        if (!need[id]) continue;
        const ebb_id *x = ebb_operands(g, id);
        for (int32_t k = 0; k < g->node[id].arity; k++)
            need[x[k]] = 1;
    }
}

static ebb_tensor *replay_node(ebb_context *ebb, const ebb_graph *g, ebb_id id, ebb_tensor *const *now, ebb_site site) {
    ebb_attr attr = ebb_attr_of(g, id);
    ebb_application app = {ebb_op_of(g, id), attr.n, attr.v, ebb_type_of(g, id), g->site[id]};
    if (!app.site.file) app.site.file = site.file, app.site.line = site.line;
    ebb_tensor *arg[3] = {0};
    const ebb_id *x = ebb_operands(g, id);
    if (app.op == EBB_OP_constant) return ebb_tensor_value(ebb, &app.asked, attr.v, app.site);
    if (app.op == EBB_OP_input)
        return ebb_fail_at(ebb, EBB_INTERNAL_ERROR, site, "a derived program needs parameter %d, which has no value",
                           (int)attr.v[0]);
    if (ebb_op_table[app.op].access == EBB_NESTED)
        return ebb_fail_at(ebb, EBB_LOOKUP_ERROR, app.site, "%s cannot be recorded again under a trace or a tape",
                           ebb_op_table[app.op].name);
    for (int32_t k = 0; k < g->node[id].arity; k++)
        arg[k] = now[x[k]];
    return ebb_dispatch(ebb, &app, g->node[id].arity, arg);
}

static bool replay_nodes(ebb_context *ebb, const ebb_graph *g, ebb_tensor **now, const char *need, ebb_tensor **results,
                         ebb_site site) {
    for (ebb_id id = 1; id < g->count; id++) {
        if (!need[id]) continue;
        now[id] = replay_node(ebb, g, id, now, site);
        if (now[id]->kind == EBB_KIND_POISON) return false;
    }
    for (int32_t j = 0; j < g->outputs; j++)
        results[j] = g->output[j] == EBB_ABSENT ? &ebb->absent : now[g->output[j]];
    return true;
}

/* Each result is held once by the caller's scope, beside whoever held it before. */
static bool hand_out(ebb_context *ebb, const ebb_graph *g, ebb_tensor **results) {
    for (int32_t j = 0; j < g->outputs; j++) {
        if (g->output[j] == EBB_ABSENT) continue;
        results[j] = ebb_scope_hold(ebb, ebb_handle_retain(results[j]));
        if (results[j]->kind == EBB_KIND_POISON) return false;
        ebb_keep(results[j]);
    }
    return true;
}

static bool replay_dispatch(ebb_context *ebb, const ebb_graph *g, ebb_tensor *const *value, ebb_tensor **results,
                            ebb_site site) {
    const ebb_allocator *a = &ebb->allocator;
    ebb_tensor **now = ebb_mem_copy(a, value, (size_t)g->count * sizeof *now);
    char *need = ebb_mem_new(a, (size_t)g->count, 1);
    bool good = false;
    if (now && need) {
        mark_needed(g, value, need);
        int scope = ebb_scope_open(ebb);
        good = scope && replay_nodes(ebb, g, now, need, results, site) && hand_out(ebb, g, results);
        ebb_scope_close(ebb, scope);
    } else {
        ebb_fail_at(ebb, EBB_NO_MEMORY, site, "no memory to run a derived program");
    }
    ebb_mem_free(a, now);
    ebb_mem_free(a, need);
    return good;
}

bool ebb_replay(ebb_context *ebb, const ebb_graph *g, ebb_tensor *const *value, ebb_tensor **results, ebb_site site) {
    bool alone = !ebb->trace && !ebb_tapes_listening(ebb);
    return alone ? replay_slots(ebb, g, value, results, site) : replay_dispatch(ebb, g, value, results, site);
}
