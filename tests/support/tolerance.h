/* tolerance.h - how far a result may be from the reference: the one table of it, with reasons. */
#ifndef EBB_TEST_TOLERANCE_H
#define EBB_TEST_TOLERANCE_H

#include "tests/ref/quad_ops.h"

/* In units in the last place of the result's dtype, of the reference value or its scale, whichever is larger. */
double tolerance_of_value(ebb_op op, int engine);
double tolerance_of_derivative(ebb_op op, int engine);

/* The distance in that measure; 0 for equal infinities and NaN; infinite where only one is. */
double ulps_apart(ebb_dtype dtype, quad got, quad want, quad scale);
/* Whether a zero has the other sign. */
bool zero_differs(ebb_dtype dtype, quad got, quad want);

#endif
