/* rolled_loop.c - the loop over the orders: what it carries on, reads and stacks, around a body that is written.
 *
 * Coefficient k goes behind the others in one tensor and in front of them in another, so the next iteration finds x[j]
 * and y[k-j] beside each other. Start reading at ebb_rolled_loop. */
#include "dual/rolled.h"
#include "dual/transform.h"
#include "jit/graph/region.h"

#include <string.h>

static ebb_builder builder_for(const ebb_rolled *w, ebb_id id) { return ebb_builder_for(w->g, id, EBB_TANGENT); }

/* ---- what is carried on ---- */

/* [1, y...] */
static ebb_id as_row(ebb_builder *b, ebb_id y) { return ebb_series_begun(b, 1, y); }

/* What is carried of a node into order 2. */
static ebb_id at_first(const ebb_rolled *w, ebb_id id, int kind) {
    ebb_builder b = builder_for(w, id);
    return kind == EBB_LAST_ROW ? w->first[id] : ebb_series_begun(&b, w->order - 1, w->first[id]);
}

/* Coefficient k, put in front; the last one falls out. */
static ebb_id put_in_front(const ebb_rolled *w, ebb_builder *b, ebb_id before, ebb_id c) {
    static const int64_t start[EBB_MAX_RANK] = {0}, step[EBB_MAX_RANK] = {1, 1, 1, 1, 1, 1, 1, 1};
    ebb_id row = as_row(b, c);
    if (w->order == 2 || row == EBB_POISON || before == EBB_POISON) return row;
    ebb_shape rest = *ebb_shape_of(w->g, before);
    rest.dim[0]--;
    return ebb_g_concat(b, row, ebb_g_slice(b, before, start, step, &rest), 0);
}

/* Coefficient k, put into row k - 1. */
static ebb_id put_behind(const ebb_rolled *w, ebb_builder *b, ebb_id before, ebb_id c) {
    static const int64_t front = 0;
    if (before == EBB_POISON || c == EBB_POISON) return EBB_POISON;
    const ebb_shape shape = *ebb_shape_of(w->g, before);
    ebb_id row = ebb_g_iota(b, EBB_I64, &shape, 0), k = ebb_g_broadcast(b, w->k, &shape, NULL);
    ebb_id here = ebb_g_eq(b, ebb_g_add(b, row, ebb_g_full_like(b, row, 1)), k);
    return ebb_g_select(b, here, ebb_g_expand_axes(b, c, &shape, 1, &front), before);
}

static ebb_id carried_on(ebb_rolled *w, ebb_id id, int kind) {
    ebb_builder b = builder_for(w, id);
    ebb_id c = ebb_present(&b, ebb_rolled_at(w, id), id);
    if (kind == EBB_LAST_ROW) return c;
    if (kind == EBB_BACKWARD_ROWS) return put_in_front(w, &b, w->in[id][kind], c);
    if (kind == EBB_WEIGHTED_ROWS) c = ebb_times(&b, c, ebb_rolled_order(w, &b, c, 0));
    return put_behind(w, &b, w->in[id][kind], c);
}

/* Coefficients 2 ... of a series. */
static ebb_id above_first(const ebb_rolled *w, ebb_id id) {
    static const int64_t step[EBB_MAX_RANK] = {1, 1, 1, 1, 1, 1, 1, 1}, start[EBB_MAX_RANK] = {1};
    ebb_builder b = builder_for(w, id);
    ebb_shape shape = *ebb_shape_of(w->g, w->series[id]);
    shape.dim[0]--;
    return ebb_g_slice(&b, w->series[id], start, step, &shape);
}

/* 2 ... order */
static ebb_id orders(const ebb_rolled *w, ebb_id id) {
    ebb_builder b = builder_for(w, id);
    const ebb_shape all = {1, {w->order - 1}};
    ebb_id k = ebb_g_iota(&b, EBB_I64, &all, 0);
    return ebb_g_add(&b, k, ebb_g_full_like(&b, k, 2));
}

/* ---- the loop ---- */

/* What the body gives: what is carried on, then coefficients that are stacked. Their number; -1: one is poison. */
static int list_results(ebb_rolled *w, const ebb_id *node, const ebb_id *end, ebb_id *out) {
    int outs = 0;
    for (int s = 0; s < w->states; s++)
        out[outs++] = carried_on(w, w->carried[2 * s], w->carried[2 * s + 1]);
    for (; node < end; node++)
        if (ebb_rolled_stacks(w, *node)) out[outs++] = w->row[*node];
    for (int j = 0; j < outs; j++)
        if (out[j] == EBB_POISON) return -1;
    return outs;
}

