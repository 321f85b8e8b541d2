/* test_doors.c - what a user records is what is differentiated: two tensors are two tensors, a variable has the value
 * it had when it was read, and it is the same wherever tape and function stand to each other.
 *
 * A table of small bodies, each run on every road below; then tapes in tapes. */
#include <criterion/criterion.h>

#include "tests/support/check.h"

/* ---- roads ---- */

typedef enum road { EAGER, RUN_EAGERLY, INSIDE, AROUND, BETWEEN, INNERMOST, ROADS } road;
static const char *const road_name[ROADS] = {"eager",
                                             "body run eagerly",
                                             "tape inside a traced function",
                                             "tape around a traced function",
                                             "tape in a traced function, around another",
                                             "tape in a function in a function"};

enum { MOST_RESULTS = 3, ARGUMENT = 10, VARIABLE = 20 };

/* A body over data (argument 0) and variables; what is differentiated by what: a result, ARGUMENT, VARIABLE + k. */
typedef struct door {
    const char *name;
    ebb_body *body;
    int results, target, source;
    const char *x, *v[2];         /* the argument; initial values of the variables */
    const char *value, *gradient; /* of the target; NULL: absent */
    const char *after;            /* of variable 0 when all is done; NULL: as before */
} door;

typedef struct walk {
    const door *d;
    ebb_tensor *v[2];
    ebb_function *inner;
} walk;

static ebb_tensor *chosen(const walk *w, int which, ebb_tensor *x, ebb_tensor *const *result) {
    return which >= VARIABLE ? w->v[which - VARIABLE] : which == ARGUMENT ? x : result[which];
}

static void bare_body(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    walk *w = data;
    w->d->body(ebb, in, out, w->v);
}

/* Value and gradient of the target, by a tape around `call`. */
static void under_tape(ebb_context *ebb, walk *w, ebb_tensor *x, ebb_function *call, ebb_tensor **out) {
    ebb_tensor *result[MOST_RESULTS] = {0};
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_watch(tape, x);
    if (call)
        ebb_call_n(call, 1, &(ebb_operand){.tensor = x}, w->d->results, result);
    else
        bare_body(ebb, &x, result, w);
    ebb_tensor *y = chosen(w, w->d->target, x, result);
    out[0] = y;
    out[1] = ebb_gradient(tape, y, chosen(w, w->d->source, x, result));
}

static void tape_body(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    under_tape(ebb, data, in[0], ((walk *)data)->inner, out);
}

static void calling_body(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb;
    ebb_call_n(((walk *)data)->inner, 1, &(ebb_operand){.tensor = in[0]}, 2, out);
}

static ebb_function *function_of(ebb_context *ebb, ebb_body *body, int results, walk *w, ebb_mode mode) {
    return ebb_function_new(ebb, body,
                            &(ebb_function_options){.name = "door", .results = results, .data = w, .mode = mode});
}

static void take_road(ebb_context *ebb, road r, walk *w, ebb_tensor *x, ebb_tensor **out) {
    ebb_function *bare = function_of(ebb, bare_body, w->d->results, w, EBB_NATIVE);
    ebb_function *taped = function_of(ebb, tape_body, 2, w, r == RUN_EAGERLY ? EBB_EAGER : EBB_NATIVE);
    ebb_function *outer = function_of(ebb, calling_body, 2, w, EBB_NATIVE);
    ebb_operand in = {.tensor = x};
    if (r == BETWEEN) w->inner = bare;
    if (r == EAGER || r == AROUND) {
        under_tape(ebb, w, x, r == AROUND ? bare : NULL, out);
    } else if (r == INNERMOST) {
        walk inside = *w;
        w->inner = function_of(ebb, tape_body, 2, &inside, EBB_NATIVE);
        ebb_call_n(outer, 1, &in, 2, out);
    } else {
        ebb_call_n(taped, 1, &in, 2, out);
    }
}

/* ---- bodies; data: the variables ---- */

#define BODY(name) static void name(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data)
#define V(k) (((ebb_tensor *const *)data)[k])

