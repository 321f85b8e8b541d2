/* explain.c - what functions cost and why derivatives go the way they go, told from the graph, the plan, and the roads
 * that dual/ weighs. Nothing is compiled or run. Start reading at ebb_explain_at. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dual/sparse.h"
#include "frontend/trace.h"
#include "jit/graph/reach.h"
#include "jit/graph/text.h"
#include "jit/plan/plan.h"

_Static_assert(EBB_MOST_ROADS <= sizeof((ebb_explanation){0}.road) / sizeof(ebb_road_estimate), "all roads are told");

/* ---- the parts of an explanation ---- */

static double bytes_of(const ebb_cost *cost) { return cost->read + cost->written; }

/* cost: [sealed->count], or NULL */
static bool find_costs(const ebb_concrete *c, ebb_bill *bill, ebb_cost *cost, ebb_diag *diag) {
    ebb_graph *g = c->sealed;
    ebb_diag *before = g->diag;
    g->diag = diag;
    bool good = ebb_cost_graph(g, bill, cost);
    g->diag = before;
    return good;
}

/* Of all functions of the program. */
static bool count_nodes(ebb_explanation *e, const ebb_graph *g, ebb_diag *diag) {
    ebb_reach reach;
    bool good = ebb_reach_from(g, &reach) || ebb_fail_memory(diag);
    for (int32_t k = 0; good && k < reach.count; k++)
        e->nodes += reach.graph[k]->count - 1 - reach.graph[k]->inputs;
    ebb_reach_end(&reach);
    return good;
}

static bool tell_cost(ebb_explanation *e, const ebb_concrete *c, ebb_diag *diag) {
    ebb_bill bill;
    if (!find_costs(c, &bill, NULL, diag) || !count_nodes(e, c->sealed, diag)) return false;
    e->operations = bill.once.operations;
    e->bytes = bytes_of(&bill.once);
    e->peak_bytes = bill.peak;
    return true;
}

static ebb_plan *plan_of(const ebb_concrete *c, ebb_diag *diag) {
    return ebb_plan_new(c->sealed, &(ebb_plan_options){.alias = c->alias}, diag);
}

static void count_steps(ebb_explanation *e, const ebb_plan *plan) {
    for (int32_t t = 0; t < plan->steps; t++) {
        ebb_step_kind kind = plan->step[t].kind;
        e->kernels += kind == EBB_STEP_KERNEL;
        e->routines += kind == EBB_STEP_ROUTINE;
        e->copies += kind == EBB_STEP_COPY;
        e->regions += kind == EBB_STEP_REGION;
    }
}

static bool tell_plan(ebb_explanation *e, const ebb_concrete *c, ebb_diag *diag) {
    ebb_plan *plan = plan_of(c, diag);
    if (!plan) return false;
    count_steps(e, plan);
    for (int32_t k = 0; k < plan->nesteds; k++)
        count_steps(e, plan->nested[k]);
    e->arena_bytes = plan->arena_bytes;
    ebb_plan_free(plan);
    return true;
}

/* A sparse derivative has one road: a product for each colour. */
static bool tell_colours(ebb_explanation *e, const ebb_concrete *c) {
    const ebb_compressed *plan = &c->sparse->plan;
    long long products = (long long)plan->forward + plan->reverse;
    e->roads = 1;
    e->road[0] = (ebb_road_estimate){"colours", products, 1, e->operations, e->bytes, 0, e->peak_bytes, ""};
    snprintf(e->why, sizeof e->why, "colours: %d forward and %d reverse products for %lld entries of %lld x %lld",
             (int)plan->forward, (int)plan->reverse, (long long)ebb_rows_count(&plan->pattern),
             (long long)plan->pattern.rows, (long long)plan->pattern.columns);
    return true;
}

static bool tell_roads(ebb_explanation *e, const ebb_concrete *c, int nin, const ebb_operand *in, ebb_diag *diag,
                       ebb_site site) {
    ebb_roads roads = {0};
    if (ebb_is_sparse(c->function)) return tell_colours(e, c);
    if (!ebb_transform_roads(c->function, nin, in, &roads, diag, site)) return false;
    e->roads = roads.count;
    e->chosen = roads.chosen;
    memcpy(e->why, roads.why, sizeof e->why);
    for (int k = 0; k < roads.count; k++) {
        const ebb_candidate *from = &roads.candidate[k];
        e->road[k] = (ebb_road_estimate){from->road,
                                         from->directions,
                                         from->blocks,
                                         from->cost.operations,
                                         bytes_of(&from->cost),
                                         ebb_work_of(&from->cost),
                                         from->peak,
                                         ""};
        snprintf(e->road[k].refusal, sizeof e->road[k].refusal, "%s", from->refusal.message);
    }
    return true;
}

