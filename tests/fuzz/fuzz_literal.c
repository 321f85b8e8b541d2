/* fuzz_literal.c - any text as a tensor's literal, in the dtype that its first byte says: a tensor that prints, or an
 * error. */
#include <stdio.h>
#include <stdlib.h>

#include "frontend/ebb.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static FILE *nowhere;
    if (!nowhere) nowhere = fopen("/dev/null", "w");
    if (size == 0) return 0;
    char *text = fuzz_text(data + 1, size - 1);
    ebb_context *ebb = ebb_open(NULL);
    ebb_tensor *x = ebb_literal(ebb, text, (ebb_dtype)(data[0] % (EBB_F64 + 1)));
    fuzz_expect(ebb_is_poison(x) != ebb_ok(ebb), "a tensor and an error, or neither: %s", ebb_error(ebb));
    if (ebb_ok(ebb)) ebb_print(nowhere, x);
    ebb_close(ebb);
    free(text);
    return 0;
}
