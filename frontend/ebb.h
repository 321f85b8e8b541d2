/* ebb.h - values flow forward, derivatives ebb back.
 *
 * A C11 library for tensors, derivatives and compiled functions. Read this file from top to bottom: it is the tutorial.
 *
 *     ebb_context *ebb = ebb_open(NULL);
 *     ebb_tensor *x = ebb_variable(ebb, ebb_scalar(ebb, 3.0f), "x");
 *     EBB_SCOPE(ebb) {                                             // temporaries made inside die here
 *         ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
 *         ebb_tensor *y = ebb_add(ebb_add(ebb_square(x), ebb_mul(2, x)), 1);   // numbers and tensors mix
 *         ebb_print(stdout, ebb_gradient(tape, y, x));             // ebb.Tensor(8.0, shape=(), dtype=float32)
 *     }
 *     if (!ebb_ok(ebb)) fprintf(stderr, "%s\n", ebb_error(ebb));
 *     ebb_close(ebb);
 *
 * Rules that hold everywhere:
 * - Formulas need no check per line. What fails returns a *poison* tensor, never NULL; what is made of poison is
 * poison; the context keeps the first error, with the operation, the shapes and your own source line. Look once, at the
 * end.
 * - An *absent* tensor (ebb_is_absent) means "no derivative": TensorFlow's None. It is not poison and not NULL.
 * - Temporaries belong to the innermost open scope. Variables, functions and optimizers belong to the context until
 * they are released. What a function borrows or gives away is said at the function.
 * - A context belongs to one thread at a time. The library never aborts, exits or prints by itself.
 * - Names in capitals are macros. Most functions are macros too, around a plain function of the same name with _at,
 * which takes the source line; other languages bind those. */
#ifndef EBB_H
#define EBB_H

#include <stdio.h>

#include "ebb_base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ebb_context ebb_context;
typedef struct ebb_tensor ebb_tensor;
typedef struct ebb_tape ebb_tape;
typedef struct ebb_function ebb_function;
typedef struct ebb_concrete ebb_concrete;
typedef struct ebb_optimizer ebb_optimizer;

/* ---------------------------------------------------------------- 1. Contexts and errors ---- */

typedef enum ebb_mode {
    EBB_COMPILED = 0, /* traced functions become native code; where that cannot be had, the evaluator runs them */
    EBB_NATIVE,       /* native code, or an error: for tests and benchmarks */
    EBB_EAGER         /* traced functions run their host body directly, operation by operation */
} ebb_mode;

typedef struct ebb_options { /* zero everywhere means the default */
    ebb_allocator allocator; /* default: realloc and free */
    void (*log)(void *self,
                const char *message); /* default: none, or standard error for what EBB_LOG=graph,plan,time asks */
    void *log_self;
    ebb_mode mode;           /* for functions that do not say */
    uint64_t seed;           /* of the context's random generator; default 0 */
    const char *dump_folder; /* graphs, kernels, IR and assembly of each compile go there; also EBB_DUMP=folder */
} ebb_options;

/* Opens a context; NULL for all defaults. NULL back only if there is no memory. The caller closes it. */
EBB_API ebb_context *ebb_open(const ebb_options *options);
/* Frees the context and everything that belongs to it. NULL is fine. */
EBB_API void ebb_close(ebb_context *ebb);

/* The first error since the last ebb_clear_error. The text names operation, shapes and source line, and stays valid
 * until ebb_clear_error or ebb_close; it is "" when all is well. */
EBB_API bool ebb_ok(const ebb_context *ebb);
EBB_API ebb_code ebb_error_code(const ebb_context *ebb);
EBB_API const char *ebb_error(const ebb_context *ebb);
EBB_API void ebb_clear_error(ebb_context *ebb);
EBB_API const char *ebb_code_name(ebb_code code); /* "ValueError", ...; a static string */
EBB_API const char *ebb_version(void);            /* "0.1.0" */

/* ---------------------------------------------------------------- 2. Scopes ---- */

/* Runs the block once; what is made inside and not kept is released at its end. Leaving it by break is fine; leaving it
 * by return or goto leaves the scope open until an outer one closes. */
#define EBB_SCOPE(ebb) EBB_SCOPE_((ebb), EBB_JOIN(ebb_scope_, __LINE__)) /* scopes may nest: each has its own name */
#define EBB_SCOPE_(ebb, s) for (int s = ebb_scope_open(ebb); s; ebb_scope_close(ebb, s), s = 0)
EBB_API int ebb_scope_open(ebb_context *ebb);              /* its depth, > 0 */
EBB_API void ebb_scope_close(ebb_context *ebb, int depth); /* closes it and every scope opened later */
/* Hands a temporary to the scope outside the innermost open one; gives it back. */
EBB_API ebb_tensor *ebb_keep(ebb_tensor *x);
/* Gives up a tensor or variable before its scope or context ends. Using it afterwards is an error. NULL is fine. */
EBB_API void ebb_release(ebb_tensor *x);

/* ---------------------------------------------------------------- 3. Making tensors ---- */
/* Data is row-major. Integer data is never converted to float without being asked, and two tensors of different dtype
 * do not mix in an operation. */

