/* macros_matrix.c - what the MACRO operations of linear algebra stand for.
 *
 * They share the factors of their matrix, which are computed once, whatever is asked of it, derivatives too. */
#include "jit/graph/macros.h"

ebb_id expand_solve(ebb_builder *b, const ebb_id *x, ebb_attr transposed) {
    return ebb_g_lu_solve(b, x[0], ebb_g_lu(b, x[0]), x[1], transposed.v[0] != 0);
}

ebb_id expand_inv(ebb_builder *b, const ebb_id *x, ebb_attr none) {
    (void)none;
    return ebb_g_lu_solve(b, x[0], ebb_g_lu(b, x[0]), ebb_g_eye(b, x[0]), false);
}

#define DETERMINANT(name, op)                                                                                          \
    ebb_id expand_##name(ebb_builder *b, const ebb_id *x, ebb_attr none) {                                             \
        (void)none;                                                                                                    \
        return ebb_g_lu_det(b, op, x[0], ebb_g_lu(b, x[0]));                                                           \
    }
DETERMINANT(det, EBB_OP_lu_det)
DETERMINANT(logdet, EBB_OP_lu_logdet)
DETERMINANT(det_sign, EBB_OP_lu_sign)
