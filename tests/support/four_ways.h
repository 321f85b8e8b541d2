/* four_ways.h - a formula with its derivatives, in the four ways that a program may choose; all give the same.
 *
 * Start reading at answer. */
#ifndef EBB_TESTS_FOUR_WAYS_H
#define EBB_TESTS_FOUR_WAYS_H

#include "frontend/ebb.h"

typedef enum way { EAGER_TAPE, FUNCTION_RUN_EAGERLY, TAPE_OUTSIDE, GRADIENT_INSIDE, WAYS } way;
extern const char *const way_name[WAYS];

/* What is asked of y = body(x[0], ..., x[n - 1]), x tensors or variables. */
typedef struct question {
    ebb_body *body; /* one result */
    void *data;
    int n; /* at most 2 */
    int tape_flags;
    bool unwatched; /* ebb_watch is not called */
    enum { FIRST, SECOND, HESSIAN } order;
} question;

enum { ANSWERS = 7 };

/* out: y, then its gradient in each x; SECOND: then the gradient of all of these in each x; HESSIAN: then the Jacobian
 * of each one in each x, row by row. Gives their number. Compiled functions run native code or fail. */
int answer(ebb_context *ebb, const question *q, way w, ebb_tensor *const *x, ebb_tensor *out[ANSWERS]);

/* The function that runs in way w: `inside` derives by itself, `value` is derived from outside. NULL for EAGER_TAPE,
 * which has no function. */
ebb_function *function_of_way(ebb_context *ebb, way w, ebb_body *value, void *value_data, ebb_body *inside,
                              void *inside_data, int results);

#endif
