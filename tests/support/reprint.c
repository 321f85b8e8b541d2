/* reprint.c - see reprint.h. */
#include "tests/support/reprint.h"

#include <stdlib.h>
#include <string.h>

#include "jit/graph/text.h"

char *reprint(const ebb_allocator *a, const char *text, size_t length, ebb_diag *diag) {
    ebb_module *m = ebb_module_parse(a, text, length, diag);
    if (!m) return NULL;
    ebb_graph *last = m->function[m->functions - 1];
    char *again = ebb_verify(last, diag) ? ebb_graph_print(last, diag) : NULL;
    char *copy = again ? strdup(again) : NULL;
    ebb_mem_free(a, again);
    ebb_module_free(m);
    return copy;
}
