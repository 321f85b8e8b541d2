/* 011_taylor.c - an ordinary differential equation by Taylor series: a pendulum.
 *
 * z' = f(z) says of the coefficients of z(t) = z0 + z1 t + z2 t^2 + ...
 *
 *     (k + 1) z[k+1] = coefficient k of f(z(t)),
 *
 * which needs z0 to zk only. So ebb_jet, the Taylor series of a function, gives one coefficient after the other, and
 * nobody writes down a derivative of f. (Griewank and Walther, Evaluating Derivatives, 2008, chapter 13.) How long a
 * swing takes is known: 2 pi by the arithmetic-geometric mean of 1 and cos(angle / 2). After that time the pendulum
 * must be where it began. Start reading at main. */
#include <ebb.h>

#include <math.h>

enum { MOST = 20, STEPS = 20 };
static const double start = 2; /* radians: a wide swing */

/* z [2], the angle and its speed -> z' [2] */
static ebb_tensor *pendulum(ebb_context *ebb, ebb_tensor *z) {
    ebb_tensor *angle = ebb_gather(z, ebb_scalar(ebb, 0), 0), *speed = ebb_gather(z, ebb_scalar(ebb, 1), 0);
    return ebb_stack(2, ((ebb_tensor *[]){speed, ebb_neg(ebb_sin(angle))}), 0);
}

/* t [], coefficients c [order, 2] -> f(c0 + c1 t + c2 t^2 + ...) */
static void along(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)data;
    ebb_tensor *t = in[0], *c = in[1], *z = ebb_zeros(ebb, EBB_F64, EBB_SHAPE(2));
    for (int64_t k = ebb_dim(c, 0); k-- > 0;)
        z = ebb_add(ebb_mul(z, t), ebb_gather(c, ebb_scalar(ebb, k), 0));
    out[0] = pendulum(ebb, z);
}

/* One step of length h from z[2], with a series of this order: `series` is the jet of `along`, one order lower. */
static void step(ebb_context *ebb, ebb_function *series, int order, double h, double *z) {
    double c[MOST + 1][2] = {{z[0], z[1]}};
    for (int k = 0; k < order; k++)
        EBB_SCOPE (ebb) {
            ebb_operand in[] = {EBB_OPERAND(ebb_scalar(ebb, 0.0)),
                                EBB_OPERAND(ebb_constant(ebb, EBB_F64, EBB_SHAPE(order, 2), c)),
                                EBB_OPERAND(ebb_scalar(ebb, 1.0))}; /* t moves with speed 1 */
            ebb_tensor *f[2];                                       /* its value, and coefficients 1 ... */
            ebb_call_n(series, 3, in, 2, f);
            for (int i = 0; i < 2; i++)
                c[k + 1][i] = (k ? ebb_item(f[1], 2 * (k - 1) + i) : ebb_item(f[0], i)) / (k + 1);
        }
    for (int i = 0; i < 2; i++) {
        z[i] = 0;
        for (int k = order; k >= 0; k--)
            z[i] = z[i] * h + c[k][i];
    }
}

static double period(void) {
    double a = 1, b = cos(start / 2);
    for (int i = 0; i < 8; i++) {
        double mean = (a + b) / 2;
        b = sqrt(a * b), a = mean;
    }
    return 2 * acos(-1) / a;
}

int main(void) {
    ebb_context *ebb = ebb_open(NULL);
    ebb_function *f = ebb_function_new(ebb, along, &(ebb_function_options){.name = "along"});
    double time = period();
    printf("a pendulum from %g radians swings for %.12f seconds\n", start, time);
    printf("after %d steps of that time together:\n", STEPS);
    for (int order = 4; order <= MOST; order += 4) {
        ebb_function *series = ebb_jet(f, NULL, order - 1);
        double z[2] = {start, 0};
        for (int i = 0; i < STEPS; i++)
            step(ebb, series, order, time / STEPS, z);
        double error = hypot(z[0] - start, z[1]);
        printf(error > 1e-12 ? "order %2d: off by %.1e\n" : "order %2d: off by less than 1e-12\n", order, error);
    }
    bool good = ebb_ok(ebb);
    if (!good) fprintf(stderr, "%s\n", ebb_error(ebb));
    ebb_close(ebb);
    return good ? 0 : 1;
}
