/* order.c - what is found by sorting: the largest elements, places in a sorted line, different elements, quantiles.
 *
 * Their elements are taken from where they are, so that derivatives go back there. Start reading at ebb_top_k_at. */
#include "frontend/values.h"

#include <math.h>

#define OPERAND(x) ebb_operand_tensor(x)

static ebb_tensor *dispatch(ebb_context *ebb, ebb_op op, int nattr, const int64_t *attr, int n, ebb_tensor *const *x,
                            ebb_site site) {
    return ebb_dispatch(ebb, &(ebb_application){.op = op, .nattr = nattr, .attr = attr, .site = site}, n, x);
}

ebb_tensor *ebb_top_k_at(ebb_tensor *x, int64_t k, int axis, ebb_tensor **indices, const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    ebb_context *ebb = ebb_context_of(1, &x);
    if (indices) *indices = ebb_poison_of(ebb);
    if (!ebb_operands_usable(ebb, "ebb_top_k", 1, &x, site)) return ebb_poison_of(ebb);
    const int64_t attr[2] = {ebb_axis_of(ebb, "ebb_top_k", x, axis, site), k};
    if (attr[0] < 0) return ebb_poison_of(ebb);
    ebb_tensor *y = dispatch(ebb, EBB_OP_top_k, 2, attr, 1, &x, site);
    if (indices && y->kind != EBB_KIND_POISON) *indices = dispatch(ebb, EBB_OP_arg_top_k, 2, attr, 1, &x, site);
    return y;
}

ebb_tensor *ebb_searchsorted_at(ebb_tensor *x, ebb_tensor *values, bool right, const char *file, int line) {
    ebb_tensor *arg[2] = {x, values};
    const int64_t attr = right;
    return dispatch(ebb_context_of(2, arg), EBB_OP_searchsorted, 1, &attr, 2, arg, ebb_site_at(file, line));
}

/* ---- different elements ---- */

/* n elements of a vector, from the given one on. */
static ebb_tensor *some(ebb_tensor *x, int64_t from, int64_t n, ebb_site site) {
    return ebb_slice_at(x, (const int64_t[]){from}, (const int64_t[]){from + n}, NULL, site.file, site.line);
}

/* Which of the different elements each one of a sorted vector is, counted from 0: one more where it differs from the
 * one before; NaN does not differ from NaN. */
static ebb_tensor *numbered(ebb_context *ebb, ebb_tensor *x, int64_t n, ebb_site site) {
    const char *file = site.file;
    const int line = site.line;
    ebb_operand u = OPERAND(some(x, 0, n - 1, site)), v = OPERAND(some(x, 1, n - 1, site));
    ebb_operand number = OPERAND(
        ebb_logical_or_at(OPERAND(ebb_eq_at(u, u, file, line)), OPERAND(ebb_eq_at(v, v, file, line)), file, line));
    ebb_tensor *differs = ebb_logical_and_at(OPERAND(ebb_ne_at(u, v, file, line)), number, file, line);
    ebb_tensor *both[2] = {ebb_zeros_at(ebb, EBB_I64, EBB_SHAPE(1), file, line),
                           ebb_cumsum_at(ebb_cast_at(differs, EBB_I64, file, line), 0, file, line)};
    return ebb_concat_at(2, both, 0, file, line);
}

/* How many there are: as a tensor, and, if that was not said, as the size of the result. */
static bool counted(ebb_tensor *number, int64_t n, int64_t *size, ebb_tensor **count, ebb_site site) {
    ebb_tensor *last = ebb_reshape_at(some(number, n - 1, 1, site), EBB_SCALAR, site.file, site.line);
    *count = ebb_add_at(OPERAND(last), ebb_operand_long(1), site.file, site.line);
    if ((*count)->kind == EBB_KIND_POISON) return false;
    if (*size < 0) *size = (int64_t)ebb_item(*count, 0);
    return true;
}

/* The first of each kind; beyond the last kind, its first again. */
static ebb_tensor *firsts(ebb_context *ebb, ebb_tensor *x, ebb_tensor *number, int64_t size, ebb_tensor *count,
                          ebb_site site) {
    ebb_tensor *kinds = ebb_range_at(ebb, EBB_I64, size, site.file, site.line);
    ebb_tensor *last = ebb_sub_at(OPERAND(count), ebb_operand_long(1), site.file, site.line);
    kinds = ebb_min_at(OPERAND(kinds), OPERAND(last), site.file, site.line);
    return ebb_gather_at(x, ebb_searchsorted_at(number, kinds, false, site.file, site.line), 0, site.file, site.line);
}

static ebb_tensor *unique(ebb_context *ebb, ebb_tensor *x, int64_t n, int64_t size, ebb_tensor **count, ebb_site site) {
    ebb_tensor *y = ebb_poison_of(ebb), *found = y;
    EBB_SCOPE (ebb) {
        ebb_tensor *line = ebb_reshape_at(x, EBB_SHAPE(n), site.file, site.line);
        if (n) {
            line = ebb_sort_at(line, 0, site.file, site.line);
            ebb_tensor *number = numbered(ebb, line, n, site);
            if (counted(number, n, &size, &found, site)) y = firsts(ebb, line, number, size, found, site);
        } else {
            found = ebb_zeros_at(ebb, EBB_I64, EBB_SCALAR, site.file, site.line);
            y = some(line, 0, 0, site);
        }
        ebb_keep(y);
        if (count) ebb_keep(found);
    }
    if (count) *count = found;
    return y;
}

