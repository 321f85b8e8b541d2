/* transforms.c - functions to functions: grad, jvp, vjp, hvp. hessian.c and linearize.c have the longer ones.
 *
 * Each is a sentence over ebb_jvp_nodes and ebb_vjp_nodes; start with grad. */
#include "dual/roads.h"

bool ebb_check_loss(ebb_work *w) {
    const ebb_graph *g = w->b.graph;
    ebb_id loss = w->y[0];
    ebb_type type = ebb_type_of(g, loss);
    char text[EBB_TYPE_TEXT];
    if (loss == EBB_ABSENT)
        return ebb_fail(g->diag, EBB_VALUE_ERROR, (ebb_site){0}, "%s: the result of %s is absent", w->verb, g->name);
    if (!ebb_is_float(type.dtype))
        return ebb_fail(g->diag, EBB_TYPE_ERROR, g->site[loss],
                        "%s: the result of %s is %s; only f32 and f64 have derivatives", w->verb, g->name,
                        ebb_type_text(&type, text));
    if (type.shape.rank != 0)
        return ebb_fail(g->diag, EBB_VALUE_ERROR, g->site[loss],
                        "%s: the result of %s is %s; a gradient needs a scalar, use vjp", w->verb, g->name,
                        ebb_type_text(&type, text));
    return true;
}

/* The gradient of a number y in the parameters. */
static bool gradients_of(ebb_work *w, ebb_id y, ebb_id *dx) {
    ebb_graph *g = w->b.graph;
    ebb_id one = ebb_g_number(&w->b, ebb_dtype_at(g, w->y[0]), 1);
    return ebb_vjp_nodes(g, 1, &y, &one, w->n, w->x, dx) && ebb_fill(w, w->n, w->x, dx);
}

/* Every derivative of a loss begins here: dx = the gradients. */
bool ebb_gradients(ebb_work *w) { return ebb_check_loss(w) && gradients_of(w, w->y[0], w->dx); }

/* A large program is not written again just to be weighed: the first road is seldom the dearer one. */
enum { LARGE = 20000 }; /* nodes */
static bool is_weighed(const ebb_work *w) { return w->b.graph->count <= LARGE; }

/* ---- gradients: in reverse; or the loss along every direction, which pays for very few ---- */

static bool by_reverse(ebb_work *w, ebb_id *dx) {
    bool ok = ebb_gradients(w);
    for (int i = 0; ok && i < w->n; i++)
        dx[i] = w->dx[i];
    return ok;
}

static bool by_forward(ebb_work *w, ebb_id *dx) {
    for (int i = 0; i < w->n; i++)
        if (!ebb_columns(w, w->x[i], 1, w->y, &dx[i])) return false;
    return true;
}

static bool gradients(ebb_work *w, const ebb_dual_spec *spec) {
    const ebb_road_row roads[] = {{"reverse", by_reverse, 1, NULL},
                                  {"forward", by_forward, ebb_elements_of(w, w->n, w->x), NULL}};
    return ebb_check_loss(w) && ebb_take_road(w, spec, is_weighed(w), 2, roads, w->n, w->dx);
}

ebb_graph *ebb_grad_graph(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag) {
    ebb_work w;
    bool ok = ebb_start(&w, "grad", f, spec, diag);
    int parameters = ok ? w.b.graph->inputs : 0;
    ok = ok && gradients(&w, spec);
    if (ok && spec && spec->value) ok = ebb_give(&w, w.results, w.y);
    return ebb_finish_part(&w, parameters, ok && ebb_give(&w, w.n, w.dx));
}

ebb_graph *ebb_jvp_graph(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag) {
    ebb_work w;
    bool ok = ebb_start(&w, "jvp", f, spec, diag) && ebb_more_inputs(&w, w.n, w.x, w.v) &&
              ebb_jvp_nodes(w.b.graph, w.n, w.x, w.v, w.derived, w.y, w.dy) && ebb_fill(&w, w.derived, w.y, w.dy) &&
              ebb_give(&w, w.results, w.y) && ebb_give(&w, w.derived, w.dy);
    return ebb_finish(&w, ok);
}

ebb_graph *ebb_vjp_graph(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag) {
    ebb_work w;
    bool ok = ebb_start(&w, "vjp", f, spec, diag) && ebb_more_inputs(&w, w.derived, w.y, w.dy) &&
              ebb_vjp_nodes(w.b.graph, w.derived, w.y, w.dy, w.n, w.x, w.dx) && ebb_fill(&w, w.n, w.x, w.dx) &&
              ebb_give(&w, w.results, w.y) && ebb_give(&w, w.n, w.dx);
    return ebb_finish(&w, ok);
}

/* ---- the Hessian times directions v ---- */

/* The tangent of the gradients. */
static bool forward_over_reverse(ebb_work *w, ebb_id *product) {
    return ebb_jvp_nodes(w->b.graph, w->n, w->x, w->v, w->n, w->dx, product) && ebb_fill(w, w->n, w->x, product);
}

/* The gradient of the tangent. */
static bool reverse_over_forward(ebb_work *w, ebb_id *product) {
    ebb_id tangent;
    return ebb_jvp_nodes(w->b.graph, w->n, w->x, w->v, 1, w->y, &tangent) && gradients_of(w, tangent, product);
}

/* The gradient of the gradients' product with v. */
static bool reverse_over_reverse(ebb_work *w, ebb_id *product) {
    static const int64_t axes[EBB_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
    ebb_id sum = EBB_ABSENT;
    for (int i = 0; i < w->n; i++) {
        int rank = ebb_shape_of(w->b.graph, w->x[i])->rank;
        sum = ebb_plus(&w->b, sum, ebb_g_sum(&w->b, ebb_g_mul(&w->b, w->dx[i], w->v[i]), rank, axes));
    }
    return sum != EBB_POISON && gradients_of(w, sum, product);
}

/* They take v's place. Where the gradient is given too it is there anyway, and its tangent is always taken. */
static bool products(ebb_work *w, const ebb_dual_spec *spec) {
    static const ebb_road_row roads[] = {{"forward over reverse", forward_over_reverse, 1, NULL},
                                         {"reverse over forward", reverse_over_forward, 1, NULL},
                                         {"reverse over reverse", reverse_over_reverse, 1, NULL}};
    return ebb_take_road(w, spec, is_weighed(w) && !(spec && spec->value), 3, roads, w->n, w->v);
}

ebb_graph *ebb_hvp_graph(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag) {
    ebb_work w;
    bool ok = ebb_start(&w, "hvp", f, spec, diag) && ebb_gradients(&w) && ebb_more_inputs(&w, w.n, w.x, w.v);
    if (ok && spec && spec->value) ok = ebb_give(&w, w.results, w.y) && ebb_give(&w, w.n, w.dx);
    return ebb_finish(&w, ok && products(&w, spec) && ebb_give(&w, w.n, w.v));
}
