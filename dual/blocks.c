/* blocks.c - a pass along many directions, as many side by side as its memory allows: block by block in one loop.
 *
 * The pass is written for one direction, which is a parameter. What it reads of the program around it is computed once;
 * the rest is cut out as a function and batched for the directions of one block: the body of a loop over blocks, whose
 * size does not depend on their number. Where one block is enough there is no loop. Start reading at
 * ebb_every_direction.
 */
#include "dual/basis.h"
#include "dual/batch.h"
#include "dual/transform.h"
#include "jit/graph/region.h"

typedef struct blocks {
    ebb_graph *g;
    int64_t rows, count; /* of a block; of all of them */
    int n, m;
    const ebb_id *v, *y; /* [n], [m]: the direction and the nodes along it */
    int captures;
    ebb_id *capture; /* [captures + n]: what they read; the directions behind */
    ebb_graph *body; /* at work: the nodes y as a program of captures and directions; then the body */
} blocks;

static int64_t count_blocks(const blocks *w) { return (w->count + w->rows - 1) / w->rows; }

static bool cut_out(blocks *w) {
    w->capture = ebb_residuals(w->g, w->n, w->v, w->m, w->y, w->n, &w->captures);
    for (int i = 0; w->capture && i < w->n; i++)
        w->capture[w->captures + i] = w->v[i];
    w->body = w->capture ? ebb_extract(w->g, w->captures + w->n, w->capture, w->m, w->y) : NULL;
    return w->body != NULL;
}

/* The body's nodes for the directions of a block, each with its rows in front. */
static bool batch(const blocks *w, const ebb_id *direction, ebb_id *by) {
    ebb_graph *body = w->body;
    if (!ebb_vmap_nodes(body, w->rows, w->n, body->input + w->captures, direction, w->m, body->output, by))
        return false;
    for (int j = 0; j < w->m; j++) {
        ebb_builder b = {body, body->site[body->output[j]]};
        if (by[j] == EBB_ABSENT) by[j] = ebb_spread(&b, body->output[j], w->rows);
        if (by[j] == EBB_POISON) return false;
    }
    return true;
}

static bool replace_body(blocks *w, int nin, const ebb_id *in, const ebb_id *out) {
    ebb_graph *body = ebb_extract(w->body, nin, in, w->m, out);
    ebb_graph_release(w->body);
    w->body = body;
    return body != NULL;
}

static ebb_id loop(const blocks *w, int states, int narg, const ebb_id *arg) {
    const ebb_loop l = {.body = w->body, .states = states, .captures = w->captures, .trips = count_blocks(w)};
    return ebb_derive_loop(w->g, &l, narg, arg, ebb_builder_for(w->g, w->v[0], EBB_TANGENT).site);
}

static void finish(blocks *w) {
    ebb_graph_release(w->body);
    ebb_mem_free(w->g->allocator, w->capture);
}

/* ---- along every element of a parameter, beside each other ---- */

/* Body: captures, where the block begins -> for each node its rows, as one list of numbers. in: room. */
static bool make_stacking_body(blocks *w, ebb_id *by, ebb_id *in) {
    ebb_graph *g = w->body;
    ebb_id from = ebb_add_input(g, (ebb_type){EBB_I64, {0}}, g->site[g->input[w->captures]]);
    ebb_builder b = ebb_builder_for(g, g->input[w->captures], EBB_TANGENT);
    ebb_id basis = from == EBB_POISON ? from : ebb_identity_rows_at(&b, from, w->rows, 0, g->input[w->captures]);
    if (basis == EBB_POISON || !batch(w, &basis, by)) return false;
    for (int j = 0; j < w->m; j++)
        by[j] = ebb_g_reshape(&b, by[j], &(ebb_shape){1, {ebb_element_count(g, by[j])}});
    for (int k = 0; k < w->captures; k++)
        in[k] = g->input[k];
    in[w->captures] = from;
    return replace_body(w, w->captures + 1, in, by);
}

/* Result j of the loop, [blocks, rows * elements], as [count, y...]. */
static ebb_id unstack(const blocks *w, ebb_id tuple, int j) {
    ebb_builder b = ebb_builder_for(w->g, w->y[j], EBB_TANGENT);
    static const int64_t start[EBB_MAX_RANK] = {0}, step[EBB_MAX_RANK] = {1, 1, 1, 1, 1, 1, 1, 1};
    ebb_shape all, some;
    if (!ebb_shape_insert(ebb_shape_of(w->g, w->y[j]), 0, w->rows * count_blocks(w), &all)) return EBB_POISON;
    some = all;
    some.dim[0] = w->count;
    ebb_id x = ebb_derive_get(w->g, tuple, j, b.site);
    return x == EBB_POISON ? x : ebb_g_slice(&b, ebb_g_reshape(&b, x, &all), start, step, &some);
}

