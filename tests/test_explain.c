/* test_explain.c - what the library tells of costs and roads: that it is what runs, that overruling it works, and what
 * is refused. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/check.h"

static ebb_context *ebb;

static void start(void) { ebb = ebb_open(NULL); }
static void stop(void) {
    expect_ok(ebb, "at the end");
    ebb_close(ebb);
}
TestSuite(explain, .init = start, .fini = stop);

static ebb_function *formula(const char *text) { return ebb_expression(ebb, text, 1, (const char *[]){"x"}); }
static ebb_tensor *f64(const char *text) { return ebb_literal(ebb, text, EBB_F64); }

/* ---- programs ---- */

Test(explain, a_program) {
    ebb_explanation e = ebb_explain(formula("sum(tanh(x)*x)"), f64("[1, 2, 3, 4]"));
    cr_assert(e.good);
    cr_expect_eq(e.nodes, 3);
    cr_expect_eq(e.operations, 4 * 16 + 4 + 4, "tanh, mul, sum: %g", e.operations);
    cr_expect_eq(e.bytes, 64 + 96 + 40, "%g", e.bytes);
    cr_expect_eq(e.peak_bytes, 64, "tanh and its product: %g", e.peak_bytes);
    cr_expect(e.kernels == 1 && e.routines == 0 && e.copies == 0 && e.arena_bytes == 0, "one loop");
    cr_expect(e.roads == 0 && !*e.why, "no choice");
}

static void square(ebb_context *context, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)context, (void)data;
    out[0] = ebb_matmul(in[0], ebb_exp(in[0]));
}

Test(explain, by_kind_of_operation) {
    ebb_function *f = ebb_function_new(ebb, square, NULL);
    const ebb_operand in[] = {EBB_OPERAND(ebb_ones(ebb, EBB_F64, EBB_SHAPE(20, 20)))};
    ebb_concrete *c = ebb_get_concrete(f, 1, in);
    ebb_operation_cost cost[2];
    cr_assert_eq(ebb_concrete_costs(c, 0, NULL), 2);
    cr_assert_eq(ebb_concrete_costs(c, 2, cost), 2);
    cr_expect(!strcmp(cost[0].op, "dot") && cost[0].count == 1 && cost[0].operations == 16000, "the dearest first: %s",
              cost[0].op);
    cr_expect(!strcmp(cost[1].op, "exp") && cost[1].operations == 6400 && cost[1].bytes == 6400, "%s", cost[1].op);
    ebb_explanation e = ebb_explain_n(f, 1, in);
    cr_expect(e.routines == 1 && e.kernels == 1 && e.arena_bytes == 3200, "a product of what a loop has stored");
    cr_expect(strstr(ebb_concrete_program(c), "= exp %1"), "%s", ebb_concrete_program(c));
    cr_expect(strstr(ebb_concrete_plan(c), "routine dot"), "%s", ebb_concrete_plan(c));
}

/* ---- loops ---- */

static void is_below_nine(ebb_context *context, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)context, (void)data;
    out[0] = ebb_lt(ebb_sum(in[0]), 9);
}
static void grows(ebb_context *context, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)context, (void)data;
    out[0] = ebb_add(in[0], ebb_exp(in[0]));
}
static void scans(ebb_context *context, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    ebb_tensor *x = ebb_while(context, is_below_nine, grows, NULL, in[0]), *y;
    ebb_scan(context, grows, NULL, EBB_OPERANDS(x), EBB_NO_OPERANDS, 0, &y, data);
    out[0] = ebb_sum(y);
}

/* Operations as often as they run, steps of the functions that loops run, and the memory that their reverse keeps. */
Test(explain, loops) {
    ebb_scan_options all = {.trips = 40}, two = {.trips = 40, .checkpoint_bytes = 1};
    ebb_tensor *x = ebb_ones(ebb, EBB_F64, EBB_SHAPE(64));
    ebb_explanation e = ebb_explain(ebb_function_new(ebb, scans, &(ebb_function_options){.data = &all}), x);
    cr_assert(e.good);
    cr_expect_eq(e.operations, (100 + 40) * 17 * 64 + 100 * (64 + 1) + 64, "%g", e.operations);
    cr_expect(e.regions == 2 && e.kernels == 4 && e.routines == 0, "%d regions, %d kernels", e.regions, e.kernels);
    cr_expect_eq(e.nodes, 12, "%d nodes", e.nodes);
    ebb_explanation g[2];
    for (int k = 0; k < 2; k++) {
        ebb_function_options o = {.data = k ? &two : &all};
        g[k] = ebb_explain(ebb_grad(ebb_function_new(ebb, scans, &o), NULL), x);
        cr_assert(g[k].good);
    }
    cr_expect_eq(g[0].arena_bytes - g[1].arena_bytes, 37 * 512 + 256,
                 "39 states and 2, of 512 and 8 bytes, in units of 64: %lld, %lld bytes", (long long)g[0].arena_bytes,
                 (long long)g[1].arena_bytes);
    cr_expect_gt(g[1].operations, g[0].operations, "what is not kept is computed again");
}

