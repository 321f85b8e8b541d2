/* test_hard_rows.c - reductions and compositions of them at the points where other libraries went wrong; the numbers
 * H005 ... are those of tests/hard-cases.md.
 *
 * A formula turns each row of x [rows,n] into a number. It is run in a body with tapes, eagerly and as native code, in
 * f32 and f64, on one row and on 37 of which a few are the hard one among ordinary neighbours, each laid out by rows
 * and by columns. Asked are the value, the gradient by reverse and by forward, and the Hessian by both ways to nest
 * them. Start reading at `rows`. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "frontend/ebb.h"
#include "tests/support/tolerance.h"

#define ANY 987654321.0 /* not asked */
#define INF INFINITY
#define LN_2 0.693147180559945309417

/* ---- formulas ---- */

typedef ebb_tensor *formula(ebb_tensor *x);

#define EACH_ROW EBB_AXES(1), false
#define FORMULA(name, expression)                                                                                      \
    static ebb_tensor *name(ebb_tensor *x) { return expression; }

/* The elements from ... to - 1 of each row. */
static ebb_tensor *part(ebb_tensor *x, int64_t from, int64_t to) {
    return ebb_slice(x, ((int64_t[]){0, from}), ((int64_t[]){INT64_MAX, to}), NULL);
}
static ebb_tensor *element(ebb_tensor *x, int64_t k) { return ebb_sum_over(part(x, k, k + 1), EACH_ROW); }
static ebb_tensor *kept_norm(ebb_tensor *x) { return ebb_norm_over(x, EBB_AXES(1), true); }

FORMULA(norm, ebb_norm_over(x, EACH_ROW))
FORMULA(norm_squared, ebb_square(norm(x)))
FORMULA(root_of_squares, ebb_sqrt(ebb_sum_over(ebb_square(x), EACH_ROW)))
FORMULA(largest, ebb_max_over(x, EACH_ROW))
FORMULA(smallest, ebb_min_over(x, EACH_ROW))
FORMULA(entropy, ebb_neg(ebb_sum_over(ebb_xlogy(x, x), EACH_ROW)))
FORMULA(logsumexp, ebb_logsumexp_over(x, EACH_ROW))
FORMULA(second_log_softmax, element(ebb_log_softmax(x, 1), 1))
FORMULA(first_softmax, element(ebb_softmax(x, 1), 0))
FORMULA(first_normalised, element(ebb_divide_no_nan(x, kept_norm(x)), 0))
FORMULA(first_normalised_kept_away, element(ebb_div(x, ebb_max(kept_norm(x), 1e-3)), 0))
FORMULA(variance, ebb_variance_over(x, EACH_ROW))
FORMULA(deviation, ebb_deviation_over(x, EACH_ROW))
FORMULA(mean, ebb_mean_over(x, EACH_ROW))
FORMULA(sum, ebb_sum_over(x, EACH_ROW))
FORMULA(product, ebb_prod_over(x, EACH_ROW))
FORMULA(running_products, ebb_sum_over(ebb_cumprod(x, 1), EACH_ROW))

/* The cosine of the angle between the first half of the row and the second. */
static ebb_tensor *cosine(ebb_tensor *x) {
    int64_t half = ebb_dim(x, 1) / 2;
    ebb_tensor *u = part(x, 0, half), *v = part(x, half, 2 * half);
    return ebb_divide_no_nan(ebb_sum_over(ebb_mul(u, v), EACH_ROW), ebb_mul(norm(u), norm(v)));
}

enum { LONGEST = 4 };

typedef struct row {
    const char *name;
    formula *f;
    ebb_dtype only; /* EBB_NONE: both */
    int n;
    double x[LONGEST], y, g[LONGEST], h[LONGEST * LONGEST]; /* h[0] ANY: the Hessian is not asked */
} row;

#define LIST(...) {__VA_ARGS__}
#define ROW(name, f, n, x, y, g, h) {name, f, EBB_NONE, n, LIST x, y, LIST g, LIST h}
#define ROW_OF(dtype, name, f, n, x, y, g, h) {name, f, dtype, n, LIST x, y, LIST g, LIST h}

