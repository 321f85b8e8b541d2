/* test_lower.c - kernels built by hand, compiled for every vector width, and run.
 *
 * Point operations are held to the evaluator: bit for bit where both compute the same, within a stated number of ulp
 * where one calls libm and the other libmvec. test_lower_sums.c holds sums to reduction.h. Every test runs machine
 * code: ebb_compile has no other way to answer. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "jit/eval/eval.h"
#include "tests/support/engines.h"
#include "tests/support/handmade.h"
#include "tests/support/tolerance.h"

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

static bool agree(ebb_dtype d, const void *x, const void *y, int64_t ulps) {
    if (!ebb_is_float(d)) return memcmp(x, y, ebb_dtype_size(d)) == 0;
    if (isnan(hand_value_of(d, x)) || isnan(hand_value_of(d, y)))
        return isnan(hand_value_of(d, x)) && isnan(hand_value_of(d, y));
    if (ulps == 0) return memcmp(x, y, ebb_dtype_size(d)) == 0;
    return llabs(ordered(d, x) - ordered(d, y)) <= ulps && signbit(hand_value_of(d, x)) == signbit(hand_value_of(d, y));
}

static void compare(const char *what, ebb_dtype d, int bits, int64_t n, const void *got, const void *wanted,
                    int64_t ulps) {
    size_t size = ebb_dtype_size(d);
    for (int64_t i = 0; i < n; i++) {
        const char *x = (const char *)got + (size_t)i * size, *y = (const char *)wanted + (size_t)i * size;
        double a = ebb_is_float(d) ? hand_value_of(d, x) : 0, b = ebb_is_float(d) ? hand_value_of(d, y) : 0;
        cr_assert(agree(d, x, y, ulps), "%s %s, %d bits, n=%lld: element %lld is %.17g, not %.17g", what,
                  ebb_dtype_short(d), bits, (long long)n, (long long)i, a, b);
    }
}

/* ---- point operations ---- */

/* How far libmvec and libm may be from each other; other operations agree to the bit. */
static int64_t ulps_of(ebb_op op) {
    double apart = tolerance_of_value(op, NATIVE);
    if (op == EBB_OP_logaddexp) return 256; /* of two numbers that may nearly cancel */
    return apart > 2 ? (int64_t)ceil(apart + tolerance_of_value(op, EVALUATOR)) : 0;
}

typedef struct point_case {
    ebb_op op;
    ebb_dtype to;
    int arity;
    ebb_dtype from[3];
    const void *x[3];
    void *got;
} point_case;

static bool typed(const point_case *c, ebb_type *result) {
    int64_t n[] = {5};
    ebb_type arg[3];
    for (int i = 0; i < c->arity; i++)
        arg[i] = (ebb_type){c->from[i], {1, {n[0]}}};
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
    for (int i = 0; i < c->arity; i++)
        buffer[i] = hand_input(h, c->from[i], n);
    hand_kernel(h, n < 0 ? 0 : 1, &n, 0, 0);
    for (int i = 0; i < c->arity; i++)
        operand[i] = hand_load(h, buffer[i], 1, 0, &one);
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

#define CASES_MAX 512
static void test_points(const char *cpu, int64_t n, int bits, int level) {
    static hand h;
    static point_case c[CASES_MAX];
    const void *in[3 * CASES_MAX];
    void *out[CASES_MAX];
    int count = point_cases(c), inputs = 0;
    cr_assert(count > 60 && count < CASES_MAX, "%d cases", count);
    hand_open(&h);
    h.cpu = cpu;
    for (int i = 0; i < count; i++) {
        point_kernel(&h, &c[i], n);
        for (int j = 0; j < c[i].arity; j++)
            in[inputs++] = c[i].x[j] = hand_numbers(c[i].from[j], n, true);
        out[i] = c[i].got = hand_numbers(c[i].to, n, false);
    }
    ebb_executable *x = hand_compile_at(&h, bits, level);
    if (x) {
        cr_assert_eq(hand_run(x, in, out), EBB_OK);
        for (int i = 0; i < count; i++)
            check_point(&c[i], bits, n);
    }
    ebb_executable_release(x);
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < c[i].arity; j++)
            hand_drop(c[i].from[j], (void *)(uintptr_t)c[i].x[j]);
        hand_drop(c[i].to, c[i].got);
    }
    hand_close(&h);
}

