/* random_rules.c - one maker for each type rule of ops.def: it finds operands and attributes that the rule allows.
 *
 * The table at the end is pasted from the rows: a new operation under a rule that exists is in the programs at once, a
 * new rule does not link before it has a maker. Start reading there. */
#include <string.h>

#include "tests/support/op_case.h"
#include "tests/support/random_maker.h"

#define LENGTH(list) (int64_t)(sizeof(list) / sizeof *(list))

static ebb_id with_attr(maker *m, ebb_op op, int nattr, const int64_t *attr, ebb_id x) {
    return maker_record(m, (ebb_application){.op = op, .nattr = nattr, .attr = attr}, 1, x, 0, 0);
}

/* ---- which operations ---- */

/* SMOOTH rows and macros that are made of IEEE operations alone, so that all engines agree on them to the bit. */
static const ebb_op exact[] = {
    EBB_OP_abs,      EBB_OP_square,      EBB_OP_sqrt,           EBB_OP_recip,         EBB_OP_div,
    EBB_OP_fmod,     EBB_OP_floormod,    EBB_OP_mean,           EBB_OP_variance,      EBB_OP_deviation,
    EBB_OP_prod,     EBB_OP_reduce_min,  EBB_OP_reduce_all,     EBB_OP_reduce_any,    EBB_OP_argmin,
    EBB_OP_cumprod,  EBB_OP_sort,        EBB_OP_norm,           EBB_OP_divide_no_nan, EBB_OP_squared_difference,
    EBB_OP_clip,     EBB_OP_scatter_min, EBB_OP_scatter_update, EBB_OP_dynamic_slice, EBB_OP_dynamic_update,
    EBB_OP_top_k,    EBB_OP_arg_top_k,   EBB_OP_solve,          EBB_OP_inv,           EBB_OP_det,
    EBB_OP_det_sign, EBB_OP_lu_det,
};

/* What jumps where a last digit decides, though its row does not say so; and cast, after which an f64 has the error of
 * an f32. */
static const ebb_op jumps[] = {
    EBB_OP_fmod,        EBB_OP_floormod, EBB_OP_reduce_max, EBB_OP_reduce_min, EBB_OP_reduce_all, EBB_OP_reduce_any,
    EBB_OP_argmin,      EBB_OP_sort,     EBB_OP_clip,       EBB_OP_deviation,  EBB_OP_cast,       EBB_OP_scatter_max,
    EBB_OP_scatter_min, EBB_OP_top_k,    EBB_OP_arg_top_k,  EBB_OP_eigh,       EBB_OP_svd,        EBB_OP_det_sign};

static bool is_among(const ebb_op *list, int64_t n, ebb_op op) {
    for (int64_t i = 0; i < n; i++)
        if (list[i] == op) return true;
    return false;
}

static bool is_exact(ebb_op op) {
    ebb_family family = ebb_op_table[op].family;
    bool unsure = family == EBB_SMOOTH || family == EBB_MACRO || op == EBB_OP_random_normal ||
                  op == EBB_OP_random_truncated_normal;
    return !unsure || is_among(exact, LENGTH(exact), op);
}

static bool is_smooth(const maker *m, ebb_op op) {
    if (op == EBB_OP_sign || op == EBB_OP_stop_gradient) return true; /* away from 0: see windows */
    bool jumps_there = ebb_op_table[op].family == EBB_STEP || is_among(jumps, LENGTH(jumps), op);
    return !jumps_there || (m->o.kinks && op != EBB_OP_cast);
}

/* ---- operands inside the domain ---- */

/* Where the test table's domain has a pole or a kink in it; of operand 0, and of the others. */
static const struct window {
    ebb_op op;
    double low[2], high[2];
} windows[] = {
    {EBB_OP_abs, {0.5}, {1.5}},        {EBB_OP_sign, {0.5}, {1.5}},       {EBB_OP_relu, {0.5}, {1.5}},
    {EBB_OP_norm, {0.5}, {1.5}},       {EBB_OP_digamma, {0.5}, {1.5}},    {EBB_OP_max, {0.5, -1}, {1.5, 0}},
    {EBB_OP_min, {0.5, -1}, {1.5, 0}}, {EBB_OP_stop_gradient, {-1}, {1}},
};

/* A part of the domain as wide as slopes stay small in. */
static void find_window(ebb_op op, int k, double *low, double *high) {
    for (int64_t i = 0; i < LENGTH(windows); i++)
        if (windows[i].op == op) {
            *low = windows[i].low[k > 0], *high = windows[i].high[k > 0];
            return;
        }
    op_domain(op, k, low, high);
    bool around_0 = *low <= -0.75 && *high >= 0.75;
    *low = around_0 ? -0.75 : *low + 0.4;
    *high = around_0 ? 0.75 : *low + 1 < *high ? *low + 1 : *high;
}

