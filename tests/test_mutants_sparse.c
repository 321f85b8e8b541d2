/* test_mutants_sparse.c - the test of the tests of what derivatives are made of beside the words of test_mutants.c:
 * patterns, colours and places of sparse ones, lines that are added up, rules of one's own. Start reading at `mutants`.
 */
#include <criterion/criterion.h>

#include "dual/basis.h"
#include "dual/colour.h"
#include "dual/pattern.h"
#include "dual/region.h"
#include "dual/region_batch.h"
#include "jit/graph/region.h"
#include "tests/support/mutants.h"

typedef enum fault {
    NONE,
    STAR_COLOURS_MEET,
    COLUMN_COLOURS_MEET,
    HESSIAN_PLACE,
    JACOBIAN_PLACE,
    TURNED_LOSES,
    JOIN_LOSES,
    CHAIN_LOSES,
    NESTS_LOSE,
    NESTS_DO_NOT_MEET,
    LOOP_TOO_SHORT,
    ONE_NEST,
    NOTHING_FOLLOWS,
    FIRST_ROWS,
    FIRST_OPERAND,
    NO_WEIGHTS,
    A_LINE_LESS,
    WRONG_OPERATOR,
    RULE_ENDS_EARLY,
    RULE_FORGETS,
    RULE_STANDS_STILL,
    RULE_HALVES,
    FAULTS
} fault;

static const mutant mutants[FAULTS] = {
    [STAR_COLOURS_MEET] = {"two colours of a Hessian are one", "sparse hessian"},
    [COLUMN_COLOURS_MEET] = {"two colours of a Jacobian are one", "sparse jacobian"},
    [HESSIAN_PLACE] = {"two entries of a Hessian change places", "sparse hessian"},
    [JACOBIAN_PLACE] = {"two entries of a Jacobian change places", "sparse jacobian"},
    [TURNED_LOSES] = {"an entry is lost where rows are turned", "sparse"},
    [JOIN_LOSES] = {"an entry is lost where rows are joined", "sparse"},
    [CHAIN_LOSES] = {"an entry is lost where rows are chained", "sparse"},
    [NESTS_LOSE] = {"an entry is lost where nests become rows", "sparse"},
    [NESTS_DO_NOT_MEET] = {"two nests never meet", "sparse"},
    [LOOP_TOO_SHORT] = {"a loop of a nest ends too soon", "sparse"},
    [ONE_NEST] = {"one nest is enough", "sparse"},
    [NOTHING_FOLLOWS] = {"nothing follows through an operation", "sparse"},
    [FIRST_ROWS] = {"all results have the first rows", "sparse"},
    [FIRST_OPERAND] = {"only the first operand has a structure", "sparse"},
    [NO_WEIGHTS] = {"all lines weigh the same", "operator"},
    [A_LINE_LESS] = {"a line is lost", "laplacian"},
    [WRONG_OPERATOR] = {"an operator has the wrong sign", "laplacian"},
    [RULE_ENDS_EARLY] = {"of a rule the last coefficient is lost", "other means"},
    [RULE_FORGETS] = {"a rule forgets an operand", "other means"},
    [RULE_STANDS_STILL] = {"what a region runs has no last coefficient", "other means"},
    [RULE_HALVES] = {"with a rule each example has half of its result", "other means"},
};

/* ---- colours and places ---- */

static void merge(int64_t n, int32_t *colour, int32_t *colours) {
    for (int64_t v = 0; v < n; v++)
        if (colour[v] == *colours - 1) colour[v] = 0;
    --*colours;
}

WRAPPED(bool, ebb_colour_star, const ebb_allocator *a, const ebb_rows *r, int32_t *colour, int32_t *colours) {
    bool ok = __real_ebb_colour_star(a, r, colour, colours);
    if (ok && *colours > 1 && lies(STAR_COLOURS_MEET)) merge(r->rows, colour, colours);
    return ok;
}

WRAPPED(bool, ebb_colour_columns, const ebb_allocator *a, const ebb_rows *r, const ebb_rows *turned, const bool *skip,
        int32_t *colour, int32_t *colours) {
    bool ok = __real_ebb_colour_columns(a, r, turned, skip, colour, colours);
    if (ok && *colours > 1 && lies(COLUMN_COLOURS_MEET)) merge(r->columns, colour, colours);
    return ok;
}

static void exchange(const ebb_compressed *c) {
    int64_t first = c->place[0], last = ebb_rows_count(&c->pattern) - 1;
    c->place[0] = c->place[last], c->place[last] = first;
}

WRAPPED(bool, ebb_compress_hessian, const ebb_allocator *a, ebb_rows *pattern, ebb_compressed *c) {
    bool ok = __real_ebb_compress_hessian(a, pattern, c);
    if (ok && ebb_rows_count(&c->pattern) > 1 && lies(HESSIAN_PLACE)) exchange(c);
    return ok;
}

WRAPPED(bool, ebb_compress_jacobian, const ebb_allocator *a, ebb_rows *pattern, ebb_road road, ebb_compressed *c) {
    bool ok = __real_ebb_compress_jacobian(a, pattern, road, c);
    if (ok && ebb_rows_count(&c->pattern) > 1 && lies(JACOBIAN_PLACE)) exchange(c);
    return ok;
}

/* ---- patterns ---- */

/* Without the last entry of the last row. */
static bool lose(fault f, bool ok, ebb_rows *r) {
    if (ok && ebb_rows_count(r) > r->start[r->rows - 1] && lies(f)) r->start[r->rows]--;
    return ok;
}

