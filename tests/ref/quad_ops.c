/* quad_ops.c - the table of references, and those of operations that work element by element. */
#include "tests/ref/quad_ops.h"

#include <quadmath.h>
#include <stdlib.h>

/* One element: its operands, their dtype (of the last one) and the result's. */
typedef struct element {
    quad x, y, z;
    ebb_dtype from, to;
} element;
typedef quad formula(const element *e);

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

#define POINT(name, formula)                                                                                           \
    static quad at_##name(const element *e) {                                                                          \
        const quad x = e->x, y = e->y;                                                                                 \
        (void)x, (void)y;                                                                                              \
        return formula;                                                                                                \
    }                                                                                                                  \
    static void quad_##name(const quad_call *c) { each_element(c, at_##name); }
/* Integers are computed without a sign, in 64 bits, and cut. */
#define NUMBER(name, formula, whole)                                                                                   \
    static quad int_##name(const element *e) {                                                                         \
        const uint64_t i = (uint64_t)(int64_t)e->x, j = (uint64_t)(int64_t)e->y;                                       \
        (void)j;                                                                                                       \
        return quad_wrap(e->from, (int64_t)(whole));                                                                   \
    }                                                                                                                  \
    POINT(name, ebb_is_float(e->from) ? (formula) : int_##name(e))

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

typedef void reference(const quad_call *c);

/* Those of the other files. */
#define DECLARE_SOURCE(name, family)
#define DECLARE_POINT(name, family)
#define DECLARE_VIEW(name, family) reference quad_##name;
#define DECLARE_REDUCE(name, family) reference quad_##name;
#define DECLARE_WHOLE(name, family) reference quad_##name;
#define DECLARE_NOWHERE(name, family) DECLARE_##family(name)
#define DECLARE_MACRO(name) reference quad_##name;
#define DECLARE_REGION(name)
#define OP(name, family, access, arity, rule) DECLARE_##access(name, family)
#include "jit/graph/ops.def"
#undef OP

#define ROW_SOURCE(name, family)
#define ROW_POINT(name, family) [EBB_OP_##name] = quad_##name,
#define ROW_VIEW(name, family) ROW_POINT(name, family)
#define ROW_REDUCE(name, family) ROW_POINT(name, family)
#define ROW_WHOLE(name, family) ROW_POINT(name, family)
#define ROW_NOWHERE(name, family) NOWHERE_##family(name)
#define NOWHERE_MACRO(name) [EBB_OP_##name] = quad_##name,
#define NOWHERE_REGION(name)

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
