/* random_graph.c - see random_graph.h. Each step picks a kind of operation and operands that suit it, from the nodes
 * there are; a missing partner is made (a parameter, a number, an iota). What does not fit is left out. */
#include "random_graph.h"

#include <stdlib.h>
#include <string.h>

typedef struct maker {
    ebb_graph *g;
    uint64_t seed;
    ebb_random_options o;
} maker;

uint64_t ebb_random_next(uint64_t *seed) {
    uint64_t z = *seed += 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
}

static int64_t below(maker *m, int64_t n) { return (int64_t)(ebb_random_next(&m->seed) % (uint64_t)n); }
static const ebb_shape *shape(const maker *m, ebb_id x) { return ebb_shape_of(m->g, x); }

/* ---- leaves ---- */

static ebb_dtype any_dtype(maker *m) {
    static const ebb_dtype some[] = {EBB_F32, EBB_F64, EBB_F32, EBB_F64, EBB_F32, EBB_I32, EBB_I64, EBB_BOOL};
    return some[below(m, m->o.smooth ? 5 : 8)];
}

static int64_t any_size(maker *m) {
    int64_t n = below(m, m->o.size + 1);
    return n == 0 && (m->o.no_empty || below(m, 4)) ? 1 : n;
}

static ebb_shape any_shape(maker *m) {
    ebb_shape s = {.rank = (int32_t)below(m, m->o.rank + 1)};
    for (int i = 0; i < s.rank; i++)
        s.dim[i] = any_size(m);
    return s;
}

static ebb_id record(maker *m, ebb_application app, int narg, ebb_id x, ebb_id y, ebb_id z) {
    return ebb_record(m->g, &app, narg, (const ebb_id[]){x, y, z});
}

static ebb_id input(maker *m, ebb_dtype dtype, ebb_shape s) {
    return ebb_add_input(m->g, (ebb_type){dtype, s}, (ebb_site){0});
}

static ebb_id constant(maker *m, ebb_dtype dtype, ebb_shape s) {
    int64_t payload[64] = {0}, n = 0;
    if (!ebb_shape_size(&s, &n) || n > 64) return input(m, dtype, s);
    ebb_random_fill(ebb_random_next(&m->seed), dtype, n, false, payload);
    int words = (int)(((size_t)n * ebb_dtype_size(dtype) + 7) / 8);
    return record(m, (ebb_application){.op = EBB_OP_constant, .nattr = words, .attr = payload, .asked = {dtype, s}}, 0,
                  0, 0, 0);
}

static ebb_id broadcast(maker *m, ebb_id x, ebb_shape to, const int64_t *axes) {
    ebb_application app = {.op = EBB_OP_broadcast, .nattr = shape(m, x)->rank, .attr = axes, .asked.shape = to};
    return record(m, app, 1, x, 0, 0);
}

static ebb_id leaf(maker *m, ebb_dtype dtype, ebb_shape s) {
    int64_t axis = s.rank ? below(m, s.rank) : 0;
    switch (below(m, 6)) {
    case 0:
        return constant(m, dtype, s);
    case 1:
        return broadcast(m, constant(m, dtype, (ebb_shape){0}), s, NULL);
    case 2:
        if (s.rank && dtype != EBB_BOOL)
            return record(m, (ebb_application){.op = EBB_OP_iota, .nattr = 1, .attr = &axis, .asked = {dtype, s}}, 0, 0,
                          0, 0);
        /* fall through */
    default:
        return input(m, dtype, s);
    }
}

static ebb_id any_node(maker *m) { return 1 + (ebb_id)below(m, m->g->count - 1); }

/* A node, rather a recent one. */
static ebb_id some(maker *m) {
    ebb_id x = any_node(m), y = any_node(m);
    return x > y ? x : y;
}

