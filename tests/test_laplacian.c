/* test_laplacian.c - operators of second order: every operation against nested dual numbers, random programs, and
 * functions of functions.
 *
 * Start reading at every_operation_has_a_laplacian. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "dual/basis.h"
#include "dual/dual.h"
#include "jit/graph/build.h"
#include "tests/support/check.h"
#include "tests/support/each_op.h"
#include "tests/support/engines.h"
#include "tests/support/random_graph.h"
#include "tests/support/run_graph.h"

/* ---- every operation ---- */

enum { LINES = 3 };

/* One case in a program of its own: the sum of weighted second derivatives along three lines by one collapsed pass, and
 * by two nested dual numbers for each line. Operands move along curves: parameter x as x + (x^2 - what x^2 is), which
 * is x but bends, so that their own second derivatives count. */
typedef struct trial {
    op_use use;
    ebb_id x[3], u[3], y;
    int input[3], n, collapsed, nested;
    ebb_id wrt[3];
    int64_t elements;
} trial;

static bool moves(const trial *t, int k) {
    return ebb_is_float(t->use.operand[k].dtype) && !op_is_order(t->use.app.op, k);
}

static ebb_id bent(ebb_graph *g, ebb_id x) {
    const ebb_application square = {.op = EBB_OP_square}, stop = {.op = EBB_OP_stop_gradient};
    const ebb_application add = {.op = EBB_OP_add}, sub = {.op = EBB_OP_sub};
    ebb_id q = ebb_record(g, &square, 1, &x), still = ebb_record(g, &stop, 1, &q);
    ebb_id zero = ebb_record(g, &sub, 2, (const ebb_id[]){q, still});
    return ebb_record(g, &add, 2, (const ebb_id[]){x, zero});
}

static void record(engines *e, trial *t) {
    for (int k = 0; k < t->use.c->operands; k++) {
        t->x[k] = t->u[k] = engines_input(e, t->use.operand[k]);
        t->input[k] = e->inputs - 1;
        if (!moves(t, k)) continue;
        int64_t size = 0;
        cr_assert(ebb_shape_size(&t->use.operand[k].shape, &size));
        t->elements += size;
        t->u[k] = bent(e->graph, t->x[k]);
    }
    t->y = ebb_record(e->graph, &t->use.app, t->use.c->operands, t->u);
}

static const double weight[LINES] = {1, -0.5, 2};

/* The same directions by constants of another making, one at a time. */
static ebb_id nested(engines *e, const trial *t, const ebb_lines *lines, ebb_id y) {
    ebb_builder b = {e->graph, {0}};
    ebb_id sum = EBB_ABSENT;
    for (int64_t r = 0; r < LINES; r++) {
        ebb_id v[3], none, d = y;
        cr_assert(ebb_lines_at(e->graph, lines, r, 1, t->n, t->wrt, v, &none));
        for (int i = 0; i < t->n; i++)
            v[i] = ebb_g_reshape(&b, v[i], ebb_shape_of(e->graph, t->wrt[i]));
        for (int order = 0; order < 2; order++)
            cr_assert(ebb_jvp_nodes(e->graph, t->n, t->wrt, v, 1, &d, &d), "%s: %s", op_use_text(&t->use),
                      e->diag.message);
        if (d) d = ebb_g_mul(&b, d, ebb_g_full_like(&b, d, weight[r]));
        if (d) sum = sum ? ebb_g_add(&b, sum, d) : d;
    }
    return sum;
}

/* budget: how many bytes a block of lines may have; 1: each line is a block. */
static void derive(engines *e, trial *t, const ebb_id *map, double budget) {
    double *direction = malloc((size_t)(LINES * t->elements + 1) * sizeof *direction);
    fill_uniform(77, -1, 1, LINES * t->elements, direction);
    ebb_lines lines = {LINES, t->elements, direction, weight, budget};
    ebb_id y = map[t->y], second;
    for (int k = 0; k < t->use.c->operands; k++)
        if (moves(t, k)) t->wrt[t->n++] = map[t->x[k]];
    cr_assert(ebb_collapse_nodes(e->graph, &lines, t->n, t->wrt, 1, &y, &second), "%s: %s", op_use_text(&t->use),
              e->diag.message);
    t->nested = engines_output(e, nested(e, t, &lines, y));
    t->collapsed = engines_output(e, second);
    free(direction);
}

