/* test_pattern.c - patterns of Jacobians, found without running anything: against the dense Jacobian's non-zeros for
 * every operation and for random programs, to the letter for small ones, and in time that does not grow where it need
 * not. Start reading at expect_covered. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dual/dual.h"
#include "dual/pattern.h"
#include "jit/graph/build.h"
#include "tests/support/op_case.h"
#include "tests/support/parsed.h"
#include "tests/support/random_graph.h"
#include "tests/support/run_graph.h"

static ebb_diag diag;
static int cases;
static int64_t pairs, nonzeros;

/* ---- a program's pattern against its dense Jacobian ---- */

enum { MOST = 64 };

typedef struct dense {
    ebb_graph *f;            /* expanded */
    int n, m, wrt[MOST];     /* float parameters, float results */
    ebb_id x[MOST], y[MOST]; /* their nodes */
    double *in[MOST];        /* numbers for the parameters */
    void *packed[MOST];      /* the same as the elements of the integer ones; NULL for others */
} dense;

static bool is_float_node(const ebb_graph *g, ebb_id id) {
    return id != EBB_ABSENT && ebb_is_float(ebb_dtype_at(g, id));
}

static dense dense_of(const ebb_graph *recorded) {
    dense d = {.f = ebb_expand(recorded, false, NULL, &diag)};
    cr_assert_not_null(d.f, "%s", diag.message);
    for (int k = 0; k < d.f->inputs; k++)
        if (is_float_node(d.f, d.f->input[k])) d.wrt[d.n] = k, d.x[d.n++] = d.f->input[k];
    for (int j = 0; j < d.f->outputs; j++)
        if (is_float_node(d.f, d.f->output[j])) d.y[d.m++] = d.f->output[j];
    return d;
}

static void pack_integers(dense *d) {
    for (int k = 0; k < d->f->inputs; k++) {
        ebb_dtype dtype = ebb_dtype_at(d->f, d->f->input[k]);
        int64_t size = size_of_node(d->f, d->f->input[k]);
        if (ebb_is_float(dtype)) continue;
        d->packed[k] = calloc((size_t)size + 1, sizeof(int64_t));
        for (int64_t e = 0; e < size; e++)
            quad_store(dtype, d->packed[k], e, d->in[k][e]);
    }
}

static void dense_free(dense *d) {
    for (int k = 0; k < d->f->inputs; k++)
        free(d->in[k]), free(d->packed[k]);
    ebb_graph_release(d->f);
}

static bool has(const ebb_rows *r, int64_t row, int64_t column) {
    for (int64_t k = r->start[row]; k < r->start[row + 1]; k++)
        if (r->column[k] == column) return true;
    return false;
}

/* Rows rise and are what they say. */
static void expect_rows(const ebb_rows *r, const char *what) {
    for (int64_t i = 0; i < r->rows; i++)
        for (int64_t k = r->start[i]; k < r->start[i + 1]; k++)
            cr_assert(r->column[k] >= 0 && r->column[k] < r->columns &&
                          (k == r->start[i] || r->column[k - 1] < r->column[k]),
                      "%s: row %d is not sorted", what, (int)i);
}

/* No number other than 0 stands outside. NaN may: a zero direction times an infinite slope. */
static void expect_block(const ebb_rows *r, int64_t row, int64_t column, int64_t rows, int64_t columns,
                         const double *block, const char *what) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = 0; k < columns; k++) {
            double value = block[i * columns + k];
            if (value == 0 || isnan(value)) continue;
            nonzeros++;
            cr_expect(has(r, row + i, column + k), "%s: element (%d, %d) is %g and not in the pattern", what,
                      (int)(row + i), (int)(column + k), value);
        }
}

static void compare(const dense *d, ebb_graph *jacobian, const ebb_rows *r, const char *what) {
    double *out[MOST * MOST] = {0};
    for (int j = 0; j < jacobian->outputs; j++)
        if (jacobian->output[j])
            out[j] = calloc((size_t)size_of_node(jacobian, jacobian->output[j]) + 1, sizeof(double));
    cr_assert(run_graph(jacobian, (const double *const *)d->in, out, &diag), "%s: %s", what, diag.message);
    int64_t row = 0;
    for (int j = 0; j < d->f->outputs; j++) {
        if (!is_float_node(d->f, d->f->output[j])) continue;
        int64_t rows = size_of_node(d->f, d->f->output[j]), column = 0;
        for (int i = 0; i < d->n; i++) {
            int64_t columns = size_of_node(d->f, d->x[i]);
            expect_block(r, row, column, rows, columns, out[j * d->n + i], what);
            column += columns;
        }
        row += rows;
    }
    for (int j = 0; j < jacobian->outputs; j++)
        free(out[j]);
}

