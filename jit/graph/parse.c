/* parse.c - reads the text form of a program; the notation is shown in text.h.
 *
 * Nothing is believed: every statement goes through the recording door, and its id and type must be the written ones.
 * The text is taken in one walk, without recursion; reader.h has what it is read with. Start reading at
 * ebb_module_parse, then read_statement. */
#include "jit/graph/reader.h"
#include "jit/graph/region.h"
#include "jit/graph/text.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* Bounds that no honest text meets. */
#define MOST_NODES 10000000
#define MOST_FUNCTIONS 10000
#define MOST_ELEMENTS 64

typedef struct parameter {
    ebb_token at;
    int64_t id;
    ebb_type type;
} parameter;

typedef struct parser {
    ebb_reader r;
    const ebb_allocator *allocator;
    ebb_diag door; /* what the doors of `graph` say; it gets line and column on its way to diag */
    ebb_module *module;
    int32_t function_capacity;
    ebb_graph *graph; /* the function being read */
    parameter *parameter;
    int32_t parameters, placed, parameter_capacity; /* a parameter is placed when its id is the next one */
    ebb_id *operand;
    int32_t operands, operand_capacity;
    ebb_type *element; /* the types in a tuple's type */
    int32_t elements, element_capacity;
    int64_t nodes;
} parser;

/* One statement, as written. */
typedef struct statement {
    ebb_token type_at, op_at;
    bool tuple;
    ebb_type type;
    ebb_op op;
    int64_t attr[MOST_ELEMENTS]; /* of a constant: its elements, packed */
    int nattr;
} statement;

/* A door said no: its words already name the operation. */
static bool door_no(parser *p, ebb_token at) {
    if (p->door.code == EBB_NO_MEMORY) return ebb_fail_memory(p->r.diag);
    p->r.about = NULL;
    return ebb_no(&p->r, at, "%s", p->door.message);
}

/* ---- types ---- */

/* (f32[], absent, f32[3]): the opening one is read. The types go to p->element. */
static bool read_tuple_type(parser *p) {
    p->elements = 0;
    if (ebb_accept(&p->r, ")")) return true;
    do {
        ebb_type type = {0};
        if (!ebb_accept(&p->r, "absent") && !ebb_read_type(&p->r, &type)) return false;
        if (!ebb_mem_reserve(p->allocator, &p->element, &p->element_capacity, (int64_t)p->elements + 1, sizeof type))
            return ebb_fail_memory(p->r.diag);
        p->element[p->elements++] = type;
    } while (ebb_accept(&p->r, ","));
    return ebb_expect(&p->r, ")");
}

/* The written type must be the one that follows. */
static bool check_type(parser *p, const statement *s, ebb_id id) {
    char is[EBB_TYPE_TEXT], written[EBB_TYPE_TEXT];
    ebb_type type = ebb_type_of(p->graph, id);
    if (!s->tuple && ebb_type_equal(&type, &s->type)) return true;
    return ebb_no(&p->r, s->type_at, "its type is %s, not %s", ebb_type_text(&type, is),
                  s->tuple ? "a tuple" : ebb_type_text(&s->type, written));
}

static bool check_tuple_type(parser *p, const statement *s, const ebb_region *r) {
    const int32_t results = ebb_region_results(r);
    if (!s->tuple) return ebb_no(&p->r, s->type_at, "its type is a tuple");
    if (p->elements != results) return ebb_no(&p->r, s->type_at, "it has %d results, not %d", results, p->elements);
    for (int32_t k = 0; k < results; k++) {
        char is[EBB_TYPE_TEXT] = "absent", written[EBB_TYPE_TEXT] = "absent";
        ebb_type type = {0};
        if (ebb_region_result(r, k, &type))
            ebb_type_text(&type, is);
        else
            type = (ebb_type){0};
        if (ebb_type_equal(&type, &p->element[k])) continue;
        if (p->element[k].dtype != EBB_NONE) ebb_type_text(&p->element[k], written);
        return ebb_no(&p->r, s->type_at, "its result %d is %s, not %s", k, is, written);
    }
    return true;
}

/* ---- pieces of a statement ---- */

static bool read_operand(parser *p, const char *what) {
    ebb_token t = p->r.lex.token;
    int64_t id;
    if (!ebb_read_id(&p->r, what, &id)) return false;
    if (id < 1 || id >= p->graph->count) return ebb_no(&p->r, t, "%%%lld is not defined here", (long long)id);
    if (!ebb_mem_reserve(p->allocator, &p->operand, &p->operand_capacity, (int64_t)p->operands + 1, sizeof *p->operand))
        return ebb_fail_memory(p->r.diag);
    p->operand[p->operands++] = (ebb_id)id;
    return true;
}

