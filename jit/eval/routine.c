/* routine.c - operations that the runtime computes as a whole: operands made contiguous, faults made messages. */
#include "jit/eval/inside.h"

#include <inttypes.h>

static bool fault(const eval_call *c, int code) {
    const ebb_rt_fault_info *f = ebb_rt_fault();
    return ebb_fail(c->diag, (ebb_code)code, c->app->site,
                    "%s: index %" PRId64 " at position %" PRId64 " is outside [0, %" PRId64 ")",
                    ebb_op_table[c->app->op].name, f->index, f->position, f->size);
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

bool eval_routine(const eval_call *c) {
    int64_t desc[EBB_DESCRIBE_MAX];
    const void *in[3];
    void *scratch[3] = {NULL, NULL, NULL};
    bool ok = ebb_describe(c->app, c->narg, c->type, c->result, desc) > 0;
    if (!ok)
        return ebb_fail(c->diag, EBB_INTERNAL_ERROR, c->app->site, "%s: no routine", ebb_op_table[c->app->op].name);
    for (int k = 0; ok && k < c->narg; k++) {
        in[k] = contiguous(c, k, &scratch[k]);
        ok = in[k] || ebb_fail_memory(c->diag);
    }
    if (ok) {
        int code = ebb_rt_routine_of(c->app->op)(desc, in, c->out);
        ok = code == EBB_OK || fault(c, code);
    }
    for (int k = 0; k < c->narg; k++)
        ebb_mem_free(c->allocator, scratch[k]);
    return ok;
}
