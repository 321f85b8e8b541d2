/* plan_run.h - executes a plan literally as plan.h says, with naive loops: proves plans right without a compiler. */
#ifndef EBB_TEST_PLAN_RUN_H
#define EBB_TEST_PLAN_RUN_H

#include "jit/plan/plan.h"

/* in[k], out[j]: contiguous, as for compiled code; the arena is allocated here and starts as garbage. The code of a
 * pass is evaluated from its FOLDs and STOREs in order, each value when it is first needed: as late as a lowering may.
 * Returns EBB_OK, or what a routine said. */
int plan_run(const ebb_plan *plan, const void *const *in, void *const *out);

/* What breaks the rules of plan.h in this plan, or NULL. */
const char *plan_fault(const ebb_plan *plan);

#endif
