/* op_case.c - see op_case.h. */
#include "tests/support/op_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/run_graph.h"

/* ---- the cases of operations that look at axes ---- */

#define COUNT(...) (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))
#define S(...)                                                                                                         \
    {                                                                                                                  \
        COUNT(__VA_ARGS__), { __VA_ARGS__ }                                                                            \
    }
#define SCALAR {0, {0}}
#define ATTR(...) .nattr = COUNT(__VA_ARGS__), .attr = {__VA_ARGS__}
#define CASE(text, row, n, ...) {.name = #row " " text, .op = EBB_OP_##row, .operands = n, __VA_ARGS__}
#define LIST(...) {__VA_ARGS__}

#define EACH(name, n)                                                                                                  \
    CASE("17", name, n, .shape = LIST(S(17), S(17), S(17))), CASE("scalar", name, n, .shape = LIST(SCALAR)),           \
        CASE("matrix", name, n, .shape = LIST(S(3, 11), S(3, 11), S(3, 11))),                                          \
        CASE("0", name, n, .shape = LIST(S(0), S(0), S(0)))
#define DOT(text, x, y, ...) CASE(text, dot, 2, .shape = LIST(x, y), ATTR(__VA_ARGS__))
#define RANDOM(name)                                                                                                   \
    CASE("scalar", name, 1, .shape = {S(2)}), CASE("3", name, 1, .shape = {S(2)}, .asked = S(3)),                      \
        CASE("5,7", name, 1, .shape = {S(2)}, .asked = S(5, 7)), CASE("0", name, 1, .shape = {S(2)}, .asked = S(0))
#define REDUCE(name)                                                                                                   \
    CASE("all", name, 1, .shape = {S(3, 5)}, ATTR(0, 1)), CASE("no axis", name, 1, .shape = {S(2, 3)}),                \
        CASE("rows", name, 1, .shape = {S(4, 19)}, ATTR(1)), CASE("columns", name, 1, .shape = {S(5, 17)}, ATTR(0)),   \
        CASE("middle", name, 1, .shape = {S(2, 3, 4)}, ATTR(1)),                                                       \
        CASE("outer and inner", name, 1, .shape = {S(3, 4, 5)}, ATTR(0, 2)),                                           \
        CASE("one element", name, 1, .shape = {S(1)}, ATTR(0)), CASE("vector", name, 1, .shape = {S(70)}, ATTR(0)),    \
        CASE("to nothing", name, 1, .shape = {S(0, 3)}, ATTR(1)), CASE("scalar", name, 1, .shape = {SCALAR})
#define ALONG(name)                                                                                                    \
    CASE("last", name, 1, .shape = {S(3, 10)}, ATTR(1)), CASE("first", name, 1, .shape = {S(4, 9)}, ATTR(0)),          \
        CASE("middle", name, 1, .shape = {S(2, 3, 2)}, ATTR(1)), CASE("vector", name, 1, .shape = {S(33)}, ATTR(0)),   \
        CASE("one class", name, 1, .shape = {S(3, 1)}, ATTR(1)),                                                       \
        CASE("of nothing", name, 1, .shape = {S(3, 0)}, ATTR(1))

#define SCATTER(name)                                                                                                  \
    CASE("rows", name, 3, .shape = LIST(S(3, 2), S(7), S(7, 2)), ATTR(0)),                                             \
        CASE("columns", name, 3, .shape = LIST(S(2, 3), S(2), S(2, 2)), ATTR(1)),                                      \
        CASE("one", name, 3, .shape = LIST(S(4), SCALAR, SCALAR), ATTR(0)),                                            \
        CASE("none", name, 3, .shape = LIST(S(4, 3), S(0), S(0, 3)), ATTR(0)),                                         \
        CASE("middle", name, 3, .shape = LIST(S(2, 4, 3), S(5), S(2, 5, 3)), ATTR(1)),                                 \
        CASE("matrix", name, 3, .shape = LIST(S(9), S(2, 3), S(2, 3)), ATTR(0)),                                       \
        CASE("of no row", name, 3, .shape = LIST(S(3, 0), S(4), S(4, 0)), ATTR(0))

