/* jacobian.c - dense Jacobians: one pass for one direction, batched over a basis of all of them.
 *
 * Forward, a direction of one parameter gives a column of each result; reverse, a cotangent of one result gives a row
 * of each parameter. The pass is written once, for a direction that is a parameter of its own, and vmap makes it a
 * program for rows of the identity matrix, for all of them or block by block (blocks.c). Start reading at ebb_columns.
 */
#include "dual/basis.h"
#include "dual/batch.h"
#include "dual/roads.h"

#include <string.h>

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
    bool one = ebb_element_count(g, at) == 1;
    ebb_id v = one ? ebb_g_full_like(&w->b, at, 1) : ebb_add_input(g, ebb_type_of(g, at), g->site[at]);
    if (v == EBB_POISON || !along(g, 1, &at, &v, n, of, out)) return false;
    return one || ebb_every_direction(w, v, n, out);
}

bool ebb_columns(ebb_work *w, ebb_id x, int m, const ebb_id *y, ebb_id *block) {
    bool one = ebb_element_count(w->b.graph, x) == 1;
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
        if (!ebb_columns(w, w->x[i], w->derived, w->y, w->dy)) return false;
        for (int j = 0; j < w->derived; j++)
            block[(int64_t)j * w->n + i] = w->dy[j];
    }
    return true;
}

static bool by_rows(ebb_work *w, ebb_id *block) {
    for (int j = 0; j < w->derived; j++)
        if (is_real(w, w->y[j]) && !rows(w, w->y[j], w->n, w->x, block + (int64_t)j * w->n)) return false;
    return true;
}

/* ---- of rows that do not depend on each other: x [n, b...] -> y [n, a...] has a Jacobian [n, a..., b...] ---- */

/* The type of one row; an error if x has none, or other ones than `like`. */
static bool row_of(ebb_work *w, ebb_id x, ebb_id like, ebb_type *row) {
    const ebb_graph *g = w->b.graph;
    char a[EBB_TYPE_TEXT], b[EBB_TYPE_TEXT];
    *row = ebb_type_of(g, x);
    const ebb_type other = ebb_type_of(g, like);
    if (row->shape.rank < 1 || other.shape.rank < 1 || row->shape.dim[0] != other.shape.dim[0])
        return ebb_fail(g->diag, EBB_VALUE_ERROR, g->site[x], "%s: %s and %s of %s are not batches of equal size",
                        w->verb, ebb_type_text(&other, a), ebb_type_text(row, b), g->name);
    memmove(row->shape.dim, row->shape.dim + 1, (size_t)--row->shape.rank * sizeof *row->shape.dim);
    row->shape.dim[row->shape.rank] = 0;
    return true;
}

/* The pass along every direction of one row of `at`, which is the same for all its rows. */
static bool every_row_direction(ebb_work *w, pass *along, ebb_id at, const ebb_type *row, int n, const ebb_id *of,
                                ebb_id *out) {
    ebb_graph *g = w->b.graph;
    ebb_id v = ebb_add_input(g, *row, g->site[at]);
    ebb_id all = v == EBB_POISON ? v : ebb_spread(&w->b, v, ebb_shape_of(g, at)->dim[0]);
    return all != EBB_POISON && along(g, 1, &at, &all, n, of, out) && ebb_every_direction(w, v, n, out);
}

/* d, whose directions lie on axis 0, as [n, a..., b...]: of y [n, a...] in a row [b...]. */
static ebb_id as_batch(ebb_work *w, ebb_id d, ebb_id y, const ebb_type *row, bool columns) {
    ebb_shape shape = *ebb_shape_of(w->b.graph, y);
    if (shape.rank + row->shape.rank > EBB_MAX_RANK) {
        ebb_fail(w->b.graph->diag, EBB_VALUE_ERROR, w->b.graph->site[y],
                 "%s: a block of %s would have rank %d, at most %d", w->verb, w->b.graph->name,
                 shape.rank + row->shape.rank, EBB_MAX_RANK);
        return EBB_POISON;
    }
    int last = shape.rank;
    for (int k = 0; k < row->shape.rank; k++)
        shape.dim[shape.rank++] = row->shape.dim[k];
    if (d == EBB_ABSENT) return ebb_g_full(&w->b, ebb_dtype_at(w->b.graph, y), &shape, 0);
    return ebb_g_reshape(&w->b, ebb_move_axis(&w->b, d, 0, columns ? last : 1), &shape);
}

