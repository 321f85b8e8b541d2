/* test_eval_reduce.c - reductions against a literal reading of reduction.h, bit for bit: every set of axes of many
 * shapes, contiguous and strided. */
#include <criterion/criterion.h>

#include "support/strided.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const ebb_dtype dtypes[] = {EBB_I32, EBB_I64, EBB_F32, EBB_F64};

typedef struct terms {
    int64_t n, last;
    const ebb_view *x;
    int64_t *offset;
} terms; /* in row-major order of the reduced indices */

#define REFERENCE(S, T)                                                                                                \
    static T halved_##S(T *slot, int64_t slots) {                                                                      \
        for (int64_t h = slots / 2; h >= 1; h /= 2)                                                                    \
            for (int64_t i = 0; i < h; i++)                                                                            \
                slot[i] += slot[i + h];                                                                                \
        return slot[0];                                                                                                \
    }                                                                                                                  \
    static T combined_##S(const T *block, int64_t blocks) {                                                            \
        T stack[64];                                                                                                   \
        int64_t top = 0;                                                                                               \
        for (int64_t t = 0; t < blocks; t++) {                                                                         \
            stack[top++] = block[t];                                                                                   \
            for (int64_t bits = t; bits & 1; bits >>= 1, top--)                                                        \
                stack[top - 2] = stack[top - 2] + stack[top - 1];                                                      \
        }                                                                                                              \
        for (; top > 1; top--)                                                                                         \
            stack[top - 2] = stack[top - 2] + stack[top - 1];                                                          \
        return stack[0];                                                                                               \
    }                                                                                                                  \
    static T row_sum_##S(const terms *t) {                                                                             \
        const int64_t slots = 128 / (int64_t)sizeof(T), c = (t->last + slots - 1) / slots,                             \
                      per_block = c >= 128 ? 0 : 128 / c;                                                              \
        T *block = malloc((size_t)(t->n + 1) * sizeof(T)), slot[128];                                                  \
        int64_t blocks = 0;                                                                                            \
        bool open = false;                                                                                             \
        for (int64_t i = 0; i < t->n; i++) {                                                                           \
            const int64_t row = i / t->last, j = i % t->last;                                                          \
            const bool starts = per_block ? j == 0 && row % per_block == 0 : j % (128 * slots) == 0;                   \
            if (starts && open) block[blocks++] = halved_##S(slot, slots);                                             \
            for (int64_t k = 0; starts && k < slots; k++)                                                              \
                slot[k] = (T) - 0.0;                                                                                   \
            slot[j % slots] += ((const T *)t->x->data)[t->offset[i]];                                                  \
            open = true;                                                                                               \
        }                                                                                                              \
        block[blocks++] = halved_##S(slot, slots);                                                                     \
        const T sum = combined_##S(block, blocks);                                                                     \
        free(block);                                                                                                   \
        return sum;                                                                                                    \
    }                                                                                                                  \
    static T column_sum_##S(const terms *t) {                                                                          \
        T *block = malloc((size_t)(t->n + 1) * sizeof(T));                                                             \
        int64_t blocks = 0;                                                                                            \
        for (int64_t i = 0; i < t->n; i++) {                                                                           \
            if (i % 128 == 0) block[blocks++] = (T) - 0.0;                                                             \
            block[blocks - 1] += ((const T *)t->x->data)[t->offset[i]];                                                \
        }                                                                                                              \
        const T sum = combined_##S(block, blocks);                                                                     \
        free(block);                                                                                                   \
        return sum;                                                                                                    \
    }
REFERENCE(f32, float)
REFERENCE(f64, double)
REFERENCE(i32, uint32_t)
REFERENCE(i64, uint64_t)

static number sum_of(ebb_dtype d, bool row, const terms *t) {
    if (t->n == 0) return (number){.i64 = 0};
    if (d == EBB_F32) return (number){.f32 = row ? row_sum_f32(t) : column_sum_f32(t)};
    if (d == EBB_F64) return (number){.f64 = row ? row_sum_f64(t) : column_sum_f64(t)};
    if (d == EBB_I32) return (number){.i32 = (int32_t)(row ? row_sum_i32(t) : column_sum_i32(t))};
    return (number){.i64 = (int64_t)(row ? row_sum_i64(t) : column_sum_i64(t))};
}

