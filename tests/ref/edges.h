/* edges.h - pointwise operations where they have corners, poles, overflow, zeros with a sign, NaN: the exact results.
 *
 * What IEEE 754, C99's annex F and semantics of our own (ties, casts, integers that wrap) say, not what some library
 * computes. */
#ifndef EBB_EDGES_H
#define EBB_EDGES_H

#include "tests/ref/quad_ops.h"

typedef struct quad_edge {
    ebb_op op;
    unsigned dtypes; /* a set of them */
    ebb_dtype to;    /* cast */
    quad x, y, z, want;
} quad_edge;

extern const quad_edge quad_edges[];
extern const int quad_edge_count;

#endif
