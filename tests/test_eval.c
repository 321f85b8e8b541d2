/* test_eval.c - the evaluator op by op against one-line formulas, on every dtype, size and kind of view. Reductions are
 * in test_eval_reduce.c, whole graphs in test_eval_graph.c. */
#include <criterion/criterion.h>

#include "jit/graph/special.h"
#include "support/strided.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const ebb_dtype dtypes[] = {EBB_BOOL, EBB_I32, EBB_I64, EBB_F32, EBB_F64};

/* ---- the formulas ---- */

#define F32(r)                                                                                                         \
    (number) { .f32 = r }
#define F64(r)                                                                                                         \
    (number) { .f64 = r }
#define BOTH(f32_formula, f64_formula)                                                                                 \
    {                                                                                                                  \
        if (d == EBB_F32) return F32(f32_formula);                                                                     \
        return F64(f64_formula);                                                                                       \
    }
#define LIBM(name)                                                                                                     \
    if (op == EBB_OP_##name) return d == EBB_F32 ? F32(name##f(x.f32)) : F64(name(x.f64))

#define OURS(name)                                                                                                     \
    if (op == EBB_OP_##name) return d == EBB_F32 ? F32(ebb_##name##f(x.f32)) : F64(ebb_##name(x.f64))
#define LIBM_2(name, function)                                                                                         \
    if (op == EBB_OP_##name) return d == EBB_F32 ? F32(function##f(x.f32, y.f32)) : F64(function(x.f64, y.f64))

static double sigmoid(double x) { return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)); }
static float sigmoidf(float x) { return x >= 0 ? 1 / (1 + expf(-x)) : expf(x) / (1 + expf(x)); }
static double softplus(double x) { return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); }
static float softplusf(float x) { return x > 0 ? x + log1pf(expf(-x)) : log1pf(expf(x)); }

static double rsqrt(double x) { return 1 / sqrt(x); }
static float rsqrtf(float x) { return 1 / sqrtf(x); }

/* As CPython's float_divmod. */
#define DIVISION(T, f)                                                                                                 \
    static T floormod##f(T x, T y) {                                                                                   \
        T r = fmod##f(x, y);                                                                                           \
        if (r == 0) return copysign##f(0, y);                                                                          \
        return !isnan(r) && (y < 0) != (r < 0) ? r + y : r;                                                            \
    }                                                                                                                  \
    static T floordiv##f(T x, T y) {                                                                                   \
        T r = fmod##f(x, y), d = (x - r) / y;                                                                          \
        if (y == 0) return x / y;                                                                                      \
        if (r != 0 && (y < 0) != (r < 0)) d -= 1;                                                                      \
        if (d == 0) return copysign##f(0, x / y);                                                                      \
        return d - floor##f(d) > (T)0.5 ? floor##f(d) + 1 : floor##f(d);                                               \
    }                                                                                                                  \
    static T logaddexp##f(T x, T y) {                                                                                  \
        T m = (T)larger((double)x, (double)y);                                                                         \
        return x == y ? x + (T)0.693147180559945309417 : m + log1p##f(exp##f(-fabs##f(x - y)));                        \
    }
DIVISION(double, )
DIVISION(float, f)

