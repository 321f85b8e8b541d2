/* test_control_derivatives.c - derivatives of branches and loops: by tapes and by functions of functions, of first and
 * second order, Taylor series, many examples at once, run by native code and by the evaluator.
 *
 * What each of them must give is what the same operations give without branches and loops (tests/support/flows.h),
 * differentiated operation by operation by a tape; and that is tested elsewhere. Start reading at
 * four_ways_and_two_orders. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/flows.h"
#include "tests/support/four_ways.h"

static ebb_context *ebb;
static void start(void) { ebb = ebb_open(NULL); }
static void stop(void) {
    expect_ok(ebb, "at the end");
    ebb_close(ebb);
}
TestSuite(control_derivatives, .init = start, .fini = stop, .timeout = 300);

#define BODY(name) static void name(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data)
#define UNUSED (void)e, (void)in, (void)data

static int compared;

/* Sums in another order, of some hundred terms: 1e-12 leaves three digits to spare. Absent is zero. */
static void expect_near(const ebb_tensor *x, const ebb_tensor *want, const char *name, const char *how, int k) {
    int64_t n = ebb_is_absent(want) ? ebb_size(x) : ebb_size(want);
    cr_expect(ebb_is_absent(x) || ebb_size(x) == n, "%s, %s, answer %d: %lld elements, not %lld", name, how, k,
              (long long)ebb_size(x), (long long)n);
    cr_expect(!ebb_is_poison(x), "%s, %s, answer %d: poison", name, how, k);
    for (int64_t i = 0; i < n && !ebb_is_poison(x); i++, compared++) {
        double have = ebb_is_absent(x) ? 0 : ebb_item(x, i), should = ebb_is_absent(want) ? 0 : ebb_item(want, i);
        cr_expect(fabs(have - should) <= 1e-12 * (1 + fabs(should)),
                  "%s, %s, answer %d: element %lld is %.17g, not %.17g", name, how, k, (long long)i, have, should);
    }
}

static void arguments(const flow_case *c, ebb_tensor **x) {
    for (int k = 0; k < c->n; k++)
        x[k] = ebb_literal(ebb, c->x[k], EBB_F64);
}

/* ---- tapes ---- */

Test(control_derivatives, four_ways_and_two_orders) {
    for (int i = 0; i < flow_case_count; i++)
        for (int order = FIRST; order <= HESSIAN; order++)
            EBB_SCOPE (ebb) {
                const flow_case *c = &flow_cases[i];
                question q = {.body = c->plain, .n = c->n, .tape_flags = EBB_TAPE_PERSISTENT, .order = order};
                ebb_tensor *x[2], *want[ANSWERS], *have[ANSWERS];
                arguments(c, x);
                int count = answer(ebb, &q, EAGER_TAPE, x, want);
                q.body = c->flow;
                for (int w = 0; w < WAYS; w++) {
                    answer(ebb, &q, (way)w, x, have);
                    expect_ok(ebb, "%s, %s", c->name, way_name[w]);
                    ebb_clear_error(ebb);
                    for (int k = 0; k < count; k++)
                        expect_near(have[k], want[k], c->name, way_name[w], k);
                }
            }
    printf("cases: %d elements of derivatives\n", compared);
}

/* Tangents, and a gradient under a forward tape. */
static void tangents(const flow_case *c, ebb_function *f, ebb_body *body, ebb_tensor **x, ebb_tensor *out[3]) {
    ebb_tensor *v[2], *y;
    ebb_operand in[2];
    for (int k = 0; k < c->n; k++) {
        v[k] = ebb_add(ebb_mul(x[k], 0.5), k + 0.25);
        in[k] = EBB_OPERAND(x[k]);
    }
    ebb_tape *forward = ebb_forward_start(ebb, c->n, x, v), *tape = ebb_tape_start(ebb, EBB_TAPE_MANUAL);
    ebb_watch(tape, x[0]);
    if (f)
        ebb_call_n(f, c->n, in, 1, &y);
    else
        body(ebb, x, &y, NULL);
    out[0] = ebb_tangent(forward, y);
    out[1] = ebb_gradient(tape, y, x[0]);
    out[2] = ebb_is_absent(out[1]) ? out[1] : ebb_tangent(forward, out[1]);
}

