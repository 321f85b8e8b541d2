/* push.c - see push.h. Start reading at ebb_push_node. */
#include "dual/push.h"

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

ebb_id ebb_divided(ebb_builder *b, ebb_id t, ebb_id by) {
    ebb_id c, u;
    return ebb_split_guard(b, t, &c, &u) ? ebb_guarded(b, c, ebb_g_div(b, u, by)) : ebb_g_div(b, t, by);
}

bool ebb_push_patch(const ebb_push *w, const ebb_primal *p, int parts, const ebb_id *part) {
    ebb_patch patch;
    if (!ebb_patch_find(w->g, p, 0, NULL, parts, part, &patch)) return false;
    for (int i = 0; i < patch.count; i++) {
        ebb_id id = patch.id[i];
        if (!ebb_patch_ends_at(p, id) && w->makes(w->pass, id) && !w->set(w->pass, id, ebb_push_node(w, id)))
            return false;
    }
    return true;
}

/* The nodes that the residual is made of get their coefficient while that of the result is absent. */
static ebb_id push_implicit(const ebb_push *w, ebb_builder *b, const ebb_primal *p) {
    ebb_id rest[EBB_MOST_PARTS], *part = w->slopes->slope[p->y];
    int parts = ebb_parts_of(part);
    if (!ebb_push_patch(w, p, parts, part)) return EBB_POISON;
    for (int i = 0; i < parts; i++)
        rest[i] = w->at(w->pass, part[i]);
    return ebb_implicit_tangent(b, p, part, rest);
}

static ebb_id push_products(const ebb_push *w, ebb_builder *b, const ebb_primal *p) {
    ebb_id sum = EBB_ABSENT;
    if (w->products) return w->products(w->pass, b, p);
    for (int i = 0; i < p->arity / 2; i++) {
        const ebb_primal pair = ebb_pair_of(w->g, p->y, i);
        sum = ebb_plus(b, sum, w->bilinear(w->pass, b, &pair));
    }
    return sum;
}

ebb_id ebb_push_node(const ebb_push *w, ebb_id id) {
    if (ebb_op_of(w->g, id) == EBB_OP_get) return w->get(w->pass, id);
    ebb_builder b = ebb_builder_for(w->g, id, EBB_TANGENT);
    ebb_primal p = ebb_primal_of(w->g, id);
    ebb_id t[3] = {EBB_ABSENT, EBB_ABSENT, EBB_ABSENT};
    for (int i = 0; i < p.arity && i < 3; i++)
        t[i] = w->at(w->pass, p.x[i]);
    switch (ebb_op_table[p.op].family) {
    case EBB_LEAF:
    case EBB_STEP:
        return EBB_ABSENT;
    case EBB_LINEAR:
        return ebb_linear_tangent(&b, &p, t);
    case EBB_BILINEAR:
        return w->bilinear(w->pass, &b, &p);
    case EBB_PRODUCTS:
        return push_products(w, &b, &p);
    case EBB_SMOOTH:
        return w->smooth(w->pass, &b, &p);
    case EBB_SELECTION:
        return ebb_choice_tangent(&b, &p, t);
    case EBB_IMPLICIT:
        return push_implicit(w, &b, &p);
    case EBB_MACRO:
    case EBB_REGION:
        break; /* refused by ebb_between, or pushed as a whole */
    }
    return EBB_POISON;
}
