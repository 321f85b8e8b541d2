/* test_blocks.c - what directions cost: in blocks under a budget they give the same and take less memory, and a product
 * with the identity that they begin with is none. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "dual/basis.h"
#include "dual/dual.h"
#include "jit/graph/build.h"
#include "jit/graph/cost.h"
#include "tests/support/run_graph.h"

static ebb_diag diag;

static ebb_builder new_program(const char *name) {
    diag = (ebb_diag){0};
    return (ebb_builder){ebb_graph_new(&ebb_malloc_allocator, &diag, name), {.file = "blocks.c", .line = 7}};
}

static ebb_id parameter(ebb_builder *b, int rank, int64_t rows, int64_t columns) {
    return ebb_add_input(b->graph, (ebb_type){EBB_F64, {rank, {rows, rank > 1 ? columns : 0}}}, b->site);
}

/* ---- the same numbers, in blocks ---- */

/* (x [n]) -> tanh(A x) of [n], its sum: A from the indices. */
static ebb_graph *layer(int64_t n) {
    ebb_builder b = new_program("layer");
    const ebb_shape square = {2, {n, n}}, column = {2, {n, 1}}, vector = {1, {n}};
    ebb_id x = parameter(&b, 1, n, 0);
    ebb_id row = ebb_g_iota(&b, EBB_F64, &square, 0), col = ebb_g_iota(&b, EBB_F64, &square, 1);
    ebb_id a = ebb_g_sin(&b, ebb_g_add(&b, ebb_g_mul(&b, row, row), col));
    ebb_id z = ebb_g_reshape(&b, ebb_g_dot(&b, a, ebb_g_reshape(&b, x, &column), false, false), &vector);
    ebb_id y = ebb_g_tanh(&b, ebb_g_mul(&b, z, ebb_g_full_like(&b, z, 0.1)));
    cr_assert(ebb_add_output(b.graph, ebb_g_sum(&b, ebb_g_mul(&b, y, y), 1, (int64_t[]){0})));
    cr_assert(ebb_add_output(b.graph, y));
    return b.graph;
}

static ebb_graph *laplacian(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *d) {
    return ebb_second_order_graph(f, 0, NULL, spec, d);
}
static ebb_graph *by_columns(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *d) {
    return ebb_jacobian_graph(f, EBB_FORWARD, spec, d);
}
static ebb_graph *by_rows(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *d) {
    return ebb_jacobian_graph(f, EBB_REVERSE, spec, d);
}

static const struct {
    const char *name;
    ebb_graph *(*transform)(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag);
} objects[] = {{"hessian", ebb_hessian_graph},
               {"hessian diagonal", ebb_hessian_diagonal_graph},
               {"laplacian", laplacian},
               {"jacobian by columns", by_columns},
               {"jacobian by rows", by_rows}};

static double peak_of(const ebb_graph *g) {
    ebb_bill bill;
    cr_assert(ebb_cost_nodes(g, g->outputs, g->output, 0, NULL, 1, &bill));
    return bill.peak;
}

Test(blocks, give_the_same_and_take_less) {
    enum { N = 97, BUDGET = 200000, MOST = N * N };
    static double x[N], whole[2][MOST], blocks[2][MOST];
    int cases = 0;
    fill_uniform(3, -1, 1, N, x);
    ebb_graph *f = layer(N);
    for (size_t k = 0; k < sizeof objects / sizeof *objects; k++) {
        bool jacobian = objects[k].transform == by_columns || objects[k].transform == by_rows;
        double *out[2][4] = {{NULL}};
        ebb_graph *g = objects[k].transform(f, NULL, &diag);
        ebb_graph *h = objects[k].transform(f, &(ebb_dual_spec){.budget = BUDGET}, &diag);
        cr_assert(g && h, "%s: %s", objects[k].name, diag.message);
        int last = g->outputs - 1;
        int64_t size = size_of_node(g, g->output[last]);
        out[0][last] = whole[0], out[1][last] = blocks[0];
        cr_assert(run_graph(g, (const double *[]){x}, out[0], &diag), "%s", diag.message);
        cr_assert(run_graph(h, (const double *[]){x}, out[1], &diag), "%s", diag.message);
        for (int64_t i = 0; i < size; i++)
            cr_expect(fabs(whole[0][i] - blocks[0][i]) <= 1e-13, "%s, element %d: %.17g, in blocks %.17g",
                      objects[k].name, (int)i, whole[0][i], blocks[0][i]);
        double results = jacobian || k == 0 ? 8.0 * N * N : 0; /* they are there whatever is done */
        cr_expect(h->callees == 1 && g->callees == 0, "%s: no loop", objects[k].name);
        cr_expect(peak_of(h) <= 1.25 * BUDGET + 4 * results && peak_of(h) < peak_of(g) + 3 * results,
                  "%s: peak %g, in blocks %g", objects[k].name, peak_of(g), peak_of(h));
        cases++;
        ebb_graph_release(g), ebb_graph_release(h);
    }
    ebb_graph_release(f);
    printf("cases: %d objects in blocks\n", cases);
}

