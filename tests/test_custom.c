/* test_custom.c - functions with a rule of their own, and functions that are computed again in reverse mode: eagerly on
 * tapes, in traced functions, as functions to functions.
 *
 * The passes themselves are in test_region_modes.c. */
#include "tests/support/check.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static ebb_context *ebb;
static void start(void) { ebb = ebb_open(NULL); }
static void stop(void) { ebb_close(ebb); }
TestSuite(custom, .init = start, .fini = stop);

#define BODY(name) static void name(ebb_context *context, ebb_tensor *const *in, ebb_tensor **out, void *data)
#define UNUSED (void)context, (void)in, (void)data

static ebb_function *function(ebb_body *body, const char *name, int results, void *data) {
    return ebb_function_new(ebb, body, &(ebb_function_options){.name = name, .results = results, .data = data});
}

static void near(const char *what, const ebb_tensor *x, int64_t i, double want) {
    double got = ebb_item(x, i);
    cr_expect(fabs(got - want) <= 1e-14 * (1 + fabs(want)), "%s[%d] is %.17g, not %.17g", what, (int)i, got, want);
}

/* ---- a rule that is true: y = sin(x) a, as a product of two ---- */

BODY(wave) {
    UNUSED;
    out[0] = ebb_mul(ebb_sin(in[0]), in[1]);
}
BODY(wave_tangent) { /* x, a, y, dx, da */
    UNUSED;
    out[0] = ebb_add(ebb_mul(ebb_mul(ebb_cos(in[0]), in[1]), in[3]), ebb_mul(ebb_sin(in[0]), in[4]));
}
BODY(wave_cotangent) { /* x, a, y, dy */
    UNUSED;
    out[0] = ebb_mul(ebb_mul(ebb_cos(in[0]), in[1]), in[3]);
    out[1] = ebb_mul(ebb_sin(in[0]), in[3]);
}

typedef struct wave_use {
    ebb_function *f;
} wave_use;
BODY(loss) {
    UNUSED;
    const wave_use *w = data;
    out[0] = ebb_sum(ebb_exp(ebb_call(w->f, in[0], in[1])));
}

/* The three ways to the wave: as written, and by either rule. */
static ebb_function *wave_by(int way) {
    ebb_function *f = function(wave, "wave", 1, NULL);
    if (way == 1) return ebb_custom_jvp(f, function(wave_tangent, "wave_tangent", 1, NULL));
    if (way == 2) return ebb_custom_vjp(f, function(wave_cotangent, "wave_cotangent", 2, NULL));
    return way == 3 ? ebb_remat(f) : f;
}

/* Value, gradients, Hessian product, series, examples; by functions, then by a tape around a call. */
static int ask(ebb_function *f, double answer[64]) {
    wave_use w = {f};
    ebb_function *g = function(loss, "loss", 1, &w);
    ebb_tensor *x = ebb_literal(ebb, "[0.3, 0.8]", EBB_F64), *a = ebb_literal(ebb, "[1.2, -0.7]", EBB_F64), *out[4];
    ebb_tensor *v = ebb_literal(ebb, "[1, 0.5]", EBB_F64);
    int n = 0;
    answer[n++] = ebb_item(ebb_call(g, x, a), 0);
    ebb_operand in[3] = {EBB_OPERAND(x), EBB_OPERAND(a), EBB_OPERAND(v)};
    ebb_call_n(ebb_grad(g, EBB_WRT(0, 1)), 2, in, 2, out);
    for (int k = 0; k < 4; k++)
        answer[n++] = ebb_item(out[k / 2], k % 2);
    ebb_tensor *h = ebb_call(ebb_hvp(g, EBB_WRT(0)), x, a, v), *hessian = ebb_call(ebb_hessian(g, EBB_WRT(1)), x, a);
    for (int k = 0; k < 2; k++)
        answer[n++] = ebb_item(h, k);
    for (int k = 0; k < 4; k++)
        answer[n++] = ebb_item(hessian, k);
    ebb_call_n(ebb_jet(g, EBB_WRT(0), 5), 3, in, 2, out);
    for (int k = 0; k < 5; k++)
        answer[n++] = ebb_item(out[1], k);
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_PERSISTENT);
    ebb_watch(tape, x);
    ebb_tensor *y = ebb_call(f, x, a), *first = ebb_gradient(tape, y, x), *second = ebb_gradient(tape, first, x);
    for (int k = 0; k < 2; k++)
        answer[n++] = ebb_item(first, k), answer[n++] = ebb_item(second, k);
    ebb_tensor *rows = ebb_literal(ebb, "[[0.3, 0.8], [0.1, -2]]", EBB_F64);
    ebb_vmap_options o = {.arguments = 2, .in_axes = (int[]){0, EBB_SAME}};
    ebb_tensor *each = ebb_call(ebb_vmap(ebb_grad(g, EBB_WRT(0)), &o), rows, a);
    for (int k = 0; k < 4; k++)
        answer[n++] = ebb_item(each, k);
    return n;
}

