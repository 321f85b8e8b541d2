/* test_structure.c - what puts tensors together, takes them apart and repeats them, and reductions by their public
 * names.
 *
 * All that only moves elements is linear: its Jacobian is what it makes of unit vectors. So one table of functions is
 * held to the values written beside them and, for value, jvp, gradient and Hessian-vector product, to that matrix, run
 * directly and compiled. Start reading at `moves`. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/check.h"

static ebb_context *ebb;
static void start(void) { ebb = ebb_open(NULL); }
static void stop(void) {
    expect_ok(ebb, "at the end");
    ebb_close(ebb);
}
TestSuite(structure, .init = start, .fini = stop);

typedef ebb_tensor *make(ebb_tensor *x);

/* ---- functions that move elements ---- */

#define MAKE(name, formula)                                                                                            \
    static ebb_tensor *name(ebb_tensor *x) { return formula; }
#define LIST(...) ((ebb_tensor *[]){__VA_ARGS__})
#define NUMBERS(...) ((const int64_t[]){__VA_ARGS__})

MAKE(reverse_rows, ebb_reverse(x, EBB_AXES(0)))
MAKE(reverse_last, ebb_reverse(x, EBB_AXES(-1)))
MAKE(reverse_all, ebb_reverse(x, EBB_ALL_AXES))
MAKE(concat_one, ebb_concat(1, LIST(x), 0))
MAKE(concat_rows, ebb_concat(3, LIST(x, ebb_mul(x, 2), x), 0))
MAKE(concat_last, ebb_concat(5, LIST(x, x, x, x, ebb_mul(x, 3)), -1))
MAKE(concat_reversed, ebb_concat(2, LIST(ebb_reverse(x, EBB_AXES(0)), x), 0))
MAKE(stack_first, ebb_stack(2, LIST(x, ebb_mul(x, 2)), 0))
MAKE(stack_last, ebb_stack(3, LIST(x, x, ebb_mul(x, 2)), -1))
MAKE(stack_one, ebb_stack(1, LIST(x), 1))
MAKE(roll_on, ebb_roll(x, 1, -1))
MAKE(roll_back, ebb_roll(x, -4, 0))
MAKE(roll_round, ebb_roll(x, 6, 0))
MAKE(tile_both, ebb_tile(x, NUMBERS(2, 3)))
MAKE(tile_once, ebb_tile(x, NUMBERS(1, 1)))
MAKE(tile_away, ebb_tile(x, NUMBERS(0, 2)))
MAKE(tile_scalar, ebb_tile(x, NULL))
MAKE(repeat_rows, ebb_repeat(x, 2, 0))
MAKE(repeat_last, ebb_repeat(x, 3, -1))
MAKE(repeat_once, ebb_repeat(x, 1, 0))
MAKE(lower, ebb_tril(x, 0))
MAKE(lower_wide, ebb_tril(x, 1))
MAKE(upper, ebb_triu(x, 0))
MAKE(upper_wide, ebb_triu(x, -1))
MAKE(diagonal, ebb_diag(x))
MAKE(diagonal_of, ebb_diag_part(x))
MAKE(sums, ebb_cumsum(x, -1))
MAKE(sums_back, ebb_reverse(ebb_cumsum(ebb_reverse(x, EBB_AXES(0)), 0), EBB_AXES(0)))

static ebb_tensor *swapped_halves(ebb_tensor *x) {
    ebb_tensor *half[2];
    ebb_split(x, 2, -1, half);
    return ebb_concat(2, LIST(half[1], half[0]), -1);
}

static ebb_tensor *third(ebb_tensor *x) {
    ebb_tensor *part[3];
    ebb_split(x, 3, 0, part);
    return part[2];
}

#define RANK_8 "[[[[[[[[1, 2]]], [[[3, 4]]]]]]]]" /* [1,1,1,1,2,1,1,2] */

