/* region.h - derivatives and batches of regions: a region goes in, regions on derived callees come out.
 *
 * The three passes (forward.c, reverse.c, batch.c) ask one question each about a region as a whole. Answers are made of
 * callees at work: clones of what the region names, grown by the passes themselves, with new parameters and results.
 * So a region inside a callee is a question of the pass on that callee, and a loop is derived in the time that its body
 * takes, however often it runs. Start reading at region_push.c. */
#ifndef EBB_DUAL_REGION_H
#define EBB_DUAL_REGION_H

#include "dual/rules.h"
#include "jit/graph/region.h"

/* ---- what the passes ask (region_push.c, region_pull.c, region_batch.c) ---- */

/* Forward. x: [operands][order], the coefficients of the region's operands; y: [results][order]; absent where zero. */
bool ebb_region_push(ebb_graph *g, ebb_id region, int order, const ebb_id *x, ebb_id *y);
/* The same where x and y are series (series.h), one for each operand and result: one region on functions of series, if
 * it is a cond or a loop, so that its size does not depend on the order. */
bool ebb_region_push_series(ebb_graph *g, ebb_id region, int order, const ebb_id *x, ebb_id *y);
/* Reverse. ct: [results]; dx: [operands], of those that are wanted; absent where zero. */
bool ebb_region_pull(ebb_graph *g, ebb_id region, const ebb_id *ct, const bool *wanted, ebb_id *dx);
/* For n examples. x: [operands], absent where they are the same for all; y: [results], the same. */
bool ebb_region_batch(ebb_graph *g, ebb_id region, int64_t n, const ebb_id *x, ebb_id *y);

/* The same of a region with a rule of its own (region_custom.c). */
bool ebb_custom_push(ebb_graph *g, ebb_id region, int order, const ebb_id *x, ebb_id *y);
bool ebb_custom_pull(ebb_graph *g, ebb_id region, const ebb_id *ct, const bool *wanted, ebb_id *dx);

/* ---- a callee at work (region_callee.c) ---- */

typedef struct ebb_callee {
    ebb_builder b; /* b.graph: f once more, growing, without results; owned */
    int xs, ys;
    ebb_id *x, *y;    /* f's parameters and results */
    ebb_id *in, *out; /* what the derived callee takes and gives */
    int ins, outs;
    int most_in, most_out;
} ebb_callee;

bool ebb_callee_start(ebb_callee *w, const ebb_graph *f, int64_t most_in, int64_t most_out, const ebb_builder *b);
void ebb_callee_take(ebb_callee *w, ebb_id x);           /* the next parameter, one of f's */
ebb_id ebb_callee_parameter(ebb_callee *w, ebb_id like); /* the next parameter, a new one of this node's type */
bool ebb_callee_give(ebb_callee *w, ebb_id y);           /* the next result; false: poison */
ebb_graph *ebb_callee_finish(ebb_callee *w, bool ok);    /* the derived callee, NULL if not ok; w is gone */

/* The branches of a cond as callees at work: one only if both are the same function. */
static inline int ebb_branches(const ebb_region *r) { return r->callee[0] == r->callee[1] ? 1 : 2; }
/* Finishes them, to both branches of the derived cond; owned. False: not ok, or no memory; NULL then. */
bool ebb_branches_finish(ebb_callee w[2], int branches, bool ok, ebb_graph *branch[2]);

/* The zero fixpoint. moves[k]: parameter k moves; asked[j]: a change of result j matters. Result s < states is what
 * parameter first + s is in the next iteration, so that it moves as well if the result does, and matters as well if the
 * parameter does. On return these are in, and asked[j] is true only where result j moves too. */
bool ebb_settle(const ebb_callee *w, int first, int states, bool *moves, bool *asked);

/* Parameters in w->in: f's, each one followed by coefficients 1 ... order where kind[parameter][order] says so. dy:
 * [results][order], their coefficients. rows not 0: of each there is one, a series of so many. */
enum { EBB_STILL = 0, EBB_ROOM, EBB_MOVES }; /* no coefficient; one that is zero; one that is not */
bool ebb_callee_push(ebb_callee *w, int order, int rows, const uint8_t *kind, ebb_id *dy);

#endif
