/* storage.c - the memory of values: counted, 64-byte aligned, recycled by size class.
 *
 * A storage and its data are one allocation. Classes are 128, 192, 256, 384, 512, 768, ... bytes: two to an octave, so
 * that at most a third of a storage is air. Eager loops then run without asking the allocator at all. */
#include "frontend/values.h"

enum { ALIGNMENT = 64, SMALLEST = 128, CLASSES = 48 };
static const size_t KEPT_BYTES = (size_t)256 << 20; /* more free memory than this goes back at once */

/* Class k has room for 128 * 2^(k/2) bytes, odd ones for half as much again as the one before; what is larger than all
 * has no class (CLASSES) and exactly its own size. */
static int class_of(size_t bytes, size_t *room) {
    int k = 0;
    for (*room = SMALLEST; k < CLASSES && *room < bytes; k++)
        *room += k % 2 ? *room / 3 : *room / 2;
    if (k == CLASSES) *room = bytes;
    return k;
}

static ebb_storage *allocate(ebb_context *ebb, size_t bytes) {
    size_t all;
    if (__builtin_add_overflow(bytes, sizeof(ebb_storage) + ALIGNMENT, &all)) return NULL;
    ebb_storage *s = ebb->allocator.resize(ebb->allocator.self, NULL, all);
    if (!s) return NULL;
    s->bytes = bytes;
    s->data = (void *)(((uintptr_t)(s + 1) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    return s;
}

ebb_storage *ebb_storage_new(ebb_context *ebb, size_t bytes) {
    size_t room;
    int k = class_of(bytes, &room);
    ebb_storage *s = k < CLASSES ? ebb->free_storage[k] : NULL;
    if (s) {
        ebb->free_storage[k] = s->next;
        ebb->free_bytes -= s->bytes;
    } else if (!(s = allocate(ebb, room)) && ebb->free_bytes) {
        ebb_storage_trim(ebb);
        s = allocate(ebb, room);
    }
    if (!s) return NULL;
    s->references = 1;
    s->next = NULL;
    return s;
}

void ebb_storage_release(ebb_context *ebb, ebb_storage *s) {
    if (!s || __atomic_sub_fetch(&s->references, 1, __ATOMIC_ACQ_REL)) return;
    size_t room;
    int k = class_of(s->bytes, &room);
    if (k == CLASSES || ebb->free_bytes + s->bytes > KEPT_BYTES) {
        ebb_mem_free(&ebb->allocator, s);
        return;
    }
    s->next = ebb->free_storage[k];
    ebb->free_storage[k] = s;
    ebb->free_bytes += s->bytes;
}

void ebb_storage_trim(ebb_context *ebb) {
    for (int k = 0; k < CLASSES; k++)
        for (ebb_storage *s; (s = ebb->free_storage[k]);) {
            ebb->free_storage[k] = s->next;
            ebb_mem_free(&ebb->allocator, s);
        }
    ebb->free_bytes = 0;
}
