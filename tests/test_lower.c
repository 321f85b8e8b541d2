/* test_lower.c - kernels built by hand, compiled for every vector width, and run.
 *
 * Point operations are held to the evaluator: bit for bit where both compute the same, within a stated number of ulp
 * where one calls libm and the other libmvec. Sums are held to reduction.h, written out literally below, to the bit.
 * Every test runs machine code: ebb_compile has no other way to answer. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "jit/eval/eval.h"
#include "tests/support/handmade.h"

static const int widths[] = {128, 256, 512};
#define EACH_WIDTH(bits) for (size_t w_ = 0, bits; w_ < 3 && (bits = (size_t)widths[w_], 1); w_++)

/* What this machine lacks is skipped, but its own width never is. */
static ebb_executable *compile_at(hand *h, int bits, int level) {
    ebb_diag diag = {0};
    ebb_compile_options o = {.name = "test", .vector_bits = bits, .level = level};
    ebb_executable *x = ebb_compile(&h->plan, &o, &diag);
    cr_assert(x != NULL || diag.code == EBB_UNAVAILABLE, "%s", diag.message);
    cr_assert(x != NULL || bits > 128, "%s", diag.message);
    return x;
}

static int run(const ebb_executable *x, const void *const *in, void *const *out) {
    void *work = aligned_alloc(64, (size_t)ebb_executable_work(x) + 64);
    int code = ebb_executable_entry(x)(in, out, work);
    free(work);
    return code;
}

/* ---- numbers ---- */

static uint64_t random_bits(void) {
    static uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return state >> 20;
}

static double random_number(void) { return (double)(random_bits() % 200001) / 25000.0 - 4.0; }

static const double edges[] = {0.0, -0.0, 1, -1, 0.5, -0.5, 2, -2.5, INFINITY, -INFINITY, NAN, 1e-40, -1e-40, 1e-20, 80, -80,
                               1e10, -1e10, 3e38, 100.25, 3, -3, 1e-4, 700};
#define EDGES (sizeof edges / sizeof *edges)

static void put(ebb_dtype d, void *array, int64_t i, double v) {
    int64_t whole = isnan(v) ? 7 : v > 1e9 ? INT64_MAX : v < -1e9 ? INT64_MIN : (int64_t)(v * 3);
    switch (d) {
    case EBB_BOOL: ((uint8_t *)array)[i] = v > 0; break;
    case EBB_I32: ((int32_t *)array)[i] = whole == INT64_MAX ? INT32_MAX : whole == INT64_MIN ? INT32_MIN : (int32_t)whole; break;
    case EBB_I64: ((int64_t *)array)[i] = whole; break;
    case EBB_F32: ((float *)array)[i] = (float)v; break;
    default: ((double *)array)[i] = v;
    }
}

/* n numbers that begin one element past a 64-byte boundary. */
static void *numbers(ebb_dtype d, int64_t n, bool with_edges) {
    size_t size = ebb_dtype_size(d), offset = size;
    char *memory = aligned_alloc(64, ((size_t)n * size + offset + 128) / 64 * 64);
    for (int64_t i = 0; i < n; i++)
        put(d, memory + offset, i, with_edges && i % 3 != 2 ? edges[random_bits() % EDGES] : random_number());
    return memory + offset;
}
static void drop(ebb_dtype d, void *array) { free((char *)array - ebb_dtype_size(d)); }

static int64_t ordered(ebb_dtype d, const void *p) { /* neighbours in the order of numbers differ by 1 */
    if (d == EBB_F32) {
        int32_t i;
        memcpy(&i, p, 4);
        return i < 0 ? (int64_t)INT32_MIN - i : i;
    }
    int64_t i;
    memcpy(&i, p, 8);
    return i < 0 ? (int64_t)((uint64_t)INT64_MIN - (uint64_t)i) : i;
}

static double value_of(ebb_dtype d, const void *p) { return d == EBB_F32 ? *(const float *)p : *(const double *)p; }

static bool agree(ebb_dtype d, const void *x, const void *y, int64_t ulps) {
    if (!ebb_is_float(d)) return memcmp(x, y, ebb_dtype_size(d)) == 0;
    if (isnan(value_of(d, x)) || isnan(value_of(d, y))) return isnan(value_of(d, x)) && isnan(value_of(d, y));
    if (ulps == 0) return memcmp(x, y, ebb_dtype_size(d)) == 0;
    return llabs(ordered(d, x) - ordered(d, y)) <= ulps && signbit(value_of(d, x)) == signbit(value_of(d, y));
}