/* A node of that type: one that exists, a smaller one stretched, or a new leaf. */
static ebb_id partner(maker *m, ebb_dtype dtype, ebb_shape s) {
    for (int tries = 0; tries < 12; tries++) {
        ebb_id y = some(m);
        const ebb_shape *t = shape(m, y);
        int64_t axes[EBB_MAX_RANK], shift = s.rank - t->rank;
        bool fits = ebb_dtype_at(m->g, y) == dtype && shift >= 0;
        for (int i = 0; fits && i < t->rank; i++) {
            axes[i] = i + shift;
            fits = t->dim[i] == 1 || t->dim[i] == s.dim[i + shift];
        }
        if (fits) return ebb_shape_equal(t, &s) ? y : broadcast(m, y, s, axes);
    }
    return leaf(m, dtype, s);
}

/* A node with that many axes at least, of a dtype in the set (bit per dtype). */
static ebb_id some_of(maker *m, unsigned dtypes, int rank) {
    for (int tries = 0; tries < 12; tries++) {
        ebb_id x = some(m);
        if (dtypes >> ebb_dtype_at(m->g, x) & 1 && shape(m, x)->rank >= rank) return x;
    }
    ebb_shape s = any_shape(m);
    while (s.rank < rank)
        s.dim[s.rank++] = any_size(m);
    ebb_dtype dtype = EBB_NONE;
    while (!(dtypes >> dtype & 1))
        dtype = any_dtype(m);
    return leaf(m, dtype, s);
}

enum {
    BOOLS = 1 << EBB_BOOL,
    INTS = 1 << EBB_I32 | 1 << EBB_I64,
    FLOATS = 1 << EBB_F32 | 1 << EBB_F64,
    NUMBERS = INTS | FLOATS
};

/* ---- point operations ---- */

static ebb_id unary(maker *m) {
    static const ebb_op exact[] = {EBB_OP_neg,    EBB_OP_abs,  EBB_OP_sign,
                                   EBB_OP_square, EBB_OP_relu, EBB_OP_stop_gradient};
    static const ebb_op real[] = {EBB_OP_tanh,  EBB_OP_sin,      EBB_OP_cos,   EBB_OP_sigmoid, EBB_OP_erf,
                                  EBB_OP_atan,  EBB_OP_softplus, EBB_OP_exp,   EBB_OP_expm1,   EBB_OP_log,
                                  EBB_OP_log1p, EBB_OP_sqrt,     EBB_OP_recip, EBB_OP_tan};
    bool more = !m->o.exact && below(m, 2);
    if (!more)
        return record(m, (ebb_application){.op = exact[below(m, m->o.smooth ? 1 : 6)]}, 1, some_of(m, NUMBERS, 0), 0,
                      0);
    return record(m, (ebb_application){.op = real[below(m, m->o.smooth ? 7 : 14)]}, 1, some_of(m, FLOATS, 0), 0, 0);
}

static ebb_id binary(maker *m) {
    static const ebb_op ops[] = {EBB_OP_add, EBB_OP_sub, EBB_OP_mul, EBB_OP_add,
                                 EBB_OP_mul, EBB_OP_max, EBB_OP_min, EBB_OP_div};
    ebb_id x = some_of(m, NUMBERS, 0), y = partner(m, ebb_dtype_at(m->g, x), *shape(m, x));
    ebb_op op = ops[below(m, m->o.smooth ? 5 : 8)];
    if (op == EBB_OP_div && !ebb_is_float(ebb_dtype_at(m->g, x))) op = EBB_OP_sub;
    bool swap = below(m, 2);
    return record(m, (ebb_application){.op = op}, 2, swap ? y : x, swap ? x : y, 0);
}

static ebb_id compare(maker *m) {
    ebb_id x = some_of(m, NUMBERS | BOOLS, 0), y = partner(m, ebb_dtype_at(m->g, x), *shape(m, x));
    return record(m, (ebb_application){.op = (ebb_op)(EBB_OP_eq + below(m, EBB_OP_ge - EBB_OP_eq + 1))}, 2, x, y, 0);
}

static ebb_id logic(maker *m) {
    ebb_id x = some_of(m, BOOLS, 0), y = partner(m, EBB_BOOL, *shape(m, x));
    if (below(m, 3) == 0) return record(m, (ebb_application){.op = EBB_OP_logical_not}, 1, x, 0, 0);
    return record(m, (ebb_application){.op = below(m, 2) ? EBB_OP_logical_and : EBB_OP_logical_or}, 2, x, y, 0);
}

