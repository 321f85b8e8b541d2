/* known.c - elements that are known before a program runs: an evaluator for indices. One sweep up for what is needed,
 * one sweep down to compute it, with the arithmetic of constant folding (jit/graph/fold.h).
 *
 * Element by element operations, views and check_index are followed; what is computed in any other way is not known.
 * Start reading at ebb_known_find. */
#include "dual/known.h"

#include <string.h>

#include "dual/rules.h"
#include "jit/graph/fold.h"

enum { MOST_ELEMENTS = 1 << 26 };

static size_t bytes_at(const ebb_graph *g, ebb_id id) { return ebb_dtype_size(ebb_dtype_at(g, id)); }

static ebb_number element(const ebb_known *k, ebb_id id, int64_t i) {
    ebb_number x = {.i64 = 0};
    size_t size = bytes_at(k->graph, id);
    memcpy(&x, (const char *)k->data[id] + (size_t)i * size, size);
    return x;
}

static int64_t along(const ebb_shape *s, int axis, int64_t i) {
    for (int a = s->rank - 1; a > axis; a--)
        i /= s->dim[a];
    return i % s->dim[axis];
}

/* Element i of node id, whose operands are known. */
static ebb_number compute(const ebb_known *k, ebb_id id, const ebb_primal *p, const ebb_application *app, int64_t i) {
    const ebb_graph *g = k->graph;
    ebb_number x[3];
    if (p->op == EBB_OP_iota)
        return ebb_number_cast((ebb_number){.i64 = along(ebb_shape_of(g, id), (int)app->attr[0], i)}, EBB_I64,
                               ebb_dtype_at(g, id));
    if (ebb_op_table[p->op].access == EBB_VIEW) {
        ebb_walk w = ebb_view_walk(app, ebb_shape_of(g, p->x[0]), ebb_shape_of(g, id));
        return element(k, p->x[0], ebb_walk_at(&w, ebb_shape_of(g, id), i));
    }
    for (int j = 0; j < p->arity; j++)
        x[j] = element(k, p->x[j], i);
    ebb_dtype from = ebb_dtype_at(g, p->x[p->arity - 1]);
    bool cast = p->op == EBB_OP_cast || p->op == EBB_OP_check_index;
    return cast ? ebb_number_cast(x[0], from, ebb_dtype_at(g, id)) : ebb_fold_table[p->op][from](x);
}

static bool can_compute(const ebb_known *k, const ebb_primal *p, int64_t size) {
    ebb_access access = ebb_op_table[p->op].access;
    if (size > MOST_ELEMENTS || p->arity > 3) return false;
    for (int j = 0; j < p->arity; j++)
        if (!k->data[p->x[j]]) return false;
    return access == EBB_POINT || access == EBB_VIEW || p->op == EBB_OP_check_index;
}

static bool know(ebb_known *k, ebb_id id, const void *const *given) {
    const ebb_graph *g = k->graph;
    ebb_primal p = ebb_primal_of(g, id);
    int64_t size = 0;
    ebb_shape_size(ebb_shape_of(g, id), &size);
    if (p.op == EBB_OP_constant) k->data[id] = ebb_attr_of(g, id).v;
    if (p.op == EBB_OP_input) k->data[id] = given ? given[ebb_attr_of(g, id).v[0]] : NULL;
    if (k->data[id] || !can_compute(k, &p, size)) return true;
    char *to = ebb_mem_new(g->allocator, (size_t)size + 1, bytes_at(g, id));
    if (!to) return false;
    ebb_application app = ebb_application_of(g, id);
    for (int64_t i = 0; i < size; i++) {
        ebb_number y = compute(k, id, &p, &app, i);
        memcpy(to + (size_t)i * bytes_at(g, id), &y, bytes_at(g, id));
    }
    k->data[id] = to;
    return k->owned[id] = true;
}

bool ebb_known_find(ebb_known *k, const ebb_graph *g, const void *const *given, int n, const ebb_id *asked) {
    *k = (ebb_known){.graph = g};
    for (int i = 0; i < n; i++)
        if (asked[i] >= k->count) k->count = asked[i] + 1;
    k->data = ebb_mem_new(g->allocator, (size_t)k->count + 1, sizeof *k->data);
    k->owned = ebb_mem_new(g->allocator, (size_t)k->count + 1, sizeof *k->owned);
    bool *needed = ebb_mem_new(g->allocator, (size_t)k->count + 1, sizeof *needed);
    bool ok = k->data && k->owned && needed;
    for (int i = 0; ok && i < n; i++)
        needed[asked[i]] = true;
    for (ebb_id id = k->count - 1; ok && id > 0; id--)
        for (int j = 0; needed[id] && j < g->node[id].arity; j++)
            needed[ebb_operands(g, id)[j]] = true;
    for (ebb_id id = 1; ok && id < k->count; id++)
        ok = !needed[id] || know(k, id, given);
    ebb_mem_free(g->allocator, needed);
    return ok || ebb_fail_memory(g->diag);
}

void ebb_known_free(ebb_known *k) {
    if (!k->graph) return;
    for (ebb_id id = 0; k->owned && k->data && id < k->count; id++)
        if (k->owned[id]) ebb_mem_free(k->graph->allocator, (void *)k->data[id]);
    ebb_mem_free(k->graph->allocator, k->data);
    ebb_mem_free(k->graph->allocator, k->owned);
    *k = (ebb_known){0};
}
