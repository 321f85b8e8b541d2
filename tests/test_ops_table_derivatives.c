/* test_ops_table_derivatives.c - every operation in every direction: value, forward, reverse, forward over reverse and
 * reverse over forward, in f64 and f32, by both engines, against central differences of the reference. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/support/op_trial.h"

enum { BATCH = 32, MOST_ELEMENTS = 100 };

static const int64_t sizes[] = {-1, 0, 1, 3, 17, 33};
enum { SIZES = sizeof sizes / sizeof *sizes };

static bool is_small(const op_trial *t) {
    int64_t size = 0;
    return t->c.operands == 0 || (ebb_shape_size(&t->use.operand[0].shape, &size) && size <= MOST_ELEMENTS);
}

/* All cases of an operation, from its row or from the list. */
static int gather_trials(ebb_op op, ebb_dtype dtype, ebb_dtype to, op_trial *trials) {
    bool pointwise = ebb_op_table[op].access == EBB_POINT && ebb_op_table[op].arity > 0;
    int n = 0;
    for (int i = 0; pointwise && i < SIZES; i++) {
        op_case c = op_case_point(op, sizes[i], to);
        n += op_trial_fits(&trials[n], &c, dtype, EBB_I32);
    }
    for (int i = 0; i < op_case_count; i++) {
        if (op_cases[i].op == op) n += op_trial_fits(&trials[n], &op_cases[i], dtype, EBB_I32) && is_small(&trials[n]);
        cr_assert(n < BATCH, "%s: more cases than room", op_cases[i].name);
    }
    return n;
}

/* Comparisons and the like have no derivative in any operand, and no float result to ask one of. */
static int64_t check(ebb_op op, ebb_dtype dtype) {
    static op_trial trials[BATCH];
    int n = gather_trials(op, dtype, op == EBB_OP_cast ? (dtype == EBB_F32 ? EBB_F64 : EBB_F32) : EBB_NONE, trials);
    return n && ebb_is_float(trials[0].use.result.dtype) ? op_trials_run(trials, n, true) : 0;
}

static void check_all(ebb_dtype dtype, int half) {
    int64_t cases = 0, operations = 0;
    for (int op = 1; op < EBB_OP_COUNT; op++) {
        int64_t before = cases;
        if (op % 2 == half) cases += check((ebb_op)op, dtype);
        operations += cases > before;
    }
    cr_expect(operations > 0, "%s", ebb_dtype_short(dtype));
    printf("cases: %d values and derivatives of %d operations on %s\n", (int)cases, (int)operations,
           ebb_dtype_short(dtype));
    fflush(stdout);
}

Test(ops_table_derivatives, f32_even) { check_all(EBB_F32, 0); }
Test(ops_table_derivatives, f32_odd) { check_all(EBB_F32, 1); }
Test(ops_table_derivatives, f64_even) { check_all(EBB_F64, 0); }
Test(ops_table_derivatives, f64_odd) { check_all(EBB_F64, 1); }
