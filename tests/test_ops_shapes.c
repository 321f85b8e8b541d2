/* test_ops_shapes.c - the public operations on axes: rearranging, reductions, products, by what they print. */
#include <criterion/criterion.h>

#include "tests/support/check.h"

static ebb_context *ebb;

static void start(void) { ebb = ebb_open(NULL); }
static void stop(void) { ebb_close(ebb); }

TestSuite(ops, .init = start, .fini = stop);

static ebb_tensor *read(const char *text) { return ebb_literal(ebb, text, EBB_NONE); }
static ebb_tensor *read_f32(const char *text) { return ebb_literal(ebb, text, EBB_F32); }

#define I64(...) ((const int64_t[]){__VA_ARGS__})

Test(ops, rearranging) {
    ebb_tensor *x = read("[[1,2,3],[4,5,6]]"), *s = read("5");
    struct {
        const char *name;
        ebb_tensor *y;
        const char *text;
    } cases[] = {
        {"broadcast_to", ebb_broadcast_to(read("[1,2]"), EBB_SHAPE(2, 2)), "[[1 2]\n [1 2]]"},
        {"broadcast_to scalar", ebb_broadcast_to(s, EBB_SHAPE(3)), "[5 5 5]"},
        {"broadcast_to itself", ebb_broadcast_to(s, EBB_SCALAR), "5"},
        {"broadcast_to nothing", ebb_broadcast_to(s, EBB_SHAPE(0)), "[]"},
        {"reshape", ebb_reshape(x, EBB_SHAPE(3, 2)), "[[1 2]\n [3 4]\n [5 6]]"},
        {"reshape -1", ebb_reshape(x, EBB_SHAPE(-1)), "[1 2 3 4 5 6]"},
        {"reshape -1 of 3", ebb_reshape(x, EBB_SHAPE(2, -1, 3)), "[[[1 2 3]]\n\n [[4 5 6]]]"},
        {"reshape to scalar", ebb_reshape(read("[7]"), EBB_SCALAR), "7"},
        {"reshape nothing", ebb_reshape(read("[]"), EBB_SHAPE(-1, 3)), "[]"},
        {"transpose", ebb_transpose(x, EBB_AXES(1, 0)), "[[1 4]\n [2 5]\n [3 6]]"},
        {"transpose -1", ebb_transpose(x, EBB_AXES(-1, -2)), "[[1 4]\n [2 5]\n [3 6]]"},
        {"slice", ebb_slice(x, I64(0, 1), I64(2, 3), NULL), "[[2 3]\n [5 6]]"},
        {"slice with steps", ebb_slice(x, I64(0, 0), I64(2, 3), I64(1, 2)), "[[1 3]\n [4 6]]"},
        {"slice from the end", ebb_slice(x, I64(-1, -2), I64(INT64_MAX, INT64_MAX), NULL), "[[5 6]]"},
        {"slice of nothing", ebb_slice(x, I64(0, 3), I64(2, 3), NULL), "[]"},
        {"slice turned", ebb_slice(x, I64(0, 2), I64(2, 1), NULL), "[]"},
        {"slice beyond", ebb_slice(x, I64(INT64_MIN, 9), I64(1, 99), I64(INT64_MAX, INT64_MAX)), "[]"},
        {"pad", ebb_pad(x, I64(0, 1), I64(1, 0)), "[[0 1 2 3]\n [0 4 5 6]\n [0 0 0 0]]"},
        {"pad a scalar", ebb_pad(s, NULL, NULL), "5"},
        {"cast", ebb_cast(read("[1.9, -1.9, nan, 1e20]"), EBB_I32), "[         1         -1          0 2147483647]"},
        {"cast to bool", ebb_cast(read("[0, 2]"), EBB_BOOL), "[False  True]"},
        {"windows", ebb_windows(x, -1, 2, 1, 1), "[[[1 2]\n  [2 3]]\n\n [[4 5]\n  [5 6]]]"},
        {"windows with gaps", ebb_windows(ebb_range(ebb, EBB_I32, 6), 0, 2, 2, 3), "[[0 3]\n [2 5]]"},
        {"overlap_add", ebb_overlap_add(ebb_windows(x, 1, 2, 1, 1), -2, 3, 1, 1), "[[ 1  4  3]\n [ 4 10  6]]"},
    };
    for (int i = 0; i < COUNT(cases); i++)
        expect_text(cases[i].y, cases[i].text, "%s", cases[i].name);
    cr_expect_eq(ebb_dim(cases[18].y, 0), -1);
    cr_expect(ebb_rank(ebb_reshape(read("[]"), EBB_SHAPE(-1, 3))) == 2 &&
                  ebb_data(ebb_reshape(x, EBB_SHAPE(6))) == ebb_data(x),
              "no copy");
    expect_ok(ebb, "rearranging");
}

