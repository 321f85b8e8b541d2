/* reverse.c - ebb_vjp_nodes: the adjoint loop. Nodes in reverse order, one switch over families.
 *
 * Invariant: when the loop reaches node id, cotangent[id] is complete, as all its users have a larger id and came
 * before; EBB_ABSENT is zero. Only nodes between x and y are visited. */
#include "dual/dual.h"
#include "dual/rules.h"
#include "jit/graph/plain_floats.h"

/* A guarded cotangent goes back through an operation on single elements as such, and the guard with it. */
static ebb_id pull_linear(ebb_builder *b, const ebb_primal *p, ebb_id ct, int i) {
    ebb_id c, u;
    bool moves = p->op == EBB_OP_sum || p->op == EBB_OP_reshape || p->op == EBB_OP_transpose || p->op == EBB_OP_reverse;
    bool stays = p->op == EBB_OP_neg || p->op == EBB_OP_sub || p->op == EBB_OP_cast;
    if ((!moves && !stays) || !ebb_split_guard(b, ct, &c, &u)) return ebb_transposed(b, p, ct, i);
    return ebb_guarded(b, moves ? ebb_transposed(b, p, c, i) : c, ebb_transposed(b, p, u, i));
}

/* What y's cotangent is for operand i. */
static ebb_id pull(ebb_builder *b, const ebb_primal *p, ebb_id ct, int i) {
    switch (ebb_op_table[p->op].family) {
    case EBB_LEAF:
    case EBB_STEP:
        return EBB_ABSENT;
    case EBB_LINEAR:
        return pull_linear(b, p, ct, i);
    case EBB_BILINEAR:
        return ebb_transposed(b, p, ct, i);
    case EBB_SMOOTH:
        return ebb_times(b, ct, ebb_partial(b, p, i));
    case EBB_SELECTION:
        return ebb_choice_cotangent(b, p, ct, i);
    case EBB_MACRO:
    case EBB_REGION:
        break; /* refused by ebb_between */
    }
    return EBB_POISON;
}

static bool collect(ebb_builder *b, ebb_id *cotangent, ebb_id id, ebb_id ct) {
    cotangent[id] = ebb_plus(b, cotangent[id], ct);
    return cotangent[id] != EBB_POISON;
}

static bool seed(ebb_graph *g, int m, const ebb_id *y, const ebb_id *ct, const uint8_t *mark, ebb_id *cotangent) {
    for (int j = 0; j < m; j++) {
        ebb_builder b = ebb_builder_for(g, y[j], EBB_ADJOINT);
        if (ebb_is_between(mark, y[j]) && !collect(&b, cotangent, y[j], ct[j])) return false;
    }
    return true;
}

static bool visit(ebb_graph *g, ebb_id id, const uint8_t *mark, ebb_id *cotangent) {
    ebb_builder b = ebb_builder_for(g, id, EBB_ADJOINT);
    ebb_primal p = ebb_primal_of(g, id);
    for (int i = 0; i < p.arity && i < 3; i++)
        if (ebb_is_between(mark, p.x[i]) && !collect(&b, cotangent, p.x[i], pull(&b, &p, cotangent[id], i)))
            return false;
    return true;
}

static bool sweep(ebb_graph *g, const uint8_t *mark, ebb_id limit, ebb_id *cotangent) {
    for (ebb_id id = limit - 1; id > 0; id--)
        if (cotangent[id] != EBB_ABSENT && !visit(g, id, mark, cotangent)) return false;
    return true;
}

bool ebb_vjp_nodes(ebb_graph *g, int m, const ebb_id *y, const ebb_id *ct, int n, const ebb_id *x, ebb_id *dx) {
    EBB_PLAIN_FLOATS;
    if (!ebb_check_pairs(g, "cotangent", m, y, ct) || !ebb_check_ids(g, n, x)) return false;
    ebb_id limit;
    uint8_t *mark = ebb_between(g, n, x, NULL, m, y, &limit);
    ebb_id *cotangent = mark ? ebb_mem_new(g->allocator, (size_t)limit, sizeof *cotangent) : NULL;
    if (mark && !cotangent) ebb_fail_memory(g->diag);
    bool ok = cotangent && seed(g, m, y, ct, mark, cotangent) && sweep(g, mark, limit, cotangent);
    for (int i = 0; ok && i < n; i++)
        dx[i] = x[i] < limit ? cotangent[x[i]] : EBB_ABSENT;
    ebb_mem_free(g->allocator, cotangent);
    ebb_mem_free(g->allocator, mark);
    return ok;
}
