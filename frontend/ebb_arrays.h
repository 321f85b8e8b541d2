/* ebb_arrays.h - section 6 of the tutorial in ebb.h, continued: operations on shapes and axes, products, indices. */
#ifndef EBB_ARRAYS_H
#define EBB_ARRAYS_H

#include "ebb.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- shapes ----
 * Operands are tensors, any unless it says otherwise; elements are moved, and derivatives move back. Axes count from 0,
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

/* x [a...,L,b...] -> [a...,n,size,b...], n = (L - 1 - (size - 1) dilation) / stride + 1: along `axis`, element
 * (i, j) is x's element i stride + j dilation. Windows may overlap; compiled, none is copied for an operation that
 * works element by element or sums. size, stride and dilation are at least 1; a window that does not fit in L is a
 * ValueError. any. The derivative adds up what was read several times, by ebb_overlap_add. */
#define ebb_windows(x, axis, size, stride, dilation)                                                                   \
    ebb_windows_at((x), (axis), (size), (stride), (dilation), __FILE__, __LINE__)

/* The way back, x [a...,n,k,b...] -> [a...,size,b...]: element l is the sum of all x's elements (i, j) on axes `axis`
 * and the next with i stride + j dilation = l, in the order of j; 0 if there are none. number. n has to be the number
 * of windows of k that `size` elements have. The derivative is ebb_windows. */
#define ebb_overlap_add(x, axis, size, stride, dilation)                                                               \
    ebb_overlap_add_at((x), (axis), (size), (stride), (dilation), __FILE__, __LINE__)

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

/* (x, q, EBB_AXES(...), keep), with a C number q from 0, the least, to 1, the largest; 0.5 is the median: of n sorted
 * elements the one at q (n - 1), and between two of them the straight line, as NumPy's default. NaN if there is a NaN,
 * and over nothing. real. The derivative goes to the one or two elements that the result is made of. */
#define ebb_quantile_over(x, q, ...) ebb_quantile_at((x), (q), __VA_ARGS__, __FILE__, __LINE__)

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

/* The k largest along `axis`, the largest first, x [a...,n,b...] -> [a...,k,b...]; where each one was, i64, is stored
 * in *indices, unless that is NULL. Equal ones keep their order, and NaN counts as the largest: the first index is
 * ebb_argmax. any; k is at most n, else a ValueError. The derivative goes back to where the elements were. */
#define ebb_top_k(x, k, axis, indices) ebb_top_k_at((x), (k), (axis), (indices), __FILE__, __LINE__)

/* Where values [b...,v...] belong in x [b...,n] of their dtype, rising along its last axis with NaN last, as ebb_sort
 * leaves it -> i64 [b...,v...], from 0 to n. It is the number of elements less than the value, so before equal ones; if
 * `right`, of those not greater, so after them. x [n] takes values of any shape. any. No derivative. */
#define ebb_searchsorted(x, values, right) ebb_searchsorted_at((x), (values), (right), __FILE__, __LINE__)

/* The different elements of x, of any shape, in rising order with one NaN last -> [size]; how many there are, i64 [],
 * is stored in *count, unless that is NULL. The size is the caller's, as a traced function needs sizes that do not
 * depend on values: of more elements the first `size` are given, and where there are fewer the last one is repeated.
 * Size -1 means as many as there are; in a traced function that is a ValueError. any. The derivative goes to the first
 * of equal elements. */
#define ebb_unique(x, size, count) ebb_unique_at((x), (size), (count), __FILE__, __LINE__)

/* ---- products and indices ---- */

/* x [b...,m,k] times y [b...,k,n] -> [b...,m,n]. number; batch axes b broadcast. A vector x [k] is a row and a vector
 * y [k] a column, whose axis of size 1 goes away again; a scalar is a ValueError. f32 and f64 are multiplied by the
 * serial OpenBLAS, the same routine eagerly and natively, but its last bits may depend on the CPU, and on whether an
 * operand is read transposed. */
#define ebb_matmul(x, y) ebb_matmul_at((x), (y), false, false, __FILE__, __LINE__)

/* The same with x given as [b...,k,m] if transpose_x, and y as [b...,n,k] if transpose_y. On vectors the
 * flags do nothing. */
