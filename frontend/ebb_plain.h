/* ebb_plain.h - the plain functions behind the macros of ebb.h: for other languages, and what the macros are made of.
 *
 * Each does what the macro of its name says in ebb.h. The arguments are the macro's: EBB_SHAPE is `rank, dims`,
 * EBB_AXES is `naxes, axes`, an operand is an ebb_operand. Last come `file` and `line`, which errors show; `file` may
 * be NULL, else it must live as long as the context, as a string literal does. Where C has ebb_add(x, 2), C++ has
 *
 *     ebb_tensor *y = ebb_add_at(ebb_operand_tensor(x), ebb_operand_int(2), __FILE__, __LINE__);
 *
 * C programs include ebb.h, and need nothing from here by name but EBB_OPERAND. */
#ifndef EBB_PLAIN_H
#define EBB_PLAIN_H

#include "ebb.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------- Operands ---- */

/* A tensor, or a number that takes its dtype from the tensor it meets. Passed by value; a tensor in it is borrowed. */
typedef struct ebb_operand {
    /* NULL for a number. */
    ebb_tensor *tensor;
    /* Of the number: which C type it had. EBB_NONE for a tensor. */
    ebb_dtype dtype;
    /* `real` for EBB_F32 and EBB_F64, `integer` for the others. */
    union {
        double real;
        int64_t integer;
    } number;
} ebb_operand;

/* A tensor or variable as operand. */
static inline ebb_operand ebb_operand_tensor(ebb_tensor *x) {
    ebb_operand o = {x, EBB_NONE, {0}};
    return o;
}
/* An operand as operand. */
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
/* Numbers as operands: bool, i32, i64, f32, f64. */
static inline ebb_operand ebb_operand_bool(bool v) { return ebb_operand_integer_(EBB_BOOL, v); }
static inline ebb_operand ebb_operand_int(int v) { return ebb_operand_integer_(EBB_I32, v); }
static inline ebb_operand ebb_operand_long(int64_t v) { return ebb_operand_integer_(EBB_I64, v); }
static inline ebb_operand ebb_operand_float(float v) { return ebb_operand_real_(EBB_F32, (double)v); }
static inline ebb_operand ebb_operand_double(double v) { return ebb_operand_real_(EBB_F64, v); }

/* ---------------------------------------------------------------- What the macros are made of (C only) ---- */

/* A C number as an operand. */
#define EBB_NUMBER(x)                                                                                                  \
    _Generic((x),                                                                                                      \
        bool: ebb_operand_bool,                                                                                        \
        int: ebb_operand_int,                                                                                          \
        long: ebb_operand_long,                                                                                        \
        long long: ebb_operand_long,                                                                                   \
        float: ebb_operand_float,                                                                                      \
        double: ebb_operand_double)(x)

/* A tensor or C number as an operand, for arrays of them: ebb_operand in[] = {EBB_OPERAND(x), EBB_OPERAND(2)}. */
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

/* Does not compile unless x or y is a tensor or an ebb_operand. */
#define EBB_ONE_TENSOR(x, y) ((void)sizeof(char[EBB_IS_TENSOR_(x) || EBB_IS_TENSOR_(y) ? 1 : -1]))
#define EBB_IS_TENSOR_(x) _Generic((x), ebb_tensor *: 1, ebb_operand: 1, default: 0)

/* Operations by name, with the place where they are written. */
#define EBB_UNARY(op, x) ebb_##op##_at((x), __FILE__, __LINE__)
#define EBB_BINARY(op, x, y) (EBB_ONE_TENSOR(x, y), ebb_##op##_at(EBB_OPERAND(x), EBB_OPERAND(y), __FILE__, __LINE__))

/* EBB_OPERANDS(a, b, ...): `count, array` of one to eight operands. */
#define EBB_OPERANDS(...)                                                                                              \
    EBB_COUNT(__VA_ARGS__), ((const ebb_operand[]){EBB_JOIN(EBB_OPERANDS_, EBB_COUNT(__VA_ARGS__))(__VA_ARGS__)})
