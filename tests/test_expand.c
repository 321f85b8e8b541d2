/* test_expand.c - macros written out and calls inlined: types and structure of every macro, values and derivatives at
 * the edges that break textbook formulas, the map from old nodes to new ones, and memory that runs out. */
#include "dual/dual.h"
#include "jit/graph/text.h"
#include "support/run_graph.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

static ebb_module *parse(const char *text) {
    ebb_diag diag = {0};
    ebb_module *m = ebb_module_parse(&ebb_malloc_allocator, text, strlen(text), &diag);
    cr_assert_not_null(m, "%s\n%s", text, diag.message);
    return m;
}

static ebb_graph *last_of(const ebb_module *m) { return m->function[m->functions - 1]; }

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
    "func f(%1: bool[2,5], %2: i32[], %3: bool[2]) {\n  %4 bool[2,5] = scatter_update %1, %2, %3 {axis=1}\n"
    "  return %4\n}\n",
    "func f(%1: f64[2,5], %2: i32[2]) {\n  %3 f64[2,3] = dynamic_slice %1, %2 {size=[2,3]}\n  return %3\n}\n",
    "func f(%1: bool[2,5], %2: i64[2], %3: bool[1,5]) {\n  %4 bool[2,5] = dynamic_update %1, %2, %3\n  return %4\n}\n",
    "func f(%1: i32[2,5]) {\n  %2 i32[2,3] = top_k %1 {axis=1, k=3}\n  return %2\n}\n",
    "func f(%1: f32[4,0]) {\n  %2 i64[3,0] = arg_top_k %1 {axis=0, k=3}\n  return %2\n}\n",
};

