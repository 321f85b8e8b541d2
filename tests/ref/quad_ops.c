/* quad_ops.c - the table of references, and those of operations that work element by element. */
#include "tests/ref/quad_ops.h"
#include "tests/ref/quad_special.h"

#include <quadmath.h>
#include <stdlib.h>

/* One element: its operands, their dtype (of the last one) and the result's. */
typedef struct element {
    quad x, y, z;
    ebb_dtype from, to;
} element;
typedef quad formula(const element *e);

/* ---- those of the other files, and of macros ---- */

typedef void reference(const quad_call *c);

#define DECLARE_SOURCE(name, family)
#define DECLARE_POINT(name, family)
#define DECLARE_VIEW(name, family) reference quad_##name;
#define DECLARE_REDUCE(name, family) reference quad_##name;
#define DECLARE_WHOLE(name, family) reference quad_##name;
#define DECLARE_NESTED(name, family)
#define DECLARE_NOWHERE(name, family) DECLARE_##family(name)
#define DECLARE_MACRO(name) reference quad_##name;
#define DECLARE_REGION(name)
#define DECLARE_PRODUCTS(name) /* test_products.c */
#define OP(name, family, access, arity, rule) DECLARE_##access(name, family)
#include "jit/graph/ops.def"
#undef OP

/* ---- element by element ---- */

static void each_element(const quad_call *c, formula *f) {
    int n = ebb_op_table[c->app->op].arity;
    for (int64_t k = 0; k < c->result->size; k++) {
        element e = {.from = c->arg[n - 1].type.dtype, .to = c->result->type.dtype};
        quad *operand[] = {&e.x, &e.y, &e.z};
        for (int i = 0; i < n; i++)
            *operand[i] = c->arg[i].at[k];
        c->result->at[k] = f(&e);
    }
}

#define FORMULA(name, formula)                                                                                         \
    static quad at_##name(const element *e) {                                                                          \
        const quad x = e->x, y = e->y;                                                                                 \
        (void)x, (void)y;                                                                                              \
        return formula;                                                                                                \
    }
#define POINT(name, formula)                                                                                           \
    FORMULA(name, formula)                                                                                             \
    static void quad_##name(const quad_call *c) { each_element(c, at_##name); }
#define MACRO(name, formula)                                                                                           \
    FORMULA(name, formula)                                                                                             \
    void quad_##name(const quad_call *c) { each_element(c, at_##name); }
/* Integers are computed without a sign, in 64 bits, and cut. */
#define INTEGER(name, whole)                                                                                           \
    static quad int_##name(const element *e) {                                                                         \
        const uint64_t i = (uint64_t)(int64_t)e->x, j = (uint64_t)(int64_t)e->y;                                       \
        (void)j;                                                                                                       \
        return quad_wrap(e->from, (int64_t)(whole));                                                                   \
    }
