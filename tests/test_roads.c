/* test_roads.c - which road a derivative takes: the cheaper one in clear cases, the one that fits into a budget, the
 * one that was named, the one that there is. */
#include <criterion/criterion.h>
#include <string.h>

#include "dual/dual.h"
#include "tests/support/check.h"
#include "tests/support/parsed.h"

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
        cr_assert(ebb_cost_graph(jacobian, &bill), "%s", cases[i].what);
        cr_expect_eq(bill.once.operations, roads.candidate[roads.chosen].cost.operations, "%s: %g and %g operations",
                     cases[i].what, bill.once.operations, roads.candidate[roads.chosen].cost.operations);
        ebb_graph_release(jacobian);
        ebb_graph_release(f);
    }
}

/* The error is that of the first road. */
Test(roads, that_there_are_not) {
    ebb_diag d = {0};
    ebb_graph *f = parsed(too_deep);
    cr_expect_null(ebb_jacobian_graph(f, EBB_CHEAPER, NULL, &d));
    cr_expect(d.code == EBB_VALUE_ERROR && strstr(d.message, "no axis for directions"), "%s", d.message);
    ebb_graph_release(f);
}
