/* general.c - functions of unknown sizes: signatures, and traces that later sizes share.
 *
 * A general trace is recorded with symbols for the sizes that are not known. It is never run: for each list of sizes
 * that a call brings, its graph is written again with these sizes, which costs no run of the body. A key with symbols
 * fits a key without, if the same symbol meets the same size everywhere. Start reading at ebb_general_find. */
#include "frontend/trace.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* ---- keys with symbols ---- */

static bool is_tensor(const uint64_t *word) { return (word[0] >> 8 & 0xff) == EBB_KEY_TENSOR; }

/* A size of the key, at the word of a tensor's axis. */
static int64_t size_at(const uint64_t *word, int32_t i) { return (int64_t)word[i]; }

#define UNMET INT64_MIN

/* One argument; size[k] is what symbol k has met so far. Inside a trace that may be a symbol of that trace. */
static bool argument_fits(const uint64_t *general, const uint64_t *call, int64_t *size) {
    if (general[0] != call[0]) return false;
    for (int32_t i = 1; i < ebb_key_words(call); i++) {
        int64_t want = size_at(general, i), have = size_at(call, i);
        bool symbol = is_tensor(general) && want < 0;
        if (symbol && size[-1 - want] == UNMET) size[-1 - want] = have;
        if (have != (symbol ? size[-1 - want] : want)) return false;
    }
    return true;
}

/* `size` has a place for each word of the key: there are fewer symbols. Gives the first argument that does not fit, or
 * `arguments`. */
static int32_t key_fits(const ebb_key *general, int32_t arguments, const ebb_key *call, int64_t *size) {
    const uint64_t *g = general->word, *c = call->word;
    int32_t k = 0;
    for (int32_t i = 0; i < general->count; i++)
        size[i] = UNMET;
    while (k < arguments && argument_fits(g, c, size)) {
        g += ebb_key_words(g);
        c += ebb_key_words(c);
        k++;
    }
    return k;
}

static int32_t unknown_sizes(const ebb_key *key, int32_t arguments) {
    const uint64_t *word = key->word;
    int32_t count = 0;
    for (int32_t k = 0; k < arguments; word += ebb_key_words(word), k++)
        for (int32_t i = 1; is_tensor(word) && i < ebb_key_words(word); i++)
            count += size_at(word, i) < 0;
    return count;
}

static int64_t *sizes_new(const ebb_function *f, const ebb_key *key) {
    return ebb_mem_new(&f->context->allocator, (size_t)key->count + 1, sizeof(int64_t));
}

ebb_concrete *ebb_general_find(const ebb_function *f, int nin, const ebb_key *key) {
    ebb_concrete *best = NULL;
    int64_t *size = f->generals ? sizes_new(f, key) : NULL;
    for (ebb_concrete *c = size ? f->generals : NULL; c; c = c->next) {
        bool fits = c->arguments == nin && c->key.count == key->count && key_fits(&c->key, nin, key, size) == nin;
        if (fits && (!best || unknown_sizes(&c->key, nin) < unknown_sizes(&best->key, nin))) best = c;
    }
    ebb_mem_free(&f->context->allocator, size);
    return best;
}

bool ebb_general_specialise(ebb_concrete *c, const ebb_concrete *general, ebb_site site) {
    ebb_context *ebb = c->function->context;
    ebb_diag diag = {0};
    int64_t *size = sizes_new(c->function, &c->key);
    bool good = size && ebb_concrete_copy_bindings(c, general->binding, general->bindings) &&
                ebb_concrete_copy_versions(c, general->version, general->versions, general->passed, 0);
    if (good) {
        key_fits(&general->key, c->arguments, &c->key, size);
        c->graph = ebb_specialise(general->graph, c->key.count, size, &diag);
        memcpy(c->parameter, general->parameter, (size_t)c->arguments * sizeof *c->parameter);
    } else {
        ebb_fail_memory(&diag);
    }
    if (c->graph)
        c->graph->diag = &ebb->diag;
    else
        ebb_fail_diag(ebb, &diag, site);
    ebb_mem_free(&ebb->allocator, size);
    return c->graph != NULL;
}

/* ---- from two calls to a general one ---- */

/* Symbols by the pair of sizes that they stand for, so that what was equal in both calls stays equal. */
typedef struct size_pair {
    int64_t first, second;
} size_pair;

static int64_t symbol_of(size_pair *pair, int32_t *pairs, int64_t first, int64_t second) {
    int32_t k = 0;
    while (k < *pairs && (pair[k].first != first || pair[k].second != second))
        k++;
    if (k == *pairs) pair[(*pairs)++] = (size_pair){first, second};
    return EBB_SYMBOL(k);
}

/* False if they differ in more than sizes. */
static bool merge(const ebb_key *a, const ebb_key *b, int nin, size_pair *pair, uint64_t *word) {
    int32_t pairs = 0, at = 0;
    for (int k = 0; k < nin; k++) {
        const uint64_t *p = a->word + at, *q = b->word + at;
        int32_t n = ebb_key_words(q);
        if (p[0] != q[0] || (!is_tensor(q) && memcmp(p, q, (size_t)n * sizeof *p) != 0)) return false;
        word[at] = q[0];
        for (int32_t i = 1; i < n; i++)
            word[at + i] = p[i] == q[i] ? q[i] : (uint64_t)symbol_of(pair, &pairs, size_at(p, i), size_at(q, i));
        at += n;
    }
    return pairs > 0;
}

