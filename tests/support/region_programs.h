/* region_programs.h - small programs with regions, for tests of derivatives. All float parameters are meant to lie
 * between 0.3 and 0.9. */
#ifndef EBB_TEST_REGION_PROGRAMS_H
#define EBB_TEST_REGION_PROGRAMS_H

#include <stdbool.h>

typedef struct region_program {
    const char *name;
    const char *text; /* the last function is the program */
    int wrt[4], nwrt; /* its float parameters */
    double whole[4];  /* what parameters that are not float hold, by their number */
    double other;     /* one of several examples has this times as much */
} region_program;

extern const region_program region_programs[];
extern const int region_program_count;

#endif
