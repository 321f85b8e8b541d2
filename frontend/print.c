/* print.c - tensors as text, as NumPy lays them out: one width for all elements, rows under each other, lines of at
 * most 75 characters, and no more than three elements at each end of an axis once there are over a thousand.
 *
 * Text goes into a sink that only counts what does not fit, so one road serves files and buffers of any size.
 * Start reading at write_rows. */
#include "frontend/values.h"
#include "jit/graph/plain_floats.h"

#include <stdio.h>
#include <string.h>

enum { LINE = 75, SUMMARY_ABOVE = 1000, EDGE = 3, CELL = 64 };

/* ---- the sink ---- */

typedef struct sink {
    FILE *file; /* or */
    char *text; /* `size` bytes; may be NULL */
    size_t size, length;
    bool lines; /* a newline went by */
} sink;

static void put_bytes(sink *s, const char *text, size_t n) {
    if (s->file) fwrite(text, 1, n, s->file);
    for (size_t i = 0; i < n; i++) {
        if (s->text && s->length < s->size) s->text[s->length] = text[i];
        s->length++;
        if (text[i] == '\n') s->lines = true;
    }
}

static void put(sink *s, const char *text) { put_bytes(s, text, strlen(text)); }

static size_t finish(const sink *s) {
    if (s->text && s->size) s->text[s->length < s->size ? s->length : s->size - 1] = 0;
    return s->length;
}

/* ---- one width for all ---- */

typedef struct printing {
    sink *out;
    const ebb_type *type;
    const char *data;
    int64_t stride[EBB_MAX_RANK]; /* in bytes */
    bool summary;
    /* how an element looks: integers and bools have a width; floats are scientific, or plain around their points */
    int width;
    bool scientific;
    int left, right, exponent; /* characters before and after the point, digits of exponents */
    double least, most;        /* of the sizes of finite numbers that are not 0 */
    int left_special;          /* room for nan and inf, from the right */
} printing;

static void widen(int *width, int to) {
    if (*width < to) *width = to;
}

static double size_of(ebb_dtype dtype, const void *element) {
    double x = dtype == EBB_F32 ? (double)*(const float *)element : *(const double *)element;
    return x < 0 ? -x : x;
}

static void measure_float(printing *p, const char *element) {
    ebb_decimal d;
    ebb_decimal_of(p->type->dtype, element, &d);
    if (d.special) {
        widen(&p->left_special, 3 + d.negative);
        return;
    }
    int exponent = d.exponent < 0 ? -d.exponent : d.exponent;
    if (p->scientific) {
        widen(&p->left, 1 + d.negative);
        widen(&p->right, d.count - 1);
        widen(&p->exponent, exponent > 99 ? 3 : 2);
        return;
    }
    widen(&p->left, (d.exponent > 0 ? d.exponent + 1 : 1) + d.negative);
    widen(&p->right, d.count - 1 - d.exponent);
}

static void measure_range(printing *p, const char *element) {
    double x = size_of(p->type->dtype, element);
    if (!(x > 0) || x > 1.7976931348623157e308) return;
    if (p->least == 0 || x < p->least) p->least = x;
    if (x > p->most) p->most = x;
}

static void measure_plain(printing *p, const char *element) {
    char text[32];
    widen(&p->width, p->type->dtype == EBB_BOOL ? 5 : ebb_number_text(p->type->dtype, element, text));
}

/* How many elements of an axis are shown at each end; 0: all of them. */
static int64_t edge_of(const printing *p, int axis) {
    return p->summary && p->type->shape.dim[axis] > 2 * EDGE ? EDGE : 0;
}

static void for_each_shown(printing *p, void (*visit)(printing *, const char *), int axis, const char *at) {
    if (axis == p->type->shape.rank) {
        visit(p, at);
        return;
    }
    int64_t n = p->type->shape.dim[axis], edge = edge_of(p, axis);
    for (int64_t i = 0; i < n; i++) {
        if (edge && i == edge) i = n - edge;
        for_each_shown(p, visit, axis + 1, at + i * p->stride[axis]);
    }
}

