/* test_cost.c - what operations and programs cost: known programs to the number, every operation a fact, batches
 * against the programs that vmap writes, and budgets against the peaks they allow. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "dual/dual.h"
#include "jit/graph/cost.h"
#include "tests/support/check.h"
#include "tests/support/parsed.h"
#include "tests/support/random_graph.h"
#include "tests/support/scarce.h"

/* ---- known programs ---- */

/* body: 16 + 1 per element, 4 elements, a peak of 64; more: 4 comparisons' worth; pull: 4. */
#define BODY "func body(%1: f64[4], %2: f64[4]) { %3 f64[4] = tanh %1 %4 f64[4] = mul %3, %2 return %4 } "
#define MORE                                                                                                           \
    "func more(%1: f64[4], %2: f64[4]) { %3 f64[] = sum %1 {axes=[0]} %4 f64[] = constant 3 %5 bool[] = lt %3, %4 "    \
    "return %5 } "
#define PULL "func pull(%1: f64[4], %2: f64[4], %3: f64[4]) { %4 f64[4] = mul %3, %2 return %4, absent } "
#define OTHER "func other(%1: f64[4], %2: f64[4]) { %3 f64[4] = exp %1 %4 f64[4] = exp %3 return %4 } "

static const struct {
    const char *what, *text;
    double operations, read, written, peak;
} known[] = {
    {"a chain: operand and result at once", /* tanh 16, exp 16, mul 1 on 100 doubles */
     "func f(%1: f64[100]) { %2 f64[100] = tanh %1 %3 f64[100] = exp %2 %4 f64[100] = mul %3, %1 return %4 }", 3300,
     3200, 2400, 1600},
    {"a value used late stays", /* %2 lives to the end beside %4 and %5 */
     "func f(%1: f64[100]) { %2 f64[100] = neg %1 %3 f64[100] = neg %2 %4 f64[100] = neg %3 %5 f64[100] = add %4, %2 "
     "return %5 }",
     400, 4000, 3200, 2400},
    {"the same operand twice is freed once", /* and what nobody needs costs nothing */
     "func f(%1: f64[10]) { %2 f64[10] = neg %1 %3 f64[10] = mul %2, %2 %4 f64[10] = exp %3 return %3 }", 20, 240, 160,
     160},
    {"views move nothing, and keep what they show",
     "func f(%1: f64[2,3]) { %2 f64[2,3] = neg %1 %3 f64[3,2] = transpose %2 {perm=[1,0]} %4 f64[6] = reshape %3 "
     "%5 f64[] = sum %4 {axes=[0]} return %5 }",
     36, 96, 56, 56}, /* six elements are gathered, for 4 each */
    {"a transpose that parts nothing",
     "func f(%1: f64[2,1,3]) { %2 f64[1,2,3] = transpose %1 {perm=[1,0,2]} %3 f64[1,2,3] = neg %2 return %3 }", 6, 48,
     48, 48},
    {"a product", /* 2 m n k */
     "func f(%1: f32[5,7], %2: f32[7,3]) { %3 f32[5,3] = dot %1, %2 {tx=0, ty=0} return %3 }", 210, 224, 60, 60},
    {"of a table only what is taken",
     "func f(%1: f64[1000,4], %2: i64[3]) { %3 f64[3,4] = gather %1, %2 {axis=0} return %3 }", 0, 120, 96, 96},
    {"a loop: its body, so often",
     BODY
     "func f(%1: f64[4], %2: f64[4]) { %3 (f64[4]) = loop @body %1, %2 {states=1, captures=1, trips=10, reverse=0} "
     "%4 f64[4] = get %3 {k=0} return %4 }",
     680, 960, 640, 160},
    {"a loop that a condition ends: 100 times", /* and sum 4, lt 1 */
     BODY MORE
     "func f(%1: f64[4], %2: f64[4]) { %3 (f64[4]) = loop @body @more %1, %2 {states=1, captures=1, trips=-1, "
     "reverse=0} %4 f64[4] = get %3 {k=0} return %4 }",
     7300, 14400, 7300, 160},
    {"the reverse of a loop: nine steps there, all kept, and ten back",
     BODY PULL "func f(%1: f64[4], %2: f64[4], %3: f64[4]) { %4 (f64[4], absent) = unloop @body @pull %1, %2, %3 "
               "{states=1, captures=1, trips=10, reverse=0, budget=0} %5 f64[4] = get %4 {k=0} return %5 }",
     652, 1504, 896, 520},
    {"two branches: the dearer one",
     BODY OTHER "func f(%1: bool[], %2: f64[4], %3: f64[4]) { %4 (f64[4]) = cond @body @other %1, %2, %3 %5 f64[4] = "
                "get %4 {k=0} %6 f64[4] = neg %5 return %6 }",
     132, 96, 96, 96},
    {"nothing", "func f(%1: f64[4]) { return %1, absent }", 0, 0, 0, 0},
};

