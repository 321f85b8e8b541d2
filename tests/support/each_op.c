/* each_op.c - see each_op.h. */
#include "tests/support/each_op.h"

static bool is_small(const op_case *c) {
    int64_t size = 0;
    return c->operands == 0 || (ebb_shape_size(&c->shape[0], &size) && size <= 100);
}

int each_small_case(ebb_op op, int64_t size, ebb_dtype cast_to, case_visit *visit, void *data) {
    int cases = 0;
    if (ebb_op_table[op].access == EBB_POINT && ebb_op_table[op].arity > 0) {
        op_case point = op_case_point(op, size, op == EBB_OP_cast ? cast_to : EBB_NONE);
        cases += visit(&point, data);
    }
    for (int i = 0; i < op_case_count; i++)
        if (op_cases[i].op == op && is_small(&op_cases[i])) cases += visit(&op_cases[i], data);
    return cases;
}
