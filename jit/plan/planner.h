/* planner.h - what the files of this room share while a plan is made.
 *
 * The way of a graph through the room, one file each:
 *   view.c      index arithmetic: a view's elements as elements of its root
 *   classify.c  which nodes live, what each is, which must be in memory
 *   cluster.c   which nodes become one kernel
 *   store.c     which values other kernels read from memory, which they compute again
 *   kernel.c    a cluster as instructions (inst.c), cleaned and flattened (tidy.c)
 *   nested.c    regions, and the plans of what they run
 *   result.c    results: in place where that is safe (inplace.c), else copied
 *   arena.c     where scratch lives
 *
 * Everywhere in this room shapes are "slim": axes of size 1 are dropped, so that adding and removing them costs
 * nothing. Invariant of clusters: they run in index order, and whatever a member reads is of its own cluster or of an
 * earlier one. Start reading at ebb_plan_new (plan.c). */
#ifndef EBB_PLANNER_H
#define EBB_PLANNER_H

#include "jit/graph/cost.h"
#include "jit/graph/reach.h"
#include "jit/plan/plan.h"

/* What a live node is to the planner. */
typedef enum ebb_role {
    EBB_ROLE_DEAD,  /* no result needs it */
    EBB_ROLE_GIVEN, /* input or constant: in memory before the first step */
    EBB_ROLE_IOTA,
    EBB_ROLE_POINT, /* also a pad without gaps: its operand within bounds, else 0 */
    EBB_ROLE_REDUCE,
    EBB_ROLE_VIEW,  /* elements of its root, found by index arithmetic */
    EBB_ROLE_ALIAS, /* a reshape that is no view: the same buffer as its operand's, read in another shape */
    EBB_ROLE_WHOLE, /* a routine */
    EBB_ROLE_REGION,
    EBB_ROLE_PART /* a result of a region; if several gets read it, the first is the base of all */
} ebb_role;

/* Levels as in plan.h. */
enum { EBB_LEVEL_KERNEL, EBB_LEVEL_ROW, EBB_LEVEL_ELEMENT };

enum {
    EBB_CHEAP = 6,          /* a value that costs at most this much is computed again rather than stored */
    EBB_DEAR = 12,          /* a value that costs more than this is spilled rather than computed in two passes */
    EBB_PADDED = 48,        /* a value that one pad alone reads is computed there, if it costs at most this much */
    EBB_PADDED_SHARED = 24, /* the same of a value that several of them read */
    EBB_FAR = 1 << 18,      /* far_bytes */
    EBB_NEAR = 16,          /* a far value that reads no more than it has is computed again at this cost */
    EBB_NEVER = 1000,       /* the cost of what is never computed twice */
    EBB_KERNEL_LIMIT = 256, /* instructions of a loop kernel, about */
    EBB_SIBLING_LIMIT = 96, /* the size up to which a loop takes in nodes that merely read the same things */
    EBB_STAGE_LIMIT = 8,    /* passes of a kernel */
    EBB_RAGGED_LIMIT = 2    /* in a ragged kernel the longest last axis is at most so many times the shortest, about */
};

/* The index of one root axis: start + the sum over axes a of the space it is seen from, step[a] * the index on a. */
typedef struct ebb_axis {
    int64_t start, step[EBB_MAX_RANK];
} ebb_axis;

typedef struct ebb_map {
    int32_t rank; /* axes of the root */
    ebb_axis axis[EBB_MAX_RANK];
} ebb_map;

/* The elements of the largest array that is read, and how often one of that size is. One number counts for none. */
typedef struct ebb_extent {
    int64_t elements;
    int32_t times;
} ebb_extent;

