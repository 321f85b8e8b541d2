/* test_dual_edges.c - selections, ties and duplicates: values and derivatives that must not mix, as exact gradients by
 * forward and by reverse. The derivatives of single operations at their edges are in test_ops_table_slopes.c. */
#include <criterion/criterion.h>
#include <math.h>

#include "dual/dual.h"
#include "support/run_graph.h"

static ebb_id reverse(ebb_builder *b, ebb_id y, ebb_id x) {
    ebb_id one = ebb_g_full_like(b, y, 1), dx = EBB_POISON;
    ebb_vjp_nodes(b->graph, 1, &y, &one, 1, &x, &dx);
    return dx ? dx : ebb_g_full_like(b, x, 0);
}

/* f(x) as a program; its gradient at `at` (n numbers), by reverse and as the sum over forward directions. */
typedef ebb_id formula(ebb_builder *b, ebb_id x);

static void expect_gradient(const char *name, formula *f, int n, const double *at, const double *want) {
    ebb_diag diag = {0};
    ebb_graph *g = ebb_graph_new(&ebb_malloc_allocator, &diag, name);
    ebb_builder b = {g, {0}};
    ebb_type type = {EBB_F64, {1, {n}}};
    ebb_id x = ebb_add_input(g, type, b.site), v = ebb_add_input(g, type, b.site), y = f(&b, x), dy = EBB_ABSENT;
    ebb_add_output(g, reverse(&b, y, x));
    cr_assert(ebb_jvp_nodes(g, 1, &x, &v, 1, &y, &dy), "%s: %s", name, diag.message);
    ebb_add_output(g, dy ? dy : ebb_g_full_like(&b, y, 0));
    for (int k = 0; k < n; k++) {
        double direction[8] = {0}, gradient[8], slope;
        direction[k] = 1;
        cr_assert(run_graph(g, (const double *[]){at, direction}, (double *[]){gradient, &slope}, &diag), "%s",
                  diag.message);
        cr_expect(gradient[k] == want[k], "%s: gradient[%d] by reverse is %g, should be %g", name, k, gradient[k],
                  want[k]);
        cr_expect(slope == want[k], "%s: gradient[%d] by forward is %g, should be %g", name, k, slope, want[k]);
    }
    ebb_graph_release(g);
}

static ebb_id total(ebb_builder *b, ebb_id x) { return ebb_g_sum(b, x, 1, (int64_t[]){0}); }
static ebb_id largest(ebb_builder *b, ebb_id x) { return ebb_g_reduce_max(b, x, 1, (int64_t[]){0}); }

/* where(x > 0, sqrt x, 0): infinity waits in the branch not taken */
static ebb_id safe_root(ebb_builder *b, ebb_id x) {
    ebb_id zero = ebb_g_full_like(b, x, 0);
    return total(b, ebb_g_select(b, ebb_g_gt(b, x, zero), ebb_g_sqrt(b, x), zero));
}

/* where(x < 0, exp x, 1) */
static ebb_id safe_exp(ebb_builder *b, ebb_id x) {
    ebb_id below = ebb_g_lt(b, x, ebb_g_full_like(b, x, 0));
    return total(b, ebb_g_select(b, below, ebb_g_exp(b, x), ebb_g_full_like(b, x, 1)));
}

/* where(x > 0, sum of -sqrt x, 0) on each row of one element: the guard goes through neg, sum and reshape */
static ebb_id safe_sum(ebb_builder *b, ebb_id x) {
    int64_t n = ebb_shape_of(b->graph, x)->dim[0];
    ebb_id root = ebb_g_reshape(b, ebb_g_sqrt(b, x), &(ebb_shape){2, {n, 1}});
    ebb_id sum = ebb_g_sum(b, ebb_g_neg(b, root), 1, (int64_t[]){1}), zero = ebb_g_full_like(b, x, 0);
    return total(b, ebb_g_select(b, ebb_g_le(b, x, zero), zero, sum));
}

