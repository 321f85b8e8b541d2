/* other_roads.c - see other_roads.h. Start reading at `checks`. */
#include "tests/support/other_roads.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/run_graph.h"

typedef struct trial {
    uint64_t seed;
    const ebb_graph *f;
    int wrt[MOST_PARAMETERS], n; /* its real parameters */
    double tolerance; /* of the largest element: a third derivative may be made of numbers a million times as large */
    bool good, native;
    int check;
    road_tally *tally;
    ebb_diag diag;
    char *why; /* [512] */
} trial;

static bool wrong(trial *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool wrong(trial *t, const char *format, ...) {
    va_list list;
    va_start(list, format);
    if (t->good) vsnprintf(t->why, 512, format, list);
    va_end(list);
    return t->good = false;
}

/* ---- numbers ---- */

typedef struct numbers {
    int inputs, outputs;
    double *in[MOST_PARAMETERS], *out[MOST_RESULTS];
    int64_t size[MOST_RESULTS];
} numbers;

static double *room_for(int64_t size) { return malloc((size_t)size * sizeof(double) + 1); }

/* Parameters of f have the same numbers in every program made of it; those beyond, directions and cotangents, have
 * theirs by their place among these. Each example has its own. */
static void fill(const trial *t, numbers *n, const ebb_graph *g, int example) {
    n->inputs = g->inputs;
    for (int k = 0; k < g->inputs; k++) {
        int64_t size = size_of_node(g, g->input[k]);
        ebb_dtype dtype = ebb_dtype_at(g, g->input[k]);
        double most = ebb_is_float(dtype) ? 1 : 4;
        int place = k < t->f->inputs ? k : MOST_PARAMETERS + k - t->f->inputs;
        n->in[k] = room_for(size);
        fill_uniform(t->seed * 131 + (uint64_t)place + 1000 * (uint64_t)example, -most, most, size, n->in[k]);
        for (int64_t i = 0; !ebb_is_float(dtype) && i < size; i++)
            n->in[k][i] = dtype == EBB_BOOL ? n->in[k][i] > 0 : floor(n->in[k][i]);
    }
}

static bool finite_all(const double *x, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(x[i])) return false;
    return true;
}

/* Where all numbers are finite; the others are counted. The factor makes x what y should be. */
static void compare(trial *t, const char *roads, const double *x, const double *y, int64_t n, double factor,
                    double scale) {
    if (!finite_all(x, n) || !finite_all(y, n)) {
        t->tally->not_finite++;
        return;
    }
    for (int64_t i = 0; i < n; i++)
        scale = fmax(scale, fabs(y[i]));
    for (int64_t i = 0; i < n; i++) {
        t->tally->numbers[t->check] += y[i] != 0;
        if (fabs(x[i] * factor - y[i]) > t->tolerance * scale)
            wrong(t, "%s: element %d is %.17g and %.17g", roads, (int)i, x[i] * factor, y[i]);
    }
}

static void run_native(trial *t, numbers *n, const ebb_graph *g) {
    double *out[MOST_RESULTS];
    for (int j = 0; j < g->outputs; j++)
        out[j] = room_for(n->size[j]);
    if (!run_graph_natively(g, (const double *const *)n->in, out, &t->diag))
        wrong(t, "native code: %s", t->diag.message);
    for (int j = 0; t->good && j < g->outputs; j++)
        compare(t, "native code and the evaluator", out[j], n->out[j], n->size[j], 1, 1);
    for (int j = 0; j < g->outputs; j++)
        free(out[j]);
    t->tally->native++;
}

static void run(trial *t, numbers *n, const ebb_graph *recorded) {
    ebb_graph *g = ebb_expand(recorded, false, NULL, &t->diag);
    n->outputs = g ? g->outputs : 0;
    for (int j = 0; j < n->outputs; j++) {
        n->size[j] = g->output[j] ? size_of_node(g, g->output[j]) : 0;
        n->out[j] = room_for(n->size[j]);
    }
    if (!g || !run_graph(g, (const double *const *)n->in, n->out, &t->diag))
        wrong(t, "does not run: %s", t->diag.message);
    else if (t->native)
        run_native(t, n, g);
    ebb_graph_release(g);
}

