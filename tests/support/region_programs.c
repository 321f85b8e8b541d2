/* region_programs.c - see region_programs.h: one for each kind of region and each way in which operands, states and
 * results may be without a derivative. */
#include "tests/support/region_programs.h"

#define BRANCHES                                                                                                       \
    "func yes(%1: f64[3], %2: f64[], %3: i64[]) {\n  %4 f64[3] = sin %1\n  %5 f64[3] = broadcast %2 {axes=[]}\n"       \
    "  %6 f64[3] = mul %4, %5\n  %7 f64[] = exp %2\n  return %6, %3, %7\n}\n"                                          \
    "func no(%1: f64[3], %2: f64[], %3: i64[]) {\n  %4 f64[3] = square %1\n  %5 i64[] = neg %3\n"                      \
    "  %6 f64[] = constant 2\n  return %4, %5, %6\n}\n"

/* Both branches, one result of which is constant in one of them, and a whole number that decides. */
#define CHOOSE                                                                                                         \
    BRANCHES                                                                                                           \
    "func f(%1: f64[3], %2: f64[], %3: i64[]) {\n  %4 i64[] = constant 0\n  %5 bool[] = gt %3, %4\n"                   \
    "  %6 (f64[3], i64[], f64[]) = cond @yes @no %5, %1, %2, %3\n  %7 f64[3] = get %6 {k=0}\n"                         \
    "  %8 f64[] = get %6 {k=2}\n  %9 f64[3] = tanh %7\n  %10 f64[] = mul %8, %2\n  return %9, %10\n}\n"

/* By Newton's method the root of a, until it is one: three states, of which the count is whole. */
#define NEWTON                                                                                                         \
    "func step(%1: f64[], %2: i64[], %3: f64[]) {\n  %4 f64[] = div %3, %1\n  %5 f64[] = add %1, %4\n"                 \
    "  %6 f64[] = constant 0.5\n  %7 f64[] = mul %5, %6\n  %8 i64[] = constant 1\n  %9 i64[] = add %2, %8\n"           \
    "  return %7, %9\n}\n"                                                                                             \
    "func more(%1: f64[], %2: i64[], %3: f64[]) {\n  %4 f64[] = square %1\n  %5 f64[] = sub %4, %3\n"                  \
    "  %6 f64[] = abs %5\n  %7 f64[] = constant 0.01\n  %8 bool[] = gt %6, %7\n  return %8\n}\n"                       \
    "func f(%1: f64[], %2: i64[], %3: f64[]) {\n"                                                                      \
    "  %4 (f64[], i64[]) = loop @step @more %1, %2, %3 {states=2, captures=1, trips=-1, reverse=0}\n"                  \
    "  %5 f64[] = get %4 {k=0}\n  %6 f64[] = mul %5, %1\n  return %6\n}\n"

/* A layer that remembers, over a sequence: states, a captured matrix, rows, stacked results; from either end. */
#define CELL                                                                                                           \
    "func cell(%1: f64[1,2], %2: f64[2,2], %3: f64[2]) {\n  %4 f64[1,2] = dot %1, %2 {tx=0, ty=0}\n"                   \
    "  %5 f64[1,2] = reshape %3\n  %6 f64[1,2] = add %4, %5\n  %7 f64[1,2] = tanh %6\n"                                \
    "  %8 f64[] = sum %7 {axes=[0,1]}\n  return %7, %8\n}\n"
#define SCAN(reverse)                                                                                                  \
    CELL "func f(%1: f64[1,2], %2: f64[2,2], %3: f64[4,2]) {\n"                                                        \
         "  %4 (f64[1,2], f64[4]) = loop @cell %1, %2, %3 {states=1, captures=1, trips=4, reverse=" reverse "}\n"      \
         "  %5 f64[1,2] = get %4 {k=0}\n  %6 f64[4] = get %4 {k=1}\n  %7 f64[4] = sin %6\n  return %5, %7\n}\n"
/* Nothing but the stacked results is used. */
#define STACK                                                                                                          \
    CELL "func f(%1: f64[1,2], %2: f64[2,2], %3: f64[3,2]) {\n"                                                        \
         "  %4 (f64[1,2], f64[3]) = loop @cell %1, %2, %3 {states=1, captures=1, trips=3, reverse=0}\n"                \
         "  %5 f64[3] = get %4 {k=1}\n  return %5\n}\n"

