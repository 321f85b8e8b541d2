/* argsort.c - where the elements of an axis are in rising order; NaN comes last, equal elements keep their order.
 *
 * A heap sort of positions: in place, as routines allocate nothing, and never slower than n log n. It is stable because
 * a position belongs to the order: of two equal elements the earlier one is less. -0 and +0 are equal. */
#include "jit/runtime/runtime.h"

/* Elements and positions of one line of the axis, `step` apart. */
typedef struct line {
    const void *x;
    int64_t *at;
    int64_t step;
} line;
typedef bool order(const line *l, int64_t i, int64_t j);

/* Whether element i comes before element j. v != v is never true for integers. */
#define BEFORE(NAME, TYPE)                                                                                             \
    static bool before_##NAME(const line *l, int64_t i, int64_t j) {                                                   \
        const TYPE u = ((const TYPE *)l->x)[i * l->step], v = ((const TYPE *)l->x)[j * l->step];                       \
        const bool less = u < v || (u == u && v != v), more = v < u || (v == v && u != u);                             \
        return less || (!more && i < j);                                                                               \
    }
BEFORE(bool, uint8_t)
BEFORE(i32, int32_t)
BEFORE(i64, int64_t)
BEFORE(f32, float)
BEFORE(f64, double)

/* Puts `value` where it belongs below `top`, in a heap of n whose root is the last in order. */
static void sift(const line *l, order *before, int64_t top, int64_t n, int64_t value) {
    for (int64_t child; (child = 2 * top + 1) < n; top = child) {
        if (child + 1 < n && before(l, l->at[child * l->step], l->at[(child + 1) * l->step])) child++;
        if (!before(l, value, l->at[child * l->step])) break;
        l->at[top * l->step] = l->at[child * l->step];
    }
    l->at[top * l->step] = value;
}

static void sort(const line *l, order *before, int64_t n) {
    bool rising = true;
    for (int64_t i = 0; i < n; i++) {
        l->at[i * l->step] = i;
        rising = rising && (i == 0 || before(l, i - 1, i));
    }
    if (rising) return;
    for (int64_t top = n / 2; top-- > 0;)
        sift(l, before, top, n, l->at[top * l->step]);
    while (--n > 0) {
        const int64_t value = l->at[n * l->step];
        l->at[n * l->step] = l->at[0];
        sift(l, before, 0, n, value);
    }
}

int ebb_rt_argsort(const int64_t *desc, const void *const *in, void *out) {
    static order *const orders[] = {[EBB_BOOL] = before_bool,
                                    [EBB_I32] = before_i32,
                                    [EBB_I64] = before_i64,
                                    [EBB_F32] = before_f32,
                                    [EBB_F64] = before_f64};
    const ebb_dtype dtype = (ebb_dtype)desc[EBB_ARGMAX_DTYPE];
    const int64_t size = desc[EBB_ARGMAX_SIZE], inner = desc[EBB_ARGMAX_INNER];
    for (int64_t o = 0; size && o < desc[EBB_ARGMAX_OUTER]; o++)
        for (int64_t i = 0; i < inner; i++) {
            const int64_t start = o * size * inner + i;
            const unsigned char *x = (const unsigned char *)in[0] + (size_t)start * ebb_dtype_size(dtype);
            sort(&(line){x, (int64_t *)out + start, inner}, orders[dtype], size);
        }
    return EBB_OK;
}
