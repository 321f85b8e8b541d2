/* values.h - what the files of values and operations share among themselves, beside internal.h.
 *
 * Every public operation has the same three steps: find the context that its operands meet in, check them (an error, or
 * poison in, ends it), make shapes and numbers explicit; then ebb_dispatch. Start reading at ebb_operands_usable. */
#ifndef EBB_VALUES_H
#define EBB_VALUES_H

#include "frontend/internal.h"
#include "jit/eval/eval.h"

/* ---- operands (tensor.c) ---- */

/* The context of the first operand that has one, else ebb_current(). */
ebb_context *ebb_context_of(int n, ebb_tensor *const *x);
/* Can be used in `ebb`; else false, with an error that says "function: operand k ..." (none for poison); k from 1. */
bool ebb_operand_usable(ebb_context *ebb, const char *function, int k, const ebb_tensor *x, ebb_site site);
bool ebb_operands_usable(ebb_context *ebb, const char *function, int n, ebb_tensor *const *x, ebb_site site);
/* The operation's name in ebb.h, without "ebb_": "matmul" for dot (context.c). */
const char *ebb_op_public(ebb_op op);

/* ---- numbers (number.c) ---- */

bool ebb_number_fits(ebb_context *ebb, const char *function, ebb_operand number, ebb_dtype dtype, ebb_site site);
/* The number, if it fits, as a tensor: a constant node under a trace, else a value. */
ebb_tensor *ebb_number_tensor(ebb_context *ebb, const char *function, ebb_operand number, ebb_dtype dtype,
                              ebb_site site);

/* ---- shapes (shapes.c) ---- */

bool ebb_shape_given(ebb_context *ebb, const char *function, int rank, const int64_t *dims, ebb_shape *s,
                     ebb_site site);
/* NumPy's rule. */
bool ebb_shape_broadcast(const ebb_shape *a, const ebb_shape *b, ebb_shape *both);
/* Operations that give x itself if it has the shape already, or is poison. */
ebb_tensor *ebb_stretch(ebb_context *ebb, ebb_tensor *x, const ebb_shape *to, ebb_site site);
ebb_tensor *ebb_reshaped(ebb_context *ebb, ebb_tensor *x, const ebb_shape *to, ebb_site site);
/* Axis i of the result is axis perm[i] of x. */
ebb_tensor *ebb_permuted(ebb_context *ebb, ebb_tensor *x, int rank, const int64_t *perm, ebb_site site);
/* Every `step`-th of n elements of one axis, beginning at `from` (structure.c). */
ebb_tensor *ebb_part_of(ebb_context *ebb, ebb_tensor *x, int axis, int64_t from, int64_t step, int64_t n,
                        ebb_site site);
/* Part of a tensor: at[i] is the start on axis i, at[rank + i] its step; shape has the sizes. */
typedef struct ebb_block {
    ebb_shape shape;
    int64_t at[2 * EBB_MAX_RANK];
} ebb_block;
/* start : stop : step on a tensor of shape s, as Python reads them. */
bool ebb_slice_given(ebb_context *ebb, const char *function, const ebb_shape *s, const int64_t *start,
                     const int64_t *stop, const int64_t *step, ebb_block *block, ebb_site site);
/* An axis of x, counted from the end if negative; -1 and an IndexError if there is none. */
int ebb_axis_of(ebb_context *ebb, const char *function, const ebb_tensor *x, int axis, ebb_site site);
/* Plain axes in rising order, as the graph wants them; -1 if they are wrong. naxes -1: all (reductions.c). */
int ebb_axes_of(ebb_context *ebb, const char *function, const ebb_tensor *x, int naxes, const int *axes,
                int64_t *sorted, ebb_site site);

/* ---- execution (dispatch.c, expansions.c) ---- */

/* A trace or a tape wants to see every operation as it is. */
bool ebb_observed(const ebb_context *ebb);
/* Runs a primitive now, on operands that may be strided; nobody is shown it. */
ebb_tensor *ebb_run(ebb_context *ebb, const ebb_application *app, int narg, const ebb_type *type, const ebb_view *view);
ebb_tensor *ebb_run_macro(ebb_context *ebb, const ebb_application *app, int narg, ebb_tensor *const *arg);

/* ---- life ---- */

/* A variable in no list, references 1; NULL: no memory (variable.c). */
ebb_tensor *ebb_variable_new(ebb_context *ebb, const ebb_type *type, const void *data, const char *name, bool trainable,
                             ebb_site site);
/* For ebb_close, in this order; ebb_storage_trim at any time. */
void ebb_scopes_free(ebb_context *ebb);
void ebb_expansions_free(ebb_context *ebb);
void ebb_handles_free(ebb_context *ebb); /* after everything that holds a handle is gone */
void ebb_storage_trim(ebb_context *ebb); /* gives all free storage back */

/* ---- decimals (text.c): +-d.ddd times ten to the exponent ---- */

typedef struct ebb_decimal {
    const char *special; /* "nan", "inf"; else NULL */
    bool negative;
    int count, exponent; /* of digits; of ten, for the first digit */
    char digit[24];
} ebb_decimal;

/* Of an f32 or f64: rounded to so many digits, true if they read back exactly; and with the fewest that do. */
bool ebb_decimal_rounded(ebb_dtype dtype, const void *element, int digits, ebb_decimal *d);
void ebb_decimal_of(ebb_dtype dtype, const void *element, ebb_decimal *d);
/* "12.5", "3."; and "1.50e-07", "1.e-07", with so many digits after the point and in the exponent. Give the length. */
int ebb_decimal_plain(const ebb_decimal *d, char text[64]);
int ebb_decimal_scientific(const ebb_decimal *d, int precision, int exponent_digits, char text[64]);

#endif
