/* relation.h - which elements depend on which: sets of pairs (row, column), small where they are regular.
 *
 * A nest of loops stands for the pairs (row + sum of i_k loop[k].row, column + sum of i_k loop[k].column), 0 <= i_k <
 * loop[k].count. The identity is one loop of step (1, 1), a band is a loop for each diagonal, "every row depends on all
 * columns" is two loops, (1, 0) and (0, 1): whatever the sizes. Broadcasts, slices, transpositions, windows, sums and
 * products are nests too, so the pattern of a stencil takes no time or memory that grows with it. What has too many
 * nests is kept row by row.
 *
 * A relation may hold more pairs than there are (where counting them would cost too much, all), never fewer. Rows and
 * columns are elements in row-major order, so reshapes change nothing. Functions that return bool: false without
 * memory. Start reading at ebb_relation_add, then ebb_relation_chain. */
#ifndef EBB_DUAL_RELATION_H
#define EBB_DUAL_RELATION_H

#include "jit/graph/memory.h"
#include "jit/graph/types.h"

enum { EBB_MOST_LOOPS = 2 * EBB_MAX_RANK };

typedef struct ebb_nest {
    int64_t row, column; /* of the first pair */
    int32_t loops;
    struct ebb_nest_loop {
        int64_t count, row, column;
    } loop[EBB_MOST_LOOPS];
} ebb_nest;

/* Row by row: the columns of row r, rising, are column[start[r]] to column[start[r + 1] - 1]. */
typedef struct ebb_rows {
    int64_t rows, columns;
    int64_t *start, *column; /* owned; start NULL: there are none */
} ebb_rows;

/* The union of both parts. */
typedef struct ebb_relation {
    const ebb_allocator *allocator;
    int64_t rows, columns;
    ebb_nest *nest;
    int32_t nests, capacity;
    ebb_rows rest;
    bool all;    /* every pair is in: nothing can be added */
    double most; /* pairs that may be counted one by one; where it takes more, all are assumed */
} ebb_relation;

/* ---- nests (relation.c) ---- */
void ebb_nest_add(ebb_nest *n, int64_t count, int64_t row, int64_t column); /* one more loop, inside the others */
bool ebb_nest_tidy(ebb_nest *n);      /* the same pairs with few loops, rows rising; false: there are no pairs */
void ebb_nest_transpose(ebb_nest *n); /* pairs turned round */
double ebb_nest_pairs(const ebb_nest *n);

/* No pairs yet. `like`: the same allocator and limit. */
void ebb_relation_start(ebb_relation *r, const ebb_relation *like, int64_t rows, int64_t columns);
void ebb_relation_free(ebb_relation *r);
bool ebb_relation_add(ebb_relation *r, const ebb_nest *n);
bool ebb_relation_add_rows(ebb_relation *r, ebb_rows *rows); /* takes what rows own */
bool ebb_relation_add_all(ebb_relation *r);                  /* every pair */
/* x's pairs, moved by so many rows and columns. */
bool ebb_relation_join(ebb_relation *r, const ebb_relation *x, int64_t row, int64_t column);
/* Adds (i, k) where x has (i, j) and y has (j, k); the elements j are those of a tensor of this shape. */
bool ebb_relation_chain(ebb_relation *r, const ebb_relation *x, const ebb_shape *between, const ebb_relation *y);
double ebb_relation_pairs(const ebb_relation *r);                  /* at most so many */
bool ebb_relation_add_transpose(ebb_relation *r);                  /* with (i, k) also (k, i) */
bool ebb_relation_all_rows(const ebb_relation *r, ebb_rows *rows); /* all of it, row by row */

/* nests.c: adds the pairs (i, k) of two nests to r. *done false: these two have no common form. */
bool ebb_nests_chain(ebb_relation *r, const ebb_nest *x, const ebb_shape *between, const ebb_nest *y, bool *done);

/* ---- rows (rows.c); results are new, of the allocator ---- */
enum { EBB_MOST_PAIRS = 1 << 28 }; /* of a pattern that is asked for */
void ebb_rows_free(const ebb_allocator *a, ebb_rows *r);
bool ebb_rows_of_nests(const ebb_allocator *a, int64_t rows, int64_t columns, int32_t nests, const ebb_nest *nest,
                       ebb_rows *to);
bool ebb_rows_transpose(const ebb_allocator *a, const ebb_rows *r, ebb_rows *to);
bool ebb_rows_join(const ebb_allocator *a, const ebb_rows *x, const ebb_rows *y, ebb_rows *to);
double ebb_rows_chain_work(const ebb_rows *x, const ebb_rows *y); /* pairs that the next one looks at */
bool ebb_rows_chain(const ebb_allocator *a, const ebb_rows *x, const ebb_rows *y, ebb_rows *to);
static inline int64_t ebb_rows_count(const ebb_rows *r) { return r->start ? r->start[r->rows] : 0; }

#endif
