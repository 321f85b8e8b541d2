/* unread.c - regions without the results that nobody reads, and without what their functions computed for these alone.
 *
 * Marks go backwards, from the results of the program to all that is read for them, through all functions until nothing
 * is new. Each function has one answer for all regions that run it: which of its parameters and results stay. A state
 * is a parameter and a result of the body and a parameter of the condition, and stays in all of these or in none; of an
 * unloop, so are its cotangents in the pullback. What stays only for its place's sake is computed all the same.
 *
 * The results of a pullback stand for the parameters of the body: one that is not read becomes absent, and goes only
 * with its parameter. Start reading at ebb_drop_unread. */
#include "jit/graph/expand.h"
#include "jit/graph/reach.h"

#include <string.h>

enum { NOTHING_YET = -2, OTHER = -1 };

typedef struct part { /* a function of the program */
    const ebb_graph *graph;
    uint8_t *live;          /* [graph->count]: it is read */
    uint8_t *takes, *gives; /* [inputs], [outputs]: they stay; of a pullback, gives: it is read, else absent */
    int32_t pulls;          /* a pullback, of a body with so many parameters; OTHER: none */
    ebb_graph *anew;        /* without what nobody reads; owned */
} part;

typedef struct unread {
    ebb_reach reach; /* of the program */
    part *part;      /* [reach.count] */
    bool again;      /* something was new */
    ebb_diag *diag;
} unread;

static part *part_of(const unread *u, const ebb_graph *g) { return &u->part[ebb_reach_find(&u->reach, g)]; }

static void mark(unread *u, uint8_t *flag) {
    u->again |= !*flag;
    *flag = 1;
}

/* Both or none. */
static void join(unread *u, uint8_t *a, uint8_t *b) {
    if (*a != *b) mark(u, *a ? b : a);
}

static bool has_float(const ebb_graph *g, ebb_id id) { return ebb_is_float(ebb_dtype_at(g, id)); }

static bool is_open(ebb_op op) { return op == EBB_OP_cond || op == EBB_OP_loop || op == EBB_OP_unloop; }

/* ---- what the parts of a region say of each other ---- */

static void ask_cond(unread *u, const ebb_region *r) {
    part *then = part_of(u, r->callee[0]), *otherwise = part_of(u, r->callee[1]);
    for (int32_t i = 0; i < then->graph->inputs; i++)
        join(u, &then->takes[i], &otherwise->takes[i]);
    for (int32_t k = 0; k < then->graph->outputs; k++)
        join(u, &then->gives[k], &otherwise->gives[k]);
}

static void ask_loop(unread *u, const ebb_region *r) {
    part *body = part_of(u, r->callee[0]), *condition = r->callee[1] ? part_of(u, r->callee[1]) : NULL;
    for (int64_t s = 0; s < r->number[0]; s++)
        join(u, &body->takes[s], &body->gives[s]);
    if (!condition) return;
    mark(u, &condition->gives[0]);
    for (int64_t i = 0; i < r->number[0] + r->number[1]; i++)
        join(u, &body->takes[i], &condition->takes[i]);
}

/* What the pullback reads of a state's cotangent, it has to give to the iteration before. */
static void ask_cotangents(unread *u, const ebb_region *r, part *body, part *back) {
    const int32_t n = body->graph->inputs;
    for (int32_t j = 0, f = 0; j < body->graph->outputs; j++) {
        if (!has_float(body->graph, body->graph->output[j])) continue;
        join(u, &body->gives[j], &back->takes[n + f]);
        if (j < r->number[0] && back->live[back->graph->input[n + f]]) mark(u, &back->gives[f]);
        f++;
    }
}

static void ask_unloop(unread *u, const ebb_region *r) {
    part *body = part_of(u, r->callee[0]), *back = part_of(u, r->callee[2]);
    ask_loop(u, r);
    ask_cotangents(u, r, body, back);
    for (int32_t i = 0, f = 0; i < body->graph->inputs; i++) {
        if (has_float(body->graph, body->graph->input[i]) && back->gives[f++]) mark(u, &body->takes[i]);
        join(u, &body->takes[i], &back->takes[i]);
    }
}

static void ask_region(unread *u, const ebb_region *r) {
    if (r->op == EBB_OP_cond) ask_cond(u, r);
    if (r->op == EBB_OP_loop) ask_loop(u, r);
    if (r->op == EBB_OP_unloop) ask_unloop(u, r);
}

static void ask_result(unread *u, const ebb_region *r, int64_t k) {
    if (is_open(r->op)) mark(u, &part_of(u, r->callee[r->op == EBB_OP_unloop ? 2 : 0])->gives[k]);
}

static bool operand_stays(const unread *u, const ebb_region *r, int32_t i) {
    if (r->op == EBB_OP_cond) return i == 0 || part_of(u, r->callee[0])->takes[i - 1];
    if (r->op == EBB_OP_loop) return part_of(u, r->callee[0])->takes[i];
    return r->op != EBB_OP_unloop || part_of(u, r->callee[2])->takes[i];
}

