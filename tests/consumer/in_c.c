/* in_c.c - the public header in C: a compiled gradient. */
#include <ebb.h>

static void cube(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    out[0] = ebb_sum(ebb_pow(in[0], 3));
}

int main(void) {
    ebb_context *ebb = ebb_open(&(ebb_options){.mode = EBB_NATIVE});
    ebb_function *f = ebb_function_new(ebb, cube, NULL);
    ebb_print(stdout, ebb_call(ebb_grad(f, NULL), ebb_literal(ebb, "[1, 2]", EBB_F64)));
    if (!ebb_ok(ebb)) fprintf(stderr, "%s\n", ebb_error(ebb));
    int status = ebb_ok(ebb) ? 0 : 1;
    ebb_close(ebb);
    return status;
}