/* where(x > 0, log(x)**2, 0): two contributions under one guard */
static ebb_id safe_square(ebb_builder *b, ebb_id x) {
    ebb_id zero = ebb_g_full_like(b, x, 0), y = ebb_g_log(b, x);
    return total(b, ebb_g_select(b, ebb_g_gt(b, x, zero), ebb_g_mul(b, y, y), zero));
}

/* sqrt(-(-relu x)): in forward mode the zero comes first */
static ebb_id root_of_relu(ebb_builder *b, ebb_id x) {
    ebb_application neg = {.op = EBB_OP_neg, .asked = ebb_type_of(b->graph, x)};
    ebb_id y = ebb_g_relu(b, x);
    for (int k = 0; k < 2; k++)
        y = ebb_record(b->graph, &neg, 1, &y);
    return total(b, ebb_g_sqrt(b, y));
}

static ebb_id twice_rows(ebb_builder *b, ebb_id x) {
    int32_t index[4] = {1, 1, 0, 1};
    return total(b, ebb_g_gather(b, x, ebb_g_constant(b, (ebb_type){EBB_I32, {1, {4}}}, index), 0));
}

static ebb_id cancel(ebb_builder *b, ebb_id x) {
    return total(b, ebb_g_sub(b, ebb_g_mul(b, x, x), ebb_g_mul(b, x, x)));
}

static ebb_id kept_still(ebb_builder *b, ebb_id x) { return total(b, ebb_g_mul(b, x, ebb_g_stop_gradient(b, x))); }

static ebb_id through_int(ebb_builder *b, ebb_id x) {
    return total(b, ebb_g_mul(b, x, ebb_g_cast_to(b, ebb_g_cast_to(b, x, EBB_I32), EBB_F64)));
}

/* Both operands of max are the same node: the derivative is 1, not 2 or 1/2. */
static ebb_id max_with_itself(ebb_builder *b, ebb_id x) {
    ebb_application app = {.op = EBB_OP_max, .asked = ebb_type_of(b->graph, x)};
    return total(b, ebb_record(b->graph, &app, 2, (ebb_id[]){x, x}));
}

Test(edges, selections_and_duplicates) {
    expect_gradient("safe root", safe_root, 3, (double[]){0, 4, -1}, (double[]){0, 0.25, 0});
    expect_gradient("safe exp", safe_exp, 2, (double[]){1000, 0}, (double[]){0, 0});
    expect_gradient("safe sum", safe_sum, 3, (double[]){0, 4, -1}, (double[]){0, -0.25, 0});
    expect_gradient("safe square", safe_square, 3, (double[]){0, 1, -1}, (double[]){0, 0, 0});
    expect_gradient("root of relu", root_of_relu, 3, (double[]){0, 4, -1}, (double[]){0, 0.25, 0});
    expect_gradient("largest, tied twice", largest, 3, (double[]){5, 1, 5}, (double[]){0.5, 0, 0.5});
    expect_gradient("largest, all equal", largest, 4, (double[]){2, 2, 2, 2}, (double[]){0.25, 0.25, 0.25, 0.25});
    expect_gradient("largest, infinite", largest, 2, (double[]){INFINITY, 1}, (double[]){1, 0});
    expect_gradient("rows read twice", twice_rows, 3, (double[]){1, 2, 3}, (double[]){1, 3, 0});
    expect_gradient("x*x - x*x", cancel, 2, (double[]){3, -4}, (double[]){0, 0});
    expect_gradient("stop_gradient", kept_still, 2, (double[]){3, -4}, (double[]){3, -4});
    expect_gradient("through an integer", through_int, 2, (double[]){3.5, -4.5}, (double[]){3, -4});
    expect_gradient("max(x, x)", max_with_itself, 2, (double[]){3, -4}, (double[]){1, 1});
}
