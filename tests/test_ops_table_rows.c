/* test_ops_table_rows.c - reductions and macros at their edges: overflow, infinities, ties, zero, nothing to reduce.
 *
 * A case is one row of numbers with its result, its gradient, and the slope of the gradient along (1, 1, ...). The rows
 * of one operation and length are laid as rows and as columns of matrices of several heights, in every rotation, so
 * that each is met in the vector and in the remainder. Start reading at `rows`. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "dual/dual.h"
#include "jit/graph/build.h"
#include "tests/support/engines.h"
#include "tests/support/tolerance.h"

#define ANY NAN       /* in a gradient: not checked */
#define BOTH EBB_NONE /* dtypes */

enum { LONGEST = 3 };

typedef struct row {
    ebb_op op;
    ebb_dtype only; /* f64: it would overflow in f32 */
    int n, label;
    double x[LONGEST], y[LONGEST], dx[LONGEST]; /* y: one number, or a row; dx: of the sum of y */
} row;

#define LIST(...) {__VA_ARGS__}
#define ROW(name, only, n, x, y, dx) {EBB_OP_##name, only, n, 0, LIST x, LIST y, LIST dx}
#define LOSS(label, x, y, dx) {EBB_OP_sparse_softmax_cross_entropy, BOTH, 2, label, LIST x, {y}, LIST dx}

