/* test_index_edges.c - indices, blocks and sorting where there are no derivatives: integers, bools, the far ends of
 * both, nothing at all; and refusals. Values and gradients are in test_index.c. */
#include <criterion/criterion.h>
#include <math.h>

#include "tests/support/check.h"

static ebb_context *ebb;
static void start(void) { ebb = ebb_open(NULL); }
static void stop(void) {
    expect_ok(ebb, "at the end");
    ebb_close(ebb);
}
TestSuite(index, .init = start, .fini = stop);

static ebb_tensor *literal(const char *text, ebb_dtype dtype) { return ebb_literal(ebb, text, dtype); }

/* ---- values ---- */

typedef struct row {
    const char *name;
    ebb_tensor *y;
    const char *text;
} row;

static void expect_rows(const row *table, int n) {
    for (int k = 0; k < n; k++)
        expect_text(table[k].y, table[k].text, "%s", table[k].name);
}

Test(index, scattered_and_gathered) {
    ebb_tensor *i = literal("[1, 1]", EBB_I32), *b = literal("[true, false]", EBB_NONE);
    ebb_tensor *x = literal("[-2147483648, 5]", EBB_I32), *u = literal("[2147483647, -3]", EBB_I32);
    ebb_tensor *wide = literal("[-9223372036854775807, 5]", EBB_I64),
               *v = literal("[3, -9223372036854775807]", EBB_I64);
    const row table[] = {
        {"max of i32", ebb_scatter_max(x, i, u, 0), "[-2147483648  2147483647]"},
        {"min of i32", ebb_scatter_min(x, i, u, 0), "[-2147483648          -3]"},
        {"max of i64", ebb_scatter_max(wide, i, v, 0), "[-9223372036854775807                    5]"},
        {"min of i64", ebb_scatter_min(wide, i, v, 0), "[-9223372036854775807 -9223372036854775807]"},
        {"update of i64", ebb_scatter_update(wide, i, v, 0), "[-9223372036854775807 -9223372036854775807]"},
        {"update of bools", ebb_scatter_update(b, i, b, 0), "[ True False]"},
        {"update of bools, once", ebb_scatter_update(b, literal("[1]", EBB_I64), literal("[true]", EBB_NONE), 0),
         "[ True  True]"},
        {"gather_nd of bools", ebb_gather_nd(b, literal("[[1], [0]]", EBB_I64)), "[False  True]"},
        {"NaN wins", ebb_scatter_max(literal("[nan, 1]", EBB_F32), i, literal("[9, nan]", EBB_F32), 0), "[nan nan]"},
        {"NaN wins the minimum", ebb_scatter_min(literal("[nan, 1]", EBB_F32), i, literal("[nan, 9]", EBB_F32), 0),
         "[nan nan]"},
        {"of nothing", ebb_gather_nd(literal("[[]]", EBB_F32), literal("[[0], [0]]", EBB_I64)), "[]"},
        {"by nothing",
         ebb_scatter_nd_add(literal("[1, 2]", EBB_F32), ebb_zeros(ebb, EBB_I32, EBB_SHAPE(0, 1)),
                            literal("[]", EBB_F32)),
         "[1. 2.]"},
    };
    expect_rows(table, COUNT(table));
}

static ebb_tensor *top_places(const char *text, int64_t k) {
    ebb_tensor *at;
    ebb_top_k(literal(text, EBB_F64), k, 0, &at);
    return at;
}

Test(index, blocks_and_the_largest) {
    ebb_tensor *wide = literal("[-9223372036854775807, 5]", EBB_I64), *u = literal("[2147483647, -3]", EBB_I32);
    ebb_tensor *b = literal("[true, false]", EBB_NONE);
    const row table[] = {
        {"block at INT64_MAX", ebb_dynamic_slice(wide, literal("[9223372036854775807]", EBB_I64), EBB_SHAPE(1)), "[5]"},
        {"block of bools", ebb_dynamic_slice(b, literal("[9]", EBB_I32), EBB_SHAPE(1)), "[False]"},
        {"block of bools replaced", ebb_dynamic_update(b, literal("[1]", EBB_I64), literal("[true]", EBB_NONE)),
         "[ True  True]"},
        {"top of i32", ebb_top_k(u, 1, 0, NULL), "[2147483647]"},
        {"where the top is", top_places("[1, 7, nan, 7]", 4), "[2 1 3 0]"},
        {"where equal ones are", top_places("[5, 5, 5]", 2), "[0 1]"},
    };
    expect_rows(table, COUNT(table));
}

