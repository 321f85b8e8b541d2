/* build.h - formulas as graph: one short function per operation, through the deriving door.
 *
 * For the passes that write programs: expand.c and dual/. Point operations come from the list (ebb_g_tanh(g, x),
 * ebb_g_mul(g, x, y)); the others are declared below. Nodes made here carry the site given by ebb_g_at, so that a
 * derivative's node points to the user's line of the primal it came from. Poison in gives poison out. */
#ifndef EBB_BUILD_H
#define EBB_BUILD_H

#include "jit/graph/graph.h"

/* A builder: where nodes go and whose line they carry. Pass by pointer; it lives on the caller's stack. */
typedef struct ebb_builder {
    ebb_graph *graph;
    ebb_site site;
} ebb_builder;

ebb_id ebb_g_point(ebb_builder *b, ebb_op op, int narg, ebb_id x, ebb_id y, ebb_id z);

/* One function for each POINT row, by its number of operands. */
#define EBB_BUILD_0(name)
#define EBB_BUILD_1(name)                                                                                              \
    static inline ebb_id ebb_g_##name(ebb_builder *b, ebb_id x) { return ebb_g_point(b, EBB_OP_##name, 1, x, 0, 0); }
#define EBB_BUILD_2(name)                                                                                              \
    static inline ebb_id ebb_g_##name(ebb_builder *b, ebb_id x, ebb_id y) {                                            \
        return ebb_g_point(b, EBB_OP_##name, 2, x, y, 0);                                                              \
    }
#define EBB_BUILD_3(name)                                                                                              \
    static inline ebb_id ebb_g_##name(ebb_builder *b, ebb_id x, ebb_id y, ebb_id z) {                                  \
        return ebb_g_point(b, EBB_OP_##name, 3, x, y, z);                                                              \
    }
#define EBB_BUILD_SOURCE(name, arity)
#define EBB_BUILD_POINT(name, arity) EBB_BUILD_##arity(name)
#define EBB_BUILD_VIEW(name, arity)
#define EBB_BUILD_REDUCE(name, arity)
#define EBB_BUILD_WHOLE(name, arity)
#define EBB_BUILD_NESTED(name, arity)
#define EBB_BUILD_NOWHERE(name, arity)
#define OP(name, family, access, arity, rule) EBB_BUILD_##access(name, arity)
#include "jit/graph/ops.def"
#undef OP

/* The list's ebb_g_cast cannot say to what dtype: only ebb_g_cast_to may be used. */
#pragma GCC poison ebb_g_cast

ebb_id ebb_g_cast_to(ebb_builder *b, ebb_id x, ebb_dtype dtype);
ebb_id ebb_g_number(ebb_builder *b, ebb_dtype dtype, double value); /* a scalar constant */
ebb_id ebb_g_full(ebb_builder *b, ebb_dtype dtype, const ebb_shape *s,
                  double value);                                        /* broadcast of a scalar constant */
ebb_id ebb_g_full_like(ebb_builder *b, ebb_id x, double value);         /* dtype and shape of x */
ebb_id ebb_g_constant(ebb_builder *b, ebb_type type, const void *data); /* at most 64 elements */
ebb_id ebb_g_iota(ebb_builder *b, ebb_dtype dtype, const ebb_shape *s, int axis);

ebb_id ebb_g_broadcast(ebb_builder *b, ebb_id x, const ebb_shape *to, const int64_t *axes); /* axes[rank of x] */
ebb_id ebb_g_reshape(ebb_builder *b, ebb_id x, const ebb_shape *to);
ebb_id ebb_g_transpose(ebb_builder *b, ebb_id x, const int64_t *perm);
ebb_id ebb_g_slice(ebb_builder *b, ebb_id x, const int64_t *start, const int64_t *step, const ebb_shape *to);
ebb_id ebb_g_pad(ebb_builder *b, ebb_id x, const int64_t *low, const int64_t *high, const int64_t *gap);
/* {axis, size, stride, dilation}, as ops.def says. */
ebb_id ebb_g_windows(ebb_builder *b, ebb_id x, const int64_t window[4]);
ebb_id ebb_g_overlap_add(ebb_builder *b, ebb_id x, const int64_t window[4]);
ebb_id ebb_g_reverse(ebb_builder *b, ebb_id x, int naxes, const int64_t *axes);
ebb_id ebb_g_concat(ebb_builder *b, ebb_id x, ebb_id y, int axis);
ebb_id ebb_g_sum(ebb_builder *b, ebb_id x, int naxes, const int64_t *axes);
ebb_id ebb_g_reduce_max(ebb_builder *b, ebb_id x, int naxes, const int64_t *axes);
/* The inverse of a reduction's shape: y (with `axes` gone) stretched back over the shape of x. */
ebb_id ebb_g_expand_axes(ebb_builder *b, ebb_id y, const ebb_shape *to, int naxes, const int64_t *axes);
ebb_id ebb_g_argmax(ebb_builder *b, ebb_id x, int axis);
ebb_id ebb_g_cumsum(ebb_builder *b, ebb_id x, int axis);
ebb_id ebb_g_argsort(ebb_builder *b, ebb_id x, int axis);
ebb_id ebb_g_dot(ebb_builder *b, ebb_id x, ebb_id y, bool tx, bool ty);
/* {transposed, upper, unit}, as ops.def says; whether the matrix is transposed. */
ebb_id ebb_g_triangular_solve(ebb_builder *b, ebb_id a, ebb_id r, const int64_t flag[3]);
ebb_id ebb_g_eye(ebb_builder *b, ebb_id a); /* ones on the diagonal, of a's type */
ebb_id ebb_g_cofactor(ebb_builder *b, ebb_id a);
ebb_id ebb_g_lu_det(ebb_builder *b, ebb_op op, ebb_id a, ebb_id lu); /* op: lu_det, lu_logdet or lu_sign */
ebb_id ebb_g_lu(ebb_builder *b, ebb_id a);
ebb_id ebb_g_lu_solve(ebb_builder *b, ebb_id a, ebb_id lu, ebb_id r, bool transposed);
/* x[0] x[1] + x[2] x[3] + ...: n products by `product`, mul or dot; as one node if there are several. */
ebb_id ebb_g_sum_products(ebb_builder *b, ebb_op product, ebb_attr attr, int n, const ebb_id *x);
/* What a sum of products stands for: each product by itself, added up one after another. */
ebb_id ebb_g_products_apart(ebb_builder *b, const ebb_application *app, int narg, const ebb_id *x);
ebb_id ebb_g_gather(ebb_builder *b, ebb_id x, ebb_id index, int axis);
ebb_id ebb_g_scatter_add(ebb_builder *b, ebb_id x, ebb_id index, ebb_id updates, int axis);
ebb_id ebb_g_scatter_max(ebb_builder *b, ebb_id x, ebb_id index, ebb_id updates, int axis);

#endif
