/* transformed.c - see transformed.h. */
#include "tests/support/transformed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/random_graph.h"
#include "tests/support/random_region.h"
#include "tests/support/run_graph.h"

const char *const verb_name[VERBS] = {"grad",
                                      "jvp",
                                      "linearize",
                                      "vjp",
                                      "transpose",
                                      "jet",
                                      "vmap",
                                      "hvp",
                                      "hessian",
                                      "diagonal",
                                      "laplacian",
                                      "second order",
                                      "sparse hessian",
                                      "jacobian",
                                      "sparse jacobian",
                                      "batch jacobian",
                                      "jet series",
                                      "remat",
                                      "a rule",
                                      "a reverse rule",
                                      "a branch",
                                      "a loop"};

int real_parameters(const ebb_graph *g, int *wrt) {
    int n = 0;
    for (int k = 0; k < g->inputs; k++)
        if (ebb_is_float(ebb_dtype_at(g, g->input[k]))) wrt[n++] = k;
    return n;
}

/* ---- programs made of programs ---- */

static void add_inputs(ebb_graph *to, const ebb_graph *like, int n, const ebb_id *id, ebb_id *in) {
    for (int k = 0; k < n; k++)
        in[k] = ebb_add_input(to, ebb_type_of(like, id[k]), (ebb_site){0});
}

/* Calls f; result j goes to y[j]. */
static void call(ebb_graph *g, ebb_graph *f, const ebb_id *x, ebb_id *y) {
    ebb_id tuple = ebb_record_call(g, f, f->inputs, x, (ebb_site){0});
    for (int j = 0; j < f->outputs; j++)
        y[j] = f->output[j] ? ebb_record_get(g, tuple, j, (ebb_site){0}) : EBB_ABSENT;
}

static ebb_id total(ebb_builder *b, ebb_id x) {
    return ebb_g_sum(b, x, ebb_shape_of(b->graph, x)->rank, (int64_t[]){0, 1, 2, 3, 4, 5, 6, 7});
}

/* A number made of f's first result. */
static ebb_graph *scalar_of(const ebb_graph *f, ebb_diag *diag) {
    ebb_builder b = {ebb_graph_new(&ebb_malloc_allocator, diag, "scalar"), {0}};
    ebb_graph *callee = ebb_graph_clone(f, diag);
    ebb_id x[MOST_PARAMETERS], y[MOST_RESULTS];
    add_inputs(b.graph, f, f->inputs, f->input, x);
    call(b.graph, callee, x, y);
    ebb_add_output(b.graph, total(&b, ebb_g_sin(&b, y[0])));
    ebb_graph_release(callee);
    return b.graph;
}

/* The two halves of linearize, or the first and the second one transposed, one after the other. */
static ebb_graph *joined(const ebb_graph *f, ebb_graph *primal, ebb_graph *second, ebb_diag *diag) {
    int residuals = primal->outputs - f->outputs;
    ebb_id x[MOST_PARAMETERS], d[MOST_RESULTS], *y = malloc((size_t)(primal->outputs + second->inputs) * sizeof *y);
    ebb_graph *g = ebb_graph_new(&ebb_malloc_allocator, diag, "halves");
    add_inputs(g, f, f->inputs, f->input, x);
    call(g, primal, x, y);
    add_inputs(g, second, second->inputs - residuals, second->input + residuals, y + primal->outputs);
    call(g, second, y + f->outputs, d);
    for (int j = 0; j < f->outputs; j++)
        ebb_add_output(g, y[j]);
    for (int j = 0; j < second->outputs; j++)
        ebb_add_output(g, d[j]);
    free(y);
    return g;
}

/* jvp by the two halves of linearize, or vjp by the second one transposed. */
static ebb_graph *by_halves(const ebb_graph *f, const ebb_dual_spec *spec, bool transposed, ebb_diag *diag) {
    ebb_graph *primal, *linear, *g = NULL;
    int last[MOST_PARAMETERS];
    if (!ebb_linearize_graph(f, spec, &primal, &linear, diag)) return NULL;
    for (int i = 0; i < spec->nwrt; i++)
        last[i] = primal->outputs - f->outputs + i;
    if (transposed) {
        ebb_graph *back = ebb_transpose_graph(linear, &(ebb_dual_spec){.nwrt = spec->nwrt, .wrt = last}, diag);
        ebb_graph_release(linear);
        linear = back;
    }
    if (linear) g = joined(f, primal, linear, diag);
    ebb_graph_release(primal), ebb_graph_release(linear);
    return g;
}

