/* check.h - derivatives compared with differences: what the check*.c share.
 *
 * A function at a point is one map from a long vector x, the elements of all arguments and variables that are looked
 * at, to a long vector y, those of all real results. check_programs.c has its derivatives as programs on such vectors,
 * check_slopes.c the differences, check_place.c the way from a wrong number to its place, and check.c compares.
 * Invariant: nothing of the function or its variables is changed. Start reading at ebb_check_derivatives_at. */
#ifndef EBB_CHECKING_H
#define EBB_CHECKING_H

#include "frontend/trace.h"

/* ---- programs (check_programs.c) ---- */

/* Tensors, one after the other, as one vector; each has room for programs to read a point or a direction from, and to
 * write a result to, in its own dtype. */
enum { EBB_CHECK_POINT, EBB_CHECK_DIRECTION, EBB_CHECK_RESULT, EBB_CHECK_SIDES };
typedef struct ebb_check_space {
    int count;
    ebb_type *type; /* [count] */
    int64_t *start; /* [count + 1]: their first elements; the last one is how many elements there are */
    int64_t elements;
    void **data[EBB_CHECK_SIDES]; /* [count] */
} ebb_check_space;

/* What each takes beside x, and gives. */
enum {
    EBB_CHECK_VALUE,           /* y */
    EBB_CHECK_FORWARD,         /* v: J v, like y */
    EBB_CHECK_REVERSE,         /* u: J' u, like x */
    EBB_CHECK_FORWARD_REVERSE, /* u, v: the second derivatives of <u, y>, times v, like x */
    EBB_CHECK_REVERSE_FORWARD, /* v, u: the same, the other way round */
    EBB_CHECK_PROGRAMS
};

typedef struct ebb_check_program {
    ebb_graph *graph; /* as it runs; NULL: it cannot be */
    ebb_diag refusal;
    ebb_executable *native; /* made at the first run; NULL: the evaluator runs it */
    bool tried;
} ebb_check_program;

typedef struct ebb_checked {
    ebb_context *ebb;
    ebb_concrete *concrete;
    ebb_diag diag;
    ebb_check_options options;
    int levels, halvings;        /* of differences, and by how many halvings a step is smaller than the one before */
    double epsilon, near, equal; /* of the machine; how far differences, and modes, may be apart */
    ebb_graph *base;             /* the function, with its real results only */
    int *wrt;                    /* [x.count] parameters of base */
    ebb_check_spot *spot;        /* [x.count] what they are to the user */
    int *result;                 /* [y.count] which results those of base are */
    ebb_check_space x, y;
    const void **in; /* [parameters of base, then as many as there are directions] */
    ebb_check_program program[EBB_CHECK_PROGRAMS];
    double *at;                /* [x.elements] the point */
    double *v, *u, *w, *given; /* room: a direction, weights, what some way gives */
    struct ebb_check_slope *slope;
} ebb_checked;

/* False: an error is in k->diag, or was recorded. Close in any case. */
bool ebb_check_open(ebb_checked *k, ebb_function *f, int nin, const ebb_operand *in, ebb_site site);
void ebb_check_close(ebb_checked *k);
/* out = what the program gives at x + step * way (way NULL: at x), for v and u. False: an error is in k->diag. */
typedef struct ebb_check_point {
    const double *way, *v, *u;
    double step;
} ebb_check_point;
bool ebb_check_run(ebb_checked *k, int program, const ebb_check_point *p, double *out);
int64_t ebb_check_gives(const ebb_checked *k, int program); /* so many numbers */

/* ---- differences (check_slopes.c) ---- */

/* The derivative of a number along a direction. */
typedef struct ebb_check_slope {
    double value, noise; /* and how far off it may be */
    double left, right;  /* from one side; NaN: it does not settle */
    double size;         /* of the number itself */
    bool smooth;         /* it settles, and both sides agree */
} ebb_check_slope;
/* Of each number that the program, VALUE or REVERSE, gives, into k->slope. */
bool ebb_check_slopes(ebb_checked *k, int program, const double *v, const double *u);

/* ---- ways to a number (check_place.c) ---- */

enum {
    EBB_BY_FORWARD,         /* <u, J v> */
    EBB_BY_REVERSE,         /* <J' u, v> */
    EBB_BY_DIFFERENCES,     /* of values: <u, J v> */
    EBB_BY_JUMP,            /* how far they are apart from the left and from the right */
    EBB_BY_FORWARD_REVERSE, /* <w, H v>, H the second derivatives of <u, y> */
    EBB_BY_REVERSE_FORWARD,
    EBB_BY_GRADIENTS, /* differences of the gradient */
    EBB_BY_GRADIENT_JUMP
};
/* *number, which may be off by *noise; numbers that have no derivative count for nothing. False: an error. */
bool ebb_check_by(ebb_checked *k, int way, const double *u, const double *v, const double *w, double *number,
                  double *noise);
/* Two ways to one number. From k->v, k->u (order 1) or k->w (order 2) only the one element each is left that they are
 * furthest apart in; numbers: what both say along the unit vectors. other -1: the one way against 0. */
typedef struct ebb_check_pair {
    int way, other;
    bool narrow_results; /* u is not a unit vector yet */
    int64_t in, of;      /* the elements: of v, and of u or w */
    double number, expected;
} ebb_check_pair;
bool ebb_check_narrow(ebb_checked *k, ebb_check_pair *pair);

/* ---- rules of one's own (check_rule.c) ---- */

/* Names the first rule in the program that does not say what differentiating what it stands for says. False: no memory.
 */
bool ebb_check_rules(ebb_checked *k, ebb_check_report *r);

#endif
