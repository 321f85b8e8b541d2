/* births.c - where a NaN was born: a program that computes the program and looks at every number on its way.
 *
 * An element is bad if it is NaN. It reaches a result if it is bad in one, or if a bad element that reaches a result
 * was computed from it: marks go back from the results as cotangents do, but only over bad elements, and at a selection
 * to the branch that was taken. It was born where it reaches a result and nothing that it was computed from is bad.
 *
 * Which elements an element is computed from is what the derivatives know already: the same index (POINT), the axes
 * that vanish (REDUCE), and for the rest the operation itself and its transpose, on marks that are 1 or 0. Their
 * weights are never negative, so a sum of marks is positive iff one of them is there. A region counts as one operation,
 * all of whose results are computed from all of its operands. Start reading at visit. */
#include "dual/dual.h"
#include "dual/region.h"

typedef struct births {
    ebb_builder b;
    bool infinite;   /* infinities are bad too */
    ebb_id *bad;     /* [nodes of the program] bool, of the node's shape; absent: not asked yet */
    ebb_id *reaches; /* the same: bad, and in a result or on the way to one; absent: nowhere */
    ebb_id *first;   /* the index of the first one born */
} births;

/* ---- marks ---- */

static bool may_be_bad(const ebb_graph *g, ebb_id x) {
    int64_t size;
    return ebb_is_float(ebb_dtype_at(g, x)) && ebb_shape_size(ebb_shape_of(g, x), &size) && size > 0;
}

/* Of NaN and infinities, x - x is NaN. */
static ebb_id bad_of(births *w, ebb_id x) {
    if (w->bad[x] == EBB_ABSENT) {
        ebb_id d = w->infinite ? ebb_g_sub(&w->b, x, x) : x;
        w->bad[x] = ebb_g_ne(&w->b, d, d);
    }
    return w->bad[x];
}

static ebb_id either(births *w, ebb_id a, ebb_id b) { return a == EBB_ABSENT ? b : ebb_g_logical_or(&w->b, a, b); }

/* Marks as numbers of x's dtype, and back. */
static ebb_id numbers_like(births *w, ebb_id marks, ebb_id x) {
    return ebb_g_cast_to(&w->b, marks, ebb_dtype_at(w->b.graph, x));
}
static ebb_id marks_of(births *w, ebb_id numbers) {
    return ebb_g_gt(&w->b, numbers, ebb_g_full_like(&w->b, numbers, 0));
}

/* ---- forward: which elements of y were computed from bad ones ---- */

static ebb_id inherits_point(births *w, const ebb_primal *p) {
    ebb_id any = EBB_ABSENT;
    if (p->op == EBB_OP_select) return ebb_g_select(&w->b, p->x[0], bad_of(w, p->x[1]), bad_of(w, p->x[2]));
    for (int i = 0; i < p->arity; i++) {
        ebb_id x = ebb_operands(w->b.graph, p->y)[i];
        if (may_be_bad(w->b.graph, x)) any = either(w, any, bad_of(w, x));
    }
    return any;
}

static ebb_id inherits_reduce(births *w, const ebb_primal *p) {
    ebb_attr axes = ebb_attr_of(w->b.graph, p->y);
    ebb_id x = ebb_g_cast_to(&w->b, bad_of(w, p->x[0]), EBB_I32);
    return marks_of(w, ebb_g_reduce_max(&w->b, x, axes.n, axes.v));
}

static ebb_id inherits_linear(births *w, const ebb_primal *p) {
    ebb_id x[3] = {0};
    for (int i = 0; i < p->arity; i++)
        x[i] = may_be_bad(w->b.graph, p->x[i]) ? numbers_like(w, bad_of(w, p->x[i]), p->x[i]) : p->x[i];
    return marks_of(w, ebb_apply(&w->b, p, x));
}

static ebb_id inherits_bilinear(births *w, const ebb_primal *p) {
    ebb_id any = EBB_ABSENT;
    for (int i = 0; i < 2; i++) {
        if (!may_be_bad(w->b.graph, p->x[i])) continue;
        ebb_id x[2] = {numbers_like(w, bad_of(w, p->x[i]), p->x[i]), numbers_like(w, bad_of(w, p->x[i]), p->x[i])};
        x[1 - i] = ebb_g_full_like(&w->b, p->x[1 - i], 1);
        any = either(w, any, marks_of(w, ebb_apply(&w->b, p, x)));
    }
    return any;
}

static ebb_id inherits_products(births *w, const ebb_primal *p) {
    ebb_id any = EBB_ABSENT;
    for (int k = 0; k < p->arity / 2; k++) {
        const ebb_primal pair = ebb_pair_of(w->b.graph, p->y, k);
        ebb_id one = inherits_bilinear(w, &pair);
        if (one != EBB_ABSENT) any = either(w, any, one);
    }
    return any;
}

