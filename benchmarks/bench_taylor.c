/* bench_taylor.c - W9, Taylor series of tanh(sin(x) exp(-x^2)) of orders 10 and 20, at one point and at 100,000,
 * against recurrences written by hand; of orders to 100, as straight-line code and as a loop over the orders, of W9 and
 * of a program that is a loop itself; and what it takes to make programs of W9's series and of their gradients. */
#include "benchmarks/support/bench.h"
#include "benchmarks/support/native.h"
#include "benchmarks/support/workloads.h"
#define W9_REAL double
#include "benchmarks/support/w9_by_hand.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct hand {
    int64_t n;
    int order;
    const double *x;
    double *out; /* [order][n] */
} hand;

static void by_hand(void *data) {
    hand *h = data;
    double y[W9_MOST_ORDER + 1];
    for (int64_t i = 0; i < h->n; i++) {
        w9_by_hand(h->x[i], h->order, y);
        for (int k = 1; k <= h->order; k++)
            h->out[(k - 1) * h->n + i] = y[k];
    }
    __asm__ volatile("" ::"r"(h->out) : "memory");
}

static void run(ebb_context *ebb, ebb_tensor *x, int order) {
    char what[64];
    int64_t n = ebb_size(x);
    ebb_tensor *v = ebb_add(ebb_mul(0, x), 1);
    native ours = native_new(ebb, ebb_jet(w9_function(ebb), NULL, order), EBB_OPERANDS(x, v));
    hand h = {n, order, ebb_data(x), malloc((size_t)(n * order) * sizeof(double))};
    if (!h.out) exit(1);
    native_call(&ours);
    by_hand(&h);
    double got = ((const double *)ours.out[1])[(order - 1) * n], want = h.out[(order - 1) * n];
    if (fabs(got - want) > 1e-10 * fabs(want)) printf("W9 DIFFERS: %.17g and %.17g\n", got, want);
    snprintf(what, sizeof what, "order %d, %lld point%s", order, (long long)n, n > 1 ? "s" : "");
    bench_row(what, bench_pair(native_call, &ours, by_hand, &h), "", true);
    native_free(&ours);
    free(h.out);
}

/* ---- high orders, by both roads ---- */

static void step(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    out[0] = ebb_add(in[0], ebb_mul(0.01, ebb_sin(in[0])));
}

/* A hundred steps of Euler's method for x' = sin x. */
static void steps(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)data;
    ebb_scan(ebb, step, NULL, EBB_OPERANDS(in[0]), EBB_NO_OPERANDS, 0, out, &(ebb_scan_options){.trips = 100});
}

/* What making the code takes, and a call. */
static void by_road(ebb_context *ebb, ebb_function *f, const char *name, ebb_tensor *x, int order) {
    static const char *const road[2] = {"straight", "rolled"};
    char text[2][2][32];
    ebb_tensor *v = ebb_add(ebb_mul(0, x), 1);
    for (int k = 0; k < 2; k++) {
        ebb_function *series = ebb_jet(f, NULL, order);
        ebb_set_road(series, road[k], 0);
        double start = bench_now();
        native code = native_new(ebb, series, EBB_OPERANDS(x, v));
        bench_time(bench_now() - start, text[k][0]);
        bench_time(bench_pair(native_call, &code, NULL, NULL).ours, text[k][1]);
        native_free(&code);
    }
    printf("| %s, order %d, %lld point%s | %s | %s | %s | %s |\n", name, order, (long long)ebb_size(x),
           ebb_size(x) > 1 ? "s" : "", text[0][0], text[1][0], text[0][1], text[1][1]);
}

static void high_orders(ebb_context *ebb) {
    static const int orders[] = {24, 30, 60, 100};
    ebb_function *w9 = w9_function(ebb),
                 *euler = ebb_function_new(ebb, steps, &(ebb_function_options){.name = "euler"});
    ebb_tensor *x = ebb_scalar(ebb, 0.3), *many = ebb_add(ebb_zeros(ebb, EBB_F64, 1, (int64_t[]){1000}), x);
    printf("\n### Taylor series of high order, f64, raw call\n\n"
           "| what | code, straight | code, rolled | call, straight | call, rolled |\n|---|---|---|---|---|\n");
    for (int i = 0; i < 4; i++)
        by_road(ebb, w9, "W9", x, orders[i]);
    for (int i = 0; i < 4; i++)
        by_road(ebb, w9, "W9", many, orders[i]);
    for (int i = 0; i < 3; i++)
        by_road(ebb, euler, "100 steps of Euler", x, orders[i]);
}

/* ---- making them ---- */

typedef struct last {
    ebb_function *jet;
    int order;
} last;

static void last_coefficient(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    const last *l = data;
    ebb_tensor *both[2], *one = ebb_ones(ebb, EBB_F64, EBB_SCALAR);
    const ebb_operand at[] = {EBB_OPERAND(in[0]), EBB_OPERAND(one)};
    ebb_call_n(l->jet, 2, at, 2, both);
    out[0] = ebb_gather(both[1], ebb_scalar(ebb, l->order - 1), 0);
}

static double make(ebb_context *ebb, int order, bool gradient, ebb_tensor *x) {
    double start = bench_now();
    ebb_function *f = w9_function(ebb), *jet = ebb_jet(f, NULL, order);
    last l = {jet, order};
    ebb_function *c = ebb_function_new(ebb, last_coefficient, &(ebb_function_options){.name = "last", .data = &l});
    ebb_function *g = ebb_grad(c, NULL);
    const ebb_operand in[2] = {EBB_OPERAND(x), EBB_OPERAND(x)};
    ebb_concrete *made = gradient ? ebb_get_concrete(g, 1, in) : ebb_get_concrete(jet, 2, in);
    bool compiled = ebb_concrete_is_native(made);
    double seconds = bench_now() - start;
    ebb_function *all[] = {g, c, jet, f};
    for (int i = 0; i < 4; i++)
        ebb_function_free(all[i]);
    return compiled ? seconds : 1e9;
}

enum { REPEATS = 15 };

static int rising(const void *a, const void *b) {
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

static void time_making(ebb_context *ebb, int order, bool gradient, ebb_tensor *x) {
    double seconds[REPEATS];
    char what[64];
    for (int i = 0; i < REPEATS; i++)
        seconds[i] = make(ebb, order, gradient, x);
    qsort(seconds, REPEATS, sizeof *seconds, rising);
    snprintf(what, sizeof what, "order %d%s", order, gradient ? ", gradient of the last coefficient" : "");
    bench_row(what, (bench_result){.ours = seconds[REPEATS / 2]}, "", true);
}

int main(void) {
    ebb_context *ebb = ebb_open(&(ebb_options){.mode = EBB_NATIVE});
    ebb_tensor *x = ebb_scalar(ebb, 0.3), *many = workload_tensor(ebb, w9_points(), 1, (int64_t[]){W9_N});
    bench_yardsticks();
    bench_title("W9, Taylor series, f64, raw call", "C by hand");
    for (int order = 10; order <= 20; order += 10) {
        run(ebb, x, order);
        run(ebb, many, order);
    }
    high_orders(ebb);
    bench_title("W9, tracing, deriving and compiling", "");
    for (int order = 10; order <= 20; order += 10)
        for (int gradient = 0; gradient < 2; gradient++)
            time_making(ebb, order, gradient, x);
    int code = ebb_ok(ebb) ? 0 : 1;
    if (code) fprintf(stderr, "%s\n", ebb_error(ebb));
    ebb_close(ebb);
    return code;
}
