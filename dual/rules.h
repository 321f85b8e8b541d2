/* rules.h - what dual/ knows about each operation: one derivative per row of ops.def, and its kind is the row's family.
 *
 * smooth.c writes partials, linear.c and bilinear.c transposes, selection.c choices, systems.c equations. Their names
 * are pasted from the rows here, so a forgotten rule does not link. forward.c and reverse.c turn the rules into
 * tangents and cotangents; they call them through the functions below, never by name.
 *
 * Invariant: a rule is asked only about operations with a float result, and only for operands that are float. Words,
 * here and in all of dual/: x operand, y result, t tangent, ct cotangent. */
#ifndef EBB_DUAL_RULES_H
#define EBB_DUAL_RULES_H

#include "jit/graph/build.h"

/* One application of an operation in the primal. A copy, as appending may move the graph's own nodes. */
typedef struct ebb_primal {
    ebb_op op;
    int arity;
    ebb_id x[3];
    ebb_id y;
    ebb_id further; /* the same a step further, where its slope is written in that and it is there (slopes.c) */
} ebb_primal;

/* SMOOTH: dy / dx[i], written in operands and result; of x[i]'s type, which mostly is y's. If it has more axes, y's
 * tangent is summed over the last ones. */
typedef ebb_id ebb_partial_rule(ebb_builder *b, const ebb_primal *p, int i);
/* LINEAR, BILINEAR: the cotangent of x[i], given y's. */
typedef ebb_id ebb_transpose_rule(ebb_builder *b, const ebb_primal *p, ebb_id ct, int i);
/* SELECTION: bool of x[0]'s shape, true where y was taken from x[0]. */
typedef ebb_id ebb_choice_rule(ebb_builder *b, const ebb_primal *p);

/* IMPLICIT: y is defined by F(x, y) = 0 (implicit.c). F has one part or several, nodes made of x and y; their number.
 * Its operations are linear or products, so that each order of F is linear in that order of y. */
enum { EBB_MOST_PARTS = 3 };
typedef int ebb_residual_rule(ebb_builder *b, const ebb_primal *p, ebb_id *part);
/* The dy with dF/dy dy = r, where r has the types of the parts, or is absent where it is 0; not all of it is. */
typedef ebb_id ebb_solve_rule(ebb_builder *b, const ebb_primal *p, const ebb_id *r);
/* That turned round: the cotangents u of r when dy has ct. */
typedef bool ebb_back_rule(ebb_builder *b, const ebb_primal *p, ebb_id ct, int parts, const ebb_id *part, ebb_id *u);

#define EBB_DECLARE_LEAF(name)
#define EBB_DECLARE_STEP(name)
#define EBB_DECLARE_LINEAR(name) ebb_transpose_rule transpose_##name;
#define EBB_DECLARE_BILINEAR(name) ebb_transpose_rule transpose_##name;
#define EBB_DECLARE_PRODUCTS(name)
#define EBB_DECLARE_SMOOTH(name) ebb_partial_rule partial_##name;
#define EBB_DECLARE_SELECTION(name) ebb_choice_rule choice_##name;
#define EBB_DECLARE_IMPLICIT(name)                                                                                     \
    ebb_residual_rule residual_##name;                                                                                 \
    ebb_solve_rule solve_##name;                                                                                       \
    ebb_back_rule back_##name;
#define EBB_DECLARE_MACRO(name)
#define EBB_DECLARE_REGION(name)
#define OP(name, family, access, arity, rule) EBB_DECLARE_##family(name)
#include "jit/graph/ops.def"
#undef OP

/* ---- asking for a rule (rules.c) ---- */
ebb_partial_rule ebb_partial;
ebb_transpose_rule ebb_transposed;
ebb_choice_rule ebb_choice;
ebb_residual_rule ebb_residual;
ebb_solve_rule ebb_solve_residual;
ebb_back_rule ebb_solve_back;

/* ---- what an equation means for derivatives (implicit.c) ---- */
int ebb_parts_of(const ebb_id *part); /* how many of EBB_MOST_PARTS there are */
/* What solves dF/dy t = -rest, where F's parts are rest without t. */
ebb_id ebb_implicit_tangent(ebb_builder *b, const ebb_primal *p, const ebb_id *part, const ebb_id *rest);
ebb_id ebb_implicit_cotangent(ebb_builder *b, const ebb_primal *p, ebb_id ct, int i);
bool ebb_is_system(ebb_op op);  /* a linear system: linear in its last operand, and its own solution */
ebb_back_rule ebb_turned_solve; /* a back rule, made by turning the solve rule round */

/* The nodes that some nodes are made of, in rising order: back to the operands and the result of p, where it ends, and
 * to `stop`; both belong to it too. */
