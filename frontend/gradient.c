/* gradient.c - asking a tape: its program is expanded verbatim (equal nodes stay apart, as two tensors are two
 * tensors), dual/ appends the cotangents, and what is not known yet is replayed.
 *
 * Invariant: the tape itself does not change by being asked; a source of the question is one node per value it had (a
 * variable that was assigned has several). Start reading at ebb_gradients_at. */
#include "dual/dual.h"
#include "frontend/nan.h"
#include "jit/graph/build.h"

#include <string.h>

/* One question to a tape, and the program that answers it. */
typedef struct question {
    ebb_context *ebb;
    ebb_tape *tape;
    ebb_site site;
    ebb_graph *graph; /* the tape's program, expanded verbatim; the derivative is appended to it */
    ebb_diag diag;
    ebb_id *map; /* tape id -> graph id */
    int nnodes, nsources;
    ebb_id *node;       /* [nnodes] the sources, first as tape ids, then as graph ids: a variable has one per version */
    int *source_of;     /* [nnodes] which x it belongs to */
    ebb_id *cotangent;  /* [nnodes] */
    ebb_tensor **value; /* known values by graph id */
    ebb_id seed;        /* of many cotangents: the parameter that they are given by; EBB_ABSENT: y is not recorded */
} question;

static ebb_id target_id(question *q, ebb_tensor *y) {
    ebb_tape *tape = q->tape;
    if (y->kind == EBB_KIND_VARIABLE) {
        for (int32_t i = tape->read_count; i-- > 0;)
            if (tape->reads[i].variable == y) return tape->reads[i].id;
        return -1;
    }
    return ebb_tape_node(tape, y);
}

static void add_source(question *q, ebb_id id, int x) {
    q->node[q->nnodes] = id;
    q->source_of[q->nnodes++] = x;
}

/* At most so many nodes: a variable has one for each value that it had. */
static size_t most_nodes(const ebb_tape *tape, int nx, ebb_tensor *const *x) {
    size_t n = (size_t)nx + 1;
    for (int i = 0; i < nx; i++)
        for (int32_t r = 0; x[i]->kind == EBB_KIND_VARIABLE && r < tape->read_count; r++)
            n += tape->reads[r].variable == x[i];
    return n;
}

/* The sources as nodes of the tape; what it does not know has no node. */
static bool find_sources(question *q, int nx, ebb_tensor *const *x) {
    const ebb_allocator *a = &q->ebb->allocator;
    ebb_tape *tape = q->tape;
    size_t room = most_nodes(tape, nx, x);
    q->node = ebb_mem_new(a, room, sizeof *q->node);
    q->source_of = ebb_mem_new(a, room, sizeof *q->source_of);
    q->cotangent = ebb_mem_new(a, room, sizeof *q->cotangent);
    if (!q->node || !q->source_of || !q->cotangent) return ebb_fail_memory(&q->diag);
    for (int i = 0; i < nx; i++) {
        bool variable = x[i]->kind == EBB_KIND_VARIABLE;
        ebb_id id = variable ? -1 : ebb_tape_node(tape, x[i]);
        if (id > 0) add_source(q, id, i);
        for (int32_t r = 0; variable && r < tape->read_count; r++)
            if (tape->reads[r].variable == x[i]) add_source(q, tape->reads[r].id, i);
    }
    return true;
}

/* The tape's program as far as targets and sources need it: a source may be a result of a call whose other results lead
 * to the target, so it is not enough to keep what the target needs. */