ebb_key ebb_key_generalise(const ebb_function *f, int nin, const ebb_key *key, uint64_t *word) {
    ebb_key wider = {word, 0};
    size_pair *pair = ebb_mem_new(&f->context->allocator, (size_t)key->count + 1, sizeof *pair);
    for (const ebb_concrete *c = pair ? f->concretes : NULL; c && !wider.count; c = c->next)
        if (c->arguments == nin && c->key.count == key->count && merge(&c->key, key, nin, pair, word))
            wider.count = key->count;
    ebb_mem_free(&f->context->allocator, pair);
    return wider;
}

/* ---- signatures ---- */

bool ebb_signature_fits(ebb_function *f, int nin, const ebb_key *key, ebb_site site) {
    if (!f->signature.count) return true;
    int64_t *size = sizes_new(f, &f->signature);
    if (!size) return ebb_fail_at(f->context, EBB_NO_MEMORY, site, "%s: no memory for a call", f->name), false;
    int32_t k = key_fits(&f->signature, nin, key, size);
    ebb_mem_free(&f->context->allocator, size);
    if (k == nin) return true;
    char have[EBB_TYPE_TEXT], want[EBB_TYPE_TEXT];
    const uint64_t *p = f->signature.word, *q = key->word;
    for (int32_t i = 0; i < k; i++)
        p += ebb_key_words(p), q += ebb_key_words(q);
    ebb_key_argument_text(f->context, p, want);
    ebb_key_argument_text(f->context, q, have);
    ebb_fail_at(f->context, EBB_TYPE_ERROR, site, "%s: argument %d is %s, the signature says %s", f->name, (int)k, have,
                want);
    return false;
}

/* A signature being read. */
typedef struct reading {
    ebb_function *f;
    const char *text, *at;
    struct {
        const char *text;
        size_t length;
    } name[EBB_KEY_WORDS * 8]; /* of symbol k; no text: it has none */
    int32_t names;
} reading;

static bool refuse(const reading *r, const char *expected) {
    ebb_fail_at(r->f->context, EBB_VALUE_ERROR, (ebb_site){0}, "%s: signature \"%s\": column %d: expected %s",
                r->f->name, r->text, (int)(r->at - r->text) + 1, expected);
    return false;
}

/* After blanks, the character if it is there. */
static bool take(reading *r, char c) {
    while (*r->at == ' ')
        r->at++;
    if (*r->at != c) return false;
    r->at++;
    return true;
}

static size_t word_length(const char *text) {
    size_t n = 0;
    while (isalnum((unsigned char)text[n]) || text[n] == '_')
        n++;
    return n;
}

static bool read_symbol(reading *r, size_t length, int64_t *size) {
    int32_t k = 0;
    while (k < r->names && (!length || r->name[k].length != length || memcmp(r->name[k].text, r->at, length) != 0))
        k++;
    if (k == (int32_t)(sizeof r->name / sizeof *r->name)) return refuse(r, "fewer unknown sizes");
    if (k == r->names) {
        r->name[r->names].text = r->at;
        r->name[r->names++].length = length;
    }
    *size = EBB_SYMBOL(k);
    r->at += length;
    return true;
}

static bool read_size(reading *r, int64_t *size) {
    if (take(r, '?')) return read_symbol(r, 0, size);
    size_t length = word_length(r->at);
    if (!length) return refuse(r, "a size, a name or ?");
    if (!isdigit((unsigned char)*r->at)) return read_symbol(r, length, size);
    for (*size = 0; length; length--, r->at++) {
        if (!isdigit((unsigned char)*r->at) || *size > EBB_MAX_BYTES / 10) return refuse(r, "a size");
        *size = *size * 10 + (*r->at - '0');
    }
    return true;
}

static bool read_type(reading *r, ebb_type *type) {
    *type = (ebb_type){0};
    take(r, ' ');
    size_t length = word_length(r->at);
    for (int d = EBB_BOOL; d <= EBB_F64; d++)
        if (strlen(ebb_dtype_short((ebb_dtype)d)) == length &&
            memcmp(ebb_dtype_short((ebb_dtype)d), r->at, length) == 0)
            type->dtype = (ebb_dtype)d;
    if (!type->dtype) return refuse(r, "bool, i32, i64, f32 or f64");
    r->at += length;
    if (!take(r, '[')) return refuse(r, "[");
    if (take(r, ']')) return true;
    do {
        if (type->shape.rank == EBB_MAX_RANK) return refuse(r, "no more axes");
        if (!read_size(r, &type->shape.dim[type->shape.rank++])) return false;
    } while (take(r, ','));
    return take(r, ']') || refuse(r, ", or ]");
}

bool ebb_signature_parse(ebb_function *f, const char *text) {
    reading r = {.f = f, .text = text, .at = text};
    int32_t capacity = 0;
    f->arguments = 0;
    do {
        ebb_type type;
        if (!read_type(&r, &type)) return false;
        if (!ebb_mem_reserve(&f->context->allocator, &f->signature.word, &capacity, f->signature.count + EBB_KEY_WORDS,
                             sizeof *f->signature.word))
            return ebb_fail_at(f->context, EBB_NO_MEMORY, (ebb_site){0}, "%s: no memory for a signature", f->name),
                   false;
        f->signature.count += ebb_key_tensor(&type, f->signature.word + f->signature.count);
        f->arguments++;
    } while (take(&r, ','));
    take(&r, ' ');
    return !*r.at || refuse(&r, ", or the end");
}
