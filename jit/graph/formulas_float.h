/* formulas_float.h - the point operations on floating point, one line each, for everyone who computes them in C.
 *
 * The includer defines POINT_1 and POINT_2 and includes it once for each type: M(exp) is that type's function of libm,
 * TYPED(larger) is that type's function of numbers.h, and ebb_... are those of special.h. */

/* exp(-|x|) never overflows, so neither side does. */
#ifndef sigmoid_of
#define sigmoid_of(x, z) ((x) >= 0 ? 1 / (1 + (z)) : (z) / (1 + (z)))
#endif

POINT_1(neg, -x)
POINT_1(abs, M(fabs)(x))
POINT_1(sign, x > 0 ? 1 : x < 0 ? -1 : x) /* zeros keep their sign, NaN stays */
POINT_1(exp, M(exp)(x))
POINT_1(expm1, M(expm1)(x))
POINT_1(log, M(log)(x))
POINT_1(log1p, M(log1p)(x))
POINT_1(sqrt, M(sqrt)(x))
POINT_1(square, x *x)
POINT_1(recip, 1 / x)
POINT_1(sin, M(sin)(x))
POINT_1(cos, M(cos)(x))
POINT_1(tan, M(tan)(x))
POINT_1(asin, M(asin)(x))
POINT_1(acos, M(acos)(x))
POINT_1(atan, M(atan)(x))
POINT_1(sinh, M(sinh)(x))
POINT_1(cosh, M(cosh)(x))
POINT_1(tanh, M(tanh)(x))
POINT_1(sigmoid, sigmoid_of(x, M(exp)(-M(fabs)(x))))
POINT_1(softplus, (x > 0 ? x : 0) + M(log1p)(M(exp)(-M(fabs)(x))))
POINT_1(erf, M(erf)(x))
POINT_1(erfc, M(erfc)(x))
POINT_1(exp2, M(exp2)(x))
POINT_1(log2, M(log2)(x))
POINT_1(log10, M(log10)(x))
POINT_1(rsqrt, 1 / M(sqrt)(x))
POINT_1(cbrt, M(cbrt)(x))
POINT_1(asinh, M(asinh)(x))
POINT_1(acosh, M(acosh)(x))
POINT_1(atanh, M(atanh)(x))
POINT_1(lgamma, M(ebb_lgamma)(x))
POINT_1(floor, M(floor)(x))
POINT_1(ceil, M(ceil)(x))
POINT_1(round, M(roundeven)(x))
POINT_1(trunc, M(trunc)(x))
POINT_1(relu, x > 0 ? x : x != x ? x : 0)

POINT_2(add, x + y)
POINT_2(sub, x - y)
POINT_2(mul, x *y)
POINT_2(div, x / y)
POINT_2(pow, M(pow)(x, y))
POINT_2(hypot, M(hypot)(x, y))
POINT_2(atan2, M(atan2)(x, y))
/* Equal operands stand apart, so that infinite ones have no difference to be NaN. */
POINT_2(logaddexp, x == y ? x + (T)M_LN2 : TYPED(larger)(x, y) + M(log1p)(M(exp)(-M(fabs)(x - y))))
POINT_2(polygamma, M(ebb_polygamma)(x, y))
POINT_2(sinc_slope, M(ebb_sinc_slope)(x, y))
POINT_2(fmod, M(fmod)(x, y))
POINT_2(floormod, TYPED(floored)(M(fmod)(x, y), y))
POINT_2(floordiv, TYPED(quotient)(x, y, M(fmod)(x, y)))
POINT_2(max, TYPED(larger)(x, y))
POINT_2(min, TYPED(smaller)(x, y))
