/* test_fold.c - what the deriving door simplifies, and what it must leave alone: identities that hold to the bit, and
 * constant folding. SAME checks one derivation against the node it must be. */
#include "support/small_graph.h"
#include "jit/eval/eval.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

TestSuite(fold, .init = small_graph_start, .fini = small_graph_stop);

/* ---- identities ---- */

Test(fold, point_identities) {
    ebb_id x = input("f32[3]"), y = input("f32[3]"), i = input("i32[3]"), c = input("bool[3]");
    ebb_id one = full("f32[3]", 1), zero = full("f32[3]", 0), minus_zero = full("f32[3]", -0.0);
    SAME(ebb_g_mul(b, x, one), x);
    SAME(ebb_g_mul(b, one, x), x);
    SAME(ebb_g_mul(b, x, VECTOR(EBB_F32, 1, 1, 1)), x);
    SAME(ebb_g_div(b, x, one), x);
    SAME(ebb_g_sub(b, x, zero), x);
    SAME(ebb_g_add(b, x, minus_zero), x);
    SAME(ebb_g_add(b, minus_zero, x), x);
    IS_OP(ebb_g_add(b, x, zero), add);       /* -0 + 0 is 0 */
    IS_OP(ebb_g_sub(b, x, minus_zero), sub); /* -0 - -0 is 0 */
    IS_OP(ebb_g_mul(b, x, zero), mul);       /* NaN, infinity, -0 */
    IS_OP(ebb_g_sub(b, x, x), sub);
    IS_OP(ebb_g_div(b, one, x), div);
    IS_OP(ebb_g_mul(b, x, VECTOR(EBB_F32, 1, 1, 2)), mul);
    SAME(ebb_g_mul(b, i, full("i32[3]", 1)), i);
    SAME(ebb_g_mul(b, i, full("i32[3]", 0)), full("i32[3]", 0));
    SAME(ebb_g_add(b, i, full("i32[3]", 0)), i);
    SAME(ebb_g_add(b, full("i32[3]", 0), i), i);
    SAME(ebb_g_sub(b, i, full("i32[3]", 0)), i);
    SAME(ebb_g_neg(b, ebb_g_neg(b, x)), x);
    SAME(ebb_g_logical_not(b, ebb_g_logical_not(b, c)), c);
    SAME(ebb_g_pow(b, x, one), x);
    SAME(ebb_g_pow(b, x, full("f32[3]", 2)), ebb_g_square(b, x));
    IS_OP(ebb_g_pow(b, x, zero), pow); /* its derivative is 0, not absent */
    IS_OP(ebb_g_pow(b, x, full("f32[3]", 3)), pow);
    SAME(ebb_g_select(b, c, x, x), x);
    SAME(ebb_g_select(b, full("bool[3]", 1), x, y), x);
    SAME(ebb_g_select(b, full("bool[3]", 0), x, y), y);
    IS_OP(ebb_g_select(b, VECTOR(EBB_BOOL, 1, 0, 1), x, y), select);
    SAME(ebb_g_cast_to(b, x, EBB_F32), x);
    IS_OP(ebb_g_cast_to(b, x, EBB_F64), cast);
    IS_OP(ebb_g_stop_gradient(b, one), stop_gradient); /* what a variable was assigned */
    IS_OP(ebb_g_stop_gradient(b, x), stop_gradient);
    IS_OP(ebb_g_max(b, x, x), max);
}

