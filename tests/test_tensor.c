/* test_tensor.c - contexts and errors, scopes, handles, text, literals, variables, random numbers.
 *
 * G001-1 and the like are rows of the golden table: cells of TensorFlow notebooks with what they print. */
#include <criterion/criterion.h>
#include <locale.h>
#include <math.h>
#include <string.h>

#include "frontend/values.h"
#include "tests/support/check.h"
#include "tests/support/scarce.h"

static ebb_context *ebb;

static void start(void) { ebb = ebb_open(NULL); }
static void stop(void) { ebb_close(ebb); }

TestSuite(tensor, .init = start, .fini = stop);

static ebb_tensor *read(const char *text) { return ebb_literal(ebb, text, EBB_NONE); }

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

static void expect_format(const ebb_tensor *x, const char *text, const char *name) {
    char have[1024];
    size_t length = ebb_format(x, have, sizeof have);
    cr_expect_str_eq(have, text, "%s", name);
    cr_expect_eq(length, strlen(text), "%s: length %zu", name, length);
}

/* ---- contexts and errors ---- */

Test(tensor, versions_and_codes_have_names) {
    cr_expect_str_eq(ebb_version(), "0.1.0");
    cr_expect_str_eq(ebb_code_name(EBB_VALUE_ERROR), "ValueError");
    cr_expect_str_eq(ebb_code_name((ebb_code)99), "unknown error");
    for (int code = EBB_OK; code <= EBB_INTERNAL_ERROR; code++)
        cr_expect_gt(strlen(ebb_code_name((ebb_code)code)), 1, "code %d", code);
}

Test(tensor, the_first_error_is_kept_until_it_is_cleared) {
    ebb_tensor *x = read("[1, 2, 3]"), *y = read("[1, 2, 3, 4]");
    cr_expect(ebb_ok(ebb));
    cr_expect_str_eq(ebb_error(ebb), "");
    ebb_tensor *sum = ebb_add_at(EBB_OPERAND(x), EBB_OPERAND(y), "a.c", 7);
    cr_expect(ebb_is_poison(sum) && !ebb_ok(ebb));
    cr_expect_str_eq(ebb_error(ebb), "ebb_add: shapes [3] and [4] do not broadcast (a.c:7)");
    cr_expect(ebb_is_poison(ebb_neg(ebb_exp(sum))), "what is made of poison is poison");
    ebb_neg(NULL);
    cr_expect_str_eq(ebb_error(ebb), "ebb_add: shapes [3] and [4] do not broadcast (a.c:7)");
    ebb_clear_error(ebb);
    cr_expect(ebb_ok(ebb) && !strcmp(ebb_error(ebb), "") && ebb_error_code(ebb) == EBB_OK);
    expect_text(ebb_neg(x), "[-1 -2 -3]", "usable after an error");
}

Test(tensor, a_call_with_nothing_but_null_reports_to_the_context_used_last) {
    ebb_context *other = ebb_open(NULL);
    read("1");
    ebb_neg(NULL);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_neg: operand 1 is NULL", "used last");
    expect_ok(other, "not used last");
    ebb_close(other);
    ebb_close(NULL);
    ebb_tensor *lost = ebb_neg(NULL); /* a context was closed since: nobody to report to */
    expect_ok(ebb, "no context");
    cr_expect(ebb_is_poison(lost));
    ebb_add(read("1"), lost);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_add: operand 2 is the result of a call without a context", "poison of nobody");
}

Test(tensor, functions_of_contexts_take_null) {
    cr_expect_not(ebb_ok(NULL));
    cr_expect_eq((int)ebb_error_code(NULL), EBB_TYPE_ERROR);
    cr_expect_str_eq(ebb_error(NULL), "the context is NULL");
    ebb_clear_error(NULL);
    ebb_scope_close(NULL, 1);
    cr_expect_eq(ebb_scope_open(NULL), 0);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_scope_open: the context is NULL", "scope");
    struct {
        const char *name;
        ebb_tensor *made;
    } made[] = {{"scalar", ebb_scalar(NULL, 1.0f)},
                {"constant", ebb_constant(NULL, EBB_F32, EBB_SCALAR, &(float){1})},
                {"literal", ebb_literal(NULL, "1", EBB_NONE)},
                {"full", ebb_full(NULL, EBB_F32, EBB_SCALAR, 1)},
                {"zeros", ebb_zeros(NULL, EBB_F32, EBB_SCALAR)},
                {"ones", ebb_ones(NULL, EBB_F32, EBB_SCALAR)},
                {"range", ebb_range(NULL, EBB_F32, 3)},
                {"variable", ebb_variable(NULL, read("1"), NULL)},
                {"uniform", ebb_random_uniform(NULL, EBB_F32, EBB_SCALAR, 0, 1)},
                {"normal", ebb_random_normal(NULL, EBB_F32, EBB_SCALAR, 0, 1)}};
    ebb_clear_error(ebb);
    for (int i = 0; i < COUNT(made); i++) cr_expect(ebb_is_poison(made[i].made), "%s", made[i].name);
    ebb_set_seed(NULL, 1);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_set_seed: the context is NULL", "seed");
}

/* ---- makers ---- */

