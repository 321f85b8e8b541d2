/* test_expression.c - the expression language: values, precedence, weak numbers, errors with their column, and random
 * expressions with gradient and Hessian against quadruple precision, eager and compiled. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/ebb.h"
#include "tests/ref/quad_expression.h"
#include "tests/support/scarce.h"

static const char *const names[] = {"x", "y", "v"};

/* ---- values: x = 2, y = -3, v = [1, 2, 4] ---- */

#define LN2 0.69314718055994530942

static const struct {
    const char *text;
    double value;
} cases[] = {
    {"1+2*3", 7},
    {"(1+2)*3", 9},
    {"8-3-2", 3},
    {"8/4/2", 1},
    {"2^3^2", 512},
    {"2**3", 8},
    {"-2^2", -4},
    {"-x^2", -4},
    {"x^-2", 0.25},
    {"2^-x*y", -0.75},
    {"x^y^2", 512},
    {"(-x)^2", 4},
    {"--x", 2},
    {"+x", 2},
    {"- -x - -y", -1},
    {"-x*y", 6},
    {"1 - -1", 2},
    {".5", 0.5},
    {"1.", 1},
    {"1e2", 100},
    {"2.5E-1*x", 0.5},
    {"1e+0", 1},
    {"\t x\n +\r1 ", 3},
    {"pi", 3.14159265358979323846},
    {"e", 2.71828182845904523536},
    {"2*pi*x", 4 * 3.14159265358979323846},
    {"exp(0)+x", 3},
    {"log(x)", LN2},
    {"expm1(0)", 0},
    {"log1p(1)", LN2},
    {"sqrt(x+2)", 2},
    {"abs(y)", 3},
    {"sign(y)", -1},
    {"square(y)", 9},
    {"recip(x)", 0.5},
    {"neg(x)", -2},
    {"relu(y)+relu(x)", 2},
    {"sin(0)+cos(0)+tan(0)", 1},
    {"asin(0)+acos(1)+atan(0)", 0},
    {"sinh(0)+cosh(0)+tanh(0)", 1},
    {"sigmoid(0)", 0.5},
    {"softplus(0)", LN2},
    {"erf(0)", 0},
    {"pow(x, 3)", 8},
    {"max(x, y)", 2},
    {"min(x, 1)", 1},
    {"max(1, 2)", 2},
    {"add(x, 1) + sub(x, 1) + mul(x, 2) + div(x, 2)", 9},
    {"select(x > y, x, y)", 2},
    {"select(x < 1, 5, 7)", 7},
    {"select(1 < 2, x, y)", 2},
    {"select(logical_and(x == 2, y != 2), 1, 0)", 1},
    {"select(logical_or(x <= 1, logical_not(y >= 1)), x, 0)", 2},
    {"sum(v)", 7},
    {"mean(v+2)", 13.0 / 3},
    {"norm(v)", 4.58257569495584000659},
    {"dot(v, v)", 21},
    {"dot(v, 1)", 7},
    {"sum(softmax(v))", 1},
    {"logsumexp(v-v)-log(3)", 0},
    {"sum(exp(log_softmax(v)))", 1},
    {"stop_gradient(x)*y", -6},
    {"sum(select(v > 1, v, 0))", 6},
    {"1/3*x", 2.0 / 3},
    {"clip(x, 0, 1) + clip(y, -1, x)", 0},
    {"floor(x/3) + floormod(y, 2) + hypot(3, 4)", 6},
    {"sinc(0) + xlogy(0, 0) + divide_no_nan(1, 0)", 1},
};

static ebb_tensor *call(ebb_context *ebb, ebb_function *f, ebb_dtype dtype) {
    ebb_operand in[] = {ebb_operand_tensor(ebb_literal(ebb, "2", dtype)),
                        ebb_operand_tensor(ebb_literal(ebb, "-3", dtype)),
                        ebb_operand_tensor(ebb_literal(ebb, "[1,2,4]", dtype))};
    ebb_tensor *out;
    ebb_call_n(f, 3, in, 1, &out);
    return out;
}

