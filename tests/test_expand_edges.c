/* test_expand_edges.c - values and derivatives of macros, at the edges that break textbook formulas and, where it is
 * safe, against these. */
#include "dual/dual.h"
#include "tests/support/parsed.h"
#include "tests/support/run_graph.h"

#include <criterion/criterion.h>
#include <math.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

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
    ebb_graph *f = parsed(edges[i].text);
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
    ebb_graph_release(f);
}

Test(expand_edges, edges) {
    for (int i = 0; i < COUNT(edges); i++)
        check_edge(i);
}

/* The shift of a softmax has no derivative, so no rule for ties is needed: nothing is compared with the maximum. */
Test(expand_edges, the_shift_has_no_derivative) {
    ebb_graph *f =
        parsed("func f(%1: f64[2]) {\n  %2 f64[2] = softmax %1 {axis=0}\n  %3 f64[2] = log_softmax %2 {axis=0}\n"
               "  %4 f64[] = sum %3 {axes=[0]}\n  return %4\n}\n");
    ebb_diag diag = {0};
    ebb_graph *g = ebb_grad_graph(f, &(ebb_dual_spec){0}, &diag);
    cr_assert_not_null(g, "%s", diag.message);
    for (ebb_id id = 1; id < g->count; id++)
        cr_expect_neq(ebb_op_of(g, id), EBB_OP_eq, "node %d compares", (int)id);
    ebb_graph_release(g);
    ebb_graph_release(f);
}

/* The same numbers as the formula written down plainly, where that is safe: over several axes, with several rows. */
Test(expand_edges, plain_values) {
    enum { B = 3, C = 4 };
    ebb_graph *f = parsed("func f(%1: f64[3,4], %2: i64[3]) {\n"
                          "  %3 f64[3] = sparse_softmax_cross_entropy %1, %2\n  %4 f64[4] = logsumexp %1 {axes=[0]}\n"
                          "  %5 f64[3,4] = softmax %1 {axis=1}\n  %6 f64[] = norm %1 {axes=[0,1]}\n"
                          "  %7 f64[4] = mean %1 {axes=[0]}\n  return %3, %4, %5, %6, %7\n}\n");
    double x[B * C], label[B] = {2, 0, 3}, loss[B], lse[C], soft[B * C], norm, mean[C], squares = 0;
    fill_uniform(7, -2, 2, B * C, x);
    ebb_diag diag = {0};
    ebb_graph *g = ebb_expand(f, false, NULL, &diag);
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
    ebb_graph_release(f);
}
