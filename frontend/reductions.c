/* reductions.c - sums and their kin over axes, and what looks along one axis: argmax, softmax, cross-entropy. */
#include "frontend/values.h"

/* Plain axes in rising order, as the graph wants them; -1 if they are wrong. naxes -1: all. */
static int axes_of(ebb_context *ebb, const char *function, const ebb_tensor *x, int naxes, const int *axes,
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

static ebb_tensor *reduce(const char *function, ebb_op op, ebb_tensor *x, int naxes, const int *axes, bool keep,
                          ebb_site site) {
    ebb_context *ebb = ebb_context_of(1, &x);
    int64_t axis[EBB_MAX_RANK];
    if (!ebb_operands_usable(ebb, function, 1, &x, site)) return ebb_poison_of(ebb);
    int n = axes_of(ebb, function, x, naxes, axes, axis, site);
    if (n < 0) return ebb_poison_of(ebb);
    ebb_application app = {.op = op, .nattr = n, .attr = axis, .site = site};
    if (!keep) return ebb_dispatch(ebb, &app, 1, &x);
    ebb_tensor *y = ebb_poison_of(ebb);
    EBB_SCOPE (ebb)
        y = ebb_keep(restore_axes(ebb, ebb_dispatch(ebb, &app, 1, &x), &x->type.shape, n, axis, site));
    return y;
}

ebb_tensor *ebb_sum_at(ebb_tensor *x, int naxes, const int *axes, bool keep, const char *file, int line) {
    return reduce("ebb_sum", EBB_OP_sum, x, naxes, axes, keep, ebb_site_at(file, line));
}

ebb_tensor *ebb_mean_at(ebb_tensor *x, int naxes, const int *axes, bool keep, const char *file, int line) {
    return reduce("ebb_mean", EBB_OP_mean, x, naxes, axes, keep, ebb_site_at(file, line));
}

ebb_tensor *ebb_reduce_max_at(ebb_tensor *x, int naxes, const int *axes, bool keep, const char *file, int line) {
    return reduce("ebb_max_over", EBB_OP_reduce_max, x, naxes, axes, keep, ebb_site_at(file, line));
}

ebb_tensor *ebb_logsumexp_at(ebb_tensor *x, int naxes, const int *axes, bool keep, const char *file, int line) {
    return reduce("ebb_logsumexp", EBB_OP_logsumexp, x, naxes, axes, keep, ebb_site_at(file, line));
}

ebb_tensor *ebb_norm_at(ebb_tensor *x, int naxes, const int *axes, bool keep, const char *file, int line) {
    return reduce("ebb_norm", EBB_OP_norm, x, naxes, axes, keep, ebb_site_at(file, line));
}

/* ---- along one axis ---- */

static ebb_tensor *along(const char *function, ebb_op op, ebb_tensor *x, int axis, ebb_site site) {
    ebb_context *ebb = ebb_context_of(1, &x);
    if (!ebb_operands_usable(ebb, function, 1, &x, site)) return ebb_poison_of(ebb);
    int64_t plain = ebb_axis_of(ebb, function, x, axis, site);
    if (plain < 0) return ebb_poison_of(ebb);
    return ebb_dispatch(ebb, &(ebb_application){.op = op, .nattr = 1, .attr = &plain, .site = site}, 1, &x);
}

ebb_tensor *ebb_argmax_at(ebb_tensor *x, int axis, const char *file, int line) {
    return along("ebb_argmax", EBB_OP_argmax, x, axis, ebb_site_at(file, line));
}

ebb_tensor *ebb_softmax_at(ebb_tensor *x, int axis, const char *file, int line) {
    return along("ebb_softmax", EBB_OP_softmax, x, axis, ebb_site_at(file, line));
}

ebb_tensor *ebb_log_softmax_at(ebb_tensor *x, int axis, const char *file, int line) {
    return along("ebb_log_softmax", EBB_OP_log_softmax, x, axis, ebb_site_at(file, line));
}

ebb_tensor *ebb_sparse_softmax_cross_entropy_at(ebb_tensor *logits, ebb_tensor *labels, const char *file, int line) {
    ebb_tensor *arg[2] = {logits, labels};
    ebb_application app = {.op = EBB_OP_sparse_softmax_cross_entropy, .site = ebb_site_at(file, line)};
    return ebb_dispatch(ebb_context_of(2, arg), &app, 2, arg);
}
