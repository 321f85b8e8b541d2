/* test_semantics_special.c - derivatives at kinks, ties, poles and zeros, line by line: each row is a numbered line of
 * the list that the library follows, which is TensorFlow's choice. All rows run four ways (tests/support/four_ways.h).
 */
#include <criterion/criterion.h>

#include "tests/support/check.h"
#include "tests/support/four_ways.h"

#define FORMULA(name, ...)                                                                                             \
    static void name(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {                          \
        (void)ebb, (void)data;                                                                                         \
        out[0] = (__VA_ARGS__);                                                                                        \
    }

FORMULA(relu, ebb_relu(in[0]))
FORMULA(absolute, ebb_abs(in[0]))
FORMULA(maximum, ebb_max(in[0], in[1]))
FORMULA(minimum, ebb_min(in[0], in[1]))
FORMULA(largest, ebb_max_over(in[0], EBB_ALL_AXES, false))
FORMULA(smallest, ebb_min_over(in[0], EBB_ALL_AXES, false))
FORMULA(power, ebb_pow(in[0], in[1]))
FORMULA(second_power, ebb_pow(in[0], 2))
FORMULA(root, ebb_sqrt(in[0]))
FORMULA(length_by_root, ebb_sqrt(ebb_sum(ebb_square(in[0]))))
FORMULA(length, ebb_norm(in[0]))
FORMULA(clipped, ebb_clip(in[0], 0, 1))
FORMULA(quotient, ebb_divide_no_nan(in[0], in[1]))
FORMULA(guarded_log, ebb_select(ebb_gt(in[0], 0), ebb_log(in[0]), 0))
FORMULA(guarded_quotient, ebb_select(ebb_ne(in[0], 0), ebb_div(1, in[0]), in[0]))

static const struct row {
    const char *id;
    question ask;
    const char *x[2], *answers[ANSWERS];
} rows[] = {
    {"S5.1 relu", {.body = relu, .n = 1}, {"[-1, 0, 2]"}, {"[0. 0. 2.]", "[0. 0. 1.]"}},
    {"S5.2 abs", {.body = absolute, .n = 1}, {"[-2, 0, 3]"}, {"[2. 0. 3.]", "[-1.  0.  1.]"}},
    {"S5.3 maximum: a tie is the first one's",
     {.body = maximum, .n = 2},
     {"[1, 2, 2]", "[2, 2, 1]"},
     {"[2. 2. 2.]", "[0. 1. 1.]", "[1. 0. 0.]"}},
    {"S5.3 minimum", {.body = minimum, .n = 2}, {"[1, 2, 2]", "[2, 2, 1]"}, {"[1. 2. 1.]", "[1. 1. 0.]", "[0. 0. 1.]"}},
    {"S5.4 the largest: equal ones share", {.body = largest, .n = 1}, {"[3, 1, 3]"}, {"3.0", "[0.5 0.  0.5]"}},
    {"S5.4 the smallest", {.body = smallest, .n = 1}, {"[1, 3, 1]"}, {"1.0", "[0.5 0.  0.5]"}},
    {"S5.5 pow",
     {.body = power, .n = 2},
     {"[0, 0, 1, -2]", "[0, 2, 0, 3]"},
     {"[ 1.  0.  1. -8.]", "[ 0.  0.  0. 12.]", "[0. 0. 0. 0.]"}},
    {"S5.5 x^2 at 0", {.body = second_power, .n = 1, .order = SECOND}, {"0"}, {"0.0", "0.0", "2.0"}},
    {"S5.6 sqrt", {.body = root, .n = 1}, {"[0, 4]"}, {"[0. 2.]", "[ inf 0.25]"}},
    {"S5.6 sqrt(sum(x^2)) at 0", {.body = length_by_root, .n = 1}, {"[0, 0]"}, {"0.0", "[nan nan]"}},
    {"S5.6 the norm at 0", {.body = length, .n = 1}, {"[0, 0]"}, {"0.0", "[0. 0.]"}},
    {"S5.7 clip passes inside and on the bounds",
     {.body = clipped, .n = 1},
     {"[-1, 0, 0.5, 1, 2]"},
     {"[0.  0.  0.5 1.  1. ]", "[0. 1. 1. 1. 0.]"}},
    {"S5.8 divide_no_nan",
     {.body = quotient, .n = 2},
     {"[1, 2]", "[0, 4]"},
     {"[0.  0.5]", "[0.   0.25]", "[ 0.    -0.125]"}},
    {"S5.9 a branch not taken does not leak",
     {.body = guarded_log, .n = 1},
     {"[-1, 0, 1]"},
     {"[0. 0. 0.]", "[0. 0. 1.]"}},
    {"S5.9 nor does a pole in it", {.body = guarded_quotient, .n = 1}, {"[0, 2]"}, {"[0.  0.5]", "[ 1.   -0.25]"}},
    {"S5.10 sqrt(1)", {.body = root, .n = 1}, {"1"}, {"1.0", "0.5"}},
};

static void run_row(ebb_context *ebb, const struct row *r, way w, ebb_dtype dtype) {
    ebb_tensor *x[2] = {0}, *out[ANSWERS];
    for (int i = 0; i < r->ask.n; i++)
        x[i] = ebb_literal(ebb, r->x[i], dtype);
    int count = answer(ebb, &r->ask, w, x, out);
    for (int k = 0; k < count; k++)
        expect_text(out[k], r->answers[k], "%s, answer %d, %s, dtype %d", r->id, k, way_name[w], dtype);
    expect_ok(ebb, "%s, %s", r->id, way_name[w]);
}

Test(semantics_5, special_points_four_ways) {
    ebb_context *ebb = ebb_open(NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (way w = 0; w < WAYS; w++)
            for (ebb_dtype dtype = EBB_F32; dtype <= EBB_F64; dtype++)
                EBB_SCOPE (ebb)
                    run_row(ebb, &rows[i], w, dtype);
    ebb_close(ebb);
}
