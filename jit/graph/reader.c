/* reader.c - see reader.h. */
#include "jit/graph/reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- messages ---- */

bool ebb_no(ebb_reader *r, ebb_token at, const char *format, ...) {
    char text[512];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return ebb_fail(r->diag, EBB_DATA_ERROR, (ebb_site){0}, "%d:%d: %s%s%s", at.line, at.column,
                    r->about ? r->about : "", r->about ? ": " : "", text);
}

/* The start of a token, as it may stand in a message. */
const char *ebb_shown(ebb_token t, char text[EBB_TOKEN_TEXT]) {
    if (t.kind == EBB_LEX_END) return strcpy(text, "the end");
    int n = t.length < 32 ? (int)t.length : 32;
    snprintf(text, EBB_TOKEN_TEXT, "\"%.*s\"", n, t.text);
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < 32 || (unsigned char)*c > 126) *c = '?';
    return text;
}

bool ebb_expected(ebb_reader *r, const char *what) {
    char found[EBB_TOKEN_TEXT];
    return ebb_no(r, r->lex.token, "expected %s, found %s", what, ebb_shown(r->lex.token, found));
}

/* ---- tokens ---- */

bool ebb_accept(ebb_reader *r, const char *text) {
    if (!ebb_lex_is(&r->lex, text)) return false;
    ebb_lex_next(&r->lex);
    return true;
}

bool ebb_expect(ebb_reader *r, const char *text) {
    char quoted[EBB_TOKEN_TEXT];
    if (ebb_accept(r, text)) return true;
    snprintf(quoted, sizeof quoted, "\"%s\"", text);
    return ebb_expected(r, quoted);
}

/* The token as a string; false if it is too long to be a number. */
bool ebb_copy_token(const ebb_token *t, char text[EBB_TOKEN_TEXT]) {
    if (t->length >= EBB_TOKEN_TEXT) return false;
    memcpy(text, t->text, t->length);
    text[t->length] = 0;
    return true;
}

bool ebb_read_element(ebb_reader *r, ebb_dtype dtype, void *element) {
    char text[EBB_TOKEN_TEXT], found[EBB_TOKEN_TEXT];
    ebb_token t = r->lex.token;
    if (t.kind != EBB_LEX_NUMBER && t.kind != EBB_LEX_WORD) return ebb_expected(r, "a number");
    if (!ebb_copy_token(&t, text) || !ebb_number_parse(dtype, text, element))
        return ebb_no(r, t, "%s is no %s", ebb_shown(t, found), ebb_dtype_short(dtype));
    ebb_lex_next(&r->lex);
    return true;
}

bool ebb_read_int(ebb_reader *r, int64_t *value) { return ebb_read_element(r, EBB_I64, value); }

bool ebb_read_id(ebb_reader *r, const char *what, int64_t *id) {
    char text[EBB_TOKEN_TEXT];
    ebb_token t = r->lex.token;
    if (t.kind != EBB_LEX_ID) return ebb_expected(r, what);
    if (!ebb_copy_token(&t, text) || !ebb_number_parse(EBB_I64, text + 1, id))
        return ebb_no(r, t, "this id is too large");
    ebb_lex_next(&r->lex);
    return true;
}

/* An identifier, or anything in quotes, into r->name. */
bool ebb_read_name(ebb_reader *r) {
    ebb_token t = r->lex.token;
    bool quoted = t.kind == EBB_LEX_QUOTED;
    if (!quoted && t.kind != EBB_LEX_WORD) return ebb_expected(r, "a name");
    if (!ebb_unescape(t.text + quoted, t.length - 2 * (size_t)quoted, r->name, sizeof r->name))
        return ebb_no(r, t, "this name is longer than %d bytes or has a wrong escape", EBB_NAME_MOST);
    ebb_lex_next(&r->lex);
    return true;
}

/* ---- source lines ---- */

/* What stands in brackets behind a source line; *n becomes the length of what is before it. */
static void read_marks(const char *text, size_t *n, ebb_site *site) {
    const char *open = *n && text[*n - 1] == ']' ? memrchr(text, '[', *n) : NULL;
    if (!open || open - text < 2 || open[-1] != ' ') return;
    if (ebb_marks_parse(open + 1, (size_t)(text + *n - open) - 2, site)) *n = (size_t)(open - text) - 1;
}

bool ebb_read_site(ebb_reader *r, ebb_site *site) {
    const char *text = r->lex.comment, *colon;
    if (!text) return false;
    size_t n = r->lex.comment_length;
    if (n && *text == ' ') text++, n--;
    while (n && (text[n - 1] == '\r' || text[n - 1] == ' ' || text[n - 1] == '\t'))
        n--;
    ebb_site found = {0};
    read_marks(text, &n, &found);
    ebb_token line = {.text = text};
    if (!n || !(colon = memrchr(text, ':', n)) || colon == text) return false;
    line.text = colon + 1;
    line.length = (size_t)(text + n - line.text);
    char digits[EBB_TOKEN_TEXT];
    int32_t number;
    if (!ebb_copy_token(&line, digits) || !ebb_number_parse(EBB_I32, digits, &number)) return false;
    if (!ebb_unescape(text, (size_t)(colon - text), r->name, sizeof r->name)) return false;
    *site = found;
    site->line = number;
    return true;
}

/* ---- types ---- */

/* A size, or a symbol n0, n1 ... */
static bool read_size(ebb_reader *r, int64_t *size) {
    char text[EBB_TOKEN_TEXT];
    ebb_token t = r->lex.token;
    if (t.kind != EBB_LEX_WORD) return ebb_read_int(r, size) && (*size >= 0 || ebb_no(r, t, "a size is not negative"));
    int32_t symbol;
    if (t.text[0] != 'n' || !ebb_copy_token(&t, text) || !ebb_number_parse(EBB_I32, text + 1, &symbol) || symbol < 0)
        return ebb_expected(r, "a size");
    *size = EBB_SYMBOL(symbol);
    ebb_lex_next(&r->lex);
    return true;
}

static ebb_dtype dtype_by_name(ebb_token t) {
    for (int d = EBB_BOOL; d <= EBB_F64; d++) {
        const char *name = ebb_dtype_short((ebb_dtype)d);
        if (t.kind == EBB_LEX_WORD && strlen(name) == t.length && !memcmp(name, t.text, t.length)) return (ebb_dtype)d;
    }
    return EBB_NONE;
}

bool ebb_read_type(ebb_reader *r, ebb_type *type) {
    *type = (ebb_type){.dtype = dtype_by_name(r->lex.token)};
    if (type->dtype == EBB_NONE) return ebb_expected(r, "a type such as f64[3]");
    ebb_lex_next(&r->lex);
    if (!ebb_expect(r, "[")) return false;
    if (ebb_accept(r, "]")) return true;
    do {
        if (type->shape.rank == EBB_MAX_RANK) return ebb_no(r, r->lex.token, "the rank is at most %d", EBB_MAX_RANK);
        if (!read_size(r, &type->shape.dim[type->shape.rank++])) return false;
    } while (ebb_accept(r, ","));
    return ebb_expect(r, "]");
}
