/* llvm_compat.h - the only place that knows which LLVM this is: one source for LLVM 19 to 22. */
#ifndef EBB_LLVM_COMPAT_H
#define EBB_LLVM_COMPAT_H

#include <llvm-c/Core.h>
#include <llvm/Config/llvm-config.h>
#include <string.h>

/* Masked memory intrinsics say their alignment as an operand before LLVM 22, and as an attribute of the pointer after.
 */
#define EBB_MASKED_ALIGN_OPERAND (LLVM_VERSION_MAJOR < 22)

static inline LLVMAttributeRef ebb_llvm_attribute(LLVMContextRef c, const char *name, uint64_t value) {
    return LLVMCreateEnumAttribute(c, LLVMGetEnumAttributeKindForName(name, strlen(name)), value);
}

/* A call of llvm.masked.load, store, gather or scatter: `operand` leaves a free place at `place` for the alignment,
 * where an i32 goes if this LLVM wants one; `pointer` is the operand number of the pointer(s). */
static inline LLVMValueRef ebb_llvm_masked_call(LLVMContextRef c, LLVMBuilderRef b, LLVMTypeRef type, LLVMValueRef f,
                                                LLVMValueRef *operand, unsigned count, unsigned place, unsigned pointer,
                                                unsigned align) {
#if EBB_MASKED_ALIGN_OPERAND
    (void)pointer;
    operand[place] = LLVMConstInt(LLVMInt32TypeInContext(c), align, 0);
    return LLVMBuildCall2(b, type, f, operand, count, "");
#else
    for (unsigned i = place; i + 1 < count; i++)
        operand[i] = operand[i + 1];
    LLVMValueRef call = LLVMBuildCall2(b, type, f, operand, count - 1, "");
    LLVMAddCallSiteAttribute(call, pointer + 1, ebb_llvm_attribute(c, "align", align));
    return call;
#endif
}

#endif
