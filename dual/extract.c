/* extract.c - parts of programs: cut out as programs of their own, or written into another one.
 *
 * Both copy nodes in their order through the deriving door, from the needed ones back to those that stand for given
 * ones. Start reading at copy. */
#include "dual/transform.h"

static void mark_needed(const ebb_graph *g, uint8_t *needed, const ebb_id *map) {
    for (ebb_id id = g->count - 1; id > 0; id--) {
        if (!needed[id] || map[id] != EBB_ABSENT) continue;
        const ebb_id *x = ebb_operands(g, id);
        for (int i = 0; i < g->node[id].arity; i++)
            needed[x[i]] = 1;
    }
}

static ebb_id copy_node(ebb_graph *to, const ebb_graph *g, ebb_id id, const ebb_id *map) {
    if (ebb_op_of(g, id) != EBB_OP_input) return ebb_derive_again(to, g, id, map);
    ebb_fail(to->diag, EBB_INTERNAL_ERROR, g->site[id], "a part of %s needs a parameter that it is not given", g->name);
    return EBB_POISON;
}

/* The nodes of g that out[] need: map has their ids in `to`, those of given ones already. */
static bool copy(ebb_graph *to, const ebb_graph *g, int nout, const ebb_id *out, ebb_id *map) {
    uint8_t *needed = ebb_mem_new(g->allocator, (size_t)g->count, sizeof *needed);
    if (!needed) return ebb_fail_memory(to->diag);
    bool ok = true;
    for (int j = 0; j < nout; j++)
        needed[out[j]] = 1;
    mark_needed(g, needed, map);
    for (ebb_id id = 1; ok && id < g->count; id++) {
        if (!needed[id] || map[id] != EBB_ABSENT) continue;
        map[id] = copy_node(to, g, id, map);
        ok = map[id] != EBB_POISON;
    }
    ebb_mem_free(g->allocator, needed);
    return ok;
}

static bool copy_part(ebb_graph *to, const ebb_graph *g, int nin, const ebb_id *in, int nout, const ebb_id *out,
                      ebb_id *map) {
    for (int k = 0; k < nin; k++) {
        ebb_site site = g->site[in[k]];
        if (!ebb_graph_keep_site(to, g, &site)) return false;
        map[in[k]] = ebb_add_input(to, ebb_type_of(g, in[k]), site);
        if (map[in[k]] == EBB_POISON) return false;
    }
    if (!copy(to, g, nout, out, map)) return false;
    for (int j = 0; j < nout; j++)
        if (!ebb_add_output(to, map[out[j]])) return false;
    return true;
}

/* Poison has its error already. */
static bool all_there(int n, const ebb_id *id) {
    for (int k = 0; k < n; k++)
        if (id[k] == EBB_POISON) return false;
    return true;
}

ebb_graph *ebb_extract(const ebb_graph *g, int nin, const ebb_id *in, int nout, const ebb_id *out) {
    const ebb_allocator *a = g->allocator;
    if (!all_there(nin, in) || !all_there(nout, out)) return NULL;
    ebb_id *map = ebb_mem_new(a, (size_t)g->count, sizeof *map);
    ebb_graph *to = map ? ebb_graph_new(a, g->diag, g->name) : NULL, *done = NULL;
    if (to)
        to->without = g->without;
    else
        ebb_fail_memory(g->diag);
    if (to && copy_part(to, g, nin, in, nout, out, map)) done = ebb_expand(to, false, NULL, g->diag);
    ebb_graph_release(to);
    ebb_mem_free(a, map);
    return done;
}

bool ebb_inline(ebb_graph *to, const ebb_graph *f, const ebb_id *x, ebb_id *y) {
    ebb_id *map = ebb_mem_new(to->allocator, (size_t)f->count, sizeof *map);
    if (!map) return ebb_fail_memory(to->diag);
    for (int k = 0; k < f->inputs; k++)
        map[f->input[k]] = x[k];
    bool ok = copy(to, f, f->outputs, f->output, map);
    for (int j = 0; ok && j < f->outputs; j++)
        y[j] = map[f->output[j]];
    ebb_mem_free(to->allocator, map);
    return ok;
}

ebb_graph *ebb_at_zero(const ebb_graph *f, int n) {
    ebb_graph *to = ebb_graph_new(f->allocator, f->diag, f->name), *done = NULL;
    ebb_id *x = ebb_mem_new(f->allocator, (size_t)f->inputs + (size_t)f->outputs + 1, sizeof *x);
    bool ok = (to && x) || ebb_fail_memory(f->diag);
    if (ok) to->without = f->without;
    for (int k = 0; ok && k < f->inputs; k++) {
        ebb_type type = ebb_type_of(f, f->input[k]);
        ebb_builder b = {to, f->site[f->input[k]]};
        ok = ebb_graph_keep_site(to, f, &b.site);
        x[k] = k < f->inputs - n ? ebb_add_input(to, type, b.site) : ebb_g_full(&b, type.dtype, &type.shape, 0);
        ok = ok && x[k] != EBB_POISON;
    }
    ebb_id *y = x ? x + f->inputs : NULL;
    ok = ok && ebb_inline(to, f, x, y);
    for (int j = 0; ok && j < f->outputs; j++)
        ok = ebb_add_output(to, y[j]);
    if (ok) done = ebb_expand(to, false, NULL, f->diag);
    ebb_mem_free(f->allocator, x);
    ebb_graph_release(to);
    return done;
}
