/* macros.c - what the MACRO operations stand for, written in the others: one expand_<name> for each row of ops.def.
 *
 * Every formula is safe at the edges that break the textbook one (overflow, infinities, zero, nothing to reduce), and
 * safe in its derivatives too. Two habits do that. A shift or a scale that the result does not depend on goes through
 * stop_gradient, so that no derivative is spent on it. And where a formula does not hold, `select` gives it a harmless
 * operand before it and takes another result after it: a derivative through the branch not taken is zero, not NaN.
 * Those that look at places are in macros_index.c. Start reading at expand_mean. */
#include "jit/graph/macros.h"

#include <float.h>
#include <math.h>

/* How many elements each result of a reduction over `axes` is made of; -1: not known. */
static int64_t reduced_count(const ebb_builder *b, ebb_id x, ebb_attr axes) {
    const ebb_shape *shape = ebb_shape_of(b->graph, x);
    int64_t n = 1;
    for (int32_t k = 0; k < axes.n; k++) {
        if (shape->dim[axes.v[k]] < 0) return -1;
        n *= shape->dim[axes.v[k]];
    }
    return n;
}

static ebb_id sum_over(ebb_builder *b, ebb_id x, ebb_attr axes) { return ebb_g_sum(b, x, axes.n, axes.v); }

static ebb_id max_over(ebb_builder *b, ebb_id x, ebb_attr axes) { return ebb_g_reduce_max(b, x, axes.n, axes.v); }

/* What a reduction of x has for a result when there is nothing to reduce. */
static ebb_id of_nothing(ebb_builder *b, ebb_id x, ebb_attr axes, double value) {
    return ebb_g_full_like(b, sum_over(b, x, axes), value);
}

static ebb_id is_finite(ebb_builder *b, ebb_id x) {
    return ebb_g_lt(b, ebb_g_abs(b, x), ebb_g_full_like(b, x, INFINITY));
}

/* The sum of many large elements may overflow where their mean does not: add x * s instead, s = 2^-ceil(log2 n), and
 * divide by n * s in (1/2, 1]. Powers of two are exact, so nothing else changes (but the last bits of subnormals). The
 * mean of nothing is 0/0. */
static ebb_id expand_mean(ebb_builder *b, const ebb_id *x, ebb_attr axes) {
    int64_t n = reduced_count(b, x[0], axes);
    if (n == 0) return of_nothing(b, x[0], axes, NAN);
    if (n < 0) /* counted when the sizes are known */
        return ebb_g_div(b, sum_over(b, x[0], axes), sum_over(b, ebb_g_full_like(b, x[0], 1), axes));
    double scale = 1;
    while (scale * (double)n > 1)
        scale /= 2;
    ebb_id total = sum_over(b, ebb_g_mul(b, x[0], ebb_g_full_like(b, x[0], scale)), axes);
    return ebb_g_div(b, total, ebb_g_full_like(b, total, (double)n * scale));
}

/* x less its mean, and first less its maximum, which the result does not depend on: equal elements become exactly 0,
 * and what they have in common takes no digits from their differences. */
static ebb_id centred(ebb_builder *b, ebb_id x, ebb_attr axes) {
    ebb_id d = ebb_g_sub(b, x, over(b, ebb_g_stop_gradient(b, max_over(b, x, axes)), x, axes));
    return ebb_g_sub(b, d, over(b, expand_mean(b, &d, axes), x, axes));
}

static ebb_id expand_variance(ebb_builder *b, const ebb_id *x, ebb_attr axes) {
    if (reduced_count(b, x[0], axes) == 0) return of_nothing(b, x[0], axes, NAN);
    ebb_id square = ebb_g_square(b, centred(b, x[0], axes));
    return expand_mean(b, &square, axes);
}

/* log(sum(exp(x - m))) + m with m = max x, which no derivative passes through: then a tie needs no rule, and the second
 * derivative is the true one. Where m is not finite the result is m itself: inf has the derivative of the maximum (1
 * where x is inf), -inf, the sum of nothing but zeros, has derivative 0. */
