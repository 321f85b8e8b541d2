/* 004_control.c - branches and loops that depend on values: a root, a pendulum, and the push that brings it upright.
 *
 * Each is a traced function, so the loops are part of the compiled program, which does not grow with the number of
 * iterations; and each is differentiated as any other function is. Start reading at main. */
#include <ebb.h>

#define UNUSED (void)ebb, (void)in, (void)data

static void print_value(const char *before, ebb_tensor *x, const char *after) {
    char text[128];
    ebb_format_value(x, text, sizeof text);
    printf("%s%s%s", before, text, after);
}

/* ---- as long as: the square root by Newton's method ---- */

/* States x [], a []. */
static void is_rough(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    UNUSED;
    out[0] = ebb_gt(ebb_abs(ebb_sub(ebb_square(in[0]), in[1])), ebb_mul(1e-14, in[1]));
}

static void refine(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    UNUSED;
    out[0] = ebb_mul(0.5, ebb_add(in[0], ebb_div(in[1], in[0])));
    out[1] = in[1];
    out[2] = ebb_add(in[2], 1);
}

/* a [] -> its root [], the number of iterations [] */
static void square_root(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    UNUSED;
    ebb_tensor *last[3];
    ebb_while_n(ebb, is_rough, refine, NULL, EBB_OPERANDS(in[0], in[0], 0), last, NULL);
    out[0] = last[0];
    out[1] = last[2];
}

static void roots(ebb_context *ebb) {
    puts("square roots by Newton's method, and their derivatives 1/(2 sqrt(a)) through the loop");
    ebb_function *root = ebb_function_new(ebb, square_root, &(ebb_function_options){.name = "root", .results = 2});
    ebb_function *slope = ebb_grad(root, NULL), *second = ebb_grad(slope, NULL);
    for (double a = 4; a < 1e9; a *= 1e4) {
        ebb_operand at[] = {EBB_OPERAND(ebb_scalar(ebb, a))};
        ebb_tensor *r[2];
        ebb_call_n(root, 1, at, 2, r);
        printf("a = %g: %.12g after %g iterations, slope %.9g, second derivative %.9g\n", a, ebb_item(r[0], 0),
               ebb_item(r[1], 0), ebb_item(ebb_call(slope, at[0].tensor), 0),
               ebb_item(ebb_call(second, at[0].tensor), 0));
    }
    printf("traced %d time\n\n", ebb_trace_count(root));
}

/* ---- so many times: a pendulum ---- */

enum { STEPS = 200 };
static const double step = 0.01; /* of time */

/* States: angle [], speed []; stacks the angle. Half a step of the speed, one of the angle, half a step of the speed
 * (Verlet, 1967). */
static void swing(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    UNUSED;
    ebb_tensor *middle = ebb_sub(in[1], ebb_mul(step / 2, ebb_sin(in[0])));
    out[0] = out[2] = ebb_add(in[0], ebb_mul(step, middle));
    out[1] = ebb_sub(middle, ebb_mul(step / 2, ebb_sin(out[0])));
}

/* angle [], speed [] -> the last angle [], all angles [STEPS] */
static void pendulum(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    UNUSED;
    ebb_tensor *last[3];
    ebb_scan(ebb, swing, NULL, EBB_OPERANDS(in[0], in[1]), EBB_NO_OPERANDS, 1, last,
             (&(ebb_scan_options){.trips = STEPS}));
    out[0] = last[0];
    out[1] = last[2];
}

/* ---- one in the other: which push brings it to an angle? ---- */

/* What the search needs. */
typedef struct search {
    ebb_function *pendulum;
    double target;
} search;

/* State: speed []; the condition and the body both run the pendulum. */
static ebb_tensor *miss(const search *s, ebb_context *ebb, ebb_tensor *speed) {
    return ebb_sub(ebb_call(s->pendulum, ebb_scalar(ebb, 0.0), speed), s->target);
}

static void misses(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    out[0] = ebb_gt(ebb_abs(miss(data, ebb, in[0])), 1e-10);
}

/* Newton's method again; the slope comes from a tape inside of the loop. */
static void aim(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_MANUAL);
    ebb_watch(tape, in[0]);
    ebb_tensor *m = miss(data, ebb, in[0]);
    out[0] = ebb_sub(in[0], ebb_div(m, ebb_gradient(tape, m, in[0])));
}

/* speed [] -> the speed [] that reaches the target */
static void right_push(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    out[0] = ebb_while(ebb, misses, aim, data, in[0]);
}

static void pushes(ebb_context *ebb) {
    printf("a pendulum, pushed from rest: %d steps of %g\n", STEPS, step);
    ebb_function *swings = ebb_function_new(ebb, pendulum, &(ebb_function_options){.name = "pendulum", .results = 2});
    ebb_operand at[] = {EBB_OPERAND(ebb_scalar(ebb, 0.0)), EBB_OPERAND(ebb_scalar(ebb, 1.0))};
    ebb_tensor *r[2];
    ebb_call_n(swings, 2, at, 2, r);
    for (int i = STEPS / 5 - 1; i < STEPS; i += STEPS / 5)
        printf("angle %9.6f at %g\n", ebb_item(r[1], i), (i + 1) * step);
    ebb_tensor *slope = ebb_call(ebb_grad(swings, EBB_WRT(1)), at[0].tensor, at[1].tensor);
    printf("the last angle changes by %.6f per unit of speed\n", ebb_item(slope, 0));

    search s = {swings, 1.5};
    ebb_function *find = ebb_function_new(ebb, right_push, &(ebb_function_options){.name = "push", .data = &s});
    ebb_tensor *speed = ebb_call(find, at[1].tensor);
    printf("with speed %.9f it is at ", ebb_item(speed, 0));
    at[1] = EBB_OPERAND(speed);
    ebb_call_n(swings, 2, at, 1, r);
    printf("%.9f\n\n", ebb_item(r[0], 0));
}

/* ---- one or the other ---- */

static void straight(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    UNUSED;
    out[0] = in[0];
}

static void rooted(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    UNUSED;
    out[0] = ebb_sqrt(in[0]);
}

/* x [n] -> x where it is below 1, else its root [n]: element by element, and only what is needed is computed. */
static void each_element(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    UNUSED;
    out[0] = ebb_cond(ebb, ebb_lt(in[0], 1), straight, rooted, NULL, in[0]);
}

static void bent(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    UNUSED;
    out[0] = ebb_map(ebb, each_element, NULL, in[0]);
    out[1] = ebb_sum(out[0]);
}

static void bends(ebb_context *ebb) {
    puts("x below 1, sqrt(x) above");
    ebb_function *f = ebb_function_new(ebb, bent, &(ebb_function_options){.name = "bent", .results = 2});
    ebb_tensor *x = ebb_literal(ebb, "[-1, 0, 0.5, 1, 4, 16]", EBB_F64), *r[2];
    ebb_call_n(f, 1, ((ebb_operand[]){EBB_OPERAND(x)}), 2, r);
    print_value("", r[0], "\n");
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_watch(tape, x);
    print_value("its slope: ", ebb_gradient(tape, ebb_call(f, x), x), "\n");
}

int main(void) {
    ebb_context *ebb = ebb_open(NULL);
    EBB_SCOPE (ebb)
        roots(ebb);
    EBB_SCOPE (ebb)
        pushes(ebb);
    EBB_SCOPE (ebb)
        bends(ebb);
    bool good = ebb_ok(ebb);
    if (!good) fprintf(stderr, "%s\n", ebb_error(ebb));
    ebb_close(ebb);
    return good ? 0 : 1;
}
