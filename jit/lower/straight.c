/* straight.c - regions of numbers: loops and branches as code, whose states are in registers.
 *
 * Where all that a region carries is single numbers, and what it runs is straight-line code over them (and regions of
 * the same kind), calling a function through arrays of pointers would cost more than the work itself. Such a region is
 * written where it stands: each plan that it runs with the value of each of its buffers at hand, instead of memory. The
 * operations are emitted by the same hands, so they give the same bits. What is too long to be written out several
 * times, and all others, is called (lower.c).
 *
 * Start reading at ebb_emit_straight. */
#include "jit/lower/emit.h"

/* Instructions and steps of a region, all that it runs included, that may be written out. */
enum { MOST_WORK = 400 };

/* ---- which regions are straight ---- */

static bool is_single(int64_t bytes, int64_t dtype) { return bytes == (int64_t)ebb_dtype_size((ebb_dtype)dtype); }

static bool kernel_is_straight(const ebb_kernel *k) {
    for (int32_t i = 0; i < k->count; i++)
        if (k->inst[i].kind == EBB_LOAD && k->inst[i].operand[0] >= 0) return false; /* guards look at memory */
    return k->axes == 0;
}

static bool region_is_straight(const ebb_step *step, bool inside, int *work);

/* *work: what may still be written out; each plan takes some of it, so that the search ends. */
static bool plan_is_straight(const ebb_plan *plan, int *work) {
    for (int32_t b = 0; b < plan->buffers; b++)
        if (!is_single(plan->buffer[b].bytes, plan->buffer[b].dtype) && plan->buffer[b].place != EBB_IN_ARENA)
            return false;
    for (int32_t t = 0; t < plan->steps; t++) {
        const ebb_step *s = &plan->step[t];
        *work -= 1 + s->kernel.count;
        bool good = *work > 0 && s->kind != EBB_STEP_ROUTINE;
        if (s->kind == EBB_STEP_KERNEL) good = good && kernel_is_straight(&s->kernel);
        if (s->kind == EBB_STEP_REGION) good = good && region_is_straight(s, true, work);
        if (!good) return false;
    }
    return true;
}

/* Rows are read from memory, and memory is there outside only. */
static bool values_are_single(const ebb_loop_desc *d, bool inside) {
    const int64_t n = d->states + d->captures + d->sequences + d->stacked;
    if (inside && d->sequences + d->stacked > 0) return false;
    for (int64_t k = 0; k < n; k++)
        if (!is_single(d->value[k].bytes, d->value[k].dtype)) return false;
    return true;
}

static bool region_is_straight(const ebb_step *step, bool inside, int *work) {
    const ebb_nested *n = step->nested;
    if (step->op == EBB_OP_unloop || (n->loop && !values_are_single(n->loop, inside))) return false;
    for (int k = 0; k < 3; k++)
        if (n->plan[k] && !plan_is_straight(n->plan[k], work)) return false;
    return true;
}

/* A branch outside must be known to be of numbers by its operands and results. */
static bool buffers_are_single(const ebb_plan *plan, const ebb_nested *n) {
    for (int32_t k = 0; k < n->operands + n->results; k++) {
        const ebb_buffer *b = n->in[k] < 0 ? NULL : &plan->buffer[n->in[k]]; /* out[] follows in[] */
        if (b && !is_single(b->bytes, b->dtype)) return false;
    }
    return true;
}

bool ebb_is_straight(const ebb_plan *plan, const ebb_step *step) {
    int work = MOST_WORK;
    if (step->kind != EBB_STEP_REGION || (!step->nested->loop && !buffers_are_single(plan, step->nested))) return false;
    return region_is_straight(step, false, &work);
}

/* ---- numbers in memory and in registers ---- */

typedef struct straight {
    ebb_emit *e;
    LLVMValueRef function;
    const LLVMValueRef *in, *out; /* outside: addresses of operands and results */
    bool failed;                  /* no memory */
} straight;

