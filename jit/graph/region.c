/* region.c - regions as nodes: appending and reading them. region_fits.c has what a region may look like.
 *
 * Invariant: a node that says a region was found to fit, so its callees have the parameters and results that it needs.
 */
#include "jit/graph/region.h"
#include "jit/graph/doors.h"

#include <string.h>

static const struct {
    int callees, numbers;
} layout[EBB_OP_COUNT] = {
    [EBB_OP_call] = {1, 0}, [EBB_OP_custom] = {2, 1}, [EBB_OP_cond] = {2, 0},
    [EBB_OP_loop] = {2, 5}, [EBB_OP_unloop] = {3, 5},
};

int ebb_region_callees(ebb_op op) { return layout[op].callees; }
int ebb_region_numbers(ebb_op op) { return layout[op].numbers; }

/* ---- reading ---- */

ebb_region ebb_region_of(const ebb_graph *g, ebb_id id) {
    ebb_region r = {.op = ebb_op_of(g, id)};
    const int64_t *attr = ebb_attr_of(g, id).v;
    for (int k = 0; k < layout[r.op].callees; k++)
        r.callee[k] = attr[k] < 0 ? NULL : g->callee[attr[k]];
    for (int k = 0; k < layout[r.op].numbers; k++)
        r.number[k] = attr[layout[r.op].callees + k];
    return r;
}

int32_t ebb_callees_of(const ebb_graph *g, ebb_id id, ebb_graph *callee[3]) {
    const ebb_region r = ebb_region_of(g, id);
    int32_t n = 0;
    for (int k = 0; k < 3; k++)
        if (r.callee[k]) callee[n++] = r.callee[k];
    return n;
}

ebb_loop ebb_loop_of(const ebb_graph *g, ebb_id id) {
    const ebb_region r = ebb_region_of(g, id);
    const int32_t states = (int32_t)r.number[0], captures = (int32_t)r.number[1];
    return (ebb_loop){
        .body = r.callee[0],
        .condition = r.callee[1],
        .pullback = r.callee[2],
        .states = states,
        .captures = captures,
        .sequences = r.callee[0]->inputs - states - captures,
        .stacked = r.callee[0]->outputs - states,
        .trips = r.number[2],
        .reverse = r.number[3] != 0,
        .budget = r.number[4],
    };
}

int32_t ebb_region_nesting(const ebb_region *r) {
    int32_t deepest = 0;
    for (int k = 0; k < 3; k++)
        if (r->callee[k] && r->callee[k]->nesting > deepest) deepest = r->callee[k]->nesting;
    return deepest + (r->op != EBB_OP_call);
}

/* ---- results ---- */

static bool type_at(const ebb_graph *g, ebb_id id, ebb_type *type) {
    *type = ebb_type_of(g, id);
    return id != EBB_ABSENT;
}

/* Parameter k of a loop's body, as an operand of the loop. */
static void operand_type(const ebb_region *r, int32_t k, ebb_type *type) {
    const ebb_type slice = ebb_type_of(r->callee[0], r->callee[0]->input[k]);
    *type = slice;
    if (k >= r->number[0] + r->number[1]) ebb_shape_insert(&slice.shape, 0, r->number[2], &type->shape);
}

static bool unloop_result(const ebb_region *r, int32_t k, ebb_type *type) {
    const ebb_graph *body = r->callee[0];
    int32_t i = 0;
    for (int32_t floats = -1;; i++)
        if (ebb_is_float(ebb_dtype_at(body, body->input[i])) && ++floats == k) break;
    operand_type(r, i, type);
    const bool may_pass =
        i < r->number[0] && (r->callee[1] || r->number[2] <= 0); /* a state, and no iteration at all */
    return r->callee[2]->output[k] != EBB_ABSENT || may_pass;
}

int32_t ebb_region_results(const ebb_region *r) { return r->callee[r->op == EBB_OP_unloop ? 2 : 0]->outputs; }

bool ebb_region_result(const ebb_region *r, int32_t k, ebb_type *type) {
    if (k < 0 || k >= ebb_region_results(r)) return false;
    if (r->op == EBB_OP_unloop) return unloop_result(r, k, type);
    if (!type_at(r->callee[0], r->callee[0]->output[k], type)) return false;
    const ebb_shape row = type->shape;
    if (r->op == EBB_OP_loop && k >= r->number[0]) ebb_shape_insert(&row, 0, r->number[2], &type->shape);
    return true;
}

int32_t ebb_results_of(const ebb_graph *g, ebb_id tuple) {
    const ebb_region r = ebb_region_of(g, tuple);
    return ebb_region_results(&r);
}

bool ebb_result_type(const ebb_graph *g, ebb_id tuple, int32_t k, ebb_type *type) {
    const ebb_region r = ebb_region_of(g, tuple);
    return ebb_region_result(&r, k, type);
}

/* ---- appending ---- */

/* The number of a callee in g->callee; -1: no memory. */
static int32_t callee_number(ebb_graph *g, ebb_graph *callee) {
    for (int32_t i = g->callees - 1; i >= 0; i--)
        if (g->callee[i] == callee) return i;
    if (!ebb_mem_reserve(g->allocator, &g->callee, &g->callee_capacity, (int64_t)g->callees + 1, sizeof *g->callee))
        return -1;
    g->callee[g->callees] = ebb_graph_retain(callee);
    return g->callees++;
}