typedef struct ebb_cell { /* what the planner knows of a node */
    uint8_t role;
    uint8_t level; /* in its cluster */
    uint8_t stage; /* in its cluster: the first pass in which its value is there */
    bool wanted;   /* must be in memory, row-major: result, or operand of a routine or alias */
    bool free;     /* cheap, of things in memory anyway: computed wherever it is used */
    bool padded;   /* pads alone read it, or values that are padded themselves */
    bool read;     /* some node reads it */
    bool shared;   /* several do */
    bool crosses;  /* some other cluster uses it */
    bool stored;
    bool spread;      /* far, of much less: other kernels compute it, even if it is stored */
    int16_t cost;     /* of computing it again from what is in memory */
    ebb_extent reads; /* by that */
    ebb_id root;      /* VIEW: what it shows; else itself */
    ebb_id base;      /* the node in whose buffer its elements lie row-major; itself if it needs one of its own */
    int32_t map;      /* VIEW: where its map starts in planner->axis; REGION: its parts in planner->part */
    int32_t cluster;  /* -1: no member of any */
    int32_t after;    /* first cluster that can read it */
    int32_t reader;   /* last cluster that reads it; -1 */
    int32_t buffer;   /* of a base; -1 */
    int32_t inst;     /* of a member, while its cluster is lowered */
} ebb_cell;

typedef struct ebb_cluster {
    ebb_shape space;      /* on the last axis as long as its longest member */
    int64_t shortest;     /* the shortest last axis of a member */
    int64_t summed;       /* the last axis of what is reduced; 0 until a REDUCE joins */
    bool staged;          /* it has several passes, so it may not become ragged */
    uint32_t reduced;     /* bit a: axis a of space is reduced; 0 until a REDUCE joins */
    ebb_id routine;       /* the WHOLE or REGION node, or 0: a kernel */
    int32_t size;         /* instructions at most, as far as known */
    int32_t first, count; /* members: planner->member[first ...], in node order */
} ebb_cluster;

typedef struct ebb_fact { /* what kernel.c knows of an instruction */
    int32_t stage;        /* the first pass that can use it */
    int32_t cost;         /* of an element value: of computing it in one more pass */
    int32_t buffer;       /* of an element value: where it is stored, or -1 */
} ebb_fact;

typedef struct ebb_room { /* the kernel that is being written; its memory serves the next one too */
    ebb_inst *inst;
    int32_t count, inst_room;
    ebb_fact *fact;
    int32_t fact_room;
    ebb_inst *store;
    int32_t stores, store_room; /* they come last */
    int32_t *table;
    int32_t table_size, table_room; /* hash table of instructions; 0 is empty, else number + 1 */
} ebb_room;

typedef struct ebb_module_plan { /* the plans of functions that regions run */
    const ebb_plan_options *options;
    ebb_plan **plan;
    int32_t plans, room;
} ebb_module_plan;

typedef struct ebb_planner {
    const ebb_allocator *allocator;
    ebb_diag *diag;
    const ebb_graph *graph;
    const ebb_plan_options *options;
    ebb_plan *plan;
    const ebb_module_plan *module;
    ebb_cell *cell; /* [graph->count] */
    ebb_axis *axis;
    int32_t axes, axis_room;
    ebb_id *part; /* of each region, for each result: the first get that reads it, or 0 */
    int32_t parts, part_room;
    ebb_cluster *cluster;
    int32_t clusters, cluster_room;
    int32_t last_scalar; /* the last straight-line cluster, or -1 */
    ebb_id *member;      /* nodes by cluster */
    int32_t buffer_room, step_room, pool_room;
    ebb_room room;  /* of the kernel that is being written */
    int32_t *saved; /* [inputs]: a copy of the parameter, made before all steps; or -1 */
} ebb_planner;

/* ---- inst.c ---- */
void ebb_room_start(ebb_planner *p);
void ebb_room_free(ebb_planner *p);
/* The number of an instruction like this one, appended if there is none yet; -1: no memory. */
int32_t ebb_put_inst(ebb_planner *p, const ebb_inst *inst, ebb_fact fact);

/* ---- view.c ---- */
ebb_shape ebb_slim(const ebb_shape *s,
                   int8_t place[EBB_MAX_RANK]); /* place: of each axis, -1 if it is dropped; or NULL */