/* ---- roads ---- */

static ebb_function *cheaper(ebb_function *f, const ebb_wrt *wrt) { return ebb_jacobian_of(f, wrt, EBB_CHEAPER); }

static const struct {
    const char *what, *formula;
    ebb_function *(*derive)(ebb_function *f, const ebb_wrt *wrt);
    bool direction;
    const char *chosen;
} objects[] = {
    {"gradient", "sum(exp(x)*x*x)", ebb_grad, false, "reverse"},
    {"value and gradient", "sum(exp(x)*x*x)", ebb_value_and_grad, false, "reverse"},
    {"Hessian times a vector", "sum(exp(x)*x*x)", ebb_hvp, true, "forward over reverse"},
    {"Hessian", "sum(exp(x)*x*x)", ebb_hessian, false, "forward over reverse"},
    {"diagonal of the Hessian", "sum(exp(x)*x*x)", ebb_hessian_diagonal, false, "product with ones"},
    {"Jacobian, wide", "sum(exp(x)*x*x)", cheaper, false, "reverse"},
    {"Jacobian, square", "exp(x)*x*x", cheaper, false, "forward"},
};

/* What is chosen is what runs unasked; each road, asked for by name, gives the same numbers. */
Test(explain, roads) {
    int taken = 0;
    ebb_tensor *x = f64("[0.5, -1, 2]"), *v = f64("[1, -2, 0.5]");
    const ebb_operand in[] = {EBB_OPERAND(x), EBB_OPERAND(v)};
    for (int i = 0; i < COUNT(objects); i++) {
        int nin = 1 + objects[i].direction;
        ebb_function *f = formula(objects[i].formula), *usual = objects[i].derive(f, NULL);
        ebb_explanation e = ebb_explain_n(usual, nin, in);
        cr_assert(e.good && e.roads > 1, "%s: %s", objects[i].what, ebb_error(ebb));
        cr_expect_str_eq(e.road[e.chosen].road, objects[i].chosen, "%s: %s", objects[i].what, e.why);
        cr_expect_eq(strncmp(e.why, objects[i].chosen, strlen(objects[i].chosen)), 0, "%s: %s", objects[i].what, e.why);
        ebb_tensor *want, *got;
        ebb_call_n(usual, nin, in, 1, &want);
        for (int k = 0; k < e.roads; k++, taken++) {
            ebb_function *named = objects[i].derive(f, NULL);
            ebb_set_road(named, e.road[k].road, 0);
            ebb_call_n(named, nin, in, 1, &got);
            expect_ok(ebb, "%s, %s", objects[i].what, e.road[k].road);
            for (int64_t j = 0; j < ebb_size(want); j++)
                cr_expect(fabs(ebb_item(want, j) - ebb_item(got, j)) <= 1e-13 * (1 + fabs(ebb_item(want, j))),
                          "%s, %s, element %d: %.17g and %.17g", objects[i].what, e.road[k].road, (int)j,
                          ebb_item(want, j), ebb_item(got, j));
            cr_expect_eq(ebb_explain_n(named, nin, in).chosen, k, "%s: %s is taken", objects[i].what, e.road[k].road);
        }
    }
    printf("cases: %d roads\n", taken);
}

/* A loop in one number: whether it comes forward is a question of what it costs. */
static void unfinished(ebb_context *context, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)context, (void)data;
    out[0] = ebb_gt(in[0], 0.001);
}
static void smaller(ebb_context *context, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)context, (void)data;
    out[0] = ebb_mul(ebb_sin(in[0]), 0.5);
}
static void looped(ebb_context *context, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)data;
    out[0] = ebb_while(context, unfinished, smaller, NULL, in[0]);
}

