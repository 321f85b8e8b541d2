/* smooth.c - the partial derivatives of smooth operations, as formulas in operand x and result y.
 *
 * One line is all that forward, reverse and every nesting of them need. A formula is chosen to be exact where the
 * function has an edge (log'(0) = inf, sqrt'(0) = inf), and to bring as few new operations as it can, since it is
 * differentiated again: y itself, where the result already holds the answer. */
#include "dual/rules.h"

#include <math.h>

#define NUMBER(value) ebb_g_full_like(b, p->y, value)
#define ADD(u, v) ebb_g_add(b, u, v)
#define SUB(u, v) ebb_g_sub(b, u, v)
#define MUL(u, v) ebb_g_mul(b, u, v)
#define DIV(u, v) ebb_g_div(b, u, v)
#define NEG(u) ebb_g_neg(b, u)
#define RECIP(u) ebb_g_recip(b, u)
#define SQUARE(u) ebb_g_square(b, u)
#define FURTHER(u) (p->further ? p->further : (u))

#define PARTIAL(name, formula)                                                                                         \
    ebb_id partial_##name(ebb_builder *b, const ebb_primal *p, int i) {                                                \
        const ebb_id x = p->x[0], y = p->y;                                                                            \
        (void)b, (void)x, (void)y, (void)i;                                                                            \
        return formula;                                                                                                \
    }

/* 1 - x^2. Far from 0 as (1 - x)(1 + x), which keeps the digits that x*x would lose near 1; near 0 as it stands, whose
 * derivative -2x does not cancel. */
static ebb_id one_less_square(ebb_builder *b, const ebb_primal *p) {
    ebb_id x = p->x[0], near = ebb_g_lt(b, ebb_g_abs(b, x), NUMBER(0.5));
    return ebb_g_select(b, near, SUB(NUMBER(1), SQUARE(x)), MUL(SUB(NUMBER(1), x), ADD(NUMBER(1), x)));
}

/* At 1 the root's reciprocal is infinite, not NaN, and so is the second derivative by a forward outer pass (a reverse
 * one meets inf * 0 there). */
static ebb_id circle_slope(ebb_builder *b, const ebb_primal *p) { return RECIP(ebb_g_sqrt(b, one_less_square(b, p))); }

#define TWO_BY_ROOT_PI 1.12837916709551257390
#define LOG_2 0.69314718055994530942
#define LOG_10 2.30258509299404568402

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
PARTIAL(tanh, SUB(NUMBER(1), SQUARE(y)))
PARTIAL(sigmoid, MUL(y, SUB(NUMBER(1), y)))
PARTIAL(softplus, ebb_g_sigmoid(b, x))
PARTIAL(erf, MUL(NUMBER(TWO_BY_ROOT_PI), ebb_g_exp(b, NEG(SQUARE(x)))))
PARTIAL(erfc, MUL(NUMBER(-TWO_BY_ROOT_PI), ebb_g_exp(b, NEG(SQUARE(x)))))
PARTIAL(exp2, MUL(NUMBER(LOG_2), y))
PARTIAL(log2, DIV(NUMBER(1 / LOG_2), x))
PARTIAL(log10, DIV(NUMBER(1 / LOG_10), x))
PARTIAL(rsqrt, MUL(NUMBER(-0.5), DIV(y, x)))
PARTIAL(cbrt, RECIP(MUL(NUMBER(3), SQUARE(y))))
PARTIAL(asinh, RECIP(ebb_g_hypot(b, x, NUMBER(1)))) /* the root of 1 + x*x, which may overflow */
PARTIAL(acosh, RECIP(MUL(ebb_g_sqrt(b, SUB(x, NUMBER(1))), ebb_g_sqrt(b, ADD(x, NUMBER(1))))))
PARTIAL(erfinv, MUL(NUMBER(1 / TWO_BY_ROOT_PI), ebb_g_exp(b, SQUARE(y))))
PARTIAL(atanh, RECIP(one_less_square(b, p)))
PARTIAL(lgamma, ebb_g_polygamma(b, NUMBER(0), x))
/* An order is a whole number: nothing depends on it smoothly. */
PARTIAL(polygamma, i == 0 ? NUMBER(0) : FURTHER(ebb_g_polygamma(b, ADD(x, NUMBER(1)), p->x[1])))
PARTIAL(sinc_slope, i == 0 ? NUMBER(0) : FURTHER(ebb_g_sinc_slope(b, ADD(x, NUMBER(1)), p->x[1])))
/* x - y, a multiple of the divisor, names the quotient better than x / divisor, which may round up to a whole number.
 */
