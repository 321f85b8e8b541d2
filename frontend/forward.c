/* forward.c - forward tapes: the tangent of each result, computed when its operation runs.
 *
 * What ran, an operation or a call, is a small program of its operands; dual/ appends its tangents, and they are
 * replayed through dispatch, where only tapes that were started before this one listen. So an outer tape differentiates
 * an inner one's tangents, and nothing is confused. Outer tapes go first: an inner tangent may use the result itself,
 * whose tangent the outer one must know by then. Start reading at push. */
#include "dual/dual.h"
#include "frontend/values.h"

/* ---- tangents by serial ---- */

static ebb_tensor *tangent_of(const ebb_tape *t, const ebb_tensor *x) {
    int32_t k = ebb_map_find(&t->ids, x->serial);
    return k < 0 ? NULL : t->value.item[k];
}

static bool remember(ebb_tape *t, const ebb_tensor *x, ebb_tensor *tangent) {
    const ebb_allocator *a = &t->context->allocator;
    ebb_tensor_list *v = &t->value;
    if (!ebb_mem_reserve(a, &v->item, &v->capacity, v->count + (int64_t)1, sizeof *v->item) ||
        !ebb_map_put(a, &t->ids, x->serial, v->count))
        return ebb_fail_memory(&t->diag);
    v->item[v->count++] = ebb_handle_retain(tangent);
    return true;
}

/* The next forward tape that listens, after order `after`. */
static ebb_tape *next_listener(const ebb_context *ebb, uint64_t after) {
    ebb_tape *next = NULL;
    for (ebb_tape *t = ebb->tapes; t; t = t->next)
        if (t->forward && t->order > after && ebb_tape_listens(t) && (!next || t->order < next->order)) next = t;
    return next;
}

/* ---- what just ran ---- */

/* A program and its values: parameter k of the recorded graph is arg[k], output j is result[j]. */
typedef struct event {
    const ebb_graph *graph;
    ebb_tensor *const *arg;
    ebb_tensor *const *result;
    int results;
    ebb_site site;
    const ebb_moment *version; /* what variables became in it; a variable keeps its tangent, whatever value it has */
    int versions;
} event;

/* The tangent that the variable was given, or NULL. */
static ebb_tensor *tangent_of_primal(const ebb_tape *t, const ebb_tensor *variable) {
    for (int32_t i = 0; i < t->primal.count; i++)
        if (t->primal.item[i] == variable) return t->value.item[i];
    return NULL;
}

/* What may move: operands, then versions. The tangent of the k-th, or NULL. */
static int movers(const event *e) { return e->graph->inputs + e->versions; }
static ebb_tensor *tangent_of_mover(const ebb_tape *t, const event *e, int k) {
    int n = e->graph->inputs;
    return k < n ? tangent_of(t, e->arg[k]) : tangent_of_primal(t, e->version[k - n].variable);
}

/* Appends a parameter for the tangent of each mover that has one, and the tangents of the results as outputs. */
static bool append_tangents(const ebb_tape *t, const event *e, ebb_graph *g, ebb_id *scratch) {
    int n = movers(e), inputs = e->graph->inputs, used = 0;
    ebb_id *x = scratch, *dx = x + n, *dy = dx + n, *y = dy + e->results;
    for (int k = 0; k < n; k++) {
        const ebb_tensor *tangent = tangent_of_mover(t, e, k);
        if (!tangent) continue;
        x[used] = k < inputs ? g->input[k] : g->output[e->version[k - inputs].output];
        dx[used] = ebb_add_input(g, tangent->type, e->site);
        if (dx[used++] == EBB_POISON) return false;
    }
    for (int j = 0; j < e->results; j++)
        y[j] = g->output[j];
    ebb_clear_outputs(g);
    if (!ebb_jvp_nodes(g, used, x, dx, e->results, y, dy)) return false;
    for (int j = 0; j < e->results; j++)
        if (!ebb_add_output(g, dy[j])) return false;
    return true;
}

/* Values of operands, results (before outputs become tangents: `y`) and tangents, by id. */
static void know_values(const ebb_tape *t, const event *e, const ebb_graph *g, const ebb_id *y, ebb_tensor **value) {
    int32_t parameter = e->graph->inputs;
    for (int j = 0; j < e->results; j++)
        if (y[j] > 0) value[y[j]] = e->result[j];
    for (int k = 0; k < movers(e); k++) {
        if (k < e->graph->inputs) value[g->input[k]] = e->arg[k];
        ebb_tensor *tangent = tangent_of_mover(t, e, k);
        if (tangent) value[g->input[parameter++]] = tangent;
    }
}