static void drop(numbers *n) {
    for (int k = 0; k < n->inputs; k++)
        free(n->in[k]);
    for (int j = 0; j < n->outputs; j++)
        free(n->out[j]);
}

static double pairing(const double *x, const double *y, int64_t n, double *scale) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i] * y[i], *scale += fabs(x[i] * y[i]);
    return sum;
}

/* ---- two programs, and what they give ---- */

typedef struct pair {
    ebb_graph *graph[2];
    numbers is[2];
} pair;

static bool may_run(trial *t, const ebb_graph *g) {
    if (g && g->inputs < MOST_PARAMETERS && g->outputs < MOST_RESULTS && g->count < 100000) return true;
    if (g || is_limit(t->f, &t->diag))
        t->tally->refused++;
    else
        wrong(t, "refused: %s", t->diag.message);
    return false;
}

/* Takes both programs. False: one of them cannot be asked. */
static bool run_pair(trial *t, pair *p, ebb_graph *one, ebb_graph *other) {
    *p = (pair){.graph = {one, other}};
    if (!may_run(t, one) || !may_run(t, other)) return false;
    for (int i = 0; i < 2; i++) {
        fill(t, &p->is[i], p->graph[i], 0);
        run(t, &p->is[i], p->graph[i]);
    }
    return t->good;
}

static void drop_pair(pair *p) {
    for (int i = 0; i < 2; i++) {
        drop(&p->is[i]);
        ebb_graph_release(p->graph[i]);
    }
}

/* n results of the one from `from` on are those of the other from `other_from` on. */
static void expect_same(trial *t, const char *roads, ebb_graph *one, int from, ebb_graph *other, int other_from,
                        int n) {
    pair p;
    if (run_pair(t, &p, one, other))
        for (int j = 0; j < n; j++)
            compare(t, roads, p.is[0].out[from + j], p.is[1].out[other_from + j], p.is[0].size[from + j], 1, 1);
    drop_pair(&p);
}

static ebb_graph *of(trial *t, verb v) { return transformed(t->f, (question){.verb = v, .order = 3}, &t->diag); }

/* ---- the checks ---- */

static void tangents(trial *t) {
    expect_same(t, "jvp and linearize", of(t, JVP), 0, of(t, LINEARIZE), 0, 2 * t->f->outputs);
}

static void cotangents(trial *t) {
    expect_same(t, "vjp and transpose", of(t, VJP), 0, of(t, TRANSPOSE), 0, t->f->outputs + t->n);
}

/* <ct, J v> = <J' ct, v> */
static void both_ways(trial *t) {
    pair p;
    int m = t->f->outputs, own = t->f->inputs;
    if (run_pair(t, &p, of(t, JVP), of(t, VJP))) {
        double scale = 1, left = 0, right = 0;
        for (int j = 0; j < m; j++)
            left += pairing(p.is[0].out[m + j], p.is[1].in[own + j], p.is[0].size[m + j], &scale);
        for (int i = 0; i < t->n; i++)
            right += pairing(p.is[1].out[m + i], p.is[0].in[own + i], p.is[1].size[m + i], &scale);
        compare(t, "<ct, J v> and <J' ct, v>", &left, &right, 1, 1, scale);
    }
    drop_pair(&p);
}

/* In the parameters of f alone: of a derivative's, only the point moves. Releases g. */
static ebb_graph *jvp_again(trial *t, ebb_graph *g) {
    ebb_dual_spec spec = {.nwrt = t->n, .wrt = t->wrt};
    ebb_graph *again = g ? ebb_jvp_graph(g, &spec, &t->diag) : NULL;
    ebb_graph_release(g);
    return again;
}

