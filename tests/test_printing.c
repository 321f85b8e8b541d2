/* test_printing.c - tensors as text, and text as tensors.
 *
 * G001-1 and the like are rows of the golden table: cells of TensorFlow notebooks with what they print. */
#include <criterion/criterion.h>
#include <locale.h>
#include <math.h>
#include <string.h>

#include "frontend/values.h"
#include "tests/support/check.h"
#include "tests/support/comma.h"

static ebb_context *ebb;

static void start(void) { ebb = ebb_open(NULL); }
static void stop(void) { ebb_close(ebb); }

TestSuite(printing, .init = start, .fini = stop);

static ebb_tensor *read(const char *text) { return ebb_literal(ebb, text, EBB_NONE); }

/* ---- text ---- */

Test(printing, numbers_are_the_shortest_that_read_back) {
    struct {
        ebb_dtype dtype;
        double x;
        const char *text;
    } cases[] = {
        {EBB_F32, 8, "8.0"},
        {EBB_F32, 0.90000075, "0.90000075"},
        {EBB_F32, 1e-7, "1e-07"},
        {EBB_F32, 0.1, "0.1"},
        {EBB_F32, 0.024594113, "0.024594113"},
        {EBB_F32, 1e16, "1e+16"},
        {EBB_F32, 1e8, "100000000.0"},
        {EBB_F32, 16777216, "16777216.0"},
        {EBB_F32, 1e-4, "0.0001"},
        {EBB_F32, 9.999e-5, "9.999e-05"},
        {EBB_F32, 3.4028234663852886e38, "3.4028235e+38"},
        {EBB_F32, 1.401298464324817e-45, "1e-45"},
        {EBB_F64, 0.1, "0.1"},
        {EBB_F64, 0.30000000000000004, "0.30000000000000004"},
        {EBB_F64, 1e100, "1e+100"},
        {EBB_F64, 4.9406564584124654e-324, "5e-324"},
        {EBB_F64, 1.7976931348623157e308, "1.7976931348623157e+308"},
        {EBB_F64, 123456789012345680, "1.2345678901234568e+17"},
        {EBB_F64, 1234567890123456, "1234567890123456.0"},
        {EBB_F64, -0.00012345678901234567, "-0.00012345678901234567"},
        {EBB_F64, 0, "0.0"},
        {EBB_F64, -0.0, "-0.0"},
        {EBB_F64, (double)NAN, "nan"},
        {EBB_F32, (double)INFINITY, "inf"},
        {EBB_F64, -(double)INFINITY, "-inf"},
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

Test(printing, any_number_reads_back_from_its_text) {
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

Test(printing, numbers_are_read_whole_or_not_at_all) {
    static const char *const bad[] = {"",   "-",    ".",     "e5",       "1e",  "1e+", "1,5", "1 ",
                                      " 1", "0x10", "1.5.2", "infinity", "--1", "1f",  "na"};
    for (int i = 0; i < COUNT(bad); i++) {
        double x;
        cr_expect_not(ebb_decimal_parse(bad[i], strlen(bad[i]), &x), "'%s'", bad[i]);
    }
    static const struct {
        const char *text;
        double value;
    } good[] = {
        {"1", 1}, {"-1.5", -1.5}, {".5", .5}, {"5.", 5}, {"1e3", 1000}, {"+2E-2", .02}, {"-inf", -(double)INFINITY}};
    for (int i = 0; i < COUNT(good); i++) {
        double x = 0;
        cr_expect(ebb_decimal_parse(good[i].text, strlen(good[i].text), &x) && x == good[i].value, "'%s': %g",
                  good[i].text, x);
    }
}

Test(printing, arrays_are_laid_out_as_numpy_does) {
    static const struct {
        const char *literal;
        ebb_dtype dtype;
        const char *text;
    } cases[] = {
        {"[1,2]", EBB_F64, "[1. 2.]"},                     /* G001-5 */
        {"[[70.],[100.]]", EBB_NONE, "[[ 70.]\n [100.]]"}, /* G003-3 */
        {"[34.,55.,82.]", EBB_NONE, "[34. 55. 82.]"},      /* G001-23 */
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
    for (int i = 0; i < COUNT(cases); i++)
        expect_text(ebb_literal(ebb, cases[i].literal, cases[i].dtype), cases[i].text, "%s", cases[i].literal);
    expect_text(ebb_range(ebb, EBB_I32, 1001), "[   0    1    2 ...  998  999 1000]", "over a thousand");
    expect_text(ebb_reshape(ebb_range(ebb, EBB_I32, 1600), EBB_SHAPE(200, 8)),
                "[[   0    1    2 ...    5    6    7]\n [   8    9   10 ...   13   14   15]\n"
                " [  16   17   18 ...   21   22   23]\n ...\n [1576 1577 1578 ... 1581 1582 1583]\n"
                " [1584 1585 1586 ... 1589 1590 1591]\n [1592 1593 1594 ... 1597 1598 1599]]",
                "over a thousand, two axes");
    expect_ok(ebb, "layout");
}

Test(printing, every_kind_has_a_text) {
    ebb_tensor *x = ebb_variable(ebb, ebb_scalar(ebb, 3.0f), "x");
    expect_format(x, "<ebb.Variable 'x:0' shape=() dtype=float32, value=3.0>", "scalar variable");
    expect_format(ebb_variable(ebb, read("[[1,2],[3,4]]"), NULL),
                  "<ebb.Variable 'Variable:0' shape=(2, 2) dtype=int32, value=\n[[1 2]\n [3 4]]>", "G001-6");
    expect_format(&ebb->absent, "None", "absent");
    expect_format(ebb_neg(NULL), "ebb.Tensor(poison)", "poison");
    ebb_clear_error(ebb);
}

Test(printing, text_is_cut_as_snprintf_does) {
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

Test(printing, print_writes_a_line) {
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

Test(printing, the_locale_does_not_show) {
    ebb_tensor *const x[] = {read("[1.5, 2.25e-3]"), ebb_scalar(ebb, 0.1), ebb_scalar(ebb, 1.5f)};
    static const char *const text[] = {"[1.5     0.00225]", "0.1", "1.5"};
    for (int in_comma = 0; in_comma < 2; in_comma++) {
        if (in_comma && !comma_locale()) cr_skip("no locale with a decimal comma");
        for (int i = 0; i < COUNT(x); i++)
            expect_text(x[i], text[i], "%s, comma %d", text[i], in_comma);
        expect_text(read("[1.5, 2.25e-3]"), text[0], "a literal is read, comma %d", in_comma);
        ebb_function *f = ebb_expression(ebb, "x * 2.5", 1, (const char *[]){"x"});
        expect_text(ebb_call(f, x[1]), "0.25", "an expression is read, comma %d", in_comma);
        ebb_concrete *c = ebb_get_concrete(f, 1, (ebb_operand[]){EBB_OPERAND(x[1])});
        cr_expect_not_null(strstr(ebb_concrete_text(c), "constant 2.5"), "%s", ebb_concrete_text(c));
    }
    cr_expect_eq(*localeconv()->decimal_point, ',', "the program's locale is left as it is");
    expect_ok(ebb, "locale");
}

/* ---- literals ---- */

Test(printing, literals_are_read_as_tensorflow_does) {
    static const struct {
        const char *text;
        ebb_dtype asked, dtype;
        const char *value;
    } cases[] = {
        {"3", EBB_NONE, EBB_I32, "3"},
        {"3.", EBB_NONE, EBB_F32, "3.0"},
        {"-2147483648", EBB_NONE, EBB_I32, "-2147483648"},
        {"2147483648", EBB_NONE, EBB_I64, "2147483648"},
        {"9223372036854775807", EBB_NONE, EBB_I64, "9223372036854775807"},
        {"[1, 2.5]", EBB_NONE, EBB_F32, "[1.  2.5]"},
        {"[1,2]", EBB_F64, EBB_F64, "[1. 2.]"},
        {" [ [1 , 2] ,\n [3,4] ] ", EBB_NONE, EBB_I32, "[[1 2]\n [3 4]]"},
        {"true", EBB_NONE, EBB_BOOL, "True"},
        {"[False, True]", EBB_NONE, EBB_BOOL, "[False  True]"},
        {"[1, 0]", EBB_BOOL, EBB_BOOL, "[ True False]"},
        {"2.0", EBB_I32, EBB_I32, "2"},
        {"1e3", EBB_NONE, EBB_F32, "1000.0"},
        {"[]", EBB_I64, EBB_I64, "[]"},
        {"[[[[[[[[5]]]]]]]]", EBB_NONE, EBB_I32, "[[[[[[[[5]]]]]]]]"},
        {"99999999999999999999", EBB_F64, EBB_F64, "1e+20"},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        ebb_tensor *x = ebb_literal(ebb, cases[i].text, cases[i].asked);
        cr_expect_eq((int)ebb_dtype_of(x), (int)cases[i].dtype, "%s: %s", cases[i].text, ebb_error(ebb));
        expect_text(x, cases[i].value, "%s", cases[i].text);
    }
    expect_ok(ebb, "literals");
}

Test(printing, literals_refuse) {
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
        {"9223372036854775808", EBB_NONE, EBB_VALUE_ERROR,
         "ebb_literal: column 1: '9223372036854775808' is out of range for i64"},
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
