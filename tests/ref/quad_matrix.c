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
void quad_inv(const quad_call *c);
void quad_cofactor(const quad_call *c);
void quad_lu_det(const quad_call *c);
void quad_lu_logdet(const quad_call *c);
void quad_lu_sign(const quad_call *c);
void quad_det(const quad_call *c);
void quad_logdet(const quad_call *c);
void quad_det_sign(const quad_call *c);
void quad_qr(const quad_call *c);
void quad_eigh(const quad_call *c);
void quad_svd(const quad_call *c);

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

/* ---- determinants ---- */

void quad_inv(const quad_call *c) {
    const int64_t n = rows_of(&c->arg[0]);
    for (int64_t k = 0; k < matrices_of(c->result); k++) {
        quad *a = copy_of(matrix_of(&c->arg[0], k), n * n), *y = matrix_of(c->result, k);
        for (int64_t i = 0; i < n * n; i++)
            y[i] = i / n == i % n;
        eliminate(a, n, y, n);
        free(a);
    }
    scale_by_largest(c->result);
}

static quad determinant(const quad *from, int64_t n) {
    quad *a = copy_of(from, n * n), *swapped = copy_of(from, n), product = 1;
    factor(a, n, swapped);
    for (int64_t i = 0; i < n; i++)
        product *= swapped[i] == i ? a[i * (n + 1)] : -a[i * (n + 1)];
    free(a);
    free(swapped);
    return product;
}

/* The determinant without row and column i / n, i % n. */
void quad_cofactor(const quad_call *c) {
    const int64_t n = rows_of(c->result), size = n * n;
    quad *rest = malloc(((size_t)size + 1) * sizeof *rest);
    for (int64_t k = 0; k < c->result->size; k++) {
        const quad *a = matrix_of(&c->arg[0], k / size);
        const int64_t row = k % size / n, column = k % n;
        int64_t left = 0;
        for (int64_t i = 0; i < size; i++)
            if (i / n != row && i % n != column) rest[left++] = a[i];
        c->result->at[k] = ((row + column) % 2 ? -1 : 1) * determinant(rest, n - 1);
    }
    free(rest);
    scale_by_largest(c->result);
}

typedef quad of_determinant(quad d);
static quad itself(quad d) { return d; }
static quad logarithm(quad d) { return logq(fabsq(d)); }
static quad sign(quad d) { return d > 0 ? 1 : d < 0 ? -1 : d; }

static void determinants(const quad_call *c, of_determinant *f) {
    for (int64_t k = 0; k < c->result->size; k++) {
        c->result->at[k] = f(determinant(matrix_of(&c->arg[0], k), rows_of(&c->arg[0])));
        c->result->scale[k] = fmaxq(1, fabsq(c->result->at[k]));
    }
}

void quad_lu_det(const quad_call *c) { determinants(c, itself); }
void quad_lu_logdet(const quad_call *c) { determinants(c, logarithm); }
void quad_lu_sign(const quad_call *c) { determinants(c, sign); }
void quad_det(const quad_call *c) { determinants(c, itself); }
void quad_logdet(const quad_call *c) { determinants(c, logarithm); }
void quad_det_sign(const quad_call *c) { determinants(c, sign); }

/* ---- orthogonal factors ---- */

/* Gram and Schmidt: the columns one after another, each without what the ones before have of it. */
static void orthogonalise(quad *q, int64_t m, int64_t n, quad *r) {
    for (int64_t j = 0; j < n; j++) {
        quad square = 0;
        for (int64_t k = 0; k < j; k++) {
            r[k * n + j] = 0;
            for (int64_t i = 0; i < m; i++)
                r[k * n + j] += q[i * n + k] * q[i * n + j];
            for (int64_t i = 0; i < m; i++)
                q[i * n + j] -= r[k * n + j] * q[i * n + k];
        }
        for (int64_t i = 0; i < m; i++)
            square += q[i * n + j] * q[i * n + j];
        r[j * n + j] = sqrtq(square);
        for (int64_t i = 0; i < m; i++)
            q[i * n + j] /= r[j * n + j];
    }
}

void quad_qr(const quad_call *c) {
    const int64_t m = rows_of(&c->arg[0]), n = columns_of(c->result);
    for (int64_t k = 0; k < matrices_of(c->result); k++) {
        quad *y = matrix_of(c->result, k);
        memcpy(y, matrix_of(&c->arg[0], k), (size_t)(m * n) * sizeof *y);
        orthogonalise(y, m, n, y + m * n);
    }
    scale_by_largest(c->result);
}

