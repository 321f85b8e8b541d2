/* nan_region.c - a NaN that was born in a region: which function of it bore it, in which iteration, and on what.
 *
 * To its program a region is one operation. When one is the answer it runs once more, by the evaluator, and each step
 * whose results are bad is asked with the instrumented variant of its function, until one says that it bore them: then
 * the numbers that this step was given are kept, and the search goes on in its function as in any program. Start
 * reading at ebb_nan_enter. */
#include "dual/dual.h"
#include "frontend/nan.h"
#include "jit/eval/eval.h"
#include "jit/runtime/loop.h"

#include <math.h>

/* ---- one step ---- */

typedef struct watch {
    const ebb_nan_search *s;
    ebb_nan_inside *inside;
    ebb_diag *diag;
} watch;

typedef struct step { /* what lies in the work of a step */
    watch *w;
    ebb_graph *graph;
    int64_t runs;
} step;

static bool is_bad(const watch *w, ebb_type type, const void *data) {
    int64_t n = 0;
    if (!data || !ebb_is_float(type.dtype) || !ebb_shape_size(&type.shape, &n)) return false;
    if (!w->s->infinite) return ebb_any_nan(&type, data);
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(type.dtype == EBB_F32 ? (double)((const float *)data)[i] : ((const double *)data)[i]))
            return true;
    return false;
}

static bool keep_inputs(watch *w, ebb_graph *g, const void *const *in) {
    ebb_nan_inside *to = w->inside;
    const ebb_allocator *a = &w->s->ebb->allocator;
    to->graph = g;
    to->in = ebb_mem_new(a, (size_t)g->inputs + 1, sizeof *to->in);
    for (int32_t k = 0; to->in && k < g->inputs; k++) {
        ebb_type type = ebb_type_of(g, g->input[k]);
        int64_t bytes = 0;
        to->in[k] = ebb_type_bytes(&type, &bytes) ? ebb_mem_copy(a, in[k], (size_t)bytes + (bytes == 0)) : NULL;
        if (!to->in[k]) return ebb_fail_memory(w->diag);
    }
    return to->in || ebb_fail_memory(w->diag);
}

/* Whether something was born in function g on these numbers, as far as is known; it is w->inside's then. */
static bool bears(watch *w, ebb_graph *g, const void *const *in) {
    ebb_nan_search own = {
        .ebb = w->s->ebb, .name = w->s->name, .graph = g, .mode = EBB_EAGER, .in = in, .infinite = w->s->infinite};
    ebb_graph *variant = ebb_births_graph(g, own.infinite, w->diag);
    int64_t element = 0;
    ebb_id id = variant ? ebb_nan_first_born(&own, variant, &element, w->diag) : EBB_POISON;
    ebb_graph_release(variant);
    if (id == EBB_POISON || id == EBB_ABSENT || ebb_op_of(g, id) == EBB_OP_input) return false;
    w->inside->id = id;
    w->inside->element = element;
    return keep_inputs(w, g, in);
}

static bool any_bad(const watch *w, const ebb_graph *g, void *const *out) {
    for (int32_t j = 0; j < g->outputs; j++)
        if (g->output[j] != EBB_ABSENT && is_bad(w, ebb_type_of(g, g->output[j]), out[j])) return true;
    return false;
}

/* As the evaluator's own, but it ends the loop where something was born. */
static int run_step(const void *const *in, void *const *out, void *work) {
    step *s = work;
    watch *w = s->w;
    if (!ebb_eval_graph(s->graph, NULL, in, out, &w->s->ebb->allocator, w->diag)) return EBB_RUNTIME_ERROR;
    if (any_bad(w, s->graph, out) && bears(w, s->graph, in)) {
        w->inside->iteration = s->runs;
        return EBB_RUNTIME_ERROR;
    }
    s->runs++;
    return w->diag->code == EBB_OK ? EBB_OK : EBB_RUNTIME_ERROR;
}

/* ---- regions ---- */

static void watch_loop(watch *w, const ebb_graph *g, ebb_id region, const void *const *in, void *const *out) {
    const ebb_allocator *a = &w->s->ebb->allocator;
    const int64_t room[3] = {sizeof(step), sizeof(step), sizeof(step)};
    const ebb_loop l = ebb_loop_of(g, region);
    int64_t numbers;
    ebb_loop_desc *d = ebb_loop_describe(g, region, room, &numbers, w->diag);
    if (!d) return;
    const ebb_loop_places at = ebb_loop_places_of(d);
    char *work = ebb_mem_new(a, (size_t)at.total + 1, 1);
    ebb_graph *graph[3] = {l.body, l.condition, l.pullback};
    for (int k = 0; work && k < 3; k++)
        *(step *)(void *)(work + at.room[k]) = (step){w, graph[k], 0};
    if (!work)
        ebb_fail_memory(w->diag);
    else if (l.pullback)
        ebb_rt_unloop(d, run_step, l.condition ? run_step : NULL, run_step, in, out, work);
    else
        ebb_rt_loop(d, run_step, l.condition ? run_step : NULL, in, out, work);
    if (l.pullback) w->inside->iteration = -1; /* it goes back and forth */
    ebb_mem_free(a, work);
    ebb_mem_free(g->allocator, d);
}

/* Room for the results that a loop gives; NULL: no memory. */
static void **results_of(watch *w, const ebb_graph *g, ebb_id region, int32_t count) {
    const ebb_allocator *a = &w->s->ebb->allocator;
    void **out = ebb_mem_new(a, (size_t)count + 1, sizeof *out);
    for (int32_t k = 0; out && k < count; k++) {
        ebb_type type;
        int64_t bytes = 0;
        if (!ebb_result_type(g, region, k, &type)) continue;
        if (!ebb_type_bytes(&type, &bytes) || !(out[k] = ebb_mem_new(a, (size_t)bytes + 1, 1))) {
            ebb_nan_free(a, count, out);
            out = NULL;
        }
    }
    if (!out) ebb_fail_memory(w->diag);
    return out;
}

void ebb_nan_free(const ebb_allocator *a, int32_t count, void **data) {
    for (int32_t k = 0; data && k < count; k++)
        ebb_mem_free(a, data[k]);
    ebb_mem_free(a, data);
}

static void watch_region(watch *w, ebb_id region, const void *const *in) {
    const ebb_graph *g = w->s->graph;
    const ebb_region r = ebb_region_of(g, region);
    if (r.op == EBB_OP_cond) {
        bears(w, r.callee[*(const uint8_t *)in[0] ? 0 : 1], in + 1);
        w->inside->iteration = -1;
        return;
    }
    int32_t count = ebb_results_of(g, region);
    void **out = results_of(w, g, region, count);
    if (out) watch_loop(w, g, region, in, out);
    ebb_nan_free(&w->s->ebb->allocator, count, out);
}

bool ebb_nan_enter(const ebb_nan_search *s, ebb_id region, ebb_nan_inside *inside, ebb_diag *diag) {
    *inside = (ebb_nan_inside){.iteration = -1};
    ebb_diag own = {0};
    int32_t arity = s->graph->node[region].arity;
    void **in = ebb_nan_operands(s, region, diag);
    watch w = {s, inside, &own};
    if (!in) return false;
    if (ebb_op_of(s->graph, region) != EBB_OP_custom) watch_region(&w, region, (const void *const *)in);
    ebb_nan_free(&s->ebb->allocator, arity, in);
    if (own.code != EBB_NO_MEMORY) return true;
    if (inside->graph) ebb_nan_free(&s->ebb->allocator, inside->graph->inputs, inside->in);
    inside->graph = NULL;
    return ebb_fail_memory(diag);
}
