/* sparse.c - the transforms of sparse.h, and the same roads to dense derivatives.
 *
 * Start reading at ebb_sparse_hessian_graph; then blocks_by_pattern. */
#include "dual/sparse.h"

#include "dual/basis.h"
#include "dual/products.h"
#include "dual/roads.h"

#include <string.h>

void ebb_sparse_free(ebb_sparse *s) {
    if (!s->allocator) return;
    ebb_compressed_free(s->allocator, &s->plan);
    for (int k = 0; k < s->hiddens; k++)
        ebb_mem_free(s->allocator, s->hidden[k].data);
    *s = (ebb_sparse){0};
}

/* What is differentiated: the gradients, or the real results. */
static bool start(ebb_products *p, ebb_work *w, bool hessian, ebb_id *real) {
    const ebb_graph *g = w->b.graph;
    int m = 0;
    if (hessian) return ebb_products_start(p, w, w->n, w->dx);
    for (int j = 0; j < w->derived; j++)
        if (w->y[j] != EBB_ABSENT && ebb_is_float(ebb_dtype_at(g, w->y[j]))) real[m++] = w->y[j];
    if (m) return ebb_products_start(p, w, m, real);
    return ebb_fail(g->diag, EBB_TYPE_ERROR, (ebb_site){0}, "%s: no result of %s is real", w->verb, g->name);
}

/* The plan, to w->brought. */
static bool make_plan(ebb_products *p, bool hessian, ebb_road road, double most) {
    ebb_work *w = p->w;
    const ebb_allocator *a = w->b.graph->allocator;
    ebb_rows rows = {0};
    *w->brought = (ebb_sparse){.allocator = a};
    if (!ebb_products_pattern(p, most, hessian, &rows)) return false;
    bool ok = hessian ? ebb_compress_hessian(a, &rows, &w->brought->plan)
                      : ebb_compress_jacobian(a, &rows, road, &w->brought->plan);
    return ok || ebb_fail_memory(w->b.graph->diag);
}

/* What `last` makes of the plan. */
static ebb_id derive(ebb_work *w, bool hessian, ebb_road road, double most, ebb_id (*last)(ebb_products *p)) {
    ebb_products p = {0};
    ebb_id done = EBB_POISON, *real = ebb_mem_new(w->b.graph->allocator, (size_t)w->derived + 1, sizeof *real);
    bool ok = (real || ebb_fail_memory(w->b.graph->diag)) && start(&p, w, hessian, real) &&
              make_plan(&p, hessian, road, most);
    if (ok) done = last(&p);
    ebb_products_stop(&p);
    ebb_mem_free(w->b.graph->allocator, real);
    return done;
}

/* ---- roads: which products there are, by name; unnamed, a Jacobian's are what its transform was told ---- */

static bool road_named(ebb_work *w, const ebb_dual_spec *spec, int count, ebb_road *road) {
    static const struct {
        const char *name;
        ebb_road road;
    } names[] = {{"colours", EBB_CHEAPER}, {"forward", EBB_FORWARD}, {"reverse", EBB_REVERSE}};
    if (!spec->road) return true;
    for (int k = 0; k < count; k++)
        if (strcmp(names[k].name, spec->road) == 0) {
            *road = names[k].road;
            return true;
        }
    return ebb_fail(w->b.graph->diag, EBB_VALUE_ERROR, (ebb_site){0}, "%s: no road is called \"%s\"; there %s", w->verb,
                    spec->road, count > 1 ? "are \"colours\", \"forward\", \"reverse\"" : "is \"colours\"");
}

/* ---- entries ---- */

static ebb_graph *finish(ebb_work *w, ebb_sparse *brought, int parameters, bool ok, ebb_id entries) {
    ebb_graph *done = ebb_finish_part(w, parameters, ok && entries != EBB_POISON && ebb_give(w, 1, &entries));
    if (!done) ebb_sparse_free(brought);
    return done;
}

ebb_graph *ebb_sparse_hessian_graph(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag) {
    ebb_work w;
    bool ok = ebb_start(&w, "sparse_hessian", f, spec, diag);
    int parameters = ok ? w.b.graph->inputs : 0;
    ebb_road only = EBB_FORWARD;
    *spec->brought = (ebb_sparse){0};
    ok = ok && road_named(&w, spec, 1, &only) && ebb_gradients(&w);
    if (ok && spec->value) ok = ebb_give(&w, 1, w.y) && ebb_give(&w, w.n, w.dx);
    ebb_id entries = ok ? derive(&w, true, EBB_FORWARD, EBB_MOST_PAIRS, ebb_products_entries) : EBB_POISON;
    return finish(&w, spec->brought, parameters, ok, entries);
}