static number max_of(ebb_dtype d, const terms *t) {
    number m = get(t->x->data, d, t->offset[0]);
    for (int64_t i = 1; i < t->n; i++) {
        const number v = get(t->x->data, d, t->offset[i]);
        if (d == EBB_F32) m.f32 = (float)larger((double)m.f32, (double)v.f32);
        if (d == EBB_F64) m.f64 = larger(m.f64, v.f64);
        if (d == EBB_I32) m.i32 = m.i32 > v.i32 ? m.i32 : v.i32;
        if (d == EBB_I64) m.i64 = m.i64 > v.i64 ? m.i64 : v.i64;
    }
    return m;
}

/* Splits a shape: the reduced axes keep their sizes in `inner`, the others in `outer`; gone ones have size 1. */
static void split(const ebb_shape *s, unsigned axes, ebb_shape *outer, ebb_shape *inner, int64_t *last, bool *row) {
    *outer = *inner = *s;
    *last = 1;
    *row = true;
    for (int a = 0; a < s->rank; a++) {
        (axes >> a & 1 ? outer : inner)->dim[a] = 1;
        if (s->dim[a] != 1) *row = axes >> a & 1, *last = *row ? s->dim[a] : 1;
    }
}

static void check_reduction(ebb_op op, ebb_dtype d, const ebb_shape *s, unsigned axes, const ebb_view *x) {
    const ebb_type type = {d, *s};
    ebb_type result;
    ebb_shape outer, inner;
    ebb_diag diag = {0};
    terms t = {.x = x};
    bool row;
    int64_t attr[EBB_MAX_RANK];
    ebb_application app = {.op = op, .attr = attr};
    for (int a = 0; a < s->rank; a++)
        if (axes >> a & 1) attr[app.nattr++] = a;
    if (!ebb_infer(&diag, &app, 1, &type, &result)) {
        cr_assert(op == EBB_OP_reduce_max && size_of(s) == 0, "only nothing has no maximum: %s", diag.message);
        return;
    }
    split(s, axes, &outer, &inner, &t.last, &row);
    t.n = size_of(&inner);
    t.offset = malloc((size_t)t.n * 8 + 8);
    const int64_t results = size_of(&outer);
    char *out = malloc((size_t)results * 8 + 8);
    memset(out, 0x5a, (size_t)results * 8 + 8);
    cr_assert(ebb_eval_op(&app, 1, &type, x, &result, out, &ebb_malloc_allocator, &diag), "%s", diag.message);
    int64_t at[EBB_MAX_RANK] = {0}, i = 0;
    for (bool more = results > 0; more; more = next_index(&outer, at), i++) {
        int64_t in[EBB_MAX_RANK] = {0}, k = 0;
        for (bool again = t.n > 0; again; again = next_index(&inner, in))
            t.offset[k++] = place(s, x, at) + place(s, x, in);
        const number want = op == EBB_OP_sum ? sum_of(d, row, &t) : max_of(d, &t), have = get(out, d, i);
        char text[EBB_TYPE_TEXT];
        cr_assert(same_elements(d, want, have), "%s of %s over axes %x, result %d: %a, not %a", ebb_op_table[op].name,
                  ebb_type_text(&type, text), axes, (int)i, as_double(d, have), as_double(d, want));
    }
    cr_assert_eq(out[results * (int64_t)ebb_dtype_size(d)], 0x5a, "writes too far");
    free(out);
    free(t.offset);
}

