/* workloads.c - see workloads.h. */
#include "benchmarks/support/workloads.h"
#include "benchmarks/support/bench.h"

#include <stdlib.h>

/* ---- the programs ---- */

#define BODY(name) static void name(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data)
#define UNUSED (void)ebb, (void)data

BODY(w1) {
    UNUSED;
    ebb_tensor *x = in[0], *y = in[1];
    ebb_tensor *a = ebb_exp(ebb_mul(ebb_sin(x), y));
    ebb_tensor *b = ebb_mul(ebb_log(ebb_add(1, ebb_mul(x, x))), ebb_tanh(y));
    ebb_tensor *c = ebb_sqrt(ebb_add(ebb_add(ebb_mul(x, x), ebb_mul(y, y)), 1));
    out[0] = ebb_add(ebb_add(a, b), c);
}

BODY(w2) {
    UNUSED;
    int64_t n = ebb_dim(in[0], 0);
    ebb_tensor *x = ebb_slice(in[0], (int64_t[]){0}, (int64_t[]){n - 1}, NULL);
    ebb_tensor *next = ebb_slice(in[0], (int64_t[]){1}, (int64_t[]){n}, NULL);
    ebb_tensor *valley = ebb_square(ebb_sub(next, ebb_square(x)));
    out[0] = ebb_sum(ebb_add(ebb_mul(100, valley), ebb_square(ebb_sub(1, x))));
}

BODY(w3) {
    UNUSED;
    ebb_tensor *x = in[0];
    ebb_tensor *a = ebb_mul(ebb_exp(ebb_sin(x)), ebb_tanh(x));
    out[0] = ebb_sum(ebb_add(a, ebb_log(ebb_add(1, ebb_mul(x, x)))));
}

BODY(w4) {
    UNUSED;
    ebb_tensor *z = ebb_matmul(in[1], in[0]);
    out[0] = ebb_mean(ebb_sub(ebb_softplus(z), ebb_mul(in[2], z)));
}

BODY(w9) {
    UNUSED;
    ebb_tensor *x = in[0];
    out[0] = ebb_tanh(ebb_mul(ebb_sin(x), ebb_exp(ebb_neg(ebb_mul(x, x)))));
}

BODY(w10) {
    (void)ebb;
    ebb_tensor *y = in[0];
    for (int k = *(const int *)data; k > 0; k--)
        y = ebb_add(ebb_add(ebb_mul(ebb_sin(y), 0.5), ebb_mul(in[0], y)), 0.1);
    out[0] = y;
}

static ebb_function *named(ebb_context *ebb, ebb_body *body, const char *name) {
    return ebb_function_new(ebb, body, &(ebb_function_options){.name = name});
}

ebb_function *w1_function(ebb_context *ebb) { return named(ebb, w1, "w1"); }
ebb_function *w2_function(ebb_context *ebb) { return named(ebb, w2, "w2"); }
ebb_function *w3_function(ebb_context *ebb) { return named(ebb, w3, "w3"); }
ebb_function *w4_function(ebb_context *ebb) { return named(ebb, w4, "w4"); }
ebb_function *w9_function(ebb_context *ebb) { return named(ebb, w9, "w9"); }
ebb_function *w10_function(ebb_context *ebb, const int *steps) {
    return ebb_function_new(ebb, w10, &(ebb_function_options){.name = "w10", .data = (void *)steps});
}

/* ---- the data ---- */

/* by * uniform(seed, n) - less */
static double *stream(uint64_t seed, int64_t n, double by, double less) {
    double *x = malloc((size_t)n * sizeof *x);
    if (!x) exit(1);
    bench_uniform(seed, n, x);
    for (int64_t i = 0; i < n; i++)
        x[i] = by * x[i] - less;
    return x;
}

double *w2_point(int64_t n) { return stream(1, n, 2, 1); }
double *w2_direction(int64_t n) { return stream(2, n, 1, 0); }
double *w3_point(void) { return stream(3, W3_N, 4, 2); }
double *w3_direction(void) { return stream(4, W3_N, 1, 0); }
double *w4_rows(void) { return stream(5, (int64_t)W4_N * W4_D, 1, 0.5); }
double *w4_weights(void) { return stream(6, W4_D, 1, 0.5); }
double *w4_direction(void) { return stream(2, W4_D, 1, 0); }
double *w9_points(void) { return stream(13, W9_N, 1, 0); }

double *w4_labels(void) {
    double *y = stream(7, W4_N, 1, 0);
    for (int i = 0; i < W4_N; i++)
        y[i] = y[i] < 0.5;
    return y;
}

ebb_tensor *workload_tensor(ebb_context *ebb, double *data, int rank, const int64_t *shape) {
    ebb_tensor *x = ebb_constant(ebb, EBB_F64, rank, shape, data);
    free(data);
    return x;
}