static void compare(const char *what, ebb_dtype d, int bits, int64_t n, const void *got, const void *wanted, int64_t ulps) {
    size_t size = ebb_dtype_size(d);
    for (int64_t i = 0; i < n; i++) {
        const char *x = (const char *)got + (size_t)i * size, *y = (const char *)wanted + (size_t)i * size;
        double a = ebb_is_float(d) ? value_of(d, x) : 0, b = ebb_is_float(d) ? value_of(d, y) : 0;
        cr_assert(agree(d, x, y, ulps), "%s %s, %d bits, n=%lld: element %lld is %.17g, not %.17g", what,
                  ebb_dtype_short(d), bits, (long long)n, (long long)i, a, b);
    }
}

/* ---- point operations ---- */

/* How far libmvec and libm may be from each other; sigmoid and softplus add a few roundings to that of exp. */
static int64_t ulps_of(ebb_op op) {
    switch (op) {
    case EBB_OP_exp: case EBB_OP_expm1: case EBB_OP_log: case EBB_OP_log1p: case EBB_OP_sin: case EBB_OP_cos:
    case EBB_OP_tan: case EBB_OP_asin: case EBB_OP_acos: case EBB_OP_atan: case EBB_OP_sinh: case EBB_OP_cosh:
    case EBB_OP_tanh: case EBB_OP_erf: case EBB_OP_sigmoid: case EBB_OP_softplus:
        return 4;
    default: return 0;
    }
}

typedef struct point_case { ebb_op op; ebb_dtype to; int arity; ebb_dtype from[3]; const void *x[3]; void *got; } point_case;

static bool typed(const point_case *c, ebb_type *result) {
    int64_t n[] = {5};
    ebb_type arg[3];
    for (int i = 0; i < c->arity; i++) arg[i] = (ebb_type){c->from[i], {1, {n[0]}}};
    ebb_application app = {.op = c->op, .asked = {c->to, {0, {0}}}};
    return ebb_infer(NULL, &app, c->arity, arg, result) && result->dtype == c->to;
}

/* All point operations on all operand dtypes; casts to all dtypes. */
static int point_cases(point_case *c) {
    int count = 0;
    for (int op = 1; op < EBB_OP_COUNT; op++) {
        if (ebb_op_table[op].access != EBB_POINT || ebb_op_table[op].arity == 0) continue;
        for (int from = EBB_BOOL; from <= EBB_F64; from++)
            for (int to = EBB_BOOL; to <= EBB_F64; to++) {
                ebb_dtype d = (ebb_dtype)from;
                point_case p = {(ebb_op)op, (ebb_dtype)to, ebb_op_table[op].arity, {d, d, d}, {NULL}, NULL};
                if (op == EBB_OP_select) p.from[0] = EBB_BOOL;
                ebb_type result;
                if (typed(&p, &result)) c[count++] = p;
            }
    }
    return count;
}

static void point_kernel(hand *h, const point_case *c, int64_t n) {
    int64_t one = 1;
    int operand[3] = {-1, -1, -1};
    int buffer[3], y = hand_output(h, c->to, n);
    for (int i = 0; i < c->arity; i++) buffer[i] = hand_input(h, c->from[i], n);
    hand_kernel(h, n < 0 ? 0 : 1, &n, 0, 0);
    for (int i = 0; i < c->arity; i++) operand[i] = hand_load(h, buffer[i], 1, 0, &one);
    hand_store(h, y, 1, 0, 0, &one, hand_apply(h, c->op, c->to, 1, operand[0], operand[1], operand[2]));
}

static void check_point(const point_case *c, int bits, int64_t n) {
    ebb_type arg[3], result = {c->to, {1, {n}}};
    ebb_view view[3];
    for (int i = 0; i < c->arity; i++) {
        arg[i] = (ebb_type){c->from[i], {1, {n}}};
        ebb_view_contiguous(&view[i], c->x[i], &arg[i].shape);
    }
    ebb_application app = {.op = c->op, .asked = result};
    ebb_diag diag = {0};
    void *wanted = calloc((size_t)n + 1, 8);
    bool ok = ebb_eval_op(&app, c->arity, arg, view, &result, wanted, &ebb_malloc_allocator, &diag);
    cr_assert(ok, "eval %s: %s", ebb_op_table[c->op].name, diag.message);
    compare(ebb_op_table[c->op].name, c->to, bits, n, c->got, wanted, ulps_of(c->op));
    free(wanted);
}

