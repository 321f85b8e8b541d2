/* view.c - broadcast, transpose, slice, reverse, windows and reshape as index arithmetic.
 *
 * Invariant: a view of an empty tensor keeps the data pointer it had; it is never read. Start reading at ebb_eval_view.
 */
#include "jit/eval/inside.h"

void ebb_view_contiguous(ebb_view *v, const void *data, const ebb_shape *shape) {
    int64_t step = 1;
    v->data = data;
    for (int a = shape->rank - 1; a >= 0; a--) {
        v->stride[a] = step;
        step *= shape->dim[a];
    }
}

bool eval_view_is_contiguous(const ebb_view *v, const ebb_shape *shape) {
    int64_t step = 1;
    for (int a = shape->rank - 1; a >= 0; a--) {
        if (shape->dim[a] != 1 && v->stride[a] != step) return false;
        step *= shape->dim[a];
    }
    return true;
}

static bool empty(const ebb_shape *s) {
    for (int a = 0; a < s->rank; a++)
        if (s->dim[a] == 0) return true;
    return false;
}

/* ---- one function for each view: operand type and view in, result's shape and view out ---- */

typedef bool view_rule(ebb_attr attr, const ebb_type *type, const ebb_view *x, const ebb_shape *to, ebb_view *y);

static bool view_broadcast(ebb_attr attr, const ebb_type *type, const ebb_view *x, const ebb_shape *to, ebb_view *y) {
    for (int a = 0; a < to->rank; a++)
        y->stride[a] = 0;
    for (int a = 0; a < type->shape.rank; a++)
        if (type->shape.dim[a] == to->dim[attr.v[a]]) y->stride[attr.v[a]] = x->stride[a];
    return true;
}

static bool view_transpose(ebb_attr attr, const ebb_type *type, const ebb_view *x, const ebb_shape *to, ebb_view *y) {
    (void)type;
    for (int a = 0; a < to->rank; a++)
        y->stride[a] = x->stride[attr.v[a]];
    return true;
}

/* The step of an axis. One that is never taken may be any number. */
static int64_t step_of(const ebb_shape *to, int64_t axis, int64_t step) { return to->dim[axis] > 1 ? step : 1; }

static bool view_slice(ebb_attr attr, const ebb_type *type, const ebb_view *x, const ebb_shape *to, ebb_view *y) {
    const int64_t *start = attr.v, *step = attr.v + to->rank;
    int64_t offset = 0;
    for (int a = 0; a < to->rank; a++) {
        y->stride[a] = x->stride[a] * step_of(to, a, step[a]);
        offset += x->stride[a] * start[a];
    }
    if (!empty(to)) y->data = (const unsigned char *)x->data + offset * (int64_t)ebb_dtype_size(type->dtype);
    return true;
}

static bool view_reverse(ebb_attr attr, const ebb_type *type, const ebb_view *x, const ebb_shape *to, ebb_view *y) {
    int64_t offset = 0;
    for (int a = 0; a < to->rank; a++)
        y->stride[a] = x->stride[a];
    for (int i = 0; i < attr.n; i++) {
        const int64_t a = attr.v[i];
        offset += x->stride[a] * (to->dim[a] - 1);
        y->stride[a] *= -1;
    }
    y->data = (const unsigned char *)x->data + offset * (int64_t)ebb_dtype_size(type->dtype);
    return true;
}

/* Two axes walk over one, each with its own step. */
static bool view_windows(ebb_attr attr, const ebb_type *type, const ebb_view *x, const ebb_shape *to, ebb_view *y) {
    const int64_t axis = attr.v[0];
    (void)type;
    for (int a = 0; a < to->rank; a++)
        y->stride[a] = x->stride[a <= axis ? a : a - 1];
    y->stride[axis] *= step_of(to, axis, attr.v[2]);
    y->stride[axis + 1] *= step_of(to, axis + 1, attr.v[3]);
    return true;
}

/* The operand's axes, evenly stepped neighbours joined, are cut again from the innermost: the new axes that fill one of
 * them exactly become steps of it. An axis that would need to cross from one to the next cannot be a view. */
static bool view_reshape(ebb_attr attr, const ebb_type *type, const ebb_view *x, const ebb_shape *to, ebb_view *y) {
    eval_nest nest;
    (void)attr;
    eval_nest_start(&nest, 1);
    for (int a = 0; a < type->shape.rank; a++)
        eval_nest_push(&nest, type->shape.dim[a], x, a);
    int from = nest.axes - 1;
    int64_t left = from >= 0 ? nest.size[from] : 1, step = from >= 0 ? nest.step[0][from] : 1;
    for (int a = to->rank - 1; a >= 0; a--) {
        if (left == 1 && from > 0 && to->dim[a] != 1) {
            left = nest.size[--from];
            step = nest.step[0][from];
        }
        if (left % to->dim[a] != 0) return false;
        y->stride[a] = step;
        step *= to->dim[a];
        left /= to->dim[a];
    }
    return true;
}

bool ebb_eval_view(const ebb_application *app, const ebb_type *arg, const ebb_view *x, const ebb_type *result,
                   ebb_view *y) {
    static view_rule *const rules[EBB_OP_COUNT] = {
#define ROW_POINT(name)
#define ROW_SOURCE(name)
#define ROW_VIEW(name) [EBB_OP_##name] = view_##name,
#define ROW_REDUCE(name)
#define ROW_WHOLE(name)
#define ROW_NESTED(name)
#define ROW_NOWHERE(name)
#define OP(name, family, access, arity, rule) ROW_##access(name)
#include "jit/graph/ops.def"
#undef OP
    };
    if (empty(&result->shape)) {
        ebb_view_contiguous(y, x->data, &result->shape);
        return true;
    }
    y->data = x->data;
    return rules[app->op]((ebb_attr){app->nattr, app->attr}, arg, x, &result->shape, y);
}

/* A reshape that is no view is a copy all the same: its elements keep their order. */
bool eval_view(const eval_call *c) {
    ebb_view y;
    if (ebb_eval_view(c->app, c->type, c->arg, c->result, &y)) {
        eval_copy(c->result, &y, c->out);
    } else {
        eval_copy(c->type, c->arg, c->out);
    }
    return true;
}
