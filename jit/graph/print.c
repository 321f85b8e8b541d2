/* print.c - the text form of a program; the notation is shown in text.h.
 *
 * Callees come first, each once, under names that differ. The text grows in one buffer; the first allocation that fails
 * is remembered and the rest of the writing does nothing, so that only the end has to look. Start at ebb_graph_print.
 */
#include "jit/graph/notation.h"
#include "jit/graph/reach.h"
#include "jit/graph/region.h"
#include "jit/graph/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SITE_COLUMN 42

typedef struct printer {
    const ebb_allocator *allocator;
    bool failed;
    char *text;
    int32_t length, capacity;
    int32_t line; /* where the line begins */
    ebb_reach functions;
    char **name;   /* [functions.count]: what they are printed under; owned */
    int32_t named; /* how many of them have their name */
} printer;

/* ---- writing ---- */

static void write_bytes(printer *p, const char *bytes, size_t n) {
    int64_t need = (int64_t)p->length + (int64_t)n + 1;
    if (p->failed || n > INT32_MAX || !ebb_mem_reserve(p->allocator, &p->text, &p->capacity, need, 1)) {
        p->failed = true;
        return;
    }
    memcpy(p->text + p->length, bytes, n);
    p->length += (int32_t)n;
    p->text[p->length] = 0;
}

static void put(printer *p, const char *text) { write_bytes(p, text, strlen(text)); }

static void write_int(printer *p, int64_t value) {
    char text[24];
    write_bytes(p, text, (size_t)snprintf(text, sizeof text, "%lld", (long long)value));
}

static void write_escaped(printer *p, const char *text) {
    for (char one[5]; *text; text++)
        write_bytes(p, one, (size_t)ebb_escape(*text, one));
}

static bool is_identifier(const char *name) {
    if (!ebb_is_letter(*name)) return false;
    while (ebb_is_name_character(*name))
        name++;
    return !*name;
}

static void write_name(printer *p, const ebb_graph *g) {
    const char *name = p->name[ebb_reach_find(&p->functions, g)];
    bool plain = is_identifier(name);
    if (!plain) put(p, "\"");
    write_escaped(p, name);
    if (!plain) put(p, "\"");
}

static void write_id(printer *p, ebb_id id) {
    if (id == EBB_ABSENT) return put(p, "absent");
    put(p, "%");
    write_int(p, id);
}

static void write_type(printer *p, const ebb_graph *g, ebb_id id) {
    char text[EBB_TYPE_TEXT];
    if (id == EBB_ABSENT) return put(p, "absent");
    ebb_type type = ebb_type_of(g, id);
    put(p, ebb_type_text(&type, text));
}

/* ---- names of functions ---- */

static bool is_taken(const printer *p, const char *name) {
    for (int32_t k = 0; k < p->named; k++)
        if (!strcmp(p->name[k], name)) return true;
    return false;
}

/* Functions that share a name are told apart by a number: f, f_2, f_3. NULL: no memory. */
static char *free_name(const printer *p, const ebb_graph *g) {
    size_t length = strlen(g->name), room = length + 13;
    char *name = ebb_mem_new(p->allocator, room, 1);
    if (!name) return NULL;
    memcpy(name, g->name, length);
    for (int copy = 2; is_taken(p, name); copy++)
        snprintf(name + length, room - length, "_%d", copy);
    return name;
}

static bool name_functions(printer *p) {
    p->name = ebb_mem_new(p->allocator, (size_t)p->functions.count, sizeof *p->name);
    for (; p->name && p->named < p->functions.count; p->named++)
        if (!(p->name[p->named] = free_name(p, p->functions.graph[p->named]))) return false;
    return p->name != NULL;
}

/* ---- one node ---- */

static void write_list(printer *p, const int64_t *v, int32_t n) {
    put(p, "[");
    for (int32_t k = 0; k < n; k++) {
        if (k) put(p, ",");
        write_int(p, v[k]);
    }
    put(p, "]");
}

static void write_attributes(printer *p, const ebb_graph *g, ebb_id id) {
    const ebb_attr_names *names = &ebb_attr_notation[ebb_op_of(g, id)];
    ebb_attr attr = ebb_attr_of(g, id);
    const int callees = ebb_region_callees(ebb_op_of(g, id)); /* they stand elsewhere */
    if (!names->names) return;
    attr = (ebb_attr){attr.n - callees, attr.v + callees};
    const int32_t part = attr.n / names->names;
    const bool unsaid = names->zero_unsaid && attr.n == names->names && attr.v[attr.n - 1] == 0;
    for (int k = 0; k < names->names - unsaid; k++) {
        put(p, k ? ", " : " {");
        put(p, names->name[k]);
        put(p, "=");
        if (names->list)
            write_list(p, attr.v + k * part, part);
        else if (k < attr.n)
            write_int(p, attr.v[k]);
    }
    put(p, "}");
}

