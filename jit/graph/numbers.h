/* numbers.h - the larger and the smaller of two numbers: NaN propagates, -0 < +0. Written without branches, for the
 * vectoriser; pasted by type: larger_f32. For folding and for the evaluator. */
#ifndef EBB_NUMBERS_H
#define EBB_NUMBERS_H

#include <stdint.h>

/* Equal numbers have equal bits, but for zeros: there the sign is what `&` and `|` keep. */
#define EBB_ORDER_FLOAT(S, T, BITS)                                                                                    \
    static inline T sign_of_equals_##S(T a, T b, int larger) {                                                         \
        union {                                                                                                        \
            T number;                                                                                                  \
            BITS bits;                                                                                                 \
        } x = {.number = a}, y = {.number = b};                                                                        \
        x.bits = larger ? x.bits & y.bits : x.bits | y.bits;                                                           \
        return x.number;                                                                                               \
    }                                                                                                                  \
    static inline T larger_##S(T a, T b) {                                                                             \
        T m = a > b ? a : b;                                                                                           \
        m = a == b ? sign_of_equals_##S(a, b, 1) : m;                                                                  \
        return a != a ? a : m;                                                                                         \
    }                                                                                                                  \
    static inline T smaller_##S(T a, T b) {                                                                            \
        T m = a < b ? a : b;                                                                                           \
        m = a == b ? sign_of_equals_##S(a, b, 0) : m;                                                                  \
        return a != a ? a : m;                                                                                         \
    }
EBB_ORDER_FLOAT(f32, float, uint32_t)
EBB_ORDER_FLOAT(f64, double, uint64_t)

#define EBB_ORDER_INT(S, T)                                                                                            \
    static inline T larger_##S(T a, T b) { return a > b ? a : b; }                                                     \
    static inline T smaller_##S(T a, T b) { return a < b ? a : b; }
EBB_ORDER_INT(i32, int32_t)
EBB_ORDER_INT(i64, int64_t)

#endif
