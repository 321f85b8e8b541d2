/* verify.c - checks every invariant that graph.h promises, for tests and for graphs from elsewhere.
 *
 * Nothing of the graph is used before it has been checked, so a broken one gives an error, never a crash. Callees are
 * graphs of their own and verified on their own; here they only lend the types of their parameters and results.
 * Start reading at ebb_verify. */
#include "jit/graph/doors.h"
#include "jit/graph/intern.h"
#include "jit/graph/region.h"

#include <stdarg.h>
#include <stdio.h>

static bool broken(const ebb_graph *g, ebb_diag *diag, ebb_id id, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static bool broken(const ebb_graph *g, ebb_diag *diag, ebb_id id, const char *format, ...) {
    char text[512];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return ebb_fail(diag, EBB_INTERNAL_ERROR, (ebb_site){0}, "%s: %%%d: %s", g->name, id, text);
}

/* ---- a node by itself ---- */

static bool check_tables(const ebb_graph *g, ebb_diag *diag, ebb_id id) {
    const ebb_node *n = &g->node[id];
    if (n->shape < 0 || n->shape >= g->shapes->entries) return broken(g, diag, id, "shape %d does not exist", n->shape);
    if (n->attr < 0 || n->attr >= g->attrs->entries) return broken(g, diag, id, "attribute %d does not exist", n->attr);
    const ebb_shape *s = ebb_shape_of(g, id);
    if (s->rank < 0 || s->rank > EBB_MAX_RANK) return broken(g, diag, id, "rank %d", s->rank);
    for (int k = s->rank; k < EBB_MAX_RANK; k++)
        if (s->dim[k] != 0) return broken(g, diag, id, "size %d behind the rank is not 0", k);
    return true;
}

static bool check_operands(const ebb_graph *g, ebb_diag *diag, ebb_id id) {
    const ebb_node *n = &g->node[id];
    if (n->arity < 0) return broken(g, diag, id, "%d operands", n->arity);
    if (n->arity > 3 && (n->operand[0] < 0 || n->operand[0] > g->more_count - n->arity))
        return broken(g, diag, id, "its operands lie outside of the table");
    const ebb_id *x = ebb_operands(g, id);
    for (int32_t k = 0; k < n->arity; k++) {
        if (x[k] <= EBB_ABSENT || x[k] >= id)
            return broken(g, diag, id, "operand %d is %%%d, not an earlier node", k, x[k]);
        if (ebb_dtype_at(g, x[k]) == EBB_NONE && n->op != EBB_OP_get)
            return broken(g, diag, id, "operand %d is a tuple", k);
    }
    return true;
}

/* ---- a node among others ---- */

static bool check_input(const ebb_graph *g, ebb_diag *diag, ebb_id id) {
    ebb_attr index = ebb_attr_of(g, id);
    if (index.n != 1 || index.v[0] < 0 || index.v[0] >= g->inputs || g->input[index.v[0]] != id)
        return broken(g, diag, id, "is not the parameter that it says");
    return true;
}

/* A loop may lack its condition, which is its second function. */
static bool check_callees(const ebb_graph *g, ebb_diag *diag, ebb_id id) {
    const ebb_attr attr = ebb_attr_of(g, id);
    const ebb_op op = ebb_op_of(g, id);
    const int callees = ebb_region_callees(op);
    if (attr.n != callees + ebb_region_numbers(op)) return broken(g, diag, id, "%d attributes", attr.n);
    for (int k = 0; k < callees; k++) {
        const bool lacks = attr.v[k] == -1 && k == 1 && (op == EBB_OP_loop || op == EBB_OP_unloop);
        if (!lacks && (attr.v[k] < 0 || attr.v[k] >= g->callees))
            return broken(g, diag, id, "runs a function that does not exist");
    }
    return true;
}

static bool check_region(const ebb_graph *g, ebb_diag *diag, ebb_id id) {
    ebb_diag why = {0};
    if (!check_callees(g, diag, id)) return false;
    if (g->node[id].dtype != EBB_NONE) return broken(g, diag, id, "a region is a tuple");
    const ebb_region r = ebb_region_of(g, id);
    return ebb_region_fits(g, &r, g->node[id].arity, ebb_operands(g, id), (ebb_site){0}, &why) ||
           broken(g, diag, id, "%s", why.message);
}

static bool check_get(const ebb_graph *g, ebb_diag *diag, ebb_id id) {
    const ebb_attr k = ebb_attr_of(g, id);
    const ebb_id tuple = g->node[id].arity == 1 ? ebb_operands(g, id)[0] : EBB_ABSENT;
    ebb_type want, have = ebb_type_of(g, id);
    if (!ebb_is_region(ebb_op_of(g, tuple))) return broken(g, diag, id, "get of something that is no tuple");
    if (k.n != 1 || k.v[0] < 0 || k.v[0] >= ebb_results_of(g, tuple) ||
        !ebb_result_type(g, tuple, (int32_t)k.v[0], &want))
        return broken(g, diag, id, "%%%d has no such result", tuple);
    return ebb_type_equal(&have, &want) || broken(g, diag, id, "its type is not that of the result");
}

/* The type rule of the operation, asked once more. */
static bool check_type(const ebb_graph *g, ebb_diag *diag, ebb_id id) {
    const ebb_node *n = &g->node[id];
    ebb_application app = ebb_application_of(g, id);
    ebb_type type;
    ebb_diag why = {0};
    if (n->arity > 3 && ebb_op_table[n->op].arity >= 0)
        return broken(g, diag, id, "%s has %d operands", ebb_op_table[n->op].name, n->arity);
    if (!ebb_infer_nodes(g, &app, n->arity, ebb_operands(g, id), &type, &why))
        return why.code == EBB_NO_MEMORY ? ebb_fail_memory(diag) : broken(g, diag, id, "%s", why.message);
    char is[EBB_TYPE_TEXT], should[EBB_TYPE_TEXT];
    return ebb_type_equal(&app.asked, &type) ||
           broken(g, diag, id, "its type is %s, but %s gives %s", ebb_type_text(&app.asked, is),
                  ebb_op_table[n->op].name, ebb_type_text(&type, should));
}

static bool check_node(const ebb_graph *g, ebb_diag *diag, ebb_id id) {
    int op = g->node[id].op;
    if (op <= EBB_OP_NONE || op >= EBB_OP_COUNT) return broken(g, diag, id, "%d is no operation", op);
    if (!check_tables(g, diag, id) || !check_operands(g, diag, id)) return false;
    if (ebb_is_region((ebb_op)op)) return check_region(g, diag, id);
    if (op == EBB_OP_get) return check_get(g, diag, id);
    return check_type(g, diag, id) && (op != EBB_OP_input || check_input(g, diag, id));
}

/* ---- the graph ---- */

static bool check_ends(const ebb_graph *g, ebb_diag *diag) {
    for (int32_t k = 0; k < g->inputs; k++) {
        ebb_id id = g->input[k];
        if (id <= EBB_ABSENT || id >= g->count || ebb_op_of(g, id) != EBB_OP_input)
            return broken(g, diag, id, "is parameter %d, but no input", k);
        if (k && id <= g->input[k - 1]) return broken(g, diag, id, "parameter %d is out of order", k);
    }
    for (int32_t k = 0; k < g->outputs; k++) {
        ebb_id id = g->output[k];
        if (id < EBB_ABSENT || id >= g->count) return broken(g, diag, id, "is result %d, but no node", k);
        if (id != EBB_ABSENT && ebb_dtype_at(g, id) == EBB_NONE)
            return broken(g, diag, id, "is result %d, but a tuple", k);
    }
    return true;
}

bool ebb_verify(const ebb_graph *g, ebb_diag *diag) {
    if (g->count < 1 || g->node[EBB_ABSENT].op != EBB_OP_NONE)
        return broken(g, diag, EBB_ABSENT, "is not the absent node");
    if (!check_ends(g, diag)) return false;
    for (ebb_id id = 1; id < g->count; id++)
        if (!check_node(g, diag, id)) return false;
    return true;
}