#define TOP(name)                                                                                                      \
    CASE("rows", name, 1, .shape = {S(4, 9)}, ATTR(1, 3)), CASE("columns", name, 1, .shape = {S(7, 4)}, ATTR(0, 1)),   \
        CASE("middle", name, 1, .shape = {S(2, 5, 3)}, ATTR(1, 2)),                                                    \
        CASE("all", name, 1, .shape = {S(17)}, ATTR(0, 17)), CASE("none", name, 1, .shape = {S(3, 2)}, ATTR(1, 0)),    \
        CASE("of nothing", name, 1, .shape = {S(0)}, ATTR(0, 0)),                                                      \
        CASE("ties", name, 1, .shape = {S(2, 90)}, ATTR(1, 50))

#define SQUARE(name)                                                                                                   \
    CASE("3", name, 1, .shape = {S(3, 3)}), CASE("1", name, 1, .shape = {S(1, 1)}),                                    \
        CASE("0", name, 1, .shape = {S(0, 0)}), CASE("5", name, 1, .shape = {S(5, 5)}),                                \
        CASE("20", name, 1, .shape = {S(20, 20)}), CASE("batch", name, 1, .shape = {S(2, 1, 3, 3)}),                   \
        CASE("no batch", name, 1, .shape = {S(0, 2, 2)})

#define OF_FACTORS(name)                                                                                               \
    CASE("3", name, 2, .shape = LIST(S(3, 3), S(4, 3))), CASE("1", name, 2, .shape = LIST(S(1, 1), S(2, 1))),          \
        CASE("0", name, 2, .shape = LIST(S(0, 0), S(1, 0))), CASE("5", name, 2, .shape = LIST(S(5, 5), S(6, 5))),      \
        CASE("batch", name, 2, .shape = LIST(S(2, 2, 2), S(2, 3, 2)))
#define TALL(name)                                                                                                     \
    SQUARE(name), CASE("4,2", name, 1, .shape = {S(4, 2)}), CASE("9,3", name, 1, .shape = {S(9, 3)}),                  \
        CASE("2 of 4,3", name, 1, .shape = {S(2, 4, 3)}), CASE("4,0", name, 1, .shape = {S(4, 0)})

