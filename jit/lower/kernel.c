/* kernel.c - one kernel: kernel-level values, the loops over kept axes, in them the stages of a row and its stores.
 *
 *     elementwise           for kept... for vectors of the last axis { row }, or { for a short kept axis { row } }
 *     column kernel         for kept... for vectors of the last axis { row: per stage, for reduced... { element } }
 *     row kernel            for kept... { row: per stage, for reduced... for vectors of the last axis { element } }
 *     straight-line code    row
 * Full vectors come first, in a loop (in three, where pads have bounds at the edges); what is left follows as straight
 * code, its last vector masked.
 * Start reading at ebb_emit_kernel. */
#include "jit/lower/nest.h"

#include <string.h>

/* ---- what is needed ---- */

static void need_all(ebb_nest *t) { memset(t->need, true, (size_t)t->k->count * sizeof *t->need); }

static void need_row_stores(ebb_nest *t) {
    for (int32_t i = 0; i < t->k->count; i++) {
        const ebb_inst *inst = &t->k->inst[i];
        bool here = inst->kind == EBB_STORE && ebb_nest_level(t, inst) == EBB_LEVEL_ROW;
        t->need[i] = here && ebb_nest_takes(t, inst);
    }
    ebb_body_close(t);
}

static void need_stage(ebb_nest *t) {
    for (int32_t i = 0; i < t->k->count; i++) {
        const ebb_inst *inst = &t->k->inst[i];
        bool here = inst->kind == EBB_FOLD || (inst->kind == EBB_STORE && ebb_nest_level(t, inst) == EBB_LEVEL_ELEMENT);
        t->need[i] = here && inst->stage == t->stage && ebb_nest_takes(t, inst);
    }
    ebb_body_close(t);
}

/* ---- along the vector axis ---- */

/* Full vectors from one index to another; `unroll` of them are a chunk. */
static void full_vectors(ebb_nest *t, int64_t from, int64_t to, int unroll, void (*body)(ebb_nest *)) {
    int64_t chunk = (int64_t)unroll * t->lanes;
    if (to <= from) return;
    LLVMValueRef index = ebb_loop_open(t, to - from, chunk);
    for (int u = 0; u < unroll; u++) {
        t->at = (ebb_at){index, from + (int64_t)u * t->lanes, t->lanes};
        body(t);
    }
    if (t->vector_reduced) ebb_sums_tick(t, true);
    ebb_loop_close(t);
}

enum { WORTH_APART = 8 }; /* vectors: what lies inside of all bounds is a loop of its own if it is so long */

/* Full chunks up to `looped`, those inside of all bounds apart. */
static void each_chunk(ebb_nest *t, int64_t looped, int unroll, void (*body)(ebb_nest *)) {
    int64_t chunk = (int64_t)unroll * t->lanes, from, to;
    ebb_nest_inside(t, &from, &to);
    bool apart = from > 0 || to < t->k->extent[t->vector];
    from = (from + chunk - 1) / chunk * chunk;
    to = (to < looped ? to : looped) / chunk * chunk;
    if (apart && to - from >= WORTH_APART * chunk) {
        full_vectors(t, 0, from, unroll, body);
        t->inside = true;
        full_vectors(t, from, to, unroll, body);
        t->inside = false;
        full_vectors(t, to, looped, unroll, body);
    } else {
        full_vectors(t, 0, looped, unroll, body);
    }
}

/* What is left of what goes up to n: chunks, if there are any, then single vectors. */
static void rest(ebb_nest *t, int64_t from, int64_t n, int unroll, void (*body)(ebb_nest *)) {
    int64_t chunk = (int64_t)unroll * t->lanes, looped = n / chunk * chunk;
    full_vectors(t, from, looped, unroll, body);
    for (int64_t j = looped; j < n; j += t->lanes) {
        t->at = (ebb_at){NULL, j, n - j < t->lanes ? (int)(n - j) : t->lanes};
        body(t);
    }
}

/* The next longer span of a FOLD or STORE that goes along the vector axis; 0: there is none. */
static int64_t next_span(const ebb_nest *t, int64_t span) {
    const int level = t->vector_reduced ? EBB_LEVEL_ELEMENT : EBB_LEVEL_ROW;
    int64_t next = 0;
    for (int32_t i = 0; i < t->k->count; i++) {
        const ebb_inst *inst = &t->k->inst[i];
        bool along = inst->kind == EBB_FOLD || (inst->kind == EBB_STORE && ebb_nest_level(t, inst) == level);
        int64_t own = along ? ebb_nest_span(t, inst) : 0;
        if (own > span && (next == 0 || own < next)) next = own;
    }
    return next;
}

/* Behind what all of them have in common, each length goes on by itself. */
static void ragged_rests(ebb_nest *t, int64_t from, int unroll, void (*body)(ebb_nest *)) {
    while ((t->only = next_span(t, t->only))) {
        if (t->vector_reduced) need_stage(t);
        rest(t, from, t->only, unroll, body);
    }
}

