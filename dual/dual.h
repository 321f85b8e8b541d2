/* dual.h - derivatives and batches: a graph goes in, a graph comes out. Knows nothing of LLVM, nor of eager tensors.
 *
 * Three passes append to an expanded graph (ebb_expand) through the deriving door; everything else is made of them:
 *   ebb_jet_nodes   forward, of any order: the Taylor coefficients of each node, in order.
 *   ebb_vjp_nodes   reverse: the adjoint loop. The cotangent of each node, in reverse order.
 *   ebb_vmap_nodes  batching: every node for many examples at once.
 * A fourth is a forward pass of second order that adds up many directions as it goes: ebb_collapse_nodes (basis.h).
 * ebb_jvp_nodes, dual numbers, is the jet of order 1.
 * Because all take and give ids of the same graph, any nesting is a second call, and perturbations cannot be confused:
 * each call has tables of its own, nothing is stored in nodes. EBB_ABSENT is the symbolic zero of every derivative.
 *
 * Each operation gives one derivative and no more, by family (jit/graph/ops.def): partial_<name> (smooth.c),
 * transpose_<name> (linear.c, bilinear.c), choice_<name> (selection.c). For batches, those that look at axes have
 * batch_<name> (batch.c). What a select has let through stays guarded by its condition, so a NaN or infinity of the
 * branch not taken stays out of every derivative (guard.c).
 * A region (cond, loop, unloop, custom) is derived as a whole, into regions on functions that these passes derive
 * (region.h): nothing is unrolled, and reverse mode through a loop of any length takes bounded memory.
 * Every node appended carries the line of the node that it was made for; what a derivative appends, also that it is
 * part of this derivative (of the derivative that the other one was part of): ebb_site. Start reading at rules.h, then
 * forward.c. */
#ifndef EBB_DUAL_H
#define EBB_DUAL_H

#include "jit/graph/cost.h"

/* dy[j] = tangent of node y[j], when node x[i] (any nodes, also intermediate ones) has tangent dx[i] of the same type
 * (EBB_ABSENT: zero). */
bool ebb_jvp_nodes(ebb_graph *g, int n, const ebb_id *x, const ebb_id *dx, int m, const ebb_id *y, ebb_id *dy);

/* The Taylor coefficients of y along a curve: dy[j * order + k - 1] is that of t^k in y[j], when x[i] moves as x[i] +
 * sum of dx[i * order + k - 1] t^k. Not multiplied by k!. */
enum { EBB_MOST_ORDER = 100 };
bool ebb_jet_nodes(ebb_graph *g, int order, int n, const ebb_id *x, const ebb_id *dx, int m, const ebb_id *y,
                   ebb_id *dy);

/* dx[i] = cotangent of node x[i], when node y[j] has cotangent ct[j] of y's type; EBB_ABSENT where no path leads from x
 * to any y. x may name intermediate nodes; the same node twice gets the full cotangent twice. */
bool ebb_vjp_nodes(ebb_graph *g, int m, const ebb_id *y, const ebb_id *ct, int n, const ebb_id *x, ebb_id *dx);

/* by[j] = node y[j] for n examples, with one more axis in front, of size n, when x[i] (any nodes) has the examples
 * bx[i], of x[i]'s type with that axis in front. EBB_ABSENT: y[j] is the same for all of them. */
bool ebb_vmap_nodes(ebb_graph *g, int64_t n, int count, const ebb_id *x, const ebb_id *bx, int m, const ebb_id *y,
                    ebb_id *by);

/* ---- functions to functions ----
 * `f`: any recorded graph. Its first spec->results outputs are results; the others are state, which every transform
 * passes through exactly once, after its own results. wrt names parameters; each must be f32 or f64. */
typedef struct ebb_dual_spec {
    int nwrt;
    const int *wrt;             /* nwrt 0: parameter 0 */
    int results;                /* 0: all outputs */
    int auxiliary;              /* so many results, the last ones, are given as they are: no transform derives them */
    bool value;                 /* where results are not given anyway: give them too, first */
    int64_t budget;             /* bytes beside the parameters, where there is a choice; 0: EBB_DEFAULT_BUDGET */
    const char *road;           /* which one to take, by its name; NULL: the usual one, or the cheapest */
    const void *const *known;   /* [parameters of f]: the elements of those that never change, NULL for others; NULL: of
                                 * none. Sparse patterns follow indices that are known */
    struct ebb_sparse *brought; /* gets what a derivative by its pattern brings along (sparse.h); NULL: none may */
    struct ebb_roads *roads; /* gets what the roads cost and which was taken; NULL: they are weighed to decide only */
} ebb_dual_spec;
enum { EBB_DEFAULT_BUDGET = 1 << 28, EBB_MOST_HIDDEN = 4 };

/* ---- roads ----
 * What can be computed in several ways is computed in the cheapest one (roads.c). */
typedef struct ebb_candidate {
    const char *road;           /* "forward"; static */
    int64_t directions, blocks; /* of all passes together; one block after the other */
    ebb_cost cost;
    double peak;      /* as in ebb_bill */
    ebb_diag refusal; /* why it cannot be, if it cannot */
} ebb_candidate;
enum { EBB_MOST_ROADS = 6 };
typedef struct ebb_roads {
    int count, chosen;
    ebb_candidate candidate[EBB_MOST_ROADS];
    char why[256];
} ebb_roads;