/* Nested tangents along one direction are given it as often. */
static void repeat_direction(trial *t, const ebb_graph *g, numbers *n) {
    for (int i = t->n; i < g->inputs - t->f->inputs; i++)
        memcpy(n->in[t->f->inputs + i], n->in[t->f->inputs + i % t->n],
               (size_t)size_of_node(g, g->input[t->f->inputs + i]) * sizeof(double));
}

/* Results of a jvp are values, then tangents: of three, the derivative of order k of result j is at (2^k - 1) m + j. */
static void series(trial *t) {
    ebb_graph *jet = of(t, JET), *nested = jvp_again(t, jvp_again(t, of(t, JVP)));
    numbers one, other;
    int m = t->f->outputs;
    if (may_run(t, jet) && may_run(t, nested)) {
        fill(t, &one, jet, 0), fill(t, &other, nested, 0);
        repeat_direction(t, nested, &other);
        run(t, &one, jet), run(t, &other, nested);
        for (int j = 0; t->good && j < m; j++)
            for (int k = 1, factorial = 1; k <= 3; factorial *= ++k)
                compare(t, "jet and nested jvp", one.out[m + j] + (k - 1) * other.size[j],
                        other.out[((1 << k) - 1) * m + j], other.size[j], factorial, 1);
        drop(&one), drop(&other);
    }
    ebb_graph_release(jet), ebb_graph_release(nested);
}

static void put_example(const trial *t, numbers *many, const numbers *one, int e) {
    for (int k = 0; k < t->f->inputs; k++) {
        int64_t size = size_of_node(t->f, t->f->input[k]);
        memcpy(many->in[k] + e * size, one->in[k], (size_t)size * sizeof(double));
    }
}

static void examples(trial *t) {
    ebb_graph *all = of(t, VMAP);
    numbers many, one[VMAP_EXAMPLES];
    if (may_run(t, all)) {
        fill(t, &many, all, 0);
        for (int e = 0; e < VMAP_EXAMPLES; e++) {
            fill(t, &one[e], t->f, e);
            put_example(t, &many, &one[e], e);
            run(t, &one[e], t->f);
        }
        run(t, &many, all);
        for (int e = 0; e < VMAP_EXAMPLES; e++) {
            for (int j = 0; t->good && j < one[e].outputs; j++)
                compare(t, "vmap and a loop", many.out[j] + e * one[e].size[j], one[e].out[j], one[e].size[j], 1, 1);
            drop(&one[e]);
        }
        drop(&many);
    }
    ebb_graph_release(all);
}

static void products(trial *t) {
    expect_same(t, "hvp and jvp of grad", of(t, HVP), 0, jvp_again(t, of(t, GRAD)), t->n, t->n);
}

/* Blocks [row..., x...], row by row, times a direction: results `from` and on of the product. */
static void matrix(trial *t, const char *roads, verb whole, verb product, int rows, int from) {
    pair p;
    bool ran = run_pair(t, &p, of(t, whole), of(t, product));
    for (int i = 0; ran && i < rows; i++)
        for (int64_t r = 0; r < p.is[1].size[from + i]; r++) {
            double sum = 0, scale = 1;
            for (int j = 0; j < t->n; j++) {
                int64_t size = size_of_node(t->f, t->f->input[t->wrt[j]]);
                sum += pairing(p.is[0].out[i * t->n + j] + r * size, p.is[1].in[t->f->inputs + j], size, &scale);
            }
            compare(t, roads, &sum, &p.is[1].out[from + i][r], 1, 1, scale);
        }
    drop_pair(&p);
}

static void hessians(trial *t) { matrix(t, "hessian times v and hvp", HESSIAN, HVP, t->n, 0); }

/* Element i of the diagonal of each block [x_i..., x_i...]. */
static void diagonals(trial *t) {
    pair p;
    bool ran = run_pair(t, &p, of(t, HESSIAN), of(t, DIAGONAL));
    for (int i = 0; ran && i < t->n; i++)
        for (int64_t k = 0, size = p.is[1].size[i]; k < size; k++)
            compare(t, "diagonal and hessian", p.is[0].out[i * t->n + i] + k * (size + 1), &p.is[1].out[i][k], 1, 1, 1);
    drop_pair(&p);
}