static bool compute(ebb_tape *t, const event *e, ebb_graph *g, ebb_tensor **dy) {
    const ebb_allocator *a = &t->context->allocator;
    size_t room = 2 * (size_t)movers(e) + 2 * (size_t)e->results + 1;
    ebb_id *scratch = ebb_mem_new(a, room, sizeof *scratch);
    ebb_tensor **value = NULL;
    bool good = scratch ? append_tangents(t, e, g, scratch) : ebb_fail_memory(&t->diag);
    if (good) {
        value = ebb_mem_new(a, (size_t)g->count, sizeof *value);
        good = value || ebb_fail_memory(&t->diag);
    }
    if (good) {
        know_values(t, e, g, scratch + 2 * movers(e) + e->results, value);
        good = ebb_replay(t->context, g, value, dy, e->site);
    }
    ebb_mem_free(a, scratch);
    ebb_mem_free(a, value);
    return good;
}

static bool push_expanded(ebb_tape *t, const event *e, ebb_graph *g) {
    ebb_context *ebb = t->context;
    ebb_tensor **dy = ebb_mem_new(&ebb->allocator, (size_t)e->results + 1, sizeof *dy);
    uint64_t deaf = ebb->deaf_from;
    bool good = false;
    if (!dy) return ebb_fail_memory(&t->diag);
    EBB_SCOPE (ebb) {
        ebb->deaf_from = t->order;
        good = compute(t, e, g, dy);
        ebb->deaf_from = deaf;
        for (int j = 0; j < e->results && good; j++)
            if (dy[j]->kind != EBB_KIND_ABSENT) good = remember(t, e->result[j], dy[j]);
    }
    ebb_mem_free(&ebb->allocator, dy);
    return good;
}

static bool any_tangent(const ebb_tape *t, const event *e) {
    for (int k = 0; k < e->graph->inputs; k++)
        if (tangent_of(t, e->arg[k])) return true;
    return false;
}

/* The tangents of what ran, on every forward tape that listens; an error stops the tape, and is shown when it is asked.
 */
static void push(ebb_context *ebb, const event *e) {
    for (ebb_tape *t = next_listener(ebb, 0); t; t = next_listener(ebb, t->order)) {
        if (!any_tangent(t, e)) continue;
        ebb_graph *g = ebb_expand_verbatim(e->graph, NULL, &t->diag);
        if (!g || !push_expanded(t, e, g)) {
            t->recording = false;
            if (t->diag.code == EBB_OK)
                ebb_fail(&t->diag, EBB_RUNTIME_ERROR, e->site, "a tangent could not be computed");
        }
        ebb_graph_release(g);
    }
}

void ebb_forward_saw_op(ebb_context *ebb, const ebb_application *app, int narg, ebb_tensor *const *arg,
                        ebb_tensor *result) {
    ebb_tape *first = ebb_is_float(result->type.dtype) ? next_listener(ebb, 0) : NULL;
    if (!first) return;
    ebb_id id[3];
    ebb_graph *g = ebb_graph_new(&ebb->allocator, &first->diag, "operation");
    for (int k = 0; g && k < narg; k++)
        id[k] = ebb_add_input(g, arg[k]->type, app->site);
    if (g && ebb_add_output(g, ebb_record(g, app, narg, id)))
        push(ebb, &(event){g, arg, &result, 1, app->site, NULL, 0});
    else
        first->recording = ebb_fail_memory(&first->diag);
    ebb_graph_release(g);
}

void ebb_forward_saw_call(ebb_context *ebb, const ebb_call_record *call) {
    if (next_listener(ebb, 0))
        push(ebb,
             &(event){call->graph, call->arg, call->result, call->results, call->site, call->version, call->versions});
}

/* A variable keeps its tangent, whatever value it has. */
void ebb_forward_saw_read(ebb_context *ebb, const ebb_tensor *variable, const ebb_tensor *value) {
    for (ebb_tape *t = ebb->tapes; t; t = t->next)
        for (int32_t i = 0; t->forward && ebb_tape_listens(t) && i < t->primal.count; i++)
            if (t->primal.item[i] == variable && !tangent_of(t, value))
                t->recording = remember(t, value, t->value.item[i]);
}

/* ---- the public functions ---- */

