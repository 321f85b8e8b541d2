/* handmade.c - see handmade.h. */
#include "tests/support/handmade.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void hand_open(hand *h) {
    memset(h, 0, sizeof *h);
    h->plan.allocator = &ebb_malloc_allocator;
    h->plan.buffer = h->buffer;
    h->plan.step = h->step;
    h->plan.graph = ebb_graph_new(&ebb_malloc_allocator, NULL, "handmade");
    cr_assert(h->plan.graph != NULL);
}

void hand_close(hand *h) {
    for (int i = 0; i < h->plan.steps; i++)
        free(h->step[i].kernel.inst);
    ebb_graph_release((ebb_graph *)(uintptr_t)h->plan.graph);
}

static int add_buffer(hand *h, ebb_place place, int index, ebb_dtype dtype, int64_t count) {
    cr_assert(h->plan.buffers < HAND_MAX);
    int64_t bytes = count * (int64_t)ebb_dtype_size(dtype);
    h->buffer[h->plan.buffers] = (ebb_buffer){place, index, 0, bytes, dtype};
    return h->plan.buffers++;
}

int hand_input(hand *h, ebb_dtype dtype, int64_t count) {
    return add_buffer(h, EBB_IN_INPUT, h->inputs++, dtype, count);
}
int hand_output(hand *h, ebb_dtype dtype, int64_t count) {
    return add_buffer(h, EBB_IN_OUTPUT, h->outputs++, dtype, count);
}
int hand_arena(hand *h, ebb_dtype dtype, int64_t count) {
    int buffer = add_buffer(h, EBB_IN_ARENA, 0, dtype, count);
    h->buffer[buffer].offset = h->plan.arena_bytes;
    h->plan.arena_bytes += (h->buffer[buffer].bytes + 63) / 64 * 64;
    return buffer;
}

ebb_kernel *hand_kernel(hand *h, int axes, const int64_t *extent, unsigned reduced, int stages) {
    cr_assert(h->plan.steps < HAND_MAX);
    ebb_step *step = &h->step[h->plan.steps++];
    step->kind = EBB_STEP_KERNEL;
    ebb_kernel *k = &step->kernel;
    k->axes = axes;
    k->stages = stages;
    for (int a = 0; a < axes; a++) {
        k->extent[a] = extent[a];
        k->reduced[a] = reduced >> a & 1;
    }
    return k;
}

static int add(hand *h, ebb_inst inst, const int64_t *stride) {
    ebb_kernel *k = &h->step[h->plan.steps - 1].kernel;
    k->inst = realloc(k->inst, (size_t)(k->count + 1) * sizeof inst);
    for (int a = 0; a < k->axes && stride; a++)
        inst.stride[a] = stride[a];
    k->inst[k->count] = inst;
    return k->count++;
}

static ebb_dtype dtype_of(const hand *h, int inst) {
    return (ebb_dtype)h->step[h->plan.steps - 1].kernel.inst[inst].dtype;
}

int hand_load(hand *h, int buffer, int level, int64_t offset, const int64_t *stride) {
    ebb_inst i = {
        EBB_LOAD, (uint8_t)h->buffer[buffer].dtype, (uint8_t)level, 0, 0, {-1, -1, -1}, buffer, offset, 0, {0}, 0, 0};
    return add(h, i, stride);
}
int hand_const(hand *h, ebb_dtype dtype, uint64_t bits) {
    return add(h, (ebb_inst){EBB_CONST, (uint8_t)dtype, 0, 0, 0, {-1, -1, -1}, -1, 0, 0, {0}, bits, 0}, NULL);
}
int hand_iota(hand *h, ebb_dtype dtype, int level, int64_t offset, const int64_t *stride) {
    return add(h, (ebb_inst){EBB_IOTA, (uint8_t)dtype, (uint8_t)level, 0, 0, {-1, -1, -1}, -1, offset, 0, {0}, 0, 0},
               stride);
}
int hand_apply(hand *h, ebb_op op, ebb_dtype dtype, int level, int x, int y, int z) {
    return add(h, (ebb_inst){EBB_APPLY, (uint8_t)dtype, (uint8_t)level, (uint8_t)op, 0, {x, y, z}, -1, 0, 0, {0}, 0, 0},
               NULL);
}
int hand_fold(hand *h, ebb_op op, int level, int stage, int x) {
    return add(
        h,
        (ebb_inst){
            EBB_FOLD, (uint8_t)dtype_of(h, x), (uint8_t)level, (uint8_t)op, stage, {x, -1, -1}, -1, 0, 0, {0}, 0, 0},
        NULL);
}
void hand_store(hand *h, int buffer, int level, int stage, int64_t offset, const int64_t *stride, int x) {
    ebb_inst i = {EBB_STORE, (uint8_t)dtype_of(h, x), (uint8_t)level, 0, stage, {x, -1, -1}, buffer, offset, 0, {0}, 0,
                  0};
    add(h, i, stride);
}

