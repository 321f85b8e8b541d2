/* test_notebooks.c - the cells of the notebooks 000 to 003 that the library was made from, with the outputs they
 * print.
 *
 * Where a cell differentiates, it runs four ways: eagerly; as a function run eagerly; compiled with the tape outside;
 * compiled with the gradient inside. Numbers are exact unless the test says otherwise and why. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "frontend/common/progress.h"
#include "tests/support/check.h"

/* ---- four ways ---- */

typedef enum way { EAGER_TAPE, FUNCTION_RUN_EAGERLY, TAPE_OUTSIDE, GRADIENT_INSIDE, WAYS } way;
static const char *const way_name[WAYS] = {"eager tape", "function run eagerly", "compiled, tape outside",
                                           "compiled, gradient inside"};

/* y = cell(x...) with its gradients; every x is a tensor or variable, watched. */
typedef struct cell {
    ebb_tensor *(*body)(ebb_tensor *const *x);
    int n;
    ebb_tensor *x[2];
} cell;

static void cell_value(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb;
    out[0] = ((const cell *)data)->body(in);
}

static void cell_gradient(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    const cell *c = data;
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    for (int i = 0; i < c->n; i++)
        ebb_watch(tape, in[i]);
    out[0] = c->body(in);
    ebb_gradients(tape, 1, out, c->n, in, out + 1, NULL);
}

/* out[0] = value, out[1 ..] = gradients */
static void run_cell(ebb_context *ebb, cell *c, way w, ebb_tensor **out) {
    ebb_operand in[2];
    for (int i = 0; i < c->n; i++)
        in[i] = EBB_OPERAND(c->x[i]);
    if (w == EAGER_TAPE) {
        cell_gradient(ebb, c->x, out, c);
    } else if (w == TAPE_OUTSIDE) {
        ebb_function *f =
            ebb_function_new(ebb, cell_value, &(ebb_function_options){.name = "cell", .data = c, .mode = EBB_NATIVE});
        ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
        for (int i = 0; i < c->n; i++)
            ebb_watch(tape, c->x[i]);
        ebb_call_n(f, c->n, in, 1, out);
        ebb_gradients(tape, 1, out, c->n, c->x, out + 1, NULL);
    } else {
        ebb_mode mode = w == GRADIENT_INSIDE ? EBB_NATIVE : EBB_EAGER;
        ebb_function *f = ebb_function_new(
            ebb, cell_gradient, &(ebb_function_options){.name = "cell", .results = 1 + c->n, .data = c, .mode = mode});
        ebb_call_n(f, c->n, in, 1 + c->n, out);
    }
}

static ebb_tensor *polynomial(ebb_tensor *const *x) { return ebb_add(ebb_add(ebb_pow(x[0], 2), ebb_mul(2, x[0])), 1); }
static ebb_tensor *squared(ebb_tensor *const *x) { return ebb_square(x[0]); }
static ebb_tensor *cubed(ebb_tensor *const *x) { return ebb_pow(x[0], 3); }
static ebb_tensor *two_variables(ebb_tensor *const *x) {
    return ebb_add(ebb_add(ebb_square(x[0]), ebb_mul(2, ebb_square(x[1]))), 1);
}

/* b = a^2, c = sqrt(a), d = b + c, e = a b d: each element of e is 4. */
static ebb_tensor *squares_and_roots(ebb_tensor *const *a) {
    ebb_tensor *b = ebb_square(a[0]), *d = ebb_add(b, ebb_sqrt(a[0]));
    return ebb_mul(ebb_matmul(a[0], b), d);
}

typedef struct golden {
    const char *id;
    ebb_tensor *(*body)(ebb_tensor *const *);
    int n;
    const char *x[2], *value, *gradient[2];
} golden;

