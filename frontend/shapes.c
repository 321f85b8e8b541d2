/* shapes.c - shapes given by the user, broadcasting, and the operations that only rearrange elements.
 *
 * Everything a user may leave open (negative axes, -1 as a size, stops beyond the end) is settled here; the graph's
 * operations know only plain axes and sizes. */
#include "frontend/values.h"

#include <string.h>

/* ---- shapes and axes ---- */

bool ebb_shape_given(ebb_context *ebb, const char *function, int rank, const int64_t *dims, ebb_shape *s,
                     ebb_site site) {
    *s = (ebb_shape){0};
    if (rank < 0 || rank > EBB_MAX_RANK)
        return ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "%s: rank %d; it is 0 to %d", function, rank, EBB_MAX_RANK),
               false;
    if (rank && !dims) return ebb_fail_at(ebb, EBB_TYPE_ERROR, site, "%s: the sizes are NULL", function), false;
    for (int i = 0; i < rank; i++) {
        if (dims[i] < 0)
            return ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "%s: size %lld of axis %d is negative", function,
                               (long long)dims[i], i),
                   false;
        s->dim[s->rank++] = dims[i];
    }
    return true;
}

int ebb_axis_of(ebb_context *ebb, const char *function, const ebb_tensor *x, int axis, ebb_site site) {
    char text[EBB_TYPE_TEXT];
    int rank = x->type.shape.rank;
    if (axis >= -rank && axis < rank) return axis < 0 ? axis + rank : axis;
    ebb_fail_at(ebb, EBB_INDEX_ERROR, site, "%s: axis %d is out of range for %s", function, axis,
                ebb_shape_text(&x->type.shape, text));
    return -1;
}

/* Shapes are aligned at their ends; a size of 1, or none, stretches. */
bool ebb_shape_broadcast(const ebb_shape *a, const ebb_shape *b, ebb_shape *both) {
    *both = (ebb_shape){.rank = a->rank > b->rank ? a->rank : b->rank};
    for (int i = 1; i <= both->rank; i++) {
        int64_t p = i <= a->rank ? a->dim[a->rank - i] : 1, q = i <= b->rank ? b->dim[b->rank - i] : 1;
        if (p != q && p != 1 && q != 1) return false;
        both->dim[both->rank - i] = p == 1 ? q : p;
    }
    return true;
}

static ebb_tensor *broadcast(ebb_context *ebb, ebb_tensor *x, const ebb_shape *to, ebb_site site) {
    int64_t axis[EBB_MAX_RANK];
    int rank = x->type.shape.rank;
    for (int i = 0; i < rank; i++)
        axis[i] = to->rank - rank + i;
    ebb_application app = {EBB_OP_broadcast, rank, axis, {x->type.dtype, *to}, site};
    return ebb_dispatch(ebb, &app, 1, &x);
}

ebb_tensor *ebb_stretch(ebb_context *ebb, ebb_tensor *x, const ebb_shape *to, ebb_site site) {
    return x->kind == EBB_KIND_POISON || ebb_shape_equal(&x->type.shape, to) ? x : broadcast(ebb, x, to, site);
}

static ebb_tensor *reshape(ebb_context *ebb, ebb_tensor *x, const ebb_shape *to, ebb_site site) {
    ebb_application app = {.op = EBB_OP_reshape, .asked = {x->type.dtype, *to}, .site = site};
    return ebb_dispatch(ebb, &app, 1, &x);
}

ebb_tensor *ebb_reshaped(ebb_context *ebb, ebb_tensor *x, const ebb_shape *to, ebb_site site) {
    return x->kind == EBB_KIND_POISON || ebb_shape_equal(&x->type.shape, to) ? x : reshape(ebb, x, to, site);
}

/* ---- broadcast_to, reshape, transpose ---- */

ebb_tensor *ebb_broadcast_to_at(ebb_tensor *x, int rank, const int64_t *dims, const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    ebb_context *ebb = ebb_context_of(1, &x);
    ebb_shape to, both;
    if (!ebb_operands_usable(ebb, "ebb_broadcast_to", 1, &x, site)) return ebb_poison_of(ebb);
    if (!ebb_shape_given(ebb, "ebb_broadcast_to", rank, dims, &to, site)) return ebb_poison_of(ebb);
    if (ebb_shape_broadcast(&x->type.shape, &to, &both) && ebb_shape_equal(&both, &to))
        return broadcast(ebb, x, &to, site);
    char have[EBB_TYPE_TEXT], want[EBB_TYPE_TEXT];
    return ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "ebb_broadcast_to: %s does not broadcast to %s",
                       ebb_shape_text(&x->type.shape, have), ebb_shape_text(&to, want));
}

/* x has one size that is not known, and the others are the rest: then that one is what is left. */
static bool fill_unknown_size(const ebb_tensor *x, ebb_shape *to, int open) {
    ebb_shape known = x->type.shape;
    int64_t all, rest, unknown = 0;
    for (int i = 0; i < known.rank; i++) {
        if (known.dim[i] >= 0) continue;
        if (unknown) return false;
        unknown = known.dim[i];
        known.dim[i] = 1;
    }
    bool same = unknown && ebb_shape_size(&known, &all) && ebb_shape_size(to, &rest) && all == rest;
    if (same) to->dim[open] = unknown;
    return same;
}

/* Axis `open` gets what the other sizes leave of x; false if they do not divide it. */
static bool fill_open_size(const ebb_tensor *x, ebb_shape *to, int open) {
    int64_t all, rest;
    to->dim[open] = 1;
    if (!ebb_shape_concrete(&x->type.shape)) return fill_unknown_size(x, to, open);
    if (!ebb_shape_size(&x->type.shape, &all) || !ebb_shape_size(to, &rest) || !rest || all % rest) return false;
    to->dim[open] = all / rest;
    return true;
}

