/* fashion.c - the demo: derivatives of a formula, a classifier of clothes, and what compiling is worth.
 *
 *  1. A C function is traced, its graph printed, and its value, gradient and Hessian computed by three roads, eager and
 *     compiled; all must agree.
 *  2. A 784-128-10 network learns Fashion-MNIST (Xiao, Rasul, Vollgraf 2017): each training step is one compiled
 * function.
 *  3. The time of a step, eager against compiled; the numbers go to $EBB_DEMO_JSON (build/demo.json) as well.
 *
 * Exit status 1: something failed, the roads disagree, or the network classifies less than 87 % of the real test images
 * right. Without the real images a small set does; with EBB_DEMO_STRICT=1 that is a failure too. Start reading at main.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/common/classifier.h"
#include "frontend/common/formula.h"
#include "frontend/common/json.h"
#include "frontend/common/random.h"
#include "frontend/common/timing.h"

enum { EPOCHS = 10 };
static const double least_accuracy = 0.87;

/* The two ways to run everything: a context each. */
enum { EAGER, COMPILED, SIDES };
static const char *const side_names[SIDES] = {"eager", "compiled"};

static bool fail(const char *what, ebb_context *ebb) {
    fprintf(stderr, "\nfashion: %s%s%s\n", what, ebb && !ebb_ok(ebb) ? ": " : "", ebb ? ebb_error(ebb) : "");
    return false;
}

/* ---------------------------------------------------------------- 1. A formula by many roads ---- */

static void print_answer(const char *name, const char *side, const answer *a) {
    printf("  %-31s %-9s", name, side);
    for (int k = 0; k < FORMULA_PARTS; k++)
        if (k != 5) printf(" %14.12g", a->part[k]);
    putchar('\n');
}

static void print_trace(ebb_context *ebb, ebb_function *f) {
    ebb_operand at[2], unit[2];
    formula_point(ebb, at, unit);
    ebb_concrete *traced = ebb_get_concrete(f, 2, at);
    printf("%s\n", ebb_concrete_text(traced));
}

static double difference(const answer *a, const answer *b) {
    double most = 0;
    for (int k = 0; k < FORMULA_PARTS; k++)
        most = fmax(most, fabs(a->part[k] - b->part[k]) / fabs(b->part[k]));
    return most;
}

static bool show_formula(ebb_context *const sides[SIDES]) {
    answer first = {0};
    double most = 0;
    puts("1. A C function, traced once\n");
    EBB_SCOPE (sides[COMPILED])
        print_trace(sides[COMPILED], formula_in(sides[COMPILED]));
    printf("  %-31s %-9s %14s %14s %14s %14s %14s %14s\n", "at x = 0.7, y = 1.3", "", "f", "df/dx", "df/dy", "d2f/dx2",
           "d2f/dxdy", "d2f/dy2");
    for (int r = 0; r < FORMULA_ROADS; r++)
        for (int s = 0; s < SIDES; s++) {
            answer a;
            EBB_SCOPE (sides[s])
                a = formula_roads[r].take(sides[s], formula_in(sides[s]));
            if (!ebb_ok(sides[s])) return fail(formula_roads[r].name, sides[s]);
            if (r + s == 0) first = a;
            most = fmax(most, difference(&a, &first));
            print_answer(formula_roads[r].name, side_names[s], &a);
        }
    printf("  largest relative difference %.2g\n\n", most);
    return most < 64 * DBL_EPSILON || fail("the roads disagree", NULL);
}

/* ---------------------------------------------------------------- 2. Training ---- */

static void train(classifier *c, epoch history[EPOCHS]) {
    for (int i = 0; i < EPOCHS && ebb_ok(c->ebb); i++)
        history[i] = classifier_epoch(c, i + 1, EPOCHS, stdout, stdout);
}

static bool check_training(const classifier *c, const epoch *history) {
    const char *strict = getenv("EBB_DEMO_STRICT");
    double reached = history[EPOCHS - 1].accuracy;
    if (!ebb_ok(c->ebb)) return fail("training", c->ebb);
    printf("  the step was traced %d times, once for each size of a batch\n\n", ebb_trace_count(c->step));
    if (c->data->small) {
        puts("  These were only the few images that come with ebb: install dataset-fashion-mnist for all of them.\n");
        return !(strict && strcmp(strict, "1") == 0) || fail("the real data set is missing", NULL);
    }
    return reached >= least_accuracy || fail("the test accuracy is below 0.87", NULL);
}

