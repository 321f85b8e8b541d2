/* test_region.c - regions as parts of programs: their text, what they may look like, and the passes of jit/graph over
 * them. That they run is in test_region_run.c. */
#include "jit/graph/intern.h"
#include "jit/graph/region.h"
#include "jit/graph/text.h"
#include "tests/support/parsed.h"
#include "tests/support/reprint.h"
#include "tests/support/scarce.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

/* ---- functions that regions run ---- */

#define STEP /* (x, a, row) -> x a + row, and its square stacked */                                                    \
    "func step(%1: f64[], %2: f64[], %3: f64[]) {\n  %4 f64[] = mul %1, %2\n  %5 f64[] = add %4, %3\n"                 \
    "  %6 f64[] = square %5\n  return %5, %6\n}\n\n"
#define BACK /* of step, for the cotangents of both results; nothing for the row */                                    \
    "func back(%1: f64[], %2: f64[], %3: f64[], %4: f64[], %5: f64[]) {\n  %6 f64[] = mul %4, %2\n"                    \
    "  %7 f64[] = mul %4, %1\n  return %6, %7, absent\n}\n\n"
#define HALF "func half(%1: f64[], %2: i64[]) {\n  %3 f64[] = sinh %1\n  return %3, %2\n}\n\n"
#define MORE "func \"any more\"(%1: f64[], %2: i64[]) {\n  %3 bool[] = gt %1, %1\n  return %3\n}\n\n"
#define UNHALF                                                                                                         \
    "func unhalf(%1: f64[], %2: i64[], %3: f64[]) {\n  %4 f64[] = cosh %1\n  %5 f64[] = mul %3, %4\n"                  \
    "  return %5\n}\n\n"
#define YES "func yes(%1: f64[2], %2: f64[]) {\n  return %1, absent, %2\n}\n\n"
#define NO "func no(%1: f64[2], %2: f64[]) {\n  %3 f64[2] = neg %1\n  return %3, absent, %2\n}\n\n"

#define LOOP                                                                                                           \
    STEP "func f(%1: f64[], %2: f64[], %3: f64[9]) {\n"                                                                \
         "  %4 (f64[], f64[9]) = loop @step %1, %2, %3 {states=1, captures=1, trips=9, reverse=0}\n"                   \
         "  %5 f64[9] = get %4 {k=1}\n  %6 f64[] = get %4 {k=0}\n  return %5, %6\n}\n"
#define UNLOOP                                                                                                         \
    STEP BACK "func f(%1: f64[], %2: f64[], %3: f64[9], %4: f64[9]) {\n"                                               \
              "  %5 (f64[], f64[], absent) = unloop @step @back %1, %2, %3, %1, %4 {states=1, captures=1, trips=9, "   \
              "reverse=1, budget=4096}\n  %6 f64[] = get %5 {k=1}\n  return %6\n}\n"
#define WHILE                                                                                                          \
    HALF MORE "func f(%1: f64[], %2: i64[]) {\n"                                                                       \
              "  %3 (f64[], i64[]) = loop @half @\"any more\" %1, %2 {states=2, captures=0, trips=-1, reverse=0}\n"    \
              "  %4 f64[] = get %3 {k=0}\n  return %4\n}\n"
#define UNWHILE                                                                                                        \
    HALF MORE UNHALF                                                                                                   \
        "func f(%1: f64[], %2: i64[]) {\n"                                                                             \
        "  %3 (f64[]) = unloop @half @\"any more\" @unhalf %1, %2, %1 {states=2, captures=0, trips=-1, reverse=0, "    \
        "budget=0}\n  %4 f64[] = get %3 {k=0}\n  return %4\n}\n"
#define COND                                                                                                           \
    YES NO "func f(%1: bool[], %2: f64[2], %3: f64[]) {\n"                                                             \
           "  %4 (f64[2], absent, f64[]) = cond @yes @no %1, %2, %3\n  %5 f64[] = get %4 {k=2}\n  return %5\n}\n"

