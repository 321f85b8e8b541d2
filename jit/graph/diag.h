/* diag.h - where a room leaves word of what went wrong: the first error, with the user's own source line.
 *
 * Invariant: once code != EBB_OK, message holds the first error and later ones are dropped. */
#ifndef EBB_DIAG_H
#define EBB_DIAG_H

#include "jit/graph/ebb_base.h"

typedef struct ebb_site { /* where a node comes from */
    const char *file;     /* a line of the user's source; not owned and outlives the graph, or NULL */
    int line;
    uint16_t part;  /* which derivative it belongs to: ebb_part_inside; 0: to the program itself */
    uint16_t macro; /* an ebb_op: the macro whose formula it is from; 0: none */
} ebb_site;

/* The part of what a derivative appends for a node of `part`: two bits for each derivative, an ebb_part, the last one
 * lowest. What belongs to more than eight of them says eight. */
static inline uint16_t ebb_part_inside(uint16_t part, ebb_part derivative) {
    return part >> 14 ? part : (uint16_t)(part << 2 | derivative);
}

typedef struct ebb_diag {
    ebb_code code;
    ebb_site site;
    char message[1024];
} ebb_diag;

/* Keeps the first error. Returns false always, so that `return ebb_fail(...)` reads well. `diag` may be NULL. */
bool ebb_fail(ebb_diag *diag, ebb_code code, ebb_site site, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
bool ebb_fail_memory(ebb_diag *diag);

#endif
