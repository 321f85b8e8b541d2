/* ebb_check.h - section 9 of the tutorial in ebb.h, continued: are these derivatives true? */
#ifndef EBB_CHECK_H
#define EBB_CHECK_H

#include "ebb.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- checking derivatives ----
 *
 *     static void root_rule(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
 *         (void)ebb, (void)data;
 *         out[0] = ebb_div(in[2], in[1]);                    // in: x, y = sqrt(x), the tangent of x; a 2 is missing
 *     }
 *
 *     ebb_function *mine = ebb_custom_jvp(root_of, ebb_function_new(ebb, root_rule, NULL));
 *     ebb_check_report r = ebb_check_derivatives(mine, NULL, ebb_scalar(ebb, 4.0));
 *     if (!r.good) puts(r.message);    // order 1, forward: the derivative of result 0 in argument 0 is 0.5, by
 *                                      // differences 0.25; the rule root_rule of root_of is not true
 *
 * The derivatives of a program follow from those of its operations, which the library's own tests compare with
 * quadruple precision. What may be wrong is a rule of one's own, or the belief that a function is smooth where it is
 * not. Both are seen at a point, along a few random directions v and with random weights u of the results, in three
 * ways: forward mode gives J v, reverse mode J' u, and <u, J v> = <J' u, v>; differences of the values give J v too.
 * Second order: the tangent of the gradient, the gradient of the tangent, and differences of the gradient.
 *
 * Differences are extrapolated to step 0 from ten steps on either side, from an eighth of an element's size down to a
 * two-millionth (f32: a four-thousandth), by the table that estimates its own error (Richardson 1911; Ridders, Adv.
 * Eng. Softw. 4, 1982). Only what is further off than that error counts. Where the slopes from the left and from the
 * right differ (f32: by a tenth), or one does not settle, there is no derivative: that is told, and not compared. In
 * f32, second derivatives of numbers that have lost most of their digits may look so. A program with
 * ebb_stop_gradient has derivatives that are not those of its values, and fails. */

/* What it is told; NULL or zeros: the defaults. */
typedef struct ebb_check_options {
    /* Which arguments, and how many results are auxiliary. NULL: all real tensor arguments, and all real variables that
     * the function uses. */
    const ebb_wrt *wrt;
    /* 1: first derivatives only. Default: 2. */
    int order;
    /* Random directions; default 3. */
    int directions;
    /* Of the random numbers; default 0. */
    uint64_t seed;
    /* How far a derivative and differences may be apart, relative; default 1e-6, 1e-2 if there is anything of f32. Two
     * modes may be apart by ten times the root of the machine's epsilon. */
    double tolerance;
} ebb_check_options;

/* One element of what is differentiated in. */
typedef struct ebb_check_spot {
    /* The argument; -1: the variable, borrowed. */
    int argument;
    const ebb_tensor *variable;
    /* In row-major order. */
    int64_t element;
} ebb_check_spot;

/* A derivative: of a result's element in an element; in order 2 of the weighted sum of all results in two elements
 * (weight 1 if there is one number only). */
typedef struct ebb_check_place {
    int order;
    int result;
    int64_t result_element;
    ebb_check_spot in, and_in; /* and_in: order 2 */
    /* What the mode says, and what it was compared with; of what has no derivative, the slopes from the left and from
     * the right, NaN where that does not settle. */
    double derivative, expected;
} ebb_check_place;

/* One comparison. */
typedef struct ebb_check_line {
    /* "reverse", "differences": static strings. */
    const char *what, *against;
    int order;
    /* The largest relative error, how large it may be, and how many numbers were compared: 0 where nothing could be. */
    double error, tolerance;
    int64_t compared;
    /* Why this mode cannot be, as of a rule that is not linear; "": it can. */
    char refusal[200];
} ebb_check_line;

typedef struct ebb_check_report {
    /* False after an error; then nothing else is set. */
    bool done;
    /* Something was compared, and all of it agrees. */
    bool good;
    /* The comparisons, and the first of them that fails, -1: none; the place is where it fails. */
    int lines, worst;
    ebb_check_line line[5];
    ebb_check_place place;
    /* The rule of one's own that is not true, if it can be told: its name and that of its function, cut if they are
     * longer. Else "". */
    char rule[64], rule_of[64];
    /* How many numbers have no derivative along some direction, and where the first is. */
    int64_t kinks;
    ebb_check_place kink;
    /* All of it in words, cut if it is longer. */
    char message[640];
} ebb_check_report;

/* Compares f's derivatives at these arguments, in each mode, with each other and with differences. Runs f's program
 * some twenty times for each direction, and some forty for each halving on the way to the place of an error; takes 400
 * bytes for each element of results and arguments. Changes nothing: variables keep their values, and random numbers are
 * the same in every run. Errors are those of ebb_call; a function without real results or arguments is a TypeError, in
 * the body of a traced function it is a RuntimeError, a negative number in options a ValueError. */
#define ebb_check_derivatives(f, options, ...)                                                                         \
    ebb_check_derivatives_at((f), (options), EBB_OPERANDS(__VA_ARGS__), __FILE__, __LINE__)

/* The same with an array: in[nin], each made by EBB_OPERAND(x). */
#define ebb_check_derivatives_n(f, options, nin, in)                                                                   \
    ebb_check_derivatives_at((f), (options), (nin), (in), __FILE__, __LINE__)

#ifdef __cplusplus
}
#endif

#endif
