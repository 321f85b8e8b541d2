/* test_sparse.c - H074: sparse derivatives equal the dense ones, for functions of every kind, run by both engines (for
 * random programs: test_sparse_random.c); Rosenbrock's against its formula; what is refused. Start reading at
 * expect_dense. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/check.h"
#include "tests/support/run_graph.h"

static ebb_context *ebb;

#define BODY(name) static void name(ebb_context *e, ebb_tensor *const *in, ebb_tensor **out, void *data)
#define UNUSED (void)e, (void)in, (void)data

/* ---- functions ---- */

static ebb_tensor *from_to(ebb_tensor *x, int64_t start, int64_t stop) {
    return ebb_slice(x, (int64_t[]){start}, (int64_t[]){stop}, NULL);
}
/* 100 (x[i+1] - x[i]^2)^2 + (1 - x[i])^2, added up */
BODY(rosenbrock) {
    UNUSED;
    int64_t n = ebb_dim(in[0], 0);
    ebb_tensor *a = from_to(in[0], 0, n - 1), *b = from_to(in[0], 1, n);
    ebb_tensor *steep = ebb_square(ebb_sub(b, ebb_square(a))), *flat = ebb_square(ebb_sub(1, a));
    out[0] = ebb_sum(ebb_add(ebb_mul(100, steep), flat));
}
/* The last variable times all others. */
BODY(arrow) {
    UNUSED;
    int64_t n = ebb_dim(in[0], 0);
    ebb_tensor *hub = from_to(in[0], n - 1, n), *rest = from_to(in[0], 0, n - 1);
    out[0] = ebb_add(ebb_sum(ebb_mul(ebb_exp(hub), ebb_sin(rest))), ebb_sum(ebb_pow(rest, 3)));
}
/* Variables of which some do not matter, and some only linearly. */
BODY(with_holes) {
    UNUSED;
    ebb_tensor *some = ebb_slice(in[0], (int64_t[]){1}, (int64_t[]){ebb_dim(in[0], 0)}, (int64_t[]){3});
    out[0] = ebb_add(ebb_sum(ebb_tanh(some)), ebb_sum(ebb_mul(from_to(in[0], 0, 2), from_to(in[0], 3, 5))));
}
BODY(products) {
    UNUSED;
    out[0] = ebb_sum(ebb_mul(in[0], in[1]));
}
/* All of them together: a full Hessian of more than 64 colours. */
BODY(coupled) {
    UNUSED;
    out[0] = ebb_square(ebb_sum(ebb_sin(in[0])));
}
BODY(linear) {
    UNUSED;
    out[0] = ebb_sum(ebb_mul(3, in[0]));
}
/* A grid of squares, [n,n]. */
BODY(membrane) {
    UNUSED;
    int64_t n = ebb_dim(in[0], 0);
    const int64_t first[] = {0, 0}, next_row[] = {1, 0}, next[] = {0, 1}, end[] = {n, n};
    ebb_tensor *down =
        ebb_sub(ebb_slice(in[0], next_row, end, NULL), ebb_slice(in[0], first, ((int64_t[]){n - 1, n}), NULL));
    ebb_tensor *right =
        ebb_sub(ebb_slice(in[0], next, end, NULL), ebb_slice(in[0], first, ((int64_t[]){n, n - 1}), NULL));
    out[0] = ebb_add(ebb_sum(ebb_cosh(down)), ebb_sum(ebb_pow(right, 4)));
}
/* Springs between the points that a captured table names. */
BODY(springs) {
    UNUSED;
    ebb_tensor *ends = ebb_gather(in[0], data, 0); /* [springs, 2] */
    ebb_tensor *first = ebb_sum_over(ebb_mul(ends, ebb_literal(e, "[1, -1]", EBB_F64)), EBB_AXES(1), false);
    out[0] = ebb_sum(ebb_cosh(first));
}
/* w [3], X [5,3]: sum of log(1 + exp(X w)) + w . w */
BODY(logistic) {
    UNUSED;
    out[0] = ebb_add(ebb_sum(ebb_softplus(ebb_matmul(in[1], in[0]))), ebb_sum(ebb_square(in[0])));
}
/* Three results, one not real; the second has a full row. */
BODY(several) {
    UNUSED;
    int64_t n = ebb_dim(in[0], 0);
    out[0] = ebb_mul(from_to(in[0], 1, n), ebb_sin(from_to(in[0], 0, n - 1)));
    out[1] = ebb_sum(ebb_square(in[0]));
    out[2] = ebb_argmax(in[0], 0);
}
BODY(wide) {
    UNUSED;
    out[0] = ebb_sum_over(ebb_square(ebb_reshape(in[0], EBB_SHAPE(3, -1))), EBB_AXES(1), false);
}
BODY(high) {
    UNUSED;
    out[0] = ebb_mul(ebb_exp(ebb_mul(ebb_cast(ebb_range(e, EBB_I32, 40), EBB_F64), 0.05)), ebb_sum(in[0]));
}
BODY(two_dtypes) {
    UNUSED;
    out[0] = ebb_sum(ebb_mul(ebb_cast(in[0], EBB_F64), in[1]));
}
BODY(where_largest) {
    UNUSED;
    out[0] = ebb_argmax(in[0], 0);
}
BODY(energy) { /* of a Jacobian or Hessian */
    (void)e;
    out[0] = ebb_sum(ebb_square(ebb_call((ebb_function *)data, in[0])));
}