Test(control_derivatives, forward_tapes) {
    for (int i = 0; i < flow_case_count; i++)
        EBB_SCOPE (ebb) {
            const flow_case *c = &flow_cases[i];
            ebb_function *f = ebb_function_new(ebb, c->flow, &(ebb_function_options){.name = "f", .mode = EBB_NATIVE});
            ebb_tensor *x[2], *want[3], *have[2][3];
            arguments(c, x);
            tangents(c, NULL, c->plain, x, want);
            tangents(c, NULL, c->flow, x, have[0]);
            tangents(c, f, NULL, x, have[1]);
            for (int k = 0; k < 3; k++) {
                expect_near(have[0][k], want[k], c->name, "eagerly", k);
                expect_near(have[1][k], want[k], c->name, "around a call", k);
            }
            expect_ok(ebb, "%s", c->name);
            ebb_clear_error(ebb);
        }
    printf("cases: %d elements of tangents\n", compared);
}

/* ---- functions of functions ---- */

BODY(summed) { /* data: the body; its result as a scalar */
    ebb_tensor *y;
    (*(ebb_body *const *)data)(e, in, &y, NULL);
    out[0] = ebb_sum(ebb_sin(y));
}

typedef ebb_function *derive(ebb_function *f, const ebb_wrt *wrt);
static ebb_function *third(ebb_function *f, const ebb_wrt *wrt) { return ebb_jet(f, wrt, 3); }
static ebb_function *seventh(ebb_function *f, const ebb_wrt *wrt) { return ebb_jet(f, wrt, 7); }
static ebb_function *columns(ebb_function *f, const ebb_wrt *wrt) { return ebb_jacobian_of(f, wrt, EBB_FORWARD); }
static ebb_function *jvp_of_grad(ebb_function *f, const ebb_wrt *wrt) { return ebb_jvp(ebb_grad(f, wrt), wrt); }
static ebb_function *jet_of_grad(ebb_function *f, const ebb_wrt *wrt) { return ebb_jet(ebb_grad(f, wrt), wrt, 2); }
static ebb_function *jvp_of_jvp(ebb_function *f, const ebb_wrt *wrt) { return ebb_jvp(ebb_jvp(f, wrt), wrt); }
static ebb_function *hvp_of_jvp(ebb_function *f, const ebb_wrt *wrt) { return ebb_grad(ebb_jvp(f, wrt), wrt); }
static ebb_function *examples(ebb_function *f, const ebb_wrt *wrt) {
    (void)wrt;
    return ebb_vmap(f, NULL);
}
static ebb_function *gradients_of_examples(ebb_function *f, const ebb_wrt *wrt) {
    return ebb_vmap(ebb_grad(f, wrt), NULL);
}

enum { NOTHING, DIRECTION, TWO_DIRECTIONS, EXAMPLES };
static const struct {
    const char *name;
    derive *derive;
    int more; /* arguments */
    int results;
} transforms[] = {
    {"ebb_grad", ebb_grad, NOTHING, 1},
    {"ebb_jvp", ebb_jvp, DIRECTION, 2},
    {"ebb_hvp", ebb_hvp, DIRECTION, 1},
    {"ebb_hessian", ebb_hessian, NOTHING, 1},
    {"ebb_jacobian_of", columns, NOTHING, 1},
    {"ebb_jet of order 3", third, DIRECTION, 2},
    {"ebb_jet of order 7", seventh, DIRECTION, 2},
    {"ebb_jvp of ebb_grad", jvp_of_grad, DIRECTION, 2},
    {"ebb_jet of ebb_grad", jet_of_grad, DIRECTION, 2},
    {"ebb_jvp of ebb_jvp", jvp_of_jvp, TWO_DIRECTIONS, 4},
    {"ebb_grad of ebb_jvp", hvp_of_jvp, DIRECTION, 1},
    {"ebb_vmap", examples, EXAMPLES, 1},
    {"ebb_vmap of ebb_grad", gradients_of_examples, EXAMPLES, 1},
};

/* Two examples, or the arguments and directions for the first of them. */
static int transform_arguments(const flow_case *c, int more, ebb_operand *in) {
    ebb_tensor *x[2], *pair[2];
    int n = 0;
    arguments(c, x);
    for (int k = 0; k < c->n; k++) {
        pair[0] = x[k];
        pair[1] = ebb_add(ebb_mul(x[k], 0.984375), 0.015625); /* of the same course */
        in[n++] = EBB_OPERAND(more == EXAMPLES ? ebb_stack(2, pair, 0) : x[k]);
    }
    if (more == DIRECTION || more == TWO_DIRECTIONS) in[n++] = EBB_OPERAND(ebb_add(ebb_mul(x[0], 0.5), 0.25));
    if (more == TWO_DIRECTIONS) in[n++] = EBB_OPERAND(ebb_sub(ebb_mul(x[0], 0.25), 1));
    return n;
}