enum { EBB_MOST_PATCH = 256 };
typedef struct ebb_patch {
    int count;
    ebb_id id[EBB_MOST_PATCH];
} ebb_patch;
bool ebb_patch_ends_at(const ebb_primal *p, ebb_id id);
bool ebb_patch_find(const ebb_graph *g, const ebb_primal *p, int nstop, const ebb_id *stop, int nto, const ebb_id *to,
                    ebb_patch *patch);

/* ---- what a linear operation means: itself, on tangents t[3], absent if all are (push.c) ---- */
ebb_id ebb_linear_tangent(ebb_builder *b, const ebb_primal *p, const ebb_id *t);

/* ---- what a choice means for derivatives (selection.c) ---- */
ebb_id ebb_choice_tangent(ebb_builder *b, const ebb_primal *p, const ebb_id *t);
ebb_id ebb_choice_cotangent(ebb_builder *b, const ebb_primal *p, ebb_id ct, int i);

/* What y's cotangent ct is for operand i, whatever its family (reverse.c). */
ebb_id ebb_pull(ebb_builder *b, const ebb_primal *p, ebb_id ct, int i);

/* ---- shared by both directions (rules.c, between.c) ---- */
ebb_primal ebb_primal_of(const ebb_graph *g, ebb_id y);
/* Of a sum of products, the k-th product as if it stood alone, with its result as y. Of a product: that itself, k 0. */
ebb_primal ebb_pair_of(const ebb_graph *g, ebb_id y, int k);
/* For what a derivative of this kind appends for node id: on its line, as part of the derivative. */
ebb_builder ebb_builder_for(ebb_graph *g, ebb_id id, ebb_part derivative);
ebb_id ebb_apply(ebb_builder *b, const ebb_primal *p, const ebb_id *x); /* the same operation on other operands */
ebb_id ebb_move_axis(ebb_builder *b, ebb_id x, int from, int to);       /* the other axes keep their order */
ebb_id ebb_stack(ebb_builder *b, int rows, ebb_id *row);   /* [1, ...] each, to [rows, ...]; uses up row[] */
ebb_id ebb_present(ebb_builder *b, ebb_id t, ebb_id like); /* t, or zeros of like's type if absent */

/* ---- derivatives that a selection let through: select(c, u, 0) (guard.c) ---- */
bool ebb_is_zero(const ebb_graph *g, ebb_id id);                         /* a constant 0, or many */
bool ebb_split_guard(ebb_builder *b, ebb_id t, ebb_id *c, ebb_id *u);    /* false: t is none, c and u stay */
ebb_id ebb_guarded(ebb_builder *b, ebb_id c, ebb_id t);                  /* t where c, else 0 */
ebb_id ebb_both_guards(ebb_builder *b, ebb_id c, ebb_id d);              /* the guard of what is under both */
ebb_id ebb_select_present(ebb_builder *b, ebb_id c, ebb_id s, ebb_id t); /* either may be absent */
ebb_id ebb_times(ebb_builder *b, ebb_id t, ebb_id d);                    /* t times slope d, under t's guard */
ebb_id ebb_times_both(ebb_builder *b, ebb_id s, ebb_id t);               /* either may be guarded */
ebb_id ebb_plus(ebb_builder *b, ebb_id s, ebb_id t);                     /* either may be absent */
ebb_id ebb_summed_like(ebb_builder *b, ebb_id t, ebb_id y);              /* over the last axes, which y lacks */
ebb_id ebb_laid_over(ebb_builder *b, ebb_id ct, ebb_id x);               /* the same turned round */

/* The nodes that a derivative of y in x passes through: marks for ids below *limit, one past the last y. The caller
 * frees them with the graph's allocator. moves[i] false: x[i] stays where it is; NULL: all move. NULL and an error if
 * there is no memory, or a macro or call among them. */
enum { EBB_IS_X = 1, EBB_FROM_X = 2, EBB_TO_Y = 4, EBB_BETWEEN = EBB_FROM_X | EBB_TO_Y };
uint8_t *ebb_between(const ebb_graph *g, int n, const ebb_id *x, const bool *moves, int m, const ebb_id *y,
                     ebb_id *limit);
static inline bool ebb_is_between(const uint8_t *mark, ebb_id id) { return (mark[id] & EBB_BETWEEN) == EBB_BETWEEN; }

/* True if every id names a node, and every t[k] that is there has node[k]'s type; `what` names t in messages. */
bool ebb_check_pairs(const ebb_graph *g, const char *what, int n, const ebb_id *node, const ebb_id *t);
bool ebb_check_ids(const ebb_graph *g, int n, const ebb_id *id);
bool ebb_check_order(const ebb_graph *g, int order); /* of a jet */

#endif