/* No iteration at all. */
#define NEVER                                                                                                          \
    CELL "func f(%1: f64[1,2], %2: f64[2,2], %3: f64[0,2]) {\n"                                                        \
         "  %4 (f64[1,2], f64[0]) = loop @cell %1, %2, %3 {states=1, captures=1, trips=0, reverse=0}\n"                \
         "  %5 f64[1,2] = get %4 {k=0}\n  %6 f64[1,2] = sin %5\n  return %6\n}\n"
#define NEVER_WHILE                                                                                                    \
    "func step(%1: f64[], %2: f64[]) {\n  %3 f64[] = mul %1, %2\n  %4 f64[] = constant 3\n  return %3, %4\n}\n"        \
    "func more(%1: f64[], %2: f64[]) {\n  %3 f64[] = constant 5\n  %4 bool[] = gt %1, %3\n  return %4\n}\n"            \
    "func f(%1: f64[], %2: f64[]) {\n"                                                                                 \
    "  %3 (f64[], f64[]) = loop @step @more %1, %2 {states=2, captures=0, trips=-1, reverse=0}\n"                      \
    "  %4 f64[] = get %3 {k=0}\n  %5 f64[] = get %3 {k=1}\n  %6 f64[] = mul %4, %5\n  return %6\n}\n"

/* States that change places, so that what moves is known after three rounds only; a step size that does not move; one
 * that is written and never read. */
#define ROUND                                                                                                          \
    "func step(%1: f64[], %2: f64[], %3: f64[], %4: f64[], %5: f64[], %6: f64[]) {\n  %7 f64[] = sin %3\n"             \
    "  %8 f64[] = mul %4, %6\n  %9 f64[] = add %7, %8\n  %10 f64[] = constant 0.9\n  %11 f64[] = mul %4, %10\n"        \
    "  %12 f64[] = mul %1, %2\n  return %9, %1, %2, %11, %12\n}\n"                                                     \
    "func f(%1: f64[], %2: f64[]) {\n  %3 f64[] = constant 0.5\n"                                                      \
    "  %4 (f64[], f64[], f64[], f64[], f64[]) = loop @step %3, %1, %3, %3, %3, %2 "                                    \
    "{states=5, captures=1, trips=5, reverse=0}\n  %5 f64[] = get %4 {k=0}\n  %6 f64[] = get %4 {k=2}\n"               \
    "  %7 f64[] = get %4 {k=3}\n  %8 f64[] = get %4 {k=4}\n  %9 f64[] = mul %5, %6\n  %10 f64[] = mul %7, %8\n"        \
    "  return %9, %10\n}\n"

/* A loop in a branch in a loop. What the inner loop captures is the outer one's state. */
#define NESTED                                                                                                         \
    "func inner(%1: f64[], %2: f64[], %3: f64[]) {\n  %4 f64[] = mul %1, %2\n  %5 f64[] = sin %4\n"                    \
    "  %6 f64[] = add %5, %3\n  return %6, %4\n}\n"                                                                    \
    "func long(%1: f64[], %2: f64[3]) {\n"                                                                             \
    "  %3 (f64[], f64[3]) = loop @inner %1, %1, %2 {states=1, captures=1, trips=3, reverse=0}\n"                       \
    "  %4 f64[] = get %3 {k=0}\n  %5 f64[3] = get %3 {k=1}\n  %6 f64[] = sum %5 {axes=[0]}\n"                          \
    "  %7 f64[] = div %4, %6\n  return %7\n}\n"                                                                        \
    "func short(%1: f64[], %2: f64[3]) {\n  %3 f64[] = cos %1\n  return %3\n}\n"                                       \
    "func outer(%1: f64[], %2: i64[], %3: f64[3]) {\n  %4 i64[] = constant 2\n  %5 bool[] = lt %2, %4\n"               \
    "  %6 (f64[]) = cond @long @short %5, %1, %3\n  %7 f64[] = get %6 {k=0}\n  %8 i64[] = constant 1\n"                \
    "  %9 i64[] = add %2, %8\n  return %7, %9\n}\n"                                                                    \
    "func more(%1: f64[], %2: i64[], %3: f64[3]) {\n  %4 i64[] = constant 4\n  %5 bool[] = lt %2, %4\n"                \
    "  return %5\n}\n"                                                                                                 \
    "func f(%1: f64[], %2: i64[], %3: f64[3]) {\n"                                                                     \
    "  %4 (f64[], i64[]) = loop @outer @more %1, %2, %3 {states=2, captures=1, trips=-1, reverse=0}\n"                 \
    "  %5 f64[] = get %4 {k=0}\n  return %5\n}\n"

