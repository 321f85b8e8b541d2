/* basis.c - see basis.h. */
#include "dual/basis.h"

#include "jit/graph/cost.h"
#include "jit/graph/plain_floats.h"

#include <string.h>

int64_t ebb_element_count(const ebb_graph *g, ebb_id x) {
    int64_t size = 0;
    return ebb_shape_size(ebb_shape_of(g, x), &size) ? size : 0;
}

/* ---- the identity ---- */

/* [rows, like...]; false: too many axes. */
static bool rows_like(const ebb_builder *b, int64_t rows, ebb_id like, ebb_shape *shape) {
    char text[EBB_TYPE_TEXT];
    ebb_type type = ebb_type_of(b->graph, like);
    return ebb_shape_insert(&type.shape, 0, rows, shape) ||
           ebb_fail(b->graph->diag, EBB_VALUE_ERROR, b->site,
                    "a parameter is %s; beside its %d axes there is no axis for directions", ebb_type_text(&type, text),
                    EBB_MAX_RANK);
}

/* Element (r, c) is 1 where r + shift is c; `shift` an i64[rows, columns], or absent for 0. */
static ebb_id identity(ebb_builder *b, ebb_id shift, int64_t rows, ebb_id like) {
    ebb_shape shape;
    if (shift == EBB_POISON || !rows_like(b, rows, like, &shape)) return EBB_POISON;
    const ebb_shape flat = {2, {rows, ebb_element_count(b->graph, like)}};
    ebb_id row = ebb_g_iota(b, EBB_I64, &flat, 0), column = ebb_g_iota(b, EBB_I64, &flat, 1);
    if (shift != EBB_ABSENT) row = ebb_g_add(b, row, shift);
    ebb_id here = ebb_g_cast_to(b, ebb_g_eq(b, row, column), ebb_dtype_at(b->graph, like));
    return ebb_g_reshape(b, here, &shape);
}

ebb_id ebb_identity_rows(ebb_builder *b, int64_t from, int64_t rows, int64_t at, ebb_id like) {
    const ebb_shape flat = {2, {rows, ebb_element_count(b->graph, like)}};
    ebb_id shift = from == at ? EBB_ABSENT : ebb_g_full(b, EBB_I64, &flat, (double)(from - at));
    return identity(b, shift, rows, like);
}

ebb_id ebb_identity_rows_at(ebb_builder *b, ebb_id from, int64_t rows, int64_t at, ebb_id like) {
    const ebb_shape flat = {2, {rows, ebb_element_count(b->graph, like)}};
    ebb_id shift = ebb_g_sub(b, from, ebb_g_number(b, EBB_I64, (double)at));
    return identity(b, ebb_g_broadcast(b, shift, &flat, NULL), rows, like);
}

static ebb_id operand_of(const ebb_graph *g, ebb_id x, ebb_op op, int k) {
    return x > EBB_ABSENT && ebb_op_of(g, x) == op ? ebb_operands(g, x)[k] : EBB_ABSENT;
}

static bool counts_along(const ebb_graph *g, ebb_id x, int axis) {
    return x > EBB_ABSENT && ebb_op_of(g, x) == EBB_OP_iota && ebb_attr_of(g, x).v[0] == axis;
}

bool ebb_is_identity(const ebb_graph *g, ebb_id x, int64_t *offset) {
    ebb_id here = operand_of(g, x, EBB_OP_cast, 0), row = operand_of(g, here, EBB_OP_eq, 0);
    double shift = 0;
    if (ebb_shape_of(g, x)->rank != 2 || !counts_along(g, operand_of(g, here, EBB_OP_eq, 1), 1)) return false;
    if (ebb_is_scalar_constant(g, operand_of(g, row, EBB_OP_add, 1), &shift)) row = operand_of(g, row, EBB_OP_add, 0);
    *offset = (int64_t)shift;
    return counts_along(g, row, 0);
}

/* ---- numbers ---- */

enum { PIECE = 64 }; /* elements of a constant */

/* [rows, columns] of the numbers from[r * stride + c], put together of constants. */
static ebb_id table(ebb_builder *b, ebb_dtype dtype, int64_t rows, int64_t columns, const double *from,
                    int64_t stride) {
    int64_t size = rows * columns, pieces = (size + PIECE - 1) / PIECE;
    ebb_id *piece = ebb_mem_new(b->graph->allocator, (size_t)pieces + 1, sizeof *piece), all;
    if (!piece) return ebb_fail_memory(b->graph->diag), EBB_POISON;
    for (int64_t k = 0; k < pieces; k++) {
        double number[PIECE];
        int64_t n = size - k * PIECE < PIECE ? size - k * PIECE : PIECE;
        for (int64_t i = 0; i < n; i++)
            number[i] = from[(k * PIECE + i) / columns * stride + (k * PIECE + i) % columns];
        piece[k] = ebb_g_constant(b, (ebb_type){EBB_F64, {1, {n}}}, number);
    }
    all = pieces ? ebb_stack(b, (int)pieces, piece) : ebb_g_full(b, EBB_F64, &(ebb_shape){1, {0}}, 0);
    ebb_mem_free(b->graph->allocator, piece);
    return ebb_g_cast_to(b, ebb_g_reshape(b, all, &(ebb_shape){2, {rows, columns}}), dtype);
}

