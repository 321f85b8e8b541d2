/* test_demo.c - the demo on the small data set that is shipped: what it says, what it writes, and its exit status. The
 * program is fashion in $EBB_EXAMPLES. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 16384 };

/* Runs the demo with $EBB_DEMO_STRICT set so; its standard output goes to `text`. Gives the exit status. */
static int run_demo(const char *strict, char text[MOST]) {
    char program[4096], data[4096];
    cr_assert(getenv("EBB_TESTS") && getenv("EBB_EXAMPLES"), "EBB_TESTS and EBB_EXAMPLES name two folders");
    snprintf(program, sizeof program, "'%s/fashion' 2>&1", getenv("EBB_EXAMPLES"));
    snprintf(data, sizeof data, "%s/data", getenv("EBB_TESTS"));
    setenv("EBB_DATA", data, 1);
    setenv("EBB_DEMO_STRICT", strict, 1);
    FILE *demo = popen(program, "r");
    cr_assert_not_null(demo);
    text[fread(text, 1, MOST - 1, demo)] = 0;
    return WEXITSTATUS(pclose(demo));
}

static void expect_parts(const char *where, const char *text, const char *const *parts, int count) {
    for (int i = 0; i < count; i++)
        cr_expect_not_null(strstr(text, parts[i]), "%s: no \"%s\" in\n%s", where, parts[i], text);
}

Test(demo, small) {
    static const char *const said[] = {"func f(%1: f64[], %2: f64[]) {",
                                       "4.43743406511  3.49957525698  2.32015532175  1.21948675857  3.32861375323",
                                       "2000 training and 500 test images",
                                       "epoch 10/10  loss 0.",
                                       "only the few images that come with ebb",
                                       "784-128-10 training step, batch 64",
                                       "linear regression step, 100 points",
                                       "gradient of f(x, y)",
                                       "Hessian-vector product of f(x, y)"};
    static const char *const written[] = {
        "\"test_accuracy\":0.8", "\"epochs\":[{\"loss\":",
        "\"seconds_per_step\":{\"784-128-10 training step, batch 64\":{\"eager\":", "\"compiled\":", "}}}\n"};
    static char text[MOST], document[MOST];
    char report[] = "/tmp/ebb-demo-XXXXXX";
    int file = mkstemp(report);
    cr_assert_geq(file, 0);
    setenv("EBB_DEMO_JSON", report, 1);
    cr_expect_eq(run_demo("0", text), 0, "%s", text);
    expect_parts("the output", text, said, sizeof said / sizeof *said);
    document[read(file, document, MOST - 1)] = 0;
    expect_parts("the report", document, written, sizeof written / sizeof *written);
    close(file);
    unlink(report);
}

Test(demo, strict) {
    static char text[MOST];
    cr_expect_eq(run_demo("1", text), 1, "%s", text);
    cr_expect_not_null(strstr(text, "the real data set is missing"), "%s", text);
}
