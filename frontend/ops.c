/* ops.c - element by element: unary, binary, select, cast.
 *
 * Binary operations of the graph have equal shapes and dtypes. Here the dtypes are compared, C numbers take theirs from
 * the tensors, and shapes are stretched to the common one: as broadcast operations if a trace or a tape looks on, else
 * by strides of 0, without a copy. Start reading at point. */
#include "frontend/values.h"

enum { MOST_OPERANDS = 3 };

typedef struct point_call {
    const char *function;
    ebb_context *ebb;
    ebb_application app;
    int n, first; /* operands; the first one of the common dtype: select's condition is not */
    const ebb_operand *x;
    ebb_type type; /* the common dtype and shape */
} point_call;

static bool is_number(const ebb_operand *x) { return !x->tensor && x->dtype != EBB_NONE; }

static bool usable(const point_call *c) {
    for (int k = 0; k < c->n; k++)
        if (!is_number(&c->x[k]) && !ebb_operand_usable(c->ebb, c->function, k + 1, c->x[k].tensor, c->app.site))
            return false;
    return true;
}

/* Numbers among themselves, where a condition is the only tensor: the richer one wins. */
static bool numbers_dtype(point_call *c) {
    if (!c->first) {
        ebb_fail_at(c->ebb, EBB_TYPE_ERROR, c->app.site, "%s: one operand must be a tensor", c->function);
        return false;
    }
    for (int k = c->first; k < c->n; k++)
        if (c->x[k].dtype > c->type.dtype) c->type.dtype = c->x[k].dtype;
    return true;
}

static bool common_dtype(point_call *c) {
    for (int k = c->first; k < c->n; k++) {
        if (is_number(&c->x[k])) continue;
        ebb_dtype dtype = c->x[k].tensor->type.dtype;
        if (c->type.dtype == EBB_NONE) c->type.dtype = dtype;
        if (c->type.dtype == dtype) continue;
        ebb_fail_at(c->ebb, EBB_TYPE_ERROR, c->app.site, "%s: %s and %s do not mix; cast one", c->function,
                    ebb_dtype_short(c->type.dtype), ebb_dtype_short(dtype));
        return false;
    }
    return c->type.dtype != EBB_NONE || numbers_dtype(c);
}

static bool numbers_fit(const point_call *c) {
    for (int k = c->first; k < c->n; k++)
        if (is_number(&c->x[k]) && !ebb_number_fits(c->ebb, c->function, c->x[k], c->type.dtype, c->app.site))
            return false;
    return true;
}

static bool common_shape(point_call *c) {
    for (int k = 0; k < c->n; k++) {
        char a[EBB_TYPE_TEXT], b[EBB_TYPE_TEXT];
        if (is_number(&c->x[k])) continue;
        ebb_shape so_far = c->type.shape;
        const ebb_shape *s = &c->x[k].tensor->type.shape;
        if (ebb_shape_equal(&so_far, s) || ebb_shape_broadcast(&so_far, s, &c->type.shape)) continue;
        ebb_fail_at(c->ebb, EBB_VALUE_ERROR, c->app.site, "%s: shapes %s and %s do not broadcast", c->function,
                    ebb_shape_text(&so_far, a), ebb_shape_text(s, b));
        return false;
    }
    return true;
}

/* Somebody looks on, or it is a macro: numbers become tensors, stretching becomes operations. */
static ebb_tensor *point_explicit(const point_call *c) {
    ebb_tensor *y = ebb_poison_of(c->ebb), *arg[MOST_OPERANDS];
    EBB_SCOPE (c->ebb) {
        for (int k = 0; k < c->n; k++) {
            arg[k] = c->x[k].tensor;
            if (is_number(&c->x[k]))
                arg[k] = ebb_number_tensor(c->ebb, c->function, c->x[k], c->type.dtype, c->app.site);
            arg[k] = ebb_stretch(c->ebb, arg[k], &c->type.shape, c->app.site);
        }
        y = ebb_keep(ebb_dispatch(c->ebb, &c->app, c->n, arg));
    }
    return y;
}

