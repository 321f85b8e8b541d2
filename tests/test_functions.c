/* test_functions.c - traced functions: when they are traced again, what runs when, state in place, and what is refused.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "jit/load/load.h"
#include "tests/support/check.h"

static ebb_context *ebb;
static void start(void) { ebb = ebb_open(NULL); }
static void stop(void) {
    expect_ok(ebb, "at the end");
    ebb_close(ebb);
    cr_expect_eq(ebb_executable_live(), 0, "code that was not given back: %lld", (long long)ebb_executable_live());
}
TestSuite(functions, .init = start, .fini = stop);

static ebb_tensor *f32(const char *text) { return ebb_literal(ebb, text, EBB_F32); }
static ebb_function *native(ebb_body *body, void *data) {
    return ebb_function_new(ebb, body, &(ebb_function_options){.name = "f", .data = data, .mode = EBB_NATIVE});
}

#define BODY(name) static void name(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data)
#define UNUSED (void)e, (void)in, (void)data

static int ran; /* host side effect */
BODY(doubled) {
    UNUSED;
    ran++;
    out[0] = ebb_add(in[0], in[0]);
}
BODY(sum_of_two) {
    UNUSED;
    out[0] = ebb_add(in[0], in[1]);
}

/* ---- keys ---- */

Test(functions, one_trace_for_each_type) {
    static const struct {
        const char *x;
        ebb_dtype dtype;
        int traces;
        const char *y;
    } calls[] = {
        {"[1, 2]", EBB_F32, 1, "[2. 4.]"}, {"[3, 4]", EBB_F32, 1, "[6. 8.]"},   {"[1, 2, 3]", EBB_F32, 2, "[2. 4. 6.]"},
        {"[1, 2]", EBB_F64, 3, "[2. 4.]"}, {"[1, 2]", EBB_I32, 4, "[2 4]"},     {"[[1, 2]]", EBB_F32, 5, "[[2. 4.]]"},
        {"1", EBB_F32, 6, "2.0"},          {"[5, 6]", EBB_F32, 6, "[10. 12.]"}, {"[]", EBB_F32, 7, "[]"}};
    ebb_function *f = native(doubled, NULL);
    ran = 0;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        expect_text(ebb_call(f, ebb_literal(ebb, calls[i].x, calls[i].dtype)), calls[i].y, "call %zu", i);
        cr_expect_eq(ebb_trace_count(f), calls[i].traces, "call %zu: %d traces", i, ebb_trace_count(f));
        cr_expect_eq(ran, calls[i].traces, "the body runs while tracing only");
    }
}

Test(functions, numbers_count_by_value_and_variables_by_identity) {
    ebb_function *f = native(sum_of_two, NULL);
    ebb_tensor *x = f32("1"), *v = ebb_variable(ebb, x, "v"), *w = ebb_variable(ebb, x, "w");
    expect_text(ebb_call(f, x, 3.0), "4.0", "a number");
    expect_text(ebb_call(f, x, 3.0), "4.0", "again");
    cr_expect_eq(ebb_trace_count(f), 1);
    expect_text(ebb_call(f, x, 4.0), "5.0", "another number");
    cr_expect_eq(ebb_trace_count(f), 2);
    expect_text(ebb_call(f, x, v), "2.0", "a variable");
    ebb_assign(v, 7);
    expect_text(ebb_call(f, x, v), "8.0", "the same variable");
    cr_expect_eq(ebb_trace_count(f), 3);
    expect_text(ebb_call(f, x, w), "2.0", "another variable");
    cr_expect_eq(ebb_trace_count(f), 4);
    ebb_function *g = native(sum_of_two, NULL);
    expect_text(ebb_call(g, x, x), "2.0", "functions share no traces");
    cr_expect_eq(ebb_trace_count(g), 1);
}

typedef struct captured {
    ebb_tensor *v;
    double number;
} captured;
BODY(by_captured) {
    UNUSED;
    const captured *c = data;
    out[0] = ebb_mul(ebb_mul(in[0], c->v), c->number);
}

Test(functions, captured_variables_are_read_and_numbers_are_frozen) {
    captured c = {ebb_variable(ebb, f32("2"), "v"), 10};
    ebb_function *f = native(by_captured, &c);
    expect_text(ebb_call(f, f32("3")), "60.0", "first");
    c.number = 1000;
    ebb_assign(c.v, 5);
    expect_text(ebb_call(f, f32("3")), "150.0", "the variable's value now, the number's then");
    cr_expect_eq(ebb_trace_count(f), 1);
}

/* ---- state ---- */

BODY(count_up) {
    UNUSED;
    ebb_tensor *before = ebb_mul(*(ebb_tensor **)data, 1);
    ebb_assign_add(*(ebb_tensor **)data, in[0]);
    out[0] = before;
}

