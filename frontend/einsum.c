/* einsum.c - sums of products by an equation, in transpositions, reshapes, sums, and matrix products.
 *
 * A term is a tensor with a label for each axis, no label twice. Operands become terms (a label twice is a diagonal);
 * an axis that nothing else has and the result does not want is summed; two terms, always those that need the fewest
 * multiplications, become one, until one is left. Start reading at ebb_einsum_at. */
#include "frontend/einsum.h"

#include <string.h>

/* ---- lists of labels ---- */

static ebb_labels joined(const ebb_labels *a, const ebb_labels *b, const ebb_labels *c) {
    const ebb_labels *part[] = {a, b, c};
    ebb_labels all = {0};
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < part[k]->n; i++)
            ebb_labels_add(&all, part[k]->at[i]);
    return all;
}

static bool same(const ebb_labels *a, const ebb_labels *b) {
    return a->n == b->n && !memcmp(a->at, b->at, (size_t)a->n);
}

static bool all_known(const ebb_einsum_call *e, const ebb_labels *list) {
    for (int i = 0; i < list->n; i++)
        if (e->size[list->at[i]] < 0) return false;
    return true;
}

/* The product of the sizes; a single size may be unknown. */
static int64_t size_of(const ebb_einsum_call *e, const ebb_labels *list) {
    int64_t size = 1;
    for (int i = 0; i < list->n; i++)
        size *= e->size[list->at[i]];
    return size;
}

/* ---- operations on terms ---- */

static ebb_tensor *transposed(const ebb_einsum_call *e, ebb_tensor *x, int rank, const int64_t *perm) {
    return ebb_permuted(e->eq.ebb, x, rank, perm, e->eq.site);
}

/* The axes in another order. */
static ebb_tensor *ordered(const ebb_einsum_call *e, const ebb_term *t, const ebb_labels *order) {
    int64_t perm[EBB_MAX_RANK];
    for (int i = 0; i < t->axis.n; i++)
        perm[i] = ebb_labels_find(&t->axis, order->at[i]);
    return transposed(e, t->x, t->axis.n, perm);
}

static void sum_out(const ebb_einsum_call *e, ebb_term *t, const ebb_labels *gone) {
    ebb_labels left = {0};
    int axes[EBB_MAX_RANK], n = 0;
    for (int i = 0; i < t->axis.n; i++)
        if (ebb_labels_find(gone, t->axis.at[i]) >= 0)
            axes[n++] = i;
        else
            ebb_labels_add(&left, t->axis.at[i]);
    if (!n) return;
    t->x = ebb_sum_at(t->x, n, axes, false, e->eq.site.file, e->eq.site.line);
    t->axis = left;
}

/* Whether the result or a term other than a and b has the label. */
static bool is_wanted(const ebb_einsum_call *e, int label, int a, int b) {
    bool wanted = ebb_labels_find(&e->result, label) >= 0;
    for (int k = 0; k < e->terms; k++)
        wanted |= k != a && k != b && ebb_labels_find(&e->term[k].axis, label) >= 0;
    return wanted;
}

static void sum_alone(const ebb_einsum_call *e, int k, ebb_term *t) {
    ebb_labels gone = {0};
    for (int i = 0; i < t->axis.n; i++)
        if (!is_wanted(e, t->axis.at[i], k, k)) ebb_labels_add(&gone, t->axis.at[i]);
    sum_out(e, t, &gone);
}

/* Axes i < j, of the same n elements, become their diagonal, which is the last axis: every (n + 1)-th element of the
 * two read as one. */
static bool take_diagonal(const ebb_einsum_call *e, ebb_term *t, int i, int j) {
    const int label = t->axis.at[i], rank = t->axis.n;
    const int64_t n = e->size[label];
    if (n < 0)
        return ebb_einsum_refuse(&e->eq, EBB_VALUE_ERROR, 0,
                                 "letter '%c' is twice in an operand: its size has to be known",
                                 ebb_einsum_letter(label));
    ebb_labels left = {0};
    int64_t perm[EBB_MAX_RANK], at[2 * EBB_MAX_RANK] = {0};
    ebb_type to = {t->x->type.dtype, {.rank = rank - 1}};
    for (int a = 0; a < rank; a++) {
        if (a == i || a == j) continue;
        perm[left.n] = a;
        to.shape.dim[left.n] = e->size[t->axis.at[a]];
        ebb_labels_add(&left, t->axis.at[a]);
    }
    perm[rank - 2] = i, perm[rank - 1] = j;
    to.shape.dim[rank - 2] = n * n;
    ebb_tensor *x = ebb_reshaped(e->eq.ebb, transposed(e, t->x, rank, perm), &to.shape, e->eq.site);
    to.shape.dim[rank - 2] = n;
    for (int a = 0; a < rank - 1; a++)
        at[rank - 1 + a] = a == rank - 2 ? n + 1 : 1;
    t->x = ebb_dispatch(e->eq.ebb, &(ebb_application){EBB_OP_slice, 2 * (rank - 1), at, to, e->eq.site}, 1, &x);
    ebb_labels_add(&left, label);
    t->axis = left;
    return true;
}

