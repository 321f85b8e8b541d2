/* test_convolution.c - convolution and pooling against loops over their definitions.
 *
 * A case is unfolded into taps: y[tap.y] is the sum of tap.c * x[tap.x] * filter[tap.w] (a pooling has no filter).
 * Values and derivatives of both orders are sums over the same taps; they are compared with what runs eagerly and
 * natively. Start reading at `cases`. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/check.h"

static ebb_context *ebb;
static void start(void) { ebb = ebb_open(NULL); }
static void stop(void) {
    expect_ok(ebb, "at the end");
    ebb_close(ebb);
}
TestSuite(convolution, .init = start, .fini = stop);

typedef enum kind { CONV, MAX, AVERAGE } kind;

/* Sizes: of x (n, two spatial, channels), of the window, of the result's channels. 1-D: the second spatial size is 1.
 */
typedef struct plan {
    const char *name;
    kind kind;
    int axes, n, length[2], c, size[2], f;
    int stride[2], dilation[2], low[2], high[2], groups;
    bool same;
} plan;

#define TWO(text, k, ...) {.name = text, .kind = k, .axes = 2, __VA_ARGS__}
#define ONE(text, k, ...) {.name = text, .kind = k, .axes = 1, __VA_ARGS__}
#define X(n_, h, w, c_) .n = n_, .length = {h, w}, .c = c_
#define W(h, w) .size = {h, w}
#define PAIR(field, a, b) .field = {a, b}

