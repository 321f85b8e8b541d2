/* reverse.c - ebb_vjp_nodes: the adjoint loop. Nodes in reverse order, one switch over families.
 *
 * Invariant: when the loop reaches node id, cotangent[id] is complete, as all its users have a larger id and came
 * before; EBB_ABSENT is zero. Only nodes between x and y are visited. The cotangents of a region's results lie behind
 * those of the nodes, and are pulled through it as a whole. */
#include "dual/dual.h"
#include "dual/region.h"
#include "dual/terms.h"
#include "jit/graph/plain_floats.h"

/* A guarded cotangent goes back through an operation on single elements as such, and the guard with it. */
static ebb_id pull_linear(ebb_builder *b, const ebb_primal *p, ebb_id ct, int i) {
    ebb_id c, u;
    bool moves = p->op == EBB_OP_sum || p->op == EBB_OP_reshape || p->op == EBB_OP_transpose || p->op == EBB_OP_reverse;
    bool stays = p->op == EBB_OP_neg || p->op == EBB_OP_sub || p->op == EBB_OP_cast;
    if ((!moves && !stays) || !ebb_split_guard(b, ct, &c, &u)) return ebb_transposed(b, p, ct, i);
    return ebb_guarded(b, moves ? ebb_transposed(b, p, c, i) : c, ebb_transposed(b, p, u, i));
}

ebb_id ebb_pull(ebb_builder *b, const ebb_primal *p, ebb_id ct, int i) {
    switch (ebb_op_table[p->op].family) {
    case EBB_LEAF:
    case EBB_STEP:
        return EBB_ABSENT;
    case EBB_LINEAR:
        return pull_linear(b, p, ct, i);
    case EBB_BILINEAR:
        return ebb_transposed(b, p, ct, i);
    case EBB_SMOOTH:
        return ebb_times(b, ebb_laid_over(b, ct, p->x[i]), ebb_partial(b, p, i));
    case EBB_SELECTION:
        return ebb_choice_cotangent(b, p, ct, i);
    case EBB_IMPLICIT:
        return ebb_implicit_cotangent(b, p, ct, i);
    case EBB_PRODUCTS: /* pulled product by product */
    case EBB_MACRO:
    case EBB_REGION:
        break; /* refused by ebb_between, or pulled as a whole */
    }
    return EBB_POISON;
}

typedef struct late { /* what a sum of products gives one of its operands */
    ebb_id ct;
    int next; /* of the same node; from the last one back to the first */
} late;

typedef struct adjoint {
    ebb_graph *g;
    const uint8_t *mark;
    ebb_id limit;
    ebb_id *cotangent; /* [limit], then for the results of regions; of a region, where in here its results begin */
    int *last;         /* [limit]: in `late`, from 1; 0: none. NULL before there is one */
    late *late;        /* from 1 */
    int lates, late_capacity;
    ebb_terms terms; /* of the cotangent that is being made */
} adjoint;

static bool collect(const adjoint *w, ebb_builder *b, ebb_id place, ebb_id ct) {
    w->cotangent[place] = ebb_plus(b, w->cotangent[place], ct);
    return w->cotangent[place] != EBB_POISON;
}

static bool seed(const adjoint *w, int m, const ebb_id *y, const ebb_id *ct) {
    for (int j = 0; j < m; j++) {
        ebb_builder b = ebb_builder_for(w->g, y[j], EBB_ADJOINT);
        if (ebb_is_between(w->mark, y[j]) && !collect(w, &b, y[j], ct[j])) return false;
    }
    return true;
}

/* ---- sums of products: a coefficient of a series is in many, and what they give it is one such sum again ---- */

static bool postpone(adjoint *w, ebb_id x, ebb_id ct) {
    const ebb_allocator *a = w->g->allocator;
    if (ct == EBB_POISON) return false;
    if (!w->last) w->last = ebb_mem_new(a, (size_t)w->limit, sizeof *w->last);
    if (!w->last || !ebb_mem_reserve(a, &w->late, &w->late_capacity, (int64_t)w->lates + 2, sizeof *w->late))
        return ebb_fail_memory(w->g->diag);
    int before = w->last[x], now = ++w->lates;
    w->late[now] = (late){ct, before ? w->late[before].next : now};
    if (before) w->late[before].next = now;
    w->last[x] = now;
    return true;
}

static bool pull_products(adjoint *w, ebb_builder *b, ebb_id id) {
    for (int i = 0; i < w->g->node[id].arity; i++) {
        const ebb_primal pair = ebb_pair_of(w->g, id, i / 2);
        ebb_id x = pair.x[i % 2];
        if (!ebb_is_between(w->mark, x)) continue;
        if (!postpone(w, x, ebb_pull(b, &pair, w->cotangent[id], i % 2))) return false;
    }
    return true;
}

/* All that has come late, to the cotangent. */
static bool catch_up(adjoint *w, ebb_builder *b, ebb_id id) {
    const int last = w->last ? w->last[id] : 0;
    for (int i = last, end = 0; last && !end; end = i == last) {
        i = w->late[i].next;
        if (!ebb_terms_take(&w->terms, b, w->late[i].ct) && !collect(w, b, id, w->late[i].ct)) return false;
    }
    return !last || collect(w, b, id, ebb_terms_sum(&w->terms, b));
}

