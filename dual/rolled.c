/* rolled.c - ebb_rolled_nodes: Taylor series of high order as one loop over the orders. The program is as long for
 * order 100 as it is for order 2.
 *
 * The body is the walk of forward.c, written once (push.c): iteration k makes coefficient k of each node from those of
 * its operands. What it needs of all orders below k are sums over 0 < j < k of x[j] y[k-j], of products and slopes. So
 * the loop carries, for the nodes that such sums read, their coefficients so far as a tensor [order - 1, ...]: of x
 * from the first one on, of y from the last one back, each new one put in front. Then x[j] and y[k-j] lie beside each
 * other, the sum is one product and one reduction, and beyond them both are zero.
 *
 * Order 1 is pushed before the loop, as forward.c does. Of a node that moves along a line (the parameters mostly do) no
 * order is left then, and a sum has one term. Which nodes those are, and which are guarded by a condition in all their
 * orders (guard.c), shows when the body is written: it is written again until that is what it was written for.
 *
 * Regions take the series of their operands whole and give series (region_push.c); between them there is a loop for
 * each stage (stages.c), which reads rows of series that are complete and stacks new ones.
 *
 * Invariant: `first`, `series`, `line` and `guard` are true of all nodes of earlier groups; `row` and `in` belong to
 * the body that is written. Start reading at roll. */
#include "dual/rolled.h"
#include "dual/dual.h"
#include "dual/region.h"
#include "jit/graph/plain_floats.h"

static ebb_builder builder_for(const ebb_rolled *w, ebb_id id) { return ebb_builder_for(w->g, id, EBB_TANGENT); }

/* ---- group by group ---- */

/* The series of a node of an earlier group, absent if it does not move. */
static ebb_id series_of(ebb_rolled *w, ebb_id id) {
    if (!ebb_rolled_moves(w, id)) return EBB_ABSENT;
    ebb_builder b = builder_for(w, id);
    if (w->series[id] == EBB_ABSENT) w->series[id] = ebb_series_begun(&b, w->order, w->first[id]);
    return w->series[id];
}

/* Node id moves along a series. */
static bool give(ebb_rolled *w, ebb_id id, ebb_id series) {
    ebb_builder b = builder_for(w, id);
    w->slopes.given[id] = true;
    w->series[id] = series;
    w->first[id] = series == EBB_ABSENT ? series : ebb_series_row(&b, series, 0, id);
    return w->first[id] != EBB_POISON;
}

static bool roll_operations(ebb_rolled *w, const ebb_id *node, const ebb_id *end) {
    for (const ebb_id *id = node; id < end; id++)
        if (ebb_op_of(w->g, *id) == EBB_OP_get) {
            ebb_id tuple = ebb_operands(w->g, *id)[0];
            if (!give(w, *id, w->result[w->result_at[tuple] + ebb_attr_of(w->g, *id).v[0]])) return false;
        }
    return node == end ||
           (ebb_rolled_first(w, node, end) && ebb_rolled_body(w, node, end) && ebb_rolled_loop(w, node, end));
}

static bool roll_region(ebb_rolled *w, ebb_id id) {
    int arity = w->g->node[id].arity;
    ebb_id *x = ebb_mem_new(w->g->allocator, (size_t)arity + 1, sizeof *x);
    bool ok = x || ebb_fail_memory(w->g->diag);
    for (int i = 0; ok && i < arity; i++)
        ok = (x[i] = series_of(w, ebb_operands(w->g, id)[i])) != EBB_POISON;
    ok = ok && ebb_region_push_series(w->g, id, w->order, x, w->result + w->result_at[id]);
    ebb_mem_free(w->g->allocator, x);
    return ok;
}

static bool roll(ebb_rolled *w) {
    for (int32_t k = 0; k < w->stages.groups; k++) {
        const ebb_id *node = w->stages.node + w->stages.begin[k], *end = w->stages.node + w->stages.begin[k + 1];
        w->now = k + 1;
        if (k % 2 == 0 && !roll_operations(w, node, end)) return false;
        for (; k % 2 == 1 && node < end; node++)
            if (!roll_region(w, *node)) return false;
    }
    return true;
}

/* ---- where coefficients are read at all ---- */

/* A branch that is not taken may have infinite slopes. Straight-line code keeps them out by guards that stand in the
 * program (guard.c), which a loop does not hand through. So what only a selection reads is guarded where it is made. */
enum { NOT_READ = EBB_POISON };