#define CASES_MAX 256
static void test_points(int64_t n, int bits, int level) {
    static hand h;
    static point_case c[CASES_MAX];
    const void *in[3 * CASES_MAX];
    void *out[CASES_MAX];
    int count = point_cases(c), inputs = 0;
    cr_assert(count > 60 && count < CASES_MAX, "%d cases", count);
    hand_open(&h);
    for (int i = 0; i < count; i++) {
        point_kernel(&h, &c[i], n);
        for (int j = 0; j < c[i].arity; j++) in[inputs++] = c[i].x[j] = numbers(c[i].from[j], n, true);
        out[i] = c[i].got = numbers(c[i].to, n, false);
    }
    ebb_executable *x = compile_at(&h, bits, level);
    if (x) {
        cr_assert_eq(run(x, in, out), EBB_OK);
        for (int i = 0; i < count; i++) check_point(&c[i], bits, n);
    }
    ebb_executable_release(x);
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < c[i].arity; j++) drop(c[i].from[j], (void *)(uintptr_t)c[i].x[j]);
        drop(c[i].to, c[i].got);
    }
    hand_close(&h);
}

Test(lower, points_at_every_remainder) {
    const int64_t sizes[] = {0, 1, 2, 7, 8, 15, 16, 17, 31, 33, 64, 70};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) test_points(sizes[s], 512, 2);
}

Test(lower, points_at_every_width) {
    EACH_WIDTH(bits) test_points(37, (int)bits, 2);
    EACH_WIDTH(bits) test_points(19, (int)bits, 1);
}

/* ---- sums: reduction.h, word for word, on the elements that belong to one result ---- */

/* A number as its dtype would hold it; sums of two f32 rounded through f64 are right. */
static double rounded(ebb_dtype d, double v) { return d == EBB_F32 ? (double)(float)v : v; }

typedef struct block_tree { double stack[64]; int depth; int64_t blocks; } block_tree;

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
        for (int i = 0; i < h; i++) slot[i] = rounded(d, slot[i] + slot[i + h]);
    return slot[0];
}

static void clear_slots(double *slot) {
    for (int i = 0; i < 32; i++) slot[i] = -0.0;
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
        for (int64_t j = i; j < count && j < i + EBB_BLOCK_ADDS; j++) sum = rounded(d, sum + x[j]);
        tree_push(d, &t, sum);
    }
    return tree_pop(d, &t);
}

static double largest(const double *x, int64_t count) {
    double m = -INFINITY;
    for (int64_t i = 0; i < count; i++) m = x[i] > m || isnan(x[i]) ? x[i] : m;
    return m;
}

/* ---- kernels that reduce ---- */

typedef struct shape_case { int rank; int64_t dim[4]; unsigned reduced; } shape_case;

static const shape_case shapes[] = {
    {1, {0}, 1}, {1, {1}, 1}, {1, {5}, 1}, {1, {16}, 1}, {1, {31}, 1}, {1, {32}, 1}, {1, {33}, 1}, {1, {100}, 1},
    {1, {2048}, 1}, {1, {2049}, 1}, {1, {4095}, 1}, {1, {4096}, 1}, {1, {4097}, 1}, {1, {8192}, 1}, {1, {70001}, 1},
    {2, {3, 70}, 2}, {2, {0, 70}, 2}, {2, {3, 0}, 2}, {2, {700, 33}, 3}, {3, {2, 300, 3}, 6}, {3, {2, 50, 100}, 6},
    {3, {3, 2, 5000}, 5}, {2, {5, 4096}, 3}, {2, {4, 4100}, 3}, {2, {127, 17}, 3}, {2, {129, 17}, 3}, {4, {3, 2, 3, 20}, 10},
    {2, {0, 9}, 1}, {2, {2, 2}, 1}, {2, {127, 7}, 1}, {2, {128, 16}, 1}, {2, {129, 40}, 1}, {2, {1000, 5}, 1},
    {4, {3, 130, 5, 9}, 5}, {3, {4, 3, 33}, 2}, {3, {20, 20, 3}, 3}, {2, {64, 1}, 1}, {2, {1, 64}, 1}, {2, {5, 1}, 2},
};
#define SHAPES (int)(sizeof shapes / sizeof *shapes)

