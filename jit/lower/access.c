/* access.c - loads, stores and index values of one vector.
 *
 * Pointers are aligned to their element only. In a tail, lanes past the active ones get copies of the first lane: what
 * is computed there raises no exception and takes no slow path that a real element would not. */
#include "jit/lower/nest.h"

static int64_t vector_stride(const ebb_nest *t, const ebb_inst *inst, int lanes) {
    return lanes > 1 ? inst->stride[t->vector] : 0;
}

/* The index that lane l of a vector stands at, relative to the first one. */
static int64_t lane_index(const ebb_nest *t, int lane) { return lane < t->at.active ? lane : 0; }

static LLVMValueRef lane_offsets(const ebb_nest *t, int64_t stride, int lanes) {
    LLVMValueRef offset[64];
    for (int i = 0; i < lanes; i++)
        offset[i] = ebb_emit_int(t->e, lane_index(t, i) * stride);
    return LLVMConstVector(offset, (unsigned)lanes);
}

static LLVMValueRef lane_pointers(const ebb_nest *t, const ebb_inst *inst, LLVMValueRef base, int lanes) {
    LLVMValueRef offsets = lane_offsets(t, inst->stride[t->vector], lanes);
    return LLVMBuildGEP2(t->e->builder, ebb_emit_memory_type(t->e, (ebb_dtype)inst->dtype, 1), base, &offsets, 1, "");
}

static LLVMValueRef load_plain(const ebb_nest *t, ebb_dtype dtype, LLVMValueRef from, int lanes) {
    LLVMValueRef x = LLVMBuildLoad2(t->e->builder, ebb_emit_memory_type(t->e, dtype, lanes), from, "");
    LLVMSetAlignment(x, (unsigned)ebb_dtype_size(dtype));
    return x;
}

static LLVMValueRef load_tail(const ebb_nest *t, ebb_dtype dtype, LLVMValueRef from, int lanes) {
    const ebb_emit *e = t->e;
    LLVMValueRef other = ebb_emit_splat(e, load_plain(t, dtype, from, 1), lanes);
    LLVMValueRef arg[] = {from, NULL, ebb_emit_mask(e, t->at.active, lanes), other};
    return ebb_emit_masked(e, "llvm.masked.load", ebb_emit_memory_type(e, dtype, lanes), e->pointer, 4, arg, 1, 0,
                           ebb_dtype_size(dtype));
}

static LLVMValueRef gather(const ebb_nest *t, const ebb_inst *inst, LLVMValueRef from, int lanes) {
    const ebb_emit *e = t->e;
    ebb_dtype dtype = (ebb_dtype)inst->dtype;
    LLVMTypeRef type = ebb_emit_memory_type(e, dtype, lanes), pointers = LLVMVectorType(e->pointer, (unsigned)lanes);
    LLVMValueRef arg[] = {lane_pointers(t, inst, from, lanes), NULL, ebb_emit_mask(e, lanes, lanes),
                          LLVMConstNull(type)};
    return ebb_emit_masked(e, "llvm.masked.gather", type, pointers, 4, arg, 1, 0, ebb_dtype_size(dtype));
}

/* The lanes that count and whose guard holds; the others are 0. A single one is a vector of one lane. */
static LLVMValueRef load_guarded(ebb_nest *t, const ebb_inst *inst, LLVMValueRef from, int lanes) {
    const ebb_emit *e = t->e;
    LLVMBuilderRef b = e->builder;
    size_t align = ebb_dtype_size((ebb_dtype)inst->dtype);
    LLVMTypeRef one = ebb_emit_memory_type(e, (ebb_dtype)inst->dtype, 1), type = LLVMVectorType(one, (unsigned)lanes);
    LLVMValueRef guard = ebb_body_operand(t, inst->operand[0], lanes), zero = LLVMConstInt(e->i32, 0, 0);
    if (lanes == 1) guard = LLVMBuildInsertElement(b, LLVMGetUndef(LLVMVectorType(e->i1, 1)), guard, zero, "");
    if (lanes > 1 && t->at.active < lanes) guard = LLVMBuildAnd(b, guard, ebb_emit_mask(e, t->at.active, lanes), "");
    if (lanes > 1 && inst->stride[t->vector] != 1) {
        LLVMValueRef arg[] = {lane_pointers(t, inst, from, lanes), NULL, guard, LLVMConstNull(type)};
        LLVMTypeRef pointers = LLVMVectorType(e->pointer, (unsigned)lanes);
        return ebb_emit_masked(e, "llvm.masked.gather", type, pointers, 4, arg, 1, 0, align);
    }
    LLVMValueRef arg[] = {from, NULL, guard, LLVMConstNull(type)};
    LLVMValueRef x = ebb_emit_masked(e, "llvm.masked.load", type, e->pointer, 4, arg, 1, 0, align);
    return lanes == 1 ? LLVMBuildExtractElement(b, x, zero, "") : x;
}

static LLVMValueRef load(const ebb_nest *t, const ebb_inst *inst, LLVMValueRef from, int lanes) {
    ebb_dtype dtype = (ebb_dtype)inst->dtype;
    int64_t stride = vector_stride(t, inst, lanes);
    if (stride == 0) return ebb_emit_splat(t->e, load_plain(t, dtype, from, 1), lanes);
    if (stride != 1) return gather(t, inst, from, lanes);
    return t->at.active == lanes ? load_plain(t, dtype, from, lanes) : load_tail(t, dtype, from, lanes);
}

