/* test_ops_table_slopes.c - derivatives where functions have corners, poles, ties and tails: exact expected values.
 *
 * First derivatives forward and reverse; second ones in the first operand in all four ways to nest them, and as Taylor
 * coefficients. All edges of an operation run together in both engines, as scalars and in vectors, in as many rotations
 * as there are edges, so that each edge is met in every lane. A pole of the second derivative is asked of a forward
 * outer pass only: the sum that a reverse outer pass starts from adds infinities of both signs. Start reading at
 * `edges`. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "dual/dual.h"
#include "jit/graph/build.h"
#include "tests/support/engines.h"
#include "tests/support/tolerance.h"

#define ANY NAN /* not checked */

typedef struct edge {
    ebb_op op;
    double x, e;        /* operands; e where there is a second one */
    double dx, de, dxx; /* what is expected; where they are finite, to a few units in the last place */
} edge;

#define AT(name, x, dx, dxx) {EBB_OP_##name, x, 0, dx, ANY, dxx}
#define AT2(name, x, e, dx, de, dxx) {EBB_OP_##name, x, e, dx, de, dxx}

static const edge edges[] = {
    AT(neg, -0.0, -1, 0),
    AT(neg, INFINITY, -1, 0),
    AT(sign, 0, 0, 0),
    AT(sign, NAN, 0, 0),
    AT(stop_gradient, 3, 0, 0),
    AT(relu, 0, 0, 0),
    AT(relu, -0.0, 0, 0),
    AT(relu, 2, 1, 0),
    AT(relu, -INFINITY, 0, 0),
    AT(relu, INFINITY, 1, 0),
    AT(abs, 0, 0, 0),
    AT(abs, -0.0, 0, 0),
    AT(abs, -3, -1, 0),
    AT(abs, INFINITY, 1, 0),
    AT(sqrt, 0, INFINITY, -INFINITY),
    AT(sqrt, 1, 0.5, -0.25),
    AT(sqrt, -1, NAN, NAN),
    AT(square, 0, 0, 2),
    AT(recip, 0, -INFINITY, INFINITY),
    AT(recip, -0.0, -INFINITY, -INFINITY),
    AT(recip, 2, -0.25, 0.25),
    AT(log, 0, INFINITY, -INFINITY),
    AT(log1p, -1, INFINITY, -INFINITY),
    AT(log1p, 1e-20, 1, -1),
    AT(expm1, 1e-20, 1, 1),
    AT(expm1, -1000, 0, 0),
    AT(exp, -1000, 0, 0),
    AT(exp, 1000, INFINITY, INFINITY),
    AT(sigmoid, 1000, 0, 0),
    AT(sigmoid, -1000, 0, 0),
    AT(sigmoid, 0, 0.25, 0),
    AT(softplus, 1000, 1, 0),
    AT(softplus, -1000, 0, 0),
    AT(softplus, 0, 0.5, 0.25),
    AT(tanh, 1000, 0, 0),
    AT(tanh, -1000, 0, 0),
    AT(tanh, 1e-20, 1, -2e-20),
    AT(erf, 1e18, 0, 0),
    AT(erf, 0, 1.12837916709551257390, 0),
    AT(asin, 1, INFINITY, INFINITY),
    AT(asin, -1, INFINITY, -INFINITY),
    AT(asin, 1e-20, 1, 1e-20),
    AT(asin, 0.5, 1.15470053837925153, 0.769800358919501018),
    AT(acos, 1e-20, -1, -1e-20),
    AT(acos, 1, -INFINITY, -INFINITY),
    AT(acos, -1, -INFINITY, INFINITY),
    AT(atan, 0, 1, 0),
    AT(atan, INFINITY, 0, ANY),
    AT(sin, 0, 1, 0),
    AT(cos, 0, 0, -1),
    AT(tan, 0, 1, 0),
    AT(sinh, 0, 1, 0),
    AT(cosh, 0, 0, 1),
    AT(erfc, 0, -1.12837916709551257390, 0),
    AT(erfc, 1e18, 0, 0),
    AT(erfinv, 0, 0.886226925452758014, 0),
    AT(erfinv, 0.5, 1.11258481897194980, 1.18074634999339995),
    AT(erfinv, 1, INFINITY, INFINITY),
    AT(erfinv, -1, INFINITY, -INFINITY),
    AT(exp2, 0, 0.693147180559945309, 0.480453013918201425),
    AT(log2, 0, INFINITY, -INFINITY),
    AT(log2, 1, 1.44269504088896341, -1.44269504088896341),
    AT(log10, 0, INFINITY, -INFINITY),
    AT(log10, 1, 0.434294481903251828, -0.434294481903251828),
    AT(rsqrt, 0, -INFINITY, INFINITY),
    AT(rsqrt, 4, -0.0625, 0.0234375),
    AT(rsqrt, INFINITY, 0, ANY),
    AT(cbrt, 0, INFINITY, ANY),
    AT(cbrt, 8, 1 / 12., -1 / 144.),
    AT(cbrt, -8, 1 / 12., 1 / 144.),
    AT(asinh, 0, 1, 0),
    AT(asinh, 1e18, 1e-18, -1e-36),
    AT(acosh, 1, INFINITY, -INFINITY),
    AT(acosh, 2, 0.577350269189625765, -0.384900179459750510),
    AT(acosh, 1e18, 1e-18, -1e-36),
    AT(atanh, 0, 1, 0),
    AT(atanh, 1e-20, 1, 2e-20),
    AT(atanh, 1, INFINITY, INFINITY),
    AT(atanh, -1, INFINITY, -INFINITY),
    AT(lgamma, 1, -0.577215664901532861, 1.64493406684822644),
    AT(lgamma, 0, -INFINITY, INFINITY),
    AT(lgamma, -0.5, 0.0364899739785765206, 8.93480220054467931),
    AT(digamma, 1, 1.64493406684822644, -2.40411380631918857),
    AT(digamma, 0, INFINITY, -INFINITY),
    AT(sinc, 0, 0, -3.28986813369645287),
    AT(sinc, 1, -1, 2),
    AT(sinc, INFINITY, 0, 0),
    AT(floor, 1.5, 0, 0),
    AT(ceil, 1.5, 0, 0),
    AT(round, 1.5, 0, 0),
    AT(trunc, 1.5, 0, 0),
    AT2(hypot, 0, 0, 0, 0, 0),
    AT2(hypot, 3, 4, 0.6, 0.8, 0.128),
    AT2(hypot, 3e18, 4e18, 0.6, 0.8, ANY),
    AT2(hypot, -3e-30, 4e-30, -0.6, 0.8, ANY),
    AT2(atan2, 0, 0, 0, 0, 0),
    AT2(atan2, 3, 4, 0.16, -0.12, -0.0384),
    AT2(atan2, 0, -1, -1, 0, 0),
    AT2(atan2, 3e30, 4e30, 1.6e-31, -1.2e-31, ANY),
    AT2(logaddexp, -INFINITY, -INFINITY, 0, 0, 0),
    AT2(logaddexp, INFINITY, INFINITY, 0.5, 0.5, 0),
    AT2(logaddexp, INFINITY, 0, 1, 0, 0),
    AT2(logaddexp, -INFINITY, 0, 0, 1, 0),
    AT2(logaddexp, 1000, 1000, 0.5, 0.5, 0.25),
    AT2(logaddexp, -1000, 1000, 0, 1, 0),
    AT2(polygamma, 1, 1, 0, -2.40411380631918857, 0),
    AT2(polygamma, 0, 0, 0, INFINITY, 0),
    AT2(sinc_slope, 1, 0, 0, -3.28986813369645287, 0),
    AT2(sinc_slope, 0, 0, 0, 0, 0),
    AT2(xlogy, 0, 0, 0, 0, 0),
    AT2(xlogy, 0, NAN, 0, 0, 0),
    AT2(xlogy, 0, INFINITY, 0, 0, 0),
    AT2(xlogy, 0, 2, 0.693147180559945309, 0, 0),
    AT2(xlogy, 3, 2, 0.693147180559945309, 1.5, 0),
    AT2(xlogy, 1, 0, -INFINITY, INFINITY, 0),
    AT2(divide_no_nan, 1, 0, 0, 0, 0),
    AT2(divide_no_nan, INFINITY, 0, 0, 0, 0),
    AT2(divide_no_nan, 6, 2, 0.5, -1.5, 0),
    AT2(squared_difference, 5, 2, 6, -6, 2),
    AT2(fmod, 5, 3, 1, -1, 0),
    AT2(fmod, -5, 3, 1, 1, 0),
    AT2(fmod, 5, -3, 1, 1, 0),
    AT2(fmod, -1, INFINITY, 1, 0, 0),
    AT2(floormod, 5, 3, 1, -1, 0),
    AT2(floormod, -5, 3, 1, 2, 0),
    AT2(floormod, 5, -3, 1, 2, 0),
    AT2(floormod, -1, INFINITY, 1, 1, 0),
    AT2(floordiv, 7, 2, 0, 0, 0),
    AT2(add, INFINITY, 1, 1, 1, 0),
    AT2(sub, INFINITY, 1, 1, -1, 0),
    AT2(mul, 0, 3, 3, 0, 0),
    AT2(max, 3, 3, 1, 0, 0),
    AT2(min, 3, 3, 1, 0, 0),
    AT2(max, 2, 3, 0, 1, 0),
    AT2(min, 2, 3, 1, 0, 0),
    AT2(max, -INFINITY, INFINITY, 0, 1, 0),
    AT2(div, 6, 2, 0.5, -1.5, 0),
    AT2(div, 1, 0, INFINITY, -INFINITY, 0),
    AT2(pow, 0, 2, 0, 0, 2),
    AT2(pow, 0, 1, 1, 0, 0),
    AT2(pow, 0, 0, 0, 0, 0),
    AT2(pow, 0.7, 0, 0, ANY, 0),
    AT2(pow, 0, 3, 0, 0, 0),
    AT2(pow, 0, 0.5, INFINITY, 0, -INFINITY),
    AT2(pow, -2, 3, 12, 0, -12),
    AT2(pow, 3, 2, 6, ANY, 2),
    AT2(pow, NAN, 0, 0, 0, 0),
};
enum { EDGES = sizeof edges / sizeof *edges };

