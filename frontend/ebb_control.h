/* ebb_control.h - section 12 of the tutorial in ebb.h: branches and loops whose course depends on tensors. */
#ifndef EBB_CONTROL_FLOW_H
#define EBB_CONTROL_FLOW_H

#include "ebb.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------- 12. Branches and loops ----
 *
 *     static void unfinished(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
 *         (void)ebb, (void)data;
 *         out[0] = ebb_gt(ebb_abs(ebb_sub(ebb_square(in[0]), in[1])), 1e-12);         // x^2 is not a yet
 *     }
 *     static void newton(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
 *         (void)ebb, (void)data;
 *         out[0] = ebb_mul(0.5, ebb_add(in[0], ebb_div(in[1], in[0])));
 *         out[1] = in[1];
 *     }
 *
 *     ebb_tensor *two = ebb_scalar(ebb, 2.0);
 *     ebb_print(stdout, ebb_while(ebb, unfinished, newton, NULL, two, two));
 *                                                // ebb.Tensor(1.414213562373095, shape=(), dtype=float64)
 *
 * The `if` and `for` of C run while a function is traced (section 8), when tensors have no values; what a value decides
 * is written with these. Eagerly they are an `if` and loops over the bodies. In a traced function each body runs once,
 * and becomes a function of the compiled program, which branches and loops by itself: neither the size of the program
 * nor the time to compile it depends on the number of iterations. They nest freely, in any order.
 *
 * Bodies are C functions as in section 8, and get `data`. Operands are tensors, variables, whose value now it is, and C
 * numbers, which have the dtype of the first real tensor among the operands, else i32, i64, bool or f32. Beside its
 * operands a body may use any tensor from outside. Variables are read and assigned in program order; in a traced
 * function those that some branch or iteration assigns are carried along with the rest, random generators too, so each
 * iteration draws fresh numbers. Results are temporaries, and never absent.
 *
 * Differentiable by tapes and by section 9, forward and in reverse, in any nesting. The reverse of a loop that is
 * compiled keeps the states of its iterations, or, where they are too many for checkpoint_bytes, some of them, and
 * computes the others again (Griewank and Walther, Algorithm 799: revolve, ACM TOMS 26, 2000): a while of a million
 * iterations needs no more memory than one of a thousand. How much is kept changes no number of the result. Where only
 * a condition knows the number of iterations, the whole budget is set aside, but no more of it touched than the
 * iterations need. In a traced function what only the branch not taken depends on has the derivative 0;
 * eagerly, as that branch did not run, a tape gives absent. State stops derivatives inside as outside; a tape around a
 * traced function counts for a variable the value that it had before a branch or loop, and after it.
 *
 * Errors, with the line of the call: a body that is NULL is a TypeError; a predicate or condition that is not bool [] a
 * TypeError; a result that a body leaves NULL, a state whose type a body changes, branches of different types (in a
 * traced function, where both are known), sequences of different lengths, a ValueError. An error in a body ends the
 * loop. A traced tensor of a body cannot be used outside of it. */

/* (ebb, predicate, then, otherwise, data, x...): the first result of `then` on the operands x, one to eight, if the
 * predicate is true, else of `otherwise`. Only that one runs. predicate [] bool, a tensor, variable or C bool. Each
 * body stores one result, both of the same dtype and shape. */
#define ebb_cond(ebb, predicate, then, otherwise, data, ...)                                                           \
    ebb_cond_at((ebb), EBB_OPERAND(predicate), (then), (otherwise), (data), EBB_OPERANDS(__VA_ARGS__), __FILE__,       \
                __LINE__)

/* (ebb, predicate, then, otherwise, data, nin, in, nout, out): the same with in[nin] and out[nout]; each body stores
 * nout results. EBB_OPERANDS(x, y) stands for `nin, in`, and EBB_NO_OPERANDS where there are none. */
#define ebb_cond_n(ebb, predicate, ...) ebb_cond_n_at((ebb), EBB_OPERAND(predicate), __VA_ARGS__, __FILE__, __LINE__)