static ebb_id choose(maker *m) {
    ebb_id x = some_of(m, NUMBERS | BOOLS, 0), y = partner(m, ebb_dtype_at(m->g, x), *shape(m, x));
    ebb_id zero = broadcast(m, constant(m, ebb_dtype_at(m->g, x), (ebb_shape){0}), *shape(m, x), NULL);
    ebb_id c =
        m->o.smooth ? record(m, (ebb_application){.op = EBB_OP_lt}, 2, zero, y, 0) : partner(m, EBB_BOOL, *shape(m, x));
    return record(m, (ebb_application){.op = EBB_OP_select}, 3, c, x, y);
}

static ebb_id cast(maker *m) {
    return record(m, (ebb_application){.op = EBB_OP_cast, .asked.dtype = any_dtype(m)}, 1, some(m), 0, 0);
}

/* ---- views ---- */

static int some_axes(maker *m, ebb_id x, int64_t *axes) {
    int n = 0;
    for (int i = 0; i < shape(m, x)->rank; i++)
        if (below(m, 2)) axes[n++] = i;
    return n;
}

static ebb_id transpose(maker *m) {
    ebb_id x = some_of(m, NUMBERS | BOOLS, 2);
    int64_t perm[EBB_MAX_RANK], rank = shape(m, x)->rank;
    for (int i = 0; i < rank; i++)
        perm[i] = i;
    for (int64_t i = rank - 1; i > 0; i--) {
        int64_t j = below(m, i + 1), t = perm[i];
        perm[i] = perm[j];
        perm[j] = t;
    }
    return record(m, (ebb_application){.op = EBB_OP_transpose, .nattr = (int)rank, .attr = perm}, 1, x, 0, 0);
}

static ebb_id slice(maker *m) {
    ebb_id x = some_of(m, NUMBERS | BOOLS, 1);
    ebb_shape s = *shape(m, x);
    int64_t attr[2 * EBB_MAX_RANK];
    for (int i = 0; i < s.rank; i++) {
        int64_t n = s.dim[i], start = n ? below(m, n) : 0, step = 1 + below(m, 3);
        int64_t most = n ? (n - 1 - start) / step + 1 : 0;
        if (below(m, 3) == 0) start = 0, step = 1, most = n;
        s.dim[i] = most && below(m, 2) ? 1 + below(m, most) : most;
        attr[i] = start;
        attr[s.rank + i] = step;
    }
    return record(m, (ebb_application){.op = EBB_OP_slice, .nattr = 2 * s.rank, .attr = attr, .asked.shape = s}, 1, x,
                  0, 0);
}

static ebb_id reverse(maker *m) {
    ebb_id x = some_of(m, NUMBERS | BOOLS, 1);
    int64_t axes[EBB_MAX_RANK];
    int n = some_axes(m, x, axes);
    return record(m, (ebb_application){.op = EBB_OP_reverse, .nattr = n, .attr = axes}, 1, x, 0, 0);
}

/* Splits an axis, merges two, adds or drops an axis of size 1. */
static ebb_id reshape(maker *m) {
    ebb_id x = some_of(m, NUMBERS | BOOLS, 1);
    ebb_shape s = *shape(m, x), t = {0};
    int64_t at = below(m, s.rank), how = below(m, 4);
    for (int i = 0; i < s.rank; i++) {
        int64_t d = s.dim[i], f = d > 3 && d % 3 == 0 ? 3 : d > 2 && d % 2 == 0 ? 2 : 1;
        if (i == at && how < 2 && s.rank < m->o.rank)
            t.dim[t.rank++] = how ? 1 : f, t.dim[t.rank++] = how ? d : d / f;
        else if (i == at && how == 2 && i + 1 < s.rank)
            t.dim[t.rank++] = d * s.dim[i + 1], i++;
        else if (d != 1 || how != 3)
            t.dim[t.rank++] = d;
    }
    return record(m, (ebb_application){.op = EBB_OP_reshape, .asked.shape = t}, 1, x, 0, 0);
}

