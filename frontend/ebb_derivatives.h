/* ebb_derivatives.h - sections 7 to 9 of the tutorial in ebb.h: tapes, traced functions, derivatives of functions. */
#ifndef EBB_DERIVATIVES_H
#define EBB_DERIVATIVES_H

#include "ebb.h"

#ifdef __cplusplus
extern "C" {
#endif

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
#define ebb_watch(tape, x) ebb_watch_at((tape), (x), __FILE__, __LINE__)

/* The variables that the tape has watched, in the order of their first use; also after it was asked. Gives their number
 * and stores the first `room` of them, borrowed; variables may be NULL if room is 0. */
EBB_API int ebb_watched_variables(const ebb_tape *tape, int room, ebb_tensor **variables);

/* The gradient of the sum of y's elements in x: x [...] -> [...], of x's dtype, a temporary. x is anything that
 * the tape saw: watched, or computed from that. Absent if y does not depend on x; what an ebb_select has not taken it
 * does depend on, with derivative 0. A variable counts with all values it had, those too that a traced function gave
 * it. Asking stops the tape and releases its record, unless it is persistent; asking again is a RuntimeError. */
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

/* The C code of a function. in[k] is argument k, borrowed; of the first eight those that a call does not give are NULL,
 * whose use is an error of the call. The body stores its results, which it need not own, in
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
    /* A call one of whose results, or new values of variables, holds a NaN is an EBB_FLOAT_ERROR that says where it was
     * born (section 9); variables keep their values. Costs a look at the results, and that variables are not updated
     * where they are. Not for ebb_native_of, nor where the C body runs (EBB_EAGER). Derivatives of the function
     * inherit it; a function called in another's body is part of that one. Default: the context's. */
    bool check_nan;
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
     * several threads may run it at once if each has its own out and work. Runs in the caller's floating-point
     * environment, unlike ebb_call. Gives EBB_OK, or an ebb_code (EBB_INDEX_ERROR of a gather). NULL: no native code;
     * the context has the error. */
    int (*entry)(const void *const *in, void *const *out, void *work);
    /* in[0] to in[arguments - 1] are the tensor arguments, in their order; then, up to inputs, variables and captured
     * tensors. out[0] to out[results - 1] are the results; then, up to outputs, new values of variables. */
    int arguments, inputs, results, outputs;
    /* Size of `work`, aligned to 64 bytes; its content matters neither before nor after. */
    int64_t work_bytes;
} ebb_native;

/* The native code of c, compiled now if need be. Valid until the function is freed: free it when no thread is running
 * it any more. */
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

/* What a derivative is told; NULL or zeros: in the first parameter, of all results. Copied. */
typedef struct ebb_wrt {
    /* Which parameters to differentiate in, by their place. None: the first, 0. */
    const int *index;
    int count;
    /* So many results of f, the last ones, are auxiliary: they are given as they are, where f's results are given, and
     * nothing of them is derived. A ValueError here unless one result at least is left. */
    int auxiliary;
    /* ebb_hvp and ebb_hessian give f's results and the gradient in each wrt first, ebb_hessian_diagonal and Jacobians
     * f's results: what they have computed anyway. */
    bool values;
} ebb_wrt;
/* EBB_WRT(0, 2): the first and the third. */
#define EBB_WRT(...)                                                                                                   \
    (&(ebb_wrt){.index = (const int[]){__VA_ARGS__}, .count = (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int))})

/* Results: the gradient of f's first result, which must be a real scalar [] (else TypeError, ValueError), in each wrt,
 * of its shape. By reverse mode, or forward along each element where that is a tenth less work (ebb_set_road). */
EBB_API ebb_function *ebb_grad(ebb_function *f, const ebb_wrt *wrt);

/* The same with the values. Results: all of f's, then the gradient in each wrt. */
EBB_API ebb_function *ebb_value_and_grad(ebb_function *f, const ebb_wrt *wrt);

/* Forward mode. Further arguments: a tangent for each wrt, of its shape and dtype. Results: f's, then the tangent
 * of each, absent for one that is not real. */
EBB_API ebb_function *ebb_jvp(ebb_function *f, const ebb_wrt *wrt);

