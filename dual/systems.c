/* systems.c - linear systems and what comes with them as equations: F(x, y) = 0 for each operation, and what solves
 * dF/dy dy = r. Factorisations are in factors.c.
 *
 * A linear system is its own solution for another right side, and the transposed system turned round; so are the
 * cofactors of a matrix, by a' y = det(a) 1. */
#include "dual/matrices.h"

#include <string.h>

/* ---- linear systems ---- */

/* The same system with another right side, which is the last operand; turned: with the matrix transposed. */
static ebb_id system_again(ebb_builder *b, const ebb_primal *p, ebb_id r, bool turned) {
    ebb_application app = ebb_application_of(b->graph, p->y);
    int64_t flag[3];
    ebb_id x[3];
    memcpy(flag, app.attr, (size_t)app.nattr * sizeof *flag);
    memcpy(x, p->x, sizeof x);
    if (turned) flag[0] = !flag[0];
    x[p->arity - 1] = r;
    app.attr = flag;
    app.site = b->site;
    return ebb_derive(b->graph, &app, p->arity, x);
}

bool ebb_is_system(ebb_op op) { return op == EBB_OP_triangular_solve || op == EBB_OP_lu_solve; }

#define SYSTEM(name)                                                                                                   \
    ebb_id solve_##name(ebb_builder *b, const ebb_primal *p, const ebb_id *r) {                                        \
        return system_again(b, p, r[0], false);                                                                        \
    }                                                                                                                  \
    bool back_##name(ebb_builder *b, const ebb_primal *p, ebb_id ct, int parts, const ebb_id *part, ebb_id *u) {       \
        (void)parts, (void)part;                                                                                       \
        u[0] = system_again(b, p, ct, true);                                                                           \
        return u[0] != EBB_POISON;                                                                                     \
    }
SYSTEM(triangular_solve)
SYSTEM(lu_solve)

static int residual_of_system(ebb_builder *b, const ebb_primal *p, ebb_id a, ebb_id *part) {
    bool turned = ebb_attr_of(b->graph, p->y).v[0] != 0;
    part[0] = ebb_g_sub(b, ebb_g_dot(b, a, p->y, turned, false), p->x[p->arity - 1]);
    return 1;
}

int residual_lu_solve(ebb_builder *b, const ebb_primal *p, ebb_id *part) {
    return residual_of_system(b, p, p->x[0], part);
}

/* What counts of the matrix is one triangle, and with `unit` ones on its diagonal. */
int residual_triangular_solve(ebb_builder *b, const ebb_primal *p, ebb_id *part) {
    const int64_t *flag = ebb_attr_of(b->graph, p->y).v;
    bool upper = flag[1] != 0, unit = flag[2] != 0;
    ebb_id a = p->x[0],
           triangle = upper ? where(b, a, unit ? rows_above : not_below) : where(b, a, unit ? rows_below : not_above);
    a = only(b, triangle, a, 0);
    if (unit) a = ebb_g_select(b, where(b, a, diagonal), ebb_g_full_like(b, a, 1), a);
    return residual_of_system(b, p, a, part);
}

/* ---- determinants ---- */

/* a' y = det(a) 1 */
int residual_cofactor(ebb_builder *b, const ebb_primal *p, ebb_id *part) {
    ebb_id a = p->x[0], det = ebb_g_lu_det(b, EBB_OP_lu_det, a, ebb_g_lu(b, a));
    ebb_id on_diagonal = ebb_g_mul(b, over_matrix(b, det, a), ebb_g_eye(b, a));
    part[0] = ebb_g_sub(b, ebb_g_dot(b, a, p->y, true, false), on_diagonal);
    return 1;
}

ebb_id solve_cofactor(ebb_builder *b, const ebb_primal *p, const ebb_id *r) {
    return ebb_g_lu_solve(b, p->x[0], ebb_g_lu(b, p->x[0]), r[0], true);
}

bool back_cofactor(ebb_builder *b, const ebb_primal *p, ebb_id ct, int parts, const ebb_id *part, ebb_id *u) {
    (void)parts, (void)part;
    u[0] = ebb_g_lu_solve(b, p->x[0], ebb_g_lu(b, p->x[0]), ct, false);
    return u[0] != EBB_POISON;
}

/* Of operand 1, which is made of operand 0, nothing hangs on anything. */
ebb_id partial_lu_det(ebb_builder *b, const ebb_primal *p, int i) {
    return i == 0 ? ebb_g_cofactor(b, p->x[0]) : ebb_g_full_like(b, p->x[1], 0);
}

ebb_id partial_lu_logdet(ebb_builder *b, const ebb_primal *p, int i) {
    if (i == 1) return ebb_g_full_like(b, p->x[1], 0);
    return ebb_g_lu_solve(b, p->x[0], p->x[1], ebb_g_eye(b, p->x[0]), true);
}
