/* smooth.c - the partial derivatives of smooth operations, as formulas in operand x and result y.
 *
 * One line is all that forward, reverse and every nesting of them need. A formula is chosen to be exact where the
 * function has an edge (log'(0) = inf, sqrt'(0) = inf), and to bring as few new operations as it can, since it is
 * differentiated again: y itself, where the result already holds the answer. */
#include "dual/rules.h"

#define NUMBER(value) ebb_g_full_like(b, p->y, value)
#define ADD(u, v) ebb_g_add(b, u, v)
#define SUB(u, v) ebb_g_sub(b, u, v)
#define MUL(u, v) ebb_g_mul(b, u, v)
#define NEG(u) ebb_g_neg(b, u)
#define RECIP(u) ebb_g_recip(b, u)
#define SQUARE(u) ebb_g_square(b, u)

#define PARTIAL(name, formula)                                                                                         \
    ebb_id partial_##name(ebb_builder *b, const ebb_primal *p, int i) {                                                \
        const ebb_id x = p->x[0], y = p->y;                                                                            \
        (void)b, (void)x, (void)y, (void)i;                                                                            \
        return formula;                                                                                                \
    }

/* (1 - x)(1 + x) keeps the digits near 1 that 1 - x*x loses; at 1 its root's reciprocal is infinite, not NaN,
 * and so is the second derivative by a forward outer pass (a reverse one meets inf * 0 there). */
static ebb_id circle_slope(ebb_builder *b, const ebb_primal *p) {
    ebb_id x = p->x[0];
    return RECIP(ebb_g_sqrt(b, MUL(SUB(NUMBER(1), x), ADD(NUMBER(1), x))));
}

#define TWO_BY_ROOT_PI 1.12837916709551257390

PARTIAL(abs, ebb_g_sign(b, x))
PARTIAL(exp, y)
PARTIAL(expm1, ebb_g_exp(b, x)) /* y + 1 has no digits left for x < -37 */
PARTIAL(log, RECIP(x))
PARTIAL(log1p, RECIP(ADD(NUMBER(1), x)))
PARTIAL(sqrt, MUL(NUMBER(0.5), RECIP(y)))
PARTIAL(square, MUL(NUMBER(2), x))
PARTIAL(recip, NEG(SQUARE(y)))
PARTIAL(sin, ebb_g_cos(b, x))
PARTIAL(cos, NEG(ebb_g_sin(b, x)))
PARTIAL(tan, ADD(NUMBER(1), SQUARE(y)))
PARTIAL(asin, circle_slope(b, p))
PARTIAL(acos, NEG(circle_slope(b, p)))
PARTIAL(atan, RECIP(ADD(NUMBER(1), SQUARE(x))))
PARTIAL(sinh, ebb_g_cosh(b, x))
PARTIAL(cosh, ebb_g_sinh(b, x))
PARTIAL(tanh, MUL(SUB(NUMBER(1), y), ADD(NUMBER(1), y)))
PARTIAL(sigmoid, MUL(y, SUB(NUMBER(1), y)))
PARTIAL(softplus, ebb_g_sigmoid(b, x))
PARTIAL(erf, MUL(NUMBER(TWO_BY_ROOT_PI), ebb_g_exp(b, NEG(SQUARE(x)))))
PARTIAL(div, i == 0 ? RECIP(p->x[1]) : NEG(MUL(y, RECIP(p->x[1]))))

/* e x^(e-1), but 0 for e = 0 even at x = 0. Where e = 0 the inner exponent is 0 too, so that no infinity waits in the
 * branch not taken for the next derivative. */
static ebb_id pow_in_base(ebb_builder *b, const ebb_primal *p) {
    ebb_id x = p->x[0], e = p->x[1];
    ebb_id none = ebb_g_eq(b, e, NUMBER(0));
    ebb_id safe = ebb_g_select(b, none, NUMBER(1), e);
    return ebb_g_select(b, none, NUMBER(0), MUL(e, ebb_g_pow(b, x, SUB(safe, NUMBER(1)))));
}

/* y log x, but 0 where x is not positive; there the logarithm sees 1, for the same reason. */
static ebb_id pow_in_exponent(ebb_builder *b, const ebb_primal *p) {
    ebb_id x = p->x[0];
    ebb_id positive = ebb_g_gt(b, x, NUMBER(0));
    ebb_id safe = ebb_g_select(b, positive, x, NUMBER(1));
    return ebb_g_select(b, positive, MUL(p->y, ebb_g_log(b, safe)), NUMBER(0));
}

ebb_id partial_pow(ebb_builder *b, const ebb_primal *p, int i) {
    return i == 0 ? pow_in_base(b, p) : pow_in_exponent(b, p);
}
