/* call.c - calling a function: with values it runs, inside a trace it becomes one call node, and open tapes record it
 * either way.
 *
 * Start reading at ebb_call_n_at. */
#include "frontend/trace.h"

/* One call in progress. */
typedef struct calling {
    ebb_context *ebb;
    ebb_concrete *concrete;
    ebb_tensor **arg;     /* [arguments] */
    ebb_tensor **operand; /* [parameters] what enters the graph: arguments and the values of bindings */
    ebb_tensor **result;  /* [outputs of the graph] */
    ebb_site site;
} calling;

/* The values that bindings have now. Reading shows tapes the access. */
static bool read_operands(calling *k) {
    const ebb_concrete *c = k->concrete;
    for (int32_t i = 0; i < c->arguments; i++)
        if (c->parameter[i] >= 0) k->operand[c->parameter[i]] = k->arg[i];
    for (int32_t i = 0; i < c->bindings; i++) {
        ebb_tensor *x = c->binding[i].tensor;
        if (x->kind == EBB_KIND_VARIABLE) x = ebb_variable_read(x);
        if (x->kind == EBB_KIND_POISON) return false;
        k->operand[c->binding[i].parameter] = x;
    }
    return true;
}

/* ---- inside a trace: one call node ---- */

static bool call_node(calling *k, ebb_trace *t, ebb_id *id) {
    const ebb_concrete *c = k->concrete;
    for (int32_t i = 0; i < c->graph->inputs; i++)
        if ((id[i] = ebb_trace_id(t, k->operand[i], k->site)) == EBB_POISON) return false;
    ebb_id call = ebb_record_call(t->graph, c->graph, c->graph->inputs, id, k->site);
    for (int32_t j = 0; j < c->graph->outputs; j++) {
        bool absent = c->graph->output[j] == EBB_ABSENT;
        k->result[j] =
            absent ? &k->ebb->absent : ebb_trace_tensor(t, ebb_record_get(t->graph, call, j, k->site), k->site);
        if (k->result[j]->kind == EBB_KIND_POISON) return false;
    }
    for (int32_t i = 0; i < c->versions; i++)
        if (!ebb_trace_add_version(t, c->version[i].variable, k->result[c->version[i].output]->id)) return false;
    for (int32_t i = 0; i < c->bindings; i++)
        if (c->binding[i].state >= 0 &&
            ebb_trace_assign(t, c->binding[i].tensor, k->result[c->binding[i].state], k->site)->kind == EBB_KIND_POISON)
            return false;
    return true;
}

static bool call_traced(calling *k) {
    ebb_trace *t = k->ebb->trace;
    ebb_id *id = ebb_mem_new(&k->ebb->allocator, (size_t)k->concrete->graph->inputs + 1, sizeof *id);
    bool good = id ? call_node(k, t, id) : ebb_fail_memory(&t->diag);
    if (!good && t->diag.code != EBB_OK) ebb_fail_diag(k->ebb, &t->diag, k->site);
    ebb_mem_free(&k->ebb->allocator, id);
    return good;
}

/* ---- the call ---- */

/* Under a tape the operands are kept alive for the record: a handle that only a variable holds dies with its update. */
static bool hold_operands(calling *k) {
    for (int32_t i = 0; i < k->concrete->graph->inputs; i++)
        if (ebb_scope_hold(k->ebb, ebb_handle_retain(k->operand[i]))->kind == EBB_KIND_POISON) return false;
    return true;
}

static void tell_tapes(const calling *k) {
    const ebb_concrete *c = k->concrete;
    ebb_tapes_record_call(
        k->ebb, &(ebb_call_record){c->graph, k->operand, k->result, c->results, c->version, c->versions, k->site});
}

static bool call_now(calling *k, ebb_mode mode) {
    bool listening = ebb_tapes_listening(k->ebb), traced = k->ebb->trace;
    if ((listening || traced) && !read_operands(k)) return false;
    if (listening && !hold_operands(k)) return false;
    bool good = traced ? call_traced(k) : ebb_concrete_run(k->concrete, k->arg, k->result, mode, k->site);
    if (good && listening) tell_tapes(k);
    return good;
}

static bool call_concrete(ebb_function *f, ebb_concrete *c, int nin, const ebb_operand *in, int nout, ebb_tensor **out,
                          ebb_site site) {
    ebb_context *ebb = f->context;
    ebb_tensor *few[24];
    size_t room = (size_t)nin + (size_t)c->graph->inputs + (size_t)c->graph->outputs + 1;
    ebb_tensor **scratch = room <= 24 ? few : ebb_mem_new(&ebb->allocator, room, sizeof *scratch);
    if (!scratch) return ebb_fail_at(ebb, EBB_NO_MEMORY, site, "%s: no memory for a call", f->name), false;
    calling k = {ebb, c, scratch, scratch + nin, scratch + nin + c->graph->inputs, site};
    for (int i = 0; i < nin; i++)
        k.arg[i] = in[i].tensor;
    bool good = call_now(&k, f->mode);
    for (int j = 0; good && j < nout; j++)
        out[j] = k.result[j];
    if (scratch != few) ebb_mem_free(&ebb->allocator, scratch);
    return good;
}

