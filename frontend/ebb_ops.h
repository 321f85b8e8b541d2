/* ebb_ops.h - section 6 of the tutorial in ebb.h, which includes it: operations, element by element. */
#ifndef EBB_OPS_H
#define EBB_OPS_H

#include "ebb.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------- 6. Operations ----
 *
 *     ebb_tensor *share = ebb_div(a, ebb_sum_over(a, EBB_AXES(1), true));   // [2,3] / [2,1]: rows sum to 1
 *     ebb_tensor *clipped = ebb_min(1, ebb_max(0, ebb_sub(ebb_mul(2, w), 1.5)));              // f32 [2]
 *     ebb_tensor *safe = ebb_select(ebb_gt(w, 0), ebb_log(w), 0);          // no NaN, nor in its derivative
 *     ebb_tensor *product = ebb_matmul(a, ebb_transpose(share, EBB_AXES(1, 0)));              // [2,3] [3,2] -> [2,2]
 *
 * Operands are tensors or variables; where it says *operand*, also C numbers (bool, int, long, float, double), which
 * take the dtype of the tensor they meet. Two numbers do not compile: one must be a tensor. Results are temporaries
 * of the innermost scope.
 *
 * Errors, here and below: a dtype outside the set given, or two tensors of different dtype, is a TypeError (nothing
 * is converted unasked: ebb_cast); a C number that an integer tensor cannot hold is a TypeError if it is not whole,
 * else a ValueError; shapes that do not fit are a ValueError; an axis out of range is an IndexError; EBB_NO_MEMORY.
 * Poison gives poison.
 *
 * Derivatives: of real tensors, of every order, forward and reverse, unless it says none (then a gradient is absent).
 *
 * Accuracy: arithmetic and sqrt are IEEE 754's, with NaN, infinities, -0 and subnormals; integers wrap. Eager code
 * calls the C library's exp, sin, ...; native code its vector variants (libmvec), within 4 ulp of the former, for:
 * exp expm1 exp2 log log1p log2 log10 sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh erf erfc cbrt
 * hypot; sigmoid, softplus, logaddexp, softmax, log_softmax, logsumexp, xlogy and the cross-entropy are made of these.
 * Native code computes pow(x, 2) with a constant 2 as x * x, which may differ by 1 ulp, and leaves out an
 * ebb_transpose before a product, after which OpenBLAS may add in another order. All else in this section agrees
 * between eager and native code bit for bit, products too. Sums are added in one fixed order, a function of dtype,
 * shape and axes: interleaved partial sums in blocks of 128 additions, blocks pairwise, so that errors grow slowly. */

/* ---- element by element: x [...] -> [...] ---- */

/* -x. number. */
#define ebb_neg(x) EBB_UNARY(neg, x)

/* |x|. number. Derivative sign(x), so 0 at 0. */
#define ebb_abs(x) EBB_UNARY(abs, x)

/* -1, 0 or 1; zeros keep their sign, NaN stays NaN. number. No derivative. */
#define ebb_sign(x) EBB_UNARY(sign, x)

/* e^x. real. */
#define ebb_exp(x) EBB_UNARY(exp, x)

/* e^x - 1, without cancellation near 0. real. */
#define ebb_expm1(x) EBB_UNARY(expm1, x)

/* The natural logarithm: log(0) = -inf with derivative inf, NaN below 0. real. */
#define ebb_log(x) EBB_UNARY(log, x)

/* log(1 + x), without cancellation near 0; -inf at -1, NaN below. real. */
#define ebb_log1p(x) EBB_UNARY(log1p, x)

/* The square root, correctly rounded; NaN below 0. real. Derivative inf at 0: for lengths use ebb_norm. */
#define ebb_sqrt(x) EBB_UNARY(sqrt, x)

/* x * x. number. */
#define ebb_square(x) EBB_UNARY(square, x)

/* 1 / x, correctly rounded. real. */
#define ebb_recip(x) EBB_UNARY(recip, x)

/* Sine, cosine and tangent of x in radians. real. */
#define ebb_sin(x) EBB_UNARY(sin, x)
#define ebb_cos(x) EBB_UNARY(cos, x)
#define ebb_tan(x) EBB_UNARY(tan, x)

/* Arc sine and arc cosine in radians; NaN outside [-1, 1]. real. Derivatives infinite at -1 and 1. */
#define ebb_asin(x) EBB_UNARY(asin, x)
#define ebb_acos(x) EBB_UNARY(acos, x)

/* Arc tangent in radians, in [-pi/2, pi/2]. real. */
#define ebb_atan(x) EBB_UNARY(atan, x)

/* Hyperbolic sine, cosine and tangent. real. */
#define ebb_sinh(x) EBB_UNARY(sinh, x)
#define ebb_cosh(x) EBB_UNARY(cosh, x)
#define ebb_tanh(x) EBB_UNARY(tanh, x)

