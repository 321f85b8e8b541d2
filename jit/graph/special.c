/* special.c - see special.h. All in long double: where it is wider than double, what cancels near a zero of digamma
 * costs no digits of the result. */
#include "jit/graph/special.h"

#include <math.h>
#include <stdbool.h>

#define PI 3.14159265358979323846264338327950288L
#define ROOT_PI 1.77245385090551602729816748334114518L

static bool is_order(double n) { return n >= 0 && n <= 1000 && n == trunc(n); }

/* ---- erfinv ---- */

/* y with erf(y) = x in [0, 1), to about three digits (Winitzki, 2008). */
static long double near_erfinv(long double x) {
    const long double a = 0.147L, l = log1pl(-x * x), t = 2 / (PI * a) + l / 2;
    return sqrtl(-l / a / (sqrtl(t * t - l / a) + t));
}

/* Halley's method, which triples the digits in each step. In the upper half the difference is that of the complements,
 * of which 1 - x is exact, so that nothing cancels near 1. */
double ebb_erfinv(double x) {
    long double z = fabsl(x), y = near_erfinv(z);
    if (!(z > 0 && z < 1)) return z == 1 ? copysign(INFINITY, x) : z == 0 ? x : NAN;
    for (int i = 0; i < 3; i++) {
        long double over = z < 0.5L ? erfl(y) - z : (1 - z) - erfcl(y);
        long double step = over * ROOT_PI / 2 * expl(y * y);
        y -= step / (1 + y * step);
    }
    return (double)copysignl(y, x);
}

float ebb_erfinvf(float x) { return (float)ebb_erfinv((double)x); }

/* ---- lgamma ---- */

double ebb_lgamma(double x) {
    int sign;
    return lgamma_r(x, &sign);
}

float ebb_lgammaf(float x) {
    int sign;
    return lgammaf_r(x, &sign);
}

/* ---- polygamma: (-1)^(n+1) n! zeta(n + 1, x) ---- */

/* (a+k)^-s summed over k = 0, 1, ... for a > 10, by Euler and Maclaurin: integral, half of the first term, Bernoulli
 * numbers. For s = 1 the integral is infinite; -log a is what remains of it when differences are taken. */
static long double tail(int s, long double a) {
    static const long double bernoulli[] = {/* B(2j) / (2j)! */
                                            1 / 12.0L,
                                            -1 / 720.0L,
                                            1 / 30240.0L,
                                            -1 / 1209600.0L,
                                            1 / 47900160.0L,
                                            -691 / 1307674368000.0L,
                                            1 / 74724249600.0L,
                                            -3617 / 10670622842880000.0L,
                                            43867 / 5109094217170944000.0L,
                                            -174611 / 802857662698291200000.0L,
                                            77683 / 14101100039391805440000.0L,
                                            -236364091 / 1693824136731743669452800000.0L};
    long double power = powl(a, -s), term = s * power / a;
    long double sum = (s == 1 ? -logl(a) : powl(a, 1 - s) / (s - 1)) + power / 2;
    for (int j = 1; j <= 12; j++) {
        sum += bernoulli[j - 1] * term;
        term *= (s + 2.0L * j - 1) * (s + 2.0L * j) / (a * a);
    }
    return sum;
}

static long double zeta_above_0(int s, long double x) {
    long double sum = 0;
    while (x <= 10)
        sum += powl(x++, -s);
    return sum + tail(s, x);
}

/* Hurwitz's zeta function, the sum of (x + k)^-s. For x < 0 the terms are (r + i)^-s at whole i >= floor(x), r being
 * what x has above floor(x): those of r, and (-1)^s times those of 1 - r less those of 1 - x. */
static long double zeta(int s, long double x) {
    if (!(x < 0)) return zeta_above_0(s, x);
    long double below = floorl(x), r = x - below, rest = 1 + below - x;
    if (r == 0) return s % 2 ? (long double)NAN : (long double)INFINITY;
    long double left = zeta_above_0(s, rest) - zeta_above_0(s, 1 - x);
    return zeta_above_0(s, r) + (s % 2 ? -left : left);
}

double ebb_polygamma(double n, double x) {
    if (!is_order(n)) return NAN;
    long double factor = tgammal((long double)n + 1);
    return (double)((fmod(n, 2) == 0 ? -factor : factor) * zeta((int)n + 1, x));
}

float ebb_polygammaf(float n, float x) { return (float)ebb_polygamma((double)n, (double)x); }

/* ---- sinc ---- */

/* f_k, the k-th derivative of sin(z) / z, from z f_k + k f_{k-1} = sin(z + k pi/2), which is this. */
static long double turned(long double sine, long double cosine, int k) {
    return k % 4 == 0 ? sine : k % 4 == 1 ? cosine : k % 4 == 2 ? -sine : -cosine;
}

/* Upwards errors grow by k / |z| in each step, downwards they shrink by |z| / k. */
static long double sinc_slope(int n, long double z, long double sine, long double cosine) {
    if (fabsl(z) > n && z != 0) {
        long double f = sine / z;
        for (int k = 1; k <= n; k++)
            f = (turned(sine, cosine, k) - k * f) / z;
        return f;
    }
    long double f = 0;
    for (int k = 2 * n + 40; k > n; k--)
        f = (turned(sine, cosine, k) - z * f) / k;
    return f;
}

/* The argument of sine and cosine is taken from the nearest whole number, so that zeros are exact. */
double ebb_sinc_slope(double n, double x) {
    if (!is_order(n)) return NAN;
    if (isinf(x)) return 0;
    double whole = roundeven(x);
    bool odd = fmod(whole, 2) != 0;
    long double rest = PI * (odd ? whole - x : x - whole), cosine = odd ? -cosl(rest) : cosl(rest);
    return (double)(powl(PI, n) * sinc_slope((int)n, PI * x, sinl(rest), cosine));
}

float ebb_sinc_slopef(float n, float x) { return (float)ebb_sinc_slope((double)n, (double)x); }
