/* einsum.c - sums of products by an equation, in transpositions, reshapes, sums, and matrix products.
 *
 * A term is a tensor with a label for each axis, no label twice. Operands become terms (a label twice is a diagonal);
 * an axis that nothing else has and the result does not want is summed; two terms, always those that need the fewest
 * multiplications, become one, until one is left. Start reading at ebb_einsum_at. */
#include "frontend/einsum.h"

#include <string.h>

typedef struct labels {
    int n;
    int8_t at[EBB_EINSUM_LABELS];
} labels;

typedef struct term {
    ebb_tensor *x;
    labels axis;
} term;

typedef struct einsum {
    ebb_equation eq;
    int64_t size[EBB_EINSUM_LABELS];
    int uses[EBB_EINSUM_LABELS]; /* in the operands */
    int dots;                    /* axes that "..." stands for */
    labels result;
    term term[EBB_EINSUM_OPERANDS];
    int terms;
} einsum;

/* ---- lists of labels ---- */

static void add(labels *list, int label) { list->at[list->n++] = (int8_t)label; }

static int find(const labels *list, int label) {
    for (int i = 0; i < list->n; i++)
        if (list->at[i] == label) return i;
    return -1;
}

static labels joined(const labels *a, const labels *b, const labels *c) {
    const labels *part[] = {a, b, c};
    labels all = {0};
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < part[k]->n; i++)
            add(&all, part[k]->at[i]);
    return all;
}

static bool same(const labels *a, const labels *b) { return a->n == b->n && !memcmp(a->at, b->at, (size_t)a->n); }

static bool all_known(const einsum *e, const labels *list) {
    for (int i = 0; i < list->n; i++)
        if (e->size[list->at[i]] < 0) return false;
    return true;
}

/* The product of the sizes; a single size may be unknown. */
static int64_t size_of(const einsum *e, const labels *list) {
    int64_t size = 1;
    for (int i = 0; i < list->n; i++)
        size *= e->size[list->at[i]];
    return size;
}

/* ---- operations on terms ---- */

static ebb_tensor *transposed(const einsum *e, ebb_tensor *x, int rank, const int64_t *perm) {
    ebb_application app = {.op = EBB_OP_transpose, .nattr = rank, .attr = perm, .site = e->eq.site};
    return ebb_dispatch(e->eq.ebb, &app, 1, &x);
}

/* The axes in another order. */
static ebb_tensor *ordered(const einsum *e, const term *t, const labels *order) {
    int64_t perm[EBB_MAX_RANK];
    for (int i = 0; i < t->axis.n; i++)
        perm[i] = find(&t->axis, order->at[i]);
    return transposed(e, t->x, t->axis.n, perm);
}

static void sum_out(const einsum *e, term *t, const labels *gone) {
    labels left = {0};
    int axes[EBB_MAX_RANK], n = 0;
    for (int i = 0; i < t->axis.n; i++)
        if (find(gone, t->axis.at[i]) >= 0)
            axes[n++] = i;
        else
            add(&left, t->axis.at[i]);
    if (!n) return;
    t->x = ebb_sum_at(t->x, n, axes, false, e->eq.site.file, e->eq.site.line);
    t->axis = left;
}

/* Whether the result or a term other than a and b has the label. */
static bool is_wanted(const einsum *e, int label, int a, int b) {
    bool wanted = find(&e->result, label) >= 0;
    for (int k = 0; k < e->terms; k++)
        wanted |= k != a && k != b && find(&e->term[k].axis, label) >= 0;
    return wanted;
}

static void sum_alone(const einsum *e, int k, term *t) {
    labels gone = {0};
    for (int i = 0; i < t->axis.n; i++)
        if (!is_wanted(e, t->axis.at[i], k, k)) add(&gone, t->axis.at[i]);
    sum_out(e, t, &gone);
}

/* Axes i < j, of the same n elements, become their diagonal, which is the last axis: every (n + 1)-th element of the
 * two read as one. */
static bool take_diagonal(const einsum *e, term *t, int i, int j) {
    const int label = t->axis.at[i], rank = t->axis.n;
    const int64_t n = e->size[label];
    if (n < 0)
        return ebb_einsum_refuse(&e->eq, EBB_VALUE_ERROR, 0,
                                 "letter '%c' is twice in an operand: its size has to be "
                                 "known",
                                 ebb_einsum_letter(label));
    labels left = {0};
    int64_t perm[EBB_MAX_RANK], at[2 * EBB_MAX_RANK] = {0};
    ebb_type to = {t->x->type.dtype, {.rank = rank - 1}};
    for (int a = 0; a < rank; a++) {
        if (a == i || a == j) continue;
        perm[left.n] = a;
        to.shape.dim[left.n] = e->size[t->axis.at[a]];
        add(&left, t->axis.at[a]);
    }
    perm[rank - 2] = i, perm[rank - 1] = j;
    to.shape.dim[rank - 2] = n * n;
    ebb_tensor *x = ebb_reshaped(e->eq.ebb, transposed(e, t->x, rank, perm), &to.shape, e->eq.site);
    to.shape.dim[rank - 2] = n;
    for (int a = 0; a < rank - 1; a++)
        at[rank - 1 + a] = a == rank - 2 ? n + 1 : 1;
    t->x = ebb_dispatch(e->eq.ebb, &(ebb_application){EBB_OP_slice, 2 * (rank - 1), at, to, e->eq.site}, 1, &x);
    add(&left, label);
    t->axis = left;
    return true;
}

