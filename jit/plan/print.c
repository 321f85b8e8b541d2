/* print.c - a plan as readable text.
 *
 *     plan loss: 2 steps, arena 256
 *     0 kernel [64][10*] 2 passes              axes, a star on the reduced ones
 *       %0 f32 element load in0 {10,1}         strides; +n: first element
 *       %1 f32 row sum %0 pass 0
 *       store %1 row to arena0:256 {1,0}       where: in (parameter), out (result), arena or pool (offset:bytes)
 *     1 routine dot arena0:256 in1 -> out0 {4,1,64,10,10,0,0}
 *     2 region loop #0 #1 in0 in2 -> out1 none work arena256:128 {1,1,0,0,-1,0,0,0,...}
 *     #0 plan body: 1 steps, arena 0         the plans that regions run, behind that of the program */
#include "jit/plan/plan.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct ebb_sink { /* text that grows; `failed`: there was no memory, and there is no text */
    const ebb_allocator *allocator;
    char *text;
    int32_t length, room;
    bool failed;
} ebb_sink;

static void put(ebb_sink *o, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(ebb_sink *o, const char *format, ...) {
    char piece[256];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(piece, sizeof piece, format, args); /* every piece but names is short */
    va_end(args);
    if (n >= (int)sizeof piece) n = sizeof piece - 1;
    o->failed |= !ebb_mem_reserve(o->allocator, &o->text, &o->room, (int64_t)o->length + n + 1, 1);
    if (o->failed) return;
    memcpy(o->text + o->length, piece, (size_t)n + 1);
    o->length += n;
}

static void put_buffer(ebb_sink *o, const ebb_plan *plan, int32_t buffer) {
    const ebb_buffer *b = &plan->buffer[buffer];
    switch (b->place) {
    case EBB_IN_INPUT:
        put(o, "in%d", b->index);
        break;
    case EBB_IN_OUTPUT:
        put(o, "out%d", b->index);
        break;
    case EBB_IN_ARENA:
        put(o, "arena%" PRId64 ":%" PRId64, b->offset, b->bytes);
        break;
    case EBB_IN_POOL:
        put(o, "pool%" PRId64 ":%" PRId64, b->offset, b->bytes);
        break;
    }
}

static void put_numbers(ebb_sink *o, int32_t n, const int64_t *v) {
    put(o, " {");
    for (int32_t i = 0; i < n; i++)
        put(o, "%s%" PRId64, i ? "," : "", v[i]);
    put(o, "}");
}

static void put_bits(ebb_sink *o, const ebb_inst *inst) {
    union {
        uint64_t bits;
        int32_t i32;
        int64_t i64;
        float f32;
        double f64;
    } v = {.bits = inst->bits};
    switch ((ebb_dtype)inst->dtype) {
    case EBB_BOOL:
        put(o, "%s", v.bits & 1 ? "true" : "false");
        break;
    case EBB_I32:
        put(o, "%d", v.i32);
        break;
    case EBB_I64:
        put(o, "%" PRId64, v.i64);
        break;
    case EBB_F32:
        put(o, "%.9g", (double)v.f32);
        break;
    case EBB_F64:
        put(o, "%.17g", v.f64);
        break;
    case EBB_NONE:
        break;
    }
}

static void put_operands(ebb_sink *o, const ebb_inst *inst) {
    for (int i = 0; i < 3; i++)
        if (inst->operand[i] >= 0) put(o, " %%%d", inst->operand[i]);
}

static void put_place(ebb_sink *o, const ebb_plan *plan, const ebb_kernel *k, const ebb_inst *inst) {
    put_buffer(o, plan, inst->buffer);
    if (inst->offset) put(o, "+%" PRId64, inst->offset);
    put_numbers(o, k->axes, inst->stride);
}

static void put_span(ebb_sink *o, const ebb_inst *inst) {
    if (inst->span) put(o, " up to %" PRId64, inst->span);
}

static const char *const level_name[] = {"kernel", "row", "element"};

static void put_inst(ebb_sink *o, const ebb_plan *plan, const ebb_kernel *k, int32_t i) {
    const ebb_inst *inst = &k->inst[i];
    if (inst->kind == EBB_STORE) {
        put(o, "  store %%%d %s to ", inst->operand[0], level_name[inst->level]);
        put_place(o, plan, k, inst);
        if (inst->level == 2) put(o, " pass %d", inst->stage);
        put_span(o, inst);
        put(o, "\n");
        return;
    }
    put(o, "  %%%d %s %s ", i, ebb_dtype_short((ebb_dtype)inst->dtype), level_name[inst->level]);
    switch ((ebb_inst_kind)inst->kind) {
    case EBB_LOAD:
        put(o, "load ");
        put_place(o, plan, k, inst);
        if (inst->operand[0] >= 0) put(o, " where %%%d", inst->operand[0]);
        if (inst->stage) put(o, " from pass %d", inst->stage);
        break;
    case EBB_CONST:
        put(o, "const "), put_bits(o, inst);
        break;
    case EBB_IOTA:
        put(o, "iota %" PRId64, inst->offset), put_numbers(o, k->axes, inst->stride);
        break;
    case EBB_APPLY:
        put(o, "%s", ebb_op_table[inst->op].name), put_operands(o, inst);
        break;
    case EBB_FOLD:
        put(o, "%s", ebb_op_table[inst->op].name), put_operands(o, inst), put(o, " pass %d", inst->stage);
        put_span(o, inst);
        break;
    case EBB_STORE:
        break;
    }
    put(o, "\n");
}

static void put_kernel(ebb_sink *o, const ebb_plan *plan, const ebb_kernel *k) {
    put(o, "kernel ");
    for (int32_t a = 0; a < k->axes; a++)
        put(o, "[%" PRId64 "%s]", k->extent[a], k->reduced[a] ? "*" : "");
    if (k->axes == 0) put(o, "scalar");
    if (k->stages) put(o, " %d pass%s", k->stages, k->stages > 1 ? "es" : "");
    put(o, "\n");
    for (int32_t i = 0; i < k->count; i++)
        put_inst(o, plan, k, i);
}

static void put_plan_number(ebb_sink *o, const ebb_plan *program, const ebb_plan *plan) {
    for (int32_t i = 0; plan && i < program->nesteds; i++)
        if (program->nested[i] == plan) put(o, " #%d", i);
}

static void put_nested(ebb_sink *o, const ebb_plan *program, const ebb_plan *plan, const ebb_step *s) {
    const ebb_nested *n = s->nested;
    put(o, "region %s", ebb_op_table[s->op].name);
    for (int k = 0; k < 3; k++)
        put_plan_number(o, program, n->plan[k]);
    for (int32_t i = 0; i < n->operands; i++)
        put(o, " "), put_buffer(o, plan, n->in[i]);
    put(o, " ->");
    for (int32_t j = 0; j < n->results; j++)
        put(o, " "), n->out[j] < 0 ? put(o, "none") : put_buffer(o, plan, n->out[j]);
    if (n->work >= 0) put(o, " work "), put_buffer(o, plan, n->work);
    if (n->loop) put_numbers(o, (int32_t)n->numbers, (const int64_t *)n->loop);
    put(o, "\n");
}

static void put_step(ebb_sink *o, const ebb_plan *program, const ebb_plan *plan, int32_t t) {
    const ebb_step *s = &plan->step[t];
    put(o, "%d ", t);
    if (s->kind == EBB_STEP_KERNEL) {
        put_kernel(o, plan, &s->kernel);
        return;
    }
    if (s->kind == EBB_STEP_REGION) {
        put_nested(o, program, plan, s);
        return;
    }
    if (s->kind == EBB_STEP_ROUTINE)
        put(o, "routine %s", ebb_op_table[s->op].name);
    else
        put(o, "copy");
    for (int32_t i = 0; i < s->nin; i++)
        put(o, " "), put_buffer(o, plan, s->in[i]);
    put(o, " -> ");
    put_buffer(o, plan, s->out);
    if (s->scratch >= 0) put(o, " with "), put_buffer(o, plan, s->scratch);
    if (s->kind == EBB_STEP_ROUTINE) put_numbers(o, s->ndesc, s->desc);
    put(o, "\n");
}

static void put_plan(ebb_sink *o, const ebb_plan *program, const ebb_plan *plan) {
    put(o, "plan %.200s: %d steps, arena %" PRId64 "\n", plan->graph->name, plan->steps, plan->arena_bytes);
    for (int32_t t = 0; t < plan->steps; t++)
        put_step(o, program, plan, t);
}

char *ebb_plan_print(const ebb_plan *plan) {
    ebb_sink o = {.allocator = plan->allocator};
    put_plan(&o, plan, plan);
    for (int32_t k = 0; k < plan->nesteds; k++) {
        put(&o, "#%d ", k);
        put_plan(&o, plan, plan->nested[k]);
    }
    if (!o.failed) return o.text;
    ebb_mem_free(plan->allocator, o.text);
    return NULL;
}
