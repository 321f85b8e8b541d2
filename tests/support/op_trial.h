/* op_trial.h - one operation tried on ordinary numbers: in every direction, by both engines, against the reference.
 *
 * Many trials share one program: start them all, then compile, then compare them all. */
#ifndef EBB_TEST_OP_TRIAL_H
#define EBB_TEST_OP_TRIAL_H

#include "tests/support/engines.h"
#include "tests/support/op_case.h"

enum { VALUE, JVP, VJP, FORWARD_OVER_REVERSE, REVERSE_OVER_FORWARD, MODES };

typedef struct op_trial {
    op_case c;
    op_use use;
    bool derived;
    quad_point p;               /* what goes in */
    ebb_id x[3], v[3], ct, y;   /* nodes; absent: not float */
    int output[MODES][3];       /* VALUE and JVP have one; the others one for each operand */
    quad_tensor want[MODES][3]; /* at: NULL where there is none */
} op_trial;

/* Does the operation have the dtype? Fills c and use. */
bool op_trial_fits(op_trial *t, const op_case *c, ebb_dtype dtype, ebb_dtype index);

/* Runs n trials as one program; the number of cases compared: results times engines. */
int64_t op_trials_run(op_trial *trials, int n, bool derived);

#endif
