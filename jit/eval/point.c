/* point.c - element by element operations: one inner loop for each operation and dtype, from one line of formula.
 *
 * Invariant: the table `loops` has an entry wherever the type rule of ops.def allows the dtype; a formula that is
 * missing does not compile. Start reading at eval_point; the formulas are jit/graph/formulas_*.h, which constant
 * folding uses too. */
#include "jit/eval/inside.h"
#include "jit/graph/numbers.h"
#include "jit/graph/special.h"

#include <math.h>
#include <string.h>

#define PASTE_(a, b, c) a##b##c
#define PASTE(a, b, c) PASTE_(a, b, c)
#define LOOP(name) PASTE(eval_##name, _, S)
#define TYPED(name) PASTE(name, _, S)

/* The operand's elements next to each other, one for all, or apart. */
#define POINT_1(name, formula)                                                                                         \
    static inline T PASTE(name, _of_, S)(T x) { return formula; }                                                      \
    static void LOOP(name)(int64_t n, void *result, const void *const *in, const int64_t *step) {                      \
        T *r = result;                                                                                                 \
        const T *x = in[0];                                                                                            \
        if (*step == 1) {                                                                                              \
            EVAL_EACH for (int64_t i = 0; i < n; i++) r[i] = PASTE(name, _of_, S)(x[i]);                               \
        } else if (*step == 0) {                                                                                       \
            const T all = PASTE(name, _of_, S)(*x);                                                                    \
            for (int64_t i = 0; i < n; i++)                                                                            \
                r[i] = all;                                                                                            \
        } else {                                                                                                       \
            for (int64_t i = 0; i < n; i++)                                                                            \
                r[i] = PASTE(name, _of_, S)(x[i * *step]);                                                             \
        }                                                                                                              \
    }

#define BINARY(name, R, formula)                                                                                       \
    static inline R PASTE(name, _of_, S)(T x, T y) { return formula; }                                                 \
    static void LOOP(name)(int64_t n, void *result, const void *const *in, const int64_t *step) {                      \
        R *r = result;                                                                                                 \
        const T *x = in[0], *y = in[1];                                                                                \
        if (step[0] == 1 && step[1] == 1) {                                                                            \
            EVAL_EACH for (int64_t i = 0; i < n; i++) r[i] = PASTE(name, _of_, S)(x[i], y[i]);                         \
        } else if (step[0] == 1 && step[1] == 0) {                                                                     \
            const T all = *y;                                                                                          \
            EVAL_EACH for (int64_t i = 0; i < n; i++) r[i] = PASTE(name, _of_, S)(x[i], all);                          \
        } else if (step[0] == 0 && step[1] == 1) {                                                                     \
            const T all = *x;                                                                                          \
            EVAL_EACH for (int64_t i = 0; i < n; i++) r[i] = PASTE(name, _of_, S)(all, y[i]);                          \
        } else {                                                                                                       \
            for (int64_t i = 0; i < n; i++)                                                                            \
                r[i] = PASTE(name, _of_, S)(x[i * step[0]], y[i * step[1]]);                                           \
        }                                                                                                              \
    }
#define POINT_2(name, formula) BINARY(name, T, formula)
#define COMPARE(name, formula) BINARY(name, uint8_t, formula)

/* What only copies: these two exist for every dtype. */
#define COPIES                                                                                                         \
    POINT_1(stop_gradient, x)                                                                                          \
    static void LOOP(select)(int64_t n, void *result, const void *const *in, const int64_t *step) {                    \
        T *r = result;                                                                                                 \
        const uint8_t *c = in[0];                                                                                      \
        const T *x = in[1], *y = in[2];                                                                                \
        if (step[0] == 1 && step[1] == 1 && step[2] == 1) {                                                            \
            EVAL_EACH for (int64_t i = 0; i < n; i++) r[i] = c[i] ? x[i] : y[i];                                       \
        } else {                                                                                                       \
            for (int64_t i = 0; i < n; i++)                                                                            \
                r[i] = c[i * step[0]] ? x[i * step[1]] : y[i * step[2]];                                               \
        }                                                                                                              \
    }

#define S f32
#define T float
#define M(function) function##f
#include "jit/graph/formulas_float.h"
#include "jit/graph/formulas_any.h"
COPIES
#undef S
#undef T
#undef M

#define S f64
#define T double
#define M(function) function
#include "jit/graph/formulas_float.h"
#include "jit/graph/formulas_any.h"
COPIES
#undef S
#undef T
#undef M

#define S i32
#define T int32_t
#define U uint32_t
#include "jit/graph/formulas_int.h"
#include "jit/graph/formulas_any.h"
COPIES
#undef S
#undef T
#undef U

#define S i64
#define T int64_t
#define U uint64_t
#include "jit/graph/formulas_int.h"
#include "jit/graph/formulas_any.h"
COPIES
#undef S
#undef T
#undef U

#define S u8 /* bool: its own name is a macro */
#define T uint8_t
#include "jit/graph/formulas_any.h"
COPIES
#include "jit/graph/formulas_bool.h"
#undef S
#undef T

/* ---- the table: which dtypes an operation has follows from its type rule ---- */