static void transformed(const flow_case *c, ebb_body *body, int t, ebb_mode mode, ebb_tensor **out) {
    ebb_operand in[4];
    ebb_function_options o = {.name = "f", .data = &body, .mode = mode};
    ebb_function *f = transforms[t].derive(ebb_function_new(ebb, summed, &o), EBB_WRT(0));
    ebb_call_n(f, transform_arguments(c, transforms[t].more, in), in, transforms[t].results, out);
    ebb_function_free(f);
}

Test(control_derivatives, functions_of_functions) {
    static const struct {
        const char *name, *jit;
        ebb_mode mode;
    } ways[] = {{"native", "", EBB_NATIVE}, {"evaluator", "off", EBB_COMPILED}};
    char how[64];
    for (int i = 0; i < flow_case_count; i++)
        for (int t = 0; t < COUNT(transforms); t++)
            EBB_SCOPE (ebb) {
                const flow_case *c = &flow_cases[i];
                ebb_tensor *want[4], *have[4];
                setenv("EBB_JIT", "off", 1);
                transformed(c, c->plain, t, EBB_COMPILED, want);
                expect_ok(ebb, "%s, plain, %s", c->name, transforms[t].name);
                for (int k = 0; k < COUNT(ways); k++) {
                    setenv("EBB_JIT", ways[k].jit, 1);
                    snprintf(how, sizeof how, "%s, %s", transforms[t].name, ways[k].name);
                    transformed(c, c->flow, t, ways[k].mode, have);
                    for (int j = 0; j < transforms[t].results; j++)
                        expect_near(have[j], want[j], c->name, how, j);
                    expect_ok(ebb, "%s, %s", c->name, how);
                    ebb_clear_error(ebb);
                }
            }
    printf("cases: %d flows, %d transforms, %d elements\n", flow_case_count, COUNT(transforms), compared);
}

/* ---- what the other branch depends on ---- */

BODY(first) {
    UNUSED;
    out[0] = ebb_square(in[0]);
}
BODY(second) {
    UNUSED;
    out[0] = ebb_sqrt(in[1]); /* of 0: an infinite slope */
}
BODY(either) {
    UNUSED;
    out[0] = ebb_cond(e, ebb_gt(in[0], 0), first, second, NULL, in[0], in[1]);
}

Test(control_derivatives, a_branch_that_is_not_taken_has_the_slope_zero) {
    ebb_tensor *x[2] = {ebb_scalar(ebb, 3.0), ebb_scalar(ebb, 0.0)}, *out[ANSWERS];
    question q = {.body = either, .n = 2, .order = FIRST};
    for (int w = 0; w < WAYS; w++) {
        answer(ebb, &q, (way)w, x, out);
        expect_text(out[1], "6.0", "%s", way_name[w]);
        if (w == TAPE_OUTSIDE || w == GRADIENT_INSIDE)
            expect_text(out[2], "0.0", "%s: part of the program", way_name[w]);
        else
            cr_expect(ebb_is_absent(out[2]), "%s: it did not run", way_name[w]);
    }
}

/* ---- variables ---- */

static ebb_tensor *v;
BODY(times_v) {
    UNUSED;
    out[0] = ebb_mul(ebb_sin(in[0]), v);
}
BODY(three_times_v) {
    UNUSED;
    ebb_scan(e, times_v, NULL, EBB_OPERANDS(in[0]), EBB_NO_OPERANDS, 0, out, (&(ebb_scan_options){.trips = 3}));
}
BODY(three_times_v_plainly) {
    UNUSED;
    ebb_tensor *x = in[0];
    for (int i = 0; i < 3; i++)
        times_v(e, &x, &x, NULL);
    out[0] = x;
}

