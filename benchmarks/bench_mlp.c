/* bench_mlp.c - W5, one SGD and one Adam step of a 784-128-10 classifier, batch 64 and 512, f32: against the sum of its
 * five products alone, against the whole step in C with the same products, and eager against compiled. */
#include "benchmarks/support/bench.h"
#include "benchmarks/support/native.h"

#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IN = 784, HIDDEN = 128, OUT = 10, LARGEST = 512 };

typedef struct model {
    ebb_tensor *w1, *b1, *w2, *b2;
    ebb_optimizer *optimizer;
} model;

static void step(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    model *m = data;
    ebb_tensor *const variables[] = {m->w1, m->b1, m->w2, m->b2};
    ebb_tensor *gradients[4];
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_tensor *h = ebb_relu(ebb_add(ebb_matmul(in[0], m->w1), m->b1));
    ebb_tensor *logits = ebb_add(ebb_matmul(h, m->w2), m->b2);
    out[0] = ebb_mean(ebb_sparse_softmax_cross_entropy(logits, in[1]));
    ebb_gradients(tape, 1, out, 4, variables, gradients, NULL);
    ebb_apply_gradients(m->optimizer, 4, gradients, variables);
}

/* ---- the same in C ---- */

typedef struct hand {
    int batch;
    float *x, *w1, *b1, *w2, *b2, *h, *z, *dh, *dw1, *dw2;
    float loss;
} hand;

static void product(bool tx, bool ty, int m, int n, int k, const float *x, const float *y, float *z) {
    cblas_sgemm(CblasRowMajor, tx ? CblasTrans : CblasNoTrans, ty ? CblasTrans : CblasNoTrans, m, n, k, 1, x,
                tx ? m : k, y, ty ? k : n, 0, z, n);
}

static void products_alone(void *data) {
    hand *h = data;
    product(false, false, h->batch, HIDDEN, IN, h->x, h->w1, h->h);
    product(false, false, h->batch, OUT, HIDDEN, h->h, h->w2, h->z);
    product(true, false, HIDDEN, OUT, h->batch, h->h, h->z, h->dw2);
    product(false, true, h->batch, HIDDEN, OUT, h->z, h->w2, h->dh);
    product(true, false, IN, HIDDEN, h->batch, h->x, h->dh, h->dw1);
}

/* logits in, their gradient out */
static float softmax_row(float *z, int label, int batch) {
    float most = z[0], sum = 0;
    for (int j = 1; j < OUT; j++)
        most = z[j] > most ? z[j] : most;
    float picked = z[label] - most;
    for (int j = 0; j < OUT; j++)
        sum += z[j] = expf(z[j] - most);
    for (int j = 0; j < OUT; j++)
        z[j] = (z[j] / sum - (j == label)) / (float)batch;
    return logf(sum) - picked;
}

static void update(float *w, const float *g, int n) {
    for (int i = 0; i < n; i++)
        w[i] -= 0.01f * g[i];
}

static void by_hand(void *data) {
    hand *h = data;
    float db1[HIDDEN] = {0}, db2[OUT] = {0};
    product(false, false, h->batch, HIDDEN, IN, h->x, h->w1, h->h);
    for (int i = 0; i < h->batch; i++)
        for (int j = 0; j < HIDDEN; j++)
            h->h[i * HIDDEN + j] = fmaxf(h->h[i * HIDDEN + j] + h->b1[j], 0);
    product(false, false, h->batch, OUT, HIDDEN, h->h, h->w2, h->z);
    h->loss = 0;
    for (int i = 0; i < h->batch; i++) {
        for (int j = 0; j < OUT; j++)
            h->z[i * OUT + j] += h->b2[j];
        h->loss += softmax_row(h->z + i * OUT, i % OUT, h->batch) / (float)h->batch;
        for (int j = 0; j < OUT; j++)
            db2[j] += h->z[i * OUT + j];
    }
    product(true, false, HIDDEN, OUT, h->batch, h->h, h->z, h->dw2);
    product(false, true, h->batch, HIDDEN, OUT, h->z, h->w2, h->dh);
    for (int i = 0; i < h->batch; i++)
        for (int j = 0; j < HIDDEN; j++) {
            float d = h->h[i * HIDDEN + j] > 0 ? h->dh[i * HIDDEN + j] : 0;
            h->dh[i * HIDDEN + j] = d, db1[j] += d;
        }
    product(true, false, IN, HIDDEN, h->batch, h->x, h->dh, h->dw1);
    update(h->w1, h->dw1, IN * HIDDEN), update(h->b1, db1, HIDDEN), update(h->w2, h->dw2, HIDDEN * OUT),
        update(h->b2, db2, OUT);
}

/* ---- set-up ---- */

static float *numbers(size_t n) {
    float *p = aligned_alloc(64, (n * sizeof *p + 63) / 64 * 64);
    if (!p) exit(1);
    memset(p, 0, n * sizeof *p);
    return p;
}