/* ---- marking ---- */

static void read_node(unread *u, const part *p, ebb_id id) {
    const ebb_graph *g = p->graph;
    const ebb_id *x = ebb_operands(g, id);
    const ebb_op op = ebb_op_of(g, id);
    ebb_region r = {.op = op};
    if (op == EBB_OP_get) {
        const ebb_region read = ebb_region_of(g, x[0]);
        ask_result(u, &read, ebb_attr_of(g, id).v[0]);
    }
    if (ebb_is_region(op)) r = ebb_region_of(g, id);
    ask_region(u, &r);
    for (int32_t i = 0; i < g->node[id].arity; i++)
        if (operand_stays(u, &r, i)) mark(u, &p->live[x[i]]);
}

static void read_part(unread *u, const part *p) {
    const ebb_graph *g = p->graph;
    for (int32_t k = 0; k < g->outputs; k++)
        if (p->gives[k]) mark(u, &p->live[g->output[k]]);
    for (ebb_id id = g->count - 1; id > 0; id--)
        if (p->live[id]) read_node(u, p, id);
    for (int32_t k = 0; k < g->inputs; k++)
        if (p->live[g->input[k]]) mark(u, &p->takes[k]);
}

static void keep_all(part *p) {
    p->pulls = OTHER;
    memset(p->takes, 1, (size_t)p->graph->inputs);
    memset(p->gives, 1, (size_t)p->graph->outputs);
}

/* A function with parts in different plays stays as it is, as do those whose places have a meaning elsewhere. */
static void give_role(const unread *u, const ebb_region *r) {
    for (int k = 0; k < 3; k++) {
        part *p = r->callee[k] ? part_of(u, r->callee[k]) : NULL;
        const int32_t pulls = k == 2 ? r->callee[0]->inputs : OTHER;
        if (!p) continue;
        if (!is_open(r->op) || (p->pulls != NOTHING_YET && p->pulls != pulls))
            keep_all(p);
        else
            p->pulls = pulls;
    }
}

static void read_all(unread *u) {
    for (int32_t k = u->reach.count - 1; k >= 0; k--)
        for (ebb_id id = 1; id < u->part[k].graph->count; id++)
            if (ebb_is_region(ebb_op_of(u->part[k].graph, id))) {
                const ebb_region r = ebb_region_of(u->part[k].graph, id);
                give_role(u, &r);
            }
    keep_all(&u->part[u->reach.count - 1]);
    for (u->again = true; u->again;) {
        u->again = false;
        for (int32_t k = u->reach.count - 1; k >= 0; k--)
            read_part(u, &u->part[k]);
    }
}

/* ---- writing what stays ---- */

static bool is_whole(const unread *u, const part *p) {
    const ebb_graph *g = p->graph;
    for (int32_t k = 0; k < g->callees; k++)
        if (part_of(u, g->callee[k])->anew != g->callee[k]) return false;
    for (ebb_id id = 1; id < g->count; id++)
        if (!p->live[id] && ebb_op_of(g, id) != EBB_OP_input) return false;
    return !memchr(p->takes, 0, (size_t)g->inputs) && !memchr(p->gives, 0, (size_t)g->outputs);
}

static int32_t count(const uint8_t *flag, int64_t from, int64_t to) {
    int32_t n = 0;
    for (int64_t k = from; k < to; k++)
        n += flag[k];
    return n;
}

/* Where result k of a region is among those that stay. */
static int32_t place_of_result(const unread *u, const ebb_region *r, int64_t k) {
    const part *first = part_of(u, r->callee[0]);
    int32_t place = 0;
    if (r->op != EBB_OP_unloop) return count(first->gives, 0, k);
    for (int32_t i = 0, f = 0; f < k; i++) {
        if (!has_float(first->graph, first->graph->input[i])) continue;
        place += first->takes[i];
        f++;
    }
    return place;
}

static ebb_id put_get(const unread *u, ebb_graph *to, const ebb_graph *g, ebb_id id, const ebb_id *map, ebb_site site) {
    const ebb_id tuple = ebb_operands(g, id)[0];
    const ebb_region r = ebb_region_of(g, tuple);
    return ebb_derive_get(to, map[tuple], place_of_result(u, &r, ebb_attr_of(g, id).v[0]), site);
}

