/* covered.c - loops whose results another loop beside them has as well, as the loop of values and tangents has those of
 * the loop of values: they are read from that one.
 *
 * Loop A is covered by loop B if they run as often, the operands of A are among those of B, in their order, and the
 * body of B computes of these what the body of A does, states as the same states. That is found by writing the body of
 * A into that of B through the deriving door: all of it must be there already. B must not depend on A; as it may stand
 * behind readers of A, a program that is written anew has operands first, wherever they stood. Nothing is said of what
 * is left of A: the steps behind this one drop it. Start reading at ebb_take_covered. */
#include "jit/graph/expand.h"
#include "jit/graph/reach.h"

/* With so many others a loop is compared at most, so that many loops over the same operands do not take long. */
enum { MOST_COMPARED = 16 };

typedef struct cover { /* a loop that is covered */
    ebb_id by;
    int32_t *number; /* [results]: which result of `by`; -1: none, and nobody reads it */
} cover;

typedef struct part { /* a function of the program */
    const ebb_graph *graph;
    int32_t *covered; /* [graph->count]: of a loop that is covered, its cover's number from 1 */
    ebb_graph *anew;  /* owned */
} part;

typedef struct covering {
    const ebb_allocator *a;
    ebb_reach reach;
    part *part; /* [reach.count] */
    cover *cover;
    int32_t covers, capacity;
    ebb_diag *diag;
} covering;

/* ---- whether one loop computes what the other does ---- */

/* Where x[0] ... x[n - 1] stand in y, in this order. */
static bool find_in_order(const ebb_id *x, int64_t n, const ebb_id *y, int64_t m, int32_t *place) {
    int64_t k = 0;
    for (int64_t i = 0; i < n; i++, k++) {
        while (k < m && y[k] != x[i])
            k++;
        if (k >= m) return false;
        place[i] = (int32_t)k;
    }
    return true;
}

/* Where the operands of loop a stand among those of b. */
static bool find_operands(const ebb_loop *a, const ebb_id *x, const ebb_loop *b, const ebb_id *y, int32_t *place) {
    const int64_t count[] = {a->states, a->captures, a->sequences}, room[] = {b->states, b->captures, b->sequences};
    int32_t at = 0, from = 0;
    for (int k = 0; k < 3; k++) {
        if (!find_in_order(x + at, count[k], y + from, room[k], place + at)) return false;
        for (int64_t i = 0; i < count[k]; i++)
            place[at + i] += from;
        at += (int32_t)count[k];
        from += (int32_t)room[k];
    }
    return true;
}

/* The nodes of f in `to`, its parameters already in map. */
static bool write_into(ebb_graph *to, const ebb_graph *f, ebb_id *map) {
    for (ebb_id id = 1; id < f->count; id++)
        if (ebb_op_of(f, id) != EBB_OP_input && (map[id] = ebb_derive_again(to, f, id, map)) == EBB_POISON)
            return false;
    return true;
}

/* Both functions in one graph, f's parameter i being parameter place[i] of g. Their nodes there: x, y. NULL: no memory.
 */
static ebb_graph *write_both(const ebb_graph *f, const ebb_graph *g, const int32_t *place, ebb_id *x, ebb_id *y,
                             ebb_diag *diag) {
    ebb_graph *to = ebb_graph_new(g->allocator, diag, g->name);
    bool ok = to || ebb_fail_memory(diag);
    if (ok) to->without = g->without;
    for (int32_t k = 0; ok && k < g->inputs; k++)
        ok = (y[g->input[k]] = ebb_add_input(to, ebb_type_of(g, g->input[k]), g->site[g->input[k]])) != EBB_POISON;
    for (int32_t i = 0; ok && i < f->inputs; i++)
        x[f->input[i]] = y[g->input[place[i]]];
    if (ok && write_into(to, g, y) && write_into(to, f, x)) return to;
    ebb_graph_release(to);
    return NULL;
}

/* What f gives, as results of g: number[k]; the first `fixed` of them at place[k], others anywhere behind the first
 * `from` of g's, or -1. False: they are not there, or *ok is: no memory. */
