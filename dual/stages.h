/* stages.h - in which order a forward pass visits what is asked of it: ebb_stages_find. */
#ifndef EBB_DUAL_STAGES_H
#define EBB_DUAL_STAGES_H

#include "dual/slopes.h"

/* Operations, then regions, then operations that read these, then regions ...: an even group is of operations. */
typedef struct ebb_stages {
    ebb_id *node;   /* the nodes that are asked and not given, group by group, in each by id */
    int32_t *begin; /* [groups + 1]: where each group begins in `node` */
    int32_t groups;
} ebb_stages;

bool ebb_stages_find(const ebb_graph *g, const ebb_slopes *slopes, ebb_stages *stages);
void ebb_stages_free(const ebb_graph *g, ebb_stages *stages);

#endif
