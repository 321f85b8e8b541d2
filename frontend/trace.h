/* trace.h - traces, concrete functions and the functions that own them: what trace.c, function.c, concrete.c, call.c
 * and transform.c share.
 *
 * A function has one body (C code, or another function and a transform); a concrete function is its graph for one key
 * (types of the arguments), with what it needs beside its arguments; native code is made at its first run.
 * Start reading at ebb_function_concrete (function.c), then ebb_concrete_run (concrete.c). */
#ifndef EBB_TRACE_H
#define EBB_TRACE_H

#include "frontend/internal.h"
#include "jit/load/load.h"

typedef enum ebb_transform {
    EBB_BODY,
    EBB_GRAD,
    EBB_VALUE_AND_GRAD,
    EBB_JVP,
    EBB_JET,
    EBB_JET_SERIES,
    EBB_VJP,
    EBB_HVP,
    EBB_HESSIAN,
    EBB_HESSIAN_DIAGONAL,
    EBB_JACOBIAN,
    EBB_SPARSE_HESSIAN,
    EBB_VALUE_AND_SPARSE_HESSIAN,
    EBB_SPARSE_JACOBIAN,
    EBB_BATCH_JACOBIAN,
    EBB_LAPLACIAN,
    EBB_SECOND_ORDER,
    EBB_TRANSPOSE,
    EBB_LINEARIZE,  /* results of the base, then what EBB_LINEARIZED reads of them */
    EBB_LINEARIZED, /* of tangents; it has no base */
    EBB_VMAP,
    EBB_CUSTOM_JVP,
    EBB_CUSTOM_VJP,
    EBB_REMAT
} ebb_transform;

/* Behind the arguments that a body is given come so many NULL: it may look for one that is missing. */
enum { EBB_SPARE_ARGUMENTS = 8 };

/* What a trace depends on, argument by argument: a tensor's dtype and shape, a variable's serial, a number's dtype and
 * bits, each behind a word that says which. */
typedef struct ebb_key {
    uint64_t *word;
    int32_t count;
} ebb_key;
enum { EBB_KEY_TENSOR = 1, EBB_KEY_VARIABLE, EBB_KEY_NUMBER };
#define EBB_KEY_WORDS (EBB_MAX_RANK + 1) /* at most, per argument */

struct ebb_function {
    ebb_context *context;
    ebb_function *next, *previous; /* the context's list */
    int32_t references;            /* the user's, and one of each function derived from it */
    char *name;
    ebb_body *body; /* EBB_BODY */
    void *data;
    int results;
    int32_t arguments; /* how many it must be given; -1: whatever its body reads */
    void *owned;       /* what `data` points to, if it is freed with the function */
    ebb_mode mode;
    bool check_nan;
    bool tracing; /* for refusing recursion */
    ebb_transform transform;
    ebb_function *base; /* transforms: what is differentiated; counted */
    ebb_function *rule; /* EBB_CUSTOM_...; of a body of ours, what its data needs; counted */
    int *wrt;
    int nwrt;
    struct ebb_linear *linear; /* EBB_LINEARIZE, EBB_LINEARIZED: the part of the tangents; owned */
    int auxiliary;             /* so many of the base's results are not derived */
    bool value;                /* its results come first, where they would not come */
    int order;      /* EBB_JET; of Jacobians: an ebb_road; EBB_SECOND_ORDER: rows of the matrix, which is `owned` */
    char *road;     /* transforms: what ebb_set_road has named, or NULL */
    int64_t budget; /* and allowed; 0: the default */
    int *out_axes;  /* EBB_VMAP, [results]; wrt are the axes of arguments. NULL: 0 */
    ebb_concrete *concretes;
    int32_t traces;
    ebb_key signature; /* of symbols and sizes; no words: none was given */
    bool reduce_retracing;
    ebb_concrete *generals; /* traces for unknown sizes: not sealed, never run */
    char reason[256];       /* of the latest trace but the first */
    uint32_t history;       /* of calls: a bit for each, the latest lowest; 1: it traced */
    int32_t warnings;       /* of too many traces */
};

int32_t ebb_key_words(const uint64_t *word);                  /* of the argument that starts here */
ebb_type ebb_key_type(const uint64_t *word);                  /* of a tensor argument */
int32_t ebb_key_tensor(const ebb_type *type, uint64_t *word); /* writes it; gives the number of words */

