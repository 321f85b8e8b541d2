/* bench_elementwise.c - W3, sum(exp(sin x) tanh x + log(1 + x^2)) over a million elements: value and gradient in one
 * pass, against a C loop with libm. */
#include "benchmarks/support/bench.h"
#include "benchmarks/support/native.h"
#include "benchmarks/support/workloads.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = W3_N };

typedef struct hand {
    const float *x;
    float value, *gradient;
} hand;

static void by_hand(void *data) {
    hand *h = data;
    float sum[8] = {0};
    for (int i = 0; i < N; i++) {
        float x = h->x[i], s = sinf(x), c = cosf(x), e = expf(s), t = tanhf(x), q = 1 + x * x;
        sum[i & 7] += e * t + logf(q);
        h->gradient[i] = e * (c * t + (1 - t) * (1 + t)) + 2 * x / q;
    }
    h->value = ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

int main(void) {
    ebb_context *ebb = ebb_open(&(ebb_options){.mode = EBB_NATIVE});
    ebb_function *f = w3_function(ebb);
    ebb_function *both = ebb_value_and_grad(f, NULL), *product = ebb_hvp(f, NULL);
    ebb_tensor *x64 = workload_tensor(ebb, w3_point(), 1, (int64_t[]){N}), *x = ebb_cast(x64, EBB_F32),
               *v64 = workload_tensor(ebb, w3_direction(), 1, (int64_t[]){N});
    native value = native_new(ebb, f, EBB_OPERANDS(x)), gradient = native_new(ebb, both, EBB_OPERANDS(x));
    native hvp = native_new(ebb, product, EBB_OPERANDS(x, x)), value64 = native_new(ebb, f, EBB_OPERANDS(x64)),
           gradient64 = native_new(ebb, both, EBB_OPERANDS(x64)),
           hvp64 = native_new(ebb, product, EBB_OPERANDS(x64, v64));
    hand h = {ebb_data(x), 0, malloc(N * sizeof(float))};
    if (!h.gradient) return 1;
    by_hand(&h);
    native_call(&gradient), native_call(&gradient64);
    printf("\nW3 f32 %.7g, by hand %.7g; f64 %.12g\n", (double)native_item_f32(&gradient, 0), (double)h.value,
           native_item(&gradient64, 0));
    bench_yardsticks();
    bench_title("W3, a million elements", "C with libm, f32 value+gradient");
    bench_result r = bench_pair(native_call, &gradient, by_hand, &h);
    bench_row("f32 value+gradient", r, "5 ms", r.ours < 5e-3);
    bench_row("f32 value", bench_pair(native_call, &value, NULL, NULL), "", true);
    bench_row("f32 Hessian-vector product", bench_pair(native_call, &hvp, NULL, NULL), "", true);
    bench_title("W3, derivatives against the value", "value");
    r = bench_pair(native_call, &gradient, native_call, &value);
    bench_row("f32 value+gradient", r, "2.5", r.ratio <= 2.5);
    r = bench_pair(native_call, &hvp, native_call, &value);
    bench_row("f32 Hessian-vector product", r, "4", r.ratio <= 4);
    r = bench_pair(native_call, &gradient64, native_call, &value64);
    bench_row("f64 value+gradient", r, "2.5", r.ratio <= 2.5);
    r = bench_pair(native_call, &hvp64, native_call, &value64);
    bench_row("f64 Hessian-vector product", r, "4", r.ratio <= 4);
    int code = ebb_ok(ebb) ? 0 : 1;
    if (code) fprintf(stderr, "%s\n", ebb_error(ebb));
    native_free(&value), native_free(&gradient), native_free(&hvp), native_free(&value64);
    native_free(&gradient64), native_free(&hvp64);
    free(h.gradient);
    ebb_close(ebb);
    return code;
}
