/* graph.c - the life of a graph, reading it, and appending to it. See graph.h for the invariants.
 *
 * Everything that grows grows before anything changes, so that a failed append leaves the graph as it was. Start
 * reading at ebb_append. */
#include "jit/graph/doors.h"
#include "jit/graph/intern.h"

#include <string.h>

/* ---- life ---- */

static ebb_graph *bare_graph(const ebb_allocator *allocator, ebb_diag *diag, const char *name) {
    ebb_graph *g = ebb_mem_new(allocator, 1, sizeof *g);
    if (!g) return NULL;
    *g = (ebb_graph){.allocator = allocator, .diag = diag, .references = 1};
    g->name = ebb_mem_copy(allocator, name, strlen(name) + 1);
    if (g->name) return g;
    ebb_graph_release(g);
    return NULL;
}

static bool reserve_node(ebb_graph *g) {
    int32_t sites = g->capacity;
    int64_t need = (int64_t)g->count + 1;
    return need <= g->capacity || (ebb_mem_reserve(g->allocator, &g->site, &sites, need, sizeof *g->site) &&
                                   ebb_mem_reserve(g->allocator, &g->node, &g->capacity, need, sizeof *g->node));
}

/* Shape 0 is the scalar's, attribute list 0 the empty one, node 0 the absent one. */
static bool start(ebb_graph *g) {
    static const ebb_shape scalar; /* what lies between its members is 0 too */
    g->shapes = ebb_intern_new(g->allocator);
    g->attrs = ebb_intern_new(g->allocator);
    if (!g->shapes || !g->attrs || ebb_intern_put(g->shapes, &scalar, sizeof scalar) != 0) return false;
    if (ebb_intern_put(g->attrs, NULL, 0) != 0 || !reserve_node(g)) return false;
    g->node[0] = (ebb_node){0};
    g->site[0] = (ebb_site){0};
    g->count = 1;
    return true;
}

ebb_graph *ebb_graph_new(const ebb_allocator *allocator, ebb_diag *diag, const char *name) {
    ebb_graph *g = bare_graph(allocator, diag, name ? name : "main");
    if (g && start(g)) return g;
    ebb_graph_release(g);
    ebb_fail_memory(diag);
    return NULL;
}

/* Makes *to (a pointer of some type, its capacity *cap) a copy of n elements. */
static bool copy_array(const ebb_allocator *a, void *to, int32_t *cap, const void *from, int32_t n, size_t size) {
    *cap = 0;
    if (!ebb_mem_reserve(a, to, cap, n, size)) return false;
    void *memory;
    memcpy(&memory, to, sizeof memory);
    if (n) memcpy(memory, from, (size_t)n * size);
    return true;
}

#define COPY(field, n, cap) copy_array(g->allocator, &c->field, cap, g->field, n, sizeof *g->field)

static bool copy_contents(const ebb_graph *g, ebb_graph *c) {
    c->shapes = ebb_intern_clone(g->shapes);
    c->attrs = ebb_intern_clone(g->attrs);
    if (!c->shapes || !c->attrs || !COPY(site, g->count, &c->capacity) || !COPY(node, g->count, &c->capacity) ||
        !COPY(more, g->more_count, &c->more_capacity) || !COPY(input, g->inputs, &c->input_capacity) ||
        !COPY(output, g->outputs, &c->output_capacity) || !COPY(callee, g->callees, &c->callee_capacity))
        return false;
    c->count = g->count;
    c->more_count = g->more_count;
    c->inputs = g->inputs;
    c->outputs = g->outputs;
    c->callees = g->callees;
    c->nesting = g->nesting;
    c->own_rules = g->own_rules;
    c->share_from = g->share_from;
    c->without = g->without;
    for (int32_t i = 0; i < c->callees; i++)
        ebb_graph_retain(c->callee[i]);
    for (int32_t i = 0; i < c->count; i++)
        if (!ebb_graph_keep_site(c, g, &c->site[i])) return false;
    return true;
}

ebb_graph *ebb_graph_clone(const ebb_graph *g, ebb_diag *diag) {
    ebb_graph *c = bare_graph(g->allocator, diag, g->name);
    if (c && copy_contents(g, c)) return c;
    ebb_graph_release(c);
    ebb_fail_memory(diag);
    return NULL;
}

ebb_graph *ebb_graph_retain(ebb_graph *g) {
    __atomic_add_fetch(&g->references, 1, __ATOMIC_RELAXED);
    return g;
}

static void free_graph(ebb_graph *g) {
    const ebb_allocator *a = g->allocator;
    void *const owned[] = {g->name, g->node, g->site, g->more, g->input, g->output, g->callee, g};
    ebb_intern_free(g->shapes);
    ebb_intern_free(g->attrs);
    ebb_intern_free(g->nodes);
    ebb_intern_free(g->files);
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++)
        ebb_mem_free(a, owned[i]);
}

static bool drop(ebb_graph *g) { return __atomic_sub_fetch(&g->references, 1, __ATOMIC_ACQ_REL) == 0; }

/* A list of the dead instead of recursion: functions may call functions to any depth. */
void ebb_graph_release(ebb_graph *g) {
    ebb_graph *dead = g && drop(g) ? g : NULL;
    while (dead) {
        ebb_graph *last = dead;
        dead = last->next_dead;
        for (int32_t i = 0; i < last->callees; i++) {
            if (!drop(last->callee[i])) continue;
            last->callee[i]->next_dead = dead;
            dead = last->callee[i];
        }
        free_graph(last);
    }
}