Test(fold, view_identities) {
    ebb_id x = input("f32[2,3,4]"), s = input("f32[]"), r = input("f32[3,1]");
    const ebb_shape flat = shape("[24]"), wide = shape("[5,2,3,4]"), self = shape("[2,3,4]"), mid = shape("[3,4]");
    ebb_id t = ebb_g_transpose(b, x, (int64_t[]){1, 2, 0});
    SAME(ebb_g_transpose(b, x, (int64_t[]){0, 1, 2}), x);
    SAME(ebb_g_transpose(b, t, (int64_t[]){2, 0, 1}), x);
    SAME(ebb_g_transpose(b, t, (int64_t[]){1, 2, 0}), ebb_g_transpose(b, x, (int64_t[]){2, 0, 1}));
    SAME(ebb_g_reshape(b, x, &self), x);
    SAME(ebb_g_reshape(b, ebb_g_reshape(b, x, &flat), &self), x);
    SAME(ebb_g_reshape(b, ebb_g_reshape(b, x, &flat), &(ebb_shape){2, {6, 4}}),
         ebb_g_reshape(b, x, &(ebb_shape){2, {6, 4}}));
    SAME(ebb_g_broadcast(b, x, &self, (int64_t[]){0, 1, 2}), x);
    SAME(ebb_g_broadcast(b, ebb_g_broadcast(b, s, &mid, NULL), &wide, (int64_t[]){2, 3}),
         ebb_g_broadcast(b, s, &wide, NULL));
    SAME(ebb_g_broadcast(b, ebb_g_broadcast(b, r, &mid, (int64_t[]){0, 1}), &wide, (int64_t[]){2, 3}),
         ebb_g_broadcast(b, r, &wide, (int64_t[]){2, 3}));
    SAME(ebb_g_slice(b, x, (int64_t[]){0, 0, 0}, (int64_t[]){1, 1, 1}, &self), x);
    IS_OP(ebb_g_slice(b, x, (int64_t[]){1, 0, 0}, (int64_t[]){1, 1, 1}, &(ebb_shape){3, {1, 3, 4}}), slice);
    SAME(ebb_g_reverse(b, x, 0, NULL), x);
    SAME(ebb_g_reverse(b, r, 1, (int64_t[]){1}), r);
    SAME(ebb_g_reverse(b, ebb_g_reverse(b, x, 2, (int64_t[]){0, 2}), 2, (int64_t[]){0, 2}), x);
    IS_OP(ebb_g_reverse(b, ebb_g_reverse(b, x, 2, (int64_t[]){0, 2}), 1, (int64_t[]){0}), reverse);
    SAME(ebb_g_sum(b, x, 0, NULL), x);
    SAME(ebb_g_sum(b, r, 1, (int64_t[]){1}), ebb_g_reshape(b, r, &(ebb_shape){1, {3}}));
    SAME(ebb_g_reduce_max(b, r, 1, (int64_t[]){1}), ebb_g_reshape(b, r, &(ebb_shape){1, {3}}));
    IS_OP(ebb_g_sum(b, r, 2, (int64_t[]){0, 1}), sum);
    IS_OP(ebb_g_sum(b, ebb_g_broadcast(b, s, &self, NULL), 1, (int64_t[]){0}), sum);
}

Test(fold, transposes_go_into_dot) {
    ebb_id x = input("f32[7,2,3]"), y = input("f32[7,3,4]");
    ebb_id xt = ebb_g_transpose(b, x, (int64_t[]){0, 2, 1}), yt = ebb_g_transpose(b, y, (int64_t[]){0, 2, 1});
    ebb_id plain = ebb_g_dot(b, x, y, false, false);
    SAME(ebb_g_dot(b, xt, y, true, false), plain);
    SAME(ebb_g_dot(b, x, yt, false, true), plain);
    SAME(ebb_g_dot(b, xt, yt, true, true), plain);
    SAME(ebb_g_dot(b, yt, xt, false, false), ebb_g_dot(b, y, x, true, true));
    ebb_id moved = ebb_g_transpose(b, input("f32[2,7,3]"), (int64_t[]){1, 0, 2});
    SAME(ebb_operands(graph, ebb_g_dot(b, moved, y, false, false))[0], moved);
}

/* ---- folding ---- */

#define F32(v) number(EBB_F32, v)
#define F64(v) number(EBB_F64, v)
#define I32(v) number(EBB_I32, v)
#define I64(v) number(EBB_I64, v)
#define BOOL(v) number(EBB_BOOL, v)

