/* test_command.c - the command `ebb` as a person or a script meets it: output to the byte, exit status, errors; and
 * random expressions through it against quadruple precision. The program is $EBB_COMMAND. */
#include <criterion/criterion.h>

#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/ref/quad_expression.h"

extern char **environ;

/* ---- running it ---- */

enum { MOST_ARGUMENTS = 16, MOST_OUTPUT = 16384 };

typedef struct outcome {
    int status;
    char out[MOST_OUTPUT], err[MOST_OUTPUT];
} outcome;

static void slurp(FILE *file, char text[MOST_OUTPUT]) {
    rewind(file);
    text[fread(text, 1, MOST_OUTPUT - 1, file)] = 0;
    fclose(file);
}

/* `arguments` ends with NULL; the command's own name is put before them. */
static outcome *run(const char *const *arguments) {
    static outcome result;
    const char *all[MOST_ARGUMENTS] = {getenv("EBB_COMMAND")};
    FILE *out = tmpfile(), *err = tmpfile();
    posix_spawn_file_actions_t actions;
    pid_t child;
    int status;
    cr_assert_not_null(all[0], "EBB_COMMAND names the command to test");
    for (int i = 0; arguments[i]; i++)
        all[i + 1] = arguments[i];
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fileno(out), 1);
    posix_spawn_file_actions_adddup2(&actions, fileno(err), 2);
    cr_assert_eq(posix_spawn(&child, all[0], &actions, NULL, (char **)all, environ), 0, "cannot start %s", all[0]);
    cr_assert_eq(waitpid(child, &status, 0), child);
    posix_spawn_file_actions_destroy(&actions);
    slurp(out, result.out);
    slurp(err, result.err);
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return &result;
}

#define FORMULA "exp(sin(x)*y) + log(1+x*x)*tanh(y) + sqrt(x*x+y*y+1)"

/* ---- output to the byte ---- */

