/* test_transforms.c - functions to functions: what each transform takes and gives, and how it says no. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dual/dual.h"
#include "support/run_graph.h"
#include "tests/support/scarce.h"

static ebb_diag diag;

/* ---- programs to transform ---- */

static const ebb_shape scalar = {0}, three = {1, {3}}, square = {2, {2, 2}};

static ebb_builder new_program(const char *name) {
    diag = (ebb_diag){0};
    return (ebb_builder){ebb_graph_new(&ebb_malloc_allocator, &diag, name), {.file = "loss.c", .line = 12}};
}

static ebb_id parameter(ebb_builder *b, ebb_dtype dtype, const ebb_shape *shape) {
    return ebb_add_input(b->graph, (ebb_type){dtype, *shape}, b->site);
}

static ebb_id total(ebb_builder *b, ebb_id x) {
    return ebb_g_sum(b, x, ebb_shape_of(b->graph, x)->rank, (int64_t[]){0, 1, 2, 3, 4, 5, 6, 7});
}

/* exp(sin(x)*y) + log(1+x*x)*tanh(y) + sqrt(x*x+y*y+1) */
static ebb_graph *formula(void) {
    ebb_builder b = new_program("formula");
    ebb_id x = parameter(&b, EBB_F64, &scalar), y = parameter(&b, EBB_F64, &scalar), one = ebb_g_number(&b, EBB_F64, 1);
    ebb_id xx = ebb_g_mul(&b, x, x), yy = ebb_g_mul(&b, y, y);
    ebb_id first = ebb_g_exp(&b, ebb_g_mul(&b, ebb_g_sin(&b, x), y));
    ebb_id second = ebb_g_mul(&b, ebb_g_log(&b, ebb_g_add(&b, one, xx)), ebb_g_tanh(&b, y));
    ebb_id third = ebb_g_sqrt(&b, ebb_g_add(&b, ebb_g_add(&b, xx, yy), one));
    ebb_add_output(b.graph, ebb_g_add(&b, ebb_g_add(&b, first, second), third));
    return b.graph;
}

/* (w [3], m [2,2], n i32[3], unused [3]) -> loss, auxiliary relu(w*w), and a state: n + n */
static ebb_graph *model(void) {
    ebb_builder b = new_program("loss");
    ebb_id w = parameter(&b, EBB_F64, &three), m = parameter(&b, EBB_F64, &square), n = parameter(&b, EBB_I32, &three);
    parameter(&b, EBB_F64, &three);
    ebb_id ww = ebb_g_relu(&b, ebb_g_mul(&b, w, w)), mm = ebb_g_dot(&b, m, m, false, false);
    ebb_add_output(b.graph, ebb_g_mul(&b, total(&b, ebb_g_mul(&b, ww, w)), total(&b, mm)));
    ebb_add_output(b.graph, ww);
    ebb_add_output(b.graph, ebb_g_add(&b, n, n));
    return b.graph;
}

static const double w_at[3] = {1, 2, -0.5}, m_at[4] = {0.5, 1, -1, 2}, n_at[3] = {7, 8, 9}, unused_at[3] = {1, 1, 1};

/* ---- running them ---- */

enum { MOST = 16, ROOM = 64 };
static double result[MOST][ROOM];

static void run(const ebb_graph *g, const double *const *in) {
    double *out[MOST];
    cr_assert_not_null(g, "%s", diag.message);
    cr_assert(ebb_verify(g, &diag), "%s", diag.message);
    for (int j = 0; j < MOST; j++)
        out[j] = result[j];
    cr_assert(run_graph(g, in, out, &diag), "%s", diag.message);
}

static void run_model(const ebb_graph *g, const double *more, const double *more2) {
    run(g, (const double *[]){w_at, m_at, n_at, unused_at, more, more2});
}

static void expect_close(const char *what, const double *got, int n, const double *want) {
    for (int k = 0; k < n; k++)
        cr_expect(fabs(got[k] - want[k]) <= 1e-10 * (1 + fabs(want[k])), "%s[%d] is %.15g, should be %.15g", what, k,
                  got[k], want[k]);
}

/* The loss is A*B with A = sum w^3, B = sum of the entries of m*m. */
#define A (1 + 8 - 0.125)
#define B (0.5 * (0.5 + 1) + 1 * (-1 + 2) + -1 * (0.5 + 1) + 2 * (-1 + 2))
static const double dw[3] = {3 * B, 12 * B, 0.75 * B};
/* d/dm[i,j] of sum(m m) = row j summed + column i summed */
static const double dm[4] = {A * (1.5 - 0.5), A * (1 - 0.5), A * (1.5 + 3), A * (1 + 3)};
static const double states[3] = {14, 16, 18}, squares[3] = {1, 4, 0.25}, none[3] = {0, 0, 0};
static const double loss[1] = {A * B};

