/* test_bad_input.c - every public function with shapes, dtypes, numbers and objects that it cannot take: an error of
 * the right class that names the function and, where it is called by a macro, the line of this file; never a crash.
 * Tensors that are none are in test_bad_tensors.c.
 *
 * The lists below are meant to be complete: a new function of ebb.h gets a line here. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/support/check.h"
#include "tests/support/left_error.h"

static ebb_context *ebb;
static int cases;

static void start(void) { ebb = ebb_open(NULL); }
static void stop(void) {
    printf("cases: %d calls with bad input\n", cases);
    ebb_close(ebb);
}
TestSuite(bad_input, .init = start, .fini = stop);

static ebb_tensor *f32(const char *text) { return ebb_literal(ebb, text, EBB_F32); }
static void identity(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)e, (void)data;
    out[0] = ebb_mul(in[0], 1);
}
static ebb_function *function_of(ebb_body *body) { return ebb_function_new(ebb, body, NULL); }

/* The call `what` on `line` (0: it has no line to show) left this error, or none for EBB_OK. Then it is cleared. */
static void check(ebb_code code, const char *function, const char *what, const char *with, int line) {
    left_error(ebb, code, function, what, with, "test_bad_input.c", line);
    cases++;
}

/* ---- shapes, dtypes and numbers that do not fit (for branches and loops: test_control_errors.c) ---- */

