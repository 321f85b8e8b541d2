/* test_control_random.c - random bodies, branches and loops in each other: run by C, by native code and by the
 * evaluator they give the same numbers, leave the same in the variables and the random generator, and have the same
 * derivatives.
 *
 * A body is a seed: whatever it does, it draws from a stream that begins there, so it does the same at each run. It
 * works with tensors of its own and with those of the bodies around it. EBB_FUZZ_PROGRAMS says how many programs, and
 * EBB_FUZZ_SEED the first seed, which a failure prints. Start reading at grow. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/check.h"
#include "tests/support/random_graph.h"

enum { USUAL = 150, NATIVE_EACH = 10, MOST = 24, DEEPEST = 3 };

static ebb_context *ebb;
static void start(void) { ebb = ebb_open(NULL); }
static void stop(void) {
    expect_ok(ebb, "at the end");
    ebb_close(ebb);
}
TestSuite(control_random, .init = start, .fini = stop);

static ebb_tensor *v[2];                     /* variables f64 [2] */
static int branches, whiles, scans, effects; /* that C code ran or a trace recorded */

/* ---- bodies ---- */

typedef enum kind { BRANCH, LOOP, CONDITION } kind;

/* A body and what it can see. Every tensor is f64 [2]. */
typedef struct body {
    uint64_t seed;
    kind kind;
    int states, rows, outputs, depth;
    int limit; /* of a while: how often at most */
    const struct body *outer;
    ebb_tensor *value[MOST];
    int count;
    uint64_t draw; /* where the stream is */
} body;

static int pick(body *b, int n) { return (int)(ebb_random_next(&b->draw) % (uint64_t)n); }

/* One of the latest tensors, here or around. */
static ebb_tensor *any(body *b) {
    const body *from = b;
    while (from->outer && (from->count == 0 || pick(b, 4) == 0))
        from = from->outer;
    return from->value[from->count - 1 - pick(b, from->count)];
}

static void keep(body *b, ebb_tensor *x) {
    if (b->count < MOST) b->value[b->count++] = x;
}

/* Bounded, so that no loop blows up. */
static ebb_tensor *combine(body *b) {
    ebb_tensor *x = any(b), *y = any(b);
    switch (pick(b, 6)) {
    case 0:
        return ebb_tanh(ebb_mul(x, y));
    case 1:
        return ebb_sin(ebb_add(x, y));
    case 2:
        return ebb_sub(ebb_mul(x, 0.5), y);
    case 3:
        return ebb_tanh(ebb_reverse(x, EBB_AXES(0)));
    case 4:
        return ebb_div(x, ebb_add(ebb_square(y), 1));
    default:
        return ebb_mul(ebb_sigmoid(x), v[pick(b, 2)]);
    }
}

#define BODY(name) static void name(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data)
BODY(grow);
BODY(grow_otherwise);

static body inside(body *b, kind as) {
    return (body){.seed = ebb_random_next(&b->draw), .kind = as, .depth = b->depth + 1, .outer = b};
}

static void branch(ebb_context *e, body *b) {
    body child = inside(b, BRANCH);
    ebb_tensor *r[2] = {NULL, NULL};
    child.outputs = 1 + pick(b, 2);
    branches++;
    ebb_tensor *p = ebb_gt(ebb_sum(any(b)), 0.25);
    if (pick(b, 2))
        ebb_cond_n(e, p, grow, grow_otherwise, &child, EBB_OPERANDS(any(b), any(b)), child.outputs, r);
    else
        ebb_cond_n(e, p, grow, grow_otherwise, &child, EBB_NO_OPERANDS, child.outputs, r);
    for (int k = 0; k < child.outputs; k++)
        keep(b, r[k]);
}

/* in: the states, then how often it ran. */
BODY(goes_on) {
    const body *b = data;
    body own = *b;
    own.draw = own.seed + 1;
    ebb_tensor *x = pick(&own, 3) == 0 ? ebb_add(in[0], ebb_random_uniform(e, EBB_F64, EBB_SHAPE(2), -1, 1)) : in[0];
    if (pick(&own, 4) == 0) ebb_assign(v[1], ebb_tanh(ebb_add(v[1], x)));
    out[0] = ebb_logical_and(ebb_lt(in[b->states], b->limit), ebb_lt(ebb_sum(x), 1.25));
}