static const golden cells[] = {
    {"G000-6", polynomial, 1, {"3.0", 0}, "16.0", {"8.0", 0}},
    {"G001-14", squared, 1, {"3.0", 0}, "9.0", {"6.0", 0}},
    {"G001-15 z", cubed, 1, {"3.0", 0}, "27.0", {"27.0", 0}},
    {"G001-19", two_variables, 2, {"3.0", "4.0"}, "42.0", {"6.0", "16.0"}},
    {"G002-8", squares_and_roots, 1, {"[[1.,1],[1,1]]", 0}, "[[4. 4.]\n [4. 4.]]", {"[[17. 17.]\n [17. 17.]]", 0}},
    {"G002-9, 10", squared, 1, {"3.", 0}, "9.0", {"6.0", 0}},
    {"G001-23", two_variables, 2, {"[1.,2,3]", "[4.,5,6]"}, "[34. 55. 82.]", {"[2. 4. 6.]", "[16. 20. 24.]"}},
};

Test(notebooks, cells_with_gradients_four_ways) {
    ebb_context *ebb = ebb_open(NULL);
    int cases = 0;
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        for (way w = 0; w < WAYS; w++)
            for (int variable = 0; variable < 2; variable++)
                EBB_SCOPE (ebb) {
                    const golden *g = &cells[i];
                    cell c = {g->body, g->n, {0}};
                    ebb_tensor *out[3];
                    for (int k = 0; k < g->n; k++) {
                        c.x[k] = ebb_literal(ebb, g->x[k], EBB_F32);
                        if (variable) c.x[k] = ebb_variable(ebb, c.x[k], "x");
                    }
                    /* A variable that is an argument is read inside, so its gradient inside is asked of the variable
                     * itself. */
                    run_cell(ebb, &c, w, out);
                    expect_text(out[0], g->value, "%s %s%s", g->id, way_name[w], variable ? ", variables" : "");
                    for (int k = 0; k < g->n; k++)
                        expect_text(out[1 + k], g->gradient[k], "%s %s gradient %d%s", g->id, way_name[w], k,
                                    variable ? ", variables" : "");
                    expect_ok(ebb, "%s %s", g->id, way_name[w]);
                    cases++;
                }
    printf("cases: %d notebook cells, each in four ways\n", cases);
    ebb_close(ebb);
}

/* ---- 000 ---- */

typedef struct regression {
    ebb_tensor *x, *y, *w, *b;
    ebb_optimizer *sgd;
} regression;

static void regression_step(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)in;
    regression *r = data;
    ebb_tensor *const variables[] = {r->w, r->b};
    ebb_tensor *gradients[2];
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    out[0] = ebb_mean(ebb_square(ebb_sub(ebb_add(ebb_mul(r->w, r->x), r->b), r->y)));
    ebb_gradients(tape, 1, out, 2, variables, gradients, NULL);
    ebb_apply_gradients(r->sgd, 2, gradients, variables);
}

/* G000-2: the printed log, on the two points that give the same moments as the notebook's hundred (goldens, section 2).
 */
static const struct {
    double w, b;
} regression_log[] = {{0.03418568, 0.49445015}, {0.06306686, 0.32119435}, {0.08977877, 0.30586553},
                      {0.09717127, 0.3016233},  {0.09921715, 0.30044925}, {0.09978334, 0.30012435},
                      {0.09994004, 0.30003443}, {0.09998339, 0.30000955}, {0.09999541, 0.30000266},
                      {0.09999872, 0.30000076}, {0.09999963, 0.30000022}};