static int64_t count_of(const shape_case *s, bool kept_only) {
    int64_t n = 1;
    for (int a = 0; a < s->rank; a++) n *= kept_only && s->reduced >> a & 1 ? 1 : s->dim[a];
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
        for (int a = s->rank - 1; a >= 0; rest /= s->dim[a], a--) result += rest % s->dim[a] * kept_stride[a];
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
        for (int64_t j = 0; j < count; j++) element[j] = rounded(other_float(d), element[j]);
        wanted[OTHER] = literal_sum(s, other_float(d), element, count);
        for (int f = 0; f < FOLDS; f++) {
            double y = value_of(of[f], (char *)got[f] + (size_t)i * ebb_dtype_size(of[f]));
            cr_assert(memcmp(&y, &wanted[f], sizeof y) == 0, "fold %d of %s, shape case %d, %d bits: result %lld is %.17g, not %.17g",
                      f, ebb_dtype_short(d), (int)(s - shapes), bits, (long long)i, y, wanted[f]);
        }
    }
    free(element);
}

static void test_reductions(ebb_dtype d, int bits, int level) {
    static hand h;
    const void *in[SHAPES];
    void *out[SHAPES * FOLDS];
    hand_open(&h);
    for (int i = 0; i < SHAPES; i++) {
        reducing_kernel(&h, &shapes[i], d);
        in[i] = numbers(d, count_of(&shapes[i], false), false);
        for (int f = 0; f < FOLDS; f++)
            out[i * FOLDS + f] = numbers(f == OTHER ? other_float(d) : d, count_of(&shapes[i], true), false);
    }
    ebb_executable *x = compile_at(&h, bits, level);
    if (x) {
        cr_assert_eq(run(x, in, out), EBB_OK);
        for (int i = 0; i < SHAPES; i++) check_reduction(&shapes[i], d, bits, in[i], out + i * FOLDS);
    }
    ebb_executable_release(x);
    for (int i = 0; i < SHAPES; i++) drop(d, (void *)(uintptr_t)in[i]);
    for (int i = 0; i < SHAPES * FOLDS; i++) drop(i % FOLDS == OTHER ? other_float(d) : d, out[i]);
    hand_close(&h);
}

Test(lower, sums_add_in_the_order_of_reduction_h) {
    EACH_WIDTH(bits) {
        test_reductions(EBB_F32, (int)bits, 2);
        test_reductions(EBB_F64, (int)bits, 2);
    }
    test_reductions(EBB_F32, 128, 1);
}

