/* test_control.c - branches and loops: their values, run by C, by native code and by the evaluator; what becomes of
 * tensors and functions from outside, of unknown sizes, and of memory. Derivatives: test_control_derivatives.c;
 * variables: test_control_variables.c; what is refused: test_control_errors.c. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/flows.h"
#include "tests/support/reprint.h"
#include "tests/support/scarce.h"

static ebb_context *ebb;
static void start(void) { ebb = ebb_open(NULL); }
static void stop(void) {
    expect_ok(ebb, "at the end");
    ebb_close(ebb);
}
TestSuite(control, .init = start, .fini = stop);

#define BODY(name) static void name(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data)
#define UNUSED (void)e, (void)in, (void)data

static ebb_tensor *f64(const char *text) { return ebb_literal(ebb, text, EBB_F64); }
static ebb_function *function_of(ebb_body *body, void *data, ebb_mode mode) {
    return ebb_function_new(ebb, body, &(ebb_function_options){.name = "f", .data = data, .mode = mode});
}

/* ---- values ---- */

/* The operations are the same; native code may round some of them another way. */
static void expect_near(const ebb_tensor *x, const ebb_tensor *want, double tolerance, const char *name,
                        const char *how) {
    cr_expect_eq(ebb_size(x), ebb_size(want), "%s, %s: %lld elements", name, how, (long long)ebb_size(x));
    for (int64_t i = 0; i < ebb_size(want) && i < ebb_size(x); i++) {
        double have = ebb_item(x, i), should = ebb_item(want, i);
        cr_expect(fabs(have - should) <= tolerance * (1 + fabs(should)), "%s, %s: element %lld is %.17g, not %.17g",
                  name, how, (long long)i, have, should);
    }
}

static ebb_tensor *run(const flow_case *c, ebb_body *body, ebb_mode mode) {
    ebb_operand in[2];
    ebb_tensor *out;
    for (int k = 0; k < c->n; k++)
        in[k] = EBB_OPERAND(f64(c->x[k]));
    ebb_call_n(function_of(body, NULL, mode), c->n, in, 1, &out);
    return out;
}

Test(control, values_by_c_native_code_and_evaluator) {
    static const struct {
        const char *name;
        ebb_mode mode;
        const char *jit;
        double tolerance; /* of a few operations each a unit in the last place apart, in loops that amplify them */
    } ways[] = {
        {"eagerly", EBB_EAGER, "", 0}, {"native", EBB_NATIVE, "", 1e-13}, {"evaluator", EBB_COMPILED, "off", 0}};
    for (int i = 0; i < flow_case_count; i++)
        for (int k = 0; k < COUNT(ways); k++)
            EBB_SCOPE (ebb) {
                setenv("EBB_JIT", ways[k].jit, 1);
                const flow_case *c = &flow_cases[i];
                expect_near(run(c, c->flow, ways[k].mode), run(c, c->plain, EBB_EAGER), ways[k].tolerance, c->name,
                            ways[k].name);
                expect_ok(ebb, "%s, %s", c->name, ways[k].name);
                ebb_clear_error(ebb);
            }
    printf("cases: %d flows, %d ways\n", flow_case_count, COUNT(ways));
}

/* What is recorded is a sound program, whose text parses back. */
Test(control, programs_print_and_parse_back) {
    for (int i = 0; i < flow_case_count; i++) {
        const flow_case *c = &flow_cases[i];
        ebb_operand in[2];
        for (int k = 0; k < c->n; k++)
            in[k] = EBB_OPERAND(f64(c->x[k]));
        const char *text = ebb_concrete_text(ebb_get_concrete(function_of(c->flow, NULL, EBB_NATIVE), c->n, in));
        ebb_diag diag = {0};
        char *again = reprint(&ebb_malloc_allocator, text, strlen(text), &diag);
        cr_expect(again && strcmp(again, text) == 0, "%s: %s\n%s", c->name, diag.message, text);
        free(again);
    }
}

/* ---- what bodies take from outside ---- */

BODY(counted) {
    ++*(int *)data;
    out[0] = ebb_add(in[0], 1);
    (void)e;
}
BODY(less_than_100) {
    UNUSED;
    out[0] = ebb_lt(in[0], 100);
}
BODY(to_100) {
    UNUSED;
    out[0] = ebb_while(e, less_than_100, counted, data, in[0]);
}

Test(control, a_body_is_traced_once) {
    int ran = 0;
    ebb_function *f = function_of(to_100, &ran, EBB_NATIVE);
    expect_text(ebb_call(f, ebb_scalar(ebb, 0)), "100", "traced");
    cr_expect_eq(ran, 1, "the body ran %d times", ran);
    expect_text(ebb_call(f, ebb_scalar(ebb, 98)), "100", "again");
    cr_expect_eq(ran, 1, "the body ran %d times", ran);
    ebb_run_functions_eagerly(ebb, true);
    expect_text(ebb_call(f, ebb_scalar(ebb, 0)), "100", "eagerly");
    cr_expect_eq(ran, 101, "the body ran %d times", ran);
}

