/* compress.c - from a pattern to products: which way they go, how many there are, and where each entry is found in
 * them.
 *
 * Of a Jacobian there are four plans: all columns forward, all rows in reverse, and either of them with the few longest
 * lines of the other direction apart, as a row with k entries costs k forward products or one reverse one. A reverse
 * product counts twice. Start reading at ebb_compress_hessian, then ebb_compress_jacobian. */
#include "dual/colour.h"

#include <string.h>

void ebb_compressed_free(const ebb_allocator *a, ebb_compressed *c) {
    ebb_rows_free(a, &c->pattern);
    ebb_mem_free(a, c->of_column);
    ebb_mem_free(a, c->of_row);
    ebb_mem_free(a, c->place);
    *c = (ebb_compressed){0};
}

static bool start(const ebb_allocator *a, ebb_rows *pattern, ebb_compressed *c) {
    *c = (ebb_compressed){.pattern = *pattern};
    *pattern = (ebb_rows){0};
    c->of_column = ebb_mem_new(a, (size_t)c->pattern.columns + 1, sizeof *c->of_column);
    c->of_row = ebb_mem_new(a, (size_t)c->pattern.rows + 1, sizeof *c->of_row);
    c->place = ebb_mem_new(a, (size_t)ebb_rows_count(&c->pattern) + 1, sizeof *c->place);
    if (!c->of_column || !c->of_row || !c->place) return false;
    for (int64_t i = 0; i < c->pattern.rows; i++)
        c->of_row[i] = -1;
    return true;
}

/* ---- Hessians ---- */

/* How many columns of each colour row i has: `seen` by colour, from the row's number on. */
static void count_colours(const ebb_compressed *c, int64_t i, int32_t *seen, int change) {
    for (int64_t k = c->pattern.start[i]; k < c->pattern.start[i + 1]; k++)
        seen[c->of_column[c->pattern.column[k]]] += change;
}

/* Entry (i, j) stands alone in row i of j's product, or in row j of i's. */
static void find_places(ebb_compressed *c, int32_t *seen) {
    const ebb_rows *r = &c->pattern;
    for (int64_t i = 0; i < r->rows; i++) {
        count_colours(c, i, seen, 1);
        for (int64_t k = r->start[i]; k < r->start[i + 1]; k++) {
            int64_t j = r->column[k];
            bool alone = seen[c->of_column[j]] == 1;
            c->place[k] = alone ? c->of_column[j] * r->rows + i : c->of_column[i] * r->rows + j;
        }
        count_colours(c, i, seen, -1);
    }
}

bool ebb_compress_hessian(const ebb_allocator *a, ebb_rows *pattern, ebb_compressed *c) {
    bool ok = start(a, pattern, c) && ebb_colour_star(a, &c->pattern, c->of_column, &c->forward);
    int32_t *seen = ok ? ebb_mem_new(a, (size_t)c->forward + 1, sizeof *seen) : NULL;
    if (seen) find_places(c, seen);
    ebb_mem_free(a, seen);
    if (seen) return true;
    ebb_compressed_free(a, c);
    return false;
}

/* ---- Jacobians ---- */

/* A plan for r as it lies: columns of one colour together, the rows that are `apart` one by one or together. */
typedef struct plan {
    bool *apart;
    int32_t *of_column, *of_row, columns, rows; /* how many colours each */
} plan;

static void plan_free(const ebb_allocator *a, plan *p) {
    ebb_mem_free(a, p->apart);
    ebb_mem_free(a, p->of_column);
    ebb_mem_free(a, p->of_row);
    *p = (plan){0};
}

/* The row length from which on rows are apart: the least sum of products. count[l]: rows of length l. */
static int64_t cut(const int64_t *count, int64_t most, int64_t cost) {
    int64_t best = most, best_sum = most, apart = 0;
    for (int64_t l = most; l > 0; l--) {
        apart += count[l];
        if (l - 1 + apart * cost >= best_sum) continue;
        best = l - 1;
        best_sum = l - 1 + apart * cost;
    }
    return best;
}

static bool set_apart(const ebb_allocator *a, const ebb_rows *r, int64_t cost, plan *p) {
    int64_t most = 0, *count;
    for (int64_t i = 0; i < r->rows; i++)
        if (r->start[i + 1] - r->start[i] > most) most = r->start[i + 1] - r->start[i];
    count = ebb_mem_new(a, (size_t)most + 1, sizeof *count);
    for (int64_t i = 0; count && i < r->rows; i++)
        count[r->start[i + 1] - r->start[i]]++;
    int64_t limit = count ? cut(count, most, cost) : 0;
    for (int64_t i = 0; count && i < r->rows; i++)
        p->apart[i] = r->start[i + 1] - r->start[i] > limit;
    ebb_mem_free(a, count);
    return count != NULL;
}

