/* test_expand.c - macros written out and calls inlined: types and structure of every macro, the map from old nodes to
 * new ones, sizes that come later, and memory that runs out. test_expand_edges.c has their values. */
#include "dual/dual.h"
#include "jit/graph/text.h"
#include "support/run_graph.h"
#include "tests/support/parsed.h"
#include "tests/support/scarce.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

static bool has_family(const ebb_graph *g, ebb_family family) {
    for (ebb_id id = 1; id < g->count; id++)
        if (ebb_op_table[ebb_op_of(g, id)].family == family) return true;
    return false;
}

static int count_of(const ebb_graph *g, ebb_op op) {
    int n = 0;
    for (ebb_id id = 1; id < g->count; id++)
        n += ebb_op_of(g, id) == op;
    return n;
}

/* ---- every macro, every kind of shape: the same type as before, and no macro left ---- */

static const struct {
    const char *in, *out, *axes;
} reductions[] = {
    {"[]", "[]", "[]"},
    {"[5]", "[]", "[0]"},
    {"[5]", "[5]", "[]"},
    {"[0]", "[]", "[0]"},
    {"[1]", "[]", "[0]"},
    {"[2,3]", "[2]", "[1]"},
    {"[2,3]", "[3]", "[0]"},
    {"[2,3]", "[]", "[0,1]"},
    {"[0,3]", "[0]", "[1]"},
    {"[0,3]", "[3]", "[0]"},
    {"[2,3,4,5]", "[3,5]", "[0,2]"},
    {"[1,2,1,2,1,2,1,2]", "[1,2,1,2]", "[4,5,6,7]"},
};

static const struct {
    const char *in;
    int axis;
} rows[] = {
    {"[5]", 0}, {"[1]", 0}, {"[0]", 0}, {"[2,3]", 1}, {"[2,3]", 0}, {"[0,3]", 1}, {"[3,0]", 1}, {"[2,3,4]", 1},
};

static const struct {
    const char *logits, *labels;
} losses[] = {
    {"[5]", "[]"},    {"[1]", "[]"},    {"[0]", "[]"},        {"[2,3]", "[2]"},
    {"[0,3]", "[0]"}, {"[3,0]", "[3]"}, {"[2,3,4]", "[2,3]"},
};

/* Those with dtypes or shapes of their own. */
static const char *const others[] = {
    "func f(%1: i32[2,3]) {\n  %2 i32[2] = reduce_min %1 {axes=[1]}\n  return %2\n}\n",
    "func f(%1: bool[0,3]) {\n  %2 bool[3] = reduce_all %1 {axes=[0]}\n  return %2\n}\n",
    "func f(%1: bool[2,3]) {\n  %2 bool[2] = reduce_any %1 {axes=[1]}\n  return %2\n}\n",
    "func f(%1: f32[2,3]) {\n  %2 i64[3] = argmin %1 {axis=0}\n  return %2\n}\n",
    "func f(%1: i32[5], %2: i64[2], %3: i32[2]) {\n  %4 i32[5] = scatter_min %1, %2, %3 {axis=0}\n  return %4\n}\n",
    ("func f(%1: bool[2,5], %2: i32[], %3: bool[2]) {\n  %4 bool[2,5] = scatter_update %1, %2, %3 {axis=1}\n"
     "  return %4\n}\n"),
    "func f(%1: f64[2,5], %2: i32[2]) {\n  %3 f64[2,3] = dynamic_slice %1, %2 {size=[2,3]}\n  return %3\n}\n",
    "func f(%1: bool[2,5], %2: i64[2], %3: bool[1,5]) {\n  %4 bool[2,5] = dynamic_update %1, %2, %3\n  return %4\n}\n",
    "func f(%1: i32[2,5]) {\n  %2 i32[2,3] = top_k %1 {axis=1, k=3}\n  return %2\n}\n",
    "func f(%1: f32[5,2,2], %2: f32[5,2,3]) {\n  %3 f32[5,2,3] = solve %1, %2 {transposed=1}\n  return %3\n}\n",
    "func f(%1: f64[2,2]) {\n  %2 f64[2,2] = inv %1\n  return %2\n}\n",
    "func f(%1: f64[5,2,2]) {\n  %2 f64[5] = det %1\n  return %2\n}\n",
    "func f(%1: f32[0,0]) {\n  %2 f32[] = logdet %1\n  return %2\n}\n",
    "func f(%1: f32[2,2]) {\n  %2 f32[] = det_sign %1\n  return %2\n}\n",
    "func f(%1: f32[4,0]) {\n  %2 i64[3,0] = arg_top_k %1 {axis=0, k=3}\n  return %2\n}\n",
};