static const row rows[] = {
    ROW(logsumexp, BOTH, 2, (1000, 1000), (1000.693147180559945), (0.5, 0.5)),
    ROW(logsumexp, BOTH, 2, (-1000, -1000), (-999.306852819440055), (0.5, 0.5)),
    ROW(logsumexp, BOTH, 2, (-INFINITY, -INFINITY), (-INFINITY), (0, 0)),
    ROW(logsumexp, BOTH, 2, (INFINITY, 0), (INFINITY), (1, 0)),
    ROW(logsumexp, BOTH, 2, (-INFINITY, 0), (0), (0, 1)),
    ROW(logsumexp, BOTH, 2, (NAN, 0), (NAN), (ANY, ANY)),
    ROW(logsumexp, BOTH, 1, (5), (5), (1)),
    ROW(logsumexp, BOTH, 3, (0, 0, 0), (1.0986122886681098), (1 / 3., 1 / 3., 1 / 3.)),
    ROW(norm, BOTH, 2, (0, 0), (0), (0, 0)),
    ROW(norm, BOTH, 2, (-0.0, 0), (0), (0, 0)),
    ROW(norm, BOTH, 2, (3, 4), (5), (0.6, 0.8)),
    ROW(norm, EBB_F64, 2, (3e200, 4e200), (5e200), (0.6, 0.8)),
    ROW(norm, EBB_F64, 2, (3e-200, 4e-200), (5e-200), (0.6, 0.8)),
    ROW(norm, BOTH, 2, (3e30, -4e30), (5e30), (0.6, -0.8)),
    ROW(norm, BOTH, 2, (3e-30, 4e-30), (5e-30), (0.6, 0.8)),
    ROW(norm, BOTH, 2, (INFINITY, 1), (INFINITY), (ANY, ANY)),
    ROW(norm, BOTH, 2, (NAN, 1), (NAN), (ANY, ANY)),
    ROW(norm, BOTH, 1, (-2), (2), (-1)),
    ROW(softmax, BOTH, 2, (1000, 1000), (0.5, 0.5), (0, 0)),
    ROW(softmax, BOTH, 2, (1e4, 0), (1, 0), (0, 0)),
    ROW(softmax, BOTH, 2, (-INFINITY, 0), (0, 1), (0, 0)),
    ROW(softmax, BOTH, 2, (-INFINITY, -INFINITY), (NAN, NAN), (ANY, ANY)),
    ROW(softmax, BOTH, 1, (7), (1), (0)),
    ROW(log_softmax, BOTH, 2, (1e4, 0), (0, -1e4), (-1, 1)),
    ROW(log_softmax, BOTH, 2, (1000, 1000), (-0.693147180559945309, -0.693147180559945309), (0, 0)),
    ROW(log_softmax, BOTH, 2, (-INFINITY, -INFINITY), (NAN, NAN), (ANY, ANY)),
    LOSS(1, (1e4, 0), 1e4, (1, -1)),
    LOSS(0, (1e4, 0), 0, (0, 0)),
    LOSS(0, (-1000, -1000), 0.693147180559945309, (-0.5, 0.5)),
    LOSS(2, (1, 2), NAN, (0, 0)),
    LOSS(-1, (1, 2), NAN, (0, 0)),
    ROW(mean, BOTH, 2, (3e38, 3e38), (3e38), (0.5, 0.5)),
    ROW(mean, EBB_F64, 3, (1e308, 1e308, 1e308), (1e308), (1 / 3., 1 / 3., 1 / 3.)),
    ROW(mean, BOTH, 2, (INFINITY, -INFINITY), (NAN), (0.5, 0.5)),
    ROW(mean, BOTH, 3, (5, 5, 5), (5), (1 / 3., 1 / 3., 1 / 3.)),
    ROW(variance, BOTH, 3, (5, 5, 5), (0), (0, 0, 0)),
    ROW(variance, BOTH, 3, (0.1f, 0.1f, 0.1f), (0), (0, 0, 0)),
    ROW(variance, BOTH, 2, (1, 3), (1), (-1, 1)),
    ROW(variance, EBB_F64, 2, (1e15, 1e15 + 2), (1), (-1, 1)),
    ROW(variance, BOTH, 1, (7), (0), (0)),
    ROW(variance, BOTH, 2, (NAN, 1), (NAN), (ANY, ANY)),
    ROW(variance, BOTH, 2, (INFINITY, 1), (NAN), (ANY, ANY)),
    ROW(deviation, BOTH, 3, (5, 5, 5), (0), (0, 0, 0)),
    ROW(deviation, BOTH, 3, (0.1f, 0.1f, 0.1f), (0), (0, 0, 0)),
    ROW(deviation, BOTH, 2, (1, 3), (1), (-0.5, 0.5)),
    ROW(deviation, EBB_F64, 2, (1e200, 3e200), (1e200), (-0.5, 0.5)),
    ROW(deviation, EBB_F64, 2, (1e-200, 3e-200), (1e-200), (-0.5, 0.5)),
    ROW(deviation, BOTH, 1, (7), (0), (0)),
    ROW(deviation, BOTH, 2, (NAN, 1), (NAN), (ANY, ANY)),
    ROW(prod, BOTH, 3, (2, 0, 3), (0), (0, 6, 0)),
    ROW(prod, BOTH, 3, (0, 0, 3), (0), (0, 0, 0)),
    ROW(prod, BOTH, 3, (2, 3, 4), (24), (12, 8, 6)),
    ROW(prod, BOTH, 2, (-0.0, 3), (-0.0), (3, 0)),
    ROW(prod, BOTH, 2, (INFINITY, 0), (NAN), (0, INFINITY)),
    ROW(prod, BOTH, 1, (7), (7), (1)),
    ROW(cumsum, BOTH, 3, (INFINITY, -INFINITY, 1), (INFINITY, NAN, NAN), (3, 2, 1)),
    ROW(cumsum, BOTH, 2, (-0.0, -0.0), (-0.0, -0.0), (2, 1)),
    ROW(cumsum, BOTH, 1, (-0.0), (-0.0), (1)),
    ROW(cumprod, BOTH, 3, (2, 0, 3), (2, 0, 0), (1, 8, 0)),
    ROW(cumprod, BOTH, 3, (0, 0, 3), (0, 0, 0), (1, 0, 0)),
    ROW(cumprod, BOTH, 2, (-0.0, 3), (-0.0, -0.0), (4, 0)),
    ROW(cumprod, BOTH, 1, (NAN), (NAN), (1)),
    ROW(sort, BOTH, 3, (3, NAN, 1), (1, 3, NAN), (1, 1, 1)),
    ROW(sort, BOTH, 3, (INFINITY, NAN, -INFINITY), (-INFINITY, INFINITY, NAN), (1, 1, 1)),
    ROW(sort, BOTH, 2, (0, -0.0), (0, -0.0), (1, 1)),
    ROW(argsort, BOTH, 3, (3, NAN, 1), (2, 0, 1), (ANY)),
    ROW(argsort, BOTH, 3, (1, 1, 1), (0, 1, 2), (ANY)),
    ROW(argsort, BOTH, 3, (NAN, NAN, 0), (2, 0, 1), (ANY)),
    ROW(argsort, BOTH, 2, (0, -0.0), (0, 1), (ANY)),
    ROW(reverse, BOTH, 3, (-0.0, NAN, INFINITY), (INFINITY, NAN, -0.0), (1, 1, 1)),
    ROW(sum, BOTH, 2, (-0.0, -0.0), (-0.0), (1, 1)),
    ROW(sum, BOTH, 2, (-0.0, 0), (0), (1, 1)),
    ROW(sum, BOTH, 2, (INFINITY, -INFINITY), (NAN), (1, 1)),
    ROW(sum, EBB_F64, 2, (0x1p-1074, 0x1p-1074), (0x1p-1073), (1, 1)),
    ROW(reduce_max, BOTH, 3, (5, 1, 5), (5), (0.5, 0, 0.5)),
    ROW(reduce_max, BOTH, 3, (2, 2, 2), (2), (1 / 3., 1 / 3., 1 / 3.)),
    ROW(reduce_max, BOTH, 3, (1, NAN, 2), (NAN), (ANY, ANY, ANY)),
    ROW(reduce_max, BOTH, 2, (-0.0, 0), (0), (0.5, 0.5)),
    ROW(reduce_max, BOTH, 2, (-INFINITY, -INFINITY), (-INFINITY), (0.5, 0.5)),
    ROW(reduce_max, BOTH, 2, (INFINITY, 1), (INFINITY), (1, 0)),
    ROW(reduce_min, BOTH, 3, (1, 5, 1), (1), (0.5, 0, 0.5)),
    ROW(reduce_min, BOTH, 3, (1, NAN, 2), (NAN), (ANY, ANY, ANY)),
    ROW(reduce_min, BOTH, 2, (0, -0.0), (-0.0), (0.5, 0.5)),
    ROW(reduce_min, BOTH, 2, (INFINITY, INFINITY), (INFINITY), (0.5, 0.5)),
    ROW(argmin, BOTH, 3, (1, 5, 1), (0), (ANY)),
    ROW(argmin, BOTH, 3, (1, NAN, 0), (1), (ANY)),
    ROW(argmin, BOTH, 2, (0, -0.0), (0), (ANY)),
    ROW(argmin, BOTH, 2, (INFINITY, INFINITY), (0), (ANY)),
    ROW(argmax, BOTH, 3, (5, 1, 5), (0), (ANY)),
    ROW(argmax, BOTH, 3, (1, NAN, 2), (1), (ANY)),
    ROW(argmax, BOTH, 3, (1, NAN, NAN), (1), (ANY)),
    ROW(argmax, BOTH, 2, (-INFINITY, -INFINITY), (0), (ANY)),
    ROW(argmax, BOTH, 2, (-0.0, 0), (0), (ANY)),
};
enum { ROWS = sizeof rows / sizeof *rows };

