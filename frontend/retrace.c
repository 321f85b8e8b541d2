/* retrace.c - why a function was traced once more, and a warning when that happens all the time.
 *
 * A new trace is compared with each older one; the one that differs in the fewest arguments is what the user meant, and
 * where it differs is the reason. Start reading at ebb_retrace_explain. */
#include "frontend/log.h"
#include "frontend/trace.h"

#include <stdio.h>
#include <string.h>

enum { HISTORY = 10, TOO_MANY = 5, MOST_WARNINGS = 2 };

/* ---- reading keys ---- */

static int kind_of(const uint64_t *word) { return (int)(word[0] >> 8 & 0xff); }

static bool same(const uint64_t *a, const uint64_t *b) {
    return ebb_key_words(a) == ebb_key_words(b) && memcmp(a, b, (size_t)ebb_key_words(a) * sizeof *a) == 0;
}

static int differences(const ebb_concrete *a, const ebb_concrete *b) {
    const uint64_t *p = a->key.word, *q = b->key.word;
    int count = 0;
    for (int32_t k = 0; k < a->arguments; k++, p += ebb_key_words(p), q += ebb_key_words(q))
        count += !same(p, q);
    return count;
}

/* The trace most like c, the newest of equals; NULL if none has as many arguments. */
static const ebb_concrete *most_like(const ebb_function *f, const ebb_concrete *c) {
    const ebb_concrete *best = NULL;
    for (const ebb_concrete *o = f->concretes; o; o = o->next)
        if (o->arguments == c->arguments && (!best || differences(c, o) < differences(c, best))) best = o;
    return best;
}

/* ---- telling ---- */

static const char *variable_name(const ebb_context *ebb, uint64_t serial) {
    for (const ebb_tensor *v = ebb->variables; v; v = v->next)
        if (v->serial == serial) return v->name;
    return "that is gone";
}

/* A number's word holds its double or integer (number_word of function.c). */
static void number_text(const uint64_t *word, char text[32]) {
    ebb_dtype dtype = (ebb_dtype)(word[0] & 0xff);
    ebb_number_text(ebb_is_float(dtype) ? EBB_F64 : EBB_I64, &word[1], text);
}

/* "f32[3]", "variable w:0", "the number 2.5" */
void ebb_key_argument_text(const ebb_context *ebb, const uint64_t *word, char text[EBB_TYPE_TEXT]) {
    ebb_type type;
    char number[32];
    switch (kind_of(word)) {
    case EBB_KEY_TENSOR:
        type = ebb_key_type(word);
        ebb_type_text(&type, text);
        return;
    case EBB_KEY_VARIABLE:
        snprintf(text, EBB_TYPE_TEXT, "variable %s", variable_name(ebb, word[1]));
        return;
    default:
        number_text(word, number);
        snprintf(text, EBB_TYPE_TEXT, "the number %s", number);
    }
}

/* Adds ", argument k is ..., was ..." and cuts what does not fit. */
static void add_difference(ebb_function *f, int32_t k, const uint64_t *is, const uint64_t *was) {
    char now[EBB_TYPE_TEXT], then[EBB_TYPE_TEXT];
    size_t at = strlen(f->reason);
    ebb_key_argument_text(f->context, is, now);
    ebb_key_argument_text(f->context, was, then);
    snprintf(f->reason + at, sizeof f->reason - at, "%sargument %d is %s, was %s", at ? "; " : "", (int)k, now, then);
}

void ebb_retrace_explain(ebb_function *f, const ebb_concrete *c) {
    const ebb_concrete *old = most_like(f, c);
    f->reason[0] = 0;
    if (!f->concretes) return;
    if (!old) {
        snprintf(f->reason, sizeof f->reason, "there are %d arguments, were %d", (int)c->arguments,
                 (int)f->concretes->arguments);
        return;
    }
    const uint64_t *p = c->key.word, *q = old->key.word;
    for (int32_t k = 0; k < c->arguments; k++, p += ebb_key_words(p), q += ebb_key_words(q))
        if (!same(p, q)) add_difference(f, k, p, q);
}

const char *ebb_retrace_reason(const ebb_function *f) { return f ? f->reason : ""; }

/* ---- warning ---- */

void ebb_retrace_count(ebb_function *f, bool traced) {
    f->history = (f->history << 1 | traced) & ((1u << HISTORY) - 1);
    int count = __builtin_popcount(f->history);
    if (!traced || count < TOO_MANY || f->warnings >= MOST_WARNINGS) return;
    char text[512];
    f->warnings++;
    snprintf(text, sizeof text,
             "%s: %d of the last %d calls had to trace, which is slow; this one because %s. Pass tensors instead of C "
             "numbers, and let shapes vary with reduce_retracing",
             f->name, count, HISTORY, f->reason);
    ebb_say(f->context, NULL, text);
}
