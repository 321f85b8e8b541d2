/* small_graph.c - see small_graph.h. */
#include "tests/support/small_graph.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

ebb_diag diag;
ebb_graph *graph;
static ebb_builder builder;
ebb_builder *const b = &builder;

void small_graph_start(void) {
    diag = (ebb_diag){.code = EBB_OK};
    graph = ebb_graph_new(&ebb_malloc_allocator, &diag, NULL);
    builder = (ebb_builder){graph, {.file = "user.c", .line = 7}};
}

void small_graph_stop(void) { ebb_graph_release(graph); }

/* "f32[2,n0]" */
ebb_type type_of_text(const char *text) {
    ebb_type t = {.dtype = EBB_NONE};
    for (int d = EBB_BOOL; d <= EBB_F64; d++) {
        size_t n = strlen(ebb_dtype_short((ebb_dtype)d));
        if (!strncmp(text, ebb_dtype_short((ebb_dtype)d), n) && text[n] == '[') t.dtype = (ebb_dtype)d;
    }
    const char *at = strchr(text, '[');
    while (at && *at != ']' && at[1] != ']') {
        at++;
        bool symbol = *at == 'n';
        int64_t number = strtoll(at + symbol, (char **)&at, 10);
        t.shape.dim[t.shape.rank++] = symbol ? EBB_SYMBOL(number) : number;
    }
    return t;
}

ebb_shape shape(const char *text) { return type_of_text(text).shape; }
ebb_id input(const char *text) { return ebb_add_input(graph, type_of_text(text), b->site); }
ebb_id number(ebb_dtype d, double v) { return ebb_g_number(b, d, v); }
ebb_id full(const char *type, double v) {
    ebb_type t = type_of_text(type);
    return ebb_g_full(b, t.dtype, &t.shape, v);
}

ebb_id vector(ebb_dtype d, int n, const double *v) {
    int64_t payload[64] = {0};
    for (int i = 0; i < n; i++) {
        ebb_id one = number(d, v[i]);
        memcpy((char *)payload + (size_t)i * ebb_dtype_size(d), ebb_attr_of(graph, one).v, ebb_dtype_size(d));
    }
    return ebb_g_constant(b, (ebb_type){d, {1, {n}}}, payload);
}

const char *text_at(ebb_id id) {
    static char text[4][EBB_TYPE_TEXT];
    static int turn;
    if (id == EBB_POISON) return diag.message;
    ebb_type t = ebb_type_of(graph, id);
    return ebb_type_text(&t, text[turn++ & 3]);
}

void same(ebb_id got, ebb_id want, const char *what, int line) {
    cr_expect(got > 0 && got == want, "line %d: %s: got %%%d %s (%s), expected %%%d (%s)", line, what, got,
              got > 0 ? ebb_op_table[ebb_op_of(graph, got)].name : "poison", text_at(got), want,
              want > 0 ? ebb_op_table[ebb_op_of(graph, want)].name : "poison");
}

void is_op(ebb_id got, ebb_op op, const char *what, int line) {
    cr_expect(got > 0 && ebb_op_of(graph, got) == op, "line %d: %s: got %s, expected %s", line, what,
              got > 0 ? ebb_op_table[ebb_op_of(graph, got)].name : diag.message, ebb_op_table[op].name);
}
