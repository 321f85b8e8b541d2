/* test_index.c - what reads and writes where an index says, by its public names: gather and scatter by indices of
 * several axes, blocks, what is found by sorting; ties and duplicates, indices outside.
 *
 * A case has its value and the gradient of the sum of w * y with w = 1, 2, 3, ..., run directly and compiled, with
 * f32 and i32, and with f64 and i64. Start reading at `cases`. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/support/check.h"

static ebb_context *ebb;
static void start(void) { ebb = ebb_open(NULL); }
static void stop(void) {
    expect_ok(ebb, "at the end");
    ebb_close(ebb);
}
TestSuite(index, .init = start, .fini = stop);

/* A function of a tensor x, an index i and updates u. */
typedef ebb_tensor *make(ebb_tensor *x, ebb_tensor *i, ebb_tensor *u);

#define MAKE(name, formula)                                                                                            \
    static ebb_tensor *name(ebb_tensor *x, ebb_tensor *i, ebb_tensor *u) {                                             \
        (void)i, (void)u;                                                                                              \
        return formula;                                                                                                \
    }
MAKE(gather_nd, ebb_gather_nd(x, i))
MAKE(nd_add, ebb_scatter_nd_add(x, i, u))
MAKE(nd_max, ebb_scatter_nd_max(x, i, u))
MAKE(nd_min, ebb_scatter_nd_min(x, i, u))
MAKE(nd_update, ebb_scatter_nd_update(x, i, u))
MAKE(max_0, ebb_scatter_max(x, i, u, 0))
MAKE(max_last, ebb_scatter_max(x, i, u, -1))
MAKE(min_0, ebb_scatter_min(x, i, u, 0))
MAKE(update_0, ebb_scatter_update(x, i, u, 0))
MAKE(update_last, ebb_scatter_update(x, i, u, -1))

MAKE(top_2, ebb_top_k(x, 2, -1, NULL))
MAKE(unique_3, ebb_unique(x, 3, NULL))
MAKE(unique_4, ebb_unique(x, 4, NULL))
MAKE(median, ebb_quantile_over(x, 0.5, EBB_ALL_AXES, false))
MAKE(quartile, ebb_quantile_over(x, 0.25, EBB_AXES(0), false))
MAKE(upper, ebb_quantile_over(x, 0.75, EBB_AXES(-1), true))
MAKE(least, ebb_quantile_over(x, 0, EBB_AXES(0), false))
MAKE(largest, ebb_quantile_over(x, 1, EBB_AXES(0, 1), true))
MAKE(quartile_middle, ebb_quantile_over(x, 0.25, EBB_AXES(0, 2), false))
MAKE(block_2, ebb_dynamic_slice(x, i, EBB_SHAPE(2)))
MAKE(block_1_2, ebb_dynamic_slice(x, i, EBB_SHAPE(1, 2)))
MAKE(scalar_block, ebb_dynamic_slice(x, i, EBB_SCALAR))
MAKE(block_update, ebb_dynamic_update(x, i, u))

typedef struct index_case {
    const char *name;
    make *f;
    const char *x, *i, *u;   /* u NULL: none */
    const char *y, *dx, *du; /* what they print */
} index_case;

