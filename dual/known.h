/* known.h - elements that are known before a program runs: an index that is a constant, counted, or a captured tensor,
 * and what is computed from those. So a pattern can follow it. */
#ifndef EBB_DUAL_KNOWN_H
#define EBB_DUAL_KNOWN_H

#include "jit/graph/graph.h"

typedef struct ebb_known {
    const ebb_graph *graph;
    ebb_id count;      /* of nodes that were looked at */
    const void **data; /* [count]: packed elements, NULL where they are not known */
    bool *owned;       /* [count]: data is ours */
} ebb_known;

/* What is known of the nodes asked[], and of what they are computed from. given[k]: the elements of parameter k, NULL
 * for one that is not known; given may be NULL. False: no memory. */
bool ebb_known_find(ebb_known *k, const ebb_graph *g, const void *const *given, int n, const ebb_id *asked);
void ebb_known_free(ebb_known *k);
static inline const void *ebb_known_at(const ebb_known *k, ebb_id id) { return id < k->count ? k->data[id] : NULL; }

#endif
