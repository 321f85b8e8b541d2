/* test_runtime.c - the runtime's routines against plain loops: products, gathers, sorting, the tree of sums. Random
 * numbers are in test_runtime_random.c.
 *
 * Numbers are small integers wherever an order of additions could matter, so that every order gives the same bits. */
#include <criterion/criterion.h>

#include "jit/runtime/runtime.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Small integers of a fixed stream, in any dtype. */
static uint32_t stream = 1;

static int small(void) {
    stream = stream * 1664525u + 1013904223u;
    return (int)(stream >> 24) % 9 - 4;
}

static void put(void *to, ebb_dtype d, int64_t i, double v) {
    if (d == EBB_F32) ((float *)to)[i] = (float)v;
    if (d == EBB_F64) ((double *)to)[i] = v;
    if (d == EBB_I32) ((int32_t *)to)[i] = (int32_t)v;
    if (d == EBB_I64) ((int64_t *)to)[i] = (int64_t)v;
}

static double at(const void *from, ebb_dtype d, int64_t i) {
    if (d == EBB_F32) return (double)((const float *)from)[i];
    if (d == EBB_F64) return ((const double *)from)[i];
    if (d == EBB_I32) return ((const int32_t *)from)[i];
    return (double)((const int64_t *)from)[i];
}

static void *smalls(ebb_dtype d, int64_t n) {
    void *memory = malloc((size_t)n * 8 + 8);
    for (int64_t i = 0; i < n; i++)
        put(memory, d, i, small());
    return memory;
}

static const ebb_dtype numbers[] = {EBB_I32, EBB_I64, EBB_F32, EBB_F64};

/* ---- products ---- */

static double product_at(ebb_dtype d, const int64_t *desc, const void *x, const void *w, int64_t b, int64_t i,
                         int64_t j) {
    const int64_t m = desc[EBB_DOT_M], n = desc[EBB_DOT_N], k = desc[EBB_DOT_K];
    double sum = 0;
    for (int64_t l = 0; l < k; l++)
        sum += at(x, d, b * m * k + (desc[EBB_DOT_TX] ? l * m + i : i * k + l)) *
               at(w, d, b * k * n + (desc[EBB_DOT_TY] ? j * k + l : l * n + j));
    return sum;
}

static void check_dot(ebb_dtype d, int64_t batch, int64_t m, int64_t n, int64_t k, int tx, int ty) {
    const int64_t desc[EBB_DOT_COUNT] = {d, batch, m, n, k, tx, ty};
    void *x = smalls(d, batch * m * k), *w = smalls(d, batch * k * n), *y = malloc((size_t)(batch * m * n) * 8 + 8);
    void *scratch = malloc((size_t)ebb_scratch(EBB_OP_dot, desc) + 1);
    for (int64_t i = 0; i < batch * m * n; i++)
        put(y, d, i, ebb_is_float(d) ? NAN : 77);
    cr_assert_eq(ebb_rt_dot(desc, (const void *[]){x, w, NULL, scratch}, y), EBB_OK);
    for (int64_t b = 0; b < batch; b++)
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++)
                cr_assert_eq(at(y, d, (b * m + i) * n + j), product_at(d, desc, x, w, b, i, j),
                             "%s batch %d [%d,%d,%d] tx %d ty %d at %d,%d,%d", ebb_dtype_short(d), (int)batch, (int)m,
                             (int)n, (int)k, tx, ty, (int)b, (int)i, (int)j);
    free(x);
    free(w);
    free(y);
    free(scratch);
}

Test(runtime, dot) {
    static const int64_t sizes[][3] = {{0, 3, 4}, {3, 0, 4},   {3, 4, 0},    {1, 1, 0},    {1, 1, 1}, {2, 3, 4},
                                       {1, 7, 5}, {7, 1, 5},   {1, 1, 33},   {9, 9, 1},    {1, 9, 1}, {9, 1, 1},
                                       {8, 8, 8}, {17, 5, 31}, {33, 70, 19}, {64, 10, 128}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int t = 0; t < 4; t++)
            for (int d = 0; d < 4; d++)
                for (int64_t batch = 0; batch < 4; batch++)
                    check_dot(numbers[d], batch, sizes[s][0], sizes[s][1], sizes[s][2], t & 1, t >> 1);
}

