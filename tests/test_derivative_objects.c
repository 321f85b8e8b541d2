/* test_derivative_objects.c - what is made of derivatives: Laplacians, diagonals, Jacobians of batches, transposes;
 * blocks of directions and auxiliary results. Against formulas, and against the roads that were there before. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "tests/support/check.h"

static ebb_context *ebb;

#define BODY(name) static void name(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data)
#define UNUSED (void)e, (void)in, (void)data

static ebb_function *function(ebb_body *body, int results, void *data) {
    return ebb_function_new(ebb, body, &(ebb_function_options){.name = "f", .results = results, .data = data});
}
static ebb_tensor *f64(const char *text) { return ebb_literal(ebb, text, EBB_F64); }

static void expect_equal(const ebb_tensor *a, const ebb_tensor *b, double tolerance, const char *what) {
    cr_assert_eq(ebb_size(a), ebb_size(b), "%s: %d and %d elements", what, (int)ebb_size(a), (int)ebb_size(b));
    for (int64_t k = 0; k < ebb_size(a); k++)
        cr_expect(fabs(ebb_item(a, k) - ebb_item(b, k)) <= tolerance, "%s, element %d: %.17g and %.17g", what, (int)k,
                  ebb_item(a, k), ebb_item(b, k));
}

/* Element k of a vector, [1]. */
static ebb_tensor *element(ebb_tensor *x, int64_t k) {
    return ebb_slice(x, ((int64_t[]){k}), ((int64_t[]){k + 1}), NULL);
}

/* ---- operators of second order ---- */

/* (x [3]) -> x0^2 x1 + exp(x2) sin(x0), and its square; argmax */
BODY(formula) {
    UNUSED;
    ebb_tensor *x[3];
    for (int k = 0; k < 3; k++)
        x[k] = element(in[0], k);
    ebb_tensor *y = ebb_add(ebb_mul(ebb_square(x[0]), x[1]), ebb_mul(ebb_exp(x[2]), ebb_sin(x[0])));
    out[0] = ebb_sum(y);
    out[1] = ebb_square(y);
    out[2] = ebb_argmax(in[0], 0);
}
/* the mean square of the Laplacian less 1, over points [n,3] */
BODY(residual) {
    (void)e;
    ebb_tensor *y[6];
    const ebb_operand at[] = {EBB_OPERAND(in[0])};
    ebb_call_n((ebb_function *)data, 1, at, 6, y);
    out[0] = ebb_mean(ebb_square(ebb_sub(y[3], 1)));
}
/* (x [2], c []) -> c (x0^4 + x0 x1^3) */
BODY(polynomial) {
    UNUSED;
    ebb_tensor *x0 = element(in[0], 0), *x1 = element(in[0], 1);
    ebb_tensor *y = ebb_add(ebb_pow(x0, 4), ebb_mul(x0, ebb_pow(x1, 3)));
    out[0] = ebb_mul(in[1], ebb_sum(y));
}

/* (x [2]) -> x^2 [2], sum [], argmax */
BODY(three) {
    UNUSED;
    out[0] = ebb_square(in[0]);
    out[1] = ebb_sum(in[0]);
    out[2] = ebb_argmax(in[0], 0);
}

static double trace_of(ebb_tensor *h) {
    double sum = 0;
    for (int64_t k = 0; k < ebb_dim(h, 0); k++)
        sum += ebb_item(h, k * ebb_dim(h, 0) + k);
    return sum;
}

/* y = a^2 b + e^c sin a: L y = 2 b + (e^c - e^c) sin a = 2 b; L y^2 = 2 |grad y|^2 + 2 y L y. */
static void laplacian_of_a_formula(void) {
    ebb_function *f = function(formula, 3, NULL), *laplacian = ebb_laplacian(f, NULL);
    ebb_tensor *x = f64("[0.7, -1.3, 0.4]"), *y[6], *h = ebb_call(ebb_hessian(f, NULL), x);
    ebb_call_n(laplacian, 1, (ebb_operand[]){EBB_OPERAND(x)}, 6, y);
    double a = 0.7, b = -1.3, c = 0.4, g[3] = {2 * a * b + exp(c) * cos(a), a * a, exp(c) * sin(a)};
    double value = a * a * b + exp(c) * sin(a), square = g[0] * g[0] + g[1] * g[1] + g[2] * g[2];
    cr_expect(fabs(ebb_item(y[0], 0) - value) <= 1e-15, "value %.17g", ebb_item(y[0], 0));
    cr_expect(fabs(ebb_item(y[3], 0) - 2 * b) <= 1e-14, "Laplacian %.17g", ebb_item(y[3], 0));
    cr_expect(fabs(ebb_item(y[3], 0) - trace_of(h)) <= 1e-14, "trace of the Hessian %.17g", trace_of(h));
    cr_expect(fabs(ebb_item(y[4], 0) - (2 * square + 2 * value * 2 * b)) <= 1e-13, "of the square %.17g",
              ebb_item(y[4], 0));
    cr_expect(ebb_is_absent(y[5]), "argmax has none");
}

