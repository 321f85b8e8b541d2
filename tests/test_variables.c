/* test_variables.c - variables, and random numbers, whose generator is one.
 *
 * G001-1 and the like are rows of the golden table: cells of TensorFlow notebooks with what they print. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "frontend/values.h"
#include "tests/support/check.h"

static ebb_context *ebb;

static void start(void) { ebb = ebb_open(NULL); }
static void stop(void) { ebb_close(ebb); }

TestSuite(variables, .init = start, .fini = stop);

static ebb_tensor *read(const char *text) { return ebb_literal(ebb, text, EBB_NONE); }

/* ---- variables ---- */

Test(variables, variables_have_value_name_and_kind) {
    ebb_tensor *a = ebb_range(ebb, EBB_I32, 5), *x = ebb_variable(ebb, a, "x"), *fixed = ebb_variable_fixed(ebb, a, "");
    cr_expect(ebb_is_tensor(a) && !ebb_is_variable(a) && !ebb_is_tensor(x) && ebb_is_variable(x), "G001-13");
    expect_text(x, "[0 1 2 3 4]", "G001-13");
    cr_expect(ebb_trainable(x) && !ebb_trainable(fixed), "G001-9: integers are trainable too");
    cr_expect_str_eq(ebb_name(x), "x:0");
    cr_expect_str_eq(ebb_name(fixed), "Variable:0");
    cr_expect_str_eq(ebb_name(ebb_variable(ebb, a, "x")), "x:0", "two may have one name");
    cr_expect_neq(ebb_data(x), ebb_data(fixed), "two variables never share memory");
    expect_ok(ebb, "variables");
    ebb_trainable(a);
    expect_error(ebb, EBB_ATTRIBUTE_ERROR, "ebb_trainable: a tensor has no trainable; variables have", "G001-12");
}

Test(variables, golden_variables) {
    static const struct {
        const char *id, *literal;
        ebb_dtype dtype;
        const char *text;
    } cases[] = {
        {"G001-1", "3", EBB_NONE, "<ebb.Variable 'Variable:0' shape=() dtype=int32, value=3>"},
        {"G001-2", "[1,2]", EBB_NONE, "<ebb.Variable 'Variable:0' shape=(2,) dtype=int32, value=[1 2]>"},
        {"G001-3", "[1,2]", EBB_I64, "<ebb.Variable 'Variable:0' shape=(2,) dtype=int64, value=[1 2]>"},
        {"G001-4", "3.", EBB_NONE, "<ebb.Variable 'Variable:0' shape=() dtype=float32, value=3.0>"},
        {"G001-5", "[1,2]", EBB_F64, "<ebb.Variable 'Variable:0' shape=(2,) dtype=float64, value=[1. 2.]>"},
        {"G001-6", "[[1,2],[3,4]]", EBB_NONE,
         "<ebb.Variable 'Variable:0' shape=(2, 2) dtype=int32, value=\n[[1 2]\n [3 4]]>"},
        {"G001-7", "[[0.,0,0],[0,0,0]]", EBB_NONE,
         "<ebb.Variable 'Variable:0' shape=(2, 3) dtype=float32, value=\n[[0. 0. 0.]\n [0. 0. 0.]]>"},
    };
    for (int i = 0; i < COUNT(cases); i++)
        expect_format(ebb_variable(ebb, ebb_literal(ebb, cases[i].literal, cases[i].dtype), NULL), cases[i].text,
                      cases[i].id);
    ebb_tensor *v =
        ebb_variable(ebb, ebb_random_normal(ebb, EBB_F32, EBB_SHAPE(2, 2), 0, 1), NULL); /* G001-8, G002-5 */
    cr_expect(ebb_rank(v) == 2 && ebb_dim(v, 0) == 2 && ebb_dtype_of(v) == EBB_F32);
}

Test(variables, assigning) {
    ebb_tensor *x = ebb_variable(ebb, read("[1,2]"), NULL); /* G001-10 */
    ebb_tensor *first = ebb_assign(x, read("[3,4]"));
    ebb_tensor *second = ebb_assign_add(x, read("[1,1]"));
    ebb_tensor *third = ebb_assign_add(x, read("[1,1]"));
    expect_text(first, "[3 4]", "each gives the value of then");
    expect_text(second, "[4 5]", "each gives the value of then");
    expect_text(third, "[5 6]", "each gives the value of then");
    expect_text(x, "[5 6]", "G001-10");
    ebb_tensor *v = ebb_variable(ebb, ebb_full(ebb, EBB_F32, EBB_SHAPE(3, 1), 9), NULL),
               *ones = ebb_ones(ebb, EBB_F32, EBB_SHAPE(3, 1));
    expect_text(ebb_assign(v, ones), "[[1.]\n [1.]\n [1.]]", "G002-6");
    ebb_assign(v, ebb_literal(ebb, "[[3],[1],[1]]", EBB_F32));
    expect_text(ebb_assign_add(v, ones), "[[4.]\n [2.]\n [2.]]", "G002-7");
    expect_text(ebb_assign_sub(v, ones), "[[3.]\n [1.]\n [1.]]", "G002-7");
    ebb_tensor *s = ebb_variable(ebb, ebb_scalar(ebb, 1.0f), "s");
    expect_text(ebb_assign_add(s, 1.0), "2.0", "a number takes the dtype");
    expect_text(ebb_assign(s, 7), "7.0", "a number takes the dtype");
    expect_text(ebb_assign(s, s), "7.0", "itself");
    expect_text(ebb_assign_add(s, s), "14.0", "itself");
    ebb_tensor *t = ebb_variable(ebb, s, "t");
    ebb_assign(t, s);
    ebb_assign_add(t, 1);
    expect_text(s, "14.0", "another variable's assign");
    expect_ok(ebb, "assign");
}

