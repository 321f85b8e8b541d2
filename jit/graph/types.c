/* types.c - dtypes, shapes, their text, and the table of operations. The type rules are in infer.c. */
#include "jit/graph/types.h"

#include <stdio.h>
#include <string.h>

const ebb_op_row ebb_op_table[EBB_OP_COUNT] = {
    [EBB_OP_NONE] = {"absent", EBB_LEAF, EBB_NOWHERE, 0},
#define OP(name, family, access, arity, rule) [EBB_OP_##name] = {#name, EBB_##family, EBB_##access, arity},
#include "jit/graph/ops.def"
#undef OP
};

ebb_op ebb_op_by_name(const char *name, size_t length) {
    for (int op = 1; op < EBB_OP_COUNT; op++) {
        const char *known = ebb_op_table[op].name;
        if (!strncmp(known, name, length) && !known[length]) return (ebb_op)op;
    }
    return EBB_OP_NONE;
}

ebb_op ebb_product_of(ebb_op op) { return op == EBB_OP_sum_mul ? EBB_OP_mul : op == EBB_OP_sum_dot ? EBB_OP_dot : op; }

bool ebb_shape_equal(const ebb_shape *a, const ebb_shape *b) {
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i]) return false;
    return true;
}

bool ebb_shape_concrete(const ebb_shape *s) {
    for (int i = 0; i < s->rank; i++)
        if (s->dim[i] < 0) return false;
    return true;
}

bool ebb_shape_insert(const ebb_shape *s, int axis, int64_t size, ebb_shape *to) {
    if (s->rank >= EBB_MAX_RANK) return false;
    *to = *s;
    for (int i = to->rank++; i > axis; i--)
        to->dim[i] = s->dim[i - 1];
    to->dim[axis] = size;
    return true;
}

/* Sizes beside a 0 count too: strides, which are made of them, must not overflow either. */
bool ebb_shape_size(const ebb_shape *s, int64_t *size) {
    int64_t product = 1;
    bool empty = false;
    for (int i = 0; i < s->rank; i++) {
        if (s->dim[i] < 0) return false;
        if (s->dim[i] == 0)
            empty = true;
        else if (__builtin_mul_overflow(product, s->dim[i], &product))
            return false;
    }
    *size = empty ? 0 : product;
    return true;
}

bool ebb_type_bytes(const ebb_type *t, int64_t *bytes) {
    int64_t size;
    if (!ebb_shape_size(&t->shape, &size)) return false;
    return !__builtin_mul_overflow(size, (int64_t)ebb_dtype_size(t->dtype), bytes) && *bytes <= EBB_MAX_BYTES;
}

/* Also where a symbol or a 0 hides behind the known sizes: strides must not overflow. */
bool ebb_type_fits(const ebb_type *t) {
    int64_t bytes = (int64_t)ebb_dtype_size(t->dtype);
    for (int i = 0; i < t->shape.rank; i++) {
        int64_t dim = t->shape.dim[i];
        if (dim > 1 && (__builtin_mul_overflow(bytes, dim, &bytes) || bytes > EBB_MAX_BYTES)) return false;
    }
    return true;
}

static const struct {
    const char *name;
    size_t size;
} dtypes[] = {
    [EBB_NONE] = {"none", 0}, [EBB_BOOL] = {"bool", 1}, [EBB_I32] = {"i32", 4},
    [EBB_I64] = {"i64", 8},   [EBB_F32] = {"f32", 4},   [EBB_F64] = {"f64", 8},
};

static bool is_dtype(ebb_dtype d) { return (unsigned)d < sizeof dtypes / sizeof dtypes[0]; }

size_t ebb_dtype_size(ebb_dtype d) { return is_dtype(d) ? dtypes[d].size : 0; }

const char *ebb_dtype_short(ebb_dtype d) { return is_dtype(d) ? dtypes[d].name : "unknown"; }

bool ebb_is_float(ebb_dtype d) { return d == EBB_F32 || d == EBB_F64; }

bool ebb_is_int(ebb_dtype d) { return d == EBB_I32 || d == EBB_I64; }

static char *write_shape(char *at, const ebb_shape *s) {
    *at++ = '[';
    for (int i = 0; i < s->rank && i < EBB_MAX_RANK; i++) {
        int64_t dim = s->dim[i];
        long long shown = dim < 0 ? -1 - dim : dim;
        at += sprintf(at, "%s%s%lld", i ? "," : "", dim < 0 ? "n" : "", shown);
    }
    *at++ = ']';
    *at = 0;
    return at;
}

const char *ebb_shape_text(const ebb_shape *s, char *text) {
    write_shape(text, s);
    return text;
}

const char *ebb_type_text(const ebb_type *t, char *text) {
    if (t->dtype == EBB_NONE) return strcpy(text, "a tuple");
    write_shape(text + sprintf(text, "%s", ebb_dtype_short(t->dtype)), &t->shape);
    return text;
}
