/* ebb.h - values flow forward, derivatives ebb back.
 *
 * A C11 library for tensors, derivatives and compiled functions. Read this file from top to bottom, then the chapters
 * that it includes at its end, in their order: they are the tutorial. A program includes ebb.h and nothing else.
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
 * - A context belongs to one thread at a time; a library built without NDEBUG reports two at once as a RuntimeError.
 * - The library never aborts or exits, and prints only what is asked for.
 * - Numbers do not depend on the floating-point environment that the program has set (rounding, subnormals, signals),
 *   and it stays as it is. After a fork the child may go on with the contexts of the thread that forked.
 *
 * Shapes are written behind names: x [n,d] has two axes, x [] none, x [...] any. Dtypes come in three sets: *real* is
 * f32 and f64, *integer* i32 and i64, *number* is both, *any* is number and bool. ebb_dtype, ebb_code, ebb_part and
 * ebb_allocator are in ebb_base.h; a ValueError is EBB_VALUE_ERROR, and so on.
 *
 * Names in capitals are macros. Most functions are macros too, around a plain function of the same name with _at,
 * which takes the source line: ebb_plain.h. As the preprocessor parts arguments at commas, an array that is written in
 * a call stands in parentheses: ebb_tile(x, ((int64_t[]){2, 3})). C++ and other languages, which have neither _Generic
 * nor compound literals, call the plain functions. */
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
/* A part of a network, with its variables: section 10. */
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
    /* A NaN is an error in what functions give, as if all of them had the option (section 8), and in gradients that are
     * asked of a tape; the error says where it was born (section 9). */
    bool check_nan;
    /* Of the context's random generator; default 0. */
    uint64_t seed;
    /* Graphs, plans, LLVM IR and assembly of each compile are written there; default: what the environment variable
     * EBB_DUMP names, else nowhere. Copied. */
    const char *dump_folder;
    /* The processor to compile for: "x86-64", "x86-64-v2", "x86-64-v3" or "x86-64-v4", which every machine of that
     * level runs alike; default: this one. Copied. */
    const char *cpu;
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

/* Likewise, but each number that is not within two deviations of the mean is drawn again, as TensorFlow does: what is
 * left has 0.88 of the deviation. */
#define ebb_random_truncated_normal(ebb, ...) ebb_random_truncated_normal_at((ebb), __VA_ARGS__, __FILE__, __LINE__)

/* logits [b...,c] real -> i64 [b...,n]: n times one of c classes, class k with a probability proportional to
 * e^logit[k]; -inf is never drawn. It is where a uniform f64 falls among the running sums of these weights, so eager
 * and native code may differ where it falls within 1e-14 of the border of two classes. Of logits with NaN or inf, or of
 * nothing but -inf, class c - 1. No classes, or n < 0: ValueError. No derivative. */
#define ebb_random_categorical(logits, n) ebb_random_categorical_at((logits), (n), __FILE__, __LINE__)

/* The numbers 0 ... n - 1 in random order, i64 [n], and x [n,...] any with its slices in random order: the order that
 * sorts n uniform f64, so that all orders are equally likely but for about n^2 2^-54. n < 0, and an x without axes or
 * whose first size is not known, are a ValueError. The derivative of shuffle moves back. */
#define ebb_random_permutation(ebb, n) ebb_random_permutation_at((ebb), (n), __FILE__, __LINE__)
#define ebb_random_shuffle(x) ebb_random_shuffle_at((x), __FILE__, __LINE__)

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

/* ---------------------------------------------------------------- The chapters that follow ---- */

#ifdef __cplusplus
}
#endif

/* 6. Operations, element by element ... */
#include "ebb_ops.h"
/* ... on shapes, axes and indices ... */
#include "ebb_arrays.h"
/* ... and on matrices. */
#include "ebb_matrices.h"
/* 7. Gradients of what just ran. 8. Traced functions. 9. Derivatives of functions; many examples at once. */
#include "ebb_derivatives.h"
/* ... what they cost, and why they go the way they go. */
#include "ebb_explain.h"
/* ... sparse derivatives. */
#include "ebb_sparse.h"
/* ... rules of one's own, and functions that an equation defines. */
#include "ebb_rules.h"
/* ... where a NaN was born. */
#include "ebb_nan.h"
/* ... and are these derivatives true? */
#include "ebb_check.h"
/* 10. Optimizers and layers. 11. Files and expressions. */
#include "ebb_training.h"
/* 12. Branches and loops that depend on tensors. */
#include "ebb_control.h"
/* The plain functions behind the macros, and what the macros are made of. */
#include "ebb_plain.h"

#endif
