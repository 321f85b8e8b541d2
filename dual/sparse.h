/* sparse.h - sparse Jacobians and Hessians: functions to functions whose result is the entries of a pattern.
 *
 * The pattern is found in the program (pattern.h), the columns are coloured (colour.h), and one program computes all
 * products together: the pass for one direction, batched over the sums of unit vectors of each colour, which shares the
 * primal. The entries are then gathered. Start reading at ebb_sparse_hessian_graph. */
#ifndef EBB_DUAL_SPARSE_H
#define EBB_DUAL_SPARSE_H

#include "dual/colour.h"
#include "dual/dual.h"

/* What a transform brings along: parameters behind f's, which are always given the same elements. */
typedef struct ebb_hidden {
    ebb_type type;
    void *data; /* owned */
} ebb_hidden;

/* Rows: the elements of all real results, one after the other (of a Hessian: those of all wrt). Columns: the elements
 * of all wrt. */
typedef struct ebb_sparse {
    const ebb_allocator *allocator;
    ebb_compressed plan; /* but for `place`, which is hidden */
    int hiddens;
    ebb_hidden hidden[EBB_MOST_HIDDEN];
} ebb_sparse;
void ebb_sparse_free(ebb_sparse *s);

/* Both fill *spec->brought, which the caller frees; nothing is in it if they fail.
 *
 * In: f's, then the hidden ones. Out: [value, gradients,] entries [n] by rows, state. All wrt are of one dtype; f's
 * result 0 must be a scalar of a float dtype. */
ebb_graph *ebb_sparse_hessian_graph(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag);
/* In: f's, then the hidden ones. Out: [results,] entries [n] by rows, state. All wrt and all real results are of one
 * dtype. */
ebb_graph *ebb_sparse_jacobian_graph(const ebb_graph *f, ebb_road road, const ebb_dual_spec *spec, ebb_diag *diag);

#endif
