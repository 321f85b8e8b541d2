/* test_pads.c - pads as the loops that read them see them: long ones, whose inside is a loop of its own, at either end,
 * in the middle of other operations, of several axes, in columns and rows that are reduced, of every dtype, inside each
 * other; compiled in every way, the evaluator's numbers to the bit. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jit/eval/eval.h"
#include "tests/support/check.h"
#include "tests/support/parsed.h"
#include "tests/support/random_graph.h"
#include "tests/support/ways.h"

static const struct {
    const char *what, *text;
    int routines; /* pads that are no loops */
} programs[] = {
    {"the derivative of a difference of neighbours",
     "func f(%1: f64[1000]) { %2 f64[999] = slice %1 {start=[1], step=[1]} %3 f64[999] = slice %1 {start=[0], "
     "step=[1]} "
     "%4 f64[999] = sub %2, %3 %5 f64[1000] = pad %4 {low=[1], high=[0], gap=[0]} %6 f64[999] = neg %4 %7 f64[1000] = "
     "pad %6 {low=[0], high=[1], gap=[0]} %8 f64[1000] = add %5, %7 return %8 }",
     0},
    {"wide borders, single precision",
     "func f(%1: f32[1001]) { %2 f32[1301] = pad %1 {low=[97], high=[203], gap=[0]} %3 f32[1301] = square %2 return %3 "
     "}",
     0},
    {"integers and truth values",
     "func f(%1: i32[500], %2: bool[500], %3: i64[500]) { %4 i32[507] = pad %1 {low=[3], high=[4], gap=[0]} %5 "
     "bool[507] "
     "= pad %2 {low=[4], high=[3], gap=[0]} %6 i64[507] = pad %3 {low=[7], high=[0], gap=[0]} %7 bool[507] = "
     "logical_not %5 return %4, %7, %6 }",
     0},
    {"one axis before the last",
     "func f(%1: f64[5,70]) { %2 f64[8,70] = pad %1 {low=[2,0], high=[1,0], gap=[0,0]} %3 f64[8,70] = neg %2 return %3 "
     "}",
     0},
    {"both axes, read across",
     "func f(%1: f64[40,90]) { %2 f64[43,100] = pad %1 {low=[1,4], high=[2,6], gap=[0,0]} %3 f64[100,43] = transpose "
     "%2 "
     "{perm=[1,0]} %4 f64[100,43] = square %3 return %4 }",
     0},
    {"rows that are summed",
     "func f(%1: f64[7,300]) { %2 f64[7,310] = pad %1 {low=[0,6], high=[0,4], gap=[0,0]} %3 f64[7,310] = square %2 "
     "%4 f64[7] = sum %3 {axes=[1]} return %4 }",
     0},
    {"columns that are summed",
     "func f(%1: f64[7,300]) { %2 f64[9,310] = pad %1 {low=[1,6], high=[1,4], gap=[0,0]} %3 f64[9,310] = square %2 "
     "%4 f64[310] = sum %3 {axes=[0]} return %4 }",
     0},
    {"a pad of a pad of what is dear",
     "func f(%1: f64[300]) { %2 f64[300] = square %1 %3 f64[305] = pad %2 {low=[5], high=[0], gap=[0]} %4 f64[305] = "
     "sub %3, %3 %5 f64[311] = pad %4 {low=[0], high=[6], gap=[0]} %6 f64[311] = neg %5 return %6 }",
     0},
    {"of one element, and of an axis of size 1",
     "func f(%1: f64[1], %2: f64[1,200]) { %3 f64[400] = pad %1 {low=[170], high=[229], gap=[0]} %4 f64[3,200] = pad "
     "%2 "
     "{low=[1,0], high=[1,0], gap=[0,0]} return %3, %4 }",
     0},
    {"of a row that is summed first",
     "func f(%1: f64[200,30]) { %2 f64[200] = sum %1 {axes=[1]} %3 f64[204] = pad %2 {low=[2], high=[2], gap=[0]} "
     "%4 f64[204] = neg %3 return %4 }",
     0},
    {"two halves, as a concat of pads",
     "func f(%1: f32[256], %2: f32[300]) { %3 f32[556] = pad %1 {low=[0], high=[300], gap=[0]} %4 f32[556] = pad %2 "
     "{low=[256], high=[0], gap=[0]} %5 f32[556] = add %3, %4 return %5 }",
     0},
    {"read from its end",
     "func f(%1: f64[500]) { %2 f64[510] = pad %1 {low=[3], high=[7], gap=[0]} %3 f64[510] = reverse %2 {axes=[0]} "
     "%4 f64[510] = square %3 return %4 }",
     0},
    {"with gaps: a routine",
     "func f(%1: f64[300]) { %2 f64[599] = pad %1 {low=[0], high=[0], gap=[1]} %3 f64[599] = square %2 return %3 }", 1},
    {"of nothing", "func f(%1: f64[0]) { %2 f64[100] = pad %1 {low=[60], high=[40], gap=[0]} return %2 }", 1},
};

