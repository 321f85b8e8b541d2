/* quad_ops.h - what every operation of ops.def means: naive loops in quadruple precision, and slopes of them.
 *
 * A tensor here is an array of __float128, whatever its dtype: 113 bits hold every i64, f32 and f64. Results of
 * floating point are not rounded to their dtype, so they are the numbers that an implementation is to come close to.
 * Each row of ops.def pastes its own reference (quad_tanh ...): an operation without one does not link. Start at
 * quad_apply. */
#ifndef EBB_QUAD_OPS_H
#define EBB_QUAD_OPS_H

#include "jit/graph/types.h"

typedef __float128 quad;

typedef struct quad_tensor {
    ebb_type type;
    int64_t size;
    quad *at;    /* row-major */
    quad *scale; /* results: what the rounding errors of an element are in proportion to, where that is not itself */
} quad_tensor;

quad_tensor quad_new(ebb_type type); /* zeros */
void quad_free(quad_tensor *t);

/* Computes `result`, whose type is given, from operands. */
typedef struct quad_call {
    const ebb_application *app;
    const quad_tensor *arg; /* as many as the operation has operands */
    quad_tensor *result;
} quad_call;
void quad_apply(const quad_call *c);
bool quad_knows(ebb_op op); /* false: sources and regions, which mean what was put in */

/* The number in memory, and back, rounded as the dtype rounds. */
quad quad_load(ebb_dtype dtype, const void *from, int64_t k);
void quad_store(ebb_dtype dtype, void *to, int64_t k, quad value);
/* An integer that fits the dtype, by dropping its upper bits. */
quad quad_wrap(ebb_dtype dtype, quad whole);

/* ---- quad_index.c: positions ---- */

/* index[a]: where element k of row-major `shape` is on axis a; and back. */
void quad_position(const ebb_shape *shape, int64_t k, int64_t *index);
int64_t quad_offset(const ebb_shape *shape, const int64_t *index);
/* The number of the group that element k belongs to: its position without the axes that c->app names. Groups are
 * counted row-major; quad_groups says how many there are. */
int64_t quad_group(const quad_call *c, int64_t k);
int64_t quad_groups(const quad_call *c);

/* ---- quad_slopes.c: central differences of quad_apply ---- */

/* The point x, one direction for each operand (at: NULL where it is no float), and a weight for each result element. */
typedef struct quad_point {
    const ebb_application *app;
    int operands;
    quad_tensor x[3], v[3], ct;
} quad_point;
void quad_jvp(const quad_point *p, quad_tensor *dy);           /* the slope of y along v */
void quad_vjp(const quad_point *p, int k, quad_tensor *dx);    /* the slope of <ct, y> in each element of x[k] */
void quad_second(const quad_point *p, int k, quad_tensor *dx); /* the slope of that along v */

#endif
