/* test_control_variables.c - variables and random numbers in branches and loops: what a body does to them happens in
 * program order, as often as the body runs, whoever runs it.
 *
 * Each row of the table is a function, called twice. Its results, the variables afterwards and the next random number
 * must be those of the C code itself. Start reading at the table. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"

static ebb_context *ebb;
static void start(void) { ebb = ebb_open(NULL); }
static void stop(void) {
    expect_ok(ebb, "at the end");
    ebb_close(ebb);
}
TestSuite(control_variables, .init = start, .fini = stop);

#define BODY(name) static void name(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data)
#define UNUSED (void)e, (void)in, (void)out, (void)data

static ebb_tensor *v, *w, *n; /* f64 [2], f64 [], i32 [] */
static ebb_function *inner;

/* ---- bodies ---- */

BODY(below_20) {
    UNUSED;
    out[0] = ebb_lt(ebb_sum(in[0]), 20);
}
BODY(same) {
    UNUSED;
    out[0] = in[0];
}
BODY(add_v) {
    UNUSED;
    out[0] = ebb_add(in[0], v);
}
BODY(add_v_and_count) {
    UNUSED;
    out[0] = ebb_add(in[0], v);
    ebb_assign_add(n, 1);
    ebb_assign(v, ebb_mul(v, 1.5));
    ebb_assign(w, ebb_add(w, ebb_sum(v)));
}
BODY(count_only) {
    UNUSED;
    ebb_assign_add(n, 1);
    out[0] = ebb_mul(in[0], 2);
}
BODY(write_only) {
    UNUSED;
    ebb_assign(w, ebb_sum(in[0]));
    out[0] = ebb_mul(in[0], 3);
}
BODY(write_an_item) {
    UNUSED;
    ebb_assign_item(v, EBB_INDEX(1), ebb_mul(w, 2));
    out[0] = ebb_add(in[0], v);
}
BODY(draw) {
    UNUSED;
    out[0] = ebb_add(in[0], ebb_random_uniform(e, EBB_F64, EBB_SHAPE(2), 0, 5));
}
BODY(draw_and_stack) {
    UNUSED;
    out[0] = ebb_add(in[0], w);
    out[1] = ebb_random_uniform(e, EBB_F64, EBB_SHAPE(2), 0, 1);
}
BODY(draws_below_20) {
    UNUSED;
    out[0] = ebb_lt(ebb_add(ebb_sum(in[0]), ebb_random_uniform(e, EBB_F64, EBB_SCALAR, 0, 9)), 20);
}
BODY(counts_below_5) {
    UNUSED;
    ebb_assign_add(n, 1);
    out[0] = ebb_lt(n, 5);
}
BODY(branch_in_body) {
    UNUSED;
    out[0] = ebb_cond(e, ebb_gt(w, 3), count_only, add_v_and_count, NULL, in[0]);
}
BODY(draw_in_branch) {
    UNUSED;
    out[0] = ebb_cond(e, ebb_gt(ebb_sum(in[0]), 8), draw, write_only, NULL, in[0]);
}

/* ---- the functions ---- */

#define SCAN(e, body, trips_)                                                                                          \
    ebb_scan(e, body, NULL, EBB_OPERANDS(in[0]), EBB_NO_OPERANDS, 0, out, (&(ebb_scan_options){.trips = trips_}))

