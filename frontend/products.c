/* products.c - matrix products, gather and scatter along an axis.
 *
 * The graph's dot takes equal batch axes and at least two axes; a vector gets its second axis here and loses it again.
 * Start reading at ebb_matmul_at. */
#include "frontend/values.h"

#include <string.h>

typedef struct matmul_call {
    ebb_context *ebb;
    ebb_tensor *arg[2];
    bool transposed[2];
    ebb_shape matrix[2]; /* the operands' shapes, vectors as matrices */
    ebb_shape batch;     /* the common batch axes */
    ebb_site site;
} matmul_call;

static bool refuse(const matmul_call *c, ebb_code code, const char *why) {
    char x[EBB_TYPE_TEXT], y[EBB_TYPE_TEXT];
    ebb_fail_at(c->ebb, code, c->site, "ebb_matmul: %s x %s: %s", ebb_shape_text(&c->arg[0]->type.shape, x),
                ebb_shape_text(&c->arg[1]->type.shape, y), why);
    return false;
}

static bool refuse_inner(const matmul_call *c, int64_t a, int64_t b) {
    char x[EBB_TYPE_TEXT], y[EBB_TYPE_TEXT];
    ebb_fail_at(c->ebb, EBB_VALUE_ERROR, c->site, "ebb_matmul: %s x %s: inner sizes %lld and %lld differ",
                ebb_shape_text(&c->arg[0]->type.shape, x), ebb_shape_text(&c->arg[1]->type.shape, y), (long long)a,
                (long long)b);
    return false;
}

/* A vector is a row on the left and a column on the right; transposing it changes nothing. */
static bool make_matrices(matmul_call *c) {
    for (int k = 0; k < 2; k++) {
        const ebb_shape *s = &c->arg[k]->type.shape;
        if (!s->rank) return refuse(c, EBB_VALUE_ERROR, "a scalar has no axis to multiply over");
        c->matrix[k] = *s;
        if (s->rank > 1) continue;
        c->matrix[k] = k ? (ebb_shape){2, {s->dim[0], 1}} : (ebb_shape){2, {1, s->dim[0]}};
        c->transposed[k] = false;
    }
    return true;
}

static bool sizes_agree(matmul_call *c) {
    const ebb_shape *x = &c->matrix[0], *y = &c->matrix[1];
    if (c->arg[0]->type.dtype != c->arg[1]->type.dtype) {
        ebb_fail_at(c->ebb, EBB_TYPE_ERROR, c->site, "ebb_matmul: %s and %s do not mix; cast one",
                    ebb_dtype_short(c->arg[0]->type.dtype), ebb_dtype_short(c->arg[1]->type.dtype));
        return false;
    }
    int64_t a = x->dim[x->rank - (c->transposed[0] ? 2 : 1)], b = y->dim[y->rank - (c->transposed[1] ? 1 : 2)];
    if (a != b) return refuse_inner(c, a, b);
    ebb_shape p = *x, q = *y;
    p.rank -= 2;
    q.rank -= 2;
    return ebb_shape_broadcast(&p, &q, &c->batch) || refuse(c, EBB_VALUE_ERROR, "batch axes do not broadcast");
}

/* Operand k with the common batch axes before its matrix. */
static ebb_tensor *batched(const matmul_call *c, int k) {
    const ebb_shape *m = &c->matrix[k];
    ebb_shape to = c->batch;
    to.dim[to.rank++] = m->dim[m->rank - 2];
    to.dim[to.rank++] = m->dim[m->rank - 1];
    return ebb_stretch(c->ebb, ebb_reshaped(c->ebb, c->arg[k], m, c->site), &to, c->site);
}

/* The axes that vectors were given vanish. */
static ebb_tensor *without_vector_axes(const matmul_call *c, ebb_tensor *y) {
    if (y->kind == EBB_KIND_POISON) return y;
    int64_t m = y->type.shape.dim[c->batch.rank], n = y->type.shape.dim[c->batch.rank + 1];
    ebb_shape to = c->batch;
    if (c->arg[0]->type.shape.rank > 1) to.dim[to.rank++] = m;
    if (c->arg[1]->type.shape.rank > 1) to.dim[to.rank++] = n;
    return ebb_reshaped(c->ebb, y, &to, c->site);
}

static ebb_tensor *product(const matmul_call *c) {
    int64_t attr[2] = {c->transposed[0], c->transposed[1]};
    ebb_application app = {.op = EBB_OP_dot, .nattr = 2, .attr = attr, .site = c->site};
    ebb_tensor *y = ebb_poison_of(c->ebb);
    EBB_SCOPE (c->ebb) {
        ebb_tensor *arg[2] = {batched(c, 0), batched(c, 1)};
        y = ebb_keep(without_vector_axes(c, ebb_dispatch(c->ebb, &app, 2, arg)));
    }
    return y;
}

ebb_tensor *ebb_matmul_at(ebb_tensor *x, ebb_tensor *y, bool tx, bool ty, const char *file, int line) {
    matmul_call c = {.arg = {x, y}, .transposed = {tx, ty}, .site = ebb_site_at(file, line)};
    c.ebb = ebb_context_of(2, c.arg);
    if (!ebb_operands_usable(c.ebb, "ebb_matmul", 2, c.arg, c.site)) return ebb_poison_of(c.ebb);
    return make_matrices(&c) && sizes_agree(&c) ? product(&c) : ebb_poison_of(c.ebb);
}

/* ---- gather, scatter along an axis ---- */

static ebb_tensor *indexed(const char *function, ebb_op op, int n, ebb_tensor *const *arg, int axis, ebb_site site) {
    ebb_context *ebb = ebb_context_of(n, arg);
    if (!ebb_operands_usable(ebb, function, n, arg, site)) return ebb_poison_of(ebb);
    int64_t plain = ebb_axis_of(ebb, function, arg[0], axis, site);
    if (plain < 0) return ebb_poison_of(ebb);
    return ebb_dispatch(ebb, &(ebb_application){.op = op, .nattr = 1, .attr = &plain, .site = site}, n, arg);
}

ebb_tensor *ebb_gather_at(ebb_tensor *x, ebb_tensor *index, int axis, const char *file, int line) {
    ebb_tensor *arg[2] = {x, index};
    return indexed("ebb_gather", EBB_OP_gather, 2, arg, axis, ebb_site_at(file, line));
}

#define SCATTER(op)                                                                                                    \
    ebb_tensor *ebb_##op##_at(ebb_tensor *x, ebb_tensor *index, ebb_tensor *updates, int axis, const char *file,       \
                              int line) {                                                                              \
        ebb_tensor *arg[3] = {x, index, updates};                                                                      \
        return indexed("ebb_" #op, EBB_OP_##op, 3, arg, axis, ebb_site_at(file, line));                                \
    }
SCATTER(scatter_add)
SCATTER(scatter_max)
SCATTER(scatter_min)
SCATTER(scatter_update)