/* ---- eager mode: the body runs on the arguments themselves ---- */

static bool eager_arguments(ebb_function *f, int nin, const ebb_operand *in, ebb_tensor **arg, ebb_site site) {
    for (int i = 0; i < nin; i++) {
        if (!in[i].tensor && in[i].dtype == EBB_NONE) return ebb_usable(f->context, NULL, f->name, site);
        arg[i] = ebb_argument_tensor(f->context, nin, in, i);
        if (!ebb_usable(f->context, arg[i], f->name, site)) return false;
    }
    return true;
}

/* What the body gave as result j, as a value of its own; NULL: an error was recorded. */
static ebb_tensor *eager_result(ebb_function *f, ebb_tensor *x, int j, ebb_site site) {
    if (!x) ebb_fail_at(f->context, EBB_VALUE_ERROR, site, "%s: the body did not set result %d", f->name, j);
    if (x && x->kind == EBB_KIND_ABSENT) return x;
    if (!x || !ebb_usable(f->context, x, f->name, site)) return NULL;
    if (x->kind == EBB_KIND_VARIABLE) x = ebb_variable_read(x);
    return x->kind == EBB_KIND_POISON ? NULL : ebb_handle_retain(x);
}

static bool eager_results(ebb_function *f, ebb_tensor **result, ebb_site site) {
    int32_t j = 0;
    while (j < f->results && (result[j] = eager_result(f, result[j], j, site)))
        j++;
    for (int32_t i = 0; j < f->results && i < j; i++)
        ebb_handle_release(result[i]);
    return j == f->results;
}

/* The body's temporaries and tapes die with it; its results go to the caller's scope. */
static bool call_body(ebb_function *f, int nin, const ebb_operand *in, int nout, ebb_tensor **out, ebb_site site) {
    ebb_context *ebb = f->context;
    if (!ebb_function_accepts(f, nin, in, site)) return false;
    size_t room = (size_t)f->results + (size_t)nin + EBB_SPARE_ARGUMENTS;
    ebb_tensor **result = ebb_mem_new(&ebb->allocator, room, sizeof *result);
    if (!result) return ebb_fail_at(ebb, EBB_NO_MEMORY, site, "%s: no memory for a call", f->name), false;
    ebb_tensor **arg = result + f->results;
    int scope = ebb_scope_open(ebb);
    bool good = scope && eager_arguments(f, nin, in, arg, site);
    f->references++; /* the body may give its own function up */
    if (good) f->body(ebb, arg, result, f->data);
    good = good && eager_results(f, result, site);
    ebb_scope_close(ebb, scope);
    for (int j = 0; good && j < f->results; j++) {
        ebb_tensor *x = result[j]->kind == EBB_KIND_ABSENT ? result[j] : ebb_scope_hold(ebb, result[j]);
        if (j < nout) out[j] = x;
    }
    for (int j = 0; good && j < nout; j++)
        good = out[j]->kind != EBB_KIND_POISON;
    ebb_function_free(f);
    ebb_mem_free(&ebb->allocator, result);
    return good;
}

/* ---- the public functions ---- */

static bool has_poison(int nin, const ebb_operand *in) {
    for (int k = 0; k < nin; k++)
        if (in[k].tensor && in[k].tensor->kind == EBB_KIND_POISON) return true;
    return false;
}

/* A function and a list of arguments; enters its context. */
static bool is_callable(const char *what, ebb_function *f, int nin, const ebb_operand *in, ebb_site site) {
    ebb_context *ebb = f ? f->context : ebb_current();
    if (!f) return ebb_fail_at(ebb, EBB_TYPE_ERROR, site, "%s: the function is NULL", what), false;
    ebb_enter(ebb);
    if (nin >= 0 && (in || !nin)) return true;
    return ebb_fail_at(ebb, EBB_TYPE_ERROR, site, "%s: %s: %d arguments and no list of them", what, f->name, nin),
           false;
}

bool ebb_callable(const char *what, ebb_function *f, int nin, const ebb_operand *in, ebb_site site) {
    return is_callable(what, f, nin, in, site) && !has_poison(nin, in);
}

/* What every call begins with: all results are poison, until they are something else. */
static bool may_call(const char *what, ebb_function *f, int nin, const ebb_operand *in, int nout, ebb_tensor **out,
                     ebb_site site) {
    ebb_context *ebb = f ? f->context : ebb_current();
    for (int j = 0; out && j < nout; j++)
        out[j] = ebb_poison_of(ebb);
    if (!is_callable(what, f, nin, in, site)) return false;
    if (nout > 0 && !out)
        return ebb_fail_at(ebb, EBB_TYPE_ERROR, site, "%s: %s: the list of results is NULL", what, f->name), false;
    if (has_poison(nin, in)) return false;
    if (nout > f->results)
        return ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "%s: %s has %d results, %d were asked for", what, f->name,
                           f->results, nout),
               false;
    return true;
}