/* Blocks have at most EBB_MAX_RANK axes, and so do directions. */
static bool has_dense(const dense *d) {
    int rank_x = 0, rank_y = 0;
    for (int i = 0; i < d->n; i++)
        rank_x = ebb_shape_of(d->f, d->x[i])->rank > rank_x ? ebb_shape_of(d->f, d->x[i])->rank : rank_x;
    for (ebb_id id = 1; id < d->f->count; id++)
        rank_y = ebb_shape_of(d->f, id)->rank > rank_y ? ebb_shape_of(d->f, id)->rank : rank_y;
    return rank_x + rank_y <= EBB_MAX_RANK && rank_y < EBB_MAX_RANK;
}

/* With the integers among the parameters known, and without. */
static void expect_covered(dense *d, const char *what) {
    if (d->n == 0 || d->m == 0) return;
    ebb_dual_spec spec = {.nwrt = d->n, .wrt = d->wrt};
    if (!has_dense(d)) return;
    ebb_graph *jacobian = ebb_jacobian_graph(d->f, EBB_FORWARD, &spec, &diag);
    cr_assert_not_null(jacobian, "%s: %s", what, diag.message);
    pack_integers(d);
    for (int known = 0; known < 2; known++) {
        ebb_relation r;
        ebb_rows rows = {0};
        cr_assert(ebb_pattern_nodes(d->f, known ? (const void *const *)d->packed : NULL, EBB_MOST_PAIRS, d->n, d->x,
                                    d->m, d->y, &r) &&
                      ebb_relation_all_rows(&r, &rows),
                  "%s: %s", what, diag.message);
        expect_rows(&rows, what);
        compare(d, jacobian, &rows, what);
        pairs += ebb_rows_count(&rows);
        cases++;
        ebb_rows_free(&ebb_malloc_allocator, &rows);
        ebb_relation_free(&r);
    }
    ebb_graph_release(jacobian);
}

/* ---- every operation, and its gradient ---- */

static ebb_graph *program_of(const op_use *use) {
    ebb_graph *g = ebb_graph_new(&ebb_malloc_allocator, &diag, "one");
    ebb_id arg[3] = {0};
    for (int k = 0; k < use->c->operands; k++)
        arg[k] = ebb_add_input(g, use->operand[k], (ebb_site){0});
    ebb_id y = ebb_record(g, &use->app, use->c->operands, arg);
    cr_assert(y > 0 && ebb_add_output(g, y), "%s: %s", op_use_text(use), diag.message);
    return g;
}

static void fill(dense *d, const op_use *use) {
    for (int k = 0; k < d->f->inputs; k++) {
        ebb_type type = ebb_type_of(d->f, d->f->input[k]);
        quad_tensor q = quad_new(type);
        if (k < use->c->operands)
            op_fill_operand(use, k, 7 + (uint64_t)k, &q);
        else
            op_fill_direction(7 + (uint64_t)k, &q);
        d->in[k] = calloc((size_t)q.size + 1, sizeof(double));
        for (int64_t e = 0; e < q.size; e++)
            d->in[k][e] = (double)q.at[e];
        quad_free(&q);
    }
}

static void expect_program(const ebb_graph *g, const op_use *use, const char *order) {
    char what[300];
    snprintf(what, sizeof what, "%s %s", order, op_use_text(use));
    dense d = dense_of(g);
    fill(&d, use);
    expect_covered(&d, what);
    dense_free(&d);
}

