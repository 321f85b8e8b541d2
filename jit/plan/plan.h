/* plan.h - from graph to kernels: what is fused, what is stored, where it lives. Decided before LLVM sees anything.
 *
 * A plan is a list of steps run in order over buffers. A step is a kernel (a fused loop nest), a routine (a WHOLE
 * operation of jit/runtime), a copy, or a region, which runs other plans. Everything is concrete: shapes, strides,
 * offsets.
 *
 * A kernel walks an iteration space of up to eight axes; each axis is kept or reduced. Loop order: kept axes outermost
 * in order, reduced axes inside in order; the vector axis is always the last axis of the space (-1: no axes, or scalar
 * code). If the last axis is kept, vectors run along it and row values are vectors ("column kernel", or elementwise
 * when nothing is reduced); if it is reduced, vectors run along it inside and row values are scalars ("row kernel").
 *
 * Values of a kernel are instructions in topological order. Their level says where they are constant:
 *   0 kernel: once per call        1 row: once per kept index        2 element: every index
 * (without reduced axes the row is the innermost level). A REDUCE instruction has level 1 (0 if no kept axes) and an
 * operand of level <= 2. Stages: a kernel runs `stages` passes over its reduced axes; REDUCE and element-level STORE
 * instructions say in which pass they happen; the pass's code is whatever they need (lower emits on demand, so an
 * element value needed in two passes is recomputed). REDUCE results of pass s are available to row code and to passes >
 * s. Row- and kernel-level STOREs happen after the last pass.
 *
 * Kernels may be ragged: FOLDs and STOREs of what differs in length along the last axis, as a function and its gradient
 * do if the function looks at neighbours. Then some have a span, the indices of the last axis that they take part in,
 * and all of a kernel's FOLDs have the same. Such a kernel has one pass at most, and its last axis is reduced, or none.
 *
 * A LOAD may have a guard, a bool: where it is false nothing is read (the place may be outside of the buffer), and the
 * value is 0. So pads cost no memory.
 *
 * Invariants: instruction operands are earlier instructions; STOREs come last; every kernel has a STORE. What a kernel
 * stores it does not load, with two exceptions, both at the same index: an output that aliases an input (in place), and
 * a spill: an element value that is dear and needed in a later pass is stored in its own pass and loaded in later ones
 * (the LOAD's stage says from which on; only instructions of those passes use it). */
#ifndef EBB_PLAN_H
#define EBB_PLAN_H

#include "jit/graph/loop.h"
#include "jit/graph/reduction.h"
#include "jit/graph/routine.h"

typedef enum ebb_place { EBB_IN_INPUT, EBB_IN_OUTPUT, EBB_IN_ARENA, EBB_IN_POOL } ebb_place;

typedef struct ebb_buffer {
    ebb_place place;
    int32_t index;  /* INPUT: parameter; OUTPUT: result */
    int64_t offset; /* ARENA: bytes from `work`, a multiple of 64, but of 8 if bytes <= 8; POOL: bytes into plan->pool,
                     * a multiple of 8 */
    int64_t bytes;
    ebb_dtype dtype;
} ebb_buffer;

typedef enum ebb_inst_kind { EBB_LOAD, EBB_CONST, EBB_IOTA, EBB_APPLY, EBB_FOLD, EBB_STORE } ebb_inst_kind;

typedef struct ebb_inst {
    uint8_t kind;  /* ebb_inst_kind */
    uint8_t dtype; /* of the value; STORE: of what is stored */
    uint8_t level;
    uint8_t op;         /* APPLY: a POINT operation; FOLD: EBB_OP_sum or EBB_OP_reduce_max */
    int32_t stage;      /* FOLD, STORE of level 2: the pass; LOAD of a spill: the first pass that reads it; else 0 */
    int32_t operand[3]; /* instruction numbers; -1. Of a LOAD the first is its guard, if any */
    int32_t buffer;     /* LOAD, STORE */
    int64_t offset;     /* LOAD, STORE: first element; IOTA: first value */
    int64_t span;       /* FOLD, STORE: less than the extent of the last axis; 0: it takes part in all of it */
    int64_t stride[EBB_MAX_RANK]; /* LOAD, STORE: elements per step of each kernel axis; IOTA: value per step */
    uint64_t bits;                /* CONST: the value's bits, in the low bytes */
    ebb_id node;                  /* the graph node it came from, for names and lines */
} ebb_inst;

