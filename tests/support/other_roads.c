/* other_roads.c - see other_roads.h. Start reading at `checks`. */
#include "tests/support/road_pair.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/run_graph.h"

static ebb_graph *of(trial *t, verb v) { return transformed(t->f, (question){.verb = v, .order = 3}, &t->diag); }

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

/* sum of a_ij H_ij */
static void operators(trial *t) {
    pair p;
    if (run_pair(t, &p, of(t, HESSIAN), of(t, SECOND_ORDER))) {
        int64_t d = 0, row = 0, column;
        for (int i = 0; i < t->n; i++)
            d += size_of_node(t->f, t->f->input[t->wrt[i]]);
        double *a = operator_of(d), sum = 0, scale = 1;
        for (int i = 0; i < t->n; i++, row += size_of_node(t->f, t->f->input[t->wrt[i - 1]]))
            for (int j = column = 0; j < t->n; column += size_of_node(t->f, t->f->input[t->wrt[j++]])) {
                int64_t columns = size_of_node(t->f, t->f->input[t->wrt[j]]);
                int64_t rows = columns ? p.is[0].size[i * t->n + j] / columns : 0;
                for (int64_t r = 0; r < rows; r++)
                    sum +=
                        pairing(a + (row + r) * d + column, p.is[0].out[i * t->n + j] + r * columns, columns, &scale);
            }
        compare(t, "hessian and operator of second order", &sum, p.is[1].out[1], 1, 1, scale);
        free(a);
    }
    drop_pair(&p);
}

/* Every road there is to it gives the same. */
static void roads(trial *t) {
    static const verb verbs[] = {GRAD, HVP, HESSIAN, JACOBIAN, DIAGONAL, LAPLACIAN, BATCH_JACOBIAN};
    ebb_roads found = {0};
    question q = {.verb = verbs[t->seed / ROAD_CHECKS % 7], .roads = &found};
    ebb_graph *g = transformed(t->f, q, &t->diag);
    for (int k = 0; may_run(t, g) && k < found.count && t->good; k++) {
        question named = {.verb = q.verb, .road = found.candidate[k].road};
        if (found.candidate[k].refusal.code == EBB_OK)
            expect_same(t, named.road, transformed(t->f, named, &t->diag), 0, ebb_graph_retain(g), 0, g->outputs);
    }
    ebb_graph_release(g);
}

/* ---- sparse ones ---- */

/* Entries times a direction: results `from` and on of the product, one after the other. */
static void entries(trial *t, const char *roads, verb sparse, verb product, int rows, int from) {
    ebb_sparse s = {0};
    pair p;
    for (int i = 1; i < t->n; i++)
        if (ebb_dtype_at(t->f, t->f->input[t->wrt[i]]) != ebb_dtype_at(t->f, t->f->input[t->wrt[0]])) return;
    ebb_graph *g = transformed(t->f, (question){.verb = sparse, .sparse = &s}, &t->diag);
    bool ran = run_pair(t, &p, g, of(t, product));
    const ebb_rows *r = &s.plan.pattern;
    double *v = room_for(r->columns), *at = v;
    for (int i = 0; ran && i < t->n; i++) {
        int64_t size = size_of_node(t->f, t->f->input[t->wrt[i]]);
        memcpy(at, p.is[1].in[t->f->inputs + i], (size_t)size * sizeof *v);
        at += size;
    }
    for (int64_t i = 0, row = 0; ran && i < rows; row += p.is[1].size[from + i++])
        for (int64_t k = 0; k < p.is[1].size[from + i]; k++) {
            double sum = 0, scale = 1;
            for (int64_t e = r->start[row + k]; e < r->start[row + k + 1]; e++)
                sum += pairing(&p.is[0].out[0][e], &v[r->column[e]], 1, &scale);
            compare(t, roads, &sum, &p.is[1].out[from + i][k], 1, 1, scale);
        }
    free(v);
    drop_pair(&p);
    ebb_sparse_free(&s);
}

static void sparse_hessians(trial *t) { entries(t, "sparse hessian times v and hvp", SPARSE_HESSIAN, HVP, t->n, 0); }

static void sparse_jacobians(trial *t) {
    entries(t, "sparse jacobian times v and jvp", SPARSE_JACOBIAN, JVP, t->f->outputs, t->f->outputs);
}

/* ---- of many, along curves, by other means ---- */

static ebb_graph *then(trial *t, ebb_graph *g, verb v) {
    ebb_graph *next = g ? transformed(g, (question){.verb = v}, &t->diag) : NULL;
    ebb_graph_release(g);
    return next;
}

static void batches(trial *t) {
    expect_same(t, "batch jacobian and vmap of jacobian", of(t, BATCH_JACOBIAN), 0, then(t, of(t, JACOBIAN), VMAP), 0,
                t->f->outputs * t->n);
}