Test(explain, the_gradient_of_a_loop_in_one_number) {
    ebb_function *f = ebb_function_new(ebb, looped, NULL), *g = ebb_grad(f, NULL), *back = ebb_grad(f, NULL);
    ebb_tensor *x = f64("0.7");
    ebb_explanation e = ebb_explain(g, x);
    cr_assert(e.good && e.roads == 2, "%s", ebb_error(ebb));
    bool cheaper_forward = e.road[1].work < 0.9 * e.road[0].work;
    cr_expect_str_eq(e.road[1].road, "forward", "%s", e.why);
    cr_expect_eq(e.chosen, cheaper_forward, "%s: %g and %g", e.why, e.road[0].work, e.road[1].work);
    ebb_set_road(back, "reverse", 0);
    double forward = ebb_item(ebb_call(g, x), 0), reverse = ebb_item(ebb_call(back, x), 0);
    cr_expect(fabs(forward - reverse) <= 1e-13 * fabs(reverse), "%.17g and %.17g", forward, reverse);
    e = ebb_explain(back, x);
    cr_expect_str_eq(e.road[e.chosen].road, "reverse", "%s", e.why);
    cr_expect_not_null(strstr(e.why, "asked for by name"), "%s", e.why);
}

/* Every derivative object that has roads can be asked for each by name, and for a budget. */
static ebb_function *rows_of_batch(ebb_function *f, const ebb_wrt *wrt) {
    return ebb_batch_jacobian_of(ebb_vmap(f, NULL), wrt, EBB_CHEAPER);
}
static ebb_function *sparse(ebb_function *f, const ebb_wrt *wrt) { return ebb_sparse_jacobian(f, wrt, EBB_CHEAPER); }

static const struct {
    const char *what, *formula;
    ebb_function *(*derive)(ebb_function *f, const ebb_wrt *wrt);
    int arguments, results; /* the last one is compared */
    const char *x, *road[3];
} overruled[] = {
    {"gradient", "sum(exp(x)*x*x)", ebb_grad, 1, 1, "[0.5, -1, 2]", {"reverse", "forward"}},
    {"Hessian times a vector",
     "sum(exp(x)*x*x)",
     ebb_hvp,
     2,
     1,
     "[0.5, -1, 2]",
     {"forward over reverse", "reverse over forward", "reverse over reverse"}},
    {"Jacobian", "exp(x)*x*x", cheaper, 1, 1, "[0.5, -1, 2]", {"forward", "reverse"}},
    {"batch Jacobian", "exp(x)*x*x", rows_of_batch, 1, 1, "[[0.5, -1, 2], [1, 2, 3]]", {"forward", "reverse"}},
    {"Hessian", "sum(exp(x)*x*x)", ebb_hessian, 1, 1, "[0.5, -1, 2]", {"forward over reverse", "forward over forward"}},
    {"diagonal", "sum(exp(x)*x*x)", ebb_hessian_diagonal, 1, 1, "[0.5, -1, 2]", {"product with ones", "series"}},
    {"Laplacian", "sum(exp(x)*x*x)", ebb_laplacian, 1, 2, "[0.5, -1, 2]", {"collapsed series", "series"}},
    {"sparse Jacobian", "exp(x)*x*x", sparse, 1, 1, "[0.5, -1, 2]", {"colours", "forward", "reverse"}},
    {"sparse Hessian", "sum(exp(x)*x*x)", ebb_sparse_hessian, 1, 1, "[0.5, -1, 2]", {"colours"}},
};

static ebb_tensor *result_by(int i, const char *road) {
    ebb_tensor *out[2];
    const ebb_operand in[] = {EBB_OPERAND(f64(overruled[i].x)), EBB_OPERAND(f64("[1, -2, 0.5]"))};
    ebb_function *f = overruled[i].derive(formula(overruled[i].formula), NULL);
    ebb_set_road(f, road, 1 << 20);
    ebb_call_n(f, overruled[i].arguments, in, overruled[i].results, out);
    expect_ok(ebb, "%s, %s", overruled[i].what, road);
    cr_expect(ebb_explain_n(f, overruled[i].arguments, in).why[0], "%s: no reason is given", overruled[i].what);
    return out[overruled[i].results - 1];
}

