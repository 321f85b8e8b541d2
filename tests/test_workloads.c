/* test_workloads.c - the programs that systems are compared by: values to ten digits, in both engines, and derivatives
 * to 1e-12 of the largest element against formulas written out by hand in long double.
 *
 * The numbers in the table are those that several systems and finite differences agreed on. Start reading at `rows`. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define W9_REAL long double
#include "benchmarks/support/poisson.h"
#include "benchmarks/support/w9_by_hand.h"
#include "benchmarks/support/workloads.h"
#include "tests/support/check.h"

typedef long double wide;

static ebb_context *ebb;

/* ---- derivatives by hand ----
 * g: the gradient, h: the Hessian times v; each [n]. */

static void w2_by_hand(int64_t n, const double *x, const double *v, wide *g, wide *h) {
    for (int64_t i = 0; i < n; i++)
        g[i] = h[i] = 0;
    for (int64_t i = 0; i + 1 < n; i++) {
        wide a = x[i], valley = x[i + 1] - a * a;
        g[i] += -400 * valley * a - 2 * (1 - a);
        g[i + 1] += 200 * valley;
        h[i] += (800 * a * a - 400 * valley + 2) * v[i] - 400 * a * v[i + 1];
        h[i + 1] += -400 * a * v[i] + 200 * (wide)v[i + 1];
    }
}

/* The second derivative of exp(sin x) tanh x + log(1 + x^2), and the first. */
static void w3_by_hand(int64_t n, const double *x, const double *v, wide *g, wide *h) {
    for (int64_t i = 0; i < n; i++) {
        wide a = x[i], s = sinl(a), c = cosl(a), e = expl(s), t = tanhl(a), d = 1 - t * t, q = 1 + a * a;
        g[i] = e * (c * t + d) + 2 * a / q;
        h[i] = (e * ((c * c - s) * t + 2 * c * d - 2 * t * d) + 2 / q - 4 * a * a / (q * q)) * v[i];
    }
}

static wide dot(int64_t n, const double *x, const double *y) {
    wide sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (wide)x[i] * y[i];
    return sum;
}

/* rows [W4_N, W4_D], labels [W4_N] */
static void w4_by_hand(const double *rows, const double *labels, const double *w, const double *v, wide *g, wide *h) {
    for (int k = 0; k < W4_D; k++)
        g[k] = h[k] = 0;
    for (int i = 0; i < W4_N; i++) {
        const double *row = rows + (int64_t)i * W4_D;
        wide p = 1 / (1 + expl(-dot(W4_D, row, w))), zv = dot(W4_D, row, v);
        for (int k = 0; k < W4_D; k++) {
            g[k] += (p - labels[i]) * row[k] / W4_N;
            h[k] += p * (1 - p) * zv * row[k] / W4_N;
        }
    }
}

/* ---- checks ---- */

static void expect_digits(double got, double want, const char *what, const char *of) {
    cr_expect(fabs(got - want) <= 1e-10 * fabs(want), "%s, %s: %.12g, not %.12g", what, of, got, want);
}

/* Value, or sum and 2-norm of the elements. */
static void expect_sums(const ebb_tensor *x, double sum, double norm, const char *what) {
    double s = 0, q = 0;
    for (int64_t i = 0; i < ebb_size(x); i++)
        s += ebb_item(x, i), q += ebb_item(x, i) * ebb_item(x, i);
    /* A sum whose terms cancel has the rounding of its largest ones. */
    cr_expect(fabs(s - sum) <= 1e-10 * fabs(sum) + 1e-14 * norm * sqrt((double)ebb_size(x)),
              "%s, sum: %.12g, not %.12g", what, s, sum);
    expect_digits(sqrt(q), norm, what, "norm");
}

static void expect_close(const ebb_tensor *x, const wide *want, const char *what) {
    wide most = 0, off = 0;
    for (int64_t i = 0; i < ebb_size(x); i++) {
        most = fmaxl(most, fabsl(want[i]));
        off = fmaxl(off, fabsl((wide)ebb_item(x, i) - want[i]));
    }
    cr_expect(off <= 1e-12L * most, "%s: off by %.3Lg of %.3Lg", what, off, most);
}

/* ---- W2, W3, W4: value, gradient, product with a direction, Hessian ---- */

typedef struct problem {
    ebb_function *f;
    int nin;           /* arguments, the parameter first; a direction goes behind them */
    ebb_operand in[4]; /* [nin + 1] */
    wide *g, *h;       /* by hand */
} problem;

