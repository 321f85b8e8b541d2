/* rolled.h - a series as a loop over the orders, at work: what rolled.c, rolled_push.c and rolled_loop.c share. */
#ifndef EBB_DUAL_ROLLED_H
#define EBB_DUAL_ROLLED_H

#include "dual/push.h"
#include "dual/series.h"
#include "dual/stages.h"

/* What the loop may carry of a node at the beginning of iteration k; FORWARD and WEIGHTED: row j - 1 is coefficient j,
 * or j times that; BACKWARD: row i is coefficient k - 1 - i; LAST: coefficient k - 1 alone. */
enum { EBB_FORWARD_ROWS, EBB_WEIGHTED_ROWS, EBB_BACKWARD_ROWS, EBB_LAST_ROW, EBB_ROW_KINDS };

typedef struct ebb_rolled {
    ebb_graph *g;
    int order;
    ebb_slopes slopes;
    ebb_stages stages;
    /* [slopes.count] each */
    int32_t *group;     /* that makes the node, from 1; 0: none */
    ebb_id *first;      /* coefficient 1; absent: the node does not move */
    ebb_id *series;     /* [order, ...], if it is known */
    ebb_id *demand;     /* where its coefficients are read at all: a condition, or absent */
    ebb_id *guard;      /* what all its coefficients are guarded by, or absent */
    bool *line;         /* coefficients above 1 are zero */
    bool *wanted;       /* another group reads its series */
    int32_t *result_at; /* of a region: where its results are in `result` */
    ebb_id *result;     /* series */
    int32_t now;        /* the group that is made */
    /* the body of its loop */
    bool rolling;                /* it is written; else order 1 is made */
    ebb_id k;                    /* i64[] */
    ebb_id *row;                 /* [slopes.count]: coefficient k */
    ebb_id (*in)[EBB_ROW_KINDS]; /* [slopes.count]: what is carried */
    int states, slices;
    ebb_id *carried; /* [states][2]: node and kind */
    ebb_id *sliced;  /* [slices]: nodes whose rows are read */
} ebb_rolled;

static inline bool ebb_rolled_moves(const ebb_rolled *w, ebb_id id) {
    return id > EBB_ABSENT && id < w->slopes.count && w->first[id] != EBB_ABSENT;
}
/* It is one of the group at work. */
static inline bool ebb_rolled_makes(const ebb_rolled *w, ebb_id id) {
    return id < w->slopes.count && w->group[id] == w->now && w->slopes.order[id] && !w->slopes.given[id];
}
/* Its coefficients above 1 are stacked by the loop. */
static inline bool ebb_rolled_stacks(const ebb_rolled *w, ebb_id id) {
    return w->wanted[id] && ebb_rolled_makes(w, id) && w->row[id] != EBB_ABSENT;
}

/* Order 1 of a group's nodes, then their coefficient k, in the body (rolled_push.c). */
bool ebb_rolled_first(ebb_rolled *w, const ebb_id *node, const ebb_id *end);
bool ebb_rolled_body(ebb_rolled *w, const ebb_id *node, const ebb_id *end);
ebb_id ebb_rolled_at(const void *pass, ebb_id id);                                /* coefficient k */
ebb_id ebb_rolled_order(const ebb_rolled *w, ebb_builder *b, ebb_id t, int plus); /* k + plus, of t's type */
/* The loop around the body, and the series of what other groups want (rolled_loop.c). */
bool ebb_rolled_loop(ebb_rolled *w, const ebb_id *node, const ebb_id *end);

#endif
