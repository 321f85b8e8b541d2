/* test_random_transforms.c - random nestings of the transforms over random programs, each checked by another road to
 * the same numbers (tests/support/other_roads.c).
 *
 * EBB_FUZZ_PROGRAMS says how many programs, EBB_FUZZ_SECONDS for how long more are tried, EBB_FUZZ_SEED the first seed,
 * which a failure prints. Every operation that the programs may have must have met every transform. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/support/other_roads.h"
#include "tests/support/random_maker.h"
#include "tests/support/scale.h"

enum { USUAL = 1500, FEW = 600, NATIVE_EACH = 60 }; /* few: where a sanitizer makes each one ten times as long */

static road_tally tally;

static long from_environment(const char *name, long usual) {
    const char *text = getenv(name);
    return text && atol(text) > 0 ? atol(text) : usual;
}

/* The first operation that some transform has not met; EBB_OP_COUNT: there is none. (What leaves a function what it is
 * meets all of them in test_random_regions.c.) */
static ebb_op left_out(verb *v) {
    const maker any = {.o = {.smooth = true, .kinks = true}};
    for (ebb_op op = 1; op < EBB_OP_COUNT; op++)
        for (*v = 0; maker_may(&any, op) && *v < REMAT; ++*v)
            if (!tally.met[op][*v]) return op;
    return EBB_OP_COUNT;
}

static void tell(long programs) {
    printf("cases: %ld programs, %d of them also as native code, %d roads refused, %d not finite\n", programs,
           tally.native, tally.refused, tally.not_finite);
    for (int v = 0; v < VERBS; v++) {
        int operations = 0;
        for (int op = 1; op < EBB_OP_COUNT; op++)
            operations += tally.met[op][v] > 0;
        printf("  %d operations under %s\n", operations, verb_name[v]);
    }
    for (int k = 0; k < ROAD_CHECKS; k++)
        printf("  %lld numbers: %s\n", (long long)tally.numbers[k], road_check_name(k));
    fflush(stdout);
}

Test(random_transforms, every_road_gives_the_same) {
    long programs = from_environment("EBB_FUZZ_PROGRAMS", SCALE_SANITIZED ? FEW : USUAL),
         first = from_environment("EBB_FUZZ_SEED", 1);
    long most = programs < USUAL ? programs : 10 * programs, i = 0; /* until each operation had its turn */
    time_t end = time(NULL) + from_environment("EBB_FUZZ_SECONDS", 0);
    int failures = 0;
    char why[512];
    verb v;
    for (; failures < 5 && (i < programs || time(NULL) < end || (i < most && left_out(&v) < EBB_OP_COUNT)); i++) {
        bool good = road_trial((uint64_t)(first + i), i % NATIVE_EACH == 0, &tally, why);
        cr_expect(good, "%s", why);
        failures += !good;
    }
    tell(i);
    if (programs < USUAL || failures) return;
    ebb_op op = left_out(&v);
    cr_expect_eq(op, EBB_OP_COUNT, "%s has not met %s", ebb_op_table[op % EBB_OP_COUNT].name, verb_name[v % VERBS]);
    for (v = REMAT; v < VERBS; v++)
        cr_expect(tally.met[EBB_OP_loop][v] && tally.met[EBB_OP_dot][v], "%s has met little", verb_name[v]);
    for (int k = 0; k < ROAD_CHECKS; k++)
        cr_expect(tally.numbers[k] > 0, "%s: nothing was compared", road_check_name(k));
    cr_expect(100 * (tally.refused + tally.not_finite) < i, "too many programs are not asked");
}
