/* numbers.h - what C has no operator for, pasted by type (larger_f32), for folding, evaluator and runtime: the larger
 * and the smaller of two numbers (NaN propagates, -0 < +0; without branches, for the vectoriser), and division with
 * whole quotients. */
#ifndef EBB_NUMBERS_H
#define EBB_NUMBERS_H

#include <math.h>
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

/* floored(r, y): the remainder of y's sign, from r = fmod(x, y); zeros too. quotient(x, y, r): floor(x / y), found from
 * the exact remainder, as x / y itself may round up to the next whole number. */
#define EBB_DIVIDE_FLOAT(S, T, f)                                                                                      \
    static inline T floored_##S(T r, T y) {                                                                            \
        T moved = (r < 0) != (y < 0) ? r + y : r;                                                                      \
        return r == 0 ? copysign##f(0, y) : moved;                                                                     \
    }                                                                                                                  \
    static inline T quotient_##S(T x, T y, T r) {                                                                      \
        T whole = roundeven##f((x - r) / y) - (T)(r != 0 && (r < 0) != (y < 0));                                       \
        return y == 0 ? x / y : copysign##f(whole, x / y);                                                             \
    }
EBB_DIVIDE_FLOAT(f32, float, f)
EBB_DIVIDE_FLOAT(f64, double, )

/* Dividing by 0 leaves everything: quotient 0, remainder x. The least number divided by -1 wraps to itself. So
 * x = y floordiv(x, y) + floormod(x, y) holds always. */
#define EBB_DIVIDE_INT(S, T, U)                                                                                        \
    static inline T remainder_##S(T x, T y) { return y == 0 ? x : y == -1 ? 0 : x % y; }                               \
    static inline T floored_##S(T r, T y) { return r != 0 && (r ^ y) < 0 ? r + y : r; }                                \
    static inline T quotient_##S(T x, T y) {                                                                           \
        return y == 0 ? 0 : y == -1 ? (T)(0 - (U)x) : x / y - (x % y != 0 && (x ^ y) < 0);                             \
    }
EBB_DIVIDE_INT(i32, int32_t, uint32_t)
EBB_DIVIDE_INT(i64, int64_t, uint64_t)

#endif
