/* quad_slopes.c - derivatives of the references as central differences.
 *
 * Two of them, at steps h and 2 h, cancel each other's error in h^2 (Richardson): what is left is about h^4, 1e-28, by
 * truncation, and 1e-34 / h^2, 1e-20, by rounding in second derivatives, far below the rounding of f64. Differences are
 * taken element by element before they are added, so that large elements do not drown small ones. Piecewise constant
 * operations, and stop_gradient, have derivative zero by definition. Start reading at quad_second. */
#include "tests/ref/quad_ops.h"

#include <quadmath.h>

#define STEP 1e-7Q

static bool is_flat(const quad_point *p) { return ebb_op_table[p->app->op].family == EBB_STEP; }

/* A point near x: x + along v, and `more` in element `at` of operand k; k < 0: of none. */
typedef struct nearby {
    quad along, more;
    int k;
    int64_t at;
} nearby;

static quad_tensor value_at(const quad_point *p, const nearby *n) {
    quad_tensor x[3], y = quad_new(p->ct.type);
    for (int i = 0; i < p->operands; i++) {
        x[i] = quad_new(p->x[i].type);
        for (int64_t j = 0; j < x[i].size; j++)
            x[i].at[j] = p->x[i].at[j] + (p->v[i].at ? n->along * p->v[i].at[j] : 0);
    }
    if (n->k >= 0) x[n->k].at[n->at] += n->more;
    quad_apply(&(quad_call){p->app, x, &y});
    for (int i = 0; i < p->operands; i++)
        quad_free(&x[i]);
    return y;
}

/* The value there less the value on the other side of x, or of x + along v. */
static quad_tensor difference(const quad_point *p, nearby n, bool in_element) {
    quad_tensor y = value_at(p, &n), back;
    *(in_element ? &n.more : &n.along) *= -1;
    back = value_at(p, &n);
    for (int64_t j = 0; j < y.size; j++)
        y.at[j] -= back.at[j];
    quad_free(&back);
    return y;
}

static quad_tensor second_difference(const quad_point *p, nearby n) {
    quad_tensor y = difference(p, n, true), back;
    n.along *= -1;
    back = difference(p, n, true);
    for (int64_t j = 0; j < y.size; j++)
        y.at[j] -= back.at[j];
    quad_free(&back);
    return y;
}

/* Richardson's weights of the differences at one and at two steps. */
static const quad weight[] = {8 / (12 * STEP), -1 / (12 * STEP)};

/* sum += factor <ct, y>; frees y */
static void add_weighted(const quad_point *p, quad factor, quad_tensor y, quad *sum) {
    for (int64_t j = 0; j < y.size; j++)
        *sum += factor * p->ct.at[j] * y.at[j];
    quad_free(&y);
}

void quad_jvp(const quad_point *p, quad_tensor *dy) {
    for (int s = 0; s < 2 && !is_flat(p); s++) {
        quad_tensor y = difference(p, (nearby){.along = (s + 1) * STEP, .k = -1}, false);
        for (int64_t j = 0; j < y.size; j++)
            dy->at[j] += weight[s] * y.at[j];
        quad_free(&y);
    }
}

void quad_vjp(const quad_point *p, int k, quad_tensor *dx) {
    for (int64_t j = 0; j < dx->size && !is_flat(p); j++)
        for (int s = 0; s < 2; s++) {
            nearby n = {.more = (s + 1) * STEP, .k = k, .at = j};
            add_weighted(p, weight[s], difference(p, n, true), &dx->at[j]);
        }
}

void quad_second(const quad_point *p, int k, quad_tensor *dx) {
    for (int64_t j = 0; j < dx->size && !is_flat(p); j++)
        for (int s = 0; s < 4; s++) {
            nearby n = {.along = (s / 2 + 1) * STEP, .more = (s % 2 + 1) * STEP, .k = k, .at = j};
            add_weighted(p, weight[s / 2] * weight[s % 2], second_difference(p, n), &dx->at[j]);
        }
}
