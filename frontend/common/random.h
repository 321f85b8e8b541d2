/* random.h - splitmix64, the generator of the benchmarks' data (Steele, Lea, Flood, OOPSLA 2014). */
#ifndef EBB_COMMON_RANDOM_H
#define EBB_COMMON_RANDOM_H

#include <stdint.h>

static inline uint64_t random_bits(uint64_t *state) {
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static inline double random_unit(uint64_t *state) { return (double)(random_bits(state) >> 11) * 0x1p-53; } /* [0, 1) */

/* Shuffles in place (Fisher and Yates); the bias of the remainder is below 2^-32 for any data that fits in memory. */
static inline void random_shuffle(uint64_t *state, int64_t *items, int64_t n) {
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = (int64_t)(random_bits(state) % (uint64_t)(i + 1)), kept = items[i];
        items[i] = items[j];
        items[j] = kept;
    }
}

#endif
