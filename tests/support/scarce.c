/* scarce.c - see scarce.h. */
#include "tests/support/scarce.h"

#include <stdlib.h>

static void *scarce_resize(void *self, void *memory, size_t bytes) {
    scarce *s = self;
    s->asked++;
    if (s->left-- <= 0 && (!s->once || s->left == -1)) return NULL;
    if (!memory && ++s->live > s->most) s->most = s->live;
    return realloc(memory, bytes);
}

static void scarce_release(void *self, void *memory) {
    ((scarce *)self)->live -= memory != NULL;
    free(memory);
}

ebb_allocator scarce_allocator(scarce *s) { return (ebb_allocator){scarce_resize, scarce_release, s}; }
