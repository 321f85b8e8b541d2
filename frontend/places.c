/* places.c - gather and scatter by indices of several axes, and blocks whose place is computed.
 *
 * Indices: the leading axes of x become one, and so do the parts of an index, so that the operations along one axis do
 * the rest, derivatives too.
 *
 * Invariant: each part of an index is checked by itself before they are put together, where one could hide behind
 * another. Start reading at by_index. */
#include "frontend/values.h"

typedef struct nd_call {
    const char *function;
    ebb_context *ebb;
    ebb_tensor *x, *index;
    int parts;            /* how many axes an index has */
    ebb_shape flat, rest; /* of x: [all of the indexed axes, r...]; of the index: [i...] */
    ebb_site site;
} nd_call;

static ebb_tensor *on(const nd_call *c, ebb_op op, int64_t attr, int n, ebb_tensor *const *arg) {
    return ebb_dispatch(c->ebb, &(ebb_application){.op = op, .nattr = 1, .attr = &attr, .site = c->site}, n, arg);
}

static bool refuse(const nd_call *c, const char *why) {
    char x[EBB_TYPE_TEXT], index[EBB_TYPE_TEXT];
    ebb_fail_at(c->ebb, EBB_VALUE_ERROR, c->site, "%s: x %s with an index %s: %s", c->function,
                ebb_shape_text(&c->x->type.shape, x), ebb_shape_text(&c->index->type.shape, index), why);
    return false;
}

static bool shapes_fit(nd_call *c) {
    const ebb_shape *x = &c->x->type.shape, *index = &c->index->type.shape;
    if (!ebb_shape_concrete(x) || !ebb_shape_concrete(index)) return refuse(c, "their sizes must be known");
    if (!index->rank) return refuse(c, "an index needs an axis for its parts");
    if (index->dim[index->rank - 1] > x->rank) return refuse(c, "it has more parts than x has axes");
    c->parts = (int)index->dim[index->rank - 1];
    c->rest = *index;
    c->rest.rank--;
    c->flat = (ebb_shape){1, {1}};
    for (int i = 0; i < c->parts; i++)
        c->flat.dim[0] *= x->dim[i];
    for (int i = c->parts; i < x->rank; i++) {
        if (c->flat.rank == EBB_MAX_RANK) return refuse(c, "x has too many axes");
        c->flat.dim[c->flat.rank++] = x->dim[i];
    }
    return true;
}

/* Part k of each index, checked: [i...]. */
static ebb_tensor *part(const nd_call *c, int k) {
    const ebb_shape *s = &c->index->type.shape;
    int64_t attr[2 * EBB_MAX_RANK] = {0};
    ebb_type to = c->index->type;
    for (int i = 0; i < s->rank; i++)
        attr[s->rank + i] = 1;
    attr[s->rank - 1] = k;
    to.shape.dim[s->rank - 1] = 1;
    ebb_application slice = {EBB_OP_slice, 2 * s->rank, attr, to, c->site};
    ebb_tensor *y = ebb_reshaped(c->ebb, ebb_dispatch(c->ebb, &slice, 1, &c->index), &c->rest, c->site);
    return on(c, EBB_OP_check_index, c->x->type.shape.dim[k], 1, &y);
}

/* The indices into the one axis that the leading ones become, row-major. */
static ebb_tensor *flat_index(const nd_call *c) {
    ebb_tensor *at = NULL;
    for (int k = 0; k < c->parts; k++) {
        ebb_operand size = ebb_operand_long(c->x->type.shape.dim[k]), next = ebb_operand_tensor(part(c, k));
        if (at) at = ebb_mul_at(ebb_operand_tensor(at), size, c->site.file, c->site.line);
        at = at ? ebb_add_at(ebb_operand_tensor(at), next, c->site.file, c->site.line) : next.tensor;
    }
    return at ? at : ebb_zeros_at(c->ebb, EBB_I64, c->rest.rank, c->rest.dim, c->site.file, c->site.line);
}

/* The operation along the one axis; what it scatters goes back under x's shape. */
static ebb_tensor *by_index(nd_call *c, ebb_op op, ebb_tensor *updates) {
    ebb_tensor *given[3] = {c->x, c->index, updates}, *y = ebb_poison_of(c->ebb);
    const bool scatters = op != EBB_OP_gather;
    const int n = scatters ? 3 : 2;
    char text[EBB_TYPE_TEXT];
    if (!ebb_operands_usable(c->ebb, c->function, n, given, c->site)) return y;
    if (!ebb_is_int(c->index->type.dtype))
        return ebb_fail_at(c->ebb, EBB_TYPE_ERROR, c->site, "%s: the index is %s; it needs i32 or i64", c->function,
                           ebb_type_text(&c->index->type, text));
    if (!shapes_fit(c)) return y;
    EBB_SCOPE (c->ebb) {
        ebb_tensor *arg[3] = {ebb_reshaped(c->ebb, c->x, &c->flat, c->site), flat_index(c), updates};
        y = on(c, op, 0, n, arg);
        if (scatters) y = ebb_reshaped(c->ebb, y, &c->x->type.shape, c->site);
        ebb_keep(y);
    }
    return y;
}

ebb_tensor *ebb_gather_nd_at(ebb_tensor *x, ebb_tensor *index, const char *file, int line) {
    nd_call c = {"ebb_gather_nd", ebb_context_of(2, (ebb_tensor *[]){x, index}), x, index,
                 .site = ebb_site_at(file, line)};
    return by_index(&c, EBB_OP_gather, NULL);
}

#define SCATTER_ND(name, op)                                                                                           \
    ebb_tensor *ebb_scatter_nd_##name##_at(ebb_tensor *x, ebb_tensor *index, ebb_tensor *updates, const char *file,    \
                                           int line) {                                                                 \
        ebb_context *ebb = ebb_context_of(3, (ebb_tensor *[]){x, index, updates});                                     \
        nd_call c = {"ebb_scatter_nd_" #name, ebb, x, index, .site = ebb_site_at(file, line)};                         \
        return by_index(&c, EBB_OP_##op, updates);                                                                     \
    }
SCATTER_ND(add, scatter_add)
SCATTER_ND(max, scatter_max)
SCATTER_ND(min, scatter_min)
SCATTER_ND(update, scatter_update)

/* ---- blocks ---- */

ebb_tensor *ebb_dynamic_slice_at(ebb_tensor *x, ebb_tensor *start, int rank, const int64_t *dims, const char *file,
                                 int line) {
    ebb_site site = ebb_site_at(file, line);
    ebb_tensor *arg[2] = {x, start};
    ebb_context *ebb = ebb_context_of(2, arg);
    ebb_shape size;
    if (!ebb_operands_usable(ebb, "ebb_dynamic_slice", 2, arg, site)) return ebb_poison_of(ebb);
    if (!ebb_shape_given(ebb, "ebb_dynamic_slice", rank, dims, &size, site)) return ebb_poison_of(ebb);
    ebb_application app = {.op = EBB_OP_dynamic_slice, .nattr = rank, .attr = size.dim, .site = site};
    return ebb_dispatch(ebb, &app, 2, arg);
}

ebb_tensor *ebb_dynamic_update_at(ebb_tensor *x, ebb_tensor *start, ebb_tensor *updates, const char *file, int line) {
    ebb_tensor *arg[3] = {x, start, updates};
    ebb_application app = {.op = EBB_OP_dynamic_update, .site = ebb_site_at(file, line)};
    return ebb_dispatch(ebb_context_of(3, arg), &app, 3, arg);
}
