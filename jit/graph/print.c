/* print.c - the text form of a program; the notation is shown in text.h.
 *
 * Callees come first, each once, under names that differ. The text grows in one buffer; the first allocation that fails
 * is remembered and the rest of the writing does nothing, so that only the end has to look. Start at ebb_graph_print.
 */
#include "jit/graph/notation.h"
#include "jit/graph/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SITE_COLUMN 42

typedef struct named {
    const ebb_graph *graph;
    char *name;
} named; /* the name it is printed under; owned */

typedef struct visit {
    const ebb_graph *graph;
    int32_t next;
} visit; /* `next` callee of a graph on the way down */

typedef struct printer {
    const ebb_allocator *allocator;
    bool failed;
    char *text;
    int32_t length, capacity;
    int32_t line; /* where the line begins */
    named *order; /* functions, callees before callers */
    int32_t functions, order_capacity;
    visit *path;
    int32_t depth, path_capacity;
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

static void write_name(printer *p, const named *f) {
    bool plain = is_identifier(f->name);
    if (!plain) put(p, "\"");
    write_escaped(p, f->name);
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

/* ---- order of functions ---- */

static const named *find(const printer *p, const ebb_graph *g) {
    for (int32_t k = p->functions; k-- > 0;)
        if (p->order[k].graph == g) return &p->order[k];
    return NULL;
}

static bool is_taken(const printer *p, const char *name) {
    for (int32_t k = 0; k < p->functions; k++)
        if (!strcmp(p->order[k].name, name)) return true;
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

static bool go_down(printer *p, const ebb_graph *g) {
    if (!ebb_mem_reserve(p->allocator, &p->path, &p->path_capacity, (int64_t)p->depth + 1, sizeof *p->path))
        return false;
    p->path[p->depth++] = (visit){g, 0};
    return true;
}

static bool come_up(printer *p) {
    const ebb_graph *g = p->path[--p->depth].graph;
    if (!ebb_mem_reserve(p->allocator, &p->order, &p->order_capacity, (int64_t)p->functions + 1, sizeof *p->order))
        return false;
    char *name = free_name(p, g);
    if (name) p->order[p->functions++] = (named){g, name};
    return name;
}

/* All functions that g reaches, depth first; the path is a stack of its own, as calls may nest deeper than ours. */
static bool collect(printer *p, const ebb_graph *g) {
    bool good = go_down(p, g);
    while (good && p->depth > 0) {
        visit *top = &p->path[p->depth - 1];
        if (top->next == top->graph->callees) {
            good = come_up(p);
        } else {
            const ebb_graph *callee = top->graph->callee[top->next++];
            if (!find(p, callee)) good = go_down(p, callee);
        }
    }
    return good;
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
    if (!names->names) return;
    int32_t part = attr.n / names->names;
    for (int k = 0; k < names->names; k++) {
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

static void write_tuple_type(printer *p, const ebb_graph *callee) {
    put(p, "(");
    for (int32_t k = 0; k < callee->outputs; k++) {
        if (k) put(p, ", ");
        write_type(p, callee, callee->output[k]);
    }
    put(p, ")");
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
    const ebb_graph *callee = op == EBB_OP_call ? g->callee[ebb_attr_of(g, id).v[0]] : NULL;
    p->line = p->length;
    put(p, "  ");
    write_id(p, id);
    put(p, " ");
    if (callee)
        write_tuple_type(p, callee);
    else
        write_type(p, g, id);
    put(p, " = ");
    put(p, ebb_op_table[op].name);
    if (callee) put(p, " @"), write_name(p, find(p, callee));
    if (op == EBB_OP_constant) write_payload(p, g, id);
    write_operands(p, g, id);
    write_attributes(p, g, id);
    write_site(p, g->site[id]);
    put(p, "\n");
}

/* ---- functions ---- */

static void write_function(printer *p, const named *f) {
    const ebb_graph *g = f->graph;
    put(p, "func ");
    write_name(p, f);
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
    p.failed = !collect(&p, g);
    for (int32_t k = 0; k < p.functions && !p.failed; k++) {
        if (k) put(&p, "\n");
        write_function(&p, &p.order[k]);
    }
    ebb_locale_restore(locale);
    for (int32_t k = 0; k < p.functions; k++)
        ebb_mem_free(p.allocator, p.order[k].name);
    ebb_mem_free(p.allocator, p.order);
    ebb_mem_free(p.allocator, p.path);
    if (!p.failed) return p.text;
    ebb_mem_free(p.allocator, p.text);
    ebb_fail_memory(diag);
    return NULL;
}
