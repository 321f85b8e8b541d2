/* rolled_push.c - coefficient k of each node, written once, in the body of the loop over k; and order 1 before it.
 *
 * The rules are those of push.c. What is said here is where coefficients come from, and how sums over the orders below
 * k are made of what the loop carries. Start reading at between. */
#include "dual/rolled.h"

#include <string.h>

static ebb_builder builder_for(const ebb_rolled *w, ebb_id id) { return ebb_builder_for(w->g, id, EBB_TANGENT); }

static ebb_id under(ebb_builder *b, ebb_id guard, ebb_id t) {
    return guard == EBB_ABSENT || t <= EBB_ABSENT ? t : ebb_guarded(b, guard, t);
}

/* ---- coefficient k ---- */

/* Of a node whose series is complete: a slice of it. */
static ebb_id slice_of(ebb_rolled *w, ebb_id id) {
    ebb_builder b = builder_for(w, id);
    if (w->row[id] == EBB_ABSENT) {
        w->row[id] = ebb_add_input(w->g, ebb_type_of(w->g, id), b.site);
        w->sliced[w->slices++] = id;
    }
    return under(&b, w->guard[id], w->row[id]);
}

ebb_id ebb_rolled_at(const void *pass, ebb_id id) {
    const ebb_rolled *w = pass;
    if (id <= EBB_ABSENT || id >= w->slopes.count) return EBB_ABSENT;
    if (!w->rolling) return w->first[id];
    if (ebb_rolled_makes(w, id)) return w->row[id];
    return ebb_rolled_moves(w, id) && !w->line[id] ? slice_of((ebb_rolled *)(uintptr_t)w, id) : EBB_ABSENT;
}

static bool makes(const void *pass, ebb_id id) { return ebb_rolled_makes(pass, id); }

static bool set(void *pass, ebb_id id, ebb_id value) {
    ebb_rolled *w = pass;
    ebb_builder b = builder_for(w, id);
    value = under(&b, w->demand[id], value);
    *(w->rolling ? &w->row[id] : &w->first[id]) = value;
    return value != EBB_POISON;
}

/* Results of regions are given. */
static ebb_id get(void *pass, ebb_id id) {
    (void)pass, (void)id;
    return EBB_POISON;
}

/* k plus a number, in all elements of something like t. */
ebb_id ebb_rolled_order(const ebb_rolled *w, ebb_builder *b, ebb_id t, int plus) {
    if (t == EBB_POISON || w->k == EBB_POISON) return EBB_POISON;
    ebb_id k = plus ? ebb_g_add(b, w->k, ebb_g_number(b, EBB_I64, plus)) : w->k;
    return ebb_g_broadcast(b, ebb_g_cast_to(b, k, ebb_dtype_at(b->graph, t)), ebb_shape_of(b->graph, t), NULL);
}

/* ---- sums over the orders below k ---- */

static ebb_id carried(ebb_rolled *w, ebb_id id, int kind) {
    ebb_type type = ebb_type_of(w->g, id);
    if (w->in[id][kind] != EBB_ABSENT) return w->in[id][kind];
    if (kind != EBB_LAST_ROW && !ebb_shape_insert(ebb_shape_of(w->g, id), 0, w->order - 1, &type.shape))
        return EBB_POISON;
    w->carried[2 * w->states] = id;
    w->carried[2 * w->states++ + 1] = kind;
    return w->in[id][kind] = ebb_add_input(w->g, type, w->g->site[id]);
}

static ebb_id last(ebb_rolled *w, ebb_builder *b, ebb_id id) {
    return under(b, w->guard[id], carried(w, id, EBB_LAST_ROW));
}

static ebb_id product(ebb_builder *b, const ebb_primal *p, ebb_id x, ebb_id y) {
    return p->op == EBB_OP_dot ? ebb_apply(b, p, (const ebb_id[]){x, y}) : ebb_times_both(b, x, y);
}

