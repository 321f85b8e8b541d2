/* ops.c - one lowering for each POINT operation of ops.def, for scalars and vectors alike.
 *
 * Floats follow IEEE without exceptions of ours; integers wrap; comparisons with NaN are false, but ne is true.
 * Start reading at the table at the end. */
#include "jit/lower/emit.h"

#include <math.h>

static bool real(const ebb_apply *a) { return ebb_is_float(a->from); }

static LLVMValueRef number(const ebb_apply *a, double value) { return ebb_emit_number(a->e, a->from, a->lanes, value); }

static LLVMValueRef choose(const ebb_apply *a, LLVMValueRef c, LLVMValueRef x, LLVMValueRef y) {
    return LLVMBuildSelect(a->e->builder, c, x, y, "");
}

/* An intrinsic on the type of the first operand. */
static LLVMValueRef intrinsic(const ebb_apply *a, const char *name, int narg, LLVMValueRef *x) {
    LLVMTypeRef type = LLVMTypeOf(x[0]);
    return ebb_emit_intrinsic(a->e, name, 1, &type, narg, x);
}

/* ---- arithmetic ---- */

#define ARITHMETIC(name, of_real, of_int)                                                                              \
    static LLVMValueRef plain_##name(const ebb_apply *a, LLVMValueRef x, LLVMValueRef y) {                             \
        return real(a) ? of_real(a->e->builder, x, y, "") : of_int(a->e->builder, x, y, "");                           \
    }                                                                                                                  \
    static LLVMValueRef lower_##name(const ebb_apply *a) { return plain_##name(a, a->x[0], a->x[1]); }
ARITHMETIC(add, LLVMBuildFAdd, LLVMBuildAdd)
ARITHMETIC(sub, LLVMBuildFSub, LLVMBuildSub)
ARITHMETIC(mul, LLVMBuildFMul, LLVMBuildMul)
ARITHMETIC(div, LLVMBuildFDiv, LLVMBuildSDiv) /* div has floats only */

static LLVMValueRef lower_neg(const ebb_apply *a) {
    return real(a) ? LLVMBuildFNeg(a->e->builder, a->x[0], "") : LLVMBuildNeg(a->e->builder, a->x[0], "");
}
static LLVMValueRef lower_square(const ebb_apply *a) { return plain_mul(a, a->x[0], a->x[0]); }
static LLVMValueRef lower_recip(const ebb_apply *a) { return plain_div(a, number(a, 1), a->x[0]); }
static LLVMValueRef lower_sqrt(const ebb_apply *a) { return intrinsic(a, "llvm.sqrt", 1, (LLVMValueRef[]){a->x[0]}); }
static LLVMValueRef lower_rsqrt(const ebb_apply *a) { return plain_div(a, number(a, 1), lower_sqrt(a)); }

#define ROUND(name, as)                                                                                                \
    static LLVMValueRef lower_##name(const ebb_apply *a) {                                                             \
        return intrinsic(a, "llvm." as, 1, (LLVMValueRef[]){a->x[0]});                                                 \
    }
ROUND(floor, "floor")
ROUND(ceil, "ceil")
ROUND(round, "roundeven")
ROUND(trunc, "trunc")

static LLVMValueRef lower_stop_gradient(const ebb_apply *a) { return a->x[0]; }

/* ---- order ---- */

static LLVMValueRef compare(const ebb_apply *a, LLVMRealPredicate of_real, LLVMIntPredicate of_int, LLVMValueRef x,
                            LLVMValueRef y) {
    return real(a) ? LLVMBuildFCmp(a->e->builder, of_real, x, y, "") : LLVMBuildICmp(a->e->builder, of_int, x, y, "");
}
static LLVMValueRef positive(const ebb_apply *a) { return compare(a, LLVMRealOGT, LLVMIntSGT, a->x[0], number(a, 0)); }
static LLVMValueRef negative(const ebb_apply *a) { return compare(a, LLVMRealOLT, LLVMIntSLT, a->x[0], number(a, 0)); }

#define COMPARE(name, of_real, of_int)                                                                                 \
    static LLVMValueRef lower_##name(const ebb_apply *a) { return compare(a, of_real, of_int, a->x[0], a->x[1]); }
COMPARE(eq, LLVMRealOEQ, LLVMIntEQ)
COMPARE(ne, LLVMRealUNE, LLVMIntNE)
COMPARE(lt, LLVMRealOLT, LLVMIntSLT)
COMPARE(le, LLVMRealOLE, LLVMIntSLE)
COMPARE(gt, LLVMRealOGT, LLVMIntSGT)
COMPARE(ge, LLVMRealOGE, LLVMIntSGE)