const op_case op_cases[] = {
    CASE("17", iota, 0, .asked = S(17), ATTR(0)),
    CASE("0", iota, 0, .asked = S(0), ATTR(0)),
    CASE("rows", iota, 0, .asked = S(5, 3), ATTR(0)),
    CASE("columns", iota, 0, .asked = S(5, 33), ATTR(1)),
    CASE("middle", iota, 0, .asked = S(2, 3, 4), ATTR(1)),
    RANDOM(random_uniform),
    RANDOM(random_normal),
    RANDOM(random_truncated_normal),
    CASE("1001", random_truncated_normal, 1, .shape = {S(2)}, .asked = S(1001)),

    CASE("new axes", broadcast, 1, .shape = {S(3)}, .asked = S(2, 3, 2), ATTR(1)),
    CASE("stretched", broadcast, 1, .shape = {S(2, 1, 3)}, .asked = S(2, 4, 3), ATTR(0, 1, 2)),
    CASE("both", broadcast, 1, .shape = {S(1, 3)}, .asked = S(2, 5, 3), ATTR(1, 2)),
    CASE("column", broadcast, 1, .shape = {S(5)}, .asked = S(5, 9), ATTR(0)),
    CASE("scalar", broadcast, 1, .shape = {SCALAR}, .asked = S(2, 3)),
    CASE("to itself", broadcast, 1, .shape = {S(3)}, .asked = S(3), ATTR(0)),
    CASE("to nothing", broadcast, 1, .shape = {S(1)}, .asked = S(0), ATTR(0)),
    CASE("rank 8", broadcast, 1, .shape = {S(1, 2, 1, 2)}, .asked = S(1, 2, 1, 2, 2, 1, 2, 2), ATTR(0, 1, 2, 4)),
    CASE("2,6 to 3,4", reshape, 1, .shape = {S(2, 6)}, .asked = S(3, 4)),
    CASE("to a vector", reshape, 1, .shape = {S(3, 1, 5)}, .asked = S(15)),
    CASE("to a scalar", reshape, 1, .shape = {S(1, 1)}, .asked = SCALAR),
    CASE("from a scalar", reshape, 1, .shape = {SCALAR}, .asked = S(1, 1, 1)),
    CASE("of nothing", reshape, 1, .shape = {S(0, 3)}, .asked = S(7, 0)),
    CASE("2,3,4", transpose, 1, .shape = {S(2, 3, 4)}, ATTR(2, 0, 1)),
    CASE("matrix", transpose, 1, .shape = {S(7, 9)}, ATTR(1, 0)),
    CASE("scalar", transpose, 1, .shape = {SCALAR}),
    CASE("swap", transpose, 1, .shape = {S(2, 3, 2, 3)}, ATTR(0, 3, 2, 1)),
    CASE("of nothing", transpose, 1, .shape = {S(0, 2)}, ATTR(1, 0)),
    CASE("inside", slice, 1, .shape = {S(5, 6)}, .asked = S(3, 4), ATTR(1, 2, 1, 1)),
    CASE("in steps", slice, 1, .shape = {S(7, 20)}, .asked = S(3, 7), ATTR(1, 0, 2, 3)),
    CASE("all", slice, 1, .shape = {S(5)}, .asked = S(5), ATTR(0, 1)),
    CASE("nothing", slice, 1, .shape = {S(4)}, .asked = S(0), ATTR(4, 1)),
    CASE("last", slice, 1, .shape = {S(9)}, .asked = S(1), ATTR(8, 1)),
    CASE("rows", reverse, 1, .shape = {S(4, 5)}, ATTR(0)),
    CASE("columns", reverse, 1, .shape = {S(3, 19)}, ATTR(1)),
    CASE("both", reverse, 1, .shape = {S(2, 3)}, ATTR(0, 1)),
    CASE("middle", reverse, 1, .shape = {S(2, 5, 3)}, ATTR(1)),
    CASE("vector", reverse, 1, .shape = {S(70)}, ATTR(0)),
    CASE("no axis", reverse, 1, .shape = {S(5)}),
    CASE("one", reverse, 1, .shape = {S(1, 3)}, ATTR(0)),
    CASE("of nothing", reverse, 1, .shape = {S(0, 2)}, ATTR(0, 1)),
    CASE("scalar", reverse, 1, .shape = {SCALAR}),
    CASE("rank 8", reverse, 1, .shape = {S(2, 1, 2, 1, 2, 1, 1, 3)}, ATTR(0, 4, 7)),
    CASE("vector", windows, 1, .shape = {S(19)}, ATTR(0, 3, 1, 1)),
    CASE("stride", windows, 1, .shape = {S(19)}, ATTR(0, 4, 3, 1)),
    CASE("dilation", windows, 1, .shape = {S(20)}, ATTR(0, 3, 1, 4)),
    CASE("gaps", windows, 1, .shape = {S(3, 17)}, ATTR(1, 2, 5, 2)),
    CASE("middle", windows, 1, .shape = {S(2, 7, 3)}, ATTR(1, 3, 2, 2)),
    CASE("rows", windows, 1, .shape = {S(6, 18)}, ATTR(0, 2, 2, 1)),
    CASE("whole", windows, 1, .shape = {S(5, 2)}, ATTR(0, 5, 7, 1)),
    CASE("one each", windows, 1, .shape = {S(5, 2)}, ATTR(0, 1, 1, 3)),
    CASE("one of two", windows, 1, .shape = {S(2, 5)}, ATTR(1, 1, 2, 3)),
    CASE("of one", windows, 1, .shape = {S(1)}, ATTR(0, 1, 1, 1)),
    CASE("of nothing", windows, 1, .shape = {S(0, 4)}, ATTR(1, 2, 1, 1)),
    CASE("rank 8", windows, 1, .shape = {S(2, 1, 2, 1, 5, 1, 2)}, ATTR(4, 2, 1, 2)),
    CASE("vector", overlap_add, 1, .shape = {S(17, 3)}, ATTR(0, 19, 1, 1)),
    CASE("stride", overlap_add, 1, .shape = {S(6, 4)}, ATTR(0, 19, 3, 1)),
    CASE("dilation", overlap_add, 1, .shape = {S(12, 3)}, ATTR(0, 20, 1, 4)),
    CASE("gaps", overlap_add, 1, .shape = {S(3, 3, 2)}, ATTR(1, 17, 5, 2)),
    CASE("middle", overlap_add, 1, .shape = {S(2, 2, 3, 17)}, ATTR(1, 7, 2, 2)),
    CASE("whole", overlap_add, 1, .shape = {S(1, 5, 2)}, ATTR(0, 5, 7, 1)),
    CASE("one each", overlap_add, 1, .shape = {S(5, 1, 2)}, ATTR(0, 5, 1, 3)),
    CASE("one of two", overlap_add, 1, .shape = {S(2, 3, 1)}, ATTR(1, 6, 2, 3)),
    CASE("of nothing", overlap_add, 1, .shape = {S(0, 3, 2)}, ATTR(1, 4, 1, 1)),
    CASE("vectors", concat, 2, .shape = LIST(S(5), S(17)), ATTR(0)),
    CASE("rows", concat, 2, .shape = LIST(S(2, 3), S(4, 3)), ATTR(0)),
    CASE("columns", concat, 2, .shape = LIST(S(3, 2), S(3, 9)), ATTR(1)),
    CASE("middle", concat, 2, .shape = LIST(S(2, 1, 3), S(2, 4, 3)), ATTR(1)),
    CASE("nothing first", concat, 2, .shape = LIST(S(0, 3), S(2, 3)), ATTR(0)),
    CASE("nothing second", concat, 2, .shape = LIST(S(2, 3), S(2, 0)), ATTR(1)),
    CASE("of nothing", concat, 2, .shape = LIST(S(0, 3), S(0, 2)), ATTR(1)),
    CASE("around", pad, 1, .shape = {S(2, 3)}, ATTR(1, 0, 0, 2, 0, 0)),
    CASE("gaps", pad, 1, .shape = {S(3, 2)}, ATTR(1, 2, 0, 1, 2, 1)),
    CASE("none", pad, 1, .shape = {S(17)}, ATTR(0, 0, 0)),
    CASE("nothing", pad, 1, .shape = {S(0)}, ATTR(2, 3, 1)),
    CASE("scalar", pad, 1, .shape = {SCALAR}),
    REDUCE(sum),
    CASE("nothing", sum, 1, .shape = {S(0, 3)}, ATTR(0)),
    CASE("long", sum, 1, .shape = {S(5000)}, ATTR(0)),
    CASE("tall", sum, 1, .shape = {S(300, 3)}, ATTR(0)),
    REDUCE(reduce_max),
    CASE("rows", argmax, 1, .shape = {S(4, 9)}, ATTR(1)),
    CASE("columns", argmax, 1, .shape = {S(9, 4)}, ATTR(0)),
    CASE("middle", argmax, 1, .shape = {S(2, 5, 3)}, ATTR(1)),
    CASE("vector", argmax, 1, .shape = {S(33)}, ATTR(0)),
    CASE("to nothing", argmax, 1, .shape = {S(0, 4)}, ATTR(1)),
    ALONG(argsort),
    CASE("ties", argsort, 1, .shape = {S(2, 300)}, ATTR(1)),
    DOT("0,0", S(2, 3), S(3, 4), 0, 0),
    DOT("0,1", S(2, 3), S(4, 3), 0, 1),
    DOT("1,0", S(3, 2), S(3, 4), 1, 0),
    DOT("1,1", S(3, 2), S(4, 3), 1, 1),
    DOT("row", S(1, 5), S(5, 3), 0, 0),
    DOT("column", S(4, 5), S(5, 1), 0, 0),
    DOT("inner", S(1, 17), S(17, 1), 0, 0),
    DOT("outer", S(5, 1), S(1, 7), 0, 0),
    DOT("batch", S(3, 2, 5), S(3, 5, 3), 0, 0),
    DOT("batch transposed", S(2, 5, 3), S(2, 4, 5), 1, 1),
    DOT("two batches", S(2, 2, 1, 3), S(2, 2, 3, 2), 0, 0),
    DOT("over nothing", S(2, 0), S(0, 3), 0, 0),
    DOT("of nothing", S(0, 2), S(2, 3), 0, 0),
    CASE("rows", gather, 2, .shape = {S(3, 2), S(7)}, ATTR(0)),
    CASE("columns", gather, 2, .shape = {S(2, 3), S(2, 2)}, ATTR(1)),
    CASE("one", gather, 2, .shape = {S(4), SCALAR}, ATTR(0)),
    CASE("none", gather, 2, .shape = {S(4, 3), S(0)}, ATTR(0)),
    CASE("middle", gather, 2, .shape = {S(2, 4, 3), S(5)}, ATTR(1)),
    SCATTER(scatter_add),
    SCATTER(scatter_max),
    SCATTER(scatter_min),
    SCATTER(scatter_update),
    CASE("3", check_index, 1, .shape = {S(3)}, ATTR(5)),
    CASE("matrix", check_index, 1, .shape = {S(7, 9)}, ATTR(4)),
    CASE("scalar", check_index, 1, .shape = {SCALAR}, ATTR(1)),
    CASE("none", check_index, 1, .shape = {S(0)}, ATTR(0)),

    TOP(top_k),
    TOP(arg_top_k),
    CASE("vector", searchsorted, 2, .shape = {S(9), S(30)}, ATTR(0)),
    CASE("vector, right", searchsorted, 2, .shape = {S(9), S(30)}, ATTR(1)),
    CASE("batch", searchsorted, 2, .shape = {S(3, 5), S(3, 2, 4)}, ATTR(0)),
    CASE("batch, right", searchsorted, 2, .shape = {S(2, 2, 7), S(2, 2, 4)}, ATTR(1)),
    CASE("one each", searchsorted, 2, .shape = {S(4, 3), S(4)}, ATTR(1)),
    CASE("scalar", searchsorted, 2, .shape = {S(4), SCALAR}, ATTR(0)),
    CASE("in nothing", searchsorted, 2, .shape = {S(0), S(3)}, ATTR(0)),
    CASE("nothing", searchsorted, 2, .shape = {S(3), S(0)}, ATTR(1)),
    CASE("rows", dynamic_slice, 2, .shape = {S(9, 3), S(2)}, ATTR(2, 3)),
    CASE("block", dynamic_slice, 2, .shape = {S(5, 6, 4), S(3)}, ATTR(2, 6, 3)),
    CASE("vector", dynamic_slice, 2, .shape = {S(40), S(1)}, ATTR(17)),
    CASE("all", dynamic_slice, 2, .shape = {S(3), S(1)}, ATTR(3)),
    CASE("nothing", dynamic_slice, 2, .shape = {S(3, 2), S(2)}, ATTR(0, 1)),
    CASE("of nothing", dynamic_slice, 2, .shape = {S(0, 2), S(2)}, ATTR(0, 1)),
    CASE("scalar", dynamic_slice, 2, .shape = {SCALAR, S(0)}),
    CASE("rows", dynamic_update, 3, .shape = {S(9, 3), S(2), S(2, 3)}),
    CASE("block", dynamic_update, 3, .shape = {S(5, 6, 4), S(3), S(2, 6, 3)}),
    CASE("vector", dynamic_update, 3, .shape = {S(40), S(1), S(17)}),
    CASE("all", dynamic_update, 3, .shape = {S(3), S(1), S(3)}),
    CASE("nothing", dynamic_update, 3, .shape = {S(3, 2), S(2), S(0, 1)}),
    CASE("of nothing", dynamic_update, 3, .shape = {S(0, 2), S(2), S(0, 1)}),
    CASE("scalar", dynamic_update, 3, .shape = {SCALAR, S(0), SCALAR}),

    CASE("lower", triangular_solve, 2, .shape = LIST(S(3, 3), S(3, 2)), ATTR(0, 0, 0)),
    CASE("upper", triangular_solve, 2, .shape = LIST(S(4, 4), S(4, 1)), ATTR(0, 1, 0)),
    CASE("lower unit", triangular_solve, 2, .shape = LIST(S(3, 3), S(3, 2)), ATTR(0, 0, 1)),
    CASE("upper unit", triangular_solve, 2, .shape = LIST(S(3, 3), S(3, 2)), ATTR(0, 1, 1)),
    CASE("lower transposed", triangular_solve, 2, .shape = LIST(S(3, 3), S(3, 2)), ATTR(1, 0, 0)),
    CASE("upper transposed", triangular_solve, 2, .shape = LIST(S(5, 5), S(5, 2)), ATTR(1, 1, 0)),
    CASE("lower unit transposed", triangular_solve, 2, .shape = LIST(S(3, 3), S(3, 2)), ATTR(1, 0, 1)),
    CASE("upper unit transposed", triangular_solve, 2, .shape = LIST(S(2, 2), S(2, 2)), ATTR(1, 1, 1)),
    CASE("20", triangular_solve, 2, .shape = LIST(S(20, 20), S(20, 7)), ATTR(0, 0, 0)),
    CASE("batch", triangular_solve, 2, .shape = LIST(S(2, 3, 2, 2), S(2, 3, 2, 3)), ATTR(0, 0, 0)),
    CASE("0", triangular_solve, 2, .shape = LIST(S(0, 0), S(0, 3)), ATTR(0, 0, 0)),
    CASE("no right side", triangular_solve, 2, .shape = LIST(S(3, 3), S(3, 0)), ATTR(0, 0, 0)),
    SQUARE(lu),
    CASE("3", lu_solve, 3, .shape = LIST(S(3, 3), S(4, 3), S(3, 2)), ATTR(0)),
    CASE("3 transposed", lu_solve, 3, .shape = LIST(S(3, 3), S(4, 3), S(3, 2)), ATTR(1)),
    CASE("1", lu_solve, 3, .shape = LIST(S(1, 1), S(2, 1), S(1, 1)), ATTR(0)),
    CASE("20", lu_solve, 3, .shape = LIST(S(20, 20), S(21, 20), S(20, 3)), ATTR(0)),
    CASE("20 transposed", lu_solve, 3, .shape = LIST(S(20, 20), S(21, 20), S(20, 3)), ATTR(1)),
    CASE("batch", lu_solve, 3, .shape = LIST(S(2, 2, 2), S(2, 3, 2), S(2, 2, 3)), ATTR(0)),
    CASE("0", lu_solve, 3, .shape = LIST(S(0, 0), S(1, 0), S(0, 2)), ATTR(0)),
    SQUARE(cholesky),
    SQUARE(cofactor),
    OF_FACTORS(lu_det),
    OF_FACTORS(lu_logdet),
    OF_FACTORS(lu_sign),
    TALL(qr),
    SQUARE(eigh),
    TALL(svd),
    SQUARE(inv),
    SQUARE(det),
    SQUARE(logdet),
    SQUARE(det_sign),
    CASE("3", solve, 2, .shape = LIST(S(3, 3), S(3, 2)), ATTR(0)),
    CASE("3 transposed", solve, 2, .shape = LIST(S(3, 3), S(3, 2)), ATTR(1)),
    CASE("5", solve, 2, .shape = LIST(S(5, 5), S(5, 1)), ATTR(0)),
    CASE("20", solve, 2, .shape = LIST(S(20, 20), S(20, 3)), ATTR(0)),
    CASE("batch", solve, 2, .shape = LIST(S(2, 2, 2), S(2, 2, 3)), ATTR(0)),
    CASE("0", solve, 2, .shape = LIST(S(0, 0), S(0, 2)), ATTR(0)),
    EACH(digamma, 1),
    EACH(sinc, 1),
    EACH(xlogy, 2),
    EACH(divide_no_nan, 2),
    EACH(squared_difference, 2),
    EACH(clip, 3),

    REDUCE(mean),
    REDUCE(variance),
    REDUCE(deviation),
    REDUCE(prod),
    CASE("nothing", prod, 1, .shape = {S(0, 3)}, ATTR(0)),
    CASE("rank 8", prod, 1, .shape = {S(1, 2, 1, 3, 1, 1, 2, 1)}, ATTR(1, 3, 6)),
    REDUCE(reduce_min),
    REDUCE(reduce_all),
    CASE("nothing", reduce_all, 1, .shape = {S(0, 3)}, ATTR(0)),
    CASE("few", reduce_all, 1, .shape = {S(40, 2)}, ATTR(1)),
    REDUCE(reduce_any),
    CASE("nothing", reduce_any, 1, .shape = {S(0, 3)}, ATTR(0)),
    CASE("few", reduce_any, 1, .shape = {S(40, 2)}, ATTR(1)),
    CASE("rows", argmin, 1, .shape = {S(4, 9)}, ATTR(1)),
    CASE("middle", argmin, 1, .shape = {S(2, 5, 3)}, ATTR(1)),
    CASE("to nothing", argmin, 1, .shape = {S(0, 4)}, ATTR(1)),
    ALONG(cumsum),
    CASE("rank 8", cumsum, 1, .shape = {S(1, 2, 1, 5, 1, 1, 2, 1)}, ATTR(3)),
    CASE("no rows", cumsum, 1, .shape = {S(0, 3)}, ATTR(1)),
    ALONG(cumprod),
    CASE("rank 8", cumprod, 1, .shape = {S(1, 2, 1, 5, 1, 1, 2, 1)}, ATTR(3)),
    ALONG(sort),
    CASE("no rows", sort, 1, .shape = {S(0, 3)}, ATTR(1)),
    CASE("ties", sort, 1, .shape = {S(2, 90)}, ATTR(1)),
    REDUCE(logsumexp),
    REDUCE(norm),
    ALONG(softmax),
    ALONG(log_softmax),
    CASE("rows", sparse_softmax_cross_entropy, 2, .shape = {S(5, 10), S(5)}),
    CASE("one", sparse_softmax_cross_entropy, 2, .shape = {S(3), SCALAR}),
    CASE("batches", sparse_softmax_cross_entropy, 2, .shape = {S(2, 3, 4), S(2, 3)}),
    CASE("one class", sparse_softmax_cross_entropy, 2, .shape = {S(3, 1), S(3)}),
    CASE("no rows", sparse_softmax_cross_entropy, 2, .shape = {S(0, 4), S(0)}),
};
const int op_case_count = sizeof op_cases / sizeof *op_cases;

