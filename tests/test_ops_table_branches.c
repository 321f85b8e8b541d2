/* test_ops_table_branches.c - small formulas at hard points, by both engines: what waits in the branch not taken stays
 * there, ties and duplicates count once, nothing to reduce has a defined result, a wrong index is an error.
 *
 * A formula is tried on arrays of several lengths filled with its points; f is summed, so its gradient is elementwise.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "dual/dual.h"
#include "jit/graph/build.h"
#include "tests/support/engines.h"

typedef ebb_id formula(ebb_builder *b, ebb_id x);

static ebb_id zero(ebb_builder *b, ebb_id x) { return ebb_g_full_like(b, x, 0); }

/* where(x > 0, sqrt x, 0) */
static ebb_id safe_root(ebb_builder *b, ebb_id x) {
    return ebb_g_select(b, ebb_g_gt(b, x, zero(b, x)), ebb_g_sqrt(b, x), zero(b, x));
}

/* where(x < 0, exp x, 1) */
static ebb_id safe_exp(ebb_builder *b, ebb_id x) {
    return ebb_g_select(b, ebb_g_lt(b, x, zero(b, x)), ebb_g_exp(b, x), ebb_g_full_like(b, x, 1));
}

/* where(x > 0, x log x, 0) */
static ebb_id entropy(ebb_builder *b, ebb_id x) {
    ebb_id y = ebb_g_mul(b, x, ebb_g_log(b, x));
    return ebb_g_select(b, ebb_g_gt(b, x, zero(b, x)), y, zero(b, x));
}

static ebb_id squared_power(ebb_builder *b, ebb_id x) { return ebb_g_pow(b, x, ebb_g_full_like(b, x, 2)); }
static ebb_id first_power(ebb_builder *b, ebb_id x) { return ebb_g_pow(b, x, ebb_g_full_like(b, x, 1)); }
static ebb_id no_power(ebb_builder *b, ebb_id x) { return ebb_g_pow(b, x, zero(b, x)); }
static ebb_id cancel(ebb_builder *b, ebb_id x) { return ebb_g_sub(b, ebb_g_mul(b, x, x), ebb_g_square(b, x)); }
static ebb_id larger_self(ebb_builder *b, ebb_id x) {
    return ebb_record(b->graph, &(ebb_application){.op = EBB_OP_max}, 2, (ebb_id[]){x, x});
}
static ebb_id clamped(ebb_builder *b, ebb_id x) {
    ebb_id one = ebb_g_full_like(b, x, 1);
    return ebb_g_min(b, ebb_g_max(b, x, zero(b, x)), one);
}
static ebb_id clipped(ebb_builder *b, ebb_id x) {
    return ebb_record(b->graph, &(ebb_application){.op = EBB_OP_clip}, 3,
                      (ebb_id[]){x, zero(b, x), ebb_g_full_like(b, x, 1)});
}
/* The norm of rows of one element, squared: |x| would have no derivative at 0. */
static ebb_id norm_squared(ebb_builder *b, ebb_id x) {
    int64_t n = ebb_shape_of(b->graph, x)->dim[0], axis = 1;
    ebb_application norm = {.op = EBB_OP_norm, .nattr = 1, .attr = &axis};
    ebb_id row = ebb_g_reshape(b, x, &(ebb_shape){2, {n, 1}});
    return ebb_g_square(b, ebb_record(b->graph, &norm, 1, &row));
}
/* sqrt(x^2), which is not the norm: it has no derivative at 0. */
static ebb_id naive_norm(ebb_builder *b, ebb_id x) { return ebb_g_sqrt(b, ebb_g_square(b, x)); }