static bool stack_in_blocks(blocks *w, ebb_id *out) {
    const ebb_allocator *a = w->g->allocator;
    ebb_id *room = cut_out(w) ? ebb_mem_new(a, (size_t)w->captures + (size_t)w->m + 2, sizeof *room) : NULL;
    if (w->body && !room) ebb_fail_memory(w->g->diag);
    bool ok = room && make_stacking_body(w, room, room + w->m);
    const ebb_lines lines = {.count = w->count};
    ok = ok && ebb_lines_sequence(w->g, &lines, w->rows, 1, w->v, w->capture + w->captures);
    ebb_id tuple = ok ? loop(w, 0, w->captures + 1, w->capture) : EBB_POISON;
    for (int j = 0; j < w->m && tuple != EBB_POISON; j++)
        ok = (room[j] = unstack(w, tuple, j)) != EBB_POISON && ok;
    for (int j = 0; ok && j < w->m; j++)
        out[j] = room[j];
    ebb_mem_free(a, room);
    finish(w);
    return ok && tuple != EBB_POISON;
}

/* Those that are there. */
static int gather(int n, const ebb_id *out, ebb_id *there) {
    int m = 0;
    for (int j = 0; j < n; j++)
        if (out[j] != EBB_ABSENT) there[m++] = out[j];
    return m;
}

static bool stack(ebb_work *w, ebb_id v, int m, ebb_id *y) {
    ebb_graph *g = w->b.graph;
    int64_t size = ebb_element_count(g, v), rows;
    if (!ebb_block_of(g, m, y, 1, &v, size, w->budget, &rows)) return false;
    int64_t parts = (size + rows - 1) / rows;
    if (parts > w->blocks) w->blocks = parts;
    if (rows < size)
        return stack_in_blocks(&(blocks){.g = g, .rows = rows, .count = size, .n = 1, .m = m, .v = &v, .y = y}, y);
    ebb_id basis = ebb_identity_rows(&w->b, 0, size, 0, v);
    return basis != EBB_POISON && ebb_vmap_nodes(g, size, 1, &v, &basis, m, y, y);
}

bool ebb_every_direction(ebb_work *w, ebb_id v, int n, ebb_id *out) {
    const ebb_allocator *a = w->b.graph->allocator;
    ebb_id *there = ebb_mem_new(a, (size_t)n + 1, sizeof *there);
    if (!there) return ebb_fail_memory(w->b.graph->diag);
    int m = gather(n, out, there);
    bool ok = m == 0 || stack(w, v, m, there);
    for (int j = 0, k = 0; ok && j < n; j++)
        if (out[j] != EBB_ABSENT) out[j] = there[k++];
    ebb_mem_free(a, there);
    return ok;
}

/* ---- along lines, added up ---- */

/* The weighted sum of [rows, y...] over its rows. */
static ebb_id add_up(ebb_builder *b, ebb_id x, ebb_id weight) {
    static const int64_t front = 0;
    if (weight != EBB_ABSENT && x != EBB_POISON) {
        weight = ebb_g_cast_to(b, weight, ebb_dtype_at(b->graph, x));
        x = ebb_times(b, x, ebb_g_broadcast(b, weight, ebb_shape_of(b->graph, x), &front));
    }
    return ebb_g_sum(b, x, 1, &front);
}

/* All lines side by side. direction: room. */
static bool sum_at_once(ebb_graph *g, const ebb_lines *lines, int n, const ebb_id *v, int m, const ebb_id *y,
                        ebb_id *total, ebb_id *direction) {
    ebb_id weight;
    if (!ebb_lines_at(g, lines, 0, lines->count, n, v, direction, &weight) ||
        !ebb_vmap_nodes(g, lines->count, n, v, direction, m, y, total))
        return false;
    for (int k = 0; k < m; k++) {
        ebb_builder b = {g, g->site[y[k]]};
        if (total[k] == EBB_ABSENT) total[k] = ebb_spread(&b, y[k], lines->count);
        total[k] = add_up(&b, total[k], weight);
        if (total[k] == EBB_POISON) return false;
    }
    return true;
}

