/* relation.c - sets of pairs: nests that grow together, and what is left row by row.
 *
 * Invariant: every nest is tidy: no loop of one step or without a step, rows rising, outer loops first, loops that
 * continue each other one loop. So equal sets mostly look equal, and a diagonal that comes in two pieces is one loop
 * again. Start reading at ebb_relation_add. */
#include "dual/relation.h"

#include <string.h>

enum { MOST_NESTS = 48, FEW_NESTS = 8, FEW_PAIRS = 4096 }; /* what is small is not worth many nests */

/* ---- one nest ---- */

typedef struct ebb_nest_loop loop;

void ebb_nest_add(ebb_nest *n, int64_t count, int64_t row, int64_t column) {
    n->loop[n->loops++] = (loop){count, row, column};
}

void ebb_nest_transpose(ebb_nest *n) {
    int64_t row = n->row;
    n->row = n->column;
    n->column = row;
    for (int k = 0; k < n->loops; k++)
        n->loop[k] = (loop){n->loop[k].count, n->loop[k].column, n->loop[k].row};
    ebb_nest_tidy(n);
}

double ebb_nest_pairs(const ebb_nest *n) {
    double pairs = 1;
    for (int k = 0; k < n->loops; k++)
        pairs *= (double)n->loop[k].count;
    return pairs;
}

/* Rising, or level in the rows and rising in the columns. */
static void turn_up(ebb_nest *n, loop *l) {
    if (l->row > 0 || (l->row == 0 && l->column >= 0)) return;
    n->row += l->row * (l->count - 1);
    n->column += l->column * (l->count - 1);
    l->row = -l->row;
    l->column = -l->column;
}

static bool before(const loop *a, const loop *b) {
    if (a->row != b->row) return a->row > b->row;
    return a->column != b->column ? a->column > b->column : a->count > b->count;
}

static void sort_loops(ebb_nest *n) {
    for (int i = 1; i < n->loops; i++) {
        loop l = n->loop[i];
        int k = i;
        for (; k > 0 && before(&l, &n->loop[k - 1]); k--)
            n->loop[k] = n->loop[k - 1];
        n->loop[k] = l;
    }
}

static void drop(ebb_nest *n, int k) {
    memmove(&n->loop[k], &n->loop[k + 1], (size_t)(--n->loops - k) * sizeof n->loop[k]);
}

/* The number t with (row, column) = t steps of l; false: there is none. */
static bool steps(const loop *l, int64_t row, int64_t column, int64_t *t) {
    int64_t step = l->row ? l->row : l->column, way = l->row ? row : column;
    *t = step ? way / step : 0;
    return row == *t * l->row && column == *t * l->column;
}

/* An outer loop whose step the inner one reaches only makes the inner one longer. */
static void unite_loops(ebb_nest *n) {
    for (int k = n->loops - 1; k > 0; k--) {
        loop *inner = &n->loop[k], *outer = &n->loop[k - 1];
        int64_t t;
        if (!steps(inner, outer->row, outer->column, &t) || t < 1 || t > inner->count) continue;
        inner->count += t * (outer->count - 1);
        drop(n, k - 1);
    }
}

bool ebb_nest_tidy(ebb_nest *n) {
    for (int k = n->loops - 1; k >= 0; k--) {
        loop *l = &n->loop[k];
        if (l->count <= 0) return false;
        if (l->count == 1 || (l->row == 0 && l->column == 0))
            drop(n, k);
        else
            turn_up(n, l);
    }
    sort_loops(n);
    unite_loops(n);
    return true;
}

/* ---- two nests that are one ---- */

static bool same_loop(const loop *a, const loop *b) {
    return a->count == b->count && a->row == b->row && a->column == b->column;
}

/* Whether y has x's loops, but for loop k, where *count says how often it has it. */
static bool same_but(const ebb_nest *x, const ebb_nest *y, int k, int64_t *count) {
    const loop *l = &x->loop[k];
    bool has = y->loops == x->loops && y->loop[k].row == l->row && y->loop[k].column == l->column;
    if (!has && y->loops != x->loops - 1) return false;
    *count = has ? y->loop[k].count : 1;
    for (int i = 0; i < x->loops; i++)
        if (i != k && !same_loop(&x->loop[i], &y->loop[i - (!has && i > k)])) return false;
    return true;
}

