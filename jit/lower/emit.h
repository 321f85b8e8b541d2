/* emit.h - one module in the making: its types, and the few ways in which all of jit/lower emits.
 *
 * "lanes" is the number of elements of a vector; 1 means a plain scalar, never a vector of one. A bool is i1 in
 * registers and i8 in memory. Inside jit/lower only. */
#ifndef EBB_EMIT_H
#define EBB_EMIT_H

#include "jit/lower/lower.h"

typedef struct ebb_emit {
    const ebb_plan *program, *plan; /* plan: the program's own, or of a function that its regions run */
    const ebb_lower_options *options;
    LLVMContextRef context;
    LLVMModuleRef module;
    LLVMBuilderRef builder;
    LLVMTypeRef i1, i8, i32, i64, f32, f64, pointer, nothing;
    bool *called;       /* [program->nesteds]: which plans are functions */
    LLVMValueRef pool;  /* the constants of `plan`, or NULL */
    bool has_variables; /* some function keeps accumulators in allocas, for mem2reg */
    ebb_diag *diag;
} ebb_emit;

LLVMTypeRef ebb_emit_type(const ebb_emit *e, ebb_dtype dtype, int lanes);        /* in registers */
LLVMTypeRef ebb_emit_memory_type(const ebb_emit *e, ebb_dtype dtype, int lanes); /* in memory */

LLVMValueRef ebb_emit_int(const ebb_emit *e, int64_t value);                              /* an i64 */
LLVMValueRef ebb_emit_bits(const ebb_emit *e, ebb_dtype dtype, int lanes, uint64_t bits); /* a constant in each lane */
LLVMValueRef ebb_emit_number(const ebb_emit *e, ebb_dtype dtype, int lanes, double value);
LLVMValueRef ebb_emit_repeat(const ebb_emit *e, LLVMValueRef scalar_constant, int lanes);
LLVMValueRef ebb_emit_splat(const ebb_emit *e, LLVMValueRef scalar, int lanes);
LLVMValueRef ebb_emit_mask(const ebb_emit *e, int active, int lanes); /* the first lanes are true */
/* Lanes first, first + 1, ... (mod the lanes of x) of vector x, as a vector of `lanes`. */
LLVMValueRef ebb_emit_lanes(const ebb_emit *e, LLVMValueRef x, int first, int lanes);
LLVMValueRef ebb_emit_lane(const ebb_emit *e, LLVMValueRef x, int lane);

LLVMValueRef ebb_emit_element(const ebb_emit *e, ebb_dtype dtype, LLVMValueRef base, LLVMValueRef index); /* address */

/* Calls a C function: f(arg...) -> result. */
LLVMValueRef ebb_emit_call(const ebb_emit *e, const char *name, LLVMTypeRef result, int narg, LLVMValueRef *arg);
/* Calls an intrinsic that is overloaded on `overloads` types. */
LLVMValueRef ebb_emit_intrinsic(const ebb_emit *e, const char *name, int overloads, LLVMTypeRef *overload, int narg,
                                LLVMValueRef *arg);
/* Calls llvm.masked.<what>; `place` is the free place of arg for the alignment, `pointer` the operand with the address.
 */
LLVMValueRef ebb_emit_masked(const ebb_emit *e, const char *what, LLVMTypeRef vector, LLVMTypeRef address, int narg,
                             LLVMValueRef *arg, int place, int pointer, size_t align);

/* Functions of this module get the attributes that all of them share. */
LLVMValueRef ebb_emit_function(ebb_emit *e, const char *name, LLVMTypeRef result, LLVMLinkage linkage);
LLVMTypeRef ebb_emit_function_type(const ebb_emit *e, LLVMTypeRef result); /* of (in, out, work) */

/* ---- one operation ---- */
typedef struct ebb_apply {
    const ebb_emit *e;
    int lanes, active;  /* lanes past `active` hold copies of the first, and nobody looks at their result */
    ebb_dtype from, to; /* of the first operand, of the result */
    LLVMValueRef x[3];
} ebb_apply;

LLVMValueRef ebb_emit_op(ebb_op op, const ebb_apply *a); /* NULL: not a POINT operation */
/* The function of libm called `name` (for double), applied to narg operands: a's dtype and lanes. */
LLVMValueRef ebb_emit_math(const ebb_apply *a, const char *name, int narg, const LLVMValueRef *x);
/* The same without vectors: one call for each lane; also for functions of our own, f32's with an f behind the name. */
LLVMValueRef ebb_emit_scalar_math(const ebb_apply *a, const char *name, int narg, const LLVMValueRef *x);
LLVMValueRef ebb_emit_max(const ebb_apply *a, LLVMValueRef x, LLVMValueRef y); /* NaN propagates */

/* One kernel at the builder's place in `function`; the builder is left where code may follow. held: NULL, or the value
 * of each buffer of the plan, for straight-line code over single numbers that are in registers. */
bool ebb_emit_kernel(ebb_emit *e, const ebb_kernel *k, LLVMValueRef function, LLVMValueRef *held);

/* Regions of single numbers, written out where they stand (straight.c). in, out: addresses of operands and results. */
bool ebb_is_straight(const ebb_plan *plan, const ebb_step *step);
bool ebb_emit_straight(ebb_emit *e, LLVMValueRef function, const ebb_step *step, const LLVMValueRef *in,
                       const LLVMValueRef *out);

#endif
