/* test_refusals.c - what the public operations refuse, with the words they say it in. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "frontend/values.h"
#include "tests/support/check.h"

static ebb_context *ebb;

static void start(void) { ebb = ebb_open(NULL); }
static void stop(void) { ebb_close(ebb); }

TestSuite(refusals, .init = start, .fini = stop);

static ebb_tensor *read(const char *text) { return ebb_literal(ebb, text, EBB_NONE); }

#define I64(...) ((const int64_t[]){__VA_ARGS__})

typedef ebb_tensor *unary_op(ebb_tensor *, const char *, int);
typedef ebb_tensor *binary_op(ebb_operand, ebb_operand, const char *, int);

static const struct {
    const char *name;
    unary_op *op;
} unary[] = {
#define ROW(op) {"ebb_" #op, ebb_##op##_at},
    EBB_UNARY_LIST(ROW)};
static const struct {
    const char *name;
    binary_op *op;
} binary[] = {EBB_BINARY_LIST(ROW)};
#undef ROW

#define AT "a.c", 7

#define CASE(code, call, text) ebb_clear_error(ebb), (void)(call), expect_error(ebb, code, text, #call)

static ebb_tensor *zeros(ebb_dtype dtype) { return ebb_zeros(ebb, dtype, EBB_SHAPE(2, 3)); }

Test(refusals, of_types) {
    ebb_tensor *x = zeros(EBB_F32), *i = zeros(EBB_I32), *d = ebb_zeros(ebb, EBB_F64, EBB_SHAPE(3));
    ebb_tensor *b = read("[true, false]");
    CASE(EBB_TYPE_ERROR, ebb_add_at(EBB_OPERAND(x), EBB_OPERAND(d), AT),
         "ebb_add: f32 and f64 do not mix; cast one (a.c:7)");
    CASE(EBB_TYPE_ERROR, ebb_select_at(x, EBB_OPERAND(x), EBB_OPERAND(x), AT),
         "ebb_select: condition is f32[2,3]; it needs bool (a.c:7)");
    CASE(EBB_TYPE_ERROR, ebb_select_at(b, EBB_OPERAND(x), EBB_OPERAND(i), AT),
         "ebb_select: f32 and i32 do not mix; cast one (a.c:7)");
    CASE(EBB_TYPE_ERROR, ebb_exp_at(i, AT), "ebb_exp: operand is i32[2,3]; it needs f32 or f64 (a.c:7)");
    CASE(EBB_TYPE_ERROR, ebb_neg_at(b, AT), "ebb_neg: operand is bool[2]; it needs");
    CASE(EBB_TYPE_ERROR, ebb_logical_not_at(x, AT), "ebb_logical_not: operand is f32[2,3]; it needs bool (a.c:7)");
    CASE(EBB_TYPE_ERROR, ebb_div_at(EBB_OPERAND(i), EBB_OPERAND(2), AT),
         "ebb_div: operand is i32[2,3]; it needs f32 or f64 (a.c:7)");
    CASE(EBB_TYPE_ERROR, ebb_cast_at(x, EBB_NONE, AT), "ebb_cast: no dtype is asked for (a.c:7)");
    CASE(EBB_TYPE_ERROR, ebb_cast_at(x, (ebb_dtype)40, AT), "ebb_cast: no dtype is asked for (a.c:7)");
}

Test(refusals, of_shapes_and_axes) {
    ebb_tensor *x = zeros(EBB_F32), *empty = read("[]");
    const int twice[] = {0, 0};
    CASE(EBB_VALUE_ERROR, ebb_broadcast_to_at(x, EBB_SHAPE(2, 4), AT),
         "ebb_broadcast_to: [2,3] does not broadcast to [2,4] (a.c:7)");
    CASE(EBB_VALUE_ERROR, ebb_broadcast_to_at(x, EBB_SHAPE(3), AT),
         "ebb_broadcast_to: [2,3] does not broadcast to [3] (a.c:7)");
    CASE(EBB_VALUE_ERROR, ebb_reshape_at(x, EBB_SHAPE(5), AT),
         "ebb_reshape: [2,3] and [5] differ in number of elements (a.c:7)");
    CASE(EBB_VALUE_ERROR, ebb_reshape_at(x, EBB_SHAPE(-1, 4), AT),
         "ebb_reshape: [2,3] does not divide into the sizes beside -1 (a.c:7)");
    CASE(EBB_VALUE_ERROR, ebb_reshape_at(x, EBB_SHAPE(-1, -1), AT),
         "ebb_reshape: size -1 of axis 1 is negative (a.c:7)");
    CASE(EBB_VALUE_ERROR, ebb_reshape_at(empty, EBB_SHAPE(-1, 0), AT),
         "ebb_reshape: [0] does not divide into the sizes beside -1 (a.c:7)");
    CASE(EBB_TYPE_ERROR, ebb_reshape_at(x, 1, NULL, AT), "ebb_reshape: the sizes are NULL (a.c:7)");
    CASE(EBB_VALUE_ERROR, ebb_transpose_at(x, EBB_AXES(0), AT),
         "ebb_transpose: 1 axes given, the tensor has 2 (a.c:7)");
    CASE(EBB_VALUE_ERROR, ebb_transpose_at(x, 2, NULL, AT), "ebb_transpose: 0 axes given, the tensor has 2 (a.c:7)");
    CASE(EBB_VALUE_ERROR, ebb_transpose_at(x, 2, twice, AT), "ebb_transpose: axis 0 appears twice (a.c:7)");
    CASE(EBB_INDEX_ERROR, ebb_transpose_at(x, EBB_AXES(0, 2), AT),
         "ebb_transpose: axis 2 is out of range for [2,3] (a.c:7)");
    CASE(EBB_VALUE_ERROR, ebb_slice_at(x, I64(0, 0), I64(1, 1), I64(1, 0), AT),
         "ebb_slice: step 0 of axis 1 is not positive (a.c:7)");
    CASE(EBB_TYPE_ERROR, ebb_slice_at(x, NULL, I64(1, 1), NULL, AT), "ebb_slice: start or stop is NULL (a.c:7)");
    CASE(EBB_TYPE_ERROR, ebb_pad_at(x, I64(1, 1), NULL, AT), "ebb_pad: low or high is NULL (a.c:7)");
    CASE(EBB_VALUE_ERROR, ebb_pad_at(x, I64(0, -1), I64(0, 0), AT), "ebb_pad: a width on axis 1 is negative (a.c:7)");
    CASE(EBB_VALUE_ERROR, ebb_pad_at(x, I64(INT64_MAX, 0), I64(0, 0), AT),
         "ebb_pad: the padded size of axis 0 of [2,3] is too large (a.c:7)");
}

Test(refusals, of_windows) {
    ebb_tensor *x = zeros(EBB_F32);
    CASE(EBB_VALUE_ERROR, ebb_windows_at(x, 1, 4, 1, 1, AT),
         "ebb_windows: a window of 4 with dilation 1 does not fit 3 elements ([2,3]) (a.c:7)");
    CASE(EBB_VALUE_ERROR, ebb_windows_at(x, 1, 2, 1, INT64_MAX, AT),
         "ebb_windows: a window of 2 with dilation 9223372036854775807 does not fit 3 elements ([2,3]) (a.c:7)");
    CASE(EBB_VALUE_ERROR, ebb_windows_at(x, 0, INT64_MAX, 1, 3, AT),
         "ebb_windows: a window of 9223372036854775807 with dilation 3 does not fit 2 elements ([2,3]) (a.c:7)");
    CASE(EBB_VALUE_ERROR, ebb_windows_at(x, 1, 0, 1, 1, AT),
         "ebb_windows: a window of 0, stride 1, dilation 1: all are at least 1 (a.c:7)");
    CASE(EBB_VALUE_ERROR, ebb_windows_at(x, 1, 1, 1, -1, AT),
         "ebb_windows: a window of 1, stride 1, dilation -1: all are at least 1 (a.c:7)");
    CASE(EBB_INDEX_ERROR, ebb_windows_at(x, 2, 1, 1, 1, AT), "ebb_windows: axis 2 is out of range for [2,3] (a.c:7)");
    CASE(EBB_INDEX_ERROR, ebb_overlap_add_at(x, 1, 3, 1, 1, AT),
         "ebb_overlap_add: axis 2 is out of range for [2,3] (a.c:7)");
    CASE(EBB_VALUE_ERROR, ebb_overlap_add_at(x, 0, 6, 1, 1, AT),
         "ebb_overlap_add: 6 elements have 4 such windows, axis 0 of [2,3] has 2 (a.c:7)");
}

Test(refusals, of_reductions) {
    ebb_tensor *x = zeros(EBB_F32), *i = zeros(EBB_I32), *b = read("[true, false]"), *empty = read("[]");
    ebb_tensor *s = ebb_scalar(ebb, 1.0f);
    const int twice[] = {0, 0}, third[] = {2};
    CASE(EBB_INDEX_ERROR, ebb_sum_at(x, 1, third, false, AT), "ebb_sum: axis 2 is out of range for [2,3] (a.c:7)");
    CASE(EBB_INDEX_ERROR, ebb_sum_at(x, 1, (int[]){-9}, false, AT),
         "ebb_sum: axis -9 is out of range for [2,3] (a.c:7)");
    CASE(EBB_VALUE_ERROR, ebb_mean_at(x, 2, twice, false, AT), "ebb_mean: axis 0 is given twice (a.c:7)");
    CASE(EBB_TYPE_ERROR, ebb_sum_at(x, 1, NULL, false, AT), "ebb_sum: 1 axes and no list of them (a.c:7)");
    CASE(EBB_TYPE_ERROR, ebb_sum_at(b, EBB_ALL_AXES, false, AT), "ebb_sum: operand is bool[2]; it needs");
    CASE(EBB_TYPE_ERROR, ebb_mean_at(i, EBB_ALL_AXES, true, AT),
         "ebb_mean: operand is i32[2,3]; it needs f32 or f64 (a.c:7)");
    CASE(EBB_VALUE_ERROR, ebb_reduce_max_at(empty, EBB_ALL_AXES, false, AT),
         "ebb_max_over: axis 0 of [0] is empty (a.c:7)");
    CASE(EBB_VALUE_ERROR, ebb_argmax_at(empty, 0, AT), "ebb_argmax: axis 0 of [0] is empty (a.c:7)");
    CASE(EBB_INDEX_ERROR, ebb_argmax_at(s, 0, AT), "ebb_argmax: axis 0 is out of range for [] (a.c:7)");
    CASE(EBB_INDEX_ERROR, ebb_softmax_at(x, 2, AT), "ebb_softmax: axis 2 is out of range for [2,3] (a.c:7)");
    CASE(EBB_TYPE_ERROR, ebb_log_softmax_at(i, 0, AT),
         "ebb_log_softmax: operand is i32[2,3]; it needs f32 or f64 (a.c:7)");
}

Test(refusals, of_products) {
    ebb_tensor *x = zeros(EBB_F32), *d = ebb_zeros(ebb, EBB_F64, EBB_SHAPE(3)), *b = read("[true, false]");
    ebb_tensor *wide = ebb_zeros(ebb, EBB_F32, EBB_SHAPE(64, 784)), *tall = ebb_zeros(ebb, EBB_F32, EBB_SHAPE(10, 784));
    ebb_tensor *s = ebb_scalar(ebb, 1.0f), *deep = ebb_zeros(ebb, EBB_F32, EBB_SHAPE(3, 2, 3));
    CASE(EBB_VALUE_ERROR, ebb_matmul_at(wide, tall, false, false, AT),
         "ebb_matmul: [64,784] x [10,784]: inner sizes 784 and 10 differ (a.c:7)");
    CASE(EBB_VALUE_ERROR, ebb_matmul_at(wide, tall, true, true, AT),
         "ebb_matmul: [64,784] x [10,784]: inner sizes 64 and 784 differ (a.c:7)");
    CASE(EBB_VALUE_ERROR, ebb_matmul_at(s, x, false, false, AT),
         "ebb_matmul: [] x [2,3]: a scalar has no axis to multiply over (a.c:7)");
    CASE(EBB_VALUE_ERROR, ebb_matmul_at(deep, ebb_zeros(ebb, EBB_F32, EBB_SHAPE(2, 3, 2)), false, false, AT),
         "ebb_matmul: [3,2,3] x [2,3,2]: batch axes do not broadcast (a.c:7)");
    CASE(EBB_TYPE_ERROR, ebb_matmul_at(x, d, false, false, AT), "ebb_matmul: f32 and f64 do not mix; cast one (a.c:7)");
    CASE(EBB_TYPE_ERROR, ebb_matmul_at(b, b, false, false, AT), "ebb_matmul: operand is bool[1,2]; it needs");
}

Test(refusals, of_indices) {
    ebb_tensor *x = zeros(EBB_F32), *d = ebb_zeros(ebb, EBB_F64, EBB_SHAPE(3)), *index = read("[5]");
    CASE(EBB_VALUE_ERROR, ebb_sparse_softmax_cross_entropy_at(x, index, AT),
         "ebb_sparse_softmax_cross_entropy: labels [1] do not fit logits [2,3] (a.c:7)");
    CASE(EBB_TYPE_ERROR, ebb_sparse_softmax_cross_entropy_at(x, x, AT),
         "ebb_sparse_softmax_cross_entropy: labels is f32[2,3]; it needs i32 or i64 (a.c:7)");
    CASE(EBB_INDEX_ERROR, ebb_gather_at(x, index, 2, AT), "ebb_gather: axis 2 is out of range for [2,3] (a.c:7)");
    CASE(EBB_TYPE_ERROR, ebb_gather_at(x, d, 0, AT), "ebb_gather: index is f64[3]; it needs i32 or i64 (a.c:7)");
    CASE(EBB_INDEX_ERROR, ebb_gather_at(x, index, 0, AT), "ebb_gather: ");
    CASE(EBB_INDEX_ERROR, ebb_gather_at(x, read("[-1]"), 0, AT), "ebb_gather: ");
    CASE(EBB_INDEX_ERROR, ebb_scatter_add_at(d, index, ebb_zeros(ebb, EBB_F64, EBB_SHAPE(1)), 0, AT),
         "ebb_scatter_add: ");
    CASE(EBB_VALUE_ERROR, ebb_scatter_add_at(x, index, x, 0, AT),
         "ebb_scatter_add: updates are f32[2,3]; they need to be f32[1,3] (a.c:7)");
}

#undef CASE

/* Operands that no operation takes, at each place. */
typedef struct bad_operand {
    const char *name;
    ebb_tensor *x;
    ebb_code code;
    const char *why;
} bad_operand;

