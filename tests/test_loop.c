/* test_loop.c - the drivers of loops by themselves, with steps written in C: what they pass on, how often they call,
 * and what they keep. Programs with loops are in test_region_run.c. */
#include "jit/graph/text.h"
#include "jit/runtime/loop.h"
#include "tests/support/parsed.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a loop for the drivers: x <- a x + s_i, x stacked too; the steps below know it by heart ---- */

#define FUNCTIONS                                                                                                      \
    "func body(%1: f64[], %2: f64[], %3: f64[]) {\n  %4 f64[] = mul %1, %2\n  %5 f64[] = add %4, %3\n"                 \
    "  return %5, %5\n}\n"                                                                                             \
    "func back(%1: f64[], %2: f64[], %3: f64[], %4: f64[], %5: f64[]) {\n  %6 f64[] = add %4, %5\n"                    \
    "  %7 f64[] = mul %6, %2\n  %8 f64[] = mul %6, %1\n  return %7, %8, %6\n}\n"

enum { MOST = 4000 };
static struct {
    int bodies, backs, fails_at; /* calls so far; the one of all calls that fails, or 0 */
    double seen[MOST];           /* x before each call of the pullback */
} calls;

static bool fails(void) { return calls.bodies + calls.backs == calls.fails_at; }

static int body(const void *const *in, void *const *out, void *work) {
    (void)work;
    calls.bodies++;
    if (fails()) return EBB_INDEX_ERROR;
    const double y = *(const double *)in[0] * *(const double *)in[1] + *(const double *)in[2];
    *(double *)out[0] = y;
    if (out[1]) *(double *)out[1] = y;
    return EBB_OK;
}

static int back(const void *const *in, void *const *out, void *work) {
    (void)work;
    if (calls.backs < MOST) calls.seen[calls.backs] = *(const double *)in[0];
    calls.backs++;
    if (fails()) return EBB_INDEX_ERROR;
    const double ct = *(const double *)in[3] + *(const double *)in[4];
    *(double *)out[0] = ct * *(const double *)in[1];
    *(double *)out[1] = ct * *(const double *)in[0];
    *(double *)out[2] = ct;
    return EBB_OK;
}

static ebb_loop_desc *describe(int trips, bool reverse, bool unloops, int64_t budget) {
    char text[2000];
    int n = snprintf(text, sizeof text, "%sfunc f(%%1: f64[], %%2: f64[], %%3: f64[%d]) {\n", FUNCTIONS, trips);
    if (unloops)
        snprintf(text + n, sizeof text - (size_t)n,
                 "  %%4 (f64[], f64[], f64[%d]) = unloop @body @back %%1, %%2, %%3, %%1, %%3 {states=1, captures=1, "
                 "trips=%d, reverse=%d, budget=%d}\n  return\n}\n",
                 trips, trips, reverse, (int)budget);
    else
        snprintf(text + n, sizeof text - (size_t)n,
                 "  %%4 (f64[], f64[%d]) = loop @body %%1, %%2, %%3 {states=1, captures=1, trips=%d, reverse=%d}\n"
                 "  return\n}\n",
                 trips, trips, reverse);
    ebb_graph *g = parsed(text);
    int64_t numbers;
    ebb_loop_desc *d = ebb_loop_describe(g, 4, (int64_t[]){0, 0, 0}, &numbers, NULL);
    ebb_graph_release(g);
    cr_assert_not_null(d);
    cr_expect_eq(numbers, (int64_t)(sizeof *d / 8 + 4 * sizeof *d->value / 8));
    return d;
}

typedef struct numbers {
    double x, a, s[MOST], y, stack[MOST]; /* operands, and results or cotangents */
    double dx, da, ds[MOST];
} numbers;

/* The same by a plain loop. */
static void reference(numbers *r, int n, bool reverse, bool back_too) {
    static double before[MOST + 1];
    before[0] = r->x;
    for (int i = 0; i < n; i++)
        before[i + 1] = before[i] * r->a + r->s[reverse ? n - 1 - i : i];
    double ct = r->y;
    for (int i = n - 1; back_too && i >= 0; i--) {
        const int row = reverse ? n - 1 - i : i;
        ct += r->stack[row];
        r->ds[row] = ct;
        r->da += ct * before[i];
        ct *= r->a;
    }
    r->dx = ct;
    if (back_too) return;
    r->y = before[n];
    for (int i = 0; i < n; i++)
        r->stack[reverse ? n - 1 - i : i] = before[i + 1];
}