static bool batch_by_columns(ebb_work *w, ebb_id *block) {
    for (int i = 0; i < w->n; i++) {
        ebb_type row;
        if (!row_of(w, w->x[i], w->y[0], &row) ||
            !every_row_direction(w, ebb_jvp_nodes, w->x[i], &row, w->derived, w->y, w->dy))
            return false;
        for (int j = 0; j < w->derived; j++) {
            ebb_id *own = &block[(int64_t)j * w->n + i], y = w->y[j];
            *own = is_real(w, y) ? as_batch(w, w->dy[j], y, &row, true) : EBB_ABSENT;
            if (*own == EBB_POISON) return false;
        }
    }
    return true;
}

static bool batch_by_rows(ebb_work *w, ebb_id *block) {
    for (int j = 0; j < w->derived; j++) {
        ebb_type of_y, of_x;
        ebb_id y = w->y[j];
        if (!is_real(w, y)) continue;
        if (!row_of(w, y, w->x[0], &of_y) || !every_row_direction(w, ebb_vjp_nodes, y, &of_y, w->n, w->x, w->dx))
            return false;
        for (int i = 0; i < w->n; i++) {
            ebb_id *own = &block[(int64_t)j * w->n + i];
            if (!row_of(w, w->x[i], y, &of_x)) return false;
            if ((*own = as_batch(w, w->dx[i], y, &of_x, false)) == EBB_POISON) return false;
        }
    }
    return true;
}

/* Every parameter and real result is a batch, of the same size. */
static bool check_batches(ebb_work *w) {
    ebb_type row;
    for (int i = 0; i < w->n; i++)
        if (!row_of(w, w->x[i], w->x[0], &row)) return false;
    for (int j = 0; j < w->derived; j++)
        if (is_real(w, w->y[j]) && !row_of(w, w->y[j], w->x[0], &row)) return false;
    return true;
}

/* ---- the transforms ---- */

typedef bool writer(ebb_work *w, ebb_id *block);

/* block[derived * n], by one of the roads, of which two may be named by number too. */
static bool derive(ebb_work *w, ebb_road road, const ebb_dual_spec *spec, writer *columns, writer *rows_,
                   ebb_id *block) {
    static const char *const names[] = {[EBB_FORWARD] = "forward", [EBB_REVERSE] = "reverse"};
    const ebb_road_row roads[] = {
        {names[EBB_FORWARD], columns, ebb_elements_of(w, w->n, w->x), NULL},
        {names[EBB_REVERSE], rows_, ebb_elements_of(w, w->derived, w->y), NULL},
        {"by pattern", ebb_jacobian_by_pattern, ebb_elements_of(w, w->n, w->x), ebb_pattern_products}};
    ebb_dual_spec own = spec ? *spec : (ebb_dual_spec){0};
    int count = columns == by_columns && ebb_pattern_is_a_road(w) ? 3 : 2;
    if (road != EBB_CHEAPER) own.road = names[road];
    return ebb_take_road(w, &own, true, count, roads, w->derived * w->n, block);
}

static ebb_graph *finish(ebb_work *w, bool ok, ebb_road road, const ebb_dual_spec *spec, writer *columns,
                         writer *rows_) {
    int parameters = ok ? w->b.graph->inputs : 0, blocks = w->derived * w->n;
    ebb_id *block = ok ? ebb_mem_new(w->b.graph->allocator, (size_t)blocks + 1, sizeof *block) : NULL;
    if (ok && !block) ok = ebb_fail_memory(w->b.graph->diag);
    ok = ok && derive(w, road, spec, columns, rows_, block);
    if (ok && spec && spec->value) ok = ebb_give(w, w->results, w->y);
    ok = ok && ebb_give(w, blocks, block);
    if (block) ebb_mem_free(w->b.graph->allocator, block);
    return ebb_finish_part(w, parameters, ok);
}

ebb_graph *ebb_jacobian_graph(const ebb_graph *f, ebb_road road, const ebb_dual_spec *spec, ebb_diag *diag) {
    ebb_work w;
    bool ok = ebb_start(&w, "jacobian", f, spec, diag);
    return finish(&w, ok, road, spec, by_columns, by_rows);
}

ebb_graph *ebb_batch_jacobian_graph(const ebb_graph *f, ebb_road road, const ebb_dual_spec *spec, ebb_diag *diag) {
    ebb_work w;
    bool ok = ebb_start(&w, "batch_jacobian", f, spec, diag) && check_batches(&w);
    return finish(&w, ok, road, spec, batch_by_columns, batch_by_rows);
}
