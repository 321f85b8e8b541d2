/* intern.h - the one hash table of a graph: equal contents get equal ids.
 *
 * A table maps hashes to ids (find, add); what an id stands for is the owner's business (nodes). With ebb_intern_put
 * the table also keeps the contents itself (shapes, attributes), numbered 0, 1, 2 ... in order of arrival, at addresses
 * that never move. */
#ifndef EBB_INTERN_H
#define EBB_INTERN_H

#include "jit/graph/memory.h"

typedef struct ebb_slot {
    uint32_t hash;
    int32_t value; /* id + 1; 0 is an empty slot */
} ebb_slot;

typedef struct ebb_entry {
    const void *data;
    int32_t bytes;
} ebb_entry;

typedef struct ebb_intern {
    const ebb_allocator *allocator;
    ebb_slot *slot;       /* [slots], open addressing, at most half full */
    uint32_t slots, used; /* slots is 0 or a power of two */
    ebb_entry *entry;     /* [entries]: contents by id */
    int32_t entries, entry_capacity;
    struct ebb_chunk *chunk; /* where contents live */
    int32_t seen;            /* for the owner of a table of ids: how many of its things are in */
} ebb_intern;

ebb_intern *ebb_intern_new(const ebb_allocator *a); /* NULL: no memory */
ebb_intern *ebb_intern_clone(const ebb_intern *t);  /* of contents; same ids */
void ebb_intern_free(ebb_intern *t);                /* NULL is fine */

uint32_t ebb_intern_hash(const void *bytes, size_t n);
typedef bool ebb_intern_same(const void *owner, int32_t id, const void *key);
int32_t ebb_intern_find(const ebb_intern *t, uint32_t hash, ebb_intern_same *same, const void *owner,
                        const void *key); /* -1 */
bool ebb_intern_add(ebb_intern *t, uint32_t hash, int32_t id);
int32_t ebb_intern_put(ebb_intern *t, const void *bytes, int32_t n); /* the id of these contents; -1: no memory */

#endif
