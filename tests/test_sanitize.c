/* test_sanitize.c - EBB_JIT_SANITIZE: native code that reads or writes beside its buffers is caught.
 *
 * Each case gives a compiled function one buffer that is a byte short, in a child process whose report is read. In
 * a program without AddressSanitizer only the refusal can be tested; ./run check runs the rest. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"

typedef void set_report_fd(void *fd);

static bool has_asan(void) { return dlsym(RTLD_DEFAULT, "__asan_init") != NULL; }

/* ---- programs ---- */

static void add(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    out[0] = ebb_add(in[0], in[1]);
}

static void copy(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    ebb_add(in[0], in[1]);
    out[0] = in[0];
}

static void turned(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    out[0] = ebb_exp(ebb_transpose(in[0], EBB_AXES(1, 0)));
}

static void compare(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    out[0] = ebb_lt(in[0], in[1]);
}

static void total(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    out[0] = ebb_sum(ebb_mul(in[0], in[1]));
}

/* The softmax of a product lies in the arena before its rows are summed. */
static void through_the_arena(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    out[0] = ebb_log_softmax(ebb_matmul(in[0], in[1]), 1);
}

enum { FIRST, SECOND, RESULT, ARENA, NOTHING }; /* which buffer is short */

static const struct {
    const char *name;
    ebb_body *body;
    ebb_dtype dtype;
    int rank;
    int64_t n;
    int is_short;
    const char *says;
} cases[] = {
    {"a whole vector is read", add, EBB_F32, 1, 64, SECOND, "READ"},
    {"a whole vector is written", add, EBB_F32, 1, 64, RESULT, "WRITE"},
    {"a masked tail is read", add, EBB_F64, 1, 71, FIRST, "READ"},
    {"a masked tail is written", add, EBB_F64, 1, 71, RESULT, "WRITE"},
    {"a scalar is read", add, EBB_F64, 0, 1, SECOND, "READ"},
    {"a scalar is written", add, EBB_F64, 0, 1, RESULT, "WRITE"},
    {"integers", add, EBB_I32, 1, 37, FIRST, "READ"},
    {"bools are written", compare, EBB_F32, 1, 67, RESULT, "WRITE"},
    {"strided lanes are read", turned, EBB_F32, 2, 21, FIRST, "READ"},
    {"a sum", total, EBB_F32, 1, 1003, SECOND, "READ"},
    {"a copy is read", copy, EBB_F32, 1, 50, FIRST, "READ"},
    {"a copy is written", copy, EBB_F32, 1, 50, RESULT, "WRITE"},
    {"the arena", through_the_arena, EBB_F64, 2, 19, ARENA, ""},
};

/* ---- running them ---- */

static ebb_native compile(ebb_context *ebb, int c) {
    ebb_function *f = ebb_function_new(ebb, cases[c].body, &(ebb_function_options){.name = cases[c].name});
    int64_t dims[] = {cases[c].n, cases[c].n};
    ebb_tensor *x = ebb_ones(ebb, cases[c].dtype, cases[c].rank, dims);
    return ebb_native_of(ebb_get_concrete(f, 2, ((ebb_operand[]){ebb_operand_tensor(x), ebb_operand_tensor(x)})));
}

/* Runs it with buffers of just their sizes, but for the one that is `missing` bytes short. Only a child may get here
 * with bytes missing. */
static int run(const ebb_native *n, int c, int is_short, size_t missing) {
    size_t bytes = cases[c].dtype == EBB_F64 ? 8 : 4;
    for (int i = 0; i < cases[c].rank; i++)
        bytes *= (size_t)cases[c].n;
    void *buffer[4] = {0};
    for (int i = 0; i < 4; i++) {
        size_t size = i == ARENA ? (size_t)n->work_bytes : i == RESULT && cases[c].body == compare ? bytes / 4 : bytes;
        if (posix_memalign(&buffer[i], 64, size - (i == is_short ? missing : 0)) != 0) return -1;
        if (i != is_short) memset(buffer[i], 0, size);
    }
    int code = n->entry((const void *[]){buffer[FIRST], buffer[SECOND]}, &buffer[RESULT], buffer[ARENA]);
    for (int i = 0; i < 4; i++)
        free(buffer[i]);
    return code;
}

/* What the child's sanitizer says goes into `report`. */
static int run_in_child(const ebb_native *n, int c, char *report, size_t size) {
    int ends[2], status = 0;
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        set_report_fd *direct = (set_report_fd *)(uintptr_t)dlsym(RTLD_DEFAULT, "__sanitizer_set_report_fd");
        direct((void *)(intptr_t)ends[1]);
        run(n, c, cases[c].is_short, cases[c].is_short == ARENA ? (size_t)n->work_bytes - 8 : 1);
        _exit(0);
    }
    close(ends[1]);
    size_t length = 0;
    for (ssize_t got; length + 1 < size && (got = read(ends[0], report + length, size - 1 - length)) > 0;)
        length += (size_t)got;
    report[length] = '\0';
    close(ends[0]);
    waitpid(child, &status, 0);
    return status;
}

static void check_case(int c) {
    char report[8192];
    ebb_context *ebb = ebb_open(NULL);
    ebb_native n = compile(ebb, c);
    expect_ok(ebb, "%s", cases[c].name);
    cr_assert(n.entry, "%s", cases[c].name);
    cr_expect_eq(run(&n, c, NOTHING, 0), EBB_OK, "%s", cases[c].name);
    int status = run_in_child(&n, c, report, sizeof report);
    cr_expect(status != 0, "%s: nobody noticed", cases[c].name);
    cr_expect(strstr(report, "heap-buffer-overflow") && strstr(report, cases[c].says), "%s: \"%s\"", cases[c].name,
              report);
    ebb_close(ebb);
}

Test(sanitize, what_lies_beside_a_buffer_is_not_touched_unnoticed) {
    setenv("EBB_JIT_SANITIZE", "address", 1);
    for (size_t c = 0; has_asan() && c < sizeof cases / sizeof *cases; c++)
        check_case((int)c);
}

/* It must be off here, or the case above proves nothing. */
Test(sanitize, without_the_variable_nothing_is_checked) {
    unsetenv("EBB_JIT_SANITIZE");
    char report[8192];
    ebb_context *ebb = ebb_open(NULL);
    ebb_native n = compile(ebb, 0);
    cr_assert(n.entry);
    if (has_asan()) cr_expect_eq(run_in_child(&n, 0, report, sizeof report), 0, "%s", report);
    ebb_close(ebb);
}

Test(sanitize, what_cannot_be_had_is_an_error) {
    ebb_context *ebb = ebb_open(NULL);
    setenv("EBB_JIT_SANITIZE", "memory", 1);
    cr_expect(!compile(ebb, 0).entry);
    expect_error(ebb, EBB_VALUE_ERROR, "EBB_JIT_SANITIZE", "an unknown word");
    setenv("EBB_JIT_SANITIZE", "", 1);
    cr_expect(compile(ebb, 0).entry);
    setenv("EBB_JIT_SANITIZE", "address", 1);
    if (!has_asan()) {
        cr_expect(!compile(ebb, 0).entry);
        expect_error(ebb, EBB_VALUE_ERROR, "EBB_JIT_SANITIZE=address: this program is not built", "no runtime");
    }
    expect_ok(ebb, "after that");
    ebb_close(ebb);
}
