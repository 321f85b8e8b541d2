/* context.c - contexts and their first error.
 *
 * Invariant: diag.code and error_text change together, and only while diag.code is EBB_OK. Every thread remembers the
 * context it used last, so that even a call with nothing but NULL has a place for its error. */
#include "frontend/values.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const code_names[] = {
    [EBB_OK] = "OK",
    [EBB_VALUE_ERROR] = "ValueError",
    [EBB_TYPE_ERROR] = "TypeError",
    [EBB_INDEX_ERROR] = "IndexError",
    [EBB_ATTRIBUTE_ERROR] = "AttributeError",
    [EBB_RUNTIME_ERROR] = "RuntimeError",
    [EBB_LOOKUP_ERROR] = "LookupError",
    [EBB_NOT_FOUND] = "NotFoundError",
    [EBB_DATA_ERROR] = "DataError",
    [EBB_NO_MEMORY] = "MemoryError",
    [EBB_UNAVAILABLE] = "UnavailableError",
    [EBB_FLOAT_ERROR] = "FloatingPointError",
    [EBB_INTERNAL_ERROR] = "InternalError",
};

const char *ebb_code_name(ebb_code code) {
    return (unsigned)code < sizeof code_names / sizeof code_names[0] ? code_names[code] : "unknown error";
}

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
const char *ebb_version(void) {
    return TEXT(EBB_VERSION_MAJOR) "." TEXT(EBB_VERSION_MINOR) "." TEXT(EBB_VERSION_PATCH);
}

/* ---- the context of this thread ---- */

static ebb_tensor poison_of_nobody = {.kind = EBB_KIND_POISON};

/* A context may be closed by another thread than the one that remembers it; so a memory counts only as long as no
 * context at all was closed since. */
static uint64_t closed_contexts;
static _Thread_local ebb_context *last_used;
static _Thread_local uint64_t closed_then;

#ifdef NDEBUG
static bool is_intruder(ebb_context *ebb) { return (void)ebb, false; }
bool ebb_occupy(ebb_context *ebb) { return (void)ebb, true; }
void ebb_vacate(ebb_context *ebb, ebb_site site) { (void)ebb, (void)site; }
#else
static _Thread_local char self; /* its address is this thread's name */

static bool is_intruder(ebb_context *ebb) {
    const void *occupant = __atomic_load_n(&ebb->occupant, __ATOMIC_ACQUIRE);
    bool other = occupant && occupant != &self;
    if (other) __atomic_store_n(&ebb->intruded, true, __ATOMIC_RELAXED);
    return other;
}

