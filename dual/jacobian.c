/* jacobian.c - dense Jacobians: one pass for one direction, batched over a basis of all of them.
 *
 * Forward, a direction of one parameter gives a column of each result; reverse, a cotangent of one result gives a row
 * of each parameter. The pass is written once, for a direction that is a parameter of its own, and vmap makes it a
 * program for the identity matrix: its size does not depend on the number of directions. Start reading at ebb_columns.
 */
#include "dual/transform.h"

/* The identity of x's elements, [size, x...]: 1 at each element in turn. */
static ebb_id identity(ebb_builder *b, ebb_type type, int64_t size) {
    const ebb_shape square = {2, {size, size}};
    ebb_id here = ebb_g_eq(b, ebb_g_iota(b, EBB_I64, &square, 0), ebb_g_iota(b, EBB_I64, &square, 1));
    for (int i = type.shape.rank++; i > 0; i--)
        type.shape.dim[i] = type.shape.dim[i - 1];
    type.shape.dim[0] = size;
    return ebb_g_reshape(b, ebb_g_cast_to(b, here, type.dtype), &type.shape);
}

/* [y..., x...]; false: too many axes. */
static bool block_shape(ebb_work *w, ebb_id y, ebb_id x, ebb_shape *block) {
    ebb_graph *g = w->b.graph;
    const ebb_shape *sx = ebb_shape_of(g, x);
    *block = *ebb_shape_of(g, y);
    if (block->rank + sx->rank > EBB_MAX_RANK)
        return ebb_fail(g->diag, EBB_VALUE_ERROR, g->site[y], "%s: a block of %s would have rank %d, at most %d",
                        w->verb, g->name, block->rank + sx->rank, EBB_MAX_RANK);
    for (int k = 0; k < sx->rank; k++)
        block->dim[block->rank++] = sx->dim[k];
    return true;
}

static int64_t size_of(const ebb_work *w, ebb_id x) {
    int64_t size = 0;
    ebb_shape_size(ebb_shape_of(w->b.graph, x), &size);
    return size;
}

/* d [like...] with the examples in front, or absent, as the block [y..., x...]. The examples are x's elements if
 * `columns`, y's otherwise. */
static ebb_id as_block(ebb_work *w, ebb_id d, ebb_id y, ebb_id x, bool columns) {
    ebb_shape shape;
    if (d == EBB_POISON || !block_shape(w, y, x, &shape)) return EBB_POISON;
    if (d == EBB_ABSENT) return ebb_g_full(&w->b, ebb_dtype_at(w->b.graph, y), &shape, 0);
    if (columns) d = ebb_move_axis(&w->b, d, 0, ebb_shape_of(w->b.graph, y)->rank);
    return d == EBB_POISON ? d : ebb_g_reshape(&w->b, d, &shape);
}

/* The direction as a parameter; ebb_extract leaves it out. */
static ebb_id free_direction(ebb_work *w, ebb_id like) {
    ebb_graph *g = w->b.graph;
    return ebb_add_input(g, ebb_type_of(g, like), g->site[like]);
}

/* out[] for each element of `like` in place of v: one pass of batching. */
static bool over_all(ebb_work *w, ebb_id like, ebb_id v, int n, ebb_id *out) {
    ebb_id basis = identity(&w->b, ebb_type_of(w->b.graph, like), size_of(w, like));
    return basis != EBB_POISON && ebb_vmap_nodes(w->b.graph, size_of(w, like), 1, &v, &basis, n, out, out);
}

bool ebb_columns(ebb_work *w, ebb_id x, int m, const ebb_id *y, ebb_id *block) {
    ebb_graph *g = w->b.graph;
    bool one = size_of(w, x) == 1; /* the only direction needs no batch */
    ebb_id v = one ? ebb_g_full_like(&w->b, x, 1) : free_direction(w, x);
    if (v == EBB_POISON || !ebb_jvp_nodes(g, 1, &x, &v, m, y, block)) return false;
    if (!one && !over_all(w, x, v, m, block)) return false;
    for (int j = 0; j < m; j++) {
        if (y[j] == EBB_ABSENT || !ebb_is_float(ebb_dtype_at(g, y[j]))) continue;
        block[j] = as_block(w, block[j], y[j], x, !one);
        if (block[j] == EBB_POISON) return false;
    }
    return true;
}

/* dx[i] = the block of y in x[i]. */
static bool rows(ebb_work *w, ebb_id y, int n, const ebb_id *x, ebb_id *block) {
    ebb_id ct = free_direction(w, y);
    if (ct == EBB_POISON || !ebb_vjp_nodes(w->b.graph, 1, &y, &ct, n, x, block) || !over_all(w, y, ct, n, block))
        return false;
    for (int i = 0; i < n; i++) {
        block[i] = as_block(w, block[i], y, x[i], false);
        if (block[i] == EBB_POISON) return false;
    }
    return true;
}

static bool is_real(const ebb_work *w, ebb_id y) {
    return y != EBB_ABSENT && ebb_is_float(ebb_dtype_at(w->b.graph, y));
}

/* A reverse pass costs about twice a forward one. */
static bool forward_is_cheaper(const ebb_work *w) {
    int64_t columns = 0, all_rows = 0;
    for (int i = 0; i < w->n; i++)
        columns += size_of(w, w->x[i]);
    for (int j = 0; j < w->results; j++)
        if (is_real(w, w->y[j])) all_rows += size_of(w, w->y[j]);
    return columns / 2 <= all_rows;
}

/* block[j * n + i] */
static bool derive(ebb_work *w, ebb_road road, ebb_id *block) {
    bool forward = road == EBB_FORWARD || (road == EBB_CHEAPER && forward_is_cheaper(w));
    for (int i = 0; forward && i < w->n; i++) {
        if (!ebb_columns(w, w->x[i], w->results, w->y, w->dy)) return false;
        for (int j = 0; j < w->results; j++)
            block[(int64_t)j * w->n + i] = w->dy[j];
    }
    for (int j = 0; !forward && j < w->results; j++)
        if (is_real(w, w->y[j]) && !rows(w, w->y[j], w->n, w->x, block + (int64_t)j * w->n)) return false;
    return true;
}

static ebb_graph *jacobian(ebb_work *w, ebb_road road, const ebb_dual_spec *spec, ebb_id *room) {
    ebb_graph *g = w->b.graph;
    int parameters = g->inputs, state = w->outputs - w->results;
    int64_t values = spec && spec->value ? w->results : 0, blocks = (int64_t)w->results * w->n;
    for (int64_t j = 0; j < values; j++)
        room[j] = w->y[j];
    for (int j = 0; j < state; j++)
        room[values + blocks + j] = w->y[w->results + j];
    if (!derive(w, road, room + values)) return NULL;
    return ebb_extract(g, parameters, g->input, (int)(values + blocks) + state, room);
}

ebb_graph *ebb_jacobian_graph(const ebb_graph *f, ebb_road road, const ebb_dual_spec *spec, ebb_diag *diag) {
    ebb_work w;
    ebb_graph *done = NULL;
    if (ebb_start(&w, "jacobian", f, spec, diag)) {
        size_t size = (size_t)w.results * (size_t)w.n + (size_t)w.outputs + 1;
        ebb_id *room = ebb_mem_new(f->allocator, size, sizeof *room);
        if (room)
            done = jacobian(&w, road, spec, room);
        else
            ebb_fail_memory(diag);
        ebb_mem_free(f->allocator, room);
    }
    ebb_abandon(&w);
    return done;
}