/* All real results in one dtype. */
static ebb_graph *of_one_dtype(const ebb_graph *f, ebb_dtype dtype, ebb_diag *diag) {
    ebb_builder b = {ebb_graph_new(&ebb_malloc_allocator, diag, "one dtype"), {0}};
    ebb_graph *callee = ebb_graph_clone(f, diag);
    ebb_id x[MOST_PARAMETERS], y[MOST_RESULTS];
    add_inputs(b.graph, f, f->inputs, f->input, x);
    call(b.graph, callee, x, y);
    for (int j = 0; j < f->outputs; j++)
        if (y[j] && ebb_is_float(ebb_dtype_at(b.graph, y[j]))) ebb_add_output(b.graph, ebb_g_cast_to(&b, y[j], dtype));
    ebb_graph_release(callee);
    return b.graph;
}

/* ---- what brings tensors along ---- */

/* A vector as a constant: those have 64 elements at most. */
static ebb_id constant_of(ebb_builder *b, const ebb_hidden *h) {
    enum { MOST_OF_ONE = 64 };
    ebb_id all = EBB_ABSENT;
    for (int64_t at = 0, n = h->type.shape.dim[0]; at < n || !all; at += MOST_OF_ONE) {
        ebb_type part = h->type;
        part.shape.dim[0] = n - at < MOST_OF_ONE ? n - at : MOST_OF_ONE;
        ebb_id own = ebb_g_constant(b, part, (const char *)h->data + at * (int64_t)ebb_dtype_size(part.dtype));
        all = all ? ebb_g_concat(b, all, own, 0) : own;
    }
    return all;
}

/* The program without hidden parameters: what they are given is part of it. Takes g. */
static ebb_graph *closed(ebb_graph *g, const ebb_sparse *s, ebb_diag *diag) {
    if (!g || s->hiddens == 0) return g;
    ebb_builder b = {ebb_graph_new(&ebb_malloc_allocator, diag, "closed"), {0}};
    ebb_id x[MOST_PARAMETERS], *y = malloc((size_t)g->outputs * sizeof *y);
    int own = g->inputs - s->hiddens;
    add_inputs(b.graph, g, own, g->input, x);
    for (int k = 0; k < s->hiddens; k++)
        x[own + k] = constant_of(&b, &s->hidden[k]);
    call(b.graph, g, x, y);
    for (int j = 0; j < g->outputs; j++)
        ebb_add_output(b.graph, y[j]);
    ebb_graph_release(g);
    free(y);
    return b.graph;
}

/* Dense ones too may be computed by their pattern. */
static ebb_graph *by_pattern(const ebb_graph *f, ebb_dual_spec *spec, question q, ebb_diag *diag) {
    ebb_sparse own = {0}, *s = q.sparse ? q.sparse : &own;
    ebb_graph *g = NULL;
    spec->brought = s;
    if (q.verb == HESSIAN) g = ebb_hessian_graph(f, spec, diag);
    if (q.verb == JACOBIAN) g = ebb_jacobian_graph(f, EBB_CHEAPER, spec, diag);
    if (q.verb == SPARSE_HESSIAN) g = ebb_sparse_hessian_graph(f, spec, diag);
    if (q.verb == SPARSE_JACOBIAN) g = ebb_sparse_jacobian_graph(f, EBB_CHEAPER, spec, diag);
    g = closed(g, s, diag);
    ebb_sparse_free(&own);
    return g;
}

static int of_first_dtype(const ebb_graph *f, int n, int *wrt) {
    int same = 0;
    for (int i = 0; i < n; i++)
        if (ebb_dtype_at(f, f->input[wrt[i]]) == ebb_dtype_at(f, f->input[wrt[0]])) wrt[same++] = wrt[i];
    return same;
}

static ebb_graph *sparse_of(const ebb_graph *f, ebb_dual_spec *spec, int *wrt, question q, ebb_diag *diag) {
    if (spec->nwrt == 0) return ebb_graph_clone(f, diag);
    spec->nwrt = of_first_dtype(f, spec->nwrt, wrt);
    if (q.verb == SPARSE_HESSIAN) return by_pattern(f, spec, q, diag);
    ebb_graph *one = of_one_dtype(f, ebb_dtype_at(f, f->input[wrt[0]]), diag);
    ebb_graph *g = by_pattern(one, spec, q, diag);
    ebb_graph_release(one);
    return g;
}

/* ---- operators of second order ---- */

double *operator_of(int64_t d) {
    double *a = malloc((size_t)(d * d) * sizeof *a + 1);
    fill_uniform(29, -1, 1, d * d, a);
    for (int64_t i = 0; i < d; i++)
        for (int64_t k = 0; k < i; k++)
            a[i * d + k] = a[k * d + i];
    return a;
}