/* ---- what each gives ---- */

Test(transforms, the_known_formula) {
    ebb_graph *f = formula(),
              *g = ebb_grad_graph(f, &(ebb_dual_spec){.nwrt = 2, .wrt = (int[]){0, 1}, .value = true}, &diag);
    const double *at[] = {(double[]){0.7}, (double[]){1.3}};
    run(g, at);
    expect_close("value", result[0], 1, (double[]){4.43743406511});
    expect_close("d/dx", result[1], 1, (double[]){3.49957525698});
    expect_close("d/dy", result[2], 1, (double[]){2.32015532175});
    ebb_graph *h = ebb_hessian_graph(f, &(ebb_dual_spec){.nwrt = 2, .wrt = (int[]){0, 1}}, &diag);
    run(h, at);
    cr_expect_eq(h->outputs, 4);
    const double want[4] = {1.21948675857, 3.32861375323, 3.32861375323, 1.04473953389};
    for (int k = 0; k < 4; k++)
        expect_close("Hessian", result[k], 1, &want[k]);
    ebb_graph_release(f);
    ebb_graph_release(g);
    ebb_graph_release(h);
}

Test(transforms, grad_gives_value_auxiliary_gradients_state) {
    ebb_graph *f = model();
    ebb_dual_spec spec = {.nwrt = 3, .wrt = (int[]){0, 1, 3}, .results = 2, .value = true};
    ebb_graph *g = ebb_grad_graph(f, &spec, &diag);
    run_model(g, NULL, NULL);
    cr_expect_eq(g->inputs, 4);
    cr_expect_eq(g->outputs, 6);
    expect_close("loss", result[0], 1, loss);
    expect_close("auxiliary", result[1], 3, squares);
    expect_close("dw", result[2], 3, dw);
    expect_close("dm", result[3], 4, dm);
    expect_close("an unused parameter", result[4], 3, none);
    expect_close("state", result[5], 3, states);
    ebb_graph_release(g);
    spec.value = false;
    g = ebb_grad_graph(f, &spec, &diag);
    cr_expect_eq(g->outputs, 4);
    ebb_graph_release(g);
    ebb_graph_release(f);
}

Test(transforms, jvp_and_vjp_give_results_derivatives_state) {
    ebb_graph *f = model();
    ebb_dual_spec spec = {.nwrt = 1, .wrt = (int[]){0}, .results = 2};
    ebb_graph *j = ebb_jvp_graph(f, &spec, &diag), *v = ebb_vjp_graph(f, &spec, &diag);
    run_model(j, (double[]){1, 0, 2}, NULL);
    cr_expect_eq(j->outputs, 5);
    expect_close("jvp: loss", result[0], 1, loss);
    expect_close("jvp: auxiliary", result[1], 3, squares);
    expect_close("jvp: tangent of the loss", result[2], 1, (double[]){dw[0] + 2 * dw[2]});
    expect_close("jvp: tangent of the auxiliary", result[3], 3, (double[]){2, 0, -2});
    expect_close("jvp: state", result[4], 3, states);
    run_model(v, (double[]){2}, (double[]){1, 1, 10});
    cr_expect_eq(v->outputs, 4);
    expect_close("vjp: loss", result[0], 1, loss);
    expect_close("vjp: dw", result[2], 3, (double[]){2 * dw[0] + 2, 2 * dw[1] + 4, 2 * dw[2] - 10});
    expect_close("vjp: state", result[3], 3, states);
    ebb_graph_release(j);
    ebb_graph_release(v);
    ebb_graph_release(f);
}

Test(transforms, hvp_gives_the_hessian_times_a_direction) {
    ebb_graph *f = model();
    ebb_dual_spec spec = {.nwrt = 2, .wrt = (int[]){0, 3}, .results = 2, .value = true};
    ebb_graph *h = ebb_hvp_graph(f, &spec, &diag);
    run_model(h, (double[]){1, 1, 2}, unused_at);
    cr_expect_eq(h->outputs, 7);
    expect_close("loss", result[0], 1, loss);
    expect_close("auxiliary", result[1], 3, squares);
    expect_close("dw", result[2], 3, dw);
    expect_close("unused", result[3], 3, none);
    expect_close("H v", result[4], 3, (double[]){6 * B, 12 * B, -6 * B});
    expect_close("unused H v", result[5], 3, none);
    expect_close("state", result[6], 3, states);
    ebb_graph_release(h);
    ebb_graph_release(f);
}

