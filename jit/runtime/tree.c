/* tree.c - the tree of reduction.h for native code: sums of f32 and f64. The tree itself is tree.h. */
#include "jit/runtime/runtime.h"
#include "jit/runtime/tree.h"

#define ADD(a, b) ((a) + (b))
EBB_TREE(f32, float, ADD)
EBB_TREE(f64, double, ADD)

#define EXPORT(NAME, TYPE)                                                                                             \
    void ebb_rt_push_##NAME(TYPE *stack, int64_t block, const TYPE *value, int64_t lanes) {                            \
        push_##NAME(stack, block, value, lanes);                                                                       \
    }                                                                                                                  \
    void ebb_rt_pop_##NAME(const TYPE *stack, int64_t blocks, TYPE *value, int64_t lanes) {                            \
        if (blocks > 0) {                                                                                              \
            pop_##NAME(stack, blocks, value, lanes);                                                                   \
        } else {                                                                                                       \
            for (int64_t i = 0; i < lanes; i++)                                                                        \
                value[i] = 0;                                                                                          \
        }                                                                                                              \
    }

EXPORT(f32, float)
EXPORT(f64, double)