WRAPPED(bool, ebb_rows_transpose, const ebb_allocator *a, const ebb_rows *r, ebb_rows *to) {
    return lose(TURNED_LOSES, __real_ebb_rows_transpose(a, r, to), to);
}

WRAPPED(bool, ebb_rows_join, const ebb_allocator *a, const ebb_rows *x, const ebb_rows *y, ebb_rows *to) {
    return lose(JOIN_LOSES, __real_ebb_rows_join(a, x, y, to), to);
}

WRAPPED(bool, ebb_rows_chain, const ebb_allocator *a, const ebb_rows *x, const ebb_rows *y, ebb_rows *to) {
    return lose(CHAIN_LOSES, __real_ebb_rows_chain(a, x, y, to), to);
}

WRAPPED(bool, ebb_rows_of_nests, const ebb_allocator *a, int64_t rows, int64_t columns, int32_t nests,
        const ebb_nest *nest, ebb_rows *to) {
    return lose(NESTS_LOSE, __real_ebb_rows_of_nests(a, rows, columns, nests, nest, to), to);
}

WRAPPED(bool, ebb_nests_chain, ebb_relation *r, const ebb_nest *x, const ebb_shape *between, const ebb_nest *y,
        bool *done) {
    return lies(NESTS_DO_NOT_MEET) ? *done = true : __real_ebb_nests_chain(r, x, between, y, done);
}

WRAPPED(void, ebb_nest_add, ebb_nest *n, int64_t count, int64_t row, int64_t column) {
    __real_ebb_nest_add(n, count > 1 && lies(LOOP_TOO_SHORT) ? count - 1 : count, row, column);
}

WRAPPED(bool, ebb_relation_add, ebb_relation *r, const ebb_nest *n) {
    return (r->nests > 0 && lies(ONE_NEST)) || __real_ebb_relation_add(r, n);
}

WRAPPED(bool, ebb_relation_chain, ebb_relation *r, const ebb_relation *x, const ebb_shape *between,
        const ebb_relation *y) {
    return lies(NOTHING_FOLLOWS) || __real_ebb_relation_chain(r, x, between, y);
}

WRAPPED(bool, ebb_relation_join, ebb_relation *r, const ebb_relation *x, int64_t row, int64_t column) {
    return __real_ebb_relation_join(r, x, row > 0 && x->rows <= row && lies(FIRST_ROWS) ? 0 : row, column);
}

WRAPPED(bool, ebb_structure_add, ebb_relation *r, const ebb_graph *g, const ebb_known *known, ebb_id y, int i) {
    return (i > 0 && lies(FIRST_OPERAND)) || __real_ebb_structure_add(r, g, known, y, i);
}

/* ---- lines ---- */

WRAPPED(bool, ebb_sum_over_lines, ebb_graph *g, const ebb_lines *lines, int n, const ebb_id *v, int m, const ebb_id *y,
        ebb_id *total) {
    ebb_lines own = *lines;
    if (own.weight && lies(NO_WEIGHTS)) own.weight = NULL;
    if (own.count > 1 && lies(A_LINE_LESS)) own.count--;
    return __real_ebb_sum_over_lines(g, &own, n, v, m, y, total);
}

WRAPPED(bool, ebb_collapse_nodes, ebb_graph *g, const ebb_lines *lines, int n, const ebb_id *x, int m, const ebb_id *y,
        ebb_id *second) {
    bool ok = __real_ebb_collapse_nodes(g, lines, n, x, m, y, second);
    for (int j = 0; ok && j < m; j++)
        if (second[j] && lies(WRONG_OPERATOR)) second[j] = ebb_g_neg(&(ebb_builder){g, {0}}, second[j]);
    return ok;
}

/* ---- rules of one's own ---- */

WRAPPED(bool, ebb_custom_push, ebb_graph *g, ebb_id region, int order, const ebb_id *x, ebb_id *y) {
    bool ok = __real_ebb_custom_push(g, region, order, x, y);
    if (ok && lies(RULE_ENDS_EARLY)) y[order - 1] = EBB_ABSENT;
    return ok;
}

WRAPPED(bool, ebb_custom_pull, ebb_graph *g, ebb_id region, const ebb_id *ct, const bool *wanted, ebb_id *dx) {
    bool ok = __real_ebb_custom_pull(g, region, ct, wanted, dx);
    if (ok && lies(RULE_FORGETS)) dx[0] = EBB_ABSENT;
    return ok;
}

WRAPPED(bool, ebb_callee_push, ebb_callee *w, int order, const uint8_t *kind, ebb_id *dy) {
    bool ok = __real_ebb_callee_push(w, order, kind, dy);
    if (ok && w->ys > 0 && lies(RULE_STANDS_STILL)) dy[order - 1] = EBB_ABSENT;
    return ok;
}

WRAPPED(bool, ebb_batch_custom, ebb_batching *p) {
    bool ok = __real_ebb_batch_custom(p);
    ebb_builder b = p->b;
    ebb_id y = ok ? p->y[0] : EBB_ABSENT;
    if (y == EBB_ABSENT || !ebb_is_float(ebb_dtype_at(b.graph, y)) || !lies(RULE_HALVES)) return ok;
    p->y[0] = ebb_g_mul(&b, y, ebb_g_full_like(&b, y, 0.5));
    return p->y[0] != EBB_POISON;
}

Test(mutants, of_patterns_lines_and_rules_are_caught) {
    expect_all_caught("patterns, lines and rules", FAULTS, mutants);
}