/* A tensor of the function around, one from outside of it, one made in the body, and a result that is an operand. */
static struct {
    ebb_tensor *traced, *outside;
} uses;
BODY(uses_all) {
    UNUSED;
    ebb_tensor *made = ebb_literal(e, "[1, 2]", EBB_F64);
    out[0] = ebb_add(ebb_mul(in[0], uses.traced), ebb_add(uses.outside, made));
    out[1] = in[1];
    out[2] = uses.traced;
}
BODY(user) {
    UNUSED;
    ebb_tensor *r[4];
    uses.traced = ebb_add(in[0], in[0]);
    ebb_scan(e, uses_all, NULL, EBB_OPERANDS(in[0], uses.outside), EBB_NO_OPERANDS, 1, r,
             (&(ebb_scan_options){.trips = 2}));
    out[0] = ebb_concat(3, ((ebb_tensor *[]){r[0], r[1], ebb_reshape(r[2], EBB_SHAPE(4))}), 0);
}

Test(control, tensors_from_outside_are_captured) {
    uses.outside = f64("[10, 20]");
    static const ebb_mode modes[] = {EBB_EAGER, EBB_NATIVE};
    for (int i = 0; i < 2; i++) /* x = 1, 2: (x 2x + 11) 2x + 11, (x 2x + 22) 2x + 22 */
        expect_text(ebb_call(function_of(user, NULL, modes[i]), f64("[1, 2]")),
                    "[ 37. 142.  10.  20.   2.   4.   2.   4.]", "mode %d", i);
}

BODY(squares) {
    UNUSED;
    out[0] = ebb_square(in[0]);
}
BODY(calls_function) {
    UNUSED;
    out[0] = ebb_sub(ebb_call((ebb_function *)data, in[0]), 0.25);
}
BODY(maps_function) {
    UNUSED;
    out[0] = ebb_map(e, calls_function, data, in[0]);
}

Test(control, a_body_calls_a_function) {
    ebb_function *square = function_of(squares, NULL, EBB_NATIVE);
    static const ebb_mode modes[] = {EBB_EAGER, EBB_NATIVE};
    for (int i = 0; i < 2; i++)
        expect_text(ebb_call(function_of(maps_function, square, modes[i]), f64("[[1, 2], [3, 4]]")),
                    "[[ 0.75  3.75]\n [ 8.75 15.75]]", "mode %d", i);
}

/* ---- what operands may be ---- */

BODY(first) {
    UNUSED;
    out[0] = in[0];
}
BODY(second) {
    UNUSED;
    out[0] = in[1];
}
BODY(by_predicate) {
    UNUSED;
    out[0] = ebb_cond(e, in[0], first, second, NULL, in[1], 7.0);
}
BODY(seven) {
    UNUSED;
    out[0] = ebb_literal(e, "7", EBB_NONE);
}
BODY(eight) {
    UNUSED;
    out[0] = ebb_literal(e, "8", EBB_NONE);
}
BODY(no_operands) {
    UNUSED;
    ebb_cond_n(e, (bool)false, seven, eight, NULL, EBB_NO_OPERANDS, 1, out);
}

Test(control, numbers_variables_and_nothing_are_operands) {
    ebb_tensor *yes = ebb_variable(ebb, ebb_literal(ebb, "true", EBB_NONE), "yes"),
               *v = ebb_variable(ebb, f64("3"), "v");
    static const ebb_mode modes[] = {EBB_EAGER, EBB_NATIVE};
    for (int i = 0; i < 2; i++) {
        ebb_function *f = function_of(by_predicate, NULL, modes[i]);
        ebb_assign(yes, (bool)true);
        expect_text(ebb_call(f, yes, v), "3.0", "mode %d: a variable decides", i);
        ebb_assign(yes, (bool)false);
        expect_text(ebb_call(f, yes, v), "7.0", "mode %d: it does now", i);
        expect_text(ebb_call(f, (bool)true, v), "3.0", "mode %d: C decides", i);
        expect_text(ebb_call(function_of(no_operands, NULL, modes[i]), v), "8", "mode %d: no operands", i);
    }
}

/* ---- every dtype, empty rows, many results ---- */

