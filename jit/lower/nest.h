/* nest.h - one kernel being lowered: its loops, where in them we stand, and which values are known there.
 *
 * Axes of size 1 are dropped first. What stays is the vector axis (the last one) and plain axes, kept and reduced ones.
 * Loops are opened from the outside in; opening one moves the pointers of all accesses along its axis, so that the
 * innermost code finds each address with one addition. Inside jit/lower only. */
#ifndef EBB_NEST_H
#define EBB_NEST_H

#include "jit/lower/emit.h"

/* Accumulators of one FOLD: a row kernel has one vector per part of the slots, a column kernel one. */
#define EBB_FOLD_VECTORS_MAX 16
typedef struct ebb_fold {
    int32_t inst;
    int vectors;
    LLVMValueRef accumulator[EBB_FOLD_VECTORS_MAX]; /* variables */
} ebb_fold;

/* The block tree of reduction.h for the sums of one dtype in one stage. */
typedef struct ebb_ledger {
    ebb_dtype dtype;
    int sums;
    int64_t width;          /* numbers in a block: sums * lanes of a result */
    int64_t period, blocks; /* additions (of the unit) per block; blocks in all */
    bool per_chunk;         /* the unit is a chunk of vectors, else a whole row (or one index of a column) */
    LLVMValueRef left, block, value,
        stack; /* variables: units left in this block, blocks so far, one block, the tree */
} ebb_ledger;

typedef struct ebb_for {
    LLVMBasicBlockRef head;
    LLVMValueRef index;
    int64_t count, step;
} ebb_for;

/* Where a vector lies on the vector axis: at index + shift (index NULL: 0), with `active` lanes that count. */
typedef struct ebb_at {
    LLVMValueRef index;
    int64_t shift;
    int active;
} ebb_at;

#define EBB_DEPTH_MAX (EBB_MAX_RANK + 2)
typedef struct ebb_nest {
    ebb_emit *e;
    const ebb_kernel *k;
    LLVMValueRef function;
    LLVMValueRef *held;            /* NULL, or the value of each buffer: there is no memory then */
    int lanes;                     /* of a full vector; 1 if there is no vector axis */
    bool ragged;                   /* some FOLDs or STOREs have a span */
    int64_t summed;                /* how far the FOLDs go along the last axis; the others: ebb_nest_span */
    int64_t only;                  /* FOLDs and STOREs of that span alone are emitted, where the others end; 0: all */
    int vector;                    /* the vector axis, or -1 */
    bool reducing, vector_reduced; /* the kernel has stages; they run along the vector axis */
    int kept[EBB_MAX_RANK], keeps, reduced[EBB_MAX_RANK], reductions; /* the plain axes */
    ebb_for loop[EBB_DEPTH_MAX];
    int loops;
    LLVMValueRef index[EBB_MAX_RANK]; /* of the plain axes; NULL: 0 */
    int turned;                       /* a short kept axis that is walked within each vector; -1: none */
    int64_t turn;                     /* the index on it */
    ebb_at at;
    bool inside;                             /* of all bounds along the vector axis (bounds.c): they are true */
    LLVMValueRef *cursor[EBB_DEPTH_MAX + 1]; /* [depth][inst]: address of each access, moved along the axes entered */
    int depth;
    int32_t *twin;               /* [inst]: of a LOAD, an earlier one of the same place, under another guard; or -1 */
    LLVMValueRef *value, *splat; /* [inst]: known values; those of kernel or row level as vectors of `lanes` */
    bool *turns;    /* [inst]: differs along the turned axis; the others are known from its first index on */
    bool *need;     /* [inst]: wanted by the region that is being emitted */
    ebb_fold *fold; /* of the stage that is being emitted */
    int folds;
    ebb_ledger ledger[2];
    int ledgers, unroll, stage;
} ebb_nest;

enum { EBB_LEVEL_KERNEL, EBB_LEVEL_ROW, EBB_LEVEL_ELEMENT };

/* nest.c: axes, loops, positions */
void ebb_nest_axes(ebb_nest *t);
void ebb_nest_find_turned(ebb_nest *t);
void ebb_nest_turn(ebb_nest *t, int64_t index); /* enters the turned axis there; undone by ebb_nest_turn_back */
void ebb_nest_turn_back(ebb_nest *t);
int ebb_nest_level(const ebb_nest *t, const ebb_inst *inst); /* of the region that emits it */
int ebb_nest_lanes(const ebb_nest *t, int level);
int64_t ebb_nest_span(const ebb_nest *t, const ebb_inst *inst); /* of a FOLD or STORE */
bool ebb_nest_takes(const ebb_nest *t, const ebb_inst *inst);   /* whether it is emitted where we stand */
void ebb_nest_bases(ebb_nest *t, LLVMValueRef in, LLVMValueRef out, LLVMValueRef work);
void ebb_nest_open(ebb_nest *t, int axis);
void ebb_nest_close(ebb_nest *t, int axis);
LLVMValueRef ebb_loop_open(ebb_nest *t, int64_t count, int64_t step);
void ebb_loop_close(ebb_nest *t);
void ebb_nest_enter_vector(ebb_nest *t);
void ebb_nest_leave_vector(ebb_nest *t);
LLVMValueRef ebb_variable_new(ebb_nest *t, LLVMTypeRef type); /* an alloca in the function's first block */

/* bounds.c: comparisons of the index on the vector axis with a number, as pads have them */
bool ebb_is_bound(const ebb_nest *t, int32_t inst);
void ebb_nest_inside(const ebb_nest *t, int64_t *from, int64_t *to); /* where all of them hold; nothing: to <= from */

/* access.c: memory */
LLVMValueRef ebb_access_load(ebb_nest *t, int32_t inst, int lanes);
void ebb_access_store(ebb_nest *t, int32_t inst, LLVMValueRef x, int lanes);
LLVMValueRef ebb_access_iota(ebb_nest *t, int32_t inst, int lanes);

/* body.c: values on demand */
void ebb_body_forget(ebb_nest *t, int level); /* values of that level and above, and all splats */
void ebb_body_close(ebb_nest *t);             /* need: whatever the needed ones need */
void ebb_body_emit(ebb_nest *t, int level);   /* needed values of that level */
void ebb_body_store(ebb_nest *t, int level);  /* needed stores of that level */
LLVMValueRef ebb_body_operand(ebb_nest *t, int32_t inst, int lanes);

/* sums.c: folds */
void ebb_sums_begin(ebb_nest *t);
void ebb_sums_add(ebb_nest *t);                  /* the vector at t->at */
void ebb_sums_tick(ebb_nest *t, bool per_chunk); /* one unit of additions is done */
void ebb_sums_end(ebb_nest *t);                  /* the folds have their values */

#endif
