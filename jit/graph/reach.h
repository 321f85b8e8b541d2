/* reach.h - the functions that a program reaches through its regions, in an order that passes can go through. */
#ifndef EBB_REACH_H
#define EBB_REACH_H

#include "jit/graph/graph.h"

typedef struct ebb_reach {
    const ebb_graph **graph; /* [count]: each once, callees before callers; the program itself is the last */
    int32_t count, capacity;
    struct ebb_intern *number; /* where a graph is in graph[] */
} ebb_reach;

bool ebb_reach_from(const ebb_graph *g, ebb_reach *r);          /* false: no memory; ebb_reach_end in any case */
int32_t ebb_reach_find(const ebb_reach *r, const ebb_graph *g); /* its number; -1: it is not reached */
void ebb_reach_end(ebb_reach *r);

#endif