Test(tensor, makers_take_the_dtype_of_c) {
    struct {
        ebb_tensor *x;
        const char *text;
    } made[] = {
        {ebb_scalar(ebb, 3.0f), "ebb.Tensor(3.0, shape=(), dtype=float32)"},
        {ebb_scalar(ebb, 0.1), "ebb.Tensor(0.1, shape=(), dtype=float64)"},
        {ebb_scalar(ebb, 3), "ebb.Tensor(3, shape=(), dtype=int32)"},
        {ebb_scalar(ebb, INT64_MIN), "ebb.Tensor(-9223372036854775808, shape=(), dtype=int64)"},
        {ebb_scalar(ebb, (bool)1), "ebb.Tensor(True, shape=(), dtype=bool)"},
        {ebb_scalar_at(ebb, EBB_F64, EBB_NUMBER(3)), "ebb.Tensor(3.0, shape=(), dtype=float64)"},
        {ebb_constant(ebb, EBB_I64, EBB_SHAPE(2), (int64_t[]){1, 2}), "ebb.Tensor([1 2], shape=(2,), dtype=int64)"},
        {ebb_constant(ebb, EBB_BOOL, EBB_SHAPE(2), "\0\7"), "ebb.Tensor([False  True], shape=(2,), dtype=bool)"},
        {ebb_full(ebb, EBB_I32, EBB_SHAPE(3), 7), "ebb.Tensor([7 7 7], shape=(3,), dtype=int32)"},
        {ebb_full(ebb, EBB_F32, EBB_SHAPE(0), 7), "ebb.Tensor([], shape=(0,), dtype=float32)"},
        {ebb_zeros(ebb, EBB_F32, EBB_SHAPE(2, 1)), "ebb.Tensor(\n[[0.]\n [0.]], shape=(2, 1), dtype=float32)"}, /* G002-1 */
        {ebb_ones(ebb, EBB_F32, EBB_SHAPE(2, 1)), "ebb.Tensor(\n[[1.]\n [1.]], shape=(2, 1), dtype=float32)"},
        {ebb_ones(ebb, EBB_BOOL, EBB_SCALAR), "ebb.Tensor(True, shape=(), dtype=bool)"},
        {ebb_range(ebb, EBB_I32, 5), "ebb.Tensor([0 1 2 3 4], shape=(5,), dtype=int32)"},
        {ebb_range(ebb, EBB_F64, 3), "ebb.Tensor([0. 1. 2.], shape=(3,), dtype=float64)"},
        {ebb_range(ebb, EBB_I64, 0), "ebb.Tensor([], shape=(0,), dtype=int64)"},
    };
    for (int i = 0; i < COUNT(made); i++) expect_format(made[i].x, made[i].text, made[i].text);
    expect_ok(ebb, "makers");
}

Test(tensor, makers_refuse) {
    int64_t nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1}, huge[4] = {1 << 30, 1 << 30, 1 << 30, 2}, negative = -2;
    struct {
        const char *error;
        ebb_code code;
        ebb_tensor *(*make)(ebb_context *, ebb_dtype, int, const int64_t *);
        ebb_dtype dtype;
        int rank;
        const int64_t *dims;
    } cases[] = {
        {"ebb_zeros: rank 9; it is 0 to 8", EBB_VALUE_ERROR, ebb_zeros, EBB_F32, 9, nine},
        {"ebb_zeros: rank -1; it is 0 to 8", EBB_VALUE_ERROR, ebb_zeros, EBB_F32, -1, nine},
        {"ebb_ones: the sizes are NULL", EBB_TYPE_ERROR, ebb_ones, EBB_F32, 1, NULL},
        {"ebb_ones: size -2 of axis 0 is negative", EBB_VALUE_ERROR, ebb_ones, EBB_F32, 1, &negative},
        {"ebb_zeros: no such dtype: 0", EBB_TYPE_ERROR, ebb_zeros, EBB_NONE, 0, NULL},
        {"ebb_zeros: no such dtype: 77", EBB_TYPE_ERROR, ebb_zeros, (ebb_dtype)77, 0, NULL},
        {"f32[1073741824,1073741824,1073741824,2] is too large", EBB_VALUE_ERROR, ebb_zeros, EBB_F32, 4, huge},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        cr_expect(ebb_is_poison(cases[i].make(ebb, cases[i].dtype, cases[i].rank, cases[i].dims)), "%s", cases[i].error);
        cr_expect_str_eq(ebb_error(ebb), cases[i].error);
        expect_error(ebb, cases[i].code, "", "%s", cases[i].error);
    }
    ebb_constant(ebb, EBB_F32, EBB_SHAPE(2), NULL);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_constant: the data is NULL", "no data");
    expect_text(ebb_constant(ebb, EBB_F32, EBB_SHAPE(0), NULL), "[]", "no data for nothing");
    ebb_full(ebb, EBB_I32, EBB_SCALAR, 2.5);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_full: the number 2.5 is not whole, the tensor is i32", "fraction");
    ebb_scalar_at(ebb, EBB_I32, EBB_NUMBER(1LL << 31));
    expect_error(ebb, EBB_VALUE_ERROR, "ebb_scalar: the number 2147483648 is out of range for i32", "too large");
    ebb_scalar_at(ebb, EBB_F32, ebb_operand_tensor(read("1")));
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_scalar: takes a number, not a tensor", "tensor");
    ebb_range(ebb, EBB_BOOL, 2);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_range: ", "bool");
    ebb_range(ebb, EBB_I32, (1LL << 31) + 1);
    expect_error(ebb, EBB_VALUE_ERROR, "ebb_range: 2147483649 numbers are out of range for i32", "range");
}