static const struct {
    const char *name;
    make *f;
    const char *x, *y; /* y: as integers */
} moves[] = {
    {"reverse rows", reverse_rows, "[[1, 2], [3, 4]]", "[[3 4]\n [1 2]]"},
    {"reverse last", reverse_last, "[[1, 2, 3], [4, 5, 6]]", "[[3 2 1]\n [6 5 4]]"},
    {"reverse all", reverse_all, "[[1, 2], [3, 4]]", "[[4 3]\n [2 1]]"},
    {"reverse a scalar", reverse_all, "7", "7"},
    {"reverse rank 8", reverse_last, RANK_8, "[[[[[[[[2 1]]]\n\n\n     [[[4 3]]]]]]]]"},
    {"concat one", concat_one, "[1, 2]", "[1 2]"},
    {"concat rows", concat_rows, "[[1, 2]]", "[[1 2]\n [2 4]\n [1 2]]"},
    {"concat last", concat_last, "[[1], [2]]", "[[1 1 1 1 3]\n [2 2 2 2 6]]"},
    {"concat reversed", concat_reversed, "[1, 2, 3]", "[3 2 1 1 2 3]"},
    {"concat nothing", concat_rows, "[]", "[]"},
    {"stack first", stack_first, "[1, 2]", "[[1 2]\n [2 4]]"},
    {"stack last", stack_last, "[1, 2]", "[[1 1 2]\n [2 2 4]]"},
    {"stack scalars", stack_first, "3", "[3 6]"},
    {"stack one", stack_one, "[1, 2]", "[[1]\n [2]]"},
    {"split and concat", swapped_halves, "[[1, 2, 3, 4], [5, 6, 7, 8]]", "[[3 4 1 2]\n [7 8 5 6]]"},
    {"split", third, "[1, 2, 3, 4, 5, 6]", "[5 6]"},
    {"roll on", roll_on, "[[1, 2, 3], [4, 5, 6]]", "[[3 1 2]\n [6 4 5]]"},
    {"roll back", roll_back, "[1, 2, 3]", "[2 3 1]"},
    {"roll round", roll_round, "[1, 2, 3]", "[1 2 3]"},
    {"roll nothing", roll_on, "[]", "[]"},
    {"tile both", tile_both, "[[1, 2]]", "[[1 2 1 2 1 2]\n [1 2 1 2 1 2]]"},
    {"tile once", tile_once, "[[1, 2]]", "[[1 2]]"},
    {"tile away", tile_away, "[[1, 2]]", "[]"},
    {"tile a scalar", tile_scalar, "5", "5"},
    {"repeat rows", repeat_rows, "[[1, 2], [3, 4]]", "[[1 2]\n [1 2]\n [3 4]\n [3 4]]"},
    {"repeat last", repeat_last, "[1, 2]", "[1 1 1 2 2 2]"},
    {"repeat once", repeat_once, "[1, 2]", "[1 2]"},
    {"repeat rank 8", repeat_last, RANK_8, "[[[[[[[[1 1 1 2 2 2]]]\n\n\n     [[[3 3 3 4 4 4]]]]]]]]"},
    {"tril", lower, "[[1, 2, 3], [4, 5, 6], [7, 8, 9]]", "[[1 0 0]\n [4 5 0]\n [7 8 9]]"},
    {"tril 1", lower_wide, "[[1, 2, 3], [4, 5, 6]]", "[[1 2 0]\n [4 5 6]]"},
    {"triu", upper, "[[1, 2, 3], [4, 5, 6]]", "[[1 2 3]\n [0 5 6]]"},
    {"triu -1", upper_wide, "[[1, 2], [3, 4], [5, 6]]", "[[1 2]\n [3 4]\n [0 6]]"},
    {"triu of a batch", upper, "[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]", "[[[1 2]\n  [0 4]]\n\n [[5 6]\n  [0 8]]]"},
    {"diag", diagonal, "[1, 2]", "[[1 0]\n [0 2]]"},
    {"diag of one", diagonal, "[7]", "[[7]]"},
    {"diag of nothing", diagonal, "[]", "[]"},
    {"diag of a batch", diagonal, "[[1, 2], [3, 4]]", "[[[1 0]\n  [0 2]]\n\n [[3 0]\n  [0 4]]]"},
    {"diag_part", diagonal_of, "[[1, 2], [3, 4]]", "[1 4]"},
    {"diag_part wide", diagonal_of, "[[1, 2, 3], [4, 5, 6]]", "[1 5]"},
    {"diag_part tall", diagonal_of, "[[1, 2], [3, 4], [5, 6]]", "[1 4]"},
    {"diag_part of a batch", diagonal_of, "[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]", "[[1 4]\n [5 8]]"},
    {"cumsum", sums, "[[1, 2, 3], [4, 5, 6]]", "[[ 1  3  6]\n [ 4  9 15]]"},
    {"cumsum from the end", sums_back, "[1, 2, 3, 4, 5]", "[15 14 12  9  5]"},
};

