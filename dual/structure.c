/* structure.c - which elements of an operand an element of a result is computed from: one rule for each operation that
 * looks at axes, as a nest of loops; of any other operation that the row in ops.def does not tell about, all of all.
 *
 * So a new operation is right from the beginning, and sparse when it has a line here. Start reading at
 * ebb_structure_add. */
#include "dual/pattern.h"

#include "jit/graph/fold.h"

typedef struct ends { /* of one application: result y and operand x, shapes and row-major strides */
    int batch;        /* of linear algebra: axes that number matrices */
    ebb_application app;
    ebb_attr attr;
    const ebb_shape *y, *x;
    int64_t sy[EBB_MAX_RANK], sx[EBB_MAX_RANK];
} ends;

static void strides_of(const ebb_shape *s, int64_t *stride) {
    int64_t step = 1;
    for (int i = s->rank - 1; i >= 0; i--) {
        stride[i] = step;
        step *= s->dim[i];
    }
}

static ends ends_of(const ebb_graph *g, ebb_id y, int i) {
    ends e = {.app = ebb_application_of(g, y), .attr = ebb_attr_of(g, y), .y = ebb_shape_of(g, y)};
    e.x = ebb_shape_of(g, ebb_operands(g, y)[i]);
    e.batch = ebb_shape_of(g, ebb_operands(g, y)[0])->rank - 2;
    strides_of(e.y, e.sy);
    strides_of(e.x, e.sx);
    return e;
}

/* Axis ay of the result runs with axis ax of the operand. */
static void together(const ends *e, ebb_nest *n, int ay, int ax, int64_t count) {
    ebb_nest_add(n, count, e->sy[ay], e->sx[ax]);
}

/* ---- views, reductions ---- */

static ebb_nest view(const ends *e, int i) {
    ebb_walk w = ebb_view_walk(&e->app, e->x, e->y);
    ebb_nest n = {.column = w.offset};
    (void)i;
    for (int k = 0; k < e->y->rank; k++)
        ebb_nest_add(&n, e->y->dim[k], e->sy[k], w.stride[k]);
    return n;
}

static ebb_nest reduction(const ends *e, int i) {
    (void)i;
    ebb_nest n = {0};
    for (int k = 0, ay = 0, next = 0; k < e->x->rank; k++) {
        bool gone = next < e->attr.n && e->attr.v[next] == k;
        next += gone;
        ebb_nest_add(&n, e->x->dim[k], gone ? 0 : e->sy[ay++], e->sx[k]);
    }
    return n;
}

/* ---- other moves ---- */

static ebb_nest padding(const ends *e, int i) {
    (void)i;
    const int64_t *low = e->attr.v, *gap = low + 2 * e->x->rank;
    ebb_nest n = {0};
    for (int k = 0; k < e->x->rank; k++) {
        n.row += low[k] * e->sy[k];
        ebb_nest_add(&n, e->x->dim[k], e->sy[k] * (gap[k] + 1), e->sx[k]);
    }
    return n;
}

static ebb_nest concatenation(const ends *e, int i) {
    int axis = (int)e->attr.v[0];
    ebb_nest n = {.row = i ? (e->y->dim[axis] - e->x->dim[axis]) * e->sy[axis] : 0};
    for (int k = 0; k < e->x->rank; k++)
        together(e, &n, k, k, e->x->dim[k]);
    return n;
}

/* x [..., count, window, ...]: element j of window i is added to place i stride + j dilation. */
static ebb_nest overlapping(const ends *e, int i) {
    (void)i;
    int axis = (int)e->attr.v[0];
    ebb_nest n = {0};
    for (int k = 0; k < e->x->rank; k++) {
        int ay = k <= axis ? k : k - 1;
        int64_t step = k == axis ? e->attr.v[2] : k == axis + 1 ? e->attr.v[3] : 1;
        ebb_nest_add(&n, e->x->dim[k], step * e->sy[ay], e->sx[k]);
    }
    return n;
}

/* A running total: elements of the axis from `first` on, so many of them, on all of it up to the last of these. */
static ebb_nest running(const ends *e, int axis, int64_t first, int64_t count) {
    ebb_nest n = {.row = first * e->sy[axis]};
    for (int k = 0; k < e->x->rank; k++)
        if (k != axis) together(e, &n, k, k, e->x->dim[k]);
    ebb_nest_add(&n, count, e->sy[axis], 0);
    ebb_nest_add(&n, first + count, 0, e->sx[axis]);
    return n;
}

enum { STAIRS = 8 };

/* Loops make rectangles, no triangles. A short axis has a nest for each element; along a long one all depend on all,
 * which is twice as much as there is, but stays one nest when totals are totalled. */
