/* test_semantics_sizes.c - how traced functions behave with sizes that they do not know, line by line: lines 2 to 4 of
 * the list whose others are in test_semantics_function.c. */
#include <criterion/criterion.h>
#include <math.h>

#include "tests/support/check.h"

static ebb_context *ebb;
static void start(void) { ebb = ebb_open(&(ebb_options){.mode = EBB_NATIVE}); }
static void stop(void) {
    expect_ok(ebb, "at the end");
    ebb_close(ebb);
}
TestSuite(semantics_4, .init = start, .fini = stop);

#define BODY(name) static void name(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data)
#define UNUSED (void)e, (void)in, (void)data

static ebb_tensor *f32(const char *text) { return ebb_literal(ebb, text, EBB_F32); }

static int ran; /* host side effect */
BODY(doubled) {
    UNUSED;
    ran++;
    out[0] = ebb_add(in[0], in[0]);
}

static ebb_function *with_signature(ebb_body *body, const char *signature) {
    return ebb_function_new(ebb, body, &(ebb_function_options){.name = "f", .signature = signature});
}

/* Everything that needs a size: a mean, its gradient, a product, a broadcast, a reshape, a slice, another function. */
static ebb_function *inner_mean;
static ebb_tensor *loss_of(ebb_tensor *x, ebb_tensor *w) {
    ebb_tensor *y = ebb_softmax(ebb_add(ebb_matmul(x, w), ebb_mean_over(x, EBB_AXES(1), true)), 1);
    ebb_tensor *flat = ebb_reshape(ebb_square(y), EBB_SHAPE(-1, 2));
    ebb_tensor *all = ebb_slice(flat, ((int64_t[]){0, 1}), ((int64_t[]){INT64_MAX, 2}), NULL);
    return ebb_add(ebb_mean(all), ebb_call(inner_mean, x));
}
BODY(mean_of_square) {
    UNUSED;
    out[0] = ebb_mean(ebb_square(in[0]));
}
BODY(everything) {
    UNUSED;
    ran++;
    ebb_tape *tape = ebb_tape_start(e, EBB_TAPE_DEFAULT);
    ebb_watch(tape, in[0]), ebb_watch(tape, in[1]);
    out[0] = loss_of(in[0], in[1]);
    ebb_gradients(tape, 1, out, 2, in, out + 1, NULL);
}

static void expect_equal(const ebb_tensor *x, const ebb_tensor *y, const char *name) {
    char a[2048], b[2048];
    ebb_format(x, a, sizeof a), ebb_format(y, b, sizeof b);
    cr_expect_str_eq(a, b, "%s", name);
}

/* One trace serves every size, and computes what a trace for that size computes, gradients included. */
Test(semantics_4, line_3_one_trace_for_all_sizes) {
    static const int64_t sizes[] = {3, 1, 7, 3};
    inner_mean = ebb_function_new(ebb, mean_of_square, NULL);
    ebb_function_options o = {.results = 3, .mode = EBB_NATIVE};
    ebb_function *exact = ebb_function_new(ebb, everything, &o);
    o.signature = "f64[n, 2], f64[2, 2]";
    ebb_function *general = ebb_function_new(ebb, everything, &o), *slope = ebb_grad(general, EBB_WRT(1));
    ran = 0;
    for (int i = 0; i < COUNT(sizes); i++)
        EBB_SCOPE (ebb) {
            ebb_tensor *x = ebb_random_normal(ebb, EBB_F64, EBB_SHAPE(sizes[i], 2), 0, 1), *w, *a[3], *b[3];
            w = ebb_random_normal(ebb, EBB_F64, EBB_SHAPE(2, 2), 0, 1);
            ebb_operand in[2] = {EBB_OPERAND(x), EBB_OPERAND(w)};
            ebb_call_n(general, 2, in, 3, a);
            cr_expect_eq(ebb_trace_count(general), 1, "size %d", (int)sizes[i]);
            int before = ran;
            ebb_call_n(exact, 2, in, 3, b);
            cr_expect_eq(before, 1 + (i == 0 ? 0 : i == 3 ? 3 : i), "the body of the general one ran once");
            for (int k = 0; k < 3; k++)
                for (int64_t j = 0; j < ebb_size(b[k]); j++)
                    cr_expect(fabs(ebb_item(a[k], j) - ebb_item(b[k], j)) < 1e-14, "size %d, result %d: %g, not %g",
                              (int)sizes[i], k, ebb_item(a[k], j), ebb_item(b[k], j));
            cr_expect(fabs(ebb_item(ebb_call(slope, x, w), 2) - ebb_item(b[2], 2)) < 1e-14, "a derived function");
            expect_ok(ebb, "size %d", (int)sizes[i]);
        }
    cr_expect_eq(ebb_trace_count(exact), 3);
}

