/* terms.h - sums of products in the making: what series and adjoints add up.
 *
 * Terms are collected one after the other; then all products that are of one kind, under one guard, become one node
 * (PRODUCTS in jit/graph/ops.def), so that order k of a product is one node and not k + 1 products and k sums. One or
 * two of them stay what they are: dual numbers and second order know nothing of such nodes. */
#ifndef EBB_DUAL_TERMS_H
#define EBB_DUAL_TERMS_H

#include "dual/rules.h"

typedef struct ebb_term { /* x times y where the guard holds, else 0 */
    ebb_op product;       /* mul or dot */
    ebb_attr attr;        /* of a dot */
    ebb_id guard;         /* absent: everywhere */
    ebb_id x, y;
} ebb_term;

/* Empty where it is all 0. Poison and missing memory make the sum poison. */
typedef struct ebb_terms {
    ebb_term *term;
    ebb_id *operand; /* [2 * count]: room for those of a node */
    int count, capacity, operands;
    bool failed;
} ebb_terms;

/* The product that p takes of its operands (of a smooth one, with a slope: mul), of other ones. Either may be absent:
 * zero. moves_x: x is a derivative, and may be guarded; else its zeros are values. */
void ebb_terms_put(ebb_terms *w, ebb_builder *b, const ebb_primal *p, ebb_id x, bool moves_x, ebb_id y, bool moves_y);
/* A node that is a product, or a guarded one; false: it is neither, and stays outside. */
bool ebb_terms_take(ebb_terms *w, ebb_builder *b, ebb_id product);
/* The sum of all terms, which are gone then; absent if there are none. */
ebb_id ebb_terms_sum(ebb_terms *w, ebb_builder *b);
void ebb_terms_free(const ebb_graph *g, ebb_terms *w);

#endif