#define EBB_OPERANDS_1(a) EBB_OPERAND(a)
#define EBB_OPERANDS_2(a, ...) EBB_OPERAND(a), EBB_OPERANDS_1(__VA_ARGS__)
#define EBB_OPERANDS_3(a, ...) EBB_OPERAND(a), EBB_OPERANDS_2(__VA_ARGS__)
#define EBB_OPERANDS_4(a, ...) EBB_OPERAND(a), EBB_OPERANDS_3(__VA_ARGS__)
#define EBB_OPERANDS_5(a, ...) EBB_OPERAND(a), EBB_OPERANDS_4(__VA_ARGS__)
#define EBB_OPERANDS_6(a, ...) EBB_OPERAND(a), EBB_OPERANDS_5(__VA_ARGS__)
#define EBB_OPERANDS_7(a, ...) EBB_OPERAND(a), EBB_OPERANDS_6(__VA_ARGS__)
#define EBB_OPERANDS_8(a, ...) EBB_OPERAND(a), EBB_OPERANDS_7(__VA_ARGS__)
/* How many arguments, one to eight. */
#define EBB_COUNT(...) EBB_COUNT_(__VA_ARGS__, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define EBB_COUNT_(_1, _2, _3, _4, _5, _6, _7, _8, n, ...) n
/* a and b as one word, after their own macros. */
#define EBB_JOIN(a, b) EBB_JOIN_(a, b)
#define EBB_JOIN_(a, b) a##b

/* ---------------------------------------------------------------- 3. Making tensors ---- */

/* The number as a scalar of `dtype`, EBB_NONE: of its own. A tensor in it is a TypeError. */
EBB_API ebb_tensor *ebb_scalar_at(ebb_context *ebb, ebb_dtype dtype, ebb_operand number);
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

EBB_API ebb_tensor *ebb_random_truncated_normal_at(ebb_context *ebb, ebb_dtype dtype, int rank, const int64_t *dims,
                                                   double mean, double deviation, const char *file, int line);
EBB_API ebb_tensor *ebb_random_categorical_at(ebb_tensor *logits, int64_t n, const char *file, int line);
EBB_API ebb_tensor *ebb_random_permutation_at(ebb_context *ebb, int64_t n, const char *file, int line);
EBB_API ebb_tensor *ebb_random_shuffle_at(ebb_tensor *x, const char *file, int line);

/* ---------------------------------------------------------------- 5. Variables ---- */

/* `trainable` is what tells ebb_variable from ebb_variable_fixed. */
EBB_API ebb_tensor *ebb_variable_at(ebb_context *ebb, ebb_tensor *initial, const char *name, bool trainable,
                                    const char *file, int line);
EBB_API ebb_tensor *ebb_assign_at(ebb_tensor *v, ebb_operand x, const char *file, int line);
EBB_API ebb_tensor *ebb_assign_add_at(ebb_tensor *v, ebb_operand x, const char *file, int line);
EBB_API ebb_tensor *ebb_assign_sub_at(ebb_tensor *v, ebb_operand x, const char *file, int line);
EBB_API ebb_tensor *ebb_assign_item_at(ebb_tensor *v, int count, const int64_t *index, ebb_operand x, const char *file,
                                       int line);
EBB_API ebb_tensor *ebb_assign_slice_at(ebb_tensor *v, const int64_t *start, const int64_t *stop, const int64_t *step,
                                        ebb_operand x, const char *file, int line);

/* ---------------------------------------------------------------- 6. Operations ---- */

/* M(name) for every operation with one operand and no attributes, and for every one with two operands. */
/* clang-format off */
#define EBB_UNARY_LIST(M)                                                                                              \
    M(neg) M(abs) M(sign) M(exp) M(expm1) M(log) M(log1p) M(sqrt) M(square) M(recip) M(sin) M(cos) M(tan) M(asin)      \
    M(acos) M(atan) M(sinh) M(cosh) M(tanh) M(sigmoid) M(softplus) M(erf) M(relu) M(logical_not) M(stop_gradient)      \
    M(exp2) M(log2) M(log10) M(rsqrt) M(cbrt) M(asinh) M(acosh) M(atanh) M(erfc) M(lgamma) M(digamma) M(sinc)          \
    M(floor) M(ceil) M(round) M(trunc) M(bitwise_not) M(erfinv)
#define EBB_BINARY_LIST(M)                                                                                             \
    M(add) M(sub) M(mul) M(div) M(pow) M(max) M(min) M(eq) M(ne) M(lt) M(le) M(gt) M(ge) M(logical_and) M(logical_or)  \
    M(hypot) M(atan2) M(logaddexp) M(xlogy) M(polygamma) M(divide_no_nan) M(squared_difference) M(fmod) M(floormod)    \
    M(floordiv) M(bitwise_and) M(bitwise_or) M(bitwise_xor) M(shift_left) M(shift_right)