Test(control_derivatives, in_a_variable_that_bodies_read) {
    v = ebb_variable(ebb, ebb_literal(ebb, "[1.5, -0.5]", EBB_F64), "v");
    ebb_tensor *x = ebb_literal(ebb, "[1, 2]", EBB_F64), *want = NULL;
    ebb_body *const bodies[] = {three_times_v_plainly, three_times_v};
    for (int i = 0; i < 2; i++)
        for (int eager = 1; eager >= 0; eager--) {
            ebb_mode mode = eager ? EBB_EAGER : EBB_NATIVE;
            ebb_function *f = ebb_function_new(ebb, bodies[i], &(ebb_function_options){.name = "f", .mode = mode});
            ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
            ebb_tensor *dv = ebb_gradient(tape, ebb_call(f, x), v), *watched = NULL;
            cr_expect(ebb_watched_variables(tape, 1, &watched) == 1 && watched == v);
            if (!want) want = dv;
            expect_near(dv, want, "in v", eager ? "eagerly" : "compiled", i);
        }
}

/* ---- sizes that are not known ---- */

BODY(product_step) {
    UNUSED;
    out[0] = out[1] = ebb_mul(in[0], ebb_sin(in[1]));
}
BODY(products) {
    UNUSED;
    ebb_tensor *r[2];
    ebb_scan(e, product_step, NULL, EBB_OPERANDS(1.0), EBB_OPERANDS(in[0]), 1, r, NULL);
    out[0] = ebb_sum(r[1]);
}
BODY(plain_products) {
    UNUSED;
    out[0] = ebb_sum(ebb_cumprod(ebb_sin(in[0]), 0));
}

Test(control_derivatives, of_every_length_by_one_trace) {
    ebb_function_options o = {.name = "f", .signature = "f64[n]"};
    ebb_function *f = ebb_function_new(ebb, products, &o), *gradient = ebb_grad(f, NULL);
    ebb_function *plain = ebb_grad(ebb_function_new(ebb, plain_products, NULL), NULL);
    static const char *const x[] = {"[1, 2, 3]", "[0.5, 2.5]", "[1.5, 0.25, 2, 1]", "[]"};
    for (int i = 0; i < COUNT(x); i++)
        expect_near(ebb_call(gradient, ebb_literal(ebb, x[i], EBB_F64)),
                    ebb_call(plain, ebb_literal(ebb, x[i], EBB_F64)), "a scan", x[i], i);
    cr_expect_eq(ebb_trace_count(f), 1, "traced %d times", ebb_trace_count(f));
}

/* ---- how much is kept for the way back ---- */

typedef struct frugal {
    ebb_while_options option;
    bool scan;
} frugal;

BODY(is_short) {
    UNUSED;
    out[0] = ebb_lt(in[1], 40);
}
BODY(turns) {
    UNUSED;
    out[0] = ebb_sin(ebb_add(in[0], ebb_mul(0.5, ebb_reverse(in[0], EBB_AXES(0)))));
    out[1] = ebb_add(in[1], 1);
}
BODY(turned) {
    const frugal *c = data;
    ebb_tensor *r[2];
    ebb_scan_options o = {.trips = 40, .checkpoint_bytes = c->option.checkpoint_bytes};
    if (c->scan)
        ebb_scan(e, turns, NULL, EBB_OPERANDS(in[0], 0), EBB_NO_OPERANDS, 0, r, &o);
    else
        ebb_while_n(e, is_short, turns, NULL, EBB_OPERANDS(in[0], 0), r, &c->option);
    out[0] = ebb_sum(ebb_square(r[0]));
}

/* The same to the bit with 2 states and with all of them; and what is kept is within the budget, also at second order,
 * where a state of the loop is the value and its tangent. */