/* ---- values, in every dtype, as it comes and compiled ---- */

static void body(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)e;
    out[0] = (*(make *const *)data)(in[0]);
}

static ebb_function *function_of(ebb_body *b, make *const *f, ebb_mode mode) {
    return ebb_function_new(ebb, b, &(ebb_function_options){.name = "f", .data = (void *)(uintptr_t)f, .mode = mode});
}

Test(structure, values_in_every_dtype) {
    int cases = 0;
    for (int k = 0; k < COUNT(moves); k++)
        for (int dtype = EBB_I32; dtype <= EBB_F64; dtype++, cases++)
            EBB_SCOPE (ebb) {
                ebb_tensor *x = ebb_literal(ebb, moves[k].x, (ebb_dtype)dtype);
                ebb_function *f = function_of(body, &moves[k].f, EBB_NATIVE);
                expect_text(ebb_cast(moves[k].f(x), EBB_I64), moves[k].y, "%s, dtype %d", moves[k].name, dtype);
                expect_text(ebb_cast(ebb_call(f, x), EBB_I64), moves[k].y, "%s, dtype %d, native", moves[k].name,
                            dtype);
                ebb_function_free(f);
            }
    printf("cases: %d values, eager and native\n", 2 * cases);
}

/* Zeros keep their sign, NaN stays where it is, and what is cut away is away. */
Test(structure, every_bit_passes) {
    struct {
        const char *name;
        make *f;
        const char *x, *y;
    } cases[] = {
        {"concat", concat_rows, "[-0.0, nan]", "[-0. nan -0. nan -0. nan]"},
        {"reverse", reverse_all, "[-0.0, nan, inf]", "[inf nan -0.]"},
        {"roll", roll_on, "[-0.0, nan, inf]", "[inf -0. nan]"},
        {"repeat", repeat_last, "[-0.0]", "[-0. -0. -0.]"},
        {"tril", lower, "[[-0.0, nan], [inf, 1.0]]", "[[-0.  0.]\n [inf  1.]]"},
        {"diag", diagonal, "[nan, -0.0]", "[[nan  0.]\n [ 0. -0.]]"},
        {"diag_part", diagonal_of, "[[-0.0, nan], [nan, inf]]", "[-0. inf]"},
    };
    for (int k = 0; k < COUNT(cases); k++)
        expect_text(cases[k].f(ebb_literal(ebb, cases[k].x, EBB_F32)), cases[k].y, "%s", cases[k].name);
    expect_text(ebb_concat(2, LIST(ebb_literal(ebb, "[true]", EBB_NONE), ebb_literal(ebb, "[false]", EBB_NONE)), 0),
                "[ True False]", "bools");
    expect_text(ebb_triu(ebb_literal(ebb, "[[true, true], [true, true]]", EBB_NONE), 1),
                "[[False  True]\n [False False]]", "bools");
}

/* ---- derivatives against the matrix ---- */

enum { MOST = 64 };

typedef struct matrix {
    int rows, columns;
    double at[MOST][MOST];
} matrix;

static ebb_tensor *unit(const ebb_tensor *like, int64_t i) {
    double number[MOST] = {0};
    int64_t dims[8];
    for (int a = 0; a < ebb_rank(like); a++)
        dims[a] = ebb_dim(like, a);
    number[i] = 1;
    return ebb_constant(ebb, EBB_F64, ebb_rank(like), dims, number);
}