/* x becomes both, if y goes on, along one loop, where x is or ends. */
static bool unite(ebb_nest *x, const ebb_nest *y) {
    int64_t count, t;
    for (int k = 0; k < x->loops; k++) {
        if (!same_but(x, y, k, &count) || !steps(&x->loop[k], y->row - x->row, y->column - x->column, &t)) continue;
        if (t > x->loop[k].count || -t > count) continue;
        int64_t first = t < 0 ? t : 0, end = t + count > x->loop[k].count ? t + count : x->loop[k].count;
        x->row += first * x->loop[k].row;
        x->column += first * x->loop[k].column;
        x->loop[k].count = end - first;
        return ebb_nest_tidy(x);
    }
    return x->loops == 0 && y->loops == 0 && x->row == y->row && x->column == y->column;
}

/* ---- relations ---- */

void ebb_relation_start(ebb_relation *r, const ebb_relation *like, int64_t rows, int64_t columns) {
    *r = (ebb_relation){.allocator = like->allocator, .most = like->most, .rows = rows, .columns = columns};
}

void ebb_relation_free(ebb_relation *r) {
    if (!r->allocator) return;
    ebb_mem_free(r->allocator, r->nest);
    ebb_rows_free(r->allocator, &r->rest);
    *r = (ebb_relation){0};
}

static ebb_nest everything(const ebb_relation *r) {
    ebb_nest n = {0};
    ebb_nest_add(&n, r->rows, 1, 0);
    ebb_nest_add(&n, r->columns, 0, 1);
    return n;
}

/* All that there is takes the place of all else. */
bool ebb_relation_add_all(ebb_relation *r) {
    ebb_nest n = everything(r);
    r->nests = 0;
    r->all = false;
    ebb_rows_free(r->allocator, &r->rest);
    return !ebb_nest_tidy(&n) || (ebb_relation_add(r, &n) && (r->all = true));
}

double ebb_relation_pairs(const ebb_relation *r) {
    double pairs = (double)ebb_rows_count(&r->rest);
    for (int32_t k = 0; k < r->nests; k++)
        pairs += ebb_nest_pairs(&r->nest[k]);
    return pairs;
}

bool ebb_relation_all_rows(const ebb_relation *r, ebb_rows *rows) {
    ebb_rows own = {0};
    if (!ebb_rows_of_nests(r->allocator, r->rows, r->columns, r->nests, r->nest, &own)) return false;
    if (!r->rest.start) return *rows = own, true;
    bool ok = ebb_rows_join(r->allocator, &own, &r->rest, rows);
    ebb_rows_free(r->allocator, &own);
    return ok;
}

/* The nests go to the rest, row by row; if these are too many, everything is said instead. */
static bool put_aside(ebb_relation *r) {
    ebb_rows all = {0};
    if (ebb_relation_pairs(r) > r->most) return ebb_relation_add_all(r);
    if (!ebb_relation_all_rows(r, &all)) return false;
    ebb_rows_free(r->allocator, &r->rest);
    r->rest = all;
    r->nests = 0;
    return true;
}

/* n becomes both, if they are one. */
static bool take_in(ebb_nest *n, const ebb_nest *other) {
    ebb_nest both = *other;
    if (n->loops >= other->loops) return unite(n, other);
    if (!unite(&both, n)) return false;
    *n = both;
    return true;
}

static bool is_irregular(const ebb_relation *r) {
    return r->nests == MOST_NESTS || (r->nests >= FEW_NESTS && r->rows + ebb_relation_pairs(r) <= FEW_PAIRS);
}

/* A nest that has taken another in may reach a third one. */
bool ebb_relation_add(ebb_relation *r, const ebb_nest *nest) {
    ebb_nest n = *nest;
    if (!ebb_nest_tidy(&n) || r->all) return true;
    for (int32_t k = 0; k < r->nests; k++) {
        if (!take_in(&n, &r->nest[k])) continue;
        r->nest[k] = r->nest[--r->nests];
        k = -1;
    }
    if (is_irregular(r) && !put_aside(r)) return false;
    if (r->all) return true;
    if (!ebb_mem_reserve(r->allocator, &r->nest, &r->capacity, r->nests + (int64_t)1, sizeof n)) return false;
    r->nest[r->nests++] = n;
    return true;
}

bool ebb_relation_add_rows(ebb_relation *r, ebb_rows *rows) {
    ebb_rows all = {0};
    bool ok = true;
    if (!r->all && r->rest.start) {
        ok = ebb_rows_join(r->allocator, &r->rest, rows, &all);
        ebb_rows_free(r->allocator, rows);
        *rows = all;
    }
    if (ok && !r->all) {
        ebb_rows_free(r->allocator, &r->rest);
        r->rest = *rows;
        *rows = (ebb_rows){0};
    }
    ebb_rows_free(r->allocator, rows);
    return ok;
}

/* ---- from relations to relations ---- */

