/* infer_axes.c - type rules of operations that look at axes: views, windows, reductions, products. */
#include "jit/graph/infer.h"

#include <stdlib.h>
#include <string.h>

/* ---- views ---- */

/* The asked shape with the operand's dtype. */
static bool asked_shape(const ebb_question *q) {
    ebb_application as = *q->app;
    as.asked.dtype = q->arg[0].dtype;
    ebb_question with = *q;
    with.app = &as;
    return ebb_infer_asked(&with, EBB_SET_ANY);
}

bool infer_broadcast(const ebb_question *q) {
    const ebb_shape *x = &q->arg[0].shape, *y = &q->result->shape;
    if (!ebb_infer_attrs(q, x->rank) || !asked_shape(q)) return false;
    for (int i = 0; i < x->rank; i++) {
        int64_t axis = q->app->attr[i];
        if (!ebb_infer_axis(q, axis, y)) return false;
        if (i && axis <= q->app->attr[i - 1]) return ebb_infer_no(q, EBB_VALUE_ERROR, "axes are not in rising order");
        if (x->dim[i] == 1 || x->dim[i] == y->dim[axis]) continue;
        char from[EBB_TYPE_TEXT], to[EBB_TYPE_TEXT];
        return ebb_infer_no(q, EBB_VALUE_ERROR, "%s does not fit %s: axis %d does not stretch over axis %d",
                            ebb_shape_text(x, from), ebb_shape_text(y, to), i, (int)axis);
    }
    return true;
}

