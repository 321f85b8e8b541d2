/* bench_pinn.c - W7, a network u(x, y) trained on Poisson's equation at 1024 points: the loss, which has second
 * derivatives of u in it, and its gradient in the weights; the same in 10 and 50 variables. By ebb_laplacian, against
 * the forward Laplacian by hand and against first derivatives nested: in one compiled program, each second derivative
 * as a compiled function of its own, operation by operation under tapes, and in torch where Debian's python3-torch is.
 *
 * Start reading at compare. */
#include "benchmarks/support/bench.h"
#include "benchmarks/support/native.h"
#include "benchmarks/support/poisson.h"
#include "benchmarks/support/workloads.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { PARAMETERS = 7, MOST_D = 64 };

static ebb_context *ebb;
static ebb_operand in[PARAMETERS];
static int64_t d;

/* ---- as PINNs are mostly written: three tapes, one in the other, operation by operation ---- */

static ebb_tensor *network(ebb_tensor *const *x) {
    ebb_tensor *y = x[0];
    for (int k = 0; k < 3; k++) {
        y = ebb_add(ebb_matmul(y, x[1 + 2 * k]), x[2 + 2 * k]);
        if (k < 2) y = ebb_tanh(y);
    }
    return y;
}

/* Column k of x [n,d]. */
static ebb_tensor *column(ebb_tensor *x, int64_t k) {
    return ebb_slice(x, ((int64_t[]){0, k}), ((int64_t[]){W7_N, k + 1}), NULL);
}

/* The mean square of the sum of second derivatives [n] less the product of sines. */
static ebb_tensor *residual(ebb_tensor *second, ebb_tensor *points) {
    ebb_tensor *f = ebb_prod_over(ebb_sin(ebb_mul(3.14159265358979323846, points)), EBB_AXES(1), false);
    return ebb_mean(ebb_square(ebb_sub(second, f)));
}

static void by_tapes(ebb_context *context, ebb_tensor *const *x, ebb_tensor **out, void *data) {
    (void)data;
    ebb_tape *weights = ebb_tape_start(context, EBB_TAPE_MANUAL), *outer = ebb_tape_start(context, EBB_TAPE_PERSISTENT),
             *inner = ebb_tape_start(context, EBB_TAPE_MANUAL);
    for (int k = 1; k < PARAMETERS; k++)
        ebb_watch(weights, x[k]);
    ebb_watch(outer, x[0]);
    ebb_watch(inner, x[0]);
    ebb_tensor *slope = ebb_gradient(inner, ebb_sum(network(x)), x[0]), *sum = NULL;
    for (int64_t k = 0; k < d; k++) {
        ebb_tensor *second = column(ebb_gradient(outer, ebb_sum(column(slope, k)), x[0]), k);
        sum = sum ? ebb_add(sum, second) : second;
    }
    ebb_tape_stop(outer);
    out[0] = residual(ebb_reshape(sum, EBB_SHAPE(W7_N)), x[0]);
    ebb_gradients(weights, 1, &out[0], PARAMETERS - 1, x + 1, out + 1, &(ebb_gradient_options){.zeros = true});
}

/* ---- each second derivative by itself, compiled, and nothing shared between them ---- */

static double axes[MOST_D * MOST_D], total[W7_N], gradients[MOST_D * W7_WIDTH + W7_WIDTH * W7_WIDTH];
typedef struct apart {
    native second, pullback, loss; /* of one direction, which is a parameter; of the sum of second derivatives */
} apart;

static void of_sum(ebb_context *context, ebb_tensor *const *x, ebb_tensor **out, void *data) {
    (void)context, (void)data;
    out[0] = residual(x[0], x[1]);
}

