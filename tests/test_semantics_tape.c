/* test_semantics_tape.c - how gradient tapes behave, line by line: each test is a numbered line of the list that the
 * library follows, which is TensorFlow's behaviour in C's clothes. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "tests/support/check.h"

static ebb_context *ebb;
static int messages;
static char last_message[256];
static void count_message(void *self, const char *text) {
    (void)self;
    messages++;
    snprintf(last_message, sizeof last_message, "%s", text);
}

static void start(void) { ebb = ebb_open(&(ebb_options){.log = count_message}); }
static void stop(void) {
    expect_ok(ebb, "at the end");
    ebb_close(ebb);
}
TestSuite(semantics_2, .init = start, .fini = stop);

static ebb_tensor *f32(const char *text) { return ebb_literal(ebb, text, EBB_F32); }
static ebb_tensor *variable(const char *text, const char *name) { return ebb_variable(ebb, f32(text), name); }
static ebb_tape *persistent(void) { return ebb_tape_start(ebb, EBB_TAPE_PERSISTENT); }

Test(semantics_2, line_1_entering_an_active_tape) {
    ebb_tensor *v = variable("3", "v");
    ebb_tape *tape = persistent();
    ebb_tape_resume(tape);
    expect_error(ebb, EBB_VALUE_ERROR, "still recording", "twice");
    ebb_tensor *y = ebb_square(v);
    ebb_tape_stop(tape);
    ebb_tensor *outside = ebb_square(v);
    expect_text(ebb_gradient(tape, y, v), "6.0", "inside");
    cr_expect(ebb_is_absent(ebb_gradient(tape, outside, v)), "after the exit");
}

Test(semantics_2, line_2_what_is_recorded) {
    ebb_tensor *x = f32("3"), *free = f32("2"), *v = variable("3", "v");
    ebb_tape *tape = persistent();
    ebb_watch(tape, x);
    ebb_tensor *whole = ebb_cast(v, EBB_I32), *back = ebb_cast(whole, EBB_F32);
    cr_expect(ebb_is_absent(ebb_gradient(tape, ebb_square(free), free)), "no operand is watched");
    cr_expect(ebb_is_absent(ebb_gradient(tape, ebb_square(whole), v)), "not real");
    cr_expect(ebb_is_absent(ebb_gradient(tape, back, v)), "through an integer");
    expect_text(ebb_gradient(tape, ebb_mul(x, free), x), "2.0", "watched");
}

Test(semantics_2, line_3_who_is_watched) {
    ebb_tensor *v = variable("3", "v"), *fixed = ebb_variable_fixed(ebb, f32("3"), "c");
    ebb_tape *tape = persistent(), *manual = ebb_tape_start(ebb, EBB_TAPE_PERSISTENT | EBB_TAPE_MANUAL);
    ebb_tensor *y = ebb_mul(v, fixed);
    expect_text(ebb_gradient(tape, y, v), "3.0", "trainable");
    cr_expect(ebb_is_absent(ebb_gradient(tape, y, fixed)), "not trainable");
    cr_expect(ebb_is_absent(ebb_gradient(manual, y, v)), "manual");
    ebb_watch(manual, v);
    expect_text(ebb_gradient(manual, ebb_square(v), v), "6.0", "watched by hand");
    ebb_watch(tape, NULL);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_watch: the tensor is NULL", "neither tensor nor variable");
    ebb_watch(tape, ebb_gradient(manual, y, f32("1")));
    expect_error(ebb, EBB_TYPE_ERROR, "is absent", "neither tensor nor variable");
}

Test(semantics_2, line_4_integers_are_warned_of_five_times) {
    ebb_tensor *i = ebb_literal(ebb, "3", EBB_NONE);
    ebb_tape *tape = persistent();
    messages = 0;
    for (int k = 0; k < 8; k++)
        ebb_watch(tape, i);
    cr_expect_eq(messages, 5);
    cr_expect_not_null(strstr(last_message, "ebb_watch"), "%s", last_message);
    cr_expect(ebb_is_absent(ebb_gradient(tape, ebb_square(i), i)));
}

Test(semantics_2, line_5_asked_once) {
    ebb_tensor *v = variable("3", "v");
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_tensor *y = ebb_square(v);
    expect_text(ebb_gradient(tape, y, v), "6.0", "while it records");
    cr_expect(ebb_is_poison(ebb_gradient(tape, y, v)));
    expect_error(ebb, EBB_RUNTIME_ERROR, "asked only once", "again");
    cr_expect(ebb_is_poison(ebb_jacobian(tape, y, v)));
    expect_error(ebb, EBB_RUNTIME_ERROR, "asked only once", "a Jacobian");
    ebb_tape_resume(tape);
    expect_error(ebb, EBB_RUNTIME_ERROR, "asked already", "resume");
    ebb_tape_reset(tape);
    expect_error(ebb, EBB_VALUE_ERROR, "not recording", "reset");
}

Test(semantics_2, line_6_persistent_tapes_record_their_answers) {
    ebb_tensor *v = variable("2", "v");
    ebb_tape *tape = persistent();
    ebb_tensor *y = ebb_pow(v, 3), *d = ebb_gradient(tape, y, v), *dd = ebb_gradient(tape, d, v);
    expect_text(d, "12.0", "3 v^2");
    expect_text(dd, "12.0", "6 v");
    ebb_tape_stop(tape);
    ebb_tensor *after = ebb_gradient(tape, y, v);
    expect_text(after, "12.0", "asked after the stop");
    cr_expect(ebb_is_absent(ebb_gradient(tape, after, v)), "and not recorded");
}

Test(semantics_2, line_7_unconnected_sources) {
    ebb_tensor *v = variable("3", "v"), *other = variable("[[1, 2]]", "other"), *sources[] = {v, other}, *g[2];
    ebb_tape *tape = persistent();
    ebb_tensor *y = ebb_square(v);
    ebb_gradients(tape, 1, &y, 2, sources, g, NULL);
    expect_text(g[0], "6.0", "in the order of the sources");
    cr_expect(ebb_is_absent(g[1]));
    ebb_gradients(tape, 1, &y, 2, sources, g, &(ebb_gradient_options){.zeros = true});
    expect_text(g[1], "[[0. 0.]]", "zeros of its shape");
}

Test(semantics_2, line_8_several_targets) {
    ebb_tensor *v = variable("[1, 2]", "v"), *same[] = {v, v}, *g[2];
    ebb_tape *tape = persistent();
    ebb_tensor *targets[] = {ebb_square(v), ebb_mul(v, 10)};
    ebb_gradients(tape, 2, targets, 2, same, g, NULL);
    expect_text(g[0], "[12. 14.]", "the sum of all elements");
    expect_text(g[1], "[12. 14.]", "the same source twice");
    ebb_tensor *seeds[] = {f32("[1, 100]"), NULL};
    ebb_gradients(tape, 2, targets, 1, same, g, &(ebb_gradient_options){.seeds = seeds});
    expect_text(g[0], "[ 12. 410.]", "one seed per target, none: ones");
}

Test(semantics_2, line_9_a_variable_as_target) {
    ebb_tensor *v = variable("3", "v0"), *untaken = variable("4", "v1");
    ebb_tape *tape = persistent();
    ebb_mul(v, 1);
    expect_text(ebb_gradient(tape, v, v), "1.0", "read through the tape");
    cr_expect(ebb_is_absent(ebb_gradient(tape, v, untaken)), "the branch not taken");
}

Test(semantics_2, line_10_intermediate_sources) {
    ebb_tensor *x = f32("3");
    ebb_tape *tape = persistent();
    ebb_watch(tape, x);
    ebb_tensor *y = ebb_square(x), *z = ebb_square(y);
    expect_text(ebb_gradient(tape, z, y), "18.0", "without a watch");
}

Test(semantics_2, line_11_stop_resume_reset) {
    ebb_tensor *v = variable("3", "v");
    ebb_tape *tape = persistent();
    ebb_tensor *kept = ebb_square(v);
    ebb_tape_stop(tape);
    ebb_tensor *unseen = ebb_square(v);
    ebb_tape_resume(tape);
    ebb_tensor *y = ebb_add(kept, ebb_mul(unseen, v));
    expect_text(ebb_gradient(tape, y, v), "15.0", "2v, and 9 for the factor that was recorded");
    ebb_tape_reset(tape);
    cr_expect(ebb_is_absent(ebb_gradient(tape, kept, v)), "forgotten");
    expect_text(ebb_gradient(tape, ebb_square(v), v), "6.0", "still recording");
    ebb_tape_resume(NULL), expect_error(ebb, EBB_TYPE_ERROR, "ebb_tape_resume: the tape is NULL", "never started");
    ebb_tape_reset(NULL), expect_error(ebb, EBB_TYPE_ERROR, "ebb_tape_reset: the tape is NULL", "never started");
}

Test(semantics_2, line_11_watched_variables) {
    ebb_tensor *a = variable("1", "a"), *b = variable("2", "b"), *c = variable("3", "c"), *seen[3] = {0};
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    cr_expect_eq(ebb_watched_variables(tape, 0, NULL), 0);
    ebb_tensor *y = ebb_mul(ebb_mul(b, a), b);
    ebb_assign(b, 5);
    y = ebb_mul(y, b);
    ebb_watch(tape, c);
    for (int asked = 0; asked < 2; asked++) {
        cr_expect_eq(ebb_watched_variables(tape, 3, seen), 3, "asked %d", asked);
        cr_expect(seen[0] == b && seen[1] == a && seen[2] == c, "in the order of their first use, asked %d", asked);
        if (!asked) ebb_gradient(tape, y, a);
    }
    cr_expect_eq(ebb_watched_variables(tape, 1, (seen[1] = NULL, seen)), 3, "less room");
    cr_expect_null(seen[1]);
    tape = persistent();
    ebb_square(a);
    ebb_tape_reset(tape);
    cr_expect_eq(ebb_watched_variables(tape, 0, NULL), 0, "forgotten by a reset");
    cr_expect_eq(ebb_watched_variables(NULL, 0, NULL), 0);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_watched_variables: the tape is NULL", "no tape");
}

Test(semantics_2, line_12_nested_tapes) {
    ebb_tensor *v = variable("2", "v");
    ebb_tape *outer = persistent(), *inner = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_tensor *d = ebb_gradient(inner, ebb_pow(v, 3), v);
    expect_text(ebb_gradient(outer, d, v), "12.0", "second derivative");
}

/* ---- 13: Jacobians; eagerly, and inside a compiled function ---- */