/* Products that go in pieces where the processor has AVX-512: rows of x, or of both factors if x is stored transposed.
 */
Test(runtime, dot_of_long_factors) {
    static const int64_t sizes[][3] = {{4501, 9, 25}, {9, 25, 4501}, {1030, 31, 33}, {100000, 2, 6}, {2, 7, 100000}};
    int cases = 0, pieces = 0;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int t = 0; t < 4; t++)
            for (int d = 0; d < 4; d++, cases++) {
                const int64_t desc[] = {numbers[d], 1, sizes[s][0], sizes[s][1], sizes[s][2], t & 1, t >> 1};
                const int64_t rows = ebb_dot_piece(desc), all = sizes[s][t & 1 ? 2 : 0];
                pieces += rows > 0;
                cr_expect(rows == 0 || (rows < all && ebb_is_float(numbers[d])), "%s, size %d, %d: pieces of %d of %d",
                          ebb_dtype_short(numbers[d]), (int)s, t, (int)rows, (int)all);
                check_dot(numbers[d], 1 + (d == 3), sizes[s][0], sizes[s][1], sizes[s][2], t & 1, t >> 1);
            }
    cr_expect_eq(pieces, 2 * (2 + 1 + 2 + 2 + 1), "%d are in pieces", pieces);
    printf("cases: %d long products, %d of them in pieces\n", cases, pieces);
}

Test(runtime, dot_keeps_nan_and_wraps) {
    static const int64_t sizes[][2] = {{1, 1}, {1, 8}, {8, 1}, {4, 4}, {40, 40}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const int64_t m = sizes[s][0], n = sizes[s][1], k = 3;
        const int64_t desc[EBB_DOT_COUNT] = {EBB_F32, 1, m, n, k, 0, 0};
        float x[120] = {0}, w[120], y[1600];
        for (int i = 0; i < 120; i++)
            w[i] = INFINITY;
        ebb_rt_dot(desc, (const void *[]){x, w}, y);
        for (int64_t i = 0; i < m * n; i++)
            cr_assert(isnan(y[i]), "0 * inf is NaN: [%d,%d] at %d", (int)m, (int)n, (int)i);
    }
    const int64_t desc[EBB_DOT_COUNT] = {EBB_I32, 1, 1, 1, 2, 0, 0};
    int32_t x[] = {INT32_MIN, 3}, w[] = {-1, 2}, y;
    ebb_rt_dot(desc, (const void *[]){x, w}, &y);
    cr_assert_eq(y, INT32_MIN + 6);
}

/* ---- gather, scatter_add ---- */

static void check_gather(ebb_dtype d, ebb_dtype index_dtype, int64_t outer, int64_t size, int64_t inner,
                         int64_t count) {
    const int64_t desc[EBB_GATHER_COUNT] = {d, index_dtype, outer, size, inner, count};
    void *x = smalls(d, outer * size * inner), *u = smalls(d, outer * count * inner),
         *index = malloc((size_t)count * 8 + 8);
    void *y = smalls(d, outer * count * inner), *z = smalls(d, outer * size * inner);
    double *want = malloc((size_t)(outer * size * inner) * 8 + 8);
    for (int64_t i = 0; i < count; i++)
        put(index, index_dtype, i, (double)((small() + 4) % size));
    for (int64_t i = 0; i < outer * size * inner; i++)
        want[i] = at(x, d, i);
    cr_assert_eq(ebb_rt_gather(desc, (const void *[]){x, index}, y), EBB_OK);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < count; i++)
            for (int64_t k = 0; k < inner; k++) {
                const int64_t from = (o * size + (int64_t)at(index, index_dtype, i)) * inner + k,
                              to = (o * count + i) * inner + k;
                cr_assert_eq(at(y, d, to), at(x, d, from), "gather %s [%d,%d,%d] of %d", ebb_dtype_short(d), (int)outer,
                             (int)size, (int)inner, (int)count);
                want[from] += at(u, d, to);
            }
    for (int in_place = 0; in_place < 2; in_place++) {
        void *out = in_place ? x : z;
        cr_assert_eq(ebb_rt_scatter_add(desc, (const void *[]){x, index, u}, out), EBB_OK);
        for (int64_t i = 0; i < outer * size * inner; i++)
            cr_assert_eq(at(out, d, i), want[i], "scatter_add %s [%d,%d,%d] of %d at %d", ebb_dtype_short(d),
                         (int)outer, (int)size, (int)inner, (int)count, (int)i);
    }
    free(x), free(u), free(index), free(y), free(z), free(want);
}

