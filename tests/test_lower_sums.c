/* test_lower_sums.c - the order of additions: reduction.h written down word for word, against native code, to the bit.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/handmade.h"

/* ---- the tree, on the elements that belong to one result ---- */

/* A number as its dtype would hold it; sums of two f32 rounded through f64 are right. */
static double rounded(ebb_dtype d, double v) { return d == EBB_F32 ? (double)(float)v : v; }

typedef struct block_tree {
    double stack[64];
    int depth;
    int64_t blocks;
} block_tree;

static void tree_push(ebb_dtype d, block_tree *t, double value) {
    int64_t number = t->blocks++;
    t->stack[t->depth++] = value;
    for (; number & 1; number >>= 1, t->depth--)
        t->stack[t->depth - 2] = rounded(d, t->stack[t->depth - 2] + t->stack[t->depth - 1]);
}

static double tree_pop(ebb_dtype d, block_tree *t) {
    if (t->blocks == 0) return 0;
    for (; t->depth > 1; t->depth--)
        t->stack[t->depth - 2] = rounded(d, t->stack[t->depth - 2] + t->stack[t->depth - 1]);
    return t->stack[0];
}

static double halved(ebb_dtype d, double *slot, int slots) {
    for (int h = slots / 2; h >= 1; h /= 2)
        for (int i = 0; i < h; i++)
            slot[i] = rounded(d, slot[i] + slot[i + h]);
    return slot[0];
}

static void clear_slots(double *slot) {
    for (int i = 0; i < 32; i++)
        slot[i] = -0.0;
}

static double row_sum(ebb_dtype d, const double *x, int64_t rows, int64_t n) {
    int slots = EBB_SLOTS((int)ebb_dtype_size(d));
    int64_t c = (n + slots - 1) / slots, rows_per_block = c == 0 || c >= EBB_BLOCK_ADDS ? 1 : EBB_BLOCK_ADDS / c;
    int64_t elements_per_block = c >= EBB_BLOCK_ADDS ? (int64_t)EBB_BLOCK_ADDS * slots : n;
    block_tree t = {{0}, 0, 0};
    double slot[32];
    clear_slots(slot);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < n; j++) {
            slot[j % slots] = rounded(d, slot[j % slots] + x[r * n + j]);
            bool row_part_ends = j + 1 == n || (j + 1) % elements_per_block == 0;
            bool block_ends = c >= EBB_BLOCK_ADDS || (r + 1) % rows_per_block == 0 || r + 1 == rows;
            if (!row_part_ends || !block_ends) continue;
            tree_push(d, &t, halved(d, slot, slots));
            clear_slots(slot);
        }
    return tree_pop(d, &t);
}

static double column_sum(ebb_dtype d, const double *x, int64_t count) {
    block_tree t = {{0}, 0, 0};
    for (int64_t i = 0; i < count; i += EBB_BLOCK_ADDS) {
        double sum = -0.0;
        for (int64_t j = i; j < count && j < i + EBB_BLOCK_ADDS; j++)
            sum = rounded(d, sum + x[j]);
        tree_push(d, &t, sum);
    }
    return tree_pop(d, &t);
}

static double largest(const double *x, int64_t count) {
    double m = -INFINITY;
    for (int64_t i = 0; i < count; i++)
        m = x[i] > m || isnan(x[i]) ? x[i] : m;
    return m;
}

/* ---- kernels that reduce ---- */

typedef struct shape_case {
    int rank;
    int64_t dim[4];
    unsigned reduced;
} shape_case;