Test(fold, folding_numbers) {
    SAME(ebb_g_add(b, F32(1), F32(2)), F32(3));
    SAME(ebb_g_add(b, F32(16777216), F32(1)), F32(16777216)); /* in float */
    SAME(ebb_g_mul(b, F32(0.1), F32(0.1)), F32(0.1f * 0.1f));
    SAME(ebb_g_exp(b, F32(1)), F32(expf(1)));
    SAME(ebb_g_exp(b, F64(1)), F64(exp(1)));
    SAME(ebb_g_add(b, F64(0.0), F64(-0.0)), F64(0));
    SAME(ebb_g_neg(b, F64(0)), F64(-0.0));
    cr_expect_neq(F64(0), F64(-0.0), "0 and -0 are two constants");
    SAME(ebb_g_sqrt(b, F64(-0.0)), F64(-0.0));
    SAME(ebb_g_sign(b, F64(-0.0)), F64(-0.0));
    SAME(ebb_g_recip(b, F64(-0.0)), F64(-INFINITY));
    SAME(ebb_g_max(b, F64(-0.0), F64(0)), F64(0));
    SAME(ebb_g_max(b, F64(0), F64(-0.0)), F64(0));
    SAME(ebb_g_min(b, F64(0), F64(-0.0)), F64(-0.0));
    SAME(ebb_g_max(b, F64(NAN), F64(1)), F64(NAN));
    SAME(ebb_g_min(b, F64(1), F64(NAN)), F64(NAN));
    SAME(ebb_g_relu(b, F64(NAN)), F64(NAN));
    SAME(ebb_g_relu(b, F64(-3)), F64(0));
    SAME(ebb_g_pow(b, F64(NAN), F64(0)), F64(1));
    SAME(ebb_g_pow(b, F64(-2), F64(3)), F64(-8));
    SAME(ebb_g_sigmoid(b, F64(-1000)), F64(0));
    SAME(ebb_g_softplus(b, F64(1000)), F64(1000));
    SAME(ebb_g_eq(b, F64(NAN), F64(NAN)), BOOL(0));
    SAME(ebb_g_ne(b, F64(NAN), F64(NAN)), BOOL(1));
    SAME(ebb_g_lt(b, I32(-1), I32(0)), BOOL(1));
    SAME(ebb_g_logical_and(b, BOOL(1), BOOL(0)), BOOL(0));
    SAME(ebb_g_logical_or(b, BOOL(1), BOOL(0)), BOOL(1));
    SAME(ebb_g_logical_not(b, BOOL(1)), BOOL(0));
    SAME(ebb_g_neg(b, I32(INT32_MIN)), I32(INT32_MIN));
    SAME(ebb_g_abs(b, I32(INT32_MIN)), I32(INT32_MIN));
    SAME(ebb_g_add(b, I32(INT32_MAX), I32(1)), I32(INT32_MIN));
    SAME(ebb_g_square(b, I32(65536)), I32(0));
    SAME(ebb_g_mul(b, I64(INT64_MIN), I64(-1)), I64(INT64_MIN));
    SAME(ebb_g_select(b, BOOL(0), I64(3), I64(4)), I64(4));
    SAME(ebb_g_cast_to(b, F64(1e20), EBB_I32), I32(INT32_MAX));
    SAME(ebb_g_cast_to(b, F64(-1e20), EBB_I64), I64(INT64_MIN));
    SAME(ebb_g_cast_to(b, F64(NAN), EBB_I32), I32(0));
    SAME(ebb_g_cast_to(b, F32(-1.75), EBB_I32), I32(-1));
    SAME(ebb_g_cast_to(b, F32(0.5), EBB_BOOL), BOOL(1));
    SAME(ebb_g_cast_to(b, I64(4294967297), EBB_I32), I32(1));
    SAME(ebb_g_cast_to(b, I64(16777217), EBB_F32), F32(16777216));
    SAME(ebb_g_cast_to(b, BOOL(1), EBB_F64), F64(1));
}

