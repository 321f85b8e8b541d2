/* store.c - which values go to memory: what is wanted there, and what other kernels use and is not cheap to compute
 * again. Nothing dear is ever computed by two kernels.
 *
 * Memory far away is slower than arithmetic. So a large value may cost some more before it is stored, if computing it
 * again reads no more than itself; and one that is spread out of less, as an outer product is, is computed again even
 * where it is in memory. */
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

/* What reading the value from memory reads. */
static ebb_extent itself(const ebb_planner *p, ebb_id id) {
    ebb_shape s = ebb_slim_of(p, id);
    return (ebb_extent){s.rank ? ebb_elements(&s) : 0, 1};
}

/* What computing it reads. */
static ebb_extent reads_of(const ebb_planner *p, ebb_id id) {
    const ebb_id *x = ebb_operands(p->graph, id);
    ebb_extent most = {0, 0};
    if (ebb_is_loaded(&p->cell[id])) return itself(p, id);
    for (int32_t i = 0; i < p->graph->node[id].arity; i++) {
        const ebb_extent reads = p->cell[p->cell[x[i]].root].reads;
        if (reads.elements == most.elements)
            most.times = most.times + reads.times > 1 ? 2 : most.times + reads.times; /* 2: several */
        else if (reads.elements > most.elements)
            most = reads;
    }
    return most;
}

/* Whether reading it from far away would take longer than computing it. */
static bool is_far(const ebb_planner *p, ebb_id id, int cost, int64_t elements) {
    const int64_t size = (int64_t)ebb_dtype_size(ebb_dtype_at(p->graph, id));
    const int64_t far = p->options->far_bytes ? p->options->far_bytes : EBB_FAR;
    return elements * size >= far && cost <= EBB_NEAR && own_cost(p, id) <= EBB_CHEAP;
}

static void decide(ebb_planner *p, ebb_id id) {
    ebb_cell *c = &p->cell[id];
    const ebb_id *x = ebb_operands(p->graph, id);
    const ebb_extent own = itself(p, id);
    int cost = own_cost(p, id);
    for (int32_t i = 0; i < p->graph->node[id].arity; i++)
        cost += p->cell[p->cell[x[i]].root].cost;
    const bool far = is_far(p, id, cost, own.elements);
    const bool no_more = c->reads.elements < own.elements || (c->reads.elements == own.elements && c->reads.times == 1);
    c->spread = far && 2 * c->reads.elements <= own.elements;
    c->stored = c->stored || c->wanted || (c->crosses && cost > EBB_CHEAP && !(far && no_more));
    if (c->free) return;
    if (c->stored && !c->spread) {
        c->reads = own;
        cost = own.elements > 0;
    }
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
    for (ebb_id id = 1; id < p->graph->count; id++) {
        if (p->cell[id].role == EBB_ROLE_DEAD) continue;
        p->cell[id].reads = reads_of(p, id);
        if (is_member(&p->cell[id])) decide(p, id);
    }
    return true;
}
