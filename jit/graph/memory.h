/* memory.h - allocation through the caller's table, with sizes checked for overflow. */
#ifndef EBB_MEMORY_H
#define EBB_MEMORY_H

#include "jit/graph/ebb_base.h"

extern const ebb_allocator ebb_malloc_allocator; /* the default: realloc and free */

void *ebb_mem_new(const ebb_allocator *a, size_t count, size_t size); /* zeroed, or NULL */
void *ebb_mem_copy(const ebb_allocator *a, const void *from, size_t bytes);
void ebb_mem_free(const ebb_allocator *a, void *memory);

/* Makes room for `need` elements of `size` bytes in *array (capacity *cap, both updated); false if there is none. */
bool ebb_mem_reserve(const ebb_allocator *a, void *array, int32_t *cap, int64_t need, size_t size);

/* Whether RLIMIT_AS lets the process map so many bytes more; true if there is no such limit. For libraries below us
 * that do not bear a refusal. */
bool ebb_mem_may_grow(size_t bytes);

#endif