/* By both ways of expanding: types stay, macros go, the result verifies. */
static void check_structure(const char *text) {
    ebb_graph *f = parsed(text);
    for (int way = 0; way < 3; way++) {
        ebb_diag diag = {0};
        ebb_graph *g = way < 2 ? ebb_expand(f, way, NULL, &diag) : ebb_expand_verbatim(f, NULL, &diag);
        cr_assert_not_null(g, "%s\n%s", text, diag.message);
        cr_expect(ebb_verify(g, &diag), "%s\n%s", text, diag.message);
        cr_expect(!has_family(g, EBB_MACRO), "%s\na macro is left", text);
        cr_expect_eq(g->inputs, f->inputs, "%s\n%d inputs", text, g->inputs);
        ebb_type before = ebb_type_of(f, f->output[0]), after = ebb_type_of(g, g->output[0]);
        char is[EBB_TYPE_TEXT];
        cr_expect(before.dtype == after.dtype && ebb_shape_equal(&before.shape, &after.shape), "%s\nbecomes %s", text,
                  ebb_type_text(&after, is));
        ebb_graph_release(g);
    }
    ebb_graph_release(f);
}

Test(expand, macros_keep_their_types) {
    static const char *const reduce[] = {"mean", "logsumexp", "norm", "variance", "deviation", "prod"};
    static const char *const along[] = {"softmax", "log_softmax", "cumprod", "sort"};
    static const char *const each[] = {
        "digamma %1",     "sinc %1", "xlogy %1, %1", "divide_no_nan %1, %1", "squared_difference %1, %1",
        "clip %1, %1, %1"};
    char text[400];
    int macros = 0, tried = 0;
    for (int op = 1; op < EBB_OP_COUNT; op++)
        macros += ebb_op_table[op].family == EBB_MACRO;
    cr_expect_eq(macros, COUNT(reduce) + COUNT(along) + COUNT(others) + COUNT(each) + 1, "a macro is missing here");
    for (int k = 0; k < COUNT(others); k++, tried++)
        check_structure(others[k]);
    for (int d = 0; d < 2; d++) {
        const char *t = d ? "f64" : "f32", *i = d ? "i64" : "i32";
        for (int r = 0; r < COUNT(reduce) * COUNT(reductions); r++, tried++) {
            int k = r % COUNT(reductions);
            snprintf(text, sizeof text, "func f(%%1: %s%s) {\n  %%2 %s%s = %s %%1 {axes=%s}\n  return %%2\n}\n", t,
                     reductions[k].in, t, reductions[k].out, reduce[r / COUNT(reductions)], reductions[k].axes);
            check_structure(text);
        }
        for (int r = 0; r < COUNT(along) * COUNT(rows); r++, tried++) {
            int k = r % COUNT(rows);
            snprintf(text, sizeof text, "func f(%%1: %s%s) {\n  %%2 %s%s = %s %%1 {axis=%d}\n  return %%2\n}\n", t,
                     rows[k].in, t, rows[k].in, along[r / COUNT(rows)], rows[k].axis);
            check_structure(text);
        }
        for (int r = 0; r < COUNT(each) * COUNT(rows); r++, tried++) {
            const char *shape = rows[r % COUNT(rows)].in;
            snprintf(text, sizeof text, "func f(%%1: %s%s) {\n  %%2 %s%s = %s\n  return %%2\n}\n", t, shape, t, shape,
                     each[r / COUNT(rows)]);
            check_structure(text);
        }
        for (int k = 0; k < COUNT(losses); k++, tried++) {
            snprintf(
                text, sizeof text,
                "func f(%%1: %s%s, %%2: %s%s) {\n  %%3 %s%s = sparse_softmax_cross_entropy %%1, %%2\n  return %%3\n}\n",
                t, losses[k].logits, i, losses[k].labels, t, losses[k].labels);
            check_structure(text);
        }
    }
    printf("%d expansions\n", tried);
}