/* ---- two terms become one ---- */

typedef struct pair {
    const term *a, *b;
    labels batch, sum, free_a, free_b;
} pair;

/* What an axis is to the product. An unknown size does not merge with others: then it is a batch axis, over which the
 * other term repeats. */
static pair pair_of(const einsum *e, int a, int b) {
    pair p = {.a = &e->term[a], .b = &e->term[b]};
    for (int i = 0; i < p.a->axis.n; i++) {
        const int label = p.a->axis.at[i];
        const bool shared = find(&p.b->axis, label) >= 0, wanted = is_wanted(e, label, a, b);
        add(!shared ? e->size[label] < 0 ? &p.batch : &p.free_a : wanted ? &p.batch : &p.sum, label);
    }
    for (int i = 0; i < p.b->axis.n; i++)
        if (find(&p.a->axis, p.b->axis.at[i]) < 0)
            add(e->size[p.b->axis.at[i]] < 0 ? &p.batch : &p.free_b, p.b->axis.at[i]);
    return p;
}

/* The term with these labels; one that it lacks gets an axis of size 1. */
static ebb_tensor *spread(const einsum *e, const term *t, const labels *all) {
    labels own = {0};
    ebb_shape to = {.rank = all->n};
    for (int i = 0; i < all->n; i++) {
        const bool has = find(&t->axis, all->at[i]) >= 0;
        to.dim[i] = has ? e->size[all->at[i]] : 1;
        if (has) add(&own, all->at[i]);
    }
    return ebb_reshaped(e->eq.ebb, ordered(e, t, &own), &to, e->eq.site);
}

static bool refuse_rank(const einsum *e, int rank) {
    return ebb_einsum_refuse(&e->eq, EBB_VALUE_ERROR, 0, "a product or the result has %d axes; %d at most", rank,
                             EBB_MAX_RANK);
}

/* Element by element, then summed: compiled, one kernel. */
static bool multiply(const einsum *e, const pair *p, term *y) {
    const labels kept = joined(&p->batch, &p->free_a, &p->free_b), none = {0};
    y->axis = joined(&kept, &p->sum, &none);
    if (y->axis.n > EBB_MAX_RANK) return refuse_rank(e, y->axis.n);
    const ebb_operand a = ebb_operand_tensor(spread(e, p->a, &y->axis)),
                      b = ebb_operand_tensor(spread(e, p->b, &y->axis));
    y->x = ebb_mul_at(a, b, e->eq.site.file, e->eq.site.line);
    sum_out(e, y, &p->sum);
    return true;
}

/* One side of a matrix product, [batch..., first, second]. The same the other way round is read where it lies. */
static ebb_tensor *matrix(const einsum *e, const pair *p, const term *t, const labels *first, const labels *second,
                          int64_t *turned) {
    const labels there = joined(&p->batch, first, second), back = joined(&p->batch, second, first);
    *turned = same(&t->axis, &back) && !same(&t->axis, &there);
    ebb_tensor *x = *turned ? t->x : spread(e, t, &there);
    ebb_shape to = {.rank = p->batch.n + 2};
    for (int i = 0; i < p->batch.n; i++)
        to.dim[i] = find(&t->axis, p->batch.at[i]) >= 0 ? e->size[p->batch.at[i]] : 1;
    to.dim[p->batch.n] = size_of(e, *turned ? second : first);
    to.dim[p->batch.n + 1] = size_of(e, *turned ? first : second);
    x = ebb_reshaped(e->eq.ebb, x, &to, e->eq.site);
    for (int i = 0; i < p->batch.n; i++)
        to.dim[i] = e->size[p->batch.at[i]];
    return ebb_stretch(e->eq.ebb, x, &to, e->eq.site);
}