LLVMValueRef ebb_emit_max(const ebb_apply *a, LLVMValueRef x, LLVMValueRef y) {
    return intrinsic(a, real(a) ? "llvm.maximum" : "llvm.smax", 2, (LLVMValueRef[]){x, y});
}
static LLVMValueRef lower_max(const ebb_apply *a) { return ebb_emit_max(a, a->x[0], a->x[1]); }
static LLVMValueRef lower_min(const ebb_apply *a) {
    return intrinsic(a, real(a) ? "llvm.minimum" : "llvm.smin", 2, (LLVMValueRef[]){a->x[0], a->x[1]});
}

static LLVMValueRef magnitude(const ebb_apply *a) {
    if (real(a)) return intrinsic(a, "llvm.fabs", 1, (LLVMValueRef[]){a->x[0]});
    return choose(a, negative(a), LLVMBuildNeg(a->e->builder, a->x[0], ""), a->x[0]);
}
static LLVMValueRef lower_abs(const ebb_apply *a) { return magnitude(a); }

/* Zeros and NaN are neither positive nor negative and stay what they are. */
static LLVMValueRef lower_sign(const ebb_apply *a) {
    return choose(a, positive(a), number(a, 1), choose(a, negative(a), number(a, -1), a->x[0]));
}

/* NaN is not <= 0 and stays. */
static LLVMValueRef lower_relu(const ebb_apply *a) {
    return choose(a, compare(a, LLVMRealOLE, LLVMIntSLE, a->x[0], number(a, 0)), number(a, 0), a->x[0]);
}

/* ---- truth ---- */

static LLVMValueRef lower_logical_and(const ebb_apply *a) { return LLVMBuildAnd(a->e->builder, a->x[0], a->x[1], ""); }
static LLVMValueRef lower_logical_or(const ebb_apply *a) { return LLVMBuildOr(a->e->builder, a->x[0], a->x[1], ""); }
static LLVMValueRef lower_logical_not(const ebb_apply *a) { return LLVMBuildNot(a->e->builder, a->x[0], ""); }
static LLVMValueRef lower_select(const ebb_apply *a) { return choose(a, a->x[0], a->x[1], a->x[2]); }

/* ---- conversion ---- */

static LLVMValueRef cast_from_real(const ebb_apply *a, LLVMTypeRef to) {
    if (a->to == EBB_BOOL) return compare(a, LLVMRealUNE, LLVMIntNE, a->x[0], number(a, 0));
    if (ebb_is_float(a->to)) return LLVMBuildFPCast(a->e->builder, a->x[0], to, "");
    LLVMTypeRef types[] = {to, LLVMTypeOf(a->x[0])}; /* saturates; NaN gives 0 */
    return ebb_emit_intrinsic(a->e, "llvm.fptosi.sat", 2, types, 1, (LLVMValueRef[]){a->x[0]});
}

static LLVMValueRef lower_cast(const ebb_apply *a) {
    LLVMBuilderRef b = a->e->builder;
    LLVMTypeRef to = ebb_emit_type(a->e, a->to, a->lanes);
    bool truth = a->from == EBB_BOOL;
    if (a->from == a->to) return a->x[0];
    if (real(a)) return cast_from_real(a, to);
    if (a->to == EBB_BOOL) return LLVMBuildICmp(b, LLVMIntNE, a->x[0], number(a, 0), "");
    if (ebb_is_float(a->to) && truth) /* a mask over ones is cheaper than a conversion */
        return LLVMBuildSelect(b, a->x[0], ebb_emit_number(a->e, a->to, a->lanes, 1), LLVMConstNull(to), "");
    if (ebb_is_float(a->to)) return LLVMBuildSIToFP(b, a->x[0], to, "");
    return LLVMBuildIntCast2(b, a->x[0], to, !truth, "");
}

/* The index comes as an i64. */
static LLVMValueRef lower_iota(const ebb_apply *a) { return lower_cast(a); }

/* ---- functions of libm ---- */

static LLVMValueRef math(const ebb_apply *a, const char *name, LLVMValueRef x) { return ebb_emit_math(a, name, 1, &x); }

#define MATH(name)                                                                                                     \
    static LLVMValueRef lower_##name(const ebb_apply *a) { return math(a, #name, a->x[0]); }
