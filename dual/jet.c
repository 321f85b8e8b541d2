/* jet.c - the transform jet: the Taylor series of a function along a straight line, or along a curve that is a series
 * itself, as one stack for each result. */
#include "dual/transform.h"

/* The coefficients of y, c[order], as [order, y...]. */
static ebb_id series(ebb_work *w, ebb_id y, int order, ebb_id *c) {
    ebb_builder b = ebb_builder_for(w->b.graph, y, EBB_TANGENT);
    ebb_shape row;
    if (!ebb_shape_insert(ebb_shape_of(b.graph, y), 0, 1, &row)) {
        ebb_fail(b.graph->diag, EBB_VALUE_ERROR, b.site,
                 "jet: a result of %s has rank %d; its series would have one axis too many", b.graph->name,
                 EBB_MAX_RANK);
        return EBB_POISON;
    }
    for (int k = 0; k < order; k++)
        c[k] = ebb_g_reshape(&b, ebb_present(&b, c[k], y), &row);
    return ebb_stack(&b, order, c);
}

/* curve: [n][order]. c: [results][order]. */
static bool derive(ebb_work *w, int order, const ebb_id *curve, ebb_id *c) {
    ebb_graph *g = w->b.graph;
    bool ok = ebb_jet_nodes(g, order, w->n, w->x, curve, w->derived, w->y, c) && ebb_give(w, w->results, w->y);
    for (int j = 0; ok && j < w->derived; j++) {
        bool real = w->y[j] != EBB_ABSENT && ebb_is_float(ebb_dtype_at(g, w->y[j]));
        ebb_id one = real ? series(w, w->y[j], order, c + (int64_t)j * order) : EBB_ABSENT;
        ok = one != EBB_POISON && ebb_give(w, 1, &one);
    }
    return ok;
}

/* The directions; orders above 1 stay absent. */
static bool straight(ebb_work *w, int order, ebb_id *curve) {
    if (!ebb_more_inputs(w, w->n, w->x, w->v)) return false;
    for (int i = 0; i < w->n; i++)
        curve[(int64_t)i * order] = w->v[i];
    return true;
}

/* Row k of s, [order, x...], as [x...]. */
static ebb_id row_of(ebb_builder *b, ebb_id s, int64_t k, ebb_id x) {
    static const int64_t step[EBB_MAX_RANK] = {1, 1, 1, 1, 1, 1, 1, 1};
    const int64_t start[EBB_MAX_RANK] = {k};
    ebb_shape one = *ebb_shape_of(b->graph, s);
    one.dim[0] = 1;
    return ebb_g_reshape(b, ebb_g_slice(b, s, start, step, &one), ebb_shape_of(b->graph, x));
}

/* A stack of coefficients for each parameter. */
static bool bent(ebb_work *w, int order, ebb_id *curve) {
    ebb_graph *g = w->b.graph;
    for (int i = 0; i < w->n; i++) {
        ebb_builder b = ebb_builder_for(g, w->x[i], EBB_TANGENT);
        ebb_type type = ebb_type_of(g, w->x[i]);
        if (!ebb_shape_insert(ebb_shape_of(g, w->x[i]), 0, order, &type.shape))
            return ebb_fail(g->diag, EBB_VALUE_ERROR, b.site,
                            "jet: a parameter of %s has rank %d; its series would have one axis too many", g->name,
                            EBB_MAX_RANK);
        if ((w->v[i] = ebb_add_input(g, type, g->site[w->x[i]])) == EBB_POISON) return false;
        for (int k = 0; k < order; k++) {
            ebb_id c = row_of(&b, w->v[i], k, w->x[i]);
            if (c == EBB_POISON) return false;
            curve[(int64_t)i * order + k] = c;
        }
    }
    return true;
}

static ebb_graph *jet(const ebb_graph *f, int order, const ebb_dual_spec *spec,
                      bool (*along)(ebb_work *w, int order, ebb_id *curve), ebb_diag *diag) {
    ebb_work w;
    ebb_id *room = NULL;
    bool ok = ebb_start(&w, "jet", f, spec, diag) && ebb_check_order(w.b.graph, order);
    if (ok) room = ebb_mem_new(f->allocator, (size_t)(w.n + w.results) * (size_t)order, sizeof *room);
    if (ok && !room) ok = ebb_fail_memory(diag);
    ok = ok && along(&w, order, room) && derive(&w, order, room, room + (int64_t)w.n * order);
    ebb_mem_free(f->allocator, room);
    return ebb_finish(&w, ok);
}

ebb_graph *ebb_jet_graph(const ebb_graph *f, int order, const ebb_dual_spec *spec, ebb_diag *diag) {
    return jet(f, order, spec, straight, diag);
}

ebb_graph *ebb_jet_series_graph(const ebb_graph *f, int order, const ebb_dual_spec *spec, ebb_diag *diag) {
    return jet(f, order, spec, bent, diag);
}