static LLVMValueRef load(const straight *s, int64_t dtype, LLVMValueRef from) {
    const ebb_emit *e = s->e;
    LLVMValueRef x = LLVMBuildLoad2(e->builder, ebb_emit_memory_type(e, (ebb_dtype)dtype, 1), from, "");
    LLVMSetAlignment(x, (unsigned)ebb_dtype_size((ebb_dtype)dtype));
    return dtype == EBB_BOOL ? LLVMBuildICmp(e->builder, LLVMIntNE, x, LLVMConstNull(e->i8), "") : x;
}

static void store(const straight *s, int64_t dtype, LLVMValueRef x, LLVMValueRef to) {
    const ebb_emit *e = s->e;
    if (dtype == EBB_BOOL) x = LLVMBuildZExt(e->builder, x, e->i8, "");
    LLVMSetAlignment(LLVMBuildStore(e->builder, x, to), (unsigned)ebb_dtype_size((ebb_dtype)dtype));
}

static LLVMBasicBlockRef block(const straight *s, const char *name) {
    return LLVMAppendBasicBlockInContext(s->e->context, s->function, name);
}

static LLVMValueRef phi(const straight *s, int64_t dtype) {
    return LLVMBuildPhi(s->e->builder, ebb_emit_type(s->e, (ebb_dtype)dtype, 1), "");
}

static LLVMValueRef *values(straight *s, int64_t n) {
    LLVMValueRef *v = ebb_mem_new(s->e->program->allocator, (size_t)n + 1, sizeof *v);
    s->failed |= !v;
    return v;
}

static void give_back(const straight *s, LLVMValueRef *v) { ebb_mem_free(s->e->program->allocator, v); }

/* ---- a plan ---- */

static void emit_region(straight *s, const ebb_nested *n, const LLVMValueRef *in, LLVMValueRef *out);

/* What its buffers hold before the first step. */
static void hold(const straight *s, const ebb_plan *plan, const LLVMValueRef *in, LLVMValueRef *held) {
    for (int32_t b = 0; b < plan->buffers; b++) {
        const ebb_buffer *of = &plan->buffer[b];
        uint64_t bits = 0;
        if (of->place == EBB_IN_INPUT) held[b] = in[of->index];
        if (of->place != EBB_IN_POOL) continue;
        for (int64_t k = of->bytes; k-- > 0;)
            bits = bits << 8 | plan->pool[of->offset + k];
        held[b] = ebb_emit_bits(s->e, of->dtype, 1, bits);
    }
}

static void nested_step(straight *s, const ebb_nested *n, LLVMValueRef *held) {
    LLVMValueRef *in = values(s, n->operands), *out = values(s, n->results);
    for (int32_t k = 0; !s->failed && k < n->operands; k++)
        in[k] = held[n->in[k]];
    if (!s->failed) emit_region(s, n, in, out);
    for (int32_t k = 0; !s->failed && k < n->results; k++)
        if (n->out[k] >= 0) held[n->out[k]] = out[k];
    give_back(s, in);
    give_back(s, out);
}

static void emit_plan(straight *s, const ebb_plan *plan, const LLVMValueRef *in, LLVMValueRef *out) {
    LLVMValueRef *held = values(s, plan->buffers);
    if (!s->failed) hold(s, plan, in, held);
    for (int32_t t = 0; !s->failed && t < plan->steps; t++) {
        const ebb_step *step = &plan->step[t];
        if (step->kind == EBB_STEP_KERNEL) s->failed = !ebb_emit_kernel(s->e, &step->kernel, s->function, held);
        if (step->kind == EBB_STEP_COPY) held[step->out] = held[step->in[0]];
        if (step->kind == EBB_STEP_REGION) nested_step(s, step->nested, held);
    }
    for (int32_t b = 0; !s->failed && b < plan->buffers; b++)
        if (plan->buffer[b].place == EBB_IN_OUTPUT) out[plan->buffer[b].index] = held[b];
    give_back(s, held);
}