Test(control_derivatives, budgets) {
    static const struct {
        const char *name;
        derive *derive;
        int arguments;
    } kinds[] = {
        {"gradient", ebb_grad, 1}, {"Hessian-vector product", ebb_hvp, 2}, {"gradient of tangent", hvp_of_jvp, 2}};
    static const int64_t budgets[] = {1, 1000, 4000, 20000, 0};
    ebb_operand in[] = {EBB_OPERAND(ebb_add(ebb_mul(ebb_range(ebb, EBB_F64, 64), 0.02), 0.1)),
                        EBB_OPERAND(ebb_full(ebb, EBB_F64, EBB_SHAPE(64), 0.5))};
    int cases = 0;
    for (int k = 0; k < 2 * COUNT(kinds); k++)
        EBB_SCOPE (ebb) {
            ebb_tensor *want = NULL;
            int64_t least = 0, most = 0;
            for (int b = 0; b < COUNT(budgets); b++, cases++) {
                frugal c = {{budgets[b]}, k % 2};
                ebb_function_options o = {.name = "f", .mode = EBB_NATIVE, .data = &c};
                ebb_function *f = kinds[k / 2].derive(ebb_function_new(ebb, turned, &o), EBB_WRT(0));
                ebb_tensor *have = NULL;
                ebb_call_n(f, kinds[k / 2].arguments, in, 1, &have);
                most = ebb_native_of(ebb_get_concrete(f, kinds[k / 2].arguments, in)).work_bytes;
                if (b == 0) want = have, least = most;
                for (int i = 0; i < 64; i++)
                    cr_expect_eq(ebb_item(have, i), ebb_item(want, i), "%s, %lld bytes: %.17g, not %.17g",
                                 kinds[k / 2].name, (long long)budgets[b], ebb_item(have, i), ebb_item(want, i));
                if (budgets[b])
                    cr_expect_leq(most - least, budgets[b], "%s: %lld bytes", kinds[k / 2].name, (long long)most);
            }
            if (k % 2) /* 39 states, of which the least has 2 */
                cr_expect(most - least >= 37 * 512 && most - least < 3 * 40 * 512, "%s: all take %lld bytes, two %lld",
                          kinds[k / 2].name, (long long)most, (long long)least);
        }
    printf("cases: %d derivatives\n", cases);
}

/* ---- long loops ---- */

BODY(a_million_not_done) {
    UNUSED;
    out[0] = ebb_lt(in[1], 1000000);
}
BODY(drifts) { /* x' = x + 1e-6 cos(x a): d x_n / d x_0 and in a by the chain rule */
    UNUSED;
    out[0] = ebb_add(in[0], ebb_mul(1e-6, ebb_cos(ebb_mul(in[0], (ebb_tensor *)data))));
    out[1] = ebb_add(in[1], 1);
}
BODY(drifted) {
    UNUSED;
    out[0] = ebb_sum(ebb_while(e, a_million_not_done, drifts, in[1], in[0], 0));
}

Test(control_derivatives, through_a_million_iterations) {
    ebb_function *f = ebb_function_new(ebb, drifted, &(ebb_function_options){.name = "f", .mode = EBB_NATIVE});
    ebb_function *g = ebb_grad(f, EBB_WRT(0, 1)), *h = ebb_hvp(f, EBB_WRT(0));
    double x = 0.5, a = 1.25, dx = 1, da = 0, ddx = 0;
    for (int i = 0; i < 1000000; i++) {
        double s = -1e-6 * sin(x * a), step = 1e-6 * cos(x * a);
        da = da + s * (da * a + x);
        ddx = ddx + s * ddx * a - step * dx * dx * a * a;
        dx = dx + s * dx * a;
        x += step;
    }
    ebb_tensor *out[2], *product;
    ebb_operand in[] = {EBB_OPERAND(ebb_full(ebb, EBB_F64, EBB_SHAPE(16), 0.5)), EBB_OPERAND(ebb_scalar(ebb, 1.25)),
                        EBB_OPERAND(ebb_ones(ebb, EBB_F64, EBB_SHAPE(16)))};
    ebb_call_n(g, 2, in, 2, out);
    ebb_call_n(h, 3, in, 1, &product);
    cr_assert(ebb_ok(ebb), "%s", ebb_error(ebb));
    int64_t bytes[] = {ebb_native_of(ebb_get_concrete(g, 2, in)).work_bytes, /* all states would be 132 MB */
                       ebb_native_of(ebb_get_concrete(h, 3, in)).work_bytes};
    for (int k = 0; k < 2; k++)
        cr_expect(bytes[k] > 0 && bytes[k] < 100e6, "%lld bytes", (long long)bytes[k]);
    /* A million roundings of numbers near 1, which add up like a random walk, or at worst to 1e-10. */
    for (int i = 0; i < 16; i++) {
        cr_expect_lt(fabs(ebb_item(out[0], i) - dx), 1e-10, "%.17g, not %.17g", ebb_item(out[0], i), dx);
        cr_expect_lt(fabs(ebb_item(product, i) - ddx), 1e-10, "product: %.17g, not %.17g", ebb_item(product, i), ddx);
    }
    cr_expect_lt(fabs(ebb_item(out[1], 0) - 16 * da), 16e-10, "%.17g, not %.17g", ebb_item(out[1], 0), 16 * da);
    printf("cases: 33 derivatives through a million iterations, in %lld and %lld bytes\n", (long long)bytes[0],
           (long long)bytes[1]);
}
