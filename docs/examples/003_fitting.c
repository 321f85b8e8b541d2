/* 003_fitting.c - notebook 003: gradients in several parameters at once, and a fit by a thousand of them.
 *
 * The model is written as an ordinary C function over tensors, so that the tape, the Hessian and the compiled training
 * step all use the same lines. Start reading at main. */
#include <ebb.h>

/* Prints the value of x alone, without shape and dtype. */
static void print_value(const char *before, ebb_tensor *x, const char *after) {
    char text[128];
    ebb_format_value(x, text, sizeof text);
    printf("%s%s%s", before, text, after);
}

/* ---- In[20]: one variable ---- */

static void one_variable(ebb_context *ebb) {
    puts("x^2 at 3");
    ebb_tensor *x = ebb_variable(ebb, ebb_scalar(ebb, 3.0f), "x");
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_tensor *y = ebb_square(x);
    print_value("y: ", y, "\n");
    print_value("the gradient of y in x: ", ebb_gradient(tape, y, x), "\n\n");
}

/* ---- In[38]: a matrix of parameters ---- */

/* sum((x w + b - y)^2), data: x [n,k], y [n,1]; parameters: w [k,1], b [] */
typedef struct samples {
    ebb_tensor *x, *y;
} samples;

static void squared_error(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb;
    const samples *s = data;
    ebb_tensor *predicted = ebb_add(ebb_matmul(s->x, in[0]), in[1]);
    out[0] = ebb_sum(ebb_square(ebb_sub(predicted, s->y)));
}

static void matrix_parameters(ebb_context *ebb) {
    puts("sum((x w + b - y)^2): its gradient, and its Hessian in w and b");
    samples s = {ebb_literal(ebb, "[[1., 2.], [3., 4.]]", EBB_F32), ebb_literal(ebb, "[[1.], [2.]]", EBB_F32)};
    ebb_tensor *w = ebb_literal(ebb, "[[1.], [2.]]", EBB_F32), *b = ebb_scalar(ebb, 1.0f);
    ebb_tensor *parameters[] = {ebb_variable(ebb, w, "w"), ebb_variable(ebb, b, "b")};

    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_tensor *loss, *gradients[2];
    squared_error(ebb, parameters, &loss, &s);
    ebb_gradients(tape, 1, &loss, 2, parameters, gradients, NULL); /* one for each parameter, in their order */
    print_value("loss ", loss, "\n");
    for (int i = 0; i < 2; i++) {
        printf("%s", ebb_name(parameters[i]));
        print_value(" -> ", parameters[i], "");
        print_value(" gradient: ", gradients[i], "\n");
    }

    /* The same C function, now traced, as a function of two tensors; the four blocks are w-w, w-b, b-w and b-b. */
    ebb_function *f = ebb_function_new(ebb, squared_error, &(ebb_function_options){.name = "loss", .data = &s});
    ebb_operand at[] = {EBB_OPERAND(w), EBB_OPERAND(b)};
    ebb_tensor *blocks[4];
    ebb_call_n(ebb_hessian(f, EBB_WRT(0, 1)), 2, at, 4, blocks);
    print_value("Hessian w-w: ", ebb_reshape(blocks[0], EBB_SHAPE(2, 2)), "\n");
    print_value("Hessian w-b: ", ebb_reshape(blocks[1], EBB_SHAPE(2)), "\n");
    print_value("Hessian b-b: ", blocks[3], "\n\n");
}

/* ---- In[78]: a fit ---- */

/* The notebook writes tf.square(y_hat, y), which squares y_hat and takes y for a name. ebb_square(y_hat, y) does not
 * compile. */
typedef struct fit {
    ebb_tensor *x, *y;      /* [2,3] */
    ebb_tensor *unknown[2]; /* w [], b [] */
    ebb_optimizer *sgd;
} fit;

static void fit_step(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)in;
    fit *f = data;
    ebb_tensor *gradients[2];
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_tensor *predicted = ebb_add(ebb_mul(f->x, f->unknown[0]), f->unknown[1]);
    out[0] = ebb_sum(ebb_square(ebb_sub(predicted, f->y)));
    ebb_gradients(tape, 1, out, 2, f->unknown, gradients, NULL);
    ebb_apply_gradients(f->sgd, 2, gradients, f->unknown);
}

static void fitting(ebb_context *ebb) {
    puts("a fit of y = 3 x + 2, a thousand steps");
    fit f = {.x = ebb_random_uniform(ebb, EBB_F32, EBB_SHAPE(2, 3), 0, 1)};
    f.y = ebb_add(ebb_mul(3, f.x), 2);
    f.unknown[0] = ebb_variable(ebb, ebb_random_uniform(ebb, EBB_F32, EBB_SCALAR, 0, 1), "w");
    f.unknown[1] = ebb_variable(ebb, ebb_random_uniform(ebb, EBB_F32, EBB_SCALAR, 0, 1), "b");
    f.sgd = ebb_sgd(ebb, &(ebb_sgd_options){.learning_rate = 1e-3});
    ebb_function *step = ebb_function_new(ebb, fit_step, &(ebb_function_options){.name = "fit", .data = &f});
    for (int i = 0; i < 1000; i++)
        EBB_SCOPE (ebb) {
            ebb_tensor *loss; /* before the update */
            ebb_call_n(step, 0, NULL, 1, &loss);
            if (i % 100 == 0) printf("step %3d: loss %.6f\n", i, ebb_item(loss, 0));
        }
    print_value("w ", f.unknown[0], "");
    print_value(", b ", f.unknown[1], "\n");
}

int main(void) {
    ebb_context *ebb = ebb_open(&(ebb_options){.seed = 78});
    EBB_SCOPE (ebb) {
        one_variable(ebb);
        matrix_parameters(ebb);
        fitting(ebb);
    }
    bool good = ebb_ok(ebb);
    if (!good) fprintf(stderr, "%s\n", ebb_error(ebb));
    ebb_close(ebb);
    return good ? 0 : 1;
}