static bool read_operands(parser *p, int arity) {
    for (int k = 0; k < arity; k++)
        if ((k && !ebb_expect(&p->r, ",")) || !read_operand(p, "an operand such as %1")) return false;
    return true;
}

/* [0,1,2] behind what s->attr has already. */
static bool read_list(parser *p, statement *s) {
    if (!ebb_expect(&p->r, "[")) return false;
    int most = s->nattr + EBB_MAX_RANK;
    if (ebb_accept(&p->r, "]")) return true;
    do {
        if (s->nattr == most) return ebb_no(&p->r, p->r.lex.token, "a list has at most %d numbers", EBB_MAX_RANK);
        if (!ebb_read_int(&p->r, &s->attr[s->nattr++])) return false;
    } while (ebb_accept(&p->r, ","));
    return ebb_expect(&p->r, "]");
}

static bool read_attribute(parser *p, statement *s, const ebb_attr_names *names, int k) {
    char quoted[EBB_TOKEN_TEXT];
    snprintf(quoted, sizeof quoted, "the attribute \"%s\"", names->name[k]);
    if (k && !ebb_expect(&p->r, ",")) return false;
    if (!ebb_lex_is(&p->r.lex, names->name[k])) return ebb_expected(&p->r, quoted);
    ebb_lex_next(&p->r.lex);
    return ebb_expect(&p->r, "=") && (names->list ? read_list(p, s) : ebb_read_int(&p->r, &s->attr[s->nattr++]));
}

static bool read_attributes(parser *p, statement *s) {
    const ebb_attr_names *names = &ebb_attr_notation[s->op];
    ebb_token at = p->r.lex.token;
    if (!names->names) return !ebb_lex_is(&p->r.lex, "{") || ebb_no(&p->r, at, "it has no attributes");
    if (!ebb_expect(&p->r, "{")) return false;
    int length = 0;
    for (int k = 0; k < names->names; k++) {
        int before = s->nattr;
        if (names->zero_unsaid && k == names->names - 1 && ebb_lex_is(&p->r.lex, "}")) break;
        if (!read_attribute(p, s, names, k)) return false;
        if (k && s->nattr - before != length) return ebb_no(&p->r, at, "its lists differ in length");
        length = s->nattr - before;
    }
    return ebb_expect(&p->r, "}");
}

static bool read_payload(parser *p, statement *s) {
    int64_t size;
    size_t width = ebb_dtype_size(s->type.dtype);
    if (s->tuple || !ebb_shape_size(&s->type.shape, &size) || size > MOST_ELEMENTS)
        return ebb_no(&p->r, s->type_at, "it has at most %d elements", MOST_ELEMENTS);
    s->nattr = (int)(((size_t)size * width + 7) / 8);
    if (s->type.shape.rank && !ebb_expect(&p->r, "[")) return false;
    for (int64_t k = 0; k < size; k++) {
        if (k && !ebb_expect(&p->r, ",")) return false;
        if (!ebb_read_element(&p->r, s->type.dtype, (char *)s->attr + (size_t)k * width)) return false;
    }
    return !s->type.shape.rank || ebb_expect(&p->r, "]");
}

/* The comment behind a statement, if it is a source line. */
static bool read_site(parser *p, ebb_site *site) {
    if (!ebb_read_site(&p->r, site)) return true;
    return ebb_graph_own_file(p->graph, p->r.name, &site->file) || ebb_fail_memory(p->r.diag);
}

/* ---- statements ---- */

/* @body @more, as many as the region may have, into callee[]; *n: how many there are. */
static bool read_callees(parser *p, const statement *s, ebb_graph *callee[3], int *n) {
    for (*n = 0; *n == 0 || (*n < ebb_region_callees(s->op) && ebb_lex_is(&p->r.lex, "@")); ++*n) {
        if (!ebb_expect(&p->r, "@")) return false;
        ebb_token at = p->r.lex.token;
        if (!ebb_read_name(&p->r)) return false;
        callee[*n] = ebb_module_find(p->module, p->r.name);
        if (!callee[*n]) return ebb_no(&p->r, at, "no function @%s before this one", p->r.name);
    }
    return true;
}

/* Where a condition is left out, there is one function less than there may be. */
static bool place_callees(parser *p, const statement *s, int n, ebb_graph *const callee[3], ebb_region *r) {
    const int most = ebb_region_callees(s->op);
    const bool loops = s->op == EBB_OP_loop || s->op == EBB_OP_unloop, lacks = loops && n == most - 1;
    if (n != most && !lacks) return ebb_no(&p->r, s->op_at, "it names %d functions, not %d", most - loops, n);
    for (int k = 0; k < n; k++)
        r->callee[k + (lacks && k > 0)] = callee[k];
    return true;
}