static const int64_t sizes[] = {-1, 1, 3, 17, 33};
enum { SIZES = sizeof sizes / sizeof *sizes, MOST = 16 };
enum { DX_FORWARD, DX_REVERSE, DE_FORWARD, DE_REVERSE };
enum { TAYLOR = DE_REVERSE + 1, FORWARD_FORWARD, FORWARD_REVERSE, REVERSE_FORWARD, REVERSE_REVERSE, RESULTS };
static const char *const road[RESULTS] = {"d/dx forward",
                                          "d/dx reverse",
                                          "d/de forward",
                                          "d/de reverse",
                                          "d2/dx2 as a Taylor coefficient",
                                          "d2/dx2 forward over forward",
                                          "d2/dx2 forward over reverse",
                                          "d2/dx2 reverse over forward",
                                          "d2/dx2 reverse over reverse"};

/* The edges of one operation; for each size two inputs and RESULTS results of its program. */
typedef struct group {
    const edge *member[MOST];
    int count;
    ebb_dtype dtype;
    engines e;
} group;

/* All elements have direction 1. */
static ebb_id forward(ebb_builder *b, ebb_id y, ebb_id x) {
    ebb_id one = ebb_g_full_like(b, x, 1), dy = EBB_POISON;
    ebb_jvp_nodes(b->graph, 1, &x, &one, 1, &y, &dy);
    return dy;
}