static const int64_t heights[] = {1, 3, 17, 33};
enum { HEIGHTS = sizeof heights / sizeof *heights, MOST = 16 };
enum { VALUE, GRADIENT, CURVATURE, RESULTS }; /* of each layout */

/* The rows of one operation and length. Layout 2 i: heights[i] of them as rows; 2 i + 1: as columns. */
typedef struct group {
    const row *member[MOST];
    int count, n;
    ebb_op op;
    ebb_dtype dtype;
    engines e;
} group;

static bool is_loss(ebb_op op) { return op == EBB_OP_sparse_softmax_cross_entropy; }
static bool is_softmax(ebb_op op) { return op == EBB_OP_softmax || op == EBB_OP_log_softmax; }
static bool is_along(ebb_op op) {
    return is_softmax(op) || op == EBB_OP_cumsum || op == EBB_OP_cumprod || op == EBB_OP_sort || op == EBB_OP_argsort ||
           op == EBB_OP_reverse;
}
/* The gradient changes along (1, 1, ...). */
static bool is_curved(ebb_op op) { return op == EBB_OP_norm || op == EBB_OP_prod || op == EBB_OP_cumprod; }

static ebb_id add_layout(group *g, int64_t height, bool columns) {
    ebb_shape shape = columns ? (ebb_shape){2, {g->n, height}} : (ebb_shape){2, {height, g->n}};
    int64_t axis = !columns;
    ebb_id arg[2] = {engines_input(&g->e, (ebb_type){g->dtype, shape})};
    if (is_loss(g->op)) arg[1] = engines_input(&g->e, (ebb_type){EBB_I32, {1, {height}}});
    ebb_application app = {.op = g->op, .nattr = is_loss(g->op) ? 0 : 1, .attr = &axis};
    ebb_id y = ebb_record(g->e.graph, &app, is_loss(g->op) ? 2 : 1, arg);
    cr_assert(y > 0, "%s", g->e.diag.message);
    return y;
}

