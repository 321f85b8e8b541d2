/* concrete.c - one trace made callable: sealed, compiled at its first run, run on values.
 *
 * Invariant: parameters are the arguments and the bindings, in the order of graph->input; outputs are the results, then
 * the new values of variables, then (in `graph` only) the values that they had between. A variable is updated in place
 * iff nobody else holds its memory and neither an operation of the program nor a check of its results can fail; else it
 * gets new memory, so that an error loses nothing. Start reading at ebb_concrete_run. */
#include <string.h>

#include "frontend/log.h"
#include "frontend/nan.h"
#include "jit/eval/eval.h"
#include "jit/graph/reach.h"
#include "jit/graph/text.h"
#include "jit/graph/plain_floats.h"

/* ---- life ---- */

ebb_concrete *ebb_concrete_new(ebb_function *f, int arguments, ebb_key *key) {
    const ebb_allocator *a = &f->context->allocator;
    ebb_concrete *c = ebb_mem_new(a, 1, sizeof *c);
    if (!c) return NULL;
    c->function = f;
    c->arguments = arguments;
    c->parameter = ebb_mem_new(a, (size_t)arguments + 1, sizeof *c->parameter);
    c->key.word = ebb_mem_new(a, (size_t)key->count + 1, sizeof *key->word);
    if (!c->parameter || !c->key.word) {
        ebb_concrete_free(c);
        return NULL;
    }
    for (; c->key.count < key->count; c->key.count++)
        c->key.word[c->key.count] = key->word[c->key.count];
    return c;
}

void ebb_concrete_free(ebb_concrete *c) {
    const ebb_allocator *a = &c->function->context->allocator;
    for (int32_t i = 0; i < c->bindings; i++)
        ebb_handle_release(c->binding[i].tensor);
    ebb_executable_release(c->executable);
    ebb_sparse_forget(c);
    ebb_graph_release(c->graph);
    ebb_graph_release(c->sealed);
    void *owned[] = {c->parameter, c->key.word, c->binding,   c->version, c->alias, c->in, c->out,
                     c->fresh,     c->text,     c->signature, c->program, c->plan,  c};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        ebb_mem_free(a, owned[i]);
}

bool ebb_concrete_copy_bindings(ebb_concrete *c, const ebb_binding *binding, int32_t count) {
    const ebb_allocator *a = &c->function->context->allocator;
    ebb_binding *all = ebb_mem_new(a, (size_t)c->bindings + (size_t)count + 1, sizeof *all);
    if (!all) return false;
    if (c->bindings) memcpy(all, c->binding, (size_t)c->bindings * sizeof *all);
    ebb_mem_free(a, c->binding);
    c->binding = all;
    for (int32_t i = 0; i < count; i++) {
        all[c->bindings++] = binding[i];
        ebb_handle_retain(binding[i].tensor);
    }
    return true;
}

bool ebb_concrete_copy_versions(ebb_concrete *c, const ebb_moment *version, int32_t count, int32_t passed, int shift) {
    c->version = ebb_mem_new(&c->function->context->allocator, (size_t)count + 1, sizeof *version);
    if (!c->version) return false;
    for (; c->versions < count; c->versions++) {
        c->version[c->versions] = version[c->versions];
        c->version[c->versions].output += shift;
    }
    c->passed = passed;
    return true;
}

/* ---- sealing ---- */

/* Without the values that variables had between: nobody but a tape asks for them, and it has the recorded graph. */
static ebb_graph *what_runs(const ebb_concrete *c, ebb_diag *diag) {
    c->graph->outputs -= c->passed;
    ebb_graph *sealed = ebb_expand_to_run(c->graph, diag);
    c->graph->outputs += c->passed;
    return sealed;
}

/* What looks at an index may find it outside, and a matrix may be one that has no answer. */
static bool can_fail(ebb_op op) {
    if (ebb_op_table[op].family == EBB_IMPLICIT) return true;
    return op == EBB_OP_gather || op == EBB_OP_scatter_add || op == EBB_OP_scatter_max || op == EBB_OP_check_index;
}

static bool has_failing(const ebb_graph *g) {
    for (ebb_id id = 1; id < g->count; id++)
        if (can_fail(ebb_op_of(g, id))) return true;
    return false;
}