ebb_graph *ebb_sparse_jacobian_graph(const ebb_graph *f, ebb_road road, const ebb_dual_spec *spec, ebb_diag *diag) {
    ebb_work w;
    bool ok = ebb_start(&w, "sparse_jacobian", f, spec, diag);
    int parameters = ok ? w.b.graph->inputs : 0;
    *spec->brought = (ebb_sparse){0};
    ok = ok && road_named(&w, spec, 3, &road);
    if (ok && spec->value) ok = ebb_give(&w, w.results, w.y);
    ebb_id entries = ok ? derive(&w, false, road, EBB_MOST_PAIRS, ebb_products_entries) : EBB_POISON;
    return finish(&w, spec->brought, parameters, ok, entries);
}

/* ---- dense blocks ---- */

/* [rows, columns], from row and column on, as the block of y in x. */
static ebb_id cut(ebb_work *w, ebb_id matrix, int64_t row, int64_t column, ebb_id y, ebb_id x) {
    static const int64_t one[] = {1, 1};
    const ebb_graph *g = w->b.graph;
    const ebb_shape *of_x = ebb_shape_of(g, x);
    ebb_shape part = {2, {ebb_element_count(g, y), ebb_element_count(g, x)}}, block = *ebb_shape_of(g, y);
    if (block.rank + of_x->rank > EBB_MAX_RANK) {
        ebb_fail(g->diag, EBB_VALUE_ERROR, g->site[y], "%s: a block of %s would have rank %d, at most %d", w->verb,
                 g->name, block.rank + of_x->rank, EBB_MAX_RANK);
        return EBB_POISON;
    }
    for (int k = 0; k < of_x->rank; k++)
        block.dim[block.rank++] = of_x->dim[k];
    ebb_id own = ebb_g_slice(&w->b, matrix, (const int64_t[]){row, column}, one, &part);
    return ebb_g_reshape(&w->b, own, &block);
}

/* block[j * n + i] = of y[j] in x[i]. */
static bool cut_all(ebb_work *w, ebb_id flat, int m, const ebb_id *y, ebb_id *block) {
    const ebb_rows *r = &w->brought->plan.pattern;
    ebb_id matrix = ebb_g_reshape(&w->b, flat, &(ebb_shape){2, {r->rows, r->columns}});
    int64_t row = 0;
    for (int j = 0; j < m; j++) {
        bool real = y[j] != EBB_ABSENT && ebb_is_float(ebb_dtype_at(w->b.graph, y[j]));
        int64_t column = 0;
        for (int i = 0; i < w->n; i++) {
            ebb_id *own = &block[(int64_t)j * w->n + i];
            *own = real ? cut(w, matrix, row, column, y[j], w->x[i]) : EBB_ABSENT;
            if (*own == EBB_POISON) return false;
            column += ebb_element_count(w->b.graph, w->x[i]);
        }
        if (real) row += ebb_element_count(w->b.graph, y[j]);
    }
    return true;
}

/* A pattern that is half full is not worth its colours. */
static double worthwhile(const ebb_work *w, int m, const ebb_id *y) {
    double rows = 0, columns = 0;
    for (int j = 0; j < m; j++)
        if (y[j] != EBB_ABSENT) rows += (double)ebb_element_count(w->b.graph, y[j]);
    for (int i = 0; i < w->n; i++)
        columns += (double)ebb_element_count(w->b.graph, w->x[i]);
    return rows * columns / 2;
}

static bool blocks_by_pattern(ebb_work *w, bool hessian, int m, const ebb_id *y, ebb_id *block) {
    ebb_sparse_free(w->brought);
    ebb_id flat = derive(w, hessian, EBB_CHEAPER, worthwhile(w, m, y), ebb_products_matrix);
    return flat != EBB_POISON && cut_all(w, flat, m, y, block);
}

bool ebb_hessian_by_pattern(ebb_work *w, ebb_id *block) { return blocks_by_pattern(w, true, w->n, w->dx, block); }
bool ebb_jacobian_by_pattern(ebb_work *w, ebb_id *block) {
    return blocks_by_pattern(w, false, w->derived, w->y, block);
}
bool ebb_pattern_is_a_road(const ebb_work *w) {
    enum { FEW = 32 }; /* directions that are not worth the search */
    return w->brought && ebb_elements_of(w, w->n, w->x) >= FEW;
}
int64_t ebb_pattern_products(const ebb_work *w) { return w->brought->plan.forward + w->brought->plan.reverse; }
