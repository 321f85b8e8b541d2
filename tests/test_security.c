/* test_security.c - what docs/SECURITY.md promises of the process: no memory is writable and executable, names do not
 * leave the dump folder, and what belongs to the program stays as it was. */
#include <criterion/criterion.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xmmintrin.h>

#include "tests/support/check.h"

static void body(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    out[0] = ebb_sum(ebb_matmul(ebb_tanh(in[0]), in[0]));
}

static ebb_context *open_and_call(const char *name, const char *dump_folder) {
    ebb_context *ebb = ebb_open(&(ebb_options){.mode = EBB_NATIVE, .dump_folder = dump_folder});
    ebb_function *f = ebb_grad(ebb_function_new(ebb, body, &(ebb_function_options){.name = name}), NULL);
    ebb_call(f, ebb_ones(ebb, EBB_F32, EBB_SHAPE(40, 40)));
    expect_ok(ebb, "%s", name);
    return ebb;
}

Test(security, no_memory_is_writable_and_executable) {
    ebb_context *ebb = open_and_call("f", NULL);
    char line[512];
    int executable = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    if (!maps) cr_skip("no /proc here");
    while (fgets(line, sizeof line, maps)) {
        const char *rights = strchr(line, ' ');
        if (!rights) continue;
        executable += rights[3] == 'x' && !strchr(line, '/'); /* code that came from no file */
        cr_expect(rights[2] != 'w' || rights[3] != 'x', "%s", line);
    }
    fclose(maps);
    cr_expect_gt(executable, 0, "the compiled code is somewhere");
    ebb_close(ebb);
}

Test(security, names_stay_in_the_dump_folder) {
    static const char *const suffix[] = {"graph", "plan", "ll", "s"};
    char folder[] = "dump_XXXXXX", path[64];
    cr_assert_not_null(mkdtemp(folder));
    ebb_close(open_and_call("../%s/f", folder));
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/grad_.._%%s_f.%s", folder, suffix[i]);
        cr_expect_eq(unlink(path), 0, "%s is not there", path);
        snprintf(path, sizeof path, "%s/.._%%s_f.%s", folder, suffix[i]);
        unlink(path);
    }
    cr_expect_eq(rmdir(folder), 0, "something else is in %s", folder);
}

/* What the program may have set. */
typedef struct state {
    char locale[256], folder[4096];
    mode_t mask;
    unsigned modes; /* of SSE: rounding, masks, flush to zero */
    struct sigaction action[32];
} state;

static void look(state *s) {
    memset(s, 0, sizeof *s);
    snprintf(s->locale, sizeof s->locale, "%s", setlocale(LC_ALL, NULL));
    cr_assert_not_null(getcwd(s->folder, sizeof s->folder));
    umask(s->mask = umask(0));
    s->modes = _mm_getcsr() & ~63u;
    for (int i = 1; i < 32; i++)
        sigaction(i, NULL, &s->action[i]);
}

Test(security, the_process_stays_as_it_was) {
    static state before, after;
    look(&before);
    ebb_close(open_and_call("f", NULL));
    look(&after);
    cr_expect_str_eq(after.locale, before.locale);
    cr_expect_str_eq(after.folder, before.folder);
    cr_expect_eq(after.mask, before.mask);
    cr_expect_eq(after.modes, before.modes);
    for (int i = 1; i < 32; i++)
        cr_expect_eq(after.action[i].sa_handler, before.action[i].sa_handler, "the handler of signal %d", i);
}
