/* cluster.c - which nodes are computed by one kernel.
 *
 * Nodes are placed in graph order. A cluster has a space (the shape it walks) and, once a reduction has joined, the
 * axes that it reduces. Members are at element level (shape: the space) or row level (shape: the axes that are kept).
 * Members may differ in length along the last axis: then the kernel is ragged (plan.h).
 * A node may join if what it reads was computed by earlier clusters, or by this one at the very index it needs.
 * It joins the cluster of its latest operand, else one that reads the same things, else it opens a new one. */
#include "jit/plan/planner.h"

typedef struct ebb_fit { /* how a node would sit in a cluster */
    int level, stage;
} ebb_fit;

ebb_shape ebb_kept_shape(const ebb_cluster *c) {
    ebb_shape kept = {0};
    for (int32_t i = 0; i < c->space.rank; i++)
        if (!(c->reduced >> i & 1)) kept.dim[kept.rank++] = c->space.dim[i];
    return kept;
}

/* ---- does it fit? ---- */

/* Whether m reads, for each index of a user at `user` level, the member's value at that same index. */
static bool same_index(const ebb_cluster *c, const ebb_map *m, int member, int user) {
    int32_t axis = 0;
    if (member == EBB_LEVEL_ELEMENT && user == EBB_LEVEL_ROW) return false;
    for (int32_t i = 0; i < m->rank; i++, axis++) {
        bool by_row = member == EBB_LEVEL_ROW && user == EBB_LEVEL_ELEMENT;
        while (by_row && c->reduced >> axis & 1)
            axis++; /* row axis i is the i-th kept one */
        if (!ebb_axis_is(&m->axis[i], axis)) return false;
    }
    return true;
}

/* x: an operand, or a view that is itself to be in memory. moved: it is read at another index, by a pad. */
static bool operand_fits(const ebb_planner *p, ebb_id x, bool moved, int32_t cluster, int user, int *stage) {
    const ebb_cell *r = &p->cell[p->cell[x].root];
    if (r->free || r->cluster != cluster) return r->after <= cluster;
    if (moved) return false;
    ebb_map m = ebb_map_of(p, x);
    if (r->stage > *stage) *stage = r->stage;
    return same_index(&p->cluster[cluster], &m, r->level, user);
}

/* The shape that a node walks as a member. */
static ebb_shape walked(const ebb_planner *p, ebb_id id) {
    return ebb_slim_of(p, p->cell[id].role == EBB_ROLE_REDUCE ? ebb_operands(p->graph, id)[0] : id);
}

/* Whether the shape is the cluster's space, or differs from it on the last axis alone, and not by much. */
static bool nearly_space(const ebb_planner *p, const ebb_cluster *c, const ebb_shape *s) {
    if (ebb_shape_equal(s, &c->space)) return true;
    if (s->rank != c->space.rank || s->rank == 0 || p->options->no_ragged) return false;
    for (int32_t i = 0; i + 1 < s->rank; i++)
        if (s->dim[i] != c->space.dim[i]) return false;
    int64_t own = ebb_last_axis(s), longest = ebb_last_axis(&c->space), shortest = c->shortest;
    if (own > longest) longest = own;
    if (own < shortest) shortest = own;
    return longest / EBB_RAGGED_LIMIT <= shortest;
}

/* The level of a node in the cluster, -1 if its shape does not fit there. */
static int level_in(const ebb_planner *p, ebb_id id, const ebb_cluster *c) {
    bool reduces = p->cell[id].role == EBB_ROLE_REDUCE;
    ebb_shape s = walked(p, id);
    if (nearly_space(p, c, &s)) {
        if (!reduces) return EBB_LEVEL_ELEMENT;
        return c->reduced && c->reduced != ebb_reduced_axes(p, id) ? -1 : EBB_LEVEL_ROW;
    }
    ebb_shape kept = ebb_kept_shape(c);
    return !reduces && c->reduced && ebb_shape_equal(&s, &kept) ? EBB_LEVEL_ROW : -1;
}

/* Whether elements are needed in a later pass than the first. */
static bool is_staged(const ebb_fit *fit, bool reduces) {
    return reduces ? fit->stage > 1 : fit->level == EBB_LEVEL_ELEMENT && fit->stage > 0;
}

/* Whether the kernel stays one that there is, if it is ragged with the node in it. */
static bool may_be_ragged(const ebb_planner *p, ebb_id id, const ebb_cluster *c, const ebb_fit *fit) {
    bool reduces = p->cell[id].role == EBB_ROLE_REDUCE;
    int64_t longest = ebb_last_axis(&c->space), own = longest;
    ebb_shape s = walked(p, id);
    if (reduces || fit->level == EBB_LEVEL_ELEMENT) own = ebb_last_axis(&s);
    if (own == longest && c->shortest == longest) return true;
    uint32_t reduced = reduces ? ebb_reduced_axes(p, id) : c->reduced;
    if (reduced && !(reduced >> (c->space.rank - 1) & 1)) return false;
    if (reduces && c->summed && c->summed != own) return false;
    return !c->staged && !is_staged(fit, reduces);
}

