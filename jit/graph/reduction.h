/* reduction.h - the order in which sums are added, for everyone who adds: eval and lower.
 *
 * The tree is a function of the operation's logical operand shape and axes only (axes of size 1 are dropped first),
 * never of vector width, fusion or threads, so results agree to the bit between the evaluator and native code.
 *
 * Last axis reduced ("row sum"): there are EBB_SLOTS(dtype) interleaved slots, all starting at -0 (the identity of
 *   addition). Element j of the last axis is added to slot j % slots; rows (the other reduced indices in row-major
 *   order) are added one after another to the same slots. When a block is complete the slots are halved
 *   (slot[i] += slot[i + h], h = slots/2 ... 1) to one number. A block is EBB_BLOCK_ADDS additions per slot: with
 *   c = ceil(n_last / slots), if c >= EBB_BLOCK_ADDS a block is EBB_BLOCK_ADDS * slots elements of one row (the last
 * one of a row may be shorter, and a block never spans rows), else it is max(1, EBB_BLOCK_ADDS / c) whole rows. Last
 * axis kept ("column sum"): one accumulator per result element, starting at -0; blocks of EBB_BLOCK_ADDS reduced
 *   indices in row-major order, added one after another.
 * Blocks are combined pairwise as a binary counter does: block t is pushed; while t has trailing one bits the two top
 *   entries are added, older + newer; at the end what is left is added from the newest to the oldest, older + newer.
 * A sum over nothing is +0. Integer sums wrap; bool has none. max is exact in any order. */
#ifndef EBB_REDUCTION_H
#define EBB_REDUCTION_H

#define EBB_SLOT_BYTES 128
#define EBB_SLOTS(element_size) (EBB_SLOT_BYTES / (element_size)) /* f32, i32: 32; f64, i64: 16 */
#define EBB_BLOCK_ADDS 128

#endif