BODY(two_squares) {
    (void)ebb, (void)data;
    out[1] = ebb_square(in[0]);
    out[2] = ebb_square(in[0]);
    out[0] = ebb_mul(out[1], out[2]);
}
BODY(one_square_twice) {
    (void)ebb, (void)data;
    out[1] = ebb_square(in[0]);
    out[2] = ebb_mul(out[1], 1);
    out[0] = ebb_mul(out[1], out[1]);
}
BODY(power_zero) {
    (void)ebb, (void)data;
    out[0] = ebb_pow(in[0], 0);
}
BODY(times_zero) {
    (void)ebb, (void)data;
    out[0] = ebb_add(ebb_mul(in[0], 0), ebb_sub(in[0], in[0]));
}
BODY(power_two) {
    (void)ebb, (void)data;
    out[0] = ebb_pow(in[0], 2);
}
BODY(itself) {
    (void)ebb, (void)data;
    out[0] = in[0];
}
BODY(by_variable) {
    (void)ebb;
    out[0] = ebb_mul(in[0], V(0));
}
BODY(not_at_all) {
    (void)in, (void)data;
    out[0] = ebb_mul(ebb_scalar(ebb, 3.0f), 2);
}
BODY(sign_only) {
    (void)ebb, (void)data;
    out[0] = ebb_sign(in[0]);
}
BODY(square_then_add) {
    (void)ebb, (void)in;
    out[0] = ebb_mul(V(0), V(0));
    ebb_assign_add(V(0), 1);
}
BODY(state_of_x) {
    (void)ebb, (void)in;
    ebb_assign_add(V(0), V(1));
    out[0] = ebb_square(V(0));
}
BODY(before_and_after) {
    (void)ebb;
    ebb_tensor *before = ebb_mul(V(0), V(0));
    ebb_assign(V(0), in[0]);
    out[0] = ebb_add(before, ebb_mul(V(0), 3));
}
BODY(assigned_result) {
    (void)ebb;
    out[1] = ebb_assign(V(0), ebb_square(in[0]));
    out[0] = ebb_square(out[1]);
}
BODY(the_variable) {
    (void)ebb, (void)in;
    ebb_assign_sub(V(0), 1);
    out[0] = V(0);
}

static const door doors[] = {
    {"t1 * t2 in t1", two_squares, 3, 0, 1, "3.0", {0}, "81.0", "9.0", NULL},
    {"t1 * t2 in t2", two_squares, 3, 0, 2, "[3.,2.]", {0}, "[81. 16.]", "[9. 4.]", NULL},
    {"t1 * t2 in x", two_squares, 3, 0, ARGUMENT, "3.0", {0}, "81.0", "108.0", NULL},
    {"t1 * t1 in t1", one_square_twice, 3, 0, 1, "3.0", {0}, "81.0", "18.0", NULL},
    {"t1 * t1 in a later copy of t1", one_square_twice, 3, 0, 2, "3.0", {0}, "81.0", NULL, NULL},
    {"t1 in t2", two_squares, 3, 1, 2, "3.0", {0}, "9.0", NULL, NULL},
    {"t1 in t1", two_squares, 3, 1, 1, "3.0", {0}, "9.0", "1.0", NULL},
    {"pow(x, 0)", power_zero, 1, 0, ARGUMENT, "[0.,2.,-1.]", {0}, "[1. 1. 1.]", "[0. 0. 0.]", NULL},
    {"0 x + (x - x)", times_zero, 1, 0, ARGUMENT, "[0.,2.]", {0}, "[0. 0.]", "[0. 0.]", NULL},
    {"pow(x, 2) at 0", power_two, 1, 0, ARGUMENT, "[0.,-3.]", {0}, "[0. 9.]", "[ 0. -6.]", NULL},
    {"x in x", itself, 1, 0, ARGUMENT, "[5.,6.]", {0}, "[5. 6.]", "[1. 1.]", NULL},
    {"x v in v", by_variable, 1, 0, VARIABLE, "[5.,6.]", {"2.0"}, "[10. 12.]", "11.0", NULL},
    {"x v in another variable", by_variable, 1, 0, VARIABLE + 1, "[5.,6.]", {"2.0", "3.0"}, "[10. 12.]", NULL, NULL},
    {"a constant", not_at_all, 1, 0, ARGUMENT, "2.0", {0}, "6.0", NULL, NULL},
    {"sign(x)", sign_only, 1, 0, ARGUMENT, "-2.0", {0}, "-1.0", NULL, NULL},
    {"y = v*v; v += 1", square_then_add, 1, 0, VARIABLE, "0.0", {"3.0"}, "9.0", "6.0", "4.0"},
    {"v += w; v^2 in w", state_of_x, 1, 0, VARIABLE + 1, "0.0", {"3.0", "2.0"}, "25.0", NULL, "5.0"},
    {"v += w; v^2 in v", state_of_x, 1, 0, VARIABLE, "0.0", {"3.0", "2.0"}, "25.0", "10.0", "5.0"},
    {"v*v; v = x; + 3 v, in v", before_and_after, 1, 0, VARIABLE, "5.0", {"2.0"}, "19.0", "7.0", "5.0"},
    {"v*v; v = x; + 3 v, in x", before_and_after, 1, 0, ARGUMENT, "5.0", {"2.0"}, "19.0", NULL, "5.0"},
    {"assign(v, x^2)^2 in x", assigned_result, 2, 0, ARGUMENT, "3.0", {"2.0"}, "81.0", NULL, "9.0"},
    {"assign(v, x^2)^2 in v", assigned_result, 2, 0, VARIABLE, "3.0", {"2.0"}, "81.0", "18.0", "9.0"},
    {"assign(v, x^2)^2 in the assigned value", assigned_result, 2, 0, 1, "3.0", {"2.0"}, "81.0", "18.0", "9.0"},
    {"v -= 1, in v", the_variable, 1, 0, VARIABLE, "0.0", {"2.0"}, "1.0", "1.0", "1.0"},
};

