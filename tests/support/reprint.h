/* reprint.h - a text of programs, parsed and printed again. */
#ifndef EBB_TEST_REPRINT_H
#define EBB_TEST_REPRINT_H

#include "jit/graph/graph.h"

/* The text of the last function after parsing; NULL with an error in diag. To be freed with free(). */
char *reprint(const ebb_allocator *a, const char *text, size_t length, ebb_diag *diag);

#endif
