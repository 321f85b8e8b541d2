/* region_callee.c - a function that a region runs, while a derivative of it is written.
 *
 * Invariant: `in` and `out` are nodes of the growing clone; finishing cuts out what leads from the one to the other. */
#include "dual/region.h"

#include <string.h>

#include "dual/dual.h"
#include "dual/series.h"
#include "dual/transform.h"

static bool make_room(ebb_callee *w) {
    ebb_graph *g = w->b.graph;
    size_t all = (size_t)w->xs + (size_t)w->ys + (size_t)w->most_in + (size_t)w->most_out;
    w->x = ebb_mem_new(g->allocator, all + 1, sizeof *w->x);
    if (!w->x) return ebb_fail_memory(g->diag);
    w->y = w->x + w->xs;
    w->in = w->y + w->ys;
    w->out = w->in + w->most_in;
    if (w->xs) memcpy(w->x, g->input, (size_t)w->xs * sizeof *w->x);
    if (w->ys) memcpy(w->y, g->output, (size_t)w->ys * sizeof *w->y);
    ebb_clear_outputs(g);
    return true;
}

bool ebb_callee_start(ebb_callee *w, const ebb_graph *f, int64_t most_in, int64_t most_out, const ebb_builder *b) {
    *w = (ebb_callee){.xs = f->inputs, .ys = f->outputs, .b.site = b->site};
    if (most_in > INT32_MAX || most_out > INT32_MAX) return ebb_fail_memory(b->graph->diag);
    w->most_in = (int)most_in;
    w->most_out = (int)most_out;
    w->b.graph = ebb_graph_clone(f, b->graph->diag);
    return w->b.graph && ebb_graph_keep_site(w->b.graph, b->graph, &w->b.site) && make_room(w);
}

void ebb_callee_take(ebb_callee *w, ebb_id x) { w->in[w->ins++] = x; }

ebb_id ebb_callee_parameter(ebb_callee *w, ebb_id like) {
    ebb_graph *g = w->b.graph;
    ebb_id x = like == EBB_POISON ? EBB_POISON : ebb_add_input(g, ebb_type_of(g, like), g->site[like]);
    ebb_callee_take(w, x);
    return x;
}

bool ebb_callee_give(ebb_callee *w, ebb_id y) {
    w->out[w->outs++] = y;
    return y != EBB_POISON;
}

ebb_graph *ebb_callee_finish(ebb_callee *w, bool ok) {
    ebb_graph *g = w->b.graph;
    ebb_graph *done = ok ? ebb_extract(g, w->ins, w->in, w->outs, w->out) : NULL;
    if (g) ebb_mem_free(g->allocator, w->x);
    ebb_graph_release(g);
    *w = (ebb_callee){0};
    return done;
}

bool ebb_branches_finish(ebb_callee w[2], int branches, bool ok, ebb_graph *branch[2]) {
    branch[0] = ebb_callee_finish(&w[0], ok);
    branch[1] = branches == 2 ? ebb_callee_finish(&w[1], ok) : branch[0] ? ebb_graph_retain(branch[0]) : NULL;
    return branch[0] && branch[1];
}

/* ---- the zero fixpoint ---- */

/* States whose new value moves, move; *again: there was one more. moving[j]: result j moves. */
static bool spread(const ebb_callee *w, int first, int states, bool *moves, bool *moving, bool *again) {
    ebb_id limit;
    uint8_t *mark = ebb_between(w->b.graph, w->xs, w->x, moves, w->ys, w->y, &limit);
    *again = false;
    for (int j = 0; mark && j < w->ys; j++) {
        bool made = mark[w->y[j]] & EBB_FROM_X, carried = j < states && moves[first + j];
        if (made && j < states && !carried) moves[first + j] = *again = true;
        moving[j] = made || carried;
    }
    ebb_mem_free(w->b.graph->allocator, mark);
    return mark != NULL;
}

/* States that matter to what is asked, are asked. */
static bool ask(const ebb_callee *w, int first, int states, const bool *moves, bool *asked, ebb_id *y, bool *again) {
    ebb_id limit;
    for (int j = 0; j < w->ys; j++)
        y[j] = asked[j] ? w->y[j] : EBB_ABSENT;
    uint8_t *mark = ebb_between(w->b.graph, w->xs, w->x, moves, w->ys, y, &limit);
    *again = false;
    for (int s = 0; mark && s < states; s++)
        if (w->x[first + s] < limit && ebb_is_between(mark, w->x[first + s]) && !asked[s]) asked[s] = *again = true;
    ebb_mem_free(w->b.graph->allocator, mark);
    return mark != NULL;
}

bool ebb_settle(const ebb_callee *w, int first, int states, bool *moves, bool *asked) {
    const ebb_allocator *a = w->b.graph->allocator;
    ebb_id *y = ebb_mem_new(a, (size_t)w->ys + 1, sizeof *y);
    bool *moving = ebb_mem_new(a, (size_t)w->ys + 1, sizeof *moving), again = true;
    bool ok = (y && moving) || ebb_fail_memory(w->b.graph->diag);
    while (ok && again)
        ok = spread(w, first, states, moves, moving, &again);
    for (int j = 0; ok && j < w->ys; j++)
        asked[j] &= moving[j];
    for (again = true; ok && again;)
        ok = ask(w, first, states, moves, asked, y, &again);
    ebb_mem_free(a, moving);
    ebb_mem_free(a, y);
    return ok;
}

/* ---- series ---- */

/* A parameter for a coefficient of node x. */
static ebb_id coefficient(ebb_callee *w, int rows, ebb_id x) {
    ebb_graph *g = w->b.graph;
    ebb_type type = ebb_type_of(g, x);
    if (rows && !ebb_shape_insert(ebb_shape_of(g, x), 0, rows, &type.shape)) return EBB_POISON;
    ebb_callee_take(w, ebb_add_input(g, type, g->site[x]));
    return w->in[w->ins - 1];
}

bool ebb_callee_push(ebb_callee *w, int order, int rows, const uint8_t *kind, ebb_id *dy) {
    ebb_graph *g = w->b.graph;
    size_t size = (size_t)w->xs * (size_t)order;
    ebb_id *curve = ebb_mem_new(g->allocator, size + 1, sizeof *curve);
    if (!curve) return ebb_fail_memory(g->diag);
    for (size_t c = 0; c < size; c++) {
        if (c % (size_t)order == 0) ebb_callee_take(w, w->x[c / (size_t)order]);
        if (kind[c] == EBB_STILL) continue;
        ebb_id x = coefficient(w, rows, w->x[c / (size_t)order]);
        curve[c] = kind[c] == EBB_MOVES ? x : EBB_ABSENT;
    }
    bool ok = rows ? ebb_series_nodes(g, rows, EBB_ROLLED, w->xs, w->x, curve, w->ys, w->y, dy)
                   : ebb_jet_nodes(g, order, w->xs, w->x, curve, w->ys, w->y, dy);
    ebb_mem_free(g->allocator, curve);
    return ok;
}
