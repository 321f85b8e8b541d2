/* literal.c - tensors from text: "3", "[1, 2.5]", "[[1,2],[3,4]]", "[true, false]".
 *
 * The text is walked twice by the same code: the first time it gives shape and dtype, the second time it fills memory.
 * Start reading at read_item. */
#include "frontend/values.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { KIND_BOOL = 1, KIND_INTEGER = 2, KIND_LONG = 4, KIND_REAL = 8 };

typedef struct literal {
    ebb_context *ebb;
    const char *text, *at;
    int rank;                  /* -1 until the first element or empty list shows it */
    int64_t dim[EBB_MAX_RANK]; /* -1 until the first list of this depth ends */
    unsigned kinds;
    ebb_site site;
    ebb_dtype dtype; /* second time: */
    char *out;       /* where the next element goes; NULL the first time */
} literal;

static bool refuse(const literal *l, ebb_code code, const char *format, ...) {
    char why[200];
    va_list list;
    va_start(list, format);
    vsnprintf(why, sizeof why, format, list);
    va_end(list);
    ebb_fail_at(l->ebb, code, l->site, "ebb_literal: column %d: %s", (int)(l->at - l->text) + 1, why);
    return false;
}

static void skip_space(literal *l) {
    while (*l->at == ' ' || *l->at == '\t' || *l->at == '\n' || *l->at == '\r')
        l->at++;
}

/* ---- elements ---- */

/* [+-] digits, within int64 */
static bool parse_integer(const char *at, size_t length, int64_t *value) {
    bool negative = *at == '-';
    size_t i = negative || *at == '+';
    if (i == length) return false;
    for (*value = 0; i < length; i++) {
        if (at[i] < '0' || at[i] > '9') return false;
        int digit = at[i] - '0';
        if (__builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, negative ? -digit : digit, value))
            return false;
    }
    return true;
}

static bool is_word(const char *at, size_t length, const char *a, const char *b) {
    return length == strlen(a) && (!memcmp(at, a, length) || !memcmp(at, b, length));
}

/* The kind of the element, 0 if it is none. */
static unsigned parse_element(const char *at, size_t length, ebb_operand *number) {
    int64_t integer;
    double real;
    bool yes = is_word(at, length, "true", "True");
    if (yes || is_word(at, length, "false", "False")) {
        *number = ebb_operand_bool(yes);
        return KIND_BOOL;
    }
    if (length && parse_integer(at, length, &integer)) {
        *number = ebb_operand_long(integer);
        return integer == (int32_t)integer ? KIND_INTEGER : KIND_LONG;
    }
    if (!ebb_decimal_parse(at, length, &real)) return 0;
    *number = ebb_operand_double(real);
    return KIND_REAL;
}

static bool only_digits(const char *at, size_t length) {
    return length && strspn(at + (*at == '-' || *at == '+'), "0123456789") + (*at == '-' || *at == '+') >= length;
}

static bool read_element(literal *l, int depth) {
    ebb_operand number;
    size_t length = strcspn(l->at, ",[] \t\r\n");
    unsigned kind = parse_element(l->at, length, &number);
    if (!kind)
        return refuse(l, EBB_VALUE_ERROR, length ? "'%.*s' is no number" : "a number is missing",
                      length > 40 ? 40 : (int)length, l->at);
    if (kind == KIND_REAL && only_digits(l->at, length) && !ebb_is_float(l->dtype))
        return refuse(l, EBB_VALUE_ERROR, "'%.*s' is out of range for i64", length > 40 ? 40 : (int)length, l->at);
    if (l->rank >= 0 && l->rank != depth) return refuse(l, EBB_VALUE_ERROR, "a number where a list is expected");
    l->rank = depth;
    l->kinds |= kind;
    if (l->out) {
        if (!ebb_number_fits(l->ebb, "ebb_literal", number, l->dtype, l->site)) return false;
        ebb_number_bits(number, l->dtype, l->out);
        l->out += ebb_dtype_size(l->dtype);
    }
    l->at += length;
    return true;
}

