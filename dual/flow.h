/* flow.h - what depends on what, through regions result by result; and what depends linearly. */
#ifndef EBB_DUAL_FLOW_H
#define EBB_DUAL_FLOW_H

#include "jit/graph/region.h"

/* Marks of nodes, carried down to all that depends on them: mark[id] has those of all operands. A region hands on what
 * a result depends on, to that result; regions inside it count as wholes. */
bool ebb_flow(const ebb_graph *g, uint8_t *mark, ebb_diag *diag);
/* The same for one region: of its operands, to its results. */
bool ebb_flow_region(const ebb_region *r, const uint8_t *x, uint8_t *y, ebb_diag *diag);
/* Of a loop, or of the loop that an unloop runs: of its operands, where states add to their own, to its results. */
bool ebb_flow_loop(const ebb_region *r, uint8_t *x, uint8_t *y, ebb_diag *diag);
/* Of a function: of its parameters, to its results. A region in it hands all on to all its results. */
bool ebb_flow_function(const ebb_graph *f, const uint8_t *x, uint8_t *y, ebb_diag *diag);

/* Where marks of each tuple's results may lie, one after the other: [g->count], and how many there are. To be freed
 * with g's allocator; NULL: no memory. */
int32_t *ebb_place_marks(const ebb_graph *g, size_t *count);

/* Marks of what may be other than zero (zero.c): mark[] has those of parameters, and gets those of all nodes. level: 0,
 * or how many regions g lies in. */
bool ebb_nonzero(const ebb_graph *g, uint8_t *mark, int level, ebb_diag *diag);
/* The same for one region: of its operands, where states and their cotangents add to their own, to its results. */
bool ebb_nonzero_region(const ebb_region *r, uint8_t *x, uint8_t *y, int level, ebb_diag *diag);

/* Whether every node that depends on x[] is linear in it (all of x[] together), and each y[j] too, or zero. If not,
 * *where is a node that is not, or absent: y[*result] is a constant. An error in diag: no memory. */
bool ebb_is_linear(const ebb_graph *g, int n, const ebb_id *x, int m, const ebb_id *y, ebb_id *where, int *result,
                   ebb_diag *diag);

#endif
