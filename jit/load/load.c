/* load.c - counted executables. See load.h; the door to the engine is in open.c. */
#include "jit/load/load.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ebb_executable {
    atomic_int references;
    const ebb_engine *engine;
    void *handle;
    ebb_entry *entry;
    int64_t work;
    ebb_compile_times times;
};

static atomic_llong alive;

static bool switched_off(void) {
    const char *word = getenv("EBB_JIT");
    return word && strcmp(word, "off") == 0;
}

static void log_times(const ebb_compile_options *o, const ebb_executable *x) {
    if (!o->log) return;
    char line[256];
    snprintf(line, sizeof line, "compiled %.80s: lower %.2f ms, emit %.2f ms, link %.2f ms, %lld bytes, %s",
             o->name ? o->name : "main", x->times.lower_ms, x->times.emit_ms, x->times.link_ms,
             (long long)x->times.code_bytes, x->engine->version());
    o->log(o->log_self, line);
}

static bool compile(ebb_executable *x, const ebb_plan *plan, const ebb_compile_options *options, ebb_diag *diag) {
    if (switched_off()) return ebb_fail(diag, EBB_UNAVAILABLE, (ebb_site){0}, "compiling is off: EBB_JIT=off");
    x->engine = ebb_engine_open(diag);
    if (!x->engine) return false;
    return x->engine->compile(plan, options, ebb_rt_table, &x->handle, &x->entry, &x->work, &x->times, diag);
}

ebb_executable *ebb_compile(const ebb_plan *plan, const ebb_compile_options *options, ebb_diag *diag) {
    static const ebb_compile_options defaults;
    if (!options) options = &defaults;
    ebb_executable *x = ebb_mem_new(&ebb_malloc_allocator, 1, sizeof *x);
    if (!x) {
        ebb_fail_memory(diag);
        return NULL;
    }
    atomic_init(&x->references, 1);
    if (!compile(x, plan, options, diag)) {
        ebb_mem_free(&ebb_malloc_allocator, x);
        return NULL;
    }
    atomic_fetch_add(&alive, 1);
    log_times(options, x);
    return x;
}

ebb_executable *ebb_executable_retain(ebb_executable *x) {
    if (x) atomic_fetch_add_explicit(&x->references, 1, memory_order_relaxed);
    return x;
}

void ebb_executable_release(ebb_executable *x) {
    if (!x || atomic_fetch_sub_explicit(&x->references, 1, memory_order_acq_rel) != 1) return;
    x->engine->release(x->handle);
    ebb_mem_free(&ebb_malloc_allocator, x);
    atomic_fetch_sub(&alive, 1);
}

ebb_entry *ebb_executable_entry(const ebb_executable *x) { return x->entry; }
int64_t ebb_executable_work(const ebb_executable *x) { return x->work; }
ebb_compile_times ebb_executable_times(const ebb_executable *x) { return x->times; }
int64_t ebb_executable_live(void) { return atomic_load(&alive); }
