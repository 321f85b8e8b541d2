/* emit.c - types, constants and calls. See emit.h. */
#include "jit/lower/emit.h"

#include <string.h>

#include "jit/lower/llvm_compat.h"

LLVMTypeRef ebb_emit_type(const ebb_emit *e, ebb_dtype dtype, int lanes) {
    LLVMTypeRef scalar = dtype == EBB_BOOL  ? e->i1
                         : dtype == EBB_I32 ? e->i32
                         : dtype == EBB_I64 ? e->i64
                         : dtype == EBB_F32 ? e->f32
                                            : e->f64;
    return lanes > 1 ? LLVMVectorType(scalar, (unsigned)lanes) : scalar;
}

LLVMTypeRef ebb_emit_memory_type(const ebb_emit *e, ebb_dtype dtype, int lanes) {
    if (dtype != EBB_BOOL) return ebb_emit_type(e, dtype, lanes);
    return lanes > 1 ? LLVMVectorType(e->i8, (unsigned)lanes) : e->i8;
}

LLVMValueRef ebb_emit_int(const ebb_emit *e, int64_t value) {
    return LLVMConstInt(e->i64, (unsigned long long)value, 1);
}

LLVMValueRef ebb_emit_repeat(const ebb_emit *e, LLVMValueRef scalar_constant, int lanes) {
    (void)e;
    if (lanes == 1) return scalar_constant;
    LLVMValueRef lane[64];
    for (int i = 0; i < lanes; i++)
        lane[i] = scalar_constant;
    return LLVMConstVector(lane, (unsigned)lanes);
}

/* Floats are made from their bits, so that every NaN and zero stays what it is. */
LLVMValueRef ebb_emit_bits(const ebb_emit *e, ebb_dtype dtype, int lanes, uint64_t bits) {
    LLVMTypeRef type = ebb_emit_type(e, dtype, 1);
    LLVMTypeRef word = dtype == EBB_F32 ? e->i32 : dtype == EBB_F64 ? e->i64 : type;
    if (dtype == EBB_BOOL) bits = (bits & 0xff) != 0;
    if (ebb_dtype_size(dtype) == 4) bits &= 0xffffffffu;
    LLVMValueRef scalar = LLVMConstInt(word, bits, 0);
    if (word != type) scalar = LLVMConstBitCast(scalar, type);
    return ebb_emit_repeat(e, scalar, lanes);
}

LLVMValueRef ebb_emit_number(const ebb_emit *e, ebb_dtype dtype, int lanes, double value) {
    LLVMTypeRef type = ebb_emit_type(e, dtype, 1);
    LLVMValueRef scalar =
        ebb_is_float(dtype) ? LLVMConstReal(type, value) : LLVMConstInt(type, (unsigned long long)(int64_t)value, 1);
    return ebb_emit_repeat(e, scalar, lanes);
}

LLVMValueRef ebb_emit_lanes(const ebb_emit *e, LLVMValueRef x, int first, int lanes) {
    LLVMValueRef pick[64];
    int from = (int)LLVMGetVectorSize(LLVMTypeOf(x));
    for (int i = 0; i < lanes; i++)
        pick[i] = LLVMConstInt(e->i32, (unsigned)((first + i) % from), 0);
    return LLVMBuildShuffleVector(e->builder, x, LLVMGetUndef(LLVMTypeOf(x)), LLVMConstVector(pick, (unsigned)lanes),
                                  "");
}

LLVMValueRef ebb_emit_lane(const ebb_emit *e, LLVMValueRef x, int lane) {
    return LLVMBuildExtractElement(e->builder, x, LLVMConstInt(e->i32, (unsigned)lane, 0), "");
}

LLVMValueRef ebb_emit_splat(const ebb_emit *e, LLVMValueRef scalar, int lanes) {
    if (lanes == 1) return scalar;
    if (LLVMIsConstant(scalar)) return ebb_emit_repeat(e, scalar, lanes);
    LLVMTypeRef type = LLVMVectorType(LLVMTypeOf(scalar), (unsigned)lanes);
    LLVMValueRef one = LLVMBuildInsertElement(e->builder, LLVMGetUndef(type), scalar, LLVMConstInt(e->i32, 0, 0), "");
    LLVMValueRef zeros = LLVMConstNull(LLVMVectorType(e->i32, (unsigned)lanes));
    return LLVMBuildShuffleVector(e->builder, one, LLVMGetUndef(type), zeros, "");
}

