/* test_rolled.c - series that are written as a loop over the orders: the same as straight-line code, for every
 * operation, for regions and for random programs, by both engines; right at order 100; of a size that does not depend
 * on the order; and differentiated, batched and expanded again.
 *
 * Start reading at compare_roads. */
#include <criterion/criterion.h>
#include <math.h>
#include <quadmath.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dual/dual.h"
#include "dual/series.h"
#include "ebb.h"
#include "jit/graph/build.h"
#include "jit/graph/reach.h"
#include "tests/support/op_case.h"
#include "tests/support/parsed.h"
#include "tests/support/random_graph.h"
#include "tests/support/region_programs.h"
#include "tests/support/run_graph.h"
#include "tests/support/scarce.h"

enum { MOST = 24, ORDER = 6 };

/* ---- one program, two roads ---- */

typedef struct question {
    const char *name;
    const ebb_graph *f;
    int wrt[MOST], nwrt, order;
    bool along_curves;
    double *in[MOST]; /* of f's parameters; of further ones made here */
    double unit;      /* of rounding */
    /* what is made of the series, NULL: nothing */
    ebb_graph *(*then)(const ebb_graph *series, const struct question *q, ebb_diag *diag);
} question;

static ebb_graph *replaced(const question *q, ebb_graph *g, ebb_graph *by, const ebb_diag *diag) {
    ebb_diag broken = {0};
    cr_assert(by, "%s: %s", q->name, diag->message);
    cr_assert(ebb_verify(by, &broken), "%s: %s", q->name, broken.message);
    ebb_graph_release(g);
    return by;
}

static ebb_graph *series_by(const question *q, const char *road) {
    ebb_diag diag = {0};
    const ebb_dual_spec spec = {.nwrt = q->nwrt, .wrt = q->wrt, .road = road};
    ebb_graph *g = (q->along_curves ? ebb_jet_series_graph : ebb_jet_graph)(q->f, q->order, &spec, &diag);
    cr_assert(g && ebb_verify(g, &diag), "%s, %s: %s", q->name, road, diag.message);
    if (q->then) g = replaced(q, g, q->then(g, q, &diag), &diag);
    return replaced(q, g, ebb_expand_to_run(g, &diag), &diag);
}

static double *numbers(int64_t size) {
    double *room = calloc((size_t)size + 1, sizeof *room);
    cr_assert_not_null(room);
    return room;
}

/* Directions and all that derivatives ask for lie around 0. */
static void fill_further(const ebb_graph *g, int from, double **in) {
    cr_assert_leq(g->inputs, MOST);
    for (int k = from; k < g->inputs; k++) {
        int64_t size = size_of_node(g, g->input[k]);
        in[k] = numbers(size);
        fill_uniform(100 + (uint64_t)k, -0.7, 0.7, size, in[k]);
    }
}

static bool is_there(const ebb_graph *g, int j) { return g->output[j] != EBB_ABSENT; }

/* Coefficients of the same order round alike. What cancels was as large as its row, or the rows before. */
static int compare(const question *q, const ebb_graph *g, double *const *got, double *const *want, const char *engine) {
    int compared = 0;
    for (int j = 0; j < g->outputs; j++) {
        int64_t size = is_there(g, j) ? size_of_node(g, g->output[j]) : 0;
        double largest = 0;
        for (int64_t i = 0; i < size; i++)
            if (isfinite(want[j][i])) largest = fmax(largest, fabs(want[j][i]));
        for (int64_t i = 0; i < size; i++, compared++) {
            double a = got[j][i], b = want[j][i];
            cr_expect((isnan(a) && isnan(b)) || a == b || fabs(a - b) <= 1000 * q->unit * (largest + 1),
                      "%s, %s, result %d[%d]: %.17g, straight %.17g", q->name, engine, j, (int)i, a, b);
        }
    }
    return compared;
}

