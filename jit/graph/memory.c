/* memory.c - allocation through the caller's table; no size overflows on its way there. */
#include "jit/graph/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

static void *malloc_resize(void *self, void *memory, size_t bytes) {
    (void)self;
    return realloc(memory, bytes);
}

static void malloc_release(void *self, void *memory) {
    (void)self;
    free(memory);
}

const ebb_allocator ebb_malloc_allocator = {malloc_resize, malloc_release, NULL};

static void *allocate(const ebb_allocator *a, size_t bytes) { return a->resize(a->self, NULL, bytes ? bytes : 1); }

void *ebb_mem_new(const ebb_allocator *a, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) return NULL;
    void *memory = allocate(a, bytes);
    return memory ? memset(memory, 0, bytes) : NULL;
}

void *ebb_mem_copy(const ebb_allocator *a, const void *from, size_t bytes) {
    void *memory = allocate(a, bytes);
    return memory && bytes ? memcpy(memory, from, bytes) : memory;
}

void ebb_mem_free(const ebb_allocator *a, void *memory) {
    if (memory) a->release(a->self, memory);
}

bool ebb_mem_reserve(const ebb_allocator *a, void *array, int32_t *cap, int64_t need, size_t size) {
    if (need <= *cap) return true;
    if (need > INT32_MAX) return false;
    int64_t grown = *cap < 4 ? 8 : 2 * (int64_t)*cap;
    if (grown < need) grown = need;
    if (grown > INT32_MAX) grown = INT32_MAX;
    size_t bytes;
    if (__builtin_mul_overflow((size_t)grown, size, &bytes)) return false;
    void *memory;
    memcpy(&memory, array, sizeof memory); /* `array` is the address of a pointer of some other type */
    memory = a->resize(a->self, memory, bytes);
    if (!memory) return false;
    memcpy(array, &memory, sizeof memory);
    *cap = (int32_t)grown;
    return true;
}

bool ebb_mem_may_grow(size_t bytes) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return true;
    void *room = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED) return false;
    munmap(room, bytes);
    return true;
}