static apart apart_new(w7_road road) {
    ebb_operand arg[PARAMETERS + 2];
    for (int k = 0; k < PARAMETERS; k++)
        arg[k] = in[k];
    arg[PARAMETERS] = ebb_operand_tensor(ebb_zeros(ebb, EBB_F64, EBB_SHAPE(d)));
    arg[PARAMETERS + 1] = ebb_operand_tensor(ebb_zeros(ebb, EBB_F64, EBB_SHAPE(W7_N)));
    ebb_function *f = w7_along(ebb, road), *sum = ebb_function_new(ebb, of_sum, NULL);
    apart a = {native_new(ebb, f, PARAMETERS + 1, arg),
               native_new(ebb, ebb_vjp(f, EBB_WRT(1, 2, 3, 4, 5, 6)), PARAMETERS + 2, arg),
               native_new(ebb, ebb_value_and_grad(sum, NULL), 2, (ebb_operand[]){arg[PARAMETERS + 1], in[0]})};
    a.loss.in[0] = total;
    a.pullback.in[PARAMETERS + 1] = a.loss.out[1];
    return a;
}

static void apart_free(apart *a) { native_free(&a->second), native_free(&a->pullback), native_free(&a->loss); }

static void add(double *sum, const double *x, int64_t n, bool first) {
    for (int64_t i = 0; i < n; i++)
        sum[i] = first ? x[i] : sum[i] + x[i];
}

/* The gradient in the weights of the first two layers; the others are a few numbers. */
static void run_apart(void *data) {
    apart *a = data;
    for (int64_t k = 0; k < d; k++) {
        a->second.in[PARAMETERS] = axes + k * d;
        native_call(&a->second);
        add(total, a->second.out[0], W7_N, k == 0);
    }
    native_call(&a->loss);
    for (int64_t k = 0; k < d; k++) {
        a->pullback.in[PARAMETERS] = axes + k * d;
        native_call(&a->pullback);
        add(gradients, a->pullback.out[1], d * W7_WIDTH, k == 0);
        add(gradients + d * W7_WIDTH, a->pullback.out[3], W7_WIDTH * W7_WIDTH, k == 0);
    }
}

/* ---- torch ---- */

static const char torch_program[] =
    "import math, torch, time, statistics\n"
    "torch.set_num_threads(1); torch.set_default_dtype(torch.float64)\n"
    "D = %d\n"
    "W = [(torch.rand(a, b) - 0.5).requires_grad_() for a, b in ((D, 64), (64, 64), (64, 1))]\n"
    "B = [torch.zeros(n).requires_grad_() for n in (64, 64, 1)]\n"
    "X = torch.rand(1024, D)\n"
    "def run():\n"
    "    x = X.clone().requires_grad_(); u = x\n"
    "    for k in range(3):\n"
    "        u = u @ W[k] + B[k]\n"
    "        if k < 2: u = torch.tanh(u)\n"
    "    g, = torch.autograd.grad(u.sum(), x, create_graph=True)\n"
    "    l = sum(torch.autograd.grad(g[:, k].sum(), x, create_graph=True)[0][:, k] for k in range(D))\n"
    "    loss = ((l - torch.sin(math.pi * X).prod(1)) ** 2).mean()\n"
    "    return torch.autograd.grad(loss, W + B, allow_unused=True)\n"
    "run(); t = []\n"
    "for i in range(15):\n"
    "    s = time.process_time(); run(); t.append(time.process_time() - s)\n"
    "print(statistics.median(t))\n";

static double torch_seconds(void) {
    char program[sizeof torch_program + 16];
    double seconds;
    snprintf(program, sizeof program, torch_program, (int)d);
    bench_torch(program, 1, &seconds);
    return seconds;
}

/* ---- the tables ---- */

/* The sum and the 2-norm of a gradient in all weights and biases. */
static void print_numbers(const char *road, double loss, double *const *out) {
    const int64_t size[PARAMETERS] = {0, d * W7_WIDTH, W7_WIDTH, W7_WIDTH * W7_WIDTH, W7_WIDTH, W7_WIDTH, 1};
    double sum = 0, squares = 0;
    for (int k = 1; k < PARAMETERS; k++)
        for (int64_t i = 0; i < size[k]; i++)
            sum += out[k][i], squares += out[k][i] * out[k][i];
    printf("%d variables, %s: loss %.12g, gradient %.12g, %.12g\n", (int)d, road, loss, sum, sqrt(squares));
}