/* The body's parameters and the loop's operands, without captures; false: poison. */
static bool list_operands(const ebb_rolled *w, ebb_id id, ebb_id *in, ebb_id *arg) {
    int n = 0;
    for (int s = 0; s < w->states; s++, n++) {
        in[n] = w->in[w->carried[2 * s]][w->carried[2 * s + 1]];
        arg[n] = at_first(w, w->carried[2 * s], w->carried[2 * s + 1]);
    }
    in[n] = w->k;
    arg[n++] = orders(w, id);
    for (int i = 0; i < w->slices; i++, n++) {
        in[n] = w->row[w->sliced[i]];
        arg[n] = above_first(w, w->sliced[i]);
    }
    for (int i = 0; i < n; i++)
        if (in[i] == EBB_POISON || arg[i] == EBB_POISON) return false;
    return true;
}

/* n operands with the captures between states and sequences. */
static const ebb_id *with_captures(const ebb_rolled *w, int n, const ebb_id *operand, int captures,
                                   const ebb_id *capture, ebb_id *all) {
    memcpy(all, operand, (size_t)w->states * sizeof *all);
    memcpy(all + w->states, capture, (size_t)captures * sizeof *all);
    memcpy(all + w->states + captures, operand + w->states, (size_t)(n - w->states) * sizeof *all);
    return all;
}

/* in, arg: [n]; the loop, or poison. */
static ebb_id make_loop(const ebb_rolled *w, int n, const ebb_id *in, const ebb_id *arg, int outs, const ebb_id *out) {
    const ebb_allocator *a = w->g->allocator;
    ebb_loop l = {.states = w->states, .trips = w->order - 1};
    ebb_id tuple = EBB_POISON, *capture = ebb_residuals(w->g, n, in, outs, out, 0, &l.captures);
    ebb_id *all = capture ? ebb_mem_new(a, (size_t)n + (size_t)l.captures, sizeof *all) : NULL;
    if (all)
        l.body = ebb_extract(w->g, n + l.captures, with_captures(w, n, in, l.captures, capture, all), outs, out);
    else if (capture)
        ebb_fail_memory(w->g->diag);
    if (l.body)
        tuple = ebb_derive_loop(w->g, &l, n + l.captures, with_captures(w, n, arg, l.captures, capture, all),
                                ebb_builder_for(w->g, out[0], EBB_PRIMAL).site);
    ebb_graph_release(l.body);
    ebb_mem_free(a, all);
    ebb_mem_free(a, capture);
    return tuple;
}

/* The series of what other groups want. */
static bool take_results(ebb_rolled *w, const ebb_id *node, const ebb_id *end, ebb_id tuple) {
    for (int k = w->states; tuple != EBB_POISON && node < end; node++) {
        if (!ebb_rolled_stacks(w, *node)) continue;
        ebb_builder b = builder_for(w, *node);
        ebb_id rest = ebb_derive_get(w->g, tuple, k++, b.site);
        w->series[*node] = ebb_g_concat(&b, as_row(&b, w->first[*node]), rest, 0);
        if (w->series[*node] == EBB_POISON) return false;
    }
    return tuple != EBB_POISON;
}

bool ebb_rolled_loop(ebb_rolled *w, const ebb_id *node, const ebb_id *end) {
    const ebb_allocator *a = w->g->allocator;
    ebb_id *out = ebb_mem_new(a, (size_t)w->states + (size_t)(end - node), sizeof *out);
    if (!out) return ebb_fail_memory(w->g->diag);
    int outs = list_results(w, node, end, out), n = w->states + w->slices + 1;
    ebb_id *in = outs > 0 ? ebb_mem_new(a, 2 * (size_t)n, sizeof *in) : NULL;
    bool ok = in || outs <= 0 || ebb_fail_memory(w->g->diag);
    ok = ok && outs >= 0 &&
         (outs == 0 ||
          (list_operands(w, *node, in, in + n) && take_results(w, node, end, make_loop(w, n, in, in + n, outs, out))));
    ebb_mem_free(a, in);
    ebb_mem_free(a, out);
    return ok;
}
