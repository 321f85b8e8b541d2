/* jacobian.c - dense Jacobians: one pass for one direction, batched over a basis of all of them.
 *
 * Forward, a direction of one parameter gives a column of each result; reverse, a cotangent of one result gives a row
 * of each parameter. The pass is written once, for a direction that is a parameter of its own, and vmap makes it a
 * program for the identity matrix: its size does not depend on the number of directions. Start reading at ebb_columns.
 */
#include "dual/roads.h"

/* The identity of x's elements, [size, x...]: 1 at each element in turn. */
static ebb_id identity(ebb_work *w, ebb_id x, int64_t size) {
    ebb_graph *g = w->b.graph;
    const ebb_shape square = {2, {size, size}};
    ebb_shape batch;
    if (!ebb_shape_insert(ebb_shape_of(g, x), 0, size, &batch)) {
        ebb_fail(g->diag, EBB_VALUE_ERROR, g->site[x],
                 "%s: %s is differentiated in rank %d; there is no axis for directions", w->verb, g->name,
                 EBB_MAX_RANK);
        return EBB_POISON;
    }
    ebb_id here = ebb_g_eq(&w->b, ebb_g_iota(&w->b, EBB_I64, &square, 0), ebb_g_iota(&w->b, EBB_I64, &square, 1));
    return ebb_g_reshape(&w->b, ebb_g_cast_to(&w->b, here, ebb_dtype_at(g, x)), &batch);
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

/* d as the block [y..., x...]; absent is zeros. `columns`: x's elements are its first axis, and go last. */
static ebb_id as_block(ebb_work *w, ebb_id d, ebb_id y, ebb_id x, bool columns) {
    ebb_shape shape;
    if (d == EBB_POISON || !block_shape(w, y, x, &shape)) return EBB_POISON;
    if (d == EBB_ABSENT) return ebb_g_full(&w->b, ebb_dtype_at(w->b.graph, y), &shape, 0);
    if (columns) d = ebb_move_axis(&w->b, d, 0, ebb_shape_of(w->b.graph, y)->rank);
    return d == EBB_POISON ? d : ebb_g_reshape(&w->b, d, &shape);
}

static bool is_real(const ebb_work *w, ebb_id y) {
    return y != EBB_ABSENT && ebb_is_float(ebb_dtype_at(w->b.graph, y));
}

/* ebb_jvp_nodes or ebb_vjp_nodes: the derivatives of[n] along directions of at[]. */
typedef bool pass(ebb_graph *g, int n, const ebb_id *at, const ebb_id *direction, int m, const ebb_id *of, ebb_id *out);

/* The pass in every direction of node `at`, beside each other on a first axis. A node of one element has one direction,
 * and no such axis; else the pass is written for a parameter, which ebb_extract leaves out, and batched. */
static bool every_direction(ebb_work *w, pass *along, ebb_id at, int n, const ebb_id *of, ebb_id *out) {
    ebb_graph *g = w->b.graph;
    int64_t size = size_of(w, at);
    bool one = size == 1;
    ebb_id v = one ? ebb_g_full_like(&w->b, at, 1) : ebb_add_input(g, ebb_type_of(g, at), g->site[at]);
    if (v == EBB_POISON || !along(g, 1, &at, &v, n, of, out)) return false;
    ebb_id basis = one ? EBB_ABSENT : identity(w, at, size);
    return one || (basis != EBB_POISON && ebb_vmap_nodes(g, size, 1, &v, &basis, n, out, out));
}

bool ebb_columns(ebb_work *w, ebb_id x, int m, const ebb_id *y, ebb_id *block) {
    bool one = size_of(w, x) == 1;
    bool ok = every_direction(w, ebb_jvp_nodes, x, m, y, block);
    for (int j = 0; ok && j < m; j++)
        if (is_real(w, y[j])) ok = (block[j] = as_block(w, block[j], y[j], x, !one)) != EBB_POISON;
    return ok;
}

/* block[i] = the derivative of y in x[i], [y..., x[i]...] */
static bool rows(ebb_work *w, ebb_id y, int n, const ebb_id *x, ebb_id *block) {
    bool ok = every_direction(w, ebb_vjp_nodes, y, n, x, block);
    for (int i = 0; ok && i < n; i++)
        ok = (block[i] = as_block(w, block[i], y, x[i], false)) != EBB_POISON;
    return ok;
}

/* block[j * n + i]: result j in parameter i. */
static bool by_columns(ebb_work *w, ebb_id *block) {
    for (int i = 0; i < w->n; i++) {
        if (!ebb_columns(w, w->x[i], w->results, w->y, w->dy)) return false;
        for (int j = 0; j < w->results; j++)
            block[(int64_t)j * w->n + i] = w->dy[j];
    }
    return true;
}

static bool by_rows(ebb_work *w, ebb_id *block) {
    for (int j = 0; j < w->results; j++)
        if (is_real(w, w->y[j]) && !rows(w, w->y[j], w->n, w->x, block + (int64_t)j * w->n)) return false;
    return true;
}

/* The road may be named by number too. */
static bool derive(ebb_work *w, ebb_road road, const ebb_dual_spec *spec, ebb_id *block) {
    static const char *const names[] = {[EBB_FORWARD] = "forward", [EBB_REVERSE] = "reverse"};
    const ebb_road_row roads[] = {{names[EBB_FORWARD], by_columns, ebb_elements_of(w, w->n, w->x), 1},
                                  {names[EBB_REVERSE], by_rows, ebb_elements_of(w, w->results, w->y), 1}};
    ebb_dual_spec own = spec ? *spec : (ebb_dual_spec){0};
    if (road != EBB_CHEAPER) own.road = names[road];
    return ebb_take_road(w, &own, true, 2, roads, w->results * w->n, block);
}

static ebb_graph *jacobian(ebb_work *w, ebb_road road, const ebb_dual_spec *spec, ebb_id *room) {
    ebb_graph *g = w->b.graph;
    int parameters = g->inputs, state = w->outputs - w->results;
    int64_t values = spec && spec->value ? w->results : 0, blocks = (int64_t)w->results * w->n;
    for (int64_t j = 0; j < values; j++)
        room[j] = w->y[j];
    if (!derive(w, road, spec, room + values)) return NULL;
    for (int j = 0; j < state; j++)
        room[values + blocks + j] = w->y[w->results + j];
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
