/* check_slopes.c - see check.h: derivatives from differences, extrapolated to step 0.
 *
 * Values are taken at steps h = 1/8, 1/32, 1/128 ... (f32: 1/8, 1/16, ...) on both sides. Of the differences with step
 * h the central ones are off by c h^2 + d h^4 + ..., those from one side by c h + d h^2 + ...; from each two neighbours
 * a better one follows, and from these again (Richardson). Of all in that table the one is taken that is closest to
 * what it was made from (Ridders), a rounding error added that grows as the step falls. Invariant: a step into where
 * nothing is defined makes NaN, which no estimate is taken from. Start reading at ebb_check_slopes. */
#include "frontend/check.h"

#include <math.h>

enum { MOST_LEVELS = 10 };

typedef struct estimate {
    double value, noise;
} estimate;

static double step_of(const ebb_checked *k, int level) { return ldexp(1, -3 - k->halvings * level); }

/* d[levels], whose error begins with h^power and goes on in powers of that; rough: what each may be off by rounding. */
static estimate extrapolate(const ebb_checked *k, const double *d, const double *rough, int power) {
    double row[MOST_LEVELS], above[MOST_LEVELS];
    estimate best = {NAN, INFINITY};
    for (int i = 0; i < k->levels; i++) {
        double factor = 1;
        row[0] = d[i];
        for (int j = 1; j <= i; j++) {
            factor = ldexp(factor, power * k->halvings);
            row[j] = (factor * row[j - 1] - above[j - 1]) / (factor - 1);
            double noise = fmax(fabs(row[j] - row[j - 1]), fabs(row[j] - above[j - 1])) + rough[i];
            if (noise < best.noise) best = (estimate){row[j], noise};
        }
        for (int j = 0; j <= i; j++)
            above[j] = row[j];
    }
    return best;
}

/* A slope is one if it is known to a thousandth (f32: a hundredth), of itself or of the number that has it. */
static bool settles(const ebb_checked *k, estimate e, double size) {
    return e.noise <= (k->halvings == 1 ? 1e-2 : 1e-3) * fmax(fabs(e.value), size);
}

/* of[0] is the number itself, of[1 + 2 i] and of[2 + 2 i] are ahead and behind by step i; `stride` numbers apart. It is
 * rounded as a number of size `grain` is. */
static ebb_check_slope slope_of(const ebb_checked *k, const double *of, int64_t stride, double grain) {
    double central[MOST_LEVELS], right[MOST_LEVELS], left[MOST_LEVELS], rough[MOST_LEVELS], size = fabs(*of);
    for (int i = 0; i < k->levels; i++) {
        double h = step_of(k, i), ahead = of[(1 + 2 * i) * stride], behind = of[(2 + 2 * i) * stride];
        central[i] = (ahead - behind) / (2 * h);
        right[i] = (ahead - *of) / h;
        left[i] = (*of - behind) / h;
        rough[i] = k->epsilon * fmax(size, grain) / h;
    }
    estimate c = extrapolate(k, central, rough, 2), r = extrapolate(k, right, rough, 1),
             l = extrapolate(k, left, rough, 1);
    bool both = settles(k, r, size) && settles(k, l, size);
    double noise = 8 * (r.noise + l.noise), jump = k->halvings == 1 ? 0.1 : k->near;
    bool agree = !both || fabs(r.value - l.value) <= noise + jump * fmax(fabs(r.value), fabs(l.value));
    /* Two steps of a staircase may have one slope: what both sides say is believed. */
    if (both && agree && fabs(c.value - (r.value + l.value) / 2) > noise + 8 * c.noise)
        c = (estimate){(r.value + l.value) / 2, r.noise + l.noise};
    return (ebb_check_slope){.value = c.value,
                             .noise = c.noise,
                             .left = settles(k, l, size) ? l.value : (double)NAN,
                             .right = settles(k, r, size) ? r.value : (double)NAN,
                             .size = size,
                             .smooth = settles(k, c, size) && both && agree};
}

/* A place where the program fails is outside of what it is defined for. */
static bool values_at(ebb_checked *k, int program, const ebb_check_point *p, double *out) {
    if (ebb_check_run(k, program, p, out)) return true;
    if (k->diag.code == EBB_NO_MEMORY || k->diag.code == EBB_UNAVAILABLE) return false;
    k->diag = (ebb_diag){0};
    for (int64_t i = 0, n = ebb_check_gives(k, program); i < n; i++)
        out[i] = NAN;
    return true;
}

/* row[2 levels + 1][n]: at the point, then ahead and behind by each step. */
static bool evaluate(ebb_checked *k, int program, const double *v, const double *u, int64_t n, double *row) {
    if (!ebb_check_run(k, program, &(ebb_check_point){.u = u}, row)) return false;
    for (int i = 0; i < k->levels; i++)
        for (int side = 0; side < 2; side++) {
            const ebb_check_point p = {.way = v, .step = side ? -step_of(k, i) : step_of(k, i), .u = u};
            if (!values_at(k, program, &p, row + (1 + 2 * i + side) * n)) return false;
        }
    return true;
}

/* In f32 a small number beside large ones is seldom right to its own size. */
static double grain_of(const ebb_checked *k, int64_t n, const double *number) {
    double largest = 0;
    for (int64_t i = 0; i < n && k->halvings == 1; i++)
        if (isfinite(number[i])) largest = fmax(largest, fabs(number[i]));
    return largest;
}

bool ebb_check_slopes(ebb_checked *k, int program, const double *v, const double *u) {
    const ebb_allocator *a = &k->ebb->allocator;
    int64_t n = ebb_check_gives(k, program);
    double *row = ebb_mem_new(a, (size_t)(2 * k->levels + 1) * (size_t)n + 1, sizeof *row);
    bool good = row ? evaluate(k, program, v, u, n, row) : ebb_fail_memory(&k->diag);
    double grain = good ? grain_of(k, n, row) : 0;
    for (int64_t i = 0; good && i < n; i++)
        k->slope[i] = slope_of(k, row + i, n, grain);
    ebb_mem_free(a, row);
    return good;
}
