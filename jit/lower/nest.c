/* nest.c - axes, loops and positions of a kernel. See nest.h. */
#include "jit/lower/nest.h"

#include <string.h>

/* Lanes follow the widest float of the kernel, so that the work that costs most fills a register. */
static int full_lanes(const ebb_nest *t) {
    size_t widest_float = 0, widest = 1;
    for (int32_t i = 0; i < t->k->count; i++) {
        ebb_dtype dtype = (ebb_dtype)t->k->inst[i].dtype;
        size_t size = ebb_dtype_size(dtype);
        if (size > widest) widest = size;
        if (ebb_is_float(dtype) && size > widest_float) widest_float = size;
    }
    return (int)((size_t)t->e->options->vector_bits / 8 / (widest_float ? widest_float : widest));
}

void ebb_nest_axes(ebb_nest *t) {
    t->vector = -1;
    t->reducing = t->k->stages > 0;
    for (int a = 0; a < t->k->axes; a++)
        if (t->k->extent[a] != 1) t->vector = a;
    t->vector_reduced = t->vector >= 0 && t->k->reduced[t->vector];
    for (int a = 0; a < t->vector; a++) {
        if (t->k->extent[a] == 1) continue;
        if (t->k->reduced[a])
            t->reduced[t->reductions++] = a;
        else
            t->kept[t->keeps++] = a;
    }
    t->lanes = t->vector >= 0 ? full_lanes(t) : 1;
    t->summed = t->vector >= 0 ? t->k->extent[t->vector] : 1;
    for (int32_t i = 0; i < t->k->count; i++) {
        const ebb_inst *inst = &t->k->inst[i];
        if (inst->kind == EBB_FOLD) t->summed = ebb_nest_span(t, inst);
        t->ragged |= inst->span != 0;
    }
}

/* ---- the turned axis: directions of one product, say, which share what is computed of the point ---- */

enum { TURNED_EXTENT = 4, TURNED_SHARE = 4, TURNED_SIZE = 256 }; /* at most, at least, instructions in all at most */

/* Marks what differs along the axis; how many operations do not. */
static int mark_turns(ebb_nest *t, int axis) {
    int shared = 0;
    for (int32_t i = 0; i < t->k->count; i++) {
        const ebb_inst *inst = &t->k->inst[i];
        t->turns[i] = inst->stride[axis] != 0;
        for (int j = 0; j < 3; j++)
            if (inst->operand[j] >= 0) t->turns[i] |= t->turns[inst->operand[j]];
        shared += inst->kind == EBB_APPLY && inst->level == EBB_LEVEL_ROW && !t->turns[i];
    }
    return shared;
}

void ebb_nest_find_turned(ebb_nest *t) {
    t->turned = -1;
    if (t->e->options->no_turning || t->reducing || t->vector < 0 || t->k->extent[t->vector] < t->lanes) return;
    for (int i = 0; i < t->keeps; i++) {
        const int64_t extent = t->k->extent[t->kept[i]];
        if (extent > TURNED_EXTENT || extent * t->k->count > TURNED_SIZE) continue;
        if (mark_turns(t, t->kept[i]) < TURNED_SHARE) continue;
        t->turned = t->kept[i];
        memmove(&t->kept[i], &t->kept[i + 1], (size_t)(--t->keeps - i) * sizeof t->kept[i]);
        return;
    }
}

/* ---- levels ---- */

/* What has a span has it on the vector axis: that is the last one that is longer than 1. */
int64_t ebb_nest_span(const ebb_nest *t, const ebb_inst *inst) {
    return inst->span || t->vector < 0 ? inst->span : t->k->extent[t->vector];
}

bool ebb_nest_takes(const ebb_nest *t, const ebb_inst *inst) { return !t->only || t->only == ebb_nest_span(t, inst); }