typedef ebb_id door(ebb_graph *g, const ebb_application *app, const ebb_type *type, int narg, const ebb_id *arg);

static ebb_id through(door *append, ebb_graph *g, const ebb_region *r, int narg, const ebb_id *arg, ebb_site site) {
    int64_t attr[8];
    int n = 0;
    for (int k = 0; k < narg; k++)
        if (arg[k] == EBB_POISON) return EBB_POISON;
    if (!ebb_region_fits(g, r, narg, arg, site, g->diag)) return EBB_POISON;
    for (int k = 0; k < layout[r->op].callees; k++) {
        attr[n++] = r->callee[k] ? callee_number(g, r->callee[k]) : -1;
        if (r->callee[k] && attr[k] < 0) return ebb_fail_memory(g->diag), EBB_POISON;
    }
    for (int k = 0; k < layout[r->op].numbers; k++)
        attr[n++] = r->number[k];
    const ebb_application app = {r->op, n, attr, {0}, site};
    const int32_t nesting = ebb_region_nesting(r);
    if (nesting > g->nesting) g->nesting = nesting;
    g->own_rules |= r->op == EBB_OP_custom;
    for (int k = 0; k < 3; k++)
        g->own_rules |= r->callee[k] && r->callee[k]->own_rules;
    return append(g, &app, &app.asked, narg, arg);
}

ebb_id ebb_record_region(ebb_graph *g, const ebb_region *r, int narg, const ebb_id *arg, ebb_site site) {
    return through(ebb_append, g, r, narg, arg, site);
}

ebb_id ebb_derive_region(ebb_graph *g, const ebb_region *r, int narg, const ebb_id *arg, ebb_site site) {
    return through(ebb_share, g, r, narg, arg, site);
}

ebb_id ebb_record_call(ebb_graph *g, ebb_graph *callee, int narg, const ebb_id *arg, ebb_site site) {
    return ebb_record_region(g, &(ebb_region){.op = EBB_OP_call, .callee = {callee}}, narg, arg, site);
}

ebb_id ebb_record_cond(ebb_graph *g, ebb_graph *then, ebb_graph *otherwise, int narg, const ebb_id *arg,
                       ebb_site site) {
    return ebb_record_region(g, &(ebb_region){.op = EBB_OP_cond, .callee = {then, otherwise}}, narg, arg, site);
}

ebb_id ebb_record_custom(ebb_graph *g, ebb_graph *primal, ebb_graph *rule, bool reverse, int narg, const ebb_id *arg,
                         ebb_site site) {
    const ebb_region r = {.op = EBB_OP_custom, .callee = {primal, rule}, .number = {reverse}};
    return ebb_record_region(g, &r, narg, arg, site);
}

ebb_id ebb_derive_cond(ebb_graph *g, ebb_graph *then, ebb_graph *otherwise, int narg, const ebb_id *arg,
                       ebb_site site) {
    return ebb_derive_region(g, &(ebb_region){.op = EBB_OP_cond, .callee = {then, otherwise}}, narg, arg, site);
}

static ebb_region region_of_loop(const ebb_loop *l) {
    return (ebb_region){
        .op = l->pullback ? EBB_OP_unloop : EBB_OP_loop,
        .callee = {l->body, l->condition, l->pullback},
        .number = {l->states, l->captures, l->trips, l->reverse, l->budget},
    };
}

ebb_id ebb_record_loop(ebb_graph *g, const ebb_loop *loop, int narg, const ebb_id *arg, ebb_site site) {
    const ebb_region r = region_of_loop(loop);
    return ebb_record_region(g, &r, narg, arg, site);
}

ebb_id ebb_derive_loop(ebb_graph *g, const ebb_loop *loop, int narg, const ebb_id *arg, ebb_site site) {
    const ebb_region r = region_of_loop(loop);
    return ebb_derive_region(g, &r, narg, arg, site);
}

/* ---- get ---- */

static ebb_id get_through(door *append, ebb_graph *g, ebb_id tuple, int k, ebb_site site) {
    ebb_type type;
    if (tuple == EBB_POISON) return EBB_POISON;
    if (tuple <= EBB_ABSENT || tuple >= g->count || !ebb_is_region(ebb_op_of(g, tuple))) {
        ebb_fail(g->diag, EBB_TYPE_ERROR, site, "get: operand is no tuple");
        return EBB_POISON;
    }
    const ebb_region r = ebb_region_of(g, tuple);
    if (!ebb_region_result(&r, k, &type)) {
        const char *name = r.op == EBB_OP_call || r.op == EBB_OP_custom ? r.callee[0]->name : ebb_op_table[r.op].name;
        ebb_fail(g->diag, EBB_INDEX_ERROR, site, "get: %s has no result %d", name, k);
        return EBB_POISON;
    }
    const int64_t number = k;
    return append(g, &(ebb_application){EBB_OP_get, 1, &number, type, site}, &type, 1, &tuple);
}

ebb_id ebb_record_get(ebb_graph *g, ebb_id tuple, int k, ebb_site site) {
    return get_through(ebb_append, g, tuple, k, site);
}

ebb_id ebb_derive_get(ebb_graph *g, ebb_id tuple, int k, ebb_site site) {
    return get_through(ebb_share, g, tuple, k, site);
}
