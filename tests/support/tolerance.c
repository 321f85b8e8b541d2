/* tolerance.c - see tolerance.h. */
#include "tests/support/tolerance.h"

#include <math.h>
#include <quadmath.h>

#include "tests/support/engines.h"
#include "tests/support/op_case.h"

/* What is not listed is exact. */
typedef struct tolerance {
    double allowed[ENGINES];
    const char *reason;
} tolerance;

#define ROUNDED {{0.501, 0.501}, "IEEE: rounded once (and the reference itself, far below)"}
#define LIBM(ulps) {{ulps, 4}, "the manual of libm; libmvec promises 4"}

static const tolerance values[EBB_OP_COUNT] = {
    [EBB_OP_add] = ROUNDED,
    [EBB_OP_sub] = ROUNDED,
    [EBB_OP_mul] = ROUNDED,
    [EBB_OP_div] = ROUNDED,
    [EBB_OP_square] = ROUNDED,
    [EBB_OP_recip] = ROUNDED,
    [EBB_OP_sqrt] = ROUNDED,
    [EBB_OP_cast] = ROUNDED,
    [EBB_OP_exp] = LIBM(1),
    [EBB_OP_expm1] = LIBM(1),
    [EBB_OP_log] = LIBM(1),
    [EBB_OP_log1p] = LIBM(1),
    [EBB_OP_sin] = LIBM(1),
    [EBB_OP_cos] = LIBM(1),
    [EBB_OP_tan] = LIBM(1),
    [EBB_OP_asin] = LIBM(1),
    [EBB_OP_acos] = LIBM(1),
    [EBB_OP_atan] = LIBM(1),
    [EBB_OP_sinh] = LIBM(2),
    [EBB_OP_cosh] = LIBM(2),
    [EBB_OP_tanh] = LIBM(2),
    [EBB_OP_erf] = LIBM(1),
    [EBB_OP_pow] = {{1, 1}, "libm in both engines: exact powers are exact"},
    [EBB_OP_sigmoid] = {{3, 6}, "exp, a sum and a quotient"},
    [EBB_OP_softplus] = {{3, 9}, "log1p of exp, each with its own error, and a sum"},
    [EBB_OP_erfc] = LIBM(3),
    [EBB_OP_exp2] = LIBM(1),
    [EBB_OP_log2] = LIBM(1),
    [EBB_OP_log10] = LIBM(2),
    [EBB_OP_cbrt] = LIBM(4),
    [EBB_OP_asinh] = LIBM(2),
    [EBB_OP_acosh] = LIBM(2),
    [EBB_OP_atanh] = LIBM(2),
    [EBB_OP_hypot] = LIBM(1),
    [EBB_OP_atan2] = LIBM(2),
    [EBB_OP_erfinv] = {{0.6, 0.6}, "as digamma"},
    [EBB_OP_lgamma] = LIBM(4),
    [EBB_OP_rsqrt] = {{1.5, 1.5}, "a root and a quotient"},
    [EBB_OP_logaddexp] = {{3, 9}, "as softplus"},
    [EBB_OP_digamma] = {{0.6, 0.6}, "in long double, rounded once more"},
    [EBB_OP_polygamma] = {{0.6, 0.6}, "as digamma"},
    [EBB_OP_sinc] = {{0.6, 0.6}, "as digamma"},
    [EBB_OP_sinc_slope] = {{0.6, 0.6}, "as digamma"},
    [EBB_OP_xlogy] = {{2, 5}, "log and a product"},
    [EBB_OP_divide_no_nan] = ROUNDED,
    [EBB_OP_squared_difference] = {{1.6, 1.6}, "a difference, whose error is doubled, and a square"},
    [EBB_OP_floormod] = ROUNDED,
    [EBB_OP_sum] = {{2, 2}, "of sum |x|: half a unit for each level of the tree, most cancel"},
    [EBB_OP_dot] = {{4, 4}, "of sum |x y|: BLAS adds in an order of its own"},
    [EBB_OP_scatter_add] = {{4, 4}, "of sum |x|: added one after another"},
    [EBB_OP_overlap_add] = {{4, 4}, "as scatter_add"},
    [EBB_OP_random_normal] = {{2, 2}, "of 2 pi times the radius: the angle is rounded"},
    [EBB_OP_random_truncated_normal] = {{2, 2}, "as random_normal"},
    [EBB_OP_triangular_solve] = {{4, 4},
                                 "of the largest element of the matrix: each is a sum of well-conditioned terms"},
    [EBB_OP_lu] = {{4, 4}, "as triangular_solve"},
    [EBB_OP_lu_solve] = {{4, 4}, "as triangular_solve"},
    [EBB_OP_cholesky] = {{4, 4}, "as triangular_solve"},
    [EBB_OP_cofactor] = {{8, 8}, "as triangular_solve, and a determinant"},
    [EBB_OP_lu_det] = {{8, 8}, "a product of n pivots, each as triangular_solve"},
    [EBB_OP_lu_logdet] = {{8, 8}, "of 1 + |y|: as lu_det"},
    [EBB_OP_qr] = {{8, 8}, "as triangular_solve, by some reflections"},
    [EBB_OP_eigh] = {{32, 32}, "of the largest element: rotations that are found by iteration"},
    [EBB_OP_svd] = {{32, 32}, "as eigh"},
    [EBB_OP_inv] = {{4, 4}, "as triangular_solve"},
    [EBB_OP_det] = {{8, 8}, "as lu_det"},
    [EBB_OP_logdet] = {{8, 8}, "as lu_logdet"},
    [EBB_OP_solve] = {{4, 4}, "as triangular_solve"},
    [EBB_OP_mean] = {{3, 3}, "as sum, and a quotient"},
    [EBB_OP_variance] = {{8, 8}, "of a sum of squares without cancellation; each difference is rounded twice"},
    [EBB_OP_deviation] = {{8, 8}, "as variance, by norm"},
    [EBB_OP_prod] = {{12, 12}, "half a unit for each factor, most cancel"},
    [EBB_OP_cumsum] = {{4, 4}, "of sum |x|: added one after another"},
    [EBB_OP_cumprod] = {{12, 12}, "as prod"},
    [EBB_OP_logsumexp] = {{4, 8}, "of 1 + |y|: exp, sum, log"},
    [EBB_OP_norm] = {{4, 4}, "quotients, squares, a sum without cancellation, a root"},
    [EBB_OP_softmax] = {{4, 8}, "of y (1 + |log y|): exp of a rounded number, a quotient"},
    [EBB_OP_log_softmax] = {{4, 8}, "of 1 + |y|: as logsumexp"},
    [EBB_OP_sparse_softmax_cross_entropy] = {{4, 8}, "of 1 + |y|: as logsumexp"},
};

