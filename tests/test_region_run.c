/* test_region_run.c - programs with regions, run by both engines, against plain loops in C: values, and ways back with
 * pullbacks written by hand. What regions look like is in test_region.c, their drivers alone are in test_loop.c. */
#include "jit/eval/eval.h"
#include "jit/graph/text.h"
#include "tests/support/engines.h"
#include "tests/support/parsed.h"
#include "tests/support/plan_run.h"
#include "tests/support/scarce.h"

#include <criterion/criterion.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

/* ---- a program, its operands and what should come of them ---- */

enum { MOST_VALUES = 8, MOST_SIZE = 2000 };
typedef struct values {
    int n;
    int64_t size[MOST_VALUES];
    double at[MOST_VALUES][MOST_SIZE];
} values;

static values in, want;

static double *value_new(values *v, int64_t size) {
    v->size[v->n] = size;
    return v->at[v->n++];
}

/* The next operand: numbers in (0.4, 1.6), which differ; returns them. */
static const double *operand(int64_t size) {
    double *x = value_new(&in, size);
    for (int64_t k = 0; k < size; k++)
        x[k] = 1 + 0.6 * sin(3.0 * (double)k + 7.0 * in.n);
    return x;
}

static const double *operand_of(double x) {
    double *at = value_new(&in, 1);
    *at = x;
    return at;
}

static double *expected(int64_t size) {
    double *y = value_new(&want, size);
    memset(y, 0, sizeof want.at[0]);
    return y;
}

static void start(void) { in.n = want.n = 0; }

static void set_operands(engines *e) {
    cr_assert_eq(e->inputs, in.n, "%s: %d operands", e->graph->name, in.n);
    for (int k = 0; k < in.n; k++) {
        quad_tensor x = quad_new(ebb_type_of(e->graph, e->graph->input[k]));
        cr_assert_eq(x.size, in.size[k], "%s: operand %d", e->graph->name, k);
        for (int64_t i = 0; i < x.size; i++)
            x.at[i] = in.at[k][i];
        engines_set(e, k, &x);
        quad_free(&x);
    }
}

static void compare(const engines *e, int engine, double near, const char *what) {
    for (int j = 0; j < want.n; j++)
        for (int64_t i = 0; i < want.size[j]; i++) {
            const double got = (double)engines_get(e, engine, j, i), wanted = want.at[j][i];
            const bool good = near == 0 ? got == wanted : fabs(got - wanted) <= near * fmax(1, fabs(wanted));
            cr_expect(good, "%s, %s: result %d, element %d: %.17g, not %.17g", what, engine_name[engine], j, (int)i,
                      got, wanted);
            if (!good) return;
        }
}

static int64_t cases;

/* The plan, taken literally, gives the evaluator's bits wherever that is exact. */
static void check_plan(const engines *e, double near, const char *what) {
    ebb_diag diag = {0};
    ebb_plan *plan = ebb_plan_new(e->graph, NULL, &diag);
    void *out[MOST_VALUES];
    cr_assert_not_null(plan, "%s: %s", what, diag.message);
    cr_expect_null(plan_fault(plan), "%s: %s", what, plan_fault(plan));
    for (int j = 0; j < want.n; j++)
        out[j] = calloc((size_t)want.size[j] + 1, 8);
    cr_expect_eq(plan_run(plan, (const void *const *)e->in, out), EBB_OK, "%s", what);
    for (int j = 0; j < want.n; j++) {
        const size_t bytes = (size_t)want.size[j] * ebb_dtype_size(ebb_dtype_at(e->graph, e->graph->output[j]));
        cr_expect(near > 0 || !memcmp(out[j], e->out[EVALUATOR][j], bytes), "%s: result %d of the plan", what, j);
        free(out[j]);
    }
    ebb_plan_free(plan);
}

/* Runs the text's last function in both engines; results may be off by `near` in proportion, 0: not at all. */
static void check(const char *text, double near, const char *what) {
    engines e;
    engines_start(&e, what);

    engines_take(&e, parsed(text));
    engines_compile(&e);
    set_operands(&e);
    engines_run(&e);
    cr_assert_eq(e.graph->outputs, want.n, "%s: %d results", what, e.graph->outputs);
    for (int engine = 0; engine < engines_there(&e); engine++, cases++)
        compare(&e, engine, near, what);
    check_plan(&e, near, what);
    engines_stop(&e);
}

static void tell(const char *what) {
    printf("cases: %d %s\n", (int)cases, what);
    fflush(stdout);
}

/* ---- loops of a known length ---- */