static ebb_function *function(ebb_body *body, int results, void *data) {
    return ebb_function_new(ebb, body, &(ebb_function_options){.name = "f", .results = results, .data = data});
}

/* uniform(seed, n) of the workloads, from -1 to 1 */
static ebb_tensor *points(uint64_t seed, int64_t n) {
    double *x = malloc((size_t)n * sizeof *x);
    fill_uniform(seed, -1, 1, n, x);
    ebb_tensor *t = ebb_constant(ebb, EBB_F64, EBB_SHAPE(n), x);
    free(x);
    return t;
}

/* ---- sparse against dense ---- */

static double entry_of(const ebb_sparsity *s, const ebb_tensor *entries, int64_t row, int64_t column) {
    for (int64_t k = s->start[row]; k < s->start[row + 1]; k++)
        if (s->column[k] == column) return ebb_item(entries, k);
    return 0;
}

/* A block of the dense matrix that begins at (row, column): both have the same numbers, up to the last digits, as sums
 * of other orders have. */
static void expect_block(const ebb_sparsity *s, const ebb_tensor *entries, const ebb_tensor *block, int64_t row,
                         int64_t column, int64_t rows, const char *what) {
    int64_t columns = rows ? ebb_size(block) / rows : 0;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = 0; k < columns; k++) {
            double have = entry_of(s, entries, row + i, column + k), want = ebb_item(block, i * columns + k);
            cr_assert(fabs(have - want) <= 1e-12 * (1 + fabs(want)), "%s: (%d, %d) is %.17g, dense %.17g", what,
                      (int)(row + i), (int)(column + k), have, want);
        }
}

static const struct hessian_case {
    const char *name;
    ebb_body *body;
    int64_t size[2];
    int colours; /* at most; 0: not asked */
    int64_t entries;
} hessians[] = {
    {"Rosenbrock 2", rosenbrock, {2}, 2, 4},
    {"Rosenbrock 10", rosenbrock, {10}, 3, 28},
    {"Rosenbrock 100", rosenbrock, {100}, 3, 298},
    {"arrow", arrow, {50}, 2, 50 + 2 * 49},
    {"holes", with_holes, {20}, 0, 0},
    {"products", products, {6, 6}, 0, 12},
    {"full, 70 colours", coupled, {70}, 70, 4900},
    {"none", linear, {5}, 0, 0},
};

static int cases;

/* The dense Hessian, column by column. */
static ebb_function *dense_hessian(ebb_function *f, const ebb_wrt *wrt) {
    ebb_function *dense = ebb_hessian(f, wrt);
    ebb_set_road(dense, "forward over reverse", 0);
    return dense;
}

/* A dense derivative that is free to choose its road is the same. */
static void expect_any_road(ebb_function *free_to, int n, const ebb_operand *in, int blocks, ebb_tensor *const *want,
                            const char *what) {
    ebb_tensor *have[4];
    ebb_call_n(free_to, n, in, blocks, have);
    for (int k = 0; k < blocks; k++)
        for (int64_t e = 0; !ebb_is_absent(want[k]) && e < ebb_size(want[k]); e++)
            cr_assert(fabs(ebb_item(have[k], e) - ebb_item(want[k], e)) <= 1e-12 * (1 + fabs(ebb_item(want[k], e))),
                      "%s, any road: element %d is %.17g, not %.17g", what, (int)e, ebb_item(have[k], e),
                      ebb_item(want[k], e));
}