/* ---- a branch ---- */

/* The results of both ways meet. */
static void join(const straight *s, const ebb_nested *n, LLVMValueRef *const result[2], LLVMBasicBlockRef end[2],
                 LLVMValueRef *out) {
    for (int32_t k = 0; k < n->results; k++) {
        LLVMValueRef both[2] = {result[0][k], result[1][k]};
        if (!both[0]) continue; /* absent */
        out[k] = LLVMBuildPhi(s->e->builder, LLVMTypeOf(both[0]), "");
        LLVMAddIncoming(out[k], both, end, 2);
    }
}

static void emit_cond(straight *s, const ebb_nested *n, const LLVMValueRef *in, LLVMValueRef *out) {
    LLVMBuilderRef b = s->e->builder;
    LLVMBasicBlockRef way[2] = {block(s, "then"), block(s, "otherwise")}, end[2], next = block(s, "");
    LLVMValueRef *result[2] = {values(s, n->results), values(s, n->results)};
    LLVMBuildCondBr(b, in[0], way[0], way[1]);
    for (int k = 0; k < 2 && !s->failed; k++) {
        LLVMPositionBuilderAtEnd(b, way[k]);
        emit_plan(s, n->plan[k], in + 1, result[k]);
        end[k] = LLVMGetInsertBlock(b);
        LLVMBuildBr(b, next);
    }
    LLVMPositionBuilderAtEnd(b, next);
    if (!s->failed) join(s, n, result, end, out);
    give_back(s, result[0]);
    give_back(s, result[1]);
}

/* ---- a loop ---- */

typedef struct turning { /* one loop on its way */
    const ebb_loop_desc *d;
    LLVMValueRef *argument, *result; /* of the body: states, captures, slices; states, what is stacked */
    LLVMValueRef index;              /* of the iteration, if these are counted */
    LLVMBasicBlockRef before, head, after;
} turning;

/* The address of this iteration's row. */
static LLVMValueRef row(const straight *s, const turning *t, int64_t dtype, LLVMValueRef all) {
    const ebb_emit *e = s->e;
    LLVMValueRef i = t->index;
    if (t->d->reverse) i = LLVMBuildSub(e->builder, ebb_emit_int(e, t->d->trips - 1), i, "");
    return ebb_emit_element(e, (ebb_dtype)dtype, all, i);
}

static void read_rows(const straight *s, const turning *t) {
    const int64_t first = t->d->states + t->d->captures;
    for (int64_t k = first; k < first + t->d->sequences; k++) {
        const int64_t dtype = t->d->value[k].dtype;
        t->argument[k] = load(s, dtype, row(s, t, dtype, s->in[k]));
    }
}

static void write_rows(const straight *s, const turning *t) {
    const ebb_loop_value *value = t->d->value + t->d->states + t->d->captures + t->d->sequences;
    for (int64_t k = t->d->states; k < t->d->states + t->d->stacked; k++, value++)
        store(s, value->dtype, t->result[k], row(s, t, value->dtype, s->out[k]));
}

/* States and the index have one value before the loop and another after each turn. */
static void open_turn(const straight *s, turning *t, const LLVMValueRef *in) {
    LLVMBuilderRef b = s->e->builder;
    LLVMValueRef zero = ebb_emit_int(s->e, 0);
    t->before = LLVMGetInsertBlock(b);
    t->head = block(s, "loop");
    t->after = block(s, "");
    LLVMBuildBr(b, t->head);
    LLVMPositionBuilderAtEnd(b, t->head);
    for (int64_t k = 0; k < t->d->states; k++) {
        LLVMValueRef first = in[k];
        t->argument[k] = phi(s, t->d->value[k].dtype);
        LLVMAddIncoming(t->argument[k], &first, &t->before, 1);
    }
    for (int64_t k = t->d->states; k < t->d->states + t->d->captures; k++)
        t->argument[k] = in[k];
    t->index = LLVMBuildPhi(b, s->e->i64, "i");
    LLVMAddIncoming(t->index, &zero, &t->before, 1);
}