/* clang-format on */

/* ebb_neg_at, ebb_abs_at, ... */
#define EBB_DECLARE_(op) EBB_API ebb_tensor *ebb_##op##_at(ebb_tensor *x, const char *file, int line);
EBB_UNARY_LIST(EBB_DECLARE_)
#undef EBB_DECLARE_

/* ebb_add_at, ebb_sub_at, ... One operand must be a tensor: two numbers are a TypeError here. */
#define EBB_DECLARE_(op) EBB_API ebb_tensor *ebb_##op##_at(ebb_operand x, ebb_operand y, const char *file, int line);
EBB_BINARY_LIST(EBB_DECLARE_)
#undef EBB_DECLARE_

EBB_API ebb_tensor *ebb_select_at(ebb_tensor *c, ebb_operand x, ebb_operand y, const char *file, int line);
EBB_API ebb_tensor *ebb_clip_at(ebb_tensor *x, ebb_operand low, ebb_operand high, const char *file, int line);
EBB_API ebb_tensor *ebb_cast_at(ebb_tensor *x, ebb_dtype dtype, const char *file, int line);
EBB_API ebb_tensor *ebb_broadcast_to_at(ebb_tensor *x, int rank, const int64_t *dims, const char *file, int line);
EBB_API ebb_tensor *ebb_reshape_at(ebb_tensor *x, int rank, const int64_t *dims, const char *file, int line);
EBB_API ebb_tensor *ebb_transpose_at(ebb_tensor *x, int naxes, const int *perm, const char *file, int line);
EBB_API ebb_tensor *ebb_slice_at(ebb_tensor *x, const int64_t *start, const int64_t *stop, const int64_t *step,
                                 const char *file, int line);
EBB_API ebb_tensor *ebb_windows_at(ebb_tensor *x, int axis, int64_t size, int64_t stride, int64_t dilation,
                                   const char *file, int line);
EBB_API ebb_tensor *ebb_overlap_add_at(ebb_tensor *x, int axis, int64_t size, int64_t stride, int64_t dilation,
                                       const char *file, int line);
EBB_API ebb_tensor *ebb_pad_at(ebb_tensor *x, const int64_t *low, const int64_t *high, const char *file, int line);
EBB_API ebb_tensor *ebb_reverse_at(ebb_tensor *x, int naxes, const int *axes, const char *file, int line);
EBB_API ebb_tensor *ebb_concat_at(int n, ebb_tensor *const *x, int axis, const char *file, int line);
EBB_API ebb_tensor *ebb_stack_at(int n, ebb_tensor *const *x, int axis, const char *file, int line);
EBB_API void ebb_split_at(ebb_tensor *x, int n, int axis, ebb_tensor **parts, const char *file, int line);
EBB_API ebb_tensor *ebb_roll_at(ebb_tensor *x, int64_t shift, int axis, const char *file, int line);
EBB_API ebb_tensor *ebb_tile_at(ebb_tensor *x, const int64_t *times, const char *file, int line);
EBB_API ebb_tensor *ebb_repeat_at(ebb_tensor *x, int64_t n, int axis, const char *file, int line);
EBB_API ebb_tensor *ebb_tril_at(ebb_tensor *x, int64_t k, const char *file, int line);
EBB_API ebb_tensor *ebb_triu_at(ebb_tensor *x, int64_t k, const char *file, int line);
EBB_API ebb_tensor *ebb_diag_at(ebb_tensor *x, const char *file, int line);
EBB_API ebb_tensor *ebb_diag_part_at(ebb_tensor *x, const char *file, int line);
EBB_API ebb_tensor *ebb_one_hot_at(ebb_tensor *index, int64_t depth, ebb_dtype dtype, const char *file, int line);

