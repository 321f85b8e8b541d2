/* doors.h - what the two doors are made of. Only doors.c, identity.c, fold.c, graph.c and verify.c include it.
 *
 * A draft is an application on its way through the deriving door: doors.c types it, identity.c may rewrite it or answer
 * it with a node that exists, fold.c may answer it with a constant, and what is left is looked up or appended. */
#ifndef EBB_DOORS_H
#define EBB_DOORS_H

#include "jit/graph/graph.h"

typedef struct ebb_draft {
    ebb_graph *graph;
    ebb_application app;
    ebb_type type; /* of the result; no rewriting changes it */
    int narg;
    ebb_id arg[3];
    int64_t attr[EBB_MAX_RANK]; /* room for rewritten attributes */
    bool again;                 /* rewritten: look at it once more */
} ebb_draft;

/* graph.c: appends a node that is known to be right. */
ebb_id ebb_append(ebb_graph *g, const ebb_application *app, const ebb_type *type, int narg, const ebb_id *arg);
/* doors.c: the type of an application to nodes of g, or an error in diag. */
bool ebb_infer_nodes(const ebb_graph *g, const ebb_application *app, int narg, const ebb_id *arg, ebb_type *type,
                     ebb_diag *diag);
/* doors.c: the equal node that exists, or a new one. */
ebb_id ebb_share(ebb_graph *g, const ebb_application *app, const ebb_type *type, int narg, const ebb_id *arg);

/* Both give the node that answers the draft (or EBB_POISON: no memory), or EBB_ABSENT when they have no answer. */
ebb_id ebb_identity(ebb_draft *d); /* identity.c */
ebb_id ebb_fold(ebb_draft *d);     /* fold.c */

#endif
