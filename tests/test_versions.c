/* test_versions.c - the gradient of a variable that is assigned several times counts every value that it had, whoever
 * runs the body and wherever the tape is.
 *
 * A case is a body and what comes of it by hand. It runs in four ways: eagerly under a tape; as a function that runs
 * eagerly; compiled, with the tape outside; compiled, with the tape inside. Start reading at `cases`. */
#include <criterion/criterion.h>
#include <math.h>

#include "tests/support/check.h"

static ebb_context *ebb;
static ebb_tensor *v, *w, *x; /* two variables; the argument */
static ebb_function *inner;   /* what a body may call */

static void start(void) {
    ebb = ebb_open(&(ebb_options){.mode = EBB_NATIVE});
    v = ebb_variable(ebb, ebb_scalar(ebb, 2.0), "v");
    w = ebb_variable(ebb, ebb_literal(ebb, "[1, 2]", EBB_F64), "w");
    x = ebb_scalar(ebb, 3.0);
}
static void stop(void) {
    expect_ok(ebb, "at the end");
    ebb_close(ebb);
}
TestSuite(versions, .init = start, .fini = stop);

#define BODY(name) static void name(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data)
#define UNUSED (void)e, (void)in, (void)data

/* ---- bodies: in[0] is x, out[0] a number of v, w and x ---- */

BODY(twice) {
    UNUSED;
    ebb_tensor *a = ebb_square(v);
    ebb_assign_add(v, in[0]);
    ebb_tensor *b = ebb_mul(ebb_square(v), in[0]);
    ebb_assign(v, 10);
    out[0] = ebb_add(ebb_add(a, b), v);
}
BODY(loop) {
    UNUSED;
    ebb_tensor *y = ebb_mul(v, v);
    for (int i = 1; i < 5; i++) {
        ebb_assign_sub(v, ebb_mul(y, 0.125));
        y = ebb_add(ebb_mul(y, in[0]), ebb_mul(v, i));
    }
    out[0] = y;
}
BODY(never_read_at_first) {
    UNUSED;
    ebb_assign(v, ebb_mul(in[0], 2));
    ebb_tensor *y = ebb_square(v);
    ebb_assign(v, in[0]);
    out[0] = ebb_add(ebb_mul(y, v), ebb_mul(v, v));
}
/* Numbers that are equal to others of the program. */
BODY(equal_numbers) {
    UNUSED;
    ebb_assign(v, 3);
    ebb_tensor *y = ebb_mul(ebb_mul(v, 3), in[0]);
    ebb_assign(v, 5);
    y = ebb_add(y, ebb_mul(ebb_mul(v, 5), in[0]));
    ebb_assign(v, 3);
    out[0] = ebb_add(y, ebb_mul(ebb_mul(v, 3), in[0]));
}
BODY(parts) {
    UNUSED;
    ebb_tensor *y = ebb_sum(ebb_square(w));
    ebb_assign_item(w, EBB_INDEX(0), ebb_mul(in[0], v));
    y = ebb_add(y, ebb_sum(ebb_square(w)));
    ebb_assign_item(w, EBB_INDEX(1), 7);
    out[0] = ebb_add(y, ebb_mul(ebb_sum(ebb_square(w)), v));
}
/* Two variables get the same value, one of them twice. */
BODY(same_value) {
    UNUSED;
    ebb_tensor *both = ebb_broadcast_to(ebb_mul(in[0], 2), EBB_SHAPE(2)), *again = ebb_mul(in[0], 2);
    ebb_assign(w, both);
    ebb_assign(v, again);
    ebb_tensor *y = ebb_add(ebb_sum(ebb_mul(w, in[0])), ebb_mul(ebb_square(v), in[0]));
    ebb_assign(v, again);
    ebb_assign(w, both);
    out[0] = ebb_add(y, ebb_mul(ebb_sum(ebb_square(w)), ebb_mul(v, in[0])));
}
BODY(calls_inside) {
    UNUSED;
    ebb_assign_add(v, 1);
    ebb_tensor *y = ebb_mul(ebb_call(inner, in[0]), v);
    ebb_assign(v, 4);
    y = ebb_add(y, ebb_mul(v, ebb_call(inner, ebb_mul(y, 0.0625))));
    out[0] = ebb_add(y, ebb_square(v));
}

/* ---- the four ways ---- */

