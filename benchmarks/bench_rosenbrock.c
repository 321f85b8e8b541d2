/* bench_rosenbrock.c - W2, Rosenbrock's function: value and gradient, Hessian-vector product and dense Hessian, against
 * the value itself and against C by hand. */
#include "benchmarks/support/bench.h"
#include "benchmarks/support/native.h"
#include "benchmarks/support/workloads.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct hand {
    int64_t n;
    const double *x, *v;
    double value, *out;
} hand;

static void value_by_hand(void *data) {
    hand *h = data;
    double sum[4] = {0};
    for (int64_t i = 0; i + 1 < h->n; i++) {
        double valley = h->x[i + 1] - h->x[i] * h->x[i], slope = 1 - h->x[i];
        sum[i & 3] += 100 * valley * valley + slope * slope;
    }
    h->value = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    __asm__ volatile("" ::"r"(h) : "memory");
}

static void gradient_by_hand(void *data) {
    hand *h = data;
    const double *x = h->x;
    double before = 0, sum[4] = {0};
    for (int64_t i = 0; i + 1 < h->n; i++) {
        double valley = x[i + 1] - x[i] * x[i], slope = 1 - x[i];
        sum[i & 3] += 100 * valley * valley + slope * slope;
        h->out[i] = before - 400 * valley * x[i] - 2 * slope;
        before = 200 * valley;
    }
    h->out[h->n - 1] = before;
    h->value = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    __asm__ volatile("" ::"r"(h->out) : "memory");
}

static void product_by_hand(void *data) {
    hand *h = data;
    const double *x = h->x, *v = h->v;
    double before = 0;
    for (int64_t i = 0; i + 1 < h->n; i++) {
        h->out[i] = before + (1200 * x[i] * x[i] - 400 * x[i + 1] + 2) * v[i] - 400 * x[i] * v[i + 1];
        before = 200 * v[i + 1] - 400 * x[i] * v[i];
    }
    h->out[h->n - 1] = before;
    __asm__ volatile("" ::"r"(h->out) : "memory");
}

static void run(ebb_context *ebb, int64_t n) {
    char title[64];
    bool large = n >= 100000;
    ebb_tensor *x = workload_tensor(ebb, w2_point(n), 1, &n), *v = workload_tensor(ebb, w2_direction(n), 1, &n);
    ebb_function *f = w2_function(ebb);
    native value = native_new(ebb, f, EBB_OPERANDS(x)),
           gradient = native_new(ebb, ebb_value_and_grad(f, NULL), EBB_OPERANDS(x)),
           alone = native_new(ebb, ebb_grad(f, NULL), EBB_OPERANDS(x));
    native product = native_new(ebb, ebb_hvp(f, NULL), EBB_OPERANDS(x, v)),
           all = native_new(ebb, ebb_hvp(f, &(ebb_wrt){.values = true}), EBB_OPERANDS(x, v));
    hand h = {n, ebb_data(x), ebb_data(v), 0, malloc((size_t)n * sizeof(double))};
    if (!h.out) exit(1);
    native_call(&gradient);
    value_by_hand(&h);
    printf("\nW2 n = %lld: %.12g, by hand %.12g\n", (long long)n, native_item(&gradient, 0), h.value);
    snprintf(title, sizeof title, "W2, Rosenbrock's function of %lld variables, f64", (long long)n);
    bench_title(title, "the other");
    bench_row("value, against C by hand", bench_pair(native_call, &value, value_by_hand, &h), "", true);
    bench_row("value+gradient, against C by hand", bench_pair(native_call, &gradient, gradient_by_hand, &h), "", true);
    bench_row("Hessian-vector product, against C by hand", bench_pair(native_call, &product, product_by_hand, &h), "",
              true);
    bench_result r = bench_pair(native_call, &alone, native_call, &value);
    bench_row("gradient, against the value", r, large ? "2.5" : "", r.ratio <= 2.5);
    r = bench_pair(native_call, &gradient, native_call, &value);
    bench_row("value+gradient, against the value", r, large ? "2.5" : "", r.ratio <= 2.5);
    r = bench_pair(native_call, &product, native_call, &value);
    bench_row("Hessian-vector product, against the value", r, large ? "4" : "", r.ratio <= 4);
    r = bench_pair(native_call, &all, native_call, &value);
    bench_row("value, gradient and product, against the value", r, large ? "4" : "", r.ratio <= 4);
    native_free(&value), native_free(&gradient), native_free(&alone), native_free(&product), native_free(&all);
    if (!large) {
        comfortable hessian = {ebb, ebb_hessian(f, NULL), 1, (ebb_operand[]){EBB_OPERAND(x)}};
        bench_row("dense Hessian, ebb_call", bench_pair(comfortable_call, &hessian, NULL, NULL), "", true);
    }
    free(h.out);
}

int main(void) {
    ebb_context *ebb = ebb_open(&(ebb_options){.mode = EBB_NATIVE});
    bench_yardsticks();
    run(ebb, 10);
    run(ebb, 1000);
    run(ebb, 100000);
    int code = ebb_ok(ebb) ? 0 : 1;
    if (code) fprintf(stderr, "%s\n", ebb_error(ebb));
    ebb_close(ebb);
    return code;
}