ebb_explanation ebb_explain_at(ebb_function *f, int nin, const ebb_operand *in, const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    ebb_explanation e = {0};
    ebb_diag diag = {0};
    if (!ebb_callable("ebb_explain", f, nin, in, site)) return e;
    ebb_concrete *c = ebb_function_concrete(f, nin, in, site);
    if (!c) return e;
    if (tell_cost(&e, c, &diag) && tell_plan(&e, c, &diag) && tell_roads(&e, c, nin, in, &diag, site)) {
        e.good = true;
        return e;
    }
    if (diag.code != EBB_OK) ebb_fail_diag(f->context, &diag, site);
    return (ebb_explanation){0};
}

/* ---- overruling ---- */

void ebb_set_road(ebb_function *f, const char *road, int64_t budget) {
    const ebb_site nowhere = {0};
    if (!f || !ebb_is_derivative(f) || budget < 0) {
        ebb_context *ebb = f ? f->context : ebb_current();
        if (!f)
            ebb_fail_at(ebb, EBB_TYPE_ERROR, nowhere, "ebb_set_road: the function is NULL");
        else if (budget < 0)
            ebb_fail_at(ebb, EBB_VALUE_ERROR, nowhere, "ebb_set_road: a budget of %lld bytes", (long long)budget);
        else
            ebb_fail_at(ebb, EBB_TYPE_ERROR, nowhere, "ebb_set_road: %s is no derivative", f->name);
        return;
    }
    const ebb_allocator *a = &f->context->allocator;
    char *copy = road ? ebb_mem_copy(a, road, strlen(road) + 1) : NULL;
    if (road && !copy) {
        ebb_fail_at(f->context, EBB_NO_MEMORY, nowhere, "ebb_set_road: no memory for a name");
        return;
    }
    ebb_mem_free(a, f->road);
    f->road = copy;
    f->budget = budget;
}

/* ---- by kind of operation ---- */

static int dearest_first(const void *a, const void *b) {
    const ebb_operation_cost *x = a, *y = b;
    double left = x->operations + x->bytes, right = y->operations + y->bytes;
    return left != right ? (left < right) - (left > right) : strcmp(x->op, y->op);
}

/* kind[op] of all nodes together */
static bool add_kinds(const ebb_concrete *c, ebb_operation_cost *kind, ebb_diag *diag) {
    const ebb_graph *g = c->sealed;
    const ebb_allocator *a = &c->function->context->allocator;
    ebb_cost *cost = ebb_mem_new(a, (size_t)g->count, sizeof *cost);
    ebb_bill bill;
    bool good = cost ? find_costs(c, &bill, cost, diag) : ebb_fail_memory(diag);
    for (ebb_id id = 1; good && id < g->count; id++) {
        ebb_op op = ebb_op_of(g, id);
        kind[op].op = ebb_op_table[op].name;
        kind[op].count += op != EBB_OP_input;
        kind[op].operations += cost[id].operations;
        kind[op].bytes += bytes_of(&cost[id]);
    }
    ebb_mem_free(a, cost);
    return good;
}

int ebb_concrete_costs(const ebb_concrete *c, int room, ebb_operation_cost *costs) {
    ebb_operation_cost kind[EBB_OP_COUNT] = {{0}};
    int kinds = 0;
    ebb_diag diag = {0};
    if (!c) return 0;
    if (!add_kinds(c, kind, &diag)) return ebb_fail_diag(c->function->context, &diag, ebb_site_at(NULL, 0)), 0;
    for (int op = 0; op < EBB_OP_COUNT; op++)
        if (kind[op].count) kind[kinds++] = kind[op];
    qsort(kind, (size_t)kinds, sizeof *kind, dearest_first);
    for (int k = 0; costs && k < kinds && k < room; k++)
        costs[k] = kind[k];
    return kinds;
}

/* ---- as text ---- */

/* Takes the text over; NULL: an error is in diag. */
static const char *keep(const ebb_concrete *c, char **kept, char *text, const ebb_diag *diag) {
    if (!text) ebb_fail_diag(c->function->context, diag, ebb_site_at(NULL, 0));
    ebb_mem_free(&c->function->context->allocator, *kept);
    *kept = text;
    return text ? text : "";
}

const char *ebb_concrete_program(const ebb_concrete *c) {
    if (!c) return "";
    ebb_diag diag = {0};
    char *text = ebb_graph_print(c->sealed, &diag);
    return keep(c, &((ebb_concrete *)c)->program, text, &diag);
}

const char *ebb_concrete_plan(const ebb_concrete *c) {
    if (!c) return "";
    ebb_diag diag = {0};
    ebb_plan *plan = plan_of(c, &diag);
    char *text = plan ? ebb_plan_print(plan) : NULL;
    if (plan && !text) ebb_fail_memory(&diag);
    ebb_plan_free(plan);
    return keep(c, &((ebb_concrete *)c)->plan, text, &diag);
}
