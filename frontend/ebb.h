/* ebb.h - values flow forward, derivatives ebb back.
 *
 * A C11 library for tensors, derivatives and compiled functions. Read this file from top to bottom: it is the
 * tutorial.
 *
 *     ebb_context *ebb = ebb_open(NULL);
 *     ebb_tensor *x = ebb_variable(ebb, ebb_scalar(ebb, 3.0f), "x");
 *     EBB_SCOPE(ebb) {                                   // temporaries made inside die here
 *         ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
 *         ebb_tensor *y = ebb_add(ebb_add(ebb_square(x), ebb_mul(2, x)), 1);   // numbers and tensors mix
 *         ebb_print(stdout, ebb_gradient(tape, y, x));   // ebb.Tensor(8.0, shape=(), dtype=float32)
 *     }
 *     if (!ebb_ok(ebb)) fprintf(stderr, "%s\n", ebb_error(ebb));
 *     ebb_close(ebb);
 *
 * Rules that hold everywhere:
 * - Formulas need no check per line. What fails returns a *poison* tensor, never NULL; what is made of poison is
 *   poison; the context keeps the first error, with the operation, the shapes and your own source line. Look once, at
 *   the end.
 * - An *absent* tensor (ebb_is_absent) means "no derivative": TensorFlow's None. It is not poison and not NULL.
 * - A tensor's value never changes. Temporaries belong to the innermost open scope; variables, functions and
 *   optimizers belong to the context until they are released. What is borrowed or given away otherwise is said at the
 *   function.
 * - NULL or a tensor of another context where a tensor is needed is an error, not a crash. Options are structs whose
 *   zeros mean the default; NULL means all defaults.
 * - A context belongs to one thread at a time. The library never aborts or exits, and prints only what is asked for.
 *
 * Shapes are written behind names: x [n,d] has two axes, x [] none, x [...] any. Dtypes come in three sets: *real* is
 * f32 and f64, *integer* i32 and i64, *number* is both, *any* is number and bool. ebb_dtype, ebb_code and
 * ebb_allocator are in ebb_base.h; a ValueError is EBB_VALUE_ERROR, and so on.
 *
 * Names in capitals are macros. Most functions are macros too, around a plain function of the same name with _at,
 * which takes the source line: ebb_plain.h, included at the end. C++ and other languages, which have neither
 * _Generic nor compound literals, call the plain functions. */
#ifndef EBB_H
#define EBB_H

#include <stdio.h>

#include "ebb_base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Everything that the library makes for you, and what holds its memory and its first error. */
typedef struct ebb_context ebb_context;
/* A tensor: a dtype, a shape of 0 to EBB_MAX_RANK axes, and elements. Also variables, poison and absent ones. */
typedef struct ebb_tensor ebb_tensor;
/* A record of what ran, for derivatives: section 7. */
typedef struct ebb_tape ebb_tape;
/* A C function over tensors that is traced, differentiated and compiled: sections 8 and 9. */
typedef struct ebb_function ebb_function;
/* One trace of a function, for one list of argument types: section 8. */
typedef struct ebb_concrete ebb_concrete;
/* An update rule with its state: section 10. */
typedef struct ebb_optimizer ebb_optimizer;
typedef struct ebb_layer ebb_layer;

/* ---------------------------------------------------------------- 1. Contexts and errors ----
 *
 *     ebb_context *ebb = ebb_open(&(ebb_options){.seed = 42});
 *     ebb_matmul(ebb_ones(ebb, EBB_F32, EBB_SHAPE(2, 3)), ebb_ones(ebb, EBB_F32, EBB_SHAPE(2, 3)));
 *     if (!ebb_ok(ebb)) puts(ebb_error(ebb));   // ebb_matmul: [2,3] x [2,3]: inner sizes 3 and 2 differ (train.c:7)
 *     ebb_clear_error(ebb);
 */

/* How traced functions run (section 8). */
typedef enum ebb_mode {
    /* As native code; where none can be had (no engine, no executable memory, EBB_JIT=off), by the evaluator. */
    EBB_COMPILED = 0,
    /* As native code, or not at all: EBB_UNAVAILABLE. For tests and benchmarks, which must not fall back silently. */
    EBB_NATIVE,
    /* The C body itself runs at each call, operation by operation. For debugging. */
    EBB_EAGER
} ebb_mode;

/* What ebb_open may be told; zero everywhere means the default. */
typedef struct ebb_options {
    /* All memory of the context; default: realloc and free. Both functions or neither. */
    ebb_allocator allocator;
    /* Gets messages, perhaps of several lines: warnings, and what the environment variable EBB_LOG=graph,plan,time
     * asks for. Default: none for warnings, standard error for EBB_LOG. */
    void (*log)(void *self, const char *message);
    /* Given to log. */
    void *log_self;
    /* Of the functions that do not say one; default EBB_COMPILED. */
    ebb_mode mode;
    /* Of the context's random generator; default 0. */
    uint64_t seed;
    /* Graphs, plans, LLVM IR and assembly of each compile are written there; default: what the environment variable
     * EBB_DUMP names, else nowhere. Copied. */
    const char *dump_folder;
} ebb_options;

/* Opens a context, which the caller closes. NULL only if there is no memory. */
EBB_API ebb_context *ebb_open(const ebb_options *options);

/* Frees the context and everything that belongs to it: tensors, variables, tapes, functions, compiled code,
 * optimizers. NULL is fine. */
EBB_API void ebb_close(ebb_context *ebb);

/* True if nothing failed since ebb_open or the last ebb_clear_error. False for NULL. */
EBB_API bool ebb_ok(const ebb_context *ebb);

/* The class of the first error, EBB_OK if there is none. */
EBB_API ebb_code ebb_error_code(const ebb_context *ebb);

/* The text of the first error: operation, shapes and source line; "" if there is none. Borrowed, and valid until
 * ebb_clear_error or ebb_close. */
EBB_API const char *ebb_error(const ebb_context *ebb);

/* Forgets the error, so that the next one is kept. Poison stays poison. */
EBB_API void ebb_clear_error(ebb_context *ebb);

/* "ValueError", "TypeError", ...: a static string. */
EBB_API const char *ebb_code_name(ebb_code code);

/* The library's version, a static string: "0.1.0". The header's is EBB_VERSION_MAJOR, _MINOR, _PATCH. */
EBB_API const char *ebb_version(void);

/* ---------------------------------------------------------------- 2. Scopes ----
 *
 *     ebb_tensor *best = NULL;
 *     EBB_SCOPE(ebb) {
 *         ebb_tensor *half = ebb_mul(0.5, ebb_scalar(ebb, 3.0f));   // dies at the closing brace
 *         best = ebb_keep(ebb_square(half));                        // outlives it
 *     }
 *     ebb_print(stdout, best);                                      // ebb.Tensor(2.25, shape=(), dtype=float32)
 *
 * With no scope open, temporaries live until ebb_close: give each loop a scope. A tensor used after its scope
 * closed is a RuntimeError that names the line where it was made; the last thousand dead tensors are remembered
 * for that. */

/* Runs the block that follows once; what is made inside and not kept is released at its end, also when `break` or
 * `continue` ends the block (they do not reach a loop around it). Leaving it by return or goto leaves the scope open
 * until an outer one, or the context, closes. Scopes nest. Without memory for a scope the block does not run:
 * EBB_NO_MEMORY. */
#define EBB_SCOPE(ebb) EBB_SCOPE_((ebb), EBB_JOIN(ebb_scope_, __LINE__), EBB_JOIN(ebb_once_, __LINE__))
#define EBB_SCOPE_(ebb, s, once)                                                                                       \
    for (int s = ebb_scope_open(ebb); s; ebb_scope_close(ebb, s), s = 0)                                               \
        for (int once = 1; once; once = 0)

/* Opens a scope by hand: gives its depth, 1 for the outermost, or 0 after an error. */
EBB_API int ebb_scope_open(ebb_context *ebb);

/* Closes the scope of that depth and every scope inside it, with their temporaries and tapes. A depth that is not open
 * is nothing to do. */
EBB_API void ebb_scope_close(ebb_context *ebb, int depth);

/* Hands a temporary of the innermost scope to the one outside it, and gives it back; call it once per scope to cross.
 * Variables, absent tensors and tensors of outer scopes are given back as they are. */
EBB_API ebb_tensor *ebb_keep(ebb_tensor *x);

/* Gives up a tensor or variable before its scope or context ends. Tapes and functions that use it keep what they need;
 * you may not use it any more. NULL, poison and absent are fine. */
EBB_API void ebb_release(ebb_tensor *x);

