/* bench_pinn.c - W7, a network u(x, y) trained on Poisson's equation at 1024 points: the loss, which has second
 * derivatives of u in it, and its gradient in the weights; by ebb_laplacian, and by first derivatives nested. */
#include "benchmarks/support/bench.h"
#include "benchmarks/support/native.h"
#include "benchmarks/support/workloads.h"

#include <math.h>
#include <stdio.h>

/* As PINNs are mostly written: three tapes, one in the other, operation by operation. */
static ebb_tensor *network(ebb_tensor *const *in) {
    ebb_tensor *y = in[0];
    for (int k = 0; k < 3; k++) {
        y = ebb_add(ebb_matmul(y, in[1 + 2 * k]), in[2 + 2 * k]);
        if (k < 2) y = ebb_tanh(y);
    }
    return y;
}

/* Column k of x [n,2]. */
static ebb_tensor *column(ebb_tensor *x, int64_t k) {
    return ebb_slice(x, ((int64_t[]){0, k}), ((int64_t[]){W7_N, k + 1}), NULL);
}

static void by_tapes(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)data;
    ebb_tape *weights = ebb_tape_start(ebb, EBB_TAPE_MANUAL), *outer = ebb_tape_start(ebb, EBB_TAPE_PERSISTENT),
             *inner = ebb_tape_start(ebb, EBB_TAPE_MANUAL);
    for (int k = 1; k < 7; k++)
        ebb_watch(weights, in[k]);
    ebb_watch(outer, in[0]);
    ebb_watch(inner, in[0]);
    ebb_tensor *u = ebb_sum(network(in)), *slope = ebb_gradient(inner, u, in[0]), *second[2], *f[2];
    for (int k = 0; k < 2; k++) {
        second[k] = column(ebb_gradient(outer, ebb_sum(column(slope, k)), in[0]), k);
        f[k] = ebb_sin(ebb_mul(3.14159265358979323846, column(in[0], k)));
    }
    ebb_tape_stop(outer);
    out[0] = ebb_mean(ebb_square(ebb_sub(ebb_add(second[0], second[1]), ebb_mul(f[0], f[1]))));
    ebb_gradients(weights, 1, &out[0], 6, in + 1, out + 1, &(ebb_gradient_options){.zeros = true});
}

/* The sum and the 2-norm of the gradient in all weights and biases. */
static void norms(const native *n, double *sum, double *norm) {
    static const int64_t size[6] = {2 * W7_WIDTH, W7_WIDTH, W7_WIDTH * W7_WIDTH, W7_WIDTH, W7_WIDTH, 1};
    double s = 0, q = 0;
    for (int k = 0; k < 6; k++)
        for (int64_t i = 0; i < size[k]; i++) {
            double g = ((const double *)n->out[1 + k])[i];
            s += g, q += g * g;
        }
    *sum = s;
    *norm = sqrt(q);
}

int main(void) {
    ebb_context *ebb = ebb_open(&(ebb_options){.mode = EBB_NATIVE});
    ebb_operand in[7];
    w7_arguments(ebb, 2, in);
    native loss[W7_ROADS], gradient[W7_ROADS];
    for (int k = 0; k < W7_ROADS; k++) {
        double sum, norm;
        ebb_function *f = w7_function(ebb, (w7_road)k);
        loss[k] = native_new(ebb, f, 7, in);
        gradient[k] = native_new(ebb, ebb_value_and_grad(f, EBB_WRT(1, 2, 3, 4, 5, 6)), 7, in);
        native_call(&gradient[k]);
        norms(&gradient[k], &sum, &norm);
        printf("W7 by %s: loss %.12g, gradient %.12g, %.12g\n", w7_road_name[k], native_item(&gradient[k], 0), sum,
               norm);
    }
    bench_yardsticks();
    bench_title("W7, the residual of Poisson's equation, 2-64-64-1 at 1024 points, f64", "nested");
    for (int k = 1; k < W7_ROADS; k++) {
        char what[96];
        snprintf(what, sizeof what, "loss, against %s", w7_road_name[k]);
        bench_row(what, bench_pair(native_call, &loss[0], native_call, &loss[k]), "", true);
        snprintf(what, sizeof what, "loss+gradient, against %s", w7_road_name[k]);
        bench_row(what, bench_pair(native_call, &gradient[0], native_call, &gradient[k]), "", true);
    }
    ebb_function *tapes =
        ebb_function_new(ebb, by_tapes, &(ebb_function_options){.name = "tapes", .results = 7, .mode = EBB_EAGER});
    comfortable nested = {ebb, tapes, 7, in};
    bench_row("loss+gradient, against nested tapes, eager",
              bench_pair(native_call, &gradient[0], comfortable_call, &nested), "", true);
    native traced =
        native_new(ebb, ebb_function_new(ebb, by_tapes, &(ebb_function_options){.name = "tapes", .results = 7}), 7, in);
    bench_row("loss+gradient, against nested tapes, compiled",
              bench_pair(native_call, &gradient[0], native_call, &traced), "", true);
    native_free(&traced);
    int code = ebb_ok(ebb) ? 0 : 1;
    if (code) fprintf(stderr, "%s\n", ebb_error(ebb));
    for (int k = 0; k < W7_ROADS; k++)
        native_free(&loss[k]), native_free(&gradient[k]);
    ebb_close(ebb);
    return code;
}
