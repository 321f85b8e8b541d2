/* hessian.c - the dense Hessian: forward over reverse, the columns of the gradients.
 *
 * Both halves are computed, so the Hessian is symmetric up to rounding only. */
#include "dual/transform.h"

enum { MOST_DIRECTIONS = 4096 };

static bool check_size(ebb_work *w) {
    ebb_graph *g = w->b.graph;
    int64_t directions = 0;
    for (int i = 0; i < w->n; i++) {
        int64_t size;
        if (!ebb_shape_size(ebb_shape_of(g, w->x[i]), &size) || size > MOST_DIRECTIONS) size = MOST_DIRECTIONS + 1;
        directions += size;
    }
    if (directions <= MOST_DIRECTIONS) return true;
    return ebb_fail(g->diag, EBB_VALUE_ERROR, (ebb_site){0},
                    "hessian: the parameters of %s have more than %d elements together; use hvp", g->name,
                    MOST_DIRECTIONS);
}

/* block[i * n + j], of x[i]'s and x[j]'s axes: the gradient in x[i] along all elements of x[j] */
static bool derive(ebb_work *w, ebb_id *block) {
    for (int j = 0; j < w->n; j++) {
        if (!ebb_columns(w, w->x[j], w->n, w->dx, w->v)) return false;
        for (int i = 0; i < w->n; i++)
            block[(int64_t)i * w->n + j] = w->v[i];
    }
    return true;
}

/* What hessian gives: [value, gradients,] blocks, state. */
static ebb_graph *hessian(ebb_work *w, bool value, ebb_id *room) {
    ebb_graph *g = w->b.graph;
    int parameters = g->inputs, n = 0;
    if (value) room[n++] = w->y[0];
    for (int i = 0; value && i < w->n; i++)
        room[n++] = w->dx[i];
    if (!derive(w, room + n)) return NULL;
    n += w->n * w->n;
    for (int j = w->results; j < w->outputs; j++)
        room[n++] = w->y[j];
    return ebb_extract(g, parameters, g->input, n, room);
}

ebb_graph *ebb_hessian_graph(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag) {
    ebb_work w;
    ebb_graph *done = NULL;
    if (ebb_start(&w, "hessian", f, spec, diag) && check_size(&w) && ebb_gradients(&w)) {
        size_t size = (size_t)w.n * (size_t)w.n + (size_t)w.n + (size_t)w.outputs + 1;
        ebb_id *room = ebb_mem_new(f->allocator, size, sizeof *room);
        if (room)
            done = hessian(&w, spec && spec->value, room);
        else
            ebb_fail_memory(diag);
        ebb_mem_free(f->allocator, room);
    }
    ebb_abandon(&w);
    return done;
}
