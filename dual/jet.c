/* jet.c - the transform jet: the Taylor series of a function along a straight line, or along a curve that is a series
 * itself, as one stack for each result. */
#include "dual/series.h"
#include "dual/transform.h"

#include <string.h>

/* The road: one by its name, or by the order. */
static bool find_writing(const ebb_work *w, const ebb_dual_spec *spec, ebb_writing *writing) {
    const char *road = spec ? spec->road : NULL;
    *writing = !road ? EBB_BY_ORDER : strcmp(road, "rolled") == 0 ? EBB_ROLLED : EBB_STRAIGHT;
    return *writing != EBB_STRAIGHT || strcmp(road, "straight") == 0 ||
           ebb_fail(w->b.graph->diag, EBB_VALUE_ERROR, (ebb_site){0},
                    "jet: no road is called \"%s\"; there are \"straight\", \"rolled\"", road);
}

static bool derive(ebb_work *w, int order, ebb_writing writing) {
    ebb_graph *g = w->b.graph;
    bool ok =
        ebb_series_nodes(g, order, writing, w->n, w->x, w->v, w->derived, w->y, w->dy) && ebb_give(w, w->results, w->y);
    for (int j = 0; ok && j < w->derived; j++) {
        bool real = w->y[j] != EBB_ABSENT && ebb_is_float(ebb_dtype_at(g, w->y[j]));
        ebb_builder b = ebb_builder_for(g, w->y[j], EBB_TANGENT);
        if (real && w->dy[j] == EBB_ABSENT) w->dy[j] = ebb_series_zeros(&b, order, w->y[j]);
        ok = w->dy[j] != EBB_POISON && ebb_give(w, 1, &w->dy[j]);
    }
    return ok;
}

/* The directions. */
static bool straight(ebb_work *w, int order) {
    (void)order;
    return ebb_more_inputs(w, w->n, w->x, w->v);
}

/* A stack of coefficients for each parameter. */
static bool bent(ebb_work *w, int order) {
    ebb_graph *g = w->b.graph;
    for (int i = 0; i < w->n; i++) {
        ebb_type type = ebb_type_of(g, w->x[i]);
        if (!ebb_shape_insert(ebb_shape_of(g, w->x[i]), 0, order, &type.shape))
            return ebb_fail(g->diag, EBB_VALUE_ERROR, g->site[w->x[i]],
                            "jet: a parameter of %s has rank %d; its series would have one axis too many", g->name,
                            EBB_MAX_RANK);
        if ((w->v[i] = ebb_add_input(g, type, g->site[w->x[i]])) == EBB_POISON) return false;
    }
    return true;
}

static ebb_graph *jet(const ebb_graph *f, int order, const ebb_dual_spec *spec, bool (*along)(ebb_work *w, int order),
                      ebb_diag *diag) {
    ebb_work w;
    ebb_writing writing;
    bool ok = ebb_start(&w, "jet", f, spec, diag) && ebb_check_order(w.b.graph, order) &&
              find_writing(&w, spec, &writing) && along(&w, order);
    int parameters = ok ? w.b.graph->inputs : 0;
    ok = ok && derive(&w, order, writing);
    return ebb_finish_part(&w, parameters, ok);
}

ebb_graph *ebb_jet_graph(const ebb_graph *f, int order, const ebb_dual_spec *spec, ebb_diag *diag) {
    return jet(f, order, spec, straight, diag);
}

ebb_graph *ebb_jet_series_graph(const ebb_graph *f, int order, const ebb_dual_spec *spec, ebb_diag *diag) {
    return jet(f, order, spec, bent, diag);
}