static void regression_case(ebb_mode mode, ebb_dtype dtype, double tolerance) {
    ebb_context *ebb = ebb_open(NULL);
    bool single = dtype == EBB_F32;
    const char *x = single ? "[0.2528053, 0.82350814]" : "[0.2528044461201382, 0.823507381554365]";
    regression r = {.x = ebb_literal(ebb, x, dtype), .sgd = ebb_sgd(ebb, &(ebb_sgd_options){.learning_rate = 0.5})};
    r.y = ebb_add(ebb_mul(r.x, 0.1), 0.3);
    r.w = ebb_variable(ebb, ebb_literal(ebb, single ? "[-0.26132715]" : "[-0.2613267925070603]", dtype), "W");
    r.b = ebb_variable(ebb, ebb_zeros(ebb, dtype, EBB_SHAPE(1)), "b");
    ebb_function *step =
        ebb_function_new(ebb, regression_step, &(ebb_function_options){.name = "step", .data = &r, .mode = mode});
    for (int i = 0; i <= 200; i++)
        EBB_SCOPE (ebb) {
            ebb_tensor *loss;
            ebb_call_n(step, 0, NULL, 1, &loss);
            if (i % 20) continue;
            double w = ebb_item(r.w, 0), b = ebb_item(r.b, 0);
            cr_expect(fabs(w - regression_log[i / 20].w) <= tolerance &&
                          fabs(b - regression_log[i / 20].b) <= tolerance,
                      "G000-2 %s, mode %d, step %d: W %.9g b %.9g, the notebook has %.9g %.9g", single ? "f32" : "f64",
                      mode, i, w, b, regression_log[i / 20].w, regression_log[i / 20].b);
        }
    expect_ok(ebb, "G000-2");
    ebb_close(ebb);
}

/* The reconstructed data reproduce the eight printed digits within 6e-7 in f32 and 3e-8 in f64. */
Test(notebooks, g000_2_training_log) {
    regression_case(EBB_EAGER, EBB_F32, 1e-6);
    regression_case(EBB_NATIVE, EBB_F32, 1e-6);
    regression_case(EBB_EAGER, EBB_F64, 1e-7);
    regression_case(EBB_NATIVE, EBB_F64, 1e-7);
}

/* G000-1: a hundred uniform points reach the line for any seed. */
Test(notebooks, g000_1_hundred_points) {
    ebb_context *ebb = ebb_open(&(ebb_options){.seed = 7});
    regression r = {.x = ebb_random_uniform(ebb, EBB_F32, EBB_SHAPE(100), 0, 1),
                    .sgd = ebb_sgd(ebb, &(ebb_sgd_options){.learning_rate = 0.5})};
    r.y = ebb_add(ebb_mul(r.x, 0.1f), 0.3f);
    r.w = ebb_variable(ebb, ebb_random_uniform(ebb, EBB_F32, EBB_SHAPE(1), -1, 1), "W");
    r.b = ebb_variable(ebb, ebb_zeros(ebb, EBB_F32, EBB_SHAPE(1)), "b");
    ebb_function *step =
        ebb_function_new(ebb, regression_step, &(ebb_function_options){.name = "step", .data = &r, .mode = EBB_NATIVE});
    for (int i = 0; i <= 200; i++)
        EBB_SCOPE (ebb) {
            ebb_tensor *loss;
            ebb_call_n(step, 0, NULL, 1, &loss);
        }
    expect_ok(ebb, "G000-1");
    cr_expect(fabs(ebb_item(r.w, 0) - 0.1) < 1e-5 && fabs(ebb_item(r.b, 0) - 0.3) < 1e-5, "W %g b %g", ebb_item(r.w, 0),
              ebb_item(r.b, 0));
    cr_expect_eq(ebb_trace_count(step), 1);
    ebb_close(ebb);
}

Test(notebooks, g000_3_assign_add) {
    ebb_context *ebb = ebb_open(NULL);
    ebb_tensor *v = ebb_variable(ebb, ebb_scalar(ebb, 1.0f), NULL);
    expect_text(ebb_assign_add(v, 1.0), "2.0", "G000-3 returned");
    expect_text(v, "2.0", "G000-3");
    ebb_close(ebb);
}

/* G000-4, 5: Adam, ten steps; every printed digit in f32 (eager arithmetic is the notebook's), 1e-12 in f64. */
static const char *const adam_f32[] = {"0.90000075", "0.8001683", "0.7006256",  "0.6015081",  "0.50295985",
                                       "0.4051363",  "0.3082048", "0.21234292", "0.11773961", "0.024594113"};
