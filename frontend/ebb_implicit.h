/* ebb_implicit.h - section 9 of the tutorial in ebb.h, continued: functions that an equation defines.
 *
 *     static void kepler(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
 *         (void)ebb, (void)data;
 *         out[0] = ebb_add(in[1], ebb_mul(in[2], ebb_sin(in[0])));               // E = M + e sin E
 *     }
 *
 *     ebb_function *anomaly = ebb_fixed_point(ebb_function_new(ebb, kepler, NULL), NULL);
 *     ebb_tensor *m = ebb_scalar(ebb, 1.0), *e = ebb_scalar(ebb, 0.3);
 *     ebb_print(stdout, ebb_call(anomaly, m, m, e));          // E, begun at M
 *     ebb_print(stdout, ebb_call(ebb_grad(anomaly, EBB_WRT(1, 2)), m, m, e));    // dE/dM = 1 / (1 - e cos E)
 *
 * What f computes on the way to the answer is not differentiated: the answer satisfies an equation, and the derivative
 * is that of the equation (implicit function theorem; Griewank and Walther, Evaluating Derivatives, 2008, chapter 15):
 * one linear system at the answer, for tangents, cotangents and every order, whatever the number of steps was. */
#ifndef EBB_IMPLICIT_H
#define EBB_IMPLICIT_H

#include "ebb.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How to search. */
typedef struct ebb_search {
    /* It ends with a step whose largest element is at most this times (1 + the largest of x). Default: 1e-12 for f64,
     * 2e-6 for f32. */
    double tolerance;
    /* If it has not ended after so many steps, x is NaN. Default: 100 for a root, 10000 for a fixed point. */
    int64_t steps;
} ebb_search;

/* The x where f's first result is 0: x, theta... -> x [...], by Newton's method from the first argument on, with f's
 * Jacobian and ebb_solve; f(x, theta...) must be of x's type, f32 or f64. Costs n^3 a step for n elements, so it is for
 * small systems. Differentiable in theta, if those are tensors; in where it began the derivative is 0. f may use
 * nothing from outside. A type that does not fit is a TypeError or ValueError of the call, a singular Jacobian a
 * ValueError. options may be NULL; copied. Belongs to the context until ebb_function_free, keeps f alive. NULL for a
 * NULL f, for a negative number in options, or without memory. */
EBB_API ebb_function *ebb_root(ebb_function *f, const ebb_search *options);

/* The x where f(x, theta...) = x, by repeating f from the first argument on; else as ebb_root. It ends where f draws
 * points together. The derivative is one system of n equations. */
EBB_API ebb_function *ebb_fixed_point(ebb_function *f, const ebb_search *options);

#ifdef __cplusplus
}
#endif

#endif