/* The memory of x, repeated over the shape. */
static void stretched_view(const void *data, const ebb_shape *x, const ebb_shape *to, ebb_view *v) {
    int64_t stride = 1;
    int missing = to->rank - x->rank;
    v->data = data;
    for (int i = to->rank; i-- > 0;) {
        int64_t size = i < missing ? 1 : x->dim[i - missing];
        v->stride[i] = size == to->dim[i] ? stride : 0;
        stride *= size;
    }
}

static ebb_tensor *point_now(const point_call *c) {
    static const ebb_shape scalar = {0};
    ebb_type type[MOST_OPERANDS];
    ebb_view view[MOST_OPERANDS];
    int64_t bits[MOST_OPERANDS];
    for (int k = 0; k < c->n; k++) {
        const ebb_tensor *x = c->x[k].tensor;
        type[k] = c->type;
        if (x)
            type[k].dtype = x->type.dtype;
        else
            ebb_number_bits(c->x[k], c->type.dtype, &bits[k]);
        stretched_view(x ? x->storage->data : &bits[k], x ? &x->type.shape : &scalar, &c->type.shape, &view[k]);
    }
    return ebb_run(c->ebb, &c->app, c->n, type, view);
}

static ebb_tensor *point(const char *function, ebb_op op, int n, const ebb_operand *x, ebb_site site) {
    ebb_tensor *tensor[MOST_OPERANDS];
    for (int k = 0; k < n; k++)
        tensor[k] = x[k].tensor;
    point_call c = {
        .function = function, .app = {.op = op, .site = site}, .n = n, .first = op == EBB_OP_select, .x = x};
    c.ebb = ebb_context_of(n, tensor);
    if (!usable(&c) || !common_dtype(&c) || !numbers_fit(&c) || !common_shape(&c)) return ebb_poison_of(c.ebb);
    ebb_enter(c.ebb);
    bool macro = ebb_op_table[op].family == EBB_MACRO;
    return macro || ebb_observed(c.ebb) ? point_explicit(&c) : point_now(&c);
}

/* ---- the public functions ---- */

static ebb_tensor *unary(ebb_op op, ebb_tensor *x, ebb_site site) {
    return ebb_dispatch(ebb_context_of(1, &x), &(ebb_application){.op = op, .site = site}, 1, &x);
}

#define DEFINE_UNARY(op)                                                                                               \
    ebb_tensor *ebb_##op##_at(ebb_tensor *x, const char *file, int line) {                                             \
        return unary(EBB_OP_##op, x, ebb_site_at(file, line));                                                         \
    }
EBB_UNARY_LIST(DEFINE_UNARY)

#define DEFINE_BINARY(op)                                                                                              \
    ebb_tensor *ebb_##op##_at(ebb_operand x, ebb_operand y, const char *file, int line) {                              \
        return point("ebb_" #op, EBB_OP_##op, 2, (const ebb_operand[]){x, y}, ebb_site_at(file, line));                \
    }
EBB_BINARY_LIST(DEFINE_BINARY)

ebb_tensor *ebb_select_at(ebb_tensor *c, ebb_operand x, ebb_operand y, const char *file, int line) {
    return point("ebb_select", EBB_OP_select, 3, (const ebb_operand[]){ebb_operand_tensor(c), x, y},
                 ebb_site_at(file, line));
}

ebb_tensor *ebb_clip_at(ebb_tensor *x, ebb_operand low, ebb_operand high, const char *file, int line) {
    return point("ebb_clip", EBB_OP_clip, 3, (const ebb_operand[]){ebb_operand_tensor(x), low, high},
                 ebb_site_at(file, line));
}

ebb_tensor *ebb_cast_at(ebb_tensor *x, ebb_dtype dtype, const char *file, int line) {
    ebb_application app = {.op = EBB_OP_cast, .asked = {.dtype = dtype}, .site = ebb_site_at(file, line)};
    return ebb_dispatch(ebb_context_of(1, &x), &app, 1, &x);
}