static const double adam_f64[] = {0.900000079057, 0.800166621741, 0.700623574825, 0.601505119414, 0.502956042692,
                                  0.405132025667, 0.308199822578, 0.212337299183, 0.117733291891, 0.024587245455};

static void adam_loss(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)in;
    ebb_tensor *x = data;
    out[0] = ebb_add(ebb_add(ebb_pow(x, 2), ebb_mul(2, x)), 1);
}

typedef struct adam_step_data {
    ebb_optimizer *adam;
    ebb_tensor *x;
} adam_step_data;

static void adam_step(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)in;
    adam_step_data *d = data;
    out[0] = ebb_minimize(d->adam, adam_loss, d->x, 1, &d->x);
}

static void adam_case(ebb_mode mode, ebb_dtype dtype) {
    ebb_context *ebb = ebb_open(NULL);
    adam_step_data d = {ebb_adam(ebb, &(ebb_adam_options){.learning_rate = 0.1}),
                        ebb_variable(ebb, ebb_full(ebb, dtype, EBB_SCALAR, 1), "x")};
    ebb_function *f =
        ebb_function_new(ebb, adam_step, &(ebb_function_options){.name = "minimize", .data = &d, .mode = mode});
    for (int i = 0; i < 10; i++)
        EBB_SCOPE (ebb) {
            ebb_tensor *loss;
            ebb_call_n(f, 0, NULL, 1, &loss);
            if (dtype == EBB_F32)
                expect_text(d.x, adam_f32[i], "G000-4 mode %d step %d", mode, i);
            else
                cr_expect(fabs(ebb_item(d.x, 0) - adam_f64[i]) < 1e-12, "G000-5 mode %d step %d: %.15g", mode, i,
                          ebb_item(d.x, 0));
        }
    expect_ok(ebb, "G000-4 mode %d", mode);
    ebb_close(ebb);
}

Test(notebooks, g000_4_adam_digits) {
    adam_case(EBB_EAGER, EBB_F32);
    adam_case(EBB_NATIVE, EBB_F32);
    adam_case(EBB_EAGER, EBB_F64);
    adam_case(EBB_NATIVE, EBB_F64);
}

/* ---- 001 ---- */

Test(notebooks, g001_watching) {
    ebb_context *ebb = ebb_open(NULL);
    ebb_tensor *x = ebb_variable(ebb, ebb_scalar(ebb, 3.0f), "x");
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_MANUAL);
    ebb_tensor *y = ebb_square(x);
    expect_text(y, "9.0", "G001-16");
    cr_expect(ebb_is_absent(ebb_gradient(tape, y, x)), "G001-16: not watched, so absent");
    tape = ebb_tape_start(ebb, EBB_TAPE_MANUAL);
    ebb_watch(tape, x);
    expect_text(ebb_gradient(tape, ebb_square(x), x), "6.0", "G001-17");
    ebb_tensor *c = ebb_scalar(ebb, 3.0f);
    tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_watch(tape, c);
    expect_text(ebb_gradient(tape, ebb_square(c), c), "6.0", "G001-18");
    expect_ok(ebb, "G001-16..18");
    ebb_close(ebb);
}

Test(notebooks, g001_persistent_and_not) {
    ebb_context *ebb = ebb_open(NULL);
    ebb_tensor *x = ebb_variable(ebb, ebb_scalar(ebb, 3.0f), "x");
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_PERSISTENT);
    ebb_tensor *y = ebb_square(x), *z = ebb_pow(x, 3);
    expect_text(ebb_gradient(tape, y, x), "6.0", "G001-15 dy");
    expect_text(ebb_gradient(tape, z, x), "27.0", "G001-15 dz");
    tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    y = ebb_square(x);
    ebb_gradient(tape, y, x);
    expect_ok(ebb, "G001-15");
    cr_expect(ebb_is_poison(ebb_gradient(tape, y, x)), "G001-24: asked twice");
    cr_expect_eq(ebb_error_code(ebb), EBB_RUNTIME_ERROR, "G001-24: %s", ebb_error(ebb));
    ebb_close(ebb);
}

