/* 000_regression.c - notebook 000: a line through a hundred points, a variable, Adam, and the tape beneath it all.
 *
 * The notebook runs every step operation by operation. Here a step of training is a C function that is traced and
 * compiled at its first call; the numbers are the same either way (try .mode = EBB_EAGER in main). Start reading at
 * main. */
#include <ebb.h>

/* Prints the value of x alone, without shape and dtype. */
static void print_value(const char *before, ebb_tensor *x, const char *after) {
    char text[64];
    ebb_format_value(x, text, sizeof text);
    printf("%s%s%s", before, text, after);
}

/* ---- In[14]: linear regression ---- */

/* What one step needs besides its arguments. */
typedef struct line {
    ebb_tensor *unknown[2]; /* W [1], b [1] */
    ebb_optimizer *sgd;
} line;

/* One step: x [n], y [n] -> the mean squared error []. The arguments have no values while this runs: it describes the
 * computation, once. Tape, gradients and update all become part of one native function. */
static void line_step(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    line *l = data;
    ebb_tensor *x = in[0], *y = in[1], *gradients[2];
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_tensor *predicted = ebb_add(ebb_mul(l->unknown[0], x), l->unknown[1]); /* [1] stretches to [n] */
    ebb_tensor *loss = ebb_mean(ebb_square(ebb_sub(predicted, y)));
    ebb_gradients(tape, 1, &loss, 2, l->unknown, gradients, NULL);
    ebb_apply_gradients(l->sgd, 2, gradients, l->unknown);
    out[0] = loss;
}

static void linear_regression(ebb_context *ebb) {
    puts("linear regression of y = 0.1 x + 0.3");
    ebb_tensor *x = ebb_random_uniform(ebb, EBB_F32, EBB_SHAPE(100), 0, 1);
    ebb_tensor *y = ebb_add(ebb_mul(x, 0.1), 0.3); /* a C number takes the dtype of the tensor it meets */
    line l = {
        .unknown = {ebb_variable(ebb, ebb_random_uniform(ebb, EBB_F32, EBB_SHAPE(1), -1, 1), "W"),
                    ebb_variable(ebb, ebb_zeros(ebb, EBB_F32, EBB_SHAPE(1)), "b")},
        .sgd = ebb_sgd(ebb, &(ebb_sgd_options){.learning_rate = 0.5}),
    };
    ebb_function *step = ebb_function_new(ebb, line_step, &(ebb_function_options){.name = "line_step", .data = &l});
    for (int i = 0; i <= 200; i++) {
        EBB_SCOPE (ebb)
            ebb_call(step, x, y); /* the loss dies with the scope, W and b do not */
        if (i % 20 == 0) {
            printf("%3d", i);
            print_value(" ", l.unknown[0], "");
            print_value(" ", l.unknown[1], "\n");
        }
    }
    printf("traced %d time\n\n", ebb_trace_count(step));
}

/* ---- In[16]: a variable ---- */

static void a_variable(ebb_context *ebb) {
    puts("a variable starts at 1, and 1 is added");
    ebb_tensor *x = ebb_variable(ebb, ebb_scalar(ebb, 1.0f), "x");
    ebb_assign_add(x, 1.0);
    print_value("", x, "\n\n");
}

/* ---- In[18]: Adam ---- */

/* x^2 + 2x + 1, where data is x. A loss for ebb_minimize has no arguments: it reads variables. */
static void parabola(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)in;
    ebb_tensor *x = data;
    out[0] = ebb_add(ebb_add(ebb_pow(x, 2), ebb_mul(2, x)), 1);
}

static void adam(ebb_context *ebb) {
    puts("ten steps of Adam towards the minimum of x^2 + 2x + 1");
    ebb_tensor *x = ebb_variable(ebb, ebb_scalar(ebb, 1.0f), "x");
    ebb_optimizer *optimizer = ebb_adam(ebb, &(ebb_adam_options){.learning_rate = 0.1});
    for (int i = 0; i < 10; i++)
        EBB_SCOPE (ebb) {
            ebb_minimize(optimizer, parabola, x, 1, &x); /* tape, loss, gradient and step in one; eagerly */
            print_value("", x, "\n");
        }
    putchar('\n');
}

/* ---- In[15]: the tape ---- */

static void the_tape(ebb_context *ebb) {
    puts("the derivative of x^2 + 2x + 1 at 3");
    EBB_SCOPE (ebb) {
        ebb_tensor *x = ebb_scalar(ebb, 3.0f), *y;
        ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
        ebb_watch(tape, x); /* a variable would be watched by itself */
        parabola(ebb, NULL, &y, x);
        ebb_print(stdout, ebb_gradient(tape, y, x));
    }
}

int main(void) {
    ebb_context *ebb = ebb_open(&(ebb_options){.seed = 14, .mode = EBB_COMPILED});
    linear_regression(ebb);
    a_variable(ebb);
    adam(ebb);
    the_tape(ebb);
    bool good = ebb_ok(ebb);
    if (!good) fprintf(stderr, "%s\n", ebb_error(ebb)); /* the first thing that went wrong, and where */
    ebb_close(ebb);
    return good ? 0 : 1;
}
