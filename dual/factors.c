/* factors.c - factorisations as equations: F(x, y) = 0 for each, and what solves dF/dy dy = r.
 *
 * Several factors lie below each other in y; F has a part for each equation between them. What turns a solution round
 * is derived from its nodes. */
#include "dual/matrices.h"

#define BACK(name)                                                                                                     \
    bool back_##name(ebb_builder *b, const ebb_primal *p, ebb_id ct, int parts, const ebb_id *part, ebb_id *u) {       \
        return ebb_turned_solve(b, p, ct, parts, part, u);                                                             \
    }

/* x' y, x y' */
static ebb_id inner(ebb_builder *b, ebb_id x, ebb_id y) { return ebb_g_dot(b, x, y, true, false); }
static ebb_id outer(ebb_builder *b, ebb_id x, ebb_id y) { return ebb_g_dot(b, x, y, false, true); }

/* x' x - 1: what is 0 if columns are orthonormal. */
static ebb_id not_orthonormal(ebb_builder *b, ebb_id x) {
    ebb_id square = inner(b, x, x);
    return ebb_g_sub(b, square, ebb_g_eye(b, square));
}

/* Of parts of r, which are absent where they are 0: zeros would make what is linear look as if it were not. */
static ebb_id half_of(ebb_builder *b, ebb_id r) { return r == EBB_ABSENT ? r : half(b, r); }
static ebb_id less(ebb_builder *b, ebb_id x, ebb_id r) { return r == EBB_ABSENT ? x : ebb_g_sub(b, x, r); }
static ebb_id times(ebb_builder *b, ebb_id r, ebb_id x) { return r == EBB_ABSENT ? r : ebb_g_mul(b, r, x); }

static ebb_id columns_times(ebb_builder *b, ebb_id x, ebb_id row) { return ebb_g_mul(b, x, row_over(b, row, x)); }

/* ---- y y' = (a + a') / 2 ---- */

