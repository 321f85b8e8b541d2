/* assign.c - writing a part of a variable: one element, a row, a block with steps.
 *
 * Eagerly the elements are written where the variable is (memory that somebody else still reads is copied first, once).
 * Inside a trace the variable becomes a select: the new elements where the block is, the old ones elsewhere. An assign
 * carries no derivative, so tapes are shown nothing. Start reading at assign_block. */
#include "frontend/values.h"

#include <string.h>

/* One assignment in progress. */
typedef struct writing {
    ebb_context *ebb;
    const char *function;
    ebb_tensor *v;
    ebb_block block;
    ebb_shape given; /* what x must broadcast to: the block, without the axes that an index took away */
    ebb_site site;
} writing;

static bool is_writable(const writing *w) {
    if (!ebb_operands_usable(w->ebb, w->function, 1, &w->v, w->site)) return false;
    if (w->v->kind == EBB_KIND_VARIABLE) return true;
    ebb_fail_at(w->ebb, EBB_TYPE_ERROR, w->site, "%s: a tensor's elements cannot be written; a variable's can",
                w->function);
    return false;
}

/* x as a tensor of the block's shape and the variable's dtype; poison if it is not. */
static ebb_tensor *block_value(const writing *w, ebb_operand x) {
    char have[EBB_TYPE_TEXT], want[EBB_TYPE_TEXT];
    ebb_dtype dtype = w->v->type.dtype;
    ebb_shape both;
    ebb_tensor *value = x.tensor;
    if (!value && x.dtype != EBB_NONE) value = ebb_number_tensor(w->ebb, w->function, x, dtype, w->site);
    if (!ebb_operands_usable(w->ebb, w->function, 2, (ebb_tensor *[]){w->v, value}, w->site))
        return ebb_poison_of(w->ebb);
    if (value->type.dtype != dtype || !ebb_shape_broadcast(&value->type.shape, &w->given, &both) ||
        !ebb_shape_equal(&both, &w->given))
        return ebb_fail_at(w->ebb, EBB_VALUE_ERROR, w->site, "%s: the part of %s is %s, the value %s", w->function,
                           w->v->name, ebb_type_text(&(ebb_type){dtype, w->given}, want),
                           ebb_type_text(&value->type, have));
    if (value->kind == EBB_KIND_VARIABLE) value = ebb_variable_read(value);
    return ebb_reshaped(w->ebb, ebb_stretch(w->ebb, value, &w->given, w->site), &w->block.shape, w->site);
}

/* ---- eagerly ---- */

/* Where element `index` of the block lies in the variable, counted in elements. */
static int64_t place_of(const writing *w, const int64_t *index) {
    const ebb_shape *s = &w->v->type.shape;
    int64_t at = 0;
    for (int i = 0; i < s->rank; i++)
        at = at * s->dim[i] + w->block.at[i] + w->block.at[s->rank + i] * index[i];
    return at;
}

static void write_block(const writing *w, const ebb_tensor *x) {
    size_t size = ebb_dtype_size(x->type.dtype);
    const char *from = x->storage->data;
    char *to = w->v->storage->data;
    int64_t index[EBB_MAX_RANK] = {0}, count = ebb_size(x);
    for (int64_t k = 0; k < count; k++) {
        memcpy(to + (size_t)place_of(w, index) * size, from + (size_t)k * size, size);
        for (int i = w->block.shape.rank - 1; i >= 0 && ++index[i] == w->block.shape.dim[i]; i--)
            index[i] = 0;
    }
}

/* ---- inside a trace ---- */

/* x on the block, zeros around it and between. */
static ebb_tensor *spread(const writing *w, ebb_tensor *x) {
    int64_t pad[3 * EBB_MAX_RANK];
    const ebb_shape *s = &w->v->type.shape;
    const int64_t *start = w->block.at, *step = start + s->rank;
    for (int i = 0; i < s->rank; i++) {
        pad[i] = start[i];
        pad[s->rank + i] = s->dim[i] - start[i] - (w->block.shape.dim[i] - 1) * step[i] - 1;
        pad[2 * s->rank + i] = step[i] - 1;
    }
    return ebb_dispatch(w->ebb, &(ebb_application){EBB_OP_pad, 3 * s->rank, pad, .site = w->site}, 1, &x);
}