/* ---- text ---- */

Test(tensor, numbers_are_the_shortest_that_read_back) {
    struct {
        ebb_dtype dtype;
        double x;
        const char *text;
    } cases[] = {
        {EBB_F32, 8, "8.0"}, {EBB_F32, 0.90000075, "0.90000075"}, {EBB_F32, 1e-7, "1e-07"}, {EBB_F32, 0.1, "0.1"},
        {EBB_F32, 0.024594113, "0.024594113"}, {EBB_F32, 1e16, "1e+16"}, {EBB_F32, 1e8, "100000000.0"},
        {EBB_F32, 16777216, "16777216.0"}, {EBB_F32, 1e-4, "0.0001"}, {EBB_F32, 9.999e-5, "9.999e-05"},
        {EBB_F32, 3.4028234663852886e38, "3.4028235e+38"}, {EBB_F32, 1.401298464324817e-45, "1e-45"},
        {EBB_F64, 0.1, "0.1"}, {EBB_F64, 0.30000000000000004, "0.30000000000000004"}, {EBB_F64, 1e100, "1e+100"},
        {EBB_F64, 4.9406564584124654e-324, "5e-324"}, {EBB_F64, 1.7976931348623157e308, "1.7976931348623157e+308"},
        {EBB_F64, 123456789012345680, "1.2345678901234568e+17"}, {EBB_F64, 1234567890123456, "1234567890123456.0"},
        {EBB_F64, -0.00012345678901234567, "-0.00012345678901234567"}, {EBB_F64, 0, "0.0"}, {EBB_F64, -0.0, "-0.0"},
        {EBB_F64, (double)NAN, "nan"}, {EBB_F32, (double)INFINITY, "inf"}, {EBB_F64, -(double)INFINITY, "-inf"},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        char text[32];
        int64_t bits;
        ebb_number_bits(ebb_operand_double(cases[i].x), cases[i].dtype, &bits);
        int length = ebb_number_text(cases[i].dtype, &bits, text);
        cr_expect_str_eq(text, cases[i].text);
        cr_expect_eq(length, (int)strlen(cases[i].text), "%s", text);
    }
}

Test(tensor, any_number_reads_back_from_its_text) {
    uint64_t state = 1;
    for (int i = 0; i < 20000; i++) {
        char text[32];
        double x, y;
        state = state * 6364136223846793005u + 1442695040888963407u;
        uint64_t bits = i % 2 ? state : (state >> 32 & 0xffffffff);
        memcpy(&x, &bits, sizeof x);
        if (isnan(x)) continue;
        int n = ebb_number_text(EBB_F64, &x, text);
        cr_assert(ebb_decimal_parse(text, (size_t)n, &y) && x == y, "%a: %s", x, text);
        float f = (float)x;
        n = ebb_number_text(EBB_F32, &f, text);
        cr_assert(ebb_decimal_parse(text, (size_t)n, &y) && f == (float)y, "%a: %s", (double)f, text);
    }
}

Test(tensor, numbers_are_read_whole_or_not_at_all) {
    static const char *const bad[] = {"", "-", ".", "e5", "1e", "1e+", "1,5", "1 ", " 1", "0x10", "1.5.2", "infinity", "--1", "1f", "na"};
    for (int i = 0; i < COUNT(bad); i++) {
        double x;
        cr_expect_not(ebb_decimal_parse(bad[i], strlen(bad[i]), &x), "'%s'", bad[i]);
    }
    static const struct {
        const char *text;
        double value;
    } good[] = {{"1", 1}, {"-1.5", -1.5}, {".5", .5}, {"5.", 5}, {"1e3", 1000}, {"+2E-2", .02}, {"-inf", -(double)INFINITY}};
    for (int i = 0; i < COUNT(good); i++) {
        double x = 0;
        cr_expect(ebb_decimal_parse(good[i].text, strlen(good[i].text), &x) && x == good[i].value, "'%s': %g", good[i].text, x);
    }
}