op_case op_case_point(ebb_op op, int64_t n, ebb_dtype to) {
    op_case c = {.name = ebb_op_table[op].name, .op = op, .operands = ebb_op_table[op].arity, .to = to};
    for (int k = 0; n >= 0 && k < c.operands; k++)
        c.shape[k] = (ebb_shape){1, {n}};
    return c;
}

/* ---- dtypes ---- */

static ebb_dtype operand_dtype(ebb_op op, int k, ebb_dtype dtype, ebb_dtype index) {
    switch (op) {
    case EBB_OP_random_uniform:
    case EBB_OP_random_normal:
    case EBB_OP_random_truncated_normal:
        return EBB_I64;
    case EBB_OP_select:
        return k == 0 ? EBB_BOOL : dtype;
    case EBB_OP_check_index:
        return index;
    case EBB_OP_gather:
    case EBB_OP_scatter_add:
    case EBB_OP_scatter_max:
    case EBB_OP_scatter_min:
    case EBB_OP_scatter_update:
    case EBB_OP_dynamic_slice:
    case EBB_OP_dynamic_update:
    case EBB_OP_sparse_softmax_cross_entropy:
        return k == 1 ? index : dtype;
    default:
        return dtype;
    }
}

bool op_use_of(const op_case *c, ebb_dtype dtype, ebb_dtype index, op_use *use) {
    ebb_diag diag = {.code = EBB_OK};
    *use = (op_use){.c = c};
    for (int k = 0; k < c->operands; k++)
        use->operand[k] = (ebb_type){operand_dtype(c->op, k, dtype, index), c->shape[k]};
    use->app = (ebb_application){.op = c->op, .nattr = c->nattr, .attr = c->attr};
    use->app.asked = (ebb_type){c->to ? c->to : dtype, c->asked};
    return ebb_infer(&diag, &use->app, c->operands, use->operand, &use->result);
}

