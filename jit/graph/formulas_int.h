/* formulas_int.h - the point operations on integers, one line each; see formulas_float.h. Sums and products wrap: they
 * are counted in U, the unsigned type of the same size. */

POINT_1(neg, (T)(0 - (U)x))
POINT_1(abs, x < 0 ? (T)(0 - (U)x) : x)
POINT_1(sign, (x > 0) - (x < 0))
POINT_1(square, (T)((U)x *(U)x))
POINT_1(relu, x > 0 ? x : 0)

POINT_2(add, (T)((U)x + (U)y))
POINT_2(sub, (T)((U)x - (U)y))
POINT_2(mul, (T)((U)x *(U)y))
POINT_2(max, LARGER(x, y))
POINT_2(min, SMALLER(x, y))
