/* control_trace.c - a branch or loop inside a traced function: each body is traced once, and the whole is one region.
 *
 * A part is traced as a function is, but that it captures what it uses of the trace around it. The region that the
 * parts become (control_region.c) then takes its place in that trace: variables are read before it and assigned behind
 * it. Start reading at ebb_flow_trace. */
#include "frontend/control.h"

/* ---- tracing a part ---- */

/* The parameters of the C body come first in its graph. */
static bool trace_operands(const ebb_tracing *g, int k, ebb_trace *t, ebb_tensor **arg) {
    const ebb_flow *w = g->w;
    for (int i = 0; i < ebb_part_operands(w, k); i++) {
        ebb_type type = i < w->states ? w->in[i]->type : ebb_row_type(&w->in[i]->type);
        arg[i] = ebb_trace_tensor(t, ebb_add_input(t->graph, type, w->site), w->site);
        if (arg[i]->kind == EBB_KIND_POISON) return false;
    }
    return true;
}

static bool trace_body(const ebb_tracing *g, int k, ebb_traced *p, ebb_tensor **arg) {
    const ebb_flow *w = g->w;
    ebb_tensor **result = arg + ebb_part_operands(w, k);
    if (!trace_operands(g, k, &p->trace, arg) || !ebb_flow_body(w, k, arg, result)) return false;
    for (int j = 0; j < w->part[k].results; j++)
        if ((p->node[j] = ebb_trace_id(&p->trace, result[j], w->site)) == EBB_POISON) return false;
    return p->trace.diag.code == EBB_OK;
}

static const char *const role_name[] = {"then", "otherwise", "body", "condition"};

static bool trace_part(ebb_tracing *g, int k) {
    const ebb_flow *w = g->w;
    ebb_context *ebb = w->ebb;
    ebb_traced *p = &g->part[k];
    const size_t results = (size_t)w->part[k].results, room = (size_t)ebb_part_operands(w, k) + results + 1;
    ebb_tensor **scratch = ebb_mem_new(&ebb->allocator, room, sizeof *scratch);
    p->node = ebb_mem_new(&ebb->allocator, results + 1, sizeof *p->node);
    p->begun = scratch && p->node &&
               ebb_trace_begin(&p->trace, ebb, ebb->trace ? ebb->trace->function : NULL, role_name[w->part[k].role]);
    bool good = p->begun || ebb_fail_memory(&g->diag);
    if (good) {
        int scope = ebb_scope_open(ebb);
        good = scope && trace_body(g, k, p, scratch);
        ebb_scope_close(ebb, scope);
        ebb_trace_leave(&p->trace);
    }
    if (!good && p->trace.diag.code != EBB_OK) ebb_fail_diag(ebb, &p->trace.diag, w->site);
    ebb_mem_free(&ebb->allocator, scratch);
    return good;
}

/* ---- what the parts use from outside ---- */

static bool add_outside(ebb_tracing *g, ebb_tensor *x) {
    if (ebb_map_find(&g->place, x->serial) >= 0) return true;
    if (!ebb_mem_reserve(&g->w->ebb->allocator, &g->outside, &g->capacity, g->count + (int64_t)1, sizeof *g->outside) ||
        !ebb_map_put(&g->w->ebb->allocator, &g->place, x->serial, g->count))
        return ebb_fail_memory(&g->diag);
    g->outside[g->count++] = x;
    return true;
}

static bool collect_outside(ebb_tracing *g) {
    for (int k = 0; k < g->w->parts; k++)
        for (int32_t i = 0; i < g->part[k].trace.variables; i++) {
            const ebb_trace_variable *v = &g->part[k].trace.variable[i];
            if (v->assigned && !add_outside(g, v->variable)) return false;
        }
    g->assigned = g->count;
    for (int k = 0; k < g->w->parts; k++)
        for (int32_t i = 0; i < g->part[k].trace.bindings; i++)
            if (!add_outside(g, g->part[k].trace.binding[i].tensor)) return false;
    return true;
}

ebb_id ebb_value_after(const ebb_traced *p, const ebb_tensor *variable) {
    for (int32_t i = 0; i < p->trace.variables; i++)
        if (p->trace.variable[i].variable == variable && p->trace.variable[i].assigned)
            return p->trace.variable[i].current->id;
    return EBB_ABSENT;
}

bool ebb_part_assigns(const ebb_traced *p) {
    for (int32_t i = 0; i < p->trace.variables; i++)
        if (p->trace.variable[i].assigned) return true;
    return false;
}

/* ---- its place in the trace around ---- */