/* Both roads round on their own: a few units in the last place of the largest terms, which cancel by some digits. */
static void compare(const engines *e, const trial *t, int engine) {
    int64_t size = 0;
    cr_assert(ebb_shape_size(&t->use.result.shape, &size));
    double largest = 0;
    for (int64_t i = 0; i < size; i++)
        largest = fmax(largest, fabs((double)engines_get(e, engine, t->nested, i)));
    for (int64_t i = 0; i < size; i++) {
        double got = (double)engines_get(e, engine, t->collapsed, i),
               want = (double)engines_get(e, engine, t->nested, i);
        cr_expect((isnan(got) && isnan(want)) || got == want || fabs(got - want) <= 1e-12 * largest + 1e-13,
                  "%s, element %d, %s: %.17g, nested %.17g", op_use_text(&t->use), (int)i, engine_name[engine], got,
                  want);
    }
}

/* Whether it has results with derivatives. */
static int try(const op_case *c, void *data) {
    const double budget = *(const double *)data;
    trial t = {0};
    engines e;
    if (!op_use_of(c, EBB_F64, EBB_I32, &t.use) || !ebb_is_float(t.use.result.dtype)) return false;
    bool any = false;
    for (int k = 0; k < c->operands; k++) {
        any |= moves(&t, k);
        if (t.use.operand[k].shape.rank == EBB_MAX_RANK) return false; /* no axis for lines */
    }
    if (!any) return false;
    engines_start(&e, c->name);
    record(&e, &t);
    ebb_id *map = engines_expand(&e);
    derive(&e, &t, map, budget);
    free(map);
    int lines = e.graph->inputs - e.inputs; /* parameters of the pass, which nothing reads */
    for (int k = 0; k < lines; k++)
        e.inputs++;
    engines_compile(&e);
    for (int k = 0; k < c->operands; k++) {
        quad_tensor x = quad_new(t.use.operand[k]);
        op_fill_operand(&t.use, k, (uint64_t)t.input[k], &x);
        engines_set(&e, t.input[k], &x);
        quad_free(&x);
    }
    engines_run(&e);
    for (int engine = 0; engine < ENGINES; engine++)
        compare(&e, &t, engine);
    engines_stop(&e);
    return true;
}

Test(laplacian, every_operation_has_one) {
    int cases = 0;
    for (int op = 1; op < EBB_OP_COUNT; op++)
        cases += each_small_case((ebb_op)op, 5, EBB_F64, try, &(double){op % 2 ? 1e9 : 1});
    cr_expect(cases > EBB_OP_COUNT / 2);
    printf("cases: %d operations along %d lines\n", cases, LINES);
}

/* ---- random programs: the trace of A times the Hessian, by the operator and by the dense Hessian ---- */

static ebb_diag diag;

static double uniform(uint64_t seed) {
    double u;
    fill_uniform(seed, -1, 1, 1, &u);
    return u;
}

/* Runs g, whose parameters are numbered as f's, on ordinary numbers; gives room for its outputs, one after the other.
 */
static double *run(const ebb_graph *g, double **out) {
    double *in[8];
    int64_t room = 1;
    for (int k = 0; k < g->inputs; k++) {
        int64_t size = size_of_node(g, g->input[k]);
        in[k] = malloc((size_t)(size + 1) * sizeof **in);
        fill_uniform((uint64_t)k + 5, 0.2, 0.9, size, in[k]);
    }
    for (int j = 0; j < g->outputs; j++)
        room += g->output[j] ? size_of_node(g, g->output[j]) : 0;
    double *memory = calloc((size_t)room, sizeof *memory);
    for (int64_t j = 0, at = 0; j < g->outputs; j++) {
        out[j] = memory + at;
        at += g->output[j] ? size_of_node(g, g->output[j]) : 0;
    }
    cr_assert(run_graph(g, (const double *const *)in, out, &diag), "%s", diag.message);
    for (int k = 0; k < g->inputs; k++)
        free(in[k]);
    return memory;
}

