/* files.c - file names that belong to a graph.
 *
 * A site's file name is a literal of the user's program and outlives everything, as a rule. A name that was read from
 * text dies with the graph that was read, so that graph keeps it in a table, and a graph made from it copies what it
 * takes over. */
#include "jit/graph/graph.h"
#include "jit/graph/intern.h"

#include <string.h>

bool ebb_graph_own_file(ebb_graph *g, const char *file, const char **owned) {
    size_t bytes = strlen(file) + 1;
    if (!g->files) g->files = ebb_intern_new(g->allocator);
    int32_t id = g->files && bytes < INT32_MAX ? ebb_intern_put(g->files, file, (int32_t)bytes) : -1;
    if (id < 0) return ebb_fail_memory(g->diag);
    *owned = g->files->entry[id].data;
    return true;
}

bool ebb_graph_keep_site(ebb_graph *to, const ebb_graph *from, ebb_site *site) {
    return !from->files || !site->file || ebb_graph_own_file(to, site->file, &site->file);
}