static void loop_while(ebb_context *e, body *b) {
    body child = inside(b, CONDITION);
    ebb_tensor *r[3];
    child.states = 1 + pick(b, 2);
    child.limit = pick(b, 5);
    whiles++;
    if (child.states == 1)
        ebb_while_n(e, goes_on, grow, &child, EBB_OPERANDS(any(b), 0), r, NULL);
    else
        ebb_while_n(e, goes_on, grow, &child, EBB_OPERANDS(any(b), any(b), 0), r, NULL);
    for (int k = 0; k < child.states; k++)
        keep(b, r[k]);
}

static void loop_over_rows(ebb_context *e, body *b) {
    body child = inside(b, LOOP);
    ebb_tensor *r[4] = {NULL}, *list[3] = {any(b), any(b), any(b)};
    ebb_scan_options o = {.reverse = pick(b, 2)};
    int trips = pick(b, 4);
    scans++;
    child.states = pick(b, 3);
    child.rows = trips ? pick(b, 2) : 0;
    child.outputs = child.states ? pick(b, 2) : 1;
    ebb_operand state[2] = {EBB_OPERAND(any(b)), EBB_OPERAND(any(b))}, rows = {.dtype = EBB_NONE};
    if (child.rows) rows = EBB_OPERAND(ebb_stack(trips, list, 0));
    o.trips = trips;
    ebb_scan(e, grow, &child, child.states, state, child.rows, &rows, child.outputs, r, &o);
    for (int k = 0; k < child.states; k++)
        keep(b, r[k]);
    if (child.outputs) keep(b, ebb_tanh(ebb_sum_over(r[child.states], EBB_AXES(0), false)));
}

static void effect(ebb_context *e, body *b) {
    int k = pick(b, 2);
    effects++;
    if (pick(b, 2))
        ebb_assign(v[k], ebb_tanh(ebb_add(v[1 - k], any(b))));
    else
        keep(b, ebb_random_uniform(e, EBB_F64, EBB_SHAPE(2), -1, 1));
}

BODY(grow) {
    const body *given = data;
    body b = *given;
    const bool counts = b.kind == CONDITION;
    b.draw = b.seed;
    b.count = 0;
    for (int k = 0; in[k] && k < 2 + b.states + b.rows && !(counts && k == b.states); k++)
        keep(&b, in[k]);
    for (int n = 1 + pick(&b, 4) + (b.depth == 0 ? 3 : 0); n > 0; n--) {
        int what = pick(&b, 5 + 2 * b.depth);
        if (what < 3 && b.depth < DEEPEST)
            (what == 0 ? branch : what == 1 ? loop_while : loop_over_rows)(e, &b);
        else if (what == 3)
            effect(e, &b);
        else
            keep(&b, combine(&b));
    }
    for (int k = 0; k < b.states + b.outputs; k++)
        out[k] = any(&b);
    if (counts) out[b.states] = ebb_add(in[b.states], 1);
}

BODY(grow_otherwise) {
    body b = *(const body *)data;
    b.seed = ~b.seed;
    grow(e, in, out, &b);
}

/* ---- programs ---- */

/* x [2] -> [], data: the seed. */
BODY(program) {
    body b = {.seed = *(const uint64_t *)data, .kind = BRANCH, .outputs = 3};
    ebb_tensor *r[3];
    grow(e, in, r, &b);
    out[0] = ebb_sum(ebb_add(ebb_mul(r[0], r[1]), ebb_sin(r[2])));
}

/* x, direction -> the value, the gradient, its derivative along the direction: by tapes, eagerly. */
BODY(derived_by_tapes) {
    ebb_tensor *x = in[0], *direction = in[1], *argument[2] = {x, NULL};
    ebb_tape *forward = ebb_forward_start(e, 1, &x, &direction), *tape = ebb_tape_start(e, EBB_TAPE_MANUAL);
    ebb_watch(tape, x);
    program(e, argument, out, data);
    ebb_gradients(tape, 1, out, 1, &x, out + 1, &(ebb_gradient_options){.zeros = true});
    out[2] = ebb_tangent_or_zeros(forward, out[1]);
}

/* ---- ways to run one ---- */

typedef enum way { BY_C, TAPES_INSIDE, FUNCTIONS, WAYS } way;
static const char *const way_name[] = {"C", "tapes in a traced function", "functions of functions"};

enum { RESULTS = 8 }; /* value; gradient [2]; Hessian-vector product [2]; v[0][0], v[1][1] and the next random number */

