/* bench_linreg.c - W6, linear regression on 100 points: one SGD step (loss, both gradients, both updates) as one native
 * function, against the same in C. */
#include "benchmarks/support/bench.h"
#include "benchmarks/support/native.h"

#include <stdio.h>

enum { N = 100 };

typedef struct model {
    ebb_tensor *x, *y, *w, *b;
    ebb_optimizer *sgd;
} model;

static void step(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)in;
    model *m = data;
    ebb_tensor *const variables[] = {m->w, m->b};
    ebb_tensor *gradients[2];
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    out[0] = ebb_mean(ebb_square(ebb_sub(ebb_add(ebb_mul(m->w, m->x), m->b), m->y)));
    ebb_gradients(tape, 1, out, 2, variables, gradients, NULL);
    ebb_apply_gradients(m->sgd, 2, gradients, variables);
}

typedef struct hand {
    float x[N], y[N], w, b, loss;
} hand;

static void by_hand(void *data) {
    hand *h = data;
    float loss[8] = {0}, gw[8] = {0}, gb[8] = {0};
    for (int i = 0; i < N / 8 * 8; i += 8)
        for (int j = 0; j < 8; j++) {
            float r = h->w * h->x[i + j] + h->b - h->y[i + j];
            loss[j] += r * r, gw[j] += r * h->x[i + j], gb[j] += r;
        }
    for (int i = N / 8 * 8; i < N; i++) {
        float r = h->w * h->x[i] + h->b - h->y[i];
        loss[i & 7] += r * r, gw[i & 7] += r * h->x[i], gb[i & 7] += r;
    }
    for (int j = 1; j < 8; j++)
        loss[0] += loss[j], gw[0] += gw[j], gb[0] += gb[j];
    h->loss = loss[0] / N, h->w -= 0.5f * 2 / N * gw[0], h->b -= 0.5f * 2 / N * gb[0];
    __asm__ volatile("" ::"r"(h) : "memory");
}

int main(void) {
    ebb_context *ebb = ebb_open(&(ebb_options){.mode = EBB_NATIVE});
    double u[N];
    hand h = {.w = 0};
    bench_uniform(10, N, u);
    for (int i = 0; i < N; i++)
        h.x[i] = (float)u[i], h.y[i] = 0.1f * h.x[i] + 0.3f;
    model m = {ebb_constant(ebb, EBB_F32, EBB_SHAPE(N), h.x), ebb_constant(ebb, EBB_F32, EBB_SHAPE(N), h.y),
               ebb_variable(ebb, ebb_scalar(ebb, 0.0f), "w"), ebb_variable(ebb, ebb_scalar(ebb, 0.0f), "b"),
               ebb_sgd(ebb, &(ebb_sgd_options){.learning_rate = 0.5})};
    ebb_function *f = ebb_function_new(ebb, step, &(ebb_function_options){.name = "w6", .data = &m});
    native raw = native_new(ebb, f, 0, NULL);
    comfortable call = {ebb, f, 0, NULL};
    for (int i = 0; i < 201; i++)
        native_call(&raw), by_hand(&h);
    printf("\nW6 after 201 steps: w %.7g b %.7g, by hand %.7g %.7g\n", ebb_item(m.w, 0), ebb_item(m.b, 0), (double)h.w,
           (double)h.b);
    bench_yardsticks();
    bench_title("W6, an SGD step of linear regression on 100 points, f32", "C by hand");
    bench_result r = bench_pair(native_call, &raw, by_hand, &h);
    bench_row("step, raw call", r, "100 ns", r.ours < 100e-9);
    r = bench_pair(comfortable_call, &call, by_hand, &h);
    bench_row("step, ebb_call", r, "1 us", r.ours < 1e-6);
    ebb_function *eager =
        ebb_function_new(ebb, step, &(ebb_function_options){.name = "w6_eager", .data = &m, .mode = EBB_EAGER});
    comfortable slow = {ebb, eager, 0, NULL};
    bench_row("step, eager, against compiled", bench_pair(comfortable_call, &slow, comfortable_call, &call), "", true);
    int code = ebb_ok(ebb) ? 0 : 1;
    if (code) fprintf(stderr, "%s\n", ebb_error(ebb));
    native_free(&raw);
    ebb_close(ebb);
    return code;
}
