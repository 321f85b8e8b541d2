/* lower.c - the module: one function per kernel, and the entry that runs the steps in order; functions that regions run
 * have such an entry too, inside the module. See lower.h. */
#include "jit/lower/emit.h"

#include <stdio.h>
#include <string.h>

#include "jit/lower/llvm_compat.h"

/* ---- steps of the entry function ---- */

typedef struct ebb_entry_state {
    ebb_emit *e;
    const char *name; /* of the entry; the kernels' names begin with it */
    LLVMValueRef function, in, out, work;
    LLVMValueRef pointers; /* variable: pointers for a routine or region */
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
    snprintf(name, sizeof name, "%s.%d", s->name, (int)s->step);
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder);
    *function = ebb_emit_function(e, name, e->nothing, LLVMInternalLinkage);
    if (!ebb_emit_kernel(e, &step->kernel, *function, NULL)) return false;
    LLVMBuildRetVoid(e->builder);
    LLVMPositionBuilderAtEnd(e->builder, here);
    return true;
}

static bool kernel_step(ebb_entry_state *s, const ebb_step *step) {
    ebb_emit *e = s->e;
    if (only_kernel(e->plan)) return ebb_emit_kernel(e, &step->kernel, s->function, NULL);
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

/* ---- routines and regions ---- */

static LLVMValueRef constant(const ebb_emit *e, LLVMValueRef value) {
    LLVMValueRef global = LLVMAddGlobal(e->module, LLVMTypeOf(value), "description");
    LLVMSetInitializer(global, value);
    LLVMSetGlobalConstant(global, 1);
    LLVMSetLinkage(global, LLVMPrivateLinkage);
    LLVMSetAlignment(global, sizeof(int64_t));
    return global;
}

static LLVMValueRef description(const ebb_emit *e, const ebb_step *step) {
    LLVMValueRef number[EBB_DESCRIBE_MAX];
    for (int i = 0; i < step->ndesc; i++)
        number[i] = ebb_emit_int(e, step->desc[i]);
    return constant(e, LLVMConstArray2(e->i64, number, (uint64_t)step->ndesc));
}

/* Of a loop there may be any number of numbers: their bytes. */
static LLVMValueRef loop_description(const ebb_emit *e, const ebb_nested *n) {
    const size_t bytes = (size_t)n->numbers * sizeof(int64_t);
    return constant(e, LLVMConstStringInContext2(e->context, (const char *)n->loop, bytes, 1));
}

/* How many pointers the step that has most gives away. */
static unsigned most_pointers(const ebb_plan *plan) {
    int64_t most = EBB_ROUTINE_POINTERS;
    for (int32_t t = 0; t < plan->steps; t++) {
        const ebb_nested *n = plan->step[t].nested;
        if (n && (int64_t)n->operands + n->results > most) most = (int64_t)n->operands + n->results;
    }
    return (unsigned)most;
}

static LLVMValueRef pointer_array(ebb_entry_state *s) {
    const ebb_emit *e = s->e;
    if (s->pointers) return s->pointers;
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder), first = LLVMGetEntryBasicBlock(s->function);
    LLVMValueRef start = LLVMGetFirstInstruction(first);
    if (start) LLVMPositionBuilderBefore(e->builder, start);
    s->pointers = LLVMBuildAlloca(e->builder, LLVMArrayType2(e->pointer, most_pointers(e->plan)), "pointers");
    LLVMPositionBuilderAtEnd(e->builder, here);
    return s->pointers;
}

/* The addresses of n buffers, from place `first` of the array on; null for a buffer that there is not. */
static LLVMValueRef point(ebb_entry_state *s, int32_t n, const int32_t *buffer, int32_t first) {
    const ebb_emit *e = s->e;
    LLVMValueRef array = pointer_array(s);
    for (int32_t i = 0; i < n; i++) {
        LLVMValueRef address = buffer[i] < 0 ? LLVMConstNull(e->pointer) : buffer_address(s, buffer[i]);
        LLVMBuildStore(e->builder, address, element_of(e, e->pointer, array, first + i));
    }
    return element_of(e, e->pointer, array, first);
}

static LLVMBasicBlockRef block(const ebb_entry_state *s, const char *name) {
    return LLVMAppendBasicBlockInContext(s->e->context, s->function, name);
}

/* What fails ends the call with its code, and says which node it was. */
static void check_code(const ebb_entry_state *s, LLVMValueRef code) {
    const ebb_emit *e = s->e;
    LLVMBasicBlockRef failed = block(s, "failed"), next = block(s, "");
    LLVMBuildCondBr(e->builder, LLVMBuildICmp(e->builder, LLVMIntEQ, code, LLVMConstInt(e->i32, EBB_OK, 0), ""), next,
                    failed);
    LLVMPositionBuilderAtEnd(e->builder, failed);
    LLVMValueRef node = LLVMConstInt(e->i32, (unsigned long long)e->plan->step[s->step].node, 0);
    ebb_emit_call(e, "ebb_rt_fault_at", e->nothing, 1, &node);
    LLVMBuildRet(e->builder, code);
    LLVMPositionBuilderAtEnd(e->builder, next);
}

