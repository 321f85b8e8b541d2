/* diagonal.c - the diagonal of a Hessian, by the cheapest road that its structure allows.
 *
 * Where element i of the gradient hangs on element i of the parameter only, as in sums of functions of single elements,
 * the Hessian is its diagonal, and its product with ones gives all of it. Else the second derivative along each element
 * is the second coefficient of a series, with no gradient: many series side by side, in blocks that keep the budget.
 * Start reading at ebb_hessian_diagonal_graph. */
#include "dual/basis.h"
#include "dual/roads.h"

/* How elements of a node hang on those of x: on none, on the one in the same place of the row-major order, or anyhow.
 */
enum { ON_NONE, ON_SAME, ON_ANY };

static uint8_t hangs(const ebb_graph *g, ebb_id id, const uint8_t *on) {
    const ebb_id *x = ebb_operands(g, id);
    ebb_op op = ebb_op_of(g, id);
    uint8_t most = ON_NONE;
    for (int i = 0; i < g->node[id].arity; i++)
        if (on[x[i]] > most) most = on[x[i]];
    if (ebb_op_table[op].family == EBB_STEP) return ON_NONE; /* its derivative is 0 */
    bool in_place = ebb_op_table[ebb_product_of(op)].access == EBB_POINT || op == EBB_OP_reshape;
    return most == ON_SAME && !in_place ? ON_ANY : most;
}

/* Whether element i of y hangs on element i of x only, as far as derivatives see. False too without memory, which the
 * other road will notice. */
static bool is_in_place(const ebb_graph *g, ebb_id x, ebb_id y) {
    uint8_t *on = ebb_mem_new(g->allocator, (size_t)y + 1, sizeof *on);
    if (!on) return false;
    for (ebb_id id = x; id <= y; id++)
        on[id] = id == x ? ON_SAME : hangs(g, id, on);
    bool answer = on[y] != ON_ANY;
    ebb_mem_free(g->allocator, on);
    return answer;
}

/* The product with ones. */
static bool by_product(ebb_work *w, int i, ebb_id *diagonal) {
    ebb_id one = ebb_g_full_like(&w->b, w->x[i], 1);
    return one != EBB_POISON && ebb_jvp_nodes(w->b.graph, 1, &w->x[i], &one, 1, &w->dx[i], diagonal);
}

/* The second coefficient of each element's series, twice. */
static bool by_series(ebb_work *w, int i, ebb_id *diagonal) {
    ebb_graph *g = w->b.graph;
    ebb_id x = w->x[i], curve[2] = {ebb_add_input(g, ebb_type_of(g, x), g->site[x]), EBB_ABSENT}, c[2];
    if (curve[0] == EBB_POISON || !ebb_jet_nodes(g, 2, 1, &x, curve, 1, w->y, c) ||
        !ebb_every_direction(w, curve[0], 1, &c[1]))
        return false;
    *diagonal = c[1] ? ebb_g_reshape(&w->b, ebb_g_mul(&w->b, c[1], ebb_g_full_like(&w->b, c[1], 2)), ebb_shape_of(g, x))
                     : EBB_ABSENT;
    return *diagonal != EBB_POISON;
}

/* Each by the product where that does, else by series. */
static bool by_structure(ebb_work *w, ebb_id *diagonal) {
    for (int i = 0; i < w->n; i++) {
        bool one = ebb_element_count(w->b.graph, w->x[i]) == 1;
        bool ok = one || is_in_place(w->b.graph, w->x[i], w->dx[i]) ? by_product(w, i, &diagonal[i])
                                                                    : by_series(w, i, &diagonal[i]);
        if (!ok) return false;
    }
    return ebb_fill(w, w->n, w->x, diagonal);
}

static bool all_by_series(ebb_work *w, ebb_id *diagonal) {
    for (int i = 0; i < w->n; i++)
        if (!by_series(w, i, &diagonal[i])) return false;
    return ebb_fill(w, w->n, w->x, diagonal);
}

/* All by products: where elements do not stand alone, that would be something else. */
static bool all_by_products(ebb_work *w, ebb_id *diagonal) {
    const ebb_graph *g = w->b.graph;
    for (int i = 0; i < w->n; i++)
        if (ebb_element_count(g, w->x[i]) != 1 && !is_in_place(g, w->x[i], w->dx[i]))
            return ebb_fail(g->diag, EBB_VALUE_ERROR, g->site[w->x[i]],
                            "%s: an element of the gradient of %s hangs on several of a parameter", w->verb, g->name);
    return by_structure(w, diagonal);
}

/* It takes v's place. */
static bool derive(ebb_work *w, const ebb_dual_spec *spec) {
    int64_t elements = ebb_elements_of(w, w->n, w->x);
    const ebb_road_row roads[] = {{"product with ones", all_by_products, w->n, NULL},
                                  {"series", all_by_series, elements, NULL},
                                  {"products and series", by_structure, elements, NULL}};
    return ebb_take_road(w, spec, true, 3, roads, w->n, w->v) && ebb_give(w, w->n, w->v);
}

ebb_graph *ebb_hessian_diagonal_graph(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag) {
    ebb_work w;
    bool ok = ebb_start(&w, "hessian_diagonal", f, spec, diag);
    int parameters = ok ? w.b.graph->inputs : 0;
    ok = ok && ebb_gradients(&w);
    if (ok && spec && spec->value) ok = ebb_give(&w, w.results, w.y);
    return ebb_finish_part(&w, parameters, ok && derive(&w, spec));
}