Test(lower, integer_sums_wrap_and_maxima_are_exact) {
    int64_t n[] = {3, 70}, full[] = {70, 1}, kept[] = {1, 0};
    int32_t *x = numbers(EBB_I32, 210, true);
    int32_t sum[3], max[3];
    static hand h;
    hand_open(&h);
    int in = hand_input(&h, EBB_I32, 210), s = hand_output(&h, EBB_I32, 3), m = hand_output(&h, EBB_I32, 3);
    hand_kernel(&h, 2, n, 2, 1);
    int v = hand_load(&h, in, 2, 0, full);
    hand_store(&h, s, 1, 0, 0, kept, hand_fold(&h, EBB_OP_sum, 1, 0, v));
    hand_store(&h, m, 1, 0, 0, kept, hand_fold(&h, EBB_OP_reduce_max, 1, 0, v));
    EACH_WIDTH(bits) {
        ebb_executable *e = compile_at(&h, (int)bits, 2);
        if (!e) continue;
        run(e, (const void *[]){x}, (void *[]){sum, max});
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
    drop(EBB_I32, x);
    hand_close(&h);
}

/* ---- several stages: softmax along either axis ---- */

static void softmax_kernel(hand *h, int x, int y, const int64_t *n, unsigned reduced) {
    int64_t full[] = {n[1], 1};
    hand_kernel(h, 2, n, reduced, 3);
    int v = hand_load(h, x, 2, 0, full), max = hand_fold(h, EBB_OP_reduce_max, 1, 0, v);
    int e = hand_apply(h, EBB_OP_exp, EBB_F64, 2, hand_apply(h, EBB_OP_sub, EBB_F64, 2, v, max, -1), -1, -1);
    int r = hand_apply(h, EBB_OP_recip, EBB_F64, 1, hand_fold(h, EBB_OP_sum, 1, 1, e), -1, -1);
    hand_store(h, y, 2, 2, 0, full, hand_apply(h, EBB_OP_mul, EBB_F64, 2, e, r, -1));
}

static double softmax_element(const double *x, int64_t count, int64_t step, int64_t which) {
    double max = -INFINITY, sum = 0;
    for (int64_t i = 0; i < count; i++) max = fmax(max, x[i * step]);
    for (int64_t i = 0; i < count; i++) sum += exp(x[i * step] - max);
    return exp(x[which * step] - max) / sum;
}

Test(lower, softmax_in_three_stages_along_rows_and_columns) {
    int64_t n[] = {37, 21};
    double *x = numbers(EBB_F64, 37 * 21, false), *rows = numbers(EBB_F64, 37 * 21, false),
           *columns = numbers(EBB_F64, 37 * 21, false);
    static hand h;
    hand_open(&h);
    int in = hand_input(&h, EBB_F64, 37 * 21);
    softmax_kernel(&h, in, hand_output(&h, EBB_F64, 37 * 21), n, 2);
    softmax_kernel(&h, in, hand_output(&h, EBB_F64, 37 * 21), n, 1);
    EACH_WIDTH(bits) {
        ebb_executable *e = compile_at(&h, (int)bits, 2);
        if (!e) continue;
        run(e, (const void *[]){x}, (void *[]){rows, columns});
        for (int64_t i = 0; i < 37; i++)
            for (int64_t j = 0; j < 21; j++) {
                cr_assert_float_eq(rows[21 * i + j], softmax_element(x + 21 * i, 21, 1, j), 1e-14, "row %d column %d", (int)i, (int)j);
                cr_assert_float_eq(columns[21 * i + j], softmax_element(x + j, 37, 21, i), 1e-14, "row %d column %d", (int)i, (int)j);
            }
        ebb_executable_release(e);
    }
    drop(EBB_F64, x), drop(EBB_F64, rows), drop(EBB_F64, columns);
    hand_close(&h);
}

/* ---- views: any stride, either way, of every dtype ---- */

typedef struct stride_case { int64_t offset, load[2], store_offset, store[2]; } stride_case;

/* y[5, 19] = x[...]: plain, transposed, reversed, every third, repeated, and the same for the store. */
static const stride_case views[] = {
    {0, {19, 1}, 0, {19, 1}},   {0, {1, 5}, 0, {19, 1}},     {94, {-19, -1}, 0, {19, 1}}, {2, {57, 3}, 0, {19, 1}},
    {4, {0, 1}, 0, {19, 1}},    {4, {19, 0}, 0, {19, 1}},    {7, {0, 0}, 0, {19, 1}},     {0, {19, 1}, 0, {1, 5}},
    {0, {19, 1}, 94, {-19, -1}}, {0, {19, 1}, 1, {60, 3}},
};
#define VIEWS (int)(sizeof views / sizeof *views)
#define VIEW_ROOM 300

static void check_view(const stride_case *v, ebb_dtype d, int bits, const char *x, const char *y) {
    size_t size = ebb_dtype_size(d);
    for (int64_t i = 0; i < 5; i++)
        for (int64_t j = 0; j < 19; j++) {
            const char *from = x + (size_t)(v->offset + i * v->load[0] + j * v->load[1]) * size;
            const char *to = y + (size_t)(v->store_offset + i * v->store[0] + j * v->store[1]) * size;
            cr_assert(memcmp(from, to, size) == 0, "view %d of %s, %d bits: [%d,%d]", (int)(v - views), ebb_dtype_short(d),
                      bits, (int)i, (int)j);
        }
}

static void test_views(ebb_dtype d, int bits, int level) {
    static hand h;
    int64_t n[] = {5, 19};
    void *x = numbers(d, VIEW_ROOM, true), *out[VIEWS];
    hand_open(&h);
    int in = hand_input(&h, d, VIEW_ROOM);
    for (int i = 0; i < VIEWS; i++) {
        int y = hand_output(&h, d, VIEW_ROOM);
        out[i] = numbers(d, VIEW_ROOM, false);
        hand_kernel(&h, 2, n, 0, 0);
        hand_store(&h, y, 1, 0, views[i].store_offset, views[i].store, hand_load(&h, in, 1, views[i].offset, views[i].load));
    }
    ebb_executable *e = compile_at(&h, bits, level);
    if (e) {
        run(e, (const void *[]){x}, out);
        for (int i = 0; i < VIEWS; i++) check_view(&views[i], d, bits, x, out[i]);
    }
    ebb_executable_release(e);
    for (int i = 0; i < VIEWS; i++) drop(d, out[i]);
    drop(d, x);
    hand_close(&h);
}

Test(lower, loads_and_stores_of_any_stride) {
    for (int d = EBB_BOOL; d <= EBB_F64; d++) {
        EACH_WIDTH(bits) test_views((ebb_dtype)d, (int)bits, 2);
        test_views((ebb_dtype)d, 128, 1);
    }
}

Test(lower, a_tail_writes_no_byte_beyond_its_end) {
    static hand h;
    for (int64_t n = 1; n < 40; n++) {
        int64_t one = 1;
        hand_open(&h);
        int x = hand_input(&h, EBB_BOOL, n), y = hand_output(&h, EBB_BOOL, n);
        hand_kernel(&h, 1, &n, 0, 0);
        hand_store(&h, y, 1, 0, 0, &one, hand_apply(&h, EBB_OP_logical_not, EBB_BOOL, 1, hand_load(&h, x, 1, 0, &one), -1, -1));
        ebb_executable *e = hand_compile(&h, NULL);
        uint8_t *from = calloc(1, (size_t)n), *to = malloc((size_t)n + 64); /* exact, for the sanitizers */
        memset(to, 0x5a, (size_t)n + 64);
        run(e, (const void *[]){from}, (void *[]){to});
        for (int64_t i = 0; i < n + 64; i++) cr_assert_eq(to[i], i < n ? 1 : 0x5a, "n=%d: byte %d", (int)n, (int)i);
        ebb_executable_release(e);
        free(from), free(to);
        hand_close(&h);
    }
}

/* ---- levels, index values, in place ---- */

Test(lower, iota_counts_along_both_axes) {
    int64_t n[] = {4, 37}, stride[] = {1000, -3}, plain[] = {37, 1};
    float y[4 * 37];
    int64_t z[4 * 37];
    static hand h;
    hand_open(&h);
    int out = hand_output(&h, EBB_F32, 4 * 37), whole = hand_output(&h, EBB_I64, 4 * 37);
    hand_kernel(&h, 2, n, 0, 0);
    hand_store(&h, out, 1, 0, 0, plain, hand_iota(&h, EBB_F32, 1, 5, stride));
    hand_store(&h, whole, 1, 0, 0, plain, hand_iota(&h, EBB_I64, 1, 5, stride));
    EACH_WIDTH(bits) {
        ebb_executable *e = compile_at(&h, (int)bits, 2);
        if (!e) continue;
        run(e, NULL, (void *[]){y, z});
        for (int i = 0; i < 4; i++)
            for (int j = 0; j < 37; j++) {
                cr_assert_eq(y[37 * i + j], (float)(5 + 1000 * i - 3 * j), "[%d,%d]", i, j);
                cr_assert_eq(z[37 * i + j], 5 + 1000 * i - 3 * j, "[%d,%d]", i, j);
            }
        ebb_executable_release(e);
    }
    hand_close(&h);
}

/* y[i,j] = exp(a) * x[j] + b[i], in place of x's copy c[i,j]; and a itself, doubled, once. */
Test(lower, each_level_is_computed_where_it_is_constant) {
    int64_t n[] = {3, 21}, none[] = {0, 0}, row[] = {1, 0}, column[] = {0, 1}, both[] = {21, 1};
    double a = 0.25, twice = 0, x[21], b[3] = {1, 2, 3}, c[63];
    for (int j = 0; j < 21; j++) x[j] = random_number();
    for (int i = 0; i < 63; i++) c[i] = i;
    static hand h;
    hand_open(&h);
    int A = hand_input(&h, EBB_F64, 1), X = hand_input(&h, EBB_F64, 21), B = hand_input(&h, EBB_F64, 3),
        C = hand_input(&h, EBB_F64, 63), Y = hand_output(&h, EBB_F64, 63), T = hand_output(&h, EBB_F64, 1);
    hand_kernel(&h, 2, n, 0, 0);
    int la = hand_load(&h, A, 0, 0, none), ea = hand_apply(&h, EBB_OP_exp, EBB_F64, 0, la, -1, -1);
    int ax = hand_apply(&h, EBB_OP_mul, EBB_F64, 1, ea, hand_load(&h, X, 1, 0, column), -1);
    int axb = hand_apply(&h, EBB_OP_add, EBB_F64, 1, ax, hand_load(&h, B, 1, 0, row), -1);
    hand_store(&h, Y, 1, 0, 0, both, hand_apply(&h, EBB_OP_add, EBB_F64, 1, axb, hand_load(&h, C, 1, 0, both), -1));
    hand_store(&h, T, 0, 0, 0, none, hand_apply(&h, EBB_OP_add, EBB_F64, 0, la, la, -1));
    ebb_executable *e = hand_compile(&h, NULL);
    run(e, (const void *[]){&a, x, b, c}, (void *[]){c, &twice});
    cr_assert_eq(twice, 0.5);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 21; j++) {
            double wanted = exp(a) * x[j] + b[i] + (21 * i + j);
            cr_assert_eq(c[21 * i + j], wanted, "[%d,%d] is %.17g, not %.17g", i, j, c[21 * i + j], wanted);
        }
    ebb_executable_release(e);
    hand_close(&h);
}