/* Forward mode of any order: the Taylor series of t -> f(x + t v). Further arguments: a direction v for each wrt, of
 * its shape and dtype. Results: f's, then for each result y [...] its coefficients [order, ...], where row k - 1
 * belongs to t^k: the k-th derivative along v, divided by k!. `order` is 1 to 100, else a ValueError in the first call.
 * Its cost grows with the square of the order (Griewank and Walther, Evaluating Derivatives, 2008, chapter 13); nested
 * ebb_jvp would double it with each order. Above order 24 the program is one loop over the orders, as long for order
 * 100 as for 25, unless there are many elements, which straight-line code runs faster through; ebb_set_road takes
 * "rolled" or "straight". Absent for a result that is not real. */
EBB_API ebb_function *ebb_jet(ebb_function *f, const ebb_wrt *wrt, int order);

/* The same along curves, so that series can be put into one another: in place of a direction the coefficients of a
 * curve x + c1 t + c2 t^2 + ... through each wrt, [order, x's shape...], of its dtype: what ebb_jet gives for x = g(s).
 */
EBB_API ebb_function *ebb_jet_series(ebb_function *f, const ebb_wrt *wrt, int order);

/* Reverse mode for any results. Further arguments: a cotangent for each result of f, of its shape and dtype. Results:
 * f's, then the cotangent of each wrt. */
EBB_API ebb_function *ebb_vjp(ebb_function *f, const ebb_wrt *wrt);

/* Further arguments: a direction for each wrt, of its shape and dtype. Results: the Hessian of f's first result, a real
 * scalar, times these directions: one tensor for each wrt, of its shape. Forward over reverse, or another nesting where
 * that is a tenth less work (ebb_set_road). */
EBB_API ebb_function *ebb_hvp(ebb_function *f, const ebb_wrt *wrt);

/* The whole Jacobian. Results: for each result y of f, one after the other, and each wrt x, the block of shape
 * [y's shape..., x's shape...]; absent for a result that is not real. All columns (EBB_FORWARD: as many as wrt have
 * elements) or all rows (EBB_REVERSE: as many as results have) are computed side by side, as ebb_vmap does, or
 * in blocks that keep within 256 MiB (ebb_set_road). EBB_CHEAPER: both programs are written, and the one with less work
 * is taken; from 32 elements on a third one too, "by pattern", which computes only what may differ from zero (section 9
 * a). A block of rank above EBB_MAX_RANK is a ValueError. A product with the identity that directions begin with
 * is none: of x -> A x the Jacobian is A. */
EBB_API ebb_function *ebb_jacobian_of(ebb_function *f, const ebb_wrt *wrt, ebb_road road);

/* The same for batches: of a result y [n,a...] in x [n,b...] the block [n,a...,b...], row i of y in row i of x. Costs
 * as many directions as one row has elements. That rows do not depend on each other is not checked; a parameter or real
 * result that is no batch of the same n is a ValueError. */
EBB_API ebb_function *ebb_batch_jacobian_of(ebb_function *f, const ebb_wrt *wrt, ebb_road road);

/* The whole Hessian of f's first result, a real scalar. Results: for each pair of wrt x_i, x_j, row by row, the
 * block of shape [x_i's shape..., x_j's shape...]. Symmetric up to rounding. Columns side by side or in blocks, as of a
 * Jacobian, or "by pattern" where that is less work. */
EBB_API ebb_function *ebb_hessian(ebb_function *f, const ebb_wrt *wrt);

/* Its diagonal alone. Results: for each wrt a tensor of its shape. Where the gradient's element i depends on x's
 * element i only, as of a sum over functions of single elements, it costs one Hessian-vector product, else one series
 * of order 2 for each element, in blocks. */
EBB_API ebb_function *ebb_hessian_diagonal(ebb_function *f, const ebb_wrt *wrt);

/* ---- operators of second order: for differential equations ----
 *
 *     ebb_function *wave = ebb_expression(ebb, "sin(x)*exp(y)", 2, (const char *[]){"x", "y"});      // harmonic
 *     ebb_tensor *y[2], *at_x = ebb_scalar(ebb, 0.5), *at_y = ebb_scalar(ebb, 1.0);
 *     ebb_call_n(ebb_laplacian(wave, EBB_WRT(0, 1)), 2, ((ebb_operand[]){EBB_OPERAND(at_x), EBB_OPERAND(at_y)}), 2, y);
 *     printf("%g %g\n", ebb_item(y[0], 0), ebb_item(y[1], 0));                                        // 1.30322 0
 *
 * They are functions of one point; ebb_vmap takes them to many, and they are differentiated again in whatever is
 * asked: so networks are trained on the residual of an equation. */

