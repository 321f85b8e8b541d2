/* serialmap.c - from serial numbers (never 0) to ids: open addressing, at most half full, nothing is ever removed. */
#include "frontend/internal.h"

static uint32_t slot_of(const ebb_serial_map *m, uint64_t key) {
    uint32_t mask = (uint32_t)m->capacity - 1;
    uint32_t i = (uint32_t)((key * 0x9E3779B97F4A7C15u) >> 32) & mask;
    while (m->entry[i].key && m->entry[i].key != key)
        i = (i + 1) & mask;
    return i;
}

int32_t ebb_map_find(const ebb_serial_map *m, uint64_t key) {
    if (!m->count) return -1;
    const struct ebb_serial_entry *e = &m->entry[slot_of(m, key)];
    return e->key ? e->value : -1;
}

static bool grow(const ebb_allocator *a, ebb_serial_map *m) {
    if (m->capacity > INT32_MAX / 2) return false;
    ebb_serial_map larger = {.capacity = m->capacity ? 2 * m->capacity : 16, .count = m->count};
    larger.entry = ebb_mem_new(a, (size_t)larger.capacity, sizeof *larger.entry);
    if (!larger.entry) return false;
    for (int32_t i = 0; i < m->capacity; i++)
        if (m->entry[i].key) larger.entry[slot_of(&larger, m->entry[i].key)] = m->entry[i];
    ebb_mem_free(a, m->entry);
    *m = larger;
    return true;
}

bool ebb_map_put(const ebb_allocator *a, ebb_serial_map *m, uint64_t key, int32_t value) {
    if (2 * (int64_t)(m->count + 1) > m->capacity && !grow(a, m)) return false;
    struct ebb_serial_entry *e = &m->entry[slot_of(m, key)];
    if (!e->key) m->count++;
    *e = (struct ebb_serial_entry){key, value};
    return true;
}

void ebb_map_free(const ebb_allocator *a, ebb_serial_map *m) {
    ebb_mem_free(a, m->entry);
    *m = (ebb_serial_map){0};
}
