/* batch.c - ebb_vmap_nodes: one program for many examples. A loop in order of the nodes, one rule for each operation
 * that looks at axes.
 *
 * The examples lie side by side on a new first axis. What depends on no batched node stays as it is, once for all
 * examples, and is spread only where an operation wants all operands of one shape. Operations element by element work
 * on a longer array; others get their axes counted one further: batch_<name>, pasted from the rows of ops.def.
 *
 * Invariant: batched[id] has the type of id with one more axis in front, of size n; EBB_ABSENT: id is the same for all
 * examples. Start reading at ebb_vmap_nodes. */
#include "dual/batch.h"

#include "dual/basis.h"
#include "dual/dual.h"
#include "dual/region.h"
#include "dual/transform.h"

#include <string.h>

/* ---- words ---- */

static const ebb_shape *shape_of(const ebb_batch *w, ebb_id id) { return ebb_shape_of(w->b.graph, id); }

/* One more axis of this size in front; false: there are too many. */
static bool longer(const ebb_builder *b, const ebb_shape *s, int64_t size, ebb_shape *to) {
    return ebb_shape_insert(s, 0, size, to) ||
           ebb_fail(b->graph->diag, EBB_VALUE_ERROR, b->site, "vmap: a batch of rank %d would have one axis too many",
                    EBB_MAX_RANK);
}

ebb_id ebb_spread(ebb_builder *b, ebb_id x, int64_t n) {
    static const int64_t axes[EBB_MAX_RANK] = {1, 2, 3, 4, 5, 6, 7, 8};
    ebb_shape to;
    return longer(b, ebb_shape_of(b->graph, x), n, &to) ? ebb_g_broadcast(b, x, &to, axes) : EBB_POISON;
}

/* Operand i for all examples. */
static ebb_id all(ebb_batch *w, const ebb_primal *p, int i) {
    return w->x[i] != EBB_ABSENT ? w->x[i] : ebb_spread(&w->b, p->x[i], w->n);
}

ebb_id ebb_batch_again(ebb_batch *w, const ebb_primal *p, int nattr, const int64_t *attr) {
    ebb_application app = ebb_application_of(w->b.graph, p->y);
    ebb_id arg[3] = {EBB_ABSENT, EBB_ABSENT, EBB_ABSENT};
    app.nattr = nattr;
    app.attr = attr;
    if (!longer(&w->b, shape_of(w, p->y), w->n, &app.asked.shape)) return EBB_POISON;
    for (int i = 0; i < p->arity; i++)
        arg[i] = all(w, p, i);
    return ebb_derive(w->b.graph, &app, p->arity, arg);
}

/* Attributes that are axes: one further; with `first`, axis 0 goes to axis 0. */
static ebb_id on_axes(ebb_batch *w, const ebb_primal *p, bool first) {
    ebb_attr old = ebb_attr_of(w->b.graph, p->y);
    int64_t attr[EBB_MAX_RANK + 1] = {0};
    for (int i = 0; i < old.n; i++)
        attr[i + first] = old.v[i] + 1;
    return ebb_batch_again(w, p, old.n + first, attr);
}

/* The first attribute is an axis, others are not. */
static ebb_id on_first(ebb_batch *w, const ebb_primal *p) {
    ebb_attr old = ebb_attr_of(w->b.graph, p->y);
    int64_t attr[EBB_MAX_RANK];
    for (int i = 0; i < old.n; i++)
        attr[i] = old.v[i] + (i == 0);
    return ebb_batch_again(w, p, old.n, attr);
}

/* Attributes in groups of one for each axis of the operand: what the new axis has in each. */
static ebb_id in_groups(ebb_batch *w, const ebb_primal *p, int groups, const int64_t *front) {
    ebb_attr old = ebb_attr_of(w->b.graph, p->y);
    int64_t attr[3 * (EBB_MAX_RANK + 1)];
    int rank = shape_of(w, p->x[0])->rank;
    for (int k = 0; k < groups; k++) {
        attr[k * (rank + 1)] = front[k];
        memcpy(attr + k * (rank + 1) + 1, old.v + k * rank, (size_t)rank * sizeof *attr);
    }
    return ebb_batch_again(w, p, groups * (rank + 1), attr);
}

