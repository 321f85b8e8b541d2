/* lex.h - the words of the text form, with line and column. */
#ifndef EBB_LEX_H
#define EBB_LEX_H

#include <stdbool.h>
#include <stddef.h>

typedef enum ebb_token_kind {
    EBB_LEX_END,
    EBB_LEX_WORD,   /* func, tanh, f64, axes, true, inf */
    EBB_LEX_NUMBER, /* 12, -1.5e-3, -inf, nan(0x7fc00000) */
    EBB_LEX_ID,     /* %12 */
    EBB_LEX_QUOTED, /* "any name", quotes included */
    EBB_LEX_MARK,   /* one character: ( ) [ ] { } : , = @ */
    EBB_LEX_BAD     /* one character that has no meaning, or a quote that never ends */
} ebb_token_kind;

typedef struct ebb_token {
    ebb_token_kind kind;
    const char *text; /* [length], in the text itself */
    size_t length;
    int line, column; /* from 1; columns count bytes */
} ebb_token;

typedef struct ebb_lexer {
    const char *at, *end, *line_start;
    int line;
    ebb_token token;     /* the current one */
    const char *comment; /* what stands after `;` between the token before and the end of its line; NULL: nothing */
    size_t comment_length;
} ebb_lexer;

void ebb_lex_start(ebb_lexer *lex, const char *text, size_t length); /* and reads the first token */
void ebb_lex_next(ebb_lexer *lex);
bool ebb_lex_is(const ebb_lexer *lex, const char *text); /* is the current token this word or mark? */

#endif
