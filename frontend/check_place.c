/* check_place.c - see check.h: from two numbers that differ to the one derivative that they differ in.
 *
 * All that is compared is linear in the direction v, and in the weights u or w. So of a vector whose number is wrong
 * one half at least is wrong too; halving it again and again ends at one element. Start reading at ebb_check_narrow. */
#include "frontend/check.h"

#include <math.h>
#include <string.h>

/* ---- one number ---- */

static double product(int64_t n, const double *a, const double *b) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        if (a[i] != 0 && b[i] != 0) sum += a[i] * b[i]; /* 0 times infinity counts for nothing */
    return sum;
}

static void add_slopes(const ebb_check_slope *slope, bool jump, int64_t n, const double *weight, double *number,
                       double *noise) {
    for (int64_t i = 0; i < n; i++) {
        if (weight[i] == 0 || slope[i].smooth == jump) continue;
        double size = jump ? fabs(slope[i].right - slope[i].left) : slope[i].value;
        *number += jump ? fabs(weight[i]) * (isnan(size) ? 1 : size) : weight[i] * size;
        *noise += jump ? 0 : fabs(weight[i]) * slope[i].noise;
    }
}

bool ebb_check_by(ebb_checked *k, int way, const double *u, const double *v, const double *w, double *number,
                  double *noise) {
    static const int program[] = {EBB_CHECK_FORWARD, EBB_CHECK_REVERSE,         EBB_CHECK_VALUE,
                                  EBB_CHECK_VALUE,   EBB_CHECK_FORWARD_REVERSE, EBB_CHECK_REVERSE_FORWARD,
                                  EBB_CHECK_REVERSE, EBB_CHECK_REVERSE};
    bool gradients = way == EBB_BY_GRADIENTS || way == EBB_BY_GRADIENT_JUMP;
    bool jump = way == EBB_BY_JUMP || way == EBB_BY_GRADIENT_JUMP;
    int64_t n = ebb_check_gives(k, program[way]);
    *number = *noise = 0;
    if (gradients || jump || way == EBB_BY_DIFFERENCES) {
        if (!ebb_check_slopes(k, program[way], v, gradients ? u : NULL)) return false;
        add_slopes(k->slope, jump, n, gradients ? w : u, number, noise);
        return true;
    }
    if (!ebb_check_run(k, program[way], &(ebb_check_point){.v = v, .u = u}, k->given)) return false;
    *number = product(n, k->given, way == EBB_BY_FORWARD ? u : way == EBB_BY_REVERSE ? v : w);
    return true;
}

/* ---- two numbers ---- */

static bool both(ebb_checked *k, ebb_check_pair *p, double *apart) {
    double noise = 0, other_noise = 0;
    p->expected = 0;
    if (!ebb_check_by(k, p->way, k->u, k->v, k->w, &p->number, &noise)) return false;
    if (p->other >= 0 && !ebb_check_by(k, p->other, k->u, k->v, k->w, &p->expected, &other_noise)) return false;
    *apart = fabs(p->number - p->expected) - 4 * (noise + other_noise);
    if (isnan(*apart)) *apart = INFINITY;
    return true;
}

/* Leaves of vec[n] the elements from low to high - 1, of `all`. */
static void leave(double *vec, const double *all, int64_t n, int64_t low, int64_t high) {
    memset(vec, 0, (size_t)n * sizeof *vec);
    memcpy(vec + low, all + low, (size_t)(high - low) * sizeof *vec);
}

/* *at: the element that is left. */
static bool halve(ebb_checked *k, ebb_check_pair *p, double *vec, int64_t n, int64_t *at) {
    double *all = ebb_mem_copy(&k->ebb->allocator, vec, (size_t)n * sizeof *vec);
    int64_t low = 0, high = n;
    bool good = all || ebb_fail_memory(&k->diag);
    while (good && high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        double first, second;
        leave(vec, all, n, low, middle);
        good = both(k, p, &first);
        leave(vec, all, n, middle, high);
        good = good && both(k, p, &second);
        if (good && second > first)
            low = middle;
        else
            high = middle;
    }
    if (good) leave(vec, all, n, low, high);
    ebb_mem_free(&k->ebb->allocator, all);
    *at = low;
    return good;
}

bool ebb_check_narrow(ebb_checked *k, ebb_check_pair *p) {
    double apart;
    if (!halve(k, p, k->v, k->x.elements, &p->in)) return false;
    if (p->narrow_results && !halve(k, p, k->u, k->y.elements, &p->of)) return false;
    double weight = p->way < EBB_BY_FORWARD_REVERSE ? k->u[p->of] : k->w[p->of];
    if (!both(k, p, &apart)) return false;
    p->number /= k->v[p->in] * weight;
    p->expected /= k->v[p->in] * weight;
    return true;
}