/* The rolled series, by both engines, and the straight one. Gives the number of elements. */
static int compare_roads(question *q) {
    ebb_diag diag = {0};
    ebb_graph *rolled = series_by(q, "rolled"), *straight = series_by(q, "straight");
    cr_assert_eq(rolled->inputs, straight->inputs, "%s", q->name);
    cr_assert_eq(rolled->outputs, straight->outputs, "%s", q->name);
    double *in[MOST], *out[3][MOST] = {{NULL}};
    int compared = 0;
    memcpy(in, q->in, sizeof in);
    fill_further(straight, q->f->inputs, in);
    for (int j = 0; j < straight->outputs; j++) {
        cr_assert_eq(is_there(rolled, j), is_there(straight, j), "%s, result %d", q->name, j);
        for (int way = 0; way < 3 && is_there(straight, j); way++)
            out[way][j] = numbers(size_of_node(straight, straight->output[j]));
    }
    const double *const *given = (const double *const *)in;
    cr_assert(run_graph(straight, given, out[0], &diag), "%s: %s", q->name, diag.message);
    cr_assert(run_graph(rolled, given, out[1], &diag), "%s: %s", q->name, diag.message);
    cr_assert(run_graph_natively(rolled, given, out[2], &diag), "%s: %s", q->name, diag.message);
    compared += compare(q, straight, out[1], out[0], "evaluator");
    compared += compare(q, straight, out[2], out[0], "native code");
    for (int k = q->f->inputs; k < straight->inputs; k++)
        free(in[k]);
    for (int j = 0; j < straight->outputs; j++)
        for (int way = 0; way < 3; way++)
            free(out[way][j]);
    ebb_graph_release(rolled);
    ebb_graph_release(straight);
    return compared;
}

/* ---- every operation ---- */

static void fill_operand(question *q, const op_use *use, int k) {
    quad_tensor x = quad_new(use->operand[k]);
    op_fill_operand(use, k, (uint64_t)k, &x);
    q->in[k] = numbers(x.size);
    for (int64_t i = 0; i < x.size; i++)
        q->in[k][i] = (double)x.at[i];
    quad_free(&x);
}

/* A series has an axis more. */
static bool has_room(const op_use *use) {
    int rank = use->result.shape.rank;
    for (int k = 0; k < use->c->operands; k++)
        rank = rank > use->operand[k].shape.rank ? rank : use->operand[k].shape.rank;
    return rank < EBB_MAX_RANK;
}

/* Along a line and along a curve. */
static int try_operation(const op_case *c) {
    ebb_diag diag = {0};
    op_use use;
    ebb_id x[3];
    int compared = 0;
    if (!op_use_of(c, EBB_F64, EBB_I64, &use) || !ebb_is_float(use.result.dtype) || !has_room(&use)) return 0;
    ebb_graph *f = ebb_graph_new(&ebb_malloc_allocator, &diag, c->name);
    question q = {.f = f, .order = ORDER, .unit = 0x1p-53};
    char name[128];
    for (int k = 0; k < c->operands; k++) {
        x[k] = ebb_add_input(f, use.operand[k], (ebb_site){0});
        fill_operand(&q, &use, k);
        if (ebb_is_float(use.operand[k].dtype)) q.wrt[q.nwrt++] = k;
    }
    cr_assert(ebb_add_output(f, ebb_record(f, &use.app, c->operands, x)), "%s", diag.message);
    for (int curved = 0; q.nwrt && curved < 2; curved++) {
        q.along_curves = curved;
        snprintf(name, sizeof name, "%s along a %s", op_use_text(&use), curved ? "curve" : "line");
        q.name = name;
        compared += compare_roads(&q);
    }
    for (int k = 0; k < c->operands; k++)
        free(q.in[k]);
    ebb_graph_release(f);
    return compared;
}

static bool is_small(const op_case *c) {
    int64_t size = 0;
    return c->operands == 0 || (ebb_shape_size(&c->shape[0], &size) && size <= 100);
}

static void try_operations(int first, int step) {
    int compared = 0, operations = 0;
    for (int op = first; op < EBB_OP_COUNT; op += step) {
        bool pointwise = ebb_op_table[op].access == EBB_POINT && ebb_op_table[op].arity > 0;
        op_case point = op_case_point((ebb_op)op, 3, op == EBB_OP_cast ? EBB_F64 : EBB_NONE);
        int before = compared;
        if (pointwise) compared += try_operation(&point);
        for (int i = 0; i < op_case_count; i++)
            if (op_cases[i].op == (ebb_op)op && is_small(&op_cases[i])) compared += try_operation(&op_cases[i]);
        operations += compared > before;
    }
    cr_expect(operations > EBB_OP_COUNT / 2 / step, "%d operations", operations);
    printf("cases: %d elements of %d operations to order %d\n", compared, operations, ORDER);
}

Test(rolled, every_operation_1) { try_operations(1, 2); }
Test(rolled, every_operation_2) { try_operations(2, 2); }

static void give_allocator(ebb_graph *g, const ebb_allocator *a) {
    g->allocator = a;
    for (int32_t k = 0; k < g->callees; k++)
        give_allocator(g->callee[k], a);
}