/* Operands end with the line, as the next one begins with an id too. */
static bool read_any_operands(parser *p, int line) {
    if (p->r.lex.token.kind != EBB_LEX_ID || p->r.lex.token.line != line) return true;
    do
        if (!read_operand(p, "an operand such as %1")) return false;
    while (ebb_accept(&p->r, ","));
    return true;
}

static bool record_region(parser *p, statement *s, ebb_region *r) {
    ebb_site site = {0};
    memcpy(r->number, s->attr, sizeof r->number);
    if (!ebb_region_fits(p->graph, r, p->operands, p->operand, site, &p->door)) return door_no(p, s->op_at);
    if (!check_tuple_type(p, s, r) || !read_site(p, &site)) return false;
    return ebb_record_region(p->graph, r, p->operands, p->operand, site) != EBB_POISON || door_no(p, s->op_at);
}

static bool read_some_operands(parser *p, const statement *s, int line) {
    int arity = ebb_op_table[s->op].arity;
    return arity < 0 ? read_any_operands(p, line) : read_operands(p, arity);
}

static bool read_region(parser *p, statement *s) {
    const int line = p->r.lex.token.line;
    ebb_graph *callee[3];
    ebb_region r = {.op = s->op};
    int n;
    return read_callees(p, s, callee, &n) && place_callees(p, s, n, callee, &r) && read_any_operands(p, line) &&
           read_attributes(p, s) && record_region(p, s, &r);
}

static bool record(parser *p, const statement *s) {
    ebb_application app = {s->op, s->nattr, s->attr, s->type, {0}};
    if (!read_site(p, &app.site)) return false;
    ebb_id id;
    if (s->op != EBB_OP_get)
        id = ebb_record(p->graph, &app, p->operands, p->operand);
    else if (s->attr[0] < 0 || s->attr[0] > INT_MAX)
        return ebb_no(&p->r, s->op_at, "its k is out of range");
    else
        id = ebb_record_get(p->graph, p->operand[0], (int)s->attr[0], app.site);
    return id == EBB_POISON ? door_no(p, s->op_at) : check_type(p, s, id);
}

/* What follows `%3 f64[] =`. */
static bool read_operation(parser *p, statement *s) {
    char found[EBB_TOKEN_TEXT];
    s->op_at = p->r.lex.token;
    if (s->op_at.kind != EBB_LEX_WORD) return ebb_expected(&p->r, "an operation");
    s->op = ebb_op_by_name(s->op_at.text, s->op_at.length);
    if (s->op == EBB_OP_NONE) return ebb_no(&p->r, s->op_at, "unknown operation %s", ebb_shown(s->op_at, found));
    if (s->op == EBB_OP_input) return ebb_no(&p->r, s->op_at, "parameters stand in the function's head");
    const int line = s->op_at.line;
    ebb_lex_next(&p->r.lex);
    p->r.about = ebb_op_table[s->op].name;
    p->operands = 0;
    if (ebb_is_region(s->op)) return read_region(p, s);
    if (s->op == EBB_OP_constant) return read_payload(p, s) && record(p, s);
    return read_some_operands(p, s, line) && read_attributes(p, s) && record(p, s);
}

/* Adds the parameters whose turn it is. */
static bool place_parameters(parser *p) {
    for (; p->placed < p->parameters && p->parameter[p->placed].id == p->graph->count; p->placed++) {
        const parameter *x = &p->parameter[p->placed];
        if (ebb_add_input(p->graph, x->type, (ebb_site){0}) == EBB_POISON) return door_no(p, x->at);
    }
    return true;
}

static bool read_statement(parser *p) {
    statement s = {0};
    ebb_token at = p->r.lex.token;
    int64_t id;
    if (!ebb_read_id(&p->r, "an id such as %1, or \"return\"", &id)) return false;
    if (id != p->graph->count)
        return ebb_no(&p->r, at, "the next id is %%%d, not %%%lld", p->graph->count, (long long)id);
    if (++p->nodes > MOST_NODES) return ebb_no(&p->r, at, "more than %d operations", MOST_NODES);
    s.type_at = p->r.lex.token;
    s.tuple = ebb_accept(&p->r, "(");
    if (!(s.tuple ? read_tuple_type(p) : ebb_read_type(&p->r, &s.type)) || !ebb_expect(&p->r, "=")) return false;
    bool good = read_operation(p, &s);
    p->r.about = NULL;
    return good && place_parameters(p);
}

/* ---- functions ---- */

