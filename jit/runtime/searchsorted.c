/* searchsorted.c - where values belong in sorted lines: in the order of argsort, with NaN after all numbers.
 *
 * Invariant: the place is within 0 ... size, whatever the line holds; in one that is not sorted it says nothing. */
#include "jit/runtime/runtime.h"

/* How many elements of the line are before the value, or, `right`, not after it. v != v is never true for integers. */
#define PLACE(NAME, TYPE)                                                                                              \
    static bool less_##NAME(TYPE u, TYPE v) { return u < v || (u == u && v != v); }                                    \
    static int64_t place_##NAME(const void *line, int64_t n, const void *value, int64_t i, bool right) {               \
        const TYPE *x = line, v = ((const TYPE *)value)[i];                                                            \
        int64_t low = 0;                                                                                               \
        while (low < n) {                                                                                              \
            const int64_t middle = low + (n - low) / 2;                                                                \
            if (right ? !less_##NAME(v, x[middle]) : less_##NAME(x[middle], v))                                        \
                low = middle + 1;                                                                                      \
            else                                                                                                       \
                n = middle;                                                                                            \
        }                                                                                                              \
        return low;                                                                                                    \
    }
PLACE(bool, uint8_t)
PLACE(i32, int32_t)
PLACE(i64, int64_t)
PLACE(f32, float)
PLACE(f64, double)

int ebb_rt_searchsorted(const int64_t *desc, const void *const *in, void *out) {
    static int64_t (*const places[])(const void *, int64_t, const void *, int64_t, bool) = {[EBB_BOOL] = place_bool,
                                                                                            [EBB_I32] = place_i32,
                                                                                            [EBB_I64] = place_i64,
                                                                                            [EBB_F32] = place_f32,
                                                                                            [EBB_F64] = place_f64};
    const ebb_dtype dtype = (ebb_dtype)desc[EBB_SEARCH_DTYPE];
    const int64_t size = desc[EBB_SEARCH_SIZE], count = desc[EBB_SEARCH_COUNT_];
    const unsigned char *line = in[0];
    int64_t *y = out;
    for (int64_t b = 0; b < desc[EBB_SEARCH_BATCH]; b++, line += (size_t)size * ebb_dtype_size(dtype))
        for (int64_t i = 0; i < count; i++)
            y[b * count + i] = places[dtype](line, size, in[1], b * count + i, desc[EBB_SEARCH_RIGHT]);
    return EBB_OK;
}