static void routine_step(ebb_entry_state *s, const ebb_step *step) {
    char name[64];
    snprintf(name, sizeof name, "ebb_rt_%s", ebb_op_table[step->op].name);
    LLVMValueRef operands = point(s, step->nin, step->in, 0);
    if (step->scratch >= 0) point(s, 1, &step->scratch, EBB_SCRATCH);
    LLVMValueRef arg[] = {description(s->e, step), operands, buffer_address(s, step->out)};
    check_code(s, ebb_emit_call(s->e, name, s->e->i32, 3, arg));
}

static void nested_name(const ebb_emit *e, int32_t k, char name[256]) {
    snprintf(name, 256, "%s.f%d", e->options->symbol, (int)k);
}

/* The entry of a plan that regions run; they were emitted before those who run them. */
static LLVMValueRef nested_entry(const ebb_emit *e, const ebb_plan *plan) {
    char name[256];
    for (int32_t k = 0; plan && k < e->program->nesteds; k++) {
        if (e->program->nested[k] != plan) continue;
        nested_name(e, k, name);
        return LLVMGetNamedFunction(e->module, name);
    }
    return LLVMConstNull(e->pointer);
}

static LLVMValueRef call_nested(const ebb_entry_state *s, const ebb_plan *plan, LLVMValueRef in, LLVMValueRef out,
                                LLVMValueRef work) {
    LLVMValueRef arg[] = {in, out, work};
    return LLVMBuildCall2(s->e->builder, ebb_emit_function_type(s->e, s->e->i32), nested_entry(s->e, plan), arg, 3, "");
}

/* The predicate is the first operand. */
static LLVMValueRef branch(ebb_entry_state *s, const ebb_nested *n, LLVMValueRef in, LLVMValueRef out,
                           LLVMValueRef work) {
    const ebb_emit *e = s->e;
    LLVMBasicBlockRef way[2] = {block(s, "then"), block(s, "otherwise")}, next = block(s, "");
    LLVMValueRef code[2], p = LLVMBuildLoad2(e->builder, e->i8, buffer_address(s, n->in[0]), "");
    in = element_of(e, e->pointer, in, 1);
    LLVMBuildCondBr(e->builder, LLVMBuildICmp(e->builder, LLVMIntNE, p, LLVMConstNull(e->i8), ""), way[0], way[1]);
    for (int k = 0; k < 2; k++) {
        LLVMPositionBuilderAtEnd(e->builder, way[k]);
        code[k] = call_nested(s, n->plan[k], in, out, work);
        LLVMBuildBr(e->builder, next);
    }
    LLVMPositionBuilderAtEnd(e->builder, next);
    LLVMValueRef either = LLVMBuildPhi(e->builder, e->i32, "");
    LLVMAddIncoming(either, code, way, 2);
    return either;
}

static LLVMValueRef drive(ebb_entry_state *s, const ebb_step *step, LLVMValueRef in, LLVMValueRef out,
                          LLVMValueRef work) {
    const ebb_emit *e = s->e;
    const ebb_nested *n = step->nested;
    LLVMValueRef desc = loop_description(e, n), body = nested_entry(e, n->plan[EBB_LOOP_BODY]);
    LLVMValueRef condition = nested_entry(e, n->plan[EBB_LOOP_CONDITION]);
    LLVMValueRef pullback = nested_entry(e, n->plan[EBB_LOOP_PULLBACK]);
    if (step->op == EBB_OP_loop)
        return ebb_emit_call(e, "ebb_rt_loop", e->i32, 6, (LLVMValueRef[]){desc, body, condition, in, out, work});
    return ebb_emit_call(e, "ebb_rt_unloop", e->i32, 7,
                         (LLVMValueRef[]){desc, body, condition, pullback, in, out, work});
}

static void called_region(ebb_entry_state *s, const ebb_step *step) {
    const ebb_nested *n = step->nested;
    LLVMValueRef in = point(s, n->operands, n->in, 0), out = point(s, n->results, n->out, n->operands);
    LLVMValueRef work = n->work < 0 ? LLVMConstNull(s->e->pointer) : buffer_address(s, n->work);
    check_code(s, n->loop ? drive(s, step, in, out, work) : branch(s, n, in, out, work));
}