static bool find_results(const ebb_graph *f, const ebb_graph *g, const int32_t *place, int32_t fixed, int32_t from,
                         int32_t *number, bool *ok, ebb_diag *diag) {
    const ebb_allocator *a = g->allocator;
    ebb_id *x = ebb_mem_new(a, (size_t)f->count + (size_t)g->count, sizeof *x), *y = x ? x + f->count : NULL;
    ebb_graph *both = x ? write_both(f, g, place, x, y, diag) : NULL;
    bool there = *ok = both || ebb_fail_memory(diag);
    for (int32_t k = 0; there && k < f->outputs; k++) {
        number[k] = k < fixed ? place[k] : -1;
        for (int32_t j = from; k >= fixed && number[k] < 0 && j < g->outputs; j++)
            if (y[g->output[j]] == x[f->output[k]]) number[k] = j;
        if (k < fixed) there = y[g->output[place[k]]] == x[f->output[k]];
    }
    ebb_graph_release(both);
    ebb_mem_free(a, x);
    return there;
}

static bool same_condition(const ebb_loop *a, const ebb_loop *b, const int32_t *place, bool *ok, ebb_diag *diag) {
    int32_t number = 0;
    if (!a->condition) return true;
    return find_results(a->condition, b->condition, place, 0, 0, &number, ok, diag) && number == 0;
}

/* ---- whether it may be read from there ---- */

/* Where result *number of a tuple is read from now, which may be a loop that covers one that covers it; *number is -1
 * if it is nowhere. */
static ebb_id read_from(const covering *c, const part *p, ebb_id tuple, int32_t *number) {
    while (*number >= 0 && p->covered[tuple]) {
        const cover *by = &c->cover[p->covered[tuple] - 1];
        *number = by->number[*number];
        tuple = by->by;
    }
    return tuple;
}

/* The same of what a get reads, which is always somewhere. */
static ebb_id source_of(const covering *c, const part *p, ebb_id id, int32_t *number) {
    *number = (int32_t)ebb_attr_of(p->graph, id).v[0];
    return read_from(c, p, ebb_operands(p->graph, id)[0], number);
}

/* Whether all that is read from loop a, for itself or for those that it covers, is in b or in what covers b. */
static bool reads_fit(const covering *c, const part *p, ebb_id a, ebb_id b, const int32_t *number) {
    for (ebb_id id = 1; id < p->graph->count; id++) {
        int32_t k;
        if (ebb_op_of(p->graph, id) != EBB_OP_get || source_of(c, p, id, &k) != a) continue;
        k = number[k];
        read_from(c, p, b, &k);
        if (k < 0) return false;
    }
    return true;
}

typedef struct walk { /* to operands */
    ebb_id *node;     /* a stack */
    int32_t *next;    /* which operand comes next */
    int32_t depth;
} walk;

static bool walk_start(walk *w, const ebb_graph *g) {
    w->depth = 0;
    w->node = ebb_mem_new(g->allocator, (size_t)g->count, sizeof *w->node);
    w->next = ebb_mem_new(g->allocator, (size_t)g->count, sizeof *w->next);
    return w->node && w->next;
}

static void walk_end(walk *w, const ebb_graph *g) {
    ebb_mem_free(g->allocator, w->node);
    ebb_mem_free(g->allocator, w->next);
}

static void walk_down(walk *w, ebb_id id) {
    w->node[w->depth] = id;
    w->next[w->depth++] = 0;
}

/* The next operand of the last node on the way; absent: there is none, and the way goes back from it. */
static ebb_id walk_next(const covering *c, const part *p, walk *w) {
    const ebb_id id = w->node[w->depth - 1];
    int32_t number;
    if (w->next[w->depth - 1] == p->graph->node[id].arity) return w->depth--, EBB_ABSENT;
    const int32_t k = w->next[w->depth - 1]++;
    return ebb_op_of(p->graph, id) == EBB_OP_get ? source_of(c, p, id, &number) : ebb_operands(p->graph, id)[k];
}