/* ---------------------------------------------------------------- 3. Making tensors ----
 *
 *     ebb_tensor *a = ebb_literal(ebb, "[[1, 2, 3], [4, 5, 6]]", EBB_F64);                 // f64 [2,3]
 *     ebb_tensor *b = ebb_constant(ebb, EBB_F64, EBB_SHAPE(3), (double[]){10, 20, 30});    // f64 [3]
 *     ebb_tensor *noise = ebb_random_normal(ebb, EBB_F64, EBB_SHAPE(2, 3), 0, 0.1);        // f64 [2,3]
 *
 * Data is row-major. Each result is a temporary of the innermost scope. Made inside a traced function (section 8), all
 * but random numbers are made once, while tracing, and are constants of the program. Errors: an unknown dtype is a
 * TypeError; a negative size, too large a shape and more than EBB_MAX_RANK axes are a ValueError; EBB_NO_MEMORY. */

/* A shape, as the two arguments `rank, dims`: ebb_zeros(ebb, EBB_F32, EBB_SHAPE(2, 3)). */
#define EBB_SHAPE(...) ((int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))), ((const int64_t[]){__VA_ARGS__})
/* The shape of a scalar, []. */
#define EBB_SCALAR 0, ((const int64_t *)0)

/* A scalar [] of the C type of `value`: float -> f32, double -> f64, int -> i32, long, long long and int64_t -> i64,
 * bool -> bool. Other types do not compile: cast them. In C11 `true` and comparisons are int: write (bool)true. */
#define ebb_scalar(ebb, value) ebb_scalar_at((ebb), EBB_NONE, EBB_NUMBER(value))

/* (ebb, dtype, EBB_SHAPE(...), data): a copy of `data`, which holds elements of the dtype's C type: bool, int32_t,
 * int64_t, float or double. data NULL is a TypeError unless the shape has no elements. */
#define ebb_constant(ebb, ...) ebb_constant_at((ebb), __VA_ARGS__, __FILE__, __LINE__)

/* (ebb, text, dtype): from text, as TensorFlow reads a literal: "3" -> i32 [], "[1, 2.5]" -> f32 [2], "[[1], [2]]"
 * -> i32 [2,1], "[true, false]" -> bool [2]; i64 where i32 does not suffice. A dtype other than EBB_NONE converts:
 * TypeError or ValueError for a number that it cannot hold. What does not parse is a ValueError that names the
 * column. */
#define ebb_literal(ebb, ...) ebb_literal_at((ebb), __VA_ARGS__, __FILE__, __LINE__)

/* (ebb, dtype, EBB_SHAPE(...), value): every element is the double `value`, rounded to a real dtype. For i32, i64 and
 * bool it must be whole (else TypeError) and in range (else ValueError). */
#define ebb_full(ebb, ...) ebb_full_at((ebb), __VA_ARGS__, __FILE__, __LINE__)

/* (ebb, dtype, EBB_SHAPE(...)): every element is 0, or false. */
#define ebb_zeros(ebb, ...) ebb_zeros_at((ebb), __VA_ARGS__, __FILE__, __LINE__)

/* (ebb, dtype, EBB_SHAPE(...)): every element is 1, or true. */
#define ebb_ones(ebb, ...) ebb_ones_at((ebb), __VA_ARGS__, __FILE__, __LINE__)

/* (ebb, dtype, n) -> [n]: 0, 1, ... n-1. number; bool is a TypeError, n < 0 or beyond i32 a ValueError. */
#define ebb_range(ebb, ...) ebb_range_at((ebb), __VA_ARGS__, __FILE__, __LINE__)

/* Random numbers come from the context's generator, Philox4x32-10 (Salmon, Moraes, Dror, Shaw, SC 2011). Element i of
 * draw k is a function of seed, k, i and dtype alone: the same stream eagerly and compiled. Inside a traced function
 * each draw gives fresh numbers at each call. They have no derivative. */

/* Starts the stream of `seed` from its beginning. */
EBB_API void ebb_set_seed(ebb_context *ebb, uint64_t seed);

/* (ebb, dtype, EBB_SHAPE(...), low, high): low <= u < high, from 24 random bits each in f32, 53 in f64. real, else
 * TypeError; low < high and both finite, else ValueError. */
#define ebb_random_uniform(ebb, ...) ebb_random_uniform_at((ebb), __VA_ARGS__, __FILE__, __LINE__)

/* (ebb, dtype, EBB_SHAPE(...), mean, deviation): normal numbers by the transform of Box and Muller (1958). real, else
 * TypeError; both finite and deviation >= 0, else ValueError. */
#define ebb_random_normal(ebb, ...) ebb_random_normal_at((ebb), __VA_ARGS__, __FILE__, __LINE__)

/* ---------------------------------------------------------------- 4. Reading tensors ----
 *
 *     ebb_print(stdout, ebb_cast(a, EBB_I32));    // ebb.Tensor(
 *                                                 // [[1 2 3]
 *                                                 //  [4 5 6]], shape=(2, 3), dtype=int32)
 *     printf("%g of %lld\n", ebb_item(a, 4), (long long)ebb_size(a));    // 5 of 6
 *     const double *data = ebb_data(a);                                  // data[1 * ebb_dim(a, 1) + 2] is 6.0
 *
 * A *traced* tensor (inside a traced function) has dtype and shape but no data yet. NULL is a TypeError, a tensor
 * whose scope closed a RuntimeError; such a call gives what it gives for poison. */

/* The dtype; EBB_NONE for absent and poison. */
EBB_API ebb_dtype ebb_dtype_of(const ebb_tensor *x);

/* The number of axes; 0 for absent and poison. */
EBB_API int ebb_rank(const ebb_tensor *x);

/* The size of an axis, negative axes counted from the end; -1 if there is no such axis, or if its size is not known
 * (section 8, signature). */
EBB_API int64_t ebb_dim(const ebb_tensor *x, int axis);

/* The number of elements, 1 for a scalar; 0 for absent and poison, -1 if a size is not known. */
EBB_API int64_t ebb_size(const ebb_tensor *x);

/* The elements, row-major, of the dtype's C type. Borrowed: a tensor's live as long as it, a variable's until it
 * is next updated, by an assign or by a function. NULL if traced, absent or poison. */
EBB_API const void *ebb_data(const ebb_tensor *x);

/* Element `index` in row-major order as a double. NaN if there is none: IndexError, or TypeError for a tensor without
 * data; poison adds no error. */
EBB_API double ebb_item(const ebb_tensor *x, int64_t index);

/* What kind of tensor it is: a variable; a value or traced value that is no variable; "no derivative"; the result of
 * something that failed; a value inside a traced function. */
EBB_API bool ebb_is_variable(const ebb_tensor *x);
EBB_API bool ebb_is_tensor(const ebb_tensor *x);
EBB_API bool ebb_is_absent(const ebb_tensor *x);
EBB_API bool ebb_is_poison(const ebb_tensor *x);
EBB_API bool ebb_is_traced(const ebb_tensor *x);

/* Prints a line: "ebb.Tensor(8.0, shape=(), dtype=float32)", "<ebb.Variable 'x:0' shape=() dtype=float32, value=3.0>",
 * or "None" for an absent tensor. Arrays are laid out as by NumPy, in full up to 1000 elements; numbers are the
 * shortest decimals that read back exactly, whatever the locale. */
EBB_API void ebb_print(FILE *to, const ebb_tensor *x);

/* The same text, without the newline, into text[size], cut and ended by a 0 byte. Gives the length that all of it
 * has, as snprintf does; text may be NULL if size is 0. */
EBB_API size_t ebb_format(const ebb_tensor *x, char *text, size_t size);

/* The value alone, in the same way: "8.0", "[1. 2. 3.]", "[[1. 2.]\n [3. 4.]]". */
EBB_API size_t ebb_format_value(const ebb_tensor *x, char *text, size_t size);

/* ---------------------------------------------------------------- 5. Variables ----
 *
 *     ebb_tensor *w = ebb_variable(ebb, ebb_zeros(ebb, EBB_F32, EBB_SHAPE(2)), "w");
 *     ebb_assign_add(w, ebb_literal(ebb, "[1., 2.]", EBB_NONE));
 *     ebb_print(stdout, w);        // <ebb.Variable 'w:0' shape=(2,) dtype=float32, value=[1. 2.]>
 *
 * A variable is a tensor whose value changes; dtype and shape are fixed. Using it in an operation reads the value
 * that it has then, and what was computed from that stays as it is. State stops derivatives: what is read after an
 * assign carries none to what was assigned. Variables belong to the context until ebb_release. */

/* (initial [...] any): a trainable variable with a copy of that value. Trainable variables are watched by tapes
 * without being asked (section 7). The name is copied; NULL: "Variable". A traced initial value is a ValueError. The
 * body of a traced function may make variables in its first trace, to be kept and used in later ones; making one in a
 * later trace is a ValueError. */
#define ebb_variable(ebb, initial, name) ebb_variable_at((ebb), (initial), (name), true, __FILE__, __LINE__)

/* The same, not trainable: counters, statistics, slots of optimizers. */
#define ebb_variable_fixed(ebb, initial, name) ebb_variable_at((ebb), (initial), (name), false, __FILE__, __LINE__)

