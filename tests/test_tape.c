/* test_tape.c - the tape itself: what it watches, how often it answers, what it answers. */
#include <criterion/criterion.h>

#include "tests/support/check.h"

static ebb_context *ebb;
static void start(void) { ebb = ebb_open(NULL); }
static void stop(void) {
    expect_ok(ebb, "at the end");
    ebb_close(ebb);
}
TestSuite(tape, .init = start, .fini = stop);

static ebb_tensor *f32(const char *text) { return ebb_literal(ebb, text, EBB_F32); }

Test(tape, kinds_of_tapes) {
    ebb_tensor *x = f32("3"), *v = ebb_variable(ebb, f32("2"), "v"), *c = ebb_variable_fixed(ebb, f32("5"), "c");
    ebb_tape *once = ebb_tape_start(ebb, EBB_TAPE_DEFAULT), *many = ebb_tape_start(ebb, EBB_TAPE_PERSISTENT);
    ebb_tape *manual = ebb_tape_start(ebb, EBB_TAPE_MANUAL | EBB_TAPE_PERSISTENT);
    ebb_watch(once, x);
    ebb_watch(many, c);
    ebb_watch(manual, x);
    ebb_tensor *y = ebb_mul(ebb_mul(x, v), c);
    for (ebb_tape *t[] = {once, many, manual}, **p = t; p < t + 3; p++)
        ebb_tape_stop(*p);
    expect_text(ebb_gradient(once, y, x), "10.0", "watched tensor");
    expect_ok(ebb, "first question");
    cr_expect(ebb_is_poison(ebb_gradient(once, y, v)), "second question");
    expect_error(ebb, EBB_RUNTIME_ERROR, "once", "a second question to a tape that is not persistent");
    expect_text(ebb_gradient(many, y, v), "15.0", "trainable variable");
    expect_text(ebb_gradient(many, y, c), "6.0", "a fixed one that is watched");
    cr_expect(ebb_is_absent(ebb_gradient(many, y, x)), "not watched by this tape");
    cr_expect(ebb_is_absent(ebb_gradient(manual, y, v)), "manual tapes do not watch variables");
    expect_text(ebb_gradient(manual, y, x), "10.0", "manual tape");
    ebb_tensor *later = ebb_square(x);
    cr_expect(ebb_is_absent(ebb_gradient(many, later, c)), "what ran after the stop");
    ebb_tape_free(many);
    ebb_tape_free(NULL);
}

Test(tape, one_persistent_tape_gives_higher_orders) {
    ebb_tensor *x = f32("[1, 2]");
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_PERSISTENT);
    ebb_watch(tape, x);
    ebb_tensor *y = ebb_mul(ebb_square(x), x), *d = ebb_gradient(tape, y, x), *dd = ebb_gradient(tape, d, x);
    expect_text(d, "[ 3. 12.]", "first");
    expect_text(dd, "[ 6. 12.]", "second");
    expect_text(ebb_gradient(tape, dd, x), "[6. 6.]", "third");
}

/* A scalar that a tape does not watch itself is a number to it, unless another tape follows it. */
Test(tape, scalars_of_another_tape_are_no_constants) {
    ebb_tensor *x = ebb_scalar(ebb, 2.0), *a = ebb_scalar(ebb, 3.0), *b = ebb_scalar(ebb, 5.0),
               *v = ebb_scalar(ebb, 7.0);
    ebb_tape *outer = ebb_tape_start(ebb, EBB_TAPE_DEFAULT), *forward = ebb_forward_start(ebb, 1, &a, &v);
    ebb_tape *inner = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_watch(outer, a);
    ebb_watch(inner, x);
    ebb_tensor *dx = ebb_gradient(inner, ebb_mul(ebb_mul(x, a), b), x);
    expect_text(dx, "15.0", "a b");
    expect_text(ebb_tangent(forward, dx), "35.0", "7 b");
    expect_text(ebb_gradient(outer, dx, a), "5.0", "b");
}

Test(tape, intermediate_sources_and_late_watches) {
    ebb_tensor *x = f32("3"), *c = f32("2");
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_PERSISTENT);
    ebb_watch(tape, x);
    ebb_tensor *u = ebb_square(x), *alone = ebb_mul(c, 4);
    ebb_watch(tape, u);
    ebb_watch(tape, alone);
    ebb_tensor *y = ebb_add(ebb_mul(u, x), ebb_mul(alone, c));
    ebb_tape_stop(tape);
    expect_text(ebb_gradient(tape, y, u), "3.0", "intermediate");
    expect_text(ebb_gradient(tape, y, x), "27.0", "watching an intermediate does not cut it off");
    expect_text(ebb_gradient(tape, y, alone), "2.0", "watched when it was there");
    cr_expect(ebb_is_absent(ebb_gradient(tape, y, c)), "never watched");
}

