/* region_numbers.h - numbers for the programs of region_programs.h and what is made of them, and running these. */
#ifndef EBB_TEST_REGION_NUMBERS_H
#define EBB_TEST_REGION_NUMBERS_H

#include "jit/graph/graph.h"
#include "tests/support/region_programs.h"

enum { MOST = 60, ROOM = 400 }; /* parameters and results; elements of one */

typedef struct numbers {
    double room[MOST][ROOM];
    double *at[MOST];
} numbers;

/* Every element of each parameter, between 0.3 and 0.9; what is not float as p says. */
void fill_numbers(const ebb_graph *g, const region_program *p, numbers *in);
void run_numbers(const ebb_graph *g, numbers *in, numbers *out, const char *what);

#endif