/* naxes -1 and axes NULL: all axes. */
EBB_API ebb_tensor *ebb_sum_at(ebb_tensor *x, int naxes, const int *axes, bool keep, const char *file, int line);
EBB_API ebb_tensor *ebb_mean_at(ebb_tensor *x, int naxes, const int *axes, bool keep, const char *file, int line);
/* ebb_max_over. */
EBB_API ebb_tensor *ebb_reduce_max_at(ebb_tensor *x, int naxes, const int *axes, bool keep, const char *file, int line);
/* ebb_min_over, ebb_all_over, ebb_any_over. */
EBB_API ebb_tensor *ebb_reduce_min_at(ebb_tensor *x, int naxes, const int *axes, bool keep, const char *file, int line);
EBB_API ebb_tensor *ebb_reduce_all_at(ebb_tensor *x, int naxes, const int *axes, bool keep, const char *file, int line);
EBB_API ebb_tensor *ebb_reduce_any_at(ebb_tensor *x, int naxes, const int *axes, bool keep, const char *file, int line);
EBB_API ebb_tensor *ebb_prod_at(ebb_tensor *x, int naxes, const int *axes, bool keep, const char *file, int line);
EBB_API ebb_tensor *ebb_variance_at(ebb_tensor *x, int naxes, const int *axes, bool keep, const char *file, int line);
EBB_API ebb_tensor *ebb_deviation_at(ebb_tensor *x, int naxes, const int *axes, bool keep, const char *file, int line);
EBB_API ebb_tensor *ebb_logsumexp_at(ebb_tensor *x, int naxes, const int *axes, bool keep, const char *file, int line);
EBB_API ebb_tensor *ebb_norm_at(ebb_tensor *x, int naxes, const int *axes, bool keep, const char *file, int line);

EBB_API ebb_tensor *ebb_argmax_at(ebb_tensor *x, int axis, const char *file, int line);
EBB_API ebb_tensor *ebb_argmin_at(ebb_tensor *x, int axis, const char *file, int line);
EBB_API ebb_tensor *ebb_cumsum_at(ebb_tensor *x, int axis, const char *file, int line);
EBB_API ebb_tensor *ebb_cumprod_at(ebb_tensor *x, int axis, const char *file, int line);
EBB_API ebb_tensor *ebb_sort_at(ebb_tensor *x, int axis, const char *file, int line);
EBB_API ebb_tensor *ebb_argsort_at(ebb_tensor *x, int axis, const char *file, int line);
/* indices NULL: they are not wanted. */
EBB_API ebb_tensor *ebb_top_k_at(ebb_tensor *x, int64_t k, int axis, ebb_tensor **indices, const char *file, int line);
EBB_API ebb_tensor *ebb_searchsorted_at(ebb_tensor *x, ebb_tensor *values, bool right, const char *file, int line);
/* count NULL: it is not wanted. */
EBB_API ebb_tensor *ebb_unique_at(ebb_tensor *x, int64_t size, ebb_tensor **count, const char *file, int line);
EBB_API ebb_tensor *ebb_quantile_at(ebb_tensor *x, double q, int naxes, const int *axes, bool keep, const char *file,
                                    int line);
/* ebb_matmul_with: tx and ty are transpose_x and transpose_y. */
EBB_API ebb_tensor *ebb_matmul_at(ebb_tensor *x, ebb_tensor *y, bool tx, bool ty, const char *file, int line);
EBB_API ebb_tensor *ebb_solve_at(ebb_tensor *a, ebb_tensor *r, bool transpose_a, const char *file, int line);
EBB_API ebb_tensor *ebb_triangular_solve_at(ebb_tensor *a, ebb_tensor *r, const ebb_triangle *triangle,
                                            const char *file, int line);
EBB_API ebb_tensor *ebb_cholesky_at(ebb_tensor *a, const char *file, int line);
EBB_API ebb_tensor *ebb_inv_at(ebb_tensor *a, const char *file, int line);
EBB_API ebb_tensor *ebb_det_at(ebb_tensor *a, const char *file, int line);
/* What else there is may be NULL: it is not wanted. */
EBB_API ebb_tensor *ebb_slogdet_at(ebb_tensor *a, ebb_tensor **sign, const char *file, int line);
EBB_API ebb_tensor *ebb_qr_at(ebb_tensor *a, ebb_tensor **r, const char *file, int line);
EBB_API ebb_tensor *ebb_eigh_at(ebb_tensor *a, ebb_tensor **vectors, const char *file, int line);
EBB_API ebb_tensor *ebb_svd_at(ebb_tensor *a, ebb_tensor **u, ebb_tensor **v, const char *file, int line);
EBB_API ebb_tensor *ebb_einsum_at(const char *equation, int n, ebb_tensor *const *x, const char *file, int line);
EBB_API ebb_tensor *ebb_gather_at(ebb_tensor *x, ebb_tensor *index, int axis, const char *file, int line);
EBB_API ebb_tensor *ebb_scatter_add_at(ebb_tensor *x, ebb_tensor *index, ebb_tensor *updates, int axis,
                                       const char *file, int line);
