/* test_lower_programs.c - kernels and whole programs built by hand: index values, levels, results in place,
 * straight-line programs, routines. Point operations and views are in test_lower.c. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "tests/support/engines.h"
#include "tests/support/handmade.h"

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
        ebb_executable *e = hand_compile_at(&h, bits, 2);
        if (!e) continue;
        hand_run(e, NULL, (void *[]){y, z});
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
    for (int j = 0; j < 21; j++)
        x[j] = hand_random();
    for (int i = 0; i < 63; i++)
        c[i] = i;
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
    hand_run(e, (const void *[]){&a, x, b, c}, (void *[]){c, &twice});
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
            int v = hand_load(&h, half ? between : x, 0, 0, NULL),
                k = hand_const(&h, EBB_F64, 0x3ff028f5c28f5c29); /* 1.01 */
            for (int i = 0; i < 500; i++)
                v = hand_apply(&h, EBB_OP_mul, EBB_F64, 0, k, hand_apply(&h, EBB_OP_sin, EBB_F64, 0, v, -1, -1), -1);
            hand_store(&h, half ? y : between, 0, 0, 0, NULL, v);
        }
        double from = 0.7, to = 0, wanted = 0.7;
        for (int i = 0; i < 1000; i++)
            wanted = 1.01 * sin(wanted);
        ebb_executable *e = hand_compile_at(&h, 0, level);
        cr_assert_eq(ebb_executable_work(e), 64);
        hand_run(e, (const void *[]){&from}, (void *[]){&to});
        cr_assert_eq(to, wanted, "level %d: %.17g, not %.17g", level, to, wanted);
        ebb_executable_release(e);
        hand_close(&h);
    }
}

/* y = copy of x; z = gather(x, index): an index outside is the call's own error. */
Test(lower, routines_and_copies_run_in_order) {
    static hand h;
    hand_open(&h);
    int x = hand_input(&h, EBB_F32, 1000), index = hand_input(&h, EBB_I32, 2), y = hand_output(&h, EBB_F32, 1000),
        z = hand_output(&h, EBB_F32, 2);
    h.step[h.plan.steps++] = (ebb_step){.kind = EBB_STEP_COPY, .in = {x}, .nin = 1, .out = y};
    h.step[h.plan.steps++] = (ebb_step){.kind = EBB_STEP_ROUTINE,
                                        .op = EBB_OP_gather,
                                        .ndesc = EBB_GATHER_COUNT,
                                        .desc = {EBB_F32, EBB_I32, 1, 1000, 1, 2},
                                        .in = {y, index},
                                        .nin = 2,
                                        .out = z};
    ebb_executable *e = hand_compile(&h, NULL);
    float from[1000], copy[1000], picked[2];
    for (int i = 0; i < 1000; i++)
        from[i] = (float)(i + 1);
    int32_t which[] = {3, 0};
    cr_assert_eq(hand_run(e, (const void *[]){from, which}, (void *[]){copy, picked}), EBB_OK);
    cr_assert(memcmp(copy, from, sizeof copy) == 0 && picked[0] == 4 && picked[1] == 1);
    which[1] = 1000;
    cr_assert_eq(hand_run(e, (const void *[]){from, which}, (void *[]){copy, picked}), EBB_INDEX_ERROR);
    cr_assert_eq(ebb_rt_fault()->index, 1000);
    ebb_executable_release(e);
    hand_close(&h);
}
