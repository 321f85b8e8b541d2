/* push.h - what coefficient k of a node is, by its family, wherever coefficients are kept.
 *
 * Three passes push: forward.c has a node for each coefficient, rolled.c one row for all that it writes once,
 * collapse.c the sum of the second ones along many lines. They differ in how they keep coefficients and in how they add
 * up products of them; all else is said here, once. */
#ifndef EBB_DUAL_PUSH_H
#define EBB_DUAL_PUSH_H

#include "dual/slopes.h"

typedef struct ebb_push ebb_push;
struct ebb_push {
    ebb_graph *g;
    const ebb_slopes *slopes;
    void *pass;                                                          /* its own things, for the functions below */
    bool (*makes)(const void *pass, ebb_id id);                          /* coefficient k of this node, in its turn */
    ebb_id (*at)(const void *pass, ebb_id id);                           /* coefficient k, absent if it is zero */
    bool (*set)(void *pass, ebb_id id, ebb_id value);                    /* false: poison */
    ebb_id (*get)(void *pass, ebb_id id);                                /* that of a region's result */
    ebb_id (*bilinear)(void *pass, ebb_builder *b, const ebb_primal *p); /* sum of op(x[j], y[k-j]) */
    ebb_id (*smooth)(void *pass, ebb_builder *b, const ebb_primal *p);   /* sum of j x[j] d[k-j], by k */
    ebb_id (*products)(void *pass, ebb_builder *b, const ebb_primal *p); /* of all pairs; NULL: one after another */
};

/* Coefficient k of the node, absent if zero. Of an implicit one its residual's nodes get theirs, without it. */
ebb_id ebb_push_node(const ebb_push *w, ebb_id id);
/* The same for all nodes that lead from p to part[parts] and that the pass makes, in their order. */
bool ebb_push_patch(const ebb_push *w, const ebb_primal *p, int parts, const ebb_id *part);

/* t / by, under t's guard. */
ebb_id ebb_divided(ebb_builder *b, ebb_id t, ebb_id by);

#endif
