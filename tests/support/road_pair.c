/* road_pair.c - see road_pair.h. */
#include "tests/support/road_pair.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/run_graph.h"

bool wrong(trial *t, const char *format, ...) {
    va_list list;
    va_start(list, format);
    if (t->good) vsnprintf(t->why, 512, format, list);
    va_end(list);
    return t->good = false;
}

double *room_for(int64_t size) { return malloc((size_t)size * sizeof(double) + 1); }

void fill(const trial *t, numbers *n, const ebb_graph *g, int example) {
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

void compare(trial *t, const char *roads, const double *x, const double *y, int64_t n, double factor, double scale) {
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

static void run_native(trial *t, numbers *n, const ebb_graph *recorded) {
    ebb_graph *g = ebb_expand_to_run(recorded, &t->diag);
    double *out[MOST_RESULTS];
    for (int j = 0; j < n->outputs; j++)
        out[j] = room_for(n->size[j]);
    if (!g || !run_graph_natively(g, (const double *const *)n->in, out, &t->diag))
        wrong(t, "native code: %s", t->diag.message);
    for (int j = 0; t->good && j < n->outputs; j++)
        compare(t, "native code and the evaluator", out[j], n->out[j], n->size[j], 1, 1);
    for (int j = 0; j < n->outputs; j++)
        free(out[j]);
    ebb_graph_release(g);
    t->tally->native++;
}

void run(trial *t, numbers *n, const ebb_graph *recorded) {
    ebb_graph *g = ebb_expand(recorded, false, NULL, &t->diag);
    n->outputs = g ? g->outputs : 0;
    for (int j = 0; j < n->outputs; j++) {
        n->size[j] = g->output[j] ? size_of_node(g, g->output[j]) : 0;
        n->out[j] = room_for(n->size[j]);
    }
    if (!g || !run_graph(g, (const double *const *)n->in, n->out, &t->diag))
        wrong(t, "does not run: %s", t->diag.message);
    else if (t->native)
        run_native(t, n, recorded);
    ebb_graph_release(g);
}

void drop(numbers *n) {
    for (int k = 0; k < n->inputs; k++)
        free(n->in[k]);
    for (int j = 0; j < n->outputs; j++)
        free(n->out[j]);
}

double pairing(const double *x, const double *y, int64_t n, double *scale) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i] * y[i], *scale += fabs(x[i] * y[i]);
    return sum;
}

bool may_run(trial *t, const ebb_graph *g) {
    if (g && g->inputs < MOST_PARAMETERS && g->outputs < MOST_RESULTS && g->count < 100000) return true;
    if (g || is_limit(&t->diag))
        t->tally->refused++;
    else
        wrong(t, "refused: %s", t->diag.message);
    return false;
}

bool run_pair(trial *t, pair *p, ebb_graph *one, ebb_graph *other) {
    *p = (pair){.graph = {one, other}};
    if (!may_run(t, one) || !may_run(t, other)) return false;
    for (int i = 0; i < 2; i++) {
        fill(t, &p->is[i], p->graph[i], 0);
        run(t, &p->is[i], p->graph[i]);
    }
    return t->good;
}

void drop_pair(pair *p) {
    for (int i = 0; i < 2; i++) {
        drop(&p->is[i]);
        ebb_graph_release(p->graph[i]);
    }
}

void expect_same(trial *t, const char *roads, ebb_graph *one, int from, ebb_graph *other, int other_from, int n) {
    pair p;
    if (run_pair(t, &p, one, other))
        for (int j = 0; j < n; j++)
            compare(t, roads, p.is[0].out[from + j], p.is[1].out[other_from + j], p.is[0].size[from + j], 1, 1);
    drop_pair(&p);
}