Test(functions, a_held_value_does_not_change) {
    ebb_tensor *v = ebb_variable(ebb, f32("[1, 2]"), "v"), *one = f32("[1, 1]");
    ebb_function *f = native(count_up, &v);
    ebb_call(f, one);
    ebb_tensor *held = ebb_stop_gradient(v); /* shares the memory */
    const void *place = ebb_data(v);
    expect_text(ebb_call(f, one), "[2. 3.]", "value before");
    expect_text(v, "[3. 4.]", "value after");
    expect_text(held, "[2. 3.]", "what was read before the call");
    cr_expect_neq(ebb_data(v), place, "new memory, as the old one is held");
    place = ebb_data(v);
    ebb_call(f, one);
    expect_text(v, "[4. 5.]", "value after");
    cr_expect_eq(ebb_data(v), place, "updated in place, as nobody holds it");
}

Test(functions, raw_calls_keep_held_values_too) {
    ebb_tensor *v = ebb_variable(ebb, f32("[1, 2]"), "v"), *one = f32("[1, 1]"), *held = ebb_stop_gradient(v);
    ebb_operand x = {.tensor = one};
    ebb_concrete *c = ebb_get_concrete(native(count_up, &v), 1, &x);
    ebb_native n = ebb_native_of(c);
    _Alignas(64) char work[4096];
    const void *in[4] = {ebb_data(one)};
    float before[2];
    void *out[4] = {before};
    cr_assert(n.entry && n.inputs <= 4 && n.outputs <= 4 && n.work_bytes <= (int64_t)sizeof work);
    ebb_native_bind(c, in, out);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(n.entry(in, out, work), EBB_OK);
    expect_text(v, "[4. 5.]", "three raw calls");
    expect_text(held, "[1. 2.]", "what was read before");
    cr_expect_eq(before[0], 3);
}

BODY(calls_inner) {
    UNUSED;
    ebb_function *inner = *(ebb_function **)data;
    ebb_tensor *first = ebb_call(inner, in[0]);
    out[0] = ebb_add(first, ebb_call(inner, ebb_mul(in[0], 10)));
}

Test(functions, functions_in_functions_update_in_order) {
    ebb_tensor *v = ebb_variable(ebb, f32("0"), "v");
    ebb_function *inner = native(count_up, &v), *outer = native(calls_inner, &inner);
    expect_text(ebb_call(outer, f32("1")), "1.0", "0, then 1");
    expect_text(v, "11.0", "1 + 10");
    expect_text(ebb_call(outer, f32("2")), "24.0", "11, then 13");
    expect_text(v, "33.0", "11 + 22");
    cr_expect_eq(ebb_trace_count(inner), 1);
    cr_expect_eq(ebb_trace_count(outer), 1);
}

/* ---- modes ---- */

Test(functions, eager_mode_runs_the_body_each_time) {
    ebb_function *f = ebb_function_new(ebb, doubled, &(ebb_function_options){.mode = EBB_EAGER});
    ran = 0;
    for (int i = 1; i <= 3; i++) {
        expect_text(ebb_call(f, f32("[1, 2]")), "[2. 4.]", "call %d", i);
        cr_expect_eq(ran, i);
    }
    cr_expect_eq(ebb_trace_count(f), 0);
    ebb_tensor *kept = NULL;
    EBB_SCOPE (ebb)
        kept = ebb_keep(ebb_call(f, f32("1")));
    expect_text(kept, "2.0", "a result belongs to the caller's scope");
}

BODY(hands_back) {
    UNUSED;
    out[0] = data ? *(ebb_tensor **)data : in[0];
}

Test(functions, what_a_body_hands_back_is_a_value) {
    ebb_tensor *v = ebb_variable(ebb, f32("3"), "v");
    for (ebb_mode mode = EBB_COMPILED; mode <= EBB_EAGER; mode++) {
        ebb_function *f = ebb_function_new(ebb, hands_back, &(ebb_function_options){.data = &v, .mode = mode});
        ebb_function *g = ebb_function_new(ebb, hands_back, &(ebb_function_options){.mode = mode});
        ebb_assign(v, 3);
        ebb_tensor *y = ebb_call(f, f32("1"));
        ebb_assign(v, 4);
        expect_text(y, "3.0", "mode %d: the value at the call", mode);
        cr_expect(ebb_is_tensor(y), "mode %d: not the variable", mode);
        expect_text(ebb_call(g, f32("1")), "1.0", "mode %d: the argument", mode);
        expect_text(ebb_call(g, v), "4.0", "mode %d: a variable as argument", mode);
    }
}

/* ---- what is refused ---- */

static ebb_tensor *leaked;
BODY(leaks) {
    UNUSED;
    leaked = out[0] = ebb_square(in[0]);
    ebb_keep(leaked);
}
BODY(calls_itself) {
    UNUSED;
    out[0] = ebb_call(*(ebb_function **)data, ebb_square(in[0]));
}
BODY(sets_nothing) { UNUSED, (void)out; }
BODY(makes_error) {
    UNUSED;
    out[0] = ebb_matmul(in[0], in[0]);
}
BODY(wants_two) {
    UNUSED;
    out[0] = ebb_square(in[0]);
    out[0] = ebb_add(out[0], in[1]);
}

