/* region_pull.h - what the reverse modes of regions share: a question, and the operands of what answers it. */
#ifndef EBB_DUAL_REGION_PULL_H
#define EBB_DUAL_REGION_PULL_H

#include "dual/region.h"

typedef struct ebb_pulling {
    ebb_builder b;
    ebb_id region;
    const ebb_id *ct;   /* [results] */
    const bool *wanted; /* [operands] */
    ebb_id *dx;         /* [operands] */
    ebb_id *arg;        /* the operands of what is made */
    int args;
} ebb_pulling;

static inline ebb_id ebb_pulling_operand(const ebb_pulling *p, int i) { return ebb_operands(p->b.graph, p->region)[i]; }

/* The next operand of what is made; false: poison. */
static inline bool ebb_pulling_put(ebb_pulling *p, ebb_id x) {
    p->arg[p->args++] = x;
    return x != EBB_POISON;
}

/* Result `number` of what was made, absent if it has none such. */
bool ebb_pulling_get(const ebb_pulling *p, ebb_id tuple, int number, ebb_id *y);

bool ebb_pull_unloop(ebb_pulling *p); /* region_pull_unloop.c */

#endif
