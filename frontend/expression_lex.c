/* expression_lex.c - text to tokens: numbers, names, symbols. Independent of the locale. Start reading at ebb_lex. */
#include "frontend/expression.h"

#include <string.h>

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static size_t digits(const char *text) {
    size_t n = 0;
    while (is_digit(text[n]))
        n++;
    return n;
}

static size_t name_length(const char *text) {
    size_t n = 0;
    while (is_letter(text[n]) || (n > 0 && is_digit(text[n])))
        n++;
    return n;
}

/* 12  1.5  .5  1.  1e-3; an e without digits behind it is not part of the number. */
static size_t number_length(const char *text) {
    size_t whole = digits(text), n = whole;
    if (text[n] == '.') {
        size_t fraction = digits(text + n + 1);
        if (whole + fraction == 0) return 0;
        n += 1 + fraction;
    }
    if (n > 0 && (text[n] == 'e' || text[n] == 'E')) {
        size_t sign = text[n + 1] == '+' || text[n + 1] == '-';
        size_t exponent = digits(text + n + 1 + sign);
        if (exponent > 0) n += 1 + sign + exponent;
    }
    return n;
}

/* Longer ones first. */
static const char *const symbols[] = {"**", "<=", ">=", "==", "!=", "<", ">", "+", "-", "*", "/", "^", "(", ")", ","};

static size_t symbol_length(const char *text) {
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++)
        if (strncmp(text, symbols[i], strlen(symbols[i])) == 0) return strlen(symbols[i]);
    return 0;
}

ebb_token ebb_lex(const char *from, int column) {
    while (is_space(*from))
        from++, column++;
    ebb_token t = {.text = from, .column = column};
    if (!*from) return t;
    if ((t.length = number_length(from)))
        t.kind = ebb_decimal_parse(from, t.length, &t.number) ? EBB_TOKEN_NUMBER : EBB_TOKEN_STRAY;
    else if ((t.length = name_length(from)))
        t.kind = EBB_TOKEN_NAME;
    else if ((t.length = symbol_length(from)))
        t.kind = EBB_TOKEN_SYMBOL;
    else
        t.kind = EBB_TOKEN_STRAY, t.length = 1;
    return t;
}

bool ebb_token_is(const ebb_token *token, const char *symbol) {
    return token->kind == EBB_TOKEN_SYMBOL && strlen(symbol) == token->length &&
           memcmp(token->text, symbol, token->length) == 0;
}

const char *ebb_token_text(const ebb_token *token, char text[EBB_TOKEN_TEXT]) {
    const size_t most = 32;
    unsigned char first = (unsigned char)*token->text;
    if (token->kind == EBB_TOKEN_END)
        snprintf(text, EBB_TOKEN_TEXT, "the end");
    else if (first < ' ' || first > '~')
        snprintf(text, EBB_TOKEN_TEXT, "the byte 0x%02X", first);
    else
        snprintf(text, EBB_TOKEN_TEXT, "\"%.*s%s\"", (int)(token->length < most ? token->length : most), token->text,
                 token->length > most ? "..." : "");
    return text;
}

bool ebb_name_good(const char *name, size_t length) { return length > 0 && name_length(name) == length; }
