/* small_graph.h - one graph and its builder for a test, types written as text, and checks that name what they check. */
#ifndef EBB_TEST_SMALL_GRAPH_H
#define EBB_TEST_SMALL_GRAPH_H

#include "jit/graph/build.h"

extern ebb_diag diag;
extern ebb_graph *graph;
extern ebb_builder *const b; /* of `graph`; what it makes has line 7 */

void small_graph_start(void); /* before a test */
void small_graph_stop(void);  /* after it */

ebb_type type_of_text(const char *text); /* "f32[2,n0]"; anything else before the bracket: no dtype */
ebb_shape shape(const char *text);
const char *text_at(ebb_id id); /* its type; of poison, the error */

ebb_id input(const char *type);
ebb_id number(ebb_dtype d, double v);
ebb_id full(const char *type, double v);
ebb_id vector(ebb_dtype d, int n, const double *v);
#define VECTOR(d, ...) vector(d, (int)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)), (const double[]){__VA_ARGS__})

/* The node is the wanted one; it is an application of the operation. */
void same(ebb_id got, ebb_id want, const char *what, int line);
void is_op(ebb_id got, ebb_op op, const char *what, int line);
#define SAME(got, want) same(got, want, #got, __LINE__)
#define IS_OP(got, name) is_op(got, EBB_OP_##name, #got, __LINE__)

#endif
