/* batch_products.c - the batching rule of sums of products: all pairs at once where that is one longer array. */
#include "dual/batch.h"

/* One product of the sum, for all examples. */
static ebb_id batch_product(ebb_graph *g, ebb_id id, int k, int64_t n, const ebb_id *batched) {
    const ebb_primal pair = ebb_pair_of(g, id, k);
    ebb_batch w = {.b = {g, g->site[id]}, .n = n, .x = {batched[pair.x[0]], batched[pair.x[1]]}};
    if (w.x[0] != EBB_ABSENT || w.x[1] != EBB_ABSENT) return batch_dot(&w, &pair);
    return ebb_spread(&w.b, ebb_apply(&w.b, &pair, pair.x), n);
}

/* Where one factor is the same for all examples, products of matrices are better taken one by one. */
static bool one_by_one(const ebb_graph *g, ebb_id id, const ebb_id *batched) {
    for (int i = 0; ebb_op_of(g, id) == EBB_OP_sum_dot && i < g->node[id].arity; i++)
        if (batched[ebb_operands(g, id)[i]] == EBB_ABSENT) return true;
    return false;
}

static ebb_id batch_together(ebb_graph *g, ebb_id id, int64_t n, const ebb_id *batched) {
    ebb_builder b = {g, g->site[id]};
    int arity = g->node[id].arity;
    ebb_id *x = ebb_mem_new(g->allocator, (size_t)arity, sizeof *x);
    if (!x) return ebb_fail_memory(g->diag), EBB_POISON;
    for (int i = 0; i < arity; i++) {
        ebb_id own = ebb_operands(g, id)[i];
        x[i] = batched[own] != EBB_ABSENT ? batched[own] : ebb_spread(&b, own, n);
    }
    ebb_id y = ebb_g_sum_products(&b, ebb_product_of(ebb_op_of(g, id)), ebb_attr_of(g, id), arity / 2, x);
    ebb_mem_free(g->allocator, x);
    return y;
}

ebb_id ebb_batch_products(ebb_graph *g, ebb_id id, int64_t n, const ebb_id *batched) {
    ebb_builder b = {g, g->site[id]};
    ebb_id sum = EBB_ABSENT;
    bool any = false;
    for (int i = 0; i < g->node[id].arity; i++)
        any |= batched[ebb_operands(g, id)[i]] != EBB_ABSENT;
    if (!any) return EBB_ABSENT;
    if (!one_by_one(g, id, batched)) return batch_together(g, id, n, batched);
    for (int k = 0; k < g->node[id].arity / 2; k++)
        sum = ebb_plus(&b, sum, batch_product(g, id, k, n, batched));
    return sum;
}