/* ---- regions ---- */

static void fill_program(question *q, const double *whole) {
    for (int k = 0; k < q->f->inputs; k++) {
        ebb_id x = q->f->input[k];
        q->in[k] = numbers(size_of_node(q->f, x));
        fill_uniform((uint64_t)k + 1, 0.3, 0.9, size_of_node(q->f, x), q->in[k]);
        if (whole && !ebb_is_float(ebb_dtype_at(q->f, x))) q->in[k][0] = whole[k];
    }
}

static void forget(question *q) {
    for (int k = 0; k < q->f->inputs; k++)
        free(q->in[k]);
}

Test(rolled, regions) {
    int compared = 0;
    for (int i = 0; i < region_program_count; i++) {
        const region_program *p = &region_programs[i];
        ebb_graph *f = parsed(p->text);
        question q = {.name = p->name, .f = f, .nwrt = p->nwrt, .order = 4, .unit = 0x1p-53};
        memcpy(q.wrt, p->wrt, (size_t)p->nwrt * sizeof *q.wrt);
        fill_program(&q, p->whole);
        for (int curved = 0; curved < 2; curved++) {
            q.along_curves = curved;
            compared += compare_roads(&q);
        }
        forget(&q);
        ebb_graph_release(f);
    }
    printf("cases: %d elements of %d programs with regions\n", compared, region_program_count);
}

/* ---- random programs ---- */

static int try_random(uint64_t seed, bool regions) {
    char name[64];
    ebb_random_options options = {.nodes = 20, .smooth = true, .no_empty = true, .regions = regions};
    ebb_graph *f = ebb_random_graph(seed, &options);
    question q = {.name = name, .f = f, .order = 3, .unit = 0x1p-24};
    snprintf(name, sizeof name, "seed %d%s", (int)seed, regions ? ", regions" : "");
    for (int k = 0; k < f->inputs && q.nwrt < 4; k++)
        if (ebb_is_float(ebb_dtype_at(f, f->input[k]))) q.wrt[q.nwrt++] = k;
    fill_program(&q, NULL);
    int compared = q.nwrt ? compare_roads(&q) : 0;
    forget(&q);
    ebb_graph_release(f);
    return compared;
}

Test(rolled, random_programs) {
    int compared = 0;
    for (uint64_t seed = 1; seed <= 60; seed++)
        compared += try_random(seed, seed % 2);
    printf("cases: %d elements of 60 random programs\n", compared);
}

/* ---- some formulas ---- */

static ebb_id bell(ebb_builder *b, ebb_id x) {
    return ebb_g_tanh(b, ebb_g_mul(b, ebb_g_sin(b, x), ebb_g_exp(b, ebb_g_neg(b, ebb_g_square(b, x)))));
}

/* Slopes without end. */
static ebb_id ladders(ebb_builder *b, ebb_id x) {
    ebb_id power = ebb_g_pow(b, x, ebb_g_full_like(b, x, 2.5)), whole = ebb_g_pow(b, x, ebb_g_full_like(b, x, 12));
    ebb_id itself = ebb_g_pow(b, x, ebb_g_sin(b, x)), gamma = ebb_g_lgamma(b, ebb_g_exp(b, x));
    return ebb_g_add(b, ebb_g_add(b, power, whole), ebb_g_mul(b, itself, gamma));
}

/* Of each matrix x x' + 1: its factor, and a determinant. */
static ebb_id matrices(ebb_builder *b, ebb_id x) {
    ebb_id column = ebb_g_reshape(b, x, &(ebb_shape){2, {3, 1}}), square = ebb_g_dot(b, column, column, false, true);
    ebb_id a = ebb_g_add(b, square, ebb_g_eye(b, square));
    const ebb_application factor = {.op = EBB_OP_cholesky, .site = b->site};
    ebb_id root = ebb_derive(b->graph, &factor, 1, &a), det = ebb_g_lu_det(b, EBB_OP_lu_det, a, ebb_g_lu(b, a));
    ebb_id y = ebb_g_sum(b, ebb_g_sin(b, root), 1, (const int64_t[]){1});
    return ebb_g_mul(b, y, ebb_g_broadcast(b, ebb_g_exp(b, ebb_g_neg(b, det)), ebb_shape_of(b->graph, y), NULL));
}

