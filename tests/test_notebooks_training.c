/* test_notebooks_training.c - the training loops of the notebooks 000 and 003, each in four ways: tape and step
 * eagerly; as a function run eagerly; the loss compiled, with tape and step outside; all in one compiled function. */
#include <criterion/criterion.h>
#include <math.h>

#include "tests/support/check.h"
#include "tests/support/four_ways.h"

#define BODY(name) static void name(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data)

/* A loss of variables, without arguments, and what it is trained with. */
typedef struct training {
    ebb_body *loss;
    void *data;
    ebb_optimizer *optimizer;
    int n;
    ebb_tensor *unknown[2];
} training;

/* One step; the loss, as it was before, comes from f or from the body itself. */
static void step(ebb_context *ebb, const training *t, ebb_function *f, ebb_tensor **loss) {
    ebb_tensor *gradients[2];
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    if (f)
        ebb_call_n(f, 0, NULL, 1, loss);
    else
        t->loss(ebb, NULL, loss, t->data);
    ebb_gradients(tape, 1, loss, t->n, t->unknown, gradients, NULL);
    ebb_apply_gradients(t->optimizer, t->n, gradients, t->unknown);
}

BODY(step_inside) {
    (void)in;
    step(ebb, data, NULL, out);
}

/* Called after each step with its number and loss. */
typedef void after_step(const training *t, int i, double loss, way w, void *data);

static void train(ebb_context *ebb, training *t, way w, int steps, after_step *after, void *data) {
    ebb_function *f = function_of_way(ebb, w, t->loss, t->data, step_inside, t, 1);
    for (int i = 0; i < steps; i++)
        EBB_SCOPE (ebb) {
            ebb_tensor *loss;
            if (w == EAGER_TAPE || w == TAPE_OUTSIDE)
                step(ebb, t, f, &loss);
            else
                ebb_call_n(f, 0, NULL, 1, &loss);
            after(t, i, ebb_item(loss, 0), w, data);
        }
    cr_expect(!f || ebb_trace_count(f) == (w == FUNCTION_RUN_EAGERLY ? 0 : 1), "%s: %d traces", way_name[w],
              ebb_trace_count(f));
}

/* ---- 000: linear regression ---- */

typedef struct line {
    training training; /* W [1], b [1] */
    ebb_tensor *x, *y;
} line;

BODY(line_loss) {
    (void)ebb, (void)in;
    const line *l = data;
    ebb_tensor *predicted = ebb_add(ebb_mul(l->training.unknown[0], l->x), l->training.unknown[1]);
    out[0] = ebb_mean(ebb_square(ebb_sub(predicted, l->y)));
}

/* y = 0.1 x + 0.3 at x, from W = w and b = 0 */
static void open_line(ebb_context *ebb, line *l, ebb_tensor *x, ebb_tensor *w) {
    ebb_optimizer *sgd = ebb_sgd(ebb, &(ebb_sgd_options){.learning_rate = 0.5});
    l->x = x;
    l->y = ebb_add(ebb_mul(x, 0.1), 0.3);
    l->training = (training){line_loss, l, sgd, 2, {ebb_variable(ebb, w, "W")}};
    l->training.unknown[1] = ebb_variable(ebb, ebb_zeros(ebb, ebb_dtype_of(x), EBB_SHAPE(1)), "b");
}

/* G000-2: the printed log, on the two points that give the same moments as the notebook's hundred (their means of x and
 * x^2 are equal).
 */
static const struct {
    double w, b;
} regression_log[] = {{0.03418568, 0.49445015}, {0.06306686, 0.32119435}, {0.08977877, 0.30586553},
                      {0.09717127, 0.3016233},  {0.09921715, 0.30044925}, {0.09978334, 0.30012435},
                      {0.09994004, 0.30003443}, {0.09998339, 0.30000955}, {0.09999541, 0.30000266},
                      {0.09999872, 0.30000076}, {0.09999963, 0.30000022}};

static void compare_with_log(const training *t, int i, double loss, way w, void *data) {
    double have[2] = {ebb_item(t->unknown[0], 0), ebb_item(t->unknown[1], 0)}, tolerance = *(const double *)data;
    (void)loss;
    if (i % 20) return;
    cr_expect(fabs(have[0] - regression_log[i / 20].w) <= tolerance &&
                  fabs(have[1] - regression_log[i / 20].b) <= tolerance,
              "G000-2, %s, step %d: W %.9g b %.9g, the notebook has %.9g %.9g", way_name[w], i, have[0], have[1],
              regression_log[i / 20].w, regression_log[i / 20].b);
}