/* ---- any node but a region ---- */

static bool visit(adjoint *w, ebb_id id) {
    ebb_builder b = ebb_builder_for(w->g, id, EBB_ADJOINT);
    ebb_primal p = ebb_primal_of(w->g, id);
    if (!catch_up(w, &b, id)) return false;
    ebb_id ct = w->cotangent[id];
    if (ct == EBB_ABSENT) return true;
    if (ebb_op_table[p.op].family == EBB_PRODUCTS) return pull_products(w, &b, id);
    if (p.op == EBB_OP_get)
        return !ebb_is_between(w->mark, p.x[0]) ||
               collect(w, &b, w->cotangent[p.x[0]] + (ebb_id)ebb_attr_of(w->g, id).v[0], ct);
    for (int i = 0; i < p.arity && i < 3; i++)
        if (ebb_is_between(w->mark, p.x[i]) && !collect(w, &b, p.x[i], ebb_pull(&b, &p, ct, i))) return false;
    return true;
}

/* ---- regions ---- */

static bool collect_all(const adjoint *w, ebb_id id, const ebb_id *dx) {
    ebb_builder b = ebb_builder_for(w->g, id, EBB_ADJOINT);
    for (int i = 0; i < w->g->node[id].arity; i++)
        if (dx[i] != EBB_ABSENT && !collect(w, &b, ebb_operands(w->g, id)[i], dx[i])) return false;
    return true;
}

static bool pull_region(const adjoint *w, ebb_id id) {
    const ebb_allocator *a = w->g->allocator;
    size_t arity = (size_t)w->g->node[id].arity;
    ebb_id *dx = ebb_mem_new(a, arity + 1, sizeof *dx);
    bool *wanted = ebb_mem_new(a, arity + 1, sizeof *wanted);
    bool ok = (dx && wanted) || ebb_fail_memory(w->g->diag);
    for (size_t i = 0; ok && i < arity; i++)
        wanted[i] = ebb_is_between(w->mark, ebb_operands(w->g, id)[i]);
    ok = ok && ebb_region_pull(w->g, id, w->cotangent + w->cotangent[id], wanted, dx) && collect_all(w, id, dx);
    ebb_mem_free(a, wanted);
    ebb_mem_free(a, dx);
    return ok;
}

static bool visit_region(const adjoint *w, ebb_id id) {
    const ebb_id *ct = w->cotangent + w->cotangent[id];
    for (int32_t k = ebb_results_of(w->g, id); k-- > 0;)
        if (ct[k] != EBB_ABSENT) return pull_region(w, id);
    return true;
}

/* ---- the loop ---- */

static bool sweep(adjoint *w) {
    for (ebb_id id = w->limit - 1; id > 0; id--) {
        if (!ebb_is_between(w->mark, id)) continue;
        bool region = ebb_dtype_at(w->g, id) == EBB_NONE;
        if (!(region ? visit_region(w, id) : visit(w, id))) return false;
    }
    return true;
}

/* Room for all cotangents; NULL and an error if there is none. */
static ebb_id *new_cotangents(const ebb_graph *g, const uint8_t *mark, ebb_id limit) {
    ebb_id results = 0;
    for (ebb_id id = 1; id < limit; id++)
        if (ebb_dtype_at(g, id) == EBB_NONE && ebb_is_between(mark, id)) results += ebb_results_of(g, id);
    ebb_id *cotangent = ebb_mem_new(g->allocator, (size_t)limit + (size_t)results, sizeof *cotangent);
    if (!cotangent) return ebb_fail_memory(g->diag), NULL;
    for (ebb_id id = 1, next = limit; results && id < limit; id++) {
        if (ebb_dtype_at(g, id) != EBB_NONE || !ebb_is_between(mark, id)) continue;
        cotangent[id] = next;
        next += ebb_results_of(g, id);
    }
    return cotangent;
}

bool ebb_vjp_nodes(ebb_graph *g, int m, const ebb_id *y, const ebb_id *ct, int n, const ebb_id *x, ebb_id *dx) {
    EBB_PLAIN_FLOATS;
    if (!ebb_check_pairs(g, "cotangent", m, y, ct) || !ebb_check_ids(g, n, x)) return false;
    adjoint w = {.g = g};
    uint8_t *mark = ebb_between(g, n, x, NULL, m, y, &w.limit);
    w.mark = mark;
    w.cotangent = mark ? new_cotangents(g, mark, w.limit) : NULL;
    bool ok = w.cotangent && seed(&w, m, y, ct) && sweep(&w);
    for (int i = 0; ok && i < n; i++)
        dx[i] = x[i] < w.limit ? w.cotangent[x[i]] : EBB_ABSENT;
    ebb_terms_free(g, &w.terms);
    ebb_mem_free(g->allocator, w.late);
    ebb_mem_free(g->allocator, w.last);
    ebb_mem_free(g->allocator, w.cotangent);
    ebb_mem_free(g->allocator, mark);
    return ok;
}
