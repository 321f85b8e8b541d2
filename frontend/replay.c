/* replay.c - runs a program that dual/ wrote, by sending each of its operations through dispatch again.
 *
 * Eagerly that computes the values now; in a trace it inlines the program; under an outer tape it is recorded once
 * more. When nobody listens, the evaluator runs the program over slots and makes tensors of the results only.
 * Invariant: a node is run iff an output needs it and its value is not known. Start reading at ebb_replay. */
#include <string.h>

#include "frontend/control.h"
#include "jit/eval/eval.h"
#include "jit/graph/region.h"

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

bool ebb_replay_values(ebb_context *ebb, const ebb_graph *g, ebb_tensor *const *value, ebb_tensor **results,
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

/* A program on its way through dispatch. */
typedef struct replay {
    ebb_context *ebb;
    const ebb_graph *g;
    ebb_tensor **now;    /* [count] the value of each node that has one */
    ebb_tensor ***tuple; /* [count] the results of each region that ran, owned lists */
    char *need;
    ebb_site site;
} replay;

static ebb_site site_of(const replay *r, ebb_id id) {
    ebb_site site = r->g->site[id];
    if (!site.file) site.file = r->site.file, site.line = r->site.line;
    return site;
}

static ebb_tensor *replay_product(const replay *r, const ebb_application *product, const ebb_id *x) {
    return ebb_dispatch(r->ebb, product, 2, (ebb_tensor *[]){r->now[x[0]], r->now[x[1]]});
}

/* A sum of products as what it stands for. */
static ebb_tensor *replay_products(const replay *r, const ebb_application *app, int32_t arity, const ebb_id *x) {
    ebb_application product = *app, plus = {.op = EBB_OP_add, .site = app->site};
    product.op = ebb_product_of(app->op);
    ebb_tensor *sum = replay_product(r, &product, x);
    for (int32_t k = 2; k < arity; k += 2)
        sum = ebb_dispatch(r->ebb, &plus, 2, (ebb_tensor *[]){sum, replay_product(r, &product, x + k)});
    return sum;
}

static ebb_tensor *replay_node(const replay *r, ebb_id id) {
    const ebb_graph *g = r->g;
    ebb_attr attr = ebb_attr_of(g, id);
    ebb_application app = {ebb_op_of(g, id), attr.n, attr.v, ebb_type_of(g, id), site_of(r, id)};
    ebb_tensor *arg[3] = {0};
    const ebb_id *x = ebb_operands(g, id);
    if (app.op == EBB_OP_constant) return ebb_tensor_value(r->ebb, &app.asked, attr.v, app.site);
    if (app.op == EBB_OP_get) return r->tuple[x[0]][attr.v[0]];
    if (app.op == EBB_OP_input)
        return ebb_fail_at(r->ebb, EBB_INTERNAL_ERROR, r->site,
                           "a derived program needs parameter %d, which has no value", (int)attr.v[0]);
    if (ebb_op_table[app.op].family == EBB_PRODUCTS) return replay_products(r, &app, g->node[id].arity, x);
    for (int32_t k = 0; k < g->node[id].arity; k++)
        arg[k] = r->now[x[k]];
    return ebb_dispatch(r->ebb, &app, g->node[id].arity, arg);
}

/* All its results at once. */
static bool replay_region(const replay *r, ebb_id id) {
    ebb_context *ebb = r->ebb;
    const ebb_id *x = ebb_operands(r->g, id);
    ebb_diag diag = {0};
    const size_t arity = (size_t)r->g->node[id].arity, results = (size_t)ebb_results_of(r->g, id);
    ebb_tensor **arg = ebb_mem_new(&ebb->allocator, arity + 1, sizeof *arg);
    r->tuple[id] = ebb_mem_new(&ebb->allocator, results + 1, sizeof **r->tuple);
    ebb_graph *capsule = arg && r->tuple[id] ? ebb_capsule_of(r->g, id, &diag) : (ebb_fail_memory(&diag), NULL);
    for (size_t k = 0; k < arity && capsule; k++)
        arg[k] = r->now[x[k]];
    if (capsule) capsule->diag = &ebb->diag;
    bool good = capsule && ebb_capsule_call(ebb, capsule, arg, r->tuple[id], site_of(r, id));
    if (diag.code != EBB_OK) ebb_fail_diag(ebb, &diag, r->site);
    ebb_graph_release(capsule);
    ebb_mem_free(&ebb->allocator, arg);
    return good;
}

static bool replay_nodes(const replay *r, ebb_tensor **results) {
    const ebb_graph *g = r->g;
    for (ebb_id id = 1; id < g->count; id++) {
        if (!r->need[id]) continue;
        if (ebb_is_region(ebb_op_of(g, id))) {
            if (!replay_region(r, id)) return false;
            continue;
        }
        r->now[id] = replay_node(r, id);
        if (r->now[id]->kind == EBB_KIND_POISON) return false;
    }
    for (int32_t j = 0; j < g->outputs; j++)
        results[j] = g->output[j] == EBB_ABSENT ? &r->ebb->absent : r->now[g->output[j]];
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
    const size_t count = (size_t)g->count;
    replay r = {ebb,
                g,
                ebb_mem_copy(a, value, count * sizeof *r.now),
                ebb_mem_new(a, count, sizeof *r.tuple),
                ebb_mem_new(a, count, 1),
                site};
    bool good = false;
    if (r.now && r.tuple && r.need) {
        mark_needed(g, value, r.need);
        int scope = ebb_scope_open(ebb);
        good = scope && replay_nodes(&r, results) && hand_out(ebb, g, results);
        ebb_scope_close(ebb, scope);
    } else {
        ebb_fail_at(ebb, EBB_NO_MEMORY, site, "no memory to run a derived program");
    }
    for (size_t id = 0; r.tuple && id < count; id++)
        ebb_mem_free(a, r.tuple[id]);
    ebb_mem_free(a, r.now);
    ebb_mem_free(a, r.tuple);
    ebb_mem_free(a, r.need);
    return good;
}

bool ebb_replay(ebb_context *ebb, const ebb_graph *g, ebb_tensor *const *value, ebb_tensor **results, ebb_site site) {
    bool alone = !ebb->trace && !ebb_tapes_listening(ebb);
    return alone ? ebb_replay_values(ebb, g, value, results, site) : replay_dispatch(ebb, g, value, results, site);
}
