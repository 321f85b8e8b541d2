/* test_composition.c - a dozen roads to one Hessian, and derivatives of derivatives of derivatives.
 *
 * If each mode is right alone and nesting confuses nothing, all roads give the same matrix, up to rounding. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "dual/dual.h"
#include "support/run_graph.h"

enum { N = 6 }; /* x [6] */

static ebb_diag diag;
static const ebb_shape shape_x = {1, {N}}, shape_matrix = {2, {2, 3}};
static const ebb_type type_x = {EBB_F64, {1, {N}}};

/* ---- the function ---- */

static ebb_id total(ebb_builder *b, ebb_id x) {
    return ebb_g_sum(b, x, ebb_shape_of(b->graph, x)->rank, (int64_t[]){0, 1, 2, 3, 4, 5, 6, 7});
}

static ebb_id weights(ebb_builder *b) {
    double w[N];
    fill_uniform(1, -1, 1, N, w);
    return ebb_g_constant(b, (ebb_type){EBB_F64, shape_matrix}, w);
}

static ebb_id softmax(ebb_builder *b, ebb_id x, int axis) {
    ebb_application app = {.op = EBB_OP_softmax, .attr = (int64_t[]){axis}, .nattr = 1};
    return ebb_record(b->graph, &app, 1, &x);
}

/* m = x as [2,3]; s = tanh(m m' + m w'), used twice; softmax of s; ties of max with a moved copy; pow, division, a
 * branch */
static ebb_id f(ebb_builder *b, ebb_id x) {
    ebb_id m = ebb_g_reshape(b, x, &shape_matrix), w = weights(b);
    ebb_id s = ebb_g_tanh(b, ebb_g_add(b, ebb_g_dot(b, m, m, false, true), ebb_g_dot(b, m, w, false, true)));
    ebb_id p = softmax(b, s, 1), q = ebb_g_mul(b, p, ebb_g_exp(b, s));
    ebb_id top = total(b, ebb_g_reduce_max(b, ebb_g_mul(b, m, ebb_g_sin(b, m)), 1, (int64_t[]){1}));
    ebb_id size = ebb_g_add(b, ebb_g_square(b, x), ebb_g_full_like(b, x, 0.5));
    ebb_id power = ebb_g_pow(b, size, ebb_g_sin(b, x)), ratio = ebb_g_div(b, ebb_g_log(b, size), power);
    ebb_id branch = ebb_g_select(b, ebb_g_gt(b, x, ebb_g_full_like(b, x, 0)), ebb_g_sqrt(b, x), ebb_g_mul(b, x, ratio));
    ebb_id larger = ebb_g_max(b, ratio, ebb_g_relu(b, branch));
    return ebb_g_add(b, ebb_g_mul(b, total(b, q), top), ebb_g_mul(b, total(b, larger), total(b, power)));
}

/* f as a program; y is its result. Expanded, so that ebb_jvp_nodes and ebb_vjp_nodes may append to it. */
static ebb_graph *program(void) {
    diag = (ebb_diag){0};
    ebb_builder b = {ebb_graph_new(&ebb_malloc_allocator, &diag, "f"), {.file = "composition.c", .line = 1}};
    ebb_id x = ebb_add_input(b.graph, type_x, b.site);
    cr_assert(ebb_add_output(b.graph, f(&b, x)), "%s", diag.message);
    ebb_graph *g = ebb_expand(b.graph, false, NULL, &diag);
    cr_assert_not_null(g, "%s", diag.message);
    ebb_graph_release(b.graph);
    return g;
}

static void at(double *x) { fill_uniform(77, -1.5, 1.5, N, x); }

/* ---- steps of a road: inside one graph ---- */

typedef struct road {
    ebb_builder b;
    ebb_id x, y, v;
} road; /* v: one direction, the second parameter */

static ebb_id present(road *r, ebb_id d, ebb_id like) { return d ? d : ebb_g_full_like(&r->b, like, 0); }

static ebb_id forward(road *r, ebb_id y) {
    ebb_id dy = EBB_POISON;
    ebb_jvp_nodes(r->b.graph, 1, &r->x, &r->v, 1, &y, &dy);
    return present(r, dy, y);
}

static ebb_id back(road *r, ebb_id y, ebb_id ct) {
    ebb_id dx = EBB_POISON;
    ebb_vjp_nodes(r->b.graph, 1, &y, &ct, 1, &r->x, &dx);
    return present(r, dx, r->x);
}