/* A whole state says where to read, and the row that was read decides by an edge what is kept. */
#define WALK                                                                                                           \
    "func step(%1: i64[], %2: f64[], %3: f64[5]) {\n  %4 f64[] = gather %3, %1 {axis=0}\n"                             \
    "  %5 f64[] = mul %2, %4\n  %6 f64[] = constant 0.2\n  %7 f64[] = max %5, %6\n  %8 i64[] = constant 1\n"           \
    "  %9 i64[] = add %1, %8\n  %10 f64[] = log %4\n  return %9, %7, %10\n}\n"                                         \
    "func f(%1: i64[], %2: f64[], %3: f64[5]) {\n"                                                                     \
    "  %4 (i64[], f64[], f64[4]) = loop @step %1, %2, %3 {states=2, captures=1, trips=4, reverse=0}\n"                 \
    "  %5 f64[] = get %4 {k=1}\n  %6 f64[4] = get %4 {k=2}\n  %7 f64[] = sum %6 {axes=[0]}\n"                          \
    "  %8 f64[] = mul %5, %7\n  return %8\n}\n"

/* The same loop twice, one upon the other, and a branch on what they give. */
#define CHAIN                                                                                                          \
    "func step(%1: f64[2], %2: f64[2]) {\n  %3 f64[2] = mul %1, %2\n  %4 f64[2] = cos %3\n  return %4\n}\n"            \
    "func same(%1: f64[2]) {\n  return %1\n}\nfunc twice(%1: f64[2]) {\n  %2 f64[2] = add %1, %1\n  return %2\n}\n"    \
    "func f(%1: f64[2], %2: f64[2]) {\n"                                                                               \
    "  %3 (f64[2]) = loop @step %1, %2 {states=1, captures=1, trips=3, reverse=0}\n  %4 f64[2] = get %3 {k=0}\n"       \
    "  %5 f64[2] = exp %4\n"                                                                                           \
    "  %6 (f64[2]) = loop @step %5, %4 {states=1, captures=1, trips=2, reverse=0}\n  %7 f64[2] = get %6 {k=0}\n"       \
    "  %8 f64[] = sum %7 {axes=[0]}\n  %9 f64[] = constant 0\n  %10 bool[] = lt %8, %9\n"                              \
    "  %11 (f64[2]) = cond @same @twice %10, %7\n  %12 f64[2] = get %11 {k=0}\n  %13 f64[2] = mul %12, %4\n"           \
    "  return %13\n}\n"

/* Rules of its own, which say what is true: of y = a sin x and z = a x + k, forward and reverse; alone, and twice in a
 * loop. */
#define WAVE                                                                                                           \
    "func wave(%1: f64[2], %2: f64[], %3: i64[]) {\n  %4 f64[2] = sin %1\n  %5 f64[2] = broadcast %2 {axes=[]}\n"      \
    "  %6 f64[2] = mul %5, %4\n  %7 i64[] = neg %3\n  %8 f64[2] = mul %5, %1\n  return %6, %7, %8\n}\n"
#define FORWARD_RULE                                                                                                   \
    "func rule(%1: f64[2], %2: f64[], %3: i64[], %4: f64[2], %5: i64[], %6: f64[2], %7: f64[2], %8: f64[]) {\n"        \
    "  %9 f64[2] = cos %1\n  %10 f64[2] = broadcast %2 {axes=[]}\n  %11 f64[2] = mul %9, %10\n"                        \
    "  %12 f64[2] = mul %11, %7\n  %13 f64[2] = sin %1\n  %14 f64[2] = broadcast %8 {axes=[]}\n"                       \
    "  %15 f64[2] = mul %13, %14\n  %16 f64[2] = add %12, %15\n  %17 f64[2] = mul %10, %7\n"                           \
    "  %18 f64[2] = mul %1, %14\n  %19 f64[2] = add %17, %18\n  return %16, %19\n}\n"
#define REVERSE_RULE                                                                                                   \
    "func rule(%1: f64[2], %2: f64[], %3: i64[], %4: f64[2], %5: i64[], %6: f64[2], %7: f64[2], %8: f64[2]) {\n"       \
    "  %9 f64[2] = cos %1\n  %10 f64[2] = broadcast %2 {axes=[]}\n  %11 f64[2] = mul %9, %10\n"                        \
    "  %12 f64[2] = mul %11, %7\n  %13 f64[2] = mul %10, %8\n  %14 f64[2] = add %12, %13\n  %15 f64[2] = sin %1\n"     \
    "  %16 f64[2] = mul %15, %7\n  %17 f64[2] = mul %1, %8\n  %18 f64[2] = add %16, %17\n"                             \
    "  %19 f64[] = sum %18 {axes=[0]}\n  return %14, %19\n}\n"