typedef struct jacobian_case {
    const char *name, *x;
    ebb_tensor *(*f)(ebb_tensor *x);
    bool batch;
    int rank;
    int64_t dims[4];
    const char *jacobian;
} jacobian_case;

static ebb_tensor *squares(ebb_tensor *x) { return ebb_square(x); }
static ebb_tensor *total(ebb_tensor *x) { return ebb_sum(ebb_square(x)); }
static ebb_tensor *outer_product(ebb_tensor *x) {
    return ebb_mul(ebb_reshape(x, EBB_SHAPE(2, 1)), ebb_mul(x, f32("[1, 10]")));
}
static ebb_tensor *row_products(ebb_tensor *x) { return ebb_matmul(ebb_square(x), f32("[[1, 2], [3, 4]]")); }
static ebb_tensor *unrelated(ebb_tensor *x) { return (void)x, f32("[1, 2]"); }

static const jacobian_case jacobians[] = {
    {"elements", "[1, 2, 3]", squares, false, 2, {3, 3}, "[[2. 0. 0.]\n [0. 4. 0.]\n [0. 0. 6.]]"},
    {"a scalar target", "[1, 2]", total, false, 1, {2}, "[2. 4.]"},
    {"a scalar source", "3", squares, false, 0, {0}, "6.0"},
    {"one element", "[3]", squares, false, 2, {1, 1}, "[[6.]]"},
    {"a matrix",
     "[2, 3]",
     outer_product,
     false,
     3,
     {2, 2, 2},
     "[[[ 4.  0.]\n  [30. 20.]]\n\n [[ 3.  2.]\n  [ 0. 60.]]]"},
    {"nothing", "[]", squares, false, 2, {0, 0}, "[]"},
    {"a batch",
     "[[1, 2], [3, 4], [5, 6]]",
     row_products,
     true,
     3,
     {3, 2, 2},
     "[[[ 2. 12.]\n  [ 4. 16.]]\n\n [[ 6. 24.]\n  [12. 32.]]\n\n [[10. 36.]\n  [20. 48.]]]"},
    {"a batch of one", "[[1, 2]]", row_products, true, 3, {1, 2, 2}, "[[[ 2. 12.]\n  [ 4. 16.]]]"},
};

