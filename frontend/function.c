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
    f->check_nan = ebb->options.check_nan;
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
    if (!f) return NULL;
    f->body = body;
    f->data = o->data;
    f->reduce_retracing = o->reduce_retracing;
    f->check_nan |= o->check_nan;
    if (!o->signature || ebb_signature_parse(f, o->signature)) return f;
    ebb_function_free(f);
    return NULL;
}

static void concretes_free(ebb_concrete *c) {
    for (ebb_concrete *next; c; c = next) {
        next = c->next;
        ebb_concrete_free(c);
    }
}

static void function_destroy(ebb_function *f) {
    ebb_context *ebb = f->context;
    concretes_free(f->concretes);
    concretes_free(f->generals);
    ebb_mem_free(&ebb->allocator, f->signature.word);
    if (f->next) f->next->previous = f->previous;
    if (f->previous)
        f->previous->next = f->next;
    else
        ebb->functions = f->next;
    ebb_linear_free(ebb, f->linear);
    ebb_mem_free(&ebb->allocator, f->wrt);
    ebb_mem_free(&ebb->allocator, f->out_axes);
    ebb_mem_free(&ebb->allocator, f->road);
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
        ebb_function *base = f->base, *rule = f->rule;
        function_destroy(f);
        ebb_function_free(rule);
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

int32_t ebb_key_words(const uint64_t *word) {
    return (word[0] >> 8 & 0xff) == EBB_KEY_TENSOR ? 1 + (int32_t)(word[0] >> 16) : 2;
}

int32_t ebb_key_tensor(const ebb_type *type, uint64_t *word) {
    word[0] = (uint64_t)type->shape.rank << 16 | EBB_KEY_TENSOR << 8 | (uint64_t)type->dtype;
    for (int i = 0; i < type->shape.rank; i++)
        word[1 + i] = (uint64_t)type->shape.dim[i];
    return 1 + type->shape.rank;
}

ebb_type ebb_key_type(const uint64_t *word) {
    ebb_type type = {(ebb_dtype)(word[0] & 0xff), {.rank = (int32_t)(word[0] >> 16)}};
    for (int i = 0; i < type.shape.rank; i++)
        type.shape.dim[i] = (int64_t)word[1 + i];
    return type;
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
    return ebb_key_tensor(&x->type, word);
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

ebb_tensor *ebb_argument_tensor(ebb_context *ebb, int nin, const ebb_operand *in, int k) {
    return in[k].tensor ? in[k].tensor : ebb_scalar_at(ebb, number_dtype(nin, in, in[k]), in[k]);
}

/* The body's parameters: traced tensors for tensors; variables and numbers as they are. */
static bool trace_arguments(ebb_trace *t, ebb_concrete *c, int nin, const ebb_operand *in, ebb_tensor **arg,
                            ebb_site site) {
    const uint64_t *word = c->key.word; /* the sizes of the trace, which need not be those of the call */
    for (int k = 0; k < nin; word += ebb_key_words(word), k++) {
        ebb_tensor *x = in[k].tensor;
        c->parameter[k] = -1;
        if (x && x->kind != EBB_KIND_VARIABLE) {
            c->parameter[k] = t->graph->inputs;
            arg[k] = ebb_trace_tensor(t, ebb_add_input(t->graph, ebb_key_type(word), site), site);
        } else {
            arg[k] = ebb_argument_tensor(t->context, nin, in, k);
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
    size_t room = (size_t)f->results + (size_t)nin + EBB_SPARE_ARGUMENTS;
    ebb_tensor **out = ebb_mem_new(&ebb->allocator, room, sizeof *out);
    if (!out) return ebb_fail_memory(&t->diag);
    ebb_tensor **arg = out + f->results;
    int scope = ebb_scope_open(ebb);
    bool good = scope && trace_arguments(t, c, nin, in, arg, site);
    if (good) {
        uint64_t errors = ebb->errors;
        f->body(ebb, arg, out, f->data);
        good = t->diag.code == EBB_OK && (ebb->errors == errors || ebb_ok(ebb)) && trace_results(t, f, out, site) &&
               ebb_trace_add_states(t);
    }
    ebb_scope_close(ebb, scope);
    ebb_mem_free(&ebb->allocator, out);
    return good;
}

static bool trace_body(ebb_concrete *c, int nin, const ebb_operand *in, ebb_site site) {
    ebb_function *f = c->function;
    ebb_trace t;
    bool good = ebb_trace_begin(&t, f->context, f, NULL);
    if (!good) return ebb_fail_diag(f->context, &t.diag, site), false;
    t.site = site;
    good = run_body(&t, c, nin, in, site);
    if (good) {
        c->graph = ebb_graph_retain(t.graph);
        c->graph->diag = &f->context->diag;
        good = (ebb_concrete_copy_bindings(c, t.binding, t.bindings) &&
                ebb_concrete_copy_versions(c, t.version, t.versions, t.passed, 0)) ||
               ebb_fail_memory(&t.diag);
    }
    if (t.diag.code != EBB_OK)
        ebb_fail_diag(f->context, &t.diag, site);
    else if (!good)
        ebb_fail_at(f->context, EBB_RUNTIME_ERROR, site, "%s: the trace failed", f->name);
    ebb_trace_end(&t);
    return good;
}

static ebb_concrete *concrete_new(ebb_function *f, int nin, ebb_key *key, ebb_site site) {
    ebb_concrete *c = ebb_concrete_new(f, nin, key);
    if (c)
        c->results = f->results;
    else
        ebb_fail_at(f->context, EBB_NO_MEMORY, site, "%s: no memory for a trace", f->name);
    return c;
}

/* Sealed and kept among those that run; NULL: an error was recorded. */
static ebb_concrete *keep_concrete(ebb_concrete *c, bool good, ebb_site site) {
    if (!good || !ebb_concrete_seal(c, site)) {
        ebb_concrete_free(c);
        return NULL;
    }
    c->next = c->function->concretes;
    return c->function->concretes = c;
}

static bool trace(ebb_concrete *c, int nin, const ebb_operand *in, ebb_site site) {
    ebb_function *f = c->function;
    f->tracing = true;
    bool good = f->transform == EBB_BODY ? trace_body(c, nin, in, site) : ebb_transform_trace(c, nin, in, site);
    f->tracing = false;
    return good;
}

static ebb_concrete *trace_new(ebb_function *f, int nin, const ebb_operand *in, ebb_key *key, ebb_site site) {
    ebb_concrete *c = concrete_new(f, nin, key, site);
    if (!c) return NULL;
    bool good = trace(c, nin, in, site);
    if (good) ebb_retrace_explain(f, c);
    c = keep_concrete(c, good, site);
    f->traces += c != NULL;
    return c;
}

/* For unknown sizes: kept apart, as it cannot run. */
static ebb_concrete *trace_general(ebb_function *f, int nin, const ebb_operand *in, ebb_key *key, ebb_site site) {
    ebb_concrete *c = concrete_new(f, nin, key, site);
    if (!c) return NULL;
    if (!trace(c, nin, in, site)) {
        ebb_concrete_free(c);
        return NULL;
    }
    ebb_retrace_explain(f, c);
    c->next = f->generals;
    f->traces++;
    return f->generals = c;
}

/* What a body cannot do with unknown sizes is no error of a call whose sizes are known. */
static ebb_concrete *try_general(ebb_function *f, int nin, const ebb_operand *in, const ebb_key *key, ebb_site site) {
    ebb_context *ebb = f->context;
    uint64_t *word = ebb_mem_new(&ebb->allocator, (size_t)key->count + 1, sizeof *word);
    ebb_key wider = word ? ebb_key_generalise(f, nin, key, word) : (ebb_key){0};
    bool was_good = ebb_ok(ebb);
    ebb_concrete *general = wider.count ? trace_general(f, nin, in, &wider, site) : NULL;
    if (!general && was_good) ebb_clear_error(ebb);
    ebb_mem_free(&ebb->allocator, word);
    return general;
}

/* There is no trace for just these arguments yet. */
static ebb_concrete *concrete_make(ebb_function *f, int nin, const ebb_operand *in, ebb_key *key, ebb_site site) {
    if (!ebb_signature_fits(f, nin, key, site)) return NULL;
    ebb_concrete *general = ebb_general_find(f, nin, key);
    if (!general && f->signature.count && !(general = trace_general(f, nin, in, &f->signature, site))) return NULL;
    if (!general && f->reduce_retracing) general = try_general(f, nin, in, key, site);
    if (!general) return trace_new(f, nin, in, key, site);
    ebb_concrete *c = concrete_new(f, nin, key, site);
    return c ? keep_concrete(c, ebb_general_specialise(c, general, site), site) : NULL;
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

bool ebb_concrete_fits(const ebb_concrete *c, int nin, const ebb_operand *in, ebb_site site) {
    ebb_function *f = c->function;
    if (nin != c->arguments)
        return ebb_fail_at(f->context, EBB_TYPE_ERROR, site,
                           "%s: the concrete function takes %d arguments, %d were given", f->name, (int)c->arguments,
                           nin),
               false;
    if (!check_operands(f, nin, in, site)) return false;
    const uint64_t *word = c->key.word;
    for (int k = 0; k < nin; word += ebb_key_words(word), k++) {
        uint64_t given[EBB_KEY_WORDS];
        char have[EBB_TYPE_TEXT], want[EBB_TYPE_TEXT];
        int words = key_words(&in[k], given);
        if (words == ebb_key_words(word) && memcmp(given, word, (size_t)words * sizeof *word) == 0) continue;
        ebb_key_argument_text(f->context, given, have);
        ebb_key_argument_text(f->context, word, want);
        return ebb_fail_at(f->context, EBB_TYPE_ERROR, site, "%s: argument %d is %s, the concrete function takes %s",
                           f->name, k, have, want),
               false;
    }
    return true;
}

enum { FEW = 8 }; /* arguments, whose key needs no memory of its own */

/* Room for the key of nin arguments; NULL: an error was recorded. */
static uint64_t *key_room(ebb_function *f, int nin, uint64_t *few, ebb_site site) {
    if (nin <= FEW) return few;
    uint64_t *word = ebb_mem_new(&f->context->allocator, (size_t)nin * EBB_KEY_WORDS, sizeof *word);
    if (!word) ebb_fail_at(f->context, EBB_NO_MEMORY, site, "%s: no memory for a call", f->name);
    return word;
}

bool ebb_function_accepts(ebb_function *f, int nin, const ebb_operand *in, ebb_site site) {
    uint64_t few[FEW * EBB_KEY_WORDS], *word;
    if (!f->signature.count) return ebb_function_takes(f, nin, site);
    if (!check_operands(f, nin, in, site) || !(word = key_room(f, nin, few, site))) return false;
    ebb_key key = key_make(nin, in, word);
    bool good = ebb_signature_fits(f, nin, &key, site);
    if (word != few) ebb_mem_free(&f->context->allocator, word);
    return good;
}

ebb_concrete *ebb_function_concrete(ebb_function *f, int nin, const ebb_operand *in, ebb_site site) {
    ebb_context *ebb = f->context;
    uint64_t few[FEW * EBB_KEY_WORDS], *word;
    if (!check_operands(f, nin, in, site) || !(word = key_room(f, nin, few, site))) return NULL;
    ebb_key key = key_make(nin, in, word);
    ebb_concrete *c = find_concrete(f, nin, &key);
    if (!c && f->tracing)
        ebb_fail_at(ebb, EBB_RUNTIME_ERROR, site, "%s: a function cannot call itself while it is traced", f->name);
    else if (!c)
        c = concrete_make(f, nin, in, &key, site);
    if (word != few) ebb_mem_free(&ebb->allocator, word);
    return c;
}