#define CUSTOM                                                                                                         \
    "func p(%1: f64[2], %2: i64[]) {\n  %3 f64[2] = sin %1\n  return %2, %3\n}\n\n"                                    \
    "func rule(%1: f64[2], %2: i64[], %3: i64[], %4: f64[2], %5: f64[2]) {\n  %6 f64[2] = cos %1\n"                    \
    "  %7 f64[2] = mul %6, %5\n  return %7\n}\n\n"                                                                     \
    "func f(%1: f64[2], %2: i64[]) {\n  %3 (i64[], f64[2]) = custom @p @rule %1, %2 {reverse=0}\n"                     \
    "  %4 f64[2] = get %3 {k=1}\n  return %4\n}\n"

#define FRUGAL                                                                                                         \
    STEP "func f(%1: f64[], %2: f64[], %3: f64[9]) {\n"                                                                \
         "  %4 (f64[], f64[9]) = loop @step %1, %2, %3 {states=1, captures=1, trips=9, reverse=0, budget=64}\n"        \
         "  %5 f64[] = get %4 {k=0}\n  return %5\n}\n"

static const char *const sound[] = {LOOP, UNLOOP, WHILE, UNWHILE, COND, CUSTOM, FRUGAL};

Test(region, prints_and_parses_back) {
    for (int i = 0; i < COUNT(sound); i++) {
        ebb_diag diag = {0};
        char *again = reprint(&ebb_malloc_allocator, sound[i], strlen(sound[i]), &diag);
        cr_expect_not_null(again, "program %d: %s", i, diag.message);
        if (again) cr_expect_str_eq(again, sound[i], "program %d:\n%s", i, again);
        free(again);
    }
}

Test(region, says_what_it_is) {
    ebb_graph *g = parsed(UNLOOP);
    ebb_loop l = ebb_loop_of(g, 5);
    ebb_graph *callee[3];
    ebb_type type;
    cr_expect(!strcmp(l.body->name, "step") && !l.condition && !strcmp(l.pullback->name, "back"));
    cr_expect(l.states == 1 && l.captures == 1 && l.sequences == 1 && l.stacked == 1 && l.trips == 9 && l.reverse);
    cr_expect_eq(l.budget, 4096);
    cr_expect_eq(ebb_callees_of(g, 5, callee), 2);
    cr_expect(callee[0] == l.body && callee[1] == l.pullback);
    cr_expect_eq(ebb_results_of(g, 5), 3);
    cr_expect(ebb_result_type(g, 5, 1, &type) && type.dtype == EBB_F64 && type.shape.rank == 0);
    cr_expect(!ebb_result_type(g, 5, 2, &type) && !ebb_result_type(g, 5, 3, &type) &&
              !ebb_result_type(g, 5, -1, &type));
    ebb_graph_release(g);
}

/* A state that the body does not look at: its cotangent is zero, unless there may be no iteration at all. */
Test(region, what_passes_through_is_not_absent) {
    static const struct {
        const char *trips, *result;
    } rows[] = {{"0", "f64[]"}, {"1", "absent"}, {"-1", "f64[]"}, {"-2", "f64[]"}};
    for (int i = 0; i < COUNT(rows); i++) {
        char text[1000];
        snprintf(text, sizeof text,
                 "func one(%%1: f64[]) {\n  %%2 f64[] = constant 1\n  return %%2\n}\n\n"
                 "func none(%%1: f64[], %%2: f64[]) {\n  return absent\n}\n\n"
                 "func f(%%1: f64[]) {\n  %%2 (%s) = unloop @one @none %%1, %%1 {states=1, captures=0, trips=%s, "
                 "reverse=0, budget=0}\n  return %%1\n}\n",
                 rows[i].result, rows[i].trips);
        ebb_graph_release(parsed(text));
    }
}

/* ---- what does not fit ---- */

/* A text of `from` with `old` replaced, once. */
static void replaced(const char *from, const char *old, const char *new, char *to, size_t size) {
    const char *at = strstr(from, old);
    cr_assert_not_null(at, "%s is not in\n%s", old, from);
    snprintf(to, size, "%.*s%s%s", (int)(at - from), from, new, at + strlen(old));
}

