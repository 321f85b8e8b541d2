/* test_semantics_forward.c - how forward tapes behave, line by line: each test is a numbered line of the list that the
 * library follows, which is the behaviour of TensorFlow's ForwardAccumulator in C's clothes. */
#include <criterion/criterion.h>
#include <math.h>

#include "tests/support/check.h"

static ebb_context *ebb;
static void start(void) { ebb = ebb_open(&(ebb_options){.mode = EBB_NATIVE}); }
static void stop(void) {
    expect_ok(ebb, "at the end");
    ebb_close(ebb);
}
TestSuite(semantics_3, .init = start, .fini = stop);

#define BODY(name) static void name(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data)

static ebb_tensor *f32(const char *text) { return ebb_literal(ebb, text, EBB_F32); }
static ebb_tape *forward(ebb_tensor *x, ebb_tensor *dx) { return ebb_forward_start(ebb, 1, &x, &dx); }

Test(semantics_3, line_1_primals_and_tangents) {
    ebb_tensor *x = f32("[1, 2]"), *y = f32("3"), *primals[] = {x, y, x}, *whole = ebb_literal(ebb, "[1, 2]", EBB_I32);
    ebb_tensor *tangents[] = {f32("[1, 10]"), f32("1"), f32("[1, 1]")}, *wide = ebb_literal(ebb, "[1, 10]", EBB_F64);
    ebb_tape *t = ebb_forward_start(ebb, 2, primals, tangents);
    expect_text(ebb_tangent(t, ebb_mul(x, y)), "[ 4. 32.]", "two primals: y dx + x dy");
    t = forward(x, wide);
    expect_text(ebb_tangent(t, ebb_mul(x, 2)), "[ 2. 20.]", "the tangent is cast");
    cr_expect_eq(ebb_dtype_of(ebb_tangent(t, x)), EBB_F32);
    cr_expect_null(ebb_forward_start(ebb, 3, primals, tangents));
    expect_error(ebb, EBB_VALUE_ERROR, "primals 0 and 2 are the same", "twice");
    cr_expect_null(forward(x, y));
    expect_error(ebb, EBB_VALUE_ERROR, "primal 0 is f32[2], its tangent f32[]", "another shape");
    cr_expect_null(forward(whole, x));
    expect_error(ebb, EBB_TYPE_ERROR, "both must be real", "an integer");
    cr_expect_null(ebb_forward_start(ebb, 1, NULL, NULL));
    expect_error(ebb, EBB_TYPE_ERROR, "1 primals and no list", "no list");
    cr_expect_null(ebb_forward_start(NULL, 0, NULL, NULL));
    expect_error(ebb, EBB_TYPE_ERROR, "the context is NULL", "no context");
}

Test(semantics_3, line_2_tangents_are_looked_up) {
    ebb_tensor *x = f32("2"), *c = f32("[5, 6]");
    ebb_tensor *before = ebb_square(x);
    ebb_tape *t = forward(x, f32("1"));
    ebb_tensor *y = ebb_square(x), *z = ebb_mul(y, c), *other = ebb_square(c), *sign = ebb_sign(x);
    ebb_tape_stop(t);
    ebb_tensor *after = ebb_square(x);
    for (int i = 0; i < 2; i++) {
        expect_text(ebb_tangent(t, y), "4.0", "repeatedly, after the stop");
        expect_text(ebb_tangent(t, z), "[20. 24.]", "broadcast");
    }
    expect_text(ebb_tangent(t, x), "1.0", "of the primal itself");
    ebb_tensor *const without[] = {before, other, sign, after, c};
    for (int i = 0; i < COUNT(without); i++)
        cr_expect(ebb_is_absent(ebb_tangent(t, without[i])), "%d", i);
    expect_text(ebb_tangent_or_zeros(t, other), "[0. 0.]", "zeros on request");
    ebb_tape_resume(t);
    expect_text(ebb_tangent(t, ebb_pow(x, 3)), "12.0", "resumed");
}

Test(semantics_3, line_2_variables) {
    ebb_tensor *v = ebb_variable(ebb, f32("2"), "v");
    ebb_tape *t = forward(v, f32("1"));
    expect_text(ebb_tangent(t, ebb_square(v)), "4.0", "read");
    ebb_assign(v, 5);
    expect_text(ebb_tangent(t, ebb_square(v)), "10.0", "another value, the same tangent");
    expect_text(ebb_tangent(t, v), "1.0", "the variable");
}

/* Every order of nesting gives the same third derivative. */
Test(semantics_3, line_3_nesting) {
    ebb_tensor *x = f32("2"), *one = f32("1");
    ebb_tape *a = forward(x, one), *b = forward(x, one), *c = forward(x, one);
    ebb_tensor *y = ebb_mul(ebb_exp(ebb_log(x)), ebb_square(ebb_square(x))); /* x^5 */
    expect_text(ebb_tangent(c, y), "80.0", "5 x^4");
    expect_text(ebb_tangent(b, ebb_tangent(c, y)), "160.0", "20 x^3");
    expect_text(ebb_tangent(a, ebb_tangent(b, ebb_tangent(c, y))), "240.0", "60 x^2");
    cr_expect(ebb_is_absent(ebb_tangent(c, ebb_tangent(b, y))), "an inner tape does not see an outer one");
    cr_expect(ebb_is_absent(ebb_tangent(b, ebb_tangent(b, y))), "nor itself");
}