static number on_floats(ebb_op op, ebb_dtype d, number x, number y) {
    const double a = as_double(d, x), b = as_double(d, y);
    LIBM(exp);
    LIBM(expm1);
    LIBM(log);
    LIBM(log1p);
    LIBM(sqrt);
    LIBM(sin);
    LIBM(cos);
    LIBM(tan);
    LIBM(asin);
    LIBM(acos);
    LIBM(atan);
    LIBM(sinh);
    LIBM(cosh);
    LIBM(tanh);
    LIBM(erf);
    LIBM(erfc);
    LIBM(exp2);
    LIBM(log2);
    LIBM(log10);
    LIBM(rsqrt);
    LIBM(cbrt);
    LIBM(asinh);
    LIBM(acosh);
    LIBM(atanh);
    OURS(erfinv);
    LIBM(lgamma);
    LIBM(floor);
    LIBM(ceil);
    LIBM(trunc);
    LIBM_2(hypot, hypot);
    LIBM_2(atan2, atan2);
    LIBM_2(logaddexp, logaddexp);
    LIBM_2(fmod, fmod);
    LIBM_2(floormod, floormod);
    LIBM_2(floordiv, floordiv);
    LIBM_2(polygamma, ebb_polygamma);
    LIBM_2(sinc_slope, ebb_sinc_slope);
    LIBM(sigmoid);
    LIBM(softplus);
    switch ((int)op) {
    case EBB_OP_neg:
        BOTH(-x.f32, -x.f64)
    case EBB_OP_abs:
        BOTH(signbit(x.f32) ? -x.f32 : x.f32, signbit(x.f64) ? -x.f64 : x.f64)
    case EBB_OP_sign:
        BOTH((float)(a > 0 ? 1 : a < 0 ? -1 : a), a > 0 ? 1 : a < 0 ? -1 : a)
    case EBB_OP_square:
        BOTH(x.f32 * x.f32, x.f64 * x.f64)
    case EBB_OP_round:
        BOTH(rintf(x.f32), rint(x.f64))
    case EBB_OP_recip:
        BOTH(1 / x.f32, 1 / x.f64)
    case EBB_OP_relu:
        BOTH(isnan(a) || a > 0 ? x.f32 : 0, isnan(a) || a > 0 ? a : 0)
    case EBB_OP_add:
        BOTH(x.f32 + y.f32, x.f64 + y.f64)
    case EBB_OP_sub:
        BOTH(x.f32 - y.f32, x.f64 - y.f64)
    case EBB_OP_mul:
        BOTH(x.f32 * y.f32, x.f64 * y.f64)
    case EBB_OP_div:
        BOTH(x.f32 / y.f32, x.f64 / y.f64)
    case EBB_OP_pow:
        BOTH(powf(x.f32, y.f32), pow(x.f64, y.f64))
    case EBB_OP_max:
        BOTH((float)larger(a, b), larger(a, b))
    case EBB_OP_min:
        BOTH((float)-larger(-a, -b), -larger(-a, -b))
    default:
        cr_assert_fail("no formula for %s", ebb_op_table[op].name);
    }
    return x;
}

static number on_integers(ebb_op op, ebb_dtype d, number x, number y) {
    const __int128 a = d == EBB_I32 ? x.i32 : x.i64, b = d == EBB_I32 ? y.i32 : y.i64;
    const int width = d == EBB_I32 ? 32 : 64;
    __int128 r = 0;
    switch ((int)op) {
    case EBB_OP_neg:
        r = -a;
        break;
    case EBB_OP_abs:
        r = a < 0 ? -a : a;
        break;
    case EBB_OP_sign:
        r = a > 0 ? 1 : a < 0 ? -1 : 0;
        break;
    case EBB_OP_square:
        r = a * a;
        break;
    case EBB_OP_relu:
        r = a > 0 ? a : 0;
        break;
    case EBB_OP_add:
        r = a + b;
        break;
    case EBB_OP_sub:
        r = a - b;
        break;
    case EBB_OP_mul:
        r = a * b;
        break;
    case EBB_OP_max:
        r = a > b ? a : b;
        break;
    case EBB_OP_min:
        r = a < b ? a : b;
        break;
    case EBB_OP_fmod:
        r = b == 0 ? a : a % b;
        break;
    case EBB_OP_floormod:
        r = b == 0 ? a : (a % b + b) % b;
        break;
    case EBB_OP_floordiv:
        r = b == 0 ? 0 : (a - (a % b + b) % b) / b;
        break;
    case EBB_OP_bitwise_not:
        r = -1 - a;
        break;
    case EBB_OP_bitwise_and:
        r = a & b;
        break;
    case EBB_OP_bitwise_or:
        r = a | b;
        break;
    case EBB_OP_bitwise_xor:
        r = (a | b) - (a & b);
        break;
    case EBB_OP_shift_left:
        r = b < 0 || b >= width ? 0 : a * ((__int128)1 << b);
        break;
    case EBB_OP_shift_right:
        r = a >> (b < 0 || b >= width ? 100 : b);
        break;
    default:
        cr_assert_fail("no formula for %s", ebb_op_table[op].name);
    }
    return d == EBB_I32 ? (number){.i32 = (int32_t)(uint32_t)r} : (number){.i64 = (int64_t)(uint64_t)r};
}

/* -1, 0, 1; 2 if a NaN is among them */
static int order(ebb_dtype d, number x, number y) {
    if (d == EBB_I64) return (x.i64 > y.i64) - (x.i64 < y.i64);
    const double a = as_double(d, x), b = as_double(d, y);
    return isnan(a) || isnan(b) ? 2 : (a > b) - (a < b);
}

