/* test_bad_input.c - every public function with what it cannot take: an error of the right class that names the
 * function and, where the function is called by a macro, the line of this file; never a crash.
 *
 * The lists below are meant to be complete: a new function of ebb.h gets a line here. Start reading at check. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/check.h"

static ebb_context *ebb, *other;
static int cases;

static void start(void) {
    other = ebb_open(NULL);
    ebb = ebb_open(NULL);
}
static void stop(void) {
    printf("cases: %d calls with bad input\n", cases);
    ebb_close(ebb);
    ebb_close(other);
}
TestSuite(bad_input, .init = start, .fini = stop);

static ebb_tensor *f32(const char *text) { return ebb_literal(ebb, text, EBB_F32); }

/* The call `what` on `line` (0: it has no line to show) left this error, or none for EBB_OK. Then it is cleared. */
static void check(ebb_code code, const char *function, const char *what, const char *with, int line) {
    char at[64];
    const char *error = ebb_error(ebb);
    snprintf(at, sizeof at, "test_bad_input.c:%d", line);
    cr_expect_eq(ebb_error_code(ebb), code, "%s, %s: error %s \"%s\", expected %s", what, with,
                 ebb_code_name(ebb_error_code(ebb)), error, ebb_code_name(code));
    if (code != EBB_OK)
        cr_expect(strstr(error, function), "%s, %s: \"%s\" does not name %s", what, with, error, function);
    if (code != EBB_OK && line) cr_expect(strstr(error, at), "%s, %s: \"%s\" does not say %s", what, with, error, at);
    ebb_clear_error(ebb);
    cases++;
}

/* ---- tensors that are none ---- */

typedef struct bad {
    const char *name;
    ebb_tensor *tensor;
    ebb_code code;
} bad;
enum { BAD = 6 };

static ebb_tensor *leaked;
static void leak(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)e, (void)data;
    leaked = out[0] = ebb_keep(ebb_square(in[0]));
}
static void identity(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)e, (void)data;
    out[0] = ebb_mul(in[0], 1);
}
static ebb_function *function_of(ebb_body *body) { return ebb_function_new(ebb, body, NULL); }

static void make_bad(bad *b) {
    ebb_tensor *foreign = ebb_literal(other, "3", EBB_F32), *dead = NULL, *x = f32("2");
    EBB_SCOPE (ebb)
        dead = ebb_add(x, 1);
    ebb_call(function_of(leak), x);
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_tensor *absent = ebb_gradient(tape, x, f32("3")), *poison = ebb_matmul(x, x);
    ebb_clear_error(ebb);
    bad all[BAD] = {{"NULL", NULL, EBB_TYPE_ERROR},
                    {"absent", absent, EBB_TYPE_ERROR},
                    {"poison", poison, EBB_OK},
                    {"dead", dead, EBB_RUNTIME_ERROR},
                    {"of another context", foreign, EBB_VALUE_ERROR},
                    {"leaked", leaked, EBB_TYPE_ERROR}};
    memcpy(b, all, sizeof all);
}