const char *op_use_text(const op_use *use) {
    static char text[200];
    char type[EBB_TYPE_TEXT];
    const ebb_type *shown = use->c->operands ? &use->operand[use->c->operands - 1] : &use->result;
    snprintf(text, sizeof text, "%s of %s -> %s", use->c->name, ebb_type_text(shown, type),
             ebb_dtype_short(use->result.dtype));
    return text;
}

/* ---- numbers ---- */

/* Numbers below this, where an operand is an index or a label. */
static double places(const op_use *use) {
    if (use->c->op == EBB_OP_check_index) return (double)use->c->attr[0];
    if (use->c->op == EBB_OP_dynamic_slice || use->c->op == EBB_OP_dynamic_update) return 7; /* outside too */
    const ebb_shape *x = &use->operand[0].shape;
    return (double)x->dim[use->c->nattr ? use->c->attr[0] : x->rank - 1];
}

static bool is_random(ebb_op op) { return op >= EBB_OP_random_uniform && op <= EBB_OP_random_truncated_normal; }

static void range_of(const op_use *use, int k, double *low, double *high) {
    if (ebb_is_float(use->operand[k].dtype)) {
        op_domain(use->c->op, k, low, high);
    } else if (operand_dtype(use->c->op, k, EBB_NONE, EBB_I64) == EBB_I64 && !is_random(use->c->op)) {
        *low = 0, *high = places(use);
    } else {
        *low = use->operand[k].dtype == EBB_BOOL ? 0 : -100, *high = use->operand[k].dtype == EBB_BOOL ? 2 : 100;
    }
}

