/* control.c - branches and loops whose course depends on tensors: the public functions, and what they are given.
 *
 * Start reading at flow_through. */
#include "frontend/control.h"
#include "frontend/values.h"

/* What a caller gives, beside the flow. */
typedef struct given {
    const ebb_operand *predicate;        /* of a branch */
    const ebb_operand *state, *sequence; /* [flow->states], [flow->sequences] */
    int nout;
    ebb_tensor **out; /* [nout] the first so many results */
} given;

/* ---- checking ---- */

static bool refuse(const ebb_flow *w, ebb_code code, const char *why) {
    return ebb_fail_at(w->ebb, code, w->site, "%s: %s", w->function, why), false;
}

static bool lists_there(const ebb_flow *w, const given *g) {
    if (!w->ebb) return refuse(w, EBB_TYPE_ERROR, "the context is NULL");
    ebb_enter(w->ebb);
    if (w->states < 0 || w->sequences < 0 || (w->states && !g->state) || (w->sequences && !g->sequence))
        return refuse(w, EBB_TYPE_ERROR, "operands, and no list of them");
    if (w->results < w->states * !g->predicate || (g->nout && !g->out))
        return refuse(w, EBB_TYPE_ERROR, "results, and no list of them");
    if (g->nout > w->results) return refuse(w, EBB_VALUE_ERROR, "there is no result");
    for (int i = 0; i < w->parts; i++)
        if (!w->part[i].body)
            return ebb_fail_at(w->ebb, EBB_TYPE_ERROR, w->site, "%s: the %s is NULL", w->function,
                               ebb_role_text(w->part[i].role)),
                   false;
    return true;
}

/* All sequences are as long as the first one, which says how many iterations there are. */
static bool sequence_fits(const ebb_flow *w, int k) {
    char a[EBB_TYPE_TEXT], b[EBB_TYPE_TEXT];
    const ebb_type *first = &w->in[w->states]->type, *type = &w->in[w->states + k]->type;
    if (!type->shape.rank)
        return ebb_fail_at(w->ebb, EBB_VALUE_ERROR, w->site, "%s: sequence %d is %s; it has no rows", w->function, k,
                           ebb_type_text(type, a)),
               false;
    if (type->shape.dim[0] == first->shape.dim[0]) return true;
    return ebb_fail_at(w->ebb, EBB_VALUE_ERROR, w->site,
                       "%s: sequence 0 is %s and sequence %d is %s; their first sizes differ", w->function,
                       ebb_type_text(first, a), k, ebb_type_text(type, b)),
           false;
}

static bool budget_fits(const ebb_flow *w) {
    if (w->budget >= 0) return true;
    return ebb_fail_at(w->ebb, EBB_VALUE_ERROR, w->site, "%s: checkpoint_bytes is %lld; it must not be negative",
                       w->function, (long long)w->budget),
           false;
}

static bool trips_fit(ebb_flow *w) {
    for (int k = 0; k < w->sequences; k++)
        if (!sequence_fits(w, k)) return false;
    int64_t rows = w->sequences ? w->in[w->states]->type.shape.dim[0] : w->trips;
    if (w->trips < 0 || (w->trips && w->trips != rows))
        return ebb_fail_at(w->ebb, EBB_VALUE_ERROR, w->site, "%s: %lld iterations are asked for%s", w->function,
                           (long long)w->trips, w->trips < 0 ? "" : "; the sequences have another number of rows"),
               false;
    w->trips = rows;
    return true;
}

/* ---- operands ---- */

/* What operand k of n is called. */
static const char *operand_text(const ebb_flow *w, int k, char text[96]) {
    bool sequence = k >= w->states, state = w->part[0].role == EBB_STEP_BODY;
    snprintf(text, 96, "%s: %s %d", w->function,
             sequence ? "sequence"
             : state  ? "state"
                      : "operand",
             sequence ? k - w->states : k);
    return text;
}

/* Operand k as a value, counted; NULL: an error was recorded, but for poison. */
static ebb_tensor *value_of(const ebb_flow *w, const char *what, int n, const ebb_operand *in, int k) {
    ebb_tensor *x = in[k].tensor;
    if (!x && in[k].dtype != EBB_NONE) x = ebb_argument_tensor(w->ebb, n, in, k);
    if (!ebb_usable(w->ebb, x, what, w->site)) return NULL;
    if (x->kind == EBB_KIND_VARIABLE) x = ebb_variable_read(x);
    return x->kind == EBB_KIND_POISON ? NULL : ebb_handle_retain(x);
}

static bool take_values(ebb_flow *w, const given *g, ebb_operand *all) {
    char what[96];
    const int n = ebb_flow_operands(w);
    for (int k = 0; k < n; k++)
        all[k] = k < w->states ? g->state[k] : g->sequence[k - w->states];
    for (int k = 0; k < n; k++)
        if (!(w->in[k] = value_of(w, operand_text(w, k, what), n, all, k))) return false;
    if (!g->predicate) return true;
    snprintf(what, sizeof what, "%s: the predicate", w->function);
    w->predicate = value_of(w, what, 1, g->predicate, 0);
    return w->predicate && ebb_flow_decides(w);
}

static bool take_operands(ebb_flow *w, const given *g) {
    const ebb_allocator *a = &w->ebb->allocator;
    const size_t n = (size_t)ebb_flow_operands(w);
    ebb_operand *all = ebb_mem_new(a, n + 1, sizeof *all);
    w->in = ebb_mem_new(a, n + (size_t)w->results + 1, sizeof *w->in);
    if (w->in) w->out = w->in + n;
    bool good = (all && w->in) || refuse(w, EBB_NO_MEMORY, "no memory");
    good = good && take_values(w, g, all) && trips_fit(w) && budget_fits(w);
    ebb_mem_free(a, all);
    return good;
}

