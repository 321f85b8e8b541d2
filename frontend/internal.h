/* internal.h - the things behind the handles of ebb.h, shared by the files of frontend/.
 *
 * One dispatch (dispatch.c): every operation, whoever asks for it, goes through ebb_dispatch. Under a trace it appends
 * a node; else it runs a kernel; and each open tape that watches an operand records it. Because derived programs are
 * replayed through the same dispatch (replay.c), nested tapes, tapes inside traced functions and tapes around them need
 * no code of their own.
 *
 * Invariants: a tensor's value never changes (a variable's handle points to its current value instead); every handle
 * that a user can hold is valid memory until its context closes (dead ones are quarantined and say so); all memory goes
 * through context->allocator. Start reading at struct ebb_tensor, then dispatch.c. */
#ifndef EBB_INTERNAL_H
#define EBB_INTERNAL_H

#include "frontend/ebb.h"
#include "jit/graph/graph.h"

/* ---- values ---- */

/* Counted memory of a value. Written only while references == 1. Freed ones of equal size are recycled (storage.c). */
typedef struct ebb_storage {
    int32_t references;       /* atomic */
    size_t bytes;             /* room, rounded up to the size class */
    struct ebb_storage *next; /* in the free list of its size class */
    void *data;               /* 64-byte aligned */
} ebb_storage;

typedef enum ebb_kind {
    EBB_KIND_VALUE = 1,
    EBB_KIND_VARIABLE,
    EBB_KIND_TRACED,
    EBB_KIND_ABSENT,
    EBB_KIND_POISON,
    EBB_KIND_DEAD
} ebb_kind;

struct ebb_tensor {
    ebb_context *context; /* NULL only for the poison that belongs to no context */
    ebb_kind kind;
    int32_t references; /* scopes, tapes, captures, caches */
    int32_t depth;      /* scope that holds it; lowered by ebb_keep */
    uint64_t serial;    /* unique in the context: how tapes and traces know it */
    ebb_type type;
    ebb_storage *storage; /* VALUE, VARIABLE */
    ebb_site site;        /* where it was made */
    /* TRACED */
    struct ebb_trace *trace; /* compare trace_serial before use: the trace may be over */
    uint64_t trace_serial;
    ebb_id id;
    /* VARIABLE */
    char *name;
    bool trainable;
    ebb_tensor *read; /* the handle of the current value, made at the first read after an assign; counted */
    ebb_tensor *next; /* free list, quarantine, or the context's list of variables */
    ebb_tensor *previous;
};

/* ---- the context ---- */

typedef struct ebb_tensor_list {
    ebb_tensor **item;
    int32_t count, capacity;
} ebb_tensor_list;

struct ebb_context {
    ebb_allocator allocator;
    ebb_options options;
    ebb_diag diag;         /* the first error */
    uint64_t errors;       /* how many there were, the later ones too */
    char error_text[1400]; /* message with its source line, as ebb_error shows it */
    uint64_t next_serial;
    ebb_tensor poison, absent;   /* shared, never freed */
    ebb_tensor_list temporaries; /* one reference each; scope d owns [mark[d-1], mark[d]) */
    int32_t *mark;
    int32_t depth, mark_capacity;
    ebb_tensor *variables; /* doubly linked, owned */
    ebb_tensor *free_tensors, *quarantine, *quarantine_tail;
    int32_t quarantined;
    ebb_storage *free_storage[48];
    size_t free_bytes;
    ebb_tape *tapes;           /* open or not, innermost first */
    ebb_tape *dead_tapes;      /* the latest first */
    uint64_t deaf_from;        /* tapes of this order and later do not listen; 0: all do */
    struct ebb_trace *trace;   /* the innermost running trace */
    ebb_function *functions;   /* owned */
    ebb_optimizer *optimizers; /* owned */
    ebb_layer *layers;         /* owned */
    ebb_tensor
        *generator; /* i64[2] variable {seed, counter}, not in `variables` order of the user; made at first use */
    void *work;
    size_t work_bytes;                 /* arena of compiled calls, grown to the largest */
    struct ebb_expansions *expansions; /* graphs of macros that ran eagerly (expansions.c) */
    bool run_eagerly;                  /* functions run their bodies, whatever their mode */
    int ignored_watches;               /* of tensors that are not real */
    const void *occupant;              /* which thread is inside; NULL: none. Atomic */
    int occupied;                      /* how deep it is */
    bool intruded;                     /* another one came meanwhile. Atomic */
};