static ebb_graph *second_order(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag) {
    int64_t d = 0;
    for (int i = 0; i < spec->nwrt; i++)
        d += size_of_node(f, f->input[spec->wrt[i]]);
    double *a = operator_of(d);
    ebb_graph *g = ebb_second_order_graph(f, d, a, spec, diag);
    free(a);
    return g;
}

/* ---- curves ---- */

/* x + sum of coefficient[k - 1] t^k */
static ebb_id on_curve(ebb_builder *b, ebb_id x, ebb_id coefficients, int order, ebb_id t) {
    const ebb_shape shape = *ebb_shape_of(b->graph, x);
    ebb_shape row = *ebb_shape_of(b->graph, coefficients);
    ebb_id power = ebb_g_cast_to(b, t, ebb_dtype_at(b->graph, x)), all = x, step = power;
    row.dim[0] = 1;
    for (int k = 0; k < order; k++) {
        const int64_t start[EBB_MAX_RANK] = {k}, one[EBB_MAX_RANK] = {1, 1, 1, 1, 1, 1, 1, 1};
        ebb_id c = ebb_g_reshape(b, ebb_g_slice(b, coefficients, start, one, &row), &shape);
        all = ebb_g_add(b, all, ebb_g_mul(b, c, ebb_g_broadcast(b, power, &shape, (const int64_t[]){0})));
        power = ebb_g_mul(b, power, step);
    }
    return all;
}

ebb_graph *on_curves(const ebb_graph *f, int order, ebb_diag *diag) {
    ebb_builder b = {ebb_graph_new(&ebb_malloc_allocator, diag, "curve"), {0}};
    ebb_graph *callee = ebb_graph_clone(f, diag);
    ebb_id x[MOST_PARAMETERS], c[MOST_PARAMETERS], y[MOST_RESULTS];
    int wrt[MOST_PARAMETERS], n = real_parameters(f, wrt);
    add_inputs(b.graph, f, f->inputs, f->input, x);
    for (int i = 0; i < n; i++) {
        ebb_type type = ebb_type_of(f, f->input[wrt[i]]), stack = {.dtype = type.dtype};
        ebb_shape_insert(&type.shape, 0, order, &stack.shape);
        c[i] = ebb_add_input(b.graph, stack, b.site);
    }
    ebb_id t = ebb_add_input(b.graph, (ebb_type){.dtype = EBB_F64}, b.site);
    for (int i = 0; i < n; i++)
        x[wrt[i]] = on_curve(&b, x[wrt[i]], c[i], order, t);
    call(b.graph, callee, x, y);
    for (int j = 0; j < f->outputs; j++)
        ebb_add_output(b.graph, y[j]);
    ebb_graph_release(callee);
    return b.graph;
}

/* ---- all of them ---- */

/* Of f [2, ...] in one row each. */
static ebb_graph *batch_jacobian(const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag) {
    int axes[MOST_RESULTS] = {0};
    ebb_graph *both = ebb_vmap_graph(f, VMAP_EXAMPLES, axes, axes, NULL, diag);
    ebb_graph *g = both ? ebb_batch_jacobian_graph(both, EBB_CHEAPER, spec, diag) : NULL;
    ebb_graph_release(both);
    return g;
}

/* The same function by other means. */
static ebb_graph *otherwise(const ebb_graph *f, verb v, ebb_diag *diag) {
    uint64_t seed = (uint64_t)f->count * 7 + (uint64_t)f->inputs;
    if (v == REMAT) return ebb_remat_graph(f, diag);
    if (v == BRANCH) return in_branch(f, seed, diag);
    return v == LOOP ? in_loop(f, ebb_random_next(&seed), diag) : in_custom(f, v == REVERSE_RULE, diag);
}