static ebb_id gradient(road *r, ebb_id y) { return back(r, y, ebb_g_number(&r->b, EBB_F64, 1)); }
static ebb_id along_v(road *r, ebb_id d) { return total(&r->b, ebb_g_mul(&r->b, d, r->v)); }

/* Each gives H v as a node. */
typedef ebb_id walk(road *r);

static ebb_id forward_over_reverse(road *r) { return forward(r, gradient(r, r->y)); }
static ebb_id reverse_over_reverse(road *r) { return gradient(r, along_v(r, gradient(r, r->y))); }
static ebb_id reverse_over_forward(road *r) { return gradient(r, forward(r, r->y)); }
static ebb_id vjp_of_gradient(road *r) { return back(r, gradient(r, r->y), r->v); }

/* t = J v with v free; its gradient in x along x's own mixed partial: d/dv (v' H v) / 2 by reverse in v. */
static ebb_id reverse_in_the_direction(road *r) {
    ebb_id twice = forward(r, forward(r, r->y)), one = ebb_g_number(&r->b, EBB_F64, 0.5), d = EBB_POISON;
    ebb_vjp_nodes(r->b.graph, 1, &twice, &one, 1, &r->v, &d);
    return d;
}

/* The cotangent program is linear in its cotangent: its gradient in that one is J v, whose gradient in x is H v. */
static ebb_id transpose_by_reverse(road *r) {
    ebb_id ct = ebb_g_add(&r->b, total(&r->b, ebb_g_sub(&r->b, r->v, r->v)), ebb_g_number(&r->b, EBB_F64, 1));
    ebb_id paired = along_v(r, back(r, r->y, ct)), one = ebb_g_number(&r->b, EBB_F64, 1), jv = EBB_POISON;
    ebb_vjp_nodes(r->b.graph, 1, &paired, &one, 1, &ct, &jv);
    return gradient(r, jv);
}

/* Forward over forward gives v' H v only; H v follows by polarisation, element by element. */
static ebb_id forward_over_forward(road *r) {
    ebb_builder *b = &r->b;
    ebb_id result = EBB_ABSENT, v = r->v;
    for (int k = 0; k < N; k++) {
        double unit[N] = {0};
        unit[k] = 1;
        ebb_id e = ebb_g_constant(b, type_x, unit), t = forward(r, r->y), dt = EBB_POISON;
        ebb_jvp_nodes(b->graph, 1, &r->x, &e, 1, &t, &dt);
        dt = ebb_g_mul(b, ebb_g_broadcast(b, present(r, dt, t), &shape_x, NULL), e);
        result = result ? ebb_g_add(b, result, dt) : dt;
    }
    r->v = v;
    return result;
}

static const struct {
    const char *name;
    walk *take;
} walks[] = {
    {"forward over reverse", forward_over_reverse}, {"reverse over reverse", reverse_over_reverse},
    {"reverse over forward", reverse_over_forward}, {"forward over forward", forward_over_forward},
    {"vjp of the gradient", vjp_of_gradient},       {"reverse in the direction", reverse_in_the_direction},
    {"transpose by reverse", transpose_by_reverse},
};
enum { WALKS = sizeof walks / sizeof *walks };

/* ---- comparing ---- */

static double matrix[N][N]; /* what the first road gave */
static int roads;

static void expect_matrix(const char *name, double got[N][N], double tolerance) {
    double scale = 0;
    for (int i = 0; i < N * N; i++)
        scale = fmax(scale, fabs(matrix[i / N][i % N]));
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            cr_expect(fabs(got[i][j] - matrix[i][j]) <= tolerance * scale, "%s: H[%d,%d] is %.17g, should be %.17g",
                      name, i, j, got[i][j], matrix[i][j]);
    roads++;
}

/* Column by column: g is (x, v) -> [...,] H v, which is result `which`. */
static void run_columns(const ebb_graph *g, int which, double got[N][N]) {
    double x[N], column[N], *out[8] = {NULL};
    at(x);
    out[which] = column;
    for (int j = 0; j < N; j++) {
        double v[N] = {0};
        v[j] = 1;
        cr_assert(run_graph(g, (const double *[]){x, v}, out, &diag), "%s", diag.message);
        for (int i = 0; i < N; i++)
            got[i][j] = column[i];
    }
}

