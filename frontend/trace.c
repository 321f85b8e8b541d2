/* trace.c - the inside of a running trace: a graph that grows, and what enters it from outside.
 *
 * Invariant: every tensor of the trace is a node of trace->graph; a tensor with data becomes a constant (a small one
 * that the body made) or a hidden parameter, once; in a body of a branch or loop a tensor of the trace around it is a
 * hidden parameter too. A variable is a value: its first read is a parameter, an assign rebinds it, and what is read
 * after an assign carries no derivative to what was assigned (a stop_gradient node stands between). Start reading at
 * ebb_trace_id. */
#include <string.h>

#include "frontend/trace.h"

/* A traced tensor for node `id`, held by nobody yet; NULL without memory. */
static ebb_tensor *traced_handle(ebb_trace *t, ebb_id id, ebb_site site) {
    ebb_type type = ebb_type_of(t->graph, id);
    ebb_tensor *x = ebb_handle_new(t->context, EBB_KIND_TRACED, &type, site);
    if (x) x->trace = t, x->trace_serial = t->serial, x->id = id;
    return x;
}

ebb_tensor *ebb_trace_tensor(ebb_trace *t, ebb_id id, ebb_site site) {
    if (id == EBB_POISON) return ebb_fail_diag(t->context, &t->diag, site);
    ebb_tensor *x = traced_handle(t, id, site);
    if (!x) return ebb_fail_at(t->context, EBB_NO_MEMORY, site, "no memory for a traced tensor");
    return ebb_scope_hold(t->context, x);
}

/* ---- what enters ---- */

/* A parameter beside the arguments. */
static ebb_id trace_bind(ebb_trace *t, ebb_tensor *x, ebb_site site) {
    if (!ebb_mem_reserve(&t->context->allocator, &t->binding, &t->binding_capacity, t->bindings + 1,
                         sizeof *t->binding)) {
        ebb_fail_memory(&t->diag);
        return EBB_POISON;
    }
    ebb_id id = ebb_add_input(t->graph, x->type, site);
    if (id != EBB_POISON) t->binding[t->bindings++] = (ebb_binding){ebb_handle_retain(x), t->graph->inputs - 1, -1};
    return id;
}

static ebb_id trace_constant(ebb_trace *t, ebb_tensor *x, int64_t elements) {
    int64_t payload[64] = {0};
    size_t bytes = (size_t)elements * ebb_dtype_size(x->type.dtype);
    memcpy(payload, x->storage->data, bytes);
    ebb_application app = {EBB_OP_constant, (int)((bytes + 7) / 8), payload, x->type, x->site};
    return ebb_record(t->graph, &app, 0, NULL);
}

/* What the body made itself is a number of the program. What was there before it may be watched by a tape around the
 * call, and stays an operand. */
static bool is_program_text(const ebb_trace *t, const ebb_tensor *x, int64_t elements) {
    return x->storage && elements <= 64 && (x->serial > t->serial || !ebb_is_float(x->type.dtype));
}

static ebb_id trace_capture(ebb_trace *t, ebb_tensor *x, ebb_site site) {
    int32_t known = ebb_map_find(&t->captured, x->serial);
    if (known >= 0) return known;
    int64_t elements = 0;
    ebb_shape_size(&x->type.shape, &elements);
    ebb_id id = is_program_text(t, x, elements) ? trace_constant(t, x, elements) : trace_bind(t, x, site);
    if (id != EBB_POISON && !ebb_map_put(&t->context->allocator, &t->captured, x->serial, id)) {
        ebb_fail_memory(&t->diag);
        return EBB_POISON;
    }
    return id;
}

ebb_id ebb_trace_id(ebb_trace *t, ebb_tensor *x, ebb_site site) {
    if (x->kind == EBB_KIND_TRACED && x->trace == t && x->trace_serial == t->serial) return x->id;
    if (x->kind == EBB_KIND_VARIABLE) x = ebb_variable_read(x);
    if (x->kind == EBB_KIND_POISON) return EBB_POISON;
    if (x->kind == EBB_KIND_TRACED && x->trace == t) return x->id;
    if (x->kind == EBB_KIND_TRACED && !t->part) {
        ebb_fail(&t->diag, EBB_TYPE_ERROR, site,
                 "%s: uses a traced tensor of another function (made at %s:%d); pass it as an argument",
                 t->function ? ebb_function_name(t->function) : "trace", x->site.file ? x->site.file : "?",
                 x->site.line);
        return EBB_POISON;
    }
    return trace_capture(t, x, site);
}

ebb_tensor *ebb_trace_record(ebb_trace *t, const ebb_application *app, int narg, ebb_tensor *const *arg) {
    ebb_id id[3] = {0};
    for (int k = 0; k < narg; k++)
        id[k] = ebb_trace_id(t, arg[k], app->site);
    ebb_application here = *app;
    here.site = ebb_users_site(t->context, app->site);
    return ebb_trace_tensor(t, ebb_record(t->graph, &here, narg, id), here.site);
}

/* ---- variables ---- */