/* The name with TensorFlow's ending, "x:0"; "" for a tensor. Borrowed, and lives as long as the variable. */
EBB_API const char *ebb_name(const ebb_tensor *v);

/* Whether ebb_variable made it; an AttributeError for a tensor. */
EBB_API bool ebb_trainable(const ebb_tensor *v);

/* Sets v to x, a tensor of just v's dtype and shape (else ValueError, and v is unchanged) or a C number for a
 * scalar v. Gives the new value, a temporary. A tensor has no assign: AttributeError. A poison x changes nothing. */
#define ebb_assign(v, x) ebb_assign_at((v), EBB_OPERAND(x), __FILE__, __LINE__)

/* Sets v to v + x, as ebb_assign. number. */
#define ebb_assign_add(v, x) ebb_assign_add_at((v), EBB_OPERAND(x), __FILE__, __LINE__)

/* Sets v to v - x, as ebb_assign. number. */
#define ebb_assign_sub(v, x) ebb_assign_sub_at((v), EBB_OPERAND(x), __FILE__, __LINE__)

/* (v, EBB_INDEX(i, j), x): sets v[i, j] to x, all else stays; a negative index counts from the end. Fewer indices than
 * axes leave a part, as in v[i] = row. x is an operand of v's dtype that broadcasts to that part (else ValueError). Too
 * many indices, or one outside its axis, are an IndexError. Writes in place, and gives v. A tensor's elements cannot be
 * written: TypeError. */
#define ebb_assign_item(v, ...) EBB_ASSIGN_ITEM_(v, __VA_ARGS__)
#define EBB_ASSIGN_ITEM_(v, count, index, x)                                                                           \
    ebb_assign_item_at((v), (count), (index), EBB_OPERAND(x), __FILE__, __LINE__)

/* Indices, as the two arguments `count, index`. At least one. */
#define EBB_INDEX(...) EBB_SHAPE(__VA_ARGS__)

/* Sets v[start : stop : step] to x; the arrays as for ebb_slice, otherwise as ebb_assign_item. */
#define ebb_assign_slice(v, start, stop, step, x)                                                                      \
    ebb_assign_slice_at((v), (start), (stop), (step), EBB_OPERAND(x), __FILE__, __LINE__)

/* ---------------------------------------------------------------- 6. Operations ----
 *
 *     ebb_tensor *share = ebb_div(a, ebb_sum_over(a, EBB_AXES(1), true));   // [2,3] / [2,1]: rows sum to 1
 *     ebb_tensor *clipped = ebb_min(1, ebb_max(0, ebb_sub(ebb_mul(2, w), 1.5)));              // f32 [2]
 *     ebb_tensor *safe = ebb_select(ebb_gt(w, 0), ebb_log(w), 0);          // no NaN, nor in its derivative
 *     ebb_tensor *product = ebb_matmul(a, ebb_transpose(share, EBB_AXES(1, 0)));              // [2,3] [3,2] -> [2,2]
 *
 * Operands are tensors or variables; where it says *operand*, also C numbers (bool, int, long, float, double), which
 * take the dtype of the tensor they meet. Two numbers do not compile: one must be a tensor. Results are temporaries
 * of the innermost scope.
 *
 * Errors, here and below: a dtype outside the set given, or two tensors of different dtype, is a TypeError (nothing
 * is converted unasked: ebb_cast); a C number that an integer tensor cannot hold is a TypeError if it is not whole,
 * else a ValueError; shapes that do not fit are a ValueError; an axis out of range is an IndexError; EBB_NO_MEMORY.
 * Poison gives poison.
 *
 * Derivatives: of real tensors, of every order, forward and reverse, unless it says none (then a gradient is absent).
 *
 * Accuracy: arithmetic and sqrt are IEEE 754's, with NaN, infinities, -0 and subnormals; integers wrap. Eager code
 * calls the C library's exp, sin, ...; native code its vector variants (libmvec), within 4 ulp of the former, for:
 * exp expm1 exp2 log log1p log2 log10 sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh sigmoid
 * softplus logaddexp erf erfc cbrt hypot; softmax, logsumexp, xlogy and the cross-entropy are made of these. All else
 * in this section agrees between eager and native code bit for bit. Sums are added in one fixed order, a function of
 * dtype, shape and axes: interleaved partial sums in blocks of 128 additions, blocks pairwise, so that errors grow
 * slowly. */

/* ---- element by element: x [...] -> [...] ---- */

/* -x. number. */
#define ebb_neg(x) EBB_UNARY(neg, x)

/* |x|. number. Derivative sign(x), so 0 at 0. */
#define ebb_abs(x) EBB_UNARY(abs, x)

/* -1, 0 or 1; zeros keep their sign, NaN stays NaN. number. No derivative. */
#define ebb_sign(x) EBB_UNARY(sign, x)

/* e^x. real. */
#define ebb_exp(x) EBB_UNARY(exp, x)

/* e^x - 1, without cancellation near 0. real. */
#define ebb_expm1(x) EBB_UNARY(expm1, x)

/* The natural logarithm: log(0) = -inf with derivative inf, NaN below 0. real. */
#define ebb_log(x) EBB_UNARY(log, x)

/* log(1 + x), without cancellation near 0; -inf at -1, NaN below. real. */
#define ebb_log1p(x) EBB_UNARY(log1p, x)

/* The square root, correctly rounded; NaN below 0. real. Derivative inf at 0: for lengths use ebb_norm. */
#define ebb_sqrt(x) EBB_UNARY(sqrt, x)

/* x * x. number. */
#define ebb_square(x) EBB_UNARY(square, x)

/* 1 / x, correctly rounded. real. */
#define ebb_recip(x) EBB_UNARY(recip, x)

/* Sine, cosine and tangent of x in radians. real. */
#define ebb_sin(x) EBB_UNARY(sin, x)
#define ebb_cos(x) EBB_UNARY(cos, x)
#define ebb_tan(x) EBB_UNARY(tan, x)

/* Arc sine and arc cosine in radians; NaN outside [-1, 1]. real. Derivatives infinite at -1 and 1. */
#define ebb_asin(x) EBB_UNARY(asin, x)
#define ebb_acos(x) EBB_UNARY(acos, x)

/* Arc tangent in radians, in [-pi/2, pi/2]. real. */
#define ebb_atan(x) EBB_UNARY(atan, x)

/* Hyperbolic sine, cosine and tangent. real. */
#define ebb_sinh(x) EBB_UNARY(sinh, x)
#define ebb_cosh(x) EBB_UNARY(cosh, x)
#define ebb_tanh(x) EBB_UNARY(tanh, x)

/* 1 / (1 + e^-x), without overflow. real. */
#define ebb_sigmoid(x) EBB_UNARY(sigmoid, x)

/* log(1 + e^x), without overflow. real. Derivative sigmoid(x). */
#define ebb_softplus(x) EBB_UNARY(softplus, x)

/* The error function, 2/sqrt(pi) times the integral of e^-t^2 from 0 to x. real. */
#define ebb_erf(x) EBB_UNARY(erf, x)

/* 1 - erf(x), without cancellation for large x. real. */
#define ebb_erfc(x) EBB_UNARY(erfc, x)

/* 2^x; the logarithms to base 2 and 10, with the edges of ebb_log. real. */
#define ebb_exp2(x) EBB_UNARY(exp2, x)
#define ebb_log2(x) EBB_UNARY(log2, x)
#define ebb_log10(x) EBB_UNARY(log10, x)

/* 1 / sqrt(x): inf at 0, NaN below. real. */
#define ebb_rsqrt(x) EBB_UNARY(rsqrt, x)

/* The cube root; of a negative x it is negative. real. Derivative inf at 0. */
#define ebb_cbrt(x) EBB_UNARY(cbrt, x)

/* The inverses of sinh, cosh (NaN below 1) and tanh (infinite at -1 and 1, NaN outside). real. */
#define ebb_asinh(x) EBB_UNARY(asinh, x)
#define ebb_acosh(x) EBB_UNARY(acosh, x)
#define ebb_atanh(x) EBB_UNARY(atanh, x)

/* log |gamma(x)|, inf at 0, -1, -2, ... real. Derivative digamma(x). */
#define ebb_lgamma(x) EBB_UNARY(lgamma, x)

/* The derivative of lgamma: infinite at 0, NaN at -1, -2, ... real. Its derivatives are ebb_polygamma's. */
#define ebb_digamma(x) EBB_UNARY(digamma, x)

/* sin(pi x) / (pi x), and 1 at 0, where derivatives of every order are right too. real. */
#define ebb_sinc(x) EBB_UNARY(sinc, x)

/* The next whole number below, above, nearest (halves to even), and towards 0. real. No derivative. */
#define ebb_floor(x) EBB_UNARY(floor, x)
#define ebb_ceil(x) EBB_UNARY(ceil, x)
#define ebb_round(x) EBB_UNARY(round, x)
#define ebb_trunc(x) EBB_UNARY(trunc, x)

