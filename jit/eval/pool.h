/* pool.h - buffers of one run of a graph, used again by size.
 *
 * A buffer that is given back waits in the list of its size class (four classes for each power of two) for the next one
 * of that class. Nothing returns to the allocator before eval_pool_end, which frees all of them, given back or not: so
 * a run that fails has nothing to clean up. */
#ifndef EBB_EVAL_POOL_H
#define EBB_EVAL_POOL_H

#include "jit/graph/memory.h"

#define EVAL_POOL_CLASSES 192

typedef struct eval_pool {
    const ebb_allocator *allocator;
    struct eval_block *all, *spare[EVAL_POOL_CLASSES];
} eval_pool;

void *eval_pool_take(eval_pool *pool, int64_t bytes); /* NULL: no memory */
void eval_pool_give(eval_pool *pool, const void *buffer);
void eval_pool_end(eval_pool *pool);

#endif
