/* poisson.c - see poisson.h. Compiled for this machine, with tanh in vectors (CMakeLists.txt).
 *
 * With t = tanh(z), s = 1 - t^2, first derivatives z_r and the Laplacian l of z: t has s z_r and s (l - 2 t sum z_r^2).
 */
#include "benchmarks/support/poisson.h"
#include "benchmarks/support/workloads.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { H = W7_WIDTH };

static double *room(int64_t count) {
    double *x = calloc((size_t)count, sizeof *x);
    if (!x) exit(1);
    return x;
}

poisson poisson_new(int64_t n, int64_t d, const double *const in[7]) {
    const int64_t size[7] = {0, d * H, H, H * H, H, H, 1};
    poisson p = {.n = n, .d = d, .second = room(n * H), .residual = room(n)};
    p.a = room((d + 2) * n * H), p.z = room((d + 2) * n * H), p.az = room((d + 2) * n * H);
    for (int k = 0; k < 7; k++) {
        p.in[k] = in[k];
        p.out[k] = k ? room(size[k]) : NULL;
    }
    return p;
}

void poisson_free(poisson *p) {
    free(p->a), free(p->z), free(p->az), free(p->second), free(p->residual);
    for (int k = 1; k < 7; k++)
        free(p->out[k]);
}

/* The sum of the squares of the first layer's weights in each column. */
static void add_squares(const poisson *p, double *restrict squares) {
    memset(squares, 0, H * sizeof *squares);
    for (int64_t r = 0; r < p->d; r++)
        for (int j = 0; j < H; j++)
            squares[j] += p->in[1][r * H + j] * p->in[1][r * H + j];
}

/* The first layer at point i: its derivatives in x are the weights themselves. */
static void first_layer(const poisson *p, int64_t i, const double *squares) {
    const int64_t part = p->n * H;
    const double *restrict w = p->in[1];
    double *restrict t = p->a + i * H, *restrict l = t + (p->d + 1) * part, s[H];
    for (int j = 0; j < H; j++) {
        t[j] = tanh(p->z[i * H + j] + p->in[2][j]);
        s[j] = 1 - t[j] * t[j];
        l[j] = -2 * t[j] * s[j] * squares[j];
    }
    for (int64_t r = 0; r < p->d; r++) {
        double *restrict derivative = t + (r + 1) * part;
        for (int j = 0; j < H; j++)
            derivative[j] = s[j] * w[r * H + j];
    }
}

/* The sum of squares of the second layer's derivatives at point i. */
static void add_derivatives(const poisson *p, int64_t i, double *restrict sum) {
    memset(sum, 0, H * sizeof *sum);
    for (int64_t r = 1; r <= p->d; r++) {
        const double *restrict z = p->z + (r * p->n + i) * H;
        for (int j = 0; j < H; j++)
            sum[j] += z[j] * z[j];
    }
}

static double second_layer(const poisson *p, int64_t i) {
    const double *restrict z = p->z + i * H, *restrict l = z + (p->d + 1) * p->n * H, *restrict w = p->in[5];
    double *restrict t = p->second + i * H, squares[H], u = 0, f = 1;
    add_derivatives(p, i, squares);
    for (int j = 0; j < H; j++) {
        t[j] = tanh(z[j] + p->in[4][j]);
        u += (1 - t[j] * t[j]) * (l[j] - 2 * t[j] * squares[j]) * w[j];
    }
    for (int64_t r = 0; r < p->d; r++)
        f *= sin(3.14159265358979323846 * p->in[0][i * p->d + r]);
    return u - f;
}

static void multiply(bool tx, bool ty, int64_t m, int64_t n, int64_t k, const double *x, const double *y, double *out) {
    cblas_dgemm(CblasRowMajor, tx ? CblasTrans : CblasNoTrans, ty ? CblasTrans : CblasNoTrans, (int)m, (int)n, (int)k,
                1, x, (int)(tx ? m : k), y, (int)(ty ? k : n), 0, out, (int)n);
}