Test(tensor, arrays_are_laid_out_as_numpy_does) {
    static const struct {
        const char *literal;
        ebb_dtype dtype;
        const char *text;
    } cases[] = {
        {"[1,2]", EBB_F64, "[1. 2.]"},                                        /* G001-5 */
        {"[[70.],[100.]]", EBB_NONE, "[[ 70.]\n [100.]]"},                    /* G003-3 */
        {"[34.,55.,82.]", EBB_NONE, "[34. 55. 82.]"},                         /* G001-23 */
        {"[[1,2],[3,4]]", EBB_NONE, "[[1 2]\n [3 4]]"},
        {"[[[1,-2]],[[30,4]]]", EBB_NONE, "[[[ 1 -2]]\n\n [[30  4]]]"},
        {"[1.5, 2.25, -3]", EBB_NONE, "[ 1.5   2.25 -3.  ]"},
        {"[nan, inf, -inf, 1]", EBB_NONE, "[ nan  inf -inf   1.]"},
        {"[nan]", EBB_NONE, "[nan]"},
        {"[1e-5, 1]", EBB_F64, "[1.e-05 1.e+00]"},
        {"[1e10, 2.5]", EBB_F64, "[1.0e+10 2.5e+00]"},
        {"[0.001, 10]", EBB_F64, "[1.e-03 1.e+01]"},
        {"[1e100, 1]", EBB_F64, "[1.e+100 1.e+000]"},
        {"[true, false]", EBB_NONE, "[ True False]"},
        {"[true, true]", EBB_NONE, "[ True  True]"},
        {"[]", EBB_NONE, "[]"},
        {"[[],[]]", EBB_NONE, "[]"},
        {"[0, -0.0]", EBB_F32, "[ 0. -0.]"},
        {"[-0.80655473, -0.10838908]", EBB_F32, "[-0.80655473 -0.10838908]"},
        {"[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.11, 0.12, 0.13, 0.14, 0.15, 0.16]", EBB_F32,
         "[0.1  0.2  0.3  0.4  0.5  0.6  0.7  0.8  0.9  0.11 0.12 0.13 0.14 0.15\n 0.16]"},
    };
    for (int i = 0; i < COUNT(cases); i++) expect_text(ebb_literal(ebb, cases[i].literal, cases[i].dtype), cases[i].text, "%s", cases[i].literal);
    expect_text(ebb_range(ebb, EBB_I32, 1001), "[   0    1    2 ...  998  999 1000]", "over a thousand");
    expect_text(ebb_reshape(ebb_range(ebb, EBB_I32, 1600), EBB_SHAPE(200, 8)),
                "[[   0    1    2 ...    5    6    7]\n [   8    9   10 ...   13   14   15]\n"
                " [  16   17   18 ...   21   22   23]\n ...\n [1576 1577 1578 ... 1581 1582 1583]\n"
                " [1584 1585 1586 ... 1589 1590 1591]\n [1592 1593 1594 ... 1597 1598 1599]]",
                "over a thousand, two axes");
    expect_ok(ebb, "layout");
}

Test(tensor, every_kind_has_a_text) {
    ebb_tensor *x = ebb_variable(ebb, ebb_scalar(ebb, 3.0f), "x");
    expect_format(x, "<ebb.Variable 'x:0' shape=() dtype=float32, value=3.0>", "scalar variable");
    expect_format(ebb_variable(ebb, read("[[1,2],[3,4]]"), NULL),
                  "<ebb.Variable 'Variable:0' shape=(2, 2) dtype=int32, value=\n[[1 2]\n [3 4]]>", "G001-6");
    expect_format(&ebb->absent, "None", "absent");
    expect_format(ebb_neg(NULL), "ebb.Tensor(poison)", "poison");
    ebb_clear_error(ebb);
}

Test(tensor, text_is_cut_as_snprintf_does) {
    char text[8] = "#######";
    ebb_tensor *x = read("[1, 2, 3]");
    cr_expect_eq(ebb_format_value(x, NULL, 0), 7u);
    cr_expect_eq(ebb_format_value(x, text, 4), 7u);
    cr_expect_str_eq(text, "[1 ");
    cr_expect_eq(text[4], '#');
    cr_expect_eq(ebb_format_value(x, text, 1), 7u);
    cr_expect_str_eq(text, "");
    cr_expect_eq(ebb_format(NULL, text, sizeof text), 0u);
    cr_expect_str_eq(text, "");
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_format: the tensor is NULL", "format");
}

Test(tensor, print_writes_a_line) {
    char text[128] = "";
    FILE *file = tmpfile();
    ebb_print(file, ebb_scalar(ebb, 8.0f));
    rewind(file);
    cr_expect_not_null(fgets(text, sizeof text, file));
    cr_expect_str_eq(text, "ebb.Tensor(8.0, shape=(), dtype=float32)\n");
    ebb_print(file, NULL);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_print: the tensor is NULL", "tensor");
    ebb_print(NULL, read("1"));
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_print: the file is NULL", "file");
    fclose(file);
}

Test(tensor, the_locale_does_not_show) {
    static const char *const commas[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "ps_AF"};
    for (int i = 0; i < COUNT(commas); i++) {
        if (!setlocale(LC_ALL, commas[i])) continue;
        expect_text(read("[1.5, 2.25e-3]"), "[1.50e+00 2.25e-03]", "%s", commas[i]);
        expect_text(ebb_scalar(ebb, 0.1), "0.1", "%s", commas[i]);
    }
    expect_ok(ebb, "locale");
}

/* ---- literals ---- */