static bool call(ebb_function *f, int nin, const ebb_operand *in, int nout, ebb_tensor **out, ebb_site site) {
    ebb_context *ebb = f->context;
    if ((f->mode == EBB_EAGER || ebb->run_eagerly) && f->transform == EBB_BODY && !ebb->trace)
        return call_body(f, nin, in, nout, out, site);
    int32_t traces = f->traces;
    ebb_concrete *c = ebb_function_concrete(f, nin, in, site);
    if (c) ebb_retrace_count(f, f->traces != traces);
    return c && call_concrete(f, c, nin, in, nout, out, site);
}

void ebb_call_n_at(ebb_function *f, int nin, const ebb_operand *in, int nout, ebb_tensor **out, const char *file,
                   int line) {
    ebb_site site = ebb_users_site(f ? f->context : NULL, ebb_site_at(file, line));
    if (!may_call("ebb_call", f, nin, in, nout, out, site)) return;
    ebb_context *ebb = f->context; /* the body may give its own function up */
    if (!ebb_occupy(ebb)) return;
    bool good = call(f, nin, in, nout, out, site);
    ebb_vacate(ebb, site);
    for (int j = 0; j < nout && !good; j++)
        out[j] = ebb_poison_of(ebb);
}

ebb_tensor *ebb_call_at(ebb_function *f, int nin, const ebb_operand *in, const char *file, int line) {
    ebb_tensor *out = NULL;
    ebb_call_n_at(f, nin, in, 1, &out, file, line);
    return out;
}

void ebb_run_functions_eagerly(ebb_context *ebb, bool on) {
    if (!ebb)
        ebb_fail_at(NULL, EBB_TYPE_ERROR, (ebb_site){0}, "ebb_run_functions_eagerly: the context is NULL");
    else
        ebb->run_eagerly = on;
}

/* ---- concrete functions in the user's hand ---- */

ebb_concrete *ebb_get_concrete_at(ebb_function *f, int nin, const ebb_operand *in, const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    return ebb_callable("ebb_get_concrete", f, nin, in, site) ? ebb_function_concrete(f, nin, in, site) : NULL;
}

void ebb_call_concrete_at(ebb_concrete *c, int nin, const ebb_operand *in, int nout, ebb_tensor **out, const char *file,
                          int line) {
    ebb_site site = ebb_site_at(file, line);
    ebb_function *f = c ? c->function : NULL;
    if (c && !may_call("ebb_call_concrete", f, nin, in, nout, out, site)) return;
    if (!c) ebb_fail_at(ebb_current(), EBB_TYPE_ERROR, site, "ebb_call_concrete: the concrete function is NULL");
    bool good = c && ebb_concrete_fits(c, nin, in, site) && call_concrete(f, c, nin, in, nout, out, site);
    for (int j = 0; out && j < nout && !good; j++)
        out[j] = ebb_poison_of(f ? f->context : ebb_current());
}

ebb_native ebb_native_of(ebb_concrete *c) {
    ebb_native n = {0};
    if (!c)
        ebb_fail_at(ebb_current(), EBB_TYPE_ERROR, ebb_site_at(NULL, 0),
                    "ebb_native_of: the concrete function is NULL");
    if (!c || !ebb_concrete_compile(c, EBB_NATIVE, ebb_site_at(NULL, 0))) return n;
    n.entry = ebb_executable_entry(c->executable);
    n.inputs = c->sealed->inputs;
    n.arguments = n.inputs - c->bindings;
    n.outputs = c->sealed->outputs;
    n.results = c->results;
    n.work_bytes = ebb_executable_work(c->executable);
    return n;
}

void ebb_native_bind(ebb_concrete *c, const void **in, void **out) {
    if (!c || (c->bindings && (!in || !out))) {
        ebb_fail_at(c ? c->function->context : ebb_current(), EBB_TYPE_ERROR, ebb_site_at(NULL, 0),
                    "ebb_native_bind: %s", c ? "in or out is NULL" : "the concrete function is NULL");
        return;
    }
    for (int32_t i = 0; i < c->bindings; i++) {
        const ebb_binding *b = &c->binding[i];
        /* Native code writes new values where the variables are. */
        if (b->state >= 0 && !ebb_variable_own(b->tensor, "ebb_native_bind", ebb_site_at(NULL, 0))) return;
        in[b->parameter] = b->tensor->storage->data;
        if (b->state >= 0) out[b->state] = b->tensor->storage->data;
    }
}
