/* cost.c - the facts: what each operation costs. An operation that is not here does not compile: POINT ones have a
 * line of `COST_`, WHOLE ones a function `whole_`. Programs are added up in bill.c. */
#include "jit/graph/cost.h"

#include <math.h>

/* ---- POINT: an element, in additions, as native code computes it in vectors ---- */

enum {
    COST_iota = 0,
    COST_neg = 1,
    COST_abs = 1,
    COST_sign = 1,
    COST_exp = 16,
    COST_expm1 = 16,
    COST_log = 16,
    COST_log1p = 16,
    COST_sqrt = 4,
    COST_square = 1,
    COST_recip = 4,
    COST_sin = 16,
    COST_cos = 16,
    COST_tan = 16,
    COST_asin = 16,
    COST_acos = 16,
    COST_atan = 16,
    COST_sinh = 16,
    COST_cosh = 16,
    COST_tanh = 16,
    COST_sigmoid = 16,
    COST_softplus = 16,
    COST_erf = 16,
    COST_erfc = 16,
    COST_exp2 = 16,
    COST_log2 = 16,
    COST_log10 = 16,
    COST_rsqrt = 8,
    COST_cbrt = 16,
    COST_asinh = 16,
    COST_acosh = 16,
    COST_atanh = 16,
    COST_erfinv = 16,
    COST_lgamma = 16,
    COST_floor = 1,
    COST_ceil = 1,
    COST_round = 1,
    COST_trunc = 1,
    COST_bitwise_not = 1,
    COST_relu = 1,

    COST_add = 1,
    COST_sub = 1,
    COST_mul = 1,
    COST_div = 4,
    COST_pow = 16,
    COST_hypot = 16,
    COST_atan2 = 16,
    COST_logaddexp = 16,
    COST_polygamma = 16,
    COST_sinc_slope = 16,
    COST_fmod = 16,
    COST_floormod = 16,
    COST_floordiv = 16,
    COST_bitwise_and = 1,
    COST_bitwise_or = 1,
    COST_bitwise_xor = 1,
    COST_shift_left = 3,
    COST_shift_right = 3,
    COST_max = 1,
    COST_min = 1,

    COST_eq = 1,
    COST_ne = 1,
    COST_lt = 1,
    COST_le = 1,
    COST_gt = 1,
    COST_ge = 1,
    COST_logical_and = 1,
    COST_logical_or = 1,
    COST_logical_not = 1,
    COST_select = 1,
    COST_cast = 1,
    COST_stop_gradient = 0
};

/* ---- WHOLE: operations of the routine; its bytes are those of operands and result unless it says otherwise ---- */

typedef struct application {
    const ebb_graph *g;
    ebb_id id;
    const ebb_id *x;
    ebb_attr attr;
} application;

typedef void whole(const application *a, ebb_cost *cost);

static double elements(const ebb_graph *g, ebb_id id) {
    const ebb_shape *s = ebb_shape_of(g, id);
    double size = 1;
    for (int i = 0; i < s->rank; i++)
        size *= (double)s->dim[i];
    return size;
}

static double bytes(const ebb_graph *g, ebb_id id) {
    return elements(g, id) * (double)ebb_dtype_size(ebb_dtype_at(g, id));
}

static double of_result(const application *a) { return elements(a->g, a->id); }
static double of_operand(const application *a, int i) { return elements(a->g, a->x[i]); }

/* Comparisons that find a place among n. */
static double halvings(double n) { return n > 2 ? ceil(log2(n)) : 1; }

static double axis_size(const application *a) { return (double)ebb_shape_of(a->g, a->x[0])->dim[a->attr.v[0]]; }

static void moved(const application *a, ebb_cost *cost) { (void)a, (void)cost; }
#define whole_pad moved
#define whole_concat moved

static void one_for_each_operand(const application *a, ebb_cost *cost) { cost->operations = of_operand(a, 0); }
#define whole_argmax one_for_each_operand
#define whole_cumsum one_for_each_operand
#define whole_overlap_add one_for_each_operand
#define whole_check_index one_for_each_operand

static void drawn(const application *a, ebb_cost *cost) { cost->operations = 32 * of_result(a); }
#define whole_random_uniform drawn
#define whole_random_normal drawn
#define whole_random_truncated_normal drawn

static void whole_argsort(const application *a, ebb_cost *cost) {
    cost->operations = 4 * of_operand(a, 0) * halvings(axis_size(a));
}

static void whole_searchsorted(const application *a, ebb_cost *cost) {
    const ebb_shape *s = ebb_shape_of(a->g, a->x[0]);
    cost->operations = 4 * of_operand(a, 1) * halvings((double)s->dim[s->rank - 1]);
}

static void whole_dot(const application *a, ebb_cost *cost) {
    const ebb_shape *s = ebb_shape_of(a->g, a->x[0]);
    cost->operations = 2 * of_result(a) * (double)s->dim[a->attr.v[0] ? s->rank - 2 : s->rank - 1];
}

/* Of the table, only what is taken. */
static void whole_gather(const application *a, ebb_cost *cost) { cost->read = cost->written + bytes(a->g, a->x[1]); }