Test(variables, what_was_read_before_an_assign_stays) {
    ebb_tensor *v = ebb_variable(ebb, ebb_scalar(ebb, 2.0f), "v"), *x = ebb_scalar(ebb, 5.0f);
    ebb_tensor *y = ebb_square(v), *old = ebb_stop_gradient(v);
    ebb_assign(v, x);
    expect_text(ebb_add(y, ebb_square(v)), "29.0", "before and after");
    expect_text(old, "2.0", "shared memory is not written");
    ebb_assign_add(v, 1);
    expect_text(x, "5.0", "what was assigned is not written");
}

Test(variables, assign_refuses_and_changes_nothing) {
    ebb_tensor *w = ebb_variable(ebb, ebb_literal(ebb, "[1,2,3]", EBB_F32), "w"), *a = read("2");
    struct {
        ebb_tensor *v;
        ebb_operand x;
        ebb_code code;
        const char *error;
    } cases[] = {
        {w, EBB_OPERAND(ebb_literal(ebb, "[1,2,3,4]", EBB_F32)), EBB_VALUE_ERROR,
         "variable w:0 is f32[3], the value f32[4] (a.c:7)"},
        {w, EBB_OPERAND(read("[1,2,3]")), EBB_VALUE_ERROR, "variable w:0 is f32[3], the value i32[3] (a.c:7)"},
        {w, EBB_OPERAND(1), EBB_VALUE_ERROR, "variable w:0 is f32[3], the value f32[] (a.c:7)"},
        {a, EBB_OPERAND(3), EBB_ATTRIBUTE_ERROR, "a tensor has no assign"}, /* G001-11 */
        {&ebb->absent, EBB_OPERAND(3), EBB_ATTRIBUTE_ERROR, "an absent tensor has no assign"},
        {NULL, EBB_OPERAND(w), EBB_TYPE_ERROR, "operand 1 is NULL (a.c:7)"},
        {w, ebb_operand_tensor(NULL), EBB_TYPE_ERROR, "operand 2 is NULL (a.c:7)"},
        {w, EBB_OPERAND(&ebb->absent), EBB_TYPE_ERROR, "operand 2 is absent (no gradient) (a.c:7)"},
        {w, EBB_OPERAND(&ebb->poison), EBB_OK, ""},
        {&ebb->poison, EBB_OPERAND(w), EBB_OK, ""},
    };
    ebb_tensor *(*const assign[])(ebb_tensor *, ebb_operand, const char *, int) = {ebb_assign_at, ebb_assign_add_at,
                                                                                   ebb_assign_sub_at};
    for (int i = 0; i < COUNT(cases); i++)
        for (int k = 0; k < 3; k++) {
            cr_expect(ebb_is_poison(assign[k](cases[i].v, cases[i].x, "a.c", 7)), "case %d, %d", i, k);
            expect_error(ebb, cases[i].code, cases[i].error, "case %d, %d", i, k);
        }
    expect_text(w, "[1. 2. 3.]", "unchanged");
    ebb_assign(ebb_variable(ebb, a, "i"), 2.5);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_assign: the number 2.5 is not whole, the tensor is i32", "fraction");
    ebb_assign_add(ebb_variable(ebb, read("true"), "b"), 1);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_add: ", "booleans do not add");
}

Test(variables, variables_live_until_they_are_released) {
    ebb_tensor *v = NULL, *first = ebb_variable(ebb, read("0"), "first");
    EBB_SCOPE (ebb)
        v = ebb_keep(ebb_variable(ebb, read("1"), "v"));
    expect_text(v, "1", "no scope holds it");
    ebb_tensor *last = ebb_variable(ebb, read("2"), "last");
    ebb_release(v);
    ebb_neg(v);
    expect_error(ebb, EBB_RUNTIME_ERROR, "is used after its scope closed", "released");
    ebb_release(last);
    ebb_release(first);
    cr_expect_null(ebb->variables);
}

