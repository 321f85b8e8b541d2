/* quad_taylor.h - Taylor coefficients of the references along a line, without any derivative rule: see quad_taylor.c.
 */
#ifndef EBB_QUAD_TAYLOR_H
#define EBB_QUAD_TAYLOR_H

#include "tests/ref/quad_ops.h"

enum { QUAD_MOST_ORDER = 10 };

/* c[k].at[j]: the coefficient of t^k in element j of y(x + t v), k from 0 to order; c[k] of ct's type. False: a kink or
 * a pole lies too near for them to be told. */
bool quad_taylor(const quad_point *p, int order, quad_tensor *c);

/* The derivative of order n of <ct, y>, n - 1 times along v and once along u (u[k].at NULL: operand k stays). */
quad quad_along(const quad_point *p, const quad_tensor *u, int n);

#endif
