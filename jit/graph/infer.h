/* infer.h - what the type rules share: one question, and how to say no. Only infer*.c include it. */
#ifndef EBB_INFER_H
#define EBB_INFER_H

#include "jit/graph/types.h"

typedef struct ebb_question { /* which type has this application? */
    ebb_diag *diag;
    const ebb_application *app;
    int narg;
    const ebb_type *arg;
    ebb_type *result;
} ebb_question;

/* A rule fills *q->result or says no. The operands' number is right and none is a tuple; sizes of the result are
 * checked afterwards. */
typedef bool ebb_infer_rule(const ebb_question *q);
#define OP(name, family, access, arity, rule) ebb_infer_rule infer_##rule;
#include "jit/graph/ops.def"
#undef OP

/* Fails with "<operation>: <format ...>" at the application's site; returns false. */
bool ebb_infer_no(const ebb_question *q, ebb_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Sets of dtypes, and "<what> is f32[2]; it needs bool" for a type that is not in one. */
#define EBB_SET(dtype) (1u << (dtype))
#define EBB_SET_REAL (EBB_SET(EBB_F32) | EBB_SET(EBB_F64))
#define EBB_SET_INT (EBB_SET(EBB_I32) | EBB_SET(EBB_I64))
#define EBB_SET_NUMBER (EBB_SET_INT | EBB_SET_REAL)
#define EBB_SET_ANY (EBB_SET(EBB_BOOL) | EBB_SET_NUMBER)
bool ebb_infer_dtype(const ebb_question *q, const char *what, const ebb_type *type, unsigned set);

bool ebb_infer_same_dtype(const ebb_question *q, const ebb_type *a, const ebb_type *b);
bool ebb_infer_attrs(const ebb_question *q, int64_t n);                       /* exactly n attributes */
bool ebb_infer_axis(const ebb_question *q, int64_t axis, const ebb_shape *s); /* 0 <= axis < rank */
bool ebb_infer_asked(const ebb_question *q, unsigned set);                    /* a well-formed asked type */

#endif