/* A shape, as the two arguments `rank, dims`:  ebb_zeros(ebb, EBB_F32, EBB_SHAPE(2, 3)). For a scalar: EBB_SCALAR. */
#define EBB_SHAPE(...) ((int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))), ((const int64_t[]){__VA_ARGS__})
#define EBB_SCALAR 0, ((const int64_t *)0)

/* A scalar of the C type of `value`: float -> f32, double -> f64, int -> i32, int64_t -> i64, bool -> bool. */
#define ebb_scalar(ebb, value) ebb_scalar_at((ebb), EBB_NONE, EBB_NUMBER(value))
/* (ebb, dtype, EBB_SHAPE(...), data): a copy of C data, row-major, of the dtype's C type (bool, int32_t, int64_t,
 * float, double). */
#define ebb_constant(ebb, ...) ebb_constant_at((ebb), __VA_ARGS__, __FILE__, __LINE__)
/* (ebb, text, dtype): from text, as TensorFlow reads a literal: "3" -> i32, "[1, 2.5]" -> f32 [2], "[[1,2],[3,4]]" ->
 * i32 [2,2]; EBB_NONE infers. */
#define ebb_literal(ebb, ...) ebb_literal_at((ebb), __VA_ARGS__, __FILE__, __LINE__)
/* (ebb, dtype, EBB_SHAPE(...), value): every element is the double `value`, rounded to dtype; and the same for 0 and 1.
 */
#define ebb_full(ebb, ...) ebb_full_at((ebb), __VA_ARGS__, __FILE__, __LINE__)
#define ebb_zeros(ebb, ...) ebb_zeros_at((ebb), __VA_ARGS__, __FILE__, __LINE__)
#define ebb_ones(ebb, ...) ebb_ones_at((ebb), __VA_ARGS__, __FILE__, __LINE__)
/* (ebb, dtype, n) -> [n]: 0, 1, ... n-1 */
#define ebb_range(ebb, ...) ebb_range_at((ebb), __VA_ARGS__, __FILE__, __LINE__)

/* Random numbers from the context's generator (Philox4x32-10; Salmon et al., SC 2011): the same stream eagerly and
 * compiled, fresh numbers at each draw and each call. (ebb, dtype, EBB_SHAPE(...), low, high): low <= u < high, f32 or
 * f64; (ebb, dtype, EBB_SHAPE(...), mean, deviation) by Box and Muller's transform. Not differentiable in their
 * numbers. */
EBB_API void ebb_set_seed(ebb_context *ebb, uint64_t seed);
#define ebb_random_uniform(ebb, ...) ebb_random_uniform_at((ebb), __VA_ARGS__, __FILE__, __LINE__)
#define ebb_random_normal(ebb, ...) ebb_random_normal_at((ebb), __VA_ARGS__, __FILE__, __LINE__)

/* ---------------------------------------------------------------- 4. Reading tensors ---- */
/* A *traced* tensor (inside a traced function) has dtype and shape but no data. */

EBB_API ebb_dtype ebb_dtype_of(const ebb_tensor *x); /* EBB_NONE for absent and poison */
EBB_API int ebb_rank(const ebb_tensor *x);
EBB_API int64_t ebb_dim(const ebb_tensor *x, int axis); /* -1 if there is no such axis */
EBB_API int64_t ebb_size(const ebb_tensor *x);          /* number of elements */
EBB_API const void *ebb_data(const ebb_tensor *x); /* row-major, borrowed; a variable's until it is next assigned. NULL
                                                      if traced, absent or poison */
EBB_API double
ebb_item(const ebb_tensor *x,
         int64_t index); /* element `index` in row-major order as double; NaN and an error if there is none */
EBB_API bool ebb_is_variable(const ebb_tensor *x);
EBB_API bool ebb_is_tensor(const ebb_tensor *x); /* a value that is not a variable */
EBB_API bool ebb_is_absent(const ebb_tensor *x);
EBB_API bool ebb_is_poison(const ebb_tensor *x);
EBB_API bool ebb_is_traced(const ebb_tensor *x);
/* "ebb.Tensor(8.0, shape=(), dtype=float32)"; variables: "<ebb.Variable 'x:0' shape=() dtype=float32, value=3.0>".
 * Numbers are the shortest decimals that read back exactly, whatever the locale. ebb_format returns the length the text
 * needs, as snprintf does. */
EBB_API void ebb_print(FILE *to, const ebb_tensor *x);
EBB_API size_t ebb_format(const ebb_tensor *x, char *text, size_t size);
EBB_API size_t ebb_format_value(const ebb_tensor *x, char *text,
                                size_t size); /* the value alone: "[[1. 2.]\n [3. 4.]]", "8.0" */

/* ---------------------------------------------------------------- 5. Variables ---- */
/* A variable is a tensor whose value changes; dtype and shape are fixed. It copies its initial value. It belongs to the
 * context until ebb_release. name NULL: "Variable". Reading one, by using it in any operation, gives its value then. */

#define ebb_variable(ebb, initial, name) ebb_variable_at((ebb), (initial), (name), true, __FILE__, __LINE__)
#define ebb_variable_fixed(ebb, initial, name)                                                                         \
    ebb_variable_at((ebb), (initial), (name), false, __FILE__, __LINE__) /* not trainable */
