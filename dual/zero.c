/* zero.c - what is zero whatever the other operands are: through operations, and through regions result by result.
 *
 * A mark says that a value may be other than zero. A product is zero if one of its factors is, what is linear if all
 * that it is linear in is, and a state of a loop if it begins so and, as long as it is, stays so: states have no mark
 * until something brings one. As everywhere where derivatives leave out zeros, 0 times infinity counts as 0.
 *
 * A fixpoint inside a fixpoint costs more with each level, so that regions deep inside others count as marked. Start
 * reading at ebb_nonzero. */
#include "dual/flow.h"
#include "dual/rules.h"

#include <string.h>

enum { MOST_DEEP = 4 };

/* Of what is linear in its real operands, or takes one of them; whole numbers made real may be any. */
static bool of_real_operands(const ebb_graph *g, const ebb_primal *p, const uint8_t *mark) {
    bool any = false, real = false;
    for (int i = 0; i < p->arity; i++) {
        if (!ebb_is_float(ebb_dtype_at(g, p->x[i]))) continue;
        real = true;
        any |= mark[p->x[i]];
    }
    return any || !real;
}

/* Of a node that is neither a parameter nor part of a region. */
static bool may_differ(const ebb_graph *g, ebb_id id, const uint8_t *mark) {
    const ebb_primal p = ebb_primal_of(g, id);
    switch (ebb_op_table[p.op].family) {
    case EBB_LINEAR:
    case EBB_SELECTION:
        return of_real_operands(g, &p, mark);
    case EBB_BILINEAR:
        return mark[p.x[0]] && mark[p.x[1]];
    case EBB_SMOOTH:
        return p.op != EBB_OP_div || mark[p.x[0]];
    case EBB_IMPLICIT:
        return !ebb_is_system(p.op) || mark[p.x[p.arity - 1]];
    default:
        return !ebb_is_zero(g, id);
    }
}

/* ---- regions ---- */

static bool of_function(const ebb_graph *f, const uint8_t *x, uint8_t *y, int level, ebb_diag *diag);

static bool of_cond(const ebb_region *r, const uint8_t *x, uint8_t *y, int level, ebb_diag *diag) {
    const ebb_graph *then = r->callee[0];
    uint8_t *other = ebb_mem_new(then->allocator, (size_t)then->outputs + 1, sizeof *other);
    bool ok = other ? of_function(then, x + 1, y, level, diag) && of_function(r->callee[1], x + 1, other, level, diag)
                    : ebb_fail_memory(diag);
    for (int32_t j = 0; ok && j < then->outputs; j++)
        y[j] |= other[j];
    ebb_mem_free(then->allocator, other);
    return ok;
}

/* Rounds of f until the first `count` results, which are its parameters `first` ... in the next round, add nothing. */
static bool settle(const ebb_graph *f, int first, int count, uint8_t *x, uint8_t *y, int level, ebb_diag *diag) {
    for (bool again = true; again;) {
        again = false;
        if (!of_function(f, x, y, level, diag)) return false;
        for (int s = 0; s < count; s++) {
            again |= y[s] && !x[first + s];
            x[first + s] |= y[s];
            y[s] |= x[first + s];
        }
    }
    return true;
}

static bool of_loop(const ebb_region *r, uint8_t *x, uint8_t *y, int level, ebb_diag *diag) {
    return settle(r->callee[0], 0, (int)r->number[0], x, y, level, diag);
}

static bool of_unloop(const ebb_region *r, uint8_t *x, uint8_t *y, int level, ebb_diag *diag) {
    const ebb_graph *body = r->callee[0];
    uint8_t *forward = ebb_mem_new(body->allocator, (size_t)body->outputs + 1, sizeof *forward);
    int states = 0;
    for (int s = 0; s < r->number[0]; s++)
        states += ebb_is_float(ebb_dtype_at(body, body->input[s]));
    bool ok = forward
                  ? of_loop(r, x, forward, level, diag) && settle(r->callee[2], body->inputs, states, x, y, level, diag)
                  : ebb_fail_memory(diag);
    ebb_mem_free(body->allocator, forward);
    return ok;
}

bool ebb_nonzero_region(const ebb_region *r, uint8_t *x, uint8_t *y, int level, ebb_diag *diag) {
    if (r->op == EBB_OP_cond) return of_cond(r, x, y, level, diag);
    if (r->op == EBB_OP_loop) return of_loop(r, x, y, level, diag);
    if (r->op == EBB_OP_unloop) return of_unloop(r, x, y, level, diag);
    return of_function(r->callee[0], x, y, level, diag);
}

/* ---- programs ---- */

/* The results of region id, to y. */
static bool of_tuple(const ebb_graph *g, ebb_id id, const uint8_t *mark, uint8_t *y, int level, ebb_diag *diag) {
    const ebb_region r = ebb_region_of(g, id);
    const ebb_id *operand = ebb_operands(g, id);
    const int32_t arity = g->node[id].arity;
    if (level >= MOST_DEEP) return memset(y, 1, (size_t)ebb_region_results(&r)), true;
    uint8_t *x = ebb_mem_new(g->allocator, (size_t)arity + 1, sizeof *x);
    if (!x) return ebb_fail_memory(diag);
    for (int32_t i = 0; i < arity; i++)
        x[i] = mark[operand[i]];
    bool ok = ebb_nonzero_region(&r, x, y, level + 1, diag);
    ebb_mem_free(g->allocator, x);
    return ok;
}

bool ebb_nonzero(const ebb_graph *g, uint8_t *mark, int level, ebb_diag *diag) {
    size_t results;
    int32_t *place = ebb_place_marks(g, &results);
    uint8_t *y = place ? ebb_mem_new(g->allocator, results + 1, sizeof *y) : NULL;
    bool ok = y || ebb_fail_memory(diag);
    for (ebb_id id = 1; ok && id < g->count; id++) {
        const ebb_op op = ebb_op_of(g, id);
        if (ebb_is_region(op))
            ok = of_tuple(g, id, mark, y + place[id], level, diag);
        else if (op == EBB_OP_get)
            mark[id] = y[place[ebb_operands(g, id)[0]] + ebb_attr_of(g, id).v[0]];
        else if (op != EBB_OP_input)
            mark[id] = may_differ(g, id, mark);
    }
    ebb_mem_free(g->allocator, y);
    ebb_mem_free(g->allocator, place);
    return ok;
}

static bool of_function(const ebb_graph *f, const uint8_t *x, uint8_t *y, int level, ebb_diag *diag) {
    uint8_t *mark = ebb_mem_new(f->allocator, (size_t)f->count, sizeof *mark);
    if (!mark) return ebb_fail_memory(diag);
    for (int32_t k = 0; k < f->inputs; k++)
        mark[f->input[k]] = x[k];
    bool ok = ebb_nonzero(f, mark, level, diag);
    for (int32_t j = 0; ok && j < f->outputs; j++)
        y[j] = mark[f->output[j]];
    ebb_mem_free(f->allocator, mark);
    return ok;
}
