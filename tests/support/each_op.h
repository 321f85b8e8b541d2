/* each_op.h - the small cases of every operation, one after the other: for tests of passes, which do not ask what an
 * operation computes. */
#ifndef EBB_TEST_EACH_OP_H
#define EBB_TEST_EACH_OP_H

#include "tests/support/op_case.h"

/* The cases that a case made; 0: it is not asked. */
typedef int case_visit(const op_case *c, void *data);

/* An operation element by element on vectors of `size` (cast: to this dtype), then what op_cases has of it with
 * operands of at most a hundred elements. The sum of what they made. */
int each_small_case(ebb_op op, int64_t size, ebb_dtype cast_to, case_visit *visit, void *data);

#endif