static ebb_id expand_logsumexp(ebb_builder *b, const ebb_id *x, ebb_attr axes) {
    if (reduced_count(b, x[0], axes) == 0) return of_nothing(b, x[0], axes, -INFINITY);
    ebb_id m = max_over(b, x[0], axes), zero = ebb_g_full_like(b, m, 0);
    ebb_id ok = is_finite(b, m);
    ebb_id shift = ebb_g_stop_gradient(b, ebb_g_select(b, ok, m, zero));
    ebb_id safe = ebb_g_select(b, over(b, ok, x[0], axes), x[0], ebb_g_full_like(b, x[0], 0));
    ebb_id e = ebb_g_exp(b, ebb_g_sub(b, safe, over(b, shift, x[0], axes)));
    ebb_id y = ebb_g_add(b, ebb_g_log(b, sum_over(b, e, axes)), shift);
    ebb_id some = ebb_g_ne(b, m, ebb_g_full_like(b, m, -INFINITY));
    return ebb_g_select(b, ok, y, ebb_g_select(b, some, m, ebb_g_stop_gradient(b, m)));
}

/* m * sqrt(sum((x / m)^2)) with m = max |x| as a constant: no square overflows or vanishes. m is kept above the
 * subnormals, whose reciprocal, part of the derivative, would be inf. Where m is 0 the result is 0 with derivative 0;
 * where it is inf, inf. NaN takes the formula and stays NaN. */
static ebb_id expand_norm(ebb_builder *b, const ebb_id *x, ebb_attr axes) {
    if (reduced_count(b, x[0], axes) == 0) return of_nothing(b, x[0], axes, 0);
    ebb_id m = ebb_g_stop_gradient(b, max_over(b, ebb_g_abs(b, x[0]), axes));
    ebb_id ok =
        ebb_g_logical_and(b, ebb_g_ne(b, m, ebb_g_full_like(b, m, 0)), ebb_g_ne(b, m, ebb_g_full_like(b, m, INFINITY)));
    double least = ebb_dtype_at(b->graph, x[0]) == EBB_F32 ? (double)FLT_MIN : DBL_MIN;
    ebb_id one = ebb_g_full_like(b, m, 1);
    ebb_id scale = ebb_g_select(b, ok, ebb_g_max(b, m, ebb_g_full_like(b, m, least)), one);
    ebb_id safe = ebb_g_select(b, over(b, ok, x[0], axes), x[0], ebb_g_full_like(b, x[0], 1));
    ebb_id ratio = ebb_g_div(b, safe, over(b, scale, x[0], axes));
    ebb_id y = ebb_g_mul(b, scale, ebb_g_sqrt(b, sum_over(b, ebb_g_square(b, ratio), axes)));
    return ebb_g_select(b, ok, y, m);
}

/* norm / sqrt(n): no square overflows, and where all are equal the derivative is 0. */
static ebb_id expand_deviation(ebb_builder *b, const ebb_id *x, ebb_attr axes) {
    int64_t n = reduced_count(b, x[0], axes);
    if (n == 0) return of_nothing(b, x[0], axes, NAN);
    ebb_id d = centred(b, x[0], axes), y = expand_norm(b, &d, axes);
    return ebb_g_div(b, y, ebb_g_full_like(b, y, sqrt((double)n)));
}

/* ---- the other extreme ---- */

static ebb_id expand_reduce_min(ebb_builder *b, const ebb_id *x, ebb_attr axes) {
    return turned(b, max_over(b, turned(b, x[0]), axes));
}

static ebb_id expand_argmin(ebb_builder *b, const ebb_id *x, ebb_attr axis) {
    return ebb_g_argmax(b, turned(b, x[0]), (int)axis.v[0]);
}