enum { MOST = 4 };

static void *buffer(const ebb_graph *g, ebb_id id, int64_t *bytes) {
    ebb_type type = ebb_type_of(g, id);
    cr_assert(ebb_type_bytes(&type, bytes));
    return calloc(1, (size_t)*bytes + 1);
}

static void check_routines(const ebb_graph *g, int i) {
    ebb_diag d = {0};
    ebb_plan *plan = ebb_plan_new(g, &(ebb_plan_options){0}, &d);
    int routines = 0;
    cr_assert_not_null(plan, "%s: %s", programs[i].what, d.message);
    for (int t = 0; t < plan->steps; t++)
        routines += plan->step[t].kind == EBB_STEP_ROUTINE;
    cr_expect_eq(routines, programs[i].routines, "%s: %d routines", programs[i].what, routines);
    ebb_plan_free(plan);
}

static int run(int i) {
    ebb_diag d = {0};
    ebb_graph *recorded = parsed(programs[i].text), *g = ebb_expand(recorded, false, NULL, &d);
    void *in[MOST] = {NULL}, *want[MOST] = {NULL}, *got[MOST] = {NULL};
    int64_t bytes[MOST];
    int compiled = 0;
    cr_assert_not_null(g, "%s: %s", programs[i].what, d.message);
    for (int k = 0; k < g->inputs; k++) {
        ebb_dtype dtype = ebb_dtype_at(g, g->input[k]);
        in[k] = buffer(g, g->input[k], &bytes[0]);
        ebb_random_fill((uint64_t)(100 * i + k), dtype, bytes[0] / (int64_t)ebb_dtype_size(dtype), false, in[k]);
    }
    for (int j = 0; j < g->outputs; j++) {
        want[j] = buffer(g, g->output[j], &bytes[j]);
        got[j] = buffer(g, g->output[j], &bytes[j]);
    }
    cr_assert(ebb_eval_graph(g, NULL, (const void *const *)in, want, &ebb_malloc_allocator, &d), "%s", d.message);
    check_routines(g, i);
    for (int w = 0; w < WAYS; w++) {
        int code;
        d = (ebb_diag){0};
        if (ways[w].in_place || ways[w].without) continue;
        for (int j = 0; j < g->outputs; j++)
            memset(got[j], 0x5a, (size_t)bytes[j]);
        if (!way_run(g, &ways[w], in, got, &code, &d)) {
            cr_assert_eq(d.code, EBB_UNAVAILABLE, "%s, %s: %s", programs[i].what, ways[w].name, d.message);
            continue;
        }
        for (int j = 0; j < g->outputs; j++)
            cr_expect_eq(memcmp(got[j], want[j], (size_t)bytes[j]), 0, "%s, %s: result %d differs", programs[i].what,
                         ways[w].name, j);
        compiled++;
    }
    for (int k = 0; k < MOST; k++)
        free(in[k]), free(want[k]), free(got[k]);
    ebb_graph_release(g);
    ebb_graph_release(recorded);
    return compiled;
}

Test(pads, agree_to_the_bit) {
    int compiled = 0;
    for (int i = 0; i < COUNT(programs); i++)
        compiled += run(i);
    printf("cases: %d programs, compiled %d times\n", COUNT(programs), compiled);
}