Test(tensor, literals_are_read_as_tensorflow_does) {
    static const struct {
        const char *text;
        ebb_dtype asked, dtype;
        const char *value;
    } cases[] = {
        {"3", EBB_NONE, EBB_I32, "3"},           {"3.", EBB_NONE, EBB_F32, "3.0"},
        {"-2147483648", EBB_NONE, EBB_I32, "-2147483648"}, {"2147483648", EBB_NONE, EBB_I64, "2147483648"},
        {"9223372036854775807", EBB_NONE, EBB_I64, "9223372036854775807"},
        {"[1, 2.5]", EBB_NONE, EBB_F32, "[1.  2.5]"}, {"[1,2]", EBB_F64, EBB_F64, "[1. 2.]"},
        {" [ [1 , 2] ,\n [3,4] ] ", EBB_NONE, EBB_I32, "[[1 2]\n [3 4]]"},
        {"true", EBB_NONE, EBB_BOOL, "True"},    {"[False, True]", EBB_NONE, EBB_BOOL, "[False  True]"},
        {"[1, 0]", EBB_BOOL, EBB_BOOL, "[ True False]"}, {"2.0", EBB_I32, EBB_I32, "2"},
        {"1e3", EBB_NONE, EBB_F32, "1000.0"},    {"[]", EBB_I64, EBB_I64, "[]"},
        {"[[[[[[[[5]]]]]]]]", EBB_NONE, EBB_I32, "[[[[[[[[5]]]]]]]]"}, {"99999999999999999999", EBB_F64, EBB_F64, "1e+20"},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        ebb_tensor *x = ebb_literal(ebb, cases[i].text, cases[i].asked);
        cr_expect_eq((int)ebb_dtype_of(x), (int)cases[i].dtype, "%s: %s", cases[i].text, ebb_error(ebb));
        expect_text(x, cases[i].value, "%s", cases[i].text);
    }
    expect_ok(ebb, "literals");
}

Test(tensor, literals_refuse) {
    static const struct {
        const char *text;
        ebb_dtype dtype;
        ebb_code code;
        const char *error;
    } cases[] = {
        {"", EBB_NONE, EBB_VALUE_ERROR, "ebb_literal: column 1: a number is missing"},
        {"[1,", EBB_NONE, EBB_VALUE_ERROR, "ebb_literal: column 4: a number is missing"},
        {"[1", EBB_NONE, EBB_VALUE_ERROR, "ebb_literal: column 3: ',' or ']' is missing"},
        {"[1 2]", EBB_NONE, EBB_VALUE_ERROR, "ebb_literal: column 4: ',' or ']' is missing"},
        {"1 2", EBB_NONE, EBB_VALUE_ERROR, "ebb_literal: column 3: something after the end"},
        {"[[1,2],[3]]", EBB_NONE, EBB_VALUE_ERROR, "ebb_literal: column 10: a list of 1 where the others have 2"},
        {"[[1],2]", EBB_NONE, EBB_VALUE_ERROR, "ebb_literal: column 6: a number where a list is expected"},
        {"[1,[2]]", EBB_NONE, EBB_VALUE_ERROR, "ebb_literal: column 4: a list where a number is expected"},
        {"[1, two]", EBB_NONE, EBB_VALUE_ERROR, "ebb_literal: column 5: 'two' is no number"},
        {"[true, 1]", EBB_NONE, EBB_VALUE_ERROR, "booleans and numbers do not mix"},
        {"9223372036854775808", EBB_NONE, EBB_VALUE_ERROR, "ebb_literal: column 1: '9223372036854775808' is out of range for i64"},
        {"2.5", EBB_I32, EBB_TYPE_ERROR, "ebb_literal: the number 2.5 is not whole, the tensor is i32"},
        {"3000000000", EBB_I32, EBB_VALUE_ERROR, "ebb_literal: the number 3000000000 is out of range for i32"},
        {"[[[[[[[[[1]]]]]]]]]", EBB_NONE, EBB_VALUE_ERROR, "ebb_literal: column 9: more than 8 brackets deep"},
        {NULL, EBB_NONE, EBB_TYPE_ERROR, "ebb_literal: the text is NULL"},
        {"1", (ebb_dtype)9, EBB_TYPE_ERROR, "ebb_literal: no such dtype: 9"},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        cr_expect(ebb_is_poison(ebb_literal(ebb, cases[i].text, cases[i].dtype)), "%s", cases[i].text);
        expect_error(ebb, cases[i].code, cases[i].error, "%s", cases[i].text);
    }
}

/* ---- readers ---- */

Test(tensor, readers_answer_for_every_kind) {
    ebb_tensor *x = read("[[1,2,3],[4,5,6]]");
    cr_expect(ebb_rank(x) == 2 && ebb_dim(x, 0) == 2 && ebb_dim(x, -1) == 3 && ebb_dim(x, 2) == -1 && ebb_dim(x, -3) == -1);
    cr_expect(ebb_size(x) == 6 && ebb_item(x, 5) == 6 && ((const int32_t *)ebb_data(x))[1] == 2);
    cr_expect(ebb_is_tensor(x) && !ebb_is_variable(x) && !ebb_is_traced(x) && !ebb_is_absent(x) && !ebb_is_poison(x));
    cr_expect_str_eq(ebb_name(x), "");
    expect_ok(ebb, "readers");
    ebb_tensor *others[] = {&ebb->absent, &ebb->poison};
    for (int i = 0; i < 2; i++) {
        cr_expect(ebb_dtype_of(others[i]) == EBB_NONE && ebb_rank(others[i]) == 0 && ebb_dim(others[i], 0) == -1, "kind %d", i);
        cr_expect(ebb_size(others[i]) == 0 && !ebb_data(others[i]) && !ebb_is_tensor(others[i]), "kind %d", i);
        cr_expect(ebb_is_absent(others[i]) == !i && ebb_is_poison(others[i]) == (i == 1), "kind %d", i);
        expect_ok(ebb, "kind %d", i);
    }
    cr_expect(isnan(ebb_item(&ebb->absent, 0)));
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_item: an absent tensor has no value", "absent");
    cr_expect(isnan(ebb_item(x, 6)));
    expect_error(ebb, EBB_INDEX_ERROR, "ebb_item: i32[2,3] has no element 6", "index");
    cr_expect(isnan(ebb_item(x, -1)));
    expect_error(ebb, EBB_INDEX_ERROR, "no element -1", "index");
}

