/* combine.c - rows added to rows, for the routines that collect (gather.c, overlap_add.c). */
#include "jit/runtime/runtime.h"

#define ADD(NAME, TYPE)                                                                                                \
    static void add_##NAME(void *to, const void *from, int64_t n) {                                                    \
        TYPE *y = to;                                                                                                  \
        const TYPE *x = from;                                                                                          \
        for (int64_t i = 0; i < n; i++)                                                                                \
            y[i] += x[i];                                                                                              \
    }
/* Integers are added as unsigned numbers, so that they wrap. */
ADD(i32, uint32_t)
ADD(i64, uint64_t)
ADD(f32, float)
ADD(f64, double)

ebb_rt_combine *ebb_rt_adder(ebb_dtype dtype) {
    static ebb_rt_combine *const add[] = {
        [EBB_I32] = add_i32, [EBB_I64] = add_i64, [EBB_F32] = add_f32, [EBB_F64] = add_f64};
    return add[dtype];
}