Test(fold, folding_arrays) {
    ebb_id v = VECTOR(EBB_F64, 1, -2, 3), w = VECTOR(EBB_F64, 10, 20, 30);
    const ebb_shape column = shape("[3,1]"), square = shape("[2,3]"), big = shape("[100,3]");
    SAME(ebb_g_add(b, v, w), VECTOR(EBB_F64, 11, 18, 33));
    SAME(ebb_g_mul(b, v, full("f64[3]", 2)), VECTOR(EBB_F64, 2, -4, 6));
    SAME(ebb_g_add(b, full("f64[1000]", 1), full("f64[1000]", 2)), full("f64[1000]", 3));
    SAME(ebb_g_lt(b, full("f64[1000]", 1), full("f64[1000]", 2)), full("bool[1000]", 1));
    SAME(ebb_g_add(b, VECTOR(EBB_F32, 1, 1), VECTOR(EBB_F32, 2, 2)), full("f32[2]", 3));
    IS_OP(ebb_g_select(b, VECTOR(EBB_BOOL, 1, 0, 1), v, w), select); /* dual/ looks for it */
    SAME(ebb_g_cast_to(b, v, EBB_I32), VECTOR(EBB_I32, 1, -2, 3));
    IS_OP(ebb_g_broadcast(b, v, &big, (int64_t[]){1}), broadcast);
    IS_OP(ebb_g_exp(b, ebb_g_broadcast(b, v, &big, (int64_t[]){1})), exp);
    ebb_id twice = ebb_g_broadcast(b, v, &square, (int64_t[]){1});
    IS_OP(twice, constant);
    SAME(ebb_g_reshape(b, twice, &(ebb_shape){1, {6}}), VECTOR(EBB_F64, 1, -2, 3, 1, -2, 3));
    ebb_id turned = ebb_g_transpose(b, twice, (int64_t[]){1, 0});
    SAME(ebb_g_reshape(b, turned, &(ebb_shape){1, {6}}), VECTOR(EBB_F64, 1, 1, -2, -2, 3, 3));
    SAME(ebb_g_reverse(b, w, 1, (int64_t[]){0}), VECTOR(EBB_F64, 30, 20, 10));
    SAME(ebb_g_reverse(b, full("f32[5]", 4), 1, (int64_t[]){0}), full("f32[5]", 4));
    SAME(ebb_g_slice(b, w, (int64_t[]){0}, (int64_t[]){2}, &(ebb_shape){1, {2}}), VECTOR(EBB_F64, 10, 30));
    SAME(ebb_g_reshape(b, ebb_g_reshape(b, v, &column), &(ebb_shape){1, {3}}), v);
    SAME(ebb_g_transpose(b, full("f32[2,3]", 4), (int64_t[]){1, 0}), full("f32[3,2]", 4));
    SAME(ebb_g_slice(b, full("f32[5]", 4), (int64_t[]){1}, (int64_t[]){1}, &(ebb_shape){1, {2}}), full("f32[2]", 4));
    IS_OP(ebb_g_sum(b, v, 1, (int64_t[]){0}), sum);
    IS_OP(ebb_g_exp(b, ebb_g_constant(b, type_of_text("f32[0]"), NULL)), constant);
}

static const double values[] = {0.0,   -0.0,   1,     -1,   2,         -2,        0.5,    -0.7,
                                3,     1e-3,   100.5, -1e9, INT32_MAX, INT32_MIN, 0x1p63, 1e38,
                                1e300, 5e-324, 1e-40, NAN,  INFINITY,  -INFINITY};
enum { VALUES = sizeof values / sizeof values[0] };

static bool same_bits(ebb_dtype d, const void *x, const void *y) {
    if (!memcmp(x, y, ebb_dtype_size(d))) return true;
    const float *f = x, *g = y; /* the payload of a NaN is nobody's business */
    const double *p = x, *q = y;
    return d == EBB_F32 ? *f != *f && *g != *g : d == EBB_F64 && *p != *p && *q != *q;
}

static const double factors[] = {1,   2,    4,    0x1p60, 0x1p1000, 0.5, -2,       3,
                                 100, -7.3, 1e38, 1e308,  5e-324,   0,   INFINITY, NAN};
enum { FACTORS = sizeof factors / sizeof factors[0] };

static double times(ebb_dtype d, double x, double y) { return d == EBB_F32 ? (double)((float)x * (float)y) : x * y; }