static const shape_case shapes[] = {
    {1, {0}, 1},
    {1, {1}, 1},
    {1, {5}, 1},
    {1, {16}, 1},
    {1, {31}, 1},
    {1, {32}, 1},
    {1, {33}, 1},
    {1, {100}, 1},
    {1, {2048}, 1},
    {1, {2049}, 1},
    {1, {4095}, 1},
    {1, {4096}, 1},
    {1, {4097}, 1},
    {1, {8192}, 1},
    {1, {70001}, 1},
    {2, {3, 70}, 2},
    {2, {0, 70}, 2},
    {2, {3, 0}, 2},
    {2, {700, 33}, 3},
    {3, {2, 300, 3}, 6},
    {3, {2, 50, 100}, 6},
    {3, {3, 2, 5000}, 5},
    {2, {5, 4096}, 3},
    {2, {4, 4100}, 3},
    {2, {127, 17}, 3},
    {2, {129, 17}, 3},
    {4, {3, 2, 3, 20}, 10},
    {2, {0, 9}, 1},
    {2, {2, 2}, 1},
    {2, {127, 7}, 1},
    {2, {128, 16}, 1},
    {2, {129, 40}, 1},
    {2, {1000, 5}, 1},
    {4, {3, 130, 5, 9}, 5},
    {3, {4, 3, 33}, 2},
    {3, {20, 20, 3}, 3},
    {2, {64, 1}, 1},
    {2, {1, 64}, 1},
    {2, {5, 1}, 2},
};
#define SHAPES (int)(sizeof shapes / sizeof *shapes)

static int64_t count_of(const shape_case *s, bool kept_only) {
    int64_t n = 1;
    for (int a = 0; a < s->rank; a++)
        n *= kept_only && s->reduced >> a & 1 ? 1 : s->dim[a];
    return n;
}

static void contiguous(const shape_case *s, bool kept_only, int64_t *stride) {
    int64_t step = 1;
    for (int a = s->rank - 1; a >= 0; a--) {
        bool skip = kept_only && (s->reduced >> a & 1);
        stride[a] = skip ? 0 : step;
        step *= skip ? 1 : s->dim[a];
    }
}

/* The elements of result number `which`, in row-major order; where they end along the last axis is the row length. */
static int64_t elements_of(const shape_case *s, ebb_dtype d, const void *x, int64_t which, double *element) {
    int64_t kept_stride[4], found = 0, total = count_of(s, false);
    contiguous(s, true, kept_stride);
    for (int64_t i = 0; i < total; i++) {
        int64_t rest = i, result = 0;
        for (int a = s->rank - 1; a >= 0; rest /= s->dim[a], a--)
            result += rest % s->dim[a] * kept_stride[a];
        if (result == which) element[found++] = d == EBB_F32 ? ((const float *)x)[i] : ((const double *)x)[i];
    }
    return found;
}

static double literal_sum(const shape_case *s, ebb_dtype d, const double *x, int64_t count) {
    int last = -1;
    for (int a = 0; a < s->rank; a++)
        if (s->dim[a] != 1) last = a;
    if (last < 0 || !(s->reduced >> last & 1)) return column_sum(d, x, count);
    return s->dim[last] == 0 ? 0 : row_sum(d, x, count / s->dim[last], s->dim[last]);
}

/* The sum, the largest, and the sum in the other float, all in one stage. */
enum { SUM, MAX, OTHER, FOLDS };
static ebb_dtype other_float(ebb_dtype d) { return d == EBB_F32 ? EBB_F64 : EBB_F32; }

static void reducing_kernel(hand *h, const shape_case *s, ebb_dtype d) {
    int64_t full[4], kept[4];
    contiguous(s, false, full);
    contiguous(s, true, kept);
    int x = hand_input(h, d, count_of(s, false)), level = s->reduced + 1 == 1u << s->rank ? 0 : 1;
    int sum = hand_output(h, d, 1), max = hand_output(h, d, 1), other = hand_output(h, other_float(d), 1);
    hand_kernel(h, s->rank, s->dim, s->reduced, 1);
    int v = hand_load(h, x, 2, 0, full), w = hand_apply(h, EBB_OP_cast, other_float(d), 2, v, -1, -1);
    hand_store(h, sum, level, 0, 0, kept, hand_fold(h, EBB_OP_sum, level, 0, v));
    hand_store(h, max, level, 0, 0, kept, hand_fold(h, EBB_OP_reduce_max, level, 0, v));
    hand_store(h, other, level, 0, 0, kept, hand_fold(h, EBB_OP_sum, level, 0, w));
}