Test(cost, of_known_programs) {
    for (int i = 0; i < COUNT(known); i++) {
        ebb_graph *g = parsed(known[i].text);
        ebb_bill bill;
        ebb_cost cost[16] = {{0, 0, 0}}, sum = {0, 0, 0};
        cr_assert(ebb_cost_graph(g, &bill, cost), "%s", known[i].what);
        for (ebb_id id = 1; id < g->count; id++)
            sum.operations += cost[id].operations;
        cr_expect_eq(bill.once.operations, sum.operations, "%s: the nodes' together %g", known[i].what, sum.operations);
        cr_expect_eq(bill.once.operations, known[i].operations, "%s: %g operations", known[i].what,
                     bill.once.operations);
        cr_expect_eq(bill.once.read, known[i].read, "%s: %g bytes read", known[i].what, bill.once.read);
        cr_expect_eq(bill.once.written, known[i].written, "%s: %g bytes written", known[i].what, bill.once.written);
        cr_expect_eq(bill.peak, known[i].peak, "%s: a peak of %g", known[i].what, bill.peak);
        cr_expect(bill.each.operations == 0 && bill.each.written == 0, "%s: no directions", known[i].what);
        ebb_graph_release(g);
    }
}

/* A POINT operation costs something, but for those that planners never compute. */
Test(cost, every_operation_has_a_fact) {
    int points = 0;
    for (ebb_op op = 1; op < EBB_OP_COUNT; op++) {
        bool computed = ebb_op_table[op].access == EBB_POINT && op != EBB_OP_iota && op != EBB_OP_stop_gradient;
        cr_expect_eq(ebb_point_cost(op) > 0, computed, "%s costs %d", ebb_op_table[op].name, ebb_point_cost(op));
        points += computed;
    }
    printf("cases: %d facts\n", points);
}

/* ---- many directions ---- */

/* y = tanh(x) dot m, for n examples of x; m is the same for all. */
static const char layer[] =
    "func f(%1: f64[4,6], %2: f64[6,3]) { %3 f64[6,3] = exp %2 %4 f64[4,6] = tanh %1 %5 f64[4,3] = dot %4, %3 {tx=0, "
    "ty=0} return %5 }";

Test(cost, of_many_is_that_of_the_batched_program) {
    enum { N = 5 };
    ebb_diag d = {0};
    ebb_graph *g = parsed(layer), *batched = ebb_vmap_graph(g, N, (const int[]){0, -1}, NULL, NULL, &d);
    ebb_bill one, all;
    cr_assert_not_null(batched, "%s", d.message);
    cr_assert(ebb_cost_nodes(g, 1, g->output, 1, &g->input[0], N, &one) && ebb_cost_graph(batched, &all, NULL));
    ebb_cost total = ebb_total(&one, N);
    cr_expect_eq(total.operations, all.once.operations, "%g and %g operations", total.operations, all.once.operations);
    cr_expect_eq(total.written, all.once.written, "%g and %g bytes written", total.written, all.once.written);
    cr_expect_eq(one.peak, all.peak, "peaks of %g and %g", one.peak, all.peak);
    cr_expect_eq(one.once.operations, 16 * 18.0, "exp of m once");
    ebb_graph_release(batched);
    ebb_graph_release(g);
}