static const plan cases[] = {
    /* clang-format off */
    TWO("3x3", CONV, X(2, 5, 6, 3), W(3, 3), .f = 4),
    TWO("1x1", CONV, X(2, 3, 4, 5), W(1, 1), .f = 2),
    TWO("1x1 stride", CONV, X(1, 5, 5, 2), W(1, 1), .f = 3, PAIR(stride, 2, 3)),
    TWO("one channel", CONV, X(2, 6, 7, 1), W(3, 2), .f = 1),
    TWO("one channel in", CONV, X(2, 8, 20, 1), W(3, 3), .f = 5),
    TWO("whole image", CONV, X(3, 4, 5, 2), W(4, 5), .f = 3),
    TWO("row", CONV, X(2, 4, 9, 2), W(1, 4), .f = 2),
    TWO("column", CONV, X(2, 9, 4, 2), W(4, 1), .f = 2),
    TWO("stride", CONV, X(2, 7, 8, 2), W(3, 3), .f = 2, PAIR(stride, 2, 2)),
    TWO("stride over kernel", CONV, X(1, 9, 10, 2), W(2, 2), .f = 2, PAIR(stride, 3, 4)),
    TWO("strides differ", CONV, X(1, 7, 8, 1), W(2, 3), .f = 2, PAIR(stride, 1, 3)),
    TWO("dilation", CONV, X(1, 7, 9, 2), W(3, 3), .f = 2, PAIR(dilation, 2, 3)),
    TWO("dilation and stride", CONV, X(1, 9, 9, 2), W(2, 3), .f = 2, PAIR(dilation, 3, 2), PAIR(stride, 2, 2)),
    TWO("same", CONV, X(2, 5, 6, 2), W(3, 3), .f = 2, .same = true),
    TWO("same, even kernel", CONV, X(1, 5, 6, 1), W(2, 4), .f = 2, .same = true),
    TWO("same, stride", CONV, X(1, 7, 8, 2), W(3, 3), .f = 2, PAIR(stride, 2, 3), .same = true),
    TWO("same, dilation", CONV, X(1, 6, 6, 1), W(3, 3), .f = 1, PAIR(dilation, 2, 2), .same = true),
    TWO("same, kernel over x", CONV, X(2, 2, 3, 2), W(5, 6), .f = 2, .same = true),
    TWO("same, stride over x", CONV, X(1, 4, 4, 1), W(2, 2), .f = 1, PAIR(stride, 9, 5), .same = true),
    TWO("padding", CONV, X(1, 4, 5, 2), W(3, 3), .f = 2, PAIR(low, 1, 2), PAIR(high, 2, 0)),
    TWO("padding over kernel", CONV, X(1, 3, 3, 1), W(2, 2), .f = 2, PAIR(low, 4, 0), PAIR(high, 0, 5)),
    TWO("two groups", CONV, X(2, 5, 5, 4), W(3, 3), .f = 6, .groups = 2),
    TWO("depthwise", CONV, X(2, 5, 4, 3), W(2, 2), .f = 3, .groups = 3),
    TWO("depthwise, two each", CONV, X(1, 4, 4, 3), W(3, 2), .f = 6, .groups = 3, .same = true),
    TWO("groups, all at once", CONV, X(2, 7, 8, 4), W(2, 3), .f = 4, .groups = 2, PAIR(stride, 2, 1),
        PAIR(dilation, 2, 2), PAIR(low, 1, 0), PAIR(high, 0, 3)),
    TWO("one pixel", CONV, X(1, 1, 1, 3), W(1, 1), .f = 2),
    TWO("empty batch", CONV, X(0, 4, 4, 2), W(3, 3), .f = 2),
    TWO("no channels", CONV, X(2, 3, 3, 0), W(2, 2), .f = 2),
    TWO("no filters", CONV, X(2, 3, 3, 2), W(2, 2), .f = 0),
    ONE("plain", CONV, X(2, 9, 1, 3), W(4, 1), .f = 2),
    ONE("long", CONV, X(1, 70, 1, 1), W(5, 1), .f = 1),
    ONE("stride", CONV, X(2, 10, 1, 2), W(3, 1), .f = 2, PAIR(stride, 2, 0)),
    ONE("stride over kernel", CONV, X(2, 10, 1, 2), W(2, 1), .f = 2, PAIR(stride, 4, 0)),
    ONE("dilation", CONV, X(1, 12, 1, 2), W(3, 1), .f = 3, PAIR(dilation, 4, 0)),
    ONE("same", CONV, X(2, 6, 1, 2), W(4, 1), .f = 2, .same = true),
    ONE("same, all", CONV, X(1, 11, 1, 4), W(3, 1), .f = 2, PAIR(stride, 3, 0), PAIR(dilation, 1, 0), .same = true,
        .groups = 2),
    ONE("causal", CONV, X(2, 7, 1, 2), W(3, 1), .f = 2, PAIR(dilation, 2, 0), PAIR(low, 4, 0)),
    ONE("groups", CONV, X(2, 5, 1, 6), W(2, 1), .f = 3, .groups = 3),
    ONE("one", CONV, X(1, 1, 1, 1), W(1, 1), .f = 1),
    TWO("2x2", MAX, X(2, 4, 6, 3), W(2, 2)),
    TWO("3x3, overlapping", MAX, X(1, 7, 8, 2), W(3, 3), PAIR(stride, 2, 1)),
    TWO("one channel", MAX, X(2, 6, 20, 1), W(2, 3), PAIR(stride, 1, 1)),
    TWO("remainder left", MAX, X(1, 5, 7, 2), W(2, 3)),
    TWO("stride over window", MAX, X(1, 9, 9, 1), W(2, 1), PAIR(stride, 4, 3)),
    TWO("same", MAX, X(2, 5, 7, 2), W(3, 2), PAIR(stride, 2, 2), .same = true),
    TWO("same, window over x", MAX, X(1, 2, 3, 2), W(4, 5), PAIR(stride, 1, 1), .same = true),
    TWO("padding", MAX, X(1, 4, 5, 2), W(3, 3), PAIR(stride, 1, 2), PAIR(low, 2, 1), PAIR(high, 1, 2)),
    TWO("whole", MAX, X(2, 3, 4, 2), W(3, 4)),
    TWO("one", MAX, X(2, 3, 4, 2), W(1, 1)),
    TWO("empty batch", MAX, X(0, 4, 4, 2), W(2, 2)),
    ONE("plain", MAX, X(2, 9, 1, 3), W(3, 1)),
    ONE("overlapping", MAX, X(1, 40, 1, 1), W(4, 1), PAIR(stride, 1, 0)),
    ONE("same", MAX, X(2, 6, 1, 2), W(4, 1), PAIR(stride, 3, 0), .same = true),
    TWO("2x2", AVERAGE, X(2, 4, 6, 3), W(2, 2)),
    TWO("3x3, overlapping", AVERAGE, X(1, 7, 8, 2), W(3, 3), PAIR(stride, 2, 1)),
    TWO("one channel", AVERAGE, X(2, 6, 20, 1), W(2, 3), PAIR(stride, 1, 1)),
    TWO("remainder left", AVERAGE, X(1, 5, 7, 2), W(2, 3)),
    TWO("same", AVERAGE, X(2, 5, 7, 2), W(3, 2), PAIR(stride, 2, 2), .same = true),
    TWO("same, window over x", AVERAGE, X(1, 2, 3, 2), W(4, 5), PAIR(stride, 1, 1), .same = true),
    TWO("padding", AVERAGE, X(1, 4, 5, 2), W(3, 3), PAIR(stride, 1, 2), PAIR(low, 2, 1), PAIR(high, 1, 2)),
    TWO("whole", AVERAGE, X(2, 3, 4, 2), W(3, 4)),
    TWO("empty batch", AVERAGE, X(0, 4, 4, 2), W(2, 2), .same = true),
    ONE("plain", AVERAGE, X(2, 9, 1, 3), W(3, 1)),
    ONE("padding before", AVERAGE, X(1, 8, 1, 2), W(3, 1), PAIR(stride, 2, 0), PAIR(low, 2, 0)),
    ONE("same", AVERAGE, X(2, 6, 1, 2), W(4, 1), PAIR(stride, 3, 0), .same = true),
    /* clang-format on */
};