static const index_case cases[] = {
    {"gather_nd of elements", gather_nd, "[[1, 2, 3], [4, 5, 6]]", "[[1, 2], [0, 0], [1, 2]]", NULL, "[6. 1. 6.]",
     "[[2. 0. 0.]\n [0. 0. 4.]]", NULL},
    {"gather_nd of rows", gather_nd, "[[1, 2], [3, 4]]", "[[1], [0], [1]]", NULL, "[[3. 4.]\n [1. 2.]\n [3. 4.]]",
     "[[3. 4.]\n [6. 8.]]", NULL},
    {"gather_nd of one", gather_nd, "[[1, 2], [3, 4]]", "[1, 0]", NULL, "3.0", "[[0. 0.]\n [1. 0.]]", NULL},
    {"gather_nd of a matrix of indices", gather_nd, "[1, 2, 3]", "[[[2], [0]], [[1], [1]]]", NULL,
     "[[3. 1.]\n [2. 2.]]", "[2. 7. 1.]", NULL},
    {"gather_nd by no part", gather_nd, "[1, 2]", "[[], []]", NULL, "[[1. 2.]\n [1. 2.]]", "[4. 6.]", NULL},
    {"scatter_nd_add", nd_add, "[[1, 2], [3, 4]]", "[[0, 1], [1, 0], [0, 1]]", "[10, 20, 30]",
     "[[ 1. 42.]\n [23.  4.]]", "[[1. 2.]\n [3. 4.]]", "[2. 3. 2.]"},
    {"scatter_nd_add of rows", nd_add, "[[1, 2], [3, 4]]", "[[1], [1]]", "[[10, 20], [30, 40]]",
     "[[ 1.  2.]\n [43. 64.]]", "[[1. 2.]\n [3. 4.]]", "[[3. 4.]\n [3. 4.]]"},
    {"scatter_nd_max", nd_max, "[[1, 5], [3, 4]]", "[[0, 0], [0, 0], [0, 1]]", "[7, 6, 2]", "[[7. 5.]\n [3. 4.]]",
     "[[0. 2.]\n [3. 4.]]", "[1. 0. 0.]"},
    {"scatter_nd_min", nd_min, "[[1, 5], [3, 4]]", "[[0, 1], [1, 1]]", "[2, 9]", "[[1. 2.]\n [3. 4.]]",
     "[[1. 0.]\n [3. 4.]]", "[2. 0.]"},
    {"scatter_nd_update", nd_update, "[[1, 2], [3, 4]]", "[[0, 1], [1, 0], [0, 1]]", "[7, 8, 9]", "[[1. 9.]\n [8. 4.]]",
     "[[1. 0.]\n [0. 4.]]", "[0. 3. 2.]"},
    {"scatter_nd_update by no part", nd_update, "[1, 2]", "[[], []]", "[[5, 6], [7, 8]]", "[7. 8.]", "[0. 0.]",
     "[[0. 0.]\n [1. 2.]]"},
    {"max, all different", max_0, "[1, 5, 2]", "[0, 2, 0]", "[4, 1, 3]", "[4. 5. 2.]", "[0. 2. 3.]", "[1. 0. 0.]"},
    {"max, a tie of two updates", max_0, "[1, 5]", "[0, 0, 0]", "[4, 3, 4]", "[4. 5.]", "[0. 2.]", "[0.5 0.  0.5]"},
    {"max, a tie with x", max_0, "[4, 5]", "[0, 1]", "[4, 5]", "[4. 5.]", "[0.5 1. ]", "[0.5 1. ]"},
    {"max, a tie of four", max_0, "[4]", "[0, 0, 0]", "[4, 4, 4]", "[4.]", "[0.25]", "[0.25 0.25 0.25]"},
    {"max, columns", max_last, "[[1, 2], [3, 4]]", "[1, 1]", "[[5, 6], [0, 4]]", "[[1. 6.]\n [3. 4.]]",
     "[[1. 0.]\n [3. 2.]]", "[[0. 2.]\n [0. 2.]]"},
    {"max, zeros", max_0, "[-0.0, 0.0]", "[0, 1]", "[0.0, -0.0]", "[0. 0.]", "[0.5 1. ]", "[0.5 1. ]"},
    {"max, infinities", max_0, "[-inf, 1]", "[0, 1]", "[-inf, inf]", "[-inf  inf]", "[0.5 0. ]", "[0.5 2. ]"},
    {"min, a tie with x", min_0, "[4, 5]", "[0, 1, 1]", "[4, 1, 1]", "[4. 1.]", "[0.5 0. ]", "[0.5 1.  1. ]"},
    {"update, the last stays", update_0, "[1, 2, 3]", "[2, 0, 2]", "[7, 8, 9]", "[8. 2. 9.]", "[0. 2. 0.]",
     "[0. 1. 3.]"},
    {"update, columns", update_last, "[[1, 2, 3], [4, 5, 6]]", "[2, 2]", "[[7, 8], [9, 0]]",
     "[[1. 2. 8.]\n [4. 5. 0.]]", "[[1. 2. 0.]\n [4. 5. 0.]]", "[[0. 3.]\n [0. 6.]]"},
    {"update by one", update_0, "[1, 2]", "1", "7", "[1. 7.]", "[1. 0.]", "2.0"},
    {"update with NaN", update_0, "[nan, 2, nan]", "[0, 1]", "[1, nan]", "[ 1. nan nan]", "[0. 0. 3.]", "[1. 2.]"},
    {"top 2", top_2, "[[3, 1, 2], [4, 5, 6]]", "0", NULL, "[[3. 2.]\n [6. 5.]]", "[[1. 0. 2.]\n [0. 4. 3.]]", NULL},
    {"top 2 of equal ones", top_2, "[1, 7, 7, 7]", "0", NULL, "[7. 7.]", "[0. 1. 2. 0.]", NULL},
    {"top 2 with NaN", top_2, "[1, nan, inf, nan]", "0", NULL, "[nan nan]", "[0. 1. 0. 2.]", NULL},
    {"unique", unique_3, "[2, 1, 2, 3, 1]", "0", NULL, "[1. 2. 3.]", "[2. 1. 0. 3. 0.]", NULL},
    {"unique, filled", unique_4, "[[2, 1], [1, 2]]", "0", NULL, "[1. 2. 2. 2.]", "[[9. 1.]\n [0. 0.]]", NULL},
    {"unique, cut", unique_3, "[4, 3, 2, 1]", "0", NULL, "[1. 2. 3.]", "[0. 3. 2. 1.]", NULL},
    {"unique with NaN", unique_4, "[nan, 1, nan, -inf]", "0", NULL, "[-inf   1.  nan  nan]", "[7. 2. 0. 1.]", NULL},
    {"unique of zeros", unique_3, "[0.0, -0.0, 1]", "0", NULL, "[0. 1. 1.]", "[1. 0. 5.]", NULL},
    {"median of odd", median, "[3, 1, 2]", "0", NULL, "2.0", "[0. 0. 1.]", NULL},
    {"median of even", median, "[[3, 1], [2, 5]]", "0", NULL, "2.5", "[[0.5 0. ]\n [0.5 0. ]]", NULL},
    {"median of equal ones", median, "[4, 4]", "0", NULL, "4.0", "[0.5 0.5]", NULL},
    {"median with NaN", median, "[1, nan, 2]", "0", NULL, "nan", "[0. 1. 0.]", NULL},
    {"median of infinities", median, "[inf, inf]", "0", NULL, "inf", "[0.5 0.5]", NULL},
    {"median to an infinity", median, "[-inf, 1]", "0", NULL, "-inf", "[0.5 0.5]", NULL},
    {"quartile", quartile, "[4, 0, 2]", "0", NULL, "1.0", "[0.  0.5 0.5]", NULL},
    {"upper quartile", upper, "[[4, 0], [8, 16]]", "0", NULL, "[[ 3.]\n [14.]]", "[[0.75 0.25]\n [0.5  1.5 ]]", NULL},
    {"least", least, "[[4, 0], [1, 2]]", "0", NULL, "[1. 0.]", "[[0. 2.]\n [1. 0.]]", NULL},
    {"largest", largest, "[[4, 0], [1, 2]]", "0", NULL, "[[4.]]", "[[1. 0.]\n [0. 0.]]", NULL},
    {"quartile of two axes", quartile_middle, "[[[1, 2], [8, 8]], [[3, 4], [0, 4]]]", "0", NULL, "[1.75 3.  ]",
     "[[[0.25 0.75]\n  [0.   0.  ]]\n\n [[0.   0.  ]\n  [0.5  1.5 ]]]", NULL},
    {"block", block_2, "[1, 2, 3, 4]", "[1]", NULL, "[2. 3.]", "[0. 1. 2. 0.]", NULL},
    {"block beyond", block_2, "[1, 2, 3, 4]", "[3]", NULL, "[3. 4.]", "[0. 0. 1. 2.]", NULL},
    {"block before", block_2, "[1, 2, 3, 4]", "[-5]", NULL, "[1. 2.]", "[1. 2. 0. 0.]", NULL},
    {"block far beyond", block_2, "[1, 2, 3, 4]", "[2147483647]", NULL, "[3. 4.]", "[0. 0. 1. 2.]", NULL},
    {"block of a matrix", block_1_2, "[[1, 2, 3], [4, 5, 6]]", "[1, 2]", NULL, "[[5. 6.]]", "[[0. 0. 0.]\n [0. 1. 2.]]",
     NULL},
    {"block of a scalar", scalar_block, "5", "[]", NULL, "5.0", "1.0", NULL},
    {"block replaced", block_update, "[1, 2, 3]", "[1]", "[7, 8]", "[1. 7. 8.]", "[1. 0. 0.]", "[2. 3.]"},
    {"block replaced beyond", block_update, "[1, 2, 3]", "[2]", "[7, 8]", "[1. 7. 8.]", "[1. 0. 0.]", "[2. 3.]"},
    {"block replaced before", block_update, "[1, 2, 3]", "[-2147483648]", "[7, 8]", "[7. 8. 3.]", "[0. 0. 3.]",
     "[1. 2.]"},
    {"block replaced in a matrix", block_update, "[[1, 2, 3], [4, 5, 6]]", "[0, 1]", "[[7, 8]]",
     "[[1. 7. 8.]\n [4. 5. 6.]]", "[[1. 0. 0.]\n [4. 5. 6.]]", "[[2. 3.]]"},
    {"block replaced by NaN", block_update, "[nan, nan]", "[0]", "[7]", "[ 7. nan]", "[0. 2.]", "[1.]"},
    {"nothing replaced", block_update, "[1, 2]", "[0]", "[]", "[1. 2.]", "[1. 2.]", "[]"},
    {"update by none", update_0, "[1, 2]", "[]", "[]", "[1. 2.]", "[1. 2.]", "[]"},
};

