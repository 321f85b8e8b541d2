/* rows.c - pairs kept row by row: sorted, joined, turned round and multiplied.
 *
 * Invariant: the columns of a row rise and are all different. All of it takes time in proportion to the pairs that are
 * looked at, as what is sorted is sorted by turning it round twice. Start reading at ebb_rows_of_nests. */
#include <string.h>

#include "dual/relation.h"

typedef struct ebb_nest_loop loop;

void ebb_rows_free(const ebb_allocator *a, ebb_rows *r) {
    ebb_mem_free(a, r->start);
    ebb_mem_free(a, r->column);
    *r = (ebb_rows){0};
}

static bool make(const ebb_allocator *a, int64_t rows, int64_t columns, int64_t count, ebb_rows *r) {
    *r = (ebb_rows){rows, columns, ebb_mem_new(a, (size_t)rows + 2, sizeof *r->start),
                    ebb_mem_new(a, (size_t)count + 1, sizeof *r->column)};
    if (r->start && r->column) return true;
    ebb_rows_free(a, r);
    return false;
}

/* start[r + 2] counts row r; then start[r + 1] is where it begins and, when it is filled, where it ends. */
static void add_up(ebb_rows *r) {
    for (int64_t i = 2; i <= r->rows + 1; i++)
        r->start[i] += r->start[i - 1];
}

static void put(ebb_rows *r, int64_t row, int64_t column) { r->column[r->start[row + 1]++] = column; }

bool ebb_rows_transpose(const ebb_allocator *a, const ebb_rows *r, ebb_rows *to) {
    if (!make(a, r->columns, r->rows, ebb_rows_count(r), to)) return false;
    for (int64_t k = 0; k < ebb_rows_count(r); k++)
        to->start[r->column[k] + 2]++;
    add_up(to);
    for (int64_t i = 0; i < r->rows; i++)
        for (int64_t k = r->start[i]; k < r->start[i + 1]; k++)
            put(to, r->column[k], i);
    return true;
}

/* ---- sorting ---- */

static bool is_sorted(const ebb_rows *r) {
    for (int64_t i = 0; i < r->rows; i++)
        for (int64_t k = r->start[i] + 1; k < r->start[i + 1]; k++)
            if (r->column[k] <= r->column[k - 1]) return false;
    return true;
}

static void drop_equal(ebb_rows *r) {
    int64_t to = 0, from = 0;
    for (int64_t i = 0; i < r->rows; i++) {
        int64_t first = to;
        for (; from < r->start[i + 1]; from++)
            if (to == first || r->column[to - 1] != r->column[from]) r->column[to++] = r->column[from];
        r->start[i + 1] = to;
    }
}

/* r with its rows sorted; r is used up if that fails. */
static bool sorted(const ebb_allocator *a, ebb_rows *r) {
    ebb_rows turned = {0}, back = {0};
    if (is_sorted(r)) return true;
    bool ok = ebb_rows_transpose(a, r, &turned) && ebb_rows_transpose(a, &turned, &back);
    ebb_rows_free(a, &turned);
    ebb_rows_free(a, r);
    *r = back;
    if (ok) drop_equal(r);
    return ok;
}

/* ---- from nests ---- */

/* Walks all pairs of the nest, the innermost loop in one go: counts them, or puts them into their rows. */
static void walk(const ebb_nest *n, ebb_rows *r, bool count) {
    int64_t at[EBB_MOST_LOOPS] = {0}, row = n->row, column = n->column;
    const loop one = {1, 0, 0}, *inner = n->loops ? &n->loop[n->loops - 1] : &one;
    for (;;) {
        for (int64_t i = 0; count && i < inner->count; i++)
            r->start[row + i * inner->row + 2]++;
        for (int64_t i = 0; !count && i < inner->count; i++)
            put(r, row + i * inner->row, column + i * inner->column);
        int k = n->loops - 2;
        for (; k >= 0 && ++at[k] == n->loop[k].count; k--) {
            at[k] = 0;
            row -= (n->loop[k].count - 1) * n->loop[k].row;
            column -= (n->loop[k].count - 1) * n->loop[k].column;
        }
        if (k < 0) return;
        row += n->loop[k].row;
        column += n->loop[k].column;
    }
}

