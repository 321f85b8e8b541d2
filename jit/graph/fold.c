/* fold.c - constant folding: POINT and VIEW operations whose operands are all known.
 *
 * A known operand is a constant, or a splat: one number broadcast. An operation over splats is computed once, on the
 * number, and broadcast again; constants are folded when the result has at most 64 elements, but not where a NaN would
 * come of numbers. VIEW operations only move elements. Two factors become one where that is exact. Start reading at
 * ebb_fold; the arithmetic is in fold_point.c. */
#include "jit/graph/fold.h"
#include "jit/graph/doors.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* ---- what is known ---- */

typedef struct ebb_known {
    ebb_dtype dtype;
    bool splat;                /* all elements are the first one */
    const unsigned char *data; /* packed elements */
} ebb_known;

static bool all_equal(const unsigned char *data, int64_t n, size_t size) {
    for (int64_t i = 1; i < n; i++)
        if (memcmp(data, data + (size_t)i * size, size)) return false;
    return n > 0;
}

/* Whether node id is known. Of a broadcast only the splat is. */
static bool know(const ebb_graph *g, ebb_id id, ebb_known *k) {
    bool stretched = ebb_op_of(g, id) == EBB_OP_broadcast;
    if (stretched) id = ebb_operands(g, id)[0];
    if (ebb_op_of(g, id) != EBB_OP_constant) return false;
    int64_t n = 0;
    ebb_shape_size(ebb_shape_of(g, id), &n);
    *k = (ebb_known){ebb_dtype_at(g, id), false, (const unsigned char *)ebb_attr_of(g, id).v};
    k->splat = all_equal(k->data, n, ebb_dtype_size(k->dtype));
    return k->splat || !stretched;
}

static ebb_number element(const ebb_known *k, int64_t i) {
    ebb_number x = {.i64 = 0};
    size_t size = ebb_dtype_size(k->dtype);
    memcpy(&x, k->data + (k->splat ? 0 : (size_t)i * size), size);
    return x;
}

bool ebb_is_scalar_constant(const ebb_graph *g, ebb_id id, double *value) {
    ebb_known k;
    if (id <= EBB_ABSENT || !know(g, id, &k) || !k.splat) return false;
    *value = ebb_number_cast(element(&k, 0), k.dtype, EBB_F64).f64;
    return true;
}

/* ---- what is made ---- */

static ebb_id make_constant(const ebb_draft *d, const ebb_shape *shape, const int64_t *payload, int64_t n) {
    const ebb_type type = {d->type.dtype, *shape};
    const int64_t bytes = n * (int64_t)ebb_dtype_size(type.dtype);
    const ebb_application app = {EBB_OP_constant, (int)((bytes + 7) / 8), payload, type, d->app.site};
    return ebb_share(d->graph, &app, &type, 0, NULL);
}

static ebb_id make_splat(const ebb_draft *d, ebb_number x) {
    int64_t payload = 0;
    memcpy(&payload, &x, ebb_dtype_size(d->type.dtype));
    ebb_id scalar = make_constant(d, &(ebb_shape){0}, &payload, 1);
    if (scalar == EBB_POISON || d->type.shape.rank == 0) return scalar;
    const ebb_application app = {EBB_OP_broadcast, 0, NULL, d->type, d->app.site};
    return ebb_share(d->graph, &app, &d->type, 1, &scalar);
}

/* The number of elements of a result that is small enough to be a constant. */
static bool small_result(const ebb_draft *d, int64_t *n) { return ebb_shape_size(&d->type.shape, n) && *n <= 64; }

/* ---- point operations ---- */

static ebb_number compute(const ebb_draft *d, const ebb_known *k, int64_t i) {
    ebb_number x[3];
    ebb_dtype from = k[d->narg - 1].dtype;
    for (int j = 0; j < d->narg; j++)
        x[j] = element(&k[j], i);
    return d->app.op == EBB_OP_cast ? ebb_number_cast(x[0], from, d->type.dtype) : ebb_fold_table[d->app.op][from](x);
}

static bool is_nan(ebb_number x, ebb_dtype dtype) {
    return ebb_is_float(dtype) && isnan(ebb_number_cast(x, dtype, EBB_F64).f64);
}

/* Whether y, element i of the result, is a NaN that no operand had. The operation is left to run then, so that it can
 * be named (dual/births.c). */