/* ---- lists ---- */

static bool read_item(literal *l, int depth);

static bool end_list(literal *l, int depth, int64_t length) {
    if (l->rank < 0) l->rank = depth + 1;
    if (l->dim[depth] >= 0 && l->dim[depth] != length)
        return refuse(l, EBB_VALUE_ERROR, "a list of %lld where the others have %lld", (long long)length,
                      (long long)l->dim[depth]);
    l->dim[depth] = length;
    l->at++;
    return true;
}

static bool read_list(literal *l, int depth) {
    if (depth == EBB_MAX_RANK) return refuse(l, EBB_VALUE_ERROR, "more than %d brackets deep", EBB_MAX_RANK);
    if (l->rank >= 0 && depth >= l->rank) return refuse(l, EBB_VALUE_ERROR, "a list where a number is expected");
    l->at++;
    skip_space(l);
    if (*l->at == ']') return end_list(l, depth, 0);
    for (int64_t n = 1;; n++) {
        if (!read_item(l, depth + 1)) return false;
        skip_space(l);
        if (*l->at == ']') return end_list(l, depth, n);
        if (*l->at != ',') return refuse(l, EBB_VALUE_ERROR, "',' or ']' is missing");
        l->at++;
    }
}

static bool read_item(literal *l, int depth) {
    skip_space(l);
    return *l->at == '[' ? read_list(l, depth) : read_element(l, depth);
}

static bool read_all(literal *l) {
    if (!read_item(l, 0)) return false;
    skip_space(l);
    return !*l->at || refuse(l, EBB_VALUE_ERROR, "something after the end");
}

/* ---- the whole ---- */

/* As TensorFlow: i32 where it suffices, f32 with decimals and for no elements at all. */
static bool choose_dtype(literal *l, ebb_dtype asked) {
    bool mixed = l->kinds & KIND_BOOL && l->kinds != KIND_BOOL;
    if (mixed) return refuse(l, EBB_VALUE_ERROR, "booleans and numbers do not mix");
    l->dtype = asked != EBB_NONE                       ? asked
               : l->kinds == 0 || l->kinds & KIND_REAL ? EBB_F32
               : l->kinds & KIND_LONG                  ? EBB_I64
               : l->kinds & KIND_INTEGER               ? EBB_I32
                                                       : EBB_BOOL;
    return true;
}

ebb_tensor *ebb_literal_at(ebb_context *ebb, const char *text, ebb_dtype dtype, const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    literal l = {.ebb = ebb, .site = site, .text = text, .at = text, .rank = -1, .dtype = dtype};
    if (!ebb) return ebb_fail_at(NULL, EBB_TYPE_ERROR, site, "ebb_literal: the context is NULL");
    ebb_enter(ebb);
    if (!text) return ebb_fail_at(ebb, EBB_TYPE_ERROR, site, "ebb_literal: the text is NULL");
    if (dtype != EBB_NONE && !ebb_dtype_size(dtype))
        return ebb_fail_at(ebb, EBB_TYPE_ERROR, site, "ebb_literal: no such dtype: %d", (int)dtype);
    memset(l.dim, -1, sizeof l.dim);
    if (!read_all(&l) || !choose_dtype(&l, dtype)) return ebb_poison_of(ebb);
    ebb_type type = {.dtype = l.dtype, .shape = {.rank = l.rank}};
    memcpy(type.shape.dim, l.dim, (size_t)l.rank * sizeof *l.dim);
    ebb_tensor *x = ebb_tensor_value(ebb, &type, NULL, site);
    if (x->kind == EBB_KIND_POISON) return x;
    l.at = text;
    l.out = x->storage->data;
    if (read_all(&l)) return x;
    ebb_release(x);
    return ebb_poison_of(ebb);
}