LLVMValueRef ebb_emit_mask(const ebb_emit *e, int active, int lanes) {
    LLVMValueRef lane[64];
    for (int i = 0; i < lanes; i++)
        lane[i] = LLVMConstInt(e->i1, i < active, 0);
    return LLVMConstVector(lane, (unsigned)lanes);
}

LLVMValueRef ebb_emit_element(const ebb_emit *e, ebb_dtype dtype, LLVMValueRef base, LLVMValueRef index) {
    if (LLVMIsConstant(index) && LLVMIsNull(index)) return base;
    return LLVMBuildGEP2(e->builder, ebb_emit_memory_type(e, dtype, 1), base, &index, 1, "");
}

LLVMValueRef ebb_emit_call(const ebb_emit *e, const char *name, LLVMTypeRef result, int narg, LLVMValueRef *arg) {
    LLVMTypeRef type[8];
    for (int i = 0; i < narg; i++)
        type[i] = LLVMTypeOf(arg[i]);
    LLVMTypeRef signature = LLVMFunctionType(result, type, (unsigned)narg, 0);
    LLVMValueRef f = LLVMGetNamedFunction(e->module, name);
    if (!f) {
        f = LLVMAddFunction(e->module, name, signature);
        LLVMAddAttributeAtIndex(f, LLVMAttributeFunctionIndex, ebb_llvm_attribute(e->context, "nounwind", 0));
    }
    return LLVMBuildCall2(e->builder, signature, f, arg, (unsigned)narg, "");
}

static LLVMValueRef intrinsic(const ebb_emit *e, const char *name, int overloads, LLVMTypeRef *overload,
                              LLVMTypeRef *type) {
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    *type = LLVMIntrinsicGetType(e->context, id, overload, (size_t)overloads);
    return LLVMGetIntrinsicDeclaration(e->module, id, overload, (size_t)overloads);
}

LLVMValueRef ebb_emit_intrinsic(const ebb_emit *e, const char *name, int overloads, LLVMTypeRef *overload, int narg,
                                LLVMValueRef *arg) {
    LLVMTypeRef type;
    LLVMValueRef f = intrinsic(e, name, overloads, overload, &type);
    return LLVMBuildCall2(e->builder, type, f, arg, (unsigned)narg, "");
}

LLVMValueRef ebb_emit_masked(const ebb_emit *e, const char *what, LLVMTypeRef vector, LLVMTypeRef address, int narg,
                             LLVMValueRef *arg, int place, int pointer, size_t align) {
    LLVMTypeRef overload[] = {vector, address}, type;
    LLVMValueRef f = intrinsic(e, what, 2, overload, &type);
    return ebb_llvm_masked_call(e->context, e->builder, type, f, arg, (unsigned)narg, (unsigned)place,
                                (unsigned)pointer, (unsigned)align);
}

LLVMTypeRef ebb_emit_function_type(const ebb_emit *e, LLVMTypeRef result) {
    LLVMTypeRef parameter[] = {e->pointer, e->pointer, e->pointer};
    return LLVMFunctionType(result, parameter, 3, 0);
}

/* Debuggers and profilers want to unwind every function. In a program of more than so many they cannot: LLVM 19 links
 * unwind tables in time that grows with the square of the number of functions, 13 s for ten thousand. */
enum { UNWIND_LIMIT = 500 };

LLVMValueRef ebb_emit_function(ebb_emit *e, const char *name, LLVMTypeRef result, LLVMLinkage linkage) {
    LLVMValueRef f = LLVMAddFunction(e->module, name, ebb_emit_function_type(e, result));
    const char *width = e->options->vector_bits == 512 ? "512" : e->options->vector_bits == 256 ? "256" : "128";
    LLVMSetLinkage(f, linkage);
    LLVMAddAttributeAtIndex(f, LLVMAttributeFunctionIndex, ebb_llvm_attribute(e->context, "nounwind", 0));
    if (e->plan->steps <= UNWIND_LIMIT)
        LLVMAddAttributeAtIndex(f, LLVMAttributeFunctionIndex, ebb_llvm_attribute(e->context, "uwtable", 2));
    LLVMAddAttributeAtIndex(f, LLVMAttributeFunctionIndex,
                            LLVMCreateStringAttribute(e->context, "prefer-vector-width", 19, width, 3));
    LLVMPositionBuilderAtEnd(e->builder, LLVMAppendBasicBlockInContext(e->context, f, ""));
    return f;
}
