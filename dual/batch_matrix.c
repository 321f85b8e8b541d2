/* batch_matrix.c - batching rules of linear algebra, whose leading axes are a batch of matrices anyway. */
#include "dual/batch.h"

#include <string.h>

#define BATCH(name, formula)                                                                                           \
    ebb_id batch_##name(ebb_batch *w, const ebb_primal *p) { return formula; }

static ebb_id of_matrices(ebb_batch *w, const ebb_primal *p) {
    ebb_attr old = ebb_attr_of(w->b.graph, p->y);
    return ebb_batch_again(w, p, old.n, old.v);
}

BATCH(lu, of_matrices(w, p))
BATCH(cholesky, of_matrices(w, p))
BATCH(cofactor, of_matrices(w, p))
BATCH(lu_det, of_matrices(w, p))
BATCH(lu_logdet, of_matrices(w, p))
BATCH(lu_sign, of_matrices(w, p))
BATCH(qr, of_matrices(w, p))
BATCH(eigh, of_matrices(w, p))
BATCH(svd, of_matrices(w, p))

/* r [n, b..., rows, columns] as [b..., rows, n * columns]. */
static ebb_id side_by_side(ebb_batch *w, ebb_id r) {
    const int last = ebb_shape_of(w->b.graph, r)->rank - 1;
    r = ebb_move_axis(&w->b, r, 0, last - 1);
    if (r == EBB_POISON) return r;
    ebb_shape to = *ebb_shape_of(w->b.graph, r);
    to.dim[last - 1] *= to.dim[last];
    to.dim[last] = 0;
    to.rank--;
    return ebb_g_reshape(&w->b, r, &to);
}

/* And back, to that shape. */
static ebb_id apart(ebb_batch *w, ebb_id r, const ebb_shape *examples) {
    const int last = examples->rank - 1;
    if (r == EBB_POISON) return r;
    ebb_shape to = *ebb_shape_of(w->b.graph, r);
    to.rank++;
    to.dim[last - 1] = examples->dim[0];
    to.dim[last] = examples->dim[last];
    return ebb_move_axis(&w->b, ebb_g_reshape(&w->b, r, &to), last - 1, 0);
}

/* Examples of the right sides with one matrix for all: their columns are columns of one right side. */
static ebb_id system_of(ebb_batch *w, const ebb_primal *p) {
    const int right = p->arity - 1;
    for (int i = 0; i < right; i++)
        if (w->x[i] != EBB_ABSENT) return of_matrices(w, p);
    const ebb_shape examples = *ebb_shape_of(w->b.graph, w->x[right]);
    if (!ebb_shape_concrete(&examples)) return of_matrices(w, p);
    ebb_id arg[3];
    memcpy(arg, p->x, sizeof arg);
    arg[right] = side_by_side(w, w->x[right]);
    return arg[right] == EBB_POISON ? EBB_POISON : apart(w, ebb_apply(&w->b, p, arg), &examples);
}
BATCH(triangular_solve, system_of(w, p))
BATCH(lu_solve, system_of(w, p))
