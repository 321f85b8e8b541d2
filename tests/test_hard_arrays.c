/* test_hard_arrays.c - sums, shapes, dtypes, updates and the structure of derivatives where other libraries went wrong;
 * the numbers H054 ... are those of tests/hard-cases.md. Each case runs eagerly and as native code. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))
#define EACH_MODE for (ebb_mode mode = EBB_NATIVE; mode <= EBB_EAGER; mode++)

static ebb_context *ebb;
static void start(void) { ebb = ebb_open(NULL); }
static void stop(void) {
    expect_ok(ebb, "at the end");
    ebb_close(ebb);
}
TestSuite(hard_arrays, .init = start, .fini = stop);

#define BODY(name, ...)                                                                                                \
    static void name(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {                            \
        (void)e, (void)in, (void)data;                                                                                 \
        ebb_tensor *results_[] = {__VA_ARGS__};                                                                        \
        memcpy(out, results_, sizeof results_);                                                                        \
    }

static ebb_function *function_of(ebb_body *body, int results, ebb_mode mode) {
    return ebb_function_new(ebb, body, &(ebb_function_options){.results = results, .mode = mode});
}

static ebb_tensor *f32(const char *text) { return ebb_literal(ebb, text, EBB_F32); }
static ebb_tensor *f64(const char *text) { return ebb_literal(ebb, text, EBB_F64); }

/* ---- long sums ---- */

BODY(total, ebb_sum(in[0]))

/* Added one after another, f32 ones would stop at 2^24. A number that swallows ones swallows those of its own slot of
 * the tree, at most 127. */
Test(hard_arrays, H054_twenty_million_ones) {
    enum { N = 20000000 };
    float *x = malloc(N * sizeof *x);
    for (int k = 0; k < N; k++)
        x[k] = 1;
    ebb_tensor *ones = ebb_constant(ebb, EBB_F32, EBB_SHAPE(N), x);
    x[N / 3] = 1e8f;
    ebb_tensor *one_large = ebb_constant(ebb, EBB_F32, EBB_SHAPE(N), x);
    free(x);
    EACH_MODE {
        ebb_function *f = function_of(total, 1, mode);
        cr_expect_eq(ebb_item(ebb_call(f, ones), 0), 2e7, "mode %d", mode);
        double got = ebb_item(ebb_call(f, one_large), 0), want = 1e8 + N - 1;
        cr_expect(fabs(got - want) <= 128, "mode %d: %.9g, should be %.9g", mode, got, want);
    }
}

/* What is lost is decided by reduction.h, not by the engine. */
Test(hard_arrays, H055_sums_that_cancel_are_the_same_everywhere) {
    ebb_tensor *x = f32("[1e8, 1, -1e8]");
    double native = ebb_item(ebb_call(function_of(total, 1, EBB_NATIVE), x), 0);
    double eager = ebb_item(ebb_call(function_of(total, 1, EBB_EAGER), x), 0);
    cr_expect(native == 0 || native == 1, "%g", native);
    cr_expect_eq(native, eager);
}

/* ---- shapes ---- */

BODY(nothing, ebb_matmul(in[0], in[1]), ebb_sum_over(in[1], EBB_AXES(0), false),
     ebb_prod_over(in[1], EBB_AXES(0), false), ebb_mean_over(in[1], EBB_AXES(0), false),
     ebb_norm_over(in[1], EBB_AXES(0), false), ebb_logsumexp_over(in[1], EBB_AXES(0), false),
     ebb_variance_over(in[1], EBB_AXES(0), false))
BODY(product_of_nothing, ebb_sum(ebb_matmul(in[0], in[1])))
BODY(largest_rows, ebb_max_over(in[0], EBB_AXES(0), false))

Test(hard_arrays, H056_nothing_to_reduce) {
    static const char *const want[] = {"[[0. 0.]\n [0. 0.]]", "[0. 0.]",  "[1. 1.]", "[nan nan]", "[0. 0.]",
                                       "[-inf -inf]",         "[nan nan]"};
    ebb_tensor *x = ebb_zeros(ebb, EBB_F32, EBB_SHAPE(2, 0)), *y = ebb_zeros(ebb, EBB_F32, EBB_SHAPE(0, 2)), *out[7];
    EACH_MODE {
        ebb_operand in[] = {EBB_OPERAND(x), EBB_OPERAND(y)};
        ebb_call_n(function_of(nothing, COUNT(want), mode), 2, in, COUNT(want), out);
        for (int k = 0; k < COUNT(want); k++)
            expect_text(out[k], want[k], "result %d, mode %d", k, mode);
        ebb_tensor *d = ebb_call(ebb_grad(function_of(product_of_nothing, 1, mode), EBB_WRT(1)), x, y);
        cr_expect(ebb_dim(d, 0) == 0 && ebb_dim(d, 1) == 2, "mode %d", mode);
        cr_expect(ebb_is_poison(ebb_call(function_of(largest_rows, 1, mode), y)));
        expect_error(ebb, EBB_VALUE_ERROR, "is empty", "the largest of nothing");
    }
}