Test(functions, refusals_are_named_errors) {
    ebb_function *f = native(leaks, NULL);
    expect_text(ebb_call(f, f32("3")), "9.0", "a call");
    cr_expect(ebb_is_poison(ebb_add(leaked, 1)));
    expect_error(ebb, EBB_TYPE_ERROR, "test_functions.c", "a leaked traced tensor, with the line that made it");
    ebb_function *r = NULL;
    r = native(calls_itself, &r);
    cr_expect(ebb_is_poison(ebb_call(r, f32("3"))));
    expect_error(ebb, EBB_RUNTIME_ERROR, "call itself", "recursion");
    cr_expect(ebb_is_poison(ebb_call(native(sets_nothing, NULL), f32("3"))));
    expect_error(ebb, EBB_VALUE_ERROR, "did not set result 0", "no result");
    cr_expect(ebb_is_poison(ebb_call(native(makes_error, NULL), f32("3"))));
    expect_error(ebb, EBB_VALUE_ERROR, "ebb_matmul", "an error in the body");
    cr_expect_eq(ebb_trace_count(r), 0, "a trace that failed is not kept");
    for (ebb_mode mode = EBB_COMPILED; mode <= EBB_EAGER; mode++) {
        f = ebb_function_new(ebb, wants_two, &(ebb_function_options){.mode = mode});
        cr_expect(ebb_is_poison(ebb_call(f, f32("3"))), "mode %d", (int)mode);
        expect_error(ebb, EBB_TYPE_ERROR, "ebb_add: operand 2 is NULL", "an argument that was not given");
        cr_expect(ebb_is_poison(ebb_call(ebb_jvp(f, NULL), f32("3"))), "mode %d", (int)mode);
        expect_error(ebb, EBB_INDEX_ERROR, "no parameter 0; function is given 0", "a direction, but no argument");
    }
}

/* ---- life ---- */

Test(functions, names_are_copied) {
    char given[] = "loss";
    ebb_function *f = ebb_function_new(ebb, doubled, &(ebb_function_options){.name = given});
    given[0] = 'x';
    cr_expect_str_eq(ebb_function_name(f), "loss");
    cr_expect_str_eq(ebb_function_name(ebb_grad(f, NULL)), "grad_loss");
    cr_expect_str_eq(ebb_function_name(ebb_function_new(ebb, doubled, NULL)), "function");
}

Test(functions, code_is_given_back) {
    ebb_function *f[8];
    for (int i = 0; i < 8; i++) {
        f[i] = native(doubled, NULL);
        ebb_call(f[i], f32("1"));
        cr_expect_eq(ebb_executable_live(), i + 1);
    }
    for (int i = 0; i < 8; i++) {
        ebb_function_free(f[i]);
        cr_expect_eq(ebb_executable_live(), 7 - i);
    }
    ebb_function *base = native(doubled, NULL), *derived = ebb_grad(base, NULL);
    ebb_function_free(base);
    expect_text(ebb_call(derived, f32("1")), "2.0", "a derived function keeps its base alive");
    ebb_function_free(derived);
    cr_expect_eq(ebb_executable_live(), 0);
}

/* ---- masks that are known when the program is written ---- */

BODY(masked_roots) {
    (void)e;
    out[0] = ebb_sum(ebb_select(data, ebb_sqrt(in[0]), 0));
}
BODY(root_where_positive) {
    UNUSED;
    out[0] = ebb_select(ebb_gt(in[0], 0), ebb_sqrt(in[0]), 0);
}

/* The slope of sqrt is infinite at 0; what the mask leaves out stays 0, not NaN. */
Test(functions, a_constant_mask_keeps_infinite_slopes_out) {
    ebb_tensor *mask = ebb_literal(ebb, "[true, false]", EBB_NONE), *x = f32("[0, 0]"), *zero = f32("0");
    expect_text(ebb_call(ebb_grad(native(masked_roots, mask), NULL), x), "[inf  0.]", "captured mask, compiled");
    expect_text(ebb_call(ebb_grad(native(root_where_positive, NULL), NULL), zero), "0.0", "scalar condition, compiled");
    ebb_tensor *y = NULL;
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_PERSISTENT);
    ebb_watch(tape, x);
    ebb_watch(tape, zero);
    masked_roots(ebb, &x, &y, mask);
    expect_text(ebb_gradient(tape, y, x), "[inf  0.]", "mask, eager tape");
    root_where_positive(ebb, &zero, &y, NULL);
    expect_text(ebb_gradient(tape, y, zero), "0.0", "scalar condition, eager tape");
}
