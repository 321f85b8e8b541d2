/* test_ops.c - the public operations, eager and traced: numbers among tensors, broadcasting, shapes, and what tapes and
 * traces make of them.
 *
 * Values of the operations themselves are proved against the quad reference elsewhere; here it is the way to them. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "frontend/values.h"
#include "tests/support/check.h"

static ebb_context *ebb;

static void start(void) { ebb = ebb_open(NULL); }
static void stop(void) { ebb_close(ebb); }

TestSuite(ops, .init = start, .fini = stop);

static ebb_tensor *read(const char *text) { return ebb_literal(ebb, text, EBB_NONE); }
static ebb_tensor *read_f32(const char *text) { return ebb_literal(ebb, text, EBB_F32); }

static const struct {
    const char *name;
    ebb_tensor *(*op)(ebb_tensor *, const char *, int);
} unary[] = {
#define ROW(op) {"ebb_" #op, ebb_##op##_at},
    EBB_UNARY_LIST(ROW)
#undef ROW
};

/* ---- values ---- */

Test(ops, unary_operations) {
    static const struct {
        const char *name;
        double x, y;
    } cases[] = {
        {"ebb_neg", 2, -2},
        {"ebb_abs", -2, 2},
        {"ebb_sign", -3, -1},
        {"ebb_exp", 1, 2.718281828459045},
        {"ebb_expm1", 0, 0},
        {"ebb_log", 1, 0},
        {"ebb_log1p", 0, 0},
        {"ebb_sqrt", 1, 1},
        {"ebb_square", -3, 9},
        {"ebb_recip", 4, 0.25},
        {"ebb_sin", 0, 0},
        {"ebb_cos", 0, 1},
        {"ebb_tan", 0, 0},
        {"ebb_asin", 1, 1.5707963267948966},
        {"ebb_acos", 1, 0},
        {"ebb_atan", 1, 0.7853981633974483},
        {"ebb_sinh", 0, 0},
        {"ebb_cosh", 0, 1},
        {"ebb_tanh", 0, 0},
        {"ebb_sigmoid", 0, 0.5},
        {"ebb_softplus", 0, 0.6931471805599453},
        {"ebb_erf", 0, 0},
        {"ebb_relu", -1, 0},
        {"ebb_stop_gradient", 7, 7},
    };
    int found = 0;
    for (int i = 0; i < COUNT(unary); i++)
        for (int k = 0; k < COUNT(cases); k++) {
            if (strcmp(cases[k].name, unary[i].name)) continue;
            double y = ebb_item(unary[i].op(ebb_scalar(ebb, cases[k].x), NULL, 0), 0);
            cr_expect_float_eq(y, cases[k].y, 1e-15, "%s(%g) = %.17g", cases[k].name, cases[k].x, y);
            found++;
        }
    cr_expect_eq(found, COUNT(cases));
    expect_text(ebb_logical_not(read("[true, false]")), "[False  True]", "logical_not");
    expect_ok(ebb, "unary");
}

