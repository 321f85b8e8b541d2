/* function.c - traced functions: which arguments mean which trace, and the tracing itself.
 *
 * The key of a trace: a tensor argument counts by dtype and shape, a variable by identity, a C number by its value.
 * Invariant: one concrete function per key, newest first; a function that is being traced is not entered again
 * (recursion is an error). Start reading at ebb_function_concrete. */
#include "frontend/trace.h"

#include <string.h>

/* ---- life ---- */

static char *copy_text(ebb_context *ebb, const char *text) {
    return ebb_mem_copy(&ebb->allocator, text, strlen(text) + 1);
}

ebb_function *ebb_function_alloc(ebb_context *ebb, const char *name, int results, ebb_mode mode) {
    ebb_function *f = ebb_mem_new(&ebb->allocator, 1, sizeof *f);
    if (f) f->name = copy_text(ebb, name ? name : "function");
    if (!f || !f->name) {
        ebb_mem_free(&ebb->allocator, f);
        ebb_fail_at(ebb, EBB_NO_MEMORY, ebb_site_at(NULL, 0), "no memory for a function");
        return NULL;
    }
    f->context = ebb;
    f->references = 1;
    f->results = results > 0 ? results : 1;
    f->arguments = -1;
    f->mode = mode;
    f->next = ebb->functions;
    if (f->next) f->next->previous = f;
    ebb->functions = f;
    return f;
}

ebb_function *ebb_function_new(ebb_context *ebb, ebb_body *body, const ebb_function_options *options) {
    static const ebb_function_options defaults;
    const ebb_function_options *o = options ? options : &defaults;
    if (!ebb) {
        ebb_fail_at(NULL, EBB_TYPE_ERROR, ebb_site_at(NULL, 0), "ebb_function_new: the context is NULL");
        return NULL;
    }
    ebb_enter(ebb);
    if (!body) {
        ebb_fail_at(ebb, EBB_TYPE_ERROR, ebb_site_at(NULL, 0), "ebb_function_new: the body is NULL");
        return NULL;
    }
    ebb_function *f = ebb_function_alloc(ebb, o->name, o->results, o->mode ? o->mode : ebb->options.mode);
    if (f) f->body = body, f->data = o->data;
    return f;
}

static void function_destroy(ebb_function *f) {
    ebb_context *ebb = f->context;
    for (ebb_concrete *c = f->concretes, *next; c; c = next) {
        next = c->next;
        ebb_concrete_free(c);
    }
    if (f->next) f->next->previous = f->previous;
    if (f->previous)
        f->previous->next = f->next;
    else
        ebb->functions = f->next;
    ebb_mem_free(&ebb->allocator, f->wrt);
    ebb_mem_free(&ebb->allocator, f->owned);
    ebb_mem_free(&ebb->allocator, f->name);
    ebb_mem_free(&ebb->allocator, f);
}

/* A chain of derived functions may be long: a loop, not a recursion. */
void ebb_function_free(ebb_function *f) {
    if (f && f->tracing) {
        ebb_fail_at(f->context, EBB_RUNTIME_ERROR, ebb_site_at(NULL, 0), "ebb_function_free: %s is being traced",
                    f->name);
        return;
    }
    while (f && --f->references == 0) {
        ebb_function *base = f->base;
        function_destroy(f);
        f = base;
    }
}

void ebb_functions_close(ebb_context *ebb) {
    while (ebb->functions)
        function_destroy(ebb->functions);
}

const char *ebb_function_name(const ebb_function *f) { return f ? f->name : ""; }
int ebb_trace_count(const ebb_function *f) { return f ? f->traces : 0; }

/* ---- keys ---- */

static uint64_t number_word(ebb_operand number) {
    uint64_t bits;
    memcpy(&bits, &number.number, sizeof bits);
    return bits;
}

