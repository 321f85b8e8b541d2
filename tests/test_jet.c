/* test_jet.c - Taylor coefficients: every operation against nested dual numbers, series that are known, and refusals.
 *
 * Start reading at every_operation_has_every_order. */
#include <criterion/criterion.h>
#include <math.h>
#include <quadmath.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dual/dual.h"
#include "jit/graph/build.h"
#include "tests/support/each_op.h"
#include "tests/support/engines.h"
#include "tests/support/random_graph.h"
#include "tests/support/run_graph.h"

/* ---- every operation, by nesting ---- */

enum { ORDER = 3, MOST_CASES = 40 };

/* One case in a program of its own: the jet of order 3 and three nested dual numbers, all along one direction. */
typedef struct trial {
    op_use use;
    ebb_id x[3], v[3], y;
    int input[3], direction[3], jet[ORDER], nested[ORDER];
} trial;

static void record(engines *e, trial *t) {
    for (int k = 0; k < t->use.c->operands; k++) {
        t->x[k] = engines_input(e, t->use.operand[k]);
        t->input[k] = e->inputs - 1;
        t->v[k] = EBB_ABSENT;
        if (!ebb_is_float(t->use.operand[k].dtype)) continue;
        t->v[k] = engines_input(e, t->use.operand[k]);
        t->direction[k] = e->inputs - 1;
    }
    t->y = ebb_record(e->graph, &t->use.app, t->use.c->operands, t->x);
}

static void derive(engines *e, trial *t, const ebb_id *map) {
    ebb_id curve[3 * ORDER] = {EBB_ABSENT}, c[ORDER], y = map[t->y];
    int n = t->use.c->operands;
    for (int k = 0; k < n; k++) {
        t->x[k] = map[t->x[k]];
        curve[k * ORDER] = t->v[k] = map[t->v[k]];
    }
    cr_assert(ebb_jet_nodes(e->graph, ORDER, n, t->x, curve, 1, &y, c), "%s: %s", op_use_text(&t->use),
              e->diag.message);
    for (int k = 0; k < ORDER; k++) {
        cr_assert(ebb_jvp_nodes(e->graph, n, t->x, t->v, 1, &y, &y), "%s: %s", op_use_text(&t->use), e->diag.message);
        t->jet[k] = engines_output(e, c[k]);
        t->nested[k] = engines_output(e, y);
    }
}

static void set(engines *e, int input, const op_use *use, int k, bool direction) {
    quad_tensor x = quad_new(use->operand[k]);
    if (direction)
        op_fill_direction((uint64_t)input, &x);
    else
        op_fill_operand(use, k, (uint64_t)input, &x);
    engines_set(e, input, &x);
    quad_free(&x);
}

/* Both roads round on their own, and differ by a few of the largest terms' last places; a factor of two for each order
 * covers what cancels; what is 0 by one road may be far below rounding by the other. */
static void compare(const engines *e, const trial *t, int engine) {
    int64_t size = 0;
    cr_assert(ebb_shape_size(&t->use.result.shape, &size));
    double factorial = 1, largest = 0;
    for (int k = 0; k < ORDER; k++) {
        factorial *= k + 1;
        for (int64_t i = 0; i < size; i++)
            largest = fmax(largest, fabs((double)engines_get(e, engine, t->nested[k], i)));
        for (int64_t i = 0; i < size; i++) {
            double got = (double)engines_get(e, engine, t->jet[k], i) * factorial,
                   want = (double)engines_get(e, engine, t->nested[k], i);
            cr_expect((isnan(got) && isnan(want)) || got == want || fabs(got - want) <= 1e-12 * largest + 1e-18,
                      "%s, order %d, element %d, %s: %.17g, nested %.17g", op_use_text(&t->use), k + 1, (int)i,
                      engine_name[engine], got, want);
        }
    }
}

