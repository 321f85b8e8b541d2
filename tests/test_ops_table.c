/* test_ops_table.c - every operation that works element by element, in every dtype it has, by both engines, at every
 * size around the widths of vectors, against the reference in quadruple precision. One program holds all sizes of one
 * operation and dtype. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/support/op_trial.h"

/* -1: a scalar. */
static const int64_t sizes[] = {-1, 0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 70};
enum { SIZES = sizeof sizes / sizeof *sizes };

/* All sizes of one operation; the number of cases, 0 where it does not have the dtype. */
static int64_t check(ebb_op op, ebb_dtype dtype, ebb_dtype to) {
    static op_trial trials[SIZES];
    for (int i = 0; i < SIZES; i++) {
        op_case c = op_case_point(op, sizes[i], to);
        if (!op_trial_fits(&trials[i], &c, dtype, EBB_I32)) return 0;
    }
    return op_trials_run(trials, SIZES, false);
}

static void check_all(ebb_dtype dtype) {
    int64_t cases = 0, operations = 0;
    for (int op = 1; op < EBB_OP_COUNT; op++) {
        if (ebb_op_table[op].access != EBB_POINT || ebb_op_table[op].arity == 0) continue;
        int64_t before = cases;
        for (int to = op == EBB_OP_cast ? EBB_BOOL : EBB_F64; to <= EBB_F64; to++)
            cases += check((ebb_op)op, dtype, op == EBB_OP_cast ? (ebb_dtype)to : EBB_NONE);
        operations += cases > before;
    }
    cr_expect(operations > 0, "%s", ebb_dtype_short(dtype));
    printf("cases: %d values of %d pointwise operations on %s\n", (int)cases, (int)operations, ebb_dtype_short(dtype));
    fflush(stdout);
}

Test(ops_table, bool_values) { check_all(EBB_BOOL); }
Test(ops_table, i32_values) { check_all(EBB_I32); }
Test(ops_table, i64_values) { check_all(EBB_I64); }
Test(ops_table, f32_values) { check_all(EBB_F32); }
Test(ops_table, f64_values) { check_all(EBB_F64); }