static ebb_id stretch(maker *m) {
    ebb_id x = some(m);
    ebb_shape s = *shape(m, x), t = {0};
    int64_t axes[EBB_MAX_RANK];
    for (int i = 0; i < s.rank; i++) {
        while (t.rank + s.rank - i < m->o.rank && below(m, 2))
            t.dim[t.rank++] = any_size(m);
        axes[i] = t.rank;
        t.dim[t.rank++] = s.dim[i] == 1 ? any_size(m) : s.dim[i];
    }
    while (t.rank < m->o.rank && below(m, 2))
        t.dim[t.rank++] = any_size(m);
    return broadcast(m, x, t, axes);
}

/* ---- reductions and macros ---- */

static ebb_id reduce(maker *m) {
    ebb_id x = some_of(m, NUMBERS, 1);
    int64_t axes[EBB_MAX_RANK], size = 1;
    int n = some_axes(m, x, axes);
    for (int i = 0; i < n; i++)
        size *= shape(m, x)->dim[axes[i]];
    bool max = size && !m->o.smooth && below(m, 3) == 0;
    return record(m, (ebb_application){.op = max ? EBB_OP_reduce_max : EBB_OP_sum, .nattr = n, .attr = axes}, 1, x, 0,
                  0);
}

/* Without empty axes: there the largest of nothing is asked for. The first six are smooth, the last nine exact. */
static ebb_id macro(maker *m) {
    static const ebb_op ops[] = {EBB_OP_softmax, EBB_OP_log_softmax, EBB_OP_logsumexp, EBB_OP_cumsum,
                                 EBB_OP_mean,    EBB_OP_variance,    EBB_OP_norm,      EBB_OP_deviation,
                                 EBB_OP_prod,    EBB_OP_cumprod,     EBB_OP_sort,      EBB_OP_reduce_min};
    ebb_id x = some_of(m, FLOATS, 1);
    int64_t axes[EBB_MAX_RANK], size = 1;
    for (int i = 0; i < shape(m, x)->rank; i++)
        size *= shape(m, x)->dim[i];
    if (size == 0) return x;
    ebb_op op = ops[m->o.exact ? 3 + below(m, 9) : below(m, m->o.smooth ? 6 : 12)];
    axes[0] = below(m, shape(m, x)->rank);
    bool along = op == EBB_OP_softmax || op == EBB_OP_log_softmax || op == EBB_OP_cumsum || op == EBB_OP_cumprod ||
                 op == EBB_OP_sort;
    int n = along ? 1 : some_axes(m, x, axes);
    return record(m, (ebb_application){.op = op, .nattr = n, .attr = axes}, 1, x, 0, 0);
}

/* A softmax written out from parts, or a normalisation: kernels with several passes. */
static ebb_id normalise(maker *m) {
    ebb_id x = some_of(m, FLOATS, 1);
    ebb_shape s = *shape(m, x);
    int64_t axis = below(m, s.rank), other[EBB_MAX_RANK];
    int n = 0;
    for (int i = 0; i < s.rank; i++)
        if (i != axis) other[n++] = i;
    ebb_id e = record(m, (ebb_application){.op = m->o.exact ? EBB_OP_abs : EBB_OP_sigmoid}, 1, x, 0, 0);
    ebb_id sum = record(m, (ebb_application){.op = EBB_OP_sum, .nattr = 1, .attr = &axis}, 1, e, 0, 0);
    return record(m, (ebb_application){.op = EBB_OP_div}, 2, e, broadcast(m, sum, s, other), 0);
}

/* ---- routines ---- */

static ebb_id dot(maker *m) {
    ebb_id x = some_of(m, FLOATS, 2);
    ebb_shape s = *shape(m, x);
    int64_t attr[2] = {below(m, 2), below(m, 2)}, k = s.dim[s.rank - (attr[0] ? 2 : 1)], n = any_size(m);
    s.dim[s.rank - 2] = attr[1] ? n : k;
    s.dim[s.rank - 1] = attr[1] ? k : n;
    return record(m, (ebb_application){.op = EBB_OP_dot, .nattr = 2, .attr = attr}, 2, x,
                  partner(m, ebb_dtype_at(m->g, x), s), 0);
}