Test(runtime, gather_and_scatter_add) {
    for (int d = 0; d < 4; d++)
        for (int64_t shape = 0; shape < 81; shape++)
            check_gather(numbers[d], numbers[d & 1], shape % 3, 1 + shape / 3 % 3 * 2, shape / 9 % 3 * 2,
                         shape / 27 * 5);
}

Test(runtime, an_index_outside_is_a_fault) {
    static const int64_t bad[] = {5, -1, INT64_MAX, INT64_MIN};
    const int64_t desc[EBB_GATHER_COUNT] = {EBB_F32, EBB_I64, 1, 5, 1, 3};
    for (int i = 0; i < 4; i++) {
        float x[5] = {1, 2, 3, 4, 5}, u[3] = {1, 1, 1}, y[5] = {9, 9, 9, 9, 9};
        const int64_t index[3] = {0, bad[i], 4};
        for (int scatter = 0; scatter < 2; scatter++) {
            const void *in[] = {x, index, u};
            cr_assert_eq((scatter ? ebb_rt_scatter_add : ebb_rt_gather)(desc, in, y), EBB_INDEX_ERROR);
            const ebb_rt_fault_info *f = ebb_rt_fault();
            cr_assert(f->op == (scatter ? EBB_OP_scatter_add : EBB_OP_gather) && f->position == 1 &&
                      f->index == bad[i] && f->size == 5);
            cr_assert_eq(y[0], 9, "nothing is written before the check");
        }
    }
}

/* ---- argmax, pad ---- */

Test(runtime, argmax) {
    static const struct {
        double x[5];
        int64_t first;
    } cases[] = {{{1, 3, 2, 3, 0}, 1},
                 {{-1, -1, -1, -1, -1}, 0},
                 {{-5, -4, -3, -2, -1}, 4},
                 {{1, NAN, INFINITY, NAN, 2}, 1},
                 {{NAN, 1, 2, 3, 4}, 0},
                 {{-0.0, 0, -0.0, 0, 0}, 0},
                 {{-INFINITY, -INFINITY, -1, 0, 0}, 3}};
    for (int d = 0; d < 4; d++)
        for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
            for (int64_t inner = 1; inner < 4; inner++) {
                double memory[2 * 5 * 3];
                int64_t y[6] = {-1, -1, -1, -1, -1, -1};
                if (d < 2 && c > 2) continue;
                for (int64_t i = 0; i < 10 * inner; i++)
                    put(memory, numbers[d], i, cases[c].x[i / inner % 5]);
                const int64_t desc[EBB_ARGMAX_COUNT] = {numbers[d], 2, 5, inner};
                ebb_rt_argmax(desc, (const void *[]){memory}, y);
                for (int64_t i = 0; i < 2 * inner; i++)
                    cr_assert_eq(y[i], cases[c].first, "%s case %d: %d", ebb_dtype_short(numbers[d]), (int)c,
                                 (int)y[i]);
            }
}

/* Positions in order of one line, by insertion: stable, NaN last. */
static void insert_all(const double *x, int64_t n, int64_t *at) {
    for (int64_t i = 0; i < n; i++) {
        int64_t k = i;
        for (; k > 0 && (x[i] < x[at[k - 1]] || (isnan(x[at[k - 1]]) && !isnan(x[i]))); k--)
            at[k] = at[k - 1];
        at[k] = i;
    }
}

