/* region.h - operations that run functions of the module: call, custom, cond, loop and unloop.
 *
 * A region is a node whose value is a tuple (dtype EBB_NONE); `get` reads its results one by one. Its callees know
 * nothing but their parameters: what they need of the program around them is an operand. A call is written out when the
 * graph is expanded; the others stay, with callees that are expanded themselves.
 *
 *     custom  operands: x...                    primal(x...), whose derivative is not primal's but what a rule says
 *     cond    operands: bool[] p, x...          then(x...) where p is true, otherwise(x...) where it is not: same types
 *     loop    operands: states, captures, sequences [trips, ...]
 *             results: the last states, then what the body gave beside them, stacked [trips, ...]
 *     unloop  operands: those of a loop, then a cotangent for each of its float results, in order
 *             results: a cotangent for each of its float operands, in order
 *
 * What they run takes and gives, in this order:
 *
 *     rule       x..., primal's results y..., dx for each float x -> dy for each float y, linear in dx
 *                if `reverse`: x..., y..., a cotangent for each float y -> one for each float x. Absent: always zero
 *
 *     body       states, captures, slices -> new states of the same types, then what is stacked
 *
 *     condition  states, captures -> bool[]
 *
 *     pullback   the body's parameters, a cotangent for each of its float results
 *                -> a cotangent for each of its float parameters; absent: always zero
 *
 * Slices are rows of the sequences. A loop runs exactly `trips` times, or it has a condition and runs while that is
 * true, and then has neither sequences nor stacked results. With `reverse` it takes rows trips - 1 ... 0.
 *
 * An unloop is the transpose of the derivative of its loop: it runs the loop, then back through the iterations. The
 * cotangents of states are carried back, those of captures summed, those of sequences stacked. A state's is absent
 * where the pullback's is and one iteration at least is certain; without any, it is what was given.
 *
 * A custom is what it computes as soon as it only has to run: ebb_expand_to_run writes the primal out. That also drops
 * what nobody reads of a region's results.
 *
 * Both doors check everything. Regions are never folded; the deriving door gives an equal one (callees compared by
 * address) that is there. Start reading at ebb_region. */
#ifndef EBB_REGION_H
#define EBB_REGION_H

#include "jit/graph/graph.h"

/* Regions inside one another, at most: engines nest as deep, on the stack. */
enum { EBB_MOST_NESTED = 64 };

/* ---- loops ---- */

/* What a loop or unloop says. Graphs are borrowed from g->callee. */
typedef struct ebb_loop {
    ebb_graph *body, *condition;                  /* condition NULL: exactly `trips` iterations */
    ebb_graph *pullback;                          /* of an unloop; else NULL */
    int32_t states, captures, sequences, stacked; /* the last two follow from the body: recording does not read them */
    int64_t trips;                                /* with a condition -1; else a size, which may be a symbol */
    bool reverse;                                 /* the last row comes first */
    int64_t budget; /* bytes for the states that the unloop keeps, or unloops that are made of the loop; 0: 16 MiB */
} ebb_loop;

ebb_loop ebb_loop_of(const ebb_graph *g, ebb_id id); /* id: a loop or unloop */
/* With a pullback an unloop, else a loop. The callees are retained. */
ebb_id ebb_record_loop(ebb_graph *g, const ebb_loop *loop, int narg, const ebb_id *arg, ebb_site site);
ebb_id ebb_derive_loop(ebb_graph *g, const ebb_loop *loop, int narg, const ebb_id *arg, ebb_site site);

/* ---- branches; arg[0] is the predicate ---- */
ebb_id ebb_record_cond(ebb_graph *g, ebb_graph *then, ebb_graph *otherwise, int narg, const ebb_id *arg, ebb_site site);
ebb_id ebb_derive_cond(ebb_graph *g, ebb_graph *then, ebb_graph *otherwise, int narg, const ebb_id *arg, ebb_site site);

/* ---- rules of one's own ---- */
ebb_id ebb_record_custom(ebb_graph *g, ebb_graph *primal, ebb_graph *rule, bool reverse, int narg, const ebb_id *arg,
                         ebb_site site);

/* ---- tuples ---- */
int32_t ebb_results_of(const ebb_graph *g, ebb_id tuple);                          /* how many results it has */
bool ebb_result_type(const ebb_graph *g, ebb_id tuple, int32_t k, ebb_type *type); /* false: it is absent */
ebb_id ebb_derive_get(ebb_graph *g, ebb_id tuple, int k, ebb_site site);           /* as ebb_record_get (graph.h) */
int32_t ebb_callees_of(const ebb_graph *g, ebb_id id, ebb_graph *callee[3]);       /* those that are there, borrowed */
static inline bool ebb_is_region(ebb_op op) { return ebb_op_table[op].family == EBB_REGION && op != EBB_OP_get; }

/* ---- any region, as its node says it: for passes that copy ---- */

typedef struct ebb_region {
    ebb_op op;
    ebb_graph *callee[3]; /* call: {callee}; custom: {primal, rule}; cond: {then, otherwise}; else {body, condition or
                             NULL, pullback} */
    int64_t number[5];    /* custom: reverse; loop, unloop: states, captures, trips, reverse, budget */
} ebb_region;
int ebb_region_callees(ebb_op op); /* how many callees a region names: its first attributes; 0: op is none */
int ebb_region_numbers(ebb_op op); /* how many attributes follow */

ebb_region ebb_region_of(const ebb_graph *g, ebb_id id);
ebb_id ebb_record_region(ebb_graph *g, const ebb_region *r, int narg, const ebb_id *arg, ebb_site site);
ebb_id ebb_derive_region(ebb_graph *g, const ebb_region *r, int narg, const ebb_id *arg, ebb_site site);
/* Whether the region may have these operands; if not, the message says why. */
bool ebb_region_fits(const ebb_graph *g, const ebb_region *r, int narg, const ebb_id *arg, ebb_site site,
                     ebb_diag *diag);
int32_t ebb_region_nesting(const ebb_region *r); /* 1 if nothing is inside; a call is no level of its own */
/* Result k of a region; false: there is no such, or it is absent. */
int32_t ebb_region_results(const ebb_region *r);
bool ebb_region_result(const ebb_region *r, int32_t k, ebb_type *type);

#endif