/* Over many points, and the gradient of a mean square of it: against differences. */
static void laplacian_is_differentiated_again(void) {
    ebb_function *f = function(formula, 3, NULL);
    ebb_function *loss = function(residual, 1, ebb_vmap(ebb_laplacian(f, NULL), NULL));
    ebb_tensor *x = f64("[[0.7, -1.3, 0.4], [0.1, 0.2, 0.3]]"), *g = ebb_call(ebb_grad(loss, NULL), x);
    ebb_tensor *want = f64("[[0, -7.2, 0], [0, -1.2, 0]]"); /* mean of (2 b - 1)^2: 2 (2 b - 1) 2 / 2 */
    expect_equal(g, want, 1e-13, "gradient through a Laplacian");
    ebb_tensor *v = f64("[[1, 1, 0], [2, -1, 0]]"), *hv = ebb_call(ebb_hvp(loss, NULL), x, v);
    expect_equal(hv, f64("[[0, 4, 0], [0, -4, 0]]"), 1e-13, "Hessian product through a Laplacian");
}

/* Biharmonic: L L of c (a^4 + a b^3) is c 24; L is c (12 a^2 + 6 a b). */
static void laplacian_of_a_laplacian(void) {
    ebb_function *f = function(polynomial, 1, NULL), *once = ebb_laplacian(f, NULL);
    ebb_tensor *x = f64("[0.5, 2]"), *c = f64("3"), *y[4];
    const ebb_operand in[] = {EBB_OPERAND(x), EBB_OPERAND(c)};
    ebb_call_n(ebb_laplacian(once, NULL), 2, in, 4, y);
    cr_expect(fabs(ebb_item(y[1], 0) - 27) <= 1e-13 && fabs(ebb_item(y[2], 0) - 27) <= 1e-13, "once: %.17g",
              ebb_item(y[1], 0));
    cr_expect(fabs(ebb_item(y[3], 0) - 72) <= 1e-12, "twice: %.17g", ebb_item(y[3], 0));
    ebb_call_n(ebb_laplacian(f, EBB_WRT(0, 1)), 2, in, 2, y); /* linear in c */
    cr_expect(fabs(ebb_item(y[1], 0) - 27) <= 1e-13, "of two parameters: %.17g", ebb_item(y[1], 0));
}

static void operators_with_a_matrix(void) {
    ebb_function *f = function(polynomial, 1, NULL);
    ebb_tensor *x = f64("[0.5, 2]"), *c = f64("3"), *y[2], *h = ebb_call(ebb_hessian(f, NULL), x, c);
    const ebb_operand in[] = {EBB_OPERAND(x), EBB_OPERAND(c)};
    static const char *const matrices[] = {"[[1, 0], [0, 1]]",      "[[2, 0], [0, -3]]",  "[[0, 1], [1, 0]]",
                                           "[[0, 2], [0, 0]]",      "[[1, -2], [-2, 4]]", "[[0, 0], [0, 0]]",
                                           "[[1e-8, 1], [1, 1e8]]", "[[0, 0], [0, 5]]"};
    for (int k = 0; k < COUNT(matrices); k++) {
        ebb_tensor *a = f64(matrices[k]);
        double want = 0;
        for (int i = 0; i < 4; i++)
            want += ebb_item(a, i) * ebb_item(h, i);
        ebb_call_n(ebb_second_order(f, NULL, a), 2, in, 2, y);
        cr_expect(fabs(ebb_item(y[1], 0) - want) <= 1e-14 * fmax(1e2, fabs(want)), "%s: %.17g, not %.17g", matrices[k],
                  ebb_item(y[1], 0), want);
    }
}