static bool comparison(ebb_op op, int o) {
    return op == EBB_OP_eq   ? o == 0
           : op == EBB_OP_ne ? o != 0
           : op == EBB_OP_lt ? o == -1
           : op == EBB_OP_le ? o == -1 || o == 0
           : op == EBB_OP_gt ? o == 1
                             : o == 1 || o == 0;
}

static number cast(ebb_dtype from, ebb_dtype to, number x) {
    const bool real = ebb_is_float(from);
    const int64_t whole = from == EBB_BOOL ? x.b : from == EBB_I32 ? x.i32 : x.i64;
    const double v = as_double(from, x);
    number y = {.i64 = 0};
    if (to == EBB_BOOL) y.b = real ? v != 0 : whole != 0;
    if (to == EBB_I32)
        y.i32 = !real           ? (int32_t)(uint32_t)whole
                : isnan(v)      ? 0
                : v < INT32_MIN ? INT32_MIN
                : v > INT32_MAX ? INT32_MAX
                                : (int32_t)v;
    if (to == EBB_I64)
        y.i64 = !real ? whole : isnan(v) ? 0 : v < -0x1p63 ? INT64_MIN : v >= 0x1p63 ? INT64_MAX : (int64_t)v;
    if (to == EBB_F32) y.f32 = real ? (float)v : (float)whole;
    if (to == EBB_F64) y.f64 = real ? v : (double)whole;
    return y;
}

static number expected(ebb_op op, const ebb_type *type, ebb_dtype to, const number *x) {
    const ebb_dtype d = type[0].dtype;
    if (op == EBB_OP_select) return x[0].b ? x[1] : x[2];
    if (op == EBB_OP_cast) return cast(d, to, x[0]);
    if (op == EBB_OP_stop_gradient) return x[0];
    if (op >= EBB_OP_eq && op <= EBB_OP_ge) return (number){.b = comparison(op, order(d, x[0], x[1]))};
    if (op == EBB_OP_logical_and) return (number){.b = x[0].b & x[1].b};
    if (op == EBB_OP_logical_or) return (number){.b = x[0].b | x[1].b};
    if (op == EBB_OP_logical_not) return (number){.b = x[0].b ^ 1};
    return ebb_is_float(d) ? on_floats(op, d, x[0], x[1]) : on_integers(op, d, x[0], x[1]);
}

/* Some op in the dtypes given; what it does not accept is skipped. Returns whether it ran. */
static bool check_point(ebb_op op, const ebb_type *type, ebb_dtype to, const int *kind, void *const *memory) {
    const int narg = ebb_op_table[op].arity;
    const ebb_application app = {.op = op, .asked = {.dtype = to}};
    ebb_diag diag = {0};
    ebb_type result;
    ebb_view arg[3];
    if (!ebb_infer(&diag, &app, narg, type, &result)) return false;
    for (int k = 0; k < narg; k++)
        arg[k] = any_view(memory[k], type[k].dtype, &type[k].shape, kind[k]);
    const int64_t n = size_of(&result.shape);
    unsigned char *out = malloc((size_t)n * 8 + 8);
    memset(out, 0x5a, (size_t)n * 8 + 8);
    cr_assert(ebb_eval_op(&app, narg, type, arg, &result, out, &ebb_malloc_allocator, &diag), "%s", diag.message);
    int64_t at[EBB_MAX_RANK] = {0}, i = 0;
    for (bool more = n > 0; more; more = next_index(&result.shape, at), i++) {
        number x[3];
        for (int k = 0; k < narg; k++)
            x[k] = get(arg[k].data, type[k].dtype, place(&type[k].shape, &arg[k], at));
        const number want = expected(op, type, to, x), have = get(out, result.dtype, i);
        char text[EBB_TYPE_TEXT];
        cr_assert(same_elements(result.dtype, want, have), "%s %s, views %d %d, element %d: of %g, %g: %g, not %g",
                  ebb_op_table[op].name, ebb_type_text(&type[narg - 1], text), kind[0], kind[1], (int)i,
                  as_double(type[0].dtype, x[0]), narg > 1 ? as_double(type[1].dtype, x[1]) : 0,
                  as_double(result.dtype, have), as_double(result.dtype, want));
    }
    cr_assert_eq(out[n * (int64_t)ebb_dtype_size(result.dtype)], 0x5a, "%s writes too far", ebb_op_table[op].name);
    free(out);
    return true;
}