/* All bits turned. integer. No derivative. */
#define ebb_bitwise_not(x) EBB_UNARY(bitwise_not, x)

/* max(0, x); NaN stays NaN. number. Derivative 1 above 0, else 0. */
#define ebb_relu(x) EBB_UNARY(relu, x)

/* Not x. bool. No derivative. */
#define ebb_logical_not(x) EBB_UNARY(logical_not, x)

/* x itself, taken for a constant by every derivative. any. */
#define ebb_stop_gradient(x) EBB_UNARY(stop_gradient, x)

/* ---- two operands, element by element ----
 * Shapes broadcast as NumPy's: aligned at their last axes, a missing axis or a size of 1 stretches. The derivative
 * in a stretched operand is summed over what was stretched. */

/* x + y. Operands, number. */
#define ebb_add(x, y) EBB_BINARY(add, x, y)

/* x - y. Operands, number. */
#define ebb_sub(x, y) EBB_BINARY(sub, x, y)

/* x * y. Operands, number. */
#define ebb_mul(x, y) EBB_BINARY(mul, x, y)

/* x / y, correctly rounded; x/0 is infinite, 0/0 NaN. Operands, real: cast integers first. */
#define ebb_div(x, y) EBB_BINARY(div, x, y)

/* x^y as C99's pow, element by element by the C library: pow(x, 0) = 1 even for NaN, pow(-2, 3) = -8, NaN for a
 * negative x and a broken y. Operands, real. Derivative in x: y x^(y-1), 0 where y = 0; in y: x^y log x, 0 where x
 * <= 0. */
#define ebb_pow(x, y) EBB_BINARY(pow, x, y)

/* sqrt(x^2 + y^2), without overflow. Operands, real. Derivative 0 where both are 0. */
#define ebb_hypot(x, y) EBB_BINARY(hypot, x, y)

/* The angle of the point (x, y), in [-pi, pi]: mind the order of operands. Operands, real. Derivative 0 at (0, 0). */
#define ebb_atan2(y, x) EBB_BINARY(atan2, y, x)

/* log(e^x + e^y), without overflow; a result near 0 is as exact as its operands. Operands, real. Derivative 0 where
 * both are -inf. */
#define ebb_logaddexp(x, y) EBB_BINARY(logaddexp, x, y)

/* x log(y), and 0 where x = 0, whatever y. Operands, real. Where x = 0 and log(y) is not finite, derivative 0. */
#define ebb_xlogy(x, y) EBB_BINARY(xlogy, x, y)

/* x / y, and 0 where y = 0. Operands, real. Where y = 0, derivative 0. */
#define ebb_divide_no_nan(x, y) EBB_BINARY(divide_no_nan, x, y)

/* (x - y)^2. Operands, number. */
#define ebb_squared_difference(x, y) EBB_BINARY(squared_difference, x, y)

/* The n-th derivative of digamma at x. NaN unless n is a whole number from 0 to 1000. Operands, real. Derivative in x:
 * polygamma(n + 1, x); in n: 0. */
#define ebb_polygamma(n, x) EBB_BINARY(polygamma, n, x)

/* x / y rounded down; the remainder that leaves, which has y's sign; and the remainder of x / y rounded towards 0,
 * C's fmod, of x's sign. Operands, number. Real: NaN and infinities as in Python, but 1/0 is inf. Integers: the
 * quotient by 0 is 0 and the remainder x; the least integer by -1 is itself, with remainder 0. Derivatives of the
 * remainders: 1 in x, in y less the quotient; floordiv has none. */
#define ebb_floordiv(x, y) EBB_BINARY(floordiv, x, y)
#define ebb_floormod(x, y) EBB_BINARY(floormod, x, y)
#define ebb_fmod(x, y) EBB_BINARY(fmod, x, y)

/* Bit by bit; x shifted by y bits, to the right with copies of the sign. Where y is negative, or the width of the
 * dtype or more, nothing of x is left: 0, or -1 for a negative x to the right. Operands, integer. No derivative. */
#define ebb_bitwise_and(x, y) EBB_BINARY(bitwise_and, x, y)
#define ebb_bitwise_or(x, y) EBB_BINARY(bitwise_or, x, y)
#define ebb_bitwise_xor(x, y) EBB_BINARY(bitwise_xor, x, y)
#define ebb_shift_left(x, y) EBB_BINARY(shift_left, x, y)
#define ebb_shift_right(x, y) EBB_BINARY(shift_right, x, y)

/* The larger: NaN propagates, -0 < +0. Operands, number. The derivative goes to the operand taken, of equal ones
 * to x. */
#define ebb_max(x, y) EBB_BINARY(max, x, y)

/* The smaller: NaN propagates, -0 < +0. Operands, number. The derivative goes to the operand taken, of equal ones
 * to x. */
#define ebb_min(x, y) EBB_BINARY(min, x, y)

/* x == y and x != y -> bool; a NaN equals nothing. Operands, any. No derivative. */
#define ebb_eq(x, y) EBB_BINARY(eq, x, y)
#define ebb_ne(x, y) EBB_BINARY(ne, x, y)

/* x < y, x <= y, x > y, x >= y -> bool; false for NaN. Operands, number. No derivative. */
#define ebb_lt(x, y) EBB_BINARY(lt, x, y)
#define ebb_le(x, y) EBB_BINARY(le, x, y)
#define ebb_gt(x, y) EBB_BINARY(gt, x, y)
#define ebb_ge(x, y) EBB_BINARY(ge, x, y)

/* Both; at least one. Operands, bool. No derivative. */
#define ebb_logical_and(x, y) EBB_BINARY(logical_and, x, y)
#define ebb_logical_or(x, y) EBB_BINARY(logical_or, x, y)

/* c ? x : y; c [...] is a bool tensor, x and y operands of any dtype, and all three broadcast. Two numbers take
 * the wider of their C types: 1.0f, not 1.0, for f32. Derivatives are selected too: a NaN or infinity of the
 * branch not taken stays out of them, in every order. */
#define ebb_select(c, x, y) ebb_select_at((c), EBB_OPERAND(x), EBB_OPERAND(y), __FILE__, __LINE__)

/* min(max(x, low), high): x is a tensor, the bounds are operands, and all three broadcast; NaN stays NaN. number. The
 * derivative goes to what is taken, on a bound to x. */
#define ebb_clip(x, low, high) ebb_clip_at((x), EBB_OPERAND(low), EBB_OPERAND(high), __FILE__, __LINE__)

/* x [...] any -> [...] of `dtype`. Real to integer truncates and saturates, NaN gives 0; i64 to i32 wraps; all but
 * 0 is true, NaN too. The derivative passes between real dtypes and ends at others. */
#define ebb_cast(x, dtype) ebb_cast_at((x), (dtype), __FILE__, __LINE__)

/* ---- shapes ----
 * Operands are tensors of any dtype; elements are moved, never changed, and derivatives move back. Axes count from 0,
 * negative ones from the end: -1 is the last. */

/* Axes, as the two arguments `count, axes`: ebb_sum_over(x, EBB_AXES(0, -1), false). At least one. */
#define EBB_AXES(...) ((int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int))), ((const int[]){__VA_ARGS__})
/* All axes, however many there are. */
#define EBB_ALL_AXES (-1), ((const int *)0)

/* (x, EBB_SHAPE(...)): x stretched to that shape, by the rule of the operations with two operands. */
#define ebb_broadcast_to(x, ...) ebb_broadcast_to_at((x), __VA_ARGS__, __FILE__, __LINE__)

/* (x, EBB_SHAPE(...)): the same elements, row-major, under another shape of as many elements. One size may be -1: what
 * the others leave. */
#define ebb_reshape(x, ...) ebb_reshape_at((x), __VA_ARGS__, __FILE__, __LINE__)

/* (x, EBB_AXES(p0, p1, ...)): x with its axes in another order: axis i of the result is axis p_i of x. All axes, each
 * once, else ValueError. */
#define ebb_transpose(x, ...) ebb_transpose_at((x), __VA_ARGS__, __FILE__, __LINE__)

/* x[start : stop : step] on each axis, as Python reads it: negative positions count from the end, what lies outside is
 * cut off. start, stop and step are int64_t arrays of ebb_rank(x); step NULL: 1; a step below 1 is a ValueError. */
#define ebb_slice(x, start, stop, step) ebb_slice_at((x), (start), (stop), (step), __FILE__, __LINE__)

/* (x, EBB_AXES(...)): x read from the end on these axes. */
#define ebb_reverse(x, ...) ebb_reverse_at((x), __VA_ARGS__, __FILE__, __LINE__)

/* n >= 1 tensors of one dtype, an ebb_tensor * array, one after the other on `axis`; the other sizes must be equal.
 * ebb_stack puts them on a new axis, where that is in the result: n times [a,b] on axis 1 -> [a,n,b]. */
