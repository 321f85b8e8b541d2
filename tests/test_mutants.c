/* test_mutants.c - the test of the tests of transforms: what is wrong in the words that they are made of must be
 * noticed by random programs (tests/support/mutants.h). Rules of single operations have their mutants in test_dual.c,
 * patterns, colours, lines and rules of one's own in test_mutants_sparse.c. Start reading at `mutants`. */
#include <criterion/criterion.h>

#include "dual/rules.h"
#include "tests/support/mutants.h"

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
    LAST_PRODUCT,
    FAULTS
} fault;

static const mutant mutants[FAULTS] = {
    [FIRST_TERM] = {"what comes together counts once", NULL},
    [SECOND_TERM] = {"only the latest counts", NULL},
    [DIFFERENCE] = {"what comes together is subtracted", NULL},
    [NO_SLOPE] = {"no slope is multiplied with", NULL},
    [ONE_FACTOR] = {"of two coefficients one is lost", NULL},
    [NO_GUARD] = {"what a selection has not taken comes through", NULL},
    [OTHER_BRANCH] = {"the other branch is taken", NULL},
    [ZEROS_ARE_ONES] = {"an absent derivative is 1", NULL},
    [AXIS_STAYS] = {"no axis is moved", NULL},
    [UPSIDE_DOWN] = {"rows are stacked upside down", NULL},
    [TWICE_FOR_ALL] = {"what all examples share is doubled", NULL},
    [TANGENT_OF_CHOICE] = {"the tangent of a choice has the wrong sign", NULL},
    [COTANGENT_OF_CHOICE] = {"the cotangent of a choice has the wrong sign", NULL},
    [NUMERATOR_ALONE] = {"nothing is divided, by the order for one", NULL},
    [SAME_OPERANDS] = {"a linear operation sees its own operands", NULL},
    [LAST_PRODUCT] = {"of a sum of products the last one is lost", NULL},
};

/* ---- the words, and what becomes of them ---- */

WRAPPED(ebb_id, ebb_plus, ebb_builder *b, ebb_id s, ebb_id t) {
    bool both = s > EBB_ABSENT && t > EBB_ABSENT;
    if (both && lies(FIRST_TERM)) return s;
    if (both && lies(SECOND_TERM)) return t;
    return both && lies(DIFFERENCE) ? ebb_g_sub(b, s, t) : __real_ebb_plus(b, s, t);
}

WRAPPED(ebb_id, ebb_times, ebb_builder *b, ebb_id t, ebb_id d) {
    return lies(NO_SLOPE) ? t : __real_ebb_times(b, t, d);
}

WRAPPED(ebb_id, ebb_times_both, ebb_builder *b, ebb_id s, ebb_id t) {
    return lies(ONE_FACTOR) ? s : __real_ebb_times_both(b, s, t);
}

WRAPPED(ebb_id, ebb_guarded, ebb_builder *b, ebb_id c, ebb_id t) {
    return lies(NO_GUARD) ? t : __real_ebb_guarded(b, c, t);
}

WRAPPED(ebb_id, ebb_select_present, ebb_builder *b, ebb_id c, ebb_id s, ebb_id t) {
    return lies(OTHER_BRANCH) ? __real_ebb_select_present(b, c, t, s) : __real_ebb_select_present(b, c, s, t);
}

WRAPPED(ebb_id, ebb_present, ebb_builder *b, ebb_id t, ebb_id like) {
    return t == EBB_ABSENT && lies(ZEROS_ARE_ONES) ? ebb_g_full_like(b, like, 1) : __real_ebb_present(b, t, like);
}

WRAPPED(ebb_id, ebb_move_axis, ebb_builder *b, ebb_id x, int from, int to) {
    return from != to && lies(AXIS_STAYS) ? x : __real_ebb_move_axis(b, x, from, to);
}

WRAPPED(ebb_id, ebb_stack, ebb_builder *b, int rows, ebb_id *row) {
    for (int k = 0; rows > 1 && lies(UPSIDE_DOWN) && k < rows / 2; k++) {
        ebb_id first = row[k];
        row[k] = row[rows - 1 - k], row[rows - 1 - k] = first;
    }
    return __real_ebb_stack(b, rows, row);
}

WRAPPED(ebb_id, ebb_spread, ebb_builder *b, ebb_id x, int64_t n) {
    ebb_id all = __real_ebb_spread(b, x, n);
    bool real = all > EBB_ABSENT && ebb_is_float(ebb_dtype_at(b->graph, all));
    return real && lies(TWICE_FOR_ALL) ? ebb_g_add(b, all, all) : all;
}

WRAPPED(ebb_id, ebb_choice_tangent, ebb_builder *b, const ebb_primal *p, const ebb_id *t) {
    ebb_id y = __real_ebb_choice_tangent(b, p, t);
    return y > EBB_ABSENT && lies(TANGENT_OF_CHOICE) ? ebb_g_neg(b, y) : y;
}

WRAPPED(ebb_id, ebb_choice_cotangent, ebb_builder *b, const ebb_primal *p, ebb_id ct, int i) {
    ebb_id x = __real_ebb_choice_cotangent(b, p, ct, i);
    return x > EBB_ABSENT && lies(COTANGENT_OF_CHOICE) ? ebb_g_neg(b, x) : x;
}

WRAPPED(ebb_id, ebb_derive, ebb_graph *g, const ebb_application *app, int narg, const ebb_id *x) {
    return app->op == EBB_OP_div && lies(NUMERATOR_ALONE) ? x[0] : __real_ebb_derive(g, app, narg, x);
}

WRAPPED(ebb_id, ebb_apply, ebb_builder *b, const ebb_primal *p, const ebb_id *x) {
    bool linear = ebb_op_table[p->op].family == EBB_LINEAR;
    return __real_ebb_apply(b, p, linear && lies(SAME_OPERANDS) ? p->x : x);
}

WRAPPED(ebb_id, ebb_g_sum_products, ebb_builder *b, ebb_op product, ebb_attr attr, int n, const ebb_id *x) {
    return __real_ebb_g_sum_products(b, product, attr, n > 1 && lies(LAST_PRODUCT) ? n - 1 : n, x);
}

Test(mutants, of_the_transforms_are_caught) { expect_all_caught("transforms", FAULTS, mutants); }
