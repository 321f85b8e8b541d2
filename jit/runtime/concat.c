/* concat.c - two tensors one after the other on an axis: whole runs of bytes, left and right by turns. */
#include "jit/runtime/runtime.h"

#include <string.h>

int ebb_rt_concat(const int64_t *desc, const void *const *in, void *out) {
    const size_t size = ebb_dtype_size((ebb_dtype)desc[EBB_CONCAT_DTYPE]);
    const size_t left = (size_t)desc[EBB_CONCAT_LEFT] * size, right = (size_t)desc[EBB_CONCAT_RIGHT] * size;
    const unsigned char *x = in[0], *y = in[1];
    unsigned char *to = out;
    for (int64_t o = 0; o < desc[EBB_CONCAT_OUTER]; o++) {
        if (left) memcpy(to, x, left);
        if (right) memcpy(to + left, y, right);
        x += left, y += right, to += left + right;
    }
    return EBB_OK;
}
