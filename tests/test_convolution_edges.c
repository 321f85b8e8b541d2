/* test_convolution_edges.c - convolution and pooling at their edges: other dtypes, NaN and infinities, a batch whose
 * size is not known, refusals. Values and derivatives are in test_convolution.c. */
#include <criterion/criterion.h>

#include "tests/support/check.h"

static ebb_context *ebb;
static void start(void) { ebb = ebb_open(NULL); }
static void stop(void) {
    expect_ok(ebb, "at the end");
    ebb_close(ebb);
}
TestSuite(convolution, .init = start, .fini = stop);

/* ---- other dtypes, edges ---- */

static ebb_tensor *read(const char *text, ebb_dtype dtype) { return ebb_literal(ebb, text, dtype); }
static ebb_tensor *column(const char *text, ebb_dtype dtype) {
    ebb_tensor *x = read(text, dtype);
    return ebb_reshape(x, EBB_SHAPE(1, ebb_size(x), 1));
}
static ebb_tensor *flat(ebb_tensor *x) { return ebb_reshape(x, EBB_SHAPE(-1)); }

#define SAME(...) (&(ebb_pool_options){.same = true, __VA_ARGS__})

static ebb_tensor *total_of_pools(ebb_tensor *x) { return ebb_sum(ebb_max_pool1d(x, 3, SAME(.stride = {1}))); }

static ebb_tensor *gradient(ebb_tensor *(*f)(ebb_tensor *), ebb_tensor *x) {
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_watch(tape, x);
    return ebb_gradient(tape, f(x), x);
}

Test(convolution, edges) {
    ebb_tensor *odd = column("[-inf, nan, 3, 4, inf, -1]", EBB_F32), *big = column("[3e38, 3e38, 3e38, 1]", EBB_F32);
    ebb_tensor *low = column("[-inf, -inf]", EBB_F64), *least = column("[-2147483648, -5]", EBB_I32);
    ebb_tensor *ties = column("[2, 2, 1, 0, 0]", EBB_F32), *ones = ebb_ones(ebb, EBB_F32, EBB_SHAPE(1, 3, 3, 1));
    ebb_tensor *kernel = ebb_reshape(read("[1, -2]", EBB_I32), EBB_SHAPE(2, 1, 1));
    ebb_pool_options all = {.low = {1}, .high = {1}, .stride = {1}};
    struct {
        const char *name;
        ebb_tensor *y;
        const char *text;
    } rows[] = {
        {"NaN and inf in a maximum", ebb_max_pool1d(odd, 2, NULL), "[nan  4. inf]"},
        {"NaN and inf in a mean", ebb_average_pool1d(odd, 2, NULL), "[nan 3.5 inf]"},
        {"a mean of much", ebb_average_pool1d(big, 2, NULL), "[3.0e+38 1.5e+38]"},
        {"a mean of much at the edge", ebb_average_pool1d(big, 3, SAME(.stride = {3})), "[3.0e+38 1.5e+38]"},
        {"nothing but -inf", ebb_max_pool1d(low, 2, &all), "[-inf -inf -inf]"},
        {"the least integer", ebb_max_pool1d(least, 2, &all), "[-2147483648          -5          -5]"},
        {"the least i64", ebb_max_pool1d(ebb_cast(least, EBB_I64), 2, &all), "[-2147483648          -5          -5]"},
        {"ties share", gradient(total_of_pools, ties), "[1.  2.  1.  0.5 0.5]"},
        {"a mean of ones", ebb_average_pool2d(ones, 2, 2, SAME(.stride = {1, 1})), "[1. 1. 1. 1. 1. 1. 1. 1. 1.]"},
        {"integers wrap", ebb_conv1d(column("[5, 1, -7, 2147483647]", EBB_I32), kernel, NULL), "[ 3 15 -5]"},
    };
    for (int k = 0; k < COUNT(rows); k++)
        expect_text(flat(rows[k].y), rows[k].text, "%s", rows[k].name);
    for (int a = 0; a < ebb_rank(rows[8].y); a++)
        cr_expect_eq(ebb_dim(rows[8].y, a), (a == 1 || a == 2) ? 3 : 1);
}

