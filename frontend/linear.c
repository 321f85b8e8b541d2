/* linear.c - linear functions: the transpose of one. */
#include "dual/dual.h"
#include "frontend/trace.h"

ebb_function *ebb_transpose_of(ebb_function *f, const ebb_wrt *wrt) {
    return ebb_transform_new(f, wrt, EBB_TRANSPOSE, "transpose");
}

static bool names(const ebb_dual_spec *spec, int k) {
    for (int i = 0; i < spec->nwrt; i++)
        if (spec->wrt[i] == k) return true;
    return false;
}

/* Calls t, the transpose of g, from a program that has all parameters of g, of which t takes none that wrt names. */
static bool call_transpose(ebb_graph *all, ebb_graph *t, const ebb_graph *g, const ebb_dual_spec *spec,
                           ebb_id *operand) {
    int taken = 0;
    for (int k = 0; k < g->inputs; k++) {
        ebb_id x = ebb_add_input(all, ebb_type_of(g, g->input[k]), (ebb_site){0});
        if (!names(spec, k)) operand[taken++] = x;
    }
    while (taken < t->inputs) {
        operand[taken] = ebb_add_input(all, ebb_type_of(t, t->input[taken]), (ebb_site){0});
        taken++;
    }
    ebb_id call = ebb_record_call(all, t, taken, operand, (ebb_site){0});
    for (int j = 0; j < t->outputs; j++)
        if (!ebb_add_output(all, t->output[j] ? ebb_record_get(all, call, j, (ebb_site){0}) : EBB_ABSENT)) return false;
    return call != EBB_POISON;
}

ebb_graph *ebb_transpose_derive(const ebb_graph *g, const ebb_dual_spec *spec, ebb_diag *diag) {
    ebb_graph *t = ebb_transpose_graph(g, spec, diag);
    if (!t) return NULL;
    ebb_graph *all = ebb_graph_new(t->allocator, diag, t->name);
    ebb_id *operand = ebb_mem_new(t->allocator, (size_t)t->inputs + (size_t)spec->nwrt + 1, sizeof *operand);
    bool ok = all && operand ? call_transpose(all, t, g, spec, operand) : ebb_fail_memory(diag);
    ebb_mem_free(t->allocator, operand);
    ebb_graph_release(t);
    if (ok) return all;
    ebb_graph_release(all);
    return NULL;
}
