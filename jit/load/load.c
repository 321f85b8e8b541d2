/* load.c - counted executables. See load.h; the door to the engine is in open.c.
 *
 * A fork waits until no thread is inside the engine, so that in the child none of LLVM's locks is held by a thread that
 * is not there any more: `inside` is held for reading in the engine, and for writing over a fork. */
#include "jit/load/load.h"
#include "jit/graph/plain_floats.h"

#include <pthread.h>
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

/* ---- forks ---- */

/* The kind in which a fork does not starve behind compiles. */
#define NOBODY_INSIDE PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP
static pthread_rwlock_t inside = NOBODY_INSIDE;

static void before_fork(void) { pthread_rwlock_wrlock(&inside); }
static void after_fork(void) { pthread_rwlock_unlock(&inside); }
/* The child is one thread with a number of its own, to which the lock taken before does not belong. */
static void in_child(void) { inside = (pthread_rwlock_t)NOBODY_INSIDE; }
static void watch_forks(void) { pthread_atfork(before_fork, after_fork, in_child); }

static void enter_engine(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    pthread_rwlock_rdlock(&inside);
}

static void leave_engine(void) { pthread_rwlock_unlock(&inside); }

/* ---- compiling ---- */

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

/* What opening the engine maps, and a compile of a small program takes: LLVM ends the process if it is refused. */
#define ROOM_FOR_ENGINE ((size_t)384 << 20)

static bool compile(ebb_executable *x, const ebb_plan *plan, const ebb_compile_options *options, ebb_diag *diag) {
    EBB_PLAIN_FLOATS;
    if (switched_off()) return ebb_fail(diag, EBB_UNAVAILABLE, (ebb_site){0}, "compiling is off: EBB_JIT=off");
    if (!ebb_mem_may_grow(ROOM_FOR_ENGINE))
        return ebb_fail(diag, EBB_UNAVAILABLE, (ebb_site){0}, "no compiling: RLIMIT_AS leaves too little room");
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
    enter_engine();
    bool good = compile(x, plan, options, diag);
    leave_engine();
    if (!good) {
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
    enter_engine();
    x->engine->release(x->handle);
    leave_engine();
    ebb_mem_free(&ebb_malloc_allocator, x);
    atomic_fetch_sub(&alive, 1);
}

ebb_entry *ebb_executable_entry(const ebb_executable *x) { return x->entry; }
int64_t ebb_executable_work(const ebb_executable *x) { return x->work; }
ebb_compile_times ebb_executable_times(const ebb_executable *x) { return x->times; }
int64_t ebb_executable_live(void) { return atomic_load(&alive); }
