/* road_pair.h - what the checks of other_roads.c share: numbers for programs, running them, and comparing what they
 * give. Start reading at run_pair. */
#ifndef EBB_TEST_ROAD_PAIR_H
#define EBB_TEST_ROAD_PAIR_H

#include "tests/support/other_roads.h"

typedef struct trial {
    uint64_t seed;
    const ebb_graph *f;
    int wrt[MOST_PARAMETERS], n; /* its real parameters */
    double tolerance; /* of the largest element: a third derivative may be made of numbers a million times as large */
    bool good, native;
    int check;
    road_tally *tally;
    ebb_diag diag;
    char *why; /* [512] */
} trial;

bool wrong(trial *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

typedef struct numbers {
    int inputs, outputs;
    double *in[MOST_PARAMETERS], *out[MOST_RESULTS];
    int64_t size[MOST_RESULTS];
} numbers;

double *room_for(int64_t size);
/* Parameters of f have the same numbers in every program made of it; those beyond, directions and cotangents, have
 * theirs by their place among these. Each example has its own. */
void fill(const trial *t, numbers *n, const ebb_graph *g, int example);
void run(trial *t, numbers *n, const ebb_graph *recorded);
void drop(numbers *n);
/* Where all numbers are finite; the others are counted. The factor makes x what y should be. */
void compare(trial *t, const char *roads, const double *x, const double *y, int64_t n, double factor, double scale);
double pairing(const double *x, const double *y, int64_t n, double *scale); /* adds to scale what it may have lost */

/* Two programs, and what they give. */
typedef struct pair {
    ebb_graph *graph[2];
    numbers is[2];
} pair;

bool may_run(trial *t, const ebb_graph *g);
/* Takes both programs. False: one of them cannot be asked. Drop in any case. */
bool run_pair(trial *t, pair *p, ebb_graph *one, ebb_graph *other);
void drop_pair(pair *p);
/* n results of the one from `from` on are those of the other from `other_from` on. Takes both. */
void expect_same(trial *t, const char *roads, ebb_graph *one, int from, ebb_graph *other, int other_from, int n);

#endif