/* The guard stands inside the sum too, as reverse mode does not see it through one. */
static ebb_id summed_under(ebb_builder *b, ebb_id guard, ebb_id t) {
    static const int64_t front = 0;
    if (guard != EBB_ABSENT && t != EBB_POISON)
        t = ebb_guarded(b, ebb_g_expand_axes(b, guard, ebb_shape_of(b->graph, t), 1, &front), t);
    return t;
}

static ebb_id convolved(ebb_rolled *w, ebb_builder *b, const ebb_primal *p, ebb_id x, ebb_id y, bool weighted) {
    const int64_t front = 0;
    ebb_id pair[2] = {carried(w, x, weighted ? EBB_WEIGHTED_ROWS : EBB_FORWARD_ROWS), carried(w, y, EBB_BACKWARD_ROWS)};
    if (p->op == EBB_OP_dot) return ebb_g_sum(b, ebb_apply(b, p, pair), 1, &front);
    ebb_id t = summed_under(b, w->guard[x], summed_under(b, w->guard[y], ebb_g_mul(b, pair[0], pair[1])));
    return under(b, w->guard[x], under(b, w->guard[y], ebb_g_sum(b, t, 1, &front)));
}

/* The sum of op(x[j], y[k-j]) over 0 < j < k, of each term j times if it is weighted. */
static ebb_id between(ebb_rolled *w, ebb_builder *b, const ebb_primal *p, ebb_id x, ebb_id y, bool weighted) {
    if (!w->rolling || !ebb_rolled_moves(w, x) || !ebb_rolled_moves(w, y)) return EBB_ABSENT;
    if (w->line[x]) return product(b, p, w->first[x], last(w, b, y));
    if (!w->line[y]) return convolved(w, b, p, x, y, weighted);
    ebb_id t = last(w, b, x);
    if (weighted) t = ebb_times(b, t, ebb_rolled_order(w, b, t, -1));
    return product(b, p, t, w->first[y]);
}

/* What a rule reads of the program around it, where it is read at all: a cotangent that comes out of the loop has lost
 * its guard, and must not meet an infinity there. */
static ebb_id where_asked(const ebb_rolled *w, ebb_builder *b, const ebb_primal *p, ebb_id x) {
    bool alike = ebb_shape_equal(ebb_shape_of(w->g, x), ebb_shape_of(w->g, p->y));
    return alike ? under(b, w->demand[p->y], x) : x;
}

static ebb_id bilinear(void *pass, ebb_builder *b, const ebb_primal *p) {
    ebb_id x[2] = {ebb_rolled_at(pass, p->x[0]), ebb_rolled_at(pass, p->x[1])}, sum = EBB_ABSENT;
    for (int i = 0; i < 2; i++) {
        ebb_id y[2] = {p->x[0], p->x[1]};
        y[i] = x[i];
        if (x[i] == EBB_ABSENT) continue;
        bool matrices = p->op == EBB_OP_dot;
        ebb_id t = matrices ? ebb_apply(b, p, y) : ebb_times(b, x[i], where_asked(pass, b, p, p->x[1 - i]));
        sum = ebb_plus(b, sum, t);
    }
    return ebb_plus(b, sum, between(pass, b, p, p->x[0], p->x[1], false));
}

static ebb_id rung(ebb_rolled *w, ebb_builder *b, const ebb_primal *p, ebb_id ladder);

static ebb_id smooth(void *pass, ebb_builder *b, const ebb_primal *p) {
    ebb_rolled *w = pass;
    ebb_id sum = EBB_ABSENT, rest = EBB_ABSENT, ladder = w->slopes.slope[p->y][2];
    if (ladder != EBB_ABSENT && ladder != p->y) return rung(w, b, p, ladder);
    for (int i = 0; i < p->arity; i++) {
        ebb_id x = ebb_rolled_at(w, p->x[i]), d = w->slopes.slope[p->y][i];
        if (d == EBB_ABSENT) continue;
        if (x) sum = ebb_plus(b, sum, ebb_summed_like(b, ebb_times(b, x, where_asked(w, b, p, d)), p->y));
        ebb_id t = between(w, b, p, p->x[i], d, true);
        if (t) rest = ebb_plus(b, rest, ebb_summed_like(b, t, p->y));
    }
    return rest ? ebb_plus(b, sum, ebb_divided(b, rest, ebb_rolled_order(w, b, rest, 0))) : sum;
}