EBB_API const char *ebb_name(const ebb_tensor *v);                       /* "x:0"; "" for a tensor */
EBB_API bool ebb_trainable(const ebb_tensor *v);                         /* AttributeError for a tensor */
/* Each gives the updated value; shape and dtype must be the variable's (a number takes its dtype). A tensor has no
 * assign: AttributeError. */
#define ebb_assign(v, x) ebb_assign_at((v), EBB_OPERAND(x), __FILE__, __LINE__)
#define ebb_assign_add(v, x) ebb_assign_add_at((v), EBB_OPERAND(x), __FILE__, __LINE__)
#define ebb_assign_sub(v, x) ebb_assign_sub_at((v), EBB_OPERAND(x), __FILE__, __LINE__)

/* ---------------------------------------------------------------- 6. Operations ---- */
/* x and y are tensors, variables or C numbers; a number takes the dtype of the tensor it meets. Shapes broadcast as
 * NumPy's. Two numbers do not compile: one operand must be a tensor. All are differentiable unless it says otherwise;
 * at kinks the derivative is what the comment says. Results are temporaries of the innermost scope. */

/* Element by element, [any] -> [any], f32 and f64; those marked * also i32 and i64. */
#define ebb_neg(x) EBB_UNARY(neg, x)   /* * */
#define ebb_abs(x) EBB_UNARY(abs, x)   /* * derivative sign(x), 0 at 0 */
#define ebb_sign(x) EBB_UNARY(sign, x) /* * derivative 0 */
#define ebb_exp(x) EBB_UNARY(exp, x)
#define ebb_expm1(x) EBB_UNARY(expm1, x)
#define ebb_log(x) EBB_UNARY(log, x)
#define ebb_log1p(x) EBB_UNARY(log1p, x)
#define ebb_sqrt(x) EBB_UNARY(sqrt, x)     /* IEEE; derivative inf at 0 */
#define ebb_square(x) EBB_UNARY(square, x) /* * */
#define ebb_recip(x) EBB_UNARY(recip, x)
#define ebb_sin(x) EBB_UNARY(sin, x)
#define ebb_cos(x) EBB_UNARY(cos, x)
#define ebb_tan(x) EBB_UNARY(tan, x)
#define ebb_asin(x) EBB_UNARY(asin, x)
#define ebb_acos(x) EBB_UNARY(acos, x)
#define ebb_atan(x) EBB_UNARY(atan, x)
#define ebb_sinh(x) EBB_UNARY(sinh, x)
#define ebb_cosh(x) EBB_UNARY(cosh, x)
#define ebb_tanh(x) EBB_UNARY(tanh, x)
#define ebb_sigmoid(x) EBB_UNARY(sigmoid, x)
#define ebb_softplus(x) EBB_UNARY(softplus, x)
#define ebb_erf(x) EBB_UNARY(erf, x)
#define ebb_relu(x) EBB_UNARY(relu, x)                   /* * derivative 0 at 0 */
#define ebb_logical_not(x) EBB_UNARY(logical_not, x)     /* bool; not differentiable */
#define ebb_stop_gradient(x) EBB_UNARY(stop_gradient, x) /* the value; derivative 0 */

/* Two operands, broadcasting. */
#define ebb_add(x, y) EBB_BINARY(add, x, y) /* * */
#define ebb_sub(x, y) EBB_BINARY(sub, x, y) /* * */
#define ebb_mul(x, y) EBB_BINARY(mul, x, y) /* * */
#define ebb_div(x, y) EBB_BINARY(div, x, y)
#define ebb_pow(x, y) EBB_BINARY(pow, x, y) /* pow(x, 0) = 1 with derivative 0; in y: 0 where x <= 0 */
#define ebb_max(x, y) EBB_BINARY(max, x, y) /* * NaN propagates; a tie's derivative goes to x */
#define ebb_min(x, y) EBB_BINARY(min, x, y) /* * */
#define ebb_eq(x, y) EBB_BINARY(eq, x, y)   /* comparisons give bool; not differentiable */
#define ebb_ne(x, y) EBB_BINARY(ne, x, y)
#define ebb_lt(x, y) EBB_BINARY(lt, x, y)
#define ebb_le(x, y) EBB_BINARY(le, x, y)
#define ebb_gt(x, y) EBB_BINARY(gt, x, y)
#define ebb_ge(x, y) EBB_BINARY(ge, x, y)
#define ebb_logical_and(x, y) EBB_BINARY(logical_and, x, y)
#define ebb_logical_or(x, y) EBB_BINARY(logical_or, x, y)
/* c ? x : y, element by element; c is bool. Derivatives are selected too: a NaN in the branch not taken stays out. */
#define ebb_select(c, x, y) ebb_select_at((c), EBB_OPERAND(x), EBB_OPERAND(y), __FILE__, __LINE__)
#define ebb_cast(x, dtype)                                                                                             \
    ebb_cast_at((x), (dtype), __FILE__, __LINE__) /* float to int truncates, saturates, NaN gives 0 */

