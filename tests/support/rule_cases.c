/* rule_cases.c - see rule_cases.h. */
#include "tests/support/rule_cases.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/run_graph.h"

#define CASE(text, op_name, ...) {.name = text, .op = EBB_OP_##op_name, __VA_ARGS__}
#define POINT(op_name, from, to)                                                                                       \
    {                                                                                                                  \
        .name = #op_name, .op = EBB_OP_##op_name, .shape = {"7"}, .low = {from}, .high = { to }                        \
    }
#define PAIR(op_name, from, to, from2, to2)                                                                            \
    {                                                                                                                  \
        .name = #op_name, .op = EBB_OP_##op_name, .shape = {"7", "7"}, .low = {from, from2}, .high = { to, to2 }       \
    }
#define DOT(text, left, right) {.name = "dot " text, .op = EBB_OP_dot, .shape = {left, right}, .attr = text}

const rule_case rule_cases[] = {
    POINT(neg, -2, 2),
    POINT(abs, -2, 2),
    POINT(exp, -2, 2),
    POINT(expm1, -2, 2),
    POINT(log, 0.3, 3),
    POINT(log1p, -0.7, 2),
    POINT(sqrt, 0.3, 3),
    POINT(square, -2, 2),
    POINT(recip, 0.4, 3),
    POINT(sin, -4, 4),
    POINT(cos, -4, 4),
    POINT(tan, -1.1, 1.1),
    POINT(asin, -0.9, 0.9),
    POINT(acos, -0.9, 0.9),
    POINT(atan, -3, 3),
    POINT(sinh, -2, 2),
    POINT(cosh, -2, 2),
    POINT(tanh, -2, 2),
    POINT(sigmoid, -4, 4),
    POINT(softplus, -4, 4),
    POINT(erf, -2, 2),
    POINT(erfc, -2, 2),
    POINT(exp2, -2, 2),
    POINT(log2, 0.3, 3),
    POINT(log10, 0.3, 3),
    POINT(rsqrt, 0.3, 3),
    POINT(cbrt, 0.3, 3),
    POINT(asinh, -3, 3),
    POINT(acosh, 1.4, 4),
    POINT(atanh, -0.8, 0.8),
    POINT(erfinv, -0.8, 0.8),
    POINT(lgamma, 0.5, 4),
    POINT(relu, -2, 2),
    PAIR(add, -2, 2, -2, 2),
    PAIR(sub, -2, 2, -2, 2),
    PAIR(mul, -2, 2, -2, 2),
    PAIR(div, -2, 2, 0.5, 3),
    PAIR(pow, 0.3, 3, -2, 3),
    PAIR(hypot, 0.5, 2, -2, 2),
    PAIR(atan2, 0.5, 2, -2, 2),
    PAIR(logaddexp, -2, 2, -2, 2),
    PAIR(fmod, -2, 2, 0.7, 0.9),
    PAIR(floormod, -2, 2, 0.7, 0.9),
    CASE("polygamma", polygamma, .shape = {"i:6", "6"}, .low = {0, 0.5}, .high = {0, 4}, .index = "0,1,2,3,0,1"),
    CASE("sinc_slope", sinc_slope, .shape = {"i:6", "6"}, .index = "0,1,2,3,4,0"),
    PAIR(max, -2, 2, -2, 2),
    PAIR(min, -2, 2, -2, 2),
    CASE("scalar mul", mul, .shape = {"", ""}),
    CASE("rank 8 tanh", tanh, .shape = {"1,2,1,2,1,2,1,2"}),
    CASE("empty tanh", tanh, .shape = {"0"}),
    CASE("select", select, .shape = {"b:2,3", "2,3", "2,3"}),
    CASE("cast to f64", cast, .shape = {"5"}, .cast = EBB_F64),
    CASE("broadcast new axes", broadcast, .shape = {"3"}, .attr = "1", .asked = "2,3,2"),
    CASE("broadcast stretched", broadcast, .shape = {"2,1,3"}, .attr = "0,1,2", .asked = "2,4,3"),
    CASE("broadcast both", broadcast, .shape = {"1,3"}, .attr = "1,2", .asked = "2,5,3"),
    CASE("broadcast scalar", broadcast, .shape = {""}, .attr = "", .asked = "2,3"),
    CASE("broadcast to nothing", broadcast, .shape = {"1"}, .attr = "0", .asked = "0"),
    CASE("reshape", reshape, .shape = {"2,6"}, .asked = "3,4"),
    CASE("reshape to scalar", reshape, .shape = {"1,1"}, .asked = ""),
    CASE("transpose", transpose, .shape = {"2,3,4"}, .attr = "2,0,1"),
    CASE("transpose of a matrix", transpose, .shape = {"2,3"}, .attr = "1,0"),
    CASE("slice", slice, .shape = {"5,6"}, .attr = "1,2,1,1", .asked = "3,4"),
    CASE("slice in steps", slice, .shape = {"7,6"}, .attr = "1,0,2,3", .asked = "3,2"),
    CASE("slice of nothing", slice, .shape = {"4"}, .attr = "4,1", .asked = "0"),
    CASE("pad", pad, .shape = {"2,3"}, .attr = "1,0,0,2,0,0"),
    CASE("pad with gaps", pad, .shape = {"3,2"}, .attr = "1,2,0,1,2,1"),
    CASE("sum all", sum, .shape = {"2,3"}, .attr = "0,1"),
    CASE("sum outer", sum, .shape = {"2,3,4"}, .attr = "0,2"),
    CASE("sum inner", sum, .shape = {"2,3,4"}, .attr = "1"),
    CASE("sum of nothing", sum, .shape = {"0,3"}, .attr = "0"),
    CASE("reverse", reverse, .shape = {"4,5"}, .attr = "1"),
    CASE("reverse both", reverse, .shape = {"2,3"}, .attr = "0,1"),
    CASE("windows", windows, .shape = {"7"}, .attr = "0,3,2,1"),
    CASE("windows dilated", windows, .shape = {"2,7"}, .attr = "1,2,1,3"),
    CASE("windows of rows", windows, .shape = {"5,2"}, .attr = "0,2,3,1"),
    CASE("overlap_add", overlap_add, .shape = {"3,3"}, .attr = "0,7,2,1"),
    CASE("overlap_add dilated", overlap_add, .shape = {"2,4,2"}, .attr = "1,7,1,3"),
    CASE("cumsum rows", cumsum, .shape = {"4,5"}, .attr = "1"),
    CASE("cumsum columns", cumsum, .shape = {"4,5"}, .attr = "0"),
    CASE("concat rows", concat, .shape = {"2,3", "1,3"}, .attr = "0"),
    CASE("concat columns", concat, .shape = {"2,3", "2,4"}, .attr = "1"),
    CASE("reduce_max all", reduce_max, .shape = {"2,3"}, .attr = "0,1"),
    CASE("reduce_max rows", reduce_max, .shape = {"4,5"}, .attr = "1"),
    CASE("reduce_max columns", reduce_max, .shape = {"4,5"}, .attr = "0"),
    DOT("0,0", "2,3", "3,4"),
    DOT("0,1", "2,3", "4,3"),
    DOT("1,0", "3,2", "3,4"),
    DOT("1,1", "3,2", "4,3"),
    CASE("dot batch 0,0", dot, .shape = {"2,2,3", "2,3,2"}, .attr = "0,0"),
    CASE("dot batch 0,1", dot, .shape = {"2,2,3", "2,2,3"}, .attr = "0,1"),
    CASE("dot batch 1,0", dot, .shape = {"2,3,2", "2,3,2"}, .attr = "1,0"),
    CASE("dot batch 1,1", dot, .shape = {"2,3,2", "2,2,3"}, .attr = "1,1"),
    CASE("dot two batches", dot, .shape = {"2,2,1,3", "2,2,3,2"}, .attr = "0,0"),
    CASE("dot over nothing", dot, .shape = {"2,0", "0,3"}, .attr = "0,0"),
    CASE("triangular_solve", triangular_solve, .shape = {"3,3", "3,2"}, .attr = "0,0,0", .diagonal = 3),
    CASE("triangular_solve upper", triangular_solve, .shape = {"3,3", "3,2"}, .attr = "0,1,0", .diagonal = 3),
    CASE("triangular_solve unit", triangular_solve, .shape = {"3,3", "3,2"}, .attr = "1,0,1"),
    CASE("triangular_solve batch", triangular_solve, .shape = {"2,2,2", "2,2,1"}, .attr = "1,1,0", .diagonal = 3),
    CASE("lu_solve", lu_solve, .shape = {"3,3", "3,2"}, .attr = "0", .diagonal = 6),
    CASE("lu_solve transposed", lu_solve, .shape = {"2,3,3", "2,3,1"}, .attr = "1", .diagonal = 6),
    CASE("lu_det", lu_det, .shape = {"3,3"}, .diagonal = 4),
    CASE("lu_det batch", lu_det, .shape = {"2,2,2"}, .diagonal = 4),
    CASE("lu_logdet", lu_logdet, .shape = {"3,3"}, .diagonal = 6),
    CASE("cofactor", cofactor, .shape = {"3,3"}, .diagonal = 4),
    CASE("qr", qr, .shape = {"3,3"}, .diagonal = 6),
    CASE("qr tall", qr, .shape = {"4,2"}, .diagonal = 6),
    CASE("eigh", eigh, .shape = {"3,3"}, .diagonal = 1, .apart = 4),
    CASE("svd", svd, .shape = {"3,3"}, .diagonal = 1, .apart = 4),
    CASE("svd tall", svd, .shape = {"4,2"}, .diagonal = 1, .apart = 4),
    CASE("cholesky", cholesky, .shape = {"3,3"}, .diagonal = 6),
    CASE("cholesky batch", cholesky, .shape = {"2,2,2"}, .diagonal = 6),
    CASE("gather rows twice", gather, .shape = {"3,2", "i:4"}, .attr = "0", .index = "2,0,2,1"),
    CASE("gather columns", gather, .shape = {"2,3", "i:2,2"}, .attr = "1", .index = "2,2,0,2"),
    CASE("gather one", gather, .shape = {"4", "i:"}, .attr = "0", .index = "3"),
    CASE("scatter_add rows", scatter_add, .shape = {"3,2", "i:4", "4,2"}, .attr = "0", .index = "2,0,2,2"),
    CASE("scatter_max rows", scatter_max, .shape = {"3,2", "i:4", "4,2"}, .attr = "0", .index = "2,0,2,2"),
    CASE("scatter_max columns", scatter_max, .shape = {"2,3", "i:2", "2,2"}, .attr = "1", .index = "1,1"),
    CASE("scatter_add columns", scatter_add, .shape = {"2,3", "i:2", "2,2"}, .attr = "1", .index = "1,1"),
};
const int rule_case_count = sizeof rule_cases / sizeof *rule_cases;