static ebb_id reverse(ebb_builder *b, ebb_id y, ebb_id x) {
    ebb_id one = ebb_g_full_like(b, y, 1), dx = EBB_POISON;
    ebb_vjp_nodes(b->graph, 1, &y, &one, 1, &x, &dx);
    return dx;
}

/* Twice the second coefficient along the line x + t. */
static ebb_id taylor(ebb_builder *b, ebb_id y, ebb_id x) {
    ebb_id line[2] = {ebb_g_full_like(b, x, 1), EBB_ABSENT}, c[2] = {EBB_POISON, EBB_POISON};
    ebb_jet_nodes(b->graph, 2, 1, &x, line, 1, &y, c);
    return c[1] ? ebb_g_mul(b, c[1], ebb_g_full_like(b, c[1], 2)) : EBB_ABSENT;
}

static ebb_id add_size(group *g, ebb_op op, int64_t n) {
    ebb_type type = {g->dtype, {n >= 0, {n >= 0 ? n : 0}}};
    ebb_id x[2] = {engines_input(&g->e, type), engines_input(&g->e, type)};
    return ebb_record(g->e.graph, &(ebb_application){.op = op}, ebb_op_table[op].arity, x);
}

static void derive(group *g, int arity, int i, ebb_id y) {
    ebb_builder b = {g->e.graph, {0}};
    ebb_id x = g->e.graph->input[2 * i], e = g->e.graph->input[2 * i + 1];
    ebb_id f = forward(&b, y, x), r = reverse(&b, y, x);
    ebb_id result[RESULTS] = {f,
                              r,
                              arity > 1 ? forward(&b, y, e) : EBB_ABSENT,
                              arity > 1 ? reverse(&b, y, e) : EBB_ABSENT,
                              taylor(&b, y, x),
                              f ? forward(&b, f, x) : EBB_ABSENT,
                              r ? forward(&b, r, x) : EBB_ABSENT,
                              f ? reverse(&b, f, x) : EBB_ABSENT,
                              r ? reverse(&b, r, x) : EBB_ABSENT};
    for (int j = 0; j < RESULTS; j++)
        engines_output(&g->e, result[j]);
}