static void expect_hessian(const struct hessian_case *c) {
    ebb_function *f = function(c->body, 1, NULL);
    ebb_tensor *x[2] = {points(1, c->size[0]), c->size[1] ? points(2, c->size[1]) : NULL}, *entries, *block[4], *all[4];
    int n = c->size[1] ? 2 : 1;
    ebb_operand in[2] = {EBB_OPERAND(x[0]), EBB_OPERAND(x[n - 1])};
    const ebb_wrt *wrt = n == 2 ? EBB_WRT(0, 1) : NULL;
    ebb_function *h = ebb_sparse_hessian(f, wrt);
    const ebb_sparsity *s = ebb_sparsity_of_n(h, n, in);
    cr_assert_not_null(s, "%s: %s", c->name, ebb_error(ebb));
    ebb_call_n(h, n, in, 1, &entries);
    ebb_call_n(dense_hessian(f, wrt), n, in, n * n, block);
    expect_any_road(ebb_hessian(f, wrt), n, in, n * n, block, c->name);
    expect_ok(ebb, "%s", c->name);
    cr_assert_eq(ebb_size(entries), s->entries);
    cr_expect(!c->colours || s->forward <= c->colours, "%s: %d colours", c->name, s->forward);
    cr_expect(!c->entries || s->entries == c->entries, "%s: %d entries", c->name, (int)s->entries);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < n; k++)
            expect_block(s, entries, block[i * n + k], i * c->size[0], k * c->size[0], c->size[i], c->name);
    ebb_call_n(ebb_value_and_sparse_hessian(f, wrt), n, in, n + 2, all);
    ebb_call_n(ebb_grad(f, wrt), n, in, n, block);
    for (int i = 0; i < n; i++)
        for (int64_t k = 0; k < c->size[i]; k++)
            cr_expect_eq(ebb_item(all[i + 1], k), ebb_item(block[i], k), "%s: the gradient", c->name);
    for (int64_t k = 0; k < s->entries; k++)
        cr_expect_eq(ebb_item(all[n + 1], k), ebb_item(entries, k), "%s: entry %d", c->name, (int)k);
    cases++;
}

static void hessians_of_matrices(void) {
    ebb_tensor *x = ebb_reshape(points(3, 49), EBB_SHAPE(7, 7));
    ebb_function *f = function(membrane, 1, NULL), *h = ebb_sparse_hessian(f, NULL);
    const ebb_sparsity *s = ebb_sparsity_of(h, x);
    expect_block(s, ebb_call(h, x), ebb_call(dense_hessian(f, NULL), x), 0, 0, 49, "membrane");
    cr_expect_eq(s->entries, 49 + 4 * 42);
    cr_expect_leq(s->forward, 6);
    ebb_tensor *w = points(4, 3), *m = ebb_reshape(points(5, 15), EBB_SHAPE(5, 3));
    f = function(logistic, 1, NULL), h = ebb_sparse_hessian(f, NULL);
    s = ebb_sparsity_of(h, w, m);
    expect_block(s, ebb_call(h, w, m), ebb_call(ebb_hessian(f, NULL), w, m), 0, 0, 3, "logistic");
}

/* The pattern follows a captured index: 100 springs in a ring of 100 points. */
static void captured_indices(void) {
    int32_t end[200];
    for (int i = 0; i < 100; i++)
        end[2 * i] = i * 37 % 100, end[2 * i + 1] = (i * 37 + 37) % 100;
    ebb_function *f = function(springs, 1, ebb_constant(ebb, EBB_I32, EBB_SHAPE(100, 2), end)), *h;
    ebb_tensor *x = points(6, 100);
    h = ebb_sparse_hessian(f, NULL);
    const ebb_sparsity *s = ebb_sparsity_of(h, x);
    cr_expect(s->entries == 300 && s->forward <= 4, "%d entries, %d colours", (int)s->entries, s->forward);
    expect_block(s, ebb_call(h, x), ebb_call(dense_hessian(f, NULL), x), 0, 0, 100, "springs");
}

static void expect_jacobian(const char *name, ebb_body *body, int results, int64_t n, int most) {
    ebb_function *f = function(body, results, NULL);
    ebb_tensor *x = points(7, n), *block[4];
    const ebb_operand in[] = {EBB_OPERAND(x)};
    ebb_call_n(ebb_jacobian_of(f, NULL, EBB_FORWARD), 1, in, results, block);
    expect_any_road(ebb_jacobian_of(f, NULL, EBB_CHEAPER), 1, in, results, block, name);
    for (int road = 0; road < 3; road++) {
        ebb_function *j = ebb_sparse_jacobian(f, NULL, (ebb_road)road);
        const ebb_sparsity *s = ebb_sparsity_of(j, x);
        cr_assert_not_null(s, "%s: %s", name, ebb_error(ebb));
        ebb_tensor *entries = ebb_call(j, x);
        cr_expect(road || s->forward + 2 * s->reverse <= most, "%s: %d and %d products", name, s->forward, s->reverse);
        int64_t row = 0;
        for (int k = 0; k < results; k++) {
            if (ebb_is_absent(block[k])) continue;
            expect_block(s, entries, block[k], row, 0, ebb_size(block[k]) / n, name);
            row += ebb_size(block[k]) / n;
        }
        cr_expect_eq(row, s->rows);
        cases++;
    }
}