static void operators_refuse(void) {
    ebb_function *f = function(polynomial, 1, NULL);
    ebb_tensor *x = f64("[0.5, 2]"), *c = f64("3");
    cr_expect_null(ebb_laplacian(NULL, NULL));
    ebb_clear_error(ebb);
    cr_expect_null(ebb_second_order(f, NULL, NULL));
    ebb_clear_error(ebb);
    static const struct {
        const char *text, *words;
    } bad[] = {{"[1, 2]", "real and square"}, {"[[1, 2]]", "real and square"}, {"[[1, nan], [1, 1]]", "element 1"}};
    for (int k = 0; k < COUNT(bad); k++) {
        cr_expect_null(ebb_second_order(f, NULL, f64(bad[k].text)));
        expect_error(ebb, EBB_VALUE_ERROR, bad[k].words, "%s", bad[k].text);
    }
    ebb_call(ebb_second_order(f, NULL, f64("[[1]]")), x, c);
    expect_error(ebb, EBB_VALUE_ERROR, "the matrix is [1,1], but the parameters of f have 2 elements", "another size");
    ebb_call(ebb_laplacian(f, EBB_WRT(2)), x, c);
    expect_error(ebb, EBB_INDEX_ERROR, "no parameter 2", "no such parameter");
    ebb_call(ebb_laplacian(function(three, 3, NULL), NULL), ebb_literal(ebb, "[1, 2]", EBB_I32));
    expect_error(ebb, EBB_TYPE_ERROR, "only f32 and f64 have derivatives", "an integer");
}

/* ---- the diagonal of a Hessian ---- */

BODY(separable) {
    UNUSED;
    ebb_tensor *x = in[0];
    out[0] = ebb_sum(ebb_add(ebb_mul(ebb_exp(ebb_sin(x)), ebb_tanh(x)), ebb_log(ebb_add(1, ebb_square(x)))));
}
BODY(coupled) {
    UNUSED;
    out[0] = ebb_mul(ebb_sum(ebb_sin(in[0])), ebb_sum(ebb_mul(in[0], ebb_square(in[1]))));
    out[1] = ebb_sum(in[0]);
}

static void diagonals(void) {
    ebb_function *f = function(coupled, 2, NULL);
    ebb_tensor *x = f64("[[0.3, 1], [-2, 0.5]]"), *z = f64("[[1, 2], [3, 4]]"), *block[4], *d[4];
    const ebb_operand in[] = {EBB_OPERAND(x), EBB_OPERAND(z)};
    ebb_call_n(ebb_hessian(f, EBB_WRT(0, 1)), 2, in, 4, block);
    ebb_wrt both = *EBB_WRT(0, 1);
    both.values = true;
    ebb_call_n(ebb_hessian_diagonal(f, &both), 2, in, 4, d);
    for (int k = 0; k < 2; k++) {
        cr_expect_eq(ebb_rank(d[2 + k]), 2, "of the parameter's shape");
        for (int i = 0; i < 4; i++)
            cr_expect(fabs(ebb_item(d[2 + k], i) - ebb_item(block[3 * k], 5 * i)) <= 1e-14, "wrt %d, element %d", k, i);
    }
    cr_expect_eq(ebb_item(d[0], 0), ebb_item(ebb_call(f, x, z), 0), "value");
    cr_expect(fabs(ebb_item(d[1], 0) + 0.2) <= 1e-15, "auxiliary value %.17g", ebb_item(d[1], 0));
}

/* W3's, a million elements: sum and norm as other systems gave them. */
static void diagonal_of_a_million(void) {
    enum { N = 1000000 };
    double *u = malloc(N * sizeof *u), sum = 0, square = 0;
    uint64_t s = 3;
    for (int i = 0; i < N; i++) {
        uint64_t w = s += 0x9E3779B97F4A7C15u;
        w = (w ^ w >> 30) * 0xBF58476D1CE4E5B9u;
        w = (w ^ w >> 27) * 0x94D049BB133111EBu;
        w ^= w >> 31;
        u[i] = 4 * ((double)(w >> 11) * 0x1p-53) - 2;
    }
    ebb_tensor *x = ebb_constant(ebb, EBB_F64, EBB_SHAPE(N), u);
    ebb_tensor *d = ebb_call(ebb_hessian_diagonal(function(separable, 1, NULL), NULL), x);
    for (int64_t k = 0; k < N; k++)
        sum += ebb_item(d, k), square += ebb_item(d, k) * ebb_item(d, k);
    cr_expect(fabs(sum - 147673.637209) <= 1e-5, "sum %.12g", sum);
    cr_expect(fabs(sqrt(square) - 2321.26665448) <= 1e-7, "norm %.12g", sqrt(square));
    free(u);
}

/* ---- Jacobians of batches ---- */

