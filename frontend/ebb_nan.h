/* ebb_nan.h - section 9 of the tutorial in ebb.h, continued: where a NaN was born. */
#ifndef EBB_NAN_ORIGIN_H
#define EBB_NAN_ORIGIN_H

#include "ebb.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- where a NaN was born ----
 *
 *     ebb_function *root = ebb_expression(ebb, "sum(sqrt(x))", 1, (const char *[]){"x"});
 *     ebb_nan_origin o = ebb_find_nan(ebb_hvp(root, NULL), ebb_zeros(ebb, EBB_F64, EBB_SHAPE(2)),
 *                                     ebb_zeros(ebb, EBB_F64, EBB_SHAPE(2)));
 *     if (o.found) puts(o.message);    // NaN born in mul (expression:5), element 0 [0], in tangent code: mul(0.0, inf)
 *
 * An operation bears a NaN if an element of its result is NaN and nothing that this element was computed from is: for
 * a sum the elements of its axes, for a matmul a row and a column, for a select the branch that was taken. Only what
 * reaches a result counts, so a NaN in a branch not taken is none. In a branch or loop it is the first operation that
 * bore one there, in the first iteration that did. Of several the first is named, in the order of
 * the program; there equal operations are one, the first of them, and what the program itself computes is no part of
 * a derivative. */

/* What ebb_find_nan tells. */
typedef struct ebb_nan_origin {
    /* False: no result is NaN, or an error; then nothing else is set. */
    bool found;
    /* The operation, "log"; NULL if it came from outside, or is a constant. */
    const char *op;
    /* What the operation is a part of, "softmax"; NULL if it stands for itself. */
    const char *macro;
    /* From outside: the argument, or -1; then the variable or captured tensor, borrowed. */
    int argument;
    const ebb_tensor *tensor;
    /* The line where it was written; what derivatives add is on the line of what they differentiate. file may be NULL;
     * it lives as long as the function. */
    const char *file;
    int line;
    /* In the program itself, in tangent or in adjoint code; of how many derivatives. In second ones, the last counts.
     */
    ebb_part part;
    int order;
    /* Inside of a loop: of the innermost one, from 0; -1: in none, or on the way back through one. */
    int64_t iteration;
    /* The first such element in row-major order, and its index[rank]. */
    int64_t element;
    int rank;
    int64_t index[EBB_MAX_RANK];
    /* What an operation element by element was given there: operand[operands]; else operands is 0. */
    int operands;
    double operand[3];
    /* All of it in words, cut if it is longer. */
    char message[512];
} ebb_nan_origin;

/* Runs f as ebb_call would, but in a variant that looks at every element on the way. It is compiled for this one call,
 * takes a few times the time and memory of the call, and changes nothing: variables keep their values, the next random
 * numbers are those that it saw. Where f holds NaN but its results do not, nothing is found. Errors are those of
 * ebb_call; in the body of a traced function it is a RuntimeError. */
#define ebb_find_nan(f, ...) ebb_find_nan_at((f), EBB_OPERANDS(__VA_ARGS__), false, __FILE__, __LINE__)

/* The same for infinities too: where the first number that is not finite was born. A NaN often begins as an infinity.
 */
#define ebb_find_infinity(f, ...) ebb_find_nan_at((f), EBB_OPERANDS(__VA_ARGS__), true, __FILE__, __LINE__)

/* Both with an array: in[nin], each made by EBB_OPERAND(x). */
#define ebb_find_nan_n(f, nin, in, infinity) ebb_find_nan_at((f), (nin), (in), (infinity), __FILE__, __LINE__)

#ifdef __cplusplus
}
#endif

#endif
