/* test_sparse_random.c - sparse Hessians and Jacobians of random programs equal the dense ones. Start reading at
 * compare_graphs. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "dual/sparse.h"
#include "tests/ref/quad_ops.h"
#include "tests/support/random_graph.h"
#include "tests/support/run_graph.h"

static int cases;

enum { MOST = 64 };

typedef struct random_case {
    ebb_graph *f;
    ebb_dual_spec spec;
    int wrt[MOST];
    double *in[MOST + 3]; /* f's parameters, then hidden ones */
    char what[40];
} random_case;

/* All parameters of the first real one's dtype. */
static void choose_wrt(random_case *c) {
    const ebb_graph *f = c->f;
    ebb_dtype dtype = EBB_NONE;
    for (int k = 0; k < f->inputs; k++) {
        ebb_dtype own = ebb_dtype_at(f, f->input[k]);
        if (!ebb_is_float(own) || (dtype && own != dtype)) continue;
        dtype = own;
        c->wrt[c->spec.nwrt++] = k;
    }
    c->spec.wrt = c->wrt;
}

static void fill(random_case *c, uint64_t seed) {
    for (int k = 0; k < c->f->inputs; k++) {
        int64_t size = size_of_node(c->f, c->f->input[k]);
        ebb_dtype dtype = ebb_dtype_at(c->f, c->f->input[k]);
        void *packed = calloc((size_t)size + 1, sizeof(double));
        ebb_random_fill(seed + (uint64_t)k, dtype, size, false, packed);
        c->in[k] = calloc((size_t)size + 1, sizeof(double));
        for (int64_t e = 0; e < size; e++)
            c->in[k][e] = (double)quad_load(dtype, packed, e);
        free(packed);
    }
}

static void add_hidden(random_case *c, const ebb_sparse *s) {
    for (int k = 0; k < s->hiddens; k++) {
        int64_t size = s->hidden[k].type.shape.dim[0];
        double *in = c->in[c->f->inputs + k] = calloc((size_t)size + 1, sizeof *in);
        for (int64_t e = 0; e < size; e++)
            in[e] = (double)quad_load(s->hidden[k].type.dtype, s->hidden[k].data, e);
    }
}

static double **run(const ebb_graph *g, const random_case *c) {
    ebb_diag diag = {0};
    double **out = calloc(MOST * MOST, sizeof *out);
    for (int j = 0; j < g->outputs; j++)
        if (g->output[j]) out[j] = calloc((size_t)size_of_node(g, g->output[j]) + 1, sizeof **out);
    cr_assert(run_graph(g, (const double *const *)c->in, out, &diag), "%s: %s", c->what, diag.message);
    return out;
}

static void give_back(double **out) {
    for (int j = 0; j < MOST * MOST; j++)
        free(out[j]);
    free(out);
}

/* Entry by entry of a block; outside the pattern there are zeros. A NaN may meet a sum of columns that has it from
 * another one. */
static void expect_same_block(const random_case *c, const ebb_rows *r, const double *entries, int64_t row,
                              int64_t column, int64_t rows, int64_t columns, const double *block, bool single) {
    double largest = 1;
    for (int64_t k = 0; k < rows * columns; k++)
        if (isfinite(block[k])) largest = fmax(largest, fabs(block[k]));
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = 0; k < columns; k++) {
            double have = 0, want = block[i * columns + k];
            for (int64_t e = r->start[row + i]; e < r->start[row + i + 1]; e++)
                if (r->column[e] == column + k) have = entries[e];
            cr_expect(isnan(have) || isnan(want) || have == want ||
                          fabs(have - want) <= (single ? 1e-4 : 1e-11) * largest,
                      "%s: (%d, %d) is %.17g, dense %.17g", c->what, (int)(row + i), (int)(column + k), have, want);
        }
}