/* Walks the vector axis. */
static void each_vector(ebb_nest *t, int unroll, void (*body)(ebb_nest *)) {
    int64_t n = t->k->extent[t->vector], chunk = (int64_t)unroll * t->lanes;
    if (!t->ragged) {
        each_chunk(t, n / chunk * chunk, unroll, body);
        rest(t, n / chunk * chunk, n, unroll, body);
    } else {
        int64_t common = next_span(t, 0) / chunk * chunk;
        each_chunk(t, common, unroll, body);
        ragged_rests(t, common, unroll, body);
    }
}

/* ---- a stage of a row ---- */

static void element(ebb_nest *t) {
    ebb_body_forget(t, EBB_LEVEL_ELEMENT);
    if (t->vector_reduced) ebb_nest_enter_vector(t);
    ebb_body_emit(t, EBB_LEVEL_ELEMENT);
    ebb_body_store(t, EBB_LEVEL_ELEMENT);
    ebb_sums_add(t);
    if (t->vector_reduced) ebb_nest_leave_vector(t);
    ebb_body_forget(t, EBB_LEVEL_ELEMENT);
}

static bool any_empty(const ebb_nest *t, bool reduced) {
    for (int a = 0; a < t->k->axes; a++)
        if (t->k->extent[a] == 0 && t->k->reduced[a] == reduced) return true;
    return false;
}

static void walk_reduced(ebb_nest *t) {
    for (int i = 0; i < t->reductions; i++)
        ebb_nest_open(t, t->reduced[i]);
    if (t->vector_reduced)
        each_vector(t, t->unroll, element);
    else
        element(t);
    ebb_sums_tick(t, false);
    for (int i = t->reductions - 1; i >= 0; i--)
        ebb_nest_close(t, t->reduced[i]);
}

static void stage(ebb_nest *t) {
    need_stage(t);
    ebb_body_emit(t, EBB_LEVEL_ROW);
    ebb_sums_begin(t);
    if (!any_empty(t, true)) walk_reduced(t);
    ebb_sums_end(t);
}

/* ---- a row ---- */

static void row(ebb_nest *t) {
    ebb_body_forget(t, EBB_LEVEL_ROW);
    need_all(t);
    if (!t->vector_reduced) ebb_nest_enter_vector(t);
    for (t->stage = 0; t->reducing && t->stage < t->k->stages; t->stage++)
        stage(t);
    need_row_stores(t);
    ebb_body_emit(t, EBB_LEVEL_ROW);
    ebb_body_store(t, EBB_LEVEL_ROW);
    if (!t->vector_reduced) ebb_nest_leave_vector(t);
}

/* The row at each index of the turned axis. */
static void turned_row(ebb_nest *t) {
    for (int64_t i = 0; i < t->k->extent[t->turned]; i++) {
        need_all(t);
        ebb_nest_turn(t, i);
        row(t);
        ebb_nest_turn_back(t);
    }
}

static void walk_kept(ebb_nest *t) {
    for (int i = 0; i < t->keeps; i++)
        ebb_nest_open(t, t->kept[i]);
    if (t->vector >= 0 && !t->vector_reduced)
        each_vector(t, 1, t->turned >= 0 ? turned_row : row);
    else
        row(t);
    for (int i = t->keeps - 1; i >= 0; i--)
        ebb_nest_close(t, t->kept[i]);
}

/* ---- the kernel ---- */

static void emit(ebb_nest *t) {
    if (!t->held)
        ebb_nest_bases(t, LLVMGetParam(t->function, 0), LLVMGetParam(t->function, 1), LLVMGetParam(t->function, 2));
    need_all(t);
    ebb_body_emit(t, EBB_LEVEL_KERNEL);
    if (!any_empty(t, false)) walk_kept(t);
    need_all(t);
    ebb_body_forget(t, EBB_LEVEL_ROW);
    ebb_body_store(t, EBB_LEVEL_KERNEL);
}

/* All arrays of a nest, as one piece of memory. */
static void *scratch(ebb_nest *t) {
    size_t n = (size_t)t->k->count, pointers = n * (EBB_DEPTH_MAX + 3), folds = 0;
    for (int32_t i = 0; i < t->k->count; i++)
        folds += t->k->inst[i].kind == EBB_FOLD;
    size_t bytes =
        pointers * sizeof(LLVMValueRef) + folds * sizeof(ebb_fold) + n * (sizeof(int32_t) + 2 * sizeof(bool));
    LLVMValueRef *p = ebb_mem_new(t->e->plan->allocator, bytes + 1, 1);
    if (!p) return NULL;
    t->value = p;
    t->splat = p + n;
    for (size_t d = 0; d <= EBB_DEPTH_MAX; d++)
        t->cursor[d] = p + (2 + d) * n;
    t->fold = (ebb_fold *)(p + pointers);
    t->twin = (int32_t *)(t->fold + folds);
    t->need = (bool *)(t->twin + n);
    t->turns = t->need + n;
    return p;
}

bool ebb_emit_kernel(ebb_emit *e, const ebb_kernel *k, LLVMValueRef function, LLVMValueRef *held) {
    ebb_nest t = {.e = e, .k = k, .function = function, .held = held, .unroll = 1};
    ebb_nest_axes(&t);
    t.at.active = t.lanes;
    void *memory = scratch(&t);
    if (!memory) return ebb_fail_memory(e->diag);
    ebb_nest_find_turned(&t);
    emit(&t);
    ebb_mem_free(e->plan->allocator, memory);
    return true;
}
