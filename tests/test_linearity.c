/* test_linearity.c - which programs with regions are seen to be linear in a parameter, so that they can be transposed.
 * A part of a sum that does not depend on the parameter must be zero, and is seen to be, through regions too. That what
 * comes of it is the transpose, is shown here by <ct, f(x)> = <f'(ct), x>, and for random programs in
 * test_random_transforms.c. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "dual/dual.h"
#include "tests/support/parsed.h"
#include "tests/support/run_graph.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

/* f(x, a) with x f64[] and a f64[], linear in x; it gives one number. */
#define F "func f(%1: f64[], %2: f64[]) {\n"
#define ADD "func body(%1: f64[], %2: f64[], %3: f64[]) {\n  %4 f64[] = mul %1, %3\n"

static const struct {
    const char *name, *text, *refusal; /* NULL: it is linear */
} rows[] = {
    {"a branch gives zero beside it",
     "func then(%1: f64[], %2: f64[]) {\n  %3 f64[] = mul %1, %2\n  %4 f64[] = constant 0\n  return %3, %4\n}\n" F
     "  %3 bool[] = constant true\n  %4 (f64[], f64[]) = cond @then @then %3, %1, %2\n  %5 f64[] = get %4 {k=0}\n"
     "  %6 f64[] = get %4 {k=1}\n  %7 f64[] = mul %6, %2\n  %8 f64[] = add %5, %7\n  return %8\n}\n",
     NULL},
    {"a branch gives zero, the other one does not",
     "func then(%1: f64[], %2: f64[]) {\n  %3 f64[] = constant 0\n  return %1, %3\n}\n"
     "func otherwise(%1: f64[], %2: f64[]) {\n  return %1, %2\n}\n" F
     "  %3 bool[] = constant true\n  %4 (f64[], f64[]) = cond @then @otherwise %3, %1, %2\n  %5 f64[] = get %4 {k=0}\n"
     "  %6 f64[] = get %4 {k=1}\n  %7 f64[] = add %5, %6\n  return %7\n}\n",
     "f is not linear: add"},
    {"a state begins with zero and stays zero",
     ADD "  %5 f64[] = mul %2, %3\n  %6 f64[] = add %4, %5\n  return %6, %5\n}\n" F
         "  %3 f64[] = constant 0\n  %4 (f64[], f64[]) = loop @body %1, %3, %2 {states=2, captures=1, trips=3, "
         "reverse=0}\n  %5 f64[] = get %4 {k=0}\n  %6 f64[] = get %4 {k=1}\n  %7 f64[] = add %5, %6\n  return %7\n}\n",
     NULL},
    {"a state begins with zero and grows",
     ADD "  %5 f64[] = add %2, %3\n  %6 f64[] = add %4, %5\n  return %6, %5\n}\n" F
         "  %3 f64[] = constant 0\n  %4 (f64[], f64[]) = loop @body %1, %3, %2 {states=2, captures=1, trips=3, "
         "reverse=0}\n  %5 f64[] = get %4 {k=0}\n  return %5\n}\n",
     "f is not linear: loop"},
    {"a state begins with one",
     ADD "  %5 f64[] = add %4, %2\n  return %5, %2\n}\n" F
         "  %3 f64[] = constant 1\n  %4 (f64[], f64[]) = loop @body %1, %3, %2 {states=2, captures=1, trips=3, "
         "reverse=0}\n  %5 f64[] = get %4 {k=0}\n  return %5\n}\n",
     "f is not linear: loop"},
    {"states that change places: one of them begins with one",
     ADD "  %5 f64[] = add %4, %2\n  return %2, %5\n}\n" F
         "  %3 f64[] = constant 1\n  %4 (f64[], f64[]) = loop @body %1, %3, %2 {states=2, captures=1, trips=3, "
         "reverse=0}\n  %5 f64[] = get %4 {k=0}\n  return %5\n}\n",
     "f is not linear: loop"},
    {"zero in a loop in a loop",
     "func inner(%1: f64[], %2: f64[]) {\n  %3 f64[] = mul %1, %2\n  return %3\n}\n" ADD
     "  %5 (f64[]) = loop @inner %2, %3 {states=1, captures=1, trips=2, reverse=0}\n  %6 f64[] = get %5 {k=0}\n"
     "  %7 f64[] = add %4, %6\n  return %7, %6\n}\n" F
     "  %3 f64[] = constant 0\n  %4 (f64[], f64[]) = loop @body %1, %3, %2 {states=2, captures=1, trips=3, "
     "reverse=0}\n  %5 f64[] = get %4 {k=0}\n  return %5\n}\n",
     NULL},
    {"the way back through a loop, from a cotangent of zero",
     "func mul(%1: f64[], %2: f64[]) {\n  %3 f64[] = mul %1, %2\n  return %3\n}\n"
     "func back(%1: f64[], %2: f64[], %3: f64[]) {\n  %4 f64[] = mul %3, %2\n  %5 f64[] = mul %3, %1\n"
     "  return %4, %5\n}\n" F "  %3 f64[] = constant 0\n"
     "  %4 (f64[], f64[]) = unloop @mul @back %2, %2, %3 {states=1, captures=1, trips=3, reverse=0, budget=0}\n"
     "  %5 f64[] = get %4 {k=1}\n  %6 f64[] = mul %1, %2\n  %7 f64[] = add %6, %5\n  return %7\n}\n",
     NULL},
    {"the way back through a loop, from the parameter",
     "func mul(%1: f64[], %2: f64[]) {\n  %3 f64[] = mul %1, %2\n  return %3\n}\n"
     "func back(%1: f64[], %2: f64[], %3: f64[]) {\n  %4 f64[] = mul %3, %2\n  %5 f64[] = mul %3, %1\n"
     "  return %4, %5\n}\n" F
     "  %3 (f64[], f64[]) = unloop @mul @back %2, %2, %1 {states=1, captures=1, trips=3, reverse=0, budget=0}\n"
     "  %4 f64[] = get %3 {k=1}\n  return %4\n}\n",
     NULL},
    {"the way back through a loop, from one, beside it",
     "func mul(%1: f64[], %2: f64[]) {\n  %3 f64[] = mul %1, %2\n  return %3\n}\n"
     "func back(%1: f64[], %2: f64[], %3: f64[]) {\n  %4 f64[] = mul %3, %2\n  %5 f64[] = mul %3, %1\n"
     "  return %4, %5\n}\n" F "  %3 f64[] = constant 1\n"
     "  %4 (f64[], f64[]) = unloop @mul @back %2, %2, %3 {states=1, captures=1, trips=3, reverse=0, budget=0}\n"
     "  %5 f64[] = get %4 {k=1}\n  %6 f64[] = add %1, %5\n  return %6\n}\n",
     "f is not linear: add"},
    {"a whole number, made real, beside it",
     F "  %3 bool[] = gt %2, %2\n  %4 f64[] = cast %3\n  %5 f64[] = add %1, %4\n  return %5\n}\n",
     "f is not linear: add"},
};