/* ---- random numbers ---- */

Test(variables, random_numbers_follow_the_seed) {
    char first[256], again[256], next[256];
    ebb_set_seed(ebb, 42);
    ebb_format_value(ebb_random_uniform(ebb, EBB_F32, EBB_SHAPE(4), 0, 1), first, sizeof first);
    ebb_format_value(ebb_random_uniform(ebb, EBB_F32, EBB_SHAPE(4), 0, 1), next, sizeof next);
    ebb_set_seed(ebb, 42);
    ebb_format_value(ebb_random_uniform(ebb, EBB_F32, EBB_SHAPE(4), 0, 1), again, sizeof again);
    cr_expect_str_eq(first, again);
    cr_expect_str_neq(first, next);
    ebb_context *other = ebb_open(&(ebb_options){.seed = 42});
    ebb_format_value(ebb_random_uniform(other, EBB_F32, EBB_SHAPE(4), 0, 1), again, sizeof again);
    cr_expect_str_eq(first, again);
    ebb_close(other);
    expect_ok(ebb, "random");
}

Test(variables, random_numbers_have_their_distribution) { /* G002-2 */
    static const struct {
        ebb_dtype dtype;
        bool normal;
        double a, b, mean, deviation;
    } cases[] = {{EBB_F32, false, 0, 1, 0.5, 0.2887},
                 {EBB_F64, false, -3, 5, 1, 2.3094},
                 {EBB_F32, true, 0, 1, 0, 1},
                 {EBB_F64, true, 2, 0.5, 2, 0.5}};
    enum { N = 100000 };
    for (int i = 0; i < COUNT(cases); i++) {
        double sum = 0, squares = 0;
        ebb_tensor *x = (cases[i].normal ? ebb_random_normal_at : ebb_random_uniform_at)(
            ebb, cases[i].dtype, EBB_SHAPE(N), cases[i].a, cases[i].b, __FILE__, __LINE__);
        for (int k = 0; k < N; k++) {
            double u = ebb_item(x, k);
            cr_assert(cases[i].normal || (u >= cases[i].a && u < cases[i].b), "case %d: %g", i, u);
            sum += u;
            squares += u * u;
        }
        double mean = sum / N, deviation = sqrt(squares / N - mean * mean),
               scale = cases[i].normal ? cases[i].b : cases[i].b - cases[i].a;
        cr_expect_float_eq(mean, cases[i].mean, 0.01 * scale, "case %d: mean %g", i, mean);
        cr_expect_float_eq(deviation, cases[i].deviation, 0.01 * scale, "case %d: deviation %g", i, deviation);
    }
}

/* In a range of four floats, rounding would give `high` one time in eight. */
Test(variables, uniform_numbers_stay_below_high) {
    ebb_tensor *x = ebb_random_uniform(ebb, EBB_F32, EBB_SHAPE(1000), 1, 1 + 4 * 0x1p-23);
    for (int i = 0; i < 1000; i++)
        cr_assert(ebb_item(x, i) >= 1 && ebb_item(x, i) < 1 + 4 * 0x1p-23);
    expect_ok(ebb, "narrow");
}

Test(variables, random_numbers_refuse) {
    static const struct {
        bool normal;
        ebb_dtype dtype;
        double a, b;
        ebb_code code;
        const char *error;
    } cases[] = {
        {false, EBB_I32, 0, 1, EBB_TYPE_ERROR, "ebb_random_uniform: random numbers are f32 or f64, not i32"},
        {true, EBB_BOOL, 0, 1, EBB_TYPE_ERROR, "ebb_random_normal: random numbers are f32 or f64, not bool"},
        {false, EBB_F32, 1, 1, EBB_VALUE_ERROR, "ebb_random_uniform: low must be less than high"},
        {false, EBB_F64, 2, 1, EBB_VALUE_ERROR, "ebb_random_uniform: low must be less than high"},
        {false, EBB_F32, -3e38, 3e38, EBB_VALUE_ERROR, "ebb_random_uniform: low must be less than high"},
        {false, EBB_F32, 0, (double)NAN, EBB_VALUE_ERROR, "ebb_random_uniform: low must be less than high"},
        {true, EBB_F32, 0, -1, EBB_VALUE_ERROR, "ebb_random_normal: mean and deviation must be finite"},
        {true, EBB_F32, 1e39, 1, EBB_VALUE_ERROR, "ebb_random_normal: mean and deviation must be finite"},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        (cases[i].normal ? ebb_random_normal_at : ebb_random_uniform_at)(ebb, cases[i].dtype, EBB_SHAPE(3), cases[i].a,
                                                                         cases[i].b, __FILE__, __LINE__);
        expect_error(ebb, cases[i].code, cases[i].error, "case %d", i);
    }
}