/* The data reproduce the eight printed digits within 6e-7 in f32 and 3e-8 in f64. */
Test(notebooks_training, g000_2_the_printed_log) {
    static const struct {
        ebb_dtype dtype;
        const char *x, *w;
        double tolerance;
    } cases[] = {{EBB_F32, "[0.2528053, 0.82350814]", "[-0.26132715]", 1e-6},
                 {EBB_F64, "[0.2528044461201382, 0.823507381554365]", "[-0.2613267925070603]", 1e-7}};
    for (int i = 0; i < 2; i++)
        for (way w = 0; w < WAYS; w++) {
            ebb_context *ebb = ebb_open(NULL);
            line l;
            double tolerance = cases[i].tolerance;
            open_line(ebb, &l, ebb_literal(ebb, cases[i].x, cases[i].dtype),
                      ebb_literal(ebb, cases[i].w, cases[i].dtype));
            train(ebb, &l.training, w, 201, compare_with_log, &tolerance);
            expect_ok(ebb, "G000-2, %s", way_name[w]);
            ebb_close(ebb);
        }
}

static void keep_rows(const training *t, int i, double loss, way w, void *data) {
    (void)loss, (void)w;
    if (i % 20 == 0) ((double *)data)[i / 20] = ebb_item(t->unknown[0], 0) - 0.1;
}

/* A hundred uniform points reach the line for any seed, and the error shrinks by one factor from row to row. */
Test(notebooks_training, g000_1_hundred_points) {
    for (way w = 0; w < WAYS; w++) {
        ebb_context *ebb = ebb_open(&(ebb_options){.seed = 7 + (uint64_t)w});
        line l;
        double error[11];
        open_line(ebb, &l, ebb_random_uniform(ebb, EBB_F64, EBB_SHAPE(100), 0, 1),
                  ebb_random_uniform(ebb, EBB_F64, EBB_SHAPE(1), -1, 1));
        train(ebb, &l.training, w, 201, keep_rows, error);
        cr_expect(fabs(error[10]) < 1e-5 && fabs(ebb_item(l.training.unknown[1], 0) - 0.3) < 1e-5,
                  "G000-1, %s: W off by %g", way_name[w], error[10]);
        for (int i = 4; i < 10; i++) {
            double ratio = error[i + 1] / error[i], last = error[10] / error[9];
            cr_expect(fabs(ratio - last) < 1e-4 && ratio > 0.2 && ratio < 0.35, "G000-1, %s, row %d: %g, later %g",
                      way_name[w], i, ratio, last);
        }
        expect_ok(ebb, "G000-1, %s", way_name[w]);
        ebb_close(ebb);
    }
}

/* ---- 000: Adam ---- */

/* G000-4, 5: Adam, ten steps; every printed digit in f32 (eager arithmetic is the notebook's), 1e-12 in f64. */
static const char *const adam_f32[] = {"0.90000075", "0.8001683", "0.7006256",  "0.6015081",  "0.50295985",
                                       "0.4051363",  "0.3082048", "0.21234292", "0.11773961", "0.024594113"};
static const double adam_f64[] = {0.900000079057, 0.800166621741, 0.700623574825, 0.601505119414, 0.502956042692,
                                  0.405132025667, 0.308199822578, 0.212337299183, 0.117733291891, 0.024587245455};

BODY(parabola) {
    (void)ebb, (void)in;
    ebb_tensor *x = ((const training *)data)->unknown[0];
    out[0] = ebb_add(ebb_add(ebb_pow(x, 2), ebb_mul(2, x)), 1);
}

static void compare_with_digits(const training *t, int i, double loss, way w, void *data) {
    const ebb_tensor *x = t->unknown[0];
    (void)loss, (void)data;
    if (ebb_dtype_of(x) == EBB_F32)
        expect_text(x, adam_f32[i], "G000-4, %s, step %d", way_name[w], i);
    else
        cr_expect(fabs(ebb_item(x, 0) - adam_f64[i]) < 1e-12, "G000-5, %s, step %d: %.15g", way_name[w], i,
                  ebb_item(x, 0));
}

static void open_adam(ebb_context *ebb, training *t, ebb_dtype dtype) {
    *t = (training){.loss = parabola, .data = t, .n = 1};
    t->optimizer = ebb_adam(ebb, &(ebb_adam_options){.learning_rate = 0.1});
    t->unknown[0] = ebb_variable(ebb, ebb_full(ebb, dtype, EBB_SCALAR, 1), "x");
}