/* x * y summed with y's elements as weights: the derivative in x is y summed over what x was stretched over. */
BODY(weighted, ebb_sum(ebb_mul(in[0], in[1])))

Test(hard_arrays, H057_the_gradient_of_a_broadcast_is_a_sum) {
    static const struct {
        const char *x, *y, *dx, *dy;
    } cases[] = {
        {"3", "2", "2.0", "3.0"},
        {"3", "[1, 2]", "3.0", "[3. 3.]"},
        {"[[1], [2]]", "[[1, 2, 4]]", "[[7.]\n [7.]]", "[[3. 3. 3.]]"},
        {"[1, 2]", "[[1, 2], [3, 4]]", "[4. 6.]", "[[1. 2.]\n [1. 2.]]"},
        {"[[5]]", "[1, 2]", "[[3.]]", "[5. 5.]"},
        {"[[[[[[[[1, 2]]]]]]]]", "[[3], [4]]", "[[[[[[[[7. 7.]]]]]]]]", "[[3.]\n [3.]]"},
        {"[[[[[[[[1]]], [[[2]]]]]]]]", "[[[[[[[[1, 2]]]]]]]]", "[[[[[[[[3.]]]\n\n\n     [[[3.]]]]]]]]",
         "[[[[[[[[3. 3.]]]]]]]]"},
        {"[[], []]", "[[1], [2]]", "[]", "[[0.]\n [0.]]"},
    };
    EACH_MODE
    for (int k = 0; k < COUNT(cases); k++) {
        ebb_function *g = ebb_grad(function_of(weighted, 1, mode), EBB_WRT(0, 1));
        ebb_operand in[] = {EBB_OPERAND(f32(cases[k].x)), EBB_OPERAND(f32(cases[k].y))};
        ebb_tensor *out[2];
        ebb_call_n(g, 2, in, 2, out);
        expect_text(out[0], cases[k].dx, "case %d, in x, mode %d", k, mode);
        expect_text(out[1], cases[k].dy, "case %d, in y, mode %d", k, mode);
    }
}

BODY(taken_thrice, ebb_sum(ebb_square(ebb_gather(in[0], in[1], 0))))
BODY(added_twice, ebb_sum(ebb_square(ebb_scatter_add(in[0], in[1], in[2], 0))))

Test(hard_arrays, H059_equal_indices_add_up) {
    ebb_tensor *x = f32("[1, 2, 3]"), *index = ebb_literal(ebb, "[1, 1, 0, 1]", EBB_I64);
    EACH_MODE {
        expect_text(ebb_call(ebb_grad(function_of(taken_thrice, 1, mode), NULL), x, index), "[ 2. 12.  0.]", "gather");
        ebb_function *g = ebb_grad(function_of(added_twice, 1, mode), EBB_WRT(0, 2));
        ebb_operand in[] = {EBB_OPERAND(x), EBB_OPERAND(index), EBB_OPERAND(f32("[1, 2, 3, 4]"))};
        ebb_tensor *out[2];
        ebb_call_n(g, 3, in, 2, out);
        expect_text(out[0], "[ 8. 18.  6.]", "scatter_add, where it is added, mode %d", mode);
        expect_text(out[1], "[18. 18.  8. 18.]", "scatter_add, what is added, mode %d", mode);
    }
}

/* ---- dtypes ---- */

