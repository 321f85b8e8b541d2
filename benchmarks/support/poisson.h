/* poisson.h - W7 in d variables as a C programmer would write it: the forward Laplacian and its gradient by hand, all
 * components of a layer in one product of the same BLAS. */
#ifndef EBB_BENCH_POISSON_H
#define EBB_BENCH_POISSON_H

#include <stdint.h>

typedef struct poisson {
    int64_t n, d;         /* points, variables; the width is W7_WIDTH */
    const double *in[7];  /* W7's arguments: the points; weight and bias of each layer */
    double *a, *z, *az;   /* [2 + d, n, W7_WIDTH]: the first layer's value, derivatives and Laplacian; the second's
                           * before tanh; the cotangents of one of them */
    double *second;       /* [n, W7_WIDTH]: the second layer */
    double *residual;     /* [n] */
    double loss, *out[7]; /* NULL, then the gradient in each weight and bias */
} poisson;

/* in[7] is borrowed; the program ends without memory. */
poisson poisson_new(int64_t n, int64_t d, const double *const in[7]);
void poisson_loss(void *data);     /* a bench_work */
void poisson_gradient(void *data); /* with the loss */
void poisson_free(poisson *p);

#endif