static bool bears_nan(const ebb_draft *d, const ebb_known *k, int64_t i, ebb_number y) {
    if (!is_nan(y, d->type.dtype)) return false;
    for (int j = 0; j < d->narg; j++)
        if (is_nan(element(&k[j], i), k[j].dtype)) return false;
    return true;
}

static ebb_id fold_splat(const ebb_draft *d, const ebb_known *k) {
    ebb_number y = compute(d, k, 0);
    return bears_nan(d, k, 0, y) ? EBB_ABSENT : make_splat(d, y);
}

static ebb_id fold_elements(const ebb_draft *d, const ebb_known *k) {
    int64_t n, payload[64] = {0};
    size_t size = ebb_dtype_size(d->type.dtype);
    if (!small_result(d, &n)) return EBB_ABSENT;
    for (int64_t i = 0; i < n; i++) {
        ebb_number y = compute(d, k, i);
        if (bears_nan(d, k, i, y)) return EBB_ABSENT;
        memcpy((char *)payload + (size_t)i * size, &y, size);
    }
    return make_constant(d, &d->type.shape, payload, n);
}

static ebb_id fold_point(const ebb_draft *d) {
    ebb_known k[3] = {0};
    bool splat = true;
    for (int j = 0; j < d->narg; j++) {
        if (!know(d->graph, d->arg[j], &k[j])) return EBB_ABSENT;
        splat = splat && k[j].splat;
    }
    /* A mask of many values stays a selection: dual/ finds it, and keeps infinite slopes out of the branch not taken.
     */
    if (!splat && d->app.op == EBB_OP_select) return EBB_ABSENT;
    return splat ? fold_splat(d, k) : fold_elements(d, k);
}

/* ---- factors ---- */

/* c x */
static ebb_id scaled(const ebb_draft *d, double c, ebb_id x) {
    if (c == 1) return x;
    const ebb_application app = {.op = EBB_OP_mul, .asked = d->type, .site = d->app.site};
    const ebb_id factor = make_splat(d, ebb_number_cast((ebb_number){.f64 = c}, EBB_F64, d->type.dtype));
    return factor == EBB_POISON ? factor : ebb_share(d->graph, &app, &d->type, 2, (ebb_id[]){factor, x});
}

/* Whether c (p x) is (c p) x to the bit for every x: p = 2^k or -2^k, k >= 0, so p x is exact unless it is infinite,
 * and then so is the other one, as |c| >= 1. */
static bool joins(ebb_dtype dtype, double c, double p) {
    int exponent;
    double most = dtype == EBB_F32 ? (double)FLT_MAX : DBL_MAX;
    return fabs(frexp(p, &exponent)) == 0.5 && fabs(p) >= 1 && fabs(c) >= 1 && fabs(c) <= most / fabs(p);
}

/* c y where y is p x, as reverse mode writes the slope of 100 x^2, or -x, whose sign is that of c. */
static ebb_id scale_again(const ebb_draft *d, double c, ebb_id y) {
    const ebb_graph *g = d->graph;
    const ebb_id *x = ebb_operands(g, y);
    double p;
    if (ebb_op_of(g, y) == EBB_OP_neg) return scaled(d, -c, x[0]);
    for (int j = 0; ebb_op_of(g, y) == EBB_OP_mul && j < 2; j++)
        if (ebb_is_scalar_constant(g, x[j], &p) && joins(d->type.dtype, c, p)) return scaled(d, c * p, x[1 - j]);
    return EBB_ABSENT;
}

/* -(p x) */
static ebb_id negate(const ebb_draft *d) {
    const ebb_graph *g = d->graph;
    const ebb_id y = d->arg[0], *x = ebb_operands(g, y);
    double p;
    for (int j = 0; ebb_op_of(g, y) == EBB_OP_mul && j < 2; j++)
        if (ebb_is_scalar_constant(g, x[j], &p)) return scaled(d, -p, x[1 - j]);
    return EBB_ABSENT;
}

static ebb_id fold_factors(const ebb_draft *d) {
    double c;
    if (!ebb_is_float(d->type.dtype) || d->graph->without & EBB_NO_IDENTITIES) return EBB_ABSENT;
    if (d->app.op == EBB_OP_neg) return negate(d);
    for (int k = 0; d->app.op == EBB_OP_mul && k < 2; k++)
        if (ebb_is_scalar_constant(d->graph, d->arg[k], &c)) return scale_again(d, c, d->arg[1 - k]);
    return EBB_ABSENT;
}