/* G001-22: the gradient of the list [df/dx, df/dy] is the sum over both targets. G001-25: with mixed terms. */
Test(notebooks, g001_nested_tapes) {
    ebb_context *ebb = ebb_open(NULL);
    ebb_tensor *x[2] = {ebb_variable(ebb, ebb_scalar(ebb, 3.0f), "x"), ebb_variable(ebb, ebb_scalar(ebb, 4.0f), "y")};
    ebb_tape *outer = ebb_tape_start(ebb, EBB_TAPE_PERSISTENT);
    ebb_tape *inner = ebb_tape_start(ebb, EBB_TAPE_PERSISTENT);
    ebb_tensor *f = two_variables(x), *first[2], *second[2];
    expect_text(f, "42.0", "G001-22 f");
    ebb_gradients(inner, 1, &f, 2, x, first, NULL);
    expect_text(first[0], "6.0", "G001-22 df/dx");
    expect_text(first[1], "16.0", "G001-22 df/dy");
    ebb_tape_stop(inner);
    ebb_gradients(outer, 2, first, 2, x, second, NULL);
    expect_text(second[0], "2.0", "G001-22 second x");
    expect_text(second[1], "4.0", "G001-22 second y");
    const char *const hessian[2][2] = {{"2.0", NULL}, {NULL, "4.0"}};
    for (int i = 0; i < 2; i++) {
        ebb_gradients(outer, 1, &first[i], 2, x, second, NULL);
        for (int j = 0; j < 2; j++) {
            if (hessian[i][j])
                expect_text(second[j], hessian[i][j], "G001-25 [%d][%d]", i, j);
            else
                cr_expect(ebb_is_absent(second[j]) || ebb_item(second[j], 0) == 0, "G001-25 [%d][%d]", i, j);
        }
    }
    expect_ok(ebb, "G001-22, 25");
    ebb_close(ebb);
}

/* ---- 002 ---- */

Test(notebooks, g002_1_to_8_tensors) {
    ebb_context *ebb = ebb_open(NULL);
    char text[128];
    ebb_format(ebb_ones(ebb, EBB_F32, EBB_SHAPE(2, 1)), text, sizeof text);
    cr_expect_str_eq(text, "ebb.Tensor(\n[[1.]\n [1.]], shape=(2, 1), dtype=float32)", "G002-1: %s", text);
    expect_text(ebb_zeros(ebb, EBB_F32, EBB_SHAPE(2, 1)), "[[0.]\n [0.]]", "G002-1");
    float host[4] = {1, 1, 1, 1};
    host[0] = 0;
    ebb_tensor *x = ebb_constant(ebb, EBB_F32, EBB_SHAPE(2, 2), host);
    expect_text(x, "[[0. 1.]\n [1. 1.]]", "G002-3: a host array can be written");
    cr_expect(ebb_is_poison(ebb_assign_item(x, EBB_INDEX(0, 0), 0)));
    expect_error(ebb, EBB_TYPE_ERROR, "cannot be written", "G002-4: a tensor cannot");
    ebb_tensor *v = ebb_variable(ebb, ebb_random_normal(ebb, EBB_F32, EBB_SHAPE(3, 1), 0, 1), "v"); /* G002-5 */
    cr_expect(ebb_rank(v) == 2 && ebb_dim(v, 0) == 3 && ebb_dim(v, 1) == 1 && ebb_dtype_of(v) == EBB_F32, "G002-5");
    expect_text(ebb_assign(v, ebb_ones(ebb, EBB_F32, EBB_SHAPE(3, 1))), "[[1.]\n [1.]\n [1.]]", "G002-6");
    expect_text(ebb_assign_item(v, EBB_INDEX(0, 0), 3.), "[[3.]\n [1.]\n [1.]]", "G002-6");
    expect_text(ebb_assign_add(v, ebb_ones(ebb, EBB_F32, EBB_SHAPE(3, 1))), "[[4.]\n [2.]\n [2.]]", "G002-7");
    expect_text(ebb_assign_sub(v, ebb_ones(ebb, EBB_F32, EBB_SHAPE(3, 1))), "[[3.]\n [1.]\n [1.]]", "G002-7");
    expect_text(ebb_sqrt(ebb_ones(ebb, EBB_F32, EBB_SHAPE(2, 2))), "[[1. 1.]\n [1. 1.]]", "G002-8: IEEE's root");
    expect_ok(ebb, "G002");
    ebb_close(ebb);
}

