/* random_graph.h - random programs over all rows of ops.def, the same for the same seed: fuzz input for every room. */
#ifndef EBB_TEST_RANDOM_GRAPH_H
#define EBB_TEST_RANDOM_GRAPH_H

#include "jit/graph/graph.h"

typedef struct ebb_random_options {
    int nodes;       /* about how many; 0: 20 */
    int rank;        /* at most; 0: 3 */
    int size;        /* of an axis, at most; 0: 9 */
    int outputs;     /* 0: 3 */
    bool no_empty;   /* no axes of size 0 */
    bool neighbours; /* many slices, which leave out an element at one end of the last axis, as those of stencils do */
    bool no_whole;   /* no routines (products, gathers, pads, random numbers ...) */
    bool no_macros;
    bool exact;   /* only operations whose result every engine agrees on to the bit */
    bool smooth;  /* f32 and f64 only, operands kept where slopes are small, away from poles and edges; one more result
                   * in front: a scalar (for gradients) */
    bool kinks;   /* smooth ones may have what jumps where a last digit decides: for roads that see the same digits */
    bool wide;    /* f64 is the only float */
    bool regions; /* branches and loops too */
    int state;    /* so many parameters (at most 3) have a next value: the last results; see ebb_random_alias */
} ebb_random_options;

/* A recorded program (ebb_expand makes it plannable), allocated by malloc; ebb_graph_release. NULL only without memory.
 */
ebb_graph *ebb_random_graph(uint64_t seed, const ebb_random_options *options);

/* alias[j] for ebb_plan_options: result j is the new value of parameter alias[j], or -1. From options.state. */
void ebb_random_alias(const ebb_graph *g, const ebb_random_options *options, int32_t *alias);

uint64_t ebb_random_next(uint64_t *seed); /* splitmix64 */
/* count numbers of dtype in the range that the programs are made for; with `special` now and then inf, nan, -0. */
void ebb_random_fill(uint64_t seed, ebb_dtype dtype, int64_t count, bool special, void *to);

#endif