static const struct {
    const char *from, *old, *new, *message;
} misfits[] = {
    {COND, "@yes @no", "@yes", "cond: it names 2 functions, not 1"},
    {COND, "%1: bool[], %2", "%1: bool[2], %2", "cond: the predicate is bool[2]; it must be bool[]"},
    {COND, "%1: bool[], %2", "%1: f64[], %2", "cond: the predicate is f64[]; it must be bool[]"},
    {COND, "no %1, %2, %3", "no %1, %2", "cond: yes takes 2 arguments, got 1"},
    {COND, "no %1, %2, %3", "no", "cond: it has no predicate"},
    {COND, "no %1, %2, %3", "no %1, %3, %3", "cond: argument 0 is f64[]; yes needs f64[2]"},
    {COND, "%3, absent, %2", "%3, %2, %2", "cond: result 1 is absent in yes, f64[] in no"},
    {COND, "%3, absent, %2", "%3", "cond: yes gives 3 results, no 1"},
    {COND, "%4 (f64[2], absent, f64[])", "%4 (f64[2], f64[])", "cond: it has 3 results, not 2"},
    {COND, "%1, %2, %3\n", "%1, %2, %3 {k=1}\n", "cond: it has no attributes"},
    {COND, "@yes @no", "@f @no", "cond: no function @f before this one"},
    {COND, "{k=2}", "{k=1}", "get: cond has no result 1"},
    {CUSTOM, "@p @rule", "@p", "custom: it names 2 functions, not 1"},
    {CUSTOM, "rule %1, %2", "rule %1", "custom: p takes 2 arguments, got 1"},
    {CUSTOM, "rule %1, %2", "rule %1, %1", "custom: argument 1 is f64[2]; p needs i64[]"},
    {CUSTOM, "reverse=0", "reverse=2", "custom: reverse is neither 0 nor 1"},
    {CUSTOM, "return %2, %3", "return %2, absent", "custom: result 1 of p is absent"},
    {CUSTOM, "i64[], %4: f64[2], %5: f64[2]) {\n  %6 f64[2] = cos %1\n  %7 f64[2] = mul %6, %5\n  return %7",
     "i64[], %4: f64[2]) {\n  return %4",
     "custom: the rule rule of p takes 4 arguments; it must take 5: 2 arguments, 2 results, 1 tangents"},
    {CUSTOM, "i64[], %3: i64[]", "f64[], %3: i64[]",
     "custom: the rule rule of p takes f64[] for argument 1, which is i64[]"},
    {CUSTOM, "return %7", "return %7, %7", "custom: the rule rule of p gives 2 results; it must give 1 tangents"},
    {CUSTOM, "return %7", "return %3",
     "custom: the rule rule of p gives i64[] for the derivative of result 1, which is f64[2]"},
    {LOOP, "loop @step", "loop", "loop: expected \"@\", found \"%1\""},
    {LOOP, "states=1", "states=-1", "loop: -1 states and 1 captures"},
    {LOOP, "captures=1", "captures=9", "loop: step takes 3 arguments, fewer than 1 states and 9 captures"},
    {LOOP, "states=1, captures=1", "states=2, captures=0", "loop: its result 1 is f64[], not f64[9]"},
    {LOOP, "states=1, captures=1", "states=3, captures=0", "loop: step gives 2 results for 3 states"},
    {LOOP, "trips=9", "trips=8", "loop: sequence 0 is f64[9]; step needs f64[8]"},
    {LOOP, "trips=9", "trips=-9223372036854775808", "loop: -9223372036854775808 iterations"},
    {LOOP, "trips=9", "trips=1000000000000000000", "loop: sequence 0 is f64[1000000000000000000], too large"},
    {LOOP, "reverse=0", "reverse=2", "loop: reverse is neither 0 nor 1"},
    {LOOP, "%1, %2, %3 {", "%1, %2 {", "loop: step takes 3 arguments, got 2"},
    {LOOP, "%1, %2, %3 {", "%1, %3, %3 {", "loop: capture 0 is f64[9]; step needs f64[]"},
    {LOOP, "return %5, %6", "return absent, %6", "loop: result 0 of step is absent"},
    {LOOP, "(f64[], f64[9])", "(f64[], f64[8])", "loop: its result 1 is f64[9], not f64[8]"},
    {LOOP, "%4 (f64[], f64[9])", "%4 f64[]", "loop: its type is a tuple"},
    {WHILE, "trips=-1", "trips=4", "loop: it has a condition and 4 iterations; it is one or the other"},
    {WHILE, "states=2, captures=0", "states=1, captures=0", "loop: with a condition it has no sequences"},
    {WHILE, "states=2, captures=0", "states=1, captures=1", "loop: with a condition it has no stacked results"},
    {WHILE, "(%1: f64[], %2: i64[]) {\n  %3 bool[] = gt %1, %1\n  return %3",
     "(%1: f64[]) {\n  %2 bool[] = gt %1, %1\n  return %2", "loop: any more takes 1 arguments, got 2"},
    {WHILE, "return %3\n}\n\nfunc f", "return %1\n}\n\nfunc f",
     "loop: the condition any more gives f64[]; it must be bool[]"},
    {WHILE, "return %3\n}\n\nfunc f", "return\n}\n\nfunc f", "loop: the condition any more gives 0 results"},
    {WHILE, "return %3, %2", "return %2, %2", "loop: state 0 is f64[], but half makes it i64[]"},
    {UNLOOP, "%3, %1, %4", "%3, %1", "unloop: 1 cotangents for 2 float results"},
    {UNLOOP, "%3, %1, %4", "%3, %1, %1", "unloop: the cotangent of result 1 is f64[], the result f64[9]"},
    {UNLOOP, "%3, %1, %4", "%3, %1, %4, %4", "unloop: 3 cotangents for 2 float results"},
    {UNLOOP, "%1, %2, %3, %1, %4", "%1, %2", "unloop: step takes 3 arguments, got 2"},
    {UNLOOP, "return %6, %7, absent", "return %6, %7", "unloop: back gives 2 cotangents for 3 float parameters"},
    {UNLOOP, "@step @back", "@step @step", "unloop: step takes 3 arguments, got 5"},
    {UNLOOP, "budget=4096", "budget=-1", "unloop: a budget of -1 bytes is negative"},
    {FRUGAL, "budget=64", "budget=-1", "loop: a budget of -1 bytes is negative"},
    {UNLOOP, ", budget=4096", "", "expected \",\""},
    {UNLOOP, "@step @back", "@step", "unloop: it names 2 functions, not 1"},
    {UNLOOP, "{k=1}", "{k=2}", "get: unloop has no result 2"},
};

