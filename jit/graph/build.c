/* build.c - see build.h. Each function fills an application and sends it through the deriving door. */
#include "jit/graph/build.h"
#include "jit/graph/fold.h"
#include "jit/graph/plain_floats.h"

#include <string.h>

static ebb_id derive(ebb_builder *b, ebb_application app, int narg, const ebb_id *arg) {
    app.site = b->site;
    return ebb_derive(b->graph, &app, narg, arg);
}

static int rank_of(const ebb_builder *b, ebb_id x) { return ebb_shape_of(b->graph, x)->rank; }

ebb_id ebb_g_point(ebb_builder *b, ebb_op op, int narg, ebb_id x, ebb_id y, ebb_id z) {
    return derive(b, (ebb_application){.op = op}, narg, (const ebb_id[]){x, y, z});
}

ebb_id ebb_g_cast_to(ebb_builder *b, ebb_id x, ebb_dtype dtype) {
    return derive(b, (ebb_application){.op = EBB_OP_cast, .asked.dtype = dtype}, 1, &x);
}

/* ---- sources ---- */

ebb_id ebb_g_number(ebb_builder *b, ebb_dtype dtype, double value) {
    EBB_PLAIN_FLOATS;
    const ebb_number number = ebb_number_cast((ebb_number){.f64 = value}, EBB_F64, dtype);
    int64_t payload = 0;
    memcpy(&payload, &number, ebb_dtype_size(dtype));
    return derive(b, (ebb_application){EBB_OP_constant, 1, &payload, {.dtype = dtype}, b->site}, 0, NULL);
}

ebb_id ebb_g_full(ebb_builder *b, ebb_dtype dtype, const ebb_shape *s, double value) {
    return ebb_g_broadcast(b, ebb_g_number(b, dtype, value), s, NULL);
}

ebb_id ebb_g_full_like(ebb_builder *b, ebb_id x, double value) {
    if (x == EBB_POISON) return EBB_POISON;
    return ebb_g_full(b, ebb_dtype_at(b->graph, x), ebb_shape_of(b->graph, x), value);
}

ebb_id ebb_g_constant(ebb_builder *b, ebb_type type, const void *data) {
    int64_t payload[64] = {0}, bytes;
    if (!ebb_type_bytes(&type, &bytes) || bytes > (int64_t)sizeof payload) bytes = 0; /* the type rule says no */
    if (bytes) memcpy(payload, data, (size_t)bytes);
    return derive(b, (ebb_application){EBB_OP_constant, (int)((bytes + 7) / 8), payload, type, b->site}, 0, NULL);
}

ebb_id ebb_g_iota(ebb_builder *b, ebb_dtype dtype, const ebb_shape *s, int axis) {
    const int64_t attr = axis;
    return derive(b, (ebb_application){EBB_OP_iota, 1, &attr, {dtype, *s}, b->site}, 0, NULL);
}

/* ---- views ---- */

ebb_id ebb_g_broadcast(ebb_builder *b, ebb_id x, const ebb_shape *to, const int64_t *axes) {
    return derive(b, (ebb_application){EBB_OP_broadcast, rank_of(b, x), axes, {.shape = *to}, b->site}, 1, &x);
}

ebb_id ebb_g_reshape(ebb_builder *b, ebb_id x, const ebb_shape *to) {
    return derive(b, (ebb_application){.op = EBB_OP_reshape, .asked.shape = *to}, 1, &x);
}

ebb_id ebb_g_transpose(ebb_builder *b, ebb_id x, const int64_t *perm) {
    return derive(b, (ebb_application){.op = EBB_OP_transpose, .nattr = rank_of(b, x), .attr = perm}, 1, &x);
}

ebb_id ebb_g_slice(ebb_builder *b, ebb_id x, const int64_t *start, const int64_t *step, const ebb_shape *to) {
    int64_t attr[2 * EBB_MAX_RANK];
    int rank = rank_of(b, x);
    for (int i = 0; i < rank; i++) {
        attr[i] = start[i];
        attr[rank + i] = step[i];
    }
    return derive(b, (ebb_application){EBB_OP_slice, 2 * rank, attr, {.shape = *to}, b->site}, 1, &x);
}

ebb_id ebb_g_pad(ebb_builder *b, ebb_id x, const int64_t *low, const int64_t *high, const int64_t *gap) {
    int64_t attr[3 * EBB_MAX_RANK];
    int rank = rank_of(b, x);
    for (int i = 0; i < rank; i++) {
        attr[i] = low[i];
        attr[rank + i] = high[i];
        attr[2 * rank + i] = gap[i];
    }
    return derive(b, (ebb_application){.op = EBB_OP_pad, .nattr = 3 * rank, .attr = attr}, 1, &x);
}

/* ---- reductions, products, gathers ---- */

static ebb_id on_axes(ebb_builder *b, ebb_op op, int narg, const ebb_id *arg, int naxes, const int64_t *axes) {
    return derive(b, (ebb_application){.op = op, .nattr = naxes, .attr = axes}, narg, arg);
}

ebb_id ebb_g_reverse(ebb_builder *b, ebb_id x, int naxes, const int64_t *axes) {
    return on_axes(b, EBB_OP_reverse, 1, &x, naxes, axes);
}

ebb_id ebb_g_windows(ebb_builder *b, ebb_id x, const int64_t window[4]) {
    return on_axes(b, EBB_OP_windows, 1, &x, 4, window);
}