Test(index, searched) {
    const row table[] = {
        {"searched", ebb_searchsorted(literal("[1, 2, 2, 3]", EBB_F32), literal("[[0, 2], [9, nan]]", EBB_F32), false),
         "[[0 1]\n [4 4]]"},
        {"searched, right",
         ebb_searchsorted(literal("[1, 2, 2, nan]", EBB_F32), literal("[2, nan, -inf]", EBB_F32), true), "[3 4 0]"},
        {"searched for NaN", ebb_searchsorted(literal("[1, nan, nan]", EBB_F32), literal("nan", EBB_F32), false), "1"},
        {"searched in rows", ebb_searchsorted(literal("[[1, 2], [5, 6]]", EBB_I64), literal("[2, 2]", EBB_I64), false),
         "[1 0]"},
        {"searched in nothing", ebb_searchsorted(literal("[]", EBB_F32), literal("[1]", EBB_F32), true), "[0]"},
    };
    expect_rows(table, COUNT(table));
}

Test(index, unique_and_quantile) {
    ebb_tensor *b = literal("[true, false]", EBB_NONE), *none, *one;
    ebb_tensor *of_nothing = ebb_unique(literal("[]", EBB_F32), -1, &none);
    ebb_tensor *of_one = ebb_unique(literal("7", EBB_F32), 2, &one);
    const row table[] = {
        {"as many as there are", ebb_unique(literal("[3, 1, 3, 2, 1]", EBB_I32), -1, NULL), "[1 2 3]"},
        {"different bools", ebb_unique(b, -1, NULL), "[False  True]"},
        {"nothing is different", of_nothing, "[]"},
        {"none", none, "0"},
        {"one", of_one, "[7. 7.]"},
        {"how many", one, "1"},
        {"quantile over nothing", ebb_quantile_over(ebb_zeros(ebb, EBB_F32, EBB_SHAPE(2, 0)), 0.5, EBB_AXES(1), true),
         "[[nan]\n [nan]]"},
    };
    expect_rows(table, COUNT(table));
}

/* ---- refusals ---- */

