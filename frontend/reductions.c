/* reductions.c - what takes axes: sums and their kin, reverse; and what looks along one axis: argmax, sort, softmax,
 * cross-entropy. */
#include "frontend/values.h"

int ebb_axes_of(ebb_context *ebb, const char *function, const ebb_tensor *x, int naxes, const int *axes,
                int64_t *sorted, ebb_site site) {
    bool chosen[EBB_MAX_RANK] = {false};
    int n = 0;
    if (naxes < -1 || (naxes > 0 && !axes))
        return ebb_fail_at(ebb, EBB_TYPE_ERROR, site, "%s: %d axes and no list of them", function, naxes), -1;
    for (int i = 0; i < naxes; i++) {
        int axis = ebb_axis_of(ebb, function, x, axes[i], site);
        if (axis < 0) return -1;
        if (chosen[axis])
            return ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "%s: axis %d is given twice", function, axis), -1;
        chosen[axis] = true;
    }
    for (int axis = 0; axis < x->type.shape.rank; axis++)
        if (naxes < 0 || chosen[axis]) sorted[n++] = axis;
    return n;
}

/* The reduced axes come back with size 1. */
static ebb_tensor *restore_axes(ebb_context *ebb, ebb_tensor *y, const ebb_shape *x, int n, const int64_t *axis,
                                ebb_site site) {
    ebb_shape kept = *x;
    for (int i = 0; i < n; i++)
        kept.dim[axis[i]] = 1;
    return ebb_reshaped(ebb, y, &kept, site);
}

static ebb_tensor *over_axes(const char *function, ebb_op op, ebb_tensor *x, int naxes, const int *axes, bool keep,
                             ebb_site site) {
    ebb_context *ebb = ebb_context_of(1, &x);
    int64_t axis[EBB_MAX_RANK];
    if (!ebb_operands_usable(ebb, function, 1, &x, site)) return ebb_poison_of(ebb);
    int n = ebb_axes_of(ebb, function, x, naxes, axes, axis, site);
    if (n < 0) return ebb_poison_of(ebb);
    ebb_application app = {.op = op, .nattr = n, .attr = axis, .site = site};
    if (!keep) return ebb_dispatch(ebb, &app, 1, &x);
    ebb_tensor *y = ebb_poison_of(ebb);
    EBB_SCOPE (ebb)
        y = ebb_keep(restore_axes(ebb, ebb_dispatch(ebb, &app, 1, &x), &x->type.shape, n, axis, site));
    return y;
}

/* Macro name of ebb.h, operation. */
#define REDUCTION(name, op)                                                                                            \
    ebb_tensor *ebb_##op##_at(ebb_tensor *x, int naxes, const int *axes, bool keep, const char *file, int line) {      \
        return over_axes("ebb_" #name, EBB_OP_##op, x, naxes, axes, keep, ebb_site_at(file, line));                    \
    }
REDUCTION(sum, sum)
REDUCTION(mean, mean)
REDUCTION(variance, variance)
REDUCTION(deviation, deviation)
REDUCTION(prod, prod)
REDUCTION(max_over, reduce_max)
REDUCTION(min_over, reduce_min)
REDUCTION(all_over, reduce_all)
REDUCTION(any_over, reduce_any)
REDUCTION(logsumexp, logsumexp)
REDUCTION(norm, norm)

ebb_tensor *ebb_reverse_at(ebb_tensor *x, int naxes, const int *axes, const char *file, int line) {
    return over_axes("ebb_reverse", EBB_OP_reverse, x, naxes, axes, false, ebb_site_at(file, line));
}

/* ---- along one axis ---- */

static ebb_tensor *along(const char *function, ebb_op op, ebb_tensor *x, int axis, ebb_site site) {
    ebb_context *ebb = ebb_context_of(1, &x);
    if (!ebb_operands_usable(ebb, function, 1, &x, site)) return ebb_poison_of(ebb);
    int64_t plain = ebb_axis_of(ebb, function, x, axis, site);
    if (plain < 0) return ebb_poison_of(ebb);
    return ebb_dispatch(ebb, &(ebb_application){.op = op, .nattr = 1, .attr = &plain, .site = site}, 1, &x);
}

#define ALONG(op)                                                                                                      \
    ebb_tensor *ebb_##op##_at(ebb_tensor *x, int axis, const char *file, int line) {                                   \
        return along("ebb_" #op, EBB_OP_##op, x, axis, ebb_site_at(file, line));                                       \
    }
ALONG(argmax)
ALONG(argmin)
ALONG(cumsum)
ALONG(cumprod)
ALONG(sort)
ALONG(argsort)
ALONG(softmax)
ALONG(log_softmax)

ebb_tensor *ebb_sparse_softmax_cross_entropy_at(ebb_tensor *logits, ebb_tensor *labels, const char *file, int line) {
    ebb_tensor *arg[2] = {logits, labels};
    ebb_application app = {.op = EBB_OP_sparse_softmax_cross_entropy, .site = ebb_site_at(file, line)};
    return ebb_dispatch(ebb_context_of(2, arg), &app, 2, arg);
}
