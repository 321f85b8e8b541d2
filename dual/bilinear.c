/* bilinear.c - the transposes of products, one per operand: the other operand is a constant of the linear map. */
#include "dual/rules.h"

ebb_id transpose_mul(ebb_builder *b, const ebb_primal *p, ebb_id ct, int i) { return ebb_times(b, ct, p->x[1 - i]); }

/* With X [m,k] and Y [k,n], X's cotangent is ct Y' and Y's is X' ct. Which operand is stored transposed only decides
 * how the product reads it, and whether the transposed product is the one that is asked for. */
ebb_id transpose_dot(ebb_builder *b, const ebb_primal *p, ebb_id ct, int i) {
    const int64_t *flag = ebb_attr_of(b->graph, p->y).v;
    bool tx = flag[0] != 0, ty = flag[1] != 0;
    ebb_id x = p->x[0], y = p->x[1];
    if (i == 0) return tx ? ebb_g_dot(b, y, ct, ty, true) : ebb_g_dot(b, ct, y, false, !ty);
    return ty ? ebb_g_dot(b, ct, x, true, tx) : ebb_g_dot(b, x, ct, !tx, false);
}