/* The operand itself, or in smooth programs something inside the domain that is made of it. */
static ebb_id suited(maker *m, ebb_op op, int k, ebb_id x) {
    double low, high;
    ebb_family family = ebb_op_table[op].family;
    if (op_is_order(op, k)) return maker_full(m, dtype_at(m, x), *shape_at(m, x), (double)maker_below(m, 3));
    bool tame = family == EBB_LINEAR || family == EBB_BILINEAR || family == EBB_LEAF;
    if (!m->o.smooth || tame || !ebb_is_float(dtype_at(m, x))) return x;
    find_window(op, k, &low, &high);
    return maker_between(m, x, low, high);
}

/* ---- element by element ---- */

static ebb_id each(maker *m, ebb_op op, unsigned dtypes) {
    ebb_id x = maker_some_of(m, dtypes, 0), arg[3] = {x};
    int arity = ebb_op_table[op].arity, first = (int)maker_below(m, arity);
    for (int k = 0; k < arity; k++) {
        arg[k] = k == first ? x : maker_partner(m, dtype_at(m, x), *shape_at(m, x));
        arg[k] = suited(m, op, k, arg[k]);
    }
    return maker_record(m, (ebb_application){.op = op}, arity, arg[0], arg[1], arg[2]);
}

static ebb_id make_number(maker *m, ebb_op op) { return each(m, op, NUMBERS); }
static ebb_id make_real(maker *m, ebb_op op) { return each(m, op, FLOATS); }
static ebb_id make_whole(maker *m, ebb_op op) { return each(m, op, INTS); }
static ebb_id make_compare(maker *m, ebb_op op) { return each(m, op, ANY); }
static ebb_id make_logic(maker *m, ebb_op op) { return each(m, op, BOOLS); }
static ebb_id make_same(maker *m, ebb_op op) { return each(m, op, ANY); }

static ebb_id make_select(maker *m, ebb_op op) {
    ebb_id x = maker_some_of(m, ANY, 0), y = maker_partner(m, dtype_at(m, x), *shape_at(m, x));
    ebb_id c = maker_partner(m, EBB_BOOL, *shape_at(m, x));
    return maker_record(m, (ebb_application){.op = op}, 3, c, x, y);
}

static ebb_id make_cast(maker *m, ebb_op op) {
    ebb_application app = {.op = op, .asked.dtype = maker_dtype(m)};
    return maker_record(m, app, 1, maker_some(m), 0, 0);
}

/* ---- views ---- */

static int some_axes(maker *m, ebb_id x, int64_t *axes) {
    int n = 0;
    for (int i = 0; i < shape_at(m, x)->rank; i++)
        if (maker_below(m, 2)) axes[n++] = i;
    return n;
}

static ebb_id make_transpose(maker *m, ebb_op op) {
    ebb_id x = maker_some_of(m, ANY, 2);
    int64_t perm[EBB_MAX_RANK], rank = shape_at(m, x)->rank;
    for (int i = 0; i < rank; i++)
        perm[i] = i;
    for (int64_t i = rank - 1; i > 0; i--) {
        int64_t j = maker_below(m, i + 1), t = perm[i];
        perm[i] = perm[j];
        perm[j] = t;
    }
    return with_attr(m, op, (int)rank, perm, x);
}

/* All but an element at one end of the last axis. */
static ebb_id make_neighbours(maker *m, ebb_op op, ebb_id x) {
    ebb_shape s = *shape_at(m, x);
    int64_t attr[2 * EBB_MAX_RANK] = {0};
    for (int i = 0; i < s.rank; i++)
        attr[s.rank + i] = 1;
    attr[s.rank - 1] = maker_below(m, 2);
    s.dim[s.rank - 1]--;
    ebb_application app = {.op = op, .nattr = 2 * s.rank, .attr = attr, .asked.shape = s};
    return maker_record(m, app, 1, x, 0, 0);
}

static ebb_id make_slice(maker *m, ebb_op op) {
    ebb_id x = maker_some_of(m, ANY, 1);
    ebb_shape s = *shape_at(m, x);
    int64_t attr[2 * EBB_MAX_RANK];
    if (m->o.neighbours && s.rank && s.dim[s.rank - 1] > 2) return make_neighbours(m, op, x);
    for (int i = 0; i < s.rank; i++) {
        int64_t n = s.dim[i], start = n ? maker_below(m, n) : 0, step = 1 + maker_below(m, 3);
        int64_t most = n ? (n - 1 - start) / step + 1 : 0;
        if (maker_below(m, 3) == 0) start = 0, step = 1, most = n;
        s.dim[i] = most && maker_below(m, 2) ? 1 + maker_below(m, most) : most;
        attr[i] = start;
        attr[s.rank + i] = step;
    }
    ebb_application app = {.op = op, .nattr = 2 * s.rank, .attr = attr, .asked.shape = s};
    return maker_record(m, app, 1, x, 0, 0);
}