static const struct {
    const char *arguments[MOST_ARGUMENTS];
    const char *out;
} exact[] = {
    {{"grad", FORMULA, "-v", "x=0.7", "-v", "y=1.3"},
     "value     4.43743406511\ngradient\n  x       3.49957525698\n  y       2.32015532175\n"},
    {{"grad", FORMULA, "-v", "x=0.7", "-v", "y=1.3", "--mode", "eager"},
     "value     4.43743406511\ngradient\n  x       3.49957525698\n  y       2.32015532175\n"},
    {{"grad", FORMULA, "-v", "x=0.7", "-v", "y=1.3", "--mode", "compiled"},
     "value     4.43743406511\ngradient\n  x       3.49957525698\n  y       2.32015532175\n"},
    {{"grad", FORMULA, "-v", "x=0.7", "-v", "y=1.3", "--cpu", "x86-64"},
     "value     4.43743406511\ngradient\n  x       3.49957525698\n  y       2.32015532175\n"},
    {{"eval", "--json", "2+3*x", "-v", "x=0.1"}, "{\"value\":2.3}\n"},
    {{"eval", "--json", "x", "-vx=0.1", "--dtype=f32"}, "{\"value\":0.1}\n"},
    {{"eval", "--json", "x/3", "-v", "x=1", "--dtype", "f32"}, "{\"value\":0.33333334}\n"},
    {{"eval", "--json", "x/3", "-v", "x=1"}, "{\"value\":0.3333333333333333}\n"},
    {{"eval", "--json", "2*x", "--variable", "x=[1,2.5,-3]"}, "{\"value\":[2,5,-6]}\n"},
    {{"eval", "--json", "x+1", "-v", "x=[[1,2],[3,4]]"}, "{\"value\":[[2,3],[4,5]]}\n"},
    {{"eval", "--json", "x > 1", "-v", "x=[1,2]"}, "{\"value\":[false,true]}\n"},
    {{"eval", "--json", "1/x", "-v", "x=0"}, "{\"value\":\"inf\"}\n"},
    {{"eval", "--json", "log(x)", "-v", "x=[0,-1]"}, "{\"value\":[\"-inf\",\"nan\"]}\n"},
    {{"eval", "--json", "1e300*x", "-v", "x=1e8"}, "{\"value\":1e+308}\n"},
    {{"eval", "1+1"}, "value     2\n"},
    {{"eval", "2*x", "-v", "x=[1,2]"}, "value     [2, 4]\n"},
    {{"eval", "--", "-2^2"}, "value     -4\n"},
    {{"grad", "x*x", "-v", "x=3", "--json"}, "{\"value\":9,\"gradient\":{\"x\":6}}\n"},
    {{"grad", "x*x", "-v", "x=3", "--json", "--mode", "eager"}, "{\"value\":9,\"gradient\":{\"x\":6}}\n"},
    {{"grad", "dot(x,x)+y", "-v", "x=[1,2,3]", "-v", "y=2", "--json"},
     "{\"value\":16,\"gradient\":{\"x\":[2,4,6],\"y\":1}}\n"},
    {{"grad", "x*x", "-v", "y=[1,2]", "-v", "x=3", "--json"}, "{\"value\":9,\"gradient\":{\"y\":[0,0],\"x\":6}}\n"},
    {{"grad", "sum(x)", "-v", "x=[[1,2],[3,4]]"}, "value     10\ngradient\n  x       [[1, 1], [1, 1]]\n"},
    {{"hessian", "x*x*y", "-v", "x=3", "-v", "y=2", "--json"},
     "{\"value\":18,\"gradient\":{\"x\":12,\"y\":9},\"hessian\":[[4,6],[6,0]]}\n"},
    {{"hessian", "x*x*y", "-v", "y=2", "-v", "x=3", "--json", "--mode", "compiled"},
     "{\"value\":18,\"gradient\":{\"y\":9,\"x\":12},\"hessian\":[[0,6],[6,4]]}\n"},
    {{"hessian", "dot(x,x)*y", "-v", "x=[1,2]", "-v", "y=3", "--json", "--mode", "eager"},
     "{\"value\":15,\"gradient\":{\"x\":[6,12],\"y\":5},\"hessian\":[[6,0,2],[0,6,4],[2,4,0]]}\n"},
    {{"hessian", "x*y", "-v", "x=1", "-v", "y=1", "-v", "z=1", "--json"},
     "{\"value\":1,\"gradient\":{\"x\":1,\"y\":1,\"z\":0},\"hessian\":[[0,1,0],[1,0,0],[0,0,0]]}\n"},
    {{"hessian", "x^3", "-v", "x=2", "--dtype", "f32"},
     "value     8\ngradient\n  x       12\nhessian\n                  12\n"},
    {{"taylor", "exp(x)", "-v", "x=0", "--order", "3"},
     "t^0       1\nt^1       1\nt^2       0.5\nt^3       0.166666666667\n"},
    {{"taylor", "x*y*y", "-v", "x=[1,2]", "-v", "y=3", "--order=3", "--json", "--mode", "eager"},
     "{\"value\":[9,18],\"coefficients\":[[9,9],[0,0],[0,0]]}\n"},
    {{"taylor", "x*y*y", "-v", "x=[1,2]", "-v", "y=3", "--along", "y=1", "--order", "2"},
     "t^0       [9, 18]\nt^1       [6, 12]\nt^2       [1, 2]\n"},
    {{"explain", "x*x", "-v", "x=3"},
     "grad_expression(f64[]) -> f64[]\n"
     "\n"
     "func grad_expression(%1: f64[]) {\n"
     "  %2 f64[] = add %1, %1                   ; expression:2 [adjoint]\n"
     "  return %2\n"
     "}\n"
     "\n"
     "cost by operation          number   operations        bytes\n"
     "  add                           1            1           24\n"
     "  all                           1            1           24\n"
     "  at most 8 bytes at once, if nothing is fused\n"
     "\n"
     "roads                    directions  blocks   operations        bytes   peak bytes\n"
     "* reverse                         1       1            1           24            8\n"
     "  forward                         1       1            1           24            8\n"
     "  reverse: the work of forward is 1 times as much\n"
     "\n"
     "1 kernel, 0 routines, 0 copies, arena of 0 bytes\n"
     "plan grad_expression: 1 steps, arena 0\n"
     "0 kernel scalar\n"
     "  %0 f64 kernel load in0 {}\n"
     "  %1 f64 kernel add %0 %0\n"
     "  store %1 kernel to out0 {}\n"},
    {{"explain", "x*x", "-v", "x=3", "--of", "value", "--json"},
     "{\"of\":\"value\",\"signature\":\"expression(f64[]) -> f64[]\",\"program\":\"func expression(%1: f64[]) {\\u000a "
     " %2 f64[] = mul %1, %1                   ; expression:2\\u000a  return "
     "%2\\u000a}\\u000a\",\"operations\":1,\"bytes\":24,\"peak_bytes\":8,\"by_operation\":[{\"op\":\"mul\",\"count\":1,"
     "\"operations\":1,\"bytes\":24}],\"roads\":[],\"plan\":{\"kernels\":1,\"routines\":0,\"copies\":0,\"arena_bytes\":"
     "0,\"text\":\"plan expression: 1 steps, arena 0\\u000a0 kernel scalar\\u000a  %0 f64 kernel load in0 {}\\u000a  "
     "%1 f64 kernel mul %0 %0\\u000a  store %1 kernel to out0 {}\\u000a\"}}\n"},
    {{"sparsity", "sum(x^3)+y*sum(x*x)", "-v", "x=[1,2,3,4,5]", "-v", "y=1"},
     "hessian 6 x 6, 15 entries (41.7 %)\n"
     "rows have 2 to 5 entries, from 5 below the diagonal to 5 above it\n"
     "products: 2 forward, 0 reverse\n"
     "column 5 has a product of its own: it has 5 entries, the others at most 2\n"
     "  a....b\n"
     "  .a...b\n"
     "  ..a..b\n"
     "  ...a.b\n"
     "  ....ab\n"
     "  aaaaa.\n"},
    {{"sparsity", "x*y", "--of", "jacobian", "-v", "x=[1,2]", "-v", "y=3", "--json"},
     "{\"of\":\"jacobian\",\"rows\":2,\"columns\":3,\"entries\":4,\"forward\":3,\"reverse\":0,\"start\":[0,2,4],"
     "\"column\":[0,2,1,2],\"column_colour\":[0,1,2],\"row_colour\":[-1,-1]}\n"},
    {{"sparsity", "sum(x)", "-v", "x=[1,2]"},
     "hessian 2 x 2, 0 entries (0 %)\nrows have 0 to 0 entries, from 0 below the diagonal to 0 above it\n"
     "products: 0 forward, 0 reverse\n  ..\n  ..\n"},
    {{"--version"}, "ebb 0.1.0\n"},
};

