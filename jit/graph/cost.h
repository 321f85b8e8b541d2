/* cost.h - what operations cost, and what a program costs by that: the facts that planners decide by.
 *
 * Operations are counted in additions of one element: a product of matrices is 2 m n k of them, an exponential function
 * 16. Bytes are what an operation reads and writes when it runs alone; a view is index arithmetic and moves nothing,
 * but elements that a transpose parts are dear to read. Nothing is taken off for fusion, which is the affair of
 * jit/plan: the numbers compare programs, they are no prediction of a time. Start reading at ebb_cost_nodes. */
#ifndef EBB_COST_H
#define EBB_COST_H

#include "jit/graph/graph.h"

typedef struct ebb_cost {
    double operations;
    double read, written; /* bytes */
} ebb_cost;

/* An element of a POINT operation; 0 for all others. */
int ebb_point_cost(ebb_op op);
/* A node of an expanded graph with concrete sizes, which is no region. */
ebb_cost ebb_cost_at(const ebb_graph *g, ebb_id id);
/* One number to compare programs by: operations, and what the bytes cost beside them. */
double ebb_work_of(const ebb_cost *cost);

/* A loop whose condition ends it is taken to run so often, and its reverse to keep so many bytes of states by default.
 */
#define EBB_GUESSED_TRIPS 100.0
#define EBB_KEPT_STATES 0x1p24

/* What it costs to compute some nodes for many directions at once, as vmap writes it: what hangs on no direction is
 * computed once, all else for each of them. */
typedef struct ebb_bill {
    ebb_cost once, each; /* each: for one direction */
    double peak;         /* bytes of results and of what is on the way to them, at the worst moment, for all directions;
                          * parameters and constants are there anyway */
} ebb_bill;

/* Of nodes y[m] of an expanded graph with concrete sizes, for so many directions, each of which has its own v[n] (n 0:
 * all of it is `once`). False: an error in g's diag. */
bool ebb_cost_nodes(const ebb_graph *g, int m, const ebb_id *y, int n, const ebb_id *v, int64_t directions,
                    ebb_bill *bill);
/* How many directions have a peak of at most so many bytes: 0 if not even one has, 2^62 if nothing hangs on them. */
bool ebb_directions_within(const ebb_graph *g, int m, const ebb_id *y, int n, const ebb_id *v, double bytes,
                           int64_t *directions);
/* Of all outputs, once; cost[g->count] gets what each node costs that they need, the others nothing. NULL: unasked. */
bool ebb_cost_graph(const ebb_graph *g, ebb_bill *bill, ebb_cost *cost);
ebb_cost ebb_total(const ebb_bill *bill, int64_t directions); /* once, and each so many times */

#endif