/* ---- axes that only count on ---- */

#define BATCH(name, formula)                                                                                           \
    ebb_id batch_##name(ebb_batch *w, const ebb_primal *p) { return formula; }

BATCH(broadcast, on_axes(w, p, true))
BATCH(transpose, on_axes(w, p, true))
BATCH(reshape, ebb_batch_again(w, p, 0, NULL))
BATCH(reverse, on_axes(w, p, false))
BATCH(slice, in_groups(w, p, 2, (const int64_t[]){0, 1}))
BATCH(pad, in_groups(w, p, 3, (const int64_t[]){0, 0, 0}))
BATCH(concat, on_axes(w, p, false))
BATCH(sum, on_axes(w, p, false))
BATCH(reduce_max, on_axes(w, p, false))
BATCH(argmax, on_axes(w, p, false))
BATCH(argsort, on_axes(w, p, false))
BATCH(cumsum, on_axes(w, p, false))
BATCH(check_index, ebb_batch_again(w, p, 1, ebb_attr_of(w->b.graph, p->y).v))
BATCH(searchsorted, ebb_batch_again(w, p, 1, ebb_attr_of(w->b.graph, p->y).v))
BATCH(windows, on_first(w, p))
BATCH(overlap_add, on_first(w, p))

/* ---- products ----
 * Where one factor is the same for all examples, theirs become rows of one product. */

/* x [n, a, b] as [n, b, a]. */
static ebb_id turned(ebb_batch *w, ebb_id x) {
    if (x == EBB_POISON) return x;
    const ebb_shape *s = shape_of(w, x);
    if (s->dim[1] != 1 && s->dim[2] != 1) return ebb_g_transpose(&w->b, x, (const int64_t[]){0, 2, 1});
    return ebb_g_reshape(&w->b, x, &(ebb_shape){3, {s->dim[0], s->dim[2], s->dim[1]}});
}

/* x [n, a, b] as [n a, b]. */
static ebb_id as_rows(ebb_batch *w, ebb_id x) {
    if (x == EBB_POISON) return x;
    const ebb_shape *s = shape_of(w, x);
    return ebb_g_reshape(&w->b, x, &(ebb_shape){2, {s->dim[0] * s->dim[1], s->dim[2]}});
}

/* Rows offset, offset + 1 ... of y, zeros beyond its ends: the product with an identity. */
static ebb_id rows_of(ebb_batch *w, ebb_id y, int64_t offset, int64_t rows) {
    if (y == EBB_POISON) return y;
    const ebb_shape *s = shape_of(w, y);
    int64_t size = s->dim[0], end = offset + rows < size ? offset + rows : size, begin = offset > 0 ? offset : 0;
    if (begin > size) begin = size;
    if (end < begin) end = begin;
    int64_t low = offset < 0 ? -offset : 0;
    if (low > rows - (end - begin)) low = rows - (end - begin);
    ebb_shape part = {2, {end - begin, s->dim[1]}};
    y = ebb_g_slice(&w->b, y, (const int64_t[]){begin, 0}, (const int64_t[]){1, 1}, &part);
    if (end - begin == rows) return y;
    const int64_t high = rows - (end - begin) - low;
    return ebb_g_pad(&w->b, y, (const int64_t[]){low, 0}, (const int64_t[]){high, 0}, (const int64_t[]){0, 0});
}

/* x [rows, k] times y [k, n], which is given transposed or not. */
static ebb_id product(ebb_batch *w, ebb_id x, ebb_id y, bool transposed) {
    int64_t offset;
    if (x == EBB_POISON || !ebb_is_identity(w->b.graph, x, &offset)) return ebb_g_dot(&w->b, x, y, false, transposed);
    int64_t rows = shape_of(w, x)->dim[0];
    return rows_of(w, transposed ? ebb_g_transpose(&w->b, y, (const int64_t[]){1, 0}) : y, offset, rows);
}

/* Examples of x [m, k] with one y for all. */
static ebb_id more_rows(ebb_batch *w, const ebb_primal *p, bool tx, bool ty) {
    const ebb_shape *y = shape_of(w, p->y);
    ebb_id rows = as_rows(w, tx ? turned(w, w->x[0]) : w->x[0]);
    return ebb_g_reshape(&w->b, product(w, rows, p->x[1], ty), &(ebb_shape){3, {w->n, y->dim[0], y->dim[1]}});
}