/* ---- two terms become one ---- */

typedef struct pair {
    const ebb_term *a, *b;
    ebb_labels batch, sum, free_a, free_b;
} pair;

/* What an axis is to the product. An unknown size does not merge with others: then it is a batch axis, over which the
 * other term repeats. */
static pair pair_of(const ebb_einsum_call *e, int a, int b) {
    pair p = {.a = &e->term[a], .b = &e->term[b]};
    for (int i = 0; i < p.a->axis.n; i++) {
        const int label = p.a->axis.at[i];
        const bool shared = ebb_labels_find(&p.b->axis, label) >= 0, wanted = is_wanted(e, label, a, b);
        ebb_labels_add(!shared ? e->size[label] < 0 ? &p.batch : &p.free_a : wanted ? &p.batch : &p.sum, label);
    }
    for (int i = 0; i < p.b->axis.n; i++)
        if (ebb_labels_find(&p.a->axis, p.b->axis.at[i]) < 0)
            ebb_labels_add(e->size[p.b->axis.at[i]] < 0 ? &p.batch : &p.free_b, p.b->axis.at[i]);
    return p;
}

/* The term with these labels; one that it lacks gets an axis of size 1. */
static ebb_tensor *spread(const ebb_einsum_call *e, const ebb_term *t, const ebb_labels *all) {
    ebb_labels own = {0};
    ebb_shape to = {.rank = all->n};
    for (int i = 0; i < all->n; i++) {
        const bool has = ebb_labels_find(&t->axis, all->at[i]) >= 0;
        to.dim[i] = has ? e->size[all->at[i]] : 1;
        if (has) ebb_labels_add(&own, all->at[i]);
    }
    return ebb_reshaped(e->eq.ebb, ordered(e, t, &own), &to, e->eq.site);
}

/* Element by element, then summed: compiled, one kernel. */
static bool multiply(const ebb_einsum_call *e, const pair *p, ebb_term *y) {
    const ebb_labels kept = joined(&p->batch, &p->free_a, &p->free_b), none = {0};
    y->axis = joined(&kept, &p->sum, &none);
    if (y->axis.n > EBB_MAX_RANK) return ebb_einsum_refuse_rank(&e->eq, y->axis.n);
    const ebb_operand a = ebb_operand_tensor(spread(e, p->a, &y->axis)),
                      b = ebb_operand_tensor(spread(e, p->b, &y->axis));
    y->x = ebb_mul_at(a, b, e->eq.site.file, e->eq.site.line);
    sum_out(e, y, &p->sum);
    return true;
}

/* One side of a matrix product, [batch..., first, second]. The same the other way round is read where it lies. */
static ebb_tensor *matrix(const ebb_einsum_call *e, const pair *p, const ebb_term *t, const ebb_labels *first,
                          const ebb_labels *second, int64_t *turned) {
    const ebb_labels there = joined(&p->batch, first, second), back = joined(&p->batch, second, first);
    *turned = same(&t->axis, &back) && !same(&t->axis, &there);
    ebb_tensor *x = *turned ? t->x : spread(e, t, &there);
    ebb_shape to = {.rank = p->batch.n + 2};
    for (int i = 0; i < p->batch.n; i++)
        to.dim[i] = ebb_labels_find(&t->axis, p->batch.at[i]) >= 0 ? e->size[p->batch.at[i]] : 1;
    to.dim[p->batch.n] = size_of(e, *turned ? second : first);
    to.dim[p->batch.n + 1] = size_of(e, *turned ? first : second);
    x = ebb_reshaped(e->eq.ebb, x, &to, e->eq.site);
    for (int i = 0; i < p->batch.n; i++)
        to.dim[i] = e->size[p->batch.at[i]];
    return ebb_stretch(e->eq.ebb, x, &to, e->eq.site);
}