/* ---- the operation ---- */

static ebb_tensor *apply(const plan *p, ebb_tensor *x, ebb_tensor *filter) {
    ebb_conv_options c = {.same = p->same, .groups = p->groups};
    ebb_pool_options o = {.same = p->same};
    for (int a = 0; a < 2; a++) {
        c.stride[a] = o.stride[a] = p->stride[a];
        c.dilation[a] = p->dilation[a];
        c.low[a] = o.low[a] = p->low[a];
        c.high[a] = o.high[a] = p->high[a];
    }
    const int h = p->size[0], w = p->size[1];
    if (p->kind == CONV) return p->axes == 1 ? ebb_conv1d(x, filter, &c) : ebb_conv2d(x, filter, &c);
    if (p->kind == MAX) return p->axes == 1 ? ebb_max_pool1d(x, h, &o) : ebb_max_pool2d(x, h, w, &o);
    return p->axes == 1 ? ebb_average_pool1d(x, h, &o) : ebb_average_pool2d(x, h, w, &o);
}

/* ---- the definition ---- */

enum { MOST = 2000, TAPS = 20000 };

typedef struct tap {
    int y, x, w;
    double c;
} tap;

typedef struct unfolded {
    int ny, nx, nw, taps, count[2], low[2];
    tap tap[TAPS];
} unfolded;

static int or_one(int number) { return number ? number : 1; }

static void find_counts(const plan *p, unfolded *u) {
    for (int a = 0; a < 2; a++) {
        int stride = p->stride[a] ? p->stride[a] : p->kind == CONV ? 1 : p->size[a];
        int span = (p->size[a] - 1) * or_one(p->dilation[a]) + 1, total = p->low[a] + p->high[a];
        u->low[a] = p->low[a];
        if (p->same) {
            total = ((p->length[a] + stride - 1) / stride - 1) * stride + span - p->length[a];
            total = total > 0 ? total : 0;
            u->low[a] = total / 2;
        }
        u->count[a] = (p->length[a] + total - span) / stride + 1;
    }
}

/* The place in x of element (k, l) of window (i, j), or -1. */
static int place(const plan *p, const unfolded *u, int b, const int at[2], const int in[2]) {
    int where = b;
    for (int a = 0; a < 2; a++) {
        int stride = p->stride[a] ? p->stride[a] : p->kind == CONV ? 1 : p->size[a];
        int k = at[a] * stride + in[a] * or_one(p->dilation[a]) - u->low[a];
        if (k < 0 || k >= p->length[a]) return -1;
        where = where * p->length[a] + k;
    }
    return where * p->c;
}

