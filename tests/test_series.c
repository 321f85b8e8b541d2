/* test_series.c - Taylor series as programs: as large as their order is, with their gradients too, and right to
 * order 40.
 *
 * Start reading at sizes. */
#include <criterion/criterion.h>
#include <math.h>
#include <quadmath.h>
#include <stdio.h>

#include "dual/dual.h"
#include "jit/graph/build.h"
#include "tests/support/random_graph.h"
#include "tests/support/run_graph.h"

typedef __float128 quad;

static ebb_diag diag;
static ebb_graph *g; /* of the programs that are built here */
static ebb_builder *const b = &(ebb_builder){.graph = NULL};

static void start(void) {
    diag = (ebb_diag){0};
    g = b->graph = ebb_graph_new(&ebb_malloc_allocator, &diag, "f");
}

/* ---- how large they are ---- */

static ebb_id vector(int n) { return ebb_add_input(g, (ebb_type){EBB_F64, {n ? 1 : 0, {n}}}, (ebb_site){0}); }
static ebb_id matrix(int m, int n) { return ebb_add_input(g, (ebb_type){EBB_F64, {2, {m, n}}}, (ebb_site){0}); }

/* tanh(sin(x) exp(-x x)) */
static ebb_id w9(const ebb_id *x) {
    ebb_id bell = ebb_g_exp(b, ebb_g_neg(b, ebb_g_square(b, x[0])));
    return ebb_g_tanh(b, ebb_g_mul(b, ebb_g_sin(b, x[0]), bell));
}
static ebb_id quotient(const ebb_id *x) { return ebb_g_div(b, ebb_g_sin(b, x[0]), x[1]); }
static ebb_id power(const ebb_id *x) { return ebb_g_pow(b, ebb_g_sin(b, x[0]), ebb_g_full_like(b, x[0], 5)); }
static ebb_id gated(const ebb_id *x) { /* a selection: guarded coefficients */
    ebb_id zero = ebb_g_full_like(b, x[0], 0), in = ebb_g_gt(b, x[0], zero);
    return ebb_g_mul(b, ebb_g_select(b, in, ebb_g_sqrt(b, x[0]), zero), ebb_g_exp(b, x[1]));
}
/* A layer whose weights move too, and another one. */
static ebb_id layers(const ebb_id *x) {
    ebb_id h = ebb_g_tanh(b, ebb_g_dot(b, x[0], x[1], false, false));
    return ebb_g_sum(b, ebb_g_tanh(b, ebb_g_dot(b, h, x[1], false, true)), 2, (const int64_t[]){0, 1});
}

enum { HIGHEST = 41, ORDERS = 9 };
static const int orders[ORDERS] = {9, 10, 11, 12, 13, 20, 21, 40, HIGHEST};
static const struct {
    const char *name;
    ebb_id (*of)(const ebb_id *x);
    bool matrices;
    int nodes, of_gradient; /* for each order more */
} functions[] = {
    {"w9", w9, false, 19, 46},       {"quotient", quotient, false, 18, 42}, {"power", power, false, 19, 40},
    {"gated", gated, false, 18, 38}, {"layers", layers, true, 23, 55},
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

/* How many nodes the highest coefficient needs, or with `gradient` that in x too. */
static int nodes_of(int i, int order, bool gradient) {
    start();
    ebb_id x[2], v[2], curve[2 * HIGHEST] = {EBB_ABSENT}, c[HIGHEST], dx[2], one;
    x[0] = functions[i].matrices ? matrix(2, 3) : vector(0);
    x[1] = functions[i].matrices ? matrix(3, 3) : vector(0);
    for (int k = 0; k < 2; k++)
        curve[k * order] = v[k] = ebb_add_input(g, ebb_type_of(g, x[k]), (ebb_site){0});
    ebb_id y = functions[i].of(x);
    cr_assert(ebb_jet_nodes(g, order, 2, x, curve, 1, &y, c), "%s", diag.message);
    one = ebb_g_number(b, EBB_F64, 1);
    if (gradient) cr_assert(ebb_vjp_nodes(g, 1, &c[order - 1], &one, 2, x, dx), "%s", diag.message);
    for (int k = 0; k < order; k++)
        ebb_add_output(g, c[k]);
    for (int k = 0; gradient && k < 2; k++)
        ebb_add_output(g, dx[k]);
    ebb_graph *live = ebb_expand(g, false, NULL, &diag);
    cr_assert_not_null(live, "%s", diag.message);
    int count = live->count;
    ebb_graph_release(live);
    ebb_graph_release(g);
    return count;
}

/* Each order more costs so many nodes and no more, from the order on where all kinds of terms are there. */
Test(series, sizes) {
    for (int i = 0; i < FUNCTIONS; i++)
        for (int gradient = 0; gradient < 2; gradient++) {
            int n[ORDERS], more = gradient ? functions[i].of_gradient : functions[i].nodes;
            for (int k = 0; k < ORDERS; k++)
                n[k] = nodes_of(i, orders[k], gradient);
            for (int k = 1; k < ORDERS; k++)
                cr_expect_eq(n[k] - n[0], more * (orders[k] - orders[0]), "%s%s: %d nodes at order %d, %d at order %d",
                             functions[i].name, gradient ? ", gradient" : "", n[0], orders[0], n[k], orders[k]);
            printf("%s%s: %d, %d, %d nodes at orders 10, 20, 40\n", functions[i].name, gradient ? ", gradient" : "",
                   n[1], n[5], n[7]);
        }
}

/* ---- first and second derivatives are what they were: one product and one sum at a time ---- */

static bool has_sums(const ebb_graph *f) {
    for (ebb_id id = 1; id < f->count; id++)
        if (ebb_op_table[ebb_op_of(f, id)].family == EBB_PRODUCTS) return true;
    return false;
}

Test(series, tangents_and_adjoints_have_none) {
    int tried = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        ebb_graph *f = ebb_random_graph(seed, &(ebb_random_options){.nodes = 20, .smooth = true}), *d[2];
        int wrt[64], n = 0;
        for (int k = 0; k < f->inputs && n < 64; k++)
            if (ebb_is_float(ebb_dtype_at(f, f->input[k]))) wrt[n++] = k;
        const ebb_dual_spec all = {.nwrt = n, .wrt = wrt};
        if (n && !has_sums(f)) {
            d[0] = ebb_jvp_graph(f, &all, &diag), d[1] = ebb_vjp_graph(f, &all, &diag);
            for (int i = 0; i < 2; i++) {
                cr_assert_not_null(d[i], "%s", diag.message);
                cr_expect(!has_sums(d[i]), "seed %d, %s", (int)seed, i ? "adjoints" : "tangents");
                ebb_graph_release(d[i]);
            }
            tried++;
        }
        ebb_graph_release(f);
    }
    cr_expect(tried > 50);
    printf("cases: %d programs\n", tried);
}

