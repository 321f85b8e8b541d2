/* test_semantics_function.c - how traced functions behave, line by line: each test is a numbered line of the list that
 * the library follows, which is TensorFlow's behaviour in C's clothes. test_semantics_sizes.c has lines 2 to 4. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/check.h"

static ebb_context *ebb;
static int messages;
static char last_message[1024];
static void count_message(void *self, const char *text) {
    (void)self;
    messages++;
    snprintf(last_message, sizeof last_message, "%s", text);
}

static void start(void) { ebb = ebb_open(&(ebb_options){.log = count_message, .mode = EBB_NATIVE}); }
static void stop(void) {
    expect_ok(ebb, "at the end");
    ebb_close(ebb);
}
TestSuite(semantics_4, .init = start, .fini = stop);

#define BODY(name) static void name(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data)
#define UNUSED (void)e, (void)in, (void)data

static ebb_tensor *f32(const char *text) { return ebb_literal(ebb, text, EBB_F32); }
static ebb_tensor *variable(const char *text, const char *name) { return ebb_variable(ebb, f32(text), name); }
static ebb_function *function(ebb_body *body, void *data) {
    return ebb_function_new(ebb, body, &(ebb_function_options){.name = "f", .data = data});
}

static int ran; /* host side effect */
BODY(doubled) {
    UNUSED;
    ran++;
    out[0] = ebb_add(in[0], in[0]);
}

/* ---- 11: concrete functions ---- */

Test(semantics_4, line_11_concrete_functions) {
    ebb_function *f = function(doubled, NULL);
    ebb_operand in[1] = {EBB_OPERAND(f32("[1, 2]"))}, other[1] = {EBB_OPERAND(f32("[1]"))}, three[1] = {EBB_OPERAND(3)},
                four[1] = {EBB_OPERAND(4)};
    ran = 0;
    ebb_concrete *c = ebb_get_concrete(f, 1, in), *number = ebb_get_concrete(f, 1, three);
    ebb_tensor *y;
    cr_expect_eq(ran, 2, "traced, not run");
    cr_expect_str_eq(ebb_concrete_signature(c), "f(f32[2]) -> f32[2]");
    ebb_call_concrete(c, 1, in, 1, &y);
    expect_text(y, "[2. 4.]", "called");
    ebb_call_concrete(c, 1, other, 1, &y);
    cr_expect(ebb_is_poison(y));
    expect_error(ebb, EBB_TYPE_ERROR, "f: argument 0 is f32[1], the concrete function takes f32[2]", "another type");
    ebb_call_concrete(number, 1, three, 1, &y);
    expect_text(y, "6", "its number");
    ebb_call_concrete(number, 1, four, 1, &y);
    expect_error(ebb, EBB_TYPE_ERROR, "argument 0 is the number 4, the concrete function takes the number 3",
                 "another");
    ebb_call_concrete(c, 0, NULL, 1, &y);
    expect_error(ebb, EBB_TYPE_ERROR, "takes 1 arguments, 0 were given", "too few");
    ebb_call_concrete(NULL, 0, NULL, 1, &y);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_call_concrete: the concrete function is NULL", "none");
    cr_expect_eq(ebb_trace_count(f), 2, "never traced by these calls");
}

/* ---- 1, 5, 6, 8, 9: what is traced when ---- */

Test(semantics_4, line_1_keys) {
    ebb_tensor *v = variable("1", "v"), *w = variable("1", "w"), *x = f32("1");
    const struct {
        const char *name;
        ebb_operand in;
        int traces;
    } calls[] = {{"a number", EBB_OPERAND(3), 1},
                 {"its value counts", EBB_OPERAND(4), 2},
                 {"its C type counts", EBB_OPERAND(3.0), 3},
                 {"the first again", EBB_OPERAND(3), 3},
                 {"a tensor", EBB_OPERAND(f32("3")), 4},
                 {"its value does not count", EBB_OPERAND(f32("4")), 4},
                 {"its shape does", EBB_OPERAND(f32("[4]")), 5},
                 {"a variable", EBB_OPERAND(v), 6},
                 {"its identity counts", EBB_OPERAND(w), 7},
                 {"the variable again", EBB_OPERAND(v), 7}};
    ebb_function *f = function(doubled, NULL);
    for (int i = 0; i < COUNT(calls); i++) {
        ebb_operand in[2] = {EBB_OPERAND(x), calls[i].in};
        ebb_tensor *y;
        ebb_call_n(f, 2, in, 1, &y);
        cr_expect_eq(ebb_trace_count(f), calls[i].traces, "%s: %d", calls[i].name, ebb_trace_count(f));
        expect_ok(ebb, "%s", calls[i].name);
    }
}