Test(explain, every_object_can_be_overruled) {
    int cases = 0;
    for (int i = 0; i < COUNT(overruled); i++)
        for (int k = 0; k < 3 && overruled[i].road[k]; k++, cases++) {
            ebb_tensor *want = result_by(i, NULL), *got = result_by(i, overruled[i].road[k]);
            cr_expect(ebb_size(want) > 0 && ebb_size(want) == ebb_size(got), "%s", overruled[i].what);
            for (int64_t j = 0; j < ebb_size(want); j++)
                cr_expect(fabs(ebb_item(want, j) - ebb_item(got, j)) <= 1e-13 * (1 + fabs(ebb_item(want, j))),
                          "%s, %s, element %d", overruled[i].what, overruled[i].road[k], (int)j);
        }
    printf("cases: %d\n", cases);
}

/* The number of colours is no choice. */
Test(explain, a_sparse_derivative) {
    ebb_explanation e = ebb_explain(ebb_sparse_hessian(formula("sum(exp(x)*x*x)"), NULL), f64("[0.5, -1, 2]"));
    cr_assert(e.good && e.roads == 1 && e.chosen == 0, "%s", ebb_error(ebb));
    cr_expect_eq(e.road[0].directions, 1);
    cr_expect_str_eq(e.why, "colours: 1 forward and 0 reverse products for 3 entries of 3 x 3");
}

/* A small budget: more blocks, less memory. */
Test(explain, blocks) {
    ebb_tensor *x = ebb_ones(ebb, EBB_F64, EBB_SHAPE(400));
    ebb_function *whole = ebb_hessian(formula("sum(exp(x)*x)*sum(x*x)"), NULL),
                 *cut = ebb_hessian(formula("sum(exp(x)*x)*sum(x*x)"), NULL);
    ebb_set_road(cut, "forward over reverse", 2000000);
    ebb_explanation a = ebb_explain(whole, x), b = ebb_explain(cut, x);
    cr_assert(a.good && b.good);
    cr_expect_eq(a.road[a.chosen].blocks, 1);
    cr_expect_gt(b.road[b.chosen].blocks, 1);
    cr_expect_lt(b.peak_bytes, a.peak_bytes);
}

/* Without a name the planner chooses again; traces that are there stay. */
Test(explain, roads_forgotten) {
    ebb_function *j = cheaper(formula("sum(exp(x)*x*x)"), NULL);
    ebb_set_road(j, "forward", 0);
    ebb_call(j, f64("[1, 2, 3]"));
    cr_expect_eq(ebb_explain(j, f64("[1, 2, 3]")).chosen, 0);
    ebb_set_road(j, NULL, 0);
    cr_expect_eq(ebb_explain(j, f64("[1, 2, 3, 4]")).chosen, 1);
    cr_expect_eq(ebb_trace_count(j), 2);
}

/* ---- refusals ---- */

Test(explain, refusals) {
    ebb_function *f = formula("sum(x)"), *g = ebb_grad(f, NULL);
    ebb_tensor *x = f64("[1, 2]");
    cr_expect_not(ebb_explain(NULL, x).good);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_explain: the function is NULL", "no function");
    cr_expect_not(ebb_explain(g, ebb_literal(ebb, "[1, 2]", EBB_I32)).good);
    expect_error(ebb, EBB_TYPE_ERROR, "only f32 and f64 have derivatives", "integers");
    cr_expect_not(ebb_explain(g, ebb_matmul(x, f64("[1, 2, 3]"))).good, "poison");
    ebb_clear_error(ebb);
    cr_expect_eq(ebb_concrete_costs(NULL, 0, NULL), 0);
    cr_expect_str_empty(ebb_concrete_program(NULL));
    cr_expect_str_empty(ebb_concrete_plan(NULL));

    ebb_set_road(NULL, "forward", 0);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_set_road: the function is NULL", "a road of nothing");
    ebb_set_road(f, "forward", 0);
    expect_error(ebb, EBB_TYPE_ERROR, "expression is no derivative", "a road of a body");
    ebb_set_road(g, "forward", -1);
    expect_error(ebb, EBB_VALUE_ERROR, "a budget of -1 bytes", "a negative budget");
    ebb_set_road(g, "sideways", 0);
    ebb_call(g, x);
    expect_error(ebb, EBB_VALUE_ERROR, "no road is called \"sideways\"; there are \"reverse\", \"forward\"", "unknown");
}
