/* inplace.c - whether a step may write its result over a parameter.
 *
 * It may if every read of the parameter in that step is of the very element that is about to be written, and happens
 * before. "Before" must hold for any lowering that evaluates the FOLDs and STOREs (sinks) of a pass in order, each with
 * what it needs, the shared once: so a sink that reads the parameter must come earlier, or the store itself must read
 * it. When unsure, the answer is no and the result is copied at the end. (That no later step reads the parameter is
 * for result.c to know.) */
#include "jit/plan/planner.h"

static bool is_parameter(const ebb_plan *plan, int32_t buffer, int32_t parameter) {
    return buffer >= 0 && plan->buffer[buffer].place == EBB_IN_INPUT && plan->buffer[buffer].index == parameter;
}

static bool same_place(const ebb_kernel *k, const ebb_inst *load, const ebb_inst *store) {
    if (load->level != store->level || load->offset != store->offset) return false;
    for (int32_t a = 0; a < k->axes; a++)
        if (load->stride[a] != store->stride[a]) return false;
    return true;
}

/* Marks what is computed from the parameter in the pass (or row code) that reads it: FOLDs end the marks. */
static bool mark_readers(const ebb_plan *plan, const ebb_kernel *k, const ebb_inst *store, int32_t parameter,
                         bool *reads) {
    for (int32_t i = 0; i < k->count; i++) {
        const ebb_inst *inst = &k->inst[i];
        if (inst->kind == EBB_LOAD && is_parameter(plan, inst->buffer, parameter)) {
            if (!same_place(k, inst, store)) return false;
            reads[i] = true;
        }
        for (int j = 0; j < 3 && inst->kind == EBB_APPLY; j++)
            if (inst->operand[j] >= 0 && reads[inst->operand[j]]) reads[i] = true;
    }
    return true;
}

/* Whether the sink may read the parameter after `store` has written. */
static bool reads_late(const ebb_inst *sink, const ebb_inst *store, const bool *reads) {
    if (sink->kind != EBB_FOLD && sink->kind != EBB_STORE) return false;
    if (sink == store || !reads[sink->operand[0]]) return false;
    if (sink->span != store->span) return true; /* at the end of the shorter one they share nothing */
    bool in_pass = store->level == EBB_LEVEL_ELEMENT;
    bool sink_in_pass = sink->kind == EBB_FOLD || sink->level == EBB_LEVEL_ELEMENT;
    if (sink_in_pass && !in_pass) return false; /* row code stores after the last pass */
    if (sink_in_pass && sink->stage != store->stage) return sink->stage > store->stage;
    return sink_in_pass != in_pass || (sink > store && !reads[store->operand[0]]);
}

static bool kernel_in_place(const ebb_plan *plan, const ebb_kernel *k, int32_t buffer, int32_t parameter, bool *reads) {
    const ebb_inst *store = &k->inst[k->count - 1];
    while (store->buffer != buffer)
        store--; /* STOREs come last */
    if (!mark_readers(plan, k, store, parameter, reads)) return false;
    for (int32_t i = 0; i < k->count; i++)
        if (reads_late(&k->inst[i], store, reads)) return false;
    return true;
}

static bool routine_in_place(const ebb_plan *plan, const ebb_step *s, int32_t parameter) {
    for (int32_t i = 0; i < s->nin; i++) {
        bool over = (s->op == EBB_OP_scatter_add || s->op == EBB_OP_scatter_max) && i == 0; /* as runtime.h says */
        if (!over && is_parameter(plan, s->in[i], parameter)) return false;
    }
    return true;
}

bool ebb_in_place(const ebb_plan *plan, const ebb_step *s, int32_t buffer, int32_t parameter) {
    if (s->kind == EBB_STEP_ROUTINE) return routine_in_place(plan, s, parameter);
    if (s->kind != EBB_STEP_KERNEL) return false;
    bool *reads = ebb_mem_new(plan->allocator, (size_t)s->kernel.count, sizeof *reads);
    bool safe = reads && kernel_in_place(plan, &s->kernel, buffer, parameter, reads);
    ebb_mem_free(plan->allocator, reads);
    return safe;
}