/* By hand, where it can be done: the body's value, and the gradients of it and three more v. */
typedef struct versions_case {
    const char *name;
    ebb_body *body, *inner;
    bool by_hand;
    double y, of_v, of_x;
} versions_case;

static const versions_case cases[] = {
    {"twice", twice, NULL, true, 89, 38, 25},
    {"loop", loop, NULL, .by_hand = false},
    {"never read at first", never_read_at_first, NULL, true, 117, 81, 0},
    {"numbers", equal_numbers, NULL, true, 129, 36, 43},
    {"the same value", same_value, NULL, .by_hand = false},
    {"parts", parts, NULL, .by_hand = false},
    {"a function inside", calls_inside, twice, .by_hand = false},
    {"a function with a loop inside", calls_inside, loop, .by_hand = false},
};
enum { CASES = sizeof cases / sizeof *cases, RESULTS = 6 };
static const char *const result_name[RESULTS] = {"value",         "gradient in v", "gradient in w",
                                                 "gradient in x", "v itself",      "what v is then"};

typedef enum way { EAGERLY, BODY_RUN_EAGERLY, TAPE_OUTSIDE, TAPE_INSIDE, WAYS } way;
static const char *const way_name[WAYS] = {"eagerly", "as a function that runs eagerly", "compiled, tape outside",
                                           "compiled, tape inside"};

/* The questions: what is asked of v is asked after a further use. */
static void ask(ebb_tape *tape, ebb_tensor *y, ebb_tensor *in, ebb_tensor **result) {
    ebb_tensor *source[] = {v, w, in};
    ebb_tensor *z = ebb_add(y, ebb_mul(v, 3));
    ebb_tape_stop(tape);
    result[0] = y;
    ebb_gradients(tape, 1, &z, 3, source, result + 1, NULL);
    result[4] = ebb_gradient(tape, v, v);
    result[5] = v;
}

static ebb_tape *watching(ebb_tensor *in) {
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_PERSISTENT);
    ebb_watch(tape, in);
    return tape;
}

BODY(with_tape) {
    UNUSED;
    ebb_tensor *y;
    ebb_tape *tape = watching(in[0]);
    ((const versions_case *)data)->body(e, in, &y, NULL);
    ask(tape, y, in[0], out);
    for (int k = 0; k < RESULTS; k++)
        if (ebb_is_variable(out[k])) out[k] = ebb_mul(out[k], 1);
}

static void reset(void) {
    ebb_assign(v, 2);
    ebb_assign(w, ebb_literal(ebb, "[1, 2]", EBB_F64));
}

static void run(const versions_case *c, way how, ebb_tensor **result) {
    ebb_function_options options = {.name = c->name, .data = (void *)c};
    if (how == BODY_RUN_EAGERLY) options.mode = EBB_EAGER;
    if (how == TAPE_INSIDE) options.results = RESULTS;
    ebb_function *f = ebb_function_new(ebb, how == TAPE_INSIDE ? with_tape : c->body, &options);
    options = (ebb_function_options){.name = "inner", .mode = options.mode};
    inner = c->inner ? ebb_function_new(ebb, c->inner, &options) : NULL;
    reset();
    if (how == TAPE_INSIDE) {
        ebb_call_n(f, 1, (ebb_operand[]){EBB_OPERAND(x)}, RESULTS, result);
    } else {
        ebb_tensor *y;
        ebb_tape *tape = watching(x);
        ebb_run_functions_eagerly(ebb, how == EAGERLY);
        if (how == EAGERLY)
            c->body(ebb, &x, &y, NULL);
        else
            y = ebb_call(f, x);
        ebb_run_functions_eagerly(ebb, false);
        ask(tape, y, x, result);
    }
    ebb_function_free(f);
    ebb_function_free(inner);
}

/* The numbers of a result; an absent one has none. */
typedef struct numbers {
    int64_t count;
    double value[2];
} numbers;

static numbers numbers_of(const ebb_tensor *t) {
    numbers n = {.count = ebb_size(t)};
    for (int64_t i = 0; i < n.count; i++)
        n.value[i] = ebb_item(t, i);
    return n;
}

static bool same(numbers a, numbers b) {
    bool good = a.count == b.count;
    for (int64_t i = 0; i < a.count && good; i++)
        good = fabs(a.value[i] - b.value[i]) <= 1e-13 * fabs(b.value[i]);
    return good;
}