/* ---- all of it ---- */

/* Results go to the caller's scope. */
static bool hand_out(ebb_flow *w, const given *g) {
    bool good = true;
    for (int k = 0; k < g->nout; k++) {
        g->out[k] = ebb_scope_hold(w->ebb, w->out[k]);
        w->out[k] = NULL;
        good = good && g->out[k]->kind != EBB_KIND_POISON;
    }
    return good;
}

static void let_go(ebb_flow *w) {
    ebb_handle_release(w->predicate);
    for (int k = 0; w->in && k < ebb_flow_operands(w) + w->results; k++)
        ebb_handle_release(w->in[k]);
    if (w->in) ebb_mem_free(&w->ebb->allocator, w->in);
}

static void flow_through(ebb_flow *w, const given *g) {
    w->site = ebb_users_site(w->ebb, w->site);
    bool good = lists_there(w, g) && take_operands(w, g);
    if (good) good = (w->ebb->trace ? ebb_flow_trace(w) : ebb_flow_run(w)) && hand_out(w, g);
    for (int k = 0; k < g->nout && g->out && !good; k++)
        g->out[k] = ebb_poison_of(w->ebb);
    let_go(w);
}

/* ---- branches ---- */

void ebb_cond_n_at(ebb_context *ebb, ebb_operand predicate, ebb_body *then, ebb_body *otherwise, void *data, int nin,
                   const ebb_operand *in, int nout, ebb_tensor **out, const char *file, int line) {
    ebb_flow w = {.ebb = ebb,
                  .function = "ebb_cond",
                  .data = data,
                  .site = ebb_site_at(file, line),
                  .part = {{EBB_THEN, then, nout}, {EBB_OTHERWISE, otherwise, nout}},
                  .parts = 2,
                  .states = nin,
                  .results = nout};
    flow_through(&w, &(given){&predicate, in, NULL, nout, out});
}

ebb_tensor *ebb_cond_at(ebb_context *ebb, ebb_operand predicate, ebb_body *then, ebb_body *otherwise, void *data,
                        int nin, const ebb_operand *in, const char *file, int line) {
    ebb_tensor *out = NULL;
    ebb_cond_n_at(ebb, predicate, then, otherwise, data, nin, in, 1, &out, file, line);
    return out;
}

/* ---- loops ---- */

static void loop_while(ebb_context *ebb, ebb_body *condition, ebb_body *body, void *data, int n,
                       const ebb_operand *state, int nout, ebb_tensor **out, int64_t budget, ebb_site site) {
    ebb_flow w = {.ebb = ebb,
                  .function = "ebb_while",
                  .data = data,
                  .site = site,
                  .part = {{EBB_STEP_BODY, body, n}, {EBB_CONDITION, condition, 1}},
                  .parts = 2,
                  .states = n,
                  .results = n,
                  .budget = budget};
    flow_through(&w, &(given){NULL, state, NULL, nout, out});
}

void ebb_while_n_at(ebb_context *ebb, ebb_body *condition, ebb_body *body, void *data, int n, const ebb_operand *state,
                    ebb_tensor **out, const ebb_while_options *options, const char *file, int line) {
    const int64_t budget = options ? options->checkpoint_bytes : 0;
    loop_while(ebb, condition, body, data, n, state, n, out, budget, ebb_site_at(file, line));
}

ebb_tensor *ebb_while_at(ebb_context *ebb, ebb_body *condition, ebb_body *body, void *data, int n,
                         const ebb_operand *state, const char *file, int line) {
    ebb_tensor *out = NULL;
    loop_while(ebb, condition, body, data, n, state, 1, &out, 0, ebb_site_at(file, line));
    return out;
}

/* A loop over rows that gives all its results. */
static void loop_over(ebb_flow *w, ebb_body *body, const ebb_operand *state, const ebb_operand *sequence,
                      ebb_tensor **out) {
    w->part[0] = (ebb_flow_part){EBB_STEP_BODY, body, w->results};
    w->parts = 1;
    flow_through(w, &(given){NULL, state, sequence, w->results, out});
}

void ebb_scan_at(ebb_context *ebb, ebb_body *body, void *data, int states, const ebb_operand *state, int sequences,
                 const ebb_operand *sequence, int outputs, ebb_tensor **out, const ebb_scan_options *options,
                 const char *file, int line) {
    ebb_flow w = {.ebb = ebb,
                  .function = "ebb_scan",
                  .data = data,
                  .site = ebb_site_at(file, line),
                  .states = states,
                  .sequences = sequences,
                  .results = states + outputs,
                  .trips = options ? options->trips : 0,
                  .reverse = options && options->reverse,
                  .budget = options ? options->checkpoint_bytes : 0};
    loop_over(&w, body, state, sequence, out);
}

ebb_tensor *ebb_map_at(ebb_context *ebb, ebb_body *body, void *data, int n, const ebb_operand *x, const char *file,
                       int line) {
    ebb_tensor *out = NULL;
    ebb_flow w = {
        .ebb = ebb, .function = "ebb_map", .data = data, .site = ebb_site_at(file, line), .sequences = n, .results = 1};
    loop_over(&w, body, NULL, x, &out);
    return out;
}

ebb_tensor *ebb_fold_at(ebb_context *ebb, ebb_body *body, void *data, ebb_operand initial, ebb_operand x,
                        const char *file, int line) {
    ebb_tensor *out = NULL;
    ebb_flow w = {.ebb = ebb,
                  .function = "ebb_fold",
                  .data = data,
                  .site = ebb_site_at(file, line),
                  .states = 1,
                  .sequences = 1,
                  .results = 1};
    loop_over(&w, body, &initial, &x, &out);
    return out;
}