static void measure(printing *p) {
    if (!ebb_is_float(p->type->dtype)) {
        for_each_shown(p, measure_plain, 0, p->data);
        return;
    }
    for_each_shown(p, measure_range, 0, p->data);
    p->scientific = p->most >= 1e8 || (p->least > 0 && (p->least < 1e-4 || p->most / p->least > 1000));
    for_each_shown(p, measure_float, 0, p->data);
    p->width = p->left + 1 + p->right + (p->scientific ? 2 + p->exponent : 0);
    if (p->left_special > p->width) p->left += p->left_special - p->width;
    widen(&p->width, p->left_special);
}

/* ---- elements ---- */

static void write_float_cell(const printing *p, const char *element, char cell[2 * CELL]) {
    char text[CELL];
    ebb_decimal d;
    ebb_decimal_of(p->type->dtype, element, &d);
    if (d.special) {
        snprintf(text, sizeof text, "%s%s", d.negative ? "-" : "", d.special);
        snprintf(cell, 2 * CELL, "%*s", p->width, text);
    } else if (p->scientific) {
        ebb_decimal_rounded(p->type->dtype, element, 1 + p->right, &d);
        ebb_decimal_scientific(&d, p->right, p->exponent, text);
        snprintf(cell, 2 * CELL, "%*s", p->width, text);
    } else {
        int n = ebb_decimal_plain(&d, text), before = (int)strcspn(text, ".");
        snprintf(cell, 2 * CELL, "%*s%s%*s", p->left - before, "", text, p->right + 1 - (n - before), "");
    }
}

static void write_cell(const printing *p, const char *element, char cell[2 * CELL]) {
    char text[32];
    if (ebb_is_float(p->type->dtype)) {
        write_float_cell(p, element, cell);
        return;
    }
    ebb_number_text(p->type->dtype, element, text);
    snprintf(cell, 2 * CELL, "%*s", p->width, text);
}

/* ---- rows ---- */

static void put_spaces(const printing *p, int n) {
    while (n-- > 0)
        put(p->out, " ");
}

static void newline(const printing *p, int lines, int indent) {
    while (lines-- > 0)
        put(p->out, "\n");
    put_spaces(p, indent);
}

/* A line being written; spaces at its end wait, as they go away when it is wrapped. */
typedef struct line {
    int column, spaces;
} line;

/* A word, on a new line if this one has no room for it. */
static void put_word(const printing *p, const char *word, bool first, int limit, line *l) {
    int indent = p->type->shape.rank, n = (int)strlen(word), filled = n;
    if (l->column > indent && l->column + !first + n > limit) {
        newline(p, 1, indent);
        l->column = indent;
    } else {
        put_spaces(p, l->spaces + !first);
        l->column += !first;
    }
    while (filled && word[filled - 1] == ' ')
        filled--;
    put_bytes(p->out, word, (size_t)filled);
    l->spaces = n - filled;
    l->column += n;
}

/* The last axis: elements side by side. A line keeps room for the brackets that close after it. */
static void write_line(const printing *p, const char *at) {
    int axis = p->type->shape.rank - 1, limit = LINE - axis - 1;
    int64_t n = p->type->shape.dim[axis], edge = edge_of(p, axis);
    char cell[2 * CELL];
    line l = {axis + 1, 0};
    for (int64_t i = 0; i < n; i++) {
        if (edge && i == edge) {
            put_word(p, "...", false, limit, &l);
            i = n - edge;
        }
        write_cell(p, at + i * p->stride[axis], cell);
        put_word(p, cell, i == 0, limit, &l);
    }
    put_spaces(p, l.spaces);
}

static void write_rows(const printing *p, int axis, const char *at) {
    int rank = p->type->shape.rank;
    put(p->out, "[");
    if (axis == rank - 1) write_line(p, at);
    int64_t n = axis == rank - 1 ? 0 : p->type->shape.dim[axis], edge = n ? edge_of(p, axis) : 0;
    for (int64_t i = 0; i < n; i++) {
        if (i) newline(p, rank - 1 - axis, axis + 1);
        if (edge && i == edge) {
            put(p->out, "...");
            newline(p, rank - 1 - axis, axis + 1);
            i = n - edge;
        }
        write_rows(p, axis + 1, at + i * p->stride[axis]);
    }
    put(p->out, "]");
}

/* ---- whole tensors ---- */

