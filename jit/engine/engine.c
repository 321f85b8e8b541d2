/* engine.c - the engine's table, and the road of a compile: lower, emit, link. See engine.h.
 *
 * How a program is compiled: loops get LLVM's ordinary code generation; straight-line programs the fast one, whose cost
 * is linear and a third of the other's even for twenty operations, while calls of libm, which dominate such code, run
 * the same. */
#include "jit/engine/engine.h"

#include <llvm/Config/llvm-config.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

/* Above so many instructions, ordinary code generation costs more than it gives: 12 to 45 us for each, against 2. */
#define LOOPED_MAX 20000

typedef struct ebb_compilation {
    const ebb_plan *plan;
    const ebb_compile_options *options;
    const ebb_rt_symbol *symbols;
    ebb_diag *diag;
    LLVMContextRef context;
    ebb_target target;
    ebb_lowered lowered;
    bool checked; /* by AddressSanitizer */
    char symbol[160];
    LLVMOrcResourceTrackerRef code;
    ebb_entry *entry;
    ebb_compile_times times;
    double started;
} ebb_compilation;

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* The time since the last lap. */
static double lap(ebb_compilation *c) {
    double before = c->started;
    c->started = now_ms();
    return c->started - before;
}

/* Unique in the process, and readable in a debugger. */
static void name_symbol(ebb_compilation *c) {
    static atomic_ullong counter;
    const char *name = c->options->name ? c->options->name : "main";
    snprintf(c->symbol, sizeof c->symbol, "ebb_%.120s_%llu", name, atomic_fetch_add(&counter, 1) + 1);
    for (char *s = c->symbol; *s; s++) {
        bool plain = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9');
        if (!plain) *s = '_';
    }
}

static bool wants_fast(const ebb_compilation *c) {
    return c->options->level == 1 || c->lowered.looped == 0 || c->lowered.looped > LOOPED_MAX;
}

static bool lower(ebb_compilation *c) {
    ebb_lower_options o = {c->symbol, c->target.triple, c->target.layout, c->target.vector_bits,
                           c->options->no_turning};
    bool ok = ebb_lower(c->context, c->plan, &o, &c->lowered, c->diag);
    c->times.lower_ms = lap(c);
    return ok;
}

static bool emit(ebb_compilation *c, LLVMMemoryBufferRef *object) {
    if (wants_fast(c) && !c->target.fast && !ebb_target_machine(&c->target, true, c->diag)) return false;
    if (c->options->no_passes) c->lowered.passes = NULL;
    ebb_module_dump(&c->target, c->lowered.module, c->plan, c->options);
    ebb_emission e = {&c->target, &c->lowered, c->symbols, c->checked};
    bool ok = ebb_object_emit(&e, object, c->diag);
    if (ok) c->times.code_bytes = (int64_t)LLVMGetBufferSize(*object);
    c->times.emit_ms = lap(c);
    return ok;
}

static bool link_code(ebb_compilation *c, LLVMMemoryBufferRef object) {
    c->code = ebb_session_link(object, c->symbol, &c->entry, c->diag);
    c->times.link_ms = lap(c);
    return c->code != NULL;
}

static bool run(ebb_compilation *c) {
    LLVMMemoryBufferRef object = NULL;
    if (!ebb_sanitize_wanted(&c->checked, c->diag)) return false;
    if (!ebb_target_start(c->diag) || !ebb_target_open(&c->target, c->options, c->diag)) return false;
    if (!ebb_target_machine(&c->target, c->options->level == 1, c->diag) || !lower(c)) return false;
    if (!emit(c, &object)) return false;
    return link_code(c, object);
}

static bool engine_compile(const ebb_plan *plan, const ebb_compile_options *options, const ebb_rt_symbol *symbols,
                           void **handle, ebb_entry **entry, int64_t *work_bytes, ebb_compile_times *times,
                           ebb_diag *diag) {
    ebb_compilation c = {.plan = plan, .options = options, .symbols = symbols, .diag = diag, .started = now_ms()};
    name_symbol(&c);
    c.context = LLVMContextCreate();
    bool ok = run(&c);
    if (c.lowered.module) LLVMDisposeModule(c.lowered.module);
    ebb_target_close(&c.target);
    LLVMContextDispose(c.context);
    if (!ok) return false;
    *handle = c.code;
    *entry = c.entry;
    *work_bytes = plan->arena_bytes;
    *times = c.times;
    return true;
}

static void engine_release(void *handle) { ebb_session_unlink(handle); }

static const char *engine_version(void) { return "LLVM " LLVM_VERSION_STRING; }

EBB_API const ebb_engine ebb_engine_table = {EBB_ENGINE_ABI, engine_compile, engine_release, engine_version};
