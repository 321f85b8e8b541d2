/* hessian.c - the dense Hessian: the columns of the gradients, which come in reverse or, where there are few variables
 * and that is cheaper, forward too; or the few products that its pattern needs (sparse.c).
 *
 * Both halves are computed, so the Hessian is symmetric up to rounding only. A reverse outer pass is no road: where a
 * second derivative has a pole it would add up infinities of both signs. */
#include "dual/roads.h"

/* block[i * n + j], of x[i]'s and x[j]'s axes: dx[i], the gradient in x[i], along all elements of x[j] */
static bool columns(ebb_work *w, const ebb_id *dx, ebb_id *block) {
    for (int j = 0; j < w->n; j++) {
        if (!ebb_columns(w, w->x[j], w->n, dx, w->v)) return false;
        for (int i = 0; i < w->n; i++)
            block[(int64_t)i * w->n + j] = w->v[i];
    }
    return true;
}

static bool forward_over_reverse(ebb_work *w, ebb_id *block) { return columns(w, w->dx, block); }

enum { FEW = 16 }; /* variables: the number of directions is about their square */

static bool forward_over_forward(ebb_work *w, ebb_id *block) {
    const ebb_allocator *a = w->b.graph->allocator;
    if (ebb_elements_of(w, w->n, w->x) > FEW)
        return ebb_fail(w->b.graph->diag, EBB_VALUE_ERROR, (ebb_site){0},
                        "%s: forward over forward is for %d elements at most; %s has more", w->verb, FEW,
                        w->b.graph->name);
    ebb_id *dx = ebb_mem_new(a, (size_t)w->n, sizeof *dx);
    bool ok = dx || ebb_fail_memory(w->b.graph->diag);
    for (int i = 0; ok && i < w->n; i++)
        ok = ebb_columns(w, w->x[i], 1, w->y, &dx[i]);
    ok = ok && columns(w, dx, block);
    ebb_mem_free(a, dx);
    return ok;
}

static bool derive(ebb_work *w, const ebb_dual_spec *spec, ebb_id *block) {
    int64_t n = ebb_elements_of(w, w->n, w->x);
    const ebb_road_row roads[] = {{"forward over reverse", forward_over_reverse, n, NULL},
                                  {"forward over forward", forward_over_forward, n * (n + 1), NULL},
                                  {"by pattern", ebb_hessian_by_pattern, n, ebb_pattern_products}};
    return ebb_take_road(w, spec, true, 2 + ebb_pattern_is_a_road(w), roads, w->n * w->n, block);
}

ebb_graph *ebb_hessian_graph(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag) {
    ebb_work w;
    bool ok = ebb_start(&w, "hessian", f, spec, diag);
    int parameters = ok ? w.b.graph->inputs : 0;
    ok = ok && ebb_gradients(&w);
    ebb_id *block = ok ? ebb_mem_new(f->allocator, (size_t)w.n * (size_t)w.n, sizeof *block) : NULL;
    if (ok && !block) ok = ebb_fail_memory(diag);
    if (ok && spec && spec->value) ok = ebb_give(&w, w.results, w.y) && ebb_give(&w, w.n, w.dx);
    ok = ok && derive(&w, spec, block) && ebb_give(&w, w.n * w.n, block);
    ebb_mem_free(f->allocator, block);
    return ebb_finish_part(&w, parameters, ok);
}
