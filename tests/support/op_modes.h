/* op_modes.h - one operation as a program that derives it by every nesting of forward and reverse mode to order 3, by
 * Taylor series to order 10, and all of these for many examples at once.
 *
 * Start reading at op_modes_start. */
#ifndef EBB_TEST_OP_MODES_H
#define EBB_TEST_OP_MODES_H

#include "tests/ref/quad_taylor.h"
#include "tests/support/engines.h"
#include "tests/support/op_case.h"

enum { MODE_EXAMPLES = 3, NESTINGS = 14, MODE_ORDER = QUAD_MOST_ORDER, PARTS = NESTINGS * 3 + MODE_ORDER };

/* The outermost mode stands first: "fr" is forward over reverse, the tangent of the cotangents. With f alone a nesting
 * gives derivatives of y along v; where there is an r, those of <ct, y>, in each operand, the other orders along v. */
extern const char *const nesting_name[NESTINGS];

/* Which parameters differ from example to example. */
enum { BATCH_ALL, BATCH_POINTS, BATCH_DIRECTIONS, BATCHES };

typedef struct mode_part {     /* one tensor among the results */
    int nesting, order;        /* a Taylor coefficient: nesting is -1 */
    int operand;               /* of y: -1 */
    ebb_id node;               /* absent: it is zero */
    int output, many[BATCHES]; /* numbers of results; many: -1 where all examples have the same */
} mode_part;

/* The parameters: operands, a direction for each that is real, a cotangent; for one example and for many. */
enum { MODE_X = 0, MODE_V = 3, MODE_CT = 6, MODE_SLOTS };
typedef struct mode_slot {
    ebb_id one, many; /* absent: there is none */
    int one_input, many_input;
} mode_slot;

typedef struct op_modes {
    engines e;
    op_case c;
    op_use use;
    quad_point point[MODE_EXAMPLES]; /* of each example */
    ebb_id y;
    mode_slot slot[MODE_SLOTS];
    mode_part part[PARTS];
    int parts;
    bool batched; /* false: with one more axis it would have more than there may be */
} op_modes;

/* False: the operation does not have the dtype, or no real result or operand. A mode that refuses fails the test. */
bool op_modes_start(op_modes *m, const op_case *c, ebb_dtype dtype, bool native);
void op_modes_stop(op_modes *m);

/* Runs it on the point of one example, and the directions and cotangent of another. */
void op_modes_run(op_modes *m, int point, int directions);

const char *mode_part_name(const mode_part *part); /* overwritten by the next call */

#endif