/* One call that gives a tensor, with b->tensor in it. */
#define TRY(function, call)                                                                                            \
    do {                                                                                                               \
        ebb_tensor *result_ = (call);                                                                                  \
        cr_expect(result_ &&ebb_is_poison(result_), #call ", %s: no poison", b->name);                                 \
        check(b->code, function, #call, b->name, __LINE__);                                                            \
    } while (0)
/* The same where b->tensor comes first: it says which context is meant, so that of another context is fine. */
#define FIRST(function, call)                                                                                          \
    if (b->code != EBB_VALUE_ERROR) TRY(function, call)
#define UNARY_(op) FIRST("ebb_" #op, ebb_##op(x));
#define BINARY_(op)                                                                                                    \
    FIRST("ebb_" #op, ebb_##op(x, y));                                                                                 \
    TRY("ebb_" #op, ebb_##op(y, x));                                                                                   \
    FIRST("ebb_" #op, ebb_##op(x, 1));

static void operations_with(const bad *b) {
    ebb_tensor *x = b->tensor, *y = f32("[[1, 2], [3, 4]]"), *i = ebb_literal(ebb, "[0, 1]", EBB_I32);
    int64_t two[] = {1, 1}, none[] = {0, 0};
    EBB_UNARY_LIST(UNARY_)
    EBB_BINARY_LIST(BINARY_)
    FIRST("ebb_select", ebb_select(x, y, y));
    TRY("ebb_select", ebb_select(ebb_gt(y, 0), x, y));
    TRY("ebb_select", ebb_select(ebb_gt(y, 0), 1, x));
    FIRST("ebb_cast", ebb_cast(x, EBB_F64));
    FIRST("ebb_broadcast_to", ebb_broadcast_to(x, EBB_SHAPE(2, 2)));
    FIRST("ebb_reshape", ebb_reshape(x, EBB_SHAPE(1, 1)));
    FIRST("ebb_transpose", ebb_transpose(x, EBB_AXES(1, 0)));
    FIRST("ebb_slice", ebb_slice(x, none, two, NULL));
    FIRST("ebb_windows", ebb_windows(x, 0, 1, 1, 1));
    FIRST("ebb_overlap_add", ebb_overlap_add(x, 0, 2, 1, 1));
    FIRST("ebb_conv2d", ebb_conv2d(x, x, NULL));
    FIRST("ebb_max_pool2d", ebb_max_pool2d(x, 1, 1, NULL));
    FIRST("ebb_average_pool1d", ebb_average_pool1d(x, 1, NULL));
    FIRST("ebb_einsum", ebb_einsum("ij,jk", x, y));
    TRY("ebb_einsum", ebb_einsum("ij,jk", y, x));
    FIRST("ebb_pad", ebb_pad(x, two, two));
    FIRST("ebb_reverse", ebb_reverse(x, EBB_AXES(0)));
    FIRST("ebb_concat", ebb_concat(1, &x, 0));
    TRY("ebb_concat", ebb_concat(2, ((ebb_tensor *[]){y, x}), 0));
    FIRST("ebb_stack", ebb_stack(1, &x, 0));
    TRY("ebb_stack", ebb_stack(2, ((ebb_tensor *[]){y, x}), 0));
    FIRST("ebb_roll", ebb_roll(x, 1, 0));
    FIRST("ebb_tile", ebb_tile(x, two));
    FIRST("ebb_repeat", ebb_repeat(x, 2, 0));
    FIRST("ebb_tril", ebb_tril(x, 0));
    FIRST("ebb_triu", ebb_triu(x, 0));
    FIRST("ebb_diag", ebb_diag(x));
    FIRST("ebb_diag_part", ebb_diag_part(x));
    FIRST("ebb_one_hot", ebb_one_hot(x, 2, EBB_F32));
    FIRST("ebb_sum", ebb_sum(x));
    FIRST("ebb_sum", ebb_sum_over(x, EBB_AXES(0), true));
    FIRST("ebb_mean", ebb_mean(x));
    FIRST("ebb_max_over", ebb_max_over(x, EBB_ALL_AXES, false));
    FIRST("ebb_logsumexp", ebb_logsumexp_over(x, EBB_ALL_AXES, false));
    FIRST("ebb_norm", ebb_norm(x));
    FIRST("ebb_argmax", ebb_argmax(x, 0));
    FIRST("ebb_argmin", ebb_argmin(x, 0));
    FIRST("ebb_min_over", ebb_min_over(x, EBB_ALL_AXES, false));
    FIRST("ebb_prod", ebb_prod_over(x, EBB_ALL_AXES, false));
    FIRST("ebb_variance", ebb_variance_over(x, EBB_ALL_AXES, true));
    FIRST("ebb_deviation", ebb_deviation_over(x, EBB_ALL_AXES, false));
    FIRST("ebb_all_over", ebb_all_over(x, EBB_ALL_AXES, false));
    FIRST("ebb_any_over", ebb_any_over(x, EBB_ALL_AXES, false));
    FIRST("ebb_cumsum", ebb_cumsum(x, 0));
    FIRST("ebb_cumprod", ebb_cumprod(x, 0));
    FIRST("ebb_sort", ebb_sort(x, 0));
    FIRST("ebb_argsort", ebb_argsort(x, 0));
    FIRST("ebb_matmul", ebb_matmul(x, y));
    TRY("ebb_matmul", ebb_matmul(y, x));
    FIRST("ebb_gather", ebb_gather(x, i, 0));
    TRY("ebb_gather", ebb_gather(y, x, 0));
    FIRST("ebb_scatter_add", ebb_scatter_add(x, i, y, 0));
    TRY("ebb_scatter_add", ebb_scatter_add(y, x, y, 0));
    TRY("ebb_scatter_add", ebb_scatter_add(y, i, x, 0));
    FIRST("ebb_softmax", ebb_softmax(x, 0));
    FIRST("ebb_log_softmax", ebb_log_softmax(x, 0));
    FIRST("ebb_sparse_softmax_cross_entropy", ebb_sparse_softmax_cross_entropy(x, i));
    TRY("ebb_sparse_softmax_cross_entropy", ebb_sparse_softmax_cross_entropy(y, x));
}

static void loss_is_data(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)e, (void)in;
    out[0] = data;
}

/* The same for what is not an operation. */
static void machinery_with(const bad *b) {
    ebb_tensor *x = b->tensor, *y = f32("1"), *v = ebb_variable(ebb, y, "v"), *g[1];
    ebb_function *f = function_of(identity);
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_PERSISTENT);
    ebb_optimizer *sgd = ebb_sgd(ebb, NULL);
    TRY("ebb_variable", ebb_variable(ebb, x, "v"));
    TRY("ebb_variable", ebb_variable_fixed(ebb, x, "v"));
    TRY("ebb_assign", ebb_assign(v, x));
    TRY("ebb_assign_add", ebb_assign_add(v, x));
    TRY("ebb_assign_sub", ebb_assign_sub(v, x));
    TRY("ebb_gradient", ebb_gradient(tape, x, y));
    TRY("ebb_gradient", ebb_gradient(tape, y, x));
    TRY("function", ebb_call(f, x));
    TRY("function", ebb_call(f, y, x));
    TRY("function", ebb_call(f, x, 1));
    TRY("grad_function", ebb_call(ebb_grad(f, NULL), x));
    ebb_function *eager = ebb_function_new(ebb, identity, &(ebb_function_options){.mode = EBB_EAGER});
    TRY("function", ebb_call(eager, x));
    if (b->code == EBB_OK) return;
    ebb_gradients(tape, 1, &y, 1, &y, g, &(ebb_gradient_options){.seeds = &x});
    if (x) check(b->code, "ebb_gradients", "a seed", b->name, __LINE__ - 1);
    ebb_clear_error(ebb);
    ebb_watch(tape, x);
    check(b->code, "ebb_watch", "ebb_watch", b->name, 0);
    ebb_apply_gradients(sgd, 1, &y, &x);
    check(b->code, "ebb_apply_gradients", "a variable", b->name, __LINE__ - 1);
    ebb_apply_gradients(sgd, 1, &x, &v);
    bool absent = x && ebb_is_absent(x);
    ebb_code code = absent ? EBB_VALUE_ERROR : b->code;
    ebb_clear_error(ebb);
    ebb_apply_gradients(sgd, 1, &x, &v);
    check(code, "ebb_apply_gradients", "a gradient", b->name, __LINE__ - 1);
    ebb_minimize(sgd, loss_is_data, x, 1, &v);
    check(b->code, "ebb_gradient", "ebb_minimize", b->name, __LINE__ - 1);
    expect_text(v, "1.0", "%s: the variable is as it was", b->name);
}

Test(bad_input, tensors_that_are_none) {
    bad b[BAD];
    make_bad(b);
    for (int i = 0; i < BAD; i++)
        EBB_SCOPE (ebb) {
            operations_with(&b[i]);
            machinery_with(&b[i]);
        }
}

/* ---- readers ---- */

#define READ(function, expression, expected)                                                                           \
    do {                                                                                                               \
        cr_expect((expression) == (expected), "%s, %s", #expression, b->name);                                         \
        check(b->code, function, #expression, b->name, 0);                                                             \
    } while (0)

/* NULL and the dead are errors for each; the answers are those of nothing. */
static void readers_with(const bad *b) {
    ebb_tensor *x = b->tensor;
    char text[64];
    READ("ebb_dtype_of", ebb_dtype_of(x), EBB_NONE);
    READ("ebb_rank", ebb_rank(x), 0);
    READ("ebb_dim", ebb_dim(x, 0), -1);
    READ("ebb_size", ebb_size(x), 0);
    READ("ebb_data", ebb_data(x), NULL);
    READ("ebb_item", isnan(ebb_item(x, 0)) != 0, true);
    READ("ebb_is_variable", ebb_is_variable(x), false);
    READ("ebb_is_tensor", ebb_is_tensor(x), false);
    READ("ebb_is_absent", ebb_is_absent(x), false);
    READ("ebb_is_poison", ebb_is_poison(x), false);
    READ("ebb_is_traced", ebb_is_traced(x), false);
    READ("ebb_name", ebb_name(x)[0], 0);
    READ("ebb_trainable", ebb_trainable(x), false);
    READ("ebb_format", ebb_format(x, text, sizeof text) > sizeof text, false);
    READ("ebb_format", ebb_format_value(x, text, sizeof text) > sizeof text, false);
    READ("ebb_keep", ebb_is_poison(ebb_keep(x)), true);
}

Test(bad_input, readers) {
    bad b[BAD];
    make_bad(b);
    readers_with(&b[0]);
    readers_with(&b[3]);
    ebb_release(NULL);
    check(EBB_OK, "", "ebb_release", "NULL", 0);
    ebb_release(b[3].tensor);
    check(EBB_RUNTIME_ERROR, "ebb_release", "ebb_release", "dead", 0);
    ebb_item(b[1].tensor, 0);
    check(EBB_TYPE_ERROR, "ebb_item", "ebb_item", "absent", 0);
    ebb_item(leaked, 0);
    check(EBB_TYPE_ERROR, "ebb_item", "ebb_item", "traced", 0);
    ebb_item(f32("[1, 2]"), 2);
    check(EBB_INDEX_ERROR, "ebb_item", "ebb_item", "past the end", 0);
    ebb_trainable(f32("1"));
    check(EBB_ATTRIBUTE_ERROR, "ebb_trainable", "ebb_trainable", "a tensor", 0);
    cr_expect_eq(ebb_format(f32("1"), NULL, 0), strlen("ebb.Tensor(1.0, shape=(), dtype=float32)"));
    check(EBB_OK, "", "ebb_format", "no room", 0);
}

/* ---- shapes, dtypes and numbers that do not fit ---- */

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

Test(bad_input, derived_functions) {
    static ebb_function *(*const derive[])(ebb_function *, const ebb_wrt *) = {
        ebb_grad, ebb_value_and_grad, ebb_jvp, ebb_vjp, ebb_hvp, ebb_hessian};
    static const char *const name[] = {"grad", "grad", "jvp", "vjp", "hvp", "hessian"};
    ebb_tensor *x = f32("1"), *v = f32("[1, 2]"), *i = ebb_literal(ebb, "1", EBB_I32);
    for (int k = 0; k < 6; k++) {
        ebb_function *f = function_of(identity);
        bool more = k == 2 || k == 3 || k == 4; /* takes a tangent, cotangent or direction */
        EXPECT_NULL(EBB_TYPE_ERROR, name[k], derive[k](NULL, NULL));
        EXPECT_NULL(EBB_TYPE_ERROR, name[k], derive[k](f, &(ebb_wrt){NULL, 2}));
        EXPECT_NULL(EBB_TYPE_ERROR, name[k], derive[k](f, &(ebb_wrt){(int[]){0}, -1}));
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