/* (x [n,2], s [n,3]) -> [n,2,2], [n] */
BODY(rows) {
    UNUSED;
    ebb_tensor *x = ebb_reshape(in[0], EBB_SHAPE(-1, 2, 1)), *t = ebb_reshape(ebb_sin(in[0]), EBB_SHAPE(-1, 1, 2));
    out[0] = ebb_mul(ebb_mul(x, t), ebb_reshape(ebb_sum_over(in[1], EBB_AXES(1), false), EBB_SHAPE(-1, 1, 1)));
    out[1] = ebb_prod_over(in[1], EBB_AXES(1), false);
}

static void batch_jacobians(void) {
    ebb_function *f = function(rows, 2, NULL);
    ebb_tensor *x = f64("[[0.3, 1], [-2, 0.5], [1, 2]]"), *s = f64("[[1, 2, 3], [4, 5, 6], [7, 8, -9]]");
    const ebb_operand in[] = {EBB_OPERAND(x), EBB_OPERAND(s)};
    ebb_tensor *block[3][4], *whole[4];
    ebb_call_n(ebb_jacobian_of(f, EBB_WRT(0, 1), EBB_REVERSE), 2, in, 4, whole);
    for (int road = 0; road < 3; road++)
        ebb_call_n(ebb_batch_jacobian_of(f, EBB_WRT(0, 1), (ebb_road)road), 2, in, 4, block[road]);
    static const char *const shape[4] = {"[3,2,2,2]", "[3,2,2,3]", "[3,2]", "[3,3]"};
    for (int k = 0; k < 4; k++) {
        int64_t b = k % 2 ? 3 : 2, a = ebb_size(block[1][k]) / (3 * b);
        cr_expect_eq(ebb_rank(block[1][k]), k < 2 ? 4 : 2, "%s", shape[k]);
        expect_equal(block[0][k], block[1][k], 1e-14, "cheaper and forward");
        expect_equal(block[1][k], block[2][k], 1e-14, "forward and reverse");
        for (int64_t i = 0; i < 3 * a * b; i++) { /* [row, a, b] of [row, a, row, b] */
            int64_t row = i / (a * b), own = (i / b * 3 + row) * b + i % b;
            cr_expect(fabs(ebb_item(block[1][k], i) - ebb_item(whole[k], own)) <= 1e-14, "%s, element %d", shape[k],
                      (int)i);
        }
    }
    ebb_call(ebb_batch_jacobian_of(f, EBB_WRT(0), EBB_FORWARD), x, f64("[[1, 2, 3]]"));
    cr_expect(!ebb_ok(ebb), "other numbers of rows");
    ebb_clear_error(ebb);
    ebb_call(ebb_batch_jacobian_of(function(coupled, 2, NULL), NULL, EBB_FORWARD), x, x);
    expect_error(ebb, EBB_VALUE_ERROR, "are not batches of equal size", "a number");
}

/* ---- auxiliary results, values ---- */

static void auxiliaries(void) {
    ebb_function *f = function(three, 3, NULL);
    ebb_wrt last = {.auxiliary = 2}, all = {.auxiliary = 3}, less = {.auxiliary = -1};
    ebb_tensor *x = f64("[1, 3]"), *v = f64("[1, 10]"), *y[5];
    const ebb_operand in[] = {EBB_OPERAND(x), EBB_OPERAND(v)};
    ebb_call_n(ebb_jvp(f, &last), 2, in, 4, y);
    expect_text(y[3], "[ 2. 60.]", "jvp");
    expect_text(y[1], "4.0", "its auxiliary");
    ebb_call_n(ebb_vjp(f, &last), 2, in, 4, y);
    expect_text(y[3], "[ 2. 60.]", "vjp");
    ebb_call_n(ebb_jet(f, &last, 2), 2, in, 4, y);
    expect_text(y[3], "[[  2.  60.]\n [  1. 100.]]", "jet");
    ebb_call_n(ebb_laplacian(f, &last), 1, in, 4, y);
    expect_text(y[3], "[2. 2.]", "laplacian");
    last.values = true;
    ebb_call_n(ebb_jacobian_of(f, &last, EBB_CHEAPER), 1, in, 4, y);
    expect_text(y[0], "[1. 9.]", "values beside a Jacobian");
    expect_text(y[3], "[[2. 0.]\n [0. 6.]]", "jacobian");
    cr_expect_null(ebb_jvp(f, &all));
    expect_error(ebb, EBB_VALUE_ERROR, "3 of the 3 results of f shall be auxiliary", "nothing left");
    cr_expect_null(ebb_jvp(f, &less));
    expect_error(ebb, EBB_VALUE_ERROR, "-1 of the 3", "less than none");
}

