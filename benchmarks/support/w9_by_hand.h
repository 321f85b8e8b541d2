/* w9_by_hand.h - the Taylor coefficients of tanh(sin(x) exp(-x^2)) by recurrences written by hand: sin and cos
 * together, e' = -2 x e, u = sin e, and y' = (1 - y^2) u'. In the real type that W9_REAL says: benchmarks time it in
 * double, tests trust it in a wider one. */
#ifndef EBB_W9_BY_HAND_H
#define EBB_W9_BY_HAND_H

#include <tgmath.h>

enum { W9_MOST_ORDER = 20 };

/* y[k] for k from 0 to order */
static inline void w9_by_hand(W9_REAL x, int order, W9_REAL *y) {
    W9_REAL s[W9_MOST_ORDER + 1] = {sin(x)}, c[W9_MOST_ORDER + 1] = {cos(x)}, e[W9_MOST_ORDER + 1] = {exp(-x * x)};
    W9_REAL u[W9_MOST_ORDER + 1] = {s[0] * e[0]}, z[W9_MOST_ORDER + 1];
    y[0] = tanh(u[0]);
    z[0] = 1 - y[0] * y[0];
    for (int k = 1; k <= order; k++) {
        s[k] = c[k - 1] / k, c[k] = -s[k - 1] / k;
        e[k] = (-2 * x * e[k - 1] - 2 * (k > 1 ? e[k - 2] : 0)) / k;
        u[k] = y[k] = z[k] = 0;
        for (int j = 0; j <= k; j++)
            u[k] += s[j] * e[k - j];
        for (int j = 1; j <= k; j++)
            y[k] += j * u[j] * z[k - j];
        y[k] /= k;
        for (int j = 0; j <= k; j++)
            z[k] -= y[j] * y[k - j];
    }
}

#endif
