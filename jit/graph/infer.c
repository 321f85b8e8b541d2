/* infer.c - the type of one application: checks common to all operations, then the rule of its row in ops.def.
 *
 * Here are the rules of sources and POINT operations; infer_axes.c has those that look at axes, infer_index.c
 * those that look at places, infer_matrix.c those of linear algebra. Start at ebb_infer. */
#include "jit/graph/infer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static ebb_infer_rule *const rules[EBB_OP_COUNT] = {
#define OP(name, family, access, arity, rule) [EBB_OP_##name] = infer_##rule,
#include "jit/graph/ops.def"
#undef OP
};

bool ebb_infer_no(const ebb_question *q, ebb_code code, const char *format, ...) {
    char text[sizeof q->diag->message];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return ebb_fail(q->diag, code, q->app->site, "%s: %s", ebb_op_table[q->app->op].name, text);
}

/* ---- pieces of rules ---- */

/* "i32, i64, f32 or f64" */
static void set_text(unsigned set, char *text) {
    *text = 0;
    for (int d = EBB_BOOL; d <= EBB_F64; d++) {
        if (!(set & EBB_SET(d))) continue;
        unsigned later = set >> (d + 1);
        strcat(text, ebb_dtype_short((ebb_dtype)d));
        strcat(text, !later ? "" : later & (later - 1) ? ", " : " or ");
    }
}

bool ebb_infer_dtype(const ebb_question *q, const char *what, const ebb_type *type, unsigned set) {
    if (set & EBB_SET(type->dtype)) return true;
    char have[EBB_TYPE_TEXT], need[64];
    set_text(set, need);
    return ebb_infer_no(q, EBB_TYPE_ERROR, "%s is %s; it needs %s", what, ebb_type_text(type, have), need);
}

bool ebb_infer_attrs(const ebb_question *q, int64_t n) {
    if (q->app->nattr == n) return true;
    return ebb_infer_no(q, EBB_VALUE_ERROR, "takes %lld attributes, got %d", (long long)n, q->app->nattr);
}

bool ebb_infer_axis(const ebb_question *q, int64_t axis, const ebb_shape *s) {
    if (axis >= 0 && axis < s->rank) return true;
    char text[EBB_TYPE_TEXT];
    return ebb_infer_no(q, EBB_INDEX_ERROR, "axis %lld is out of range for %s", (long long)axis,
                        ebb_shape_text(s, text));
}

/* A shape given by the caller. Below the symbols, which are numbered by int32, negative sizes are mistakes. */
static bool shape_fits(const ebb_question *q, const ebb_shape *s) {
    if (s->rank < 0 || s->rank > EBB_MAX_RANK)
        return ebb_infer_no(q, EBB_VALUE_ERROR, "rank %d; it is at most %d", s->rank, EBB_MAX_RANK);
    for (int i = 0; i < s->rank; i++)
        if (s->dim[i] < EBB_SYMBOL(INT32_MAX))
            return ebb_infer_no(q, EBB_VALUE_ERROR, "size %lld of axis %d is negative", (long long)s->dim[i], i);
    return true;
}

bool ebb_infer_asked(const ebb_question *q, unsigned set) {
    const ebb_type *asked = &q->app->asked;
    if (!ebb_dtype_size(asked->dtype)) return ebb_infer_no(q, EBB_TYPE_ERROR, "no dtype is asked for");
    if (!shape_fits(q, &asked->shape) || !ebb_infer_dtype(q, "result", asked, set)) return false;
    *q->result = (ebb_type){asked->dtype, {asked->shape.rank, {0}}};
    for (int i = 0; i < asked->shape.rank; i++)
        q->result->shape.dim[i] = asked->shape.dim[i];
    return true;
}

static bool differ(const ebb_question *q, ebb_code code, const ebb_type *a, const ebb_type *b, const char *in) {
    char x[EBB_TYPE_TEXT], y[EBB_TYPE_TEXT];
    return ebb_infer_no(q, code, "operands %s and %s differ in %s", ebb_type_text(a, x), ebb_type_text(b, y), in);
}