/* One element of x lies where the branch not taken has an infinite slope. */
static ebb_id guarded(ebb_builder *b, ebb_id x) {
    ebb_id edge = ebb_g_full_like(b, x, 0.5), away = ebb_g_sub(b, x, edge);
    ebb_id root = ebb_g_sqrt(b, away), there = ebb_g_gt(b, x, edge);
    ebb_id y = ebb_g_select(b, there, root, ebb_g_full_like(b, x, 0));
    return ebb_g_exp(b, ebb_g_mul(b, y, ebb_g_sin(b, x)));
}

static ebb_id guarded_products(ebb_builder *b, ebb_id x) {
    ebb_id edge = ebb_g_full_like(b, x, 0.5), root = ebb_g_sqrt(b, ebb_g_sub(b, x, edge));
    const ebb_id factor[] = {root, x, root, root, x, x};
    ebb_id sum = ebb_g_sum_products(b, EBB_OP_mul, (ebb_attr){0}, 3, factor);
    return ebb_g_select(b, ebb_g_gt(b, x, edge), sum, ebb_g_full_like(b, x, 0));
}

static ebb_id reductions(ebb_builder *b, ebb_id x) {
    const int64_t front = 0;
    ebb_id length = ebb_g_sqrt(b, ebb_g_sum(b, ebb_g_square(b, x), 1, &front)),
           most = ebb_g_reduce_max(b, ebb_g_sin(b, x), 1, &front);
    ebb_id over = ebb_g_broadcast(b, ebb_g_div(b, most, length), ebb_shape_of(b->graph, x), NULL);
    return ebb_g_cumsum(b, ebb_g_max(b, ebb_g_mul(b, over, x), ebb_g_cos(b, x)), 0);
}

static ebb_id tower_of_sines(ebb_builder *b, ebb_id x) {
    for (int i = 0; i < 30; i++)
        x = ebb_g_sin(b, x);
    return x;
}

typedef struct formula {
    const char *name;
    ebb_id (*write)(ebb_builder *b, ebb_id x); /* of x: f64[3] */
} formula;
static const formula formulas[] = {{"a composition", bell},
                                   {"slopes without end", ladders},
                                   {"factors of matrices", matrices},
                                   {"behind a selection", guarded},
                                   {"a sum of products behind a selection", guarded_products},
                                   {"reductions", reductions}};
enum { FORMULAS = sizeof formulas / sizeof *formulas };
static const double point[3] = {0.7, 0.5, 0.9};

/* A program of x, or of a scalar if there is no shape. */
static ebb_graph *program_of(const formula *c, const ebb_shape *shape, ebb_diag *diag) {
    ebb_graph *g = ebb_graph_new(&ebb_malloc_allocator, diag, c->name);
    ebb_builder b = {.graph = g, .site = {.file = "formula.c", .line = 7}};
    ebb_id x = ebb_add_input(g, (ebb_type){EBB_F64, *shape}, b.site);
    cr_assert(ebb_add_output(g, c->write(&b, x)), "%s: %s", c->name, diag->message);
    return g;
}

static question question_of(const formula *c, const ebb_graph *f) {
    question q = {.name = c->name, .f = f, .nwrt = 1, .order = ORDER, .unit = 0x1p-53};
    q.in[0] = numbers(3);
    memcpy(q.in[0], point, sizeof point);
    return q;
}

/* ---- derived again ---- */

static ebb_graph *tangents(const ebb_graph *series, const question *q, ebb_diag *diag) {
    (void)q;
    return ebb_jvp_graph(series, NULL, diag);
}
static ebb_graph *cotangents(const ebb_graph *series, const question *q, ebb_diag *diag) {
    (void)q;
    return ebb_vjp_graph(series, NULL, diag);
}
static ebb_graph *tangents_of_cotangents(const ebb_graph *series, const question *q, ebb_diag *diag) {
    ebb_graph *back = cotangents(series, q, diag), *done = back ? tangents(back, q, diag) : NULL;
    ebb_graph_release(back);
    return done;
}
static ebb_graph *series_of_series(const ebb_graph *series, const question *q, ebb_diag *diag) {
    (void)q;
    return ebb_jet_graph(series, 3, &(ebb_dual_spec){.road = "rolled"}, diag);
}
/* For two directions, along two of x. */
static ebb_graph *of_examples(const ebb_graph *series, const question *q, ebb_diag *diag) {
    int axes[MOST];
    for (int k = 0; k < series->inputs; k++)
        axes[k] = k < q->f->inputs ? -1 : 0;
    return ebb_vmap_graph(series, 2, axes, NULL, NULL, diag);
}

