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

ebb_tensor *ebb_random_normal_at(ebb_context *ebb, ebb_dtype dtype, int rank, const int64_t *dims, double mean,
                                 double deviation, const char *file, int line) {
    EBB_PLAIN_FLOATS;
    ebb_site site = ebb_site_at(file, line);
    ebb_type type;
    if (!is_asked_well(ebb, "ebb_random_normal", dtype, rank, dims, &type, site)) return ebb_poison_of(ebb);
    if (!isfinite(rounded(dtype, mean)) || !isfinite(rounded(dtype, deviation)) || deviation < 0)
        return ebb_fail_at(ebb, EBB_VALUE_ERROR, site,
                           "ebb_random_normal: mean and deviation must be finite, and deviation not negative");
    ebb_tensor *y = ebb_poison_of(ebb);
    EBB_SCOPE (ebb) {
        y = draw(ebb, EBB_OP_random_normal, &type, site);
        if (mean != 0 || deviation != 1) y = affine(deviation, y, mean);
        ebb_keep(y);
    }
    return y;
}
