/* collapse.c - ebb_collapse_nodes: second derivatives along many directions, added up, in one forward pass.
 *
 * Of y along the lines x + t v_r only L y = sum of w_r d^2 y / dt^2 is asked. The first derivatives along the lines
 * stay apart; the second ones need not, as they pass every operation linearly. With slopes d_i, a dash for d/dt:
 *
 *     linear      L y = op(L x)
 *     bilinear    L y = op(L a, b) + op(a, L b) + 2 sum of w_r op(a'_r, b'_r)
 *     smooth      L y = sum of d_i L x_i      + sum of w_r x_i'_r d_i'_r
 *     selection   L y = the frozen selection of L x
 *     implicit    L F = 0 for the residual F(x, y), and linear in L y
 *
 * So a node has R first derivatives and one second, where series along each line would have R of both, and a Hessian R
 * gradients: collapsed Taylor mode (Dangel et al., 2025), for the Laplacian the forward Laplacian (Li et al., 2023).
 *
 * The sums on the right hang on first derivatives only. They are written for one line, whose direction is a parameter;
 * blocks.c batches and adds them up. A branch or a loop has no such rule: programs with them go by the series along
 * each line. Start reading at by_collapsing. */
#include "dual/basis.h"
#include "dual/dual.h"
#include "dual/push.h"
#include "dual/terms.h"
#include "jit/graph/plain_floats.h"

#include <string.h>

typedef struct collapse {
    ebb_graph *g;
    ebb_slopes slopes; /* to order 2 */
    ebb_id *first;     /* [slopes.count]: along one line; absent if zero, as below */
    ebb_id *cross;     /* [slopes.count]: the sum on the right, without its guard; first for one line, then for all */
    ebb_id *guard;     /* [slopes.count]: where it is there; absent: everywhere */
    ebb_id *second;    /* [slopes.count]: L y */
    ebb_id *list;      /* room for as many nodes */
    ebb_terms terms;   /* of the sum that is being made */
} collapse;

static ebb_id at(const collapse *w, const ebb_id *table, ebb_id id) {
    return id < w->slopes.count ? table[id] : EBB_ABSENT;
}

/* ---- along one line ---- */

static bool derive_first(collapse *w, int n, const ebb_id *x, const ebb_id *v) {
    int m = 0;
    for (ebb_id id = 1; id < w->slopes.count; id++)
        if (w->slopes.order[id]) w->list[m++] = id;
    memcpy(w->cross, w->list, (size_t)m * sizeof *w->list);
    if (!ebb_jvp_nodes(w->g, n, x, v, m, w->cross, w->cross)) return false;
    for (int k = 0; k < m; k++)
        w->first[w->list[k]] = w->cross[k];
    memset(w->cross, 0, (size_t)w->slopes.count * sizeof *w->cross);
    return true;
}

static ebb_id cross_of_products(collapse *w, ebb_builder *b, const ebb_primal *p) {
    for (int i = 0; i < p->arity / 2; i++) {
        const ebb_primal pair = ebb_pair_of(w->g, p->y, i);
        ebb_terms_put(&w->terms, b, &pair, at(w, w->first, pair.x[0]), true, at(w, w->first, pair.x[1]), true);
    }
    return ebb_terms_sum(&w->terms, b);
}

static ebb_id cross_of_slopes(const collapse *w, ebb_builder *b, const ebb_primal *p) {
    ebb_id sum = EBB_ABSENT;
    for (int i = 0; i < p->arity; i++) {
        ebb_id x = at(w, w->first, p->x[i]), d = at(w, w->first, w->slopes.slope[p->y][i]);
        if (x && d) sum = ebb_plus(b, sum, ebb_summed_like(b, ebb_times_both(b, x, d), p->y));
    }
    return sum;
}

static bool has_cross(const collapse *w, ebb_id id) { return w->slopes.order[id] == 2 && !w->slopes.given[id]; }

static bool derive_cross(collapse *w) {
    for (ebb_id id = 1; id < w->slopes.count; id++) {
        ebb_builder b = ebb_builder_for(w->g, id, EBB_TANGENT);
        ebb_primal p = ebb_primal_of(w->g, id);
        ebb_family family = ebb_op_table[p.op].family;
        if (!has_cross(w, id)) continue;
        if (family == EBB_BILINEAR || family == EBB_PRODUCTS) w->cross[id] = cross_of_products(w, &b, &p);
        if (family == EBB_SMOOTH) w->cross[id] = cross_of_slopes(w, &b, &p);
        if (w->cross[id] == EBB_POISON) return false;
        ebb_split_guard(&b, w->cross[id], &w->guard[id], &w->cross[id]);
    }
    return true;
}

