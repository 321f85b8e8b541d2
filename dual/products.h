/* products.h - a derivative by few products: what the sparse transforms and the dense ones share. */
#ifndef EBB_DUAL_PRODUCTS_H
#define EBB_DUAL_PRODUCTS_H

#include "dual/sparse.h"
#include "dual/transform.h"

/* A program at work, which has somewhere to put what it brings along (w->brought), and what is differentiated in it. */
typedef struct ebb_products {
    ebb_work *w;
    int m;
    ebb_id *of;                            /* [m] */
    ebb_id *direction, *derivative, *seed; /* room for products, [n + m] each */
    ebb_id *room;                          /* the memory of all of them */
} ebb_products;

/* Of of[m] in w's parameters, all of one dtype. Stop in any case. */
bool ebb_products_start(ebb_products *t, ebb_work *w, int m, const ebb_id *of);
void ebb_products_stop(ebb_products *t);
/* The pattern, of `most` entries at most; a Hessian's is symmetric. */
bool ebb_products_pattern(ebb_products *t, double most, bool symmetric, ebb_rows *rows);
/* The entries, row by row, of the plan that w->brought has. */
ebb_id ebb_products_entries(ebb_products *t);
/* They as a dense matrix, [rows, columns], flat. */
ebb_id ebb_products_matrix(ebb_products *t);

#endif