BODY(reads) { UNUSED, out[0] = ebb_while(e, below_20, add_v, NULL, in[0]); }
BODY(assigns) { UNUSED, out[0] = ebb_while(e, below_20, add_v_and_count, NULL, in[0]); }
BODY(assigns_never) { UNUSED, SCAN(e, add_v_and_count, 0); }
BODY(writes_only) { UNUSED, SCAN(e, write_only, 3); }
BODY(writes_items) { UNUSED, SCAN(e, write_an_item, 3); }
BODY(one_branch_assigns) { UNUSED, out[0] = ebb_cond(e, ebb_gt(w, 3), add_v_and_count, same, NULL, in[0]); }
BODY(the_other_assigns) { UNUSED, out[0] = ebb_cond(e, ebb_gt(w, 3), same, add_v_and_count, NULL, in[0]); }
BODY(both_assign) { UNUSED, out[0] = ebb_cond(e, ebb_gt(w, 3), add_v_and_count, write_only, NULL, in[0]); }
BODY(assigns_around) {
    UNUSED;
    ebb_assign(v, ebb_add(v, 0.25));
    ebb_tensor *before = ebb_add(v, w);
    SCAN(e, add_v_and_count, 2);
    ebb_assign(w, ebb_mul(w, ebb_sum(before)));
    out[0] = ebb_add(ebb_add(out[0], v), w);
}
BODY(draws) { UNUSED, SCAN(e, draw, 3); }
BODY(draws_around) {
    UNUSED;
    ebb_tensor *r[2], *first = ebb_random_uniform(e, EBB_F64, EBB_SHAPE(2), 0, 1);
    ebb_scan(e, draw_and_stack, NULL, EBB_OPERANDS(first), EBB_OPERANDS(ebb_range(e, EBB_F64, 3)), 1, r, NULL);
    out[0] = ebb_add(ebb_sum_over(r[1], EBB_AXES(0), false),
                     ebb_mul(r[0], ebb_random_uniform(e, EBB_F64, EBB_SCALAR, 0, 1)));
}
BODY(draws_in_the_condition) { UNUSED, out[0] = ebb_while(e, draws_below_20, add_v, NULL, in[0]); }
BODY(condition_counts) { UNUSED, out[0] = ebb_while(e, counts_below_5, add_v_and_count, NULL, in[0]); }
BODY(condition_counts_alone) { UNUSED, out[0] = ebb_while(e, counts_below_5, add_v, NULL, in[0]); }
BODY(branches_in_a_loop) { UNUSED, SCAN(e, branch_in_body, 4); }
BODY(draws_in_a_branch_in_a_loop) { UNUSED, SCAN(e, draw_in_branch, 4); }
BODY(called) { UNUSED, out[0] = ebb_call((ebb_function *)data, in[0]); }
BODY(calls_a_function_that_assigns) {
    UNUSED;
    ebb_scan(e, called, inner, EBB_OPERANDS(in[0]), EBB_NO_OPERANDS, 0, out, (&(ebb_scan_options){.trips = 3}));
}
BODY(a_variable_is_a_state) {
    UNUSED;
    ebb_tensor *r[1];
    ebb_scan(e, add_v_and_count, NULL, EBB_OPERANDS(v), EBB_NO_OPERANDS, 0, r, (&(ebb_scan_options){.trips = 2}));
    out[0] = ebb_sub(r[0], v);
}

static const struct {
    const char *name;
    ebb_body *body;
} rows[] = {
    {"reads", reads},
    {"assigns", assigns},
    {"assigns, 0 iterations", assigns_never},
    {"writes only", writes_only},
    {"writes items", writes_items},
    {"one branch assigns", one_branch_assigns},
    {"the other branch assigns", the_other_assigns},
    {"both branches assign", both_assign},
    {"assigns around", assigns_around},
    {"draws", draws},
    {"draws around", draws_around},
    {"draws in the condition", draws_in_the_condition},
    {"the condition counts", condition_counts},
    {"the condition alone counts", condition_counts_alone},
    {"branches in a loop", branches_in_a_loop},
    {"draws in a branch in a loop", draws_in_a_branch_in_a_loop},
    {"calls a function that assigns", calls_a_function_that_assigns},
    {"a variable is a state", a_variable_is_a_state},
};

enum { OUTCOMES = 9 };

/* Two results of two elements, then v, w, n and the next random number. */
static void outcome(ebb_body *body, ebb_mode mode, double out[OUTCOMES]) {
    ebb_function *f = ebb_function_new(ebb, body, &(ebb_function_options){.name = "f", .mode = mode});
    ebb_tensor *x = ebb_literal(ebb, "[1, 2]", EBB_F64);
    ebb_assign(v, ebb_literal(ebb, "[0.5, 1.25]", EBB_F64));
    ebb_assign(w, 2);
    ebb_assign(n, 0);
    ebb_set_seed(ebb, 7);
    for (int i = 0; i < 4; i += 2) {
        ebb_tensor *y = ebb_call(f, x);
        out[i] = ebb_item(y, 0);
        out[i + 1] = ebb_item(y, 1);
    }
    for (int i = 0; i < 2; i++)
        out[4 + i] = ebb_item(v, i);
    out[6] = ebb_item(w, 0);
    out[7] = ebb_item(n, 0);
    out[8] = ebb_item(ebb_random_uniform(ebb, EBB_F64, EBB_SCALAR, 0, 1), 0);
    ebb_function_free(f);
}

static void make_variables(void) {
    v = ebb_variable(ebb, ebb_zeros(ebb, EBB_F64, EBB_SHAPE(2)), "v");
    w = ebb_variable(ebb, ebb_scalar(ebb, 0.0), "w");
    n = ebb_variable(ebb, ebb_scalar(ebb, 0), "n");
    inner = ebb_function_new(ebb, add_v_and_count, NULL);
}

Test(control_variables, as_c_code_does) {
    static const struct {
        const char *name;
        ebb_mode mode;
        const char *jit;
    } ways[] = {{"native", EBB_NATIVE, ""}, {"evaluator", EBB_COMPILED, "off"}};
    make_variables();
    for (int i = 0; i < COUNT(rows); i++)
        for (int k = 0; k < COUNT(ways); k++)
            EBB_SCOPE (ebb) {
                double want[OUTCOMES], have[OUTCOMES];
                setenv("EBB_JIT", ways[k].jit, 1);
                outcome(rows[i].body, EBB_EAGER, want);
                outcome(rows[i].body, ways[k].mode, have);
                for (int j = 0; j < OUTCOMES; j++) /* nothing but sums and products */
                    cr_expect_eq(have[j], want[j], "%s, %s: outcome %d is %.17g, not %.17g", rows[i].name, ways[k].name,
                                 j, have[j], want[j]);
                expect_ok(ebb, "%s, %s", rows[i].name, ways[k].name);
                ebb_clear_error(ebb);
            }
    printf("cases: %d functions, %d ways, %d outcomes\n", COUNT(rows), COUNT(ways), OUTCOMES);
}

