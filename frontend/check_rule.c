/* check_rule.c - see check.h: which rule of one's own is not true.
 *
 * A custom region is cut out of the program, with the numbers that go into it at the point. What it gives is derived in
 * two ways, by its rule and, as a program that is only to be run has no rules, by what it computes. A region inside of
 * another one is a part of that. Start reading at ebb_check_rules. */
#include "dual/transform.h"
#include "frontend/check.h"
#include "jit/graph/region.h"

#include <math.h>
#include <stdio.h>

/* ---- numbers of nodes ---- */

static void numbers_free(const ebb_allocator *a, int count, void **data) {
    for (int i = 0; data && i < count; i++)
        ebb_mem_free(a, data[i]);
    ebb_mem_free(a, data);
}

/* Room for the values of nodes, zeros; NULL: no memory. */
static void **numbers_new(const ebb_graph *g, int count, const ebb_id *id) {
    void **data = ebb_mem_new(g->allocator, (size_t)count + 1, sizeof *data);
    bool good = data != NULL;
    for (int i = 0; good && i < count; i++) {
        int64_t bytes = 0;
        ebb_type type = ebb_type_of(g, id[i]);
        if (id[i] == EBB_ABSENT) continue;
        data[i] = ebb_type_bytes(&type, &bytes) ? ebb_mem_new(g->allocator, (size_t)bytes + 8, 1) : NULL;
        good = data[i] != NULL;
    }
    if (!good) numbers_free(g->allocator, count, data);
    return good ? data : NULL;
}

static double element_of(ebb_dtype dtype, const void *data, int64_t e) {
    return dtype == EBB_F32 ? (double)((const float *)data)[e] : ((const double *)data)[e];
}

static int64_t size_of(const ebb_graph *g, ebb_id id) {
    int64_t size = 0;
    ebb_shape_size(ebb_shape_of(g, id), &size);
    return size;
}

/* Some direction: any that has no zeros. */
static void set_direction(const ebb_graph *g, ebb_id id, void *data) {
    for (int64_t e = 0, n = size_of(g, id); e < n; e++)
        if (ebb_dtype_at(g, id) == EBB_F32)
            ((float *)data)[e] = (float)cos((double)e + 1);
        else if (ebb_dtype_at(g, id) == EBB_F64)
            ((double *)data)[e] = cos((double)e + 1);
}

/* ---- two derivatives of a region ---- */

/* Those of all real operands in the mode that the rule is for; NULL: there are none. */
static ebb_graph *derive(const ebb_graph *part, bool reverse, ebb_diag *diag) {
    const ebb_allocator *a = part->allocator;
    int *wrt = ebb_mem_new(a, (size_t)part->inputs + 1, sizeof *wrt);
    ebb_dual_spec spec = {.wrt = wrt};
    for (int32_t p = 0; wrt && p < part->inputs; p++)
        if (ebb_is_float(ebb_dtype_at(part, part->input[p]))) wrt[spec.nwrt++] = p;
    ebb_graph *g = !wrt || !spec.nwrt ? NULL
                   : reverse          ? ebb_vjp_graph(part, &spec, diag)
                                      : ebb_jvp_graph(part, &spec, diag);
    ebb_graph *runs = g ? ebb_expand_to_run(g, diag) : NULL;
    ebb_graph_release(g);
    ebb_mem_free(a, wrt);
    return runs;
}

/* The largest difference of the derivatives, relative to the largest of them. */
static double apart(const ebb_graph *g, int32_t first, void *const *x, void *const *y) {
    double most = 0, size = 1e-300;
    for (int32_t j = first; j < g->outputs; j++)
        for (int64_t e = 0, n = x[j] && y[j] ? size_of(g, g->output[j]) : 0; e < n; e++) {
            ebb_dtype dtype = ebb_dtype_at(g, g->output[j]);
            if (!ebb_is_float(dtype)) break;
            double a = element_of(dtype, x[j], e), b = element_of(dtype, y[j], e);
            most = fmax(most, fabs(a - b));
            size = fmax(size, fmax(fabs(a), fabs(b)));
        }
    return most / size;
}

