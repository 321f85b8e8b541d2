/* test_linear_algebra.c - what the results of linear algebra satisfy, and matrices that have no answer.
 *
 * That values and derivatives are right is what the tables of operations show (test_modes.c and others). Here are
 * the public functions at every size, by the equations that define them, eagerly and natively. Start reading at
 * `identities`. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "jit/graph/graph.h"
#include "dual/dual.h"
#include "tests/support/check.h"
#include "tests/support/parsed.h"
#include "tests/support/run_graph.h"

static ebb_context *ebb;
static void start(void) { ebb = ebb_open(NULL); }
static void stop(void) {
    expect_ok(ebb, "at the end");
    ebb_close(ebb);
}
TestSuite(linear_algebra, .init = start, .fini = stop);

/* ---- what holds of the results: each of these is all zeros ---- */

#define T(x) ebb_transpose((x), EBB_AXES(0, 2, 1))

/* Batches of general matrices, and of symmetric positive definite ones. */
static ebb_tensor *positive(ebb_tensor *a) {
    ebb_tensor *one = ebb_diag(ebb_ones(ebb, ebb_dtype_of(a), EBB_SHAPE(ebb_dim(a, 2))));
    return ebb_add(ebb_matmul(T(a), a), one);
}

#define ZERO(name, formula)                                                                                            \
    static void name(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {                            \
        ebb_tensor *a = in[0], *r = in[1];                                                                             \
        (void)e, (void)data, (void)r;                                                                                  \
        out[0] = formula;                                                                                              \
    }
ZERO(solved, ebb_sub(ebb_matmul(a, ebb_solve(a, r)), r))
ZERO(solved_transposed, ebb_sub(ebb_matmul(T(a), ebb_solve_with(a, r, true)), r))
ZERO(solved_vector,
     ebb_sub(ebb_matmul(a, ebb_reshape(ebb_solve(a, ebb_ones(e, ebb_dtype_of(a), EBB_SHAPE(ebb_dim(a, 2)))),
                                       EBB_SHAPE(3, ebb_dim(a, 2), 1))),
             1))
ZERO(lower, ebb_sub(ebb_matmul(ebb_tril(a, 0), ebb_triangular_solve(a, r, NULL)), r))
ZERO(upper, ebb_sub(ebb_matmul(ebb_triu(a, 0), ebb_triangular_solve(a, r, &(ebb_triangle){.upper = true})), r))
ZERO(rooted, ebb_sub(ebb_matmul_with(ebb_cholesky(positive(a)), ebb_cholesky(positive(a)), false, true), positive(a)))
ZERO(root_is_lower, ebb_triu(ebb_cholesky(positive(a)), 1))
ZERO(asymmetry_is_left_out,
     ebb_sub(ebb_cholesky(ebb_add(positive(a), ebb_mul(0.1, ebb_sub(a, T(a))))), ebb_cholesky(positive(a))))

static ebb_tensor *ones(ebb_context *e, ebb_tensor *a, int axis) {
    return ebb_diag(ebb_ones(e, ebb_dtype_of(a), EBB_SHAPE(ebb_dim(a, axis))));
}

/* Columns of x times numbers [batch,n]. */
static ebb_tensor *columns(ebb_tensor *x, ebb_tensor *number) {
    return ebb_mul(x, ebb_reshape(number, EBB_SHAPE(ebb_dim(number, 0), 1, ebb_dim(number, 1))));
}

ZERO(inverted, ebb_sub(ebb_matmul(ebb_inv(a), a), ones(e, a, 2)))
/* With the determinant of a triangle, that of its diagonal. */
ZERO(determined,
     ebb_sub(ebb_slogdet(ebb_tril(a, 0), NULL), ebb_sum_over(ebb_log(ebb_abs(ebb_diag_part(a))), EBB_AXES(1), false)))

static void signed_logarithm(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)e, (void)data;
    ebb_tensor *a = ebb_mul(in[0], 1 / (double)(ebb_dim(in[0], 2) + 1)), *sign;
    ebb_tensor *logarithm = ebb_slogdet(a, &sign);
    out[0] = ebb_sub(ebb_mul(sign, ebb_exp(logarithm)), ebb_det(a));
}