/* general.c: traces for unknown sizes */
bool ebb_signature_parse(ebb_function *f, const char *text); /* false: an error was recorded */
bool ebb_signature_fits(ebb_function *f, int nin, const ebb_key *key, ebb_site site);
ebb_concrete *ebb_general_find(const ebb_function *f, int nin, const ebb_key *key); /* the most specific; or NULL */
/* A key for this call and an earlier one that differs in sizes only; no words: there is none. `word` has key's room. */
ebb_key ebb_key_generalise(const ebb_function *f, int nin, const ebb_key *key, uint64_t *word);
bool ebb_general_specialise(ebb_concrete *c, const ebb_concrete *general, ebb_site site); /* fills c */

/* retrace.c */
void ebb_key_argument_text(const ebb_context *ebb, const uint64_t *word, char text[EBB_TYPE_TEXT]);
void ebb_retrace_explain(ebb_function *f, const ebb_concrete *c); /* c is about to join f's traces */
void ebb_retrace_count(ebb_function *f, bool traced);             /* a call ended */

struct ebb_concrete {
    ebb_function *function;
    ebb_concrete *next;
    ebb_key key;
    ebb_graph *graph;   /* as recorded: what call nodes and transforms use */
    ebb_graph *sealed;  /* expanded, simplified: what runs */
    int32_t arguments;  /* of a call */
    int32_t *parameter; /* [arguments] which parameter each is, or -1: a number or variable, part of the key */
    ebb_binding *binding;
    int32_t bindings;
    int32_t results;     /* outputs beyond are new values of variables, then earlier ones, for tapes only */
    ebb_moment *version; /* in the order of the assignments, the new value of each variable last */
    int32_t versions;
    int32_t passed; /* outputs that are earlier values: they are not computed */
    int32_t *alias; /* [outputs] the parameter each may share memory with, or -1 */
    bool in_place;  /* variables may be updated where they are: nothing in the program can fail halfway */
    ebb_executable *executable;
    bool tried; /* and there is no compiler, so there is no executable */
    const void **in;
    void **out;
    ebb_storage **fresh;                     /* scratch of a run; fresh: new memory of states */
    char *text, *signature, *program, *plan; /* what ebb_concrete_text and the others gave last */
    struct ebb_sparse *sparse;               /* of a derivative by its pattern: what dual/ made */
    ebb_sparsity sparsity;                   /* and what the user sees of it */
};

/* Begins the trace of f; or, with a name, of a part of what is being traced: a body of a branch or loop. */
bool ebb_trace_begin(ebb_trace *t, ebb_context *ebb, ebb_function *f, const char *part);
void ebb_trace_leave(ebb_trace *t); /* what runs now is no longer recorded here; its tensors cannot be used any more */
bool ebb_trace_add_states(ebb_trace *t); /* the values of assigned variables become outputs, the last ones first */
void ebb_trace_end(ebb_trace *t);
ebb_tensor *ebb_trace_tensor(ebb_trace *t, ebb_id id, ebb_site site); /* held by the innermost scope; poison if id is */

/* function.c: the concrete function for these operands, traced if there is none; NULL: an error was recorded. */
ebb_concrete *ebb_function_concrete(ebb_function *f, int nin, const ebb_operand *in, ebb_site site);
/* Whether these are the arguments that c was traced for; false: an error was recorded. */
bool ebb_concrete_fits(const ebb_concrete *c, int nin, const ebb_operand *in, ebb_site site);
ebb_function *ebb_function_alloc(ebb_context *ebb, const char *name, int results,
                                 ebb_mode mode); /* NULL: an error was recorded */
bool ebb_function_takes(const ebb_function *f, int nin,
                        ebb_site site); /* so many arguments; false: an error was recorded */
/* What a call that runs the body checks: their number, and the signature if there is one. */
bool ebb_function_accepts(ebb_function *f, int nin, const ebb_operand *in, ebb_site site);
/* Argument k as a tensor; a C number has the dtype that it has in a body. */
ebb_tensor *ebb_argument_tensor(ebb_context *ebb, int nin, const ebb_operand *in, int k);

/* transform.c: the graph of a derived function; fills c's graph, parameters, bindings and results. */
ebb_function *ebb_transform_new(ebb_function *base, const ebb_wrt *wrt, ebb_transform transform, const char *prefix);
bool ebb_transform_wrap(ebb_concrete *c, const ebb_concrete *base, ebb_graph *inner, ebb_diag *diag, ebb_site site);
bool ebb_vmap_trace(ebb_concrete *c, int nin, const ebb_operand *in, ebb_site site);   /* vmap.c */
bool ebb_custom_trace(ebb_concrete *c, int nin, const ebb_operand *in, ebb_site site); /* custom.c */
/* sparse.c: what a derivative by its pattern brings along: the spec gets a place for it, and what is known of base's
 * parameters; if there is a program, and it needs them, the keeper keeps them (NULL: nobody does), and binds them to
 * parameter `first` and following. */