static void read_all_of(ebb_tensor *x, ebb_code code, const char *why) {
    struct {
        const char *name;
        bool neutral;
    } done;
#define READ(call, want) \
    done.name = #call; \
    done.neutral = (call) want; \
    cr_expect(done.neutral, "%s", done.name); \
    expect_error(ebb, code, why, "%s", done.name);
    READ(ebb_dtype_of(x), == EBB_NONE)
    READ(ebb_rank(x), == 0)
    READ(ebb_dim(x, 0), == -1)
    READ(ebb_size(x), == 0)
    READ(ebb_data(x), == NULL)
    READ(ebb_is_variable(x), == false)
    READ(ebb_is_tensor(x), == false)
    READ(ebb_is_absent(x), == false)
    READ(ebb_is_poison(x), == false)
    READ(ebb_is_traced(x), == false)
    READ(ebb_trainable(x), == false)
    READ(ebb_name(x)[0], == 0)
    READ(ebb_format_value(x, NULL, 0), == 0)
    READ(isnan(ebb_item(x, 0)), != 0)
    READ(ebb_is_poison(ebb_keep(x)), == true)
    READ(ebb_is_poison(ebb_variable(ebb, x, "v")), == true)
    READ(ebb_is_poison(ebb_assign(x, 1)), == true)
#undef READ
}

Test(tensor, readers_refuse_null_and_the_dead) {
    read("1");
    read_all_of(NULL, EBB_TYPE_ERROR, "is NULL");
    ebb_tensor *dead = NULL;
    EBB_SCOPE(ebb) dead = ebb_neg_at(read("1"), "a.c", 3);
    read_all_of(dead, EBB_RUNTIME_ERROR, "is used after its scope closed; made at a.c:3");
    ebb_release(dead);
    expect_error(ebb, EBB_RUNTIME_ERROR, "ebb_release: operand 1 is used after its scope closed", "release");
    ebb_release(NULL);
    expect_ok(ebb, "release NULL");
}

/* ---- scopes ---- */

Test(tensor, a_scope_releases_what_is_not_kept) {
    ebb_tensor *gone = NULL, *kept = NULL, *twice = NULL;
    EBB_SCOPE(ebb) {
        EBB_SCOPE(ebb) {
            gone = read("1");
            kept = ebb_keep(read("2"));
            twice = ebb_keep(ebb_keep(read("3"))); /* still in the scope outside this one */
        }
        expect_text(kept, "2", "kept once");
        twice = ebb_keep(twice);
        ebb_neg_at(gone, "a.c", 9);
        expect_error(ebb, EBB_RUNTIME_ERROR, "ebb_neg: operand 1 is used after its scope closed (a.c:9)", "gone");
    }
    ebb_neg(kept);
    expect_error(ebb, EBB_RUNTIME_ERROR, "is used after its scope closed", "kept once");
    expect_text(twice, "3", "kept outward twice");
    expect_text(ebb_keep(twice), "3", "at the root there is no outside");
    expect_ok(ebb, "scopes");
}

Test(tensor, an_outer_scope_closes_inner_ones) {
    ebb_tensor *inner = NULL;
    int outer = ebb_scope_open(ebb);
    cr_expect_eq(outer, 1);
    for (int i = 0; i < 3; i++) EBB_SCOPE(ebb) break; /* break leaves the scope open */
    cr_expect_eq(ebb_scope_open(ebb), 5);
    inner = read("1");
    ebb_scope_close(ebb, outer);
    cr_expect_eq(ebb->depth, 0);
    ebb_neg(inner);
    expect_error(ebb, EBB_RUNTIME_ERROR, "is used after its scope closed", "inner");
    ebb_scope_close(ebb, 5);
    ebb_scope_close(ebb, 0);
    ebb_scope_close(ebb, -1);
    cr_expect_eq(ebb_scope_open(ebb), 1);
    expect_ok(ebb, "closing twice is nothing");
}

/* Tensors of three scopes, given up in every order: the others live as long as their scopes. */
Test(tensor, release_takes_one_tensor_out_of_any_scope) {
    for (int first = 0; first < 9; first++)
        for (int second = 0; second < 9; second++) {
            ebb_tensor *x[9];
            int scope[3] = {0};
            for (int i = 0; i < 9; i++) {
                if (i % 3 == 0) scope[i / 3] = ebb_scope_open(ebb);
                x[i] = ebb_full(ebb, EBB_I32, EBB_SCALAR, i);
            }
            ebb_release(x[first]);
            if (second != first) ebb_release(x[second]);
            for (int d = 2; d >= 0; d--) {
                for (int i = 0; i < 3 * (d + 1); i++)
                    cr_assert(i == first || i == second || ebb_item(x[i], 0) == i, "%d, %d: %d after scope %d", first, second, i, d + 1);
                ebb_scope_close(ebb, scope[d]);
            }
            cr_assert(ebb_ok(ebb) && ebb->temporaries.count == 0, "%d, %d: %s", first, second, ebb_error(ebb));
        }
}