/* The gradient has the cotangent as one more parameter; its pattern is that of the second derivatives. */
static void expect_operation(const op_case *c) {
    op_use use;
    if (!op_use_of(c, EBB_F64, EBB_I64, &use) || !ebb_is_float(use.result.dtype)) return;
    int wrt[3], n = 0;
    for (int k = 0; k < c->operands; k++)
        if (ebb_is_float(use.operand[k].dtype)) wrt[n++] = k;
    if (n == 0 || ebb_op_table[c->op].family == EBB_REGION) return;
    ebb_graph *g = program_of(&use);
    expect_program(g, &use, "first derivatives of");
    ebb_graph *pullback = ebb_vjp_graph(g, &(ebb_dual_spec){.nwrt = n, .wrt = wrt}, &diag);
    cr_assert_not_null(pullback, "%s: %s", op_use_text(&use), diag.message);
    expect_program(pullback, &use, "second derivatives of");
    ebb_graph_release(pullback);
    ebb_graph_release(g);
}

Test(pattern, every_operation) {
    cases = 0, pairs = nonzeros = 0;
    for (int i = 0; i < op_case_count; i++)
        expect_operation(&op_cases[i]);
    for (int op = 1; op < EBB_OP_COUNT; op++) {
        op_case c = op_case_point((ebb_op)op, 5, EBB_NONE);
        if (ebb_op_table[op].access == EBB_POINT && ebb_op_table[op].arity > 0) expect_operation(&c);
    }
    printf("cases: %d patterns of %lld pairs, %lld of which are no zeros\n", cases, (long long)pairs,
           (long long)nonzeros);
    cr_expect_gt(nonzeros, 1000);
}

/* ---- random programs ---- */

static void expect_random(uint64_t seed) {
    ebb_random_options options = {.nodes = 25, .smooth = seed % 2, .size = 5, .regions = seed % 3 == 0};
    ebb_graph *g = ebb_random_graph(seed, &options);
    char what[40];
    snprintf(what, sizeof what, "seed %d", (int)seed);
    dense d = dense_of(g);
    for (int k = 0; k < d.f->inputs; k++) {
        ebb_dtype dtype = ebb_dtype_at(d.f, d.f->input[k]);
        int64_t size = size_of_node(d.f, d.f->input[k]);
        void *numbers = calloc((size_t)size + 1, sizeof(double));
        ebb_random_fill(seed + (uint64_t)k, dtype, size, false, numbers);
        d.in[k] = calloc((size_t)size + 1, sizeof(double));
        for (int64_t e = 0; e < size; e++)
            d.in[k][e] = (double)quad_load(dtype, numbers, e);
        free(numbers);
    }
    expect_covered(&d, what);
    dense_free(&d);
    ebb_graph_release(g);
}

Test(pattern, random_programs) {
    cases = 0, pairs = nonzeros = 0;
    for (uint64_t seed = 1; seed <= 300; seed++)
        expect_random(seed);
    printf("cases: %d patterns of %lld pairs, %lld of which are no zeros\n", cases, (long long)pairs,
           (long long)nonzeros);
    cr_expect_gt(nonzeros, 1000);
}

/* ---- to the letter ---- */

/* "0 1; 2;" - the columns of each row */
static void print_rows(const ebb_rows *r, char *text, size_t size) {
    size_t at = 0;
    *text = 0;
    for (int64_t i = 0; i < r->rows && at + 32 < size; i++) {
        for (int64_t k = r->start[i]; k < r->start[i + 1] && at + 32 < size; k++)
            at += (size_t)snprintf(text + at, size - at, "%s%d", k > r->start[i] ? " " : "", (int)r->column[k]);
        at += (size_t)snprintf(text + at, size - at, ";");
    }
}