/* G002-11: position, speed and acceleration of a falling body at time 0, where pow by logarithms would give NaN. */
static void fall_body(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    out[0] = ebb_mul(4.9, ebb_pow(in[0], 2));
}

/* out: acceleration, speed, position; `f`: the position is computed by a call. */
static void fall(ebb_context *ebb, ebb_tensor *time, ebb_function *f, ebb_tensor **out) {
    ebb_tape *outer = ebb_tape_start(ebb, EBB_TAPE_DEFAULT), *inner = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_watch(outer, time), ebb_watch(inner, time);
    if (f)
        out[2] = ebb_call(f, time);
    else
        fall_body(ebb, &time, &out[2], NULL);
    out[1] = ebb_gradient(inner, out[2], time);
    out[0] = ebb_gradient(outer, out[1], time);
}

static void fall_inside(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)data;
    fall(ebb, in[0], NULL, out);
}

Test(notebooks, g002_11_acceleration_four_ways) {
    ebb_context *ebb = ebb_open(NULL);
    ebb_function_options o = {.results = 3};
    for (way w = 0; w < WAYS; w++)
        for (int variable = 0; variable < 2; variable++) {
            ebb_tensor *time = ebb_scalar(ebb, 0.f), *out[3];
            if (variable) time = ebb_variable(ebb, time, "time");
            ebb_operand in = EBB_OPERAND(time);
            o.mode = w == FUNCTION_RUN_EAGERLY ? EBB_EAGER : EBB_NATIVE;
            if (w == EAGER_TAPE)
                fall(ebb, time, NULL, out);
            else if (w == TAPE_OUTSIDE)
                fall(ebb, time, ebb_function_new(ebb, fall_body, &(ebb_function_options){.mode = EBB_NATIVE}), out);
            else
                ebb_call_n(ebb_function_new(ebb, fall_inside, &o), 1, &in, 3, out);
            expect_text(out[2], "0.0", "G002-11 position, %s", way_name[w]);
            expect_text(out[1], "0.0", "G002-11 speed, %s", way_name[w]);
            expect_text(out[0], "9.8", "G002-11 acceleration, %s", way_name[w]);
        }
    expect_ok(ebb, "G002-11");
    ebb_close(ebb);
}

/* ---- 003 ---- */

static ebb_tensor *matrix_loss(ebb_tensor *x, ebb_tensor *y, ebb_tensor *w, ebb_tensor *b) {
    return ebb_sum(ebb_square(ebb_sub(ebb_add(ebb_matmul(x, w), b), y)));
}

Test(notebooks, g003_3_matrix_parameters) {
    ebb_context *ebb = ebb_open(NULL);
    ebb_tensor *x = ebb_literal(ebb, "[[1., 2.], [3., 4.]]", EBB_NONE), *y = ebb_literal(ebb, "[[1.], [2.]]", EBB_NONE);
    ebb_tensor *p[2] = {ebb_variable(ebb, ebb_literal(ebb, "[[1.], [2.]]", EBB_NONE), "w"),
                        ebb_variable(ebb, ebb_scalar(ebb, 1.0f), "b")};
    ebb_tensor *g[2];
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_tensor *loss = matrix_loss(x, y, p[0], p[1]);
    ebb_gradients(tape, 1, &loss, 2, p, g, NULL);
    expect_text(loss, "125.0", "G003-3 loss");
    expect_text(g[0], "[[ 70.]\n [100.]]", "G003-3 w");
    expect_text(g[1], "30.0", "G003-3 b");
    cr_expect_str_eq(ebb_name(p[0]), "w:0", "G003-4");
    cr_expect_str_eq(ebb_name(p[1]), "b:0", "G003-4");
    expect_ok(ebb, "G003-3");
    ebb_close(ebb);
}

