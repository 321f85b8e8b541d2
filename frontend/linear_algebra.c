/* linear_algebra.c - systems of linear equations and factorisations.
 *
 * The graph's operations take matrices on the last two axes and equal batch axes before them; a vector of right sides
 * gets its second axis here and loses it again. Start reading at ebb_solve_at. */
#include "frontend/values.h"

/* ---- systems: matrix a, right sides r ---- */

typedef struct system_call {
    const char *function;
    ebb_context *ebb;
    ebb_tensor *arg[2];
    ebb_shape shape[2]; /* of the operands, a vector as a column */
    ebb_site site;
} system_call;

static bool refuse(const system_call *c, const char *why) {
    char a[EBB_TYPE_TEXT], r[EBB_TYPE_TEXT];
    ebb_fail_at(c->ebb, EBB_VALUE_ERROR, c->site, "%s: matrix %s, right side %s: %s", c->function,
                ebb_shape_text(&c->arg[0]->type.shape, a), ebb_shape_text(&c->arg[1]->type.shape, r), why);
    return false;
}

/* Both get all batch axes of either. */
static bool make_batches(system_call *c) {
    ebb_shape batch[2], both;
    for (int k = 0; k < 2; k++) {
        c->shape[k] = c->arg[k]->type.shape;
        if (k == 1 && c->shape[k].rank == 1) c->shape[k].dim[c->shape[k].rank++] = 1;
        if (c->shape[k].rank < 2) return refuse(c, k ? "a scalar is no right side" : "a matrix has two axes");
        batch[k] = c->shape[k];
        batch[k].rank -= 2;
    }
    if (!ebb_shape_broadcast(&batch[0], &batch[1], &both)) return refuse(c, "batch axes do not broadcast");
    for (int k = 0; k < 2; k++) {
        const ebb_shape own = c->shape[k];
        c->shape[k] = both;
        for (int i = 2; i > 0; i--)
            c->shape[k].dim[c->shape[k].rank++] = own.dim[own.rank - i];
    }
    return true;
}

/* The operand as a matrix, in all batches. */
static ebb_tensor *batched(const system_call *c, int k) {
    ebb_tensor *x = c->arg[k];
    ebb_shape column = x->type.shape;
    if (k == 1 && column.rank == 1) column.dim[column.rank++] = 1;
    return ebb_stretch(c->ebb, ebb_reshaped(c->ebb, x, &column, c->site), &c->shape[k], c->site);
}

static ebb_tensor *system_of(system_call *c, ebb_op op, int nattr, const int64_t *attr) {
    ebb_application app = {.op = op, .nattr = nattr, .attr = attr, .site = c->site};
    c->ebb = ebb_context_of(2, c->arg);
    ebb_tensor *y = ebb_poison_of(c->ebb);
    if (!ebb_operands_usable(c->ebb, c->function, 2, c->arg, c->site) || !make_batches(c)) return y;
    EBB_SCOPE (c->ebb) {
        ebb_tensor *arg[2] = {batched(c, 0), batched(c, 1)};
        y = ebb_dispatch(c->ebb, &app, 2, arg);
        if (c->arg[1]->type.shape.rank == 1 && y->kind != EBB_KIND_POISON) {
            ebb_shape vector = y->type.shape;
            vector.dim[--vector.rank] = 0;
            y = ebb_reshaped(c->ebb, y, &vector, c->site);
        }
        ebb_keep(y);
    }
    return y;
}

ebb_tensor *ebb_solve_at(ebb_tensor *a, ebb_tensor *r, bool transpose_a, const char *file, int line) {
    system_call c = {.function = "ebb_solve", .arg = {a, r}, .site = ebb_site_at(file, line)};
    return system_of(&c, EBB_OP_solve, 1, (const int64_t[]){transpose_a});
}