static bool add_running(ebb_relation *r, const ends *e) {
    const int axis = (int)e->attr.v[0];
    const int64_t size = e->x->dim[axis], step = size <= STAIRS ? 1 : size;
    bool ok = true;
    for (int64_t first = 0; ok && first < size; first += step) {
        ebb_nest n = running(e, axis, first, step);
        ok = ebb_relation_add(r, &n);
    }
    return ok;
}

/* [b..., m, n] of [b..., m, k] and [b..., k, n], either stored transposed. */
static ebb_nest product(const ends *e, int operand) {
    int i = operand % 2;                                             /* of a sum of products too */
    int last = e->y->rank - 1, own = last - 1 + i, other = last - i; /* axes of y: the operand's own, the other's */
    bool turned = e->attr.v[i] != 0;
    int with = last - 1 + (i ^ (int)turned), summed = last - (i ^ (int)turned);
    ebb_nest n = {0};
    for (int k = 0; k < last - 1; k++)
        together(e, &n, k, k, e->y->dim[k]);
    together(e, &n, own, with, e->y->dim[own]);
    ebb_nest_add(&n, e->y->dim[other], e->sy[other], 0);
    ebb_nest_add(&n, e->x->dim[summed], 0, e->sx[summed]);
    return n;
}

/* Linear algebra: all of one matrix on all of the same one of each operand. */
static ebb_nest matrices(const ends *e, int i) {
    (void)i;
    ebb_nest n = {0};
    for (int k = 0; k < e->batch; k++)
        together(e, &n, k, k, e->y->dim[k]);
    for (int k = e->batch; k < e->y->rank; k++)
        ebb_nest_add(&n, e->y->dim[k], e->sy[k], 0);
    for (int k = e->batch; k < e->x->rank; k++)
        ebb_nest_add(&n, e->x->dim[k], 0, e->sx[k]);
    return n;
}

/* ---- indices ---- */

/* The long side is [outer, size, inner], the short one [outer, count, inner]: place c of the short one goes with place
 * index[c] of the long one. Rows are the short side's elements, columns the long one's. */
typedef struct placing {
    int64_t outer, size, inner, count;
    const void *index; /* NULL: not known */
    bool wide;         /* i64 */
} placing;

static placing placing_of(const ebb_graph *g, const ebb_known *known, ebb_id y) {
    ebb_id index = ebb_operands(g, y)[1];
    const ebb_shape *x = ebb_shape_of(g, ebb_operands(g, y)[0]);
    int axis = (int)ebb_attr_of(g, y).v[0];
    placing l = {1, x->dim[axis], 1, 1, ebb_known_at(known, index), ebb_dtype_at(g, index) == EBB_I64};
    for (int k = 0; k < x->rank; k++)
        *(k < axis ? &l.outer : &l.inner) *= k == axis ? 1 : x->dim[k];
    ebb_shape_size(ebb_shape_of(g, index), &l.count);
    return l;
}

static int64_t place_at(const placing *l, int64_t c) {
    return l->wide ? ((const int64_t *)l->index)[c] : ((const int32_t *)l->index)[c];
}

/* Places c to c + count - 1, which go up by `step`: one nest. An index outside is an error of the run. */
static bool add_run(ebb_relation *r, const placing *l, int64_t c, int64_t count, int64_t step, bool turned) {
    int64_t first = place_at(l, c), last = place_at(l, c + count - 1);
    ebb_nest n = {.row = c * l->inner, .column = first * l->inner};
    if (first < 0 || last < 0 || first >= l->size || last >= l->size) return ebb_relation_add_all(r);
    ebb_nest_add(&n, l->outer, l->count * l->inner, l->size * l->inner);
    ebb_nest_add(&n, count, l->inner, step * l->inner);
    ebb_nest_add(&n, l->inner, 1, 1);
    if (turned) ebb_nest_transpose(&n);
    return ebb_relation_add(r, &n);
}

/* How many places from c on go up in equal steps. */
static int64_t run_from(const placing *l, int64_t c, int64_t *step) {
    int64_t count = 1;
    *step = c + 1 < l->count ? place_at(l, c + 1) - place_at(l, c) : 0;
    while (c + count < l->count && place_at(l, c + count) - place_at(l, c + count - 1) == *step)
        count++;
    return count;
}

static int64_t count_runs(const placing *l) {
    int64_t runs = 0, step;
    for (int64_t c = 0; c < l->count; c += run_from(l, c, &step))
        runs++;
    return runs;
}

