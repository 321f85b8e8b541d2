/* fold.h - one element at a time: the arithmetic of fold_point.c, and where views read; for whoever computes what is
 * known (fold.c, build.c, dual/known.c). */
#ifndef EBB_FOLD_H
#define EBB_FOLD_H

#include "jit/graph/types.h"

typedef union ebb_number { /* an element of any dtype, in the first bytes */
    uint8_t u8;            /* bool */
    int32_t i32;
    int64_t i64;
    float f32;
    double f64;
} ebb_number;

typedef ebb_number ebb_fold_rule(const ebb_number *x);

/* By the dtype of the last operand: select's first one is a bool. NULL: not POINT, or cast, or not for this dtype. */
extern ebb_fold_rule *const ebb_fold_table[EBB_OP_COUNT][EBB_F64 + 1];

/* Where an operation of access VIEW reads its operand x for element i of its result y, which is index[axis] on each
 * axis: offset + sum of index[axis] * stride[axis]. */
typedef struct ebb_walk {
    int64_t offset, stride[EBB_MAX_RANK];
} ebb_walk;
ebb_walk ebb_view_walk(const ebb_application *app, const ebb_shape *x, const ebb_shape *y);
int64_t ebb_walk_at(const ebb_walk *w, const ebb_shape *y, int64_t i);

/* What cast does: floats to integers saturate, NaN is 0, i64 to i32 wraps, anything but 0 is true. */
ebb_number ebb_number_cast(ebb_number x, ebb_dtype from, ebb_dtype to);

#endif
