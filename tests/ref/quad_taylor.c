/* quad_taylor.c - see quad_taylor.h.
 *
 * y(x + t v) is computed at NODES values of t, the zeros of a Chebyshev polynomial, and interpolated by a polynomial in
 * t, whose coefficients are those of the series. If y has no singularity nearer than R radii, that leaves an error of
 * R^-NODES; and of rounding, 1e-34 times 1e9 at most, which is what the coefficients of Chebyshev polynomials amount
 * to. So with R = 5 coefficient 10 has 18 digits. Whether R is as large shows in a second radius, half of the first: a
 * kink between the nodes gives other coefficients there. Start reading at quad_taylor. */
#include "tests/ref/quad_taylor.h"

#include <quadmath.h>

enum { NODES = 33, COEFFICIENTS = QUAD_MOST_ORDER + 1 };

/* Coefficient k is the sum over the nodes of factor[k][i] y(node[i]). */
static quad node[NODES], factor[COEFFICIENTS][NODES];

static void make_nodes(void) {
    quad power[NODES][NODES] = {{1}, {0, 1}}; /* of the polynomial T_m: power[m][k] */
    if (node[0] != 0) return;
    for (int m = 2; m < NODES; m++)
        for (int k = 0; k <= m; k++)
            power[m][k] = (k ? 2 * power[m - 1][k - 1] : 0) - power[m - 2][k];
    for (int i = 0; i < NODES; i++) {
        quad angle = M_PIq * (2 * i + 1) / (2 * NODES);
        for (int m = 0; m < NODES; m++)
            for (int k = 0; k < COEFFICIENTS; k++)
                factor[k][i] += (m ? 2 : 1) * cosq(m * angle) * power[m][k] / NODES;
        node[i] = cosq(angle);
    }
}

static quad_tensor value_at(const quad_point *p, quad along) {
    quad_tensor x[3], y = quad_new(p->ct.type);
    for (int i = 0; i < p->operands; i++) {
        x[i] = quad_new(p->x[i].type);
        for (int64_t j = 0; j < x[i].size; j++)
            x[i].at[j] = p->x[i].at[j] + (p->v[i].at ? along * p->v[i].at[j] : 0);
    }
    quad_apply(&(quad_call){p->app, x, &y});
    for (int i = 0; i < p->operands; i++)
        quad_free(&x[i]);
    return y;
}

static void series(const quad_point *p, int order, quad radius, quad_tensor *c) {
    bool flat = ebb_op_table[p->app->op].family == EBB_STEP;
    make_nodes();
    for (int k = 0; k <= order; k++)
        c[k] = quad_new(p->ct.type);
    for (int i = 0; i < NODES; i++) {
        quad_tensor y = value_at(p, flat ? 0 : node[i] * radius);
        quad power = 1;
        for (int k = 0; k <= order; k++, power *= radius)
            for (int64_t j = 0; j < y.size; j++)
                c[k].at[j] += factor[k][i] * y.at[j] / power;
        quad_free(&y);
    }
}

static void drop(int order, quad_tensor *c) {
    for (int k = 0; k <= order; k++)
        quad_free(&c[k]);
}

/* Half the radius has 2^10 times the rounding error. */
static bool is_same(quad x, quad y, quad scale) {
    return fabsq(x - y) <= 1e-14Q * fabsq(x) + 1e-20Q * scale || (isnanq(x) && isnanq(y));
}

bool quad_taylor(const quad_point *p, int order, quad_tensor *c) {
    quad_tensor near[COEFFICIENTS];
    bool same = true;
    series(p, order, 1, c);
    series(p, order, 0.5Q, near);
    for (int64_t j = 0; j < p->ct.size; j++) {
        quad scale = 0;
        for (int k = 0; k <= order; k++)
            scale += fabsq(c[k].at[j]);
        for (int k = 0; k <= order; k++)
            same &= is_same(c[k].at[j], near[k].at[j], scale);
    }
    drop(order, near);
    return same;
}

/* (n - 1)! times coefficient n - 1 of <ct, y>, at x + step u. */
static quad paired(const quad_point *p, const quad_tensor *u, int n, quad step) {
    quad_point q = *p;
    quad_tensor c[COEFFICIENTS];
    quad sum = 0;
    for (int i = 0; i < p->operands; i++) {
        q.x[i] = quad_new(p->x[i].type);
        for (int64_t j = 0; j < q.x[i].size; j++)
            q.x[i].at[j] = p->x[i].at[j] + (u[i].at ? step * u[i].at[j] : 0);
    }
    series(&q, n - 1, 1, c);
    for (int64_t j = 0; j < p->ct.size; j++)
        sum += p->ct.at[j] * c[n - 1].at[j];
    for (int i = 0; i < p->operands; i++)
        quad_free(&q.x[i]);
    drop(n - 1, c);
    return n > 2 ? sum * (n - 1) : sum;
}

/* Richardson's differences: the error is far below that of paired(), 1e-30, divided by the step. */
quad quad_along(const quad_point *p, const quad_tensor *u, int n) {
    const quad h = 1e-6Q;
    if (ebb_op_table[p->app->op].family == EBB_STEP) return 0;
    quad one = paired(p, u, n, h) - paired(p, u, n, -h), two = paired(p, u, n, 2 * h) - paired(p, u, n, -2 * h);
    return (8 * one - two) / (12 * h);
}