ebb_graph *transformed(const ebb_graph *f, question q, ebb_diag *diag) {
    int wrt[MOST_PARAMETERS], axes[MOST_RESULTS] = {0};
    ebb_dual_spec spec = {.nwrt = real_parameters(f, wrt), .wrt = wrt, .road = q.road, .roads = q.roads};
    bool of_number = q.verb == GRAD || (q.verb >= HVP && q.verb <= SPARSE_HESSIAN);
    ebb_graph *scalar = of_number ? scalar_of(f, diag) : NULL, *g = NULL;
    if (q.verb == GRAD) g = ebb_grad_graph(scalar, &spec, diag);
    if (q.verb == JVP) g = ebb_jvp_graph(f, &spec, diag);
    if (q.verb == LINEARIZE || q.verb == TRANSPOSE) g = by_halves(f, &spec, q.verb == TRANSPOSE, diag);
    if (q.verb == VJP) g = ebb_vjp_graph(f, &spec, diag);
    if (q.verb == JET) g = ebb_jet_graph(f, q.order, &spec, diag);
    if (q.verb == JET_SERIES) g = ebb_jet_series_graph(f, q.order, &spec, diag);
    if (q.verb == VMAP) g = ebb_vmap_graph(f, VMAP_EXAMPLES, axes, axes, NULL, diag);
    if (q.verb == HVP) g = ebb_hvp_graph(scalar, &spec, diag);
    if (q.verb == HESSIAN) g = by_pattern(scalar, &spec, q, diag);
    if (q.verb == DIAGONAL) g = ebb_hessian_diagonal_graph(scalar, &spec, diag);
    if (q.verb == LAPLACIAN) g = ebb_second_order_graph(scalar, 0, NULL, &spec, diag);
    if (q.verb == SECOND_ORDER) g = second_order(scalar, &spec, diag);
    if (q.verb == SPARSE_HESSIAN) g = sparse_of(scalar, &spec, wrt, q, diag);
    if (q.verb == JACOBIAN) g = by_pattern(f, &spec, q, diag);
    if (q.verb == SPARSE_JACOBIAN) g = sparse_of(f, &spec, wrt, q, diag);
    if (q.verb == BATCH_JACOBIAN) g = batch_jacobian(f, &spec, diag);
    if (q.verb >= REMAT) g = otherwise(f, q.verb, diag);
    ebb_graph_release(scalar);
    return g;
}

bool is_limit(const ebb_diag *diag) {
    return strstr(diag->message, "rank") || strstr(diag->message, "axis too many") || strstr(diag->message, "elements");
}

/* ---- random programs ---- */

/* Its results: the sum of all that nothing else uses, so that nothing is there in vain; and one node. */
static void add_results(ebb_graph *g) {
    ebb_builder b = {g, {0}};
    ebb_id sum = ebb_g_number(&b, EBB_F64, 0), last = EBB_ABSENT;
    bool *used = calloc((size_t)g->count, sizeof *used);
    for (ebb_id id = 1; id < g->count; id++)
        for (int k = 0; k < g->node[id].arity; k++)
            used[ebb_operands(g, id)[k]] = true;
    for (ebb_id id = 1, end = g->count; id < end; id++) {
        if (!ebb_is_float(ebb_dtype_at(g, id))) continue;
        last = id;
        if (!used[id]) sum = ebb_g_add(&b, sum, ebb_g_cast_to(&b, total(&b, id), EBB_F64));
    }
    ebb_clear_outputs(g);
    ebb_add_output(g, sum);
    ebb_add_output(g, last);
    free(used);
}

ebb_graph *random_program(uint64_t seed, ebb_diag *diag) {
    ebb_random_options options = {.nodes = 20, .size = 3, .rank = 2, .smooth = true, .no_empty = true, .kinks = true};
    options.wide = seed % 4 != 0;
    options.regions = seed % 3 == 0;
    ebb_graph *g = ebb_random_graph(seed, &options);
    g->diag = diag;
    add_results(g);
    return g;
}

static int64_t elements_of(const ebb_graph *g) {
    int64_t sum = 0;
    for (int k = 0; k < g->inputs; k++)
        sum += size_of_node(g, g->input[k]);
    for (int j = 0; j < g->outputs; j++)
        sum += g->output[j] ? size_of_node(g, g->output[j]) : 0;
    return sum;
}

bool is_small_program(const ebb_graph *g) {
    return g->inputs < MOST_PARAMETERS / 4 && g->outputs < MOST_PARAMETERS / 4 && g->count < 6000 &&
           elements_of(g) < 400;
}

void note_operations(const ebb_graph *g, verb v, verb_tally met) {
    for (ebb_id id = 1; id < g->count; id++)
        met[ebb_op_of(g, id)][v]++;
    for (int32_t c = 0; c < g->callees; c++)
        note_operations(g->callee[c], v, met);
}

ebb_graph *nest_at_random(ebb_graph *f, uint64_t seed, char what[100], verb_tally met, ebb_diag *diag) {
    int depth = (int)(ebb_random_next(&seed) % 4);
    *what = 0;
    for (int i = 0; f && i < depth; i++) {
        question q = {.verb = (verb)(ebb_random_next(&seed) % VERBS)};
        q.order = 1 + (int)(ebb_random_next(&seed) % 3);
        ebb_graph *g = transformed(f, q, diag);
        if (!g && is_limit(diag)) continue;
        if (!g || is_small_program(g)) {
            size_t used = strlen(what);
            snprintf(what + used, 100 - used, " %s", verb_name[q.verb]);
            note_operations(f, q.verb, met);
            ebb_graph_release(f);
            f = g;
        } else {
            ebb_graph_release(g);
        }
    }
    return f;
}
