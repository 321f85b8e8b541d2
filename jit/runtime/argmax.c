/* argmax.c - where the largest element of an axis is: the first of equal ones; NaN counts as the largest. */
#include "jit/runtime/runtime.h"

/* Integers compare as they are: best != best is never true for them. */
#define FIRST_LARGEST(NAME, TYPE)                                                                                      \
    static int64_t first_##NAME(const void *from, int64_t at, int64_t size, int64_t step) {                            \
        const TYPE *x = (const TYPE *)from + at;                                                                       \
        TYPE best = x[0];                                                                                              \
        int64_t where = 0;                                                                                             \
        for (int64_t i = 1; i < size && best == best; i++) {                                                           \
            TYPE v = x[i * step];                                                                                      \
            if (v > best || v != v) best = v, where = i;                                                               \
        }                                                                                                              \
        return where;                                                                                                  \
    }
FIRST_LARGEST(bool, uint8_t)
FIRST_LARGEST(i32, int32_t)
FIRST_LARGEST(i64, int64_t)
FIRST_LARGEST(f32, float)
FIRST_LARGEST(f64, double)

int ebb_rt_argmax(const int64_t *desc, const void *const *in, void *out) {
    static int64_t (*const first[])(const void *, int64_t, int64_t, int64_t) = {[EBB_BOOL] = first_bool,
                                                                                [EBB_I32] = first_i32,
                                                                                [EBB_I64] = first_i64,
                                                                                [EBB_F32] = first_f32,
                                                                                [EBB_F64] = first_f64};
    const int64_t size = desc[EBB_ARGMAX_SIZE], inner = desc[EBB_ARGMAX_INNER];
    int64_t *y = out;
    for (int64_t o = 0; o < desc[EBB_ARGMAX_OUTER]; o++)
        for (int64_t i = 0; i < inner; i++)
            *y++ = size ? first[desc[EBB_ARGMAX_DTYPE]](in[0], o * size * inner + i, size, inner) : 0;
    return EBB_OK;
}
