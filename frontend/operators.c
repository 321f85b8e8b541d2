/* operators.c - operators of second order as functions: the Laplacian, sums of a_ij d^2 / dx_i dx_j, the diagonal of a
 * Hessian. What they compute is dual/second.c and dual/diagonal.c. */
#include <math.h>

#include "frontend/trace.h"
#include "frontend/values.h"

ebb_function *ebb_hessian_diagonal(ebb_function *f, const ebb_wrt *wrt) {
    return ebb_transform_new(f, wrt, EBB_HESSIAN_DIAGONAL, "hessian_diagonal");
}

ebb_function *ebb_laplacian(ebb_function *f, const ebb_wrt *wrt) {
    return ebb_transform_new(f, wrt, EBB_LAPLACIAN, "laplacian");
}

/* The numbers of the matrix, made symmetric: mixed derivatives do not tell a_ij from a_ji. */
static double *read_matrix(ebb_function *f, ebb_tensor *a) {
    int64_t d = ebb_dim(a, 0);
    double *matrix = ebb_mem_new(&f->context->allocator, (size_t)(d * d) + 1, sizeof *matrix);
    for (int64_t i = 0; matrix && i < d; i++)
        for (int64_t j = 0; j < d; j++)
            matrix[i * d + j] = (ebb_item(a, i * d + j) + ebb_item(a, j * d + i)) / 2;
    return matrix;
}

enum { MOST_ROWS = 256 }; /* their eigenvectors are constants of the program, found by n^3 work */

static bool check_matrix(ebb_function *f, ebb_tensor *a) {
    char text[EBB_TYPE_TEXT];
    ebb_site site = ebb_site_at(NULL, 0);
    if (!ebb_operands_usable(f->context, "ebb_second_order", 1, &a, site)) return false;
    const ebb_shape *s = &a->type.shape;
    if (a->kind == EBB_KIND_TRACED)
        return ebb_fail_at(f->context, EBB_TYPE_ERROR, site, "ebb_second_order: the matrix has no numbers yet"), false;
    if (!ebb_is_float(a->type.dtype) || s->rank != 2 || s->dim[0] != s->dim[1] || s->dim[0] > MOST_ROWS)
        return ebb_fail_at(f->context, EBB_VALUE_ERROR, site,
                           "ebb_second_order: the matrix is %s; it must be real and square, of at most %d rows",
                           ebb_type_text(&a->type, text), MOST_ROWS),
               false;
    for (int64_t k = 0; k < s->dim[0] * s->dim[1]; k++)
        if (!isfinite(ebb_item(a, k)))
            return ebb_fail_at(f->context, EBB_VALUE_ERROR, site, "ebb_second_order: element %lld of the matrix is %g",
                               (long long)k, ebb_item(a, k)),
                   false;
    return true;
}

ebb_function *ebb_second_order(ebb_function *f, const ebb_wrt *wrt, ebb_tensor *a) {
    ebb_function *sum = f && !check_matrix(f, a) ? NULL : ebb_transform_new(f, wrt, EBB_SECOND_ORDER, "second_order");
    if (!sum) return NULL;
    sum->order = (int)ebb_dim(a, 0);
    if ((sum->owned = read_matrix(sum, a))) return sum;
    ebb_function_free(sum);
    ebb_fail_at(f->context, EBB_NO_MEMORY, ebb_site_at(NULL, 0), "no memory for a function");
    return NULL;
}