/* ---- calls, sharing, and the map ---- */

static const char calls[] =
    "func inner(%1: f64[], %2: f64[]) {\n  %3 f64[] = mul %1, %2\n  %4 f64[] = exp %3\n  return %4, absent, %1, %3\n}\n"
    "func middle(%1: f64[]) {\n  %2 (f64[], absent, f64[], f64[]) = call @inner %1, %1\n  %3 f64[] = get %2 {k=0}\n"
    "  %4 (f64[], absent, f64[], f64[]) = call @inner %3, %1\n  %5 f64[] = get %4 {k=3}\n  return %5, %3\n}\n"
    "func f(%1: f64[], %2: f64[], %4: f64[]) {\n  %3 (f64[], f64[]) = call @middle %2 ; f.c:1\n"
    "  %5 f64[] = get %3 {k=0}                 ; f.c:2\n  %6 f64[] = sin %1                       ; f.c:3\n"
    "  %7 f64[] = sin %1                       ; f.c:4\n  %8 f64[] = add %5, %7                   ; f.c:5\n"
    "  return %8, absent, %2\n}\n";

/* The expanded graph as text; NULL and an error in diag. To be freed with free(). */
static char *expanded(const ebb_graph *f, int way, ebb_id *map) {
    ebb_diag diag = {0};
    ebb_graph *g = way < 2 ? ebb_expand(f, way, map, &diag) : ebb_expand_verbatim(f, map, &diag);
    cr_assert_not_null(g, "%s", diag.message);
    cr_expect(ebb_verify(g, &diag), "%s", diag.message);
    char *text = ebb_graph_print(g, &diag), *copy = strdup(text);
    ebb_mem_free(&ebb_malloc_allocator, text);
    ebb_graph_release(g);
    return copy;
}

static const struct {
    const char *name, *text;
    ebb_id map[9];
} ways[] = {
    {"live only: equal nodes are one, exp of the second call is dropped",
     "func f(%1: f64[], %2: f64[], %3: f64[]) {\n  %4 f64[] = mul %2, %2\n  %5 f64[] = exp %4\n  %6 f64[] = mul %5, "
     "%2\n"
     "  %7 f64[] = sin %1                       ; f.c:4\n  %8 f64[] = add %6, %7                   ; f.c:5\n"
     "  return %8, absent, %2\n}\n",
     {0, 1, 2, 0, 3, 6, 0, 7, 8}},
    {"everything",
     "func f(%1: f64[], %2: f64[], %3: f64[]) {\n  %4 f64[] = mul %2, %2\n  %5 f64[] = exp %4\n  %6 f64[] = mul %5, "
     "%2\n"
     "  %7 f64[] = exp %6\n  %8 f64[] = sin %1                       ; f.c:3\n"
     "  %9 f64[] = add %6, %8                   ; f.c:5\n  return %9, absent, %2\n}\n",
     {0, 1, 2, 0, 3, 6, 8, 8, 9}},
    {"verbatim: a result of a call is the node that the callee computed",
     "func f(%1: f64[], %2: f64[], %3: f64[]) {\n  %4 f64[] = mul %2, %2\n  %5 f64[] = exp %4\n  %6 f64[] = mul %5, "
     "%2\n"
     "  %7 f64[] = sin %1                       ; f.c:4\n  %8 f64[] = add %6, %7                   ; f.c:5\n"
     "  return %8, absent, %2\n}\n",
     {0, 1, 2, 0, 3, 6, 0, 7, 8}},
};