#define ebb_concat(n, x, axis) ebb_concat_at((n), (x), (axis), __FILE__, __LINE__)
#define ebb_stack(n, x, axis) ebb_stack_at((n), (x), (axis), __FILE__, __LINE__)

/* x in n equal parts along `axis`, stored in parts[0 ... n-1]; a size that n does not divide is a ValueError. */
#define ebb_split(x, n, axis, parts) ebb_split_at((x), (n), (axis), (parts), __FILE__, __LINE__)

/* x moved by `shift` places along `axis`; what leaves at one end comes back at the other. */
#define ebb_roll(x, shift, axis) ebb_roll_at((x), (shift), (axis), __FILE__, __LINE__)

/* The whole of x times[i] times along axis i, an int64_t array of ebb_rank(x): (1, 2) twice is (1, 2, 1, 2). And each
 * slice of one axis n times: (1, 1, 2, 2). */
#define ebb_tile(x, times) ebb_tile_at((x), (times), __FILE__, __LINE__)
#define ebb_repeat(x, n, axis) ebb_repeat_at((x), (n), (axis), __FILE__, __LINE__)

/* x [b...,m,n] with zeros where column - row > k (tril) or < k (triu): k = 0 keeps the diagonal. */
#define ebb_tril(x, k) ebb_tril_at((x), (k), __FILE__, __LINE__)
#define ebb_triu(x, k) ebb_triu_at((x), (k), __FILE__, __LINE__)

/* x [b...,n] -> [b...,n,n] with x on the diagonal and zeros beside it; and back, x [b...,m,n] -> [b...,min(m,n)]. */
#define ebb_diag(x) ebb_diag_at((x), __FILE__, __LINE__)
#define ebb_diag_part(x) ebb_diag_part_at((x), __FILE__, __LINE__)

/* index [i...] i32 or i64 -> [i...,depth] of `dtype`: 1 at the index, else 0; all 0 where the index is outside
 * [0, depth). No derivative. */
#define ebb_one_hot(index, depth, dtype) ebb_one_hot_at((index), (depth), (dtype), __FILE__, __LINE__)

/* x with low[i] zeros before and high[i] zeros after it on axis i; int64_t arrays of ebb_rank(x), none negative. */
#define ebb_pad(x, low, high) ebb_pad_at((x), (low), (high), __FILE__, __LINE__)

/* ---- reductions ----
 * (x, EBB_AXES(...), keep) or (x, EBB_ALL_AXES, keep): these axes of x go away, or stay with size 1 if `keep` is
 * true. An axis given twice is a ValueError. */

/* The sum, in the fixed order said above; 0 over nothing. number. */
#define ebb_sum_over(x, ...) ebb_sum_at((x), __VA_ARGS__, __FILE__, __LINE__)

/* The mean; does not overflow where it can be represented; NaN over nothing. real. */
#define ebb_mean_over(x, ...) ebb_mean_at((x), __VA_ARGS__, __FILE__, __LINE__)

/* The largest element; NaN propagates; over nothing a ValueError. number. Equal largest elements share the derivative
 * equally. */
#define ebb_max_over(x, ...) ebb_reduce_max_at((x), __VA_ARGS__, __FILE__, __LINE__)

/* The smallest, likewise. */
#define ebb_min_over(x, ...) ebb_reduce_min_at((x), __VA_ARGS__, __FILE__, __LINE__)

/* The product, half by half; 1 over nothing. number. Its derivative is the product of the others, also among zeros. */
#define ebb_prod_over(x, ...) ebb_prod_at((x), __VA_ARGS__, __FILE__, __LINE__)

/* The mean of the squared distances from the mean, and its root, the standard deviation; NaN over nothing. real.
 * Exactly 0 over equal elements, with derivative 0. */
#define ebb_variance_over(x, ...) ebb_variance_at((x), __VA_ARGS__, __FILE__, __LINE__)
#define ebb_deviation_over(x, ...) ebb_deviation_at((x), __VA_ARGS__, __FILE__, __LINE__)

/* Whether all, and whether any, are true; over nothing true, and false. bool. No derivative. */
#define ebb_all_over(x, ...) ebb_reduce_all_at((x), __VA_ARGS__, __FILE__, __LINE__)
#define ebb_any_over(x, ...) ebb_reduce_any_at((x), __VA_ARGS__, __FILE__, __LINE__)

/* log(sum(e^x)), without overflow; -inf over nothing, or over nothing but -inf, where the derivative is 0. real. */
#define ebb_logsumexp_over(x, ...) ebb_logsumexp_at((x), __VA_ARGS__, __FILE__, __LINE__)

/* The Euclidean norm sqrt(sum(x^2)), scaled so that no square overflows or vanishes. real. Derivative x / norm,
 * and 0 at 0. */
#define ebb_norm_over(x, ...) ebb_norm_at((x), __VA_ARGS__, __FILE__, __LINE__)

/* The same over all axes, x [...] -> []. */
#define ebb_sum(x) ebb_sum_over((x), EBB_ALL_AXES, false)
#define ebb_mean(x) ebb_mean_over((x), EBB_ALL_AXES, false)
#define ebb_norm(x) ebb_norm_over((x), EBB_ALL_AXES, false)

/* Where on that axis the largest element is, the first of equal ones; NaN counts as the largest. number -> i64,
 * without the axis; an empty axis is a ValueError. No derivative. */
#define ebb_argmax(x, axis) ebb_argmax_at((x), (axis), __FILE__, __LINE__)
/* The smallest, likewise: NaN counts as the smallest. */
#define ebb_argmin(x, axis) ebb_argmin_at((x), (axis), __FILE__, __LINE__)

/* ---- along one axis, x [...] -> [...] ---- */

/* Element i is the sum, added one after another, or the product, in pairs, of elements 0 ... i. number. Derivatives are
 * right among zeros. */
#define ebb_cumsum(x, axis) ebb_cumsum_at((x), (axis), __FILE__, __LINE__)
#define ebb_cumprod(x, axis) ebb_cumprod_at((x), (axis), __FILE__, __LINE__)

/* In rising order, NaN last; and where each one was, i64, equal ones in their order. any. The derivative goes back
 * to where the elements were; argsort has none. */
#define ebb_sort(x, axis) ebb_sort_at((x), (axis), __FILE__, __LINE__)
#define ebb_argsort(x, axis) ebb_argsort_at((x), (axis), __FILE__, __LINE__)

/* ---- products and indices ---- */

/* x [b...,m,k] times y [b...,k,n] -> [b...,m,n]. number; batch axes b broadcast. A vector x [k] is a row and a vector
 * y [k] a column, whose axis of size 1 goes away again; a scalar is a ValueError. f32 and f64 are multiplied by the
 * serial OpenBLAS, the same routine eagerly and natively, but its last bits may depend on the CPU. */
#define ebb_matmul(x, y) ebb_matmul_at((x), (y), false, false, __FILE__, __LINE__)

/* The same with x given as [b...,k,m] if transpose_x, and y as [b...,n,k] if transpose_y. On vectors the
 * flags do nothing. */
#define ebb_matmul_with(x, y, transpose_x, transpose_y)                                                                \
    ebb_matmul_at((x), (y), (transpose_x), (transpose_y), __FILE__, __LINE__)

/* x [a...,n,b...] any, index [i...] i32 or i64 -> [a...,i...,b...]: slices of x along `axis`, the one of size n.
 * An index outside [0, n) is an IndexError, negative ones too. The derivative in x adds up what was taken several
 * times. */
#define ebb_gather(x, index, axis) ebb_gather_at((x), (index), (axis), __FILE__, __LINE__)

/* x [a...,n,b...] number with updates [a...,i...,b...], of its dtype, added where index [i...] says along `axis`;
 * equal indices add up in their order. Index and errors as ebb_gather. Differentiable in x and updates. */
#define ebb_scatter_add(x, index, updates, axis) ebb_scatter_add_at((x), (index), (updates), (axis), __FILE__, __LINE__)

/* ---- networks ---- */

/* e^x / sum(e^x) along one axis, x [...] -> [...], without overflow. real. A line with inf or with nothing but -inf is
 * NaN. */
#define ebb_softmax(x, axis) ebb_softmax_at((x), (axis), __FILE__, __LINE__)

/* The logarithm of softmax, precise also where that is 0: log_softmax(1e4, 0) = (0, -1e4). Otherwise as
 * ebb_softmax. */
#define ebb_log_softmax(x, axis) ebb_log_softmax_at((x), (axis), __FILE__, __LINE__)

/* -log softmax(logits)[label]: logits [b...,c] real, labels [b...] i32 or i64 -> [b...]. A label outside [0, c)
 * gives NaN there, with derivative 0. */
#define ebb_sparse_softmax_cross_entropy(logits, labels)                                                               \
    ebb_sparse_softmax_cross_entropy_at((logits), (labels), __FILE__, __LINE__)