static int check_shape(const ebb_shape *shape, const int *kind) {
    int ran = 0;
    void *memory[3];
    for (int k = 0; k < 3; k++)
        memory[k] = malloc(ROOM * 8);
    for (int d = 0; d < 5; d++) {
        for (int k = 0; k < 3; k++)
            fill_any(memory[k], dtypes[d], ROOM);
        ebb_type type[3] = {{dtypes[d], *shape}, {dtypes[d], *shape}, {dtypes[d], *shape}};
        for (int op = 1; op < EBB_OP_COUNT; op++) {
            if (ebb_op_table[op].access != EBB_POINT || op == EBB_OP_iota || op == EBB_OP_select) continue;
            for (int to = op == EBB_OP_cast ? 0 : 4; to < 5; to++)
                ran += check_point((ebb_op)op, type, dtypes[to], kind, memory);
        }
        fill_any(memory[0], EBB_BOOL, ROOM);
        type[0].dtype = EBB_BOOL;
        ran += check_point(EBB_OP_select, type, EBB_NONE, kind, memory);
    }
    for (int k = 0; k < 3; k++)
        free(memory[k]);
    return ran;
}

Test(eval, point_operations_at_every_size) {
    for (int64_t n = 0; n <= 70; n++) {
        static const int kinds[][3] = {{0, 0, 0}, {0, 1, 1}, {1, 0, 0}, {3, 3, 3}};
        const int ran = check_shape(&(ebb_shape){1, {n}}, kinds[n % 4]);
        check_shape(&(ebb_shape){1, {n}}, kinds[0]);
        /* real; number; whole; eq, ne; lt ...; logic; select; cast; stop_gradient */
        cr_assert_eq(ran, 40 * 2 + 13 * 4 + 6 * 2 + 2 * 5 + 4 * 4 + 3 + 5 + 25 + 5, "cases of one size: %d", ran);
    }
}

Test(eval, point_operations_on_views) {
    static const ebb_shape shapes[] = {{0, {0}},       {2, {5, 7}},    {2, {1, 9}},       {2, {9, 1}},
                                       {3, {2, 3, 4}}, {3, {4, 0, 2}}, {4, {3, 1, 5, 2}}, {8, {2, 1, 2, 1, 2, 2, 1, 3}},
                                       {2, {33, 17}}};
    for (int s = 0; s < COUNT(shapes); s++)
        for (int round = 0; round < 6; round++) {
            const int kind[3] = {round ? (int)below(8) : 2, (int)below(8), (int)below(8)};
            check_shape(&shapes[s], kind);
        }
}

Test(eval, the_result_may_be_an_operand) {
    float x[100], y[100], want[100];
    for (int i = 0; i < 100; i++)
        x[i] = (float)i, y[i] = 2, want[i] = (float)i * 2;
    const ebb_type type[2] = {{EBB_F32, {1, {100}}}, {EBB_F32, {1, {100}}}};
    const ebb_view arg[2] = {{x, {1}}, {y, {1}}};
    const ebb_application app = {.op = EBB_OP_mul};
    cr_assert(ebb_eval_op(&app, 2, type, arg, type, x, &ebb_malloc_allocator, NULL));
    cr_assert_eq(memcmp(x, want, sizeof x), 0);
}

Test(eval, iota) {
    static const ebb_shape shapes[] = {{1, {0}},       {1, {1}},       {1, {33}},
                                       {3, {2, 3, 4}}, {3, {2, 0, 4}}, {4, {1, 5, 1, 2}}};
    for (int s = 0; s < COUNT(shapes); s++)
        for (int d = 1; d < 5; d++)
            for (int64_t axis = 0; axis < shapes[s].rank; axis++) {
                const ebb_application app = {EBB_OP_iota, 1, &axis, {dtypes[d], shapes[s]}, {0}};
                double out[64];
                int64_t at[EBB_MAX_RANK] = {0}, i = 0;
                cr_assert(ebb_eval_op(&app, 0, NULL, NULL, &app.asked, out, &ebb_malloc_allocator, NULL));
                for (bool more = size_of(&shapes[s]) > 0; more; more = next_index(&shapes[s], at))
                    cr_assert_eq(as_double(dtypes[d], get(out, dtypes[d], i++)), (double)at[axis], "shape %d axis %d",
                                 s, (int)axis);
            }
}
