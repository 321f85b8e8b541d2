/* linearize.c - the two halves of a derivative as programs of their own: linearize splits f's tangent from its value,
 * transpose turns a linear program round.
 *
 * Both derive inside one graph, then cut the part they want out of it with ebb_extract. */
#include "dual/flow.h"
#include "dual/transform.h"

/* ---- which nodes depend on what ---- */

enum { ON_WRT = 1, ON_INPUT = 2, NEEDED = 4, RESIDUAL = 8 };

/* Marks by operand: ON_WRT below x[], ON_INPUT below any parameter or random draw. NULL: no memory. */
static uint8_t *dependence(const ebb_graph *g, int n, const ebb_id *x) {
    uint8_t *mark = ebb_mem_new(g->allocator, (size_t)g->count, sizeof *mark);
    if (!mark) return ebb_fail_memory(g->diag), NULL;
    for (int k = 0; k < g->inputs; k++)
        mark[g->input[k]] = ON_INPUT;
    for (int i = 0; i < n; i++)
        mark[x[i]] |= ON_WRT;
    for (ebb_id id = 1; id < g->count; id++) {
        const ebb_id *operand = ebb_operands(g, id);
        for (int i = 0; i < g->node[id].arity; i++)
            mark[id] |= mark[operand[i]] & (ON_WRT | ON_INPUT);
    }
    return mark;
}

/* ---- linearize ---- */

/* A residual is what the linear part reads of the primal: it depends on a parameter, but on no tangent. What depends on
 * neither is computed again where it is read. Returns how many there are. */
static int mark_residuals(const ebb_graph *g, uint8_t *mark, int nout, const ebb_id *out) {
    int count = 0;
    for (int j = 0; j < nout; j++)
        mark[out[j]] |= NEEDED;
    for (ebb_id id = g->count - 1; id > 0; id--) {
        if ((mark[id] & (NEEDED | ON_INPUT)) != (NEEDED | ON_INPUT)) continue;
        const ebb_id *x = ebb_operands(g, id);
        for (int i = 0; (mark[id] & ON_WRT) && i < g->node[id].arity; i++)
            mark[x[i]] |= NEEDED;
        if (mark[id] & ON_WRT) continue;
        mark[id] |= RESIDUAL;
        count++;
    }
    return count;
}

/* The same as a list, with room for `more` nodes behind it. */
ebb_id *ebb_residuals(const ebb_graph *g, int n, const ebb_id *x, int nout, const ebb_id *out, int more, int *count) {
    uint8_t *mark = dependence(g, n, x);
    if (!mark) return NULL;
    *count = mark_residuals(g, mark, nout, out);
    ebb_id *list = ebb_mem_new(g->allocator, (size_t)*count + (size_t)more + 1, sizeof *list);
    for (ebb_id id = 1, k = 0; list && id < g->count; id++)
        if (mark[id] & RESIDUAL) list[k++] = id;
    if (!list) ebb_fail_memory(g->diag);
    ebb_mem_free(g->allocator, mark);
    return list;
}

/* list = residuals and room. Primal: results, residuals, state. Linear: residuals, then the tangents. */
static bool split(ebb_work *w, int residuals, ebb_id *list, ebb_graph **primal, ebb_graph **linear) {
    ebb_graph *g = w->b.graph;
    int parameters = g->inputs - w->n;
    bool ok = ebb_give(w, w->results, w->y) && ebb_give(w, residuals, list) &&
              ebb_give(w, w->outputs - w->results, w->y + w->results);
    if (ok) *primal = ebb_extract(g, parameters, g->input, g->outputs, g->output);
    for (int i = 0; i < w->n; i++)
        list[residuals + i] = w->v[i];
    if (*primal) *linear = ebb_extract(g, residuals + w->n, list, w->derived, w->dy);
    return *linear != NULL;
}

static bool linearize(ebb_work *w, ebb_graph **primal, ebb_graph **linear) {
    const ebb_allocator *a = w->b.graph->allocator;
    int residuals;
    ebb_id *list = ebb_residuals(w->b.graph, w->n, w->v, w->derived, w->dy, w->n, &residuals);
    bool ok = list && split(w, residuals, list, primal, linear);
    ebb_mem_free(a, list);
    return ok;
}

