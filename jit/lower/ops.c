/* ops.c - one lowering for each POINT operation of ops.def, for scalars and vectors alike.
 *
 * Floats follow IEEE without exceptions of ours; integers wrap; comparisons with NaN are false, but ne is true.
 * Start reading at the table at the end. */
#include "jit/lower/emit.h"

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
    if (ebb_is_float(a->to)) return truth ? LLVMBuildUIToFP(b, a->x[0], to, "") : LLVMBuildSIToFP(b, a->x[0], to, "");
    return LLVMBuildIntCast2(b, a->x[0], to, !truth, "");
}

/* The index comes as an i64. */
static LLVMValueRef lower_iota(const ebb_apply *a) { return lower_cast(a); }

/* ---- functions of libm ---- */

static LLVMValueRef math(const ebb_apply *a, const char *name, LLVMValueRef x) { return ebb_emit_math(a, name, 1, &x); }

#define MATH(name)                                                                                                     \
    static LLVMValueRef lower_##name(const ebb_apply *a) { return math(a, #name, a->x[0]); }
/* clang-format off */
MATH(exp) MATH(expm1) MATH(log) MATH(log1p) MATH(sin) MATH(cos) MATH(tan) MATH(asin) MATH(acos) MATH(atan)
MATH(sinh) MATH(cosh) MATH(tanh) MATH(erf)
    /* clang-format on */

    static LLVMValueRef lower_pow(const ebb_apply *a) {
    return ebb_emit_math(a, "pow", 2, a->x);
}

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

/* ---- the table ---- */

typedef LLVMValueRef ebb_lower_op(const ebb_apply *a);

#define LOWER_SOURCE(name) NULL
#define LOWER_POINT(name) lower_##name
#define LOWER_VIEW(name) NULL
#define LOWER_REDUCE(name) NULL
#define LOWER_WHOLE(name) NULL
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
