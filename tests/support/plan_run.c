/* plan_run.c - see plan_run.h. Sums are added by the tree of reduction.h, written down once more. */
#include "plan_run.h"

#include <stdlib.h>
#include <string.h>

#include "jit/graph/fold.h"
#include "jit/runtime/loop.h"
#include "jit/runtime/runtime.h"

typedef struct run { /* one kernel */
    const ebb_plan *plan;
    const ebb_kernel *k;
    char **memory;     /* of each buffer */
    ebb_number *value; /* [count] */
    int64_t *known;    /* [count]: the moment of its level when it was computed */
    int64_t moment[3]; /* counts calls, rows, elements */
    int64_t index[EBB_MAX_RANK];
    ebb_number **folded; /* [count]: of a FOLD, what it has been given in this row */
    int64_t folds;       /* how many */
} run;

/* ---- the tree of a sum ---- */

static ebb_number add(ebb_dtype dtype, ebb_number a, ebb_number b) {
    return ebb_fold_table[EBB_OP_add][dtype]((ebb_number[]){a, b});
}

static ebb_number minus_zero(ebb_dtype dtype) {
    ebb_number z = {.i64 = 0};
    if (dtype == EBB_F32) z.f32 = -0.0f;
    if (dtype == EBB_F64) z.f64 = -0.0;
    return z;
}

typedef struct tree {
    ebb_number stack[64];
    int64_t blocks, top;
    ebb_dtype dtype;
} tree;

static void push(tree *t, ebb_number block) {
    for (int64_t n = t->blocks++; n & 1; n >>= 1)
        block = add(t->dtype, t->stack[--t->top], block);
    t->stack[t->top++] = block;
}

static ebb_number finish(tree *t) {
    ebb_number sum = t->stack[--t->top];
    while (t->top)
        sum = add(t->dtype, t->stack[--t->top], sum);
    return sum;
}

/* A block of a row sum: rows of n elements over interleaved slots. */
static ebb_number slot_block(ebb_dtype dtype, const ebb_number *x, int64_t rows, int64_t n) {
    int slots = (int)EBB_SLOTS(ebb_dtype_size(dtype));
    ebb_number slot[EBB_SLOT_BYTES];
    for (int i = 0; i < slots; i++)
        slot[i] = minus_zero(dtype);
    for (int64_t i = 0; i < rows * n; i++)
        slot[i % n % slots] = add(dtype, slot[i % n % slots], x[i]);
    for (int h = slots / 2; h > 0; h /= 2)
        for (int i = 0; i < h; i++)
            slot[i] = add(dtype, slot[i], slot[i + h]);
    return slot[0];
}

