/* ebb_explain.h - the end of section 9 of the tutorial in ebb.h: what functions and their derivatives cost, and why a
 * derivative takes the way it takes. */
#ifndef EBB_EXPLAIN_H
#define EBB_EXPLAIN_H

#include "ebb.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what it costs, and why this way ----
 *
 *     ebb_function *wide = ebb_expression(ebb, "sum(tanh(x)*x)", 1, (const char *[]){"x"});
 *     ebb_explanation e = ebb_explain(ebb_jacobian_of(wide, NULL, EBB_CHEAPER), ebb_ones(ebb, EBB_F64, EBB_SHAPE(9)));
 *     puts(e.why);                                     // reverse: the work of forward is 5.1 times as much
 *     printf("%d of %d roads\n", e.chosen, e.roads);   // 1 of 2 roads
 *     printf("%g operations, %lld bytes of scratch\n", e.operations, (long long)e.arena_bytes);
 *
 * Operations are counted in additions of one element: a matmul [m,k] x [k,n] is 2 m n k, an exponential function 16.
 * Bytes are what the operations read and write one by one; fusion saves most of them. The numbers compare programs,
 * they do not predict a time. */

/* One way to compute a derivative, and what that program would cost. */
typedef struct ebb_road_estimate {
    /* "forward", "reverse", "forward over reverse": a static string. */
    const char *road;
    /* How many directions it takes side by side, and how many such blocks one after the other. */
    int64_t directions, blocks;
    double operations, bytes;
    /* What roads are compared by: operations, and what the bytes cost beside them, in additions. */
    double work;
    /* Of memory beside the parameters at the worst moment, if nothing is fused. */
    double peak_bytes;
    /* Why it cannot be taken, cut if it is longer; "": it can. */
    char refusal[200];
} ebb_road_estimate;

/* What ebb_explain tells. */
typedef struct ebb_explanation {
    /* False after an error; then nothing else is set. */
    bool good;
    /* The program that runs for these arguments: its operations, those of the functions that branches and loops run
     * among them, and costs as above. A loop costs what its iterations do together, as often as it runs, 100 times
     * where a condition ends it; its reverse, what it computes again for want of checkpoint_bytes, too. */
    int nodes;
    double operations, bytes, peak_bytes;
    /* Its plan: fused loops, routines (products, gathers), copies, regions (branches, loops, ways back through loops),
     * those of the functions that these run among them, and the scratch memory of a call, what the functions want and
     * what ways back keep included. */
    int kernels, routines, copies, regions;
    int64_t arena_bytes;
    /* The ways that there were, of which road[chosen] was taken; 0: there was no choice, or it is a series. */
    int roads, chosen;
    ebb_road_estimate road[8];
    /* The reason in words; "" if there was no choice. */
    char why[256];
} ebb_explanation;

/* What f costs for such arguments, traced now if need be, not run and not compiled; for a derivative that could be
 * computed in several ways, what each would cost, why the taken one was taken. Errors are those of ebb_get_concrete,
 * EBB_NO_MEMORY. */
#define ebb_explain(f, ...) ebb_explain_at((f), EBB_OPERANDS(__VA_ARGS__), __FILE__, __LINE__)

/* The same with an array: in[nin], each made by EBB_OPERAND(x). */
#define ebb_explain_n(f, nin, in) ebb_explain_at((f), (nin), (in), __FILE__, __LINE__)

/* Overrules the choice, for the traces of a derivative f that are made from then on: takes the road of that name (NULL:
 * chooses as before), and computes in blocks that keep within so many bytes beside the parameters where that can be
 * (0: 256 MiB; where not, it takes what it needs). The name is copied. A function that is no derivative is a TypeError,
 * a name that none of its roads has a ValueError of the next call, which lists them. */
EBB_API void ebb_set_road(ebb_function *f, const char *road, int64_t budget);

/* What the operations of one kind cost together. */
typedef struct ebb_operation_cost {
    const char *op; /* "mul": a static string */
    int count;
    double operations, bytes;
} ebb_operation_cost;

/* The costs of c's program by kind of operation, the dearest first. Gives the number of kinds and stores the first
 * `room` of them; costs may be NULL if room is 0. 0 after an error and for NULL. */
EBB_API int ebb_concrete_costs(const ebb_concrete *c, int room, ebb_operation_cost *costs);

/* The program that runs: c's graph, written out, simplified, derivatives and all. Borrowed as ebb_concrete_text. */
EBB_API const char *ebb_concrete_program(const ebb_concrete *c);

/* Its plan: the loops, what they load, compute and store, and the routines between them. Borrowed as above. */
EBB_API const char *ebb_concrete_plan(const ebb_concrete *c);

#ifdef __cplusplus
}
#endif

#endif