static wide *wides(int64_t n) {
    wide *x = malloc((size_t)n * sizeof *x);
    cr_assert_not_null(x);
    return x;
}

static ebb_operand vector(double *data, int64_t n) { return ebb_operand_tensor(workload_tensor(ebb, data, 1, &n)); }

static problem w2_problem(int64_t n) {
    problem p = {w2_function(ebb), 1, {{0}}, wides(n), wides(n)};
    p.in[0] = vector(w2_point(n), n);
    p.in[1] = vector(w2_direction(n), n);
    w2_by_hand(n, ebb_data(p.in[0].tensor), ebb_data(p.in[1].tensor), p.g, p.h);
    return p;
}

static problem w3_problem(int64_t n) {
    problem p = {w3_function(ebb), 1, {{0}}, wides(n), wides(n)};
    p.in[0] = vector(w3_point(), n);
    p.in[1] = vector(w3_direction(), n);
    w3_by_hand(n, ebb_data(p.in[0].tensor), ebb_data(p.in[1].tensor), p.g, p.h);
    return p;
}

static problem w4_problem(int64_t n) {
    problem p = {w4_function(ebb), 3, {{0}}, wides(n), wides(n)};
    p.in[0] = vector(w4_weights(), n);
    p.in[1] = ebb_operand_tensor(workload_tensor(ebb, w4_rows(), 2, (int64_t[]){W4_N, W4_D}));
    p.in[2] = vector(w4_labels(), W4_N);
    p.in[3] = vector(w4_direction(), n);
    w4_by_hand(ebb_data(p.in[1].tensor), ebb_data(p.in[2].tensor), ebb_data(p.in[0].tensor), ebb_data(p.in[3].tensor),
               p.g, p.h);
    return p;
}

static const struct {
    const char *what;
    problem (*make)(int64_t n);
    int64_t n;
    double value, gradient[2], product[2], hessian[2]; /* sum and norm; 0: too large */
} rows[] = {
    {"W2, n = 10",
     w2_problem,
     10,
     291.01920088,
     {450.464819105, 626.882748969},
     {857.834207614, 569.651792355},
     {1590.61838308, 1886.46910207}},
    {"W2, n = 1000",
     w2_problem,
     1000,
     56859.9555449,
     {-92698.9958823, 10087.0006862},
     {332093.924747, 15818.8291546},
     {641273.830356, 25725.3545038}},
    {"W2, n = 100000",
     w2_problem,
     100000,
     5450830.37297,
     {-6880483.39529, 97174.0172184},
     {29989020.957, 146884.674794},
     {0}},
    {"W3", w3_problem, W3_N, 1349860.14165, {695592.798761, 1651.43898358}, {74504.4432326, 1339.79898669}, {0}},
    {"W4",
     w4_problem,
     W4_D,
     0.782866009549,
     {-0.0309029831851, 0.0570691424053},
     {0.894138027437, 0.102470323417},
     {1.80356585655, 0.181149033894}},
};

static void check_row(int i) {
    problem p = rows[i].make(rows[i].n);
    ebb_tensor *out[2], *product, *hessian;
    ebb_call_n(ebb_value_and_grad(p.f, NULL), p.nin, p.in, 2, out);
    ebb_call_n(ebb_hvp(p.f, NULL), p.nin + 1, p.in, 1, &product);
    expect_ok(ebb, "%s", rows[i].what);
    expect_digits(ebb_item(out[0], 0), rows[i].value, rows[i].what, "value");
    expect_sums(out[1], rows[i].gradient[0], rows[i].gradient[1], rows[i].what);
    expect_sums(product, rows[i].product[0], rows[i].product[1], rows[i].what);
    expect_close(out[1], p.g, rows[i].what);
    expect_close(product, p.h, rows[i].what);
    if (rows[i].hessian[1] > 0) {
        ebb_call_n(ebb_hessian(p.f, NULL), p.nin, p.in, 1, &hessian);
        expect_sums(hessian, rows[i].hessian[0], rows[i].hessian[1], rows[i].what);
        expect_close(ebb_matmul(hessian, p.in[p.nin].tensor), p.h, rows[i].what);
    }
    free(p.g), free(p.h);
}

/* ---- W1, W9, W10 ---- */