/* Comparisons get few different numbers, so that equal ones come up. */
static bool is_comparison(ebb_op op) { return op >= EBB_OP_eq && op <= EBB_OP_ge; }

bool op_is_order(ebb_op op, int k) { return k == 0 && (op == EBB_OP_polygamma || op == EBB_OP_sinc_slope); }

static int rising(const void *a, const void *b) {
    const quad x = *(const quad *)a, y = *(const quad *)b;
    return (x > y) - (x < y);
}

/* The lines that are searched are sorted; whole numbers, so that values meet equal ones. */
static void sort_lines(quad_tensor *x) {
    const int64_t n = x->type.shape.dim[x->type.shape.rank - 1];
    for (int64_t i = 0; n && i < x->size; i += n)
        qsort(x->at + i, (size_t)n, sizeof *x->at, rising);
}

/* ---- matrices ---- */

bool op_is_of_matrix(ebb_op op) {
    return (op >= EBB_OP_triangular_solve && op <= EBB_OP_svd) || (op >= EBB_OP_inv && op <= EBB_OP_det_sign) ||
           op == EBB_OP_solve;
}

/* Small elements beside a diagonal of 2: far from singular, and the symmetric part is positive definite. Where it
 * matters that eigenvalues differ, the diagonal is 1, 2, ... */
