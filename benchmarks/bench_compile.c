/* bench_compile.c - what compiling costs: a 20-operation function with its gradient, warm and as a whole cold process
 * (this program runs itself with "cold"), and the Fashion-MNIST training step, warm. */
#include "benchmarks/support/bench.h"
#include "frontend/ebb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REPEATS = 15 };

/* Twenty operations on a scalar. */
static void twenty(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    ebb_tensor *x = in[0], *y = x;
    for (int i = 0; i < 4; i++)
        y = ebb_add(ebb_mul(ebb_sin(y), 0.5), ebb_mul(ebb_exp(ebb_neg(x)), y));
    out[0] = y;
}

static double compile_twenty(ebb_context *ebb) {
    double start = bench_now(), end;
    ebb_function *f = ebb_function_new(ebb, twenty, &(ebb_function_options){.name = "twenty"});
    ebb_function *both = ebb_value_and_grad(f, NULL);
    EBB_SCOPE (ebb) {
        ebb_tensor *out[2];
        ebb_call_n(both, 1, (ebb_operand[]){EBB_OPERAND(ebb_scalar(ebb, 0.3))}, 2, out);
    }
    end = bench_now();
    ebb_function_free(both);
    ebb_function_free(f);
    return end - start;
}

typedef struct model {
    ebb_tensor *v[4];
    ebb_optimizer *adam;
} model;

static void train_step(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    model *m = data;
    ebb_tensor *gradients[4];
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
    ebb_tensor *h = ebb_relu(ebb_add(ebb_matmul(in[0], m->v[0]), m->v[1]));
    ebb_tensor *logits = ebb_add(ebb_matmul(h, m->v[2]), m->v[3]);
    out[0] = ebb_mean(ebb_sparse_softmax_cross_entropy(logits, in[1]));
    ebb_gradients(tape, 1, out, 4, m->v, gradients, NULL);
    ebb_apply_gradients(m->adam, 4, gradients, m->v);
}

static double compile_step(ebb_context *ebb, model *m, const ebb_operand *in) {
    double start = bench_now();
    ebb_function *f = ebb_function_new(ebb, train_step, &(ebb_function_options){.name = "train_step", .data = m});
    ebb_concrete *c = ebb_get_concrete(f, 2, in);
    bool native = ebb_concrete_is_native(c);
    double end = bench_now();
    ebb_function_free(f);
    return native ? end - start : 1e9;
}

static double cold_process(const char *self) {
    double start = bench_now();
    pid_t child = fork();
    if (child == 0) {
        execl(self, self, "cold", (char *)NULL);
        _exit(127);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0) return 1e9;
    return bench_now() - start;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(const char *what, double *seconds, double limit, const char *limit_text) {
    qsort(seconds, REPEATS, sizeof *seconds, ascending);
    char least[40];
    double median = seconds[REPEATS / 2];
    snprintf(least, sizeof least, "%.1f ms at least", seconds[0] * 1e3);
    printf("| %s | %.1f ms | %s | | %s | %s |\n", what, median * 1e3, least, limit_text,
           median < limit ? "holds" : "MISSED");
}

int main(int argc, char **argv) {
    ebb_context *ebb = ebb_open(&(ebb_options){.mode = EBB_NATIVE});
    if (argc > 1 && strcmp(argv[1], "cold") == 0) {
        compile_twenty(ebb);
        bool good = ebb_ok(ebb);
        ebb_close(ebb);
        return good ? 0 : 1;
    }
    model m = {{ebb_variable(ebb, ebb_zeros(ebb, EBB_F32, EBB_SHAPE(784, 128)), "w1"),
                ebb_variable(ebb, ebb_zeros(ebb, EBB_F32, EBB_SHAPE(128)), "b1"),
                ebb_variable(ebb, ebb_zeros(ebb, EBB_F32, EBB_SHAPE(128, 10)), "w2"),
                ebb_variable(ebb, ebb_zeros(ebb, EBB_F32, EBB_SHAPE(10)), "b2")},
               ebb_adam(ebb, NULL)};
    ebb_operand in[] = {EBB_OPERAND(ebb_zeros(ebb, EBB_F32, EBB_SHAPE(64, 784))),
                        EBB_OPERAND(ebb_zeros(ebb, EBB_I32, EBB_SHAPE(64)))};
    double warm[REPEATS], step[REPEATS], cold[REPEATS];
    compile_twenty(ebb);
    compile_step(ebb, &m, in);
    for (int i = 0; i < REPEATS; i++) {
        warm[i] = compile_twenty(ebb);
        step[i] = compile_step(ebb, &m, in);
        cold[i] = cold_process(argv[0]);
    }
    bench_title("Trace, differentiate, compile, first call", "fastest");
    report("20-op function with its gradient, warm", warm, 4e-3, "4 ms");
    report("20-op function with its gradient, whole cold process", cold, 40e-3, "40 ms");
    report("Fashion-MNIST training step with Adam, warm", step, 60e-3, "60 ms");
    int code = ebb_ok(ebb) ? 0 : 1;
    if (code) fprintf(stderr, "%s\n", ebb_error(ebb));
    ebb_close(ebb);
    return code;
}