/* ---- reading a case ---- */

int rule_list(const char *text, int64_t *list) {
    int n = 0;
    for (char *end; text && *text; text = *end == ',' ? end + 1 : end)
        list[n++] = strtoll(text, &end, 10);
    return n;
}

ebb_shape rule_shape(const char *text) {
    ebb_shape shape = {0};
    shape.rank = rule_list(text, shape.dim);
    return shape;
}

static ebb_dtype kind_of(const char *shape, ebb_dtype real) {
    return !strncmp(shape, "i:", 2) ? EBB_I32 : !strncmp(shape, "b:", 2) ? EBB_BOOL : real;
}

ebb_type rule_operand_type(const char *text, ebb_dtype real) {
    ebb_dtype dtype = kind_of(text, real);
    return (ebb_type){dtype, rule_shape(dtype == real ? text : text + 2)};
}

int rule_operands(const rule_case *c) {
    int n = 0;
    while (n < MOST_OPERANDS && c->shape[n])
        n++;
    return n;
}

static void add_diagonal(const rule_case *c, int64_t size, double *value) {
    const ebb_shape s = rule_shape(c->shape[0]);
    const int64_t m = s.dim[s.rank - 2], n = s.dim[s.rank - 1];
    for (int64_t e = 0; e < size; e++)
        if (e / n % m == e % n) value[e] += c->diagonal + c->apart * (double)(e % n);
}

void rule_operand_values(const rule_case *c, int k, int64_t size, double *value) {
    int64_t index[MOST_ELEMENTS];
    bool given = c->low[k > 0] != c->high[k > 0];
    switch (kind_of(c->shape[k], EBB_F64)) {
    case EBB_BOOL:
        for (int64_t e = 0; e < size; e++)
            value[e] = e % 3 == 0;
        return;
    case EBB_I32:
        rule_list(c->index, index);
        for (int64_t e = 0; e < size; e++)
            value[e] = (double)index[e];
        return;
    default:
        fill_uniform(100 + (uint64_t)k, given ? c->low[k > 0] : -2, given ? c->high[k > 0] : 2, size, value);
        for (int64_t e = 0; e < size; e++)
            value[e] = (float)value[e]; /* the same number in both dtypes */
        if (k == 0 && c->diagonal != 0) add_diagonal(c, size, value);
    }
}
