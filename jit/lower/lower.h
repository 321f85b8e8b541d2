/* lower.h - from a plan to a module of LLVM IR.
 *
 * Each kernel becomes one function of (in, out, work); the entry function calls them in order, and the routines of
 * jit/runtime between them. What regions run are functions of the same kind: a branch calls one of two, a loop gives
 * the driver of jit/runtime their addresses. Vectors are explicit and tails are masked, so nothing is left to LLVM's
 * vectorisers: the only passes wanted afterwards are those named in `passes`. Nothing here carries a fast-math flag:
 * every operation is the IEEE one, in the order that reduction.h says. Start reading at lower.c, then kernel.c. */
#ifndef EBB_LOWER_H
#define EBB_LOWER_H

#include <llvm-c/Core.h>

#include "jit/plan/plan.h"

typedef struct ebb_lower_options {
    const char *symbol; /* name of the entry function; the others are named after it */
    const char *triple;
    const char *layout; /* data layout text of the target */
    int vector_bits;    /* 128, 256 or 512: what the target has */
    bool no_turning;    /* for tests: nest.h's turned axis */
} ebb_lower_options;

typedef struct ebb_lowered {
    LLVMModuleRef module;
    const char *passes; /* NULL: none are wanted */
    int64_t looped;     /* instructions in loop nests */
} ebb_lowered;

/* The caller owns the context and, after success, the module. */
bool ebb_lower(LLVMContextRef context, const ebb_plan *plan, const ebb_lower_options *options, ebb_lowered *lowered,
               ebb_diag *diag);

/* The address of a function of libm or libmvec in this process, or NULL. Lowered code calls no other libraries. */
void *ebb_lower_math_address(const char *name);

#endif
