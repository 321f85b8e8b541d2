/* test_random_regions.c - random programs, as they are and inside a branch, a loop, a function with a rule of its own
 * that is true, or one that is computed again: the region changes neither the values nor any derivative, forward,
 * reverse, of second order or in series, nor what comes of many examples; nor do the steps that leave out what nobody
 * reads. The evaluator runs them; that native code agrees with it is in test_random.c. EBB_FUZZ_PROGRAMS says how many
 * programs, EBB_FUZZ_SEED the first seed. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dual/dual.h"
#include "jit/eval/eval.h"
#include "jit/graph/reach.h"
#include "jit/graph/text.h"
#include "tests/support/random_graph.h"
#include "tests/support/random_region.h"

/* ---- what is done with a program ---- */

static ebb_graph *value(const ebb_graph *g, const ebb_dual_spec *spec, ebb_diag *diag) {
    (void)spec;
    return ebb_expand(g, false, NULL, diag);
}

static ebb_graph *series(const ebb_graph *g, const ebb_dual_spec *spec, ebb_diag *diag) {
    return ebb_jet_graph(g, 3, spec, diag);
}

static ebb_graph *gradient_of_gradient(const ebb_graph *g, const ebb_dual_spec *spec, ebb_diag *diag) {
    ebb_dual_spec first = *spec;
    first.results = 1;
    ebb_graph *gradient = ebb_grad_graph(g, &first, diag), *second = NULL;
    if (gradient) second = ebb_vjp_graph(gradient, spec, diag);
    ebb_graph_release(gradient);
    return second;
}

/* Five examples of each floating parameter; results have the examples in front. */
static ebb_graph *examples(const ebb_graph *g, const ebb_dual_spec *spec, ebb_diag *diag) {
    int in[256], out[256] = {0};
    (void)spec;
    for (int k = 0; k < g->inputs; k++)
        in[k] = ebb_is_float(ebb_dtype_at(g, g->input[k])) ? 0 : -1;
    return ebb_vmap_graph(g, 5, in, out, NULL, diag);
}

static ebb_graph *examples_of_gradient(const ebb_graph *g, const ebb_dual_spec *spec, ebb_diag *diag) {
    ebb_dual_spec first = *spec;
    first.results = 1;
    ebb_graph *gradient = ebb_grad_graph(g, &first, diag), *all = NULL;
    if (gradient) all = examples(gradient, spec, diag);
    ebb_graph_release(gradient);
    return all;
}

static const struct {
    const char *name;
    ebb_graph *(*apply)(const ebb_graph *g, const ebb_dual_spec *spec, ebb_diag *diag);
} verbs[] = {{"value", value},
             {"jvp", ebb_jvp_graph},
             {"vjp", ebb_vjp_graph},
             {"series", series},
             {"gradient of gradient", gradient_of_gradient},
             {"examples", examples},
             {"examples of gradient", examples_of_gradient}};
enum { VERBS = sizeof verbs / sizeof *verbs };

/* ---- what it lies in ---- */

static ebb_graph *branch(const ebb_graph *g, uint64_t seed, ebb_diag *diag) { return in_branch(g, seed, diag); }

static ebb_graph *loop(const ebb_graph *g, uint64_t seed, ebb_diag *diag) {
    return in_loop(g, seed * 0x9e3779b97f4a7c15u, diag);
}

static ebb_graph *rule(const ebb_graph *g, uint64_t seed, ebb_diag *diag) {
    (void)seed;
    return in_custom(g, false, diag);
}

static ebb_graph *reverse_rule(const ebb_graph *g, uint64_t seed, ebb_diag *diag) {
    (void)seed;
    return in_custom(g, true, diag);
}

static ebb_graph *remat(const ebb_graph *g, uint64_t seed, ebb_diag *diag) {
    (void)seed;
    return ebb_remat_graph(g, diag);
}

typedef ebb_graph *wrapper(const ebb_graph *g, uint64_t seed, ebb_diag *diag);

