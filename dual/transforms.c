/* transforms.c - functions to functions: grad, jvp, vjp, hvp. hessian.c and linearize.c have the longer ones.
 *
 * Each is a sentence over ebb_jvp_nodes and ebb_vjp_nodes; start with grad. */
#include "dual/transform.h"

/* Every derivative of a loss begins here: dx = the gradients. */
bool ebb_gradients(ebb_work *w) {
    ebb_graph *g = w->b.graph;
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
    ebb_id one = ebb_g_number(&w->b, type.dtype, 1);
    return ebb_vjp_nodes(g, 1, &loss, &one, w->n, w->x, w->dx) && ebb_fill(w, w->n, w->x, w->dx);
}

ebb_graph *ebb_grad_graph(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag) {
    ebb_work w;
    bool ok = ebb_start(&w, "grad", f, spec, diag) && ebb_gradients(&w);
    if (ok && spec && spec->value) ok = ebb_give(&w, w.results, w.y);
    return ebb_finish(&w, ok && ebb_give(&w, w.n, w.dx));
}

ebb_graph *ebb_jvp_graph(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag) {
    ebb_work w;
    bool ok = ebb_start(&w, "jvp", f, spec, diag) && ebb_more_inputs(&w, w.n, w.x, w.v) &&
              ebb_jvp_nodes(w.b.graph, w.n, w.x, w.v, w.results, w.y, w.dy) && ebb_fill(&w, w.results, w.y, w.dy) &&
              ebb_give(&w, w.results, w.y) && ebb_give(&w, w.results, w.dy);
    return ebb_finish(&w, ok);
}

ebb_graph *ebb_vjp_graph(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag) {
    ebb_work w;
    bool ok = ebb_start(&w, "vjp", f, spec, diag) && ebb_more_inputs(&w, w.results, w.y, w.dy) &&
              ebb_vjp_nodes(w.b.graph, w.results, w.y, w.dy, w.n, w.x, w.dx) && ebb_fill(&w, w.n, w.x, w.dx) &&
              ebb_give(&w, w.results, w.y) && ebb_give(&w, w.n, w.dx);
    return ebb_finish(&w, ok);
}

/* The tangent of the gradients in one direction is the Hessian times that direction; it takes v's place. */
ebb_graph *ebb_hvp_graph(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag) {
    ebb_work w;
    bool ok = ebb_start(&w, "hvp", f, spec, diag) && ebb_gradients(&w) && ebb_more_inputs(&w, w.n, w.x, w.v);
    if (ok && spec && spec->value) ok = ebb_give(&w, 1, w.y) && ebb_give(&w, w.n, w.dx);
    ok = ok && ebb_jvp_nodes(w.b.graph, w.n, w.x, w.v, w.n, w.dx, w.v) && ebb_fill(&w, w.n, w.x, w.v) &&
         ebb_give(&w, w.n, w.v);
    return ebb_finish(&w, ok);
}