/* The Hessian forward over forward too: dual numbers of dual numbers. */
static void check_w1(void) {
    ebb_function *f = w1_function(ebb), *twice = ebb_jvp(ebb_jvp(f, EBB_WRT(0, 1)), EBB_WRT(0, 1));
    ebb_operand x = EBB_OPERAND(ebb_scalar(ebb, 0.7)), y = EBB_OPERAND(ebb_scalar(ebb, 1.3));
    const ebb_operand unit[2] = {EBB_OPERAND(ebb_scalar(ebb, 1.0)), EBB_OPERAND(ebb_scalar(ebb, 0.0))};
    const ebb_operand in[] = {x, y};
    ebb_tensor *first[3], *second[4], *along[4];
    ebb_call_n(ebb_value_and_grad(f, EBB_WRT(0, 1)), 2, in, 3, first);
    ebb_call_n(ebb_hessian(f, EBB_WRT(0, 1)), 2, in, 4, second);
    expect_digits(ebb_item(first[0], 0), 4.43743406511, "W1", "value");
    expect_digits(ebb_item(first[1], 0), 3.49957525698, "W1", "df/dx");
    expect_digits(ebb_item(first[2], 0), 2.32015532175, "W1", "df/dy");
    const wide a = 0.7, b = 1.3, e = expl(sinl(a) * b), t = tanhl(b), r = sqrtl(a * a + b * b + 1);
    const wide slope[] = {e * cosl(a) * b + 2 * a / (1 + a * a) * t + a / r,
                          e * sinl(a) + logl(1 + a * a) * (1 - t * t) + b / r};
    for (int k = 0; k < 2; k++)
        cr_expect(fabsl(ebb_item(first[1 + k], 0) - slope[k]) <= 1e-12L * slope[k], "W1, slope %d: %.17g, not %.17Lg",
                  k, ebb_item(first[1 + k], 0), slope[k]);
    const double hessian[] = {1.21948675857, 3.32861375323, 3.32861375323, 1.04473953389};
    for (int k = 0; k < 4; k++) {
        const ebb_operand moved[] = {x, y, unit[k / 2], unit[1 - k / 2], unit[k % 2], unit[1 - k % 2]};
        ebb_call_n(twice, 6, moved, 4, along);
        expect_digits(ebb_item(second[k], 0), hessian[k], "W1", "Hessian");
        cr_expect(fabs(ebb_item(second[k], 0) - ebb_item(along[3], 0)) <= 1e-12 * fabs(hessian[k]),
                  "W1, Hessian: %.17g, forward over forward %.17g", ebb_item(second[k], 0), ebb_item(along[3], 0));
    }
}

enum { ORDER = W9_MOST_ORDER };

static void check_w9_at(const ebb_tensor *value, const ebb_tensor *series, const ebb_tensor *x, int64_t i) {
    wide want[ORDER + 1], factor = 1;
    w9_by_hand(ebb_item(x, i), ORDER, want);
    cr_expect(fabsl(ebb_item(value, i) - want[0]) <= 1e-12L * fabsl(want[0]), "W9, point %d", (int)i);
    for (int k = 1; k <= ORDER; k++) { /* coefficients fall as the series converges: beside them, an element's scale */
        double got = ebb_item(series, (k - 1) * ebb_size(x) + i);
        factor = fmaxl(fabsl(want[k]), fabsl(want[k - 1]));
        cr_expect(fabsl(got - want[k]) <= 1e-12L * factor, "W9, order %d at point %d: %.17g, not %.17Lg", k, (int)i,
                  got, want[k]);
    }
}

static void check_w9(void) {
    static const double derivative[] = {0.2637040499, 0.6616136908, -1.886433883, -2.192886018,
                                        27.09439174,  -78.51071522, -565.5030648, 9007.290004,
                                        -14315.42776, -818391.6362, 8637354.559};
    ebb_function *series = ebb_jet(w9_function(ebb), NULL, ORDER);
    ebb_tensor *x = ebb_scalar(ebb, 0.3), *v = ebb_scalar(ebb, 1.0), *out[2];
    ebb_call_n(series, 2, ((ebb_operand[]){EBB_OPERAND(x), EBB_OPERAND(v)}), 2, out);
    check_w9_at(out[0], out[1], x, 0);
    double factorial = 1;
    for (int k = 0; k <= 10; factorial *= ++k) {
        double got = k ? factorial * ebb_item(out[1], k - 1) : ebb_item(out[0], 0);
        cr_expect(fabs(got - derivative[k]) <= 1e-9 * fabs(derivative[k]), "W9, derivative %d: %.12g, not %.10g", k,
                  got, derivative[k]); /* the table has ten digits */
    }
    const int64_t n = W9_N;
    x = workload_tensor(ebb, w9_points(), 1, &n);
    v = ebb_ones(ebb, EBB_F64, EBB_SHAPE(W9_N));
    ebb_call_n(series, 2, ((ebb_operand[]){EBB_OPERAND(x), EBB_OPERAND(v)}), 2, out);
    for (int64_t i = 0; i < n; i += 997)
        check_w9_at(out[0], out[1], x, i);
}

