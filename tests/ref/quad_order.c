/* quad_order.c - references of what compares or accumulates along axes: the other reductions, running totals, sorting.
 */
#include "tests/ref/quad_ops.h"

#include <quadmath.h>
#include <stdlib.h>

void quad_variance(const quad_call *c);
void quad_deviation(const quad_call *c);
void quad_prod(const quad_call *c);
void quad_reduce_min(const quad_call *c);
void quad_reduce_all(const quad_call *c);
void quad_reduce_any(const quad_call *c);
void quad_argmin(const quad_call *c);
void quad_cumsum(const quad_call *c);
void quad_cumprod(const quad_call *c);
void quad_argsort(const quad_call *c);
void quad_sort(const quad_call *c);
void quad_top_k(const quad_call *c);
void quad_arg_top_k(const quad_call *c);
void quad_searchsorted(const quad_call *c);

static void fill(quad_tensor *y, quad value) {
    for (int64_t g = 0; g < y->size; g++)
        y->at[g] = value;
}

/* Two passes, as the definition says. */
void quad_variance(const quad_call *c) {
    quad_tensor mean = quad_new(c->result->type), *y = c->result;
    quad n = y->size ? (quad)c->arg[0].size / y->size : 0;
    for (int64_t k = 0; k < c->arg[0].size; k++)
        mean.at[quad_group(c, k)] += c->arg[0].at[k] / n;
    for (int64_t k = 0; k < c->arg[0].size; k++) {
        quad d = c->arg[0].at[k] - mean.at[quad_group(c, k)];
        y->at[quad_group(c, k)] += d * d / n;
    }
    for (int64_t g = 0; g < y->size; g++)
        y->scale[g] = y->at[g] = n > 0 ? y->at[g] : nanq("");
    quad_free(&mean);
}

void quad_deviation(const quad_call *c) {
    quad_variance(c);
    for (int64_t g = 0; g < c->result->size; g++)
        c->result->scale[g] = c->result->at[g] = sqrtq(c->result->at[g]);
}

void quad_prod(const quad_call *c) {
    quad_tensor *y = c->result;
    fill(y, 1);
    for (int64_t k = 0; k < c->arg[0].size; k++) {
        int64_t g = quad_group(c, k);
        y->at[g] *= c->arg[0].at[k];
        if (ebb_is_int(y->type.dtype)) y->at[g] = quad_wrap(y->type.dtype, y->at[g]);
    }
}

static void fold_bools(const quad_call *c, quad start) {
    fill(c->result, start);
    for (int64_t k = 0; k < c->arg[0].size; k++)
        if ((c->arg[0].at[k] != 0) != (start != 0)) c->result->at[quad_group(c, k)] = !start;
}

void quad_reduce_all(const quad_call *c) { fold_bools(c, 1); }
void quad_reduce_any(const quad_call *c) { fold_bools(c, 0); }

/* x before y where the least comes first: NaN, then numbers, -0 before +0 if zeros differ. */
static bool less(quad x, quad y, bool zeros_differ) {
    if (isnanq(x) || isnanq(y)) return isnanq(x) && !isnanq(y);
    return x < y || (zeros_differ && x == 0 && y == 0 && signbitq(x) && !signbitq(y));
}

static int64_t least(const quad_call *c, int64_t g, bool zeros_differ) {
    const quad *x = c->arg[0].at;
    int64_t best = -1;
    for (int64_t k = 0; k < c->arg[0].size; k++)
        if (quad_group(c, k) == g && (best < 0 || less(x[k], x[best], zeros_differ))) best = k;
    return best;
}

void quad_reduce_min(const quad_call *c) {
    for (int64_t g = 0; g < c->result->size; g++)
        c->result->at[g] = c->arg[0].at[least(c, g, true)];
}

void quad_argmin(const quad_call *c) {
    int64_t index[EBB_MAX_RANK];
    for (int64_t g = 0; g < c->result->size; g++) {
        quad_position(&c->arg[0].type.shape, least(c, g, false), index);
        c->result->at[g] = index[c->app->attr[0]];
    }
}

/* ---- along an axis ---- */