EBB_API ebb_tensor *ebb_scatter_max_at(ebb_tensor *x, ebb_tensor *index, ebb_tensor *updates, int axis,
                                       const char *file, int line);
EBB_API ebb_tensor *ebb_scatter_min_at(ebb_tensor *x, ebb_tensor *index, ebb_tensor *updates, int axis,
                                       const char *file, int line);
EBB_API ebb_tensor *ebb_scatter_update_at(ebb_tensor *x, ebb_tensor *index, ebb_tensor *updates, int axis,
                                          const char *file, int line);
EBB_API ebb_tensor *ebb_dynamic_slice_at(ebb_tensor *x, ebb_tensor *start, int rank, const int64_t *dims,
                                         const char *file, int line);
EBB_API ebb_tensor *ebb_dynamic_update_at(ebb_tensor *x, ebb_tensor *start, ebb_tensor *updates, const char *file,
                                          int line);
EBB_API ebb_tensor *ebb_gather_nd_at(ebb_tensor *x, ebb_tensor *index, const char *file, int line);
EBB_API ebb_tensor *ebb_scatter_nd_add_at(ebb_tensor *x, ebb_tensor *index, ebb_tensor *updates, const char *file,
                                          int line);
EBB_API ebb_tensor *ebb_scatter_nd_max_at(ebb_tensor *x, ebb_tensor *index, ebb_tensor *updates, const char *file,
                                          int line);
EBB_API ebb_tensor *ebb_scatter_nd_min_at(ebb_tensor *x, ebb_tensor *index, ebb_tensor *updates, const char *file,
                                          int line);
EBB_API ebb_tensor *ebb_scatter_nd_update_at(ebb_tensor *x, ebb_tensor *index, ebb_tensor *updates, const char *file,
                                             int line);
EBB_API ebb_tensor *ebb_conv1d_at(ebb_tensor *x, ebb_tensor *filter, const ebb_conv_options *options, const char *file,
                                  int line);
EBB_API ebb_tensor *ebb_conv2d_at(ebb_tensor *x, ebb_tensor *filter, const ebb_conv_options *options, const char *file,
                                  int line);
EBB_API ebb_tensor *ebb_max_pool1d_at(ebb_tensor *x, int64_t size, const ebb_pool_options *options, const char *file,
                                      int line);
EBB_API ebb_tensor *ebb_max_pool2d_at(ebb_tensor *x, int64_t height, int64_t width, const ebb_pool_options *options,
                                      const char *file, int line);
EBB_API ebb_tensor *ebb_average_pool1d_at(ebb_tensor *x, int64_t size, const ebb_pool_options *options,
                                          const char *file, int line);
EBB_API ebb_tensor *ebb_average_pool2d_at(ebb_tensor *x, int64_t height, int64_t width, const ebb_pool_options *options,
                                          const char *file, int line);
EBB_API ebb_tensor *ebb_softmax_at(ebb_tensor *x, int axis, const char *file, int line);
EBB_API ebb_tensor *ebb_log_softmax_at(ebb_tensor *x, int axis, const char *file, int line);
EBB_API ebb_tensor *ebb_sparse_softmax_cross_entropy_at(ebb_tensor *logits, ebb_tensor *labels, const char *file,
                                                        int line);

/* ---------------------------------------------------------------- 7. Gradients of what just ran ---- */

EBB_API void ebb_watch_at(ebb_tape *tape, ebb_tensor *x, const char *file, int line);
EBB_API ebb_tensor *ebb_gradient_at(ebb_tape *tape, ebb_tensor *y, ebb_tensor *x, const char *file, int line);
EBB_API void ebb_gradients_at(ebb_tape *tape, int ny, ebb_tensor *const *y, int nx, ebb_tensor *const *x,
                              ebb_tensor **gradients, const ebb_gradient_options *options, const char *file, int line);
EBB_API ebb_tape *ebb_forward_start_at(ebb_context *ebb, int n, ebb_tensor *const *primals, ebb_tensor *const *tangents,
                                       const char *file, int line);
/* `zeros` is what tells ebb_tangent_or_zeros from ebb_tangent. */
EBB_API ebb_tensor *ebb_tangent_at(ebb_tape *forward, ebb_tensor *y, bool zeros, const char *file, int line);
EBB_API ebb_tensor *ebb_jacobian_at(ebb_tape *tape, ebb_tensor *y, ebb_tensor *x, const char *file, int line);
EBB_API ebb_tensor *ebb_batch_jacobian_at(ebb_tape *tape, ebb_tensor *y, ebb_tensor *x, const char *file, int line);