/* ---- views ---- */

static void strides_of(const ebb_shape *s, int64_t *stride) {
    int64_t step = 1;
    for (int i = s->rank - 1; i >= 0; i--) {
        stride[i] = step;
        step *= s->dim[i];
    }
}

/* Attribute k of a view, the step of axis `axis` of its result. One that is never taken may be any number. */
static int64_t step_of(const ebb_application *app, const ebb_shape *y, int k, int axis) {
    return y->dim[axis] > 1 ? app->attr[k] : 1;
}

ebb_walk ebb_view_walk(const ebb_application *app, const ebb_shape *x, const ebb_shape *y) {
    ebb_walk w = {0};
    int64_t from[EBB_MAX_RANK];
    const int64_t *attr = app->attr;
    const int axis = app->op == EBB_OP_windows ? (int)attr[0] : 0;
    strides_of(x, from);
    if (app->op == EBB_OP_reshape || app->op == EBB_OP_reverse) strides_of(y, w.stride);
    for (int i = 0; app->op == EBB_OP_reverse && i < app->nattr; i++) {
        w.offset += (x->dim[attr[i]] - 1) * from[attr[i]];
        w.stride[attr[i]] *= -1;
    }
    for (int i = 0; app->op == EBB_OP_windows && i <= x->rank; i++)
        w.stride[i] = i < axis ? from[i] : i > axis + 1 ? from[i - 1] : step_of(app, y, i - axis + 2, i) * from[axis];
    for (int i = 0; i < x->rank; i++) {
        if (app->op == EBB_OP_transpose) w.stride[i] = from[attr[i]];
        if (app->op == EBB_OP_broadcast) w.stride[attr[i]] = x->dim[i] == 1 ? 0 : from[i];
        if (app->op == EBB_OP_slice) {
            w.offset += attr[i] * from[i];
            w.stride[i] = step_of(app, y, x->rank + i, i) * from[i];
        }
    }
    return w;
}

int64_t ebb_walk_at(const ebb_walk *w, const ebb_shape *y, int64_t i) {
    int64_t at = w->offset;
    for (int axis = y->rank - 1; axis >= 0; axis--) {
        at += i % y->dim[axis] * w->stride[axis];
        i /= y->dim[axis];
    }
    return at;
}

static ebb_id fold_moves(const ebb_draft *d, const ebb_known *k) {
    int64_t n, payload[64] = {0};
    size_t size = ebb_dtype_size(k->dtype);
    if (!small_result(d, &n)) return EBB_ABSENT;
    ebb_walk w = ebb_view_walk(&d->app, ebb_shape_of(d->graph, d->arg[0]), &d->type.shape);
    for (int64_t i = 0; i < n; i++)
        memcpy((char *)payload + (size_t)i * size, k->data + (size_t)ebb_walk_at(&w, &d->type.shape, i) * size, size);
    return make_constant(d, &d->type.shape, payload, n);
}

/* The broadcast of a scalar constant is how a splat is written: it stays. */
static ebb_id fold_view(const ebb_draft *d) {
    ebb_known k;
    if (!know(d->graph, d->arg[0], &k)) return EBB_ABSENT;
    if (d->app.op == EBB_OP_broadcast && ebb_shape_of(d->graph, d->arg[0])->rank == 0) return EBB_ABSENT;
    return k.splat ? make_splat(d, element(&k, 0)) : fold_moves(d, &k);
}

/* The value of a variable that is assigned a number is a stop_gradient of it, and a tape may ask for the derivative in
 * just that node. */
ebb_id ebb_fold(ebb_draft *d) {
    ebb_id answer;
    if (d->narg == 0 || d->app.op == EBB_OP_stop_gradient || d->graph->without & EBB_NO_FOLDING) return EBB_ABSENT;
    switch (ebb_op_table[d->app.op].access) {
    case EBB_POINT:
        answer = fold_point(d);
        return answer != EBB_ABSENT ? answer : fold_factors(d);
    case EBB_VIEW:
        return fold_view(d);
    case EBB_SOURCE:
    case EBB_REDUCE:
    case EBB_WHOLE:
    case EBB_NESTED:
    case EBB_NOWHERE:
        break;
    }
    return EBB_ABSENT;
}