static void compare(const versions_case *c, way how, ebb_tensor *const *result, numbers *want) {
    const double by_hand[RESULTS] = {[0] = c->y, [1] = c->of_v, [3] = c->of_x};
    for (int k = 0; k < RESULTS; k++) {
        numbers got = numbers_of(result[k]);
        if (how == EAGERLY) want[k] = got;
        cr_expect(same(got, want[k]), "%s, %s, %s: %.17g, eagerly %.17g", c->name, way_name[how], result_name[k],
                  got.value[0], want[k].value[0]);
        if (c->by_hand && (k == 0 || k == 1 || k == 3))
            cr_expect_eq(got.value[0], by_hand[k], "%s, %s, %s: %.17g, by hand %.17g", c->name, way_name[how],
                         result_name[k], got.value[0], by_hand[k]);
    }
}

Test(versions, the_same_in_four_ways) {
    numbers want[RESULTS];
    for (int i = 0; i < CASES; i++)
        for (way how = EAGERLY; how < WAYS; how++)
            EBB_SCOPE (ebb) {
                ebb_tensor *result[RESULTS];
                run(&cases[i], how, result);
                expect_ok(ebb, "%s, %s", cases[i].name, way_name[how]);
                compare(&cases[i], how, result, want);
            }
}

/* ---- functions of functions: x's derivative of the body, and how it depends on v ---- */

static ebb_tensor *slope(const versions_case *c) {
    ebb_tensor *y;
    ebb_tape *tape = watching(x);
    c->body(ebb, &x, &y, NULL);
    return ebb_gradient(tape, y, x);
}

Test(versions, a_derived_function_under_a_tape) {
    for (int i = 0; i < CASES; i++) {
        if (cases[i].inner) continue;
        ebb_function *f = ebb_function_new(ebb, cases[i].body,
                                           &(ebb_function_options){.name = cases[i].name, .data = (void *)&cases[i]}),
                     *g = ebb_grad(f, NULL);
        numbers want[2], got[2];
        for (int compiled = 0; compiled < 2; compiled++)
            EBB_SCOPE (ebb) {
                reset();
                ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_PERSISTENT);
                ebb_tensor *d = compiled ? ebb_call(g, x) : slope(&cases[i]);
                ebb_tape_stop(tape);
                numbers *n = compiled ? got : want;
                if (ebb_is_absent(d)) d = ebb_scalar(ebb, 0.0);
                n[0] = numbers_of(ebb_gradient(tape, d, v));
                n[1] = numbers_of(ebb_gradient(tape, d, w));
            }
        for (int k = 0; k < 2; k++)
            cr_expect(same(got[k], want[k]), "%s, in %s: %.17g, eagerly %.17g", cases[i].name, k ? "w" : "v",
                      got[k].value[0], want[k].value[0]);
        ebb_function_free(g);
        ebb_function_free(f);
    }
}

/* ---- forward tapes ---- */

Test(versions, forward_tapes_move_every_value) {
    for (int i = 0; i < CASES; i++) {
        numbers want[2], got[2];
        for (int compiled = 0; compiled < 2; compiled++)
            EBB_SCOPE (ebb) {
                ebb_function_options options = {.name = cases[i].name, .data = (void *)&cases[i]};
                ebb_function *f = ebb_function_new(ebb, cases[i].body, &options);
                inner = cases[i].inner ? ebb_function_new(ebb, cases[i].inner, &options) : NULL;
                ebb_tensor *y, *primal[] = {v, w},
                               *tangent[] = {ebb_scalar(ebb, 1.0), ebb_literal(ebb, "[1, -2]", EBB_F64)};
                reset();
                ebb_tape *tape = ebb_forward_start(ebb, 2, primal, tangent);
                ebb_run_functions_eagerly(ebb, !compiled);
                y = ebb_call(f, x);
                ebb_run_functions_eagerly(ebb, false);
                numbers *n = compiled ? got : want;
                n[0] = numbers_of(y);
                n[1] = numbers_of(ebb_tangent_or_zeros(tape, ebb_add(y, v)));
                ebb_function_free(f);
                ebb_function_free(inner);
            }
        for (int k = 0; k < 2; k++)
            cr_expect(same(got[k], want[k]), "%s, %s: %.17g, eagerly %.17g", cases[i].name, k ? "tangent" : "value",
                      got[k].value[0], want[k].value[0]);
    }
}
