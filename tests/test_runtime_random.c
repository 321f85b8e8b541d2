/* test_runtime_random.c - the runtime's random numbers: Philox, each element by its definition, moments. */
#include <criterion/criterion.h>

#include "jit/runtime/runtime.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const ebb_dtype numbers[] = {EBB_F32, EBB_F64};

static double at(const void *from, ebb_dtype d, int64_t i) {
    return d == EBB_F32 ? (double)((const float *)from)[i] : ((const double *)from)[i];
}

Test(runtime, philox_known_answers) { /* the vectors of Random123 */
    static const uint32_t cases[][10] = {{0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
                                         {~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
                                         {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0,
                                          0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}};
    for (int c = 0; c < 3; c++) {
        uint32_t out[4];
        ebb_rt_philox(cases[c], cases[c] + 4, out);
        cr_assert_eq(memcmp(out, cases[c] + 6, sizeof out), 0, "vector %d: %08x %08x %08x %08x", c, out[0], out[1],
                     out[2], out[3]);
    }
}

/* Element i by the definition, from one block of its own: the attempt's number is in the block's highest byte. */
static double attempt_at(ebb_op op, ebb_dtype d, const int64_t *key, uint64_t i, uint64_t attempt) {
    const uint64_t per_block = d == EBB_F32 ? 4 : 2, block = i / per_block | attempt << 56, seed = (uint64_t)key[0],
                   draw = (uint64_t)key[1];
    const uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)draw, (uint32_t)(draw >> 32)};
    const uint32_t k[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t w[4];
    uint64_t bits[4];
    ebb_rt_philox(counter, k, w);
    for (uint64_t j = 0; j < per_block; j++)
        bits[j] = d == EBB_F32 ? w[j] >> 8 : (w[2 * j] | (uint64_t)w[2 * j + 1] << 32) >> 11;
    const double unit = d == EBB_F32 ? 0x1p-24 : 0x1p-53;
    const uint64_t lane = i % per_block, pair = lane & ~(uint64_t)1;
    if (op == EBB_OP_random_uniform) return (double)bits[lane] * unit;
    const double radius = sqrt(-2 * log((double)(bits[pair] + 1) * unit)),
                 angle = 2 * M_PI * (double)bits[pair + 1] * unit;
    return radius * (lane & 1 ? sin(angle) : cos(angle));
}

static double element(ebb_op op, ebb_dtype d, const int64_t *key, uint64_t i) {
    uint64_t attempt = 0;
    double y = attempt_at(op, d, key, i, attempt);
    while (op == EBB_OP_random_truncated_normal && fabs(y) >= 2)
        y = attempt_at(op, d, key, i, ++attempt);
    return y;
}

Test(runtime, random_elements_are_a_function_of_key_and_index) {
    static const int64_t keys[][2] = {{0, 0}, {1, 0}, {0, 1}, {-1, -1}, {INT64_MAX, 1LL << 40}};
    for (int k = 0; k < 5; k++)
        for (int d = 0; d < 2; d++)
            for (ebb_op op = EBB_OP_random_uniform; op <= EBB_OP_random_truncated_normal; op++)
                for (int64_t n = 0; n < 11; n++) {
                    const int64_t desc[EBB_RANDOM_COUNT] = {numbers[d], n};
                    double y[12];
                    memset(y, 0x55, sizeof y);
                    const double guard = at(y, numbers[d], n);
                    cr_assert_eq(ebb_rt_routine_of(op)(desc, (const void *[]){keys[k]}, y), EBB_OK);
                    for (int64_t i = 0; i < n; i++) {
                        const double want = element(op, numbers[d], keys[k], (uint64_t)i);
                        cr_assert_float_eq(at(y, numbers[d], i), want, d == 0 ? 3e-6 : 1e-14,
                                           "key %d %s op %d element %d of %d", k, ebb_dtype_short(numbers[d]), op,
                                           (int)i, (int)n);
                    }
                    cr_assert_eq(at(y, numbers[d], n), guard, "too many elements");
                }
}

Test(runtime, random_moments) {
    enum { N = 200000 };
    for (int d = 0; d < 2; d++)
        for (ebb_op op = EBB_OP_random_uniform; op <= EBB_OP_random_truncated_normal; op++) {
            const bool uniform = op == EBB_OP_random_uniform, near = op == EBB_OP_random_truncated_normal;
            const int64_t desc[EBB_RANDOM_COUNT] = {numbers[d], N}, key[2] = {42, 7};
            void *y = malloc(N * 8);
            double moment[5] = {0}, lag = 0, low = 9, high = -9;
            ebb_rt_routine_of(op)(desc, (const void *[]){key}, y);
            for (int64_t i = 0; i < N; i++) {
                const double v = at(y, numbers[d], i), u = uniform ? (v - 0.5) * sqrt(12) : v;
                for (int p = 1; p < 5; p++)
                    moment[p] += pow(u, p) / N;
                if (i) lag += u * ((at(y, numbers[d], i - 1) - (uniform ? 0.5 : 0)) * (uniform ? sqrt(12) : 1)) / N;
                low = fmin(low, v), high = fmax(high, v);
            }
            cr_assert_float_eq(moment[1], 0, 0.01, "mean %g", moment[1]);
            cr_assert_float_eq(moment[2], near ? 0.77374 : 1, 0.015, "variance %g", moment[2]);
            cr_assert_float_eq(moment[3], 0, 0.03, "third moment %g", moment[3]);
            cr_assert_float_eq(moment[4], uniform ? 1.8 : near ? 1.41619 : 3, 0.08, "fourth moment %g", moment[4]);
            cr_assert_float_eq(lag, 0, 0.01, "neighbours are independent: %g", lag);
            if (near) cr_assert(low > -2 && low < -1.999 && high < 2 && high > 1.999, "(-2, 2): %g %g", low, high);
            if (uniform) cr_assert(low >= 0 && low < 0.001 && high < 1 && high > 0.999, "[0,1): %g %g", low, high);
            free(y);
        }
}
