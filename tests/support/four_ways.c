/* four_ways.c - see four_ways.h. */
#include "tests/support/four_ways.h"

const char *const way_name[WAYS] = {"eager tape", "function run eagerly", "compiled, tape outside",
                                    "compiled, gradient inside"};

/* What one tape, or two nested ones, say of y; y comes from f, or from the body itself. */
static void derive(ebb_context *ebb, const question *q, ebb_function *f, ebb_tensor *const *x, ebb_tensor **out) {
    ebb_tape *outer = q->order == FIRST ? NULL : ebb_tape_start(ebb, q->tape_flags | EBB_TAPE_PERSISTENT);
    ebb_tape *inner = ebb_tape_start(ebb, q->tape_flags);
    ebb_operand in[2];
    ebb_tensor **first = out + 1, **second = first + q->n;
    for (int i = 0; i < q->n; i++) {
        in[i] = EBB_OPERAND(x[i]);
        if (outer && !q->unwatched) ebb_watch(outer, x[i]);
        if (!q->unwatched) ebb_watch(inner, x[i]);
    }
    if (f)
        ebb_call_n(f, q->n, in, 1, out);
    else
        q->body(ebb, x, out, q->data);
    if (q->tape_flags & EBB_TAPE_PERSISTENT) /* one after the other, as a persistent tape allows */
        for (int i = 0; i < q->n; i++)
            first[i] = ebb_gradient(inner, out[0], x[i]);
    else
        ebb_gradients(inner, 1, out, q->n, x, first, NULL);
    if (q->order == SECOND) ebb_gradients(outer, q->n, first, q->n, x, second, NULL);
    if (q->order == HESSIAN)
        for (int i = 0; i < q->n * q->n; i++)
            second[i] = ebb_jacobian(outer, first[i / q->n], x[i % q->n]);
}

static void derive_inside(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    derive(ebb, data, NULL, in, out);
}

ebb_function *function_of_way(ebb_context *ebb, way w, ebb_body *value, void *value_data, ebb_body *inside,
                              void *inside_data, int results) {
    ebb_function_options o = {.name = "cell", .mode = w == FUNCTION_RUN_EAGERLY ? EBB_EAGER : EBB_NATIVE};
    if (w == EAGER_TAPE) return NULL;
    o.data = w == TAPE_OUTSIDE ? value_data : inside_data;
    o.results = w == TAPE_OUTSIDE ? 1 : results;
    return ebb_function_new(ebb, w == TAPE_OUTSIDE ? value : inside, &o);
}

int answer(ebb_context *ebb, const question *q, way w, ebb_tensor *const *x, ebb_tensor *out[ANSWERS]) {
    int count = 1 + q->n + (q->order == SECOND ? q->n : q->order == HESSIAN ? q->n * q->n : 0);
    ebb_function *f = function_of_way(ebb, w, q->body, q->data, derive_inside, (void *)q, count);
    if (w == EAGER_TAPE || w == TAPE_OUTSIDE) {
        derive(ebb, q, f, x, out);
    } else {
        ebb_operand in[2] = {{0}};
        for (int i = 0; i < q->n; i++)
            in[i] = EBB_OPERAND(x[i]);
        ebb_call_n(f, q->n, in, count, out);
    }
    return count;
}