static ebb_id direction_rows(ebb_builder *b, const ebb_lines *l, int64_t from, int64_t rows, int64_t at, ebb_id x) {
    ebb_shape shape;
    if (!l->direction) return ebb_identity_rows(b, from, rows, at, x);
    if (!rows_like(b, rows, x, &shape)) return EBB_POISON;
    const double *first = l->direction + from * l->elements + at;
    ebb_id all = table(b, ebb_dtype_at(b->graph, x), rows, ebb_element_count(b->graph, x), first, l->elements);
    return ebb_g_reshape(b, all, &shape);
}

bool ebb_lines_at(ebb_graph *g, const ebb_lines *l, int64_t from, int64_t rows, int n, const ebb_id *x, ebb_id *v,
                  ebb_id *weight) {
    int64_t at = 0;
    ebb_builder b = {g, {0}};
    for (int i = 0; i < n; at += ebb_element_count(g, x[i]), i++) {
        b = ebb_builder_for(g, x[i], EBB_TANGENT);
        if ((v[i] = direction_rows(&b, l, from, rows, at, x[i])) == EBB_POISON) return false;
    }
    *weight = EBB_ABSENT;
    if (!l->weight) return true;
    ebb_id column = table(&b, EBB_F64, rows, 1, l->weight + from, 1);
    *weight = ebb_g_reshape(&b, column, &(ebb_shape){1, {rows}});
    return *weight != EBB_POISON;
}

/* ---- all of them, for a loop ---- */

int ebb_lines_sequences(const ebb_lines *l, int n) { return l->direction ? n + (l->weight != NULL) : 1; }

/* [blocks, rows * columns] of [count, columns], zeros behind the last. */
static ebb_id in_blocks(ebb_builder *b, const ebb_lines *l, int64_t rows, int64_t columns, const double *from,
                        int64_t stride, ebb_dtype dtype) {
    int64_t blocks = (l->count + rows - 1) / rows;
    ebb_id all = table(b, dtype, l->count, columns, from, stride);
    all = ebb_g_pad(b, all, (int64_t[]){0, 0}, (int64_t[]){blocks * rows - l->count, 0}, (int64_t[]){0, 0});
    return ebb_g_reshape(b, all, &(ebb_shape){2, {blocks, rows * columns}});
}

bool ebb_lines_sequence(ebb_graph *g, const ebb_lines *l, int64_t rows, int n, const ebb_id *x, ebb_id *sequence) {
    int64_t at = 0;
    ebb_builder b = ebb_builder_for(g, x[0], EBB_TANGENT);
    const ebb_shape blocks = {1, {(l->count + rows - 1) / rows}};
    if (!l->direction) {
        sequence[0] = ebb_g_iota(&b, EBB_I64, &blocks, 0);
        sequence[0] = ebb_g_mul(&b, sequence[0], ebb_g_full_like(&b, sequence[0], (double)rows));
        return sequence[0] != EBB_POISON;
    }
    for (int i = 0; i < n; at += ebb_element_count(g, x[i]), i++) {
        sequence[i] =
            in_blocks(&b, l, rows, ebb_element_count(g, x[i]), l->direction + at, l->elements, ebb_dtype_at(g, x[i]));
        if (sequence[i] == EBB_POISON) return false;
    }
    if (l->weight) sequence[n] = in_blocks(&b, l, rows, 1, l->weight, 1, EBB_F64);
    return !l->weight || sequence[n] != EBB_POISON;
}

bool ebb_lines_slice(ebb_graph *g, const ebb_lines *l, int64_t rows, const ebb_id *slice, int n, const ebb_id *x,
                     ebb_id *v, ebb_id *weight) {
    int64_t at = 0;
    *weight = l->direction && l->weight ? slice[n] : EBB_ABSENT;
    for (int i = 0; i < n; at += ebb_element_count(g, x[i]), i++) {
        ebb_builder b = ebb_builder_for(g, x[i], EBB_TANGENT);
        ebb_shape shape;
        if (!rows_like(&b, rows, x[i], &shape)) return false;
        v[i] = l->direction ? ebb_g_reshape(&b, slice[i], &shape) : ebb_identity_rows_at(&b, slice[0], rows, at, x[i]);
        if (v[i] == EBB_POISON) return false;
    }
    return true;
}

/* ---- blocks ---- */

bool ebb_block_of(const ebb_graph *g, int m, const ebb_id *y, int n, const ebb_id *v, int64_t count, double budget,
                  int64_t *rows) {
    EBB_PLAIN_FLOATS;
    int64_t most = count;
    if (count > 1 && !ebb_directions_within(g, m, y, n, v, budget, &most)) return false;
    *rows = most > count ? count : most;
    if (*rows < 1) *rows = 1;
    int64_t blocks = (count + *rows - 1) / *rows; /* of even size */
    if (blocks > 1) *rows = (count + blocks - 1) / blocks;
    return true;
}
