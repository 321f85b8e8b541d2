/* einsum.h - an equation of ebb_einsum as its parser (einsum_parse.c) gives it to einsum.c. */
#ifndef EBB_EINSUM_H
#define EBB_EINSUM_H

#include "frontend/values.h"

enum {
    EBB_EINSUM_LETTERS = 52, /* labels 0 ... 51: A-Z, a-z, in the order of an implicit result */
    EBB_EINSUM_LABELS = EBB_EINSUM_LETTERS + EBB_MAX_RANK, /* then the axes of "...", counted from the last */
    EBB_EINSUM_OPERANDS = 16
};

/* "ij...k": letters before and after the dots. */
typedef struct ebb_subscript {
    int letters, dots; /* dots: how many letters are before them; -1: there are none */
    int8_t label[EBB_MAX_RANK];
    int column[EBB_MAX_RANK]; /* of each letter, from 1 */
    int start;                /* column of the whole */
} ebb_subscript;

typedef struct ebb_equation {
    ebb_context *ebb;
    ebb_site site;
    const char *text;
    int operands;
    ebb_subscript operand[EBB_EINSUM_OPERANDS], result;
    bool has_result;
} ebb_equation;

/* Reads e->text; false after an error. */
bool ebb_einsum_parse(ebb_equation *e);
char ebb_einsum_letter(int label);
/* "ebb_einsum: \"ij,jk\": column 4: ..."; column 0: none. Gives false. */
bool ebb_einsum_refuse(const ebb_equation *e, ebb_code code, int column, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
