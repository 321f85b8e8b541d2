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
static const char very_wide[] =
    "func f(%1: f64[1000]) { %2 f64[1000] = tanh %1 %3 f64[] = sum %2 {axes=[0]} return %3 }";
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
    {"no axis for columns", deep, EBB_CHEAPER, 0, "reverse", "forward cannot be: "},
    {"very wide", very_wide, EBB_CHEAPER, 0, "reverse", "forward cannot be: 1000 directions, where another road has 1"},
    {"very wide, named", very_wide, EBB_FORWARD, 0, "forward", "asked for by name; the work of reverse is"},
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

static ebb_graph *laplacian(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag) {
    return ebb_second_order_graph(f, 0, NULL, spec, diag);
}

static const struct {
    const char *what;
    derivation *derive;
    int directions;        /* further parameters, [3] each */
    int results, elements; /* of each */
} objects[] = {
    {"gradient", ebb_grad_graph, 0, 2, 3},
    {"Jacobian", cheaper_jacobian, 0, 2, 3},
    {"Hessian times a vector", ebb_hvp_graph, 2, 2, 3},
    {"Hessian", ebb_hessian_graph, 0, 4, 9},
    {"diagonal of the Hessian", ebb_hessian_diagonal_graph, 0, 2, 3},
    {"Laplacian", laplacian, 0, 2, 1},
};

enum { MOST_RESULTS = 4, MOST = 9 };

/* Its results on fixed numbers. */
static void run(const ebb_graph *g, int directions, double out[MOST_RESULTS][MOST]) {
    const double at[4][3] = {{0.5, -1, 2}, {1.5, 0.25, -0.75}, {1, -2, 0.5}, {0.25, 3, -1}};
    const double *in[4] = {at[0], at[1], at[2], at[3]};
    double *results[MOST_RESULTS] = {out[0], out[1], out[2], out[3]};
    ebb_diag d = {0};
    cr_assert_eq(g->inputs, 2 + directions, "parameters for directions are left");
    cr_assert(run_graph(g, in, results, &d), "%s", d.message);
}

/* The road of that name, against what is taken unasked. */
static void check_road(int i, const ebb_graph *f, const char *name, double want[MOST_RESULTS][MOST]) {
    ebb_diag d = {0};
    const ebb_dual_spec spec = {.nwrt = 2, .wrt = (const int[]){0, 1}, .road = name};
    ebb_graph *g = objects[i].derive(f, &spec, &d);
    double got[MOST_RESULTS][MOST];
    cr_assert_not_null(g, "%s, %s: %s", objects[i].what, name, d.message);
    run(g, objects[i].directions, got);
    for (int j = 0; j < objects[i].results; j++)
        for (int e = 0; e < objects[i].elements; e++)
            cr_expect(fabs(want[j][e] - got[j][e]) <= 1e-13 * (1 + fabs(want[j][e])),
                      "%s, %s, element %d of result %d: %.17g and %.17g", objects[i].what, name, e, j, want[j][e],
                      got[j][e]);
    ebb_graph_release(g);
}

/* Every road gives the same numbers, up to the order in which sums are rounded. */
Test(roads, all_lead_there) {
    int taken = 0;
    ebb_graph *f = parsed(loss);
    for (int i = 0; i < COUNT(objects); i++) {
        ebb_diag d = {0};
        ebb_roads roads = {0};
        ebb_graph *usual =
            objects[i].derive(f, &(ebb_dual_spec){.nwrt = 2, .wrt = (const int[]){0, 1}, .roads = &roads}, &d);
        double want[MOST_RESULTS][MOST];
        cr_assert(usual && roads.count > 1, "%s: %s", objects[i].what, d.message);
        run(usual, objects[i].directions, want);
        for (int k = 0; k < roads.count; k++, taken++)
            check_road(i, f, roads.candidate[k].road, want);
        ebb_graph_release(usual);
    }
    ebb_graph_release(f);
    printf("cases: %d roads\n", taken);
}

/* Elements of the gradient that hang on others: ones would give the sums of the Hessian's rows. */
Test(roads, that_would_be_wrong) {
    ebb_diag d = {0};
    ebb_graph *f = parsed("func f(%1: f64[3]) { %2 f64[] = sum %1 {axes=[0]} %3 f64[] = exp %2 return %3 }");
    ebb_roads roads = {0};
    ebb_graph *g = ebb_hessian_diagonal_graph(f, &(ebb_dual_spec){.roads = &roads}, &d);
    cr_assert_not_null(g, "%s", d.message);
    cr_expect_str_eq(roads.candidate[roads.chosen].road, "series");
    cr_expect(strstr(roads.candidate[0].refusal.message, "hangs on several"), "%s", roads.candidate[0].refusal.message);
    ebb_graph_release(g);
    cr_expect_null(ebb_hessian_diagonal_graph(f, &(ebb_dual_spec){.road = "product with ones"}, &d));
    cr_expect(strstr(d.message, "hangs on several"), "%s", d.message);
    ebb_graph_release(f);
}

/* A thousand directions are not looked at where another road has one, unless that one cannot be. */
static const char *const many[] = {
    "func f(%1: f64[1000]) { %2 f64[1000] = sin %1 %3 f64[] = sum %2 {axes=[0]} %4 f64[] = exp %3 return %4 }",
    "func same(%1: f64[1000]) { return %1 } "
    "func clip(%1: f64[1000], %2: f64[1000], %3: f64[1000]) { %4 f64[1000] = tanh %3 return %4 } "
    "func f(%1: f64[]) { %2 f64[1000] = broadcast %1 {axes=[]} %3 (f64[1000]) = custom @same @clip %2 {reverse=1} "
    "%4 f64[1000] = get %3 {k=0} return %4 }"};

static void expect_many(int i, derivation *derive, double want) {
    ebb_diag d = {0};
    ebb_graph *f = parsed(many[i]);
    ebb_roads roads = {0};
    ebb_graph *g = derive(f, &(ebb_dual_spec){.roads = &roads}, &d);
    static double x[1000], y[1000];
    cr_assert_not_null(g, "program %d: %s", i, d.message);
    cr_expect_eq(roads.candidate[roads.chosen].directions, 1000);
    cr_assert(run_graph(g, (const double *const[]){x}, (double *const[]){y}, &d), "%s", d.message);
    for (int k = 0; k < 1000; k++)
        cr_expect_eq(y[k], want, "program %d: element %d is %.17g", i, k, y[k]);
    ebb_graph_release(g);
    ebb_graph_release(f);
}

/* At 0: of exp(sum of sin x), cos^2 - sin; a gradient of 1 that is clipped by tanh. */
Test(roads, of_many_directions_where_there_is_no_other) {
    expect_many(0, ebb_hessian_diagonal_graph, 1);
    expect_many(1, cheaper_jacobian, tanh(1));
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

/* The error is that of the road with the most directions. */
Test(roads, that_there_are_not) {
    ebb_diag d = {0};
    ebb_graph *f = parsed(too_deep);
    cr_expect_null(ebb_jacobian_graph(f, EBB_CHEAPER, NULL, &d));
    cr_expect(d.code == EBB_VALUE_ERROR && strstr(d.message, "no axis for directions"), "%s", d.message);
    ebb_graph_release(f);
}
