/* random.c - random numbers from the context's generator, a variable i64[2] = {seed, counter}.
 *
 * A draw reads the generator, and sets its counter one further. Both go through the same doors as everything else, so a
 * compiled function draws fresh numbers at each call, of the same stream as eager code. */
#include "frontend/values.h"
#include "jit/graph/plain_floats.h"

#include <math.h>

static const ebb_type key_type = {EBB_I64, {1, {2}}};

static ebb_tensor *generator(ebb_context *ebb) {
    const int64_t key[2] = {(int64_t)ebb->options.seed, 0};
    if (!ebb->generator) ebb->generator = ebb_variable_new(ebb, &key_type, key, "generator", false, (ebb_site){0});
    return ebb->generator ? ebb->generator : ebb_fail_at(ebb, EBB_NO_MEMORY, (ebb_site){0}, "out of memory");
}

void ebb_set_seed(ebb_context *ebb, uint64_t seed) {
    const int64_t key[2] = {(int64_t)seed, 0};
    if (!ebb) {
        ebb_fail_at(NULL, EBB_TYPE_ERROR, (ebb_site){0}, "ebb_set_seed: the context is NULL");
        return;
    }
    ebb_enter(ebb);
    EBB_SCOPE (ebb) {
        ebb_tensor *v = generator(ebb), *value = ebb_tensor_value(ebb, &key_type, key, (ebb_site){0});
        if (v->kind != EBB_KIND_POISON && value->kind != EBB_KIND_POISON) ebb_variable_set(v, value, (ebb_site){0});
    }
}

/* Poison if the generator could not be moved on: the same numbers must not come twice. */
static ebb_tensor *advance(ebb_context *ebb, ebb_tensor *v) {
    static const int64_t one_draw[2] = {0, 1};
    ebb_tensor *arg[2] = {v, ebb_tensor_value(ebb, &key_type, one_draw, (ebb_site){0})};
    ebb_tensor *next = ebb_dispatch(ebb, &(ebb_application){.op = EBB_OP_add}, 2, arg);
    return next->kind == EBB_KIND_POISON ? next : ebb_variable_set(v, next, (ebb_site){0});
}

static ebb_tensor *draw(ebb_context *ebb, ebb_op op, const ebb_type *type, ebb_site site) {
    ebb_tensor *v = generator(ebb);
    ebb_tensor *numbers = ebb_dispatch(ebb, &(ebb_application){.op = op, .asked = *type, .site = site}, 1, &v);
    if (numbers->kind == EBB_KIND_POISON) return numbers;
    return advance(ebb, v)->kind == EBB_KIND_POISON ? ebb_poison_of(ebb) : numbers;
}

static bool is_asked_well(ebb_context *ebb, const char *function, ebb_dtype dtype, int rank, const int64_t *dims,
                          ebb_type *type, ebb_site site) {
    if (!ebb) return ebb_fail_at(NULL, EBB_TYPE_ERROR, site, "%s: the context is NULL", function), false;
    ebb_enter(ebb);
    if (!ebb_is_float(dtype))
        return ebb_fail_at(ebb, EBB_TYPE_ERROR, site, "%s: random numbers are f32 or f64, not %s", function,
                           ebb_dtype_short(dtype)),
               false;
    type->dtype = dtype;
    return ebb_shape_given(ebb, function, rank, dims, &type->shape, site);
}

/* a * x + b */
static ebb_tensor *affine(double a, ebb_tensor *x, double b) {
    ebb_tensor *y = ebb_mul_at(ebb_operand_double(a), ebb_operand_tensor(x), NULL, 0);
    return ebb_add_at(ebb_operand_tensor(y), ebb_operand_double(b), NULL, 0);
}

static double rounded(ebb_dtype dtype, double x) { return dtype == EBB_F32 ? (double)(float)x : x; }

static double largest_below(ebb_dtype dtype, double x) {
    return dtype == EBB_F32 ? (double)nextafterf((float)x, -INFINITY) : nextafter(x, -INFINITY);
}

