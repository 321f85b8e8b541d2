/* random_region.c - see random_region.h. */
#include "tests/support/random_region.h"

#include <stdlib.h>

#include "dual/dual.h"
#include "jit/graph/build.h"

enum { MOST = 256 };

/* A function with g's parameters, into id[]; its first parameters may be others. */
static void parameters_of(ebb_graph *to, const ebb_graph *g, ebb_id *id) {
    for (int32_t k = 0; k < g->inputs; k++)
        id[k] = ebb_add_input(to, ebb_type_of(g, g->input[k]), (ebb_site){0});
}

static void give(ebb_graph *to, const ebb_graph *g, ebb_id tuple) {
    for (int32_t j = 0; j < g->outputs; j++)
        ebb_add_output(to, g->output[j] == EBB_ABSENT ? EBB_ABSENT : ebb_record_get(to, tuple, j, (ebb_site){0}));
}

static ebb_graph *finished(ebb_graph *to, const ebb_diag *diag) {
    if (diag->code == EBB_OK) return to;
    ebb_graph_release(to);
    return NULL;
}

ebb_graph *in_call(const ebb_graph *g, ebb_diag *diag) {
    ebb_graph *callee = ebb_graph_clone(g, diag), *to = ebb_graph_new(g->allocator, diag, "caller");
    ebb_id id[MOST];
    parameters_of(to, g, id);
    give(to, g, ebb_record_call(to, callee, g->inputs, id, (ebb_site){0}));
    ebb_graph_release(callee);
    return finished(to, diag);
}

/* ---- a branch ---- */

static ebb_id zeros(ebb_builder *b, const ebb_type *type) { return ebb_g_full(b, type->dtype, &type->shape, 0); }

/* The same parameters and results, all zero. */
static ebb_graph *nothing_like(const ebb_graph *g, ebb_diag *diag) {
    ebb_graph *to = ebb_graph_new(g->allocator, diag, "nothing");
    ebb_builder b = {to, {0}};
    ebb_id id[MOST];
    parameters_of(to, g, id);
    for (int32_t j = 0; j < g->outputs; j++) {
        const ebb_type type = ebb_type_of(g, g->output[j]);
        ebb_add_output(to, g->output[j] == EBB_ABSENT ? EBB_ABSENT : zeros(&b, &type));
    }
    return to;
}

ebb_graph *in_branch(const ebb_graph *g, uint64_t seed, ebb_diag *diag) {
    ebb_graph *taken = ebb_graph_clone(g, diag), *other = nothing_like(g, diag);
    ebb_graph *to = ebb_graph_new(g->allocator, diag, "chooser");
    ebb_builder b = {to, {0}};
    ebb_id id[MOST + 1];
    const bool first = seed % 2;
    parameters_of(to, g, id + 1);
    id[0] = ebb_g_number(&b, EBB_BOOL, first);
    give(to, g, ebb_record_cond(to, first ? taken : other, first ? other : taken, g->inputs + 1, id, b.site));
    ebb_graph_release(taken);
    ebb_graph_release(other);
    return finished(to, diag);
}

/* ---- a loop ---- */

enum { TRIPS = 3 };

/* Where a parameter or a result of g is in the loop. */
typedef struct part {
    int32_t g; /* its number there */
    bool rows; /* a row of a sequence, or stacked; else a capture, or a state */
} part;

typedef struct layout {
    part in[MOST], out[MOST];
    int32_t ins, outs, states;
} layout;

static void place(part *list, int32_t *n, const ebb_graph *g, const ebb_id *id, int32_t count, uint64_t seed) {
    for (int rows = 0; rows < 2; rows++)
        for (int32_t k = 0; k < count; k++) {
            const bool wants = (seed >> (k % 32) & 1) && ebb_shape_of(g, id[k])->rank < EBB_MAX_RANK;
            if (id[k] != EBB_ABSENT && wants == (rows != 0)) list[(*n)++] = (part){k, wants};
        }
}

static layout layout_of(const ebb_graph *g, uint64_t seed) {
    layout l = {.ins = 0};
    place(l.in, &l.ins, g, g->input, g->inputs, seed >> 8);
    place(l.out, &l.outs, g, g->output, g->outputs, seed >> 16);
    while (l.states < l.outs && !l.out[l.states].rows)
        l.states++;
    return l;
}

/* (states, captures, slices) -> what g gives: its states are not looked at. */
static ebb_graph *body_of(const ebb_graph *g, const layout *l, ebb_diag *diag) {
    ebb_graph *callee = ebb_graph_clone(g, diag), *body = ebb_graph_new(g->allocator, diag, "body");
    ebb_id id[MOST];
    for (int32_t k = 0; k < l->states; k++)
        ebb_add_input(body, ebb_type_of(g, g->output[l->out[k].g]), (ebb_site){0});
    for (int32_t k = 0; k < l->ins; k++)
        id[l->in[k].g] = ebb_add_input(body, ebb_type_of(g, g->input[l->in[k].g]), (ebb_site){0});
    ebb_id tuple = ebb_record_call(body, callee, g->inputs, id, (ebb_site){0});
    for (int32_t k = 0; k < l->outs; k++)
        ebb_add_output(body, ebb_record_get(body, tuple, l->out[k].g, (ebb_site){0}));
    ebb_graph_release(callee);
    return body;
}

/* x in every row. */
static ebb_id repeated(ebb_builder *b, ebb_id x) {
    static const int64_t axes[EBB_MAX_RANK] = {1, 2, 3, 4, 5, 6, 7, 8};
    ebb_shape to;
    ebb_shape_insert(ebb_shape_of(b->graph, x), 0, TRIPS, &to);
    return ebb_g_broadcast(b, x, &to, axes);
}

