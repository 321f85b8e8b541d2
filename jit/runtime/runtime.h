/* runtime.h - what running code calls: products, random numbers, gathers, and the pairwise tree of long sums.
 *
 * Native code and the evaluator call the very same routines, so they agree to the bit. Everything here is re-entrant,
 * takes no locks and allocates nothing. Start reading at ebb_rt_table. */
#ifndef EBB_RUNTIME_H
#define EBB_RUNTIME_H

#include "jit/graph/reduction.h"
#include "jit/graph/routine.h"

/* A routine: desc as ebb_describe wrote it, contiguous operands, contiguous result. Returns EBB_OK, or a code after
 * filling ebb_rt_fault. `in` and `out` never overlap, except that out may be in[0] of scatter_add and
 * scatter_max. in[EBB_SCRATCH]: memory of ebb_scratch bytes, if that is more than 0. */
typedef int ebb_rt_routine(const int64_t *desc, const void *const *in, void *out);

#define EBB_RT_SOURCE(name)
#define EBB_RT_POINT(name)
#define EBB_RT_VIEW(name)
#define EBB_RT_REDUCE(name)
#define EBB_RT_NESTED(name)
#define EBB_RT_NOWHERE(name)
#define EBB_RT_WHOLE(name) ebb_rt_routine ebb_rt_##name;
#define OP(name, family, access, arity, rule) EBB_RT_##access(name)
#include "jit/graph/ops.def"
#undef OP
ebb_rt_routine *ebb_rt_routine_of(ebb_op op); /* NULL if op is not WHOLE */

/* For routines that collect: adds n neighbouring elements to others. Not for bool. */
typedef void ebb_rt_combine(void *to, const void *from, int64_t n);
ebb_rt_combine *ebb_rt_adder(ebb_dtype dtype);

/* What went wrong last on this thread. */
typedef enum ebb_rt_reason {
    EBB_RT_OUTSIDE,      /* index `index` at `position` lies outside [0, size) */
    EBB_RT_SINGULAR,     /* matrix number `position` of the batch, of `size` rows: pivot `index` is 0 */
    EBB_RT_NOT_POSITIVE, /* its leading block of index + 1 rows is not positive definite */
    EBB_RT_NOT_FINITE,   /* its element number `index` is NaN or infinite */
    EBB_RT_NO_END,       /* the iteration does not converge */
} ebb_rt_reason;
typedef struct ebb_rt_fault_info {
    ebb_op op;
    ebb_rt_reason reason;
    int64_t position, index, size;
    int32_t node; /* native code: the node of its graph; 0: not known */
} ebb_rt_fault_info;
ebb_rt_fault_info *ebb_rt_fault(void);
/* Native code that gives up says at which node. */
void ebb_rt_fault_at(int32_t node);
/* "gather: index 5 at position 0 is outside [0, 3)"; gives text back. `macro`: what the user called instead, or 0. */
enum { EBB_RT_FAULT_TEXT = 200 };
const char *ebb_rt_fault_text(ebb_op macro, char text[EBB_RT_FAULT_TEXT]);

/* One block of the pairwise tree (reduction.h): pushes `lanes` numbers as block number `block` on `stack`
 * (64 * lanes numbers). dtype f32 or f64. */
void ebb_rt_push_f32(float *stack, int64_t block, const float *value, int64_t lanes);
void ebb_rt_push_f64(double *stack, int64_t block, const double *value, int64_t lanes);
/* What is left of `blocks` pushed blocks, added from the newest to the oldest, into `value`. */
void ebb_rt_pop_f32(const float *stack, int64_t blocks, float *value, int64_t lanes);
void ebb_rt_pop_f64(const double *stack, int64_t blocks, double *value, int64_t lanes);

/* Philox4x32-10 (Salmon et al. 2011): four words from a counter and a key. */
void ebb_rt_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* float to integer, saturating, NaN to 0: what cast does, for the evaluator. */
int32_t ebb_rt_to_i32(double x);
int64_t ebb_rt_to_i64(double x);

/* Every symbol that native code may call, by name: the engine gives these addresses to the linker. */
typedef struct ebb_rt_symbol {
    const char *name;
    void *address;
} ebb_rt_symbol;
extern const ebb_rt_symbol ebb_rt_table[]; /* ended by a NULL name */

#endif