Test(rolled, derived_again) {
    static const struct {
        const char *name;
        ebb_graph *(*then)(const ebb_graph *series, const question *q, ebb_diag *diag);
    } derivatives[] = {{"as it is", NULL},
                       {"tangents", tangents},
                       {"cotangents", cotangents},
                       {"tangents of cotangents", tangents_of_cotangents},
                       {"its series", series_of_series},
                       {"many directions", of_examples}};
    int compared = 0;
    for (int i = 0; i < FORMULAS; i++)
        for (size_t t = 0; t < sizeof derivatives / sizeof *derivatives; t++) {
            ebb_diag diag = {0};
            char name[128];
            ebb_graph *f = program_of(&formulas[i], &(ebb_shape){1, {3}}, &diag);
            question q = question_of(&formulas[i], f);
            snprintf(name, sizeof name, "%s, %s", formulas[i].name, derivatives[t].name);
            q.name = name;
            q.then = derivatives[t].then;
            compared += compare_roads(&q);
            forget(&q);
            ebb_graph_release(f);
        }
    printf("cases: %d elements of derivatives of series\n", compared);
}

/* ---- size ---- */

typedef struct tally {
    int nodes, without_line;
} tally;

static tally tally_of(const ebb_graph *g) {
    tally t = {0};
    ebb_reach reach;
    cr_assert(ebb_reach_from(g, &reach));
    for (int32_t k = 0; k < reach.count; k++) {
        t.nodes += reach.graph[k]->count;
        for (ebb_id id = 1; id < reach.graph[k]->count; id++)
            t.without_line += reach.graph[k]->site[id].line == 0;
    }
    ebb_reach_end(&reach);
    return t;
}

static tally tally_series(const ebb_graph *f, const ebb_dual_spec *spec, int order) {
    ebb_diag diag = {0};
    ebb_graph *g = ebb_jet_graph(f, order, spec, &diag);
    cr_assert(g, "%s", diag.message);
    tally t = tally_of(g);
    ebb_graph_release(g);
    return t;
}

/* Also what is inside of regions; rules of one's own stay straight there. */
Test(rolled, programs_do_not_grow_with_the_order) {
    int compared = 0;
    for (int i = 0; i < FORMULAS; i++, compared++) {
        ebb_diag diag = {0};
        ebb_graph *f = program_of(&formulas[i], &(ebb_shape){1, {3}}, &diag);
        tally few = tally_series(f, NULL, EBB_MOST_STRAIGHT + 1), most = tally_series(f, NULL, EBB_MOST_ORDER);
        cr_expect_eq(few.nodes, most.nodes, "%s: %d nodes, then %d", formulas[i].name, few.nodes, most.nodes);
        cr_expect_eq(most.without_line, 0, "%s: %d nodes have no line", formulas[i].name, most.without_line);
        cr_expect_lt(most.nodes, tally_series(f, NULL, EBB_MOST_STRAIGHT).nodes, "%s", formulas[i].name);
        ebb_graph_release(f);
    }
    for (int i = 0; i < region_program_count; i++) {
        const region_program *p = &region_programs[i];
        const ebb_dual_spec spec = {.nwrt = p->nwrt, .wrt = p->wrt, .road = "rolled"};
        ebb_graph *f = parsed(p->text);
        tally few = tally_series(f, &spec, 8), most = tally_series(f, &spec, 16);
        compared++;
        cr_expect(few.nodes == most.nodes || f->own_rules, "%s: %d nodes, then %d", p->name, few.nodes, most.nodes);
        ebb_graph_release(f);
    }
    printf("cases: %d programs\n", compared);
}

/* Of many elements straight-line code runs faster than a loop compiles, unless it is very long. */
Test(rolled, many_elements_are_straight) {
    static const struct {
        int64_t elements;
        int order;
        bool grows;
    } cases[] = {{1, 40, false}, {1024, 40, false}, {1025, 40, true}, {1025, EBB_MOST_ORDER, true}};
    ebb_diag diag = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ebb_graph *f = program_of(&formulas[0], &(ebb_shape){1, {cases[i].elements}}, &diag);
        int few = tally_series(f, NULL, cases[i].order - 1).nodes, more = tally_series(f, NULL, cases[i].order).nodes;
        cr_expect_eq(more > few, cases[i].grows, "%d elements, order %d: %d nodes, one order less %d",
                     (int)cases[i].elements, cases[i].order, more, few);
        ebb_graph_release(f);
    }
    const formula tower = {"a tower", tower_of_sines};
    ebb_graph *f = program_of(&tower, &(ebb_shape){1, {1025}}, &diag);
    cr_expect_eq(tally_series(f, NULL, 99).nodes, tally_series(f, NULL, 100).nodes);
    ebb_graph_release(f);
}