static bool read_parameter(parser *p) {
    parameter x = {.at = p->r.lex.token};
    if (!ebb_read_id(&p->r, "a parameter such as %1: f64[]", &x.id) || !ebb_expect(&p->r, ":") ||
        !ebb_read_type(&p->r, &x.type))
        return false;
    if (++p->nodes > MOST_NODES) return ebb_no(&p->r, x.at, "more than %d operations", MOST_NODES);
    if (!ebb_mem_reserve(p->allocator, &p->parameter, &p->parameter_capacity, (int64_t)p->parameters + 1, sizeof x))
        return ebb_fail_memory(p->r.diag);
    p->parameter[p->parameters++] = x;
    return true;
}

static bool read_head(parser *p) {
    if (!ebb_expect(&p->r, "func")) return false;
    ebb_token at = p->r.lex.token;
    if (!ebb_read_name(&p->r)) return false;
    if (ebb_module_find(p->module, p->r.name)) return ebb_no(&p->r, at, "a second function @%s", p->r.name);
    p->door = (ebb_diag){0};
    p->graph = ebb_graph_new(p->allocator, &p->door, p->r.name);
    if (!p->graph) return ebb_fail_memory(p->r.diag);
    p->parameters = p->placed = 0;
    if (!ebb_expect(&p->r, "(")) return false;
    while (!ebb_accept(&p->r, ")"))
        if ((p->parameters && !ebb_expect(&p->r, ",")) || !read_parameter(p)) return false;
    return ebb_expect(&p->r, "{") && place_parameters(p);
}

static bool read_output(parser *p) {
    ebb_token at = p->r.lex.token;
    ebb_id id = EBB_ABSENT;
    p->operands = 0;
    if (!ebb_accept(&p->r, "absent")) {
        if (!read_operand(p, "a result such as %1")) return false;
        id = p->operand[0];
        if (ebb_dtype_at(p->graph, id) == EBB_NONE)
            return ebb_no(&p->r, at, "a tuple is no result: take its parts with get");
    }
    return ebb_add_output(p->graph, id) || door_no(p, at);
}

static bool read_return(parser *p) {
    if (p->placed < p->parameters) {
        const parameter *x = &p->parameter[p->placed];
        return ebb_no(&p->r, x->at, "no place for parameter %%%lld: the next id is %%%d", (long long)x->id,
                      p->graph->count);
    }
    if (ebb_accept(&p->r, "}")) return true;
    do
        if (!read_output(p)) return false;
    while (ebb_accept(&p->r, ","));
    return ebb_expect(&p->r, "}");
}

static bool read_function(parser *p) {
    if (p->module->functions == MOST_FUNCTIONS)
        return ebb_no(&p->r, p->r.lex.token, "more than %d functions", MOST_FUNCTIONS);
    if (!read_head(p)) return false;
    while (!ebb_accept(&p->r, "return"))
        if (!read_statement(p)) return false;
    if (!read_return(p)) return false;
    ebb_module *m = p->module;
    if (!ebb_mem_reserve(p->allocator, &m->function, &p->function_capacity, (int64_t)m->functions + 1,
                         sizeof(ebb_graph *)))
        return ebb_fail_memory(p->r.diag);
    p->graph->diag = p->r.diag;
    m->function[m->functions++] = p->graph;
    p->graph = NULL;
    return true;
}

static bool read_module(parser *p) {
    do
        if (!read_function(p)) return false;
    while (p->r.lex.token.kind != EBB_LEX_END);
    return true;
}

ebb_module *ebb_module_parse(const ebb_allocator *a, const char *text, size_t length, ebb_diag *diag) {
    parser p = {.r.diag = diag, .allocator = a, .module = ebb_mem_new(a, 1, sizeof *p.module)};
    if (!p.module) return ebb_fail_memory(diag), NULL;
    p.module->allocator = a;
    ebb_locale locale = ebb_locale_c();
    ebb_lex_start(&p.r.lex, text, length);
    bool good = read_module(&p);
    ebb_locale_restore(locale);
    ebb_graph_release(p.graph);
    ebb_mem_free(a, p.parameter);
    ebb_mem_free(a, p.operand);
    ebb_mem_free(a, p.element);
    if (good) return p.module;
    ebb_module_free(p.module);
    return NULL;
}

ebb_graph *ebb_module_find(const ebb_module *m, const char *name) {
    for (int32_t k = 0; k < m->functions; k++)
        if (!strcmp(m->function[k]->name, name)) return m->function[k];
    return NULL;
}

void ebb_module_free(ebb_module *m) {
    if (!m) return;
    for (int32_t k = 0; k < m->functions; k++)
        ebb_graph_release(m->function[k]);
    ebb_mem_free(m->allocator, m->function);
    ebb_mem_free(m->allocator, m);
}