/* Integers from 0 to size - 1. */
static ebb_id index_below(maker *m, ebb_shape s, int64_t size) {
    int64_t zero = 0, top = size - 1;
    ebb_id x = partner(m, EBB_I64, s);
    ebb_application number = {.op = EBB_OP_constant, .nattr = 1, .attr = &zero, .asked.dtype = EBB_I64};
    x = record(m, (ebb_application){.op = EBB_OP_max}, 2, x, broadcast(m, record(m, number, 0, 0, 0, 0), s, NULL), 0);
    number.attr = &top;
    return record(m, (ebb_application){.op = EBB_OP_min}, 2, x, broadcast(m, record(m, number, 0, 0, 0, 0), s, NULL),
                  0);
}

static ebb_id gather(maker *m) {
    ebb_id x = some_of(m, m->o.smooth ? FLOATS : NUMBERS, 1);
    ebb_shape s = *shape(m, x), list = {.rank = 1, .dim = {any_size(m)}};
    int64_t axis = below(m, s.rank);
    if (s.dim[axis] == 0) return x;
    ebb_id index = index_below(m, list, s.dim[axis]);
    if (below(m, 2))
        return record(m, (ebb_application){.op = EBB_OP_gather, .nattr = 1, .attr = &axis}, 2, x, index, 0);
    s.dim[axis] = list.dim[0];
    ebb_id updates = partner(m, ebb_dtype_at(m->g, x), s);
    return record(m, (ebb_application){.op = EBB_OP_scatter_add, .nattr = 1, .attr = &axis}, 3, x, index, updates);
}

/* Windows along an axis, and maybe summed back. */
static ebb_id frames(maker *m) {
    ebb_id x = some_of(m, NUMBERS, 1);
    const ebb_shape s = *shape(m, x);
    int64_t axis = below(m, s.rank), length = s.dim[axis];
    if (length == 0 || s.rank > m->o.rank || s.rank == EBB_MAX_RANK) return x;
    int64_t size = 1 + below(m, length < 4 ? length : 4), dilation = 1 + below(m, 3);
    if ((size - 1) * dilation >= length) dilation = 1;
    int64_t attr[] = {axis, size, 1 + below(m, 3), dilation};
    ebb_id y = record(m, (ebb_application){.op = EBB_OP_windows, .nattr = 4, .attr = attr}, 1, x, 0, 0);
    if (m->o.no_whole || y <= EBB_ABSENT || below(m, 2)) return y;
    attr[1] = length;
    return record(m, (ebb_application){.op = EBB_OP_overlap_add, .nattr = 4, .attr = attr}, 1, y, 0, 0);
}

static ebb_id pad(maker *m) {
    ebb_id x = some_of(m, NUMBERS, 1);
    int64_t attr[3 * EBB_MAX_RANK];
    int rank = shape(m, x)->rank;
    for (int i = 0; i < 3 * rank; i++)
        attr[i] = below(m, 3);
    return record(m, (ebb_application){.op = EBB_OP_pad, .nattr = 3 * rank, .attr = attr}, 1, x, 0, 0);
}

static ebb_id concat(maker *m) {
    ebb_id x = some_of(m, NUMBERS | BOOLS, 1);
    ebb_shape s = *shape(m, x);
    int64_t axis = below(m, s.rank);
    s.dim[axis] = any_size(m);
    ebb_id y = partner(m, ebb_dtype_at(m->g, x), s);
    return record(m, (ebb_application){.op = EBB_OP_concat, .nattr = 1, .attr = &axis}, 2, x, y, 0);
}

/* Where elements are, in order. */
static ebb_id places(maker *m) {
    static const ebb_op ops[] = {EBB_OP_argsort, EBB_OP_argmax, EBB_OP_argmin};
    ebb_id x = some_of(m, NUMBERS, 1);
    int64_t axis = below(m, shape(m, x)->rank);
    ebb_op op = ops[shape(m, x)->dim[axis] && !m->o.no_macros ? below(m, 3) : 0];
    return record(m, (ebb_application){.op = op, .nattr = 1, .attr = &axis}, 1, x, 0, 0);
}

