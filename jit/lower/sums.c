/* sums.c - the folds of one stage: sums in the order of reduction.h, and maxima.
 *
 * A row kernel keeps the slots of a sum as vectors that lie side by side: vector v of a chunk adds to the slots from
 * v * lanes on. A column kernel has one vector, a result per lane. Integer sums and maxima come out the same in any
 * order, so they have no blocks. A ledger counts the additions of all sums of one dtype, and when a block is full
 * pushes their partial sums on the pairwise tree; a sum of one block needs no tree.
 *     begin; for each reduced index { add; tick }; end */
#include "jit/lower/nest.h"

#include <stdio.h>

#define ONE_PAST_DEEPEST 2 /* the tree holds a number per bit of the block count, and the newest one */

static ebb_dtype dtype_of(const ebb_nest *t, const ebb_fold *f) { return (ebb_dtype)t->k->inst[f->inst].dtype; }
static bool is_sum(const ebb_nest *t, const ebb_fold *f) { return t->k->inst[f->inst].op == EBB_OP_sum; }
static bool in_ledger(const ebb_nest *t, const ebb_fold *f, const ebb_ledger *l) {
    return is_sum(t, f) && dtype_of(t, f) == l->dtype;
}

static int result_lanes(const ebb_nest *t) { return t->vector_reduced ? 1 : t->lanes; }

static int64_t ceil_div(int64_t a, int64_t b) { return a / b + (a % b != 0); }

static int64_t row_length(const ebb_nest *t) { return t->vector_reduced ? t->summed : 1; }

static int64_t row_count(const ebb_nest *t) {
    int64_t rows = 1;
    for (int i = 0; i < t->reductions; i++)
        rows *= t->k->extent[t->reduced[i]];
    return rows;
}

static LLVMValueRef identity(const ebb_nest *t, const ebb_fold *f, int lanes) {
    ebb_dtype d = dtype_of(t, f);
    if (is_sum(t, f)) return ebb_emit_number(t->e, d, lanes, -0.0);
    if (ebb_is_float(d)) return ebb_emit_number(t->e, d, lanes, -__builtin_inf());
    return ebb_emit_bits(t->e, d, lanes, d == EBB_I32 ? (uint32_t)INT32_MIN : (uint64_t)INT64_MIN);
}

static LLVMValueRef combine(const ebb_nest *t, const ebb_fold *f, LLVMValueRef x, LLVMValueRef y) {
    ebb_dtype d = dtype_of(t, f);
    ebb_apply a = {t->e, t->lanes, t->lanes, d, d, {x, y}};
    return ebb_emit_op(is_sum(t, f) ? EBB_OP_add : EBB_OP_max, &a);
}

static LLVMValueRef get(const ebb_nest *t, const ebb_fold *f, int v) {
    return LLVMBuildLoad2(t->e->builder, ebb_emit_type(t->e, dtype_of(t, f), t->lanes), f->accumulator[v], "");
}

static void reset(const ebb_nest *t, const ebb_fold *f) {
    for (int v = 0; v < f->vectors; v++)
        LLVMBuildStore(t->e->builder, identity(t, f, t->lanes), f->accumulator[v]);
}

/* slot[i] += slot[i + h], h = slots/2 ... 1: first whole vectors, then within one. */
static LLVMValueRef halve(const ebb_nest *t, const ebb_fold *f) {
    LLVMValueRef part[EBB_FOLD_VECTORS_MAX];
    for (int v = 0; v < f->vectors; v++)
        part[v] = get(t, f, v);
    for (int h = f->vectors / 2; h >= 1; h /= 2)
        for (int v = 0; v < h; v++)
            part[v] = combine(t, f, part[v], part[v + h]);
    LLVMValueRef x = part[0];
    for (int h = t->lanes / 2; h > 1; h /= 2)
        x = combine(t, f, ebb_emit_lanes(t->e, x, 0, h), ebb_emit_lanes(t->e, x, h, h));
    return t->lanes == 1 ? x : combine(t, f, ebb_emit_lane(t->e, x, 0), ebb_emit_lane(t->e, x, 1));
}

static LLVMValueRef partial(const ebb_nest *t, const ebb_fold *f) {
    return t->vector_reduced ? halve(t, f) : get(t, f, 0);
}

/* ---- the block tree ---- */

