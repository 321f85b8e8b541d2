/* shrink.h - makes a program that shows a fault as small as it can while it still shows it. */
#ifndef EBB_TEST_SHRINK_H
#define EBB_TEST_SHRINK_H

#include "jit/graph/graph.h"

typedef bool ebb_still_fails(const ebb_graph *g, void *data);

/* Takes g, a recorded program that fails; gives the smallest one found that does. Callees stay as they are. */
ebb_graph *ebb_shrink(ebb_graph *g, ebb_still_fails *fails, void *data);

#endif