/* Rounding may reach `high` from below, so the end is cut. */
static ebb_tensor *spread(ebb_tensor *u, ebb_dtype dtype, double low, double high) {
    ebb_operand end = ebb_operand_double(largest_below(dtype, high));
    return ebb_min_at(ebb_operand_tensor(affine(high - low, u, low)), end, NULL, 0);
}

ebb_tensor *ebb_random_uniform_at(ebb_context *ebb, ebb_dtype dtype, int rank, const int64_t *dims, double low,
                                  double high, const char *file, int line) {
    EBB_PLAIN_FLOATS;
    ebb_site site = ebb_site_at(file, line);
    ebb_type type;
    if (!is_asked_well(ebb, "ebb_random_uniform", dtype, rank, dims, &type, site)) return ebb_poison_of(ebb);
    low = rounded(dtype, low);
    high = rounded(dtype, high);
    if (!(low < high) || !isfinite(rounded(dtype, high - low)))
        return ebb_fail_at(ebb, EBB_VALUE_ERROR, site,
                           "ebb_random_uniform: low must be less than high, and both finite");
    ebb_tensor *y = ebb_poison_of(ebb);
    EBB_SCOPE (ebb) {
        y = draw(ebb, EBB_OP_random_uniform, &type, site);
        if (low != 0 || high != 1) y = spread(y, dtype, low, high);
        ebb_keep(y);
    }
    return y;
}

static ebb_tensor *normal(ebb_context *ebb, const char *function, ebb_op op, const ebb_type *type, double mean,
                          double deviation, ebb_site site) {
    ebb_dtype dtype = type->dtype;
    if (!isfinite(rounded(dtype, mean)) || !isfinite(rounded(dtype, deviation)) || deviation < 0)
        return ebb_fail_at(ebb, EBB_VALUE_ERROR, site,
                           "%s: mean and deviation must be finite, and deviation not negative", function);
    ebb_tensor *y = ebb_poison_of(ebb);
    EBB_SCOPE (ebb) {
        y = draw(ebb, op, type, site);
        if (mean != 0 || deviation != 1) y = affine(deviation, y, mean);
        ebb_keep(y);
    }
    return y;
}