static bool multiply_matrices(const einsum *e, const pair *p, term *y) {
    int64_t turned[2];
    y->axis = joined(&p->batch, &p->free_a, &p->free_b);
    const int rank[] = {y->axis.n, p->batch.n + p->free_a.n + p->sum.n, p->batch.n + p->free_b.n + p->sum.n};
    for (int k = 0; k < 3; k++)
        if (rank[k] > EBB_MAX_RANK) return refuse_rank(e, rank[k]);
    ebb_tensor *arg[2] = {matrix(e, p, p->a, &p->free_a, &p->sum, &turned[0]),
                          matrix(e, p, p->b, &p->sum, &p->free_b, &turned[1])};
    ebb_application app = {.op = EBB_OP_dot, .nattr = 2, .attr = turned, .site = e->eq.site};
    ebb_shape to = {.rank = y->axis.n};
    for (int i = 0; i < y->axis.n; i++)
        to.dim[i] = e->size[y->axis.at[i]];
    y->x = ebb_reshaped(e->eq.ebb, ebb_dispatch(e->eq.ebb, &app, 2, arg), &to, e->eq.site);
    return true;
}

static bool contract(einsum *e, int a, int b) {
    const pair p = pair_of(e, a, b);
    const bool is_product = p.sum.n && p.free_a.n && p.free_b.n && (p.sum.n == 1 || all_known(e, &p.sum));
    term y;
    if (!(is_product ? multiply_matrices(e, &p, &y) : multiply(e, &p, &y))) return false;
    e->term[a] = y;
    for (int k = b; k + 1 < e->terms; k++)
        e->term[k] = e->term[k + 1];
    e->terms--;
    return true;
}

/* About the multiplications that a pair needs. Each axis doubles them at least, so that among small or unknown sizes
 * fewer axes win. */
static double cost(const einsum *e, const term *a, const term *b) {
    const term *const both[] = {a, b};
    double n = 1;
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < both[k]->axis.n; i++) {
            const int label = both[k]->axis.at[i];
            if (k == 0 || find(&a->axis, label) < 0) n *= e->size[label] > 2 ? (double)e->size[label] : 2;
        }
    return n;
}

static bool contract_cheapest(einsum *e) {
    int a = 0, b = 1;
    for (int i = 0; i < e->terms; i++)
        for (int j = i + 1; j < e->terms; j++)
            if (cost(e, &e->term[i], &e->term[j]) < cost(e, &e->term[a], &e->term[b])) a = i, b = j;
    return contract(e, a, b);
}

/* ---- the equation and its operands ---- */

/* Operand k's axes as labels, those of "..." written out. */
static bool label_axes(einsum *e, int k) {
    const ebb_subscript *s = &e->eq.operand[k];
    const ebb_type *type = &e->term[k].x->type;
    const int dots = type->shape.rank - s->letters;
    char text[EBB_TYPE_TEXT];
    if (dots < 0 || (dots > 0 && s->dots < 0))
        return ebb_einsum_refuse(&e->eq, EBB_VALUE_ERROR, s->start, "operand %d is %s; it needs %s%d axes", k + 1,
                                 ebb_type_text(type, text), s->dots < 0 ? "" : "at least ", s->letters);
    labels *axis = &e->term[k].axis;
    for (int i = 0; i <= s->letters; i++) {
        for (int d = dots; i == s->dots && d > 0; d--)
            add(axis, EBB_EINSUM_LETTERS + d - 1);
        if (i < s->letters) add(axis, s->label[i]);
    }
    if (s->dots >= 0 && dots > e->dots) e->dots = dots;
    return true;
}

/* The column where operand k has a letter. */
static int column_of(const einsum *e, int k, int label) {
    const ebb_subscript *s = &e->eq.operand[k];
    int column = s->start;
    for (int i = 0; i < s->letters; i++)
        if (s->label[i] == label) column = s->column[i];
    return column;
}

/* "[4]", or the name of an unknown size. */
static const char *size_text(int64_t size, char text[EBB_TYPE_TEXT]) {
    return ebb_shape_text(&(ebb_shape){1, {size}}, text);
}

static bool refuse_sizes(const einsum *e, int k, int label, int64_t size) {
    char have[EBB_TYPE_TEXT], want[EBB_TYPE_TEXT], name[] = "letter 'x'";
    name[sizeof "letter '" - 1] = ebb_einsum_letter(label);
    return ebb_einsum_refuse(&e->eq, EBB_VALUE_ERROR, column_of(e, k, label),
                             "%s has size %s in operand %d and %s before",
                             label < EBB_EINSUM_LETTERS ? name : "an axis of \"...\"", size_text(size, have), k + 1,
                             size_text(e->size[label], want));
}

static bool measure(einsum *e, int k) {
    const term *t = &e->term[k];
    for (int i = 0; i < t->axis.n; i++) {
        const int label = t->axis.at[i];
        const int64_t size = t->x->type.shape.dim[i];
        const bool stretches = label >= EBB_EINSUM_LETTERS && (size == 1 || e->size[label] == 1);
        if (!e->uses[label]++ || (stretches && e->size[label] == 1))
            e->size[label] = size;
        else if (size != e->size[label] && !stretches)
            return refuse_sizes(e, k, label, size);
    }
    return true;
}