static ebb_tensor *ask_jacobian(const jacobian_case *c, ebb_tensor *x, int flags) {
    ebb_tape *tape = ebb_tape_start(ebb, flags);
    ebb_watch(tape, x);
    ebb_tensor *y = c->f(x);
    return c->batch ? ebb_batch_jacobian(tape, y, x) : ebb_jacobian(tape, y, x);
}

static void jacobian_inside(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)e;
    out[0] = ask_jacobian(data, in[0], EBB_TAPE_DEFAULT);
}

Test(semantics_2, line_13_jacobians) {
    static const char *const ways[] = {"once", "persistent", "compiled"};
    for (int i = 0; i < COUNT(jacobians); i++)
        for (int way = 0; way < 3; way++)
            EBB_SCOPE (ebb) {
                jacobian_case c = jacobians[i];
                ebb_tensor *x = f32(c.x);
                ebb_function *f =
                    ebb_function_new(ebb, jacobian_inside, &(ebb_function_options){.data = &c, .mode = EBB_NATIVE});
                ebb_tensor *j =
                    way == 2 ? ebb_call(f, x) : ask_jacobian(&c, x, way ? EBB_TAPE_PERSISTENT : EBB_TAPE_DEFAULT);
                expect_text(j, c.jacobian, "%s, %s", c.name, ways[way]);
                cr_expect_eq(ebb_rank(j), c.rank, "%s, %s", c.name, ways[way]);
                for (int k = 0; k < c.rank; k++)
                    cr_expect_eq(ebb_dim(j, k), c.dims[k], "%s, %s, axis %d", c.name, ways[way], k);
                expect_ok(ebb, "%s, %s", c.name, ways[way]);
            }
}