/* Node id is read under c, and perhaps elsewhere. */
static void read_under(ebb_rolled *w, ebb_id id, ebb_id c, bool *again) {
    if (id <= EBB_ABSENT || id >= w->slopes.count || !w->group[id] || w->demand[id] == EBB_ABSENT) return;
    if (w->demand[id] == c) return;
    w->demand[id] = w->demand[id] == NOT_READ ? c : EBB_ABSENT;
    *again = true;
}

/* The conditions under which node id reads its operands, and its slopes. */
static bool read_operands(ebb_rolled *w, ebb_id id, bool *again) {
    ebb_builder b = builder_for(w, id);
    const ebb_primal p = ebb_primal_of(w->g, id);
    const ebb_op_row *row = &ebb_op_table[ebb_product_of(p.op)]; /* what a sum of products is made of */
    const bool point = row->access == EBB_POINT, chooses = point && row->family == EBB_SELECTION;
    ebb_id under = point ? w->demand[id] : EBB_ABSENT, c = EBB_ABSENT;
    if (p.op == EBB_OP_select) c = p.x[0];
    if (chooses) c = ebb_choice(&b, &p);
    ebb_id otherwise = c == EBB_ABSENT ? c : ebb_g_logical_not(&b, c);
    if (otherwise == EBB_POISON) return false;
    for (int i = 0; i < w->g->node[id].arity; i++) {
        ebb_id at = c == EBB_ABSENT ? under : i == (chooses ? 1 : 2) ? otherwise : c;
        read_under(w, ebb_operands(w->g, id)[i], at, again);
    }
    for (int i = 0; i < 3; i++)
        read_under(w, w->slopes.slope[id][i], i < 2 && row->family == EBB_SMOOTH ? under : EBB_ABSENT, again);
    return true;
}

/* Conditions only become weaker. */
static bool find_demand(ebb_rolled *w) {
    for (ebb_id id = 1; id < w->slopes.count; id++)
        w->demand[id] = w->group[id] && !w->wanted[id] ? NOT_READ : EBB_ABSENT;
    for (bool again = true; again;) {
        again = false;
        for (ebb_id id = w->slopes.count - 1; id > 0; id--)
            if (w->group[id] && w->demand[id] != NOT_READ && !read_operands(w, id, &again)) return false;
    }
    for (ebb_id id = 1; id < w->slopes.count; id++)
        if (w->demand[id] == NOT_READ) w->demand[id] = EBB_ABSENT;
    return true;
}

/* ---- the pass ---- */

/* A node that is named twice moves along the sum of its curves. */
static bool seed(ebb_rolled *w, int n, const ebb_id *x, const ebb_id *curve) {
    for (int i = 0; i < n; i++) {
        if (x[i] >= w->slopes.count || !w->slopes.order[x[i]] || curve[i] == EBB_ABSENT) continue;
        ebb_builder b = builder_for(w, x[i]);
        bool line = ebb_shape_of(w->g, curve[i])->rank == ebb_shape_of(w->g, x[i])->rank;
        if (line && (!w->first[x[i]] || w->line[x[i]])) {
            w->line[x[i]] = true;
            if ((w->first[x[i]] = ebb_plus(&b, w->first[x[i]], curve[i])) == EBB_POISON) return false;
            continue;
        }
        ebb_id more = line ? ebb_series_begun(&b, w->order, curve[i]) : curve[i];
        if (!give(w, x[i], ebb_plus(&b, series_of(w, x[i]), more))) return false;
        w->line[x[i]] = false;
    }
    return true;
}

static void want(ebb_rolled *w, ebb_id id, ebb_id by) {
    if (id > EBB_ABSENT && id < w->slopes.count && w->group[id] != w->group[by]) w->wanted[id] = true;
}

/* Groups, and what is read across them. */
static void find_wanted(ebb_rolled *w, int m, const ebb_id *y) {
    for (int32_t k = 0; k < w->stages.groups; k++)
        for (int32_t i = w->stages.begin[k]; i < w->stages.begin[k + 1]; i++)
            w->group[w->stages.node[i]] = k + 1;
    for (ebb_id id = 1; id < w->slopes.count; id++) {
        if (!w->group[id]) continue;
        for (int i = 0; i < w->g->node[id].arity; i++)
            want(w, ebb_operands(w->g, id)[i], id);
        for (int i = 0; i < 3; i++)
            want(w, w->slopes.slope[id][i], id);
    }
    for (int j = 0; j < m; j++)
        if (y[j] != EBB_ABSENT) w->wanted[y[j]] = true;
}