static void jacobian(make *f, const ebb_tensor *x, matrix *j) {
    *j = (matrix){.columns = (int)ebb_size(x)};
    for (int i = 0; i < j->columns; i++)
        EBB_SCOPE (ebb) {
            ebb_tensor *y = f(unit(x, i));
            j->rows = (int)ebb_size(y);
            cr_assert(j->rows <= MOST);
            for (int k = 0; k < j->rows; k++)
                j->at[k][i] = ebb_item(y, k);
        }
}

static double weight(int k) { return k % 5 - 1.5; }

/* sum of weight * y^2 */
static void loss(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    double w[MOST] = {0};
    int64_t dims[8];
    ebb_tensor *y = (*(make *const *)data)(in[0]);
    for (int a = 0; a < ebb_rank(y); a++)
        dims[a] = ebb_dim(y, a);
    for (int k = 0; k < ebb_size(y); k++)
        w[k] = weight(k);
    out[0] = ebb_sum(ebb_mul(ebb_square(y), ebb_constant(e, EBB_F64, ebb_rank(y), dims, w)));
}

static void expect_numbers(const char *name, const char *what, ebb_mode mode, ebb_tensor *got, int n,
                           const double *want) {
    cr_expect_eq(ebb_size(got), n, "%s, %s: %d numbers", name, what, (int)ebb_size(got));
    for (int i = 0; i < n; i++)
        cr_expect_float_eq(ebb_item(got, i), want[i], 1e-12, "%s, %s, mode %d: element %d is %g, should be %g", name,
                           what, mode, i, ebb_item(got, i), want[i]);
}

/* J v, 2 J' W J x and 2 J' W J v. */
static void multiply(const matrix *j, const double *x, double *jx, double *second) {
    memset(jx, 0, MOST * sizeof *jx);
    memset(second, 0, MOST * sizeof *second);
    for (int k = 0; k < j->rows; k++)
        for (int i = 0; i < j->columns; i++)
            jx[k] += j->at[k][i] * x[i];
    for (int k = 0; k < j->rows; k++)
        for (int i = 0; i < j->columns; i++)
            second[i] += 2 * weight(k) * j->at[k][i] * jx[k];
}

static void check_derivatives(const char *name, make *const *f, ebb_tensor *x, ebb_mode mode) {
    static matrix j;
    double jx[MOST], gradient[MOST], jv[MOST], second[MOST];
    ebb_tensor *v = ebb_add(ebb_mul(x, 0.5), 1), *out[2];
    ebb_function *plain = function_of(body, f, mode), *scalar = function_of(loss, f, mode);
    ebb_function *forward = ebb_jvp(plain, NULL), *reverse = ebb_grad(scalar, NULL), *hvp = ebb_hvp(scalar, NULL);
    jacobian(*f, x, &j);
    multiply(&j, ebb_data(x), jx, gradient);
    multiply(&j, ebb_data(v), jv, second);
    ebb_call_n(forward, 2, ((ebb_operand[]){EBB_OPERAND(x), EBB_OPERAND(v)}), 2, out);
    expect_numbers(name, "value", mode, out[0], j.rows, jx);
    expect_numbers(name, "jvp", mode, out[1], j.rows, jv);
    expect_numbers(name, "gradient", mode, ebb_call(reverse, x), j.columns, gradient);
    expect_numbers(name, "second derivative", mode, ebb_call(hvp, x, v), j.columns, second);
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_watch(tape, x);
    expect_numbers(name, "tape", mode, ebb_gradient(tape, ebb_call(scalar, x), x), j.columns, gradient);
    ebb_function *all[] = {hvp, reverse, forward, scalar, plain};
    for (int k = 0; k < COUNT(all); k++)
        ebb_function_free(all[k]);
}