Test(region, misfits_are_refused) {
    for (int i = 0; i < COUNT(misfits); i++) {
        char text[2000];
        ebb_diag diag = {0};
        replaced(misfits[i].from, misfits[i].old, misfits[i].new, text, sizeof text);
        ebb_module *m = ebb_module_parse(&ebb_malloc_allocator, text, strlen(text), &diag);
        cr_expect_null(m, "%s -> %s", misfits[i].old, misfits[i].new);
        cr_expect_not_null(strstr(diag.message, misfits[i].message), "%s -> %s: %s", misfits[i].old, misfits[i].new,
                           diag.message);
        ebb_module_free(m);
    }
    printf("cases: %d regions that do not fit\n", COUNT(misfits));
    fflush(stdout);
}

/* ---- verify ---- */

static int32_t attr_put(ebb_graph *g, ebb_id id, int k, int64_t value) {
    int64_t attr[8];
    ebb_attr old = ebb_attr_of(g, id);
    memcpy(attr, old.v, (size_t)old.n * sizeof *attr);
    attr[k] = value;
    return ebb_intern_put(g->attrs, attr, old.n * (int32_t)sizeof *attr);
}

#define CORRUPTION(name, change)                                                                                       \
    static void name(ebb_graph *g) { change; }
CORRUPTION(no_such_body, g->node[5].attr = attr_put(g, 5, 0, 2))
CORRUPTION(no_body, g->node[5].attr = attr_put(g, 5, 0, -1))
CORRUPTION(no_pullback, g->node[5].attr = attr_put(g, 5, 2, -1))
CORRUPTION(wrong_pullback, g->node[5].attr = attr_put(g, 5, 2, 0))
CORRUPTION(too_many_states, g->node[5].attr = attr_put(g, 5, 3, 7))
CORRUPTION(states_of_nowhere, g->node[5].attr = attr_put(g, 5, 3, INT64_MAX))
CORRUPTION(other_trips, g->node[5].attr = attr_put(g, 5, 5, 3))
CORRUPTION(too_few_numbers, g->node[5].attr = g->node[6].attr)
CORRUPTION(is_no_tuple, g->node[5].dtype = EBB_F64)
CORRUPTION(too_few_operands, g->node[5].arity = 4)
CORRUPTION(operands_outside, g->node[5].operand[0] = 1)
CORRUPTION(get_of_absent, g->node[6].attr = attr_put(g, 6, 0, 2))
CORRUPTION(get_of_nothing, g->node[6].attr = attr_put(g, 6, 0, 3))
CORRUPTION(get_of_other_type, g->node[6].shape = g->node[3].shape)
CORRUPTION(body_without_input, g->callee[0]->input[2] = EBB_ABSENT)

