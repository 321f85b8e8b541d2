/* structure.c - tensors put together, taken apart and repeated, written in the graph's operations.
 *
 * Everything is moved, nothing computed, so that every dtype and every bit passes: repetition is a broadcast of an axis
 * that was not there, a diagonal is every (n + 1)-th element of the matrix read as one line. What needs an axis more
 * than its result first puts the axes before and after together, so rank 8 works too. Start reading at ebb_concat_at.
 */
#include "frontend/values.h"

/* One operation with a single attribute. */
static ebb_tensor *on_axis(ebb_context *ebb, ebb_op op, int n, ebb_tensor *const *x, int64_t axis, ebb_site site) {
    return ebb_dispatch(ebb, &(ebb_application){.op = op, .nattr = 1, .attr = &axis, .site = site}, n, x);
}

/* A tensor of its own, also where the shape is x's: the caller may release both. */
static ebb_tensor *renamed(ebb_context *ebb, ebb_tensor *x, const ebb_shape *to, ebb_site site) {
    if (x->kind == EBB_KIND_POISON) return x;
    ebb_application app = {.op = EBB_OP_reshape, .asked = {x->type.dtype, *to}, .site = site};
    return ebb_dispatch(ebb, &app, 1, &x);
}

/* The product of the sizes of axes [from, to). */
static int64_t product(const ebb_shape *s, int from, int to) {
    int64_t size = 1;
    for (int i = from; i < to; i++)
        size *= s->dim[i];
    return size;
}

ebb_tensor *ebb_part_of(ebb_context *ebb, ebb_tensor *x, int axis, int64_t from, int64_t step, int64_t n,
                        ebb_site site) {
    if (x->kind == EBB_KIND_POISON) return x;
    ebb_type to = x->type;
    int64_t attr[2 * EBB_MAX_RANK] = {0};
    int rank = to.shape.rank;
    for (int i = 0; i < rank; i++)
        attr[rank + i] = 1;
    attr[axis] = from;
    attr[rank + axis] = step;
    to.shape.dim[axis] = n;
    return ebb_dispatch(ebb, &(ebb_application){EBB_OP_slice, 2 * rank, attr, to, site}, 1, &x);
}

/* ---- together ---- */

/* Neighbours in pairs until one is left, so that no element is copied more than log n times. */
static ebb_tensor *joined(ebb_context *ebb, int n, ebb_tensor **x, int axis, ebb_site site) {
    for (; n > 1; n = (n + 1) / 2)
        for (int i = 0; i < n; i += 2)
            x[i / 2] = i + 1 < n ? on_axis(ebb, EBB_OP_concat, 2, x + i, axis, site) : x[i];
    return x[0];
}

/* Checks common to concat and stack; a copy of the list to work in, or NULL. */
static ebb_tensor **list_of(ebb_context *ebb, const char *function, int n, ebb_tensor *const *x, ebb_site site) {
    if (n < 1 || !x) return ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "%s: no tensors given", function), NULL;
    if (!ebb_operands_usable(ebb, function, n, x, site)) return NULL;
    ebb_tensor **list = ebb_mem_new(&ebb->allocator, (size_t)n, sizeof *list);
    if (!list) return ebb_fail_at(ebb, EBB_NO_MEMORY, site, "out of memory"), NULL;
    for (int i = 0; i < n; i++)
        list[i] = x[i];
    return list;
}

ebb_tensor *ebb_concat_at(int n, ebb_tensor *const *x, int axis, const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    ebb_context *ebb = ebb_context_of(x ? n : 0, x);
    ebb_tensor **list = list_of(ebb, "ebb_concat", n, x, site), *y = ebb_poison_of(ebb);
    int plain = list ? ebb_axis_of(ebb, "ebb_concat", x[0], axis, site) : -1;
    if (plain >= 0)
        EBB_SCOPE (ebb)
            y = ebb_keep(n > 1 ? joined(ebb, n, list, plain, site) : renamed(ebb, x[0], &x[0]->type.shape, site));
    if (list) ebb_mem_free(&ebb->allocator, list);
    return y;
}

/* All of one shape, each with a new axis of size 1. */
static bool with_axis(ebb_context *ebb, int n, ebb_tensor **x, int axis, ebb_site site) {
    const ebb_shape s = x[0]->type.shape;
    ebb_shape to = {.rank = s.rank + 1};
    for (int i = 0; i < to.rank; i++)
        to.dim[i] = i == axis ? 1 : s.dim[i - (i > axis)];
    for (int i = 0; i < n; i++) {
        char a[EBB_TYPE_TEXT], b[EBB_TYPE_TEXT];
        if (!ebb_shape_equal(&s, &x[i]->type.shape))
            return ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "ebb_stack: shapes %s and %s differ", ebb_shape_text(&s, a),
                               ebb_shape_text(&x[i]->type.shape, b)),
                   false;
        x[i] = ebb_reshaped(ebb, x[i], &to, site);
    }
    return true;
}

/* The axis is one of the result, which has one more than x. */
static int new_axis(ebb_context *ebb, const ebb_tensor *x, int axis, ebb_site site) {
    int rank = x->type.shape.rank + 1;
    if (rank > EBB_MAX_RANK)
        return ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "ebb_stack: rank %d; it is at most %d", rank, EBB_MAX_RANK), -1;
    if (axis >= -rank && axis < rank) return axis < 0 ? axis + rank : axis;
    return ebb_fail_at(ebb, EBB_INDEX_ERROR, site, "ebb_stack: axis %d is out of range for rank %d", axis, rank), -1;
}