static double value(const ebb_graph *g, double x, double y, const char *name) {
    double result = NAN;
    ebb_diag diag = {0};
    cr_assert(run_graph(g, (const double *[]){&x, &y}, (double *[]){&result}, &diag), "%s: %s", name, diag.message);
    return result;
}

Test(linearity, of_programs_with_regions) {
    for (int i = 0; i < COUNT(rows); i++) {
        ebb_diag diag = {0};
        const int wrt = 0;
        ebb_graph *f = parsed(rows[i].text);
        ebb_graph *t = ebb_transpose_graph(f, &(ebb_dual_spec){.nwrt = 1, .wrt = &wrt}, &diag);
        if (rows[i].refusal) {
            cr_expect(!t && strstr(diag.message, rows[i].refusal), "%s: %s", rows[i].name, diag.message);
        } else if (t) {
            /* Products of a few numbers with few digits: nothing is rounded. */
            const double left = 0.5 * value(f, 1.5, 0.75, rows[i].name);
            const double right = 1.5 * value(t, 0.75, 0.5, rows[i].name);
            cr_expect(left == right && left != 0, "%s: %g and %g", rows[i].name, left, right);
        } else
            cr_assert_fail("%s: %s", rows[i].name, diag.message);
        ebb_graph_release(f);
        ebb_graph_release(t);
    }
    printf("cases: %d programs\n", COUNT(rows));
    fflush(stdout);
}