static numbers *some_numbers(int n) {
    numbers *r = calloc(1, sizeof *r);
    cr_assert_not_null(r);
    r->x = 0.7, r->a = 0.99, r->y = 1.5;
    for (int i = 0; i < n; i++)
        r->s[i] = sin(i), r->stack[i] = cos(2 * i);
    return r;
}

static int run(const ebb_loop_desc *d, numbers *r) {
    const int64_t total = ebb_loop_places_of(d).total;
    char *work = malloc((size_t)total + 1);
    memset(work, 0xa5, (size_t)total + 1);
    memset(&calls.bodies, 0, sizeof calls.bodies);
    calls.backs = 0;
    const void *in[] = {&r->x, &r->a, r->s, &r->y, r->stack};
    int code = d->unloops ? ebb_rt_unloop(d, body, NULL, back, in, (void *[]){&r->dx, &r->da, r->ds}, work)
                          : ebb_rt_loop(d, body, NULL, in, (void *[]){&r->y, r->stack}, work);
    cr_expect_eq((unsigned char)work[total], 0xa5, "the driver writes behind its work");
    free(work);
    return code;
}

static double difference(const double *x, const double *y, int n) {
    double most = 0;
    for (int i = 0; i < n; i++)
        most = fmax(most, fabs(x[i] - y[i]) / fmax(1, fabs(y[i])));
    return most;
}

static const int lengths[] = {0, 1, 2, 3, 7, 100, 1000};

Test(loop, forward) {
    for (size_t k = 0; k < 2 * sizeof lengths / sizeof *lengths; k++) {
        const int n = lengths[k / 2], reverse = k % 2;
        numbers *r = some_numbers(n), *want = some_numbers(n);
        ebb_loop_desc *d = describe(n, reverse, false, 0);
        cr_expect_eq(run(d, r), EBB_OK);
        reference(want, n, reverse, false);
        cr_expect(r->y == want->y && !memcmp(r->stack, want->stack, sizeof r->stack), "%d iterations", n);
        cr_expect_eq(calls.bodies, n);
        free(d), free(r), free(want);
    }
}

/* ---- back: every number of iterations with every number of slots ---- */

/* The least number of steps forward to go back through n iterations with as many slots. */
static int least[202][8];
static void find_least(void) {
    for (int s = 0; s < 8; s++)
        for (int n = 1; n <= 201; n++) {
            least[n][s] = n * (n - 1) / 2;
            for (int m = 1; s && m < n; m++) {
                int cost = m + least[m][s] + least[n - m][s - 1];
                if (cost < least[n][s]) least[n][s] = cost;
            }
        }
}

static int64_t check_back(int n, int slots, bool reverse) {
    numbers *r = some_numbers(n), *want = some_numbers(n);
    ebb_loop_desc *d = describe(n, reverse, true, 0);
    d->slots = slots;
    cr_expect_eq(run(d, r), EBB_OK);
    reference(want, n, reverse, true);
    cr_expect(r->dx == want->dx, "%d iterations, %d slots: state %g, not %g", n, slots, r->dx, want->dx);
    cr_expect(fabs(r->da - want->da) < 1e-12 * (1 + fabs(want->da)), "%d iterations, %d slots: capture", n, slots);
    cr_expect(difference(r->ds, want->ds, n) == 0, "%d iterations, %d slots: sequence", n, slots);
    cr_expect_eq(calls.backs, n);
    if (n && n <= 201 && slots < 8)
        cr_expect(calls.bodies == least[n][slots] && calls.bodies == ebb_loop_steps(n, slots),
                  "%d iterations, %d slots: %d steps, not %d; the planner says %g", n, slots, calls.bodies,
                  least[n][slots], ebb_loop_steps(n, slots));
    free(d), free(r), free(want);
    return 1;
}