/* Whether c (p x) has become one product; then it must have the bits of both, for every number. */
static int joined(ebb_dtype d, double c, double p) {
    static const double more[] = {0x1p-1074,  0x1p-1022, 0x1.8p-149, 0x1.fffffep127, 0x1.fffffffffffffp1023,
                                  0x1.8p1000, 1e-310,    1 / 3.0};
    const ebb_id x = input(d == EBB_F32 ? "f32[]" : "f64[]");
    const ebb_id y = ebb_g_mul(b, number(d, c), ebb_g_mul(b, x, number(d, p)));
    double both;
    if (ebb_op_of(graph, y) != EBB_OP_mul || ebb_operands(graph, y)[1] != x || p == 1) return 0;
    cr_assert(ebb_is_scalar_constant(graph, ebb_operands(graph, y)[0], &both));
    for (int i = 0; i < VALUES + 8; i++) {
        double v = i < VALUES ? values[i] : more[i - VALUES];
        if (d == EBB_F32) v = (double)(float)v;
        const double apart = times(d, c, times(d, p, v)), together = times(d, both, v);
        cr_expect(same_bits(EBB_F64, &apart, &together), "%g (%g %g)", c, p, v);
    }
    return 1;
}

/* -(p x) and p (-x) are (-p) x, to the bit. */
static int expect_sign_moved(ebb_dtype d, double p) {
    const ebb_id x = input(d == EBB_F32 ? "f32[]" : "f64[]");
    const ebb_id y = ebb_g_neg(b, ebb_g_mul(b, number(d, p), x)), z = ebb_g_mul(b, ebb_g_neg(b, x), number(d, p));
    double q;
    if (p == 1 || p == -1) return 0;
    SAME(y, z);
    IS_OP(y, mul);
    cr_assert(ebb_is_scalar_constant(graph, ebb_operands(graph, y)[0], &q));
    for (int i = 0; i < VALUES; i++) {
        const double v = d == EBB_F32 ? (double)(float)values[i] : values[i];
        const double apart = -times(d, p, v), together = times(d, q, v);
        cr_expect(same_bits(EBB_F64, &apart, &together), "-(%g %g)", p, v);
    }
    return 1;
}

Test(fold, signs_move_into_factors) {
    ebb_id x = input("f32[3]");
    int cases = 0;
    SAME(ebb_g_neg(b, ebb_g_mul(b, x, full("f32[3]", 3))), ebb_g_mul(b, full("f32[3]", -3), x));
    SAME(ebb_g_neg(b, ebb_g_mul(b, x, full("f32[3]", -1))), x);
    for (int d = EBB_F32; d <= EBB_F64; d++)
        for (int i = 0; i < FACTORS; i++)
            cases += expect_sign_moved((ebb_dtype)d, factors[i]);
    printf("cases: %d factors take a sign\n", cases);
}

Test(fold, factors_are_joined_where_that_is_exact) {
    ebb_id x = input("f32[3]"), two = full("f32[3]", 2), hundred = full("f32[3]", 100);
    SAME(ebb_g_mul(b, hundred, ebb_g_mul(b, two, x)), ebb_g_mul(b, full("f32[3]", 200), x));
    SAME(ebb_g_mul(b, ebb_g_mul(b, x, two), hundred), ebb_g_mul(b, full("f32[3]", 200), x));
    int cases = 0, of = 0;
    for (int d = EBB_F32; d <= EBB_F64; d++)
        for (int i = 0; i < FACTORS; i++)
            for (int j = 0; j < FACTORS; j++, of++)
                cases += joined((ebb_dtype)d, factors[i], factors[j]);
    cr_expect(joined(EBB_F64, 100, 2) && joined(EBB_F64, 3, -2) && joined(EBB_F64, -1, 0x1p1000) &&
              joined(EBB_F32, 1e38, 2));
    cr_expect(!joined(EBB_F64, 2, 3) && !joined(EBB_F64, 100, 0.5) && !joined(EBB_F64, 0.5, 2));
    cr_expect(!joined(EBB_F64, INFINITY, 2) && !joined(EBB_F64, 1e308, 2) && !joined(EBB_F32, 1e38, 4));
    printf("cases: %d of %d pairs of factors are joined\n", cases, of);
}