static const row rows[] = {
    ROW("H005 norm of 0", norm, 2, (0, 0), 0, (0, 0), (0)),
    ROW("H005 norm", norm, 2, (3, -4), 5, (0.6, -0.8), (0.128, 0.096, 0.096, 0.072)),
    ROW_OF(EBB_F64, "H006 norm, large", norm, 2, (3e200, 4e200), 5e200, (0.6, 0.8), (ANY)),
    ROW_OF(EBB_F32, "H006 norm, large", norm, 2, (3e30, 4e30), 5e30, (0.6, 0.8), (ANY)),
    ROW_OF(EBB_F64, "H007 norm, small", norm, 2, (3e-200, 4e-200), 5e-200, (0.6, 0.8), (ANY)),
    ROW_OF(EBB_F32, "H007 norm, small", norm, 2, (3e-30, 4e-30), 5e-30, (0.6, 0.8), (ANY)),
    ROW("H008 root of a sum of squares of 0", root_of_squares, 2, (0, 0), 0, (NAN, NAN), (ANY)),
    ROW("H010 square of the norm of 0", norm_squared, 2, (0, 0), 0, (0, 0), (0)),
    ROW("H014 largest of two", largest, 3, (5, 1, 5), 5, (0.5, 0, 0.5), (0)),
    ROW("H014 largest of equals", largest, 3, (2, 2, 2), 2, (1 / 3., 1 / 3., 1 / 3.), (0)),
    ROW("H014 smallest of two", smallest, 3, (1, 5, 1), 1, (0.5, 0, 0.5), (0)),
    ROW("H015 largest with NaN", largest, 3, (1, NAN, 2), NAN, (ANY, ANY, ANY), (ANY)),
    ROW("H027 entropy of (0,1/2,1/2)", entropy, 3, (0, 0.5, 0.5), LN_2, (0, LN_2 - 1, LN_2 - 1),
        (0, 0, 0, 0, -2, 0, 0, 0, -2)),
    ROW("H027 entropy of (0,1)", entropy, 2, (0, 1), -0.0, (0, -1), (0, 0, 0, -1)),
    ROW("H041 logsumexp(1000,1000)", logsumexp, 2, (1000, 1000), 1000 + LN_2, (0.5, 0.5), (0.25, -0.25, -0.25, 0.25)),
    ROW("H042 logsumexp(-inf,-inf)", logsumexp, 2, (-INF, -INF), -INF, (0, 0), (0)),
    ROW("H042 logsumexp(-inf,3)", logsumexp, 2, (-INF, 3), 3, (0, 1), (0)),
    ROW("H043 logsumexp(inf,0)", logsumexp, 2, (INF, 0), INF, (1, 0), (0)),
    ROW("H047 log_softmax(1e4,0)", second_log_softmax, 2, (1e4, 0), -1e4, (-1, 1), (0)),
    ROW("H048 softmax(-inf,-inf)", first_softmax, 2, (-INF, -INF), NAN, (ANY, ANY), (ANY)),
    ROW("H048 softmax(-inf,0)", first_softmax, 2, (-INF, 0), 0, (0, 0), (0)),
    ROW("H051 cosine of 0", cosine, 4, (0, 0, 1, 2), 0, (0, 0, 0, 0), (0)),
    ROW("H051 cosine", cosine, 4, (1, 0, 0, 2), 0, (0, 1, 0.5, 0), (ANY)),
    ROW("H051 0 normalised", first_normalised, 2, (0, 0), 0, (0, 0), (0)),
    ROW("H051 (3,4) normalised", first_normalised, 2, (3, 4), 0.6, (0.128, -0.096), (ANY)),
    ROW("H051 0 normalised, kept away from 0", first_normalised_kept_away, 2, (0, 0), 0, (1000, 0), (0)),
    ROW("H052 variance of equals", variance, 3, (0.1f, 0.1f, 0.1f), 0, (0, 0, 0), (ANY)),
    ROW("H052 variance", variance, 2, (1, 3), 1, (-1, 1), (0.5, -0.5, -0.5, 0.5)),
    ROW("H052 variance of one", variance, 1, (7), 0, (0), (0)),
    ROW("H052 deviation of equals", deviation, 3, (0.1f, 0.1f, 0.1f), 0, (0, 0, 0), (0)),
    ROW("H052 deviation of one", deviation, 1, (7), 0, (0), (0)),
    ROW_OF(EBB_F32, "H053 mean, large", mean, 3, (3e38, 3e38, 3e38), 3e38, (1 / 3., 1 / 3., 1 / 3.), (0)),
    ROW_OF(EBB_F64, "H053 mean, large", mean, 3, (1e308, 1e308, 1e308), 1e308, (1 / 3., 1 / 3., 1 / 3.), (0)),
    ROW("H058 product with a zero", product, 3, (2, 0, 3), 0, (0, 6, 0), (0, 3, 0, 3, 0, 2, 0, 2, 0)),
    ROW("H058 product with two zeros", product, 3, (0, 0, 3), 0, (0, 0, 0), (0, 3, 0, 3, 0, 0, 0, 0, 0)),
    ROW("H058 running products with a zero", running_products, 3, (2, 0, 3), 2, (1, 8, 0), (0, 4, 0, 4, 0, 2, 0, 2, 0)),
    ROW("H066 sum of -0", sum, 2, (-0.0, -0.0), -0.0, (1, 1), (0)),
};
enum { ROWS = sizeof rows / sizeof *rows };