static ebb_id put_region(const unread *u, ebb_graph *to, const ebb_graph *g, ebb_id id, const ebb_id *map,
                         ebb_site site) {
    ebb_region r = ebb_region_of(g, id), was = r;
    const ebb_id *x = ebb_operands(g, id);
    ebb_id *arg = ebb_mem_new(g->allocator, (size_t)g->node[id].arity + 1, sizeof *arg);
    int32_t n = 0;
    if (!arg) return ebb_fail_memory(u->diag), EBB_POISON;
    for (int32_t i = 0; i < g->node[id].arity; i++)
        if (operand_stays(u, &was, i)) arg[n++] = map[x[i]];
    if (r.op == EBB_OP_loop || r.op == EBB_OP_unloop) {
        const uint8_t *takes = part_of(u, r.callee[0])->takes;
        r.number[0] = count(takes, 0, was.number[0]);
        r.number[1] = count(takes, was.number[0], was.number[0] + was.number[1]);
    }
    for (int k = 0; k < 3; k++)
        if (r.callee[k]) r.callee[k] = part_of(u, r.callee[k])->anew;
    ebb_id y = ebb_derive_region(to, &r, n, arg, site);
    ebb_mem_free(g->allocator, arg);
    return y;
}

static bool put_node(const unread *u, ebb_graph *to, const ebb_graph *g, ebb_id id, ebb_id *map) {
    ebb_site site = g->site[id];
    const ebb_op op = ebb_op_of(g, id);
    if (!ebb_graph_keep_site(to, g, &site)) return false;
    map[id] = op == EBB_OP_input  ? ebb_add_input(to, ebb_type_of(g, id), site)
              : op == EBB_OP_get  ? put_get(u, to, g, id, map, site)
              : ebb_is_region(op) ? put_region(u, to, g, id, map, site)
                                  : ebb_derive_again(to, g, id, map);
    return map[id] != EBB_POISON;
}

static bool put_results(const part *p, ebb_graph *to, const ebb_id *map) {
    const ebb_graph *g = p->graph;
    bool ok = true;
    for (int32_t k = 0; ok && p->pulls == OTHER && k < g->outputs; k++)
        if (p->gives[k]) ok = ebb_add_output(to, map[g->output[k]]);
    for (int32_t i = 0, f = 0; ok && i < p->pulls; i++) {
        if (!has_float(g, g->input[i])) continue;
        if (p->takes[i]) ok = ebb_add_output(to, p->gives[f] ? map[g->output[f]] : EBB_ABSENT);
        f++;
    }
    return ok;
}

static bool write_anew(const unread *u, part *p) {
    const ebb_graph *g = p->graph;
    ebb_id *map = ebb_mem_new(g->allocator, (size_t)g->count, sizeof *map);
    p->anew = map ? ebb_graph_new(g->allocator, u->diag, g->name) : NULL;
    bool ok = p->anew || ebb_fail_memory(u->diag);
    if (ok) p->anew->without = g->without;
    for (int32_t k = 0; ok && k < g->inputs; k++)
        if (p->takes[k]) ok = put_node(u, p->anew, g, g->input[k], map);
    for (ebb_id id = 1; ok && id < g->count; id++)
        if (p->live[id] && ebb_op_of(g, id) != EBB_OP_input) ok = put_node(u, p->anew, g, id, map);
    ok = ok && put_results(p, p->anew, map);
    ebb_mem_free(g->allocator, map);
    return ok;
}

static bool write_all(unread *u) {
    bool ok = true;
    for (int32_t k = 0; ok && k < u->reach.count; k++) {
        part *p = &u->part[k];
        if (is_whole(u, p))
            p->anew = ebb_graph_retain((ebb_graph *)(uintptr_t)p->graph);
        else
            ok = write_anew(u, p);
    }
    return ok;
}

/* ---- all of it ---- */

static bool start(unread *u, const ebb_graph *g) {
    const ebb_allocator *a = g->allocator;
    bool ok = ebb_reach_from(g, &u->reach) && (u->part = ebb_mem_new(a, (size_t)u->reach.count, sizeof *u->part));
    for (int32_t k = 0; ok && k < u->reach.count; k++) {
        const ebb_graph *f = u->reach.graph[k];
        const size_t nodes = (size_t)f->count, in = (size_t)f->inputs;
        u->part[k] = (part){.graph = f, .pulls = NOTHING_YET};
        ok = (u->part[k].live = ebb_mem_new(a, nodes + in + (size_t)f->outputs, 1)) != NULL;
        if (!ok) break;
        u->part[k].takes = u->part[k].live + nodes;
        u->part[k].gives = u->part[k].takes + in;
    }
    return ok || ebb_fail_memory(u->diag);
}

ebb_graph *ebb_drop_unread(ebb_graph *g, ebb_diag *diag) {
    const ebb_allocator *a = g->allocator;
    unread u = {.diag = diag};
    ebb_graph *done = NULL;
    if (!g->nesting) return g;
    if (start(&u, g)) {
        read_all(&u);
        if (write_all(&u)) done = ebb_graph_retain(u.part[u.reach.count - 1].anew);
    }
    for (int32_t k = 0; u.part && k < u.reach.count; k++) {
        ebb_mem_free(a, u.part[k].live);
        ebb_graph_release(u.part[k].anew);
    }
    ebb_mem_free(a, u.part);
    ebb_reach_end(&u.reach);
    ebb_graph_release(g);
    return done;
}