/* Appends what argument `in` contributes; returns how many words. */
static int key_words(const ebb_operand *in, uint64_t *word) {
    const ebb_tensor *x = in->tensor;
    if (!x) {
        word[0] = EBB_KEY_NUMBER << 8 | (uint64_t)in->dtype;
        word[1] = number_word(*in);
        return 2;
    }
    if (x->kind == EBB_KIND_VARIABLE) {
        word[0] = EBB_KEY_VARIABLE << 8;
        word[1] = x->serial;
        return 2;
    }
    word[0] = (uint64_t)x->type.shape.rank << 16 | EBB_KEY_TENSOR << 8 | (uint64_t)x->type.dtype;
    for (int i = 0; i < x->type.shape.rank; i++)
        word[1 + i] = (uint64_t)x->type.shape.dim[i];
    return 1 + x->type.shape.rank;
}

static ebb_key key_make(int nin, const ebb_operand *in, uint64_t *word) {
    ebb_key key = {word, 0};
    for (int k = 0; k < nin; k++)
        key.count += key_words(&in[k], word + key.count);
    return key;
}

static ebb_concrete *find_concrete(const ebb_function *f, int nin, const ebb_key *key) {
    for (ebb_concrete *c = f->concretes; c; c = c->next)
        if (c->arguments == nin && c->key.count == key->count &&
            memcmp(c->key.word, key->word, (size_t)key->count * sizeof *key->word) == 0)
            return c;
    return NULL;
}

/* ---- tracing ---- */

/* A number has the dtype of the first floating tensor beside it; without one, i32 or f32 as a literal has. */
static ebb_dtype number_dtype(int nin, const ebb_operand *in, ebb_operand number) {
    if (!ebb_is_float(number.dtype)) return number.dtype;
    for (int k = 0; k < nin; k++)
        if (in[k].tensor && ebb_is_float(in[k].tensor->type.dtype)) return in[k].tensor->type.dtype;
    return EBB_F32;
}

ebb_tensor *ebb_function_argument(ebb_function *f, int nin, const ebb_operand *in, int k, ebb_site site) {
    if (in[k].tensor) return in[k].tensor;
    (void)site;
    return ebb_scalar_at(f->context, number_dtype(nin, in, in[k]), in[k]);
}

/* The body's parameters: traced tensors for tensors; variables and numbers as they are. */
static bool trace_arguments(ebb_trace *t, ebb_concrete *c, int nin, const ebb_operand *in, ebb_tensor **arg,
                            ebb_site site) {
    for (int k = 0; k < nin; k++) {
        ebb_tensor *x = in[k].tensor;
        c->parameter[k] = -1;
        if (x && x->kind != EBB_KIND_VARIABLE) {
            c->parameter[k] = t->graph->inputs;
            arg[k] = ebb_trace_tensor(t, ebb_add_input(t->graph, x->type, site), site);
        } else {
            arg[k] = ebb_function_argument(c->function, nin, in, k, site);
        }
        if (arg[k]->kind == EBB_KIND_POISON) return false;
    }
    return true;
}

/* Each result of the body becomes an output. */
static bool trace_results(ebb_trace *t, const ebb_function *f, ebb_tensor *const *out, ebb_site site) {
    for (int j = 0; j < f->results; j++) {
        if (!out[j]) return ebb_fail(&t->diag, EBB_VALUE_ERROR, site, "%s: the body did not set result %d", f->name, j);
        if (out[j]->kind == EBB_KIND_POISON) return false;
        bool absent = out[j]->kind == EBB_KIND_ABSENT;
        if (!absent && !ebb_usable(t->context, out[j], f->name, site)) return false;
        ebb_id id = absent ? EBB_ABSENT : ebb_trace_id(t, out[j], site);
        if (id == EBB_POISON || !ebb_add_output(t->graph, id)) return false;
    }
    return true;
}

/* An error in the body that no result shows, say a failed assign, is an error of the trace all the same. */
static bool run_body(ebb_trace *t, ebb_concrete *c, int nin, const ebb_operand *in, ebb_site site) {
    ebb_function *f = c->function;
    ebb_context *ebb = f->context;
    size_t room = (size_t)(nin + f->results + 1);
    ebb_tensor **arg = ebb_mem_new(&ebb->allocator, room, sizeof *arg);
    if (!arg) return ebb_fail_memory(&t->diag);
    ebb_tensor **out = arg + nin;
    int scope = ebb_scope_open(ebb);
    bool good = scope && trace_arguments(t, c, nin, in, arg, site);
    if (good) {
        uint64_t errors = ebb->errors;
        f->body(ebb, arg, out, f->data);
        good = t->diag.code == EBB_OK && (ebb->errors == errors || ebb_ok(ebb)) && trace_results(t, f, out, site) &&
               ebb_trace_add_states(t);
    }
    ebb_scope_close(ebb, scope);
    ebb_mem_free(&ebb->allocator, arg);
    return good;
}

