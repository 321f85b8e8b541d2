/* tape.c - gradients of what just ran: a tape is a recorded graph with the values filled in.
 *
 * Invariant: value.item[id] is the tensor of node id; node flags are 1 for what the derivative flows through (watched
 * tensors and what was computed from them) and 0 for the constants that met them. A tape never looks at whether a tensor
 * is eager or traced. Start reading at ebb_tapes_record, then ebb_gradients_at. */
#include <string.h>

#include "dual/dual.h"
#include "frontend/internal.h"
#include "jit/graph/build.h"

#define CONNECTED 1

/* ---- life ---- */

ebb_tape *ebb_tape_start(ebb_context *ebb, int flags) {
    if (!ebb) return NULL;
    ebb_enter(ebb);
    ebb_tape *tape = ebb_mem_new(&ebb->allocator, 1, sizeof *tape);
    if (tape) tape->graph = ebb_graph_new(&ebb->allocator, &tape->diag, "tape");
    if (!tape || !tape->graph) {
        ebb_mem_free(&ebb->allocator, tape);
        ebb_fail_at(ebb, EBB_NO_MEMORY, ebb_site_at(NULL, 0), "ebb_tape_start: no memory");
        return NULL;
    }
    tape->context = ebb;
    tape->flags = flags;
    tape->depth = ebb->depth;
    tape->recording = true;
    tape->next = ebb->tapes;
    ebb->tapes = tape;
    return tape;
}

void ebb_tape_stop(ebb_tape *tape) {
    if (tape) tape->recording = false;
}

/* Forgets everything recorded; what is left answers every question with "asked already". */
static void tape_clear(ebb_tape *tape) {
    const ebb_allocator *a = &tape->context->allocator;
    for (int32_t i = 0; i < tape->value.count; i++) ebb_handle_release(tape->value.item[i]);
    for (int32_t i = 0; i < tape->read_count; i++) ebb_handle_release(tape->reads[i].variable);
    ebb_mem_free(a, tape->value.item);
    ebb_mem_free(a, tape->reads);
    ebb_map_free(a, &tape->ids);
    ebb_graph_release(tape->graph);
    tape->value = (ebb_tensor_list){0};
    tape->reads = NULL;
    tape->read_count = tape->read_capacity = 0;
    tape->graph = NULL;
    tape->recording = false;
    tape->released = true;
}

void ebb_tape_free(ebb_tape *tape) {
    if (!tape) return;
    ebb_context *ebb = tape->context;
    for (ebb_tape **t = &ebb->tapes; *t; t = &(*t)->next)
        if (*t == tape) {
            *t = tape->next;
            break;
        }
    tape_clear(tape);
    ebb_mem_free(&ebb->allocator, tape);
}

void ebb_tapes_close(ebb_context *ebb, int depth) {
    for (ebb_tape *t = ebb->tapes, *next; t; t = next) {
        next = t->next;
        if (t->depth >= depth) ebb_tape_free(t);
    }
}

bool ebb_tapes_listening(const ebb_context *ebb) {
    for (const ebb_tape *t = ebb->tapes; t; t = t->next)
        if (t->recording) return true;
    return false;
}

/* ---- recording ---- */

/* Gives node `id` its tensor. A tape that runs out of memory stops recording and reports it when it is asked. */
static bool tape_bind(ebb_tape *tape, ebb_id id, ebb_tensor *x, uint8_t flags) {
    const ebb_allocator *a = &tape->context->allocator;
    if (id == EBB_POISON) return false;
    if (!ebb_mem_reserve(a, &tape->value.item, &tape->value.capacity, id + 1, sizeof(ebb_tensor *)))
        return ebb_fail_memory(&tape->diag);
    while (tape->value.count <= id) tape->value.item[tape->value.count++] = NULL;
    if (x) {
        if (!ebb_map_put(a, &tape->ids, x->serial, id)) return ebb_fail_memory(&tape->diag);
        tape->value.item[id] = ebb_handle_retain(x);
    }
    tape->graph->node[id].flags = flags;
    return true;
}

static bool is_connected(const ebb_tape *tape, ebb_id id) { return id > 0 && tape->graph->node[id].flags & CONNECTED; }

/* The node of x, or -1. */
static ebb_id tape_find(const ebb_tape *tape, const ebb_tensor *x) { return ebb_map_find(&tape->ids, x->serial); }