/* Each factorisation: of a matrix as tall as it is wide, of a tall one and of a wide one. */
#define LIST(...) ((ebb_tensor *[]){__VA_ARGS__})

static ebb_tensor *cut(ebb_tensor *a, ebb_tensor *r, int which) {
    if (which == 0) return a;
    return which == 1 ? ebb_concat(2, LIST(a, T(r)), 1) : ebb_concat(2, LIST(a, r), 2);
}

static ebb_tensor *error_of_qr(ebb_context *e, ebb_tensor *a) {
    ebb_tensor *r, *q = ebb_qr(a, &r);
    ebb_tensor *error[3] = {ebb_sub(ebb_matmul(q, r), a), ebb_sub(ebb_matmul(T(q), q), ones(e, q, 2)),
                            ebb_sub(ebb_triu(r, 0), r)};
    return ebb_add(ebb_sum(ebb_abs(error[0])), ebb_add(ebb_sum(ebb_abs(error[1])), ebb_sum(ebb_abs(error[2]))));
}

static ebb_tensor *error_of_svd(ebb_context *e, ebb_tensor *a) {
    ebb_tensor *u, *v, *d = ebb_svd(a, &u, &v);
    ebb_tensor *error[3] = {ebb_sub(ebb_matmul(columns(u, d), v), a), ebb_sub(ebb_matmul(T(u), u), ones(e, u, 2)),
                            ebb_sub(ebb_matmul(v, T(v)), ones(e, v, 1))};
    return ebb_add(ebb_sum(ebb_abs(error[0])), ebb_add(ebb_sum(ebb_abs(error[1])), ebb_sum(ebb_abs(error[2]))));
}

static ebb_tensor *error_of_eigh(ebb_context *e, ebb_tensor *a) {
    ebb_tensor *v, *s = ebb_add(a, T(a)), *w = ebb_eigh(s, &v);
    ebb_tensor *error[2] = {ebb_sub(ebb_matmul(s, v), columns(v, w)), ebb_sub(ebb_matmul(T(v), v), ones(e, v, 2))};
    return ebb_add(ebb_sum(ebb_abs(error[0])), ebb_sum(ebb_abs(error[1])));
}

ZERO(square_qr, error_of_qr(e, cut(a, r, 0)))
ZERO(tall_qr, error_of_qr(e, cut(a, r, 1)))
ZERO(wide_qr, error_of_qr(e, cut(a, r, 2)))
ZERO(square_svd, error_of_svd(e, cut(a, r, 0)))
ZERO(tall_svd, error_of_svd(e, cut(a, r, 1)))
ZERO(wide_svd, error_of_svd(e, cut(a, r, 2)))
ZERO(eigenvectors, error_of_eigh(e, a))

static const struct identity {
    const char *name;
    ebb_body *body;
} identities[] = {
    {"a solve(a, r) = r", solved},
    {"a' solve(a', r) = r", solved_transposed},
    {"a solve(a, vector) = vector", solved_vector},
    {"lower triangle", lower},
    {"upper triangle", upper},
    {"cholesky(p) cholesky(p)' = p", rooted},
    {"cholesky is lower triangular", root_is_lower},
    {"cholesky takes the symmetric part", asymmetry_is_left_out},
    {"inv(a) a = 1", inverted},
    {"log |det| of a triangle", determined},
    {"sign exp(log |det|) = det", signed_logarithm},
    {"q r = a", square_qr},
    {"q r = a, tall", tall_qr},
    {"q r = a, wide", wide_qr},
    {"u d v = a", square_svd},
    {"u d v = a, tall", tall_svd},
    {"u d v = a, wide", wide_svd},
    {"a v = v w", eigenvectors},
};

static ebb_tensor *uniform(ebb_dtype dtype, int64_t batch, int64_t m, int64_t n, double diagonal) {
    static double number[3 * 60 * 60];
    fill_uniform(7, -1, 1, batch * m * n, number);
    for (int64_t i = 0; i < batch * m * n; i++)
        if (i / n % m == i % n) number[i] += diagonal;
    return ebb_cast(ebb_constant(ebb, EBB_F64, EBB_SHAPE(batch, m, n), number), dtype);
}

