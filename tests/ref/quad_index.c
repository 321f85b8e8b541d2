/* quad_index.c - tensors of quads, and the arithmetic of positions in them. */
#include "tests/ref/quad_ops.h"

#include <quadmath.h>
#include <stdlib.h>

quad_tensor quad_new(ebb_type type) {
    quad_tensor t = {.type = type};
    if (!ebb_shape_size(&type.shape, &t.size)) abort();
    t.at = calloc((size_t)t.size + 1, sizeof *t.at);
    t.scale = calloc((size_t)t.size + 1, sizeof *t.scale);
    if (!t.at || !t.scale) abort();
    return t;
}

void quad_free(quad_tensor *t) {
    free(t->at);
    free(t->scale);
    *t = (quad_tensor){.at = NULL};
}

quad quad_load(ebb_dtype dtype, const void *from, int64_t k) {
    switch (dtype) {
    case EBB_NONE:
        break;
    case EBB_BOOL:
        return ((const uint8_t *)from)[k];
    case EBB_I32:
        return ((const int32_t *)from)[k];
    case EBB_I64:
        return ((const int64_t *)from)[k];
    case EBB_F32:
        return (quad)((const float *)from)[k];
    case EBB_F64:
        return (quad)((const double *)from)[k];
    }
    abort();
}

void quad_store(ebb_dtype dtype, void *to, int64_t k, quad value) {
    switch (dtype) {
    case EBB_NONE:
        abort();
    case EBB_BOOL:
        ((uint8_t *)to)[k] = value != 0;
        break;
    case EBB_I32:
        ((int32_t *)to)[k] = (int32_t)value;
        break;
    case EBB_I64:
        ((int64_t *)to)[k] = (int64_t)value;
        break;
    case EBB_F32:
        ((float *)to)[k] = (float)value;
        break;
    case EBB_F64:
        ((double *)to)[k] = (double)value;
        break;
    }
}

quad quad_wrap(ebb_dtype dtype, quad whole) {
    uint64_t bits = (uint64_t)(__int128)whole;
    return dtype == EBB_I32 ? (quad)(int32_t)(uint32_t)bits : (quad)(int64_t)bits;
}

void quad_position(const ebb_shape *shape, int64_t k, int64_t *index) {
    for (int a = shape->rank - 1; a >= 0; a--) {
        index[a] = k % shape->dim[a];
        k /= shape->dim[a];
    }
}

int64_t quad_offset(const ebb_shape *shape, const int64_t *index) {
    int64_t k = 0;
    for (int a = 0; a < shape->rank; a++)
        k = k * shape->dim[a] + index[a];
    return k;
}

static bool is_named(const quad_call *c, int axis) {
    for (int i = 0; i < c->app->nattr; i++)
        if (c->app->attr[i] == axis) return true;
    return false;
}

/* The shape of operand 0 without the named axes; kept[] are the others. */
static ebb_shape rest_of(const quad_call *c, int *kept) {
    const ebb_shape *x = &c->arg[0].type.shape;
    ebb_shape rest = {0};
    for (int a = 0; a < x->rank; a++)
        if (!is_named(c, a)) {
            kept[rest.rank] = a;
            rest.dim[rest.rank++] = x->dim[a];
        }
    return rest;
}

int64_t quad_groups(const quad_call *c) {
    int kept[EBB_MAX_RANK];
    int64_t groups = 0;
    ebb_shape rest = rest_of(c, kept);
    return ebb_shape_size(&rest, &groups) ? groups : 0;
}

int64_t quad_group(const quad_call *c, int64_t k) {
    int64_t index[EBB_MAX_RANK], left[EBB_MAX_RANK];
    int kept[EBB_MAX_RANK];
    ebb_shape rest = rest_of(c, kept);
    quad_position(&c->arg[0].type.shape, k, index);
    for (int a = 0; a < rest.rank; a++)
        left[a] = index[kept[a]];
    return quad_offset(&rest, left);
}
