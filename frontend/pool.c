/* pool.c - the largest element, and the mean, of each window. Padding is in no maximum and no mean.
 *
 * Reductions of windows, which are views: nothing is copied but what is padded, and derivatives are those of the parts.
 * Start reading at pool. */
#include "frontend/frames.h"

#include <math.h>

typedef ebb_tensor *reduction(const ebb_frames *f, ebb_tensor *x);

/* What is told by `options` of a pooling; a window is its own stride. */
static ebb_frames frames_of(int axes, const int64_t *size, const ebb_pool_options *options) {
    ebb_frames f = {.axes = axes, .same = options && options->same};
    for (int a = 0; a < axes; a++) {
        f.size[a] = size[a];
        f.stride[a] = options && options->stride[a] ? options->stride[a] : size[a];
        f.dilation[a] = 1;
        f.low[a] = options ? options->low[a] : 0;
        f.high[a] = options ? options->high[a] : 0;
    }
    return f;
}

/* A window of nothing but padding has no element. */
static bool padding_fits(const ebb_frames *f, const ebb_tensor *x) {
    char text[EBB_TYPE_TEXT];
    for (int a = 0; a < f->axes; a++)
        if (f->low[a] >= f->size[a] || f->high[a] >= f->size[a] || f->length[a] == 0) {
            ebb_fail_at(f->ebb, EBB_VALUE_ERROR, f->site,
                        "%s: padding %lld and %lld around spatial axis %d of %s would fill a window of %lld",
                        f->function, (long long)f->low[a], (long long)f->high[a], a,
                        ebb_shape_text(&x->type.shape, text), (long long)f->size[a]);
            return false;
        }
    return true;
}

static bool dtype_fits(const ebb_frames *f, const ebb_tensor *x, bool real) {
    char text[EBB_TYPE_TEXT];
    if (ebb_is_float(x->type.dtype) || (ebb_is_int(x->type.dtype) && !real)) return true;
    ebb_fail_at(f->ebb, EBB_TYPE_ERROR, f->site, "%s: x is %s; it needs %s", f->function, ebb_type_text(&x->type, text),
                real ? "f32 or f64" : "i32, i64, f32 or f64");
    return false;
}

static ebb_tensor *pool(ebb_frames f, ebb_tensor *x, bool real, reduction *reduce) {
    ebb_context *ebb = f.ebb = ebb_context_of(1, &x);
    if (!ebb_operands_usable(ebb, f.function, 1, &x, f.site)) return ebb_poison_of(ebb);
    if (!dtype_fits(&f, x, real) || !ebb_frames_fit(&f, x) || !padding_fits(&f, x)) return ebb_poison_of(ebb);
    ebb_tensor *y = ebb_poison_of(ebb);
    EBB_SCOPE (ebb)
        y = ebb_keep(reduce(&f, x));
    return y;
}

/* [n,size...,count...,c]: the window's axes are put in the middle, where they are 1 ... axes. */
static ebb_tensor *windows_of(const ebb_frames *f, ebb_tensor *padded) {
    static const int64_t perm[EBB_SPATIAL][6] = {{0, 2, 1, 3}, {0, 2, 4, 1, 3, 5}};
    return ebb_permuted(f->ebb, ebb_frames_cut(f, padded), 2 * f->axes + 2, perm[f->axes - 1], f->site);
}

static const int window_axes[EBB_SPATIAL] = {1, 2};

/* 0 ... n - 1 along spatial axis a, with size 1 on the axes behind it. */
static ebb_operand places(const ebb_frames *f, int a, int64_t n) {
    ebb_shape s = {f->axes - a + 1, {n, 1, 1}};
    ebb_application app = {EBB_OP_iota, 1, &(int64_t){0}, {EBB_I64, s}, f->site};
    return ebb_operand_tensor(ebb_dispatch(f->ebb, &app, 0, NULL));
}

#define CALL(op, x, y) ebb_operand_tensor(ebb_##op##_at((x), (y), f->site.file, f->site.line))

/* ---- maximum ---- */