/* ---- order 40, by recurrences of another kind ---- */

enum { HIGH = 40 };
typedef quad series[HIGH + 1];

/* r[k] = sum of j x[j] y[k-j], by k */
static quad slope_sum(const quad *x, const quad *y, int k) {
    quad sum = 0;
    for (int j = 1; j <= k; j++)
        sum += j * x[j] * y[k - j];
    return sum / k;
}
static quad product(const quad *x, const quad *y, int k) {
    quad sum = 0;
    for (int j = 0; j <= k; j++)
        sum += x[j] * y[k - j];
    return sum;
}

static void w9_series(const quad *x, quad *y) {
    series s = {sinq(x[0])}, c = {cosq(x[0])}, q = {-x[0] * x[0], -2 * x[0], -1}, e = {expq(q[0])}, u, z;
    u[0] = s[0] * e[0], y[0] = tanhq(u[0]), z[0] = 1 - y[0] * y[0];
    for (int k = 1; k <= HIGH; k++) {
        s[k] = c[k - 1] / k, c[k] = -s[k - 1] / k, e[k] = slope_sum(q, e, k), u[k] = product(s, e, k);
        y[k] = slope_sum(u, z, k), z[k] = -product(y, y, k);
    }
}
/* y b = a, so y[k] = (a[k] - sum of y[j] b[k-j]) / b[0], where b goes along a line. */
static void quotient_series(const quad *x, quad *y) {
    for (int k = 0; k <= HIGH; k++) {
        quad a = k % 2 ? cosq(x[0]) : sinq(x[0]), factorial = 1;
        for (int j = 2; j <= k; j++)
            factorial *= j;
        y[k] = ((k % 4 > 1 ? -a : a) / factorial - (k ? y[k - 1] : 0)) / x[1];
    }
}

static const struct {
    const char *name;
    ebb_id (*of)(const ebb_id *x);
    void (*series)(const quad *x, quad *y);
} high[] = {{"w9", w9, w9_series}, {"quotient", quotient, quotient_series}};

Test(series, order_40) {
    for (size_t i = 0; i < sizeof high / sizeof *high; i++) {
        start();
        const double at[2] = {0.3, 1.25};
        double c[HIGH], *out[HIGH];
        ebb_id x[2] = {vector(0), vector(0)}, curve[2 * HIGH] = {EBB_ABSENT}, node[HIGH], y = high[i].of(x);
        for (int k = 0; k < 2; k++)
            curve[k * HIGH] = ebb_g_number(b, EBB_F64, 1);
        cr_assert(ebb_jet_nodes(g, HIGH, 2, x, curve, 1, &y, node), "%s", diag.message);
        for (int k = 0; k < HIGH; k++)
            ebb_add_output(g, node[k]), out[k] = &c[k];
        for (int natively = 0; natively < 2; natively++) {
            ebb_graph *ready = ebb_expand_to_run(g, &diag);
            cr_assert(
                (natively ? run_graph_natively : run_graph)(ready, (const double *[]){&at[0], &at[1]}, out, &diag),
                "%s", diag.message);
            ebb_graph_release(ready);
            series want;
            high[i].series((const quad[]){(quad)at[0], (quad)at[1]}, want);
            for (int k = 1; k <= HIGH; k++) /* rounding of 40 recurrences, each with as many products, near radius 1 */
                cr_expect(fabs(c[k - 1] - (double)want[k]) <= 1e-13 * fmax(1, fabs((double)want[k])),
                          "%s, order %d: %.17g, not %.17g", high[i].name, k, c[k - 1], (double)want[k]);
        }
        ebb_graph_release(g);
    }
}