static LLVMValueRef part_address(const ebb_nest *t, const ebb_ledger *l, int ordinal) {
    return ebb_emit_element(t->e, l->dtype, l->value, ebb_emit_int(t->e, (int64_t)ordinal * result_lanes(t)));
}

static void call_tree(const ebb_nest *t, const ebb_ledger *l, const char *verb, LLVMValueRef *arg) {
    char name[32];
    snprintf(name, sizeof name, "ebb_rt_%s_%s", verb, ebb_dtype_short(l->dtype));
    ebb_emit_call(t->e, name, t->e->nothing, 4, arg);
}

static void flush(const ebb_nest *t, const ebb_ledger *l) {
    LLVMBuilderRef b = t->e->builder;
    int ordinal = 0;
    for (int i = 0; i < t->folds; i++) {
        const ebb_fold *f = &t->fold[i];
        if (!in_ledger(t, f, l)) continue;
        LLVMValueRef to = part_address(t, l, ordinal++);
        LLVMSetAlignment(LLVMBuildStore(b, partial(t, f), to), (unsigned)ebb_dtype_size(l->dtype));
        reset(t, f);
    }
    LLVMValueRef block = LLVMBuildLoad2(b, t->e->i64, l->block, "");
    call_tree(t, l, "push", (LLVMValueRef[]){l->stack, block, l->value, ebb_emit_int(t->e, l->width)});
    LLVMBuildStore(b, LLVMBuildAdd(b, block, ebb_emit_int(t->e, 1), ""), l->block);
    LLVMBuildStore(b, ebb_emit_int(t->e, l->period), l->left);
}

static void count_down(const ebb_nest *t, const ebb_ledger *l) {
    LLVMBuilderRef b = t->e->builder;
    LLVMBasicBlockRef full = LLVMAppendBasicBlockInContext(t->e->context, t->function, "block");
    LLVMBasicBlockRef after = LLVMAppendBasicBlockInContext(t->e->context, t->function, "");
    LLVMValueRef left = LLVMBuildLoad2(b, t->e->i64, l->left, "");
    left = LLVMBuildSub(b, left, ebb_emit_int(t->e, 1), "");
    LLVMBuildStore(b, left, l->left);
    LLVMBuildCondBr(b, LLVMBuildICmp(b, LLVMIntEQ, left, ebb_emit_int(t->e, 0), ""), full, after);
    LLVMPositionBuilderAtEnd(b, full);
    flush(t, l);
    LLVMBuildBr(b, after);
    LLVMPositionBuilderAtEnd(b, after);
}

/* Elements that a row leaves in its last, shorter block. */
static bool row_leaves(const ebb_nest *t, const ebb_ledger *l) {
    return row_length(t) % (l->period * t->unroll * t->lanes) != 0;
}

void ebb_sums_tick(ebb_nest *t, bool per_chunk) {
    if (t->only && t->only != t->summed) return;
    for (int i = 0; i < t->ledgers; i++) {
        const ebb_ledger *l = &t->ledger[i];
        if (l->blocks == 1) continue;
        if (l->per_chunk == per_chunk)
            count_down(t, l);
        else if (l->per_chunk && row_leaves(t, l))
            flush(t, l);
    }
}

/* ---- begin ---- */

/* How many additions of which unit make a block: reduction.h. */
static void set_period(const ebb_nest *t, ebb_ledger *l) {
    int64_t slots = EBB_SLOTS((int64_t)ebb_dtype_size(l->dtype)), n = row_length(t), rows = row_count(t);
    int64_t adds = n > slots ? ceil_div(n, slots) : 1;
    l->per_chunk = adds >= EBB_BLOCK_ADDS;
    if (l->per_chunk) {
        l->period = EBB_BLOCK_ADDS * slots / (t->unroll * t->lanes);
        l->blocks = rows * ceil_div(n, EBB_BLOCK_ADDS * slots);
    } else {
        l->period = EBB_BLOCK_ADDS / adds;
        l->blocks = ceil_div(rows, l->period);
    }
}

static LLVMValueRef array_variable(ebb_nest *t, ebb_dtype dtype, int64_t count) {
    return ebb_variable_new(t, LLVMArrayType2(ebb_emit_type(t->e, dtype, 1), (uint64_t)count));
}