/* Whether node `from` is computed from `loop`. */
static bool depends(const covering *c, const part *p, ebb_id from, ebb_id loop, bool *ok) {
    const ebb_graph *g = p->graph;
    walk w;
    uint8_t *seen = ebb_mem_new(g->allocator, (size_t)g->count, 1);
    bool found = false;
    *ok = (walk_start(&w, g) && seen) || ebb_fail_memory(c->diag);
    if (*ok) walk_down(&w, from);
    while (*ok && w.depth > 0 && !found) {
        const ebb_id x = walk_next(c, p, &w);
        found = x == loop;
        if (x == EBB_ABSENT || seen[x] || found) continue;
        seen[x] = 1;
        walk_down(&w, x);
    }
    walk_end(&w, g);
    ebb_mem_free(g->allocator, seen);
    return found;
}

/* ---- finding them ---- */

/* Of loops that cover each other, the earlier one stays. */
static bool is_larger(const ebb_graph *g, ebb_id a, ebb_id b) {
    const int32_t x = g->node[a].arity, y = g->node[b].arity;
    return y > x || (y == x && b < a);
}

static bool add_cover(covering *c, part *p, ebb_id a, ebb_id b, int32_t *number) {
    if (!ebb_mem_reserve(c->a, &c->cover, &c->capacity, (int64_t)c->covers + 1, sizeof *c->cover)) {
        ebb_mem_free(c->a, number);
        return ebb_fail_memory(c->diag);
    }
    c->cover[c->covers++] = (cover){b, number};
    p->covered[a] = c->covers;
    return true;
}

/* False: no memory. *left: how many bodies may still be compared for loop a; place: room for its operands. */
static bool try_pair(covering *c, part *p, ebb_id a, ebb_id b, int *left, int32_t *place) {
    const ebb_graph *g = p->graph;
    const ebb_loop x = ebb_loop_of(g, a), y = ebb_loop_of(g, b);
    bool ok = true;
    if (x.trips != y.trips || x.reverse != y.reverse || !x.condition != !y.condition ||
        !find_operands(&x, ebb_operands(g, a), &y, ebb_operands(g, b), place) || (*left)-- <= 0)
        return true;
    int32_t *number = ebb_mem_new(c->a, (size_t)x.body->outputs + 1, sizeof *number);
    if (!number) return ebb_fail_memory(c->diag);
    bool covered = find_results(x.body, y.body, place, x.states, y.states, number, &ok, c->diag) &&
                   same_condition(&x, &y, place, &ok, c->diag) && reads_fit(c, p, a, b, number) &&
                   !depends(c, p, b, a, &ok) && ok;
    if (covered) return add_cover(c, p, a, b, number);
    ebb_mem_free(c->a, number);
    return ok;
}

static bool find_covers(covering *c, part *p) {
    const ebb_graph *g = p->graph;
    int32_t loops = 0, most = 1;
    ebb_id *loop = ebb_mem_new(c->a, (size_t)g->count, sizeof *loop);
    for (ebb_id id = 1; loop && id < g->count; id++) {
        if (ebb_op_of(g, id) != EBB_OP_loop) continue;
        loop[loops++] = id;
        if (g->node[id].arity > most) most = g->node[id].arity;
    }
    int32_t *place = ebb_mem_new(c->a, (size_t)most, sizeof *place);
    bool ok = (loop && place) || ebb_fail_memory(c->diag);
    for (int32_t i = 0; ok && i < loops; i++) {
        int left = MOST_COMPARED;
        for (int32_t j = 0; ok && left > 0 && !p->covered[loop[i]] && j < loops; j++)
            if (is_larger(g, loop[i], loop[j])) ok = try_pair(c, p, loop[i], loop[j], &left, place);
    }
    ebb_mem_free(c->a, place);
    ebb_mem_free(c->a, loop);
    return ok;
}

/* ---- writing it anew ---- */