ebb_tensor *ebb_triangular_solve_at(ebb_tensor *a, ebb_tensor *r, const ebb_triangle *triangle, const char *file,
                                    int line) {
    const ebb_triangle t = triangle ? *triangle : (ebb_triangle){false};
    system_call c = {.function = "ebb_triangular_solve", .arg = {a, r}, .site = ebb_site_at(file, line)};
    return system_of(&c, EBB_OP_triangular_solve, 3, (const int64_t[]){t.transposed, t.upper, t.unit});
}

/* ---- one matrix ---- */

static ebb_tensor *of_matrix(const char *function, ebb_op op, ebb_tensor *a, ebb_site site) {
    ebb_context *ebb = ebb_context_of(1, &a);
    if (!ebb_operands_usable(ebb, function, 1, &a, site)) return ebb_poison_of(ebb);
    return ebb_dispatch(ebb, &(ebb_application){.op = op, .site = site}, 1, &a);
}

#define OF_MATRIX(name)                                                                                                \
    ebb_tensor *ebb_##name##_at(ebb_tensor *a, const char *file, int line) {                                           \
        return of_matrix("ebb_" #name, EBB_OP_##name, a, ebb_site_at(file, line));                                     \
    }
OF_MATRIX(cholesky)
OF_MATRIX(inv)
OF_MATRIX(det)

ebb_tensor *ebb_slogdet_at(ebb_tensor *a, ebb_tensor **sign, const char *file, int line) {
    const ebb_site site = ebb_site_at(file, line);
    ebb_tensor *y = of_matrix("ebb_slogdet", EBB_OP_logdet, a, site);
    if (sign) *sign = y->kind == EBB_KIND_POISON ? y : of_matrix("ebb_slogdet", EBB_OP_det_sign, a, site);
    return y;
}

/* ---- factors that lie below each other ---- */

/* Rows from one on; `end` 0: to the last. */
static ebb_tensor *rows(ebb_tensor *y, int64_t from, int64_t end, ebb_site site) {
    int64_t start[EBB_MAX_RANK] = {0}, stop[EBB_MAX_RANK];
    const int axis = y->type.shape.rank - 2;
    for (int i = 0; i < y->type.shape.rank; i++)
        stop[i] = INT64_MAX;
    start[axis] = from;
    if (end) stop[axis] = end;
    return ebb_slice_at(y, start, stop, NULL, site.file, site.line);
}

/* The same, if the result is wanted and there is one; kept beyond the scope. */
static void give_rows(ebb_tensor **to, ebb_tensor *y, int64_t from, int64_t end, ebb_site site) {
    if (to) *to = ebb_keep(y->kind == EBB_KIND_POISON ? y : rows(y, from, end, site));
}

/* One row of numbers for each matrix, as a vector. */
static ebb_tensor *vector_at(ebb_context *ebb, ebb_tensor *y, int64_t row, ebb_site site) {
    if (y->kind == EBB_KIND_POISON) return y;
    ebb_shape to = y->type.shape;
    to.dim[to.rank - 2] = to.dim[to.rank - 1];
    to.dim[--to.rank] = 0;
    return ebb_reshaped(ebb, rows(y, row, row + 1, site), &to, site);
}

static ebb_tensor *turned(ebb_context *ebb, ebb_tensor *x, ebb_site site) {
    int64_t perm[EBB_MAX_RANK];
    const int rank = x->type.shape.rank;
    if (x->kind == EBB_KIND_POISON || rank < 2) return x;
    for (int i = 0; i < rank; i++)
        perm[i] = i < rank - 2 ? i : 2 * rank - 3 - i;
    return ebb_permuted(ebb, x, rank, perm, site);
}

static int64_t height(const ebb_tensor *a) {
    return a->type.shape.rank < 2 ? 0 : a->type.shape.dim[a->type.shape.rank - 2];
}
static int64_t width(const ebb_tensor *a) {
    return a->type.shape.rank < 2 ? 0 : a->type.shape.dim[a->type.shape.rank - 1];
}