#define EXPECT(expected, function, call)                                                                               \
    do {                                                                                                               \
        ebb_tensor *result_ = (call);                                                                                  \
        cr_expect(result_ &&ebb_is_poison(result_), #call ": no poison");                                              \
        check(expected, function, #call, "on its own", __LINE__);                                                      \
    } while (0)

Test(bad_input, shapes) {
    ebb_tensor *a = f32("[[1, 2, 3], [4, 5, 6]]"), *v = f32("[1, 2]"), *s = f32("1"),
               *i = ebb_literal(ebb, "[0, 5]", EBB_I32);
    int64_t none[] = {0, 0}, two[] = {2, 2}, huge[] = {INT64_MAX, INT64_MAX}, minus[] = {-1, 0}, zero_step[] = {0, 1};
    EXPECT(EBB_VALUE_ERROR, "ebb_add", ebb_add(a, v));
    EXPECT(EBB_VALUE_ERROR, "ebb_select", ebb_select(ebb_gt(a, 0), v, a));
    EXPECT(EBB_VALUE_ERROR, "ebb_broadcast_to", ebb_broadcast_to(a, EBB_SHAPE(3, 2)));
    EXPECT(EBB_VALUE_ERROR, "ebb_broadcast_to", ebb_broadcast_to(a, EBB_SHAPE(3)));
    EXPECT(EBB_VALUE_ERROR, "ebb_broadcast_to", ebb_broadcast_to(s, EBB_SHAPE(-2)));
    EXPECT(EBB_TYPE_ERROR, "ebb_broadcast_to", ebb_broadcast_to(s, 2, NULL));
    EXPECT(EBB_VALUE_ERROR, "ebb_broadcast_to", ebb_broadcast_to(s, EBB_SHAPE(1, 1, 1, 1, 1, 1, 1, 1, 1)));
    EXPECT(EBB_VALUE_ERROR, "ebb_broadcast_to", ebb_broadcast_to(s, EBB_SHAPE(INT64_MAX, 2)));
    EXPECT(EBB_VALUE_ERROR, "ebb_reshape", ebb_reshape(a, EBB_SHAPE(5)));
    EXPECT(EBB_VALUE_ERROR, "ebb_reshape", ebb_reshape(a, EBB_SHAPE(-1, -1)));
    EXPECT(EBB_VALUE_ERROR, "ebb_reshape", ebb_reshape(a, EBB_SHAPE(-1, 4)));
    EXPECT(EBB_VALUE_ERROR, "ebb_reshape", ebb_reshape(a, EBB_SHAPE(-1, 0)));
    EXPECT(EBB_TYPE_ERROR, "ebb_reshape", ebb_reshape(a, 1, NULL));
    EXPECT(EBB_VALUE_ERROR, "ebb_transpose", ebb_transpose(a, EBB_AXES(0)));
    EXPECT(EBB_VALUE_ERROR, "ebb_transpose", ebb_transpose(a, EBB_AXES(0, 0)));
    EXPECT(EBB_INDEX_ERROR, "ebb_transpose", ebb_transpose(a, EBB_AXES(0, 2)));
    EXPECT(EBB_VALUE_ERROR, "ebb_transpose", ebb_transpose(a, 2, NULL));
    EXPECT(EBB_TYPE_ERROR, "ebb_slice", ebb_slice(a, NULL, two, NULL));
    EXPECT(EBB_TYPE_ERROR, "ebb_slice", ebb_slice(a, none, NULL, NULL));
    EXPECT(EBB_VALUE_ERROR, "ebb_slice", ebb_slice(a, none, two, zero_step));
    EXPECT(EBB_VALUE_ERROR, "ebb_pad", ebb_pad(a, minus, none));
    EXPECT(EBB_VALUE_ERROR, "ebb_pad", ebb_pad(a, none, huge));
    EXPECT(EBB_TYPE_ERROR, "ebb_pad", ebb_pad(a, none, NULL));
    EXPECT(EBB_INDEX_ERROR, "ebb_sum", ebb_sum_over(a, EBB_AXES(2), false));
    EXPECT(EBB_INDEX_ERROR, "ebb_mean", ebb_mean_over(a, EBB_AXES(-3), false));
    EXPECT(EBB_VALUE_ERROR, "ebb_max_over", ebb_max_over(a, EBB_AXES(0, 0), false));
    EXPECT(EBB_VALUE_ERROR, "ebb_max_over", ebb_max_over(f32("[]"), EBB_ALL_AXES, false));
    EXPECT(EBB_TYPE_ERROR, "ebb_norm", ebb_norm_over(a, 1, NULL, false));
    EXPECT(EBB_TYPE_ERROR, "ebb_logsumexp", ebb_logsumexp_over(a, -2, NULL, false));
    EXPECT(EBB_INDEX_ERROR, "ebb_argmax", ebb_argmax(a, 2));
    EXPECT(EBB_INDEX_ERROR, "ebb_argmax", ebb_argmax(s, 0));
    EXPECT(EBB_INDEX_ERROR, "ebb_softmax", ebb_softmax(s, -1));
    EXPECT(EBB_INDEX_ERROR, "ebb_log_softmax", ebb_log_softmax(a, 2));
    EXPECT(EBB_VALUE_ERROR, "ebb_matmul", ebb_matmul(a, a));
    EXPECT(EBB_VALUE_ERROR, "ebb_matmul", ebb_matmul(a, s));
    EXPECT(EBB_VALUE_ERROR, "ebb_matmul", ebb_matmul_with(a, v, false, true));
    EXPECT(EBB_INDEX_ERROR, "ebb_gather", ebb_gather(a, i, 0));
    EXPECT(EBB_INDEX_ERROR, "ebb_gather", ebb_gather(a, i, 2));
    EXPECT(EBB_INDEX_ERROR, "ebb_scatter_add", ebb_scatter_add(a, i, a, 0));
    EXPECT(EBB_VALUE_ERROR, "ebb_scatter_add", ebb_scatter_add(a, ebb_literal(ebb, "[0, 1]", EBB_I32), v, 0));
    ebb_tensor *three = ebb_literal(ebb, "[0, 1, 1]", EBB_I32);
    EXPECT(EBB_VALUE_ERROR, "ebb_sparse_softmax_cross_entropy", ebb_sparse_softmax_cross_entropy(a, three));
}

Test(bad_input, dtypes) {
    ebb_tensor *f = f32("[1, 2]"), *d = ebb_literal(ebb, "[1, 2]", EBB_F64), *i = ebb_literal(ebb, "[1, 2]", EBB_I32);
    ebb_tensor *p = ebb_gt(f, 0), *v = ebb_variable(ebb, f, "v");
    EXPECT(EBB_TYPE_ERROR, "ebb_add", ebb_add(f, d));
    EXPECT(EBB_TYPE_ERROR, "ebb_add", ebb_add(i, 1.5));
    EXPECT(EBB_VALUE_ERROR, "ebb_add", ebb_add(i, INT64_MAX));
    EXPECT(EBB_TYPE_ERROR, "ebb_add", ebb_add(p, p));
    EXPECT(EBB_TYPE_ERROR, "ebb_div", ebb_div(i, i));
    EXPECT(EBB_TYPE_ERROR, "ebb_exp", ebb_exp(i));
    EXPECT(EBB_TYPE_ERROR, "ebb_logical_not", ebb_logical_not(f));
    EXPECT(EBB_TYPE_ERROR, "ebb_logical_and", ebb_logical_and(p, f));
    EXPECT(EBB_TYPE_ERROR, "ebb_select", ebb_select(f, f, f));
    EXPECT(EBB_TYPE_ERROR, "ebb_cast", ebb_cast(f, EBB_NONE));
    EXPECT(EBB_TYPE_ERROR, "ebb_cast", ebb_cast(f, (ebb_dtype)77));
    EXPECT(EBB_TYPE_ERROR, "ebb_mean", ebb_mean(i));
    EXPECT(EBB_TYPE_ERROR, "ebb_softmax", ebb_softmax(i, 0));
    EXPECT(EBB_TYPE_ERROR, "ebb_sum", ebb_sum(p));
    EXPECT(EBB_TYPE_ERROR, "ebb_matmul", ebb_matmul(f, d));
    EXPECT(EBB_TYPE_ERROR, "ebb_matmul", ebb_matmul(p, p));
    EXPECT(EBB_TYPE_ERROR, "ebb_gather", ebb_gather(f, f, 0));
    EXPECT(EBB_VALUE_ERROR, "ebb_scatter_add", ebb_scatter_add(f, i, d, 0));
    EXPECT(EBB_TYPE_ERROR, "ebb_sparse_softmax_cross_entropy", ebb_sparse_softmax_cross_entropy(f, f));
    EXPECT(EBB_VALUE_ERROR, "ebb_assign", ebb_assign(v, d));
    EXPECT(EBB_VALUE_ERROR, "ebb_assign", ebb_assign(v, 1));
    EXPECT(EBB_ATTRIBUTE_ERROR, "ebb_assign", ebb_assign(f, f));
    EXPECT(EBB_VALUE_ERROR, "ebb_assign_add", ebb_assign_add(v, ebb_literal(ebb, "[1,2,3]", EBB_F32)));
    EXPECT(EBB_ATTRIBUTE_ERROR, "ebb_assign_sub", ebb_assign_sub(f, 1));
    expect_text(v, "[1. 2.]", "the variable is as it was");
}

#define EXPECT_PLAIN(expected, function, call)                                                                         \
    do {                                                                                                               \
        ebb_tensor *result_ = (call);                                                                                  \
        cr_expect(result_ &&ebb_is_poison(result_), #call ": no poison");                                              \
        check(expected, function, #call, "on its own", 0);                                                             \
    } while (0)

Test(bad_input, making) {
    EXPECT_PLAIN(EBB_TYPE_ERROR, "ebb_zeros", ebb_zeros(ebb, EBB_NONE, EBB_SCALAR));
    EXPECT_PLAIN(EBB_TYPE_ERROR, "ebb_ones", ebb_ones(ebb, (ebb_dtype)99, EBB_SCALAR));
    EXPECT_PLAIN(EBB_VALUE_ERROR, "ebb_full", ebb_full(ebb, EBB_F32, EBB_SHAPE(-1), 0));
    EXPECT_PLAIN(EBB_VALUE_ERROR, "ebb_full", ebb_full(ebb, EBB_F32, -1, NULL, 0));
    EXPECT_PLAIN(EBB_TYPE_ERROR, "ebb_full", ebb_full(ebb, EBB_I32, EBB_SCALAR, 0.5));
    EXPECT_PLAIN(EBB_TYPE_ERROR, "ebb_full", ebb_full(ebb, EBB_F32, 3, NULL, 0));
    EXPECT_PLAIN(EBB_TYPE_ERROR, "ebb_constant", ebb_constant(ebb, EBB_F32, EBB_SHAPE(2), NULL));
    EXPECT_PLAIN(EBB_TYPE_ERROR, "ebb_scalar", ebb_scalar_at(ebb, EBB_NONE, (ebb_operand){0}));
    EXPECT_PLAIN(EBB_VALUE_ERROR, "ebb_range", ebb_range(ebb, EBB_F32, -1));
    EXPECT_PLAIN(EBB_TYPE_ERROR, "ebb_range", ebb_range(ebb, EBB_BOOL, 2));
    EXPECT_PLAIN(EBB_TYPE_ERROR, "ebb_random_uniform", ebb_random_uniform(ebb, EBB_I32, EBB_SHAPE(2), 0, 1));
    EXPECT_PLAIN(EBB_TYPE_ERROR, "ebb_random_normal", ebb_random_normal(ebb, EBB_BOOL, EBB_SHAPE(2), 0, 1));
    EXPECT_PLAIN(EBB_TYPE_ERROR, "ebb_literal", ebb_literal(ebb, NULL, EBB_F32));
    EXPECT_PLAIN(EBB_VALUE_ERROR, "ebb_literal", ebb_literal(ebb, "[1, [2]]", EBB_F32));
    EXPECT_PLAIN(EBB_TYPE_ERROR, "ebb_literal", ebb_literal(ebb, "1.5", EBB_I32));
    EXPECT_PLAIN(EBB_VALUE_ERROR, "ebb_read_idx", ebb_read_idx(ebb, NULL, EBB_F32));
    EXPECT_PLAIN(EBB_NOT_FOUND, "ebb_read_idx", ebb_read_idx(ebb, "/nowhere/at.all", EBB_F32));
}

/* ---- NULL where an object belongs ---- */

#define EXPECT_NULL(expected, function, call)                                                                          \
    do {                                                                                                               \
        cr_expect_null((call), #call);                                                                                 \
        check(expected, function, #call, "on its own", 0);                                                             \
    } while (0)
#define EXPECT_VOID(expected, function, line, call)                                                                    \
    do {                                                                                                               \
        call;                                                                                                          \
        check(expected, function, #call, "on its own", line);                                                          \
    } while (0)

/* Their errors go to the context that this thread used last. */
Test(bad_input, no_context) {
    ebb_tensor *x = f32("1");
    EXPECT_PLAIN(EBB_TYPE_ERROR, "ebb_scalar", ebb_scalar(NULL, 1.0f));
    EXPECT_PLAIN(EBB_TYPE_ERROR, "ebb_constant", ebb_constant(NULL, EBB_F32, EBB_SCALAR, &(float){1}));
    EXPECT_PLAIN(EBB_TYPE_ERROR, "ebb_literal", ebb_literal(NULL, "1", EBB_F32));
    EXPECT_PLAIN(EBB_TYPE_ERROR, "ebb_zeros", ebb_zeros(NULL, EBB_F32, EBB_SCALAR));
    EXPECT_PLAIN(EBB_TYPE_ERROR, "ebb_range", ebb_range(NULL, EBB_F32, 1));
    EXPECT_PLAIN(EBB_TYPE_ERROR, "ebb_random_uniform", ebb_random_uniform(NULL, EBB_F32, EBB_SCALAR, 0, 1));
    EXPECT_PLAIN(EBB_TYPE_ERROR, "ebb_random_normal", ebb_random_normal(NULL, EBB_F32, EBB_SCALAR, 0, 1));
    EXPECT_PLAIN(EBB_TYPE_ERROR, "ebb_read_idx", ebb_read_idx(NULL, "x", EBB_F32));
    EXPECT(EBB_TYPE_ERROR, "ebb_cond", ebb_cond(NULL, ebb_gt(x, 0), identity, identity, NULL, x));
    EXPECT(EBB_TYPE_ERROR, "ebb_while", ebb_while(NULL, identity, identity, NULL, x));
    EXPECT(EBB_TYPE_ERROR, "ebb_map", ebb_map(NULL, identity, NULL, x));
    EXPECT(EBB_TYPE_ERROR, "ebb_fold", ebb_fold(NULL, identity, NULL, x, x));
    EXPECT(EBB_TYPE_ERROR, "ebb_variable", ebb_variable(NULL, x, "v"));
    EXPECT_NULL(EBB_TYPE_ERROR, "ebb_tape_start", ebb_tape_start(NULL, EBB_TAPE_DEFAULT));
    EXPECT_NULL(EBB_TYPE_ERROR, "ebb_function_new", ebb_function_new(NULL, identity, NULL));
    EXPECT_NULL(EBB_TYPE_ERROR, "ebb_sgd", ebb_sgd(NULL, NULL));
    EXPECT_NULL(EBB_TYPE_ERROR, "ebb_adam", ebb_adam(NULL, NULL));
    EXPECT_NULL(EBB_TYPE_ERROR, "ebb_expression", ebb_expression(NULL, "x", 0, NULL));
    EXPECT_VOID(EBB_TYPE_ERROR, "ebb_scope_open", 0, cr_expect_eq(ebb_scope_open(NULL), 0));
    EXPECT_VOID(EBB_TYPE_ERROR, "ebb_set_seed", 0, ebb_set_seed(NULL, 1));
    EXPECT_VOID(EBB_OK, "", 0, ebb_scope_close(NULL, 1));
    EXPECT_VOID(EBB_OK, "", 0, ebb_scope_close(ebb, 99));
    EXPECT_VOID(EBB_OK, "", 0, ebb_close(NULL));
    EXPECT_VOID(EBB_OK, "", 0, ebb_clear_error(NULL));
    cr_expect(!ebb_ok(NULL) && ebb_error_code(NULL) != EBB_OK && ebb_error(NULL)[0] && ebb_code_name((ebb_code)99)[0]);
}

Test(bad_input, no_object) {
    ebb_tensor *x = f32("1"), *out[2];
    ebb_operand in = {.tensor = x};
    ebb_function *f = function_of(identity);
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_PERSISTENT);
    ebb_optimizer *sgd = ebb_sgd(ebb, NULL);
    const void *ins[1];
    void *outs[1];
    EXPECT(EBB_TYPE_ERROR, "ebb_call", ebb_call((ebb_function *)NULL, x));
    EXPECT(EBB_TYPE_ERROR, "ebb_gradient", ebb_gradient(NULL, x, x));
    EXPECT(EBB_TYPE_ERROR, "ebb_minimize", ebb_minimize(NULL, identity, NULL, 0, NULL));
    EXPECT(EBB_TYPE_ERROR, "ebb_minimize", ebb_minimize(sgd, NULL, NULL, 0, NULL));
    EXPECT(EBB_TYPE_ERROR, "ebb_minimize", ebb_minimize(sgd, identity, NULL, 1, NULL));
    EXPECT_PLAIN(EBB_TYPE_ERROR, "ebb_learning_rate", ebb_learning_rate(NULL));
    EXPECT_PLAIN(EBB_TYPE_ERROR, "ebb_iterations", ebb_iterations(NULL));
    EXPECT_VOID(EBB_TYPE_ERROR, "ebb_call", __LINE__, ebb_call_n(f, 1, NULL, 1, out));
    EXPECT_VOID(EBB_TYPE_ERROR, "ebb_call", __LINE__, ebb_call_n(f, -1, &in, 1, out));
    EXPECT_VOID(EBB_TYPE_ERROR, "ebb_call", __LINE__, ebb_call_n(f, 1, &in, 1, NULL));
    EXPECT_VOID(EBB_VALUE_ERROR, "ebb_call", __LINE__, ebb_call_n(f, 1, &in, 2, out));
    EXPECT_VOID(EBB_TYPE_ERROR, "ebb_gradients", __LINE__, ebb_gradients(tape, 1, NULL, 1, &x, out, NULL));
    EXPECT_VOID(EBB_TYPE_ERROR, "ebb_gradients", __LINE__, ebb_gradients(tape, 1, &x, 1, NULL, out, NULL));
    EXPECT_VOID(EBB_TYPE_ERROR, "ebb_gradients", __LINE__, ebb_gradients(tape, 1, &x, 1, &x, NULL, NULL));
    EXPECT_VOID(EBB_TYPE_ERROR, "ebb_gradients", __LINE__, ebb_gradients(tape, -1, &x, 1, &x, out, NULL));
    EXPECT_VOID(EBB_TYPE_ERROR, "ebb_apply_gradients", __LINE__, ebb_apply_gradients(NULL, 1, &x, &x));
    EXPECT_VOID(EBB_TYPE_ERROR, "ebb_apply_gradients", __LINE__, ebb_apply_gradients(sgd, 1, NULL, &x));
    EXPECT_VOID(EBB_TYPE_ERROR, "ebb_apply_gradients", __LINE__, ebb_apply_gradients(sgd, 1, &x, NULL));
    EXPECT_VOID(EBB_TYPE_ERROR, "ebb_apply_gradients", __LINE__, ebb_apply_gradients(sgd, 1, &x, &x));
    EXPECT_VOID(EBB_VALUE_ERROR, "ebb_apply_gradients", __LINE__, ebb_apply_gradients(sgd, 0, NULL, NULL));
    EXPECT_VOID(EBB_TYPE_ERROR, "ebb_watch", 0, ebb_watch(NULL, x));
    EXPECT_VOID(EBB_TYPE_ERROR, "ebb_tape_stop", 0, ebb_tape_stop(NULL));
    EXPECT_VOID(EBB_TYPE_ERROR, "ebb_native_bind", 0, ebb_native_bind(NULL, ins, outs));
    EXPECT_VOID(EBB_TYPE_ERROR, "ebb_native_of", 0, cr_expect_null(ebb_native_of(NULL).entry));
    EXPECT_NULL(EBB_TYPE_ERROR, "ebb_get_concrete", ebb_get_concrete(NULL, 1, &in));
    EXPECT_NULL(EBB_TYPE_ERROR, "ebb_get_concrete", ebb_get_concrete(f, 1, NULL));
    EXPECT_NULL(EBB_TYPE_ERROR, "ebb_function_new", ebb_function_new(ebb, NULL, NULL));
    EXPECT_VOID(EBB_OK, "", 0, ebb_function_free(NULL));
    EXPECT_VOID(EBB_OK, "", 0, ebb_optimizer_free(NULL));
    EXPECT_VOID(EBB_OK, "", 0, ebb_tape_free(NULL));
}

/* Tapes, traces and layers that are none. Those that only read a function or a trace answer as nothing has it. */
Test(bad_input, no_tape_no_trace_no_layer) {
    ebb_tensor *x = f32("1"), *out[1];
    ebb_operand in = {.tensor = x};
    EXPECT(EBB_TYPE_ERROR, "ebb_jacobian", ebb_jacobian(NULL, x, x));
    EXPECT(EBB_TYPE_ERROR, "ebb_batch_jacobian", ebb_batch_jacobian(NULL, x, x));
    EXPECT(EBB_TYPE_ERROR, "ebb_tangent", ebb_tangent(NULL, x));
    EXPECT_NULL(EBB_TYPE_ERROR, "ebb_forward_start", ebb_forward_start(NULL, 1, &x, &x));
    EXPECT_VOID(EBB_TYPE_ERROR, "ebb_tape_reset", 0, ebb_tape_reset(NULL));
    EXPECT_VOID(EBB_TYPE_ERROR, "ebb_tape_resume", 0, ebb_tape_resume(NULL));
    EXPECT_VOID(EBB_TYPE_ERROR, "ebb_watched_variables", 0, cr_expect_eq(ebb_watched_variables(NULL, 1, out), 0));
    EXPECT_VOID(EBB_OK, "", 0, cr_expect_eq(ebb_trace_count(NULL), 0));
    EXPECT_VOID(EBB_OK, "", 0, cr_expect_str_eq(ebb_retrace_reason(NULL), ""));
    EXPECT_VOID(EBB_OK, "", 0, cr_expect_str_eq(ebb_function_name(NULL), ""));
    EXPECT_VOID(EBB_TYPE_ERROR, "ebb_run_functions_eagerly", 0, ebb_run_functions_eagerly(NULL, true));
    EXPECT_VOID(EBB_TYPE_ERROR, "ebb_call_concrete", __LINE__, ebb_call_concrete(NULL, 1, &in, 1, out));
    EXPECT_VOID(EBB_OK, "", 0, cr_expect_not(ebb_concrete_is_native(NULL)));
    EXPECT_VOID(EBB_OK, "", 0, cr_expect_str_eq(ebb_concrete_signature(NULL), ""));
    EXPECT_VOID(EBB_OK, "", 0, cr_expect_str_eq(ebb_concrete_text(NULL), ""));
    EXPECT_NULL(EBB_TYPE_ERROR, "jet", ebb_jet(NULL, NULL, 1));
    EXPECT_NULL(EBB_TYPE_ERROR, "vmap", ebb_vmap(NULL, NULL));
    EXPECT_NULL(EBB_TYPE_ERROR, "ebb_dense", ebb_dense(NULL, NULL));
    EXPECT_NULL(EBB_TYPE_ERROR, "ebb_sequential", ebb_sequential(NULL, "s", 0, NULL));
    EXPECT(EBB_TYPE_ERROR, "ebb_layer_call", ebb_layer_call(NULL, x));
    EXPECT_VOID(EBB_OK, "", 0, cr_expect_str_eq(ebb_layer_name(NULL), ""));
    EXPECT_VOID(EBB_TYPE_ERROR, "ebb_layer_variables", 0, cr_expect_eq(ebb_layer_variables(NULL, true, 1, out), 0));
    EXPECT_VOID(EBB_OK, "", 0, ebb_layer_free(NULL));
}

Test(bad_input, derived_functions) {
    static ebb_function *(*const derive[])(ebb_function *, const ebb_wrt *) = {
        ebb_grad, ebb_value_and_grad, ebb_jvp, ebb_vjp, ebb_hvp, ebb_hessian};
    static const char *const name[] = {"grad", "grad", "jvp", "vjp", "hvp", "hessian"};
    ebb_tensor *x = f32("1"), *v = f32("[1, 2]"), *i = ebb_literal(ebb, "1", EBB_I32);
    for (int k = 0; k < 6; k++) {
        ebb_function *f = function_of(identity);
        bool more = k == 2 || k == 3 || k == 4; /* takes a tangent, cotangent or direction */
        EXPECT_NULL(EBB_TYPE_ERROR, name[k], derive[k](NULL, NULL));
        EXPECT_NULL(EBB_TYPE_ERROR, name[k], derive[k](f, &(ebb_wrt){.count = 2}));
        EXPECT_NULL(EBB_TYPE_ERROR, name[k], derive[k](f, &(ebb_wrt){.index = (int[]){0}, .count = -1}));
        ebb_function *far = derive[k](f, EBB_WRT(3)), *g = derive[k](f, NULL);
        if (more)
            EXPECT(EBB_INDEX_ERROR, name[k], ebb_call(far, x, x));
        else
            EXPECT(EBB_INDEX_ERROR, name[k], ebb_call(far, x));
        if (more)
            EXPECT(EBB_TYPE_ERROR, name[k], ebb_call(g, i, i));
        else
            EXPECT(EBB_TYPE_ERROR, name[k], ebb_call(g, i));
        if (more)
            EXPECT(EBB_VALUE_ERROR, name[k], ebb_call(g, x, v));
        else if (k != 2 && k != 3)
            EXPECT(EBB_VALUE_ERROR, name[k], ebb_call(g, v));
        if (more) EXPECT(EBB_TYPE_ERROR, name[k], ebb_call(g, x, 1.0));
        if (more) EXPECT(EBB_VALUE_ERROR, name[k], ebb_call_at(g, 0, NULL, __FILE__, __LINE__));
    }
}

Test(bad_input, expressions) {
    const char *const names[] = {"x"}, *const twice[] = {"x", "x"}, *const none[] = {NULL}, *const odd[] = {"1x"};
    EXPECT_NULL(EBB_VALUE_ERROR, "expression", ebb_expression(ebb, NULL, 0, NULL));
    EXPECT_NULL(EBB_VALUE_ERROR, "expression", ebb_expression(ebb, "x", 1, NULL));
    EXPECT_NULL(EBB_VALUE_ERROR, "expression", ebb_expression(ebb, "x", -1, names));
    EXPECT_NULL(EBB_VALUE_ERROR, "expression", ebb_expression(ebb, "x", 2, twice));
    EXPECT_NULL(EBB_VALUE_ERROR, "expression", ebb_expression(ebb, "x", 1, none));
    EXPECT_NULL(EBB_VALUE_ERROR, "expression", ebb_expression(ebb, "x", 1, odd));
    EXPECT_NULL(EBB_LOOKUP_ERROR, "expression", ebb_expression(ebb, "y", 1, names));
    EXPECT_NULL(EBB_DATA_ERROR, "expression", ebb_expression(ebb, "x +", 1, names));
    ebb_function *f = ebb_expression(ebb, "x + 1", 1, names);
    EXPECT(EBB_TYPE_ERROR, "expression", ebb_call(f, f32("1"), f32("2")));
}