/* ---- values and derivatives ---- */

static const index_case *current; /* of the functions below */

static ebb_tensor *literal(const char *text, ebb_dtype dtype) { return text ? ebb_literal(ebb, text, dtype) : NULL; }
static ebb_tensor *apply(ebb_tensor *const *in) { return current->f(in[0], in[1], current->u ? in[2] : NULL); }

static void value_body(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)e, (void)data;
    out[0] = apply(in);
}

/* The sum of w * y. */
static void loss_body(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)data;
    ebb_tensor *y = ebb_reshape(apply(in), EBB_SHAPE(-1));
    ebb_tensor *w = ebb_add(ebb_range(e, ebb_dtype_of(y), ebb_size(y)), 1);
    out[0] = ebb_sum(ebb_mul(y, w));
}

static ebb_function *function_of(ebb_body *b, ebb_mode mode) {
    return ebb_function_new(ebb, b, &(ebb_function_options){.mode = mode});
}

static const int64_t *dims_of(const ebb_tensor *x, int64_t *dims) {
    for (int a = 0; a < ebb_rank(x); a++)
        dims[a] = ebb_dim(x, a);
    return dims;
}

/* The loss along (1, 1, ...) in x and updates is the sum of its gradient. */
static void check_forward(const index_case *c, ebb_function *loss, const ebb_wrt *wrt, int n, const ebb_operand *in,
                          ebb_tensor *const *gradient) {
    ebb_operand all[5];
    ebb_tensor *out[2];
    double sum = 0;
    int64_t dims[8];
    for (int k = 0; k < n; k++)
        all[k] = in[k];
    for (int k = 0; k < wrt->count; k++) {
        ebb_tensor *one = ebb_ones(ebb, ebb_dtype_of(in[wrt->index[k]].tensor), EBB_SCALAR);
        all[n + k] = EBB_OPERAND(ebb_broadcast_to_at(one, ebb_rank(in[wrt->index[k]].tensor),
                                                     dims_of(in[wrt->index[k]].tensor, dims), NULL, 0));
        sum += ebb_item(ebb_sum(gradient[k]), 0);
    }
    ebb_function *forward = ebb_jvp(loss, wrt);
    ebb_call_n(forward, n + wrt->count, all, 2, out);
    cr_expect_float_eq(ebb_item(out[1], 0), sum, 0, "%s: %g forward, %g back", c->name, ebb_item(out[1], 0), sum);
    ebb_function_free(forward);
}