static void open_ledger(ebb_nest *t, ebb_dtype dtype) {
    ebb_ledger l = {.dtype = dtype};
    for (int i = 0; i < t->folds; i++)
        l.sums += in_ledger(t, &t->fold[i], &l);
    if (l.sums == 0) return;
    l.width = (int64_t)l.sums * result_lanes(t);
    set_period(t, &l);
    if (l.blocks > 1) {
        int64_t depth = 64 - __builtin_clzll((unsigned long long)l.blocks) + ONE_PAST_DEEPEST;
        l.left = ebb_variable_new(t, t->e->i64);
        l.block = ebb_variable_new(t, t->e->i64);
        l.value = array_variable(t, dtype, l.width);
        l.stack = array_variable(t, dtype, l.width * depth);
        LLVMBuildStore(t->e->builder, ebb_emit_int(t->e, l.period), l.left);
        LLVMBuildStore(t->e->builder, ebb_emit_int(t->e, 0), l.block);
    }
    t->ledger[t->ledgers++] = l;
}

static void open_fold(ebb_nest *t, int32_t inst) {
    ebb_fold *f = &t->fold[t->folds++];
    f->inst = inst;
    ebb_dtype d = dtype_of(t, f);
    f->vectors = t->vector_reduced ? EBB_SLOTS((int)ebb_dtype_size(d)) / t->lanes : 1;
    if (f->vectors > t->unroll) t->unroll = f->vectors;
    for (int v = 0; v < f->vectors; v++)
        f->accumulator[v] = ebb_variable_new(t, ebb_emit_type(t->e, d, t->lanes));
    reset(t, f);
}

void ebb_sums_begin(ebb_nest *t) {
    t->folds = t->ledgers = 0;
    t->unroll = 1;
    for (int32_t i = 0; i < t->k->count; i++)
        if (t->k->inst[i].kind == EBB_FOLD && t->k->inst[i].stage == t->stage) open_fold(t, i);
    open_ledger(t, EBB_F32);
    open_ledger(t, EBB_F64);
}

/* ---- add, end ---- */

void ebb_sums_add(ebb_nest *t) {
    LLVMBuilderRef b = t->e->builder;
    bool tail = t->vector_reduced && t->at.active < t->lanes;
    for (int i = 0; i < t->folds && (!t->only || t->only == t->summed); i++) {
        const ebb_fold *f = &t->fold[i];
        int v = (int)(t->at.shift / t->lanes % f->vectors);
        LLVMValueRef old = get(t, f, v);
        LLVMValueRef sum = combine(t, f, old, ebb_body_operand(t, t->k->inst[f->inst].operand[0], t->lanes));
        if (tail) sum = LLVMBuildSelect(b, ebb_emit_mask(t->e, t->at.active, t->lanes), sum, old, "");
        LLVMBuildStore(b, sum, f->accumulator[v]);
    }
}

static LLVMValueRef nothing_summed(const ebb_nest *t, const ebb_fold *f) {
    int lanes = result_lanes(t);
    return is_sum(t, f) ? ebb_emit_number(t->e, dtype_of(t, f), lanes, 0) : identity(t, f, lanes);
}

static void close_ledger(ebb_nest *t, const ebb_ledger *l) {
    if (!l->per_chunk && row_count(t) % l->period != 0) flush(t, l);
    call_tree(t, l, "pop",
              (LLVMValueRef[]){l->stack, ebb_emit_int(t->e, l->blocks), l->value, ebb_emit_int(t->e, l->width)});
    int ordinal = 0;
    for (int i = 0; i < t->folds; i++) {
        if (!in_ledger(t, &t->fold[i], l)) continue;
        LLVMTypeRef type = ebb_emit_type(t->e, l->dtype, result_lanes(t));
        LLVMValueRef sum = LLVMBuildLoad2(t->e->builder, type, part_address(t, l, ordinal++), "");
        LLVMSetAlignment(sum, (unsigned)ebb_dtype_size(l->dtype));
        t->value[t->fold[i].inst] = sum;
    }
}

void ebb_sums_end(ebb_nest *t) {
    bool nothing = row_length(t) == 0 || row_count(t) == 0;
    for (int i = 0; i < t->ledgers && !nothing; i++)
        if (t->ledger[i].blocks > 1) close_ledger(t, &t->ledger[i]);
    for (int i = 0; i < t->folds; i++) {
        const ebb_fold *f = &t->fold[i];
        if (nothing)
            t->value[f->inst] = nothing_summed(t, f);
        else if (!t->value[f->inst])
            t->value[f->inst] = partial(t, f);
    }
}