/* The program or a function that its regions run; without memory to tell, it may. */
static bool can_fail_halfway(const ebb_graph *g) {
    ebb_reach reach = {0};
    bool may = !ebb_reach_from(g, &reach);
    for (int32_t i = 0; i < reach.count && !may; i++)
        may = has_failing(reach.graph[i]);
    ebb_reach_end(&reach);
    return may;
}

bool ebb_concrete_seal(ebb_concrete *c, ebb_site site) {
    ebb_context *ebb = c->function->context;
    const ebb_allocator *a = &ebb->allocator;
    ebb_diag diag = {0};
    c->sealed = what_runs(c, &diag);
    if (!c->sealed) return ebb_fail_diag(ebb, &diag, site), false;
    c->sealed->diag = &ebb->diag;
    c->in = ebb_mem_new(a, (size_t)c->sealed->inputs + 1, sizeof *c->in);
    c->out = ebb_mem_new(a, (size_t)c->sealed->outputs + 1, sizeof *c->out);
    c->fresh = ebb_mem_new(a, (size_t)c->sealed->outputs + 1, sizeof *c->fresh);
    c->alias = ebb_mem_new(a, (size_t)c->sealed->outputs + 1, sizeof *c->alias);
    if (!c->in || !c->out || !c->fresh || !c->alias)
        return ebb_fail_at(ebb, EBB_NO_MEMORY, site, "%s: no memory for a trace", c->function->name), false;
    for (int32_t j = 0; j < c->sealed->outputs; j++)
        c->alias[j] = -1;
    for (int32_t i = 0; i < c->bindings; i++)
        if (c->binding[i].state >= 0) c->alias[c->binding[i].state] = c->binding[i].parameter;
    c->in_place = !can_fail_halfway(c->sealed);
    return true;
}

/* ---- compiling ---- */

static ebb_executable *compile(ebb_context *ebb, const char *name, ebb_graph *g, const int32_t *alias, ebb_diag *diag) {
    ebb_plan *plan = ebb_plan_new(g, &(ebb_plan_options){.alias = alias}, diag);
    if (!plan) return NULL;
    ebb_show_graph(ebb, name, g);
    ebb_show_plan(ebb, plan);
    ebb_compile_options options = {.name = name,
                                   .cpu = ebb->options.cpu,
                                   .dump_folder = ebb->options.dump_folder,
                                   .log = ebb_say_time,
                                   .log_self = ebb};
    ebb_executable *x = ebb_compile(plan, &options, diag);
    ebb_plan_free(plan);
    return x;
}

bool ebb_concrete_compile(ebb_concrete *c, ebb_mode mode, ebb_site site) {
    ebb_context *ebb = c->function->context;
    if (c->executable || (c->tried && mode != EBB_NATIVE)) return true;
    ebb_diag diag = {0};
    c->executable = compile(ebb, c->function->name, c->sealed, c->alias, &diag);
    if (c->executable) return true;
    c->tried = diag.code == EBB_UNAVAILABLE;
    if (mode != EBB_NATIVE && diag.code == EBB_UNAVAILABLE) return ebb_say(ebb, NULL, diag.message), true;
    return ebb_fail_diag(ebb, &diag, site), false;
}

/* ---- running ---- */

/* A variable's memory can be written iff only the variable holds it; its cached read handle is ours to drop. */
static bool sole_holder(ebb_tensor *v) {
    if (v->read && v->read->references == 1) ebb_variable_forget_read(v);
    return v->storage->references == 1;
}

void ebb_concrete_point_bindings(ebb_concrete *c) {
    for (int32_t i = 0; i < c->bindings; i++)
        c->in[c->binding[i].parameter] = c->binding[i].tensor->storage->data;
}

static void point_inputs(ebb_concrete *c, ebb_tensor *const *arg) {
    for (int32_t k = 0; k < c->arguments; k++)
        if (c->parameter[k] >= 0) c->in[c->parameter[k]] = arg[k]->storage->data;
    ebb_concrete_point_bindings(c);
}

/* Tensors for the results; their numbers come later. */
static bool point_results(ebb_concrete *c, ebb_tensor **results, ebb_site site) {
    ebb_context *ebb = c->function->context;
    for (int32_t j = 0; j < c->results; j++) {
        ebb_id id = c->sealed->output[j];
        ebb_type type = ebb_type_of(c->sealed, id);
        results[j] = id == EBB_ABSENT ? &ebb->absent : ebb_tensor_value(ebb, &type, NULL, site);
        if (results[j]->kind == EBB_KIND_POISON) return false;
        c->out[j] = results[j]->storage ? results[j]->storage->data : NULL;
    }
    return true;
}