static const struct exact {
    const char *what, *program, *rows;
} exact[] = {
    {"differences",
     "func f(%1: f64[4]) {\n%2 f64[3] = slice %1 {start=[1], step=[1]}\n"
     "%3 f64[3] = slice %1 {start=[0], step=[1]}\n%4 f64[3] = sub %2, %3\nreturn %4\n}",
     "0 1;1 2;2 3;"},
    {"every second, turned round",
     "func f(%1: f64[6]) {\n%2 f64[3] = slice %1 {start=[1], step=[2]}\n"
     "%3 f64[3] = reverse %2 {axes=[0]}\n%4 f64[3] = exp %3\nreturn %4\n}",
     "5;3;1;"},
    {"a matrix by lines",
     "func f(%1: f64[6]) {\n%2 f64[2,3] = reshape %1\n%3 f64[3,2] = transpose %2 {perm=[1,0]}\n"
     "%4 f64[3] = sum %3 {axes=[1]}\nreturn %4\n}",
     "0 3;1 4;2 5;"},
    {"a shift across lines",
     "func f(%1: f64[7]) {\n%2 f64[6] = slice %1 {start=[1], step=[1]}\n"
     "%3 f64[2,3] = reshape %2\n%4 f64[2] = sum %3 {axes=[1]}\nreturn %4\n}",
     "1 2 3;4 5 6;"},
    {"windows",
     "func f(%1: f64[5]) {\n%2 f64[3,3] = windows %1 {axis=0, size=3, stride=1, dilation=1}\n"
     "%3 f64[3] = sum %2 {axes=[1]}\nreturn %3\n}",
     "0 1 2;1 2 3;2 3 4;"},
    {"a product with rows", "func f(%1: f64[2,2], %2: f64[2,3]) {\n%3 f64[2,3] = dot %1, %2 {tx=0, ty=0}\nreturn %3\n}",
     "0 1 4 7;0 1 5 8;0 1 6 9;2 3 4 7;2 3 5 8;2 3 6 9;"},
    {"an index that is known",
     "func f(%1: f64[4]) {\n%2 i64[3] = constant [3, 0, 3]\n%3 f64[3] = gather %1, %2 {axis=0}\n"
     "return %3\n}",
     "3;0;3;"},
    {"an index that is counted",
     "func f(%1: f64[4]) {\n%2 i64[4] = iota {axis=0}\n%3 i64[4] = reverse %2 {axes=[0]}\n"
     "%4 f64[4] = gather %1, %3 {axis=0}\nreturn %4\n}",
     "3;2;1;0;"},
    {"an index that is not", "func f(%1: f64[3], %2: i64[2]) {\n%3 f64[2] = gather %1, %2 {axis=0}\nreturn %3\n}",
     "0 1 2;0 1 2;"},
    {"a running total of columns", "func f(%1: f64[3,2]) {\n%2 f64[3,2] = cumsum %1 {axis=0}\nreturn %2\n}",
     "0;1;0 2;1 3;0 2 4;1 3 5;"},
    {"a running total from the end",
     "func f(%1: f64[3]) {\n%2 f64[3] = reverse %1 {axes=[0]}\n%3 f64[3] = cumsum %2 {axis=0}\n"
     "%4 f64[3] = reverse %3 {axes=[0]}\nreturn %4\n}",
     "0 1 2;1 2;2;"},
    {"running products", "func f(%1: f64[3]) {\n%2 f64[3] = cumprod %1 {axis=0}\nreturn %2\n}", "0;0 1;0 1 2;"},
    {"matrices of a batch", "func f(%1: f64[2,2,2]) {\n%2 f64[2,2,2] = cholesky %1\nreturn %2\n}",
     "0 1 2 3;0 1 2 3;0 1 2 3;0 1 2 3;4 5 6 7;4 5 6 7;4 5 6 7;4 5 6 7;"},
    {"determinants of a batch", "func f(%1: f64[3,2,2]) {\n%2 f64[3] = det %1\nreturn %2\n}",
     "0 1 2 3;4 5 6 7;8 9 10 11;"},
    {"systems of a batch",
     "func f(%1: f64[2,1,1], %2: f64[2,1,1]) {\n%3 f64[2,1,1] = solve %1, %2 {transposed=0}\nreturn %3\n}", "0 2;1 3;"},
    {"steps", "func f(%1: f64[2]) {\n%2 f64[2] = floor %1\n%3 f64[2] = mul %2, %1\nreturn %3\n}", "0;1;"},
    {"nothing", "func f(%1: f64[2]) {\n%2 f64[2] = sign %1\nreturn %2\n}", ";;"},
    {"two results", "func f(%1: f64[2]) {\n%2 f64[] = sum %1 {axes=[0]}\n%3 f64[2] = sin %1\nreturn %2, %3\n}",
     "0 1;0;1;"},
};