Test(region, verify_finds_what_is_broken) {
    static const struct {
        const char *name;
        void (*corrupt)(ebb_graph *g);
    } corruptions[] = {
#define ROW(name) {#name, name}
        ROW(no_such_body),     ROW(no_body),           ROW(no_pullback),        ROW(wrong_pullback),
        ROW(too_many_states),  ROW(other_trips),       ROW(too_few_numbers),    ROW(is_no_tuple),
        ROW(too_few_operands), ROW(get_of_absent),     ROW(get_of_nothing),     ROW(get_of_other_type),
        ROW(operands_outside), ROW(states_of_nowhere), ROW(body_without_input),
    };
    for (int i = 0; i < COUNT(corruptions); i++) {
        ebb_graph *g = parsed(UNLOOP);
        ebb_diag diag = {0};
        corruptions[i].corrupt(g);
        cr_expect(!ebb_verify(g, &diag) && diag.code == EBB_INTERNAL_ERROR, "%s: %s", corruptions[i].name,
                  diag.message);
        ebb_graph_release(g);
    }
}

/* ---- sharing ---- */

/* Equal regions and equal gets are one through the deriving door, two through the recording one. */
Test(region, equal_ones_are_shared_if_derived) {
    ebb_graph *g = parsed(LOOP);
    ebb_loop l = ebb_loop_of(g, 4);
    const ebb_site nowhere = {0};
    const ebb_id x[] = {1, 2, 3}, y[] = {2, 2, 3};
    const int32_t more = g->more_count;
    cr_expect_eq(ebb_derive_loop(g, &l, 3, x, nowhere), 4);
    cr_expect_eq(ebb_derive_get(g, 4, 1, nowhere), 5);
    ebb_id other = ebb_derive_loop(g, &l, 3, y, nowhere);
    cr_expect_gt(other, 6);
    cr_expect_eq(ebb_derive_loop(g, &l, 3, y, nowhere), other);
    cr_expect_gt(ebb_record_loop(g, &l, 3, x, nowhere), other);
    l.reverse = true;
    cr_expect_neq(ebb_derive_loop(g, &l, 3, x, nowhere), 4);
    l.reverse = false, l.budget = 64;
    cr_expect_neq(ebb_derive_loop(g, &l, 3, x, nowhere), 4);
    l.budget = 0;
    cr_expect_eq(g->more_count, more);
    cr_expect_eq(g->callees, 1);
    ebb_graph_release(g);
}

/* The same for more than three operands, which lie elsewhere. */
Test(region, many_operands_are_compared) {
    ebb_graph *g = parsed(UNLOOP);
    ebb_loop l = ebb_loop_of(g, 5);
    const ebb_site nowhere = {0};
    const ebb_id x[] = {1, 2, 3, 1, 4}, y[] = {1, 2, 3, 2, 4};
    const int32_t more = g->more_count;
    cr_expect_eq(ebb_derive_loop(g, &l, 5, x, nowhere), 5);
    cr_expect_eq(g->more_count, more, "the operands of what was taken back stay");
    ebb_id other = ebb_derive_loop(g, &l, 5, y, nowhere);
    cr_expect_gt(other, 6);
    cr_expect_eq(ebb_derive_loop(g, &l, 5, y, nowhere), other);
    cr_expect_eq(ebb_derive_loop(g, &l, 5, x, nowhere), 5);
    cr_expect_eq(ebb_derive_loop(g, &l, 5, (ebb_id[]){1, 2, 3, EBB_POISON, 4}, nowhere), EBB_POISON);
    cr_expect_eq(g->more_count, more + 5);
    cr_expect(ebb_verify(g, g->diag));
    ebb_graph_release(g);
}

/* ---- expansion ---- */