/* Of numbers and tensors, broadcast, now and under a tape that looks on. */
static void check_elementwise(const char *how) {
    struct {
        ebb_tensor *y;
        const char *text;
    } cases[] = {
        {ebb_floor(read("[-1.5, 1.5]")), "[-2.  1.]"},
        {ebb_ceil(read("[-1.5, 1.5]")), "[-1.  2.]"},
        {ebb_round(read("[0.5, 1.5, 2.5]")), "[0. 2. 2.]"},
        {ebb_trunc(read("[-1.5, 1.5]")), "[-1.  1.]"},
        {ebb_fmod(read("[-5, 5]"), 3), "[-2  2]"},
        {ebb_floormod(read("[-5, 5]"), 3), "[1 2]"},
        {ebb_floordiv(read("[-5., 5.]"), 3), "[-2.  1.]"},
        {ebb_floordiv(read("[-7, 7]"), 0), "[0 0]"},
        {ebb_hypot(3, read("[4., 0.]")), "[5. 3.]"},
        {ebb_atan2(0, read("[1., 2.]")), "[0. 0.]"},
        {ebb_xlogy(0, read("[0., 1.]")), "[0. 0.]"},
        {ebb_divide_no_nan(read("[6., 1.]"), read("[[2.], [0.]]")), "[[3.  0.5]\n [0.  0. ]]"},
        {ebb_squared_difference(read("[1, 5]"), 3), "[4 4]"},
        {ebb_logaddexp(read("[1000.]"), -1000), "[1000.]"},
        {ebb_polygamma(0, read("[inf]")), "[inf]"},
        {ebb_sinc(read("[0., 1.]")), "[1. 0.]"},
        {ebb_digamma(read("0.")), "-inf"},
        {ebb_clip(read("[-1., 0.25, 7.]"), 0, 1), "[0.   0.25 1.  ]"},
        {ebb_clip(read("[-9, 2, 9]"), read("[[-1], [0]]"), 3), "[[-1  2  3]\n [ 0  2  3]]"},
        {ebb_bitwise_and(read("[12, 7]"), 10), "[8 2]"},
        {ebb_bitwise_or(read("[12, 7]"), 10), "[14 15]"},
        {ebb_bitwise_xor(read("[12, 7]"), 10), "[ 6 13]"},
        {ebb_bitwise_not(read("[0, -1]")), "[-1  0]"},
        {ebb_shift_left(1, read("[3, 32, -1]")), "[8 0 0]"},
        {ebb_shift_right(-8, read("[1, 32, -1]")), "[-4 -1 -1]"},
    };
    for (int i = 0; i < COUNT(cases); i++)
        expect_text(cases[i].y, cases[i].text, "%s, case %d", how, i);
    expect_ok(ebb, "%s", how);
}

Test(ops, elementwise) {
    check_elementwise("nobody looks on");
    ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    check_elementwise("under a tape");
    ebb_bitwise_and(read("1."), 1);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_bitwise_and: operand is f32[]; it needs i32 or i64", "bits of floats");
    ebb_clear_error(ebb);
    ebb_clip(read("1."), read("1"), 2);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_clip: f32 and i32 do not mix; cast one", "clip of two dtypes");
}

/* The fourth derivative of sinc at 0 is pi^4 / 5, the third of erfinv sqrt(pi) pi / 4, of lgamma at 1 -2 zeta(3). */
Test(ops, high_derivatives) {
    static const struct {
        ebb_tensor *(*op)(ebb_tensor *, const char *, int);
        int order;
        double x, want;
    } cases[] = {{ebb_sinc_at, 4, 0, 19.4818182068004875},
                 {ebb_sinc_at, 3, 0, 0},
                 {ebb_erfinv_at, 3, 0, 1.39208199920792696},
                 {ebb_lgamma_at, 3, 1, -2.40411380631918857},
                 {ebb_digamma_at, 3, 1, 6.49393940226682914}};
    for (int i = 0; i < COUNT(cases); i++) {
        ebb_tape *tape[4];
        ebb_tensor *x = ebb_scalar(ebb, cases[i].x), *y;
        for (int k = 0; k < cases[i].order; k++)
            ebb_watch(tape[k] = ebb_tape_start(ebb, EBB_TAPE_DEFAULT), x);
        y = cases[i].op(x, NULL, 0);
        for (int k = cases[i].order; k-- > 0;)
            y = ebb_gradient(tape[k], y, x);
        cr_expect_float_eq(ebb_item(y, 0), cases[i].want, 1e-13, "case %d: %.17g", i, ebb_item(y, 0));
    }
    expect_ok(ebb, "high derivatives");
}

