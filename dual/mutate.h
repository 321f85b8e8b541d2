/* mutate.h - for the test of the tests: a derivative rule that gives the wrong sign must be noticed.
 *
 * Only where rules.c is compiled with EBB_MUTATE, as the test does with a copy of its own; the library has none of it.
 */
#ifndef EBB_DUAL_MUTATE_H
#define EBB_DUAL_MUTATE_H

#include "jit/graph/types.h"

typedef struct ebb_mutant {
    ebb_op op;   /* its rule lies; EBB_OP_NONE: none does */
    int operand; /* about this operand; a choice is about operand 0 */
    int asked;   /* counts the lies */
} ebb_mutant;
extern ebb_mutant ebb_dual_mutate;

#endif