/* Whether any mark is there, over another shape. */
static ebb_id any_over(births *w, ebb_id marks, const ebb_shape *to) {
    static const int64_t axes[EBB_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
    ebb_id x = ebb_g_cast_to(&w->b, marks, EBB_I32);
    if (x == EBB_POISON) return x;
    x = ebb_g_reduce_max(&w->b, x, ebb_shape_of(w->b.graph, x)->rank, axes);
    return ebb_g_broadcast(&w->b, marks_of(w, x), to, NULL);
}

static ebb_id inherits_region(births *w, const ebb_primal *p) {
    const ebb_shape scalar = {0};
    ebb_id any = EBB_ABSENT;
    for (int i = 0; i < w->b.graph->node[p->x[0]].arity; i++) {
        ebb_id x = ebb_operands(w->b.graph, p->x[0])[i];
        if (may_be_bad(w->b.graph, x)) any = either(w, any, any_over(w, bad_of(w, x), &scalar));
    }
    return any == EBB_ABSENT ? any : ebb_g_broadcast(&w->b, any, ebb_shape_of(w->b.graph, p->y), NULL);
}

/* In linear algebra each element was computed from all of each operand. */
static ebb_id inherits_from_all(births *w, const ebb_primal *p) {
    ebb_id any = EBB_ABSENT;
    for (int i = 0; i < p->arity; i++)
        if (may_be_bad(w->b.graph, p->x[i]))
            any = either(w, any, any_over(w, bad_of(w, p->x[i]), ebb_shape_of(w->b.graph, p->y)));
    return any;
}

/* ---- backward: which elements of operand i the marked elements of y were computed from ---- */

static ebb_id back_point(births *w, const ebb_primal *p, ebb_id marks, int i) {
    if (p->op != EBB_OP_select) return marks;
    return ebb_g_logical_and(&w->b, i == 1 ? p->x[0] : ebb_g_logical_not(&w->b, p->x[0]), marks);
}

static ebb_id back_reduce(births *w, const ebb_primal *p, ebb_id marks) {
    ebb_attr axes = ebb_attr_of(w->b.graph, p->y);
    return ebb_g_expand_axes(&w->b, marks, ebb_shape_of(w->b.graph, p->x[0]), axes.n, axes.v);
}

static ebb_id back_linear(births *w, const ebb_primal *p, ebb_id marks, int i) {
    ebb_primal with_ones = *p;
    if (p->op == EBB_OP_scatter_max) with_ones.op = EBB_OP_scatter_add; /* elements come from the same places */
    if (ebb_op_table[p->op].family == EBB_BILINEAR) with_ones.x[1 - i] = ebb_g_full_like(&w->b, p->x[1 - i], 1);
    return marks_of(w, ebb_transposed(&w->b, &with_ones, numbers_like(w, marks, p->y), i));
}

/* ---- one node ---- */

typedef enum structure { POINTWISE, REDUCING, LINEARLY, BILINEARLY, FROM_ALL, NESTED, UNKNOWN } structure;

static structure structure_of(ebb_op op) {
    const ebb_op_row *row = &ebb_op_table[ebb_product_of(op)];
    if (row->access == EBB_POINT || row->arity == 0) return POINTWISE;
    if (row->access == EBB_REDUCE) return REDUCING;
    if (row->access == EBB_NOWHERE) return UNKNOWN;
    if (row->access == EBB_NESTED) return NESTED;
    if (op == EBB_OP_scatter_max) return LINEARLY;
    if (row->family == EBB_IMPLICIT || row->family == EBB_STEP || row->family == EBB_SMOOTH) return FROM_ALL;
    return row->family == EBB_LINEAR ? LINEARLY : row->family == EBB_BILINEAR ? BILINEARLY : UNKNOWN;
}

bool ebb_births_known(ebb_op op) { return structure_of(op) != UNKNOWN; }

static ebb_id inherits(births *w, const ebb_primal *p) {
    switch (structure_of(p->op)) {
    case POINTWISE:
        return inherits_point(w, p);
    case REDUCING:
        return inherits_reduce(w, p);
    case LINEARLY:
        return inherits_linear(w, p);
    case BILINEARLY:
        return inherits_products(w, p);
    case NESTED:
        return inherits_region(w, p);
    case FROM_ALL:
        return inherits_from_all(w, p);
    case UNKNOWN:
        break;
    }
    ebb_fail(w->b.graph->diag, EBB_LOOKUP_ERROR, w->b.graph->site[p->y], "it is not known what %s is computed from",
             ebb_op_table[p->op].name);
    return EBB_POISON;
}

static ebb_id back(births *w, const ebb_primal *p, ebb_id marks, int i) {
    switch (structure_of(p->op)) {
    case POINTWISE:
        return back_point(w, p, marks, i);
    case REDUCING:
        return back_reduce(w, p, marks);
    case LINEARLY:
        return back_linear(w, p, marks, i);
    case BILINEARLY: {
        const ebb_primal pair = ebb_pair_of(w->b.graph, p->y, i / 2);
        return back_linear(w, &pair, marks, i % 2);
    }
    case NESTED:
        return any_over(w, marks, ebb_shape_of(w->b.graph, ebb_operands(w->b.graph, p->x[0])[i]));
    case FROM_ALL:
        return any_over(w, marks, ebb_shape_of(w->b.graph, p->x[i]));
    case UNKNOWN:
        break;
    }
    return EBB_POISON;
}

/* The row-major index of the first mark, a scalar; the number of elements if there is none. One reduction: the largest
 * distance from the end. */
static ebb_id first_of(births *w, ebb_id marks) {
    ebb_builder *b = &w->b;
    int64_t n = 0;
    if (marks == EBB_POISON) return EBB_POISON;
    ebb_shape_size(ebb_shape_of(b->graph, marks), &n);
    const ebb_shape one = {0}, flat = {1, {n}};
    if (n == 1)
        return ebb_g_select(b, ebb_g_reshape(b, marks, &one), ebb_g_number(b, EBB_I64, 0), ebb_g_number(b, EBB_I64, 1));
    ebb_id all = ebb_g_full(b, EBB_I64, &flat, (double)n), left = ebb_g_sub(b, all, ebb_g_iota(b, EBB_I64, &flat, 0));
    ebb_id marked = ebb_g_select(b, ebb_g_reshape(b, marks, &flat), left, ebb_g_full(b, EBB_I64, &flat, 0));
    return ebb_g_sub(b, ebb_g_number(b, EBB_I64, (double)n), ebb_g_reduce_max(b, marked, 1, (const int64_t[]){0}));
}

/* Marks the operands of a node that is marked itself, and finds what was born in it. A result of a region has the
 * region's operands. */
static bool visit(births *w, ebb_id id) {
    ebb_primal p = ebb_primal_of(w->b.graph, id);
    ebb_id marks = w->reaches[id], born = marks, inherited = EBB_ABSENT;
    ebb_id source = p.op == EBB_OP_get ? p.x[0] : id;
    for (int i = 0; i < w->b.graph->node[source].arity; i++) {
        ebb_id x = ebb_operands(w->b.graph, source)[i];
        if (!may_be_bad(w->b.graph, x)) continue;
        if (inherited == EBB_ABSENT) inherited = inherits(w, &p);
        w->reaches[x] = either(w, w->reaches[x], ebb_g_logical_and(&w->b, back(w, &p, marks, i), bad_of(w, x)));
        if (inherited == EBB_POISON || w->reaches[x] == EBB_POISON) return false;
    }
    if (inherited != EBB_ABSENT) born = ebb_g_logical_and(&w->b, marks, ebb_g_logical_not(&w->b, inherited));
    w->first[id] = first_of(w, born);
    return w->first[id] != EBB_POISON;
}

/* ---- all of them ---- */

static bool visit_all(births *w, ebb_id limit) {
    ebb_graph *g = w->b.graph;
    for (int32_t j = 0; j < g->outputs; j++)
        if (may_be_bad(g, g->output[j])) w->reaches[g->output[j]] = bad_of(w, g->output[j]);
    for (ebb_id id = limit - 1; id > 0; id--)
        if (w->reaches[id] == EBB_POISON || (w->reaches[id] != EBB_ABSENT && !visit(w, id))) return false;
    ebb_clear_outputs(g);
    for (ebb_id id = 1; id < limit; id++)
        if (!ebb_add_output(g, w->first[id])) return false;
    return true;
}

ebb_graph *ebb_births_graph(const ebb_graph *f, bool infinite, ebb_diag *diag) {
    const ebb_allocator *a = f->allocator;
    births w = {.b.graph = ebb_graph_clone(f, diag), .infinite = infinite};
    ebb_id *room = ebb_mem_new(a, 3 * (size_t)f->count, sizeof *room);
    if (room)
        w.bad = room, w.reaches = room + f->count, w.first = w.reaches + f->count;
    else
        ebb_fail_memory(diag);
    bool good = room && w.b.graph && visit_all(&w, f->count);
    ebb_mem_free(a, room);
    if (good) return w.b.graph;
    ebb_graph_release(w.b.graph);
    return NULL;
}