static ebb_id make_reverse(maker *m, ebb_op op) {
    ebb_id x = maker_some_of(m, ANY, 1);
    int64_t axes[EBB_MAX_RANK];
    int n = some_axes(m, x, axes);
    return with_attr(m, op, n, axes, x);
}

/* Splits an axis, merges two, adds or drops an axis of size 1. */
static ebb_id make_reshape(maker *m, ebb_op op) {
    ebb_id x = maker_some_of(m, ANY, 1);
    ebb_shape s = *shape_at(m, x), t = {0};
    int64_t at = maker_below(m, s.rank), how = maker_below(m, 4);
    for (int i = 0; i < s.rank; i++) {
        int64_t d = s.dim[i], f = d > 3 && d % 3 == 0 ? 3 : d > 2 && d % 2 == 0 ? 2 : 1;
        if (i == at && how < 2 && s.rank < m->o.rank)
            t.dim[t.rank++] = how ? 1 : f, t.dim[t.rank++] = how ? d : d / f;
        else if (i == at && how == 2 && i + 1 < s.rank)
            t.dim[t.rank++] = d * s.dim[i + 1], i++;
        else if (d != 1 || how != 3)
            t.dim[t.rank++] = d;
    }
    return maker_record(m, (ebb_application){.op = op, .asked.shape = t}, 1, x, 0, 0);
}

static ebb_id make_broadcast(maker *m, ebb_op op) {
    ebb_id x = maker_some(m);
    ebb_shape s = *shape_at(m, x), t = {0};
    int64_t axes[EBB_MAX_RANK];
    (void)op;
    for (int i = 0; i < s.rank; i++) {
        while (t.rank + s.rank - i < m->o.rank && maker_below(m, 2))
            t.dim[t.rank++] = maker_size(m);
        axes[i] = t.rank;
        t.dim[t.rank++] = s.dim[i] == 1 ? maker_size(m) : s.dim[i];
    }
    while (t.rank < m->o.rank && maker_below(m, 2))
        t.dim[t.rank++] = maker_size(m);
    return maker_broadcast(m, x, t, axes);
}

/* ---- reductions, and what looks along an axis ---- */

static int64_t elements_along(const maker *m, ebb_id x, int n, const int64_t *axes) {
    int64_t size = 1;
    for (int i = 0; i < n; i++)
        size *= shape_at(m, x)->dim[axes[i]];
    return size;
}

static ebb_id reduction(maker *m, ebb_op op, unsigned dtypes, bool of_nothing) {
    ebb_id x = maker_some_of(m, dtypes, 1);
    int64_t axes[EBB_MAX_RANK];
    int n = some_axes(m, x, axes);
    if (!of_nothing && elements_along(m, x, n, axes) == 0) return EBB_ABSENT;
    return with_attr(m, op, n, axes, suited(m, op, 0, x));
}

static ebb_id make_reduce(maker *m, ebb_op op) { return reduction(m, op, m->o.smooth ? FLOATS : NUMBERS, true); }
static ebb_id make_reduce_real(maker *m, ebb_op op) { return reduction(m, op, FLOATS, true); }
static ebb_id make_reduce_bool(maker *m, ebb_op op) { return reduction(m, op, BOOLS, true); }
static ebb_id make_extreme(maker *m, ebb_op op) { return reduction(m, op, NUMBERS, false); }

static ebb_id axiswise(maker *m, ebb_op op, unsigned dtypes, bool of_nothing) {
    ebb_id x = maker_some_of(m, dtypes, 1);
    int64_t axis = maker_below(m, shape_at(m, x)->rank);
    if (!of_nothing && shape_at(m, x)->dim[axis] == 0) return EBB_ABSENT;
    return with_attr(m, op, 1, &axis, suited(m, op, 0, x));
}

static ebb_id make_along(maker *m, ebb_op op) { return axiswise(m, op, FLOATS, true); }
static ebb_id make_scan(maker *m, ebb_op op) { return axiswise(m, op, m->o.smooth ? FLOATS : NUMBERS, true); }
static ebb_id make_sort(maker *m, ebb_op op) { return axiswise(m, op, NUMBERS, true); }
static ebb_id make_argsort(maker *m, ebb_op op) { return axiswise(m, op, NUMBERS, true); }
static ebb_id make_argmax(maker *m, ebb_op op) { return axiswise(m, op, NUMBERS, false); }

/* A loss over the last axis. */
static ebb_id make_sparse_xent(maker *m, ebb_op op) {
    ebb_id x = maker_some_of(m, FLOATS, 1);
    ebb_shape s = *shape_at(m, x), batch = {.rank = s.rank - 1};
    if (s.dim[s.rank - 1] == 0) return EBB_ABSENT;
    memcpy(batch.dim, s.dim, (size_t)batch.rank * sizeof *s.dim);
    ebb_id labels = maker_index(m, batch, s.dim[s.rank - 1]);
    return maker_apply(m, op, 2, suited(m, op, 0, x), labels);
}

