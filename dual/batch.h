/* batch.h - one example's operation, and its operands for all examples: what a batching rule works with. */
#ifndef EBB_DUAL_BATCH_H
#define EBB_DUAL_BATCH_H

#include "dual/rules.h"

typedef struct ebb_batch {
    ebb_builder b;
    int64_t n;   /* examples */
    ebb_id x[3]; /* operands with the examples in front; EBB_ABSENT: the same for all. One at least is there */
} ebb_batch;

/* The operation again, on all operands for all examples, with these attributes. */
ebb_id ebb_batch_again(ebb_batch *w, const ebb_primal *p, int nattr, const int64_t *attr);
/* Node id, a sum of products, for n examples: batched[] has what its operands are for them (batch_products.c). */
ebb_id ebb_batch_products(ebb_graph *g, ebb_id id, int64_t n, const ebb_id *batched);
ebb_id ebb_spread(ebb_builder *b, ebb_id x, int64_t n); /* x for n examples, the same for all */

#define EBB_DECLARE_SOURCE(name)
#define EBB_DECLARE_POINT(name)
#define EBB_DECLARE_VIEW(name) ebb_id batch_##name(ebb_batch *w, const ebb_primal *p);
#define EBB_DECLARE_REDUCE(name) ebb_id batch_##name(ebb_batch *w, const ebb_primal *p);
#define EBB_DECLARE_WHOLE(name) ebb_id batch_##name(ebb_batch *w, const ebb_primal *p);
#define EBB_DECLARE_NESTED(name)
#define EBB_DECLARE_NOWHERE(name)
#define OP(name, family, access, arity, rule) EBB_DECLARE_##access(name)
#include "jit/graph/ops.def"
#undef OP

#endif