/* Jacobi's rotations of rows and columns i and j of a, and of columns of v. */
static void rotate(quad *a, quad *v, int64_t n, int64_t i, int64_t j) {
    const quad off = a[i * n + j];
    if (off == 0) return;
    const quad theta = (a[j * n + j] - a[i * n + i]) / (2 * off);
    const quad t = (theta < 0 ? -1 : 1) / (fabsq(theta) + sqrtq(theta * theta + 1));
    const quad cosine = 1 / sqrtq(t * t + 1), sine = t * cosine;
    for (int64_t k = 0; k < n; k++) {
        const quad x = a[k * n + i], y = a[k * n + j], p = v[k * n + i], q = v[k * n + j];
        a[k * n + i] = cosine * x - sine * y, a[k * n + j] = sine * x + cosine * y;
        v[k * n + i] = cosine * p - sine * q, v[k * n + j] = sine * p + cosine * q;
    }
    for (int64_t k = 0; k < n; k++) {
        const quad x = a[i * n + k], y = a[j * n + k];
        a[i * n + k] = cosine * x - sine * y, a[j * n + k] = sine * x + cosine * y;
    }
}

/* The first element that is at least half as large as the largest is to be positive. */
static bool is_upside_down(const quad *v, int64_t n, int64_t column) {
    quad most = 0;
    for (int64_t i = 0; i < n; i++)
        most = fmaxq(most, fabsq(v[i * n + column]));
    for (int64_t i = 0; i < n; i++)
        if (fabsq(v[i * n + column]) >= most / 2) return v[i * n + column] < 0;
    return false;
}

/* Eigenvalues of a symmetric a, rising, and vectors in columns; overwrites a. */
static void diagonalise(quad *a, int64_t n, quad *w, quad *v) {
    for (int64_t i = 0; i < n * n; i++)
        v[i] = i / n == i % n;
    for (int sweep = 0; sweep < 30; sweep++)
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = i + 1; j < n; j++)
                rotate(a, v, n, i, j);
    for (int64_t i = 0; i < n; i++)
        w[i] = a[i * (n + 1)];
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = i + 1; j < n; j++)
            if (w[j] < w[i]) {
                swap(&w[i], &w[j]);
                for (int64_t k = 0; k < n; k++)
                    swap(&v[k * n + i], &v[k * n + j]);
            }
    for (int64_t j = 0; j < n; j++)
        for (int64_t i = 0, turn = is_upside_down(v, n, j); i < n; i++)
            if (turn) v[i * n + j] = -v[i * n + j];
}

void quad_eigh(const quad_call *c) {
    const int64_t n = columns_of(c->result);
    for (int64_t k = 0; k < matrices_of(c->result); k++) {
        quad *a = copy_of(matrix_of(&c->arg[0], k), n * n), *y = matrix_of(c->result, k);
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < i; j++)
                a[i * n + j] = a[j * n + i] = (a[i * n + j] + a[j * n + i]) / 2;
        diagonalise(a, n, y, y + n);
        free(a);
    }
    scale_by_largest(c->result);
}

/* By the eigenvalues of a' a, which 113 bits allow; from the largest on. */
static void singular(const quad *a, int64_t m, int64_t n, quad *u, quad *d, quad *turned) {
    quad *square = copy_of(a, n * n), *v = copy_of(a, n * n), *w = copy_of(a, n);
    for (int64_t i = 0; i < n * n; i++) {
        square[i] = 0;
        for (int64_t k = 0; k < m; k++)
            square[i] += a[k * n + i / n] * a[k * n + i % n];
    }
    diagonalise(square, n, w, v);
    for (int64_t j = 0; j < n; j++) {
        d[j] = sqrtq(w[n - 1 - j]);
        for (int64_t i = 0; i < n; i++)
            turned[j * n + i] = v[i * n + n - 1 - j];
        for (int64_t i = 0; i < m; i++) {
            u[i * n + j] = 0;
            for (int64_t k = 0; k < n; k++)
                u[i * n + j] += a[i * n + k] * turned[j * n + k] / d[j];
        }
    }
    free(square);
    free(v);
    free(w);
}

void quad_svd(const quad_call *c) {
    const int64_t m = rows_of(&c->arg[0]), n = columns_of(c->result);
    for (int64_t k = 0; k < matrices_of(c->result); k++) {
        quad *y = matrix_of(c->result, k);
        singular(matrix_of(&c->arg[0], k), m, n, y, y + m * n, y + (m + 1) * n);
    }
    scale_by_largest(c->result);
}
