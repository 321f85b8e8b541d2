/* test_log.c - what the library says when it is asked: EBB_LOG topics through the callback, and the files of a dump
 * folder. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/check.h"

static char heard[1 << 16];

static void hear(void *self, const char *message) {
    (void)self;
    strncat(heard, message, sizeof heard - strlen(heard) - 1);
}

static void body(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    out[0] = ebb_sum(ebb_tanh(in[0]));
}

static void call_once(const char *dump_folder) {
    ebb_context *ebb = ebb_open(&(ebb_options){.log = hear, .mode = EBB_NATIVE, .dump_folder = dump_folder});
    ebb_function *f = ebb_function_new(ebb, body, &(ebb_function_options){.name = "logged"});
    ebb_call(f, ebb_ones(ebb, EBB_F32, EBB_SHAPE(100)));
    expect_ok(ebb, "call");
    ebb_close(ebb);
}

Test(log, topics) {
    static const struct {
        const char *topics, *said, *unsaid;
    } cases[] = {
        {"graph", "func logged(%1: f32[100])", "plan logged"},
        {"plan", "plan logged", "func logged"},
        {"time", "compiled logged", "func logged"},
        {"time,graph", "func logged", "plan logged"},
        {"graphs", "", "func logged"},
        {"", "", "logged"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        heard[0] = 0;
        setenv("EBB_LOG", cases[i].topics, 1);
        call_once(NULL);
        cr_expect(strstr(heard, cases[i].said) && !strstr(heard, cases[i].unsaid), "EBB_LOG=%s says: %s",
                  cases[i].topics, heard);
    }
}

Test(log, dumps) {
    static const struct {
        const char *suffix, *contains;
    } files[] = {{"graph", "tanh"}, {"plan", "kernel"}, {"ll", "define"}, {"s", ".text"}};
    char folder[] = "dump_XXXXXX", path[64], text[4096];
    cr_assert_not_null(mkdtemp(folder));
    call_once(folder);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/logged.%s", folder, files[i].suffix);
        FILE *f = fopen(path, "r");
        cr_assert_not_null(f, "%s is not there", path);
        text[fread(text, 1, sizeof text - 1, f)] = 0;
        fclose(f);
        cr_expect_not_null(strstr(text, files[i].contains), "%s: %s", path, text);
        unlink(path);
    }
    rmdir(folder);
}
