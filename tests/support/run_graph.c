/* run_graph.c - doubles to and from the evaluator's buffers. */
#include "run_graph.h"

#include <stdlib.h>

#include "jit/eval/eval.h"
#include "tests/ref/quad_ops.h"

int64_t size_of_node(const ebb_graph *g, ebb_id id) {
    int64_t size = 0;
    return ebb_shape_size(ebb_shape_of(g, id), &size) ? size : 0;
}

static void *room_for(const ebb_graph *g, ebb_id id) { return calloc((size_t)size_of_node(g, id) + 1, sizeof(double)); }

bool run_graph(const ebb_graph *g, const double *const *in, double *const *out, ebb_diag *diag) {
    void **from = calloc((size_t)g->inputs + 1, sizeof *from), **to = calloc((size_t)g->outputs + 1, sizeof *to);
    for (int k = 0; k < g->inputs; k++) {
        from[k] = room_for(g, g->input[k]);
        for (int64_t e = 0; e < size_of_node(g, g->input[k]); e++)
            quad_store(ebb_dtype_at(g, g->input[k]), from[k], e, in[k][e]);
    }
    for (int j = 0; j < g->outputs; j++)
        if (g->output[j] != EBB_ABSENT) to[j] = room_for(g, g->output[j]);
    bool ok = ebb_eval_graph(g, NULL, (const void *const *)from, (void *const *)to, &ebb_malloc_allocator, diag);
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

void fill_uniform(uint64_t seed, double low, double high, int64_t n, double *out) {
    for (int64_t k = 0; k < n; k++) {
        uint64_t z = seed += 0x9E3779B97F4A7C15u;
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
        z = (z ^ z >> 27) * 0x94D049BB133111EBu;
        z ^= z >> 31;
        out[k] = low + (high - low) * (double)(z >> 11) * 0x1p-53;
    }
}