static inline ebb_site ebb_site_at(const char *file, int line) { return (ebb_site){.file = file, .line = line}; }

/* context.c: records the first error (with its site) and returns the context's poison. */
ebb_tensor *ebb_fail_at(ebb_context *ebb, ebb_code code, ebb_site site, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
ebb_tensor *ebb_fail_diag(ebb_context *ebb, const ebb_diag *diag,
                          ebb_site site); /* takes over a room's error; site if it has none */
ebb_context *
ebb_current(void); /* of this thread: the last one opened or used; for errors of calls with NULL tensors; may be NULL */
void ebb_enter(ebb_context *ebb);            /* makes it current */
ebb_tensor *ebb_poison_of(ebb_context *ebb); /* NULL gives the poison without a context */
/* Builds without NDEBUG notice two threads in one context: operations and calls stand between these two. False: another
 * thread is inside, and has the error when it leaves. */
bool ebb_occupy(ebb_context *ebb);
void ebb_vacate(ebb_context *ebb, ebb_site site);

/* storage.c */
ebb_storage *ebb_storage_new(ebb_context *ebb, size_t bytes); /* references 1, contents undefined; NULL: no memory */
void ebb_storage_release(ebb_context *ebb, ebb_storage *s);

/* tensor.c: handles. `ebb_tensor_*` give tensors held by the innermost scope, or poison with an error. */
ebb_tensor *ebb_handle_new(ebb_context *ebb, ebb_kind kind, const ebb_type *type,
                           ebb_site site); /* references 1, held by nobody; NULL */
ebb_tensor *ebb_handle_retain(ebb_tensor *x);
void ebb_handle_release(ebb_tensor *x); /* NULL, absent, poison: nothing */
ebb_tensor *
ebb_scope_hold(ebb_context *ebb,
               ebb_tensor *x); /* gives the reference to the innermost scope; poison if there is no memory */
ebb_tensor *ebb_tensor_value(ebb_context *ebb, const ebb_type *type, const void *data,
                             ebb_site site); /* copies data; NULL data: undefined contents */
ebb_tensor *ebb_tensor_of_storage(ebb_context *ebb, const ebb_type *type, ebb_storage *s,
                                  ebb_site site); /* takes the reference */
bool ebb_usable(ebb_context *ebb, const ebb_tensor *x, const char *what,
                ebb_site site); /* not NULL, dead, absent, poison, another context's, or a leaked traced tensor: else an
                                   error (none for poison) */
void ebb_number_bits(ebb_operand number, ebb_dtype dtype, void *out); /* writes the number as one element of dtype */

/* variable.c */
ebb_tensor *ebb_variable_read(ebb_tensor *v); /* the current value: traced under a trace; shows tapes the access; held
                                                 by v or the trace; poison on error */
ebb_tensor *ebb_variable_set(ebb_tensor *v, ebb_tensor *x,
                             ebb_site site);  /* x: a value or traced tensor of v's type; gives x back, or poison */
void ebb_variable_forget_read(ebb_tensor *v); /* after its storage changed */
bool ebb_variable_own(ebb_tensor *v, const char *function,
                      ebb_site site); /* its memory is shared with nobody, so that it may be written where it is */

/* dispatch.c: the one door. Operands: values, variables (read here), traced tensors. Attributes and asked type as in
 * jit/graph/types.h. Broadcasting and numbers are made explicit before (ops.c). The result is held by the innermost
 * scope. */
ebb_tensor *ebb_dispatch(ebb_context *ebb, const ebb_application *app, int narg, ebb_tensor *const *arg);

/* ---- tapes (tape.c records, gradient.c asks) ---- */

typedef struct ebb_serial_map {
    struct ebb_serial_entry {
        uint64_t key;
        int32_t value;
    } *entry;
    int32_t capacity, count;
} ebb_serial_map;                                            /* serialmap.c */
int32_t ebb_map_find(const ebb_serial_map *m, uint64_t key); /* -1: not there */
bool ebb_map_put(const ebb_allocator *a, ebb_serial_map *m, uint64_t key, int32_t value);
void ebb_map_free(const ebb_allocator *a, ebb_serial_map *m);

typedef struct ebb_source_read {
    ebb_tensor *variable;
    ebb_id id;
} ebb_source_read;

/* A tape is the same array as any program (a recorded graph) with the values filled in: tensor[id] is the value of node
 * id. */
struct ebb_tape {
    ebb_context *context;
    ebb_tape *next;          /* in context->tapes */
    int flags, depth;        /* depth: scope that owns it */
    struct ebb_trace *trace; /* it listens to what happens in this trace only; NULL: to what runs eagerly */
    uint64_t order;          /* in which tapes were started */
    bool forward;            /* it has tangents, and no graph: forward.c */
    bool recording, released;
    bool dead; /* its scope closed; kept a while to say so */
    ebb_graph *graph;
    ebb_diag diag;
    ebb_tensor_list
        value;          /* value.item[id], counted; NULL where there is none. Forward: tangents, the primals' first */
    ebb_serial_map ids; /* serial of a tensor -> its node. Forward: -> its place in value */
    ebb_source_read *reads;
    int32_t read_count, read_capacity; /* which node a variable's value entered by */
    ebb_tensor_list watched;           /* variables in the order of their first use, counted; outlives the record */
    ebb_tensor_list primal;            /* forward: what it was started with, counted */
};

/* A value that a variable had while a function ran: output `output` of its graph. */
typedef struct ebb_moment {
    ebb_tensor *variable; /* one of the bindings, which hold it */
    int32_t output;
} ebb_moment;

void ebb_tapes_saw_read(ebb_context *ebb, ebb_tensor *variable, ebb_tensor *value); /* a variable was read */
void ebb_tapes_record(ebb_context *ebb, const ebb_application *app, int narg, ebb_tensor *const *arg,
                      ebb_tensor *result); /* one op ran */
/* A call of a concrete function ran: result[k] for output k of graph (maybe absent). The versions are what its
 * variables were after the call's beginning, in order. */
typedef struct ebb_call_record {
    ebb_graph *graph;
    ebb_tensor *const *arg; /* [graph->inputs] */
    ebb_tensor *const *result;
    int results;
    const ebb_moment *version;
    int32_t versions;
    ebb_site site;
} ebb_call_record;
void ebb_tapes_record_call(ebb_context *ebb, const ebb_call_record *call);
bool ebb_tapes_listening(const ebb_context *ebb);  /* any tape recording here */
void ebb_tapes_close(ebb_context *ebb, int depth); /* frees tapes of scopes >= depth */
void ebb_tapes_forget(ebb_context *ebb, int keep); /* gives the dead ones back, but for the latest `keep` */
bool ebb_tape_usable(const ebb_tape *tape, const char *function,
                     ebb_site site);                             /* neither NULL nor dead; else an error */
ebb_id ebb_tape_node(const ebb_tape *tape, const ebb_tensor *x); /* the node of a watched or computed tensor, or -1 */
bool ebb_tape_listens(const ebb_tape *tape);
ebb_tape *ebb_tape_new(ebb_context *ebb, int flags); /* recording; NULL: no memory */
bool ebb_tape_asks_gradients(const ebb_tape *tape, const char *function,
                             ebb_site site); /* usable, and no forward tape; else an error */
void ebb_tape_clear(ebb_tape *tape);         /* lets go of the record; the tape cannot be asked again */
/* gradient.c: one question with many cotangents of y. Cotangent r of `rows` is 1 at elements r, r + rows, r + 2 rows
 * ... and 0 elsewhere; row[r] is x's gradient, held by the innermost scope, or absent. */
bool ebb_gradient_rows(ebb_tape *tape, ebb_tensor *y, ebb_tensor *x, int64_t rows, ebb_tensor **row, ebb_site site);

/* forward.c: tangents of what just ran. A tape that runs out of memory stops. */
void ebb_forward_saw_read(ebb_context *ebb, const ebb_tensor *variable, const ebb_tensor *value);
void ebb_forward_saw_op(ebb_context *ebb, const ebb_application *app, int narg, ebb_tensor *const *arg,
                        ebb_tensor *result);
void ebb_forward_saw_call(ebb_context *ebb, const ebb_call_record *call);

/* replay.c: walks an expanded graph and sends each op through dispatch again. value[id] (count entries) holds what is
 * known, NULL elsewhere; gives results[j] for g's outputs, held by the innermost scope (absent for absent outputs).
 * When nobody else is listening the evaluator runs it over slots, without tensor objects. False: an error was recorded.
 */
bool ebb_replay(ebb_context *ebb, const ebb_graph *g, ebb_tensor *const *value, ebb_tensor **results, ebb_site site);
/* The same by the evaluator, whoever listens. */
bool ebb_replay_values(ebb_context *ebb, const ebb_graph *g, ebb_tensor *const *value, ebb_tensor **results,
                       ebb_site site);

/* ---- traces and functions (trace.c, function.c, concrete.c, call.c, transform.c) ---- */

/* What enters a traced function beside its arguments. */
typedef struct ebb_binding {
    ebb_tensor *tensor; /* a variable, or what was captured; counted */
    int32_t parameter;
    int32_t state; /* output that is its new value, or -1 */
} ebb_binding;

typedef struct ebb_trace_variable {
    ebb_tensor *variable;
    ebb_tensor *current;
    bool assigned;
} ebb_trace_variable;

typedef struct ebb_trace {
    ebb_context *context;
    struct ebb_trace *outer;
    ebb_function *function; /* NULL: a part of a loop that runs eagerly */
    bool part;              /* of a trace, whose tensors it captures: a body of a branch or loop */
    uint64_t serial;
    ebb_site site;        /* of the call that it is made for */
    const char *own_file; /* of a body of the library's own, whose lines are nothing to the user; NULL: the user's */
    ebb_graph *graph;
    ebb_diag diag;
    ebb_serial_map captured; /* serial of an eager tensor, or one of an outer trace -> node */
    ebb_binding *binding;
    int32_t bindings, binding_capacity;
    ebb_trace_variable *variable;
    int32_t variables, variable_capacity;
    ebb_moment *version; /* what variables were and are no more; output: the node, until the trace ends */
    int32_t versions, version_capacity, passed;
} ebb_trace;

ebb_tensor *ebb_trace_record(ebb_trace *t, const ebb_application *app, int narg,
                             ebb_tensor *const *arg); /* a traced tensor held by the innermost scope, or poison */
ebb_tensor *ebb_trace_read(ebb_trace *t, ebb_tensor *variable); /* borrowed */
ebb_tensor *ebb_trace_assign(ebb_trace *t, ebb_tensor *variable, ebb_tensor *x, ebb_site site);
/* The node is a value that the variable had; its gradient counts it. False: an error is in the trace's diag. */
bool ebb_trace_add_version(ebb_trace *t, ebb_tensor *variable, ebb_id id);
ebb_id ebb_trace_id(ebb_trace *t, ebb_tensor *x,
                    ebb_site site); /* the node of any usable tensor; captures eager ones; EBB_POISON on error */

/* Where something is to the user: what a body of the library's own does, is where that was called. */
ebb_site ebb_users_site(const ebb_context *ebb, ebb_site site);

void ebb_functions_close(ebb_context *ebb);
void ebb_optimizers_close(ebb_context *ebb);
void ebb_layers_close(ebb_context *ebb);

/* text.c: numbers as the shortest decimals that read back exactly, whatever the locale; returns the length. */
int ebb_number_text(ebb_dtype dtype, const void *element, char text[32]);
bool ebb_decimal_parse(const char *text, size_t length, double *value); /* whole text; no locale */

#endif