static bool fits(const ebb_planner *p, ebb_id id, int32_t cluster, ebb_fit *fit) {
    const ebb_cluster *c = &p->cluster[cluster];
    const ebb_id *x = p->cell[id].role == EBB_ROLE_VIEW ? &id : ebb_operands(p->graph, id);
    bool reduces = p->cell[id].role == EBB_ROLE_REDUCE, pads = ebb_op_of(p->graph, id) == EBB_OP_pad;
    if (c->routine) return false;
    *fit = (ebb_fit){.level = level_in(p, id, c)};
    if (fit->level < 0) return false;
    for (int32_t i = 0; i < p->graph->node[id].arity; i++)
        if (!operand_fits(p, x[i], pads, cluster, reduces ? EBB_LEVEL_ELEMENT : fit->level, &fit->stage)) return false;
    fit->stage += reduces;
    return fit->stage < EBB_STAGE_LIMIT && may_be_ragged(p, id, c, fit);
}

/* ---- what a node reads ---- */

enum { READS = 64 };
typedef struct ebb_reads {
    ebb_id id[READS];
    int n;
} ebb_reads;

/* Everything that the node needs at hand: free values are followed by what they read themselves (their cost bounds the
 * depth, and the number). */
static void find_reads(const ebb_planner *p, ebb_id id, ebb_reads *reads) {
    const ebb_id *x = ebb_operands(p->graph, id);
    for (int32_t i = 0; i < p->graph->node[id].arity && reads->n < READS; i++) {
        ebb_id r = p->cell[x[i]].root;
        reads->id[reads->n++] = r;
        if (p->cell[r].free) find_reads(p, r, reads);
    }
}

/* Instructions that joining adds at most: the node, its store, and what the cluster has not read yet. */
static int32_t growth(const ebb_planner *p, const ebb_reads *reads, int32_t cluster) {
    int32_t n = 2;
    for (int i = 0; i < reads->n; i++) {
        const ebb_cell *r = &p->cell[reads->id[i]];
        n += r->reader != cluster && (r->free || r->cluster != cluster);
    }
    return n;
}

static bool has_room(const ebb_planner *p, const ebb_reads *reads, int32_t cluster, int32_t limit) {
    const ebb_cluster *c = &p->cluster[cluster];
    if (c->space.rank == 0) limit = p->options->scalar_chunk > 0 ? p->options->scalar_chunk : 1000;
    return c->size + growth(p, reads, cluster) <= limit;
}

/* ---- choosing ---- */

static bool suits(const ebb_planner *p, ebb_id id, const ebb_reads *reads, int32_t cluster, int32_t limit,
                  ebb_fit *fit) {
    return cluster >= 0 && has_room(p, reads, cluster, limit) && fits(p, id, cluster, fit);
}

static int32_t latest_cluster(const ebb_planner *p, const ebb_reads *reads) {
    int32_t latest = -1;
    for (int i = 0; i < reads->n; i++) {
        const ebb_cell *r = &p->cell[reads->id[i]];
        if (!r->free && r->cluster > latest) latest = r->cluster;
    }
    return latest;
}

/* The cluster that the node should join, or -1. */
static int32_t choose(const ebb_planner *p, ebb_id id, const ebb_reads *reads, ebb_fit *fit) {
    if (p->options->no_fusion) return -1;
    int32_t latest = latest_cluster(p, reads);
    if (suits(p, id, reads, latest, EBB_KERNEL_LIMIT, fit)) return latest;
    for (int i = 0; i < reads->n; i++) {
        int32_t c = p->cell[reads->id[i]].reader;
        if (ebb_op_of(p->graph, reads->id[i]) == EBB_OP_constant) continue; /* sharing a number is no kinship */
        if (suits(p, id, reads, c, EBB_SIBLING_LIMIT, fit)) return c;
    }
    return suits(p, id, reads, p->last_scalar, EBB_KERNEL_LIMIT, fit) ? p->last_scalar : -1;
}

/* ---- placing ---- */

static int32_t open_cluster(ebb_planner *p, ebb_cluster c) {
    if (!ebb_mem_reserve(p->allocator, &p->cluster, &p->cluster_room, (int64_t)p->clusters + 1, sizeof c)) {
        ebb_fail_memory(p->diag);
        return -1;
    }
    p->cluster[p->clusters] = c;
    return p->clusters++;
}