static void values(void) {
    ebb_function *f = function(coupled, 2, NULL);
    ebb_tensor *x = f64("[0.5, 1]"), *z = f64("[1, 2]"), *v = f64("[1, 0]"), *y[4], *g[3];
    const ebb_operand in[] = {EBB_OPERAND(x), EBB_OPERAND(z), EBB_OPERAND(v)};
    ebb_call_n(ebb_value_and_grad(f, NULL), 2, in, 3, g);
    ebb_call_n(ebb_hvp(f, &(ebb_wrt){.values = true}), 3, in, 4, y);
    for (int k = 0; k < 3; k++)
        expect_equal(y[k], g[k], 0, "beside a Hessian product");
    expect_equal(y[3], ebb_call(ebb_hvp(f, NULL), x, z, v), 0, "the product");
    ebb_call_n(ebb_hessian(f, &(ebb_wrt){.values = true}), 2, in, 4, y);
    for (int k = 0; k < 3; k++)
        expect_equal(y[k], g[k], 1e-15, "beside a Hessian");
    expect_equal(y[3], ebb_call(ebb_hessian(f, NULL), x, z), 0, "the Hessian");
}

/* ---- transposes ---- */

/* (x [2], a [3,2]) -> a x, 2 x */
BODY(linear) {
    UNUSED;
    out[0] = ebb_matmul(in[1], in[0]);
    out[1] = ebb_mul(2, in[0]);
}

static void transposes(void) {
    ebb_function *f = function(linear, 2, NULL), *back = ebb_transpose_of(f, NULL);
    ebb_tensor *x = f64("[7, 7]"), *a = f64("[[1, 2], [3, 4], [5, 6]]"), *u = f64("[1, 0, 10]"), *w = f64("[1, 1]");
    expect_text(ebb_call(back, x, a, u, w), "[53. 64.]", "a' u + 2 w");
    expect_text(ebb_call(ebb_transpose_of(f, &(ebb_wrt){.auxiliary = 1}), x, a, u), "[51. 62.]", "of the first");
    ebb_call(ebb_transpose_of(f, EBB_WRT(0, 1)), x, a, u, w);
    expect_error(ebb, EBB_VALUE_ERROR, "transpose_of: f is not linear: dot", "in both at once");
    ebb_call(back, x);
    expect_error(ebb, EBB_VALUE_ERROR, "needs 2 more", "a cotangent is missing");
    ebb_call(back, x, a, w, w);
    expect_error(ebb, EBB_VALUE_ERROR, "argument 2 is f64[2]; it must be f64[3]", "of another shape");
}

/* ---- the derivative at one point ---- */

/* (x [3], z [3]) -> sin(x) sum(x z) of [3], sum, argmax; counts its calls */
BODY(counted) {
    (void)e;
    ebb_assign_add((ebb_tensor *)data, 1.0);
    out[0] = ebb_mul(ebb_sin(in[0]), ebb_sum(ebb_mul(in[0], in[1])));
    out[1] = ebb_sum(ebb_square(in[0]));
    out[2] = ebb_argmax(in[0], 0);
}