/* ---- every dtype, as it comes and compiled ---- */

static ebb_tensor *pooled(ebb_tensor *x, ebb_tensor *filter) {
    return ebb_max_pool2d(ebb_conv2d(x, filter, &(ebb_conv_options){.same = true, .groups = 2}), 2, 2, NULL);
}

static void pooled_body(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)e, (void)data;
    out[0] = pooled(in[0], in[1]);
}

/* From -5 to 5, times a factor. */
static ebb_tensor *whole_numbers(ebb_dtype dtype, int64_t n, int64_t factor) {
    ebb_tensor *x = ebb_sub(ebb_floormod(ebb_mul(ebb_range(ebb, EBB_I64, n), 7), 11), 5);
    return ebb_cast(ebb_mul(x, factor), dtype);
}

/* Small whole numbers give the same in every dtype; with the large factor products of i32 and i64 wrap. */
static void check_dtype(ebb_dtype dtype, int64_t factor) {
    ebb_tensor *x = ebb_reshape(whole_numbers(dtype, 192, factor), EBB_SHAPE(2, 4, 6, 4));
    ebb_tensor *w = ebb_reshape(whole_numbers(dtype, 108, factor), EBB_SHAPE(3, 3, 2, 6));
    ebb_tensor *eager = pooled(x, w), *wide = pooled(ebb_cast(x, EBB_F64), ebb_cast(w, EBB_F64));
    ebb_function *f = ebb_function_new(ebb, pooled_body, &(ebb_function_options){.mode = EBB_NATIVE});
    ebb_tensor *native = ebb_call(f, x, w);
    bool same = true, all_equal = true;
    cr_assert(ebb_size(eager) == 72 && ebb_size(native) == 72 && ebb_dtype_of(native) == dtype, "%s", ebb_error(ebb));
    for (int64_t k = 0; k < 72; k++) {
        all_equal &= ebb_item(eager, k) == ebb_item(native, k);
        same &= ebb_item(eager, k) == ebb_item(wide, k);
    }
    cr_expect(all_equal, "dtype %d times %lld: eager and native differ", dtype, (long long)factor);
    cr_expect_eq(same, factor == 1 || dtype == EBB_F64, "dtype %d times %lld beside f64", dtype, (long long)factor);
    ebb_function_free(f);
}

Test(convolution, every_dtype) {
    for (int dtype = EBB_I32; dtype <= EBB_F64; dtype++)
        EBB_SCOPE (ebb) {
            check_dtype((ebb_dtype)dtype, 1);
            check_dtype((ebb_dtype)dtype, dtype == EBB_I64 ? 1234567890123 : 123456789);
        }
}

/* ---- a batch whose size is not known ---- */

static ebb_tensor *layers(ebb_tensor *x, ebb_tensor *filter) {
    ebb_tensor *y = ebb_conv2d(x, filter, &(ebb_conv_options){.same = true, .groups = 2});
    return ebb_average_pool2d(ebb_max_pool2d(y, 2, 2, NULL), 2, 2, SAME(.stride = {1, 1}));
}

static void layers_body(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)e, (void)data;
    out[0] = ebb_sum(ebb_square(layers(in[0], in[1])));
}

static void expect_close(int n, const char *what, ebb_tensor *got, ebb_tensor *want) {
    cr_expect_eq(ebb_size(got), ebb_size(want), "batch of %d, %s: %d numbers", n, what, (int)ebb_size(got));
    for (int64_t k = 0; k < ebb_size(want); k++)
        cr_expect_float_eq(ebb_item(got, k), ebb_item(want, k), 1e-11, "batch of %d, %s: element %d is %g, not %g", n,
                           what, (int)k, ebb_item(got, k), ebb_item(want, k));
}

