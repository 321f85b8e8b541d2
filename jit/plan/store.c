/* store.c - which values go to memory: what is wanted there, and what other kernels use and is not cheap to compute
 * again. Nothing dear is ever computed by two kernels. */
#include "jit/plan/planner.h"

static bool is_member(const ebb_cell *c) { return c->cluster >= 0 && !ebb_is_loaded(c); }

/* Marks what member `id` uses of other clusters. */
static void mark_crossing(ebb_planner *p, ebb_id id) {
    const ebb_id *x = ebb_operands(p->graph, id);
    for (int32_t i = 0; i < p->graph->node[id].arity; i++) {
        ebb_cell *r = &p->cell[p->cell[x[i]].root];
        if (is_member(r) && !r->free && r->cluster != p->cell[id].cluster) r->crosses = true;
    }
}

static int own_cost(const ebb_planner *p, ebb_id id) {
    bool point = p->cell[id].role == EBB_ROLE_POINT && ebb_may_recompute(p);
    return point ? ebb_compute_cost(p, id) : EBB_NEVER;
}

static void decide(ebb_planner *p, ebb_id id) {
    ebb_cell *c = &p->cell[id];
    const ebb_id *x = ebb_operands(p->graph, id);
    int cost = own_cost(p, id);
    for (int32_t i = 0; i < p->graph->node[id].arity; i++)
        cost += p->cell[p->cell[x[i]].root].cost;
    c->stored = c->stored || c->wanted || (c->crosses && cost > EBB_CHEAP);
    if (c->free) return;
    if (c->stored) cost = ebb_slim_of(p, id).rank > 0;
    c->cost = (int16_t)(cost > EBB_NEVER ? EBB_NEVER : cost);
}

bool ebb_decide_stores(ebb_planner *p) {
    for (ebb_id id = 1; id < p->graph->count; id++)
        if (is_member(&p->cell[id])) mark_crossing(p, id);
    /* What is dear and crosses is stored for certain; knowing that first makes what hangs on it cheap. */
    for (ebb_id id = 1; id < p->graph->count; id++) {
        ebb_cell *c = &p->cell[id];
        if (is_member(c) && c->crosses && own_cost(p, id) > EBB_CHEAP) c->stored = true;
    }
    for (ebb_id id = 1; id < p->graph->count; id++)
        if (is_member(&p->cell[id])) decide(p, id);
    return true;
}
