/* roads.c - see roads.h. */
#include "dual/roads.h"
#include "jit/graph/plain_floats.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Less than this much of the other's work is less; and a road with so many times the directions of another one is not
 * even written: a direction of the dearest pass costs a few of the cheapest. */
#define ABOUT_EQUAL 0.9
enum { HOPELESS = 100 };

static bool is_possible(const ebb_candidate *c) { return c->refusal.code == EBB_OK; }

static double work_of(const ebb_candidate *c) { return ebb_work_of(&c->cost); }

/* ---- weighing ---- */

/* False: out of memory. A road that cannot be written is a candidate that says why. */
static bool weigh(ebb_work *w, const ebb_road_row *row, int m, ebb_id *result, ebb_candidate *c) {
    ebb_graph *g = w->b.graph;
    ebb_diag *diag = g->diag;
    ebb_bill bill;
    *c = (ebb_candidate){.road = row->name, .directions = row->directions};
    w->blocks = 1;
    g->diag = &c->refusal;
    if (row->write(w, result) && ebb_cost_nodes(g, m, result, 0, NULL, 1, &bill)) {
        c->cost = bill.once;
        c->peak = bill.peak;
        if (row->count) c->directions = row->count(w);
    }
    g->diag = diag;
    c->blocks = w->blocks;
    return c->refusal.code != EBB_NO_MEMORY || ebb_fail_memory(diag);
}

/* Whether a is to be preferred to b, which comes before it in the table and so wins where they are about equal. */
static bool is_better(const ebb_candidate *a, const ebb_candidate *b, double budget) {
    bool fits = a->peak <= budget;
    if (fits != (b->peak <= budget)) return fits;
    return fits ? work_of(a) < ABOUT_EQUAL * work_of(b) : a->peak < b->peak;
}

/* The best of those that can be, but for `without`; -1: there is none. */
static int best_of(const ebb_roads *c, int without, double budget) {
    int best = -1;
    for (int k = 0; k < c->count; k++)
        if (k != without && is_possible(&c->candidate[k]) &&
            (best < 0 || is_better(&c->candidate[k], &c->candidate[best], budget)))
            best = k;
    return best;
}

/* ---- why ---- */

__attribute__((format(printf, 2, 3))) static void say(ebb_roads *c, const char *format, ...) {
    va_list list;
    va_start(list, format);
    vsnprintf(c->why, sizeof c->why, format, list);
    va_end(list);
}

static double megabytes(double bytes) { return bytes * 1e-6; }

/* Nothing is left beside the chosen one. */
static void explain_last(ebb_roads *c) {
    const ebb_candidate *a = &c->candidate[c->chosen], *b = &c->candidate[c->chosen == 0];
    if (c->count > 1)
        say(c, "%s; %s cannot be: %s", a->road, b->road, b->refusal.message);
    else
        say(c, "%s: the only road", a->road);
}

/* Why the chosen one, and not the best of the others. */
static void explain_choice(ebb_roads *c, double budget) {
    int next = best_of(c, c->chosen, budget);
    const ebb_candidate *a = &c->candidate[c->chosen], *b = next < 0 ? NULL : &c->candidate[next];
    if (!b)
        explain_last(c);
    else if (a->peak > budget)
        say(c, "%s: no road stays within %.4g MB; this one needs the least, %.4g MB, %s %.4g MB", a->road,
            megabytes(budget), megabytes(a->peak), b->road, megabytes(b->peak));
    else if (b->peak > budget)
        say(c, "%s: stays within %.4g MB; %s needs %.4g MB", a->road, megabytes(budget), b->road, megabytes(b->peak));
    else
        say(c, "%s: the work of %s is %.3g times as much", a->road, b->road, work_of(b) / work_of(a));
}

static void explain_given(ebb_roads *c, const char *reason, double budget) {
    int next = best_of(c, c->chosen, budget);
    const ebb_candidate *a = &c->candidate[c->chosen], *b = next < 0 ? NULL : &c->candidate[next];
    if (b)
        say(c, "%s: %s; the work of %s is %.3g times as much", a->road, reason, b->road, work_of(b) / work_of(a));
    else
        say(c, "%s: %s", a->road, reason);
}

/* ---- taking ---- */

/* The row that the caller names; 0 if he names none, -1 and an error if there is no such. */
static int row_named(ebb_work *w, const char *name, int rows, const ebb_road_row *row) {
    char known[200] = "";
    size_t at = 0;
    for (int k = 0; k < rows; k++) {
        if (!name || strcmp(row[k].name, name) == 0) return k;
        at += (size_t)snprintf(known + at, sizeof known - at, "%s\"%s\"", k ? ", " : "", row[k].name);
        if (at >= sizeof known) at = sizeof known - 1;
    }
    ebb_fail(w->b.graph->diag, EBB_VALUE_ERROR, (ebb_site){0}, "%s: no road is called \"%s\"; there are %s", w->verb,
             name, known);
    return -1;
}

