/* test_region_run.c - programs with regions, run by both engines, against plain loops in C: values, and ways back with
 * pullbacks written by hand. What regions look like is in test_region.c, their drivers alone are in
 * test_loop.c, what they cost is in test_region_code.c. */
#include "tests/support/engines.h"
#include "tests/support/parsed.h"
#include "tests/support/plan_run.h"
#include "tests/support/region_steps.h"

#include <criterion/criterion.h>
#include <math.h>
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