#define STEP                                                                                                           \
    "func step(%1: f64[], %2: f64[], %3: f64[]) {\n  %4 f64[] = mul %1, %2\n  %5 f64[] = add %4, %3\n"                 \
    "  %6 f64[] = square %5\n  return %5, %6\n}\n"
#define BACK                                                                                                           \
    "func back(%1: f64[], %2: f64[], %3: f64[], %4: f64[], %5: f64[]) {\n  %6 f64[] = mul %1, %2\n"                    \
    "  %7 f64[] = add %6, %3\n  %8 f64[] = add %7, %7\n  %9 f64[] = mul %5, %8\n  %10 f64[] = add %4, %9\n"            \
    "  %11 f64[] = mul %10, %2\n  %12 f64[] = mul %10, %1\n  return %11, %12, %10\n}\n"

static const int lengths[] = {0, 1, 2, 3, 10, 101};

Test(region_run, scan) {
    for (int k = 0; k < 2 * COUNT(lengths); k++) {
        const int n = lengths[k / 2], reverse = k % 2;
        char text[2000];
        snprintf(text, sizeof text,
                 "%sfunc f(%%1: f64[], %%2: f64[], %%3: f64[%d]) {\n  %%4 (f64[], f64[%d]) = loop @step %%1, %%2, %%3 "
                 "{states=1, captures=1, trips=%d, reverse=%d}\n  %%5 f64[] = get %%4 {k=0}\n"
                 "  %%6 f64[%d] = get %%4 {k=1}\n  return %%5, %%6\n}\n",
                 STEP, n, n, n, reverse, n);
        start();
        const double *x = operand(1), *a = operand(1), *s = operand(n);
        double *y = expected(1), *squares = expected(n);
        *y = *x;
        for (int i = 0; i < n; i++) {
            const int row = reverse ? n - 1 - i : i;
            *y = *y * *a + s[row];
            squares[row] = *y * *y;
        }
        check(text, 0, "scan");
    }
    tell("scans");
}

/* The way back, with all states kept and with two slots only. */
Test(region_run, scan_back) {
    for (int k = 0; k < 4 * COUNT(lengths); k++) {
        const int n = lengths[k / 4], reverse = k % 2, budget = k % 4 / 2;
        char text[3000];
        snprintf(text, sizeof text,
                 "%s%sfunc f(%%1: f64[], %%2: f64[], %%3: f64[%d], %%4: f64[], %%5: f64[%d]) {\n"
                 "  %%6 (f64[], f64[], f64[%d]) = unloop @step @back %%1, %%2, %%3, %%4, %%5 "
                 "{states=1, captures=1, trips=%d, reverse=%d, budget=%d}\n  %%7 f64[] = get %%6 {k=0}\n"
                 "  %%8 f64[] = get %%6 {k=1}\n  %%9 f64[%d] = get %%6 {k=2}\n  return %%7, %%8, %%9\n}\n",
                 STEP, BACK, n, n, n, n, reverse, budget, n);
        start();
        const double *x = operand(1), *a = operand(1), *s = operand(n), *cx = operand(1), *cs = operand(n);
        double *dx = expected(1), *da = expected(1), *ds = expected(n), before[200];
        before[0] = *x;
        for (int i = 0; i < n; i++)
            before[i + 1] = before[i] * *a + s[reverse ? n - 1 - i : i];
        *dx = *cx;
        for (int i = n - 1; i >= 0; i--) {
            const int row = reverse ? n - 1 - i : i;
            const double ct = *dx + 2 * cs[row] * before[i + 1];
            *da += ct * before[i];
            ds[row] = ct;
            *dx = ct * *a;
        }
        check(text, 1e-13, "scan back");
    }
    tell("ways back");
}

/* ---- loops with a condition ---- */

#define WHILE                                                                                                          \
    "func step(%1: f64[], %2: i64[], %3: f64[], %4: f64[]) {\n  %5 f64[] = mul %1, %3\n  %6 i64[] = constant 1\n"      \
    "  %7 i64[] = add %2, %6\n  return %5, %7\n}\n"                                                                    \
    "func more(%1: f64[], %2: i64[], %3: f64[], %4: f64[]) {\n  %5 bool[] = lt %1, %4\n  return %5\n}\n"
#define UNWHILE                                                                                                        \
    "func back(%1: f64[], %2: i64[], %3: f64[], %4: f64[], %5: f64[]) {\n  %6 f64[] = mul %5, %3\n"                    \
    "  %7 f64[] = mul %5, %1\n  return %6, %7, absent\n}\n"