/* ---------------------------------------------------------------- 7. Gradients of what just ran ----
 *
 *     EBB_SCOPE(ebb) {
 *         ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
 *         ebb_tensor *y = ebb_sum(ebb_square(w));                 // w is [1. 2.]
 *         ebb_print(stdout, ebb_gradient(tape, y, w));            // ebb.Tensor([2. 4.], shape=(2,), dtype=float32)
 *     }
 *
 * A tape records the operations on what it watches, and on what was computed from that, between start and stop,
 * eagerly or inside a traced function; a call of a traced function is recorded as a whole. Trainable variables are
 * watched when they are first read; tensors by ebb_watch. Tapes nest: an outer one records the gradients that an
 * inner one computes, which gives second derivatives. Only real tensors have derivatives. */

/* Flags of ebb_tape_start; add them up. */
enum {
    /* Asked once; watches trainable variables. */
    EBB_TAPE_DEFAULT = 0,
    /* May be asked more than once; asked while it records, it records its answers too. */
    EBB_TAPE_PERSISTENT = 1,
    /* Watches only what ebb_watch names. */
    EBB_TAPE_MANUAL = 2
};

/* Starts recording. The tape belongs to the innermost scope and dies with it. NULL after an error. */
EBB_API ebb_tape *ebb_tape_start(ebb_context *ebb, int flags);

/* Ends recording; the tape can still be asked. Stopped already: nothing to do. */
EBB_API void ebb_tape_stop(ebb_tape *tape);

/* Goes on recording after a stop; what ran between leaves no trace. A ValueError if the tape is still recording, a
 * RuntimeError if it was asked and has let go of its record. */
EBB_API void ebb_tape_resume(ebb_tape *tape);

/* Forgets everything recorded and watched, and goes on recording. A ValueError if the tape is not recording. */
EBB_API void ebb_tape_reset(ebb_tape *tape);

/* Frees the tape before its scope ends. NULL is fine. */
EBB_API void ebb_tape_free(ebb_tape *tape);

/* Watches a tensor or variable from here on. One that is not real is ignored, with a line to the context's log; a tape
 * that was asked already is a RuntimeError. */
EBB_API void ebb_watch(ebb_tape *tape, ebb_tensor *x);

/* The variables that the tape has watched, in the order of their first use; also after it was asked. Gives their number
 * and stores the first `room` of them, borrowed; variables may be NULL if room is 0. */
EBB_API int ebb_watched_variables(const ebb_tape *tape, int room, ebb_tensor **variables);

/* The gradient of the sum of y's elements in x: x [...] -> [...], of x's dtype, a temporary. x is anything that
 * the tape saw: watched, or computed from that. Absent if y does not depend on x. A variable counts with all
 * values it had (around a call of a traced function that assigns it several times: with its first and last). Asking
 * stops the tape and releases its record, unless it is persistent; asking again is a RuntimeError. */
#define ebb_gradient(tape, y, x) ebb_gradient_at((tape), (y), (x), __FILE__, __LINE__)

/* What ebb_gradients may be told. */
typedef struct ebb_gradient_options {
    /* A cotangent for each y, of its shape and dtype (else ValueError), or NULL for ones; default: all ones. */
    ebb_tensor *const *seeds;
    /* A source that no y depends on gives zeros of its shape instead of absent. */
    bool zeros;
} ebb_gradient_options;

/* The same for several at once: y[ny], x[nx]; gradients[i] becomes the gradient of the sum of all elements of all y in
 * x[i], a temporary; all are poison after an error. options may be NULL. */
#define ebb_gradients(tape, ny, y, nx, x, gradients, options)                                                          \
    ebb_gradients_at((tape), (ny), (y), (nx), (x), (gradients), (options), __FILE__, __LINE__)

/* The Jacobian, element by element of y: y [a...], x [b...] -> [a...,b...], of x's dtype. Absent if y does not depend
 * on x. Costs one pass backward per element of y. Asking counts as for ebb_gradient. More than EBB_MAX_RANK axes
 * together are a ValueError. */
#define ebb_jacobian(tape, y, x) ebb_jacobian_at((tape), (y), (x), __FILE__, __LINE__)

/* The same for a batch of independent rows: y [n,a...], x [n,b...] -> [n,a...,b...], row i of y in row i of x. Costs
 * one pass per element of a row. That rows do not depend on each other is not checked. Ranks below 2 or different first
 * sizes are a ValueError. */
#define ebb_batch_jacobian(tape, y, x) ebb_batch_jacobian_at((tape), (y), (x), __FILE__, __LINE__)

/* A forward tape carries tangents along while operations run, eagerly or inside a traced function:
 *
 *     EBB_SCOPE(ebb) {
 *         ebb_tensor *direction = ebb_literal(ebb, "[1., 0.]", EBB_F32);
 *         ebb_tape *forward = ebb_forward_start(ebb, 1, &w, &direction);
 *         ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
 *         ebb_tensor *g = ebb_gradient(tape, ebb_sum(ebb_pow(w, 3)), w);      // 3 w^2 = [3. 12.]
 *         ebb_print(stdout, ebb_tangent(forward, g));    // ebb.Tensor([6. 0.], shape=(2,), dtype=float32)
 *     }
 *
 * It is a tape as to its life: it belongs to the innermost scope, and is stopped, resumed and freed as the others.
 * Tapes of both kinds nest: an outer one sees how an inner one computes its tangents, never the other way round. */

/* Starts one: primals[n], real tensors or variables, with a tangent each, of its shape, cast to its dtype. A shape that
 * differs or a primal given twice is a ValueError, one that is not real a TypeError. NULL after an error. */
#define ebb_forward_start(ebb, n, primals, tangents)                                                                   \
    ebb_forward_start_at((ebb), (n), (primals), (tangents), __FILE__, __LINE__)

/* The tangent of y: its derivative along the tangents of the primals. Only looks it up, as often as one likes, also
 * after the stop. Absent, or zeros, if y was not computed from a primal. */
#define ebb_tangent(forward, y) ebb_tangent_at((forward), (y), false, __FILE__, __LINE__)
#define ebb_tangent_or_zeros(forward, y) ebb_tangent_at((forward), (y), true, __FILE__, __LINE__)

/* ---------------------------------------------------------------- 8. Traced functions ----
 *
 *     static void loss(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
 *         (void)ebb, (void)data;
 *         out[0] = ebb_mean(ebb_square(ebb_sub(ebb_matmul(in[0], in[1]), in[2])));   // x [n,d], w [d], y [n]
 *     }
 *
 *     ebb_function *f = ebb_function_new(ebb, loss, &(ebb_function_options){.name = "loss"});
 *     ebb_tensor *weights = ebb_ones(ebb, EBB_F64, EBB_SHAPE(3)), *target = ebb_literal(ebb, "[5, 16]", EBB_F64);
 *     ebb_print(stdout, ebb_call(f, a, weights, target));     // ebb.Tensor(1.0, shape=(), dtype=float64)
 *     ebb_call(f, a, weights, target);                        // the same native code: ebb_trace_count(f) is 1
 *
 * The body runs once for each list of argument types. Its operations are recorded as a graph, which is compiled at
 * the first call; from then on the native code is called. Of the arguments, a tensor counts by dtype and shape, a
 * variable by identity, a C number by type and value. So C code in the body (if, for, printf) runs only while
 * tracing.
 *
 * In the body: tensors have no data yet. A C number arrives as a scalar: bool, i32 and i64 as they are, a float or
 * double with the dtype of the first real tensor among the arguments, else f32. Variables are read and updated at
 * each call, in program order. Tensors from outside are captured. Functions may call functions, and start tapes;
 * one that calls itself is a RuntimeError. A traced tensor cannot be used after its body has ended. */

/* The C code of a function. in[k] is argument k, borrowed; the body stores its results, which it need not own, in
 * out[0] to out[results - 1]; one that it leaves NULL is a ValueError of the call, an absent one is allowed. */
typedef void ebb_body(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data);

/* What ebb_function_new may be told. */
typedef struct ebb_function_options {
    /* For messages, dumps and symbols; default "function". Copied. */
    const char *name;
    /* How many results the body stores; default 1. */
    int results;
    /* Given to the body. Borrowed: it must live as long as the function. */
    void *data;
    /* How it runs; default (0, EBB_COMPILED): as the context's options say. */
    ebb_mode mode;
    /* The types of all arguments, as in "f32[n,3], f32[n], i32[?]": `?` is a size that is not known, a letter or word
     * one that is the same wherever it stands. The body runs once for all of them; code is made for each list of sizes.
     * A call that does not fit is a TypeError, numbers and variables too. A text that does not parse is a ValueError.
     * Default: none, any arguments. */
    const char *signature;
    /* When a call differs from an earlier one only in sizes, the body is run for unknown sizes, and not again for other
     * ones. What such a body cannot do with an unknown size, it does for each size anew. */
    bool reduce_retracing;
} ebb_function_options;

/* A function with that body; nothing runs yet. It belongs to the context until ebb_function_free. NULL after an
 * error. */
EBB_API ebb_function *ebb_function_new(ebb_context *ebb, ebb_body *body, const ebb_function_options *options);