struct ebb_dual_spec;
typedef struct ebb_bringing {
    const void **known;
    struct ebb_sparse *brought;
} ebb_bringing;
bool ebb_bring_start(ebb_bringing *b, const ebb_function *f, const ebb_concrete *base, struct ebb_dual_spec *spec,
                     ebb_diag *diag);
void ebb_bring_end(ebb_bringing *b, const ebb_function *f, ebb_concrete *keeper, const ebb_graph *program);
bool ebb_bring_bind(ebb_concrete *c, int32_t first, ebb_site site);
bool ebb_is_sparse(const ebb_function *f);
void ebb_sparse_forget(ebb_concrete *c);
bool ebb_transform_trace(ebb_concrete *c, int nin, const ebb_operand *in, ebb_site site);
/* The roads that there were to f's derivative for these arguments, which it was traced for; count 0: it is none, or
 * there is one way only. False: an error is in diag, or was recorded. */
struct ebb_roads;
bool ebb_is_derivative(const ebb_function *f); /* and not just another way to run */
bool ebb_transform_roads(const ebb_function *f, int nin, const ebb_operand *in, struct ebb_roads *roads, ebb_diag *diag,
                         ebb_site site);

/* linear.c: the transpose of g as a program of all its parameters, then the cotangents; the two parts of a derivative.
 */
struct ebb_dual_spec;
typedef struct ebb_linear ebb_linear;
ebb_graph *ebb_linearize_derive(ebb_concrete *c, const ebb_graph *g, const struct ebb_dual_spec *spec, ebb_diag *diag);
bool ebb_linear_trace(ebb_concrete *c, int nin, const ebb_operand *in, ebb_site site);
void ebb_linear_free(ebb_context *ebb, ebb_linear *linear); /* NULL is fine */
ebb_graph *ebb_transpose_derive(const ebb_graph *g, const struct ebb_dual_spec *spec, ebb_diag *diag);

/* concrete.c */
ebb_concrete *ebb_concrete_new(ebb_function *f, int arguments, ebb_key *key); /* copies the key; NULL: no memory */
bool ebb_concrete_seal(ebb_concrete *c, ebb_site site); /* after graph, parameters, bindings, results are filled */
void ebb_concrete_free(ebb_concrete *c);
bool ebb_concrete_copy_bindings(ebb_concrete *c, const ebb_binding *binding, int32_t count); /* behind those it has */
/* Copies them, `shift` outputs later; the last `passed` outputs of the graph are earlier values. */
bool ebb_concrete_copy_versions(ebb_concrete *c, const ebb_moment *version, int32_t count, int32_t passed, int shift);
bool ebb_concrete_compile(
    ebb_concrete *c, ebb_mode mode,
    ebb_site site); /* false: an error was recorded; true without executable: the evaluator runs it */
void ebb_concrete_point_bindings(ebb_concrete *c); /* c->in gets what is no argument */
/* Any expanded graph, apart from all functions: compiled (*x NULL: the evaluator runs it, in mode EBB_EAGER, and where
 * there is no compiler), and run. */
bool ebb_compile_apart(ebb_context *ebb, const char *name, ebb_graph *g, ebb_mode mode, ebb_executable **x,
                       ebb_diag *diag);
bool ebb_run_apart(ebb_context *ebb, const char *name, const ebb_graph *g, const ebb_executable *x,
                   const void *const *in, void *const *out, ebb_diag *diag);
/* Both at once, and given up. */
bool ebb_run_once(ebb_context *ebb, const char *name, ebb_graph *g, ebb_mode mode, const void *const *in,
                  void *const *out, ebb_diag *diag);
/* Runs it on values: arg[arguments]; results[results] are held by the innermost scope. Variables get their new values.
 */
bool ebb_concrete_run(ebb_concrete *c, ebb_tensor *const *arg, ebb_tensor **results, ebb_mode mode, ebb_site site);

/* call.c: a function and a list of arguments without poison; enters its context. False: an error was recorded, but for
 * poison. */
bool ebb_callable(const char *what, ebb_function *f, int nin, const ebb_operand *in, ebb_site site);

#endif
