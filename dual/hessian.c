/* hessian.c - the dense Hessian: forward over reverse, the columns of the gradients.
 *
 * Both halves are computed, so the Hessian is symmetric up to rounding only. */
#include "dual/transform.h"

/* block[i * n + j], of x[i]'s and x[j]'s axes: the gradient in x[i] along all elements of x[j] */
static bool derive(ebb_work *w, ebb_id *block) {
    for (int j = 0; j < w->n; j++) {
        if (!ebb_columns(w, w->x[j], w->n, w->dx, w->v)) return false;
        for (int i = 0; i < w->n; i++)
            block[(int64_t)i * w->n + j] = w->v[i];
    }
    return true;
}

ebb_graph *ebb_hessian_graph(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag) {
    ebb_work w;
    bool ok = ebb_start(&w, "hessian", f, spec, diag);
    int parameters = ok ? w.b.graph->inputs : 0;
    ok = ok && ebb_gradients(&w);
    ebb_id *block = ok ? ebb_mem_new(f->allocator, (size_t)w.n * (size_t)w.n, sizeof *block) : NULL;
    if (ok && !block) ok = ebb_fail_memory(diag);
    if (ok && spec && spec->value) ok = ebb_give(&w, w.results, w.y) && ebb_give(&w, w.n, w.dx);
    ok = ok && derive(&w, block) && ebb_give(&w, w.n * w.n, block);
    ebb_mem_free(f->allocator, block);
    return ebb_finish_part(&w, parameters, ok);
}
