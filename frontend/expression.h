/* expression.h - infix expressions: text to formula (expression_parse.c), formula to operations (expression_eval.c).
 *
 * A formula is an array of nodes, operands before users, as a graph is: parsing appends, evaluating is one loop. Its
 * last node is the result. Names are resolved while parsing, so evaluating cannot meet an unknown one. */
#ifndef EBB_EXPRESSION_H
#define EBB_EXPRESSION_H

#include "frontend/internal.h"

/* What can stand before an opening bracket, and what operators mean. */
typedef struct ebb_formula_op {
    const char *name;
    int arity;
    ebb_tensor *(*unary)(ebb_tensor *x, const char *file, int line);
    ebb_tensor *(*binary)(ebb_operand x, ebb_operand y, const char *file, int line);
    ebb_tensor *(*ternary)(ebb_tensor *x, ebb_operand y, ebb_operand z, const char *file, int line);
} ebb_formula_op; /* select has none of these */

const ebb_formula_op *ebb_formula_op_by_name(const char *name, size_t length); /* NULL if there is no such */

typedef enum ebb_formula_kind { EBB_FORMULA_NUMBER, EBB_FORMULA_VARIABLE, EBB_FORMULA_OP } ebb_formula_kind;

typedef struct ebb_formula_node {
    ebb_formula_kind kind;
    int column;               /* of the name or operator in the text, from 1 */
    double number;            /* NUMBER */
    int32_t variable;         /* VARIABLE */
    const ebb_formula_op *op; /* OP */
    int32_t arg[3];           /* OP: nodes */
} ebb_formula_node;

typedef struct ebb_formula { /* one block of memory */
    int32_t variables, count;
    ebb_formula_node node[];
} ebb_formula;

/* Parses `text` over the `count` variables `names`; freed by ebb_mem_free. NULL: the context has the error. */
ebb_formula *ebb_formula_parse(ebb_context *ebb, const char *text, int count, const char *const *names, ebb_site site);

/* The operations of the formula, sent through dispatch; numbers stay weak as long as they meet no tensor. */
ebb_tensor *ebb_formula_run(ebb_context *ebb, const ebb_formula *formula, ebb_tensor *const *variables);

/* ---- expression_lex.c ---- */

typedef enum ebb_token_kind {
    EBB_TOKEN_END,
    EBB_TOKEN_NUMBER,
    EBB_TOKEN_NAME,
    EBB_TOKEN_SYMBOL,
    EBB_TOKEN_STRAY /* a character that begins nothing */
} ebb_token_kind;

typedef struct ebb_token {
    ebb_token_kind kind;
    const char *text; /* within the expression */
    size_t length;
    int column; /* counted in characters, not bytes */
    double number;
} ebb_token;

/* The token at or after `from`, which is at `column`. */
ebb_token ebb_lex(const char *from, int column);
bool ebb_token_is(const ebb_token *token, const char *symbol);
/* For errors: `"foo"`, `the end`, `the byte 0x80`. Gives text. */
#define EBB_TOKEN_TEXT 48
const char *ebb_token_text(const ebb_token *token, char text[EBB_TOKEN_TEXT]);
bool ebb_name_good(const char *name, size_t length); /* a letter or _, then letters, digits, _ */

#endif
