/* region_batch.h - what batched branches and batched loops share: a region's operands for all examples, and callees
 * that take and give them. */
#ifndef EBB_DUAL_REGION_BATCH_H
#define EBB_DUAL_REGION_BATCH_H

#include "dual/batch.h"
#include "dual/dual.h"
#include "dual/flow.h"
#include "dual/region.h"

typedef struct ebb_batching {
    ebb_builder b;
    ebb_id region;
    int64_t n;
    const ebb_id *x; /* [operands], with the examples in front; absent: the same for all */
    ebb_id *y;       /* [results], the same */
    ebb_id *arg;     /* the operands of what is made */
    int args;
} ebb_batching;

ebb_id ebb_batching_operand(const ebb_batching *p, int i);
bool ebb_batching_put(ebb_batching *p, ebb_id x); /* the next operand of what is made; false: poison */
ebb_id ebb_batching_all(ebb_batching *p, int i);  /* operand i for all examples */
/* Sequences and what is stacked have the iterations first, inside of a loop, and the examples first, outside. */
ebb_id ebb_batching_inside(ebb_batching *p, ebb_id x);
ebb_id ebb_batching_outside(ebb_batching *p, ebb_id x);
/* Result `number` of what was made, for all examples: also if it does not differ, as the region was not made for one of
 * them. Absent if there is none. */
bool ebb_batching_get(ebb_batching *p, ebb_id tuple, int number, bool differs, bool stacked, ebb_id *y);

/* mask, one bool for each example: over the shape of `like`; whether any is true. */
ebb_id ebb_batching_over(ebb_builder *b, ebb_id mask, ebb_id like);
ebb_id ebb_batching_any_of(ebb_builder *b, ebb_id mask);

/* ---- callees ---- */
ebb_id ebb_batching_parameter(const ebb_batching *p, ebb_callee *w, ebb_id x); /* a new one, for all examples of x */
/* f's parameter i is the next one: as it is or, if it differs, for all examples: *bx. */
bool ebb_batching_take(const ebb_batching *p, ebb_callee *w, int i, bool differs, ebb_id *bx);
/* by, or y for all examples if by is absent. */
ebb_id ebb_batching_spread(const ebb_batching *p, ebb_callee *w, ebb_id by, ebb_id y);

bool ebb_batch_loop(ebb_batching *p);   /* region_batch_loop.c */
bool ebb_batch_custom(ebb_batching *p); /* region_custom.c */

#endif
