/* tensor.c - handles: their life, who may use them, and the functions that read them.
 *
 * A handle whose last reference goes becomes DEAD and waits in a quarantine, first in, first out, before it is used
 * again: so a pointer kept too long meets an error with the line where the tensor was made. Handles go back to the
 * allocator only when the context closes. Start reading at ebb_handle_release. */
#include "frontend/values.h"
#include "jit/graph/plain_floats.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { QUARANTINE = 1024 };

/* ---- life ---- */

static ebb_tensor *take_handle(ebb_context *ebb) {
    ebb_tensor *x = ebb->free_tensors;
    if (!x) return ebb->allocator.resize(ebb->allocator.self, NULL, sizeof *x);
    ebb->free_tensors = x->next;
    return x;
}

ebb_tensor *ebb_handle_new(ebb_context *ebb, ebb_kind kind, const ebb_type *type, ebb_site site) {
    ebb_tensor *x = take_handle(ebb);
    if (!x) return NULL;
    *x = (ebb_tensor){
        .context = ebb, .kind = kind, .references = 1, .serial = ++ebb->next_serial, .type = *type, .site = site};
    return x;
}

static bool is_shared(const ebb_tensor *x) { return x->kind == EBB_KIND_POISON || x->kind == EBB_KIND_ABSENT; }

ebb_tensor *ebb_handle_retain(ebb_tensor *x) {
    if (x && !is_shared(x)) x->references++;
    return x;
}

static void quarantine(ebb_context *ebb, ebb_tensor *x) {
    x->kind = EBB_KIND_DEAD;
    x->next = x->previous = NULL;
    *(ebb->quarantine ? &ebb->quarantine_tail->next : &ebb->quarantine) = x;
    ebb->quarantine_tail = x;
    if (++ebb->quarantined <= QUARANTINE) return;
    ebb_tensor *oldest = ebb->quarantine;
    ebb->quarantine = oldest->next;
    ebb->quarantined--;
    oldest->next = ebb->free_tensors;
    ebb->free_tensors = oldest;
}

void ebb_handle_release(ebb_tensor *x) {
    if (!x || is_shared(x) || --x->references) return;
    ebb_context *ebb = x->context;
    ebb_variable_forget_read(x);
    ebb_storage_release(ebb, x->storage);
    ebb_mem_free(&ebb->allocator, x->name);
    x->storage = NULL;
    x->name = NULL;
    quarantine(ebb, x);
}

static void free_list(ebb_context *ebb, ebb_tensor *x) {
    for (ebb_tensor *next; x; x = next) {
        next = x->next;
        ebb_mem_free(&ebb->allocator, x);
    }
}

void ebb_handles_free(ebb_context *ebb) {
    free_list(ebb, ebb->free_tensors);
    free_list(ebb, ebb->quarantine);
    ebb->free_tensors = ebb->quarantine = ebb->quarantine_tail = NULL;
}

ebb_tensor *ebb_tensor_of_storage(ebb_context *ebb, const ebb_type *type, ebb_storage *s, ebb_site site) {
    ebb_tensor *x = ebb_handle_new(ebb, EBB_KIND_VALUE, type, site);
    if (x)
        x->storage = s;
    else
        ebb_storage_release(ebb, s);
    return ebb_scope_hold(ebb, x);
}

ebb_tensor *ebb_tensor_value(ebb_context *ebb, const ebb_type *type, const void *data, ebb_site site) {
    char text[EBB_TYPE_TEXT];
    int64_t bytes;
    if (!ebb_type_bytes(type, &bytes))
        return ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "%s is too large", ebb_type_text(type, text));
    ebb_storage *s = ebb_storage_new(ebb, (size_t)bytes);
    if (!s) return ebb_fail_at(ebb, EBB_NO_MEMORY, site, "out of memory: no room for %s", ebb_type_text(type, text));
    if (data && bytes) memcpy(s->data, data, (size_t)bytes);
    return ebb_tensor_of_storage(ebb, type, s, site);
}

/* ---- who may be used ---- */

static bool is_running(const ebb_context *ebb, const ebb_tensor *x) {
    for (const ebb_trace *t = ebb->trace; t; t = t->outer)
        if (t == x->trace && t->serial == x->trace_serial) return true;
    return false;
}

static bool refuse(ebb_context *ebb, const ebb_tensor *x, ebb_code code, const char *what, const char *why,
                   ebb_site site) {
    char made[256] = "";
    if (x && x->site.file) snprintf(made, sizeof made, "; made at %s:%d", x->site.file, x->site.line);
    ebb_fail_at(ebb, code, site, "%s %s%s", what, why, made);
    return false;
}

bool ebb_usable(ebb_context *ebb, const ebb_tensor *x, const char *what, ebb_site site) {
    if (!x) return refuse(ebb, NULL, EBB_TYPE_ERROR, what, "is NULL", site);
    if (x->kind == EBB_KIND_POISON && x->context) return false;
    if (x->kind == EBB_KIND_POISON)
        return refuse(ebb, NULL, EBB_TYPE_ERROR, what, "is the result of a call without a context", site);
    if (x->kind == EBB_KIND_ABSENT) return refuse(ebb, NULL, EBB_TYPE_ERROR, what, "is absent (no gradient)", site);
    if (x->kind == EBB_KIND_DEAD)
        return refuse(ebb, x, EBB_RUNTIME_ERROR, what, "is used after its scope closed", site);
    if (x->context != ebb) return refuse(ebb, NULL, EBB_VALUE_ERROR, what, "belongs to another context", site);
    if (x->kind != EBB_KIND_TRACED || is_running(ebb, x)) return true;
    return refuse(ebb, x, EBB_TYPE_ERROR, what, "is a traced tensor outside of its function, where it has no value",
                  site);
}