bool ebb_infer_same_dtype(const ebb_question *q, const ebb_type *a, const ebb_type *b) {
    return a->dtype == b->dtype || differ(q, EBB_TYPE_ERROR, a, b, "dtype");
}

static bool same_types(const ebb_question *q, const ebb_type *a, const ebb_type *b) {
    if (!ebb_infer_same_dtype(q, a, b)) return false;
    return ebb_shape_equal(&a->shape, &b->shape) || differ(q, EBB_VALUE_ERROR, a, b, "shape");
}

/* Operands from the set, all of one type, which is the result's too. */
static bool pointwise(const ebb_question *q, unsigned set) {
    if (!ebb_infer_attrs(q, 0)) return false;
    for (int k = 0; k < q->narg; k++)
        if (!ebb_infer_dtype(q, "operand", &q->arg[k], set) || !same_types(q, &q->arg[0], &q->arg[k])) return false;
    *q->result = q->arg[0];
    return true;
}

/* ---- rules ---- */

bool infer_number(const ebb_question *q) { return pointwise(q, EBB_SET_NUMBER); }
bool infer_real(const ebb_question *q) { return pointwise(q, EBB_SET_REAL); }
bool infer_whole(const ebb_question *q) { return pointwise(q, EBB_SET_INT); }
bool infer_logic(const ebb_question *q) { return pointwise(q, EBB_SET(EBB_BOOL)); }
bool infer_same(const ebb_question *q) { return pointwise(q, EBB_SET_ANY); }

bool infer_compare(const ebb_question *q) {
    bool equality = q->app->op == EBB_OP_eq || q->app->op == EBB_OP_ne;
    if (!pointwise(q, equality ? EBB_SET_ANY : EBB_SET_NUMBER)) return false;
    q->result->dtype = EBB_BOOL;
    return true;
}

bool infer_select(const ebb_question *q) {
    if (!ebb_infer_attrs(q, 0) || !ebb_infer_dtype(q, "condition", &q->arg[0], EBB_SET(EBB_BOOL))) return false;
    if (!same_types(q, &q->arg[1], &q->arg[2])) return false;
    *q->result = q->arg[1];
    if (ebb_shape_equal(&q->arg[0].shape, &q->arg[1].shape)) return true;
    char c[EBB_TYPE_TEXT], x[EBB_TYPE_TEXT];
    return ebb_infer_no(q, EBB_VALUE_ERROR, "condition %s and operands %s differ in shape",
                        ebb_type_text(&q->arg[0], c), ebb_type_text(&q->arg[1], x));
}

bool infer_cast(const ebb_question *q) {
    if (!ebb_infer_attrs(q, 0)) return false;
    ebb_dtype to = q->app->asked.dtype;
    if (!ebb_dtype_size(to)) return ebb_infer_no(q, EBB_TYPE_ERROR, "no dtype is asked for");
    *q->result = (ebb_type){to, q->arg[0].shape};
    return true;
}

/* Floats in pairs, whose products are all of one type. */
bool infer_products(const ebb_question *q) {
    ebb_infer_rule *rule = rules[ebb_product_of(q->app->op)];
    if (q->narg < 2 || q->narg % 2) return ebb_infer_no(q, EBB_VALUE_ERROR, "takes operands in pairs, got %d", q->narg);
    for (int k = 0; k < q->narg; k += 2) {
        ebb_type product;
        const ebb_question pair = {q->diag, q->app, 2, q->arg + k, &product};
        if (!rule(&pair) || !ebb_infer_dtype(q, "operand", &q->arg[k], EBB_SET_REAL)) return false;
        if (k == 0) *q->result = product;
        if (!same_types(q, q->result, &product)) return false;
    }
    return true;
}

