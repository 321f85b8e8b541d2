/* scarce.h - an allocator that runs out, and counts what is not given back.
 *
 *     scarce s = {.left = k};
 *     ebb_context *ebb = ebb_open(&(ebb_options){.allocator = scarce_allocator(&s)}); */
#ifndef EBB_TESTS_SCARCE_H
#define EBB_TESTS_SCARCE_H

#include "jit/graph/ebb_base.h"

typedef struct scarce {
    int64_t left;  /* allocations that still succeed */
    bool once;     /* only the next one after them fails */
    int64_t asked; /* so far */
    int64_t live;  /* blocks not given back */
    int64_t most;  /* of them at once */
} scarce;

ebb_allocator scarce_allocator(scarce *s);

#endif
