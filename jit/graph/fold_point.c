/* fold_point.c - the arithmetic of constant folding: fold_<name>_<dtype> for every POINT operation, one element at a
 * time, pasted from the same formulas as the evaluator's loops, so that folding equals evaluation. */
#include "jit/graph/fold.h"
#include "jit/graph/numbers.h"
#include "jit/graph/special.h"

#include <math.h>

#define PASTE_(a, b, c) a##b##c
#define PASTE(a, b, c) PASTE_(a, b, c)
#define FOLD(name) PASTE(fold_##name, _, S)
#define TYPED(name) PASTE(name, _, S)

#define POINT_1(name, formula)                                                                                         \
    static ebb_number FOLD(name)(const ebb_number *operand) {                                                          \
        const T x = operand[0].S;                                                                                      \
        return (ebb_number){.S = formula};                                                                             \
    }
#define BINARY(name, to, formula)                                                                                      \
    static ebb_number FOLD(name)(const ebb_number *operand) {                                                          \
        const T x = operand[0].S, y = operand[1].S;                                                                    \
        return (ebb_number){.to = formula};                                                                            \
    }
#define POINT_2(name, formula) BINARY(name, S, formula)
#define COMPARE(name, formula) BINARY(name, u8, formula)

/* What only copies is one function for all dtypes. */
static ebb_number fold_select(const ebb_number *operand) { return operand[0].u8 ? operand[1] : operand[2]; }
static ebb_number fold_stop_gradient(const ebb_number *operand) { return operand[0]; }

#define S u8
#define T uint8_t
#include "jit/graph/formulas_any.h"
#include "jit/graph/formulas_bool.h"
#undef S
#undef T

#define S i32
#define T int32_t
#define U uint32_t
#include "jit/graph/formulas_any.h"
#include "jit/graph/formulas_int.h"
#undef S
#undef T
#undef U

#define S i64
#define T int64_t
#define U uint64_t
#include "jit/graph/formulas_any.h"
#include "jit/graph/formulas_int.h"
#undef S
#undef T
#undef U

#define S f32
#define T float
#define M(function) function##f
#include "jit/graph/formulas_any.h"
#include "jit/graph/formulas_float.h"
#undef S
#undef T
#undef M

#define S f64
#define T double
#define M(function) function
#include "jit/graph/formulas_any.h"
#include "jit/graph/formulas_float.h"
#undef S
#undef T
#undef M

/* ---- the table: which dtypes an operation has follows from its type rule ---- */

#define DTYPES_real(name) [EBB_F32] = fold_##name##_f32, [EBB_F64] = fold_##name##_f64
#define DTYPES_whole(name) [EBB_I32] = fold_##name##_i32, [EBB_I64] = fold_##name##_i64
#define DTYPES_number(name) DTYPES_whole(name), DTYPES_real(name)
#define DTYPES_logic(name) [EBB_BOOL] = fold_##name##_u8
#define DTYPES_compare(name) DTYPES_logic(name), DTYPES_number(name)
#define DTYPES_select(name) NULL, fold_##name, fold_##name, fold_##name, fold_##name, fold_##name
#define DTYPES_same(name) DTYPES_select(name)
#define DTYPES_cast(name) NULL /* two dtypes: ebb_number_cast */
#define DTYPES_iota(name) NULL /* no operand */

#define ROW_POINT(name, rule) [EBB_OP_##name] = {DTYPES_##rule(name)},
#define ROW_SOURCE(name, rule)
#define ROW_VIEW(name, rule)
#define ROW_REDUCE(name, rule)
#define ROW_WHOLE(name, rule)
#define ROW_NESTED(name, rule)
#define ROW_NOWHERE(name, rule)

ebb_fold_rule *const ebb_fold_table[EBB_OP_COUNT][EBB_F64 + 1] = {
#define OP(name, family, access, arity, rule) ROW_##access(name, rule)
#include "jit/graph/ops.def"
#undef OP
};

/* ---- cast ---- */

static int64_t whole(double x, int64_t least, int64_t most) {
    if (x != x) return 0;
    if (!(x >= (double)least)) return least;
    return x >= (double)most ? most : (int64_t)x; /* as doubles, INT64_MAX is 2^63 and INT32_MAX is itself */
}

static ebb_number cast_float(double x, ebb_dtype to) {
    switch (to) {
    case EBB_NONE:
        break;
    case EBB_BOOL:
        return (ebb_number){.u8 = x != 0};
    case EBB_I32:
        return (ebb_number){.i32 = (int32_t)whole(x, INT32_MIN, INT32_MAX)};
    case EBB_I64:
        return (ebb_number){.i64 = whole(x, INT64_MIN, INT64_MAX)};
    case EBB_F32:
        return (ebb_number){.f32 = (float)x};
    case EBB_F64:
        return (ebb_number){.f64 = x};
    }
    return (ebb_number){.i64 = 0};
}

static ebb_number cast_int(int64_t x, ebb_dtype to) {
    switch (to) {
    case EBB_NONE:
        break;
    case EBB_BOOL:
        return (ebb_number){.u8 = x != 0};
    case EBB_I32:
        return (ebb_number){.i32 = (int32_t)(uint32_t)x};
    case EBB_I64:
        return (ebb_number){.i64 = x};
    case EBB_F32:
        return (ebb_number){.f32 = (float)x};
    case EBB_F64:
        return (ebb_number){.f64 = (double)x};
    }
    return (ebb_number){.i64 = 0};
}

ebb_number ebb_number_cast(ebb_number x, ebb_dtype from, ebb_dtype to) {
    switch (from) {
    case EBB_NONE:
        break;
    case EBB_BOOL:
        return cast_int(x.u8, to);
    case EBB_I32:
        return cast_int(x.i32, to);
    case EBB_I64:
        return cast_int(x.i64, to);
    case EBB_F32:
        return cast_float((double)x.f32, to);
    case EBB_F64:
        return cast_float(x.f64, to);
    }
    return (ebb_number){.i64 = 0};
}