ebb_executable *hand_compile(hand *h, const ebb_compile_options *options) {
    ebb_diag diag = {0};
    ebb_executable *x = ebb_compile(&h->plan, options, &diag);
    cr_assert_not_null((void *)x, "compile: %s", diag.message);
    return x;
}

ebb_executable *hand_compile_at(hand *h, int bits, int level) {
    ebb_diag diag = {0};
    ebb_compile_options o = {.name = "test", .cpu = h->cpu, .vector_bits = bits, .level = level};
    ebb_executable *x = ebb_compile(&h->plan, &o, &diag);
    cr_assert(x != NULL || diag.code == EBB_UNAVAILABLE, "%s", diag.message);
    cr_assert(x != NULL || bits > 128, "%s", diag.message);
    return x;
}

int hand_run(const ebb_executable *x, const void *const *in, void *const *out) {
    void *work = aligned_alloc(64, (size_t)ebb_executable_work(x) + 64);
    int code = ebb_executable_entry(x)(in, out, work);
    free(work);
    return code;
}

/* ---- numbers ---- */

static uint64_t random_bits(void) {
    static uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return state >> 20;
}

double hand_random(void) { return (double)(random_bits() % 200001) / 25000.0 - 4.0; }

static const double edges[] = {0.0,    -0.0,  1,  -1,  0.5,  -0.5,  2,    -2.5,   INFINITY, -INFINITY, NAN,  1e-40,
                               -1e-40, 1e-20, 80, -80, 1e10, -1e10, 3e38, 100.25, 3,        -3,        1e-4, 700};
#define EDGES (sizeof edges / sizeof *edges)

void hand_put(ebb_dtype d, void *array, int64_t i, double v) {
    int64_t whole = isnan(v) ? 7 : v > 1e9 ? INT64_MAX : v < -1e9 ? INT64_MIN : (int64_t)(v * 3);
    switch (d) {
    case EBB_BOOL:
        ((uint8_t *)array)[i] = v > 0;
        break;
    case EBB_I32:
        ((int32_t *)array)[i] = whole == INT64_MAX ? INT32_MAX : whole == INT64_MIN ? INT32_MIN : (int32_t)whole;
        break;
    case EBB_I64:
        ((int64_t *)array)[i] = whole;
        break;
    case EBB_F32:
        ((float *)array)[i] = (float)v;
        break;
    default:
        ((double *)array)[i] = v;
    }
}

void *hand_numbers(ebb_dtype d, int64_t n, bool with_edges) {
    size_t size = ebb_dtype_size(d), offset = size;
    char *memory = aligned_alloc(64, ((size_t)n * size + offset + 128) / 64 * 64);
    for (int64_t i = 0; i < n; i++)
        hand_put(d, memory + offset, i, with_edges && i % 3 != 2 ? edges[random_bits() % EDGES] : hand_random());
    return memory + offset;
}
void hand_drop(ebb_dtype d, void *array) { free((char *)array - ebb_dtype_size(d)); }

double hand_value_of(ebb_dtype d, const void *p) { return d == EBB_F32 ? *(const float *)p : *(const double *)p; }