/* As many as are allowed fit, one more does not. */
static void check_budget(const ebb_graph *g, const char *name, double bytes) {
    int64_t most;
    ebb_bill bill;
    cr_assert(ebb_directions_within(g, g->outputs, g->output, 1, &g->input[0], bytes, &most), "%s", name);
    cr_assert(most >= 0);
    if (most == (int64_t)1 << 62) return; /* nothing hangs on it */
    if (most > 0) {
        cr_assert(ebb_cost_nodes(g, g->outputs, g->output, 1, &g->input[0], most, &bill));
        cr_expect_leq(bill.peak, bytes, "%s: %g bytes for %d directions", name, bytes, (int)most);
    }
    cr_assert(ebb_cost_nodes(g, g->outputs, g->output, 1, &g->input[0], most + 1, &bill));
    cr_expect_gt(bill.peak, bytes, "%s: %g bytes for %d directions and one", name, bytes, (int)most);
}

Test(cost, directions_within_a_budget) {
    enum { PROGRAMS = 60 };
    for (int k = 0; k < PROGRAMS; k++) {
        char name[32];
        ebb_diag d = {0};
        ebb_graph *recorded = ebb_random_graph((uint64_t)k, &(ebb_random_options){.no_empty = true}),
                  *g = ebb_expand(recorded, false, NULL, &d);
        cr_assert_not_null(g, "%s", d.message);
        snprintf(name, sizeof name, "random program %d", k);
        for (double bytes = 100; g->inputs && bytes < 1e6; bytes *= 10)
            check_budget(g, name, bytes);
        ebb_graph_release(recorded);
        ebb_graph_release(g);
    }
    printf("cases: %d programs, 4 budgets each\n", PROGRAMS);
}

/* ---- refusals ---- */

static void expect_refused(const char *text, const char *part) {
    ebb_diag d = {0};
    ebb_bill bill;
    ebb_graph *g = parsed(text);
    g->diag = &d;
    cr_expect_not(ebb_cost_graph(g, &bill, NULL), "%s", text);
    cr_expect(strstr(d.message, part), "%s", d.message);
    ebb_graph_release(g);
}

Test(cost, refusals) {
    expect_refused("func f(%1: f64[n0]) { %2 f64[n0] = neg %1 return %2 }", "its sizes known");
    expect_refused("func f(%1: f64[3]) { %2 f64[3] = softmax %1 {axis=0} return %2 }", "softmax of type f64[3]");
}

/* Each allocation fails in turn. */
Test(cost, without_memory) {
    ebb_graph *g =
        parsed(BODY "func f(%1: f64[4], %2: f64[4]) { %3 (f64[4]) = loop @body %1, %2 {states=1, captures=1, "
                    "trips=10, reverse=0} %4 f64[4] = get %3 {k=0} return %4 }");
    bool good = false;
    for (int k = 0; !good; k++) {
        scarce s = {.left = k};
        const ebb_allocator poor = scarce_allocator(&s), *before = g->allocator;
        ebb_diag d = {0};
        ebb_bill bill;
        g->allocator = &poor, g->diag = &d;
        good = ebb_cost_graph(g, &bill, NULL);
        cr_expect_eq(d.code, good ? EBB_OK : EBB_NO_MEMORY, "allocation %d", k);
        cr_expect_eq(s.live, 0, "allocation %d: %d blocks", k, (int)s.live);
        cr_assert_lt(k, 100);
        g->allocator = before, g->diag = NULL;
    }
    ebb_graph_release(g);
}
