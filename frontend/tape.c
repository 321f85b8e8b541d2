/* tape.c - recording what runs: a tape is a recorded graph with the values filled in.
 *
 * Invariant: value.item[id] is the tensor of node id; node flags are 1 for what the derivative flows through (watched
 * tensors and what was computed from them) and 0 for the constants that met them. A tape never looks at whether a
 * tensor is eager or traced. Start reading at ebb_tapes_record; gradient.c asks the questions. */
#include <string.h>

#include "frontend/log.h"

#define CONNECTED 1
enum { DEAD_TAPES = 16, MOST_WATCH_WARNINGS = 5 };

/* ---- life ---- */

ebb_tape *ebb_tape_start(ebb_context *ebb, int flags) {
    if (!ebb) {
        ebb_fail_at(NULL, EBB_TYPE_ERROR, ebb_site_at(NULL, 0), "ebb_tape_start: the context is NULL");
        return NULL;
    }
    ebb_enter(ebb);
    ebb_tape *tape = ebb_tape_new(ebb, flags);
    if (tape) tape->graph = ebb_graph_new(&ebb->allocator, &tape->diag, "tape");
    if (tape && tape->graph) return tape;
    ebb_tape_free(tape);
    ebb_fail_at(ebb, EBB_NO_MEMORY, ebb_site_at(NULL, 0), "ebb_tape_start: no memory");
    return NULL;
}

ebb_tape *ebb_tape_new(ebb_context *ebb, int flags) {
    ebb_tape *tape = ebb_mem_new(&ebb->allocator, 1, sizeof *tape);
    if (!tape) return NULL;
    tape->context = ebb;
    tape->order = ++ebb->next_serial;
    tape->flags = flags;
    tape->depth = ebb->depth;
    tape->trace = ebb->trace;
    tape->recording = true;
    tape->next = ebb->tapes;
    ebb->tapes = tape;
    return tape;
}

/* Forgets everything recorded; what is left answers every question with "asked already". */
void ebb_tape_clear(ebb_tape *tape) {
    const ebb_allocator *a = &tape->context->allocator;
    for (int32_t i = 0; i < tape->value.count; i++)
        ebb_handle_release(tape->value.item[i]);
    for (int32_t i = 0; i < tape->read_count; i++)
        ebb_handle_release(tape->reads[i].variable);
    ebb_mem_free(a, tape->value.item);
    ebb_mem_free(a, tape->reads);
    ebb_map_free(a, &tape->ids);
    ebb_graph_release(tape->graph);
    for (int32_t i = 0; i < tape->primal.count; i++)
        ebb_handle_release(tape->primal.item[i]);
    ebb_mem_free(a, tape->primal.item);
    tape->value = tape->primal = (ebb_tensor_list){0};
    tape->reads = NULL;
    tape->read_count = tape->read_capacity = 0;
    tape->graph = NULL;
    tape->recording = false;
    tape->released = true;
}

bool ebb_tape_usable(const ebb_tape *tape, const char *function, ebb_site site) {
    if (tape && !tape->dead) return true;
    if (!tape)
        ebb_fail_at(ebb_current(), EBB_TYPE_ERROR, site, "%s: the tape is NULL", function);
    else
        ebb_fail_at(tape->context, EBB_RUNTIME_ERROR, site, "%s: the tape is used after its scope closed", function);
    return false;
}

bool ebb_tape_asks_gradients(const ebb_tape *tape, const char *function, ebb_site site) {
    if (!ebb_tape_usable(tape, function, site)) return false;
    if (tape->forward)
        ebb_fail_at(tape->context, EBB_TYPE_ERROR, site, "%s: a forward tape has tangents only: ebb_tangent", function);
    return !tape->forward;
}

void ebb_tape_stop(ebb_tape *tape) {
    if (ebb_tape_usable(tape, "ebb_tape_stop", ebb_site_at(NULL, 0))) tape->recording = false;
}

void ebb_tape_resume(ebb_tape *tape) {
    ebb_site none = {0};
    if (!ebb_tape_usable(tape, "ebb_tape_resume", none)) return;
    if (tape->released)
        ebb_fail_at(tape->context, EBB_RUNTIME_ERROR, none, "ebb_tape_resume: the tape was asked already");
    else if (tape->recording)
        ebb_fail_at(tape->context, EBB_VALUE_ERROR, none, "ebb_tape_resume: the tape is still recording");
    else
        tape->recording = true;
}