/* The series of f on curves in t at 0. */
static void curves(trial *t) {
    ebb_graph *series = of(t, JET_SERIES), *curve = on_curves(t->f, 3, &t->diag);
    const int time = curve->inputs - 1, m = t->f->outputs;
    ebb_graph *jet = ebb_jet_graph(curve, 3, &(ebb_dual_spec){.nwrt = 1, .wrt = &time}, &t->diag);
    numbers one, other;
    if (may_run(t, series) && may_run(t, jet)) {
        fill(t, &one, series, 0), fill(t, &other, jet, 0);
        *other.in[time] = 0, *other.in[time + 1] = 1;
        run(t, &one, series), run(t, &other, jet);
        for (int j = 0; t->good && j < m; j++)
            compare(t, "jet series and jet of a curve", one.out[m + j], other.out[m + j], one.size[m + j], 1, 1);
        drop(&one), drop(&other);
    }
    ebb_graph_release(series), ebb_graph_release(jet), ebb_graph_release(curve);
}

/* The verb whose turn it is, of f as it is, and of f by other means; patterns may then be larger. */
static verb asked(const trial *t) {
    verb v = (verb)(t->seed / ROAD_CHECKS % REMAT);
    return v == SPARSE_HESSIAN || v == SPARSE_JACOBIAN ? JVP : v;
}
static verb means(const trial *t) { return (verb)(REMAT + t->seed / ROAD_CHECKS / REMAT % (VERBS - REMAT)); }

static void other_means(trial *t) {
    ebb_graph *plain = of(t, asked(t)), *f = of(t, means(t));
    ebb_graph *g = f ? transformed(f, (question){.verb = asked(t), .order = 3}, &t->diag) : NULL;
    char what[64];
    snprintf(what, sizeof what, "%s by %s, and as it is", verb_name[asked(t)], verb_name[means(t)]);
    expect_same(t, what, g, 0, plain, 0, plain ? plain->outputs : 0);
    ebb_graph_release(f);
}

typedef void check(trial *t);
static const struct {
    check *check;
    const char *name;
    verb verbs[2];
} checks[ROAD_CHECKS] = {{tangents, "jvp and linearize", {JVP, LINEARIZE}},
                         {cotangents, "vjp and transpose", {VJP, TRANSPOSE}},
                         {both_ways, "jvp and vjp", {JVP, VJP}},
                         {series, "jet and nested jvp", {JET, JVP}},
                         {examples, "vmap and a loop", {VMAP, VMAP}},
                         {products, "hvp and jvp of grad", {HVP, GRAD}},
                         {hessians, "hessian times v and hvp", {HESSIAN, HVP}},
                         {jacobians, "jacobian times v and jvp", {JACOBIAN, JVP}},
                         {roads, "every road", {GRAD, JACOBIAN}},
                         {diagonals, "diagonal and hessian", {DIAGONAL, HESSIAN}},
                         {laplacians, "laplacian and diagonal", {LAPLACIAN, DIAGONAL}},
                         {operators, "operator and hessian", {SECOND_ORDER, HESSIAN}},
                         {sparse_hessians, "sparse hessian times v and hvp", {SPARSE_HESSIAN, HVP}},
                         {sparse_jacobians, "sparse jacobian times v and jvp", {SPARSE_JACOBIAN, JVP}},
                         {batches, "batch jacobian and vmap of jacobian", {BATCH_JACOBIAN, JACOBIAN}},
                         {curves, "jet series and jet of a curve", {JET_SERIES, JET}},
                         {other_means, "by other means and as it is", {VERBS, VERBS}}};
const char *road_check_name(int k) { return checks[k].name; }
int road_check_of(uint64_t seed) { return (int)(seed % ROAD_CHECKS); }

static void note(const trial *t, int k) {
    for (int i = 0; i < 2; i++) {
        verb v = checks[k].verbs[i];
        note_operations(t->f, v < VERBS ? v : i ? means(t) : asked(t), t->tally->met);
    }
}

bool road_trial(uint64_t seed, bool native, road_tally *tally, char why[512]) {
    char what[100];
    trial t = {.seed = seed, .tolerance = seed % 4 ? 3e-8 : 2e-3, .good = true, .native = native};
    t.tally = tally, t.why = why, t.check = road_check_of(seed);
    ebb_graph *f = nest_at_random(random_program(seed, &t.diag), seed, what, tally->met, &t.diag);
    if (!f) {
        snprintf(why, 512, "seed %llu,%s: %.380s", (unsigned long long)seed, what, t.diag.message);
        return false;
    }
    t.f = f;
    t.n = real_parameters(f, t.wrt);
    tally->programs++;
    if (t.n && is_small_program(f)) {
        note(&t, t.check);
        checks[t.check].check(&t);
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