#define NESTED                                                                                                         \
    "func square(%1: f64[]) {\n  %2 f64[] = mul %1, %1\n  return %2\n}\n\n"                                            \
    "func inner(%1: f64[], %2: f64[3]) {\n  %3 f64[] = mean %2 {axes=[0]}\n  %4 (f64[]) = call @square %3\n"           \
    "  %5 f64[] = get %4 {k=0}\n  %6 f64[] = add %1, %5\n  %7 f64[] = neg %6\n  return %6\n}\n\n"                      \
    "func outer(%1: f64[], %2: f64[3]) {\n"                                                                            \
    "  %3 (f64[]) = loop @inner %1, %2 {states=1, captures=1, trips=4, reverse=0}\n  %4 f64[] = get %3 {k=0}\n"        \
    "  return %4\n}\n\n"                                                                                               \
    "func f(%1: f64[], %2: f64[3]) {\n"                                                                                \
    "  %3 (f64[]) = loop @outer %1, %2 {states=1, captures=1, trips=2, reverse=0}\n  %4 f64[] = get %3 {k=0}\n"        \
    "  %5 (f64[]) = loop @outer %1, %2 {states=1, captures=1, trips=2, reverse=0}\n  %6 f64[] = get %5 {k=0}\n"        \
    "  %7 (f64[]) = loop @inner %1, %2 {states=1, captures=1, trips=9, reverse=0}\n  %8 f64[] = get %7 {k=0}\n"        \
    "  %9 (f64[]) = call @square %8\n  %10 f64[] = get %9 {k=0}\n  %11 f64[] = mul %4, %6\n"                           \
    "  %12 f64[] = add %10, %11\n  return %12\n}\n"
static int regions_in(const ebb_graph *g) {
    int n = 0;
    for (ebb_id id = 1; id < g->count; id++)
        n += ebb_is_region(ebb_op_of(g, id));
    return n;
}

/* Regions stay, calls go, also in what regions run; that is written anew once, whoever runs it; equal regions are one,
 * but not verbatim. */
Test(region, expansion_goes_inside) {
    ebb_graph *f = parsed(NESTED);
    for (int verbatim = 0; verbatim < 2; verbatim++) {
        ebb_diag diag = {0};
        ebb_id map[13];
        ebb_graph *g = verbatim ? ebb_expand_verbatim(f, map, &diag) : ebb_expand(f, false, map, &diag);
        cr_assert_not_null(g, "%s", diag.message);
        cr_expect(ebb_verify(g, &diag), "%s", diag.message);
        cr_expect_eq(regions_in(g), verbatim ? 3 : 2, "%d regions", regions_in(g));
        cr_expect_eq(map[4] == map[6], !verbatim);
        cr_expect(map[3] == EBB_ABSENT && map[8] > 0 && ebb_op_of(g, map[8]) == EBB_OP_get);
        cr_expect_eq(g->callees, 2, "%d functions", g->callees);
        for (int k = 0; k < g->callees; k++) {
            ebb_graph *inner = strcmp(g->callee[k]->name, "inner") ? g->callee[k]->callee[0] : g->callee[k];
            cr_expect(ebb_verify(g->callee[k], &diag), "%s", diag.message);
            cr_expect_str_eq(inner->name, "inner");
            cr_expect_eq(inner->references, 2, "inner is there %d times", inner->references);
            cr_expect_eq(inner->callees, 0);
            for (ebb_id id = 1; id < inner->count; id++)
                cr_expect(ebb_op_table[ebb_op_of(inner, id)].access != EBB_NOWHERE &&
                          ebb_op_of(inner, id) != EBB_OP_neg);
        }
        ebb_graph_release(g);
    }
    ebb_graph_release(f);
}

