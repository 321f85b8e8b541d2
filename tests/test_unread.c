/* test_unread.c - what is left of regions when a program is made to run: without results that nobody reads, directly or
 * through a body, and all that was computed for them, and without loops whose results another one has as well. That the
 * numbers stay the same is in test_random_regions.c. */
#include "dual/dual.h"
#include "jit/graph/reach.h"
#include "jit/graph/text.h"
#include "tests/support/parsed.h"
#include "tests/support/region_programs.h"
#include "tests/support/scarce.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

/* Loops of values, and of values and tangents. */
#define SWING_ALONE                                                                                                    \
    "func swing(%1: f64[], %2: f64[]) {\n  %3 f64[] = sin %1\n  %4 f64[] = mul %3, %2\n  return %4, %3\n}\n"
#define BOTH_ALONE                                                                                                     \
    "func both(%1: f64[], %2: f64[], %3: f64[]) {\n  %4 f64[] = sin %1\n  %5 f64[] = cos %1\n"                         \
    "  %6 f64[] = mul %5, %2\n  %7 f64[] = mul %4, %3\n  return %7, %6\n}\n"
#define SWING                                                                                                          \
    SWING_ALONE                                                                                                        \
    "func both(%1: f64[], %2: f64[], %3: f64[]) {\n  %4 f64[] = sin %1\n  %5 f64[] = cos %1\n"                         \
    "  %6 f64[] = mul %5, %2\n  %7 f64[] = mul %4, %3\n  return %7, %6, %5, %4\n}\n"
#define TWO_SWINGS(tangent)                                                                                            \
    "func f(%1: f64[], %2: f64[3]) {\n  %3 (f64[], f64[3]) = loop @swing %1, %2 {states=1, captures=0, trips=3, "      \
    "reverse=0}\n  %4 f64[] = get %3 {k=0}\n  %5 f64[3] = get %3 {k=1}\n  %6 f64[] = exp %4\n"                         \
    "  %7 (f64[], f64[], f64[3], f64[3]) = loop @both %1, " tangent                                                    \
    ", %2 {states=2, captures=0, trips=3, reverse=0}\n"                                                                \
    "  %8 f64[] = get %7 {k=1}\n  %9 f64[] = mul %6, %8\n  return %9, %5\n}\n"