/* Where the new value of a variable goes: into its place, or into new memory. */
static bool point_state(ebb_concrete *c, ebb_binding *b, ebb_site site) {
    ebb_context *ebb = c->function->context;
    int64_t bytes = 0;
    c->out[b->state] = b->tensor->storage->data;
    if (c->in_place && !c->function->check_nan && sole_holder(b->tensor)) return true;
    ebb_type_bytes(&b->tensor->type, &bytes);
    ebb_storage *s = c->fresh[b->state] = ebb_storage_new(ebb, (size_t)bytes);
    if (!s)
        return ebb_fail_at(ebb, EBB_NO_MEMORY, site, "%s: no memory for %s", c->function->name, b->tensor->name), false;
    c->out[b->state] = s->data;
    return true;
}

static bool point_states(ebb_concrete *c, ebb_site site) {
    for (int32_t i = 0; i < c->bindings; i++)
        if (c->binding[i].state >= 0 && !point_state(c, &c->binding[i], site)) return false;
    return true;
}

static bool work_room(ebb_context *ebb, int64_t bytes) {
    if ((size_t)bytes <= ebb->work_bytes) return true;
    ebb_mem_free(&ebb->allocator, ebb->work);
    ebb->work_bytes = 0;
    ebb->work = ebb_mem_new(&ebb->allocator, (size_t)bytes + 64, 1);
    if (ebb->work) ebb->work_bytes = (size_t)bytes;
    return ebb->work != NULL;
}

static void *work_aligned(const ebb_context *ebb) { return (void *)(((uintptr_t)ebb->work + 63) & ~(uintptr_t)63); }

static bool run_native(ebb_context *ebb, const char *name, const ebb_graph *g, const ebb_executable *x,
                       const void *const *in, void *const *out, ebb_diag *diag) {
    EBB_PLAIN_FLOATS;
    if (!work_room(ebb, ebb_executable_work(x))) return ebb_fail_memory(diag);
    int code = ebb_executable_entry(x)(in, out, work_aligned(ebb));
    if (code == EBB_OK) return true;
    const int32_t node = ebb_rt_fault()->node;
    const ebb_site site = node < g->count ? g->site[node] : (ebb_site){0};
    char text[EBB_RT_FAULT_TEXT];
    return ebb_fail(diag, (ebb_code)code, site, "%s: %s", name, ebb_rt_fault_text((ebb_op)site.macro, text));
}

bool ebb_compile_apart(ebb_context *ebb, const char *name, ebb_graph *g, ebb_mode mode, ebb_executable **x,
                       ebb_diag *diag) {
    ebb_diag why = {0};
    *x = mode == EBB_EAGER ? NULL : compile(ebb, name, g, NULL, &why);
    if (why.code != EBB_OK && (mode == EBB_NATIVE || why.code != EBB_UNAVAILABLE))
        return ebb_fail(diag, why.code, why.site, "%s", why.message);
    return true;
}

bool ebb_run_apart(ebb_context *ebb, const char *name, const ebb_graph *g, const ebb_executable *x,
                   const void *const *in, void *const *out, ebb_diag *diag) {
    return x ? run_native(ebb, name, g, x, in, out, diag) : ebb_eval_graph(g, NULL, in, out, &ebb->allocator, diag);
}

bool ebb_run_once(ebb_context *ebb, const char *name, ebb_graph *g, ebb_mode mode, const void *const *in,
                  void *const *out, ebb_diag *diag) {
    ebb_executable *x;
    if (!ebb_compile_apart(ebb, name, g, mode, &x, diag)) return false;
    bool good = ebb_run_apart(ebb, name, g, x, in, out, diag);
    ebb_executable_release(x);
    return good;
}

/* Before anything is changed, so that it can all be run once more. */
static bool check_nan(ebb_concrete *c, ebb_mode mode, ebb_diag *diag) {
    for (int32_t j = 0; j < c->sealed->outputs; j++) {
        ebb_type type = ebb_type_of(c->sealed, c->sealed->output[j]);
        if (c->sealed->output[j] == EBB_ABSENT || !ebb_any_nan(&type, c->out[j])) continue;
        return ebb_nan_fail(&(ebb_nan_search){.ebb = c->function->context,
                                              .name = c->function->name,
                                              .graph = c->sealed,
                                              .concrete = c,
                                              .mode = mode},
                            diag);
    }
    return true;
}