static hand hand_new(int batch) {
    size_t b = (size_t)batch, n = IN * b > IN * HIDDEN + HIDDEN * OUT ? IN * b : IN * HIDDEN + HIDDEN * OUT;
    hand h = {.batch = batch,
              .x = numbers(IN * b),
              .w1 = numbers(IN * HIDDEN),
              .b1 = numbers(HIDDEN),
              .w2 = numbers(HIDDEN * OUT),
              .b2 = numbers(OUT),
              .h = numbers(HIDDEN * b),
              .z = numbers(OUT * b),
              .dh = numbers(HIDDEN * b),
              .dw1 = numbers(IN * HIDDEN),
              .dw2 = numbers(HIDDEN * OUT)};
    double *u = malloc(n * sizeof *u);
    if (!u) exit(1);
    bench_uniform(8, (int64_t)(IN * b), u);
    for (size_t i = 0; i < IN * b; i++)
        h.x[i] = (float)u[i];
    bench_uniform(9, IN * HIDDEN + HIDDEN * OUT, u);
    for (int i = 0; i < IN * HIDDEN; i++)
        h.w1[i] = (float)((u[i] - 0.5) * 0.1);
    for (int i = 0; i < HIDDEN * OUT; i++)
        h.w2[i] = (float)((u[IN * HIDDEN + i] - 0.5) * 0.1);
    free(u);
    return h;
}

static model model_new(ebb_context *ebb, const hand *h, bool adam) {
    return (model){ebb_variable(ebb, ebb_constant(ebb, EBB_F32, EBB_SHAPE(IN, HIDDEN), h->w1), "w1"),
                   ebb_variable(ebb, ebb_zeros(ebb, EBB_F32, EBB_SHAPE(HIDDEN)), "b1"),
                   ebb_variable(ebb, ebb_constant(ebb, EBB_F32, EBB_SHAPE(HIDDEN, OUT), h->w2), "w2"),
                   ebb_variable(ebb, ebb_zeros(ebb, EBB_F32, EBB_SHAPE(OUT)), "b2"),
                   adam ? ebb_adam(ebb, NULL) : ebb_sgd(ebb, &(ebb_sgd_options){.learning_rate = 0.01})};
}

static void measure(ebb_context *ebb, int batch) {
    hand h = hand_new(batch), alone = hand_new(batch);
    int32_t labels[LARGEST];
    for (int i = 0; i < batch; i++)
        labels[i] = i % OUT;
    ebb_operand in[] = {EBB_OPERAND(ebb_constant(ebb, EBB_F32, EBB_SHAPE(batch, IN), h.x)),
                        EBB_OPERAND(ebb_constant(ebb, EBB_I32, EBB_SHAPE(batch), labels))};
    model sgd = model_new(ebb, &h, false), adam = model_new(ebb, &h, true), slow = model_new(ebb, &h, false);
    ebb_function *f = ebb_function_new(ebb, step, &(ebb_function_options){.name = "w5_sgd", .data = &sgd});
    ebb_function *a = ebb_function_new(ebb, step, &(ebb_function_options){.name = "w5_adam", .data = &adam});
    ebb_function *e =
        ebb_function_new(ebb, step, &(ebb_function_options){.name = "w5_eager", .data = &slow, .mode = EBB_EAGER});
    native raw = native_new(ebb, f, 2, in), raw_adam = native_new(ebb, a, 2, in);
    comfortable call = {ebb, f, 2, in}, eager = {ebb, e, 2, in};
    native_call(&raw), by_hand(&h), products_alone(&alone);
    printf("\nW5 batch %d: first loss %.7g, by hand %.7g\n", batch, (double)native_item_f32(&raw, 0), (double)h.loss);
    char title[80];
    snprintf(title, sizeof title, "W5, a step of 784-128-10 at batch %d, f32", batch);
    bench_title(title, "the other");
    bench_result r = bench_pair(native_call, &raw, products_alone, &alone);
    bench_row("SGD step, against its five sgemm calls alone", r, batch == 64 ? "1.5 times" : "", r.ratio <= 1.5);
    bench_row("SGD step, against C by hand", bench_pair(native_call, &raw, by_hand, &h), "", true);
    bench_row("Adam step, against its five sgemm calls alone",
              bench_pair(native_call, &raw_adam, products_alone, &alone), "", true);
    bench_row("SGD step eager, against compiled", bench_pair(comfortable_call, &eager, comfortable_call, &call), "",
              true);
    native_free(&raw), native_free(&raw_adam);
}

int main(void) {
    ebb_context *ebb = ebb_open(&(ebb_options){.mode = EBB_NATIVE});
    bench_yardsticks();
    measure(ebb, 64);
    measure(ebb, 512);
    int code = ebb_ok(ebb) ? 0 : 1;
    if (code) fprintf(stderr, "%s\n", ebb_error(ebb));
    ebb_close(ebb);
    return code;
}