/* clang-format off */
MATH(exp) MATH(expm1) MATH(log) MATH(log1p) MATH(sin) MATH(cos) MATH(tan) MATH(asin) MATH(acos) MATH(atan) MATH(sinh)
MATH(cosh) MATH(tanh) MATH(erf) MATH(erfc) MATH(exp2) MATH(log2) MATH(log10) MATH(cbrt) MATH(asinh) MATH(acosh)
MATH(atanh)
static LLVMValueRef lower_hypot(const ebb_apply *a) { return ebb_emit_math(a, "hypot", 2, a->x); }
/* clang-format on */
static LLVMValueRef lower_atan2(const ebb_apply *a) { return ebb_emit_math(a, "atan2", 2, a->x); }

/* pow of libmvec loses exactness of exact powers; the others it does not have. */
static LLVMValueRef lower_pow(const ebb_apply *a) { return ebb_emit_scalar_math(a, "pow", 2, a->x); }
static LLVMValueRef lower_erfinv(const ebb_apply *a) { return ebb_emit_scalar_math(a, "ebb_erfinv", 1, a->x); }
static LLVMValueRef lower_lgamma(const ebb_apply *a) { return ebb_emit_scalar_math(a, "ebb_lgamma", 1, a->x); }
static LLVMValueRef lower_polygamma(const ebb_apply *a) { return ebb_emit_scalar_math(a, "ebb_polygamma", 2, a->x); }
static LLVMValueRef lower_sinc_slope(const ebb_apply *a) { return ebb_emit_scalar_math(a, "ebb_sinc_slope", 2, a->x); }

/* exp(-|x|): at most 1, so it never overflows. */
static LLVMValueRef small_exp(const ebb_apply *a) {
    return math(a, "exp", LLVMBuildFNeg(a->e->builder, magnitude(a), ""));
}

/* 1/(1+z) where x >= 0, z/(1+z) elsewhere. */
static LLVMValueRef lower_sigmoid(const ebb_apply *a) {
    LLVMValueRef z = small_exp(a), one = number(a, 1);
    return plain_div(a, choose(a, negative(a), z, one), plain_add(a, one, z));
}

/* max(x, 0) + log(1+z) */
static LLVMValueRef lower_softplus(const ebb_apply *a) {
    return plain_add(a, lower_relu(a), math(a, "log1p", small_exp(a)));
}

/* Equal operands stand apart, so that infinite ones have no difference to be NaN. */
static LLVMValueRef lower_logaddexp(const ebb_apply *a) {
    ebb_apply apart = *a;
    apart.x[0] = plain_sub(a, a->x[0], a->x[1]);
    LLVMValueRef more = math(a, "log1p", small_exp(&apart));
    return choose(a, lower_eq(a), plain_add(a, a->x[0], number(a, M_LN2)), plain_add(a, lower_max(a), more));
}

/* ---- division with whole quotients: jit/graph/numbers.h ---- */

static LLVMValueRef is_negative(const ebb_apply *a, LLVMValueRef x) {
    return compare(a, LLVMRealOLT, LLVMIntSLT, x, number(a, 0));
}
static LLVMValueRef is_zero(const ebb_apply *a, LLVMValueRef x) {
    return compare(a, LLVMRealOEQ, LLVMIntEQ, x, number(a, 0));
}
static LLVMValueRef is_not_zero(const ebb_apply *a, LLVMValueRef x) {
    return compare(a, LLVMRealUNE, LLVMIntNE, x, number(a, 0));
}
static LLVMValueRef with_sign_of(const ebb_apply *a, LLVMValueRef x, LLVMValueRef sign) {
    return intrinsic(a, "llvm.copysign", 2, (LLVMValueRef[]){x, sign});
}

/* Integers: dividing by 0 and by -1 is undefined for LLVM, or may be; 1 leaves the remainder that -1 does. */
static LLVMValueRef safe_divisor(const ebb_apply *a) {
    LLVMValueRef one_back = LLVMBuildICmp(a->e->builder, LLVMIntEQ, a->x[1], number(a, -1), "");
    LLVMValueRef unsafe = LLVMBuildOr(a->e->builder, is_zero(a, a->x[1]), one_back, "");
    return choose(a, unsafe, number(a, 1), a->x[1]);
}

static LLVMValueRef lower_fmod(const ebb_apply *a) {
    if (real(a)) return ebb_emit_scalar_math(a, "fmod", 2, a->x);
    LLVMValueRef r = LLVMBuildSRem(a->e->builder, a->x[0], safe_divisor(a), "");
    return choose(a, is_zero(a, a->x[1]), a->x[0], r);
}

/* The remainder r is not of the divisor's sign, and not 0. */
static LLVMValueRef is_other_side(const ebb_apply *a, LLVMValueRef r) {
    LLVMValueRef differ = LLVMBuildXor(a->e->builder, is_negative(a, r), is_negative(a, a->x[1]), "");
    return LLVMBuildAnd(a->e->builder, is_not_zero(a, r), differ, "");
}

