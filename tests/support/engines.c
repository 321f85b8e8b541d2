/* engines.c - see engines.h. */
#include "tests/support/engines.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "jit/eval/eval.h"
#include "jit/plan/plan.h"

const char *const engine_name[ENGINES] = {"evaluator", "native code"};

void engines_start(engines *e, const char *name) {
    *e = (engines){.diag = {.code = EBB_OK}};
    e->graph = ebb_graph_new(&ebb_malloc_allocator, NULL, name);
    cr_assert_not_null((void *)e->graph);
    e->graph->diag = &e->diag;
}

/* ---- buffers: [guard, elements, guard], the elements one past an aligned address ---- */

enum { GUARD = 64 };
static const unsigned char guard[2 * GUARD] = {0xA5, 0x5A, 0xA5, 0x5A, 0xA5, 0x5A, 0xA5};

static int64_t bytes_at(const engines *e, ebb_id id) {
    int64_t bytes = 0;
    ebb_type type = ebb_type_of(e->graph, id);
    cr_assert(ebb_type_bytes(&type, &bytes));
    return bytes;
}

static void *buffer_new(const engines *e, ebb_id id) {
    size_t bytes = (size_t)bytes_at(e, id), shift = GUARD + ebb_dtype_size(ebb_dtype_at(e->graph, id));
    unsigned char *memory = malloc(bytes + 3 * GUARD);
    cr_assert_not_null((void *)memory);
    memcpy(memory, guard, shift);
    memset(memory + shift, 0xEE, bytes);
    memcpy(memory + shift + bytes, guard, GUARD);
    return memory + shift;
}

static void buffer_free(const engines *e, ebb_id id, void *elements) {
    if (!elements) return;
    size_t bytes = (size_t)bytes_at(e, id), shift = GUARD + ebb_dtype_size(ebb_dtype_at(e->graph, id));
    unsigned char *memory = (unsigned char *)elements - shift;
    cr_expect(!memcmp(memory, guard, shift) && !memcmp(memory + shift + bytes, guard, GUARD),
              "%s: something was written beside a buffer", e->graph->name);
    free(memory);
}

/* ---- the program ---- */

ebb_id engines_input(engines *e, ebb_type type) {
    ebb_id id = ebb_add_input(e->graph, type, (ebb_site){0});
    cr_assert(id > 0, "%s", e->diag.message);
    e->inputs++;
    return id;
}

int engines_output(engines *e, ebb_id id) {
    cr_assert(ebb_add_output(e->graph, id), "%s: %s", e->graph->name, e->diag.message);
    return e->graph->outputs - 1;
}

static void take(engines *e, ebb_graph *next) {
    cr_assert_not_null((void *)next, "%s: %s", e->graph->name, e->diag.message);
    ebb_graph_release(e->graph);
    e->graph = next;
    e->graph->diag = &e->diag;
}

ebb_id *engines_expand(engines *e) {
    ebb_id *map = calloc((size_t)e->graph->count, sizeof *map);
    cr_assert_not_null((void *)map);
    take(e, ebb_expand(e->graph, true, map, &e->diag));
    return map;
}

void engines_take(engines *e, ebb_graph *g) {
    take(e, g);
    e->inputs = g->inputs;
}

static void make_buffers(engines *e) {
    e->in = calloc((size_t)e->inputs + 1, sizeof *e->in);
    for (int k = 0; k < e->inputs; k++)
        e->in[k] = buffer_new(e, e->graph->input[k]);
    for (int engine = 0; engine < ENGINES; engine++) {
        e->out[engine] = calloc((size_t)e->graph->outputs + 1, sizeof *e->out[engine]);
        for (int j = 0; j < e->graph->outputs; j++)
            if (e->graph->output[j] != EBB_ABSENT) e->out[engine][j] = buffer_new(e, e->graph->output[j]);
    }
}

static void make_code(engines *e) {
    ebb_plan *plan = ebb_plan_new(e->graph, NULL, &e->diag);
    cr_assert_not_null((void *)plan, "%s: %s", e->graph->name, e->diag.message);
    e->native = ebb_compile(plan, NULL, &e->diag);
    ebb_plan_free(plan);
    cr_assert_not_null((void *)e->native, "%s: no native code: %s", e->graph->name, e->diag.message);
    cr_assert(ebb_executable_times(e->native).code_bytes > 0, "%s: no native code", e->graph->name);
    e->work = aligned_alloc(64, ((size_t)ebb_executable_work(e->native) + 127) / 64 * 64);
}

void engines_compile(engines *e) {
    take(e, ebb_expand_to_run(e->graph, &e->diag));
    if (!e->no_code) make_code(e);
    make_buffers(e);
}

void engines_set(engines *e, int input, const quad_tensor *value) {
    for (int64_t k = 0; k < value->size; k++)
        quad_store(value->type.dtype, e->in[input], k, value->at[k]);
}

int engines_code(engines *e, int engine) {
    const void *const *in = (const void *const *)e->in;
    if (engine == NATIVE) return ebb_executable_entry(e->native)(in, e->out[NATIVE], e->work);
    e->diag = (ebb_diag){.code = EBB_OK};
    ebb_eval_graph(e->graph, NULL, in, e->out[EVALUATOR], &ebb_malloc_allocator, &e->diag);
    return e->diag.code;
}

int engines_there(const engines *e) { return e->no_code ? EVALUATOR + 1 : ENGINES; }

void engines_run(engines *e) {
    for (int engine = 0; engine < engines_there(e); engine++)
        cr_assert_eq(engines_code(e, engine), EBB_OK, "%s, %s: %s", e->graph->name, engine_name[engine],
                     e->diag.message);
}

quad engines_get(const engines *e, int engine, int output, int64_t k) {
    ebb_id id = e->graph->output[output];
    return id == EBB_ABSENT ? 0 : quad_load(ebb_dtype_at(e->graph, id), e->out[engine][output], k);
}

void engines_stop(engines *e) {
    for (int k = 0; e->in && k < e->inputs; k++)
        buffer_free(e, e->graph->input[k], e->in[k]);
    for (int engine = 0; engine < ENGINES; engine++) {
        for (int j = 0; e->out[engine] && j < e->graph->outputs; j++)
            buffer_free(e, e->graph->output[j], e->out[engine][j]);
        free(e->out[engine]);
    }
    free(e->in);
    free(e->work);
    ebb_executable_release(e->native);
    ebb_graph_release(e->graph);
}