static ebb_id expand_reduce_any(ebb_builder *b, const ebb_id *x, ebb_attr axes) {
    ebb_id i = ebb_g_cast_to(b, x[0], EBB_I32);
    ebb_id y = reduced_count(b, i, axes) ? max_over(b, i, axes) : of_nothing(b, i, axes, 0);
    return ebb_g_cast_to(b, y, EBB_BOOL);
}

static ebb_id expand_reduce_all(ebb_builder *b, const ebb_id *x, ebb_attr axes) {
    ebb_id none = ebb_g_logical_not(b, x[0]);
    return ebb_g_logical_not(b, expand_reduce_any(b, &none, axes));
}

/* ---- products and running products ---- */

/* The product of n >= 1 elements of one axis, which stays with size 1: one half times the other, until one is left. */
static ebb_id halved(ebb_builder *b, ebb_id x, int64_t axis, int64_t n) {
    ebb_id odd = EBB_ABSENT;
    for (; n > 1; n /= 2) {
        ebb_id last = n % 2 ? part(b, x, axis, n - 1, 1, 1) : EBB_ABSENT;
        if (last) odd = odd ? ebb_g_mul(b, odd, last) : last;
        x = ebb_g_mul(b, part(b, x, axis, 0, 1, n / 2), part(b, x, axis, n / 2, 1, n / 2));
    }
    return odd ? ebb_g_mul(b, x, odd) : x;
}

/* No quotient anywhere: the derivative is the product of the others, whether or not some are 0. */
static ebb_id expand_prod(ebb_builder *b, const ebb_id *x, ebb_attr axes) {
    ebb_id y = x[0], shape = sum_over(b, x[0], axes);
    if (reduced_count(b, y, axes) == 0) return of_nothing(b, y, axes, 1);
    ebb_shape to = *ebb_shape_of(b->graph, shape);
    for (int32_t k = 0; k < axes.n; k++)
        y = halved(b, y, axes.v[k], ebb_shape_of(b->graph, y)->dim[axes.v[k]]);
    return ebb_g_reshape(b, y, &to);
}

/* even[0], odd[0], even[1], ... of [outer, size, inner]; there may be one more of the even ones. */
static ebb_id interleaved(ebb_builder *b, ebb_id even, ebb_id odd) {
    ebb_shape to = *ebb_shape_of(b->graph, odd);
    int64_t n = to.dim[1];
    bool more = ebb_shape_of(b->graph, even)->dim[1] > n;
    to.dim[1] *= 2;
    ebb_id y = ebb_g_reshape(b, ebb_g_concat(b, part(b, even, 1, 0, 1, n), odd, 2), &to);
    return more ? ebb_g_concat(b, y, part(b, even, 1, n, 1, 1), 1) : y;
}

/* Running products of n elements in about 2 n operations (Blelloch 1990): the running products of neighbours' products
 * are the odd results; each even one is the result before it and its own element. No quotient either. */
static ebb_id expand_cumprod(ebb_builder *b, const ebb_id *x, ebb_attr axis) {
    ebb_id level[64], y = lines(b, x[0], axis);
    const ebb_shape to = *ebb_shape_of(b->graph, x[0]);
    int depth = 0;
    for (int64_t n = to.dim[axis.v[0]]; n > 1; n /= 2) {
        level[depth++] = y;
        y = ebb_g_mul(b, part(b, y, 1, 0, 2, n / 2), part(b, y, 1, 1, 2, n / 2));
    }
    while (depth-- > 0) {
        ebb_id own = level[depth], even = part(b, own, 1, 0, 1, 1);
        int64_t more = (ebb_shape_of(b->graph, own)->dim[1] - 1) / 2;
        if (more) {
            ebb_id before = part(b, y, 1, 0, 1, more);
            even = ebb_g_concat(b, even, ebb_g_mul(b, before, part(b, own, 1, 2, 2, more)), 1);
        }
        y = interleaved(b, even, y);
    }
    return ebb_g_reshape(b, y, &to);
}

/* ---- networks ---- */

