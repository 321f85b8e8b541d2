/* 002_tensors.c - notebook 002: tensors, variables, operations, and derivatives of derivatives.
 *
 * The last section goes beyond the notebook: it differentiates a function instead of what just ran, and calls native
 * code. Start reading at main. */
#include <ebb.h>

/* ---- In[1..6]: tensors ---- */

static void tensors(ebb_context *ebb) {
    puts("ones, zeros, uniform numbers");
    ebb_print(stdout, ebb_ones(ebb, EBB_F32, EBB_SHAPE(2, 1)));
    ebb_print(stdout, ebb_zeros(ebb, EBB_F32, EBB_SHAPE(2, 1)));
    ebb_print(stdout, ebb_random_uniform(ebb, EBB_F32, EBB_SHAPE(3, 1), 0, 1));

    puts("\nan array of the program can be written, a tensor cannot");
    float array[2][2] = {{1, 1}, {1, 1}};
    array[0][0] = 0;
    ebb_tensor *x = ebb_constant(ebb, EBB_F32, EBB_SHAPE(2, 2), array);
    ebb_print(stdout, x);
    ebb_assign_item(x, EBB_INDEX(0, 0), 0.0);
    printf("%s: %s\n", ebb_code_name(ebb_error_code(ebb)), ebb_error(ebb));
    ebb_clear_error(ebb);
}

/* ---- In[11..20]: variables ---- */

static void variables(ebb_context *ebb) {
    puts("\na variable, an element of it, + and -");
    ebb_tensor *one = ebb_ones(ebb, EBB_F32, EBB_SHAPE(3, 1));
    ebb_tensor *v = ebb_variable(ebb, ebb_random_normal(ebb, EBB_F32, EBB_SHAPE(3, 1), 0, 1), "v");
    ebb_assign(v, one);
    ebb_print(stdout, v);
    ebb_assign_item(v, EBB_INDEX(0, 0), 3.0); /* in place */
    ebb_print(stdout, v);
    ebb_assign_add(v, one);
    ebb_print(stdout, v);
    ebb_assign_sub(v, one);
    ebb_print(stdout, v);
}

/* ---- In[22]: operations ---- */

static void operations(ebb_context *ebb) {
    puts("\nsquare, square root, sum, product of matrices, product of elements");
    ebb_tensor *a = ebb_ones(ebb, EBB_F32, EBB_SHAPE(2, 2));
    ebb_tensor *b = ebb_square(a);
    ebb_tensor *c = ebb_sqrt(a); /* correctly rounded: 1, where the notebook shows 0.99999994 */
    ebb_tensor *d = ebb_add(b, c);
    ebb_tensor *e = ebb_matmul(a, b);
    ebb_tensor *const results[] = {b, c, d, e, ebb_mul(e, d)};
    for (int i = 0; i < 5; i++)
        ebb_print(stdout, results[i]);
}

/* ---- In[27..30]: gradients ---- */

static void gradients(ebb_context *ebb) {
    puts("\nthe derivative of x^2 at 3, x a variable and x a tensor");
    ebb_tensor *const inputs[] = {ebb_variable(ebb, ebb_scalar(ebb, 3.0f), "input"), ebb_scalar(ebb, 3.0f)};
    for (int i = 0; i < 2; i++) {
        ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
        if (!ebb_is_variable(inputs[i])) ebb_watch(tape, inputs[i]); /* watching everything would cost too much */
        ebb_print(stdout, ebb_gradient(tape, ebb_square(inputs[i]), inputs[i]));
    }
}

/* time [] -> position [] of a falling body. pow with a whole number is exact, also at 0. */
static void fall(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    out[0] = ebb_mul(4.9, ebb_pow(in[0], 2));
}

static void by_tapes(ebb_context *ebb) {
    puts("\nposition, speed and acceleration at time 0, by tapes");
    ebb_tensor *time = ebb_variable(ebb, ebb_scalar(ebb, 0.0f), "time"), *position;
    ebb_tape *outer = ebb_tape_start(ebb, EBB_TAPE_DEFAULT), *inner = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    fall(ebb, &time, &position, NULL);
    ebb_tensor *speed = ebb_gradient(inner, position, time);
    ebb_tensor *acceleration = ebb_gradient(outer, speed, time);
    ebb_print(stdout, position);
    ebb_print(stdout, speed);
    ebb_print(stdout, acceleration);
}

static void by_functions(ebb_context *ebb) {
    puts("\nthe same as functions, compiled, at time 4");
    ebb_function *position = ebb_function_new(ebb, fall, &(ebb_function_options){.name = "position"});
    ebb_function *speed = ebb_grad(position, NULL), *acceleration = ebb_grad(speed, NULL);
    ebb_tensor *time = ebb_scalar(ebb, 4.0f);
    ebb_print(stdout, ebb_call(position, time));
    ebb_print(stdout, ebb_call(speed, time));
    ebb_print(stdout, ebb_call(acceleration, time));
}

int main(void) {
    ebb_context *ebb = ebb_open(&(ebb_options){.seed = 4});
    EBB_SCOPE (ebb) {
        tensors(ebb);
        variables(ebb);
        operations(ebb);
        gradients(ebb);
        by_tapes(ebb);
        by_functions(ebb);
    }
    bool good = ebb_ok(ebb);
    if (!good) fprintf(stderr, "%s\n", ebb_error(ebb));
    ebb_close(ebb);
    return good ? 0 : 1;
}
