/* pattern.h - which elements of a Jacobian may differ from zero, found in the program without running it.
 *
 * Every node between x and y gets the relation of its elements to those of x: of an operand's, followed through the
 * structure of the operation. No number is looked at but those that are known (known.h), no direction is tried, and no
 * matrix is made: see relation.h for how that stays small. Start reading at ebb_pattern_nodes. */
#ifndef EBB_DUAL_PATTERN_H
#define EBB_DUAL_PATTERN_H

#include "dual/known.h"
#include "dual/relation.h"

/* The pattern of the derivative of nodes y[m] in nodes x[n]: a row for each element of y[0], then of y[1] ..., a column
 * for each element of x[0], x[1] .... r is started here, with its limit; free it in any case. given: see
 * ebb_known_find. */
bool ebb_pattern_nodes(const ebb_graph *g, const void *const *given, double most, int n, const ebb_id *x, int m,
                       const ebb_id *y, ebb_relation *r);

/* ---- one operation (structure.c) ---- */
/* Whether element k of node y depends on element k of its operand i and on no other one of it. */
bool ebb_structure_same(const ebb_graph *g, ebb_id y, int i);
/* Adds the pairs (element of node y, element of its operand i) of which one depends on the other smoothly. */
bool ebb_structure_add(ebb_relation *r, const ebb_graph *g, const ebb_known *known, ebb_id y, int i);
bool ebb_structure_places(ebb_op op); /* operand 1 says which elements */

#endif