static void compare_graphs(random_case *c, ebb_graph *sparse, const ebb_sparse *s, ebb_graph *dense, int blocks,
                           const ebb_id *of, const ebb_graph *sizes) {
    add_hidden(c, s);
    double **have = run(sparse, c), **want = run(dense, c);
    int64_t row = 0;
    for (int j = 0; j < blocks; j++) {
        if (!of[j] || !ebb_is_float(ebb_dtype_at(sizes, of[j]))) continue;
        int64_t rows = size_of_node(sizes, of[j]), column = 0;
        for (int i = 0; i < c->spec.nwrt; i++) {
            ebb_id x = c->f->input[c->wrt[i]];
            int64_t columns = size_of_node(c->f, x);
            expect_same_block(c, &s->plan.pattern, have[0], row, column, rows, columns, want[j * c->spec.nwrt + i],
                              ebb_dtype_at(c->f, x) == EBB_F32);
            column += columns;
        }
        row += rows;
    }
    give_back(have), give_back(want);
    for (int k = 0; k < s->hiddens; k++)
        free(c->in[c->f->inputs + k]);
    cases++;
}

static void hessian_of_random(random_case *c) {
    ebb_diag diag = {0};
    ebb_sparse s;
    ebb_id of[MOST];
    c->spec.results = 1;
    c->spec.brought = &s;
    ebb_graph *one = ebb_graph_clone(c->f, &diag), *sparse, *dense;
    one->outputs = 1;
    sparse = ebb_sparse_hessian_graph(one, &c->spec, &diag);
    c->spec.brought = NULL;
    dense = ebb_hessian_graph(one, &c->spec, &diag);
    cr_assert(sparse && dense, "%s: %s", c->what, diag.message);
    for (int i = 0; i < c->spec.nwrt; i++)
        of[i] = c->f->input[c->wrt[i]];
    compare_graphs(c, sparse, &s, dense, c->spec.nwrt, of, c->f);
    ebb_sparse_free(&s);
    ebb_graph_release(sparse), ebb_graph_release(dense), ebb_graph_release(one);
}

/* Results of the parameters' dtype only. */
static void jacobian_of_random(random_case *c, ebb_road road) {
    ebb_diag diag = {0};
    ebb_sparse s;
    ebb_graph *some = ebb_graph_clone(c->f, &diag), *sparse, *dense;
    ebb_dtype dtype = ebb_dtype_at(c->f, c->f->input[c->wrt[0]]);
    some->outputs = 0;
    for (int j = 0; j < c->f->outputs; j++)
        if (c->f->output[j] && ebb_dtype_at(c->f, c->f->output[j]) == dtype) ebb_add_output(some, c->f->output[j]);
    c->spec.results = 0;
    c->spec.brought = &s;
    if (some->outputs) {
        sparse = ebb_sparse_jacobian_graph(some, road, &c->spec, &diag);
        c->spec.brought = NULL;
        dense = ebb_jacobian_graph(some, EBB_FORWARD, &c->spec, &diag);
        cr_assert(sparse && dense, "%s: %s", c->what, diag.message);
        compare_graphs(c, sparse, &s, dense, some->outputs, some->output, some);
        ebb_sparse_free(&s);
        ebb_graph_release(sparse), ebb_graph_release(dense);
    }
    ebb_graph_release(some);
}

Test(sparse_random, programs) {
    cases = 0;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        ebb_random_options options = {
            .nodes = 25, .smooth = true, .size = 5, .no_empty = seed % 3, .regions = seed % 5 == 0};
        random_case c = {.f = ebb_random_graph(seed, &options), .spec.budget = seed % 4 ? 0 : 1000}; /* in blocks */
        snprintf(c.what, sizeof c.what, "seed %d", (int)seed);
        choose_wrt(&c);
        fill(&c, seed);
        if (c.spec.nwrt) {
            hessian_of_random(&c);
            jacobian_of_random(&c, (ebb_road)(seed % 3));
        }
        for (int k = 0; k < c.f->inputs; k++)
            free(c.in[k]);
        ebb_graph_release(c.f);
    }
    printf("cases: %d sparse derivatives\n", cases);
    cr_expect_geq(cases, 200);
}
