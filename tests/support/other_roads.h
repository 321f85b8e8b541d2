/* other_roads.h - each derivative of a program by two roads that have little in common: forward against reverse, one
 * pass against nesting, many examples against a loop, a matrix against its products.
 *
 * Both run at the same point, so edges and ties may be there: both must take the same side. Start reading at
 * road_trial. */
#ifndef EBB_TEST_OTHER_ROADS_H
#define EBB_TEST_OTHER_ROADS_H

#include "tests/support/transformed.h"

enum { ROAD_CHECKS = 17 };

/* What was done in all trials. */
typedef struct road_tally {
    verb_tally met;               /* how often each operation was in a program that was transformed */
    int64_t numbers[ROAD_CHECKS]; /* that were compared, and are not 0 */
    int programs, native, refused, not_finite;
} road_tally;
const char *road_check_name(int k);
int road_check_of(uint64_t seed);

/* A random program, nested at random, asked one of the checks; `native`: compiled code must agree too. False: why says
 * what is wrong. */
bool road_trial(uint64_t seed, bool native, road_tally *tally, char why[512]);

#endif