/* Shapes. Axes count from 0; negative ones from the end. */
#define EBB_AXES(...) ((int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int))), ((const int[]){__VA_ARGS__})
#define EBB_ALL_AXES (-1), ((const int *)0)
#define ebb_broadcast_to(x, ...) ebb_broadcast_to_at((x), __VA_ARGS__, __FILE__, __LINE__) /* (x, EBB_SHAPE(...)) */
#define ebb_reshape(x, ...)                                                                                            \
    ebb_reshape_at((x), __VA_ARGS__, __FILE__, __LINE__) /* (x, EBB_SHAPE(...)); one size may be -1 */
#define ebb_transpose(x, ...)                                                                                          \
    ebb_transpose_at((x), __VA_ARGS__, __FILE__, __LINE__) /* (x, EBB_AXES(1, 0)): result axis i is x's axis perm[i]   \
                                                            */
/* x[start : stop : step] per axis, step >= 1; arrays of ebb_rank(x). step NULL: 1. */
#define ebb_slice(x, start, stop, step) ebb_slice_at((x), (start), (stop), (step), __FILE__, __LINE__)
#define ebb_pad(x, low, high)                                                                                          \
    ebb_pad_at((x), (low), (high), __FILE__, __LINE__) /* zeros around; arrays of ebb_rank(x) */

/* Reductions over (x, EBB_AXES(...), keep) or (x, EBB_ALL_AXES, keep); keep: reduced axes stay with size 1. */
#define ebb_sum_over(x, ...)                                                                                           \
    ebb_sum_at((x), __VA_ARGS__, __FILE__, __LINE__) /* f32 f64 i32 i64; the order of addition is fixed */
#define ebb_mean_over(x, ...) ebb_mean_at((x), __VA_ARGS__, __FILE__, __LINE__)
#define ebb_max_over(x, ...)                                                                                           \
    ebb_reduce_max_at((x), __VA_ARGS__, __FILE__, __LINE__) /* ties share the derivative equally */
#define ebb_logsumexp_over(x, ...) ebb_logsumexp_at((x), __VA_ARGS__, __FILE__, __LINE__)
#define ebb_norm_over(x, ...)                                                                                          \
    ebb_norm_at((x), __VA_ARGS__, __FILE__, __LINE__) /* Euclidean; no overflow; derivative 0 at 0 */
#define ebb_sum(x) ebb_sum_over((x), EBB_ALL_AXES, false)
#define ebb_mean(x) ebb_mean_over((x), EBB_ALL_AXES, false)
#define ebb_norm(x) ebb_norm_over((x), EBB_ALL_AXES, false)
#define ebb_argmax(x, axis) ebb_argmax_at((x), (axis), __FILE__, __LINE__) /* i64; not differentiable */

/* x [b..., m, k] times y [b..., k, n] -> [b..., m, n]; batch axes broadcast; a rank-1 x is [1,k], a rank-1 y is [k,1],
 * and that axis goes away again. */
#define ebb_matmul(x, y) ebb_matmul_at((x), (y), false, false, __FILE__, __LINE__)
#define ebb_matmul_with(x, y, transpose_x, transpose_y)                                                                \
    ebb_matmul_at((x), (y), (transpose_x), (transpose_y), __FILE__, __LINE__)
/* Rows of x along `axis` by an i32 or i64 index: that axis becomes the index's shape. An index outside the axis is an
 * IndexError. */
#define ebb_gather(x, index, axis) ebb_gather_at((x), (index), (axis), __FILE__, __LINE__)
#define ebb_scatter_add(x, index, updates, axis) ebb_scatter_add_at((x), (index), (updates), (axis), __FILE__, __LINE__)

/* Networks. logits [b..., c]. */
#define ebb_softmax(x, axis) ebb_softmax_at((x), (axis), __FILE__, __LINE__)
#define ebb_log_softmax(x, axis) ebb_log_softmax_at((x), (axis), __FILE__, __LINE__)
/* -log softmax(logits)[label] -> [b...]; labels i32 or i64 [b...]; a label outside [0, c) gives NaN. */
#define ebb_sparse_softmax_cross_entropy(logits, labels)                                                               \
    ebb_sparse_softmax_cross_entropy_at((logits), (labels), __FILE__, __LINE__)

/* ---------------------------------------------------------------- 7. Gradients of what just ran ---- */
/* A tape records operations on what it watches, between start and stop, eagerly or inside a traced function. Trainable
 * variables are watched when first read; tensors by ebb_watch. The tape belongs to the innermost scope. */

enum {
    EBB_TAPE_DEFAULT = 0,
    EBB_TAPE_PERSISTENT = 1, /* may be asked more than once */
    EBB_TAPE_MANUAL = 2
}; /* variables are not watched by themselves */
EBB_API ebb_tape *ebb_tape_start(ebb_context *ebb, int flags);
EBB_API void ebb_tape_stop(ebb_tape *tape); /* ends recording; it can still be asked */
EBB_API void ebb_tape_free(ebb_tape *tape); /* before its scope ends; NULL is fine */
EBB_API void ebb_watch(ebb_tape *tape,
                       ebb_tensor *x); /* a tensor or variable; a non-float one is ignored with a log line */