#define REAL(name) [EBB_F32] = eval_##name##_f32, [EBB_F64] = eval_##name##_f64
#define WHOLE(name) [EBB_I32] = eval_##name##_i32, [EBB_I64] = eval_##name##_i64
#define NUMBER(name) WHOLE(name), REAL(name)
#define LOGIC(name) [EBB_BOOL] = eval_##name##_u8

#define DTYPES_real(name) REAL(name)
#define DTYPES_whole(name) WHOLE(name)
#define DTYPES_number(name) NUMBER(name)
#define DTYPES_logic(name) LOGIC(name)
#define DTYPES_compare(name) LOGIC(name), NUMBER(name)
#define DTYPES_select(name) LOGIC(name), NUMBER(name)
#define DTYPES_same(name) LOGIC(name), NUMBER(name)
#define DTYPES_cast(name) NULL /* two dtypes: eval_cast_loop */
#define DTYPES_iota(name) NULL /* no operand: eval_iota */

#define ROW_POINT(name, rule) [EBB_OP_##name] = {DTYPES_##rule(name)},
#define ROW_SOURCE(name, rule)
#define ROW_VIEW(name, rule)
#define ROW_REDUCE(name, rule)
#define ROW_WHOLE(name, rule)
#define ROW_NESTED(name, rule)
#define ROW_NOWHERE(name, rule)

static eval_loop *const loops[EBB_OP_COUNT][EBB_F64 + 1] = {
#define OP(name, family, access, arity, rule) ROW_##access(name, rule)
#include "jit/graph/ops.def"
#undef OP
};

/* ---- running them ---- */

void eval_nest_run(eval_loop *loop, const ebb_shape *shape, int narg, const ebb_view *arg, const size_t *size, void *y,
                   size_t size_y) {
    eval_nest nest;
    eval_nest_start(&nest, narg);
    for (int a = 0; a < shape->rank; a++) {
        if (shape->dim[a] == 0) return;
        eval_nest_push(&nest, shape->dim[a], arg, a);
    }
    const int outer = nest.axes - 1;
    const int64_t n = outer < 0 ? 1 : nest.size[outer];
    int64_t step[3] = {0};
    for (int k = 0; outer >= 0 && k < narg; k++)
        step[k] = nest.step[k][outer];
    unsigned char *to = y;
    do {
        const void *x[3];
        for (int k = 0; k < narg; k++)
            x[k] = (const unsigned char *)arg[k].data + nest.offset[k] * (int64_t)size[k];
        loop(n, to, x, step);
        to += (size_t)n * size_y;
    } while (eval_nest_next(&nest, outer));
}

void eval_copy(const ebb_type *type, const ebb_view *from, void *to) {
    const size_t size = ebb_dtype_size(type->dtype);
    eval_nest_run(loops[EBB_OP_stop_gradient][type->dtype], &type->shape, 1, from, &size, to, size);
}

/* [outer, size, inner]: the slab of the first outer index is counted out, the others are copies of it. */
#define IOTA(suffix, type)                                                                                             \
    static void iota_##suffix(void *y, int64_t size, int64_t inner) {                                                  \
        type *r = y;                                                                                                   \
        for (int64_t i = 0; i < size; i++)                                                                             \
            for (int64_t k = 0; k < inner; k++)                                                                        \
                *r++ = (type)i;                                                                                        \
    }
IOTA(i32, int32_t)
IOTA(i64, int64_t)
IOTA(f32, float)
IOTA(f64, double)

static bool eval_iota(const eval_call *c) {
    static void (*const count_out[EBB_F64 + 1])(void *, int64_t, int64_t) = {
        [EBB_I32] = iota_i32, [EBB_I64] = iota_i64, [EBB_F32] = iota_f32, [EBB_F64] = iota_f64};
    const ebb_shape *s = &c->result->shape;
    const int axis = (int)c->app->attr[0];
    int64_t outer = 1, inner = 1;
    for (int a = 0; a < axis; a++)
        outer *= s->dim[a];
    for (int a = axis + 1; a < s->rank; a++)
        inner *= s->dim[a];
    const size_t slab = (size_t)(s->dim[axis] * inner) * ebb_dtype_size(c->result->dtype);
    if (outer == 0 || slab == 0) return true;
    count_out[c->result->dtype](c->out, s->dim[axis], inner);
    for (int64_t o = 1; o < outer; o++)
        memcpy((unsigned char *)c->out + (size_t)o * slab, c->out, slab);
    return true;
}

eval_loop *eval_point_loop(ebb_op op, ebb_dtype last, ebb_dtype to) {
    return op == EBB_OP_cast ? eval_cast_loop[last][to] : loops[op][last];
}

bool eval_point(const eval_call *c) {
    if (c->app->op == EBB_OP_iota) return eval_iota(c);
    const ebb_dtype last = c->type[c->narg - 1].dtype;
    eval_loop *loop = eval_point_loop(c->app->op, last, c->result->dtype);
    if (!loop)
        return ebb_fail(c->diag, EBB_TYPE_ERROR, c->app->site, "%s: not defined for %s", ebb_op_table[c->app->op].name,
                        ebb_dtype_short(last));
    size_t size[3];
    for (int k = 0; k < c->narg; k++)
        size[k] = ebb_dtype_size(c->type[k].dtype);
    eval_nest_run(loop, &c->result->shape, c->narg, c->arg, size, c->out, ebb_dtype_size(c->result->dtype));
    return true;
}