/* Rows apart of which no two share a column go together: a colouring of the transpose, without the other rows. */
static bool colour_apart(const ebb_allocator *a, const ebb_rows *r, plan *p) {
    ebb_rows some = {r->rows, r->columns, ebb_mem_new(a, (size_t)r->rows + 1, sizeof *some.start),
                     ebb_mem_new(a, (size_t)ebb_rows_count(r) + 1, sizeof *some.column)},
             turned = {0};
    bool ok = some.start && some.column;
    for (int64_t i = 0, n = 0; ok && i < r->rows; some.start[++i] = n)
        for (int64_t k = r->start[i]; p->apart[i] && k < r->start[i + 1]; k++)
            some.column[n++] = r->column[k];
    ok =
        ok && ebb_rows_transpose(a, &some, &turned) && ebb_colour_columns(a, &turned, &some, NULL, p->of_row, &p->rows);
    ebb_rows_free(a, &some);
    ebb_rows_free(a, &turned);
    return ok;
}

/* cost: of a product of a row apart, in products of columns; 0: none is apart. */
static bool make_plan(const ebb_allocator *a, const ebb_rows *r, const ebb_rows *turned, int64_t cost, plan *p) {
    *p = (plan){ebb_mem_new(a, (size_t)r->rows + 1, sizeof *p->apart),
                ebb_mem_new(a, (size_t)r->columns + 1, sizeof *p->of_column),
                ebb_mem_new(a, (size_t)r->rows + 1, sizeof *p->of_row), 0, 0};
    return p->apart && p->of_column && p->of_row && (!cost || set_apart(a, r, cost, p)) && colour_apart(a, r, p) &&
           ebb_colour_columns(a, r, turned, p->apart, p->of_column, &p->columns);
}

/* Forward products for columns and reverse ones for rows; turned round if the plan is for the transpose. */
static void use(ebb_compressed *c, const plan *p, bool turned) {
    const ebb_rows *r = &c->pattern;
    c->forward = turned ? p->rows : p->columns;
    c->reverse = turned ? p->columns : p->rows;
    memcpy(c->of_column, turned ? p->of_row : p->of_column, (size_t)r->columns * sizeof *c->of_column);
    memcpy(c->of_row, turned ? p->of_column : p->of_row, (size_t)r->rows * sizeof *c->of_row);
    for (int64_t i = 0; i < r->rows; i++)
        for (int64_t k = r->start[i]; k < r->start[i + 1]; k++) {
            int64_t j = r->column[k];
            bool reverse = turned ? !p->apart[j] : p->apart[i];
            c->place[k] =
                reverse ? c->forward * r->rows + c->of_row[i] * r->columns + j : c->of_column[j] * r->rows + i;
        }
}

enum { REVERSE_COST = 2 };

static int64_t cost_of(const plan *p, bool turned) {
    int64_t forward = turned ? p->rows : p->columns, reverse = turned ? p->columns : p->rows;
    return forward + REVERSE_COST * reverse;
}

static bool choose(const ebb_allocator *a, const ebb_rows *turned, ebb_road road, ebb_compressed *c) {
    const ebb_rows *r = &c->pattern;
    plan columns = {0}, rows = {0};
    bool mixed = road == EBB_CHEAPER, ok = true;
    if (road != EBB_REVERSE) ok = make_plan(a, r, turned, mixed ? REVERSE_COST : 0, &columns);
    if (ok && road != EBB_FORWARD) ok = make_plan(a, turned, r, mixed ? 1 : 0, &rows);
    bool by_rows = road == EBB_REVERSE || (mixed && cost_of(&rows, true) < cost_of(&columns, false));
    if (ok) use(c, by_rows ? &rows : &columns, by_rows);
    plan_free(a, &columns);
    plan_free(a, &rows);
    return ok;
}

bool ebb_compress_jacobian(const ebb_allocator *a, ebb_rows *pattern, ebb_road road, ebb_compressed *c) {
    ebb_rows turned = {0};
    bool ok = start(a, pattern, c) && ebb_rows_transpose(a, &c->pattern, &turned) && choose(a, &turned, road, c);
    ebb_rows_free(a, &turned);
    if (!ok) ebb_compressed_free(a, c);
    return ok;
}
