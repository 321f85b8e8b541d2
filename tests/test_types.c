/* test_types.c - the type rules: applications with the type they must have, or the whole message they must give. */
#include "support/small_graph.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(types, .init = small_graph_start, .fini = small_graph_stop);

typedef struct rule_case {
    ebb_op op;
    const char *arg[4];
    const char *asked;
    const char *attr; /* "0 1" */
    const char *want; /* a type, or the whole message */
    ebb_code code;
} rule_case;

#define GOOD(name, args, asked, attr, want) {EBB_OP_##name, {EXPAND args}, asked, attr, want, EBB_OK}
#define BAD(name, args, asked, attr, code, want) {EBB_OP_##name, {EXPAND args}, asked, attr, want, EBB_##code}
#define EXPAND(...) __VA_ARGS__
#define NONE (NULL)

static const rule_case rules[] = {
    /* sources */
    GOOD(input, NONE, "f32[2,n0]", "0", "f32[2,n0]"),
    GOOD(input, NONE, "bool[1,2,3,4,5,6,7,8]", "3", "bool[1,2,3,4,5,6,7,8]"),
    GOOD(input, NONE, "f64[17592186044416,0]", "0", "f64[17592186044416,0]"),
    BAD(input, NONE, "x[2]", "0", TYPE_ERROR, "input: no dtype is asked for"),
    BAD(input, NONE, "f32[-9999999999]", "0", VALUE_ERROR, "input: size -9999999999 of axis 0 is negative"),
    BAD(input, NONE, "f64[4194304,4194305]", "0", VALUE_ERROR, "input: f64[4194304,4194305] is too large"),
    BAD(input, NONE, "f64[n0,9223372036854775807,2]", "0", VALUE_ERROR,
        "input: f64[n0,9223372036854775807,2] is too large"),
    BAD(input, NONE, "i32[0,9223372036854775807]", "0", VALUE_ERROR, "input: i32[0,9223372036854775807] is too large"),
    BAD(input, NONE, "f32[]", "-1", INDEX_ERROR, "input: parameter number is negative"),
    BAD(input, NONE, "f32[]", "", VALUE_ERROR, "input: takes 1 attributes, got 0"),
    GOOD(constant, NONE, "f32[2]", "5", "f32[2]"),
    GOOD(constant, NONE, "f32[0]", "", "f32[0]"),
    GOOD(constant, NONE, "bool[8]", "72340172838076673", "bool[8]"),
    BAD(constant, NONE, "bool[8]", "2", VALUE_ERROR, "constant: element 0 is neither false nor true"),
    BAD(constant, NONE, "f32[1]", "4294967296", VALUE_ERROR, "constant: the payload is longer than its elements"),
    BAD(constant, NONE, "f32[65]", "0", VALUE_ERROR, "constant: f32[65] has more than 64 elements"),
    BAD(constant, NONE, "f32[n3]", "0", VALUE_ERROR, "constant: f32[n3] has more than 64 elements"),
    BAD(constant, NONE, "f64[2]", "0", VALUE_ERROR, "constant: takes 2 attributes, got 1"),
    GOOD(iota, NONE, "i64[3,n1]", "1", "i64[3,n1]"),
    BAD(iota, NONE, "f32[3]", "1", INDEX_ERROR, "iota: axis 1 is out of range for [3]"),
    BAD(iota, NONE, "f32[]", "0", INDEX_ERROR, "iota: axis 0 is out of range for []"),
    BAD(iota, NONE, "bool[3]", "0", TYPE_ERROR, "iota: result is bool[3]; it needs i32, i64, f32 or f64"),
    GOOD(random_uniform, ("i64[2]"), "f32[3]", "", "f32[3]"),
    BAD(random_normal, ("i32[2]"), "f32[3]", "", TYPE_ERROR, "random_normal: key is i32[2]; it needs i64[2]"),
    BAD(random_normal, ("i64[2]"), "i32[3]", "", TYPE_ERROR, "random_normal: result is i32[3]; it needs f32 or f64"),
    /* point operations */
    GOOD(neg, ("i32[3]"), "", "", "i32[3]"),
    GOOD(neg, ("f32[n0,3]"), "", "", "f32[n0,3]"),
    BAD(neg, ("bool[3]"), "", "", TYPE_ERROR, "neg: operand is bool[3]; it needs i32, i64, f32 or f64"),
    BAD(neg, ("f32[3]"), "", "1", VALUE_ERROR, "neg: takes 0 attributes, got 1"),
    BAD(neg, ("f32[3]", "f32[3]"), "", "", VALUE_ERROR, "neg: takes 1 operands, got 2"),
    GOOD(sqrt, ("f64[]"), "", "", "f64[]"),
    BAD(sqrt, ("i32[3]"), "", "", TYPE_ERROR, "sqrt: operand is i32[3]; it needs f32 or f64"),
    GOOD(add, ("i64[2,3]", "i64[2,3]"), "", "", "i64[2,3]"),
    GOOD(add, ("f32[n0]", "f32[n0]"), "", "", "f32[n0]"),
    BAD(add, ("f32[n0]", "f32[n1]"), "", "", VALUE_ERROR, "add: operands f32[n0] and f32[n1] differ in shape"),
    BAD(add, ("f32[3]", "f32[4]"), "", "", VALUE_ERROR, "add: operands f32[3] and f32[4] differ in shape"),
    BAD(add, ("f32[3]", "f32[]"), "", "", VALUE_ERROR, "add: operands f32[3] and f32[] differ in shape"),
    BAD(add, ("f32[3]", "f64[3]"), "", "", TYPE_ERROR, "add: operands f32[3] and f64[3] differ in dtype"),
    BAD(div, ("i32[3]", "i32[3]"), "", "", TYPE_ERROR, "div: operand is i32[3]; it needs f32 or f64"),
    GOOD(eq, ("bool[2]", "bool[2]"), "", "", "bool[2]"),
    GOOD(lt, ("f64[2]", "f64[2]"), "", "", "bool[2]"),
    BAD(lt, ("bool[2]", "bool[2]"), "", "", TYPE_ERROR, "lt: operand is bool[2]; it needs i32, i64, f32 or f64"),
    GOOD(logical_and, ("bool[2]", "bool[2]"), "", "", "bool[2]"),
    BAD(logical_not, ("f32[2]"), "", "", TYPE_ERROR, "logical_not: operand is f32[2]; it needs bool"),
    GOOD(select, ("bool[2]", "i32[2]", "i32[2]"), "", "", "i32[2]"),
    GOOD(select, ("bool[2]", "bool[2]", "bool[2]"), "", "", "bool[2]"),
    BAD(select, ("i32[2]", "i32[2]", "i32[2]"), "", "", TYPE_ERROR, "select: condition is i32[2]; it needs bool"),
    BAD(select, ("bool[2]", "i32[2]", "f32[2]"), "", "", TYPE_ERROR,
        "select: operands i32[2] and f32[2] differ in dtype"),
    BAD(select, ("bool[]", "i32[2]", "i32[2]"), "", "", VALUE_ERROR,
        "select: condition bool[] and operands i32[2] differ in shape"),
    GOOD(cast, ("bool[2,n0]"), "f64[]", "", "f64[2,n0]"),
    BAD(cast, ("bool[2]"), "", "", TYPE_ERROR, "cast: no dtype is asked for"),
    GOOD(stop_gradient, ("bool[2]"), "", "", "bool[2]"),
    /* views */
    GOOD(broadcast, ("f32[]"), "[2,3]", "", "f32[2,3]"),
    GOOD(broadcast, ("i32[3,1]"), "[2,3,4]", "1 2", "i32[2,3,4]"),
    GOOD(broadcast, ("f32[n0]"), "[2,n0]", "1", "f32[2,n0]"),
    BAD(broadcast, ("f32[3]"), "[2,4]", "1", VALUE_ERROR,
        "broadcast: [3] does not fit [2,4]: axis 0 does not stretch over axis 1"),
    BAD(broadcast, ("f32[n0]"), "[5]", "0", VALUE_ERROR,
        "broadcast: [n0] does not fit [5]: axis 0 does not stretch over axis 0"),
    BAD(broadcast, ("f32[2,2]"), "[2,2]", "1 0", VALUE_ERROR, "broadcast: axes are not in rising order"),
    BAD(broadcast, ("f32[2]"), "[2,2]", "2", INDEX_ERROR, "broadcast: axis 2 is out of range for [2,2]"),
    BAD(broadcast, ("f32[2]"), "[2,2]", "", VALUE_ERROR, "broadcast: takes 1 attributes, got 0"),
    BAD(broadcast, ("f64[]"), "[140737488355328]", "", VALUE_ERROR, "broadcast: f64[140737488355328] is too large"),
    GOOD(reshape, ("f32[2,3]"), "[6]", "", "f32[6]"),
    GOOD(reshape, ("f32[1]"), "[]", "", "f32[]"),
    GOOD(reshape, ("f32[n0,6,n1]"), "[n1,2,n0,3]", "", "f32[n1,2,n0,3]"),
    GOOD(reshape, ("f32[0,3]"), "[7,0]", "", "f32[7,0]"),
    BAD(reshape, ("f32[2,3]"), "[4]", "", VALUE_ERROR, "reshape: [2,3] and [4] differ in number of elements"),
    BAD(reshape, ("f32[n0,2]"), "[n1,2]", "", VALUE_ERROR, "reshape: [n0,2] and [n1,2] differ in number of elements"),
    BAD(reshape, ("f32[n0]"), "[n0,n0]", "", VALUE_ERROR, "reshape: [n0] and [n0,n0] differ in number of elements"),
    GOOD(transpose, ("f32[2,3,n0]"), "", "2 0 1", "f32[n0,2,3]"),
    GOOD(transpose, ("f32[]"), "", "", "f32[]"),
    BAD(transpose, ("f32[2,3]"), "", "0 0", VALUE_ERROR, "transpose: axis 0 appears twice"),
    BAD(transpose, ("f32[2,3]"), "", "0 2", INDEX_ERROR, "transpose: axis 2 is out of range for [2,3]"),
    BAD(transpose, ("f32[2,3]"), "", "0 -1", INDEX_ERROR, "transpose: axis -1 is out of range for [2,3]"),
    GOOD(slice, ("f32[10,n0]"), "[3,n0]", "1 0 4 1", "f32[3,n0]"),
    GOOD(slice, ("f32[10]"), "[0]", "10 1", "f32[0]"),
    GOOD(slice, ("f32[n0]"), "[2]", "3 1", "f32[2]"),
    BAD(slice, ("f32[10]"), "[3]", "2 4", INDEX_ERROR,
        "slice: [3] from start 2 in steps of 4 on axis 0 lies outside [10]"),
    BAD(slice, ("f32[10]"), "[3]", "-1 1", INDEX_ERROR,
        "slice: [3] from start -1 in steps of 1 on axis 0 lies outside [10]"),
    BAD(slice, ("f32[10]"), "[3]", "0 0", INDEX_ERROR,
        "slice: [3] from start 0 in steps of 0 on axis 0 lies outside [10]"),
    BAD(slice, ("f32[10]"), "[3]", "1 9223372036854775807", INDEX_ERROR,
        "slice: [3] from start 1 in steps of 9223372036854775807 on axis 0 lies outside [10]"),
    BAD(slice, ("f32[10]"), "[n0]", "0 1", INDEX_ERROR,
        "slice: [n0] from start 0 in steps of 1 on axis 0 lies outside [10]"),
    BAD(slice, ("f32[10]"), "[3,1]", "0 1", VALUE_ERROR, "slice: [10] and [3,1] differ in rank"),
    GOOD(pad, ("f32[3,n0]"), "", "1 0 2 0 3 0", "f32[12,n0]"),
    GOOD(pad, ("bool[0]"), "", "1 2 9", "bool[3]"),
    BAD(pad, ("f32[3]"), "", "1 -2 0", VALUE_ERROR, "pad: a width on axis 0 is negative"),
    BAD(pad, ("f32[n0]"), "", "1 0 0", VALUE_ERROR, "pad: the padded size of axis 0 of [n0] is not known"),
    BAD(pad, ("f32[3]"), "", "0 0 9223372036854775807", VALUE_ERROR,
        "pad: the padded size of axis 0 of [3] is too large"),
    BAD(pad, ("f32[3]"), "", "0 9223372036854775800 0", VALUE_ERROR, "pad: f32[9223372036854775803] is too large"),
    GOOD(reverse, ("bool[3,n0]"), "", "0 1", "bool[3,n0]"),
    GOOD(reverse, ("f32[]"), "", "", "f32[]"),
    BAD(reverse, ("f32[2,3]"), "", "1 0", VALUE_ERROR, "reverse: axes are not in rising order"),
    BAD(reverse, ("f32[2,3]"), "", "2", INDEX_ERROR, "reverse: axis 2 is out of range for [2,3]"),
    GOOD(concat, ("bool[2,n0]", "bool[3,n0]"), "", "0", "bool[5,n0]"),
    GOOD(concat, ("f32[0]", "f32[3]"), "", "0", "f32[3]"),
    BAD(concat, ("f32[2]", "f64[2]"), "", "0", TYPE_ERROR, "concat: operands f32[2] and f64[2] differ in dtype"),
    BAD(concat, ("f32[2,3]", "f32[2]"), "", "0", VALUE_ERROR, "concat: [2,3] and [2]: they differ in rank"),
    BAD(concat, ("f32[2,3]", "f32[2,4]"), "", "0", VALUE_ERROR, "concat: [2,3] and [2,4]: they differ beside the axis"),
    BAD(concat, ("f32[2,n0]", "f32[2,n0]"), "", "1", VALUE_ERROR,
        "concat: [2,n0] and [2,n0]: sizes on the axis must be known"),
    BAD(concat, ("f32[]", "f32[]"), "", "0", INDEX_ERROR, "concat: axis 0 is out of range for []"),
    BAD(concat, ("bool[9223372036854775807]", "bool[1]"), "", "0", VALUE_ERROR,
        "concat: [9223372036854775807] and [1]: the result is too large"),
    /* reductions */
    GOOD(sum, ("f32[2,3,n0]"), "", "0 2", "f32[3]"),
    GOOD(sum, ("i32[2,0]"), "", "", "i32[2,0]"),
    GOOD(sum, ("f64[0]"), "", "0", "f64[]"),
    BAD(sum, ("bool[2]"), "", "0", TYPE_ERROR, "sum: operand is bool[2]; it needs i32, i64, f32 or f64"),
    BAD(sum, ("f32[2]"), "", "1", INDEX_ERROR, "sum: axis 1 is out of range for [2]"),
    BAD(sum, ("f32[2,2]"), "", "1 0", VALUE_ERROR, "sum: axes are not in rising order"),
    BAD(sum, ("f32[2,2]"), "", "1 1", VALUE_ERROR, "sum: axes are not in rising order"),
    BAD(sum, ("f32[2,2]"), "", "0 -9", INDEX_ERROR, "sum: axis -9 is out of range for [2,2]"),
    GOOD(reduce_max, ("f32[0,3]"), "", "1", "f32[0]"),
    BAD(reduce_max, ("f32[0,3]"), "", "0", VALUE_ERROR, "reduce_max: axis 0 of [0,3] is empty"),
    GOOD(reduce_min, ("i32[2,3]"), "", "0", "i32[3]"),
    BAD(reduce_min, ("f32[0]"), "", "0", VALUE_ERROR, "reduce_min: axis 0 of [0] is empty"),
    GOOD(prod, ("i64[0,3]"), "", "0", "i64[3]"),
    GOOD(reduce_all, ("bool[0,3]"), "", "0", "bool[3]"),
    BAD(reduce_any, ("i32[2]"), "", "0", TYPE_ERROR, "reduce_any: operand is i32[2]; it needs bool"),
    GOOD(argsort, ("bool[2,n0]"), "", "1", "i64[2,n0]"),
    GOOD(sort, ("bool[2,0]"), "", "1", "bool[2,0]"),
    BAD(cumsum, ("bool[2]"), "", "0", TYPE_ERROR, "cumsum: operand is bool[2]; it needs i32, i64, f32 or f64"),
    BAD(cumprod, ("f32[]"), "", "0", INDEX_ERROR, "cumprod: axis 0 is out of range for []"),
    BAD(variance, ("i32[2]"), "", "0", TYPE_ERROR, "variance: operand is i32[2]; it needs f32 or f64"),
    GOOD(argmax, ("f32[2,3]"), "", "1", "i64[2]"),
    BAD(argmax, ("f32[2,0]"), "", "1", VALUE_ERROR, "argmax: axis 1 of [2,0] is empty"),
    BAD(argmax, ("f32[2,3]"), "", "0 1", VALUE_ERROR, "argmax: takes 1 attributes, got 2"),
    GOOD(mean, ("f32[2,3]"), "", "0 1", "f32[]"),
    BAD(mean, ("i32[2,3]"), "", "0 1", TYPE_ERROR, "mean: operand is i32[2,3]; it needs f32 or f64"),
    GOOD(softmax, ("f32[2,n0]"), "", "1", "f32[2,n0]"),
    BAD(log_softmax, ("f32[2]"), "", "1", INDEX_ERROR, "log_softmax: axis 1 is out of range for [2]"),
    GOOD(sparse_softmax_cross_entropy, ("f32[n0,10]", "i64[n0]"), "", "", "f32[n0]"),
    BAD(sparse_softmax_cross_entropy, ("f32[4,10]", "i64[5]"), "", "", VALUE_ERROR,
        "sparse_softmax_cross_entropy: labels [5] do not fit logits [4,10]"),
    BAD(sparse_softmax_cross_entropy, ("f32[]", "i64[]"), "", "", VALUE_ERROR,
        "sparse_softmax_cross_entropy: labels [] do not fit logits []"),
    BAD(sparse_softmax_cross_entropy, ("f32[4,10]", "f32[4]"), "", "", TYPE_ERROR,
        "sparse_softmax_cross_entropy: labels is f32[4]; it needs i32 or i64"),
    /* products and gathers */
    GOOD(dot, ("f32[64,784]", "f32[784,10]"), "", "0 0", "f32[64,10]"),
    GOOD(dot, ("f32[784,n0]", "f32[10,784]"), "", "1 1", "f32[n0,10]"),
    GOOD(dot, ("f64[5,2,0]", "f64[5,0,3]"), "", "0 0", "f64[5,2,3]"),
    GOOD(dot, ("i32[2,2]", "i32[2,2]"), "", "0 0", "i32[2,2]"),
    BAD(dot, ("f32[64,784]", "f32[10,784]"), "", "0 0", VALUE_ERROR,
        "dot: [64,784] x [10,784]: inner sizes 784 and 10 differ"),
    BAD(dot, ("f32[2,n0]", "f32[n1,3]"), "", "0 0", VALUE_ERROR, "dot: [2,n0] x [n1,3]: inner sizes n0 and n1 differ"),
    BAD(dot, ("f32[5,2,3]", "f32[6,3,4]"), "", "0 0", VALUE_ERROR,
        "dot: [5,2,3] x [6,3,4]: batch sizes 5 and 6 differ"),
    GOOD(triangular_solve, ("f32[5,n0,n0]", "f32[5,n0,3]"), "", "0 1 0", "f32[5,n0,3]"),
    BAD(triangular_solve, ("f32[3,3]", "f32[3,2]"), "", "0 0", VALUE_ERROR,
        "triangular_solve: takes 3 attributes, got 2"),
    BAD(triangular_solve, ("f32[3,3]", "f32[3,2]"), "", "0 2 0", VALUE_ERROR,
        "triangular_solve: attributes are 0 or 1"),
    BAD(triangular_solve, ("f32[3,3]", "f64[3,2]"), "", "0 0 0", TYPE_ERROR,
        "triangular_solve: operands f32[3,3] and f64[3,2] differ in dtype"),
    GOOD(solve, ("f64[0,0]", "f64[0,7]"), "", "1", "f64[0,7]"),
    BAD(solve, ("i32[2,2]", "i32[2,2]"), "", "0", TYPE_ERROR, "solve: matrix is i32[2,2]; it needs f32 or f64"),
    BAD(solve, ("f32[3]", "f32[3]"), "", "0", VALUE_ERROR, "solve: [3] is no matrix"),
    BAD(solve, ("f32[2,3]", "f32[2,1]"), "", "0", VALUE_ERROR, "solve: [2,3] is not square"),
    BAD(solve, ("f32[n0,n1]", "f32[n0,1]"), "", "0", VALUE_ERROR, "solve: [n0,n1] is not square"),
    BAD(solve, ("f32[2,2]", "f32[3,1]"), "", "0", VALUE_ERROR, "solve: matrix [2,2] does not fit right side [3,1]"),
    BAD(solve, ("f32[5,2,2]", "f32[2,1]"), "", "0", VALUE_ERROR, "solve: matrix [5,2,2] does not fit right side [2,1]"),
    BAD(solve, ("f32[2,2]", "f32[2,2147483647]"), "", "0", VALUE_ERROR, "solve: [2,2147483647] is too large"),
    GOOD(lu, ("f32[4,2,2]"), "", "", "f32[4,3,2]"),
    BAD(lu, ("f32[n0,n0]"), "", "", VALUE_ERROR, "lu: [n0,n0] needs a known size"),
    GOOD(lu_solve, ("f32[2,2]", "f32[3,2]", "f32[2,5]"), "", "0", "f32[2,5]"),
    BAD(lu_solve, ("f32[2,2]", "f32[2,2]", "f32[2,5]"), "", "0", VALUE_ERROR,
        "lu_solve: factors are f32[2,2]; they need to be f32[3,2]"),
    GOOD(cholesky, ("f64[3,n1,n1]"), "", "", "f64[3,n1,n1]"),
    GOOD(det, ("f64[3,n1,n1]"), "", "", "f64[3]"),
    GOOD(lu_det, ("f64[3,2,2]", "f64[3,3,2]"), "", "", "f64[3]"),
    GOOD(qr, ("f64[3,5,2]"), "", "", "f64[3,7,2]"),
    GOOD(svd, ("f64[3,5,2]"), "", "", "f64[3,8,2]"),
    GOOD(eigh, ("f64[3,2,2]"), "", "", "f64[3,3,2]"),
    BAD(qr, ("f64[3,2,5]"), "", "", VALUE_ERROR, "qr: [3,2,5] has more columns than rows"),
    BAD(svd, ("f64[n0,5]"), "", "", VALUE_ERROR, "svd: [n0,5] needs a known size"),
    BAD(det, ("f64[2,3]"), "", "", VALUE_ERROR, "det: [2,3] is not square"),
    BAD(det, ("f64[]"), "", "", VALUE_ERROR, "det: [] is no matrix"),
    BAD(cholesky, ("f64[3,2]"), "", "", VALUE_ERROR, "cholesky: [3,2] is not square"),
    BAD(dot, ("f32[3]", "f32[3]"), "", "0 0", VALUE_ERROR, "dot: [3] x [3]: operands need equal ranks of at least 2"),
    BAD(dot, ("f32[2,2]", "f64[2,2]"), "", "0 0", TYPE_ERROR, "dot: operands f32[2,2] and f64[2,2] differ in dtype"),
    BAD(dot, ("f32[2,2]", "f32[2,2]"), "", "0 2", VALUE_ERROR, "dot: attributes are 0 or 1"),
    GOOD(gather, ("f32[5,6,7]", "i32[2,3]"), "", "1", "f32[5,2,3,7]"),
    GOOD(gather, ("bool[5,6]", "i64[]"), "", "0", "bool[6]"),
    BAD(gather, ("f32[5]", "f32[2]"), "", "0", TYPE_ERROR, "gather: index is f32[2]; it needs i32 or i64"),
    BAD(gather, ("f32[]", "i32[2]"), "", "0", INDEX_ERROR, "gather: axis 0 is out of range for []"),
    BAD(gather, ("f32[1,1,1,1,1]", "i32[1,1,1,1,1]"), "", "0", VALUE_ERROR, "gather: rank 9; it is at most 8"),
    BAD(gather, ("f32[0,1048576,1048576]", "i32[1048576]"), "", "0", VALUE_ERROR,
        "gather: f32[1048576,1048576,1048576] is too large"),
    GOOD(scatter_add, ("f32[5,6]", "i32[2]", "f32[5,2]"), "", "1", "f32[5,6]"),
    GOOD(scatter_update, ("bool[5,6]", "i64[2]", "bool[5,2]"), "", "1", "bool[5,6]"),
    GOOD(dynamic_slice, ("f32[5,n0]", "i32[2]"), "", "2 -1", "f32[2,n0]"),
    BAD(dynamic_slice, ("f32[5,6]", "i32[2]"), "", "2 7", VALUE_ERROR,
        "dynamic_slice: size 7 of axis 1 does not fit into [5,6]"),
    BAD(dynamic_slice, ("f32[5,6]", "i32[2]"), "", "2 -1", VALUE_ERROR,
        "dynamic_slice: size -1 of axis 1 does not fit into [5,6]"),
    BAD(dynamic_slice, ("f32[5,6]", "i32[3]"), "", "2 6", VALUE_ERROR,
        "dynamic_slice: start is i32[3]; it needs 2 elements"),
    BAD(dynamic_slice, ("f32[5,6]", "f32[2]"), "", "2 6", TYPE_ERROR,
        "dynamic_slice: start is f32[2]; it needs i32 or i64"),
    GOOD(dynamic_update, ("bool[5,6]", "i64[2]", "bool[5,2]"), "", "", "bool[5,6]"),
    BAD(dynamic_update, ("f32[5,6]", "i64[2]", "f32[5]"), "", "", VALUE_ERROR,
        "dynamic_update: updates [5] and [5,6] differ in rank"),
    BAD(dynamic_update, ("f32[5]", "i64[1]", "f64[5]"), "", "", TYPE_ERROR,
        "dynamic_update: operands f32[5] and f64[5] differ in dtype"),
    GOOD(top_k, ("bool[5,n0]"), "", "0 2", "bool[2,n0]"),
    GOOD(arg_top_k, ("f32[5,6]"), "", "1 6", "i64[5,6]"),
    BAD(top_k, ("f32[5,6]"), "", "1 7", VALUE_ERROR, "top_k: 7 elements of axis 1 of [5,6]"),
    BAD(arg_top_k, ("f32[5,6]"), "", "0 -1", VALUE_ERROR, "arg_top_k: -1 elements of axis 0 of [5,6]"),
    GOOD(searchsorted, ("f32[5,n0]", "f32[5,2,3]"), "", "1", "i64[5,2,3]"),
    GOOD(searchsorted, ("bool[5]", "bool[]"), "", "0", "i64[]"),
    BAD(searchsorted, ("f32[5,6]", "f32[6]"), "", "0", VALUE_ERROR, "searchsorted: values [6] do not fit [5,6]"),
    BAD(searchsorted, ("f32[]", "f32[6]"), "", "0", VALUE_ERROR, "searchsorted: values [6] do not fit []"),
    BAD(searchsorted, ("f32[5]", "f64[6]"), "", "0", TYPE_ERROR,
        "searchsorted: operands f32[5] and f64[6] differ in dtype"),
    BAD(searchsorted, ("f32[5]", "f32[6]"), "", "2", VALUE_ERROR, "searchsorted: attributes are 0 or 1"),
    GOOD(check_index, ("i32[2,n0]"), "", "5", "i64[2,n0]"),
    BAD(check_index, ("i32[2]"), "", "-1", VALUE_ERROR, "check_index: the size is negative"),
    BAD(check_index, ("f32[2]"), "", "1", TYPE_ERROR, "check_index: index is f32[2]; it needs i32 or i64"),
    BAD(scatter_add, ("f32[5,6]", "i32[2]", "f32[2,6]"), "", "1", VALUE_ERROR,
        "scatter_add: updates are f32[2,6]; they need to be f32[5,2]"),
    BAD(scatter_add, ("f32[5]", "i32[2]", "f64[2]"), "", "0", VALUE_ERROR,
        "scatter_add: updates are f64[2]; they need to be f32[2]"),
    BAD(scatter_add, ("bool[5]", "i32[2]", "bool[2]"), "", "0", TYPE_ERROR,
        "scatter_add: operand is bool[5]; it needs i32, i64, f32 or f64"),
    BAD(call, ("f32[]"), "", "0", INTERNAL_ERROR, "call: is recorded by a function of its own"),
};

