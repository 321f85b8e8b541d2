/* control_region.c - the traced parts of a branch or loop become one region.
 *
 * It is known by now what the parts use from outside: variables that one of them assigns, which become states of a loop
 * and results of a branch, and everything else, captures. So each part is written once more with the same parameters,
 *
 *     states (all operands of a branch), variables that are assigned, captures, rows of sequences
 *
 * and the region has its operands in this order too. Start reading at ebb_make_region. */
#include "frontend/control.h"
#include "jit/graph/region.h"

/* ---- parameters, in the region's order ---- */

static int parameters(const ebb_tracing *g) { return ebb_flow_operands(g->w) + g->count; }
int ebb_place_of_outside(const ebb_tracing *g, int u) { return g->w->states + u; }
int ebb_place_of_operand(const ebb_tracing *g, int i) { return i < g->w->states ? i : g->count + i; }

/* Rows of sequences for a part, whole ones for the region. */
static bool add_parameters(const ebb_tracing *g, ebb_graph *to, bool rows, ebb_id *id) {
    const ebb_flow *w = g->w;
    for (int p = 0; p < parameters(g); p++) {
        bool outside = p >= w->states && p < w->states + g->count, sequence = p >= w->states + g->count;
        const ebb_tensor *x = outside ? g->outside[p - w->states] : w->in[sequence ? p - g->count : p];
        id[p] = ebb_add_input(to, sequence && rows ? ebb_row_type(&x->type) : x->type, outside ? x->site : w->site);
        if (id[p] == EBB_POISON) return false;
    }
    return true;
}

/* ---- parts with these parameters ---- */

/* The nodes of the part in another graph, where its own parameters are those that `id` holds; map has the new ids. */
static bool copy_part(const ebb_tracing *g, int k, ebb_graph *to, const ebb_id *id, ebb_id *map) {
    const ebb_trace *t = &g->part[k].trace;
    const ebb_graph *from = t->graph;
    for (int i = 0; i < ebb_part_operands(g->w, k); i++)
        map[from->input[i]] = id[ebb_place_of_operand(g, i)];
    for (int32_t i = 0; i < t->bindings; i++)
        map[from->input[t->binding[i].parameter]] =
            id[ebb_place_of_outside(g, ebb_map_find(&g->place, t->binding[i].tensor->serial))];
    for (ebb_id n = 1; n < from->count; n++)
        if (ebb_op_of(from, n) != EBB_OP_input && (map[n] = ebb_record_again(to, from, n, map)) == EBB_POISON)
            return false;
    return true;
}

/* How many variables the part gives: all that one of the parts assigns, but a condition none, if it can do without. */
static int32_t variables(const ebb_tracing *g, int k) {
    return g->w->part[k].role == EBB_CONDITION && !ebb_part_assigns(&g->part[k]) ? 0 : g->assigned;
}

/* Leading results, then variables, as they were if the part does not assign them, then the other results. */
static bool add_results(const ebb_tracing *g, int k, ebb_graph *to, const ebb_id *id, const ebb_id *map) {
    const ebb_traced *p = &g->part[k];
    const int lead = ebb_results_before(g, k), results = g->w->part[k].results;
    bool good = true;
    for (int j = 0; j < lead && good; j++)
        good = ebb_add_output(to, map[p->node[j]]);
    for (int32_t u = 0; u < variables(g, k) && good; u++) {
        ebb_id after = ebb_value_after(p, g->outside[u]);
        good = ebb_add_output(to, after == EBB_ABSENT ? id[ebb_place_of_outside(g, u)] : map[after]);
    }
    for (int j = lead; j < results && good; j++)
        good = ebb_add_output(to, map[p->node[j]]);
    return good;
}

static bool arrange_part(ebb_tracing *g, int k) {
    ebb_traced *p = &g->part[k];
    const ebb_allocator *a = &g->w->ebb->allocator;
    ebb_id *id = ebb_mem_new(a, (size_t)parameters(g) + 1, sizeof *id);
    ebb_id *map = ebb_mem_new(a, (size_t)p->trace.graph->count, sizeof *map);
    p->arranged = ebb_graph_new(a, &g->diag, p->trace.graph->name);
    bool good = id && map && p->arranged
                    ? add_parameters(g, p->arranged, true, id) && copy_part(g, k, p->arranged, id, map) &&
                          add_results(g, k, p->arranged, id, map)
                    : ebb_fail_memory(&g->diag);
    ebb_mem_free(a, map);
    ebb_mem_free(a, id);
    return good;
}

/* ---- the region ---- */

static ebb_loop loop_of(const ebb_tracing *g) {
    const ebb_flow *w = g->w;
    return (ebb_loop){.body = g->part[0].arranged,
                      .condition = g->part[1].arranged,
                      .states = w->states + g->assigned,
                      .captures = g->count - g->assigned,
                      .trips = w->parts == 2 ? -1 : w->trips,
                      .reverse = w->reverse,
                      .budget = w->budget};
}

