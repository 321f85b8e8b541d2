/* frames.c - see frames.h. TensorFlow's arithmetic of sizes (tf.nn.convolution, "VALID" and "SAME"). */
#include "frontend/frames.h"

static bool refuse(const ebb_frames *f, int a, const char *what, int64_t value, const char *want) {
    ebb_fail_at(f->ebb, EBB_VALUE_ERROR, f->site, "%s: %s %lld of spatial axis %d is not %s", f->function, what,
                (long long)value, a, want);
    return false;
}

static bool numbers_fit(const ebb_frames *f, int a) {
    if (f->size[a] < 1) return refuse(f, a, "window", f->size[a], "positive");
    if (f->stride[a] < 1) return refuse(f, a, "stride", f->stride[a], "positive");
    if (f->dilation[a] < 1) return refuse(f, a, "dilation", f->dilation[a], "positive");
    if (f->low[a] < 0) return refuse(f, a, "padding", f->low[a], "0 or more");
    if (f->high[a] < 0) return refuse(f, a, "padding", f->high[a], "0 or more");
    if (f->same && (f->low[a] || f->high[a]))
        return refuse(f, a, "padding", f->low[a] ? f->low[a] : f->high[a], "0, but it is asked for as `same`");
    return true;
}

static bool refuse_length(const ebb_frames *f, const ebb_tensor *x, int a, const char *why) {
    char text[EBB_TYPE_TEXT];
    ebb_fail_at(f->ebb, EBB_VALUE_ERROR, f->site,
                "%s: a window of %lld with dilation %lld on spatial axis %d of %s, with padding %lld and %lld, %s",
                f->function, (long long)f->size[a], (long long)f->dilation[a], a, ebb_shape_text(&x->type.shape, text),
                (long long)f->low[a], (long long)f->high[a], why);
    return false;
}

/* As much as lets ceil(length / stride) windows fit, the odd element behind. `last`: from a window's first element to
 * its last. */
static bool pad_same(ebb_frames *f, int a, int64_t last) {
    int64_t from_first, total;
    if (!f->same || f->length[a] == 0) return true;
    from_first = (f->length[a] - 1) / f->stride[a] * f->stride[a]; /* where the last window starts */
    if (__builtin_add_overflow(from_first, last, &total)) return false;
    total -= f->length[a] - 1;
    f->low[a] = total > 0 ? total / 2 : 0;
    f->high[a] = total > 0 ? total - f->low[a] : 0;
    return true;
}

static bool axis_fits(ebb_frames *f, const ebb_tensor *x, int a) {
    int64_t last, padded;
    f->length[a] = x->type.shape.dim[1 + a];
    if (!numbers_fit(f, a)) return false;
    if (f->length[a] < 0) return refuse_length(f, x, a, "needs to know the size");
    if (__builtin_mul_overflow(f->size[a] - 1, f->dilation[a], &last) || !pad_same(f, a, last) ||
        __builtin_add_overflow(f->length[a], f->low[a], &padded) ||
        __builtin_add_overflow(padded, f->high[a], &padded) || padded > EBB_MAX_BYTES)
        return refuse_length(f, x, a, "is too large");
    if (last >= padded) return refuse_length(f, x, a, "does not fit");
    f->count[a] = (padded - 1 - last) / f->stride[a] + 1;
    return true;
}

bool ebb_frames_fit(ebb_frames *f, const ebb_tensor *x) {
    char text[EBB_TYPE_TEXT];
    if (x->type.shape.rank != f->axes + 2) {
        ebb_fail_at(f->ebb, EBB_VALUE_ERROR, f->site, "%s: x is %s; it needs %d axes: batch, %d spatial, channels",
                    f->function, ebb_type_text(&x->type, text), f->axes + 2, f->axes);
        return false;
    }
    for (int a = 0; a < f->axes; a++)
        if (!axis_fits(f, x, a)) return false;
    return true;
}

bool ebb_frames_padded(const ebb_frames *f, int a) { return f->low[a] > 0 || f->high[a] > 0; }

ebb_tensor *ebb_frames_pad(const ebb_frames *f, ebb_tensor *x) {
    int64_t attr[3 * (EBB_SPATIAL + 2)] = {0};
    const int rank = f->axes + 2;
    bool pads = false;
    for (int a = 0; a < f->axes; a++) {
        attr[1 + a] = f->low[a];
        attr[rank + 1 + a] = f->high[a];
        pads |= ebb_frames_padded(f, a);
    }
    ebb_application app = {.op = EBB_OP_pad, .nattr = 3 * rank, .attr = attr, .site = f->site};
    return pads ? ebb_dispatch(f->ebb, &app, 1, &x) : x;
}

ebb_tensor *ebb_frames_cut(const ebb_frames *f, ebb_tensor *x) {
    for (int a = f->axes - 1; a >= 0; a--) {
        const int64_t attr[] = {1 + a, f->size[a], f->stride[a], f->dilation[a]};
        x = ebb_dispatch(f->ebb, &(ebb_application){.op = EBB_OP_windows, .nattr = 4, .attr = attr, .site = f->site}, 1,
                         &x);
    }
    return x;
}