/* Scalars that nobody watches are constants of the program, so that x^2 is known to be a square. */
static ebb_id tape_constant(ebb_tape *tape, ebb_tensor *x) {
    int64_t payload = 0;
    memcpy(&payload, x->storage->data, ebb_dtype_size(x->type.dtype));
    ebb_application app = {EBB_OP_constant, 1, &payload, x->type, x->site};
    return ebb_record(tape->graph, &app, 0, NULL);
}

static ebb_id tape_operand(ebb_tape *tape, ebb_tensor *x) {
    ebb_id id = tape_find(tape, x);
    if (id >= 0) return id;
    bool scalar = x->kind == EBB_KIND_VALUE && x->type.shape.rank == 0;
    id = scalar ? tape_constant(tape, x) : ebb_add_input(tape->graph, x->type, x->site);
    return tape_bind(tape, id, x, 0) ? id : EBB_POISON;
}

static bool any_connected(const ebb_tape *tape, int narg, ebb_tensor *const *arg) {
    for (int k = 0; k < narg; k++)
        if (is_connected(tape, tape_find(tape, arg[k]))) return true;
    return false;
}

/* The nodes of all operands, in memory of the caller; false stops the tape. */
static bool tape_operands(ebb_tape *tape, int narg, ebb_tensor *const *arg, ebb_id *id) {
    for (int k = 0; k < narg; k++)
        if ((id[k] = tape_operand(tape, arg[k])) == EBB_POISON) return false;
    return true;
}

void ebb_tapes_record(ebb_context *ebb, const ebb_application *app, int narg, ebb_tensor *const *arg, ebb_tensor *result) {
    ebb_id id[3];
    for (ebb_tape *t = ebb->tapes; t; t = t->next) {
        if (!t->recording || !ebb_is_float(result->type.dtype) || !any_connected(t, narg, arg)) continue;
        if (!tape_operands(t, narg, arg, id) || !tape_bind(t, ebb_record(t->graph, app, narg, id), result, CONNECTED))
            t->recording = false;
    }
}

static bool tape_record_call(ebb_tape *t, ebb_graph *graph, int narg, ebb_tensor *const *arg, int nresults,
                             ebb_tensor *const *results, ebb_site site) {
    const ebb_allocator *a = &t->context->allocator;
    ebb_id *id = ebb_mem_new(a, (size_t)narg + 1, sizeof *id);
    if (!id) return ebb_fail_memory(&t->diag);
    ebb_id call = tape_operands(t, narg, arg, id) ? ebb_record_call(t->graph, graph, narg, id, site) : EBB_POISON;
    ebb_mem_free(a, id);
    if (!tape_bind(t, call, NULL, CONNECTED)) return false;
    for (int k = 0; k < nresults; k++)
        if (results[k] && ebb_is_float(results[k]->type.dtype) &&
            !tape_bind(t, ebb_record_get(t->graph, call, k, site), results[k], CONNECTED))
            return false;
    return true;
}

void ebb_tapes_record_call(ebb_context *ebb, ebb_graph *graph, int narg, ebb_tensor *const *arg, int nresults,
                           ebb_tensor *const *results, ebb_site site) {
    for (ebb_tape *t = ebb->tapes; t; t = t->next)
        if (t->recording && any_connected(t, narg, arg) && !tape_record_call(t, graph, narg, arg, nresults, results, site))
            t->recording = false;
}

/* ---- watching ---- */

static bool tape_enter(ebb_tape *tape, ebb_tensor *x) {
    return tape_bind(tape, ebb_add_input(tape->graph, x->type, x->site), x, CONNECTED);
}

static bool knows_variable(const ebb_tape *tape, const ebb_tensor *variable) {
    for (int32_t i = 0; i < tape->read_count; i++)
        if (tape->reads[i].variable == variable) return true;
    return false;
}

/* A variable's value is one node per version: reads after an assign are another leaf, and both count for its gradient. */
static bool tape_enter_read(ebb_tape *tape, ebb_tensor *variable, ebb_tensor *value) {
    if (is_connected(tape, tape_find(tape, value))) return true;
    if (!ebb_mem_reserve(&tape->context->allocator, &tape->reads, &tape->read_capacity, tape->read_count + 1,
                         sizeof *tape->reads) ||
        !tape_enter(tape, value))
        return ebb_fail_memory(&tape->diag);
    tape->reads[tape->read_count++] = (ebb_source_read){ebb_handle_retain(variable), tape_find(tape, value)};
    return true;
}