/* Examples of y [k, n] with one x for all: (x y)' = y' x'. */
static ebb_id more_columns(ebb_batch *w, const ebb_primal *p, bool tx, bool ty) {
    const ebb_shape *y = shape_of(w, p->y);
    ebb_id rows = product(w, as_rows(w, ty ? w->x[1] : turned(w, w->x[1])), p->x[0], !tx);
    return turned(w, ebb_g_reshape(&w->b, rows, &(ebb_shape){3, {w->n, y->dim[1], y->dim[0]}}));
}

ebb_id batch_dot(ebb_batch *w, const ebb_primal *p) {
    ebb_attr flag = ebb_attr_of(w->b.graph, p->y);
    const bool tx = flag.v[0] != 0, ty = flag.v[1] != 0;
    bool plain = shape_of(w, p->y)->rank == 2 && ebb_shape_concrete(shape_of(w, p->x[0])) &&
                 ebb_shape_concrete(shape_of(w, p->x[1]));
    if (plain && w->x[1] == EBB_ABSENT) return more_rows(w, p, tx, ty);
    if (plain && w->x[0] == EBB_ABSENT) return more_columns(w, p, tx, ty);
    return ebb_batch_again(w, p, flag.n, flag.v);
}

/* ---- indices ----
 * With one index for all examples, the axis counts on. With an index for each, examples and axis become one long axis,
 * and the index counts along it. */

/* The size of the axis that each example has an index of its own for; -1 and an error if it is not known. */
static int64_t size_along(const ebb_batch *w, const ebb_primal *p, int axis) {
    int64_t size = shape_of(w, p->x[0])->dim[axis];
    if (size >= 0) return size;
    ebb_fail(w->b.graph->diag, EBB_VALUE_ERROR, w->b.site,
             "vmap: %s with an index for each example: the size of axis %d must be known", ebb_op_table[p->op].name,
             axis);
    return -1;
}

/* index + example * size; what lies outside stays outside. */
static ebb_id along_all(ebb_batch *w, ebb_id index, int64_t size) {
    ebb_builder *b = &w->b;
    index = ebb_g_cast_to(b, index, EBB_I64);
    ebb_id example = ebb_g_iota(b, EBB_I64, shape_of(w, index), 0);
    ebb_id place = ebb_g_add(b, index, ebb_g_mul(b, example, ebb_g_full_like(b, index, (double)size)));
    ebb_id inside = ebb_g_logical_and(b, ebb_g_ge(b, index, ebb_g_full_like(b, index, 0)),
                                      ebb_g_lt(b, index, ebb_g_full_like(b, index, (double)size)));
    return ebb_g_select(b, inside, place, ebb_g_full_like(b, index, -1));
}

/* x [n, a..., size, b...] as [n * size, a..., b...] */
static ebb_id long_axis(ebb_batch *w, ebb_id x, int axis) {
    x = ebb_move_axis(&w->b, x, axis + 1, 1);
    if (x == EBB_POISON) return x;
    ebb_shape to = *shape_of(w, x);
    to.rank--;
    to.dim[0] *= to.dim[1];
    memmove(to.dim + 1, to.dim + 2, (size_t)(to.rank - 1) * sizeof *to.dim);
    return ebb_g_reshape(&w->b, x, &to);
}

/* x [n, i..., a..., b...] as [n, a..., i..., b...] where there are `before` axes a; or back. */
static ebb_id index_axes(ebb_batch *w, ebb_id x, int index_rank, int before, bool back) {
    int64_t perm[EBB_MAX_RANK];
    if (x == EBB_POISON) return x;
    int rank = shape_of(w, x)->rank, first = back ? before : index_rank, second = back ? index_rank : before;
    for (int i = 0; i < rank; i++)
        perm[i] = i == 0 || i > first + second ? i : i <= second ? i + first : i - second;
    return ebb_g_transpose(&w->b, x, perm);
}

