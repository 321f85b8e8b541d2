/* transform.c - the common part of the transforms: checks, parameters, zeros for what is not connected. */
#include "dual/transform.h"

#include "dual/sparse.h"

#include <stdio.h>
#include <string.h>

static bool check_auxiliary(ebb_work *w, int auxiliary) {
    const ebb_graph *g = w->b.graph;
    if (auxiliary >= 0 && auxiliary < w->results) return true;
    return ebb_fail(g->diag, EBB_VALUE_ERROR, (ebb_site){0},
                    "%s: %d of the results of %s, which has %d, shall be auxiliary; one at least is to be derived",
                    w->verb, auxiliary, g->name, w->results);
}

static bool check_results(ebb_work *w, const ebb_dual_spec *spec) {
    const ebb_graph *g = w->b.graph;
    w->outputs = g->outputs;
    w->results = spec->results ? spec->results : g->outputs;
    w->derived = w->results - spec->auxiliary;
    w->known = spec->known;
    w->brought = spec->brought;
    w->budget = (double)(spec->budget > 0 ? spec->budget : EBB_DEFAULT_BUDGET);
    if (w->results >= 1 && w->results <= g->outputs) return check_auxiliary(w, spec->auxiliary);
    return ebb_fail(g->diag, EBB_VALUE_ERROR, (ebb_site){0}, "%s: %d results asked of %s, which has %d", w->verb,
                    w->results, g->name, (int)g->outputs);
}

static bool check_parameter(ebb_work *w, int k) {
    const ebb_graph *g = w->b.graph;
    if (k < 0 || k >= g->inputs)
        return ebb_fail(g->diag, EBB_INDEX_ERROR, (ebb_site){0}, "%s: %s has no parameter %d, it has %d of them",
                        w->verb, g->name, k, (int)g->inputs);
    ebb_id x = g->input[k];
    if (ebb_is_float(ebb_dtype_at(g, x))) return true;
    ebb_type type = ebb_type_of(g, x);
    char text[EBB_TYPE_TEXT];
    return ebb_fail(g->diag, EBB_TYPE_ERROR, g->site[x],
                    "%s: parameter %d of %s is %s; only f32 and f64 have derivatives", w->verb, k, g->name,
                    ebb_type_text(&type, text));
}

static bool find_parameters(ebb_work *w, const ebb_dual_spec *spec) {
    for (int i = 0; i < w->n; i++) {
        int k = spec->nwrt ? spec->wrt[i] : 0;
        if (!check_parameter(w, k)) return false;
        w->x[i] = w->b.graph->input[k];
    }
    return true;
}

static bool make_room(ebb_work *w) {
    ebb_graph *g = w->b.graph;
    w->room = ebb_mem_new(g->allocator, 3 * (size_t)w->n + 2 * (size_t)w->outputs + 1, sizeof *w->room);
    if (!w->room) return ebb_fail_memory(g->diag);
    w->x = w->room;
    w->v = w->x + w->n;
    w->dx = w->v + w->n;
    w->y = w->dx + w->n;
    w->dy = w->y + w->outputs;
    memcpy(w->y, g->output, (size_t)w->outputs * sizeof *w->y);
    ebb_clear_outputs(g);
    return true;
}

static const ebb_dual_spec none;

static bool start(ebb_work *w, const char *verb, const ebb_graph *f, const ebb_dual_spec *spec, int n, ebb_diag *diag) {
    *w = (ebb_work){.verb = verb, .n = n};
    w->b.graph = ebb_expand(f, false, NULL, diag);
    return w->b.graph && check_results(w, spec) && make_room(w);
}

bool ebb_start_whole(ebb_work *w, const char *verb, const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag) {
    return start(w, verb, f, spec ? spec : &none, 0, diag);
}

bool ebb_start(ebb_work *w, const char *verb, const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag) {
    if (!spec) spec = &none;
    return start(w, verb, f, spec, spec->nwrt ? spec->nwrt : 1, diag) && find_parameters(w, spec);
}

bool ebb_more_inputs(ebb_work *w, int n, const ebb_id *like, ebb_id *in) {
    ebb_graph *g = w->b.graph;
    for (int i = 0; i < n; i++) {
        if (like[i] == EBB_ABSENT)
            return ebb_fail(g->diag, EBB_VALUE_ERROR, (ebb_site){0}, "%s: result %d of %s is absent", w->verb, i,
                            g->name);
        in[i] = ebb_add_input(g, ebb_type_of(g, like[i]), g->site[like[i]]);
        if (in[i] == EBB_POISON) return false;
    }
    return true;
}

