/* nan.h - where a NaN was born: what nan.c offers to functions and tapes. */
#ifndef EBB_NAN_H
#define EBB_NAN_H

#include "frontend/trace.h"
#include "jit/graph/region.h"

/* A program that ran, and the values that it ran on. */
typedef struct ebb_nan_search {
    ebb_context *ebb;
    const char *name;
    ebb_graph *graph;             /* expanded; of concrete sizes */
    const ebb_concrete *concrete; /* of a function: its parameters are in concrete->in */
    ebb_mode mode;
    ebb_tensor *const *value; /* of a tape: [graph->count] what is known, the parameters at least */
    const void *const *in;    /* of a function inside of a region: its parameters */
    bool infinite;            /* infinities count too */
} ebb_nan_search;

/* What a region ran when a NaN was born in it. */
typedef struct ebb_nan_inside {
    ebb_graph *graph;           /* the function; the region's; NULL: it is not known which */
    void **in;                  /* [graph->inputs] what it was given; owned */
    ebb_id id;                  /* the node of it that bore it */
    int64_t element, iteration; /* iteration -1: of no loop, or on its way back */
} ebb_nan_inside;
/* nan_region.c: goes into a region of s's program. False: no memory. */
bool ebb_nan_enter(const ebb_nan_search *s, ebb_id region, ebb_nan_inside *inside, ebb_diag *diag);
void ebb_nan_free(const ebb_allocator *a, int32_t count, void **data);
/* nan.c: the first node that bore one, by the instrumented variant: its id, and the element in *element; EBB_ABSENT if
 * there is none, EBB_POISON after an error. The values of a node's operands, one by one; NULL: an error is in diag. */
ebb_id ebb_nan_first_born(const ebb_nan_search *s, ebb_graph *variant, int64_t *element, ebb_diag *diag);
void **ebb_nan_operands(const ebb_nan_search *s, ebb_id id, ebb_diag *diag);

bool ebb_any_nan(const ebb_type *type, const void *data);
/* Fills *origin. False: an error is in diag. */
bool ebb_nan_find(const ebb_nan_search *search, ebb_nan_origin *origin, ebb_diag *diag);
/* Fails with EBB_FLOAT_ERROR, which names the origin; false always. */
bool ebb_nan_fail(const ebb_nan_search *search, ebb_diag *diag);

#endif