void poisson_loss(void *data) {
    poisson *p = data;
    double squares[H], sum = 0;
    add_squares(p, squares);
    multiply(false, false, p->n, H, p->d, p->in[0], p->in[1], p->z);
    for (int64_t i = 0; i < p->n; i++)
        first_layer(p, i, squares);
    multiply(false, false, (p->d + 2) * p->n, H, H, p->a, p->in[3], p->z);
    for (int64_t i = 0; i < p->n; i++) {
        double r = p->residual[i] = second_layer(p, i);
        sum += r * r;
    }
    p->loss = sum / (double)p->n;
}

/* The cotangents of the second layer's z at point i, in place of z, and what they add to the gradients. */
static void back_through_second(poisson *p, int64_t i) {
    const double *restrict t = p->second + i * H, *restrict w = p->in[5], c = 2 * p->residual[i] / (double)p->n;
    double *restrict z = p->z + i * H, *restrict l = z + (p->d + 1) * p->n * H, squares[H], factor[H];
    add_derivatives(p, i, squares);
    for (int j = 0; j < H; j++) {
        double s = 1 - t[j] * t[j], rest = l[j] - 2 * t[j] * squares[j];
        p->out[5][j] += c * s * rest;
        l[j] = c * w[j] * s;
        factor[j] = -4 * l[j] * t[j];
        z[j] = -2 * l[j] * (t[j] * rest + s * squares[j]);
        p->out[4][j] += z[j];
    }
    for (int64_t r = 1; r <= p->d; r++) {
        double *restrict derivative = z + r * p->n * H;
        for (int j = 0; j < H; j++)
            derivative[j] *= factor[j];
    }
}

/* From the cotangents az of the first layer; curved: those of squares. */
static void back_through_first(poisson *p, int64_t i, const double *squares, double *restrict curved) {
    const int64_t part = p->n * H;
    const double *restrict t = p->a + i * H, *restrict ct = p->az + i * H, *restrict l = ct + (p->d + 1) * part;
    const double *restrict w = p->in[1], *restrict x = p->in[0] + i * p->d;
    double *restrict out = p->out[1], s[H], slope[H] = {0}, z[H];
    for (int64_t r = 0; r < p->d; r++)
        for (int j = 0; j < H; j++)
            slope[j] += ct[(r + 1) * part + j] * w[r * H + j];
    for (int j = 0; j < H; j++) {
        s[j] = 1 - t[j] * t[j];
        curved[j] -= 2 * t[j] * s[j] * l[j];
        z[j] = s[j] * (ct[j] - 2 * s[j] * squares[j] * l[j] - 2 * t[j] * (slope[j] - 2 * t[j] * squares[j] * l[j]));
        p->out[2][j] += z[j];
    }
    for (int64_t r = 0; r < p->d; r++)
        for (int j = 0; j < H; j++)
            out[r * H + j] += ct[(r + 1) * part + j] * s[j] + z[j] * x[r];
}

void poisson_gradient(void *data) {
    poisson *p = data;
    double squares[H], curved[H] = {0};
    poisson_loss(p);
    memset(p->out[1], 0, (size_t)p->d * H * sizeof(double));
    for (int k = 2; k < 6; k += k == 2 ? 2 : 1)
        memset(p->out[k], 0, H * sizeof(double));
    for (int64_t i = 0; i < p->n; i++)
        back_through_second(p, i);
    multiply(false, true, (p->d + 2) * p->n, H, H, p->z, p->in[3], p->az);
    multiply(true, false, H, H, (p->d + 2) * p->n, p->a, p->z, p->out[3]);
    add_squares(p, squares);
    for (int64_t i = 0; i < p->n; i++)
        back_through_first(p, i, squares, curved);
    for (int64_t r = 0; r < p->d; r++)
        for (int j = 0; j < H; j++)
            p->out[1][r * H + j] += 2 * p->in[1][r * H + j] * curved[j];
}