Test(expression, values) {
    for (ebb_mode mode = EBB_NATIVE; mode <= EBB_EAGER; mode++) {
        ebb_context *ebb = ebb_open(&(ebb_options){.mode = mode});
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
            EBB_SCOPE (ebb) {
                ebb_function *f = ebb_expression(ebb, cases[i].text, 3, names);
                cr_expect_not_null(f, "%s: %s", cases[i].text, ebb_error(ebb));
                double got = f ? ebb_item(call(ebb, f, EBB_F64), 0) : NAN, want = cases[i].value;
                cr_expect(fabs(got - want) <= 4e-16 * fmax(1, fabs(want)), "%s: %.17g, not %.17g %s", cases[i].text,
                          got, want, ebb_error(ebb));
                ebb_clear_error(ebb);
            }
        ebb_close(ebb);
    }
}

Test(expression, dtypes) {
    static const struct {
        const char *text;
        ebb_dtype dtype, result;
        double value;
    } weak[] = {
        {"x/3", EBB_F32, EBB_F32, (double)(2.0f / 3)},
        {"0.1", EBB_F32, EBB_F32, (double)0.1f},
        {"exp(1)", EBB_F32, EBB_F32, (double)2.7182818f},
        {"2*x+1", EBB_I32, EBB_I32, 5},
        {"x*(1+1)-y", EBB_I64, EBB_I64, 7},
        {"-x", EBB_I32, EBB_I32, -2},
        {"max(x, y)", EBB_I32, EBB_I32, 2},
        {"x > y", EBB_F32, EBB_BOOL, 1},
        {"1 < 2", EBB_F64, EBB_BOOL, 1},
        {"sum(v)", EBB_I32, EBB_I32, 7},
    };
    for (size_t i = 0; i < sizeof weak / sizeof *weak; i++) {
        ebb_context *ebb = ebb_open(NULL);
        EBB_SCOPE (ebb) {
            ebb_tensor *y = call(ebb, ebb_expression(ebb, weak[i].text, 3, names), weak[i].dtype);
            cr_expect(ebb_ok(ebb), "%s: %s", weak[i].text, ebb_error(ebb));
            cr_expect_eq(ebb_dtype_of(y), weak[i].result, "%s: dtype %d", weak[i].text, ebb_dtype_of(y));
            double got = ebb_item(y, 0), want = weak[i].value;
            cr_expect(fabs(got - want) <= 2.4e-7 * fabs(want), "%s: %.9g", weak[i].text, got);
        }
        ebb_close(ebb);
    }
}

/* ---- errors ---- */

static const struct {
    const char *text, *says;
} bad[] = {
    {"", "expression: column 1: found the end, expected a number, a name or \"(\""},
    {"   ", "column 4: found the end"},
    {"x +", "column 4: found the end"},
    {"x + z", "column 5: unknown name \"z\"; variables are x, y, v"},
    {"1+foo(x)", "column 3: unknown function \"foo\""},
    {"sin", "column 1: \"sin\" is a function; its arguments are missing"},
    {"sin()", "column 1: sin takes 1 argument, found 0"},
    {"pow(x)", "column 1: pow takes 2 arguments, found 1"},
    {"x+pow(x,y,1)", "column 3: pow takes 2 arguments, found 3"},
    {"select(x>y, x, y, 1)", "select takes 3 arguments, found 4"},
    {"(x", "column 3: found the end, expected \")\" or an operator"},
    {"x)", "column 2: found \")\", expected an operator or the end"},
    {"sin(x", "column 6: found the end, expected \",\", \")\" or an operator"},
    {"sin(x,)", "column 7: found \")\", expected a number"},
    {"x y", "column 3: found \"y\", expected an operator or the end"},
    {"2x", "column 2: found \"x\""},
    {"1..2", "column 3: found \".2\""},
    {"1e", "column 2: found \"e\""},
    {"x $ y", "column 3: found \"$\""},
    {"x+\xC3\xA9", "column 3: found the byte 0xC3"},
    {"x = y", "column 3: found \"=\""},
    {"x < y < 1", "column 7: comparisons do not chain"},
    {"*x", "column 1: found \"*\""},
    {"x,y", "column 2: found \",\""},
    {".", "column 1: found \".\""},
    {"x(1)", "column 1: unknown function \"x\""},
};

Test(expression, errors) {
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ebb_context *ebb = ebb_open(NULL);
        cr_expect_null(ebb_expression(ebb, bad[i].text, 3, names), "\"%s\" parses", bad[i].text);
        cr_expect_not_null(strstr(ebb_error(ebb), bad[i].says), "\"%s\": %s", bad[i].text, ebb_error(ebb));
        ebb_close(ebb);
    }
}

