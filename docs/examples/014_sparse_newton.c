/* 014_sparse_newton.c - Newton's method in 100,000 variables: a noisy signal is smoothed, its jumps stay.
 *
 * The energy of a signal x, given what was measured, y, is
 *
 *     sum of (x[i] - y[i])^2 / 2  +  2 sum of sqrt(e^2 + (x[i+1] - x[i])^2)
 *
 * which is convex, so Newton's method finds the least one. Its Hessian has 10^10 entries, of which 299,998 are not
 * zero. Nothing of that is written here: the energy is an ordinary C function over tensors, and
 * ebb_value_and_sparse_hessian finds the pattern in it. A step costs one call and one tridiagonal solve. Start reading
 * at newton. */
#include <ebb.h>
#include <math.h>
#include <stdlib.h>

enum { N = 100000 };
static const double edge = 0.5; /* e: from where on a step is a jump */

static void energy(ebb_context *ebb, ebb_tensor *const *in, ebb_tensor **out, void *data) {
    (void)ebb, (void)data;
    const int64_t first[] = {0}, second[] = {1}, last[] = {N - 1}, end[] = {N};
    ebb_tensor *x = in[0], *y = in[1];
    ebb_tensor *step = ebb_sub(ebb_slice(x, second, end, NULL), ebb_slice(x, first, last, NULL));
    ebb_tensor *rough = ebb_sum(ebb_hypot(step, edge)), *far = ebb_sum(ebb_square(ebb_sub(x, y)));
    out[0] = ebb_add(ebb_mul(0.5, far), ebb_mul(2, rough));
}

/* A signal of five levels, and numbers from -1 to 1 as noise: the same on every machine. */
static void measure(double *y) {
    uint64_t state = 1;
    for (int i = 0; i < N; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        y[i] = (double)(i / (N / 5) * 7 % 5) + (double)(state >> 11) * 0x1p-52 - 1;
    }
}

/* Solves H d = -g for a tridiagonal H, whose entries lie row by row: elimination, then substitution. */
static void solve(const double *h, const double *g, double *d) {
    static double upper[N];
    const double *row = h; /* the entry on the diagonal of row i is row[i > 0] */
    for (int i = 0; i < N; i++) {
        double below = i > 0 ? row[0] : 0, pivot = row[i > 0] - (i > 0 ? below * upper[i - 1] : 0);
        upper[i] = i < N - 1 ? row[1 + (i > 0)] / pivot : 0;
        d[i] = (-g[i] - (i > 0 ? below * d[i - 1] : 0)) / pivot;
        row += 1 + (i > 0) + (i < N - 1);
    }
    for (int i = N - 2; i >= 0; i--)
        d[i] -= upper[i] * d[i + 1];
}

/* Half as far, until the energy falls as a step of this length should let it. */
static double search(ebb_context *ebb, ebb_function *f, double *x, const double *d, ebb_tensor *y, double from,
                     double slope) {
    static double next[N];
    double length = 2, value;
    do {
        length /= 2;
        for (int i = 0; i < N; i++)
            next[i] = x[i] + length * d[i];
        value = ebb_item(ebb_call(f, ebb_constant(ebb, EBB_F64, EBB_SHAPE(N), next), y), 0);
    } while (!(value <= from + 1e-4 * length * slope + 1e-12 * from) && length > 1e-6);
    for (int i = 0; i < N; i++)
        x[i] = next[i];
    return length;
}

static void newton(ebb_context *ebb, double *x, ebb_tensor *y) {
    static double d[N];
    ebb_function *f = ebb_function_new(ebb, energy, &(ebb_function_options){.name = "energy"});
    ebb_function *all = ebb_value_and_sparse_hessian(f, NULL);
    const ebb_sparsity *s = ebb_sparsity_of(all, y, y);
    if (!s) return;
    printf("%lld by %lld, %lld entries in %d products\n\n", (long long)s->rows, (long long)s->columns,
           (long long)s->entries, s->forward + s->reverse);
    printf("step      energy    gradient  length\n");
    double size = INFINITY;
    for (int step = 0; step < 30 && size > 1e-7; step++)
        EBB_SCOPE (ebb) {
            ebb_tensor *out[3];
            ebb_operand in[] = {EBB_OPERAND(ebb_constant(ebb, EBB_F64, EBB_SHAPE(N), x)), EBB_OPERAND(y)};
            ebb_call_n(all, 2, in, 3, out); /* the energy, its gradient, the entries of its Hessian */
            const double *g = ebb_data(out[1]);
            double slope = 0, length = 0;
            size = ebb_item(ebb_norm(out[1]), 0);
            solve(ebb_data(out[2]), g, d);
            for (int i = 0; i < N; i++)
                slope += g[i] * d[i];
            if (size > 1e-7) length = search(ebb, f, x, d, y, ebb_item(out[0], 0), slope);
            printf("%4d  %10.3f  %10.6f  %g\n", step, ebb_item(out[0], 0), size, length);
        }
    ebb_function_free(all);
    ebb_function_free(f);
}

int main(void) {
    static double y[N], x[N];
    ebb_context *ebb = ebb_open(NULL);
    measure(y);
    for (int i = 0; i < N; i++)
        x[i] = y[i];
    newton(ebb, x, ebb_constant(ebb, EBB_F64, EBB_SHAPE(N), y));
    puts("\nbefore and after a jump, and what was measured there:");
    for (int i = N / 5 - 2; i < N / 5 + 2; i++)
        printf("x[%d] = %6.3f  y = %6.3f\n", i, x[i], y[i]);
    if (!ebb_ok(ebb)) fprintf(stderr, "%s\n", ebb_error(ebb));
    ebb_close(ebb);
    return 0;
}