/* Whether it has results with derivatives. */
static int try(const op_case *c, void *data) {
    (void)data;
    trial t;
    engines e;
    if (!op_use_of(c, EBB_F64, EBB_I32, &t.use) || !ebb_is_float(t.use.result.dtype)) return false;
    engines_start(&e, c->name);
    record(&e, &t);
    ebb_id *map = engines_expand(&e);
    derive(&e, &t, map);
    free(map);
    engines_compile(&e);
    for (int k = 0; k < c->operands; k++) {
        set(&e, t.input[k], &t.use, k, false);
        if (t.v[k]) set(&e, t.direction[k], &t.use, k, true);
    }
    engines_run(&e);
    for (int engine = 0; engine < ENGINES; engine++)
        compare(&e, &t, engine);
    engines_stop(&e);
    return true;
}

Test(jet, every_operation_has_every_order) {
    int cases = 0;
    for (int op = 1; op < EBB_OP_COUNT; op++)
        cases += each_small_case((ebb_op)op, 5, EBB_F64, try, NULL);
    cr_expect(cases > EBB_OP_COUNT / 2);
    printf("cases: %d operations to order %d\n", cases, ORDER);
}

/* ---- series that are known ---- */

static ebb_diag diag;

typedef struct line {
    ebb_builder b;
    ebb_id x, one;
} line; /* a program of one f64 scalar */

static line new_line(void) {
    diag = (ebb_diag){0};
    line l = {
        .b = {.graph = ebb_graph_new(&ebb_malloc_allocator, &diag, "line"), .site = {.file = "series.c", .line = 3}}};
    l.x = ebb_add_input(l.b.graph, (ebb_type){EBB_F64, {0}}, l.b.site);
    l.one = ebb_g_number(&l.b, EBB_F64, 1);
    return l;
}

/* The coefficients of y along x + t at one point. Releases the program. */
static void series_at(line *l, ebb_id y, double x, int order, double *c) {
    ebb_add_output(l->b.graph, y);
    ebb_graph *g = ebb_jet_graph(l->b.graph, order, NULL, &diag);
    cr_assert_not_null(g, "%s", diag.message);
    double one = 1, value;
    cr_assert(run_graph(g, (const double *[]){&x, &one}, (double *[]){&value, c}, &diag), "%s", diag.message);
    ebb_graph_release(g);
    ebb_graph_release(l->b.graph);
}

enum { HIGH = 24 };
/* As many units in the last place as the order allows: each one is a sum of that many products. */
static void expect_series(const char *name, const double *got, const quad *want, int order) {
    for (int k = 1; k <= order; k++) {
        double error = fabs((double)((quad)got[k - 1] - want[k])), scale = fabs((double)want[k]);
        cr_expect(error <= 4e-16 * (k + 2) * scale, "%s, order %d: %.17g, not %.17g", name, k, got[k - 1],
                  (double)want[k]);
    }
}

Test(jet, geometric_exponential_and_logarithm) {
    double c[HIGH];
    quad want[HIGH + 1], factorial = 1;
    line l = new_line();
    series_at(&l, ebb_g_recip(&l.b, ebb_g_sub(&l.b, l.one, l.x)), 0, HIGH, c);
    for (int k = 1; k <= HIGH; k++)
        cr_expect_eq(c[k - 1], 1, "1/(1-x), order %d: %.17g", k, c[k - 1]);
    l = new_line();
    series_at(&l, ebb_g_exp(&l.b, l.x), 0, HIGH, c);
    for (int k = 1; k <= HIGH; k++)
        factorial *= k, want[k] = 1 / factorial;
    expect_series("exp", c, want, HIGH);
    l = new_line();
    series_at(&l, ebb_g_log1p(&l.b, l.x), 0, HIGH, c);
    for (int k = 1; k <= HIGH; k++)
        want[k] = (quad)(k % 2 ? 1 : -1) / k;
    expect_series("log1p", c, want, HIGH);
    l = new_line();
    series_at(&l, ebb_g_pow(&l.b, ebb_g_add(&l.b, l.one, l.x), ebb_g_number(&l.b, EBB_F64, 0.5)), 0, HIGH, c);
    want[0] = 1;
    for (int k = 1; k <= HIGH; k++)
        want[k] = want[k - 1] * ((quad)0.5 - (k - 1)) / k;
    expect_series("(1+x)^0.5", c, want, HIGH);
}