BODY(counts_up) {
    UNUSED;
    ran++;
    out[0] = ebb_assign_add(*(ebb_tensor **)data, in[0]);
}

Test(semantics_4, line_5_host_code_traces_effects_run) {
    ebb_tensor *v = variable("0", "v");
    ebb_function *f = function(counts_up, &v);
    ran = 0;
    ebb_call(f, 1.f), ebb_call(f, 1.f), ebb_call(f, 2.f);
    cr_expect_eq(ebb_trace_count(f), 2);
    cr_expect_eq(ran, 2);
    expect_text(v, "4.0", "three executions");
}

BODY(calls_inner) {
    UNUSED;
    out[0] = ebb_call(*(ebb_function **)data, ebb_square(in[0]));
}

typedef struct makes {
    ebb_tensor *v;
    bool always;
} makes;
BODY(makes_variable) {
    UNUSED;
    makes *m = data;
    ran++;
    if (!m->v || m->always) m->v = ebb_variable(e, ebb_scalar(e, 10.0f), "made");
    out[0] = ebb_assign_add(m->v, ebb_sum(in[0]));
}

/* TensorFlow runs such a body twice at its first call, and counts two traces; here it runs once. */
Test(semantics_4, line_6_variables_of_the_first_trace) {
    makes m = {0};
    ebb_function *f = function(makes_variable, &m);
    ran = 0;
    expect_text(ebb_call(f, f32("1")), "11.0", "first call");
    cr_expect(ran == 1 && ebb_trace_count(f) == 1, "ran %d", ran);
    expect_text(ebb_call(f, f32("1")), "12.0", "the state stays");
    expect_text(ebb_call(f, f32("[1, 1]")), "14.0", "another trace uses it");
    expect_text(m.v, "14.0", "the variable");
    cr_expect_eq(ebb_trace_count(f), 2);
}

Test(semantics_4, line_7_variables_of_later_traces) {
    makes m = {.always = true};
    ebb_function *f = function(makes_variable, &m), *outer = function(calls_inner, &f);
    expect_text(ebb_call(f, f32("1")), "11.0", "first call");
    expect_text(ebb_call(f, f32("1")), "12.0", "no new trace");
    cr_expect(ebb_is_poison(ebb_call(f, f32("[1, 1]"))));
    expect_error(ebb, EBB_VALUE_ERROR, "ebb_variable: f makes a variable after its first trace", "a second trace");
    cr_expect(ebb_is_poison(ebb_call(outer, f32("[[1]]"))));
    expect_error(ebb, EBB_VALUE_ERROR, "after its first trace", "from another function");
    cr_expect_eq(ebb_trace_count(f), 1);
    ebb_run_functions_eagerly(ebb, true);
    expect_text(ebb_call(f, f32("[1, 1]")), "12.0", "run eagerly, each call makes its own");
    ebb_run_functions_eagerly(ebb, false);
}

BODY(by_captured) {
    UNUSED;
    out[0] = ebb_mul(in[0], ((ebb_tensor **)data)[0]);
}

Test(semantics_4, line_8_captured_variables_are_read_at_the_call) {
    ebb_tensor *v = variable("2", "v");
    ebb_function *f = function(by_captured, &v);
    expect_text(ebb_call(f, f32("3")), "6.0", "first");
    ebb_assign(v, 5);
    expect_text(ebb_call(f, f32("3")), "15.0", "changed");
    cr_expect_eq(ebb_trace_count(f), 1);
}

Test(semantics_4, line_9_functions_are_separate_and_do_not_recurse) {
    ebb_function *f = function(doubled, NULL), *g = function(doubled, NULL), *outer = function(calls_inner, &f);
    ebb_call(f, f32("1"));
    cr_expect(ebb_trace_count(f) == 1 && ebb_trace_count(g) == 0);
    expect_text(ebb_call(outer, f32("3")), "18.0", "a function in a function");
    ebb_function *self = NULL;
    self = function(calls_inner, &self);
    cr_expect(ebb_is_poison(ebb_call(self, f32("3"))));
    expect_error(ebb, EBB_RUNTIME_ERROR, "cannot call itself", "recursion");
}