/* ---- routines ---- */

static ebb_id make_dot(maker *m, ebb_op op) {
    ebb_id x = maker_some_of(m, FLOATS, 2);
    ebb_shape s = *shape_at(m, x);
    int64_t left = maker_below(m, 2), right = maker_below(m, 2), n = maker_size(m);
    int64_t k = s.dim[s.rank - (left ? 2 : 1)], attr[] = {left, right};
    s.dim[s.rank - 2] = right ? n : k;
    s.dim[s.rank - 1] = right ? k : n;
    ebb_id y = maker_partner(m, dtype_at(m, x), s);
    return maker_record(m, (ebb_application){.op = op, .nattr = 2, .attr = attr}, 2, x, y, 0);
}

/* One to four products of one type: their factors found, or the same ones again. */
static ebb_id make_products(maker *m, ebb_op op) {
    ebb_id first = maker_some_of(m, FLOATS, op == EBB_OP_sum_dot ? 2 : 0), x[8];
    ebb_shape s[2] = {*shape_at(m, first), *shape_at(m, first)};
    int64_t left = maker_below(m, 2), right = maker_below(m, 2), n = maker_size(m), attr[] = {left, right};
    const int last = s[0].rank - 1, products = 1 + (int)maker_below(m, 4);
    ebb_application app = {.op = op, .nattr = op == EBB_OP_sum_dot ? 2 : 0, .attr = attr};
    if (app.nattr) {
        int64_t k = s[0].dim[left ? last - 1 : last];
        s[1].dim[last - 1] = right ? n : k;
        s[1].dim[last] = right ? k : n;
    }
    for (int i = 0; i < 2 * products; i++)
        x[i] = i ? maker_partner(m, dtype_at(m, first), s[i % 2]) : first;
    return ebb_record(m->g, &app, 2 * products, x);
}

static ebb_id make_pad(maker *m, ebb_op op) {
    ebb_id x = maker_some_of(m, NUMBERS, 1);
    int64_t attr[3 * EBB_MAX_RANK];
    int rank = shape_at(m, x)->rank;
    for (int i = 0; i < 3 * rank; i++)
        attr[i] = maker_below(m, 3);
    return with_attr(m, op, 3 * rank, attr, x);
}

static ebb_id make_concat(maker *m, ebb_op op) {
    ebb_id x = maker_some_of(m, ANY, 1);
    ebb_shape s = *shape_at(m, x);
    int64_t axis = maker_below(m, s.rank);
    s.dim[axis] = maker_size(m);
    ebb_id y = maker_partner(m, dtype_at(m, x), s);
    return maker_record(m, (ebb_application){.op = op, .nattr = 1, .attr = &axis}, 2, x, y, 0);
}

static ebb_id make_random(maker *m, ebb_op op) {
    ebb_application app = {.op = op, .asked.shape = maker_shape(m)};
    app.asked.dtype = maker_below(m, 2) && !m->o.wide ? EBB_F32 : EBB_F64;
    ebb_id key = maker_partner(m, EBB_I64, (ebb_shape){.rank = 1, .dim = {2}});
    return maker_record(m, app, 1, key, 0, 0);
}

static ebb_id make_iota(maker *m, ebb_op op) {
    ebb_shape s = maker_shape(m);
    ebb_dtype dtype = maker_dtype(m);
    int64_t axis = s.rank ? maker_below(m, s.rank) : 0;
    if (!s.rank || dtype == EBB_BOOL) return EBB_ABSENT;
    return maker_record(m, (ebb_application){.op = op, .nattr = 1, .attr = &axis, .asked = {dtype, s}}, 0, 0, 0, 0);
}

/* ---- the table ---- */

/* Parameters and constants come with the operands, regions when a program is tried. */
#define make_asked NULL
#define make_call NULL
#define make_get NULL
#define make_custom NULL
#define make_cond NULL
#define make_loop NULL
#define make_unloop NULL

static make *const makes[EBB_OP_COUNT] = {
#define OP(name, family, access, arity, rule) [EBB_OP_##name] = make_##rule,
#include "jit/graph/ops.def"
#undef OP
};

bool maker_may(const maker *m, ebb_op op) {
    const ebb_op_row *row = &ebb_op_table[op];
    if (!makes[op] || (m->o.no_whole && row->access == EBB_WHOLE)) return false;
    if (m->o.no_macros && row->family == EBB_MACRO) return false;
    return (!m->o.exact || is_exact(op)) && (!m->o.smooth || is_smooth(m, op));
}

void maker_add(maker *m, ebb_op op) { makes[op](m, op); }