Test(expand, calls_are_inlined) {
    ebb_graph *f = parsed(calls);
    for (int way = 0; way < COUNT(ways); way++) {
        ebb_id map[9];
        memset(map, 0x55, sizeof map);
        char *text = expanded(f, way, map);
        cr_expect_str_eq(text, ways[way].text, "%s:\n%s", ways[way].name, text);
        for (int k = 0; k < COUNT(map); k++)
            cr_expect_eq(map[k], ways[way].map[k], "%s: %%%d is %%%d", ways[way].name, k, map[k]);
        free(text);
    }
    ebb_graph_release(f);
}

/* On a tape, two tensors of equal value are two: neither equal operations nor what a macro could see through are
 * merged. */
Test(expand, verbatim_keeps_nodes_apart) {
    ebb_graph *f = parsed("func f(%1: f64[2]) {\n  %2 f64[2] = neg %1\n  %3 f64[2] = softmax %2 {axis=0}\n"
                          "  %4 f64[2] = softmax %2 {axis=0}\n  %5 f64[2] = neg %2\n  %6 f64[] = norm %5 {axes=[0]}\n"
                          "  %7 f64[2] = mean %5 {axes=[]}\n  %8 f64[2] = mul %3, %4\n  return %8, %6, %7\n}\n");
    ebb_id map[9], used[9] = {0};
    ebb_diag diag = {0};
    ebb_graph *g = ebb_expand_verbatim(f, map, &diag);
    cr_assert_not_null(g, "%s", diag.message);
    for (int k = 1; k < COUNT(map); k++)
        for (int j = 1; j < k; j++)
            cr_expect_neq(map[k], map[j], "%%%d and %%%d are one", j, k);
    cr_expect_eq(count_of(g, EBB_OP_exp), 2, "two softmax, %d exp", count_of(g, EBB_OP_exp));
    cr_expect_eq(count_of(g, EBB_OP_neg), 2, "two neg, not %d", count_of(g, EBB_OP_neg));
    /* Everything that comes after goes through %5, so without it nothing reaches norm and mean. */
    for (ebb_id id = map[5] + 1; id < g->count; id++)
        for (int k = 0; k < g->node[id].arity; k++)
            used[0] |= ebb_operands(g, id)[k] == map[5];
    cr_expect(used[0], "%%5 is bypassed");
    ebb_graph_release(g);
    ebb_graph_release(f);
}

/* Forty functions, each calling the one before twice: 2^40 operations are refused in finite time. */
Test(expand, exploding_calls) {
    char *text = malloc(40 * 200), *at = text;
    at += sprintf(at, "func f0(%%1: f64[]) {\n  %%2 f64[] = sin %%1\n  return %%2\n}\n");
    for (int k = 1; k < 40; k++)
        at += sprintf(at,
                      "func f%d(%%1: f64[]) {\n  %%2 (f64[]) = call @f%d %%1\n  %%3 f64[] = get %%2 {k=0}\n"
                      "  %%4 (f64[]) = call @f%d %%3\n  %%5 f64[] = get %%4 {k=0}\n  return %%5\n}\n",
                      k, k - 1, k - 1);
    ebb_graph *f = parsed(text);
    ebb_diag diag = {0};
    cr_expect_null(ebb_expand(f, false, NULL, &diag), "2^40 operations were written out");
    cr_expect_eq(diag.code, EBB_VALUE_ERROR, "code %d: %s", diag.code, diag.message);
    ebb_graph_release(f);
    free(text);
}

/* ---- refusals and memory ---- */

/* Nothing may be decided by the size of an axis that is not known: whether it is empty, say. */
Test(expand, unknown_sizes_are_refused) {
    ebb_graph *f =
        parsed("func f(%1: f64[n0,3]) {\n  %2 f64[n0,3] = exp %1\n  %3 f64[3] = logsumexp %2 {axes=[0]} ; a.c:9\n"
               "  return %3\n}\n");
    ebb_diag diag = {0};
    cr_expect_null(ebb_expand(f, false, NULL, &diag), "an unknown size was counted");
    cr_expect_str_eq(diag.message, "logsumexp: its sizes must be known to expand it", "%s", diag.message);
    ebb_graph_release(f);
}

/* Other axes may be of any size, and a mean counts its own when it runs. With sizes given, the program is that of these
 * sizes. */