/* ---- along all of them ---- */

/* cross[] of one line becomes their weighted sum over all of them. */
static bool sum_over_lines(collapse *w, const ebb_lines *lines, int n, const ebb_id *line) {
    int m = 0;
    for (ebb_id id = 1; id < w->slopes.count; id++)
        if (w->cross[id]) w->list[m++] = w->cross[id];
    ebb_id *total = ebb_mem_new(w->g->allocator, (size_t)m + 1, sizeof *total);
    bool ok = total ? ebb_sum_over_lines(w->g, lines, n, line, m, w->list, total) : ebb_fail_memory(w->g->diag);
    for (ebb_id id = 1, k = 0; ok && id < w->slopes.count; id++)
        if (w->cross[id]) w->cross[id] = total[k++];
    ebb_mem_free(w->g->allocator, total);
    return ok;
}

/* ---- the second derivatives ---- */

/* The sum on the right, under its guard. */
static ebb_id cross_of(const collapse *w, ebb_builder *b, ebb_id id) {
    ebb_id cross = w->cross[id];
    return cross && w->guard[id] ? ebb_guarded(b, w->guard[id], cross) : cross;
}

static bool makes(const void *pass, ebb_id id) {
    const collapse *w = pass;
    return id < w->slopes.count && has_cross(w, id);
}

static ebb_id second_at(const void *pass, ebb_id id) { return at(pass, ((const collapse *)pass)->second, id); }

static bool set_second(void *pass, ebb_id id, ebb_id value) {
    return (((collapse *)pass)->second[id] = value) != EBB_POISON;
}

static ebb_id push_products(void *pass, ebb_builder *b, const ebb_primal *p) {
    collapse *w = pass;
    ebb_id cross = cross_of(w, b, p->y), twice = cross ? ebb_times(b, cross, ebb_g_full_like(b, cross, 2)) : EBB_ABSENT;
    for (int i = 0; i < p->arity / 2; i++) {
        const ebb_primal pair = ebb_pair_of(w->g, p->y, i);
        ebb_terms_put(&w->terms, b, &pair, at(w, w->second, pair.x[0]), true, pair.x[1], false);
        ebb_terms_put(&w->terms, b, &pair, pair.x[0], false, at(w, w->second, pair.x[1]), true);
    }
    return ebb_plus(b, twice, ebb_terms_sum(&w->terms, b));
}

static ebb_id push_smooth(void *pass, ebb_builder *b, const ebb_primal *p) {
    const collapse *w = pass;
    ebb_id sum = cross_of(w, b, p->y);
    for (int i = 0; i < p->arity; i++) {
        ebb_id t = at(w, w->second, p->x[i]);
        if (t) sum = ebb_plus(b, sum, ebb_summed_like(b, ebb_times(b, t, w->slopes.slope[p->y][i]), p->y));
    }
    return sum;
}

static bool derive_second(collapse *w) {
    const ebb_push push = {.g = w->g,
                           .slopes = &w->slopes,
                           .pass = w,
                           .makes = makes,
                           .at = second_at,
                           .set = set_second, /* nothing to get: programs with regions go by_series */
                           .bilinear = push_products,
                           .smooth = push_smooth,
                           .products = push_products};
    for (ebb_id id = 1; id < w->slopes.count; id++)
        if (has_cross(w, id) && !set_second(w, id, ebb_push_node(&push, id))) return false;
    return true;
}

/* ---- programs with regions: series along each line, whose second coefficients are added up ---- */

static bool has_regions(ebb_graph *g, int n, const ebb_id *x, int m, const ebb_id *y, bool *any) {
    ebb_id limit;
    uint8_t *mark = ebb_between(g, n, x, NULL, m, y, &limit);
    *any = false;
    for (ebb_id id = 1; mark && id < limit; id++)
        *any |= ebb_is_between(mark, id) && ebb_op_table[ebb_op_of(g, id)].family == EBB_REGION;
    ebb_mem_free(g->allocator, mark);
    return mark != NULL;
}