ebb_shape ebb_slim_of(const ebb_planner *p, ebb_id id);
int64_t ebb_elements(const ebb_shape *s);
int64_t ebb_last_axis(const ebb_shape *slim);                /* its size; 1 if there is none */
bool ebb_view_new(ebb_planner *p, ebb_id id, bool *is_view); /* VIEW or ALIAS: sets role, root, map; false: no memory */
bool ebb_axis_is(const ebb_axis *axis, int32_t a);           /* the very index on axis a of the space */
ebb_map ebb_map_identity(const ebb_shape *slim);
ebb_map ebb_map_of(const ebb_planner *p, ebb_id id);                 /* root's axes as seen from the node */
ebb_map ebb_map_through(const ebb_map *inner, const ebb_map *outer); /* inner's axes as seen from outer's space */
bool ebb_map_is_identity(const ebb_map *m, const ebb_shape *root, const ebb_shape *space);
void ebb_row_major(const ebb_shape *slim, int64_t stride[EBB_MAX_RANK]);
uint32_t ebb_reduced_axes(const ebb_planner *p, ebb_id reduce); /* bits: axes of the operand's slim shape */

/* ---- classify.c ---- */
bool ebb_classify(ebb_planner *p);
bool ebb_is_point_pad(const ebb_graph *g, ebb_id id);  /* a pad that kernels compute */
int ebb_compute_cost(const ebb_planner *p, ebb_id id); /* of an element of a POINT, in additions */
static inline bool ebb_may_recompute(const ebb_planner *p) {
    return !p->options->no_fusion && !p->options->no_recomputing;
}
static inline bool ebb_is_loaded(const ebb_cell *c) /* always in memory, and never computed again */
{
    return c->role == EBB_ROLE_GIVEN || c->role == EBB_ROLE_ALIAS || c->role >= EBB_ROLE_WHOLE;
}

/* ---- cluster.c, store.c ---- */
bool ebb_find_clusters(ebb_planner *p);
ebb_shape ebb_kept_shape(const ebb_cluster *c);
bool ebb_decide_stores(ebb_planner *p);

/* ---- steps and buffers: plan.c ---- */
ebb_step *ebb_new_step(ebb_planner *p, ebb_step_kind kind, ebb_id node); /* NULL: no memory */
int32_t ebb_new_buffer(ebb_planner *p, ebb_place place, int32_t index, ebb_dtype dtype, int64_t elements); /* -1 */
int32_t ebb_buffer_of(ebb_planner *p, ebb_id id); /* where id's elements are or will be; -1: no memory */
bool ebb_copy_step(ebb_planner *p, int32_t from, int32_t to, ebb_id node);

/* ---- nested.c ---- */
bool ebb_plan_nested(ebb_module_plan *m, const ebb_graph *g, ebb_diag *diag); /* whatever g's regions run */
/* The plan of this function for its first results; NULL: none. */
const ebb_plan *ebb_nested_plan(const ebb_module_plan *m, const ebb_graph *g, int32_t results);
ebb_plan *ebb_plan_function(const ebb_module_plan *m, const ebb_graph *g, int32_t results, ebb_diag *diag); /* plan.c */
bool ebb_lower_region(ebb_planner *p, ebb_id id); /* appends its step */
void ebb_nested_free(const ebb_allocator *a, ebb_nested *n);

/* ---- kernel.c, tidy.c, result.c, inplace.c, arena.c ---- */
bool ebb_lower_kernel(ebb_planner *p, int32_t cluster); /* appends the cluster's step, unless nothing of it is needed */
bool ebb_tidy(ebb_planner *p, ebb_kernel *k);           /* drops unused instructions, merges axes, counts passes */
bool ebb_save_parameters(ebb_planner *p);               /* before all steps */
bool ebb_place_results(ebb_planner *p);                 /* after all others */
bool ebb_in_place(const ebb_plan *plan, const ebb_step *s, int32_t buffer, int32_t parameter);
bool ebb_place_arena(ebb_planner *p);

#endif
