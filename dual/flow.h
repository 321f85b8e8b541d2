/* flow.h - what depends on what, through regions result by result; and what depends linearly. */
#ifndef EBB_DUAL_FLOW_H
#define EBB_DUAL_FLOW_H

#include "jit/graph/region.h"

/* Marks of nodes, carried down to all that depends on them: mark[id] has those of all operands. Through regions result
 * by result, or, as a whole, from any operand to all results. */
bool ebb_flow(const ebb_graph *g, bool whole, uint8_t *mark, ebb_diag *diag);
/* The same for a function: of its parameters, to its results. */
bool ebb_flow_function(const ebb_graph *f, bool whole, const uint8_t *x, uint8_t *y, ebb_diag *diag);
/* For a region, result by result: of its operands, to its results. */
bool ebb_flow_region(const ebb_region *r, const uint8_t *x, uint8_t *y, ebb_diag *diag);
/* For a loop, or the loop that an unloop runs: of its operands, where states add to their own, to its results. */
bool ebb_flow_loop(const ebb_region *r, bool whole, uint8_t *x, uint8_t *y, ebb_diag *diag);

/* Whether every node that depends on x[] is linear in it (all of x[] together), and each y[j] too, or zero. If not,
 * *where is a node that is not, or absent: y[*result] is a constant. An error in diag: no memory. */
bool ebb_is_linear(const ebb_graph *g, int n, const ebb_id *x, int m, const ebb_id *y, ebb_id *where, int *result,
                   ebb_diag *diag);

#endif