static void forget_watched(ebb_tape *tape) {
    for (int32_t i = 0; i < tape->watched.count; i++)
        ebb_handle_release(tape->watched.item[i]);
    ebb_mem_free(&tape->context->allocator, tape->watched.item);
    tape->watched = (ebb_tensor_list){0};
}

void ebb_tape_reset(ebb_tape *tape) {
    ebb_site none = {0};
    if (!ebb_tape_asks_gradients(tape, "ebb_tape_reset", none)) return;
    ebb_context *ebb = tape->context;
    if (tape->diag.code != EBB_OK) { /* why it stopped */
        ebb_fail_diag(ebb, &tape->diag, none);
        return;
    }
    if (!tape->recording) {
        ebb_fail_at(ebb, EBB_VALUE_ERROR, none, "ebb_tape_reset: the tape is not recording");
        return;
    }
    ebb_tape_clear(tape);
    forget_watched(tape);
    tape->graph = ebb_graph_new(&ebb->allocator, &tape->diag, "tape");
    if (!tape->graph) {
        ebb_fail_at(ebb, EBB_NO_MEMORY, none, "ebb_tape_reset: no memory");
        return;
    }
    tape->recording = true;
    tape->released = false;
}

int ebb_watched_variables(const ebb_tape *tape, int room, ebb_tensor **variables) {
    if (!ebb_tape_usable(tape, "ebb_watched_variables", (ebb_site){0})) return 0;
    for (int32_t i = 0; variables && i < room && i < tape->watched.count; i++)
        variables[i] = tape->watched.item[i];
    return tape->watched.count;
}

void ebb_tapes_forget(ebb_context *ebb, int keep) {
    ebb_tape **t = &ebb->dead_tapes;
    while (*t && keep-- > 0)
        t = &(*t)->next;
    for (ebb_tape *tape; (tape = *t);) {
        *t = tape->next;
        ebb_mem_free(&ebb->allocator, tape);
    }
}

void ebb_tape_free(ebb_tape *tape) {
    if (!tape || !ebb_tape_usable(tape, "ebb_tape_free", ebb_site_at(NULL, 0))) return;
    ebb_context *ebb = tape->context;
    ebb_tape **t = &ebb->tapes;
    while (*t != tape)
        t = &(*t)->next;
    *t = tape->next;
    ebb_tape_clear(tape);
    forget_watched(tape);
    tape->dead = true;
    tape->next = ebb->dead_tapes;
    ebb->dead_tapes = tape;
    ebb_tapes_forget(ebb, DEAD_TAPES);
}

void ebb_tapes_close(ebb_context *ebb, int depth) {
    for (ebb_tape *t = ebb->tapes, *next; t; t = next) {
        next = t->next;
        if (t->depth >= depth) ebb_tape_free(t);
    }
}

/* What happens while a function is traced is no business of the tapes around it: they are shown the call. */
bool ebb_tape_listens(const ebb_tape *tape) {
    const ebb_context *ebb = tape->context;
    return tape->recording && tape->trace == ebb->trace && (!ebb->deaf_from || tape->order < ebb->deaf_from);
}

/* Operations make nodes of it. */
static bool records(const ebb_tape *tape) { return !tape->forward && ebb_tape_listens(tape); }

bool ebb_tapes_listening(const ebb_context *ebb) {
    for (const ebb_tape *t = ebb->tapes; t; t = t->next)
        if (ebb_tape_listens(t)) return true;
    return false;
}

/* ---- recording ---- */

/* Gives node `id` its tensor. A tape that runs out of memory stops recording and reports it when it is asked. */
static bool tape_bind(ebb_tape *tape, ebb_id id, ebb_tensor *x, uint8_t flags) {
    const ebb_allocator *a = &tape->context->allocator;
    if (id == EBB_POISON) return false;
    if (!ebb_mem_reserve(a, &tape->value.item, &tape->value.capacity, id + 1, sizeof(ebb_tensor *)))
        return ebb_fail_memory(&tape->diag);
    while (tape->value.count <= id)
        tape->value.item[tape->value.count++] = NULL;
    if (x) {
        if (!ebb_map_put(a, &tape->ids, x->serial, id)) return ebb_fail_memory(&tape->diag);
        tape->value.item[id] = ebb_handle_retain(x);
    }
    tape->graph->node[id].flags = flags;
    return true;
}

