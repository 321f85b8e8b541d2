/* bench_planner.c - what the planner thinks that roads cost, against what they cost: each road to a dozen derivatives
 * is compiled and timed. The work is in additions; a column says how many nanoseconds one of them took, which would be
 * the same everywhere if the estimates were perfect. What counts is that the road taken is the fastest, or nearly. */
#include "benchmarks/support/bench.h"
#include "benchmarks/support/native.h"
#include "benchmarks/support/workloads.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the derivatives ---- */

static ebb_function *jacobian(ebb_function *f, const ebb_wrt *wrt) { return ebb_jacobian_of(f, wrt, EBB_CHEAPER); }

static const struct {
    const char *what, *formula; /* of x, and of w, which is not differentiated */
    ebb_function *(*derive)(ebb_function *f, const ebb_wrt *wrt);
    int64_t x, w[2]; /* sizes; 0: a scalar, none */
} rows[] = {
    {"Jacobian 1000 -> 1", "sum(tanh(x)*x)", jacobian, 1000, {0}},
    {"Jacobian 1 -> 1000", "sin(x*w)", jacobian, 0, {1000, 0}},
    {"Jacobian 200 -> 200, by element", "exp(sin(x))*x", jacobian, 200, {0}},
    {"Jacobian 200 -> 10, a layer", "tanh(dot(w,x))", jacobian, 200, {10, 200}},
    {"Jacobian 10 -> 200, a layer", "tanh(dot(w,x))", jacobian, 10, {200, 10}},
    {"Jacobian 60 -> 60, two layers", "tanh(dot(w,tanh(dot(w,x))))", jacobian, 60, {60, 60}},
    {"gradient of 1", "exp(sin(x)*x)*tanh(x)", ebb_grad, 0, {0}},
    {"gradient of 1000", "sum(exp(sin(x))*tanh(x))", ebb_grad, 1000, {0}},
    {"Hessian of 1", "exp(sin(x)*x)*tanh(x)", ebb_hessian, 0, {0}},
    {"Hessian of 10", "sum(exp(x)*x)*sum(x*x)", ebb_hessian, 10, {0}},
    {"Hessian of 100, a layer", "sum(tanh(dot(w,x)))", ebb_hessian, 100, {50, 100}},
    {"diagonal of 1000, by element", "sum(exp(sin(x))*tanh(x))", ebb_hessian_diagonal, 1000, {0}},
    {"diagonal of 100, a layer", "sum(tanh(dot(w,x)))", ebb_hessian_diagonal, 100, {50, 100}},
    {"Laplacian of 10, two layers", "sum(tanh(dot(w,tanh(dot(w,x)))))", ebb_laplacian, 10, {10, 10}},
};
enum { ROWS = sizeof rows / sizeof *rows };

static ebb_tensor *numbers(ebb_context *ebb, uint64_t seed, int64_t a, int64_t b) {
    int64_t shape[] = {a, b}, size = (a ? a : 1) * (b ? b : 1);
    double *x = malloc((size_t)size * sizeof *x);
    if (!x) exit(1);
    bench_uniform(seed, size, x);
    return workload_tensor(ebb, x, !!a + !!b, shape);
}

/* ---- one derivative, all roads ---- */

/* Seconds of a raw call. */
static double time_of(ebb_context *ebb, int row, ebb_function *f, const char *road, int nin, const ebb_operand *in) {
    ebb_function *derived = rows[row].derive(f, NULL);
    ebb_set_road(derived, road, 0);
    native n = native_new(ebb, derived, nin, in);
    double seconds = bench_pair(native_call, &n, NULL, NULL).ours;
    native_free(&n);
    return seconds;
}

/* How much longer the road that is taken takes than the fastest; 0: it is the only one that could be timed. */
static double run(ebb_context *ebb, int row) {
    ebb_function *f = ebb_expression(ebb, rows[row].formula, rows[row].w[0] ? 2 : 1, (const char *[]){"x", "w"});
    const ebb_operand in[] = {EBB_OPERAND(numbers(ebb, 1, rows[row].x, 0)),
                              EBB_OPERAND(numbers(ebb, 2, rows[row].w[0], rows[row].w[1]))};
    int nin = rows[row].w[0] ? 2 : 1;
    ebb_explanation e = ebb_explain_n(rows[row].derive(f, NULL), nin, in);
    double taken = 0, fastest = INFINITY;
    int timed = 0;
    for (int k = 0; k < e.roads; k++) {
        char text[32];
        if (*e.road[k].refusal) {
            printf("| %s | %s | cannot be | | | |\n", rows[row].what, e.road[k].road);
            continue;
        }
        double seconds = time_of(ebb, row, f, e.road[k].road, nin, in), work = e.road[k].work;
        printf("| %s | %s%s | %.3g | %s | %.3f | |\n", rows[row].what, e.road[k].road, k == e.chosen ? " *" : "", work,
               bench_time(seconds, text), seconds * 1e9 / work);
        if (k == e.chosen) taken = seconds;
        fastest = fmin(fastest, seconds);
        timed++;
    }
    fflush(stdout);
    return timed > 1 ? taken / fastest : 0;
}

int main(void) {
    ebb_context *ebb = ebb_open(&(ebb_options){.mode = EBB_NATIVE});
    int right = 0, compared = 0;
    double worst = 1;
    bench_yardsticks();
    printf("\n### The planner's estimates\n\n| derivative | road (*: taken) | work | ebb | ns per unit | |\n"
           "|---|---|---|---|---|---|\n");
    for (int i = 0; i < ROWS; i++)
        EBB_SCOPE (ebb) {
            double slower = run(ebb, i);
            compared += slower > 0;
            right += slower > 0 && slower < 1.1;
            if (slower > worst) worst = slower;
        }
    printf("\nOf %d derivatives %d have more than one road that could be timed: the fastest, or one within a tenth of "
           "it, is "
           "taken in %d of these; at worst %.2f times its time.\n",
           (int)ROWS, compared, right, worst);
    int code = ebb_ok(ebb) ? 0 : 1;
    if (code) fprintf(stderr, "%s\n", ebb_error(ebb));
    ebb_close(ebb);
    return code;
}
