/* intern.c - see intern.h. Linear probing; contents lie in chunks that are only freed with the table. */
#include "jit/graph/intern.h"

#include <string.h>

typedef struct ebb_chunk {
    struct ebb_chunk *next;
    size_t used, size;
    int64_t data[]; /* what is interned is read as int64 */
} ebb_chunk;

ebb_intern *ebb_intern_new(const ebb_allocator *a) {
    ebb_intern *t = ebb_mem_new(a, 1, sizeof *t);
    if (t) t->allocator = a;
    return t;
}

void ebb_intern_free(ebb_intern *t) {
    if (!t) return;
    for (ebb_chunk *c = t->chunk, *next; c; c = next) {
        next = c->next;
        ebb_mem_free(t->allocator, c);
    }
    ebb_mem_free(t->allocator, t->entry);
    ebb_mem_free(t->allocator, t->slot);
    ebb_mem_free(t->allocator, t);
}

ebb_intern *ebb_intern_clone(const ebb_intern *t) {
    ebb_intern *copy = ebb_intern_new(t->allocator);
    for (int32_t id = 0; copy && id < t->entries; id++) {
        if (ebb_intern_put(copy, t->entry[id].data, t->entry[id].bytes) == id) continue;
        ebb_intern_free(copy);
        copy = NULL;
    }
    return copy;
}

static uint64_t mix(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

uint32_t ebb_intern_hash(const void *bytes, size_t n) {
    const unsigned char *at = bytes;
    uint64_t hash = n, word;
    for (; n >= sizeof word; n -= sizeof word, at += sizeof word) {
        memcpy(&word, at, sizeof word);
        hash = mix(hash, word);
    }
    if (n) {
        word = 0;
        memcpy(&word, at, n);
        hash = mix(hash, word);
    }
    return (uint32_t)(hash >> 32 ^ hash);
}

int32_t ebb_intern_find(const ebb_intern *t, uint32_t hash, ebb_intern_same *same, const void *owner, const void *key) {
    if (!t->slots) return -1;
    for (uint32_t i = hash & (t->slots - 1); t->slot[i].value; i = (i + 1) & (t->slots - 1))
        if (t->slot[i].hash == hash && same(owner, t->slot[i].value - 1, key)) return t->slot[i].value - 1;
    return -1;
}

static void place(ebb_slot *slot, uint32_t slots, ebb_slot new) {
    uint32_t i = new.hash &(slots - 1);
    while (slot[i].value)
        i = (i + 1) & (slots - 1);
    slot[i] = new;
}

static bool grow(ebb_intern *t) {
    uint32_t slots = t->slots ? 2 * t->slots : 16;
    ebb_slot *slot = slots ? ebb_mem_new(t->allocator, slots, sizeof *slot) : NULL;
    if (!slot) return false;
    for (uint32_t i = 0; i < t->slots; i++)
        if (t->slot[i].value) place(slot, slots, t->slot[i]);
    ebb_mem_free(t->allocator, t->slot);
    t->slot = slot;
    t->slots = slots;
    return true;
}

bool ebb_intern_add(ebb_intern *t, uint32_t hash, int32_t id) {
    if (t->used >= t->slots / 2 && !grow(t)) return false;
    place(t->slot, t->slots, (ebb_slot){hash, id + 1});
    t->used++;
    return true;
}

/* Room for n bytes that never moves. */
static void *keep(ebb_intern *t, size_t n) {
    ebb_chunk *c = t->chunk;
    n = (n + 7) & ~(size_t)7;
    if (!c || c->size - c->used < n) {
        size_t size = c ? 2 * c->size : 256;
        if (size > 65536) size = 65536;
        if (size < n) size = n;
        ebb_chunk *fresh = ebb_mem_new(t->allocator, 1, sizeof *fresh + size);
        if (!fresh) return NULL;
        *fresh = (ebb_chunk){.next = c, .size = size};
        t->chunk = c = fresh;
    }
    void *at = (char *)c->data + c->used;
    c->used += n;
    return at;
}

static bool same_contents(const void *owner, int32_t id, const void *key) {
    const ebb_entry *have = &((const ebb_intern *)owner)->entry[id], *want = key;
    return have->bytes == want->bytes && !memcmp(have->data, want->data, (size_t)want->bytes);
}

int32_t ebb_intern_put(ebb_intern *t, const void *bytes, int32_t n) {
    ebb_entry want = {n ? bytes : "", n};
    uint32_t hash = ebb_intern_hash(want.data, (size_t)n);
    int32_t id = ebb_intern_find(t, hash, same_contents, t, &want);
    if (id >= 0) return id;
    id = t->entries;
    if (!ebb_mem_reserve(t->allocator, &t->entry, &t->entry_capacity, (int64_t)id + 1, sizeof *t->entry)) return -1;
    void *kept = keep(t, (size_t)n);
    if (!kept || !ebb_intern_add(t, hash, id)) return -1;
    t->entry[id] = (ebb_entry){memcpy(kept, want.data, (size_t)n), n};
    t->entries++;
    return id;
}