static ebb_push pushing(ebb_rolled *w) {
    return (ebb_push){.g = w->g,
                      .slopes = &w->slopes,
                      .pass = w,
                      .makes = makes,
                      .at = ebb_rolled_at,
                      .set = set,
                      .get = get,
                      .bilinear = bilinear,
                      .smooth = smooth};
}

/* Rung 0 of t, under its guard. */
static ebb_id bottom(ebb_builder *b, ebb_id t, ebb_id like) {
    ebb_id c, u;
    if (t <= EBB_ABSENT) return t;
    if (!ebb_split_guard(b, t, &c, &u)) return ebb_series_row(b, t, 0, like);
    return ebb_guarded(b, ebb_series_row(b, c, 0, like), ebb_series_row(b, u, 0, like));
}

/* Of a rung, the ladder is pushed first, with what leads to it. */
static ebb_id rung(ebb_rolled *w, ebb_builder *b, const ebb_primal *p, ebb_id ladder) {
    const ebb_push push = pushing(w);
    if (!ebb_push_patch(&push, p, 1, &ladder)) return EBB_POISON;
    return bottom(b, ebb_rolled_at(w, ladder), p->y);
}

/* ---- the body ---- */

static bool walk(ebb_rolled *w, const ebb_id *node, const ebb_id *end) {
    const ebb_push push = pushing(w);
    for (; node < end; node++)
        if (ebb_rolled_makes(w, *node) && !set(w, *node, ebb_push_node(&push, *node))) return false;
    return true;
}

/* Guards as order 1 has them. */
static void find_guards(ebb_rolled *w, const ebb_id *node, const ebb_id *end) {
    ebb_id u;
    for (; node < end; node++) {
        ebb_builder b = builder_for(w, *node);
        w->line[*node] = false;
        if (!ebb_rolled_makes(w, *node) || !ebb_split_guard(&b, w->first[*node], &w->guard[*node], &u))
            w->guard[*node] = EBB_ABSENT;
    }
}

/* Whether the body was written for what it is. */
static bool is_settled(ebb_rolled *w, const ebb_id *node, const ebb_id *end) {
    bool settled = true;
    ebb_id c, u;
    for (; node < end; node++) {
        ebb_builder b = builder_for(w, *node);
        if (!ebb_rolled_makes(w, *node) || !w->first[*node]) continue;
        bool line = w->row[*node] == EBB_ABSENT;
        settled &= line == w->line[*node];
        w->line[*node] = line;
        if (line || !w->guard[*node]) continue;
        if (ebb_split_guard(&b, w->row[*node], &c, &u) && c == w->guard[*node]) continue;
        w->guard[*node] = EBB_ABSENT;
        settled = false;
    }
    return settled;
}

bool ebb_rolled_first(ebb_rolled *w, const ebb_id *node, const ebb_id *end) {
    w->rolling = false;
    if (!walk(w, node, end)) return false;
    find_guards(w, node, end);
    return true;
}

bool ebb_rolled_body(ebb_rolled *w, const ebb_id *node, const ebb_id *end) {
    w->rolling = true;
    do {
        w->states = w->slices = 0;
        memset(w->row, 0, (size_t)w->slopes.count * sizeof *w->row);
        memset(w->in, 0, (size_t)w->slopes.count * sizeof *w->in);
        w->k = ebb_add_input(w->g, (ebb_type){EBB_I64, {0}}, w->g->site[*node]);
        if (w->k == EBB_POISON || !walk(w, node, end)) return false;
    } while (!is_settled(w, node, end));
    return true;
}