bool ebb_fill(ebb_work *w, int n, const ebb_id *like, ebb_id *d) {
    for (int i = 0; i < n; i++) {
        if (like[i] == EBB_ABSENT || !ebb_is_float(ebb_dtype_at(w->b.graph, like[i]))) continue;
        d[i] = ebb_present(&w->b, d[i], like[i]);
        if (d[i] == EBB_POISON) return false;
    }
    return true;
}

bool ebb_give(ebb_work *w, int n, const ebb_id *id) {
    for (int i = 0; i < n; i++)
        if (!ebb_add_output(w->b.graph, id[i])) return false;
    return true;
}

/* What went wrong deep inside says of what it is, but seldom in which transform of which function. */
static void name_transform(const ebb_work *w) {
    ebb_diag *diag = w->b.graph ? w->b.graph->diag : NULL;
    size_t length = strlen(w->verb);
    if (!diag || diag->code == EBB_OK || diag->code == EBB_NO_MEMORY) return;
    if (strncmp(diag->message, w->verb, length) == 0 && diag->message[length] == ':') return;
    char message[sizeof diag->message];
    snprintf(message, sizeof message, "%s of %s: %.900s", w->verb, w->b.graph->name, diag->message);
    memcpy(diag->message, message, sizeof message);
}

void ebb_abandon(ebb_work *w) {
    name_transform(w);
    if (w->b.graph) ebb_mem_free(w->b.graph->allocator, w->room);
    ebb_graph_release(w->b.graph);
}

static bool give_state(ebb_work *w) { return ebb_give(w, w->outputs - w->results, w->y + w->results); }

ebb_graph *ebb_finish(ebb_work *w, bool ok) {
    ebb_graph *done = NULL;
    if (ok && give_state(w)) done = ebb_expand(w->b.graph, false, NULL, w->b.graph->diag);
    ebb_abandon(w);
    return done;
}

/* Of the hidden parameters only those that the outputs need are kept: another road may have been taken. */
static bool keep_needed(ebb_work *w) {
    const ebb_graph *g = w->b.graph;
    ebb_sparse *s = w->brought;
    bool *needed = ebb_mem_new(g->allocator, (size_t)g->count, sizeof *needed);
    int kept = 0;
    if (!needed) return ebb_fail_memory(g->diag);
    for (int j = 0; j < g->outputs; j++)
        needed[g->output[j]] = true;
    for (ebb_id id = g->count - 1; id > 0; id--)
        for (int i = 0; needed[id] && i < g->node[id].arity; i++)
            needed[ebb_operands(g, id)[i]] = true;
    for (int k = 0; k < s->hiddens; k++) {
        if (!needed[w->hidden[k]]) {
            ebb_mem_free(s->allocator, s->hidden[k].data);
            continue;
        }
        w->hidden[kept] = w->hidden[k];
        s->hidden[kept++] = s->hidden[k];
    }
    s->hiddens = kept;
    ebb_mem_free(g->allocator, needed);
    return true;
}

/* The program without any other parameters. */
static ebb_graph *take_out(ebb_work *w, int parameters) {
    const ebb_graph *g = w->b.graph;
    int hiddens = w->brought && keep_needed(w) ? w->brought->hiddens : 0;
    ebb_id *in = ebb_mem_new(g->allocator, (size_t)parameters + EBB_MOST_HIDDEN, sizeof *in);
    ebb_graph *done = NULL;
    if (in) {
        memcpy(in, g->input, (size_t)parameters * sizeof *in);
        memcpy(in + parameters, w->hidden, (size_t)hiddens * sizeof *in);
        done = ebb_extract(g, parameters + hiddens, in, g->outputs, g->output);
    } else {
        ebb_fail_memory(g->diag);
    }
    ebb_mem_free(g->allocator, in);
    return done;
}

ebb_graph *ebb_finish_part(ebb_work *w, int parameters, bool ok) {
    ebb_graph *done = NULL;
    if (ok && w->b.graph->inputs == parameters) return ebb_finish(w, ok);
    if (ok && give_state(w)) done = take_out(w, parameters);
    ebb_abandon(w);
    return done;
}
