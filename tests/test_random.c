/* test_random.c - random programs from a seed: the evaluator and native code agree on values and on both derivatives.
 *
 * Each program is compiled twice: as ever, and in the next one of `ways`: with an optimisation left out, for vectors of
 * another width or an older processor, or with results written over parameters. What the evaluator says of the program
 * that has every optimisation is what all must say.
 * Programs of exact operations agree to the bit, wide ones within the tolerance below; which numbers are NaN or
 * infinite is the same in both. EBB_FUZZ_PROGRAMS says how many programs, EBB_FUZZ_SECONDS for how long more are tried,
 * EBB_FUZZ_SEED the first seed. A failure prints its seed and the smallest program found that still fails. Start
 * reading at agrees. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dual/dual.h"
#include "jit/eval/eval.h"
#include "jit/graph/text.h"
#include "jit/load/load.h"
#include "tests/support/random_graph.h"
#include "tests/support/random_region.h"
#include "tests/support/shrink.h"
#include "tests/support/ways.h"

/* libm and libmvec differ in the last places; that much of a result's largest element may come of it in a program. */
static double tolerance_of(ebb_dtype d) { return d == EBB_F32 ? 5e-4 : 1e-11; }

typedef enum mode { VALUE, JVP, VJP, MODES } mode;
static const char *const mode_name[MODES] = {"value", "jvp", "vjp"};

typedef struct family {
    const char *name;
    ebb_random_options options;
    bool exact;
} family;
static const family families[] = {
    {"exact", {.nodes = 24, .exact = true}, true},
    {"wide", {.nodes = 22, .smooth = true}, false},
    {"small and many", {.nodes = 40, .size = 3, .rank = 4, .smooth = true}, false},
    {"exact, of large rank", {.nodes = 16, .size = 4, .rank = 6, .exact = true}, true},
    {"numbers", {.nodes = 30, .size = 1, .rank = 1, .no_empty = true, .no_whole = true, .exact = true}, true},
    {"exact, with regions", {.nodes = 24, .size = 5, .exact = true, .regions = true}, true},
    {"wide, with regions", {.nodes = 20, .size = 4, .smooth = true, .regions = true}, false},
};
enum { FAMILIES = sizeof families / sizeof *families };

static int gone[WAYS], cannot[WAYS]; /* how often each was gone, and could not be on this processor */

static int covered[EBB_OP_COUNT][MODES];

/* ---- one program ---- */

typedef struct trial {
    uint64_t seed;
    const family *family;
    mode mode;
    int way;     /* beside the first */
    int failed;  /* the way that did not agree */
    bool breaks; /* for the test of this test: native results are spoiled where there is a tanh */
    char why[512];
} trial;