ebb_id batch_gather(ebb_batch *w, const ebb_primal *p) {
    int axis = (int)ebb_attr_of(w->b.graph, p->y).v[0];
    if (w->x[1] == EBB_ABSENT) return ebb_g_gather(&w->b, all(w, p, 0), p->x[1], axis + 1);
    int index_rank = shape_of(w, p->x[1])->rank;
    if (w->x[0] == EBB_ABSENT) return ebb_move_axis(&w->b, ebb_g_gather(&w->b, p->x[0], w->x[1], axis), axis, 0);
    int64_t size = size_along(w, p, axis);
    if (size < 0) return EBB_POISON;
    ebb_id taken = ebb_g_gather(&w->b, long_axis(w, w->x[0], axis), along_all(w, w->x[1], size), 0);
    return index_axes(w, taken, index_rank, axis, false);
}

/* The scatter that p is, of other operands. */
static ebb_id scatter(ebb_batch *w, const ebb_primal *p, ebb_id x, ebb_id index, ebb_id updates, int axis) {
    bool adds = p->op == EBB_OP_scatter_add;
    return (adds ? ebb_g_scatter_add : ebb_g_scatter_max)(&w->b, x, index, updates, axis);
}

static ebb_id scatters(ebb_batch *w, const ebb_primal *p) {
    int axis = (int)ebb_attr_of(w->b.graph, p->y).v[0];
    ebb_id x = all(w, p, 0), updates = all(w, p, 2);
    if (w->x[1] == EBB_ABSENT) return scatter(w, p, x, p->x[1], updates, axis + 1);
    int index_rank = shape_of(w, p->x[1])->rank;
    int64_t size = size_along(w, p, axis);
    if (size < 0) return EBB_POISON;
    updates = index_axes(w, updates, index_rank, axis, true);
    ebb_id result = scatter(w, p, long_axis(w, x, axis), along_all(w, w->x[1], size), updates, 0);
    if (result == EBB_POISON) return result;
    ebb_shape to;
    ebb_shape apart = *shape_of(w, result);
    apart.dim[0] = size;
    if (!longer(&w->b, &apart, w->n, &to)) return EBB_POISON;
    return ebb_move_axis(&w->b, ebb_g_reshape(&w->b, result, &to), 1, axis + 1);
}

BATCH(scatter_add, scatters(w, p))
BATCH(scatter_max, scatters(w, p))

/* ---- random numbers: each example draws with its own key, just as it would alone ---- */

/* A loop over the keys, whose body is the one draw: as long for any number of examples. */
static ebb_id draws(ebb_batch *w, const ebb_primal *p) {
    ebb_graph *g = w->b.graph, *body = ebb_extract(g, 1, &p->x[0], 1, &p->y);
    if (!body) return EBB_POISON;
    ebb_id tuple = ebb_derive_loop(g, &(ebb_loop){.body = body, .trips = w->n}, 1, &w->x[0], w->b.site);
    ebb_graph_release(body);
    return tuple == EBB_POISON ? tuple : ebb_derive_get(g, tuple, 0, w->b.site);
}

BATCH(random_uniform, draws(w, p))
BATCH(random_normal, draws(w, p))
BATCH(random_truncated_normal, draws(w, p))

/* ---- the loop ---- */

typedef ebb_id batch_rule(ebb_batch *w, const ebb_primal *p);
#define RULE_SOURCE(name) NULL
#define RULE_POINT(name) NULL
#define RULE_VIEW(name) batch_##name
#define RULE_REDUCE(name) batch_##name
#define RULE_WHOLE(name) batch_##name
#define RULE_NESTED(name) NULL
#define RULE_NOWHERE(name) NULL
static batch_rule *const rules[EBB_OP_COUNT] = {
#define OP(name, family, access, arity, rule) [EBB_OP_##name] = RULE_##access(name),
#include "jit/graph/ops.def"
#undef OP
};

