/* test_random.c - random programs from a seed: the evaluator and native code agree on values and on both derivatives.
 *
 * Programs of exact operations agree to the bit, wide ones within the tolerance below; which numbers are NaN or
 * infinite is the same in both. EBB_FUZZ_PROGRAMS says how many programs, EBB_FUZZ_SEED the first seed. A failure
 * prints its seed and the smallest program found that still fails. Start reading at agrees. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dual/dual.h"
#include "jit/eval/eval.h"
#include "jit/graph/text.h"
#include "jit/load/load.h"
#include "jit/plan/plan.h"
#include "tests/support/random_graph.h"
#include "tests/support/shrink.h"

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
};
enum { FAMILIES = sizeof families / sizeof *families };

static int covered[EBB_OP_COUNT][MODES];

/* ---- one program ---- */

typedef struct trial {
    uint64_t seed;
    const family *family;
    mode mode;
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

/* The whole program as a function that is called, so that call and get are there too. */
static ebb_graph *called(const ebb_graph *g, ebb_diag *diag) {
    ebb_graph *callee = ebb_graph_clone(g, diag), *caller = ebb_graph_new(g->allocator, diag, "caller");
    ebb_id id[256];
    cr_assert(callee && caller && g->inputs < 256);
    for (int k = 0; k < g->inputs; k++)
        id[k] = ebb_add_input(caller, ebb_type_of(g, g->input[k]), (ebb_site){0});
    ebb_id call = ebb_record_call(caller, callee, g->inputs, id, (ebb_site){0});
    for (int j = 0; j < g->outputs; j++)
        ebb_add_output(caller, ebb_record_get(caller, call, j, (ebb_site){0}));
    ebb_graph_release(callee);
    return caller;
}

/* The program or its derivative in all floating parameters, ready to run; NULL: there is none of these. */
static ebb_graph *prepared(const ebb_graph *g, mode m, ebb_diag *diag) {
    int wrt[256], n = 0;
    for (int k = 0; k < g->inputs && n < 256; k++)
        if (ebb_is_float(ebb_dtype_at(g, g->input[k]))) wrt[n++] = k;
    if (m == VALUE) return ebb_expand(g, false, NULL, diag);
    if (n == 0) return NULL;
    ebb_dual_spec spec = {.nwrt = n, .wrt = wrt};
    return m == JVP ? ebb_jvp_graph(g, &spec, diag) : ebb_vjp_graph(g, &spec, diag);
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

static int run_native(const ebb_graph *g, void **in, void **out, trial *t) {
    ebb_diag diag = {0};
    ebb_plan *plan = ebb_plan_new(g, NULL, &diag);
    ebb_executable *x = plan ? ebb_compile(plan, NULL, &diag) : NULL;
    if (!x) return say(t, "does not compile: %s", diag.message), -1;
    void *work = aligned_alloc(64, ((size_t)ebb_executable_work(x) + 127) / 64 * 64);
    memset(work, 0xff, (size_t)ebb_executable_work(x));
    int code = ebb_executable_entry(x)((const void *const *)in, out, work);
    free(work);
    ebb_executable_release(x);
    ebb_plan_free(plan);
    return code;
}

static void spoil(const ebb_graph *g, void **out) {
    for (ebb_id id = 1; id < g->count; id++)
        if (ebb_op_of(g, id) == EBB_OP_tanh)
            for (int j = 0; j < g->outputs; j++)
                if (g->output[j] == id && bytes_of(g, id)) memset(out[j], 0x3f, (size_t)bytes_of(g, id));
}

static bool runs_agree(const ebb_graph *g, trial *t) {
    ebb_diag diag = {0};
    void **in = buffers(g, g->input, g->inputs), **native = buffers(g, g->output, g->outputs);
    void **wanted = buffers(g, g->output, g->outputs);
    fill(g, t, in);
    bool ran = ebb_eval_graph(g, NULL, (const void *const *)in, wanted, g->allocator, &diag);
    int code = run_native(g, in, native, t);
    if (t->breaks) spoil(g, native);
    bool good = code >= 0 && (ran ? EBB_OK : diag.code) == (ebb_code)code;
    if (!good && code >= 0) say(t, "native code %d, evaluator %d: %s", code, (int)diag.code, diag.message);
    for (int j = 0; good && ran && j < g->outputs; j++)
        if (g->output[j] != EBB_ABSENT) good = result_agrees(g, j, native[j], wanted[j], t);
    drop(in, g->inputs), drop(native, g->outputs), drop(wanted, g->outputs);
    return good;
}

/* The program of this trial, in its mode, by both engines. */
static bool agrees(const ebb_graph *recorded, trial *t) {
    ebb_diag diag = {0};
    ebb_graph *g = t->seed % 4 ? ebb_graph_retain((ebb_graph *)recorded) : called(recorded, &diag);
    ebb_graph *ready = prepared(g, t->mode, &diag);
    bool good = ready ? runs_agree(ready, t) : diag.code == EBB_OK || say(t, "%s", diag.message);
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
    cr_expect(false, "seed %llu, family %s, %s: %s\n%s", (unsigned long long)t->seed, t->family->name,
              mode_name[t->mode], t->why, text ? text : "?");
    ebb_mem_free(g->allocator, text);
    ebb_graph_release(g);
}

static bool is_covered(ebb_op op) {
    int all = 0;
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

Test(random, evaluator_and_native_code_agree) {
    long programs = from_environment("EBB_FUZZ_PROGRAMS", 300), first = from_environment("EBB_FUZZ_SEED", 1),
         failures = 0;
    long most = programs < 300 ? programs : 4 * programs; /* more, until each operation had its turn */
    for (long i = 0; i < most && (i < programs || !everything_is_covered()) && failures < 5; i++)
        for (mode m = 0; m < MODES; m++) {
            trial t = {.seed = (uint64_t)(first + i), .family = &families[i % FAMILIES], .mode = m};
            ebb_graph *g = ebb_random_graph(t.seed, &t.family->options);
            if (agrees(g, &t))
                ebb_graph_release(g);
            else
                report(g, &t), failures++;
        }
    if (most > programs && !failures) expect_everything_covered();
    printf("cases: %ld random programs\n", programs);
    cr_expect_eq(ebb_executable_live(), 0);
}

/* The proof that a failure would be seen, and made small: a tanh that is wrong is found behind everything else. */
Test(random, a_failure_is_found_and_made_small) {
    trial t = {.seed = 7, .family = &families[1], .breaks = true};
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
