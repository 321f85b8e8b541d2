/* pattern.c - ebb_pattern_nodes: one sweep over the nodes in their order.
 *
 * Invariant: when the sweep reaches a node, the relations of its operands between x and y are complete; one is given up
 * after its last use, so only what is in use takes memory. */
#include "dual/pattern.h"

#include "dual/rules.h"

typedef struct sweep {
    const ebb_graph *g;
    ebb_relation like; /* what all relations have in common */
    int64_t columns;
    ebb_id limit;
    uint8_t *mark;
    ebb_relation **of; /* [limit]: NULL where there is none yet, or no more */
    ebb_id *last;      /* [limit]: the last node that uses it; `limit`: it is a result */
    ebb_known known;
} sweep;

static int64_t size_of(const ebb_graph *g, ebb_id id) {
    int64_t size = 0;
    ebb_shape_size(ebb_shape_of(g, id), &size);
    return size;
}

static ebb_relation *give(sweep *s, ebb_id id) {
    ebb_relation *r = ebb_mem_new(s->g->allocator, 1, sizeof *r);
    if (!r) return NULL;
    ebb_relation_start(r, &s->like, size_of(s->g, id), s->columns);
    return s->of[id] = r;
}

static void give_up(sweep *s, ebb_id id) {
    if (s->of[id]) ebb_relation_free(s->of[id]);
    ebb_mem_free(s->g->allocator, s->of[id]);
    s->of[id] = NULL;
}

/* x[i] depends on itself, and on nothing else. */
static bool seed(sweep *s, int n, const ebb_id *x) {
    int64_t column = 0;
    for (int i = 0; i < n; i++) {
        int64_t size = size_of(s->g, x[i]);
        if (x[i] < s->limit && ebb_is_between(s->mark, x[i])) {
            ebb_nest own = {.column = column};
            ebb_nest_add(&own, size, 1, 1);
            if ((!s->of[x[i]] && !give(s, x[i])) || !ebb_relation_add(s->of[x[i]], &own)) return false;
        }
        column += size;
    }
    return true;
}

static bool follow(sweep *s, ebb_id id, int i) {
    ebb_id x = ebb_operands(s->g, id)[i];
    ebb_relation *to = s->of[id], step;
    if (ebb_structure_same(s->g, id, i)) return ebb_relation_join(to, s->of[x], 0, 0);
    ebb_relation_start(&step, to, to->rows, s->of[x]->rows);
    bool ok = ebb_structure_add(&step, s->g, &s->known, id, i) &&
              ebb_relation_chain(to, &step, ebb_shape_of(s->g, x), s->of[x]);
    ebb_relation_free(&step);
    return ok;
}

static bool visit(sweep *s, ebb_id id) {
    const ebb_id *x = ebb_operands(s->g, id);
    if (!give(s, id)) return false;
    for (int i = 0; i < s->g->node[id].arity; i++)
        if (ebb_is_between(s->mark, x[i]) && !follow(s, id, i)) return false;
    for (int i = 0; i < s->g->node[id].arity; i++)
        if (s->last[x[i]] == id) give_up(s, x[i]);
    return true;
}

/* ---- before the sweep ---- */

static void find_last_uses(sweep *s, int m, const ebb_id *y) {
    for (ebb_id id = 1; id < s->limit; id++)
        for (int i = 0; ebb_is_between(s->mark, id) && i < s->g->node[id].arity; i++)
            s->last[ebb_operands(s->g, id)[i]] = id;
    for (int j = 0; j < m; j++)
        s->last[y[j]] = s->limit;
}

/* The indices of all gathers and scatters between x and y. */
static bool find_known(sweep *s, const void *const *given) {
    ebb_id *index = ebb_mem_new(s->g->allocator, (size_t)s->limit, sizeof *index);
    int count = 0;
    if (!index) return false;
    for (ebb_id id = 1; id < s->limit; id++)
        if (ebb_is_between(s->mark, id) && ebb_structure_places(ebb_op_of(s->g, id)))
            index[count++] = ebb_operands(s->g, id)[1];
    bool ok = ebb_known_find(&s->known, s->g, given, count, index);
    ebb_mem_free(s->g->allocator, index);
    return ok;
}

/* ---- the pattern ---- */

static bool collect(sweep *s, int m, const ebb_id *y, ebb_relation *r) {
    int64_t row = 0;
    for (int j = 0; j < m; j++) {
        if (s->of[y[j]] && !ebb_relation_join(r, s->of[y[j]], row, 0)) return false;
        row += size_of(s->g, y[j]);
    }
    return true;
}

bool ebb_pattern_nodes(const ebb_graph *g, const void *const *given, double most, int n, const ebb_id *x, int m,
                       const ebb_id *y, ebb_relation *r) {
    sweep s = {.g = g, .like = {.allocator = g->allocator, .most = most}};
    int64_t rows = 0;
    for (int i = 0; i < n; i++)
        s.columns += size_of(g, x[i]);
    for (int j = 0; j < m; j++)
        rows += size_of(g, y[j]);
    ebb_relation_start(r, &s.like, rows, s.columns);
    s.mark = ebb_between(g, n, x, NULL, m, y, &s.limit);
    if (!s.mark) return false;
    s.of = ebb_mem_new(g->allocator, (size_t)s.limit, sizeof *s.of);
    s.last = ebb_mem_new(g->allocator, (size_t)s.limit, sizeof *s.last);
    bool ok = s.of && s.last && find_known(&s, given) && seed(&s, n, x);
    if (ok) find_last_uses(&s, m, y);
    for (ebb_id id = 1; ok && id < s.limit; id++)
        if (ebb_is_between(s.mark, id) && !(s.mark[id] & EBB_IS_X)) ok = visit(&s, id);
    ok = ok && collect(&s, m, y, r);
    for (ebb_id id = 0; s.of && id < s.limit; id++)
        give_up(&s, id);
    ebb_known_free(&s.known);
    ebb_mem_free(g->allocator, s.last);
    ebb_mem_free(g->allocator, s.of);
    ebb_mem_free(g->allocator, s.mark);
    return ok || ebb_fail_memory(g->diag);
}