/* Few different numbers, so that most are equal to others; NaN, infinities and both zeros among those of floats. */
Test(runtime, argsort) {
    static const double few[] = {1, 0, 2, -0.0, -3, 1, 7, NAN, -INFINITY, INFINITY};
    enum { MOST = 150 };
    uint64_t seed = 1;
    for (int d = 0; d < 4; d++)
        for (int64_t n = 0; n <= MOST; n += n < 20 ? 1 : 13)
            for (int64_t inner = 1; inner < 4; inner++) {
                double memory[2 * MOST * 3], line[MOST];
                int64_t y[2 * MOST * 3], want[MOST];
                const int64_t desc[EBB_ARGMAX_COUNT] = {numbers[d], 2, n, inner};
                for (int64_t i = 0; i < 2 * n * inner; i++) {
                    seed = seed * 6364136223846793005u + 1442695040888963407u;
                    put(memory, numbers[d], i, few[(seed >> 33) % (d < 2 ? 7 : 10)]);
                }
                cr_assert_eq(ebb_rt_argsort(desc, (const void *[]){memory}, y), EBB_OK);
                for (int64_t l = 0; l < 2 * inner; l++) {
                    const int64_t start = l / inner * n * inner + l % inner;
                    for (int64_t i = 0; i < n; i++)
                        line[i] = at(memory, numbers[d], start + i * inner);
                    insert_all(line, n, want);
                    for (int64_t i = 0; i < n; i++)
                        cr_assert_eq(y[start + i * inner], want[i],
                                     "%s[%d], inner %d: place %d of line %d is %d, not %d", ebb_dtype_short(numbers[d]),
                                     (int)n, (int)inner, (int)i, (int)l, (int)y[start + i * inner], (int)want[i]);
                }
            }
}

Test(runtime, pad) {
    for (int64_t s = 0; s < 4 * 4 * 27 * 27; s++) {
        const int64_t n[2] = {s % 4, s / 4 % 4}, low[2] = {s / 16 % 3, s / 48 % 3},
                      high[2] = {s / 144 % 3, s / 432 % 3}, gap[2] = {s / 1296 % 3, s / 3888 % 3};
        int64_t to[2];
        for (int a = 0; a < 2; a++)
            to[a] = low[a] + high[a] + n[a] + (n[a] ? n[a] - 1 : 0) * gap[a];
        const int64_t desc[] = {EBB_I32, 2, n[0], n[1], to[0], to[1], low[0], low[1], gap[0], gap[1]};
        int32_t x[16], y[400], want[400] = {0};
        for (int i = 0; i < 16; i++)
            x[i] = i + 1;
        memset(y, 7, sizeof y);
        for (int64_t i = 0; i < n[0]; i++)
            for (int64_t j = 0; j < n[1]; j++)
                want[(low[0] + i * (gap[0] + 1)) * to[1] + low[1] + j * (gap[1] + 1)] = x[i * n[1] + j];
        ebb_rt_pad(desc, (const void *[]){x}, y);
        cr_assert_eq(memcmp(y, want, (size_t)(to[0] * to[1]) * 4), 0, "pad case %d", (int)s);
        cr_assert_eq(y[to[0] * to[1]], 0x07070707, "pad case %d writes too far", (int)s);
    }
    const int64_t cube[] = {EBB_I32, 3, 2, 2, 2, 2, 3, 2, 0, 0, 0, 0, 1, 0}; /* a gap in the middle axis */
    const int32_t x[8] = {1, 2, 3, 4, 5, 6, 7, 8}, want[12] = {1, 2, 0, 0, 3, 4, 5, 6, 0, 0, 7, 8};
    int32_t z[12];
    ebb_rt_pad(cube, (const void *[]){x}, z);
    cr_assert_eq(memcmp(z, want, sizeof z), 0, "three axes");
    const double number = 3;
    double y = 0;
    ebb_rt_pad((const int64_t[]){EBB_F64, 0}, (const void *[]){&number}, &y);
    cr_assert_eq(y, 3, "a scalar");
}

/* ---- the tree, casts, names ---- */

/* The sum of blocks [from, from + n) of a complete subtree. */
static float tree(const float *block, int64_t n) {
    return n == 1 ? block[0] : tree(block, n / 2) + tree(block + n / 2, n / 2);
}

static float pairwise(const float *block, int64_t n) {
    float sum = 0;
    bool first = true;
    for (int64_t end = n, size = 1; end > 0; size *= 2) {
        if (!(n & size)) continue;
        end -= size;
        sum = first ? tree(block + end, size) : tree(block + end, size) + sum;
        first = false;
    }
    return sum;
}

