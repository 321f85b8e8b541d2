/* random.c - random numbers from a key: Philox4x32-10, uniform and normal.
 *
 * Invariant: an element is a pure function of the key {seed, counter}, its index and the dtype, so any part of a tensor
 * can be made alone, in any order. Sixteen random bytes (a block) make sixteen bytes of result: elements 4b to 4b + 3
 * of f32, or 2b and 2b + 1 of f64, come from block b. Start reading at fill. */
#include "jit/runtime/runtime.h"

#include <math.h>
#include <string.h>

static void philox_round(uint32_t c[4], const uint32_t k[2]) {
    uint64_t p = (uint64_t)c[0] * 0xD2511F53u, q = (uint64_t)c[2] * 0xCD9E8D57u;
    c[0] = (uint32_t)(q >> 32) ^ c[1] ^ k[0];
    c[1] = (uint32_t)q;
    c[2] = (uint32_t)(p >> 32) ^ c[3] ^ k[1];
    c[3] = (uint32_t)p;
}

void ebb_rt_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t c[4] = {counter[0], counter[1], counter[2], counter[3]}, k[2] = {key[0], key[1]};
    for (int round = 0; round < 10; round++) {
        philox_round(c, k);
        k[0] += 0x9E3779B9u;
        k[1] += 0xBB67AE85u;
    }
    memcpy(out, c, sizeof c);
}

/* ---- bits to numbers ---- */

static uint64_t bits53(const uint32_t *w) { return (w[0] | (uint64_t)w[1] << 32) >> 11; }

static void uniform_f32(const uint32_t *w, void *result) {
    float *u = result;
    for (int i = 0; i < 4; i++)
        u[i] = (float)(w[i] >> 8) * 0x1p-24f;
}

static void uniform_f64(const uint32_t *w, void *result) {
    double *u = result;
    for (int i = 0; i < 2; i++)
        u[i] = (double)bits53(w + 2 * i) * 0x1p-53;
}

/* Box-Muller: two independent normal numbers from two uniform ones, the first in (0, 1] so that its logarithm is
 * finite. */
static void normal_f32(const uint32_t *w, void *result) {
    float *z = result;
    for (int i = 0; i < 4; i += 2) {
        float u = (float)((w[i] >> 8) + 1) * 0x1p-24f,
              angle = (float)(w[i + 1] >> 8) * (0x1p-24f * 6.2831853071795864769f);
        float radius = sqrtf(-2 * logf(u));
        z[i] = radius * cosf(angle);
        z[i + 1] = radius * sinf(angle);
    }
}

static void normal_f64(const uint32_t *w, void *result) {
    double *z = result;
    double u = (double)(bits53(w) + 1) * 0x1p-53, angle = (double)bits53(w + 2) * (0x1p-53 * 6.2831853071795864769);
    double radius = sqrt(-2 * log(u));
    z[0] = radius * cos(angle);
    z[1] = radius * sin(angle);
}

/* ---- blocks, and whole tensors ---- */

typedef void convert(const uint32_t *words, void *result);

static void draw_block(const int64_t *key, uint64_t block, convert *to_numbers, void *number) {
    const uint64_t seed = (uint64_t)key[0], draw = (uint64_t)key[1];
    const uint32_t k[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t c[4] = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)draw, (uint32_t)(draw >> 32)};
    ebb_rt_philox(c, k, c);
    to_numbers(c, number);
}

/* Numbers that are too far out are drawn again: attempt a takes the same place of the block with a in its eight highest
 * bits, which no tensor is long enough to reach. One in 22 is too far out, so the attempts do not come to an end. */
#define TRUNCATED(NAME, TYPE, NUMBERS)                                                                                 \
    static void truncated_##NAME(const int64_t *key, uint64_t block, void *number) {                                   \
        TYPE *z = number, more[NUMBERS];                                                                               \
        draw_block(key, block, normal_##NAME, z);                                                                      \
        for (uint64_t attempt = 1; attempt < 256; attempt++) {                                                         \
            int outside = 0;                                                                                           \
            for (int i = 0; i < NUMBERS; i++)                                                                          \
                outside += !(z[i] > -2 && z[i] < 2);                                                                   \
            if (!outside) break;                                                                                       \
            draw_block(key, block | attempt << 56, normal_##NAME, more);                                               \
            for (int i = 0; i < NUMBERS; i++)                                                                          \
                if (!(z[i] > -2 && z[i] < 2)) z[i] = more[i];                                                          \
        }                                                                                                              \
    }
TRUNCATED(f32, float, 4)
TRUNCATED(f64, double, 2)

#define PLAIN(NAME)                                                                                                    \
    static void plain_##NAME(const int64_t *key, uint64_t block, void *number) { draw_block(key, block, NAME, number); }
PLAIN(uniform_f32)
PLAIN(uniform_f64)
PLAIN(normal_f32)
PLAIN(normal_f64)

typedef void make_block(const int64_t *key, uint64_t block, void *number);

static int fill(const int64_t *desc, const int64_t *key, unsigned char *out, make_block *f32, make_block *f64) {
    const bool narrow = desc[EBB_RANDOM_DTYPE] == EBB_F32;
    uint64_t left = (uint64_t)desc[EBB_RANDOM_SIZE] * (narrow ? 4 : 8);
    for (uint64_t block = 0; left; block++) {
        double number[2]; /* room for 16 bytes of either dtype */
        (narrow ? f32 : f64)(key, block, number);
        uint64_t bytes = left < sizeof number ? left : sizeof number;
        memcpy(out, number, bytes);
        out += bytes;
        left -= bytes;
    }
    return EBB_OK;
}

int ebb_rt_random_uniform(const int64_t *desc, const void *const *in, void *out) {
    return fill(desc, in[0], out, plain_uniform_f32, plain_uniform_f64);
}

int ebb_rt_random_normal(const int64_t *desc, const void *const *in, void *out) {
    return fill(desc, in[0], out, plain_normal_f32, plain_normal_f64);
}

int ebb_rt_random_truncated_normal(const int64_t *desc, const void *const *in, void *out) {
    return fill(desc, in[0], out, truncated_f32, truncated_f64);
}
