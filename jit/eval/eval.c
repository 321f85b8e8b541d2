/* eval.c - one operation, eagerly. Which kind of loop runs follows from what its elements need: the access column of
 * ops.def. */
#include "jit/eval/inside.h"
#include "jit/graph/plain_floats.h"

#include <string.h>

static bool eval_constant(const eval_call *c) {
    int64_t bytes;
    if (ebb_type_bytes(c->result, &bytes) && bytes > 0) memcpy(c->out, c->app->attr, (size_t)bytes);
    return true;
}

bool ebb_eval_op(const ebb_application *app, int narg, const ebb_type *type, const ebb_view *arg,
                 const ebb_type *result, void *out, const ebb_allocator *allocator, ebb_diag *diag) {
    EBB_PLAIN_FLOATS;
    const eval_call c = {app, narg, type, arg, result, out, allocator, diag};
    switch (ebb_op_table[app->op].access) {
    case EBB_POINT:
        return eval_point(&c);
    case EBB_VIEW:
        return eval_view(&c);
    case EBB_REDUCE:
        return eval_reduce(&c);
    case EBB_WHOLE:
        return eval_routine(&c);
    case EBB_SOURCE:
        if (app->op == EBB_OP_constant) return eval_constant(&c);
        break;
    case EBB_NESTED:
    case EBB_NOWHERE:
        break;
    }
    return ebb_fail(diag, EBB_INTERNAL_ERROR, app->site, "%s: cannot run by itself; the graph must be expanded first",
                    ebb_op_table[app->op].name);
}
