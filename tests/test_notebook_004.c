/* test_notebook_004.c - notebook 004, as far as it is about functions and layers: a function and its traces, the
 * model of two layers with its derivatives, its variables. (G004-3 is in test_semantics_function.c.) */
#include <complex.h>
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/four_ways.h"

static ebb_context *ebb;
static void start(void) { ebb = ebb_open(&(ebb_options){.mode = EBB_NATIVE, .seed = 4}); }
static void stop(void) {
    expect_ok(ebb, "at the end");
    ebb_close(ebb);
}
TestSuite(notebook_004, .init = start, .fini = stop);

#define BODY(name) static void name(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data)

/* ---- a function ---- */

BODY(product_and_sum) {
    (void)e, (void)data;
    out[0] = ebb_add(ebb_matmul(in[0], in[1]), in[2]);
}

static ebb_tensor *whole_numbers(ebb_dtype dtype, int64_t rows, int64_t columns) {
    return ebb_sub(ebb_reshape(ebb_range(ebb, dtype, rows * columns), EBB_SHAPE(rows, columns)), 3);
}

Test(notebook_004, g004_1_a_function_equals_its_eager_result) {
    ebb_function *f = ebb_function_new(ebb, product_and_sum, NULL);
    for (ebb_dtype dtype = EBB_I32; dtype <= EBB_F64; dtype++) {
        ebb_tensor *x[3] = {whole_numbers(dtype, 2, 3), whole_numbers(dtype, 3, 2), whole_numbers(dtype, 1, 2)}, *y;
        char text[64];
        product_and_sum(ebb, x, &y, NULL);
        ebb_format_value(y, text, sizeof text);
        expect_text(ebb_call(f, x[0], x[1], x[2]), text, "G004-1, dtype %d", dtype);
    }
}

Test(notebook_004, g004_2_trace_counts) {
    ebb_function *f = ebb_function_new(ebb, product_and_sum, NULL);
    static const struct {
        ebb_dtype dtype;
        int64_t rows;
        int traces;
    } calls[] = {{EBB_F32, 2, 1}, {EBB_F32, 2, 1}, {EBB_F32, 4, 2}, {EBB_F64, 4, 3}, {EBB_F32, 2, 3}};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        ebb_dtype dtype = calls[i].dtype;
        ebb_call(f, whole_numbers(dtype, calls[i].rows, 3), whole_numbers(dtype, 3, 2), whole_numbers(dtype, 1, 2));
        cr_expect_eq(ebb_trace_count(f), calls[i].traces, "G004-2, call %zu: %d", i, ebb_trace_count(f));
    }
}

/* ---- the model ---- */

static ebb_layer *dense(const char *name, ebb_dtype dtype, int64_t inputs, int64_t outputs, ebb_tensor *weights) {
    return ebb_dense(ebb, &(ebb_dense_options){.name = name,
                                               .inputs = inputs,
                                               .outputs = outputs,
                                               .dtype = dtype,
                                               .activation = EBB_ACTIVATE_SIGMOID,
                                               .no_bias = true,
                                               .weights = weights});
}

static ebb_layer *model(ebb_dtype dtype, ebb_tensor *first, ebb_tensor *second) {
    ebb_layer *layers[] = {dense("dense_1", dtype, 3, 3, first), dense("dense_2", dtype, 3, 1, second)};
    return ebb_sequential(ebb, "the_model", 2, layers);
}

Test(notebook_004, g004_4_shape_and_range) {
    ebb_layer *m = model(EBB_F32, ebb_random_normal(ebb, EBB_F32, EBB_SHAPE(3, 3), 0, 1),
                         ebb_random_normal(ebb, EBB_F32, EBB_SHAPE(3, 1), 0, 1));
    ebb_tensor *y = ebb_layer_call(m, ebb_literal(ebb, "[[0.0288, -0.3256, 0.5925]]", EBB_F32));
    cr_expect(ebb_rank(y) == 2 && ebb_dim(y, 0) == 1 && ebb_dim(y, 1) == 1 && ebb_dtype_of(y) == EBB_F32, "G004-4");
    cr_expect(ebb_item(y, 0) > 0 && ebb_item(y, 0) < 1, "G004-4: %g", ebb_item(y, 0));
}

Test(notebook_004, g004_6_variables_and_parts) {
    ebb_layer *m = model(EBB_F32, NULL, NULL), *parts[3];
    ebb_tensor *v[3];
    cr_expect_eq(ebb_layer_variables(m, false, 3, v), 2, "G004-6");
    cr_expect(strcmp(ebb_name(v[0]), "dense_1/w:0") == 0 && ebb_dim(v[0], 0) == 3 && ebb_dim(v[0], 1) == 3, "G004-6");
    cr_expect(strcmp(ebb_name(v[1]), "dense_2/w:0") == 0 && ebb_dim(v[1], 0) == 3 && ebb_dim(v[1], 1) == 1, "G004-6");
    cr_expect_eq(ebb_layer_parts(m, 3, parts), 2, "G004-6");
    cr_expect_str_eq(ebb_layer_name(parts[0]), "dense_1");
    cr_expect_str_eq(ebb_layer_name(parts[1]), "dense_2");
}

/* ---- its derivatives, against a model of complex numbers ---- */

