/* stages.c - operations and regions by turns.
 *
 * An operation makes its coefficients one order after the other, and its slopes are one order behind; a region wants
 * all orders of its operands at once. So the stage of a node is the number of regions on the longest way to it, and a
 * forward pass goes stage by stage: the regions of the stage, then its operations, order by order. A program without
 * regions is one stage. A slope is computed from a node and its operands, and is in no later stage than the node. */
#include "dual/stages.h"

/* The stage is group / 2, rounded up. */
static int32_t group_of(const ebb_graph *g, const ebb_slopes *slopes, const int32_t *group, ebb_id id) {
    const ebb_id *x = ebb_operands(g, id);
    int32_t last = 0;
    for (int i = 0; i < g->node[id].arity; i++)
        if (slopes->order[x[i]] && group[x[i]] > last) last = group[x[i]];
    bool region = ebb_dtype_at(g, id) == EBB_NONE;
    return last + (last & 1) + region;
}

static bool is_visited(const ebb_slopes *slopes, ebb_id id) { return slopes->order[id] && !slopes->given[id]; }

/* The group of each node; gives how many there are. */
static int32_t find_groups(const ebb_graph *g, const ebb_slopes *slopes, int32_t *group) {
    int32_t groups = 1;
    for (ebb_id id = 1; id < slopes->count; id++) {
        if (!is_visited(slopes, id)) continue;
        group[id] = group_of(g, slopes, group, id);
        if (group[id] >= groups) groups = group[id] + 1;
    }
    return groups;
}

/* begin[k + 1] counts group k, then says where it begins, and in the end where the next one does. */
static void sort(const ebb_slopes *slopes, const int32_t *group, ebb_stages *stages) {
    int32_t *begin = stages->begin, place = 0;
    for (ebb_id id = 1; id < slopes->count; id++)
        if (is_visited(slopes, id)) begin[group[id] + 1]++;
    for (int32_t k = 1; k <= stages->groups; k++) {
        int32_t size = begin[k];
        begin[k] = place;
        place += size;
    }
    for (ebb_id id = 1; id < slopes->count; id++)
        if (is_visited(slopes, id)) stages->node[begin[group[id] + 1]++] = id;
}

bool ebb_stages_find(const ebb_graph *g, const ebb_slopes *slopes, ebb_stages *stages) {
    const ebb_allocator *a = g->allocator;
    *stages = (ebb_stages){0};
    int32_t *group = ebb_mem_new(a, (size_t)slopes->count, sizeof *group);
    stages->node = ebb_mem_new(a, (size_t)slopes->count, sizeof *stages->node);
    if (group) stages->groups = find_groups(g, slopes, group);
    stages->begin = ebb_mem_new(a, (size_t)stages->groups + 1, sizeof *stages->begin);
    bool ok = group && stages->node && stages->begin;
    if (ok) sort(slopes, group, stages);
    ebb_mem_free(a, group);
    return ok || ebb_fail_memory(g->diag);
}

void ebb_stages_free(const ebb_graph *g, ebb_stages *stages) {
    ebb_mem_free(g->allocator, stages->begin);
    ebb_mem_free(g->allocator, stages->node);
    *stages = (ebb_stages){0};
}