ebb_tensor *ebb_eigh_at(ebb_tensor *a, ebb_tensor **vectors, const char *file, int line) {
    const ebb_site site = ebb_site_at(file, line);
    ebb_context *ebb = ebb_context_of(1, &a);
    ebb_tensor *values = ebb_poison_of(ebb);
    if (vectors) *vectors = values;
    if (!ebb_operands_usable(ebb, "ebb_eigh", 1, &a, site)) return values;
    EBB_SCOPE (ebb) {
        ebb_tensor *y = of_matrix("ebb_eigh", EBB_OP_eigh, a, site);
        values = ebb_keep(vector_at(ebb, y, 0, site));
        give_rows(vectors, y, 1, 0, site);
    }
    return values;
}

/* ---- of matrices that may have more columns than rows ---- */

static ebb_tensor *first_columns(ebb_tensor *a, int64_t from, int64_t end, ebb_site site) {
    int64_t start[EBB_MAX_RANK] = {0}, stop[EBB_MAX_RANK];
    for (int i = 0; i < a->type.shape.rank; i++)
        stop[i] = INT64_MAX;
    start[a->type.shape.rank - 1] = from;
    stop[a->type.shape.rank - 1] = end;
    return ebb_slice_at(a, start, stop, NULL, site.file, site.line);
}

/* The first columns say what q is, which says what r is for the others. */
static ebb_tensor *qr_of_wide(ebb_tensor *a, ebb_tensor **r, ebb_site site) {
    const int64_t m = height(a);
    ebb_tensor *first, *q = ebb_qr_at(first_columns(a, 0, m, site), &first, site.file, site.line);
    ebb_tensor *rest = ebb_matmul_at(q, first_columns(a, m, width(a), site), true, false, site.file, site.line);
    if (r) *r = ebb_keep(ebb_concat_at(2, (ebb_tensor *[]){first, rest}, -1, site.file, site.line));
    return q;
}

ebb_tensor *ebb_qr_at(ebb_tensor *a, ebb_tensor **r, const char *file, int line) {
    const ebb_site site = ebb_site_at(file, line);
    ebb_context *ebb = ebb_context_of(1, &a);
    ebb_tensor *q = ebb_poison_of(ebb);
    if (r) *r = q;
    if (!ebb_operands_usable(ebb, "ebb_qr", 1, &a, site)) return q;
    EBB_SCOPE (ebb) {
        if (height(a) >= 0 && height(a) < width(a)) {
            q = ebb_keep(qr_of_wide(a, r, site));
        } else {
            ebb_tensor *y = of_matrix("ebb_qr", EBB_OP_qr, a, site);
            q = ebb_keep(y->kind == EBB_KIND_POISON ? y : rows(y, 0, height(a), site));
            give_rows(r, y, height(a), 0, site);
        }
    }
    return q;
}

/* Of a' the factors are those of a, turned and in the other order. */
static ebb_tensor *svd_of_tall(ebb_context *ebb, ebb_tensor *a, bool is_turned, ebb_tensor **u, ebb_tensor **v,
                               ebb_site site) {
    ebb_tensor *y = of_matrix("ebb_svd", EBB_OP_svd, a, site);
    if (y->kind == EBB_KIND_POISON) return y;
    ebb_tensor *left = rows(y, 0, height(a), site), *right = rows(y, height(a) + 1, 0, site);
    if (u) *u = ebb_keep(is_turned ? turned(ebb, right, site) : left);
    if (v) *v = ebb_keep(is_turned ? turned(ebb, left, site) : right);
    return vector_at(ebb, y, height(a), site);
}

ebb_tensor *ebb_svd_at(ebb_tensor *a, ebb_tensor **u, ebb_tensor **v, const char *file, int line) {
    const ebb_site site = ebb_site_at(file, line);
    ebb_context *ebb = ebb_context_of(1, &a);
    ebb_tensor *values = ebb_poison_of(ebb);
    if (u) *u = values;
    if (v) *v = values;
    if (!ebb_operands_usable(ebb, "ebb_svd", 1, &a, site)) return values;
    EBB_SCOPE (ebb) {
        bool wide = height(a) >= 0 && height(a) < width(a);
        values = ebb_keep(svd_of_tall(ebb, wide ? turned(ebb, a, site) : a, wide, u, v, site));
    }
    return values;
}
