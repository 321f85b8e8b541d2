/* linearity.c - whether a program is linear in some of what it reads: node by node, and through regions.
 *
 * A node is linear if its operation is, in those operands that depend on x, and if the others are no constant part that
 * would make it affine. Of a region, all that it runs must be linear in the same sense, and what it decides by must not
 * depend on x at all. Start reading at ebb_is_linear. */
#include "dual/flow.h"
#include "dual/rules.h"

enum { ON = 1 };

typedef struct question { /* of one function */
    const ebb_graph *g;
    const uint8_t *mark;    /* [g->count] */
    const uint8_t *nonzero; /* [g->count]: it may be other than zero (zero.c) */
    int level;              /* how many regions it lies in */
    ebb_diag *diag;
} question;

typedef struct operands { /* of a region, or parameters of a function */
    uint8_t *on;          /* it depends on x */
    uint8_t *nonzero;
} operands;

static bool is_on(const question *q, ebb_id x) { return q->mark[x] & ON; }
static bool is_real(const question *q, ebb_id x) { return ebb_is_float(ebb_dtype_at(q->g, x)); }
static bool is_on_or_zero(const question *q, ebb_id x) { return is_on(q, x) || !q->nonzero[x]; }

/* ---- operations ---- */

static bool no_constant_part(const question *q, const ebb_primal *p) {
    for (int i = 0; i < p->arity; i++)
        if (is_real(q, p->x[i]) ? !is_on_or_zero(q, p->x[i]) : is_on(q, p->x[i])) return false;
    return is_real(q, p->y);
}

/* ---- regions ---- */

static bool is_linear_function(const question *q, const ebb_graph *f, const operands *x, const uint8_t *y);

static bool is_linear_cond(const question *q, const ebb_region *r, const operands *x, const uint8_t *y) {
    const operands taken = {x->on + 1, x->nonzero + 1};
    return !x->on[0] && is_linear_function(q, r->callee[0], &taken, y) &&
           is_linear_function(q, r->callee[1], &taken, y);
}

static bool is_linear_loop(const question *q, const ebb_region *r, const ebb_id *operand, const operands *x,
                           const uint8_t *y) {
    uint8_t end = 0;
    for (int s = 0; s < r->number[0]; s++) {
        if (y[s] && !is_on_or_zero(q, operand[s])) return false;
        x->on[s] |= y[s];
    }
    if (r->callee[1] && !ebb_flow_function(r->callee[1], x->on, &end, q->diag)) return false;
    return !end && is_linear_function(q, r->callee[0], x, y);
}

/* Back, the cotangents of states are handed on as states are. */
static bool is_linear_back(const question *q, const ebb_region *r, const ebb_id *operand, const operands *x,
                           uint8_t *y) {
    const ebb_graph *body = r->callee[0], *pullback = r->callee[2];
    uint8_t *on = x->on;
    int states = 0;
    for (int s = 0; s < r->number[0]; s++)
        states += ebb_is_float(ebb_dtype_at(body, body->input[s]));
    for (bool again = true; again;) {
        again = false;
        if (!ebb_flow_function(pullback, on, y, q->diag)) return false;
        for (int s = 0; s < states; s++) {
            bool more = y[s] && !on[body->inputs + s];
            if (more && !is_on_or_zero(q, operand[body->inputs + s])) return false;
            on[body->inputs + s] |= y[s];
            again |= more;
        }
    }
    return is_linear_function(q, pullback, x, y);
}

/* In states and cotangents together: the loop, as it runs forward first, then the way back. */
static bool is_linear_unloop(const question *q, const ebb_region *r, const ebb_id *operand, const operands *x) {
    const ebb_allocator *a = q->g->allocator;
    size_t forward = (size_t)r->callee[0]->outputs, back = (size_t)r->callee[2]->outputs;
    uint8_t *y = ebb_mem_new(a, forward + back + 1, sizeof *y);
    if (!y) return ebb_fail_memory(q->diag);
    bool ok = ebb_flow_loop(r, x->on, y, q->diag) && is_linear_loop(q, r, operand, x, y) &&
              is_linear_back(q, r, operand, x, y + forward);
    ebb_mem_free(a, y);
    return ok;
}

/* z: room for which results are zero. */
static bool ask_region(const question *q, const ebb_region *r, const ebb_id *operand, const operands *x, uint8_t *y,
                       uint8_t *z) {
    if (!ebb_flow_region(r, x->on, y, q->diag) || !ebb_nonzero_region(r, x->nonzero, z, q->level + 1, q->diag))
        return false;
    switch (r->op) {
    case EBB_OP_custom:
        return is_linear_function(q, r->callee[0], x, y);
    case EBB_OP_cond:
        return is_linear_cond(q, r, x, y);
    case EBB_OP_loop:
        return is_linear_loop(q, r, operand, x, y);
    case EBB_OP_unloop:
        return is_linear_unloop(q, r, operand, x);
    default:
        return false;
    }
}