static void linearizations(void) {
    ebb_tensor *calls = ebb_variable(ebb, ebb_scalar(ebb, 0.0), "calls");
    ebb_function *f = function(counted, 3, calls), *jvp = ebb_jvp(f, EBB_WRT(0, 1));
    ebb_tensor *x = f64("[0.5, -1, 2]"), *z = f64("[1, 2, -1]"), *v = f64("[1, 0, -2]"), *w = f64("[0.5, 1, 1]");
    const ebb_operand at[] = {EBB_OPERAND(x), EBB_OPERAND(z)}, along[] = {EBB_OPERAND(v), EBB_OPERAND(w)};
    const ebb_operand both[] = {at[0], at[1], along[0], along[1]};
    ebb_tensor *value[3], *want[6], *got[3];
    ebb_function *tangent = ebb_linearize(f, EBB_WRT(0, 1), 2, at, 3, value);
    cr_assert_not_null(tangent, "%s", ebb_error(ebb));
    cr_expect_eq(ebb_item(calls, 0), 1, "called %g times", ebb_item(calls, 0));
    for (int k = 0; k < 3; k++)
        ebb_call_n(tangent, 2, along, 3, got);
    cr_expect_eq(ebb_item(calls, 0), 1, "called %g times", ebb_item(calls, 0));
    ebb_call_n(jvp, 4, both, 6, want);
    for (int k = 0; k < 2; k++) {
        expect_equal(value[k], want[k], 0, "value");
        expect_equal(got[k], want[3 + k], 1e-15, "tangent");
    }
    cr_expect(ebb_is_absent(got[2]), "argmax has none");
    ebb_wrt real = {.index = (const int[]){0, 1}, .count = 2, .auxiliary = 1};
    ebb_function *two = ebb_linearize(f, &real, 2, at, 0, NULL), *back = ebb_transpose_of(two, EBB_WRT(0, 1));
    const ebb_operand many[] = {EBB_OPERAND(f64("[[1, 0, -2], [0, 0, 0]]")),
                                EBB_OPERAND(f64("[[0.5, 1, 1], [1, 0, 0]]"))};
    ebb_tensor *rows[2], *cotangent[2];
    ebb_call_n(ebb_vmap(two, NULL), 2, many, 2, rows);
    for (int k = 0; k < 3; k++)
        cr_expect(fabs(ebb_item(rows[0], k) - ebb_item(got[0], k)) <= 1e-15, "many directions, element %d", k);
    const ebb_operand down[] = {EBB_OPERAND(f64("[1, 2, 3]")), EBB_OPERAND(f64("2"))};
    const ebb_operand turned[] = {along[0], along[1], down[0], down[1]}, all[] = {at[0], at[1], down[0], down[1]};
    ebb_call_n(back, 4, turned, 2, cotangent);
    ebb_call_n(ebb_vjp(f, &real), 4, all, 5, want);
    for (int k = 0; k < 2; k++)
        expect_equal(cotangent[k], want[3 + k], 1e-14, "cotangent");
    ebb_function_free(f); /* the derivative has all it needs */
    ebb_call_n(tangent, 2, along, 1, got);
    expect_equal(got[0], value[0], 1e9, "still there");
    ebb_function_free(tangent);
}

BODY(linearizes_inside) {
    (void)e;
    const ebb_operand at[] = {EBB_OPERAND(in[0])};
    ebb_linearize((ebb_function *)data, NULL, 1, at, 1, out);
}

static void linearizations_refuse(ebb_mode mode) {
    ebb_function *f = function(three, 3, NULL);
    ebb_tensor *x = f64("[1, 3]"), *y[4];
    const ebb_operand at[] = {EBB_OPERAND(x)};
    cr_expect_null(ebb_linearize(f, NULL, 1, at, 4, y));
    expect_error(ebb, EBB_VALUE_ERROR, "has 3 results, 4 were asked for", "too many results");
    cr_expect_null(ebb_linearize(f, EBB_WRT(1), 1, at, 1, y));
    expect_error(ebb, EBB_INDEX_ERROR, "no parameter 1", "no such parameter");
    cr_expect_null(ebb_linearize(NULL, NULL, 1, at, 1, y));
    ebb_clear_error(ebb);
    ebb_call(function(linearizes_inside, 1, f), x);
    if (mode != EBB_EAGER) /* where the body has values */
        expect_error(ebb, EBB_RUNTIME_ERROR, "use ebb_jvp", "inside a body");
    ebb_function *tangent = ebb_linearize(f, NULL, 1, at, 1, y);
    ebb_call(tangent, f64("[1]"));
    expect_error(ebb, EBB_VALUE_ERROR, "argument 0 is f64[1]; it must be f64[2]", "another shape");
    ebb_call(tangent, x, x);
    expect_error(ebb, EBB_TYPE_ERROR, "takes 1 arguments, 2 were given", "too many");
}

Test(derivative_objects, of_functions) {
    static const ebb_mode modes[] = {EBB_EAGER, EBB_COMPILED, EBB_NATIVE};
    for (int i = 0; i < COUNT(modes); i++) {
        ebb = ebb_open(&(ebb_options){.mode = modes[i]});
        laplacian_of_a_formula();
        laplacian_is_differentiated_again();
        laplacian_of_a_laplacian();
        operators_with_a_matrix();
        operators_refuse();
        diagonals();
        batch_jacobians();
        auxiliaries();
        values();
        transposes();
        linearizations();
        linearizations_refuse(modes[i]);
        if (modes[i] == EBB_NATIVE) diagonal_of_a_million();
        expect_ok(ebb, "mode %d", (int)modes[i]);
        ebb_close(ebb);
    }
}
