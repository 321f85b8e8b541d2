/* reader.h - what the parser is made of: messages with line and column, and reading numbers, names and types.
 *
 * The lexer stands on the first token not yet used. Each function that returns bool has, if false, left a message in
 * diag; ebb_accept and ebb_read_site, which only look, are the exceptions. */
#ifndef EBB_READER_H
#define EBB_READER_H

#include "jit/graph/lex.h"
#include "jit/graph/notation.h"

#define EBB_TOKEN_TEXT 64

typedef struct ebb_reader {
    ebb_lexer lex;
    ebb_diag *diag;
    const char *about; /* the operation being read, for messages; NULL outside of one */
    char name[EBB_NAME_MOST + 1];
} ebb_reader;

/* "2:17: tanh: <format ...>"; returns false. */
bool ebb_no(ebb_reader *r, ebb_token at, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool ebb_expected(ebb_reader *r, const char *what);                 /* "expected <what>, found <the current token>" */
const char *ebb_shown(ebb_token t, char text[EBB_TOKEN_TEXT]);      /* the start of a token, for a message */
bool ebb_copy_token(const ebb_token *t, char text[EBB_TOKEN_TEXT]); /* as a string; false: too long to be a number */

bool ebb_accept(ebb_reader *r, const char *text); /* this word or mark, if it is next */
bool ebb_expect(ebb_reader *r, const char *text);
bool ebb_read_element(ebb_reader *r, ebb_dtype dtype, void *element);
bool ebb_read_int(ebb_reader *r, int64_t *value);
bool ebb_read_id(ebb_reader *r, const char *what, int64_t *id);
bool ebb_read_name(ebb_reader *r); /* an identifier, or anything in quotes, into r->name */
bool ebb_read_type(ebb_reader *r, ebb_type *type);
/* The comment before the current token, if it is a source line such as `loss.c:12` or `loss.c:12 [adjoint]`: the file
 * is left in r->name. False, without a message, if it is none. */
bool ebb_read_site(ebb_reader *r, ebb_site *site);

#endif