Test(custom, rules_that_are_true_change_nothing) {
    double want[64], got[64];
    int n = 0;
    EBB_SCOPE (ebb) {
        n = ask(wave_by(0), want);
    }
    for (int way = 1; way <= 3; way++)
        EBB_SCOPE (ebb) {
            cr_assert_eq(ask(wave_by(way), got), n);
            expect_ok(ebb, "way %d", way);
            for (int k = 0; k < n; k++)
                cr_expect(fabs(got[k] - want[k]) <= 1e-13 * (1 + fabs(want[k])),
                          "way %d: answer %d is %.17g, not %.17g", way, k, got[k], want[k]);
        }
    printf("cases: %d\n", 3 * n);
}

/* ---- gradient clipping, as the header has it ---- */

BODY(same) {
    UNUSED;
    out[0] = in[0];
}
BODY(clip) {
    UNUSED;
    out[0] = ebb_div(in[2], ebb_max(ebb_norm(in[2]), 1.0));
}
BODY(clipped_loss) {
    UNUSED;
    const wave_use *w = data;
    out[0] = ebb_sum(ebb_square(ebb_call(w->f, in[0])));
}

Test(custom, a_gradient_is_clipped) {
    EBB_SCOPE (ebb) {
        wave_use w = {ebb_custom_vjp(function(same, "same", 1, NULL), function(clip, "clip", 1, NULL))};
        ebb_function *f = function(clipped_loss, "loss", 1, &w), *g = ebb_grad(f, NULL);
        ebb_tensor *far = ebb_literal(ebb, "[3, 4]", EBB_F64), *close = ebb_literal(ebb, "[0.1, 0.2]", EBB_F64);
        near("value", ebb_call(f, far), 0, 25);
        for (int k = 0; k < 2; k++) {
            near("clipped", ebb_call(g, far), k, k ? 0.8 : 0.6);
            near("as it is", ebb_call(g, close), k, k ? 0.4 : 0.2);
        }
        expect_ok(ebb, "clipping");
        ebb_call(ebb_jvp(f, NULL), far, far);
        expect_error(ebb, EBB_VALUE_ERROR,
                     "the rule clip of same is not linear in the cotangents, so same has no forward", "forward mode");
    }
}

/* ---- what is refused ---- */

BODY(two) {
    UNUSED;
    out[0] = ebb_sum(in[0]);
    out[1] = ebb_exp(in[0]);
}
BODY(gives_the_wrong_shape) {
    UNUSED;
    out[0] = in[1];
}
BODY(gives_the_wrong_dtype) {
    UNUSED;
    out[0] = ebb_cast(in[0], EBB_F32);
}
BODY(uses_a_variable) {
    UNUSED;
    out[0] = ebb_mul(in[0], (ebb_tensor *)data);
}
BODY(forgets) {
    UNUSED;
    (void)out;
}

static const struct {
    const char *name;
    ebb_body *f, *rule;
    int results, gives;
    bool reverse, variable;
    ebb_code code;
    const char *message;
} refusals[] = {
    {"one result too many", same, two, 1, 2, false, false, EBB_VALUE_ERROR,
     "the rule rule of f gives 2 results; it must give 1 tangents"},
    {"one result too few", two, same, 2, 1, false, false, EBB_VALUE_ERROR,
     "the rule rule of f gives 1 results; it must give 2 tangents"},
    {"a wrong shape", two, gives_the_wrong_shape, 2, 1, true, false, EBB_TYPE_ERROR,
     "ebb_custom: the rule rule of f gives f64[] for the derivative of argument 0, which is f64[2]"},
    {"a wrong dtype", same, gives_the_wrong_dtype, 1, 1, true, false, EBB_TYPE_ERROR,
     "the rule rule of f gives f32[2] for the derivative of argument 0, which is f64[2]"},
    {"no result", same, forgets, 1, 1, true, false, EBB_VALUE_ERROR, "rule"},
    {"a variable in f", uses_a_variable, same, 1, 1, true, true, EBB_VALUE_ERROR,
     "f uses variable w:0; with a rule, all that it uses must be a tensor argument"},
    {"a variable in the rule", same, uses_a_variable, 1, 1, true, true, EBB_VALUE_ERROR, "rule uses variable w"},
};