Test(expand, sizes_may_come_later) {
    ebb_graph *f = parsed("func f(%1: f64[n0,3]) {\n  %2 f64[n0,3] = softmax %1 {axis=1}\n"
                          "  %3 f64[n0,3] = clip %2, %2, %2\n  %4 f64[n0,3] = sinc %3\n"
                          "  %5 f64[n0,3] = divide_no_nan %4, %2\n  %6 f64[n0,3] = squared_difference %5, %3\n"
                          "  %7 f64[n0,3] = xlogy %6, %6\n  %8 f64[n0,3] = digamma %2\n  %9 f64[n0,3] = add %7, %8\n"
                          "  %10 f64[3] = mean %9 {axes=[0]}\n  %11 f64[n0] = norm %9 {axes=[1]}\n"
                          "  return %10, %11\n}\n");
    ebb_diag diag = {0};
    int64_t size = 2;
    ebb_graph *general = ebb_expand(f, false, NULL, &diag);
    cr_assert_not_null(general, "%s", diag.message);
    ebb_graph *now = ebb_specialise(f, 1, &size, &diag), *later = ebb_specialise(general, 1, &size, &diag);
    cr_assert(now && later, "%s", diag.message);
    double x[6] = {1, 2, 3, -1, 0, 5}, mean[2][3], norm[2][2];
    const double *in[] = {x};
    cr_assert(run_graph(now, in, (double *[]){mean[0], norm[0]}, &diag), "%s", diag.message);
    cr_assert(run_graph(later, in, (double *[]){mean[1], norm[1]}, &diag), "%s", diag.message);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(mean[0][i], mean[1][i], "mean %d: %.17g and %.17g", i, mean[0][i], mean[1][i]);
    for (int i = 0; i < 2; i++)
        cr_expect_eq(norm[0][i], norm[1][i], "norm %d", i);
    ebb_graph_release(general), ebb_graph_release(now), ebb_graph_release(later);
    ebb_graph_release(f);
}

static const char whole[] =
    "func g(%1: f64[2], %2: i32[]) {\n  %3 f64[] = sparse_softmax_cross_entropy %1, %2 ; a.c:1\n  return %3, %1\n}\n"
    "func f(%1: f64[2], %2: i32[]) {\n  %3 f64[2] = softmax %1 {axis=0}\n  %4 (f64[], f64[2]) = call @g %3, %2\n"
    "  %5 f64[] = get %4 {k=0}                 ; b.c:2\n  %6 f64[] = norm %1 {axes=[0]}\n  %7 f64[] = logsumexp %1 "
    "{axes=[0]}\n"
    "  %8 f64[2] = mean %1 {axes=[]}\n  return %5, %6, %8\n}\n";

Test(expand, any_allocation_may_fail) {
    for (int way = 0; way < 3; way++) {
        scarce gauge = {.left = INT64_MAX};
        ebb_allocator a = scarce_allocator(&gauge);
        ebb_diag diag = {0};
        ebb_module *m = ebb_module_parse(&a, whole, sizeof whole - 1, &diag);
        cr_assert_not_null(m, "%s", diag.message);
        int64_t before = gauge.live, k = 0;
        for (ebb_graph *g = NULL; !g; k++) {
            diag = (ebb_diag){0};
            gauge.left = k;
            g = way < 2 ? ebb_expand(m->function[m->functions - 1], way, NULL, &diag)
                        : ebb_expand_verbatim(m->function[m->functions - 1], NULL, &diag);
            cr_assert(g || diag.code == EBB_NO_MEMORY, "way %d, allocation %d: code %d, %s", way, (int)k, diag.code,
                      diag.message);
            cr_assert(g || gauge.live == before, "way %d, allocation %d: %d blocks leak", way, (int)k,
                      (int)(gauge.live - before));
            ebb_graph_release(g);
            if (g) break;
        }
        cr_expect_gt(k, 20, "way %d: only %d allocations were tried", way, (int)k);
        gauge.left = INT64_MAX;
        ebb_module_free(m);
        cr_expect_eq(gauge.live, 0, "way %d: %d blocks leak", way, (int)gauge.live);
    }
}
