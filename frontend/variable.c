/* variable.c - variables: handles whose value changes.
 *
 * Invariant: v->storage is the current value, perhaps shared with tensors that keep it alive; v->read, if there is one,
 * is a tensor of just that value, and tapes know this version of the variable by its serial. So what was read before an
 * assign stays what it was, and what is read after it is new to every tape. Start reading at ebb_variable_set. */
#include "frontend/values.h"

#include <stdio.h>
#include <string.h>

/* ---- making ---- */

/* "x" becomes "x:0". */
static char *name_text(ebb_context *ebb, const char *name) {
    if (!name || !*name) name = "Variable";
    size_t length = strlen(name);
    char *text = ebb_mem_new(&ebb->allocator, length + 3, 1);
    if (text) snprintf(text, length + 3, "%s:0", name);
    return text;
}

ebb_tensor *ebb_variable_new(ebb_context *ebb, const ebb_type *type, const void *data, const char *name, bool trainable,
                             ebb_site site) {
    int64_t bytes = 0;
    ebb_type_bytes(type, &bytes);
    ebb_tensor *v = ebb_handle_new(ebb, EBB_KIND_VARIABLE, type, site);
    if (!v) return NULL;
    v->trainable = trainable;
    v->name = name_text(ebb, name);
    v->storage = ebb_storage_new(ebb, (size_t)bytes);
    if (!v->name || !v->storage) {
        ebb_handle_release(v);
        return NULL;
    }
    if (bytes) memcpy(v->storage->data, data, (size_t)bytes);
    return v;
}

/* A body that makes variables would make new ones in each trace: only a function's first trace may. */
static bool may_make(ebb_context *ebb, ebb_site site) {
    for (const ebb_trace *t = ebb->trace; t; t = t->outer)
        if (t->function && ebb_trace_count(t->function) > 0)
            return ebb_fail_at(ebb, EBB_VALUE_ERROR, site,
                               "ebb_variable: %s makes a variable after its first trace; make it once, and keep it",
                               ebb_function_name(t->function)),
                   false;
    return true;
}

ebb_tensor *ebb_variable_at(ebb_context *ebb, ebb_tensor *initial, const char *name, bool trainable, const char *file,
                            int line) {
    ebb_site site = ebb_site_at(file, line);
    if (!ebb) return ebb_fail_at(NULL, EBB_TYPE_ERROR, site, "ebb_variable: the context is NULL");
    ebb_enter(ebb);
    if (!ebb_operands_usable(ebb, "ebb_variable", 1, &initial, site)) return ebb_poison_of(ebb);
    if (initial->kind == EBB_KIND_TRACED)
        return ebb_fail_at(ebb, EBB_VALUE_ERROR, site,
                           "ebb_variable: the initial value is traced; make variables outside of traced functions");
    if (!may_make(ebb, site)) return ebb_poison_of(ebb);
    ebb_tensor *v = ebb_variable_new(ebb, &initial->type, initial->storage->data, name, trainable, site);
    if (!v) return ebb_fail_at(ebb, EBB_NO_MEMORY, site, "ebb_variable: out of memory");
    v->next = ebb->variables;
    if (v->next) v->next->previous = v;
    return ebb->variables = v;
}

/* ---- reading ---- */

static ebb_tensor *eager_read(ebb_tensor *v) {
    if (v->read) return v->read;
    v->read = ebb_handle_new(v->context, EBB_KIND_VALUE, &v->type, v->site);
    if (!v->read) return ebb_fail_at(v->context, EBB_NO_MEMORY, v->site, "out of memory");
    __atomic_add_fetch(&v->storage->references, 1, __ATOMIC_RELAXED);
    v->read->storage = v->storage;
    return v->read;
}

ebb_tensor *ebb_variable_read(ebb_tensor *v) {
    ebb_context *ebb = v->context;
    ebb_tensor *value = ebb->trace ? ebb_trace_read(ebb->trace, v) : eager_read(v);
    if (ebb->tapes && value->kind != EBB_KIND_POISON) ebb_tapes_saw_read(ebb, v, value);
    return value;
}

void ebb_variable_forget_read(ebb_tensor *v) {
    ebb_tensor *read = v->read;
    v->read = NULL;
    ebb_handle_release(read);
}

bool ebb_variable_own(ebb_tensor *v, const char *function, ebb_site site) {
    int64_t bytes = 0;
    ebb_variable_forget_read(v);
    if (v->storage->references == 1 || !ebb_type_bytes(&v->type, &bytes)) return true;
    ebb_storage *own = ebb_storage_new(v->context, (size_t)bytes);
    if (!own) return ebb_fail_at(v->context, EBB_NO_MEMORY, site, "%s: no memory for %s", function, v->name), false;
    memcpy(own->data, v->storage->data, (size_t)bytes);
    ebb_storage_release(v->context, v->storage);
    v->storage = own;
    return true;
}

