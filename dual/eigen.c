/* eigen.c - see eigen.h. */
#include "dual/eigen.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

enum { MOST_SWEEPS = 40 }; /* six to ten are enough, as they converge quadratically */

/* Rows p and q of an [n,n] become c p - s q and s p + c q. */
static void rotate_rows(int64_t n, double *m, int64_t p, int64_t q, double c, double s) {
    for (int64_t k = 0; k < n; k++) {
        double x = m[p * n + k], y = m[q * n + k];
        m[p * n + k] = c * x - s * y;
        m[q * n + k] = s * x + c * y;
    }
}

static void rotate_columns(int64_t n, double *m, int64_t p, int64_t q, double c, double s) {
    for (int64_t k = 0; k < n; k++) {
        double x = m[k * n + p], y = m[k * n + q];
        m[k * n + p] = c * x - s * y;
        m[k * n + q] = s * x + c * y;
    }
}

/* Makes a[p][q] zero; false: it is nothing beside the diagonal. */
static bool annihilate(int64_t n, double *a, double *v, int64_t p, int64_t q) {
    double off = a[p * n + q], x = a[p * n + p], y = a[q * n + q];
    if (off == 0 || fabs(off) <= DBL_EPSILON / 4 * sqrt(fabs(x)) * sqrt(fabs(y))) return false;
    double ratio = (y - x) / (2 * off), t = (ratio >= 0 ? 1 : -1) / (fabs(ratio) + hypot(ratio, 1));
    double c = 1 / hypot(t, 1), s = t * c;
    rotate_rows(n, a, p, q, c, s);
    rotate_columns(n, a, p, q, c, s);
    rotate_rows(n, v, p, q, c, s);
    a[p * n + q] = a[q * n + p] = 0;
    return true;
}

void ebb_eigenvectors(int64_t n, double *a, double *v, double *s) {
    for (int64_t k = 0; k < n * n; k++)
        v[k] = k / n == k % n;
    bool turned = true;
    for (int sweep = 0; turned && sweep < MOST_SWEEPS; sweep++) {
        turned = false;
        for (int64_t p = 0; p < n; p++)
            for (int64_t q = p + 1; q < n; q++)
                turned |= annihilate(n, a, v, p, q);
    }
    for (int64_t k = 0; k < n; k++)
        s[k] = a[k * n + k];
}