/* 1 / (1 + e^-x), without overflow. real. */
#define ebb_sigmoid(x) EBB_UNARY(sigmoid, x)

/* log(1 + e^x), without overflow. real. Derivative sigmoid(x). */
#define ebb_softplus(x) EBB_UNARY(softplus, x)

/* The error function, 2/sqrt(pi) times the integral of e^-t^2 from 0 to x. real. */
#define ebb_erf(x) EBB_UNARY(erf, x)

/* 1 - erf(x), without cancellation for large x. real. */
#define ebb_erfc(x) EBB_UNARY(erfc, x)

/* The y with erf(y) = x: infinite at -1 and 1, NaN outside. sqrt(2) erfinv(2 p - 1) is the normal distribution's
 * quantile. real. Derivatives infinite at -1 and 1. */
#define ebb_erfinv(x) EBB_UNARY(erfinv, x)

/* 2^x; the logarithms to base 2 and 10, with the edges of ebb_log. real. */
#define ebb_exp2(x) EBB_UNARY(exp2, x)
#define ebb_log2(x) EBB_UNARY(log2, x)
#define ebb_log10(x) EBB_UNARY(log10, x)

/* 1 / sqrt(x): inf at 0, NaN below. real. */
#define ebb_rsqrt(x) EBB_UNARY(rsqrt, x)

/* The cube root; of a negative x it is negative. real. Derivative inf at 0. */
#define ebb_cbrt(x) EBB_UNARY(cbrt, x)

/* The inverses of sinh, cosh (NaN below 1) and tanh (infinite at -1 and 1, NaN outside). real. */
#define ebb_asinh(x) EBB_UNARY(asinh, x)
#define ebb_acosh(x) EBB_UNARY(acosh, x)
#define ebb_atanh(x) EBB_UNARY(atanh, x)

/* log |gamma(x)|, inf at 0, -1, -2, ... real. Derivative digamma(x). */
#define ebb_lgamma(x) EBB_UNARY(lgamma, x)

/* The derivative of lgamma: infinite at 0, NaN at -1, -2, ... real. Its derivatives are ebb_polygamma's. */
#define ebb_digamma(x) EBB_UNARY(digamma, x)

/* sin(pi x) / (pi x), and 1 at 0, where derivatives of every order are right too. real. */
#define ebb_sinc(x) EBB_UNARY(sinc, x)

/* The next whole number below, above, nearest (halves to even), and towards 0. real. No derivative. */
#define ebb_floor(x) EBB_UNARY(floor, x)
#define ebb_ceil(x) EBB_UNARY(ceil, x)
#define ebb_round(x) EBB_UNARY(round, x)
#define ebb_trunc(x) EBB_UNARY(trunc, x)

/* All bits turned. integer. No derivative. */
#define ebb_bitwise_not(x) EBB_UNARY(bitwise_not, x)

/* max(0, x); NaN stays NaN. number. Derivative 1 above 0, else 0. */
#define ebb_relu(x) EBB_UNARY(relu, x)

/* Not x. bool. No derivative. */
#define ebb_logical_not(x) EBB_UNARY(logical_not, x)

/* x itself, taken for a constant by every derivative. any. */
#define ebb_stop_gradient(x) EBB_UNARY(stop_gradient, x)

/* ---- two operands, element by element ----
 * Shapes broadcast as NumPy's: aligned at their last axes, a missing axis or a size of 1 stretches. The derivative
 * in a stretched operand is summed over what was stretched. */

/* x + y. Operands, number. */
#define ebb_add(x, y) EBB_BINARY(add, x, y)

/* x - y. Operands, number. */
#define ebb_sub(x, y) EBB_BINARY(sub, x, y)

/* x * y. Operands, number. */
#define ebb_mul(x, y) EBB_BINARY(mul, x, y)

/* x / y, correctly rounded; x/0 is infinite, 0/0 NaN. Operands, real: cast integers first. */
#define ebb_div(x, y) EBB_BINARY(div, x, y)

/* x^y as C99's pow, element by element by the C library: pow(x, 0) = 1 even for NaN, pow(-2, 3) = -8, NaN for a
 * negative x and a broken y. Operands, real. Derivative in x: y x^(y-1), 0 where y = 0; in y: x^y log x, 0 where x
 * <= 0. */
#define ebb_pow(x, y) EBB_BINARY(pow, x, y)

/* sqrt(x^2 + y^2), without overflow. Operands, real. Derivative 0 where both are 0. */
#define ebb_hypot(x, y) EBB_BINARY(hypot, x, y)

/* The angle of the point (x, y), in [-pi, pi]: mind the order of operands. Operands, real. Derivative 0 at (0, 0). */
#define ebb_atan2(y, x) EBB_BINARY(atan2, y, x)