int residual_cholesky(ebb_builder *b, const ebb_primal *p, ebb_id *part) {
    part[0] = ebb_g_sub(b, outer(b, p->y, p->y), symmetric_part(b, p->x[0]));
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

/* ---- q r = a, q' q = 1, r upper triangular ---- */

static int64_t size_of(const ebb_builder *b, ebb_id x, int from_last) {
    const ebb_shape *s = ebb_shape_of(b->graph, x);
    return s->dim[s->rank - from_last];
}

static void factors_of_qr(ebb_builder *b, const ebb_primal *p, ebb_id *q, ebb_id *r) {
    int64_t m = size_of(b, p->x[0], 2), n = size_of(b, p->x[0], 1);
    *q = rows_of(b, p->y, 0, m);
    *r = rows_of(b, p->y, m, n);
}

int residual_qr(ebb_builder *b, const ebb_primal *p, ebb_id *part) {
    ebb_id q, r;
    factors_of_qr(b, p, &q, &r);
    part[0] = ebb_g_sub(b, product(b, q, r), p->x[0]);
    part[1] = not_orthonormal(b, q);
    return 2;
}

/* dq r + q dr = s and q' dq + dq' q = t. With c = q' s r^-1, q' dq is t / 2 and an antisymmetric matrix, and dr r^-1 is
 * upper triangular; both add up to c. So the antisymmetric one has the lower triangle of c - t / 2, and the rest says
 * dr. */
ebb_id solve_qr(ebb_builder *b, const ebb_primal *p, const ebb_id *s) {
    static const int64_t upper_turned[3] = {true, true, false};
    ebb_id q, r;
    factors_of_qr(b, p, &q, &r);
    ebb_id first = ebb_present(b, s[0], p->x[0]);
    ebb_id by_r = transposed(b, ebb_g_triangular_solve(b, r, transposed(b, first), upper_turned));
    ebb_id c = less(b, inner(b, q, by_r), half_of(b, s[1]));
    ebb_id low = only(b, where(b, c, rows_below), c, 0);
    ebb_id upper = only(b, where(b, c, not_below), ebb_g_add(b, c, transposed(b, low)), 0);
    return below(b, ebb_g_sub(b, by_r, product(b, q, upper)), product(b, upper, r));
}
BACK(qr)

/* ---- a v = v w, v' v = 1, for the symmetric part of a and a diagonal w ---- */

/* One over x, and 0 where x is 0. */
static ebb_id reciprocal(ebb_builder *b, ebb_id x) {
    ebb_id zero = ebb_g_eq(b, x, ebb_g_full_like(b, x, 0));
    return ebb_g_select(b, zero, ebb_g_full_like(b, x, 0),
                        ebb_g_recip(b, ebb_g_select(b, zero, ebb_g_full_like(b, x, 1), x)));
}

int residual_eigh(ebb_builder *b, const ebb_primal *p, ebb_id *part) {
    int64_t n = size_of(b, p->x[0], 1);
    ebb_id w = rows_of(b, p->y, 0, 1), v = rows_of(b, p->y, 1, n);
    part[0] = ebb_g_sub(b, product(b, symmetric_part(b, p->x[0]), v), columns_times(b, v, w));
    part[1] = not_orthonormal(b, v);
    return 2;
}

/* a dv - dv w - v dw = s and v' dv + dv' v = t. With dv = v x, x is t / 2 and an antisymmetric matrix z, and of v' s,
 * which is w x - x w - dw, the diagonal is -dw and the symmetric rest (w_i - w_j) z_ij. Where eigenvalues are equal no
 * equation says what z is: there it is 0. */
ebb_id solve_eigh(ebb_builder *b, const ebb_primal *p, const ebb_id *s) {
    int64_t n = size_of(b, p->x[0], 1);
    ebb_id w = rows_of(b, p->y, 0, 1), v = rows_of(b, p->y, 1, n);
    ebb_id c = symmetric_part(b, inner(b, v, ebb_present(b, s[0], v)));
    ebb_id gap = ebb_g_sub(b, row_over(b, transposed(b, w), c), row_over(b, w, c));
    ebb_id x = ebb_plus(b, half_of(b, s[1]), ebb_g_mul(b, reciprocal(b, gap), c));
    return below(b, ebb_g_neg(b, diagonal_row(b, c)), product(b, v, x));
}
BACK(eigh)

/* ---- a v = u d, u' u = 1, v' v = 1, for a diagonal d ---- */

typedef struct singular {
    ebb_id u, d, turned; /* turned: v' */
} singular;

static singular factors_of_svd(ebb_builder *b, const ebb_primal *p) {
    int64_t m = size_of(b, p->x[0], 2), n = size_of(b, p->x[0], 1);
    return (singular){rows_of(b, p->y, 0, m), rows_of(b, p->y, m, 1), rows_of(b, p->y, m + 1, n)};
}

int residual_svd(ebb_builder *b, const ebb_primal *p, ebb_id *part) {
    singular f = factors_of_svd(b, p);
    part[0] = ebb_g_sub(b, outer(b, p->x[0], f.turned), columns_times(b, f.u, f.d));
    part[1] = not_orthonormal(b, f.u);
    part[2] = not_orthonormal(b, transposed(b, f.turned));
    return 3;
}

/* a dv - du d - u dd = s, u' du + du' u = t, v' dv + dv' v = q. With u' du = t / 2 and an antisymmetric x, v' dv = q /
 * 2 and an antisymmetric z, c = u' s + t d / 2 - d q / 2 is d z - x d - dd: its diagonal is -dd, and c_ij and c_ji are
 * two equations for z_ij and x_ij, whose determinant is d_i^2 - d_j^2. Where singular values are equal, x and z are 0.
 * What of du lies outside u is -s / d there. */
ebb_id solve_svd(ebb_builder *b, const ebb_primal *p, const ebb_id *s) {
    singular f = factors_of_svd(b, p);
    ebb_id first = ebb_present(b, s[0], f.u), t = half_of(b, s[1]), q = half_of(b, s[2]);
    ebb_id us = inner(b, f.u, first), along = row_over(b, f.d, us), down = row_over(b, transposed(b, f.d), us);
    ebb_id c = less(b, ebb_plus(b, us, times(b, t, along)), times(b, q, down)), turned = transposed(b, c);
    ebb_id by = reciprocal(b, ebb_g_mul(b, ebb_g_sub(b, down, along), ebb_g_add(b, down, along)));
    ebb_id z = ebb_g_mul(b, by, ebb_g_add(b, ebb_g_mul(b, down, c), ebb_g_mul(b, along, turned)));
    ebb_id x = ebb_g_mul(b, by, ebb_g_add(b, ebb_g_mul(b, along, c), ebb_g_mul(b, down, turned)));
    ebb_id du = product(b, f.u, ebb_plus(b, x, t));
    if (size_of(b, f.u, 2) > size_of(b, f.u, 1)) {
        ebb_id outside = ebb_g_sub(b, first, product(b, f.u, us));
        du = ebb_g_sub(b, du, ebb_g_div(b, outside, row_over(b, f.d, outside)));
    }
    ebb_id turn = ebb_plus(b, q, ebb_g_neg(b, z));
    return below(b, du, below(b, ebb_g_neg(b, diagonal_row(b, c)), product(b, turn, f.turned)));
}
BACK(svd)