static LLVMValueRef lower_floormod(const ebb_apply *a) {
    LLVMValueRef r = lower_fmod(a), moved = choose(a, is_other_side(a, r), plain_add(a, r, a->x[1]), r);
    return real(a) ? choose(a, is_zero(a, r), with_sign_of(a, number(a, 0), a->x[1]), moved) : moved;
}

/* Rounded down from the quotient towards 0. */
static LLVMValueRef one_less(const ebb_apply *a, LLVMValueRef quotient, LLVMValueRef r) {
    return choose(a, is_other_side(a, r), plain_sub(a, quotient, number(a, 1)), quotient);
}

static LLVMValueRef floordiv_real(const ebb_apply *a) {
    LLVMValueRef r = lower_fmod(a), broken = plain_div(a, a->x[0], a->x[1]);
    LLVMValueRef towards_0 = plain_div(a, plain_sub(a, a->x[0], r), a->x[1]);
    LLVMValueRef whole = intrinsic(a, "llvm.roundeven", 1, &towards_0);
    return choose(a, is_zero(a, a->x[1]), broken, with_sign_of(a, one_less(a, whole, r), broken));
}

static LLVMValueRef floordiv_int(const ebb_apply *a) {
    LLVMValueRef safe = safe_divisor(a), quotient = LLVMBuildSDiv(a->e->builder, a->x[0], safe, "");
    LLVMValueRef r = LLVMBuildSRem(a->e->builder, a->x[0], safe, "");
    LLVMValueRef by_less = choose(a, is_negative(a, a->x[1]), LLVMBuildNeg(a->e->builder, quotient, ""), number(a, 0));
    LLVMValueRef is_safe = LLVMBuildICmp(a->e->builder, LLVMIntEQ, safe, a->x[1], "");
    return choose(a, is_safe, one_less(a, quotient, r), by_less); /* else the divisor is -1 or 0 */
}

static LLVMValueRef lower_floordiv(const ebb_apply *a) { return real(a) ? floordiv_real(a) : floordiv_int(a); }

/* ---- bits ---- */

static LLVMValueRef lower_bitwise_not(const ebb_apply *a) { return LLVMBuildNot(a->e->builder, a->x[0], ""); }
static LLVMValueRef lower_bitwise_and(const ebb_apply *a) { return LLVMBuildAnd(a->e->builder, a->x[0], a->x[1], ""); }
static LLVMValueRef lower_bitwise_or(const ebb_apply *a) { return LLVMBuildOr(a->e->builder, a->x[0], a->x[1], ""); }
static LLVMValueRef lower_bitwise_xor(const ebb_apply *a) { return LLVMBuildXor(a->e->builder, a->x[0], a->x[1], ""); }

/* As an unsigned number, a negative distance is a large one. Where it is too large, `most` is shifted by. */
static LLVMValueRef distance(const ebb_apply *a, LLVMValueRef *near, int most) {
    int width = (int)(8 * ebb_dtype_size(a->from));
    *near = LLVMBuildICmp(a->e->builder, LLVMIntULT, a->x[1], number(a, width), "");
    return choose(a, *near, a->x[1], number(a, most < 0 ? width + most : most));
}

static LLVMValueRef lower_shift_left(const ebb_apply *a) {
    LLVMValueRef near, by = distance(a, &near, 0);
    return choose(a, near, LLVMBuildShl(a->e->builder, a->x[0], by, ""), number(a, 0));
}

static LLVMValueRef lower_shift_right(const ebb_apply *a) {
    LLVMValueRef near, by = distance(a, &near, -1);
    return LLVMBuildAShr(a->e->builder, a->x[0], by, "");
}

/* ---- the table ---- */

typedef LLVMValueRef ebb_lower_op(const ebb_apply *a);

#define LOWER_SOURCE(name) NULL
#define LOWER_POINT(name) lower_##name
#define LOWER_VIEW(name) NULL
#define LOWER_REDUCE(name) NULL
#define LOWER_WHOLE(name) NULL
#define LOWER_NESTED(name) NULL
#define LOWER_NOWHERE(name) NULL

static ebb_lower_op *const table[EBB_OP_COUNT] = {
#define OP(name, family, access, arity, rule) [EBB_OP_##name] = LOWER_##access(name),
#include "jit/graph/ops.def"
#undef OP
};

LLVMValueRef ebb_emit_op(ebb_op op, const ebb_apply *a) {
    ebb_lower_op *lower = (unsigned)op < EBB_OP_COUNT ? table[op] : NULL;
    return lower ? lower(a) : NULL;
}
