/* cast.c - floating point to integers without surprises: what is too large saturates, NaN is 0. */
#include "jit/runtime/runtime.h"

int32_t ebb_rt_to_i32(double x) {
    if (!(x > (double)INT32_MIN - 1)) return x != x ? 0 : INT32_MIN;
    return x >= (double)INT32_MAX + 1 ? INT32_MAX : (int32_t)x;
}

int64_t ebb_rt_to_i64(double x) {
    if (!(x >= -0x1p63)) return x != x ? 0 : INT64_MIN; /* no double lies between -2^63 - 1 and -2^63 */
    return x >= 0x1p63 ? INT64_MAX : (int64_t)x;
}