#define ebb_matmul_with(x, y, transpose_x, transpose_y)                                                                \
    ebb_matmul_at((x), (y), (transpose_x), (transpose_y), __FILE__, __LINE__)

/* A sum of products by Einstein's rule, as numpy.einsum writes it: ebb_einsum("ij,jk->ik", x, y) is the product of two
 * matrices, "bij,bjk->bik" of batches, "ij->ji" a transpose, "ii->i" a diagonal, "ii" a trace, "i,j->ij" an outer
 * product. Each operand has a letter (a-z, A-Z) for each axis; equal letters are one index, of one size. The result has
 * the letters after "->"; without "->", those that appear once, in the order of ASCII. It sums over all others. "..."
 * is the remaining axes, which broadcast, and come first in a result without "->". Blanks mean nothing. 1 to 16
 * operands of one dtype, number. More than two are multiplied pair by pair, first the pair that needs the fewest
 * multiplications; pairs that share a summed letter, and have others each, by the routine of ebb_matmul. Derivatives of
 * every order. */
#define ebb_einsum(equation, ...)                                                                                      \
    ebb_einsum_at((equation), (int)(sizeof((ebb_tensor *[]){__VA_ARGS__}) / sizeof(ebb_tensor *)),                     \
                  ((ebb_tensor *[]){__VA_ARGS__}), __FILE__, __LINE__)

/* x [a...,n,b...] any, index [i...] i32 or i64 -> [a...,i...,b...]: slices of x along `axis`, the one of size n.
 * An index outside [0, n) is an IndexError, negative ones too. The derivative in x adds up what was taken several
 * times. */
#define ebb_gather(x, index, axis) ebb_gather_at((x), (index), (axis), __FILE__, __LINE__)

/* x [a...,n,b...] number with updates [a...,i...,b...], of its dtype, added where index [i...] says along `axis`;
 * equal indices add up in their order. Index and errors as ebb_gather. Differentiable in x and updates. */
#define ebb_scatter_add(x, index, updates, axis) ebb_scatter_add_at((x), (index), (updates), (axis), __FILE__, __LINE__)

/* Likewise the largest or the smallest of x and of the updates that are sent there, as ebb_max and ebb_min; all that
 * are equal to it share the derivative equally. */
#define ebb_scatter_max(x, index, updates, axis) ebb_scatter_max_at((x), (index), (updates), (axis), __FILE__, __LINE__)
#define ebb_scatter_min(x, index, updates, axis) ebb_scatter_min_at((x), (index), (updates), (axis), __FILE__, __LINE__)

/* Likewise with the updates written over x, any: of equal indices the last one stays. The derivative goes to what is
 * there in the end: to the last update, and to x where none was written. */
#define ebb_scatter_update(x, index, updates, axis)                                                                    \
    ebb_scatter_update_at((x), (index), (updates), (axis), __FILE__, __LINE__)

/* The same with indices of k axes: index [i...,k] i32 or i64 picks slices x[index[i..., 0], ..., index[i..., k-1]] of x
 * [d0,...,dk-1,r...] -> [i...,r...], and updates are [i...,r...]. k is at most the rank of x; 0 means all of x. Each
 * part of an index must be inside its axis, else an IndexError (of ebb_check_index, which looks at one part after the
 * other and says which of the slices it was). The sizes of x and of the index must be known. To scatter into zeros, as
 * TensorFlow's scatter_nd, let x be zeros. */
#define ebb_gather_nd(x, index) ebb_gather_nd_at((x), (index), __FILE__, __LINE__)
#define ebb_scatter_nd_add(x, index, updates) ebb_scatter_nd_add_at((x), (index), (updates), __FILE__, __LINE__)
#define ebb_scatter_nd_max(x, index, updates) ebb_scatter_nd_max_at((x), (index), (updates), __FILE__, __LINE__)
#define ebb_scatter_nd_min(x, index, updates) ebb_scatter_nd_min_at((x), (index), (updates), __FILE__, __LINE__)
#define ebb_scatter_nd_update(x, index, updates) ebb_scatter_nd_update_at((x), (index), (updates), __FILE__, __LINE__)