static ebb_number column_block(ebb_dtype dtype, const ebb_number *x, int64_t n) {
    ebb_number sum = minus_zero(dtype);
    for (int64_t i = 0; i < n; i++)
        sum = add(dtype, sum, x[i]);
    return sum;
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* total numbers; last: the size of the last axis if that is reduced, else 0. */
static ebb_number tree_sum(ebb_dtype dtype, const ebb_number *x, int64_t total, int64_t last) {
    tree t = {.dtype = dtype};
    if (total == 0) return (ebb_number){.i64 = 0};
    int64_t slots = EBB_SLOTS((int64_t)ebb_dtype_size(dtype)), turns = (last + slots - 1) / slots;
    if (last == 0) {
        for (int64_t i = 0; i < total; i += EBB_BLOCK_ADDS)
            push(&t, column_block(dtype, x + i, least(EBB_BLOCK_ADDS, total - i)));
    } else if (turns >= EBB_BLOCK_ADDS) {
        for (int64_t row = 0; row < total; row += last)
            for (int64_t i = 0; i < last; i += EBB_BLOCK_ADDS * slots)
                push(&t, slot_block(dtype, x + row + i, 1, least(EBB_BLOCK_ADDS * slots, last - i)));
    } else {
        int64_t rows = EBB_BLOCK_ADDS / turns;
        for (int64_t i = 0; i < total; i += rows * last)
            push(&t, slot_block(dtype, x + i, least(rows, (total - i) / last), last));
    }
    return finish(&t);
}

static ebb_number fold(const run *r, const ebb_inst *inst, const ebb_number *x) {
    ebb_dtype dtype = (ebb_dtype)inst->dtype;
    int last = r->k->axes - 1;
    int64_t length = inst->span ? inst->span : r->k->extent[last];
    if (inst->op == EBB_OP_sum) return tree_sum(dtype, x, r->folds, r->k->reduced[last] ? length : 0);
    ebb_number most = x[0];
    for (int64_t i = 1; i < r->folds; i++)
        most = ebb_fold_table[EBB_OP_max][dtype]((ebb_number[]){most, x[i]});
    return most;
}

/* ---- values ---- */

static char *place(const run *r, const ebb_inst *inst) {
    int64_t at = inst->offset;
    for (int32_t a = 0; a < r->k->axes; a++)
        at += inst->stride[a] * r->index[a];
    return r->memory[inst->buffer] + at * (int64_t)ebb_dtype_size((ebb_dtype)inst->dtype);
}

static ebb_number iota(const run *r, const ebb_inst *inst) {
    int64_t at = inst->offset;
    for (int32_t a = 0; a < r->k->axes; a++)
        at += inst->stride[a] * r->index[a];
    return ebb_number_cast((ebb_number){.i64 = at}, EBB_I64, (ebb_dtype)inst->dtype);
}

static ebb_number apply(const run *r, const ebb_inst *inst) {
    ebb_number x[3] = {{0}};
    int last = 0;
    for (int j = 0; j < 3; j++)
        if (inst->operand[j] >= 0) x[last = j] = r->value[inst->operand[j]];
    ebb_dtype from = (ebb_dtype)r->k->inst[inst->operand[last]].dtype;
    if (inst->op == EBB_OP_cast) return ebb_number_cast(x[0], from, (ebb_dtype)inst->dtype);
    return ebb_fold_table[inst->op][from](x);
}

/* Recursion: kernels are small. A FOLD is known already, or the plan is wrong. */
static ebb_number value_of(run *r, int32_t i) {
    const ebb_inst *inst = &r->k->inst[i];
    ebb_number v = {.i64 = 0};
    if (r->known[i] == r->moment[inst->level]) return r->value[i];
    for (int j = 0; j < 3 && (inst->kind == EBB_APPLY || inst->kind == EBB_LOAD); j++)
        if (inst->operand[j] >= 0) value_of(r, inst->operand[j]);
    switch ((ebb_inst_kind)inst->kind) {
    case EBB_LOAD:
        if (inst->operand[0] >= 0 && !r->value[inst->operand[0]].u8) break;
        memcpy(&v, place(r, inst), ebb_dtype_size((ebb_dtype)inst->dtype));
        break;
    case EBB_CONST:
        memcpy(&v, &inst->bits, sizeof v);
        break;
    case EBB_IOTA:
        v = iota(r, inst);
        break;
    case EBB_APPLY:
        v = apply(r, inst);
        break;
    case EBB_FOLD:
    case EBB_STORE:
        abort();
    }
    r->known[i] = r->moment[inst->level];
    return r->value[i] = v;
}

static void store(run *r, const ebb_inst *inst) {
    ebb_number v = value_of(r, inst->operand[0]);
    memcpy(place(r, inst), &v, ebb_dtype_size((ebb_dtype)inst->dtype));
}

/* ---- loops ---- */

/* The next index over the kept or the reduced axes, the last one fastest; false after the last one. */
static bool next(run *r, bool reduced) {
    for (int32_t a = r->k->axes - 1; a >= 0; a--) {
        if (r->k->reduced[a] != reduced) continue;
        if (++r->index[a] < r->k->extent[a]) return true;
        r->index[a] = 0;
    }
    return false;
}

static int64_t size_over(const ebb_kernel *k, bool reduced) {
    int64_t n = 1;
    for (int32_t a = 0; a < k->axes; a++)
        if (k->reduced[a] == reduced) n *= k->extent[a];
    return n;
}

/* Whether a FOLD or STORE takes part in this index. */
static bool takes_part(const run *r, const ebb_inst *inst) {
    return !inst->span || r->index[r->k->axes - 1] < inst->span;
}

/* FOLDs have all the same span. */
static void run_element(run *r, int32_t pass) {
    bool folded = false;
    r->moment[2]++;
    for (int32_t i = 0; i < r->k->count; i++) {
        const ebb_inst *inst = &r->k->inst[i];
        if (inst->stage != pass || !takes_part(r, inst)) continue;
        if (inst->kind == EBB_FOLD) r->folded[i][r->folds] = value_of(r, inst->operand[0]), folded = true;
        if (inst->kind == EBB_STORE && inst->level == 2) store(r, inst);
    }
    r->folds += folded;
}

static void run_pass(run *r, int32_t pass) {
    const ebb_kernel *k = r->k;
    r->folds = 0;
    if (size_over(k, true)) do {
            run_element(r, pass);
        } while (next(r, true));
    for (int32_t i = 0; i < k->count; i++) {
        const ebb_inst *inst = &k->inst[i];
        if (inst->kind != EBB_FOLD || inst->stage != pass) continue;
        r->value[i] = fold(r, inst, r->folded[i]);
        r->known[i] = r->moment[inst->level];
    }
}

static void run_rows(run *r) {
    r->moment[0]++;
    if (size_over(r->k, false) == 0) return;
    do {
        r->moment[1]++;
        for (int32_t s = 0; s < r->k->stages; s++)
            run_pass(r, s);
        for (int32_t i = 0; i < r->k->count; i++)
            if (r->k->inst[i].kind == EBB_STORE && r->k->inst[i].level < 2 && takes_part(r, &r->k->inst[i]))
                store(r, &r->k->inst[i]);
    } while (next(r, false));
}

static void run_kernel(const ebb_plan *plan, const ebb_kernel *k, char **memory) {
    size_t n = (size_t)k->count;
    run r = {plan,
             k,
             memory,
             calloc(n, sizeof(ebb_number)),
             calloc(n, sizeof(int64_t)),
             .folded = calloc(n, sizeof(ebb_number *))};
    for (int32_t i = 0; i < k->count; i++)
        if (k->inst[i].kind == EBB_FOLD) r.folded[i] = calloc((size_t)size_over(k, true) + 1, sizeof(ebb_number));
    run_rows(&r);
    for (int32_t i = 0; i < k->count; i++)
        free(r.folded[i]);
    free(r.folded);
    free(r.value);
    free(r.known);
}

/* ---- regions: the drivers are given steps that run the plans of the innermost loop ---- */

static const ebb_nested *innermost;

static int run_nested(int k, const void *const *in, void *const *out) {
    const ebb_nested *here = innermost;
    int code = plan_run(here->plan[k], in, out);
    innermost = here;
    return code;
}
static int run_body(const void *const *in, void *const *out, void *work) {
    (void)work;
    return run_nested(EBB_LOOP_BODY, in, out);
}
static int run_condition(const void *const *in, void *const *out, void *work) {
    (void)work;
    return run_nested(EBB_LOOP_CONDITION, in, out);
}
static int run_pullback(const void *const *in, void *const *out, void *work) {
    (void)work;
    return run_nested(EBB_LOOP_PULLBACK, in, out);
}

static int run_driver(const ebb_nested *n, const void *const *in, void *const *out, char *work) {
    ebb_rt_step *condition = n->plan[EBB_LOOP_CONDITION] ? run_condition : NULL;
    innermost = n;
    return n->plan[EBB_LOOP_PULLBACK] ? ebb_rt_unloop(n->loop, run_body, condition, run_pullback, in, out, work)
                                      : ebb_rt_loop(n->loop, run_body, condition, in, out, work);
}

static int run_region(const ebb_nested *n, char **memory) {
    const void **in = calloc((size_t)n->operands + 1, sizeof *in);
    void **out = calloc((size_t)n->results + 1, sizeof *out);
    for (int32_t k = 0; k < n->operands; k++)
        in[k] = memory[n->in[k]];
    for (int32_t k = 0; k < n->results; k++)
        out[k] = n->out[k] < 0 ? NULL : memory[n->out[k]];
    int code =
        n->loop ? run_driver(n, in, out, memory[n->work]) : plan_run(n->plan[*(char *)in[0] ? 0 : 1], in + 1, out);
    free(in);
    free(out);
    return code;
}

static int run_step(const ebb_plan *plan, const ebb_step *s, char **memory) {
    if (s->kind == EBB_STEP_REGION) return run_region(s->nested, memory);
    if (s->kind == EBB_STEP_KERNEL) return run_kernel(plan, &s->kernel, memory), EBB_OK;
    if (s->kind == EBB_STEP_COPY) {
        if (plan->buffer[s->out].bytes) memmove(memory[s->out], memory[s->in[0]], (size_t)plan->buffer[s->out].bytes);
        return EBB_OK;
    }
    const void *in[EBB_ROUTINE_POINTERS] = {NULL};
    for (int32_t i = 0; i < s->nin; i++)
        in[i] = memory[s->in[i]];
    if (s->scratch >= 0) in[EBB_SCRATCH] = memory[s->scratch];
    return ebb_rt_routine_of(s->op)(s->desc, in, memory[s->out]);
}

static char *memory_of(const ebb_plan *plan, const ebb_buffer *b, const void *const *in, void *const *out, char *work) {
    switch (b->place) {
    case EBB_IN_INPUT:
        return (char *)(uintptr_t)in[b->index];
    case EBB_IN_OUTPUT:
        return out[b->index];
    case EBB_IN_ARENA:
        return work + b->offset;
    case EBB_IN_POOL:
        return (char *)plan->pool + b->offset;
    }
    return NULL;
}

int plan_run(const ebb_plan *plan, const void *const *in, void *const *out) {
    char *work = aligned_alloc(64, (size_t)plan->arena_bytes + 64);
    char **memory = calloc((size_t)plan->buffers + 1, sizeof *memory);
    int code = EBB_OK;
    memset(work, 0xcb, (size_t)plan->arena_bytes);
    for (int32_t b = 0; b < plan->buffers; b++)
        memory[b] = memory_of(plan, &plan->buffer[b], in, out, work);
    for (int32_t t = 0; t < plan->steps && code == EBB_OK; t++)
        code = run_step(plan, &plan->step[t], memory);
    free(memory);
    free(work);
    return code;
}

/* ---- the rules ---- */

static bool same_index(const ebb_kernel *k, const ebb_inst *a, const ebb_inst *b) {
    bool same = a->level == b->level && a->offset == b->offset;
    for (int32_t i = 0; i < k->axes; i++)
        same = same && a->stride[i] == b->stride[i];
    return same;
}

/* A load of what the kernel itself stores is a spill, or in place. */
static const char *load_fault(const ebb_plan *plan, const ebb_kernel *k, const ebb_inst *load) {
    bool spilled = false;
    for (int32_t i = 0; i < k->count; i++) {
        const ebb_inst *s = &k->inst[i];
        if (s->kind != EBB_STORE || s->buffer != load->buffer) continue;
        spilled = true;
        if (!same_index(k, load, s) || s->level != 2 || load->stage != s->stage + 1)
            return "a load of what the kernel stores";
    }
    if (plan->buffer[load->buffer].dtype != load->dtype) return "a load of another dtype";
    return spilled || load->stage == 0 ? NULL : "a load from a pass on, which is no spill";
}

static const char *inst_fault(const ebb_plan *plan, const ebb_kernel *k, int32_t i) {
    const ebb_inst *inst = &k->inst[i];
    for (int j = 0; j < 3; j++) {
        if (inst->operand[j] < 0) continue;
        const ebb_inst *x = &k->inst[inst->operand[j]];
        if (inst->operand[j] >= i) return "an operand comes later";
        if (inst->kind != EBB_FOLD && x->level > inst->level) return "an operand of a deeper level";
        if ((inst->kind == EBB_FOLD || inst->kind == EBB_STORE) && inst->level == 2 && x->kind == EBB_LOAD &&
            x->stage > inst->stage)
            return "a spill is read too early";
    }
    if (i && k->inst[i - 1].kind == EBB_STORE && inst->kind != EBB_STORE) return "a store is not last";
    if (inst->stage >= (k->stages ? k->stages : 1)) return "a pass that there is not";
    return inst->kind == EBB_LOAD ? load_fault(plan, k, inst) : NULL;
}

static bool reduces(const ebb_kernel *k) {
    for (int32_t a = 0; a < k->axes; a++)
        if (k->reduced[a]) return true;
    return false;
}

/* What plan.h says of spans. */
static const char *span_fault(const ebb_kernel *k, const ebb_inst *inst) {
    const int64_t span = inst->span;
    if (span == 0) return NULL;
    if (inst->kind != EBB_FOLD && inst->kind != EBB_STORE) return "a span of what takes no part";
    if (k->axes == 0 || span < 0 || span >= k->extent[k->axes - 1]) return "a span that is none";
    if (k->stages > 1) return "a ragged kernel of several passes";
    if (reduces(k) && !k->reduced[k->axes - 1]) return "a ragged column kernel";
    if (reduces(k) && inst->kind == EBB_STORE && inst->level != 2) return "a span of a row's store";
    return NULL;
}

static const char *folds_fault(const ebb_kernel *k) {
    const ebb_inst *first = NULL;
    for (int32_t i = 0; i < k->count; i++) {
        if (k->inst[i].kind != EBB_FOLD) continue;
        if (!first) first = &k->inst[i];
        if (first->span != k->inst[i].span) return "folds of different spans";
    }
    return NULL;
}

static const char *kernel_fault(const ebb_plan *plan, const ebb_kernel *k) {
    const char *fault = folds_fault(k);
    for (int32_t i = 0; i < k->count && !fault; i++)
        fault = inst_fault(plan, k, i);
    for (int32_t i = 0; i < k->count && !fault; i++)
        fault = span_fault(k, &k->inst[i]);
    if (!fault && (k->count == 0 || k->inst[k->count - 1].kind != EBB_STORE)) fault = "nothing is stored";
    return fault;
}

static const char *buffer_fault(const ebb_plan *plan, const ebb_buffer *b) {
    int64_t room = b->place == EBB_IN_ARENA  ? plan->arena_bytes
                   : b->place == EBB_IN_POOL ? plan->pool_bytes
                                             : INT64_MAX;
    if (b->bytes > room - b->offset) return "a buffer outside its place";
    return b->place == EBB_IN_ARENA && b->offset % (b->bytes > 8 ? 64 : 8) ? "a buffer is not aligned" : NULL;
}

static bool overlap(const ebb_plan *plan, int32_t a, int32_t b) {
    if (a < 0 || b < 0 || a == b) return a >= 0 && a == b;
    const ebb_buffer *x = &plan->buffer[a], *y = &plan->buffer[b];
    return x->place == EBB_IN_ARENA && y->place == EBB_IN_ARENA && x->bytes && y->bytes &&
           x->offset < y->offset + y->bytes && y->offset < x->offset + x->bytes;
}

/* Operands may be the same; results and work are for themselves. */
static const char *region_fault(const ebb_plan *plan, const ebb_nested *n) {
    for (int32_t k = 0; k <= n->results; k++) {
        const int32_t own = k < n->results ? n->out[k] : n->work;
        for (int32_t i = 0; i < n->operands; i++)
            if (overlap(plan, own, n->in[i])) return "a region's result lies over an operand";
        for (int32_t j = 0; j < k; j++)
            if (overlap(plan, own, n->out[j])) return "two results of a region overlap";
    }
    return NULL;
}

const char *plan_fault(const ebb_plan *plan) {
    const char *fault = NULL;
    for (int32_t k = 0; k < plan->nesteds && !fault; k++)
        fault = plan_fault(plan->nested[k]);
    for (int32_t t = 0; t < plan->steps && !fault; t++)
        if (plan->step[t].nested) fault = region_fault(plan, plan->step[t].nested);
    for (int32_t b = 0; b < plan->buffers && !fault; b++)
        fault = buffer_fault(plan, &plan->buffer[b]);
    for (int32_t t = 0; t < plan->steps && !fault; t++)
        if (plan->step[t].kind == EBB_STEP_KERNEL) fault = kernel_fault(plan, &plan->step[t].kernel);
    return fault;
}