Test(pattern, to_the_letter) {
    for (size_t i = 0; i < sizeof exact / sizeof *exact; i++) {
        ebb_graph *g = parsed(exact[i].program);
        dense d = dense_of(g);
        ebb_relation r;
        ebb_rows rows = {0};
        char text[400];
        cr_assert(ebb_pattern_nodes(d.f, NULL, EBB_MOST_PAIRS, d.n, d.x, d.m, d.y, &r) &&
                      ebb_relation_all_rows(&r, &rows),
                  "%s: %s", exact[i].what, diag.message);
        print_rows(&rows, text, sizeof text);
        cr_expect_str_eq(text, exact[i].rows, "%s: %s", exact[i].what, text);
        ebb_rows_free(&ebb_malloc_allocator, &rows);
        ebb_relation_free(&r);
        dense_free(&d);
        ebb_graph_release(g);
    }
}

/* ---- large programs ---- */

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The gradient of a chain of differences of n elements, in text; its pattern takes three nests whatever n is. */
static ebb_graph *chain(int64_t n) {
    char text[800];
    snprintf(text, sizeof text,
             "func f(%%1: f64[%lld]) {\n%%2 f64[%lld] = slice %%1 {start=[1], step=[1]}\n"
             "%%3 f64[%lld] = slice %%1 {start=[0], step=[1]}\n%%4 f64[%lld] = square %%3\n"
             "%%5 f64[%lld] = sub %%2, %%4\n%%6 f64[%lld] = square %%5\n%%7 f64[] = sum %%6 {axes=[0]}\nreturn %%7\n}",
             (long long)n, (long long)n - 1, (long long)n - 1, (long long)n - 1, (long long)n - 1, (long long)n - 1);
    ebb_graph *f = parsed(text), *g = ebb_grad_graph(f, NULL, &diag);
    ebb_graph_release(f);
    return g;
}

Test(pattern, of_any_size) {
    for (int64_t n = 1000; n <= 1000000000; n *= 1000) {
        ebb_graph *g = chain(n);
        ebb_relation r;
        double start = seconds();
        cr_assert(ebb_pattern_nodes(g, NULL, EBB_MOST_PAIRS, 1, g->input, 1, g->output, &r), "%s", diag.message);
        cr_expect(seconds() - start < 0.05 && r.nests <= 3 && !r.rest.start, "n = %lld: %d nests", (long long)n,
                  (int)r.nests);
        cr_expect_eq(ebb_relation_pairs(&r), 3 * (double)n - 2, "n = %lld: %g pairs", (long long)n,
                     ebb_relation_pairs(&r));
        ebb_relation_free(&r);
        ebb_graph_release(g);
    }
}

/* Reads its elements one by one, and puts them together in another order: more nests than a relation keeps. */
Test(pattern, row_by_row) {
    enum { N = 300 };
    ebb_builder b = {ebb_graph_new(&ebb_malloc_allocator, &diag, "f"), {0}};
    ebb_id x = ebb_add_input(b.graph, (ebb_type){EBB_F64, {1, {N}}}, (ebb_site){0}), y = 0;
    const ebb_shape one = {1, {1}};
    for (int64_t i = 0; i < N; i++) {
        ebb_id part = ebb_g_exp(&b, ebb_g_slice(&b, x, (int64_t[]){i * i * 7 % N}, (int64_t[]){1}, &one));
        y = y ? ebb_g_concat(&b, y, part, 0) : part;
    }
    y = ebb_g_add(&b, y, ebb_g_reverse(&b, y, 1, (int64_t[]){0}));
    ebb_relation r;
    ebb_rows rows = {0};
    cr_assert(ebb_pattern_nodes(b.graph, NULL, EBB_MOST_PAIRS, 1, &x, 1, &y, &r) && ebb_relation_all_rows(&r, &rows));
    expect_rows(&rows, "row by row");
    for (int64_t i = 0; i < N; i++) {
        int64_t k = N - 1 - i, first = i * i * 7 % N, second = k * k * 7 % N;
        cr_expect(has(&rows, i, first) && has(&rows, i, second), "row %d", (int)i);
        cr_expect_eq(rows.start[i + 1] - rows.start[i], 1 + (first != second), "row %d", (int)i);
    }
    ebb_rows_free(&ebb_malloc_allocator, &rows);
    ebb_relation_free(&r);
    ebb_graph_release(b.graph);
}
