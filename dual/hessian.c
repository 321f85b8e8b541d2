/* hessian.c - the dense Hessian: forward over reverse, one direction for each element of each parameter.
 *
 * The tangent of the gradients along element a of x[i] is row a of the blocks (i, 0), (i, 1) ...; rows of a block are
 * stacked pairwise, so that each is copied log(rows) times. The program is linear in the number of directions.
 * Both halves are computed, so the Hessian is symmetric up to rounding only. */
#include "dual/transform.h"

enum { MOST_DIRECTIONS = 4096 };

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static int64_t size_of(const ebb_work *w, ebb_id x) {
    int64_t size;
    return ebb_shape_size(ebb_shape_of(w->b.graph, x), &size) ? size : MOST_DIRECTIONS + 1;
}

static bool check_size(ebb_work *w) {
    ebb_graph *g = w->b.graph;
    int64_t directions = 0;
    for (int i = 0; i < w->n; i++)
        directions += least(size_of(w, w->x[i]), MOST_DIRECTIONS + 1);
    if (directions <= MOST_DIRECTIONS) return true;
    return ebb_fail(g->diag, EBB_VALUE_ERROR, (ebb_site){0},
                    "hessian: the parameters of %s have more than %d elements together; use hvp", g->name,
                    MOST_DIRECTIONS);
}

/* 1 at element a of x, 0 elsewhere: the elements are counted and compared. */
static ebb_id basis(ebb_work *w, ebb_id x, int64_t a) {
    ebb_type type = ebb_type_of(w->b.graph, x);
    ebb_shape flat = {1, {size_of(w, x)}};
    ebb_id count = ebb_g_iota(&w->b, EBB_I32, &flat, 0);
    ebb_id here = ebb_g_eq(&w->b, count, ebb_g_full_like(&w->b, count, (double)a));
    return ebb_g_reshape(&w->b, ebb_g_cast_to(&w->b, here, type.dtype), &type.shape);
}

/* Rows [above, c] and [below, c], each absent if zero, one over the other. */
static ebb_id stack_two(ebb_work *w, ebb_id s, int64_t above, ebb_id t, int64_t below) {
    const int64_t none[2] = {0, 0}, over[2] = {above, 0}, under[2] = {below, 0};
    if (s) s = ebb_g_pad(&w->b, s, none, under, none);
    if (t) t = ebb_g_pad(&w->b, t, over, none, none);
    return ebb_plus(&w->b, s, t);
}

/* Rows of [1, c], `stride` apart, to [rows, c]; absent if all are. Uses up row[]. */
static ebb_id stack(ebb_work *w, int64_t rows, ebb_id *row, int64_t stride) {
    for (int64_t height = 1; height < rows; height *= 2)
        for (int64_t k = 0; k + height < rows; k += 2 * height)
            row[k * stride] =
                stack_two(w, row[k * stride], height, row[(k + height) * stride], least(height, rows - k - height));
    return rows ? row[0] : EBB_ABSENT;
}

/* row[a * n + j] = the tangent of gradient j along element a of x[i], as [1, size of x[j]]. */
static bool make_rows(ebb_work *w, int i, int64_t rows, ebb_id *row) {
    for (int64_t a = 0; a < rows; a++) {
        ebb_id e = basis(w, w->x[i], a), *r = row + a * w->n;
        if (e == EBB_POISON || !ebb_jvp_nodes(w->b.graph, 1, &w->x[i], &e, w->n, w->dx, r)) return false;
        for (int j = 0; j < w->n; j++) {
            ebb_shape flat = {2, {1, size_of(w, w->x[j])}};
            if (r[j]) r[j] = ebb_g_reshape(&w->b, r[j], &flat);
        }
    }
    return true;
}

static bool block_shape(ebb_work *w, int i, int j, ebb_shape *block) {
    ebb_graph *g = w->b.graph;
    const ebb_shape *xi = ebb_shape_of(g, w->x[i]), *xj = ebb_shape_of(g, w->x[j]);
    *block = *xi;
    block->rank += xj->rank;
    if (block->rank > EBB_MAX_RANK)
        return ebb_fail(g->diag, EBB_VALUE_ERROR, (ebb_site){0},
                        "hessian: block %d, %d of %s would have rank %d, at most %d", i, j, g->name, (int)block->rank,
                        EBB_MAX_RANK);
    for (int k = 0; k < xj->rank; k++)
        block->dim[xi->rank + k] = xj->dim[k];
    return true;
}

static bool give_block(ebb_work *w, int i, int j, int64_t rows, ebb_id *row) {
    ebb_shape shape;
    if (!block_shape(w, i, j, &shape)) return false;
    ebb_id block = stack(w, rows, row + j, w->n);
    block =
        block ? ebb_g_reshape(&w->b, block, &shape) : ebb_g_full(&w->b, ebb_dtype_at(w->b.graph, w->x[j]), &shape, 0);
    return ebb_give(w, 1, &block);
}

static bool give_blocks(ebb_work *w, int i) {
    const ebb_allocator *a = w->b.graph->allocator;
    int64_t rows = size_of(w, w->x[i]);
    ebb_id *row = ebb_mem_new(a, (size_t)rows * (size_t)w->n + 1, sizeof *row);
    if (!row) return ebb_fail_memory(w->b.graph->diag);
    bool ok = make_rows(w, i, rows, row);
    for (int j = 0; ok && j < w->n; j++)
        ok = give_block(w, i, j, rows, row);
    ebb_mem_free(a, row);
    return ok;
}

ebb_graph *ebb_hessian_graph(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag) {
    ebb_work w;
    bool ok = ebb_start(&w, "hessian", f, spec, diag) && check_size(&w) && ebb_gradients(&w);
    if (ok && spec && spec->value) ok = ebb_give(&w, 1, w.y) && ebb_give(&w, w.n, w.dx);
    for (int i = 0; ok && i < w.n; i++)
        ok = give_blocks(&w, i);
    return ebb_finish(&w, ok);
}