/* A tensor has its dtype from where it was made; only a C number takes another's. */
Test(hard_arrays, H065_dtypes_do_not_mix) {
    for (int d = EBB_BOOL; d <= EBB_F64; d++)
        for (int e = EBB_BOOL; e <= EBB_F64; e++) {
            ebb_tensor *x = ebb_ones(ebb, (ebb_dtype)d, EBB_SCALAR), *y = ebb_ones(ebb, (ebb_dtype)e, EBB_SCALAR);
            bool fits = d == e && d != EBB_BOOL;
            cr_expect_eq(ebb_is_poison(ebb_add(x, y)), !fits, "dtypes %d and %d", d, e);
            if (!fits) expect_error(ebb, EBB_TYPE_ERROR, "ebb_add: ", "dtypes %d and %d", d, e);
            if (d == EBB_BOOL) continue;
            ebb_operand one[] = {EBB_NUMBER((bool)1), EBB_NUMBER(1), EBB_NUMBER(1L), EBB_NUMBER(1.0f), EBB_NUMBER(1.0)};
            ebb_tensor *sum = ebb_add(x, one[e - EBB_BOOL]);
            cr_expect_eq(ebb_dtype_of(sum), (ebb_dtype)d, "dtype %d and the number %d", d, e);
            cr_expect_eq(ebb_item(sum, 0), 2, "dtype %d and the number %d", d, e);
        }
}

/* ---- the structure of derivatives ---- */

BODY(first_only, ebb_sum(ebb_square(in[0])))
BODY(constant_result, ebb_scalar(e, 2.0f))
BODY(first_itself, in[0])
BODY(of_two, ebb_sum(ebb_mul(ebb_square(in[0]), in[1])))

Test(hard_arrays, H067_what_is_not_used_has_derivative_0) {
    ebb_operand in[] = {EBB_OPERAND(f32("[1, 2]")), EBB_OPERAND(f32("[[3, 4]]"))};
    ebb_tensor *out[2];
    EACH_MODE {
        ebb_call_n(ebb_grad(function_of(first_only, 1, mode), EBB_WRT(0, 1)), 2, in, 2, out);
        expect_text(out[0], "[2. 4.]", "used, mode %d", mode);
        expect_text(out[1], "[[0. 0.]]", "unused, mode %d", mode);
    }
}

Test(hard_arrays, H068_results_that_are_constants_and_parameters_given_twice) {
    ebb_tensor *x = f32("[1, 2]"), *s = f32("3");
    EACH_MODE {
        expect_text(ebb_call(ebb_grad(function_of(constant_result, 1, mode), NULL), x), "[0. 0.]", "a constant");
        expect_text(ebb_call(ebb_grad(function_of(first_itself, 1, mode), NULL), s), "1.0", "the parameter itself");
        expect_text(ebb_call(ebb_hvp(function_of(first_itself, 1, mode), NULL), s, s), "0.0", "its second derivative");
        ebb_function *f = function_of(of_two, 1, mode);
        expect_text(ebb_call(ebb_grad(f, EBB_WRT(0)), x, x), "[2. 8.]", "f(x, x) in its first, mode %d", mode);
        expect_text(ebb_call(ebb_grad(f, EBB_WRT(1)), x, x), "[1. 4.]", "f(x, x) in its second, mode %d", mode);
        ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
        ebb_watch(tape, x);
        expect_text(ebb_gradient(tape, ebb_call(f, x, x), x), "[ 3. 12.]", "f(x, x) in x, mode %d", mode);
    }
}

/* A function in which every element meets every other. */
BODY(entangled, ebb_sum(ebb_mul(ebb_tanh(ebb_matmul(in[0], ebb_transpose(in[0], EBB_AXES(1, 0)))),
                                ebb_exp(ebb_matmul(ebb_sin(in[0]), ebb_transpose(in[0], EBB_AXES(1, 0)))))))

Test(hard_arrays, H073_Hessians_are_symmetric) {
    enum { N = 6 };
    ebb_tensor *x = f64("[[0.3, -0.7], [1.1, 0.2], [-0.4, 0.9]]"), *v = f64("[[1, -2], [0.5, 3], [-1, 0.25]]");
    ebb_tensor *w = f64("[[-0.5, 1], [2, 1], [0.75, -3]]");
    EACH_MODE {
        ebb_function *f = function_of(entangled, 1, mode), *hvp = ebb_hvp(f, NULL);
        ebb_tensor *h = ebb_call(ebb_hessian(f, NULL), x);
        double most = 0;
        for (int k = 0; k < N * N; k++)
            most = fmax(most, fabs(ebb_item(h, k)));
        for (int k = 0; k < N * N; k++)
            cr_expect(fabs(ebb_item(h, k) - ebb_item(h, k % N * N + k / N)) <= 4e-15 * most, "mode %d: [%d,%d]", mode,
                      k / N, k % N);
        double vhw = ebb_item(ebb_sum(ebb_mul(v, ebb_call(hvp, x, w))), 0);
        double whv = ebb_item(ebb_sum(ebb_mul(w, ebb_call(hvp, x, v))), 0);
        cr_expect(fabs(vhw - whv) <= 4e-14 * most && most > 1, "mode %d: %.17g and %.17g", mode, vhw, whv);
    }
}

