/* systems.c - linear algebra as equations: F(x, y) = 0 for each operation, and what solves dF/dy dy = r.
 *
 * Matrices are the last two axes of their nodes. A linear system is its own solution for another right side, and the
 * transposed system turned round; for the factorisations the solution is derived by turning round what solves them. */
#include "dual/rules.h"

#include <string.h>

/* ---- words ---- */

static ebb_id product(ebb_builder *b, ebb_id x, ebb_id y) { return ebb_g_dot(b, x, y, false, false); }

static ebb_id transposed(ebb_builder *b, ebb_id x) {
    int64_t perm[EBB_MAX_RANK];
    if (x == EBB_POISON) return x;
    int rank = ebb_shape_of(b->graph, x)->rank;
    for (int i = 0; i < rank; i++)
        perm[i] = i < rank - 2 ? i : 2 * rank - 3 - i;
    return ebb_g_transpose(b, x, perm);
}

static ebb_id half(ebb_builder *b, ebb_id x) { return ebb_g_mul(b, x, ebb_g_full_like(b, x, 0.5)); }

static ebb_id symmetric_part(ebb_builder *b, ebb_id x) { return half(b, ebb_g_add(b, x, transposed(b, x))); }

/* Where `compare` holds for row and column. */
static ebb_id where(ebb_builder *b, ebb_id x, ebb_id (*compare)(ebb_builder *, ebb_id, ebb_id)) {
    const ebb_shape s = *ebb_shape_of(b->graph, x);
    return compare(b, ebb_g_iota(b, EBB_I64, &s, s.rank - 2), ebb_g_iota(b, EBB_I64, &s, s.rank - 1));
}

static ebb_id rows_below(ebb_builder *b, ebb_id row, ebb_id column) { return ebb_g_gt(b, row, column); }
static ebb_id rows_above(ebb_builder *b, ebb_id row, ebb_id column) { return ebb_g_lt(b, row, column); }
static ebb_id diagonal(ebb_builder *b, ebb_id row, ebb_id column) { return ebb_g_eq(b, row, column); }
static ebb_id not_below(ebb_builder *b, ebb_id row, ebb_id column) { return ebb_g_le(b, row, column); }
static ebb_id not_above(ebb_builder *b, ebb_id row, ebb_id column) { return ebb_g_ge(b, row, column); }

/* x there, else the number. */
static ebb_id only(ebb_builder *b, ebb_id there, ebb_id x, double otherwise) {
    return ebb_g_select(b, there, x, ebb_g_full_like(b, x, otherwise));
}

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

/* ---- factorisations ---- */

#define BACK(name)                                                                                                     \
    bool back_##name(ebb_builder *b, const ebb_primal *p, ebb_id ct, int parts, const ebb_id *part, ebb_id *u) {       \
        return ebb_turned_solve(b, p, ct, parts, part, u);                                                             \
    }

/* y y' = (a + a') / 2 */
int residual_cholesky(ebb_builder *b, const ebb_primal *p, ebb_id *part) {
    part[0] = ebb_g_sub(b, ebb_g_dot(b, p->y, p->y, false, true), symmetric_part(b, p->x[0]));
    return 1;
}

/* dy y' + y dy' = r: y^-1 dy is lower triangular, and with its transpose it is y^-1 r y'^-1, so it is the lower
 * triangle of that with half its diagonal. */
ebb_id solve_cholesky(ebb_builder *b, const ebb_primal *p, const ebb_id *r) {
    static const int64_t lower[3] = {false, false, false};
    ebb_id m = ebb_g_triangular_solve(b, p->y, r[0], lower);
    m = ebb_g_triangular_solve(b, p->y, transposed(b, m), lower);
    m = only(b, where(b, m, not_above), ebb_g_select(b, where(b, m, diagonal), half(b, m), m), 0);
    return product(b, p->y, m);
}
BACK(cholesky)