/* The gradient of the sum of y, and its slope along (1, 1, ...). */
static void derive(engines *e, ebb_id y, ebb_id x) {
    ebb_builder b = {e->graph, {0}};
    ebb_id dx = EBB_ABSENT, second = EBB_ABSENT, one;
    if (ebb_is_float(ebb_dtype_at(e->graph, y))) {
        one = ebb_g_full_like(&b, y, 1);
        cr_assert(ebb_vjp_nodes(e->graph, 1, &y, &one, 1, &x, &dx));
        one = ebb_g_full_like(&b, x, 1);
        if (dx) cr_assert(ebb_jvp_nodes(e->graph, 1, &x, &one, 1, &dx, &second));
    }
    engines_output(e, y);
    engines_output(e, dx);
    engines_output(e, second);
}

static int layouts(const group *g) { return is_loss(g->op) ? 1 : 2; }

static void build(group *g) {
    ebb_id y[2 * HEIGHTS], *map;
    engines_start(&g->e, ebb_op_table[g->op].name);
    for (int i = 0; i < HEIGHTS * layouts(g); i++)
        y[i] = add_layout(g, heights[i / layouts(g)], i % layouts(g));
    map = engines_expand(&g->e);
    for (int i = 0; i < HEIGHTS * layouts(g); i++)
        derive(&g->e, map[y[i]], g->e.graph->input[i * (is_loss(g->op) ? 2 : 1)]);
    engines_compile(&g->e);
    free(map);
}

static const row *at(const group *g, int64_t k, int turn) { return g->member[(k + turn) % g->count]; }

/* Where element j of row k lies. */
static int64_t place(const group *g, int64_t height, bool columns, int64_t k, int64_t j) {
    return columns ? j * height + k : k * g->n + j;
}

static void put(group *g, int i, int turn) {
    int64_t height = heights[i / layouts(g)];
    quad_tensor x = quad_new((ebb_type){g->dtype, {1, {height * g->n}}});
    quad_tensor label = quad_new((ebb_type){EBB_I32, {1, {height}}});
    for (int64_t k = 0; k < height; k++) {
        label.at[k] = at(g, k, turn)->label;
        for (int j = 0; j < g->n; j++)
            x.at[place(g, height, i % layouts(g), k, j)] = at(g, k, turn)->x[j];
    }
    engines_set(&g->e, is_loss(g->op) ? 2 * i : i, &x);
    if (is_loss(g->op)) engines_set(&g->e, 2 * i + 1, &label);
    quad_free(&x);
    quad_free(&label);
}