Test(runtime, tree) {
    float stack[64 * 3], block[1000][3], column[1000], sum[3];
    for (int i = 0; i < 1000; i++)
        for (int l = 0; l < 3; l++)
            block[i][l] = (float)small() * expf((float)small());
    ebb_rt_pop_f32(stack, 0, sum, 3);
    cr_assert(sum[0] == 0 && !signbit(sum[0]), "a sum over nothing");
    for (int64_t n = 1; n <= 1000; n++) {
        for (int64_t i = n - 1; i < n; i++)
            ebb_rt_push_f32(stack, i, block[i], 3);
        ebb_rt_pop_f32(stack, n, sum, 3);
        for (int l = 0; l < 3; l++) {
            for (int i = 0; i < 1000; i++)
                column[i] = block[i][l];
            cr_assert_eq(sum[l], pairwise(column, n), "%d blocks, lane %d", (int)n, l);
        }
    }
    double deep[64], one = 1, total;
    for (int64_t i = 0; i < 100; i++)
        ebb_rt_push_f64(deep, i, &one, 1);
    ebb_rt_pop_f64(deep, 100, &total, 1);
    cr_assert_eq(total, 100);
}

Test(runtime, float_to_integer) {
    static const struct {
        double x;
        int32_t i32;
        int64_t i64;
    } cases[] = {{0, 0, 0},
                 {-0.0, 0, 0},
                 {0.9, 0, 0},
                 {-0.9, 0, 0},
                 {2.5, 2, 2},
                 {-2.5, -2, -2},
                 {NAN, 0, 0},
                 {2147483647, INT32_MAX, 2147483647},
                 {2147483647.9, INT32_MAX, 2147483647},
                 {2147483648.0, INT32_MAX, 2147483648},
                 {-2147483648.0, INT32_MIN, -2147483648},
                 {-2147483648.9, INT32_MIN, -2147483648},
                 {-2147483649.0, INT32_MIN, -2147483649},
                 {1e20, INT32_MAX, INT64_MAX},
                 {-1e20, INT32_MIN, INT64_MIN},
                 {INFINITY, INT32_MAX, INT64_MAX},
                 {-INFINITY, INT32_MIN, INT64_MIN},
                 {0x1p63, INT32_MAX, INT64_MAX},
                 {-0x1p63, INT32_MIN, INT64_MIN},
                 {0x1.fffffffffffffp62, INT32_MAX, 0x7ffffffffffffc00}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        cr_assert_eq(ebb_rt_to_i32(cases[c].x), cases[c].i32, "i32 of %g: %" PRId32, cases[c].x,
                     ebb_rt_to_i32(cases[c].x));
        cr_assert_eq(ebb_rt_to_i64(cases[c].x), cases[c].i64, "i64 of %g: %" PRId64, cases[c].x,
                     ebb_rt_to_i64(cases[c].x));
    }
}

Test(runtime, table) {
    int found = 0, whole = 0;
    for (const ebb_rt_symbol *s = ebb_rt_table; s->name; s++) {
        cr_assert_not_null(s->address, "%s", s->name);
        cr_assert_eq(strncmp(s->name, "ebb_", 4), 0, "%s", s->name);
        for (const ebb_rt_symbol *t = ebb_rt_table; t != s; t++)
            cr_assert_str_neq(s->name, t->name);
        if (strncmp(s->name, "ebb_rt_", 7) != 0) continue; /* of jit/graph/special.h */
        const ebb_op op = ebb_op_by_name(s->name + 7, strlen(s->name + 7));
        if (op == EBB_OP_NONE || ebb_op_table[op].access == EBB_NESTED) continue; /* drivers of loops are no routines */
        cr_assert(s->address == (void *)(uintptr_t)ebb_rt_routine_of(op), "%s", s->name);
        found++;
    }
    for (int op = 0; op < EBB_OP_COUNT; op++) {
        const bool is_whole = op && ebb_op_table[op].access == EBB_WHOLE;
        cr_assert_eq(ebb_rt_routine_of((ebb_op)op) != NULL, is_whole, "%s", op ? ebb_op_table[op].name : "none");
        whole += is_whole;
    }
    cr_assert_eq(found, whole);
}