/* New values move into their variables. */
static void commit_states(ebb_concrete *c) {
    for (int32_t i = 0; i < c->bindings; i++) {
        ebb_tensor *v = c->binding[i].tensor;
        int32_t j = c->binding[i].state;
        if (j < 0) continue;
        ebb_variable_forget_read(v);
        if (!c->fresh[j]) continue;
        ebb_storage_release(c->function->context, v->storage);
        v->storage = c->fresh[j];
        c->fresh[j] = NULL;
    }
}

static void drop_fresh(ebb_concrete *c) {
    for (int32_t j = c->results; j < c->sealed->outputs; j++)
        if (c->fresh[j]) ebb_storage_release(c->function->context, c->fresh[j]), c->fresh[j] = NULL;
}

bool ebb_concrete_run(ebb_concrete *c, ebb_tensor *const *arg, ebb_tensor **results, ebb_mode mode, ebb_site site) {
    ebb_context *ebb = c->function->context;
    ebb_diag diag = {0};
    if (mode != EBB_EAGER && !ebb_concrete_compile(c, mode, site)) return false;
    bool good = point_results(c, results, site) && point_states(c, site);
    if (good) {
        point_inputs(c, arg);
        good = c->executable && mode != EBB_EAGER
                   ? run_native(ebb, c->function->name, c->sealed, c->executable, c->in, c->out, &diag)
                   : ebb_eval_graph(c->sealed, NULL, c->in, c->out, &ebb->allocator, &diag);
    }
    if (good && c->function->check_nan) good = check_nan(c, mode, &diag);
    if (!good && diag.code != EBB_OK) ebb_fail_diag(ebb, &diag, site);
    if (good)
        commit_states(c);
    else
        drop_fresh(c);
    return good;
}

/* ---- reading ---- */

bool ebb_concrete_is_native(const ebb_concrete *c) {
    if (!c) return false;
    ebb_concrete_compile((ebb_concrete *)c, EBB_COMPILED, ebb_site_at(NULL, 0));
    return c->executable != NULL;
}

static const char *replace_text(const ebb_concrete *c, char **kept, char *text) {
    ebb_mem_free(&c->function->context->allocator, *kept);
    *kept = text;
    return text ? text : "";
}

const char *ebb_concrete_text(const ebb_concrete *c) {
    if (!c) return "";
    ebb_diag diag = {0};
    char *text = ebb_graph_print(c->graph, &diag);
    if (!text) ebb_fail_diag(c->function->context, &diag, ebb_site_at(NULL, 0));
    return replace_text(c, &((ebb_concrete *)c)->text, text);
}

/* Appends formatted types to `text` of `size` bytes, cutting what does not fit. */
static size_t list_types(char *text, size_t size, size_t at, const ebb_graph *g, const ebb_id *id, int32_t count) {
    char type_text[EBB_TYPE_TEXT];
    for (int32_t k = 0; k < count && at + EBB_TYPE_TEXT < size; k++) {
        ebb_type type = ebb_type_of(g, id[k]);
        at += (size_t)snprintf(text + at, size - at, "%s%s", k ? ", " : "",
                               id[k] == EBB_ABSENT ? "absent" : ebb_type_text(&type, type_text));
    }
    return at;
}

const char *ebb_concrete_signature(const ebb_concrete *c) {
    if (!c) return "";
    const ebb_graph *g = c->graph;
    size_t size = strlen(c->function->name) + ((size_t)c->arguments + (size_t)c->results + 2) * (EBB_TYPE_TEXT + 2);
    char *text = ebb_mem_new(&c->function->context->allocator, size, 1);
    if (!text) return replace_text(c, &((ebb_concrete *)c)->signature, NULL);
    ebb_id argument[1];
    size_t at = (size_t)snprintf(text, size, "%s(", c->function->name);
    for (int32_t k = 0, shown = 0; k < c->arguments; k++) {
        if (c->parameter[k] < 0) continue;
        if (shown++) at += (size_t)snprintf(text + at, size - at, ", ");
        argument[0] = g->input[c->parameter[k]];
        at = list_types(text, size, at, g, argument, 1);
    }
    at += (size_t)snprintf(text + at, size - at, ") -> ");
    list_types(text, size, at, g, g->output, c->results);
    return replace_text(c, &((ebb_concrete *)c)->signature, text);
}
