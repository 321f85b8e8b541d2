/* graph.h - the program: a function is one append-only array of nodes, addressed by ids; operands come before users.
 *
 * Invariants: node 0 is "absent" (a symbolic zero); ids are array indices; every operand id is smaller than its user's,
 * so the array is in topological order; shapes and attributes are interned in the graph, so equal ids mean equal
 * contents; a graph owns everything it names and dies in one call (callees are counted).
 * A failed append returns EBB_POISON and leaves the first error in the graph's diag; poison in gives poison out, so
 * that formulas need no check per line.
 *
 * Two doors (doors.c): ebb_record checks and appends verbatim, one call, one node; ebb_derive also folds constants,
 * applies exact identities and shares equal derived nodes (recorded nodes are never merged with anything, so that ids
 * handed to the user stay true). Start reading at ebb_node. */
#ifndef EBB_GRAPH_H
#define EBB_GRAPH_H

#include "jit/graph/memory.h"
#include "jit/graph/types.h"

typedef int32_t ebb_id;
#define EBB_ABSENT ((ebb_id)0)
#define EBB_POISON ((ebb_id) - 1)

typedef struct ebb_node {
    uint16_t op;
    uint8_t dtype;      /* EBB_NONE: a tuple */
    uint8_t flags;      /* free for passes; 0 when appended */
    int32_t arity;      /* number of operands */
    int32_t shape;      /* interned; ebb_shape_of */
    int32_t operand[3]; /* arity <= 3: the operands; else operand[0] is where they start in graph->more */
    int32_t attr;       /* interned; ebb_attr_of; 0 is the empty list */
} ebb_node;
_Static_assert(sizeof(ebb_node) == 28, "nodes are small");

typedef struct ebb_attr {
    int32_t n;
    const int64_t *v;
} ebb_attr;

/* Steps of the deriving door that can be left out, by tests, since programs must mean the same without them, and where
 * nodes are to hang on just the operands that they are given (dual/rules.c). */
enum { EBB_NO_FOLDING = 1, EBB_NO_IDENTITIES = 2, EBB_NO_SHARING = 4 };

typedef struct ebb_graph ebb_graph;
struct ebb_graph {
    const ebb_allocator *allocator;
    ebb_diag *diag;     /* where errors go; not owned */
    char *name;         /* owned; "main" by default */
    int32_t references; /* ebb_graph_retain / ebb_graph_release; atomic */
    ebb_node *node;     /* [count]; node[0] is the absent node */
    int32_t count, capacity;
    ebb_site *site; /* [count]: source lines */
    int32_t *more;  /* operands of nodes with more than three */
    int32_t more_count, more_capacity;
    ebb_id *input; /* [inputs]: input[k] is the node of parameter k */
    int32_t inputs, input_capacity;
    ebb_id *output; /* [outputs]; an output may be EBB_ABSENT (no derivative) */
    int32_t outputs, output_capacity;
    ebb_graph **callee; /* [callees]: what regions name, counted */
    int32_t callees, callee_capacity;
    int32_t nesting;                           /* how many regions lie inside one another here, at most */
    bool own_rules;                            /* a region here, at whatever depth, is a custom one */
    struct ebb_intern *shapes, *attrs, *nodes; /* tables of intern.c; nodes is built at the first derive */
    struct ebb_intern *files; /* file names that were read from text and die with the graph; NULL: none (files.c) */
    ebb_id share_from;        /* nodes before this one are never shared again: ebb_forget_shared */
    uint32_t without;         /* EBB_NO_... steps; clones and what passes make of the graph have the same */
    ebb_graph *next_dead;     /* the next graph to free, inside ebb_graph_release only */
};

/* ---- life ---- */
ebb_graph *ebb_graph_new(const ebb_allocator *allocator, ebb_diag *diag, const char *name); /* NULL: no memory */
ebb_graph *ebb_graph_clone(const ebb_graph *g, ebb_diag *diag); /* same ids; NULL: no memory */
ebb_graph *ebb_graph_retain(ebb_graph *g);
void ebb_graph_release(ebb_graph *g); /* NULL is fine */

/* ---- reading; poison reads as the absent node. What shape and attr point to stays where it is while the graph lives;
 * operands move when nodes are appended ---- */
