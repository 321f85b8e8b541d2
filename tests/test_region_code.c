/* test_region_code.c - what programs with regions cost: memory of a million iterations, code, plans, stack; what
 * happens where memory runs out or sizes are not known. Their values are in test_region_run.c. */
#include "jit/eval/eval.h"
#include "jit/graph/region.h"
#include "jit/graph/text.h"
#include "jit/load/load.h"
#include "jit/plan/plan.h"
#include "tests/support/parsed.h"
#include "tests/support/region_steps.h"
#include "tests/support/scale.h"
#include "tests/support/scarce.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

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

/* A million roundings. */
static void expect_a_million(double dx, double da, const char *who) {
    const double last = exp((TRIPS + 1) * log1p(1e-6)); /* the first power that is not below e */
    cr_expect(fabs(dx / last - 1) < 1e-9, "%s: %.17g", who, dx);
    cr_expect(fabs(da / ((TRIPS + 1) * last / (1 + 1e-6)) - 1) < 1e-9, "%s: %.17g", who, da);
}

/* x <- a x, a million times, and back: with 64 kB for states, so that they do not fit. */
Test(region_code, a_million_iterations_in_little_memory) {
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
Test(region_code, code_does_not_grow_with_the_trips) {
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
Test(region_code, loops_of_numbers_are_written_out) {
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
Test(region_code, functions_are_compiled_once) {
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
static void deep(void) {
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
}

Test(region_code, depth_costs_little_stack) {
    ebb_diag diag = {0};
    cr_assert_not_null(ebb_engine_open(&diag), "%s", diag.message); /* opening it is a matter of the loader */
    on_small_stack(deep);
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

Test(region_code, any_allocation_may_fail) {
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
Test(region_code, unknown_sizes_are_refused) {
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

Test(region_code, plans_can_be_read) {
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