Test(loop, back_with_any_number_of_slots) {
    int64_t cases = 0;
    find_least();
    for (int n = 0; n <= 60; n++)
        for (int slots = 0; slots <= 7; slots++)
            cases += check_back(n, slots, (n + slots) % 2);
    for (int slots = 2; slots <= 200; slots += 33)
        cases += check_back(200, slots, false) + check_back(2000, slots, true);
    printf("cases: %d ways back\n", (int)cases);
    fflush(stdout);
}

/* How many slots a budget gives: at least two, all there are use for at most. */
Test(loop, budgets) {
    static const struct {
        int trips;
        int64_t budget, slots;
    } rows[] = {{1000, 0, 999}, {1000, 1, 2}, {1000, 160, 10}, {3, 1, 2}, {2, 1, 1}, {1, 1, 0}, {0, 1, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ebb_loop_desc *d = describe(rows[i].trips, false, true, rows[i].budget);
        cr_expect_eq(d->slots, rows[i].slots, "%d iterations, %d bytes: %d slots", rows[i].trips, (int)rows[i].budget,
                     (int)d->slots);
        free(d);
    }
}

/* ---- a loop of unknown length: x <- a x while there is something left ---- */

static int unknown_body(const void *const *in, void *const *out, void *work) {
    (void)work;
    *(double *)out[0] = 0.5 * *(const double *)in[0];
    return EBB_OK;
}
static int unknown_back(const void *const *in, void *const *out, void *work) {
    (void)work;
    *(double *)out[0] = 0.5 * *(const double *)in[1];
    return EBB_OK;
}
static int is_large(const void *const *in, void *const *out, void *work) {
    (void)work;
    *(uint8_t *)out[0] = *(const double *)in[0] > 1;
    return EBB_OK;
}

/* The whole budget lies there, but of its pages only those are touched that the iterations need. */
Test(loop, slots_that_no_iteration_needs_are_not_touched) {
    ebb_graph *g = parsed("func body(%1: f64[]) {\n  return %1\n}\nfunc more(%1: f64[]) {\n  %2 bool[] = gt %1, %1\n"
                          "  return %2\n}\nfunc back(%1: f64[], %2: f64[]) {\n  return %2\n}\n"
                          "func f(%1: f64[]) {\n  %2 (f64[]) = unloop @body @more @back %1, %1 {states=1, captures=0, "
                          "trips=-1, reverse=0, budget=1600000}\n  return\n}\n");
    int64_t length;
    ebb_loop_desc *d = ebb_loop_describe(g, 2, (int64_t[]){0, 0, 0}, &length, NULL);
    const ebb_loop_places at = ebb_loop_places_of(d);
    const double x = 512, ct = 1;
    double dx;
    char *work = malloc((size_t)at.total);
    memset(work, 0xa5, (size_t)at.total);
    cr_expect_eq(d->slots, 100000);
    cr_expect_eq(
        ebb_rt_unloop(d, unknown_body, is_large, unknown_back, (const void *[]){&x, &ct}, (void *[]){&dx}, work),
        EBB_OK);
    cr_expect_eq(dx, 1 / 512.0, "%g", dx);
    for (int64_t k = 9; k < d->slots; k++) /* nine iterations */
        for (int64_t b = 0; b < 8; b++)
            cr_assert(work[at.slot + k * at.slot_bytes + b] == (char)0xa5 &&
                          work[at.position + 8 * k + b] == (char)0xa5,
                      "slot %d", (int)k);
    free(work), free(d);
    ebb_graph_release(g);
}

/* Whichever call fails, its code comes back and nothing is called any more. */
Test(loop, a_step_that_fails_ends_it) {
    for (int unloops = 0; unloops < 2; unloops++) {
        ebb_loop_desc *d = describe(20, false, unloops, 100);
        numbers *r = some_numbers(20);
        cr_expect_eq(run(d, r), EBB_OK);
        const int all = calls.bodies + calls.backs;
        for (calls.fails_at = 1; calls.fails_at <= all; calls.fails_at++) {
            cr_expect_eq(run(d, r), EBB_INDEX_ERROR, "call %d of %d", calls.fails_at, all);
            cr_expect_eq(calls.bodies + calls.backs, calls.fails_at);
        }
        calls.fails_at = 0;
        free(d), free(r);
    }
}