ebb_tensor *ebb_reshape_at(ebb_tensor *x, int rank, const int64_t *dims, const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    ebb_context *ebb = ebb_context_of(1, &x);
    ebb_shape to;
    int64_t size[EBB_MAX_RANK];
    int open = -1;
    if (!ebb_operands_usable(ebb, "ebb_reshape", 1, &x, site)) return ebb_poison_of(ebb);
    for (int i = 0; dims && i < rank && i < EBB_MAX_RANK; i++) {
        bool is_open = dims[i] == -1 && open < 0;
        size[i] = is_open ? 1 : dims[i];
        if (is_open) open = i;
    }
    if (!ebb_shape_given(ebb, "ebb_reshape", rank, dims ? size : NULL, &to, site)) return ebb_poison_of(ebb);
    if (open < 0 || fill_open_size(x, &to, open)) return reshape(ebb, x, &to, site);
    char text[EBB_TYPE_TEXT];
    return ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "ebb_reshape: %s does not divide into the sizes beside -1",
                       ebb_shape_text(&x->type.shape, text));
}

ebb_tensor *ebb_permuted(ebb_context *ebb, ebb_tensor *x, int rank, const int64_t *perm, ebb_site site) {
    ebb_application app = {.op = EBB_OP_transpose, .nattr = rank, .attr = perm, .site = site};
    return ebb_dispatch(ebb, &app, 1, &x);
}

ebb_tensor *ebb_transpose_at(ebb_tensor *x, int naxes, const int *perm, const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    ebb_context *ebb = ebb_context_of(1, &x);
    int64_t axis[EBB_MAX_RANK];
    if (!ebb_operands_usable(ebb, "ebb_transpose", 1, &x, site)) return ebb_poison_of(ebb);
    int rank = x->type.shape.rank;
    if (naxes != rank || (rank && !perm))
        return ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "ebb_transpose: %d axes given, the tensor has %d",
                           perm ? naxes : 0, rank);
    for (int i = 0; i < rank; i++)
        if ((axis[i] = ebb_axis_of(ebb, "ebb_transpose", x, perm[i], site)) < 0) return ebb_poison_of(ebb);
    return ebb_permuted(ebb, x, rank, axis, site);
}

/* ---- slice, pad ---- */

/* A position as Python reads it: from the end if negative, then within 0 ... size. */
static int64_t clamp(int64_t at, int64_t size) {
    if (at < 0) at += size;
    return at < 0 ? 0 : at > size ? size : at;
}

bool ebb_slice_given(ebb_context *ebb, const char *function, const ebb_shape *s, const int64_t *start,
                     const int64_t *stop, const int64_t *step, ebb_block *block, ebb_site site) {
    *block = (ebb_block){.shape.rank = s->rank};
    if (s->rank && (!start || !stop))
        return ebb_fail_at(ebb, EBB_TYPE_ERROR, site, "%s: start or stop is NULL", function), false;
    for (int i = 0; i < s->rank; i++) {
        if (s->dim[i] < 0 && start[i] == 0 && stop[i] == INT64_MAX && (!step || step[i] == 1)) {
            block->at[s->rank + i] = 1;
            block->shape.dim[i] = s->dim[i];
            continue;
        }
        if (s->dim[i] < 0)
            return ebb_fail_at(ebb, EBB_VALUE_ERROR, site,
                               "%s: the size of axis %d is not known: take all of it, from 0 "
                               "to INT64_MAX",
                               function, i),
                   false;
        int64_t by = step ? step[i] : 1, from = clamp(start[i], s->dim[i]), until = clamp(stop[i], s->dim[i]);
        if (by < 1)
            return ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "%s: step %lld of axis %d is not positive", function,
                               (long long)by, i),
                   false;
        block->at[i] = from;
        block->at[s->rank + i] = by;
        block->shape.dim[i] = until > from ? (until - from - 1) / by + 1 : 0;
    }
    return true;
}

ebb_tensor *ebb_slice_at(ebb_tensor *x, const int64_t *start, const int64_t *stop, const int64_t *step,
                         const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    ebb_context *ebb = ebb_context_of(1, &x);
    ebb_block block;
    if (!ebb_operands_usable(ebb, "ebb_slice", 1, &x, site)) return ebb_poison_of(ebb);
    if (!ebb_slice_given(ebb, "ebb_slice", &x->type.shape, start, stop, step, &block, site)) return ebb_poison_of(ebb);
    ebb_application app = {EBB_OP_slice, 2 * block.shape.rank, block.at, {x->type.dtype, block.shape}, site};
    return ebb_dispatch(ebb, &app, 1, &x);
}

ebb_tensor *ebb_pad_at(ebb_tensor *x, const int64_t *low, const int64_t *high, const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    ebb_context *ebb = ebb_context_of(1, &x);
    int64_t attr[3 * EBB_MAX_RANK] = {0};
    if (!ebb_operands_usable(ebb, "ebb_pad", 1, &x, site)) return ebb_poison_of(ebb);
    int rank = x->type.shape.rank;
    if (rank && (!low || !high)) return ebb_fail_at(ebb, EBB_TYPE_ERROR, site, "ebb_pad: low or high is NULL");
    if (rank) memcpy(attr, low, (size_t)rank * sizeof *low);
    if (rank) memcpy(attr + rank, high, (size_t)rank * sizeof *high);
    return ebb_dispatch(ebb, &(ebb_application){.op = EBB_OP_pad, .nattr = 3 * rank, .attr = attr, .site = site}, 1,
                        &x);
}
