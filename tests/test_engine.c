/* test_engine.c - the door to the engine, and the life of executables.
 *
 * Criterion runs each test in a process of its own, so each begins before the engine is open. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "tests/support/handmade.h"
#include "tests/support/scarce.h"

/* y[n] = x[n] + k */
static void adding_plan(hand *h, int64_t n, float k) {
    uint32_t bits;
    int64_t one = 1;
    memcpy(&bits, &k, sizeof bits);
    hand_open(h);
    int x = hand_input(h, EBB_F32, n), y = hand_output(h, EBB_F32, n);
    hand_kernel(h, 1, &n, 0, 0);
    int sum = hand_apply(h, EBB_OP_add, EBB_F32, 1, hand_load(h, x, 1, 0, &one), hand_const(h, EBB_F32, bits), -1);
    hand_store(h, y, 1, 0, 0, &one, sum);
}

static ebb_executable *compile_adding(float k, const ebb_compile_options *options, ebb_diag *diag) {
    hand *h = malloc(sizeof *h);
    adding_plan(h, 20, k);
    ebb_executable *x = ebb_compile(&h->plan, options, diag);
    hand_close(h);
    free(h);
    return x;
}

static bool adds(const ebb_executable *x, float k) {
    float from[20], to[20];
    for (int i = 0; i < 20; i++)
        from[i] = (float)i;
    if (ebb_executable_entry(x)((const void *[]){from}, (void *[]){to}, NULL) != EBB_OK) return false;
    for (int i = 0; i < 20; i++)
        if (to[i] != (float)i + k) return false;
    return true;
}

static void must_refuse(const ebb_compile_options *options, ebb_code code, const char *word) {
    ebb_diag diag = {0};
    ebb_executable *x = compile_adding(1, options, &diag);
    cr_assert(x == NULL, "compiled, but should not have: %s", word);
    cr_assert_eq(diag.code, code, "code %d: %s", (int)diag.code, diag.message);
    cr_assert_not_null(strstr(diag.message, word), "\"%s\" does not say \"%s\"", diag.message, word);
    cr_assert_eq(ebb_executable_live(), 0);
}

Test(engine, an_executable_lives_as_long_as_someone_holds_it) {
    ebb_diag diag = {0};
    ebb_executable *x = compile_adding(2, NULL, &diag);
    cr_assert(x != NULL, "%s", diag.message);
    cr_assert_eq(ebb_executable_live(), 1);
    cr_assert(ebb_executable_retain(x) == x);
    ebb_executable_release(x);
    cr_assert(adds(x, 2), "the code is gone while one holds it");
    cr_assert(ebb_executable_times(x).code_bytes > 0);
    cr_assert_eq(ebb_executable_work(x), 0);
    ebb_executable_release(x);
    ebb_executable_release(NULL);
    cr_assert_eq(ebb_executable_live(), 0);
    cr_assert_not_null(strstr(ebb_engine_open(&diag)->version(), "LLVM "));
}

Test(engine, switched_off_it_refuses) {
    setenv("EBB_JIT", "off", 1);
    must_refuse(NULL, EBB_UNAVAILABLE, "EBB_JIT");
    unsetenv("EBB_JIT");
    ebb_executable *x = compile_adding(1, NULL, NULL);
    cr_assert(x != NULL && adds(x, 1));
    ebb_executable_release(x);
}

Test(engine, a_missing_or_foreign_module_is_named_and_may_be_corrected) {
    const char *named = getenv("EBB_ENGINE");
    char *right = named ? strdup(named) : NULL;
    setenv("EBB_ENGINE", "/nowhere/ebb-engine.so", 1);
    must_refuse(NULL, EBB_UNAVAILABLE, "/nowhere/ebb-engine.so");
    setenv("EBB_ENGINE", "libm.so.6", 1);
    must_refuse(NULL, EBB_UNAVAILABLE, "ebb_engine_table");
    if (right)
        setenv("EBB_ENGINE", right, 1);
    else
        unsetenv("EBB_ENGINE");
    ebb_diag diag = {0};
    ebb_executable *x = compile_adding(1, NULL, &diag);
    cr_assert(x != NULL && adds(x, 1), "%s", diag.message);
    ebb_executable_release(x);
    free(right);
}

Test(engine, without_a_name_it_is_found_beside_the_library) {
    unsetenv("EBB_ENGINE");
    ebb_diag diag = {0};
    cr_assert(ebb_engine_open(&diag) != NULL, "%s", diag.message);
    cr_assert(ebb_engine_open(&diag) == ebb_engine_open(NULL), "one engine in a process");
}

Test(engine, options_that_make_no_sense_are_errors) {
    must_refuse(&(ebb_compile_options){.vector_bits = 100}, EBB_VALUE_ERROR, "vector_bits");
    must_refuse(&(ebb_compile_options){.cpu = "z80"}, EBB_VALUE_ERROR, "z80");
    must_refuse(&(ebb_compile_options){.cpu = "x86-64", .vector_bits = 256}, EBB_UNAVAILABLE, "x86-64");
}