static ebb_operand lowest(ebb_dtype dtype) {
    if (ebb_is_float(dtype)) return ebb_operand_double(-INFINITY);
    return ebb_operand_long(dtype == EBB_I32 ? INT32_MIN : INT64_MIN);
}

static ebb_tensor *maximum(const ebb_frames *f, ebb_tensor *x) {
    ebb_tensor *y = ebb_frames_pad(f, x);
    for (int a = 0; a < f->axes; a++) {
        if (!ebb_frames_padded(f, a)) continue;
        const int64_t low = f->low[a], length = f->length[a];
        const ebb_operand at = places(f, a, low + length + f->high[a]);
        const ebb_operand inside =
            CALL(logical_and, CALL(ge, at, ebb_operand_long(low)), CALL(lt, at, ebb_operand_long(low + length)));
        y = ebb_select_at(inside.tensor, ebb_operand_tensor(y), lowest(x->type.dtype), f->site.file, f->site.line);
    }
    return ebb_reduce_max_at(windows_of(f, y), f->axes, window_axes, false, f->site.file, f->site.line);
}

/* ---- mean ---- */

/* How many elements that are no padding each window has, [count...,1]. */
static ebb_operand counts(const ebb_frames *f) {
    ebb_operand n = ebb_operand_long(1);
    for (int a = 0; a < f->axes; a++) {
        const ebb_operand start = CALL(sub, CALL(mul, places(f, a, f->count[a]), ebb_operand_long(f->stride[a])),
                                       ebb_operand_long(f->low[a]));
        const ebb_operand stop =
            CALL(min, CALL(add, start, ebb_operand_long(f->size[a])), ebb_operand_long(f->length[a]));
        const ebb_operand inside = CALL(sub, stop, CALL(max, start, ebb_operand_long(0)));
        n = a ? CALL(mul, n, inside) : inside;
    }
    return n;
}

/* As a mean is computed: scaled by a power of two, so that no sum overflows where the mean does not. */
static ebb_tensor *mean(const ebb_frames *f, ebb_tensor *x) {
    double scale = 1, size = 1;
    bool pads = false;
    for (int a = 0; a < f->axes; a++) {
        size *= (double)f->size[a];
        pads |= ebb_frames_padded(f, a);
    }
    if (!pads) return ebb_mean_at(windows_of(f, x), f->axes, window_axes, false, f->site.file, f->site.line);
    while (scale * size > 1)
        scale /= 2;
    const ebb_operand small = CALL(mul, ebb_operand_tensor(x), ebb_operand_double(scale));
    ebb_tensor *windows = windows_of(f, ebb_frames_pad(f, small.tensor));
    const ebb_operand total =
        ebb_operand_tensor(ebb_sum_at(windows, f->axes, window_axes, false, f->site.file, f->site.line));
    const ebb_operand n = ebb_operand_tensor(ebb_cast_at(counts(f).tensor, x->type.dtype, f->site.file, f->site.line));
    return CALL(div, total, CALL(mul, n, ebb_operand_double(scale))).tensor;
}

/* ---- by name ---- */

#define POOL(name, real, reduce)                                                                                       \
    ebb_tensor *ebb_##name##1d_at(ebb_tensor * x, int64_t size, const ebb_pool_options *options, const char *file,     \
                                  int line) {                                                                          \
        ebb_frames f = frames_of(1, &size, options);                                                                   \
        f.function = "ebb_" #name "1d";                                                                                \
        f.site = ebb_site_at(file, line);                                                                              \
        return pool(f, x, real, reduce);                                                                               \
    }                                                                                                                  \
    ebb_tensor *ebb_##name##2d_at(ebb_tensor * x, int64_t height, int64_t width, const ebb_pool_options *options,      \
                                  const char *file, int line) {                                                        \
        ebb_frames f = frames_of(2, (const int64_t[]){height, width}, options);                                        \
        f.function = "ebb_" #name "2d";                                                                                \
        f.site = ebb_site_at(file, line);                                                                              \
        return pool(f, x, real, reduce);                                                                               \
    }
POOL(max_pool, false, maximum)
POOL(average_pool, true, mean)
