/* matrices.c - triangles and diagonals of the last two axes, and one-hot rows. */
#include "frontend/values.h"

/* An index along one axis of a shape. */
static ebb_tensor *iota(ebb_context *ebb, ebb_dtype dtype, const ebb_shape *s, int64_t axis, ebb_site site) {
    return ebb_dispatch(ebb, &(ebb_application){EBB_OP_iota, 1, &axis, {dtype, *s}, site}, 0, NULL);
}

static bool has_axes(ebb_context *ebb, const char *function, const ebb_tensor *x, int least, ebb_site site) {
    char text[EBB_TYPE_TEXT];
    if (x->type.shape.rank >= least) return true;
    ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "%s: %s has fewer than %d axes", function,
                ebb_shape_text(&x->type.shape, text), least);
    return false;
}

/* ---- triangles ---- */

/* Elements where column - row compares so with k; zeros elsewhere, whatever was there. */
static ebb_tensor *triangle(const char *function, ebb_op compare, ebb_tensor *x, int64_t k, ebb_site site) {
    ebb_context *ebb = ebb_context_of(1, &x);
    if (!ebb_operands_usable(ebb, function, 1, &x, site) || !has_axes(ebb, function, x, 2, site))
        return ebb_poison_of(ebb);
    const ebb_shape *s = &x->type.shape;
    ebb_shape matrix = {2, {s->dim[s->rank - 2], s->dim[s->rank - 1]}};
    ebb_tensor *y = ebb_poison_of(ebb);
    EBB_SCOPE (ebb) {
        ebb_tensor *row = iota(ebb, EBB_I64, &matrix, 0, site), *column = iota(ebb, EBB_I64, &matrix, 1, site);
        ebb_operand distance =
            ebb_operand_tensor(ebb_sub_at(ebb_operand_tensor(column), ebb_operand_tensor(row), site.file, site.line));
        ebb_operand limit = ebb_operand_long(k);
        ebb_tensor *inside = compare == EBB_OP_le ? ebb_le_at(distance, limit, site.file, site.line)
                                                  : ebb_ge_at(distance, limit, site.file, site.line);
        y = ebb_keep(ebb_select_at(inside, ebb_operand_tensor(x), ebb_operand_int(0), site.file, site.line));
    }
    return y;
}

ebb_tensor *ebb_tril_at(ebb_tensor *x, int64_t k, const char *file, int line) {
    return triangle("ebb_tril", EBB_OP_le, x, k, ebb_site_at(file, line));
}

ebb_tensor *ebb_triu_at(ebb_tensor *x, int64_t k, const char *file, int line) {
    return triangle("ebb_triu", EBB_OP_ge, x, k, ebb_site_at(file, line));
}

/* ---- diagonals ---- */

/* [b...,n] with n zeros between neighbours has n * n elements: a matrix with a diagonal. */
ebb_tensor *ebb_diag_at(ebb_tensor *x, const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    ebb_context *ebb = ebb_context_of(1, &x);
    if (!ebb_operands_usable(ebb, "ebb_diag", 1, &x, site) || !has_axes(ebb, "ebb_diag", x, 1, site))
        return ebb_poison_of(ebb);
    ebb_shape to = x->type.shape;
    int last = to.rank - 1;
    if (to.rank == EBB_MAX_RANK)
        return ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "ebb_diag: rank %d; it is at most %d", to.rank + 1,
                           EBB_MAX_RANK);
    to.dim[to.rank++] = to.dim[last];
    int64_t attr[3 * EBB_MAX_RANK] = {0};
    attr[3 * last + 2] = to.dim[last];
    ebb_tensor *y = ebb_poison_of(ebb);
    EBB_SCOPE (ebb) {
        ebb_application app = {.op = EBB_OP_pad, .nattr = 3 * (last + 1), .attr = attr, .site = site};
        y = ebb_keep(ebb_reshaped(ebb, ebb_dispatch(ebb, &app, 1, &x), &to, site));
    }
    return y;
}

/* Every (n + 1)-th element of [b...,m * n]. */
ebb_tensor *ebb_diag_part_at(ebb_tensor *x, const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    ebb_context *ebb = ebb_context_of(1, &x);
    if (!ebb_operands_usable(ebb, "ebb_diag_part", 1, &x, site) || !has_axes(ebb, "ebb_diag_part", x, 2, site))
        return ebb_poison_of(ebb);
    ebb_shape flat = x->type.shape;
    int last = --flat.rank - 1;
    int64_t m = flat.dim[last], n = flat.dim[last + 1], attr[2 * EBB_MAX_RANK] = {0};
    flat.dim[last] = m * n;
    for (int i = 0; i <= last; i++)
        attr[last + 1 + i] = i == last ? n + 1 : 1;
    ebb_type to = {x->type.dtype, flat};
    to.shape.dim[last] = m < n ? m : n;
    ebb_tensor *y = ebb_poison_of(ebb);
    EBB_SCOPE (ebb) {
        ebb_tensor *elements = ebb_reshaped(ebb, x, &flat, site);
        y = ebb_keep(ebb_dispatch(ebb, &(ebb_application){EBB_OP_slice, 2 * (last + 1), attr, to, site}, 1, &elements));
    }
    return y;
}

/* ---- one-hot ---- */

ebb_tensor *ebb_one_hot_at(ebb_tensor *index, int64_t depth, ebb_dtype dtype, const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    ebb_context *ebb = ebb_context_of(1, &index);
    if (!ebb_operands_usable(ebb, "ebb_one_hot", 1, &index, site)) return ebb_poison_of(ebb);
    ebb_shape column = index->type.shape, to;
    char text[EBB_TYPE_TEXT];
    if (!ebb_is_int(index->type.dtype))
        return ebb_fail_at(ebb, EBB_TYPE_ERROR, site, "ebb_one_hot: the index is %s; it needs i32 or i64",
                           ebb_type_text(&index->type, text));
    if (depth < 0 || column.rank == EBB_MAX_RANK)
        return ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "ebb_one_hot: %s with depth %lld is no shape",
                           ebb_shape_text(&column, text), (long long)depth);
    column.dim[column.rank++] = 1;
    to = column;
    to.dim[to.rank - 1] = depth;
    ebb_tensor *y = ebb_poison_of(ebb);
    EBB_SCOPE (ebb) {
        ebb_tensor *wide = ebb_cast_at(index, EBB_I64, site.file, site.line);
        ebb_operand at = ebb_operand_tensor(ebb_reshaped(ebb, wide, &column, site));
        ebb_operand place = ebb_operand_tensor(iota(ebb, EBB_I64, &to, to.rank - 1, site));
        y = ebb_keep(ebb_cast_at(ebb_eq_at(at, place, site.file, site.line), dtype, site.file, site.line));
    }
    return y;
}