static const struct {
    const char *name, *before, *after;
} rows[] = {
    {"a branch has a result that nobody reads",
     "func then(%1: f64[], %2: f64[]) {\n  %3 f64[] = sin %1\n  %4 f64[] = cos %2\n  return %4, %3\n}\n"
     "func otherwise(%1: f64[], %2: f64[]) {\n  %3 f64[] = exp %1\n  return %1, %3\n}\n"
     "func f(%1: bool[], %2: f64[], %3: f64[]) {\n  %4 (f64[], f64[]) = cond @then @otherwise %1, %2, %3\n"
     "  %5 f64[] = get %4 {k=1}\n  return %5\n}\n",
     "func then(%1: f64[]) {\n  %2 f64[] = sin %1\n  return %2\n}\n\n"
     "func otherwise(%1: f64[]) {\n  %2 f64[] = exp %1\n  return %2\n}\n\n"
     "func f(%1: bool[], %2: f64[], %3: f64[]) {\n  %4 (f64[]) = cond @then @otherwise %1, %2\n"
     "  %5 f64[] = get %4 {k=0}\n  return %5\n}\n"},
    {"states feed each other in a ring of two, and a third one alone; a capture and what is stacked go with it",
     "func body(%1: f64[], %2: f64[], %3: f64[], %4: f64[], %5: f64[]) {\n  %6 f64[] = sin %3\n  %7 f64[] = mul %2, "
     "%4\n"
     "  %8 f64[] = add %1, %5\n  return %8, %7, %1, %7, %6\n}\n"
     "func f(%1: f64[], %2: f64[], %3: f64[5]) {\n"
     "  %4 (f64[], f64[], f64[], f64[5], f64[5]) = loop @body %1, %2, %1, %2, %3 {states=3, captures=1, trips=5, "
     "reverse=1}\n  %5 f64[5] = get %4 {k=4}\n  return %5\n}\n",
     "func body(%1: f64[], %2: f64[], %3: f64[]) {\n  %4 f64[] = sin %2\n  %5 f64[] = add %1, %3\n"
     "  return %5, %1, %4\n}\n\n"
     "func f(%1: f64[], %2: f64[], %3: f64[5]) {\n  %4 (f64[], f64[], f64[5]) = loop @body %1, %1, %3 {states=2, "
     "captures=0, trips=5, reverse=1}\n  %5 f64[5] = get %4 {k=2}\n  return %5\n}\n"},
    {"a condition reads a state that nobody else does",
     "func body(%1: f64[], %2: i64[], %3: f64[]) {\n  %4 i64[] = constant 1\n  %5 i64[] = add %2, %4\n"
     "  %6 f64[] = sin %1\n  %7 f64[] = cos %3\n  return %6, %5, %7\n}\n"
     "func more(%1: f64[], %2: i64[], %3: f64[]) {\n  %4 i64[] = constant 9\n  %5 bool[] = lt %2, %4\n  return %5\n}\n"
     "func f(%1: f64[], %2: i64[]) {\n  %3 (f64[], i64[], f64[]) = loop @body @more %1, %2, %1 {states=3, captures=0, "
     "trips=-1, reverse=0}\n  %4 f64[] = get %3 {k=2}\n  return %4\n}\n",
     "func body(%1: i64[], %2: f64[]) {\n  %3 i64[] = constant 1\n  %4 i64[] = add %1, %3\n  %5 f64[] = cos %2\n"
     "  return %4, %5\n}\n\n"
     "func more(%1: i64[], %2: f64[]) {\n  %3 i64[] = constant 9\n  %4 bool[] = lt %1, %3\n  return %4\n}\n\n"
     "func f(%1: f64[], %2: i64[]) {\n  %3 (i64[], f64[]) = loop @body @more %2, %1 {states=2, captures=0, trips=-1, "
     "reverse=0}\n  %4 f64[] = get %3 {k=1}\n  return %4\n}\n"},
    {"of an unloop only the cotangent of a sequence is read: a capture's is absent, a state goes with its cotangent",
     "func body(%1: f64[], %2: f64[], %3: f64[], %4: f64[]) {\n  %5 f64[] = mul %1, %3\n  %6 f64[] = add %5, %4\n"
     "  %7 f64[] = mul %2, %1\n  return %6, %7\n}\n"
     "func back(%1: f64[], %2: f64[], %3: f64[], %4: f64[], %5: f64[], %6: f64[]) {\n  %7 f64[] = mul %5, %3\n"
     "  %8 f64[] = mul %5, %1\n  %9 f64[] = mul %6, %1\n  return %7, %9, %8, %5\n}\n"
     "func f(%1: f64[], %2: f64[], %3: f64[7]) {\n"
     "  %4 (f64[], f64[], f64[], f64[7]) = unloop @body @back %1, %2, %2, %3, %1, %2 {states=2, captures=1, trips=7, "
     "reverse=0, budget=64}\n  %5 f64[7] = get %4 {k=3}\n  return %5\n}\n",
     "func body(%1: f64[], %2: f64[], %3: f64[]) {\n  %4 f64[] = mul %1, %2\n  %5 f64[] = add %4, %3\n  return "
     "%5\n}\n\n"
     "func back(%1: f64[], %2: f64[], %3: f64[], %4: f64[]) {\n  %5 f64[] = mul %4, %2\n  return %5, absent, %4\n}\n\n"
     "func f(%1: f64[], %2: f64[], %3: f64[7]) {\n"
     "  %4 (f64[], absent, f64[7]) = unloop @body @back %1, %2, %3, %1 {states=1, captures=1, trips=7, reverse=0, "
     "budget=64}\n  %5 f64[7] = get %4 {k=2}\n  return %5\n}\n"},
    {"two loops run one body: what either reads stays in both",
     "func body(%1: f64[], %2: f64[], %3: f64[]) {\n  %4 f64[] = sin %1\n  %5 f64[] = cos %2\n  %6 f64[] = exp %3\n"
     "  return %4, %5, %6\n}\n"
     "func f(%1: f64[]) {\n  %2 (f64[], f64[], f64[]) = loop @body %1, %1, %1 {states=3, captures=0, trips=2, "
     "reverse=0}\n"
     "  %3 f64[] = get %2 {k=0}\n  %4 (f64[], f64[], f64[]) = loop @body %3, %3, %3 {states=3, captures=0, trips=4, "
     "reverse=0}\n  %5 f64[] = get %4 {k=2}\n  return %5\n}\n",
     "func body(%1: f64[], %2: f64[]) {\n  %3 f64[] = sin %1\n  %4 f64[] = exp %2\n  return %3, %4\n}\n\n"
     "func f(%1: f64[]) {\n  %2 (f64[], f64[]) = loop @body %1, %1 {states=2, captures=0, trips=2, reverse=0}\n"
     "  %3 f64[] = get %2 {k=0}\n  %4 (f64[], f64[]) = loop @body %3, %3 {states=2, captures=0, trips=4, reverse=0}\n"
     "  %5 f64[] = get %4 {k=1}\n  return %5\n}\n"},
    {"a loop in a branch, of which one state is read",
     "func body(%1: f64[], %2: f64[]) {\n  %3 f64[] = sin %1\n  %4 f64[] = cos %2\n  return %3, %4\n}\n"
     "func then(%1: f64[]) {\n  %2 (f64[], f64[]) = loop @body %1, %1 {states=2, captures=0, trips=3, reverse=0}\n"
     "  %3 f64[] = get %2 {k=0}\n  %4 f64[] = get %2 {k=1}\n  return %3, %4\n}\n"
     "func f(%1: bool[], %2: f64[]) {\n  %3 (f64[], f64[]) = cond @then @then %1, %2\n  %4 f64[] = get %3 {k=1}\n"
     "  return %4\n}\n",
     "func body(%1: f64[]) {\n  %2 f64[] = cos %1\n  return %2\n}\n\n"
     "func then(%1: f64[]) {\n  %2 (f64[]) = loop @body %1 {states=1, captures=0, trips=3, reverse=0}\n"
     "  %3 f64[] = get %2 {k=0}\n  return %3\n}\n\n"
     "func f(%1: bool[], %2: f64[]) {\n  %3 (f64[]) = cond @then @then %1, %2\n  %4 f64[] = get %3 {k=0}\n"
     "  return %4\n}\n"},
    {"one function is a pullback and a branch: it stays as it is",
     "func body(%1: f64[], %2: f64[]) {\n  %3 f64[] = mul %1, %2\n  return %3\n}\n"
     "func back(%1: f64[], %2: f64[], %3: f64[]) {\n  %4 f64[] = mul %3, %2\n  %5 f64[] = mul %3, %1\n"
     "  return %4, %5\n}\n"
     "func f(%1: bool[], %2: f64[]) {\n  %3 (f64[], f64[]) = cond @back @back %1, %2, %2, %2\n  %4 f64[] = get %3 "
     "{k=1}\n"
     "  %5 (f64[], f64[]) = unloop @body @back %2, %2, %4 {states=1, captures=1, trips=3, reverse=0, budget=0}\n"
     "  %6 f64[] = get %5 {k=0}\n  return %6\n}\n",
     "func back(%1: f64[], %2: f64[], %3: f64[]) {\n  %4 f64[] = mul %3, %2\n  %5 f64[] = mul %3, %1\n"
     "  return %4, %5\n}\n\n"
     "func body(%1: f64[], %2: f64[]) {\n  %3 f64[] = mul %1, %2\n  return %3\n}\n\n"
     "func f(%1: bool[], %2: f64[]) {\n  %3 (f64[], f64[]) = cond @back @back %1, %2, %2, %2\n  %4 f64[] = get %3 "
     "{k=1}\n"
     "  %5 (f64[], f64[]) = unloop @body @back %2, %2, %4 {states=1, captures=1, trips=3, reverse=0, budget=0}\n"
     "  %6 f64[] = get %5 {k=0}\n  return %6\n}\n"},
    {"a loop beside one of values and tangents, which stands behind a reader of its results", SWING TWO_SWINGS("%1"),
     "func both(%1: f64[], %2: f64[], %3: f64[]) {\n  %4 f64[] = sin %1\n  %5 f64[] = cos %1\n  %6 f64[] = mul %5, %2\n"
     "  %7 f64[] = mul %4, %3\n  return %7, %6, %4\n}\n\n"
     "func f(%1: f64[], %2: f64[3]) {\n  %3 (f64[], f64[], f64[3]) = loop @both %1, %1, %2 {states=2, captures=0, "
     "trips=3, reverse=0}\n  %4 f64[] = get %3 {k=0}\n  %5 f64[3] = get %3 {k=2}\n  %6 f64[] = exp %4\n"
     "  %7 f64[] = get %3 {k=1}\n  %8 f64[] = mul %6, %7\n  return %8, %5\n}\n"},
    {"a loop beside one that is computed from its results", SWING TWO_SWINGS("%6"),
     SWING_ALONE
     "\n" BOTH_ALONE "\n"
     "func f(%1: f64[], %2: f64[3]) {\n  %3 (f64[], f64[3]) = loop @swing %1, %2 {states=1, captures=0, trips=3, "
     "reverse=0}\n  %4 f64[] = get %3 {k=0}\n  %5 f64[3] = get %3 {k=1}\n  %6 f64[] = exp %4\n"
     "  %7 (f64[], f64[]) = loop @both %1, %6, %2 {states=2, captures=0, trips=3, reverse=0}\n"
     "  %8 f64[] = get %7 {k=1}\n  %9 f64[] = mul %6, %8\n  return %9, %5\n}\n"},
    {"a loop in one in a third one, which lacks what the second one stacks",
     "func alone(%1: f64[]) {\n"
     "  %2 f64[] = sin %1\n"
     "  %3 f64[] = exp %1\n"
     "  return %2, %3\n"
     "}\n"
     "func two(%1: f64[], %2: f64[]) {\n"
     "  %3 f64[] = sin %1\n"
     "  %4 f64[] = exp %1\n"
     "  %5 f64[] = mul %2, %3\n"
     "  return %3, %5, %4\n"
     "}\n"
     "func three(%1: f64[], %2: f64[], %3: f64[]) {\n"
     "  %4 f64[] = sin %1\n"
     "  %5 f64[] = mul %2, %4\n"
     "  %6 f64[] = add %3, %5\n"
     "  return %4, %5, %6\n"
     "}\n"
     "func f(%1: f64[], %2: f64[], %3: f64[]) {\n"
     "  %4 (f64[], f64[9]) = loop @alone %1 {states=1, captures=0, trips=9, reverse=0}\n"
     "  %5 f64[9] = get %4 {k=1}\n"
     "  %6 (f64[], f64[], f64[9]) = loop @two %1, %2 {states=2, captures=0, trips=9, reverse=0}\n"
     "  %7 f64[] = get %6 {k=1}\n"
     "  %8 (f64[], f64[], f64[]) = loop @three %1, %2, %3 {states=3, captures=0, trips=9, reverse=0}\n"
     "  %9 f64[] = get %8 {k=2}\n"
     "  return %5, %7, %9\n"
     "}\n",
     "func two(%1: f64[], %2: f64[]) {\n"
     "  %3 f64[] = sin %1\n"
     "  %4 f64[] = exp %1\n"
     "  %5 f64[] = mul %2, %3\n"
     "  return %3, %5, %4\n"
     "}\n"
     "\n"
     "func three(%1: f64[], %2: f64[], %3: f64[]) {\n"
     "  %4 f64[] = sin %1\n"
     "  %5 f64[] = mul %2, %4\n"
     "  %6 f64[] = add %3, %5\n"
     "  return %4, %5, %6\n"
     "}\n"
     "\n"
     "func f(%1: f64[], %2: f64[], %3: f64[]) {\n"
     "  %4 (f64[], f64[], f64[9]) = loop @two %1, %2 {states=2, captures=0, trips=9, reverse=0}\n"
     "  %5 f64[9] = get %4 {k=2}\n"
     "  %6 f64[] = get %4 {k=1}\n"
     "  %7 (f64[], f64[], f64[]) = loop @three %1, %2, %3 {states=3, captures=0, trips=9, reverse=0}\n"
     "  %8 f64[] = get %7 {k=2}\n"
     "  return %5, %6, %8\n"
     "}\n"},
    {"the same, of which the third one comes first",
     "func alone(%1: f64[]) {\n"
     "  %2 f64[] = sin %1\n"
     "  %3 f64[] = exp %1\n"
     "  return %2, %3\n"
     "}\n"
     "func two(%1: f64[], %2: f64[]) {\n"
     "  %3 f64[] = sin %1\n"
     "  %4 f64[] = exp %1\n"
     "  %5 f64[] = mul %2, %3\n"
     "  return %3, %5, %4\n"
     "}\n"
     "func three(%1: f64[], %2: f64[], %3: f64[]) {\n"
     "  %4 f64[] = sin %1\n"
     "  %5 f64[] = mul %2, %4\n"
     "  %6 f64[] = add %3, %5\n"
     "  return %4, %5, %6\n"
     "}\n"
     "func f(%1: f64[], %2: f64[], %3: f64[]) {\n"
     "  %4 (f64[], f64[], f64[]) = loop @three %1, %2, %3 {states=3, captures=0, trips=9, reverse=0}\n"
     "  %5 f64[] = get %4 {k=2}\n"
     "  %6 (f64[], f64[], f64[9]) = loop @two %1, %2 {states=2, captures=0, trips=9, reverse=0}\n"
     "  %7 f64[] = get %6 {k=1}\n"
     "  %8 (f64[], f64[9]) = loop @alone %1 {states=1, captures=0, trips=9, reverse=0}\n"
     "  %9 f64[9] = get %8 {k=1}\n"
     "  return %9, %7, %5\n"
     "}\n",
     "func three(%1: f64[], %2: f64[], %3: f64[]) {\n"
     "  %4 f64[] = sin %1\n"
     "  %5 f64[] = mul %2, %4\n"
     "  %6 f64[] = add %3, %5\n"
     "  return %4, %5, %6\n"
     "}\n"
     "\n"
     "func alone(%1: f64[]) {\n"
     "  %2 f64[] = sin %1\n"
     "  %3 f64[] = exp %1\n"
     "  return %2, %3\n"
     "}\n"
     "\n"
     "func f(%1: f64[], %2: f64[], %3: f64[]) {\n"
     "  %4 (f64[], f64[], f64[]) = loop @three %1, %2, %3 {states=3, captures=0, trips=9, reverse=0}\n"
     "  %5 f64[] = get %4 {k=2}\n"
     "  %6 f64[] = get %4 {k=1}\n"
     "  %7 (f64[], f64[9]) = loop @alone %1 {states=1, captures=0, trips=9, reverse=0}\n"
     "  %8 f64[9] = get %7 {k=1}\n"
     "  return %8, %6, %5\n"
     "}\n"},
    {"a loop in one in a third one, which has all of it",
     "func alone(%1: f64[]) {\n"
     "  %2 f64[] = sin %1\n"
     "  %3 f64[] = exp %1\n"
     "  return %2, %3\n"
     "}\n"
     "func two(%1: f64[], %2: f64[]) {\n"
     "  %3 f64[] = sin %1\n"
     "  %4 f64[] = exp %1\n"
     "  %5 f64[] = mul %2, %3\n"
     "  return %3, %5, %4\n"
     "}\n"
     "func three(%1: f64[], %2: f64[], %3: f64[]) {\n"
     "  %4 f64[] = sin %1\n"
     "  %5 f64[] = mul %2, %4\n"
     "  %6 f64[] = add %3, %5\n"
     "  %7 f64[] = exp %1\n"
     "  return %4, %5, %6, %7\n"
     "}\n"
     "func f(%1: f64[], %2: f64[], %3: f64[]) {\n"
     "  %4 (f64[], f64[9]) = loop @alone %1 {states=1, captures=0, trips=9, reverse=0}\n"
     "  %5 f64[9] = get %4 {k=1}\n"
     "  %6 (f64[], f64[], f64[9]) = loop @two %1, %2 {states=2, captures=0, trips=9, reverse=0}\n"
     "  %7 f64[] = get %6 {k=1}\n"
     "  %8 (f64[], f64[], f64[], f64[9]) = loop @three %1, %2, %3 {states=3, captures=0, trips=9, reverse=0}\n"
     "  %9 f64[] = get %8 {k=2}\n"
     "  return %5, %7, %9\n"
     "}\n",
     "func three(%1: f64[], %2: f64[], %3: f64[]) {\n"
     "  %4 f64[] = sin %1\n"
     "  %5 f64[] = mul %2, %4\n"
     "  %6 f64[] = add %3, %5\n"
     "  %7 f64[] = exp %1\n"
     "  return %4, %5, %6, %7\n"
     "}\n"
     "\n"
     "func f(%1: f64[], %2: f64[], %3: f64[]) {\n"
     "  %4 (f64[], f64[], f64[], f64[9]) = loop @three %1, %2, %3 {states=3, captures=0, trips=9, reverse=0}\n"
     "  %5 f64[9] = get %4 {k=3}\n"
     "  %6 f64[] = get %4 {k=1}\n"
     "  %7 f64[] = get %4 {k=2}\n"
     "  return %5, %6, %7\n"
     "}\n"},
};