/* Elements as packed bytes; unused bytes are 0, so that equal constants have equal attributes. */
static bool payload_fits(const ebb_question *q) {
    int64_t size, bytes;
    char text[EBB_TYPE_TEXT];
    if (!ebb_shape_size(&q->result->shape, &size) || size > 64)
        return ebb_infer_no(q, EBB_VALUE_ERROR, "%s has more than 64 elements", ebb_type_text(q->result, text));
    bytes = size * (int64_t)ebb_dtype_size(q->result->dtype);
    if (!ebb_infer_attrs(q, (bytes + 7) / 8)) return false;
    const unsigned char *data = (const unsigned char *)q->app->attr;
    for (int64_t i = 0; q->result->dtype == EBB_BOOL && i < bytes; i++)
        if (data[i] > 1) return ebb_infer_no(q, EBB_VALUE_ERROR, "element %d is neither false nor true", (int)i);
    for (int64_t i = bytes; i % 8; i++)
        if (data[i]) return ebb_infer_no(q, EBB_VALUE_ERROR, "the payload is longer than its elements");
    return true;
}

bool infer_asked(const ebb_question *q) {
    if (!ebb_infer_asked(q, EBB_SET_ANY)) return false;
    if (q->app->op == EBB_OP_constant) return payload_fits(q);
    if (!ebb_infer_attrs(q, 1)) return false;
    return q->app->attr[0] >= 0 || ebb_infer_no(q, EBB_INDEX_ERROR, "parameter number is negative");
}

bool infer_iota(const ebb_question *q) {
    return ebb_infer_attrs(q, 1) && ebb_infer_asked(q, EBB_SET_NUMBER) &&
           ebb_infer_axis(q, q->app->attr[0], &q->result->shape);
}

bool infer_random(const ebb_question *q) {
    if (!ebb_infer_attrs(q, 0) || !ebb_infer_asked(q, EBB_SET_REAL)) return false;
    const ebb_type *key = &q->arg[0];
    if (key->dtype == EBB_I64 && key->shape.rank == 1 && key->shape.dim[0] == 2) return true;
    char text[EBB_TYPE_TEXT];
    return ebb_infer_no(q, EBB_TYPE_ERROR, "key is %s; it needs i64[2]", ebb_type_text(key, text));
}

static bool graph_types_it(const ebb_question *q) {
    return ebb_infer_no(q, EBB_INTERNAL_ERROR, "is recorded by a function of its own");
}

bool infer_call(const ebb_question *q) { return graph_types_it(q); }
bool infer_get(const ebb_question *q) { return graph_types_it(q); }
bool infer_custom(const ebb_question *q) { return graph_types_it(q); }
bool infer_cond(const ebb_question *q) { return graph_types_it(q); }
bool infer_loop(const ebb_question *q) { return graph_types_it(q); }
bool infer_unloop(const ebb_question *q) { return graph_types_it(q); }

/* ---- the question ---- */

static bool operands_fit(const ebb_question *q) {
    int arity = ebb_op_table[q->app->op].arity;
    if (q->app->nattr < 0 || (q->app->nattr > 0 && !q->app->attr))
        return ebb_infer_no(q, EBB_INTERNAL_ERROR, "attributes are missing");
    if (arity >= 0 && q->narg != arity)
        return ebb_infer_no(q, EBB_VALUE_ERROR, "takes %d operands, got %d", arity, q->narg);
    for (int k = 0; k < q->narg; k++)
        if (q->arg[k].dtype == EBB_NONE) return ebb_infer_no(q, EBB_TYPE_ERROR, "operand is a tuple");
    return true;
}

static bool size_fits(const ebb_question *q) {
    char text[EBB_TYPE_TEXT];
    return ebb_type_fits(q->result) ||
           ebb_infer_no(q, EBB_VALUE_ERROR, "%s is too large", ebb_type_text(q->result, text));
}

bool ebb_infer(ebb_diag *diag, const ebb_application *app, int narg, const ebb_type *arg, ebb_type *result) {
    if (app->op <= EBB_OP_NONE || app->op >= EBB_OP_COUNT)
        return ebb_fail(diag, EBB_INTERNAL_ERROR, app->site, "%d is no operation", (int)app->op);
    ebb_question q = {diag, app, narg, arg, result};
    return operands_fit(&q) && rules[app->op](&q) && size_fits(&q);
}