Test(jet, a_polynomial_ends) {
    double c[10];
    line l = new_line();
    ebb_id x3 = ebb_g_mul(&l.b, ebb_g_square(&l.b, l.x), l.x);
    series_at(&l, x3, 2, 10, c);
    const double want[10] = {12, 6, 1};
    for (int k = 0; k < 10; k++)
        cr_expect_eq(c[k], want[k], "x^3 at 2, order %d: %g", k + 1, c[k]);
}

/* tanh(sin(x) exp(-x^2)) at 0.7, by series of polynomials in quadruple precision: each from its differential equation.
 */
static void reference(quad x, quad *y) {
    quad s[HIGH + 1], c[HIGH + 1], q[HIGH + 1], e[HIGH + 1], w[HIGH + 1];
    s[0] = sinq(x), c[0] = cosq(x), q[0] = -x * x, q[1] = -2 * x, q[2] = -1, e[0] = expq(q[0]);
    for (int k = 3; k <= HIGH; k++)
        q[k] = 0;
    for (int k = 1; k <= HIGH; k++) {
        s[k] = c[k - 1] / k, c[k] = -s[k - 1] / k, e[k] = 0;
        for (int j = 1; j <= k; j++)
            e[k] += j * q[j] * e[k - j] / k;
    }
    for (int k = 0; k <= HIGH; k++) {
        w[k] = 0;
        for (int j = 0; j <= k; j++)
            w[k] += s[j] * e[k - j];
    }
    y[0] = tanhq(w[0]);
    for (int k = 1; k <= HIGH; k++) {
        y[k] = 0;
        for (int j = 1; j <= k; j++) {
            quad slope = k == j ? 1 : 0;
            for (int i = 0; i <= k - j; i++)
                slope -= y[i] * y[k - j - i];
            y[k] += j * w[j] * slope / k;
        }
    }
}

/* H070: by a series alone, and after one reverse pass, or two, one upon the other; each of these takes one order. */
Test(jet, twenty_derivatives_of_a_composition) {
    double c[20];
    quad want[HIGH + 1];
    reference(0.7, want);
    for (int reverse = 0; reverse <= 2; reverse++) {
        line l = new_line();
        ebb_id bell = ebb_g_exp(&l.b, ebb_g_neg(&l.b, ebb_g_square(&l.b, l.x)));
        ebb_id y = ebb_g_tanh(&l.b, ebb_g_mul(&l.b, ebb_g_sin(&l.b, l.x), bell));
        for (int k = 0; k < reverse; k++)
            cr_assert(ebb_vjp_nodes(l.b.graph, 1, &y, &l.one, 1, &l.x, &y));
        series_at(&l, y, 0.7, 20 - reverse, c);
        for (int k = 1; k <= 20 - reverse; k++) {
            int factor = reverse == 0 ? 1 : reverse == 1 ? k + 1 : (k + 1) * (k + 2); /* of the derivative's series */
            cr_expect(fabs(c[k - 1] - (double)want[k + reverse] * factor) <= 2e-15 * factor,
                      "order %d after %d reverse passes: %.17g, not %.17g", k, reverse, c[k - 1],
                      (double)want[k + reverse] * factor);
        }
    }
}

/* ---- random programs: order 2 by jet and by nesting ---- */