/* Gradient of the sum of y's elements with respect to x, of x's shape; absent if y does not depend on x. Asking a tape
 * that is not persistent stops and releases it; asking again is a RuntimeError. */
#define ebb_gradient(tape, y, x) ebb_gradient_at((tape), (y), (x), __FILE__, __LINE__)
typedef struct ebb_gradient_options {
    ebb_tensor *const *seeds; /* one cotangent per y (or NULL for ones); default all ones */
    bool zeros;               /* unconnected sources give zeros instead of absent */
} ebb_gradient_options;
/* The same for several: gradients[i] of the sum of all elements of all y, for each x[i]. */
#define ebb_gradients(tape, ny, y, nx, x, gradients, options)                                                          \
    ebb_gradients_at((tape), (ny), (y), (nx), (x), (gradients), (options), __FILE__, __LINE__)

/* ---------------------------------------------------------------- 8. Traced functions ---- */
/* A function runs its C body once per types of its arguments, records the operations as a graph, compiles that, and
 * calls native code from then on. C code in the body runs only while tracing; C numbers among the arguments are part of
 * the key, by value. Variables used inside are read and updated at each call, in program order. */

/* in[k]: argument k (borrowed). The body stores its results in out[0 .. results-1]. */
typedef void ebb_body(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data);
typedef struct ebb_function_options {
    const char *name; /* default "function" */
    int results;      /* default 1 */
    void *data;       /* given to the body */
    ebb_mode mode;    /* default: the context's */
} ebb_function_options;
/* The function belongs to the context until ebb_function_free, which also gives its code's memory back. */
EBB_API ebb_function *ebb_function_new(ebb_context *ebb, ebb_body *body, const ebb_function_options *options);
EBB_API void ebb_function_free(ebb_function *f);
EBB_API const char *ebb_function_name(const ebb_function *f);
EBB_API int ebb_trace_count(const ebb_function *f); /* cached traces */

/* Calls f with tensors and numbers; gives its first result. ebb_call_n: in and out as arrays; out has room for nout
 * results. */
#define ebb_call(f, ...) ebb_call_at((f), EBB_OPERANDS(__VA_ARGS__), __FILE__, __LINE__)
#define ebb_call_n(f, nin, in, nout, out) ebb_call_n_at((f), (nin), (in), (nout), (out), __FILE__, __LINE__)

/* The concrete function for such arguments (traced now if need be, not run). Owned by f. */
#define ebb_get_concrete(f, nin, in) ebb_get_concrete_at((f), (nin), (in), __FILE__, __LINE__)
EBB_API bool ebb_concrete_is_native(const ebb_concrete *c); /* compiled to machine code; compiles it now if need be */
/* "loss(f32[64,784], i32[64]) -> f32[]", and the graph in text form. Each text is borrowed and valid until it is asked
 * for again or the function is freed. */
EBB_API const char *ebb_concrete_signature(const ebb_concrete *c);
EBB_API const char *ebb_concrete_text(const ebb_concrete *c);
/* Calls at the price of a function call: run entry(in, out, work) yourself. ebb_native_bind fills what is not an
 * argument (variables, captured tensors) into in[arguments ..] and out[results ..]; you fill in[0 .. arguments-1] and
 * out[0 .. results-1]. work: work_bytes, 64-byte aligned, one per thread. entry returns 0, or an ebb_code. */
typedef struct ebb_native {
    int (*entry)(const void *const *in, void *const *out,
                 void *work);                /* NULL: no native code, see the context's error */
    int arguments, inputs, results, outputs; /* inputs >= arguments, outputs >= results */
    int64_t work_bytes;
} ebb_native;
EBB_API ebb_native ebb_native_of(ebb_concrete *c);
EBB_API void ebb_native_bind(ebb_concrete *c, const void **in, void **out);

/* ---------------------------------------------------------------- 9. Derivatives of functions ---- */
/* Functions in, functions out; nest them freely. wrt: parameters to differentiate (default: the first). */

typedef struct ebb_wrt {
    const int *index;
    int count;
} ebb_wrt;
#define EBB_WRT(...) (&(ebb_wrt){(const int[]){__VA_ARGS__}, (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int))})
/* Each result belongs to the context until ebb_function_free, and keeps f alive. The inputs are f's, then what is said.
 */
EBB_API ebb_function *ebb_grad(ebb_function *f,
                               const ebb_wrt *wrt); /* results: gradient per wrt; f's first result must be a scalar */
EBB_API ebb_function *ebb_value_and_grad(ebb_function *f, const ebb_wrt *wrt); /* f's results, then gradient per wrt */
EBB_API ebb_function *ebb_jvp(ebb_function *f,
                              const ebb_wrt *wrt); /* + a tangent per wrt; results: f's, then their tangents */
EBB_API ebb_function *
ebb_vjp(ebb_function *f, const ebb_wrt *wrt); /* + a cotangent per result; results: f's, then a cotangent per wrt */
EBB_API ebb_function *
ebb_hvp(ebb_function *f, const ebb_wrt *wrt); /* + a direction per wrt; results: Hessian times direction, per wrt */
EBB_API ebb_function *ebb_hessian(ebb_function *f,
                                  const ebb_wrt *wrt); /* results: block (i,j), of shape xi + xj, row by row */