static void row(const char *what, const char *road, native *ours, bench_work *other, void *data) {
    char text[96];
    bool asked = d == 2 && other != poisson_loss && other != poisson_gradient;
    snprintf(text, sizeof text, "%s, against %s", what, road);
    bench_result r = bench_pair(native_call, ours, other, data);
    bench_row(text, r, asked ? "0.25" : "", r.ratio <= 0.25);
}

static void against_hand(native *loss, native *gradient) {
    char title[64];
    const double *data[PARAMETERS];
    snprintf(title, sizeof title, "W7 in %d variables, f64, raw calls", (int)d);
    for (int k = 0; k < PARAMETERS; k++)
        data[k] = ebb_data(in[k].tensor);
    poisson hand = poisson_new(W7_N, d, data);
    poisson_gradient(&hand);
    print_numbers("by hand", hand.loss, hand.out);
    bench_yardsticks();
    bench_title(title, "the other");
    row("loss", "C by hand", loss, poisson_loss, &hand);
    row("loss+gradient", "C by hand", gradient, poisson_gradient, &hand);
    poisson_free(&hand);
}

static void against_one_program(native *loss, native *gradient, w7_road road) {
    native other = native_new(ebb, w7_function(ebb, road), PARAMETERS, in);
    row("loss", w7_road_name[road], loss, native_call, &other);
    native_free(&other);
    other = native_new(ebb, ebb_value_and_grad(w7_function(ebb, road), EBB_WRT(1, 2, 3, 4, 5, 6)), PARAMETERS, in);
    row("loss+gradient", w7_road_name[road], gradient, native_call, &other);
    native_free(&other);
}

static void against_apart(native *gradient, w7_road road) {
    char text[64];
    apart a = apart_new(road);
    snprintf(text, sizeof text, "%s, one by one", w7_road_name[road]);
    row("loss+gradient", text, gradient, run_apart, &a);
    apart_free(&a);
}

static void against_eager(native *gradient) {
    ebb_function *tapes = ebb_function_new(
        ebb, by_tapes, &(ebb_function_options){.name = "tapes", .results = PARAMETERS, .mode = EBB_EAGER});
    comfortable nested = {ebb, tapes, PARAMETERS, in};
    row("loss+gradient", "nested tapes, eager", gradient, comfortable_call, &nested);
    bench_result r = bench_pair(native_call, gradient, NULL, NULL);
    r.other = torch_seconds();
    if (r.other > 0) r.ratio = r.low = r.high = r.ours / r.other;
    const char *what = r.other > 0 ? "loss+gradient, against torch" : "loss+gradient (torch is not installed)";
    bench_row(what, r, d == 2 && r.other > 0 ? "0.25" : "", r.ratio <= 0.25);
}

static void compare(int64_t variables) {
    d = variables;
    for (int64_t i = 0; i < d * d; i++)
        axes[i] = i / d == i % d;
    w7_arguments(ebb, d, in);
    ebb_function *f = w7_function(ebb, W7_LAPLACIAN);
    native loss = native_new(ebb, f, PARAMETERS, in),
           gradient = native_new(ebb, ebb_value_and_grad(f, EBB_WRT(1, 2, 3, 4, 5, 6)), PARAMETERS, in);
    native_call(&gradient);
    print_numbers("by ebb_laplacian", native_item(&gradient, 0), (double *const *)gradient.out);
    against_hand(&loss, &gradient);
    for (w7_road road = W7_DUAL_NUMBERS; road < W7_ROADS; road++)
        against_one_program(&loss, &gradient, road);
    against_apart(&gradient, W7_DUAL_NUMBERS);
    against_apart(&gradient, W7_GRADIENTS);
    against_eager(&gradient);
    native_free(&loss), native_free(&gradient);
}

int main(void) {
    ebb = ebb_open(&(ebb_options){.mode = EBB_NATIVE});
    compare(2);
    compare(10);
    compare(50);
    int code = ebb_ok(ebb) ? 0 : 1;
    if (code) fprintf(stderr, "%s\n", ebb_error(ebb));
    ebb_close(ebb);
    return code;
}
