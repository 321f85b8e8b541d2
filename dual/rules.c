/* rules.c - the table of rules, pasted from ops.def, and the small words that both directions use. */
#include "dual/rules.h"

#include "dual/mutate.h"

/* ---- the table ---- */

typedef struct rule { /* one of them, by family; none for families without a rule */
    ebb_partial_rule *partial;
    ebb_transpose_rule *transpose;
    ebb_choice_rule *choice;
    ebb_residual_rule *residual;
    ebb_solve_rule *solve;
    ebb_back_rule *back;
} rule;

#define RULE_LEAF(name) {0}
#define RULE_STEP(name) {0}
#define RULE_LINEAR(name) {.transpose = transpose_##name}
#define RULE_BILINEAR(name) {.transpose = transpose_##name}
#define RULE_PRODUCTS(name) {0} /* those of the product */
#define RULE_SMOOTH(name) {.partial = partial_##name}
#define RULE_SELECTION(name) {.choice = choice_##name}
#define RULE_IMPLICIT(name) {.residual = residual_##name, .solve = solve_##name, .back = back_##name}
#define RULE_MACRO(name) {0}
#define RULE_REGION(name) {0}

static const rule rules[EBB_OP_COUNT] = {
#define OP(name, family, access, arity, rule) [EBB_OP_##name] = RULE_##family(name),
#include "jit/graph/ops.def"
#undef OP
};

/* ---- asking, where a test may have one rule give the wrong sign (mutate.h) ---- */

#ifdef EBB_MUTATE
ebb_mutant ebb_dual_mutate;

static ebb_id asked(ebb_builder *b, ebb_op op, int i, ebb_id answer) {
    ebb_mutant *m = &ebb_dual_mutate;
    if (m->op != op || m->operand != i || answer <= EBB_ABSENT) return answer;
    m->asked++;
    bool predicate = ebb_dtype_at(b->graph, answer) == EBB_BOOL; /* its wrong sign is its opposite */
    return predicate ? ebb_g_logical_not(b, answer) : ebb_g_neg(b, answer);
}
#else
#define asked(b, op, i, answer) (answer)
#endif

ebb_id ebb_partial(ebb_builder *b, const ebb_primal *p, int i) {
    return asked(b, p->op, i, rules[p->op].partial(b, p, i));
}

ebb_id ebb_transposed(ebb_builder *b, const ebb_primal *p, ebb_id ct, int i) {
    return asked(b, p->op, i, rules[p->op].transpose(b, p, ct, i));
}

ebb_id ebb_choice(ebb_builder *b, const ebb_primal *p) { return asked(b, p->op, 0, rules[p->op].choice(b, p)); }

/* Without identities: they look through the operands, and what is asked of F is how it hangs on just these. */
int ebb_residual(ebb_builder *b, const ebb_primal *p, ebb_id *part) {
    const uint32_t before = b->graph->without;
    b->graph->without |= EBB_NO_IDENTITIES;
    int parts = rules[p->op].residual(b, p, part);
    b->graph->without = before;
    return parts;
}

/* A mutant of an equation is about its solution (operand 0), or about that turned round (operand 1). */
ebb_id ebb_solve_residual(ebb_builder *b, const ebb_primal *p, const ebb_id *r) {
    return asked(b, p->op, 0, rules[p->op].solve(b, p, r));
}

bool ebb_solve_back(ebb_builder *b, const ebb_primal *p, ebb_id ct, int parts, const ebb_id *part, ebb_id *u) {
    if (!rules[p->op].back(b, p, ct, parts, part, u)) return false;
    for (int i = 0; i < parts; i++)
        u[i] = asked(b, p->op, 1, u[i]);
    return true;
}

/* ---- words ---- */

ebb_primal ebb_primal_of(const ebb_graph *g, ebb_id y) {
    ebb_primal p = {.op = ebb_op_of(g, y), .arity = g->node[y].arity, .y = y};
    const ebb_id *x = ebb_operands(g, y);
    for (int i = 0; i < p.arity && i < 3; i++)
        p.x[i] = x[i];
    return p;
}

ebb_primal ebb_pair_of(const ebb_graph *g, ebb_id y, int k) {
    const ebb_id *x = ebb_operands(g, y) + 2 * k;
    return (ebb_primal){.op = ebb_product_of(ebb_op_of(g, y)), .arity = 2, .x = {x[0], x[1]}, .y = y};
}

ebb_builder ebb_builder_for(ebb_graph *g, ebb_id id, ebb_part derivative) {
    ebb_builder b = {g, g->site[id]};
    b.site.part = ebb_part_inside(b.site.part, derivative);
    return b;
}

ebb_id ebb_apply(ebb_builder *b, const ebb_primal *p, const ebb_id *x) {
    ebb_application app = ebb_application_of(b->graph, p->y);
    app.site = b->site;
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
