/* macros_matrix.c - what the MACRO operations of linear algebra stand for.
 *
 * They share the factors of their matrix, which are computed once, whatever is asked of it, derivatives too. */
#include "jit/graph/macros.h"

ebb_id expand_solve(ebb_builder *b, const ebb_id *x, ebb_attr transposed) {
    return ebb_g_lu_solve(b, x[0], ebb_g_lu(b, x[0]), x[1], transposed.v[0] != 0);
}