static ebb_trace_variable *find_variable(ebb_trace *t, const ebb_tensor *variable) {
    for (int32_t i = 0; i < t->variables; i++)
        if (t->variable[i].variable == variable) return &t->variable[i];
    return NULL;
}

/* The slot of a variable; the first use makes it a parameter. NULL: an error is in the trace's diag. */
static ebb_trace_variable *use_variable(ebb_trace *t, ebb_tensor *variable) {
    ebb_trace_variable *slot = find_variable(t, variable);
    if (slot) return slot;
    if (!ebb_mem_reserve(&t->context->allocator, &t->variable, &t->variable_capacity, t->variables + 1,
                         sizeof *t->variable)) {
        ebb_fail_memory(&t->diag);
        return NULL;
    }
    ebb_id id = trace_bind(t, variable, variable->site);
    ebb_tensor *current = id == EBB_POISON ? NULL : traced_handle(t, id, variable->site);
    if (!current) {
        ebb_fail_memory(&t->diag);
        return NULL;
    }
    t->variable[t->variables] = (ebb_trace_variable){variable, current, false};
    return &t->variable[t->variables++];
}

ebb_tensor *ebb_trace_read(ebb_trace *t, ebb_tensor *variable) {
    ebb_trace_variable *slot = use_variable(t, variable);
    return slot ? slot->current : ebb_fail_diag(t->context, &t->diag, variable->site);
}

bool ebb_trace_add_version(ebb_trace *t, ebb_tensor *variable, ebb_id id) {
    if (!ebb_mem_reserve(&t->context->allocator, &t->version, &t->version_capacity, t->versions + (int64_t)1,
                         sizeof *t->version))
        return ebb_fail_memory(&t->diag);
    t->version[t->versions++] = (ebb_moment){variable, id};
    return true;
}

ebb_tensor *ebb_trace_assign(ebb_trace *t, ebb_tensor *variable, ebb_tensor *x, ebb_site site) {
    ebb_trace_variable *slot = use_variable(t, variable);
    ebb_id id = slot ? ebb_trace_id(t, x, site) : EBB_POISON;
    ebb_application app = {.op = EBB_OP_stop_gradient, .site = site};
    bool between = id != EBB_POISON && slot->assigned && ebb_is_float(variable->type.dtype);
    if (between && !ebb_trace_add_version(t, variable, slot->current->id)) id = EBB_POISON;
    if (id != EBB_POISON) id = ebb_record(t->graph, &app, 1, &id);
    ebb_tensor *current = id == EBB_POISON ? NULL : traced_handle(t, id, site);
    if (!current) {
        ebb_fail_memory(&t->diag);
        return ebb_fail_diag(t->context, &t->diag, site);
    }
    ebb_handle_release(slot->current);
    slot->current = current;
    slot->assigned = true;
    return current;
}

/* ---- life ---- */

bool ebb_trace_begin(ebb_trace *t, ebb_context *ebb, ebb_function *f, const char *part) {
    *t = (ebb_trace){
        .context = ebb, .outer = ebb->trace, .function = f, .part = part != NULL, .serial = ++ebb->next_serial};
    t->graph = ebb_graph_new(&ebb->allocator, &t->diag, part ? part : ebb_function_name(f));
    if (part && t->outer) t->own_file = t->outer->own_file, t->site = t->outer->site;
    if (!t->graph) return ebb_fail_memory(&t->diag);
    ebb->trace = t;
    return true;
}

ebb_site ebb_users_site(const ebb_context *ebb, ebb_site site) {
    const ebb_trace *t = ebb ? ebb->trace : NULL;
    return t && t->own_file && (!site.file || strcmp(site.file, t->own_file) == 0) ? t->site : site;
}

bool ebb_trace_add_states(ebb_trace *t) {
    t->passed = t->versions;
    for (int32_t i = 0; i < t->variables; i++) {
        if (!t->variable[i].assigned) continue;
        for (int32_t k = 0; k < t->bindings; k++)
            if (t->binding[k].tensor == t->variable[i].variable) t->binding[k].state = t->graph->outputs;
        if (!ebb_trace_add_version(t, t->variable[i].variable, t->graph->outputs) ||
            !ebb_add_output(t->graph, t->variable[i].current->id))
            return false;
    }
    for (int32_t i = 0; i < t->passed; i++) {
        ebb_id id = t->version[i].output;
        t->version[i].output = t->graph->outputs;
        if (!ebb_add_output(t->graph, id)) return false;
    }
    return true;
}

void ebb_trace_leave(ebb_trace *t) { t->context->trace = t->outer; }

void ebb_trace_end(ebb_trace *t) {
    const ebb_allocator *a = &t->context->allocator;
    ebb_trace_leave(t);
    for (int32_t i = 0; i < t->variables; i++)
        ebb_handle_release(t->variable[i].current);
    for (int32_t i = 0; i < t->bindings; i++)
        ebb_handle_release(t->binding[i].tensor);
    ebb_mem_free(a, t->variable);
    ebb_mem_free(a, t->binding);
    ebb_mem_free(a, t->version);
    ebb_map_free(a, &t->captured);
    ebb_graph_release(t->graph);
}
