/* guard.c - what a selection has let through stays guarded.
 *
 * A selection passes a derivative as select(c, u, 0). Multiplied by a slope, that is wrong where the branch was not
 * taken: the slope may be infinite there, and 0 * inf is NaN. So the slope goes inside, select(c, u * d, 0), and so
 * does all that handles elements one by one. Then where(x > 0, sqrt(x), 0) has the derivative 0 at 0, in both
 * directions and in every nesting, and programs without selections pay nothing.
 *
 * Invariant: guards do not nest, as two of them become one with the conjunction of their conditions. */
#include "dual/rules.h"

bool ebb_is_zero(const ebb_graph *g, ebb_id id) {
    double value;
    return ebb_is_scalar_constant(g, id, &value) && value == 0;
}

bool ebb_split_guard(ebb_builder *b, ebb_id t, ebb_id *c, ebb_id *u) {
    if (t <= EBB_ABSENT || ebb_op_of(b->graph, t) != EBB_OP_select) return false;
    ebb_primal p = ebb_primal_of(b->graph, t);
    bool taken = ebb_is_zero(b->graph, p.x[2]);
    if (!taken && !ebb_is_zero(b->graph, p.x[1])) return false;
    *c = taken ? p.x[0] : ebb_g_logical_not(b, p.x[0]);
    *u = taken ? p.x[1] : p.x[2];
    return true;
}

static bool is(const ebb_graph *g, ebb_id c, ebb_op op, ebb_id of) {
    if (c <= EBB_ABSENT || ebb_op_of(g, c) != op) return false;
    const ebb_id *x = ebb_operands(g, c);
    return x[0] == of || (op == EBB_OP_logical_and && x[1] == of);
}

static bool implies(const ebb_graph *g, ebb_id c, ebb_id d) { return c == d || is(g, c, EBB_OP_logical_and, d); }

ebb_id ebb_both_guards(ebb_builder *b, ebb_id c, ebb_id d) {
    if (implies(b->graph, d, c)) return d;
    return implies(b->graph, c, d) ? c : ebb_g_logical_and(b, c, d);
}

ebb_id ebb_guarded(ebb_builder *b, ebb_id c, ebb_id t) {
    ebb_id inner, u;
    if (!ebb_split_guard(b, t, &inner, &u)) return ebb_g_select(b, c, t, ebb_g_full_like(b, t, 0));
    if (implies(b->graph, inner, c)) return t;
    return ebb_g_select(b, ebb_both_guards(b, c, inner), u, ebb_g_full_like(b, u, 0));
}

ebb_id ebb_select_present(ebb_builder *b, ebb_id c, ebb_id s, ebb_id t) {
    if (s != EBB_ABSENT && t != EBB_ABSENT) return ebb_g_select(b, c, s, t);
    if (s != EBB_ABSENT) return ebb_guarded(b, c, s);
    return t != EBB_ABSENT ? ebb_guarded(b, ebb_g_logical_not(b, c), t) : EBB_ABSENT;
}

ebb_id ebb_times(ebb_builder *b, ebb_id t, ebb_id d) {
    ebb_id c, u;
    return ebb_split_guard(b, t, &c, &u) ? ebb_guarded(b, c, ebb_g_mul(b, u, d)) : ebb_g_mul(b, t, d);
}

ebb_id ebb_times_both(ebb_builder *b, ebb_id s, ebb_id t) {
    ebb_id c, u;
    return ebb_split_guard(b, t, &c, &u) ? ebb_guarded(b, c, ebb_times(b, s, u)) : ebb_times(b, s, t);
}

/* A sum is there where one of its terms is: under the wider guard, or under either. */
ebb_id ebb_plus(ebb_builder *b, ebb_id s, ebb_id t) {
    const ebb_graph *g = b->graph;
    ebb_id c, d, u, v;
    if (s == EBB_ABSENT) return t;
    if (t == EBB_ABSENT) return s;
    if (!ebb_split_guard(b, s, &c, &u) || !ebb_split_guard(b, t, &d, &v)) return ebb_g_add(b, s, t);
    if (c == d) return ebb_guarded(b, c, ebb_g_add(b, u, v));
    if (implies(g, d, c)) return ebb_guarded(b, c, ebb_g_add(b, u, t));
    if (implies(g, c, d)) return ebb_guarded(b, d, ebb_g_add(b, s, v));
    if (is(g, c, EBB_OP_logical_not, d) || is(g, d, EBB_OP_logical_not, c)) return ebb_g_select(b, c, u, v);
    return ebb_guarded(b, ebb_g_logical_or(b, c, d), ebb_g_add(b, s, t));
}

/* ---- slopes of operands that have more axes than the result: its last ones vanish ---- */

static int lost_axes(ebb_builder *b, ebb_id x, ebb_id y, int64_t *axes) {
    int n = 0;
    if (x == EBB_POISON || y == EBB_POISON) return 0;
    for (int i = ebb_shape_of(b->graph, y)->rank; i < ebb_shape_of(b->graph, x)->rank; i++)
        axes[n++] = i;
    return n;
}

ebb_id ebb_summed_like(ebb_builder *b, ebb_id t, ebb_id y) {
    int64_t axes[EBB_MAX_RANK];
    int n = lost_axes(b, t, y, axes);
    return n ? ebb_g_sum(b, t, n, axes) : t;
}

ebb_id ebb_laid_over(ebb_builder *b, ebb_id ct, ebb_id x) {
    int64_t axes[EBB_MAX_RANK];
    int n = lost_axes(b, x, ct, axes);
    ebb_id c, u;
    if (n == 0) return ct;
    const ebb_shape s = *ebb_shape_of(b->graph, x);
    if (!ebb_split_guard(b, ct, &c, &u)) return ebb_g_expand_axes(b, ct, &s, n, axes);
    return ebb_guarded(b, ebb_g_expand_axes(b, c, &s, n, axes), ebb_g_expand_axes(b, u, &s, n, axes));
}