static void conv_taps(const plan *p, unfolded *u, int b, const int at[2], int y, int o) {
    int groups = or_one(p->groups), c = p->c / groups, g = o / (p->f / groups);
    for (int k = 0; k < p->size[0] * p->size[1]; k++) {
        int in[2] = {k / p->size[1], k % p->size[1]}, x = place(p, u, b, at, in);
        for (int q = 0; q < c && x >= 0; q++)
            u->tap[u->taps++] = (tap){y, x + g * c + q, (k * c + q) * p->f + o, 1};
    }
}

static void pool_taps(const plan *p, unfolded *u, int b, const int at[2], int y, int o, const double *x) {
    int first = u->taps, n = 0;
    double most = -INFINITY;
    for (int k = 0; k < p->size[0] * p->size[1]; k++) {
        int in[2] = {k / p->size[1], k % p->size[1]}, from = place(p, u, b, at, in);
        if (from < 0) continue;
        u->tap[u->taps++] = (tap){y, from + o, -1, 1};
        most = fmax(most, x[from + o]);
    }
    for (int t = first; t < u->taps; t++)
        n += p->kind == AVERAGE || x[u->tap[t].x] == most;
    for (int t = first; t < u->taps; t++)
        u->tap[t].c = p->kind == AVERAGE || x[u->tap[t].x] == most ? 1.0 / n : 0;
}

static void unfold(const plan *p, unfolded *u, const double *x) {
    int channels = p->kind == CONV ? p->f : p->c;
    u->taps = u->ny = 0;
    find_counts(p, u);
    u->nx = p->n * p->length[0] * p->length[1] * p->c;
    u->nw = p->kind == CONV ? p->size[0] * p->size[1] * p->c / or_one(p->groups) * p->f : 0;
    for (int b = 0; b < p->n; b++)
        for (int i = 0; i < u->count[0] * u->count[1]; i++)
            for (int o = 0; o < channels; o++, u->ny++) {
                const int at[2] = {i / u->count[1], i % u->count[1]};
                if (p->kind == CONV)
                    conv_taps(p, u, b, at, u->ny, o);
                else
                    pool_taps(p, u, b, at, u->ny, o, x);
            }
    cr_assert(u->ny <= MOST && u->nx <= MOST && u->nw <= MOST && u->taps <= TAPS, "%s is too large", p->name);
}

static double factor(const double *w, int k) { return k < 0 ? 1 : w[k]; }

static void forward(const unfolded *u, const double *x, const double *w, double *y) {
    for (const tap *t = u->tap; t < u->tap + u->taps; t++)
        y[t->y] += t->c * x[t->x] * factor(w, t->w);
}

static void back(const unfolded *u, const double *ct, const double *w, double *dx) {
    for (const tap *t = u->tap; t < u->tap + u->taps; t++)
        dx[t->x] += t->c * ct[t->y] * factor(w, t->w);
}

static void back_to_filter(const unfolded *u, const double *ct, const double *x, double *dw) {
    for (const tap *t = u->tap; t < u->tap + u->taps; t++)
        if (t->w >= 0) dw[t->w] += t->c * ct[t->y] * x[t->x];
}

/* ---- comparing ---- */

typedef struct numbers {
    double x[MOST], w[MOST], vx[MOST], vw[MOST]; /* a point and a direction */
    double y[MOST], dy[MOST], total, slope;      /* of sum(weight y^2) */
    double gx[MOST], gw[MOST], hx[MOST], hw[MOST];
} numbers;

static double weight(int k) { return (k % 7 - 2.5) / 4; }

static void fill(double *x, int n, unsigned seed) {
    for (int i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (double)(seed >> 8) / (1 << 23) - 1;
    }
}

