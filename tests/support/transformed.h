/* transformed.h - random programs, and what transforms make of them: functions to functions, nested at random.
 *
 * Start reading at transformed. */
#ifndef EBB_TEST_TRANSFORMED_H
#define EBB_TEST_TRANSFORMED_H

#include "dual/sparse.h"

typedef enum verb {
    GRAD,
    JVP,
    LINEARIZE,
    VJP,
    TRANSPOSE,
    JET,
    VMAP,
    HVP,
    HESSIAN,
    DIAGONAL,
    LAPLACIAN,
    SECOND_ORDER,
    SPARSE_HESSIAN,
    JACOBIAN,
    SPARSE_JACOBIAN,
    BATCH_JACOBIAN,
    JET_SERIES,
    REMAT, /* from here on the same function, otherwise */
    RULE,
    REVERSE_RULE,
    BRANCH,
    LOOP,
    VERBS
} verb;
extern const char *const verb_name[VERBS];

/* Programs of this suite have at most so many parameters, and so many results. */
enum { MOST_PARAMETERS = 64, MOST_RESULTS = 256, VMAP_EXAMPLES = 2 };

/* The real parameters; their number. */
int real_parameters(const ebb_graph *g, int *wrt);

typedef struct question {
    verb verb;          /* GRAD, HVP to SPARSE_HESSIAN: of a number made of the first result */
    int order;          /* of a jet */
    const char *road;   /* NULL: the usual one */
    ebb_roads *roads;   /* NULL, or gets which there are */
    ebb_sparse *sparse; /* NULL, or gets the pattern, to be freed */
} question;

/* The derivative of f in all real parameters; sparse ones in those of the first one's dtype; vmap, and so
 * BATCH_JACOBIAN, of all parameters. A new program, or NULL and an error. */
ebb_graph *transformed(const ebb_graph *f, question q, ebb_diag *diag);

/* The symmetric matrix [d,d] of SECOND_ORDER; to be freed. */
double *operator_of(int64_t d);

/* f on curves: f's parameters, then for each real one a stack of `order` coefficients of a curve through it, then t. */
ebb_graph *on_curves(const ebb_graph *f, int order, ebb_diag *diag);

/* Whether a refusal only says that something grows too large: no transform may refuse anything else. */
bool is_limit(const ebb_diag *diag);

/* A program whose results are real, and depend on all that is in it. */
ebb_graph *random_program(uint64_t seed, ebb_diag *diag);

/* The program with up to three transforms applied, what they are in words, and for each of them the operations that it
 * met. Releases f. */
typedef int verb_tally[EBB_OP_COUNT][VERBS];
ebb_graph *nest_at_random(ebb_graph *f, uint64_t seed, char what[100], verb_tally met, ebb_diag *diag);
bool is_small_program(const ebb_graph *g);
void note_operations(const ebb_graph *g, verb v, verb_tally met);

#endif