#define NUMBER(name, formula, whole)                                                                                   \
    INTEGER(name, whole)                                                                                               \
    POINT(name, ebb_is_float(e->from) ? (formula) : int_##name(e))
#define WHOLE(name, whole)                                                                                             \
    INTEGER(name, whole)                                                                                               \
    POINT(name, int_##name(e))

NUMBER(neg, -x, -i)
NUMBER(abs, fabsq(x), (int64_t)i < 0 ? -i : i)
NUMBER(square, x *x, i *i)
NUMBER(add, x + y, i + j)
NUMBER(sub, x - y, i - j)
NUMBER(mul, x *y, i *j)

/* Comparing is the same for integers. Zeros keep their sign, NaN stays. */
POINT(sign, x > 0 ? 1 : x < 0 ? -1 : x)
POINT(relu, x <= 0 ? 0 : x)

static quad larger(quad x, quad y) {
    if (isnanq(x) || isnanq(y)) return nanq("");
    return x > y || (x == y && signbitq(y)) ? x : y;
}
POINT(max, larger(x, y))
POINT(min, -larger(-x, -y))

POINT(exp, expq(x))
POINT(expm1, expm1q(x))
POINT(log, logq(x))
POINT(log1p, log1pq(x))
POINT(sqrt, sqrtq(x))
POINT(recip, 1 / x)
POINT(sin, sinq(x))
POINT(cos, cosq(x))
POINT(tan, tanq(x))
POINT(asin, asinq(x))
POINT(acos, acosq(x))
POINT(atan, atanq(x))
POINT(sinh, sinhq(x))
POINT(cosh, coshq(x))
POINT(tanh, tanhq(x))
POINT(sigmoid, 1 / (1 + expq(-x)))
POINT(softplus, x > 0 ? x + log1pq(expq(-x)) : log1pq(expq(x)))
POINT(erf, erfq(x))
POINT(div, x / y)
POINT(pow, powq(x, y))

POINT(erfc, erfcq(x))
POINT(exp2, powq(2, x))
POINT(log2, log2q(x))
POINT(log10, log10q(x))
POINT(rsqrt, 1 / sqrtq(x))
POINT(cbrt, cbrtq(x))
POINT(asinh, asinhq(x))
POINT(acosh, acoshq(x))
POINT(atanh, atanhq(x))
POINT(erfinv, quad_erfinv_of(x))
POINT(lgamma, lgammaq(x))
POINT(floor, floorq(x))
POINT(ceil, ceilq(x))
POINT(round, rintq(x))
POINT(trunc, truncq(x))
POINT(hypot, sqrtq(x *x + y * y))
POINT(atan2, atan2q(x, y))
POINT(logaddexp, logq(expq(x) + expq(y)))
/* Orders are whole numbers: nothing changes nearby. */
POINT(polygamma, quad_polygamma_of((int)rintq(x), y))
POINT(sinc_slope, quad_sinc_slope_of((int)rintq(x), y))
MACRO(digamma, quad_polygamma_of(0, x))
MACRO(sinc, x == 0 ? 1 : sinq(M_PIq * x) / (M_PIq * x))
MACRO(xlogy, x == 0 && !(y > 0 && finiteq(y)) ? 0 : x * logq(y))
MACRO(divide_no_nan, y == 0 ? 0 : x / y)
INTEGER(squared_difference, (i - j) * (i - j))
MACRO(squared_difference, ebb_is_float(e->from) ? (x - y) * (x - y) : int_squared_difference(e))
MACRO(clip, -larger(-larger(x, y), -e->z))

/* Quotients of integers, wrapped: x / 0 is 0. */
static uint64_t divided(uint64_t i, uint64_t j) {
    if (j == 0) return 0;
    return (int64_t)j == -1 ? -i : (uint64_t)(int64_t)floorq((quad)(int64_t)i / (int64_t)j);
}
static uint64_t cut_off(uint64_t i, uint64_t j) {
    if (j == 0) return 0;
    return (int64_t)j == -1 ? -i : (uint64_t)(int64_t)truncq((quad)(int64_t)i / (int64_t)j);
}
NUMBER(floordiv, floorq(x / y), divided(i, j))
NUMBER(floormod, x - y * floorq(x / y), i - j * divided(i, j))
NUMBER(fmod, x - y * truncq(x / y), i - j * cut_off(i, j))

static uint64_t width(const element *e) { return 8 * ebb_dtype_size(e->from); }
WHOLE(bitwise_not, -i - 1)
WHOLE(bitwise_and, i &j)
WHOLE(bitwise_or, i | j)
WHOLE(bitwise_xor, i ^ j)
WHOLE(shift_left, j < width(e) ? i << j : 0)
WHOLE(shift_right, j < width(e) ? floorq(e->x / ((uint64_t)1 << j)) : -((int64_t)i < 0))

POINT(eq, x == y)
POINT(ne, x != y)
POINT(lt, x < y)
POINT(le, x <= y)
POINT(gt, x > y)
POINT(ge, x >= y)
POINT(logical_and, x != 0 && y != 0)
POINT(logical_or, x != 0 || y != 0)
POINT(logical_not, x == 0)
POINT(select, x != 0 ? y : e->z)
POINT(stop_gradient, x)

static quad saturate(quad x, quad low, quad high) {
    return isnanq(x) ? 0 : x < low ? low : x > high ? high : truncq(x);
}

static quad convert(const element *e) {
    if (ebb_is_float(e->to)) return e->x;
    if (e->to == EBB_BOOL) return e->x != 0;
    if (!ebb_is_float(e->from)) return quad_wrap(e->to, e->x);
    return e->to == EBB_I32 ? saturate(e->x, INT32_MIN, INT32_MAX) : saturate(e->x, INT64_MIN, INT64_MAX);
}
POINT(cast, convert(e))

static void quad_iota(const quad_call *c) {
    int64_t index[EBB_MAX_RANK];
    for (int64_t k = 0; k < c->result->size; k++) {
        quad_position(&c->result->type.shape, k, index);
        c->result->at[k] = index[c->app->attr[0]];
    }
}

/* ---- the table ---- */

#define ROW_SOURCE(name, family)
#define ROW_POINT(name, family) [EBB_OP_##name] = quad_##name,
#define ROW_VIEW(name, family) ROW_POINT(name, family)
#define ROW_REDUCE(name, family) ROW_POINT(name, family)
#define ROW_WHOLE(name, family) ROW_POINT(name, family)
#define ROW_NESTED(name, family)
#define ROW_NOWHERE(name, family) NOWHERE_##family(name)
#define NOWHERE_MACRO(name) [EBB_OP_##name] = quad_##name,
#define NOWHERE_REGION(name)
#define NOWHERE_PRODUCTS(name)

static reference *const table[EBB_OP_COUNT] = {
#define OP(name, family, access, arity, rule) ROW_##access(name, family)
#include "jit/graph/ops.def"
#undef OP
};

bool quad_knows(ebb_op op) { return table[op] != NULL; }

void quad_apply(const quad_call *c) {
    for (int64_t k = 0; k < c->result->size; k++)
        c->result->scale[k] = c->result->at[k] = 0;
    table[c->app->op](c);
}
