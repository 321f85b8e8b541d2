/* reduce_loops.h - the two orders of reduction.h for one element type: reduce.c includes it with
 *
 *   S        suffix of the names       COMBINE(a, b)  how two numbers become one
 *   T        element type              START          what a slot begins with: combining with it changes nothing
 *   EMPTY    the result over nothing
 *
 * Start reading at reduce_S. */

TREE(S)

enum { NAME(slots) = EBB_SLOTS(sizeof(T)), NAME(lanes) = 512 / sizeof(T) };

static inline void NAME(fill)(T *y, T value, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        y[i] = value;
}

/* Element j goes to slot j % slots. */
static inline void NAME(to_slots)(T *slot, const T *x, int64_t n, int64_t step) {
    const int64_t slots = NAME(slots);
    if (step == 1) {
        for (; n >= slots; n -= slots, x += slots)
            for (int64_t i = 0; i < slots; i++)
                slot[i] = COMBINE(slot[i], x[i]);
        for (int64_t i = 0; i < n; i++)
            slot[i] = COMBINE(slot[i], x[i]);
    } else {
        for (int64_t j = 0; j < n; j++, x += step)
            slot[j % slots] = COMBINE(slot[j % slots], *x);
    }
}

static inline T NAME(halve)(T *slot, int64_t width) {
    for (int64_t h = width / 2; h > 0; h /= 2)
        for (int64_t i = 0; i < h; i++)
            slot[i] = COMBINE(slot[i], slot[i + h]);
    return slot[0];
}

/* One result of a row sum. Rows shorter than the slots leave the upper ones at START, so only `width` are kept. */
static T NAME(row)(const reduction *r, eval_nest *rows, const T *x) {
    T slot[NAME(slots)], stack[64], result;
    int64_t blocks = 0, held = 0;
    do {
        const T *row = x + rows->offset[0];
        for (int64_t j = 0; j < r->n; j += r->piece) {
            if (held == 0) NAME(fill)(slot, START, r->width);
            NAME(to_slots)(slot, row + j * r->step, r->n - j < r->piece ? r->n - j : r->piece, r->step);
            if (++held < r->pieces) continue;
            result = NAME(halve)(slot, r->width);
            NAME(push)(stack, blocks++, &result, 1);
            held = 0;
        }
    } while (eval_nest_next(rows, rows->axes));
    if (blocks == 0) return NAME(halve)(slot, r->width); /* one block needs no tree */
    if (held) {
        result = NAME(halve)(slot, r->width);
        NAME(push)(stack, blocks++, &result, 1);
    }
    NAME(pop)(stack, blocks, &result, 1);
    return result;
}

/* Adds `rows` rows, `by` elements apart, to n lanes; every lane takes them one after another. */
static inline void NAME(to_lanes)(T *sum, int64_t n, const T *x, int64_t step, int64_t rows, int64_t by) {
    for (; step == 1 && rows >= 4; rows -= 4, x += 4 * by) /* the lanes go through memory once for four rows */
        for (int64_t i = 0; i < n; i++)
            sum[i] = COMBINE(COMBINE(COMBINE(COMBINE(sum[i], x[i]), x[i + by]), x[i + 2 * by]), x[i + 3 * by]);
    for (; step == 1 && rows > 0; rows--, x += by)
        for (int64_t i = 0; i < n; i++)
            sum[i] = COMBINE(sum[i], x[i]);
    for (int64_t i = 0; rows > 0 && i < n; i++)
        for (int64_t k = 0; k < rows; k++)
            sum[i] = COMBINE(sum[i], x[i * step + k * by]);
}

/* n neighbouring results of a column sum, a lane each. The innermost axis of `rows` is run through here. */
static void NAME(columns)(const reduction *r, eval_nest *rows, const T *x, int64_t n, T *y) {
    T sum[NAME(lanes)], stack[64 * NAME(lanes)];
    int64_t blocks = 0, held = 0;
    const int outer = rows->axes - 1;
    const int64_t run = outer < 0 ? 1 : rows->size[outer], by = outer < 0 ? 0 : rows->step[0][outer];
    do {
        const T *row = x + rows->offset[0];
        for (int64_t k = 0, some; k < run; k += some) {
            some = run - k < EBB_BLOCK_ADDS - held ? run - k : EBB_BLOCK_ADDS - held;
            if (held == 0) NAME(fill)(sum, START, n);
            NAME(to_lanes)(sum, n, row + k * by, r->step, some, by);
            if ((held += some) < EBB_BLOCK_ADDS) continue;
            NAME(push)(stack, blocks++, sum, n);
            held = 0;
        }
    } while (eval_nest_next(rows, outer));
    if (held) NAME(push)(stack, blocks++, sum, n);
    NAME(pop)(stack, blocks, y, n);
}

static void NAME(reduce)(const reduction *r, eval_nest *kept, eval_nest *rows, const void *from, void *to) {
    T *y = to;
    if (r->empty) {
        NAME(fill)(y, EMPTY, r->results);
        return;
    }
    do {
        const T *x = (const T *)from + kept->offset[0];
        if (r->last_axis) *y++ = NAME(row)(r, rows, x);
        for (int64_t j = 0; !r->last_axis && j < r->n; j += NAME(lanes)) {
            const int64_t n = r->n - j < NAME(lanes) ? r->n - j : NAME(lanes);
            NAME(columns)(r, rows, x + j * r->step, n, y);
            y += n;
        }
    } while (eval_nest_next(kept, kept->axes));
}