/* Each element of the short side by itself. */
static bool add_each(ebb_relation *r, const placing *l, bool turned) {
    int64_t rows = l->outer * l->count * l->inner, slab = l->count * l->inner;
    ebb_rows each = {rows, l->outer * l->size * l->inner,
                     ebb_mem_new(r->allocator, (size_t)rows + 1, sizeof *each.start),
                     ebb_mem_new(r->allocator, (size_t)rows + 1, sizeof *each.column)};
    bool ok = each.start && each.column, inside = true;
    for (int64_t i = 0; ok && i < rows; i++) {
        int64_t at = place_at(l, i % slab / l->inner);
        inside = inside && at >= 0 && at < l->size;
        each.start[i + 1] = i + 1;
        each.column[i] = (i / slab * l->size + at) * l->inner + i % l->inner;
    }
    ebb_rows other = {0};
    if (ok && inside && turned) {
        ok = ebb_rows_transpose(r->allocator, &each, &other);
        ebb_rows_free(r->allocator, &each);
        each = other;
    }
    if (ok && inside) return ebb_relation_add_rows(r, &each);
    ebb_rows_free(r->allocator, &each);
    return ok && ebb_relation_add_all(r);
}

static bool add_known(ebb_relation *r, const placing *l, bool turned) {
    enum { MOST_RUNS = 32 };
    int64_t step;
    if (count_runs(l) > MOST_RUNS && (double)l->outer * (double)l->count * (double)l->inner <= r->most)
        return add_each(r, l, turned);
    for (int64_t c = 0, n; c < l->count; c += n) {
        n = run_from(l, c, &step);
        if (!add_run(r, l, c, n, step, turned)) return false;
    }
    return true;
}

/* An index that is not known may be any. */
static bool add_places(ebb_relation *r, const placing *l, bool turned) {
    if (l->index) return add_known(r, l, turned);
    ebb_nest n = {0};
    ebb_nest_add(&n, l->outer, l->count * l->inner, l->size * l->inner);
    ebb_nest_add(&n, l->count, l->inner, 0);
    ebb_nest_add(&n, l->size, 0, l->inner);
    ebb_nest_add(&n, l->inner, 1, 1);
    if (turned) ebb_nest_transpose(&n);
    return ebb_relation_add(r, &n);
}

/* ---- all of them ---- */

typedef ebb_nest nest_rule(const ends *e, int i);
static nest_rule *const rules[EBB_OP_COUNT] = {
    [EBB_OP_broadcast] = view,       [EBB_OP_transpose] = view,
    [EBB_OP_slice] = view,           [EBB_OP_reverse] = view,
    [EBB_OP_windows] = view,         [EBB_OP_sum] = reduction,
    [EBB_OP_reduce_max] = reduction, [EBB_OP_pad] = padding,
    [EBB_OP_concat] = concatenation, [EBB_OP_overlap_add] = overlapping,
    [EBB_OP_dot] = product,          [EBB_OP_lu] = matrices,
    [EBB_OP_lu_solve] = matrices,    [EBB_OP_triangular_solve] = matrices,
    [EBB_OP_cholesky] = matrices,    [EBB_OP_cofactor] = matrices,
    [EBB_OP_lu_det] = matrices,      [EBB_OP_lu_logdet] = matrices,
    [EBB_OP_lu_sign] = matrices,     [EBB_OP_qr] = matrices,
    [EBB_OP_eigh] = matrices,        [EBB_OP_svd] = matrices,
};

static bool is_scatter(ebb_op op) { return op == EBB_OP_scatter_add || op == EBB_OP_scatter_max; }

bool ebb_structure_places(ebb_op op) { return op == EBB_OP_gather || is_scatter(op); }

bool ebb_structure_same(const ebb_graph *g, ebb_id y, int i) {
    ebb_op op = ebb_op_of(g, y);
    return ebb_op_table[ebb_product_of(op)].access == EBB_POINT || op == EBB_OP_reshape || (is_scatter(op) && i == 0);
}

bool ebb_structure_add(ebb_relation *r, const ebb_graph *g, const ebb_known *known, ebb_id y, int i) {
    ebb_op op = ebb_product_of(ebb_op_of(g, y));
    if (ebb_structure_places(op)) {
        placing l = placing_of(g, known, y);
        return add_places(r, &l, is_scatter(op));
    }
    if (!rules[op] && op != EBB_OP_cumsum) return ebb_relation_add_all(r);
    ends e = ends_of(g, y, i);
    if (op == EBB_OP_cumsum) return add_running(r, &e);
    ebb_nest n = rules[op](&e, i);
    return ebb_relation_add(r, &n);
}