static bool is_linear_region(const question *q, ebb_id id) {
    const ebb_region r = ebb_region_of(q->g, id);
    const ebb_id *operand = ebb_operands(q->g, id);
    const size_t n = (size_t)q->g->node[id].arity, m = (size_t)ebb_region_results(&r);
    uint8_t *all = ebb_mem_new(q->g->allocator, 2 * (n + m) + 1, sizeof *all);
    if (!all) return ebb_fail_memory(q->diag);
    const operands x = {all, all + n};
    for (size_t i = 0; i < n; i++) {
        x.on[i] = q->mark[operand[i]] & ON;
        x.nonzero[i] = q->nonzero[operand[i]];
    }
    bool ok = ask_region(q, &r, operand, &x, all + 2 * n, all + 2 * n + m);
    ebb_mem_free(q->g->allocator, all);
    return ok;
}

/* ---- any node that depends on x ---- */

/* A linear system is linear in its right side, which comes last. */
static bool is_on_last_alone(const question *q, const ebb_primal *p) {
    for (int i = 0; i < p->arity - 1; i++)
        if (is_on(q, p->x[i])) return false;
    return true;
}

/* Of each product one factor, and only one: else there would be a constant part. */
static bool is_linear_sum(const question *q, ebb_id id) {
    const ebb_id *x = ebb_operands(q->g, id);
    for (int i = 0; i < q->g->node[id].arity; i += 2) {
        bool nothing = !q->nonzero[x[i]] || !q->nonzero[x[i + 1]];
        if (is_on(q, x[i]) == is_on(q, x[i + 1]) && !nothing) return false;
    }
    return true;
}

static bool is_linear_node(const question *q, ebb_id id) {
    ebb_primal p = ebb_primal_of(q->g, id);
    switch (ebb_op_table[p.op].family) {
    case EBB_LEAF:
        return p.op == EBB_OP_input;
    case EBB_LINEAR:
        return no_constant_part(q, &p);
    case EBB_BILINEAR:
        return !(is_on(q, p.x[0]) && is_on(q, p.x[1]));
    case EBB_PRODUCTS:
        return is_linear_sum(q, id);
    case EBB_SMOOTH:
        return p.op == EBB_OP_div && !is_on(q, p.x[1]); /* in its numerator */
    case EBB_IMPLICIT:
        return ebb_is_system(p.op) && is_on_last_alone(q, &p);
    case EBB_REGION:
        return p.op == EBB_OP_get ? is_real(q, id) : is_linear_region(q, id);
    case EBB_STEP:
    case EBB_SELECTION:
    case EBB_MACRO:
        return false;
    }
    return false;
}

static bool is_linear(const question *q, int m, const ebb_id *y, ebb_id *where, int *result) {
    for (*where = 1; *where < q->g->count; ++*where)
        if (is_on(q, *where) && !is_linear_node(q, *where)) return false;
    *where = EBB_ABSENT;
    for (*result = 0; *result < m; ++*result)
        if (y[*result] != EBB_ABSENT && !is_on_or_zero(q, y[*result])) return false;
    return true;
}

/* nonzero: of g's parameters; NULL: of all. */
static bool ask(const ebb_graph *g, int level, int n, const ebb_id *x, const uint8_t *nonzero, int m, const ebb_id *y,
                ebb_id *where, int *result, ebb_diag *diag) {
    const size_t count = (size_t)g->count;
    uint8_t *mark = ebb_mem_new(g->allocator, 2 * count, sizeof *mark), *other = mark ? mark + count : NULL;
    *where = EBB_ABSENT;
    *result = 0;
    if (!mark) return ebb_fail_memory(diag);
    for (int i = 0; i < n; i++)
        mark[x[i]] = ON;
    for (int32_t k = 0; k < g->inputs; k++)
        other[g->input[k]] = nonzero ? nonzero[k] : 1;
    bool ok = ebb_flow(g, mark, diag) && ebb_nonzero(g, other, level, diag) &&
              is_linear(&(question){g, mark, other, level, diag}, m, y, where, result);
    ebb_mem_free(g->allocator, mark);
    return ok;
}

bool ebb_is_linear(const ebb_graph *g, int n, const ebb_id *x, int m, const ebb_id *y, ebb_id *where, int *result,
                   ebb_diag *diag) {
    return ask(g, 0, n, x, NULL, m, y, where, result, diag);
}

/* Results with y[j] must depend on x linearly, or be zero; what becomes of others is of no interest. */
static bool is_linear_function(const question *q, const ebb_graph *f, const operands *x, const uint8_t *y) {
    size_t n = (size_t)f->inputs, m = (size_t)f->outputs;
    ebb_id where, *id = ebb_mem_new(f->allocator, n + m + 1, sizeof *id);
    if (!id) return ebb_fail_memory(q->diag);
    int on = 0, result;
    for (size_t k = 0; k < n; k++)
        if (x->on[k]) id[on++] = f->input[k];
    for (size_t j = 0; j < m; j++)
        id[n + j] = y[j] ? f->output[j] : EBB_ABSENT;
    bool ok = ask(f, q->level + 1, on, id, x->nonzero, (int)m, id + n, &where, &result, q->diag);
    ebb_mem_free(f->allocator, id);
    return ok;
}
