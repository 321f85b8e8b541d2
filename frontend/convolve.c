/* convolve.c - convolution as one matrix product: windows of the input, each a row, times the filter.
 *
 * Shapes: x [n,s...,g c] -> windows [n,o...,k...,g,c] -> rows [g,n o...,k... c]; filter [k...,c,g f] -> [g,k... c,f];
 * their product [g,n o...,f] -> [n,o...,g f]. g groups are g products. If n is not known, it stays an axis of its own,
 * over which the filter repeats. The derivatives are those of the parts: products again, and overlap_add. Start reading
 * at convolve. */
#include "frontend/frames.h"

typedef struct convolution {
    ebb_frames frames;
    ebb_tensor *x, *filter;
    int64_t n, groups, in, out; /* in, out: channels of a group */
    int64_t windows, rows;      /* of one example; elements of a window */
} convolution;

static bool refuse(const convolution *c, ebb_code code, const char *why) {
    const ebb_frames *f = &c->frames;
    char x[EBB_TYPE_TEXT], filter[EBB_TYPE_TEXT];
    ebb_fail_at(f->ebb, code, f->site, "%s: x %s and filter %s: %s", f->function, ebb_type_text(&c->x->type, x),
                ebb_type_text(&c->filter->type, filter), why);
    return false;
}

static bool filter_fits(convolution *c) {
    const ebb_shape *x = &c->x->type.shape, *filter = &c->filter->type.shape;
    ebb_frames *f = &c->frames;
    if (c->x->type.dtype != c->filter->type.dtype) return refuse(c, EBB_TYPE_ERROR, "they do not mix; cast one");
    if (c->x->type.dtype == EBB_BOOL) return refuse(c, EBB_TYPE_ERROR, "bool has no products");
    if (x->rank != f->axes + 2) return true; /* ebb_frames_fit says so */
    if (filter->rank != f->axes + 2) return refuse(c, EBB_VALUE_ERROR, "the ranks differ");
    for (int a = 0; a < filter->rank; a++)
        if (filter->dim[a] < 0 || (a && x->dim[a] < 0)) return refuse(c, EBB_VALUE_ERROR, "a size is not known");
    const int64_t in = x->dim[f->axes + 1], out = filter->dim[f->axes + 1];
    if (c->groups < 1) return refuse(c, EBB_VALUE_ERROR, "the number of groups is negative");
    if (out % c->groups) return refuse(c, EBB_VALUE_ERROR, "groups do not divide the filter's last axis");
    if (in % c->groups || in / c->groups != filter->dim[f->axes])
        return refuse(c, EBB_VALUE_ERROR, "x's channels are not groups times the filter's");
    c->n = x->dim[0];
    c->in = in / c->groups;
    c->out = out / c->groups;
    for (int a = 0; a < f->axes; a++)
        f->size[a] = filter->dim[a];
    return true;
}

/* The windows' elements are written out: there may be many more than x has. */
static bool rows_fit(convolution *c) {
    ebb_shape s = {.dim = {0}};
    int64_t all;
    s.dim[s.rank++] = c->groups;
    s.dim[s.rank++] = c->n < 0 ? 1 : c->n;
    s.dim[s.rank++] = c->in;
    for (int a = 0; a < c->frames.axes; a++) {
        s.dim[s.rank++] = c->frames.size[a];
        s.dim[s.rank++] = c->frames.count[a];
    }
    ebb_type type = {c->x->type.dtype, s};
    if (!ebb_type_bytes(&type, &all)) return refuse(c, EBB_VALUE_ERROR, "the windows are too large");
    c->windows = 1;
    c->rows = c->in;
    for (int a = 0; a < c->frames.axes; a++) {
        c->windows *= c->frames.count[a];
        c->rows *= c->frames.size[a];
    }
    return true;
}

static ebb_tensor *transposed(const convolution *c, ebb_tensor *x, int rank, const int64_t *perm) {
    return ebb_permuted(c->frames.ebb, x, rank, perm, c->frames.site);
}

static ebb_tensor *reshaped(const convolution *c, ebb_tensor *x, ebb_shape to) {
    return ebb_reshaped(c->frames.ebb, x, &to, c->frames.site);
}