static bool expand_tape(question *q, int ny, ebb_tensor *const *y) {
    ebb_graph *g = q->tape->graph;
    q->map = ebb_mem_new(&q->ebb->allocator, (size_t)g->count, sizeof *q->map);
    if (!q->map) return ebb_fail_memory(&q->diag);
    ebb_clear_outputs(g);
    bool good = true;
    for (int j = 0; j < ny && good; j++) {
        ebb_id id = target_id(q, y[j]);
        good = id <= 0 || ebb_add_output(g, id);
    }
    for (int k = 0; k < q->nnodes && good; k++)
        good = ebb_add_output(g, q->node[k]);
    if (good)
        q->graph = ebb_expand_verbatim(g, q->map, &q->diag);
    else
        ebb_fail_memory(&q->diag);
    ebb_clear_outputs(g);
    for (int k = 0; k < q->nnodes && q->graph; k++)
        q->node[k] = q->map[q->node[k]];
    return q->graph != NULL;
}

/* Appends the cotangents of the sources; seeds other than ones become further parameters, whose values are known. */
static bool append_adjoint(question *q, int ny, ebb_tensor *const *y, const ebb_gradient_options *options,
                           ebb_id *seed_input) {
    ebb_builder b = {q->graph, q->site};
    const ebb_allocator *a = &q->ebb->allocator;
    ebb_id *target = ebb_mem_new(a, 2 * (size_t)ny, sizeof *target);
    if (!target) return ebb_fail_memory(&q->diag);
    ebb_id *ct = target + ny;
    int n = 0;
    for (int j = 0; j < ny; j++) {
        ebb_id id = target_id(q, y[j]);
        seed_input[j] = EBB_ABSENT;
        if (id <= 0) continue;
        target[n] = q->map[id];
        ebb_tensor *seed = options && options->seeds ? options->seeds[j] : NULL;
        if (seed) seed_input[j] = ebb_add_input(q->graph, seed->type, q->site);
        ct[n] = seed ? seed_input[j] : ebb_g_full_like(&b, target[n], 1);
        n++;
    }
    bool good = ebb_vjp_nodes(q->graph, n, target, ct, q->nnodes, q->node, q->cotangent);
    ebb_mem_free(a, target);
    return good;
}

/* Outputs of the program: for each source the sum over its nodes, which stand side by side, or absent. */
static bool collect_outputs(question *q, int nx) {
    ebb_builder b = {q->graph, q->site};
    b.site.part = EBB_ADJOINT;
    ebb_clear_outputs(q->graph);
    for (int i = 0, k = 0; i < nx; i++) {
        ebb_id sum = EBB_ABSENT;
        for (; k < q->nnodes && q->source_of[k] == i; k++)
            if (q->cotangent[k] != EBB_ABSENT)
                sum = sum == EBB_ABSENT ? q->cotangent[k] : ebb_g_add(&b, sum, q->cotangent[k]);
        if (!ebb_add_output(q->graph, sum)) return false;
    }
    return true;
}

static bool know_values(question *q, int ny, const ebb_gradient_options *options, const ebb_id *seed_input) {
    q->value = ebb_mem_new(&q->ebb->allocator, (size_t)q->graph->count, sizeof *q->value);
    if (!q->value) return ebb_fail_memory(&q->diag);
    for (int32_t id = 1; id < q->tape->value.count; id++)
        if (q->map[id] > 0) q->value[q->map[id]] = q->tape->value.item[id];
    for (int j = 0; j < ny; j++)
        if (seed_input[j] > 0) q->value[seed_input[j]] = options->seeds[j];
    return true;
}

static bool check_nan(const question *q, ebb_tensor *const *gradients) {
    ebb_diag diag = {0};
    for (int32_t i = 0; i < q->graph->outputs; i++) {
        const ebb_tensor *x = gradients[i];
        if (!x->storage || !ebb_any_nan(&x->type, x->storage->data)) continue;
        ebb_nan_search s = {.ebb = q->ebb, .name = "ebb_gradient", .graph = q->graph, .value = q->value};
        ebb_nan_fail(&s, &diag);
        ebb_fail_diag(q->ebb, &diag, q->site);
        return false;
    }
    return true;
}