/* Where something changes; with EBB_EVERY_REMAINDER in the environment, from 0 to 70. */
Test(lower, points_at_every_remainder) {
    const int64_t some[] = {0, 1, 2, 7, 8, 15, 16, 17, 31, 33, 64, 70};
    const bool all = getenv("EBB_EVERY_REMAINDER") != NULL;
    for (int64_t k = 0; k < (all ? 71 : (int64_t)(sizeof some / sizeof *some)); k++)
        test_points(NULL, all ? k : some[k], 512, 2);
}

Test(lower, points_at_every_width) {
    EACH_WIDTH(bits) test_points(NULL, 37, bits, 2);
    EACH_WIDTH(bits) test_points(NULL, 19, bits, 1);
}

/* Without instructions to round, LLVM calls libm. */
Test(lower, points_on_the_oldest_processor) { test_points("x86-64", 37, 128, 2); }

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
    for (int64_t i = 0; i < count; i++)
        max = fmax(max, x[i * step]);
    for (int64_t i = 0; i < count; i++)
        sum += exp(x[i * step] - max);
    return exp(x[which * step] - max) / sum;
}

Test(lower, softmax_in_three_stages_along_rows_and_columns) {
    int64_t n[] = {37, 21};
    double *x = hand_numbers(EBB_F64, 37 * 21, false), *rows = hand_numbers(EBB_F64, 37 * 21, false),
           *columns = hand_numbers(EBB_F64, 37 * 21, false);
    static hand h;
    hand_open(&h);
    int in = hand_input(&h, EBB_F64, 37 * 21);
    softmax_kernel(&h, in, hand_output(&h, EBB_F64, 37 * 21), n, 2);
    softmax_kernel(&h, in, hand_output(&h, EBB_F64, 37 * 21), n, 1);
    EACH_WIDTH(bits) {
        ebb_executable *e = hand_compile_at(&h, bits, 2);
        if (!e) continue;
        hand_run(e, (const void *[]){x}, (void *[]){rows, columns});
        for (int64_t i = 0; i < 37; i++)
            for (int64_t j = 0; j < 21; j++) {
                cr_assert_float_eq(rows[21 * i + j], softmax_element(x + 21 * i, 21, 1, j), 1e-14, "row %d column %d",
                                   (int)i, (int)j);
                cr_assert_float_eq(columns[21 * i + j], softmax_element(x + j, 37, 21, i), 1e-14, "row %d column %d",
                                   (int)i, (int)j);
            }
        ebb_executable_release(e);
    }
    hand_drop(EBB_F64, x), hand_drop(EBB_F64, rows), hand_drop(EBB_F64, columns);
    hand_close(&h);
}

/* ---- views: any stride, either way, of every dtype ---- */

typedef struct stride_case {
    int64_t offset, load[2], store_offset, store[2];
} stride_case;

/* y[5, 19] = x[...]: plain, transposed, reversed, every third, repeated, and the same for the store. */
static const stride_case views[] = {
    {0, {19, 1}, 0, {19, 1}},    {0, {1, 5}, 0, {19, 1}},  {94, {-19, -1}, 0, {19, 1}}, {2, {57, 3}, 0, {19, 1}},
    {4, {0, 1}, 0, {19, 1}},     {4, {19, 0}, 0, {19, 1}}, {7, {0, 0}, 0, {19, 1}},     {0, {19, 1}, 0, {1, 5}},
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
            cr_assert(memcmp(from, to, size) == 0, "view %d of %s, %d bits: [%d,%d]", (int)(v - views),
                      ebb_dtype_short(d), bits, (int)i, (int)j);
        }
}