/* ---- updates ---- */

/* v^2 + (v + 1)^3, with v updated in place between. */
static ebb_tensor *read_twice(ebb_tensor *v) {
    ebb_tensor *before = ebb_square(v);
    ebb_assign_add(v, 1);
    return ebb_add(before, ebb_pow(v, 3));
}

static void second_derivative(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)in;
    ebb_tensor *v = data;
    ebb_tape *outer = ebb_tape_start(e, EBB_TAPE_DEFAULT), *inner = ebb_tape_start(e, EBB_TAPE_DEFAULT);
    out[0] = ebb_gradient(inner, read_twice(v), v);
    out[1] = ebb_gradient(outer, out[0], v);
}

Test(hard_arrays, H078_derivatives_of_derivatives_of_updates) {
    EACH_MODE {
        ebb_tensor *v = ebb_variable(ebb, f32("3"), "v"), *out[2];
        ebb_function_options o = {.results = 2, .data = v, .mode = mode};
        ebb_call_n(ebb_function_new(ebb, second_derivative, &o), 0, NULL, 2, out);
        expect_text(out[0], "54.0", "2 v + 3 (v + 1)^2, mode %d", mode);
        expect_text(out[1], "26.0", "2 + 6 (v + 1), mode %d", mode);
        expect_text(v, "4.0", "v is updated once, mode %d", mode);
        ebb_release(v);
    }
}

/* ---- written after read, through every view ---- */

enum { SIZE = 5 };
typedef ebb_tensor *view(ebb_tensor *x);
#define VIEW(name, expression)                                                                                         \
    static ebb_tensor *name(ebb_tensor *x) { return expression; }

static ebb_tensor *one_row(ebb_tensor *x) { return ebb_slice(x, ((int64_t[]){2, 0}), ((int64_t[]){3, SIZE}), NULL); }
static ebb_tensor *every_second(ebb_tensor *x) {
    return ebb_slice(x, ((int64_t[]){0, 0}), ((int64_t[]){SIZE, SIZE}), ((int64_t[]){1, 2}));
}
static ebb_tensor *shifted(ebb_tensor *x) {
    ebb_tensor *inner = ebb_slice(x, ((int64_t[]){1, 1}), ((int64_t[]){SIZE, SIZE}), NULL);
    return ebb_pad(inner, ((int64_t[]){0, 0}), ((int64_t[]){1, 1}));
}
static ebb_tensor *permuted(ebb_tensor *x) {
    return ebb_gather(x, ebb_constant(ebb, EBB_I32, EBB_SHAPE(SIZE), ((int32_t[]){4, 0, 3, 1, 2})), 0);
}

VIEW(itself, ebb_mul(x, 1))
VIEW(turned, ebb_reverse(x, EBB_AXES(0)))
VIEW(turned_wholly, ebb_reverse(x, EBB_ALL_AXES))
VIEW(transposed, ebb_transpose(x, EBB_AXES(1, 0)))
VIEW(rolled, ebb_roll(x, 2, 1))
VIEW(row_everywhere, ebb_broadcast_to(one_row(x), EBB_SHAPE(SIZE, SIZE)))
VIEW(half_twice, ebb_roll(ebb_slice(ebb_concat(2, ((ebb_tensor *[]){every_second(x), every_second(x)}), 1),
                                    ((int64_t[]){0, 0}), ((int64_t[]){SIZE, SIZE}), NULL),
                          1, 1))
VIEW(row_sums, ebb_broadcast_to(ebb_sum_over(x, EBB_AXES(1), true), EBB_SHAPE(SIZE, SIZE)))
VIEW(column_maxima, ebb_broadcast_to(ebb_max_over(x, EBB_AXES(0), true), EBB_SHAPE(SIZE, SIZE)))
VIEW(totals, ebb_cumsum(x, 0))
VIEW(product, ebb_matmul(x, x))

static view *const views[] = {itself,   turned,        turned_wholly, transposed, rolled,  row_everywhere, half_twice,
                              row_sums, column_maxima, totals,        product,    shifted, permuted};

