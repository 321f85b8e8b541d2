/* region.h - regions in the evaluator: the functions that they run are graphs that it runs. */
#ifndef EBB_EVAL_REGION_H
#define EBB_EVAL_REGION_H

#include "jit/eval/pool.h"
#include "jit/graph/graph.h"

/* Runs region `id` of an expanded graph on contiguous operands; out[k]: room for result k, NULL for an absent one.
 * Scratch comes from the pool. */
bool eval_region(const ebb_graph *g, ebb_id id, const void *const *in, void *const *out, eval_pool *pool,
                 ebb_diag *diag);

#endif