/* The Laplacian: sum of d^2 y / dx_i^2 over all elements of all wrt. Results: f's, then that of each result, of its
 * type, absent for one that is not real. One forward pass that carries value, all first derivatives, and the sum of the
 * second ones (Li et al., Forward Laplacian, 2023; Dangel et al., Collapsing Taylor Mode, 2025). */
EBB_API ebb_function *ebb_laplacian(ebb_function *f, const ebb_wrt *wrt);

/* The same for sum of a_ij d^2 y / dx_i dx_j: a [d,d] real, where d <= 256 is the number of elements of all wrt, one
 * after the other (else a ValueError of the call). Its numbers are read now; where it is not symmetric, its symmetric
 * part counts. One direction for each eigenvalue that is not 0. A matrix that is not square or not finite is a
 * ValueError. */
EBB_API ebb_function *ebb_second_order(ebb_function *f, const ebb_wrt *wrt, ebb_tensor *a);

/* ---- linear functions ----
 *
 *     ebb_tensor *value;
 *     const ebb_operand at[] = {EBB_OPERAND(a), EBB_OPERAND(weights), EBB_OPERAND(target)};
 *     ebb_function *tangent = ebb_linearize(f, EBB_WRT(1), 3, at, 1, &value);          // runs f once
 *     ebb_print(stdout, ebb_call(tangent, ebb_ones(ebb, EBB_F64, EBB_SHAPE(3))));      // as often as wanted
 *     ebb_function *columns = ebb_vmap(tangent, NULL), *back = ebb_transpose_of(tangent, NULL);
 */

/* f and its derivative at one point: in[nin], each made by EBB_OPERAND(x). f runs once, its first nout results go to
 * out[nout]. The function that is given takes a tangent for each wrt, of its shape and dtype, and gives the tangent of
 * each result, as ebb_jvp does: what f has computed there, it has kept. It is a function as any other, with that
 * memory, until ebb_function_free; it is linear, so ebb_transpose_of makes cotangents of it. NULL after an error: those
 * of ebb_call and ebb_jvp; in the body of a traced function, where there are no values, a RuntimeError. */
#define ebb_linearize(f, wrt, nin, in, nout, out)                                                                      \
    ebb_linearize_at((f), (wrt), (nin), (in), (nout), (out), __FILE__, __LINE__)

/* The transpose of a function that is linear in its wrt. Arguments: f's, where those of wrt count by their types only,
 * then a cotangent for each result, of its shape and dtype. Results: for each wrt a tensor of its shape. A function
 * that is not linear is a ValueError of the call, which names the first operation that is not. */
EBB_API ebb_function *ebb_transpose_of(ebb_function *f, const ebb_wrt *wrt);

/* ---- many examples at once ----
 *
 *     ebb_function *each = ebb_grad(loss, EBB_WRT(0));                                   // one example's gradient
 *     ebb_function *all = ebb_vmap(each, &(ebb_vmap_options){.arguments = 2, .in_axes = (int[]){EBB_SAME, 0}});
 */

/* in_axes of an argument that is the same for all examples. */
#define EBB_SAME (-1)

/* What ebb_vmap may be told; axes count from 0. */
typedef struct ebb_vmap_options {
    /* [arguments]: the axis of each tensor argument where its examples lie, or EBB_SAME, as for arguments beyond these.
     * NULL: axis 0 of all. C numbers, variables and captured tensors are always the same for all. Copied. */
    const int *in_axes;
    int arguments;
    /* [results of f]: where the examples of each result shall lie. NULL: axis 0. Copied. */
    const int *out_axes;
} ebb_vmap_options;

/* f for many examples in one program. Arguments: f's, where those that have examples have one axis more. Results: f's,
 * with one axis more; what is the same for all examples is repeated. No loop over examples is run: each operation works
 * on all of them, but for random numbers whose keys differ. Random numbers drawn inside f are the same for all
 * examples. Differentiable as f is, and takes derivatives: ebb_vjp(ebb_vmap(...)), ebb_vmap(ebb_grad(...)); nest it for
 * several axes. NULL for a NULL f, negative `arguments`, or without memory. Errors in the first call: an argument
 * without that axis is an IndexError; different numbers of examples, none at all, or a variable assigned what differs
 * between examples, a ValueError. */
EBB_API ebb_function *ebb_vmap(ebb_function *f, const ebb_vmap_options *options);

#ifdef __cplusplus
}
#endif

#endif
