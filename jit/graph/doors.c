/* doors.c - the two doors into a graph. Both check operands and types first.
 *
 * Recording appends, and that is all. Deriving asks identity.c and fold.c for a simpler answer, then shares equal
 * nodes: g->nodes maps what a node says to its id. The table is brought up to date at each derive, so that a graph
 * whose nodes were recorded can be continued by deriving; of equal recorded nodes the first is found. */
#include "jit/graph/doors.h"
#include "jit/graph/intern.h"
#include "jit/graph/plain_floats.h"

#include <string.h>

static bool is_products(const ebb_application *app) {
    return (unsigned)app->op < EBB_OP_COUNT && ebb_op_table[app->op].family == EBB_PRODUCTS;
}

static bool fail_application(const ebb_graph *g, const ebb_application *app, const char *why) {
    return ebb_fail(g->diag, EBB_INTERNAL_ERROR, app->site, "%s: %s",
                    (unsigned)app->op < EBB_OP_COUNT ? ebb_op_table[app->op].name : "?", why);
}

/* Most operations have few operands; sums of products have any number. */
bool ebb_infer_nodes(const ebb_graph *g, const ebb_application *app, int narg, const ebb_id *arg, ebb_type *type,
                     ebb_diag *diag) {
    ebb_type few[3] = {0}, *operand = narg > 3 ? ebb_mem_new(g->allocator, (size_t)narg, sizeof *operand) : few;
    if (!operand) return ebb_fail_memory(diag);
    for (int k = 0; k < narg; k++) {
        operand[k].dtype = ebb_dtype_at(g, arg[k]);
        operand[k].shape = *ebb_shape_of(g, arg[k]);
    }
    bool ok = ebb_infer(diag, app, narg, operand, type);
    if (operand != few) ebb_mem_free(g->allocator, operand);
    return ok;
}

/* The type of the application; false with an error, or without one when an operand is poison: that has its error. */
static bool check(const ebb_graph *g, const ebb_application *app, int narg, const ebb_id *arg, ebb_type *type) {
    for (int k = 0; k < narg; k++)
        if (arg[k] == EBB_POISON) return false;
    if (app->op == EBB_OP_input) return fail_application(g, app, "is recorded by a function of its own");
    if (narg < 0 || (narg > 3 && !is_products(app))) return fail_application(g, app, "too many operands");
    for (int k = 0; k < narg; k++)
        if (arg[k] <= EBB_ABSENT || arg[k] >= g->count) return fail_application(g, app, "operand is no node");
    return ebb_infer_nodes(g, app, narg, arg, type, g->diag);
}

ebb_id ebb_record(ebb_graph *g, const ebb_application *app, int narg, const ebb_id *arg) {
    ebb_type type;
    return check(g, app, narg, arg, &type) ? ebb_append(g, app, &type, narg, arg) : EBB_POISON;
}

/* ---- sharing ---- */

/* A variable's value is a stop_gradient of what it was assigned, and has a derivative of its own. */
static bool shareable(const ebb_node *n) {
    return n->op != EBB_OP_NONE && n->op != EBB_OP_input && n->op != EBB_OP_call && n->op != EBB_OP_stop_gradient;
}

/* What a node says, free of what does not matter: the marks of passes, the order of commuting operands, and where many
 * operands lie. */
static ebb_node saying(ebb_node n) {
    n.flags = 0;
    if (n.arity > 3) n.operand[0] = 0;
    if ((n.op == EBB_OP_add || n.op == EBB_OP_mul) && n.operand[0] > n.operand[1]) {
        ebb_id first = n.operand[1];
        n.operand[1] = n.operand[0];
        n.operand[0] = first;
    }
    return n;
}

static size_t operand_bytes(const ebb_graph *g, ebb_id id) {
    return (size_t)g->node[id].arity * sizeof *ebb_operands(g, id);
}