Test(transforms, hessian_gives_blocks_row_by_row) {
    ebb_graph *f = model();
    ebb_dual_spec spec = {.nwrt = 3, .wrt = (int[]){0, 1, 3}, .results = 2};
    ebb_graph *h = ebb_hessian_graph(f, &spec, &diag);
    run_model(h, NULL, NULL);
    cr_expect_eq(h->outputs, 10);
    char text[EBB_TYPE_TEXT];
    const char *shape[9] = {"[3,3]",   "[3,2,2]", "[3,3]",   "[2,2,3]", "[2,2,2,2]",
                            "[2,2,3]", "[3,3]",   "[3,2,2]", "[3,3]"};
    for (int k = 0; k < 9; k++)
        cr_expect_str_eq(ebb_shape_text(ebb_shape_of(h, h->output[k]), text), shape[k]);
    expect_close("ww", result[0], 9, (double[]){6 * B, 0, 0, 0, 12 * B, 0, 0, 0, -3 * B});
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 4; j++) {
            expect_close("wm", &result[1][4 * i + j], 1, (double[]){dw[i] * dm[j] / (A * B)});
            expect_close("mw", &result[3][3 * j + i], 1, (double[]){dw[i] * dm[j] / (A * B)});
        }
    /* d2 sum(m m) / dm[i,j] dm[k,l] = [j == k] + [i == l] */
    for (int k = 0; k < 16; k++)
        expect_close("mm", &result[4][k], 1,
                     (double[]){A * ((k >> 2 & 1) == (k >> 1 & 1)) + A * ((k >> 3) == (k & 1))});
    for (int k = 0; k < 9; k++)
        expect_close("unused", &result[8][k], 1, none);
    expect_close("state", result[9], 3, states);
    ebb_graph_release(h);
    ebb_graph_release(f);
}

Test(transforms, linearize_splits_value_from_tangent) {
    ebb_graph *f = model(), *primal, *linear;
    ebb_dual_spec spec = {.nwrt = 2, .wrt = (int[]){0, 1}, .results = 2};
    cr_assert(ebb_linearize_graph(f, &spec, &primal, &linear, &diag), "%s", diag.message);
    int residuals = primal->outputs - 3;
    cr_expect_eq(linear->inputs, residuals + 2);
    cr_expect_eq(linear->outputs, 2);
    run_model(primal, NULL, NULL);
    expect_close("loss", result[0], 1, loss);
    expect_close("auxiliary", result[1], 3, squares);
    expect_close("state", result[2 + residuals], 3, states);
    static double residual[MOST][ROOM];
    memcpy(residual, result, sizeof residual);
    const double *in[MOST];
    for (int k = 0; k < residuals; k++)
        in[k] = residual[2 + k];
    for (int way = 0; way < 2; way++) {
        in[residuals] = way ? none : (double[]){1, 0, 2};
        in[residuals + 1] = way ? (double[]){1, 0, 0, 3} : (double[]){0, 0, 0, 0};
        run(linear, in);
        expect_close("tangent", result[0], 1, (double[]){way ? dm[0] + 3 * dm[3] : dw[0] + 2 * dw[2]});
        expect_close("tangent", result[1], 3, way ? none : (double[]){2, 0, -2});
    }
    int wrt[2] = {residuals, residuals + 1};
    ebb_graph *back = ebb_transpose_graph(linear, &(ebb_dual_spec){.nwrt = 2, .wrt = wrt}, &diag);
    in[residuals] = (double[]){2};
    in[residuals + 1] = (double[]){1, 1, 10};
    run(back, in);
    expect_close("transpose: dw", result[0], 3, (double[]){2 * dw[0] + 2, 2 * dw[1] + 4, 2 * dw[2] - 10});
    expect_close("transpose: dm", result[1], 4, (double[]){2 * dm[0], 2 * dm[1], 2 * dm[2], 2 * dm[3]});
    ebb_graph_release(back);
    ebb_graph_release(primal);
    ebb_graph_release(linear);
    ebb_graph_release(f);
}