static void add_diagonal(ebb_op op, quad_tensor *x) {
    const int rank = x->type.shape.rank;
    const int64_t m = x->type.shape.dim[rank - 2], n = x->type.shape.dim[rank - 1];
    for (int64_t e = 0; e < x->size; e++)
        if (e / n % m == e % n) x->at[e] += op == EBB_OP_eigh || op == EBB_OP_svd ? (quad)(e % n + 1) : 2;
}

static bool is_of_factors(ebb_op op) { return op >= EBB_OP_lu_det && op <= EBB_OP_lu_sign; }

/* What is factored before, always the same matrix: operand 0, or its factors. */
static void fill_factored(const op_use *use, int k, quad_tensor *x) {
    quad_tensor a = quad_new(use->operand[0]);
    op_use alone = *use;
    op_case c = {.op = EBB_OP_lu};
    alone.c = &c;
    op_fill_operand(&alone, 0, 1, &a);
    if (k == 1) quad_apply(&(quad_call){&(ebb_application){.op = EBB_OP_lu}, &a, x});
    for (int64_t e = 0; k == 0 && e < x->size; e++)
        x->at[e] = a.at[e];
    quad_free(&a);
}

void op_fill_operand(const op_use *use, int k, uint64_t seed, quad_tensor *x) {
    double low, high, value;
    if ((use->c->op == EBB_OP_lu_solve || is_of_factors(use->c->op)) && k < 2) {
        fill_factored(use, k, x);
        return;
    }
    bool few = is_comparison(use->c->op) && x->type.dtype != EBB_BOOL;
    range_of(use, k, &low, &high);
    for (int64_t e = 0; e < x->size; e++) {
        fill_uniform(seed * 1000003 + (uint64_t)k * 7919 + (uint64_t)e * 104729, low, high, 1, &value);
        if (few) value = floor(value / high * 3);
        if (op_is_order(use->c->op, k)) value = floor(value);
        x->at[e] = ebb_is_float(x->type.dtype) ? (quad)value : (quad)(int64_t)value;
        if (use->c->op == EBB_OP_searchsorted) x->at[e] = (int64_t)value;
        if (x->type.dtype == EBB_F32) x->at[e] = (float)x->at[e];
    }
    if (use->c->op == EBB_OP_searchsorted && k == 0) sort_lines(x);
    if (op_is_of_matrix(use->c->op) && k == 0) add_diagonal(use->c->op, x);
}

void op_fill_direction(uint64_t seed, quad_tensor *x) {
    double value;
    for (int64_t e = 0; e < x->size; e++) {
        fill_uniform(seed * 1000033 + (uint64_t)e * 104729, -1, 1, 1, &value);
        x->at[e] = x->type.dtype == EBB_F32 ? (float)value : value;
    }
}