Test(expression, bad_arguments) {
    static const char *const twice[] = {"x", "x"}, *const odd[] = {"2x"}, *const none[] = {NULL}, *const empty[] = {""};
    ebb_context *ebb = ebb_open(NULL);
    const struct {
        const char *text;
        int count;
        const char *const *names;
    } calls[] = {{NULL, 0, NULL}, {"1", -1, NULL}, {"1", 1, NULL}, {"x", 2, twice},
                 {"1", 1, odd},   {"1", 1, none},  {"1", 1, empty}};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        cr_expect_null(ebb_expression(ebb, calls[i].text, calls[i].count, calls[i].names), "call %zu", i);
        cr_expect_eq(ebb_error_code(ebb), EBB_VALUE_ERROR, "call %zu: %s", i, ebb_error(ebb));
        ebb_clear_error(ebb);
    }
    cr_expect_null(ebb_expression(NULL, "1", 0, NULL));
    ebb_close(ebb);
}

/* A call with another number of arguments is an error in every mode, and so is a shape that does not fit. */
Test(expression, bad_calls) {
    for (ebb_mode mode = EBB_COMPILED; mode <= EBB_EAGER; mode++) {
        ebb_context *ebb = ebb_open(&(ebb_options){.mode = mode});
        ebb_tensor *x = ebb_scalar(ebb, 1.0);
        cr_expect(ebb_is_poison(ebb_call(ebb_expression(ebb, "x+y", 2, names), x)));
        cr_expect_eq(ebb_error_code(ebb), EBB_TYPE_ERROR, "mode %d: %s", mode, ebb_error(ebb));
        ebb_clear_error(ebb);
        ebb_tensor *two = ebb_literal(ebb, "[1,2]", EBB_F64), *three = ebb_literal(ebb, "[1,2,3]", EBB_F64);
        cr_expect(ebb_is_poison(ebb_call(ebb_expression(ebb, "x + y", 2, names), two, three)));
        cr_expect_not_null(strstr(ebb_error(ebb), "expression:3"), "mode %d: %s", mode, ebb_error(ebb));
        ebb_close(ebb);
    }
}

static char *repeated(const char *open, int times, const char *middle, const char *close) {
    char *text = calloc((size_t)times * (strlen(open) + strlen(close)) + strlen(middle) + 1, 1), *end = text;
    for (int i = 0; i < times; i++)
        end = stpcpy(end, open);
    end = stpcpy(end, middle);
    for (int i = 0; i < times; i++)
        end = stpcpy(end, close);
    return text;
}

Test(expression, depth) {
    static const struct {
        const char *open, *close;
    } nests[] = {{"(", ")"}, {"-", ""}, {"sin(", ")"}, {"x^", ""}, {"max(x,", ")"}};
    for (size_t i = 0; i < sizeof nests / sizeof *nests; i++) {
        ebb_context *ebb = ebb_open(NULL);
        char *fine = repeated(nests[i].open, 90, "x", nests[i].close);
        char *deep = repeated(nests[i].open, 100000, "x", nests[i].close);
        cr_expect_not_null(ebb_expression(ebb, fine, 3, names), "%s: %s", nests[i].open, ebb_error(ebb));
        cr_expect_null(ebb_expression(ebb, deep, 3, names));
        cr_expect_not_null(strstr(ebb_error(ebb), "nested more than 200 deep"), "%s: %s", nests[i].open,
                           ebb_error(ebb));
        ebb_close(ebb);
        free(fine);
        free(deep);
    }
}

Test(expression, long_sum) {
    ebb_context *ebb = ebb_open(&(ebb_options){.mode = EBB_EAGER});
    char *text = repeated("x+", 20000, "x", "");
    ebb_function *f = ebb_expression(ebb, text, 1, names);
    cr_assert_not_null(f, "%s", ebb_error(ebb));
    EBB_SCOPE (ebb)
        cr_expect_eq(ebb_item(ebb_call(f, ebb_scalar(ebb, 1.0)), 0), 20001);
    ebb_close(ebb);
    free(text);
}

