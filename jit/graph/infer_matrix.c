/* infer_matrix.c - type rules of linear algebra: matrices on the last two axes, all others are a batch of them. */
#include "jit/graph/infer.h"

#include <string.h>

static bool matrix_no(const ebb_question *q, const ebb_type *a, const char *why) {
    char text[EBB_TYPE_TEXT];
    return ebb_infer_no(q, EBB_VALUE_ERROR, "%s %s", ebb_shape_text(&a->shape, text), why);
}

/* LAPACK counts in int. */
static bool is_matrix(const ebb_question *q, const ebb_type *a) {
    const ebb_shape *s = &a->shape;
    if (!ebb_infer_dtype(q, "matrix", a, EBB_SET_REAL)) return false;
    if (s->rank < 2) return matrix_no(q, a, "is no matrix");
    return (s->dim[s->rank - 1] < INT32_MAX && s->dim[s->rank - 2] < INT32_MAX) || matrix_no(q, a, "is too large");
}

static bool is_square(const ebb_question *q, const ebb_type *a) {
    const ebb_shape *s = &a->shape;
    if (!is_matrix(q, a)) return false;
    return s->dim[s->rank - 1] == s->dim[s->rank - 2] || matrix_no(q, a, "is not square");
}

static bool flags(const ebb_question *q, int n) {
    if (!ebb_infer_attrs(q, n)) return false;
    for (int i = 0; i < n; i++)
        if ((uint64_t)q->app->attr[i] > 1) return ebb_infer_no(q, EBB_VALUE_ERROR, "attributes are 0 or 1");
    return true;
}

/* The right sides r of systems a y = r; the result is of their type. */
static bool right_sides(const ebb_question *q, const ebb_type *a, const ebb_type *r) {
    char x[EBB_TYPE_TEXT], y[EBB_TYPE_TEXT];
    ebb_shape want = a->shape;
    if (!ebb_infer_same_dtype(q, a, r) || !is_matrix(q, r)) return false;
    want.dim[want.rank - 1] = r->shape.dim[r->shape.rank - 1];
    *q->result = *r;
    return ebb_shape_equal(&want, &r->shape) ||
           ebb_infer_no(q, EBB_VALUE_ERROR, "matrix %s does not fit right side %s", ebb_shape_text(&a->shape, x),
                        ebb_shape_text(&r->shape, y));
}

bool infer_triangular_solve(const ebb_question *q) {
    return flags(q, 3) && is_square(q, &q->arg[0]) && right_sides(q, &q->arg[0], &q->arg[1]);
}

bool infer_solve(const ebb_question *q) {
    return flags(q, 1) && is_square(q, &q->arg[0]) && right_sides(q, &q->arg[0], &q->arg[1]);
}

bool infer_same_square(const ebb_question *q) {
    *q->result = q->arg[0];
    return ebb_infer_attrs(q, 0) && is_square(q, &q->arg[0]);
}

/* a with so many more rows. */
static bool taller(const ebb_question *q, const ebb_type *a, int64_t rows, ebb_type *to) {
    int64_t *height = &to->shape.dim[a->shape.rank - 2];
    *to = *a;
    if (*height < 0) return matrix_no(q, a, "needs a known size");
    return !__builtin_add_overflow(*height, rows, height) || matrix_no(q, a, "is too large");
}

bool infer_one_more_row(const ebb_question *q) {
    return ebb_infer_attrs(q, 0) && is_square(q, &q->arg[0]) && taller(q, &q->arg[0], 1, q->result);
}

/* Operand 1 is what lu gives for operand 0. */
static bool factored(const ebb_question *q) {
    ebb_type want;
    char have[EBB_TYPE_TEXT], need[EBB_TYPE_TEXT];
    if (!is_square(q, &q->arg[0]) || !taller(q, &q->arg[0], 1, &want)) return false;
    return ebb_type_equal(&want, &q->arg[1]) ||
           ebb_infer_no(q, EBB_VALUE_ERROR, "factors are %s; they need to be %s", ebb_type_text(&q->arg[1], have),
                        ebb_type_text(&want, need));
}

bool infer_lu_solve(const ebb_question *q) {
    return flags(q, 1) && factored(q) && right_sides(q, &q->arg[0], &q->arg[2]);
}

/* One number for each matrix. */
static bool without_matrix(const ebb_question *q) {
    *q->result = q->arg[0];
    q->result->shape.rank -= 2;
    for (int i = 0; i < 2; i++)
        q->result->shape.dim[q->result->shape.rank + i] = 0;
    return true;
}

bool infer_lu_det(const ebb_question *q) { return ebb_infer_attrs(q, 0) && factored(q) && without_matrix(q); }

bool infer_det(const ebb_question *q) { return ebb_infer_attrs(q, 0) && is_square(q, &q->arg[0]) && without_matrix(q); }

/* a [m,n] with n more rows, and others. */
static bool tall(const ebb_question *q, int64_t more) {
    const ebb_type *a = &q->arg[0];
    if (!ebb_infer_attrs(q, 0) || !is_matrix(q, a)) return false;
    const int64_t m = a->shape.dim[a->shape.rank - 2], n = a->shape.dim[a->shape.rank - 1];
    if (m < 0 || n < 0) return matrix_no(q, a, "needs a known size");
    return m < n ? matrix_no(q, a, "has more columns than rows") : taller(q, a, n + more, q->result);
}

bool infer_qr(const ebb_question *q) { return tall(q, 0); }
bool infer_svd(const ebb_question *q) { return tall(q, 1); }