Test(engine, older_processors_get_the_same_numbers) {
    const char *cpus[] = {"native", "x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4"};
    for (size_t i = 0; i < sizeof cpus / sizeof *cpus; i++) {
        ebb_diag diag = {0};
        ebb_executable *x = compile_adding(3, &(ebb_compile_options){.cpu = cpus[i]}, &diag);
        cr_assert(x != NULL || (diag.code == EBB_UNAVAILABLE && i > 2), "%s: %s", cpus[i], diag.message);
        cr_assert(x == NULL || adds(x, 3), "%s", cpus[i]);
        ebb_executable_release(x);
    }
}

/* ---- what people look at ---- */

static void keep_line(void *self, const char *text) { snprintf(self, 256, "%s", text); }

static long file_size(const char *folder, const char *name) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "r");
    if (!f) return -1;
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    fclose(f);
    unlink(path);
    return size;
}

Test(engine, dumps_and_a_line_of_times) {
    char folder[] = "/tmp/ebb_test_dump_XXXXXX", line[256] = "";
    cr_assert_not_null(mkdtemp(folder));
    ebb_compile_options o = {.name = "lo/ss", .dump_folder = folder, .log = keep_line, .log_self = line};
    ebb_executable *x = compile_adding(1, &o, NULL);
    cr_assert(x != NULL && adds(x, 1));
    cr_assert_not_null(strstr(line, "lo/ss"), "%s", line);
    const char *files[] = {"lo_ss.ll", "lo_ss.s", "lo_ss.plan"};
    for (int i = 0; i < 3; i++)
        cr_assert(file_size(folder, files[i]) > 20, "%s", files[i]);
    cr_assert_eq(rmdir(folder), 0, "something else was written too");
    ebb_executable_release(x);
    x = compile_adding(1, &(ebb_compile_options){.dump_folder = "/nowhere"}, NULL);
    cr_assert(x != NULL && adds(x, 1), "a dump that cannot be written is no error");
    ebb_executable_release(x);
}

/* ---- memory ---- */

static long resident_kb(void) {
    long size = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    cr_assert(f != NULL && fscanf(f, "%ld %ld", &size, &resident) == 2);
    fclose(f);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/* The address sanitizer keeps what is freed in quarantine. gcc and clang say in different ways that it is there. */
#ifdef __has_feature
#define CLANG_HAS(what) __has_feature(what)
#else
#define CLANG_HAS(what) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || CLANG_HAS(address_sanitizer)
#define GROWTH_KB (64 * 1024)
#else
#define GROWTH_KB 1024
#endif

static void compile_and_free(int times) {
    for (int i = 0; i < times; i++) {
        ebb_executable *x = compile_adding((float)i, &(ebb_compile_options){.level = 1}, NULL);
        cr_assert(x != NULL && adds(x, (float)i), "cycle %d", i);
        ebb_executable_release(x);
    }
}

Test(engine, released_code_gives_its_memory_back) {
    compile_and_free(600);
    long before = resident_kb();
    compile_and_free(2000);
    long grown = resident_kb() - before;
    cr_assert(grown < GROWTH_KB, "%ld kB more after 2000 executables", grown);
}

Test(engine, an_allocation_that_fails_is_an_error_and_no_leak) {
    ebb_executable *x = NULL;
    int failures = 0;
    for (; !x && failures < 100; failures++) {
        hand h;
        adding_plan(&h, 20, 1);
        scarce s = {.left = failures};
        ebb_allocator poor = scarce_allocator(&s);
        h.plan.allocator = &poor;
        ebb_diag diag = {0};
        x = ebb_compile(&h.plan, NULL, &diag);
        cr_assert(x != NULL || diag.code == EBB_NO_MEMORY, "allocation %d: %s", failures, diag.message);
        cr_assert_eq(s.live, 0, "allocation %d: %d blocks left", failures, (int)s.live);
        hand_close(&h);
    }
    cr_assert(x != NULL && failures > 1 && adds(x, 1), "%d allocations", failures);
    ebb_executable_release(x);
}

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

Test(engine, no_executable_memory_is_unavailable_and_nothing_worse) {
    ebb_engine_open(NULL);
    if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != 0) return; /* an older kernel */
    must_refuse(NULL, EBB_UNAVAILABLE, "linking");
    must_refuse(NULL, EBB_UNAVAILABLE, "linking");
}

/* ---- threads ---- */

#define THREADS 4
#define ROUNDS 25

static void *compile_in_thread(void *argument) {
    float first = *(float *)argument;
    ebb_executable *kept[ROUNDS];
    bool ok = true;
    for (int i = 0; i < ROUNDS; i++) {
        kept[i] = compile_adding(first + (float)i, NULL, NULL);
        ok = ok && kept[i] && adds(kept[i], first + (float)i);
    }
    for (int i = 0; i < ROUNDS && ok; i++)
        ok = adds(kept[i], first + (float)i);
    for (int i = 0; i < ROUNDS; i++)
        ebb_executable_release(kept[i]);
    return ok ? argument : NULL;
}

Test(engine, four_threads_compile_at_once) {
    pthread_t thread[THREADS];
    float first[THREADS] = {0, 100, 200, 300};
    for (int t = 0; t < THREADS; t++)
        cr_assert_eq(pthread_create(&thread[t], NULL, compile_in_thread, &first[t]), 0);
    for (int t = 0; t < THREADS; t++) {
        void *result;
        pthread_join(thread[t], &result);
        cr_assert(result == &first[t], "thread %d", t);
    }
    cr_assert_eq(ebb_executable_live(), 0);
}