/* A program of floats, whose first result is a number. */
static ebb_graph *scalar_program(uint64_t seed) {
    ebb_graph *f = ebb_random_graph(
        seed,
        &(ebb_random_options){.nodes = 20, .smooth = true, .no_empty = true, .wide = true, .regions = seed % 3 == 0});
    static const int64_t axes[EBB_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
    ebb_id y = f->output[0];
    ebb_application sum = {.op = EBB_OP_sum, .nattr = ebb_shape_of(f, y)->rank, .attr = axes};
    f->diag = &diag;
    if (!ebb_is_float(ebb_dtype_at(f, y))) return ebb_graph_release(f), NULL;
    y = ebb_record(f, &sum, 1, &y);
    ebb_clear_outputs(f);
    cr_assert(ebb_add_output(f, y));
    return f;
}

/* a: a symmetric matrix, indefinite, of rank 2 less than it could have. NULL: the Laplacian. */
static bool agree(const ebb_graph *f, const ebb_dual_spec *spec, int64_t d, const double *a, uint64_t seed) {
    ebb_graph *sum = ebb_second_order_graph(f, d, a, spec, &diag);
    cr_assert_not_null(sum, "seed %d: %s", (int)seed, diag.message);
    ebb_graph *h = ebb_hessian_graph(f, spec, &diag);
    cr_assert_not_null(h, "seed %d: %s", (int)seed, diag.message);
    double *out[2], *block[64], *got = run(sum, out), *all = run(h, block), want = 0, scale = 0;
    int64_t size[8], row = 0;
    for (int i = 0; i < spec->nwrt; i++)
        size[i] = size_of_node(f, f->input[spec->wrt[i]]);
    for (int64_t i = 0; i < spec->nwrt; row += size[i++])
        for (int64_t j = 0, column = 0; j < spec->nwrt; column += size[j++])
            for (int64_t k = 0; k < size[i] * size[j]; k++) {
                int64_t r = row + k / size[j], c = column + k % size[j];
                double term = (a ? a[r * d + c] : r == c) * block[i * spec->nwrt + j][k];
                want += term, scale += fabs(term);
            }
    bool real = isfinite(want);
    /* the sum may cancel, so it is compared with its terms */
    cr_expect(!real || fabs(*out[1] - want) <= 1e-10 * scale + 1e-12, "seed %d, %s: %.17g, by the Hessian %.17g",
              (int)seed, a ? "matrix" : "Laplacian", *out[1], want);
    free(got), free(all);
    ebb_graph_release(h), ebb_graph_release(sum);
    return real;
}

static int try_program(uint64_t seed) {
    ebb_graph *f = scalar_program(seed);
    int wrt[8], n = 0, done = 0;
    int64_t d = 0;
    for (int k = 0; f && k < f->inputs && k < 8; k++)
        if (ebb_dtype_at(f, f->input[k]) == EBB_F64 && ebb_shape_of(f, f->input[k])->rank < 4) {
            wrt[n++] = k;
            d += size_of_node(f, f->input[k]);
        }
    if (n && d <= 60) {
        ebb_dual_spec spec = {.nwrt = n, .wrt = wrt, .budget = seed % 2 ? 0 : 1};
        double *a = malloc((size_t)(d * d + 1) * sizeof *a);
        for (int64_t k = 0; k < d * d; k++)
            a[k] = uniform((uint64_t)(k / d + k % d)) + (k / d == k % d ? uniform((uint64_t)k) : 0);
        done = agree(f, &spec, d, NULL, seed) + agree(f, &spec, d, a, seed);
        free(a);
    }
    ebb_graph_release(f);
    return done;
}

Test(laplacian, random_programs) {
    int cases = 0;
    for (uint64_t seed = 1; seed <= 300; seed++)
        cases += try_program(seed);
    cr_expect(cases > 100);
    printf("cases: %d operators of random programs\n", cases);
}