Test(custom, what_a_rule_must_not_be_is_said) {
    EBB_SCOPE (ebb) {
        ebb_tensor *w = ebb_variable(ebb, ebb_literal(ebb, "[1, 2]", EBB_F64), "w");
        ebb_tensor *x = ebb_literal(ebb, "[1, 2]", EBB_F64), *out[2];
        ebb_operand in = EBB_OPERAND(x);
        for (int k = 0; k < COUNT(refusals); k++) {
            void *data = refusals[k].variable ? w : NULL;
            ebb_function *f = function(refusals[k].f, "f", refusals[k].results, data);
            ebb_function *rule = function(refusals[k].rule, "rule", refusals[k].gives, data);
            ebb_function *g = (refusals[k].reverse ? ebb_custom_vjp : ebb_custom_jvp)(f, rule);
            cr_assert_not_null(g);
            ebb_call_n(g, 1, &in, refusals[k].results, out);
            expect_error(ebb, refusals[k].code, refusals[k].message, "%s", refusals[k].name);
        }
        ebb_function *f = function(same, "f", 1, NULL);
        cr_expect_null(ebb_custom_vjp(f, NULL));
        expect_error(ebb, EBB_TYPE_ERROR, "ebb_custom_vjp: the rule is NULL", "no rule");
        cr_expect_null(ebb_custom_jvp(NULL, f));
        expect_error(ebb, EBB_TYPE_ERROR, "ebb_custom_jvp: the function is NULL", "no function");
        cr_expect_null(ebb_remat(NULL));
        expect_error(ebb, EBB_TYPE_ERROR, "ebb_remat: the function is NULL", "no function");
        ebb_set_road(ebb_remat(f), "reverse", 0);
        expect_error(ebb, EBB_TYPE_ERROR, "is no derivative", "no road");
    }
}

/* ---- H072: rules that give NaN ---- */

static int nan_line; /* where it is born */

BODY(half_nan) { /* x, y, the tangent or cotangent: NaN where x < 1 */
    UNUSED;
    nan_line = __LINE__ + 1;
    ebb_tensor *root = ebb_sqrt(ebb_sub(in[0], 1.0));
    out[0] = ebb_mul(root, in[2]);
}
BODY(sum_of) {
    UNUSED;
    out[0] = ebb_sum(ebb_call(((const wave_use *)data)->f, in[0]));
}
/* The value is clean, the derivative says where it is not: in the rule, on its line. Asked to check, a call is an error
 * that says it. */
Test(custom, h072_a_rule_that_gives_nan_is_found) {
    EBB_SCOPE (ebb) {
        ebb_tensor *x = ebb_literal(ebb, "[2, 0.5]", EBB_F64), *far = ebb_literal(ebb, "[2, 5]", EBB_F64);
        for (int reverse = 0; reverse < 2; reverse++) {
            ebb_function *rule = function(half_nan, "half_nan", 1, NULL), *f = function(same, "same", 1, NULL);
            wave_use w = {reverse ? ebb_custom_vjp(f, rule) : ebb_custom_jvp(f, rule)};
            const ebb_function_options options = {.name = "g", .data = &w, .check_nan = true};
            ebb_function *g = function(sum_of, "g", 1, &w), *strict = ebb_function_new(ebb, sum_of, &options);
            ebb_function *derivatives[] = {ebb_grad(g, NULL), ebb_jacobian_of(g, NULL, EBB_REVERSE),
                                           ebb_jacobian_of(g, NULL, EBB_FORWARD)};
            near("value", ebb_call(strict, x), 0, 2.5);
            for (int k = 0; k < COUNT(derivatives); k++) {
                char want[200];
                ebb_nan_origin o = ebb_find_nan(derivatives[k], x);
                snprintf(want, sizeof want, "NaN born in sqrt (%s:%d), element 1 [1]", __FILE__, nan_line);
                cr_expect(o.found && strncmp(o.message, want, strlen(want)) == 0, "%d, %d: %s", reverse, k, o.message);
                cr_expect(isnan(ebb_item(ebb_call(derivatives[k], x), 1)));
                /* Forward, the row of the sum is a sum over elements, 0 times NaN among them. */
                if (k < 2) near("where there is none", ebb_call(derivatives[k], x), 0, 1);
                cr_expect_not(ebb_find_nan(derivatives[k], far).found);
            }
            cr_expect(ebb_is_poison(ebb_call(ebb_grad(strict, NULL), x)));
            expect_error(ebb, EBB_FLOAT_ERROR, "grad_g: NaN born in sqrt", "%d", reverse);
        }
    }
}

