/* handmade.h - plans built by hand, for tests of what comes after planning.
 *
 *     hand h; hand_open(&h);
 *     int x = hand_input(&h, EBB_F32, n), y = hand_output(&h, EBB_F32, n);
 *     hand_kernel(&h, 1, (int64_t[]){n}, 0);
 *     hand_store(&h, y, 1, hand_apply(&h, EBB_OP_exp, EBB_F32, 1, hand_load(&h, x, 1, 0, (int64_t[]){1}), -1, -1),
 * ...); ebb_executable *e = hand_compile(&h, NULL); ... hand_close(&h); */
#ifndef EBB_TEST_HANDMADE_H
#define EBB_TEST_HANDMADE_H

#include "jit/load/load.h"
#include "jit/plan/plan.h"

#define HAND_MAX 512
typedef struct hand {
    ebb_plan plan;
    ebb_buffer buffer[HAND_MAX];
    ebb_step step[HAND_MAX];
    int inputs, outputs;
    const char *cpu; /* NULL: this one */
} hand;

void hand_open(hand *h);
void hand_close(hand *h);
int hand_input(hand *h, ebb_dtype dtype, int64_t count); /* a buffer */
int hand_output(hand *h, ebb_dtype dtype, int64_t count);
int hand_arena(hand *h, ebb_dtype dtype, int64_t count);

/* Starts a kernel; bit a of `reduced`: axis a is reduced. What follows goes into it. */
ebb_kernel *hand_kernel(hand *h, int axes, const int64_t *extent, unsigned reduced, int stages);
int hand_load(hand *h, int buffer, int level, int64_t offset, const int64_t *stride); /* an instruction */
int hand_const(hand *h, ebb_dtype dtype, uint64_t bits);
int hand_iota(hand *h, ebb_dtype dtype, int level, int64_t offset, const int64_t *stride);
int hand_apply(hand *h, ebb_op op, ebb_dtype dtype, int level, int x, int y, int z);
int hand_fold(hand *h, ebb_op op, int level, int stage, int x);
void hand_store(hand *h, int buffer, int level, int stage, int64_t offset, const int64_t *stride, int x);

ebb_executable *hand_compile(hand *h, const ebb_compile_options *options); /* fails the test if it cannot */

/* The widths that tests go through. Compiles for one of them; NULL where this machine lacks it, which 128 never is. */
#define EACH_WIDTH(bits) for (int bits = 128; bits <= 512; bits *= 2)
ebb_executable *hand_compile_at(hand *h, int bits, int level);
int hand_run(const ebb_executable *x, const void *const *in, void *const *out); /* with an arena of its own */

/* n random numbers that begin one element past a 64-byte boundary, with NaN and its friends if asked; hand_drop them.
 */
void *hand_numbers(ebb_dtype d, int64_t n, bool with_edges);
void hand_put(ebb_dtype d, void *array, int64_t i, double v); /* as a number of that dtype */
void hand_drop(ebb_dtype d, void *array);
double hand_random(void);
double hand_value_of(ebb_dtype d, const void *number); /* f32 or f64 */

#endif