Test(command, exact) {
    for (size_t i = 0; i < sizeof exact / sizeof *exact; i++) {
        outcome *o = run(exact[i].arguments);
        cr_expect_str_eq(o->out, exact[i].out, "case %zu (%s %s): \"%s\" %s", i, exact[i].arguments[0],
                         exact[i].arguments[1], o->out, o->err);
        cr_expect_eq(o->status, 0, "case %zu: status %d", i, o->status);
        cr_expect_str_empty(o->err, "case %zu: %s", i, o->err);
    }
}

/* ---- failures ---- */

static const struct {
    const char *arguments[MOST_ARGUMENTS];
    int status;
    const char *says;
} failures[] = {
    {{NULL}, 2, "usage: ebb COMMAND"},
    {{"frobnicate"}, 2, "no command \"frobnicate\""},
    {{"eval"}, 2, "no expression"},
    {{"eval", "1", "2"}, 2, "\"2\" is one argument too many"},
    {{"train", "1"}, 2, "\"1\" is one argument too many"},
    {{"eval", "1", "--frob"}, 2, "unknown option \"--frob\""},
    {{"eval", "-x^2", "-v", "x=1"}, 2, "goes behind --"},
    {{"eval", "1", "--epochs", "3"}, 2, "unknown option \"--epochs\""},
    {{"eval", "x", "-v"}, 2, "--variable needs NAME=VALUE"},
    {{"eval", "x", "-v", "x"}, 2, "\"x\" is not NAME=VALUE"},
    {{"eval", "x", "-v", "=1"}, 2, "\"=1\" is not NAME=VALUE"},
    {{"eval", "1", "--dtype", "f16"}, 2, "\"f16\" is not f32 or f64"},
    {{"eval", "1", "--mode", "fast"}, 2, "\"fast\" is not eager or compiled"},
    {{"eval", "1", "--cpu", ""}, 2, "\"\" is not a processor"},
    {{"explain", "x", "--of", "it"}, 2, "--of: \"it\" is not value, gradient, jacobian"},
    {{"explain", "x", "-v", "x=1", "--budget", "0"}, 2, "\"0\" is not a number above 0"},
    {{"explain", "x", "-v", "x=1", "--road", "sideways"}, 1, "no road is called \"sideways\"; there are \"reverse\""},
    {{"explain", "x", "-v", "x=[1,2]", "--of", "gradient"}, 1, "a gradient needs a scalar"},
    {{"eval", "x", "-v", "x=1", "--cpu", "z80"}, 1, "cpu \"z80\" is none of native, x86-64"},
    {{"train", "--epochs", "0"}, 2, "\"0\" is not a whole number above 0"},
    {{"train", "--batch", "1x"}, 2, "\"1x\" is not a whole number above 0"},
    {{"train", "--lr", "nan"}, 2, "\"nan\" is not a number above 0"},
    {{"train", "--seed", "-1"}, 2, "\"-1\" is not a whole number"},
    {{"eval", "x+z", "-v", "x=1"}, 1, "ebb eval: expression: column 3: unknown name \"z\"; variables are x"},
    {{"grad", "foo(x)", "-v", "x=1"}, 1, "column 1: unknown function \"foo\""},
    {{"eval", "x", "-v", "x=banana"}, 1, "banana"},
    {{"eval", "x", "-v", "x="}, 1, "ebb eval: "},
    {{"eval", "x", "-v", "x=1", "-v", "x=2"}, 1, "\"x\" names two variables"},
    {{"eval", "x", "-v", "2x=1"}, 1, "\"2x\" cannot name a variable"},
    {{"grad", "x", "-v", "x=[1,2]"}, 1, "scalar"},
    {{"eval", "x+y", "-v", "x=[1,2]", "-v", "y=[1,2,3]"}, 1, "[2]"},
    {{"taylor", "1"}, 2, "no variable"},
    {{"taylor", "x", "--along", "x=1", "-v", "x=1"}, 2, "is not NAME=VALUE of a variable that was given before"},
    {{"taylor", "x", "-v", "x=1", "--order", "0"}, 2, "\"0\" is not a whole number above 0"},
    {{"taylor", "x", "-v", "x=1", "--order", "101"}, 1, "order 101"},
    {{"taylor", "x", "-v", "x=[1,2]", "--along", "x=[1,2,3]"}, 1, "[3]"},
    {{"train", "--data", "/nowhere"}, 1, "/nowhere"},
    {{"sparsity", "x", "-v", "x=1", "--of", "it"}, 2, "--of: \"it\" is not hessian or jacobian"},
    {{"sparsity", "x", "-v", "x=[1,2]"}, 1, "a gradient needs a scalar"},
    {{"check", "x", "-v", "x=1", "--directions", "0"}, 2, "\"0\" is not a whole number above 0"},
    {{"check", "x", "-v", "x=1", "--order", "3"}, 1, "order 3"},
    {{"check", "1"}, 1, "has no real tensor argument"},
};