static ebb_id row(ebb_builder *b, ebb_id stack, int64_t k) {
    ebb_shape one = *ebb_shape_of(b->graph, stack), rest = {.rank = one.rank - 1};
    const int64_t start[EBB_MAX_RANK] = {k}, step[EBB_MAX_RANK] = {1, 1, 1, 1, 1, 1, 1, 1};
    one.dim[0] = 1;
    for (int i = 0; i < rest.rank; i++)
        rest.dim[i] = one.dim[i + 1];
    return ebb_g_reshape(b, ebb_g_slice(b, stack, start, step, &one), &rest);
}

ebb_graph *in_loop(const ebb_graph *g, uint64_t seed, ebb_diag *diag) {
    const layout l = layout_of(g, seed);
    ebb_graph *body = body_of(g, &l, diag), *to = ebb_graph_new(g->allocator, diag, "repeater");
    ebb_builder b = {to, {0}};
    ebb_id id[MOST], arg[2 * MOST], result[MOST] = {0};
    int32_t n = 0, captures = 0;
    parameters_of(to, g, id);
    for (int32_t k = 0; k < l.states; k++) {
        const ebb_type type = ebb_type_of(g, g->output[l.out[k].g]);
        arg[n++] = zeros(&b, &type);
    }
    for (int32_t k = 0; k < l.ins; k++) {
        captures += !l.in[k].rows;
        arg[n++] = l.in[k].rows ? repeated(&b, id[l.in[k].g]) : id[l.in[k].g];
    }
    const ebb_loop loop = {.body = body, .states = l.states, .captures = captures, .trips = TRIPS, .reverse = seed % 2};
    const ebb_id tuple = ebb_record_loop(to, &loop, n, arg, b.site);
    for (int32_t k = 0; k < l.outs; k++) {
        const ebb_id y = ebb_record_get(to, tuple, k, b.site);
        result[l.out[k].g] = l.out[k].rows ? row(&b, y, (int64_t)(seed % TRIPS)) : y;
    }
    for (int32_t j = 0; j < g->outputs; j++)
        ebb_add_output(to, result[j]);
    ebb_graph_release(body);
    return finished(to, diag);
}

/* ---- a rule of its own ---- */

static int real_ones(const ebb_graph *g, int32_t n, const ebb_id *id, int *which) {
    int real = 0;
    for (int32_t k = 0; k < n; k++)
        if (id[k] != EBB_ABSENT && ebb_is_float(ebb_dtype_at(g, id[k]))) which[real++] = k;
    return real;
}

/* The results that are there: a rule has no word for others. */
static ebb_graph *present_part(const ebb_graph *g, ebb_diag *diag) {
    ebb_graph *some = ebb_graph_clone(g, diag);
    ebb_clear_outputs(some);
    for (int32_t j = 0; j < g->outputs; j++)
        if (g->output[j] != EBB_ABSENT) ebb_add_output(some, g->output[j]);
    return some;
}

/* (x, y, u) -> what f's derivative, of x and u, gives behind y. */
static ebb_graph *rule_of(const ebb_graph *f, bool reverse, ebb_diag *diag) {
    int wrt[MOST], real[MOST], wrts = real_ones(f, f->inputs, f->input, wrt);
    int ys = real_ones(f, f->outputs, f->output, real);
    const ebb_dual_spec spec = {.nwrt = wrts, .wrt = wrt};
    ebb_graph *derivative = (reverse ? ebb_vjp_graph : ebb_jvp_graph)(f, &spec, diag);
    if (!derivative) return NULL;
    ebb_graph *rule = ebb_graph_new(f->allocator, diag, "rule");
    ebb_id id[2 * MOST];
    parameters_of(rule, f, id);
    for (int32_t j = 0; j < f->outputs; j++) /* in place of a cotangent where there can be none */
        id[f->inputs + j] = ebb_add_input(rule, ebb_type_of(f, f->output[j]), (ebb_site){0});
    for (int i = 0; i < (reverse ? ys : wrts); i++) {
        int32_t k = f->inputs + (reverse ? real[i] : i);
        id[k] = ebb_add_input(rule, ebb_type_of(derivative, derivative->input[k]), (ebb_site){0});
    }
    ebb_id tuple = ebb_record_call(rule, derivative, derivative->inputs, id, (ebb_site){0});
    for (int i = 0; i < (reverse ? wrts : ys); i++)
        ebb_add_output(rule, ebb_record_get(rule, tuple, f->outputs + (reverse ? i : real[i]), (ebb_site){0}));
    ebb_graph_release(derivative);
    return rule;
}

ebb_graph *in_custom(const ebb_graph *g, bool reverse, ebb_diag *diag) {
    ebb_graph *primal = present_part(g, diag), *rule = rule_of(primal, reverse, diag);
    ebb_graph *to = ebb_graph_new(g->allocator, diag, "ruled");
    ebb_id id[MOST];
    parameters_of(to, g, id);
    ebb_id tuple = rule ? ebb_record_custom(to, primal, rule, reverse, g->inputs, id, (ebb_site){0}) : EBB_POISON;
    for (int32_t j = 0, k = 0; rule && j < g->outputs; j++)
        ebb_add_output(to, g->output[j] == EBB_ABSENT ? EBB_ABSENT : ebb_record_get(to, tuple, k++, (ebb_site){0}));
    ebb_graph_release(primal);
    ebb_graph_release(rule);
    return finished(to, diag);
}
