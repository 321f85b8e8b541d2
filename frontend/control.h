/* control.h - a branch or loop in progress: what control.c, control_run.c and control_trace.c share.
 *
 * A flow is read off the arguments once (control.c). Then either its bodies run on values (control_run.c), or each is
 * traced once and the whole becomes one region of the program (control_trace.c). Both run C code through ebb_flow_body,
 * so what a body may give is the same, and so are the errors. Start reading at ebb_flow. */
#ifndef EBB_CONTROL_H
#define EBB_CONTROL_H

#include "frontend/trace.h"

typedef enum ebb_role { EBB_THEN, EBB_OTHERWISE, EBB_STEP_BODY, EBB_CONDITION } ebb_role;

/* A C body and what it is there for. */
typedef struct ebb_flow_part {
    ebb_role role;
    ebb_body *body;
    int results;
} ebb_flow_part;

typedef struct ebb_flow {
    ebb_context *ebb;
    const char *function; /* what the user called: "ebb_scan" */
    void *data;           /* for the bodies */
    ebb_site site;
    ebb_tensor *predicate; /* of a branch; NULL: a loop. Counted */
    ebb_flow_part part[2]; /* then, otherwise; or body, condition */
    int parts;             /* 1: a loop of `trips` iterations */
    int states;            /* operands that go to every body; in a loop the body gives new ones */
    int sequences;         /* operands behind them, of which the body gets row after row */
    ebb_tensor **in;       /* [states + sequences] values, counted */
    int results;
    ebb_tensor **out; /* [results] counted; NULL until then */
    int64_t trips;    /* a size; in a trace perhaps a symbol */
    bool reverse;
    int64_t budget; /* bytes for the states that reverse mode keeps; 0: the default */
} ebb_flow;

static inline int ebb_flow_operands(const ebb_flow *w) { return w->states + w->sequences; }
/* How many operands a part is given. */
static inline int ebb_part_operands(const ebb_flow *w, int part) {
    return w->part[part].role == EBB_CONDITION ? w->states : ebb_flow_operands(w);
}

/* control_run.c */
const char *ebb_role_text(ebb_role role); /* for messages */
bool ebb_flow_decides(const ebb_flow *w); /* its predicate is bool[]; else an error */
/* The type of row after row of x. */
ebb_type ebb_row_type(const ebb_type *x);
/* Runs the C code of a part on its operands. result[k] are usable tensors of the right types, no variables, held by
 * whoever the body left them to. False: an error was recorded, but for poison. */
bool ebb_flow_body(const ebb_flow *w, int part, ebb_tensor *const *arg, ebb_tensor **result);
bool ebb_flow_run(ebb_flow *w); /* runs it all on values; fills w->out */

/* ---- in a trace ---- */

/* A part, traced. */
typedef struct ebb_traced {
    ebb_trace trace;
    bool begun;
    ebb_id *node;        /* [results] in the graph of the trace */
    ebb_graph *arranged; /* the same with the parameters that the region wants */
} ebb_traced;

typedef struct ebb_tracing {
    ebb_flow *w;
    ebb_traced part[2];
    ebb_tensor **outside; /* what the parts use from outside, borrowed of their bindings: assigned variables first */
    int32_t count, capacity, assigned;
    ebb_serial_map place; /* serial -> index in `outside` */
    ebb_graph *whole;     /* what the region's operands give: results, and new values of variables before those that
                             are stacked */
    ebb_diag diag;
} ebb_tracing;

/* control_trace.c */
bool ebb_flow_trace(ebb_flow *w);                 /* traces it all as one region; fills w->out */
bool ebb_flow_types(ebb_flow *w, ebb_type *type); /* of the results of part 0, which is traced for that only */
bool ebb_part_assigns(const ebb_traced *p);       /* any variable */
/* The node of a variable's last value in the part; EBB_ABSENT: the part does not assign it. */
ebb_id ebb_value_after(const ebb_traced *p, const ebb_tensor *variable);
int ebb_results_before(const ebb_tracing *g, int part); /* how many results of a part stand before the variables */

/* control_region.c */
bool ebb_make_region(ebb_tracing *g); /* fills g->whole */
/* Parameters of the parts, and of the region behind its predicate. */
int ebb_place_of_outside(const ebb_tracing *g, int u);
int ebb_place_of_operand(const ebb_tracing *g, int i);

/* capsule.c: a capsule is a graph without variables of its own that is called as a whole. result[k] is its output k,
 * held by the innermost scope (absent for an absent one). Eagerly it is evaluated, and must be expanded; in a trace its
 * nodes are recorded; tapes record a call of it. */
bool ebb_capsule_call(ebb_context *ebb, ebb_graph *g, ebb_tensor *const *arg, ebb_tensor **result, ebb_site site);
/* The region that node id of g is, alone: operands are parameters, results are outputs. NULL: the error is in diag. */
ebb_graph *ebb_capsule_of(const ebb_graph *g, ebb_id id, ebb_diag *diag);

#endif
