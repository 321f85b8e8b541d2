/* test_roads.c - which road a derivative takes: the cheaper one in clear cases, the one that fits into a budget, the
 * one that was named, the one that there is. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "dual/dual.h"
#include "tests/support/check.h"
#include "tests/support/parsed.h"
#include "tests/support/run_graph.h"

/* ---- Jacobians ---- */

static const char tall[] = /* R to R^100 */
    "func f(%1: f64[]) { %2 f64[100] = broadcast %1 {axes=[]} %3 f64[100] = iota {axis=0} %4 f64[100] = mul %2, %3 "
    "%5 f64[100] = sin %4 return %5 }";
static const char wide[] = /* R^100 to R */
    "func f(%1: f64[100]) { %2 f64[100] = tanh %1 %3 f64[100] = mul %2, %1 %4 f64[] = sum %3 {axes=[0]} return %4 }";
static const char wide_layer[] = /* R^60 to R^3 */
    "func f(%1: f64[1,60], %2: f64[60,3]) { %3 f64[1,60] = sin %1 %4 f64[1,3] = dot %3, %2 {tx=0, ty=0} return %4 }";
static const char tall_layer[] = /* R^3 to R^60 */
    "func f(%1: f64[1,3], %2: f64[3,60]) { %3 f64[1,60] = dot %1, %2 {tx=0, ty=0} %4 f64[1,60] = sin %3 return %4 }";
static const char deep[] = /* rank 8: there is no axis for columns */
    "func f(%1: f64[2,1,1,1,1,1,1,1]) { %2 f64[] = sum %1 {axes=[0,1,2,3,4,5,6,7]} return %2 }";
static const char too_deep[] = "func f(%1: f64[2,1,1,1,1,1,1,1]) { %2 f64[2,1,1,1,1,1,1,1] = neg %1 return %2 }";

static const struct {
    const char *what, *text;
    ebb_road road;
    int64_t budget;
    const char *chosen, *why;
} cases[] = {
    {"tall", tall, EBB_CHEAPER, 0, "forward", "the work of reverse is"},
    {"wide", wide, EBB_CHEAPER, 0, "reverse", "the work of forward is"},
    {"a wide layer", wide_layer, EBB_CHEAPER, 0, "reverse", "the work of forward is"},
    {"a tall layer", tall_layer, EBB_CHEAPER, 0, "forward", "the work of reverse is"},
    {"named", wide, EBB_FORWARD, 0, "forward", "asked for by name"},
    {"a small budget", tall, EBB_CHEAPER, 8000, "forward", "stays within 0.008 MB; reverse needs"},
    {"no budget suffices", wide, EBB_CHEAPER, 1, "reverse", "no road stays within 1e-06 MB"},
    {"no axis for columns", deep, EBB_CHEAPER, 0, "reverse", "the other roads cannot be taken"},
};

Test(roads, of_jacobians) {
    for (int i = 0; i < COUNT(cases); i++) {
        ebb_diag d = {0};
        ebb_roads roads;
        ebb_graph *f = parsed(cases[i].text);
        const ebb_dual_spec spec = {.budget = cases[i].budget, .roads = &roads};
        ebb_graph *jacobian = ebb_jacobian_graph(f, cases[i].road, &spec, &d);
        cr_assert_not_null(jacobian, "%s: %s", cases[i].what, d.message);
        cr_expect_str_eq(roads.candidate[roads.chosen].road, cases[i].chosen, "%s: %s", cases[i].what, roads.why);
        cr_expect(strstr(roads.why, cases[i].why), "%s: %s", cases[i].what, roads.why);
        /* What was weighed is what is there. */
        ebb_bill bill;
        cr_assert(ebb_cost_graph(jacobian, &bill, NULL), "%s", cases[i].what);
        cr_expect_eq(bill.once.operations, roads.candidate[roads.chosen].cost.operations, "%s: %g and %g operations",
                     cases[i].what, bill.once.operations, roads.candidate[roads.chosen].cost.operations);
        ebb_graph_release(jacobian);
        ebb_graph_release(f);
    }
}

/* ---- by name ---- */

typedef ebb_graph *derivation(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag);