/* Every set of axes, every dtype; numbers with NaN and infinities for the maximum, finite ones for sums. */
static void check_reductions(const ebb_shape *s, int kind) {
    const int64_t room = 2 * (size_of(s) + 8) > ROOM ? 2 * (size_of(s) + 8) : ROOM;
    char *memory = malloc((size_t)room * 8);
    for (int d = 0; d < 4; d++)
        for (int op = EBB_OP_sum; op <= EBB_OP_reduce_max; op++) {
            fill_any(memory, dtypes[d], room);
            for (int64_t i = 0; op == EBB_OP_sum && i < room; i++) {
                const double v = (double)(int64_t)draw() * 0x1p-60;
                if (dtypes[d] == EBB_F32) ((float *)memory)[i] = (float)v;
                if (dtypes[d] == EBB_F64) ((double *)memory)[i] = v;
            }
            ebb_view x = any_view(memory, dtypes[d], s, kind);
            if (kind == 0) x.data = memory;
            for (unsigned axes = 0; axes < 1u << s->rank; axes++)
                check_reduction((ebb_op)op, dtypes[d], s, axes, &x);
        }
    free(memory);
}

Test(eval, reductions_are_the_tree_of_reduction_h) {
    static const ebb_shape shapes[] = {{0, {0}},
                                       {1, {0}},
                                       {1, {1}},
                                       {2, {0, 3}},
                                       {2, {3, 0}},
                                       {2, {1, 1}},
                                       {3, {3, 1, 1}},
                                       {3, {1, 5, 1}},
                                       {2, {5, 7}},
                                       {3, {2, 3, 4}},
                                       {4, {3, 1, 2, 5}},
                                       {5, {2, 2, 1, 3, 2}},
                                       {8, {2, 1, 2, 1, 2, 2, 1, 3}},
                                       {2, {300, 3}},
                                       {2, {3, 300}},
                                       {2, {130, 33}},
                                       {2, {200, 129}},
                                       {3, {40, 10, 12}},
                                       {3, {3, 140, 2}},
                                       {2, {4, 2000}},
                                       {1, {4096}},
                                       {2, {2, 4097}},
                                       {1, {20000}},
                                       {3, {2, 2, 5000}},
                                       {2, {1000, 17}},
                                       {2, {129, 128}},
                                       {3, {129, 2, 31}}};
    for (int s = 0; s < COUNT(shapes); s++)
        check_reductions(&shapes[s], 0);
    for (int64_t n = 0; n <= 70; n++)
        check_reductions(&(ebb_shape){1, {n}}, 0), check_reductions(&(ebb_shape){2, {3, n}}, 0);
}

Test(eval, reductions_of_views) {
    static const ebb_shape shapes[] = {{1, {300}},        {2, {5, 7}},       {2, {130, 33}}, {3, {2, 3, 4}},
                                       {3, {40, 10, 12}}, {4, {3, 1, 2, 5}}, {2, {3, 2000}}};
    for (int s = 0; s < COUNT(shapes); s++)
        for (int kind = 1; kind < 6; kind++)
            check_reductions(&shapes[s], kind);
}

static float sum_of_repeats(ebb_shape s, int64_t axis, float value) {
    const ebb_type type = {EBB_F32, s};
    const ebb_view x = {&value, {0}};
    const ebb_application app = {.op = EBB_OP_sum, .nattr = 1, .attr = &axis};
    float sum[4] = {0};
    ebb_type result;
    cr_assert(ebb_infer(NULL, &app, 1, &type, &result));
    cr_assert(ebb_eval_op(&app, 1, &type, &x, &result, sum, &ebb_malloc_allocator, NULL));
    return sum[0];
}

Test(eval, long_sums) {
    cr_assert_eq(sum_of_repeats((ebb_shape){1, {20000000}}, 0, 1), 2e7f, "2e7 ones in f32");
    cr_assert_eq(sum_of_repeats((ebb_shape){2, {20000000, 2}}, 0, 1), 2e7f, "2e7 ones down a column");
    cr_assert(signbit(sum_of_repeats((ebb_shape){1, {3}}, 0, -0.0f)), "a sum of -0 is -0");
    cr_assert(!signbit(sum_of_repeats((ebb_shape){1, {0}}, 0, -0.0f)), "a sum over nothing is +0");
}