ebb_id ebb_g_overlap_add(ebb_builder *b, ebb_id x, const int64_t window[4]) {
    return on_axes(b, EBB_OP_overlap_add, 1, &x, 4, window);
}

ebb_id ebb_g_concat(ebb_builder *b, ebb_id x, ebb_id y, int axis) {
    return on_axes(b, EBB_OP_concat, 2, (const ebb_id[]){x, y}, 1, (const int64_t[]){axis});
}

ebb_id ebb_g_sum(ebb_builder *b, ebb_id x, int naxes, const int64_t *axes) {
    return on_axes(b, EBB_OP_sum, 1, &x, naxes, axes);
}

ebb_id ebb_g_reduce_max(ebb_builder *b, ebb_id x, int naxes, const int64_t *axes) {
    return on_axes(b, EBB_OP_reduce_max, 1, &x, naxes, axes);
}

ebb_id ebb_g_expand_axes(ebb_builder *b, ebb_id y, const ebb_shape *to, int naxes, const int64_t *axes) {
    int64_t kept[EBB_MAX_RANK];
    int n = 0, gone = 0;
    for (int i = 0; i < to->rank; i++) {
        if (gone < naxes && axes[gone] == i)
            gone++;
        else
            kept[n++] = i;
    }
    return derive(b, (ebb_application){EBB_OP_broadcast, n, kept, {.shape = *to}, b->site}, 1, &y);
}

ebb_id ebb_g_argmax(ebb_builder *b, ebb_id x, int axis) {
    return on_axes(b, EBB_OP_argmax, 1, &x, 1, (const int64_t[]){axis});
}

ebb_id ebb_g_cumsum(ebb_builder *b, ebb_id x, int axis) {
    return on_axes(b, EBB_OP_cumsum, 1, &x, 1, (const int64_t[]){axis});
}

ebb_id ebb_g_argsort(ebb_builder *b, ebb_id x, int axis) {
    return on_axes(b, EBB_OP_argsort, 1, &x, 1, (const int64_t[]){axis});
}

ebb_id ebb_g_dot(ebb_builder *b, ebb_id x, ebb_id y, bool tx, bool ty) {
    return on_axes(b, EBB_OP_dot, 2, (const ebb_id[]){x, y}, 2, (const int64_t[]){tx, ty});
}

ebb_id ebb_g_sum_products(ebb_builder *b, ebb_op product, ebb_attr attr, int n, const ebb_id *x) {
    ebb_op op = product == EBB_OP_mul ? EBB_OP_sum_mul : EBB_OP_sum_dot;
    return derive(b, (ebb_application){.op = op, .nattr = attr.n, .attr = attr.v}, 2 * n, x);
}

ebb_id ebb_g_products_apart(ebb_builder *b, const ebb_application *app, int narg, const ebb_id *x) {
    ebb_application product = *app;
    product.op = ebb_product_of(app->op);
    ebb_id sum = derive(b, product, 2, x);
    for (int k = 2; k < narg; k += 2)
        sum = ebb_g_add(b, sum, derive(b, product, 2, x + k));
    return sum;
}

ebb_id ebb_g_triangular_solve(ebb_builder *b, ebb_id a, ebb_id r, const int64_t flag[3]) {
    return on_axes(b, EBB_OP_triangular_solve, 2, (const ebb_id[]){a, r}, 3, flag);
}

ebb_id ebb_g_eye(ebb_builder *b, ebb_id a) {
    const ebb_shape s = *ebb_shape_of(b->graph, a);
    ebb_id on = ebb_g_eq(b, ebb_g_iota(b, EBB_I64, &s, s.rank - 2), ebb_g_iota(b, EBB_I64, &s, s.rank - 1));
    return ebb_g_select(b, on, ebb_g_full_like(b, a, 1), ebb_g_full_like(b, a, 0));
}

ebb_id ebb_g_cofactor(ebb_builder *b, ebb_id a) { return on_axes(b, EBB_OP_cofactor, 1, &a, 0, NULL); }

ebb_id ebb_g_lu_det(ebb_builder *b, ebb_op op, ebb_id a, ebb_id lu) {
    return on_axes(b, op, 2, (const ebb_id[]){a, lu}, 0, NULL);
}

ebb_id ebb_g_lu(ebb_builder *b, ebb_id a) { return on_axes(b, EBB_OP_lu, 1, &a, 0, NULL); }

ebb_id ebb_g_lu_solve(ebb_builder *b, ebb_id a, ebb_id lu, ebb_id r, bool transposed) {
    return on_axes(b, EBB_OP_lu_solve, 3, (const ebb_id[]){a, lu, r}, 1, (const int64_t[]){transposed});
}

ebb_id ebb_g_gather(ebb_builder *b, ebb_id x, ebb_id index, int axis) {
    return on_axes(b, EBB_OP_gather, 2, (const ebb_id[]){x, index}, 1, (const int64_t[]){axis});
}

ebb_id ebb_g_scatter_add(ebb_builder *b, ebb_id x, ebb_id index, ebb_id updates, int axis) {
    return on_axes(b, EBB_OP_scatter_add, 3, (const ebb_id[]){x, index, updates}, 1, (const int64_t[]){axis});
}

ebb_id ebb_g_scatter_max(ebb_builder *b, ebb_id x, ebb_id index, ebb_id updates, int axis) {
    return on_axes(b, EBB_OP_scatter_max, 3, (const ebb_id[]){x, index, updates}, 1, (const int64_t[]){axis});
}