Test(region_run, loops_while) {
    static const double limits[] = {0, 1, 1.05, 1.2, 100};
    for (int k = 0; k < COUNT(limits); k++) {
        start();
        double x = *operand_of(1), a = (operand_of(0), *operand_of(1.1)), most = *operand_of(limits[k]);
        double *y = expected(1), *count = expected(1);
        for (*y = x; *y < most; ++*count)
            *y *= a;
        check(WHILE "func f(%1: f64[], %2: i64[], %3: f64[], %4: f64[]) {\n"
                    "  %5 (f64[], i64[]) = loop @step @more %1, %2, %3, %4 "
                    "{states=2, captures=2, trips=-1, reverse=0}\n  %6 f64[] = get %5 {k=0}\n"
                    "  %7 i64[] = get %5 {k=1}\n  return %6, %7\n}\n",
              0, "while");
    }
    tell("loops with a condition");
}

/* x a^n, where n is not known before: with room for all states, and for two. */
Test(region_run, loops_while_back) {
    static const double limits[] = {0, 1, 1.05, 1.2, 100};
    for (int k = 0; k < 2 * COUNT(limits); k++) {
        char text[2000];
        snprintf(text, sizeof text,
                 "%s%sfunc f(%%1: f64[], %%2: i64[], %%3: f64[], %%4: f64[], %%5: f64[]) {\n"
                 "  %%6 (f64[], f64[], absent) = unloop @step @more @back %%1, %%2, %%3, %%4, %%5 "
                 "{states=2, captures=2, trips=-1, reverse=0, budget=%d}\n  %%7 f64[] = get %%6 {k=0}\n"
                 "  %%8 f64[] = get %%6 {k=1}\n  return %%7, %%8\n}\n",
                 WHILE, UNWHILE, k % 2);
        start();
        double x = *operand_of(1), a = (operand_of(0), *operand_of(1.1)), most = *operand_of(limits[k / 2]);
        double ct = *operand_of(3), *dx = expected(1), *da = expected(1), y = x;
        int n = 0;
        for (; y < most; n++)
            y *= a;
        *dx = ct * pow(a, n);
        *da = n ? ct * x * n * pow(a, n - 1) : 0;
        check(text, 1e-13, "while back");
    }
    tell("ways back of loops with a condition");
}

/* ---- branches ---- */

Test(region_run, branches) {
    for (int p = 0; p < 2; p++) {
        start();
        operand_of(p);
        const double *x = operand(3), *a = operand(1);
        double *y = expected(3), *z = expected(1);
        for (int i = 0; i < 3; i++)
            y[i] = p ? x[i] : -x[i];
        *z = p ? *a * *a : 2;
        check("func yes(%1: f64[3], %2: f64[]) {\n  %3 f64[] = mul %2, %2\n  return %1, absent, %3\n}\n"
              "func no(%1: f64[3], %2: f64[]) {\n  %3 f64[3] = neg %1\n  %4 f64[] = constant 2\n  return %3, absent, "
              "%4\n}\n"
              "func f(%1: bool[], %2: f64[3], %3: f64[]) {\n  %4 (f64[3], absent, f64[]) = cond @yes @no %1, %2, %3\n"
              "  %5 f64[3] = get %4 {k=0}\n  %6 f64[] = get %4 {k=2}\n  return %5, %6\n}\n",
              0, p ? "then" : "otherwise");
    }
    tell("branches");
}

/* ---- regions in regions, rows that are tensors, dtypes ---- */

/* The outer loop goes over rows of a matrix, the inner one over the elements of a row; in it a branch. */
Test(region_run, nested) {
    enum { ROWS = 5, COLUMNS = 4 };
    start();
    const double *x = operand(ROWS * COLUMNS), *a = operand(1);
    double *y = expected(1), *rows = expected(ROWS);
    for (int i = 0; i < ROWS; i++) {
        double sum = 0;
        for (int j = COLUMNS - 1; j >= 0; j--)
            sum += x[i * COLUMNS + j] > *a ? x[i * COLUMNS + j] : sum * *a;
        rows[i] = sum;
        *y += sum;
    }
    check("func take(%1: f64[], %2: f64[], %3: f64[]) {\n  return %1\n}\n"
          "func scale(%1: f64[], %2: f64[], %3: f64[]) {\n  %4 f64[] = mul %2, %3\n  return %4\n}\n"
          "func inner(%1: f64[], %2: f64[], %3: f64[]) {\n  %4 bool[] = gt %3, %2\n"
          "  %5 (f64[]) = cond @take @scale %4, %3, %1, %2\n  %6 f64[] = get %5 {k=0}\n  %7 f64[] = add %1, %6\n"
          "  return %7\n}\n"
          "func outer(%1: f64[], %2: f64[], %3: f64[4]) {\n  %4 f64[] = constant 0\n"
          "  %5 (f64[]) = loop @inner %4, %2, %3 {states=1, captures=1, trips=4, reverse=1}\n"
          "  %6 f64[] = get %5 {k=0}\n  %7 f64[] = add %1, %6\n  return %7, %6\n}\n"
          "func f(%1: f64[5,4], %2: f64[]) {\n  %3 f64[] = constant 0\n"
          "  %4 (f64[], f64[5]) = loop @outer %3, %2, %1 {states=1, captures=1, trips=5, reverse=0}\n"
          "  %5 f64[] = get %4 {k=0}\n  %6 f64[5] = get %4 {k=1}\n  return %5, %6\n}\n",
          0, "nested");
    tell("nested regions");
}