int ebb_results_before(const ebb_tracing *g, int part) {
    return g->w->part[part].role == EBB_STEP_BODY ? g->w->states : g->w->part[part].results;
}

/* The operands as tensors; reading a variable shows tapes the access. */
static bool read_operands(const ebb_tracing *g, ebb_tensor **arg) {
    const ebb_flow *w = g->w;
    if (w->predicate) *arg++ = w->predicate;
    for (int i = 0; i < ebb_flow_operands(w); i++)
        arg[ebb_place_of_operand(g, i)] = w->in[i];
    for (int32_t u = 0; u < g->count; u++) {
        ebb_tensor *x = g->outside[u];
        if (x->kind == EBB_KIND_VARIABLE) x = ebb_variable_read(x);
        if (x->kind == EBB_KIND_POISON) return false;
        arg[ebb_place_of_outside(g, u)] = x;
    }
    return true;
}

static bool take_results(const ebb_tracing *g, ebb_tensor *const *result) {
    ebb_flow *w = g->w;
    int lead = ebb_results_before(g, 0);
    for (int32_t u = 0; u < g->assigned; u++)
        if (ebb_variable_set(g->outside[u], result[lead + u], w->site)->kind == EBB_KIND_POISON) return false;
    for (int k = 0; k < w->results; k++)
        w->out[k] = ebb_handle_retain(result[k < lead ? k : k + g->assigned]);
    return true;
}

static bool call_whole(const ebb_tracing *g) {
    ebb_context *ebb = g->w->ebb;
    size_t inputs = (size_t)g->whole->inputs, outputs = (size_t)g->whole->outputs;
    ebb_tensor **arg = ebb_mem_new(&ebb->allocator, inputs + outputs + 1, sizeof *arg);
    if (!arg) return ebb_fail_at(ebb, EBB_NO_MEMORY, g->w->site, "%s: no memory", g->w->function), false;
    int scope = ebb_scope_open(ebb);
    bool good = scope && read_operands(g, arg) && ebb_capsule_call(ebb, g->whole, arg, arg + inputs, g->w->site) &&
                take_results(g, arg + inputs);
    ebb_scope_close(ebb, scope);
    ebb_mem_free(&ebb->allocator, arg);
    return good;
}

/* ---- all of it ---- */

static void tracing_free(ebb_tracing *g) {
    const ebb_allocator *a = &g->w->ebb->allocator;
    for (int k = 0; k < g->w->parts; k++) {
        if (g->part[k].begun) ebb_trace_end(&g->part[k].trace);
        ebb_mem_free(a, g->part[k].node);
        ebb_graph_release(g->part[k].arranged);
    }
    ebb_mem_free(a, g->outside);
    ebb_map_free(a, &g->place);
    ebb_graph_release(g->whole);
}

/* Both branches must give the same types. */
static bool branches_agree(const ebb_tracing *g) {
    const ebb_flow *w = g->w;
    char a[EBB_TYPE_TEXT], b[EBB_TYPE_TEXT];
    for (int j = 0; w->predicate && j < w->results; j++) {
        ebb_type then = ebb_type_of(g->part[0].trace.graph, g->part[0].node[j]);
        ebb_type otherwise = ebb_type_of(g->part[1].trace.graph, g->part[1].node[j]);
        if (ebb_type_equal(&then, &otherwise)) continue;
        return ebb_fail_at(w->ebb, EBB_VALUE_ERROR, w->site, "%s: result %d is %s in one branch and %s in the other",
                           w->function, j, ebb_type_text(&then, a), ebb_type_text(&otherwise, b)),
               false;
    }
    return true;
}

bool ebb_flow_trace(ebb_flow *w) {
    ebb_tracing g = {.w = w};
    bool good = true;
    for (int k = 0; k < w->parts && good; k++)
        good = trace_part(&g, k);
    good = good && branches_agree(&g) && collect_outside(&g) && ebb_make_region(&g) && call_whole(&g);
    if (g.diag.code != EBB_OK) ebb_fail_diag(w->ebb, &g.diag, w->site);
    tracing_free(&g);
    return good;
}

bool ebb_flow_types(ebb_flow *w, ebb_type *type) {
    ebb_tracing g = {.w = w};
    bool good = trace_part(&g, 0);
    for (int j = 0; j < w->part[0].results && good; j++)
        type[j] = ebb_type_of(g.part[0].trace.graph, g.part[0].node[j]);
    if (g.diag.code != EBB_OK) ebb_fail_diag(w->ebb, &g.diag, w->site);
    tracing_free(&g);
    return good;
}