/* The Jacobian of a gradient is the Hessian, and Jacobians have derivatives themselves. */
Test(semantics_2, line_13_jacobians_of_higher_order) {
    ebb_tensor *v = variable("[1, 2]", "v");
    ebb_tape *outer = persistent(), *inner = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_tensor *y = ebb_sum(ebb_mul(ebb_square(v), v));
    ebb_tensor *hessian = ebb_jacobian(outer, ebb_gradient(inner, y, v), v);
    expect_text(hessian, "[[ 6.  0.]\n [ 0. 12.]]", "Hessian");
    expect_text(ebb_gradient(outer, hessian, v), "[6. 6.]", "its derivative, which the tape recorded");
}

Test(semantics_2, line_13_refusals) {
    ebb_tensor *v = variable("[1, 2]", "v"), *m = variable("[[1, 2], [3, 4]]", "m");
    ebb_tape *tape = persistent();
    ebb_tensor *y = ebb_square(v), *z = ebb_square(m),
               *one = ebb_slice(z, ((int64_t[]){0, 0}), ((int64_t[]){1, 2}), NULL);
    cr_expect(ebb_is_absent(ebb_jacobian(tape, unrelated(v), v)));
    cr_expect(ebb_is_absent(ebb_jacobian(tape, y, m)));
    ebb_batch_jacobian(tape, y, v);
    expect_error(ebb, EBB_VALUE_ERROR, "ebb_batch_jacobian: target f32[2] and source f32[2] are not batches", "rank 1");
    ebb_batch_jacobian(tape, one, m);
    expect_error(ebb, EBB_VALUE_ERROR, "target f32[1,2] and source f32[2,2] are not batches", "unequal sizes");
    ebb_tensor *deep = ebb_reshape(m, EBB_SHAPE(1, 1, 1, 2, 2));
    ebb_jacobian(tape, deep, deep);
    expect_error(ebb, EBB_VALUE_ERROR, "too many axes", "rank 10");
    ebb_jacobian(NULL, y, v);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_jacobian: the tape is NULL", "no tape");
    ebb_jacobian(tape, NULL, v);
    expect_error(ebb, EBB_TYPE_ERROR, "ebb_jacobian: operand 1 is NULL", "no target");
}

/* ---- 14, 15 ---- */

/* A real operation without a rule does not link (jit/graph/ops.def), so no gradient is missing by mistake: absent is
 * what is declared to have none. */
Test(semantics_2, line_14_what_has_no_derivative) {
    ebb_tensor *v = variable("[1, 2]", "v");
    ebb_tape *tape = persistent();
    ebb_tensor *const without[] = {ebb_gt(v, 1), ebb_argmax(v, 0), ebb_cast(v, EBB_I32), ebb_eq(v, v),
                                   ebb_sign(v),  ebb_floor(v),     ebb_ceil(v),          ebb_round(v)};
    for (int i = 0; i < COUNT(without); i++)
        cr_expect(ebb_is_absent(ebb_gradient(tape, without[i], v)), "%d", i);
    expect_text(ebb_gradient(tape, ebb_add(ebb_sign(v), v), v), "[1. 1.]", "sign beside another term");
}

Test(semantics_2, line_15_tapes_are_independent) {
    ebb_tensor *x0 = f32("0"), *x1 = f32("5");
    ebb_tape *tape0 = persistent(), *tape1 = persistent();
    ebb_watch(tape0, x0), ebb_watch(tape1, x1);
    ebb_tensor *y0 = ebb_sin(x0), *y1 = ebb_square(x1), *y = ebb_add(y0, y1);
    expect_text(ebb_gradient(tape0, y, x0), "1.0", "cos 0");
    expect_text(ebb_gradient(tape1, y, x1), "10.0", "2 * 5");
    cr_expect(ebb_is_absent(ebb_gradient(tape0, y, x1)));
    cr_expect(ebb_is_absent(ebb_gradient(tape1, y, x0)));
}