Test(tensor, the_dead_stay_dead_for_a_while) {
    ebb_tensor *dead = read("1");
    ebb_release(dead);
    for (int i = 0; i < 1000; i++) ebb_release(ebb_scalar(ebb, i));
    ebb_neg(dead);
    expect_error(ebb, EBB_RUNTIME_ERROR, "is used after its scope closed", "a thousand later");
}

/* ---- variables ---- */

Test(tensor, variables_have_value_name_and_kind) {
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

Test(tensor, golden_variables) {
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
        {"G001-6", "[[1,2],[3,4]]", EBB_NONE, "<ebb.Variable 'Variable:0' shape=(2, 2) dtype=int32, value=\n[[1 2]\n [3 4]]>"},
        {"G001-7", "[[0.,0,0],[0,0,0]]", EBB_NONE,
         "<ebb.Variable 'Variable:0' shape=(2, 3) dtype=float32, value=\n[[0. 0. 0.]\n [0. 0. 0.]]>"},
    };
    for (int i = 0; i < COUNT(cases); i++)
        expect_format(ebb_variable(ebb, ebb_literal(ebb, cases[i].literal, cases[i].dtype), NULL), cases[i].text, cases[i].id);
    ebb_tensor *v = ebb_variable(ebb, ebb_random_normal(ebb, EBB_F32, EBB_SHAPE(2, 2), 0, 1), NULL); /* G001-8, G002-5 */
    cr_expect(ebb_rank(v) == 2 && ebb_dim(v, 0) == 2 && ebb_dtype_of(v) == EBB_F32);
}