ebb_context *ebb_context_of(int n, ebb_tensor *const *x) {
    for (int i = 0; i < n; i++)
        if (x[i] && x[i]->context) return x[i]->context;
    return ebb_current();
}

static bool is_plain(const ebb_context *ebb, const ebb_tensor *x) {
    return x && x->context == ebb && (x->kind == EBB_KIND_VALUE || x->kind == EBB_KIND_VARIABLE);
}

bool ebb_operand_usable(ebb_context *ebb, const char *function, int k, const ebb_tensor *x, ebb_site site) {
    if (is_plain(ebb, x)) return true;
    char what[128];
    snprintf(what, sizeof what, "%s: operand %d", function, k);
    return ebb_usable(ebb, x, what, site);
}

bool ebb_operands_usable(ebb_context *ebb, const char *function, int n, ebb_tensor *const *x, ebb_site site) {
    for (int k = 0; k < n; k++)
        if (!ebb_operand_usable(ebb, function, k + 1, x[k], site)) return false;
    return true;
}

/* ---- reading ---- */

/* NULL and the dead are errors for every reader; all else has an answer. */
static bool readable(const ebb_tensor *x, const char *function) {
    if (x && x->kind != EBB_KIND_DEAD) return true;
    ebb_context *ebb = x ? x->context : ebb_current();
    char what[64];
    snprintf(what, sizeof what, "%s: the tensor", function);
    return ebb_usable(ebb, x, what, (ebb_site){0});
}

static bool has_type(const ebb_tensor *x, const char *function) { return readable(x, function) && !is_shared(x); }

ebb_dtype ebb_dtype_of(const ebb_tensor *x) { return has_type(x, "ebb_dtype_of") ? x->type.dtype : EBB_NONE; }

int ebb_rank(const ebb_tensor *x) { return has_type(x, "ebb_rank") ? x->type.shape.rank : 0; }

int64_t ebb_dim(const ebb_tensor *x, int axis) {
    bool there = has_type(x, "ebb_dim") && axis >= -x->type.shape.rank && axis < x->type.shape.rank;
    int64_t size = there ? x->type.shape.dim[axis < 0 ? axis + x->type.shape.rank : axis] : -1;
    return size < 0 ? -1 : size;
}

int64_t ebb_size(const ebb_tensor *x) {
    int64_t size = 0;
    return !has_type(x, "ebb_size") ? 0 : ebb_shape_size(&x->type.shape, &size) ? size : -1;
}

const void *ebb_data(const ebb_tensor *x) { return readable(x, "ebb_data") && x->storage ? x->storage->data : NULL; }

static double element(const ebb_tensor *x, int64_t index) {
    const void *data = x->storage->data;
    switch (x->type.dtype) {
    case EBB_BOOL:
        return ((const bool *)data)[index];
    case EBB_I32:
        return ((const int32_t *)data)[index];
    case EBB_I64:
        return (double)((const int64_t *)data)[index];
    case EBB_F32:
        return (double)((const float *)data)[index];
    case EBB_F64:
        return ((const double *)data)[index];
    case EBB_NONE:
        break;
    }
    return NAN;
}

double ebb_item(const ebb_tensor *x, int64_t index) {
    EBB_PLAIN_FLOATS;
    char text[EBB_TYPE_TEXT];
    if (!readable(x, "ebb_item") || x->kind == EBB_KIND_POISON) return NAN;
    if (!x->storage) {
        const char *what = x->kind == EBB_KIND_ABSENT ? "an absent" : "a traced";
        ebb_fail_at(x->context, EBB_TYPE_ERROR, (ebb_site){0}, "ebb_item: %s tensor has no value", what);
        return NAN;
    }
    if (index >= 0 && index < ebb_size(x)) return element(x, index);
    ebb_fail_at(x->context, EBB_INDEX_ERROR, (ebb_site){0}, "ebb_item: %s has no element %lld",
                ebb_type_text(&x->type, text), (long long)index);
    return NAN;
}

bool ebb_is_variable(const ebb_tensor *x) { return readable(x, "ebb_is_variable") && x->kind == EBB_KIND_VARIABLE; }

bool ebb_is_tensor(const ebb_tensor *x) {
    return readable(x, "ebb_is_tensor") && (x->kind == EBB_KIND_VALUE || x->kind == EBB_KIND_TRACED);
}

bool ebb_is_absent(const ebb_tensor *x) { return readable(x, "ebb_is_absent") && x->kind == EBB_KIND_ABSENT; }

bool ebb_is_poison(const ebb_tensor *x) { return readable(x, "ebb_is_poison") && x->kind == EBB_KIND_POISON; }

bool ebb_is_traced(const ebb_tensor *x) { return readable(x, "ebb_is_traced") && x->kind == EBB_KIND_TRACED; }