/* Results `from` ... of a tuple become outputs. */
static bool give(const ebb_tracing *g, ebb_graph *to, ebb_id tuple, int from, int count) {
    bool good = tuple != EBB_POISON;
    for (int j = from; j < from + count && good; j++)
        good = ebb_add_output(to, ebb_record_get(to, tuple, j, g->w->site));
    return good;
}

static bool record_cond(const ebb_tracing *g, ebb_graph *to, ebb_id *id) {
    const ebb_flow *w = g->w;
    id[0] = ebb_add_input(to, w->predicate->type, w->site);
    if (id[0] == EBB_POISON || !add_parameters(g, to, false, id + 1)) return false;
    ebb_id cond = ebb_record_cond(to, g->part[0].arranged, g->part[1].arranged, 1 + parameters(g), id, w->site);
    return give(g, to, cond, 0, w->results + g->assigned);
}

static bool record_loop(const ebb_tracing *g, ebb_graph *to, ebb_id *id) {
    const ebb_flow *w = g->w;
    const ebb_loop loop = loop_of(g);
    return add_parameters(g, to, false, id) &&
           give(g, to, ebb_record_loop(to, &loop, parameters(g), id, w->site), 0, w->results + g->assigned);
}

/* ---- a condition that assigns variables, or draws random numbers ----
 *
 * A loop's condition changes no states. So the body asks it, when it has done its work, and keeps the answer as a state
 * before the others; the first time it is asked ahead of the loop. */

/* The values that the variables have then go to id, which has the parameters' values. */
static ebb_id ask(const ebb_tracing *g, ebb_graph *to, ebb_id *id) {
    ebb_site site = g->w->site;
    ebb_id call = ebb_record_call(to, g->part[1].arranged, parameters(g), id, site);
    for (int32_t u = 0; u < g->assigned; u++)
        id[ebb_place_of_outside(g, u)] = ebb_record_get(to, call, 1 + u, site);
    return ebb_record_get(to, call, 0, site);
}

static bool asking_body(const ebb_tracing *g, ebb_graph *to, ebb_id *id) {
    const int states = g->w->states + g->assigned;
    ebb_site site = g->w->site;
    if (ebb_add_input(to, (ebb_type){.dtype = EBB_BOOL}, site) == EBB_POISON || !add_parameters(g, to, true, id))
        return false;
    ebb_id work = ebb_record_call(to, g->part[0].arranged, parameters(g), id, site);
    for (int k = 0; k < states; k++)
        id[k] = ebb_record_get(to, work, k, site);
    bool good = ebb_add_output(to, ask(g, to, id));
    for (int k = 0; k < states && good; k++)
        good = ebb_add_output(to, id[k]);
    return good;
}

static bool answer_known(const ebb_tracing *g, ebb_graph *to, ebb_id *id) {
    ebb_id answer = ebb_add_input(to, (ebb_type){.dtype = EBB_BOOL}, g->w->site);
    return answer != EBB_POISON && add_parameters(g, to, true, id) && ebb_add_output(to, answer);
}

static bool record_asking_loop(ebb_tracing *g, ebb_graph *to, ebb_id *id) {
    const ebb_flow *w = g->w;
    ebb_graph *body = ebb_graph_new(&w->ebb->allocator, &g->diag, "body_and_condition");
    ebb_graph *known = ebb_graph_new(&w->ebb->allocator, &g->diag, "answer");
    bool good =
        body && known && asking_body(g, body, id) && answer_known(g, known, id) && add_parameters(g, to, false, id + 1);
    if (good) {
        ebb_loop loop = loop_of(g);
        loop.body = body;
        loop.condition = known;
        loop.states++;
        id[0] = ask(g, to, id + 1);
        good = give(g, to, ebb_record_loop(to, &loop, 1 + parameters(g), id, w->site), 1, w->results + g->assigned);
        body->diag = known->diag = &w->ebb->diag;
    }
    ebb_graph_release(body);
    ebb_graph_release(known);
    return good;
}

/* ---- all of it ---- */

/* Graphs outlive this call, so their errors go to the context from now on. */
static void settle(const ebb_tracing *g) {
    for (int k = 0; k < g->w->parts; k++)
        g->part[k].arranged->diag = &g->w->ebb->diag;
    g->whole->diag = &g->w->ebb->diag;
}

bool ebb_make_region(ebb_tracing *g) {
    const ebb_flow *w = g->w;
    bool good = true;
    for (int k = 0; k < w->parts && good; k++)
        good = arrange_part(g, k);
    if (!good) return false;
    ebb_id *id = ebb_mem_new(&w->ebb->allocator, (size_t)parameters(g) + 1, sizeof *id);
    g->whole = ebb_graph_new(&w->ebb->allocator, &g->diag, w->function);
    good = id && g->whole ? (w->predicate                    ? record_cond(g, g->whole, id)
                             : ebb_part_assigns(&g->part[1]) ? record_asking_loop(g, g->whole, id)
                                                             : record_loop(g, g->whole, id))
                          : ebb_fail_memory(&g->diag);
    if (good) settle(g);
    ebb_mem_free(&w->ebb->allocator, id);
    return good;
}