static void write_array(sink *out, const ebb_type *type, const void *data) {
    char text[32];
    int64_t size = 0;
    ebb_shape_size(&type->shape, &size);
    if (type->shape.rank == 0) {
        ebb_number_text(type->dtype, data, text);
        put(out, text);
        return;
    }
    if (!size) {
        put(out, "[]");
        return;
    }
    printing p = {.out = out, .type = type, .data = data, .summary = size > SUMMARY_ABOVE};
    int64_t stride = (int64_t)ebb_dtype_size(type->dtype);
    for (int i = type->shape.rank; i-- > 0; stride *= type->shape.dim[i])
        p.stride[i] = stride;
    measure(&p);
    write_rows(&p, 0, data);
}

static void write_value(sink *out, const ebb_tensor *x) {
    char text[32];
    switch (x->kind) {
    case EBB_KIND_VALUE:
    case EBB_KIND_VARIABLE:
        write_array(out, &x->type, x->storage->data);
        break;
    case EBB_KIND_TRACED:
        snprintf(text, sizeof text, "traced %%%ld", (long)x->id);
        put(out, text);
        break;
    case EBB_KIND_ABSENT:
        put(out, "None");
        break;
    case EBB_KIND_POISON:
        put(out, "poison");
        break;
    case EBB_KIND_DEAD:
        break;
    }
}

static const char *dtype_name(ebb_dtype dtype) {
    static const char *const names[] = {"none", "bool", "int32", "int64", "float32", "float64"};
    return names[dtype];
}

/* "(2, 3)", "(2,)", "()" */
static void write_shape(sink *out, const ebb_shape *s) {
    char text[32];
    put(out, "(");
    for (int i = 0; i < s->rank; i++) {
        snprintf(text, sizeof text, "%s%lld", i ? ", " : "", (long long)s->dim[i]);
        put(out, s->dim[i] < 0 ? (i ? ", None" : "None") : text);
    }
    put(out, s->rank == 1 ? ",)" : ")");
}

static void write_tensor(sink *out, const ebb_tensor *x) {
    sink trial = {0};
    write_value(&trial, x);
    put(out, trial.lines ? "ebb.Tensor(\n" : "ebb.Tensor(");
    write_value(out, x);
    put(out, ", shape=");
    write_shape(out, &x->type.shape);
    put(out, ", dtype=");
    put(out, dtype_name(x->type.dtype));
    put(out, ")");
}

static void write_variable(sink *out, const ebb_tensor *v) {
    sink trial = {0};
    write_value(&trial, v);
    put(out, "<ebb.Variable '");
    put(out, v->name);
    put(out, "' shape=");
    write_shape(out, &v->type.shape);
    put(out, " dtype=");
    put(out, dtype_name(v->type.dtype));
    put(out, trial.lines ? ", value=\n" : ", value=");
    write_value(out, v);
    put(out, ">");
}

static void write_any(sink *out, const ebb_tensor *x) {
    if (x->kind == EBB_KIND_VARIABLE)
        write_variable(out, x);
    else if (x->kind == EBB_KIND_ABSENT)
        put(out, "None");
    else if (x->kind == EBB_KIND_POISON)
        put(out, "ebb.Tensor(poison)");
    else
        write_tensor(out, x);
}

/* ---- the public functions ---- */

static bool printable(const ebb_tensor *x, const char *what) {
    if (x && x->kind != EBB_KIND_DEAD) return true;
    return ebb_usable(x ? x->context : ebb_current(), x, what, (ebb_site){0});
}

void ebb_print(FILE *to, const ebb_tensor *x) {
    EBB_PLAIN_FLOATS;
    sink out = {.file = to};
    if (!to) {
        ebb_fail_at(x ? x->context : NULL, EBB_TYPE_ERROR, (ebb_site){0}, "ebb_print: the file is NULL");
        return;
    }
    if (!printable(x, "ebb_print: the tensor")) return;
    write_any(&out, x);
    put(&out, "\n");
}

size_t ebb_format(const ebb_tensor *x, char *text, size_t size) {
    EBB_PLAIN_FLOATS;
    sink out = {.text = text, .size = size};
    if (printable(x, "ebb_format: the tensor")) write_any(&out, x);
    return finish(&out);
}

size_t ebb_format_value(const ebb_tensor *x, char *text, size_t size) {
    EBB_PLAIN_FLOATS;
    sink out = {.text = text, .size = size};
    if (printable(x, "ebb_format_value: the tensor")) write_value(&out, x);
    return finish(&out);
}