/* The axes of "...", then what appears once, in the order of letters. */
static void implicit_result(einsum *e) {
    for (int d = e->dots; d > 0; d--)
        add(&e->result, EBB_EINSUM_LETTERS + d - 1);
    for (int label = 0; label < EBB_EINSUM_LETTERS; label++)
        if (e->uses[label] == 1) add(&e->result, label);
}

static bool explicit_result(einsum *e) {
    const ebb_subscript *s = &e->eq.result;
    if (s->dots < 0 && e->dots > 0)
        return ebb_einsum_refuse(&e->eq, EBB_VALUE_ERROR, s->start, "the result has no \"...\"");
    for (int i = 0; i <= s->letters; i++) {
        for (int d = e->dots; i == s->dots && d > 0; d--)
            add(&e->result, EBB_EINSUM_LETTERS + d - 1);
        if (i == s->letters) break;
        if (!e->uses[s->label[i]])
            return ebb_einsum_refuse(&e->eq, EBB_VALUE_ERROR, s->column[i], "letter '%c' is in no operand",
                                     ebb_einsum_letter(s->label[i]));
        if (find(&e->result, s->label[i]) >= 0)
            return ebb_einsum_refuse(&e->eq, EBB_VALUE_ERROR, s->column[i], "letter '%c' is in the result twice",
                                     ebb_einsum_letter(s->label[i]));
        add(&e->result, s->label[i]);
    }
    return true;
}

static bool check_dtypes(const einsum *e, int n, ebb_tensor *const *x) {
    char text[EBB_TYPE_TEXT];
    for (int k = 0; k < n; k++) {
        if (x[k]->type.dtype == EBB_BOOL)
            return ebb_einsum_refuse(&e->eq, EBB_TYPE_ERROR, 0, "operand %d is %s; it needs i32, i64, f32 or f64",
                                     k + 1, ebb_type_text(&x[k]->type, text));
        if (x[k]->type.dtype != x[0]->type.dtype)
            return ebb_einsum_refuse(&e->eq, EBB_TYPE_ERROR, 0, "%s and %s do not mix; cast one",
                                     ebb_dtype_short(x[0]->type.dtype), ebb_dtype_short(x[k]->type.dtype));
    }
    return true;
}

static bool read_equation(einsum *e, int n, ebb_tensor *const *x) {
    if (!ebb_einsum_parse(&e->eq) || !check_dtypes(e, n, x)) return false;
    if (n != e->eq.operands)
        return ebb_einsum_refuse(&e->eq, EBB_VALUE_ERROR, 0, "it has %d operands; %d are given", e->eq.operands, n);
    for (e->terms = 0; e->terms < n; e->terms++) {
        e->term[e->terms].x = x[e->terms];
        if (!label_axes(e, e->terms) || !measure(e, e->terms)) return false;
    }
    if (e->eq.has_result && !explicit_result(e)) return false;
    if (!e->eq.has_result) implicit_result(e);
    return e->result.n <= EBB_MAX_RANK || refuse_rank(e, e->result.n);
}

/* ---- running it ---- */

/* Axes of size 1 that stretch go: another operand has them in full. */
static void drop_stretched(const einsum *e, term *t) {
    labels left = {0};
    ebb_shape to = {0};
    const ebb_shape *s = &t->x->type.shape;
    for (int i = 0; i < t->axis.n; i++) {
        if (s->dim[i] != e->size[t->axis.at[i]]) continue;
        to.dim[to.rank++] = s->dim[i];
        add(&left, t->axis.at[i]);
    }
    t->x = ebb_reshaped(e->eq.ebb, t->x, &to, e->eq.site);
    t->axis = left;
}

static bool prepare(einsum *e, int k) {
    term *t = &e->term[k];
    drop_stretched(e, t);
    for (int j = 1; j < t->axis.n; j++) {
        const int i = find(&t->axis, t->axis.at[j]);
        if (i == j) continue;
        if (!take_diagonal(e, t, i, j)) return false;
        j = 0;
    }
    return true;
}

static ebb_tensor *run(einsum *e) {
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
    einsum e = {.eq = {.ebb = ebb, .site = ebb_site_at(file, line), .text = equation}};
    if (!equation || !x || n < 1)
        return ebb_fail_at(ebb, EBB_TYPE_ERROR, e.eq.site, "ebb_einsum: the equation or the operands are missing");
    if (!ebb_operands_usable(ebb, "ebb_einsum", n, x, e.eq.site)) return ebb_poison_of(ebb);
    if (!read_equation(&e, n, x)) return ebb_poison_of(ebb);
    ebb_tensor *y = ebb_poison_of(ebb);
    EBB_SCOPE (ebb)
        y = ebb_keep(run(&e));
    return y;
}
