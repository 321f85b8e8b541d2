/* test_bad_tensors.c - every public function with a tensor that is none: NULL, absent, poison, dead, of another
 * context, leaked out of a trace. An error of the right class that names the function and the line of this file; never
 * a crash.
 *
 * The lists below are meant to be complete: a new function of ebb.h gets a line here. Start reading at make_bad. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/left_error.h"

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
TestSuite(bad_tensors, .init = start, .fini = stop);

static ebb_tensor *f32(const char *text) { return ebb_literal(ebb, text, EBB_F32); }

/* The call `what` on `line` (0: it has no line to show) left this error, or none for EBB_OK. Then it is cleared. */
static void check(ebb_code code, const char *function, const char *what, const char *with, int line) {
    left_error(ebb, code, function, what, with, "test_bad_tensors.c", line);
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
static void never(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)e, (void)data;
    out[0] = ebb_ne(in[0], in[0]);
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

static void elementwise_with(const bad *b) {
    ebb_tensor *x = b->tensor, *y = f32("[[1, 2], [3, 4]]");
    EBB_UNARY_LIST(UNARY_)
    EBB_BINARY_LIST(BINARY_)
    FIRST("ebb_select", ebb_select(x, y, y));
    TRY("ebb_select", ebb_select(ebb_gt(y, 0), x, y));
    TRY("ebb_select", ebb_select(ebb_gt(y, 0), 1, x));
    FIRST("ebb_cast", ebb_cast(x, EBB_F64));
}

static void rearranging_with(const bad *b) {
    ebb_tensor *x = b->tensor, *y = f32("[[1, 2], [3, 4]]");
    int64_t two[] = {1, 1}, none[] = {0, 0};
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
}

static void reductions_with(const bad *b) {
    ebb_tensor *x = b->tensor;
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
}

static void lookups_and_products_with(const bad *b) {
    ebb_tensor *x = b->tensor, *y = f32("[[1, 2], [3, 4]]"), *i = ebb_literal(ebb, "[0, 1]", EBB_I32);
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

static void matrices_with(const bad *b) {
    ebb_tensor *x = b->tensor, *y = f32("[[1, 2], [3, 4]]");
    FIRST("ebb_solve", ebb_solve(x, y));
    TRY("ebb_solve", ebb_solve(y, x));
    FIRST("ebb_triangular_solve", ebb_triangular_solve(x, y, NULL));
    TRY("ebb_triangular_solve", ebb_triangular_solve(y, x, NULL));
    FIRST("ebb_cholesky", ebb_cholesky(x));
    FIRST("ebb_inv", ebb_inv(x));
    FIRST("ebb_det", ebb_det(x));
    FIRST("ebb_slogdet", ebb_slogdet(x, NULL));
    FIRST("ebb_qr", ebb_qr(x, NULL));
    FIRST("ebb_eigh", ebb_eigh(x, NULL));
    FIRST("ebb_svd", ebb_svd(x, NULL, NULL));
}

static void places_with(const bad *b) {
    ebb_tensor *x = b->tensor, *y = f32("[1, 2]"), *i = ebb_literal(ebb, "[[0], [1]]", EBB_I32);
    ebb_tensor *at = ebb_literal(ebb, "[0]", EBB_I32), *one = f32("[1]");
    FIRST("ebb_gather_nd", ebb_gather_nd(x, i));
    TRY("ebb_gather_nd", ebb_gather_nd(y, x));
#define SCATTER(name, index, ...)                                                                                      \
    FIRST("ebb_" #name, ebb_##name(x, index, y __VA_ARGS__));                                                          \
    TRY("ebb_" #name, ebb_##name(y, x, y __VA_ARGS__));                                                                \
    TRY("ebb_" #name, ebb_##name(y, index, x __VA_ARGS__))
    SCATTER(scatter_nd_add, i, );
    SCATTER(scatter_nd_max, i, );
    SCATTER(scatter_nd_min, i, );
    SCATTER(scatter_nd_update, i, );
    SCATTER(scatter_max, ebb_reshape(i, EBB_SHAPE(2)), , 0);
    SCATTER(scatter_min, ebb_reshape(i, EBB_SHAPE(2)), , 0);
    SCATTER(scatter_update, ebb_reshape(i, EBB_SHAPE(2)), , 0);
#undef SCATTER
    FIRST("ebb_dynamic_slice", ebb_dynamic_slice(x, at, EBB_SHAPE(1)));
    TRY("ebb_dynamic_slice", ebb_dynamic_slice(y, x, EBB_SHAPE(1)));
    FIRST("ebb_dynamic_update", ebb_dynamic_update(x, at, one));
    TRY("ebb_dynamic_update", ebb_dynamic_update(y, x, one));
    TRY("ebb_dynamic_update", ebb_dynamic_update(y, at, x));
}

static void choices_with(const bad *b) {
    ebb_tensor *x = b->tensor, *y = f32("[1, 2]");
    FIRST("ebb_clip", ebb_clip(x, 0, 1));
    TRY("ebb_clip", ebb_clip(y, x, 1));
    TRY("ebb_clip", ebb_clip(y, 0, x));
    FIRST("ebb_top_k", ebb_top_k(x, 1, 0, NULL));
    FIRST("ebb_searchsorted", ebb_searchsorted(x, y, false));
    TRY("ebb_searchsorted", ebb_searchsorted(y, x, false));
    FIRST("ebb_unique", ebb_unique(x, 1, NULL));
    FIRST("ebb_quantile_over", ebb_quantile_over(x, 0.5, EBB_ALL_AXES, false));
    FIRST("ebb_random_categorical", ebb_random_categorical(x, 1));
    FIRST("ebb_random_shuffle", ebb_random_shuffle(x));
}

static void loss_is_data(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)e, (void)in;
    out[0] = data;
}

/* The same for what is not an operation. */
static ebb_tensor *scan(ebb_operand state, ebb_operand sequence, int line) {
    ebb_tensor *out;
    ebb_scan_at(ebb, identity, NULL, 1, &state, 1, &sequence, 0, &out, NULL, __FILE__, line);
    return out;
}

static void control_with(const bad *b) {
    ebb_tensor *x = b->tensor, *y = f32("1"), *rows = f32("[1, 2]"), *yes = ebb_eq(y, y);
    ebb_operand given = ebb_operand_tensor(x);
    TRY("ebb_cond", ebb_cond(ebb, x, identity, identity, NULL, y));
    TRY("ebb_cond", ebb_cond(ebb, yes, identity, identity, NULL, x));
    TRY("ebb_cond", ebb_cond(ebb, yes, identity, identity, NULL, y, x));
    TRY("ebb_while", ebb_while(ebb, never, identity, NULL, x));
    TRY("ebb_scan", scan(given, EBB_OPERAND(rows), __LINE__));
    TRY("ebb_scan", scan(EBB_OPERAND(y), given, __LINE__));
    TRY("ebb_map", ebb_map(ebb, identity, NULL, x));
    TRY("ebb_map", ebb_map(ebb, identity, NULL, rows, x));
    TRY("ebb_fold", ebb_fold(ebb, identity, NULL, x, rows));
    TRY("ebb_fold", ebb_fold(ebb, identity, NULL, y, x));
}

static void machinery_with(const bad *b) {
    ebb_tensor *x = b->tensor, *y = f32("1"), *v = ebb_variable(ebb, y, "v"), *g[1];
    ebb_tensor *w = ebb_variable(ebb, f32("[1, 2]"), "w");
    const int64_t zero[] = {0}, one[] = {1};
    ebb_function *f = function_of(identity);
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_PERSISTENT);
    ebb_optimizer *sgd = ebb_sgd(ebb, NULL);
    TRY("ebb_variable", ebb_variable(ebb, x, "v"));
    TRY("ebb_variable", ebb_variable_fixed(ebb, x, "v"));
    TRY("ebb_assign", ebb_assign(v, x));
    TRY("ebb_assign_add", ebb_assign_add(v, x));
    TRY("ebb_assign_sub", ebb_assign_sub(v, x));
    TRY("ebb_assign_item", ebb_assign_item_at(w, 1, zero, ebb_operand_tensor(x), __FILE__, __LINE__));
    TRY("ebb_assign_slice", ebb_assign_slice(w, zero, one, NULL, x));
    TRY("ebb_gradient", ebb_gradient(tape, x, y));
    TRY("ebb_gradient", ebb_gradient(tape, y, x));
    TRY("ebb_jacobian", ebb_jacobian(tape, x, y));
    TRY("ebb_jacobian", ebb_jacobian(tape, y, x));
    TRY("ebb_batch_jacobian", ebb_batch_jacobian(tape, x, y));
    TRY("ebb_batch_jacobian", ebb_batch_jacobian(tape, y, x));
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

Test(bad_tensors, tensors_that_are_none) {
    bad b[BAD];
    make_bad(b);
    for (int i = 0; i < BAD; i++)
        EBB_SCOPE (ebb) {
            elementwise_with(&b[i]);
            rearranging_with(&b[i]);
            reductions_with(&b[i]);
            lookups_and_products_with(&b[i]);
            matrices_with(&b[i]);
            places_with(&b[i]);
            choices_with(&b[i]);
            control_with(&b[i]);
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

Test(bad_tensors, readers) {
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