Test(notebooks_training, g000_4_g000_5_adams_digits) {
    for (ebb_dtype dtype = EBB_F32; dtype <= EBB_F64; dtype++)
        for (way w = 0; w < WAYS; w++) {
            ebb_context *ebb = ebb_open(NULL);
            training t;
            open_adam(ebb, &t, dtype);
            train(ebb, &t, w, 10, compare_with_digits, NULL);
            expect_ok(ebb, "G000-4, %s", way_name[w]);
            ebb_close(ebb);
        }
}

/* ebb_minimize is all of that in one call. */
BODY(minimize) {
    (void)ebb, (void)in;
    training *t = data;
    out[0] = ebb_minimize(t->optimizer, t->loss, t->data, 1, t->unknown);
}

Test(notebooks_training, g000_4_minimize) {
    for (ebb_mode mode = EBB_NATIVE; mode <= EBB_EAGER; mode++) {
        ebb_context *ebb = ebb_open(NULL);
        training t;
        open_adam(ebb, &t, EBB_F32);
        ebb_function *f = ebb_function_new(ebb, minimize, &(ebb_function_options){.data = &t, .mode = mode});
        for (int i = 0; i < 10; i++)
            EBB_SCOPE (ebb) {
                ebb_tensor *loss;
                ebb_call_n(f, 0, NULL, 1, &loss);
                expect_text(t.unknown[0], adam_f32[i], "G000-4, mode %d, step %d", mode, i);
            }
        expect_ok(ebb, "G000-4, mode %d", mode);
        ebb_close(ebb);
    }
}

/* ---- 003: a thousand steps ---- */

typedef struct fit {
    training training; /* w [], b [] */
    ebb_tensor *x, *y; /* y NULL: the notebook's tf.square(y_hat, y), which takes y for a name */
} fit;

BODY(fit_loss) {
    (void)ebb, (void)in;
    const fit *f = data;
    ebb_tensor *predicted = ebb_add(ebb_mul(f->x, f->training.unknown[0]), f->training.unknown[1]);
    out[0] = ebb_sum(ebb_square(f->y ? ebb_sub(predicted, f->y) : predicted));
}

static const char fit_x[] =
    "[[0.101185891297, 0.660303225752, 0.206651036390], [0.210236715184, 0.284621908160, 0.901336520945]]";

static void open_fit(ebb_context *ebb, fit *f, bool meant) {
    f->x = ebb_literal(ebb, fit_x, EBB_F64);
    f->y = meant ? ebb_add(ebb_mul(3, f->x), 2) : NULL;
    f->training = (training){fit_loss, f, ebb_sgd(ebb, &(ebb_sgd_options){.learning_rate = 1e-3}), 2, {0}};
    f->training.unknown[0] = ebb_variable(ebb, ebb_scalar(ebb, 0.279179310479), "w");
    f->training.unknown[1] = ebb_variable(ebb, ebb_scalar(ebb, 0.732950830593), "b");
}

static void keep_losses(const training *t, int i, double loss, way w, void *data) {
    (void)t, (void)w;
    ((double *)data)[i == 0 ? 0 : 1] = loss;
}

/* 1e-5: the data are given with twelve digits. */
Test(notebooks_training, g003_6_g003_7_thousand_steps) {
    static const struct {
        const char *id;
        bool meant;
        double first, last, w, b;
    } cases[] = {
        {"G003-6", false, 4.302092012372, 6.59168682419e-05, -0.011468848738, 0.004863684497},
        {"G003-7", true, 36.494797898620, 0.314579921381, 2.207688262836, 2.335955957366},
    };
    for (int i = 0; i < 2; i++)
        for (way w = 0; w < WAYS; w++) {
            ebb_context *ebb = ebb_open(NULL);
            fit f;
            double loss[2];
            open_fit(ebb, &f, cases[i].meant);
            train(ebb, &f.training, w, 1000, keep_losses, loss);
            cr_expect(fabs(loss[0] - cases[i].first) < 1e-5 * cases[i].first && fabs(loss[1] - cases[i].last) < 1e-5,
                      "%s, %s: losses %.12g %.12g", cases[i].id, way_name[w], loss[0], loss[1]);
            double have[2] = {ebb_item(f.training.unknown[0], 0), ebb_item(f.training.unknown[1], 0)};
            cr_expect(fabs(have[0] - cases[i].w) < 1e-5 && fabs(have[1] - cases[i].b) < 1e-5, "%s, %s: w %.12g b %.12g",
                      cases[i].id, way_name[w], have[0], have[1]);
            expect_ok(ebb, "%s, %s", cases[i].id, way_name[w]);
            ebb_close(ebb);
        }
}
