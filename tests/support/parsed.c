/* parsed.c - see parsed.h. */
#include "tests/support/parsed.h"

#include <criterion/criterion.h>
#include <string.h>

#include "jit/graph/text.h"

ebb_graph *parsed(const char *text) {
    ebb_diag diag = {0};
    ebb_module *m = ebb_module_parse(&ebb_malloc_allocator, text, strlen(text), &diag);
    cr_assert_not_null(m, "%s\n%s", diag.message, text);
    ebb_graph *g = ebb_graph_retain(m->function[m->functions - 1]);
    ebb_module_free(m);
    return g;
}
