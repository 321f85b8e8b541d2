/* einsum.h - an equation of ebb_einsum: read by einsum_parse.c, bound to operands by einsum_bind.c, run by einsum.c. */
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
    uint8_t label[EBB_MAX_RANK];
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

typedef struct ebb_labels {
    int n;
    uint8_t at[EBB_EINSUM_LABELS];
} ebb_labels;

/* A tensor with a label for each axis. */
typedef struct ebb_term {
    ebb_tensor *x;
    ebb_labels axis;
} ebb_term;

typedef struct ebb_einsum_call {
    ebb_equation eq;
    int64_t size[EBB_EINSUM_LABELS];
    int uses[EBB_EINSUM_LABELS]; /* in the operands */
    int dots;                    /* axes that "..." stands for */
    ebb_labels result;
    ebb_term term[EBB_EINSUM_OPERANDS]; /* the operands, a label maybe twice, sizes 1 where "..." stretches */
    int terms;
} ebb_einsum_call;

void ebb_labels_add(ebb_labels *list, int label);
int ebb_labels_find(const ebb_labels *list, int label); /* its first place, or -1 */

/* Reads e->eq.text and finds what its letters are in these operands (einsum_bind.c); false after an error. */
bool ebb_einsum_bind(ebb_einsum_call *e, int n, ebb_tensor *const *x);

/* Reads e->text; false after an error. */
bool ebb_einsum_parse(ebb_equation *e);
char ebb_einsum_letter(int label);
/* "ebb_einsum: \"ij,jk\": column 4: ..."; column 0: none. Gives false. */
bool ebb_einsum_refuse(const ebb_equation *e, ebb_code code, int column, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
bool ebb_einsum_refuse_rank(const ebb_equation *e, int rank);

#endif
