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

/* ---- W7, of d variables ---- */

/* (x [d], a weight and a bias for each layer) -> u [] */
BODY(network) {
    UNUSED;
    ebb_tensor *y = in[0];
    for (int k = 0; k < 3; k++) {
        y = ebb_add(ebb_matmul(y, in[1 + 2 * k]), in[2 + 2 * k]);
        if (k < 2) y = ebb_tanh(y);
    }
    out[0] = ebb_sum(y);
}

/* Calls f with the network's arguments, then with `more` times e. */
static void call_all(ebb_function *f, ebb_tensor *const *in, int more, ebb_tensor *e, int results, ebb_tensor **out) {
    ebb_operand arg[9];
    for (int k = 0; k < 7 + more; k++)
        arg[k] = ebb_operand_tensor(k < 7 ? in[k] : e);
    ebb_call_n(f, 7 + more, arg, results, out);
}

/* The second derivative at one point x along e: (x, weights and biases, e [d]) -> []; data: u. */
BODY(along_by_dual_numbers) {
    (void)ebb;
    ebb_tensor *y[4];
    call_all(ebb_jvp(ebb_jvp(data, NULL), NULL), in, 2, in[7], 4, y);
    out[0] = y[3];
}

/* The derivative of f along e, by its gradient. */
static ebb_tensor *slope_of(ebb_function *f, ebb_tensor *const *in, int more) {
    ebb_tensor *gradient;
    call_all(ebb_grad(f, NULL), in, more, in[7], 1, &gradient);
    return ebb_sum(ebb_mul(gradient, in[7]));
}
BODY(slope) {
    (void)ebb;
    out[0] = slope_of(data, in, 0);
}
BODY(along_by_gradients) {
    out[0] = slope_of(ebb_function_new(ebb, slope, &(ebb_function_options){.name = "slope", .data = data}), in, 1);
}

/* u_xx + u_yy + ... at one point; data: the second derivative along e. */
BODY(along_all_axes) {
    static const int axes[8] = {EBB_SAME, EBB_SAME, EBB_SAME, EBB_SAME, EBB_SAME, EBB_SAME, EBB_SAME, 0};
    const int64_t d = ebb_dim(in[0], 0);
    ebb_tensor *second, *e = ebb_one_hot(ebb_range(ebb, EBB_I64, d), d, EBB_F64);
    call_all(ebb_vmap(data, &(ebb_vmap_options){.in_axes = axes, .arguments = 8}), in, 1, e, 1, &second);
    out[0] = ebb_sum(second);
}

/* The same; data: u. */
BODY(by_hessian) {
    (void)ebb;
    ebb_tensor *h;
    call_all(ebb_hessian(data, NULL), in, 0, NULL, 1, &h);
    out[0] = ebb_sum(ebb_diag_part(h));
}
BODY(by_laplacian) {
    (void)ebb;
    ebb_tensor *y[2];
    call_all(ebb_laplacian(data, NULL), in, 0, NULL, 2, y);
    out[0] = y[1];
}

/* data: the Laplacian of many points. */
BODY(w7) {
    (void)ebb;
    ebb_tensor *s = ebb_sin(ebb_mul(3.14159265358979323846, in[0])), *f = ebb_prod_over(s, EBB_AXES(1), false);
    ebb_tensor *laplacian;
    call_all(data, in, 0, NULL, 1, &laplacian);
    out[0] = ebb_mean(ebb_square(ebb_sub(laplacian, f)));
}

const char *const w7_road_name[W7_ROADS] = {"ebb_laplacian", "dual numbers of dual numbers", "gradients of gradients",
                                            "Hessian"};

static ebb_function *named(ebb_context *ebb, ebb_body *body, const char *name) {
    return ebb_function_new(ebb, body, &(ebb_function_options){.name = name});
}

ebb_function *w1_function(ebb_context *ebb) { return named(ebb, w1, "w1"); }
ebb_function *w2_function(ebb_context *ebb) { return named(ebb, w2, "w2"); }
ebb_function *w3_function(ebb_context *ebb) { return named(ebb, w3, "w3"); }
ebb_function *w4_function(ebb_context *ebb) { return named(ebb, w4, "w4"); }
static ebb_function *named_of(ebb_context *ebb, ebb_body *body, const char *name, ebb_function *f) {
    return ebb_function_new(ebb, body, &(ebb_function_options){.name = name, .data = f});
}

/* f of one point x for many points. */
static ebb_function *of_points(ebb_function *f) {
    static const int first = 0;
    return ebb_vmap(f, &(ebb_vmap_options){.in_axes = &first, .arguments = 1});
}

static ebb_function *along(ebb_context *ebb, w7_road road) {
    return named_of(ebb, road == W7_DUAL_NUMBERS ? along_by_dual_numbers : along_by_gradients, "along",
                    named(ebb, network, "u"));
}

ebb_function *w7_along(ebb_context *ebb, w7_road road) { return of_points(along(ebb, road)); }

ebb_function *w7_function(ebb_context *ebb, w7_road road) {
    bool whole = road == W7_LAPLACIAN || road == W7_HESSIAN;
    ebb_body *body = road == W7_LAPLACIAN ? by_laplacian : road == W7_HESSIAN ? by_hessian : along_all_axes;
    ebb_function *f = whole ? named(ebb, network, "u") : along(ebb, road);
    return named_of(ebb, w7, "w7", of_points(named_of(ebb, body, "laplacian", f)));
}
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

/* The weights are one stream. */
void w7_arguments(ebb_context *ebb, int64_t d, ebb_operand in[7]) {
    const int64_t size[3][2] = {{d, W7_WIDTH}, {W7_WIDTH, W7_WIDTH}, {W7_WIDTH, 1}};
    double *all = stream(11, d * W7_WIDTH + W7_WIDTH * W7_WIDTH + W7_WIDTH, 1, 0.5), *from = all;
    in[0] = ebb_operand_tensor(workload_tensor(ebb, stream(12, W7_N * d, 1, 0), 2, (int64_t[]){W7_N, d}));
    for (int k = 0; k < 3; from += size[k][0] * size[k][1], k++) {
        in[1 + 2 * k] = ebb_operand_tensor(ebb_constant(ebb, EBB_F64, 2, size[k], from));
        in[2 + 2 * k] = ebb_operand_tensor(ebb_zeros(ebb, EBB_F64, 1, &size[k][1]));
    }
    free(all);
}
