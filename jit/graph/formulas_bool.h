/* formulas_bool.h - the point operations on bool, one line each; see formulas_float.h. */

POINT_1(logical_not, !x)
POINT_2(logical_and, x &&y)
POINT_2(logical_or, x || y)