Test(command, failures) {
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        outcome *o = run(failures[i].arguments);
        cr_expect_eq(o->status, failures[i].status, "case %zu: status %d, %s", i, o->status, o->err);
        cr_expect_not_null(strstr(o->err, failures[i].says), "case %zu: \"%s\"", i, o->err);
        cr_expect_str_empty(o->out, "case %zu: \"%s\"", i, o->out);
    }
}

/* ---- checking derivatives: a wrong one is an exit status ---- */

static const struct {
    const char *arguments[MOST_ARGUMENTS];
    int status;
    const char *says[3]; /* in this order */
} checks[] = {
    {{"check", FORMULA, "-v", "x=0.7", "-v", "y=1.3"}, 0, {"reverse over forward", "forward over reverse", "agree to"}},
    {{"check", "sum(x*tanh(x))", "-v", "x=[1,2,3]", "--dtype", "f32", "--order", "1", "--mode", "eager", "--json"},
     0,
     {"{\"good\":true,\"comparisons\":[{\"order\":1", "\"allowed\":0.01", "\"without_derivative\":0"}},
    {{"check", "abs(x)", "-v", "x=[1,0]", "--seed", "3", "--directions", "1"},
     0,
     {"agree to", "1 number has no derivative: the derivative of result 0[1] in argument 0[1]",
      "is -1 from the left, 1 from the right"}},
    {{"check", "stop_gradient(x)*x", "-v", "x=2", "--tolerance", "0.01"},
     1,
     {"0.5       0.01  !", "order 1, forward: the derivative of result 0[0] in argument 0[0] is 2, by differences 4",
      "\n"}},
};

