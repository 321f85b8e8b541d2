/* expression_parse.c - tokens to formula, by precedence climbing.
 *
 *     expression := operand (operator expression)*        while the operator binds at least as strongly as asked
 *     operand    := number | name | name ( expression, ... ) | ( expression ) | - expression | + expression
 *
 * Invariant: recursion is at most MOST_DEPTH deep, whatever the text. The parser goes on with node 0 after an error and
 * stops at the next look at p->failed. Start reading at parse_expression. */
#include "frontend/expression.h"
#include "jit/graph/plain_floats.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

enum { MOST_DEPTH = 200, MOST_LENGTH = 1 << 24 };

typedef struct parser {
    ebb_context *context;
    ebb_site site;          /* of the text */
    ebb_formula_node *node; /* [count] */
    int32_t count, capacity;
    int names;
    const char *const *name;
    ebb_token token; /* the next one, not yet taken */
    int depth;
    bool failed;
} parser;

static int32_t fail(parser *p, ebb_code code, int column, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Records the error unless there is one; gives node 0, which no caller looks at. */
static int32_t fail(parser *p, ebb_code code, int column, const char *format, ...) {
    char message[600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (!p->failed) ebb_fail_at(p->context, code, p->site, "expression: column %d: %s", column, message);
    p->failed = true;
    return 0;
}

static int32_t fail_expected(parser *p, const char *expected) {
    char text[EBB_TOKEN_TEXT];
    return fail(p, EBB_DATA_ERROR, p->token.column, "found %s, expected %s", ebb_token_text(&p->token, text), expected);
}

/* ---- tokens ---- */

static ebb_token take(parser *p) {
    ebb_token taken = p->token;
    p->token = ebb_lex(taken.text + taken.length, taken.column + (int)taken.length);
    return taken;
}

static bool take_symbol(parser *p, const char *symbol) {
    bool there = ebb_token_is(&p->token, symbol);
    if (there) take(p);
    return there;
}

/* ---- nodes ---- */

static int32_t append(parser *p, ebb_formula_node node) {
    if (p->failed) return 0;
    if (!ebb_mem_reserve(&p->context->allocator, &p->node, &p->capacity, (int64_t)p->count + 1, sizeof node))
        return fail(p, EBB_NO_MEMORY, node.column, "no memory");
    p->node[p->count] = node;
    return p->count++;
}

static int32_t append_number(parser *p, double value, int column) {
    return append(p, (ebb_formula_node){.kind = EBB_FORMULA_NUMBER, .number = value, .column = column});
}

static bool is_number(const parser *p, int32_t node) { return !p->failed && p->node[node].kind == EBB_FORMULA_NUMBER; }

/* ---- operators ---- */

typedef struct operator_row {
    const char *symbol, *name;
    int precedence;
    bool right; /* groups from the right */
} operator_row;

enum { COMPARISON = 1, SUM, PRODUCT, SIGN, POWER };

static const operator_row operators[] = {
    {"==", "eq", COMPARISON, false}, {"!=", "ne", COMPARISON, false}, {"<", "lt", COMPARISON, false},
    {"<=", "le", COMPARISON, false}, {">", "gt", COMPARISON, false},  {">=", "ge", COMPARISON, false},
    {"+", "add", SUM, false},        {"-", "sub", SUM, false},        {"*", "mul", PRODUCT, false},
    {"/", "div", PRODUCT, false},    {"^", "pow", POWER, true},       {"**", "pow", POWER, true},
};

static const operator_row *operator_of(const ebb_token *token) {
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (ebb_token_is(token, operators[i].symbol)) return &operators[i];
    return NULL;
}

/* Arithmetic of two numbers is done here, in double, so that 1/3 stays a weak number. False: it is no arithmetic. */
static bool fold(char symbol, double x, double y, double *result) {
    switch (symbol) {
    case '+':
        *result = x + y;
        return true;
    case '-':
        *result = x - y;
        return true;
    case '*':
        *result = x * y;
        return true;
    case '/':
        *result = x / y;
        return true;
    case '^':
        *result = pow(x, y);
        return true;
    default:
        return false;
    }
}

static int32_t append_op(parser *p, const char *name, int column, int32_t x, int32_t y) {
    const ebb_formula_op *op = ebb_formula_op_by_name(name, strlen(name));
    return append(p, (ebb_formula_node){.kind = EBB_FORMULA_OP, .op = op, .column = column, .arg = {x, y}});
}

static int32_t append_binary(parser *p, const operator_row *row, int column, int32_t x, int32_t y) {
    double value;
    char symbol = row->precedence == POWER ? '^' : *row->symbol;
    if (is_number(p, x) && is_number(p, y) && fold(symbol, p->node[x].number, p->node[y].number, &value))
        return append_number(p, value, column);
    return append_op(p, row->name, column, x, y);
}

static int32_t append_negative(parser *p, int column, int32_t x) {
    if (is_number(p, x)) return append_number(p, -p->node[x].number, column);
    return append_op(p, "neg", column, x, 0);
}

/* ---- the grammar ---- */

static int32_t parse_expression(parser *p, int least);

static int32_t parse_call(parser *p, const ebb_token *name) {
    const ebb_formula_op *op = ebb_formula_op_by_name(name->text, name->length);
    char text[EBB_TOKEN_TEXT];
    if (!op) return fail(p, EBB_LOOKUP_ERROR, name->column, "unknown function %s", ebb_token_text(name, text));
    ebb_formula_node node = {.kind = EBB_FORMULA_OP, .op = op, .column = name->column};
    int count = 0;
    take(p); /* the bracket */
    if (!ebb_token_is(&p->token, ")")) {
        do {
            int32_t argument = parse_expression(p, COMPARISON);
            if (count < op->arity) node.arg[count] = argument;
            count++;
        } while (take_symbol(p, ",") && !p->failed);
    }
    if (!take_symbol(p, ")")) return fail_expected(p, "\",\", \")\" or an operator");
    if (count != op->arity)
        return fail(p, EBB_DATA_ERROR, name->column, "%s takes %d argument%s, found %d", op->name, op->arity,
                    op->arity == 1 ? "" : "s", count);
    return append(p, node);
}

/* "x, y, ..." in as much room as there is. */
static const char *list_names(const parser *p, char *text, size_t size) {
    size_t used = 0;
    text[0] = 0;
    for (int i = 0; i < p->names && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", p->name[i]);
    return text;
}

static int32_t fail_name(parser *p, const ebb_token *name) {
    char text[EBB_TOKEN_TEXT], list[400];
    ebb_token_text(name, text);
    if (ebb_formula_op_by_name(name->text, name->length))
        return fail(p, EBB_DATA_ERROR, name->column, "%s is a function; its arguments are missing", text);
    if (p->names == 0) return fail(p, EBB_LOOKUP_ERROR, name->column, "unknown name %s; there are no variables", text);
    return fail(p, EBB_LOOKUP_ERROR, name->column, "unknown name %s; variables are %s", text,
                list_names(p, list, sizeof list));
}

static bool named(const ebb_token *token, const char *name) {
    return strlen(name) == token->length && memcmp(name, token->text, token->length) == 0;
}

/* A variable may be called as a function or a constant is: variables are looked for first. */
static int32_t parse_name(parser *p) {
    ebb_token name = take(p);
    if (ebb_token_is(&p->token, "(")) return parse_call(p, &name);
    for (int i = 0; i < p->names; i++)
        if (named(&name, p->name[i]))
            return append(p, (ebb_formula_node){.kind = EBB_FORMULA_VARIABLE, .variable = i, .column = name.column});
    if (named(&name, "pi")) return append_number(p, 3.14159265358979323846, name.column);
    if (named(&name, "e")) return append_number(p, 2.71828182845904523536, name.column);
    return fail_name(p, &name);
}

static int32_t parse_operand(parser *p) {
    int column = p->token.column;
    if (p->token.kind == EBB_TOKEN_NUMBER) return append_number(p, take(p).number, column);
    if (p->token.kind == EBB_TOKEN_NAME) return parse_name(p);
    if (take_symbol(p, "-")) return append_negative(p, column, parse_expression(p, SIGN));
    if (take_symbol(p, "+")) return parse_expression(p, SIGN);
    if (!take_symbol(p, "(")) return fail_expected(p, "a number, a name or \"(\"");
    int32_t inside = parse_expression(p, COMPARISON);
    if (!take_symbol(p, ")")) return fail_expected(p, "\")\" or an operator");
    return inside;
}

static int32_t parse_operators(parser *p, int least) {
    int32_t x = parse_operand(p);
    const operator_row *row;
    bool compared = false;
    while (!p->failed && (row = operator_of(&p->token)) && row->precedence >= least) {
        if (row->precedence == COMPARISON && compared)
            return fail(p, EBB_DATA_ERROR, p->token.column, "comparisons do not chain; use logical_and");
        compared = row->precedence == COMPARISON;
        int column = take(p).column;
        int32_t y = parse_expression(p, row->precedence + !row->right);
        x = append_binary(p, row, column, x, y);
    }
    return x;
}

static int32_t parse_expression(parser *p, int least) {
    if (p->failed) return 0;
    if (p->depth == MOST_DEPTH) return fail(p, EBB_DATA_ERROR, p->token.column, "nested more than %d deep", MOST_DEPTH);
    p->depth++;
    int32_t x = parse_operators(p, least);
    p->depth--;
    return x;
}

/* ---- the door ---- */

static bool is_repeated(const char *const *names, int i) {
    for (int j = 0; j < i; j++)
        if (strcmp(names[i], names[j]) == 0) return true;
    return false;
}

static bool check_names(ebb_context *ebb, int count, const char *const *names, ebb_site site) {
    for (int i = 0; i < count; i++) {
        const char *problem = !names[i] || !ebb_name_good(names[i], strlen(names[i])) ? "cannot name a variable"
                              : is_repeated(names, i)                                 ? "names two variables"
                                                                                      : NULL;
        if (!problem) continue;
        ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "expression: \"%.32s\" %s", names[i] ? names[i] : "", problem);
        return false;
    }
    return true;
}

/* The nodes in one block with their formula. */
static ebb_formula *seal(parser *p) {
    size_t bytes = (size_t)p->count * sizeof *p->node;
    ebb_formula *formula = ebb_mem_new(&p->context->allocator, 1, sizeof *formula + bytes);
    if (!formula) return fail(p, EBB_NO_MEMORY, 1, "no memory"), NULL;
    formula->variables = p->names;
    formula->count = p->count;
    memcpy(formula->node, p->node, bytes);
    return formula;
}

ebb_formula *ebb_formula_parse(ebb_context *ebb, const char *text, int count, const char *const *names, ebb_site site) {
    EBB_PLAIN_FLOATS;
    if (!check_names(ebb, count, names, site)) return NULL;
    if (strnlen(text, MOST_LENGTH + 1) > MOST_LENGTH) {
        ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "expression: longer than %d bytes", MOST_LENGTH);
        return NULL;
    }
    parser p = {.context = ebb, .site = site, .names = count, .name = names, .token = ebb_lex(text, 1)};
    parse_expression(&p, COMPARISON);
    if (!p.failed && p.token.kind != EBB_TOKEN_END) fail_expected(&p, "an operator or the end");
    ebb_formula *formula = p.failed ? NULL : seal(&p);
    ebb_mem_free(&ebb->allocator, p.node);
    return formula;
}
