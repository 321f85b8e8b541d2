/* quad_axes.c - references of the operations that look at axes: views, reductions, products. */
#include "tests/ref/quad_ops.h"

#include <quadmath.h>
#include <stdlib.h>

void quad_broadcast(const quad_call *c);
void quad_reshape(const quad_call *c);
void quad_transpose(const quad_call *c);
void quad_slice(const quad_call *c);
void quad_reverse(const quad_call *c);
void quad_windows(const quad_call *c);
void quad_overlap_add(const quad_call *c);
void quad_pad(const quad_call *c);
void quad_concat(const quad_call *c);
void quad_sum(const quad_call *c);
void quad_reduce_max(const quad_call *c);
void quad_argmax(const quad_call *c);
void quad_dot(const quad_call *c);

static const ebb_shape *shape_of(const quad_call *c, int k) { return &c->arg[k].type.shape; }

/* Where `from` is read by result element `to`. */
typedef void route(const quad_call *c, const int64_t *to, int64_t *from);

static void view(const quad_call *c, route *go) {
    int64_t to[EBB_MAX_RANK], from[EBB_MAX_RANK];
    for (int64_t k = 0; k < c->result->size; k++) {
        quad_position(&c->result->type.shape, k, to);
        go(c, to, from);
        c->result->at[k] = c->arg[0].at[quad_offset(shape_of(c, 0), from)];
    }
}

static void stretch(const quad_call *c, const int64_t *to, int64_t *from) {
    for (int a = 0; a < shape_of(c, 0)->rank; a++)
        from[a] = shape_of(c, 0)->dim[a] == 1 ? 0 : to[c->app->attr[a]];
}

static void permute(const quad_call *c, const int64_t *to, int64_t *from) {
    for (int a = 0; a < shape_of(c, 0)->rank; a++)
        from[c->app->attr[a]] = to[a];
}

static void step(const quad_call *c, const int64_t *to, int64_t *from) {
    int rank = shape_of(c, 0)->rank;
    for (int a = 0; a < rank; a++)
        from[a] = c->app->attr[a] + to[a] * c->app->attr[rank + a];
}

static void turn(const quad_call *c, const int64_t *to, int64_t *from) {
    for (int a = 0; a < shape_of(c, 0)->rank; a++)
        from[a] = to[a];
    for (int i = 0; i < c->app->nattr; i++)
        from[c->app->attr[i]] = shape_of(c, 0)->dim[c->app->attr[i]] - 1 - to[c->app->attr[i]];
}

static void frame(const quad_call *c, const int64_t *to, int64_t *from) {
    const int64_t *window = c->app->attr, axis = window[0];
    for (int a = 0; a < shape_of(c, 0)->rank; a++)
        from[a] = to[a <= axis ? a : a + 1];
    from[axis] = to[axis] * window[2] + to[axis + 1] * window[3];
}

void quad_windows(const quad_call *c) { view(c, frame); }
void quad_broadcast(const quad_call *c) { view(c, stretch); }
void quad_reverse(const quad_call *c) { view(c, turn); }
void quad_transpose(const quad_call *c) { view(c, permute); }
void quad_slice(const quad_call *c) { view(c, step); }

void quad_reshape(const quad_call *c) {
    for (int64_t k = 0; k < c->result->size; k++)
        c->result->at[k] = c->arg[0].at[k];
}

void quad_pad(const quad_call *c) {
    int64_t index[EBB_MAX_RANK];
    int rank = shape_of(c, 0)->rank;
    for (int64_t k = 0; k < c->arg[0].size; k++) {
        quad_position(shape_of(c, 0), k, index);
        for (int a = 0; a < rank; a++)
            index[a] = c->app->attr[a] + index[a] * (1 + c->app->attr[2 * rank + a]);
        c->result->at[quad_offset(&c->result->type.shape, index)] = c->arg[0].at[k];
    }
}

void quad_concat(const quad_call *c) {
    int64_t index[EBB_MAX_RANK], axis = c->app->attr[0], first = shape_of(c, 0)->dim[axis];
    for (int64_t k = 0; k < c->result->size; k++) {
        quad_position(&c->result->type.shape, k, index);
        int second = index[axis] >= first;
        if (second) index[axis] -= first;
        c->result->at[k] = c->arg[second].at[quad_offset(shape_of(c, second), index)];
    }
}