static bool show_training(ebb_context *ebb, dataset *data, classifier *c, epoch *history) {
    char error[256];
    if (!dataset_load(data, ebb, NULL, error)) return fail(error, NULL);
    printf("2. A 784-128-10 network on Fashion-MNIST\n\n  %lld training and %lld test images in %s\n",
           (long long)data->train.count, (long long)data->test.count, data->folder);
    if (!classifier_open(c, ebb, data, &(classifier_options){.seed = 1})) return fail("the classifier", ebb);
    train(c, history);
    return check_training(c, history);
}

/* ---------------------------------------------------------------- 3. Eager against compiled ---- */

/* A call to time. */
typedef struct job {
    ebb_context *ebb;
    ebb_function *function;
    int arguments;
    ebb_operand argument[4];
} job;

static void run_job(void *data) {
    const job *j = data;
    EBB_SCOPE (j->ebb) {
        ebb_tensor *first;
        ebb_call_n(j->function, j->arguments, j->argument, 1, &first);
    }
}

static job classifier_job(classifier *c) {
    ebb_tensor *batch[2];
    classifier_batch(c, batch);
    return (job){c->ebb, c->step, 2, {ebb_operand_tensor(batch[0]), ebb_operand_tensor(batch[1])}};
}

/* 100 points on y = 0.1 x + 0.3, fitted by gradient descent. */
typedef struct line {
    ebb_tensor *unknown[2]; /* slope and height, [1] each */
    ebb_optimizer *sgd;
} line;

static void line_step(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    line *l = data;
    ebb_tensor *gradients[2];
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_tensor *fitted = ebb_add(ebb_mul(l->unknown[0], in[0]), l->unknown[1]);
    ebb_tensor *loss = ebb_mean(ebb_square(ebb_sub(fitted, in[1])));
    ebb_gradients(tape, 1, &loss, 2, l->unknown, gradients, NULL);
    ebb_apply_gradients(l->sgd, 2, gradients, l->unknown);
    out[0] = loss;
}

static job line_job(ebb_context *ebb, line *l) {
    float x[100], y[100];
    uint64_t state = 10;
    for (int i = 0; i < 100; i++) {
        x[i] = (float)random_unit(&state);
        y[i] = 0.1f * x[i] + 0.3f;
    }
    l->unknown[0] = ebb_variable(ebb, ebb_zeros(ebb, EBB_F32, EBB_SHAPE(1)), "W");
    l->unknown[1] = ebb_variable(ebb, ebb_zeros(ebb, EBB_F32, EBB_SHAPE(1)), "b");
    l->sgd = ebb_sgd(ebb, &(ebb_sgd_options){.learning_rate = 0.5});
    ebb_function *step = ebb_function_new(ebb, line_step, &(ebb_function_options){.name = "line", .data = l});
    ebb_tensor *points = ebb_constant(ebb, EBB_F32, EBB_SHAPE(100), x);
    ebb_tensor *heights = ebb_constant(ebb, EBB_F32, EBB_SHAPE(100), y);
    return (job){ebb, step, 2, {ebb_operand_tensor(points), ebb_operand_tensor(heights)}};
}

static job gradient_job(ebb_context *ebb) {
    job j = {ebb, ebb_grad(formula_in(ebb), EBB_WRT(0, 1)), 2, {{0}}};
    formula_point(ebb, j.argument, j.argument + 2);
    return j;
}

static job product_job(ebb_context *ebb) {
    job j = {ebb, ebb_hvp(formula_in(ebb), EBB_WRT(0, 1)), 4, {{0}}};
    formula_point(ebb, j.argument, j.argument + 2);
    return j;
}

enum { ROWS = 4 };
static const char *const row_names[ROWS] = {"784-128-10 training step, batch 64", "linear regression step, 100 points",
                                            "gradient of f(x, y)", "Hessian-vector product of f(x, y)"};

static void make_jobs(ebb_context *ebb, classifier *c, line *l, job jobs[ROWS]) {
    jobs[0] = classifier_job(c);
    jobs[1] = line_job(ebb, l);
    jobs[2] = gradient_job(ebb);
    jobs[3] = product_job(ebb);
}

