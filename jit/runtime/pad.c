/* pad.c - a tensor laid into zeros: `low` of them before, `gap` between neighbours, the rest after, on each axis. */
#include "jit/runtime/runtime.h"

#include <string.h>

/* One run of the last axis, n > 0 elements of `size` bytes, `step` bytes apart in the result; gives where it ends. */
static unsigned char *put_run(unsigned char *y, size_t step, const unsigned char *x, int64_t n, size_t size) {
    unsigned char *end = y + (size_t)(n - 1) * step + size;
    if (step == size) {
        memcpy(y, x, (size_t)n * size);
    } else {
        memset(y, 0, (size_t)(end - y));
        for (int64_t i = 0; i < n; i++)
            memcpy(y + (size_t)i * step, x + (size_t)i * size, size);
    }
    return end;
}

int ebb_rt_pad(const int64_t *desc, const void *const *in, void *out) {
    const int last = (int)desc[EBB_PAD_RANK] - 1;
    const int64_t *from = desc + EBB_PAD_SIZES, *to = from + last + 1, *low = to + last + 1, *gap = low + last + 1;
    const size_t size = ebb_dtype_size((ebb_dtype)desc[EBB_PAD_DTYPE]);
    const unsigned char *x = in[0];
    unsigned char *y = out;
    size_t step[EBB_MAX_RANK] = {0}, bytes = size;
    int64_t at[EBB_MAX_RANK] = {0}, runs = 1;
    for (int a = last; a >= 0; a--) { /* y points to where the operand's first element goes */
        step[a] = bytes * (size_t)(gap[a] + 1);
        y += bytes * (size_t)low[a];
        bytes *= (size_t)to[a];
        if (a < last) runs *= from[a];
    }
    if (bytes == 0) return EBB_OK;
    const int64_t n = last >= 0 ? from[last] : 1;
    unsigned char *done = out, *end = done + bytes; /* runs come in the order of the result: zeros go between them */
    while (n && runs--) {
        memset(done, 0, (size_t)(y - done));
        done = put_run(y, last >= 0 ? step[last] : size, x, n, size);
        x += (size_t)n * size;
        for (int a = last - 1; a >= 0; a--) { /* the next run */
            y += step[a];
            if (++at[a] < from[a]) break;
            y -= (size_t)from[a] * step[a];
            at[a] = 0;
        }
    }
    memset(done, 0, (size_t)(end - done));
    return EBB_OK;
}