void ebb_tapes_saw_read(ebb_context *ebb, ebb_tensor *variable, ebb_tensor *value) {
    for (ebb_tape *t = ebb->tapes; t; t = t->next) {
        if (!t->recording || !ebb_is_float(variable->type.dtype)) continue;
        bool wanted = (!(t->flags & EBB_TAPE_MANUAL) && variable->trainable) || knows_variable(t, variable);
        if (wanted && !tape_enter_read(t, variable, value)) t->recording = false;
    }
}

void ebb_watch(ebb_tape *tape, ebb_tensor *x) {
    ebb_site none = {NULL, 0};
    if (!tape || !ebb_usable(tape->context, x, "ebb_watch", none)) return;
    ebb_context *ebb = tape->context;
    if (tape->released) {
        ebb_fail_at(ebb, EBB_RUNTIME_ERROR, none, "ebb_watch: the tape was asked already and has let go of its record");
        return;
    }
    if (!ebb_is_float(x->type.dtype)) {
        if (ebb->options.log) ebb->options.log(ebb->options.log_self, "ebb_watch: only f32 and f64 have gradients; ignored");
        return;
    }
    ebb_tensor *value = x->kind == EBB_KIND_VARIABLE ? ebb_variable_read(x) : x;
    if (value->kind == EBB_KIND_POISON || is_connected(tape, tape_find(tape, value))) return;
    bool good = x == value ? tape_enter(tape, x) : tape_enter_read(tape, x, value);
    if (!good) ebb_fail_diag(ebb, &tape->diag, none);
}

/* ---- asking ---- */

/* One question to a tape, and the program that answers it. */
typedef struct question {
    ebb_context *ebb;
    ebb_tape *tape;
    ebb_site site;
    ebb_graph *graph;   /* the tape's program, expanded verbatim; the derivative is appended to it */
    ebb_diag diag;
    ebb_id *map;        /* tape id -> graph id */
    int nnodes, nsources;
    ebb_id *node;       /* [nnodes] graph ids of the sources: a variable has one per version */
    int *source_of;     /* [nnodes] which x it belongs to */
    ebb_id *cotangent;  /* [nnodes] */
    ebb_tensor **value; /* known values by graph id */
} question;

static ebb_id target_id(question *q, ebb_tensor *y) {
    ebb_tape *tape = q->tape;
    if (y->kind == EBB_KIND_VARIABLE) {
        for (int32_t i = tape->read_count; i-- > 0;)
            if (tape->reads[i].variable == y) return tape->reads[i].id;
        return -1;
    }
    ebb_id id = tape_find(tape, y);
    return is_connected(tape, id) ? id : -1;
}

/* Sources become graph ids; what the targets do not need is not in the graph and stays out of the list. */
static bool find_sources(question *q, int nx, ebb_tensor *const *x) {
    const ebb_allocator *a = &q->ebb->allocator;
    ebb_tape *tape = q->tape;
    size_t room = (size_t)nx + (size_t)tape->read_count * (size_t)nx + 1;
    q->node = ebb_mem_new(a, room, sizeof *q->node);
    q->source_of = ebb_mem_new(a, room, sizeof *q->source_of);
    q->cotangent = ebb_mem_new(a, room, sizeof *q->cotangent);
    if (!q->node || !q->source_of || !q->cotangent) return ebb_fail_memory(&q->diag);
    for (int i = 0; i < nx; i++) {
        bool variable = x[i]->kind == EBB_KIND_VARIABLE;
        ebb_id id = variable ? -1 : tape_find(tape, x[i]);
        if (is_connected(tape, id) && q->map[id] > 0) q->node[q->nnodes] = q->map[id], q->source_of[q->nnodes++] = i;
        for (int32_t r = 0; variable && r < tape->read_count; r++)
            if (tape->reads[r].variable == x[i] && q->map[tape->reads[r].id] > 0)
                q->node[q->nnodes] = q->map[tape->reads[r].id], q->source_of[q->nnodes++] = i;
    }
    return true;
}