static inline ebb_op ebb_op_of(const ebb_graph *g, ebb_id id) { return (ebb_op)g->node[id].op; }
static inline ebb_dtype ebb_dtype_at(const ebb_graph *g, ebb_id id) { return (ebb_dtype)g->node[id].dtype; }
const ebb_id *ebb_operands(const ebb_graph *g, ebb_id id); /* node.arity of them */
const ebb_shape *ebb_shape_of(const ebb_graph *g, ebb_id id);
ebb_type ebb_type_of(const ebb_graph *g, ebb_id id);
ebb_attr ebb_attr_of(const ebb_graph *g, ebb_id id);
bool ebb_is_scalar_constant(const ebb_graph *g, ebb_id id,
                            double *value); /* a constant, or a broadcast of one, whose elements are all *value */

ebb_application ebb_application_of(const ebb_graph *g,
                                   ebb_id id); /* what a door was given for this node (not regions, get) */

/* ---- the two doors; `arg` holds narg ids ---- */
ebb_id ebb_record(ebb_graph *g, const ebb_application *app, int narg, const ebb_id *arg);
ebb_id ebb_derive(ebb_graph *g, const ebb_application *app, int narg, const ebb_id *arg);

/* Node id of another graph once more, on operands that map[] has the ids of; any node but an input. */
ebb_id ebb_record_again(ebb_graph *to, const ebb_graph *g, ebb_id id, const ebb_id *map);
ebb_id ebb_derive_again(ebb_graph *to, const ebb_graph *g, ebb_id id, const ebb_id *map);

/* ---- parameters, results, calls (other regions: region.h) ---- */
ebb_id ebb_add_input(ebb_graph *g, ebb_type type, ebb_site site); /* the next parameter */
bool ebb_add_output(ebb_graph *g, ebb_id id);                     /* appends a result; poison is refused */
void ebb_clear_outputs(ebb_graph *g);
ebb_id ebb_record_call(ebb_graph *g, ebb_graph *callee, int narg, const ebb_id *arg,
                       ebb_site site); /* a tuple; retains callee */
ebb_id ebb_record_get(ebb_graph *g, ebb_id tuple, int k, ebb_site site);

/* ---- sites (false: no memory) ---- */
bool ebb_graph_own_file(ebb_graph *g, const char *file, const char **owned); /* a copy that dies with g */
bool ebb_graph_keep_site(ebb_graph *to, const ebb_graph *from,
                         ebb_site *site); /* what `from` owns, `to` must own too */

/* ---- passes (each makes a new graph; NULL and an error in diag if it cannot) ---- */
/* Macros expanded, calls inlined, everything through the deriving door; the callees of other regions too. inputs and
 * outputs keep their order. If `map` is not NULL it has g->count entries and gets the new id of each old node
 * (EBB_ABSENT for tuples). When `keep` is false, nodes that no output needs are dropped (their map is EBB_ABSENT),
 * inputs excepted. */
ebb_graph *ebb_expand(const ebb_graph *g, bool keep, ebb_id *map, ebb_diag *diag);
/* The same for a program that is only to be run: rules of one's own are gone, a custom is its primal, sums of products
 * are written out, regions have no results that nobody reads, and no loop runs whose results another one has as well.
 */
ebb_graph *ebb_expand_to_run(const ebb_graph *g, ebb_diag *diag);
/* Macros expanded and calls inlined, but every other node recorded verbatim, one for one, so that equal nodes stay
 * apart: for tapes, where two tensors are two tensors even if their values are equal. Dead nodes are dropped; same
 * contract for map. */
ebb_graph *ebb_expand_verbatim(const ebb_graph *g, ebb_id *map, ebb_diag *diag);
/* The same program with size[k] in place of symbol k, for k < symbols: expanded verbatim, as above. */
ebb_graph *ebb_specialise(const ebb_graph *g, int32_t symbols, const int64_t *size, ebb_diag *diag);
/* Starts sharing anew: what ebb_derive makes from now on is not merged with earlier nodes. */
void ebb_forget_shared(ebb_graph *g);

/* ---- checking ---- */
bool ebb_verify(const ebb_graph *g, ebb_diag *diag); /* every invariant above, and every type inferred again */

#endif