static bool say(trial *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool say(trial *t, const char *format, ...) {
    va_list list;
    va_start(list, format);
    vsnprintf(t->why, sizeof t->why, format, list);
    va_end(list);
    return false;
}

/* The program as it is tried: itself, called, or inside other regions, whose derivatives are programs of their own;
 * from it on without these steps. */
static ebb_graph *recorded_for(const ebb_graph *g, const trial *t, uint32_t without, ebb_diag *diag) {
    ebb_graph *copy;
    cr_assert(g->inputs < 256 && g->outputs < 256);
    switch (t->seed % 8) {
    case 0:
        copy = in_call(g, diag);
        break;
    case 5:
        copy = in_branch(g, t->seed, diag);
        break;
    case 6:
        copy = in_loop(g, t->seed * 0x9e3779b97f4a7c15u, diag);
        break;
    default:
        copy = ebb_graph_clone(g, diag);
    }
    cr_assert_not_null(copy, "%s", diag->message);
    copy->without = without;
    return copy;
}

/* The program or its derivative in all floating parameters, ready to run; NULL: there is none of these. */
static ebb_graph *prepared(const ebb_graph *g, mode m, ebb_diag *diag) {
    int wrt[256], n = 0;
    for (int k = 0; k < g->inputs && n < 256; k++)
        if (ebb_is_float(ebb_dtype_at(g, g->input[k]))) wrt[n++] = k;
    if (m == VALUE) return ebb_expand_to_run(g, diag);
    if (n == 0) return NULL;
    ebb_dual_spec spec = {.nwrt = n, .wrt = wrt};
    ebb_graph *d = m == JVP ? ebb_jvp_graph(g, &spec, diag) : ebb_vjp_graph(g, &spec, diag);
    ebb_graph *ready = d ? ebb_expand_to_run(d, diag) : NULL;
    ebb_graph_release(d);
    return ready;
}

static void note_ops(const ebb_graph *g, mode m) {
    for (ebb_id id = 1; id < g->count; id++)
        covered[ebb_op_of(g, id)][m]++;
    for (int32_t c = 0; c < g->callees; c++)
        note_ops(g->callee[c], m);
}

/* ---- buffers ---- */

static int64_t bytes_of(const ebb_graph *g, ebb_id id) {
    ebb_type type = ebb_type_of(g, id);
    int64_t bytes = 0;
    return ebb_type_bytes(&type, &bytes) ? bytes : 0;
}

static void **buffers(const ebb_graph *g, const ebb_id *id, int n) {
    void **b = calloc((size_t)n + 1, sizeof *b);
    for (int k = 0; k < n; k++)
        b[k] = calloc(1, (size_t)bytes_of(g, id[k]) + 1);
    return b;
}

static void drop(void **b, int n) {
    for (int k = 0; k < n; k++)
        free(b[k]);
    free(b);
}

static void fill(const ebb_graph *g, const trial *t, void **in) {
    for (int k = 0; k < g->inputs; k++) {
        ebb_dtype d = ebb_dtype_at(g, g->input[k]);
        int64_t n = bytes_of(g, g->input[k]) / (int64_t)ebb_dtype_size(d);
        ebb_random_fill(t->seed * 131 + (uint64_t)k, d, n, t->family->exact && t->seed % 3 == 0, in[k]);
    }
}

/* ---- comparing ---- */

static double number(ebb_dtype d, const char *p) {
    return d == EBB_F32 ? (double)*(const float *)(const void *)p : *(const double *)(const void *)p;
}

static bool element_agrees(ebb_dtype d, const char *x, const char *y, double room) {
    if (!ebb_is_float(d) || room == 0)
        if (memcmp(x, y, ebb_dtype_size(d)) == 0) return true;
    if (!ebb_is_float(d)) return false;
    double a = number(d, x), b = number(d, y);
    if (isnan(a) || isnan(b)) return isnan(a) && isnan(b);
    return (a == b && room > 0) || fabs(a - b) < room;
}

/* The largest finite element, at least 1. */
static double scale_of(ebb_dtype d, const char *x, int64_t n) {
    double scale = 1;
    for (int64_t i = 0; i < n && ebb_is_float(d); i++) {
        double v = fabs(number(d, x + i * (int64_t)ebb_dtype_size(d)));
        if (isfinite(v) && v > scale) scale = v;
    }
    return scale;
}

static bool result_agrees(const ebb_graph *g, int j, const char *native, const char *wanted, trial *t) {
    ebb_dtype d = ebb_dtype_at(g, g->output[j]);
    int64_t size = (int64_t)ebb_dtype_size(d), n = bytes_of(g, g->output[j]) / size;
    double room = t->family->exact ? 0 : tolerance_of(d) * scale_of(d, wanted, n);
    for (int64_t i = 0; i < n; i++)
        if (!element_agrees(d, native + i * size, wanted + i * size, room))
            return say(t, "result %d[%lld] is %.17g, the evaluator has %.17g", j, (long long)i,
                       ebb_is_float(d) ? number(d, native + i * size) : NAN,
                       ebb_is_float(d) ? number(d, wanted + i * size) : NAN);
    return true;
}

/* ---- running ---- */

static void spoil(const ebb_graph *g, void **out) {
    for (ebb_id id = 1; id < g->count; id++)
        if (ebb_op_of(g, id) == EBB_OP_tanh)
            for (int j = 0; j < g->outputs; j++)
                if (g->output[j] == id && bytes_of(g, id)) memset(out[j], 0x3f, (size_t)bytes_of(g, id));
}

typedef struct wanted { /* what the evaluator says */
    void **in, **out;
    ebb_diag diag;
} wanted;

static bool way_agrees(const ebb_graph *g, int number, const wanted *want, trial *t) {
    void **out = buffers(g, g->output, g->outputs);
    int code = 0;
    ebb_diag diag = {0};
    bool ran = way_run(g, &ways[number], want->in, out, &code, &diag);
    bool good = ran || diag.code == EBB_UNAVAILABLE || say(t, "does not compile: %s", diag.message);
    ran ? gone[number]++ : cannot[number]++;
    if (t->breaks) spoil(g, out);
    if (ran && (ebb_code)code != want->diag.code)
        good = say(t, "native code %d, evaluator %d: %s", code, (int)want->diag.code, want->diag.message);
    for (int j = 0; ran && good && code == EBB_OK && j < g->outputs; j++)
        if (g->output[j] != EBB_ABSENT) good = result_agrees(g, j, out[j], want->out[j], t);
    drop(out, g->outputs);
    return good;
}

/* Sums of a derivative are in another order where nodes are not shared, so what is exact remains so in values only. */
static bool other_way_agrees(const ebb_graph *recorded, const wanted *want, trial *t) {
    ebb_diag diag = {0};
    const way *w = &ways[t->way];
    if (t->family->exact && t->mode != VALUE && w->without) return true;
    ebb_graph *g = recorded_for(recorded, t, w->without, &diag), *ready = prepared(g, t->mode, &diag);
    bool good = ready ? way_agrees(ready, t->way, want, t) : say(t, "%s", diag.message);
    ebb_graph_release(ready);
    ebb_graph_release(g);
    return good;
}

static bool runs_agree(const ebb_graph *recorded, const ebb_graph *ready, trial *t) {
    wanted want = {buffers(ready, ready->input, ready->inputs), buffers(ready, ready->output, ready->outputs), {0}};
    fill(ready, t, want.in);
    ebb_eval_graph(ready, NULL, (const void *const *)want.in, want.out, ready->allocator, &want.diag);
    t->failed = 0;
    bool good = way_agrees(ready, 0, &want, t);
    if (good && t->way) {
        t->failed = t->way;
        good = other_way_agrees(recorded, &want, t);
    }
    drop(want.in, ready->inputs), drop(want.out, ready->outputs);
    return good;
}

/* The program of this trial, in its mode, by both engines. */
static bool agrees(const ebb_graph *recorded, trial *t) {
    ebb_diag diag = {0};
    ebb_graph *g = recorded_for(recorded, t, 0, &diag), *ready = prepared(g, t->mode, &diag);
    bool good = ready ? runs_agree(recorded, ready, t) : diag.code == EBB_OK || say(t, "%s", diag.message);
    if (ready) note_ops(g, t->mode), note_ops(ready, t->mode);
    ebb_graph_release(ready);
    ebb_graph_release(g);
    return good;
}

static bool disagrees(const ebb_graph *g, void *data) { return !agrees(g, data); }

/* ---- programs ---- */

static long from_environment(const char *name, long usual) {
    const char *text = getenv(name);
    return text && atol(text) > 0 ? atol(text) : usual;
}

static void report(ebb_graph *g, trial *t) {
    ebb_diag diag = {0};
    g = ebb_shrink(g, disagrees, t);
    agrees(g, t); /* its own words */
    char *text = ebb_graph_print(g, &diag);
    cr_expect(false, "seed %llu, family %s, %s, %s: %s\n%s", (unsigned long long)t->seed, t->family->name,
              mode_name[t->mode], ways[t->failed].name, t->why, text ? text : "?");
    ebb_mem_free(g->allocator, text);
    ebb_graph_release(g);
}

/* What has a rule of its own is in other programs (test_region_derivatives.c). */
static bool is_covered(ebb_op op) {
    int all = op == EBB_OP_custom;
    for (mode m = 0; m < MODES; m++)
        all += covered[op][m];
    return all > 0;
}

static bool everything_is_covered(void) {
    ebb_op op = 1;
    while (op < EBB_OP_COUNT && is_covered(op))
        op++;
    return op == EBB_OP_COUNT;
}

static void expect_everything_covered(void) {
    for (ebb_op op = 1; op < EBB_OP_COUNT; op++)
        cr_expect(is_covered(op), "%s is in no program", ebb_op_table[op].name);
    for (mode m = 0; m < MODES; m++) {
        int ops = 0;
        for (int op = 1; op < EBB_OP_COUNT; op++)
            ops += covered[op][m] > 0;
        printf("%s: %d of %d operations\n", mode_name[m], ops, EBB_OP_COUNT - 1);
    }
}

static void tell_ways(void) {
    for (int w = 0; w < WAYS; w++) {
        printf("%s: %d\n", ways[w].name, gone[w]);
        if (cannot[w]) printf("cases: %s SKIPPED %d times: not on this processor\n", ways[w].name, cannot[w]);
    }
}

/* In all modes; the number of failures. */
static int try_program(long seed) {
    int failures = 0;
    for (mode m = 0; m < MODES; m++) {
        trial t = {.seed = (uint64_t)seed, .family = &families[seed % FAMILIES], .mode = m};
        t.way = (int)(seed / FAMILIES + m) % WAYS;
        ebb_graph *g = ebb_random_graph(t.seed, &t.family->options);
        if (agrees(g, &t))
            ebb_graph_release(g);
        else
            report(g, &t), failures++;
    }
    return failures;
}

Test(random, evaluator_and_native_code_agree) {
    long programs = from_environment("EBB_FUZZ_PROGRAMS", 200), first = from_environment("EBB_FUZZ_SEED", 1);
    long most = programs < 200 ? programs : 4 * programs; /* more, until each operation had its turn */
    time_t end = time(NULL) + from_environment("EBB_FUZZ_SECONDS", 0);
    long i = 0, failures = 0;
    for (; failures < 5 && (i < programs || time(NULL) < end || (i < most && !everything_is_covered())); i++)
        failures += try_program(first + i);
    if (most > programs && !failures) expect_everything_covered();
    tell_ways();
    printf("cases: %ld random programs\n", i);
    cr_expect_eq(ebb_executable_live(), 0);
}

static void expect_made_small(uint64_t seed, const family *f) {
    trial t = {.seed = seed, .family = f, .breaks = true};
    ebb_graph *g = ebb_random_graph(t.seed, &t.family->options);
    ebb_id x = EBB_ABSENT;
    for (ebb_id id = g->count; --id > 0 && !x;)
        if (ebb_is_float(ebb_dtype_at(g, id)) && bytes_of(g, id)) x = id;
    ebb_diag diag = {0};
    g->diag = &diag;
    x = ebb_record(g, &(ebb_application){.op = EBB_OP_add}, 2,
                   (ebb_id[]){x, ebb_add_input(g, ebb_type_of(g, x), (ebb_site){0})});
    ebb_add_output(g, ebb_record(g, &(ebb_application){.op = EBB_OP_tanh}, 1, &x));
    cr_assert(disagrees(g, &t));
    g = ebb_shrink(g, disagrees, &t);
    cr_expect_eq(g->count - 1 - g->inputs, 1, "%d operations are left", g->count - 1 - g->inputs);
    cr_expect_eq(ebb_op_of(g, g->output[0]), EBB_OP_tanh);
    cr_expect(g->inputs == 1 && g->outputs == 1);
    ebb_graph_release(g);
}

/* The proof that a failure would be seen, and made small: a tanh that is wrong is found behind everything else. */
Test(random, a_failure_is_found_and_made_small) {
    expect_made_small(7, &families[1]);
    expect_made_small(9, &families[FAMILIES - 1]); /* it has a region */
}

/* The plan of a program in a way, as text. */
static char *plan_text(uint64_t seed, const way *w) {
    ebb_diag diag = {0};
    ebb_graph *g = ebb_random_graph(seed, &families[seed % 2].options);
    g->without = w->without;
    ebb_graph *ready = ebb_expand_to_run(g, &diag);
    ebb_plan *plan = way_plan(ready, w, &diag);
    cr_assert_not_null(plan, "%s: %s", w->name, diag.message);
    char *text = ebb_plan_print(plan);
    ebb_plan_free(plan);
    ebb_graph_release(ready);
    ebb_graph_release(g);
    return text;
}

/* What is left out leaves a trace in some plan, except for what only LLVM sees. */
Test(random, each_way_is_another) {
    for (int w = 1; w < WAYS; w++) {
        bool differs = ways[w].compile.level || ways[w].compile.no_passes || ways[w].compile.no_turning ||
                       ways[w].compile.vector_bits || ways[w].compile.cpu;
        for (uint64_t seed = 1; seed < 1000 && !differs; seed++) {
            char *usual = plan_text(seed, &ways[0]), *other = plan_text(seed, &ways[w]);
            differs = strcmp(usual, other) != 0;
            ebb_mem_free(&ebb_malloc_allocator, usual);
            ebb_mem_free(&ebb_malloc_allocator, other);
        }
        cr_expect(differs, "%s: every plan is the usual one", ways[w].name);
    }
}