static void walk_columns(int k, double got[N][N]) {
    ebb_graph *g = program();
    road r = {.b = {g, {.file = "composition.c", .line = 2}}, .x = g->input[0], .y = g->output[0]};
    r.v = ebb_add_input(g, type_x, r.b.site);
    ebb_clear_outputs(g);
    cr_assert(ebb_add_output(g, walks[k].take(&r)), "%s: %s", walks[k].name, diag.message);
    run_columns(g, 0, got);
    ebb_graph_release(g);
}

/* ---- roads by transforms of whole programs ---- */

typedef ebb_graph *transform(const ebb_graph *, const ebb_dual_spec *, ebb_diag *);

static ebb_graph *take(transform *t, ebb_graph *of, const ebb_dual_spec *spec) {
    ebb_graph *g = t(of, spec, &diag);
    cr_assert_not_null(g, "%s", diag.message);
    ebb_graph_release(of);
    return g;
}

/* (x, v) -> <d(x), v>, where d is result 0 of `of`(x) */
static ebb_graph *pair(ebb_graph *of) {
    ebb_builder b = {ebb_graph_new(&ebb_malloc_allocator, &diag, "pair"), {0}};
    ebb_id x = ebb_add_input(b.graph, type_x, b.site), v = ebb_add_input(b.graph, type_x, b.site);
    ebb_id d = ebb_record_get(b.graph, ebb_record_call(b.graph, of, 1, &x, b.site), 0, b.site);
    cr_assert(ebb_add_output(b.graph, total(&b, ebb_g_mul(&b, d, v))), "%s", diag.message);
    ebb_graph_release(of);
    return b.graph;
}

static void expect_columns(const char *name, ebb_graph *g, int which) {
    double got[N][N];
    run_columns(g, which, got);
    expect_matrix(name, got, 1e-12);
    ebb_graph_release(g);
}

static void by_hessian(void) {
    double x[N], got[N][N], *out[1] = {got[0]};
    ebb_graph *h = take(ebb_hessian_graph, program(), NULL);
    at(x);
    cr_assert(run_graph(h, (const double *[]){x}, out, &diag), "%s", diag.message);
    expect_matrix("hessian", got, 1e-12);
    ebb_graph_release(h);
}

/* The gradient, linearized once: H by columns, and transposed: H by rows, from one primal. */
static void by_linearize(void) {
    enum { MOST = 64, ROOM = 64 };
    static double residual[MOST][ROOM];
    double x[N], *out[MOST], columns[N][N], rows[N][N];
    const double *in[MOST];
    ebb_graph *g = take(ebb_grad_graph, program(), NULL), *primal, *linear;
    cr_assert(ebb_linearize_graph(g, NULL, &primal, &linear, &diag), "%s", diag.message);
    int residuals = primal->outputs - 1;
    cr_assert_lt(residuals + 1, MOST);
    ebb_graph *turned = ebb_transpose_graph(linear, &(ebb_dual_spec){.nwrt = 1, .wrt = &residuals}, &diag);
    cr_assert_not_null(turned, "%s", diag.message);
    at(x);
    for (int k = 0; k < MOST; k++)
        in[k] = out[k] = residual[k];
    cr_assert(run_graph(primal, (const double *[]){x}, out, &diag), "%s", diag.message);
    for (int j = 0; j < N; j++) {
        double v[N] = {0}, column[N];
        v[j] = 1;
        for (int k = 0; k < residuals; k++)
            in[k] = residual[k + 1];
        in[residuals] = v;
        cr_assert(run_graph(linear, in, (double *[]){column}, &diag), "%s", diag.message);
        for (int i = 0; i < N; i++)
            columns[i][j] = column[i];
        cr_assert(run_graph(turned, in, (double *[]){rows[j]}, &diag), "%s", diag.message);
    }
    expect_matrix("linearize of grad", columns, 1e-12);
    expect_matrix("transpose of linearize of grad", rows, 1e-12);
    ebb_graph_release(g);
    ebb_graph_release(primal);
    ebb_graph_release(linear);
    ebb_graph_release(turned);
}

