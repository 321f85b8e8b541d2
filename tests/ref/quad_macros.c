/* quad_macros.c - references of macros, as textbooks have them (a quad holds exp(11000)), and of random numbers. */
#include "tests/ref/quad_ops.h"

#include <quadmath.h>
#include <stdlib.h>

void quad_mean(const quad_call *c);
void quad_logsumexp(const quad_call *c);
void quad_norm(const quad_call *c);
void quad_softmax(const quad_call *c);
void quad_log_softmax(const quad_call *c);
void quad_sparse_softmax_cross_entropy(const quad_call *c);
void quad_random_uniform(const quad_call *c);
void quad_random_normal(const quad_call *c);
void quad_random_truncated_normal(const quad_call *c);

static quad itself(quad x) { return x; }
static quad squared(quad x) { return x * x; }

/* The sum of f(x) over each group, and of |f(x)|. The caller frees it. */
static quad_tensor sums(const quad_call *c, quad (*f)(quad)) {
    quad_tensor s = quad_new((ebb_type){EBB_F64, {1, {quad_groups(c)}}});
    for (int64_t k = 0; k < c->arg[0].size; k++) {
        int64_t g = quad_group(c, k);
        s.at[g] += f(c->arg[0].at[k]);
        s.scale[g] += fabsq(f(c->arg[0].at[k]));
    }
    return s;
}

void quad_mean(const quad_call *c) {
    quad_tensor s = sums(c, itself);
    for (int64_t g = 0; g < s.size; g++) {
        quad n = (quad)c->arg[0].size / s.size;
        c->result->at[g] = s.at[g] / n;
        c->result->scale[g] = s.scale[g] / n;
    }
    quad_free(&s);
}

/* The logarithm of the sum is as exact as the largest summand. */
void quad_logsumexp(const quad_call *c) {
    quad_tensor s = sums(c, expq);
    for (int64_t g = 0; g < s.size; g++) {
        c->result->at[g] = logq(s.at[g]);
        c->result->scale[g] = 1 + fabsq(c->result->at[g]);
    }
    quad_free(&s);
}

void quad_norm(const quad_call *c) {
    quad_tensor s = sums(c, squared);
    for (int64_t g = 0; g < s.size; g++)
        c->result->at[g] = sqrtq(s.at[g]);
    quad_free(&s);
}

/* exp(t) has the relative error of t's absolute one. */
void quad_softmax(const quad_call *c) {
    quad_tensor s = sums(c, expq);
    for (int64_t k = 0; k < c->result->size; k++) {
        c->result->at[k] = expq(c->arg[0].at[k]) / s.at[quad_group(c, k)];
        c->result->scale[k] = c->result->at[k] * (1 - logq(c->result->at[k]));
    }
    quad_free(&s);
}

void quad_log_softmax(const quad_call *c) {
    quad_tensor s = sums(c, expq);
    for (int64_t k = 0; k < c->result->size; k++) {
        c->result->at[k] = c->arg[0].at[k] - logq(s.at[quad_group(c, k)]);
        c->result->scale[k] = 1 - c->result->at[k];
    }
    quad_free(&s);
}

void quad_sparse_softmax_cross_entropy(const quad_call *c) {
    const ebb_shape *shape = &c->arg[0].type.shape;
    int64_t classes = shape->dim[shape->rank - 1];
    for (int64_t k = 0; k < c->result->size; k++) {
        const quad *row = c->arg[0].at + k * classes, label = c->arg[1].at[k];
        quad sum = 0;
        for (int64_t i = 0; i < classes; i++)
            sum += expq(row[i]);
        bool valid = label >= 0 && label < classes;
        c->result->at[k] = valid ? logq(sum) - row[(int64_t)label] : nanq("");
        c->result->scale[k] = 1 + c->result->at[k];
    }
}

/* ---- Philox4x32-10, written from the paper ---- */

static void philox(uint64_t block, uint64_t draw, uint64_t seed, uint32_t c[4]) {
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    c[0] = (uint32_t)block, c[1] = (uint32_t)(block >> 32), c[2] = (uint32_t)draw, c[3] = (uint32_t)(draw >> 32);
    for (int round = 0; round < 10; round++, key[0] += 0x9E3779B9u, key[1] += 0xBB67AE85u) {
        uint64_t first = 0xD2511F53ull * c[0], second = 0xCD9E8D57ull * c[2];
        c[0] = (uint32_t)(second >> 32) ^ c[1] ^ key[0];
        c[2] = (uint32_t)(first >> 32) ^ c[3] ^ key[1];
        c[1] = (uint32_t)second;
        c[3] = (uint32_t)first;
    }
}

/* The k-th draw of the dtype: a whole number of its 24 or 53 bits. A block of 128 bits holds 4 or 2 of them. */
static quad draw(const quad_call *c, int64_t k, uint64_t attempt) {
    uint64_t seed = (uint64_t)(int64_t)c->arg[0].at[0], counter = (uint64_t)(int64_t)c->arg[0].at[1];
    uint32_t word[4];
    bool wide = c->result->type.dtype == EBB_F64;
    philox((uint64_t)k / (wide ? 2 : 4) + (attempt << 56), counter, seed, word);
    if (!wide) return word[k % 4] >> 8;
    return (word[k % 2 * 2] | (uint64_t)word[k % 2 * 2 + 1] << 32) >> 11;
}

static quad unit(const quad_call *c) { return c->result->type.dtype == EBB_F64 ? 0x1p-53Q : 0x1p-24Q; }

void quad_random_uniform(const quad_call *c) {
    for (int64_t k = 0; k < c->result->size; k++)
        c->result->at[k] = draw(c, k, 0) * unit(c);
}

/* Box-Muller; an angle up to 2 pi, rounded, moves a result by as much as itself times the radius. */
static void normal(const quad_call *c, int64_t k, uint64_t attempt) {
    int64_t pair = k - k % 2;
    quad radius = sqrtq(-2 * logq((draw(c, pair, attempt) + 1) * unit(c)));
    quad angle = 2 * M_PIq * draw(c, pair + 1, attempt) * unit(c);
    c->result->at[k] = radius * (k % 2 ? sinq(angle) : cosq(angle));
    c->result->scale[k] = 2 * M_PIq * radius;
}

void quad_random_normal(const quad_call *c) {
    for (int64_t k = 0; k < c->result->size; k++)
        normal(c, k, 0);
}

/* Each number is drawn again by itself. */
void quad_random_truncated_normal(const quad_call *c) {
    for (int64_t k = 0; k < c->result->size; k++) {
        uint64_t attempt = 0;
        do
            normal(c, k, attempt++);
        while (fabsq(c->result->at[k]) >= 2);
    }
}