PARTIAL(fmod, i == 0 ? NUMBER(1) : NEG(ebb_g_round(b, DIV(SUB(x, y), p->x[1]))))
PARTIAL(floormod, i == 0 ? NUMBER(1) : NEG(ebb_g_floordiv(b, x, p->x[1])))
PARTIAL(div, i == 0 ? RECIP(p->x[1]) : NEG(MUL(y, RECIP(p->x[1]))))

/* Whether e = 0 and x is not positive, or so small that its negative powers overflow. */
static ebb_id has_no_slope(ebb_builder *b, ebb_id x, ebb_id e) {
    double least = ebb_dtype_at(b->graph, x) == EBB_F32 ? 0x1p-30 : 0x1p-250;
    ebb_id large = ebb_g_ge(b, x, ebb_g_full_like(b, x, least));
    return ebb_g_logical_and(b, ebb_g_eq(b, e, ebb_g_full_like(b, e, 0)), ebb_g_logical_not(b, large));
}

/* e x^(e-1), but 0 for e = 0 even at x = 0, where the inner exponent is 0 too, so that no infinity waits in the branch
 * not taken for the next derivative. For positive x nothing is special about e = 0: the derivative of this in e is
 * 1/x. */
static ebb_id pow_in_base(ebb_builder *b, const ebb_primal *p) {
    ebb_id x = p->x[0], e = p->x[1];
    double known;
    bool constant = ebb_is_scalar_constant(b->graph, e, &known);
    if (constant && known == 0) return NUMBER(0);
    if (constant) return MUL(e, ebb_g_pow(b, x, SUB(e, NUMBER(1))));
    ebb_id none = has_no_slope(b, x, e), safe = ebb_g_select(b, none, NUMBER(1), e);
    return ebb_g_select(b, none, NUMBER(0), MUL(e, FURTHER(ebb_g_pow(b, x, SUB(safe, NUMBER(1))))));
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

/* u / r where r is the length of (x[0], x[1]); at the origin 0, by choice, in every order. */
static ebb_id by_length(ebb_builder *b, const ebb_primal *p, ebb_id u, ebb_id r) {
    ebb_id origin = ebb_g_eq(b, r, NUMBER(0));
    return ebb_g_select(b, origin, NUMBER(0), DIV(u, ebb_g_select(b, origin, NUMBER(1), r)));
}

ebb_id partial_hypot(ebb_builder *b, const ebb_primal *p, int i) { return by_length(b, p, p->x[i], p->y); }

/* Divided by the length twice, as its square may overflow. */
ebb_id partial_atan2(ebb_builder *b, const ebb_primal *p, int i) {
    ebb_id r = ebb_g_hypot(b, p->x[0], p->x[1]);
    return by_length(b, p, by_length(b, p, i == 0 ? p->x[1] : NEG(p->x[0]), r), r);
}

/* sigmoid(x - e) and sigmoid(e - x). Two equal infinities have no difference: 1/2 each for inf, as their maximum, and 0
 * for -inf, the logarithm of nothing. */
ebb_id partial_logaddexp(ebb_builder *b, const ebb_primal *p, int i) {
    ebb_id x = p->x[i], e = p->x[1 - i];
    ebb_id ok = ebb_g_logical_or(b, ebb_g_ne(b, x, e), ebb_g_lt(b, ebb_g_abs(b, x), NUMBER(INFINITY)));
    ebb_id apart = SUB(ebb_g_select(b, ok, x, NUMBER(0)), ebb_g_select(b, ok, e, NUMBER(0)));
    ebb_id nothing = ebb_g_eq(b, p->y, NUMBER(-INFINITY));
    return ebb_g_select(b, nothing, NUMBER(0), ebb_g_sigmoid(b, apart));
}