static bool run(const question *q, ebb_tensor **gradients) {
    return ebb_replay(q->ebb, q->graph, q->value, gradients, q->site) &&
           (!q->ebb->options.check_nan || check_nan(q, gradients));
}

static bool answer(question *q, int ny, ebb_tensor *const *y, int nx, ebb_tensor *const *x, ebb_tensor **gradients,
                   const ebb_gradient_options *options) {
    ebb_id *seed_input = ebb_mem_new(&q->ebb->allocator, (size_t)ny + 1, sizeof *seed_input);
    bool good = seed_input ? find_sources(q, nx, x) && expand_tape(q, ny, y) &&
                                 append_adjoint(q, ny, y, options, seed_input) && collect_outputs(q, nx) &&
                                 know_values(q, ny, options, seed_input)
                           : ebb_fail_memory(&q->diag);
    if (!good) ebb_fail_diag(q->ebb, &q->diag, q->site);
    good = good && run(q, gradients);
    ebb_mem_free(&q->ebb->allocator, seed_input);
    return good;
}

static void question_free(question *q) {
    const ebb_allocator *a = &q->ebb->allocator;
    ebb_graph_release(q->graph);
    ebb_mem_free(a, q->map);
    ebb_mem_free(a, q->node);
    ebb_mem_free(a, q->source_of);
    ebb_mem_free(a, q->cotangent);
    ebb_mem_free(a, q->value);
}

static bool seed_fits(ebb_context *ebb, const ebb_tensor *seed, const ebb_tensor *y, ebb_site site) {
    char have[EBB_TYPE_TEXT], want[EBB_TYPE_TEXT];
    if (!seed) return true;
    if (!ebb_usable(ebb, seed, "ebb_gradients: the seed", site)) return false;
    if (seed->type.dtype == y->type.dtype && ebb_shape_equal(&seed->type.shape, &y->type.shape)) return true;
    ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "ebb_gradients: the seed is %s, its target %s",
                ebb_type_text(&seed->type, have), ebb_type_text(&y->type, want));
    return false;
}

/* Everything that must hold before a tape is asked. */
static bool may_ask(ebb_tape *tape, int ny, ebb_tensor *const *y, int nx, ebb_tensor *const *x,
                    const ebb_gradient_options *options, ebb_site site) {
    ebb_context *ebb = tape->context;
    if (tape->released) {
        ebb_fail_at(ebb, EBB_RUNTIME_ERROR, site,
                    "ebb_gradient: a tape can be asked only once unless it is started with EBB_TAPE_PERSISTENT");
        return false;
    }
    if (tape->diag.code != EBB_OK) return ebb_fail_diag(ebb, &tape->diag, site), false;
    for (int j = 0; j < ny; j++)
        if (!ebb_usable(ebb, y[j], "ebb_gradient: target", site) ||
            !seed_fits(ebb, options && options->seeds ? options->seeds[j] : NULL, y[j], site))
            return false;
    for (int i = 0; i < nx; i++)
        if (!ebb_usable(ebb, x[i], "ebb_gradient: source", site)) return false;
    return true;
}

/* The tape is stopped, unless it is persistent; true: it may record what is computed now. */
static bool begin_asking(ebb_tape *tape) {
    bool persistent = tape->flags & EBB_TAPE_PERSISTENT;
    if (!persistent) tape->recording = false;
    return persistent;
}

/* unconnected_gradients = zero */
static ebb_tensor *zeros_like(ebb_context *ebb, const ebb_tensor *x) {
    return ebb_zeros(ebb, x->type.dtype, x->type.shape.rank, x->type.shape.dim);
}