/* States of every dtype and shape, among them nothing at all; one that only passes; what nobody reads. */
Test(region_run, states_of_all_kinds) {
    start();
    operand_of(1);
    const double *i32 = operand_of(7), *f32 = operand_of(0.5), *v = operand(70), *swap = operand(2);
    operand(0);
    double *flag = expected(1), *shifted = expected(1), *halved = expected(1), *doubled = expected(70),
           *kept = expected(2), *first = expected(6);
    *flag = 0;
    *shifted = *i32 + 3 * 5;
    *halved = *f32 / 8;
    for (int k = 0; k < 70; k++)
        doubled[k] = v[k] * 8;
    kept[0] = swap[0], kept[1] = swap[1];
    for (int k = 0; k < 6; k++)
        first[k] = swap[k % 2];
    check("func step(%1: bool[], %2: i32[], %3: f32[], %4: f64[70], %5: f64[2], %6: f64[0]) {\n"
          "  %7 bool[] = logical_not %1\n  %8 i32[] = constant 5\n  %9 i32[] = add %2, %8\n  %10 f32[] = constant 0.5\n"
          "  %11 f32[] = mul %3, %10\n  %12 f64[70] = add %4, %4\n  %13 f64[70] = exp %12\n"
          "  return %7, %9, %11, %12, %5, %6, %5, %13\n}\n"
          "func f(%1: bool[], %2: i32[], %3: f32[], %4: f64[70], %5: f64[2], %6: f64[0]) {\n"
          "  %7 (bool[], i32[], f32[], f64[70], f64[2], f64[0], f64[3,2], f64[3,70]) = loop @step %1, %2, %3, %4, %5, "
          "%6 {states=6, captures=0, trips=3, reverse=0}\n  %8 bool[] = get %7 {k=0}\n  %9 i32[] = get %7 {k=1}\n"
          "  %10 f32[] = get %7 {k=2}\n  %11 f64[70] = get %7 {k=3}\n  %12 f64[2] = get %7 {k=4}\n"
          "  %13 f64[3,2] = get %7 {k=6}\n  return %8, %9, %10, %11, %12, %13\n}\n",
          0, "states of all kinds");
    tell("states of all kinds");
}

/* Operands that are views, one for several things; results read more than once, and through views. */
Test(region_run, operands_and_results_are_shared) {
    start();
    const double *x = operand(6);
    double *sum = expected(2), *turned = expected(6), *twice = expected(2);
    sum[0] = x[0], sum[1] = x[2];
    for (int i = 0; i < 3; i++) {
        turned[i] = sum[0] += x[2 * i];
        turned[3 + i] = sum[1] += x[2 * i + 1];
    }
    twice[0] = sum[0] + sum[0], twice[1] = sum[1] + sum[1];
    check("func step(%1: f64[2], %2: f64[2]) {\n  %3 f64[2] = add %1, %2\n  return %3, %3\n}\n"
          "func f(%1: f64[2,3]) {\n  %2 f64[3,2] = reshape %1\n  %3 f64[1,2] = slice %1 {start=[0,0], step=[1,2]}\n"
          "  %4 f64[2] = reshape %3\n"
          "  %5 (f64[2], f64[3,2]) = loop @step %4, %2 {states=1, captures=0, trips=3, reverse=0}\n"
          "  %6 f64[2] = get %5 {k=0}\n  %7 f64[3,2] = get %5 {k=1}\n  %8 f64[2,3] = transpose %7 {perm=[1,0]}\n"
          "  %9 f64[2] = get %5 {k=0}\n  %10 f64[2] = add %6, %9\n  return %6, %8, %10\n}\n",
          0, "shared");
    tell("shared operands and results");
}