static void matrix_body(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb;
    ebb_tensor *const *xy = data;
    out[0] = matrix_loss(xy[0], xy[1], in[0], in[1]);
}

/* G003-5: the Hessian is 2 A'A with A = [x, 1]. */
Test(notebooks, g003_5_hessian) {
    ebb_context *ebb = ebb_open(NULL);
    for (ebb_mode mode = EBB_NATIVE; mode <= EBB_EAGER; mode++)
        EBB_SCOPE (ebb) {
            ebb_tensor *xy[2] = {ebb_literal(ebb, "[[1., 2.], [3., 4.]]", EBB_NONE),
                                 ebb_literal(ebb, "[[1.], [2.]]", EBB_NONE)};
            ebb_function *f =
                ebb_function_new(ebb, matrix_body, &(ebb_function_options){.name = "loss", .data = xy, .mode = mode});
            ebb_operand in[2] = {EBB_OPERAND(ebb_literal(ebb, "[[1.], [2.]]", EBB_F32)),
                                 EBB_OPERAND(ebb_scalar(ebb, 1.0f))};
            ebb_tensor *block[4];
            ebb_call_n(ebb_hessian(f, EBB_WRT(0, 1)), 2, in, 4, block);
            static const double expected[4][4] = {{20, 28, 28, 40}, {8, 12}, {8, 12}, {4}};
            for (int k = 0; k < 4; k++)
                for (int64_t i = 0; i < ebb_size(block[k]); i++)
                    cr_expect_eq(ebb_item(block[k], i), expected[k][i], "G003-5 block %d [%d]: %g", k, (int)i,
                                 ebb_item(block[k], i));
            expect_ok(ebb, "G003-5 mode %d", mode);
        }
    ebb_close(ebb);
}

/* G003-6, 7: a thousand SGD steps on fixed data, literally and as meant (goldens, section 4). */
typedef struct fit {
    ebb_tensor *x, *y, *p[2];
    ebb_optimizer *sgd;
} fit;

static void fit_step(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)in;
    fit *f = data;
    ebb_tensor *g[2];
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_tensor *predicted = ebb_add(ebb_mul(f->x, f->p[0]), f->p[1]);
    out[0] = ebb_sum(ebb_square(f->y ? ebb_sub(predicted, f->y) : predicted));
    ebb_gradients(tape, 1, out, 2, f->p, g, NULL);
    ebb_apply_gradients(f->sgd, 2, g, f->p);
}

static void fit_case(ebb_mode mode, bool meant, double first, double last, double w, double b) {
    ebb_context *ebb = ebb_open(NULL);
    fit f = {.x = ebb_literal(
                 ebb,
                 "[[0.101185891297, 0.660303225752, 0.206651036390], [0.210236715184, 0.284621908160, 0.901336520945]]",
                 EBB_F64)};
    if (meant) f.y = ebb_add(ebb_mul(3, f.x), 2);
    f.p[0] = ebb_variable(ebb, ebb_scalar(ebb, 0.279179310479), "w");
    f.p[1] = ebb_variable(ebb, ebb_scalar(ebb, 0.732950830593), "b");
    f.sgd = ebb_sgd(ebb, &(ebb_sgd_options){.learning_rate = 1e-3});
    ebb_function *step =
        ebb_function_new(ebb, fit_step, &(ebb_function_options){.name = "fit", .data = &f, .mode = mode});
    double loss[2] = {0};
    for (int i = 0; i < 1000; i++)
        EBB_SCOPE (ebb) {
            ebb_tensor *l;
            ebb_call_n(step, 0, NULL, 1, &l);
            if (i == 0) loss[0] = ebb_item(l, 0);
            loss[1] = ebb_item(l, 0);
        }
    /* 1e-5, as the goldens ask: the data are given with twelve digits. */
    cr_expect(fabs(loss[0] - first) < 1e-5 * first && fabs(loss[1] - last) < 1e-5, "G003 %d mode %d loss %.12g %.12g",
              meant, mode, loss[0], loss[1]);
    cr_expect(fabs(ebb_item(f.p[0], 0) - w) < 1e-5 && fabs(ebb_item(f.p[1], 0) - b) < 1e-5,
              "G003 %d mode %d: w %.12g b %.12g", meant, mode, ebb_item(f.p[0], 0), ebb_item(f.p[1], 0));
    expect_ok(ebb, "G003-6, 7");
    ebb_close(ebb);
}