/* [g,n o...,k... c], or [g,n,o...,k... c]. */
static ebb_tensor *rows_of(const convolution *c) {
    static const int64_t perm[EBB_SPATIAL][7] = {{3, 0, 1, 2, 4}, {5, 0, 1, 3, 2, 4, 6}};
    const int axes = c->frames.axes;
    ebb_tensor *x = ebb_frames_pad(&c->frames, c->x);
    if (x->kind == EBB_KIND_POISON) return x;
    ebb_shape grouped = x->type.shape;
    grouped.dim[axes + 1] = c->groups;
    grouped.dim[axes + 2] = c->in;
    grouped.rank = axes + 3;
    x = ebb_frames_cut(&c->frames, reshaped(c, x, grouped));
    x = transposed(c, x, 2 * axes + 3, perm[axes - 1]);
    if (c->n < 0) return reshaped(c, x, (ebb_shape){4, {c->groups, c->n, c->windows, c->rows}});
    return reshaped(c, x, (ebb_shape){3, {c->groups, c->n * c->windows, c->rows}});
}

/* [g,k... c,f], or that for each of n. */
static ebb_tensor *filter_of(const convolution *c) {
    ebb_tensor *w = reshaped(c, c->filter, (ebb_shape){3, {c->rows, c->groups, c->out}});
    w = transposed(c, w, 3, (const int64_t[]){1, 0, 2});
    if (c->n >= 0) return w;
    w = reshaped(c, w, (ebb_shape){4, {c->groups, 1, c->rows, c->out}});
    return ebb_stretch(c->frames.ebb, w, &(ebb_shape){4, {c->groups, c->n, c->rows, c->out}}, c->frames.site);
}

static ebb_tensor *product(const convolution *c) {
    static const int64_t plain[2] = {0, 0}, known[] = {1, 0, 2}, unknown[] = {1, 2, 0, 3};
    ebb_tensor *arg[2] = {rows_of(c), filter_of(c)};
    ebb_application app = {.op = EBB_OP_dot, .nattr = 2, .attr = plain, .site = c->frames.site};
    ebb_tensor *y = ebb_dispatch(c->frames.ebb, &app, 2, arg);
    y = c->n < 0 ? transposed(c, y, 4, unknown) : transposed(c, y, 3, known);
    ebb_shape to = c->x->type.shape;
    for (int a = 0; a < c->frames.axes; a++)
        to.dim[1 + a] = c->frames.count[a];
    to.dim[to.rank - 1] = c->groups * c->out;
    return reshaped(c, y, to);
}

static ebb_tensor *convolve(ebb_frames f, ebb_tensor *x, ebb_tensor *filter, const ebb_conv_options *options) {
    convolution c = {.frames = f, .x = x, .filter = filter, .groups = options && options->groups ? options->groups : 1};
    ebb_tensor *arg[2] = {x, filter};
    ebb_context *ebb = c.frames.ebb = ebb_context_of(2, arg);
    c.frames.same = options && options->same;
    for (int a = 0; a < f.axes; a++) {
        c.frames.stride[a] = options && options->stride[a] ? options->stride[a] : 1;
        c.frames.dilation[a] = options && options->dilation[a] ? options->dilation[a] : 1;
        c.frames.low[a] = options ? options->low[a] : 0;
        c.frames.high[a] = options ? options->high[a] : 0;
    }
    if (!ebb_operands_usable(ebb, f.function, 2, arg, f.site) || !filter_fits(&c) || !ebb_frames_fit(&c.frames, x) ||
        !rows_fit(&c))
        return ebb_poison_of(ebb);
    ebb_tensor *y = ebb_poison_of(ebb);
    EBB_SCOPE (ebb)
        y = ebb_keep(product(&c));
    return y;
}

ebb_tensor *ebb_conv1d_at(ebb_tensor *x, ebb_tensor *filter, const ebb_conv_options *options, const char *file,
                          int line) {
    ebb_frames f = {.function = "ebb_conv1d", .axes = 1, .site = ebb_site_at(file, line)};
    return convolve(f, x, filter, options);
}

ebb_tensor *ebb_conv2d_at(ebb_tensor *x, ebb_tensor *filter, const ebb_conv_options *options, const char *file,
                          int line) {
    ebb_frames f = {.function = "ebb_conv2d", .axes = 2, .site = ebb_site_at(file, line)};
    return convolve(f, x, filter, options);
}