/* ---- functions ---- */

static void wave(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    out[0] = ebb_mul(ebb_sin(in[0]), ebb_exp(in[1]));
}

/* The sum of the last three coefficients. */
static void last_ones(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    ebb_operand x[3] = {EBB_OPERAND(in[0]), EBB_OPERAND(in[1]), EBB_OPERAND(ebb_ones(ebb, EBB_F64, 0, NULL))};
    ebb_tensor *both[2];
    ebb_call_n(data, 3, x, 2, both);
    out[0] = ebb_sum(ebb_gather(both[1], ebb_literal(ebb, "[27, 28, 29]", EBB_I64), 0));
}

/* Coefficient k of exp(y) sin(x + t) is that of its k-th derivative, by k!. In all modes, by the road that is chosen
 * and by both that there are, and its gradient in x. */
Test(rolled, functions_of_order_30) {
    enum { MOST_ORDER = 30 };
    static const ebb_mode modes[] = {EBB_EAGER, EBB_COMPILED, EBB_NATIVE};
    static const char *const roads[] = {NULL, "rolled", "straight"};
    for (size_t i = 0; i < 9; i++) {
        ebb_context *ebb = ebb_open(&(ebb_options){.mode = modes[i / 3]});
        ebb_function *f = ebb_function_new(ebb, wave, &(ebb_function_options){.name = "wave"});
        ebb_function *series = ebb_jet(f, NULL, MOST_ORDER);
        ebb_set_road(series, roads[i % 3], 0);
        ebb_tensor *x = ebb_scalar(ebb, 0.7), *y = ebb_scalar(ebb, 0.5), *both[2];
        ebb_operand in[3] = {EBB_OPERAND(x), EBB_OPERAND(y), EBB_OPERAND(ebb_scalar(ebb, 1.0))};
        ebb_call_n(series, 3, in, 2, both);
        cr_assert(ebb_ok(ebb), "%s", ebb_error(ebb));
        double factor = exp(0.5), sum = 0;
        for (int k = 1; k <= MOST_ORDER; k++) {
            double want = (factor /= k) * sin(0.7 + k * M_PI_2);
            cr_expect(fabs(ebb_item(both[1], k - 1) - want) <= 1e-14 * factor, "order %d: %.17g, not %.17g", k,
                      ebb_item(both[1], k - 1), want);
            if (k > MOST_ORDER - 3) sum += factor * cos(0.7 + k * M_PI_2);
        }
        ebb_function *g = ebb_function_new(ebb, last_ones, &(ebb_function_options){.name = "last", .data = series});
        double got = ebb_item(ebb_call(ebb_grad(g, EBB_WRT(0)), x, y), 0);
        cr_expect(ebb_ok(ebb) && fabs(got - sum) <= 1e-13 * fabs(sum), "gradient: %.17g, not %.17g; %s", got, sum,
                  ebb_error(ebb));
        ebb_close(ebb);
    }
}

/* ---- order 100 ---- */

typedef quad coefficients[EBB_MOST_ORDER + 1];

/* y' = d x' */
static void by_slope(quad *y, const quad *d, const quad *x, int k) {
    y[k] = 0;
    for (int j = 1; j <= k; j++)
        y[k] += j * x[j] * d[k - j] / k;
}

static quad product_at(const quad *x, const quad *y, int k) {
    quad sum = 0;
    for (int j = 0; j <= k; j++)
        sum += x[j] * y[k - j];
    return sum;
}

static void bell_series(quad x, quad *y) {
    coefficients s, c, q = {-x * x, -2 * x, -1}, e, w, slope;
    s[0] = sinq(x), c[0] = cosq(x), e[0] = expq(q[0]), w[0] = s[0] * e[0], y[0] = tanhq(w[0]);
    slope[0] = 1 - y[0] * y[0];
    for (int k = 1; k <= EBB_MOST_ORDER; k++) {
        s[k] = c[k - 1] / k, c[k] = -s[k - 1] / k;
        by_slope(e, e, q, k);
        w[k] = product_at(s, e, k);
        by_slope(y, slope, w, k);
        slope[k] = -product_at(y, y, k);
    }
}

