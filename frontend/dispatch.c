/* dispatch.c - the one door: every operation, whoever asks for it, comes through ebb_dispatch.
 *
 * Under a trace it becomes a node; otherwise it runs now. Either way each open tape is shown what happened: operands as
 * they were read, and the result. Macros that run now are replayed as their primitives, which pass here again, so tapes
 * see those instead. */
#include "frontend/values.h"

#include <stdio.h>

enum { MOST_OPERANDS = 3 };

bool ebb_observed(const ebb_context *ebb) { return ebb->trace || (ebb->tapes && ebb_tapes_listening(ebb)); }

/* An error leaves the rooms below as a diag, a kilobyte that need not be cleared as a whole. */
#define NO_ERROR(diag) ((diag).code = EBB_OK, (diag).site = (ebb_site){0}, (diag).message[0] = 0)

static ebb_tensor *no_room(ebb_context *ebb, const ebb_application *app, const ebb_type *type) {
    char text[EBB_TYPE_TEXT];
    return ebb_fail_at(ebb, EBB_NO_MEMORY, app->site, "ebb_%s: out of memory: no room for %s", ebb_op_public(app->op),
                       ebb_type_text(type, text));
}

ebb_tensor *ebb_run(ebb_context *ebb, const ebb_application *app, int narg, const ebb_type *type,
                    const ebb_view *view) {
    ebb_diag diag;
    ebb_type result;
    int64_t bytes = 0;
    NO_ERROR(diag);
    if (!ebb_infer(&diag, app, narg, type, &result)) return ebb_fail_diag(ebb, &diag, app->site);
    ebb_storage *s = ebb_type_bytes(&result, &bytes) ? ebb_storage_new(ebb, (size_t)bytes) : NULL;
    if (!s) return no_room(ebb, app, &result);
    if (ebb_eval_op(app, narg, type, view, &result, s->data, &ebb->allocator, &diag))
        return ebb_tensor_of_storage(ebb, &result, s, app->site);
    ebb_storage_release(ebb, s);
    return ebb_fail_diag(ebb, &diag, app->site);
}

/* reshape and stop_gradient only say something else about the same memory. */
static ebb_tensor *run_shared(ebb_context *ebb, const ebb_application *app, ebb_tensor *x) {
    ebb_diag diag;
    ebb_type result;
    NO_ERROR(diag);
    if (!ebb_infer(&diag, app, 1, &x->type, &result)) return ebb_fail_diag(ebb, &diag, app->site);
    __atomic_add_fetch(&x->storage->references, 1, __ATOMIC_RELAXED);
    return ebb_tensor_of_storage(ebb, &result, x->storage, app->site);
}

static ebb_tensor *run_values(ebb_context *ebb, const ebb_application *app, int narg, ebb_tensor *const *arg) {
    ebb_type type[MOST_OPERANDS];
    ebb_view view[MOST_OPERANDS];
    bool shared = narg == 1 && (app->op == EBB_OP_reshape || app->op == EBB_OP_stop_gradient);
    if (shared) return run_shared(ebb, app, arg[0]);
    for (int k = 0; k < narg; k++) {
        type[k] = arg[k]->type;
        ebb_view_contiguous(&view[k], arg[k]->storage->data, &type[k].shape);
    }
    return ebb_run(ebb, app, narg, type, view);
}

/* ---- the door ---- */

static bool operands_ready(ebb_context *ebb, const ebb_application *app, int narg, ebb_tensor *const *arg) {
    for (int k = 0; k < narg; k++) {
        const ebb_tensor *x = arg[k];
        if (x && x->context == ebb && (x->kind == EBB_KIND_VALUE || x->kind == EBB_KIND_VARIABLE)) continue;
        char function[64];
        snprintf(function, sizeof function, "ebb_%s", ebb_op_public(app->op));
        return ebb_operands_usable(ebb, function, narg, arg, app->site);
    }
    return true;
}

static bool read_operands(int narg, ebb_tensor *const *arg, ebb_tensor **value) {
    for (int k = 0; k < narg; k++) {
        value[k] = arg[k]->kind == EBB_KIND_VARIABLE ? ebb_variable_read(arg[k]) : arg[k];
        if (value[k]->kind == EBB_KIND_POISON) return false;
    }
    return true;
}

static ebb_tensor *dispatch(ebb_context *ebb, const ebb_application *app, int narg, ebb_tensor *const *arg) {
    ebb_tensor *value[MOST_OPERANDS];
    if (narg > MOST_OPERANDS) return ebb_fail_at(ebb, EBB_INTERNAL_ERROR, app->site, "dispatch: %d operands", narg);
    if (!operands_ready(ebb, app, narg, arg) || !read_operands(narg, arg, value)) return ebb_poison_of(ebb);
    if (!ebb->trace && ebb_op_table[app->op].family == EBB_MACRO) return ebb_run_macro(ebb, app, narg, value);
    ebb_tensor *result =
        ebb->trace ? ebb_trace_record(ebb->trace, app, narg, value) : run_values(ebb, app, narg, value);
    if (ebb->tapes && result->kind != EBB_KIND_POISON) ebb_tapes_record(ebb, app, narg, value, result);
    return result;
}

ebb_tensor *ebb_dispatch(ebb_context *ebb, const ebb_application *app, int narg, ebb_tensor *const *arg) {
    if (!ebb)
        return ebb_fail_at(NULL, EBB_TYPE_ERROR, app->site, "ebb_%s: the context is NULL", ebb_op_public(app->op));
    ebb_enter(ebb);
    if (!ebb_occupy(ebb)) return ebb_poison_of(ebb);
    ebb_tensor *result = dispatch(ebb, app, narg, arg);
    ebb_vacate(ebb, app->site);
    return result;
}