/* x [3], first weights [3,3], second weights [3]: all that the value depends on, one after the other. */
enum { X, FIRST_WEIGHTS = 3, SECOND_WEIGHTS = 12, UNKNOWNS = 15 };
static const double at[UNKNOWNS] = {0.0288, -0.3256, 0.5925, 0.5, -1, 0.25, 2, 0.75, -0.5, -1.5, 1, 0.125, 1, -2, 3};

static double complex sigmoid(double complex z) { return 1 / (1 + cexp(-z)); }
static double complex model_of(const double complex *u) {
    double complex z = 0;
    for (int j = 0; j < 3; j++) {
        double complex h = 0;
        for (int i = 0; i < 3; i++)
            h += u[X + i] * u[FIRST_WEIGHTS + 3 * i + j];
        z += sigmoid(h) * u[SECOND_WEIGHTS + j];
    }
    return sigmoid(z);
}

static double value(void) {
    double complex u[UNKNOWNS];
    for (int i = 0; i < UNKNOWNS; i++)
        u[i] = at[i];
    return creal(model_of(u));
}

/* The derivative in unknown k, at + step e_m: exact to rounding, as a tiny imaginary step has no cancellation. */
static double slope(int k, int m, double step) {
    double complex u[UNKNOWNS];
    for (int i = 0; i < UNKNOWNS; i++)
        u[i] = at[i] + (i == m ? step : 0) + (i == k ? 1e-30 * I : 0);
    return cimag(model_of(u)) / 1e-30;
}

/* The second derivative: the difference of slopes, extrapolated twice from its errors in h^2 and h^4. */
static double curvature(int k, int m) {
    double d[3];
    for (int i = 0; i < 3; i++) {
        double h = 0.02 / (1 << i);
        d[i] = (slope(k, m, h) - slope(k, m, -h)) / (2 * h);
    }
    double a = (4 * d[1] - d[0]) / 3, b = (4 * d[2] - d[1]) / 3;
    return (16 * b - a) / 15;
}

/* The model of x [1,3] and the weights, all in one: unknowns u [15]. */
BODY(model_body) {
    (void)e, (void)data;
    ebb_tensor *part[3];
    static const int64_t from[] = {X, FIRST_WEIGHTS, SECOND_WEIGHTS, UNKNOWNS};
    for (int i = 0; i < 3; i++)
        part[i] = ebb_slice(in[0], &from[i], &from[i + 1], NULL);
    ebb_tensor *x = ebb_reshape(part[0], EBB_SHAPE(1, 3)), *first = ebb_reshape(part[1], EBB_SHAPE(3, 3));
    ebb_tensor *h = ebb_sigmoid(ebb_matmul(x, first));
    out[0] = ebb_sum(ebb_sigmoid(ebb_matmul(h, ebb_reshape(part[2], EBB_SHAPE(3, 1)))));
}

static void expect_near(double have, double want, double tolerance, const char *what, int k, int m, way w) {
    cr_expect(fabs(have - want) <= tolerance, "G004-5, %s [%d,%d], %s: %.15g, not %.15g", what, k, m, way_name[w], have,
              want);
}

Test(notebook_004, g004_5_value_gradients_hessian_laplacian) {
    question q = {.body = model_body, .n = 1, .order = HESSIAN};
    for (way w = 0; w < WAYS; w++) {
        ebb_tensor *x = ebb_constant(ebb, EBB_F64, EBB_SHAPE(UNKNOWNS), at), *out[ANSWERS];
        double laplacian = 0, expected = 0;
        answer(ebb, &q, w, &x, out);
        expect_near(ebb_item(out[0], 0), value(), 1e-14, "value", 0, 0, w);
        for (int k = 0; k < UNKNOWNS; k++) {
            expect_near(ebb_item(out[1], k), slope(k, k, 0), 1e-14, "gradient", k, k, w);
            for (int m = 0; m < UNKNOWNS; m++)
                expect_near(ebb_item(out[2], k * UNKNOWNS + m), curvature(k, m), 1e-10, "Hessian", k, m, w);
        }
        for (int k = X; k < X + 3; k++)
            laplacian += ebb_item(out[2], k * UNKNOWNS + k), expected += curvature(k, k);
        expect_near(laplacian, expected, 1e-10, "Laplacian", X, X, w);
    }
}

/* The layers compute the same, and so do the gradients in their variables. */
Test(notebook_004, g004_5_of_the_layers) {
    ebb_layer *m = model(EBB_F64, ebb_constant(ebb, EBB_F64, EBB_SHAPE(3, 3), at + FIRST_WEIGHTS),
                         ebb_constant(ebb, EBB_F64, EBB_SHAPE(3, 1), at + SECOND_WEIGHTS));
    ebb_tensor *v[2], *g[2], *y;
    ebb_layer_variables(m, true, 2, v);
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    y = ebb_layer_call(m, ebb_constant(ebb, EBB_F64, EBB_SHAPE(1, 3), at));
    ebb_gradients(tape, 1, &y, 2, v, g, NULL);
    expect_near(ebb_item(y, 0), value(), 1e-14, "value", 0, 0, EAGER_TAPE);
    for (int k = 0; k < 9; k++)
        expect_near(ebb_item(g[0], k), slope(FIRST_WEIGHTS + k, X, 0), 1e-14, "dense_1/w", k, 0, EAGER_TAPE);
    for (int k = 0; k < 3; k++)
        expect_near(ebb_item(g[1], k), slope(SECOND_WEIGHTS + k, X, 0), 1e-14, "dense_2/w", k, 0, EAGER_TAPE);
}