/* Without kept axes the whole kernel is one row, without stages a row is the innermost level. */
int ebb_nest_level(const ebb_nest *t, const ebb_inst *inst) {
    bool any_kept = t->keeps > 0 || (t->vector >= 0 && !t->vector_reduced);
    if (inst->level == EBB_LEVEL_KERNEL && !any_kept) return EBB_LEVEL_ROW;
    if (inst->level == EBB_LEVEL_ELEMENT && !t->reducing) return EBB_LEVEL_ROW;
    return inst->level;
}

int ebb_nest_lanes(const ebb_nest *t, int level) {
    if (level == EBB_LEVEL_KERNEL || (level == EBB_LEVEL_ROW && t->vector_reduced)) return 1;
    return t->lanes;
}

/* ---- addresses ---- */

static bool is_access(const ebb_inst *inst) { return inst->kind == EBB_LOAD || inst->kind == EBB_STORE; }

static LLVMValueRef base_of(const ebb_nest *t, const ebb_buffer *buffer, LLVMValueRef in, LLVMValueRef out,
                            LLVMValueRef work) {
    const ebb_emit *e = t->e;
    LLVMValueRef offset = ebb_emit_int(e, buffer->offset), slot = ebb_emit_int(e, buffer->index);
    switch (buffer->place) {
    case EBB_IN_INPUT:
    case EBB_IN_OUTPUT: {
        LLVMValueRef array = buffer->place == EBB_IN_INPUT ? in : out;
        return LLVMBuildLoad2(e->builder, e->pointer, LLVMBuildGEP2(e->builder, e->pointer, array, &slot, 1, ""), "");
    }
    case EBB_IN_ARENA:
        return LLVMBuildGEP2(e->builder, e->i8, work, &offset, 1, "");
    case EBB_IN_POOL:
        return LLVMBuildGEP2(e->builder, e->i8, e->pool, &offset, 1, "");
    }
    return NULL;
}

static bool same_place(const ebb_nest *t, const ebb_inst *x, const ebb_inst *y) {
    bool same = x->kind == y->kind && x->buffer == y->buffer && x->offset == y->offset && x->stage == y->stage;
    for (int a = 0; a < t->k->axes; a++)
        same = same && x->stride[a] == y->stride[a];
    return same;
}

/* Code that is no loop runs once, and has no pads. */
static int32_t find_twin(const ebb_nest *t, int32_t i) {
    for (int32_t j = 0; j < i && t->vector >= 0; j++)
        if (t->k->inst[j].kind == EBB_LOAD && same_place(t, &t->k->inst[j], &t->k->inst[i])) return j;
    return -1;
}

void ebb_nest_bases(ebb_nest *t, LLVMValueRef in, LLVMValueRef out, LLVMValueRef work) {
    for (int32_t i = 0; i < t->k->count; i++) {
        const ebb_inst *inst = &t->k->inst[i];
        t->twin[i] = is_access(inst) ? find_twin(t, i) : -1;
        if (!is_access(inst)) continue;
        if (t->twin[i] >= 0) {
            t->cursor[0][i] = t->cursor[0][t->twin[i]];
            continue;
        }
        LLVMValueRef base = base_of(t, &t->e->plan->buffer[inst->buffer], in, out, work);
        t->cursor[0][i] = ebb_emit_element(t->e, (ebb_dtype)inst->dtype, base, ebb_emit_int(t->e, inst->offset));
    }
}

/* Goes one level deeper: each needed access moves by `index` (and the constant `shift`) steps along `axis`. */
static void enter(ebb_nest *t, int axis, LLVMValueRef index, int64_t shift) {
    const ebb_emit *e = t->e;
    LLVMValueRef *from = t->cursor[t->depth], *to = t->cursor[++t->depth];
    for (int32_t i = 0; i < t->k->count; i++) {
        const ebb_inst *inst = &t->k->inst[i];
        const int32_t twin = is_access(inst) ? t->twin[i] : -1;
        to[i] = twin >= 0 && t->need[twin] ? to[twin] : from[i];
        if (to[i] != from[i]) continue;
        int64_t stride = is_access(inst) && t->need[i] ? inst->stride[axis] : 0;
        if (stride == 0) continue;
        if (index) {
            LLVMValueRef steps = stride == 1 ? index : LLVMBuildMul(e->builder, index, ebb_emit_int(e, stride), "");
            to[i] = ebb_emit_element(e, (ebb_dtype)inst->dtype, to[i], steps);
        }
        to[i] = ebb_emit_element(e, (ebb_dtype)inst->dtype, to[i], ebb_emit_int(e, stride * shift));
    }
}