/* Transforms see through calls and macros. */
Test(transforms, calls_and_macros_are_expanded) {
    ebb_graph *f = formula();
    ebb_builder b = new_program("outer");
    ebb_id x = parameter(&b, EBB_F64, &three);
    ebb_application mean = {.op = EBB_OP_mean, .attr = (int64_t[]){0}, .nattr = 1, .site = b.site};
    ebb_id m = ebb_record(b.graph, &mean, 1, &x), two[2] = {m, m};
    ebb_add_output(b.graph, ebb_record_get(b.graph, ebb_record_call(b.graph, f, 2, two, b.site), 0, b.site));
    ebb_graph *g = ebb_grad_graph(b.graph, NULL, &diag);
    run(g, (const double *[]){(double[]){0.7, 0.7, 0.7}});
    double slope = result[0][0];
    ebb_graph *direct = ebb_grad_graph(f, &(ebb_dual_spec){.nwrt = 2, .wrt = (int[]){0, 1}}, &diag);
    run(direct, (const double *[]){(double[]){0.7}, (double[]){0.7}});
    expect_close("through a call", &slope, 1, (double[]){(result[0][0] + result[1][0]) / 3});
    ebb_graph_release(direct);
    ebb_graph_release(g);
    ebb_graph_release(b.graph);
    ebb_graph_release(f);
}

/* ---- how they say no ---- */

static void expect_no(const char *what, ebb_graph *got, ebb_code code, const char *words) {
    cr_expect_null(got, "%s was taken", what);
    cr_expect_eq(diag.code, code, "%s: code %d, \"%s\"", what, (int)diag.code, diag.message);
    cr_expect(strstr(diag.message, words), "%s: \"%s\" does not say \"%s\"", what, diag.message, words);
    diag = (ebb_diag){0};
    ebb_graph_release(got);
}

Test(transforms, wrong_questions_are_errors) {
    ebb_graph *f = model();
    ebb_dual_spec of_int = {.nwrt = 1, .wrt = (int[]){2}}, beyond = {.nwrt = 1, .wrt = (int[]){4}},
                  many = {.results = 4};
    expect_no("an int", ebb_grad_graph(f, &of_int, &diag), EBB_TYPE_ERROR,
              "grad: parameter 2 of loss is i32[3]; only f32 and f64 have derivatives");
    expect_no("no such parameter", ebb_hvp_graph(f, &beyond, &diag), EBB_INDEX_ERROR, "hvp: loss has no parameter 4");
    expect_no("too many results", ebb_vjp_graph(f, &many, &diag), EBB_VALUE_ERROR, "vjp: 4 results asked of loss");
    ebb_id loss_id = f->output[0], vector = f->output[1], state = f->output[2];
    ebb_clear_outputs(f);
    expect_no("no results", ebb_jvp_graph(f, NULL, &diag), EBB_VALUE_ERROR, "which has 0");
    ebb_add_output(f, vector);
    expect_no("a vector", ebb_grad_graph(f, NULL, &diag), EBB_VALUE_ERROR,
              "grad: the result of loss is f64[3]; a gradient needs a scalar, use vjp");
    ebb_clear_outputs(f);
    ebb_add_output(f, state);
    expect_no("an int result", ebb_hessian_graph(f, NULL, &diag), EBB_TYPE_ERROR,
              "hessian: the result of loss is i32[3]");
    ebb_clear_outputs(f);
    ebb_add_output(f, EBB_ABSENT);
    expect_no("an absent result", ebb_grad_graph(f, NULL, &diag), EBB_VALUE_ERROR, "the result of loss is absent");
    expect_no("an absent result", ebb_vjp_graph(f, NULL, &diag), EBB_VALUE_ERROR, "result 0 of loss is absent");
    ebb_add_output(f, loss_id);
    ebb_graph_release(f);
}

Test(transforms, a_hessian_of_too_many_axes_is_an_error) {
    ebb_builder b = new_program("wide");
    ebb_id x = parameter(&b, EBB_F32, &(ebb_shape){2, {64, 65}}),
           y = parameter(&b, EBB_F32, &(ebb_shape){5, {1, 1, 1, 1, 1}});
    ebb_add_output(b.graph, ebb_g_add(&b, total(&b, ebb_g_mul(&b, x, x)), total(&b, y)));
    expect_no("rank 10", ebb_hessian_graph(b.graph, &(ebb_dual_spec){.nwrt = 1, .wrt = (int[]){1}}, &diag),
              EBB_VALUE_ERROR, "rank 10");
    ebb_graph_release(b.graph);
}

