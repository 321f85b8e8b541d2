/* rules.c - the table of rules, pasted from ops.def, and the small words that both directions use. */
#include "dual/rules.h"

#include "dual/dual.h"

/* ---- the table ---- */

typedef struct rule { /* one of them, by family; none for families without a rule */
    ebb_partial_rule *partial;
    ebb_transpose_rule *transpose;
    ebb_choice_rule *choice;
} rule;

#define RULE_LEAF(name) {0}
#define RULE_STEP(name) {0}
#define RULE_LINEAR(name) {.transpose = transpose_##name}
#define RULE_BILINEAR(name) {.transpose = transpose_##name}
#define RULE_SMOOTH(name) {.partial = partial_##name}
#define RULE_SELECTION(name) {.choice = choice_##name}
#define RULE_MACRO(name) {0}
#define RULE_REGION(name) {0}

static const rule rules[EBB_OP_COUNT] = {
#define OP(name, family, access, arity, rule) [EBB_OP_##name] = RULE_##family(name),
#include "jit/graph/ops.def"
#undef OP
};

/* ---- mutants ---- */

int ebb_dual_mutate = -1;

static bool has_rule(int op) { return rules[op].partial || rules[op].transpose || rules[op].choice; }

static int rules_before(int end) {
    int count = 0;
    for (int op = 0; op < end; op++)
        count += has_rule(op);
    return count;
}

int ebb_dual_rules(void) { return rules_before(EBB_OP_COUNT); }

static bool mutant(ebb_op op) { return ebb_dual_mutate >= 0 && ebb_dual_mutate == rules_before((int)op); }

ebb_id ebb_partial(ebb_builder *b, const ebb_primal *p, int i) {
    ebb_id d = rules[p->op].partial(b, p, i);
    return mutant(p->op) ? ebb_g_neg(b, d) : d;
}

ebb_id ebb_transposed(ebb_builder *b, const ebb_primal *p, ebb_id ct, int i) {
    ebb_id back = rules[p->op].transpose(b, p, ct, i);
    return mutant(p->op) ? ebb_g_neg(b, back) : back;
}

/* The wrong sign of a predicate is its opposite. */
ebb_id ebb_choice(ebb_builder *b, const ebb_primal *p) {
    ebb_id first = rules[p->op].choice(b, p);
    return mutant(p->op) ? ebb_g_logical_not(b, first) : first;
}

/* ---- words ---- */

ebb_primal ebb_primal_of(const ebb_graph *g, ebb_id y) {
    ebb_primal p = {.op = ebb_op_of(g, y), .arity = g->node[y].arity, .y = y};
    const ebb_id *x = ebb_operands(g, y);
    for (int i = 0; i < p.arity && i < 3; i++)
        p.x[i] = x[i];
    return p;
}

ebb_id ebb_apply(ebb_builder *b, const ebb_primal *p, const ebb_id *x) {
    ebb_application app = ebb_application_of(b->graph, p->y);
    return ebb_derive(b->graph, &app, p->arity, x);
}

ebb_id ebb_present(ebb_builder *b, ebb_id t, ebb_id like) { return t == EBB_ABSENT ? ebb_g_full_like(b, like, 0) : t; }

/* In halves, so that each row is copied log(rows) times. */
ebb_id ebb_stack(ebb_builder *b, int rows, ebb_id *row) {
    for (int height = 1; height < rows; height *= 2)
        for (int k = 0; k + height < rows; k += 2 * height)
            row[k] = ebb_g_concat(b, row[k], row[k + height], 0);
    return row[0];
}

ebb_id ebb_move_axis(ebb_builder *b, ebb_id x, int from, int to) {
    int64_t perm[EBB_MAX_RANK];
    if (x == EBB_POISON) return x;
    int rank = ebb_shape_of(b->graph, x)->rank;
    for (int i = 0, k = 0; i < rank; i++) {
        if (k == from) k++;
        perm[i] = i == to ? from : k++;
    }
    return ebb_g_transpose(b, x, perm);
}