/* A call with nothing but the tensor of another context is a good call there. */
static void expect_refusal(const char *function, int place, const bad_operand *bad, const ebb_tensor *y) {
    char text[256] = "";
    if (bad->x && bad->x->context != ebb && place == 1) return;
    if (bad->code) snprintf(text, sizeof text, "%s: operand %d %s (a.c:7)", function, place, bad->why);
    cr_expect(ebb_is_poison(y), "%s, operand %d %s", function, place, bad->name);
    cr_expect_str_eq(ebb_error(ebb), text, "%s, operand %d %s: %s", function, place, bad->name, ebb_error(ebb));
    expect_error(ebb, bad->code, "", "%s, operand %d %s", function, place, bad->name);
}

static void try_all(const bad_operand *bad) {
    ebb_tensor *x = read("[1., 2.]"), *v = bad->x, *i = read("[0]"), *b = read("true");
    ebb_operand good = EBB_OPERAND(x), wrong = ebb_operand_tensor(v);
    for (int k = 0; k < COUNT(unary); k++)
        expect_refusal(unary[k].name, 1, bad, unary[k].op(v, AT));
    for (int k = 0; k < COUNT(binary); k++) {
        expect_refusal(binary[k].name, 2, bad, binary[k].op(good, wrong, AT));
        if (!v || v->context == ebb) expect_refusal(binary[k].name, 2, bad, binary[k].op(EBB_NUMBER(1), wrong, AT));
        if (!v || v->context == ebb) expect_refusal(binary[k].name, 1, bad, binary[k].op(wrong, good, AT));
    }
    expect_refusal("ebb_select", 2, bad, ebb_select_at(b, wrong, good, AT));
    expect_refusal("ebb_select", 3, bad, ebb_select_at(b, good, wrong, AT));
    expect_refusal("ebb_cast", 1, bad, ebb_cast_at(v, EBB_F32, AT));
    expect_refusal("ebb_broadcast_to", 1, bad, ebb_broadcast_to_at(v, EBB_SHAPE(2), AT));
    expect_refusal("ebb_reshape", 1, bad, ebb_reshape_at(v, EBB_SHAPE(2), AT));
    expect_refusal("ebb_transpose", 1, bad, ebb_transpose_at(v, EBB_AXES(0), AT));
    expect_refusal("ebb_windows", 1, bad, ebb_windows_at(v, 0, 1, 1, 1, AT));
    expect_refusal("ebb_overlap_add", 1, bad, ebb_overlap_add_at(v, 0, 1, 1, 1, AT));
    expect_refusal("ebb_conv1d", 2, bad, ebb_conv1d_at(x, v, NULL, AT));
    expect_refusal("ebb_max_pool1d", 1, bad, ebb_max_pool1d_at(v, 1, NULL, AT));
    expect_refusal("ebb_average_pool2d", 1, bad, ebb_average_pool2d_at(v, 1, 1, NULL, AT));
    expect_refusal("ebb_einsum", 2, bad, ebb_einsum_at("i,i", 2, (ebb_tensor *[]){x, v}, AT));
    expect_refusal("ebb_slice", 1, bad, ebb_slice_at(v, I64(0), I64(1), NULL, AT));
    expect_refusal("ebb_pad", 1, bad, ebb_pad_at(v, I64(0), I64(1), AT));
    expect_refusal("ebb_sum", 1, bad, ebb_sum_at(v, EBB_ALL_AXES, true, AT));
    expect_refusal("ebb_mean", 1, bad, ebb_mean_at(v, EBB_ALL_AXES, false, AT));
    expect_refusal("ebb_max_over", 1, bad, ebb_reduce_max_at(v, EBB_ALL_AXES, false, AT));
    expect_refusal("ebb_logsumexp", 1, bad, ebb_logsumexp_at(v, EBB_ALL_AXES, false, AT));
    expect_refusal("ebb_norm", 1, bad, ebb_norm_at(v, EBB_ALL_AXES, false, AT));
    expect_refusal("ebb_argmax", 1, bad, ebb_argmax_at(v, 0, AT));
    expect_refusal("ebb_softmax", 1, bad, ebb_softmax_at(v, 0, AT));
    expect_refusal("ebb_log_softmax", 1, bad, ebb_log_softmax_at(v, 0, AT));
    expect_refusal("ebb_sparse_softmax_cross_entropy", 2, bad, ebb_sparse_softmax_cross_entropy_at(x, v, AT));
    expect_refusal("ebb_matmul", 2, bad, ebb_matmul_at(x, v, false, false, AT));
    expect_refusal("ebb_gather", 2, bad, ebb_gather_at(x, v, 0, AT));
    expect_refusal("ebb_scatter_add", 2, bad, ebb_scatter_add_at(x, v, x, 0, AT));
    expect_refusal("ebb_scatter_add", 3, bad, ebb_scatter_add_at(x, i, v, 0, AT));
    expect_refusal("ebb_scatter_nd_update", 3, bad, ebb_scatter_nd_update_at(x, i, v, AT));
}