Test(ops, reductions) {
    ebb_tensor *x = read_f32("[[1,2,3],[4,5,6]]"), *l = read_f32("[[0,0],[1000,1000]]");
    struct {
        const char *name;
        ebb_tensor *y;
        const char *text;
    } cases[] = {
        {"sum", ebb_sum(x), "21.0"},
        {"sum over 0", ebb_sum_over(x, EBB_AXES(0), false), "[5. 7. 9.]"},
        {"sum over -1", ebb_sum_over(x, EBB_AXES(-1), false), "[ 6. 15.]"},
        {"sum over both, turned", ebb_sum_over(x, EBB_AXES(1, 0), false), "21.0"},
        {"sum, kept", ebb_sum_over(x, EBB_AXES(1), true), "[[ 6.]\n [15.]]"},
        {"sum, all kept", ebb_sum_over(x, EBB_ALL_AXES, true), "[[21.]]"},
        {"sum over none", ebb_sum_over(x, 0, (const int *)0, false), "[[1. 2. 3.]\n [4. 5. 6.]]"},
        {"sum of a scalar", ebb_sum(read("3")), "3"},
        {"sum of nothing", ebb_sum(read("[]")), "0.0"},
        {"sum of integers", ebb_sum(read("[1,2,3]")), "6"},
        {"mean", ebb_mean(x), "3.5"},
        {"mean, kept", ebb_mean_over(x, EBB_AXES(0), true), "[[2.5 3.5 4.5]]"},
        {"max", ebb_max_over(x, EBB_AXES(1), false), "[3. 6.]"},
        {"logsumexp", ebb_logsumexp_over(l, EBB_AXES(1), false), "[6.9314718e-01 1.0006932e+03]"},
        {"norm", ebb_norm(read("[3., 4.]")), "5.0"},
        {"norm of much", ebb_norm(read("[3e30, 4e30]")), "5e+30"},
        {"argmax", ebb_argmax(read("[[1,5,5],[7,2,3]]"), 1), "[1 0]"},
        {"argmax -2", ebb_argmax(read("[[1,5,5],[7,2,3]]"), -2), "[1 0 0]"},
        {"softmax", ebb_softmax(l, -1), "[[0.5 0.5]\n [0.5 0.5]]"},
        {"log_softmax", ebb_log_softmax(read("[10000., 0]"), 0), "[     0. -10000.]"},
        {"cross-entropy", ebb_sparse_softmax_cross_entropy(l, read("[0, 1]")), "[0.6931472 0.6931472]"},
    };
    for (int i = 0; i < COUNT(cases); i++)
        expect_text(cases[i].y, cases[i].text, "%s", cases[i].name);
    cr_expect_eq((int)ebb_dtype_of(cases[16].y), EBB_I64);
    expect_ok(ebb, "reductions");
}

Test(ops, products) {
    ebb_tensor *m = read_f32("[[1,2],[3,4]]"), *v = read_f32("[5,6]"), *w = read_f32("[[1,2],[3,4],[5,6]]");
    ebb_tensor *b = ebb_reshape(ebb_range(ebb, EBB_F32, 8), EBB_SHAPE(2, 2, 2)), *i = read("[2,0,2]");
    struct {
        const char *name;
        ebb_tensor *y;
        const char *text;
    } cases[] = {
        {"matrix, matrix", ebb_matmul(m, m), "[[ 7. 10.]\n [15. 22.]]"},
        {"matrix, vector", ebb_matmul(m, v), "[17. 39.]"},
        {"vector, matrix", ebb_matmul(v, m), "[23. 34.]"},
        {"vector, vector", ebb_matmul(v, v), "61.0"},
        {"transposed left", ebb_matmul_with(w, w, true, false), "[[35. 44.]\n [44. 56.]]"},
        {"transposed right", ebb_matmul_with(m, w, false, true), "[[ 5. 11. 17.]\n [11. 25. 39.]]"},
        {"transposed vectors", ebb_matmul_with(v, v, true, true), "61.0"},
        {"batch, matrix", ebb_matmul(b, m), "[[[ 3.  4.]\n  [11. 16.]]\n\n [[19. 28.]\n  [27. 40.]]]"},
        {"matrix, batch", ebb_matmul(m, b), "[[[ 4.  7.]\n  [ 8. 15.]]\n\n [[16. 19.]\n  [36. 43.]]]"},
        {"batch, vector", ebb_matmul(b, v), "[[ 6. 28.]\n [50. 72.]]"},
        {"vector, batch", ebb_matmul(v, b), "[[12. 23.]\n [56. 67.]]"},
        {"integers", ebb_matmul(read("[[1,2]]"), read("[[3],[4]]")), "[[11]]"},
        {"no inner size",
         ebb_matmul(ebb_zeros(ebb, EBB_F32, EBB_SHAPE(2, 0)), ebb_zeros(ebb, EBB_F32, EBB_SHAPE(0, 2))),
         "[[0. 0.]\n [0. 0.]]"},
        {"gather", ebb_gather(read("[10,20,30]"), i, 0), "[30 10 30]"},
        {"gather -1", ebb_gather(m, read("1"), -1), "[2. 4.]"},
        {"gather rows", ebb_gather(w, read("[[0],[2]]"), 0), "[[[1. 2.]]\n\n [[5. 6.]]]"},
        {"scatter_add", ebb_scatter_add(read("[10,20,30]"), i, read("[1,2,3]"), 0), "[12 20 34]"},
    };
    for (int k = 0; k < COUNT(cases); k++)
        expect_text(cases[k].y, cases[k].text, "%s", cases[k].name);
    expect_ok(ebb, "products");
    ebb_tensor *a = ebb_ones(ebb, EBB_F32, EBB_SHAPE(2, 2)), *e = ebb_matmul(a, ebb_square(a)); /* G002-8 */
    expect_text(ebb_mul(e, ebb_add(ebb_square(a), ebb_sqrt(a))), "[[4. 4.]\n [4. 4.]]", "G002-8");
}