/* Within 1e-12 of the largest element. */
static void expect_near(ebb_tensor *got, const double *want, int d, const char *road, int parameter) {
    double most = 0, off = 0;
    for (int64_t i = 0; i < ebb_size(got); i++) {
        most = fmax(most, fabs(want[i]));
        off = fmax(off, fabs(ebb_item(got, i) - want[i]));
    }
    cr_expect(off <= 1e-12 * most, "W7 of %d variables by %s, parameter %d: off by %g of %g", d, road, parameter, off,
              most);
}

static void expect_table(ebb_tensor *const *out, const char *road) {
    double sum = 0, square = 0;
    for (int k = 1; k < 7; k++)
        for (int64_t i = 0; i < ebb_size(out[k]); i++) {
            double g = ebb_item(out[k], i);
            sum += g, square += g * g;
        }
    expect_digits(ebb_item(out[0], 0), 1.52629430075, road, "W7's loss");
    expect_digits(sum, 51.929962644, road, "the sum of W7's gradient");
    expect_digits(sqrt(square), 23.1302240942, road, "the norm of W7's gradient");
}

/* The loss and its gradient through second derivatives, by each road and by hand, agree to 1e-12. */
static void check_w7(int d) {
    static const int wrt[6] = {1, 2, 3, 4, 5, 6};
    ebb_operand in[7];
    const double *data[7];
    w7_arguments(ebb, d, in);
    for (int k = 0; k < 7; k++)
        data[k] = ebb_data(in[k].tensor);
    poisson hand = poisson_new(W7_N, d, data);
    poisson_gradient(&hand);
    for (int road = 0; road < W7_ROADS; road++) {
        ebb_tensor *out[7];
        ebb_function *both = ebb_value_and_grad(w7_function(ebb, (w7_road)road), &(ebb_wrt){.index = wrt, .count = 6});
        ebb_call_n(both, 7, in, 7, out);
        expect_near(out[0], &hand.loss, d, w7_road_name[road], 0);
        for (int k = 1; k < 7; k++)
            expect_near(out[k], hand.out[k], d, w7_road_name[road], k);
        if (d == 2) expect_table(out, w7_road_name[road]);
    }
    poisson_free(&hand);
}

static void check_w10(void) {
    static const struct {
        int steps;
        double value, gradient;
    } chains[] = {{100, 0.459897022233, 1.8253438704}, {1000, 0.459897022234, 1.8253438704}};
    for (int i = 0; i < COUNT(chains); i++) {
        ebb_tensor *out[2];
        const ebb_operand x = EBB_OPERAND(ebb_scalar(ebb, 0.3));
        ebb_call_n(ebb_value_and_grad(w10_function(ebb, &chains[i].steps), NULL), 1, &x, 2, out);
        expect_digits(ebb_item(out[0], 0), chains[i].value, "W10", "value");
        expect_digits(ebb_item(out[1], 0), chains[i].gradient, "W10", "gradient");
        wide y = 0.3L, d = 1;
        for (int k = 0; k < chains[i].steps; k++) {
            d = cosl(y) * d / 2 + y + 0.3L * d;
            y = sinl(y) / 2 + 0.3L * y + 0.1L;
        }
        cr_expect(fabsl(ebb_item(out[1], 0) - d) <= 1e-12L * d, "W10, gradient: %.17g, not %.17Lg", ebb_item(out[1], 0),
                  d);
    }
}

/* ---- both engines ---- */

static void run_all(ebb_mode mode) {
    ebb = ebb_open(&(ebb_options){.mode = mode});
    for (int i = 0; i < COUNT(rows); i++)
        EBB_SCOPE (ebb)
            check_row(i);
    EBB_SCOPE (ebb) {
        check_w1();
        check_w7(2);
        check_w7(5);
        check_w9();
        check_w10();
    }
    expect_ok(ebb, "mode %d", (int)mode);
    ebb_close(ebb);
}

Test(workloads, compiled) { run_all(EBB_NATIVE); }

Test(workloads, evaluated) {
    setenv("EBB_JIT", "off", 1);
    run_all(EBB_COMPILED);
    printf("cases: %d programs in each engine\n", COUNT(rows) + 5);
}