/* ---- straight-line programs, routines, copies ---- */

/* x -> sin(x) * 1.01, a thousand times, in two kernels that hand over through the arena. */
Test(lower, long_straight_programs_at_both_levels) {
    for (int level = 1; level <= 2; level++) {
        static hand h;
        hand_open(&h);
        int x = hand_input(&h, EBB_F64, 1), y = hand_output(&h, EBB_F64, 1), between = hand_arena(&h, EBB_F64, 1);
        for (int half = 0; half < 2; half++) {
            hand_kernel(&h, 0, NULL, 0, 0);
            int v = hand_load(&h, half ? between : x, 0, 0, NULL), k = hand_const(&h, EBB_F64, 0x3ff028f5c28f5c29); /* 1.01 */
            for (int i = 0; i < 500; i++)
                v = hand_apply(&h, EBB_OP_mul, EBB_F64, 0, k, hand_apply(&h, EBB_OP_sin, EBB_F64, 0, v, -1, -1), -1);
            hand_store(&h, half ? y : between, 0, 0, 0, NULL, v);
        }
        double from = 0.7, to = 0, wanted = 0.7;
        for (int i = 0; i < 1000; i++) wanted = 1.01 * sin(wanted);
        ebb_executable *e = compile_at(&h, 0, level);
        cr_assert_eq(ebb_executable_work(e), 64);
        run(e, (const void *[]){&from}, (void *[]){&to});
        cr_assert_eq(to, wanted, "level %d: %.17g, not %.17g", level, to, wanted);
        ebb_executable_release(e);
        hand_close(&h);
    }
}