Test(tensor, assigning) {
    ebb_tensor *x = ebb_variable(ebb, read("[1,2]"), NULL); /* G001-10 */
    ebb_tensor *first = ebb_assign(x, read("[3,4]"));
    ebb_tensor *second = ebb_assign_add(x, read("[1,1]"));
    ebb_tensor *third = ebb_assign_add(x, read("[1,1]"));
    expect_text(first, "[3 4]", "each gives the value of then");
    expect_text(second, "[4 5]", "each gives the value of then");
    expect_text(third, "[5 6]", "each gives the value of then");
    expect_text(x, "[5 6]", "G001-10");
    ebb_tensor *v = ebb_variable(ebb, ebb_full(ebb, EBB_F32, EBB_SHAPE(3, 1), 9), NULL), *ones = ebb_ones(ebb, EBB_F32, EBB_SHAPE(3, 1));
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

Test(tensor, what_was_read_before_an_assign_stays) {
    ebb_tensor *v = ebb_variable(ebb, ebb_scalar(ebb, 2.0f), "v"), *x = ebb_scalar(ebb, 5.0f);
    ebb_tensor *y = ebb_square(v), *old = ebb_stop_gradient(v);
    ebb_assign(v, x);
    expect_text(ebb_add(y, ebb_square(v)), "29.0", "before and after");
    expect_text(old, "2.0", "shared memory is not written");
    ebb_assign_add(v, 1);
    expect_text(x, "5.0", "what was assigned is not written");
}

Test(tensor, assign_refuses_and_changes_nothing) {
    ebb_tensor *w = ebb_variable(ebb, ebb_literal(ebb, "[1,2,3]", EBB_F32), "w"), *a = read("2");
    struct {
        ebb_tensor *v;
        ebb_operand x;
        ebb_code code;
        const char *error;
    } cases[] = {
        {w, EBB_OPERAND(ebb_literal(ebb, "[1,2,3,4]", EBB_F32)), EBB_VALUE_ERROR, "variable w:0 is f32[3], the value f32[4] (a.c:7)"},
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
    ebb_tensor *(*const assign[])(ebb_tensor *, ebb_operand, const char *, int) = {ebb_assign_at, ebb_assign_add_at, ebb_assign_sub_at};
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

Test(tensor, variables_live_until_they_are_released) {
    ebb_tensor *v = NULL, *first = ebb_variable(ebb, read("0"), "first");
    EBB_SCOPE(ebb) v = ebb_keep(ebb_variable(ebb, read("1"), "v"));
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

Test(tensor, random_numbers_follow_the_seed) {
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

Test(tensor, random_numbers_have_their_distribution) { /* G002-2 */
    static const struct {
        ebb_dtype dtype;
        bool normal;
        double a, b, mean, deviation;
    } cases[] = {{EBB_F32, false, 0, 1, 0.5, 0.2887}, {EBB_F64, false, -3, 5, 1, 2.3094}, {EBB_F32, true, 0, 1, 0, 1}, {EBB_F64, true, 2, 0.5, 2, 0.5}};
    enum { N = 100000 };
    for (int i = 0; i < COUNT(cases); i++) {
        double sum = 0, squares = 0;
        ebb_tensor *x = (cases[i].normal ? ebb_random_normal : ebb_random_uniform)(ebb, cases[i].dtype, EBB_SHAPE(N), cases[i].a, cases[i].b);
        for (int k = 0; k < N; k++) {
            double u = ebb_item(x, k);
            cr_assert(cases[i].normal || (u >= cases[i].a && u < cases[i].b), "case %d: %g", i, u);
            sum += u;
            squares += u * u;
        }
        double mean = sum / N, deviation = sqrt(squares / N - mean * mean), scale = cases[i].normal ? cases[i].b : cases[i].b - cases[i].a;
        cr_expect_float_eq(mean, cases[i].mean, 0.01 * scale, "case %d: mean %g", i, mean);
        cr_expect_float_eq(deviation, cases[i].deviation, 0.01 * scale, "case %d: deviation %g", i, deviation);
    }
}

/* In a range of four floats, rounding would give `high` one time in eight. */
Test(tensor, uniform_numbers_stay_below_high) {
    ebb_tensor *x = ebb_random_uniform(ebb, EBB_F32, EBB_SHAPE(1000), 1, 1 + 4 * 0x1p-23);
    for (int i = 0; i < 1000; i++) cr_assert(ebb_item(x, i) >= 1 && ebb_item(x, i) < 1 + 4 * 0x1p-23);
    expect_ok(ebb, "narrow");
}

Test(tensor, random_numbers_refuse) {
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
        (cases[i].normal ? ebb_random_normal : ebb_random_uniform)(ebb, cases[i].dtype, EBB_SHAPE(3), cases[i].a, cases[i].b);
        expect_error(ebb, cases[i].code, cases[i].error, "case %d", i);
    }
}

/* ---- memory ---- */

Test(tensor, a_steady_loop_asks_for_no_memory) {
    scarce s = {.left = INT64_MAX};
    ebb_context *own = ebb_open(&(ebb_options){.allocator = scarce_allocator(&s)});
    ebb_tensor *v = ebb_variable(own, ebb_ones(own, EBB_F32, EBB_SHAPE(10)), "v"), *w = ebb_ones(own, EBB_F32, EBB_SHAPE(1));
    int64_t asked = 0;
    for (int i = 0; i < 4000; i++) {
        if (i == 2000) asked = s.asked;
        EBB_SCOPE(own) ebb_assign(v, ebb_mul(ebb_add(v, w), 0.5));
    }
    cr_expect_eq(s.asked, asked, "%d allocations in a steady loop", (int)(s.asked - asked));
    ebb_close(own);
    cr_expect_eq(s.live, 0);
}

static ebb_tensor *short_program(ebb_context *own) {
    ebb_tensor *v = ebb_variable(own, ebb_literal(own, "[[1, 2], [3, 4]]", EBB_F32), "v"), *y = v;
    EBB_SCOPE(own) {
        ebb_tensor *noise = ebb_random_uniform(own, EBB_F32, EBB_SHAPE(2, 2), 2, 3);
        ebb_assign_add(v, ebb_mul(ebb_softmax(noise, 0), 0));
        y = ebb_keep(ebb_sum(ebb_matmul(v, ebb_add(v, ebb_range(own, EBB_F32, 2)))));
    }
    return y;
}

/* [[1,2],[3,4]] x [[1,3],[3,5]] = [[7,13],[15,29]] */
Test(tensor, any_allocation_may_fail) {
    for (int once = 0; once < 2; once++)
        for (int64_t k = 0;; k++) {
            scarce s = {.left = k, .once = once};
            ebb_context *own = ebb_open(&(ebb_options){.allocator = scarce_allocator(&s)});
            bool good = own != NULL;
            if (own) {
                ebb_tensor *y = short_program(own);
                good = ebb_ok(own);
                cr_expect(good ? ebb_item(y, 0) == 64 : ebb_error_code(own) == EBB_NO_MEMORY, "allocation %d: %s",
                          (int)k, ebb_error(own));
                s.left = INT64_MAX;
                ebb_clear_error(own);
                cr_expect(ebb_item(short_program(own), 0) == 64, "usable after allocation %d: %s", (int)k, ebb_error(own));
            }
            ebb_close(own);
            cr_assert_eq(s.live, 0, "allocation %d: %d blocks are lost", (int)k, (int)s.live);
            if (good && s.asked < k) break;
            cr_assert_lt(k, 5000);
        }
}

Test(tensor, more_memory_than_there_is) {
    int64_t dims[2] = {(int64_t)1 << 23, (int64_t)1 << 22}; /* 2^45 elements of 4 bytes */
    cr_expect(ebb_is_poison(ebb_zeros(ebb, EBB_F32, 2, dims)));
    expect_error(ebb, EBB_NO_MEMORY, "no room for f32[8388608,4194304]", "zeros");
}

Test(tensor, serial_maps_find_what_was_put) {
    ebb_serial_map m = {0};
    cr_expect_eq(ebb_map_find(&m, 1), -1);
    for (int i = 1; i <= 1000; i++) cr_assert(ebb_map_put(&ebb_malloc_allocator, &m, (uint64_t)i * i * 77, i));
    cr_assert(ebb_map_put(&ebb_malloc_allocator, &m, 77, 5));
    for (int i = 2; i <= 1000; i++) cr_assert_eq(ebb_map_find(&m, (uint64_t)i * i * 77), i);
    cr_expect(ebb_map_find(&m, 77) == 5 && ebb_map_find(&m, 78) == -1 && m.count == 1000);
    ebb_map_free(&ebb_malloc_allocator, &m);
    cr_expect_eq(m.capacity, 0);
}