static void check_case(const index_case *c, ebb_dtype dtype, ebb_dtype index, ebb_mode mode) {
    ebb_tensor *x = literal(c->x, dtype), *i = literal(c->i, index), *u = literal(c->u, dtype), *y, *gradient[2];
    ebb_operand in[] = {EBB_OPERAND(x), EBB_OPERAND(i), EBB_OPERAND(u)};
    const ebb_wrt wrt = {.index = (const int[]){0, 2}, .count = u ? 2 : 1};
    const int n = u ? 3 : 2;
    current = c;
    ebb_function *value = function_of(value_body, mode), *loss = function_of(loss_body, mode);
    ebb_function *slope = ebb_grad(loss, &wrt);
    ebb_call_n(value, n, in, 1, &y);
    expect_text(y, c->y, "%s, mode %d", c->name, mode);
    ebb_call_n(slope, n, in, wrt.count, gradient);
    expect_text(gradient[0], c->dx, "%s, d x, mode %d", c->name, mode);
    if (u) expect_text(gradient[1], c->du, "%s, d updates, mode %d", c->name, mode);
    if (dtype == EBB_F64) check_forward(c, loss, &wrt, n, in, gradient);
    ebb_function_free(slope);
    ebb_function_free(loss);
    ebb_function_free(value);
}

