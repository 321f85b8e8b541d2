/* gather.c - rows taken, and rows combined with others, where an index says.
 *
 * Invariant: every index is checked before anything is written. An index outside [0, size) is an error, negative ones
 * too: nothing counts from the end. Duplicates are added in the order of the index, so results repeat to the bit. */
#include "jit/runtime/runtime.h"

#include "jit/graph/numbers.h"

#include <string.h>

static inline int64_t index_at(const int64_t *desc, const void *index, int64_t i) {
    return desc[EBB_GATHER_INDEX_DTYPE] == EBB_I32 ? ((const int32_t *)index)[i] : ((const int64_t *)index)[i];
}

/* Whether one of them lies outside, without saying which: so the compiler can look at several at a time. As unsigned
 * numbers, negative ones are too large. */
#define OUTSIDE(NAME, INDEX, WORD, MOST)                                                                               \
    static bool outside_##NAME(const INDEX *index, int64_t count, int64_t size) {                                      \
        const WORD end = size > (MOST) ? (WORD)(MOST) + 1 : (WORD)size;                                                \
        WORD bad = 0;                                                                                                  \
        for (int64_t i = 0; i < count; i++)                                                                            \
            bad |= (WORD)index[i] >= end;                                                                              \
        return bad != 0;                                                                                               \
    }
OUTSIDE(i32, int32_t, uint32_t, INT32_MAX)
OUTSIDE(i64, int64_t, uint64_t, INT64_MAX)

static bool outside(const int64_t *desc, const void *index) {
    const int64_t count = desc[EBB_GATHER_COUNT_], size = desc[EBB_GATHER_SIZE];
    return desc[EBB_GATHER_INDEX_DTYPE] == EBB_I32 ? outside_i32(index, count, size) : outside_i64(index, count, size);
}

static int check(ebb_op op, const int64_t *desc, const void *index) {
    const int64_t size = desc[EBB_GATHER_SIZE];
    if (!outside(desc, index)) return EBB_OK;
    for (int64_t i = 0; i < desc[EBB_GATHER_COUNT_]; i++) {
        int64_t at = index_at(desc, index, i);
        if (at >= 0 && at < size) continue;
        *ebb_rt_fault() = (ebb_rt_fault_info){.op = op, .position = i, .index = at, .size = size};
        return EBB_INDEX_ERROR;
    }
    return EBB_OK;
}

/* Rows of a few bytes, known to the compiler: a load and a store each. */
#define TAKE(NAME, ROW, INDEX)                                                                                         \
    static void take_##NAME(const unsigned char *x, const void *index, int64_t count, unsigned char *y) {              \
        const INDEX *at = index;                                                                                       \
        for (int64_t i = 0; i < count; i++)                                                                            \
            memcpy(y + (size_t)i * (ROW), x + (size_t)at[i] * (ROW), ROW);                                             \
    }
TAKE(4_i32, 4, int32_t)
TAKE(4_i64, 4, int64_t)
TAKE(8_i32, 8, int32_t)
TAKE(8_i64, 8, int64_t)

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

int ebb_rt_gather(const int64_t *desc, const void *const *in, void *out) {
    const int64_t size = desc[EBB_GATHER_SIZE], count = desc[EBB_GATHER_COUNT_];
    const size_t row = (size_t)desc[EBB_GATHER_INNER] * ebb_dtype_size((ebb_dtype)desc[EBB_GATHER_DTYPE]);
    const unsigned char *x = in[0];
    unsigned char *y = out;
    int code = check(EBB_OP_gather, desc, in[1]);
    if (code || row == 0) return code;
    taker *take = taker_of(desc, row);
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
