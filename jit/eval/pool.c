/* pool.c - see pool.h. A buffer is the memory behind its block. */
#include "jit/eval/pool.h"

typedef struct eval_block {
    struct eval_block *older; /* every block of the pool */
    struct eval_block *next;  /* those of one class that wait */
    int64_t class;
    int64_t unused; /* so that buffers start at a multiple of 16 */
} eval_block;

/* Rounds up to 4, 5, 6 or 7 times a power of two, at least 16. */
static int64_t class_of(int64_t bytes, int64_t *rounded) {
    const int64_t need = bytes < 16 ? 16 : bytes;
    const int power = 61 - __builtin_clzll((unsigned long long)need);
    const int64_t unit = (int64_t)1 << power, quarters = (need + unit - 1) / unit; /* 4 to 8 */
    *rounded = quarters * unit;
    return 4 * power + quarters - 4;
}

void *eval_pool_take(eval_pool *pool, int64_t bytes) {
    int64_t rounded, class = class_of(bytes, &rounded);
    eval_block *block = pool->spare[class];
    if (block) {
        pool->spare[class] = block->next;
        return block + 1;
    }
    block = pool->allocator->resize(pool->allocator->self, NULL, sizeof *block + (size_t)rounded);
    if (!block) return NULL;
    *block = (eval_block){.older = pool->all, .class = class};
    pool->all = block;
    return block + 1;
}

void eval_pool_give(eval_pool *pool, const void *buffer) {
    eval_block *block = (eval_block *)(uintptr_t)buffer - 1;
    block->next = pool->spare[block->class];
    pool->spare[block->class] = block;
}

void eval_pool_end(eval_pool *pool) {
    for (eval_block *block = pool->all, *older; block; block = older) {
        older = block->older;
        pool->allocator->release(pool->allocator->self, block);
    }
}
