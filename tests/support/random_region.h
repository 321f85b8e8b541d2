/* random_region.h - a program inside regions: what it gives is the same. */
#ifndef EBB_TEST_RANDOM_REGION_H
#define EBB_TEST_RANDOM_REGION_H

#include "jit/graph/region.h"

/* Programs with g's parameters and results, which hand them to g, or to a copy of it: by a call; as the branch that is
 * taken; as the body of a loop, of which the last iteration counts; as a function with a rule of its own, which is true
 * and gives tangents, or cotangents. To be released; NULL: an error in diag. */
ebb_graph *in_call(const ebb_graph *g, ebb_diag *diag);
ebb_graph *in_branch(const ebb_graph *g, uint64_t seed, ebb_diag *diag);
ebb_graph *in_loop(const ebb_graph *g, uint64_t seed, ebb_diag *diag);
ebb_graph *in_custom(const ebb_graph *g, bool reverse, ebb_diag *diag);

#endif
