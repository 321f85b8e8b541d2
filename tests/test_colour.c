/* test_colour.c - colourings against what they promise, looked at entry by entry: an entry is where the plan says, and
 * nothing else is added to it. Start reading at expect_plan. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "dual/colour.h"
#include "tests/support/random_graph.h"
#include "tests/support/scarce.h"

static const ebb_allocator *const memory = &ebb_malloc_allocator;

/* ---- patterns ---- */

typedef bool has_entry(int64_t i, int64_t k, int64_t n, uint64_t seed);

static uint64_t hash(int64_t i, int64_t k, uint64_t seed) {
    uint64_t s = seed * 1000003u + (uint64_t)i * 7919u + (uint64_t)k;
    return ebb_random_next(&s);
}
static bool tridiagonal(int64_t i, int64_t k, int64_t n, uint64_t s) { return (void)n, (void)s, llabs(i - k) <= 1; }
static bool band(int64_t i, int64_t k, int64_t n, uint64_t s) { return (void)n, llabs(i - k) <= (int64_t)s; }
static bool arrow_up(int64_t i, int64_t k, int64_t n, uint64_t s) {
    return (void)n, (void)s, i == k || i == 0 || k == 0;
}
static bool arrow_down(int64_t i, int64_t k, int64_t n, uint64_t s) {
    return (void)s, i == k || i == n - 1 || k == n - 1;
}
static bool two_hubs(int64_t i, int64_t k, int64_t n, uint64_t s) {
    return (void)s, i == k || i == n / 2 || k == n / 2 || i == n / 3 || k == n / 3;
}
static bool nothing(int64_t i, int64_t k, int64_t n, uint64_t s) { return (void)i, (void)k, (void)n, (void)s, false; }
static bool full(int64_t i, int64_t k, int64_t n, uint64_t s) { return (void)i, (void)k, (void)n, (void)s, true; }
static bool blocks(int64_t i, int64_t k, int64_t n, uint64_t s) { return (void)n, i / (int64_t)s == k / (int64_t)s; }
static bool grid(int64_t i, int64_t k, int64_t n, uint64_t s) {
    (void)n;
    int64_t w = (int64_t)s, d = llabs(i - k);
    return d == 0 || d == w || (d == 1 && i / w == k / w);
}
static bool off_diagonal(int64_t i, int64_t k, int64_t n, uint64_t s) { return (void)n, (void)s, llabs(i - k) == 1; }
static bool scattered(int64_t i, int64_t k, int64_t n, uint64_t s) {
    int64_t a = i < k ? i : k, b = i < k ? k : i;
    return hash(a, b, s) % (uint64_t)n < 3;
}
static bool some_rows(int64_t i, int64_t k, int64_t n, uint64_t s) { return i % 3 != 1 && scattered(i, k, n, s); }
static bool long_row(int64_t i, int64_t k, int64_t n, uint64_t s) { return i == n / 2 || scattered(i, k, n, s); }
static bool long_column(int64_t i, int64_t k, int64_t n, uint64_t s) { return long_row(k, i, n, s); }
static bool long_both(int64_t i, int64_t k, int64_t n, uint64_t s) {
    return long_row(i, k, n, s) || long_row(k, i, n, s);
}

static const struct shape_of_pattern {
    const char *name;
    has_entry *has;
    int64_t rows, columns;
    uint64_t seed;
    int hessian, jacobian; /* products at most; 0: not asked. A reverse product counts twice */
} patterns[] = {
    {"diagonal", band, 20, 20, 0, 1, 1},
    {"tridiagonal", tridiagonal, 50, 50, 0, 3, 3},
    {"band", band, 40, 40, 4, 9, 9},
    {"arrow up", arrow_up, 40, 40, 0, 2, 4},
    {"arrow down", arrow_down, 40, 40, 0, 2, 4},
    {"large arrow", arrow_down, 400, 400, 0, 2, 4},
    {"two hubs", two_hubs, 400, 400, 0, 3, 0},
    {"nothing", nothing, 5, 5, 0, 0, 0},
    {"no rows", full, 0, 4, 0, 0, 0},
    {"full", full, 12, 12, 0, 12, 12},
    {"full rows", full, 2, 30, 0, 0, 4},
    {"full columns", full, 30, 2, 0, 0, 2},
    {"blocks of 70", blocks, 210, 210, 70, 70, 70},
    {"grid", grid, 100, 100, 10, 6, 7},
    {"off the diagonal", off_diagonal, 30, 30, 0, 3, 2},
    {"scattered", scattered, 80, 80, 1, 0, 0},
    {"scattered again", scattered, 300, 300, 2, 0, 0},
    {"empty rows", some_rows, 60, 60, 3, 0, 0},
    {"a long row", long_row, 100, 100, 4, 0, 20},
    {"a long column", long_column, 100, 100, 4, 0, 20},
    {"both", long_both, 200, 200, 4, 20, 0},
    {"wide", scattered, 30, 90, 5, 0, 0},
    {"high", scattered, 90, 30, 6, 0, 0},
};

static ebb_rows rows_of(const struct shape_of_pattern *p) {
    ebb_rows r = {p->rows, p->columns, ebb_mem_new(memory, (size_t)p->rows + 2, sizeof *r.start),
                  ebb_mem_new(memory, (size_t)(p->rows * p->columns) + 1, sizeof *r.column)};
    for (int64_t i = 0, n = 0; i < p->rows; r.start[++i] = n)
        for (int64_t k = 0; k < p->columns; k++)
            if (p->has(i, k, p->rows > p->columns ? p->rows : p->columns, p->seed)) r.column[n++] = k;
    return r;
}

