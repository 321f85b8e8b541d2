/* selection.c - operations that take each result element from an operand: which one, and what that means.
 *
 * A choice is a predicate, true where the result came from the first operand; elsewhere it came from the second one, or
 * from a constant (relu). It is frozen when derivatives pass: they are selected, never multiplied by zero. reduce_max
 * may have several largest elements, which share equally; so does scatter_max, whose result elements have one candidate
 * in x and any number among the updates. */
#include "dual/rules.h"

/* A tie goes to the first operand. */
ebb_id choice_max(ebb_builder *b, const ebb_primal *p) { return ebb_g_ge(b, p->x[0], p->x[1]); }
ebb_id choice_min(ebb_builder *b, const ebb_primal *p) { return ebb_g_le(b, p->x[0], p->x[1]); }
/* The slope at 0 is 0. */
ebb_id choice_relu(ebb_builder *b, const ebb_primal *p) { return ebb_g_gt(b, p->x[0], ebb_g_full_like(b, p->x[0], 0)); }

/* y, or anything of its shape, stretched over the shape of reduce_max's operand. */
static ebb_id stretch(ebb_builder *b, const ebb_primal *p, ebb_id y) {
    ebb_attr axes = ebb_attr_of(b->graph, p->y);
    return ebb_g_expand_axes(b, y, ebb_shape_of(b->graph, p->x[0]), axes.n, axes.v);
}

static ebb_id reduce(ebb_builder *b, const ebb_primal *p, ebb_id x) {
    ebb_attr axes = ebb_attr_of(b->graph, p->y);
    return ebb_g_sum(b, x, axes.n, axes.v);
}

ebb_id choice_reduce_max(ebb_builder *b, const ebb_primal *p) { return ebb_g_eq(b, p->x[0], stretch(b, p, p->y)); }

/* How many elements share a result. */
static ebb_id sharers(ebb_builder *b, const ebb_primal *p, ebb_id chosen) {
    return reduce(b, p, ebb_g_cast_to(b, chosen, ebb_dtype_at(b->graph, p->y)));
}

static bool reduces(const ebb_primal *p) { return ebb_op_table[p->op].access == EBB_REDUCE; }

/* ---- scatter_max ---- */

ebb_id choice_scatter_max(ebb_builder *b, const ebb_primal *p) { return ebb_g_eq(b, p->x[0], p->y); }

static int axis_of(ebb_builder *b, const ebb_primal *p) { return (int)ebb_attr_of(b->graph, p->y).v[0]; }

/* Something of y's shape where the updates went. */
static ebb_id fetch(ebb_builder *b, const ebb_primal *p, ebb_id y) {
    return ebb_g_gather(b, y, p->x[1], axis_of(b, p));
}

/* The updates that are as large as what became of them. */
static ebb_id chosen_updates(ebb_builder *b, const ebb_primal *p) { return ebb_g_eq(b, p->x[2], fetch(b, p, p->y)); }

/* s of x's shape and t of the updates', added up where they went, shared by those that were chosen there. */
static ebb_id share(ebb_builder *b, const ebb_primal *p, ebb_id chosen, ebb_id s, ebb_id t) {
    ebb_dtype dtype = ebb_dtype_at(b->graph, p->y);
    ebb_id in_x = ebb_g_cast_to(b, chosen, dtype), in_updates = ebb_g_cast_to(b, chosen_updates(b, p), dtype);
    ebb_id sharing = ebb_g_scatter_add(b, in_x, p->x[1], in_updates, axis_of(b, p));
    return ebb_g_div(b, t == EBB_ABSENT ? s : ebb_g_scatter_add(b, s, p->x[1], t, axis_of(b, p)), sharing);
}

static ebb_id scatter_tangent(ebb_builder *b, const ebb_primal *p, ebb_id chosen, const ebb_id *t) {
    if (t[0] == EBB_ABSENT && t[2] == EBB_ABSENT) return EBB_ABSENT;
    ebb_id in_x = ebb_present(b, ebb_select_present(b, chosen, t[0], EBB_ABSENT), p->x[0]);
    return share(b, p, chosen, in_x, ebb_select_present(b, chosen_updates(b, p), t[2], EBB_ABSENT));
}

static ebb_id scatter_cotangent(ebb_builder *b, const ebb_primal *p, ebb_id chosen, ebb_id ct, int i) {
    ct = share(b, p, chosen, ct, EBB_ABSENT);
    return i == 0 ? ebb_guarded(b, chosen, ct) : ebb_guarded(b, chosen_updates(b, p), fetch(b, p, ct));
}

/* ---- both directions ---- */

ebb_id ebb_choice_tangent(ebb_builder *b, const ebb_primal *p, const ebb_id *t) {
    ebb_id second = p->arity > 1 ? t[1] : EBB_ABSENT;
    if (p->op == EBB_OP_scatter_max) return scatter_tangent(b, p, ebb_choice(b, p), t);
    if (t[0] == EBB_ABSENT && second == EBB_ABSENT) return EBB_ABSENT;
    ebb_id chosen = ebb_choice(b, p);
    ebb_id taken = ebb_select_present(b, chosen, t[0], second);
    return reduces(p) ? ebb_g_div(b, reduce(b, p, taken), sharers(b, p, chosen)) : taken;
}

ebb_id ebb_choice_cotangent(ebb_builder *b, const ebb_primal *p, ebb_id ct, int i) {
    ebb_id chosen = ebb_choice(b, p);
    if (p->op == EBB_OP_scatter_max) return scatter_cotangent(b, p, chosen, ct, i);
    if (reduces(p)) ct = stretch(b, p, ebb_g_div(b, ct, sharers(b, p, chosen)));
    return i == 0 ? ebb_select_present(b, chosen, ct, EBB_ABSENT) : ebb_select_present(b, chosen, EBB_ABSENT, ct);
}
