/* overlap_add.c - windows summed back to where they were read. An element's windows are added from its first place in
 * one to its last; what lies in none is 0. */
#include "jit/runtime/runtime.h"

#include <string.h>

/* One element of the axis: y gets what x, [count, window, inner], has for position `at`. */
static void collect(const int64_t *desc, const unsigned char *x, int64_t at, unsigned char *y) {
    const ebb_dtype dtype = (ebb_dtype)desc[EBB_OVERLAP_DTYPE];
    const int64_t window = desc[EBB_OVERLAP_WINDOW], inner = desc[EBB_OVERLAP_INNER];
    const size_t row = (size_t)inner * ebb_dtype_size(dtype);
    ebb_rt_combine *const add = ebb_rt_adder(dtype);
    bool first = true;
    for (int64_t j = 0; j < window && j * desc[EBB_OVERLAP_DILATION] <= at; j++) {
        const int64_t start = at - j * desc[EBB_OVERLAP_DILATION], i = start / desc[EBB_OVERLAP_STRIDE];
        if (start % desc[EBB_OVERLAP_STRIDE] || i >= desc[EBB_OVERLAP_COUNT_]) continue;
        const unsigned char *from = x + (size_t)(i * window + j) * row;
        if (first)
            memcpy(y, from, row); /* adding to 0 would lose the sign of -0 */
        else
            add(y, from, inner);
        first = false;
    }
    if (first) memset(y, 0, row);
}

int ebb_rt_overlap_add(const int64_t *desc, const void *const *in, void *out) {
    const size_t row = (size_t)desc[EBB_OVERLAP_INNER] * ebb_dtype_size((ebb_dtype)desc[EBB_OVERLAP_DTYPE]);
    const size_t slab = (size_t)(desc[EBB_OVERLAP_COUNT_] * desc[EBB_OVERLAP_WINDOW]) * row;
    const unsigned char *x = in[0];
    unsigned char *y = out;
    for (int64_t o = 0; row && o < desc[EBB_OVERLAP_OUTER]; o++, x += slab)
        for (int64_t at = 0; at < desc[EBB_OVERLAP_SIZE]; at++, y += row)
            collect(desc, x, at, y);
    return EBB_OK;
}
