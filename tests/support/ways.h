/* ways.h - the ways in which a program may be compiled, all of which must mean the same: with one optimisation left
 * out, for vectors of another width or an older processor, with results written over parameters. */
#ifndef EBB_TEST_WAYS_H
#define EBB_TEST_WAYS_H

#include "jit/load/load.h"
#include "jit/plan/plan.h"

typedef struct way {
    const char *name;
    uint32_t without; /* steps of the deriving door: for the recorded program (graph.h) */
    ebb_plan_options plan;
    ebb_compile_options compile;
    bool in_place;
} way;

enum { WAYS = 20 };
extern const way ways[WAYS]; /* the first one is the usual one */

ebb_plan *way_plan(const ebb_graph *g, const way *w, ebb_diag *diag); /* NULL: an error */
/* Compiles a program that is ready for it, and calls it; *code is what the call gave. False: an error in diag, which is
 * EBB_UNAVAILABLE where this machine cannot. */
bool way_run(const ebb_graph *g, const way *w, void *const *in, void *const *out, int *code, ebb_diag *diag);

#endif