static void leak(ebb_context *inside, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)inside;
    *(ebb_tensor **)data = ebb_keep(ebb_square_at(in[0], "body.c", 5));
    out[0] = ebb_neg(*(ebb_tensor **)data);
}

Test(refusals, no_operation_takes_what_is_no_value) {
    ebb_tensor *dead = NULL, *leaked = NULL;
    EBB_SCOPE (ebb)
        dead = ebb_neg_at(read("1"), "b.c", 3);
    ebb_function *f = ebb_function_new(ebb, leak, &(ebb_function_options){.data = &leaked});
    expect_text(ebb_call(f, ebb_scalar(ebb, 3.0f)), "-9.0", "call");
    ebb_context *second = ebb_open(NULL);
    const bad_operand bad[] = {
        {"NULL", NULL, EBB_TYPE_ERROR, "is NULL"},
        {"absent", &ebb->absent, EBB_TYPE_ERROR, "is absent (no gradient)"},
        {"poison", &ebb->poison, EBB_OK, ""},
        {"dead", dead, EBB_RUNTIME_ERROR, "is used after its scope closed; made at b.c:3"},
        {"traced", leaked, EBB_TYPE_ERROR,
         "is a traced tensor outside of its function, where it has no value; made at body.c:5"},
        {"foreign", ebb_scalar(second, 1.0f), EBB_VALUE_ERROR, "belongs to another context"},
    };
    for (int i = 0; i < COUNT(bad); i++)
        try_all(&bad[i]);
    ebb_close(second);
}