Test(command, check) {
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        outcome *o = run(checks[i].arguments);
        const char *at = o->out;
        cr_expect_eq(o->status, checks[i].status, "case %zu: status %d, %s", i, o->status, o->err);
        cr_expect_str_empty(o->err, "case %zu: %s", i, o->err);
        for (int k = 0; at && k < 3; k++) {
            at = strstr(at, checks[i].says[k]);
            cr_expect_not_null(at, "case %zu: \"%s\" in %s", i, checks[i].says[k], o->out);
        }
    }
}

Test(command, help) {
    static const char *const names[] = {"eval", "grad", "hessian", "train", "bench", "taylor", "check", "sparsity"};
    outcome *o = run((const char *const[]){"--help", NULL});
    cr_expect_eq(o->status, 0);
    for (int i = 0; i < 8; i++)
        cr_expect_not_null(strstr(o->out, names[i]), "%s is in the list", names[i]);
    for (int i = 0; i < 8; i++) {
        o = run((const char *const[]){names[i], "--help", NULL});
        cr_expect(o->status == 0 && strncmp(o->out, "usage: ebb ", 11) == 0, "%s: %s", names[i], o->out);
        cr_expect_not_null(strstr(o->out, i == 3 ? "--epochs N" : "--variable NAME=VALUE"), "%s: %s", names[i], o->out);
        cr_expect((i == 3) == !strstr(o->out, " erfinv "), "%s lists functions: %s", names[i], o->out);
    }
}

Test(command, full_output_device) {
    const char *shell[] = {"/bin/sh", "-c", "\"$EBB_COMMAND\" eval 1+1 >/dev/full 2>/dev/null", NULL};
    pid_t child;
    int status;
    cr_assert_eq(posix_spawn(&child, shell[0], NULL, NULL, (char **)shell, environ), 0);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect_eq(WEXITSTATUS(status), 1);
}

/* ---- random expressions ---- */

static int compared;

static void compare(const quad_expression *e, const char *what, double got, double want) {
    compared++;
    cr_expect(fabs(got - want) <= 2e-13 * e->scale, "%s\nat %.17g %.17g %.17g: %s is %.17g, not %.17g", e->text,
              e->point[0], e->point[1], e->point[2], what, got, want);
}

static void compare_document(const quad_expression *e, const char *text) {
    double v, g[3], h[3][3];
    int end = 0;
    int read = sscanf(text,
                      "{\"value\":%lf,\"gradient\":{\"x\":%lf,\"y\":%lf,\"z\":%lf},"
                      "\"hessian\":[[%lf,%lf,%lf],[%lf,%lf,%lf],[%lf,%lf,%lf]]} %n",
                      &v, &g[0], &g[1], &g[2], &h[0][0], &h[0][1], &h[0][2], &h[1][0], &h[1][1], &h[1][2], &h[2][0],
                      &h[2][1], &h[2][2], &end);
    cr_assert(read == 13 && text[end] == 0, "%s: the document is %s", e->text, text);
    compare(e, "the value", v, e->value);
    for (int i = 0; i < 3; i++)
        compare(e, "a gradient", g[i], e->gradient[i]);
    for (int i = 0; i < 9; i++)
        compare(e, "a second derivative", h[i / 3][i % 3], e->hessian[i / 3][i % 3]);
}