/* By both ways of expanding: types stay, macros go, the result verifies. */
static void check_structure(const char *text) {
    ebb_module *m = parse(text);
    for (int way = 0; way < 3; way++) {
        ebb_diag diag = {0};
        ebb_graph *f = last_of(m), *g = way < 2 ? ebb_expand(f, way, NULL, &diag) : ebb_expand_verbatim(f, NULL, &diag);
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
    ebb_module_free(m);
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

/* ---- values and derivatives at the edges ---- */

#define F64(body) "func f(%1: f64[2]) {\n" body "}\n"
#define F32(n, body) "func f(%1: f32[" #n "]) {\n" body "}\n"
#define LSE F64("%2 f64[] = logsumexp %1 {axes=[0]}\n return %2\n")
#define NORM F64("%2 f64[] = norm %1 {axes=[0]}\n return %2\n")
#define NORM_F32 F32(2, "%2 f32[] = norm %1 {axes=[0]}\n return %2\n")
#define XENT(label) F64("%2 i32[] = constant " #label "\n%3 f64[] = sparse_softmax_cross_entropy %1, %2\n return %3\n")
#define INF INFINITY

/* The scalar f, its gradient and its Hessian (row by row) at x; what is not to be looked at is left out. */
static const struct {
    const char *name, *text;
    double x[3], value, tolerance; /* relative, of value and derivatives */
    bool first, second;
    double gradient[3], hessian[4];
} edges[] = {
    {"logsumexp, large", LSE, {1000, 1000}, 1000.693147180559945, 1e-15, true, true, {.5, .5}, {.25, -.25, -.25, .25}},
    {"logsumexp, nothing", LSE, {-INF, -INF}, -INF, 0, true, false, {0, 0}, {0}},
    {"logsumexp, inf", LSE, {INF, 0}, INF, 0, true, false, {1, 0}, {0}},
    {"logsumexp, one -inf", LSE, {-INF, 3}, 3, 0, true, true, {0, 1}, {0, 0, 0, 0}},
    {"logsumexp, NaN", LSE, {NAN, 3}, NAN, 0, false, false, {0}, {0}},
    {"logsumexp, -large", LSE, {-1e300, -1e300}, -1e300, 0, true, false, {.5, .5}, {0}},
    {"norm, zero", NORM, {0, 0}, 0, 0, true, false, {0, 0}, {0}},
    {"norm, plain", NORM, {3, -4}, 5, 1e-15, true, true, {.6, -.8}, {.128, .096, .096, .072}},
    {"norm, large", NORM, {3e200, 4e200}, 5e200, 1e-15, true, false, {.6, .8}, {0}},
    {"norm, small", NORM, {3e-200, 4e-200}, 5e-200, 1e-15, true, false, {.6, .8}, {0}},
    {"norm, subnormal", NORM, {0, 5e-324}, 5e-324, 1e-15, true, false, {0, 1}, {0}},
    {"norm, inf", NORM, {-INF, 1}, INF, 0, false, false, {0}, {0}},
    {"norm, NaN", NORM, {NAN, 1}, NAN, 0, false, false, {0}, {0}},
    {"norm f32, large", NORM_F32, {3e30, 4e30}, 5e30, 1e-6, true, false, {.6, .8}, {0}},
    {"norm f32, subnormal", NORM_F32, {0, 1e-44}, 9.80908925e-45, 1e-6, true, false, {0, 1}, {0}},
    {"norm squared at zero",
     F64("%2 f64[] = norm %1 {axes=[0]}\n%3 f64[] = square %2\n return %3\n"),
     {0, 0},
     0,
     0,
     true,
     false,
     {0, 0},
     {0}},
    {"norm of nothing", F32(0, "%2 f32[] = norm %1 {axes=[0]}\n return %2\n"), {0}, 0, 0, false, false, {0}, {0}},
    {"logsumexp of nothing",
     F32(0, "%2 f32[] = logsumexp %1 {axes=[0]}\n return %2\n"),
     {0},
     -INF,
     0,
     false,
     false,
     {0},
     {0}},
    {"mean of nothing", F32(0, "%2 f32[] = mean %1 {axes=[0]}\n return %2\n"), {0}, NAN, 0, false, false, {0}, {0}},
    {"mean, large",
     F64("%2 f64[] = mean %1 {axes=[0]}\n return %2\n"),
     {1.7e308, 1.7e308},
     1.7e308,
     0,
     true,
     false,
     {.5, .5},
     {0}},
    {"mean of three, large",
     F32(3, "%2 f32[] = mean %1 {axes=[0]}\n return %2\n"),
     {3e38, 3e38, 3e38},
     3e38,
     1e-6,
     true,
     false,
     {1. / 3, 1. / 3, 1. / 3},
     {0}},
    {"mean, plain", F64("%2 f64[] = mean %1 {axes=[0]}\n return %2\n"), {1, 2}, 1.5, 0, true, false, {.5, .5}, {0}},
    {"softmax, large",
     F64("%2 f64[2] = softmax %1 {axis=0}\n%3 f64[1] = slice %2 {start=[1], step=[1]}\n"
         "%4 f64[] = reshape %3\n return %4\n"),
     {1000, 1000},
     .5,
     0,
     true,
     true,
     {-.25, .25},
     {0, 0, 0, 0}},
    {"softmax, nothing",
     F64("%2 f64[2] = softmax %1 {axis=0}\n%3 f64[] = sum %2 {axes=[0]}\n return %3\n"),
     {-INF, -INF},
     NAN,
     0,
     false,
     false,
     {0},
     {0}},
    {"log_softmax",
     F64("%2 f64[2] = log_softmax %1 {axis=0}\n%3 f64[1] = slice %2 {start=[1], step=[1]}\n"
         "%4 f64[] = reshape %3\n return %4\n"),
     {1e4, 0},
     -1e4,
     0,
     true,
     true,
     {-1, 1},
     {0, 0, 0, 0}},
    {"log_softmax, largest",
     F64("%2 f64[2] = log_softmax %1 {axis=0}\n%3 f64[1] = slice %2 {start=[0], step=[1]}\n"
         "%4 f64[] = reshape %3\n return %4\n"),
     {1e4, 0},
     0,
     0,
     true,
     true,
     {0, 0},
     {0, 0, 0, 0}},
    {"cross entropy", XENT(0), {0, 0}, 0.6931471805599453, 1e-15, true, true, {-.5, .5}, {.25, -.25, -.25, .25}},
    {"cross entropy, wrong and sure", XENT(1), {1e4, 0}, 1e4, 0, true, false, {1, -1}, {0}},
    {"cross entropy, right and sure", XENT(0), {1e4, 0}, 0, 0, true, false, {0, 0}, {0}},
    {"cross entropy, label 2 of 2", XENT(2), {1, 2}, NAN, 0, true, false, {0, 0}, {0}},
    {"cross entropy, label -1", XENT(-1), {1, 2}, NAN, 0, true, false, {0, 0}, {0}},
    {"cross entropy, masked class", XENT(1), {-INF, 2}, 0, 0, true, true, {0, 0}, {0, 0, 0, 0}},
};

static bool close_to(double have, double want, double tolerance) {
    if (isnan(want)) return isnan(have);
    return have == want || fabs(have - want) <= tolerance * fmax(fabs(want), 1e-300);
}

/* Runs g, whose results are laid one after the other into `to`, and gives it back. */
static void run(const char *name, ebb_graph *g, const double *x, double *to, ebb_diag *diag) {
    double *out[3] = {NULL};
    cr_assert_not_null(g, "%s: %s", name, diag->message);
    for (int k = 0; k < g->outputs; k++) {
        out[k] = to;
        to += size_of_node(g, g->output[k]);
    }
    cr_assert(run_graph(g, &x, out, diag), "%s: %s", name, diag->message);
    ebb_graph_release(g);
}

static void check_edge(int i) {
    const char *name = edges[i].name;
    ebb_diag diag = {0};
    ebb_module *m = parse(edges[i].text);
    ebb_graph *f = last_of(m);
    ebb_dual_spec spec = {.value = true};
    int n = (int)size_of_node(f, f->input[0]);
    double have[8] = {0};
    run(name, ebb_expand(f, false, NULL, &diag), edges[i].x, have, &diag);
    cr_expect(close_to(have[0], edges[i].value, edges[i].tolerance), "%s: value %.17g", name, have[0]);
    if (edges[i].first) run(name, ebb_grad_graph(f, &spec, &diag), edges[i].x, have, &diag);
    for (int k = 0; edges[i].first && k < n; k++)
        cr_expect(close_to(have[1 + k], edges[i].gradient[k], edges[i].tolerance + 1e-16), "%s: gradient %d is %.17g",
                  name, k, have[1 + k]);
    spec.value = false;
    if (edges[i].second) run(name, ebb_hessian_graph(f, &spec, &diag), edges[i].x, have, &diag);
    for (int k = 0; edges[i].second && k < n * n; k++)
        cr_expect(fabs(have[k] - edges[i].hessian[k]) <= 1e-15, "%s: Hessian %d is %.17g", name, k, have[k]);
    ebb_module_free(m);
}

Test(expand, edges) {
    for (int i = 0; i < COUNT(edges); i++)
        check_edge(i);
}

/* The shift of a softmax has no derivative, so no rule for ties is needed: nothing is compared with the maximum. */
Test(expand, the_shift_has_no_derivative) {
    ebb_module *m =
        parse("func f(%1: f64[2]) {\n  %2 f64[2] = softmax %1 {axis=0}\n  %3 f64[2] = log_softmax %2 {axis=0}\n"
              "  %4 f64[] = sum %3 {axes=[0]}\n  return %4\n}\n");
    ebb_diag diag = {0};
    ebb_graph *g = ebb_grad_graph(last_of(m), &(ebb_dual_spec){0}, &diag);
    cr_assert_not_null(g, "%s", diag.message);
    cr_expect_eq(count_of(g, EBB_OP_eq), 0, "%d comparisons", count_of(g, EBB_OP_eq));
    ebb_graph_release(g);
    ebb_module_free(m);
}

/* The same numbers as the formula written down plainly, where that is safe: over several axes, with several rows. */
Test(expand, plain_values) {
    enum { B = 3, C = 4 };
    ebb_module *m = parse("func f(%1: f64[3,4], %2: i64[3]) {\n"
                          "  %3 f64[3] = sparse_softmax_cross_entropy %1, %2\n  %4 f64[4] = logsumexp %1 {axes=[0]}\n"
                          "  %5 f64[3,4] = softmax %1 {axis=1}\n  %6 f64[] = norm %1 {axes=[0,1]}\n"
                          "  %7 f64[4] = mean %1 {axes=[0]}\n  return %3, %4, %5, %6, %7\n}\n");
    double x[B * C], label[B] = {2, 0, 3}, loss[B], lse[C], soft[B * C], norm, mean[C], squares = 0;
    fill_uniform(7, -2, 2, B * C, x);
    ebb_diag diag = {0};
    ebb_graph *g = ebb_expand(last_of(m), false, NULL, &diag);
    cr_assert_not_null(g, "%s", diag.message);
    const double *in[] = {x, label};
    cr_assert(run_graph(g, in, (double *[]){loss, lse, soft, &norm, mean}, &diag), "%s", diag.message);
    for (int i = 0; i < B * C; i++)
        squares += x[i] * x[i];
    cr_expect(close_to(norm, sqrt(squares), 1e-14), "norm %.17g", norm);
    for (int b = 0; b < B; b++) {
        double sum = 0;
        for (int c = 0; c < C; c++)
            sum += exp(x[b * C + c]);
        cr_expect(close_to(loss[b], log(sum) - x[b * C + (int)label[b]], 1e-14), "loss %d is %.17g", b, loss[b]);
        for (int c = 0; c < C; c++)
            cr_expect(close_to(soft[b * C + c], exp(x[b * C + c]) / sum, 1e-14), "softmax %d,%d", b, c);
    }
    for (int c = 0; c < C; c++) {
        double sum = 0, exps = 0;
        for (int b = 0; b < B; b++)
            sum += x[b * C + c], exps += exp(x[b * C + c]);
        cr_expect(close_to(mean[c], sum / B, 1e-14), "mean %d is %.17g", c, mean[c]);
        cr_expect(close_to(lse[c], log(exps), 1e-14), "logsumexp %d is %.17g", c, lse[c]);
    }
    ebb_graph_release(g);
    ebb_module_free(m);
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
    ebb_module *m = parse(calls);
    for (int way = 0; way < COUNT(ways); way++) {
        ebb_id map[9];
        memset(map, 0x55, sizeof map);
        char *text = expanded(last_of(m), way, map);
        cr_expect_str_eq(text, ways[way].text, "%s:\n%s", ways[way].name, text);
        for (int k = 0; k < COUNT(map); k++)
            cr_expect_eq(map[k], ways[way].map[k], "%s: %%%d is %%%d", ways[way].name, k, map[k]);
        free(text);
    }
    ebb_module_free(m);
}

/* On a tape, two tensors of equal value are two: neither equal operations nor what a macro could see through are
 * merged. */
Test(expand, verbatim_keeps_nodes_apart) {
    ebb_module *m = parse("func f(%1: f64[2]) {\n  %2 f64[2] = neg %1\n  %3 f64[2] = softmax %2 {axis=0}\n"
                          "  %4 f64[2] = softmax %2 {axis=0}\n  %5 f64[2] = neg %2\n  %6 f64[] = norm %5 {axes=[0]}\n"
                          "  %7 f64[2] = mean %5 {axes=[]}\n  %8 f64[2] = mul %3, %4\n  return %8, %6, %7\n}\n");
    ebb_id map[9], used[9] = {0};
    ebb_diag diag = {0};
    ebb_graph *g = ebb_expand_verbatim(last_of(m), map, &diag);
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
    ebb_module_free(m);
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
    ebb_module *m = parse(text);
    ebb_diag diag = {0};
    cr_expect_null(ebb_expand(last_of(m), false, NULL, &diag), "2^40 operations were written out");
    cr_expect_eq(diag.code, EBB_VALUE_ERROR, "code %d: %s", diag.code, diag.message);
    ebb_module_free(m);
    free(text);
}

/* ---- refusals and memory ---- */

/* Nothing may be decided by the size of an axis that is not known: whether it is empty, say. */
Test(expand, unknown_sizes_are_refused) {
    ebb_module *m =
        parse("func f(%1: f64[n0,3]) {\n  %2 f64[n0,3] = exp %1\n  %3 f64[3] = logsumexp %2 {axes=[0]} ; a.c:9\n"
              "  return %3\n}\n");
    ebb_diag diag = {0};
    cr_expect_null(ebb_expand(last_of(m), false, NULL, &diag), "an unknown size was counted");
    cr_expect_str_eq(diag.message, "logsumexp: its sizes must be known to expand it", "%s", diag.message);
    ebb_module_free(m);
}

/* Other axes may be of any size, and a mean counts its own when it runs. With sizes given, the program is that of these
 * sizes. */
Test(expand, sizes_may_come_later) {
    ebb_module *m = parse("func f(%1: f64[n0,3]) {\n  %2 f64[n0,3] = softmax %1 {axis=1}\n"
                          "  %3 f64[n0,3] = clip %2, %2, %2\n  %4 f64[n0,3] = sinc %3\n"
                          "  %5 f64[n0,3] = divide_no_nan %4, %2\n  %6 f64[n0,3] = squared_difference %5, %3\n"
                          "  %7 f64[n0,3] = xlogy %6, %6\n  %8 f64[n0,3] = digamma %2\n  %9 f64[n0,3] = add %7, %8\n"
                          "  %10 f64[3] = mean %9 {axes=[0]}\n  %11 f64[n0] = norm %9 {axes=[1]}\n"
                          "  return %10, %11\n}\n");
    ebb_diag diag = {0};
    int64_t size = 2;
    ebb_graph *general = ebb_expand(last_of(m), false, NULL, &diag);
    cr_assert_not_null(general, "%s", diag.message);
    ebb_graph *now = ebb_specialise(last_of(m), 1, &size, &diag), *later = ebb_specialise(general, 1, &size, &diag);
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
    ebb_module_free(m);
}

typedef struct meter {
    long live, left;
} meter; /* left: allocations until they fail; < 0: never */

static void *meter_resize(void *self, void *memory, size_t bytes) {
    meter *m = self;
    if (m->left == 0) return NULL;
    if (m->left > 0) m->left--;
    if (!memory) m->live++;
    return realloc(memory, bytes);
}

static void meter_release(void *self, void *memory) {
    meter *m = self;
    if (memory) m->live--;
    free(memory);
}

static const char whole[] =
    "func g(%1: f64[2], %2: i32[]) {\n  %3 f64[] = sparse_softmax_cross_entropy %1, %2 ; a.c:1\n  return %3, %1\n}\n"
    "func f(%1: f64[2], %2: i32[]) {\n  %3 f64[2] = softmax %1 {axis=0}\n  %4 (f64[], f64[2]) = call @g %3, %2\n"
    "  %5 f64[] = get %4 {k=0}                 ; b.c:2\n  %6 f64[] = norm %1 {axes=[0]}\n  %7 f64[] = logsumexp %1 "
    "{axes=[0]}\n"
    "  %8 f64[2] = mean %1 {axes=[]}\n  return %5, %6, %8\n}\n";

Test(expand, any_allocation_may_fail) {
    for (int way = 0; way < 3; way++) {
        meter gauge = {0, -1};
        ebb_allocator a = {meter_resize, meter_release, &gauge};
        ebb_diag diag = {0};
        ebb_module *m = ebb_module_parse(&a, whole, sizeof whole - 1, &diag);
        cr_assert_not_null(m, "%s", diag.message);
        long before = gauge.live, k = 0;
        for (ebb_graph *g = NULL; !g; k++) {
            diag = (ebb_diag){0};
            gauge.left = k;
            g = way < 2 ? ebb_expand(last_of(m), way, NULL, &diag) : ebb_expand_verbatim(last_of(m), NULL, &diag);
            cr_assert(g || diag.code == EBB_NO_MEMORY, "way %d, allocation %ld: code %d, %s", way, k, diag.code,
                      diag.message);
            cr_assert(g || gauge.live == before, "way %d, allocation %ld: %ld blocks leak", way, k,
                      gauge.live - before);
            ebb_graph_release(g);
            if (g) break;
        }
        cr_expect_gt(k, 20, "way %d: only %ld allocations were tried", way, k);
        gauge.left = -1;
        ebb_module_free(m);
        cr_expect_eq(gauge.live, 0, "way %d: %ld blocks leak", way, gauge.live);
    }
}