ebb_tensor *ebb_unique_at(ebb_tensor *x, int64_t size, ebb_tensor **count, const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    ebb_context *ebb = ebb_context_of(1, &x);
    int64_t n;
    char text[EBB_TYPE_TEXT];
    if (count) *count = ebb_poison_of(ebb);
    if (!ebb_operands_usable(ebb, "ebb_unique", 1, &x, site)) return ebb_poison_of(ebb);
    if (size < 0 && (size != -1 || ebb->trace))
        return ebb_fail_at(ebb, EBB_VALUE_ERROR, site,
                           ebb->trace ? "ebb_unique: in a traced function the size must be given, not %lld"
                                      : "ebb_unique: the size is %lld; it must be -1, or 0 or more",
                           (long long)size);
    if (!ebb_shape_size(&x->type.shape, &n) || (n == 0 && size > 0))
        return ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "ebb_unique: %lld elements of %s", (long long)size,
                           ebb_type_text(&x->type, text));
    return unique(ebb, x, n, size, count, site);
}

/* ---- quantiles ---- */

/* Column `at` of sorted lines [outer, size]. */
static ebb_tensor *column(ebb_tensor *x, int64_t at, ebb_site site) {
    return ebb_slice_at(x, (const int64_t[]){0, at}, (const int64_t[]){INT64_MAX, at + 1}, NULL, site.file, site.line);
}

static ebb_tensor *times(ebb_tensor *x, double w, ebb_site site) {
    return ebb_mul_at(OPERAND(x), ebb_operand_double(w), site.file, site.line);
}

/* w of the way from a to b, by the nearer end, so that equal ones stay; where their difference is not finite, by their
 * shares. */
static ebb_tensor *between(ebb_tensor *a, ebb_tensor *b, double w, ebb_site site) {
    const char *file = site.file;
    const int line = site.line;
    ebb_tensor *d = ebb_sub_at(OPERAND(b), OPERAND(a), file, line);
    ebb_tensor *finite = ebb_lt_at(OPERAND(ebb_abs_at(d, file, line)), ebb_operand_double(INFINITY), file, line);
    ebb_tensor *y = w < 0.5 ? ebb_add_at(OPERAND(a), OPERAND(times(d, w, site)), file, line)
                            : ebb_sub_at(OPERAND(b), OPERAND(times(d, 1 - w, site)), file, line);
    ebb_tensor *shares = ebb_add_at(OPERAND(times(a, 1 - w, site)), OPERAND(times(b, w, site)), file, line);
    return ebb_select_at(finite, OPERAND(y), OPERAND(shares), file, line);
}

/* Of lines [outer, size]: one element for each, NaN if there is one on the line. */
static ebb_tensor *quantile(ebb_tensor *x, int64_t size, double q, ebb_site site) {
    const double place = q * (double)(size - 1), low = floor(place);
    ebb_tensor *sorted = ebb_sort_at(x, 1, site.file, site.line), *y = column(sorted, (int64_t)low, site);
    if (place > low) y = between(y, column(sorted, (int64_t)low + 1, site), place - low, site);
    ebb_operand last = OPERAND(column(sorted, size - 1, site));
    return ebb_select_at(ebb_eq_at(last, last, site.file, site.line), OPERAND(y), last, site.file, site.line);
}

/* The axes of x that stay, then those that go; the shape of the result; how many elements go into one. */
static int64_t split_axes(const ebb_shape *x, int naxes, const int64_t *axes, bool keep, int *perm, ebb_shape *result) {
    int64_t size = 1;
    int stay = 0, go = x->rank - naxes;
    *result = (ebb_shape){0};
    for (int i = 0, k = 0; i < x->rank; i++) {
        bool goes = k < naxes && axes[k] == i;
        k += goes;
        perm[goes ? go++ : stay++] = i;
        if (goes) size *= x->dim[i];
        if (!goes || keep) result->dim[result->rank++] = goes ? 1 : x->dim[i];
    }
    return size;
}

ebb_tensor *ebb_quantile_at(ebb_tensor *x, double q, int naxes, const int *axes, bool keep, const char *file,
                            int line) {
    ebb_site site = ebb_site_at(file, line);
    ebb_context *ebb = ebb_context_of(1, &x);
    int64_t axis[EBB_MAX_RANK];
    int perm[EBB_MAX_RANK];
    ebb_shape to;
    char text[EBB_TYPE_TEXT];
    if (!ebb_operands_usable(ebb, "ebb_quantile_over", 1, &x, site)) return ebb_poison_of(ebb);
    if (!(q >= 0 && q <= 1))
        return ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "ebb_quantile_over: %g is outside [0, 1]", q);
    if (!ebb_is_float(x->type.dtype) || !ebb_shape_concrete(&x->type.shape))
        return ebb_fail_at(ebb, EBB_TYPE_ERROR, site,
                           "ebb_quantile_over: operand is %s; it needs f32 or f64 and a size",
                           ebb_type_text(&x->type, text));
    int n = ebb_axes_of(ebb, "ebb_quantile_over", x, naxes, axes, axis, site);
    if (n < 0) return ebb_poison_of(ebb);
    const int64_t size = split_axes(&x->type.shape, n, axis, keep, perm, &to);
    if (size == 0) return ebb_mean_at(x, naxes, axes, keep, file, line); /* NaN over nothing, too */
    ebb_tensor *y = ebb_poison_of(ebb);
    EBB_SCOPE (ebb) {
        ebb_tensor *lines = ebb_transpose_at(x, x->type.shape.rank, perm, file, line);
        lines = ebb_reshape_at(lines, EBB_SHAPE(-1, size), file, line);
        y = ebb_keep(ebb_reshape_at(quantile(lines, size, q, site), to.rank, to.dim, file, line));
    }
    return y;
}