/* ---- an error loses nothing ---- */

BODY(picks) {
    UNUSED;
    ebb_assign(v, ebb_add(v, 1));
    out[0] = ebb_add(in[0], 1);
    out[1] = ebb_gather(v, in[0], 0);
}
BODY(picks_too_far) {
    UNUSED;
    ebb_tensor *r[2];
    ebb_scan(e, picks, NULL, EBB_OPERANDS(0), EBB_NO_OPERANDS, 1, r, (&(ebb_scan_options){.trips = 3}));
    out[0] = r[1];
}

Test(control_variables, keep_their_values_when_a_loop_fails) {
    make_variables();
    static const char *const jit[] = {"", "off"};
    for (int i = 0; i < 2; i++) {
        setenv("EBB_JIT", jit[i], 1);
        ebb_assign(v, ebb_literal(ebb, "[0.5, 1.25]", EBB_F64));
        ebb_function *f = ebb_function_new(ebb, picks_too_far, NULL);
        cr_expect(ebb_is_poison(ebb_call(f, w)), "EBB_JIT=%s", jit[i]);
        expect_error(ebb, EBB_INDEX_ERROR, "index 2 at position 0 is outside [0, 2)", "EBB_JIT=%s", jit[i]);
        expect_text(v, "[0.5  1.25]", "EBB_JIT=%s", jit[i]);
    }
}

BODY(root_of_v) {
    UNUSED;
    ebb_assign(v, ebb_sub(v, 1));
    out[0] = ebb_add(in[0], ebb_sum(ebb_sqrt(v)));
}
BODY(roots) { UNUSED, SCAN(e, root_of_v, 3); }

Test(control_variables, keep_their_values_when_a_nan_is_an_error) {
    make_variables();
    static const char *const jit[] = {"", "off"};
    for (int i = 0; i < 2; i++) {
        setenv("EBB_JIT", jit[i], 1);
        ebb_assign(v, ebb_literal(ebb, "[2.5, 9]", EBB_F64));
        ebb_function *f = ebb_function_new(ebb, roots, &(ebb_function_options){.name = "f", .check_nan = true});
        cr_expect(ebb_is_poison(ebb_call(f, w)), "EBB_JIT=%s", jit[i]);
        expect_error(ebb, EBB_FLOAT_ERROR, "iteration 2: sqrt(-0.5) (tests/test_control_variables.c:", "EBB_JIT=%s",
                     jit[i]);
        expect_text(v, "[2.5 9. ]", "EBB_JIT=%s", jit[i]);
    }
}

/* ---- training in a loop ---- */

static ebb_optimizer *sgd;
BODY(loss) {
    UNUSED;
    out[0] = ebb_sum(ebb_square(ebb_sub(ebb_mul(v, v), in ? in[0] : (ebb_tensor *)data)));
}
BODY(training_step) {
    UNUSED;
    ebb_tape *tape = ebb_tape_start(e, EBB_TAPE_DEFAULT);
    ebb_tensor *y, *g;
    loss(e, in, &y, NULL);
    g = ebb_gradient(tape, y, v);
    ebb_apply_gradients(sgd, 1, &g, &v);
    out[0] = y;
}
BODY(epoch) {
    UNUSED;
    out[0] = ebb_map(e, training_step, NULL, in[0]);
}

Test(control_variables, an_epoch_of_training_is_one_loop) {
    make_variables();
    sgd = ebb_sgd(ebb, &(ebb_sgd_options){.learning_rate = 0.05});
    ebb_tensor *x = ebb_literal(ebb, "[[1, 2], [1.5, 2.5], [1.25, 2.25], [2, 3]]", EBB_F64), *losses[2];
    static const ebb_mode modes[] = {EBB_EAGER, EBB_NATIVE};
    double after[2][2];
    for (int i = 0; i < 2; i++) {
        ebb_assign(v, ebb_literal(ebb, "[0.5, 1.25]", EBB_F64));
        losses[i] = ebb_call(ebb_function_new(ebb, epoch, &(ebb_function_options){.mode = modes[i]}), x);
        for (int j = 0; j < 2; j++)
            after[i][j] = ebb_item(v, j);
    }
    for (int j = 0; j < 4; j++)
        cr_expect_eq(ebb_item(losses[0], j), ebb_item(losses[1], j), "loss %d", j);
    for (int j = 0; j < 2; j++)
        cr_expect_eq(after[0][j], after[1][j], "v[%d]: %.17g, %.17g", j, after[0][j], after[1][j]);
    cr_expect_lt(ebb_item(losses[1], 3), 8, "%g", ebb_item(losses[1], 3));
}
