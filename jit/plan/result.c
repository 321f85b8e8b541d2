/* result.c - where results go: straight to the caller's memory, in place over a parameter where that is safe, else by
 * a copy after all other steps.
 *
 * Result j's memory coincides with nothing but parameter alias[j]. So writing result j may only harm readers of that
 * parameter: steps after the one that writes (looked up in `read`), the step itself (inplace.c), and copies of the
 * parameter to another result, which therefore are taken before all steps. */
#include "jit/plan/planner.h"

typedef struct ebb_when { /* last step that reads each parameter, step that writes each buffer; -1: none */
    int32_t *read, *written;
} ebb_when;

static int32_t alias_of(const ebb_planner *p, int32_t result) {
    return p->options->alias ? p->options->alias[result] : -1;
}

/* The parameter that result j is, or -1. */
static int32_t parameter_at(const ebb_planner *p, int32_t j) {
    ebb_id base = p->cell[p->graph->output[j]].base;
    return ebb_op_of(p->graph, base) == EBB_OP_input ? (int32_t)ebb_attr_of(p->graph, base).v[0] : -1;
}

/* ---- parameters that are results ---- */

/* overwriter[k]: the result that may share the memory of parameter k. */
static bool find_overwriters(ebb_planner *p, int32_t *overwriter) {
    const ebb_graph *g = p->graph;
    for (int32_t j = 0; j < p->plan->results; j++) {
        int32_t k = alias_of(p, j);
        if (k < 0) continue;
        ebb_site site = g->site[g->output[j]];
        if (k >= g->inputs) return ebb_fail(p->diag, EBB_VALUE_ERROR, site, "result %d aliases no parameter: %d", j, k);
        if (overwriter[k] >= 0)
            return ebb_fail(p->diag, EBB_VALUE_ERROR, site, "results %d and %d both alias parameter %d", overwriter[k],
                            j, k);
        overwriter[k] = j;
    }
    return true;
}

static bool save_parameter(ebb_planner *p, int32_t parameter) {
    ebb_id id = p->graph->input[parameter];
    ebb_shape s = ebb_slim_of(p, id);
    int32_t from = ebb_buffer_of(p, id);
    int32_t to = ebb_new_buffer(p, EBB_IN_ARENA, -1, ebb_dtype_at(p->graph, id), ebb_elements(&s));
    p->saved[parameter] = to;
    return from >= 0 && to >= 0 && ebb_copy_step(p, from, to, id);
}

static bool save_all(ebb_planner *p, int32_t *overwriter) {
    for (int32_t k = 0; k < p->graph->inputs; k++)
        overwriter[k] = p->saved[k] = -1;
    if (!find_overwriters(p, overwriter)) return false;
    for (int32_t j = 0; j < p->plan->results; j++) {
        int32_t k = parameter_at(p, j);
        if (k < 0 || overwriter[k] < 0 || overwriter[k] == j || p->saved[k] >= 0) continue;
        if (!save_parameter(p, k)) return false;
    }
    return true;
}

bool ebb_save_parameters(ebb_planner *p) {
    size_t n = (size_t)p->graph->inputs;
    int32_t *overwriter = ebb_mem_new(p->allocator, n, sizeof *overwriter);
    p->saved = ebb_mem_new(p->allocator, n, sizeof *p->saved);
    bool ok = overwriter && p->saved ? save_all(p, overwriter) : ebb_fail_memory(p->diag);
    ebb_mem_free(p->allocator, overwriter);
    return ok;
}

/* ---- placing ---- */

static void note_read(const ebb_plan *plan, const ebb_when *when, int32_t buffer, int32_t step) {
    const ebb_buffer *b = &plan->buffer[buffer];
    if (b->place == EBB_IN_INPUT) when->read[b->index] = step;
}