/* ---- one formula, by every road ---- */

/* The value, the gradient by reverse; then for each direction j the tangent, and column j of the Hessian twice. */
enum { VALUE, GRADIENT, TANGENT, FORWARD_REVERSE = TANGENT + LONGEST, REVERSE_FORWARD = FORWARD_REVERSE + LONGEST };
enum { RESULTS = REVERSE_FORWARD + LONGEST };

static ebb_tensor *reverse(ebb_tape *tape, ebb_tensor *y, ebb_tensor *x) {
    ebb_tensor *d;
    ebb_gradients(tape, 1, &y, 1, &x, &d, &(ebb_gradient_options){.zeros = true});
    return d;
}

static ebb_tape *watching(ebb_context *ebb, ebb_tensor *x) {
    ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_MANUAL);
    ebb_watch(tape, x);
    return tape;
}

static ebb_tensor *direction(ebb_context *ebb, ebb_tensor *x, int j) {
    double unit[LONGEST] = {0};
    unit[j] = 1;
    ebb_tensor *one_row = ebb_cast(ebb_constant(ebb, EBB_F64, EBB_SHAPE(ebb_dim(x, 1)), unit), ebb_dtype_of(x));
    return ebb_broadcast_to(one_row, EBB_SHAPE(ebb_dim(x, 0), ebb_dim(x, 1)));
}

static void along(ebb_context *ebb, formula *f, ebb_tensor *x, int j, ebb_tensor **out) {
    ebb_tensor *v = direction(ebb, x, j);
    ebb_tape *outer = ebb_forward_start(ebb, 1, &x, &v), *inner = watching(ebb, x);
    ebb_tensor *y = f(x);
    out[VALUE] = y;
    out[TANGENT + j] = ebb_tangent_or_zeros(outer, y);
    out[GRADIENT] = reverse(inner, y, x);
    out[FORWARD_REVERSE + j] = ebb_tangent_or_zeros(outer, out[GRADIENT]);
    ebb_tape_stop(outer);
    outer = watching(ebb, x);
    inner = ebb_forward_start(ebb, 1, &x, &v);
    ebb_tensor *t = ebb_tangent_or_zeros(inner, f(x));
    ebb_tape_stop(inner);
    out[REVERSE_FORWARD + j] = reverse(outer, t, x);
}

typedef struct layout {
    formula *f;
    bool columns; /* x is given as [n,rows] */
} layout;

static void body(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    const layout *l = data;
    ebb_tensor *x = l->columns ? ebb_transpose(in[0], EBB_AXES(1, 0)) : ebb_mul(in[0], 1);
    for (int k = 0; k < RESULTS; k++)
        out[k] = ebb_zeros(ebb, EBB_F32, EBB_SCALAR);
    for (int j = 0; j < ebb_dim(x, 1); j++)
        along(ebb, l->f, x, j, out);
}

/* ---- running and comparing ---- */

enum { HEIGHT = 37 };
static const double ordinary[LONGEST] = {0.5, 1.25, 0.75, 2};