#define NORMAL(op)                                                                                                     \
    ebb_tensor *ebb_##op##_at(ebb_context *ebb, ebb_dtype dtype, int rank, const int64_t *dims, double mean,           \
                              double deviation, const char *file, int line) {                                          \
        EBB_PLAIN_FLOATS;                                                                                              \
        ebb_site site = ebb_site_at(file, line);                                                                       \
        ebb_type type;                                                                                                 \
        if (!is_asked_well(ebb, "ebb_" #op, dtype, rank, dims, &type, site)) return ebb_poison_of(ebb);                \
        return normal(ebb, "ebb_" #op, EBB_OP_##op, &type, mean, deviation, site);                                     \
    }
NORMAL(random_normal)
NORMAL(random_truncated_normal)

/* ---- choices ---- */

static ebb_operand of(ebb_tensor *x) { return ebb_operand_tensor(x); }

/* The last element of each line of the last axis, which stays with size 1. */
static ebb_tensor *last_of(ebb_tensor *x, ebb_site site) {
    int64_t start[EBB_MAX_RANK] = {0}, stop[EBB_MAX_RANK];
    if (x->kind == EBB_KIND_POISON) return x;
    for (int i = 0; i < x->type.shape.rank; i++)
        stop[i] = INT64_MAX;
    start[x->type.shape.rank - 1] = -1;
    return ebb_slice_at(x, start, stop, NULL, site.file, site.line);
}

/* Classes share the line from 0 to the sum of their weights e^(logit - the largest); a uniform number falls to one of
 * them. A class of weight 0 has no part of the line. */
static ebb_tensor *chosen(ebb_context *ebb, ebb_tensor *logits, const ebb_type *points, ebb_site site) {
    const int last = -1;
    const int64_t classes = logits->type.shape.dim[logits->type.shape.rank - 1];
    ebb_tensor *x = ebb_cast_at(logits, EBB_F64, site.file, site.line);
    ebb_tensor *largest = ebb_reduce_max_at(x, 1, &last, true, site.file, site.line);
    ebb_tensor *weight = ebb_exp_at(ebb_sub_at(of(x), of(largest), site.file, site.line), site.file, site.line);
    ebb_tensor *ends = ebb_cumsum_at(weight, -1, site.file, site.line);
    ebb_tensor *at =
        ebb_mul_at(of(draw(ebb, EBB_OP_random_uniform, points, site)), of(last_of(ends, site)), site.file, site.line);
    ebb_tensor *y = ebb_searchsorted_at(ends, at, true, site.file, site.line);
    return ebb_min_at(of(y), ebb_operand_long(classes - 1), site.file, site.line);
}

ebb_tensor *ebb_random_categorical_at(ebb_tensor *logits, int64_t n, const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    ebb_context *ebb = ebb_context_of(1, &logits);
    char text[EBB_TYPE_TEXT];
    if (!ebb_operands_usable(ebb, "ebb_random_categorical", 1, &logits, site)) return ebb_poison_of(ebb);
    ebb_type points = {EBB_F64, logits->type.shape};
    const int rank = points.shape.rank;
    if (!ebb_is_float(logits->type.dtype))
        return ebb_fail_at(ebb, EBB_TYPE_ERROR, site, "ebb_random_categorical: the logits are %s; they need f32 or f64",
                           ebb_type_text(&logits->type, text));
    if (n < 0 || !rank || !ebb_shape_concrete(&points.shape) || points.shape.dim[rank - 1] == 0)
        return ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "ebb_random_categorical: %lld samples of logits %s",
                           (long long)n, ebb_shape_text(&points.shape, text));
    points.shape.dim[rank - 1] = n;
    ebb_tensor *y = ebb_poison_of(ebb);
    EBB_SCOPE (ebb)
        y = ebb_keep(chosen(ebb, logits, &points, site));
    return y;
}

/* ---- orders: where n random numbers are in rising order; two of 53 bits are hardly ever equal ---- */

static ebb_tensor *permutation(ebb_context *ebb, int64_t n, ebb_site site) {
    ebb_tensor *y = ebb_poison_of(ebb);
    EBB_SCOPE (ebb) {
        ebb_tensor *numbers = draw(ebb, EBB_OP_random_uniform, &(ebb_type){EBB_F64, {1, {n}}}, site);
        y = ebb_keep(ebb_argsort_at(numbers, 0, site.file, site.line));
    }
    return y;
}

ebb_tensor *ebb_random_permutation_at(ebb_context *ebb, int64_t n, const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    if (!ebb) return ebb_fail_at(NULL, EBB_TYPE_ERROR, site, "ebb_random_permutation: the context is NULL");
    ebb_enter(ebb);
    if (n < 0) return ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "ebb_random_permutation: of %lld elements", (long long)n);
    return permutation(ebb, n, site);
}

ebb_tensor *ebb_random_shuffle_at(ebb_tensor *x, const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    ebb_context *ebb = ebb_context_of(1, &x);
    char text[EBB_TYPE_TEXT];
    if (!ebb_operands_usable(ebb, "ebb_random_shuffle", 1, &x, site)) return ebb_poison_of(ebb);
    if (!x->type.shape.rank || x->type.shape.dim[0] < 0)
        return ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "ebb_random_shuffle: %s has no first axis of known size",
                           ebb_type_text(&x->type, text));
    ebb_tensor *y = ebb_poison_of(ebb);
    EBB_SCOPE (ebb)
        y = ebb_keep(ebb_gather_at(x, permutation(ebb, x->type.shape.dim[0], site), 0, file, line));
    return y;
}