/* x^e */
static void power_series(quad x, quad e, quad *y) {
    y[0] = powq(x, e);
    for (int k = 1; k <= EBB_MOST_ORDER; k++)
        y[k] = y[k - 1] * (e - k + 1) / (k * x);
}
static void root_series(quad x, quad *y) { power_series(x, 0.5Q, y); }
static void negative_series(quad x, quad *y) { power_series(x, -2.5Q, y); }
static void twentieth_series(quad x, quad *y) { power_series(x, 20, y); }
static void log_series(quad x, quad *y) {
    y[0] = logq(x);
    for (int k = 1; k <= EBB_MOST_ORDER; k++)
        y[k] = (k % 2 ? 1 : -1) / (k * powq(x, k));
}
/* At 1 coefficient k is the sum of all 1/n^k, by k: a sum, and what is left of it by Euler and Maclaurin. */
static void lgamma_series(quad x, quad *y) {
    enum { N = 40 };
    cr_assert(x == 1);
    y[1] = -0.57721566490153286060651209008240243Q;
    for (int k = 2; k <= EBB_MOST_ORDER; k++) {
        quad sum = powq(N, 1 - k) / (k - 1) + powq(N, -k) / 2, next = powq(N, -k - 1) * k / 12;
        for (int n = 1; n < N; n++)
            sum += powq(n, -k);
        sum += next - powq(N, -k - 3) * k * (k + 1) * (k + 2) / 720 +
               powq(N, -k - 5) * k * (k + 1) * (k + 2) * (k + 3) * (k + 4) / 30240;
        y[k] = (k % 2 ? -1 : 1) * sum / k;
    }
}

static ebb_id root(ebb_builder *b, ebb_id x) { return ebb_g_sqrt(b, x); }
static ebb_id negative(ebb_builder *b, ebb_id x) { return ebb_g_pow(b, x, ebb_g_full_like(b, x, -2.5)); }
static ebb_id twentieth(ebb_builder *b, ebb_id x) { return ebb_g_pow(b, x, ebb_g_full_like(b, x, 20)); }
static ebb_id logarithm(ebb_builder *b, ebb_id x) { return ebb_g_log(b, x); }
static ebb_id lgamma_of(ebb_builder *b, ebb_id x) { return ebb_g_lgamma(b, x); }

/* Each coefficient is made of at most 100 products of others, which rounded as well; where they cancel, those before it
 * say how large they were. */
Test(rolled, order_100_is_right) {
    static const struct {
        formula formula;
        double x;
        void (*series)(quad x, quad *y);
    } cases[] = {{{"tanh(sin(x) exp(-x^2))", bell}, 0.7, bell_series},
                 {{"sqrt(x)", root}, 1.5, root_series},
                 {{"x^-2.5", negative}, 1.25, negative_series},
                 {{"x^20", twentieth}, 0.75, twentieth_series},
                 {{"log(x)", logarithm}, 1.5, log_series},
                 {{"lgamma(x)", lgamma_of}, 1, lgamma_series}};
    double c[2][EBB_MOST_ORDER], value, worst = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ebb_diag diag = {0};
        coefficients want;
        ebb_graph *f = program_of(&cases[i].formula, &(ebb_shape){0}, &diag);
        ebb_graph *g = ebb_jet_graph(f, EBB_MOST_ORDER, NULL, &diag);
        const double *const in[2] = {&cases[i].x, &(double){1}};
        cr_assert(g && run_graph(g, in, (double *[]){&value, c[0]}, &diag), "%s", diag.message);
        cr_assert(run_graph_natively(g, in, (double *[]){&value, c[1]}, &diag), "%s", diag.message);
        cases[i].series(cases[i].x, want);
        for (int k = 1; k <= EBB_MOST_ORDER; k++) {
            quad scale = 0;
            for (int j = k > 6 ? k - 6 : 1; j <= k; j++)
                scale = fmaxq(scale, fabsq(want[j]));
            for (int engine = 0; engine < 2; engine++) {
                double error = (double)(fabsq(c[engine][k - 1] - want[k]) / (scale + 1e-300Q));
                worst = fmax(worst, error);
                cr_expect(error <= 1e-13, "%s, order %d: %.17g, not %.17g", cases[i].formula.name, k, c[engine][k - 1],
                          (double)want[k]);
            }
        }
        ebb_graph_release(g);
        ebb_graph_release(f);
    }
    printf("cases: %d coefficients, off by %.2g at most\n", (int)(sizeof cases / sizeof *cases * EBB_MOST_ORDER),
           worst);
}

/* ---- no memory ---- */