Test(region, sizes_go_inside) {
    ebb_graph *f = parsed("func step(%1: f64[n1], %2: f64[n1]) {\n  %3 f64[n1] = mul %1, %2\n  return %3, %3\n}\n\n"
                          "func f(%1: f64[n1], %2: f64[n0,n1]) {\n"
                          "  %3 (f64[n1], f64[n0,n1]) = loop @step %1, %2 {states=1, captures=0, trips=-1, reverse=0}\n"
                          "  %4 f64[n0,n1] = get %3 {k=1}\n  return %4\n}\n");
    ebb_diag diag = {0};
    ebb_graph *g = ebb_specialise(f, 2, (int64_t[]){5, 3}, &diag);
    cr_assert_not_null(g, "%s", diag.message);
    char *text = ebb_graph_print(g, &diag);
    cr_expect_str_eq(text,
                     "func step(%1: f64[3], %2: f64[3]) {\n  %3 f64[3] = mul %1, %2\n  return %3, %3\n}\n\n"
                     "func f(%1: f64[3], %2: f64[5,3]) {\n"
                     "  %3 (f64[3], f64[5,3]) = loop @step %1, %2 {states=1, captures=0, trips=5, reverse=0}\n"
                     "  %4 f64[5,3] = get %3 {k=1}\n  return %4\n}\n",
                     "%s", text);
    ebb_mem_free(g->allocator, text);
    ebb_graph_release(g);
    ebb_graph_release(f);
}

/* ---- depth and memory ---- */

/* A function with a loop whose body is `inner`, which is given up; NULL with an error if that does not go. */
static ebb_graph *looped(ebb_graph *inner, bool called, ebb_diag *diag) {
    const ebb_site nowhere = {0};
    ebb_graph *outer = ebb_graph_new(&ebb_malloc_allocator, diag, "f");
    ebb_id x = ebb_add_input(outer, (ebb_type){EBB_F64, {0}}, nowhere);
    ebb_loop loop = {.body = inner, .states = 1, .trips = 1};
    ebb_id y = called ? ebb_record_call(outer, inner, 1, &x, nowhere) : ebb_record_loop(outer, &loop, 1, &x, nowhere);
    bool good = ebb_add_output(outer, ebb_record_get(outer, y, 0, nowhere));
    ebb_graph_release(inner);
    if (good) return outer;
    ebb_graph_release(outer);
    return NULL;
}

/* As many loops inside one another as there may be, and one more. Calls do not count. */
Test(region, nesting_has_a_limit) {
    ebb_diag diag = {0};
    ebb_graph *f = ebb_graph_new(&ebb_malloc_allocator, &diag, "f");
    ebb_add_output(f, ebb_add_input(f, (ebb_type){EBB_F64, {0}}, (ebb_site){0}));
    for (int k = 0; k < 3 * EBB_MOST_NESTED; k++)
        f = looped(f, k % 3, &diag);
    cr_assert_not_null(f, "%s", diag.message);
    cr_expect_eq(f->nesting, EBB_MOST_NESTED);
    ebb_graph *g = ebb_expand(f, false, NULL, &diag);
    cr_assert_not_null(g, "%s", diag.message);
    cr_expect_eq(g->nesting, EBB_MOST_NESTED);
    cr_expect_null(looped(g, false, &diag));
    cr_expect_str_eq(diag.message, "loop: it would be one of more than 64 regions inside one another");
    ebb_graph_release(f);
}

/* Parsing, expanding, cloning and printing; each allocation fails once. */
static bool work(const ebb_allocator *a, const char *program, ebb_diag *diag) {
    ebb_module *m = ebb_module_parse(a, program, strlen(program), diag);
    ebb_graph *g = m ? ebb_expand(m->function[m->functions - 1], false, NULL, diag) : NULL;
    ebb_graph *clone = g ? ebb_graph_clone(g, diag) : NULL;
    char *text = clone ? ebb_graph_print(clone, diag) : NULL;
    const bool good = text != NULL;
    ebb_mem_free(a, text);
    ebb_graph_release(clone);
    ebb_graph_release(g);
    ebb_module_free(m);
    return good;
}

Test(region, any_allocation_may_fail) {
    static const char *const programs[] = {NESTED, UNLOOP, UNWHILE, COND};
    for (int i = 0; i < COUNT(programs); i++) {
        bool good = false;
        for (int64_t k = 0; !good; k++) {
            scarce c = {.left = k, .once = true};
            const ebb_allocator a = scarce_allocator(&c);
            ebb_diag diag = {0};
            good = work(&a, programs[i], &diag);
            cr_expect_eq(c.live, 0, "program %d, allocation %d: %d blocks are lost", i, (int)k, (int)c.live);
            cr_assert(good || diag.code == EBB_NO_MEMORY, "program %d, allocation %d: %s", i, (int)k, diag.message);
            cr_assert(!good || c.asked <= k, "program %d, allocation %d: nobody noticed", i, (int)k);
        }
    }
}
