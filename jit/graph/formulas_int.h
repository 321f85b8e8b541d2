/* formulas_int.h - the point operations on integers, one line each; see formulas_float.h. Sums and products wrap: they
 * are counted in U, the unsigned type of the same size. */

POINT_1(neg, (T)(0 - (U)x))
POINT_1(abs, x < 0 ? (T)(0 - (U)x) : x)
POINT_1(sign, (x > 0) - (x < 0))
POINT_1(square, (T)((U)x *(U)x))
POINT_1(bitwise_not, ~x)
POINT_1(relu, x > 0 ? x : 0)

POINT_2(add, (T)((U)x + (U)y))
POINT_2(sub, (T)((U)x - (U)y))
POINT_2(mul, (T)((U)x *(U)y))
POINT_2(fmod, TYPED(remainder)(x, y))
POINT_2(floormod, TYPED(floored)(TYPED(remainder)(x, y), y))
POINT_2(floordiv, TYPED(quotient)(x, y))
POINT_2(bitwise_and, x &y)
POINT_2(bitwise_or, x | y)
POINT_2(bitwise_xor, x ^ y)
POINT_2(shift_left, (U)y < 8 * sizeof x ? (T)((U)x << y) : 0)
POINT_2(shift_right, x >> ((U)y < 8 * sizeof x ? (U)y : 8 * sizeof x - 1)) /* arithmetic: gcc and clang promise it */
POINT_2(max, TYPED(larger)(x, y))
POINT_2(min, TYPED(smaller)(x, y))
