/* inst.c - the instructions of the kernel that is being written. Equal instructions are one (STOREs are kept apart). */
#include "jit/plan/planner.h"

#include <string.h>

enum { KEY_BYTES = offsetof(ebb_inst, node), FIRST_TABLE = 64 };
_Static_assert(KEY_BYTES % 8 == 0, "the hash reads words");

void ebb_room_start(ebb_planner *p) {
    ebb_room *r = &p->room;
    r->count = r->stores = 0;
    if (r->table) memset(r->table, 0, FIRST_TABLE * sizeof *r->table);
    r->table_size = r->table ? FIRST_TABLE : 0;
}

void ebb_room_free(ebb_planner *p) {
    ebb_mem_free(p->allocator, p->room.inst);
    ebb_mem_free(p->allocator, p->room.fact);
    ebb_mem_free(p->allocator, p->room.store);
    ebb_mem_free(p->allocator, p->room.table);
}

static uint64_t hash(const ebb_inst *inst) {
    uint64_t h = 0, word;
    for (size_t i = 0; i < KEY_BYTES; i += sizeof word) {
        memcpy(&word, (const char *)inst + i, sizeof word);
        h = (h ^ word) * 0x9e3779b97f4a7c15u;
        h ^= h >> 32;
    }
    return h;
}

/* The place of an instruction in the table: its own, or an empty one. */
static int32_t *find(const ebb_room *r, const ebb_inst *inst) {
    uint32_t mask = (uint32_t)r->table_size - 1, at = (uint32_t)hash(inst) & mask;
    while (r->table[at] && memcmp(&r->inst[r->table[at] - 1], inst, KEY_BYTES))
        at = (at + 1) & mask;
    return &r->table[at];
}

static bool grow_table(ebb_planner *p) {
    ebb_room *r = &p->room;
    int64_t size = r->table_size ? 2 * (int64_t)r->table_size : FIRST_TABLE;
    if (!ebb_mem_reserve(p->allocator, &r->table, &r->table_room, size, sizeof *r->table))
        return ebb_fail_memory(p->diag);
    memset(r->table, 0, (size_t)size * sizeof *r->table);
    r->table_size = (int32_t)size;
    for (int32_t i = 0; i < r->count; i++)
        *find(r, &r->inst[i]) = i + 1;
    return true;
}

int32_t ebb_put_inst(ebb_planner *p, const ebb_inst *inst, ebb_fact fact) {
    ebb_room *r = &p->room;
    if (2 * ((int64_t)r->count + 1) > r->table_size && !grow_table(p)) return -1;
    int32_t *place = find(r, inst);
    if (*place) return *place - 1;
    if (!ebb_mem_reserve(p->allocator, &r->inst, &r->inst_room, (int64_t)r->count + 1, sizeof *r->inst) ||
        !ebb_mem_reserve(p->allocator, &r->fact, &r->fact_room, (int64_t)r->count + 1, sizeof *r->fact)) {
        ebb_fail_memory(p->diag);
        return -1;
    }
    r->inst[r->count] = *inst;
    r->fact[r->count] = fact;
    *place = ++r->count;
    return r->count - 1;
}
