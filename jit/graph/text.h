/* text.h - the text form of a program: prints, and parses back to the identical graph.
 *
 *     func loss(%1: f64[1000], %2: f64[]) {
 *       %3 f64[1000] = tanh %1                  ; loss.c:12
 *       %4 f64[] = sum %3 {axes=[0]}
 *       return %4
 *     }
 * Callees are printed before their callers, `%5 (f64[], f32[3]) = call @loss %3, %4` with `%6 f64[] = get %5 {k=0}`;
 * functions of one name become f, f_2 ... The other regions name theirs in the same way, a condition behind the body:
 *
 *     %3 (f64[]) = cond @then @otherwise %1, %2
 *     %4 (f64[], f64[9]) = loop @body %1, %2, %3 {states=1, captures=1, trips=9, reverse=0}
 *     %5 (f64[]) = loop @body @condition %1, %2 {states=1, captures=1, trips=-1, reverse=0, budget=4096}
 *     %6 (f64[], absent) = unloop @body @condition @pullback %1, %2, %3 {states=1, captures=1, trips=-1, reverse=0,
 *                                                                        budget=0}
 * A loop's budget of 0 is left out.
 * Constants are printed bit-exactly: `constant [1.5, -0, inf,
 * nan(0x7fc00000)]`, row-major. A result that is absent is `absent`. What follows `;` is the source line of its
 * operation, or a comment; parameters have none. Behind the line stands what the operation is there for, if that is a
 * derivative or a macro: `; loss.c:12 [adjoint]`, `; loss.c:12 [tangent of adjoint in softmax]`. The file names that a
 * parsed graph has read belong to it (ebb_graph_own_file). The program's locale does not matter. */
#ifndef EBB_TEXT_H
#define EBB_TEXT_H

#include "jit/graph/graph.h"

typedef struct ebb_module {
    ebb_graph **function;
    int32_t functions;
    const ebb_allocator *allocator;
} ebb_module;

char *ebb_graph_print(const ebb_graph *g,
                      ebb_diag *diag); /* NUL-ended, the graph's allocator owns it (ebb_mem_free); NULL on error */
/* Parses every function of `text` (length bytes); errors name line and column. `calls` may name earlier functions only.
 */
ebb_module *ebb_module_parse(const ebb_allocator *a, const char *text, size_t length, ebb_diag *diag);
ebb_graph *ebb_module_find(const ebb_module *m, const char *name); /* borrowed; NULL if there is none */
void ebb_module_free(ebb_module *m);

#endif