typedef ebb_id curve(ebb_builder *b, ebb_id x, ebb_id c);
static ebb_id bent_square(ebb_builder *b, ebb_id x, ebb_id c) { return ebb_g_mul(b, ebb_g_mul(b, x, c), x); }
static ebb_id bent_sin(ebb_builder *b, ebb_id x, ebb_id c) { return ebb_g_mul(b, ebb_g_sin(b, x), c); }
static ebb_id bent_relu(ebb_builder *b, ebb_id x, ebb_id c) { return ebb_g_mul(b, ebb_g_relu(b, x), c); }
static ebb_id moved(ebb_builder *b, ebb_id x, ebb_id c) { return ebb_g_add(b, x, c); }
static ebb_id fixed(ebb_builder *b, ebb_id x, ebb_id c) { return (void)b, (void)x, c; }
static ebb_id below(ebb_builder *b, ebb_id x, ebb_id c) { return ebb_g_div(b, c, x); }
static ebb_id switched(ebb_builder *b, ebb_id x, ebb_id c) {
    return ebb_g_select(b, ebb_g_gt(b, x, c), x, ebb_g_neg(b, x));
}

Test(transforms, what_is_not_linear_cannot_be_transposed) {
    const struct {
        curve *f;
        const char *words;
    } bad[] = {{bent_square, "mul"}, {bent_sin, "sin"}, {bent_relu, "relu"}, {moved, "add"},
               {fixed, "result 0"},  {below, "div"},    {switched, "gt"}};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        ebb_builder b = new_program("curve");
        ebb_id x = parameter(&b, EBB_F64, &scalar), c = parameter(&b, EBB_F64, &scalar);
        ebb_add_output(b.graph, bad[k].f(&b, x, c));
        expect_no(bad[k].words, ebb_transpose_graph(b.graph, NULL, &diag), EBB_VALUE_ERROR,
                  "transpose_of: curve is not linear");
        expect_no(bad[k].words, ebb_transpose_graph(b.graph, NULL, &diag), EBB_VALUE_ERROR, bad[k].words);
        ebb_graph_release(b.graph);
    }
}

/* ---- memory ---- */

static ebb_graph *laplacian(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *d) {
    return ebb_second_order_graph(f, 0, NULL, spec, d);
}
static ebb_graph *operator(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *d) {
    static double a[49];
    for (int k = 0; k < 49; k++)
        a[k] = k / 7 + k % 7;
    return ebb_second_order_graph(f, 7, a, spec, d);
}

static bool transform_all(const ebb_graph *f) {
    ebb_dual_spec spec = {.nwrt = 2, .wrt = (int[]){0, 1}, .results = 2, .value = true};
    ebb_graph *(*const transform[])(const ebb_graph *, const ebb_dual_spec *,
                                    ebb_diag *) = {ebb_grad_graph, ebb_jvp_graph, ebb_vjp_graph, ebb_hvp_graph,
                                                   ebb_hessian_graph, laplacian, operator, ebb_hessian_diagonal_graph };
    for (int k = 0; k < 8; k++) {
        for (int blocks = 0; blocks < 2; blocks++) {
            spec.budget = blocks;
            ebb_graph *g = transform[k](f, &spec, &diag);
            if (!g) return false;
            ebb_graph_release(g);
        }
    }
    ebb_graph *primal, *linear;
    if (!ebb_linearize_graph(f, &spec, &primal, &linear, &diag)) return false;
    int wrt[2] = {linear->inputs - 2, linear->inputs - 1};
    ebb_graph *back = ebb_transpose_graph(linear, &(ebb_dual_spec){.nwrt = 2, .wrt = wrt}, &diag);
    ebb_graph_release(primal);
    ebb_graph_release(linear);
    ebb_graph_release(back);
    return back != NULL;
}

Test(transforms, every_allocation_may_fail) {
    ebb_graph *f = model();
    scarce s = {0};
    ebb_allocator allocator = scarce_allocator(&s);
    f->allocator = &allocator; /* what is made from f asks here */
    bool done = false;
    for (int64_t k = 0; !done; k++) {
        diag = (ebb_diag){0};
        s = (scarce){.left = k};
        done = transform_all(f);
        cr_expect_eq(s.live, 0, "allocation %d failed: %d blocks lost", (int)k, (int)s.live);
        if (!done)
            cr_expect_eq(diag.code, EBB_NO_MEMORY, "allocation %d failed: code %d %s", (int)k, (int)diag.code,
                         diag.message);
        cr_assert_lt(k, 1000000);
    }
    f->allocator = &ebb_malloc_allocator;
    ebb_graph_release(f);
}
