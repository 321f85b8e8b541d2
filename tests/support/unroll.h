/* unroll.h - the straight line that a program with regions takes at one point: loops written out, branches taken, rules
 * of its own left out. */
#ifndef EBB_TEST_UNROLL_H
#define EBB_TEST_UNROLL_H

#include "jit/graph/graph.h"

/* g, an expanded program without unloops, as it runs on these parameters; another program without regions, with the
 * same parameters and results, where all parameters matter but not to how often loops run. In, as for run_graph; the
 * test fails if it cannot be done. */
ebb_graph *unrolled(const ebb_graph *g, const double *const *in);

#endif