/* ---- reading ---- */

static const ebb_node *node_at(const ebb_graph *g, ebb_id id) { return &g->node[id < 0 ? EBB_ABSENT : id]; }

const ebb_id *ebb_operands(const ebb_graph *g, ebb_id id) {
    const ebb_node *n = node_at(g, id);
    return n->arity > 3 ? g->more + n->operand[0] : n->operand;
}

const ebb_shape *ebb_shape_of(const ebb_graph *g, ebb_id id) { return g->shapes->entry[node_at(g, id)->shape].data; }

ebb_type ebb_type_of(const ebb_graph *g, ebb_id id) {
    return (ebb_type){(ebb_dtype)node_at(g, id)->dtype, *ebb_shape_of(g, id)};
}

ebb_attr ebb_attr_of(const ebb_graph *g, ebb_id id) {
    const ebb_entry *e = &g->attrs->entry[node_at(g, id)->attr];
    return (ebb_attr){e->bytes / (int32_t)sizeof(int64_t), e->data};
}

ebb_application ebb_application_of(const ebb_graph *g, ebb_id id) {
    ebb_attr attr = ebb_attr_of(g, id);
    ebb_site site = id < 0 ? (ebb_site){0} : g->site[id];
    return (ebb_application){(ebb_op)node_at(g, id)->op, attr.n, attr.v, ebb_type_of(g, id), site};
}

/* ---- appending ---- */

/* The id of a shape; most results have the shape of an operand. Shapes are told apart by their bytes, and what lies
 * between a shape's members may be anything. */
static int32_t shape_id(const ebb_graph *g, const ebb_shape *shape, int narg, const ebb_id *arg) {
    ebb_shape s;
    memset(&s, 0, sizeof s);
    s.rank = shape->rank;
    memcpy(s.dim, shape->dim, sizeof s.dim);
    for (int k = narg - 1; k >= 0 && k >= narg - 2; k--)
        if (!memcmp(ebb_shape_of(g, arg[k]), &s, sizeof s)) return g->node[arg[k]].shape;
    return ebb_intern_put(g->shapes, &s, sizeof s);
}

static int32_t attr_id(const ebb_graph *g, const ebb_application *app) {
    return app->nattr ? ebb_intern_put(g->attrs, app->attr, app->nattr * (int32_t)sizeof(int64_t)) : 0;
}

/* Sets the operands; `arg` may lie in the graph itself, whose arrays move when they grow. */
static bool set_operands(ebb_graph *g, ebb_node *n, int narg, const ebb_id *arg) {
    n->arity = narg;
    if (narg <= 3) {
        for (int k = 0; k < narg; k++)
            n->operand[k] = arg[k];
        return true;
    }
    bool inside = g->more && arg >= g->more && arg < g->more + g->more_count;
    ptrdiff_t offset = inside ? arg - g->more : 0;
    if (!ebb_mem_reserve(g->allocator, &g->more, &g->more_capacity, (int64_t)g->more_count + narg, sizeof *g->more))
        return false;
    n->operand[0] = g->more_count;
    memcpy(g->more + g->more_count, inside ? g->more + offset : arg, (size_t)narg * sizeof *arg);
    return true;
}

ebb_id ebb_append(ebb_graph *g, const ebb_application *app, const ebb_type *type, int narg, const ebb_id *arg) {
    ebb_node n = {.op = (uint16_t)app->op, .dtype = (uint8_t)type->dtype};
    n.shape = shape_id(g, &type->shape, narg, arg);
    n.attr = attr_id(g, app);
    if (n.shape < 0 || n.attr < 0 || !set_operands(g, &n, narg, arg) || !reserve_node(g)) {
        ebb_fail_memory(g->diag);
        return EBB_POISON;
    }
    if (narg > 3) g->more_count += narg;
    g->node[g->count] = n;
    g->site[g->count] = app->site;
    return g->count++;
}

/* ---- parameters, results ---- */

ebb_id ebb_add_input(ebb_graph *g, ebb_type type, ebb_site site) {
    const int64_t index = g->inputs;
    ebb_application app = {EBB_OP_input, 1, &index, type, site};
    ebb_type checked;
    if (!ebb_infer(g->diag, &app, 0, NULL, &checked)) return EBB_POISON;
    if (!ebb_mem_reserve(g->allocator, &g->input, &g->input_capacity, index + 1, sizeof *g->input)) {
        ebb_fail_memory(g->diag);
        return EBB_POISON;
    }
    ebb_id id = ebb_append(g, &app, &checked, 0, NULL);
    if (id != EBB_POISON) g->input[g->inputs++] = id;
    return id;
}

bool ebb_add_output(ebb_graph *g, ebb_id id) {
    const ebb_site nowhere = {0};
    if (id < 0 || id >= g->count)
        return ebb_fail(g->diag, EBB_INTERNAL_ERROR, nowhere, "result %d is no node", g->outputs);
    if (id != EBB_ABSENT && ebb_dtype_at(g, id) == EBB_NONE)
        return ebb_fail(g->diag, EBB_TYPE_ERROR, g->site[id], "result %d is a tuple", g->outputs);
    if (!ebb_mem_reserve(g->allocator, &g->output, &g->output_capacity, (int64_t)g->outputs + 1, sizeof *g->output))
        return ebb_fail_memory(g->diag);
    g->output[g->outputs++] = id;
    return true;
}

void ebb_clear_outputs(ebb_graph *g) { g->outputs = 0; }