static ebb_tensor *cubes(ebb_tensor *x) { return ebb_sum(ebb_mul(ebb_mul(x, x), x)); }

Test(semantics_3, line_3_forward_over_reverse) {
    ebb_tensor *v = ebb_variable(ebb, f32("[1, 2]"), "v");
    ebb_tape *t = forward(v, f32("[1, 10]")), *tape = ebb_tape_start(ebb, EBB_TAPE_PERSISTENT);
    ebb_tensor *y = cubes(v), *g = ebb_gradient(tape, y, v);
    expect_text(g, "[ 3. 12.]", "gradient");
    expect_text(ebb_tangent(t, y), "123.0", "tangent");
    expect_text(ebb_tangent(t, g), "[  6. 120.]", "Hessian times direction");
    cr_expect(ebb_is_absent(ebb_gradient(tape, ebb_tangent(t, y), v)), "the inner tape does not see tangents");
}

Test(semantics_3, line_3_reverse_over_forward) {
    ebb_tensor *v = ebb_variable(ebb, f32("[1, 2]"), "v");
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT), *t = forward(v, f32("[1, 10]"));
    ebb_tensor *dy = ebb_tangent(t, cubes(v));
    expect_text(ebb_gradient(tape, dy, v), "[  6. 120.]", "Hessian times direction");
}

/* ---- with traced functions ---- */

BODY(cubes_body) {
    (void)e, (void)data;
    out[0] = cubes(in[0]);
}
BODY(hvp_body) {
    (void)data;
    ebb_tape *t = ebb_forward_start(e, 1, &in[0], &in[1]), *tape = ebb_tape_start(e, EBB_TAPE_DEFAULT);
    ebb_watch(tape, in[0]);
    ebb_tensor *y = ebb_softmax(ebb_mul(in[0], in[0]), 0);
    ebb_tensor *g = ebb_gradient(tape, ebb_mean(ebb_square(y)), in[0]);
    out[0] = ebb_tangent(t, g);
}
BODY(loss_body) {
    (void)e, (void)data;
    out[0] = ebb_mean(ebb_square(ebb_softmax(ebb_mul(in[0], in[0]), 0)));
}

Test(semantics_3, tangents_of_calls) {
    ebb_function *f = ebb_function_new(ebb, cubes_body, NULL);
    for (int round = 0; round < 2; round++) {
        ebb_tensor *x = f32("[1, 2]"), *dx = f32("[1, 10]");
        ebb_tape *outer = forward(x, dx), *inner = forward(x, dx);
        ebb_tensor *y = ebb_call(f, x);
        expect_text(ebb_tangent(inner, y), "123.0", "round %d", round);
        expect_text(ebb_tangent(outer, ebb_tangent(inner, y)), "1206.0", "6 + 1200, round %d", round);
    }
    cr_expect_eq(ebb_trace_count(f), 1);
}

Test(semantics_3, tangents_inside_functions) {
    ebb_tensor *x = ebb_literal(ebb, "[0.5, -1, 0.25]", EBB_F64), *dx = ebb_literal(ebb, "[1, 2, -3]", EBB_F64);
    ebb_function *hvp = ebb_hvp(ebb_function_new(ebb, loss_body, NULL), NULL);
    ebb_tensor *expected = ebb_call(hvp, x, dx);
    for (ebb_mode mode = EBB_NATIVE; mode <= EBB_EAGER; mode++) {
        ebb_function *f = ebb_function_new(ebb, hvp_body, &(ebb_function_options){.mode = mode});
        ebb_tensor *y = ebb_call(f, x, dx);
        for (int i = 0; i < 3; i++)
            cr_expect(fabs(ebb_item(y, i) - ebb_item(expected, i)) < 1e-14, "mode %d, %d: %.17g, not %.17g", mode, i,
                      ebb_item(y, i), ebb_item(expected, i));
    }
}

/* ---- what is refused ---- */

Test(semantics_3, refusals) {
    ebb_tensor *x = f32("1");
    ebb_tape *t = forward(x, x), *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_gradient(t, x, x);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_gradient: a forward tape has tangents only", "gradient");
    ebb_jacobian(t, x, x);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_jacobian: a forward tape", "Jacobian");
    ebb_watch(t, x);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_watch: a forward tape", "watch");
    ebb_tape_reset(t);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_tape_reset: a forward tape", "reset");
    cr_expect(ebb_is_poison(ebb_tangent(tape, x)));
    expect_error(ebb, EBB_TYPE_ERROR, "a tape of ebb_forward_start is needed", "a tape of the other kind");
    ebb_tangent(NULL, x);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_tangent: the tape is NULL", "no tape");
    ebb_tangent(t, NULL);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_tangent: the tensor is NULL", "no tensor");
    EBB_SCOPE (ebb)
        t = forward(x, x);
    ebb_tangent(t, x);
    expect_error(ebb, EBB_RUNTIME_ERROR, "used after its scope closed", "a dead tape");
}