/* ---------------------------------------------------------------- 10. Optimizers ---- */
/* As Keras 3 defines them (keras.io/api/optimizers). Slots, the learning rate (f64, readable and assignable) and the
 * step count (i64) are variables, so that a whole training step can be one compiled function. Belongs to the context
 * until freed. */

typedef struct ebb_sgd_options {
    double learning_rate, momentum;
    bool nesterov;
} ebb_sgd_options; /* default 0.01, 0 */
typedef struct ebb_adam_options {
    double learning_rate, beta1, beta2, epsilon;
    bool amsgrad;
} ebb_adam_options; /* 0.001, 0.9, 0.999, 1e-7 */
EBB_API ebb_optimizer *ebb_sgd(ebb_context *ebb, const ebb_sgd_options *options);
EBB_API ebb_optimizer *ebb_adam(ebb_context *ebb, const ebb_adam_options *options);
EBB_API void ebb_optimizer_free(ebb_optimizer *optimizer);
EBB_API ebb_tensor *ebb_learning_rate(ebb_optimizer *optimizer); /* the variable, borrowed */
EBB_API ebb_tensor *ebb_iterations(ebb_optimizer *optimizer);    /* the variable, borrowed */
/* One update of each variable by its gradient (same shape and dtype). Absent gradients are skipped; all absent is a
 * ValueError. */
#define ebb_apply_gradients(optimizer, n, gradients, variables)                                                        \
    ebb_apply_gradients_at((optimizer), (n), (gradients), (variables), __FILE__, __LINE__)
/* Tape, loss, gradient, update: `loss` is called once, with no arguments, under a tape. Gives the loss. */
#define ebb_minimize(optimizer, loss, data, n, variables)                                                              \
    ebb_minimize_at((optimizer), (loss), (data), (n), (variables), __FILE__, __LINE__)

/* ---------------------------------------------------------------- 11. Files and expressions ---- */

/* Reads an IDX file (the MNIST family), plain or gzip'ed, into a tensor of `dtype` (values converted exactly, else
 * ValueError; EBB_NONE: i32, f32 or f64, as the file has it). Errors name file and byte. */
/* (ebb, path, dtype) */
#define ebb_read_idx(ebb, ...) ebb_read_idx_at((ebb), __VA_ARGS__, __FILE__, __LINE__)
/* A function of the named variables from an infix expression: "exp(sin(x)*y) + log(1+x*x)". Operators + - * / ^ (or
 * **), comparisons, the functions of section 6 by name; of a whole tensor sum(x), mean(x), norm(x), logsumexp(x),
 * dot(x, y) = sum(x*y); along the last axis softmax(x), log_softmax(x); select(c, x, y); pi, e. -x^2 is -(x^2). Numbers
 * are weak. NULL and an error that names the column if it does not parse. `names` are copied. */
EBB_API ebb_function *ebb_expression(ebb_context *ebb, const char *text, int count, const char *const *names);

/* ---------------------------------------------------------------- The plain functions behind the macros ---- */

typedef struct ebb_operand { /* a tensor, or a number that takes its dtype from the tensor it meets */
    ebb_tensor *tensor;
    ebb_dtype dtype; /* of the C number: bool, i32, i64, f32, f64 */
    union {
        double real;
        int64_t integer;
    } number;
} ebb_operand;

static inline ebb_operand ebb_operand_tensor(ebb_tensor *x) { return (ebb_operand){x, EBB_NONE, {0}}; }
static inline ebb_operand ebb_operand_same(ebb_operand x) { return x; }
static inline ebb_operand ebb_operand_integer_(ebb_dtype d, int64_t v) {
    ebb_operand o = {NULL, d, {0}};
    o.number.integer = v;
    return o;
}
static inline ebb_operand ebb_operand_real_(ebb_dtype d, double v) {
    ebb_operand o = {NULL, d, {0}};
    o.number.real = v;
    return o;
}
static inline ebb_operand ebb_operand_bool(bool v) { return ebb_operand_integer_(EBB_BOOL, v); }
static inline ebb_operand ebb_operand_int(int v) { return ebb_operand_integer_(EBB_I32, v); }
static inline ebb_operand ebb_operand_long(int64_t v) { return ebb_operand_integer_(EBB_I64, v); }
static inline ebb_operand ebb_operand_float(float v) { return ebb_operand_real_(EBB_F32, (double)v); }
static inline ebb_operand ebb_operand_double(double v) { return ebb_operand_real_(EBB_F64, v); }

#define EBB_NUMBER(x)                                                                                                  \
    _Generic((x),                                                                                                      \
        bool: ebb_operand_bool,                                                                                        \
        int: ebb_operand_int,                                                                                          \
        long: ebb_operand_long,                                                                                        \
        long long: ebb_operand_long,                                                                                   \
        float: ebb_operand_float,                                                                                      \
        double: ebb_operand_double)(x)
