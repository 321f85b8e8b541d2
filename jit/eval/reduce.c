/* reduce.c - sum and reduce_max over any axes of a strided operand, in the order that reduction.h lays down.
 *
 * The axes are split in two nests of loops: `kept`, which the results come from, and `rows`, the reduced ones. The last
 * axis that is left goes to neither: its n elements are what the inner loops of reduce_loops.h run over, as terms of
 * one result (row sum) or as n results side by side (column sum). Start reading at eval_reduce. */
#include "jit/eval/inside.h"
#include "jit/graph/numbers.h"
#include "jit/runtime/tree.h"

#include <math.h>

typedef struct reduction {
    bool last_axis;  /* it is reduced: a row sum */
    bool empty;      /* some reduced axis has size 0 */
    int64_t results; /* how many */
    int64_t n, step; /* the last axis */
    int64_t width;   /* row sum: slots that are in use, a power of two */
    int64_t piece;   /* row sum: elements of a row that go to one block at most ... */
    int64_t pieces;  /* ... and so many such pieces are a block */
} reduction;

typedef void reduce_loop(const reduction *r, eval_nest *kept, eval_nest *rows, const void *from, void *to);

#define PASTE_(a, b, c) a##b##c
#define PASTE(a, b, c) PASTE_(a, b, c)
#define NAME(part) PASTE(part, _, S)
#define TREE(suffix) EBB_TREE(suffix, T, COMBINE)

/* ---- sums: integers as unsigned numbers, so that they wrap; -0 is what changes nothing when added ---- */

#define COMBINE(a, b) ((a) + (b))
#define EMPTY 0

#define START -0.0f
#define S sum_f32
#define T float
#include "jit/eval/reduce_loops.h"
#undef S
#undef T
#define S sum_f64
#define T double
#include "jit/eval/reduce_loops.h"
#undef S
#undef T
#undef START

#define START 0
#define S sum_i32
#define T uint32_t
#include "jit/eval/reduce_loops.h"
#undef S
#undef T
#define S sum_i64
#define T uint64_t
#include "jit/eval/reduce_loops.h"
#undef S
#undef T
#undef START

#undef COMBINE
#undef EMPTY

/* ---- maxima ---- */

#define EMPTY START

#define START -INFINITY
#define S max_f32
#define T float
#define COMBINE larger_f32
#include "jit/eval/reduce_loops.h"
#undef S
#undef T
#undef COMBINE
#define S max_f64
#define T double
#define COMBINE larger_f64
#include "jit/eval/reduce_loops.h"
#undef S
#undef T
#undef COMBINE
#undef START

#define START INT32_MIN
#define S max_i32
#define T int32_t
#define COMBINE larger_i32
#include "jit/eval/reduce_loops.h"
#undef S
#undef T
#undef COMBINE
#undef START

#define START INT64_MIN
#define S max_i64
#define T int64_t
#define COMBINE larger_i64
#include "jit/eval/reduce_loops.h"
#undef S
#undef T
#undef COMBINE
#undef START

static reduce_loop *const loops[EBB_OP_COUNT][EBB_F64 + 1] = {
    [EBB_OP_sum] = {[EBB_I32] = reduce_sum_i32,
                    [EBB_I64] = reduce_sum_i64,
                    [EBB_F32] = reduce_sum_f32,
                    [EBB_F64] = reduce_sum_f64},
    [EBB_OP_reduce_max] = {[EBB_I32] = reduce_max_i32,
                           [EBB_I64] = reduce_max_i64,
                           [EBB_F32] = reduce_max_f32,
                           [EBB_F64] = reduce_max_f64},
};

static bool is_reduced(const ebb_application *app, int axis) {
    for (int i = 0; i < app->nattr; i++)
        if (app->attr[i] == axis) return true;
    return false;
}

/* The blocks of a row sum, as reduction.h says: pieces of one row, or several whole rows. */
static void lay_blocks(reduction *r, int64_t slots) {
    const int64_t additions = (r->n + slots - 1) / slots;
    r->width = slots;
    while (r->width / 2 >= r->n)
        r->width /= 2;
    r->piece = additions >= EBB_BLOCK_ADDS ? EBB_BLOCK_ADDS * slots : r->n;
    r->pieces = additions >= EBB_BLOCK_ADDS ? 1 : EBB_BLOCK_ADDS / additions;
}

static void split_axes(const eval_call *c, reduction *r, eval_nest *kept, eval_nest *rows) {
    const ebb_shape *s = &c->type->shape;
    int last = s->rank - 1;
    while (last >= 0 && s->dim[last] == 1)
        last--;
    *r = (reduction){.last_axis = last < 0 || is_reduced(c->app, last), .results = 1, .n = 1};
    eval_nest_start(kept, 1);
    eval_nest_start(rows, 1);
    for (int a = 0; a <= last; a++) {
        const bool reduced = is_reduced(c->app, a);
        if (!reduced) r->results *= s->dim[a];
        if (reduced && s->dim[a] == 0) r->empty = true;
        if (a < last) {
            eval_nest_push(reduced ? rows : kept, s->dim[a], c->arg, a);
        } else {
            r->n = s->dim[a];
            r->step = c->arg->stride[a];
        }
    }
}

bool eval_reduce(const eval_call *c) {
    reduction r;
    eval_nest kept, rows;
    reduce_loop *loop = loops[c->app->op][c->type->dtype];
    if (!loop)
        return ebb_fail(c->diag, EBB_TYPE_ERROR, c->app->site, "%s: not defined for %s", ebb_op_table[c->app->op].name,
                        ebb_dtype_short(c->type->dtype));
    split_axes(c, &r, &kept, &rows);
    if (r.results == 0) return true;
    if (r.last_axis && !r.empty) lay_blocks(&r, EBB_SLOTS((int64_t)ebb_dtype_size(c->type->dtype)));
    loop(&r, &kept, &rows, c->arg->data, c->out);
    return true;
}