static bool straight_region(ebb_entry_state *s, const ebb_step *step) {
    const ebb_nested *n = step->nested;
    const int32_t all = n->operands + n->results;
    LLVMValueRef *address = ebb_mem_new(s->e->program->allocator, (size_t)all + 1, sizeof *address);
    if (!address) return ebb_fail_memory(s->e->diag);
    for (int32_t k = 0; k < n->operands; k++)
        address[k] = buffer_address(s, n->in[k]);
    for (int32_t k = 0; k < n->results; k++)
        if (n->out[k] >= 0) address[n->operands + k] = buffer_address(s, n->out[k]);
    const bool ok = ebb_emit_straight(s->e, s->function, step, address, address + n->operands);
    ebb_mem_free(s->e->program->allocator, address);
    return ok;
}

static bool region_step(ebb_entry_state *s, const ebb_step *step) {
    if (ebb_is_straight(s->e->plan, step)) return straight_region(s, step);
    called_region(s, step);
    return true;
}

/* ---- the entry ---- */

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
    case EBB_STEP_REGION:
        return region_step(s, step);
    }
    return true;
}

static bool lower_entry(ebb_emit *e, const char *name, LLVMLinkage linkage) {
    LLVMValueRef f = ebb_emit_function(e, name, e->i32, linkage);
    ebb_entry_state s = {e, name, f, LLVMGetParam(f, 0), LLVMGetParam(f, 1), LLVMGetParam(f, 2), NULL, 0};
    for (; s.step < e->plan->steps; s.step++)
        if (!lower_step(&s, &e->plan->step[s.step])) return false;
    LLVMBuildRet(e->builder, LLVMConstInt(e->i32, EBB_OK, 0));
    return true;
}

/* ---- the module ---- */

#define POOL_ALIGNMENT 64

static void add_pool(ebb_emit *e) {
    e->pool = NULL;
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
}

static bool lower_plan(ebb_emit *e, const ebb_plan *plan, const char *name, LLVMLinkage linkage) {
    e->plan = plan;
    add_pool(e);
    return lower_entry(e, name, linkage);
}

/* Marks the plans that this one's regions call as functions. */
static void mark_called(ebb_emit *e, const ebb_plan *plan) {
    for (int32_t t = 0; t < plan->steps; t++) {
        const ebb_nested *n = plan->step[t].nested;
        if (!n || ebb_is_straight(plan, &plan->step[t])) continue;
        for (int32_t k = 0; k < e->program->nesteds; k++)
            for (int j = 0; j < 3; j++)
                e->called[k] |= n->plan[j] == e->program->nested[k];
    }
}

/* Callers come after those they call. */
static bool find_called(ebb_emit *e) {
    e->called = ebb_mem_new(e->program->allocator, (size_t)e->program->nesteds + 1, sizeof *e->called);
    if (!e->called) return ebb_fail_memory(e->diag);
    mark_called(e, e->program);
    for (int32_t k = e->program->nesteds - 1; k >= 0; k--)
        if (e->called[k]) mark_called(e, e->program->nested[k]);
    return true;
}

static bool lower_all(ebb_emit *e) {
    if (!find_called(e)) return false;
    for (int32_t k = 0; k < e->program->nesteds; k++) {
        char name[256];
        nested_name(e, k, name);
        if (e->called[k] && !lower_plan(e, e->program->nested[k], name, LLVMInternalLinkage)) return false;
    }
    return lower_plan(e, e->program, e->options->symbol, LLVMExternalLinkage);
}

/* Instructions that run many times: in loop nests, and all that a region runs. */
static void count_instructions(const ebb_plan *plan, bool nested, ebb_lowered *lowered) {
    for (int32_t i = 0; i < plan->steps; i++) {
        const ebb_kernel *k = &plan->step[i].kernel;
        if (plan->step[i].kind != EBB_STEP_KERNEL) continue;
        if (nested || k->axes > 0) lowered->looped += k->count;
    }
    for (int32_t k = 0; k < plan->nesteds; k++)
        count_instructions(plan->nested[k], true, lowered);
}

bool ebb_lower(LLVMContextRef context, const ebb_plan *plan, const ebb_lower_options *options, ebb_lowered *lowered,
               ebb_diag *diag) {
    ebb_emit e = {.program = plan, .options = options, .context = context, .diag = diag};
    *lowered = (ebb_lowered){0};
    open_module(&e);
    bool ok = lower_all(&e);
    ebb_mem_free(plan->allocator, e.called);
    LLVMDisposeBuilder(e.builder);
    if (!ok) {
        LLVMDisposeModule(e.module);
        return false;
    }
    count_instructions(plan, false, lowered);
    lowered->module = e.module;
    lowered->passes = e.has_variables ? "function(mem2reg)" : NULL;
    return true;
}
