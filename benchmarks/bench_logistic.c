/* bench_logistic.c - W4, logistic regression on 10,000 rows of 100: value and gradient, Hessian-vector product and full
 * Hessian, against the value itself and against C by hand on the same serial BLAS. */
#include "benchmarks/support/bench.h"
#include "benchmarks/support/native.h"
#include "benchmarks/support/workloads.h"

#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = W4_N, D = W4_D };

typedef struct hand {
    const double *rows, *labels, *w, *v;
    double value, *z, *s, *scaled, *out; /* [N], [N], [N,D], [D,D] */
} hand;

static void rows_times(const hand *h, const double *x, double *z) {
    cblas_dgemv(CblasRowMajor, CblasNoTrans, N, D, 1, h->rows, D, x, 1, 0, z, 1);
}
static void times_rows(const hand *h, const double *z, double *x) {
    cblas_dgemv(CblasRowMajor, CblasTrans, N, D, 1, h->rows, D, z, 1, 0, x, 1);
}

static void value_by_hand(void *data) {
    hand *h = data;
    double sum = 0;
    rows_times(h, h->w, h->z);
    for (int i = 0; i < N; i++)
        sum += log1p(exp(h->z[i])) - h->labels[i] * h->z[i];
    h->value = sum / N;
}

static void gradient_by_hand(void *data) {
    hand *h = data;
    double sum = 0;
    rows_times(h, h->w, h->z);
    for (int i = 0; i < N; i++) {
        double e = exp(h->z[i]);
        sum += log1p(e) - h->labels[i] * h->z[i];
        h->s[i] = (e / (1 + e) - h->labels[i]) / N;
    }
    times_rows(h, h->s, h->out);
    h->value = sum / N;
}

static void product_by_hand(void *data) {
    hand *h = data;
    rows_times(h, h->w, h->z);
    rows_times(h, h->v, h->s);
    for (int i = 0; i < N; i++) {
        double p = 1 / (1 + exp(-h->z[i]));
        h->s[i] *= p * (1 - p) / N;
    }
    times_rows(h, h->s, h->out);
}

/* X' D X, one product. */
static void hessian_by_hand(void *data) {
    hand *h = data;
    rows_times(h, h->w, h->z);
    for (int i = 0; i < N; i++) {
        double p = 1 / (1 + exp(-h->z[i]));
        for (int k = 0; k < D; k++)
            h->scaled[i * D + k] = p * (1 - p) / N * h->rows[i * D + k];
    }
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, D, D, N, 1, h->rows, D, h->scaled, D, 0, h->out, D);
}

static double *room(size_t count) {
    double *x = malloc(count * sizeof *x);
    if (!x) exit(1);
    return x;
}

int main(void) {
    ebb_context *ebb = ebb_open(&(ebb_options){.mode = EBB_NATIVE});
    ebb_function *f = w4_function(ebb);
    ebb_tensor *w = workload_tensor(ebb, w4_weights(), 1, (int64_t[]){D}),
               *rows = workload_tensor(ebb, w4_rows(), 2, (int64_t[]){N, D}),
               *labels = workload_tensor(ebb, w4_labels(), 1, (int64_t[]){N}),
               *v = workload_tensor(ebb, w4_direction(), 1, (int64_t[]){D});
    native value = native_new(ebb, f, EBB_OPERANDS(w, rows, labels)),
           gradient = native_new(ebb, ebb_value_and_grad(f, NULL), EBB_OPERANDS(w, rows, labels)),
           product = native_new(ebb, ebb_hvp(f, NULL), EBB_OPERANDS(w, rows, labels, v)),
           hessian = native_new(ebb, ebb_hessian(f, NULL), EBB_OPERANDS(w, rows, labels));
    hand h = {.rows = ebb_data(rows),
              .labels = ebb_data(labels),
              .w = ebb_data(w),
              .v = ebb_data(v),
              .z = room(N),
              .s = room(N),
              .scaled = room(N * D),
              .out = room(D * D)};
    native_call(&gradient);
    value_by_hand(&h);
    printf("W4 %.12g, by hand %.12g\n", native_item(&gradient, 0), h.value);
    bench_yardsticks();
    bench_title("W4, logistic regression, X [10000,100], f64", "the other");
    bench_row("value, against C by hand", bench_pair(native_call, &value, value_by_hand, &h), "", true);
    bench_row("value+gradient, against C by hand", bench_pair(native_call, &gradient, gradient_by_hand, &h), "", true);
    bench_row("Hessian-vector product, against C by hand", bench_pair(native_call, &product, product_by_hand, &h), "",
              true);
    bench_row("Hessian, against C by hand", bench_pair(native_call, &hessian, hessian_by_hand, &h), "", true);
    bench_result r = bench_pair(native_call, &gradient, native_call, &value);
    bench_row("value+gradient, against the value", r, "2.5", r.ratio <= 2.5);
    r = bench_pair(native_call, &product, native_call, &value);
    bench_row("Hessian-vector product, against the value", r, "4", r.ratio <= 4);
    int code = ebb_ok(ebb) ? 0 : 1;
    if (code) fprintf(stderr, "%s\n", ebb_error(ebb));
    native_free(&value), native_free(&gradient), native_free(&product), native_free(&hessian);
    free(h.z), free(h.s), free(h.scaled), free(h.out);
    ebb_close(ebb);
    return code;
}