static void into_places(const application *a, ebb_cost *cost) { cost->operations = 2 * of_operand(a, 2); }
#define whole_scatter_add into_places
#define whole_scatter_max into_places

/* ---- linear algebra: n^3 times what the textbook says, for each matrix ---- */

static double order(const application *a) {
    const ebb_shape *s = ebb_shape_of(a->g, a->x[0]);
    return (double)s->dim[s->rank - 1];
}

static void by_substitution(const application *a, ebb_cost *cost) { cost->operations = of_result(a) * order(a); }
#define whole_triangular_solve by_substitution

static void whole_lu_solve(const application *a, ebb_cost *cost) { cost->operations = 2 * of_result(a) * order(a); }
static void whole_lu(const application *a, ebb_cost *cost) { cost->operations = of_operand(a, 0) * order(a) * 2 / 3; }
static void whole_cholesky(const application *a, ebb_cost *cost) { cost->operations = of_operand(a, 0) * order(a) / 3; }

static void whole_cofactor(const application *a, ebb_cost *cost) { cost->operations = 4 * of_operand(a, 0) * order(a); }
static void whole_lu_det(const application *a, ebb_cost *cost) { cost->operations = 2 * of_result(a) * order(a); }
#define whole_lu_logdet whole_lu_det
#define whole_lu_sign whole_lu_det
static void whole_qr(const application *a, ebb_cost *cost) { cost->operations = 4 * of_operand(a, 0) * order(a); }
static void whole_eigh(const application *a, ebb_cost *cost) { cost->operations = 9 * of_operand(a, 0) * order(a); }
static void whole_svd(const application *a, ebb_cost *cost) { cost->operations = 20 * of_operand(a, 0) * order(a); }

/* ---- sums of products ---- */

/* One addition less than there are products. */
static void products(const application *a, ebb_cost *cost) {
    const bool matrices = ebb_op_of(a->g, a->id) == EBB_OP_sum_dot;
    cost->operations = -COST_add * of_result(a);
    for (int32_t k = 0; k < a->g->node[a->id].arity; k += 2) {
        ebb_cost product = {.operations = COST_mul * of_result(a)};
        if (matrices) whole_dot(&(application){a->g, a->id, a->x + k, a->attr}, &product);
        cost->operations += product.operations + COST_add * of_result(a);
    }
}

/* ---- the table ---- */

typedef struct fact {
    uint8_t point;
    whole *routine;
} fact;

#define FACT_SOURCE(name) {0, NULL}
#define FACT_POINT(name) {COST_##name, NULL}
#define FACT_VIEW(name) {0, NULL}
#define FACT_REDUCE(name) {0, NULL}
#define FACT_WHOLE(name) {0, whole_##name}
#define FACT_NESTED(name) {0, NULL}
#define FACT_NOWHERE(name) {0, NULL}
static const fact facts[EBB_OP_COUNT] = {
#define OP(name, family, access, arity, rule) [EBB_OP_##name] = FACT_##access(name),
#include "jit/graph/ops.def"
#undef OP
};

int ebb_point_cost(ebb_op op) { return facts[op].point; }

static ebb_cost traffic(const ebb_graph *g, ebb_id id) {
    const ebb_id *x = ebb_operands(g, id);
    ebb_cost cost = {.written = bytes(g, id)};
    for (int32_t i = 0; i < g->node[id].arity; i++)
        cost.read += bytes(g, x[i]);
    return cost;
}

/* Elements that lay beside each other lie apart: whoever reads them gathers. Axes of size 1 do not count. */
static bool scatters(const application *a) {
    const ebb_shape *from = ebb_shape_of(a->g, a->x[0]);
    int64_t last = from->rank - 1;
    while (last >= 0 && from->dim[last] == 1)
        last--;
    for (int i = from->rank - 1; i >= 0; i--)
        if (from->dim[a->attr.v[i]] != 1) return a->attr.v[i] != last;
    return false;
}

enum { GATHERED = 4 }; /* an element, measured in a transpose of a result */

ebb_cost ebb_cost_at(const ebb_graph *g, ebb_id id) {
    ebb_op op = ebb_op_of(g, id);
    application a = {g, id, ebb_operands(g, id), ebb_attr_of(g, id)};
    ebb_cost cost = {0, 0, 0};
    switch (ebb_op_table[op].access) {
    case EBB_VIEW:
        if (op == EBB_OP_transpose && scatters(&a)) cost.operations = GATHERED * of_result(&a);
        break;
    case EBB_SOURCE:
    case EBB_NESTED:
        break;
    case EBB_NOWHERE:
        if (ebb_op_table[op].family != EBB_PRODUCTS) break;
        cost = traffic(g, id);
        products(&a, &cost);
        break;
    case EBB_POINT: /* one that costs nothing is index arithmetic too */
        if (facts[op].point) cost = traffic(g, id);
        cost.operations = facts[op].point * of_result(&a);
        break;
    case EBB_REDUCE:
        cost = traffic(g, id);
        cost.operations = of_operand(&a, 0);
        break;
    case EBB_WHOLE:
        cost = traffic(g, id);
        facts[op].routine(&a, &cost);
        break;
    }
    return cost;
}
