/* colour.h - few products for many columns: columns of one colour are computed together.
 *
 * A Jacobian times the sum of some columns' unit vectors gives all their entries at once, if no row has two of them
 * (Curtis, Powell and Reid 1974). Of a symmetric matrix an entry may also be read from its mirror image, so fewer
 * colours do: a star colouring (Gebremedhin, Tarafdar, Manne and Pothen 2007). Few long rows, which would need a
 * colour for each of their columns, are done apart. Start reading at ebb_compress_hessian. */
#ifndef EBB_DUAL_COLOUR_H
#define EBB_DUAL_COLOUR_H

#include "dual/relation.h"

/* How the entries of a pattern are computed. Product k is the Jacobian times the unit vectors of the columns of colour
 * k (forward), or its transpose times those of the rows of colour k (reverse). Entry e is element place[e] of all
 * forward products [forward, rows], then of all reverse ones [reverse, columns]. */
typedef struct ebb_compressed {
    ebb_rows pattern;
    int32_t forward, reverse;    /* how many products */
    int32_t *of_column, *of_row; /* [columns], [rows]: the colour; -1: none */
    int64_t *place;              /* [entries] */
} ebb_compressed;

/* Takes the pattern, also if it fails (false: no memory). The Hessian's must be symmetric. `road` as in jacobian. */
bool ebb_compress_jacobian(const ebb_allocator *a, ebb_rows *pattern, ebb_road road, ebb_compressed *c);
bool ebb_compress_hessian(const ebb_allocator *a, ebb_rows *pattern, ebb_compressed *c);
void ebb_compressed_free(const ebb_allocator *a, ebb_compressed *c);

/* ---- colourings (colour.c); *colours: how many. Columns and rows without entries have the colour -1 ---- */
/* No row has two columns of one colour, rows with `skip` excepted (NULL: none). turned: the transpose of r. */
bool ebb_colour_columns(const ebb_allocator *a, const ebb_rows *r, const ebb_rows *turned, const bool *skip,
                        int32_t *colour, int32_t *colours);
/* Neighbours differ, and no path of four vertices has only two colours. */
bool ebb_colour_star(const ebb_allocator *a, const ebb_rows *r, int32_t *colour, int32_t *colours);

#endif