/* ---------------------------------------------------------------- 8. Traced functions ---- */

EBB_API ebb_tensor *ebb_call_at(ebb_function *f, int nin, const ebb_operand *in, const char *file, int line);
EBB_API void ebb_call_n_at(ebb_function *f, int nin, const ebb_operand *in, int nout, ebb_tensor **out,
                           const char *file, int line);
EBB_API void ebb_call_concrete_at(ebb_concrete *c, int nin, const ebb_operand *in, int nout, ebb_tensor **out,
                                  const char *file, int line);
EBB_API const ebb_sparsity *ebb_sparsity_of_at(ebb_function *f, int nin, const ebb_operand *in, const char *file,
                                               int line);
EBB_API ebb_nan_origin ebb_find_nan_at(ebb_function *f, int nin, const ebb_operand *in, bool infinity, const char *file,
                                       int line);
EBB_API ebb_check_report ebb_check_derivatives_at(ebb_function *f, const ebb_check_options *options, int nin,
                                                  const ebb_operand *in, const char *file, int line);
EBB_API ebb_explanation ebb_explain_at(ebb_function *f, int nin, const ebb_operand *in, const char *file, int line);
EBB_API ebb_function *ebb_linearize_at(ebb_function *f, const ebb_wrt *wrt, int nin, const ebb_operand *in, int nout,
                                       ebb_tensor **out, const char *file, int line);
EBB_API ebb_concrete *ebb_get_concrete_at(ebb_function *f, int nin, const ebb_operand *in, const char *file, int line);

/* ---------------------------------------------------------------- 10. Optimizers ---- */

EBB_API void ebb_apply_gradients_at(ebb_optimizer *optimizer, int n, ebb_tensor *const *gradients,
                                    ebb_tensor *const *variables, const char *file, int line);
EBB_API ebb_tensor *ebb_minimize_at(ebb_optimizer *optimizer, ebb_body *loss, void *data, int n,
                                    ebb_tensor *const *variables, const char *file, int line);

EBB_API ebb_tensor *ebb_layer_call_at(ebb_layer *layer, ebb_tensor *x, const char *file, int line);

/* ---------------------------------------------------------------- 11. Files and expressions ---- */

EBB_API ebb_tensor *ebb_read_idx_at(ebb_context *ebb, const char *path, ebb_dtype dtype, const char *file, int line);
EBB_API ebb_function *ebb_expression_at(ebb_context *ebb, const char *text, int count, const char *const *names,
                                        const char *file, int line);

/* ---------------------------------------------------------------- 12. Branches and loops ---- */

EBB_API ebb_tensor *ebb_cond_at(ebb_context *ebb, ebb_operand predicate, ebb_body *then, ebb_body *otherwise,
                                void *data, int nin, const ebb_operand *in, const char *file, int line);
EBB_API void ebb_cond_n_at(ebb_context *ebb, ebb_operand predicate, ebb_body *then, ebb_body *otherwise, void *data,
                           int nin, const ebb_operand *in, int nout, ebb_tensor **out, const char *file, int line);
EBB_API ebb_tensor *ebb_while_at(ebb_context *ebb, ebb_body *condition, ebb_body *body, void *data, int n,
                                 const ebb_operand *state, const char *file, int line);
EBB_API void ebb_while_n_at(ebb_context *ebb, ebb_body *condition, ebb_body *body, void *data, int n,
                            const ebb_operand *state, ebb_tensor **out, const ebb_while_options *options,
                            const char *file, int line);
EBB_API void ebb_scan_at(ebb_context *ebb, ebb_body *body, void *data, int states, const ebb_operand *state,
                         int sequences, const ebb_operand *sequence, int outputs, ebb_tensor **out,
                         const ebb_scan_options *options, const char *file, int line);
EBB_API ebb_tensor *ebb_map_at(ebb_context *ebb, ebb_body *body, void *data, int n, const ebb_operand *x,
                               const char *file, int line);
EBB_API ebb_tensor *ebb_fold_at(ebb_context *ebb, ebb_body *body, void *data, ebb_operand initial, ebb_operand x,
                                const char *file, int line);

#ifdef __cplusplus
}
#endif

#endif