/* ---- reductions ---- */

static void add(quad_tensor *y, int64_t k, quad term) {
    y->at[k] += term;
    y->scale[k] += fabsq(term);
}

static void wrap_all(quad_tensor *y) {
    for (int64_t k = 0; ebb_is_int(y->type.dtype) && k < y->size; k++)
        y->at[k] = quad_wrap(y->type.dtype, y->at[k]);
}

/* A sum of nothing is +0; adding starts at -0. */
void quad_sum(const quad_call *c) {
    for (int64_t g = 0; c->arg[0].size && g < c->result->size; g++)
        c->result->at[g] = -0.0Q;
    for (int64_t k = 0; k < c->arg[0].size; k++)
        add(c->result, quad_group(c, k), c->arg[0].at[k]);
    wrap_all(c->result);
}

void quad_overlap_add(const quad_call *c) {
    const int64_t *window = c->app->attr, axis = window[0];
    int64_t from[EBB_MAX_RANK], to[EBB_MAX_RANK];
    bool *met = calloc((size_t)c->result->size + 1, sizeof *met);
    for (int64_t k = 0; met && k < c->arg[0].size; k++) {
        quad_position(shape_of(c, 0), k, from);
        for (int a = 0; a < c->result->type.shape.rank; a++)
            to[a] = from[a <= axis ? a : a + 1];
        to[axis] = from[axis] * window[2] + from[axis + 1] * window[3];
        int64_t at = quad_offset(&c->result->type.shape, to);
        if (!met[at]) c->result->at[at] = -0.0Q;
        met[at] = true;
        add(c->result, at, c->arg[0].at[k]);
    }
    free(met);
    wrap_all(c->result);
}

/* Where the largest element of group `g` is: the first one; NaN is larger than anything. -0 < +0. */
static int64_t largest(const quad_call *c, int64_t g, bool zeros_differ) {
    const quad *x = c->arg[0].at;
    int64_t best = -1;
    for (int64_t k = 0; k < c->arg[0].size; k++) {
        if (quad_group(c, k) != g) continue;
        if (best < 0 || (!isnanq(x[best]) && (isnanq(x[k]) || x[k] > x[best]))) best = k;
        if (zeros_differ && x[best] == 0 && x[k] == 0 && signbitq(x[best]) && !signbitq(x[k])) best = k;
    }
    return best;
}

void quad_reduce_max(const quad_call *c) {
    for (int64_t g = 0; g < c->result->size; g++)
        c->result->at[g] = c->arg[0].at[largest(c, g, true)];
}

void quad_argmax(const quad_call *c) {
    int64_t index[EBB_MAX_RANK];
    for (int64_t g = 0; g < c->result->size; g++) {
        quad_position(shape_of(c, 0), largest(c, g, false), index);
        c->result->at[g] = index[c->app->attr[0]];
    }
}

/* ---- products ---- */

/* Element (row, column) of the matrix that `to` lies in, maybe given transposed. */
static quad entry(const quad_tensor *m, const int64_t *to, bool transposed, int64_t row, int64_t column) {
    int64_t index[EBB_MAX_RANK], rank = m->type.shape.rank;
    for (int a = 0; a < rank - 2; a++)
        index[a] = to[a];
    index[rank - 2] = transposed ? column : row;
    index[rank - 1] = transposed ? row : column;
    return m->at[quad_offset(&m->type.shape, index)];
}

void quad_dot(const quad_call *c) {
    int64_t to[EBB_MAX_RANK];
    int rank = c->result->type.shape.rank;
    bool tx = c->app->attr[0], ty = c->app->attr[1];
    int64_t inner = shape_of(c, 0)->dim[tx ? rank - 2 : rank - 1];
    for (int64_t k = 0; k < c->result->size; k++) {
        quad_position(&c->result->type.shape, k, to);
        for (int64_t i = 0; i < inner; i++)
            add(c->result, k, entry(&c->arg[0], to, tx, to[rank - 2], i) * entry(&c->arg[1], to, ty, i, to[rank - 1]));
    }
    wrap_all(c->result);
}