static bool multiply_matrices(const ebb_einsum_call *e, const pair *p, ebb_term *y) {
    int64_t turned[2];
    y->axis = joined(&p->batch, &p->free_a, &p->free_b);
    const int rank[] = {y->axis.n, p->batch.n + p->free_a.n + p->sum.n, p->batch.n + p->free_b.n + p->sum.n};
    for (int k = 0; k < 3; k++)
        if (rank[k] > EBB_MAX_RANK) return ebb_einsum_refuse_rank(&e->eq, rank[k]);
    ebb_tensor *arg[2] = {matrix(e, p, p->a, &p->free_a, &p->sum, &turned[0]),
                          matrix(e, p, p->b, &p->sum, &p->free_b, &turned[1])};
    ebb_application app = {.op = EBB_OP_dot, .nattr = 2, .attr = turned, .site = e->eq.site};
    ebb_shape to = {.rank = y->axis.n};
    for (int i = 0; i < y->axis.n; i++)
        to.dim[i] = e->size[y->axis.at[i]];
    y->x = ebb_reshaped(e->eq.ebb, ebb_dispatch(e->eq.ebb, &app, 2, arg), &to, e->eq.site);
    return true;
}

static bool contract(ebb_einsum_call *e, int a, int b) {
    const pair p = pair_of(e, a, b);
    const bool is_product = p.sum.n && p.free_a.n && p.free_b.n && (p.sum.n == 1 || all_known(e, &p.sum));
    ebb_term y;
    if (!(is_product ? multiply_matrices(e, &p, &y) : multiply(e, &p, &y))) return false;
    e->term[a] = y;
    for (int k = b; k + 1 < e->terms; k++)
        e->term[k] = e->term[k + 1];
    e->terms--;
    return true;
}

/* About the multiplications that a pair needs. Each axis doubles them at least, so that among small or unknown sizes
 * fewer axes win. */
static double cost(const ebb_einsum_call *e, const ebb_term *a, const ebb_term *b) {
    const ebb_term *const both[] = {a, b};
    double n = 1;
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < both[k]->axis.n; i++) {
            const int label = both[k]->axis.at[i];
            if (k == 0 || ebb_labels_find(&a->axis, label) < 0) n *= e->size[label] > 2 ? (double)e->size[label] : 2;
        }
    return n;
}

static bool contract_cheapest(ebb_einsum_call *e) {
    int a = 0, b = 1;
    for (int i = 0; i < e->terms; i++)
        for (int j = i + 1; j < e->terms; j++)
            if (cost(e, &e->term[i], &e->term[j]) < cost(e, &e->term[a], &e->term[b])) a = i, b = j;
    return contract(e, a, b);
}

/* ---- running it ---- */

/* Axes of size 1 that stretch go: another operand has them in full. */
static void drop_stretched(const ebb_einsum_call *e, ebb_term *t) {
    ebb_labels left = {0};
    ebb_shape to = {0};
    const ebb_shape *s = &t->x->type.shape;
    for (int i = 0; i < t->axis.n; i++) {
        if (s->dim[i] != e->size[t->axis.at[i]]) continue;
        to.dim[to.rank++] = s->dim[i];
        ebb_labels_add(&left, t->axis.at[i]);
    }
    t->x = ebb_reshaped(e->eq.ebb, t->x, &to, e->eq.site);
    t->axis = left;
}

static bool prepare(ebb_einsum_call *e, int k) {
    ebb_term *t = &e->term[k];
    drop_stretched(e, t);
    for (int j = 1; j < t->axis.n; j++) {
        const int i = ebb_labels_find(&t->axis, t->axis.at[j]);
        if (i == j) continue;
        if (!take_diagonal(e, t, i, j)) return false;
        j = 0;
    }
    return true;
}

static ebb_tensor *run(ebb_einsum_call *e) {
    for (int k = 0; k < e->terms; k++)
        if (!prepare(e, k)) return ebb_poison_of(e->eq.ebb);
    for (int k = 0; k < e->terms; k++)
        sum_alone(e, k, &e->term[k]);
    while (e->terms > 1)
        if (!contract_cheapest(e)) return ebb_poison_of(e->eq.ebb);
    return ordered(e, &e->term[0], &e->result);
}

ebb_tensor *ebb_einsum_at(const char *equation, int n, ebb_tensor *const *x, const char *file, int line) {
    ebb_context *ebb = ebb_context_of(x ? n : 0, x);
    ebb_einsum_call e = {.eq = {.ebb = ebb, .site = ebb_site_at(file, line), .text = equation}};
    if (!equation || !x || n < 1)
        return ebb_fail_at(ebb, EBB_TYPE_ERROR, e.eq.site, "ebb_einsum: the equation or the operands are missing");
    if (!ebb_operands_usable(ebb, "ebb_einsum", n, x, e.eq.site)) return ebb_poison_of(ebb);
    if (!ebb_einsum_bind(&e, n, x)) return ebb_poison_of(ebb);
    ebb_tensor *y = ebb_poison_of(ebb);
    EBB_SCOPE (ebb)
        y = ebb_keep(run(&e));
    return y;
}