/* y = copy of x; z = gather(x, index): an index outside is the call's own error. */
Test(lower, routines_and_copies_run_in_order) {
    static hand h;
    hand_open(&h);
    int x = hand_input(&h, EBB_F32, 4), index = hand_input(&h, EBB_I32, 2), y = hand_output(&h, EBB_F32, 4),
        z = hand_output(&h, EBB_F32, 2);
    h.step[h.plan.steps++] = (ebb_step){.kind = EBB_STEP_COPY, .in = {x}, .nin = 1, .out = y};
    h.step[h.plan.steps++] = (ebb_step){.kind = EBB_STEP_ROUTINE, .op = EBB_OP_gather, .ndesc = EBB_GATHER_COUNT,
        .desc = {EBB_F32, EBB_I32, 1, 4, 1, 2}, .in = {y, index}, .nin = 2, .out = z};
    ebb_executable *e = hand_compile(&h, NULL);
    float from[] = {1, 2, 3, 4}, copy[4], picked[2];
    int32_t which[] = {3, 0};
    cr_assert_eq(run(e, (const void *[]){from, which}, (void *[]){copy, picked}), EBB_OK);
    cr_assert(copy[3] == 4 && picked[0] == 4 && picked[1] == 1);
    which[1] = 9;
    cr_assert_eq(run(e, (const void *[]){from, which}, (void *[]){copy, picked}), EBB_INDEX_ERROR);
    cr_assert_eq(ebb_rt_fault()->index, 9);
    ebb_executable_release(e);
    hand_close(&h);
}
