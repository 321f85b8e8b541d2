/* random_leaf.c - draws, leaves, and operands of a wanted type. See random_maker.h. */
#include <string.h>

#include "tests/support/random_maker.h"

/* ---- draws ---- */

uint64_t ebb_random_next(uint64_t *seed) {
    uint64_t z = *seed += 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
}

int64_t maker_below(maker *m, int64_t n) { return (int64_t)(ebb_random_next(&m->seed) % (uint64_t)n); }

ebb_dtype maker_dtype(maker *m) {
    static const ebb_dtype some[] = {EBB_F32, EBB_F64, EBB_F32, EBB_F64, EBB_F32, EBB_I32, EBB_I64, EBB_BOOL};
    ebb_dtype dtype = some[maker_below(m, m->o.smooth ? 5 : 8)];
    return m->o.wide && dtype == EBB_F32 ? EBB_F64 : dtype;
}

int64_t maker_size(maker *m) {
    int64_t n = maker_below(m, m->o.size + 1);
    return n == 0 && (m->o.no_empty || maker_below(m, 4)) ? 1 : n;
}

ebb_shape maker_shape(maker *m) {
    ebb_shape s = {.rank = (int32_t)maker_below(m, m->o.rank + 1)};
    for (int i = 0; i < s.rank; i++)
        s.dim[i] = maker_size(m);
    return s;
}

/* ---- recording ---- */

ebb_id maker_record(maker *m, ebb_application app, int narg, ebb_id x, ebb_id y, ebb_id z) {
    return ebb_record(m->g, &app, narg, (const ebb_id[]){x, y, z});
}

ebb_id maker_apply(maker *m, ebb_op op, int narg, ebb_id x, ebb_id y) {
    return maker_record(m, (ebb_application){.op = op}, narg, x, y, 0);
}

ebb_id maker_broadcast(maker *m, ebb_id x, ebb_shape to, const int64_t *axes) {
    ebb_application app = {.op = EBB_OP_broadcast, .nattr = shape_at(m, x)->rank, .attr = axes, .asked.shape = to};
    return maker_record(m, app, 1, x, 0, 0);
}

/* ---- leaves ---- */

ebb_id maker_input(maker *m, ebb_dtype dtype, ebb_shape s) {
    return ebb_add_input(m->g, (ebb_type){dtype, s}, (ebb_site){0});
}

static ebb_id constant_of(maker *m, ebb_dtype dtype, ebb_shape s, int64_t n, const int64_t *payload) {
    int words = (int)(((size_t)n * ebb_dtype_size(dtype) + 7) / 8);
    ebb_application app = {.op = EBB_OP_constant, .nattr = words, .attr = payload, .asked = {dtype, s}};
    return maker_record(m, app, 0, 0, 0, 0);
}

ebb_id maker_constant(maker *m, ebb_dtype dtype, ebb_shape s) {
    int64_t payload[64] = {0}, n = 0;
    if (!ebb_shape_size(&s, &n) || n > 64) return m->closed ? maker_full(m, dtype, s, 0.5) : maker_input(m, dtype, s);
    ebb_random_fill(ebb_random_next(&m->seed), dtype, n, false, payload);
    return constant_of(m, dtype, s, n, payload);
}

ebb_id maker_full(maker *m, ebb_dtype dtype, ebb_shape s, double value) {
    int64_t bits = (int64_t)value;
    float single = (float)value;
    if (dtype == EBB_F32) memcpy(&bits, &single, sizeof single);
    if (dtype == EBB_F64) memcpy(&bits, &value, sizeof value);
    return maker_broadcast(m, constant_of(m, dtype, (ebb_shape){0}, 1, &bits), s, NULL);
}

static ebb_id leaf(maker *m, ebb_dtype dtype, ebb_shape s) {
    int64_t axis = s.rank ? maker_below(m, s.rank) : 0;
    switch (maker_below(m, 6)) {
    case 0:
        return maker_constant(m, dtype, s);
    case 1:
        return maker_broadcast(m, maker_constant(m, dtype, (ebb_shape){0}), s, NULL);
    case 2:
        if (s.rank && dtype != EBB_BOOL)
            return maker_record(m, (ebb_application){.op = EBB_OP_iota, .nattr = 1, .attr = &axis, .asked = {dtype, s}},
                                0, 0, 0, 0);
        /* fall through */
    default:
        return m->closed ? maker_constant(m, dtype, s) : maker_input(m, dtype, s);
    }
}

/* ---- operands ---- */

ebb_id maker_some(maker *m) {
    ebb_id x = 1 + (ebb_id)maker_below(m, m->g->count - 1);
    ebb_id y = 1 + (ebb_id)maker_below(m, m->g->count - 1);
    x = x > y ? x : y;
    return dtype_at(m, x) == EBB_NONE ? m->g->input[0] : x; /* a tuple is no operand */
}

ebb_id maker_partner(maker *m, ebb_dtype dtype, ebb_shape s) {
    for (int tries = 0; tries < 12; tries++) {
        ebb_id y = maker_some(m);
        const ebb_shape *t = shape_at(m, y);
        int64_t axes[EBB_MAX_RANK], shift = s.rank - t->rank;
        bool fits = dtype_at(m, y) == dtype && shift >= 0;
        for (int i = 0; fits && i < t->rank; i++) {
            axes[i] = i + shift;
            fits = t->dim[i] == 1 || t->dim[i] == s.dim[i + shift];
        }
        if (fits) return ebb_shape_equal(t, &s) ? y : maker_broadcast(m, y, s, axes);
    }
    return leaf(m, dtype, s);
}

ebb_id maker_some_of(maker *m, unsigned dtypes, int rank) {
    for (int tries = 0; tries < 12; tries++) {
        ebb_id x = maker_some(m);
        if (dtypes >> dtype_at(m, x) & 1 && shape_at(m, x)->rank >= rank) return x;
    }
    ebb_shape s = maker_shape(m);
    while (s.rank < rank)
        s.dim[s.rank++] = maker_size(m);
    ebb_dtype dtype = dtypes == INTS || dtypes == BOOLS ? (dtypes == INTS ? EBB_I64 : EBB_BOOL) : EBB_NONE;
    while (!(dtypes >> dtype & 1))
        dtype = maker_dtype(m);
    return leaf(m, dtype, s);
}

ebb_id maker_index(maker *m, ebb_shape s, int64_t size) {
    ebb_id x = maker_partner(m, EBB_I64, s);
    x = maker_apply(m, EBB_OP_max, 2, x, maker_full(m, EBB_I64, s, 0));
    return maker_apply(m, EBB_OP_min, 2, x, maker_full(m, EBB_I64, s, (double)(size - 1)));
}

ebb_id maker_between(maker *m, ebb_id x, double low, double high) {
    ebb_dtype dtype = dtype_at(m, x);
    ebb_shape s = *shape_at(m, x);
    x = maker_apply(m, EBB_OP_sigmoid, 1, x, 0);
    x = maker_apply(m, EBB_OP_mul, 2, x, maker_full(m, dtype, s, high - low));
    return maker_apply(m, EBB_OP_add, 2, x, maker_full(m, dtype, s, low));
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