static int32_t open_kernel(ebb_planner *p, ebb_id id) {
    ebb_shape space = walked(p, id);
    int32_t c = open_cluster(p, (ebb_cluster){.space = space, .shortest = ebb_last_axis(&space)});
    if (c >= 0 && p->cluster[c].space.rank == 0) p->last_scalar = c;
    return c;
}

/* What the cluster is with the node in it. */
static void take_in(const ebb_planner *p, ebb_id id, ebb_cluster *k, const ebb_fit *fit) {
    bool reduces = p->cell[id].role == EBB_ROLE_REDUCE;
    ebb_shape s = walked(p, id);
    int64_t own = ebb_last_axis(&s);
    k->count++;
    k->staged |= is_staged(fit, reduces);
    if (reduces) k->reduced = ebb_reduced_axes(p, id), k->summed = own;
    if (!reduces && fit->level != EBB_LEVEL_ELEMENT) return;
    if (own > ebb_last_axis(&k->space)) k->space = s;
    if (own < k->shortest) k->shortest = own;
}

static bool place(ebb_planner *p, ebb_id id) {
    ebb_reads reads = {.n = 0};
    ebb_fit fit;
    ebb_cell *c = &p->cell[id];
    find_reads(p, id, &reads);
    c->cluster = choose(p, id, &reads, &fit);
    if (c->cluster < 0) {
        c->cluster = open_kernel(p, id);
        if (c->cluster < 0) return false;
        fits(p, id, c->cluster, &fit); /* it does by construction; this only asks how */
    }
    ebb_cluster *k = &p->cluster[c->cluster];
    k->size += growth(p, &reads, c->cluster);
    take_in(p, id, k, &fit);
    c->level = (uint8_t)fit.level;
    c->stage = (uint8_t)fit.stage;
    for (int i = 0; i < reads.n; i++)
        p->cell[reads.id[i]].reader = c->cluster;
    return true;
}

static bool place_routine(ebb_planner *p, ebb_id id) {
    p->cell[id].cluster = open_cluster(p, (ebb_cluster){.routine = id});
    return p->cell[id].cluster >= 0;
}

/* The first cluster that may read the node, when all before it in the graph are placed. */
static int32_t after(const ebb_planner *p, ebb_id id) {
    const ebb_cell *c = &p->cell[id];
    int32_t latest = 0;
    if (!c->free) return p->cell[c->base].cluster + 1;
    for (int32_t i = 0; i < p->graph->node[id].arity; i++) {
        int32_t a = p->cell[p->cell[ebb_operands(p->graph, id)[i]].root].after;
        if (a > latest) latest = a;
    }
    return latest;
}

static bool place_node(ebb_planner *p, ebb_id id) {
    ebb_cell *c = &p->cell[id];
    bool ok = true;
    switch ((ebb_role)c->role) {
    case EBB_ROLE_DEAD:
    case EBB_ROLE_GIVEN:
    case EBB_ROLE_ALIAS:
        break;
    case EBB_ROLE_VIEW:
    case EBB_ROLE_IOTA:
        ok = !c->wanted || place(p, id);
        break;
    case EBB_ROLE_POINT:
        ok = (c->free && !c->wanted) || place(p, id);
        break;
    case EBB_ROLE_REDUCE:
        ok = place(p, id);
        break;
    case EBB_ROLE_WHOLE:
    case EBB_ROLE_REGION:
        ok = place_routine(p, id);
        break;
    case EBB_ROLE_PART:
        c->cluster = p->cell[ebb_operands(p->graph, id)[0]].cluster;
        break;
    }
    c->after = after(p, id);
    return ok;
}

/* planner->member: every cluster's nodes side by side, in graph order. */
static bool list_members(ebb_planner *p) {
    int32_t total = 0;
    for (int32_t c = 0; c < p->clusters; c++) {
        p->cluster[c].first = total;
        total += p->cluster[c].count;
        p->cluster[c].count = 0;
    }
    p->member = ebb_mem_new(p->allocator, (size_t)total, sizeof *p->member);
    if (!p->member) return ebb_fail_memory(p->diag);
    for (ebb_id id = 0; id < p->graph->count; id++) {
        int32_t c = p->cell[id].cluster;
        if (c < 0 || p->cluster[c].routine) continue;
        p->member[p->cluster[c].first + p->cluster[c].count++] = id;
    }
    return true;
}

bool ebb_find_clusters(ebb_planner *p) {
    p->last_scalar = -1;
    for (ebb_id id = 1; id < p->graph->count; id++)
        if (!place_node(p, id)) return false;
    return list_members(p);
}