Test(structure, derivatives_move_back) {
    int cases = 0;
    for (int k = 0; k < COUNT(moves); k++)
        for (int mode = EBB_NATIVE; mode <= EBB_EAGER; mode++)
            EBB_SCOPE (ebb) {
                ebb_tensor *x = ebb_literal(ebb, moves[k].x, EBB_F64);
                if (ebb_size(x) == 0 || !strcmp(moves[k].name, "tile away")) continue;
                check_derivatives(moves[k].name, &moves[k].f, x, (ebb_mode)mode);
                cases += 5;
            }
    printf("cases: %d derivatives\n", cases);
}

/* The Hessian of the product at zeros, where quotients would be NaN: the products of the others. */
MAKE(product, ebb_prod_over(x, EBB_ALL_AXES, false))
MAKE(last_products, ebb_sum(ebb_cumprod(x, 0)))

Test(structure, second_derivatives_of_products_at_zeros) {
    static const struct {
        make *f;
        const char *x, *v, *gradient, *second;
    } cases[] = {
        {product, "[2, 0, 3]", "[1, 0, 0]", "[0. 6. 0.]", "[0. 3. 0.]"},
        {product, "[2, 0, 3]", "[0, 1, 0]", "[0. 6. 0.]", "[3. 0. 2.]"},
        {product, "[0, 0, 3]", "[1, 0, 0]", "[0. 0. 0.]", "[0. 3. 0.]"},
        {product, "[0, 0, 0, 5]", "[1, 1, 1, 1]", "[0. 0. 0. 0.]", "[0. 0. 0. 0.]"},
        {last_products, "[2, 0, 3]", "[0, 1, 0]", "[1. 8. 0.]", "[4. 0. 2.]"},
    };
    for (int k = 0; k < COUNT(cases); k++)
        for (int mode = EBB_NATIVE; mode <= EBB_EAGER; mode++) {
            ebb_function *f = function_of(body, &cases[k].f, (ebb_mode)mode);
            ebb_tensor *x = ebb_literal(ebb, cases[k].x, EBB_F32), *v = ebb_literal(ebb, cases[k].v, EBB_F32);
            expect_text(ebb_call(ebb_grad(f, NULL), x), cases[k].gradient, "case %d, mode %d", k, mode);
            expect_text(ebb_call(ebb_hvp(f, NULL), x, v), cases[k].second, "case %d, mode %d", k, mode);
        }
}

/* ---- reductions and order by their public names ---- */

Test(structure, reductions_and_order) {
    ebb_tensor *i = ebb_literal(ebb, "[[3, -2147483648, 5], [1, 2147483647, -7]]", EBB_I32);
    ebb_tensor *x = ebb_literal(ebb, "[[1, 2, 3], [4, 4, 4]]", EBB_F32);
    ebb_tensor *b = ebb_literal(ebb, "[[true, false], [true, true]]", EBB_NONE);
    ebb_tensor *none = ebb_zeros(ebb, EBB_F32, EBB_SHAPE(0, 2)), *no = ebb_cast(none, EBB_BOOL);
    struct {
        const char *name;
        ebb_tensor *y;
        const char *text;
    } cases[] = {
        {"min", ebb_min_over(i, EBB_AXES(1), false), "[-2147483648          -7]"},
        {"min, kept", ebb_min_over(x, EBB_AXES(0), true), "[[1. 2. 3.]]"},
        {"argmin", ebb_argmin(i, 1), "[1 2]"},
        {"argmin -2", ebb_argmin(i, -2), "[1 0 1]"},
        {"prod", ebb_prod_over(x, EBB_AXES(1), false), "[ 6. 64.]"},
        {"prod wraps", ebb_prod_over(ebb_literal(ebb, "[65536, 65536]", EBB_I32), EBB_ALL_AXES, false), "0"},
        {"prod of nothing", ebb_prod_over(none, EBB_AXES(0), false), "[1. 1.]"},
        {"variance", ebb_variance_over(x, EBB_AXES(1), false), "[0.6666667 0.       ]"},
        {"deviation", ebb_deviation_over(x, EBB_AXES(0), false), "[1.5 1.  0.5]"},
        {"variance of nothing", ebb_variance_over(none, EBB_AXES(0), false), "[nan nan]"},
        {"deviation of nothing", ebb_deviation_over(none, EBB_AXES(0), true), "[[nan nan]]"},
        {"all", ebb_all_over(b, EBB_AXES(1), false), "[False  True]"},
        {"any", ebb_any_over(b, EBB_AXES(0), true), "[[ True  True]]"},
        {"all of nothing", ebb_all_over(no, EBB_AXES(0), false), "[ True  True]"},
        {"any of nothing", ebb_any_over(no, EBB_ALL_AXES, false), "False"},
        {"cumprod", ebb_cumprod(x, -1), "[[ 1.  2.  6.]\n [ 4. 16. 64.]]"},
        {"sort", ebb_sort(i, 1), "[[-2147483648           3           5]\n [         -7           1  2147483647]]"},
        {"sort columns", ebb_sort(i, 0),
         "[[          1 -2147483648          -7]\n [          3  2147483647           5]]"},
        {"sort bools", ebb_sort(b, 1), "[[False  True]\n [ True  True]]"},
        {"argsort", ebb_argsort(ebb_literal(ebb, "[2, nan, 1, 2]", EBB_F32), 0), "[2 0 3 1]"},
        {"one_hot", ebb_one_hot(ebb_literal(ebb, "[1, 3, -1, 0]", EBB_I32), 3, EBB_F32),
         "[[0. 1. 0.]\n [0. 0. 0.]\n [0. 0. 0.]\n [1. 0. 0.]]"},
        {"one_hot of one", ebb_one_hot(ebb_literal(ebb, "1", EBB_I64), 2, EBB_BOOL), "[False  True]"},
    };
    for (int k = 0; k < COUNT(cases); k++)
        expect_text(cases[k].y, cases[k].text, "%s", cases[k].name);
}

