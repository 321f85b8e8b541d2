/* test_mutants.c - the test of the tests of transforms: what is wrong in the words that they are made of must be
 * noticed by random programs (tests/support/other_roads.c). Rules of single operations have their mutants in
 * test_dual.c.
 *
 * The linker puts __wrap_ebb_plus wherever another file calls ebb_plus, which it then finds as __real_ebb_plus
 * (CMakeLists.txt names them all), so that the library has nothing of this. Start reading at `mutants`. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "dual/rules.h"
#include "tests/support/other_roads.h"

typedef enum fault {
    NONE,
    FIRST_TERM,
    SECOND_TERM,
    DIFFERENCE,
    NO_SLOPE,
    ONE_FACTOR,
    NO_GUARD,
    OTHER_BRANCH,
    ZEROS_ARE_ONES,
    AXIS_STAYS,
    UPSIDE_DOWN,
    TWICE_FOR_ALL,
    TANGENT_OF_CHOICE,
    COTANGENT_OF_CHOICE,
    NUMERATOR_ALONE,
    SAME_OPERANDS,
    FAULTS
} fault;

static const char *const mutants[FAULTS] = {
    [FIRST_TERM] = "what comes together counts once",
    [SECOND_TERM] = "only the latest counts",
    [DIFFERENCE] = "what comes together is subtracted",
    [NO_SLOPE] = "no slope is multiplied with",
    [ONE_FACTOR] = "of two coefficients one is lost",
    [NO_GUARD] = "what a selection has not taken comes through",
    [OTHER_BRANCH] = "the other branch is taken",
    [ZEROS_ARE_ONES] = "an absent derivative is 1",
    [AXIS_STAYS] = "no axis is moved",
    [UPSIDE_DOWN] = "rows are stacked upside down",
    [TWICE_FOR_ALL] = "what all examples share is doubled",
    [TANGENT_OF_CHOICE] = "the tangent of a choice has the wrong sign",
    [COTANGENT_OF_CHOICE] = "the cotangent of a choice has the wrong sign",
    [NUMERATOR_ALONE] = "nothing is divided, by the order for one",
    [SAME_OPERANDS] = "a linear operation sees its own operands",
};

static fault now;
static int met;

/* True where the mutant at work lies. */
static bool lies(fault f) {
    met += now == f;
    return now == f;
}

/* ---- the words, and what becomes of them ---- */

#define WRAPPED(name, ...)                                                                                             \
    ebb_id __real_##name(__VA_ARGS__);                                                                                 \
    ebb_id __wrap_##name(__VA_ARGS__);                                                                                 \
    ebb_id __wrap_##name(__VA_ARGS__)

WRAPPED(ebb_plus, ebb_builder *b, ebb_id s, ebb_id t) {
    bool both = s > EBB_ABSENT && t > EBB_ABSENT;
    if (both && lies(FIRST_TERM)) return s;
    if (both && lies(SECOND_TERM)) return t;
    return both && lies(DIFFERENCE) ? ebb_g_sub(b, s, t) : __real_ebb_plus(b, s, t);
}

WRAPPED(ebb_times, ebb_builder *b, ebb_id t, ebb_id d) { return lies(NO_SLOPE) ? t : __real_ebb_times(b, t, d); }

WRAPPED(ebb_times_both, ebb_builder *b, ebb_id s, ebb_id t) {
    return lies(ONE_FACTOR) ? s : __real_ebb_times_both(b, s, t);
}

WRAPPED(ebb_guarded, ebb_builder *b, ebb_id c, ebb_id t) { return lies(NO_GUARD) ? t : __real_ebb_guarded(b, c, t); }

WRAPPED(ebb_select_present, ebb_builder *b, ebb_id c, ebb_id s, ebb_id t) {
    return lies(OTHER_BRANCH) ? __real_ebb_select_present(b, c, t, s) : __real_ebb_select_present(b, c, s, t);
}

WRAPPED(ebb_present, ebb_builder *b, ebb_id t, ebb_id like) {
    return t == EBB_ABSENT && lies(ZEROS_ARE_ONES) ? ebb_g_full_like(b, like, 1) : __real_ebb_present(b, t, like);
}

WRAPPED(ebb_move_axis, ebb_builder *b, ebb_id x, int from, int to) {
    return from != to && lies(AXIS_STAYS) ? x : __real_ebb_move_axis(b, x, from, to);
}

WRAPPED(ebb_stack, ebb_builder *b, int rows, ebb_id *row) {
    for (int k = 0; rows > 1 && lies(UPSIDE_DOWN) && k < rows / 2; k++) {
        ebb_id first = row[k];
        row[k] = row[rows - 1 - k], row[rows - 1 - k] = first;
    }
    return __real_ebb_stack(b, rows, row);
}

WRAPPED(ebb_spread, ebb_builder *b, ebb_id x, int64_t n) {
    ebb_id all = __real_ebb_spread(b, x, n);
    bool real = all > EBB_ABSENT && ebb_is_float(ebb_dtype_at(b->graph, all));
    return real && lies(TWICE_FOR_ALL) ? ebb_g_add(b, all, all) : all;
}

WRAPPED(ebb_choice_tangent, ebb_builder *b, const ebb_primal *p, const ebb_id *t) {
    ebb_id y = __real_ebb_choice_tangent(b, p, t);
    return y > EBB_ABSENT && lies(TANGENT_OF_CHOICE) ? ebb_g_neg(b, y) : y;
}

WRAPPED(ebb_choice_cotangent, ebb_builder *b, const ebb_primal *p, ebb_id ct, int i) {
    ebb_id x = __real_ebb_choice_cotangent(b, p, ct, i);
    return x > EBB_ABSENT && lies(COTANGENT_OF_CHOICE) ? ebb_g_neg(b, x) : x;
}

WRAPPED(ebb_derive, ebb_graph *g, const ebb_application *app, int narg, const ebb_id *x) {
    return app->op == EBB_OP_div && lies(NUMERATOR_ALONE) ? x[0] : __real_ebb_derive(g, app, narg, x);
}

WRAPPED(ebb_apply, ebb_builder *b, const ebb_primal *p, const ebb_id *x) {
    bool linear = ebb_op_table[p->op].family == EBB_LINEAR;
    return __real_ebb_apply(b, p, linear && lies(SAME_OPERANDS) ? p->x : x);
}

/* ---- all of them ---- */

enum { MOST_PROGRAMS = 1500 };

/* How many programs it took; 0: it is not noticed. */
static int programs_until_caught(fault f) {
    static road_tally tally;
    char why[512];
    int seed = 1;
    now = f, met = 0;
    while (seed <= MOST_PROGRAMS && road_trial((uint64_t)seed, false, &tally, why))
        seed++;
    now = NONE;
    return seed <= MOST_PROGRAMS ? seed : 0;
}

Test(mutants, of_the_transforms_are_caught) {
    int caught = 0;
    cr_assert_eq(programs_until_caught(NONE), 0, "without a mutant all roads agree");
    for (fault f = NONE + 1; f < FAULTS; f++) {
        int programs = programs_until_caught(f);
        cr_expect(met > 0, "%s: no program asked", mutants[f]);
        cr_expect(programs > 0, "%s, and nobody notices in %d programs", mutants[f], MOST_PROGRAMS);
        printf("  %s: caught by program %d\n", mutants[f], programs);
        caught += programs > 0;
    }
    printf("cases: %d mutants of transforms, %d caught\n", FAULTS - 1, caught);
    fflush(stdout);
}