static void expect_tensor(const ebb_tensor *x, const char *text, const char *what, const door *d, road r) {
    if (text)
        expect_text(x, text, "%s of %s, %s", what, d->name, road_name[r]);
    else
        cr_expect(ebb_is_absent(x), "%s of %s, %s: should be absent", what, d->name, road_name[r]);
}

static void walk_through(ebb_context *ebb, const door *d, road r) {
    walk w = {.d = d};
    ebb_tensor *out[2] = {0};
    for (int k = 0; k < 2 && d->v[k]; k++)
        w.v[k] = ebb_variable(ebb, ebb_literal(ebb, d->v[k], EBB_F32), "v");
    if (d->source == VARIABLE + 1 && !w.v[1]) w.v[1] = ebb_variable(ebb, ebb_literal(ebb, "1.0", EBB_F32), "other");
    take_road(ebb, r, &w, ebb_literal(ebb, d->x, EBB_F32), out);
    expect_ok(ebb, "%s, %s", d->name, road_name[r]);
    ebb_clear_error(ebb);
    if (!out[0] || !out[1]) return;
    expect_tensor(out[0], d->value, "value", d, r);
    expect_tensor(out[1], d->gradient, "gradient", d, r);
    if (d->v[0]) expect_text(w.v[0], d->after ? d->after : d->v[0], "variable of %s, %s", d->name, road_name[r]);
}

Test(doors, every_body_on_every_road) {
    ebb_context *ebb = ebb_open(NULL);
    int cases = 0;
    for (size_t i = 0; i < sizeof doors / sizeof *doors; i++)
        for (road r = 0; r < ROADS; r++, cases++)
            EBB_SCOPE (ebb)
                walk_through(ebb, &doors[i], r);
    printf("cases: %d programs between tapes and functions\n", cases);
    ebb_close(ebb);
}

/* ---- nesting ---- */

/* The gradient of the sum of x^5, `depth` times over: each tape records what the inner ones compute. */
typedef struct nest {
    int depth;
    bool traced_at[6]; /* whether the value at this depth is a traced function of its own */
} nest;

static ebb_tensor *nested(ebb_context *ebb, const nest *n, int depth, ebb_tensor *x);

typedef struct level {
    const nest *n;
    int depth;
} level;

static void level_body(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    const level *l = data;
    nest inside = *l->n;
    inside.traced_at[l->depth] = false;
    out[0] = nested(ebb, &inside, l->depth, in[0]);
}

static ebb_tensor *nested(ebb_context *ebb, const nest *n, int depth, ebb_tensor *x) {
    if (n->traced_at[depth]) {
        level l = {n, depth}; /* the body runs at this call only */
        ebb_function_options options = {.name = "level", .data = &l, .mode = EBB_NATIVE};
        return ebb_call(ebb_function_new(ebb, level_body, &options), x);
    }
    if (depth == 0) return ebb_mul(ebb_square(ebb_square(x)), x);
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_watch(tape, x);
    return ebb_gradient(tape, nested(ebb, n, depth - 1, x), x);
}

Test(doors, tapes_in_tapes) {
    static const char *const derivative[] = {"[ 1. 32.]", "[ 5. 80.]", "[ 20. 160.]", "[ 60. 240.]", "[120. 240.]"};
    ebb_context *ebb = ebb_open(NULL);
    for (int depth = 1; depth <= 4; depth++)
        for (unsigned traced = 0; traced < 2u << depth; traced++)
            EBB_SCOPE (ebb) {
                nest n = {.depth = depth};
                for (int k = 0; k <= depth; k++)
                    n.traced_at[k] = traced >> k & 1;
                ebb_tensor *d = nested(ebb, &n, depth, ebb_literal(ebb, "[1, 2]", EBB_F64));
                expect_text(d, derivative[depth], "order %d, traced levels %#x", depth, traced);
                expect_ok(ebb, "order %d, traced levels %#x", depth, traced);
            }
    ebb_close(ebb);
}
