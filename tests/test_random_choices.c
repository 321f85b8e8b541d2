/* test_random_choices.c - categorical, permutation, shuffle, truncated normal: the same stream in every mode, and what
 * they are distributed as. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "tests/support/check.h"

static ebb_context *ebb;
static void start(void) { ebb = ebb_open(NULL); }
static void stop(void) {
    expect_ok(ebb, "at the end");
    ebb_close(ebb);
}
TestSuite(random_choices, .init = start, .fini = stop);

static ebb_tensor *literal(const char *text, ebb_dtype dtype) { return ebb_literal(ebb, text, dtype); }

static const double weights[2][4] = {{1, 0, 2, 5}, {4, 4, 0, 0}};

static ebb_tensor *choices(void) {
    return ebb_random_categorical(ebb_log(ebb_constant(ebb, EBB_F64, EBB_SHAPE(2, 4), weights)), 4000);
}
static ebb_tensor *orders(void) {
    ebb_tensor *y[500];
    for (int k = 0; k < COUNT(y); k++)
        y[k] = ebb_random_permutation(ebb, 3);
    return ebb_stack(COUNT(y), y, 0);
}
static ebb_tensor *shuffled(void) {
    return ebb_random_shuffle(ebb_reshape(ebb_range(ebb, EBB_I32, 300), EBB_SHAPE(100, 3)));
}
static ebb_tensor *near_normal(void) { return ebb_random_truncated_normal(ebb, EBB_F64, EBB_SHAPE(20000), 10, 2); }
static ebb_tensor *narrow_normal(void) { return ebb_random_truncated_normal(ebb, EBB_F32, EBB_SHAPE(20000), 10, 2); }

typedef ebb_tensor *draws(void);

static void draw_body(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)e, (void)in;
    out[0] = (*(draws *const *)data)();
}

/* The same stream in every mode, and other numbers at each call. */
Test(random_choices, are_the_same_compiled) {
    static draws *const all[] = {choices, orders, shuffled, near_normal, narrow_normal};
    for (int k = 0; k < COUNT(all); k++) {
        ebb_tensor *y[4];
        ebb_function *f = ebb_function_new(ebb, draw_body, &(ebb_function_options){.data = (void *)(uintptr_t)&all[k]});
        ebb_set_seed(ebb, 5);
        y[0] = all[k](), y[1] = all[k]();
        ebb_set_seed(ebb, 5);
        ebb_call_n(f, 0, NULL, 1, &y[2]);
        ebb_call_n(f, 0, NULL, 1, &y[3]);
        expect_ok(ebb, "draws %d", k);
        int64_t fresh = 0;
        for (int64_t i = 0; i < ebb_size(y[0]); i++) {
            cr_assert(ebb_item(y[0], i) == ebb_item(y[2], i) && ebb_item(y[1], i) == ebb_item(y[3], i), "%d: %d", k,
                      (int)i);
            fresh += ebb_item(y[0], i) != ebb_item(y[1], i);
        }
        cr_expect(fresh > ebb_size(y[0]) / 4, "draws %d are as before", k);
    }
}

Test(random_choices, have_their_frequencies) {
    ebb_tensor *y = choices(), *p = orders(), *s = shuffled();
    int count[8] = {0}, order[27] = {0}, kinds = 0;
    for (int64_t i = 0; i < 8000; i++)
        count[i / 4000 * 4 + (int)ebb_item(y, i)]++;
    for (int k = 0; k < 8; k++) /* five deviations of a count are 160 at most */
        cr_expect_float_eq(count[k], 500 * weights[k / 4][k % 4], weights[k / 4][k % 4] ? 160 : 0, "class %d: %d", k,
                           count[k]);
    for (int64_t i = 0; i < 500; i++)
        order[(int)(9 * ebb_item(p, 3 * i) + 3 * ebb_item(p, 3 * i + 1) + ebb_item(p, 3 * i + 2))]++;
    for (int k = 0; k < 27; k++) {
        kinds += order[k] > 0;
        cr_expect(order[k] == 0 || abs(order[k] - 83) < 42, "order %d: %d times", k, order[k]);
    }
    cr_expect_eq(kinds, 6);
    expect_text(ebb_sum_over(s, EBB_AXES(0), false), "[14850 14950 15050]", "rows stay whole");
    expect_text(ebb_random_categorical(literal("[nan, 0]", EBB_F32), 2), "[1 1]", "no distribution");
    expect_text(ebb_random_categorical(literal("[[7], [-1]]", EBB_F32), 2), "[[0 0]\n [0 0]]", "one class");
    expect_text(ebb_random_permutation(ebb, 0), "[]", "of nothing");
}

/* Inside two deviations, with mean 0 and variance 0.7737. */
Test(random_choices, truncated_normal_numbers) {
    static draws *const both[] = {near_normal, narrow_normal};
    for (int k = 0; k < 2; k++) {
        ebb_tensor *z = ebb_div(ebb_sub(ebb_cast(both[k](), EBB_F64), 10), 2);
        cr_expect_lt(ebb_item(ebb_max_over(ebb_abs(z), EBB_AXES(0), false), 0), 2 + 1e-6);
        cr_expect_gt(ebb_item(ebb_max_over(ebb_abs(z), EBB_AXES(0), false), 0), 1.99);
        cr_expect_float_eq(ebb_item(ebb_mean(z), 0), 0, 0.03);
        cr_expect_float_eq(ebb_item(ebb_variance_over(z, EBB_ALL_AXES, false), 0), 0.7737, 0.03);
    }
}

#define REFUSE(code, text, call)                                                                                       \
    cr_expect(ebb_is_poison(call), "%s", text);                                                                        \
    expect_error(ebb, code, text, "%s", #call)

Test(random_choices, refusals) {
    ebb_tensor *u = literal("[1]", EBB_F32), *b = literal("[true]", EBB_NONE);
    REFUSE(EBB_TYPE_ERROR, "ebb_random_categorical: the logits are bool[1]", ebb_random_categorical(b, 1));
    REFUSE(EBB_VALUE_ERROR, "ebb_random_categorical: -1 samples of logits [1]", ebb_random_categorical(u, -1));
    REFUSE(EBB_VALUE_ERROR, "1 samples of logits [0]", ebb_random_categorical(literal("[]", EBB_F32), 1));
    REFUSE(EBB_VALUE_ERROR, "ebb_random_permutation: of -1 elements", ebb_random_permutation(ebb, -1));
    REFUSE(EBB_VALUE_ERROR, "ebb_random_shuffle: f32[] has no first axis", ebb_random_shuffle(literal("1", EBB_F32)));
    REFUSE(EBB_VALUE_ERROR, "ebb_random_truncated_normal: mean and deviation must be finite",
           ebb_random_truncated_normal(ebb, EBB_F32, EBB_SHAPE(2), 0, -1));
}
