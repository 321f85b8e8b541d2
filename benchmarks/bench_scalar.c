/* bench_scalar.c - W1, a formula of two scalars: gradient, Hessian-vector product and Hessian by raw call, against the
 * same by hand. */
#include "benchmarks/support/bench.h"
#include "benchmarks/support/native.h"
#include "benchmarks/support/workloads.h"

#include <math.h>
#include <stdio.h>

/* What a careful person writes: every shared value once. */
static void gradient_by_hand(const double *x, const double *y, double *gx, double *gy) {
    double sx = sin(*x), cx = cos(*x), e = exp(sx * *y), q = 1 + *x * *x, l = log(q), t = tanh(*y);
    double r = sqrt(*x * *x + *y * *y + 1);
    *gx = e * *y * cx + t * 2 * *x / q + *x / r;
    *gy = e * sx + l * (1 - t * t) + *y / r;
}

typedef struct hand {
    double x, y, gx, gy;
} hand;

static void call_hand(void *data) {
    hand *h = data;
    gradient_by_hand(&h->x, &h->y, &h->gx, &h->gy);
    __asm__ volatile("" ::"r"(h) : "memory");
}

int main(void) {
    ebb_context *ebb = ebb_open(&(ebb_options){.mode = EBB_NATIVE});
    ebb_function *f = w1_function(ebb);
    ebb_tensor *x = ebb_scalar(ebb, 0.7), *y = ebb_scalar(ebb, 1.3), *v = ebb_scalar(ebb, 1.0);
    native gradient = native_new(ebb, ebb_grad(f, EBB_WRT(0, 1)), EBB_OPERANDS(x, y));
    native product = native_new(ebb, ebb_hvp(f, EBB_WRT(0, 1)), EBB_OPERANDS(x, y, v, v));
    native hessian = native_new(ebb, ebb_hessian(f, EBB_WRT(0, 1)), EBB_OPERANDS(x, y));
    hand h = {0.7, 1.3, 0, 0};
    call_hand(&h);
    native_call(&gradient);
    printf("W1 gradient %.12g %.12g, by hand %.12g %.12g\n", native_item(&gradient, 0), native_item(&gradient, 1), h.gx,
           h.gy);
    bench_yardsticks();
    bench_title("W1, two scalars, f64", "C by hand");
    bench_result r = bench_pair(native_call, &gradient, call_hand, &h);
    bench_row("gradient, raw call", r, "60 ns", r.ours < 60e-9);
    bench_row("Hessian-vector product, raw call", bench_pair(native_call, &product, NULL, NULL), "", true);
    bench_row("Hessian, raw call", bench_pair(native_call, &hessian, NULL, NULL), "", true);
    int code = ebb_ok(ebb) ? 0 : 1;
    if (code) fprintf(stderr, "%s\n", ebb_error(ebb));
    native_free(&gradient), native_free(&product), native_free(&hessian);
    ebb_close(ebb);
    return code;
}
