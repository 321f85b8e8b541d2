/* rule_cases.h - one operation on one set of shapes, for every operation with a derivative rule: the table, and what
 * its texts say. */
#ifndef EBB_TEST_RULE_CASES_H
#define EBB_TEST_RULE_CASES_H

#include "jit/graph/types.h"

enum { MOST_ELEMENTS = 64, MOST_OPERANDS = 3 };

typedef struct rule_case {
    const char *name;
    ebb_op op;
    const char *shape[MOST_OPERANDS]; /* "2,3": float; "i:4": the ints of `index`; "b:2,3": true and false in turn */
    const char *attr;                 /* "0,2" */
    const char *asked;                /* a shape */
    double low[2], high[2];           /* ranges of operand 0, and of the others; 0, 0: from -2 to 2 */
    const char *index;                /* "2,0,2,1" */
    ebb_dtype cast;                   /* cast: the dtype asked */
    double diagonal, apart;           /* operand 0 is a matrix: more on its diagonal, and more from one to the next */
} rule_case;

extern const rule_case rule_cases[];
extern const int rule_case_count;

int rule_list(const char *text, int64_t *list); /* "0,2": how many */
ebb_shape rule_shape(const char *text);
ebb_type rule_operand_type(const char *text, ebb_dtype real);
int rule_operands(const rule_case *c);
/* The elements of operand k: the same numbers in both real dtypes. */
void rule_operand_values(const rule_case *c, int k, int64_t size, double *value);

#endif
