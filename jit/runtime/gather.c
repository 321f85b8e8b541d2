/* gather.c - rows taken, and rows combined with others, where an index says.
 *
 * Invariant: every index is checked before its row is touched, and before a scatter writes anything. An index outside
 * [0, size) is an error, negative ones too: nothing counts from the end. Duplicates are added in the order of the
 * index, so results repeat to the bit. */
#include "jit/runtime/runtime.h"

#include "jit/graph/numbers.h"

#include <string.h>

static inline int64_t index_at(const int64_t *desc, const void *index, int64_t i) {
    return desc[EBB_GATHER_INDEX_DTYPE] == EBB_I32 ? ((const int32_t *)index)[i] : ((const int64_t *)index)[i];
}

/* Whether one of them lies outside, without saying which: so the compiler can look at several at a time. The top bit is
 * set of a negative index, and of the distance of one that is too large from the last. */
#define OUTSIDE(NAME, INDEX, WORD, MOST)                                                                               \
    static bool outside_##NAME(const INDEX *index, int64_t count, int64_t size) {                                      \
        const WORD last = (WORD)(size > (MOST) ? (MOST) : size - 1);                                                   \
        WORD bad = 0;                                                                                                  \
        for (int64_t i = 0; i < count; i++)                                                                            \
            bad |= (WORD)index[i] | (last - (WORD)index[i]);                                                           \
        return bad > (MOST);                                                                                           \
    }
OUTSIDE(i32, int32_t, uint32_t, INT32_MAX)
OUTSIDE(i64, int64_t, uint64_t, INT64_MAX)

static size_t index_bytes(const int64_t *desc) { return ebb_dtype_size((ebb_dtype)desc[EBB_GATHER_INDEX_DTYPE]); }

static bool outside(const int64_t *desc, const void *index, int64_t first, int64_t count) {
    const int64_t size = desc[EBB_GATHER_SIZE];
    const void *from = (const char *)index + (size_t)first * index_bytes(desc);
    return desc[EBB_GATHER_INDEX_DTYPE] == EBB_I32 ? outside_i32(from, count, size) : outside_i64(from, count, size);
}

/* Of `count` indices from `first` on. */
static int check_some(ebb_op op, const int64_t *desc, const void *index, int64_t first, int64_t count) {
    const int64_t size = desc[EBB_GATHER_SIZE];
    if (!outside(desc, index, first, count)) return EBB_OK;
    for (int64_t i = first; i < first + count; i++) {
        int64_t at = index_at(desc, index, i);
        if (at >= 0 && at < size) continue;
        *ebb_rt_fault() = (ebb_rt_fault_info){.op = op, .position = i, .index = at, .size = size};
        return EBB_INDEX_ERROR;
    }
    return EBB_OK;
}

static int check(ebb_op op, const int64_t *desc, const void *index) {
    return check_some(op, desc, index, 0, desc[EBB_GATHER_COUNT_]);
}

/* Rows of a few bytes, known to the compiler: a load and a store each. */
#define TAKE(NAME, ROW, INDEX)                                                                                         \
    static void take_##NAME(const unsigned char *x, const void *index, int64_t count, unsigned char *y) {              \
        const INDEX *at = index;                                                                                       \
        for (int64_t i = 0; i < count; i++)                                                                            \
            memcpy(y + (size_t)i * (ROW), x + (size_t)at[i] * (ROW), ROW);                                             \
    }
TAKE(4_i64, 4, int64_t)
TAKE(8_i64, 8, int64_t)

/* Four narrow indices are two loads. They are not negative. */
#define TAKE_NARROW(ROW)                                                                                               \
    static void take_##ROW##_i32(const unsigned char *x, const void *index, int64_t count, unsigned char *y) {         \
        const int32_t *at = index;                                                                                     \
        int64_t i = 0;                                                                                                 \
        for (; i + 4 <= count; i += 4, y += 4 * (ROW)) {                                                               \
            uint64_t pair[2];                                                                                          \
            memcpy(pair, at + i, sizeof pair);                                                                         \
            memcpy(y, x + (pair[0] & UINT32_MAX) * (ROW), ROW);                                                        \
            memcpy(y + (ROW), x + (pair[0] >> 32) * (ROW), ROW);                                                       \
            memcpy(y + 2 * (ROW), x + (pair[1] & UINT32_MAX) * (ROW), ROW);                                            \
            memcpy(y + 3 * (ROW), x + (pair[1] >> 32) * (ROW), ROW);                                                   \
        }                                                                                                              \
        for (; i < count; i++, y += (ROW))                                                                             \
            memcpy(y, x + (size_t)at[i] * (ROW), ROW);                                                                 \
    }
TAKE_NARROW(4)
TAKE_NARROW(8)

typedef void taker(const unsigned char *x, const void *index, int64_t count, unsigned char *y);

