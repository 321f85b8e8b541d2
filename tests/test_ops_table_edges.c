/* test_ops_table_edges.c - values where functions have corners, poles, overflow, zeros with a sign, NaN: exact ones.
 *
 * All edges of one operation and dtype run together, in both engines, as scalars and in vectors with a remainder, and
 * in as many rotations as there are edges, so that each edge is met in every lane. Start reading at `check`; the edges
 * are tests/ref/edges.c. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/ref/edges.h"
#include "tests/support/engines.h"
#include "tests/support/op_case.h"
#include "tests/support/tolerance.h"

static const int64_t sizes[] = {-1, 1, 2, 3, 17, 33, 70};
enum { SIZES = sizeof sizes / sizeof *sizes, MOST = 64 };

/* The edges of one operation and dtype, and their program: a result for each size. */
typedef struct group {
    const quad_edge *member[MOST];
    int count;
    op_case c[SIZES];
    op_use use[SIZES];
    engines e;
} group;

static void build(group *g, ebb_op op, ebb_dtype dtype, ebb_dtype to) {
    engines_start(&g->e, ebb_op_table[op].name);
    for (int i = 0; i < SIZES; i++) {
        ebb_id x[3];
        g->c[i] = op_case_point(op, sizes[i], to);
        cr_assert(op_use_of(&g->c[i], dtype, EBB_I32, &g->use[i]), "%s of %s", ebb_op_table[op].name,
                  ebb_dtype_short(dtype));
        for (int k = 0; k < g->c[i].operands; k++)
            x[k] = engines_input(&g->e, g->use[i].operand[k]);
        engines_output(&g->e, ebb_record(g->e.graph, &g->use[i].app, g->c[i].operands, x));
    }
    engines_compile(&g->e);
}

static const quad_edge *at(const group *g, int64_t k, int turn) { return g->member[(k + turn) % g->count]; }

static void put(group *g, int i, int turn, int *input) {
    for (int k = 0; k < g->c[i].operands; k++) {
        quad_tensor x = quad_new(g->use[i].operand[k]);
        for (int64_t j = 0; j < x.size; j++) {
            const quad_edge *d = at(g, j, turn);
            x.at[j] = k == 0 ? d->x : k == 1 ? d->y : d->z;
        }
        engines_set(&g->e, (*input)++, &x);
        quad_free(&x);
    }
}

/* pow is exact here: its edges are powers that a number can hold. */
static double allowed(const quad_edge *d, int engine) {
    return d->op == EBB_OP_pow ? 0 : tolerance_of_value(d->op, engine);
}

static int64_t compare(const group *g, int i, int turn) {
    int64_t n = sizes[i] < 0 ? 1 : sizes[i];
    ebb_dtype dtype = g->use[i].result.dtype;
    for (int64_t k = 0; k < n * ENGINES; k++) {
        int engine = (int)(k / n);
        const quad_edge *d = at(g, k % n, turn);
        quad got = engines_get(&g->e, engine, i, k % n);
        cr_expect(ulps_apart(dtype, got, d->want, 0) <= allowed(d, engine) && !zero_differs(dtype, got, d->want),
                  "%s at (%.17g, %.17g), %s, lane %d: %.17g, should be %.17g", op_use_text(&g->use[i]), (double)d->x,
                  (double)d->y, engine_name[engine], (int)(k % n), (double)got, (double)d->want);
    }
    return n * ENGINES;
}

static int64_t check(ebb_op op, ebb_dtype dtype, ebb_dtype to) {
    static group g;
    int64_t cases = 0;
    g = (group){.count = 0};
    for (int i = 0; i < quad_edge_count; i++)
        if (quad_edges[i].op == op && quad_edges[i].to == to && quad_edges[i].dtypes >> dtype & 1) {
            cr_assert(g.count < MOST);
            g.member[g.count++] = &quad_edges[i];
        }
    if (g.count == 0) return 0;
    build(&g, op, dtype, to);
    for (int turn = 0; turn < g.count; turn++) {
        int input = 0;
        for (int i = 0; i < SIZES; i++)
            put(&g, i, turn, &input);
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
        for (int to = EBB_NONE; to <= EBB_F64; to++)
            cases += check((ebb_op)op, dtype, (ebb_dtype)to);
    cr_expect(cases > 0);
    printf("cases: %d edges of pointwise operations on %s, counted in each lane\n", (int)cases, ebb_dtype_short(dtype));
    fflush(stdout);
}

Test(ops_table_edges, i32_values) { check_all(EBB_I32); }
Test(ops_table_edges, i64_values) { check_all(EBB_I64); }
Test(ops_table_edges, f32_values) { check_all(EBB_F32); }
Test(ops_table_edges, f64_values) { check_all(EBB_F64); }

/* Every operation with numbers for operands that is not trivial at an edge has edges: all of them but the logical. */
Test(ops_table_edges, no_operation_is_left_out) {
    for (int op = 1; op < EBB_OP_COUNT; op++) {
        int found = 0;
        bool logical = op == EBB_OP_logical_and || op == EBB_OP_logical_or || op == EBB_OP_logical_not;
        if (ebb_op_table[op].access != EBB_POINT || ebb_op_table[op].arity == 0 || logical) continue;
        for (int i = 0; i < quad_edge_count; i++)
            found += (int)quad_edges[i].op == op;
        cr_expect(found > 0, "%s has no edges", ebb_op_table[op].name);
    }
}

/* ---- exact powers ---- */

static const struct power {
    quad x, e, want;
} powers[] = {
    {2, 10, 1024}, {2, -1074, 0x1p-1074Q}, {2, 1023, 0x1p1023Q},      {3, 20, 3486784401}, {10, 15, 1e15Q}, {7, 2, 49},
    {5, -1, 0.2Q}, {1, 2147483648, 1},     {-1, 2147483647, -1},      {-1, 2147483648, 1}, {1.5, 3, 3.375}, {4, 0.5, 2},
    {-3, 5, -243}, {0.5, 4, 0.0625},       {11, 14, 379749833583241}, {-10, 3, -1000},
};
enum { POWERS = sizeof powers / sizeof *powers };

Test(ops_table_edges, exact_powers) {
    engines e;
    ebb_type type = {EBB_F64, {1, {POWERS}}};
    quad_tensor x[2] = {quad_new(type), quad_new(type)};
    ebb_id in[2];
    engines_start(&e, "powers");
    for (int k = 0; k < 2; k++)
        in[k] = engines_input(&e, type);
    engines_output(&e, ebb_record(e.graph, &(ebb_application){.op = EBB_OP_pow}, 2, in));
    engines_compile(&e);
    for (int i = 0; i < POWERS; i++)
        x[0].at[i] = powers[i].x, x[1].at[i] = powers[i].e;
    for (int k = 0; k < 2; k++)
        engines_set(&e, k, &x[k]);
    engines_run(&e);
    for (int i = 0; i < ENGINES * POWERS; i++) {
        const struct power *p = &powers[i % POWERS];
        quad got = engines_get(&e, i / POWERS, 0, i % POWERS);
        cr_expect(got == (double)p->want, "pow(%g, %g), %s: %.17g", (double)p->x, (double)p->e, engine_name[i / POWERS],
                  (double)got);
    }
    engines_stop(&e);
    for (int k = 0; k < 2; k++)
        quad_free(&x[k]);
    printf("cases: %d exact powers\n", ENGINES * POWERS);
    fflush(stdout);
}