Test(tape, integers_are_not_watched) {
    ebb_tensor *i = ebb_literal(ebb, "3", EBB_NONE);
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_watch(tape, i);
    cr_expect(ebb_is_absent(ebb_gradient(tape, ebb_square(i), i)));
}

Test(tape, several_targets_sources_and_seeds) {
    ebb_tensor *x = f32("[1, 2]"), *w = f32("3"), *other = f32("[[7]]"), *g[4];
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_PERSISTENT);
    ebb_watch(tape, x), ebb_watch(tape, w), ebb_watch(tape, other);
    ebb_tensor *a = ebb_square(x), *b = ebb_mul(x, w), *y[] = {a, b, a}, *xs[] = {x, x, w, other};
    ebb_tape_stop(tape);
    ebb_gradients(tape, 2, y, 4, xs, g, NULL);
    expect_text(g[0], "[5. 7.]", "sum of all elements of all targets");
    expect_text(g[1], "[5. 7.]", "the same source again");
    expect_text(g[2], "3.0", "a broadcast source");
    cr_expect(ebb_is_absent(g[3]), "unconnected");
    ebb_gradients(tape, 2, y, 4, xs, g, &(ebb_gradient_options){.zeros = true});
    expect_text(g[3], "[[0.]]", "unconnected, zeros asked for");
    ebb_gradients(tape, 3, y, 2, xs, g, NULL);
    expect_text(g[0], "[ 7. 11.]", "the same target twice");
    ebb_tensor *seeds[] = {NULL, f32("[10, 100]")};
    ebb_gradients(tape, 2, y, 3, xs, g, &(ebb_gradient_options){.seeds = seeds});
    expect_text(g[0], "[ 32. 304.]", "seeds: ones, and given");
    expect_text(g[2], "210.0", "seeds of a broadcast");
    seeds[1] = f32("1");
    ebb_gradients(tape, 2, y, 3, xs, g, &(ebb_gradient_options){.seeds = seeds});
    expect_error(ebb, EBB_VALUE_ERROR, "seed", "a seed of another shape");
    cr_expect(ebb_is_poison(g[0]) && ebb_is_poison(g[2]));
}

Test(tape, a_variable_is_read_at_every_version) {
    ebb_tensor *v = ebb_variable(ebb, f32("2"), "v");
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_PERSISTENT);
    ebb_tensor *a = ebb_square(v);
    ebb_tensor *v1 = ebb_assign_add(v, 1), *b = ebb_square(v);
    ebb_assign(v, 10);
    ebb_tensor *y = ebb_add(ebb_add(a, b), v);
    ebb_tape_stop(tape);
    expect_text(y, "23.0", "4 + 9 + 10");
    expect_text(ebb_gradient(tape, y, v), "11.0", "4 + 6 + 1");
    expect_text(ebb_gradient(tape, y, v1), "6.0", "one version of it");
    expect_text(ebb_gradient(tape, v, v), "1.0", "the variable itself");
}

Test(tape, a_tape_ends_with_its_scope) {
    ebb_tape *tape = NULL;
    ebb_tensor *x = f32("1");
    EBB_SCOPE (ebb)
        tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_watch(tape, x);
    expect_error(ebb, EBB_RUNTIME_ERROR, "scope", "watch");
    cr_expect(ebb_is_poison(ebb_gradient(tape, x, x)));
    expect_error(ebb, EBB_RUNTIME_ERROR, "scope", "gradient");
    ebb_tape_free(tape);
    expect_error(ebb, EBB_RUNTIME_ERROR, "scope", "free");
}

/* The gradient flows through what a function captured, before and after its trace. */
static void captures(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)e;
    out[0] = ebb_mul(in[0], ebb_square(*(ebb_tensor **)data));
}

Test(tape, captured_tensors_are_sources) {
    ebb_tensor *w = f32("3"), *x = f32("2");
    ebb_function *f = ebb_function_new(ebb, captures, &(ebb_function_options){.data = &w, .mode = EBB_NATIVE});
    for (int round = 0; round < 2; round++) {
        ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
        ebb_watch(tape, w);
        ebb_tensor *y = ebb_call(f, x);
        expect_text(ebb_gradient(tape, y, w), "12.0", "round %d", round);
    }
    cr_expect_eq(ebb_trace_count(f), 1);
}
