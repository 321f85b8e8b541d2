/* quad_places.c - references of what looks for places: gathers, scatters, searches. */
#include "tests/ref/quad_ops.h"

#include <quadmath.h>
#include <stdlib.h>

void quad_gather(const quad_call *c);
void quad_scatter_add(const quad_call *c);
void quad_scatter_max(const quad_call *c);
void quad_scatter_min(const quad_call *c);
void quad_scatter_update(const quad_call *c);
void quad_check_index(const quad_call *c);
void quad_dynamic_slice(const quad_call *c);
void quad_dynamic_update(const quad_call *c);

static const ebb_shape *shape_of(const quad_call *c, int k) { return &c->arg[k].type.shape; }

/* Where in x the index sends element `k` of the gathered shape. */
static int64_t source(const quad_call *c, const ebb_shape *gathered, int64_t k) {
    int64_t at[EBB_MAX_RANK], from[EBB_MAX_RANK];
    const ebb_shape *x = shape_of(c, 0), *index = shape_of(c, 1);
    int axis = (int)c->app->attr[0];
    quad_position(gathered, k, at);
    for (int a = 0; a < x->rank; a++)
        if (a != axis) from[a] = at[a < axis ? a : a + index->rank - 1];
    from[axis] = (int64_t)c->arg[1].at[quad_offset(index, at + axis)];
    return quad_offset(x, from);
}

void quad_gather(const quad_call *c) {
    for (int64_t k = 0; k < c->result->size; k++)
        c->result->at[k] = c->arg[0].at[source(c, &c->result->type.shape, k)];
}

void quad_check_index(const quad_call *c) {
    for (int64_t k = 0; k < c->result->size; k++)
        c->result->at[k] = c->arg[0].at[k] >= 0 && c->arg[0].at[k] < c->app->attr[0] ? c->arg[0].at[k] : nanq("");
}

/* ---- scatters: what an element and an update become ---- */

typedef quad meet(quad x, quad update);

static quad added(quad x, quad update) { return x + update; }
static quad replaced(quad x, quad update) { return (void)x, update; }
static quad larger(quad x, quad update) {
    if (isnanq(x) || isnanq(update)) return nanq("");
    return update > x || (update == x && signbitq(x)) ? update : x;
}
static quad smaller(quad x, quad update) { return -larger(-x, -update); }

static void scatter(const quad_call *c, meet *both) {
    quad_tensor *y = c->result;
    for (int64_t k = 0; k < y->size; k++) {
        y->at[k] = c->arg[0].at[k];
        if (both == added) y->scale[k] = fabsq(y->at[k]);
    }
    for (int64_t k = 0; k < c->arg[2].size; k++) {
        int64_t to = source(c, shape_of(c, 2), k);
        y->at[to] = both(y->at[to], c->arg[2].at[k]);
        if (both == added) y->scale[to] += fabsq(c->arg[2].at[k]);
    }
    for (int64_t k = 0; both == added && ebb_is_int(y->type.dtype) && k < y->size; k++)
        y->at[k] = quad_wrap(y->type.dtype, y->at[k]);
}

void quad_scatter_add(const quad_call *c) { scatter(c, added); }
void quad_scatter_max(const quad_call *c) { scatter(c, larger); }
void quad_scatter_min(const quad_call *c) { scatter(c, smaller); }
void quad_scatter_update(const quad_call *c) { scatter(c, replaced); }

/* ---- blocks ---- */

/* Where element k of a block in x lies in x. */
static int64_t in_block(const quad_call *c, const ebb_shape *block, int64_t k) {
    const ebb_shape *x = shape_of(c, 0);
    int64_t at[EBB_MAX_RANK];
    quad_position(block, k, at);
    for (int a = 0; a < x->rank; a++) {
        quad start = c->arg[1].at[a], most = x->dim[a] - block->dim[a];
        at[a] += (int64_t)(start < 0 ? 0 : start > most ? most : start);
    }
    return quad_offset(x, at);
}

void quad_dynamic_slice(const quad_call *c) {
    for (int64_t k = 0; k < c->result->size; k++)
        c->result->at[k] = c->arg[0].at[in_block(c, &c->result->type.shape, k)];
}

void quad_dynamic_update(const quad_call *c) {
    for (int64_t k = 0; k < c->result->size; k++)
        c->result->at[k] = c->arg[0].at[k];
    for (int64_t k = 0; k < c->arg[2].size; k++)
        c->result->at[in_block(c, shape_of(c, 2), k)] = c->arg[2].at[k];
}