static void check_reduction(const shape_case *s, ebb_dtype d, int bits, const void *x, void *const *got) {
    double *element = malloc((size_t)(count_of(s, false) + 1) * sizeof *element);
    for (int64_t i = 0, n = count_of(s, true); i < n; i++) {
        int64_t count = elements_of(s, d, x, i, element);
        ebb_dtype of[FOLDS] = {d, d, other_float(d)};
        double wanted[FOLDS] = {literal_sum(s, d, element, count), largest(element, count), 0};
        for (int64_t j = 0; j < count; j++)
            element[j] = rounded(other_float(d), element[j]);
        wanted[OTHER] = literal_sum(s, other_float(d), element, count);
        for (int f = 0; f < FOLDS; f++) {
            double y = hand_value_of(of[f], (char *)got[f] + (size_t)i * ebb_dtype_size(of[f]));
            cr_assert(memcmp(&y, &wanted[f], sizeof y) == 0,
                      "fold %d of %s, shape case %d, %d bits: result %lld is %.17g, not %.17g", f, ebb_dtype_short(d),
                      (int)(s - shapes), bits, (long long)i, y, wanted[f]);
        }
    }
    free(element);
}

/* `zeros`: of nothing but -0, whose sum is -0. */
static void test_reductions(ebb_dtype d, int bits, int level, bool zeros) {
    static hand h;
    const void *in[SHAPES];
    void *out[SHAPES * FOLDS];
    hand_open(&h);
    for (int i = 0; i < SHAPES; i++) {
        reducing_kernel(&h, &shapes[i], d);
        in[i] = hand_numbers(d, count_of(&shapes[i], false), false);
        for (int64_t j = 0; j < count_of(&shapes[i], false) && zeros; j++)
            hand_put(d, (void *)(uintptr_t)in[i], j, -0.0);
        for (int f = 0; f < FOLDS; f++)
            out[i * FOLDS + f] = hand_numbers(f == OTHER ? other_float(d) : d, count_of(&shapes[i], true), false);
    }
    ebb_executable *x = hand_compile_at(&h, bits, level);
    if (x) {
        cr_assert_eq(hand_run(x, in, out), EBB_OK);
        for (int i = 0; i < SHAPES; i++)
            check_reduction(&shapes[i], d, bits, in[i], out + i * FOLDS);
    }
    ebb_executable_release(x);
    for (int i = 0; i < SHAPES; i++)
        hand_drop(d, (void *)(uintptr_t)in[i]);
    for (int i = 0; i < SHAPES * FOLDS; i++)
        hand_drop(i % FOLDS == OTHER ? other_float(d) : d, out[i]);
    hand_close(&h);
}

Test(lower_sums, sums_add_in_the_order_of_reduction_h) {
    EACH_WIDTH(bits) {
        test_reductions(EBB_F32, bits, 2, false);
        test_reductions(EBB_F64, bits, 2, false);
    }
    test_reductions(EBB_F32, 128, 1, true);
}

Test(lower_sums, integer_sums_wrap_and_maxima_are_exact) {
    int64_t n[] = {3, 70}, full[] = {70, 1}, kept[] = {1, 0};
    int32_t *x = hand_numbers(EBB_I32, 210, true);
    int32_t sum[3], max[3];
    static hand h;
    hand_open(&h);
    int in = hand_input(&h, EBB_I32, 210), s = hand_output(&h, EBB_I32, 3), m = hand_output(&h, EBB_I32, 3);
    hand_kernel(&h, 2, n, 2, 1);
    int v = hand_load(&h, in, 2, 0, full);
    hand_store(&h, s, 1, 0, 0, kept, hand_fold(&h, EBB_OP_sum, 1, 0, v));
    hand_store(&h, m, 1, 0, 0, kept, hand_fold(&h, EBB_OP_reduce_max, 1, 0, v));
    EACH_WIDTH(bits) {
        ebb_executable *e = hand_compile_at(&h, bits, 2);
        if (!e) continue;
        hand_run(e, (const void *[]){x}, (void *[]){sum, max});
        for (int r = 0; r < 3; r++) {
            uint32_t total = 0;
            int32_t top = INT32_MIN;
            for (int j = 0; j < 70; j++) {
                total += (uint32_t)x[70 * r + j];
                if (x[70 * r + j] > top) top = x[70 * r + j];
            }
            cr_assert_eq(sum[r], (int32_t)total, "row %d", r);
            cr_assert_eq(max[r], top, "row %d", r);
        }
        ebb_executable_release(e);
    }
    hand_drop(EBB_I32, x);
    hand_close(&h);
}