static void refer(const plan *p, unfolded *u, numbers *r) {
    static double ct[MOST], dct[MOST];
    memset(r, 0, sizeof *r);
    fill(r->x, MOST, 1), fill(r->w, MOST, 2), fill(r->vx, MOST, 3), fill(r->vw, MOST, 4);
    unfold(p, u, r->x);
    forward(u, r->x, r->w, r->y);
    forward(u, r->vx, r->w, r->dy);
    if (p->kind == CONV) forward(u, r->x, r->vw, r->dy);
    for (int k = 0; k < u->ny; k++) {
        r->total += weight(k) * r->y[k] * r->y[k];
        ct[k] = 2 * weight(k) * r->y[k], dct[k] = 2 * weight(k) * r->dy[k];
        r->slope += ct[k] * r->dy[k];
    }
    back(u, ct, r->w, r->gx), back_to_filter(u, ct, r->x, r->gw);
    back(u, dct, r->w, r->hx), back_to_filter(u, dct, r->x, r->hw);
    if (p->kind != CONV) return;
    back(u, ct, r->vw, r->hx), back_to_filter(u, ct, r->vx, r->hw);
}

static const char *const kind_name[] = {"conv", "max_pool", "average_pool"};

static void expect_numbers(const plan *p, const char *what, ebb_tensor *got, const double *want, int n) {
    cr_expect_eq(ebb_size(got), n, "%s %s, %s: %d numbers, not %d", kind_name[p->kind], p->name, what,
                 (int)ebb_size(got), n);
    for (int i = 0; i < n && ebb_size(got) == n; i++)
        cr_expect_float_eq(ebb_item(got, i), want[i], 1e-11, "%s %dd %s, %s: element %d is %.17g, should be %.17g",
                           kind_name[p->kind], p->axes, p->name, what, i, ebb_item(got, i), want[i]);
}

static ebb_tensor *image(const plan *p, const double *x) {
    if (p->axes == 1) return ebb_constant(ebb, EBB_F64, EBB_SHAPE(p->n, p->length[0], p->c), x);
    return ebb_constant(ebb, EBB_F64, EBB_SHAPE(p->n, p->length[0], p->length[1], p->c), x);
}

static ebb_tensor *filter(const plan *p, const double *w) {
    int c = p->c / or_one(p->groups);
    if (p->axes == 1) return ebb_constant(ebb, EBB_F64, EBB_SHAPE(p->size[0], c, p->f), w);
    return ebb_constant(ebb, EBB_F64, EBB_SHAPE(p->size[0], p->size[1], c, p->f), w);
}

static void value(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)e;
    out[0] = apply(data, in[0], in[1]);
}

static void loss(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    static double w[MOST];
    ebb_tensor *y = apply(data, in[0], in[1]);
    int64_t dims[4] = {0};
    for (int k = 0; k < MOST; k++)
        w[k] = weight(k);
    for (int a = 0; a < ebb_rank(y); a++)
        dims[a] = ebb_dim(y, a);
    out[0] = ebb_sum(ebb_mul(ebb_square(y), ebb_constant(e, EBB_F64, ebb_rank(y), dims, w)));
}

static ebb_function *function_of(ebb_body *body, const plan *p, ebb_mode mode) {
    ebb_function_options o = {.name = "f", .data = (void *)(uintptr_t)p, .mode = mode};
    return ebb_function_new(ebb, body, &o);
}

/* Value, gradient, and the slope of both, as one program. */
static void check_derivatives(const plan *p, const unfolded *u, const numbers *r, ebb_mode mode) {
    ebb_tensor *out[6];
    ebb_function *f = function_of(loss, p, mode);
    ebb_function *both = ebb_value_and_grad(f, EBB_WRT(0, 1)), *all = ebb_jvp(both, EBB_WRT(0, 1));
    ebb_operand in[] = {EBB_OPERAND(image(p, r->x)), EBB_OPERAND(filter(p, r->w)), EBB_OPERAND(image(p, r->vx)),
                        EBB_OPERAND(filter(p, r->vw))};
    ebb_call_n(all, 4, in, 6, out);
    bool has_filter = p->kind == CONV;
    expect_numbers(p, "loss", out[0], &r->total, 1);
    expect_numbers(p, "gradient", out[1], r->gx, u->nx);
    if (has_filter) expect_numbers(p, "gradient of the filter", out[2], r->gw, u->nw);
    expect_numbers(p, "slope", out[3], &r->slope, 1);
    expect_numbers(p, "slope of the gradient", out[4], r->hx, u->nx);
    if (has_filter) expect_numbers(p, "slope of the filter's gradient", out[5], r->hw, u->nw);
    ebb_function_free(all);
    ebb_function_free(both);
    ebb_function_free(f);
}

