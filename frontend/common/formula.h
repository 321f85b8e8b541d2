/* formula.h - a small formula of two variables, and the roads to its derivatives.
 *
 *     f(x, y) = exp(sin(x) y) + log(1 + x^2) tanh(y) + sqrt(x^2 + y^2 + 1)          at x = 0.7, y = 1.3, in f64
 */
#ifndef EBB_COMMON_FORMULA_H
#define EBB_COMMON_FORMULA_H

#include "ebb.h"

/* f as a function of the context; its name is "f". */
ebb_function *formula_in(ebb_context *ebb);
/* The point and, after it, a direction (1, 0), as arguments: temporaries of the innermost scope. */
void formula_point(ebb_context *ebb, ebb_operand at[2], ebb_operand unit[2]);

/* f, df/dx, df/dy, d2f/dx2, d2f/dxdy, d2f/dydx, d2f/dy2 */
enum { FORMULA_PARTS = 7 };
typedef struct answer {
    double part[FORMULA_PARTS];
} answer;

typedef struct road {
    const char *name;
    answer (*take)(ebb_context *ebb, ebb_function *f);
} road;

enum { FORMULA_ROADS = 4 };
extern const road formula_roads[FORMULA_ROADS];

#endif