static bool trace_body(ebb_concrete *c, int nin, const ebb_operand *in, ebb_site site) {
    ebb_function *f = c->function;
    ebb_trace t;
    bool good = ebb_trace_begin(&t, f->context, f);
    if (!good) return ebb_fail_diag(f->context, &t.diag, site), false;
    good = run_body(&t, c, nin, in, site);
    if (good) {
        c->graph = ebb_graph_retain(t.graph);
        c->graph->diag = &f->context->diag;
        good = ebb_concrete_copy_bindings(c, t.binding, t.bindings) || ebb_fail_memory(&t.diag);
    }
    if (t.diag.code != EBB_OK)
        ebb_fail_diag(f->context, &t.diag, site);
    else if (!good)
        ebb_fail_at(f->context, EBB_RUNTIME_ERROR, site, "%s: the trace failed", f->name);
    ebb_trace_end(&t);
    return good;
}

static ebb_concrete *trace_new(ebb_function *f, int nin, const ebb_operand *in, ebb_key *key, ebb_site site) {
    ebb_concrete *c = ebb_concrete_new(f, nin, key);
    if (!c) {
        ebb_fail_at(f->context, EBB_NO_MEMORY, site, "%s: no memory for a trace", f->name);
        return NULL;
    }
    c->results = f->results;
    f->tracing = true;
    bool good = f->transform == EBB_BODY ? trace_body(c, nin, in, site) : ebb_transform_trace(c, nin, in, site);
    f->tracing = false;
    if (!good || !ebb_concrete_seal(c, site)) {
        ebb_concrete_free(c);
        return NULL;
    }
    ebb_retrace_explain(f, c);
    c->next = f->concretes;
    f->concretes = c;
    f->traces++;
    return c;
}

bool ebb_function_takes(const ebb_function *f, int nin, ebb_site site) {
    if (f->arguments < 0 || f->arguments == nin) return true;
    ebb_fail_at(f->context, EBB_TYPE_ERROR, site, "%s: takes %d arguments, %d were given", f->name, (int)f->arguments,
                nin);
    return false;
}

/* What a call may be given: usable tensors and numbers. */
static bool check_operands(ebb_function *f, int nin, const ebb_operand *in, ebb_site site) {
    if (!ebb_function_takes(f, nin, site)) return false;
    for (int k = 0; k < nin; k++) {
        if (!in[k].tensor && in[k].dtype != EBB_NONE) continue;
        if (!ebb_usable(f->context, in[k].tensor, f->name, site)) return false;
    }
    return true;
}

ebb_concrete *ebb_function_concrete(ebb_function *f, int nin, const ebb_operand *in, ebb_site site) {
    ebb_context *ebb = f->context;
    uint64_t few[8 * EBB_KEY_WORDS], *word = few;
    if (!check_operands(f, nin, in, site)) return NULL;
    if (nin > 8) word = ebb_mem_new(&ebb->allocator, (size_t)nin * EBB_KEY_WORDS, sizeof *word);
    if (!word) return ebb_fail_at(ebb, EBB_NO_MEMORY, site, "%s: no memory for a call", f->name), NULL;
    ebb_key key = key_make(nin, in, word);
    ebb_concrete *c = find_concrete(f, nin, &key);
    if (!c && f->tracing)
        ebb_fail_at(ebb, EBB_RUNTIME_ERROR, site, "%s: a function cannot call itself while it is traced", f->name);
    else if (!c)
        c = trace_new(f, nin, in, &key, site);
    if (word != few) ebb_mem_free(&ebb->allocator, word);
    return c;
}
