/* second.c - operators of second order as functions of functions: the Laplacian, and sums of a_ij d^2 / dx_i dx_j.
 *
 * A symmetric a is the sum of s_k v_k v_k', so the operator is the sum of s_k times the second derivative along v_k:
 * what ebb_collapse_nodes computes. Start reading at ebb_second_order_graph. */
#include "dual/basis.h"
#include "dual/eigen.h"
#include "dual/roads.h"
#include "jit/graph/plain_floats.h"

#include <math.h>

static bool check_sizes(ebb_work *w, int64_t d, const double *a, int64_t *elements) {
    const ebb_graph *g = w->b.graph;
    *elements = 0;
    for (int i = 0; i < w->n; i++) {
        if (!ebb_shape_concrete(ebb_shape_of(g, w->x[i])))
            return ebb_fail(g->diag, EBB_VALUE_ERROR, g->site[w->x[i]],
                            "%s: the sizes of the parameters of %s must be known", w->verb, g->name);
        *elements += ebb_element_count(g, w->x[i]);
    }
    if (!a || *elements == d) return true;
    return ebb_fail(g->diag, EBB_VALUE_ERROR, (ebb_site){0},
                    "%s: the matrix is [%lld,%lld], but the parameters of %s have %lld elements", w->verb, (long long)d,
                    (long long)d, g->name, (long long)*elements);
}

/* Directions of weight 0 go; the others move up. */
static int64_t drop_zeros(int64_t d, double *v, double *s) {
    int64_t kept = 0;
    double largest = 0;
    for (int64_t k = 0; k < d; k++)
        largest = fmax(largest, fabs(s[k]));
    for (int64_t k = 0; k < d; k++) {
        if (fabs(s[k]) <= 1e-15 * largest) continue;
        for (int64_t i = 0; i < d; i++)
            v[kept * d + i] = v[k * d + i];
        s[kept++] = s[k];
    }
    return kept;
}

static bool give(ebb_work *w) {
    return ebb_fill(w, w->derived, w->y, w->dy) && ebb_give(w, w->results, w->y) && ebb_give(w, w->derived, w->dy);
}

/* ---- the Laplacian ---- */

static bool by_collapse(ebb_work *w, ebb_id *second) {
    int64_t elements = ebb_elements_of(w, w->n, w->x);
    const ebb_lines lines = {.count = elements, .elements = elements, .budget = w->budget};
    return ebb_collapse_nodes(w->b.graph, &lines, w->n, w->x, w->derived, w->y, second);
}

/* second[j] grows by twice the second coefficients along each element of x; c[3 * derived]: room. */
static bool add_series(ebb_work *w, ebb_id x, ebb_id *c, ebb_id *second) {
    static const int64_t first[] = {0};
    ebb_graph *g = w->b.graph;
    ebb_id curve[2] = {ebb_add_input(g, ebb_type_of(g, x), g->site[x]), EBB_ABSENT}, *along = c + 2 * w->derived;
    if (curve[0] == EBB_POISON || !ebb_jet_nodes(g, 2, 1, &x, curve, w->derived, w->y, c)) return false;
    for (int j = 0; j < w->derived; j++)
        along[j] = c[2 * j + 1];
    if (!ebb_every_direction(w, curve[0], w->derived, along)) return false;
    for (int j = 0; j < w->derived; j++) {
        if (along[j] == EBB_ABSENT) continue;
        ebb_id sum = ebb_g_sum(&w->b, along[j], 1, first);
        second[j] = ebb_plus(&w->b, second[j], ebb_g_mul(&w->b, sum, ebb_g_full_like(&w->b, sum, 2)));
        if (second[j] == EBB_POISON) return false;
    }
    return true;
}

/* One series for each element, added up at the end. */
static bool by_series(ebb_work *w, ebb_id *second) {
    const ebb_allocator *a = w->b.graph->allocator;
    ebb_id *c = ebb_mem_new(a, 3 * (size_t)w->derived + 1, sizeof *c);
    bool ok = c || ebb_fail_memory(w->b.graph->diag);
    for (int j = 0; j < w->derived; j++)
        second[j] = EBB_ABSENT;
    for (int i = 0; ok && i < w->n; i++)
        ok = add_series(w, w->x[i], c, second);
    ebb_mem_free(a, c);
    return ok;
}

static bool derive_laplacian(ebb_work *w, const ebb_dual_spec *spec) {
    int64_t elements = ebb_elements_of(w, w->n, w->x);
    const ebb_road_row roads[] = {{"collapsed series", by_collapse, elements, NULL},
                                  {"series", by_series, elements, NULL}};
    return ebb_take_road(w, spec, true, 2, roads, w->derived, w->dy) && give(w);
}

/* ---- any operator ---- */

/* Along the eigenvectors of a. */
static bool derive_along(ebb_work *w, int64_t d, const double *a) {
    const ebb_allocator *allocator = w->b.graph->allocator;
    double *v = ebb_mem_new(allocator, 2 * (size_t)d * (size_t)d + (size_t)d + 1, sizeof *v);
    if (!v) return ebb_fail_memory(w->b.graph->diag);
    double *copy = v + d * d, *s = copy + d * d;
    for (int64_t i = 0; i < d * d; i++)
        copy[i] = a[i];
    ebb_eigenvectors(d, copy, v, s);
    ebb_lines lines = {drop_zeros(d, v, s), d, v, s, w->budget};
    bool ok = ebb_collapse_nodes(w->b.graph, &lines, w->n, w->x, w->derived, w->y, w->dy) && give(w);
    ebb_mem_free(allocator, v);
    return ok;
}

ebb_graph *ebb_second_order_graph(const ebb_graph *f, int64_t d, const double *a, const ebb_dual_spec *spec,
                                  ebb_diag *diag) {
    EBB_PLAIN_FLOATS;
    ebb_work w;
    int64_t elements;
    bool ok = ebb_start(&w, a ? "second_order" : "laplacian", f, spec, diag) && check_sizes(&w, d, a, &elements);
    int parameters = ok ? w.b.graph->inputs : 0;
    ok = ok && (a ? derive_along(&w, d, a) : derive_laplacian(&w, spec));
    return ebb_finish_part(&w, parameters, ok);
}