static bool put_node(const covering *c, const part *p, ebb_id id, ebb_id *map) {
    const ebb_graph *g = p->graph;
    ebb_graph *to = p->anew;
    ebb_site site = g->site[id];
    int32_t number;
    if (!ebb_graph_keep_site(to, g, &site)) return false;
    if (ebb_op_of(g, id) == EBB_OP_get) {
        const ebb_id tuple = source_of(c, p, id, &number);
        map[id] = ebb_derive_get(to, map[tuple], number, site);
    } else if (ebb_is_region(ebb_op_of(g, id))) {
        ebb_region r = ebb_region_of(g, id);
        for (int k = 0; k < 3; k++)
            if (r.callee[k]) r.callee[k] = c->part[ebb_reach_find(&c->reach, r.callee[k])].anew;
        map[id] = ebb_put_region(ebb_derive_region, to, &r, g, id, map, site);
    } else
        map[id] = ebb_derive_again(to, g, id, map);
    return map[id] != EBB_POISON;
}

/* Node id and, before it, what it is computed from. */
static bool put_with_operands(const covering *c, const part *p, walk *w, ebb_id id, ebb_id *map) {
    if (map[id]) return true;
    for (walk_down(w, id); w->depth > 0;) {
        const ebb_id at = w->node[w->depth - 1], x = walk_next(c, p, w);
        if (x == EBB_ABSENT && !map[at] && !put_node(c, p, at, map)) return false;
        if (x != EBB_ABSENT && !map[x]) walk_down(w, x);
    }
    return true;
}

static bool put_parameter(const part *p, ebb_id id, ebb_id *map) {
    ebb_site site = p->graph->site[id];
    return ebb_graph_keep_site(p->anew, p->graph, &site) &&
           (map[id] = ebb_add_input(p->anew, ebb_type_of(p->graph, id), site)) != EBB_POISON;
}

static bool write_anew(const covering *c, part *p) {
    const ebb_graph *g = p->graph;
    walk w;
    ebb_id *map = ebb_mem_new(g->allocator, (size_t)g->count, sizeof *map);
    bool ok = walk_start(&w, g) && map && (p->anew = ebb_graph_new(g->allocator, c->diag, g->name));
    if (!ok) ebb_fail_memory(c->diag);
    if (ok) p->anew->without = g->without;
    for (int32_t k = 0; ok && k < g->inputs; k++)
        ok = put_parameter(p, g->input[k], map);
    for (ebb_id id = 1; ok && id < g->count; id++)
        ok = put_with_operands(c, p, &w, id, map);
    for (int32_t k = 0; ok && k < g->outputs; k++)
        ok = ebb_add_output(p->anew, map[g->output[k]]);
    walk_end(&w, g);
    ebb_mem_free(g->allocator, map);
    return ok;
}

/* ---- all of it ---- */

static bool start(covering *c, const ebb_graph *g) {
    bool ok = ebb_reach_from(g, &c->reach) && (c->part = ebb_mem_new(c->a, (size_t)c->reach.count, sizeof *c->part));
    for (int32_t k = 0; ok && k < c->reach.count; k++) {
        part *p = &c->part[k];
        p->graph = c->reach.graph[k];
        ok = (p->covered = ebb_mem_new(c->a, (size_t)p->graph->count, sizeof *p->covered)) != NULL;
    }
    return ok || ebb_fail_memory(c->diag);
}

static void end(covering *c) {
    for (int32_t k = 0; c->part && k < c->reach.count; k++) {
        ebb_mem_free(c->a, c->part[k].covered);
        ebb_graph_release(c->part[k].anew);
    }
    while (c->covers > 0)
        ebb_mem_free(c->a, c->cover[--c->covers].number);
    ebb_mem_free(c->a, c->cover);
    ebb_mem_free(c->a, c->part);
    ebb_reach_end(&c->reach);
}

ebb_graph *ebb_take_covered(ebb_graph *g, ebb_diag *diag) {
    covering c = {.a = g->allocator, .diag = diag};
    ebb_graph *done = NULL;
    if (!g->nesting) return g;
    bool ok = start(&c, g);
    for (int32_t k = 0; ok && k < c.reach.count; k++)
        ok = find_covers(&c, &c.part[k]);
    for (int32_t k = 0; ok && c.covers && k < c.reach.count; k++)
        ok = write_anew(&c, &c.part[k]);
    if (ok) done = ebb_graph_retain(c.covers ? c.part[c.reach.count - 1].anew : g);
    end(&c);
    ebb_graph_release(g);
    return done;
}