#define FORMULA(f, x, y, dx) {#f, f, x, y, dx}
static const struct point {
    const char *name;
    formula *f;
    double x, y, dx;
} points[] = {
    FORMULA(safe_root, 0, 0, 0),         FORMULA(safe_root, 4, 2, 0.25),
    FORMULA(safe_root, -1, 0, 0),        FORMULA(safe_root, NAN, 0, 0),
    FORMULA(safe_exp, 1000, 1, 0),       FORMULA(safe_exp, 0, 1, 0),
    FORMULA(entropy, 0, 0, 0),           FORMULA(entropy, 1, 0, 1),
    FORMULA(entropy, -1, 0, 0),          FORMULA(squared_power, 0, 0, 0),
    FORMULA(squared_power, -3, 9, -6),   FORMULA(first_power, 0, 0, 1),
    FORMULA(first_power, -2, -2, 1),     FORMULA(no_power, 0, 1, 0),
    FORMULA(no_power, NAN, 1, 0),        FORMULA(cancel, 3, 0, 0),
    FORMULA(cancel, 1e10, 0, 0),         FORMULA(larger_self, 3, 3, 1),
    FORMULA(larger_self, -0.0, -0.0, 1), FORMULA(clamped, 0, 0, 1),
    FORMULA(clamped, 1, 1, 1),           FORMULA(clamped, 2, 1, 0),
    FORMULA(clipped, 0, 0, 1),           FORMULA(clipped, 1, 1, 1),
    FORMULA(clipped, 2, 1, 0),           FORMULA(clipped, -1, 0, 0),
    FORMULA(clipped, 0.5, 0.5, 1),       FORMULA(clipped, INFINITY, 1, 0),
    FORMULA(clamped, -1, 0, 0),          FORMULA(norm_squared, 0, 0, 0),
    FORMULA(norm_squared, -3, 9, -6),    FORMULA(naive_norm, 0, 0, NAN),
    FORMULA(naive_norm, -3, 3, -1),
};
enum { POINTS = sizeof points / sizeof *points };

/* Equal, or both NaN: all of these are exact. */
static bool is(quad got, double want) { return isnan(want) ? got != got : got == want; }

static int64_t check_point(const struct point *p, ebb_dtype dtype, int64_t n) {
    engines e;
    quad_tensor x = quad_new((ebb_type){dtype, {1, {n}}});
    engines_start(&e, p->name);
    ebb_builder b = {e.graph, {0}};
    ebb_id *map, y = p->f(&b, engines_input(&e, x.type)), dx = EBB_ABSENT, dy = EBB_ABSENT;
    map = engines_expand(&e);
    b.graph = e.graph;
    y = map[y];
    ebb_id in = e.graph->input[0], one = ebb_g_full_like(&b, in, 1), seed = ebb_g_full_like(&b, y, 1);
    cr_assert(ebb_vjp_nodes(e.graph, 1, &y, &seed, 1, &in, &dx) && ebb_jvp_nodes(e.graph, 1, &in, &one, 1, &y, &dy));
    engines_output(&e, y);
    engines_output(&e, dx);
    engines_output(&e, dy);
    engines_compile(&e);
    for (int64_t k = 0; k < n; k++)
        x.at[k] = p->x;
    engines_set(&e, 0, &x);
    engines_run(&e);
    for (int64_t k = 0; k < n * ENGINES; k++) {
        quad got[3];
        for (int j = 0; j < 3; j++)
            got[j] = engines_get(&e, (int)(k / n), j, k % n);
        cr_expect(is(got[0], p->y) && is(got[1], p->dx) && is(got[2], p->dx),
                  "%s %s at %g, %s: %g, reverse %g, forward %g; should be %g, %g", ebb_dtype_short(dtype), p->name,
                  p->x, engine_name[k / n], (double)got[0], (double)got[1], (double)got[2], p->y, p->dx);
    }
    free(map);
    engines_stop(&e);
    quad_free(&x);
    return 3 * ENGINES;
}

Test(ops_table_branches, formulas) {
    int64_t cases = 0;
    for (int i = 0; i < POINTS; i++)
        for (int64_t n = 1; n <= 17; n += 16) {
            cases += check_point(&points[i], EBB_F32, n);
            cases += check_point(&points[i], EBB_F64, n);
        }
    printf("cases: %d values and slopes of formulas with branches\n", (int)cases);
    fflush(stdout);
}