Test(semantics_4, line_3_what_does_not_fit) {
    ebb_function *f = with_signature(doubled, "f32[n, 3]"), *two = with_signature(doubled, "f64[?], f64[n], f64[n]");
    expect_text(ebb_call(f, f32("[[1, 2, 3]]")), "[[2. 4. 6.]]", "fits");
    ebb_tensor *x = ebb_literal(ebb, "[1, 2]", EBB_F64), *y = ebb_literal(ebb, "[1]", EBB_F64);
    const struct {
        ebb_function *f;
        int count;
        ebb_operand in[3];
        const char *error;
    } cases[] = {
        {f, 1, {EBB_OPERAND(f32("[1, 2, 3]"))}, "f: argument 0 is f32[3], the signature says f32[n0,3]"},
        {f, 1, {EBB_OPERAND(f32("[[1, 2]]"))}, "f: argument 0 is f32[1,2], the signature says f32[n0,3]"},
        {f, 1, {EBB_OPERAND(ebb_literal(ebb, "[[1, 2, 3]]", EBB_F64))}, "is f64[1,3], the signature says f32"},
        {f, 1, {EBB_OPERAND(2)}, "is the number 2, the signature says f32"},
        {f, 2, {EBB_OPERAND(x), EBB_OPERAND(x)}, "takes 1 arguments, 2 were given"},
        {two, 3, {EBB_OPERAND(x), EBB_OPERAND(x), EBB_OPERAND(y)}, "argument 2 is f64[1], the signature says f64[n1]"},
    };
    for (int eager = 0; eager < 2; eager++) {
        ebb_run_functions_eagerly(ebb, eager);
        for (int i = 0; i < COUNT(cases); i++) {
            ebb_tensor *out;
            ebb_call_n(cases[i].f, cases[i].count, cases[i].in, 1, &out);
            cr_expect(ebb_is_poison(out), "case %d", i);
            expect_error(ebb, EBB_TYPE_ERROR, cases[i].error, "case %d, eager %d", i, eager);
        }
    }
    ebb_run_functions_eagerly(ebb, false);
    cr_expect_eq(ebb_trace_count(f), 1);
    cr_expect_eq(ebb_trace_count(two), 0);
    ebb_call(two, y, x, x);
    expect_ok(ebb, "equal names, equal sizes");
}

Test(semantics_4, line_3_signatures_that_do_not_parse) {
    static const struct {
        const char *text, *error;
    } cases[] = {{"f16[2]", "column 1: expected bool, i32, i64, f32 or f64"},
                 {"f32", "column 4: expected ["},
                 {"f32[2", "column 6: expected , or ]"},
                 {"f32[-2]", "column 5: expected a size, a name or ?"},
                 {"f32[2x]", "column 6: expected a size"},
                 {"f32[99999999999999999999]", "expected a size"},
                 {"f32[1,1,1,1,1,1,1,1,1]", "column 21: expected no more axes"},
                 {"f32[2] f32[2]", "column 8: expected , or the end"},
                 {"f32[2],", "column 8: expected bool"}};
    for (int i = 0; i < COUNT(cases); i++) {
        cr_expect_null(with_signature(doubled, cases[i].text));
        expect_error(ebb, EBB_VALUE_ERROR, cases[i].error, "%s", cases[i].text);
    }
    ebb_function *f = with_signature(doubled, " f32[ ? , 2 ] ");
    expect_text(ebb_call(f, f32("[[1, 2]]")), "[[2. 4.]]", "blanks");
}

BODY(needs_the_size) {
    UNUSED;
    ran++;
    out[0] = ebb_dim(in[0], 0) < 0 ? ebb_slice(in[0], ((int64_t[]){1}), ((int64_t[]){2}), NULL) : ebb_neg(in[0]);
}

Test(semantics_4, line_4_reduce_retracing) {
    static const char *const shapes[] = {"[1, 2, 3]", "[1, 2, 3, 4, 5]", "[1, 2, 3, 4, 5, 6, 7]", "[1, 2, 3, 4]",
                                         "[1, 2, 3]"};
    static const int traces[] = {1, 2, 2, 2, 2};
    ebb_function_options o = {.name = "f", .reduce_retracing = true};
    ebb_function *f = ebb_function_new(ebb, doubled, &o), *g = ebb_function_new(ebb, needs_the_size, &o);
    ran = 0;
    for (int i = 0; i < COUNT(shapes); i++) {
        ebb_tensor *x = f32(shapes[i]);
        expect_equal(ebb_call(f, x), ebb_add(x, x), shapes[i]);
        cr_expect_eq(ebb_trace_count(f), traces[i], "%s: %d traces", shapes[i], ebb_trace_count(f));
        cr_expect_eq(ran, traces[i]);
    }
    cr_expect_str_eq(ebb_retrace_reason(f), "argument 0 is f32[n0], was f32[3]");
    ebb_call(f, f32("[[1]]"));
    cr_expect_eq(ebb_trace_count(f), 3, "another rank");
    for (int i = 0; i < 3; i++) {
        ebb_tensor *x = f32(shapes[i]);
        expect_equal(ebb_call(g, x), ebb_neg(x), shapes[i]);
        cr_expect_eq(ebb_trace_count(g), i + 1, "an unknown size is of no use to this body");
    }
}

/* What was of equal size in both calls stays so; where that does not hold, a more general trace is made. */
BODY(sum_of_two) {
    UNUSED;
    out[0] = ebb_add(in[0], ebb_sum(in[1]));
}
Test(semantics_4, line_2_the_most_specific_trace) {
    ebb_function *f = ebb_function_new(ebb, sum_of_two, &(ebb_function_options){.reduce_retracing = true});
    static const struct {
        const char *x, *y;
        int traces;
    } calls[] = {{"[1]", "[1]", 1},       {"[1, 2]", "[1, 2]", 2}, {"[1, 2, 3]", "[1, 2, 3]", 2}, {"[1, 2]", "[1]", 3},
                 {"[1, 2, 3]", "[1]", 3}, {"[1]", "[1]", 3},       {"[1, 2]", "[1, 2, 3]", 4}};
    for (int i = 0; i < COUNT(calls); i++) {
        ebb_tensor *x = f32(calls[i].x), *y = f32(calls[i].y);
        expect_equal(ebb_call(f, x, y), ebb_add(x, ebb_sum(y)), "call");
        cr_expect(ebb_trace_count(f) <= calls[i].traces, "call %d: %d traces", i, ebb_trace_count(f));
    }
}