static double largest(const ebb_tensor *x) {
    double most = 0;
    for (int64_t i = 0; i < ebb_size(x); i++)
        most = fmax(most, fabs(ebb_item(x, i)));
    return most;
}

/* Elements are around n; errors of sums of n of them, with a condition of some tens, and sums over all of them. */
Test(linear_algebra, results_satisfy_their_equations) {
    static const int64_t sizes[] = {0, 1, 2, 5, 20, 60};
    static const ebb_mode modes[] = {EBB_EAGER, EBB_NATIVE};
    int cases = 0;
    for (int k = 0; k < COUNT(identities); k++)
        for (int m = 0; m < 2; m++) {
            ebb_function *f = ebb_function_new(ebb, identities[k].body, &(ebb_function_options){.mode = modes[m]});
            for (int i = 0; i < COUNT(sizes) * 2; i++, cases++) {
                const int64_t n = sizes[i / 2];
                const ebb_dtype dtype = i % 2 ? EBB_F32 : EBB_F64;
                const double unit = i % 2 ? 0x1p-24 : 0x1p-53;
                EBB_SCOPE (ebb) {
                    ebb_tensor *a = uniform(dtype, 3, n, n, (double)n + 1), *r = uniform(dtype, 3, n, 4, 0);
                    ebb_tensor *zero = ebb_call(f, a, r);
                    expect_ok(ebb, "%s, n %d", identities[k].name, (int)n);
                    cr_expect(largest(zero) <= 64 * unit * (double)(1 + n * n * n), "%s, n %d, %s: %g",
                              identities[k].name, (int)n, i % 2 ? "f32" : "f64", largest(zero));
                }
            }
        }
    printf("cases: %d equations\n", cases);
}

/* ---- matrices that have no answer ---- */

static ebb_tensor *call_solve(ebb_tensor *a) { return ebb_solve(a, ebb_ones(ebb, ebb_dtype_of(a), EBB_SHAPE(2))); }
static ebb_tensor *call_solve_turned(ebb_tensor *a) {
    return ebb_solve_with(a, ebb_ones(ebb, ebb_dtype_of(a), EBB_SHAPE(2, 0)), true);
}
static ebb_tensor *call_triangle(ebb_tensor *a) {
    return ebb_triangular_solve(a, ebb_ones(ebb, ebb_dtype_of(a), EBB_SHAPE(2, 2)), NULL);
}
static ebb_tensor *call_cholesky(ebb_tensor *a) { return ebb_cholesky(a); }

static ebb_tensor *call_inv(ebb_tensor *a) { return ebb_inv(a); }
static ebb_tensor *call_eigh(ebb_tensor *a) { return ebb_eigh(a, NULL); }
static ebb_tensor *call_svd(ebb_tensor *a) { return ebb_svd(a, NULL, NULL); }

static const struct bad_case {
    const char *matrix, *message;
    ebb_tensor *(*call)(ebb_tensor *a);
} bad_cases[] = {
    {"[[1, 2], [2, 4]]", "solve: matrix 0, of 2 rows, is singular: pivot 1 is 0", call_solve},
    {"[[[1, 2], [3, 4]], [[0, 0], [0, 1]]]", "solve: matrix 1, of 2 rows, is singular: pivot 0 is 0", call_solve},
    {"[[0, 0], [0, 0]]", "solve: matrix 0, of 2 rows, is singular: pivot 0 is 0", call_solve_turned},
    {"[[1, 5], [2, 0]]", "triangular_solve: matrix 0, of 2 rows, is singular: pivot 1 is 0", call_triangle},
    {"[[1, 2], [2, 4]]", "cholesky: matrix 0, of 2 rows, is not positive definite: pivot 1 is not positive",
     call_cholesky},
    {"[[[4, 0], [0, 1]], [[1, 2], [2, 1]]]",
     "cholesky: matrix 1, of 2 rows, is not positive definite: pivot 1 is not positive", call_cholesky},
    {"[[-1, 0], [0, 1]]", "cholesky: matrix 0, of 2 rows, is not positive definite: pivot 0 is not positive",
     call_cholesky},
    {"[[1, 2], [2, 4]]", "inv: matrix 0, of 2 rows, is singular: pivot 1 is 0", call_inv},
    {"[[1, nan], [nan, 4]]", "eigh: matrix 0, of 2 rows: element 1 is not finite", call_eigh},
    {"[[1, 2], [2, inf]]", "svd: matrix 0, of 2 rows: element 3 is not finite", call_svd},
    {"[[nan, 0], [0, 1]]", "cholesky: matrix 0, of 2 rows, is not positive definite: pivot 0 is not positive",
     call_cholesky},
};

