/* forward.c - ebb_jet_nodes: forward mode of any order. One loop over orders and nodes; what each family does is in
 * push.c. Dual numbers (ebb_jvp_nodes) are the jets of order 1.
 *
 * A curve x(t) = x + x1 t + x2 t^2 + ... goes in, y(t) = y + y1 t + y2 t^2 + ... comes out; coefficients are
 * normalised: no factorials. Order k of a linear operation is the operation on order k, of a product the convolution of
 * its operands' orders, of a selection the frozen selection. For y smooth in x with slope d, y' = d x' says
 *
 *     k y[k] = sum of j x[j] d[k-j] over j = 1 ... k
 *
 * where d is a node with coefficients of its own (slopes.c), one order behind. Each such sum is one node (terms.h), so
 * the partials serve every order with nodes times order, where nesting dual numbers costs nodes times 2^order.
 *
 * For y that an equation F(x, y) = 0 defines, order k of F is 0 and linear in y[k]: the nodes of F (slopes.c) get their
 * order k first without y[k], and what is left of F then says y[k] (implicit.c); in their turn they get it again,
 * whole. A region takes the curves of its operands whole, so the loop runs stage by stage (stages.c).
 *
 * Invariant: when order k of a node is made, all nodes of its stage have their orders below k, and its operands their
 * order k; EBB_ABSENT is zero. The nodes that the loop appends have no coefficients: they belong to this derivative
 * only, so that an outer one cannot be mistaken for it. */
#include "dual/dual.h"
#include "dual/push.h"
#include "dual/region.h"
#include "dual/stages.h"
#include "dual/terms.h"
#include "jit/graph/plain_floats.h"

typedef struct jet {
    ebb_graph *g;
    int order, k; /* the highest; the one that is made */
    ebb_slopes slopes;
    ebb_stages stages;
    ebb_terms terms;     /* of the coefficient that is made */
    ebb_id *row;         /* [slopes.count]: which row of `coefficient` is the node's, from 1; 0: it has none */
    ebb_id *coefficient; /* [rows][order] */
} jet;

/* Coefficient k, absent if zero; 0 is the node itself. */
static ebb_id at(const jet *w, ebb_id id, int k) {
    if (k == 0 || id == EBB_ABSENT) return id;
    return id < w->slopes.count && w->row[id] ? w->coefficient[(int64_t)(w->row[id] - 1) * w->order + k - 1]
                                              : EBB_ABSENT;
}

static bool set(jet *w, ebb_id id, int k, ebb_id value) {
    w->coefficient[(int64_t)(w->row[id] - 1) * w->order + k - 1] = value;
    return value != EBB_POISON;
}

/* ---- sums of products ---- */

/* Coefficient j of one factor times coefficient k of the other. Coefficients may be guarded; what has order 0 is a node
 * of the primal, whose zeros are values. */
static void put(jet *w, ebb_builder *b, const ebb_primal *p, ebb_id x, int j, ebb_id y, int k) {
    ebb_terms_put(&w->terms, b, p, x, j > 0, y, k > 0);
}

/* The products of each pair of operands, over all orders that add up to k: one sum. */
static ebb_id push_products(void *pass, ebb_builder *b, const ebb_primal *p) {
    jet *w = pass;
    for (int i = 0; i < p->arity / 2; i++) {
        const ebb_primal pair = ebb_pair_of(w->g, p->y, i);
        for (int j = w->k; j >= 0; j--)
            put(w, b, &pair, at(w, pair.x[0], j), j, at(w, pair.x[1], w->k - j), w->k - j);
    }
    return ebb_terms_sum(&w->terms, b);
}

/* k y[k]. Each j x[j] is one node, whatever k asks for it. */
static ebb_id sum_of_slopes(jet *w, ebb_builder *b, const ebb_primal *p, int k) {
    ebb_id sum = EBB_ABSENT;
    for (int i = 0; i < p->arity; i++) {
        for (int j = k; j >= 1; j--) {
            ebb_id x = at(w, p->x[i], j), d = at(w, w->slopes.slope[p->y][i], k - j);
            if (!x || !d) continue;
            if (j > 1) x = ebb_times(b, x, ebb_g_full_like(b, x, j));
            put(w, b, p, x, j, d, k - j);
        }
        if (ebb_shape_of(w->g, p->x[i])->rank != ebb_shape_of(w->g, p->y)->rank) /* with other axes: a sum of its own */
            sum = ebb_plus(b, sum, ebb_summed_like(b, ebb_terms_sum(&w->terms, b), p->y));
    }
    return ebb_plus(b, sum, ebb_terms_sum(&w->terms, b));
}

static ebb_id push_smooth(void *pass, ebb_builder *b, const ebb_primal *p) {
    jet *w = pass;
    ebb_id sum = sum_of_slopes(w, b, p, w->k);
    return sum == EBB_ABSENT || w->k == 1 ? sum : ebb_divided(b, sum, ebb_g_full_like(b, sum, w->k));
}

/* ---- the loop ---- */

/* Result k of a region has its coefficients in the region's rows. */
static ebb_id *results_of(const jet *w, ebb_id tuple) {
    return w->coefficient + (int64_t)(w->row[tuple] - 1) * w->order;
}

static ebb_id push_get(void *pass, ebb_id id) {
    const jet *w = pass;
    return results_of(w, ebb_operands(w->g, id)[0])[ebb_attr_of(w->g, id).v[0] * w->order + w->k - 1];
}

static bool makes(const void *pass, ebb_id id) {
    const jet *w = pass;
    return id < w->slopes.count && w->slopes.order[id] >= w->k && !w->slopes.given[id];
}