/* ---- what goes wrong ---- */

#define FAILING                                                                                                        \
    "func step(%1: f64[], %2: f64[4], %3: i64[]) {\n  %4 f64[] = gather %2, %3 {axis=0} ; user.c:17\n"                 \
    "  %5 f64[] = add %1, %4\n  return %5\n}\n"

/* An index out of range in iteration 2 ends the loop, and the evaluator says the line. */
Test(region_run, an_error_inside) {
    start();
    operand(1), operand(4);
    double *index = value_new(&in, 5);
    index[0] = 0, index[1] = 3, index[2] = 4, index[3] = 9, index[4] = 0;
    engines e;
    engines_start(&e, "error");

    engines_take(&e, parsed(FAILING "func f(%1: f64[], %2: f64[4], %3: i64[5]) {\n  %4 (f64[]) = loop @step %1, %2, "
                                    "%3 {states=1, captures=1, trips=5, reverse=0}\n  %5 f64[] = get %4 {k=0}\n"
                                    "  return %5\n}\n"));
    engines_compile(&e);
    set_operands(&e);
    for (int engine = 0; engine < engines_there(&e); engine++) {
        cr_expect_eq(engines_code(&e, engine), EBB_INDEX_ERROR, "%s", engine_name[engine]);
        cr_expect_eq(ebb_rt_fault()->index, 4, "%s", engine_name[engine]);
    }
    cr_expect_str_eq(e.diag.message, "gather: index 4 at position 0 is outside [0, 4)");
    cr_expect(e.diag.site.line == 17 && !strcmp(e.diag.site.file, "user.c"));
    engines_stop(&e);
}

/* ---- a million iterations ---- */

typedef struct counter {
    int64_t live, most;
} counter;

/* Blocks say their size in front. */
static void *counted_resize(void *self, void *memory, size_t bytes) {
    counter *c = self;
    size_t *old = memory ? (size_t *)memory - 2 : NULL;
    c->live += (int64_t)bytes - (old ? (int64_t)*old : 0);
    if (c->live > c->most) c->most = c->live;
    size_t *new = realloc(old, bytes + 2 * sizeof *new);
    if (!new) return NULL;
    *new = bytes;
    return new + 2;
}

static void counted_release(void *self, void *memory) {
    if (!memory) return;
    ((counter *)self)->live -= (int64_t)((size_t *)memory)[-2];
    free((size_t *)memory - 2);
}

#define A_MILLION                                                                                                      \
    WHILE UNWHILE "func f(%1: f64[], %2: i64[], %3: f64[], %4: f64[], %5: f64[]) {\n"                                  \
                  "  %6 (f64[], f64[], absent) = unloop @step @more @back %1, %2, %3, %4, %5 "                         \
                  "{states=2, captures=2, trips=-1, reverse=0, budget=65536}\n  %7 f64[] = get %6 {k=0}\n"             \
                  "  %8 f64[] = get %6 {k=1}\n  return %7, %8\n}\n"
enum { TRIPS = 1000000 };

static void expect_a_million(double dx, double da, const char *who) {
    cr_expect(fabs(dx / exp(1) - 1) < 1e-5, "%s: %.17g", who, dx);
    cr_expect(fabs(da / (TRIPS * exp(1)) - 1) < 1e-5, "%s: %.17g", who, da);
}

/* x <- a x, a million times, and back: with 64 kB for states, so that they do not fit. */
Test(region_run, a_million_iterations_in_little_memory) {
    ebb_graph *g = parsed(A_MILLION);
    counter c = {0, 0};
    const ebb_allocator a = {counted_resize, counted_release, &c};
    ebb_diag diag = {0};
    double x = 1, factor = 1 + 1e-6, most = exp(1), ct = 1, dx, da;
    int64_t zero = 0;
    const void *operands[] = {&x, &zero, &factor, &most, &ct};
    bool good = ebb_eval_graph(g, NULL, operands, (void *[]){&dx, &da}, &a, &diag);
    cr_assert(good, "%s", diag.message);
    expect_a_million(dx, da, "evaluator");
    cr_expect(c.most < 200000, "%d bytes", (int)c.most);
    cr_expect_eq(c.live, 0);
    ebb_plan *plan = ebb_plan_new(g, NULL, &diag);
    ebb_executable *code = plan ? ebb_compile(plan, NULL, &diag) : NULL;
    cr_assert_not_null(code, "%s", diag.message);
    void *work = aligned_alloc(64, (size_t)ebb_executable_work(code));
    dx = da = 0;
    cr_expect_eq(ebb_executable_entry(code)(operands, (void *[]){&dx, &da}, work), EBB_OK);
    expect_a_million(dx, da, "native code");
    cr_expect(ebb_executable_work(code) < 200000, "%d bytes", (int)ebb_executable_work(code));
    printf("cases: a million iterations and back in %d kB, native %d kB\n", (int)(c.most / 1000),
           (int)(ebb_executable_work(code) / 1000));
    fflush(stdout);
    free(work);
    ebb_executable_release(code);
    ebb_plan_free(plan);
    ebb_graph_release(g);
}