#define EBB_OPERAND(x)                                                                                                 \
    _Generic((x),                                                                                                      \
        ebb_tensor *: ebb_operand_tensor,                                                                              \
        ebb_operand: ebb_operand_same,                                                                                 \
        bool: ebb_operand_bool,                                                                                        \
        int: ebb_operand_int,                                                                                          \
        long: ebb_operand_long,                                                                                        \
        long long: ebb_operand_long,                                                                                   \
        float: ebb_operand_float,                                                                                      \
        double: ebb_operand_double)(x)
/* Fails to compile unless x or y is a tensor (or an ebb_operand). */
#define EBB_IS_TENSOR_(x) _Generic((x), ebb_tensor *: 1, ebb_operand: 1, default: 0)
#define EBB_ONE_TENSOR(x, y) ((void)sizeof(char[EBB_IS_TENSOR_(x) || EBB_IS_TENSOR_(y) ? 1 : -1]))
#define EBB_UNARY(op, x) ebb_##op##_at((x), __FILE__, __LINE__)
#define EBB_BINARY(op, x, y) (EBB_ONE_TENSOR(x, y), ebb_##op##_at(EBB_OPERAND(x), EBB_OPERAND(y), __FILE__, __LINE__))

/* EBB_OPERANDS(a, b, ...) -> count, array of operands; up to eight. */
#define EBB_COUNT_(_1, _2, _3, _4, _5, _6, _7, _8, n, ...) n
#define EBB_COUNT(...) EBB_COUNT_(__VA_ARGS__, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define EBB_OPERANDS_1(a) EBB_OPERAND(a)
#define EBB_OPERANDS_2(a, ...) EBB_OPERAND(a), EBB_OPERANDS_1(__VA_ARGS__)
#define EBB_OPERANDS_3(a, ...) EBB_OPERAND(a), EBB_OPERANDS_2(__VA_ARGS__)
#define EBB_OPERANDS_4(a, ...) EBB_OPERAND(a), EBB_OPERANDS_3(__VA_ARGS__)
#define EBB_OPERANDS_5(a, ...) EBB_OPERAND(a), EBB_OPERANDS_4(__VA_ARGS__)
#define EBB_OPERANDS_6(a, ...) EBB_OPERAND(a), EBB_OPERANDS_5(__VA_ARGS__)
#define EBB_OPERANDS_7(a, ...) EBB_OPERAND(a), EBB_OPERANDS_6(__VA_ARGS__)
#define EBB_OPERANDS_8(a, ...) EBB_OPERAND(a), EBB_OPERANDS_7(__VA_ARGS__)
#define EBB_JOIN_(a, b) a##b
#define EBB_JOIN(a, b) EBB_JOIN_(a, b)
#define EBB_OPERANDS(...)                                                                                              \
    EBB_COUNT(__VA_ARGS__), ((const ebb_operand[]){EBB_JOIN(EBB_OPERANDS_, EBB_COUNT(__VA_ARGS__))(__VA_ARGS__)})

EBB_API ebb_tensor *ebb_scalar_at(ebb_context *ebb, ebb_dtype dtype,
                                  ebb_operand number); /* EBB_NONE: the number's own dtype */
EBB_API ebb_tensor *ebb_constant_at(ebb_context *ebb, ebb_dtype dtype, int rank, const int64_t *dims, const void *data,
                                    const char *file, int line);
EBB_API ebb_tensor *ebb_literal_at(ebb_context *ebb, const char *text, ebb_dtype dtype, const char *file, int line);
EBB_API ebb_tensor *ebb_full_at(ebb_context *ebb, ebb_dtype dtype, int rank, const int64_t *dims, double value,
                                const char *file, int line);
EBB_API ebb_tensor *ebb_zeros_at(ebb_context *ebb, ebb_dtype dtype, int rank, const int64_t *dims, const char *file,
                                 int line);
EBB_API ebb_tensor *ebb_ones_at(ebb_context *ebb, ebb_dtype dtype, int rank, const int64_t *dims, const char *file,
                                int line);
EBB_API ebb_tensor *ebb_range_at(ebb_context *ebb, ebb_dtype dtype, int64_t n, const char *file, int line);
EBB_API ebb_tensor *ebb_random_uniform_at(ebb_context *ebb, ebb_dtype dtype, int rank, const int64_t *dims, double low,
                                          double high, const char *file, int line);
EBB_API ebb_tensor *ebb_random_normal_at(ebb_context *ebb, ebb_dtype dtype, int rank, const int64_t *dims, double mean,
                                         double deviation, const char *file, int line);
EBB_API ebb_tensor *ebb_read_idx_at(ebb_context *ebb, const char *path, ebb_dtype dtype, const char *file, int line);
EBB_API ebb_tensor *ebb_variable_at(ebb_context *ebb, ebb_tensor *initial, const char *name, bool trainable,
                                    const char *file, int line);
EBB_API ebb_tensor *ebb_assign_at(ebb_tensor *v, ebb_operand x, const char *file, int line);
EBB_API ebb_tensor *ebb_assign_add_at(ebb_tensor *v, ebb_operand x, const char *file, int line);
EBB_API ebb_tensor *ebb_assign_sub_at(ebb_tensor *v, ebb_operand x, const char *file, int line);
#define EBB_UNARY_LIST(M)                                                                                              \
    M(neg)                                                                                                             \
    M(abs) M(sign) M(exp) M(expm1) M(log) M(log1p) M(sqrt) M(square) M(recip) M(sin) M(cos) M(tan) M(asin) M(acos)     \
        M(atan) M(sinh) M(cosh) M(tanh) M(sigmoid) M(softplus) M(erf) M(relu) M(logical_not) M(stop_gradient)
