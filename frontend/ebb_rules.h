/* ebb_rules.h - section 9 of the tutorial in ebb.h, continued: derivatives of one's own, and functions that an equation
 * defines. */
#ifndef EBB_OWN_RULES_H
#define EBB_OWN_RULES_H

#include "ebb.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- derivatives of one's own ----
 *
 * What is differentiated is the program as it is written. Where another derivative is wanted, a function gets a rule: a
 * second function that gives it. A gradient that is cut to length 1 where it passes (the value is x itself):
 *
 *     static void same(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
 *         (void)ebb, (void)data;
 *         out[0] = in[0];
 *     }
 *     static void clip(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
 *         (void)ebb, (void)data;                                       // in: x, y, the cotangent of y
 *         out[0] = ebb_div(in[2], ebb_max(ebb_norm(in[2]), 1.0));
 *     }
 *
 *     ebb_function *f = ebb_function_new(ebb, same, NULL), *rule = ebb_function_new(ebb, clip, NULL);
 *     ebb_function *clipped = ebb_custom_vjp(f, rule);                 // loss(ebb_call(clipped, x)): |dx| is at most 1
 *
 * One rule serves both directions and every order: from tangents come cotangents by transposing it, and series from its
 * own derivatives; the second derivative is that of the rule. Whether it is true, ebb_check_derivatives
 * finds out. Values are f's, and where nothing is differentiated the rule costs nothing.
 *
 * f and rule use their tensor arguments and C numbers, and nothing from outside: a variable or captured tensor would
 * silently have no derivative, and is a ValueError of the call, as an absent result of f is. Each gives NULL for a NULL
 * f or rule (TypeError), one of another context, or without memory. */

/* f with a rule for tangents. It gets f's arguments x, f's results y, and a tangent for each real x that is a tensor,
 * of its type; it stores the tangent of each real y, of its type, linear in the tangents (else reverse mode is a
 * ValueError), or absent for zero. Another number, shape or dtype is a ValueError or TypeError of the call that names
 * the rule. */
EBB_API ebb_function *ebb_custom_jvp(ebb_function *f, ebb_function *rule);

/* f with a rule for cotangents. It gets f's arguments x, f's results y, and a cotangent for each real y; it stores that
 * of each real x that is a tensor, or absent for zero. If it is not linear in the cotangents, as clip is not, forward
 * mode is a ValueError that names it; gradients of gradients are not. */
EBB_API ebb_function *ebb_custom_vjp(ebb_function *f, ebb_function *rule);

/* f, which is computed again when a derivative comes back through it: reverse mode keeps f's arguments, and nothing of
 * what lies between them and the results. Costs one more evaluation of f in each gradient, and saves the memory of its
 * intermediate values; values and derivatives are f's, of every order. (Chen et al., Training deep nets with sublinear
 * memory cost, 2016.) */
EBB_API ebb_function *ebb_remat(ebb_function *f);

/* ---- functions that an equation defines ----
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