static void check_random(uint64_t seed, const char *mode) {
    static quad_expression e;
    char values[3][40];
    quad_random_expression(seed, &e);
    for (int i = 0; i < 3; i++)
        snprintf(values[i], sizeof values[i], "%c=%.17g", 'x' + i, e.point[i]);
    outcome *o = run((const char *const[]){"hessian", "-v", values[0], "-v", values[1], "-v", values[2], "--json",
                                           "--mode", mode, "--", e.text, NULL});
    cr_assert_eq(o->status, 0, "%s: %s", e.text, o->err);
    compare_document(&e, o->out);
}

Test(command, random) {
    for (uint64_t seed = 1000; seed < 1040; seed++) {
        check_random(seed, "eager");
        check_random(seed + 100, "compiled");
    }
    printf("cases: %d values and derivatives of 80 random expressions through the command\n", compared);
}

/* ---- training and timing ---- */

Test(command, train) {
    char data[4096];
    double loss[2], accuracy[3];
    int end = 0;
    cr_assert_not_null(getenv("EBB_TESTS"), "EBB_TESTS names the folder of the tests");
    snprintf(data, sizeof data, "%s/data", getenv("EBB_TESTS"));
    outcome *o = run((const char *const[]){"train", "--data", data, "--epochs", "2", "--hidden", "32", "--batch", "30",
                                           "--seed", "7", "--lr", "0.002", "--json", NULL});
    cr_assert_eq(o->status, 0, "%s", o->err);
    const char *epochs = strstr(o->out, ",\"epochs\":");
    cr_assert_not_null(epochs, "%s", o->out);
    int read = sscanf(epochs,
                      ",\"epochs\":[{\"loss\":%lf,\"accuracy\":%lf,\"seconds\":%*f},"
                      "{\"loss\":%lf,\"accuracy\":%lf,\"seconds\":%*f}],\"accuracy\":%lf} %n",
                      &loss[0], &accuracy[0], &loss[1], &accuracy[1], &accuracy[2], &end);
    cr_assert(read == 5 && epochs[end] == 0, "%s", o->out);
    cr_expect(loss[1] < loss[0] && accuracy[1] > 0.65 && accuracy[1] == accuracy[2], "%s", o->out);
}

/* The same seed gives the same numbers; eager and compiled learn alike. */
Test(command, train_repeats) {
    static char first[MOST_OUTPUT];
    char data[4096];
    snprintf(data, sizeof data, "%s/data", getenv("EBB_TESTS"));
    const char *arguments[] = {"train", "--data", data, "--epochs", "1", "--hidden", "16", "--json", NULL};
    strcpy(first, run(arguments)->out);
    const char *second = run(arguments)->out, *end = strstr(first, "\"seconds\"");
    cr_assert_not_null(end, "%s", first);
    cr_expect_eq(strncmp(first, second, (size_t)(end - first)), 0, "%s%s", first, second);
}

Test(command, bench) {
    double t[6];
    outcome *o = run((const char *const[]){"bench", "sum(x*x)", "-v", "x=[1,2]", "--json", NULL});
    cr_assert_eq(o->status, 0, "%s", o->err);
    int read = sscanf(o->out,
                      "{\"value\":{\"eager_seconds\":%lf,\"compiled_seconds\":%lf},\"gradient\":{\"eager_seconds\":%lf,"
                      "\"compiled_seconds\":%lf},\"hvp\":{\"eager_seconds\":%lf,\"compiled_seconds\":%lf}}",
                      &t[0], &t[1], &t[2], &t[3], &t[4], &t[5]);
    cr_assert_eq(read, 6, "%s", o->out);
    for (int i = 0; i < 6; i++)
        cr_expect(t[i] > 0 && t[i] < 1, "time %d is %g", i, t[i]);
}