static int64_t least_directions(int rows, const ebb_road_row *row) {
    int64_t least = row[0].directions;
    for (int k = 1; k < rows; k++)
        if (row[k].directions < least) least = row[k].directions;
    return least > 0 ? least : 1;
}

/* Too many directions to be worth a look: its refusal says so. */
static bool is_hopeless(const ebb_road_row *row, int64_t least, ebb_candidate *one) {
    if (row->directions / HOPELESS <= least) return false;
    *one = (ebb_candidate){.road = row->name, .directions = row->directions, .blocks = 1};
    ebb_fail(&one->refusal, EBB_VALUE_ERROR, (ebb_site){0}, "%lld directions, where another road has %lld",
             (long long)row->directions, (long long)least);
    return true;
}

/* All of them, into results[rows][m]; `named` in any case, -1: none is. The hopeless ones if no other one can be. */
static bool weigh_all(ebb_work *w, int named, int rows, const ebb_road_row *row, int m, ebb_id *results, ebb_roads *c) {
    int64_t least = least_directions(rows, row);
    int possible = 0;
    for (int k = 0; k < rows; k++) {
        ebb_candidate *one = &c->candidate[k];
        if (k != named && is_hopeless(&row[k], least, one)) continue;
        if (!weigh(w, &row[k], m, results + (int64_t)k * m, one)) return false;
        possible += is_possible(one);
    }
    for (int k = 0; possible == 0 && k < rows; k++)
        if (k != named && row[k].directions / HOPELESS > least &&
            !weigh(w, &row[k], m, results + (int64_t)k * m, &c->candidate[k]))
            return false;
    return true;
}

/* Where none can be, the one with the most directions says why: the others are for some programs only. */
static int widest(int rows, const ebb_road_row *row) {
    int most = 0;
    for (int k = 1; k < rows; k++)
        if (row[k].directions > row[most].directions) most = k;
    return most;
}

/* results: [rows][m] */
static bool choose_road(ebb_work *w, const ebb_dual_spec *spec, int named, bool choose, int rows,
                        const ebb_road_row *row, int m, ebb_id *results) {
    ebb_roads own, *c = spec && spec->roads ? spec->roads : &own;
    double budget = spec && spec->budget > 0 ? (double)spec->budget : EBB_DEFAULT_BUDGET;
    bool given = (spec && spec->road) || !choose;
    *c = (ebb_roads){.count = rows};
    if (!weigh_all(w, given ? named : -1, rows, row, m, results, c)) return false;
    c->chosen = given ? named : best_of(c, -1, budget);
    if (c->chosen < 0) c->chosen = widest(rows, row);
    if (!is_possible(&c->candidate[c->chosen])) {
        *w->b.graph->diag = c->candidate[c->chosen].refusal;
        return false;
    }
    if (given)
        explain_given(c, spec && spec->road ? "asked for by name" : "always taken", budget);
    else
        explain_choice(c, budget);
    memcpy(results, results + (int64_t)c->chosen * m, (size_t)m * sizeof *results);
    return true;
}

bool ebb_take_road(ebb_work *w, const ebb_dual_spec *spec, bool choose, int rows, const ebb_road_row *row, int m,
                   ebb_id *result) {
    EBB_PLAIN_FLOATS;
    const char *name = spec ? spec->road : NULL;
    int named = row_named(w, name, rows, row);
    if (named < 0) return false;
    if ((name || !choose) && !(spec && spec->roads)) return row[named].write(w, result);
    const ebb_allocator *a = w->b.graph->allocator;
    ebb_id *results = ebb_mem_new(a, (size_t)rows * (size_t)m + 1, sizeof *results);
    bool ok = results ? choose_road(w, spec, named, choose, rows, row, m, results) : ebb_fail_memory(w->b.graph->diag);
    if (ok) memcpy(result, results, (size_t)m * sizeof *results);
    ebb_mem_free(a, results);
    return ok;
}

int64_t ebb_elements_of(const ebb_work *w, int n, const ebb_id *x) {
    int64_t sum = 0, size;
    for (int i = 0; i < n; i++)
        if (x[i] != EBB_ABSENT && ebb_is_float(ebb_dtype_at(w->b.graph, x[i])) &&
            ebb_shape_size(ebb_shape_of(w->b.graph, x[i]), &size))
            sum += size;
    return sum;
}