/* The second one around the first one. */
static const struct {
    const char *name;
    wrapper *first, *second;
} regions[] = {{"in a branch", branch, NULL},
               {"in a loop", loop, NULL},
               {"with a rule", rule, NULL},
               {"with a rule in reverse", reverse_rule, NULL},
               {"computed again", remat, NULL},
               {"with a rule in a loop", rule, loop},
               {"with a rule in reverse in a loop", reverse_rule, loop},
               {"with a rule in a branch", rule, branch},
               {"with a rule in reverse in a branch", reverse_rule, branch},
               {"a loop with a rule", loop, rule},
               {"a loop with a rule in reverse", loop, reverse_rule},
               {"a rule with a rule in reverse", rule, reverse_rule},
               {"a loop computed again", loop, remat},
               {"computed again in a loop", remat, loop}};
enum { REGIONS = sizeof regions / sizeof *regions };

static ebb_graph *put_in(const ebb_graph *g, int region, uint64_t seed, ebb_diag *diag) {
    ebb_graph *first = regions[region].first(g, seed, diag);
    if (!first || !regions[region].second) return first;
    ebb_graph *second = regions[region].second(first, seed, diag);
    ebb_graph_release(first);
    return second;
}

/* ---- running ---- */

/* Of the program and of all functions that it reaches. */
static int64_t count_nodes(const ebb_graph *g) {
    ebb_reach reach;
    int64_t n = 0;
    cr_assert(ebb_reach_from(g, &reach));
    for (int32_t k = 0; k < reach.count; k++)
        n += reach.graph[k]->count;
    ebb_reach_end(&reach);
    return n;
}

static int64_t elements(const ebb_graph *g, ebb_id id) {
    int64_t n = 0;
    ebb_shape_size(ebb_shape_of(g, id), &n);
    return n;
}

/* All results one after the other, as numbers; *n of them. NULL: it failed. */
static double *results(const ebb_graph *g, uint64_t seed, int64_t *n) {
    void **in = calloc((size_t)g->inputs + 1, sizeof *in), **out = calloc((size_t)g->outputs + 1, sizeof *out);
    ebb_diag diag = {0};
    *n = 0;
    for (int k = 0; k < g->inputs; k++) {
        in[k] = calloc((size_t)elements(g, g->input[k]) + 1, 8);
        ebb_random_fill(seed * 131 + (uint64_t)k, ebb_dtype_at(g, g->input[k]), elements(g, g->input[k]), false, in[k]);
    }
    for (int j = 0; j < g->outputs; j++) {
        if (g->output[j] != EBB_ABSENT) out[j] = calloc((size_t)elements(g, g->output[j]) + 1, 8);
        *n += g->output[j] != EBB_ABSENT ? elements(g, g->output[j]) : 0;
    }
    const bool ran = ebb_eval_graph(g, NULL, (const void *const *)in, out, &ebb_malloc_allocator, &diag);
    double *all = ran ? calloc((size_t)*n + 1, sizeof *all) : NULL, *at = all;
    for (int j = 0; ran && j < g->outputs; j++)
        for (int64_t i = 0; out[j] && i < elements(g, g->output[j]); i++, at++) {
            const ebb_dtype d = ebb_dtype_at(g, g->output[j]);
            *at = d == EBB_F64   ? ((double *)out[j])[i]
                  : d == EBB_F32 ? (double)((float *)out[j])[i]
                  : d == EBB_I64 ? (double)((int64_t *)out[j])[i]
                  : d == EBB_I32 ? ((int32_t *)out[j])[i]
                                 : ((uint8_t *)out[j])[i];
        }
    for (int k = 0; k < g->inputs; k++)
        free(in[k]);
    for (int j = 0; j < g->outputs; j++)
        free(out[j]);
    free(in);
    free(out);
    return all;
}

/* The largest difference, in proportion to the largest number; NaN must be NaN. */
static double difference(const double *x, const double *y, int64_t n) {
    double most = 0, scale = 1;
    for (int64_t i = 0; i < n; i++) {
        if (isnan(x[i]) != isnan(y[i])) return INFINITY;
        if (isfinite(y[i])) scale = fmax(scale, fabs(y[i]));
        if (x[i] != y[i] && !isnan(x[i])) most = fmax(most, fabs(x[i] - y[i]));
    }
    return most / scale;
}

/* ---- comparing ---- */

static ebb_graph *derived(const ebb_graph *g, int verb, const ebb_dual_spec *spec, ebb_diag *diag) {
    ebb_graph *d = verbs[verb].apply(g, spec, diag);
    cr_assert(d, "%s: %s", verbs[verb].name, diag->message);
    return d;
}

