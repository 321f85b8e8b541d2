/* roads.h - which road to a derivative is the cheapest: every candidate is written as the program it is, and weighed.
 *
 * A road is written into the program at work, beside the others; nothing of it stays if it is not taken, as programs
 * are taken out by ebb_extract or ebb_finish. So what is weighed is what would run, with all that folding and sharing
 * make of it, at the price of deriving it. Among the roads whose memory stays within the budget the one with the least
 * work is taken; if none does, the one that needs the least memory. Start reading at ebb_take_road. */
#ifndef EBB_DUAL_ROADS_H
#define EBB_DUAL_ROADS_H

#include "dual/transform.h"

typedef struct ebb_road_row {
    const char *name;                           /* "forward over reverse" */
    bool (*write)(ebb_work *w, ebb_id *result); /* appends the derivative's nodes */
    int64_t directions;                         /* of all passes together */
    int64_t (*count)(const ebb_work *w);        /* they, where that is known only when it is written; or NULL */
} ebb_road_row;

/* Writes result[m] by one of the `rows` roads: the one that spec->road names; else, if `choose`, the cheapest; else the
 * first. If spec->roads is there, all are weighed and told. A road that cannot be written is no candidate; when the one
 * to take cannot, its error is w's. */
bool ebb_take_road(ebb_work *w, const ebb_dual_spec *spec, bool choose, int rows, const ebb_road_row *row, int m,
                   ebb_id *result);

/* The dense blocks by few products, where the pattern of the derivative leaves most of them zero (sparse.c): a road
 * only where hidden parameters may be brought along and there are some directions. */
bool ebb_pattern_is_a_road(const ebb_work *w);
bool ebb_hessian_by_pattern(ebb_work *w, ebb_id *block);
bool ebb_jacobian_by_pattern(ebb_work *w, ebb_id *block);
int64_t ebb_pattern_products(const ebb_work *w); /* how many they are */

/* Directions in some nodes: the elements of those that are real. */
int64_t ebb_elements_of(const ebb_work *w, int n, const ebb_id *x);

#endif
