/* nan.h - where a NaN was born: what nan.c offers to functions and tapes. */
#ifndef EBB_NAN_H
#define EBB_NAN_H

#include "frontend/trace.h"

/* A program that ran, and the values that it ran on. */
typedef struct ebb_nan_search {
    ebb_context *ebb;
    const char *name;
    ebb_graph *graph;             /* expanded; of concrete sizes */
    const ebb_concrete *concrete; /* of a function: its parameters are in concrete->in */
    ebb_mode mode;
    ebb_tensor *const *value; /* of a tape: [graph->count] what is known, the parameters at least */
    bool infinite;            /* infinities count too */
} ebb_nan_search;

bool ebb_any_nan(const ebb_type *type, const void *data);
/* Fills *origin. False: an error is in diag. */
bool ebb_nan_find(const ebb_nan_search *search, ebb_nan_origin *origin, ebb_diag *diag);
/* Fails with EBB_FLOAT_ERROR, which names the origin; false always. */
bool ebb_nan_fail(const ebb_nan_search *search, ebb_diag *diag);

#endif