/* given: the operands' numbers. 0 where one of both cannot be had. */
static double disagreement(ebb_checked *k, const ebb_graph *part, bool reverse, void *const *given) {
    ebb_diag diag = {0};
    ebb_graph *plain = ebb_expand_to_run(part, &diag);
    ebb_graph *by[2] = {derive(part, reverse, &diag), plain ? derive(plain, reverse, &diag) : NULL};
    bool good = by[0] && by[1] && by[0]->inputs == by[1]->inputs;
    void **in = good ? numbers_new(by[0], by[0]->inputs, by[0]->input) : NULL, **out[2] = {NULL, NULL};
    const void **from = ebb_mem_new(part->allocator, good ? (size_t)by[0]->inputs + 1 : 1, sizeof *from);
    good = in && from;
    for (int32_t p = 0; good && p < by[0]->inputs; p++) {
        if (p >= part->inputs) set_direction(by[0], by[0]->input[p], in[p]);
        from[p] = p < part->inputs ? given[p] : in[p];
    }
    for (int i = 0; good && i < 2; i++)
        good = (out[i] = numbers_new(by[i], by[i]->outputs, by[i]->output)) &&
               ebb_run_once(k->ebb, part->name, by[i], EBB_EAGER, from, out[i], &diag);
    double far = good ? apart(by[0], part->outputs, out[0], out[1]) : 0;
    if (in) numbers_free(part->allocator, by[0]->inputs, in);
    for (int i = 0; i < 2; i++) {
        if (out[i]) numbers_free(part->allocator, by[i]->outputs, out[i]);
        ebb_graph_release(by[i]);
    }
    ebb_mem_free(part->allocator, from);
    ebb_graph_release(plain);
    return far;
}

/* ---- regions of the program ---- */

/* The results of a region that something uses, into get[]; how many. */
static int results_of(const ebb_graph *g, ebb_id region, ebb_id *get) {
    int n = 0;
    for (ebb_id id = region + 1; id < g->count; id++)
        if (ebb_op_of(g, id) == EBB_OP_get && ebb_operands(g, id)[0] == region) get[n++] = id;
    return n;
}

static bool is_off(ebb_checked *k, const ebb_graph *g, ebb_id region, ebb_id *get) {
    ebb_diag diag = {0};
    const int arity = g->node[region].arity, results = results_of(g, region, get);
    const ebb_id *x = ebb_operands(g, region);
    ebb_graph *before = ebb_extract(g, g->inputs, g->input, arity, x), *part = ebb_extract(g, arity, x, results, get);
    ebb_graph *runs = before && part ? ebb_expand_to_run(before, &diag) : NULL;
    void **given = runs ? numbers_new(runs, arity, runs->output) : NULL;
    bool off = given && ebb_run_once(k->ebb, g->name, runs, EBB_EAGER, k->in, given, &diag) &&
               disagreement(k, part, ebb_region_of(g, region).number[0], given) > k->near;
    if (given) numbers_free(g->allocator, arity, given);
    ebb_graph_release(runs);
    ebb_graph_release(before);
    ebb_graph_release(part);
    return off;
}

bool ebb_check_rules(ebb_checked *k, ebb_check_report *report) {
    if (!k->base->own_rules) return true;
    ebb_diag diag = {0};
    ebb_graph *g = ebb_expand(k->base, false, NULL, &diag);
    ebb_id *get = g ? ebb_mem_new(g->allocator, (size_t)g->count, sizeof *get) : NULL;
    bool good = get || ebb_fail_memory(&k->diag);
    if (g) g->diag = &diag;
    /* Parameters are at the point again. */
    good = good && ebb_check_run(k, EBB_CHECK_VALUE, &(ebb_check_point){0}, k->given);
    for (ebb_id id = 1; good && !*report->rule && id < g->count; id++) {
        if (ebb_op_of(g, id) != EBB_OP_custom || !is_off(k, g, id, get)) continue;
        const ebb_region r = ebb_region_of(g, id);
        snprintf(report->rule, sizeof report->rule, "%s", r.callee[1]->name);
        snprintf(report->rule_of, sizeof report->rule_of, "%s", r.callee[0]->name);
    }
    if (g) ebb_mem_free(g->allocator, get);
    ebb_graph_release(g);
    return good;
}
