/* test_implicit.c - functions that an equation defines: their values against closed forms, their derivatives in every
 * mode against formulas, eagerly called and compiled, for one and for many. */
#include "tests/support/check.h"

#include <criterion/criterion.h>
#include <math.h>

static ebb_context *ebb;
static void stop(void) { ebb_close(ebb); }
static void start(void) { ebb = ebb_open(NULL); }
TestSuite(implicit, .init = start, .fini = stop);

#define BODY(name) static void name(ebb_context *context, ebb_tensor *const *in, ebb_tensor **out, void *data)
#define UNUSED (void)context, (void)in, (void)data

static ebb_function *function(ebb_body *body, const char *name) {
    return ebb_function_new(ebb, body, &(ebb_function_options){.name = name});
}

/* The searches end with steps below 1e-12, and the derivatives are taken where they ended. */
static void near(const char *what, const ebb_tensor *x, int64_t i, double want) {
    double got = ebb_item(x, i);
    cr_expect(fabs(got - want) <= 4e-12 * (1 + fabs(want)), "%s[%d] is %.17g, not %.17g", what, (int)i, got, want);
}

/* ---- one unknown: x^2 = a ---- */

BODY(square_less) {
    UNUSED;
    out[0] = ebb_sub(ebb_square(in[0]), in[1]);
}

Test(implicit, root_of_one_equation) {
    const ebb_mode modes[] = {EBB_EAGER, EBB_COMPILED};
    for (int m = 0; m < COUNT(modes); m++) {
        ebb_function *f = ebb_function_new(ebb, square_less, &(ebb_function_options){.name = "f", .mode = modes[m]});
        ebb_function *root = ebb_root(f, NULL);
        ebb_function *first = ebb_grad(root, EBB_WRT(1)), *second = ebb_grad(first, EBB_WRT(1));
        ebb_function *over = ebb_hvp(root, EBB_WRT(1)), *series = ebb_jet(root, EBB_WRT(1), 5);
        ebb_tensor *one = ebb_scalar(ebb, 1.0), *a = ebb_scalar(ebb, 2.0), *out[2];
        near("root", ebb_call(root, one, a), 0, sqrt(2));
        near("gradient", ebb_call(first, one, a), 0, 0.5 / sqrt(2));
        near("gradient of the gradient", ebb_call(second, one, a), 0, -0.25 / pow(2, 1.5));
        near("hvp", ebb_call(over, one, a, one), 0, -0.25 / pow(2, 1.5));
        near("gradient in the start", ebb_call(ebb_grad(root, EBB_WRT(0)), one, a), 0, 0);
        ebb_call_n(series, 3, ((ebb_operand[]){EBB_OPERAND(one), EBB_OPERAND(a), EBB_OPERAND(one)}), 2, out);
        double coefficient = sqrt(2); /* of sqrt(2 + t): binomial(1/2, k) 2^(1/2 - k) */
        for (int k = 1; k <= 5; k++) {
            coefficient *= (1.5 - k) / k / 2;
            near("coefficient", out[1], k - 1, coefficient);
        }
        expect_ok(ebb, "mode %d", m);
    }
}

/* ---- two unknowns: x0 + x1 = a0, x0 x1 = a1 ---- */

BODY(sum_and_product) {
    UNUSED;
    ebb_tensor *both[] = {ebb_sum(in[0]), ebb_prod_over(in[0], EBB_ALL_AXES, false)};
    out[0] = ebb_sub(ebb_stack(2, both, 0), in[1]);
}

/* x0 - x1 is the root of a0^2 - 4 a1. */
Test(implicit, root_of_two_equations) {
    ebb_function *root = ebb_root(function(sum_and_product, "f"), NULL);
    ebb_tensor *begin = ebb_literal(ebb, "[5., 1.]", EBB_F64), *a = ebb_literal(ebb, "[5., 6.]", EBB_F64);
    ebb_tensor *x = ebb_call(root, begin, a);
    near("x", x, 0, 3), near("x", x, 1, 2);
    const double want[] = {3, -1, -2, 1}; /* dx0/da = (x0, -1) / (x0 - x1), dx1/da = (-x1, 1) / (x0 - x1) */
    for (int road = 0; road < 2; road++) {
        ebb_function *jacobian = ebb_jacobian_of(root, EBB_WRT(1), road ? EBB_FORWARD : EBB_REVERSE);
        for (int i = 0; i < 4; i++)
            near("jacobian", ebb_call(jacobian, begin, a), i, want[i]);
    }
    expect_ok(ebb, "two equations");
}