static bool is_symmetric(const struct shape_of_pattern *p) {
    return p->rows == p->columns && p->has != long_row && p->has != long_column && p->has != some_rows;
}

/* ---- the plan, carried out with whole numbers ---- */

/* A number for each entry; the same for its mirror image if the matrix is symmetric. */
static int64_t number(int64_t i, int64_t k, bool symmetric) {
    return symmetric && i > k ? number(k, i, true) : (int64_t)(hash(i, k, 99) % 1000003);
}

/* All products, one after the other, as the plan wants them. */
static int64_t *multiply(const ebb_compressed *c, bool symmetric) {
    const ebb_rows *r = &c->pattern;
    int64_t *all = calloc((size_t)(c->forward * r->rows + c->reverse * r->columns) + 1, sizeof *all);
    for (int64_t i = 0; i < r->rows; i++)
        for (int64_t e = r->start[i]; e < r->start[i + 1]; e++) {
            int64_t k = r->column[e], value = number(i, k, symmetric);
            if (c->of_column[k] >= 0) all[c->of_column[k] * r->rows + i] += value;
            if (c->of_row[i] >= 0) all[c->forward * r->rows + c->of_row[i] * r->columns + k] += value;
        }
    return all;
}

static void expect_plan(const ebb_compressed *c, bool symmetric, int most, const char *what) {
    const ebb_rows *r = &c->pattern;
    int64_t *all = multiply(c, symmetric);
    for (int64_t i = 0; i < r->rows; i++)
        for (int64_t e = r->start[i]; e < r->start[i + 1]; e++)
            cr_assert_eq(all[c->place[e]], number(i, r->column[e], symmetric), "%s: entry (%d, %d)", what, (int)i,
                         (int)r->column[e]);
    int products = c->forward + 2 * c->reverse;
    cr_expect(!most || products <= most, "%s: %d products, %d would do", what, products, most);
    free(all);
}

Test(colour, every_entry_stands_alone) {
    static const char *const roads[] = {"cheaper", "forward", "reverse"};
    int cases = 0;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        const struct shape_of_pattern *p = &patterns[i];
        ebb_compressed c;
        char what[80];
        for (int road = 0; road < 3; road++) {
            ebb_rows r = rows_of(p);
            snprintf(what, sizeof what, "Jacobian, %s, %s", roads[road], p->name);
            cr_assert(ebb_compress_jacobian(memory, &r, (ebb_road)road, &c));
            cr_expect(road == EBB_CHEAPER || (road == EBB_FORWARD ? c.reverse : c.forward) == 0, "%s", what);
            expect_plan(&c, false, road ? 0 : p->jacobian, what);
            ebb_compressed_free(memory, &c);
            cases++;
        }
        if (!is_symmetric(p)) continue;
        ebb_rows r = rows_of(p);
        snprintf(what, sizeof what, "Hessian, %s", p->name);
        cr_assert(ebb_compress_hessian(memory, &r, &c));
        expect_plan(&c, true, p->hessian, what);
        ebb_compressed_free(memory, &c);
        cases++;
    }
    printf("cases: %d plans\n", cases);
}

/* ---- time in proportion; no memory ---- */

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* A band with, if asked for, one line that crosses all others. */
static ebb_rows large(int64_t n, bool arrow) {
    ebb_rows r = {n, n, ebb_mem_new(memory, (size_t)n + 2, sizeof *r.start),
                  ebb_mem_new(memory, (size_t)(6 * n) + 1, sizeof *r.column)};
    for (int64_t i = 0, e = 0; i < n; r.start[++i] = e)
        for (int64_t k = arrow && i == n - 1 ? 0 : i - 1; k < n; k = arrow && k == i + 1 && k < n - 1 ? n - 1 : k + 1) {
            if (k >= 0) r.column[e++] = k;
            if (k > i && !(arrow && k < n - 1)) break;
        }
    return r;
}

Test(colour, large_ones_in_time) {
    for (int arrow = 0; arrow < 2; arrow++) {
        ebb_rows r = large(100000, arrow);
        ebb_compressed c;
        double start = seconds();
        cr_assert(ebb_compress_hessian(memory, &r, &c));
        double took = seconds() - start;
        cr_expect_leq(c.forward, 3 + arrow, "%d colours", c.forward);
        cr_expect_lt(took, 1, "%g s", took);
        expect_plan(&c, true, 3 + arrow, "large");
        ebb_compressed_free(memory, &c);
    }
}

Test(colour, without_memory) {
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        for (int hessian = 0; hessian < 2; hessian++)
            for (int64_t k = 0, done = hessian && !is_symmetric(&patterns[i]); !done; k++) {
                scarce s = {.left = k};
                ebb_allocator a = scarce_allocator(&s);
                ebb_rows r = rows_of(&patterns[i]);
                ebb_compressed c;
                s.live = 2; /* what r holds */
                done = hessian ? ebb_compress_hessian(&a, &r, &c) : ebb_compress_jacobian(&a, &r, EBB_CHEAPER, &c);
                if (done) ebb_compressed_free(&a, &c);
                cr_assert_eq(s.live, 0, "%s, allocation %d: %d blocks lost", patterns[i].name, (int)k, (int)s.live);
            }
}
