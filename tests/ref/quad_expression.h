/* quad_expression.h - random expressions of three variables with their value, gradient and Hessian in quadruple
 * precision, to hold the expression language and its derivatives to.
 *
 * A tree is drawn so that every function stays inside its domain and away from kinks at the point drawn with it; the
 * reference carries value, gradient and Hessian forward through the tree (second-order dual numbers), in __float128. */
#ifndef EBB_QUAD_EXPRESSION_H
#define EBB_QUAD_EXPRESSION_H

#include <stdint.h>

enum { QUAD_VARIABLES = 3, QUAD_TEXT = 4096 };

typedef struct quad_expression {
    char text[QUAD_TEXT]; /* in the variables x, y, z */
    double point[QUAD_VARIABLES];
    double value, gradient[QUAD_VARIABLES], hessian[QUAD_VARIABLES][QUAD_VARIABLES];
    double scale; /* the largest magnitude met on the way: what rounding errors are measured by */
} quad_expression;

/* The expression of this seed. */
void quad_random_expression(uint64_t seed, quad_expression *e);

#endif
