/* eval.h - the evaluator: eager execution, and whole graphs without a compiler (first tier, and fall-back).
 *
 * One kernel per operation in plain C (eval_<name>), chosen by dtype; operands are strided views, results contiguous;
 * contiguous and splat operands have fast paths. Same sums as native code to the bit (reduction.h); transcendental
 * functions come from libm, native code's from libmvec: they differ by a stated number of ulp. */
#ifndef EBB_EVAL_H
#define EBB_EVAL_H

#include "jit/graph/graph.h"
#include "jit/runtime/runtime.h"

typedef struct ebb_view { /* strides in elements; a stride of 0 repeats */
    const void *data;
    int64_t stride[EBB_MAX_RANK];
} ebb_view;

void ebb_view_contiguous(ebb_view *v, const void *data, const ebb_shape *shape);

/* Result of one VIEW operation as index arithmetic on its operand; false: this reshape needs a copy. */
bool ebb_eval_view(const ebb_application *app, const ebb_type *arg, const ebb_view *x, const ebb_type *result,
                   ebb_view *y);

/* Runs one operation (any but input, regions, get and macros) into `out`, contiguous, of the result's type. `result` is
 * what ebb_infer gave. Scratch, where WHOLE operations need contiguous operands, comes from `allocator`. `out` may be
 * the memory of a contiguous operand of a POINT operation, if its elements are as large as the result's. */
bool ebb_eval_op(const ebb_application *app, int narg, const ebb_type *type, const ebb_view *arg,
                 const ebb_type *result, void *out, const ebb_allocator *allocator, ebb_diag *diag);

/* Runs a whole expanded graph with concrete shapes. in[k]: contiguous parameter k; out[j]: contiguous room for result j
 * (NULL for an absent one). `known` is NULL or has g->count entries: contiguous values of nodes that need not be
 * computed, NULL where unknown; then inputs that are known may be NULL in `in`. Only nodes that the outputs need run;
 * buffers are used again after their last use. in[k] and out[j] may be the same memory; if the run fails, parameters
 * are as they were. Depth of the graph costs no stack. */
bool ebb_eval_graph(const ebb_graph *g, const void *const *known, const void *const *in, void *const *out,
                    const ebb_allocator *allocator, ebb_diag *diag);

#endif