/* How far apart the neighbours on the axis are, in elements. */
static int64_t step_of(const quad_call *c) {
    int64_t step = 1;
    for (int a = c->arg[0].type.shape.rank - 1; a > c->app->attr[0]; a--)
        step *= c->arg[0].type.shape.dim[a];
    return step;
}

static int64_t place_of(const quad_call *c, int64_t k) {
    return k / step_of(c) % c->arg[0].type.shape.dim[c->app->attr[0]];
}

static void accumulate(const quad_call *c, bool product) {
    quad_tensor *y = c->result;
    for (int64_t k = 0; k < y->size; k++) {
        quad x = c->arg[0].at[k];
        bool first = place_of(c, k) == 0;
        quad before = first ? 0 : y->at[k - step_of(c)];
        y->at[k] = first ? x : product ? before * x : before + x;
        if (ebb_is_int(y->type.dtype)) y->at[k] = quad_wrap(y->type.dtype, y->at[k]);
        y->scale[k] = product ? fabsq(y->at[k]) : fabsq(x) + (first ? 0 : y->scale[k - step_of(c)]);
    }
}

void quad_cumsum(const quad_call *c) { accumulate(c, false); }
void quad_cumprod(const quad_call *c) { accumulate(c, true); }

/* Element k belongs at the place with as many before it as come before it in order, or are equal and earlier. */
static int64_t sorted_place(const quad_call *c, int64_t k) {
    int64_t size = c->arg[0].type.shape.dim[c->app->attr[0]], step = step_of(c), start = k - place_of(c, k) * step;
    const quad *x = c->arg[0].at;
    int64_t place = 0;
    for (int64_t j = start; j < start + size * step; j += step) {
        bool before = isnanq(x[k]) ? !isnanq(x[j]) : x[j] < x[k];
        bool after = isnanq(x[j]) ? !isnanq(x[k]) : x[k] < x[j];
        place += before || (!after && j < k);
    }
    return start + place * step;
}

void quad_argsort(const quad_call *c) {
    for (int64_t k = 0; k < c->result->size; k++)
        c->result->at[sorted_place(c, k)] = place_of(c, k);
}

void quad_sort(const quad_call *c) {
    for (int64_t k = 0; k < c->result->size; k++)
        c->result->at[sorted_place(c, k)] = c->arg[0].at[k];
}

/* Element k is at the place with as many before it as are larger, or equal and earlier, on its line of the axis; places
 * from attr[1] on are left out. */
static void top(const quad_call *c, bool values) {
    const quad *x = c->arg[0].at;
    int64_t size = c->arg[0].type.shape.dim[c->app->attr[0]], step = step_of(c), most = c->app->attr[1];
    for (int64_t k = 0; k < c->arg[0].size; k++) {
        int64_t own = place_of(c, k), start = k - own * step, place = 0, line = start / (size * step);
        for (int64_t j = start; j < start + size * step; j += step) {
            bool larger = isnanq(x[j]) ? !isnanq(x[k]) : x[j] > x[k];
            bool smaller = isnanq(x[k]) ? !isnanq(x[j]) : x[k] > x[j];
            place += larger || (!smaller && j < k);
        }
        if (place < most) c->result->at[(line * most + place) * step + start % step] = values ? x[k] : (quad)own;
    }
}

void quad_top_k(const quad_call *c) { top(c, true); }
void quad_arg_top_k(const quad_call *c) { top(c, false); }

/* Counted one by one. */
void quad_searchsorted(const quad_call *c) {
    const ebb_shape *x = &c->arg[0].type.shape;
    int64_t size = x->dim[x->rank - 1], lines = 1;
    for (int a = 0; a < x->rank - 1; a++)
        lines *= x->dim[a];
    for (int64_t k = 0; k < c->result->size; k++) {
        const quad *line = c->arg[0].at + k / (c->result->size / lines) * size, v = c->arg[1].at[k];
        for (int64_t j = 0; j < size; j++) {
            bool less = isnanq(v) ? !isnanq(line[j]) : line[j] < v,
                 greater = isnanq(line[j]) ? !isnanq(v) : line[j] > v;
            c->result->at[k] += c->app->attr[0] ? !greater : less;
        }
    }
}