static void expect(const group *g, const row *r, const char *what, int engine, ebb_dtype dtype, quad got, double want,
                   double tolerance) {
    bool sign = what[0] != 'v' || is_softmax(g->op) || is_loss(g->op) || !zero_differs(dtype, got, want);
    cr_expect(ulps_apart(dtype, got, want, what[0] == 'v' ? 0 : 1) <= tolerance && sign,
              "%s %s of (%g, %g, %g), label %d, %s: %s is %.17g, should be %.17g", ebb_dtype_short(g->dtype),
              ebb_op_table[g->op].name, r->x[0], r->x[1], r->x[2], r->label, engine_name[engine], what, (double)got,
              want);
}

static int64_t compare(const group *g, int i, int turn, int engine) {
    int64_t height = heights[i / layouts(g)], cases = 0;
    bool columns = i % layouts(g);
    ebb_dtype to = ebb_dtype_at(g->e.graph, g->e.graph->output[i * RESULTS]);
    double near = tolerance_of_value(g->op, engine), wide = tolerance_of_derivative(g->op, engine);
    for (int64_t k = 0; k < height; k++) {
        const row *r = at(g, k, turn);
        for (int j = 0; j < (is_along(g->op) ? g->n : 1); j++, cases++) {
            int64_t where = is_along(g->op) ? place(g, height, columns, k, j) : k;
            expect(g, r, "value", engine, to, engines_get(&g->e, engine, i * RESULTS, where), r->y[j], near);
        }
        for (int j = 0; j < g->n && !isnan(r->dx[j]) && ebb_is_float(to); j++, cases += 2) {
            int64_t where = place(g, height, columns, k, j);
            quad slope = engines_get(&g->e, engine, i * RESULTS + GRADIENT, where);
            quad second = engines_get(&g->e, engine, i * RESULTS + CURVATURE, where);
            expect(g, r, "gradient", engine, g->dtype, slope, r->dx[j], wide);
            if (!is_curved(g->op)) expect(g, r, "slope of the gradient", engine, g->dtype, second, 0, wide);
        }
    }
    return cases;
}

static int64_t check(ebb_op op, ebb_dtype dtype, int n) {
    static group g;
    int64_t cases = 0;
    g = (group){.op = op, .dtype = dtype, .n = n};
    for (int i = 0; i < ROWS; i++)
        if (rows[i].op == op && rows[i].n == n && (rows[i].only == BOTH || rows[i].only == dtype))
            g.member[g.count++] = &rows[i];
    cr_assert(g.count < MOST);
    if (g.count == 0) return 0;
    build(&g);
    for (int turn = 0; turn < g.count; turn++) {
        for (int i = 0; i < HEIGHTS * layouts(&g); i++)
            put(&g, i, turn);
        engines_run(&g.e);
        for (int i = 0; i < ENGINES * HEIGHTS * layouts(&g); i++)
            cases += compare(&g, i / ENGINES, turn, i % ENGINES);
    }
    engines_stop(&g.e);
    return cases;
}

static void check_all(ebb_dtype dtype) {
    int64_t cases = 0;
    for (int op = 1; op < EBB_OP_COUNT; op++)
        for (int n = 1; n <= LONGEST; n++)
            cases += check((ebb_op)op, dtype, n);
    printf("cases: %d numbers of reductions and macros at edges in %s\n", (int)cases, ebb_dtype_short(dtype));
    fflush(stdout);
}

Test(ops_table_rows, f32) { check_all(EBB_F32); }
Test(ops_table_rows, f64) { check_all(EBB_F64); }
