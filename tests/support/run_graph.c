/* run_graph.c - doubles to and from the evaluator's buffers. */
#include "run_graph.h"

#include <stdlib.h>

#include "jit/eval/eval.h"
#include "jit/load/load.h"
#include "jit/plan/plan.h"
#include "tests/ref/quad_ops.h"

int64_t size_of_node(const ebb_graph *g, ebb_id id) {
    int64_t size = 0;
    return ebb_shape_size(ebb_shape_of(g, id), &size) ? size : 0;
}

static void *room_for(const ebb_graph *g, ebb_id id) { return calloc((size_t)size_of_node(g, id) + 1, sizeof(double)); }

static bool call_native(const ebb_graph *g, void **from, void **to, ebb_diag *diag) {
    ebb_plan *plan = ebb_plan_new(g, NULL, diag);
    ebb_executable *code = plan ? ebb_compile(plan, NULL, diag) : NULL;
    void *work = code ? aligned_alloc(64, ((size_t)ebb_executable_work(code) + 127) / 64 * 64) : NULL;
    int failed = work ? ebb_executable_entry(code)((const void *const *)from, to, work) : 0;
    if (failed) ebb_fail(diag, (ebb_code)failed, (ebb_site){0}, "native code gave %d", failed);
    free(work);
    ebb_executable_release(code);
    ebb_plan_free(plan);
    return work && !failed;
}

static bool run_by(bool native, const ebb_graph *g, const double *const *in, double *const *out, ebb_diag *diag) {
    void **from = calloc((size_t)g->inputs + 1, sizeof *from), **to = calloc((size_t)g->outputs + 1, sizeof *to);
    for (int k = 0; k < g->inputs; k++) {
        from[k] = room_for(g, g->input[k]);
        for (int64_t e = 0; e < size_of_node(g, g->input[k]); e++)
            quad_store(ebb_dtype_at(g, g->input[k]), from[k], e, in[k][e]);
    }
    for (int j = 0; j < g->outputs; j++)
        if (g->output[j] != EBB_ABSENT) to[j] = room_for(g, g->output[j]);
    bool ok = native
                  ? call_native(g, from, to, diag)
                  : ebb_eval_graph(g, NULL, (const void *const *)from, (void *const *)to, &ebb_malloc_allocator, diag);
    for (int j = 0; j < g->outputs; j++) {
        int64_t size = to[j] && out[j] ? size_of_node(g, g->output[j]) : 0;
        for (int64_t e = 0; ok && e < size; e++)
            out[j][e] = (double)quad_load(ebb_dtype_at(g, g->output[j]), to[j], e);
        free(to[j]);
    }
    for (int k = 0; k < g->inputs; k++)
        free(from[k]);
    free(from);
    free(to);
    return ok;
}

bool run_graph(const ebb_graph *g, const double *const *in, double *const *out, ebb_diag *diag) {
    return run_by(false, g, in, out, diag);
}

bool run_graph_natively(const ebb_graph *g, const double *const *in, double *const *out, ebb_diag *diag) {
    return run_by(true, g, in, out, diag);
}

void fill_uniform(uint64_t seed, double low, double high, int64_t n, double *out) {
    for (int64_t k = 0; k < n; k++) {
        uint64_t z = seed += 0x9E3779B97F4A7C15u;
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
        z = (z ^ z >> 27) * 0x94D049BB133111EBu;
        z ^= z >> 31;
        out[k] = low + (high - low) * (double)(z >> 11) * 0x1p-53;
    }
}
