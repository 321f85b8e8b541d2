/* transform.h - what the transforms share: a program at work, from f to its derivative.
 *
 * Each transform is a sentence: start, a few verbs, finish. A verb returns false when it failed; finish cleans up
 * either way. */
#ifndef EBB_DUAL_TRANSFORM_H
#define EBB_DUAL_TRANSFORM_H

#include "dual/dual.h"
#include "dual/rules.h"

typedef struct ebb_work {
    const char *verb;               /* "grad": the name in messages */
    ebb_builder b;                  /* b.graph: f expanded, growing, without outputs; owned */
    int n;                          /* parameters that we differentiate in */
    ebb_id *x, *v, *dx;             /* [n]: them, their directions, derivatives in them */
    int derived;                    /* results that are differentiated: the first ones */
    int results, outputs;           /* f's outputs: results first, then state */
    double budget;                  /* bytes of a block of directions */
    int64_t blocks;                 /* the most that one stack of directions was cut in: for those who weigh roads */
    ebb_id *y, *dy;                 /* [outputs]: them, their tangents or cotangents */
    ebb_id *room;                   /* the memory of all five */
    const void *const *known;       /* [parameters of f], as in the spec */
    struct ebb_sparse *brought;     /* where hidden parameters go (sparse.h); NULL: there can be none */
    ebb_id hidden[EBB_MOST_HIDDEN]; /* they */
} ebb_work;

bool ebb_start_whole(ebb_work *w, const char *verb, const ebb_graph *f, const ebb_dual_spec *spec,
                     ebb_diag *diag); /* without parameters chosen */
bool ebb_start(ebb_work *w, const char *verb, const ebb_graph *f, const ebb_dual_spec *spec, ebb_diag *diag);
/* One more parameter like each of like[], into in[]; absent for an absent one. */
bool ebb_more_inputs(ebb_work *w, int n, const ebb_id *like, ebb_id *in);
/* Zeros in place of what is absent, for derivatives d of or in like[]; absent still for what is not float. */
bool ebb_fill(ebb_work *w, int n, const ebb_id *like, ebb_id *d);
/* The next outputs. */
bool ebb_give(ebb_work *w, int n, const ebb_id *id);
/* The state given, dead nodes dropped; the program, or NULL if `ok` is false. Releases what w owns. */
ebb_graph *ebb_finish(ebb_work *w, bool ok);
/* The same where the graph has got parameters that its program does not need: only the first ones stay, and the hidden
 * ones that are needed. */
ebb_graph *ebb_finish_part(ebb_work *w, int parameters, bool ok);
void ebb_abandon(ebb_work *w); /* releases what w owns */

/* The part of g that computes nodes out[] from nodes in[], as a program with just these parameters and results
 * (extract.c). */
ebb_graph *ebb_extract(const ebb_graph *g, int nin, const ebb_id *in, int nout, const ebb_id *out);
/* y[] = the results of f on nodes x[] of `to`, its nodes appended there (extract.c). */
bool ebb_inline(ebb_graph *to, const ebb_graph *f, const ebb_id *x, ebb_id *y);
/* The same program without its last n parameters, which are zero (extract.c). */
ebb_graph *ebb_at_zero(const ebb_graph *f, int n);

/* What nodes out[] read of the program around x[]: all that they need, that hangs on a parameter and not on x, and is
 * read by what hangs on x. *count of them, with room for `more` behind; NULL: no memory (linearize.c). */
ebb_id *ebb_residuals(const ebb_graph *g, int n, const ebb_id *x, int nout, const ebb_id *out, int more, int *count);

/* block[j] = the derivative of y[j] in x, [y[j]..., x...], zeros where there is none; absent for a y that is not real.
 * The graph gets a parameter that its program does not need: take the program out by ebb_extract. */
bool ebb_columns(ebb_work *w, ebb_id x, int m, const ebb_id *y, ebb_id *block);

/* out[n], derivatives along a direction that is parameter v, become those along each element of v: stacks of them on a
 * new first axis, computed in blocks that keep the budget (blocks.c); absent stays absent. */
bool ebb_every_direction(ebb_work *w, ebb_id v, int n, ebb_id *out);

/* The loss, result 0, is a float scalar; dx = its gradients (transforms.c) */
bool ebb_check_loss(ebb_work *w);
bool ebb_gradients(ebb_work *w);

#endif
