/* load.h - compiled programs as counted objects, and the door to the compiler.
 *
 * Knows no LLVM: the engine (jit/lower + jit/engine) is a shared module, opened at the first compile by dlopen, and
 * asked through one table of functions. A program that only runs eagerly never loads it. EBB_ENGINE names the module's
 * file; else it is looked for beside the file that holds this code, and in the installed library folder.
 * EBB_JIT=off: every compile is refused with EBB_UNAVAILABLE (callers fall back to the evaluator). */
#ifndef EBB_LOAD_H
#define EBB_LOAD_H

#include "jit/graph/graph.h"
#include "jit/runtime/runtime.h"

typedef struct ebb_plan ebb_plan; /* jit/plan/plan.h: only handed on, never looked into */

/* Native code of one function: re-entrant, no locks, no allocation. in[k]: parameter k; out[j]: result j (ignored when
 * the result is absent); work: arena of ebb_executable_work bytes, 64-byte aligned. Buffers need element alignment
 * only. Returns EBB_OK, or a code with ebb_rt_fault() filled. */
typedef int ebb_entry(const void *const *in, void *const *out, void *work);

typedef struct ebb_compile_options {
    const char *name; /* function name for symbols, dumps, profiles */
    int level;        /* 0: default (2); 1: no optimisation, fastest to compile; 2: vectors, default code generation */
    int vector_bits;  /* 0: what the CPU has; 128, 256, 512 */
    const char *cpu;  /* NULL: this machine's; e.g. "x86-64" */
    bool no_passes;   /* for tests: LLVM's passes on the IR are left out */
    bool no_turning;  /* for tests: no short axis is walked within each vector */
    const char *dump_folder; /* NULL: none; else <name>.ll, <name>.s and <name>.plan are written there */
    void (*log)(void *self, const char *text); /* NULL, or gets one line of timings per compile */
    void *log_self;
} ebb_compile_options;

typedef struct ebb_compile_times {
    double lower_ms, emit_ms, link_ms;
    int64_t code_bytes;
} ebb_compile_times;

typedef struct ebb_executable ebb_executable; /* counted; atomically */
ebb_executable *ebb_compile(const ebb_plan *plan, const ebb_compile_options *options, ebb_diag *diag); /* NULL: error */
ebb_executable *ebb_executable_retain(ebb_executable *x);
void ebb_executable_release(ebb_executable *x); /* the last one gives the code's memory back */
ebb_entry *ebb_executable_entry(const ebb_executable *x);
int64_t ebb_executable_work(const ebb_executable *x); /* arena bytes */
ebb_compile_times ebb_executable_times(const ebb_executable *x);
int64_t ebb_executable_live(void); /* how many are alive in the process: for tests */

/* ---- the table that the engine module exports as `ebb_engine_table` ---- */
#define EBB_ENGINE_ABI 4
typedef struct ebb_engine {
    int abi;
    /* Compiles a plan; *handle gets what release takes, *entry the code. */
    bool (*compile)(const ebb_plan *plan, const ebb_compile_options *options, const ebb_rt_symbol *symbols,
                    void **handle, ebb_entry **entry, int64_t *work_bytes, ebb_compile_times *times, ebb_diag *diag);
    void (*release)(void *handle);
    const char *(*version)(void); /* "LLVM 19.1.7" */
} ebb_engine;
const ebb_engine *ebb_engine_open(ebb_diag *diag); /* opens it if need be; NULL: error */

#endif