/* NULL: rows are longer or shorter. */
static taker *taker_of(const int64_t *desc, size_t row) {
    bool narrow = desc[EBB_GATHER_INDEX_DTYPE] == EBB_I32;
    if (row == 4) return narrow ? take_4_i32 : take_4_i64;
    return row == 8 ? narrow ? take_8_i32 : take_8_i64 : NULL;
}

static void take_rows(const int64_t *desc, size_t row, const unsigned char *x, const void *index, unsigned char *y) {
    for (int64_t i = 0; i < desc[EBB_GATHER_COUNT_]; i++, y += row)
        memcpy(y, x + (size_t)index_at(desc, index, i) * row, row);
}

enum { AT_ONCE = 2048 }; /* indices that the nearest cache holds from check to use */

/* A single slab of short rows: the index is read once. */
static int take_slab(const int64_t *desc, size_t row, taker *take, const void *const *in, unsigned char *y) {
    const int64_t count = desc[EBB_GATHER_COUNT_];
    int code = EBB_OK;
    for (int64_t i = 0; i < count && !code; i += AT_ONCE) {
        const int64_t n = count - i < AT_ONCE ? count - i : AT_ONCE;
        code = check_some(EBB_OP_gather, desc, in[1], i, n);
        if (!code) take(in[0], (const char *)in[1] + (size_t)i * index_bytes(desc), n, y + (size_t)i * row);
    }
    return code;
}

int ebb_rt_gather(const int64_t *desc, const void *const *in, void *out) {
    const int64_t size = desc[EBB_GATHER_SIZE], count = desc[EBB_GATHER_COUNT_];
    const size_t row = (size_t)desc[EBB_GATHER_INNER] * ebb_dtype_size((ebb_dtype)desc[EBB_GATHER_DTYPE]);
    const unsigned char *x = in[0];
    unsigned char *y = out;
    taker *take = taker_of(desc, row);
    if (take && desc[EBB_GATHER_OUTER] == 1) return take_slab(desc, row, take, in, y);
    int code = check(EBB_OP_gather, desc, in[1]);
    if (code || row == 0) return code;
    for (int64_t o = 0; o < desc[EBB_GATHER_OUTER]; o++, x += (size_t)size * row, y += (size_t)count * row) {
        if (take)
            take(x, in[1], count, y);
        else
            take_rows(desc, row, x, in[1], y);
    }
    return EBB_OK;
}

int ebb_rt_check_index(const int64_t *desc, const void *const *in, void *out) {
    int64_t *y = out;
    int code = check(EBB_OP_check_index, desc, in[0]);
    for (int64_t i = 0; !code && i < desc[EBB_GATHER_COUNT_]; i++)
        y[i] = index_at(desc, in[0], i);
    return code;
}

/* ---- scatter: rows combined with those that are there ---- */

/* The larger elements stay. */
#define RAISE(NAME, TYPE)                                                                                              \
    static void raise_##NAME(void *to, const void *from, int64_t n) {                                                  \
        TYPE *y = to;                                                                                                  \
        const TYPE *x = from;                                                                                          \
        for (int64_t i = 0; i < n; i++)                                                                                \
            y[i] = larger_##NAME(x[i], y[i]);                                                                          \
    }
RAISE(i32, int32_t)
RAISE(i64, int64_t)
RAISE(f32, float)
RAISE(f64, double)

static int scatter(ebb_op op, ebb_rt_combine *row_into, const int64_t *desc, const void *const *in, void *out) {
    const int64_t size = desc[EBB_GATHER_SIZE], inner = desc[EBB_GATHER_INNER];
    const size_t row = (size_t)inner * ebb_dtype_size((ebb_dtype)desc[EBB_GATHER_DTYPE]), slab = (size_t)size * row;
    const unsigned char *updates = in[2];
    unsigned char *y = out;
    int code = check(op, desc, in[1]);
    if (code || slab == 0) return code;
    if (out != in[0]) memcpy(out, in[0], (size_t)desc[EBB_GATHER_OUTER] * slab);
    for (int64_t o = 0; o < desc[EBB_GATHER_OUTER]; o++, y += slab)
        for (int64_t i = 0; i < desc[EBB_GATHER_COUNT_]; i++, updates += row)
            row_into(y + (size_t)index_at(desc, in[1], i) * row, updates, inner);
    return EBB_OK;
}

int ebb_rt_scatter_add(const int64_t *desc, const void *const *in, void *out) {
    return scatter(EBB_OP_scatter_add, ebb_rt_adder((ebb_dtype)desc[EBB_GATHER_DTYPE]), desc, in, out);
}

int ebb_rt_scatter_max(const int64_t *desc, const void *const *in, void *out) {
    static ebb_rt_combine *const raise[] = {
        [EBB_I32] = raise_i32, [EBB_I64] = raise_i64, [EBB_F32] = raise_f32, [EBB_F64] = raise_f64};
    return scatter(EBB_OP_scatter_max, raise[desc[EBB_GATHER_DTYPE]], desc, in, out);
}
