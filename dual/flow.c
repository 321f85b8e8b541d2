/* flow.c - marks that go where values go: from operands to results, and round in loops until nothing is new.
 *
 * A tuple has marks for each of its results, behind those of the nodes. Start reading at ebb_flow. */
#include "dual/flow.h"

#include <string.h>

static bool add(uint8_t *to, uint8_t mark) {
    uint8_t old = *to;
    *to |= mark;
    return *to != old;
}

static uint8_t *marks_for(const ebb_graph *f, size_t n, ebb_diag *diag) {
    uint8_t *mark = ebb_mem_new(f->allocator, n + 1, sizeof *mark);
    if (!mark) ebb_fail_memory(diag);
    return mark;
}

/* ---- regions ---- */

static bool flow_cond(const ebb_region *r, const uint8_t *x, uint8_t *y, ebb_diag *diag) {
    int m = r->callee[0]->outputs;
    uint8_t *other = marks_for(r->callee[0], (size_t)m, diag);
    bool ok =
        other && ebb_flow_function(r->callee[0], x + 1, y, diag) && ebb_flow_function(r->callee[1], x + 1, other, diag);
    for (int j = 0; ok && j < m; j++)
        y[j] |= other[j] | x[0];
    if (other) ebb_mem_free(r->callee[0]->allocator, other);
    return ok;
}

/* What ends the loop, marks all states. */
bool ebb_flow_loop(const ebb_region *r, uint8_t *x, uint8_t *y, ebb_diag *diag) {
    int states = (int)r->number[0];
    for (bool again = true; again;) {
        uint8_t end = 0;
        again = false;
        if (!ebb_flow_function(r->callee[0], x, y, diag)) return false;
        if (r->callee[1] && !ebb_flow_function(r->callee[1], x, &end, diag)) return false;
        for (int s = 0; s < states; s++)
            again |= add(&x[s], y[s] | end);
    }
    memcpy(y, x, (size_t)states);
    return true;
}

/* x: the marks of the pullback's parameters, which states and their cotangents add to; y: of its results. */
static bool flow_unloop(const ebb_region *r, uint8_t *x, uint8_t *y, ebb_diag *diag) {
    const ebb_graph *body = r->callee[0];
    uint8_t end = 0, *z = marks_for(body, (size_t)body->outputs, diag);
    int states = 0;
    bool ok = z && ebb_flow_loop(r, x, z, diag) && (!r->callee[1] || ebb_flow_function(r->callee[1], x, &end, diag));
    for (int s = 0; s < r->number[0]; s++)
        states += ebb_is_float(ebb_dtype_at(body, body->input[s]));
    for (bool again = ok; ok && again;) {
        again = false;
        ok = ebb_flow_function(r->callee[2], x, y, diag);
        for (int s = 0; ok && s < states; s++)
            again |= add(&x[body->inputs + s], y[s] | end);
    }
    for (int f = 0; ok && f < r->callee[2]->outputs; f++)
        y[f] |= end | (f < states ? x[body->inputs + f] : 0);
    if (z) ebb_mem_free(body->allocator, z);
    return ok;
}

bool ebb_flow_region(const ebb_region *r, const uint8_t *x, uint8_t *y, ebb_diag *diag) {
    const ebb_graph *taking = r->callee[r->op == EBB_OP_unloop ? 2 : 0];
    size_t n = (size_t)taking->inputs;
    if (r->op == EBB_OP_cond) return flow_cond(r, x, y, diag);
    if (r->op == EBB_OP_call || r->op == EBB_OP_custom) return ebb_flow_function(taking, x, y, diag);
    uint8_t *own = marks_for(taking, n, diag);
    if (!own) return false;
    memcpy(own, x, n);
    bool ok = r->op == EBB_OP_unloop ? flow_unloop(r, own, y, diag) : ebb_flow_loop(r, own, y, diag);
    ebb_mem_free(taking->allocator, own);
    return ok;
}

/* ---- programs ---- */

int32_t *ebb_place_marks(const ebb_graph *g, size_t *count) {
    int32_t *place = ebb_mem_new(g->allocator, (size_t)g->count, sizeof *place);
    *count = 0;
    for (ebb_id id = 1; place && id < g->count; id++) {
        if (!ebb_is_region(ebb_op_of(g, id))) continue;
        place[id] = (int32_t)*count;
        *count += (size_t)ebb_results_of(g, id);
    }
    return place;
}

static bool flow_node(const ebb_graph *g, ebb_id id, uint8_t *mark, uint8_t *x, uint8_t *y, ebb_diag *diag) {
    const ebb_id *operand = ebb_operands(g, id);
    int arity = g->node[id].arity;
    for (int i = 0; i < arity; i++)
        mark[id] |= x[i] = mark[operand[i]];
    const ebb_region r = ebb_region_of(g, id);
    return ebb_flow_region(&r, x, y, diag);
}

static bool flow_with_regions(const ebb_graph *g, uint8_t *mark, ebb_diag *diag) {
    size_t results, widest = 0;
    int32_t *place = ebb_place_marks(g, &results);
    for (ebb_id id = 1; id < g->count; id++)
        if ((size_t)g->node[id].arity > widest) widest = (size_t)g->node[id].arity;
    uint8_t *y = place ? marks_for(g, results + widest, diag) : NULL, *x = y ? y + results : NULL;
    bool ok = y || ebb_fail_memory(diag);
    for (ebb_id id = 1; ok && id < g->count; id++) {
        const ebb_id *operand = ebb_operands(g, id);
        if (ebb_is_region(ebb_op_of(g, id)))
            ok = flow_node(g, id, mark, x, y + place[id], diag);
        else if (ebb_op_of(g, id) == EBB_OP_get)
            mark[id] |= y[place[operand[0]] + ebb_attr_of(g, id).v[0]];
        else
            for (int i = 0; i < g->node[id].arity; i++)
                mark[id] |= mark[operand[i]];
    }
    ebb_mem_free(g->allocator, y);
    ebb_mem_free(g->allocator, place);
    return ok;
}

static void flow_nodes(const ebb_graph *g, uint8_t *mark) {
    for (ebb_id id = 1; id < g->count; id++) {
        const ebb_id *operand = ebb_operands(g, id);
        for (int i = 0; i < g->node[id].arity; i++)
            mark[id] |= mark[operand[i]];
    }
}

bool ebb_flow(const ebb_graph *g, uint8_t *mark, ebb_diag *diag) {
    if (g->callees) return flow_with_regions(g, mark, diag);
    flow_nodes(g, mark);
    return true;
}

bool ebb_flow_function(const ebb_graph *f, const uint8_t *x, uint8_t *y, ebb_diag *diag) {
    uint8_t *mark = marks_for(f, (size_t)f->count, diag);
    if (!mark) return false;
    for (int k = 0; k < f->inputs; k++)
        mark[f->input[k]] = x[k];
    flow_nodes(f, mark);
    for (int j = 0; j < f->outputs; j++)
        y[j] = mark[f->output[j]];
    ebb_mem_free(f->allocator, mark);
    return true;
}
