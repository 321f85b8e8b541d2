/* flows.h - formulas with branches and loops, each written a second time with what C has instead.
 *
 * `flow` uses ebb_cond, ebb_while, ebb_scan ...; `plain` does the same operations by an if or for of C, whose course is
 * fixed by the numbers in `x`. So values and derivatives of every order must agree, whoever computes them. */
#ifndef EBB_TESTS_FLOWS_H
#define EBB_TESTS_FLOWS_H

#include "frontend/ebb.h"

typedef struct flow_case {
    const char *name;
    ebb_body *flow, *plain; /* one result, f64 */
    int n;
    const char *x[2]; /* literals of the n arguments */
} flow_case;

extern const flow_case flow_cases[];
extern const int flow_case_count;

#endif