static bool same_node(const void *owner, int32_t id, const void *key) {
    const ebb_graph *g = owner;
    const ebb_id wanted = *(const ebb_id *)key;
    const ebb_node have = saying(g->node[id]), want = saying(g->node[wanted]);
    return !memcmp(&have, &want, sizeof have) &&
           (have.arity <= 3 || !memcmp(ebb_operands(g, id), ebb_operands(g, wanted), operand_bytes(g, id)));
}

/* A node that says what node id does, or -1. */
static ebb_id find_node(const ebb_graph *g, ebb_id id, uint32_t *hash) {
    const ebb_node n = saying(g->node[id]);
    *hash = ebb_intern_hash(&n, sizeof n);
    if (n.arity > 3) *hash = 31 * *hash + ebb_intern_hash(ebb_operands(g, id), operand_bytes(g, id));
    return ebb_intern_find(g->nodes, *hash, same_node, g, &id);
}

static bool catch_up(ebb_graph *g) {
    if (!g->nodes) {
        if (!(g->nodes = ebb_intern_new(g->allocator))) return false;
        g->nodes->seen = g->share_from;
    }
    for (int32_t *id = &g->nodes->seen; *id < g->count; ++*id) {
        uint32_t hash;
        if (!shareable(&g->node[*id]) || find_node(g, *id, &hash) >= 0) continue;
        if (!ebb_intern_add(g->nodes, hash, *id)) return false;
    }
    return true;
}

void ebb_forget_shared(ebb_graph *g) {
    ebb_intern_free(g->nodes);
    g->nodes = NULL;
    g->share_from = g->count;
}

/* The node is appended first, to get its interned shape and attributes; it is taken back if an equal one exists. That
 * one says the first line that it stands for; but what the program computes anyway is no part of a derivative. */
ebb_id ebb_share(ebb_graph *g, const ebb_application *app, const ebb_type *type, int narg, const ebb_id *arg) {
    if (g->without & EBB_NO_SHARING) return ebb_append(g, app, type, narg, arg);
    if (!catch_up(g)) return ebb_fail_memory(g->diag), EBB_POISON;
    ebb_id id = ebb_append(g, app, type, narg, arg);
    if (id == EBB_POISON || !shareable(&g->node[id])) return id;
    uint32_t hash;
    ebb_id known = find_node(g, id, &hash);
    if (known < 0 && ebb_intern_add(g->nodes, hash, id)) {
        g->nodes->seen = g->count;
        return id;
    }
    g->count = id;
    if (g->node[id].arity > 3) g->more_count -= g->node[id].arity;
    if (known < 0) return ebb_fail_memory(g->diag), EBB_POISON;
    if (!app->site.part && g->site[known].part) g->site[known] = app->site;
    return known;
}

/* ---- deriving ---- */

/* A sum of one product is that product. */
static ebb_id derive_products(ebb_graph *g, const ebb_application *app, const ebb_type *type, int narg,
                              const ebb_id *arg) {
    ebb_application product = *app;
    product.op = ebb_product_of(app->op);
    return narg == 2 ? ebb_derive(g, &product, narg, arg) : ebb_share(g, app, type, narg, arg);
}

ebb_id ebb_derive(ebb_graph *g, const ebb_application *app, int narg, const ebb_id *arg) {
    EBB_PLAIN_FLOATS;
    ebb_draft d = {.graph = g, .app = *app, .narg = narg};
    if (!check(g, app, narg, arg, &d.type)) return EBB_POISON;
    if (is_products(app)) return derive_products(g, app, &d.type, narg, arg);
    for (int k = 0; k < narg; k++)
        d.arg[k] = arg[k];
    do {
        d.again = false;
        ebb_id answer = ebb_identity(&d);
        if (answer != EBB_ABSENT) return answer;
    } while (d.again);
    ebb_id folded = ebb_fold(&d);
    return folded != EBB_ABSENT ? folded : ebb_share(g, &d.app, &d.type, d.narg, d.arg);
}