/* ---- what compiling costs ---- */

static ebb_executable *compiled(const char *text, int64_t *steps) {
    ebb_diag diag = {0};
    ebb_graph *g = parsed(text), *h = ebb_expand(g, false, NULL, &diag);
    ebb_plan *plan = h ? ebb_plan_new(h, NULL, &diag) : NULL;
    cr_assert_not_null(plan, "%s", diag.message);
    *steps = plan->steps;
    for (int32_t k = 0; k < plan->nesteds; k++)
        *steps += plan->nested[k]->steps;
    ebb_executable *code = ebb_compile(plan, NULL, &diag);
    cr_assert_not_null(code, "%s", diag.message);
    ebb_plan_free(plan);
    ebb_graph_release(g);
    ebb_graph_release(h);
    return code;
}

/* However often a loop runs, its code is the same; and the work does not grow but with what is kept. */
Test(region_run, code_does_not_grow_with_the_trips) {
    int64_t bytes[2], steps[2];
    for (int k = 0; k < 2; k++) {
        char text[1000];
        snprintf(text, sizeof text,
                 "func step(%%1: f64[], %%2: f64[]) {\n  %%3 f64[] = mul %%1, %%2\n  return %%3\n}\n"
                 "func f(%%1: f64[], %%2: f64[]) {\n  %%3 (f64[]) = loop @step %%1, %%2 {states=1, captures=1, "
                 "trips=%d, reverse=0}\n  %%4 f64[] = get %%3 {k=0}\n  return %%4\n}\n",
                 k ? 1000000000 : 10);
        ebb_executable *code = compiled(text, &steps[k]);
        bytes[k] = ebb_executable_times(code).code_bytes;
        ebb_executable_release(code);
    }
    cr_expect_eq(steps[0], steps[1]);
    cr_expect_eq(bytes[0], bytes[1], "%d bytes of code, and %d", (int)bytes[0], (int)bytes[1]);
}

/* The text of the module that a program becomes; free() it. */
static char *module_of(const char *text) {
    ebb_diag diag = {0};
    char folder[] = "/tmp/ebb_regions_XXXXXX", path[64];
    cr_assert_not_null(mkdtemp(folder));
    ebb_graph *g = parsed(text);
    ebb_plan *plan = ebb_plan_new(g, NULL, &diag);
    ebb_executable *code = ebb_compile(plan, &(ebb_compile_options){.name = "f", .dump_folder = folder}, &diag);
    cr_assert_not_null(code, "%s", diag.message);
    char *module = calloc(1, 1 << 20);
    for (int k = 0; k < 3; k++) {
        snprintf(path, sizeof path, "%s/f.%s", folder, (const char *[]){"ll", "s", "plan"}[k]);
        FILE *file = k == 0 ? fopen(path, "r") : NULL;
        if (file && fread(module, 1, (1 << 20) - 1, file)) fclose(file);
        remove(path);
    }
    remove(folder);
    ebb_executable_release(code);
    ebb_plan_free(plan);
    ebb_graph_release(g);
    return module;
}