ebb_tensor *ebb_stack_at(int n, ebb_tensor *const *x, int axis, const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    ebb_context *ebb = ebb_context_of(x ? n : 0, x);
    ebb_tensor **list = list_of(ebb, "ebb_stack", n, x, site), *y = ebb_poison_of(ebb);
    int plain = list ? new_axis(ebb, x[0], axis, site) : -1;
    if (plain >= 0)
        EBB_SCOPE (ebb)
            if (with_axis(ebb, n, list, plain, site)) y = ebb_keep(joined(ebb, n, list, plain, site));
    if (list) ebb_mem_free(&ebb->allocator, list);
    return y;
}

/* ---- apart ---- */

void ebb_split_at(ebb_tensor *x, int n, int axis, ebb_tensor **parts, const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    ebb_context *ebb = ebb_context_of(1, &x);
    if (n < 1 || !parts) {
        ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "ebb_split: no parts asked for");
        return;
    }
    for (int i = 0; i < n; i++)
        parts[i] = ebb_poison_of(ebb);
    if (!ebb_operands_usable(ebb, "ebb_split", 1, &x, site)) return;
    int plain = ebb_axis_of(ebb, "ebb_split", x, axis, site);
    if (plain < 0) return;
    int64_t size = x->type.shape.dim[plain];
    if (size % n) {
        ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "ebb_split: %d parts do not divide axis %d of size %lld", n, plain,
                    (long long)size);
        return;
    }
    for (int i = 0; i < n; i++)
        parts[i] = ebb_part_of(ebb, x, plain, i * (size / n), 1, size / n, site);
}

ebb_tensor *ebb_roll_at(ebb_tensor *x, int64_t shift, int axis, const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    ebb_context *ebb = ebb_context_of(1, &x);
    if (!ebb_operands_usable(ebb, "ebb_roll", 1, &x, site)) return ebb_poison_of(ebb);
    int plain = ebb_axis_of(ebb, "ebb_roll", x, axis, site);
    if (plain < 0) return ebb_poison_of(ebb);
    int64_t n = x->type.shape.dim[plain], by = n ? (shift % n + n) % n : 0;
    ebb_tensor *y = ebb_poison_of(ebb);
    EBB_SCOPE (ebb) {
        ebb_tensor *turned[2] = {ebb_part_of(ebb, x, plain, n - by, 1, by, site),
                                 ebb_part_of(ebb, x, plain, 0, 1, n - by, site)};
        y = ebb_keep(on_axis(ebb, EBB_OP_concat, 2, turned, plain, site));
    }
    return y;
}

/* ---- repeated ---- */

/* x seen as [before, n, after] lines, each of the n of them `times` times: [before, n, times, after] under shape `to`.
 */
static ebb_tensor *repeated(ebb_context *ebb, ebb_tensor *x, int64_t before, int64_t after, int64_t times,
                            const ebb_shape *to, ebb_site site) {
    ebb_tensor *y = ebb_poison_of(ebb);
    EBB_SCOPE (ebb) {
        y = ebb_reshaped(ebb, x, &(ebb_shape){3, {before, 1, after}}, site);
        y = ebb_stretch(ebb, y, &(ebb_shape){3, {before, times, after}}, site);
        y = ebb_keep(renamed(ebb, y, to, site));
    }
    return y;
}

/* One axis of x made `times` as long: slice by slice, or the whole of it again and again. */
static ebb_tensor *lengthened(ebb_context *ebb, const char *function, ebb_tensor *x, int axis, int64_t times,
                              bool whole, ebb_site site) {
    if (x->kind == EBB_KIND_POISON) return x;
    ebb_shape to = x->type.shape;
    if (times < 0 || __builtin_mul_overflow(to.dim[axis], times, &to.dim[axis]))
        return ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "%s: axis %d cannot be repeated %lld times", function, axis,
                           (long long)times);
    int cut = axis + !whole;
    return repeated(ebb, x, product(&x->type.shape, 0, cut), product(&x->type.shape, cut, to.rank), times, &to, site);
}

ebb_tensor *ebb_tile_at(ebb_tensor *x, const int64_t *times, const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    ebb_context *ebb = ebb_context_of(1, &x);
    if (!ebb_operands_usable(ebb, "ebb_tile", 1, &x, site)) return ebb_poison_of(ebb);
    int rank = x->type.shape.rank;
    if (rank && !times) return ebb_fail_at(ebb, EBB_TYPE_ERROR, site, "ebb_tile: times is NULL");
    ebb_tensor *y = ebb_poison_of(ebb);
    EBB_SCOPE (ebb) {
        y = renamed(ebb, x, &x->type.shape, site);
        for (int i = rank; i-- > 0;)
            if (times[i] != 1) y = lengthened(ebb, "ebb_tile", y, i, times[i], true, site);
        ebb_keep(y);
    }
    return y;
}

ebb_tensor *ebb_repeat_at(ebb_tensor *x, int64_t n, int axis, const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    ebb_context *ebb = ebb_context_of(1, &x);
    if (!ebb_operands_usable(ebb, "ebb_repeat", 1, &x, site)) return ebb_poison_of(ebb);
    int plain = ebb_axis_of(ebb, "ebb_repeat", x, axis, site);
    return plain < 0 ? ebb_poison_of(ebb) : lengthened(ebb, "ebb_repeat", x, plain, n, false, site);
}