/* Inside of all bounds, guards fold to a constant. */
static bool is_true(LLVMValueRef guard) { return guard == LLVMConstAllOnes(LLVMTypeOf(guard)); }

static bool is_guarded(ebb_nest *t, const ebb_inst *inst, int lanes) {
    return inst->operand[0] >= 0 && !is_true(ebb_body_operand(t, inst->operand[0], lanes));
}

/* What an earlier LOAD has read in the same place, if no guard held anything back; or NULL. */
static LLVMValueRef read_before(ebb_nest *t, int32_t i, int lanes) {
    const int32_t twin = t->twin[i];
    if (twin < 0 || !t->value[twin]) return NULL;
    const ebb_inst *before = &t->k->inst[twin], *inst = &t->k->inst[i];
    if (ebb_nest_level(t, before) != ebb_nest_level(t, inst)) return NULL;
    return is_guarded(t, before, lanes) || is_guarded(t, inst, lanes) ? NULL : t->value[twin];
}

LLVMValueRef ebb_access_load(ebb_nest *t, int32_t i, int lanes) {
    const ebb_inst *inst = &t->k->inst[i];
    LLVMValueRef from = t->cursor[t->depth][i];
    if (t->held) return t->held[inst->buffer];
    LLVMValueRef known = read_before(t, i, lanes);
    if (known) return known;
    bool guarded = is_guarded(t, inst, lanes);
    LLVMValueRef x = guarded ? load_guarded(t, inst, from, lanes) : load(t, inst, from, lanes);
    if (inst->dtype != EBB_BOOL) return x;
    return LLVMBuildICmp(t->e->builder, LLVMIntNE, x, LLVMConstNull(LLVMTypeOf(x)), "");
}

static void store_vector(const ebb_nest *t, const ebb_inst *inst, LLVMValueRef to, LLVMValueRef x, int lanes) {
    const ebb_emit *e = t->e;
    size_t align = ebb_dtype_size((ebb_dtype)inst->dtype);
    LLVMTypeRef type = LLVMTypeOf(x), pointers = LLVMVectorType(e->pointer, (unsigned)lanes);
    LLVMValueRef mask = ebb_emit_mask(e, t->at.active, lanes);
    if (inst->stride[t->vector] == 1) {
        ebb_emit_masked(e, "llvm.masked.store", type, e->pointer, 4, (LLVMValueRef[]){x, to, NULL, mask}, 2, 1, align);
    } else {
        LLVMValueRef arg[] = {x, lane_pointers(t, inst, to, lanes), NULL, mask};
        ebb_emit_masked(e, "llvm.masked.scatter", type, pointers, 4, arg, 2, 1, align);
    }
}

void ebb_access_store(ebb_nest *t, int32_t i, LLVMValueRef x, int lanes) {
    const ebb_inst *inst = &t->k->inst[i];
    LLVMValueRef to = t->cursor[t->depth][i];
    LLVMBuilderRef b = t->e->builder;
    if (t->held) {
        t->held[inst->buffer] = x;
        return;
    }
    if (inst->dtype == EBB_BOOL) x = LLVMBuildZExt(b, x, ebb_emit_memory_type(t->e, EBB_BOOL, lanes), "");
    if (lanes > 1 && t->at.active == 1) { /* LLVM 22 stores one lane of a narrowed vector too wide */
        x = ebb_emit_lane(t->e, x, 0);
        lanes = 1;
    }
    bool whole = lanes == 1 || (inst->stride[t->vector] == 1 && t->at.active == lanes);
    if (whole)
        LLVMSetAlignment(LLVMBuildStore(b, x, to), (unsigned)ebb_dtype_size((ebb_dtype)inst->dtype));
    else
        store_vector(t, inst, to, x, lanes);
}

/* ---- index values ---- */

static LLVMValueRef plus_steps(const ebb_nest *t, LLVMValueRef sum, LLVMValueRef index, int64_t stride) {
    if (!index || stride == 0) return sum;
    LLVMBuilderRef b = t->e->builder;
    return LLVMBuildAdd(b, sum, LLVMBuildMul(b, index, ebb_emit_int(t->e, stride), ""), "");
}

LLVMValueRef ebb_access_iota(ebb_nest *t, int32_t i, int lanes) {
    const ebb_emit *e = t->e;
    const ebb_inst *inst = &t->k->inst[i];
    int64_t along = vector_stride(t, inst, lanes);
    LLVMValueRef x = ebb_emit_int(e, inst->offset + along * t->at.shift);
    for (int a = 0; a < t->k->axes; a++)
        if (a != t->vector) x = plus_steps(t, x, t->index[a], inst->stride[a]);
    x = ebb_emit_splat(e, plus_steps(t, x, t->at.index, along), lanes);
    if (along) x = LLVMBuildAdd(e->builder, x, lane_offsets(t, along, lanes), "");
    ebb_apply a = {e, lanes, lanes, EBB_I64, (ebb_dtype)inst->dtype, {x}};
    return ebb_emit_op(EBB_OP_iota, &a);
}
