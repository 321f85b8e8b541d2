/* engines.h - one program run by both engines: the evaluator and compiled code.
 *
 * Record into `graph`, with inputs from engines_input; engines_expand if derivatives are to be added; add outputs; then
 * engines_compile once and engines_run as often as the inputs change. Buffers lie at odd addresses of their element
 * size, between guards: compiled code that needs alignment or writes beyond a tail is caught. That native code is there
 * is asserted: nothing falls back to the evaluator. */
#ifndef EBB_TEST_ENGINES_H
#define EBB_TEST_ENGINES_H

#include "jit/graph/graph.h"
#include "jit/load/load.h"
#include "tests/ref/quad_ops.h"

enum { EVALUATOR, NATIVE, ENGINES };
extern const char *const engine_name[ENGINES];

typedef struct engines {
    ebb_diag diag;
    ebb_graph *graph;
    ebb_executable *native;
    void **in, **out[ENGINES], *work;
    int inputs;
    bool no_code; /* set it to have the evaluator alone: quick where many programs are tried */
} engines;

void engines_start(engines *e, const char *name);
void engines_stop(engines *e);
void engines_take(engines *e, ebb_graph *g);     /* g, which is given up, is the program; with its inputs and outputs */
ebb_id engines_input(engines *e, ebb_type type); /* parameter number e->inputs - 1 */
ebb_id *engines_expand(engines *e);              /* the new id of each old node; free() it */
int engines_output(engines *e, ebb_id id);       /* its number */
void engines_compile(engines *e);

void engines_set(engines *e, int input, const quad_tensor *value);
int engines_code(engines *e, int engine); /* runs one engine: its error code */
void engines_run(engines *e);             /* runs both; fails the test if one fails */
int engines_there(const engines *e);      /* how many of them there are: EVALUATOR, or both */
/* Element k of a result; of an absent one, 0. */
quad engines_get(const engines *e, int engine, int output, int64_t k);

#endif