Test(convolution, unknown_batch) {
    ebb_function_options o = {.signature = "f64[n,4,6,4], f64[3,3,2,6]"};
    ebb_function *f = ebb_function_new(ebb, layers_body, &o), *grad = ebb_grad(f, EBB_WRT(0, 1));
    for (int n = 0; n < 4; n++)
        EBB_SCOPE (ebb) {
            ebb_tensor *x = ebb_random_uniform(ebb, EBB_F64, EBB_SHAPE(n, 4, 6, 4), -1, 1), *slope[2];
            ebb_tensor *w = ebb_random_uniform(ebb, EBB_F64, EBB_SHAPE(3, 3, 2, 6), -1, 1);
            ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_PERSISTENT);
            ebb_watch(tape, x);
            ebb_watch(tape, w);
            ebb_tensor *y = ebb_sum(ebb_square(layers(x, w)));
            ebb_call_n(grad, 2, ((ebb_operand[]){EBB_OPERAND(x), EBB_OPERAND(w)}), 2, slope);
            expect_close(n, "value", ebb_call(f, x, w), y);
            expect_close(n, "gradient", slope[0], ebb_gradient(tape, y, x));
            expect_close(n, "gradient of the filter", slope[1], ebb_gradient(tape, y, w));
        }
}

/* ---- refusals ---- */

static ebb_tensor *ones(ebb_dtype dtype) { return ebb_ones(ebb, dtype, EBB_SHAPE(2, 5, 6, 4)); }