Test(index, values_and_gradients) {
    int checks = 0;
    for (int k = 0; k < COUNT(cases); k++)
        for (int way = 0; way < 4; way++, checks++)
            EBB_SCOPE (ebb)
                check_case(&cases[k], way & 1 ? EBB_F64 : EBB_F32, way & 1 ? EBB_I64 : EBB_I32,
                           way & 2 ? EBB_EAGER : EBB_NATIVE);
    printf("cases: %d values and gradients\n", checks);
}

/* ---- indices outside ---- */

static void call(make *f, const char *x, const char *i, const char *u, ebb_mode mode) {
    const index_case c = {.f = f, .u = u};
    ebb_tensor *index = literal(i, EBB_I64), *updates = literal(u, EBB_F32), *y;
    ebb_operand in[] = {EBB_OPERAND(literal(x, EBB_F32)), EBB_OPERAND(index), EBB_OPERAND(updates)};
    current = &c;
    ebb_function *function = function_of(value_body, mode);
    ebb_call_n(function, u ? 3 : 2, in, 1, &y);
    cr_expect(ebb_is_poison(y), "%s by %s", x, i);
    ebb_function_free(function);
}

/* Also those that would lie inside once the parts are put together, and those whose product overflows. */
Test(index, indices_outside) {
    static const struct {
        make *f;
        const char *i, *u, *error;
    } table[] = {
        {gather_nd, "[[0, 0], [0, 3]]", NULL, "check_index: index 3 at position 1 is outside [0, 3)"},
        {gather_nd, "[[1, -1]]", NULL, "check_index: index -1 at position 0 is outside [0, 3)"},
        {gather_nd, "[[9223372036854775807, 0]]", NULL, "index 9223372036854775807 at position 0 is outside [0, 2)"},
        {gather_nd, "[[0, -9223372036854775807]]", NULL, "index -9223372036854775807 at position 0"},
        {nd_add, "[[2, 0]]", "[1]", "check_index: index 2 at position 0 is outside [0, 2)"},
        {nd_max, "[[0, 3]]", "[1]", "check_index: index 3 at position 0 is outside [0, 3)"},
        {nd_min, "[[-1, 3]]", "[1]", "check_index: index -1 at position 0 is outside [0, 2)"},
        {nd_update, "[[1, 1], [0, 4]]", "[1, 2]", "check_index: index 4 at position 1 is outside [0, 3)"},
        {max_0, "[0, 2]", "[[1, 1, 1], [1, 1, 1]]", "scatter_max: index 2 at position 1 is outside [0, 2)"},
        {min_0, "[-1, 0]", "[[1, 1, 1], [1, 1, 1]]", "index -1 at position 0 is outside [0, 2)"},
        {update_0, "[0, 9223372036854775807]", "[[1, 1, 1], [1, 1, 1]]", "index 9223372036854775807 at position 1"},
        {update_last, "[3]", "[[1], [2]]", "index 3 at position 0 is outside [0, 3)"},
    };
    for (int k = 0; k < COUNT(table); k++)
        for (int mode = EBB_NATIVE; mode <= EBB_EAGER; mode++) {
            call(table[k].f, "[[1, 2, 3], [4, 5, 6]]", table[k].i, table[k].u, (ebb_mode)mode);
            expect_error(ebb, EBB_INDEX_ERROR, table[k].error, "case %d, mode %d", k, mode);
        }
}

/* A variable keeps its value if an index is outside. */
static void assign_body(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)e;
    ebb_assign(data, ebb_scatter_max(data, in[0], in[1], 0));
    out[0] = ebb_gather_nd(data, ebb_reshape(in[0], EBB_SHAPE(-1, 1)));
}

Test(index, a_variable_keeps_its_value) {
    ebb_tensor *v = ebb_variable(ebb, literal("[1, 2, 3]", EBB_F32), "v"), *u = literal("[9, 7]", EBB_F32);
    ebb_function *f = ebb_function_new(ebb, assign_body, &(ebb_function_options){.data = v});
    expect_text(ebb_call(f, literal("[0, 0]", EBB_I64), u), "[9. 9.]", "before");
    ebb_call(f, literal("[2, 3]", EBB_I64), u);
    expect_error(ebb, EBB_INDEX_ERROR, "index 3 at position 1 is outside [0, 3)", "outside");
    expect_text(v, "[9. 2. 3.]", "kept");
}
