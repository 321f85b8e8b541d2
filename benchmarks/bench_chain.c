/* bench_chain.c - W10, k times y = sin(y)/2 + x y + 0.1 on scalars, unrolled: what tracing, differentiating and
 * compiling value and gradient costs, and a call, for k from 100 to 100,000. */
#include "benchmarks/support/bench.h"
#include "benchmarks/support/native.h"
#include "benchmarks/support/workloads.h"

#include <math.h>
#include <stdio.h>

typedef struct hand {
    int steps;
    double x, value, gradient;
} hand;

/* Forward, as one variable allows. */
static void by_hand(void *data) {
    hand *h = data;
    double y = h->x, d = 1;
    for (int k = 0; k < h->steps; k++) {
        d = 0.5 * cos(y) * d + y + h->x * d;
        y = 0.5 * sin(y) + h->x * y + 0.1;
    }
    h->value = y;
    h->gradient = d;
    __asm__ volatile("" ::"r"(h) : "memory");
}

static void run(ebb_context *ebb, int steps) {
    char what[96];
    ebb_tensor *x = ebb_scalar(ebb, 0.3);
    double start = bench_now();
    ebb_function *f = w10_function(ebb, &steps), *both = ebb_value_and_grad(f, NULL);
    native ours = native_new(ebb, both, EBB_OPERANDS(x));
    double compiled = bench_now() - start;
    hand h = {steps, 0.3, 0, 0};
    native_call(&ours);
    by_hand(&h);
    printf("W10 k = %d: %.12g %.12g, by hand %.12g %.12g\n", steps, native_item(&ours, 0), native_item(&ours, 1),
           h.value, h.gradient);
    snprintf(what, sizeof what, "k = %d, traced and compiled in %.3g ms (%.1f us a step)", steps, compiled * 1e3,
             compiled * 1e6 / steps);
    bench_title("W10, value+gradient, raw call", "C by hand, a loop");
    bench_row(what, bench_pair(native_call, &ours, by_hand, &h), "", true);
    native_free(&ours);
    ebb_function_free(both);
    ebb_function_free(f);
}

int main(void) {
    ebb_context *ebb = ebb_open(&(ebb_options){.mode = EBB_NATIVE});
    bench_yardsticks();
    EBB_SCOPE (ebb) {
        int warm = 10;
        native first = native_new(ebb, w10_function(ebb, &warm), EBB_OPERANDS(ebb_scalar(ebb, 0.3)));
        native_free(&first); /* the engine is open */
        for (int steps = 100; steps <= 100000; steps *= 10)
            run(ebb, steps);
    }
    int code = ebb_ok(ebb) ? 0 : 1;
    if (code) fprintf(stderr, "%s\n", ebb_error(ebb));
    ebb_close(ebb);
    return code;
}