/* Allocations fail one after the other, later ones farther apart. */
static int starve(const char *name, ebb_graph *f, const ebb_dual_spec *spec) {
    int failed = 0;
    bool done = false;
    scarce s = {0};
    const ebb_allocator allocator = scarce_allocator(&s);
    give_allocator(f, &allocator);
    for (int64_t k = 0; !done; k += 1 + k / 50, failed++) {
        ebb_diag diag = {0};
        s = (scarce){.left = k};
        ebb_graph *g = ebb_jet_graph(f, ORDER, spec, &diag);
        done = g != NULL;
        ebb_graph_release(g);
        cr_expect_eq(s.live, 0, "%s: allocation %d failed: %d blocks lost", name, (int)k, (int)s.live);
        if (!done) cr_expect_eq(diag.code, EBB_NO_MEMORY, "%s: allocation %d failed: %s", name, (int)k, diag.message);
    }
    give_allocator(f, &ebb_malloc_allocator);
    ebb_graph_release(f);
    return failed;
}

Test(rolled, every_allocation_may_fail) {
    int failed = 0;
    for (int i = 0; i < FORMULAS; i++) {
        ebb_diag diag = {0};
        ebb_graph *f = program_of(&formulas[i], &(ebb_shape){1, {3}}, &diag);
        failed += starve(formulas[i].name, f, &(ebb_dual_spec){.road = "rolled"});
    }
    for (int i = 0; i < region_program_count; i++) {
        const region_program *p = &region_programs[i];
        const ebb_dual_spec spec = {.nwrt = p->nwrt, .wrt = p->wrt, .road = "rolled"};
        failed += starve(p->name, parsed(p->text), &spec);
    }
    printf("cases: %d\n", failed);
}

/* ---- what is asked wrongly, and what cannot be rolled ---- */

static ebb_id deep(ebb_builder *b, ebb_id x) {
    ebb_id y = ebb_g_sin(b, ebb_g_reshape(b, x, &(ebb_shape){8, {3, 1, 1, 1, 1, 1, 1, 1}}));
    return ebb_g_reshape(b, y, &(ebb_shape){1, {3}});
}

/* With an axis for the orders there would be too many. */
static void expect_straight(const char *name, const char *text) {
    ebb_diag diag = {0};
    ebb_graph *f = parsed(text);
    tally by_itself = tally_series(f, NULL, EBB_MOST_STRAIGHT + 1);
    ebb_graph *straight = ebb_jet_graph(f, EBB_MOST_STRAIGHT + 1, &(ebb_dual_spec){.road = "straight"}, &diag);
    cr_assert(straight, "%s: %s", name, diag.message);
    cr_expect_eq(by_itself.nodes, tally_of(straight).nodes, "%s: %d nodes, not those of straight-line code", name,
                 by_itself.nodes);
    ebb_graph_release(straight);
    ebb_graph_release(f);
}

Test(rolled, refusals_and_ways_round) {
    ebb_diag diag = {0};
    expect_straight("slopes without end", "func f(%1: f64[1,1,1,1,1,1,1,2], %2: f64[1,1,1,1,1,1,1,2]) {\n"
                                          "  %3 f64[1,1,1,1,1,1,1,2] = pow %1, %2\n"
                                          "  %4 f64[] = sum %3 {axes=[0,1,2,3,4,5,6,7]}\n  return %4\n}\n");
    expect_straight(
        "stacked rows",
        "func body(%1: f64[], %2: f64[1,1,1,1,1,1,2]) {\n  %3 f64[] = sin %1\n"
        "  %4 f64[1,1,1,1,1,1,2] = broadcast %3 {axes=[]}\n  %5 f64[1,1,1,1,1,1,2] = mul %4, %2\n"
        "  return %3, %5\n}\n"
        "func f(%1: f64[], %2: f64[3,1,1,1,1,1,1,2]) {\n"
        "  %3 (f64[], f64[3,1,1,1,1,1,1,2]) = loop @body %1, %2 {states=1, captures=0, trips=3, reverse=0}\n"
        "  %4 f64[] = get %3 {k=0}\n  return %4\n}\n");
    const formula of_rank_8 = {"as many axes as there can be", deep};
    ebb_graph *f = program_of(&of_rank_8, &(ebb_shape){1, {3}}, &diag);
    question q = question_of(&of_rank_8, f);
    cr_expect_gt(compare_roads(&q), 0);
    cr_expect_null(ebb_jet_graph(f, 3, &(ebb_dual_spec){.road = "reverse"}, &diag));
    cr_expect(diag.code == EBB_VALUE_ERROR && strstr(diag.message, "no road is called \"reverse\""), "%s",
              diag.message);
    forget(&q);
    ebb_graph_release(f);
}
