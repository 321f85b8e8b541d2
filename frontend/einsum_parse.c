/* einsum_parse.c - "ij,jk->ik", "...ij->...ji": the text of an equation as lists of labels. Blanks mean nothing. */
#include "frontend/einsum.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool ebb_einsum_refuse(const ebb_equation *e, ebb_code code, int column, const char *format, ...) {
    char why[256], place[32] = "";
    va_list list;
    va_start(list, format);
    vsnprintf(why, sizeof why, format, list);
    va_end(list);
    if (column) snprintf(place, sizeof place, "column %d: ", column);
    ebb_fail_at(e->ebb, code, e->site, "ebb_einsum: \"%.80s\": %s%s", e->text, place, why);
    return false;
}

bool ebb_einsum_refuse_rank(const ebb_equation *e, int rank) {
    return ebb_einsum_refuse(e, EBB_VALUE_ERROR, 0, "a product or the result has %d axes; %d at most", rank,
                             EBB_MAX_RANK);
}

char ebb_einsum_letter(int label) { return (char)(label < 26 ? 'A' + label : 'a' + label - 26); }

static int label_of(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    return c >= 'a' && c <= 'z' ? c - 'a' + 26 : -1;
}

typedef struct reading {
    ebb_equation *e;
    const char *at;
} reading;

static int column(const reading *r) { return (int)(r->at - r->e->text) + 1; }

static void skip_blanks(reading *r) {
    while (*r->at == ' ')
        r->at++;
}

/* After blanks, the word if it is there. */
static bool take(reading *r, const char *word) {
    skip_blanks(r);
    if (strncmp(r->at, word, strlen(word)) != 0) return false;
    r->at += strlen(word);
    return true;
}

static bool add_letter(reading *r, ebb_subscript *s, int label) {
    if (s->letters == EBB_MAX_RANK)
        return ebb_einsum_refuse(r->e, EBB_VALUE_ERROR, column(r), "more than %d axes", EBB_MAX_RANK);
    s->column[s->letters] = column(r);
    s->label[s->letters++] = (uint8_t)label;
    r->at++;
    return true;
}

static bool read_subscript(reading *r, ebb_subscript *s) {
    *s = (ebb_subscript){.dots = -1};
    skip_blanks(r);
    s->start = column(r);
    for (;; skip_blanks(r)) {
        const int at = column(r), label = label_of(*r->at);
        if (label >= 0) {
            if (!add_letter(r, s, label)) return false;
        } else if (take(r, "...")) {
            if (s->dots >= 0) return ebb_einsum_refuse(r->e, EBB_VALUE_ERROR, at, "a second \"...\"");
            s->dots = s->letters;
        } else {
            return true;
        }
    }
}

bool ebb_einsum_parse(ebb_equation *e) {
    reading r = {e, e->text};
    e->operands = 0;
    do {
        if (e->operands == EBB_EINSUM_OPERANDS)
            return ebb_einsum_refuse(e, EBB_VALUE_ERROR, column(&r), "more than %d operands", EBB_EINSUM_OPERANDS);
        if (!read_subscript(&r, &e->operand[e->operands++])) return false;
    } while (take(&r, ","));
    e->has_result = take(&r, "->");
    if (e->has_result && !read_subscript(&r, &e->result)) return false;
    if (!*r.at) return true;
    return ebb_einsum_refuse(e, EBB_VALUE_ERROR, column(&r), "expected a letter, \"...\"%s or the end",
                             e->has_result ? "" : ", \",\", \"->\"");
}