bool ebb_linearize_graph(const ebb_graph *f, const ebb_dual_spec *spec, ebb_graph **primal, ebb_graph **linear,
                         ebb_diag *diag) {
    ebb_work w;
    *primal = *linear = NULL;
    bool ok = ebb_start(&w, "linearize", f, spec, diag) && ebb_more_inputs(&w, w.n, w.x, w.v) &&
              ebb_jvp_nodes(w.b.graph, w.n, w.x, w.v, w.derived, w.y, w.dy) && ebb_fill(&w, w.derived, w.y, w.dy) &&
              linearize(&w, primal, linear);
    ebb_abandon(&w);
    if (ok) return true;
    ebb_graph_release(*primal);
    *primal = NULL;
    return false;
}

/* ---- transpose ---- */

static bool check_linear(ebb_work *w) {
    const ebb_graph *g = w->b.graph;
    ebb_id where;
    int result;
    if (ebb_is_linear(g, w->n, w->x, w->derived, w->y, &where, &result, g->diag)) return true;
    if (where != EBB_ABSENT)
        return ebb_fail(g->diag, EBB_VALUE_ERROR, g->site[where], "transpose_of: %s is not linear: %s at %%%d", g->name,
                        ebb_op_table[ebb_op_of(g, where)].name, (int)where);
    return ebb_fail(g->diag, EBB_VALUE_ERROR, g->site[w->y[result]],
                    "transpose_of: %s is not linear: result %d does not depend on its parameters", g->name, result);
}

static bool check_state(ebb_work *w, const uint8_t *mark) {
    const ebb_graph *g = w->b.graph;
    for (int j = w->results; j < w->outputs; j++)
        if (mark[w->y[j]] & ON_WRT)
            return ebb_fail(g->diag, EBB_VALUE_ERROR, g->site[w->y[j]],
                            "transpose_of: %s assigns a variable what depends on the parameters it is linear in",
                            g->name);
    return true;
}

/* Parameters: those that f is not linear in, then the cotangents. What is linear has the same derivative everywhere:
 * loops, which run before they come back, run at 0. */
static ebb_graph *turn(ebb_work *w, const uint8_t *mark) {
    ebb_graph *g = w->b.graph, *done = NULL;
    int own = g->inputs, nin = 0, linear = g->callees ? w->n : 0, state = w->outputs - w->results;
    ebb_id *in = ebb_mem_new(g->allocator, (size_t)own + (size_t)w->derived + (size_t)w->n, sizeof *in);
    if (!in) return ebb_fail_memory(g->diag), NULL;
    for (int k = 0; k < own; k++)
        if (!(mark[g->input[k]] & ON_WRT)) in[nin++] = g->input[k];
    bool ok = ebb_more_inputs(w, w->derived, w->y, in + nin) &&
              ebb_vjp_nodes(g, w->derived, w->y, in + nin, w->n, w->x, w->dx) && ebb_fill(w, w->n, w->x, w->dx) &&
              check_state(w, mark) && ebb_give(w, w->n, w->dx) && ebb_give(w, state, w->y + w->results);
    nin += w->derived;
    for (int i = 0; i < linear; i++)
        in[nin++] = w->x[i];
    if (ok) done = ebb_extract(g, nin, in, g->outputs, g->output);
    ebb_mem_free(g->allocator, in);
    if (!done || !linear) return done;
    ebb_graph *zero = ebb_at_zero(done, linear);
    ebb_graph_release(done);
    return zero;
}

ebb_graph *ebb_transpose_graph(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag) {
    ebb_work w;
    ebb_graph *done = NULL;
    if (ebb_start(&w, "transpose_of", f, spec, diag)) {
        uint8_t *mark = dependence(w.b.graph, w.n, w.x);
        if (mark && check_linear(&w)) done = turn(&w, mark);
        ebb_mem_free(w.b.graph->allocator, mark);
    }
    ebb_abandon(&w);
    return done;
}