/* Of max(1, |derivative|), for second derivatives too. */
static const tolerance derivative = {{8, 8}, "some six operations, each as above, and sums of them that cancel"};
static const tolerance pow_derivative = {{16, 16},
                                         "e (e - 1) x^(e - 2) log x: factors up to 4 log 8 carry their errors"};
static const tolerance product_derivative = {{16, 16}, "sums of products of many factors, some of them negative"};

static const tolerance matrix_derivative = {{32, 32},
                                            "solutions with factors, one after another, of numbers up to 2^5"};
static const tolerance vector_derivative = {{512, 512}, "the same, divided by differences of eigenvalues, twice"};

double tolerance_of_value(ebb_op op, int engine) { return values[op].allowed[engine]; }
double tolerance_of_derivative(ebb_op op, int engine) {
    if (op == EBB_OP_eigh || op == EBB_OP_svd) return vector_derivative.allowed[engine];
    if (op_is_of_matrix(op)) return matrix_derivative.allowed[engine];
    if (op == EBB_OP_prod || op == EBB_OP_cumprod) return product_derivative.allowed[engine];
    return (op == EBB_OP_pow ? pow_derivative : derivative).allowed[engine];
}

/* ---- measuring ---- */

/* The step from one number of the dtype to the next, at x. */
static quad unit_at(ebb_dtype dtype, quad x) {
    int digits = dtype == EBB_F32 ? 24 : 53, least = dtype == EBB_F32 ? -149 : -1074, exponent = 0;
    if (!ebb_is_float(dtype)) return 1;
    frexpq(x, &exponent);
    return ldexpq(1, exponent - digits > least && x != 0 ? exponent - digits : least);
}

static quad rounded(ebb_dtype dtype, quad x) {
    return dtype == EBB_F32 ? (quad)(float)x : dtype == EBB_F64 ? (quad)(double)x : x;
}

double ulps_apart(ebb_dtype dtype, quad got, quad want, quad scale) {
    quad near = rounded(dtype, want);
    if (got == near || (isnanq(got) && isnanq(want))) return 0;
    if (!finiteq(got) || !finiteq(near)) return (double)INFINITY;
    return (double)(fabsq(got - want) / unit_at(dtype, fmaxq(fabsq(want), fabsq(scale))));
}

bool zero_differs(ebb_dtype dtype, quad got, quad want) {
    return ebb_is_float(dtype) && got == 0 && want == 0 && !signbitq(got) != !signbitq(want);
}
