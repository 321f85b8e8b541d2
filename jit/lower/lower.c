/* lower.c - the module: one function per kernel, and the entry that runs the steps in order. See lower.h. */
#include "jit/lower/emit.h"

#include <stdio.h>
#include <string.h>

#include "jit/lower/llvm_compat.h"

/* ---- steps of the entry function ---- */

typedef struct ebb_entry_state {
    ebb_emit *e;
    LLVMValueRef function, in, out, work;
    LLVMValueRef operands; /* variable: up to three pointers for a routine */
    int32_t step;
} ebb_entry_state;

static LLVMValueRef element_of(const ebb_emit *e, LLVMTypeRef type, LLVMValueRef base, int64_t index) {
    LLVMValueRef i = ebb_emit_int(e, index);
    return index == 0 ? base : LLVMBuildGEP2(e->builder, type, base, &i, 1, "");
}

static LLVMValueRef buffer_address(const ebb_entry_state *s, int32_t buffer) {
    const ebb_emit *e = s->e;
    const ebb_buffer *b = &e->plan->buffer[buffer];
    switch (b->place) {
    case EBB_IN_INPUT:
        return LLVMBuildLoad2(e->builder, e->pointer, element_of(e, e->pointer, s->in, b->index), "");
    case EBB_IN_OUTPUT:
        return LLVMBuildLoad2(e->builder, e->pointer, element_of(e, e->pointer, s->out, b->index), "");
    case EBB_IN_ARENA:
        return element_of(e, e->i8, s->work, b->offset);
    case EBB_IN_POOL:
        return element_of(e, e->i8, e->pool, b->offset);
    }
    return NULL;
}

/* A plan of one kernel is one function. */
static bool only_kernel(const ebb_plan *plan) { return plan->steps == 1 && plan->step[0].kind == EBB_STEP_KERNEL; }

static bool kernel_function(ebb_entry_state *s, const ebb_step *step, LLVMValueRef *function) {
    ebb_emit *e = s->e;
    char name[256];
    snprintf(name, sizeof name, "%s.%d", e->options->symbol, (int)s->step);
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder);
    *function = ebb_emit_function(e, name, e->nothing, LLVMInternalLinkage);
    if (!ebb_emit_kernel(e, &step->kernel, *function)) return false;
    LLVMBuildRetVoid(e->builder);
    LLVMPositionBuilderAtEnd(e->builder, here);
    return true;
}

static bool kernel_step(ebb_entry_state *s, const ebb_step *step) {
    ebb_emit *e = s->e;
    if (only_kernel(e->plan)) return ebb_emit_kernel(e, &step->kernel, s->function);
    LLVMValueRef kernel, arg[] = {s->in, s->out, s->work};
    if (!kernel_function(s, step, &kernel)) return false;
    LLVMBuildCall2(e->builder, ebb_emit_function_type(e, e->nothing), kernel, arg, 3, "");
    return true;
}

static void copy_step(ebb_entry_state *s, const ebb_step *step) {
    const ebb_buffer *from = &s->e->plan->buffer[step->in[0]];
    unsigned align = (unsigned)ebb_dtype_size(from->dtype);
    LLVMBuildMemMove(s->e->builder, buffer_address(s, step->out), align, buffer_address(s, step->in[0]), align,
                     ebb_emit_int(s->e, from->bytes));
}

static LLVMValueRef description(const ebb_entry_state *s, const ebb_step *step) {
    const ebb_emit *e = s->e;
    LLVMValueRef number[EBB_DESCRIBE_MAX];
    for (int i = 0; i < step->ndesc; i++)
        number[i] = ebb_emit_int(e, step->desc[i]);
    LLVMValueRef array = LLVMConstArray2(e->i64, number, (uint64_t)step->ndesc);
    LLVMValueRef global = LLVMAddGlobal(e->module, LLVMTypeOf(array), "description");
    LLVMSetInitializer(global, array);
    LLVMSetGlobalConstant(global, 1);
    LLVMSetLinkage(global, LLVMPrivateLinkage);
    return global;
}

static LLVMValueRef operand_array(ebb_entry_state *s) {
    const ebb_emit *e = s->e;
    if (s->operands) return s->operands;
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder), first = LLVMGetEntryBasicBlock(s->function);
    LLVMValueRef start = LLVMGetFirstInstruction(first);
    if (start) LLVMPositionBuilderBefore(e->builder, start);
    s->operands = LLVMBuildAlloca(e->builder, LLVMArrayType2(e->pointer, 3), "operands");
    LLVMPositionBuilderAtEnd(e->builder, here);
    return s->operands;
}

