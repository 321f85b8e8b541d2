/* loop.h - a loop in numbers, for the driver that runs it (jit/runtime), and where the driver's things lie in its work.
 *
 * The driver allocates nothing: states, what it keeps to go back, and the work of the functions that it calls are all
 * in one piece of memory whose size is known beforehand. Planner, evaluator and driver ask the same two functions, so
 * that they cannot disagree. A description is nothing but int64 numbers, so that code can have it as a constant. */
#ifndef EBB_LOOP_H
#define EBB_LOOP_H

#include "jit/graph/region.h"

typedef struct ebb_loop_value { /* a parameter of the body, or what it stacks */
    int64_t bytes;              /* of a row, if the loop has it stacked */
    int64_t dtype;
    int64_t back; /* of a parameter of an unloop: 1 if the pullback gives its cotangent */
} ebb_loop_value;

typedef struct ebb_loop_desc {
    int64_t states, captures, sequences, stacked;
    int64_t trips;          /* -1: while the condition is true */
    int64_t reverse;        /* 1: the last row comes first */
    int64_t unloops;        /* 1: of an unloop */
    int64_t slots;          /* of an unloop: states that it has room for, beside the first one, which is given; used
                               from the first on, so that what no iteration needs is never touched */
    int64_t room[3];        /* bytes of work of body, condition, pullback */
    ebb_loop_value value[]; /* the body's parameters, then what is stacked */
} ebb_loop_desc;

enum { EBB_LOOP_BODY, EBB_LOOP_CONDITION, EBB_LOOP_PULLBACK };

/* Describes a loop or unloop of concrete sizes; room: as above. To be freed with the graph's allocator; NULL: an error
 * in diag. *numbers: how many int64 it has. */
ebb_loop_desc *ebb_loop_describe(const ebb_graph *g, ebb_id id, const int64_t room[3], int64_t *numbers,
                                 ebb_diag *diag);

/* How many steps forward it takes to go back through n iterations with room for so many states beside the first. */
double ebb_loop_steps(double n, double slots);

/* Offsets in the driver's work, in bytes. A set has room for a value of each state, or of each capture. */
typedef struct ebb_loop_places {
    int64_t body_in, body_out, back_in, back_out; /* pointers: what a function gets, and where its results go */
    int64_t flag;                                 /* what the condition says */
    int64_t states[2];                            /* sets in turns: what is read, what is written; a loop has one */
    int64_t cotangents[2];                        /* of an unloop: the same for the cotangents of states */
    int64_t term, error;                          /* of an unloop: sets of captures, to add up their cotangents */
    int64_t position, slot, slot_bytes;           /* of an unloop: the iteration that each slot is before; the slots */
    int64_t room[3];                              /* work of the functions */
    int64_t total;
} ebb_loop_places;
ebb_loop_places ebb_loop_places_of(const ebb_loop_desc *d);

/* Where in a set the next value lies, if those before it end at *end. */
static inline int64_t ebb_loop_place(int64_t *end, int64_t bytes) {
    const int64_t unit = bytes <= 8 ? 8 : 64, at = (*end + unit - 1) & -unit;
    *end = at + bytes;
    return at;
}

#endif
