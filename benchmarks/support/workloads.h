/* workloads.h - the programs that systems are compared by, and their data: what benchmarks time and tests check.
 *
 * W1  exp(sin(x) y) + log(1 + x^2) tanh(y) + sqrt(x^2 + y^2 + 1)      two scalars
 * W2  sum of 100 (x[i+1] - x[i]^2)^2 + (1 - x[i])^2                    Rosenbrock's function
 * W3  sum of exp(sin(x)) tanh(x) + log(1 + x^2)                        element by element
 * W4  mean of log(1 + e^z) - y z, z = X w                              logistic regression
 * W7  mean of (u_xx + u_yy - sin(pi x) sin(pi y))^2                   u a network 2-64-64-1, tanh, at many points
 * W9  tanh(sin(x) exp(-x^2))                                           its Taylor series
 * W10 k times y = sin(y)/2 + x y + 0.1                                 a long program of scalars
 * Everything is f64; data comes from the splitmix64 streams of bench_uniform. */
#ifndef EBB_WORKLOADS_H
#define EBB_WORKLOADS_H

#include "frontend/ebb.h"

/* Functions of the context. The arguments: W1 (x [], y []); W2 (x [n]); W3 (x [n]); W4 (w [d], X [n,d], y [n]);
 * W7 (points [n,2]; weight and bias of each layer); W9 (x [...]); W10 (x []), `steps` times. */
ebb_function *w1_function(ebb_context *ebb);
ebb_function *w2_function(ebb_context *ebb);
ebb_function *w3_function(ebb_context *ebb);
ebb_function *w4_function(ebb_context *ebb);
/* How W7 gets its second derivatives: by ebb_laplacian, by dual numbers of dual numbers, by gradients of gradients, or
 * from the Hessian; in one program. */
typedef enum w7_road { W7_LAPLACIAN, W7_DUAL_NUMBERS, W7_GRADIENTS, W7_HESSIAN, W7_ROADS } w7_road;
extern const char *const w7_road_name[W7_ROADS];
ebb_function *w7_function(ebb_context *ebb, w7_road road);
/* One of them, for who shares nothing among them: (W7's arguments, a direction e [d]) -> [n], of u along e at the
 * points; by dual numbers or gradients. */
ebb_function *w7_along(ebb_context *ebb, w7_road road);
ebb_function *w9_function(ebb_context *ebb);
ebb_function *w10_function(ebb_context *ebb, const int *steps); /* borrowed */

enum { W3_N = 1000000, W4_N = 10000, W4_D = 100, W7_N = 1024, W7_WIDTH = 64, W9_N = 100000 };

/* The numbers themselves, malloc'ed; the program ends without memory. */
double *w2_point(int64_t n);     /* [n] */
double *w2_direction(int64_t n); /* [n] */
double *w3_point(void);          /* [W3_N] */
double *w3_direction(void);      /* [W3_N] */
double *w4_rows(void);           /* [W4_N, W4_D] */
double *w4_weights(void);        /* [W4_D] */
double *w4_labels(void);         /* [W4_N] */
double *w4_direction(void);      /* [W4_D] */
double *w9_points(void);         /* [W9_N] */

/* data as a tensor, a temporary; frees data. */
ebb_tensor *workload_tensor(ebb_context *ebb, double *data, int rank, const int64_t *shape);

/* W7's arguments for a network of d variables, of which it has 2: points [W7_N,d]; weights [d,W7_WIDTH],
 * [W7_WIDTH,W7_WIDTH], [W7_WIDTH,1], a bias of zeros behind each. */
void w7_arguments(ebb_context *ebb, int64_t d, ebb_operand in[7]);

#endif
