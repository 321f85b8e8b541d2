/* slopes.h - what a forward pass of any order asks of the program before it begins: ebb_slopes_write. */
#ifndef EBB_DUAL_SLOPES_H
#define EBB_DUAL_SLOPES_H

#include "dual/rules.h"

/* Slopes are written for the nodes between x and y only, and to the order that their own order asks. */
typedef struct ebb_slopes {
    ebb_id count;       /* nodes that the tables cover: all below the last one that is asked */
    uint8_t *order;     /* [count]: coefficients 1 ... order are asked of the node; 0: none */
    bool *given;        /* [count]: it is one of x */
    ebb_id (*slope)[3]; /* [count]: partials of a smooth node that is asked, absent where its operand stays fixed, and
                         * last its ladder, if it is a rung; the residual's parts of an implicit one */
    int64_t rungs;      /* of a ladder; 0: there are none */
    bool closed;        /* all slopes have slopes */
} ebb_slopes;

/* Appends the residuals of all implicit nodes between x and y, the slopes of all smooth ones, the slopes of these to
 * one order less, and so on. */
bool ebb_slopes_write(ebb_graph *g, int order, int n, const ebb_id *x, const bool *moves, int m, const ebb_id *y,
                      ebb_slopes *slopes);
/* The same where slopes, and theirs, are all asked to the full order, with ladders in place of slopes without end. If
 * there are still others, `closed` is false. */
bool ebb_slopes_close(ebb_graph *g, int order, int n, const ebb_id *x, const bool *moves, int m, const ebb_id *y,
                      ebb_slopes *slopes);
void ebb_slopes_free(ebb_graph *g, ebb_slopes *slopes);

#endif
