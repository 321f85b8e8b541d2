// in_cpp.cpp - the public header in C++: the plain functions, which take the source line.
#include <ebb.h>

static void cube(ebb_context *, ebb_tensor *const *in, ebb_tensor **out, void *) {
    ebb_operand x = ebb_operand_tensor(in[0]), three = ebb_operand_long(3);
    out[0] = ebb_sum_at(ebb_pow_at(x, three, __FILE__, __LINE__), EBB_ALL_AXES, false, __FILE__, __LINE__);
}

int main() {
    ebb_options options = {};
    options.mode = EBB_NATIVE;
    ebb_context *ebb = ebb_open(&options);
    ebb_function *f = ebb_function_new(ebb, cube, nullptr);
    ebb_operand x = ebb_operand_tensor(ebb_literal_at(ebb, "[1, 2]", EBB_F64, __FILE__, __LINE__));
    ebb_print(stdout, ebb_call_at(ebb_grad(f, nullptr), 1, &x, __FILE__, __LINE__));
    if (!ebb_ok(ebb)) fprintf(stderr, "%s\n", ebb_error(ebb));
    int status = ebb_ok(ebb) ? 0 : 1;
    ebb_close(ebb);
    return status;
}