#define ALONE(rule, reverse)                                                                                           \
    WAVE rule "func f(%1: f64[2], %2: f64[], %3: i64[]) {\n  %4 f64[2] = exp %1\n"                                     \
              "  %5 (f64[2], i64[], f64[2]) = custom @wave @rule %4, %2, %3 {reverse=" reverse "}\n"                   \
              "  %6 f64[2] = get %5 {k=0}\n  %7 f64[2] = get %5 {k=2}\n  %8 f64[2] = mul %6, %7\n  return %8\n}\n"
#define IN_A_LOOP(rule, reverse)                                                                                       \
    WAVE rule "func body(%1: f64[2], %2: i64[], %3: f64[]) {\n"                                                        \
              "  %4 (f64[2], i64[], f64[2]) = custom @wave @rule %1, %3, %2 {reverse=" reverse "}\n"                   \
              "  %5 f64[2] = get %4 {k=0}\n  %6 i64[] = get %4 {k=1}\n"                                                \
              "  %7 (f64[2], i64[], f64[2]) = custom @wave @rule %5, %3, %6 {reverse=" reverse "}\n"                   \
              "  %8 f64[2] = get %7 {k=2}\n  %9 f64[2] = cos %8\n  return %9, %6\n}\n"                                 \
              "func f(%1: f64[2], %2: f64[], %3: i64[]) {\n"                                                           \
              "  %4 (f64[2], i64[]) = loop @body %1, %3, %2 {states=2, captures=1, trips=3, reverse=0}\n"              \
              "  %5 f64[2] = get %4 {k=0}\n  return %5\n}\n"

const region_program region_programs[] = {
    {"cond, then", CHOOSE, {0, 1}, 2, {0, 0, 1}, -1},
    {"cond, otherwise", CHOOSE, {0, 1}, 2, {0, 0, -1}, -1},
    {"cond, one of its operands", CHOOSE, {1}, 1, {0, 0, 1}, -1},
    {"while", NEWTON, {0, 2}, 2, {0}, 1},
    {"while, its capture", NEWTON, {2}, 1, {0}, 1},
    {"scan", SCAN("0"), {0, 1, 2}, 3, {0}, 1},
    {"scan from the end", SCAN("1"), {0, 1, 2}, 3, {0}, 1},
    {"scan, its sequence", SCAN("1"), {2}, 1, {0}, 1},
    {"scan, its state", SCAN("0"), {0}, 1, {0}, 1},
    {"stacked results", STACK, {1, 2}, 2, {0}, 1},
    {"no iteration", NEVER, {0, 1}, 2, {0}, 1},
    {"a while that never runs", NEVER_WHILE, {0, 1}, 2, {0}, 1},
    {"states in turn", ROUND, {0, 1}, 2, {0}, 1},
    {"states in turn, one of them", ROUND, {0}, 1, {0}, 1},
    {"a loop in a branch in a loop", NESTED, {0, 2}, 2, {0}, 1},
    {"a walk", WALK, {1, 2}, 2, {1}, 0},
    {"a rule forward", ALONE(FORWARD_RULE, "0"), {0, 1}, 2, {0, 0, 1}, 1},
    {"a rule in reverse", ALONE(REVERSE_RULE, "1"), {0, 1}, 2, {0, 0, 1}, 1},
    {"a rule forward, one operand", ALONE(FORWARD_RULE, "0"), {1}, 1, {0, 0, 1}, 1},
    {"a rule in reverse, one operand", ALONE(REVERSE_RULE, "1"), {0}, 1, {0, 0, 1}, 1},
    {"a rule forward in a loop", IN_A_LOOP(FORWARD_RULE, "0"), {0, 1}, 2, {0, 0, 1}, 1},
    {"a rule in reverse in a loop", IN_A_LOOP(REVERSE_RULE, "1"), {0, 1}, 2, {0, 0, 1}, 1},
    {"loop upon loop", CHAIN, {0, 1}, 2, {0}, 1},
};
const int region_program_count = sizeof region_programs / sizeof *region_programs;