#define REFUSE(code, text, call)                                                                                       \
    cr_expect(ebb_is_poison(call), "%s", text);                                                                        \
    expect_error(ebb, code, text, "%s", #call)

Test(index, refusals_of_indices) {
    ebb_tensor *x = literal("[[1, 2, 3], [4, 5, 6]]", EBB_F32), *f = literal("[[0, 0]]", EBB_F32);
    ebb_tensor *i = literal("[[0, 0]]", EBB_I32), *u = literal("[1]", EBB_F32), *b = literal("[true]", EBB_NONE);
    ebb_tensor *deep = ebb_ones(ebb, EBB_F32, EBB_SHAPE(1, 1, 1, 1, 1, 1, 1, 1));
    REFUSE(EBB_TYPE_ERROR, "ebb_gather_nd: the index is f32[1,2]; it needs i32 or i64", ebb_gather_nd(x, f));
    REFUSE(EBB_TYPE_ERROR, "ebb_gather_nd: operand 2", ebb_gather_nd(x, NULL));
    REFUSE(EBB_TYPE_ERROR, "ebb_scatter_nd_max: operand 3", ebb_scatter_nd_max(x, i, NULL));
    REFUSE(EBB_VALUE_ERROR, "ebb_gather_nd: x [2,3] with an index []: an index needs an axis for its parts",
           ebb_gather_nd(x, literal("1", EBB_I32)));
    REFUSE(EBB_VALUE_ERROR, "ebb_gather_nd: x [2,3] with an index [3]: it has more parts than x has axes",
           ebb_gather_nd(x, literal("[0, 0, 0]", EBB_I32)));
    REFUSE(EBB_VALUE_ERROR, "x has too many axes", ebb_gather_nd(deep, ebb_zeros(ebb, EBB_I32, EBB_SHAPE(1, 0))));
    REFUSE(EBB_VALUE_ERROR, "updates are f32[2,3]; they need to be f32[1]", ebb_scatter_nd_add(x, i, x));
    REFUSE(EBB_TYPE_ERROR, "operand is bool[1]; it needs i32, i64, f32 or f64",
           ebb_scatter_max(b, literal("[0]", EBB_I32), b, 0));
    REFUSE(EBB_VALUE_ERROR, "updates are f32[1]; they need to be bool[1]",
           ebb_scatter_update(b, literal("[0]", EBB_I32), u, 0));
    REFUSE(EBB_VALUE_ERROR, "ebb_dynamic_slice: size 4 of axis 1 does not fit into [2,3]",
           ebb_dynamic_slice(x, literal("[0, 0]", EBB_I32), EBB_SHAPE(1, 4)));
    REFUSE(EBB_VALUE_ERROR, "ebb_dynamic_slice: size -1 of axis 1 is negative",
           ebb_dynamic_slice(x, literal("[0, 0]", EBB_I32), EBB_SHAPE(1, -1)));
    REFUSE(EBB_VALUE_ERROR, "ebb_dynamic_slice: takes 2 attributes, got 1",
           ebb_dynamic_slice(x, literal("[0, 0]", EBB_I32), EBB_SHAPE(1)));
    REFUSE(EBB_TYPE_ERROR, "ebb_dynamic_update: operand 3", ebb_dynamic_update(x, i, NULL));
    REFUSE(EBB_INDEX_ERROR, "ebb_scatter_update: axis 2 is out of range", ebb_scatter_update(x, i, u, 2));
}

Test(index, refusals_of_sorting) {
    ebb_tensor *x = literal("[[1, 2, 3], [4, 5, 6]]", EBB_F32), *u = literal("[1]", EBB_F32);
    ebb_tensor *b = literal("[true]", EBB_NONE), *places;
    REFUSE(EBB_VALUE_ERROR, "ebb_top_k: 4 elements of axis 1 of [2,3]", ebb_top_k(x, 4, 1, &places));
    cr_expect(ebb_is_poison(places));
    REFUSE(EBB_INDEX_ERROR, "ebb_top_k: axis 2 is out of range", ebb_top_k(x, 1, 2, NULL));
    REFUSE(EBB_TYPE_ERROR, "ebb_searchsorted: operand 1", ebb_searchsorted(NULL, u, false));
    REFUSE(EBB_VALUE_ERROR, "ebb_searchsorted: values [1] do not fit [2,3]", ebb_searchsorted(x, u, false));
    REFUSE(EBB_VALUE_ERROR, "ebb_unique: the size is -2", ebb_unique(x, -2, NULL));
    REFUSE(EBB_VALUE_ERROR, "ebb_unique: 1 elements of f32[0]", ebb_unique(literal("[]", EBB_F32), 1, NULL));
    REFUSE(EBB_VALUE_ERROR, "ebb_quantile_over: 1.5 is outside [0, 1]", ebb_quantile_over(x, 1.5, EBB_AXES(0), false));
    REFUSE(EBB_VALUE_ERROR, "ebb_quantile_over: nan is outside", ebb_quantile_over(x, (double)NAN, EBB_AXES(0), false));
    REFUSE(EBB_TYPE_ERROR, "ebb_quantile_over: operand is bool[1]", ebb_quantile_over(b, 0.5, EBB_AXES(0), false));
    REFUSE(EBB_VALUE_ERROR, "ebb_quantile_over: axis 1 is given twice",
           ebb_quantile_over(x, 0.5, EBB_AXES(1, 1), true));
}

/* A traced function cannot know how many there are. */
static void unique_body(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)e;
    out[0] = ebb_unique(in[0], *(const int64_t *)data, &out[1]);
}

Test(index, unique_in_functions) {
    int64_t size = 2;
    ebb_tensor *x = literal("[3, 1, 3, 2]", EBB_I32), *y[2];
    ebb_function *f = ebb_function_new(ebb, unique_body, &(ebb_function_options){.data = &size, .results = 2});
    ebb_call_n(f, 1, (ebb_operand[]){EBB_OPERAND(x)}, 2, y);
    expect_text(y[0], "[1 2]", "cut");
    expect_text(y[1], "3", "counted");
    size = -1;
    ebb_call_n(ebb_function_new(ebb, unique_body, &(ebb_function_options){.data = &size, .results = 2}), 1,
               (ebb_operand[]){EBB_OPERAND(x)}, 2, y);
    expect_error(ebb, EBB_VALUE_ERROR, "ebb_unique: in a traced function the size must be given, not -1", "no size");
}