/* Macros are written out before they are differentiated. */
static void build(group *g, ebb_op op) {
    ebb_id y[SIZES], *map;
    engines_start(&g->e, ebb_op_table[op].name);
    for (int i = 0; i < SIZES; i++)
        y[i] = add_size(g, op, sizes[i]);
    map = engines_expand(&g->e);
    for (int i = 0; i < SIZES; i++)
        derive(g, ebb_op_table[op].arity, i, map[y[i]]);
    engines_compile(&g->e);
    free(map);
}

static const edge *at(const group *g, int64_t k, int turn) { return g->member[(k + turn) % g->count]; }

static int64_t length(int i) { return sizes[i] < 0 ? 1 : sizes[i]; }

static void put(group *g, int i, int turn) {
    quad_tensor x = quad_new((ebb_type){g->dtype, {1, {length(i)}}}), e = quad_new(x.type);
    for (int64_t k = 0; k < x.size; k++) {
        x.at[k] = at(g, k, turn)->x;
        e.at[k] = at(g, k, turn)->e;
    }
    engines_set(&g->e, 2 * i, &x);
    engines_set(&g->e, 2 * i + 1, &e);
    quad_free(&x);
    quad_free(&e);
}

static double wanted(const edge *d, int result) {
    return result >= TAYLOR ? d->dxx : result >= DE_FORWARD ? d->de : d->dx;
}

static bool is_asked(const edge *d, int result) {
    return !isnan(wanted(d, result)) && (result < REVERSE_FORWARD || isfinite(d->dxx));
}

static int64_t compare(const group *g, int i, int turn) {
    int64_t cases = 0;
    for (int64_t k = 0; k < length(i); k++) {
        const edge *d = at(g, k, turn);
        for (int j = 0; j < RESULTS * ENGINES; j++) {
            int engine = j / RESULTS, result = j % RESULTS;
            if (!is_asked(d, result)) continue;
            quad got = engines_get(&g->e, engine, i * RESULTS + result, k);
            cr_expect(ulps_apart(g->dtype, got, wanted(d, result), 0) <= tolerance_of_derivative(d->op, engine),
                      "%s %s at x=%g e=%g, %s, lane %d of %d: %s is %.17g, should be %.17g", ebb_dtype_short(g->dtype),
                      ebb_op_table[d->op].name, d->x, d->e, engine_name[engine], (int)k, (int)sizes[i], road[result],
                      (double)got, wanted(d, result));
            cases++;
        }
    }
    return cases;
}

static int64_t check(ebb_op op, ebb_dtype dtype) {
    static group g;
    int64_t cases = 0;
    g = (group){.dtype = dtype};
    for (int i = 0; i < EDGES; i++)
        if (edges[i].op == op) g.member[g.count++] = &edges[i];
    cr_assert(g.count < MOST);
    if (g.count == 0) return 0;
    build(&g, op);
    for (int turn = 0; turn < g.count; turn++) {
        for (int i = 0; i < SIZES; i++)
            put(&g, i, turn);
        engines_run(&g.e);
        for (int i = 0; i < SIZES; i++)
            cases += compare(&g, i, turn);
    }
    engines_stop(&g.e);
    return cases;
}

static void check_all(ebb_dtype dtype) {
    int64_t cases = 0;
    for (int op = 1; op < EBB_OP_COUNT; op++)
        cases += check((ebb_op)op, dtype);
    printf("cases: %d derivatives at edges in %s, counted in each lane\n", (int)cases, ebb_dtype_short(dtype));
    fflush(stdout);
}

Test(ops_table_slopes, f32) { check_all(EBB_F32); }
Test(ops_table_slopes, f64) { check_all(EBB_F64); }

static bool differentiates(ebb_op op) {
    ebb_family family = ebb_op_table[op].family;
    return ebb_op_table[op].access == EBB_POINT && op != EBB_OP_select && op != EBB_OP_cast &&
           (family == EBB_LINEAR || family == EBB_BILINEAR || family == EBB_SMOOTH || family == EBB_SELECTION);
}

Test(ops_table_slopes, no_operation_is_left_out) {
    for (int op = 1; op < EBB_OP_COUNT; op++) {
        int found = 0;
        for (int i = 0; i < EDGES; i++)
            found += (int)edges[i].op == op;
        cr_expect(found > 0 || !differentiates((ebb_op)op), "%s has no edges", ebb_op_table[op].name);
    }
}