static ebb_id truth(maker *m) {
    ebb_id x = some_of(m, BOOLS, 1);
    int64_t axes[EBB_MAX_RANK];
    int n = some_axes(m, x, axes);
    ebb_op op = below(m, 2) ? EBB_OP_reduce_all : EBB_OP_reduce_any;
    return record(m, (ebb_application){.op = op, .nattr = n, .attr = axes}, 1, x, 0, 0);
}

static ebb_id draw(maker *m) {
    ebb_application app = {.op = EBB_OP_random_uniform, .asked = {below(m, 2) ? EBB_F32 : EBB_F64, any_shape(m)}};
    if (!m->o.exact && below(m, 2)) app.op = EBB_OP_random_normal;
    return record(m, app, 1, partner(m, EBB_I64, (ebb_shape){.rank = 1, .dim = {2}}), 0, 0);
}

/* ---- operations that jump, where every engine agrees on their operands to the bit; macros element by element ---- */

#define LENGTH(list) (int64_t)(sizeof(list) / sizeof *(list))

static ebb_id apply(maker *m, ebb_op op, ebb_id x) { return record(m, (ebb_application){.op = op}, 1, x, 0, 0); }

static ebb_id jumping(maker *m) {
    static const ebb_op real[] = {EBB_OP_floor, EBB_OP_ceil, EBB_OP_round, EBB_OP_trunc};
    static const ebb_op ints[] = {EBB_OP_bitwise_and, EBB_OP_bitwise_or, EBB_OP_bitwise_xor, EBB_OP_shift_left,
                                  EBB_OP_shift_right};
    static const ebb_op both[] = {EBB_OP_fmod, EBB_OP_floormod, EBB_OP_floordiv, EBB_OP_squared_difference};
    if (below(m, 3) == 0) return record(m, (ebb_application){.op = real[below(m, 4)]}, 1, some_of(m, FLOATS, 0), 0, 0);
    if (below(m, 6) == 0) return apply(m, EBB_OP_bitwise_not, some_of(m, INTS, 0));
    bool whole = below(m, 2);
    ebb_id x = some_of(m, whole ? INTS : NUMBERS, 0), y = partner(m, ebb_dtype_at(m->g, x), *shape(m, x));
    if (!whole && below(m, 4) == 0) return record(m, (ebb_application){.op = EBB_OP_clip}, 3, x, y, x);
    return record(m, (ebb_application){.op = whole ? ints[below(m, 5)] : both[below(m, 4)]}, 2, x, y, 0);
}

/* ---- operations with poles and edges, on operands kept away from them ---- */

/* x * scale + shift */
static ebb_id scaled(maker *m, ebb_id x, double scale, double shift) {
    ebb_id number[2];
    ebb_dtype dtype = ebb_dtype_at(m->g, x);
    ebb_shape s = *shape(m, x);
    for (int k = 0; k < 2; k++) {
        double v = k ? shift : scale;
        float f = (float)v;
        int64_t bits = 0;
        memcpy(&bits, dtype == EBB_F32 ? (void *)&f : (void *)&v, ebb_dtype_size(dtype));
        ebb_application app = {.op = EBB_OP_constant, .nattr = 1, .attr = &bits, .asked.dtype = dtype};
        number[k] = broadcast(m, record(m, app, 0, 0, 0, 0), s, NULL);
    }
    x = record(m, (ebb_application){.op = EBB_OP_mul}, 2, x, number[0], 0);
    return record(m, (ebb_application){.op = EBB_OP_add}, 2, x, number[1], 0);
}

static ebb_id inside(maker *m, ebb_id x) { return scaled(m, apply(m, EBB_OP_tanh, x), 0.75, 0); } /* (-0.75, 0.75) */
static ebb_id positive(maker *m, ebb_id x) { return scaled(m, apply(m, EBB_OP_sigmoid, x), 1, 0.5); } /* (0.5, 1.5) */