void ebb_gradients_at(ebb_tape *tape, int ny, ebb_tensor *const *y, int nx, ebb_tensor *const *x,
                      ebb_tensor **gradients, const ebb_gradient_options *options, const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    ebb_context *ebb = tape ? tape->context : ebb_current();
    for (int i = 0; gradients && i < nx; i++)
        gradients[i] = ebb_poison_of(ebb);
    if (!ebb_tape_asks_gradients(tape, "ebb_gradient", site)) return;
    ebb_enter(ebb);
    if (ny < 0 || nx < 0 || (ny && !y) || (nx && (!x || !gradients))) {
        ebb_fail_at(ebb, EBB_TYPE_ERROR, site, "ebb_gradients: %d targets, %d sources and no lists of them", ny, nx);
        return;
    }
    if (!may_ask(tape, ny, y, nx, x, options, site)) return;
    bool persistent = begin_asking(tape);
    question q = {.ebb = ebb, .tape = tape, .site = site};
    bool good = answer(&q, ny, y, nx, x, gradients, options);
    question_free(&q);
    for (int i = 0; i < nx; i++) {
        if (!good)
            gradients[i] = ebb_poison_of(ebb);
        else if (gradients[i]->kind == EBB_KIND_ABSENT && options && options->zeros)
            gradients[i] = zeros_like(ebb, x[i]);
    }
    if (!persistent) ebb_tape_clear(tape);
}

/* ---- many cotangents, one derivative ---- */

/* 1 at elements r, r + rows ... of something like y. */
static ebb_tensor *row_seed(ebb_context *ebb, const ebb_tensor *y, int64_t r, int64_t rows, ebb_site site) {
    ebb_tensor *seed = ebb_zeros_at(ebb, y->type.dtype, y->type.shape.rank, y->type.shape.dim, site.file, site.line);
    if (seed->kind == EBB_KIND_POISON) return seed;
    char one[8], *data = seed->storage->data;
    size_t size = ebb_dtype_size(y->type.dtype);
    ebb_number_bits(ebb_operand_double(1), y->type.dtype, one);
    for (int64_t i = r, n = ebb_size(y); i < n; i += rows)
        memcpy(data + (size_t)i * size, one, size);
    return seed;
}

/* The derivative is written once, for a cotangent that is a parameter. */
static bool ask_rows(question *q, ebb_tensor *y, ebb_tensor *x, int64_t rows, ebb_tensor **row) {
    bool good = true;
    for (int64_t r = 0; r < rows && good; r++) {
        good = false;
        EBB_SCOPE (q->ebb) {
            ebb_tensor *seed = row_seed(q->ebb, y, r, rows, q->site);
            ebb_gradient_options options = {.seeds = &seed};
            ebb_id input = EBB_ABSENT;
            good = seed->kind != EBB_KIND_POISON;
            if (good && r == 0)
                good = (find_sources(q, 1, &x) && expand_tape(q, 1, &y) && append_adjoint(q, 1, &y, &options, &input) &&
                        collect_outputs(q, 1) && know_values(q, 1, &options, &input)) ||
                       (ebb_fail_diag(q->ebb, &q->diag, q->site), false);
            if (good && r > 0 && q->seed > 0) q->value[q->seed] = seed;
            if (r == 0) q->seed = input;
            good = good && run(q, &row[r]);
            if (good) ebb_keep(row[r]);
        }
    }
    return good;
}

bool ebb_gradient_rows(ebb_tape *tape, ebb_tensor *y, ebb_tensor *x, int64_t rows, ebb_tensor **row, ebb_site site) {
    if (!may_ask(tape, 1, &y, 1, &x, NULL, site)) return false;
    bool persistent = begin_asking(tape);
    question q = {.ebb = tape->context, .tape = tape, .site = site};
    bool good = ask_rows(&q, y, x, rows, row);
    question_free(&q);
    if (!persistent) ebb_tape_clear(tape);
    return good;
}

ebb_tensor *ebb_gradient_at(ebb_tape *tape, ebb_tensor *y, ebb_tensor *x, const char *file, int line) {
    ebb_tensor *dx = NULL;
    ebb_gradients_at(tape, 1, &y, 1, &x, &dx, NULL, file, line);
    return dx;
}