static ebb_id batch_node(ebb_graph *g, ebb_id id, int64_t n, const ebb_id *batched) {
    ebb_batch w = {.b = {g, g->site[id]}, .n = n};
    ebb_primal p = ebb_primal_of(g, id);
    bool any = false;
    if (ebb_op_table[p.op].family == EBB_PRODUCTS) return ebb_batch_products(g, id, n, batched);
    for (int i = 0; i < p.arity && i < 3; i++) {
        w.x[i] = batched[p.x[i]];
        any |= w.x[i] != EBB_ABSENT;
    }
    if (p.op == EBB_OP_get) return batched[batched[p.x[0]] + ebb_attr_of(g, id).v[0]];
    if (!any) return EBB_ABSENT;
    if (rules[p.op]) return rules[p.op](&w, &p);
    ebb_attr attr = ebb_attr_of(g, id);
    if (ebb_op_table[p.op].access == EBB_POINT) return ebb_batch_again(&w, &p, attr.n, attr.v);
    ebb_fail(g->diag, EBB_LOOKUP_ERROR, g->site[id], "%s cannot be batched before the graph is expanded",
             ebb_op_table[p.op].name);
    return EBB_POISON;
}

/* The results go behind the nodes. */
static bool batch_region(ebb_graph *g, ebb_id id, int64_t n, ebb_id *batched) {
    size_t arity = (size_t)g->node[id].arity;
    ebb_id *x = ebb_mem_new(g->allocator, arity + 1, sizeof *x);
    if (!x) return ebb_fail_memory(g->diag);
    bool any = false;
    for (size_t i = 0; i < arity; i++)
        any |= (x[i] = batched[ebb_operands(g, id)[i]]) != EBB_ABSENT;
    bool ok = !any || ebb_region_batch(g, id, n, x, batched + batched[id]);
    ebb_mem_free(g->allocator, x);
    return ok;
}

/* Nodes that some y needs. */
static void mark_needed(const ebb_graph *g, int m, const ebb_id *y, uint8_t *needed) {
    for (int j = 0; j < m; j++)
        needed[y[j]] = 1;
    for (ebb_id id = g->count - 1; id > 0; id--) {
        const ebb_id *x = ebb_operands(g, id);
        for (int i = 0; needed[id] && i < g->node[id].arity; i++)
            needed[x[i]] = 1;
    }
}

/* What x gives is there already; of a region, where its results go. */
static bool sweep(ebb_graph *g, int64_t n, const uint8_t *needed, ebb_id count, ebb_id *batched) {
    for (ebb_id id = 1; id < count; id++) {
        if (!needed[id]) continue;
        if (ebb_dtype_at(g, id) == EBB_NONE) {
            if (!batch_region(g, id, n, batched)) return false;
        } else if (batched[id] == EBB_ABSENT) {
            batched[id] = batch_node(g, id, n, batched);
            if (batched[id] == EBB_POISON) return false;
        }
    }
    return true;
}

/* Room for the nodes, then for the results of regions; of a region, where they begin. NULL and an error if there is
 * none. */
static ebb_id *new_batched(const ebb_graph *g) {
    ebb_id results = 0;
    for (ebb_id id = 1; g->callees && id < g->count; id++)
        if (ebb_dtype_at(g, id) == EBB_NONE) results += ebb_results_of(g, id);
    ebb_id *batched = ebb_mem_new(g->allocator, (size_t)g->count + (size_t)results, sizeof *batched);
    if (!batched) return ebb_fail_memory(g->diag), NULL;
    for (ebb_id id = 1, next = g->count; results && id < g->count; id++) {
        if (ebb_dtype_at(g, id) != EBB_NONE) continue;
        batched[id] = next;
        next += ebb_results_of(g, id);
    }
    return batched;
}

bool ebb_vmap_nodes(ebb_graph *g, int64_t n, int count, const ebb_id *x, const ebb_id *bx, int m, const ebb_id *y,
                    ebb_id *by) {
    if (!ebb_check_ids(g, count, x) || !ebb_check_ids(g, count, bx) || !ebb_check_ids(g, m, y)) return false;
    ebb_id nodes = g->count;
    uint8_t *needed = ebb_mem_new(g->allocator, (size_t)nodes, sizeof *needed);
    ebb_id *batched = needed ? new_batched(g) : NULL;
    bool ok = batched || ebb_fail_memory(g->diag);
    for (int i = 0; ok && i < count; i++)
        batched[x[i]] = bx[i];
    if (ok) mark_needed(g, m, y, needed);
    ok = ok && sweep(g, n, needed, nodes, batched);
    for (int j = 0; ok && j < m; j++)
        by[j] = batched[y[j]];
    ebb_mem_free(g->allocator, batched);
    ebb_mem_free(g->allocator, needed);
    return ok;
}
