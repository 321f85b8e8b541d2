/* cumsum.c - running totals along an axis, one row of neighbouring lines after another. */
#include "jit/runtime/runtime.h"

#include <string.h>

/* Row i is row i - 1 of the totals and its own. Integers are added as unsigned numbers, so that they wrap. */
#define TOTALS(NAME, TYPE)                                                                                             \
    static void totals_##NAME(void *to, int64_t size, int64_t inner) {                                                 \
        TYPE *y = to;                                                                                                  \
        for (int64_t i = inner; i < size * inner; i++)                                                                 \
            y[i] += y[i - inner];                                                                                      \
    }
TOTALS(i32, uint32_t)
TOTALS(i64, uint64_t)
TOTALS(f32, float)
TOTALS(f64, double)

int ebb_rt_cumsum(const int64_t *desc, const void *const *in, void *out) {
    static void (*const totals[])(void *, int64_t, int64_t) = {
        [EBB_I32] = totals_i32, [EBB_I64] = totals_i64, [EBB_F32] = totals_f32, [EBB_F64] = totals_f64};
    const ebb_dtype dtype = (ebb_dtype)desc[EBB_ARGMAX_DTYPE];
    const int64_t size = desc[EBB_ARGMAX_SIZE], inner = desc[EBB_ARGMAX_INNER];
    const size_t slab = (size_t)(size * inner) * ebb_dtype_size(dtype);
    unsigned char *y = out;
    if (slab == 0 || desc[EBB_ARGMAX_OUTER] == 0) return EBB_OK;
    memcpy(y, in[0], (size_t)desc[EBB_ARGMAX_OUTER] * slab);
    for (int64_t o = 0; o < desc[EBB_ARGMAX_OUTER]; o++, y += slab)
        totals[dtype](y, size, inner);
    return EBB_OK;
}