/* ---- nothing to reduce ---- */

static const struct empty {
    ebb_op op;
    double want;
} empties[] = {{EBB_OP_sum, 0}, {EBB_OP_mean, NAN}, {EBB_OP_logsumexp, -INFINITY}, {EBB_OP_norm, 0}};

static int64_t check_empty(const struct empty *c, ebb_dtype dtype, bool columns) {
    engines e;
    int64_t axis = !columns;
    ebb_type type = {dtype, {2, {columns ? 0 : 5, columns ? 5 : 0}}};
    engines_start(&e, ebb_op_table[c->op].name);
    ebb_id x = engines_input(&e, type);
    engines_output(&e, ebb_record(e.graph, &(ebb_application){.op = c->op, .nattr = 1, .attr = &axis}, 1, &x));
    engines_compile(&e);
    engines_run(&e);
    for (int k = 0; k < 5 * ENGINES; k++)
        cr_expect(is(engines_get(&e, k / 5, 0, k % 5), c->want), "%s of nothing, %s", ebb_op_table[c->op].name,
                  engine_name[k / 5]);
    engines_stop(&e);
    return ENGINES;
}

Test(ops_table_branches, nothing_to_reduce) {
    int64_t cases = 0;
    for (int i = 0; i < (int)(sizeof empties / sizeof *empties); i++)
        for (int k = 0; k < 4; k++)
            cases += check_empty(&empties[i], k & 1 ? EBB_F32 : EBB_F64, k & 2);
    printf("cases: %d reductions of nothing\n", (int)cases);
    fflush(stdout);
}

/* ---- wrong indices ---- */

/* A vector of 4, read or added to at one index among good ones. */
static int64_t check_index(ebb_op op, ebb_dtype dtype, int64_t wrong) {
    engines e;
    int64_t axis = 0;
    quad_tensor index = quad_new((ebb_type){dtype, {1, {5}}});
    for (int k = 0; k < 5; k++)
        index.at[k] = k == 3 ? wrong : k % 4;
    engines_start(&e, ebb_op_table[op].name);
    ebb_id arg[] = {engines_input(&e, (ebb_type){EBB_F64, {1, {4}}}), engines_input(&e, index.type), EBB_ABSENT};
    const int64_t size = 4;
    bool alone = op == EBB_OP_check_index;
    if (ebb_op_table[op].arity == 3) arg[2] = engines_input(&e, (ebb_type){EBB_F64, {1, {5}}});
    ebb_application app = {.op = op, .nattr = 1, .attr = alone ? &size : &axis};
    engines_output(&e, ebb_record(e.graph, &app, ebb_op_table[op].arity, alone ? &arg[1] : arg));
    free(engines_expand(&e));
    engines_compile(&e);
    engines_set(&e, 1, &index);
    for (int engine = 0; engine < ENGINES; engine++)
        cr_expect_eq(engines_code(&e, engine), EBB_INDEX_ERROR, "%s at %lld, %s", ebb_op_table[op].name,
                     (long long)wrong, engine_name[engine]);
    engines_stop(&e);
    quad_free(&index);
    return ENGINES;
}

Test(ops_table_branches, wrong_indices) {
    static const int64_t wrong[] = {4, -1, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
    static const ebb_op ops[] = {EBB_OP_gather,      EBB_OP_scatter_add,    EBB_OP_scatter_max,
                                 EBB_OP_scatter_min, EBB_OP_scatter_update, EBB_OP_check_index};
    int64_t cases = 0;
    for (int i = 0; i < 6; i++)
        for (int k = 0; k < 12; k++) {
            ebb_dtype dtype = k & 1 ? EBB_I64 : EBB_I32;
            if (dtype == EBB_I32 && i >= 4) continue;
            cases += check_index(ops[k / 2], dtype, wrong[i]);
        }
    printf("cases: %d wrong indices\n", (int)cases);
    fflush(stdout);
}
