/* roads.h - which road to a derivative is the cheapest: candidates are written as the programs they are, and weighed.
 *
 * A road is written into the program at work, beside the others; nothing of it stays if it is not chosen, as programs
 * are taken out by ebb_extract. So what is weighed is what would run, with all that folding and sharing make of it, at
 * the price of deriving it. Among those whose memory stays within the budget the one with the least work is chosen; if
 * none does, the one that needs the least memory. Start reading at ebb_weigh. */
#ifndef EBB_DUAL_ROADS_H
#define EBB_DUAL_ROADS_H

#include "dual/transform.h"

/* Writes the nodes of a derivative, result[...]. */
typedef bool ebb_road_writer(ebb_work *w, ebb_id *result);

/* One more candidate: a road with so many directions side by side, `blocks` times one after the other, whose writer
 * gives m results. One that cannot be written is a candidate too, which says why. False: out of memory. */
bool ebb_weigh(ebb_work *w, ebb_roads *c, const char *road, int64_t directions, int64_t blocks, ebb_road_writer *write,
               int m, ebb_id *result);
/* Sets c->chosen, c->why. False: no candidate can be written; w has the error of the first. */
bool ebb_choose(ebb_work *w, ebb_roads *c, int64_t budget);
/* The same where the caller has named the road. */
bool ebb_choose_named(ebb_work *w, ebb_roads *c, int road);

#endif