/* The gradient of the sum of squares of an object, through its loop. */
static void gradient_of(const ebb_graph *object, const double *x, double *gradient) {
    static const int64_t axes[EBB_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
    ebb_graph *f = ebb_graph_clone(object, &diag);
    ebb_builder b = {f, {0}};
    ebb_id y = f->output[f->outputs - 1];
    y = ebb_g_sum(&b, ebb_g_square(&b, y), ebb_shape_of(f, y)->rank, axes);
    ebb_clear_outputs(f);
    cr_assert(ebb_add_output(f, y));
    ebb_graph *g = ebb_grad_graph(f, NULL, &diag);
    cr_assert_not_null(g, "%s", diag.message);
    cr_assert(run_graph(g, (const double *[]){x}, (double *[]){gradient}, &diag), "%s", diag.message);
    ebb_graph_release(g), ebb_graph_release(f);
}

Test(blocks, are_differentiated_again) {
    enum { N = 11 };
    double x[N], whole[N], blocks[N];
    fill_uniform(3, -1, 1, N, x);
    ebb_graph *f = layer(N);
    for (size_t k = 0; k < sizeof objects / sizeof *objects; k++) {
        ebb_graph *g = objects[k].transform(f, NULL, &diag);
        ebb_graph *h = objects[k].transform(f, &(ebb_dual_spec){.budget = 1}, &diag);
        cr_assert(g && h && h->callees, "%s: %s", objects[k].name, diag.message);
        gradient_of(g, x, whole);
        gradient_of(h, x, blocks);
        for (int i = 0; i < N; i++)
            cr_expect(fabs(whole[i] - blocks[i]) <= 1e-13 * fmax(1, fabs(whole[i])),
                      "%s, element %d: %.17g, in blocks %.17g", objects[k].name, i, whole[i], blocks[i]);
        ebb_graph_release(g), ebb_graph_release(h);
    }
    ebb_graph_release(f);
}

/* ---- what folds away ---- */

typedef struct products {
    int count;      /* of products of matrices */
    double largest; /* operations of the largest */
} products;

static products products_of(const ebb_graph *g) {
    products p = {0};
    for (ebb_id id = 1; id < g->count; id++) {
        if (ebb_op_of(g, id) != EBB_OP_dot) continue;
        p.count++;
        p.largest = fmax(p.largest, ebb_cost_at(g, id).operations);
    }
    return p;
}

/* W4: mean(log(1 + exp z) - y z) where z = X w. (w [d], X [n,d], y [n]) */
static ebb_graph *logistic(int64_t n, int64_t d) {
    ebb_builder b = new_program("logistic");
    const ebb_shape column = {2, {d, 1}}, vector = {1, {n}};
    ebb_id w = parameter(&b, 1, d, 0), x = parameter(&b, 2, n, d), y = parameter(&b, 1, n, 0);
    ebb_id z = ebb_g_reshape(&b, ebb_g_dot(&b, x, ebb_g_reshape(&b, w, &column), false, false), &vector);
    ebb_id loss = ebb_g_sub(&b, ebb_g_softplus(&b, z), ebb_g_mul(&b, y, z));
    ebb_id sum = ebb_g_sum(&b, loss, 1, (int64_t[]){0});
    cr_assert(ebb_add_output(b.graph, ebb_g_mul(&b, sum, ebb_g_number(&b, EBB_F64, 1.0 / (double)n))));
    return b.graph;
}

/* X' D X: z = X w and one product of [d,n] and [n,d]; with value and gradient, X' r beside them. */
Test(blocks, the_hessian_of_a_logistic_regression_is_one_product) {
    enum { ROWS = 200, D = 10 };
    ebb_graph *f = logistic(ROWS, D), *h = ebb_hessian_graph(f, NULL, &diag);
    cr_assert_not_null(h, "%s", diag.message);
    products p = products_of(h);
    cr_expect_eq(p.count, 2, "%d products", p.count);
    cr_expect_eq(p.largest, 2.0 * D * ROWS * D);
    ebb_graph *g = ebb_hessian_graph(f, &(ebb_dual_spec){.value = true}, &diag);
    cr_expect_eq(products_of(g).count, 3, "%d products with value and gradient", products_of(g).count);
    static double w[D], x[ROWS * D], y[ROWS], got[D * D];
    fill_uniform(5, -0.5, 0.5, ROWS * D, x);
    fill_uniform(6, -0.5, 0.5, D, w);
    fill_uniform(7, 0, 1, ROWS, y);
    cr_assert(run_graph(h, (const double *[]){w, x, y}, (double *[]){got}, &diag), "%s", diag.message);
    for (int i = 0; i < D; i++)
        for (int j = 0; j < D; j++) {
            double want = 0;
            for (int r = 0; r < ROWS; r++) {
                double z = 0;
                for (int k = 0; k < D; k++)
                    z += x[r * D + k] * w[k];
                double s = 1 / (1 + exp(-z));
                want += s * (1 - s) * x[r * D + i] * x[r * D + j] / ROWS;
            }
            cr_expect(fabs(got[i * D + j] - want) <= 1e-14, "element %d, %d: %.17g, not %.17g", i, j, got[i * D + j],
                      want);
        }
    ebb_graph_release(g), ebb_graph_release(h), ebb_graph_release(f);
}

/* y = A x, x' A and A (B x): their Jacobians are A, A' and A B. */
Test(blocks, jacobians_of_linear_maps_are_their_matrices) {
    enum { M = 4, K = 5, N = 3 };
    static const struct {
        const char *name;
        int way, products;
    } maps[] = {{"A x", 0, 0},  {"x A", 1, 0}, {"A (B x)", 2, 1},
                {"A' x", 3, 0}, {"2 x", 4, 0}, {"x - reversed x", 5, 0}};
    for (size_t k = 0; k < sizeof maps / sizeof *maps; k++)
        for (int road = EBB_FORWARD; road <= EBB_REVERSE; road++) {
            ebb_builder b = new_program(maps[k].name);
            int way = maps[k].way;
            int64_t size = way == 1 || way == 3 ? M : way == 2 ? N : K;
            ebb_id x = parameter(&b, 1, size, 0), a = parameter(&b, 2, M, K), c = parameter(&b, 2, K, N), y = x;
            ebb_id column = ebb_g_reshape(&b, x, &(ebb_shape){2, {size, 1}}),
                   row = ebb_g_reshape(&b, x, &(ebb_shape){2, {1, size}});
            if (way == 0) y = ebb_g_dot(&b, a, column, false, false);
            if (way == 1) y = ebb_g_dot(&b, row, a, false, false);
            if (way == 2) y = ebb_g_dot(&b, a, ebb_g_dot(&b, c, column, false, false), false, false);
            if (way == 3) y = ebb_g_dot(&b, a, column, true, false);
            if (way == 4) y = ebb_g_mul(&b, x, ebb_g_full_like(&b, x, 2));
            if (way == 5) y = ebb_g_sub(&b, x, ebb_g_reverse(&b, x, 1, (int64_t[]){0}));
            int64_t rows = size_of_node(b.graph, y);
            cr_assert(ebb_add_output(b.graph, ebb_g_reshape(&b, y, &(ebb_shape){1, {rows}})));
            ebb_graph *j = ebb_jacobian_graph(b.graph, (ebb_road)road, NULL, &diag);
            cr_assert_not_null(j, "%s", diag.message);
            cr_expect_eq(products_of(j).count, maps[k].products, "%s, road %d: %d products", maps[k].name, road,
                         products_of(j).count);
            double at[K] = {1, 2, 3, 4, 5}, A[M * K], C[K * N], got[K * K], want;
            fill_uniform(1, -1, 1, M * K, A), fill_uniform(2, -1, 1, K * N, C);
            cr_assert(run_graph(j, (const double *[]){at, A, C}, (double *[]){got}, &diag), "%s", diag.message);
            for (int64_t r = 0; r < rows; r++)
                for (int64_t s = 0; s < size; s++) {
                    want = way == 0 ? A[r * K + s] : way == 1 || way == 3 ? A[s * K + r] : 0;
                    for (int64_t i = 0; way == 2 && i < K; i++)
                        want += A[r * K + i] * C[i * N + s];
                    if (way == 4) want = 2 * (r == s);
                    if (way == 5) want = (double)(r == s) - (double)(r == K - 1 - s);
                    cr_expect(fabs(got[r * size + s] - want) <= 1e-15, "%s, road %d, element %d, %d: %.17g, not %.17g",
                              maps[k].name, road, (int)r, (int)s, got[r * size + s], want);
                }
            ebb_graph_release(j), ebb_graph_release(b.graph);
        }
}