const char *ebb_name(const ebb_tensor *v) {
    if (!v || v->kind == EBB_KIND_DEAD)
        ebb_usable(v ? v->context : ebb_current(), v, "ebb_name: the tensor", (ebb_site){0});
    return v && v->name ? v->name : "";
}

/* False, with an AttributeError for what is no variable. */
static bool is_variable(ebb_context *ebb, const char *function, ebb_tensor *v, const char *lacks, ebb_site site) {
    if (v && v->kind == EBB_KIND_ABSENT)
        ebb_fail_at(ebb, EBB_ATTRIBUTE_ERROR, site, "%s: an absent tensor has no %s", function, lacks);
    else if (!ebb_operands_usable(ebb, function, 1, &v, site))
        return false;
    else if (v->kind != EBB_KIND_VARIABLE)
        ebb_fail_at(ebb, EBB_ATTRIBUTE_ERROR, site, "%s: a tensor has no %s; variables have", function, lacks);
    else
        return true;
    return false;
}

bool ebb_trainable(const ebb_tensor *v) {
    ebb_context *ebb = v && v->context ? v->context : ebb_current();
    return is_variable(ebb, "ebb_trainable", (ebb_tensor *)v, "trainable", (ebb_site){0}) && v->trainable;
}

/* ---- assigning ---- */

ebb_tensor *ebb_variable_set(ebb_tensor *v, ebb_tensor *x, ebb_site site) {
    ebb_context *ebb = v->context;
    if (ebb->trace) return ebb_trace_assign(ebb->trace, v, x, site)->kind == EBB_KIND_POISON ? ebb_poison_of(ebb) : x;
    ebb_storage *old = v->storage;
    __atomic_add_fetch(&x->storage->references, 1, __ATOMIC_RELAXED);
    v->storage = x->storage;
    ebb_variable_forget_read(v);
    ebb_storage_release(ebb, old);
    return x;
}

/* The operand as a tensor of the variable's type; poison if it is not. */
static ebb_tensor *assigned_value(ebb_tensor *v, const char *function, ebb_operand x, ebb_site site) {
    ebb_context *ebb = v->context;
    char have[EBB_TYPE_TEXT], want[EBB_TYPE_TEXT];
    ebb_tensor *value = x.tensor;
    if (x.dtype != EBB_NONE && !value) value = ebb_number_tensor(ebb, function, x, v->type.dtype, site);
    if (!ebb_operands_usable(ebb, function, 2, (ebb_tensor *[]){v, value}, site)) return ebb_poison_of(ebb);
    if (value->type.dtype == v->type.dtype && ebb_shape_equal(&value->type.shape, &v->type.shape))
        return value->kind == EBB_KIND_VARIABLE ? ebb_variable_read(value) : value;
    return ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "%s: variable %s is %s, the value %s", function, v->name,
                       ebb_type_text(&v->type, want), ebb_type_text(&value->type, have));
}

/* Sets v to x, or to v `op` x. */
static ebb_tensor *assign(const char *function, ebb_op op, ebb_tensor *v, ebb_operand x, ebb_site site) {
    ebb_tensor *either[2] = {v, x.tensor};
    ebb_context *ebb = ebb_context_of(2, either);
    if (!is_variable(ebb, function, v, function + strlen("ebb_"), site)) return ebb_poison_of(ebb);
    ebb_enter(ebb);
    ebb_tensor *value = assigned_value(v, function, x, site);
    if (op != EBB_OP_NONE)
        value = ebb_dispatch(ebb, &(ebb_application){.op = op, .site = site}, 2, (ebb_tensor *[]){v, value});
    if (value->kind == EBB_KIND_POISON || ebb_variable_set(v, value, site)->kind == EBB_KIND_POISON)
        return ebb_poison_of(ebb);
    value = ebb_variable_read(v);
    return value->kind == EBB_KIND_POISON ? value : ebb_scope_hold(ebb, ebb_handle_retain(value));
}

ebb_tensor *ebb_assign_at(ebb_tensor *v, ebb_operand x, const char *file, int line) {
    return assign("ebb_assign", EBB_OP_NONE, v, x, ebb_site_at(file, line));
}

ebb_tensor *ebb_assign_add_at(ebb_tensor *v, ebb_operand x, const char *file, int line) {
    return assign("ebb_assign_add", EBB_OP_add, v, x, ebb_site_at(file, line));
}

ebb_tensor *ebb_assign_sub_at(ebb_tensor *v, ebb_operand x, const char *file, int line) {
    return assign("ebb_assign_sub", EBB_OP_sub, v, x, ebb_site_at(file, line));
}
