/* forward.c - ebb_jet_nodes: forward mode of any order. One loop over orders and nodes, one switch over families.
 * Dual numbers (ebb_jvp_nodes) are the jets of order 1.
 *
 * A curve x(t) = x + x1 t + x2 t^2 + ... goes in, y(t) = y + y1 t + y2 t^2 + ... comes out; coefficients are
 * normalised: no factorials. Order k of a linear operation is the operation on order k, of a product the convolution of
 * its operands' orders, of a selection the frozen selection. For y smooth in x with slope d, y' = d x' says
 *
 *     k y[k] = sum of j x[j] d[k-j] over j = 1 ... k
 *
 * where d is a node with coefficients of its own (slopes.c), one order behind. So the partials serve every order, which
 * costs nodes times order squared, where nesting dual numbers costs nodes times 2^order.
 *
 * For y that an equation F(x, y) = 0 defines, order k of F is 0 and linear in y[k]: the nodes of F (slopes.c) get their
 * order k first without y[k], and what is left of F then says y[k] (implicit.c); in their turn they get it again,
 * whole. A region takes the curves of its operands whole, so the loop runs stage by stage (stages.c).
 *
 * Invariant: when order k of a node is made, all nodes of its stage have their orders below k, and its operands their
 * order k; EBB_ABSENT is zero. The nodes that the loop appends have no coefficients: they belong to this derivative
 * only, so that an outer one cannot be mistaken for it. */
#include "dual/dual.h"
#include "dual/region.h"
#include "dual/slopes.h"
#include "dual/stages.h"
#include "jit/graph/plain_floats.h"