static void race(job jobs[SIDES][ROWS], double seconds[SIDES][ROWS]) {
    printf("3. Time per step\n\n  %-36s %10s %10s %8s\n", "", "eager", "compiled", "ratio");
    for (int r = 0; r < ROWS; r++) {
        timing pair[SIDES];
        char text[SIDES][24];
        for (int s = 0; s < SIDES; s++)
            pair[s] = (timing){.run = run_job, .data = &jobs[s][r]};
        time_interleaved(pair, SIDES, 2);
        for (int s = 0; s < SIDES; s++)
            duration_text(seconds[s][r] = pair[s].seconds, text[s]);
        printf("  %-36s %10s %10s %7.1fx\n", row_names[r], text[EAGER], text[COMPILED],
               seconds[EAGER][r] / seconds[COMPILED][r]);
        fflush(stdout);
    }
}

static bool show_times(ebb_context *const sides[SIDES], classifier *trained, double seconds[SIDES][ROWS]) {
    job jobs[SIDES][ROWS];
    line lines[SIDES];
    classifier eager;
    bool good = classifier_open(&eager, sides[EAGER], trained->data, &(classifier_options){.seed = 1});
    if (good) {
        make_jobs(sides[EAGER], &eager, &lines[EAGER], jobs[EAGER]);
        make_jobs(sides[COMPILED], trained, &lines[COMPILED], jobs[COMPILED]);
        race(jobs, seconds);
    }
    classifier_close(&eager);
    for (int s = 0; s < SIDES; s++)
        if (!ebb_ok(sides[s])) return fail(side_names[s], sides[s]);
    return good || fail("out of memory", NULL);
}

/* ---------------------------------------------------------------- The same for programs ---- */

static void write_times(json *j, double seconds[SIDES][ROWS]) {
    json_key(j, "seconds_per_step");
    json_open(j, '{');
    for (int r = 0; r < ROWS; r++) {
        json_key(j, row_names[r]);
        json_open(j, '{');
        for (int s = 0; s < SIDES; s++) {
            json_key(j, side_names[s]);
            json_real(j, seconds[s][r], EBB_F32);
        }
        json_close(j, '}');
    }
    json_close(j, '}');
}

static bool write_report(const dataset *data, const epoch *history, double seconds[SIDES][ROWS]) {
    const char *path = getenv("EBB_DEMO_JSON");
    if (!path || !*path) path = "build/demo.json";
    json j = {.to = fopen(path, "w")};
    if (!j.to) return perror(path), false;
    json_open(&j, '{');
    json_key(&j, "data");
    json_string(&j, data->folder);
    json_key(&j, "test_accuracy");
    json_real(&j, history[EPOCHS - 1].accuracy, EBB_F64);
    json_key(&j, "epochs");
    json_open(&j, '[');
    for (int i = 0; i < EPOCHS; i++)
        epoch_write(&history[i], &j);
    json_close(&j, ']');
    write_times(&j, seconds);
    json_close(&j, '}');
    bool good = json_end(&j);
    good = fclose(j.to) == 0 && good;
    if (good) printf("\n  written to %s\n", path);
    if (!good) perror(path);
    return good;
}

/* ---------------------------------------------------------------- */

static bool show_all(ebb_context *const sides[SIDES]) {
    dataset data;
    classifier trained = {0};
    epoch history[EPOCHS] = {0};
    double seconds[SIDES][ROWS];
    bool good = show_formula(sides) && show_training(sides[COMPILED], &data, &trained, history) &&
                show_times(sides, &trained, seconds) && write_report(&data, history, seconds);
    classifier_close(&trained);
    return good;
}

int main(void) {
    ebb_context *sides[SIDES] = {ebb_open(&(ebb_options){.mode = EBB_EAGER}),
                                 ebb_open(&(ebb_options){.mode = EBB_NATIVE})};
    bool good = sides[EAGER] && sides[COMPILED];
    if (good) {
        ebb_scope_open(sides[EAGER]); /* until ebb_close */
        ebb_scope_open(sides[COMPILED]);
        good = show_all(sides);
    }
    ebb_close(sides[EAGER]);
    ebb_close(sides[COMPILED]);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
