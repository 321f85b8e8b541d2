/* quad_special.c - see quad_special.h. */
#include "tests/ref/quad_special.h"

#include <math.h>
#include <quadmath.h>

typedef __float128 quad;

/* From 0 upwards: erf bends down, so no step goes too far. */
quad quad_erfinv_of(quad x) {
    quad z = fabsq(x), y = 0, before = -1;
    if (z >= 1) return z == 1 ? copysignq((quad)INFINITY, x) : nanq("");
    for (int i = 0; i < 1000 && y > before; i++) {
        before = y;
        y += (z < 0.5Q ? z - erfq(y) : erfcq(y) - (1 - z)) * sqrtq(M_PIq) / 2 * expq(y * y);
    }
    return copysignq(y, x);
}

/* n! times the sum of (x + k)^-(n+1), with a sign: term by term up to 80, then what Euler and Maclaurin say of the
 * rest, whose terms shrink by (2 pi 80)^2. */
quad quad_polygamma_of(int n, quad x) {
    static const quad bernoulli[] = {1 / 6.0Q,       -1 / 30.0Q, 1 / 42.0Q,      -1 / 30.0Q,    5 / 66.0Q,
                                     -691 / 2730.0Q, 7 / 6.0Q,   -3617 / 510.0Q, 43867 / 798.0Q};
    int s = n + 1;
    quad sum = 0, factor = n % 2 ? 1 : -1;
    for (; x < 80; x += 1)
        sum += powq(x, -s);
    sum += (s == 1 ? -logq(x) : powq(x, 1 - s) / (s - 1)) + powq(x, -s) / 2;
    for (int j = 1; j <= 9; j++) {
        quad term = bernoulli[j - 1] * powq(x, -s - 2 * j + 1);
        for (int i = 0; i < 2 * j; i++)
            term *= (i < 2 * j - 1 ? (quad)(s + i) : 1) / (i + 1);
        sum += term;
    }
    for (int i = 2; i <= n; i++)
        factor *= i;
    return factor * sum;
}

/* The sum of (-1)^(m/2) pi^m x^(m-n) / ((m+1) (m-n)!) over even m >= n. */
quad quad_sinc_slope_of(int n, quad x) {
    quad sum = 0;
    for (int m = n + n % 2; m < n + 120; m += 2) {
        quad term = (m / 2 % 2 ? -1 : 1) * powq(M_PIq, n) / (m + 1);
        for (int i = 1; i <= m - n; i++)
            term *= M_PIq * x / i;
        sum += term;
    }
    return sum;
}
