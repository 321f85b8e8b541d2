/* region_steps.h - functions for loops to run, as text: by which several tests build programs. */
#ifndef EBB_TEST_REGION_STEPS_H
#define EBB_TEST_REGION_STEPS_H

/* (x, a, row) -> x a + row, and its square stacked. */
#define STEP                                                                                                           \
    "func step(%1: f64[], %2: f64[], %3: f64[]) {\n  %4 f64[] = mul %1, %2\n  %5 f64[] = add %4, %3\n"                 \
    "  %6 f64[] = square %5\n  return %5, %6\n}\n"

/* The pullback of that. */
#define BACK                                                                                                           \
    "func back(%1: f64[], %2: f64[], %3: f64[], %4: f64[], %5: f64[]) {\n  %6 f64[] = mul %1, %2\n"                    \
    "  %7 f64[] = add %6, %3\n  %8 f64[] = add %7, %7\n  %9 f64[] = mul %5, %8\n  %10 f64[] = add %4, %9\n"            \
    "  %11 f64[] = mul %10, %2\n  %12 f64[] = mul %10, %1\n  return %11, %12, %10\n}\n"

/* (x, count, a, most) -> x a, count + 1; more: while x < most. */
#define WHILE                                                                                                          \
    "func step(%1: f64[], %2: i64[], %3: f64[], %4: f64[]) {\n  %5 f64[] = mul %1, %3\n  %6 i64[] = constant 1\n"      \
    "  %7 i64[] = add %2, %6\n  return %5, %7\n}\n"                                                                    \
    "func more(%1: f64[], %2: i64[], %3: f64[], %4: f64[]) {\n  %5 bool[] = lt %1, %4\n  return %5\n}\n"

/* The pullback of that, in x and a. */
#define UNWHILE                                                                                                        \
    "func back(%1: f64[], %2: i64[], %3: f64[], %4: f64[], %5: f64[]) {\n  %6 f64[] = mul %5, %3\n"                    \
    "  %7 f64[] = mul %5, %1\n  return %6, %7, absent\n}\n"

/* (x, table, index) -> x + table[index], which is line 17 of user.c. */
#define FAILING                                                                                                        \
    "func step(%1: f64[], %2: f64[4], %3: i64[]) {\n  %4 f64[] = gather %2, %3 {axis=0} ; user.c:17\n"                 \
    "  %5 f64[] = add %1, %4\n  return %5\n}\n"

#endif