/* x less its maximum along the axis: exp of it never overflows and is 1 somewhere. A row of nothing but -inf, or with
 * an inf, becomes NaN, and so do its softmax and log-softmax: no number would be right. */
static ebb_id shifted(ebb_builder *b, ebb_id x, ebb_attr axis) {
    return ebb_g_sub(b, x, over(b, ebb_g_stop_gradient(b, max_over(b, x, axis)), x, axis));
}

static ebb_id expand_softmax(ebb_builder *b, const ebb_id *x, ebb_attr axis) {
    if (reduced_count(b, x[0], axis) == 0) return x[0];
    ebb_id e = ebb_g_exp(b, shifted(b, x[0], axis));
    return ebb_g_div(b, e, over(b, sum_over(b, e, axis), x[0], axis));
}

/* Not x - logsumexp(x): the shift is taken from x first, so log_softmax(1e4, 0) is (0, -1e4) to the last bit. */
static ebb_id expand_log_softmax(ebb_builder *b, const ebb_id *x, ebb_attr axis) {
    if (reduced_count(b, x[0], axis) == 0) return x[0];
    ebb_id t = shifted(b, x[0], axis);
    ebb_id log_sum = ebb_g_log(b, sum_over(b, ebb_g_exp(b, t), axis));
    return ebb_g_sub(b, t, over(b, log_sum, x[0], axis));
}

/* -log_softmax(logits)[label] on the last axis. The label's element is picked by comparing an iota with it, so that the
 * whole loss is one pass over a row, and its adjoint another: a gather would be neither. A label outside [0, classes)
 * gives a NaN loss, and gradient 0. */
static ebb_id expand_sparse_softmax_cross_entropy(ebb_builder *b, const ebb_id *x, ebb_attr none) {
    (void)none;
    const ebb_shape *shape = ebb_shape_of(b->graph, x[0]);
    int64_t axis = shape->rank - 1, classes = shape->dim[axis];
    ebb_attr last = {1, &axis};
    if (classes == 0) return of_nothing(b, x[0], last, NAN);
    ebb_id label = classes > INT32_MAX ? ebb_g_cast_to(b, x[1], EBB_I64) : x[1];
    ebb_id index = ebb_g_iota(b, classes > INT32_MAX ? EBB_I64 : ebb_dtype_at(b->graph, x[1]), shape, (int)axis);
    ebb_id t = shifted(b, x[0], last);
    ebb_id picked = ebb_g_select(b, ebb_g_eq(b, index, over(b, label, x[0], last)), t, ebb_g_full_like(b, t, 0));
    ebb_id loss = ebb_g_sub(b, ebb_g_log(b, sum_over(b, ebb_g_exp(b, t), last)), sum_over(b, picked, last));
    ebb_id valid = ebb_g_logical_and(b, ebb_g_ge(b, label, ebb_g_full_like(b, label, 0)),
                                     ebb_g_lt(b, label, ebb_g_full_like(b, label, (double)classes)));
    return ebb_g_select(b, valid, loss, ebb_g_full_like(b, loss, NAN));
}

/* ---- element by element ---- */

static ebb_id is_zero(ebb_builder *b, ebb_id x) { return ebb_g_eq(b, x, ebb_g_full_like(b, x, 0)); }

static ebb_id expand_digamma(ebb_builder *b, const ebb_id *x, ebb_attr none) {
    (void)none;
    return ebb_g_polygamma(b, ebb_g_full_like(b, x[0], 0), x[0]);
}

static ebb_id expand_sinc(ebb_builder *b, const ebb_id *x, ebb_attr none) {
    (void)none;
    return ebb_g_sinc_slope(b, ebb_g_full_like(b, x[0], 0), x[0]);
}

