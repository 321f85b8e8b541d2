/* 001_gradients.c - notebook 001: how variables are made and changed, and what a tape can be asked.
 *
 * Everything runs eagerly, as in the notebook: each line has its value when it has run. Start reading at main; each
 * function is a section of the notebook. */
#include <ebb.h>

/* ---- In[1..10]: making variables ---- */

static void making(ebb_context *ebb) {
    puts("variables made from numbers, lists, arrays and tensors");
    const int32_t array[] = {1, 2};
    ebb_tensor *const initial[] = {
        ebb_literal(ebb, "3", EBB_NONE),                        /* whole numbers are i32 ... */
        ebb_literal(ebb, "[1, 2]", EBB_NONE),                   /* ... */
        ebb_constant(ebb, EBB_I32, EBB_SHAPE(2), array),        /* data of the program are copied */
        ebb_literal(ebb, "3.", EBB_NONE),                       /* ... and decimals f32, ... */
        ebb_literal(ebb, "[1, 2]", EBB_F64),                    /* ... unless one says otherwise */
        ebb_literal(ebb, "[[1, 2], [3, 4]]", EBB_NONE),         /* any depth, up to EBB_MAX_RANK */
        ebb_zeros(ebb, EBB_F32, EBB_SHAPE(2, 3)),               /* any tensor */
        ebb_random_uniform(ebb, EBB_F32, EBB_SHAPE(2, 2), 0, 1) /* the same numbers for the same seed */
    };
    for (size_t i = 0; i < sizeof initial / sizeof *initial; i++)
        ebb_print(stdout, ebb_variable(ebb, initial[i], NULL));
}

/* ---- In[11..27]: what variables can do, and tensors cannot ---- */

static void print_error(ebb_context *ebb) {
    printf("%s: %s\n", ebb_code_name(ebb_error_code(ebb)), ebb_error(ebb));
    ebb_clear_error(ebb); /* so that the next one is kept */
}

static void changing(ebb_context *ebb) {
    puts("\na variable changes, a tensor does not");
    ebb_tensor *x = ebb_variable(ebb, ebb_literal(ebb, "[1, 2]", EBB_NONE), "x");
    ebb_tensor *one = ebb_literal(ebb, "[1, 1]", EBB_NONE);
    printf("%d axis of size %d, trainable: %s\n", ebb_rank(x), (int)ebb_dim(x, 0), ebb_trainable(x) ? "yes" : "no");
    ebb_print(stdout, ebb_assign(x, ebb_literal(ebb, "[3, 4]", EBB_NONE)));
    ebb_print(stdout, ebb_assign_add(x, one)); /* each gives the new value */
    ebb_print(stdout, ebb_assign_add(x, one));

    ebb_tensor *a = ebb_range(ebb, EBB_I32, 5), *v = ebb_variable(ebb, a, "v");
    ebb_assign(a, v);
    print_error(ebb);
    ebb_trainable(a);
    print_error(ebb);
    printf("a: tensor %d, variable %d; v: tensor %d, variable %d\n", ebb_is_tensor(a), ebb_is_variable(a),
           ebb_is_tensor(v), ebb_is_variable(v));
}

/* ---- In[28..39]: tapes ---- */

static void tapes(ebb_context *ebb) {
    ebb_tensor *x = ebb_variable(ebb, ebb_scalar(ebb, 3.0f), "x");

    puts("\nx^2 and its derivative at 3");
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT); /* watches trainable variables by itself */
    ebb_tensor *y = ebb_square(x);
    ebb_print(stdout, y);
    ebb_print(stdout, ebb_gradient(tape, y, x));
    ebb_gradient(tape, y, x); /* a tape answers once ... */
    print_error(ebb);

    puts("\nthe derivatives of x^2 and of x^3");
    tape = ebb_tape_start(ebb, EBB_TAPE_PERSISTENT); /* ... unless it is persistent */
    y = ebb_square(x);
    ebb_tensor *z = ebb_pow(x, 3);
    ebb_print(stdout, ebb_gradient(tape, y, x));
    ebb_print(stdout, ebb_gradient(tape, z, x));
    ebb_tape_free(tape); /* or at the end of the scope, or of the context */

    puts("\na tape that watches nothing, a watched variable, a watched tensor");
    tape = ebb_tape_start(ebb, EBB_TAPE_MANUAL);
    ebb_print(stdout, ebb_gradient(tape, ebb_square(x), x)); /* absent: ebb_is_absent is true */
    ebb_tensor *constant = ebb_scalar(ebb, 3.0f), *const watched[] = {x, constant};
    for (int i = 0; i < 2; i++) {
        tape = ebb_tape_start(ebb, EBB_TAPE_MANUAL);
        ebb_watch(tape, watched[i]);
        ebb_print(stdout, ebb_gradient(tape, ebb_square(watched[i]), watched[i]));
    }
}

/* ---- In[37..43]: several variables, second derivatives, vectors ---- */

/* x^2 + 2 y^2 + 1 */
static ebb_tensor *bowl(ebb_tensor *x, ebb_tensor *y) {
    return ebb_add(ebb_add(ebb_square(x), ebb_mul(2, ebb_square(y))), 1);
}

static void several_variables(ebb_context *ebb, const char *x, const char *y) {
    printf("\nx^2 + 2 y^2 + 1 at x = %s, y = %s: value, gradient, and the gradient of the gradient's sum\n", x, y);
    ebb_tensor *xy[] = {ebb_variable(ebb, ebb_literal(ebb, x, EBB_F32), "x"),
                        ebb_variable(ebb, ebb_literal(ebb, y, EBB_F32), "y")};
    ebb_tensor *first[2], *second[2];
    /* The outer tape records how the inner one answers. */
    ebb_tape *outer = ebb_tape_start(ebb, EBB_TAPE_DEFAULT), *inner = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_tensor *f = bowl(xy[0], xy[1]);
    ebb_gradients(inner, 1, &f, 2, xy, first, NULL);
    ebb_gradients(outer, 2, first, 2, xy, second, NULL);
    ebb_print(stdout, f);
    for (int i = 0; i < 2; i++)
        ebb_print(stdout, first[i]);
    for (int i = 0; i < 2; i++)
        ebb_print(stdout, second[i]);
}

int main(void) {
    ebb_context *ebb = ebb_open(&(ebb_options){.seed = 10});
    EBB_SCOPE (ebb) { /* all temporaries and tapes die at its end */
        making(ebb);
        changing(ebb);
        tapes(ebb);
        several_variables(ebb, "3.", "4.");
        several_variables(ebb, "[1., 2., 3.]", "[4., 5., 6.]");
    }
    bool good = ebb_ok(ebb);
    if (!good) fprintf(stderr, "%s\n", ebb_error(ebb));
    ebb_close(ebb);
    return good ? 0 : 1;
}