static ebb_id at_k(const void *pass, ebb_id id) { return at(pass, id, ((const jet *)pass)->k); }
static bool set_k(void *pass, ebb_id id, ebb_id value) { return set(pass, id, ((jet *)pass)->k, value); }

static bool push_operations(jet *w, const ebb_id *node, const ebb_id *end) {
    const ebb_push push = {w->g,     &w->slopes,    w,           makes,        at_k, set_k,
                           push_get, push_products, push_smooth, push_products};
    for (w->k = 1; w->k <= w->order; w->k++)
        for (const ebb_id *id = node; id < end; id++)
            if (w->slopes.order[*id] >= w->k && !set(w, *id, w->k, ebb_push_node(&push, *id))) return false;
    return true;
}

static bool push_region(jet *w, ebb_id id) {
    int arity = w->g->node[id].arity;
    ebb_id *curve = ebb_mem_new(w->g->allocator, (size_t)arity * (size_t)w->order + 1, sizeof *curve);
    if (!curve) return ebb_fail_memory(w->g->diag);
    for (int i = 0; i < arity; i++)
        for (int k = 1; k <= w->order; k++)
            curve[(int64_t)i * w->order + k - 1] = at(w, ebb_operands(w->g, id)[i], k);
    bool ok = ebb_region_push(w->g, id, w->order, curve, results_of(w, id));
    ebb_mem_free(w->g->allocator, curve);
    return ok;
}

static bool sweep(jet *w) {
    for (int32_t k = 0; k < w->stages.groups; k++) {
        const ebb_id *node = w->stages.node + w->stages.begin[k], *end = w->stages.node + w->stages.begin[k + 1];
        if (k % 2 == 0 && !push_operations(w, node, end)) return false;
        for (; k % 2 == 1 && node < end; node++)
            if (!push_region(w, *node)) return false;
    }
    return true;
}

/* A node that is named twice moves along the sum of its curves. */
static bool seed(jet *w, int n, const ebb_id *x, const ebb_id *dx) {
    for (int i = 0; i < n; i++) {
        if (x[i] >= w->slopes.count || !w->row[x[i]]) continue;
        ebb_builder b = ebb_builder_for(w->g, x[i], EBB_TANGENT);
        for (int k = 1; k <= w->order; k++)
            if (!set(w, x[i], k, ebb_plus(&b, at(w, x[i], k), dx[(int64_t)i * w->order + k - 1]))) return false;
    }
    return true;
}

static bool make_rows(jet *w) {
    const ebb_allocator *a = w->g->allocator;
    ebb_id rows = 0;
    w->row = ebb_mem_new(a, (size_t)w->slopes.count, sizeof *w->row);
    for (ebb_id id = 1; w->row && id < w->slopes.count; id++)
        if (w->slopes.order[id]) {
            w->row[id] = rows + 1;
            rows += ebb_dtype_at(w->g, id) == EBB_NONE ? ebb_results_of(w->g, id) : 1;
        }
    w->coefficient = w->row ? ebb_mem_new(a, (size_t)rows * (size_t)w->order + 1, sizeof *w->coefficient) : NULL;
    return w->coefficient || ebb_fail_memory(w->g->diag);
}

/* ---- the pass ---- */

bool ebb_check_order(const ebb_graph *g, int order) {
    return (order >= 1 && order <= EBB_MOST_ORDER) ||
           ebb_fail(g->diag, EBB_VALUE_ERROR, (ebb_site){0}, "jet: order %d of %s; it must be 1 to %d", order, g->name,
                    EBB_MOST_ORDER);
}

static bool check_curves(const ebb_graph *g, int order, int n, const ebb_id *x, const ebb_id *dx) {
    if (!ebb_check_order(g, order)) return false;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < order; k++)
            if (!ebb_check_pairs(g, order == 1 ? "tangent" : "coefficient", 1, &x[i], &dx[(int64_t)i * order + k]))
                return false;
    return true;
}

bool ebb_jet_nodes(ebb_graph *g, int order, int n, const ebb_id *x, const ebb_id *dx, int m, const ebb_id *y,
                   ebb_id *dy) {
    EBB_PLAIN_FLOATS;
    jet w = {.g = g, .order = order};
    bool *moves = ebb_mem_new(g->allocator, (size_t)n + 1, sizeof *moves);
    bool ok = (moves || ebb_fail_memory(g->diag)) && check_curves(g, order, n, x, dx) && ebb_check_ids(g, m, y);
    for (int64_t i = 0; ok && i < (int64_t)n * order; i++)
        moves[i / order] |= dx[i] != EBB_ABSENT;
    ok = ok && ebb_slopes_write(g, order, n, x, moves, m, y, &w.slopes) && ebb_stages_find(g, &w.slopes, &w.stages) &&
         make_rows(&w) && seed(&w, n, x, dx) && sweep(&w);
    for (int j = 0; ok && j < m; j++)
        for (int k = 1; k <= order; k++)
            dy[(int64_t)j * order + k - 1] = at(&w, y[j], k);
    ebb_mem_free(g->allocator, w.coefficient);
    ebb_mem_free(g->allocator, w.row);
    ebb_terms_free(g, &w.terms);
    ebb_stages_free(g, &w.stages);
    ebb_slopes_free(g, &w.slopes);
    ebb_mem_free(g->allocator, moves);
    return ok;
}

bool ebb_jvp_nodes(ebb_graph *g, int n, const ebb_id *x, const ebb_id *dx, int m, const ebb_id *y, ebb_id *dy) {
    return ebb_jet_nodes(g, 1, n, x, dx, m, y, dy);
}