Test(refusals, of_watches_and_expressions_name_the_line) {
    ebb_tensor *x = ebb_scalar(ebb, 1.0f);
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_gradient(tape, x, x);
    static const char *const names[] = {"x", "2x"};
#define CASE(code, call, text) ebb_clear_error(ebb), (void)(call), expect_error(ebb, code, text, #call)
    CASE(EBB_RUNTIME_ERROR, ebb_watch_at(tape, x, AT), "has let go of its record (a.c:7)");
    CASE(EBB_TYPE_ERROR, ebb_watch_at(NULL, x, AT), "ebb_watch: the tape is NULL (a.c:7)");
    CASE(EBB_TYPE_ERROR, ebb_watch_at(tape, NULL, AT), "is NULL (a.c:7)");
    CASE(EBB_DATA_ERROR, ebb_expression_at(ebb, "x +", 1, names, AT), "column 4: found the end");
    CASE(EBB_DATA_ERROR, ebb_expression_at(ebb, "x +", 1, names, AT), "(a.c:7)");
    CASE(EBB_VALUE_ERROR, ebb_expression_at(ebb, "x", 2, names, AT), "\"2x\" cannot name a variable (a.c:7)");
    CASE(EBB_VALUE_ERROR, ebb_expression_at(ebb, NULL, 1, names, AT), "text or names are missing (a.c:7)");
#undef CASE
}