#define EBB_BINARY_LIST(M)                                                                                             \
    M(add) M(sub) M(mul) M(div) M(pow) M(max) M(min) M(eq) M(ne) M(lt) M(le) M(gt) M(ge) M(logical_and) M(logical_or)
#define EBB_DECLARE_(op) EBB_API ebb_tensor *ebb_##op##_at(ebb_tensor *x, const char *file, int line);
EBB_UNARY_LIST(EBB_DECLARE_)
#undef EBB_DECLARE_
#define EBB_DECLARE_(op) EBB_API ebb_tensor *ebb_##op##_at(ebb_operand x, ebb_operand y, const char *file, int line);
EBB_BINARY_LIST(EBB_DECLARE_)
#undef EBB_DECLARE_
EBB_API ebb_tensor *ebb_select_at(ebb_tensor *c, ebb_operand x, ebb_operand y, const char *file, int line);
EBB_API ebb_tensor *ebb_cast_at(ebb_tensor *x, ebb_dtype dtype, const char *file, int line);
EBB_API ebb_tensor *ebb_broadcast_to_at(ebb_tensor *x, int rank, const int64_t *dims, const char *file, int line);
EBB_API ebb_tensor *ebb_reshape_at(ebb_tensor *x, int rank, const int64_t *dims, const char *file, int line);
EBB_API ebb_tensor *ebb_transpose_at(ebb_tensor *x, int naxes, const int *perm, const char *file, int line);
EBB_API ebb_tensor *ebb_slice_at(ebb_tensor *x, const int64_t *start, const int64_t *stop, const int64_t *step,
                                 const char *file, int line);
EBB_API ebb_tensor *ebb_pad_at(ebb_tensor *x, const int64_t *low, const int64_t *high, const char *file, int line);
EBB_API ebb_tensor *ebb_sum_at(ebb_tensor *x, int naxes, const int *axes, bool keep, const char *file, int line);
EBB_API ebb_tensor *ebb_mean_at(ebb_tensor *x, int naxes, const int *axes, bool keep, const char *file, int line);
EBB_API ebb_tensor *ebb_reduce_max_at(ebb_tensor *x, int naxes, const int *axes, bool keep, const char *file, int line);
EBB_API ebb_tensor *ebb_logsumexp_at(ebb_tensor *x, int naxes, const int *axes, bool keep, const char *file, int line);
EBB_API ebb_tensor *ebb_norm_at(ebb_tensor *x, int naxes, const int *axes, bool keep, const char *file, int line);
EBB_API ebb_tensor *ebb_argmax_at(ebb_tensor *x, int axis, const char *file, int line);
EBB_API ebb_tensor *ebb_matmul_at(ebb_tensor *x, ebb_tensor *y, bool tx, bool ty, const char *file, int line);
EBB_API ebb_tensor *ebb_gather_at(ebb_tensor *x, ebb_tensor *index, int axis, const char *file, int line);
EBB_API ebb_tensor *ebb_scatter_add_at(ebb_tensor *x, ebb_tensor *index, ebb_tensor *updates, int axis,
                                       const char *file, int line);
EBB_API ebb_tensor *ebb_softmax_at(ebb_tensor *x, int axis, const char *file, int line);
EBB_API ebb_tensor *ebb_log_softmax_at(ebb_tensor *x, int axis, const char *file, int line);
EBB_API ebb_tensor *ebb_sparse_softmax_cross_entropy_at(ebb_tensor *logits, ebb_tensor *labels, const char *file,
                                                        int line);
EBB_API ebb_tensor *ebb_gradient_at(ebb_tape *tape, ebb_tensor *y, ebb_tensor *x, const char *file, int line);
EBB_API void ebb_gradients_at(ebb_tape *tape, int ny, ebb_tensor *const *y, int nx, ebb_tensor *const *x,
                              ebb_tensor **gradients, const ebb_gradient_options *options, const char *file, int line);
EBB_API ebb_tensor *ebb_call_at(ebb_function *f, int nin, const ebb_operand *in, const char *file, int line);
EBB_API void ebb_call_n_at(ebb_function *f, int nin, const ebb_operand *in, int nout, ebb_tensor **out,
                           const char *file, int line);
EBB_API ebb_concrete *ebb_get_concrete_at(ebb_function *f, int nin, const ebb_operand *in, const char *file, int line);
EBB_API void ebb_apply_gradients_at(ebb_optimizer *optimizer, int n, ebb_tensor *const *gradients,
                                    ebb_tensor *const *variables, const char *file, int line);
EBB_API ebb_tensor *ebb_minimize_at(ebb_optimizer *optimizer, ebb_body *loss, void *data, int n,
                                    ebb_tensor *const *variables, const char *file, int line);

#ifdef __cplusplus
}
#endif

#endif