/* Where x is 0 and log y is not finite the result is 0, with derivatives 0; elsewhere the formula holds. */
static ebb_id expand_xlogy(ebb_builder *b, const ebb_id *x, ebb_attr none) {
    (void)none;
    ebb_id finite = ebb_g_logical_and(b, ebb_g_gt(b, x[1], ebb_g_full_like(b, x[1], 0)), is_finite(b, x[1]));
    ebb_id holds = ebb_g_logical_or(b, ebb_g_logical_not(b, is_zero(b, x[0])), finite);
    ebb_id safe = ebb_g_select(b, holds, x[1], ebb_g_full_like(b, x[1], 1));
    return ebb_g_select(b, holds, ebb_g_mul(b, x[0], ebb_g_log(b, safe)), ebb_g_full_like(b, x[0], 0));
}

static ebb_id expand_divide_no_nan(ebb_builder *b, const ebb_id *x, ebb_attr none) {
    (void)none;
    ebb_id zero = is_zero(b, x[1]), safe = ebb_g_select(b, zero, ebb_g_full_like(b, x[1], 1), x[1]);
    return ebb_g_select(b, zero, ebb_g_full_like(b, x[0], 0), ebb_g_div(b, x[0], safe));
}

static ebb_id expand_squared_difference(ebb_builder *b, const ebb_id *x, ebb_attr none) {
    (void)none;
    return ebb_g_square(b, ebb_g_sub(b, x[0], x[1]));
}

/* On a bound x and the bound tie, and the derivative goes to the first operand: x. */
static ebb_id expand_clip(ebb_builder *b, const ebb_id *x, ebb_attr none) {
    (void)none;
    return ebb_g_min(b, ebb_g_max(b, x[0], x[1]), x[2]);
}

static bool all_concrete(const ebb_builder *b, ebb_op op, const ebb_id *x) {
    for (int k = 0; k < ebb_op_table[op].arity; k++)
        if (!ebb_shape_concrete(ebb_shape_of(b->graph, x[k]))) return false;
    return true;
}

/* Whether what is written would be right whatever the unknown sizes become. */
static bool knows_enough(const ebb_builder *b, ebb_op op, const ebb_id *x, ebb_attr attr) {
    const ebb_shape *shape = ebb_shape_of(b->graph, x[0]);
    switch (op) {
    case EBB_OP_mean:
    case EBB_OP_digamma:
    case EBB_OP_sinc:
    case EBB_OP_xlogy:
    case EBB_OP_divide_no_nan:
    case EBB_OP_squared_difference:
    case EBB_OP_clip:
        return true;
    case EBB_OP_logsumexp:
    case EBB_OP_norm:
    case EBB_OP_softmax:
    case EBB_OP_log_softmax:
        return reduced_count(b, x[0], attr) >= 0;
    case EBB_OP_sparse_softmax_cross_entropy:
        return shape->dim[shape->rank - 1] >= 0;
    default:
        return all_concrete(b, op, x);
    }
}

ebb_id ebb_expand_macro(ebb_builder *b, ebb_op op, const ebb_id *x, ebb_attr attr) {
    if (!knows_enough(b, op, x, attr)) {
        ebb_fail(b->graph->diag, EBB_VALUE_ERROR, b->site, "%s: its sizes must be known to expand it",
                 ebb_op_table[op].name);
        return EBB_POISON;
    }
    switch (op) {
#define EXPAND_MACRO(name)                                                                                             \
    case EBB_OP_##name:                                                                                                \
        return expand_##name(b, x, attr);
#define EXPAND_LEAF(name)
#define EXPAND_STEP(name)
#define EXPAND_LINEAR(name)
#define EXPAND_BILINEAR(name)
#define EXPAND_PRODUCTS(name)
#define EXPAND_SMOOTH(name)
#define EXPAND_SELECTION(name)
#define EXPAND_IMPLICIT(name)
#define EXPAND_REGION(name)
#define OP(name, family, access, arity, rule) EXPAND_##family(name)
#include "jit/graph/ops.def"
#undef OP
    default:
        return EBB_POISON; /* no macro: the caller has looked */
    }
}
