/* op_case.h - what the op table is tested with: operations on shapes, and ordinary numbers to put in.
 *
 * Operations that work element by element need no case of their own: op_case_point makes them from the row. The others
 * are listed in op_case.c; a test fails if one is missing. */
#ifndef EBB_TEST_OP_CASE_H
#define EBB_TEST_OP_CASE_H

#include "jit/graph/graph.h"
#include "tests/ref/quad_ops.h"

typedef struct op_case {
    const char *name;
    ebb_op op;
    int operands, nattr;
    ebb_shape shape[3], asked;
    int64_t attr[3 * EBB_MAX_RANK];
    ebb_dtype to; /* the dtype asked for; EBB_NONE: that of the operands */
} op_case;

extern const op_case op_cases[];
extern const int op_case_count;

/* The operation on vectors of n elements; n < 0: on scalars. */
op_case op_case_point(ebb_op op, int64_t n, ebb_dtype to);

/* The case for one dtype: as a door wants it. False: the operation does not have this dtype. */
typedef struct op_use {
    const op_case *c;
    ebb_application app;
    ebb_type operand[3], result;
} op_use;
bool op_use_of(const op_case *c, ebb_dtype dtype, ebb_dtype index, op_use *use);
const char *op_use_text(const op_use *use); /* "f32 gather rows"; overwritten by the next call */

/* Ordinary numbers for operand k, inside the operation's domain. Directions and cotangents: from -1 to 1. */
void op_fill_operand(const op_use *use, int k, uint64_t seed, quad_tensor *x);
void op_fill_direction(uint64_t seed, quad_tensor *x);

/* Where floating-point numbers for operand k come from (op_domain.c): inside the domain, where results are of ordinary
 * size. */
void op_domain(ebb_op op, int k, double *low, double *high);
bool op_is_of_matrix(ebb_op op);    /* operand 0 is a matrix that has to be regular */
bool op_is_order(ebb_op op, int k); /* orders of derivatives are whole numbers */

#endif
