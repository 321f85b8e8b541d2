/* uniform.c - the numbers of the workloads, the same for every system: splitmix64. */
#include "benchmarks/support/bench.h"

void bench_uniform(uint64_t seed, int64_t n, double *out) {
    for (int64_t i = 0; i < n; i++) {
        uint64_t z = seed += 0x9E3779B97F4A7C15u;
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
        z = (z ^ z >> 27) * 0x94D049BB133111EBu;
        z ^= z >> 31;
        out[i] = (double)(z >> 11) * 0x1p-53;
    }
}
