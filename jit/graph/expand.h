/* expand.h - the seams of expand.c, which walks a graph: macros.c knows the formulas, copy.c copies nodes. */
#ifndef EBB_EXPAND_H
#define EBB_EXPAND_H

#include "jit/graph/build.h"
#include "jit/graph/region.h"

/* The value of a MACRO operation on operands x of the builder's graph, in operations that are none. */
ebb_id ebb_expand_macro(ebb_builder *b, ebb_op op, const ebb_id *x, ebb_attr attr);

/* The new ids of node id's operands, by map: in few[], or of to's allocator if there are more; NULL: no memory. */
ebb_id *ebb_new_operands(const ebb_graph *to, const ebb_graph *g, ebb_id id, const ebb_id *map, ebb_id few[3]);

/* The nodes that outputs need, as flags of g's allocator; NULL: no memory. */
uint8_t *ebb_live_nodes(const ebb_graph *g);
/* Records the nodes of g that are live (NULL: all) into `to`; renumber has the new ids, those of inputs already. */
bool ebb_copy_nodes(ebb_graph *to, const ebb_graph *g, const uint8_t *live, ebb_id *renumber);
/* The program without what nothing needs: folding and unused results leave such nodes behind. Takes g; map, if any, has
 * `count` entries, which are renumbered. */
ebb_graph *ebb_drop_dead(ebb_graph *g, ebb_id *map, int32_t count);
/* The program where a loop that gives all that another one gives is asked in its place. Takes g, which is expanded;
 * NULL: an error. */
ebb_graph *ebb_take_covered(ebb_graph *g, ebb_diag *diag);
/* The program without the results of regions that nobody reads, and all that was computed for them. Takes g, which is
 * expanded; NULL: an error. */
ebb_graph *ebb_drop_unread(ebb_graph *g, ebb_diag *diag);
/* Region r through a door, on the operands of node id of g, whose new ids are in map. */
typedef ebb_id ebb_region_door(ebb_graph *g, const ebb_region *r, int narg, const ebb_id *arg, ebb_site site);
ebb_id ebb_put_region(ebb_region_door *door, ebb_graph *to, const ebb_region *r, const ebb_graph *g, ebb_id id,
                      const ebb_id *map, ebb_site site);

#endif