/* Numbers stay in registers; tensors, and what fails, are given to the driver. */
Test(region_run, loops_of_numbers_are_written_out) {
    static const struct {
        const char *text;
        bool straight;
    } rows[] = {
        {STEP "func f(%1: f64[], %2: f64[], %3: f64[9]) {\n  %4 (f64[], f64[9]) = loop @step %1, %2, %3 "
              "{states=1, captures=1, trips=9, reverse=0}\n  %5 f64[] = get %4 {k=0}\n  return %5\n}\n",
         true},
        {WHILE "func f(%1: f64[], %2: i64[], %3: f64[], %4: f64[]) {\n  %5 (f64[], i64[]) = loop @step @more %1, %2, "
               "%3, %4 {states=2, captures=2, trips=-1, reverse=0}\n  %6 f64[] = get %5 {k=0}\n  return %6\n}\n",
         true},
        {"func step(%1: f64[2]) {\n  %2 f64[2] = add %1, %1\n  return %2\n}\n"
         "func f(%1: f64[2]) {\n  %2 (f64[2]) = loop @step %1 {states=1, captures=0, trips=9, reverse=0}\n"
         "  %3 f64[2] = get %2 {k=0}\n  return %3\n}\n",
         false},
        {FAILING "func f(%1: f64[], %2: f64[4], %3: i64[5]) {\n  %4 (f64[]) = loop @step %1, %2, %3 "
                 "{states=1, captures=1, trips=5, reverse=0}\n  %5 f64[] = get %4 {k=0}\n  return %5\n}\n",
         false},
    };
    for (int k = 0; k < COUNT(rows); k++) {
        char *module = module_of(rows[k].text);
        cr_expect_eq(!strstr(module, "ebb_rt_loop"), rows[k].straight, "program %d:\n%s", k, module);
        free(module);
    }
}

/* A function is planned and compiled once, also where functions that run it twice are run twice themselves. */
Test(region_run, functions_are_compiled_once) {
    char *text = malloc(EBB_MOST_NESTED * 300), *at = text;
    int64_t steps;
    at += sprintf(at, "func f0(%%1: f64[]) {\n  %%2 f64[] = neg %%1\n  return %%2\n}\n");
    for (int k = 1; k <= EBB_MOST_NESTED; k++)
        at += sprintf(at,
                      "func f%d(%%1: bool[], %%2: f64[]) {\n  %%3 (f64[]) = cond @f%d @f%d %%1%s, %%2\n"
                      "  %%4 f64[] = get %%3 {k=0}\n  return %%4\n}\n",
                      k, k - 1, k - 1, k > 1 ? ", %1" : "");
    ebb_executable *code = compiled(text, &steps);
    cr_expect_eq(steps, EBB_MOST_NESTED + 1, "%d steps", (int)steps);
    ebb_executable_release(code);
    free(text);
}

/* ---- depth and memory ---- */

/* As many regions inside one another as there may be, planned, compiled and run on a small stack. */
static void *deep(void *unused) {
    char *text = malloc(EBB_MOST_NESTED * 300), *at = text;
    ebb_diag diag = {0};
    at += sprintf(at, "func f0(%%1: f64[]) {\n  %%2 f64[] = add %%1, %%1\n  return %%2\n}\n");
    for (int k = 1; k <= EBB_MOST_NESTED; k++)
        at += sprintf(at,
                      "func f%d(%%1: f64[]) {\n  %%2 (f64[]) = loop @f%d %%1 {states=1, captures=0, trips=1, "
                      "reverse=0}\n  %%3 f64[] = get %%2 {k=0}\n  return %%3\n}\n",
                      k, k - 1);
    ebb_graph *g = parsed(text);
    int64_t steps;
    ebb_executable *code = compiled(text, &steps);
    double x = 1.5, y[2] = {0, 0};
    cr_expect(ebb_eval_graph(g, NULL, (const void *[]){&x}, (void *[]){&y[0]}, &ebb_malloc_allocator, &diag), "%s",
              diag.message);
    void *work = aligned_alloc(64, (size_t)ebb_executable_work(code) + 64);
    cr_expect_eq(ebb_executable_entry(code)((const void *[]){&x}, (void *[]){&y[1]}, work), EBB_OK);
    cr_expect(y[0] == 3 && y[1] == 3);
    free(work);
    free(text);
    ebb_executable_release(code);
    ebb_graph_release(g);
    return unused;
}

Test(region_run, depth_costs_little_stack) {
    pthread_attr_t attr;
    pthread_t thread;
    ebb_diag diag = {0};
    cr_assert_not_null(ebb_engine_open(&diag), "%s", diag.message); /* opening it is a matter of the loader */
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 256 * 1024);
    cr_assert_eq(pthread_create(&thread, &attr, deep, NULL), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attr);
}

/* Planning and evaluating; each allocation fails once. */
static bool work(const ebb_allocator *a, const char *program, ebb_diag *diag) {
    ebb_module *m = ebb_module_parse(a, program, strlen(program), diag);
    ebb_graph *g = m ? m->function[m->functions - 1] : NULL;
    ebb_plan *plan = g ? ebb_plan_new(g, NULL, diag) : NULL;
    char *text = plan ? ebb_plan_print(plan) : NULL;
    double x[4] = {1, 1, 2, 1}, y[2];
    int64_t zero = 0;
    bool good = text && ebb_eval_graph(g, NULL, (const void *[]){&x[0], &zero, &x[1], &x[2], &x[3]},
                                       (void *[]){&y[0], &y[1]}, a, diag);
    if (plan && !text) ebb_fail_memory(diag);
    ebb_mem_free(a, text);
    ebb_plan_free(plan);
    ebb_module_free(m);
    return good;
}