static int by_size(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Sorts the symbols of a shape into `symbol`, multiplies the rest. Returns how many symbols; -1 on overflow. */
static int split_symbols(const ebb_shape *s, int64_t symbol[EBB_MAX_RANK], int64_t *product) {
    ebb_shape known = *s;
    int n = 0;
    for (int i = 0; i < s->rank; i++)
        if (s->dim[i] < 0) {
            symbol[n++] = s->dim[i];
            known.dim[i] = 1;
        }
    qsort(symbol, (size_t)n, sizeof *symbol, by_size);
    return ebb_shape_size(&known, product) ? n : -1;
}

static bool same_size(const ebb_shape *x, const ebb_shape *y) {
    int64_t a[EBB_MAX_RANK], b[EBB_MAX_RANK], size_x, size_y;
    int n = split_symbols(x, a, &size_x);
    if (n < 0 || n != split_symbols(y, b, &size_y) || size_x != size_y) return false;
    for (int i = 0; i < n; i++)
        if (a[i] != b[i]) return false;
    return true;
}

bool infer_reshape(const ebb_question *q) {
    if (!ebb_infer_attrs(q, 0) || !asked_shape(q)) return false;
    if (same_size(&q->arg[0].shape, &q->result->shape)) return true;
    char from[EBB_TYPE_TEXT], to[EBB_TYPE_TEXT];
    return ebb_infer_no(q, EBB_VALUE_ERROR, "%s and %s differ in number of elements",
                        ebb_shape_text(&q->arg[0].shape, from), ebb_shape_text(&q->result->shape, to));
}

bool infer_transpose(const ebb_question *q) {
    const ebb_shape *x = &q->arg[0].shape;
    unsigned seen = 0;
    if (!ebb_infer_attrs(q, x->rank)) return false;
    *q->result = q->arg[0];
    for (int i = 0; i < x->rank; i++) {
        int64_t axis = q->app->attr[i];
        if (!ebb_infer_axis(q, axis, x)) return false;
        if (seen >> axis & 1) return ebb_infer_no(q, EBB_VALUE_ERROR, "axis %d appears twice", (int)axis);
        seen |= 1u << axis;
        q->result->shape.dim[i] = x->dim[axis];
    }
    return true;
}

/* Whether `to` elements from `start` in steps lie inside `size`. A symbol contains itself as a whole; parts of it with
 * a known size are checked when the symbol gets its size. */
static bool range_fits(int64_t size, int64_t start, int64_t step, int64_t to) {
    int64_t last;
    if (start < 0 || step < 1) return false;
    if (to < 0) return size == to && start == 0 && step == 1;
    if (to == 0) return size < 0 || start <= size;
    if (__builtin_mul_overflow(step, to - 1, &last) || __builtin_add_overflow(last, start, &last)) return false;
    return size < 0 || last < size;
}

bool infer_slice(const ebb_question *q) {
    const ebb_shape *x = &q->arg[0].shape, *y = &q->result->shape;
    char from[EBB_TYPE_TEXT], to[EBB_TYPE_TEXT];
    if (!ebb_infer_attrs(q, 2 * x->rank) || !asked_shape(q)) return false;
    if (x->rank != y->rank)
        return ebb_infer_no(q, EBB_VALUE_ERROR, "%s and %s differ in rank", ebb_shape_text(x, from),
                            ebb_shape_text(y, to));
    for (int i = 0; i < x->rank; i++) {
        int64_t start = q->app->attr[i], step = q->app->attr[x->rank + i];
        if (!range_fits(x->dim[i], start, step, y->dim[i]))
            return ebb_infer_no(q, EBB_INDEX_ERROR, "%s from start %lld in steps of %lld on axis %d lies outside %s",
                                ebb_shape_text(y, to), (long long)start, (long long)step, i, ebb_shape_text(x, from));
    }
    return true;
}

static bool padded_size(int64_t size, int64_t low, int64_t high, int64_t gap, int64_t *to) {
    int64_t gaps;
    *to = size;
    if (size < 0) return low == 0 && high == 0 && gap == 0;
    return !__builtin_mul_overflow(gap, size > 1 ? size - 1 : 0, &gaps) && !__builtin_add_overflow(size, gaps, to) &&
           !__builtin_add_overflow(*to, low, to) && !__builtin_add_overflow(*to, high, to);
}

bool infer_pad(const ebb_question *q) {
    const ebb_shape *x = &q->arg[0].shape;
    if (!ebb_infer_attrs(q, 3 * x->rank)) return false;
    *q->result = q->arg[0];
    for (int i = 0; i < x->rank; i++) {
        int64_t low = q->app->attr[i], high = q->app->attr[x->rank + i], gap = q->app->attr[2 * x->rank + i];
        char text[EBB_TYPE_TEXT];
        if (low < 0 || high < 0 || gap < 0)
            return ebb_infer_no(q, EBB_VALUE_ERROR, "a width on axis %d is negative", i);
        if (!padded_size(x->dim[i], low, high, gap, &q->result->shape.dim[i]))
            return ebb_infer_no(q, EBB_VALUE_ERROR, "the padded size of axis %d of %s is %s", i,
                                ebb_shape_text(x, text), x->dim[i] < 0 ? "not known" : "too large");
    }
    return true;
}

/* The attributes are axes of x in rising order. */
static bool rising_axes(const ebb_question *q, bool named[EBB_MAX_RANK]) {
    for (int i = 0; i < q->app->nattr; i++) {
        int64_t axis = q->app->attr[i];
        if (!ebb_infer_axis(q, axis, &q->arg[0].shape)) return false;
        if (i && axis <= q->app->attr[i - 1]) return ebb_infer_no(q, EBB_VALUE_ERROR, "axes are not in rising order");
        named[axis] = true;
    }
    return true;
}

bool infer_reverse(const ebb_question *q) {
    bool named[EBB_MAX_RANK];
    *q->result = q->arg[0];
    return rising_axes(q, named);
}

/* ---- windows ---- */

/* Both rules, axis in `x`: how many windows of `window` elements lie in `length`; -1 and an error if none does. */
static int64_t window_count(const ebb_question *q, int64_t length, int64_t window) {
    const int64_t stride = q->app->attr[2], dilation = q->app->attr[3];
    char text[EBB_TYPE_TEXT];
    int64_t last;
    if (window < 1 || stride < 1 || dilation < 1)
        return ebb_infer_no(q, EBB_VALUE_ERROR, "a window of %lld, stride %lld, dilation %lld: all are at least 1",
                            (long long)window, (long long)stride, (long long)dilation),
               -1;
    if (!__builtin_mul_overflow(window - 1, dilation, &last) && last < length) return (length - 1 - last) / stride + 1;
    return ebb_infer_no(q, EBB_VALUE_ERROR, "a window of %lld with dilation %lld does not fit %lld elements (%s)",
                        (long long)window, (long long)dilation, (long long)length,
                        ebb_shape_text(&q->arg[0].shape, text)),
           -1;
}

static bool unknown_window(const ebb_question *q, int64_t axis) {
    char text[EBB_TYPE_TEXT];
    return ebb_infer_no(q, EBB_VALUE_ERROR, "the size of axis %d of %s is not known", (int)axis,
                        ebb_shape_text(&q->arg[0].shape, text));
}

bool infer_windows(const ebb_question *q) {
    const ebb_shape *x = &q->arg[0].shape;
    if (!ebb_infer_attrs(q, 4) || !ebb_infer_axis(q, q->app->attr[0], x)) return false;
    const int axis = (int)q->app->attr[0];
    if (x->dim[axis] < 0) return unknown_window(q, axis);
    const int64_t count = window_count(q, x->dim[axis], q->app->attr[1]);
    if (count < 0) return false;
    if (x->rank == EBB_MAX_RANK)
        return ebb_infer_no(q, EBB_VALUE_ERROR, "rank %d; it is at most %d", x->rank + 1, EBB_MAX_RANK);
    ebb_shape *y = &q->result->shape;
    *q->result = (ebb_type){q->arg[0].dtype, {.rank = x->rank + 1}};
    for (int i = 0; i < y->rank; i++)
        y->dim[i] = x->dim[i <= axis ? i : i - 1];
    y->dim[axis] = count;
    y->dim[axis + 1] = q->app->attr[1];
    return true;
}

bool infer_overlap_add(const ebb_question *q) {
    const ebb_shape *x = &q->arg[0].shape;
    char text[EBB_TYPE_TEXT];
    if (!ebb_infer_dtype(q, "operand", &q->arg[0], EBB_SET_NUMBER) || !ebb_infer_attrs(q, 4)) return false;
    const int64_t at = q->app->attr[0], size = q->app->attr[1];
    if (!ebb_infer_axis(q, at, x) || !ebb_infer_axis(q, at + 1, x)) return false;
    const int axis = (int)at;
    if (x->dim[axis] < 0 || x->dim[axis + 1] < 0) return unknown_window(q, x->dim[axis] < 0 ? axis : axis + 1);
    const int64_t count = window_count(q, size, x->dim[axis + 1]);
    if (count < 0) return false;
    if (count != x->dim[axis])
        return ebb_infer_no(q, EBB_VALUE_ERROR, "%lld elements have %lld such windows, axis %d of %s has %lld",
                            (long long)size, (long long)count, axis, ebb_shape_text(x, text), (long long)x->dim[axis]);
    *q->result = (ebb_type){q->arg[0].dtype, {.rank = x->rank - 1}};
    for (int i = 0; i < q->result->shape.rank; i++)
        q->result->shape.dim[i] = i == axis ? size : x->dim[i < axis ? i : i + 1];
    return true;
}

static bool concat_no(const ebb_question *q, const char *why) {
    char x[EBB_TYPE_TEXT], y[EBB_TYPE_TEXT];
    return ebb_infer_no(q, EBB_VALUE_ERROR, "%s and %s: %s", ebb_shape_text(&q->arg[0].shape, x),
                        ebb_shape_text(&q->arg[1].shape, y), why);
}

bool infer_concat(const ebb_question *q) {
    const ebb_shape *x = &q->arg[0].shape, *y = &q->arg[1].shape;
    if (!ebb_infer_attrs(q, 1) || !ebb_infer_same_dtype(q, &q->arg[0], &q->arg[1])) return false;
    int64_t axis = q->app->attr[0];
    if (!ebb_infer_axis(q, axis, x)) return false;
    *q->result = q->arg[0];
    if (x->rank != y->rank) return concat_no(q, "they differ in rank");
    for (int i = 0; i < x->rank; i++)
        if (i != axis && x->dim[i] != y->dim[i]) return concat_no(q, "they differ beside the axis");
    if (x->dim[axis] < 0 || y->dim[axis] < 0) return concat_no(q, "sizes on the axis must be known");
    if (__builtin_add_overflow(x->dim[axis], y->dim[axis], &q->result->shape.dim[axis]))
        return concat_no(q, "the result is too large");
    return true;
}

/* ---- reductions ---- */

/* The result is x without the axes of the attributes. */
static bool without_axes(const ebb_question *q) {
    const ebb_shape *x = &q->arg[0].shape;
    bool gone[EBB_MAX_RANK] = {false};
    if (!rising_axes(q, gone)) return false;
    *q->result = (ebb_type){.dtype = q->arg[0].dtype};
    for (int i = 0; i < x->rank; i++)
        if (!gone[i]) q->result->shape.dim[q->result->shape.rank++] = x->dim[i];
    return true;
}

/* The largest of nothing does not exist. */
static bool not_empty(const ebb_question *q) {
    const ebb_shape *x = &q->arg[0].shape;
    for (int i = 0; i < q->app->nattr; i++) {
        char text[EBB_TYPE_TEXT];
        if (x->dim[q->app->attr[i]] == 0)
            return ebb_infer_no(q, EBB_VALUE_ERROR, "axis %d of %s is empty", (int)q->app->attr[i],
                                ebb_shape_text(x, text));
    }
    return true;
}

bool infer_reduce(const ebb_question *q) {
    return ebb_infer_dtype(q, "operand", &q->arg[0], EBB_SET_NUMBER) && without_axes(q);
}

bool infer_extreme(const ebb_question *q) { return infer_reduce(q) && not_empty(q); }

bool infer_reduce_bool(const ebb_question *q) {
    return ebb_infer_dtype(q, "operand", &q->arg[0], EBB_SET(EBB_BOOL)) && without_axes(q);
}

bool infer_reduce_real(const ebb_question *q) {
    return ebb_infer_dtype(q, "operand", &q->arg[0], EBB_SET_REAL) && without_axes(q);
}

bool infer_argmax(const ebb_question *q) {
    if (!ebb_infer_dtype(q, "operand", &q->arg[0], EBB_SET_NUMBER) || !ebb_infer_attrs(q, 1)) return false;
    if (!without_axes(q) || !not_empty(q)) return false;
    q->result->dtype = EBB_I64;
    return true;
}

/* The operand's type; something happens along one axis. */
static bool along(const ebb_question *q, unsigned set) {
    *q->result = q->arg[0];
    return ebb_infer_dtype(q, "operand", &q->arg[0], set) && ebb_infer_attrs(q, 1) &&
           ebb_infer_axis(q, q->app->attr[0], &q->arg[0].shape);
}

bool infer_along(const ebb_question *q) { return along(q, EBB_SET_REAL); }
bool infer_scan(const ebb_question *q) { return along(q, EBB_SET_NUMBER); }
bool infer_sort(const ebb_question *q) { return along(q, EBB_SET_ANY); }

bool infer_argsort(const ebb_question *q) {
    if (!along(q, EBB_SET_ANY)) return false;
    q->result->dtype = EBB_I64;
    return true;
}

/* Labels are the logits' shape without the classes. */
bool infer_sparse_xent(const ebb_question *q) {
    const ebb_shape *x = &q->arg[0].shape, *labels = &q->arg[1].shape;
    char a[EBB_TYPE_TEXT], b[EBB_TYPE_TEXT];
    if (!ebb_infer_attrs(q, 0) || !ebb_infer_dtype(q, "logits", &q->arg[0], EBB_SET_REAL)) return false;
    if (!ebb_infer_dtype(q, "labels", &q->arg[1], EBB_SET_INT)) return false;
    *q->result = (ebb_type){q->arg[0].dtype, *labels};
    ebb_shape want = *x;
    if (x->rank) want.dim[--want.rank] = 0;
    if (x->rank && ebb_shape_equal(&want, labels)) return true;
    return ebb_infer_no(q, EBB_VALUE_ERROR, "labels %s do not fit logits %s", ebb_shape_text(labels, b),
                        ebb_shape_text(x, a));
}

/* ---- products ---- */

static bool dot_no(const ebb_question *q, const char *why) {
    char x[EBB_TYPE_TEXT], y[EBB_TYPE_TEXT];
    return ebb_infer_no(q, EBB_VALUE_ERROR, "%s x %s: %s", ebb_shape_text(&q->arg[0].shape, x),
                        ebb_shape_text(&q->arg[1].shape, y), why);
}

static bool dot_sizes_differ(const ebb_question *q, const char *which, int64_t a, int64_t b) {
    char x[EBB_TYPE_TEXT], y[EBB_TYPE_TEXT], m[EBB_TYPE_TEXT], n[EBB_TYPE_TEXT];
    ebb_shape_text(&(ebb_shape){1, {a}}, m); /* "[784]": a symbol shows its name */
    ebb_shape_text(&(ebb_shape){1, {b}}, n);
    return ebb_infer_no(q, EBB_VALUE_ERROR, "%s x %s: %s sizes %.*s and %.*s differ",
                        ebb_shape_text(&q->arg[0].shape, x), ebb_shape_text(&q->arg[1].shape, y), which,
                        (int)strlen(m) - 2, m + 1, (int)strlen(n) - 2, n + 1);
}

bool infer_dot(const ebb_question *q) {
    const ebb_shape *x = &q->arg[0].shape, *y = &q->arg[1].shape;
    int r = x->rank;
    if (!ebb_infer_attrs(q, 2)) return false;
    for (int k = 0; k < 2; k++) {
        if (!ebb_infer_dtype(q, "operand", &q->arg[k], EBB_SET_NUMBER)) return false;
        if ((uint64_t)q->app->attr[k] > 1) return ebb_infer_no(q, EBB_VALUE_ERROR, "attributes are 0 or 1");
    }
    if (!ebb_infer_same_dtype(q, &q->arg[0], &q->arg[1])) return false;
    if (r < 2 || r != y->rank) return dot_no(q, "operands need equal ranks of at least 2");
    for (int i = 0; i < r - 2; i++)
        if (x->dim[i] != y->dim[i]) return dot_sizes_differ(q, "batch", x->dim[i], y->dim[i]);
    bool tx = q->app->attr[0], ty = q->app->attr[1];
    int64_t inner_x = x->dim[tx ? r - 2 : r - 1], inner_y = y->dim[ty ? r - 1 : r - 2];
    if (inner_x != inner_y) return dot_sizes_differ(q, "inner", inner_x, inner_y);
    *q->result = q->arg[0];
    q->result->shape.dim[r - 2] = x->dim[tx ? r - 1 : r - 2];
    q->result->shape.dim[r - 1] = y->dim[ty ? r - 2 : r - 1];
    return true;
}