static void find_when_nested(const ebb_plan *plan, const ebb_when *when, const ebb_nested *n, int32_t step) {
    for (int32_t i = 0; i < n->operands; i++)
        note_read(plan, when, n->in[i], step);
    for (int32_t j = 0; j < n->results; j++)
        if (n->out[j] >= 0) when->written[n->out[j]] = step;
}

static void find_when(const ebb_planner *p, const ebb_when *when) {
    for (int32_t k = 0; k < p->graph->inputs; k++)
        when->read[k] = -1;
    for (int32_t b = 0; b < p->plan->buffers; b++)
        when->written[b] = -1;
    for (int32_t t = 0; t < p->plan->steps; t++) {
        const ebb_step *s = &p->plan->step[t];
        for (int32_t i = 0; i < s->nin; i++)
            note_read(p->plan, when, s->in[i], t);
        if (s->kind == EBB_STEP_REGION) find_when_nested(p->plan, when, s->nested, t);
        if (s->out >= 0) when->written[s->out] = t;
        for (int32_t i = 0; s->kind == EBB_STEP_KERNEL && i < s->kernel.count; i++) {
            const ebb_inst *inst = &s->kernel.inst[i];
            if (inst->kind == EBB_LOAD) note_read(p->plan, when, inst->buffer, t);
            if (inst->kind == EBB_STORE) when->written[inst->buffer] = t;
        }
    }
}

/* Whether the buffer may be result j's own memory. */
static bool may_be_result(const ebb_planner *p, const ebb_when *when, int32_t buffer, int32_t j) {
    int32_t k = alias_of(p, j);
    if (p->plan->buffer[buffer].place != EBB_IN_ARENA) return false;
    if (k < 0) return true;
    int32_t step = when->written[buffer];
    ebb_type parameter = ebb_type_of(p->graph, p->graph->input[k]), result = ebb_type_of(p->graph, p->graph->output[j]);
    return parameter.dtype == result.dtype && ebb_shape_equal(&parameter.shape, &result.shape) &&
           when->read[k] <= step && ebb_in_place(p->plan, &p->plan->step[step], buffer, k);
}

static bool copy_result(ebb_planner *p, int32_t from, int32_t j) {
    ebb_id id = p->graph->output[j];
    ebb_shape s = ebb_slim_of(p, id);
    int32_t to = ebb_new_buffer(p, EBB_IN_OUTPUT, j, ebb_dtype_at(p->graph, id), ebb_elements(&s));
    return to >= 0 && ebb_copy_step(p, from, to, id);
}

static bool place_result(ebb_planner *p, const ebb_when *when, int32_t j) {
    ebb_id base = p->cell[p->graph->output[j]].base;
    int32_t parameter = parameter_at(p, j), buffer;
    if (base == EBB_ABSENT) return true;
    if (parameter >= 0 && p->saved[parameter] >= 0 && alias_of(p, j) != parameter)
        return copy_result(p, p->saved[parameter], j);
    buffer = ebb_buffer_of(p, base);
    if (buffer < 0) return false;
    if (p->cell[base].role == EBB_ROLE_GIVEN || !may_be_result(p, when, buffer, j)) return copy_result(p, buffer, j);
    p->plan->buffer[buffer].place = EBB_IN_OUTPUT;
    p->plan->buffer[buffer].index = j;
    return true;
}

bool ebb_place_results(ebb_planner *p) {
    size_t inputs = (size_t)p->graph->inputs, buffers = (size_t)p->plan->buffers;
    ebb_when when = {ebb_mem_new(p->allocator, inputs, sizeof *when.read),
                     ebb_mem_new(p->allocator, buffers, sizeof *when.written)};
    bool ok = when.read && when.written ? true : ebb_fail_memory(p->diag);
    if (ok) find_when(p, &when);
    for (int32_t j = 0; ok && j < p->plan->results; j++)
        ok = place_result(p, &when, j);
    ebb_mem_free(p->allocator, when.read);
    ebb_mem_free(p->allocator, when.written);
    return ok;
}
