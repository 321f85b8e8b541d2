/* tree.h - the pairwise tree of reduction.h as two functions, for any type and any way to combine two numbers.
 *
 * Blocks arrive in order, each a row of `lanes` numbers. The stack holds one row per one-bit of the number of blocks
 * pushed so far, oldest first, as the digits of a binary counter: so 64 rows are enough for ever. */
#ifndef EBB_TREE_H
#define EBB_TREE_H

#include <stdint.h>

/* push_NAME: block number `block` comes in. pop_NAME: what is left of `blocks` >= 1 blocks. */
#define EBB_TREE(NAME, TYPE, COMBINE)                                                                                  \
    static inline void push_##NAME(TYPE *stack, int64_t block, const TYPE *value, int64_t lanes) {                     \
        TYPE *top = stack + __builtin_popcountll((uint64_t)block) * lanes;                                             \
        for (int64_t i = 0; i < lanes; i++)                                                                            \
            top[i] = value[i];                                                                                         \
        for (; block & 1; block >>= 1, top -= lanes)                                                                   \
            for (int64_t i = 0; i < lanes; i++)                                                                        \
                top[i - lanes] = COMBINE(top[i - lanes], top[i]);                                                      \
    }                                                                                                                  \
    static inline void pop_##NAME(const TYPE *stack, int64_t blocks, TYPE *value, int64_t lanes) {                     \
        const TYPE *top = stack + (__builtin_popcountll((uint64_t)blocks) - 1) * lanes;                                \
        for (int64_t i = 0; i < lanes; i++)                                                                            \
            value[i] = top[i];                                                                                         \
        while (top > stack) {                                                                                          \
            top -= lanes;                                                                                              \
            for (int64_t i = 0; i < lanes; i++)                                                                        \
                value[i] = COMBINE(top[i], value[i]);                                                                  \
        }                                                                                                              \
    }

#endif