void ebb_nest_enter_vector(ebb_nest *t) {
    if (t->vector >= 0) enter(t, t->vector, t->at.index, t->at.shift);
}

void ebb_nest_leave_vector(ebb_nest *t) {
    if (t->vector >= 0) t->depth--;
}

/* ---- loops: from 0 to count (a multiple of step, not 0) ---- */

LLVMValueRef ebb_loop_open(ebb_nest *t, int64_t count, int64_t step) {
    const ebb_emit *e = t->e;
    ebb_for *l = &t->loop[t->loops++];
    *l = (ebb_for){.count = count, .step = step};
    if (count == step) return NULL;
    LLVMBasicBlockRef before = LLVMGetInsertBlock(e->builder);
    LLVMValueRef zero = ebb_emit_int(e, 0);
    l->head = LLVMAppendBasicBlockInContext(e->context, t->function, "loop");
    LLVMBuildBr(e->builder, l->head);
    LLVMPositionBuilderAtEnd(e->builder, l->head);
    l->index = LLVMBuildPhi(e->builder, e->i64, "i");
    LLVMAddIncoming(l->index, &zero, &before, 1);
    return l->index;
}

void ebb_loop_close(ebb_nest *t) {
    const ebb_emit *e = t->e;
    ebb_for *l = &t->loop[--t->loops];
    if (!l->head) return;
    LLVMBasicBlockRef last = LLVMGetInsertBlock(e->builder);
    LLVMBasicBlockRef after = LLVMAppendBasicBlockInContext(e->context, t->function, "");
    LLVMValueRef next = LLVMBuildAdd(e->builder, l->index, ebb_emit_int(e, l->step), "");
    LLVMAddIncoming(l->index, &next, &last, 1);
    LLVMValueRef more = LLVMBuildICmp(e->builder, LLVMIntNE, next, ebb_emit_int(e, l->count), "");
    LLVMBuildCondBr(e->builder, more, l->head, after);
    LLVMPositionBuilderAtEnd(e->builder, after);
}

void ebb_nest_open(ebb_nest *t, int axis) {
    t->index[axis] = ebb_loop_open(t, t->k->extent[axis], 1);
    enter(t, axis, t->index[axis], 0);
}

void ebb_nest_close(ebb_nest *t, int axis) {
    t->depth--;
    t->index[axis] = NULL;
    ebb_loop_close(t);
}

void ebb_nest_turn(ebb_nest *t, int64_t index) {
    t->turn = index;
    t->index[t->turned] = ebb_emit_int(t->e, index);
    enter(t, t->turned, NULL, index);
}

void ebb_nest_turn_back(ebb_nest *t) {
    t->depth--;
    t->turn = 0;
}

LLVMValueRef ebb_variable_new(ebb_nest *t, LLVMTypeRef type) {
    LLVMBuilderRef b = t->e->builder;
    LLVMBasicBlockRef here = LLVMGetInsertBlock(b), first = LLVMGetEntryBasicBlock(t->function);
    LLVMValueRef start = LLVMGetFirstInstruction(first);
    if (start)
        LLVMPositionBuilderBefore(b, start);
    else
        LLVMPositionBuilderAtEnd(b, first);
    LLVMValueRef variable = LLVMBuildAlloca(b, type, "");
    LLVMPositionBuilderAtEnd(b, here);
    t->e->has_variables = true;
    return variable;
}