static ebb_graph *cheaper_jacobian(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag) {
    return ebb_jacobian_graph(f, EBB_CHEAPER, spec, diag);
}

/* Two parameters, which meet in a product: f(x [3], y [3]) */
static const char loss[] =
    "func f(%1: f64[3], %2: f64[3]) { %3 f64[3] = tanh %1 %4 f64[3] = mul %3, %2 %5 f64[3] = exp %4 %6 f64[3] = mul "
    "%5, %1 %7 f64[] = sum %6 {axes=[0]} return %7 }";

static const struct {
    const char *what;
    derivation *derive;
    int directions; /* further parameters, [3] each */
    int elements;   /* of each result */
} objects[] = {
    {"gradient", ebb_grad_graph, 0, 3},
    {"Jacobian", cheaper_jacobian, 0, 3},
    {"Hessian times a vector", ebb_hvp_graph, 2, 3},
};

enum { MOST = 9 };

/* Its two results on fixed numbers. */
static void run(const ebb_graph *g, int directions, double out[2][MOST]) {
    const double at[4][3] = {{0.5, -1, 2}, {1.5, 0.25, -0.75}, {1, -2, 0.5}, {0.25, 3, -1}};
    const double *in[4] = {at[0], at[1], at[2], at[3]};
    double *results[2] = {out[0], out[1]};
    ebb_diag d = {0};
    cr_assert_eq(g->inputs, 2 + directions, "parameters for directions are left");
    cr_assert(run_graph(g, in, results, &d), "%s", d.message);
}

/* Every road gives the same numbers, up to the order in which sums are rounded. */
Test(roads, all_lead_there) {
    int roads_taken = 0;
    ebb_graph *f = parsed(loss);
    for (int i = 0; i < COUNT(objects); i++) {
        ebb_diag d = {0};
        ebb_roads roads = {0};
        ebb_dual_spec spec = {.nwrt = 2, .wrt = (const int[]){0, 1}, .roads = &roads};
        ebb_graph *usual = objects[i].derive(f, &spec, &d);
        double want[2][MOST], got[2][MOST];
        cr_assert(usual && roads.count > 1, "%s: %s", objects[i].what, d.message);
        run(usual, objects[i].directions, want);
        for (int k = 0; k < roads.count; k++, roads_taken++) {
            const char *name = roads.candidate[k].road;
            ebb_graph *g = objects[i].derive(f, &(ebb_dual_spec){.nwrt = 2, .wrt = spec.wrt, .road = name}, &d);
            cr_assert_not_null(g, "%s, %s: %s", objects[i].what, name, d.message);
            run(g, objects[i].directions, got);
            for (int e = 0; e < 2 * objects[i].elements; e++) {
                double a = want[e / objects[i].elements][e % objects[i].elements],
                       b = got[e / objects[i].elements][e % objects[i].elements];
                cr_expect(fabs(a - b) <= 1e-13 * (1 + fabs(a)), "%s, %s, element %d: %.17g and %.17g", objects[i].what,
                          name, e, a, b);
            }
            ebb_graph_release(g);
        }
        ebb_graph_release(usual);
    }
    ebb_graph_release(f);
    printf("cases: %d roads\n", roads_taken);
}

Test(roads, that_have_no_such_name) {
    ebb_graph *f = parsed(loss);
    for (int i = 0; i < COUNT(objects); i++) {
        ebb_diag d = {0};
        cr_expect_null(objects[i].derive(f, &(ebb_dual_spec){.road = "sideways"}, &d), "%s", objects[i].what);
        cr_expect(d.code == EBB_VALUE_ERROR && strstr(d.message, "no road is called \"sideways\"; there are \""), "%s",
                  d.message);
    }
    ebb_graph_release(f);
}

/* The error is that of the first road. */
Test(roads, that_there_are_not) {
    ebb_diag d = {0};
    ebb_graph *f = parsed(too_deep);
    cr_expect_null(ebb_jacobian_graph(f, EBB_CHEAPER, NULL, &d));
    cr_expect(d.code == EBB_VALUE_ERROR && strstr(d.message, "no axis for directions"), "%s", d.message);
    ebb_graph_release(f);
}