/* Each result is a tensor of its own, a variable's too. */
Test(structure, results_are_new_tensors) {
    static make *const same[] = {concat_one, tile_once, repeat_once, roll_round};
    ebb_tensor *v = ebb_variable(ebb, ebb_literal(ebb, "[[1, 2]]", EBB_F32), "v");
    for (int k = 0; k < COUNT(same); k++) {
        ebb_tensor *y = same[k](v);
        cr_expect(y != v && ebb_is_tensor(y), "case %d", k);
        ebb_assign_add(v, ebb_ones(ebb, EBB_F32, EBB_SHAPE(1, 2)));
        cr_expect_float_eq(ebb_item(y, 0), k + 1, 0, "case %d sees the assignment", k);
        ebb_release(y);
    }
}

/* ---- refusals ---- */

Test(structure, refusals) {
    ebb_tensor *x = ebb_literal(ebb, "[[1, 2, 3], [4, 5, 6]]", EBB_F32), *v = ebb_literal(ebb, "[1, 2]", EBB_F32);
    ebb_tensor *s = ebb_literal(ebb, "1", EBB_F32), *i = ebb_literal(ebb, "[1]", EBB_I32), *part[4];
    ebb_tensor *deep = ebb_ones(ebb, EBB_F32, EBB_SHAPE(1, 1, 1, 1, 1, 1, 1, 1));
    ebb_tensor *empty = ebb_zeros(ebb, EBB_F32, EBB_SHAPE(0, 3));
#define REFUSE(code, text, call)                                                                                       \
    cr_expect(ebb_is_poison(call), "%s", text);                                                                        \
    expect_error(ebb, code, text, "%s", #call)
    REFUSE(EBB_INDEX_ERROR, "ebb_reverse: axis 2 is out of range for [2,3]", ebb_reverse(x, EBB_AXES(2)));
    REFUSE(EBB_VALUE_ERROR, "ebb_reverse: axis 1 is given twice", ebb_reverse(x, EBB_AXES(1, -1)));
    REFUSE(EBB_VALUE_ERROR, "ebb_concat: no tensors given", ebb_concat(0, LIST(x), 0));
    REFUSE(EBB_VALUE_ERROR, "ebb_concat: no tensors given", ebb_concat(2, NULL, 0));
    REFUSE(EBB_TYPE_ERROR, "ebb_concat: operand 2", ebb_concat(2, LIST(x, NULL), 0));
    REFUSE(EBB_VALUE_ERROR, "ebb_concat: [2,3] and [2]: they differ in rank", ebb_concat(2, LIST(x, v), 0));
    REFUSE(EBB_VALUE_ERROR, "ebb_concat: [1,2] and [1,1]: they differ beside the axis",
           ebb_concat(2, LIST(ebb_reshape(v, EBB_SHAPE(1, 2)), ebb_reshape(s, EBB_SHAPE(1, 1))), 0));
    REFUSE(EBB_TYPE_ERROR, "ebb_concat: operands f32[2] and i32[1] differ in dtype", ebb_concat(2, LIST(v, i), 0));
    REFUSE(EBB_INDEX_ERROR, "ebb_concat: axis 0 is out of range for []", ebb_concat(2, LIST(s, s), 0));
    REFUSE(EBB_VALUE_ERROR, "ebb_stack: shapes [2,3] and [2] differ", ebb_stack(2, LIST(x, v), 0));
    REFUSE(EBB_INDEX_ERROR, "ebb_stack: axis 3 is out of range for rank 3", ebb_stack(2, LIST(x, x), 3));
    REFUSE(EBB_VALUE_ERROR, "ebb_stack: rank 9; it is at most 8", ebb_stack(1, LIST(deep), 0));
    REFUSE(EBB_INDEX_ERROR, "ebb_roll: axis 1 is out of range for [2]", ebb_roll(v, 1, 1));
    REFUSE(EBB_TYPE_ERROR, "ebb_tile: times is NULL", ebb_tile(x, NULL));
    REFUSE(EBB_VALUE_ERROR, "ebb_tile: axis 1 cannot be repeated -1 times", ebb_tile(x, NUMBERS(2, -1)));
    REFUSE(EBB_VALUE_ERROR, "ebb_repeat: axis 0 cannot be repeated 9223372036854775807 times",
           ebb_repeat(v, INT64_MAX, 0));
    REFUSE(EBB_VALUE_ERROR, "ebb_tril: [2] has fewer than 2 axes", ebb_tril(v, 0));
    REFUSE(EBB_VALUE_ERROR, "ebb_diag: [] has fewer than 1 axes", ebb_diag(s));
    REFUSE(EBB_VALUE_ERROR, "ebb_diag: rank 9; it is at most 8", ebb_diag(deep));
    REFUSE(EBB_VALUE_ERROR, "ebb_diag_part: [2] has fewer than 2 axes", ebb_diag_part(v));
    REFUSE(EBB_TYPE_ERROR, "ebb_one_hot: the index is f32[2]; it needs i32 or i64", ebb_one_hot(v, 3, EBB_F32));
    REFUSE(EBB_VALUE_ERROR, "ebb_one_hot: [1,1] with depth -1 is no shape",
           ebb_one_hot(ebb_reshape(i, EBB_SHAPE(1, 1)), -1, EBB_F32));
    REFUSE(EBB_VALUE_ERROR, "ebb_min_over: axis 0 of [0,3] is empty", ebb_min_over(empty, EBB_AXES(0), false));
    REFUSE(EBB_VALUE_ERROR, "ebb_argmin: axis 0 of [0,3] is empty", ebb_argmin(empty, 0));
    REFUSE(EBB_TYPE_ERROR, "ebb_all_over: operand is f32[2]; it needs bool", ebb_all_over(v, EBB_ALL_AXES, false));
    REFUSE(EBB_INDEX_ERROR, "ebb_sort: axis 1 is out of range for [2]", ebb_sort(v, 1));
    ebb_split(x, 2, 1, part);
    cr_expect(ebb_is_poison(part[0]) && ebb_is_poison(part[1]));
    expect_error(ebb, EBB_VALUE_ERROR, "ebb_split: 2 parts do not divide axis 1 of size 3", "split");
    ebb_split(x, 0, 1, part);
    expect_error(ebb, EBB_VALUE_ERROR, "ebb_split: no parts asked for", "split");
}