static ebb_tensor *leaked;
BODY(leaks) {
    UNUSED;
    leaked = out[0] = ebb_square(in[0]);
    ebb_keep(leaked);
}

Test(semantics_4, line_10_leaked_tensors) {
    ebb_call(function(leaks, NULL), f32("3"));
    cr_expect(ebb_is_poison(ebb_add(leaked, 1)));
    expect_error(ebb, EBB_TYPE_ERROR, "test_semantics_function.c", "names the line that made it");
}

/* ---- reasons and warnings ---- */

Test(semantics_4, line_12_the_reason_of_a_trace) {
    ebb_tensor *v = variable("1", "v"), *w = variable("1", "w"), *x = f32("[1, 2, 3]"), *one = f32("1");
    const struct {
        int count;
        ebb_operand in[2];
        const char *reason;
    } calls[] = {
        {2, {EBB_OPERAND(x), EBB_OPERAND(one)}, ""},
        {2, {EBB_OPERAND(f32("[1, 2]")), EBB_OPERAND(one)}, "argument 0 is f32[2], was f32[3]"},
        {2, {EBB_OPERAND(x), EBB_OPERAND(one)}, "argument 0 is f32[2], was f32[3]"}, /* no new trace */
        {2, {EBB_OPERAND(x), EBB_OPERAND(3)}, "argument 1 is the number 3, was f32[]"},
        {2, {EBB_OPERAND(x), EBB_OPERAND(2.5)}, "argument 1 is the number 2.5, was the number 3"},
        {2, {EBB_OPERAND(x), EBB_OPERAND(v)}, "argument 1 is variable v:0, was the number 2.5"},
        {2, {EBB_OPERAND(x), EBB_OPERAND(w)}, "argument 1 is variable w:0, was variable v:0"},
        {2,
         {EBB_OPERAND(ebb_literal(ebb, "[1, 2]", EBB_F64)), EBB_OPERAND(7)},
         "argument 0 is f64[2], was f32[3]; argument 1 is the number 7, was variable w:0"},
        {1, {EBB_OPERAND(x)}, "there are 1 arguments, were 2"},
    };
    ebb_function *f = function(doubled, NULL);
    for (int i = 0; i < COUNT(calls); i++) {
        ebb_tensor *y;
        ebb_call_n(f, calls[i].count, calls[i].in, 1, &y);
        cr_expect_str_eq(ebb_retrace_reason(f), calls[i].reason, "call %d: %s", i, ebb_retrace_reason(f));
    }
    cr_expect_str_eq(ebb_retrace_reason(NULL), "");
}

Test(semantics_4, line_12_a_warning_twice) {
    ebb_function *f = function(doubled, NULL);
    static const int after[] = {0, 0, 0, 0, 1, 2, 2, 2, 2, 2};
    messages = 0;
    for (int i = 0; i < COUNT(after); i++) {
        ebb_call(f, (double)i);
        cr_expect_eq(messages, after[i], "call %d: %d warnings", i, messages);
    }
    cr_expect_not_null(strstr(last_message, "f: 6 of the last 10 calls had to trace"), "%s", last_message);
    cr_expect_not_null(strstr(last_message, "argument 0 is the number 5.0, was the number 4.0"), "%s", last_message);
    f = function(doubled, NULL);
    messages = 0;
    for (int i = 0; i < 30; i++)
        ebb_call(f, (double)(i / 3));
    cr_expect_eq(messages, 0, "four of ten are few enough");
}

/* ---- 13: run eagerly (G004-3) ---- */

