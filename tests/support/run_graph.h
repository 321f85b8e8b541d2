/* run_graph.h - runs a program on plain numbers with the evaluator: doubles in, doubles out, whatever the dtypes are.
 */
#ifndef EBB_TEST_RUN_GRAPH_H
#define EBB_TEST_RUN_GRAPH_H

#include "jit/graph/build.h"

/* in[k]: the elements of parameter k, row-major, converted to its dtype; out[j]: room for result j, NULL if unwanted;
 * absent results are left alone. False: the evaluator's error is in diag. */
bool run_graph(const ebb_graph *g, const double *const *in, double *const *out, ebb_diag *diag);

/* The same as native code. */
bool run_graph_natively(const ebb_graph *g, const double *const *in, double *const *out, ebb_diag *diag);

int64_t size_of_node(const ebb_graph *g, ebb_id id);

/* n numbers of the splitmix64 stream `seed` (workloads: uniform(seed, n)), scaled to [low, high). */
void fill_uniform(uint64_t seed, double low, double high, int64_t n, double *out);

#endif