static void expect_second_order(uint64_t seed) {
    ebb_random_options options = {.nodes = 30, .smooth = true, .no_empty = true};
    ebb_graph *f = ebb_random_graph(seed, &options), *g = ebb_expand(f, false, NULL, &diag);
    cr_assert_not_null(g, "%s", diag.message);
    ebb_id x[8], v[8], curve[16], y = g->output[0], c[2], d[2];
    int n = 0;
    for (int k = 0, inputs = g->inputs; k < inputs && n < 8; k++) {
        if (!ebb_is_float(ebb_dtype_at(g, g->input[k]))) continue;
        x[n] = g->input[k];
        v[n] = ebb_g_full_like(&(ebb_builder){g, {0}}, x[n], 0.5 + n);
        curve[2 * n] = v[n], curve[2 * n + 1] = EBB_ABSENT;
        n++;
    }
    cr_assert(ebb_jet_nodes(g, 2, n, x, curve, 1, &y, c), "seed %d: %s", (int)seed, diag.message);
    cr_assert(ebb_jvp_nodes(g, n, x, v, 1, &y, &d[0]) && ebb_jvp_nodes(g, n, x, v, 1, &d[0], &d[1]));
    bool single = ebb_dtype_at(g, y) == EBB_F32;
    double *in[64], out[4] = {0};
    ebb_clear_outputs(g);
    ebb_id outputs[4] = {c[0], d[0], c[1], d[1]};
    for (int k = 0; k < 4; k++)
        ebb_add_output(g, outputs[k]);
    for (int k = 0; k < g->inputs; k++) {
        int64_t size = size_of_node(g, g->input[k]);
        in[k] = malloc((size_t)size * sizeof(double) + 1);
        fill_uniform(seed + (uint64_t)k, -1, 1, size, in[k]);
    }
    cr_assert(run_graph(g, (const double *const *)in, (double *[]){&out[0], &out[1], &out[2], &out[3]}, &diag),
              "seed %d: %s", (int)seed, diag.message);
    double tolerance = (single ? 1e-4 : 1e-11) * (1 + fabs(out[1]) + fabs(out[3]));
    cr_expect(fabs(out[0] - out[1]) <= tolerance || isnan(out[1]), "seed %d: first %.17g, nested %.17g", (int)seed,
              out[0], out[1]);
    cr_expect(fabs(2 * out[2] - out[3]) <= tolerance || isnan(out[3]), "seed %d: second %.17g, nested %.17g", (int)seed,
              2 * out[2], out[3]);
    for (int k = 0; k < g->inputs; k++)
        free(in[k]);
    ebb_graph_release(g);
    ebb_graph_release(f);
}

Test(jet, random_programs) {
    for (uint64_t seed = 1; seed <= 200; seed++)
        expect_second_order(seed);
}

/* ---- cost and refusals ---- */

Test(jet, refusals) {
    for (int order = -1; order <= 101; order += order == 0 ? 101 : 1) {
        line l = new_line();
        ebb_add_output(l.b.graph, l.x);
        cr_expect_null(ebb_jet_graph(l.b.graph, order, NULL, &diag));
        cr_expect_eq(diag.code, EBB_VALUE_ERROR);
        cr_expect_str_eq(strstr(diag.message, "order") ? "order" : diag.message, "order");
        ebb_graph_release(l.b.graph);
    }
    line l = new_line();
    ebb_shape deep = {8, {1, 1, 1, 1, 1, 1, 1, 1}};
    ebb_add_output(l.b.graph, ebb_g_reshape(&l.b, l.x, &deep));
    cr_expect_null(ebb_jet_graph(l.b.graph, 2, NULL, &diag));
    cr_expect_eq(diag.code, EBB_VALUE_ERROR, "%s", diag.message);
    ebb_graph_release(l.b.graph);
}

/* ---- what a pass costs ---- */

static void *counting_resize(void *self, void *memory, size_t bytes) {
    *(size_t *)self += bytes;
    return realloc(memory, bytes);
}

static void counting_release(void *self, void *memory) {
    (void)self;
    free(memory);
}

/* A Hessian makes a pass for each of its rows, behind all that the earlier ones have appended: none may look at that.
 */
Test(jet, a_pass_costs_nothing_for_nodes_behind_its_results) {
    size_t asked = 0;
    const ebb_allocator counting = {counting_resize, counting_release, &asked};
    ebb_graph *g = ebb_graph_new(&counting, &diag, "f");
    ebb_builder b = {.graph = g};
    ebb_id x = ebb_add_input(g, (ebb_type){EBB_F64, {0}}, (ebb_site){0}), y = ebb_g_sin(&b, ebb_g_exp(&b, x)), dy;
    for (int i = 0; i < 20000; i++)
        ebb_add_input(g, (ebb_type){EBB_F64, {0}}, (ebb_site){0});
    asked = 0;
    cr_assert(ebb_jvp_nodes(g, 1, &x, &x, 1, &y, &dy), "%s", diag.message);
    cr_expect(asked < 20000, "%zu bytes asked for", asked);
    const ebb_id moved[2] = {x, g->count - 1}, with[2] = {x, x};
    cr_assert(ebb_jvp_nodes(g, 2, moved, with, 1, &y, &dy), "%s", diag.message);
    cr_expect_neq(dy, EBB_ABSENT, "a node behind the results may move too");
    ebb_graph_release(g);
}