/* Two views of x, and x itself. */
static ebb_tensor *mixed(view *const *pair, ebb_tensor *x) {
    return ebb_sub(ebb_add(ebb_mul(x, 2), pair[0](x)), ebb_mul(pair[1](x), 3));
}

typedef struct update {
    ebb_tensor *v;
    view *pair[2];
} update;

/* The new value is read again after the update, and written once more. */
static void update_twice(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)e, (void)in;
    update *u = data;
    ebb_assign(u->v, mixed(u->pair, u->v));
    ebb_assign(u->v, ebb_mul(mixed(u->pair, u->v), 0.25));
    out[0] = ebb_sum(u->v);
}

Test(hard_arrays, H079_written_after_read_through_every_pair_of_views) {
    int cases = 0, in_place = 0;
    float x[SIZE * SIZE];
    for (int k = 0; k < SIZE * SIZE; k++)
        x[k] = (float)((k * 7 + 3) % 11 - 5); /* small whole numbers: every sum is exact */
    for (int k = 0; k < COUNT(views) * COUNT(views); k++)
        EBB_SCOPE (ebb) {
            ebb_tensor *plain = ebb_constant(ebb, EBB_F32, EBB_SHAPE(SIZE, SIZE), x);
            update u = {ebb_variable(ebb, plain, "v"), {views[k / COUNT(views)], views[k % COUNT(views)]}};
            ebb_function_options o = {.data = &u, .mode = EBB_NATIVE};
            ebb_function *f = ebb_function_new(ebb, update_twice, &o);
            const void *before = ebb_data(u.v);
            ebb_call_n(f, 0, NULL, 0, NULL);
            in_place += ebb_data(u.v) == before;
            plain = ebb_mul(mixed(u.pair, mixed(u.pair, plain)), 0.25);
            for (int i = 0; i < SIZE * SIZE; i++, cases++)
                cr_expect_eq(ebb_item(u.v, i), ebb_item(plain, i), "views %d and %d: element %d is %g, should be %g",
                             k / COUNT(views), k % COUNT(views), i, ebb_item(u.v, i), ebb_item(plain, i));
            ebb_function_free(f);
            ebb_release(u.v);
        }
    cr_expect(in_place > 0, "nothing was updated in place");
    printf("cases: %d elements written after they were read\n", cases);
}

/* ---- optimizers ---- */

/* Nothing moves, and nothing is divided by 0; after 1e9 steps both powers of beta are 0. */
Test(hard_arrays, H098_Adam_without_gradients_and_after_many_steps) {
    ebb_tensor *v = ebb_variable(ebb, f32("[1, -2]"), "v"), *zero = f32("[0, 0]"), *one = f32("[1, -1]");
    ebb_optimizer *adam = ebb_adam(ebb, &(ebb_adam_options){.learning_rate = 0.5});
    for (int k = 0; k < 3; k++)
        ebb_apply_gradients(adam, 1, &zero, &v);
    expect_text(v, "[ 1. -2.]", "three steps of nothing");
    ebb_assign(ebb_iterations(adam), 1000000000);
    ebb_apply_gradients(adam, 1, &zero, &v);
    expect_text(v, "[ 1. -2.]", "one more");
    ebb_apply_gradients(adam, 1, &one, &v); /* m = 0.1 g, v = 0.001 g^2, without correction */
    double moved = 0.5 * 0.1 / (sqrt(0.001) + 1e-7);
    cr_expect(fabs(ebb_item(v, 0) - (1 - moved)) < 1e-5 && fabs(ebb_item(v, 1) - (moved - 2)) < 1e-5, "%g, %g",
              ebb_item(v, 0), ebb_item(v, 1));
}

Test(hard_arrays, H099_a_learning_rate_of_0) {
    ebb_tensor *v = ebb_variable(ebb, f32("[1, -2]"), "v"), *one = f32("[1, -1]");
    ebb_optimizer *all[] = {ebb_sgd(ebb, &(ebb_sgd_options){.momentum = 0.9}), ebb_adam(ebb, NULL)};
    for (int k = 0; k < COUNT(all); k++) {
        ebb_assign(ebb_learning_rate(all[k]), 0);
        ebb_apply_gradients(all[k], 1, &one, &v);
        expect_text(v, "[ 1. -2.]", "optimizer %d", k);
    }
}
