/* series.h - Taylor coefficients as one tensor: row k - 1 of [order, y...] is coefficient k of y. */
#ifndef EBB_DUAL_SERIES_H
#define EBB_DUAL_SERIES_H

#include "dual/rules.h"

/* How a series is written: as straight-line code, a node for each coefficient (forward.c), whose size grows with the
 * order; or as one loop over the orders (rolled.c), whose size does not. EBB_BY_ORDER: what costs less, straight up to
 * order EBB_MOST_STRAIGHT and mostly rolled above. */
typedef enum ebb_writing { EBB_BY_ORDER, EBB_STRAIGHT, EBB_ROLLED } ebb_writing;
enum { EBB_MOST_STRAIGHT = 24 };

/* series[j] = the coefficients of y[j], absent if all are zero, when x[i] moves along curve[i]: a series [order,
 * x[i]...], or a direction of x[i]'s type, or absent. The graph may get parameters that its program does not need: take
 * the program out by ebb_extract. */
bool ebb_series_nodes(ebb_graph *g, int order, ebb_writing writing, int n, const ebb_id *x, const ebb_id *curve, int m,
                      const ebb_id *y, ebb_id *series);

/* The same as one loop over the orders. *written false, and nothing given: some operation has slopes without end, or
 * as many axes as there can be (rolled.c). */
bool ebb_rolled_nodes(ebb_graph *g, int order, int n, const ebb_id *x, const ebb_id *curve, int m, const ebb_id *y,
                      ebb_id *series, bool *written);

/* ---- words ---- */
ebb_id ebb_series_row(ebb_builder *b, ebb_id series, int64_t k, ebb_id like); /* row k, of like's shape */
ebb_id ebb_series_zeros(ebb_builder *b, int64_t rows, ebb_id like);
/* Its first row is y, the others are zero. */
ebb_id ebb_series_begun(ebb_builder *b, int64_t rows, ebb_id y);
ebb_id ebb_series_joined(ebb_builder *b, int order, ebb_id *c, ebb_id like); /* uses up c; absent ones are zero */

#endif
