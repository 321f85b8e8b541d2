/* inside.h - what the files of this room share: one call, and nests of loops over strided operands.
 *
 * Every kernel is an inner loop over one axis; a nest walks the others. Start reading at ebb_eval_op in eval.c. */
#ifndef EBB_EVAL_INSIDE_H
#define EBB_EVAL_INSIDE_H

#include "jit/eval/eval.h"

/* One operation with its operands, as ebb_eval_op got them. */
typedef struct eval_call {
    const ebb_application *app;
    int narg;
    const ebb_type *type;
    const ebb_view *arg;
    const ebb_type *result;
    void *out;
    const ebb_allocator *allocator;
    ebb_diag *diag;
} eval_call;

/* n elements, the result's next to each other; operand k's are step[k] elements apart. y may be the memory of an
 * operand with step 1. */
typedef void eval_loop(int64_t n, void *y, const void *const *x, const int64_t *step);

/* Loops inside one another, the last axis innermost. Axes of size 1 are left out, and neighbours that every operand
 * steps through evenly are one axis. `offset` is where the current index lies in each operand, in elements. */
typedef struct eval_nest {
    int axes, operands;
    int64_t size[EBB_MAX_RANK], at[EBB_MAX_RANK];
    int64_t step[3][EBB_MAX_RANK], offset[3];
} eval_nest;

static inline void eval_nest_start(eval_nest *nest, int operands) {
    nest->axes = 0;
    nest->operands = operands;
    nest->offset[0] = nest->offset[1] = nest->offset[2] = 0;
}

/* A new innermost axis, which is axis `axis` of each operand. */
static inline void eval_nest_push(eval_nest *nest, int64_t size, const ebb_view *operand, int axis) {
    bool merge = nest->axes > 0;
    if (size == 1) return;
    for (int k = 0; merge && k < nest->operands; k++)
        merge = nest->step[k][nest->axes - 1] == operand[k].stride[axis] * size;
    const int a = merge ? nest->axes - 1 : nest->axes++;
    nest->size[a] = merge ? nest->size[a] * size : size;
    nest->at[a] = 0;
    for (int k = 0; k < nest->operands; k++)
        nest->step[k][a] = operand[k].stride[axis];
}

/* The next index of the outer `axes` axes; false after the last one, and then the nest stands at the first again. */
static inline bool eval_nest_next(eval_nest *nest, int axes) {
    for (int a = axes - 1; a >= 0; a--) {
        const bool more = ++nest->at[a] < nest->size[a];
        const int64_t steps = more ? 1 : 1 - nest->size[a];
        for (int k = 0; k < nest->operands; k++)
            nest->offset[k] += nest->step[k][a] * steps;
        if (more) return true;
        nest->at[a] = 0;
    }
    return false;
}

/* Runs `loop` over every index of `shape`; operand k has elements of size[k] bytes, the result of `size_y`. */
void eval_nest_run(eval_loop *loop, const ebb_shape *shape, int narg, const ebb_view *arg, const size_t *size, void *y,
                   size_t size_y);

bool eval_view_is_contiguous(const ebb_view *v, const ebb_shape *shape);
void eval_copy(const ebb_type *type, const ebb_view *from, void *to); /* makes it contiguous */

/* The loop of a point operation but iota; the dtype of its last operand chooses it: select's first one is a bool. NULL:
 * there is none. */
eval_loop *eval_point_loop(ebb_op op, ebb_dtype last, ebb_dtype to);

bool eval_point(const eval_call *c);
bool eval_view(const eval_call *c);
bool eval_reduce(const eval_call *c);
bool eval_routine(const eval_call *c);

extern eval_loop *const eval_cast_loop[EBB_F64 + 1][EBB_F64 + 1]; /* [from][to] */

/* What the compiler needs to hear to vectorise an element by element loop whose result may be one of its operands. */
#if defined(__GNUC__) && !defined(__clang__)
#define EVAL_EACH _Pragma("GCC ivdep")
#else
#define EVAL_EACH
#endif

#endif