Test(types, type_rules) {
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const rule_case *r = &rules[i];
        ebb_type arg[4], result;
        int narg = 0, nattr = 0;
        int64_t attr[24];
        while (narg < 4 && r->arg[narg])
            arg[narg] = type_of_text(r->arg[narg]), narg++;
        for (char *at = (char *)r->attr; *at; nattr++)
            attr[nattr] = strtoll(at, &at, 10);
        ebb_diag d = {.code = EBB_OK};
        const ebb_application app = {r->op, nattr, attr, type_of_text(r->asked), {.file = "user.c", .line = 41}};
        char text[EBB_TYPE_TEXT];
        bool good = ebb_infer(&d, &app, narg, arg, &result);
        const char *got = good ? ebb_type_text(&result, text) : d.message;
        cr_expect(d.code == r->code && !strcmp(got, r->want), "%s: got \"%s\" (code %d), expected \"%s\" (code %d)",
                  ebb_op_table[r->op].name, got, d.code, r->want, r->code);
        cr_expect(good || d.site.line == 41, "%s: the error has line %d", ebb_op_table[r->op].name, d.site.line);
    }
}

Test(types, rank_is_at_most_8) {
    ebb_type t = {EBB_F32, {9, {1, 1, 1, 1, 1, 1, 1, 1}}};
    cr_expect_eq(ebb_add_input(graph, t, (ebb_site){0}), EBB_POISON);
    cr_expect_str_eq(diag.message, "input: rank 9; it is at most 8");
}

Test(types, operations_by_name) {
    for (int op = 1; op < EBB_OP_COUNT; op++) {
        const char *name = ebb_op_table[op].name;
        cr_expect_eq((int)ebb_op_by_name(name, strlen(name)), op, "%s", name);
    }
    cr_expect_eq((int)ebb_op_by_name("expm", 4), EBB_OP_NONE);
    cr_expect_eq((int)ebb_op_by_name("expm1x", 6), EBB_OP_NONE);
    cr_expect_eq((int)ebb_op_by_name("", 0), EBB_OP_NONE);
}