static void ask(straight *s, const turning *t, const ebb_nested *n) {
    LLVMValueRef more = NULL;
    LLVMBasicBlockRef body = block(s, "body");
    if (n->plan[EBB_LOOP_CONDITION])
        emit_plan(s, n->plan[EBB_LOOP_CONDITION], t->argument, &more);
    else
        more = LLVMBuildICmp(s->e->builder, LLVMIntNE, t->index, ebb_emit_int(s->e, t->d->trips), "");
    if (s->failed) return;
    LLVMBuildCondBr(s->e->builder, more, body, t->after);
    LLVMPositionBuilderAtEnd(s->e->builder, body);
}

static void close_turn(const straight *s, const turning *t) {
    LLVMBuilderRef b = s->e->builder;
    LLVMBasicBlockRef last = LLVMGetInsertBlock(b);
    LLVMValueRef next = LLVMBuildAdd(b, t->index, ebb_emit_int(s->e, 1), "");
    LLVMAddIncoming(t->index, &next, &last, 1);
    for (int64_t k = 0; k < t->d->states; k++)
        LLVMAddIncoming(t->argument[k], &t->result[k], &last, 1);
    LLVMBuildBr(b, t->head);
    LLVMPositionBuilderAtEnd(b, t->after);
}

static void turn(straight *s, turning *t, const ebb_nested *n, const LLVMValueRef *in) {
    open_turn(s, t, in);
    ask(s, t, n);
    if (s->failed) return;
    read_rows(s, t);
    emit_plan(s, n->plan[EBB_LOOP_BODY], t->argument, t->result);
    if (s->failed) return;
    write_rows(s, t);
    close_turn(s, t);
}

static void emit_loop(straight *s, const ebb_nested *n, const LLVMValueRef *in, LLVMValueRef *out) {
    const ebb_loop_desc *d = n->loop;
    turning t = {.d = d, .argument = values(s, n->operands), .result = values(s, n->results)};
    if (!s->failed) turn(s, &t, n, in);
    for (int64_t k = 0; !s->failed && k < d->states; k++)
        out[k] = t.argument[k];
    give_back(s, t.argument);
    give_back(s, t.result);
}

/* ---- a region ---- */

static void emit_region(straight *s, const ebb_nested *n, const LLVMValueRef *in, LLVMValueRef *out) {
    (n->loop ? emit_loop : emit_cond)(s, n, in, out);
}

/* What is a number of its own, not one of rows. */
static bool is_number(const ebb_nested *n, bool result, int32_t k) {
    if (!n->loop) return true;
    return k < (result ? n->loop->states : n->loop->states + n->loop->captures);
}

bool ebb_emit_straight(ebb_emit *e, LLVMValueRef function, const ebb_step *step, const LLVMValueRef *in,
                       const LLVMValueRef *out) {
    const ebb_nested *n = step->nested;
    straight s = {.e = e, .function = function, .in = in, .out = out};
    LLVMValueRef *operand = values(&s, n->operands), *result = values(&s, n->results);
    for (int32_t k = 0; !s.failed && k < n->operands; k++)
        if (is_number(n, false, k)) operand[k] = load(&s, e->plan->buffer[n->in[k]].dtype, in[k]);
    if (!s.failed) emit_region(&s, n, operand, result);
    for (int32_t k = 0; !s.failed && k < n->results; k++)
        if (is_number(n, true, k) && n->out[k] >= 0) store(&s, e->plan->buffer[n->out[k]].dtype, result[k], out[k]);
    give_back(&s, operand);
    give_back(&s, result);
    return !s.failed || ebb_fail_memory(e->diag);
}