/* Where the results of regions go. */
static bool place_results(ebb_rolled *w) {
    int32_t results = 0;
    for (ebb_id id = 1; id < w->slopes.count; id++) {
        if (!w->slopes.order[id] || ebb_dtype_at(w->g, id) != EBB_NONE) continue;
        w->result_at[id] = results;
        results += ebb_results_of(w->g, id);
    }
    w->result = ebb_mem_new(w->g->allocator, (size_t)results + 1, sizeof *w->result);
    return w->result != NULL;
}

static bool make_tables(ebb_rolled *w) {
    const ebb_allocator *a = w->g->allocator;
    const size_t count = (size_t)w->slopes.count;
    w->group = ebb_mem_new(a, count, sizeof *w->group);
    w->first = ebb_mem_new(a, count, sizeof *w->first);
    w->series = ebb_mem_new(a, count, sizeof *w->series);
    w->guard = ebb_mem_new(a, count, sizeof *w->guard);
    w->demand = ebb_mem_new(a, count, sizeof *w->demand);
    w->line = ebb_mem_new(a, count, sizeof *w->line);
    w->wanted = ebb_mem_new(a, count, sizeof *w->wanted);
    w->result_at = ebb_mem_new(a, count, sizeof *w->result_at);
    w->row = ebb_mem_new(a, count, sizeof *w->row);
    w->in = ebb_mem_new(a, count, sizeof *w->in);
    w->carried = ebb_mem_new(a, 2 * EBB_ROW_KINDS * count, sizeof *w->carried);
    w->sliced = ebb_mem_new(a, count, sizeof *w->sliced);
    return (w->group && w->first && w->series && w->guard && w->demand && w->line && w->wanted && w->result_at &&
            w->row && w->in && w->carried && w->sliced && place_results(w)) ||
           ebb_fail_memory(w->g->diag);
}

static void free_tables(ebb_rolled *w) {
    void *const table[] = {w->group, w->first, w->series, w->guard,   w->demand, w->line,     w->wanted,
                           w->row,   w->in,    w->result, w->carried, w->sliced, w->result_at};
    for (size_t k = 0; k < sizeof table / sizeof *table; k++)
        ebb_mem_free(w->g->allocator, table[k]);
    ebb_stages_free(w->g, &w->stages);
    ebb_slopes_free(w->g, &w->slopes);
}

/* Whether all results of a region have room for an axis, also those that nobody gets. */
static bool have_room(const ebb_graph *g, ebb_id region) {
    ebb_type type;
    for (int32_t k = ebb_results_of(g, region); k-- > 0;)
        if (ebb_result_type(g, region, k, &type) && type.shape.rank == EBB_MAX_RANK) return false;
    return true;
}

/* A series has an axis more than its node. */
static bool can_be_rolled(const ebb_rolled *w) {
    bool can = w->order > 1 && w->slopes.closed;
    for (ebb_id id = 1; can && id < w->slopes.count; id++)
        if (ebb_is_region(ebb_op_of(w->g, id)))
            can = have_room(w->g, id);
        else
            can = !w->slopes.order[id] || ebb_shape_of(w->g, id)->rank < EBB_MAX_RANK;
    return can;
}

bool ebb_rolled_nodes(ebb_graph *g, int order, int n, const ebb_id *x, const ebb_id *curve, int m, const ebb_id *y,
                      ebb_id *series, bool *written) {
    EBB_PLAIN_FLOATS;
    ebb_rolled w = {.g = g, .order = order};
    bool *moving = ebb_mem_new(g->allocator, (size_t)n + 1, sizeof *moving);
    bool ok = (moving || ebb_fail_memory(g->diag)) && ebb_check_order(g, order) && ebb_check_ids(g, n, x) &&
              ebb_check_ids(g, n, curve) && ebb_check_ids(g, m, y);
    for (int i = 0; ok && i < n; i++)
        moving[i] = curve[i] != EBB_ABSENT;
    ok = ok && ebb_slopes_close(g, order, n, x, moving, m, y, &w.slopes);
    *written = ok && can_be_rolled(&w);
    if (*written) {
        ok = ebb_stages_find(g, &w.slopes, &w.stages) && make_tables(&w) && seed(&w, n, x, curve);
        if (ok) find_wanted(&w, m, y);
        ok = ok && find_demand(&w) && roll(&w);
        for (int j = 0; ok && j < m; j++)
            ok = (series[j] = series_of(&w, y[j])) != EBB_POISON;
    }
    free_tables(&w);
    ebb_mem_free(g->allocator, moving);
    return ok;
}