Test(ops, numbers_take_the_dtype_of_the_tensor) {
    struct {
        const char *name;
        ebb_tensor *y;
        const char *text;
    } cases[] = {
        {"f32 * int", ebb_mul(2, read("[1.5, 2]")), "ebb.Tensor([3. 4.], shape=(2,), dtype=float32)"},
        {"f32 + double", ebb_add(read("1.5"), 0.1), "ebb.Tensor(1.6, shape=(), dtype=float32)"},
        {"f64 + float", ebb_add(ebb_scalar(ebb, 1.0), 0.5f), "ebb.Tensor(1.5, shape=(), dtype=float64)"},
        {"i32 + int", ebb_add(read("[1, 2]"), 3), "ebb.Tensor([4 5], shape=(2,), dtype=int32)"},
        {"i32 + whole double", ebb_sub(read("1"), 3.0), "ebb.Tensor(-2, shape=(), dtype=int32)"},
        {"i64 + int64", ebb_add(ebb_scalar(ebb, (int64_t)1), INT64_MAX - 1),
         "ebb.Tensor(9223372036854775807, shape=(), dtype=int64)"},
        {"bool and int", ebb_logical_and(read("[true, false]"), 1),
         "ebb.Tensor([ True False], shape=(2,), dtype=bool)"},
        {"bool == bool", ebb_eq(read("[true, false]"), (bool)0), "ebb.Tensor([False  True], shape=(2,), dtype=bool)"},
        {"1 < f32", ebb_lt(1, read("[0.5, 1.5]")), "ebb.Tensor([False  True], shape=(2,), dtype=bool)"},
        {"1e300 + f32", ebb_add(read("1."), 1e300), "ebb.Tensor(inf, shape=(), dtype=float32)"},
        {"2^24+1 + f64", ebb_add(ebb_scalar(ebb, 0.0), 16777217), "ebb.Tensor(16777217.0, shape=(), dtype=float64)"},
        {"c ? f32 : number", ebb_select(read("[true, false]"), read_f32("3"), 7),
         "ebb.Tensor([3. 7.], shape=(2,), dtype=float32)"},
        {"c ? int : double", ebb_select(read("[true, false]"), 1, 0.5),
         "ebb.Tensor([1.  0.5], shape=(2,), dtype=float64)"},
        {"c ? int : int", ebb_select(read("false"), 1, 2), "ebb.Tensor(2, shape=(), dtype=int32)"},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        char text[128];
        ebb_format(cases[i].y, text, sizeof text);
        cr_expect_str_eq(text, cases[i].text, "%s: %s", cases[i].name, text);
    }
    expect_ok(ebb, "numbers");
}

Test(ops, numbers_that_do_not_fit) {
    ebb_tensor *i32 = read("[1, 2]"), *b = read("true"), *i64 = ebb_literal(ebb, "1", EBB_I64);
    struct {
        ebb_tensor *x;
        ebb_operand number;
        ebb_code code;
        const char *error;
    } cases[] = {
        {i32, EBB_NUMBER(2.5), EBB_TYPE_ERROR, "ebb_add: the number 2.5 is not whole, the tensor is i32 (a.c:7)"},
        {i32, EBB_NUMBER((double)NAN), EBB_TYPE_ERROR,
         "ebb_add: the number nan is not whole, the tensor is i32 (a.c:7)"},
        {i32, EBB_NUMBER((double)INFINITY), EBB_TYPE_ERROR,
         "ebb_add: the number inf is not whole, the tensor is i32 (a.c:7)"},
        {i32, EBB_NUMBER(3000000000), EBB_VALUE_ERROR,
         "ebb_add: the number 3000000000 is out of range for i32 (a.c:7)"},
        {i32, EBB_NUMBER(-2147483649.0), EBB_VALUE_ERROR,
         "ebb_add: the number -2147483649.0 is out of range for i32 (a.c:7)"},
        {i64, EBB_NUMBER(0x1p63), EBB_VALUE_ERROR, "is out of range for i64 (a.c:7)"},
        {b, EBB_NUMBER(2), EBB_VALUE_ERROR, "ebb_add: the number 2 is out of range for bool (a.c:7)"},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        ebb_add_at(EBB_OPERAND(cases[i].x), cases[i].number, "a.c", 7);
        expect_error(ebb, cases[i].code, cases[i].error, "case %d", i);
        ebb_add_at(cases[i].number, EBB_OPERAND(cases[i].x), "a.c", 7);
        expect_error(ebb, cases[i].code, cases[i].error, "case %d, turned", i);
    }
    ebb_add_at(EBB_NUMBER(1), EBB_NUMBER(2), "a.c", 7);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_add: one operand must be a tensor (a.c:7)", "two numbers");
}

/* ---- broadcasting ---- */