/* No operands, as the two arguments `count, array`. */
#define EBB_NO_OPERANDS 0, ((const ebb_operand *)0)

/* (ebb, condition, body, data, state...): while the condition holds for the states, one to eight, the body makes new
 * ones of them. Gives the last value of the first state. The condition stores bool [] in out[0]; the body as many
 * results as there are states, each of its state's type. Both get the states. */
#define ebb_while(ebb, condition, body, data, ...)                                                                     \
    ebb_while_at((ebb), (condition), (body), (data), EBB_OPERANDS(__VA_ARGS__), __FILE__, __LINE__)

/* What loops may be told. */
typedef struct ebb_while_options {
    /* How many bytes of states the reverse mode of a compiled loop may keep; it keeps two states in any case. What is
     * derived of the loop, to any order, has the same budget for its own states. Negative: a ValueError. Default: 0,
     * 16 MiB. */
    int64_t checkpoint_bytes;
} ebb_while_options;

/* (ebb, condition, body, data, n, state, out, options): the same, for all of the states: out[n]. options may be NULL.
 *
 *     ebb_tensor *last[2];
 *     ebb_while_n(ebb, unfinished, newton, NULL, EBB_OPERANDS(two, two), last,
 *                 (&(ebb_while_options){.checkpoint_bytes = 1 << 10})); */
#define ebb_while_n(ebb, ...) ebb_while_n_at((ebb), __VA_ARGS__, __FILE__, __LINE__)

/* What ebb_scan may be told. */
typedef struct ebb_scan_options {
    /* How many iterations a scan without sequences has; with sequences it is their first size, and this 0 or the same,
     * else a ValueError. Default: 0. */
    int64_t trips;
    /* Begins with the last row. What is stacked stands in its row all the same. */
    bool reverse;
    /* As of ebb_while_options. */
    int64_t checkpoint_bytes;
} ebb_scan_options;

/* (ebb, body, data, EBB_OPERANDS(state, ...), EBB_OPERANDS(sequence, ...), outputs, out, options): row after row of
 * the sequences [trips, ...] the body makes new states. It gets the states, then a row of each sequence, and stores the
 * new states, of the same types, then `outputs` further results. out[] becomes the last states, then these results
 * stacked, [trips, ...]; for 0 iterations the body runs once, traced, to tell their types. options may be NULL. The
 * number of the iteration is a sequence, ebb_range.
 *
 *     static void swing(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
 *         (void)ebb, (void)data;
 *         out[1] = ebb_sub(in[1], ebb_mul(in[2], ebb_sin(in[0])));              // angle, speed, a step of time
 *         out[0] = out[2] = ebb_add(in[0], ebb_mul(in[2], out[1]));
 *     }
 *
 *     ebb_tensor *last[3], *steps = ebb_full(ebb, EBB_F64, EBB_SHAPE(3), 0.5);
 *     ebb_scan(ebb, swing, NULL, EBB_OPERANDS(ebb_scalar(ebb, 1.0), 0.0), EBB_OPERANDS(steps), 1, last, NULL);
 *     ebb_print(stdout, last[2]);                         // the angles, f64 [3]
 */
#define ebb_scan(ebb, ...) ebb_scan_at((ebb), __VA_ARGS__, __FILE__, __LINE__)

/* (ebb, body, data, x...): the body's result for each row of x [n, ...], one to eight of them, stacked: [n, ...]. */
#define ebb_map(ebb, body, data, ...) ebb_map_at((ebb), (body), (data), EBB_OPERANDS(__VA_ARGS__), __FILE__, __LINE__)

/* One state through the rows of one x [n, ...]: body(... body(body(initial, x[0]), x[1]) ..., x[n - 1]). ebb_scan has
 * options. */
#define ebb_fold(ebb, body, data, initial, x)                                                                          \
    ebb_fold_at((ebb), (body), (data), EBB_OPERAND(initial), EBB_OPERAND(x), __FILE__, __LINE__)

#ifdef __cplusplus
}
#endif

#endif