Test(semantics_4, line_13_run_functions_eagerly) {
    ebb_function *f = function(doubled, NULL);
    ebb_tensor *x = f32("[1, 2]");
    ran = 0;
    ebb_call(f, x), ebb_call(f, x);
    cr_expect_eq(ran, 1, "traced once");
    ebb_run_functions_eagerly(ebb, true);
    for (int i = 1; i <= 3; i++) {
        expect_text(ebb_call(f, x), "[2. 4.]", "eager call %d", i);
        cr_expect_eq(ran, 1 + i, "the body runs on each call");
    }
    cr_expect_eq(ebb_trace_count(f), 1);
    ebb_run_functions_eagerly(ebb, false);
    expect_text(ebb_call(f, x), "[2. 4.]", "compiled again");
    cr_expect(ran == 4 && ebb_trace_count(f) == 1, "the trace of before: ran %d", ran);
    ebb_run_functions_eagerly(NULL, true);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_run_functions_eagerly: the context is NULL", "no context");
}

/* ---- 14: tapes around calls ---- */

BODY(cube_by_state) {
    UNUSED;
    ebb_tensor *v = *(ebb_tensor **)data;
    out[0] = ebb_mul(ebb_square(v), v);
}

Test(semantics_4, line_14_second_order_through_calls) {
    ebb_tensor *v = variable("2", "v");
    ebb_function *f = function(cube_by_state, &v);
    for (int round = 0; round < 2; round++)
        EBB_SCOPE (ebb) {
            ebb_tape *outer = ebb_tape_start(ebb, EBB_TAPE_DEFAULT), *inner = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
            ebb_tensor *y, *d, *dd;
            ebb_call_n(f, 0, NULL, 1, &y);
            d = ebb_gradient(inner, y, v);
            dd = ebb_gradient(outer, d, v);
            expect_text(d, "12.0", "first, round %d", round);
            expect_text(dd, "12.0", "second, round %d", round);
        }
}

/* ---- 15: branches ---- */

/* x > 0 ? a^2 : b^2 for a tensor x, and the gradients in a and b. */
BODY(selects) {
    UNUSED;
    ebb_tape *tape = ebb_tape_start(e, EBB_TAPE_DEFAULT);
    ebb_watch(tape, in[1]), ebb_watch(tape, in[2]);
    out[0] = ebb_select(ebb_gt(in[0], 0), ebb_square(in[1]), ebb_square(in[2]));
    ebb_gradients(tape, 1, out, 2, in + 1, out + 1, NULL);
}

/* The same for a C number, by C's own if. */
BODY(branches) {
    UNUSED;
    ebb_tape *tape = ebb_tape_start(e, EBB_TAPE_DEFAULT);
    ebb_watch(tape, in[0]), ebb_watch(tape, in[1]);
    out[0] = *(bool *)data ? ebb_square(in[0]) : ebb_square(in[1]);
    ebb_gradients(tape, 1, out, 2, in, out + 1, NULL);
}

/* Both branches of a selection are part of the program, so the gradient of the one not taken is zero, not absent, at
 * each call anew. What C's `if` leaves out is not: there it is absent, eagerly and in the trace. Those of ebb_cond are
 * part of a traced program only: test_control_derivatives.c. That a while traces its body once is in test_control.c. */
Test(semantics_4, line_15_branches_not_taken) {
    ebb_tensor *a = f32("3"), *b = f32("5"), *out[3];
    bool first = true;
    for (ebb_mode mode = EBB_NATIVE; mode <= EBB_EAGER; mode++) {
        ebb_function *f = ebb_function_new(ebb, selects, &(ebb_function_options){.results = 3, .mode = mode});
        for (int positive = 0; positive < 2; positive++) {
            ebb_operand in[3] = {EBB_OPERAND(f32(positive ? "1" : "-1")), EBB_OPERAND(a), EBB_OPERAND(b)};
            ebb_call_n(f, 3, in, 3, out);
            expect_text(out[0], positive ? "9.0" : "25.0", "value, mode %d", mode);
            expect_text(out[1], positive ? "6.0" : "0.0", "in a, mode %d", mode);
            expect_text(out[2], positive ? "0.0" : "10.0", "in b, mode %d", mode);
        }
        f = ebb_function_new(ebb, branches, &(ebb_function_options){.results = 3, .mode = mode, .data = &first});
        ebb_call_n(f, 2, ((ebb_operand[]){EBB_OPERAND(a), EBB_OPERAND(b)}), 3, out);
        expect_text(out[1], "6.0", "the branch that ran, mode %d", mode);
        cr_expect(ebb_is_absent(out[2]), "the other one, mode %d", mode);
    }
}