/* sum of the squares of the entries of the Hessian of Rosenbrock, differentiated again, against the dense road; and the
 * sparse Hessian of several points at once. */
static void nested(void) {
    ebb_function *f = function(rosenbrock, 1, NULL), *h = ebb_sparse_hessian(f, NULL), *dense = ebb_hessian(f, NULL);
    ebb_tensor *x = points(8, 6), *many = ebb_reshape(points(9, 24), EBB_SHAPE(4, 6));
    ebb_tensor *a = ebb_call(ebb_grad(function(energy, 1, h), NULL), x);
    ebb_tensor *b = ebb_call(ebb_grad(function(energy, 1, dense), NULL), x);
    for (int64_t k = 0; k < 6; k++)
        cr_expect(fabs(ebb_item(a, k) - ebb_item(b, k)) <= 1e-12 * fabs(ebb_item(b, k)), "gradient of entries: %g, %g",
                  ebb_item(a, k), ebb_item(b, k));
    ebb_tensor *all = ebb_call(ebb_vmap(h, NULL), many);
    for (int64_t i = 0; i < 4; i++) {
        ebb_tensor *row = ebb_slice(many, ((int64_t[]){i, 0}), ((int64_t[]){i + 1, 6}), NULL);
        ebb_tensor *one = ebb_call(h, ebb_reshape(row, EBB_SHAPE(6)));
        for (int64_t k = 0; k < ebb_size(one); k++)
            cr_expect_eq(ebb_item(all, i * ebb_size(one) + k), ebb_item(one, k), "example %d", (int)i);
    }
    ebb_function *sums = ebb_sparse_jacobian(ebb_grad(f, NULL), NULL, EBB_FORWARD);
    a = ebb_call(sums, x), b = ebb_call(h, x);
    for (int64_t k = 0; k < ebb_size(b); k++)
        cr_expect_eq(ebb_item(a, k), ebb_item(b, k), "the Jacobian of the gradient");
}

/* A dense derivative takes the road of its pattern where that is cheaper, and says so. */
static void dense_roads(void) {
    ebb_tensor *x = points(1, 100);
    ebb_explanation e = ebb_explain(ebb_hessian(function(rosenbrock, 1, NULL), NULL), x);
    cr_expect_str_eq(e.road[e.chosen].road, "by pattern", "%s", e.why);
    cr_expect_eq(e.road[e.chosen].directions, 3);
    e = ebb_explain(ebb_hessian(function(coupled, 1, NULL), NULL), x);
    cr_expect_str_eq(e.road[e.chosen].road, "forward over reverse", "%s", e.why);
    e = ebb_explain(ebb_jacobian_of(function(several, 3, NULL), NULL, EBB_CHEAPER), x);
    cr_expect_str_eq(e.road[e.chosen].road, "by pattern", "%s", e.why);
    e = ebb_explain(ebb_jacobian_of(function(wide, 1, NULL), NULL, EBB_CHEAPER), points(1, 60));
    cr_expect_eq(e.roads, 3, "%s", e.why);
    ebb_tensor *block =
        ebb_call(ebb_grad(function(energy, 1, ebb_hessian(function(rosenbrock, 1, NULL), NULL)), NULL), x);
    ebb_tensor *want =
        ebb_call(ebb_grad(function(energy, 1, dense_hessian(function(rosenbrock, 1, NULL), NULL)), NULL), x);
    for (int64_t k = 0; k < 100; k++)
        cr_expect(fabs(ebb_item(block, k) - ebb_item(want, k)) <= 1e-12 * (1 + fabs(ebb_item(want, k))),
                  "gradient of a Hessian by its pattern, element %d", (int)k);
}