static void laplacians(trial *t) {
    pair p;
    if (run_pair(t, &p, of(t, DIAGONAL), of(t, LAPLACIAN))) {
        double sum = 0, scale = 1;
        for (int i = 0; i < t->n; i++)
            for (int64_t k = 0; k < p.is[0].size[i]; k++)
                sum += p.is[0].out[i][k], scale += fabs(p.is[0].out[i][k]);
        compare(t, "laplacian and diagonal", &sum, p.is[1].out[1], 1, 1, scale);
    }
    drop_pair(&p);
}

static void jacobians(trial *t) { matrix(t, "jacobian times v and jvp", JACOBIAN, JVP, t->f->outputs, t->f->outputs); }

/* Every road there is to it gives the same. */
static void roads(trial *t) {
    static const verb verbs[] = {GRAD, HVP, HESSIAN, JACOBIAN, DIAGONAL, LAPLACIAN};
    ebb_roads found = {0};
    question q = {.verb = verbs[t->seed / ROAD_CHECKS % 6], .roads = &found};
    ebb_graph *g = transformed(t->f, q, &t->diag);
    for (int k = 0; may_run(t, g) && k < found.count && t->good; k++) {
        question named = {.verb = q.verb, .road = found.candidate[k].road};
        if (found.candidate[k].refusal.code == EBB_OK)
            expect_same(t, named.road, transformed(t->f, named, &t->diag), 0, ebb_graph_retain(g), 0, g->outputs);
    }
    ebb_graph_release(g);
}

typedef void check(trial *t);
static check *const checks[ROAD_CHECKS] = {tangents, cotangents, both_ways, series,    examples,  products,
                                           hessians, jacobians,  roads,     diagonals, laplacians};
const char *const road_check_name[ROAD_CHECKS] = {
    "jvp and linearize",       "vjp and transpose",        "jvp and vjp",
    "jet and nested jvp",      "vmap and a loop",          "hvp and jvp of grad",
    "hessian times v and hvp", "jacobian times v and jvp", "every road",
    "diagonal and hessian",    "laplacian and diagonal"};
static const verb check_verbs[ROAD_CHECKS][2] = {
    {JVP, LINEARIZE}, {VJP, TRANSPOSE}, {JVP, VJP},       {JET, JVP},          {VMAP, VMAP},         {HVP, GRAD},
    {HESSIAN, HVP},   {JACOBIAN, JVP},  {GRAD, JACOBIAN}, {DIAGONAL, HESSIAN}, {LAPLACIAN, DIAGONAL}};

bool road_trial(uint64_t seed, bool native, road_tally *tally, char why[512]) {
    char what[100];
    trial t = {.seed = seed, .tolerance = seed % 4 ? 3e-8 : 2e-3, .good = true, .native = native};
    t.tally = tally, t.why = why, t.check = (int)(seed % ROAD_CHECKS);
    ebb_graph *f = nest_at_random(random_program(seed, &t.diag), seed, what, tally->met, &t.diag);
    if (!f) {
        snprintf(why, 512, "seed %llu,%s: %.380s", (unsigned long long)seed, what, t.diag.message);
        return false;
    }
    t.f = f;
    t.n = real_parameters(f, t.wrt);
    tally->programs++;
    if (t.n && is_small_program(f)) {
        note_operations(f, check_verbs[t.check][0], tally->met);
        note_operations(f, check_verbs[t.check][1], tally->met);
        checks[t.check](&t);
    }
    if (!t.good) {
        char text[512];
        snprintf(text, sizeof text, "seed %llu, of%s: %s", (unsigned long long)seed, *what ? what : " the program",
                 why);
        memcpy(why, text, sizeof text);
    }
    ebb_graph_release(f);
    return t.good;
}
