/* cast.c - from every dtype to every other: floating point to integers truncates and saturates (NaN is 0), i64 to i32
 * wraps, anything but 0 is true. Start reading at eval_cast_loop. */
#include "jit/eval/inside.h"

#define C_u8 uint8_t /* bool: its own name is a macro */
#define C_i32 int32_t
#define C_i64 int64_t
#define C_f32 float
#define C_f64 double

#define i32_FROM_u8(x) (x)
#define i32_FROM_i32(x) (x)
#define i32_FROM_i64(x) (int32_t)(uint32_t)(uint64_t)(x)
#define i32_FROM_f32(x) ebb_rt_to_i32((double)(x))
#define i32_FROM_f64(x) ebb_rt_to_i32(x)
#define i64_FROM_u8(x) (x)
#define i64_FROM_i32(x) (x)
#define i64_FROM_i64(x) (x)
#define i64_FROM_f32(x) ebb_rt_to_i64((double)(x))
#define i64_FROM_f64(x) ebb_rt_to_i64(x)

#define CAST(from, to, formula)                                                                                        \
    static void eval_cast_##from##_##to(int64_t n, void *result, const void *const *in, const int64_t *step) {         \
        C_##to *y = result;                                                                                            \
        const C_##from *from_x = in[0];                                                                                \
        const int64_t by = *step;                                                                                      \
        EVAL_EACH for (int64_t i = 0; i < n; i++) {                                                                    \
            const C_##from x = from_x[i * by];                                                                         \
            y[i] = (C_##to)(formula);                                                                                  \
        }                                                                                                              \
    }
#define CASTS(from)                                                                                                    \
    CAST(from, u8, x != 0)                                                                                             \
    CAST(from, i32, i32_FROM_##from(x))                                                                                \
    CAST(from, i64, i64_FROM_##from(x))                                                                                \
    CAST(from, f32, x)                                                                                                 \
    CAST(from, f64, x)
CASTS(u8)
CASTS(i32)
CASTS(i64)
CASTS(f32)
CASTS(f64)

#define ROW(from)                                                                                                      \
    {NULL,                                                                                                             \
     eval_cast_##from##_u8,                                                                                            \
     eval_cast_##from##_i32,                                                                                           \
     eval_cast_##from##_i64,                                                                                           \
     eval_cast_##from##_f32,                                                                                           \
     eval_cast_##from##_f64}

eval_loop *const eval_cast_loop[EBB_F64 + 1][EBB_F64 + 1] = {
    [EBB_BOOL] = ROW(u8), [EBB_I32] = ROW(i32), [EBB_I64] = ROW(i64), [EBB_F32] = ROW(f32), [EBB_F64] = ROW(f64)};