/* ---- remat ---- */

BODY(counted) { /* a variable counts the calls, and what is random is the same when it is computed again */
    UNUSED;
    ebb_assign_add((ebb_tensor *)data, 1.0);
    out[0] = ebb_sum(ebb_tanh(ebb_mul(in[0], in[0])));
    out[1] = ebb_cast(in[0], EBB_I32);
}

Test(custom, what_is_computed_again_is_the_same) {
    EBB_SCOPE (ebb) {
        ebb_tensor *calls = ebb_variable(ebb, ebb_scalar(ebb, 0.0), "calls");
        ebb_function *f = function(counted, "counted", 2, calls), *again = ebb_remat(f);
        ebb_tensor *x = ebb_literal(ebb, "[0.5, 1.5]", EBB_F64), *out[3];
        ebb_operand in = EBB_OPERAND(x);
        ebb_call_n(ebb_value_and_grad(again, NULL), 1, &in, 3, out);
        expect_ok(ebb, "value and gradient");
        for (int k = 0; k < 2; k++) {
            double v = k ? 1.5 : 0.5, t = tanh(v * v);
            near("gradient", out[2], k, 2 * v * (1 - t * t));
        }
        near("calls", calls, 0, 1);
        expect_text(out[1], "[0 1]", "integers");
    }
}

/* ---- remat: memory ---- */

enum { LAYERS = 6, SEGMENTS = 6, WIDTH = 32 };

BODY(segment) { /* x, w */
    UNUSED;
    ebb_tensor *x = in[0];
    for (int k = 0; k < LAYERS; k++)
        x = ebb_tanh(ebb_matmul(x, in[1]));
    out[0] = x;
}
BODY(segments) {
    UNUSED;
    const wave_use *w = data;
    ebb_tensor *x = in[0];
    for (int k = 0; k < SEGMENTS; k++)
        x = ebb_call(w->f, x, in[1]);
    out[0] = ebb_sum(x);
}

/* Bytes on the way through the gradient of many layers, and one of its elements. */
static int64_t bytes_of_gradient(ebb_function *f, double *element) {
    wave_use w = {f};
    ebb_function *g = ebb_grad(function(segments, "segments", 1, &w), EBB_WRT(1));
    ebb_tensor *x = ebb_full(ebb, EBB_F64, EBB_SHAPE(WIDTH, WIDTH), 0.25);
    ebb_native n = ebb_native_of(ebb_get_concrete(g, 2, ((ebb_operand[]){EBB_OPERAND(x), EBB_OPERAND(x)})));
    cr_assert(n.entry, "%s", ebb_error(ebb));
    *element = ebb_item(ebb_call(g, x, x), 5);
    return n.work_bytes;
}

/* Of 36 layers, two matrices each, 6 segments and the layers of one of them are kept. */
Test(custom, what_is_computed_again_is_not_kept) {
    EBB_SCOPE (ebb) {
        double kept_gradient, gradient;
        const int64_t kept = bytes_of_gradient(function(segment, "segment", 1, NULL), &kept_gradient);
        const int64_t again = bytes_of_gradient(ebb_remat(function(segment, "segment", 1, NULL)), &gradient);
        const int64_t layer = WIDTH * WIDTH * (int64_t)sizeof(double);
        cr_expect(fabs(gradient - kept_gradient) <= 1e-13 * fabs(kept_gradient), "%.17g and %.17g", gradient,
                  kept_gradient);
        cr_expect(kept >= LAYERS * SEGMENTS * layer, "%d bytes are kept", (int)kept);
        cr_expect(again <= (2 * LAYERS + 2 * SEGMENTS) * layer, "%d bytes are kept, %d without", (int)again, (int)kept);
        printf("cases: %d bytes instead of %d\n", (int)again, (int)kept);
    }
}