static bool is_primal(ebb_context *ebb, int k, ebb_tensor *const *primal, const ebb_tensor *tangent, ebb_site site) {
    char a[EBB_TYPE_TEXT], b[EBB_TYPE_TEXT];
    const ebb_tensor *x = primal[k];
    if (!ebb_usable(ebb, x, "ebb_forward_start: a primal", site) ||
        !ebb_usable(ebb, tangent, "ebb_forward_start: a tangent", site))
        return false;
    if (!ebb_is_float(x->type.dtype) || !ebb_is_float(tangent->type.dtype))
        return ebb_fail_at(ebb, EBB_TYPE_ERROR, site,
                           "ebb_forward_start: primal %d is %s, its tangent %s; both must be real", k,
                           ebb_type_text(&x->type, a), ebb_type_text(&tangent->type, b)),
               false;
    if (!ebb_shape_equal(&x->type.shape, &tangent->type.shape))
        return ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "ebb_forward_start: primal %d is %s, its tangent %s", k,
                           ebb_type_text(&x->type, a), ebb_type_text(&tangent->type, b)),
               false;
    for (int i = 0; i < k; i++)
        if (primal[i] == x)
            return ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "ebb_forward_start: primals %d and %d are the same", i, k),
                   false;
    return true;
}

/* The tangents of the primals come first, so that primal[k] has value.item[k]. */
static bool add_primals(ebb_tape *t, int n, ebb_tensor *const *primal, ebb_tensor *const *tangent, ebb_site site) {
    ebb_context *ebb = t->context;
    t->primal.item = ebb_mem_new(&ebb->allocator, (size_t)n + 1, sizeof(ebb_tensor *));
    if (!t->primal.item) return ebb_fail_memory(&t->diag);
    bool good = true;
    for (int k = 0; k < n && good; k++) {
        ebb_tensor *x = primal[k]->kind == EBB_KIND_VARIABLE ? ebb_variable_read(primal[k]) : primal[k];
        ebb_tensor *dx = tangent[k];
        if (dx->kind == EBB_KIND_VARIABLE) dx = ebb_variable_read(dx);
        if (dx->type.dtype != x->type.dtype) dx = ebb_cast_at(dx, x->type.dtype, site.file, site.line);
        good = x->kind != EBB_KIND_POISON && dx->kind != EBB_KIND_POISON && remember(t, x, dx);
        if (good) t->primal.item[t->primal.count++] = ebb_handle_retain(primal[k]);
    }
    return good;
}

ebb_tape *ebb_forward_start_at(ebb_context *ebb, int n, ebb_tensor *const *primals, ebb_tensor *const *tangents,
                               const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    if (!ebb) return ebb_fail_at(NULL, EBB_TYPE_ERROR, site, "ebb_forward_start: the context is NULL"), NULL;
    ebb_enter(ebb);
    if (n < 0 || (n && (!primals || !tangents)))
        return ebb_fail_at(ebb, EBB_TYPE_ERROR, site, "ebb_forward_start: %d primals and no list of them", n), NULL;
    for (int k = 0; k < n; k++)
        if (!is_primal(ebb, k, primals, tangents[k], site)) return NULL;
    ebb_tape *t = ebb_tape_new(ebb, EBB_TAPE_PERSISTENT);
    if (!t) return ebb_fail_at(ebb, EBB_NO_MEMORY, site, "ebb_forward_start: no memory"), NULL;
    t->forward = true;
    t->recording = false;
    if (add_primals(t, n, primals, tangents, site)) {
        t->recording = true;
        return t;
    }
    if (t->diag.code != EBB_OK) ebb_fail_diag(ebb, &t->diag, site);
    ebb_tape_free(t);
    return NULL;
}

ebb_tensor *ebb_tangent_at(ebb_tape *forward, ebb_tensor *y, bool zeros, const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    ebb_context *ebb = forward ? forward->context : ebb_current();
    if (!ebb_tape_usable(forward, "ebb_tangent", site) || !ebb_usable(ebb, y, "ebb_tangent: the tensor", site))
        return ebb_poison_of(ebb);
    ebb_enter(ebb);
    if (!forward->forward)
        return ebb_fail_at(ebb, EBB_TYPE_ERROR, site, "ebb_tangent: a tape of ebb_forward_start is needed");
    if (forward->diag.code != EBB_OK) return ebb_fail_diag(ebb, &forward->diag, site);
    const ebb_tensor *x = y->kind == EBB_KIND_VARIABLE ? ebb_variable_read(y) : y;
    if (x->kind == EBB_KIND_POISON) return ebb_poison_of(ebb);
    ebb_tensor *dy = tangent_of(forward, x);
    if (dy) return ebb_scope_hold(ebb, ebb_handle_retain(dy));
    if (zeros) return ebb_zeros_at(ebb, y->type.dtype, y->type.shape.rank, y->type.shape.dim, file, line);
    return &ebb->absent;
}