/* Gives up the function; its traces and their code go with it, once no derivative of it (section 9) is left. NULL is
 * fine. */
EBB_API void ebb_function_free(ebb_function *f);

/* Its name, borrowed; "" for NULL. */
EBB_API const char *ebb_function_name(const ebb_function *f);

/* How many traces it has. If that grows with each call, the calls give C numbers that change: pass tensors instead.
 * When five of the last ten calls had to trace, the context's log is told so, with the reason, at most twice per
 * function. */
EBB_API int ebb_trace_count(const ebb_function *f);

/* Why the latest trace was not the first one: which arguments differ from the trace most like it, as in "argument 1 is
 * f32[5], was f32[3]". "" before the second trace. Borrowed until the next call. */
EBB_API const char *ebb_retrace_reason(const ebb_function *f);

/* While on, calls of functions run their C body, whatever their mode, as if it were EBB_EAGER; off again, they use the
 * traces they had. Derivatives of functions (section 9) stay traced. */
EBB_API void ebb_run_functions_eagerly(ebb_context *ebb, bool on);

/* Calls f with one to eight tensors, variables and numbers; gives its first result, a temporary. Poison among the
 * arguments gives poison; errors in the body, of compiling (EBB_NATIVE) and of running are errors of the call; native
 * code that fails leaves variables as they were. Differentiable by tapes and by section 9, as often as one likes. */
#define ebb_call(f, ...) ebb_call_at((f), EBB_OPERANDS(__VA_ARGS__), __FILE__, __LINE__)

/* The same with arrays: in[nin], each made by EBB_OPERAND(x); out[nout] gets the first nout results, poison after an
 * error. nout may be less than there are results; more is a ValueError. */
#define ebb_call_n(f, nin, in, nout, out) ebb_call_n_at((f), (nin), (in), (nout), (out), __FILE__, __LINE__)

/* The concrete function that such arguments would run, traced now if need be, not run. Belongs to f. NULL after an
 * error. */
#define ebb_get_concrete(f, nin, in) ebb_get_concrete_at((f), (nin), (in), __FILE__, __LINE__)

/* Calls just this concrete function, otherwise as ebb_call_n. Arguments of other types, or other numbers or variables
 * than it was traced for, are a TypeError. */
#define ebb_call_concrete(c, nin, in, nout, out)                                                                       \
    ebb_call_concrete_at((c), (nin), (in), (nout), (out), __FILE__, __LINE__)

/* Whether its calls run native code; compiles it now if need be. */
EBB_API bool ebb_concrete_is_native(const ebb_concrete *c);

/* "loss(f64[2,3], f64[3], f64[2]) -> f64[]", tensor arguments only. Borrowed, and valid until it is asked for again or
 * the function is freed; "" for NULL. */
EBB_API const char *ebb_concrete_signature(const ebb_concrete *c);

/* The recorded graph, an operation per line with the source line behind it. Borrowed in the same way. */
EBB_API const char *ebb_concrete_text(const ebb_concrete *c);

/* Native code for calls at the price of a C function call, from any thread:
 *
 *     ebb_native n = ebb_native_of(ebb_get_concrete(f, 3, ((ebb_operand[]){EBB_OPERAND(a), EBB_OPERAND(weights),
 *                                                                           EBB_OPERAND(target)})));
 *     double y;
 *     const void *in[3] = {ebb_data(a), ebb_data(weights), ebb_data(target)};   // n.inputs is 3
 *     void *out[1] = {&y}, *work = aligned_alloc(64, (size_t)(n.work_bytes + 63) / 64 * 64);
 *     if (n.entry(in, out, work) == EBB_OK) printf("%g\n", y);                   // 1
 */
typedef struct ebb_native {
    /* Runs it: in[inputs], out[outputs], row-major elements aligned as C aligns them; an out[] of an absent result
     * is ignored, and none may overlap an in[] other than as ebb_native_bind says. Takes no lock and no memory;
     * several threads may run it at once if each has its own out and work. Gives EBB_OK, or an ebb_code
     * (EBB_INDEX_ERROR of a gather). NULL: no native code; the context has the error. */
    int (*entry)(const void *const *in, void *const *out, void *work);
    /* in[0] to in[arguments - 1] are the tensor arguments, in their order; then, up to inputs, variables and captured
     * tensors. out[0] to out[results - 1] are the results; then, up to outputs, new values of variables. */
    int arguments, inputs, results, outputs;
    /* Size of `work`, aligned to 64 bytes; its content matters neither before nor after. */
    int64_t work_bytes;
} ebb_native;

/* The native code of c, compiled now if need be. Valid until the function is freed. */
EBB_API ebb_native ebb_native_of(ebb_concrete *c);

/* Fills in what is no argument: in[arguments ...] and out[results ...] get the memory of variables and captured
 * tensors, so that variables are updated in place. Bind again after any other use of these variables: an
 * operation, an assign, a call. */
EBB_API void ebb_native_bind(ebb_concrete *c, const void **in, void **out);

/* ---------------------------------------------------------------- 9. Derivatives of functions ----
 *
 *     ebb_function *g = ebb_grad(f, EBB_WRT(1));          // of the loss, in the weights
 *     ebb_print(stdout, ebb_call(g, a, weights, target));   // ebb.Tensor([-3. -3. -3.], shape=(3,), dtype=float64)
 *     ebb_print(stdout, ebb_call(ebb_hessian(f, EBB_WRT(1)), a, weights, target));                    // [3,3]
 *     ebb_function *cube = ebb_expression(ebb, "x^3", 1, (const char *[]){"x"});                      // section 11
 *     ebb_function *third = ebb_grad(ebb_grad(ebb_grad(cube, NULL), NULL), NULL);
 *     ebb_print(stdout, ebb_call(third, ebb_scalar(ebb, 2.0)));    // ebb.Tensor(6.0, shape=(), dtype=float64)
 *
 * Functions in, functions out; nest them freely. A result takes the arguments of f, then what is said below, and
 * is traced and compiled as any function; assignments in f happen once in each call. It belongs to the context
 * until ebb_function_free, and keeps f alive. Errors show at the first call: an index without a parameter is an
 * IndexError, a parameter that is no tensor or not real a TypeError. A derivative that is zero everywhere comes as
 * zeros, not absent. Each gives NULL for a NULL f or without memory. */

/* Which parameters to differentiate in, by their place; copied. NULL or none: the first, 0. */
typedef struct ebb_wrt {
    const int *index;
    int count;
} ebb_wrt;
/* EBB_WRT(0, 2): the first and the third. */
#define EBB_WRT(...) (&(ebb_wrt){(const int[]){__VA_ARGS__}, (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int))})

/* Reverse mode. Results: the gradient of f's first result, which must be a real scalar [] (else TypeError,
 * ValueError), in each wrt, of its shape. */
EBB_API ebb_function *ebb_grad(ebb_function *f, const ebb_wrt *wrt);

/* The same with the values. Results: all of f's, then the gradient in each wrt. */
EBB_API ebb_function *ebb_value_and_grad(ebb_function *f, const ebb_wrt *wrt);

/* Forward mode. Further arguments: a tangent for each wrt, of its shape and dtype. Results: f's, then the tangent
 * of each, absent for one that is not real. */
EBB_API ebb_function *ebb_jvp(ebb_function *f, const ebb_wrt *wrt);

/* Reverse mode for any results. Further arguments: a cotangent for each result of f, of its shape and dtype. Results:
 * f's, then the cotangent of each wrt. */
EBB_API ebb_function *ebb_vjp(ebb_function *f, const ebb_wrt *wrt);

/* Forward over reverse. Further arguments: a direction for each wrt, of its shape and dtype. Results: the Hessian
 * of f's first result, a real scalar, times these directions: one tensor for each wrt, of its shape. */
EBB_API ebb_function *ebb_hvp(ebb_function *f, const ebb_wrt *wrt);

/* The whole Hessian of f's first result, a real scalar. Results: for each pair of wrt x_i, x_j, row by row, the
 * block of shape [x_i's shape..., x_j's shape...]. Symmetric up to rounding. More than 4096 elements in all wrt
 * together are a ValueError: use ebb_hvp. */
EBB_API ebb_function *ebb_hessian(ebb_function *f, const ebb_wrt *wrt);

/* ---------------------------------------------------------------- 10. Optimizers ----
 *
 *     ebb_optimizer *sgd = ebb_sgd(ebb, &(ebb_sgd_options){.learning_rate = 0.1});
 *     EBB_SCOPE(ebb) {
 *         ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
 *         ebb_tensor *dw = ebb_gradient(tape, ebb_sum(ebb_square(w)), w);     // [2. 4.]
 *         ebb_apply_gradients(sgd, 1, &dw, &w);                               // w is now [0.8 1.6]
 *     }
 *     ebb_assign(ebb_learning_rate(sgd), 0.01);
 *
 * Update rules as Keras 3 defines them (keras.io/api/optimizers), x the variable, g its gradient, t the step from
 * 1. All state is variables, so inside a traced function a whole training step, tape and update, is one compiled
 * program. An optimizer belongs to the context until ebb_optimizer_free. */

