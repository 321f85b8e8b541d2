/* types.h - dtypes, shapes and the type rules of the operations.
 *
 * A dimension is a size >= 0, or a symbol (EBB_SYMBOL(k) < 0) that stands for an unknown size: symbols are equal only
 * to themselves. Start reading at ebb_infer. */
#ifndef EBB_TYPES_H
#define EBB_TYPES_H

#include "jit/graph/diag.h"

typedef enum ebb_op {
    EBB_OP_NONE = 0,
#define OP(name, family, access, arity, rule) EBB_OP_##name,
#include "jit/graph/ops.def"
#undef OP
    EBB_OP_COUNT
} ebb_op;

typedef enum ebb_family {
    EBB_LEAF,
    EBB_STEP,
    EBB_LINEAR,
    EBB_BILINEAR,
    EBB_PRODUCTS,
    EBB_SMOOTH,
    EBB_SELECTION,
    EBB_IMPLICIT,
    EBB_MACRO,
    EBB_REGION
} ebb_family;

typedef enum ebb_access { EBB_SOURCE, EBB_POINT, EBB_VIEW, EBB_REDUCE, EBB_WHOLE, EBB_NESTED, EBB_NOWHERE } ebb_access;

typedef struct ebb_op_row {
    const char *name;
    ebb_family family;
    ebb_access access;
    int arity;
} ebb_op_row;
extern const ebb_op_row ebb_op_table[EBB_OP_COUNT];
ebb_op ebb_op_by_name(const char *name, size_t length); /* EBB_OP_NONE if there is no such */
ebb_op ebb_product_of(ebb_op op);                       /* mul of sum_mul, dot of sum_dot; others are their own */

#define EBB_SYMBOL(k) (-1 - (int64_t)(k))
#define EBB_MAX_BYTES ((int64_t)1 << 47) /* of one tensor */

typedef struct ebb_shape {
    int32_t rank;
    int64_t dim[EBB_MAX_RANK];
} ebb_shape; /* dims past the rank are 0 */
typedef struct ebb_type {
    ebb_dtype dtype;
    ebb_shape shape;
} ebb_type;

bool ebb_shape_equal(const ebb_shape *a, const ebb_shape *b);
static inline bool ebb_type_equal(const ebb_type *a, const ebb_type *b) {
    return a->dtype == b->dtype && ebb_shape_equal(&a->shape, &b->shape);
}
bool ebb_shape_concrete(const ebb_shape *s);
/* s with one more axis of this size, the one with that number; false: it has EBB_MAX_RANK already. */
bool ebb_shape_insert(const ebb_shape *s, int axis, int64_t size, ebb_shape *to);
bool ebb_shape_size(const ebb_shape *s, int64_t *size); /* product; false on overflow of int64 or a symbol */
bool ebb_type_fits(const ebb_type *t);                  /* into EBB_MAX_BYTES, where symbols count as 1 */
bool ebb_type_bytes(const ebb_type *t, int64_t *bytes); /* false on overflow, a symbol, or more than EBB_MAX_BYTES */

size_t ebb_dtype_size(ebb_dtype d);
const char *ebb_dtype_short(ebb_dtype d); /* "f32" */
bool ebb_is_float(ebb_dtype d);
bool ebb_is_int(ebb_dtype d);

/* Writes "f32[64,784]" or "[64,784]" (symbols as n0, n1 ...); returns text. `text` has EBB_TYPE_TEXT bytes. */
#define EBB_TYPE_TEXT 208
const char *ebb_type_text(const ebb_type *t, char *text);
const char *ebb_shape_text(const ebb_shape *s, char *text);

/* One application of an operation, as the doors and eager dispatch see it. `asked` carries what the rule cannot infer:
 * dtype (constant, input, iota, random, cast), shape (input, constant, iota, random, broadcast, reshape, slice). */
typedef struct ebb_application {
    ebb_op op;
    int nattr;
    const int64_t *attr;
    ebb_type asked;
    ebb_site site;
} ebb_application;

/* The type of the result, or false with a message that names the operation, the shapes and the site. Macros have types
 * too. Regions and get are typed by region.c, not here. */
bool ebb_infer(ebb_diag *diag, const ebb_application *app, int narg, const ebb_type *arg, ebb_type *result);

#endif
