/* body.c - values on demand: what a region of the kernel needs is marked backwards, then emitted forwards.
 *
 * A region is the kernel's beginning, a row, or one vector of elements in one stage. Values are known for as long as
 * the region's level lasts, so kernel-level values are computed once, row values once per row. Instructions are in
 * topological order, so both directions are plain loops. */
#include "jit/lower/nest.h"

#include <string.h>

void ebb_body_forget(ebb_nest *t, int level) {
    for (int32_t i = 0; i < t->k->count; i++) {
        t->splat[i] = NULL;
        bool stays = t->turn > 0 && !t->turns[i];
        if (ebb_nest_level(t, &t->k->inst[i]) >= level && !stays) t->value[i] = NULL;
    }
}

/* A fold that is known is where the search ends. */
void ebb_body_close(ebb_nest *t) {
    for (int32_t i = t->k->count - 1; i >= 0; i--) {
        if (!t->need[i] || (t->k->inst[i].kind == EBB_FOLD && t->value[i])) continue;
        for (int j = 0; j < 3; j++)
            if (t->k->inst[i].operand[j] >= 0) t->need[t->k->inst[i].operand[j]] = true;
    }
}

LLVMValueRef ebb_body_operand(ebb_nest *t, int32_t i, int lanes) {
    const ebb_inst *inst = &t->k->inst[i];
    if (inst->kind == EBB_CONST) return ebb_emit_bits(t->e, (ebb_dtype)inst->dtype, lanes, inst->bits);
    if (ebb_nest_lanes(t, ebb_nest_level(t, inst)) == lanes) return t->value[i];
    if (!t->splat[i]) t->splat[i] = ebb_emit_splat(t->e, t->value[i], lanes);
    return t->splat[i];
}

/* ---- sin and cos of one scalar are one call: reducing the argument is most of the work ---- */

static int32_t other_half(const ebb_nest *t, int32_t i) {
    const ebb_inst *inst = &t->k->inst[i];
    if (inst->op != EBB_OP_sin && inst->op != EBB_OP_cos) return -1;
    ebb_op wanted = inst->op == EBB_OP_sin ? EBB_OP_cos : EBB_OP_sin;
    for (int32_t j = i + 1; j < t->k->count; j++) {
        const ebb_inst *other = &t->k->inst[j];
        bool same = other->kind == EBB_APPLY && other->op == wanted && other->operand[0] == inst->operand[0];
        if (same && t->need[j] && !t->value[j] && other->level == inst->level) return j;
    }
    return -1;
}

static LLVMValueRef apply_both(ebb_nest *t, int32_t i, int32_t j) {
    const ebb_inst *inst = &t->k->inst[i];
    bool single = inst->dtype == EBB_F32;
    LLVMTypeRef type = ebb_emit_type(t->e, (ebb_dtype)inst->dtype, 1);
    LLVMValueRef half[2] = {ebb_variable_new(t, type), ebb_variable_new(t, type)};
    LLVMValueRef arg[3] = {ebb_body_operand(t, inst->operand[0], 1), half[0], half[1]};
    ebb_emit_call(t->e, single ? "sincosf" : "sincos", t->e->nothing, 3, arg);
    bool sine = inst->op == EBB_OP_sin;
    t->value[j] = LLVMBuildLoad2(t->e->builder, type, half[sine], "");
    return LLVMBuildLoad2(t->e->builder, type, half[!sine], "");
}

static LLVMValueRef apply(ebb_nest *t, int32_t i, int lanes) {
    const ebb_inst *inst = &t->k->inst[i];
    if (t->inside && ebb_is_bound(t, i)) return ebb_emit_bits(t->e, EBB_BOOL, lanes, 1);
    int32_t other = lanes == 1 ? other_half(t, i) : -1;
    if (other >= 0) return apply_both(t, i, other);
    ebb_dtype from = (ebb_dtype)t->k->inst[inst->operand[0]].dtype;
    ebb_apply a = {t->e, lanes, lanes == 1 ? 1 : t->at.active, from, (ebb_dtype)inst->dtype, {NULL}};
    for (int j = 0; j < 3; j++)
        if (inst->operand[j] >= 0) a.x[j] = ebb_body_operand(t, inst->operand[j], lanes);
    return ebb_emit_op((ebb_op)inst->op, &a);
}

static LLVMValueRef value_of(ebb_nest *t, int32_t i, int lanes) {
    const ebb_inst *inst = &t->k->inst[i];
    switch ((ebb_inst_kind)inst->kind) {
    case EBB_LOAD:
        return ebb_access_load(t, i, lanes);
    case EBB_IOTA:
        return ebb_access_iota(t, i, lanes);
    case EBB_APPLY:
        return apply(t, i, lanes);
    case EBB_CONST: /* made where it is used */
    case EBB_FOLD:  /* sums.c */
    case EBB_STORE:
        break;
    }
    return NULL;
}

void ebb_body_emit(ebb_nest *t, int level) {
    int lanes = ebb_nest_lanes(t, level);
    for (int32_t i = 0; i < t->k->count; i++)
        if (t->need[i] && !t->value[i] && ebb_nest_level(t, &t->k->inst[i]) == level)
            t->value[i] = value_of(t, i, lanes);
}

void ebb_body_store(ebb_nest *t, int level) {
    int lanes = ebb_nest_lanes(t, level);
    for (int32_t i = 0; i < t->k->count; i++) {
        const ebb_inst *inst = &t->k->inst[i];
        if (!t->need[i] || inst->kind != EBB_STORE || ebb_nest_level(t, inst) != level) continue;
        ebb_access_store(t, i, ebb_body_operand(t, inst->operand[0], lanes), lanes);
    }
}