static ebb_id guarded(maker *m) {
    static const ebb_op any[] = {EBB_OP_exp,  EBB_OP_expm1, EBB_OP_tan,   EBB_OP_asin,   EBB_OP_acos,
                                 EBB_OP_sinh, EBB_OP_cosh,  EBB_OP_log1p, EBB_OP_square, EBB_OP_softplus,
                                 EBB_OP_erf,  EBB_OP_erfc,  EBB_OP_exp2,  EBB_OP_asinh,  EBB_OP_atanh};
    static const ebb_op above[] = {EBB_OP_log,   EBB_OP_sqrt, EBB_OP_recip,  EBB_OP_abs,
                                   EBB_OP_relu,  EBB_OP_sign, EBB_OP_log2,   EBB_OP_log10,
                                   EBB_OP_rsqrt, EBB_OP_cbrt, EBB_OP_lgamma, EBB_OP_stop_gradient};
    static const ebb_op two[] = {EBB_OP_div,       EBB_OP_hypot, EBB_OP_atan2,
                                 EBB_OP_logaddexp, EBB_OP_xlogy, EBB_OP_divide_no_nan};
    ebb_id x = some_of(m, FLOATS, 0);
    if (below(m, 2)) return apply(m, any[below(m, LENGTH(any))], inside(m, x));
    if (below(m, 8) == 0) return apply(m, EBB_OP_sinc, inside(m, x));
    if (below(m, 8) == 0) return apply(m, EBB_OP_digamma, positive(m, x));
    if (below(m, 8) == 0) return apply(m, EBB_OP_acosh, scaled(m, positive(m, x), 1, 1));
    if (below(m, 2)) return apply(m, above[below(m, LENGTH(above))], positive(m, x));
    ebb_id y = partner(m, ebb_dtype_at(m->g, x), *shape(m, x));
    if (below(m, 2)) return record(m, (ebb_application){.op = two[below(m, LENGTH(two))]}, 2, x, positive(m, y), 0);
    return record(m, (ebb_application){.op = EBB_OP_pow}, 2, positive(m, x), inside(m, y), 0);
}

/* The norm, and a loss over the last axis. */
static ebb_id guarded_macro(maker *m) {
    ebb_id x = some_of(m, FLOATS, 1);
    ebb_shape s = *shape(m, x);
    int64_t axis = s.rank - 1;
    if (s.dim[axis] == 0) return x;
    if (below(m, 2))
        return record(m, (ebb_application){.op = EBB_OP_norm, .nattr = 1, .attr = &axis}, 1, positive(m, x), 0, 0);
    ebb_shape batch = {.rank = s.rank - 1};
    memcpy(batch.dim, s.dim, (size_t)batch.rank * sizeof *s.dim);
    ebb_id labels = index_below(m, batch, s.dim[axis]);
    return record(m, (ebb_application){.op = EBB_OP_sparse_softmax_cross_entropy}, 2, inside(m, x), labels, 0);
}

/* ---- programs ---- */

typedef ebb_id make(maker *m);

static bool left_out(const maker *m, make *f) {
    if (m->o.no_whole && (f == dot || f == gather || f == pad || f == places || f == concat || f == draw)) return true;
    if (m->o.no_macros && (f == macro || f == truth)) return true;
    return m->o.smooth && (f == logic || f == compare || f == cast || f == places || f == truth || f == draw);
}

static void grow(maker *m) {
    if (m->o.exact && !m->o.no_macros && below(m, 8) == 0) {
        jumping(m);
        return;
    }
    static make *const wide[] = {guarded, guarded, guarded, guarded, guarded, guarded_macro, draw};
    if (m->o.wide && below(m, 5) < 2) {
        wide[below(m, LENGTH(wide))](m);
        return;
    }
    static make *const makes[] = {unary,  unary,  binary,    binary, binary,  binary,    compare, logic,
                                  choose, cast,   transpose, slice,  reshape, stretch,   reverse, reduce,
                                  reduce, macro,  macro,     macro,  macro,   normalise, dot,     gather,
                                  pad,    concat, places,    truth,  draw,    frames};
    make *f = makes[below(m, (int64_t)(sizeof makes / sizeof *makes))];
    if (!left_out(m, f)) f(m);
}