static bool trace_block(const writing *w, ebb_tensor *x) {
    ebb_tensor *yes = ebb_number_tensor(w->ebb, w->function, ebb_operand_bool(true), EBB_BOOL, w->site);
    ebb_tensor *arg[3] = {spread(w, ebb_stretch(w->ebb, yes, &w->block.shape, w->site)), spread(w, x), w->v};
    ebb_tensor *all = ebb_dispatch(w->ebb, &(ebb_application){.op = EBB_OP_select, .site = w->site}, 3, arg);
    return all->kind != EBB_KIND_POISON && ebb_variable_set(w->v, all, w->site)->kind != EBB_KIND_POISON;
}

/* ---- both ---- */

/* The value is held while the variable lets go of its old memory, which it may be. */
static ebb_tensor *assign_block(const writing *w, ebb_operand x) {
    bool good = false;
    EBB_SCOPE (w->ebb) {
        ebb_tensor *value = block_value(w, x);
        if (value->kind == EBB_KIND_POISON) break;
        int64_t size = 0;
        good = ebb_shape_size(&w->block.shape, &size) && size == 0;
        if (good) break;
        value = ebb_scope_hold(w->ebb, ebb_handle_retain(value));
        if (value->kind == EBB_KIND_POISON) break;
        good = w->ebb->trace ? trace_block(w, value) : ebb_variable_own(w->v, w->function, w->site);
        if (good && !w->ebb->trace) write_block(w, value);
    }
    return good ? w->v : ebb_poison_of(w->ebb);
}

/* One index per leading axis makes a block of size 1 there; the axes left are taken whole. */
static bool index_given(writing *w, int count, const int64_t *index) {
    char text[EBB_TYPE_TEXT];
    const ebb_shape *s = &w->v->type.shape;
    if (count < 0 || count > s->rank || (count && !index))
        return ebb_fail_at(w->ebb, EBB_INDEX_ERROR, w->site, "%s: %d indices for %s", w->function, count,
                           ebb_type_text(&w->v->type, text)),
               false;
    w->block = (ebb_block){.shape = *s};
    w->given = (ebb_shape){.rank = s->rank - count};
    for (int i = 0; i < s->rank; i++) {
        w->block.at[s->rank + i] = 1;
        if (i >= count) {
            w->given.dim[i - count] = s->dim[i];
            continue;
        }
        w->block.at[i] = index[i] < 0 ? index[i] + s->dim[i] : index[i];
        w->block.shape.dim[i] = 1;
        if (w->block.at[i] < 0 || w->block.at[i] >= s->dim[i])
            return ebb_fail_at(w->ebb, EBB_INDEX_ERROR, w->site, "%s: index %lld of axis %d is outside %s", w->function,
                               (long long)index[i], i, ebb_type_text(&w->v->type, text)),
                   false;
    }
    return true;
}

ebb_tensor *ebb_assign_item_at(ebb_tensor *v, int count, const int64_t *index, ebb_operand x, const char *file,
                               int line) {
    writing w = {ebb_context_of(1, &v), "ebb_assign_item", v, .site = ebb_site_at(file, line)};
    if (!is_writable(&w) || !index_given(&w, count, index)) return ebb_poison_of(w.ebb);
    ebb_enter(w.ebb);
    return assign_block(&w, x);
}

ebb_tensor *ebb_assign_slice_at(ebb_tensor *v, const int64_t *start, const int64_t *stop, const int64_t *step,
                                ebb_operand x, const char *file, int line) {
    writing w = {ebb_context_of(1, &v), "ebb_assign_slice", v, .site = ebb_site_at(file, line)};
    if (!is_writable(&w) || !ebb_slice_given(w.ebb, w.function, &v->type.shape, start, stop, step, &w.block, w.site))
        return ebb_poison_of(w.ebb);
    ebb_enter(w.ebb);
    w.given = w.block.shape;
    return assign_block(&w, x);
}
