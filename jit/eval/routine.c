/* routine.c - operations that the runtime computes as a whole: operands made contiguous, faults made messages. */
#include "jit/eval/inside.h"

static bool fault(const eval_call *c, int code) {
    char text[EBB_RT_FAULT_TEXT];
    return ebb_fail(c->diag, (ebb_code)code, c->app->site, "%s", ebb_rt_fault_text((ebb_op)c->app->site.macro, text));
}

/* The operand as it is, or a contiguous copy in *scratch; NULL: no memory. */
static const void *contiguous(const eval_call *c, int k, void **scratch) {
    static const char nothing;
    int64_t bytes;
    if (eval_view_is_contiguous(&c->arg[k], &c->type[k].shape)) return c->arg[k].data ? c->arg[k].data : &nothing;
    if (!ebb_type_bytes(&c->type[k], &bytes)) return NULL;
    *scratch = ebb_mem_new(c->allocator, (size_t)bytes + 1, 1);
    if (*scratch) eval_copy(&c->type[k], &c->arg[k], *scratch);
    return *scratch;
}

static const void *scratch_for(const eval_call *c, const int64_t *desc, void **scratch) {
    const int64_t bytes = ebb_scratch(c->app->op, desc);
    static const char nothing;
    if (bytes == 0) return &nothing;
    return *scratch = ebb_mem_new(c->allocator, (size_t)bytes, 1);
}

bool eval_routine(const eval_call *c) {
    int64_t desc[EBB_DESCRIBE_MAX];
    const void *in[EBB_ROUTINE_POINTERS];
    void *scratch[EBB_ROUTINE_POINTERS] = {NULL};
    bool ok = ebb_describe(c->app, c->narg, c->type, c->result, desc) > 0;
    if (!ok)
        return ebb_fail(c->diag, EBB_INTERNAL_ERROR, c->app->site, "%s: no routine", ebb_op_table[c->app->op].name);
    for (int k = 0; ok && k < c->narg; k++) {
        in[k] = contiguous(c, k, &scratch[k]);
        ok = in[k] || ebb_fail_memory(c->diag);
    }
    if (ok) {
        in[EBB_SCRATCH] = scratch_for(c, desc, &scratch[EBB_SCRATCH]);
        ok = in[EBB_SCRATCH] || ebb_fail_memory(c->diag);
    }
    if (ok) {
        int code = ebb_rt_routine_of(c->app->op)(desc, in, c->out);
        ok = code == EBB_OK || fault(c, code);
    }
    for (int k = 0; k < EBB_ROUTINE_POINTERS; k++)
        ebb_mem_free(c->allocator, scratch[k]);
    return ok;
}