Test(region_run, any_allocation_may_fail) {
    bool good = false;
    const char *program =
        WHILE UNWHILE "func f(%1: f64[], %2: i64[], %3: f64[], %4: f64[], %5: f64[]) {\n  %6 f64[] = add %3, %5\n"
                      "  %7 (f64[], f64[], absent) = unloop @step @more @back %1, %2, %6, %4, %5 "
                      "{states=2, captures=2, trips=-1, reverse=0, budget=65536}\n  %8 f64[] = get %7 {k=0}\n"
                      "  %9 f64[] = get %7 {k=1}\n  %10 f64[] = mul %8, %9\n  return %9, %10\n}\n";
    for (int64_t k = 0; !good; k++) {
        scarce c = {.left = k, .once = true};
        const ebb_allocator a = scarce_allocator(&c);
        ebb_diag diag = {0};
        good = work(&a, program, &diag);
        cr_expect_eq(c.live, 0, "allocation %d: %d blocks are lost", (int)k, (int)c.live);
        cr_assert(good || diag.code == EBB_NO_MEMORY, "allocation %d: %s", (int)k, diag.message);
        cr_assert(!good || c.asked <= k, "allocation %d: nobody noticed", (int)k);
    }
}

/* The size of a loop must be known when it runs. */
Test(region_run, unknown_sizes_are_refused) {
    ebb_graph *g = parsed("func step(%1: f64[]) {\n  %2 f64[] = neg %1\n  return %2\n}\n"
                          "func f(%1: f64[]) {\n  %2 (f64[]) = loop @step %1 {states=1, captures=0, trips=-3, "
                          "reverse=0}\n  %3 f64[] = get %2 {k=0}\n  return %3\n}\n");
    const char *message = "loop: the number of iterations is a size that is not known";
    ebb_diag diag = {0};
    double x = 1, y;
    cr_expect_null(ebb_plan_new(g, NULL, &diag));
    cr_expect_str_eq(diag.message, message);
    diag = (ebb_diag){0};
    cr_expect_not(ebb_eval_graph(g, NULL, (const void *[]){&x}, (void *[]){&y}, &ebb_malloc_allocator, &diag));
    cr_expect_str_eq(diag.message, message);
    ebb_graph_release(g);
}

/* ---- the plan as text ---- */

Test(region_run, plans_can_be_read) {
    ebb_graph *g =
        parsed(WHILE "func f(%1: f64[], %2: i64[], %3: f64[], %4: f64[]) {\n  %5 (f64[], i64[]) = loop @step "
                     "@more %1, %2, %3, %4 {states=2, captures=2, trips=-1, reverse=0}\n"
                     "  %6 f64[] = get %5 {k=0}\n  return %6\n}\n");
    ebb_diag diag = {0};
    ebb_plan *plan = ebb_plan_new(g, NULL, &diag);
    char *text = ebb_plan_print(plan);
    cr_expect_str_eq(text,
                     "plan f: 1 steps, arena 320\n"
                     "0 region loop #0 #1 in0 in1 in2 in3 -> out0 arena256:8 work arena0:256 "
                     "{2,2,0,0,-1,0,0,0,0,0,0,8,5,0,8,3,0,8,5,0,8,5,0}\n"
                     "#0 plan step: 1 steps, arena 0\n0 kernel scalar\n  %0 f64 kernel load in0 {}\n"
                     "  %1 f64 kernel load in2 {}\n  %2 f64 kernel mul %0 %1\n  %3 i64 kernel load in1 {}\n"
                     "  %4 i64 kernel const 1\n  %5 i64 kernel add %3 %4\n  store %2 kernel to out0 {}\n"
                     "  store %5 kernel to out1 {}\n"
                     "#1 plan more: 1 steps, arena 0\n0 kernel scalar\n  %0 f64 kernel load in0 {}\n"
                     "  %1 f64 kernel load in3 {}\n  %2 bool kernel lt %0 %1\n  store %2 kernel to out0 {}\n",
                     "%s", text);
    ebb_mem_free(plan->allocator, text);
    ebb_plan_free(plan);
    ebb_graph_release(g);
}