static int64_t element_of(const ebb_shape *s, const ebb_shape *y, int64_t index) {
    int64_t at = 0, stride = 1;
    for (int i = y->rank, k = s->rank; i-- > 0;) {
        int64_t here = index % y->dim[i];
        index /= y->dim[i];
        if (--k < 0) continue;
        at += (s->dim[k] == 1 ? 0 : here) * stride;
        stride *= s->dim[k];
    }
    return at;
}

static ebb_tensor *counted(const ebb_shape *s, double first) {
    int64_t n = 0;
    ebb_shape_size(s, &n);
    return ebb_reshape(ebb_add(ebb_range(ebb, EBB_F32, n), first), s->rank, s->dim);
}

static const struct {
    ebb_shape x, y, both;
} stretches[] = {
    {{0}, {1, {3}}, {1, {3}}},
    {{1, {3}}, {0}, {1, {3}}},
    {{1, {1}}, {1, {4}}, {1, {4}}},
    {{2, {2, 1}}, {1, {3}}, {2, {2, 3}}},
    {{2, {2, 3}}, {1, {3}}, {2, {2, 3}}},
    {{2, {1, 3}}, {2, {2, 1}}, {2, {2, 3}}},
    {{3, {2, 1, 3}}, {3, {1, 4, 1}}, {3, {2, 4, 3}}},
    {{1, {0}}, {1, {1}}, {1, {0}}},
    {{2, {0, 1}}, {1, {3}}, {2, {0, 3}}},
    {{8, {1, 2, 1, 1, 2, 1, 1, 2}}, {8, {2, 1, 1, 2, 1, 1, 2, 1}}, {8, {2, 2, 1, 2, 2, 1, 2, 2}}},
    {{2, {5, 7}}, {2, {5, 7}}, {2, {5, 7}}},
};

/* Both roads: by strides when nobody looks on, by operations under a tape. */
Test(ops, shapes_broadcast) {
    for (int watched = 0; watched < 2; watched++)
        for (int i = 0; i < COUNT(stretches); i++) {
            EBB_SCOPE (ebb) {
                ebb_tensor *x = counted(&stretches[i].x, 1), *y = counted(&stretches[i].y, 100), *z = x;
                ebb_tape *tape = watched ? ebb_tape_start(ebb, EBB_TAPE_DEFAULT) : NULL;
                if (tape) ebb_watch(tape, x);
                z = ebb_sub(x, y);
                cr_expect(ebb_shape_equal(&z->type.shape, &stretches[i].both), "case %d: %s", i, ebb_error(ebb));
                for (int64_t k = 0, n = ebb_size(z); k < n; k++) {
                    double want = 1 + (double)element_of(&stretches[i].x, &stretches[i].both, k) - 100 -
                                  (double)element_of(&stretches[i].y, &stretches[i].both, k);
                    cr_assert_eq(ebb_item(z, k), want, "watched %d, case %d, element %d", watched, i, (int)k);
                }
                ebb_tensor *c = ebb_lt(x, 3), *chosen = ebb_select(c, x, y);
                for (int64_t k = 0, n = ebb_size(z); k < n; k++) {
                    int64_t p = element_of(&stretches[i].x, &stretches[i].both, k),
                            q = element_of(&stretches[i].y, &stretches[i].both, k);
                    cr_assert_eq(ebb_item(chosen, k), p < 2 ? 1 + (double)p : 100 + (double)q,
                                 "watched %d, case %d, element %d", watched, i, (int)k);
                }
                expect_ok(ebb, "watched %d, case %d", watched, i);
            }
        }
}

Test(ops, shapes_that_do_not_broadcast) {
    static const struct {
        const char *x, *y, *error;
    } cases[] = {
        {"[1,2,3]", "[1,2,3,4]", "ebb_add: shapes [3] and [4] do not broadcast (a.c:7)"},
        {"[[1,2,3]]", "[[1,2],[3,4]]", "ebb_add: shapes [1,3] and [2,2] do not broadcast (a.c:7)"},
        {"[]", "[1,2]", "ebb_add: shapes [0] and [2] do not broadcast (a.c:7)"},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        ebb_add_at(EBB_OPERAND(read_f32(cases[i].x)), EBB_OPERAND(read_f32(cases[i].y)), "a.c", 7);
        cr_expect_str_eq(ebb_error(ebb), cases[i].error);
        expect_error(ebb, EBB_VALUE_ERROR, "", "case %d", i);
    }
}