#define REFUSE(code, text, call)                                                                                       \
    cr_expect(ebb_is_poison(call), "%s", text);                                                                        \
    expect_error(ebb, code, text, "%s", #call)
#define CONV_(...) (&(ebb_conv_options){__VA_ARGS__})
#define POOL_(...) (&(ebb_pool_options){__VA_ARGS__})

Test(convolution, refused_filters) {
    ebb_tensor *x = ones(EBB_F32), *i = ones(EBB_I32), *b = ones(EBB_BOOL),
               *v = ebb_ones(ebb, EBB_F32, EBB_SHAPE(2, 5, 4));
    ebb_tensor *w = ebb_ones(ebb, EBB_F32, EBB_SHAPE(3, 3, 4, 2)),
               *tall = ebb_ones(ebb, EBB_F32, EBB_SHAPE(6, 1, 4, 2)),
               *no = ebb_zeros(ebb, EBB_F32, EBB_SHAPE(0, 1, 4, 2));
    REFUSE(EBB_TYPE_ERROR, "ebb_conv2d: x i32[2,5,6,4] and filter f32[3,3,4,2]: they do not mix; cast one",
           ebb_conv2d(i, w, NULL));
    REFUSE(EBB_TYPE_ERROR, "bool has no products", ebb_conv2d(b, b, NULL));
    REFUSE(EBB_VALUE_ERROR, "ebb_conv2d: x is f32[2,5,4]; it needs 4 axes: batch, 2 spatial, channels",
           ebb_conv2d(v, w, NULL));
    REFUSE(EBB_VALUE_ERROR, "ebb_conv1d: x f32[2,5,4] and filter f32[3,3,4,2]: the ranks differ",
           ebb_conv1d(v, w, NULL));
    REFUSE(EBB_VALUE_ERROR, "x's channels are not groups times the filter's", ebb_conv2d(x, w, CONV_(.groups = 2)));
    REFUSE(EBB_VALUE_ERROR, "groups do not divide the filter's last axis", ebb_conv2d(x, w, CONV_(.groups = 4)));
    REFUSE(EBB_VALUE_ERROR, "the number of groups is negative", ebb_conv2d(x, w, CONV_(.groups = -1)));
    REFUSE(
        EBB_VALUE_ERROR,
        "ebb_conv2d: a window of 6 with dilation 1 on spatial axis 0 of [2,5,6,4], with padding 0 and 0, does not fit",
        ebb_conv2d(x, tall, NULL));
    REFUSE(EBB_VALUE_ERROR, "ebb_conv2d: window 0 of spatial axis 0 is not positive", ebb_conv2d(x, no, NULL));
}

Test(convolution, refused_options) {
    ebb_tensor *x = ones(EBB_F32), *w = ebb_ones(ebb, EBB_F32, EBB_SHAPE(3, 3, 4, 2));
    REFUSE(EBB_VALUE_ERROR, "a window of 3 with dilation 3 on spatial axis 1",
           ebb_conv2d(x, w, CONV_(.dilation = {1, 3})));
    REFUSE(EBB_VALUE_ERROR, "is too large", ebb_conv2d(x, w, CONV_(.dilation = {INT64_MAX})));
    REFUSE(EBB_VALUE_ERROR, "is too large", ebb_conv2d(x, w, CONV_(.dilation = {INT64_MAX / 2}, .same = true)));
    REFUSE(EBB_VALUE_ERROR, "is too large", ebb_conv2d(x, w, CONV_(.low = {INT64_MAX})));
    REFUSE(EBB_VALUE_ERROR, "the windows are too large",
           ebb_conv2d(x, w, CONV_(.low = {(int64_t)1 << 40, (int64_t)1 << 40})));
    REFUSE(EBB_VALUE_ERROR, "ebb_conv2d: stride -2 of spatial axis 1 is not positive",
           ebb_conv2d(x, w, CONV_(.stride = {1, -2})));
    REFUSE(EBB_VALUE_ERROR, "ebb_conv2d: dilation -1 of spatial axis 0 is not positive",
           ebb_conv2d(x, w, CONV_(.dilation = {-1})));
    REFUSE(EBB_VALUE_ERROR, "ebb_conv2d: padding -1 of spatial axis 0 is not 0 or more",
           ebb_conv2d(x, w, CONV_(.high = {-1})));
    REFUSE(EBB_VALUE_ERROR, "ebb_conv2d: padding 1 of spatial axis 0 is not 0, but it is asked for as `same`",
           ebb_conv2d(x, w, CONV_(.high = {1}, .same = true)));
}

Test(convolution, refused_pools) {
    ebb_tensor *x = ones(EBB_F32), *i = ones(EBB_I32), *b = ones(EBB_BOOL);
    ebb_tensor *v = ebb_ones(ebb, EBB_F32, EBB_SHAPE(2, 5, 4)), *none = ebb_zeros(ebb, EBB_F32, EBB_SHAPE(2, 0, 4));
    REFUSE(EBB_VALUE_ERROR, "ebb_max_pool1d: x is f32[2,5,6,4]; it needs 3 axes", ebb_max_pool1d(x, 2, NULL));
    REFUSE(EBB_TYPE_ERROR, "ebb_max_pool2d: x is bool[2,5,6,4]; it needs i32, i64, f32 or f64",
           ebb_max_pool2d(b, 2, 2, NULL));
    REFUSE(EBB_TYPE_ERROR, "ebb_average_pool2d: x is i32[2,5,6,4]; it needs f32 or f64",
           ebb_average_pool2d(i, 2, 2, NULL));
    REFUSE(EBB_VALUE_ERROR, "ebb_max_pool2d: a window of 7", ebb_max_pool2d(x, 2, 7, NULL));
    REFUSE(EBB_VALUE_ERROR, "ebb_max_pool2d: window -1 of spatial axis 0 is not positive",
           ebb_max_pool2d(x, -1, 2, NULL));
    REFUSE(EBB_VALUE_ERROR,
           "ebb_average_pool1d: padding 0 and 2 around spatial axis 0 of [2,5,4] would fill a window of 2",
           ebb_average_pool1d(v, 2, POOL_(.high = {2})));
    REFUSE(EBB_VALUE_ERROR, "would fill a window of 3", ebb_max_pool1d(none, 3, POOL_(.low = {2}, .high = {2})));
    REFUSE(EBB_VALUE_ERROR, "does not fit", ebb_max_pool1d(none, 3, POOL_(.same = true)));
}
