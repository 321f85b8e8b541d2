/* random_maker.h - what the parts of the program generator share; see random_graph.h.
 *
 *   random_leaf.c   draws, and the nodes to start from: leaves, partners of a wanted type
 *   random_rules.c  one maker for each type rule: operands and attributes that an operation can have
 *   random_regions.c  branches and loops, whose callees are programs of the same kind
 *   random_graph.c  which operation comes next, results, numbers to put in
 *
 * The same seed is the same program with every compiler, so no two draws are ever arguments of one call. */
#ifndef EBB_TEST_RANDOM_MAKER_H
#define EBB_TEST_RANDOM_MAKER_H

#include "tests/support/random_graph.h"

typedef struct maker {
    ebb_graph *g;
    uint64_t seed;
    ebb_random_options o;
    int inside;  /* how many regions this is inside of */
    bool closed; /* a callee: its parameters are given, no more are made */
} maker;

enum {
    BOOLS = 1 << EBB_BOOL,
    INTS = 1 << EBB_I32 | 1 << EBB_I64,
    FLOATS = 1 << EBB_F32 | 1 << EBB_F64,
    NUMBERS = INTS | FLOATS,
    ANY = NUMBERS | BOOLS
};

/* ---- draws (random_leaf.c) ---- */
int64_t maker_below(maker *m, int64_t n); /* from 0 to n - 1 */
ebb_dtype maker_dtype(maker *m);
int64_t maker_size(maker *m);
ebb_shape maker_shape(maker *m);

/* ---- nodes ---- */
static inline const ebb_shape *shape_at(const maker *m, ebb_id x) { return ebb_shape_of(m->g, x); }
static inline ebb_dtype dtype_at(const maker *m, ebb_id x) { return ebb_dtype_at(m->g, x); }
ebb_id maker_record(maker *m, ebb_application app, int narg, ebb_id x, ebb_id y, ebb_id z);
ebb_id maker_apply(maker *m, ebb_op op, int narg, ebb_id x, ebb_id y);
ebb_id maker_input(maker *m, ebb_dtype dtype, ebb_shape s);
ebb_id maker_constant(maker *m, ebb_dtype dtype, ebb_shape s);
ebb_id maker_full(maker *m, ebb_dtype dtype, ebb_shape s, double value); /* that number everywhere */
ebb_id maker_broadcast(maker *m, ebb_id x, ebb_shape to, const int64_t *axes);
ebb_id maker_some(maker *m);                                  /* a node that exists, rather a recent one */
ebb_id maker_some_of(maker *m, unsigned dtypes, int rank);    /* of a dtype in the set, with so many axes at least */
ebb_id maker_partner(maker *m, ebb_dtype dtype, ebb_shape s); /* of that type: found, stretched, or a new leaf */
ebb_id maker_index(maker *m, ebb_shape s, int64_t size);      /* integers from 0 to size - 1 */
ebb_id maker_between(maker *m, ebb_id x, double low, double high); /* made of x, inside this range */

/* ---- operations (random_rules.c) ---- */
bool maker_may(const maker *m, ebb_op op); /* do the options want this operation? */
void maker_add(maker *m, ebb_op op);       /* appends one application of it, unless nothing suits */

void maker_grow(maker *m);       /* any operation that the options want (random_graph.c) */
void maker_add_region(maker *m); /* a branch or a loop (random_regions.c) */

/* ---- random_places.c ---- */
typedef ebb_id make(maker *m, ebb_op op);
make make_gather, make_scatter, make_scatter_any, make_check_index, make_dynamic_slice, make_dynamic_update, make_top_k,
    make_arg_top_k, make_searchsorted, make_windows, make_overlap_add;

/* ---- random_matrix.c ---- */
make make_same_square, make_one_more_row, make_lu_det, make_lu_solve, make_triangular_solve, make_solve, make_det,
    make_qr, make_svd;

#endif