static void write_payload(printer *p, const ebb_graph *g, ebb_id id) {
    ebb_type type = ebb_type_of(g, id);
    ebb_attr attr = ebb_attr_of(g, id);
    size_t width = ebb_dtype_size(type.dtype);
    int64_t size = 0;
    if (!ebb_shape_size(&type.shape, &size) || size > attr.n * 8 / (int64_t)width) size = 0;
    put(p, type.shape.rank ? " [" : " ");
    for (int64_t k = 0; k < size; k++) {
        char text[EBB_NUMBER_TEXT];
        ebb_number_print(type.dtype, (const char *)attr.v + (size_t)k * width, text);
        if (k) put(p, ", ");
        put(p, text);
    }
    if (type.shape.rank) put(p, "]");
}

static void write_operands(printer *p, const ebb_graph *g, ebb_id id) {
    const ebb_id *x = ebb_operands(g, id);
    for (int32_t k = 0; k < g->node[id].arity; k++) {
        put(p, k ? ", " : " ");
        write_id(p, x[k]);
    }
}

static void write_tuple_type(printer *p, const ebb_graph *g, ebb_id id) {
    const int32_t results = ebb_results_of(g, id);
    put(p, "(");
    for (int32_t k = 0; k < results; k++) {
        char text[EBB_TYPE_TEXT] = "absent";
        ebb_type type;
        if (ebb_result_type(g, id, k, &type)) ebb_type_text(&type, text);
        if (k) put(p, ", ");
        put(p, text);
    }
    put(p, ")");
}

static void write_callees(printer *p, const ebb_graph *g, ebb_id id) {
    ebb_graph *callee[3];
    const int32_t callees = ebb_callees_of(g, id, callee);
    for (int32_t k = 0; k < callees; k++)
        put(p, " @"), write_name(p, callee[k]);
}

static void write_site(printer *p, ebb_site site) {
    if (!site.file || !*site.file) return;
    do
        put(p, " ");
    while (!p->failed && p->length - p->line < SITE_COLUMN);
    put(p, "; ");
    write_escaped(p, site.file);
    put(p, ":");
    write_int(p, site.line);
    if (!site.part && !site.macro) return;
    char marks[EBB_MARKS_TEXT];
    ebb_marks_print(site, marks);
    put(p, " [");
    put(p, marks);
    put(p, "]");
}

static void write_node(printer *p, const ebb_graph *g, ebb_id id) {
    ebb_op op = ebb_op_of(g, id);
    p->line = p->length;
    put(p, "  ");
    write_id(p, id);
    put(p, " ");
    if (ebb_is_region(op))
        write_tuple_type(p, g, id);
    else
        write_type(p, g, id);
    put(p, " = ");
    put(p, ebb_op_table[op].name);
    if (ebb_is_region(op)) write_callees(p, g, id);
    if (op == EBB_OP_constant) write_payload(p, g, id);
    write_operands(p, g, id);
    write_attributes(p, g, id);
    write_site(p, g->site[id]);
    put(p, "\n");
}

/* ---- functions ---- */

static void write_function(printer *p, const ebb_graph *g) {
    put(p, "func ");
    write_name(p, g);
    for (int32_t k = 0; k < g->inputs; k++) {
        put(p, k ? ", " : "(");
        write_id(p, g->input[k]);
        put(p, ": ");
        write_type(p, g, g->input[k]);
    }
    put(p, g->inputs ? ") {\n" : "() {\n");
    for (ebb_id id = 1; id < g->count; id++)
        if (ebb_op_of(g, id) != EBB_OP_input) write_node(p, g, id);
    put(p, "  return");
    for (int32_t k = 0; k < g->outputs; k++) {
        put(p, k ? ", " : " ");
        write_id(p, g->output[k]);
    }
    put(p, "\n}\n");
}

char *ebb_graph_print(const ebb_graph *g, ebb_diag *diag) {
    printer p = {.allocator = g->allocator};
    ebb_locale locale = ebb_locale_c();
    p.failed = !ebb_reach_from(g, &p.functions) || !name_functions(&p);
    for (int32_t k = 0; k < p.functions.count && !p.failed; k++) {
        if (k) put(&p, "\n");
        write_function(&p, p.functions.graph[k]);
    }
    ebb_locale_restore(locale);
    for (int32_t k = 0; k < p.named; k++)
        ebb_mem_free(p.allocator, p.name[k]);
    ebb_mem_free(p.allocator, p.name);
    ebb_reach_end(&p.functions);
    if (!p.failed) return p.text;
    ebb_mem_free(p.allocator, p.text);
    ebb_fail_memory(diag);
    return NULL;
}
