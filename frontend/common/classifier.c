/* classifier.c - see classifier.h. */
#include "frontend/common/classifier.h"

#include <math.h>
#include <stdlib.h>

#include "frontend/common/progress.h"
#include "frontend/common/random.h"
#include "frontend/common/timing.h"

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* ---- the model ---- */

static ebb_tensor *logits(const classifier *c, ebb_tensor *x) {
    ebb_tensor *const *w = c->weights;
    ebb_tensor *hidden = ebb_relu(ebb_add(ebb_matmul(x, w[0]), w[1]));
    return ebb_add(ebb_matmul(hidden, w[2]), w[3]);
}

/* in: pixels, labels; out: loss. */
static void train_step(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    classifier *c = data;
    ebb_tensor *gradients[4];
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_tensor *loss = ebb_mean(ebb_sparse_softmax_cross_entropy(logits(c, in[0]), in[1]));
    ebb_gradients(tape, 1, &loss, 4, c->weights, gradients, NULL);
    ebb_apply_gradients(c->adam, 4, gradients, c->weights);
    out[0] = loss;
}

/* in: pixels, labels; out: how many are right. */
static void count_correct(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb;
    ebb_tensor *right = ebb_eq(ebb_argmax(logits(data, in[0]), 1), in[1]);
    out[0] = ebb_sum(ebb_cast(right, EBB_I64));
}

/* ---- opening ---- */

static void open_weights(classifier *c, int64_t hidden, uint64_t seed) {
    ebb_context *ebb = c->ebb;
    int64_t inputs = c->data->inputs, classes = c->data->classes;
    ebb_set_seed(ebb, seed);
    EBB_SCOPE (ebb) {
        ebb_tensor *first = ebb_random_normal(ebb, EBB_F32, EBB_SHAPE(inputs, hidden), 0, sqrt(2.0 / (double)inputs));
        ebb_tensor *second = ebb_random_normal(ebb, EBB_F32, EBB_SHAPE(hidden, classes), 0, sqrt(2.0 / (double)hidden));
        c->weights[0] = ebb_variable(ebb, first, "W1");
        c->weights[1] = ebb_variable(ebb, ebb_zeros(ebb, EBB_F32, EBB_SHAPE(hidden)), "b1");
        c->weights[2] = ebb_variable(ebb, second, "W2");
        c->weights[3] = ebb_variable(ebb, ebb_zeros(ebb, EBB_F32, EBB_SHAPE(classes)), "b2");
    }
}

static int64_t *counted(int64_t n) {
    int64_t *order = malloc((size_t)n * sizeof *order);
    for (int64_t i = 0; order && i < n; i++)
        order[i] = i;
    return order;
}

bool classifier_open(classifier *c, ebb_context *ebb, const dataset *data, const classifier_options *options) {
    classifier_options o = *options;
    int64_t images = data->train.count, batch = o.batch > 0 ? o.batch : 64;
    *c = (classifier){.ebb = ebb, .data = data, .batch = least(batch, images), .random = o.seed};
    c->order = counted(images);
    c->test_order = counted(data->test.count);
    c->pixels = malloc((size_t)(c->batch * data->inputs) * sizeof *c->pixels);
    c->labels = malloc((size_t)c->batch * sizeof *c->labels);
    open_weights(c, o.hidden > 0 ? o.hidden : 128, o.seed);
    c->learning_rate = o.learning_rate > 0 ? o.learning_rate : 0.001;
    c->adam = ebb_adam(ebb, &(ebb_adam_options){.learning_rate = c->learning_rate});
    c->step = ebb_function_new(ebb, train_step, &(ebb_function_options){.name = "step", .data = c, .mode = o.mode});
    c->correct =
        ebb_function_new(ebb, count_correct, &(ebb_function_options){.name = "correct", .data = c, .mode = o.mode});
    return c->order && c->test_order && c->pixels && c->labels && ebb_ok(ebb);
}