/* Nests by their first column fill most rows in order. */
static void order(int32_t nests, const ebb_nest *nest, int32_t *by) {
    for (int32_t i = 0; i < nests; i++) {
        int32_t k = i;
        for (; k > 0 && nest[by[k - 1]].column - nest[by[k - 1]].row > nest[i].column - nest[i].row; k--)
            by[k] = by[k - 1];
        by[k] = i;
    }
}

bool ebb_rows_of_nests(const ebb_allocator *a, int64_t rows, int64_t columns, int32_t nests, const ebb_nest *nest,
                       ebb_rows *to) {
    double pairs = 0;
    int32_t *by = ebb_mem_new(a, (size_t)nests + 1, sizeof *by);
    for (int32_t k = 0; k < nests; k++)
        pairs += ebb_nest_pairs(&nest[k]);
    bool ok = by && make(a, rows, columns, (int64_t)pairs, to);
    if (ok) {
        order(nests, nest, by);
        for (int32_t k = 0; k < nests; k++)
            walk(&nest[by[k]], to, true);
        add_up(to);
        for (int32_t k = 0; k < nests; k++)
            walk(&nest[by[k]], to, false);
        ok = sorted(a, to);
    }
    ebb_mem_free(a, by);
    return ok;
}

/* ---- two of them ---- */

static int64_t merge(const ebb_rows *x, const ebb_rows *y, int64_t row, int64_t *to) {
    int64_t i = x->start[row], k = y->start[row], n = 0;
    while (i < x->start[row + 1] || k < y->start[row + 1]) {
        bool from_y = i == x->start[row + 1] || (k < y->start[row + 1] && y->column[k] <= x->column[i]);
        int64_t column = from_y ? y->column[k] : x->column[i];
        if (from_y && i < x->start[row + 1] && x->column[i] == column) i++;
        *(from_y ? &k : &i) += 1;
        to[n++] = column;
    }
    return n;
}

bool ebb_rows_join(const ebb_allocator *a, const ebb_rows *x, const ebb_rows *y, ebb_rows *to) {
    if (!make(a, x->rows, x->columns, ebb_rows_count(x) + ebb_rows_count(y), to)) return false;
    for (int64_t i = 0; i < x->rows; i++)
        to->start[i + 1] = to->start[i] + merge(x, y, i, to->column + to->start[i]);
    return true;
}

double ebb_rows_chain_work(const ebb_rows *x, const ebb_rows *y) {
    double work = 0;
    for (int64_t k = 0; k < ebb_rows_count(x); k++)
        work += (double)(y->start[x->column[k] + 1] - y->start[x->column[k]]);
    return work;
}

/* Column by column, each once a row: seen[column] is the last row that had it, from 1. */
static int64_t chain_row(const ebb_rows *x, const ebb_rows *y, int64_t row, int64_t *seen, int64_t *to) {
    int64_t n = 0;
    for (int64_t k = x->start[row]; k < x->start[row + 1]; k++)
        for (int64_t i = y->start[x->column[k]]; i < y->start[x->column[k] + 1]; i++) {
            if (seen[y->column[i]] == row + 1) continue;
            seen[y->column[i]] = row + 1;
            to[n++] = y->column[i];
        }
    return n;
}

bool ebb_rows_chain(const ebb_allocator *a, const ebb_rows *x, const ebb_rows *y, ebb_rows *to) {
    int64_t *seen = ebb_mem_new(a, (size_t)y->columns + 1, sizeof *seen);
    bool ok = seen && make(a, x->rows, y->columns, (int64_t)ebb_rows_chain_work(x, y), to);
    for (int64_t i = 0; ok && i < x->rows; i++)
        to->start[i + 1] = to->start[i] + chain_row(x, y, i, seen, to->column + to->start[i]);
    ebb_mem_free(a, seen);
    return ok && sorted(a, to);
}
