/* roads.c - see roads.h. */
#include "dual/roads.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- weighing ---- */

bool ebb_weigh(ebb_work *w, ebb_roads *c, const char *road, int64_t directions, int64_t blocks, ebb_road_writer *write,
               int m, ebb_id *result) {
    ebb_graph *g = w->b.graph;
    ebb_diag *diag = g->diag;
    ebb_candidate *one = &c->candidate[c->count++];
    *one = (ebb_candidate){.road = road, .directions = directions, .blocks = blocks};
    g->diag = &one->refusal;
    ebb_bill bill = {.peak = 0};
    if (write(w, result) && ebb_cost_nodes(g, m, result, 0, NULL, 1, &bill)) {
        one->cost = bill.once;
        one->peak = bill.peak;
    }
    g->diag = diag;
    return one->refusal.code != EBB_NO_MEMORY || ebb_fail_memory(diag);
}

/* ---- choosing ---- */

static bool is_possible(const ebb_candidate *c) { return c->refusal.code == EBB_OK; }

static double work_of(const ebb_candidate *c) { return ebb_work_of(&c->cost); }

static bool is_better(const ebb_candidate *a, const ebb_candidate *b, double budget) {
    bool fits = a->peak <= budget;
    if (fits != (b->peak <= budget)) return fits;
    return fits ? work_of(a) < work_of(b) : a->peak < b->peak;
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

__attribute__((format(printf, 2, 3))) static bool say(ebb_roads *c, const char *format, ...) {
    va_list list;
    va_start(list, format);
    vsnprintf(c->why, sizeof c->why, format, list);
    va_end(list);
    return true;
}

static double megabytes(double bytes) { return bytes * 1e-6; }

/* Why the chosen one, and not the next best. */
static bool explain(ebb_roads *c, int next, double budget) {
    const ebb_candidate *a = &c->candidate[c->chosen], *b = next < 0 ? NULL : &c->candidate[next];
    if (!b) return say(c, c->count > 1 ? "%s: the other roads cannot be taken" : "%s: the only road", a->road);
    if (a->peak > budget)
        return say(c, "%s: no road stays within %.4g MB; this one needs the least, %.4g MB, %s %.4g MB", a->road,
                   megabytes(budget), megabytes(a->peak), b->road, megabytes(b->peak));
    if (b->peak > budget)
        return say(c, "%s: stays within %.4g MB; %s needs %.4g MB", a->road, megabytes(budget), b->road,
                   megabytes(b->peak));
    return say(c, "%s: the work of %s is %.3g times as much", a->road, b->road, work_of(b) / work_of(a));
}

bool ebb_choose(ebb_work *w, ebb_roads *c, int64_t budget) {
    double bytes = budget > 0 ? (double)budget : EBB_DEFAULT_BUDGET;
    c->chosen = best_of(c, -1, bytes);
    if (c->chosen >= 0) return explain(c, best_of(c, c->chosen, bytes), bytes);
    *w->b.graph->diag = c->candidate[0].refusal;
    return false;
}

bool ebb_choose_named(ebb_work *w, ebb_roads *c, int road) {
    c->chosen = road;
    if (is_possible(&c->candidate[road])) return say(c, "%s: asked for by name", c->candidate[road].road);
    *w->b.graph->diag = c->candidate[road].refusal;
    return false;
}