static bool is_connected(const ebb_tape *tape, ebb_id id) { return id > 0 && tape->graph->node[id].flags & CONNECTED; }

/* The node of x, watched or not; or -1. */
static ebb_id tape_find(const ebb_tape *tape, const ebb_tensor *x) { return ebb_map_find(&tape->ids, x->serial); }

ebb_id ebb_tape_node(const ebb_tape *tape, const ebb_tensor *x) {
    ebb_id id = tape_find(tape, x);
    return is_connected(tape, id) ? id : -1;
}

/* Whether a tape follows x: another one may differentiate this one's gradient in it. */
static bool is_followed(const ebb_context *ebb, const ebb_tensor *x) {
    for (const ebb_tape *t = ebb->tapes; t; t = t->next)
        if (t->forward ? tape_find(t, x) >= 0 : is_connected(t, tape_find(t, x))) return true;
    return false;
}

/* Scalar numbers that nobody watches are constants of the program, so that x^2 is known to be a square. A condition is
 * not: folded into its select, it would no longer keep out the slope of the branch not taken. */
static ebb_id tape_constant(ebb_tape *tape, ebb_tensor *x) {
    int64_t payload = 0;
    memcpy(&payload, x->storage->data, ebb_dtype_size(x->type.dtype));
    ebb_application app = {EBB_OP_constant, 1, &payload, x->type, x->site};
    return ebb_record(tape->graph, &app, 0, NULL);
}