typedef struct jet {
    ebb_graph *g;
    int order;
    ebb_slopes slopes;
    ebb_stages stages;
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

/* ---- one rule for each family ---- */

/* A guarded tangent through an operation on single elements: the guard goes where the elements go. */
static ebb_id push_under(ebb_builder *b, const ebb_primal *p, ebb_id c, ebb_id u) {
    ebb_application app = ebb_application_of(b->graph, p->y);
    app.site = b->site;
    app.asked.dtype = EBB_BOOL;
    if (ebb_op_table[p->op].access == EBB_VIEW) c = ebb_derive(b->graph, &app, 1, &c);
    return ebb_guarded(b, c, ebb_apply(b, p, &u));
}

/* The operation applied to tangents; what is not differentiated (an index, a condition) stays. */
ebb_id ebb_linear_tangent(ebb_builder *b, const ebb_primal *p, const ebb_id *t) {
    if (!t[0] && !t[1] && !t[2]) return EBB_ABSENT;
    if (p->op == EBB_OP_add) return ebb_plus(b, t[0], t[1]);
    if (p->op == EBB_OP_sub) return ebb_plus(b, t[0], t[1] ? ebb_g_neg(b, t[1]) : EBB_ABSENT);
    if (p->op == EBB_OP_select) return ebb_select_present(b, p->x[0], t[1], t[2]);
    ebb_access access = ebb_op_table[p->op].access;
    ebb_id arg[3], c, u;
    if ((access == EBB_POINT || access == EBB_VIEW) && ebb_split_guard(b, t[0], &c, &u)) return push_under(b, p, c, u);
    for (int i = 0; i < p->arity; i++)
        arg[i] = ebb_is_float(ebb_dtype_at(b->graph, p->x[i])) ? ebb_present(b, t[i], p->x[i]) : p->x[i];
    return ebb_apply(b, p, arg);
}

/* Coefficient j of one factor times coefficient k of the other. Coefficients may be guarded; what has order 0 is a node
 * of the primal, whose zeros are values. */
static ebb_id times(ebb_builder *b, ebb_id x, int j, ebb_id y, int k) {
    if (j == 0) return ebb_times(b, y, x);
    return k == 0 ? ebb_times(b, x, y) : ebb_times_both(b, x, y);
}

/* op(x, y) over all orders that add up to k */
static ebb_id push_bilinear(const jet *w, ebb_builder *b, const ebb_primal *p, int k) {
    ebb_id sum = EBB_ABSENT;
    for (int j = k; j >= 0; j--) {
        ebb_id x[2] = {at(w, p->x[0], j), at(w, p->x[1], k - j)};
        if (!x[0] || !x[1]) continue;
        sum = ebb_plus(b, sum, p->op == EBB_OP_mul ? times(b, x[0], j, x[1], k - j) : ebb_apply(b, p, x));
    }
    return sum;
}

/* k y[k] */
static ebb_id sum_of_slopes(const jet *w, ebb_builder *b, const ebb_primal *p, int k) {
    ebb_id sum = EBB_ABSENT;
    for (int i = 0; i < p->arity; i++)
        for (int j = k; j >= 1; j--) {
            ebb_id x = at(w, p->x[i], j), d = at(w, w->slopes.slope[p->y][i], k - j);
            if (!x || !d) continue;
            if (j > 1) x = ebb_times(b, x, ebb_g_full_like(b, x, j));
            sum = ebb_plus(b, sum, ebb_summed_like(b, times(b, x, j, d, k - j), p->y));
        }
    return sum;
}

static ebb_id push_smooth(const jet *w, ebb_builder *b, const ebb_primal *p, int k) {
    ebb_id c, u, sum = sum_of_slopes(w, b, p, k);
    if (sum == EBB_ABSENT || k == 1) return sum;
    ebb_id by = ebb_g_full_like(b, sum, k);
    return ebb_split_guard(b, sum, &c, &u) ? ebb_guarded(b, c, ebb_g_div(b, u, by)) : ebb_g_div(b, sum, by);
}

static bool sweep_residual(jet *w, const ebb_primal *p, int k);

static ebb_id push_implicit(jet *w, ebb_builder *b, const ebb_primal *p, int k) {
    ebb_id rest[EBB_MOST_PARTS], *part = w->slopes.slope[p->y];
    if (!sweep_residual(w, p, k)) return EBB_POISON;
    for (int i = 0; i < ebb_parts_of(part); i++)
        rest[i] = at(w, part[i], k);
    return ebb_implicit_tangent(b, p, part, rest);
}

/* Coefficient k of y; t: those of its operands. */
static ebb_id push(jet *w, ebb_builder *b, const ebb_primal *p, const ebb_id *t, int k) {
    switch (ebb_op_table[p->op].family) {
    case EBB_LEAF:
    case EBB_STEP:
        return EBB_ABSENT;
    case EBB_LINEAR:
        return ebb_linear_tangent(b, p, t);
    case EBB_BILINEAR:
        return push_bilinear(w, b, p, k);
    case EBB_SMOOTH:
        return push_smooth(w, b, p, k);
    case EBB_SELECTION:
        return ebb_choice_tangent(b, p, t);
    case EBB_IMPLICIT:
        return push_implicit(w, b, p, k);
    case EBB_MACRO:
    case EBB_REGION:
        break; /* refused by ebb_between, or pushed as a whole */
    }
    return EBB_POISON;
}

/* ---- the loop ---- */

/* Result k of a region has its coefficients in the region's rows. */
static ebb_id *results_of(const jet *w, ebb_id tuple) {
    return w->coefficient + (int64_t)(w->row[tuple] - 1) * w->order;
}

static ebb_id coefficient_of(jet *w, ebb_id id, int k) {
    if (ebb_op_of(w->g, id) == EBB_OP_get)
        return results_of(w, ebb_operands(w->g, id)[0])[ebb_attr_of(w->g, id).v[0] * w->order + k - 1];
    ebb_builder b = ebb_builder_for(w->g, id, EBB_TANGENT);
    ebb_primal p = ebb_primal_of(w->g, id);
    ebb_id t[3] = {EBB_ABSENT, EBB_ABSENT, EBB_ABSENT};
    for (int i = 0; i < p.arity && i < 3; i++)
        t[i] = at(w, p.x[i], k);
    return push(w, &b, &p, t, k);
}

/* The nodes that the residual of p is made of, while order k of p's result is absent. */
static bool sweep_residual(jet *w, const ebb_primal *p, int k) {
    ebb_patch patch;
    const ebb_id *part = w->slopes.slope[p->y];
    if (!ebb_patch_find(w->g, p, 0, NULL, ebb_parts_of(part), part, &patch)) return false;
    for (int i = 0; i < patch.count; i++) {
        ebb_id id = patch.id[i];
        bool asked = id < w->slopes.count && w->slopes.order[id] >= k && !w->slopes.given[id];
        if (asked && !ebb_patch_ends_at(p, id) && !set(w, id, k, coefficient_of(w, id, k))) return false;
    }
    return true;
}

static bool push_operations(jet *w, const ebb_id *node, const ebb_id *end) {
    for (int k = 1; k <= w->order; k++)
        for (const ebb_id *id = node; id < end; id++)
            if (w->slopes.order[*id] >= k && !set(w, *id, k, coefficient_of(w, *id, k))) return false;
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
    ebb_stages_free(g, &w.stages);
    ebb_slopes_free(g, &w.slopes);
    ebb_mem_free(g->allocator, moves);
    return ok;
}

bool ebb_jvp_nodes(ebb_graph *g, int n, const ebb_id *x, const ebb_id *dx, int m, const ebb_id *y, ebb_id *dy) {
    return ebb_jet_nodes(g, 1, n, x, dx, m, y, dy);
}