/* Richardson's central differences of the gradient. */
static void by_differences(void) {
    const double h = 1e-3, step[4] = {h, -h, 2 * h, -2 * h};
    double got[N][N];
    ebb_graph *g = take(ebb_grad_graph, program(), NULL);
    for (int j = 0; j < N; j++) {
        double d[4][N];
        for (int s = 0; s < 4; s++) {
            double x[N];
            at(x);
            x[j] += step[s];
            cr_assert(run_graph(g, (const double *[]){x}, (double *[]){d[s]}, &diag), "%s", diag.message);
        }
        for (int i = 0; i < N; i++)
            got[i][j] = (8 * (d[0][i] - d[1][i]) - (d[2][i] - d[3][i])) / (12 * h);
    }
    expect_matrix("differences of the gradient", got, 1e-8);
    ebb_graph_release(g);
}

Test(composition, many_roads_to_one_hessian) {
    static double got[N][N];
    walk_columns(0, matrix);
    for (int k = 0; k < WALKS; k++) {
        walk_columns(k, got);
        expect_matrix(walks[k].name, got, 1e-12);
    }
    ebb_dual_spec both = {.nwrt = 2, .wrt = (int[]){0, 1}};
    by_hessian();
    by_linearize();
    by_differences();
    expect_columns("hvp", take(ebb_hvp_graph, program(), NULL), 0);
    expect_columns("jvp of grad", take(ebb_jvp_graph, take(ebb_grad_graph, program(), NULL), NULL), 1);
    expect_columns("vjp of grad", take(ebb_vjp_graph, take(ebb_grad_graph, program(), NULL), NULL), 1);
    expect_columns("grad of <grad, v>", take(ebb_grad_graph, pair(take(ebb_grad_graph, program(), NULL)), NULL), 0);
    ebb_graph *jvp = take(ebb_jvp_graph, program(), NULL), *tangent = ebb_graph_clone(jvp, &diag);
    ebb_id dy = jvp->output[1];
    ebb_clear_outputs(tangent);
    ebb_add_output(tangent, dy);
    ebb_graph_release(jvp);
    expect_columns("grad of jvp", take(ebb_grad_graph, tangent, &both), 0);
    cr_expect_geq(roads, 12);
    double sum = 0;
    for (int k = 0; k < N * N; k++)
        sum += fabs(matrix[k / N][k % N]);
    cr_expect_gt(sum, 1, "the function is too flat to tell");
    cr_log_info("%d roads to one Hessian", roads);
}

/* ---- higher orders ---- */

/* tanh(sin x * exp(-x^2)) */
static ebb_id wave(ebb_builder *b, ebb_id x) {
    return ebb_g_tanh(b, ebb_g_mul(b, ebb_g_sin(b, x), ebb_g_exp(b, ebb_g_neg(b, ebb_g_mul(b, x, x)))));
}

/* Bit k of `modes`: order k + 1 by reverse instead of forward. */
static void expect_orders(int modes) {
    static const double want[7] = {0.2637040499, 0.6616136908, -1.886433883, -2.192886018,
                                   27.09439174,  -78.51071522, -565.5030648};
    diag = (ebb_diag){0};
    ebb_builder b = {ebb_graph_new(&ebb_malloc_allocator, &diag, "wave"), {0}};
    road r = {.b = b, .x = ebb_add_input(b.graph, (ebb_type){EBB_F64, {0}}, b.site)};
    r.v = ebb_g_number(&b, EBB_F64, 1);
    ebb_id y = wave(&b, r.x);
    double got[7], *out[7], x = 0.3;
    for (int k = 0; k < 7; k++) {
        ebb_add_output(b.graph, y);
        out[k] = &got[k];
        y = modes >> k & 1 ? gradient(&r, y) : forward(&r, y);
    }
    cr_assert(run_graph(b.graph, (const double *[]){&x}, out, &diag), "%s", diag.message);
    for (int k = 0; k < 7; k++)
        cr_expect(fabs(got[k] - want[k]) <= 1e-9 * fabs(want[k]), "modes %x: derivative %d is %.11g, should be %.11g",
                  modes, k, got[k], want[k]);
    ebb_graph_release(b.graph);
}

Test(composition, six_derivatives_by_any_nesting) {
    const int modes[] = {0, 1, 2, 5, 10, 21, 42, 32, 63};
    for (size_t k = 0; k < sizeof modes / sizeof *modes; k++)
        expect_orders(modes[k]);
}
