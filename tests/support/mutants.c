/* mutants.c - see mutants.h. */
#include "tests/support/mutants.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/other_roads.h"

static int now, met;

bool lies(int fault) {
    met += now == fault;
    return now == fault;
}

enum { MOST_PROGRAMS = 1500, WITHOUT_MUTANT = 300 }; /* test_random_transforms.c tries thousands without one */

static bool is_asked(int seed, const char *checks) {
    return !checks || strstr(road_check_name(road_check_of((uint64_t)seed)), checks);
}

/* How many programs it took; 0: it is not noticed. */
static int programs_until_caught(int fault, const char *checks, int most) {
    static road_tally tally;
    char why[512];
    int tried = 0;
    now = fault, met = 0;
    for (int seed = 1; now >= 0 && tried < most; seed++) {
        if (!is_asked(seed, checks)) continue;
        tried++;
        if (!road_trial((uint64_t)seed, false, &tally, why)) now = -1;
    }
    bool caught = now < 0;
    now = 0;
    return caught ? tried : 0;
}

void expect_all_caught(const char *of_what, int faults, const mutant *mutants) {
    int caught = 0;
    cr_assert_eq(programs_until_caught(0, NULL, WITHOUT_MUTANT), 0, "without a mutant all roads agree");
    for (int f = 1; f < faults; f++) {
        int programs = programs_until_caught(f, mutants[f].checks, MOST_PROGRAMS);
        cr_expect(met > 0, "%s: no program asked", mutants[f].what);
        cr_expect(programs > 0, "%s, and nobody notices in %d programs", mutants[f].what, MOST_PROGRAMS);
        printf("  %s: caught by program %d\n", mutants[f].what, programs);
        caught += programs > 0;
    }
    printf("cases: %d mutants of %s, %d caught\n", faults - 1, of_what, caught);
    fflush(stdout);
}