/* A parameter of the body for rows of this sequence. */
static ebb_id add_slice(const blocks *w, ebb_id sequence) {
    const ebb_type type = ebb_type_of(w->g, sequence);
    ebb_shape row = {.rank = type.shape.rank - 1};
    if (row.rank) row.dim[0] = type.shape.dim[1];
    return ebb_add_input(w->body, (ebb_type){type.dtype, row}, w->body->site[w->body->input[w->captures]]);
}

/* Body: totals, captures, lines of the block -> totals. in, by, direction: room. */
static bool make_summing_body(blocks *w, const ebb_lines *lines, int slices, const ebb_id *sequence, ebb_id *in,
                              ebb_id *by, ebb_id *direction) {
    ebb_graph *g = w->body;
    ebb_id weight, *slice = in + w->m + w->captures;
    for (int k = 0; k < w->captures; k++)
        in[w->m + k] = g->input[k];
    for (int j = 0; j < w->m; j++)
        if ((in[j] = ebb_add_input(g, ebb_type_of(g, g->output[j]), g->site[g->output[j]])) == EBB_POISON) return false;
    for (int k = 0; k < slices; k++)
        if ((slice[k] = add_slice(w, sequence[k])) == EBB_POISON) return false;
    if (!ebb_lines_slice(g, lines, w->rows, slice, w->n, g->input + w->captures, direction, &weight) ||
        !batch(w, direction, by))
        return false;
    for (int j = 0; j < w->m; j++) {
        ebb_builder b = {g, g->site[g->output[j]]};
        by[j] = ebb_g_add(&b, in[j], add_up(&b, by[j], weight));
        if (by[j] == EBB_POISON) return false;
    }
    return replace_body(w, w->m + w->captures + slices, in, by);
}

/* arg: the loop's operands, of which totals begin at 0; in, by, direction: room. */
static bool sum_along(blocks *w, const ebb_lines *lines, int slices, ebb_id *arg, ebb_id *in, ebb_id *by,
                      ebb_id *direction, ebb_id *total) {
    ebb_id *sequence = arg + w->m + w->captures;
    for (int j = 0; j < w->m; j++) {
        ebb_builder b = ebb_builder_for(w->g, w->y[j], EBB_TANGENT);
        if ((arg[j] = ebb_g_full_like(&b, w->y[j], 0)) == EBB_POISON) return false;
    }
    for (int k = 0; k < w->captures; k++)
        arg[w->m + k] = w->capture[k];
    if (!ebb_lines_sequence(w->g, lines, w->rows, w->n, w->v, sequence) ||
        !make_summing_body(w, lines, slices, sequence, in, by, direction))
        return false;
    ebb_id tuple = loop(w, w->m, w->m + w->captures + slices, arg);
    for (int j = 0; j < w->m && tuple != EBB_POISON; j++)
        total[j] = ebb_derive_get(w->g, tuple, j, w->g->site[w->y[j]]);
    return tuple != EBB_POISON;
}

static bool sum_in_blocks(blocks *w, const ebb_lines *lines, ebb_id *total) {
    const ebb_allocator *a = w->g->allocator;
    int slices = ebb_lines_sequences(lines, w->n);
    bool ok = cut_out(w);
    size_t operands = (size_t)w->m + (size_t)w->captures + (size_t)slices;
    ebb_id *arg = ok ? ebb_mem_new(a, 2 * operands + (size_t)w->m + (size_t)w->n, sizeof *arg) : NULL;
    if (ok && !arg) ok = ebb_fail_memory(w->g->diag);
    if (ok) ok = sum_along(w, lines, slices, arg, arg + operands, arg + 2 * operands, arg + 2 * operands + w->m, total);
    ebb_mem_free(a, arg);
    finish(w);
    return ok;
}

bool ebb_sum_over_lines(ebb_graph *g, const ebb_lines *lines, int n, const ebb_id *v, int m, const ebb_id *y,
                        ebb_id *total) {
    int64_t rows;
    if (m == 0 || lines->count == 0) return true;
    if (!ebb_block_of(g, m, y, n, v, lines->count, lines->budget, &rows)) return false;
    if (rows < lines->count) {
        blocks w = {.g = g, .rows = rows, .count = lines->count, .n = n, .m = m, .v = v, .y = y};
        return sum_in_blocks(&w, lines, total);
    }
    ebb_id *direction = ebb_mem_new(g->allocator, (size_t)n + 1, sizeof *direction);
    bool ok = direction ? sum_at_once(g, lines, n, v, m, y, total, direction) : ebb_fail_memory(g->diag);
    ebb_mem_free(g->allocator, direction);
    return ok;
}
