/* reach.c - see reach.h. The path is a stack of its own, as functions may nest deeper than ours. */
#include "jit/graph/reach.h"
#include "jit/graph/intern.h"

typedef struct visit {
    const ebb_graph *graph;
    int32_t next; /* callee of it to go down to */
} visit;

typedef struct path {
    visit *visit;
    int32_t depth, capacity;
} path;

static bool is_graph(const void *owner, int32_t id, const void *key) {
    return ((const ebb_reach *)owner)->graph[id] == key;
}

static uint32_t hash_of(const ebb_graph *g) {
    const uintptr_t address = (uintptr_t)g;
    return ebb_intern_hash(&address, sizeof address);
}

int32_t ebb_reach_find(const ebb_reach *r, const ebb_graph *g) {
    return ebb_intern_find(r->number, hash_of(g), is_graph, r, g);
}

static bool go_down(const ebb_allocator *a, path *p, const ebb_graph *g) {
    if (!ebb_mem_reserve(a, &p->visit, &p->capacity, (int64_t)p->depth + 1, sizeof *p->visit)) return false;
    p->visit[p->depth++] = (visit){g, 0};
    return true;
}

static bool come_up(const ebb_allocator *a, path *p, ebb_reach *r) {
    const ebb_graph *g = p->visit[--p->depth].graph;
    if (!ebb_mem_reserve(a, &r->graph, &r->capacity, (int64_t)r->count + 1, sizeof *r->graph)) return false;
    r->graph[r->count] = g;
    return ebb_intern_add(r->number, hash_of(g), r->count++);
}

static bool walk(const ebb_allocator *a, path *p, ebb_reach *r) {
    bool good = true;
    while (good && p->depth > 0) {
        visit *top = &p->visit[p->depth - 1];
        if (top->next == top->graph->callees) {
            good = come_up(a, p, r);
        } else {
            const ebb_graph *callee = top->graph->callee[top->next++];
            if (ebb_reach_find(r, callee) < 0) good = go_down(a, p, callee);
        }
    }
    return good;
}

bool ebb_reach_from(const ebb_graph *g, ebb_reach *r) {
    path p = {0};
    *r = (ebb_reach){.number = ebb_intern_new(g->allocator)};
    const bool good = r->number && go_down(g->allocator, &p, g) && walk(g->allocator, &p, r);
    ebb_mem_free(g->allocator, p.visit);
    return good;
}

void ebb_reach_end(ebb_reach *r) {
    if (!r->number) return;
    ebb_mem_free(r->number->allocator, r->graph);
    ebb_intern_free(r->number);
    *r = (ebb_reach){0};
}