static ebb_graph *run(const ebb_graph *g, ebb_diag *diag) {
    ebb_graph *runs = ebb_expand_to_run(g, diag);
    if (runs && !ebb_verify(runs, diag)) cr_assert_fail("%s", diag->message);
    return runs;
}

Test(unread, goes) {
    for (int i = 0; i < COUNT(rows); i++) {
        ebb_diag diag = {0};
        ebb_graph *g = parsed(rows[i].before), *runs = run(g, &diag), *again = runs ? run(runs, &diag) : NULL;
        cr_assert_not_null(again, "%s: %s", rows[i].name, diag.message);
        char *text = ebb_graph_print(runs, &diag), *twice = ebb_graph_print(again, &diag);
        cr_expect_str_eq(text, rows[i].after, "%s: it becomes\n%s", rows[i].name, text);
        cr_expect_str_eq(twice, text, "%s: the second time, it becomes\n%s", rows[i].name, twice);
        ebb_mem_free(g->allocator, text);
        ebb_mem_free(g->allocator, twice);
        ebb_graph_release(g);
        ebb_graph_release(runs);
        ebb_graph_release(again);
    }
    printf("cases: %d programs\n", COUNT(rows));
    fflush(stdout);
}

/* ---- the loops of derivatives ---- */

static ebb_graph *series(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag) {
    return ebb_jet_graph(f, 3, spec, diag);
}
static const struct {
    const char *name;
    ebb_graph *(*derive)(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag);
} kinds[] = {{"tangents", ebb_jvp_graph}, {"series", series}};