/* Parameter k's next value. */
static ebb_id update(maker *m, int k) {
    ebb_id x = m->g->input[k];
    if (below(m, 4) == 0) return partner(m, ebb_dtype_at(m->g, x), *shape(m, x));
    if (ebb_dtype_at(m->g, x) == EBB_BOOL) return record(m, (ebb_application){.op = EBB_OP_logical_not}, 1, x, 0, 0);
    return record(m, (ebb_application){.op = EBB_OP_sub}, 2, x, partner(m, ebb_dtype_at(m->g, x), *shape(m, x)), 0);
}

/* The sum of everything a float node holds. */
static ebb_id total(maker *m) {
    ebb_id x = some_of(m, FLOATS, 0);
    int64_t axes[EBB_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
    return record(m, (ebb_application){.op = EBB_OP_sum, .nattr = shape(m, x)->rank, .attr = axes}, 1, x, 0, 0);
}

static int states(const ebb_random_options *o) { return o->state < 3 ? o->state : 3; } /* there are three at least */

ebb_graph *ebb_random_graph(uint64_t seed, const ebb_random_options *options) {
    static ebb_diag unread;
    maker m = {ebb_graph_new(&ebb_malloc_allocator, &unread, "random"), seed,
               options ? *options : (ebb_random_options){0}};
    if (!m.g) return NULL;
    if (!m.o.nodes) m.o.nodes = 20;
    if (!m.o.rank) m.o.rank = 3;
    if (!m.o.size) m.o.size = 9;
    if (!m.o.outputs) m.o.outputs = 3;
    for (int i = 0; i < 3; i++)
        input(&m, any_dtype(&m), any_shape(&m));
    for (int tries = 0; m.g->count < m.o.nodes && tries < 4 * m.o.nodes; tries++)
        grow(&m);
    if (m.o.smooth) ebb_add_output(m.g, total(&m));
    for (int j = 0; j < m.o.outputs; j++)
        ebb_add_output(m.g, some(&m));
    ebb_id next[EBB_MAX_RANK];
    int n = states(&m.o);
    for (int k = 0; k < n; k++)
        next[k] = update(&m, k);
    for (int k = 0; k < n; k++)
        ebb_add_output(m.g, next[k]);
    m.g->diag = NULL;
    return m.g;
}

void ebb_random_alias(const ebb_graph *g, const ebb_random_options *options, int32_t *alias) {
    int n = states(options);
    for (int j = 0; j < g->outputs; j++)
        alias[j] = j < g->outputs - n ? -1 : j - (g->outputs - n);
}

/* ---- numbers ---- */

static double any_number(uint64_t *seed, bool special) {
    static const double odd[] = {1.0 / 0.0, -1.0 / 0.0, 0.0 / 0.0, -0.0, 0.0, 1e30, -1e-30};
    uint64_t bits = ebb_random_next(seed);
    if (special && bits % 16 == 0) return odd[(bits >> 8) % 7];
    return (double)(bits >> 11) * 0x1p-51 - 2; /* [-2, 2) */
}

void ebb_random_fill(uint64_t seed, ebb_dtype dtype, int64_t count, bool special, void *to) {
    for (int64_t i = 0; i < count; i++) {
        double x = any_number(&seed, special && ebb_is_float(dtype));
        switch (dtype) {
        case EBB_NONE:
            break;
        case EBB_BOOL:
            ((uint8_t *)to)[i] = x > 0;
            break;
        case EBB_I32:
            ((int32_t *)to)[i] = (int32_t)(4 * x);
            break;
        case EBB_I64:
            ((int64_t *)to)[i] = (int64_t)(4 * x);
            break;
        case EBB_F32:
            ((float *)to)[i] = (float)x;
            break;
        case EBB_F64:
            ((double *)to)[i] = x;
            break;
        }
    }
}
