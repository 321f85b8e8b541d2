/* loop.h - running loops: what native code and the evaluator call for the operations loop and unloop.
 *
 * The functions that a loop runs are called as all native code is: step(in, out, work). Rows of sequences and of
 * stacked results are pointers into the whole. Everything that is needed beside lies in `work`, as jit/graph/loop.h
 * says; what a step finds in its own work is for its caller to put there (ebb_loop_places.room). A code other than
 * EBB_OK of any step ends the loop with it. Operands and results never overlap. */
#ifndef EBB_RUNTIME_LOOP_H
#define EBB_RUNTIME_LOOP_H

#include "jit/graph/loop.h"

typedef int ebb_rt_step(const void *const *in, void *const *out, void *work);

/* in: states, captures, sequences; out: the last states, then stacked results. condition NULL: there is none. */
int ebb_rt_loop(const ebb_loop_desc *d, ebb_rt_step *body, ebb_rt_step *condition, const void *const *in,
                void *const *out, void *work);
/* in: the same, then the cotangents; out: cotangents of float operands, NULL for an absent one. The body is called with
 * NULL in place of stacked results, which are not wanted. */
int ebb_rt_unloop(const ebb_loop_desc *d, ebb_rt_step *body, ebb_rt_step *condition, ebb_rt_step *pullback,
                  const void *const *in, void *const *out, void *work);

#endif