/* (x, start, EBB_SHAPE(...)): the block of that shape whose first element is x[start[0], start[1], ...]; start is i32
 * or i64 [rank of x]. And x with the block at start replaced by updates, of x's rank and dtype, any. A block that would
 * reach outside begins as near to start as fits, as XLA's does: no error. Its sizes must fit into x, else a ValueError,
 * and the sizes of x be known. The derivative goes where the elements are taken from. */
#define ebb_dynamic_slice(x, start, ...) ebb_dynamic_slice_at((x), (start), __VA_ARGS__, __FILE__, __LINE__)
#define ebb_dynamic_update(x, start, updates) ebb_dynamic_update_at((x), (start), (updates), __FILE__, __LINE__)

/* ---- networks ---- */

/* What a convolution may be told; a number left out (0) is what the comment says. The second ones are those of the
 * second spatial axis, for conv2d. */
typedef struct ebb_conv_options {
    int64_t stride[2];       /* from window to window; 1 */
    int64_t dilation[2];     /* from element to element of a window; 1 */
    int64_t low[2], high[2]; /* zeros before and after x: TensorFlow's "VALID" has none */
    bool same;               /* instead: as many as give ceil(size / stride) windows, half of them before: "SAME" */
    int64_t groups;          /* channels of x and of the result fall into so many parts, each for itself; 1 */
} ebb_conv_options;

/* Convolution as networks have it (cross-correlation), in the layout of tf.nn.conv2d: x [n,h,w,c] with filter
 * [kh,kw,c/groups,f] -> [n,oh,ow,f], oh = (low + h + high - 1 - (kh - 1) dilation) / stride + 1:
 *
 *     y[b,i,j,o] = sum over di,dj,q of x[b, i stride + di dilation - low, j ... - low, q] filter[di,dj,q,o]
 *
 * with q over the channels of o's group: ebb_conv2d(x, filter, &(ebb_conv_options){.stride = {2, 2}, .same = true}).
 * conv1d: x [n,w,c], filter [kw,c/groups,f] -> [n,ow,f]. number, both of one dtype; options may be NULL. It is one
 * product of ebb_matmul for each group, whose left operand is written out: all windows, n oh ow kh kw c elements, and
 * as many again for its derivatives in x. Sizes but n have to be known. A ValueError: a window that does not fit,
 * channels that the groups do not divide, negative numbers, `same` together with low or high. Derivatives of every
 * order in x and filter. */
#define ebb_conv1d(x, filter, ...) ebb_conv1d_at((x), (filter), __VA_ARGS__, __FILE__, __LINE__)
#define ebb_conv2d(x, filter, ...) ebb_conv2d_at((x), (filter), __VA_ARGS__, __FILE__, __LINE__)

/* What a pooling may be told, likewise. */
typedef struct ebb_pool_options {
    int64_t stride[2];       /* from window to window; the window's size */
    int64_t low[2], high[2]; /* padding before and after x, each less than the window (else ValueError); 0 */
    bool same;               /* instead: as for a convolution */
} ebb_pool_options;

/* The largest element, and the mean, of each window of x [n,h,w,c] -> [n,oh,ow,c], and x [n,w,c] -> [n,ow,c]. What is
 * padding counts neither in a maximum nor in a mean, as in TensorFlow. max: number; equal largest elements share the
 * derivative equally (TensorFlow gives it to the first); NaN propagates. average: real; does not overflow where it can
 * be represented. options may be NULL: then windows lie side by side. Derivatives of every order. */
#define ebb_max_pool1d(x, size, ...) ebb_max_pool1d_at((x), (size), __VA_ARGS__, __FILE__, __LINE__)
#define ebb_max_pool2d(x, height, width, ...) ebb_max_pool2d_at((x), (height), (width), __VA_ARGS__, __FILE__, __LINE__)
#define ebb_average_pool1d(x, size, ...) ebb_average_pool1d_at((x), (size), __VA_ARGS__, __FILE__, __LINE__)
#define ebb_average_pool2d(x, height, width, ...)                                                                      \
    ebb_average_pool2d_at((x), (height), (width), __VA_ARGS__, __FILE__, __LINE__)

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

#ifdef __cplusplus
}
#endif

#endif