/* Cut anywhere: a shorter expression, or an error with a column. */
Test(expression, cut_at_every_byte) {
    static const char text[] =
        "exp(sin(x)*y) + log(1+x*x)*tanh(y) + sqrt(x*x+y*y+1.25e-3) - select(x>=y, dot(v,v), -pi^2)";
    ebb_context *ebb = ebb_open(NULL);
    for (size_t n = 0; n < sizeof text; n++) {
        char cut[sizeof text];
        memcpy(cut, text, n);
        cut[n] = 0;
        bool good = ebb_expression(ebb, cut, 3, names) != NULL;
        cr_expect_eq(good, ebb_ok(ebb), "%s", cut);
        cr_expect(good || strncmp(ebb_error(ebb), "expression: column ", 19) == 0, "%s: %s", cut, ebb_error(ebb));
        ebb_clear_error(ebb);
    }
    ebb_close(ebb);
}

/* ---- random expressions ---- */

static int compared;

static void compare(const quad_expression *e, const char *what, double got, double want) {
    double bound = 2e-13 * e->scale;
    compared++;
    cr_expect(fabs(got - want) <= bound, "%s\nat %.17g %.17g %.17g: %s is %.17g, not %.17g (bound %g)", e->text,
              e->point[0], e->point[1], e->point[2], what, got, want, bound);
}

static double item(const ebb_tensor *x) { return ebb_is_absent(x) ? 0 : ebb_item(x, 0); }

static void check_random(ebb_context *ebb, uint64_t seed) {
    static const char *const xyz[] = {"x", "y", "z"};
    static quad_expression e;
    ebb_operand in[3];
    ebb_tensor *first[4], *second[9];
    quad_random_expression(seed, &e);
    ebb_function *f = ebb_expression(ebb, e.text, 3, xyz);
    cr_assert_not_null(f, "%s: %s", e.text, ebb_error(ebb));
    for (int i = 0; i < 3; i++)
        in[i] = ebb_operand_tensor(ebb_scalar(ebb, e.point[i]));
    ebb_function *gradient = ebb_value_and_grad(f, EBB_WRT(0, 1, 2)), *hessian = ebb_hessian(f, EBB_WRT(0, 1, 2));
    ebb_call_n(gradient, 3, in, 4, first);
    ebb_call_n(hessian, 3, in, 9, second);
    cr_assert(ebb_ok(ebb), "%s: %s", e.text, ebb_error(ebb));
    compare(&e, "the value", item(first[0]), e.value);
    for (int i = 0; i < 3; i++)
        compare(&e, "a gradient", item(first[1 + i]), e.gradient[i]);
    for (int i = 0; i < 9; i++)
        compare(&e, "a second derivative", item(second[i]), e.hessian[i / 3][i % 3]);
    ebb_function_free(hessian);
    ebb_function_free(gradient);
    ebb_function_free(f);
}

static void check_randoms(ebb_mode mode, int count) {
    ebb_context *ebb = ebb_open(&(ebb_options){.mode = mode});
    for (int seed = 0; seed < count; seed++)
        EBB_SCOPE (ebb)
            check_random(ebb, (uint64_t)seed);
    ebb_close(ebb);
    printf("cases: %d values and derivatives of %d random expressions, %s\n", compared, count,
           mode == EBB_EAGER ? "eager" : "native");
}

Test(expression, random_eager) { check_randoms(EBB_EAGER, 400); }
Test(expression, random_native) { check_randoms(EBB_NATIVE, 120); }

/* ---- memory ---- */

Test(expression, allocation_k_fails) {
    bool good = false;
    for (long k = 0; k < 10000 && !good; k++) {
        scarce s = {.left = INT64_MAX};
        ebb_context *ebb = ebb_open(&(ebb_options){.allocator = scarce_allocator(&s), .mode = EBB_EAGER});
        ebb_tensor *x = ebb_scalar(ebb, 2.0);
        s.left = k;
        ebb_function *f = ebb_expression(ebb, "1+x*x*x*x+sin(x)*exp(x)", 1, names);
        ebb_tensor *y = f ? ebb_call(f, x) : NULL;
        good = y && !ebb_is_poison(y);
        cr_expect_eq(ebb_error_code(ebb), good ? EBB_OK : EBB_NO_MEMORY, "allocation %ld: %s", k, ebb_error(ebb));
        ebb_close(ebb);
        cr_expect_eq(s.live, 0, "allocation %ld: %d left behind", k, (int)s.live);
    }
    cr_expect(good);
}
