/* infer_index.c - type rules of operations that look at places: gathers, scatters, blocks, the largest few. */
#include "jit/graph/infer.h"

/* ---- gathers and scatters ---- */

/* x with one axis replaced by the shape of the index. */
static bool gathered(const ebb_question *q, ebb_shape *y) {
    const ebb_shape *x = &q->arg[0].shape, *index = &q->arg[1].shape;
    if (!ebb_infer_attrs(q, 1) || !ebb_infer_dtype(q, "index", &q->arg[1], EBB_SET_INT)) return false;
    int64_t axis = q->app->attr[0];
    if (!ebb_infer_axis(q, axis, x)) return false;
    if (x->rank - 1 + index->rank > EBB_MAX_RANK)
        return ebb_infer_no(q, EBB_VALUE_ERROR, "rank %d; it is at most %d", x->rank - 1 + index->rank, EBB_MAX_RANK);
    *y = (ebb_shape){0};
    for (int i = 0; i < x->rank; i++) {
        if (i != axis) y->dim[y->rank++] = x->dim[i];
        for (int k = 0; i == axis && k < index->rank; k++)
            y->dim[y->rank++] = index->dim[k];
    }
    return true;
}

bool infer_gather(const ebb_question *q) {
    q->result->dtype = q->arg[0].dtype;
    return gathered(q, &q->result->shape);
}

static bool scattered(const ebb_question *q, unsigned set) {
    ebb_type want = {.dtype = q->arg[0].dtype};
    if (!ebb_infer_dtype(q, "operand", &q->arg[0], set) || !gathered(q, &want.shape)) return false;
    *q->result = q->arg[0];
    if (want.dtype == q->arg[2].dtype && ebb_shape_equal(&want.shape, &q->arg[2].shape)) return true;
    char have[EBB_TYPE_TEXT], need[EBB_TYPE_TEXT];
    return ebb_infer_no(q, EBB_VALUE_ERROR, "updates are %s; they need to be %s", ebb_type_text(&q->arg[2], have),
                        ebb_type_text(&want, need));
}

bool infer_scatter(const ebb_question *q) { return scattered(q, EBB_SET_NUMBER); }
bool infer_scatter_any(const ebb_question *q) { return scattered(q, EBB_SET_ANY); }

bool infer_check_index(const ebb_question *q) {
    if (!ebb_infer_attrs(q, 1) || !ebb_infer_dtype(q, "index", &q->arg[0], EBB_SET_INT)) return false;
    *q->result = (ebb_type){EBB_I64, q->arg[0].shape};
    return q->app->attr[0] >= 0 || ebb_infer_no(q, EBB_VALUE_ERROR, "the size is negative");
}

/* ---- blocks ---- */

/* A block of these sizes fits into x, and start has a number for each axis. */
static bool block_fits(const ebb_question *q, const int64_t *size) {
    const ebb_shape *x = &q->arg[0].shape;
    const ebb_type *start = &q->arg[1];
    char text[EBB_TYPE_TEXT];
    if (!ebb_infer_dtype(q, "start", start, EBB_SET_INT)) return false;
    if (start->shape.rank != 1 || start->shape.dim[0] != x->rank)
        return ebb_infer_no(q, EBB_VALUE_ERROR, "start is %s; it needs %d elements", ebb_type_text(start, text),
                            x->rank);
    for (int i = 0; i < x->rank; i++)
        if (size[i] != x->dim[i] && (size[i] < 0 || size[i] > x->dim[i]))
            return ebb_infer_no(q, EBB_VALUE_ERROR, "size %lld of axis %d does not fit into %s", (long long)size[i], i,
                                ebb_shape_text(x, text));
    return true;
}

bool infer_dynamic_slice(const ebb_question *q) {
    if (!ebb_infer_attrs(q, q->arg[0].shape.rank) || !block_fits(q, q->app->attr)) return false;
    *q->result = q->arg[0];
    for (int i = 0; i < q->app->nattr; i++)
        q->result->shape.dim[i] = q->app->attr[i];
    return true;
}

bool infer_dynamic_update(const ebb_question *q) {
    const ebb_shape *x = &q->arg[0].shape, *updates = &q->arg[2].shape;
    char a[EBB_TYPE_TEXT], b[EBB_TYPE_TEXT];
    if (!ebb_infer_attrs(q, 0) || !ebb_infer_same_dtype(q, &q->arg[0], &q->arg[2])) return false;
    *q->result = q->arg[0];
    if (x->rank == updates->rank) return block_fits(q, updates->dim);
    return ebb_infer_no(q, EBB_VALUE_ERROR, "updates %s and %s differ in rank", ebb_shape_text(updates, a),
                        ebb_shape_text(x, b));
}

/* ---- order ---- */

bool infer_top_k(const ebb_question *q) {
    const ebb_shape *x = &q->arg[0].shape;
    char text[EBB_TYPE_TEXT];
    if (!ebb_infer_attrs(q, 2) || !ebb_infer_axis(q, q->app->attr[0], x)) return false;
    const int64_t axis = q->app->attr[0], k = q->app->attr[1];
    *q->result = q->arg[0];
    q->result->shape.dim[axis] = k;
    if (k >= 0 && (x->dim[axis] < 0 || k <= x->dim[axis])) return true;
    return ebb_infer_no(q, EBB_VALUE_ERROR, "%lld elements of axis %d of %s", (long long)k, (int)axis,
                        ebb_shape_text(x, text));
}

bool infer_arg_top_k(const ebb_question *q) {
    if (!infer_top_k(q)) return false;
    q->result->dtype = EBB_I64;
    return true;
}

/* The sorted axis is x's last; the axes before it are the first ones of the values too. */
bool infer_searchsorted(const ebb_question *q) {
    const ebb_shape *x = &q->arg[0].shape, *values = &q->arg[1].shape;
    char a[EBB_TYPE_TEXT], b[EBB_TYPE_TEXT];
    if (!ebb_infer_attrs(q, 1) || !ebb_infer_same_dtype(q, &q->arg[0], &q->arg[1])) return false;
    if ((uint64_t)q->app->attr[0] > 1) return ebb_infer_no(q, EBB_VALUE_ERROR, "attributes are 0 or 1");
    *q->result = (ebb_type){EBB_I64, *values};
    bool fits = x->rank > 0 && values->rank >= x->rank - 1;
    for (int i = 0; fits && i < x->rank - 1; i++)
        fits = x->dim[i] == values->dim[i];
    return fits ||
           ebb_infer_no(q, EBB_VALUE_ERROR, "values %s do not fit %s", ebb_shape_text(values, a), ebb_shape_text(x, b));
}