/* In: f's. Out: [value,] cotangent of each wrt (zeros where unconnected), state. f's result 0 must be a scalar of a
 * float dtype; other results are auxiliary: given (after the value) if spec->value. */
ebb_graph *ebb_grad_graph(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag);
/* In: f's, then one tangent per wrt. Out: results, then their tangents, state. */
ebb_graph *ebb_jvp_graph(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag);
/* In: f's, then one direction v per wrt. Out: results, then for each the stack [order, y...] of the Taylor coefficients
 * of t -> f(x + t v): row k - 1 is that of t^k, the k-th derivative by k!. State. */
ebb_graph *ebb_jet_graph(const ebb_graph *f, int order, const ebb_dual_spec *spec, ebb_diag *diag);
/* The same along curves: in place of a direction the stack [order, x...] of the coefficients of a curve through x. */
ebb_graph *ebb_jet_series_graph(const ebb_graph *f, int order, const ebb_dual_spec *spec, ebb_diag *diag);
/* In: f's, where parameter k has one more axis, of size n, at in_axes[k]; -1: it has none and is the same for all
 * examples. Out: results, result j with the examples at out_axes[j]; state, which must be the same for all examples. */
ebb_graph *ebb_vmap_graph(const ebb_graph *f, int64_t n, const int *in_axes, const int *out_axes,
                          const ebb_dual_spec *spec, ebb_diag *diag);
/* In: f's, then one cotangent per result. Out: results, then the cotangent of each wrt, state. */
ebb_graph *ebb_vjp_graph(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag);
/* Forward over reverse. In: f's, then one direction per wrt. Out: [results, gradients,] Hessian-vector product per wrt,
 * state. */
ebb_graph *ebb_hvp_graph(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag);
/* In: f's. Out: [results,] for each result, in each wrt, the block of shape y + x; absent for a result that is not
 * real; state. By columns (forward), by rows (reverse), or by what is cheaper, for which both are written. */
ebb_graph *ebb_jacobian_graph(const ebb_graph *f, ebb_road road, const ebb_dual_spec *spec, ebb_diag *diag);
/* The same where x [n, b...] and y [n, a...] are batches whose rows do not depend on each other: blocks [n, a...,
 * b...], row by row. */
ebb_graph *ebb_batch_jacobian_graph(const ebb_graph *f, ebb_road road, const ebb_dual_spec *spec, ebb_diag *diag);
/* In: f's. Out: [results, gradients,] for each pair (i, j) of wrt, row by row, the block of shape xi + xj, state. */
ebb_graph *ebb_hessian_graph(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag);
/* The sum of a_ij d^2 / dx_i dx_j, for a symmetric matrix a [d,d], over all elements x of wrt one after the other, of
 * which there must be d; a NULL: the Laplacian, that of the identity. In: f's. Out: results, then of each the operator,
 * of its type, absent if it is not real; state. One forward pass (collapse.c). */
ebb_graph *ebb_second_order_graph(const ebb_graph *f, int64_t d, const double *a, const ebb_dual_spec *spec,
                                  ebb_diag *diag);
/* The diagonal of the Hessian of result 0, a float scalar, in each wrt, of its shape. In: f's. Out: [results,]
 * diagonals, state. (diagonal.c) */
ebb_graph *ebb_hessian_diagonal_graph(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag);
/* Two programs: *primal has f's inputs and gives results, then residuals, then state; *linear takes the residuals, then
 * one tangent per wrt, and gives the tangents of the results. For many directions from one primal. */
bool ebb_linearize_graph(const ebb_graph *f, const ebb_dual_spec *spec, ebb_graph **primal, ebb_graph **linear,
                         ebb_diag *diag);
/* f again, computed as one region: reverse mode through it keeps its inputs only, and computes what lies between again
 * when it comes back. In and out: f's. */
ebb_graph *ebb_remat_graph(const ebb_graph *f, ebb_diag *diag);
/* The transpose of a program linear in its wrt parameters. In: the other parameters, then one cotangent per result.
 * Out: the cotangent of each wrt, state. An error names the first operation that is not linear. */
ebb_graph *ebb_transpose_graph(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag);

/* ---- where NaN come from (births.c) ----
 * The instrumented variant of f, an expanded program of concrete sizes: the same inputs; output id - 1 belongs to node
 * id of f. It is an i64 scalar: the row-major index of the first element that was born there and reaches a result of f,
 * or the number of elements if none was. A NaN is born where nothing that it was computed from is one; what a selection
 * did not take counts for nothing. Inputs and constants bear what they bring. An absent output: not float, empty, or
 * on no way to a result. Ids of f are ids of the variant. `infinite`: infinities count too. */
ebb_graph *ebb_births_graph(const ebb_graph *f, bool infinite, ebb_diag *diag);
bool ebb_births_known(ebb_op op); /* for tests: whether it is known what op's results are computed from */

#endif