static void bad_body(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)e;
    out[0] = ((const struct bad_case *)data)->call(in[0]);
}

/* By both engines the message is the same, and shows the line of the call. H075 */
Test(linear_algebra, matrices_without_an_answer) {
    for (int k = 0; k < COUNT(bad_cases) * 4; k++) {
        const struct bad_case *c = &bad_cases[k / 4];
        ebb_tensor *a = ebb_literal(ebb, c->matrix, k % 4 < 2 ? EBB_F64 : EBB_F32);
        if (k % 2) {
            ebb_function *f = ebb_function_new(
                ebb, bad_body, &(ebb_function_options){.mode = EBB_NATIVE, .data = (void *)(uintptr_t)c});
            ebb_call(f, a);
        } else {
            c->call(a);
        }
        cr_expect(strstr(ebb_error(ebb), "test_linear_algebra.c:") != NULL, "%s: %s", c->message, ebb_error(ebb));
        expect_error(ebb, EBB_VALUE_ERROR, c->message, "%s", c->matrix);
    }
    printf("cases: %d matrices without an answer\n", COUNT(bad_cases) * 4);
}

/* NaN is no reason for an error where all is arithmetic. */
Test(linear_algebra, nan_stays_nan) {
    ebb_tensor *a = ebb_literal(ebb, "[[1, nan], [2, 3]]", EBB_F64);
    for (int64_t i = 0; i < 2; i++)
        cr_expect(isnan(ebb_item(call_solve(a), i)), "element %d", (int)i);
}

Test(linear_algebra, shapes_that_do_not_fit) {
    ebb_tensor *two = ebb_ones(ebb, EBB_F64, EBB_SHAPE(2, 2)), *wide = ebb_ones(ebb, EBB_F64, EBB_SHAPE(2, 3));
    ebb_solve(wide, two);
    expect_error(ebb, EBB_VALUE_ERROR, "ebb_solve: [2,3] is not square", "wide");
    ebb_solve(two, ebb_ones(ebb, EBB_F64, EBB_SHAPE(3)));
    expect_error(ebb, EBB_VALUE_ERROR, "ebb_solve: matrix [2,2] does not fit right side [3,1]", "a vector of 3");
    ebb_solve(two, ebb_ones(ebb, EBB_F64, EBB_SCALAR));
    expect_error(ebb, EBB_VALUE_ERROR, "ebb_solve: matrix [2,2], right side []: a scalar is no right side", "a scalar");
    ebb_triangular_solve(ebb_ones(ebb, EBB_F64, EBB_SHAPE(2)), two, NULL);
    expect_error(ebb, EBB_VALUE_ERROR, "ebb_triangular_solve: matrix [2], right side [2,2]: a matrix has two axes",
                 "a vector");
    ebb_solve(ebb_ones(ebb, EBB_F64, EBB_SHAPE(2, 2, 2)), ebb_ones(ebb, EBB_F64, EBB_SHAPE(3, 2, 2)));
    expect_error(ebb, EBB_VALUE_ERROR, "batch axes do not broadcast", "batches of 2 and 3");
    ebb_cholesky(wide);
    expect_error(ebb, EBB_VALUE_ERROR, "ebb_cholesky: [2,3] is not square", "wide");
    ebb_cholesky(ebb_ones(ebb, EBB_I32, EBB_SHAPE(2, 2)));
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_cholesky: matrix is i32[2,2]; it needs f32 or f64", "integers");
}

/* ---- determinants at singular matrices, equal eigenvalues ---- */