typedef struct ebb_kernel {
    int32_t axes;
    int64_t extent[EBB_MAX_RANK];
    bool reduced[EBB_MAX_RANK];
    int32_t stages; /* passes over the reduced axes; 0 without reduced axes */
    int32_t count;  /* instructions */
    ebb_inst *inst;
} ebb_kernel;

typedef enum ebb_step_kind { EBB_STEP_KERNEL, EBB_STEP_ROUTINE, EBB_STEP_COPY, EBB_STEP_REGION } ebb_step_kind;

typedef struct ebb_nested { /* what a region does */
    int32_t operands, results;
    int32_t *in, *out;              /* buffers: [operands], [results]; -1: that result is absent */
    int32_t work;                   /* a buffer for the plans and for the driver of loops; -1: they need none */
    const struct ebb_plan *plan[3]; /* in the order of ebb_region.callee; NULL: there is none */
    ebb_loop_desc *loop;            /* NULL: a branch */
    int64_t numbers;                /* int64 numbers in *loop */
} ebb_nested;

typedef struct ebb_step {
    ebb_step_kind kind;
    ebb_kernel kernel;  /* KERNEL */
    ebb_op op;          /* ROUTINE, REGION */
    ebb_nested *nested; /* REGION */
    int32_t ndesc;
    int64_t desc[EBB_DESCRIBE_MAX]; /* ROUTINE */
    int32_t in[3], nin, out;        /* ROUTINE: buffers; COPY: in[0] -> out, the whole buffer */
    int32_t scratch;                /* ROUTINE: a buffer that only it touches; -1: it wants none */
    ebb_id node;
} ebb_step;

typedef struct ebb_plan {
    const ebb_allocator *allocator;
    const ebb_graph *graph; /* retained: names and lines */
    int32_t results;        /* the first so many outputs of the graph are wanted */
    ebb_buffer *buffer;
    int32_t buffers;
    ebb_step *step;
    int32_t steps;
    int64_t arena_bytes; /* size of `work`; 64-byte aligned by the caller */
    unsigned char *pool;
    int64_t pool_bytes;       /* constants of more than one element */
    struct ebb_plan **nested; /* [nesteds]: of the functions that regions run, callees first; only the program's own
                               * plan has them all, and owns them */
    int32_t nesteds;
} ebb_plan;

typedef struct ebb_plan_options {
    /* alias[j] (of g->outputs entries, or NULL): the parameter whose memory result j may share (a variable updated in
     * place), or -1. The plan is right whether or not the caller passes the same pointer for both. */
    const int32_t *alias;
    int32_t scalar_chunk; /* instructions per straight-line kernel; 0: 1000 */
    int64_t far_bytes;    /* a value of so many bytes is not near when another kernel wants it; 0: 256 kB */
    bool no_fusion;       /* one kernel per operation: for tests and for measuring what fusion gives */
    bool no_ragged;       /* for tests: what differs in length is not in one kernel */
    bool no_recomputing;  /* for tests: what another kernel uses is stored, however cheap */
    bool no_reuse;        /* for tests: no two buffers share scratch memory */
} ebb_plan_options;

/* Plans an expanded graph with concrete shapes (ebb_expand). NULL: an error in diag. */
ebb_plan *ebb_plan_new(const ebb_graph *g, const ebb_plan_options *options, ebb_diag *diag);
void ebb_plan_free(ebb_plan *plan);
char *ebb_plan_print(const ebb_plan *plan); /* readable text: steps, kernels, instructions, arena; ebb_mem_free it */

#endif