/* A routine that fails ends the call with its code. */
static void routine_step(ebb_entry_state *s, const ebb_step *step) {
    const ebb_emit *e = s->e;
    char name[64];
    snprintf(name, sizeof name, "ebb_rt_%s", ebb_op_table[step->op].name);
    LLVMValueRef operands = operand_array(s);
    for (int i = 0; i < step->nin; i++)
        LLVMBuildStore(e->builder, buffer_address(s, step->in[i]), element_of(e, e->pointer, operands, i));
    LLVMValueRef arg[] = {description(s, step), operands, buffer_address(s, step->out)};
    LLVMValueRef code = ebb_emit_call(e, name, e->i32, 3, arg);
    LLVMBasicBlockRef failed = LLVMAppendBasicBlockInContext(e->context, s->function, "failed");
    LLVMBasicBlockRef next = LLVMAppendBasicBlockInContext(e->context, s->function, "");
    LLVMBuildCondBr(e->builder, LLVMBuildICmp(e->builder, LLVMIntEQ, code, LLVMConstInt(e->i32, EBB_OK, 0), ""), next,
                    failed);
    LLVMPositionBuilderAtEnd(e->builder, failed);
    LLVMBuildRet(e->builder, code);
    LLVMPositionBuilderAtEnd(e->builder, next);
}

static bool lower_step(ebb_entry_state *s, const ebb_step *step) {
    switch (step->kind) {
    case EBB_STEP_KERNEL:
        return kernel_step(s, step);
    case EBB_STEP_ROUTINE:
        routine_step(s, step);
        return true;
    case EBB_STEP_COPY:
        copy_step(s, step);
        return true;
    }
    return true;
}

static bool lower_entry(ebb_emit *e) {
    LLVMValueRef f = ebb_emit_function(e, e->options->symbol, e->i32, LLVMExternalLinkage);
    ebb_entry_state s = {e, f, LLVMGetParam(f, 0), LLVMGetParam(f, 1), LLVMGetParam(f, 2), NULL, 0};
    for (; s.step < e->plan->steps; s.step++)
        if (!lower_step(&s, &e->plan->step[s.step])) return false;
    LLVMBuildRet(e->builder, LLVMConstInt(e->i32, EBB_OK, 0));
    return true;
}

/* ---- the module ---- */

#define POOL_ALIGNMENT 64

static void add_pool(ebb_emit *e) {
    if (e->plan->pool_bytes == 0) return;
    LLVMValueRef bytes =
        LLVMConstStringInContext2(e->context, (const char *)e->plan->pool, (size_t)e->plan->pool_bytes, 1);
    e->pool = LLVMAddGlobal(e->module, LLVMTypeOf(bytes), "pool");
    LLVMSetInitializer(e->pool, bytes);
    LLVMSetGlobalConstant(e->pool, 1);
    LLVMSetLinkage(e->pool, LLVMPrivateLinkage);
    LLVMSetAlignment(e->pool, POOL_ALIGNMENT);
}

static void open_module(ebb_emit *e) {
    LLVMContextRef c = e->context;
    e->module = LLVMModuleCreateWithNameInContext(e->options->symbol, c);
    LLVMSetTarget(e->module, e->options->triple);
    LLVMSetDataLayout(e->module, e->options->layout);
    e->builder = LLVMCreateBuilderInContext(c);
    e->i1 = LLVMInt1TypeInContext(c);
    e->i8 = LLVMInt8TypeInContext(c);
    e->i32 = LLVMInt32TypeInContext(c);
    e->i64 = LLVMInt64TypeInContext(c);
    e->f32 = LLVMFloatTypeInContext(c);
    e->f64 = LLVMDoubleTypeInContext(c);
    e->pointer = LLVMPointerTypeInContext(c, 0);
    e->nothing = LLVMVoidTypeInContext(c);
    add_pool(e);
}

static void count_instructions(const ebb_plan *plan, ebb_lowered *lowered) {
    for (int32_t i = 0; i < plan->steps; i++) {
        const ebb_kernel *k = &plan->step[i].kernel;
        if (plan->step[i].kind != EBB_STEP_KERNEL) continue;
        if (k->axes > 0) lowered->looped += k->count;
    }
}

bool ebb_lower(LLVMContextRef context, const ebb_plan *plan, const ebb_lower_options *options, ebb_lowered *lowered,
               ebb_diag *diag) {
    ebb_emit e = {.plan = plan, .options = options, .context = context, .diag = diag};
    *lowered = (ebb_lowered){0};
    open_module(&e);
    bool ok = lower_entry(&e);
    LLVMDisposeBuilder(e.builder);
    if (!ok) {
        LLVMDisposeModule(e.module);
        return false;
    }
    count_instructions(plan, lowered);
    lowered->module = e.module;
    lowered->passes = e.has_variables ? "function(mem2reg)" : NULL;
    return true;
}