static void det_body(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)e, (void)data;
    out[0] = ebb_det(in[0]);
}

/* The gradient of a determinant is the transposed adjugate, at singular matrices too. H075 */
Test(linear_algebra, gradients_of_determinants) {
    static const struct {
        const char *matrix, *gradient;
    } cases[] = {
        {"[[1, 2], [2, 4]]", "[[4, -2], [-2, 1]]"},
        {"[[0, 0], [0, 0]]", "[[0, 0], [0, 0]]"},
        {"[[3]]", "[[1]]"},
        {"[[0]]", "[[1]]"},
        {"[[1, 2], [3, 4]]", "[[4, -3], [-2, 1]]"},
        {"[[1, 2, 3], [2, 4, 6], [0, 1, 1]]", "[[-2, -2, 2], [1, 1, -1], [0, 0, 0]]"},
        {"[[1, 2, 3], [1, 2, 3], [1, 2, 3]]", "[[0, 0, 0], [0, 0, 0], [0, 0, 0]]"},
        {"[[0, 0, 0], [0, 0, 0], [0, 0, 5]]", "[[0, 0, 0], [0, 0, 0], [0, 0, 0]]"},
        {"[[0, 0, 1], [0, 2, 0], [0, 0, 0]]", "[[0, 0, 0], [0, 0, 0], [-2, 0, 0]]"},
    };
    static const ebb_mode modes[] = {EBB_EAGER, EBB_NATIVE};
    for (int k = 0; k < COUNT(cases) * 2; k++) {
        ebb_function *f = ebb_function_new(ebb, det_body, &(ebb_function_options){.mode = modes[k % 2]});
        ebb_tensor *a = ebb_literal(ebb, cases[k / 2].matrix, EBB_F64);
        ebb_tensor *want = ebb_literal(ebb, cases[k / 2].gradient, EBB_F64), *dy, *y[2];
        dy = ebb_call(ebb_grad(f, NULL), a);
        cr_expect(largest(ebb_sub(dy, want)) <= 1e-14, "%s, reverse: %s", cases[k / 2].matrix, ebb_error(ebb));
        for (int64_t i = 0; i < ebb_size(a); i++) { /* along each element */
            ebb_tensor *flat = ebb_one_hot(ebb_literal(ebb, "0", EBB_I32), 1, EBB_F64);
            flat = ebb_reshape(ebb_pad(flat, (int64_t[]){i}, (int64_t[]){ebb_size(a) - 1 - i}),
                               EBB_SHAPE(ebb_dim(a, 0), ebb_dim(a, 1)));
            const ebb_operand in[] = {EBB_OPERAND(a), EBB_OPERAND(flat)};
            ebb_call_n(ebb_jvp(f, NULL), 2, in, 2, y);
            cr_expect(fabs(ebb_item(y[1], 0) - ebb_item(want, i)) <= 1e-14, "%s, forward", cases[k / 2].matrix);
        }
        expect_ok(ebb, "%s", cases[k / 2].matrix);
    }
    ebb_call(ebb_hessian(ebb_function_new(ebb, det_body, NULL), NULL), ebb_literal(ebb, "[[1, 2], [2, 4]]", EBB_F64));
    expect_error(ebb, EBB_VALUE_ERROR, "det: matrix 0, of 2 rows, is singular", "the Hessian");
    printf("cases: %d gradients of determinants, by both modes\n", COUNT(cases) * 2);
}

static void eigenvalue_body(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)e, (void)data;
    out[0] = ebb_sum(ebb_exp(ebb_eigh(in[0], NULL)));
}

/* The trace of exp(a) has the gradient exp(a), whichever vectors are found for equal eigenvalues. H075 */
Test(linear_algebra, equal_eigenvalues) {
    static const char *const matrices[] = {"[[2, 0, 0], [0, 2, 0], [0, 0, 2]]", "[[2, 1, 1], [1, 2, 1], [1, 1, 2]]"};
    for (int k = 0; k < COUNT(matrices); k++) {
        ebb_tensor *a = ebb_literal(ebb, matrices[k], EBB_F64), *power = ones(ebb, a, 1), *exponential = power;
        ebb_tensor *dy = ebb_call(ebb_grad(ebb_function_new(ebb, eigenvalue_body, NULL), NULL), a);
        for (int i = 1; i < 40; i++) {
            power = ebb_mul(ebb_matmul(power, a), 1.0 / i);
            exponential = ebb_add(exponential, power);
        }
        cr_expect(largest(ebb_sub(dy, exponential)) <= 1e-12, "%s: off by %g", matrices[k],
                  largest(ebb_sub(dy, exponential)));
    }
}

