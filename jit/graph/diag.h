/* diag.h - where a room leaves word of what went wrong: the first error, with the user's own source line.
 *
 * Invariant: once code != EBB_OK, message holds the first error and later ones are dropped. */
#ifndef EBB_DIAG_H
#define EBB_DIAG_H

#include "jit/graph/ebb_base.h"

typedef struct ebb_site { /* a line of the user's source; file is not owned and outlives the graph, or NULL */
    const char *file;
    int line;
} ebb_site;

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
