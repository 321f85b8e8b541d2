/* test_host_limits.c - the process around us: its forks, and what it forbids. The floating-point environment is in
 * test_host.c.
 *
 * Cases carry the numbers of the list of hard cases. Most change the process for good, so each is a test of its own,
 * which Criterion runs in its own process. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jit/load/load.h"
#include "tests/support/check.h"

/* ---- H093: fork ---- */

static void mean_square(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    out[0] = ebb_mean(ebb_square(in[0]));
}

/* Everything that touches something shared: eager, an old function, a new one, its derivative, a product. */
static bool all_works(ebb_context *ebb, ebb_function *old) {
    bool good = true;
    EBB_SCOPE (ebb) {
        ebb_tensor *x = ebb_literal(ebb, "[[1, 2], [3, 4]]", EBB_F64);
        ebb_function *f = ebb_function_new(ebb, mean_square, &(ebb_function_options){.mode = EBB_NATIVE});
        good = ebb_item(ebb_sum(ebb_matmul(x, x)), 0) == 54 && ebb_item(ebb_call(old, x), 0) == 7.5 &&
               ebb_item(ebb_call(f, x), 0) == 7.5 && ebb_item(ebb_call(ebb_grad(f, NULL), x), 3) == 2;
        ebb_function_free(f);
    }
    return good && ebb_ok(ebb);
}

/* The exit status of a child that does all of it; it is given up after a minute, since what may fail is a lock. */
static int fork_and_work(ebb_context *ebb, ebb_function *old) {
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        alarm(30);
        _exit(all_works(ebb, old) ? 0 : 1);
    }
    cr_assert(child > 0);
    waitpid(child, &status, 0);
    return status;
}

Test(host, H093_a_child_uses_what_its_parent_used) {
    ebb_context *ebb = ebb_open(NULL);
    ebb_function *old = ebb_function_new(ebb, mean_square, &(ebb_function_options){.mode = EBB_NATIVE});
    cr_assert(all_works(ebb, old), "%s", ebb_error(ebb));
    cr_expect_eq(fork_and_work(ebb, old), 0, "in the child");
    cr_expect(all_works(ebb, old), "in the parent, afterwards");
    ebb_close(ebb);
}

static atomic_bool enough;
static void *compile_all_the_time(void *rounds) {
    ebb_context *ebb = ebb_open(NULL);
    ebb_function *old = ebb_function_new(ebb, mean_square, &(ebb_function_options){.mode = EBB_NATIVE});
    for (bool good = true; good && !enough; ++*(int *)rounds)
        good = all_works(ebb, old);
    ebb_close(ebb);
    return NULL;
}

Test(host, H093_a_fork_while_other_threads_compile, .timeout = 240) {
    pthread_t thread[2];
    int rounds[2] = {0, 0};
    ebb_context *ebb = ebb_open(NULL);
    ebb_function *old = ebb_function_new(ebb, mean_square, &(ebb_function_options){.mode = EBB_NATIVE});
    cr_assert(all_works(ebb, old), "%s", ebb_error(ebb));
    for (int t = 0; t < 2; t++)
        cr_assert_eq(pthread_create(&thread[t], NULL, compile_all_the_time, &rounds[t]), 0);
    for (int i = 0; i < 10; i++)
        cr_expect_eq(fork_and_work(ebb, old), 0, "child %d", i);
    enough = true;
    for (int t = 0; t < 2; t++) {
        pthread_join(thread[t], NULL);
        cr_expect(rounds[t] > 0, "thread %d did nothing", t);
    }
    ebb_close(ebb);
}

/* ---- H090: no executable memory ---- */

static int said;
static void listen(void *self, const char *message) {
    (void)self, (void)message;
    said++;
}

static void functions_run_without_code(const char *name) {
    ebb_context *ebb = ebb_open(&(ebb_options){.log = listen});
    ebb_function *f = ebb_function_new(ebb, mean_square, NULL);
    ebb_tensor *x = ebb_literal(ebb, "[1, 2, 3, 4]", EBB_F64);
    said = 0;
    expect_text(ebb_call(f, x), "7.5", "%s", name);
    expect_text(ebb_call(ebb_grad(f, NULL), x), "[0.5 1.  1.5 2. ]", "%s", name);
    cr_expect(!ebb_concrete_is_native(ebb_get_concrete(f, 1, &(ebb_operand){.tensor = x})), "%s", name);
    cr_expect(said > 0, "%s: the log says why", name);
    expect_ok(ebb, "%s", name);
    ebb_close(ebb);
}

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

Test(host, H090_without_executable_memory_the_evaluator_runs) {
    if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != 0) {
        fprintf(stderr, "skipped: this kernel has no PR_SET_MDWE (Linux 6.3)\n");
        return;
    }
    functions_run_without_code("H090 memory-deny-write-execute");
}

Test(host, H090_switched_off_the_evaluator_runs) {
    setenv("EBB_JIT", "off", 1);
    functions_run_without_code("H090 EBB_JIT=off");
}

/* ---- H089: little address space ---- */

static int64_t address_space(void) {
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    cr_assert(f && fscanf(f, "%ld", &pages) == 1);
    fclose(f);
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

/* With so much more to come: the right number by code or by the evaluator, or a clean error; but no end by LLVM. */
static int call_within(int64_t more) {
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = {(rlim_t)(address_space() + more), RLIM_INFINITY};
        setrlimit(RLIMIT_AS, &limit);
        ebb_context *ebb = ebb_open(NULL);
        ebb_function *f = ebb_function_new(ebb, mean_square, NULL);
        ebb_tensor *y = ebb_call(f, ebb_literal(ebb, "[1, 2, 3, 4]", EBB_F64));
        bool right = ebb_item(y, 0) == 7.5, refused = ebb_error_code(ebb) == EBB_NO_MEMORY;
        _exit(right || refused ? 0 : 1);
    }
    cr_assert(child > 0);
    waitpid(child, &status, 0);
    return status;
}

#ifdef __has_feature
#define CLANG_HAS(what) __has_feature(what)
#else
#define CLANG_HAS(what) 0
#endif
#if !defined(__SANITIZE_ADDRESS__) && !CLANG_HAS(address_sanitizer) /* which maps terabytes */
Test(host, H089_a_limit_of_address_space_ends_nothing) {
    for (int64_t more = 1; more <= 512; more += more < 16 ? 5 : 31)
        cr_expect_eq(call_within(more << 20), 0, "%lld MB", (long long)more);
    ebb_engine_open(NULL);
    for (int64_t more = 1; more <= 512; more += more < 16 ? 5 : 31)
        cr_expect_eq(call_within(more << 20), 0, "the engine is open, %lld MB", (long long)more);
}
#endif