static void refusals(void) {
    ebb_tensor *x = points(1, 3), *single = ebb_cast(x, EBB_F32);
    ebb_sparsity_of(ebb_grad(function(linear, 1, NULL), NULL), x);
    expect_error(ebb, EBB_TYPE_ERROR, "no sparse derivative", "a pattern of a gradient");
    ebb_call(ebb_sparse_hessian(function(several, 3, NULL), NULL), x);
    expect_error(ebb, EBB_VALUE_ERROR, "a gradient needs a scalar", "a Hessian of a vector");
    ebb_call(ebb_sparse_hessian(function(linear, 1, NULL), EBB_WRT(1)), x);
    expect_error(ebb, EBB_INDEX_ERROR, "no parameter 1", "a parameter that is not there");
    ebb_call(ebb_sparse_jacobian(function(high, 1, NULL), EBB_WRT(0), EBB_CHEAPER), single);
    expect_error(ebb, EBB_TYPE_ERROR, "do not mix", "an error of the function itself");
    ebb_call(ebb_sparse_hessian(function(two_dtypes, 1, NULL), EBB_WRT(0, 1)), single, x);
    expect_error(ebb, EBB_TYPE_ERROR, "has f32 and f64; entries are of one dtype", "two dtypes");
    ebb_call(ebb_sparse_jacobian(function(where_largest, 1, NULL), NULL, EBB_CHEAPER), x);
    expect_error(ebb, EBB_TYPE_ERROR, "no result of f is real", "a Jacobian of integers");
    ebb_call(ebb_sparse_hessian(function(coupled, 1, NULL), NULL), points(1, 20000));
    expect_error(ebb, EBB_VALUE_ERROR, "4e+08 entries", "a pattern that is too large");
    cr_expect(!ebb_sparse_hessian(NULL, NULL) && !ebb_sparsity_of(NULL, x));
    ebb_clear_error(ebb);
}

Test(sparse, functions) {
    static const ebb_mode modes[] = {EBB_EAGER, EBB_COMPILED, EBB_NATIVE};
    cases = 0;
    for (int m = 0; m < COUNT(modes); m++) {
        ebb = ebb_open(&(ebb_options){.mode = modes[m]});
        for (int i = 0; i < COUNT(hessians); i++)
            expect_hessian(&hessians[i]);
        hessians_of_matrices();
        captured_indices();
        expect_jacobian("several", several, 3, 30, 4);
        expect_jacobian("wide", wide, 1, 60, 2);
        expect_jacobian("high", high, 1, 2, 2);
        nested();
        dense_roads();
        refusals();
        expect_ok(ebb, "mode %d", (int)modes[m]);
        ebb_close(ebb);
    }
    printf("cases: %d sparse derivatives\n", cases);
}

/* ---- the workload: n = 10, 1000, 100000 against the formula, and the sums that other systems agree on ---- */

static void expect_rosenbrock(int64_t n, double sum, double norm) {
    double *x = malloc((size_t)n * sizeof *x), total = 0, squares = 0;
    fill_uniform(1, -1, 1, n, x);
    ebb_tensor *point = ebb_constant(ebb, EBB_F64, EBB_SHAPE(n), x);
    ebb_function *h = ebb_sparse_hessian(function(rosenbrock, 1, NULL), NULL);
    const ebb_sparsity *s = ebb_sparsity_of(h, point);
    ebb_tensor *entries = ebb_call(h, point);
    cr_assert(s && ebb_ok(ebb), "%s", ebb_error(ebb));
    cr_expect(s->forward == 3 && s->entries == 3 * n - 2, "n = %d: %d colours", (int)n, s->forward);
    const double *value = ebb_data(entries);
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = s->start[i]; k < s->start[i + 1]; k++) {
            int64_t j = s->column[k], least = i < j ? i : j;
            double want = i != j ? -400 * x[least]
                                 : (i < n - 1 ? 1200 * x[i] * x[i] - 400 * x[i + 1] + 2 : 0) + (i > 0 ? 200 : 0);
            cr_assert(fabs(value[k] - want) <= 1e-12 * 1602, "n = %d, (%d, %d): %.17g, not %.17g", (int)n, (int)i,
                      (int)j, value[k], want);
            total += value[k], squares += value[k] * value[k];
        }
    cr_expect(!sum || fabs(total - sum) <= 1e-10 * fabs(sum), "n = %d: sum %.12g", (int)n, total);
    cr_expect(!norm || fabs(sqrt(squares) - norm) <= 1e-10 * norm, "n = %d: norm %.12g", (int)n, sqrt(squares));
    ebb_function_free(h);
    free(x);
}

Test(sparse, rosenbrock) {
    ebb = ebb_open(&(ebb_options){.mode = EBB_NATIVE});
    expect_rosenbrock(10, 1590.61838308, 1886.46910207);
    expect_rosenbrock(1000, 641273.830356, 25725.3545038);
    expect_rosenbrock(100000, 0, 0);
    expect_ok(ebb, "Rosenbrock");
    ebb_close(ebb);
}
