/* remat.c - ebb_remat_graph: a function whose reverse mode computes it again.
 *
 * It becomes a cond that always takes the same way, to the same function on both. A cond is not written out, and its
 * reverse mode is a cond on the reverse mode of the function, which begins with the function: what lies between
 * operands and results is known inside of either only, and nothing of it is kept in between. It costs no more than a
 * call. */
#include "dual/dual.h"
#include "jit/graph/build.h"
#include "jit/graph/region.h"

static bool record(ebb_graph *to, ebb_graph *f) {
    const ebb_site nowhere = {0};
    ebb_builder b = {.graph = to};
    ebb_type type;
    ebb_id *arg = ebb_mem_new(to->allocator, (size_t)f->inputs + 1, sizeof *arg);
    bool ok = arg || ebb_fail_memory(to->diag);
    for (int32_t k = 0; ok && k < f->inputs; k++) {
        ebb_site site = f->site[f->input[k]];
        ok = ebb_graph_keep_site(to, f, &site);
        arg[k + 1] = ok ? ebb_add_input(to, ebb_type_of(f, f->input[k]), site) : EBB_POISON;
        ok = arg[k + 1] != EBB_POISON;
    }
    if (ok) arg[0] = ebb_g_number(&b, EBB_BOOL, 1);
    ebb_id tuple = ok ? ebb_record_cond(to, f, f, f->inputs + 1, arg, nowhere) : EBB_POISON;
    ok = tuple != EBB_POISON;
    for (int32_t j = 0; ok && j < f->outputs; j++)
        ok = ebb_add_output(to,
                            ebb_result_type(to, tuple, j, &type) ? ebb_record_get(to, tuple, j, nowhere) : EBB_ABSENT);
    ebb_mem_free(to->allocator, arg);
    return ok;
}

ebb_graph *ebb_remat_graph(const ebb_graph *f, ebb_diag *diag) {
    ebb_graph *g = ebb_expand(f, false, NULL, diag), *to = g ? ebb_graph_new(f->allocator, diag, f->name) : NULL;
    bool ok = to && record(to, g);
    ebb_graph_release(g);
    if (ok) return to;
    ebb_graph_release(to);
    return NULL;
}