BODY(keeps_and_stacks) {
    UNUSED;
    out[0] = out[1] = in[1];
}
BODY(through_rows) {
    UNUSED;
    ebb_tensor *r[2], *zero = ebb_zeros(e, ebb_dtype_of(in[0]), EBB_SHAPE(2));
    ebb_scan(e, keeps_and_stacks, NULL, EBB_OPERANDS(zero), EBB_OPERANDS(in[0]), 1, r,
             (&(ebb_scan_options){.reverse = *(bool *)data}));
    out[0] = ebb_concat(2, ((ebb_tensor *[]){ebb_reshape(r[0], EBB_SHAPE(1, 2)), r[1]}), 0);
}

Test(control, rows_of_every_dtype_and_number) {
    static const ebb_mode modes[] = {EBB_EAGER, EBB_NATIVE};
    static const char *const first_last[] = {"[[0 1]\n [1 0]\n [1 1]\n [0 1]]", "[[1 0]\n [1 0]\n [1 1]\n [0 1]]"};
    int cases = 0;
    for (int dtype = EBB_BOOL; dtype <= EBB_F64; dtype++)
        for (int k = 0; k < 4; k++, cases++) {
            bool reverse = k & 1;
            ebb_function *f = function_of(through_rows, &reverse, modes[k >> 1]);
            ebb_tensor *x = ebb_cast(ebb_literal(ebb, "[[1, 0], [1, 1], [0, 1]]", EBB_I32), (ebb_dtype)dtype);
            expect_text(ebb_cast(ebb_call(f, x), EBB_I32), first_last[reverse], "dtype %d, %d", dtype, k);
            expect_text(ebb_cast(ebb_call(f, ebb_zeros(ebb, (ebb_dtype)dtype, EBB_SHAPE(0, 2))), EBB_I32), "[[0 0]]",
                        "dtype %d, %d: no rows", dtype, k);
        }
    printf("cases: %d\n", 2 * cases);
}

/* ---- sizes that are not known ---- */

BODY(running_sum) {
    UNUSED;
    out[0] = out[1] = ebb_add(in[0], in[1]);
}
static int traced;
BODY(running_sums) {
    UNUSED;
    ebb_tensor *r[2];
    traced++;
    ebb_scan(e, running_sum, NULL, EBB_OPERANDS(ebb_scalar(e, 0.0)), EBB_OPERANDS(in[0]), 1, r, NULL);
    out[0] = r[1];
}

Test(control, one_trace_for_every_length) {
    ebb_function *f = ebb_function_new(ebb, running_sums,
                                       &(ebb_function_options){.name = "f", .signature = "f64[n]", .mode = EBB_NATIVE});
    traced = 0;
    expect_text(ebb_call(f, f64("[1, 2, 3]")), "[1. 3. 6.]", "3 rows");
    expect_text(ebb_call(f, f64("[1, 2, 3, 4, 5]")), "[ 1.  3.  6. 10. 15.]", "5 rows");
    expect_text(ebb_call(f, f64("[]")), "[]", "no rows");
    cr_expect_eq(traced, 1, "traced %d times", traced);
}

/* ---- memory, time ---- */

BODY(below_a_million) {
    UNUSED;
    out[0] = ebb_lt(in[1], 1000000);
}
BODY(harmonic) {
    UNUSED;
    ebb_tensor *next = ebb_add(in[1], 1);
    out[0] = ebb_add(in[0], ebb_recip(ebb_cast(next, EBB_F64)));
    out[1] = next;
}
BODY(harmonic_number) {
    UNUSED;
    out[0] = ebb_while(e, below_a_million, harmonic, NULL, in[0], 0);
}

Test(control, a_million_iterations) {
    double sum = 0;
    for (int i = 1; i <= 1000000; i++)
        sum += 1.0 / i;
    ebb_tensor *y = ebb_call(function_of(harmonic_number, NULL, EBB_NATIVE), f64("0"));
    cr_expect_eq(ebb_item(y, 0), sum, "%.17g, not %.17g", ebb_item(y, 0), sum); /* the same additions */
}

BODY(below_5000) {
    UNUSED;
    out[0] = ebb_lt(in[0], 5000);
}
BODY(one_more) {
    UNUSED;
    out[0] = ebb_add(in[0], 1);
}

Test(control, an_eager_loop_lets_go_of_its_iterations) {
    scarce s = {.left = INT64_MAX};
    ebb_context *own = ebb_open(&(ebb_options){.allocator = scarce_allocator(&s)});
    ebb_while(own, below_5000, one_more, NULL, ebb_scalar(own, 4000));
    int64_t most = s.most;
    ebb_while(own, below_5000, one_more, NULL, ebb_scalar(own, 0));
    expect_ok(own, "5000 iterations");
    /* Handles wait in a quarantine of 1024 before they are used again. */
    cr_expect_lt(s.most, most + 1200, "%lld blocks, after %lld", (long long)s.most, (long long)most);
    ebb_close(own);
}
