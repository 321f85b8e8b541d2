/* region.c - see region.h. A loop's step is a call of the evaluator, which finds its graph in the step's work.
 *
 * Regions nest as deep on the stack as they do in the program, and there is a limit to that (EBB_MOST_NESTED). */
#include "jit/eval/region.h"
#include "jit/eval/eval.h"
#include "jit/graph/region.h"
#include "jit/runtime/loop.h"

typedef struct step { /* what lies in the work of a step */
    const ebb_graph *graph;
    const ebb_allocator *allocator;
    ebb_diag *diag;
} step;

static int run_step(const void *const *in, void *const *out, void *work) {
    const step *s = work;
    return ebb_eval_graph(s->graph, NULL, in, out, s->allocator, s->diag) ? EBB_OK : EBB_RUNTIME_ERROR; /* see diag */
}

static bool run_cond(const ebb_graph *g, ebb_id id, const void *const *in, void *const *out, eval_pool *pool,
                     ebb_diag *diag) {
    const ebb_region r = ebb_region_of(g, id);
    return ebb_eval_graph(r.callee[*(const uint8_t *)in[0] ? 0 : 1], NULL, in + 1, out, pool->allocator, diag);
}

static bool run_primal(const ebb_graph *g, ebb_id id, const void *const *in, void *const *out, eval_pool *pool,
                       ebb_diag *diag) {
    const ebb_region r = ebb_region_of(g, id);
    return ebb_eval_graph(r.callee[0], NULL, in, out, pool->allocator, diag);
}

static int drive(const ebb_loop_desc *d, const ebb_loop *l, const void *const *in, void *const *out, char *work,
                 const step *s) {
    const ebb_loop_places at = ebb_loop_places_of(d);
    ebb_rt_step *condition = l->condition ? run_step : NULL;
    const ebb_graph *graph[3] = {l->body, l->condition, l->pullback};
    for (int k = 0; k < 3; k++) {
        step *mine = (step *)(void *)(work + at.room[k]);
        *mine = *s;
        mine->graph = graph[k];
    }
    return l->pullback ? ebb_rt_unloop(d, run_step, condition, run_step, in, out, work)
                       : ebb_rt_loop(d, run_step, condition, in, out, work);
}

static bool run_loop(const ebb_graph *g, ebb_id id, const void *const *in, void *const *out, eval_pool *pool,
                     ebb_diag *diag) {
    const int64_t room[3] = {sizeof(step), sizeof(step), sizeof(step)};
    const ebb_loop l = ebb_loop_of(g, id);
    int64_t numbers;
    ebb_loop_desc *d = ebb_loop_describe(g, id, room, &numbers, diag);
    if (!d) return false;
    void *work = eval_pool_take(pool, ebb_loop_places_of(d).total);
    bool ok = work || ebb_fail_memory(diag);
    if (ok) {
        const step s = {.allocator = pool->allocator, .diag = diag};
        ok = drive(d, &l, in, out, work, &s) == EBB_OK;
        eval_pool_give(pool, work);
    }
    ebb_mem_free(g->allocator, d);
    return ok;
}

bool eval_region(const ebb_graph *g, ebb_id id, const void *const *in, void *const *out, eval_pool *pool,
                 ebb_diag *diag) {
    const ebb_op op = ebb_op_of(g, id);
    return (op == EBB_OP_custom ? run_primal : op == EBB_OP_cond ? run_cond : run_loop)(g, id, in, out, pool, diag);
}
