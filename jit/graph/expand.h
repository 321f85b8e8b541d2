/* expand.h - the seam between expand.c, which walks a graph, and macros.c, which knows the formulas. */
#ifndef EBB_EXPAND_H
#define EBB_EXPAND_H

#include "jit/graph/build.h"

/* The value of a MACRO operation on operands x of the builder's graph, in operations that are none. */
ebb_id ebb_expand_macro(ebb_builder *b, ebb_op op, const ebb_id *x, ebb_attr attr);

#endif
