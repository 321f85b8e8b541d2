/* quad_matrix.c - references of linear algebra: the textbook's loops over one matrix after another. */
#include <quadmath.h>
#include <stdlib.h>
#include <string.h>

#include "tests/ref/quad_ops.h"

void quad_triangular_solve(const quad_call *c);
void quad_lu(const quad_call *c);
void quad_lu_solve(const quad_call *c);
void quad_cholesky(const quad_call *c);
void quad_solve(const quad_call *c);

/* ---- words ---- */

static int64_t rows_of(const quad_tensor *x) { return x->type.shape.dim[x->type.shape.rank - 2]; }
static int64_t columns_of(const quad_tensor *x) { return x->type.shape.dim[x->type.shape.rank - 1]; }
static int64_t matrices_of(const quad_tensor *x) {
    int64_t n = 1;
    for (int i = 0; i < x->type.shape.rank - 2; i++)
        n *= x->type.shape.dim[i];
    return n;
}
static quad *matrix_of(const quad_tensor *x, int64_t k) { return x->at + k * rows_of(x) * columns_of(x); }

static quad *copy_of(const quad *x, int64_t n) {
    quad *y = malloc(((size_t)n + 1) * sizeof *y);
    memcpy(y, x, (size_t)n * sizeof *y);
    return y;
}

static void swap(quad *x, quad *y) {
    const quad t = *x;
    *x = *y;
    *y = t;
}

/* Rounding errors are in proportion to the largest element of the matrix. */
static void scale_by_largest(quad_tensor *y) {
    const int64_t size = rows_of(y) * columns_of(y);
    for (int64_t k = 0; k < matrices_of(y); k++) {
        quad largest = 0;
        for (int64_t i = k * size; i < (k + 1) * size; i++)
            largest = fmaxq(largest, fabsq(y->at[i]));
        for (int64_t i = k * size; i < (k + 1) * size; i++)
            y->scale[i] = largest;
    }
}

/* ---- systems ---- */

/* a y = r by elimination; overwrites a and r, which becomes y. */
static void eliminate(quad *a, int64_t n, quad *r, int64_t m) {
    for (int64_t k = 0; k < n; k++) {
        int64_t best = k;
        for (int64_t i = k; i < n; i++)
            if (fabsq(a[i * n + k]) > fabsq(a[best * n + k])) best = i;
        for (int64_t j = 0; j < n; j++)
            swap(&a[k * n + j], &a[best * n + j]);
        for (int64_t j = 0; j < m; j++)
            swap(&r[k * m + j], &r[best * m + j]);
        for (int64_t i = 0; i < n; i++) {
            const quad factor = a[i * n + k] / a[k * n + k];
            if (i == k) continue;
            for (int64_t j = k; j < n; j++)
                a[i * n + j] -= factor * a[k * n + j];
            for (int64_t j = 0; j < m; j++)
                r[i * m + j] -= factor * r[k * m + j];
        }
    }
    for (int64_t i = 0; i < n * m; i++)
        r[i] /= a[i / m * (n + 1)];
}

/* What counts of element (i, j). */
typedef quad element(const quad_call *c, const quad *a, int64_t n, int64_t i, int64_t j);

static quad whole(const quad_call *c, const quad *a, int64_t n, int64_t i, int64_t j) {
    (void)c;
    return a[i * n + j];
}

static quad triangle(const quad_call *c, const quad *a, int64_t n, int64_t i, int64_t j) {
    const bool upper = c->app->attr[1] != 0, unit = c->app->attr[2] != 0;
    if (i == j && unit) return 1;
    return i == j || (i < j) == upper ? a[i * n + j] : 0;
}

static void solve(const quad_call *c, element *at, int right) {
    const int64_t n = rows_of(&c->arg[0]), m = columns_of(c->result);
    for (int64_t k = 0; k < matrices_of(c->result); k++) {
        quad *a = copy_of(matrix_of(&c->arg[0], k), n * n), *y = matrix_of(c->result, k);
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < n; j++)
                a[c->app->attr[0] ? j * n + i : i * n + j] = at(c, matrix_of(&c->arg[0], k), n, i, j);
        memcpy(y, matrix_of(&c->arg[right], k), (size_t)(n * m) * sizeof *y);
        eliminate(a, n, y, m);
        free(a);
    }
    scale_by_largest(c->result);
}

void quad_triangular_solve(const quad_call *c) { solve(c, triangle, 1); }
void quad_lu_solve(const quad_call *c) { solve(c, whole, 2); }
void quad_solve(const quad_call *c) { solve(c, whole, 1); }

/* ---- factors ---- */

/* Columns are swapped so that the largest element of what is left of row k comes to the diagonal. */
static void factor(quad *a, int64_t n, quad *swapped) {
    for (int64_t k = 0; k < n; k++) {
        int64_t best = k;
        for (int64_t j = k; j < n; j++)
            if (fabsq(a[k * n + j]) > fabsq(a[k * n + best])) best = j;
        swapped[k] = best;
        for (int64_t i = 0; i < n; i++)
            swap(&a[i * n + k], &a[i * n + best]);
        for (int64_t j = k + 1; j < n; j++) {
            if (a[k * n + k] != 0) a[k * n + j] /= a[k * n + k];
            for (int64_t i = k + 1; i < n; i++)
                a[i * n + j] -= a[i * n + k] * a[k * n + j];
        }
    }
}

void quad_lu(const quad_call *c) {
    const int64_t n = columns_of(c->result);
    for (int64_t k = 0; k < matrices_of(c->result); k++) {
        quad *y = matrix_of(c->result, k);
        memcpy(y, matrix_of(&c->arg[0], k), (size_t)(n * n) * sizeof *y);
        factor(y, n, y + n * n);
    }
    scale_by_largest(c->result);
}

/* Column by column. */
static void take_root(const quad *a, int64_t n, quad *y) {
    for (int64_t j = 0; j < n; j++)
        for (int64_t i = j; i < n; i++) {
            quad sum = (a[i * n + j] + a[j * n + i]) / 2;
            for (int64_t k = 0; k < j; k++)
                sum -= y[i * n + k] * y[j * n + k];
            y[i * n + j] = i == j ? sqrtq(sum) : sum / y[j * n + j];
        }
}

void quad_cholesky(const quad_call *c) {
    for (int64_t k = 0; k < matrices_of(c->result); k++)
        take_root(matrix_of(&c->arg[0], k), rows_of(c->result), matrix_of(c->result, k));
    scale_by_largest(c->result);
}