/* log(e^x + e^y), without overflow; a result near 0 is as exact as its operands. Operands, real. Derivative 0 where
 * both are -inf. */
#define ebb_logaddexp(x, y) EBB_BINARY(logaddexp, x, y)

/* x log(y), and 0 where x = 0, whatever y. Operands, real. Where x = 0 and log(y) is not finite, derivative 0. */
#define ebb_xlogy(x, y) EBB_BINARY(xlogy, x, y)

/* x / y, and 0 where y = 0. Operands, real. Where y = 0, derivative 0. */
#define ebb_divide_no_nan(x, y) EBB_BINARY(divide_no_nan, x, y)

/* (x - y)^2. Operands, number. */
#define ebb_squared_difference(x, y) EBB_BINARY(squared_difference, x, y)

/* The n-th derivative of digamma at x. NaN unless n is a whole number from 0 to 1000. Operands, real. Derivative in x:
 * polygamma(n + 1, x); in n: 0. */
#define ebb_polygamma(n, x) EBB_BINARY(polygamma, n, x)

/* x / y rounded down; the remainder that leaves, which has y's sign; and the remainder of x / y rounded towards 0,
 * C's fmod, of x's sign. Operands, number. Real: NaN and infinities as in Python, but 1/0 is inf. Integers: the
 * quotient by 0 is 0 and the remainder x; the least integer by -1 is itself, with remainder 0. Derivatives of the
 * remainders: 1 in x, in y less the quotient; floordiv has none. */
#define ebb_floordiv(x, y) EBB_BINARY(floordiv, x, y)
#define ebb_floormod(x, y) EBB_BINARY(floormod, x, y)
#define ebb_fmod(x, y) EBB_BINARY(fmod, x, y)

/* Bit by bit; x shifted by y bits, to the right with copies of the sign. Where y is negative, or the width of the
 * dtype or more, nothing of x is left: 0, or -1 for a negative x to the right. Operands, integer. No derivative. */
#define ebb_bitwise_and(x, y) EBB_BINARY(bitwise_and, x, y)
#define ebb_bitwise_or(x, y) EBB_BINARY(bitwise_or, x, y)
#define ebb_bitwise_xor(x, y) EBB_BINARY(bitwise_xor, x, y)
#define ebb_shift_left(x, y) EBB_BINARY(shift_left, x, y)
#define ebb_shift_right(x, y) EBB_BINARY(shift_right, x, y)

/* The larger: NaN propagates, -0 < +0. Operands, number. The derivative goes to the operand taken, of equal ones
 * to x. */
#define ebb_max(x, y) EBB_BINARY(max, x, y)

/* The smaller: NaN propagates, -0 < +0. Operands, number. The derivative goes to the operand taken, of equal ones
 * to x. */
#define ebb_min(x, y) EBB_BINARY(min, x, y)

/* x == y and x != y -> bool; a NaN equals nothing. Operands, any. No derivative. */
#define ebb_eq(x, y) EBB_BINARY(eq, x, y)
#define ebb_ne(x, y) EBB_BINARY(ne, x, y)

/* x < y, x <= y, x > y, x >= y -> bool; false for NaN. Operands, number. No derivative. */
#define ebb_lt(x, y) EBB_BINARY(lt, x, y)
#define ebb_le(x, y) EBB_BINARY(le, x, y)
#define ebb_gt(x, y) EBB_BINARY(gt, x, y)
#define ebb_ge(x, y) EBB_BINARY(ge, x, y)

/* Both; at least one. Operands, bool. No derivative. */
#define ebb_logical_and(x, y) EBB_BINARY(logical_and, x, y)
#define ebb_logical_or(x, y) EBB_BINARY(logical_or, x, y)

/* c ? x : y; c [...] is a bool tensor, x and y operands of any dtype, and all three broadcast. Two numbers take
 * the wider of their C types: 1.0f, not 1.0, for f32. Derivatives are selected too: a NaN or infinity of the
 * branch not taken stays out of them, in every order. */
#define ebb_select(c, x, y) ebb_select_at((c), EBB_OPERAND(x), EBB_OPERAND(y), __FILE__, __LINE__)

/* min(max(x, low), high): x is a tensor, the bounds are operands, and all three broadcast; NaN stays NaN. number. The
 * derivative goes to what is taken, on a bound to x. */
#define ebb_clip(x, low, high) ebb_clip_at((x), EBB_OPERAND(low), EBB_OPERAND(high), __FILE__, __LINE__)

/* x [...] any -> [...] of `dtype`. Real to integer truncates and saturates, NaN gives 0; i64 to i32 wraps; all but
 * 0 is true, NaN too. The derivative passes between real dtypes and ends at others. */
#define ebb_cast(x, dtype) ebb_cast_at((x), (dtype), __FILE__, __LINE__)

#ifdef __cplusplus
}
#endif

#endif
