/* tidy.c - a written kernel, finished: unused instructions are dropped, axes are merged, passes are counted. */
#include "jit/plan/planner.h"

/* ---- unused instructions ---- */

/* Renumbers in place; `number` is scratch of k->count. */
static void drop_unused(ebb_kernel *k, int32_t *number) {
    int32_t kept = 0;
    for (int32_t i = k->count - 1; i >= 0; i--) {
        const ebb_inst *inst = &k->inst[i];
        if (inst->kind == EBB_STORE) number[i] = 1;
        for (int j = 0; j < 3 && number[i]; j++)
            if (inst->operand[j] >= 0) number[inst->operand[j]] = 1;
    }
    for (int32_t i = 0; i < k->count; i++) {
        if (!number[i]) continue;
        ebb_inst inst = k->inst[i];
        for (int j = 0; j < 3; j++)
            if (inst.operand[j] >= 0) inst.operand[j] = number[inst.operand[j]];
        k->inst[kept] = inst;
        number[i] = kept++;
    }
    k->count = kept;
}

/* ---- axes ---- */

static bool has_float_sum(const ebb_kernel *k) {
    for (int32_t i = 0; i < k->count; i++) {
        const ebb_inst *inst = &k->inst[i];
        if (inst->kind == EBB_FOLD && inst->op == EBB_OP_sum && ebb_is_float((ebb_dtype)inst->dtype)) return true;
    }
    return false;
}

static bool is_ragged(const ebb_kernel *k) {
    for (int32_t i = 0; i < k->count; i++)
        if (k->inst[i].span) return true;
    return false;
}

static bool has_strides(const ebb_inst *inst) {
    return inst->kind == EBB_LOAD || inst->kind == EBB_STORE || inst->kind == EBB_IOTA;
}

/* Whether axes a and a + 1 may be one. A float sum's tree counts rows, in order, and elements of the last axis
 * (reduction.h): a reduced last axis must stay by itself. So must one with spans. */
static bool can_merge(const ebb_kernel *k, int32_t a, bool float_sum, bool ragged) {
    if (k->reduced[a] != k->reduced[a + 1]) return false;
    if (a + 2 == k->axes && (ragged || (k->reduced[a] && float_sum))) return false;
    for (int32_t i = 0; i < k->count; i++) {
        const ebb_inst *inst = &k->inst[i];
        int64_t whole;
        if (!has_strides(inst)) continue;
        if (__builtin_mul_overflow(inst->stride[a + 1], k->extent[a + 1], &whole) || inst->stride[a] != whole)
            return false;
    }
    return true;
}

static void merge(ebb_kernel *k, int32_t a) {
    k->extent[a] *= k->extent[a + 1];
    k->axes--;
    for (int32_t b = a + 1; b < k->axes; b++) {
        k->extent[b] = k->extent[b + 1];
        k->reduced[b] = k->reduced[b + 1];
    }
    for (int32_t i = 0; i < k->count; i++) {
        int64_t *stride = k->inst[i].stride;
        for (int32_t b = a; b < k->axes; b++)
            stride[b] = stride[b + 1];
        stride[k->axes] = 0;
    }
    k->extent[k->axes] = 0;
    k->reduced[k->axes] = false;
}

static void merge_axes(ebb_kernel *k) {
    bool float_sum = has_float_sum(k), ragged = is_ragged(k);
    for (int32_t a = 0; a + 1 < k->axes;)
        if (can_merge(k, a, float_sum, ragged))
            merge(k, a);
        else
            a++;
}

/* ---- passes ---- */

static void count_stages(ebb_kernel *k) {
    bool reduces = false;
    for (int32_t a = 0; a < k->axes; a++)
        reduces |= k->reduced[a];
    for (int32_t i = 0; reduces && i < k->count; i++)
        if ((k->inst[i].kind == EBB_FOLD || k->inst[i].kind == EBB_STORE) && k->inst[i].stage >= k->stages)
            k->stages = k->inst[i].stage + 1;
}

bool ebb_tidy(ebb_planner *p, ebb_kernel *k) {
    int32_t *number = ebb_mem_new(p->allocator, (size_t)k->count, sizeof *number);
    if (!number) return ebb_fail_memory(p->diag);
    drop_unused(k, number);
    ebb_mem_free(p->allocator, number);
    merge_axes(k);
    count_stages(k);
    return true;
}
