/* test_ops_table_axes.c - every operation that looks at axes, every macro, random numbers: on the shapes and attributes
 * of op_case.c, in every dtype, by both engines, against the reference. And that nothing of ops.def is left out. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "jit/graph/build.h"
#include "tests/support/op_trial.h"
#include "tests/support/tolerance.h"

enum { BATCH = 32 };

static bool reads_index(ebb_op op) {
    return op == EBB_OP_gather || (op >= EBB_OP_scatter_add && op <= EBB_OP_check_index) || op == EBB_OP_scatter_min ||
           op == EBB_OP_scatter_update || op == EBB_OP_dynamic_slice || op == EBB_OP_dynamic_update ||
           op == EBB_OP_sparse_softmax_cross_entropy;
}

/* All cases of one operation. */
static int64_t check(ebb_op op, ebb_dtype dtype, ebb_dtype index) {
    static op_trial trials[BATCH];
    int n = 0;
    for (int i = 0; i < op_case_count; i++) {
        if (op_cases[i].op != op || !op_trial_fits(&trials[n], &op_cases[i], dtype, index)) continue;
        cr_assert(++n < BATCH, "%s: more cases than room", op_cases[i].name);
    }
    return n ? op_trials_run(trials, n, false) : 0;
}

static void check_all(ebb_dtype dtype) {
    int64_t cases = 0, operations = 0;
    for (int op = 1; op < EBB_OP_COUNT; op++) {
        int64_t before = cases;
        cases += check((ebb_op)op, dtype, EBB_I32);
        if (reads_index((ebb_op)op)) cases += check((ebb_op)op, dtype, EBB_I64);
        operations += cases > before;
    }
    cr_expect(operations > 0, "%s", ebb_dtype_short(dtype));
    printf("cases: %d values of %d operations with axes on %s\n", (int)cases, (int)operations, ebb_dtype_short(dtype));
    fflush(stdout);
}

Test(ops_table_axes, bool_values) { check_all(EBB_BOOL); }
Test(ops_table_axes, i32_values) { check_all(EBB_I32); }
Test(ops_table_axes, i64_values) { check_all(EBB_I64); }
Test(ops_table_axes, f32_values) { check_all(EBB_F32); }
Test(ops_table_axes, f64_values) { check_all(EBB_F64); }

static bool has_case(ebb_op op) {
    for (int i = 0; i < op_case_count; i++)
        if (op_cases[i].op == op) return true;
    return false;
}

/* What the table does not try by itself has cases here; inputs, constants, call and get have the tests below, regions
 * that stay theirs in test_region_run.c, sums of products theirs in test_products.c. */
Test(ops_table_axes, nothing_is_left_out) {
    for (int op = 1; op < EBB_OP_COUNT; op++) {
        const ebb_op_row *row = &ebb_op_table[op];
        bool pointwise = row->access == EBB_POINT && row->arity > 0;
        bool tested_below = op == EBB_OP_input || op == EBB_OP_constant || row->family == EBB_REGION;
        tested_below |= row->family == EBB_PRODUCTS;
        cr_expect(pointwise || tested_below || has_case((ebb_op)op), "%s has no case", row->name);
        cr_expect(tested_below || quad_knows((ebb_op)op), "%s has no reference", row->name);
    }
}

/* ---- what has no operands ---- */

/* A result that is an input, and one that is a constant, come out as they went in. */
static int64_t check_sources(ebb_dtype dtype, int64_t n) {
    engines e;
    ebb_type type = {dtype, {1, {n}}};
    unsigned char payload[64 * 8] = {0};
    quad_tensor x = quad_new(type);
    for (int64_t k = 0; k < n; k++) {
        x.at[k] = dtype == EBB_BOOL ? k % 2 : k % 3 ? (quad)k / 2 : -(quad)k;
        quad_store(dtype, payload, k, x.at[k]);
        x.at[k] = quad_load(dtype, payload, k);
    }
    engines_start(&e, "sources");
    ebb_builder b = {e.graph, {0}};
    engines_output(&e, engines_input(&e, type));
    engines_output(&e, ebb_g_constant(&b, type, payload));
    engines_compile(&e);
    engines_set(&e, 0, &x);
    engines_run(&e);
    for (int engine = 0; engine < ENGINES; engine++)
        for (int64_t k = 0; k < 2 * n; k++)
            cr_expect(engines_get(&e, engine, k >= n, k % n) == x.at[k % n], "%s %s, %s: element %d",
                      k < n ? "input" : "constant", ebb_dtype_short(dtype), engine_name[engine], (int)(k % n));
    engines_stop(&e);
    quad_free(&x);
    return 2 * ENGINES;
}

Test(ops_table_axes, inputs_and_constants) {
    int64_t cases = 0;
    for (int dtype = EBB_BOOL; dtype <= EBB_F64; dtype++)
        for (int64_t n = 1; n <= 64; n = 2 * n + (n == 8))
            cases += check_sources((ebb_dtype)dtype, n);
    printf("cases: %d inputs and constants\n", (int)cases);
    fflush(stdout);
}

/* ---- regions ---- */

/* Two results of a function: x*x and x + 1. */
static ebb_graph *square_and_next(ebb_type type, ebb_diag *diag) {
    ebb_graph *f = ebb_graph_new(&ebb_malloc_allocator, diag, "square_and_next");
    ebb_builder b = {f, {0}};
    ebb_id x = ebb_add_input(f, type, b.site);
    ebb_add_output(f, ebb_g_square(&b, x));
    ebb_add_output(f, ebb_g_add(&b, x, ebb_g_full_like(&b, x, 1)));
    return f;
}

static int64_t check_call(ebb_dtype dtype, int64_t n) {
    engines e;
    ebb_type type = {dtype, {1, {n}}};
    quad_tensor x = quad_new(type);
    engines_start(&e, "call");
    ebb_id arg = engines_input(&e, type);
    ebb_graph *f = square_and_next(type, &e.diag);
    ebb_id pair = ebb_record_call(e.graph, f, 1, &arg, (ebb_site){0});
    for (int k = 0; k < 2; k++)
        engines_output(&e, ebb_record_get(e.graph, pair, k, (ebb_site){0}));
    engines_compile(&e);
    ebb_graph_release(f);
    for (int64_t k = 0; k < n; k++)
        x.at[k] = k - 3;
    engines_set(&e, 0, &x);
    engines_run(&e);
    for (int engine = 0; engine < ENGINES; engine++)
        for (int64_t k = 0; k < n; k++) {
            cr_expect(engines_get(&e, engine, 0, k) == x.at[k] * x.at[k], "call, get 0: %s", engine_name[engine]);
            cr_expect(engines_get(&e, engine, 1, k) == x.at[k] + 1, "call, get 1: %s", engine_name[engine]);
        }
    engines_stop(&e);
    quad_free(&x);
    return 2 * ENGINES;
}

Test(ops_table_axes, calls) {
    int64_t cases = 0;
    for (int dtype = EBB_I32; dtype <= EBB_F64; dtype++)
        for (int64_t n = 0; n <= 17; n += 1 + 7 * (n > 0))
            cases += check_call((ebb_dtype)dtype, n);
    printf("cases: %d results of called functions\n", (int)cases);
    fflush(stdout);
}