/* ---- Kepler's equation, E = M + e sin E, for many M at once ---- */

BODY(kepler) {
    UNUSED;
    out[0] = ebb_add(in[1], ebb_mul(in[2], ebb_sin(in[0])));
}

Test(implicit, fixed_points_of_many) {
    ebb_function *anomaly = ebb_fixed_point(function(kepler, "kepler"), NULL);
    ebb_function *slope = ebb_value_and_grad(anomaly, EBB_WRT(1, 2)), *bend = ebb_hessian(anomaly, EBB_WRT(2));
    ebb_vmap_options each = {.arguments = 3, .in_axes = (int[]){0, 0, EBB_SAME}};
    ebb_tensor *m = ebb_literal(ebb, "[0., 0.5, 1., 3., -2.]", EBB_F64), *e = ebb_scalar(ebb, 0.3), *out[3];
    ebb_call_n(ebb_vmap(slope, &each), 3, ((ebb_operand[]){EBB_OPERAND(m), EBB_OPERAND(m), EBB_OPERAND(e)}), 3, out);
    ebb_tensor *curved = ebb_call(ebb_vmap(bend, &each), m, m, e);
    for (int i = 0; i < 5; i++) {
        double E = ebb_item(out[0], i), d = 1 - 0.3 * cos(E), s = sin(E);
        near("equation", out[0], i, ebb_item(m, i) + 0.3 * s);
        near("in M", out[1], i, 1 / d);
        near("in e", out[2], i, s / d);
        near("twice in e", curved, i, 2 * s * cos(E) / (d * d) - 0.3 * s * s * s / (d * d * d));
    }
    expect_ok(ebb, "kepler");
}

/* ---- what has no answer ---- */

BODY(never) { /* x^2 + 1 + a^2 = 0 */
    UNUSED;
    out[0] = ebb_add(ebb_square(in[0]), ebb_add(1, ebb_square(in[1])));
}
BODY(other_type) {
    UNUSED;
    out[0] = ebb_sum(ebb_mul(in[0], in[1]));
}
BODY(flat) {
    UNUSED;
    out[0] = ebb_add(ebb_mul(in[0], 0.0), in[1]);
}

Test(implicit, refusals) {
    ebb_tensor *x = ebb_literal(ebb, "[0.7, 2.]", EBB_F64), *s = ebb_scalar(ebb, 0.7);
    ebb_tensor *lost = ebb_call(ebb_root(function(never, "never"), &(ebb_search){.steps = 20}), s, s);
    cr_expect(isnan(ebb_item(lost, 0)), "a search that did not end gives %g", ebb_item(lost, 0));
    expect_ok(ebb, "a search that did not end");
    ebb_call(ebb_root(function(other_type, "dots"), NULL), x, x);
    expect_error(ebb, EBB_VALUE_ERROR, "dots gives f64[] at f64[2]", "another type");
    ebb_call(ebb_root(function(flat, "flat"), NULL), s, s);
    expect_error(ebb, EBB_VALUE_ERROR, "singular", "a singular matrix");
    ebb_call(ebb_root(function(square_less, "f"), NULL), ebb_scalar(ebb, 3), ebb_scalar(ebb, 3));
    expect_error(ebb, EBB_TYPE_ERROR, "the search of f starts at i32[]; it must be real", "integers");
    cr_expect_null(ebb_root(NULL, NULL));
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_root: the function is NULL", "no function");
    cr_expect_null(ebb_fixed_point(function(kepler, "kepler"), &(ebb_search){.steps = -1}));
    expect_error(ebb, EBB_VALUE_ERROR, "ebb_fixed_point: a negative number", "negative steps");
}