static void test_views(ebb_dtype d, int bits, int level) {
    static hand h;
    int64_t n[] = {5, 19};
    void *x = hand_numbers(d, VIEW_ROOM, true), *out[VIEWS];
    hand_open(&h);
    int in = hand_input(&h, d, VIEW_ROOM);
    for (int i = 0; i < VIEWS; i++) {
        int y = hand_output(&h, d, VIEW_ROOM);
        out[i] = hand_numbers(d, VIEW_ROOM, false);
        hand_kernel(&h, 2, n, 0, 0);
        hand_store(&h, y, 1, 0, views[i].store_offset, views[i].store,
                   hand_load(&h, in, 1, views[i].offset, views[i].load));
    }
    ebb_executable *e = hand_compile_at(&h, bits, level);
    if (e) {
        hand_run(e, (const void *[]){x}, out);
        for (int i = 0; i < VIEWS; i++)
            check_view(&views[i], d, bits, x, out[i]);
    }
    ebb_executable_release(e);
    for (int i = 0; i < VIEWS; i++)
        hand_drop(d, out[i]);
    hand_drop(d, x);
    hand_close(&h);
}

Test(lower, loads_and_stores_of_any_stride) {
    for (int d = EBB_BOOL; d <= EBB_F64; d++) {
        EACH_WIDTH(bits) test_views((ebb_dtype)d, bits, 2);
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
        hand_store(&h, y, 1, 0, 0, &one,
                   hand_apply(&h, EBB_OP_logical_not, EBB_BOOL, 1, hand_load(&h, x, 1, 0, &one), -1, -1));
        ebb_executable *e = hand_compile(&h, NULL);
        uint8_t *from = calloc(1, (size_t)n), *to = malloc((size_t)n + 64); /* exact, for the sanitizers */
        memset(to, 0x5a, (size_t)n + 64);
        hand_run(e, (const void *[]){from}, (void *[]){to});
        for (int64_t i = 0; i < n + 64; i++)
            cr_assert_eq(to[i], i < n ? 1 : 0x5a, "n=%d: byte %d", (int)n, (int)i);
        ebb_executable_release(e);
        free(from), free(to);
        hand_close(&h);
    }
}

/* Room for n numbers that ends where the next page may not be touched. */
static char *room_before_guard(int64_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *memory = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert(memory != MAP_FAILED && (size_t)bytes <= page);
    cr_assert_eq(mprotect(memory + page, page, PROT_NONE), 0);
    return memory + page - bytes;
}

/* y[i] = x[stride * i], also summed: an access beyond the last element is a crash. */
static void touch_to_the_end(ebb_dtype d, int64_t n, int64_t stride, int bits) {
    static hand h;
    int64_t size = (int64_t)ebb_dtype_size(d), room = (stride * (n - 1) + 1) * size;
    hand_open(&h);
    int x = hand_input(&h, d, n), y = hand_output(&h, d, n), z = hand_output(&h, d, 1);
    hand_kernel(&h, 1, &n, 0, 0);
    hand_store(&h, y, 1, 0, 0, &stride, hand_load(&h, x, 1, 0, &stride));
    hand_kernel(&h, 1, &n, 1, 1);
    hand_store(&h, z, 0, 0, 0, (int64_t[]){0}, hand_fold(&h, EBB_OP_sum, 0, 0, hand_load(&h, x, 2, 0, &stride)));
    ebb_executable *e = hand_compile_at(&h, bits, 2);
    char *from = room_before_guard(room), *to = room_before_guard(room), sum[8];
    for (int64_t i = 0; i < n; i++)
        hand_put(d, from, stride * i, (double)i);
    if (e) hand_run(e, (const void *[]){from}, (void *[]){to, sum});
    for (int64_t i = 0; i < n && e; i++)
        cr_assert(memcmp(from + stride * i * size, to + stride * i * size, (size_t)size) == 0, "n=%d", (int)n);
    ebb_executable_release(e);
    hand_close(&h);
}

Test(lower, a_tail_touches_nothing_beyond_its_end) {
    EACH_WIDTH(bits)
    for (int64_t n = 1; n < 36; n += 5)
        for (int64_t stride = 1; stride <= 3; stride++)
            for (int d = EBB_I32; d <= EBB_F64; d++)
                touch_to_the_end((ebb_dtype)d, n, stride, bits);
}