static void read_results(ebb_tensor *const *out, double *to) {
    to[0] = ebb_item(out[0], 0);
    for (int i = 0; i < 2; i++) {
        to[1 + i] = ebb_item(out[1], i);
        to[3 + i] = ebb_item(out[2], i);
        to[5 + i] = ebb_item(v[i], i);
    }
    to[7] = ebb_item(ebb_random_uniform(ebb, EBB_F64, EBB_SCALAR, 0, 1), 0);
}

static void start_again(void) {
    ebb_assign(v[0], ebb_literal(ebb, "[0.5, -0.25]", EBB_F64));
    ebb_assign(v[1], ebb_literal(ebb, "[0.125, 1]", EBB_F64));
    ebb_set_seed(ebb, 7);
}

static void run(uint64_t seed, way w, ebb_mode mode, double *to) {
    ebb_tensor *out[3] = {NULL},
               *in[] = {ebb_literal(ebb, "[0.75, -0.5]", EBB_F64), ebb_literal(ebb, "[1, 0.5]", EBB_F64)};
    ebb_operand operand[] = {EBB_OPERAND(in[0]), EBB_OPERAND(in[1])};
    ebb_function_options o = {.name = "f", .data = &seed, .mode = mode, .results = w == TAPES_INSIDE ? 3 : 1};
    ebb_function *f = ebb_function_new(ebb, w == TAPES_INSIDE ? derived_by_tapes : program, &o);
    start_again();
    if (w == BY_C) {
        derived_by_tapes(ebb, in, out, &seed);
    } else if (w == TAPES_INSIDE) {
        ebb_call_n(f, 2, operand, 3, out);
    } else {
        ebb_function *first = ebb_value_and_grad(f, NULL), *second = ebb_hvp(f, NULL);
        ebb_call_n(first, 1, operand, 2, out);
        start_again();
        ebb_call_n(second, 2, operand, 1, out + 2);
        ebb_function_free(first);
        ebb_function_free(second);
    }
    read_results(out, to);
    ebb_function_free(f);
}

/* A few hundred operations on numbers near 1, and derivatives that may grow by a factor of 10 in each loop. */
static bool same(const double *have, const double *want, int *k) {
    for (*k = 0; *k < RESULTS; ++*k)
        if (!(fabs(have[*k] - want[*k]) <= 1e-9 * (1 + fabs(want[*k])))) return false;
    return true;
}

static bool agrees(uint64_t seed, way w, bool native, const double *want) {
    double have[RESULTS];
    int k = 0;
    setenv("EBB_JIT", native ? "" : "off", 1);
    run(seed, w, native ? EBB_NATIVE : EBB_COMPILED, have);
    bool good = ebb_ok(ebb) && same(have, want, &k);
    cr_expect(ebb_ok(ebb), "EBB_FUZZ_SEED=%llu, %s: %s", (unsigned long long)seed, way_name[w], ebb_error(ebb));
    cr_expect(good || !ebb_ok(ebb), "EBB_FUZZ_SEED=%llu, %s%s: result %d is %.17g, not %.17g", (unsigned long long)seed,
              way_name[w], native ? ", native" : "", k, have[k % RESULTS], want[k % RESULTS]);
    ebb_clear_error(ebb);
    return good;
}

static long from_environment(const char *name, long usual) {
    const char *text = getenv(name);
    return text && atol(text) > 0 ? atol(text) : usual;
}

Test(control_random, every_way_gives_the_same) {
    long programs = from_environment("EBB_FUZZ_PROGRAMS", USUAL), first = from_environment("EBB_FUZZ_SEED", 1), i = 0;
    int failures = 0;
    for (int k = 0; k < 2; k++)
        v[k] = ebb_variable(ebb, ebb_zeros(ebb, EBB_F64, EBB_SHAPE(2)), "v");
    for (; i < programs && failures < 5; i++)
        EBB_SCOPE (ebb) {
            uint64_t seed = (uint64_t)(first + i);
            double want[RESULTS];
            run(seed, BY_C, EBB_EAGER, want);
            expect_ok(ebb, "EBB_FUZZ_SEED=%llu", (unsigned long long)seed);
            for (way w = TAPES_INSIDE; w < WAYS; w++)
                failures += !agrees(seed, w, false, want);
            if (i % NATIVE_EACH == 0) failures += !agrees(seed, TAPES_INSIDE, true, want);
        }
    printf("cases: %ld programs; %d times a branch, %d a while, %d a scan, %d an effect\n", i, branches, whiles, scans,
           effects);
    cr_expect(branches && whiles && scans && effects);
}