/* ---- the same under a trace ---- */

#define I64(...) ((const int64_t[]){__VA_ARGS__})

static ebb_tensor *mixture(ebb_tensor *x, ebb_tensor *v) {
    ebb_tensor *y = ebb_add(ebb_mul(2, x), ebb_range(ebb, EBB_F32, 3));
    y = ebb_select(ebb_lt(y, 4), ebb_matmul(y, y), ebb_sub(v, 1));
    y = ebb_add(y, ebb_softmax(ebb_max(y, ebb_reshape(x, EBB_SHAPE(3, 1))), -1));
    return ebb_sum_over(ebb_slice(y, I64(0, 0), I64(3, 2), NULL), EBB_AXES(0), true);
}

static void mixture_body(ebb_context *inside, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)inside;
    out[0] = mixture(in[0], data);
    ebb_assign_add(data, 1);
}

Test(ops, a_traced_function_computes_what_eager_code_does) {
    ebb_tensor *x = read("[0.5, 1, 2]"), *v = ebb_variable(ebb, ebb_scalar(ebb, 3.0f), "v");
    char eager[128], traced[128];
    ebb_function *f = ebb_function_new(ebb, mixture_body, &(ebb_function_options){.name = "mixture", .data = v});
    for (int i = 0; i < 3; i++) {
        ebb_format_value(mixture(x, v), eager, sizeof eager);
        ebb_format_value(ebb_call(f, x), traced, sizeof traced);
        cr_expect_str_eq(eager, traced, "call %d: %s, %s", i, eager, traced);
    }
    expect_text(v, "6.0", "updated by each call");
    expect_ok(ebb, "traced");
}

static void draw_body(ebb_context *inside, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)in;
    (void)data;
    out[0] = ebb_random_uniform(inside, EBB_F32, EBB_SHAPE(3), -1, 1);
}

Test(ops, a_traced_function_draws_what_eager_code_does) {
    char eager[2][128], traced[2][128];
    ebb_function *f = ebb_function_new(ebb, draw_body, NULL);
    ebb_set_seed(ebb, 7);
    for (int i = 0; i < 2; i++)
        ebb_format_value(ebb_random_uniform(ebb, EBB_F32, EBB_SHAPE(3), -1, 1), eager[i], sizeof eager[i]);
    ebb_set_seed(ebb, 7);
    for (int i = 0; i < 2; i++) {
        ebb_tensor *y;
        ebb_call_n(f, 0, NULL, 1, &y);
        ebb_format_value(y, traced[i], sizeof traced[i]);
        cr_expect_str_eq(eager[i], traced[i], "draw %d: %s, %s", i, eager[i], traced[i]);
    }
    cr_expect_str_neq(eager[0], eager[1]);
    expect_ok(ebb, "draw");
}

Test(ops, a_tape_sees_through_numbers_and_macros) {
    ebb_tensor *x = ebb_variable(ebb, read("[1., 2.]"), "x"), *state = ebb_variable(ebb, ebb_scalar(ebb, 1.0f), "s");
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_PERSISTENT);
    ebb_tensor *y = ebb_mul(ebb_sub(x, 1), ebb_broadcast_to(ebb_pow(x, 2), EBB_SHAPE(3, 2)));
    expect_text(ebb_gradient(tape, y, x), "[ 3. 24.]", "3 (3x^2 - 2x)");
    expect_text(ebb_gradient(tape, ebb_mean(ebb_square(x)), x), "[1. 2.]", "mean");
    ebb_assign_add(state, ebb_sum(x));
    cr_expect(ebb_is_absent(ebb_gradient(tape, ebb_square(state), x)), "state stops gradients");
    expect_text(ebb_gradient(tape, ebb_square(state), state), "8.0", "the new value of the state");
    ebb_tape_stop(tape);
    expect_ok(ebb, "tape");
}