/* c: [m][2]; curve: [n][2]; list, total: [m]. */
static bool add_series(ebb_graph *g, const ebb_lines *lines, int n, const ebb_id *x, const ebb_id *line, int m,
                       const ebb_id *y, ebb_id *second, ebb_id *curve, ebb_id *c, ebb_id *list, ebb_id *total) {
    int count = 0;
    for (int i = 0; i < n; i++)
        curve[2 * i] = line[i], curve[2 * i + 1] = EBB_ABSENT;
    if (!ebb_jet_nodes(g, 2, n, x, curve, m, y, c)) return false;
    for (int j = 0; j < m; j++)
        if (c[2 * j + 1]) list[count++] = c[2 * j + 1];
    if (!ebb_sum_over_lines(g, lines, n, line, count, list, total)) return false;
    for (int j = 0, k = 0; j < m; j++) {
        ebb_id sum = c[2 * j + 1] ? total[k++] : EBB_ABSENT;
        ebb_builder b = ebb_builder_for(g, y[j], EBB_TANGENT);
        second[j] = sum ? ebb_times(&b, sum, ebb_g_full_like(&b, sum, 2)) : EBB_ABSENT;
        if (second[j] == EBB_POISON) return false;
    }
    return true;
}

static bool by_series(ebb_graph *g, const ebb_lines *lines, int n, const ebb_id *x, const ebb_id *line, int m,
                      const ebb_id *y, ebb_id *second) {
    ebb_id *room = ebb_mem_new(g->allocator, 2 * (size_t)n + 4 * (size_t)m + 1, sizeof *room);
    if (!room) return ebb_fail_memory(g->diag);
    ebb_id *c = room + 2 * n;
    bool ok = add_series(g, lines, n, x, line, m, y, second, room, c, c + 2 * m, c + 3 * m);
    ebb_mem_free(g->allocator, room);
    return ok;
}

/* ---- the pass ---- */

static bool make_room(collapse *w) {
    size_t count = (size_t)w->slopes.count;
    w->first = ebb_mem_new(w->g->allocator, 5 * count, sizeof *w->first);
    if (!w->first) return ebb_fail_memory(w->g->diag);
    w->cross = w->first + count;
    w->guard = w->cross + count;
    w->second = w->guard + count;
    w->list = w->second + count;
    return true;
}

/* Parameters that stand for the direction of one line. */
static bool add_line(ebb_graph *g, int n, const ebb_id *x, ebb_id *line) {
    for (int i = 0; i < n; i++)
        if ((line[i] = ebb_add_input(g, ebb_type_of(g, x[i]), g->site[x[i]])) == EBB_POISON) return false;
    return true;
}

static bool by_collapsing(ebb_graph *g, const ebb_lines *lines, int n, const ebb_id *x, const ebb_id *line, int m,
                          const ebb_id *y, ebb_id *second) {
    collapse w = {.g = g};
    bool ok = ebb_slopes_write(g, 2, n, x, NULL, m, y, &w.slopes) && make_room(&w) && derive_first(&w, n, x, line) &&
              derive_cross(&w) && sum_over_lines(&w, lines, n, line) && derive_second(&w);
    for (int j = 0; ok && j < m; j++)
        second[j] = at(&w, w.second, y[j]);
    ebb_terms_free(g, &w.terms);
    ebb_mem_free(g->allocator, w.first);
    ebb_slopes_free(g, &w.slopes);
    return ok;
}

bool ebb_collapse_nodes(ebb_graph *g, const ebb_lines *lines, int n, const ebb_id *x, int m, const ebb_id *y,
                        ebb_id *second) {
    EBB_PLAIN_FLOATS;
    bool regions;
    if (!ebb_check_ids(g, n, x) || !ebb_check_ids(g, m, y)) return false;
    ebb_id *line = ebb_mem_new(g->allocator, (size_t)n + 1, sizeof *line);
    bool ok = (line || ebb_fail_memory(g->diag)) && add_line(g, n, x, line) && has_regions(g, n, x, m, y, &regions);
    if (ok) ok = (regions ? by_series : by_collapsing)(g, lines, n, x, line, m, y, second);
    ebb_mem_free(g->allocator, line);
    return ok;
}
