/* bench_taylor.c - W9, Taylor series of tanh(sin(x) exp(-x^2)) of orders 10 and 20, at one point and at 100,000,
 * against recurrences written by hand. */
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

int main(void) {
    ebb_context *ebb = ebb_open(&(ebb_options){.mode = EBB_NATIVE});
    ebb_tensor *x = ebb_scalar(ebb, 0.3), *many = workload_tensor(ebb, w9_points(), 1, (int64_t[]){W9_N});
    bench_yardsticks();
    bench_title("W9, Taylor series, f64, raw call", "C by hand");
    for (int order = 10; order <= 20; order += 10) {
        run(ebb, x, order);
        run(ebb, many, order);
    }
    int code = ebb_ok(ebb) ? 0 : 1;
    if (code) fprintf(stderr, "%s\n", ebb_error(ebb));
    ebb_close(ebb);
    return code;
}