bool ebb_occupy(ebb_context *ebb) {
    const void *nobody = NULL;
    __atomic_compare_exchange_n(&ebb->occupant, &nobody, &self, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    if (is_intruder(ebb)) return false;
    ebb->occupied++;
    return true;
}

void ebb_vacate(ebb_context *ebb, ebb_site site) {
    if (--ebb->occupied) return;
    if (__atomic_exchange_n(&ebb->intruded, false, __ATOMIC_RELAXED))
        ebb_fail_at(ebb, EBB_RUNTIME_ERROR, site, "the context is used by two threads at the same time");
    __atomic_store_n(&ebb->occupant, NULL, __ATOMIC_RELEASE);
}
#endif

void ebb_enter(ebb_context *ebb) {
    if (ebb) is_intruder(ebb);
    last_used = ebb;
    closed_then = __atomic_load_n(&closed_contexts, __ATOMIC_RELAXED);
}

ebb_context *ebb_current(void) {
    return closed_then == __atomic_load_n(&closed_contexts, __ATOMIC_RELAXED) ? last_used : NULL;
}

ebb_tensor *ebb_poison_of(ebb_context *ebb) { return ebb ? &ebb->poison : &poison_of_nobody; }

/* ---- life ---- */

static const char *copy_text(const ebb_allocator *a, const char *text) {
    return ebb_mem_copy(a, text, strlen(text) + 1);
}

static bool take_dump_folder(ebb_context *ebb) {
    const char *folder = ebb->options.dump_folder ? ebb->options.dump_folder : secure_getenv("EBB_DUMP");
    ebb->options.dump_folder = folder && *folder ? copy_text(&ebb->allocator, folder) : NULL;
    return ebb->options.dump_folder || !folder || !*folder;
}

static bool take_cpu(ebb_context *ebb) {
    const char *cpu = ebb->options.cpu;
    if (cpu) ebb->options.cpu = copy_text(&ebb->allocator, cpu);
    return ebb->options.cpu || !cpu;
}

static void init_shared(ebb_context *ebb, ebb_tensor *x, ebb_kind kind) {
    *x = (ebb_tensor){.context = ebb, .kind = kind, .references = 1, .serial = ++ebb->next_serial};
}

ebb_context *ebb_open(const ebb_options *options) {
    const ebb_allocator *a = options && options->allocator.resize ? &options->allocator : &ebb_malloc_allocator;
    ebb_context *ebb = ebb_mem_new(a, 1, sizeof *ebb);
    if (!ebb) return NULL;
    if (options) ebb->options = *options;
    ebb->allocator = ebb->options.allocator = *a;
    if (!take_dump_folder(ebb) || !take_cpu(ebb)) {
        ebb_mem_free(a, (void *)ebb->options.dump_folder);
        ebb_mem_free(a, ebb);
        return NULL;
    }
    init_shared(ebb, &ebb->poison, EBB_KIND_POISON);
    init_shared(ebb, &ebb->absent, EBB_KIND_ABSENT);
    ebb_enter(ebb);
    return ebb;
}

/* Holders first, then what they held, then the pools that took it back. */
void ebb_close(ebb_context *ebb) {
    if (!ebb) return;
    ebb_optimizers_close(ebb);
    ebb_layers_close(ebb);
    ebb_functions_close(ebb);
    ebb_scopes_free(ebb);
    while (ebb->variables)
        ebb_release(ebb->variables);
    ebb_handle_release(ebb->generator);
    ebb_expansions_free(ebb);
    ebb_handles_free(ebb);
    ebb_storage_trim(ebb);
    ebb_allocator a = ebb->allocator;
    ebb_mem_free(&a, ebb->work);
    ebb_mem_free(&a, (void *)ebb->options.dump_folder);
    ebb_mem_free(&a, (void *)ebb->options.cpu);
    ebb_mem_free(&a, ebb);
    __atomic_add_fetch(&closed_contexts, 1, __ATOMIC_RELAXED);
}

/* ---- errors ---- */

bool ebb_ok(const ebb_context *ebb) { return ebb && ebb->diag.code == EBB_OK; }

ebb_code ebb_error_code(const ebb_context *ebb) { return ebb ? ebb->diag.code : EBB_TYPE_ERROR; }

const char *ebb_error(const ebb_context *ebb) { return ebb ? ebb->error_text : "the context is NULL"; }

void ebb_clear_error(ebb_context *ebb) {
    if (!ebb) return;
    ebb->diag.code = EBB_OK;
    ebb->diag.message[0] = ebb->error_text[0] = 0;
}

ebb_tensor *ebb_fail_at(ebb_context *ebb, ebb_code code, ebb_site site, const char *format, ...) {
    if (!ebb) ebb = ebb_current();
    if (ebb) ebb->errors++;
    if (!ebb || ebb->diag.code != EBB_OK) return ebb_poison_of(ebb);
    site = ebb_users_site(ebb, site);
    ebb->diag.code = code;
    ebb->diag.site = site;
    va_list list;
    va_start(list, format);
    vsnprintf(ebb->diag.message, sizeof ebb->diag.message, format, list);
    va_end(list);
    int n = snprintf(ebb->error_text, sizeof ebb->error_text, "%s", ebb->diag.message);
    if (site.file) snprintf(ebb->error_text + n, sizeof ebb->error_text - (size_t)n, " (%s:%d)", site.file, site.line);
    return &ebb->poison;
}

/* What the user wrote, where it is not the operation's own name. */
const char *ebb_op_public(ebb_op op) {
    switch (op) {
    case EBB_OP_dot:
        return "matmul";
    case EBB_OP_broadcast:
        return "broadcast_to";
    case EBB_OP_reduce_max:
        return "max_over";
    case EBB_OP_reduce_min:
        return "min_over";
    case EBB_OP_reduce_all:
        return "all_over";
    case EBB_OP_reduce_any:
        return "any_over";
    case EBB_OP_arg_top_k:
        return "top_k";
    case EBB_OP_logdet:
    case EBB_OP_det_sign:
        return "slogdet";
    case EBB_OP_iota:
        return "range";
    default:
        return (unsigned)op < EBB_OP_COUNT ? ebb_op_table[op].name : "unknown";
    }
}

/* The rooms below say "add: ..."; the user wrote ebb_add. */
ebb_tensor *ebb_fail_diag(ebb_context *ebb, const ebb_diag *diag, ebb_site site) {
    ebb_site where = diag->site.file ? diag->site : site;
    size_t word = strcspn(diag->message, ":");
    ebb_op op = diag->message[word] && word ? ebb_op_by_name(diag->message, word) : EBB_OP_NONE;
    if (op == EBB_OP_NONE) return ebb_fail_at(ebb, diag->code, where, "%s", diag->message);
    return ebb_fail_at(ebb, diag->code, where, "ebb_%s%s", ebb_op_public(op), diag->message + word);
}