/* Stochastic gradient descent; zero means the default. */
typedef struct ebb_sgd_options {
    /* lr: default 0.01. mu: default 0. */
    double learning_rate, momentum;
    /* Nesterov's form of momentum. */
    bool nesterov;
} ebb_sgd_options;

/* Adam; zero means the default. */
typedef struct ebb_adam_options {
    /* lr: default 0.001. b1: 0.9. b2: 0.999. e: 1e-7. */
    double learning_rate, beta1, beta2, epsilon;
    /* Divides by the largest v so far (Reddi, Kale, Kumar, ICLR 2018). */
    bool amsgrad;
} ebb_adam_options;

/* x -= lr g. With momentum: m = mu m - lr g; x += m, or with nesterov x += mu m - lr g. NULL after an error. */
EBB_API ebb_optimizer *ebb_sgd(ebb_context *ebb, const ebb_sgd_options *options);

/* m += (1-b1)(g-m); v += (1-b2)(g^2-v); x -= lr sqrt(1-b2^t)/(1-b1^t) m/(sqrt(v)+e) (Kingma, Ba, ICLR 2015; e as in
 * Keras, outside the correction). NULL after an error. */
EBB_API ebb_optimizer *ebb_adam(ebb_context *ebb, const ebb_adam_options *options);

/* Frees the optimizer and its state, not what it updated. NULL is fine. */
EBB_API void ebb_optimizer_free(ebb_optimizer *optimizer);

/* The learning rate, a variable f64 []: read it, assign it, also 0. Belongs to the optimizer. */
EBB_API ebb_tensor *ebb_learning_rate(ebb_optimizer *optimizer);

/* How many steps were made, a variable i64 []. Belongs to the optimizer. */
EBB_API ebb_tensor *ebb_iterations(ebb_optimizer *optimizer);

/* One step: updates each variables[i] by gradients[i], of the same shape and dtype (else ValueError). Absent
 * gradients are skipped; nothing but absent ones is a ValueError, something that is no variable a TypeError, and
 * poison among them changes nothing. All are borrowed. */
#define ebb_apply_gradients(optimizer, n, gradients, variables)                                                        \
    ebb_apply_gradients_at((optimizer), (n), (gradients), (variables), __FILE__, __LINE__)

/* Tape, loss, gradient, step: runs the body `loss` once under a tape, with no arguments and one result, and steps
 * variables[n] by the gradients of that. Gives the loss before the step, a temporary. */
#define ebb_minimize(optimizer, loss, data, n, variables)                                                              \
    ebb_minimize_at((optimizer), (loss), (data), (n), (variables), __FILE__, __LINE__)

/* ---- layers ----
 *
 *     ebb_layer *hidden = ebb_dense(ebb, &(ebb_dense_options){.name = "hidden", .inputs = 3, .outputs = 4,
 *                                                             .activation = EBB_ACTIVATE_RELU});
 *     ebb_layer *last = ebb_dense(ebb, &(ebb_dense_options){.name = "last", .inputs = 4, .outputs = 1});
 *     ebb_layer *model = ebb_sequential(ebb, "model", 2, (ebb_layer *[]){hidden, last});
 *     ebb_tensor *y = ebb_layer_call(model, ebb_ones(ebb, EBB_F32, EBB_SHAPE(5, 3)));            // f32 [5,1]
 *     ebb_tensor *variables[4];                           // hidden/b, hidden/w, last/b, last/w
 *     int count = ebb_layer_variables(model, true, 4, variables);                                // 4
 *
 * A layer is a function of one tensor with variables and layers as its parts. It belongs to the context until
 * ebb_layer_free. Layers are made outside of traced functions, and called anywhere. */

typedef enum ebb_activation {
    EBB_ACTIVATE_NONE = 0,
    EBB_ACTIVATE_RELU,
    EBB_ACTIVATE_SIGMOID,
    EBB_ACTIVATE_TANH,
    EBB_ACTIVATE_SOFTMAX /* along the last axis */
} ebb_activation;

/* What ebb_dense is told; zero means the default. */
typedef struct ebb_dense_options {
    /* Default "dense". Copied. */
    const char *name;
    /* Sizes of the last axis before and after; both must be at least 1, else ValueError. */
    int64_t inputs, outputs;
    /* Default EBB_F32. */
    ebb_dtype dtype;
    ebb_activation activation;
    /* Leaves the bias away. */
    bool no_bias;
    /* The first weights [inputs,outputs], instead of uniform ones within sqrt(6 / (inputs + outputs)) (Glorot, Bengio
     * 2010). */
    ebb_tensor *weights;
} ebb_dense_options;

/* activation(x w + b), x [...,inputs] -> [...,outputs], of at least two axes. Its variables are "b", zeros at first,
 * and "w". NULL after an error. */
EBB_API ebb_layer *ebb_dense(ebb_context *ebb, const ebb_dense_options *options);

/* One layer after the other; they are its parts, in this order. NULL after an error. */
EBB_API ebb_layer *ebb_sequential(ebb_context *ebb, const char *name, int count, ebb_layer *const *layers);

/* What a layer of one's own computes. */
typedef ebb_tensor *ebb_layer_body(ebb_context *ebb, ebb_tensor *x, void *data);

/* A layer of one's own; its parts are added by name. `data` is borrowed. NULL after an error. */
EBB_API ebb_layer *ebb_layer_new(ebb_context *ebb, const char *name, ebb_layer_body *body, void *data);
EBB_API void ebb_layer_add_variable(ebb_layer *layer, const char *name, ebb_tensor *variable);
EBB_API void ebb_layer_add_layer(ebb_layer *layer, const char *name, ebb_layer *part);

/* Gives up the layer, and with it the variables that ebb_dense made; layers that have it as a part keep it. NULL is
 * fine. */
EBB_API void ebb_layer_free(ebb_layer *layer);

/* Its name, borrowed; "" for NULL. */
EBB_API const char *ebb_layer_name(const ebb_layer *layer);

/* The layer's result for x, a temporary. */
#define ebb_layer_call(layer, x) ebb_layer_call_at((layer), (x), __FILE__, __LINE__)

/* All variables, or the trainable ones only, in TensorFlow's order: a layer's own by the name of the part, then those
 * of its layers, by their names too (of ebb_sequential: in their order); each once. Gives their number and stores the
 * first `room`, borrowed. */
EBB_API int ebb_layer_variables(ebb_layer *layer, bool trainable_only, int room, ebb_tensor **variables);

/* All layers that are parts of it, and parts of parts, in the same order: its own before theirs. */
EBB_API int ebb_layer_parts(ebb_layer *layer, int room, ebb_layer **layers);

/* ---------------------------------------------------------------- 11. Files and expressions ----
 *
 *     ebb_function *wave = ebb_expression(ebb, "exp(-x^2) * sin(2*pi*x + p)", 2, (const char *[]){"x", "p"});
 *     ebb_tensor *at = ebb_literal(ebb, "[0, 0.25]", EBB_F64);
 *     printf("%.4f\n", ebb_item(ebb_call(wave, at, ebb_scalar(ebb, 0.0)), 1));    // 0.9394
 */

/* (ebb, path, dtype): an IDX file, the format of MNIST (yann.lecun.com/exdb/mnist), plain or gzip'ed, as a tensor
 * of `dtype`, a temporary. EBB_NONE: bytes and integers as i32, floating point as it is. Errors name file and
 * byte: EBB_NOT_FOUND, EBB_UNAVAILABLE if the system cannot read it, EBB_DATA_ERROR for what is no IDX file or not
 * all of one, EBB_VALUE_ERROR for a number that the dtype cannot hold exactly. */
#define ebb_read_idx(ebb, ...) ebb_read_idx_at((ebb), __VA_ARGS__, __FILE__, __LINE__)

/* A function of the `count` named variables (copied), as ebb_function_new makes it, with one result. In rising
 * order of binding: == != < <= > >=, + -, * /, sign, ^ or ** (grouping from the right: -x^2 is -(x^2)). Functions:
 * those of section 6 with one or two operands, by name; sum, mean, norm, logsumexp of a whole tensor; dot(x, y) =
 * sum(x*y); softmax, log_softmax along the last axis; select(c, x, y). Constants: pi, e. Numbers take the dtype of
 * what they meet. An error names the column and gives NULL: EBB_DATA_ERROR for grammar, EBB_LOOKUP_ERROR for an
 * unknown name, EBB_VALUE_ERROR for an impossible variable name. */
EBB_API ebb_function *ebb_expression(ebb_context *ebb, const char *text, int count, const char *const *names);

#ifdef __cplusplus
}
#endif

/* The plain functions behind the macros, and what the macros are made of. */
#include "ebb_plain.h"

#endif
