/* fuzz_expression.c - any text as an expression in x (a scalar) and v (a vector): parsed, or refused with a column.
 * What parses is computed, and differentiated where it has one element. */
#include <stdlib.h>
#include <string.h>

#include "frontend/ebb.h"
#include "tests/fuzz/fuzz.h"

static void compute(ebb_context *ebb, ebb_function *f) {
    ebb_operand in[] = {ebb_operand_tensor(ebb_scalar(ebb, 0.7)),
                        ebb_operand_tensor(ebb_literal(ebb, "[1, -2, 3]", EBB_F64))};
    ebb_tensor *out[3];
    ebb_call_n_at(f, 2, in, 1, out, __FILE__, __LINE__);
    if (ebb_ok(ebb) && ebb_size(out[0]) == 1)
        ebb_call_n_at(ebb_value_and_grad(f, EBB_WRT(0, 1)), 2, in, 3, out, __FILE__, __LINE__);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"x", "v"};
    char *text = fuzz_text(data, size);
    ebb_context *ebb = ebb_open(&(ebb_options){.mode = EBB_EAGER});
    ebb_function *f = ebb_expression(ebb, text, 2, names);
    fuzz_expect((f != NULL) == ebb_ok(ebb), "a function and an error, or neither: %s", ebb_error(ebb));
    fuzz_expect(f || strncmp(ebb_error(ebb), "expression: column ", 19) == 0, "no column: %s", ebb_error(ebb));
    EBB_SCOPE (ebb)
        if (f && size < 1000) compute(ebb, f);
    ebb_close(ebb);
    free(text);
    return 0;
}
