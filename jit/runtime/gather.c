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

static int check(ebb_op op, const int64_t *desc, const void *index) {
    const int64_t size = desc[EBB_GATHER_SIZE];
    for (int64_t i = 0; i < desc[EBB_GATHER_COUNT_]; i++) {
        int64_t at = index_at(desc, index, i);
        if (at >= 0 && at < size) continue;
        *ebb_rt_fault() = (ebb_rt_fault_info){.op = op, .position = i, .index = at, .size = size};
        return EBB_INDEX_ERROR;
    }
    return EBB_OK;
}

int ebb_rt_gather(const int64_t *desc, const void *const *in, void *out) {
    const int64_t size = desc[EBB_GATHER_SIZE], count = desc[EBB_GATHER_COUNT_];
    const size_t row = (size_t)desc[EBB_GATHER_INNER] * ebb_dtype_size((ebb_dtype)desc[EBB_GATHER_DTYPE]);
    const unsigned char *x = in[0];
    unsigned char *y = out;
    int code = check(EBB_OP_gather, desc, in[1]);
    if (code || row == 0) return code;
    for (int64_t o = 0; o < desc[EBB_GATHER_OUTER]; o++, x += (size_t)size * row)
        for (int64_t i = 0; i < count; i++, y += row)
            memcpy(y, x + (size_t)index_at(desc, in[1], i) * row, row);
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
