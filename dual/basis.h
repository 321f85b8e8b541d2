/* basis.h - the directions of a pass that is batched over many of them: rows of an identity, or numbers that are known.
 *
 * The identity is a node that says so (i + offset = j, cast to a real), so that a product with it folds away
 * (batch.c): the Hessian of a logistic regression is X' D X, one product. */
#ifndef EBB_DUAL_BASIS_H
#define EBB_DUAL_BASIS_H

#include "dual/rules.h"

/* Rows from, from + 1 ... of an identity; of them, columns at, at + 1 ...: as [rows, like...]. The first row is a
 * number, or a node: i64[]. */
ebb_id ebb_identity_rows(ebb_builder *b, int64_t from, int64_t rows, int64_t at, ebb_id like);
ebb_id ebb_identity_rows_at(ebb_builder *b, ebb_id from, int64_t rows, int64_t at, ebb_id like);
/* Whether x [rows, columns] is such a node: 1 where row + offset = column, else 0. */
bool ebb_is_identity(const ebb_graph *g, ebb_id x, int64_t *offset);

/* Lines through a point: directions in the space of several parameters, one after the other. */
typedef struct ebb_lines {
    int64_t count;
    int64_t elements;        /* of the parameters together */
    const double *direction; /* [count, elements]; NULL: the identity, count = elements */
    const double *weight;    /* [count]; NULL: 1 each */
    double budget;           /* bytes that a block of lines may have alive at once */
} ebb_lines;

/* The lines of one block: from, from + 1 ..., as v[i] = [rows, x[i]...], and their weights f64[rows], absent if all are
 * 1. */
bool ebb_lines_at(ebb_graph *g, const ebb_lines *lines, int64_t from, int64_t rows, int n, const ebb_id *x, ebb_id *v,
                  ebb_id *weight);
/* All of them in blocks of so many rows, for a loop. Sequences of it: i64[blocks], where each block begins, if they are
 * the identity; else the directions in each x[i], [blocks, rows * elements of x[i]], then the weights [blocks, rows] if
 * there are any; zeros at the end. What a slice of them is in the body: as ebb_lines_at. */
int ebb_lines_sequences(const ebb_lines *lines, int n);
bool ebb_lines_sequence(ebb_graph *g, const ebb_lines *lines, int64_t rows, int n, const ebb_id *x, ebb_id *sequence);
bool ebb_lines_slice(ebb_graph *g, const ebb_lines *lines, int64_t rows, const ebb_id *slice, int n, const ebb_id *x,
                     ebb_id *v, ebb_id *weight);

/* second[j] = the sum of weight times second derivative of node y[j] along these lines through x[n], absent if it is
 * zero (collapse.c). The graph gets parameters that its program does not need: take the program out by ebb_extract. */
bool ebb_collapse_nodes(ebb_graph *g, const ebb_lines *lines, int n, const ebb_id *x, int m, const ebb_id *y,
                        ebb_id *second);

/* How many of `count` directions v[n] nodes y[m] can be batched for at once: as many as keep `budget`, at least one. */
bool ebb_block_of(const ebb_graph *g, int m, const ebb_id *y, int n, const ebb_id *v, int64_t count, double budget,
                  int64_t *rows);

/* total[m]: nodes y[m] along one line v[n], added up with their weights along all lines (blocks.c); in blocks that keep
 * the budget, one after the other. */
bool ebb_sum_over_lines(ebb_graph *g, const ebb_lines *lines, int n, const ebb_id *v, int m, const ebb_id *y,
                        ebb_id *total);

/* The number of elements of x, 0 if it is not known. */
int64_t ebb_element_count(const ebb_graph *g, ebb_id x);

#endif
