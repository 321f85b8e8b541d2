/* vmap.c - the transform vmap: a function of one example becomes one of many. Start reading at ebb_vmap_graph. */
#include "dual/batch.h"
#include "dual/transform.h"

/* The axis between 0 and rank, or an error. */
static bool check_axis(const ebb_work *w, const char *what, int k, int axis, int rank) {
    const ebb_graph *g = w->b.graph;
    if (axis >= 0 && axis <= rank) return true;
    return ebb_fail(g->diag, EBB_INDEX_ERROR, (ebb_site){0},
                    "vmap: %s %d of %s cannot have the examples on axis %d of %d", what, k, g->name, axis, rank + 1);
}

/* Parameter k with its examples: a new parameter, in[k], and `front`, the same with the examples in front. */
static bool batch_parameter(ebb_work *w, int k, int64_t n, int axis, ebb_id *in, ebb_id *front) {
    ebb_graph *g = w->b.graph;
    ebb_type type = ebb_type_of(g, g->input[k]);
    ebb_site site = g->site[g->input[k]];
    if (!check_axis(w, "parameter", k, axis, type.shape.rank)) return false;
    ebb_shape with_examples;
    if (!ebb_shape_insert(&type.shape, axis, n, &with_examples))
        return ebb_fail(g->diag, EBB_VALUE_ERROR, site, "vmap: parameter %d of %s has rank %d already", k, g->name,
                        EBB_MAX_RANK);
    *in = ebb_add_input(g, (ebb_type){type.dtype, with_examples}, site);
    if (*in == EBB_POISON) return false;
    *front = ebb_move_axis(&(ebb_builder){g, site}, *in, axis, 0);
    return *front != EBB_POISON;
}

/* x[], bx[]: the batched parameters, of which there are *count; in[]: what takes the place of each parameter. */
static bool batch_parameters(ebb_work *w, int64_t n, const int *in_axes, int *count, ebb_id *x, ebb_id *bx,
                             ebb_id *in) {
    ebb_graph *g = w->b.graph;
    int parameters = g->inputs;
    for (int k = 0; k < parameters; k++) {
        in[k] = g->input[k];
        if (in_axes[k] < 0) continue;
        x[*count] = g->input[k];
        if (!batch_parameter(w, k, n, in_axes[k], &in[k], &bx[(*count)++])) return false;
    }
    return true;
}

/* Result j with its examples at the axis; one that is the same for all is repeated. */
static bool place_result(ebb_work *w, int j, int64_t n, int axis, ebb_id *y) {
    const ebb_graph *g = w->b.graph;
    if (w->y[j] == EBB_ABSENT) return true;
    if (!check_axis(w, "result", j, axis, ebb_shape_of(g, w->y[j])->rank)) return false;
    ebb_builder b = {w->b.graph, g->site[w->y[j]]};
    if (*y == EBB_ABSENT) *y = ebb_spread(&b, w->y[j], n);
    if (*y != EBB_POISON) *y = ebb_move_axis(&b, *y, 0, axis);
    return *y != EBB_POISON;
}

static bool place_results(ebb_work *w, int64_t n, const int *out_axes, ebb_id *y) {
    const ebb_graph *g = w->b.graph;
    for (int j = 0; j < w->results; j++)
        if (!place_result(w, j, n, out_axes ? out_axes[j] : 0, &y[j])) return false;
    for (int j = w->results; j < w->outputs; j++) {
        if (y[j] != EBB_ABSENT)
            return ebb_fail(g->diag, EBB_VALUE_ERROR, g->site[w->y[j]],
                            "vmap: %s assigns a variable what differs between examples", g->name);
        y[j] = w->y[j];
    }
    return true;
}

static ebb_graph *batch(ebb_work *w, int64_t n, const int *in_axes, const int *out_axes, ebb_id *room) {
    ebb_graph *g = w->b.graph;
    int count = 0, parameters = g->inputs;
    ebb_id *in = room, *x = in + parameters, *bx = x + parameters, *y = bx + parameters;
    bool ok = batch_parameters(w, n, in_axes, &count, x, bx, in) &&
              ebb_vmap_nodes(g, n, count, x, bx, w->outputs, w->y, y) && place_results(w, n, out_axes, y);
    return ok ? ebb_extract(g, parameters, in, w->outputs, y) : NULL;
}

ebb_graph *ebb_vmap_graph(const ebb_graph *f, int64_t n, const int *in_axes, const int *out_axes,
                          const ebb_dual_spec *spec, ebb_diag *diag) {
    ebb_work w;
    ebb_graph *done = NULL;
    if (ebb_start_whole(&w, "vmap", f, spec, diag)) {
        size_t size = 3 * (size_t)w.b.graph->inputs + (size_t)w.outputs + 1;
        ebb_id *room = ebb_mem_new(f->allocator, size, sizeof *room);
        if (room)
            done = batch(&w, n, in_axes, out_axes, room);
        else
            ebb_fail_memory(diag);
        ebb_mem_free(f->allocator, room);
    }
    ebb_abandon(&w);
    return done;
}