static void check_case(const plan *p) {
    static unfolded u;
    static numbers r;
    refer(p, &u, &r);
    ebb_tensor *x = image(p, r.x), *w = filter(p, r.w), *eager = apply(p, x, w);
    ebb_function *f = function_of(value, p, EBB_NATIVE);
    ebb_tensor *native = ebb_call(f, x, w);
    expect_numbers(p, "eager", eager, r.y, u.ny);
    expect_numbers(p, "native", native, r.y, u.ny);
    cr_expect(u.ny == 0 || !memcmp(ebb_data(eager), ebb_data(native), (size_t)u.ny * sizeof(double)),
              "%s %s: eager and native differ in a bit", kind_name[p->kind], p->name);
    ebb_function_free(f);
    check_derivatives(p, &u, &r, EBB_NATIVE);
    check_derivatives(p, &u, &r, EBB_EAGER);
}

static void check_kind(kind k) {
    int n = 0;
    for (int i = 0; i < COUNT(cases); i++)
        if (cases[i].kind == k)
            EBB_SCOPE (ebb) {
                check_case(&cases[i]);
                n++;
            }
    printf("cases: %d of %s, values and derivatives, eager and native\n", n, kind_name[k]);
    fflush(stdout);
}

Test(convolution, conv) { check_kind(CONV); }
Test(convolution, max_pool) { check_kind(MAX); }
Test(convolution, average_pool) { check_kind(AVERAGE); }

/* ---- many examples at once ---- */

/* A batch of calls is the calls one by one: values, and gradients in x. */
static void check_batch(const plan *p) {
    static double number[3 * MOST], w[MOST];
    fill(number, 3 * MOST, 5), fill(w, MOST, 6);
    ebb_tensor *x = ebb_constant(ebb, EBB_F64, EBB_SHAPE(3, p->n, p->length[0], p->length[1], p->c), number);
    ebb_operand arg[] = {EBB_OPERAND(x), EBB_OPERAND(filter(p, w))};
    ebb_function *one[] = {function_of(value, p, EBB_NATIVE), ebb_grad(function_of(loss, p, EBB_NATIVE), NULL)};
    for (int k = 0; k < 2; k++) {
        ebb_vmap_options o = {.arguments = 2, .in_axes = (int[]){0, EBB_SAME}};
        ebb_tensor *all = ebb_call_at(ebb_vmap(one[k], &o), 2, arg, __FILE__, __LINE__);
        for (int i = 0; i < 3; i++) {
            ebb_tensor *at = ebb_scalar_at(ebb, EBB_I64, EBB_OPERAND(i));
            ebb_operand alone[] = {EBB_OPERAND(ebb_gather(x, at, 0)), arg[1]};
            ebb_tensor *want = ebb_call_at(one[k], 2, alone, __FILE__, __LINE__), *got = ebb_gather(all, at, 0);
            cr_expect_eq(ebb_size(got), ebb_size(want), "%s: %d numbers", p->name, (int)ebb_size(got));
            for (int64_t j = 0; j < ebb_size(want); j++)
                cr_expect_float_eq(ebb_item(got, j), ebb_item(want, j), 1e-12, "%s %s, example %d, element %d",
                                   kind_name[p->kind], p->name, i, (int)j);
        }
    }
}

Test(convolution, batches) {
    static const char *const names[] = {"3x3", "groups, all at once", "same", "padding"};
    int tried = 0;
    for (int i = 0; i < COUNT(cases); i++)
        for (int k = 0; k < COUNT(names); k++)
            if (cases[i].axes == 2 && !strcmp(cases[i].name, names[k]))
                EBB_SCOPE (ebb) {
                    check_batch(&cases[i]);
                    tried++;
                }
    cr_expect_eq(tried, 8, "%d cases in batches", tried);
}