/* The tape's program as far as the connected targets need it. */
static bool expand_tape(question *q, int ny, ebb_tensor *const *y) {
    ebb_graph *g = q->tape->graph;
    q->map = ebb_mem_new(&q->ebb->allocator, (size_t)g->count, sizeof *q->map);
    if (!q->map) return ebb_fail_memory(&q->diag);
    ebb_clear_outputs(g);
    bool good = true;
    for (int j = 0; j < ny; j++) {
        ebb_id id = target_id(q, y[j]);
        if (id > 0) good = good && ebb_add_output(g, id);
    }
    if (good) q->graph = ebb_expand_verbatim(g, q->map, &q->diag);
    ebb_clear_outputs(g);
    return q->graph != NULL;
}

/* Appends the cotangents of the sources; seeds other than ones become further parameters, whose values are known. */
static bool append_adjoint(question *q, int ny, ebb_tensor *const *y, const ebb_gradient_options *options, ebb_id *seed_input) {
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

/* Outputs of the program: for each source the sum over its versions, or absent. */
static bool collect_outputs(question *q, int nx) {
    ebb_builder b = {q->graph, q->site};
    ebb_clear_outputs(q->graph);
    for (int i = 0; i < nx; i++) {
        ebb_id sum = EBB_ABSENT;
        for (int k = 0; k < q->nnodes; k++)
            if (q->source_of[k] == i && q->cotangent[k] != EBB_ABSENT)
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

static bool answer(question *q, int ny, ebb_tensor *const *y, int nx, ebb_tensor *const *x, ebb_tensor **gradients,
                   const ebb_gradient_options *options) {
    ebb_id *seed_input = ebb_mem_new(&q->ebb->allocator, (size_t)ny + 1, sizeof *seed_input);
    bool good = seed_input ? expand_tape(q, ny, y) && find_sources(q, nx, x) && append_adjoint(q, ny, y, options, seed_input) &&
                                 collect_outputs(q, nx) && know_values(q, ny, options, seed_input)
                           : ebb_fail_memory(&q->diag);
    if (!good) ebb_fail_diag(q->ebb, &q->diag, q->site);
    good = good && ebb_replay(q->ebb, q->graph, q->value, gradients, q->site);
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
    if (!ebb_usable(ebb, seed, "ebb_gradients", site)) return false;
    if (seed->type.dtype == y->type.dtype && ebb_shape_equal(&seed->type.shape, &y->type.shape)) return true;
    ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "ebb_gradients: the seed is %s, its target %s", ebb_type_text(&seed->type, have),
                ebb_type_text(&y->type, want));
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

/* unconnected_gradients = zero */
static ebb_tensor *zeros_like(ebb_context *ebb, const ebb_tensor *x) {
    return ebb_zeros(ebb, x->type.dtype, x->type.shape.rank, x->type.shape.dim);
}

void ebb_gradients_at(ebb_tape *tape, int ny, ebb_tensor *const *y, int nx, ebb_tensor *const *x, ebb_tensor **gradients,
                      const ebb_gradient_options *options, const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    ebb_context *ebb = tape ? tape->context : ebb_current();
    for (int i = 0; i < nx; i++) gradients[i] = ebb_poison_of(ebb);
    if (!tape) {
        ebb_fail_at(ebb, EBB_TYPE_ERROR, site, "ebb_gradient: the tape is NULL");
        return;
    }
    ebb_enter(ebb);
    if (!may_ask(tape, ny, y, nx, x, options, site)) return;
    bool persistent = tape->flags & EBB_TAPE_PERSISTENT;
    if (!persistent) tape->recording = false;
    question q = {.ebb = ebb, .tape = tape, .site = site};
    bool good = answer(&q, ny, y, nx, x, gradients, options);
    question_free(&q);
    for (int i = 0; i < nx; i++) {
        if (!good) gradients[i] = ebb_poison_of(ebb);
        else if (gradients[i]->kind == EBB_KIND_ABSENT && options && options->zeros) gradients[i] = zeros_like(ebb, x[i]);
    }
    if (!persistent) tape_clear(tape);
}

ebb_tensor *ebb_gradient_at(ebb_tape *tape, ebb_tensor *y, ebb_tensor *x, const char *file, int line) {
    ebb_tensor *dx = NULL;
    ebb_gradients_at(tape, 1, &y, 1, &x, &dx, NULL, file, line);
    return dx;
}