Test(fold, scalar_constants_are_seen) {
    double v = 0;
    cr_expect(ebb_is_scalar_constant(graph, full("f32[100]", -0.0), &v) && v == 0 && signbit(v));
    cr_expect(ebb_is_scalar_constant(graph, VECTOR(EBB_I32, 7, 7), &v) && v == 7);
    cr_expect(ebb_is_scalar_constant(graph, BOOL(1), &v) && v == 1);
    cr_expect(ebb_is_scalar_constant(graph, F64(NAN), &v) && v != v);
    cr_expect_not(ebb_is_scalar_constant(graph, VECTOR(EBB_I32, 7, 8), &v));
    cr_expect_not(ebb_is_scalar_constant(graph, VECTOR(EBB_F32, 0, -0.0), &v));
    cr_expect_not(ebb_is_scalar_constant(graph, input("f32[]"), &v));
    cr_expect_not(ebb_is_scalar_constant(graph, EBB_ABSENT, &v));
    cr_expect_not(ebb_is_scalar_constant(graph, EBB_POISON, &v));
}

/* ---- folding is evaluation ---- */

/* A NaN that comes of numbers: it is left to be found where the program runs. */
static bool bears_nan(ebb_dtype to, const void *y, int narg, const ebb_dtype *dtype, const double *value) {
    const float *f = y;
    const double *p = y;
    bool born = to == EBB_F32 ? *f != *f : to == EBB_F64 && *p != *p;
    for (int k = 0; k < narg; k++)
        born = born && !(ebb_is_float(dtype[k]) && isnan(value[k]));
    return born;
}

/* Folds one application to constants of the given dtypes and evaluates it; 1 if it exists. */
static int compare_one(ebb_application app, int narg, const ebb_dtype *dtype, const double *value) {
    ebb_id arg[3];
    ebb_type type[3], result;
    ebb_view view[3];
    for (int k = 0; k < narg; k++) {
        arg[k] = number(dtype[k], value[k]);
        type[k] = ebb_type_of(graph, arg[k]);
        ebb_view_contiguous(&view[k], ebb_attr_of(graph, arg[k]).v, &type[k].shape);
    }
    if (!ebb_infer(NULL, &app, narg, type, &result)) return 0;
    int64_t evaluated = 0;
    bool good = ebb_eval_op(&app, narg, type, view, &result, &evaluated, &ebb_malloc_allocator, &diag);
    ebb_id folded = ebb_derive(graph, &app, narg, arg);
    if (good && bears_nan(result.dtype, &evaluated, narg, dtype, value)) {
        cr_expect_eq(ebb_op_of(graph, folded), app.op, "%s (%g, %g): its NaN is folded", ebb_op_table[app.op].name,
                     value[0], value[1]);
        return 1;
    }
    cr_expect(good && folded > 0 && ebb_op_of(graph, folded) == EBB_OP_constant &&
                  same_bits(result.dtype, &evaluated, ebb_attr_of(graph, folded).v),
              "%s of %s (%g, %g, %g) as %s: folding and evaluation differ", ebb_op_table[app.op].name,
              ebb_dtype_short(dtype[narg - 1]), value[0], value[1], value[2], ebb_dtype_short(result.dtype));
    return 1;
}

static int compare_all_values(ebb_application app, int narg, ebb_dtype d) {
    const ebb_dtype dtype[3] = {app.op == EBB_OP_select ? EBB_BOOL : d, d, d};
    int cases = 0, second = narg > 1 ? VALUES : 1;
    for (int i = 0; i < VALUES; i++)
        for (int j = 0; j < second; j++)
            cases += compare_one(app, narg, dtype, (const double[]){values[i], values[j], values[(i + j) % VALUES]});
    return cases;
}

Test(fold, folding_equals_evaluation) {
    int cases = 0;
    for (int op = 1; op < EBB_OP_COUNT; op++) {
        const ebb_op_row *row = &ebb_op_table[op];
        if (row->access != EBB_POINT || row->arity == 0 || op == EBB_OP_stop_gradient) continue;
        for (int d = EBB_BOOL; d <= EBB_F64; d++)
            for (int to = EBB_BOOL; to <= (op == EBB_OP_cast ? EBB_F64 : EBB_BOOL); to++) {
                const ebb_application app = {.op = (ebb_op)op, .asked.dtype = (ebb_dtype)to};
                cases += compare_all_values(app, row->arity, (ebb_dtype)d);
            }
    }
    cr_expect_gt(cases, 20000, "%d cases", cases);
}