Test(notebooks, g003_6_7_thousand_steps) {
    for (ebb_mode mode = EBB_NATIVE; mode <= EBB_EAGER; mode++) {
        fit_case(mode, false, 4.302092012372, 6.59168682419e-05, -0.011468848738, 0.004863684497);
        fit_case(mode, true, 36.494797898620, 0.314579921381, 2.207688262836, 2.335955957366);
    }
}

/* G003-1: the formatted print. G003-2: the derivatives of x*w + b are x and 1. */
Test(notebooks, g003_1_2_first_cells) {
    ebb_context *ebb = ebb_open(&(ebb_options){.seed = 3});
    ebb_tensor *x = ebb_variable(ebb, ebb_scalar(ebb, 3.0f), "x");
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_tensor *y = ebb_square(x), *slope = ebb_gradient(tape, y, x);
    char text[64];
    ebb_format_value(y, text, sizeof text);
    cr_expect_str_eq(text, "9.0", "G003-1");
    ebb_format_value(slope, text, sizeof text);
    cr_expect_str_eq(text, "6.0", "G003-1");
    ebb_tensor *at = ebb_random_uniform(ebb, EBB_F32, EBB_SCALAR, 0, 1), *g[2];
    ebb_tensor *p[2] = {ebb_variable(ebb, ebb_random_uniform(ebb, EBB_F32, EBB_SCALAR, 0, 1), "w"),
                        ebb_variable(ebb, ebb_random_uniform(ebb, EBB_F32, EBB_SCALAR, 0, 1), "b")};
    tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_tensor *predicted = ebb_add(ebb_mul(at, p[0]), p[1]);
    ebb_gradients(tape, 1, &predicted, 2, p, g, NULL);
    cr_expect_eq(ebb_item(g[0], 0), ebb_item(at, 0), "G003-2 w");
    cr_expect_eq(ebb_item(g[1], 0), 1, "G003-2 b");
    expect_ok(ebb, "G003-1, 2");
    ebb_close(ebb);
}

/* G003-8: a bar of a thousand, described every ten steps. */
Test(notebooks, g003_8_progress_bar) {
    FILE *to = tmpfile();
    cr_assert_not_null(to);
    progress bar = {.to = to, .live = true};
    char label[40] = "", text[1 << 17];
    for (int i = 0; i < 1000; i++) {
        if (i % 10 == 0) snprintf(label, sizeof label, "loss: %d", i);
        progress_draw(&bar, label, i + 1, 1000, "");
    }
    rewind(to);
    size_t length = fread(text, 1, sizeof text - 1, to);
    text[length] = 0;
    fclose(to);
    int labels = 0;
    for (int i = 0; i < 1000; i += 10) {
        snprintf(label, sizeof label, "\rloss: %d:", i);
        labels += strstr(text, label) != NULL;
    }
    cr_expect_eq(labels, 100);
    cr_expect_not_null(strstr(text, "100%|########################| 1000/1000"), "%s",
                       text + (length > 200 ? length - 200 : 0));
}