/* Sums come in another order; that much of the largest number may come of it. */
#define NEAR 1e-11

/* What is made to run gives the same bits as what was derived; with one result alone, more of it goes unread. */
static int smaller;
static void compare_runs(ebb_graph *g, int verb, uint64_t seed) {
    const int32_t outputs = g->outputs;
    for (g->outputs = outputs; g->outputs > 0; g->outputs = g->outputs > 1 ? 1 : 0) {
        ebb_diag diag = {0};
        ebb_graph *runs = ebb_expand_to_run(g, &diag), *all = ebb_expand(g, false, NULL, &diag);
        int64_t n, m;
        cr_assert(runs && all && ebb_verify(runs, &diag), "seed %d, %s: %s", (int)seed, verbs[verb].name, diag.message);
        double *want = results(g, seed, &n), *got = results(runs, seed, &m);
        cr_assert(n == m && (want != NULL) == (got != NULL), "seed %d, %s", (int)seed, verbs[verb].name);
        cr_expect(!want || difference(got, want, n) == 0, "seed %d, %s: what runs gives something else", (int)seed,
                  verbs[verb].name);
        smaller += count_nodes(runs) < count_nodes(all);
        free(want), free(got);
        ebb_graph_release(runs);
        ebb_graph_release(all);
    }
    g->outputs = outputs;
}

static void compare(const ebb_graph *g, const ebb_graph *inside, int verb, const ebb_dual_spec *spec, uint64_t seed,
                    const char *where) {
    ebb_diag diag = {0};
    ebb_graph *plain = derived(g, verb, spec, &diag), *region = derived(inside, verb, spec, &diag);
    int64_t n, m;
    double *want = results(plain, seed, &n), *got = results(region, seed, &m);
    cr_assert_eq((want != NULL), (got != NULL), "seed %d, %s, %s: one fails", (int)seed, where, verbs[verb].name);
    cr_assert_eq(n, m, "seed %d, %s, %s: %d numbers, not %d", (int)seed, where, verbs[verb].name, (int)m, (int)n);
    const double off = want ? difference(got, want, n) : 0;
    if (got) compare_runs(region, verb, seed);
    char *text = off < NEAR ? NULL : ebb_graph_print(inside, &diag);
    cr_expect(off < NEAR, "seed %d, %s, %s: off by %g\n%s", (int)seed, where, verbs[verb].name, off, text ? text : "");
    ebb_mem_free(inside->allocator, text);
    free(want), free(got);
    ebb_graph_release(plain);
    ebb_graph_release(region);
}

/* The number of comparisons. */
static int try_seed(uint64_t seed) {
    const ebb_random_options options = {.nodes = 14, .smooth = true, .wide = true, .no_empty = true};
    ebb_graph *g = ebb_random_graph(seed, &options);
    ebb_diag diag = {0};
    int wrt[64], n = 0;
    for (int k = 0; k < g->inputs && n < 64; k++)
        if (ebb_is_float(ebb_dtype_at(g, g->input[k]))) wrt[n++] = k;
    const ebb_dual_spec spec = {.nwrt = n, .wrt = wrt};
    for (int r = 0; n && r < REGIONS; r++) {
        ebb_graph *inside = put_in(g, r, seed, &diag);
        cr_assert(inside, "seed %d, %s: %s", (int)seed, regions[r].name, diag.message);
        for (int verb = 0; verb < VERBS; verb++)
            compare(g, inside, verb, &spec, seed, regions[r].name);
        ebb_graph_release(inside);
    }
    ebb_graph_release(g);
    return n ? REGIONS * VERBS : 0;
}

static long from_environment(const char *name, long usual) {
    const char *text = getenv(name);
    return text && atol(text) > 0 ? atol(text) : usual;
}

Test(random_regions, change_nothing) {
    long programs = from_environment("EBB_FUZZ_PROGRAMS", 200), first = from_environment("EBB_FUZZ_SEED", 1), cases = 0;
    for (long i = 0; i < programs; i++)
        cases += try_seed((uint64_t)(first + i));
    printf("cases: %ld derivatives of programs in regions, %d of them smaller when they run\n", cases, smaller);
    fflush(stdout);
}