static ebb_id tape_operand(ebb_tape *tape, ebb_tensor *x) {
    ebb_id id = tape_find(tape, x);
    if (id >= 0) return id;
    bool scalar = x->kind == EBB_KIND_VALUE && x->type.shape.rank == 0 && x->type.dtype != EBB_BOOL;
    id = scalar && !is_followed(tape->context, x) ? tape_constant(tape, x)
                                                  : ebb_add_input(tape->graph, x->type, x->site);
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

void ebb_tapes_record(ebb_context *ebb, const ebb_application *app, int narg, ebb_tensor *const *arg,
                      ebb_tensor *result) {
    ebb_id id[3];
    for (ebb_tape *t = ebb->tapes; t; t = t->next) {
        if (!records(t) || !ebb_is_float(result->type.dtype) || !any_connected(t, narg, arg)) continue;
        if (!tape_operands(t, narg, arg, id) || !tape_bind(t, ebb_record(t->graph, app, narg, id), result, CONNECTED))
            t->recording = false;
    }
    ebb_forward_saw_op(ebb, app, narg, arg, result);
}

static bool knows_variable(const ebb_tape *tape, const ebb_tensor *variable) {
    for (int32_t i = 0; i < tape->watched.count; i++)
        if (tape->watched.item[i] == variable) return true;
    return false;
}

/* The variable's gradient counts that node too. */
static bool tape_add_version(ebb_tape *tape, ebb_tensor *variable, ebb_id id) {
    const ebb_allocator *a = &tape->context->allocator;
    ebb_tensor_list *w = &tape->watched;
    bool known = knows_variable(tape, variable);
    if (!ebb_mem_reserve(a, &tape->reads, &tape->read_capacity, tape->read_count + 1, sizeof *tape->reads) ||
        (!known && !ebb_mem_reserve(a, &w->item, &w->capacity, w->count + (int64_t)1, sizeof *w->item)))
        return ebb_fail_memory(&tape->diag);
    tape->reads[tape->read_count++] = (ebb_source_read){ebb_handle_retain(variable), id};
    if (!known) w->item[w->count++] = ebb_handle_retain(variable);
    return true;
}

static bool wants_variable(const ebb_tape *tape, const ebb_tensor *variable) {
    if (!ebb_is_float(variable->type.dtype)) return false;
    return (!(tape->flags & EBB_TAPE_MANUAL) && variable->trainable) || knows_variable(tape, variable);
}

static ebb_id tape_call_node(ebb_tape *tape, const ebb_call_record *call) {
    int narg = call->graph->inputs;
    ebb_id *id = ebb_mem_new(&tape->context->allocator, (size_t)narg + 1, sizeof *id), node = EBB_POISON;
    if (!id)
        ebb_fail_memory(&tape->diag);
    else if (tape_operands(tape, narg, call->arg, id))
        node = ebb_record_call(tape->graph, call->graph, narg, id, call->site);
    ebb_mem_free(&tape->context->allocator, id);
    return node;
}

/* Output k of the call as a node; x is its value, NULL if nobody outside has that. */
static ebb_id tape_call_output(ebb_tape *tape, const ebb_call_record *call, ebb_id node, int k, ebb_tensor *x) {
    ebb_id id = ebb_record_get(tape->graph, node, k, call->site);
    return tape_bind(tape, id, x, CONNECTED) ? id : EBB_POISON;
}

static bool tape_record_call(ebb_tape *tape, const ebb_call_record *call) {
    ebb_id node = tape_call_node(tape, call);
    if (!tape_bind(tape, node, NULL, CONNECTED)) return false;
    for (int k = 0; k < call->results; k++) {
        ebb_tensor *x = call->result[k];
        if (ebb_is_float(x->type.dtype) && tape_call_output(tape, call, node, k, x) == EBB_POISON) return false;
    }
    for (int32_t i = 0; i < call->versions; i++) {
        const ebb_moment *v = &call->version[i];
        if (!wants_variable(tape, v->variable)) continue;
        ebb_id id = tape_call_output(tape, call, node, v->output, NULL);
        if (id == EBB_POISON || !tape_add_version(tape, v->variable, id)) return false;
    }
    return true;
}

void ebb_tapes_record_call(ebb_context *ebb, const ebb_call_record *call) {
    for (ebb_tape *t = ebb->tapes; t; t = t->next)
        if (records(t) && any_connected(t, call->graph->inputs, call->arg) && !tape_record_call(t, call))
            t->recording = false;
    ebb_forward_saw_call(ebb, call);
}

/* ---- watching ---- */

static bool tape_enter(ebb_tape *tape, ebb_tensor *x) {
    return tape_bind(tape, ebb_add_input(tape->graph, x->type, x->site), x, CONNECTED);
}

/* A variable's value is one node per version: reads after an assign are another leaf, and both count for its gradient.
 */
static bool tape_enter_read(ebb_tape *tape, ebb_tensor *variable, ebb_tensor *value) {
    if (is_connected(tape, tape_find(tape, value))) return true;
    return tape_enter(tape, value) && tape_add_version(tape, variable, tape_find(tape, value));
}

void ebb_tapes_saw_read(ebb_context *ebb, ebb_tensor *variable, ebb_tensor *value) {
    for (ebb_tape *t = ebb->tapes; t; t = t->next)
        if (records(t) && wants_variable(t, variable) && !tape_enter_read(t, variable, value)) t->recording = false;
    ebb_forward_saw_read(ebb, variable, value);
}

void ebb_watch_at(ebb_tape *tape, ebb_tensor *x, const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    if (!ebb_tape_asks_gradients(tape, "ebb_watch", site) ||
        !ebb_usable(tape->context, x, "ebb_watch: the tensor", site))
        return;
    ebb_context *ebb = tape->context;
    if (tape->released) {
        ebb_fail_at(ebb, EBB_RUNTIME_ERROR, site, "ebb_watch: the tape was asked already and has let go of its record");
        return;
    }
    if (!ebb_is_float(x->type.dtype)) {
        if (ebb->ignored_watches++ < MOST_WATCH_WARNINGS)
            ebb_say(ebb, NULL, "ebb_watch: only f32 and f64 have gradients; ignored");
        return;
    }
    ebb_tensor *value = x->kind == EBB_KIND_VARIABLE ? ebb_variable_read(x) : x;
    if (value->kind == EBB_KIND_POISON || is_connected(tape, tape_find(tape, value))) return;
    bool good = x == value ? tape_enter(tape, x) : tape_enter_read(tape, x, value);
    if (!good) ebb_fail_diag(ebb, &tape->diag, site);
}
