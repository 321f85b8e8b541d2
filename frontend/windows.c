/* windows.c - overlapping parts of an axis, and their sum: what convolution and pooling are made of. */
#include "frontend/values.h"

static ebb_tensor *on_axis(const char *function, ebb_op op, ebb_tensor *x, int axis, int64_t size, int64_t stride,
                           int64_t dilation, ebb_site site) {
    ebb_context *ebb = ebb_context_of(1, &x);
    if (!ebb_operands_usable(ebb, function, 1, &x, site)) return ebb_poison_of(ebb);
    const int plain = ebb_axis_of(ebb, function, x, axis, site);
    if (plain < 0) return ebb_poison_of(ebb);
    const int64_t attr[] = {plain, size, stride, dilation};
    return ebb_dispatch(ebb, &(ebb_application){.op = op, .nattr = 4, .attr = attr, .site = site}, 1, &x);
}

ebb_tensor *ebb_windows_at(ebb_tensor *x, int axis, int64_t size, int64_t stride, int64_t dilation, const char *file,
                           int line) {
    return on_axis("ebb_windows", EBB_OP_windows, x, axis, size, stride, dilation, ebb_site_at(file, line));
}

ebb_tensor *ebb_overlap_add_at(ebb_tensor *x, int axis, int64_t size, int64_t stride, int64_t dilation,
                               const char *file, int line) {
    return on_axis("ebb_overlap_add", EBB_OP_overlap_add, x, axis, size, stride, dilation, ebb_site_at(file, line));
}