static bool move_rows(ebb_relation *r, const ebb_rows *x, int64_t row, int64_t column) {
    ebb_rows moved = {r->rows, r->columns, ebb_mem_new(r->allocator, (size_t)r->rows + 1, sizeof *moved.start),
                      ebb_mem_new(r->allocator, (size_t)ebb_rows_count(x) + 1, sizeof *moved.column)};
    bool ok = moved.start && moved.column;
    for (int64_t i = 0; ok && i <= r->rows; i++)
        moved.start[i] = i < row ? 0 : x->start[i - row < x->rows ? i - row : x->rows];
    for (int64_t k = 0; ok && k < ebb_rows_count(x); k++)
        moved.column[k] = x->column[k] + column;
    if (ok) return ebb_relation_add_rows(r, &moved);
    ebb_rows_free(r->allocator, &moved);
    return false;
}

bool ebb_relation_join(ebb_relation *r, const ebb_relation *x, int64_t row, int64_t column) {
    for (int32_t k = 0; k < x->nests; k++) {
        ebb_nest n = x->nest[k];
        n.row += row;
        n.column += column;
        if (!ebb_relation_add(r, &n)) return false;
    }
    return !x->rest.start || move_rows(r, &x->rest, row, column);
}

bool ebb_relation_add_transpose(ebb_relation *r) {
    ebb_relation turned;
    ebb_rows rows = {0};
    ebb_relation_start(&turned, r, r->columns, r->rows);
    bool ok =
        !r->rest.start || (ebb_rows_transpose(r->allocator, &r->rest, &rows) && ebb_relation_add_rows(&turned, &rows));
    for (int32_t k = 0; ok && k < r->nests; k++) {
        ebb_nest n = r->nest[k];
        ebb_nest_transpose(&n);
        ok = ebb_relation_add(&turned, &n);
    }
    ok = ok && ebb_relation_join(r, &turned, 0, 0);
    ebb_relation_free(&turned);
    return ok;
}

static bool chain_rows(ebb_relation *r, const ebb_rows *x, const ebb_rows *y) {
    ebb_rows both = {0};
    if (ebb_rows_chain_work(x, y) > r->most) return ebb_relation_add_all(r);
    return ebb_rows_chain(r->allocator, x, y, &both) && ebb_relation_add_rows(r, &both);
}

/* Two nests without a common form, pair by pair. */
static bool chain_pairs(ebb_relation *r, const ebb_relation *x, int32_t i, const ebb_relation *y, int32_t k) {
    ebb_rows of_x = {0}, of_y = {0};
    if (ebb_nest_pairs(&x->nest[i]) + ebb_nest_pairs(&y->nest[k]) > r->most) return ebb_relation_add_all(r);
    bool ok = ebb_rows_of_nests(r->allocator, x->rows, x->columns, 1, &x->nest[i], &of_x) &&
              ebb_rows_of_nests(r->allocator, y->rows, y->columns, 1, &y->nest[k], &of_y) &&
              chain_rows(r, &of_x, &of_y);
    ebb_rows_free(r->allocator, &of_x);
    ebb_rows_free(r->allocator, &of_y);
    return ok;
}

static bool chain_nests(ebb_relation *r, const ebb_relation *x, const ebb_shape *between, const ebb_relation *y) {
    for (int32_t i = 0; i < x->nests; i++)
        for (int32_t k = 0; k < y->nests; k++) {
            bool done;
            if (!ebb_nests_chain(r, &x->nest[i], between, &y->nest[k], &done) || (!done && !chain_pairs(r, x, i, y, k)))
                return false;
        }
    return true;
}

/* What one of the two has row by row, with all of the other. */
static bool chain_rest(ebb_relation *r, const ebb_relation *x, const ebb_relation *y) {
    ebb_rows all = {0};
    bool ok = true;
    if (ebb_relation_pairs(x) + ebb_relation_pairs(y) > r->most) return ebb_relation_add_all(r);
    if (y->rest.start) ok = ebb_relation_all_rows(x, &all) && chain_rows(r, &all, &y->rest);
    ebb_rows_free(r->allocator, &all);
    if (ok && x->rest.start && y->nests)
        ok = ebb_rows_of_nests(r->allocator, y->rows, y->columns, y->nests, y->nest, &all) &&
             chain_rows(r, &x->rest, &all);
    ebb_rows_free(r->allocator, &all);
    return ok;
}

bool ebb_relation_chain(ebb_relation *r, const ebb_relation *x, const ebb_shape *between, const ebb_relation *y) {
    return chain_nests(r, x, between, y) && ((!x->rest.start && !y->rest.start) || chain_rest(r, x, y));
}
