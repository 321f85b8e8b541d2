/* lex.c - see lex.h. Reads no byte twice and none past the end; the text needs no NUL. */
#include "jit/graph/lex.h"

#include "jit/graph/notation.h"

#include <string.h>

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* The character `ahead` of the current one, or NUL past the end. */
static char peek(const ebb_lexer *lex, size_t ahead) {
    return (size_t)(lex->end - lex->at) > ahead ? lex->at[ahead] : 0;
}

static void skip_space(ebb_lexer *lex) {
    int line = lex->line;
    lex->comment = NULL;
    for (; lex->at < lex->end; lex->at++) {
        char c = *lex->at;
        if (c == '\n') {
            lex->line++;
            lex->line_start = lex->at + 1;
        } else if (c == ';') {
            const char *newline = memchr(lex->at, '\n', (size_t)(lex->end - lex->at));
            const char *stop = newline ? newline : lex->end;
            if (lex->line == line) {
                lex->comment = lex->at + 1;
                lex->comment_length = (size_t)(stop - lex->comment);
            }
            lex->at = stop - 1;
        } else if (c != ' ' && c != '\t' && c != '\r') {
            return;
        }
    }
}

/* Digits, letters and dots, and a sign after an exponent's e; a hexadecimal number has no exponent. */
static size_t number_length(const ebb_lexer *lex) {
    size_t n = 1;
    bool hex = lex->at[0] == '0' && peek(lex, 1) == 'x';
    for (;; n++) {
        char c = peek(lex, n), before = lex->at[n - 1];
        bool sign = (c == '+' || c == '-') && (before == 'e' || before == 'E') && !hex;
        if (!ebb_is_name_character(c) && !sign) return n;
    }
}

static size_t word_length(const ebb_lexer *lex) {
    size_t n = 1;
    while (ebb_is_name_character(peek(lex, n)))
        n++;
    return n;
}

/* nan(0x...), or 0 if this word is not that. */
static size_t nan_length(const ebb_lexer *lex) {
    if (word_length(lex) != 3 || memcmp(lex->at, "nan", 3) || peek(lex, 3) != '(') return 0;
    size_t n = 4;
    while (ebb_is_name_character(peek(lex, n)))
        n++;
    return peek(lex, n) == ')' ? n + 1 : 0;
}

/* Both quotes included, or 0 if the second is missing on this line. */
static size_t quoted_length(const ebb_lexer *lex) {
    for (size_t n = 1;; n++) {
        char c = peek(lex, n);
        if (c == '"') return n + 1;
        if (c == '\\') n++;
        if (c == 0 || c == '\n') return 0;
    }
}

static size_t id_length(const ebb_lexer *lex) {
    size_t n = 1;
    while (is_digit(peek(lex, n)))
        n++;
    return n > 1 ? n : 0;
}

/* What kind of token starts here; *length is not 0. */
static ebb_token_kind classify(const ebb_lexer *lex, size_t *length) {
    char c = *lex->at;
    *length = 1;
    if (is_digit(c) || c == '-') return *length = number_length(lex), EBB_LEX_NUMBER;
    if (ebb_is_letter(c)) {
        if ((*length = nan_length(lex))) return EBB_LEX_NUMBER;
        return *length = word_length(lex), EBB_LEX_WORD;
    }
    if (c == '%' && (*length = id_length(lex))) return EBB_LEX_ID;
    if (c == '"' && (*length = quoted_length(lex))) return EBB_LEX_QUOTED;
    *length = 1;
    return c && strchr("()[]{}:,=@", c) ? EBB_LEX_MARK : EBB_LEX_BAD;
}

void ebb_lex_next(ebb_lexer *lex) {
    skip_space(lex);
    ebb_token *t = &lex->token;
    *t = (ebb_token){.text = lex->at, .line = lex->line, .column = (int)(lex->at - lex->line_start) + 1};
    if (lex->at == lex->end) return;
    t->kind = classify(lex, &t->length);
    lex->at += t->length;
}

void ebb_lex_start(ebb_lexer *lex, const char *text, size_t length) {
    *lex = (ebb_lexer){.at = text, .end = text + length, .line_start = text, .line = 1};
    ebb_lex_next(lex);
}

bool ebb_lex_is(const ebb_lexer *lex, const char *text) {
    const ebb_token *t = &lex->token;
    return (t->kind == EBB_LEX_WORD || t->kind == EBB_LEX_MARK) && strlen(text) == t->length &&
           !memcmp(t->text, text, t->length);
}
