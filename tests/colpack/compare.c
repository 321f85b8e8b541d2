/* compare.c - our colourings of random patterns beside those of ColPack, in the same two orders, of which both take the
 * better one: the greedy choice is the same, so the numbers of colours may differ by what ties decide, no more. Built
 * where ColPack and a C++ compiler are (CMakeLists.txt). Start reading at compare. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dual/colour.h"
#include "tests/support/random_graph.h"

int colpack_star(int64_t n, const int64_t *start, const int64_t *column, const char *order);
int colpack_columns(int64_t rows, int64_t columns, const int64_t *start, const int64_t *column, const char *order);

static const ebb_allocator *const memory = &ebb_malloc_allocator;

/* About `each` entries in a row; with `symmetric` in both halves, and a diagonal. */
static ebb_rows random_rows(uint64_t seed, int64_t rows, int64_t columns, int64_t each, bool symmetric) {
    bool *has = calloc((size_t)(rows * columns), sizeof *has);
    ebb_rows r = {rows, columns, ebb_mem_new(memory, (size_t)rows + 1, sizeof *r.start),
                  ebb_mem_new(memory, (size_t)(rows * columns), sizeof *r.column)};
    for (int64_t e = 0; e < rows * each / (symmetric ? 2 : 1); e++) {
        int64_t i = (int64_t)(ebb_random_next(&seed) % (uint64_t)rows);
        int64_t k = (int64_t)(ebb_random_next(&seed) % (uint64_t)columns);
        has[i * columns + k] = true;
        if (symmetric) has[k * columns + i] = has[i * columns + i] = true;
    }
    for (int64_t i = 0, n = 0; i < rows; r.start[++i] = n)
        for (int64_t k = 0; k < columns; k++)
            if (has[i * columns + k]) r.column[n++] = k;
    free(has);
    return r;
}

static int ours(const ebb_rows *r, bool star) {
    int32_t *colour = calloc((size_t)r->columns + 1, sizeof *colour), colours = 0;
    ebb_rows turned = {0};
    bool ok = ebb_rows_transpose(memory, r, &turned) &&
              (star ? ebb_colour_star(memory, r, colour, &colours)
                    : ebb_colour_columns(memory, r, &turned, NULL, colour, &colours));
    ebb_rows_free(memory, &turned);
    free(colour);
    return ok ? colours : -1;
}

static int theirs(const ebb_rows *r, bool star) {
    static const char *const orders[] = {"NATURAL", "LARGEST_FIRST"};
    int best = 0;
    for (int k = 0; k < 2; k++) {
        int colours = star ? colpack_star(r->rows, r->start, r->column, orders[k])
                           : colpack_columns(r->rows, r->columns, r->start, r->column, orders[k]);
        if (k == 0 || colours < best) best = colours;
    }
    return best;
}

/* True: as good as theirs. Ties among equally long columns may cost a tenth of the colours, and one. */
static bool compare(uint64_t seed, int64_t rows, int64_t columns, int64_t each, bool star, int sum[2]) {
    ebb_rows r = random_rows(seed, rows, columns, each, star);
    const int a = ours(&r, star), b = theirs(&r, star);
    const bool good = a > 0 && a <= b + b / 10 + 1;
    if (!good)
        printf("%d x %d, seed %d, %s: %d colours, ColPack %d\n", (int)rows, (int)columns, (int)seed,
               star ? "star" : "columns", a, b);
    sum[0] += a, sum[1] += b;
    ebb_rows_free(memory, &r);
    return good;
}

int main(void) {
    int cases = 0, bad = 0, sum[2][2] = {{0}};
    for (uint64_t seed = 1; seed <= 60; seed++) {
        const int64_t rows = 20 + (int64_t)(seed * 37 % 180), columns = 20 + (int64_t)(seed * 53 % 180);
        const int64_t each = 1 + (int64_t)(seed % 6);
        bad += !compare(seed, rows, rows, each, true, sum[1]);
        bad += !compare(seed, rows, columns, each, false, sum[0]);
        cases += 2;
    }
    printf("cases: %d patterns; star colours %d, ColPack %d; column colours %d, ColPack %d\n", cases, sum[1][0],
           sum[1][1], sum[0][0], sum[0][1]);
    return bad != 0;
}