/* In the program and in all functions that it reaches; where there is a branch, in both of them. */
static int count_loops(const ebb_graph *g) {
    ebb_reach reach;
    int n = 0;
    cr_assert(ebb_reach_from(g, &reach));
    for (int32_t k = 0; k < reach.count; k++)
        for (ebb_id id = 1; id < reach.graph[k]->count; id++)
            n += ebb_op_of(reach.graph[k], id) == EBB_OP_loop;
    ebb_reach_end(&reach);
    return n;
}

/* Values and tangents of every order come from one loop, where there was one. */
Test(unread, the_loop_of_tangents_is_the_only_one) {
    int cases = 0;
    for (int i = 0; i < region_program_count; i++)
        for (int k = 0; k < COUNT(kinds); k++, cases++) {
            const region_program *p = &region_programs[i];
            if (strstr(p->text, "cond @long")) continue; /* the branches of tangents are others than those of values */
            const ebb_dual_spec spec = {.nwrt = p->nwrt, .wrt = p->wrt};
            ebb_diag diag = {0};
            ebb_graph *f = parsed(p->text), *runs = run(f, &diag), *g = kinds[k].derive(f, &spec, &diag);
            ebb_graph *derived = g ? run(g, &diag) : NULL;
            cr_assert(runs && derived, "%s, %s: %s", p->name, kinds[k].name, diag.message);
            cr_expect_eq(count_loops(derived), count_loops(runs), "%s, %s: %d loops, not %d", p->name, kinds[k].name,
                         count_loops(derived), count_loops(runs));
            ebb_graph_release(f);
            ebb_graph_release(runs);
            ebb_graph_release(g);
            ebb_graph_release(derived);
        }
    printf("cases: %d derivatives\n", cases);
    fflush(stdout);
}

Test(unread, memory_runs_out_anywhere) {
    for (int i = 0; i < COUNT(rows); i++) {
        bool good = false;
        for (int64_t k = 0; !good; k++) {
            scarce c = {.left = k, .once = true};
            const ebb_allocator a = scarce_allocator(&c);
            ebb_diag diag = {0};
            ebb_module *m = ebb_module_parse(&a, rows[i].before, strlen(rows[i].before), &diag);
            ebb_graph *runs = m ? ebb_expand_to_run(m->function[m->functions - 1], &diag) : NULL;
            good = runs != NULL;
            ebb_graph_release(runs);
            ebb_module_free(m);
            cr_expect_eq(c.live, 0, "%s, allocation %d: %d blocks are lost", rows[i].name, (int)k, (int)c.live);
            cr_assert(good || diag.code == EBB_NO_MEMORY, "%s, allocation %d: %s", rows[i].name, (int)k, diag.message);
        }
    }
}