/* ---- operands that an identity of the graph looks through ---- */

static void turned_body(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)e, (void)data;
    ebb_tensor *a = ebb_transpose(in[0], EBB_AXES(1, 0));
    out[0] =
        ebb_sum(ebb_square(ebb_solve(a, ebb_matmul(ebb_cholesky(ebb_add(a, in[0])), ebb_inv(ebb_neg(ebb_neg(a)))))));
}

/* Of a matrix that is written as a transpose, and, with the transpose itself as the parameter, as it is. */
static void straight_body(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)e, (void)data;
    ebb_tensor *a = in[0], *b = ebb_add(a, ebb_transpose(a, EBB_AXES(1, 0)));
    out[0] = ebb_sum(ebb_square(ebb_solve(a, ebb_matmul(ebb_cholesky(b), ebb_inv(a)))));
}

Test(linear_algebra, transposed_operands_get_their_derivative) {
    ebb_tensor *a = ebb_literal(ebb, "[[3, 1, 0.5], [0.2, 4, 1], [0.1, 0.3, 5]]", EBB_F64);
    ebb_tensor *turned = ebb_transpose(a, EBB_AXES(1, 0));
    ebb_function *f = ebb_function_new(ebb, turned_body, NULL), *g = ebb_function_new(ebb, straight_body, NULL);
    ebb_tensor *x = ebb_call(ebb_grad(f, NULL), a), *y = ebb_call(ebb_grad(g, NULL), turned);
    cr_expect(largest(x) > 1e-3 && largest(ebb_sub(x, ebb_transpose(y, EBB_AXES(1, 0)))) <= 1e-14 * largest(x));
    x = ebb_reshape(ebb_call(ebb_hessian(f, NULL), a), EBB_SHAPE(3, 3, 3, 3));
    y = ebb_transpose(ebb_reshape(ebb_call(ebb_hessian(g, NULL), turned), EBB_SHAPE(3, 3, 3, 3)), EBB_AXES(1, 0, 3, 2));
    cr_expect(largest(x) > 1e-3 && largest(ebb_sub(x, y)) <= 1e-13 * largest(x), "%g", largest(ebb_sub(x, y)));
}

/* ---- what it costs ---- */

static int nodes_of(const ebb_graph *g, ebb_op op) {
    int n = 0;
    for (ebb_id id = 1; id < g->count; id++)
        n += ebb_op_of(g, id) == op;
    return n;
}

/* Value, gradient and Hessian-vector product ask for solutions with one matrix, which is factored once. */
Test(linear_algebra, a_matrix_is_factored_once) {
    ebb_diag diag = {0};
    ebb_graph *f =
        parsed("func f(%1: f64[4,4], %2: f64[4,1]) { %3 f64[4,1] = solve %1, %2 {transposed=0} %4 f64[4,1] = "
               "square %3 %5 f64[] = sum %4 {axes=[0,1]} return %5 }");
    ebb_graph *g = ebb_hvp_graph(f, &(ebb_dual_spec){.value = true, .nwrt = 2, .wrt = (const int[]){0, 1}}, &diag);
    cr_assert_not_null(g, "%s", diag.message);
    ebb_graph *ready = ebb_expand(g, false, NULL, &diag);
    cr_assert_not_null(ready, "%s", diag.message);
    cr_expect_eq(nodes_of(ready, EBB_OP_lu), 1);
    cr_expect_eq(nodes_of(ready, EBB_OP_lu_solve), 4, "%d solutions", nodes_of(ready, EBB_OP_lu_solve));
    ebb_graph_release(ready);
    ebb_graph_release(g);
    ebb_graph_release(f);
}