static bool is_hard(int64_t k) { return k == 0 || k == 7 || k == 18 || k >= 35; }

typedef struct trial {
    ebb_context *ebb;
    ebb_dtype dtype;
    ebb_mode mode;
    const row *r;
    layout layout;
    int64_t height, cases;
    ebb_tensor *out[RESULTS];
} trial;

static void run(trial *t, ebb_function *f) {
    double x[HEIGHT * LONGEST];
    const int64_t n = t->r->n, h = t->height;
    for (int64_t i = 0; i < h * n; i++)
        x[t->layout.columns ? i % n * h + i / n : i] = is_hard(i / n) ? t->r->x[i % n] : ordinary[i % n];
    ebb_tensor *x64 = ebb_constant(t->ebb, EBB_F64, EBB_SHAPE(t->layout.columns ? n : h, t->layout.columns ? h : n), x);
    ebb_operand in = EBB_OPERAND(ebb_cast(x64, t->dtype));
    ebb_call_n(f, 1, &in, RESULTS, t->out);
    cr_assert(ebb_ok(t->ebb), "%s: %s", t->r->name, ebb_error(t->ebb));
}

static void expect(trial *t, const char *what, int result, int64_t index, int64_t at, double want) {
    double got = ebb_item(t->out[result], at);
    bool value = result == VALUE;
    bool good = ulps_apart(t->dtype, got, want, value ? 0 : 1) <= 8 && !(value && zero_differs(t->dtype, got, want));
    cr_expect(good, "%s, %s %s, %d %s: %s %d is %.17g, should be %.17g", t->r->name,
              t->mode == EBB_EAGER ? "eager" : "native", t->dtype == EBB_F32 ? "f32" : "f64", (int)t->height,
              t->layout.columns ? "columns" : "rows", what, (int)index, got, want);
    t->cases++;
}

static void compare_row(trial *t, int64_t k) {
    const row *r = t->r;
    expect(t, "the value of row", VALUE, k, k, r->y);
    for (int j = 0; j < r->n; j++) {
        if (r->g[j] != ANY) expect(t, "the gradient at", GRADIENT, j, k * r->n + j, r->g[j]);
        if (r->g[j] != ANY) expect(t, "the tangent along", TANGENT + j, j, k, r->g[j]);
        for (int i = 0; i < r->n && r->h[0] != ANY; i++) {
            double want = r->h[i * r->n + j];
            expect(t, "the Hessian, forward over reverse, at", FORWARD_REVERSE + j, i * r->n + j, k * r->n + i, want);
            expect(t, "the Hessian, reverse over forward, at", REVERSE_FORWARD + j, i * r->n + j, k * r->n + i, want);
        }
    }
}

static void check(trial *t) {
    ebb_function_options o = {.results = RESULTS, .data = &t->layout};
    t->layout.f = t->r->f;
    ebb_function *f = ebb_function_new(t->ebb, body, &o);
    for (int i = 0; i < 2; i++)
        EBB_SCOPE (t->ebb) {
            t->height = i ? HEIGHT : 1;
            run(t, f);
            for (int64_t k = 0; k < t->height; k++)
                if (is_hard(k)) compare_row(t, k);
        }
    ebb_function_free(f);
}

static void check_all(ebb_dtype dtype, ebb_mode mode) {
    trial t = {.ebb = ebb_open(&(ebb_options){.mode = mode}), .dtype = dtype, .mode = mode};
    for (int i = 0; i < 2 * ROWS; i++) {
        t.r = &rows[i / 2];
        t.layout.columns = i % 2;
        if (t.r->only == EBB_NONE || t.r->only == dtype) check(&t);
    }
    ebb_close(t.ebb);
    printf("cases: %d numbers of hard rows, %s\n", (int)t.cases, mode == EBB_EAGER ? "eager" : "native");
    fflush(stdout);
}

Test(hard_rows, f32_eager) { check_all(EBB_F32, EBB_EAGER); }
Test(hard_rows, f64_eager) { check_all(EBB_F64, EBB_EAGER); }
Test(hard_rows, f32_native) { check_all(EBB_F32, EBB_NATIVE); }
Test(hard_rows, f64_native) { check_all(EBB_F64, EBB_NATIVE); }
