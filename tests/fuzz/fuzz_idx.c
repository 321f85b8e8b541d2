/* fuzz_idx.c - any bytes as an IDX file, plain or gzip'ed, read into the dtype that the first byte says. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "frontend/ebb.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[64];
    if (size == 0) return 0;
    int file = memfd_create("idx", 0);
    fuzz_expect(file >= 0 && write(file, data + 1, size - 1) == (ssize_t)size - 1, "no file");
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    ebb_context *ebb = ebb_open(NULL);
    ebb_tensor *x = ebb_read_idx(ebb, path, (ebb_dtype)(data[0] % (EBB_F64 + 1)));
    fuzz_expect(ebb_is_poison(x) != ebb_ok(ebb), "a tensor and an error, or neither: %s", ebb_error(ebb));
    ebb_close(ebb);
    close(file);
    return 0;
}