void classifier_close(classifier *c) {
    ebb_function_free(c->step);
    ebb_function_free(c->correct);
    ebb_optimizer_free(c->adam);
    for (int i = 0; i < 4; i++)
        ebb_release(c->weights[i]);
    free(c->order);
    free(c->test_order);
    free(c->pixels);
    free(c->labels);
    *c = (classifier){0};
}

/* ---- the loops ---- */

/* n images of a split as arguments of the functions. */
static void batch_of(classifier *c, const split *s, const int64_t *index, int64_t n, ebb_tensor *batch[2]) {
    dataset_gather(c->data, s, index, n, c->pixels, c->labels);
    batch[0] = ebb_constant(c->ebb, EBB_F32, EBB_SHAPE(n, c->data->inputs), c->pixels);
    batch[1] = ebb_constant(c->ebb, EBB_I64, EBB_SHAPE(n), c->labels);
}

void classifier_batch(classifier *c, ebb_tensor *batch[2]) { batch_of(c, &c->data->train, c->order, c->batch, batch); }

/* Calls f on n images of a split; its result as a number, NaN after an error. */
static double call_on(classifier *c, ebb_function *f, const split *s, const int64_t *index, int64_t n) {
    double result = NAN;
    EBB_SCOPE (c->ebb) {
        ebb_tensor *batch[2];
        batch_of(c, s, index, n, batch);
        result = ebb_item(ebb_call(f, batch[0], batch[1]), 0);
    }
    return result;
}

/* Gives the mean loss. */
static double train_on_all(classifier *c, progress *bar, const char *label) {
    int64_t images = c->data->train.count;
    double sum = 0;
    random_shuffle(&c->random, c->order, images);
    for (int64_t done = 0; done < images && ebb_ok(c->ebb);) {
        int64_t n = least(c->batch, images - done);
        char note[40];
        sum += call_on(c, c->step, &c->data->train, c->order + done, n) * (double)n;
        done += n;
        snprintf(note, sizeof note, "loss %.4f", sum / (double)done);
        progress_draw(bar, label, done, images, note);
    }
    return sum / (double)images;
}

static double accuracy(classifier *c) {
    int64_t images = c->data->test.count;
    double right = 0;
    for (int64_t done = 0; done < images && ebb_ok(c->ebb); done += c->batch) {
        int64_t n = least(c->batch, images - done);
        right += call_on(c, c->correct, &c->data->test, c->test_order + done, n);
    }
    return right / (double)images;
}

/* The rate is a variable that the step reads: no new trace. */
static void set_rate(classifier *c, int number, int count) {
    bool calm = number > count - count / 5;
    EBB_SCOPE (c->ebb)
        ebb_assign(ebb_learning_rate(c->adam), c->learning_rate * (calm ? 0.1 : 1));
}

epoch classifier_epoch(classifier *c, int number, int count, FILE *bar_to, FILE *lines) {
    progress bar = progress_on(bar_to);
    char label[48];
    epoch e;
    snprintf(label, sizeof label, "epoch %2d/%d", number, count);
    set_rate(c, number, count);
    double start = clock_seconds();
    e.loss = train_on_all(c, &bar, label);
    e.seconds = clock_seconds() - start;
    e.accuracy = accuracy(c);
    progress_clear(&bar);
    if (lines) fprintf(lines, "%s  loss %.4f  test accuracy %.4f  %.2f s\n", label, e.loss, e.accuracy, e.seconds);
    if (lines) fflush(lines);
    return e;
}

void epoch_write(const epoch *e, json *j) {
    json_open(j, '{');
    json_key(j, "loss");
    json_real(j, e->loss, EBB_F32);
    json_key(j, "accuracy");
    json_real(j, e->accuracy, EBB_F64);
    json_key(j, "seconds");
    json_real(j, e->seconds, EBB_F32);
    json_close(j, '}');
}
